//! `y[r, :] = sum of x[n, :] over the n with i[n] = r`, in the order of n. Reads i (whole numbers), x.

use num_traits::Float;
use serde::{Deserialize, Serialize};

use super::{Buffers, Caps, Cost, Dispatch, Io, MAX_LOOP, Spec};
use crate::overrides;

/// Sums of the rows that have the same index: the gradient of an embedding's table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RowSums {
    /// Number of indices, and of rows of x.
    pub indices: usize,
    /// Rows of the result.
    pub rows: usize,
    /// Columns of x and of the result.
    pub cols: usize,
}

/// Columns, and rows of the result, of a workgroup: one invocation for each column.
const LANES: usize = 64;
const SPAN: usize = 16;

impl Spec for RowSums {
    const NAME: &'static str = "row_sums";
    const SOURCES: &'static [&'static str] = &[include_str!("../../shaders/row_sums.wgsl")];

    fn buffers(&self) -> Buffers {
        let reads = vec![self.indices, self.indices * self.cols];
        Buffers { reads, writes: vec![self.rows * self.cols], ..Default::default() }
    }

    fn dispatch(&self, caps: &Caps) -> Dispatch {
        let across = self.cols.div_ceil(LANES);
        let constants = overrides!(N = self.indices, R = self.rows, D = self.cols, ACROSS = across);
        Dispatch::folded(across * self.rows.div_ceil(SPAN), caps, constants)
    }

    fn reference<F: Float>(&self, mut io: Io<F>) {
        let (indices, x) = (io.reads[0], io.reads[1]);
        io.writes[0].fill(F::zero());
        for (index, x) in indices.iter().zip(x.chunks(self.cols)) {
            let Some(row) = index.to_usize().filter(|row| *row < self.rows) else { continue };
            io.writes[0][row * self.cols..][..self.cols].iter_mut().zip(x).for_each(|(y, x)| *y = *y + *x);
        }
    }

    fn cost(&self) -> Cost {
        let (read, written) = (self.indices * (1 + self.cols), self.rows * self.cols);
        Cost { flops: (self.indices * self.cols) as f64, bytes: 4.0 * (read + written) as f64 }
    }

    fn obstacle(&self) -> Option<String> {
        (self.indices > MAX_LOOP).then(|| format!("{} indices are too many for one launch", self.indices))
    }

    fn shape(&self) -> String {
        format!("{} to {}x{}", self.indices, self.rows, self.cols)
    }
}
