//! Softmax regression.

use nalgebra::{DMatrix, DMatrixView};
use rayon::prelude::*;

use crate::metrics::{
    Points,
    lbfgs::{dot, minimum},
};

/// Examples of a partial sum.
const BLOCK: usize = 1024;
/// The least deviation that a coordinate is divided by, as a share of the largest one: what hardly varies stays small.
const LEAST: f64 = 0.01;

/// A linear classifier of standardised points.
pub struct SoftmaxRegression {
    mean: Vec<f64>,
    deviation: Vec<f64>,
    /// `[K, D]`.
    weights: DMatrix<f64>,
    /// `[K]`.
    bias: Vec<f64>,
}

impl SoftmaxRegression {
    /// The weights W of `count` classes that minimise the mean cross-entropy plus |W|^2 / 2N on N points:
    /// scikit-learn's `LogisticRegression` with C = 1. Constants are not penalised.
    ///
    /// # Panics
    /// If points and classes differ in number, or there are none.
    pub fn fit(points: Points, classes: &[usize], count: usize) -> Self {
        assert!(points.count() == classes.len() && !classes.is_empty(), "a class for each of the points");
        let (n, width) = (points.count() as f64, points.width());
        let mut mean = vec![0.0; width];
        points.rows().for_each(|row| mean.iter_mut().zip(row).for_each(|(m, v)| *m += v / n));
        let mut deviation = vec![0.0; width];
        for row in points.rows() {
            deviation.iter_mut().zip(row).zip(&mean).for_each(|((d, v), m)| *d += (v - m).powi(2) / n);
        }
        let largest = deviation.iter().copied().fold(0.0, f64::max).sqrt();
        let floor = if largest > 0.0 { LEAST * largest } else { 1.0 };
        deviation.iter_mut().for_each(|d| *d = d.sqrt().max(floor));
        let mut fitted = Self { mean, deviation, weights: DMatrix::zeros(count, width), bias: vec![0.0; count] };
        let scaled = fitted.scaled(points);
        let objective = |flat: &[f64]| loss(flat, &scaled, classes, count);
        let found = minimum(vec![0.0; count * (width + 1)], objective);
        let (weights, bias) = found.split_at(count * width);
        fitted.weights.copy_from_slice(weights);
        fitted.bias.copy_from_slice(bias);
        fitted
    }

    /// The likeliest class of each point.
    pub fn predict(&self, points: Points) -> Vec<usize> {
        let logits = &self.weights * self.scaled(points);
        let likeliest = |column: &[f64]| {
            (0..self.bias.len()).max_by(|&a, &b| (column[a] + self.bias[a]).total_cmp(&(column[b] + self.bias[b])))
        };
        logits.as_slice().chunks(self.bias.len()).map(|column| likeliest(column).unwrap_or(0)).collect()
    }

    /// Points with mean 0 and deviation 1 of the points learned from, `[D, N]`.
    fn scaled(&self, points: Points) -> DMatrix<f64> {
        let standard = |row: &[f64]| {
            let scales = self.mean.iter().zip(&self.deviation);
            row.iter().zip(scales).map(|(v, (mean, deviation))| (v - mean) / deviation).collect::<Vec<f64>>()
        };
        DMatrix::from_vec(points.width(), points.count(), points.rows().flat_map(standard).collect())
    }
}

/// The penalised mean loss of weights `[K, D]`, which lie before the constants `[K]`, and its derivatives.
fn loss(flat: &[f64], points: &DMatrix<f64>, classes: &[usize], count: usize) -> (f64, Vec<f64>) {
    let (width, n) = (points.nrows(), classes.len() as f64);
    let (flat_weights, bias) = flat.split_at(count * width);
    let weights = DMatrixView::from_slice(flat_weights, count, width);
    let block = |number: usize| {
        let first = number * BLOCK;
        let points = points.columns(first, BLOCK.min(classes.len() - first));
        let mut shares = weights * points;
        let mut loss = 0.0;
        for (mut column, &class) in shares.column_iter_mut().zip(&classes[first..]) {
            column.iter_mut().zip(bias).for_each(|(logit, b)| *logit += b);
            let (peak, right) = (column.max(), column[class]);
            column.apply(|logit| *logit = (*logit - peak).exp());
            let sum = column.sum();
            loss += sum.ln() + peak - right;
            column /= sum;
            column[class] -= 1.0;
        }
        // The small one of the two is turned.
        ((points * shares.transpose()), shares.column_sum(), loss)
    };
    let blocks: Vec<_> = (0..classes.len().div_ceil(BLOCK)).into_par_iter().map(block).collect();
    let mut total = 0.5 * dot(flat_weights, flat_weights);
    let mut slopes = [flat_weights, &vec![0.0; count]].concat();
    for (part, constants, loss) in blocks {
        total += loss;
        let (of_weights, of_constants) = slopes.split_at_mut(count * width);
        of_weights.iter_mut().zip(part.transpose().iter()).for_each(|(slope, more)| *slope += more);
        of_constants.iter_mut().zip(constants.iter()).for_each(|(slope, more)| *slope += more);
    }
    slopes.iter_mut().for_each(|slope| *slope /= n);
    (total / n, slopes)
}
