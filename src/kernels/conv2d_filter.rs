//! Filter gradient, the adjoint of `conv2d` in w: w(k, c, r, s) = sum over b, p, q of y(b, k, p, q) * x(b, c, p * stride + r - pad, ..).
//! Reads x, y. With `splits` > 1 it writes that many partial sums, [splits, K, C, R, S], over contiguous ranges of b, p, q: a `reduce` adds them.

use num_traits::Float;
use serde::{Deserialize, Serialize};

use super::{Buffers, Caps, Cost, Io, Launch, Spec};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Conv2dFilter {
    pub geometry: super::Geometry,
    pub splits: usize,
}

impl Spec for Conv2dFilter {
    const NAME: &'static str = "conv2d_filter";
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
