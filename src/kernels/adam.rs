//! Adam (Kingma and Ba 2015, algorithm 1) and AdamW (Loshchilov and Hutter 2019, algorithm 2), one dispatch for a flat
//! group. Reads g, rate `[1]`, t `[1]`. Writes p, m, v.
//!
//! t is the number of this update; it is exact up to 2^24, where the bias corrections of usual decays are 1. The first
//! update takes m and v for zeros. A rate of 0 changes nothing.

use num_traits::Float;
use serde::{Deserialize, Serialize};

use super::{Buffers, Caps, Cost, Dispatch, Io, Spec, real};
use crate::overrides;

/// One update of a flat group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Adam {
    /// Elements of the flat group.
    pub len: usize,
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub eps: f64,
    /// Weight decay, relative to the rate; 0 is Adam.
    pub decay: f64,
}

const SIZE: usize = 256;

impl Spec for Adam {
    const NAME: &'static str = "adam";
    const SOURCES: &'static [&'static str] = &[include_str!("../../shaders/adam.wgsl")];

    fn buffers(&self) -> Buffers {
        Buffers { reads: vec![self.len, 1, 1], writes: vec![self.len; 3], ..Default::default() }
    }

    fn dispatch(&self, caps: &Caps) -> Dispatch {
        // ln 0 is infinite, which no shader may hold: e^(-10^4) is 0 all the same
        let ln = |beta: f64| beta.ln().max(-1e4);
        let constants = overrides!(
            N = self.len,
            BETA2 = self.beta2,
            ONE_MINUS_BETA1 = 1.0 - self.beta1,
            ONE_MINUS_BETA2 = 1.0 - self.beta2,
            LN_BETA1 = ln(self.beta1),
            LN_BETA2 = ln(self.beta2),
            EPS = self.eps,
            DECAY = self.decay,
        );
        Dispatch::folded(self.len.div_ceil(SIZE), caps, constants)
    }

    #[inline(always)]
    fn reference<F: Float>(&self, mut io: Io<F>) {
        let (g, rate, t) = (&io.reads[0][..self.len], io.reads[1][0], io.reads[2][0]);
        if rate == F::zero() {
            return;
        }
        let (t, first) = (t.to_f64().expect("a float"), t <= F::one());
        let [p, m, v] = &mut io.writes[..] else { panic!("adam writes p, m and v") };
        let (p, m, v) = (&mut p[..self.len], &mut m[..self.len], &mut v[..self.len]);
        let correction = |beta: f64| real::<F>(-(t * beta.ln()).exp_m1());
        let (c1, c2) = (correction(self.beta1), correction(self.beta2));
        let (step, root, eps) = (rate / c1, c2.sqrt(), real::<F>(self.eps));
        let (beta2, rest1, rest2) = (real::<F>(self.beta2), real::<F>(1.0 - self.beta1), real::<F>(1.0 - self.beta2));
        let kept = F::one() - rate * real(self.decay);
        for n in 0..self.len {
            let (old_m, old_v) = if first { (F::zero(), F::zero()) } else { (m[n], v[n]) };
            m[n] = old_m + rest1 * (g[n] - old_m);
            v[n] = beta2 * old_v + rest2 * g[n] * g[n];
            p[n] = kept * p[n] - step * m[n] / (v[n].sqrt() / root + eps);
        }
    }

    fn cost(&self) -> Cost {
        Cost { flops: 14.0 * self.len as f64, bytes: 28.0 * self.len as f64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A constant gradient has m / c1 = g and v / c2 = g^2, so that each step is the rate.
    #[test]
    fn steps_of_a_constant_gradient_are_the_rate() {
        let adam = Adam { len: 2, beta1: 0.5, beta2: 0.999, eps: 1e-8, decay: 0.0 };
        // The first update does not read these moments.
        let (mut p, mut m, mut v) = (vec![1.0f64, -1.0], vec![7.0; 2], vec![f64::NAN; 2]);
        for step in 0..3 {
            let (g, t) = ([0.3, -20.0], [f64::from(step + 1)]);
            let writes: Vec<&mut [f64]> = vec![&mut p, &mut m, &mut v];
            adam.reference(Io {
                reads: vec![&g, &[0.01], &t],
                words: vec![],
                writes,
                words_out: vec![],
                operands: vec![],
            });
            let expected = 0.01 * t[0];
            assert!((p[0] - (1.0 - expected)).abs() < 1e-8 && (p[1] - (-1.0 + expected)).abs() < 1e-8, "{p:?}");
        }
    }
}
