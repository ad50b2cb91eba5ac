//! y(o) = scale * sum (or max) over i of chain(n(o, i)): reductions with their pointwise prologue.
//! The accumulator of the chain is 0; every input is an operand. With `splits` > 1 it writes [splits, outer] partial results over contiguous ranges of i.

use num_traits::Float;
use serde::{Deserialize, Serialize};

use super::{Buffers, Caps, Chain, Cost, Io, Launch, Spec};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reduce {
    pub max: bool,
    /// (extent, stride in elements of the full tensor) of the kept axes, outermost first: the result's shape.
    pub outer: Vec<(usize, usize)>,
    /// The same of the reduced axes.
    pub inner: Vec<(usize, usize)>,
    pub scale: f32,
    pub splits: usize,
    pub chain: Chain,
}

impl Spec for Reduce {
    const NAME: &'static str = "reduce";
    const SOURCES: &'static [&'static str] = &[];

    fn buffers(&self) -> Buffers {
        todo!()
    }

    fn launch(&self, _caps: &Caps) -> Launch {
        todo!()
    }

    fn twin<F: Float>(&self, _io: Io<F>) {
        todo!()
    }

    fn cost(&self) -> Cost {
        todo!()
    }
}
