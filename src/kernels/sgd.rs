//! v = momentum * v + g; p -= rate * v. Reads g, rate `[1]`. Writes p, v. A rate of 0 changes nothing.

use num_traits::Float;
use serde::{Deserialize, Serialize};

use super::{Buffers, Caps, Cost, Dispatch, Io, Spec, real};
use crate::overrides;

/// One update of a flat group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sgd {
    /// Elements of the flat group.
    pub len: usize,
    /// Share of the old velocity that stays.
    pub momentum: f64,
}

const SIZE: usize = 256;

impl Spec for Sgd {
    const NAME: &'static str = "sgd";
    const SOURCES: &'static [&'static str] = &[include_str!("../../shaders/sgd.wgsl")];

    fn buffers(&self) -> Buffers {
        Buffers { reads: vec![self.len, 1], writes: vec![self.len; 2], ..Default::default() }
    }

    fn dispatch(&self, caps: &Caps) -> Dispatch {
        Dispatch::folded(self.len.div_ceil(SIZE), caps, overrides!(N = self.len, MOMENTUM = self.momentum))
    }

    #[inline(always)]
    fn reference<F: Float>(&self, mut io: Io<F>) {
        let (g, rate) = (&io.reads[0][..self.len], io.reads[1][0]);
        if rate == F::zero() {
            return;
        }
        let [p, v] = &mut io.writes[..] else { panic!("sgd writes p and v") };
        let (p, v) = (&mut p[..self.len], &mut v[..self.len]);
        for n in 0..self.len {
            v[n] = real::<F>(self.momentum) * v[n] + g[n];
            p[n] = p[n] - rate * v[n];
        }
    }

    fn cost(&self) -> Cost {
        Cost { flops: 4.0 * self.len as f64, bytes: 20.0 * self.len as f64 }
    }
}
