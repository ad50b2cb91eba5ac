//! Transposed convolution, the adjoint of `conv2d` in x: x(b, c, h, w) = chain(sum over k, r, s of y(b, k, p, q) * w(k, c, r, s)
//! where p * stride + r - pad = h and q * stride + s - pad = w), reads y, w, writes x.

use num_traits::Float;
use serde::{Deserialize, Serialize};

use super::{Buffers, Caps, Chain, Cost, Io, Launch, Spec};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConvTranspose2d {
    pub geometry: super::Geometry,
    /// Epilogue: the product is its accumulator, n the row-major position in x.
    pub chain: Chain,
}

impl Spec for ConvTranspose2d {
    const NAME: &'static str = "conv_transpose2d";
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
