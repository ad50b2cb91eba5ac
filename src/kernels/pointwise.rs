//! y(n) = chain(n): any fused run of pointwise operations, with broadcast, permuted and sliced operands.

use num_traits::Float;
use serde::{Deserialize, Serialize};

use super::{Buffers, Caps, Chain, Cost, Dispatch, Io, Spec};
use crate::overrides;

/// A chain on its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pointwise {
    /// Elements of y.
    pub len: usize,
    /// Whether the chain's accumulator is what y held before; otherwise it is 0.
    pub in_place: bool,
    /// The chain that computes each element.
    pub chain: Chain,
}

const SIZE: usize = 256;

impl Spec for Pointwise {
    const NAME: &'static str = "pointwise";
    const SOURCES: &'static [&'static str] =
        &[include_str!("../../shaders/pointwise.wgsl"), include_str!("../../shaders/shared/chain.wgsl")];

    fn buffers(&self) -> Buffers {
        Buffers { writes: vec![self.len], ..Default::default() }
    }

    fn dispatch(&self, caps: &Caps) -> Dispatch {
        Dispatch::folded(self.len.div_ceil(SIZE), caps, overrides!(N = self.len, IN_PLACE = self.in_place as u32))
    }

    fn reference<F: Float>(&self, mut io: Io<F>) {
        for (n, y) in io.writes[0].iter_mut().enumerate() {
            let acc = if self.in_place { *y } else { F::zero() };
            *y = self.chain.eval(n, acc, &io.operands);
        }
    }

    fn cost(&self) -> Cost {
        let reads: usize = self.chain.operand_lens(self.len).iter().sum::<usize>() + self.len * self.in_place as usize;
        Cost { flops: self.chain.flops() * self.len as f64, bytes: 4.0 * (reads + self.len) as f64 }
    }

    fn chain(&self) -> Option<&Chain> {
        Some(&self.chain)
    }

    fn shape(&self) -> String {
        format!("{}, {} loads, {} operations", self.len, self.chain.loads.len(), self.chain.instrs.len())
    }
}
