//! Projections of points to the plane, for pictures of real and generated samples.

use nalgebra::{DMatrix, DVector};
use rayon::prelude::*;

use super::{Points, map_distances};

/// Principal component analysis: the directions of largest variance.
pub struct Pca {
    mean: DVector<f64>,
    /// `[D, count]`.
    directions: DMatrix<f64>,
    /// The shares of the variance along the directions, 0 to 1.
    pub shares: Vec<f64>,
}

impl Pca {
    /// The first `count` principal components, or as many as there are. A direction's sign is that of its largest
    /// entry.
    ///
    /// Time grows as the cube of the number of points or of coordinates, whichever is less.
    pub fn fit(points: Points, count: usize) -> Self {
        let columns = points.columns();
        let mean = columns.column_mean();
        let mut centred = columns.into_owned();
        centred.column_iter_mut().for_each(|mut column| column -= &mean);
        // X X' and X' X have the same eigenvalues, and X takes the eigenvectors of the second to those of the first.
        let is_wide = points.width() > points.count() && points.count() >= count;
        let products = if is_wide { centred.tr_mul(&centred) } else { &centred * centred.transpose() };
        let eigen = (products / (points.count().max(2) - 1) as f64).symmetric_eigen();
        let mut order: Vec<usize> = (0..eigen.eigenvalues.len()).collect();
        order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]));
        let all: f64 = eigen.eigenvalues.iter().map(|value| value.max(0.0)).sum();
        order.truncate(count);
        let vectors = eigen.eigenvectors.select_columns(&order);
        let mut directions = if is_wide { centred * vectors } else { vectors };
        for mut direction in directions.column_iter_mut() {
            let largest = direction.iter().copied().max_by(|a, b| a.abs().total_cmp(&b.abs())).unwrap_or(1.0);
            let length = if is_wide { direction.norm().max(f64::MIN_POSITIVE) } else { 1.0 };
            direction /= length * largest.signum();
        }
        let share = |&n: &usize| if all > 0.0 { eigen.eigenvalues[n].max(0.0) / all } else { 0.0 };
        Self { mean, directions, shares: order.iter().map(share).collect() }
    }

    /// Coordinates of points along the directions, `[N, count]`.
    pub fn project(&self, points: Points) -> Vec<f64> {
        let offset = self.directions.tr_mul(&self.mean);
        let mut plane = self.directions.transpose() * points.columns();
        plane.column_iter_mut().for_each(|mut column| column -= &offset);
        plane.as_slice().to_vec()
    }
}

/// A stage of t-SNE's descent.
struct Stage {
    steps: usize,
    /// Factor of the points' probabilities p.
    exaggeration: f64,
    momentum: f64,
}

/// The usual schedule, scikit-learn's.
const STAGES: [Stage; 2] = [
    Stage { steps: 250, exaggeration: EXAGGERATION, momentum: 0.5 },
    Stage { steps: 750, exaggeration: 1.0, momentum: 0.8 },
];
const EXAGGERATION: f64 = 12.0;

/// t-SNE (van der Maaten and Hinton 2008) without approximations: `[N, 2]`, a function of the points alone.
///
/// It starts from the principal components and descends at the rate N / 48, or 50 if that is more (Belkina et al. 2019,
/// whose gradient lacks the factor 4). Every coordinate has a gain of its own, which grows by 0.2 while the velocity
/// points downhill and else shrinks by a fifth (Jacobs 1988), as in scikit-learn. Time and memory grow as N².
pub fn tsne(points: Points, perplexity: f64) -> Vec<f64> {
    let count = points.count();
    let near = joint_probabilities(points, perplexity);
    let mut places = Pca::fit(points, 2).project(points);
    let spread = (places.iter().step_by(2).map(|v| v * v).sum::<f64>() / count as f64).sqrt();
    places.iter_mut().for_each(|v| *v *= 1e-4 / spread.max(f64::MIN_POSITIVE));
    let rate = (count as f64 / (4.0 * EXAGGERATION)).max(50.0);
    for Stage { steps, exaggeration, momentum } in STAGES {
        let (mut velocity, mut gains) = (vec![0.0; 2 * count], vec![1.0f64; 2 * count]);
        for _ in 0..steps {
            let slopes = tsne_gradient(&near, &places, exaggeration);
            let moving = velocity.iter_mut().zip(&mut gains).zip(&mut places);
            for (((v, gain), place), slope) in moving.zip(slopes.as_flattened()) {
                *gain = if *v * slope < 0.0 { *gain + 0.2 } else { (0.8 * *gain).max(0.01) };
                *v = momentum * *v - rate * *gain * slope;
                *place += *v;
            }
        }
    }
    places
}

/// The objective of [`tsne`] for places `[N, 2]`, in nats: the divergence sum p ln(p / q) between the points'
/// probabilities p and the places' probabilities q.
pub fn tsne_divergence(points: Points, perplexity: f64, places: &[f64]) -> f64 {
    let count = points.count();
    let near = joint_probabilities(points, perplexity);
    let weight = |n: usize| {
        let [i, j] = [n / count, n % count];
        let [x, y] = [0, 1].map(|axis| places[2 * i + axis] - places[2 * j + axis]);
        1.0 / (1.0 + x * x + y * y)
    };
    let total: f64 = (0..count * count).map(weight).sum::<f64>() - count as f64;
    near.iter().enumerate().filter(|(_, p)| **p > 0.0).map(|(n, p)| p * (p * total / weight(n)).ln()).sum()
}

/// The gradient of t-SNE's divergence (equation 5): 4 sum_j (p_ij - q_ij) w_ij (y_i - y_j), w = 1 / (1 + |y_i - y_j|²),
/// q = w / sum(w).
fn tsne_gradient(near: &[f64], places: &[f64], exaggeration: f64) -> Vec<[f64; 2]> {
    let count = places.len() / 2;
    let offsets = |i: usize| {
        let here = [places[2 * i], places[2 * i + 1]];
        places.chunks_exact(2).map(move |there| {
            let offset = [here[0] - there[0], here[1] - there[1]];
            (offset, 1.0 / (1.0 + offset[0] * offset[0] + offset[1] * offset[1]))
        })
    };
    // A point's weight with itself is 1 and does not count.
    let sums: Vec<f64> = (0..count).into_par_iter().map(|i| offsets(i).map(|(_, w)| w).sum::<f64>() - 1.0).collect();
    let total: f64 = sums.iter().sum();
    let slope = |i: usize| {
        let pulls = offsets(i).zip(&near[i * count..]);
        pulls.fold([0.0; 2], |slope, ((offset, w), p)| {
            let force = 4.0 * (exaggeration * p - w / total) * w;
            [slope[0] + force * offset[0], slope[1] + force * offset[1]]
        })
    };
    (0..count).into_par_iter().map(slope).collect()
}

/// p_ij = (p_j|i + p_i|j) / 2N, `[N, N]`: from a Gaussian around each point, as wide as the perplexity requires.
fn joint_probabilities(points: Points, perplexity: f64) -> Vec<f64> {
    let count = points.count();
    let given: Vec<f64> = map_distances(points, points, |i, row| conditional(i, row, perplexity.ln())).concat();
    let joint = |n: usize| (given[n] + given[n % count * count + n / count]) / (2 * count) as f64;
    (0..count * count).map(joint).collect()
}

/// p_j|i from the squared distances to point i; bisection finds the precision that gives this entropy in nats.
fn conditional(i: usize, squares: &[f64], entropy: f64) -> Vec<f64> {
    let nearest = squares.iter().enumerate().filter(|(j, _)| *j != i).map(|(_, d)| *d).fold(f64::INFINITY, f64::min);
    let weights = |precision: f64| -> Vec<f64> {
        let weight = |(j, d): (usize, &f64)| if j == i { 0.0 } else { (precision * (nearest - d)).exp() };
        let weights: Vec<f64> = squares.iter().enumerate().map(weight).collect();
        let total: f64 = weights.iter().sum();
        weights.iter().map(|w| w / total).collect()
    };
    let surprise = |p: &f64| if *p > 0.0 { -p * p.ln() } else { 0.0 };
    let (mut low, mut high, mut precision) = (0.0, f64::INFINITY, 1.0);
    for _ in 0..64 {
        if weights(precision).iter().map(surprise).sum::<f64>() > entropy {
            low = precision;
        } else {
            high = precision;
        }
        precision = if high.is_finite() { 0.5 * (low + high) } else { 2.0 * precision };
    }
    weights(precision)
}
