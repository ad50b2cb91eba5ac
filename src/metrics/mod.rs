//! Measures of how far generated samples are from real ones: pure functions in f64, each with its source.

mod bleu;
mod embedding;
mod frechet;
mod grams;
mod inception_score;
mod lbfgs;
mod mmd;
pub mod music;
mod neighbours;
mod ngram;
pub mod probes;
mod ranking;
mod series;
mod sliced;
mod spread;
mod symmetric;
pub mod table;

pub use bleu::{BLEU_ORDER, bleu, self_bleu};
pub use embedding::{Pca, tsne, tsne_divergence};
pub use frechet::{Moments, Sums, frechet_distance};
pub use grams::{distinct, grams, mmd_grams, novelty, total_variation};
pub use inception_score::InceptionScore;
pub use mmd::{KID_SUBSET, KID_SUBSETS, kid, mmd_rbf};
pub use neighbours::{Prdc, memorised_share, nearest_distances, prdc};
pub use ngram::NGram;
pub use ranking::average_precision;
pub use series::{autocorrelation, autocorrelation_error};
pub use sliced::Sliced;
pub use spread::Spread;

use nalgebra::DMatrixView;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, SeedableRng};
use rayon::prelude::*;

/// Rows per matrix product with all other points: few enough for the caches, enough for the tiles of the product.
const BLOCK: usize = 64;

/// N points of D coordinates, row-major `[N, D]`.
#[derive(Clone, Copy, Debug)]
pub struct Points<'a> {
    values: &'a [f64],
    width: usize,
}

impl<'a> Points<'a> {
    /// Points of `width` coordinates, back to back.
    ///
    /// # Panics
    /// If `width` is 0 or does not divide the number of values.
    pub fn new(values: &'a [f64], width: usize) -> Self {
        assert!(width > 0 && values.len().is_multiple_of(width), "{} values as rows of {width}", values.len());
        Self { values, width }
    }

    /// N, the number of points.
    pub fn count(&self) -> usize {
        self.values.len() / self.width
    }

    /// D, the number of coordinates.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The points, one after the other.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &'a [f64]> {
        self.values.chunks_exact(self.width)
    }

    /// The first `count` points, or all if there are fewer.
    pub fn first(&self, count: usize) -> Self {
        Self { values: &self.values[..count.min(self.count()) * self.width], width: self.width }
    }

    /// The values of the points at these indices, to make [`Points`] of.
    pub fn pick(&self, places: &[usize]) -> Vec<f64> {
        places.iter().flat_map(|&i| &self.values[i * self.width..][..self.width]).copied().collect()
    }

    /// The matrix `[D, N]` whose columns are the points.
    fn columns(&self) -> DMatrixView<'a, f64> {
        DMatrixView::from_slice(self.values, self.width, self.count())
    }

    /// Squared length of each point.
    fn square_norms(&self) -> Vec<f64> {
        self.rows().map(|row| row.iter().map(|v| v * v).sum()).collect()
    }
}

/// Calls `each` for every point of `from`, with its index and its inner products with all points of `to`; returns the
/// results in order.
fn map_products<R: Send>(from: Points, to: Points, each: impl Fn(usize, &mut [f64]) -> R + Sync) -> Vec<R> {
    assert_eq!(from.width, to.width, "points of one space");
    let to_rows = to.columns().transpose();
    let block = |(number, values): (usize, &[f64])| {
        let mut products = &to_rows * Points::new(values, from.width).columns();
        let rows = products.as_mut_slice().chunks_mut(to.count().max(1)).enumerate();
        rows.map(|(i, row)| each(number * BLOCK + i, row)).collect::<Vec<R>>()
    };
    from.values.par_chunks(BLOCK * from.width).enumerate().flat_map_iter(block).collect()
}

/// Calls `each` for every point of `from`, with its index and its squared distances to all points of `to`; returns the
/// results in order.
fn map_distances<R: Send>(from: Points, to: Points, each: impl Fn(usize, &mut [f64]) -> R + Sync) -> Vec<R> {
    let (from_norms, to_norms) = (from.square_norms(), to.square_norms());
    map_products(from, to, |i, row| {
        for (product, norm) in row.iter_mut().zip(&to_norms) {
            *product = (from_norms[i] + norm - 2.0 * *product).max(0.0);
        }
        each(i, row)
    })
}

/// Mean distance of the pairs of points; 0 for fewer than two.
pub fn mean_distance(points: Points) -> f64 {
    let count = points.count();
    let sums = map_distances(points, points, |i, row| row[..i].iter().map(|square| square.sqrt()).sum::<f64>());
    sums.iter().sum::<f64>() / (count * count.saturating_sub(1) / 2).max(1) as f64
}

/// A mean over repetitions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// Standard deviation of one repetition, with Bessel's correction; 0 for a single one.
    pub deviation: f64,
    /// Number of repetitions.
    pub count: usize,
}

impl Estimate {
    /// The mean and the deviation of the values of repetitions.
    pub fn of(values: &[f64]) -> Self {
        let (count, mean) = (values.len(), mean(values));
        let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
        Self { mean, deviation: (squares / (count.max(2) - 1) as f64).sqrt(), count }
    }

    /// Standard deviation of the mean.
    pub fn standard_error(&self) -> f64 {
        self.deviation / (self.count as f64).sqrt()
    }
}

/// Mean of values, summed in their order.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// ln(mean(e^v)), without overflow: the importance-weighted bound of log weights (Burda et al. 2016, equation 8).
pub fn log_mean_exp(values: &[f64]) -> f64 {
    let mut total = LogMeanExp::default();
    values.iter().for_each(|&value| total.add(value));
    total.value()
}

/// [`log_mean_exp`] of a stream: takes one value at a time.
#[derive(Clone, Copy, Debug)]
pub struct LogMeanExp {
    peak: f64,
    /// In units of e^peak.
    sum: f64,
    count: f64,
}

impl Default for LogMeanExp {
    fn default() -> Self {
        Self { peak: f64::NEG_INFINITY, sum: 0.0, count: 0.0 }
    }
}

impl LogMeanExp {
    /// Takes one more value.
    pub fn add(&mut self, value: f64) {
        if value > self.peak {
            self.sum = self.sum * (self.peak - value).exp() + 1.0;
            self.peak = value;
        } else if value > f64::NEG_INFINITY {
            self.sum += (value - self.peak).exp();
        }
        self.count += 1.0;
    }

    /// The result for the values so far.
    pub fn value(&self) -> f64 {
        self.peak + self.sum.ln() - self.count.ln()
    }
}

/// KL divergence in nats from a histogram to the uniform distribution over its K bins, ln K - entropy; ln K, the worst
/// possible, for an empty one.
pub fn kl_to_uniform(counts: &[usize]) -> f64 {
    let total: usize = counts.iter().sum();
    let surprise = |&count: &usize| {
        let share = count as f64 / total as f64;
        share * share.ln()
    };
    (counts.len() as f64).ln() + counts.iter().filter(|&&count| count > 0).map(surprise).sum::<f64>()
}

/// `count` different numbers below `of`, or all of them if there are fewer, in a random order that the seed determines.
pub fn choose(count: usize, of: usize, seed: u64) -> Vec<usize> {
    let mut stream = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut numbers: Vec<usize> = (0..of).collect();
    for i in 0..count.min(of) {
        numbers.swap(i, i + below(&mut stream, of - i));
    }
    numbers.truncate(count);
    numbers
}

/// Uniform in `0..count`; the bias is below `count / 2^64`.
pub fn below(stream: &mut impl Rng, count: usize) -> usize {
    ((u128::from(stream.next_u64()) * count as u128) >> 64) as usize
}
