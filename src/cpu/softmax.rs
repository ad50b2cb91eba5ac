//! Softmax and cross-entropy: rows on all cores, exponentials vectorised.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::math::exp;
use crate::kernels::{CrossEntropy, Softmax};

/// Elements of one task.
const TASK: usize = 1 << 14;
/// Sums and maxima are kept of so many elements side by side, which are joined in the end.
const LANES: usize = 16;

/// See [`Softmax`].
pub fn softmax(k: &Softmax, x: &[f32], y: &mut [f32]) {
    let some = (TASK / k.cols).max(1) * k.cols;
    let tasks = x.par_chunks(some).zip(y.par_chunks_mut(some));
    tasks.for_each(|(x, y)| Arch::new().dispatch(SoftmaxTask { cols: k.cols, x, y }));
}

struct SoftmaxTask<'a> {
    cols: usize,
    x: &'a [f32],
    y: &'a mut [f32],
}

impl WithSimd for SoftmaxTask<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (x, y) in self.x.chunks_exact(self.cols).zip(self.y.chunks_exact_mut(self.cols)) {
            let top = greatest(x);
            y.iter_mut().zip(x).for_each(|(y, x)| *y = exp(x - top));
            let scale = 1.0 / sum(y);
            y.iter_mut().for_each(|y| *y *= scale);
        }
    }
}

/// See [`CrossEntropy`].
pub fn cross_entropy(k: &CrossEntropy, x: &[f32], targets: &[f32], y: &mut [f32]) {
    let (some, width) = ((TASK / k.cols).max(1), if k.at_index { 1 } else { k.cols });
    let tasks = x.par_chunks(some * k.cols).zip(targets.par_chunks(some * width)).zip(y.par_chunks_mut(some));
    tasks.for_each(|((x, targets), y)| Arch::new().dispatch(CrossEntropyTask { kernel: k, x, targets, y }));
}

struct CrossEntropyTask<'a> {
    kernel: &'a CrossEntropy,
    x: &'a [f32],
    targets: &'a [f32],
    y: &'a mut [f32],
}

impl WithSimd for CrossEntropyTask<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let CrossEntropy { cols, at_index, .. } = *self.kernel;
        let width = if at_index { 1 } else { cols };
        let mut terms = vec![0.0; cols];
        for ((x, t), y) in self.x.chunks_exact(cols).zip(self.targets.chunks_exact(width)).zip(self.y) {
            let top = greatest(x);
            terms.iter_mut().zip(x).for_each(|(term, x)| *term = exp(x - top));
            let log_sum = sum(&terms).ln();
            *y = match at_index {
                true if (0.0..cols as f32).contains(&t[0]) => log_sum - (x[t[0] as usize] - top),
                true => 0.0,
                false => x.iter().zip(t).fold(0.0, |loss, (x, t)| loss + t * (log_sum - (x - top))),
            };
        }
    }
}

#[inline(always)]
fn sum(x: &[f32]) -> f32 {
    let (mut sums, chunks) = ([0.0f32; LANES], x.chunks_exact(LANES));
    let rest: f32 = chunks.remainder().iter().sum();
    for chunk in chunks {
        sums.iter_mut().zip(chunk).for_each(|(sum, x)| *sum += x);
    }
    sums.iter().sum::<f32>() + rest
}

#[inline(always)]
fn greatest(x: &[f32]) -> f32 {
    let larger = |a: f32, b: f32| if a > b { a } else { b };
    let (mut tops, chunks) = ([f32::NEG_INFINITY; LANES], x.chunks_exact(LANES));
    let rest = chunks.remainder().iter().fold(f32::NEG_INFINITY, |a, x| larger(a, *x));
    for chunk in chunks {
        tops.iter_mut().zip(chunk).for_each(|(top, x)| *top = larger(*top, *x));
    }
    tops.into_iter().fold(rest, larger)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::{Io, Kernel};

    #[test]
    fn they_agree_with_the_references() {
        for (rows, cols) in [(1, 1), (3, 15), (7, 16), (5, 17), (300, 65), (2, 5000)] {
            let x: Vec<f32> = (0..rows * cols).map(|n| (n * 7919 % 1013) as f32 / 40.0 - 300.0).collect();
            let targets: Vec<f32> = (0..rows * cols).map(|n| (n % 5) as f32 / 9.0).collect();
            let indices: Vec<f32> = (0..rows).map(|n| (n * 31 % (cols + 2)) as f32 - 1.0).collect();
            let agree = |kernel: Kernel, got: &[f32], reads: Vec<&[f32]>| {
                let mut want = vec![f32::NAN; got.len()];
                let (words, words_out, operands) = (vec![], vec![], vec![]);
                kernel.reference(Io { reads, words, writes: vec![&mut want], words_out, operands });
                let is_near = |(a, b): (&f32, &f32)| (a - b).abs() <= 1e-5 * b.abs().max(1e-3);
                assert!(got.iter().zip(&want).all(is_near), "{kernel:?}: {got:?} {want:?}");
            };
            let (k, mut y) = (Softmax { rows, cols }, vec![f32::NAN; rows * cols]);
            softmax(&k, &x, &mut y);
            agree(k.into(), &y, vec![&x]);
            for (at_index, t) in [(true, &indices), (false, &targets)] {
                let (k, mut y) = (CrossEntropy { rows, cols, at_index }, vec![f32::NAN; rows]);
                cross_entropy(&k, &x, t, &mut y);
                agree(k.into(), &y, vec![&x, t]);
            }
        }
    }
}
