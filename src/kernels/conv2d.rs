//! Convolution: y = chain(x * w), reads x, w; see [`Geometry`].

use num_traits::Float;
use serde::{Deserialize, Serialize};

use super::{Buffers, Caps, Chain, Cost, Io, Launch, Spec};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Conv2d {
    pub geometry: Geometry,
    /// Epilogue: the product is its accumulator, n the row-major position in y.
    pub chain: Chain,
}

/// Extents of the form that ties x `[B, C, H, W]`, w `[K, C, R, S]` and y `[B, K, P, Q]`:
/// y(b, k, p, q) = sum over c, r, s of x(b, c, p * stride + r - pad, q * stride + s - pad) * w(k, c, r, s), zero outside x.
/// `pad` is top and left; what bottom and right need follows from P and Q.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Geometry {
    pub b: usize,
    pub c: usize,
    pub h: usize,
    pub w: usize,
    pub k: usize,
    pub r: usize,
    pub s: usize,
    pub p: usize,
    pub q: usize,
    pub stride: [usize; 2],
    pub pad: [usize; 2],
}

impl Geometry {
    pub fn x_len(&self) -> usize {
        self.b * self.c * self.h * self.w
    }
    pub fn w_len(&self) -> usize {
        self.k * self.c * self.r * self.s
    }
    pub fn y_len(&self) -> usize {
        self.b * self.k * self.p * self.q
    }
    /// Multiply-adds of the form, padding counted.
    pub fn macs(&self) -> f64 {
        self.y_len() as f64 * (self.c * self.r * self.s) as f64
    }
}

impl Spec for Conv2d {
    const NAME: &'static str = "conv2d";
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
