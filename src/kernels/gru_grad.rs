//! Cotangents of a GRU's gates and of h0, back to back. Reads the values of r, z, n and u `[T, B, 4H]`, h
//! `[T + 1, B, H]`, the weight's transpose `[3H, H]`, mask `[T, B]`, dh `[T, B, H]`.

use num_traits::Float;
use serde::{Deserialize, Serialize};

use super::{
    Buffers, Caps, Cost, Dispatch, Io, Spec,
    gru::reset_constant,
    recurrent::{Sequence, dot, slope},
};
use crate::graph::Reset;

/// All steps of a GRU, backwards.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GruGrad {
    /// The sequence that the GRU ran along.
    pub sequence: Sequence,
    /// Where its reset gate acts.
    pub reset: Reset,
}

/// Examples of a workgroup: the most that fit in its memory with the cotangents of all gates.
const ROWS: usize = 2;

impl Spec for GruGrad {
    const NAME: &'static str = "gru_grad";
    const SOURCES: &'static [&'static str] =
        &[include_str!("../../shaders/gru_grad.wgsl"), include_str!("../../shaders/shared/recurrent.wgsl")];

    fn buffers(&self) -> Buffers {
        let s = &self.sequence;
        let (states, weight) = (s.states(), 3 * s.units * s.units);
        let reads = vec![4 * states, s.all_states(), weight, s.steps * s.batch, states];
        Buffers { reads, writes: vec![3 * states + s.state()], ..Default::default() }
    }

    fn dispatch(&self, caps: &Caps) -> Dispatch {
        let mut dispatch = self.sequence.dispatch(ROWS, caps);
        dispatch.overrides.push(reset_constant(self.reset));
        dispatch
    }

    fn reference<F: Float>(&self, mut io: Io<F>) {
        let [values, hs, transposed, mask, dhs] = io.reads[..] else { panic!("gru_grad reads five tensors") };
        let (s, units, one) = (self.sequence, self.sequence.units, F::one());
        let (das, dh) = io.writes[0].split_at_mut(3 * s.states());
        dh.fill(F::zero());
        for t in s.order().rev() {
            for b in 0..s.batch {
                let (row, m) = (t * s.batch + b, mask[t * s.batch + b]);
                let da = &mut das[row * 3 * units..][..3 * units];
                let dh = &mut dh[b * units..(b + 1) * units];
                let old_h = &hs[(s.around(t)[0] * s.batch + b) * units..][..units];
                let value = |k: usize, j: usize| values[row * 4 * units + k * units + j];
                let r = |j: usize| value(0, j);
                for j in 0..units {
                    let (z, n) = (value(1, j), value(2, j));
                    let all_dh = dhs[row * units + j] + dh[j];
                    let new_dh = m * all_dh;
                    da[units + j] = new_dh * (old_h[j] - n) * slope(z);
                    da[2 * units + j] = new_dh * (one - z) * (one - n * n);
                    dh[j] = (one - m) * all_dh + new_dh * z;
                }
                let du_n: Vec<F> = match self.reset {
                    Reset::Before => {
                        for j in 0..units {
                            let through = dot(&da[2 * units..], transposed, 2 * units, units, j);
                            da[j] = through * old_h[j] * slope(r(j));
                            dh[j] = dh[j] + through * r(j);
                        }
                        vec![F::zero(); units]
                    }
                    Reset::After => {
                        (0..units).for_each(|j| da[j] = da[2 * units + j] * value(3, j) * slope(r(j)));
                        (0..units).map(|j| da[2 * units + j] * r(j)).collect()
                    }
                };
                for (j, dh) in dh.iter_mut().enumerate() {
                    let gates = dot(&da[..2 * units], transposed, 0, units, j);
                    *dh = *dh + gates + dot(&du_n, transposed, 2 * units, units, j);
                }
            }
        }
    }

    fn cost(&self) -> Cost {
        let s = &self.sequence;
        let Buffers { reads, writes, .. } = self.buffers();
        let elements: usize = reads.iter().chain(&writes).sum();
        Cost { flops: s.states() as f64 * (6.0 * s.units as f64 + 45.0), bytes: 4.0 * elements as f64 }
    }

    fn obstacle(&self) -> Option<String> {
        self.sequence.obstacle()
    }

    fn shape(&self) -> String {
        self.sequence.shape()
    }
}
