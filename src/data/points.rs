//! Mixtures of Gaussians in the plane, and counting which of their modes a generator found.
//!
//! The sets and the counting are those of PacGAN (Lin et al., 2018), section 4.1.

use std::f32::consts::TAU;

use rayon::prelude::*;

use super::random::Root;
use super::{About, Dataset, Items, Labels, Options, Split};
use crate::error::{Error, Result};

const TRAIN_POINTS: usize = 100_000;
const TEST_POINTS: usize = 10_000;

/// Equally likely round Gaussians in the plane.
#[derive(Clone, Debug, PartialEq)]
pub struct Modes {
    /// The centre of each Gaussian, `[x, y]`.
    pub centres: Vec<[f32; 2]>,
    /// The standard deviation of every Gaussian, along either axis.
    pub std: f32,
}

/// How well points cover the modes of a mixture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ModeScore {
    /// Modes with at least one high-quality point.
    pub modes: usize,
    /// Share of the points, 0 to 1, that lie within 3 standard deviations of a mode (high-quality points). A perfect
    /// sampler reaches 0.989.
    pub high_quality_share: f64,
    /// KL divergence in nats from the high-quality points' histogram over modes to the uniform one; NaN without
    /// high-quality points.
    pub reverse_kl: f64,
}

/// The mixture that the built-in set `name` is drawn from; `None` for other sets.
pub fn modes(name: &str) -> Option<Modes> {
    match name {
        "ring" => {
            let centre = |k: usize| TAU * k as f32 / 8.0;
            Some(Modes { centres: (0..8).map(|k| [centre(k).cos(), centre(k).sin()]).collect(), std: 0.01 })
        }
        "grid" => {
            let step = |k: usize| 2.0 * k as f32 - 4.0;
            Some(Modes { centres: (0..25).map(|k| [step(k / 5), step(k % 5)]).collect(), std: 0.05 })
        }
        _ => None,
    }
}

/// Scores `points`, `[N, 2]` flat, against `target`.
pub fn count_modes(points: &[f32], target: &Modes) -> ModeScore {
    let mut hits = vec![0usize; target.centres.len()];
    for point in points.chunks_exact(2) {
        let distance = |centre: &[f32; 2]| (point[0] - centre[0]).hypot(point[1] - centre[1]);
        let nearest = target.centres.iter().map(distance).enumerate().min_by(|a, b| a.1.total_cmp(&b.1));
        if let Some((mode, distance)) = nearest
            && distance < 3.0 * target.std
        {
            hits[mode] += 1;
        }
    }
    let good: usize = hits.iter().sum();
    let share = |count: usize, of: usize| {
        if of == 0 { 0.0 } else { count as f64 / of as f64 }
    };
    let surprise = |&count: &usize| share(count, good) * share(count, good).ln();
    let negative_entropy: f64 = hits.iter().filter(|count| **count > 0).map(surprise).sum();
    ModeScore {
        modes: hits.iter().filter(|count| **count > 0).count(),
        high_quality_share: share(good, points.len() / 2),
        reverse_kl: if good == 0 { f64::NAN } else { (hits.len() as f64).ln() + negative_entropy },
    }
}

/// Draws the points of `name`; the class of a point is its mode.
pub(super) fn open(name: &str, options: &Options) -> Result<Dataset> {
    let modes = modes(name).ok_or_else(|| Error::usage(format!("`{name}` is not a set of points")))?;
    let count = if options.split == Split::Train { TRAIN_POINTS } else { TEST_POINTS };
    let root = Root::new(name, options.seed, options.split);
    let draw = |i| {
        let mut stream = root.stream(i);
        let mode = stream.below(modes.centres.len());
        let noise = stream.normals();
        let point = [0, 1].map(|axis| modes.centres[mode][axis] + modes.std * noise[axis]);
        (point, mode as u32)
    };
    let (points, ids): (Vec<[f32; 2]>, Vec<u32>) = (0..count).into_par_iter().map(draw).unzip();
    Ok(Dataset {
        name: name.to_owned(),
        shape: vec![2],
        items: Items::Floats(points.into_flattened().into()),
        labels: Some(Labels { ids, names: (0..modes.centres.len()).map(|mode| mode.to_string()).collect() }),
        stack: 1,
        mirror: false,
        series: None,
        pieces: vec![],
        about: About::default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(name: &str, seed: u64) -> Vec<f32> {
        let options = Options { seed, ..Options::default() };
        match open(name, &options).unwrap().items {
            Items::Floats(points) => points.to_vec(),
            _ => unreachable!("points are floats"),
        }
    }

    #[test]
    fn a_perfect_sampler_reaches_the_noise_floor() {
        for (name, count, floor) in [("ring", 8, 0.0014), ("grid", 25, 0.0048)] {
            let target = modes(name).unwrap();
            let points = sample(name, 1);
            let scores: Vec<_> = points.chunks(2 * 2500).map(|sample| count_modes(sample, &target)).collect();
            let mean = |of: fn(&ModeScore) -> f64| scores.iter().map(of).sum::<f64>() / scores.len() as f64;
            assert_eq!(scores.len(), 40);
            assert!(scores.iter().all(|score| score.modes == count));
            // 40 samples: the mean share is within 4 * sqrt(0.011 / 100,000), the mean KL within 5 standard errors.
            assert!((mean(|score| score.high_quality_share) - 0.98889).abs() < 0.0014, "{name}");
            let error = 5.0 * floor * (2.0 / (count as f64 - 1.0) / 40.0).sqrt();
            assert!(
                (mean(|score| score.reverse_kl) - floor).abs() < error,
                "{name}: {}",
                mean(|score| score.reverse_kl)
            );
        }
    }

    #[test]
    fn counting_follows_the_definition() {
        let target = Modes { centres: vec![[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], std: 0.1 };
        let points = [0.0, 0.0, 0.29, 0.0, 0.31, 0.0, 1.0, 0.0, f32::NAN, 0.0];
        let score = count_modes(&points, &target);
        assert_eq!(score.modes, 2);
        assert_eq!(score.high_quality_share, 3.0 / 5.0);
        let entropy = -(2.0f64 / 3.0 * (2.0f64 / 3.0).ln() + 1.0 / 3.0 * (1.0f64 / 3.0).ln());
        assert!((score.reverse_kl - (4.0f64.ln() - entropy)).abs() < 1e-12);
    }

    #[test]
    fn no_good_point_has_no_divergence() {
        let target = modes("ring").unwrap();
        for points in [[].as_slice(), &[9.0, 9.0]] {
            let score = count_modes(points, &target);
            assert_eq!((score.modes, score.high_quality_share), (0, 0.0));
            assert!(score.reverse_kl.is_nan());
        }
    }
}
