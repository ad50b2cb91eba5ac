//! `y[g]` = rounds * a b, for each of so many workgroups: products of small matrices that are added, and nothing else,
//! which shows how fast a device's matrix units are. Reads a, b.

use num_traits::Float;
use serde::{Deserialize, Serialize};

use super::{Buffers, Caps, Cost, Dispatch, Io, Matrix, Spec, real};
use crate::overrides;

/// Products of matrices in many workgroups.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MatrixMultiplyAdd {
    /// Kind of matrices to multiply.
    pub matrix: Matrix,
    /// Workgroups.
    pub groups: usize,
    /// Products that each adds: a multiple of four for each of its up to 32 subgroups.
    pub rounds: usize,
}

impl Spec for MatrixMultiplyAdd {
    const NAME: &'static str = "matrix_multiply_add";
    const SOURCES: &'static [&'static str] = &[include_str!("../../shaders/matrix_multiply_add.wgsl")];

    fn buffers(&self) -> Buffers {
        let elements = self.matrix.side().pow(2);
        Buffers { reads: vec![elements; 2], writes: vec![self.groups * elements], ..Default::default() }
    }

    fn dispatch(&self, caps: &Caps) -> Dispatch {
        let overrides = overrides!(GROUPS = self.groups, ROUNDS = self.rounds);
        Dispatch { body: self.matrix.sources(), ..Dispatch::folded(self.groups, caps, overrides) }
    }

    fn reference<F: Float>(&self, mut io: Io<F>) {
        let side = self.matrix.side();
        let (a, b) = (io.reads[0], io.reads[1]);
        for (n, y) in io.writes[0].iter_mut().enumerate() {
            let (row, column) = (n / side % side, n % side);
            let product = (0..side).fold(F::zero(), |sum, k| sum + a[row * side + k] * b[k * side + column]);
            *y = product * real(self.rounds as f64);
        }
    }

    fn cost(&self) -> Cost {
        let flops = (2 * self.groups * self.rounds) as f64 * self.matrix.side().pow(3) as f64;
        Cost { flops, bytes: 4.0 * self.buffers().writes[0] as f64 }
    }
}
