//! Large symmetric matrices, on all cores: products, a Cholesky factor, eigenvalues.

use nalgebra::{DMatrix, DMatrixView, DMatrixViewMut, DVector, DVectorView};
use rayon::prelude::*;

/// Columns of a product for one thread at a time.
const BLOCK: usize = 128;
/// Columns that are factorised or reflected before the rest of the matrix follows them in one product.
const PANEL: usize = 32;
/// Rotations for one eigenvalue; a few are enough.
const PATIENCE: usize = 60;

/// a b.
pub(super) fn product(a: &DMatrix<f64>, b: &DMatrix<f64>) -> DMatrix<f64> {
    let mut c = DMatrix::zeros(a.nrows(), b.ncols());
    columns(&mut c, 0, |first, mut block| block.gemm(1.0, a, &b.columns(first, block.ncols()), 0.0));
    c
}

/// Calls `each` for blocks of the columns from `first` on, with the number of the first column of the block.
pub(super) fn columns(matrix: &mut DMatrix<f64>, first: usize, each: impl Fn(usize, DMatrixViewMut<f64>) + Sync) {
    let rows = matrix.nrows();
    let blocks = matrix.as_mut_slice()[first * rows..].par_chunks_mut(BLOCK * rows.max(1)).enumerate();
    blocks.for_each(|(n, block)| {
        let count = block.len() / rows;
        each(first + n * BLOCK, DMatrixViewMut::from_slice(block, rows, count));
    });
}

/// Column `i` from row `i` on, less the products of each left factor and the right one, a row.
fn reduced(a: &DMatrix<f64>, i: usize, terms: &[[DMatrixView<f64>; 2]]) -> DVector<f64> {
    let mut column = a.view((i, i), (a.nrows() - i, 1)).column(0).clone_owned();
    for [left, right] in terms {
        column.gemv(-1.0, left, &right.transpose().column(0), 1.0);
    }
    column
}

/// The lower triangular L with L Lᵀ = a, of a positive semidefinite matrix: where no variance is left but rounding, a
/// column is 0.
pub(super) fn cholesky(mut a: DMatrix<f64>) -> DMatrix<f64> {
    let n = a.nrows();
    let least = a.diagonal() * (n as f64 * f64::EPSILON);
    for start in (0..n).step_by(PANEL) {
        let end = n.min(start + PANEL);
        for i in start..end {
            let done = [a.view((i, start), (n - i, i - start)), a.view((i, start), (1, i - start))];
            let mut column = reduced(&a, i, &[done]);
            let pivot = column[0];
            column *= if pivot > least[i] { pivot.sqrt().recip() } else { 0.0 };
            a.view_mut((0, i), (i, 1)).fill(0.0);
            a.view_mut((i, i), (n - i, 1)).copy_from(&column);
        }
        let panel = a.view((end, start), (n - end, end - start)).clone_owned();
        follow(&mut a, end, &[[&panel, &panel]]);
    }
    a
}

/// Takes the products left rightᵀ off the rows and columns from `end` on.
fn follow(a: &mut DMatrix<f64>, end: usize, terms: &[[&DMatrix<f64>; 2]]) {
    let rows = a.nrows() - end;
    let terms: Vec<_> = terms.iter().map(|[left, right]| (left, right.transpose())).collect();
    columns(a, end, |first, mut block| {
        let count = block.ncols();
        let mut block = block.view_mut((end, 0), (rows, count));
        terms.iter().for_each(|(left, right)| block.gemm(-1.0, *left, &right.columns(first - end, count), 1.0));
    });
}

/// The eigenvalues of a symmetric matrix, in no order: reflections make it tridiagonal (Golub and Van Loan, Matrix
/// Computations, section 8.3.1; in panels, as LAPACK's `dlatrd`), then rotations make it diagonal.
pub(super) fn eigenvalues(mut a: DMatrix<f64>) -> Vec<f64> {
    let n = a.nrows();
    let (mut diagonal, mut beside) = (vec![0.0; n], vec![0.0; n]);
    for start in (0..n).step_by(PANEL) {
        let end = n.min(start + PANEL);
        // a - v wᵀ - w vᵀ is what the reflections of this panel make of a.
        let (mut v, mut w) = (DMatrix::zeros(n, end - start), DMatrix::zeros(n, end - start));
        for i in start..end {
            let (j, rows) = (i - start, n - i - 1);
            let [in_v, in_w] = [&v, &w].map(|m| [m.view((i, 0), (rows + 1, j)), m.view((i, 0), (1, j))]);
            let column = reduced(&a, i, &[[in_v[0], in_w[1]], [in_w[0], in_v[1]]]);
            diagonal[i] = column[0];
            // The reflection 1 - scale x xᵀ leaves of the column below the diagonal one number.
            let mut x = column.rows(1, rows).clone_owned();
            if rows == 0 || x.amax() == 0.0 {
                continue;
            }
            beside[i] = -x.norm().copysign(x[0]);
            x[0] -= beside[i];
            let scale = 2.0 / x.norm_squared();
            let [below_v, below_w] = [&v, &w].map(|m| m.view((i + 1, 0), (rows, j)));
            let mut y = times(&a, i + 1, x.as_view());
            y.gemv(-1.0, &below_v, &below_w.tr_mul(&x), 1.0);
            y.gemv(-1.0, &below_w, &below_v.tr_mul(&x), 1.0);
            y *= scale;
            y.axpy(-0.5 * scale * y.dot(&x), &x, 1.0);
            v.view_mut((i + 1, j), (rows, 1)).copy_from(&x);
            w.view_mut((i + 1, j), (rows, 1)).copy_from(&y);
        }
        let [v, w] = [v, w].map(|m| m.rows(end, n - end).clone_owned());
        follow(&mut a, end, &[[&v, &w], [&w, &v]]);
    }
    of_tridiagonal(diagonal, beside)
}

/// The rows and columns from `first` on of a symmetric matrix, times x.
fn times(a: &DMatrix<f64>, first: usize, x: DVectorView<f64>) -> DVector<f64> {
    let mut y = DVector::zeros(x.len());
    let column = |i: usize| DVectorView::from_slice(&a.as_slice()[(first + i) * a.nrows() + first..], x.len());
    y.as_mut_slice().par_iter_mut().with_min_len(BLOCK).enumerate().for_each(|(i, y)| *y = column(i).dot(&x));
    y
}

/// The eigenvalues of a symmetric tridiagonal matrix, by QL steps with implicit shifts (Golub and Van Loan, section
/// 8.3.5). `beside[i]` stands between the numbers i and i + 1 of the diagonal.
fn of_tridiagonal(mut diagonal: Vec<f64>, mut beside: Vec<f64>) -> Vec<f64> {
    let n = diagonal.len();
    for low in 0..n {
        for _ in 0..PATIENCE {
            let is_small = |i: &usize| beside[*i].abs() <= f64::EPSILON * (diagonal[*i].abs() + diagonal[i + 1].abs());
            let high = (low..n - 1).find(is_small).unwrap_or(n - 1);
            if high == low {
                break;
            }
            // The shift is the eigenvalue of the first two rows that is nearer to the first number.
            let half = (diagonal[low + 1] - diagonal[low]) / (2.0 * beside[low]);
            let turned = half + half.hypot(1.0).copysign(half);
            let mut g = diagonal[high] - diagonal[low] + beside[low] / turned;
            let (mut sine, mut cosine, mut moved) = (1.0, 1.0, 0.0);
            let mut split = false;
            for i in (low..high).rev() {
                let (f, b) = (sine * beside[i], cosine * beside[i]);
                let length = f.hypot(g);
                beside[i + 1] = length;
                if length == 0.0 {
                    diagonal[i + 1] -= moved;
                    beside[high] = 0.0;
                    split = true;
                    break;
                }
                (sine, cosine) = (f / length, g / length);
                g = diagonal[i + 1] - moved;
                let r = (diagonal[i] - g) * sine + 2.0 * cosine * b;
                moved = sine * r;
                diagonal[i + 1] = g + moved;
                g = cosine * r - b;
            }
            if !split {
                diagonal[low] -= moved;
                beside[low] = g;
                beside[high] = 0.0;
            }
        }
    }
    diagonal
}

#[cfg(test)]
mod tests {
    use super::*;

    /// X Xᵀ of n x `rank` numbers between -1 and 1.
    fn positive(n: usize, rank: usize) -> DMatrix<f64> {
        let mut state = 1u64;
        let x = DMatrix::from_fn(n, rank, |_, _| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
        });
        &x * x.transpose()
    }

    #[test]
    fn eigenvalues_and_factors_are_right_for_every_size_and_rank() {
        for (n, rank) in [(1, 1), (2, 5), (31, 40), (32, 32), (33, 7), (131, 200), (200, 64)] {
            let a = positive(n, rank);
            let mut want: Vec<f64> = a.clone().symmetric_eigenvalues().iter().copied().collect();
            let mut got = eigenvalues(a.clone());
            [&mut want, &mut got].into_iter().for_each(|values| values.sort_by(f64::total_cmp));
            let size = want[n - 1];
            assert!(got.iter().zip(&want).all(|(a, b)| (a - b).abs() < 1e-13 * size * n as f64), "{n} of {rank}");
            let l = cholesky(a.clone());
            assert!((product(&l, &l.transpose()) - &a).amax() < 1e-13 * size * n as f64, "{n} of {rank}");
            assert!(l.upper_triangle() == DMatrix::from_diagonal(&l.diagonal()));
        }
        assert_eq!(eigenvalues(DMatrix::zeros(5, 5)), [0.0; 5]);
        assert_eq!(eigenvalues(DMatrix::from_diagonal(&DVector::from_vec(vec![3.0, 1.0]))), [3.0, 1.0]);
    }
}
