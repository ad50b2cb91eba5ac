//! y[i, m, n] = chain(sum over k of a[i, m, k] * b[i, k, n]), reads a, b.

use num_traits::Float;
use serde::{Deserialize, Serialize};

use super::{Buffers, Caps, Chain, Cost, Io, Launch, Spec};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MatMul {
    /// Products of the batch.
    pub batch: usize,
    pub m: usize,
    pub n: usize,
    pub k: usize,
    /// Whether a is stored as [batch, K, M].
    pub a_transposed: bool,
    /// Whether b is stored as [batch, N, K].
    pub b_transposed: bool,
    /// Epilogue: the product is its accumulator, n the row-major position in y.
    pub chain: Chain,
}

impl Spec for MatMul {
    const NAME: &'static str = "matmul";
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
