//! Fréchet distance between Gaussians fitted to two sets of points.

use nalgebra::{DMatrix, DVector, DVectorView};

use super::{
    Points,
    symmetric::{cholesky, columns, eigenvalues, product},
};

/// Mean and covariance of points, the latter with Bessel's correction.
#[derive(Clone, Debug, PartialEq)]
pub struct Moments {
    mean: DVector<f64>,
    covariance: DMatrix<f64>,
}

impl Moments {
    /// Of points.
    pub fn of(points: Points) -> Self {
        let mut sums = Sums::new(points.width());
        sums.add(points);
        sums.moments()
    }

    /// From a mean `[D]` and a covariance `[D, D]`; `None` if these are not their lengths.
    pub fn new(mean: Vec<f64>, covariance: Vec<f64>) -> Option<Self> {
        let width = mean.len();
        (covariance.len() == width * width)
            .then(|| Self { mean: mean.into(), covariance: DMatrix::from_vec(width, width, covariance) })
    }

    /// The mean `[D]`.
    pub fn mean(&self) -> &[f64] {
        self.mean.as_slice()
    }

    /// The covariance `[D, D]`.
    pub fn covariance(&self) -> &[f64] {
        self.covariance.as_slice()
    }

    /// |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)) of the means m and covariances S: FID if the points are features of
    /// images (Heusel et al. 2017, equation 6).
    ///
    /// With S1 = L Lᵀ, S1 S2 has the eigenvalues of Lᵀ S2 L, which is symmetric. With few points the distance is biased
    /// upwards: compare only distances from equal numbers of points.
    ///
    /// # Panics
    /// If the points have different numbers of coordinates.
    pub fn frechet_distance(&self, other: &Self) -> f64 {
        let factor = cholesky(self.covariance.clone());
        let between = product(&factor.transpose(), &product(&other.covariance, &factor));
        let symmetric = (&between + between.transpose()) * 0.5;
        // Negative ones come from rounding.
        let common: f64 = eigenvalues(symmetric).into_iter().map(|v| v.max(0.0).sqrt()).sum();
        let apart = (&self.mean - &other.mean).norm_squared();
        apart + self.covariance.trace() + other.covariance.trace() - 2.0 * common
    }
}

/// [`Moments`] of points that come in pieces: sums of products of what lies about the mean of each piece are joined
/// (Chan, Golub and LeVeque 1979), so that a large mean costs no precision.
#[derive(Clone, Debug)]
pub struct Sums {
    count: usize,
    mean: DVector<f64>,
    /// Sum of (x - mean)(x - mean)ᵀ, below the diagonal and on it.
    products: DMatrix<f64>,
}

impl Sums {
    /// Of no points yet.
    pub fn new(width: usize) -> Self {
        Self { count: 0, mean: DVector::zeros(width), products: DMatrix::zeros(width, width) }
    }

    /// Takes more points.
    pub fn add(&mut self, points: Points) {
        if points.count() == 0 {
            return;
        }
        let mut centred = points.columns().into_owned();
        let mean = centred.column_mean();
        centred.column_iter_mut().for_each(|mut column| column -= &mean);
        let apart = &mean - &self.mean;
        let (before, more) = (self.count as f64, points.count() as f64);
        let across = centred.transpose();
        columns(&mut self.products, 0, |first, mut block| {
            let (rows, count) = (block.nrows() - first, block.ncols());
            let mut block = block.view_mut((first, 0), (rows, count));
            block.gemm(1.0, &centred.rows(first, rows), &across.columns(first, count), 1.0);
            let [down, right] = [rows, count].map(|n| DVectorView::from_slice(&apart.as_slice()[first..], n));
            block.ger(before * more / (before + more), &down, &right, 1.0);
        });
        self.mean += apart * (more / (before + more));
        self.count += points.count();
    }

    /// Number of points.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Their moments.
    pub fn moments(&self) -> Moments {
        let mut covariance = &self.products / (self.count.max(2) - 1) as f64;
        covariance.fill_upper_triangle_with_lower_triangle();
        Moments { mean: self.mean.clone(), covariance }
    }
}

/// The distance of the [`Moments`] of two sets of points.
pub fn frechet_distance(first: Points, second: Points) -> f64 {
    Moments::of(first).frechet_distance(&Moments::of(second))
}
