//! All steps of an LSTM: h and c `[T + 1, B, H]`, in the order of time, those before its first step among them, and the
//! values of its gates `[T, B, 4H]`. Reads gates `[T, B, 4H]`, weight `[H, 4H]`, h0 `[B, H]`, c0 `[B, H]`, mask
//! `[T, B]`.

use num_traits::Float;
use serde::{Deserialize, Serialize};

use super::{
    Buffers, Caps, Cost, Dispatch, Io, Spec,
    recurrent::{Sequence, choose, dot, sigmoid},
};

/// All steps of an LSTM.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lstm {
    /// The sequence that the LSTM runs along.
    pub sequence: Sequence,
}

/// Examples of a workgroup.
const ROWS: usize = 4;

impl Spec for Lstm {
    const NAME: &'static str = "lstm";
    const SOURCES: &'static [&'static str] =
        &[include_str!("../../shaders/lstm.wgsl"), include_str!("../../shaders/shared/recurrent.wgsl")];

    fn buffers(&self) -> Buffers {
        let s = &self.sequence;
        let reads = vec![4 * s.states(), 4 * s.units * s.units, s.state(), s.state(), s.steps * s.batch];
        Buffers { reads, writes: vec![2 * s.all_states() + 4 * s.states()], ..Default::default() }
    }

    fn dispatch(&self, caps: &Caps) -> Dispatch {
        self.sequence.dispatch(ROWS, caps)
    }

    fn reference<F: Float>(&self, mut io: Io<F>) {
        let [gates, weight, h0, c0, mask] = io.reads[..] else { panic!("lstm reads five tensors") };
        let (s, units) = (self.sequence, self.sequence.units);
        let (hs, rest) = io.writes[0].split_at_mut(s.all_states());
        let (cs, values) = rest.split_at_mut(s.all_states());
        hs[s.first() * s.state()..][..s.state()].copy_from_slice(h0);
        cs[s.first() * s.state()..][..s.state()].copy_from_slice(c0);
        for t in s.order() {
            for b in 0..s.batch {
                let (row, m) = ((t * s.batch + b) * 4 * units, mask[t * s.batch + b]);
                let [before, after] = s.around(t).map(|place| (place * s.batch + b) * units);
                for j in 0..units {
                    let gate = |k: usize| {
                        gates[row + k * units + j]
                            + dot(&hs[before..before + units], weight, 0, 4 * units, k * units + j)
                    };
                    let [i, f, g, o] = [sigmoid(gate(0)), sigmoid(gate(1)), gate(2).tanh(), sigmoid(gate(3))];
                    let (h, c) = (hs[before + j], cs[before + j]);
                    let new_c = f * c + i * g;
                    hs[after + j] = choose(m, o * new_c.tanh(), h);
                    cs[after + j] = choose(m, new_c, c);
                    [i, f, g, o].into_iter().enumerate().for_each(|(k, v)| values[row + k * units + j] = v);
                }
            }
        }
    }

    fn cost(&self) -> Cost {
        let s = &self.sequence;
        let Buffers { reads, writes, .. } = self.buffers();
        let elements: usize = reads.iter().chain(&writes).sum();
        Cost { flops: s.states() as f64 * (8.0 * s.units as f64 + 30.0), bytes: 4.0 * elements as f64 }
    }

    fn obstacle(&self) -> Option<String> {
        self.sequence.obstacle()
    }

    fn shape(&self) -> String {
        self.sequence.shape()
    }
}
