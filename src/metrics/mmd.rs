//! Maximum mean discrepancy (Gretton et al. 2012), with the two kernels that the field reports.

use super::{Estimate, Points, choose, map_distances, map_products};

/// Points in each of KID's subsets.
pub const KID_SUBSET: usize = 1000;
/// Number of KID's subsets.
pub const KID_SUBSETS: usize = 100;
/// Points of each set that determine the bandwidth.
const BANDWIDTH_POINTS: usize = 1000;

/// Kernel Inception distance (Bińkowski et al. 2018, section 3.2) on any features: the unbiased MMD² with the kernel
/// (x·y / D + 1)³, over `subsets` pairs of random subsets of `size` points.
pub fn kid(first: Points, second: Points, subsets: usize, size: usize, seed: u64) -> Estimate {
    let size = size.min(first.count()).min(second.count());
    let width = first.width() as f64;
    let kernel = |row: &mut [f64]| row.iter_mut().for_each(|v| *v = (*v / width + 1.0).powi(3));
    let sums = |a: Points, b: Points| {
        map_products(a, b, |i, row| {
            kernel(row);
            [row.iter().sum(), row.get(i).copied().unwrap_or(0.0)]
        })
    };
    let subset = |n: usize| {
        let seed = seed.wrapping_add(2 * n as u64);
        let picked =
            [first.pick(&choose(size, first.count(), seed)), second.pick(&choose(size, second.count(), seed + 1))];
        let [x, y] = [Points::new(&picked[0], first.width()), Points::new(&picked[1], second.width())];
        unbiased([size, size], &sums(x, x), &sums(y, y), &sums(x, y))
    };
    Estimate::of(&(0..subsets).map(subset).collect::<Vec<f64>>())
}

/// The unbiased MMD² with the kernel exp(-|x - y|² / (2 s²)). s is the median distance between different points of both
/// sets together, of at most the first 1000 of each (RGAN: Esteban et al. 2017, section 4.1).
pub fn mmd_rbf(first: Points, second: Points) -> f64 {
    let bandwidth = median_square(first.first(BANDWIDTH_POINTS), second.first(BANDWIDTH_POINTS));
    // A median of 0 means that most points coincide; then any bandwidth will do.
    let scale = -0.5 / if bandwidth > 0.0 { bandwidth } else { 1.0 };
    let sums = |a: Points, b: Points| {
        map_distances(a, b, |i, row| {
            row.iter_mut().for_each(|v| *v = (*v * scale).exp());
            [row.iter().sum(), row.get(i).copied().unwrap_or(0.0)]
        })
    };
    unbiased([first.count(), second.count()], &sums(first, first), &sums(second, second), &sums(first, second))
}

/// Mean kernel over the pairs of different points within each set, minus twice the mean over the pairs across the sets
/// (Gretton et al. 2012, equation 3). A row holds a point's sum of kernels, and its kernel with the point of the same
/// index.
fn unbiased([m, n]: [usize; 2], xx: &[[f64; 2]], yy: &[[f64; 2]], xy: &[[f64; 2]]) -> f64 {
    let within =
        |rows: &[[f64; 2]], n: usize| rows.iter().map(|[sum, own]| sum - own).sum::<f64>() / (n * (n - 1)) as f64;
    let across = xy.iter().map(|[sum, _]| sum).sum::<f64>() / (m * n) as f64;
    within(xx, m) + within(yy, n) - 2.0 * across
}

/// Median squared distance over the pairs of different points of both sets together.
fn median_square(first: Points, second: Points) -> f64 {
    let all = [first.values, second.values].concat();
    let all = Points::new(&all, first.width());
    let mut squares: Vec<f64> = map_distances(all, all, |i, row| row[i + 1..].to_vec()).concat();
    let middle = squares.len() / 2;
    if squares.is_empty() { 0.0 } else { *squares.select_nth_unstable_by(middle, f64::total_cmp).1 }
}
