//! Fréchet distance between Gaussians fitted to two sets of points.

use nalgebra::{DMatrix, DVector, SymmetricEigen};

use super::Points;

/// Mean and covariance of points, the latter with Bessel's correction.
struct Moments {
    mean: DVector<f64>,
    covariance: DMatrix<f64>,
}

impl Moments {
    fn of(points: Points) -> Self {
        let columns = points.columns();
        let mean = columns.column_mean();
        let mut centred = columns.into_owned();
        centred.column_iter_mut().for_each(|mut column| column -= &mean);
        let covariance = &centred * centred.transpose() / (points.count().max(2) - 1) as f64;
        Self { mean, covariance }
    }
}

/// |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)) of the means m and covariances S of two sets of points: FID if the
/// points are features of images (Heusel et al. 2017, equation 6).
///
/// (S1 S2)^(1/2) has the trace of (S1^(1/2) S2 S1^(1/2))^(1/2), which is the root of a symmetric matrix. With few
/// points the distance is biased upwards: compare only distances from equal numbers of points.
pub fn frechet_distance(first: Points, second: Points) -> f64 {
    let (first, second) = (Moments::of(first), Moments::of(second));
    let root = square_root(&first.covariance);
    let between = &root * &second.covariance * &root;
    let symmetric = (&between + between.transpose()) * 0.5;
    let common: f64 = symmetric.symmetric_eigenvalues().iter().map(|v| v.max(0.0).sqrt()).sum();
    (first.mean - second.mean).norm_squared() + first.covariance.trace() + second.covariance.trace() - 2.0 * common
}

/// The positive root of a symmetric matrix; negative eigenvalues come from rounding and count as 0.
fn square_root(matrix: &DMatrix<f64>) -> DMatrix<f64> {
    let SymmetricEigen { eigenvectors, eigenvalues } = matrix.clone().symmetric_eigen();
    let roots = DMatrix::from_diagonal(&eigenvalues.map(|v| v.max(0.0).sqrt()));
    &eigenvectors * roots * eigenvectors.transpose()
}
