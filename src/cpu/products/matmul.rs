//! Batches of matrix products.

use super::Scratch;
use super::gemm::{Columns, View, gemm};
use super::transpose::transpose;
use rayon::prelude::*;

/// The shape of y\[B,M,N\] = a\[B,M,K\] b\[B,K,N\]. The matrices of a batch follow each other without gaps. Within a
/// matrix, `(row, column)` strides give the layout: `(k, 1)` for a row-major `a`, `(1, m)` for an `a` stored as its
/// transpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Matmul {
    /// Number of products.
    pub batch: usize,
    /// Rows of a and y.
    pub m: usize,
    /// Columns of a, rows of b.
    pub k: usize,
    /// Columns of b and y.
    pub n: usize,
    /// Distance between the rows of a, and between its columns, in elements.
    pub a_strides: (usize, usize),
    /// The same for b.
    pub b_strides: (usize, usize),
}

impl Matmul {
    /// One product of two row-major matrices (NN).
    pub fn new(m: usize, k: usize, n: usize) -> Self {
        Matmul { batch: 1, m, k, n, a_strides: (k, 1), b_strides: (n, 1) }
    }

    /// Whether the product is computed as yT = bT aT, because `b` is stored as its transpose and the GEMM wants the
    /// columns of its right operand next to each other. This costs transposes of a and of y, which are small if m is.
    fn is_turned(&self) -> bool {
        self.batch == 1 && self.n > 1 && self.k > 8 && self.b_strides.1 != 1 && self.a_strides.1 == 1 && self.m < 512
    }

    /// Maximum number of floats of shared scratch memory that the product uses.
    pub(in crate::cpu) fn working_memory(&self) -> usize {
        match () {
            () if self.is_turned() => (self.k + self.n) * self.m,
            () if self.batch == 1 && self.n <= NARROW => self.n * self.m,
            () => 0,
        }
    }

    /// The same with `a` stored as its transpose \[K,M\] (TN).
    pub fn transposed_a(self) -> Self {
        Matmul { a_strides: (1, self.m), ..self }
    }

    /// The same with `b` stored as its transpose \[N,K\] (NT).
    pub fn transposed_b(self) -> Self {
        Matmul { b_strides: (1, self.k), ..self }
    }
}

/// Smallest task to hand to another thread, in multiply-adds and in elements: about 5 µs each.
const TASK: usize = 1 << 19;
const TASK_ELEMENTS: usize = 1 << 17;
/// Maximum number of tasks for one matrix, unless a task would have more than [`WIDEST`] columns.
const TASKS: usize = 8;
/// Columns of the GEMM's largest blocks.
const BLOCK: usize = 64;
/// Columns beyond which a GEMM slows down.
const WIDEST: usize = 12 * BLOCK;
/// Up to this many columns of b, a product with a transposed a is computed as yT = bT aT.
const NARROW: usize = 16;
/// Maximum number of elements of a and y in a task of whole rows: half of a common second-level cache.
const ROWS: usize = 1 << 17;

/// Number of tasks for an \[m,n\] product over k.
fn tasks(m: usize, n: usize, k: usize) -> usize {
    (m * n * k / TASK).max((m * k + k * n + m * n) / TASK_ELEMENTS).clamp(1, TASKS)
}

/// y\[b,m,n\] = sum over k of a\[b,m,k\] b\[b,k,n\]
pub fn matmul(
    shape: &Matmul,
    a: &[f32],
    b: &[f32],
    y: &mut [f32],
    scratch: &mut Scratch,
    epilogue: impl Fn(usize, &mut [f32]) + Sync,
) {
    let Matmul { batch, m, k, n, .. } = *shape;
    assert_eq!((a.len(), b.len(), y.len()), (batch * m * k, batch * k * n, batch * m * n), "{shape:?}");
    if y.is_empty() {
        return;
    }
    let matrix = |i: usize| {
        let (a, b) = (&a[i * m * k..][..m * k], &b[i * k * n..][..k * n]);
        let a = View { data: a, row: shape.a_strides.0, col: shape.a_strides.1 };
        (a, View { data: b, row: shape.b_strides.0, col: shape.b_strides.1 })
    };
    // yT[n,m] = bT[n,k] aT[k,m]
    if shape.is_turned() {
        let (a, b) = matrix(0);
        let [at, yt] = scratch.shared.split([k * m, n * m]);
        transpose(m, k, a.data, a.row, at, m);
        let rows = n.div_ceil(tasks(n, m, k)).next_multiple_of(BLOCK / 2);
        let at = View::rows(at, m);
        yt.par_chunks_mut(rows * m).enumerate().for_each(|(i, yt)| {
            let bt = View { data: &b.data[i * rows * b.col..], ..b }.transposed();
            gemm(yt.len() / m, m, k, bt, at, yt, m, false);
        });
        let rows = m.div_ceil(((m * n) >> 14).clamp(1, TASKS));
        y.par_chunks_mut(rows * n).enumerate().for_each(|(i, y)| {
            transpose(n, y.len() / n, &yt[i * rows..], m, y, n);
            epilogue(i * rows * n, y);
        });
        return;
    }
    // b has few columns, and a is stored as its transpose, the layout that the GEMM wants on the right: yT = bT aT.
    if batch == 1 && n <= NARROW && n < m && k > NARROW && shape.a_strides.1 != 1 {
        let ((a, b), [yt]) = (matrix(0), scratch.shared.split([n * m]));
        let width = m.div_ceil(tasks(n, m, k)).next_multiple_of(BLOCK);
        Columns::for_each_block(yt, m, width, |first, mut yt| {
            let at = View { data: &a.data[first * a.row..], ..a }.transposed();
            yt.product(k, b.transposed(), at, false);
        });
        transpose(n, m, yt, m, y, n);
        return epilogue(0, y);
    }
    let tasks = tasks(m, n, k);
    y.par_chunks_mut(m * n).enumerate().for_each(|(i, y)| {
        let (a, b) = matrix(i);
        // With few rows, split by columns: every task reads the whole of the operand that is not split.
        if n >= 2 * BLOCK && m < 2 * n {
            let width = (n.div_ceil(tasks * BLOCK) * BLOCK).clamp(BLOCK, WIDEST);
            Columns::for_each_block(y, n, width, |first, mut y| {
                let b = View { data: &b.data[(first * b.col).min(b.data.len())..], ..b };
                y.product(k, a, b, false);
                y.rows_mut().enumerate().for_each(|(row, y)| epilogue((i * m + row) * n + first, y));
            });
        } else {
            let rows = m.div_ceil(tasks).min(ROWS / (k + n)).max(1).next_multiple_of(BLOCK / 2);
            y.par_chunks_mut(rows * n).enumerate().for_each(|(j, y)| {
                let start = j * rows;
                let a = View { data: &a.data[(start * a.row).min(a.data.len())..], ..a };
                gemm(y.len() / n, n, k, a, b, y, n, false);
                epilogue((i * m + start) * n, y);
            });
        }
    });
}
