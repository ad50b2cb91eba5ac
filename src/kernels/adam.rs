//! Adam (Kingma and Ba 2015, algorithm 1), one dispatch for a flat group. Reads g, rate `[1]`. Words: the clock. Writes
//! p, m, v.

use num_traits::Float;
use serde::{Deserialize, Serialize};

use super::{Buffers, Caps, Cost, Dispatch, Io, Spec, real};
use crate::overrides;

/// One update of a flat group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Adam {
    /// Elements of the flat group.
    pub len: usize,
    /// This is update number `count` of `of` in a round: t = step * of + count + 1.
    pub count: usize,
    /// Updates of this group in a round.
    pub of: usize,
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub eps: f64,
}

const SIZE: usize = 256;

impl Spec for Adam {
    const NAME: &'static str = "adam";
    const SOURCES: &'static [&'static str] = &[include_str!("../../shaders/adam.wgsl")];

    fn buffers(&self) -> Buffers {
        Buffers { reads: vec![self.len, 1], words: vec![4], writes: vec![self.len; 3], ..Default::default() }
    }

    fn dispatch(&self, caps: &Caps) -> Dispatch {
        // ln 0 is infinite, which no shader may hold: e^(-10^4) is 0 all the same
        let ln = |beta: f64| beta.ln().max(-1e4);
        let constants = overrides!(
            N = self.len,
            COUNT = self.count,
            OF = self.of,
            BETA2 = self.beta2,
            ONE_MINUS_BETA1 = 1.0 - self.beta1,
            ONE_MINUS_BETA2 = 1.0 - self.beta2,
            LN_BETA1 = ln(self.beta1),
            LN_BETA2 = ln(self.beta2),
            EPS = self.eps,
        );
        Dispatch::folded(self.len.div_ceil(SIZE), caps, constants)
    }

    #[inline(always)]
    fn reference<F: Float>(&self, mut io: Io<F>) {
        let (g, rate) = (&io.reads[0][..self.len], io.reads[1][0]);
        let t = (io.words[0][0] as usize * self.of + self.count + 1) as f64;
        let [p, m, v] = &mut io.writes[..] else { panic!("adam writes p, m and v") };
        let (p, m, v) = (&mut p[..self.len], &mut m[..self.len], &mut v[..self.len]);
        let correction = |beta: f64| real::<F>(-(t * beta.ln()).exp_m1());
        let (c1, c2) = (correction(self.beta1), correction(self.beta2));
        let (step, root, eps) = (rate / c1, c2.sqrt(), real::<F>(self.eps));
        let (beta2, rest1, rest2) = (real::<F>(self.beta2), real::<F>(1.0 - self.beta1), real::<F>(1.0 - self.beta2));
        for n in 0..self.len {
            m[n] = m[n] + rest1 * (g[n] - m[n]);
            v[n] = beta2 * v[n] + rest2 * g[n] * g[n];
            p[n] = p[n] - step * m[n] / (v[n].sqrt() / root + eps);
        }
    }

    fn cost(&self) -> Cost {
        Cost { flops: 13.0 * self.len as f64, bytes: 28.0 * self.len as f64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A constant gradient has m / c1 = g and v / c2 = g^2, so that each step is the rate.
    #[test]
    fn steps_of_a_constant_gradient_are_the_rate() {
        let adam = Adam { len: 2, count: 0, of: 1, beta1: 0.5, beta2: 0.999, eps: 1e-8 };
        let (mut p, mut m, mut v) = (vec![1.0f64, -1.0], vec![0.0; 2], vec![0.0; 2]);
        for step in 0..3 {
            let (g, clock) = ([0.3, -20.0], [step, 0, 0, 0]);
            let writes: Vec<&mut [f64]> = vec![&mut p, &mut m, &mut v];
            adam.reference(Io {
                reads: vec![&g, &[0.01]],
                words: vec![&clock],
                writes,
                words_out: vec![],
                operands: vec![],
            });
            let expected = 0.01 * (step + 1) as f64;
            assert!((p[0] - (1.0 - expected)).abs() < 1e-8 && (p[1] - (-1.0 + expected)).abs() < 1e-8, "{p:?}");
        }
    }
}
