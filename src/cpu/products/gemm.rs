//! Single-threaded matrix products.
#![expect(
    unsafe_code,
    reason = "blocks of one matrix are written by several threads, and the GEMM crate takes pointers"
)]

use gemm_common::Parallelism;
use rayon::prelude::*;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicPtr, Ordering};

/// A matrix inside a slice: element (i, j) is `data[i * row + j * col]`.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub data: &'a [f32],
    pub row: usize,
    pub col: usize,
}

impl<'a> View<'a> {
    /// A matrix of contiguous rows that start `row` elements apart.
    pub fn rows(data: &'a [f32], row: usize) -> Self {
        View { data, row, col: 1 }
    }

    pub fn transposed(self) -> Self {
        View { data: self.data, row: self.col, col: self.row }
    }

    fn assert_holds(&self, rows: usize, cols: usize) {
        assert!((rows - 1) * self.row + (cols - 1) * self.col < self.data.len(), "matrix reaches past its data");
    }
}

/// A block of columns of a row-major matrix. Several threads can write disjoint blocks of one matrix.
pub(super) struct Columns<'a> {
    first: *mut f32,
    rows: usize,
    cols: usize,
    /// Distance between rows.
    row: usize,
    matrix: PhantomData<&'a mut [f32]>,
}

impl<'a> Columns<'a> {
    /// All columns of a matrix whose rows are `row` apart.
    pub fn all(y: &'a mut [f32], [rows, cols]: [usize; 2], row: usize) -> Self {
        assert!(rows > 0 && cols <= row && (rows - 1) * row + cols <= y.len(), "matrix reaches past its data");
        Columns { first: y.as_mut_ptr(), rows, cols, row, matrix: PhantomData }
    }

    /// Calls `task(first column, block)`, in parallel, for each block of `width` columns of a matrix with `cols`
    /// contiguous columns.
    pub fn for_each_block(y: &'a mut [f32], cols: usize, width: usize, task: impl Fn(usize, Columns) + Sync) {
        let (rows, matrix) = (y.len() / cols, AtomicPtr::new(y.as_mut_ptr()));
        (0..cols.div_ceil(width)).into_par_iter().for_each(|i| {
            let start = i * width;
            let first = matrix.load(Ordering::Relaxed).wrapping_add(start);
            task(start, Columns { first, rows, cols: width.min(cols - start), row: cols, matrix: PhantomData });
        });
    }

    pub fn rows_mut(&mut self) -> impl Iterator<Item = &mut [f32]> {
        let Columns { first, rows, cols, row, .. } = *self;
        // SAFETY: the rows lie inside the matrix: `all` asserts this and `for_each_block` ensures it. Rows do not
        // overlap, and blocks of one matrix share no columns.
        (0..rows).map(move |i| unsafe { std::slice::from_raw_parts_mut(first.add(i * row), cols) })
    }

    /// Sets the block to a\[m,k\] b\[k,n\], or adds this product to the block if `accumulate`.
    pub fn product(&mut self, k: usize, a: View, b: View, accumulate: bool) {
        let (m, n) = (self.rows, self.cols);
        if m == 0 || n == 0 {
            return;
        }
        if k == 0 {
            if !accumulate {
                self.rows_mut().for_each(|row| row.fill(0.0));
            }
            return;
        }
        a.assert_holds(m, k);
        b.assert_holds(k, n);
        let keep = if accumulate { 1.0 } else { 0.0 };
        // The kernel is fast where the steps between rows of its result are the smaller ones: it computes the transpose
        // where ours are the larger ones.
        let row = self.row as isize;
        let ([m, n], [a, b], [dst_col, dst_row]) = match row > 1 {
            true => ([n, m], [b.transposed(), a.transposed()], [row, 1]),
            false => ([m, n], [a, b], [1, row]),
        };
        // SAFETY: a and b hold every element that is read, as asserted; the block's elements are as in `rows_mut`, and
        // are borrowed mutably, so they overlap neither a nor b.
        unsafe {
            gemm_f32::gemm::f32::get_gemm_fn()(
                m,
                n,
                k,
                self.first,
                dst_col,
                dst_row,
                accumulate,
                a.data.as_ptr(),
                a.col as isize,
                a.row as isize,
                b.data.as_ptr(),
                b.col as isize,
                b.row as isize,
                keep,
                1.0,
                false,
                false,
                false,
                Parallelism::None,
            );
        }
    }
}

/// y\[m,n\] = a\[m,k\] b\[k,n\], or y += a b if `accumulate`; rows of y are `y_row` apart.
#[expect(clippy::too_many_arguments, reason = "three sizes, three matrices")]
pub(super) fn gemm(m: usize, n: usize, k: usize, a: View, b: View, y: &mut [f32], y_row: usize, accumulate: bool) {
    if m > 0 {
        Columns::all(y, [m, n], y_row).product(k, a, b, accumulate);
    }
}
