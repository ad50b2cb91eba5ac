//! y(o) = scale * sum (or max) over i of chain(n(o, i)): reductions with their pointwise prologue.
//! The accumulator of the chain is 0; every input is an operand. With `splits` > 1 it writes [splits, outer] partial
//! results over contiguous ranges of i.

use num_traits::Float;
use serde::{Deserialize, Serialize};

use super::{Axis, Buffers, Caps, Chain, Cost, Dispatch, Io, MAX_LOOP, Spec, fold, real};
use crate::overrides;

/// A sum or maximum, with its prologue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reduce {
    /// Whether to take the maximum instead of the sum.
    pub max: bool,
    /// The kept axes, outermost first: the result's shape.
    pub outer: Vec<Axis>,
    /// (extent, stride) of the reduced axes.
    pub inner: Vec<Axis>,
    /// Factor of the result.
    pub scale: f32,
    /// Partial results; 1 writes the result itself.
    pub splits: usize,
    /// Prologue: the chain that computes the values to reduce.
    pub chain: Chain,
}

/// Elements that make a range worth a workgroup of its own.
const WORTH: usize = 1024;

impl Reduce {
    /// Ranges to split a reduction of `outer_len` times `inner_len` elements into: 1 unless it is long and has few
    /// outputs.
    pub fn splits_for(outer_len: usize, inner_len: usize) -> usize {
        let tiles = outer_len.div_ceil(32);
        let wanted = fold::ENOUGH.div_ceil(tiles).min(inner_len / WORTH);
        let needed = inner_len.div_ceil(8 * MAX_LOOP);
        let span = inner_len.div_ceil(wanted.max(needed).max(1)).max(1);
        inner_len.div_ceil(span).max(1)
    }

    /// Length of a range.
    fn span(&self) -> usize {
        fold::len(&self.inner).div_ceil(self.splits)
    }
}

impl Spec for Reduce {
    const NAME: &'static str = "reduce";
    const SOURCES: &'static [&'static str] = &[
        include_str!("../../shaders/reduce.wgsl"),
        include_str!("../../shaders/shared/fold.wgsl"),
        include_str!("../../shaders/shared/chain.wgsl"),
    ];

    fn buffers(&self) -> Buffers {
        Buffers { writes: vec![self.splits * fold::len(&self.outer)], ..Default::default() }
    }

    fn dispatch(&self, caps: &Caps) -> Dispatch {
        let constants = overrides!(MAX = self.max as u32, SCALE = self.scale, SPLITS = self.splits, SPAN = self.span());
        fold::dispatch(&self.outer, &self.inner, self.splits, self.span(), caps, constants)
    }

    fn reference<F: Float>(&self, mut io: Io<F>) {
        let (outer, inner) = (fold::offsets(&self.outer), fold::offsets(&self.inner));
        let range = |s: usize| &inner[(s * self.span()).min(inner.len())..((s + 1) * self.span()).min(inner.len())];
        for (j, y) in io.writes[0].iter_mut().enumerate() {
            let (s, o) = (j / outer.len(), outer[j % outer.len()]);
            let term = |i| self.chain.eval(o + i, F::zero(), &io.operands);
            let result = match self.max {
                true => range(s).iter().fold(real(f32::MIN as f64), |a: F, &i| a.max(term(i))),
                false => fold::sum(range(s), term),
            };
            *y = real::<F>(self.scale as f64) * result;
        }
    }

    fn cost(&self) -> Cost {
        let (outer, inner) = (fold::len(&self.outer), fold::len(&self.inner));
        let reads: usize = self.chain.operand_lens(outer * inner).iter().sum();
        Cost {
            flops: (self.chain.flops() + 1.0) * (outer * inner) as f64,
            bytes: 4.0 * (reads + self.splits * outer) as f64,
        }
    }

    fn chain(&self) -> Option<&Chain> {
        Some(&self.chain)
    }

    fn obstacle(&self) -> Option<String> {
        fold::obstacle(&self.outer, &self.inner, self.span())
    }

    fn shape(&self) -> String {
        format!("{}, {} loads", fold::shape(&self.outer, &self.inner), self.chain.loads.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_long_reductions_with_few_outputs_are_split() {
        assert_eq!(Reduce::splits_for(1, 64), 1);
        assert_eq!(Reduce::splits_for(512, 128), 1);
        assert_eq!(Reduce::splits_for(4096, 100_000), 1);
        assert_eq!(Reduce::splits_for(64, 65_536), 32);
        assert_eq!(Reduce::splits_for(1, 70_000), 64);
        for (outer, inner) in [(1, 0), (1, 1), (3, 65_537), (1, 1 << 30), (4096, 1 << 20)] {
            let splits = Reduce::splits_for(outer, inner);
            let span = inner.div_ceil(splits);
            assert!(inner == 0 || span * (splits - 1) < inner, "no range is empty: {outer} {inner} {splits}");
            assert!(span <= 8 * MAX_LOOP, "{outer} {inner} {splits}");
        }
    }
}
