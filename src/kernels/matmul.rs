//! y[i, m, n] = chain(sum over k of a[i, m, k] * b[i, k, n]), reads a, b.

use num_traits::Float;
use serde::{Deserialize, Serialize};

use super::{
    Buffers, Caps, Chain, Cost, Dispatch, Io, Spec,
    product::{self, Product},
};
use crate::overrides;

/// Products of a batch of matrices, with their epilogue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MatMul {
    /// Number of products.
    pub batch: usize,
    /// Rows of a and y.
    pub m: usize,
    /// Columns of b and y.
    pub n: usize,
    /// Columns of a, rows of b.
    pub k: usize,
    /// Whether a is stored as [batch, K, M].
    pub a_transposed: bool,
    /// Whether b is stored as [batch, N, K].
    pub b_transposed: bool,
    /// Epilogue: the product is its accumulator, n the row-major position in y.
    pub chain: Chain,
}

impl MatMul {
    fn product(&self) -> Product {
        let &Self { batch, m, n, k, a_transposed, b_transposed, .. } = self;
        Product { batch, m, n, k, a_along_k: !a_transposed, b_along_k: b_transposed }
    }
}

impl Spec for MatMul {
    const NAME: &'static str = "matmul";
    const SOURCES: &'static [&'static str] =
        &[include_str!("../../shaders/matmul.wgsl"), include_str!("../../shaders/shared/chain.wgsl")];

    fn buffers(&self) -> Buffers {
        let &Self { batch, m, n, k, .. } = self;
        Buffers { reads: vec![batch * m * k, batch * k * n], writes: vec![batch * m * n], ..Default::default() }
    }

    fn dispatch(&self, caps: &Caps) -> Dispatch {
        let &Self { k, a_transposed, b_transposed, .. } = self;
        self.product()
            .dispatch(caps, overrides!(K = k, A_TRANSPOSED = a_transposed as u32, B_TRANSPOSED = b_transposed as u32))
    }

    fn reference<F: Float>(&self, mut io: Io<F>) {
        let &Self { batch, m: rows, n: columns, k: depth, .. } = self;
        let (a, b) = (io.reads[0], io.reads[1]);
        let a = |i: usize, m: usize, k: usize| {
            a[if self.a_transposed { (i * depth + k) * rows + m } else { (i * rows + m) * depth + k }]
        };
        let b = |i: usize, k: usize, n: usize| {
            b[if self.b_transposed { (i * columns + n) * depth + k } else { (i * depth + k) * columns + n }]
        };
        for i in 0..batch {
            for m in 0..rows {
                for n in 0..columns {
                    let sum = (0..depth).fold(F::zero(), |sum, k| sum + a(i, m, k) * b(i, k, n));
                    let at = (i * rows + m) * columns + n;
                    io.writes[0][at] = self.chain.eval(at, sum, &io.operands);
                }
            }
        }
    }

    fn cost(&self) -> Cost {
        let &Self { batch, m, n, k, .. } = self;
        product::cost((batch * m * n * k) as f64, &self.buffers(), Some(&self.chain))
    }

    fn chain(&self) -> Option<&Chain> {
        Some(&self.chain)
    }

    fn obstacle(&self) -> Option<String> {
        self.product().obstacle()
    }

    fn form(&self) -> String {
        let transposed = |transposed| if transposed { "T" } else { "" };
        format!("a{} b{}", transposed(self.a_transposed), transposed(self.b_transposed))
    }

    fn shape(&self) -> String {
        let batch = if self.batch > 1 { format!("{} of ", self.batch) } else { String::new() };
        format!("{batch}{}x{} {}x{}", self.m, self.k, self.k, self.n)
    }
}
