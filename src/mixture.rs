//! Mixtures of Gaussians: of codes of several coordinates, by maximum likelihood, and of single numbers, by variational
//! inference, which finds how many modes they have.

use nalgebra::{DMatrix, DMatrixView, DVector, Dyn, linalg::Cholesky};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, SeedableRng};
use rayon::prelude::*;

/// Rows of a partial result.
const BLOCK: usize = 128;
/// ln(2 pi)
const LN_TAU: f64 = 1.837_877_066_409_345_5;
/// Maximum number of rounds of k-means.
const MEANS_ROUNDS: usize = 20;
/// Rounds of expectation and maximisation.
const ROUNDS: usize = 40;
/// Minimum number of rows for each component, on average.
const COMPONENT_ROWS: usize = 200;
/// What is added to each variance, as a share of the mean variance of the coordinates.
const RIDGE: f64 = 1e-6;
/// A responsibility below this one counts as none.
const NEGLIGIBLE: f64 = 1e-6;

/// A mixture of K Gaussians in D dimensions.
#[derive(Clone, Debug, PartialEq)]
pub struct Mixture {
    /// ln of the weights `[K]`.
    pub log_weights: Vec<f64>,
    /// Means `[K, D]`.
    pub means: Vec<f64>,
    /// Lower Cholesky factors of the covariances `[K, D, D]`: mean + factor * normal noise is a draw.
    pub factors: Vec<f64>,
}

impl Mixture {
    /// Fits finite codes `[N, width]` by 40 rounds of expectation maximisation from clusters of k-means, with at most
    /// `components` Gaussians, fewer where there are not 200 rows for each.
    ///
    /// # Panics
    /// If there are no codes, if `width` does not divide their number, or if they are not finite.
    pub fn fit(codes: &[f32], width: usize, components: usize, seed: u64) -> Self {
        assert!(width > 0 && !codes.is_empty() && codes.len().is_multiple_of(width), "rows of {width} codes");
        let codes: Vec<f64> = codes.iter().map(|&code| f64::from(code)).collect();
        let rows = codes.len() / width;
        let count = components.min(rows / COMPONENT_ROWS).max(1);
        let points = DMatrixView::from_slice(&codes, width, rows);
        let whole = points.column_variance().mean();
        // Codes that are all the same have a narrow Gaussian too.
        let ridge = RIDGE * whole.max(1e-6);
        let mut shares = vec![vec![]; count];
        for (row, cluster) in clusters(&codes, width, &vec![1.0; rows], count, seed).into_iter().enumerate() {
            shares[cluster].push((row, 1.0));
        }
        // The covariance of fewer rows would be flat, and its density without bound.
        let least = width.min(COMPONENT_ROWS / 2) as f64;
        let total = |shares: &Shares| shares.iter().map(|(_, share)| share).sum::<f64>();
        let mut gaussians: Vec<Gaussian> = vec![];
        for _ in 0..ROUNDS {
            if count > 1 {
                shares.retain(|shares| total(shares) > least);
            }
            let all: f64 = shares.iter().map(total).sum();
            let fit = |shares: &Shares| Gaussian::fit(points, shares, (total(shares) / all).ln(), ridge);
            gaussians = shares.par_iter().map(fit).collect();
            shares = expected(&gaussians, &codes, width);
        }
        Self {
            log_weights: gaussians.iter().map(|gaussian| gaussian.log_weight).collect(),
            means: gaussians.iter().flat_map(|gaussian| gaussian.mean.iter().copied()).collect(),
            // Row-major.
            factors: gaussians.iter().flat_map(|gaussian| gaussian.factor.transpose().data.as_vec().clone()).collect(),
        }
    }

    /// Number of Gaussians, K.
    pub fn components(&self) -> usize {
        self.log_weights.len()
    }

    /// Number of dimensions, D.
    pub fn width(&self) -> usize {
        self.means.len() / self.log_weights.len()
    }

    /// Mean of the log-likelihood of codes `[N, D]`, in nats a row.
    pub fn log_likelihood(&self, codes: &[f32]) -> f64 {
        let width = self.width();
        let codes: Vec<f64> = codes.iter().map(|&code| f64::from(code)).collect();
        let gaussian = |k: usize| Gaussian {
            log_weight: self.log_weights[k],
            mean: DVector::from_row_slice(&self.means[k * width..][..width]),
            factor: DMatrix::from_row_slice(width, width, &self.factors[k * width * width..][..width * width]),
        };
        let gaussians: Vec<Gaussian> = (0..self.components()).map(gaussian).collect();
        let logs = joint(&gaussians, &codes, width, |_, logs| log_sum_exp(logs));
        logs.iter().sum::<f64>() / logs.len() as f64
    }
}

/// The rows that a Gaussian explains, with its shares of them.
type Shares = Vec<(usize, f64)>;

struct Gaussian {
    log_weight: f64,
    mean: DVector<f64>,
    /// Lower triangle.
    factor: DMatrix<f64>,
}

impl Gaussian {
    /// The Gaussian of the points with these shares.
    fn fit(points: DMatrixView<f64>, shares: &Shares, log_weight: f64, ridge: f64) -> Self {
        let width = points.nrows();
        let total: f64 = shares.iter().map(|(_, share)| share).sum();
        let mut mean = DVector::zeros(width);
        shares.iter().for_each(|&(row, share)| mean.axpy(share / total, &points.column(row), 1.0));
        let mut centred = DMatrix::zeros(width, shares.len());
        for (mut column, &(row, share)) in centred.column_iter_mut().zip(shares) {
            let root = (share / total).sqrt();
            let values = points.column(row);
            column
                .iter_mut()
                .zip(values.iter().zip(&mean))
                .for_each(|(cell, (value, mean))| *cell = (value - mean) * root);
        }
        let covariance = &centred * centred.transpose() + DMatrix::from_diagonal_element(width, width, ridge);
        let factor = Cholesky::<f64, Dyn>::new(covariance).expect("a ridge makes it positive").l();
        Self { log_weight, mean, factor }
    }
}

/// The shares of each Gaussian.
fn expected(gaussians: &[Gaussian], codes: &[f64], width: usize) -> Vec<Shares> {
    let rows = joint(gaussians, codes, width, |row, logs| {
        let total = log_sum_exp(logs);
        let shares = logs.iter().map(|log| (log - total).exp()).enumerate();
        shares.filter(|&(_, share)| share > NEGLIGIBLE).map(|(k, share)| (k, row, share)).collect::<Vec<_>>()
    });
    let mut shares = vec![vec![]; gaussians.len()];
    rows.into_iter().flatten().for_each(|(k, row, share)| shares[k].push((row, share)));
    shares
}

/// Calls `each` for every row, with its place and for each Gaussian the log of weight times density; results in order.
fn joint<R: Send>(
    gaussians: &[Gaussian],
    codes: &[f64],
    width: usize,
    each: impl Fn(usize, &[f64]) -> R + Sync,
) -> Vec<R> {
    // The inverse factor makes a Gaussian standard: its transpose, and the factor times the mean.
    let prepared = |gaussian: &Gaussian| {
        let unit = DMatrix::identity(width, width);
        let inverse = gaussian.factor.solve_lower_triangular(&unit).expect("a positive diagonal");
        let centre = &inverse * &gaussian.mean;
        let volume: f64 = gaussian.factor.diagonal().iter().map(|d| d.ln()).sum();
        (inverse.transpose(), centre, gaussian.log_weight - 0.5 * width as f64 * LN_TAU - volume)
    };
    let prepared: Vec<_> = gaussians.iter().map(prepared).collect();
    let block = |(number, values): (usize, &[f64])| {
        // A column for each coordinate.
        let points = DMatrixView::from_slice(values, width, values.len() / width).transpose();
        let mut standard = DMatrix::zeros(points.nrows(), width);
        let mut logs = DMatrix::zeros(points.nrows(), gaussians.len());
        for ((inverse, centre, constant), mut logs) in prepared.iter().zip(logs.column_iter_mut()) {
            standard.gemm(1.0, &points, inverse, 0.0);
            logs.fill(*constant);
            for (coordinate, centre) in standard.column_iter().zip(centre) {
                logs.zip_apply(&coordinate, |log, value| *log -= 0.5 * (value - centre).powi(2));
            }
        }
        let logs = logs.transpose();
        let rows = logs.column_iter().enumerate();
        rows.map(|(row, logs)| each(number * BLOCK + row, logs.as_slice())).collect::<Vec<R>>()
    };
    codes.par_chunks(BLOCK * width).enumerate().flat_map_iter(block).collect()
}

/// ln of the sum of e^log, without overflow.
fn log_sum_exp(logs: &[f64]) -> f64 {
    let peak = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    peak + logs.iter().map(|log| (log - peak).exp()).sum::<f64>().ln()
}

/// The cluster of each point `[N, width]`, a point counting as often as its weight says: k-means from the start of
/// k-means++ (Arthur and Vassilvitskii 2007), the best of a few draws for each centre. Fewer clusters than `count`
/// where there are fewer different points.
fn clusters(points: &[f64], width: usize, weights: &[f64], count: usize, seed: u64) -> Vec<usize> {
    let mut stream = Xoshiro256PlusPlus::seed_from_u64(seed);
    let rows = || points.par_chunks_exact(width);
    let square = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
    let total = |squares: &[f64]| squares.iter().zip(weights).map(|(square, weight)| square * weight).sum::<f64>();
    let mut centres: Vec<Vec<f64>> = vec![];
    // Squares of the distances to the nearest centre; the first centre is any point.
    let mut nearest = vec![1.0; weights.len()];
    while centres.len() < count {
        let all = total(&nearest);
        let mut draw = |_| {
            let mut left = all * (stream.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
            let chosen = nearest.iter().zip(weights).position(|(square, weight)| {
                left -= square * weight;
                left < 0.0
            })?;
            let centre = points[chosen * width..][..width].to_vec();
            let reach = if centres.is_empty() { f64::INFINITY } else { 1.0 };
            let closer = |(point, nearest): (&[f64], &f64)| square(point, &centre).min(nearest * reach);
            let squares: Vec<f64> = rows().zip(&nearest).map(closer).collect();
            Some((total(&squares), centre, squares))
        };
        let draws = if centres.is_empty() { 1 } else { 2 + (count as f64).ln() as usize };
        // None where all points are centres.
        let Some((_, centre, squares)) = (0..draws).filter_map(&mut draw).min_by(|a, b| a.0.total_cmp(&b.0)) else {
            break;
        };
        nearest = squares;
        centres.push(centre);
    }
    let mut places = vec![0; weights.len()];
    for _ in 0..MEANS_ROUNDS {
        let of_point = |point: &[f64]| {
            let squares = centres.iter().map(|centre| square(point, centre)).enumerate();
            squares.min_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(place, _)| place)
        };
        let moved: Vec<usize> = rows().map(of_point).collect();
        if moved == places {
            break;
        }
        places = moved;
        let mut sums = vec![(0.0, vec![0.0; width]); centres.len()];
        for ((point, &place), weight) in points.chunks_exact(width).zip(&places).zip(weights) {
            sums[place].0 += weight;
            sums[place].1.iter_mut().zip(point).for_each(|(sum, value)| *sum += weight * value);
        }
        for (centre, (weight, sum)) in centres.iter_mut().zip(sums) {
            if weight > 0.0 {
                *centre = sum.iter().map(|sum| sum / weight).collect();
            }
        }
    }
    places
}

/// Maximum number of modes.
const MODES: usize = 10;
/// Rounds of the variational inference.
const MODE_ROUNDS: usize = 100;
/// Concentration of the Dirichlet process: the smaller, the fewer modes.
const CONCENTRATION: f64 = 0.001;
/// Modes of less weight are dropped.
const LEAST_WEIGHT: f64 = 0.005;
/// Maximum number of values that are looked at.
const MODE_VALUES: usize = 100_000;

/// The modes of a number: a mixture of at most 10 Gaussians in one dimension, as CTGAN fits it (Xu et al. 2019, section
/// 4.2).
#[derive(Clone, Debug, PartialEq)]
pub struct Modes {
    /// Means.
    pub means: Vec<f64>,
    /// Standard deviations.
    pub deviations: Vec<f64>,
    /// Weights, all above 0.005. They sum to 1 with those that were dropped.
    pub weights: Vec<f64>,
}

impl Modes {
    /// Fits finite values, at most 100,000 that the seed chooses, by variational inference of a Dirichlet process (Blei
    /// and Jordan 2006), with the priors of scikit-learn's `BayesianGaussianMixture` and a concentration of 0.001.
    ///
    /// # Panics
    /// If there are no values.
    pub fn fit(values: &[f64], seed: u64) -> Self {
        assert!(!values.is_empty(), "a mixture of no values");
        let mut stream = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut values = values.to_vec();
        for place in 0..values.len().min(MODE_VALUES) {
            let rest = (values.len() - place) as u128;
            values.swap(place, place + ((u128::from(stream.next_u64()) * rest) >> 64) as usize);
        }
        values.truncate(MODE_VALUES);
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (count - 1.0).max(1.0);
        let scale = if variance > 0.0 { variance.sqrt() } else { 1.0 };
        // Equal values are one point of more weight.
        values.sort_unstable_by(f64::total_cmp);
        let equal = values.chunk_by(|a, b| a == b);
        let (points, counts): (Vec<f64>, Vec<f64>) =
            equal.map(|equal| ((equal[0] - mean) / scale, equal.len() as f64)).unzip();
        let places = clusters(&points, 1, &counts, MODES, seed);
        let modes = places.iter().max().map_or(1, |last| last + 1);
        let hard = |(&place, &weight): (&usize, &f64)| {
            let mut shares = [0.0; MODES];
            shares[place] = weight;
            shares
        };
        let mut shares: Vec<[f64; MODES]> = places.iter().zip(&counts).map(hard).collect();
        let mut posterior = Posterior::of(&points, &shares, modes);
        for _ in 0..MODE_ROUNDS {
            shares = points.par_iter().zip(&counts).map(|(&point, &count)| posterior.shares(point, count)).collect();
            posterior = Posterior::of(&points, &shares, modes);
        }
        let weights = posterior.weights();
        let kept: Vec<usize> = (0..modes).filter(|&k| weights[k] > LEAST_WEIGHT).collect();
        Self {
            means: kept.iter().map(|&k| posterior.modes[k].mean * scale + mean).collect(),
            deviations: kept.iter().map(|&k| posterior.modes[k].variance.sqrt() * scale).collect(),
            weights: kept.iter().map(|&k| weights[k]).collect(),
        }
    }

    /// The probability of each mode for a value; they sum to 1.
    pub fn responsibilities(&self, value: f64) -> Vec<f64> {
        let logs = self.joint(value);
        let total = log_sum_exp(&logs);
        logs.iter().map(|log| (log - total).exp()).collect()
    }

    /// Mean of the log-likelihood of values, in nats.
    pub fn log_likelihood(&self, values: &[f64]) -> f64 {
        values.iter().map(|&value| log_sum_exp(&self.joint(value))).sum::<f64>() / values.len() as f64
    }

    /// For each mode, the log of weight times density.
    fn joint(&self, value: f64) -> Vec<f64> {
        let modes = self.means.iter().zip(&self.deviations).zip(&self.weights);
        let log = |((mean, deviation), weight): ((&f64, &f64), &f64)| {
            weight.ln() - deviation.ln() - 0.5 * (LN_TAU + ((value - mean) / deviation).powi(2))
        };
        modes.map(log).collect()
    }
}

/// What is believed of the modes of standardised values.
struct Posterior {
    modes: Vec<Mode>,
}

struct Mode {
    /// How many values it has.
    count: f64,
    mean: f64,
    variance: f64,
    /// What its log shares have beside the square.
    log_constant: f64,
}

impl Posterior {
    /// The belief after values, given for each mode its share of them.
    fn of(points: &[f64], shares: &[[f64; MODES]], modes: usize) -> Self {
        let fitted = |k: usize| {
            let sum =
                |of: &dyn Fn(f64) -> f64| points.iter().zip(shares).map(|(&p, shares)| shares[k] * of(p)).sum::<f64>();
            let count = sum(&|_| 1.0) + 10.0 * f64::EPSILON;
            let centre = sum(&|p| p) / count;
            let spread = sum(&|p| (p - centre).powi(2)) / count + RIDGE;
            // Priors: mean 0 and variance 1, each worth one value.
            let mean = count * centre / (count + 1.0);
            let variance = (1.0 + count * spread + count / (count + 1.0) * centre * centre) / (count + 1.0);
            let expected = 0.5 * (2f64.ln() + digamma(0.5 * (count + 1.0)) - 1.0 / (count + 1.0));
            let log_constant = expected - 0.5 * (LN_TAU + variance.ln() + (count + 1.0).ln());
            Mode { count, mean, variance, log_constant }
        };
        let mut modes: Vec<Mode> = (0..modes).map(fitted).collect();
        // Sticks are broken in the order of the modes.
        let mut broken = 0.0;
        for k in 0..modes.len() {
            let [taken, left] = stick(&modes, k);
            let both = digamma(taken + left);
            modes[k].log_constant += digamma(taken) - both + broken;
            broken += digamma(left) - both;
        }
        Self { modes }
    }

    /// How the weight of a point is shared among the modes.
    fn shares(&self, point: f64, weight: f64) -> [f64; MODES] {
        let mut logs = [f64::NEG_INFINITY; MODES];
        for (log, mode) in logs.iter_mut().zip(&self.modes) {
            *log = mode.log_constant - 0.5 * (point - mode.mean).powi(2) / mode.variance;
        }
        let total = log_sum_exp(&logs);
        logs.map(|log| weight * (log - total).exp())
    }

    fn weights(&self) -> Vec<f64> {
        let mut left = 1.0;
        let weight = |k: usize| {
            let [taken, rest] = stick(&self.modes, k);
            let weight = left * taken / (taken + rest);
            left *= rest / (taken + rest);
            weight
        };
        let weights: Vec<f64> = (0..self.modes.len()).map(weight).collect();
        let total: f64 = weights.iter().sum();
        weights.iter().map(|weight| weight / total).collect()
    }
}

/// The parameters of the Beta distribution of what a mode takes of the stick that those before it have left.
fn stick(modes: &[Mode], k: usize) -> [f64; 2] {
    [1.0 + modes[k].count, CONCENTRATION + modes[k + 1..].iter().map(|mode| mode.count).sum::<f64>()]
}

/// The derivative of ln of the gamma function, for x > 0: recurrence, then the asymptotic series (Abramowitz and Stegun
/// 6.3.18).
fn digamma(mut x: f64) -> f64 {
    let mut shift = 0.0;
    while x < 10.0 {
        shift -= 1.0 / x;
        x += 1.0;
    }
    let s = 1.0 / (x * x);
    let series = s * (1.0 / 12.0 - s * (1.0 / 120.0 - s * (1.0 / 252.0 - s * (1.0 / 240.0 - s / 132.0))));
    shift + x.ln() - 0.5 / x - series
}
