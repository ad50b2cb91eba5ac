//! Noise, many counters at a time, so that words and values are made along vectors.

use pulp::{Arch, NullaryFnOnce};
use rayon::prelude::*;

use super::math;
use crate::{
    graph::Dist,
    kernels::{
        Random,
        random::{PURPOSE_RANDOM, philox, quantile, uniform},
    },
};

/// Counters whose words are made together.
const COUNTERS: usize = 64;
/// Elements of one task.
const TASK: usize = 1 << 13;

/// See [`Random`].
pub fn random(kernel: &Random, clock: &[u32], y: &mut [f32]) {
    // Blocks of rows: the numbers of their elements follow each other.
    y.par_chunks_mut(kernel.span.max(1)).enumerate().for_each(|(block, y)| {
        let start = kernel.number(clock, block * kernel.span);
        y.par_chunks_mut(TASK).enumerate().for_each(|(i, y)| {
            let (number, before) = (start + i * TASK, start % 4);
            let first = (number / 4) as u32;
            if before == 0 {
                Arch::new().dispatch(Task { kernel, clock, first, y });
                return;
            }
            let mut values = vec![0.0; before + y.len()];
            Arch::new().dispatch(Task { kernel, clock, first, y: &mut values });
            y.copy_from_slice(&values[before..]);
        });
    });
}

/// The values of the words from counter `first` on.
struct Task<'a> {
    kernel: &'a Random,
    clock: &'a [u32],
    first: u32,
    y: &'a mut [f32],
}

impl NullaryFnOnce for Task<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { kernel, clock, first, y } = self;
        let (stream, step, key) = (kernel.stream, clock[0], [clock[1], clock[2]]);
        for (block, y) in y.chunks_mut(4 * COUNTERS).enumerate() {
            let first = first + (block * COUNTERS) as u32;
            let mut words = [[0; COUNTERS]; 4];
            #[expect(clippy::needless_range_loop, reason = "four arrays at one place: what the compiler vectorises")]
            for i in 0..COUNTERS {
                let of_counter = philox([first + i as u32, stream, step, PURPOSE_RANDOM], key);
                (0..4).for_each(|w| words[w][i] = of_counter[w]);
            }
            let mut values = [[0.0; COUNTERS]; 4];
            for (values, words) in values.iter_mut().zip(&words) {
                match kernel.dist {
                    Dist::Uniform => each(words, values, uniform),
                    Dist::Normal => each(words, values, normal),
                    Dist::Bernoulli(p) => {
                        let p = p.get() as f32;
                        each(words, values, |bits| if uniform::<f32>(bits) < p { 1.0 } else { 0.0 });
                    }
                }
            }
            for (i, y) in y.chunks_mut(4).enumerate() {
                y.iter_mut().zip(&values).for_each(|(y, values)| *y = values[i]);
            }
        }
    }
}

#[inline(always)]
fn each(words: &[u32; COUNTERS], values: &mut [f32; COUNTERS], value: impl Fn(u32) -> f32) {
    (0..COUNTERS).for_each(|i| values[i] = value(words[i]));
}

#[inline(always)]
fn normal(bits: u32) -> f32 {
    let x = 2.0 * uniform::<f32>(bits) - 1.0;
    quantile(x, -math::ln((1.0 - x) * (1.0 + x)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        graph::Real,
        kernels::{Io, Spec},
    };

    #[test]
    fn it_agrees_with_the_reference() {
        let clock = [5, 6, 7, 0];
        for dist in [Dist::Uniform, Dist::Normal, Dist::Bernoulli(Real::new(0.3))] {
            for len in [1, 4, 255, 257, 3 * TASK + 5] {
                let kernel = Random::of(3, dist, len);
                let (mut got, mut want) = (vec![0.0; len], vec![0.0f32; len]);
                random(&kernel, &clock, &mut got);
                let (words, writes) = (vec![&clock[..]], vec![&mut want[..]]);
                kernel.reference(Io { reads: vec![], words, writes, words_out: vec![], operands: vec![] });
                for (i, (x, y)) in got.iter().zip(&want).enumerate() {
                    let bound = if dist == Dist::Normal { 4e-7 * (1.0 + y.abs()) } else { 0.0 };
                    assert!((x - y).abs() <= bound, "{kernel:?}: element {i} is {x}, not {y}");
                }
            }
        }
    }

    /// The blocks of rows of all parts, in turn, are those of the whole batch.
    #[test]
    fn parts_have_the_noise_of_the_whole() {
        for (span, blocks, parts) in [(4, 1, 3), (7, 5, 2), (1, 1, 4), (TASK + 3, 2, 3)] {
            let dist = Dist::Normal;
            let mut whole = vec![0.0; span * blocks * parts];
            random(&Random::of(9, dist, whole.len()), &[5, 6, 7, 0], &mut whole);
            for part in 0..parts {
                let (clock, len) = ([5, 6, 7, 0, part as u32], span * blocks);
                let kernel = Random { stream: 9, dist, len, span, parts };
                let (mut got, mut want) = (vec![0.0; len], vec![0.0f32; len]);
                random(&kernel, &clock, &mut got);
                let rows = whole.chunks(span).skip(part).step_by(parts).flatten().copied();
                assert!(got.iter().copied().eq(rows), "{kernel:?}");
                let (words, writes) = (vec![&clock[..]], vec![&mut want[..]]);
                kernel.reference(Io { reads: vec![], words, writes, words_out: vec![], operands: vec![] });
                assert!(got.iter().zip(&want).all(|(x, y)| (x - y).abs() <= 4e-7 * (1.0 + y.abs())), "{kernel:?}");
            }
        }
    }
}
