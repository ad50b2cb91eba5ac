//! Zeros around a tensor, run by run.

use crate::{graph::numel, kernels::Pad};

/// See [`Pad`].
pub fn pad(kernel: &Pad, x: &[f32], y: &mut [f32]) {
    let Pad { from, to, before } = kernel;
    // The innermost axis that x does not fill: elements within it are consecutive in both tensors.
    let axis = (0..to.len()).rev().find(|&a| from[a] != to[a]).unwrap_or(0);
    let run = numel(&from[axis..]).max(1);
    y.fill(0.0);
    for (n, x) in x.chunks_exact(run).enumerate() {
        let (mut rest, mut at, mut stride) = (n, before[axis] * numel(&to[axis + 1..]), numel(&to[axis..]));
        for a in (0..axis).rev() {
            at += (before[a] + rest % from[a]) * stride;
            (rest, stride) = (rest / from[a], stride * to[a]);
        }
        y[at..at + run].copy_from_slice(x);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::{Io, Spec};

    #[test]
    fn it_agrees_with_the_reference() {
        for (from, to, before) in [
            (vec![3], vec![7], vec![2]),
            (vec![0, 3], vec![1, 3], vec![1, 0]),
            (vec![2, 3], vec![2, 5], vec![0, 1]),
            (vec![2, 3], vec![4, 3], vec![1, 0]),
            (vec![1, 2, 3], vec![5, 2, 3], vec![4, 0, 0]),
            (vec![2, 3, 2, 4], vec![2, 4, 3, 4], vec![0, 1, 1, 0]),
            (vec![2, 3, 2, 4], vec![3, 3, 4, 7], vec![1, 0, 0, 3]),
        ] {
            let kernel = Pad { from, to, before };
            let x: Vec<f32> = (1..=numel(&kernel.from)).map(|i| i as f32).collect();
            let (mut got, mut want) = (vec![f32::NAN; numel(&kernel.to)], vec![f32::NAN; numel(&kernel.to)]);
            pad(&kernel, &x, &mut got);
            let (words, words_out, operands) = (vec![], vec![], vec![]);
            kernel.reference(Io { reads: vec![&x], words, writes: vec![&mut want], words_out, operands });
            assert_eq!(got, want, "{kernel:?}");
        }
    }
}
