//! ring[step % rows, j] = x[j * stride]: keeps a round's metrics. Reads x. Words: the clock. Writes ring [rows, count].

use num_traits::Float;
use serde::{Deserialize, Serialize};

use super::{Buffers, Caps, Cost, Dispatch, Io, Spec};
use crate::overrides;

/// A row of metrics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Metrics.
    pub count: usize,
    /// Elements from one metric to the next in x.
    pub stride: usize,
    /// Rows of the ring.
    pub rows: usize,
}

const SIZE: usize = 64;

impl Spec for Record {
    const NAME: &'static str = "record";
    const SOURCES: &'static [&'static str] = &[include_str!("../../shaders/record.wgsl")];

    fn buffers(&self) -> Buffers {
        let x = (self.count - 1) * self.stride + 1;
        Buffers { reads: vec![x], words: vec![4], writes: vec![self.rows * self.count], ..Default::default() }
    }

    fn dispatch(&self, caps: &Caps) -> Dispatch {
        Dispatch::folded(
            self.count.div_ceil(SIZE),
            caps,
            overrides!(N = self.count, STRIDE = self.stride, ROWS = self.rows),
        )
    }

    fn reference<F: Float>(&self, mut io: Io<F>) {
        let row = io.words[0][0] as usize % self.rows;
        let ring = &mut io.writes[0][row * self.count..][..self.count];
        for (j, y) in ring.iter_mut().enumerate() {
            *y = io.reads[0][j * self.stride];
        }
    }

    fn cost(&self) -> Cost {
        Cost { flops: 0.0, bytes: 8.0 * self.count as f64 }
    }
}
