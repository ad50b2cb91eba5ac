//! `y[r] = sum over c of t[r, c] * (logsumexp(x[r, :]) - x[r, c])`. Reads x (logits), t (targets).

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
}

impl Spec for CrossEntropy {
    const NAME: &'static str = "cross_entropy";
    const SOURCES: &'static [&'static str] =
        &[include_str!("../../shaders/cross_entropy.wgsl"), include_str!("../../shaders/shared/row.wgsl")];

    fn buffers(&self) -> Buffers {
        let len = self.rows * self.cols;
        Buffers { reads: vec![len, len], writes: vec![self.rows], ..Default::default() }
    }

    fn dispatch(&self, caps: &Caps) -> Dispatch {
        Dispatch::folded(self.rows, caps, overrides!(B = self.rows, N = self.cols, LANES = lanes(self.cols)))
    }

    fn reference<F: Float>(&self, mut io: Io<F>) {
        let rows = io.reads[0].chunks(self.cols).zip(io.reads[1].chunks(self.cols));
        for ((x, t), y) in rows.zip(io.writes[0].iter_mut()) {
            let top = x.iter().fold(x[0], |a, &x| a.max(x));
            let log_sum = x.iter().fold(F::zero(), |a, &x| a + (x - top).exp()).ln();
            *y = x.iter().zip(t).fold(F::zero(), |a, (&x, &t)| a + t * (log_sum - (x - top)));
        }
    }

    fn cost(&self) -> Cost {
        let len = (self.rows * self.cols) as f64;
        Cost { flops: 8.0 * len, bytes: 8.0 * len + 4.0 * self.rows as f64 }
    }

    fn obstacle(&self) -> Option<String> {
        row_obstacle(self.cols)
    }

    fn shape(&self) -> String {
        format!("{}x{}", self.rows, self.cols)
    }
}
