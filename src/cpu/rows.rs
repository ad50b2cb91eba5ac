//! Rows of tables by index, and sums of rows, on all cores.

use rayon::prelude::*;

use crate::kernels::{Io, RowSums, Rows, Spec};

/// Elements of one task.
const TASK: usize = 1 << 14;

/// See [`Rows`].
pub fn rows(k: &Rows, indices: &[f32], table: &[f32], y: &mut [f32]) {
    let some = (TASK / k.cols).max(1);
    indices.par_chunks(some).zip(y.par_chunks_mut(some * k.cols)).for_each(|(indices, y)| {
        let part = Rows { indices: indices.len(), ..k.clone() };
        let (words, words_out, operands) = (vec![], vec![], vec![]);
        part.reference(Io { reads: vec![indices, table], words, writes: vec![y], words_out, operands });
    });
}

/// See [`RowSums`]. Each task has some rows of the result and walks all indices in order, so that the bits do not
/// depend on the number of threads.
pub fn row_sums(k: &RowSums, indices: &[f32], x: &[f32], y: &mut [f32]) {
    let some = k.rows.div_ceil(4 * rayon::current_num_threads());
    y.par_chunks_mut(some * k.cols).enumerate().for_each(|(part, y)| {
        y.fill(0.0);
        let (first, end) = (part * some, part * some + y.len() / k.cols);
        for (index, x) in indices.iter().zip(x.chunks_exact(k.cols)) {
            if (first as f32..end as f32).contains(index) {
                let sums = &mut y[(*index as usize - first) * k.cols..][..k.cols];
                sums.iter_mut().zip(x).for_each(|(sum, x)| *sum += x);
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_agree_with_the_references() {
        for (count, rows, cols) in [(1, 1, 1), (7, 3, 5), (1000, 65, 33), (40, 5000, 3)] {
            // Some indices are outside of the table.
            let indices: Vec<f32> = (0..count).map(|n| (n * 7919 % (rows + 2)) as f32 - 1.0).collect();
            let x: Vec<f32> = (0..count.max(rows) * cols).map(|n| (n % 17) as f32 - 8.3).collect();
            let twin = |kernel: &dyn Fn(Io<f32>), len: usize, x: &[f32]| {
                let mut y = vec![f32::NAN; len];
                let (words, words_out, operands) = (vec![], vec![], vec![]);
                kernel(Io { reads: vec![&indices, x], words, writes: vec![&mut y], words_out, operands });
                y
            };
            let k = Rows { indices: count, rows, cols };
            let (table, mut y) = (&x[..rows * cols], vec![f32::NAN; count * cols]);
            super::rows(&k, &indices, table, &mut y);
            assert_eq!(y, twin(&|io| k.reference(io), count * cols, table), "{k:?}");
            let k = RowSums { indices: count, rows, cols };
            let (x, mut y) = (&x[..count * cols], vec![f32::NAN; rows * cols]);
            row_sums(&k, &indices, x, &mut y);
            assert_eq!(y, twin(&|io| k.reference(io), rows * cols, x), "{k:?}");
        }
    }
}
