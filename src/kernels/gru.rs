//! All steps of a GRU: h `[T + 1, B, H]`, in the order of time, the one before its first step included, and the values
//! of r, z, n and of n's recurrent part u `[T, B, 4H]`. Reads gates `[T, B, 3H]`, weight `[H, 3H]`, bias `[H]`, h0
//! `[B, H]`, mask `[T, B]`.

use num_traits::Float;
use serde::{Deserialize, Serialize};

use super::{
    Buffers, Caps, Cost, Dispatch, Io, Spec,
    recurrent::{Sequence, choose, dot, sigmoid},
};
use crate::graph::Reset;

/// All steps of a GRU.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gru {
    /// The sequence that the GRU runs along.
    pub sequence: Sequence,
    /// Where the reset gate acts.
    pub reset: Reset,
}

/// Examples of a workgroup.
const ROWS: usize = 4;

impl Spec for Gru {
    const NAME: &'static str = "gru";
    const SOURCES: &'static [&'static str] =
        &[include_str!("../../shaders/gru.wgsl"), include_str!("../../shaders/shared/recurrent.wgsl")];

    fn buffers(&self) -> Buffers {
        let s = &self.sequence;
        let reads = vec![3 * s.states(), 3 * s.units * s.units, s.units, s.state(), s.steps * s.batch];
        Buffers { reads, writes: vec![s.all_states() + 4 * s.states()], ..Default::default() }
    }

    fn dispatch(&self, caps: &Caps) -> Dispatch {
        let mut dispatch = self.sequence.dispatch(ROWS, caps);
        dispatch.overrides.push(reset_constant(self.reset));
        dispatch
    }

    fn reference<F: Float>(&self, mut io: Io<F>) {
        let [gates, weight, bias, h0, mask] = io.reads[..] else { panic!("gru reads five tensors") };
        let (s, units, one) = (self.sequence, self.sequence.units, F::one());
        let (hs, values) = io.writes[0].split_at_mut(s.all_states());
        hs[s.first() * s.state()..][..s.state()].copy_from_slice(h0);
        for t in s.order() {
            for b in 0..s.batch {
                let (row, m) = (t * s.batch + b, mask[t * s.batch + b]);
                let [before, after] = s.around(t).map(|place| (place * s.batch + b) * units);
                let h = hs[before..before + units].to_vec();
                let x = |k: usize, j: usize| gates[row * 3 * units + k * units + j];
                let product = |v: &[F], k: usize, j: usize| dot(v, weight, 0, 3 * units, k * units + j);
                let r: Vec<F> = (0..units).map(|j| sigmoid(x(0, j) + product(&h, 0, j))).collect();
                let reset_h: Vec<F> = r.iter().zip(&h).map(|(&r, &h)| r * h).collect();
                for j in 0..units {
                    let z = sigmoid(x(1, j) + product(&h, 1, j));
                    let (from, share) = match self.reset {
                        Reset::Before => (&reset_h, one),
                        Reset::After => (&h, r[j]),
                    };
                    let u = product(from, 2, j) + bias[j];
                    let n = (x(2, j) + share * u).tanh();
                    hs[after + j] = choose(m, (one - z) * n + z * h[j], h[j]);
                    let kept = [r[j], z, n, u];
                    kept.into_iter().enumerate().for_each(|(k, v)| values[row * 4 * units + k * units + j] = v);
                }
            }
        }
    }

    fn cost(&self) -> Cost {
        let s = &self.sequence;
        let Buffers { reads, writes, .. } = self.buffers();
        let elements: usize = reads.iter().chain(&writes).sum();
        Cost { flops: s.states() as f64 * (6.0 * s.units as f64 + 25.0), bytes: 4.0 * elements as f64 }
    }

    fn obstacle(&self) -> Option<String> {
        self.sequence.obstacle()
    }

    fn shape(&self) -> String {
        self.sequence.shape()
    }
}

/// The pipeline constant that says where the reset gate acts.
pub(super) fn reset_constant(reset: Reset) -> (String, f64) {
    ("RESET_BEFORE".into(), f64::from(u8::from(reset == Reset::Before)))
}
