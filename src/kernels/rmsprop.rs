//! s = decay * s + (1 - decay) * g^2; p -= rate * g / (sqrt(s) + eps). Reads g, rate `[1]`. Writes p, s. A
//! rate of 0 changes nothing.

use num_traits::Float;
use serde::{Deserialize, Serialize};

use super::{Buffers, Caps, Cost, Dispatch, Io, Spec, real};
use crate::overrides;

/// One update of a flat group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RmsProp {
    /// Elements of the flat group.
    pub len: usize,
    /// Decay of the mean square.
    pub decay: f64,
    /// Added to its root.
    pub eps: f64,
}

const SIZE: usize = 256;

impl Spec for RmsProp {
    const NAME: &'static str = "rmsprop";
    const SOURCES: &'static [&'static str] = &[include_str!("../../shaders/rmsprop.wgsl")];

    fn buffers(&self) -> Buffers {
        Buffers { reads: vec![self.len, 1], writes: vec![self.len; 2], ..Default::default() }
    }

    fn dispatch(&self, caps: &Caps) -> Dispatch {
        let constants =
            overrides!(N = self.len, DECAY = self.decay, ONE_MINUS_DECAY = 1.0 - self.decay, EPS = self.eps);
        Dispatch::folded(self.len.div_ceil(SIZE), caps, constants)
    }

    #[inline(always)]
    fn reference<F: Float>(&self, mut io: Io<F>) {
        let (g, rate) = (&io.reads[0][..self.len], io.reads[1][0]);
        if rate == F::zero() {
            return;
        }
        let [p, s] = &mut io.writes[..] else { panic!("rmsprop writes p and s") };
        let (p, s) = (&mut p[..self.len], &mut s[..self.len]);
        for n in 0..self.len {
            s[n] = real::<F>(self.decay) * s[n] + real::<F>(1.0 - self.decay) * g[n] * g[n];
            p[n] = p[n] - rate * g[n] / (s[n].sqrt() + real(self.eps));
        }
    }

    fn cost(&self) -> Cost {
        Cost { flops: 9.0 * self.len as f64, bytes: 20.0 * self.len as f64 }
    }
}
