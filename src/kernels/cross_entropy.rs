//! `y[r] = sum over c of t[r, c] * (logsumexp(x[r, :]) - x[r, c])`. Reads x (logits), t (targets: probabilities, or the
//! index of the only one that is not 0).

use num_traits::Float;
use serde::{Deserialize, Serialize};

use super::{Buffers, Caps, Cost, Dispatch, Io, Spec, lanes, row_obstacle};
use crate::overrides;

/// One loss a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CrossEntropy {
    /// Examples.
    pub rows: usize,
    /// Classes.
    pub cols: usize,
    /// Whether t holds the index of each row's class; a row without one has a loss of 0.
    pub at_index: bool,
}

impl Spec for CrossEntropy {
    const NAME: &'static str = "cross_entropy";
    const SOURCES: &'static [&'static str] =
        &[include_str!("../../shaders/cross_entropy.wgsl"), include_str!("../../shaders/shared/row.wgsl")];

    fn buffers(&self) -> Buffers {
        let len = self.rows * self.cols;
        Buffers {
            reads: vec![len, if self.at_index { self.rows } else { len }],
            writes: vec![self.rows],
            ..Default::default()
        }
    }

    fn dispatch(&self, caps: &Caps) -> Dispatch {
        let at_index = self.at_index as u32;
        let constants = overrides!(B = self.rows, N = self.cols, AT_INDEX = at_index, LANES = lanes(self.cols));
        Dispatch::folded(self.rows, caps, constants)
    }

    fn reference<F: Float>(&self, mut io: Io<F>) {
        let targets = io.reads[1].chunks(if self.at_index { 1 } else { self.cols });
        for ((x, t), y) in io.reads[0].chunks(self.cols).zip(targets).zip(io.writes[0].iter_mut()) {
            let top = x.iter().fold(x[0], |a, &x| a.max(x));
            let log_sum = x.iter().fold(F::zero(), |a, &x| a + (x - top).exp()).ln();
            *y = match self.at_index {
                true => t[0].to_usize().and_then(|t| x.get(t)).map_or(F::zero(), |&x| log_sum - (x - top)),
                false => x.iter().zip(t).fold(F::zero(), |a, (&x, &t)| a + t * (log_sum - (x - top))),
            };
        }
    }

    fn cost(&self) -> Cost {
        let len = (self.rows * self.cols) as f64;
        let targets = self.buffers().reads[1] as f64;
        Cost { flops: 8.0 * len, bytes: 4.0 * (len + targets + self.rows as f64) }
    }

    fn obstacle(&self) -> Option<String> {
        row_obstacle(self.cols)
    }

    fn form(&self) -> String {
        if self.at_index { "at indices".into() } else { String::new() }
    }

    fn shape(&self) -> String {
        format!("{}x{}", self.rows, self.cols)
    }
}
