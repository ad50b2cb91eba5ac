//! y[r, :] = softmax(x[r, :]). Reads x.

use num_traits::Float;
use serde::{Deserialize, Serialize};

use super::{Buffers, Caps, Cost, Dispatch, Io, Spec, lanes, row_obstacle};
use crate::overrides;

/// A softmax of each row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Softmax {
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub cols: usize,
}

impl Spec for Softmax {
    const NAME: &'static str = "softmax";
    const SOURCES: &'static [&'static str] =
        &[include_str!("../../shaders/softmax.wgsl"), include_str!("../../shaders/shared/row.wgsl")];

    fn buffers(&self) -> Buffers {
        let len = self.rows * self.cols;
        Buffers { reads: vec![len], writes: vec![len], ..Default::default() }
    }

    fn dispatch(&self, caps: &Caps) -> Dispatch {
        Dispatch::folded(self.rows, caps, overrides!(B = self.rows, N = self.cols, LANES = lanes(self.cols)))
    }

    fn reference<F: Float>(&self, mut io: Io<F>) {
        for (x, y) in io.reads[0].chunks(self.cols).zip(io.writes[0].chunks_mut(self.cols)) {
            let top = x.iter().fold(x[0], |a, &x| a.max(x));
            let sum = x.iter().fold(F::zero(), |a, &x| a + (x - top).exp());
            for (y, &x) in y.iter_mut().zip(x) {
                *y = (x - top).exp() / sum;
            }
        }
    }

    fn cost(&self) -> Cost {
        let len = (self.rows * self.cols) as f64;
        Cost { flops: 7.0 * len, bytes: 8.0 * len }
    }

    fn obstacle(&self) -> Option<String> {
        row_obstacle(self.cols)
    }

    fn shape(&self) -> String {
        format!("{}x{}", self.rows, self.cols)
    }
}
