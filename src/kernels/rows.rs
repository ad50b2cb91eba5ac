//! `y[n, :] = x[i[n], :]`, or zeros where i\[n\] is no row of x. Reads i (whole numbers), x.

use num_traits::Float;
use serde::{Deserialize, Serialize};

use super::{Buffers, Caps, Cost, Dispatch, Io, Spec};
use crate::overrides;

/// Rows of a table, by index: an embedding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rows {
    /// Number of indices.
    pub indices: usize,
    /// Rows of the table.
    pub rows: usize,
    /// Its columns.
    pub cols: usize,
}

const SIZE: usize = 256;

impl Spec for Rows {
    const NAME: &'static str = "rows";
    const SOURCES: &'static [&'static str] = &[include_str!("../../shaders/rows.wgsl")];

    fn buffers(&self) -> Buffers {
        let reads = vec![self.indices, self.rows * self.cols];
        Buffers { reads, writes: vec![self.indices * self.cols], ..Default::default() }
    }

    fn dispatch(&self, caps: &Caps) -> Dispatch {
        let constants = overrides!(N = self.indices, R = self.rows, D = self.cols);
        Dispatch::folded((self.indices * self.cols).div_ceil(SIZE), caps, constants)
    }

    fn reference<F: Float>(&self, mut io: Io<F>) {
        let (indices, table) = (io.reads[0], io.reads[1]);
        for (index, y) in indices.iter().zip(io.writes[0].chunks_mut(self.cols)) {
            match index.to_usize().filter(|row| *row < self.rows) {
                Some(row) => y.copy_from_slice(&table[row * self.cols..][..self.cols]),
                None => y.fill(F::zero()),
            }
        }
    }

    fn cost(&self) -> Cost {
        Cost { flops: 0.0, bytes: 4.0 * (self.indices * (1 + 2 * self.cols)) as f64 }
    }

    fn shape(&self) -> String {
        format!("{} of {}x{}", self.indices, self.rows, self.cols)
    }
}
