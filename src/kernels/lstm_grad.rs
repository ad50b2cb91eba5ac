//! Cotangents of an LSTM's pre-activations, of h0 and of c0, back to back. Reads the values of the gates `[T, B, 4H]`,
//! c `[T + 1, B, H]`, the weight's transpose `[4H, H]`, mask `[T, B]`, dh and dc `[T, B, H]`.

use num_traits::Float;
use serde::{Deserialize, Serialize};

use super::{
    Buffers, Caps, Cost, Dispatch, Io, Spec,
    recurrent::{Sequence, dot, slope},
};

/// All steps of an LSTM, backwards.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LstmGrad {
    /// The sequence that the LSTM ran along.
    pub sequence: Sequence,
}

/// Examples of a workgroup: as many as the cotangents of all gates leave room for.
const ROWS: usize = 2;

impl Spec for LstmGrad {
    const NAME: &'static str = "lstm_grad";
    const SOURCES: &'static [&'static str] =
        &[include_str!("../../shaders/lstm_grad.wgsl"), include_str!("../../shaders/shared/recurrent.wgsl")];

    fn buffers(&self) -> Buffers {
        let s = &self.sequence;
        let (states, weight) = (s.states(), 4 * s.units * s.units);
        let reads = vec![4 * states, s.all_states(), weight, s.steps * s.batch, states, states];
        Buffers { reads, writes: vec![4 * states + 2 * s.state()], ..Default::default() }
    }

    fn dispatch(&self, caps: &Caps) -> Dispatch {
        self.sequence.dispatch(ROWS, caps)
    }

    fn reference<F: Float>(&self, mut io: Io<F>) {
        let [values, cs, transposed, mask, dhs, dcs] = io.reads[..] else { panic!("lstm_grad reads six tensors") };
        let (s, units, one) = (self.sequence, self.sequence.units, F::one());
        let (das, carried) = io.writes[0].split_at_mut(4 * s.states());
        let (dh, dc) = carried.split_at_mut(s.state());
        dh.fill(F::zero());
        dc.fill(F::zero());
        for t in s.order().rev() {
            let old_c = &cs[s.around(t)[0] * s.state()..][..s.state()];
            for b in 0..s.batch {
                let (at_row, m) = ((t * s.batch + b) * 4 * units, mask[t * s.batch + b]);
                for j in 0..units {
                    let [i, f, g, o] = [0, 1, 2, 3].map(|k| values[at_row + k * units + j]);
                    let at = b * units + j;
                    let tanh_c = (f * old_c[at] + i * g).tanh();
                    let (all_dh, all_dc) = (dhs[t * s.state() + at] + dh[at], dcs[t * s.state() + at] + dc[at]);
                    let new_dh = m * all_dh;
                    let new_dc = m * all_dc + new_dh * o * (one - tanh_c * tanh_c);
                    let da = [
                        new_dc * g * slope(i),
                        new_dc * old_c[at] * slope(f),
                        new_dc * i * (one - g * g),
                        new_dh * tanh_c * slope(o),
                    ];
                    (0..4).for_each(|k| das[at_row + k * units + j] = da[k]);
                    dh[at] = (one - m) * all_dh;
                    dc[at] = (one - m) * all_dc + new_dc * f;
                }
                let da = &das[at_row..at_row + 4 * units];
                for j in 0..units {
                    dh[b * units + j] = dh[b * units + j] + dot(da, transposed, 0, units, j);
                }
            }
        }
    }

    fn cost(&self) -> Cost {
        let s = &self.sequence;
        let Buffers { reads, writes, .. } = self.buffers();
        let elements: usize = reads.iter().chain(&writes).sum();
        Cost { flops: s.states() as f64 * (8.0 * s.units as f64 + 55.0), bytes: 4.0 * elements as f64 }
    }

    fn obstacle(&self) -> Option<String> {
        self.sequence.obstacle()
    }

    fn shape(&self) -> String {
        self.sequence.shape()
    }
}
