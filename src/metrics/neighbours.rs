//! Measures from nearest neighbours: fidelity, diversity and memorisation.

use super::{Points, map_distances};

/// Fidelity and diversity of generated points.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prdc {
    /// Share of the generated points that lie in the real manifold (Kynkäänniemi et al. 2019).
    pub precision: f64,
    /// Share of the real points that lie in the generated manifold (Kynkäänniemi et al. 2019).
    pub recall: f64,
    /// Mean number of real neighbourhoods that contain a generated point, over k: about 1 for a perfect sampler, more
    /// if samples crowd where real points are densest (Naeem et al. 2020).
    pub density: f64,
    /// Share of the real points whose neighbourhood holds a generated one (Naeem et al. 2020).
    pub coverage: f64,
}

/// Precision, recall, density and coverage (Naeem et al. 2020, equations 3 to 5). A point's neighbourhood reaches to
/// its `k`-th nearest neighbour in its own set; a set's manifold is the union of its neighbourhoods.
///
/// # Panics
/// If a set has no more than `k` points.
pub fn prdc(real: Points, generated: Points, k: usize) -> Prdc {
    assert!(k < real.count().min(generated.count()), "{k} neighbours want more points");
    let (real_reach, generated_reach) = (reach(real, k), reach(generated, k));
    let inside = |row: &[f64], reach: &[f64]| row.iter().zip(reach).filter(|(d, r)| d < r).count();
    let neighbourhoods = map_distances(generated, real, |_, row| inside(row, &real_reach));
    let real_rows = map_distances(real, generated, |i, row| {
        let nearest = row.iter().copied().fold(f64::INFINITY, f64::min);
        (inside(row, &generated_reach) > 0, nearest < real_reach[i])
    });
    let of_generated = |count: usize| count as f64 / generated.count() as f64;
    let of_real = |count: usize| count as f64 / real.count() as f64;
    Prdc {
        precision: of_generated(neighbourhoods.iter().filter(|&&n| n > 0).count()),
        recall: of_real(real_rows.iter().filter(|(recalled, _)| *recalled).count()),
        density: of_generated(neighbourhoods.iter().sum()) / k as f64,
        coverage: of_real(real_rows.iter().filter(|(_, covered)| *covered).count()),
    }
}

/// Squared distance of each point to its `k`-th nearest other point; number 0 in order is the point itself.
fn reach(points: Points, k: usize) -> Vec<f64> {
    map_distances(points, points, |_, row| *row.select_nth_unstable_by(k, f64::total_cmp).1)
}

/// Distance of each point of `from` to the nearest of `to`.
pub fn nearest_distances(from: Points, to: Points) -> Vec<f64> {
    map_distances(from, to, |_, row| row.iter().copied().fold(f64::INFINITY, f64::min).sqrt())
}

/// Share of the generated points that lie nearer to a training example than all but 1 % of the held-out real ones do.
///
/// 0.01 for a sampler of the true distribution, near 1 for one that repeats its training set; the comparison of these
/// distances is the test for data copying of Meehan et al. 2020. Arguments are [`nearest_distances`] to the training
/// set.
pub fn memorised_share(generated: &[f64], held_out: &[f64]) -> f64 {
    let mut sorted = held_out.to_vec();
    sorted.sort_by(f64::total_cmp);
    let near = sorted[sorted.len() / 100];
    generated.iter().filter(|&&d| d < near).count() as f64 / generated.len() as f64
}
