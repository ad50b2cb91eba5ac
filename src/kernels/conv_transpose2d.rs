//! Transposed convolution, the adjoint of `conv2d` in x: x(b, c, h, w) = chain(sum over k, r, s of y(b, k, p, q) * w(k,
//! c, r, s) where p * stride + r - pad = h and q * stride + s - pad = w), reads y, w, writes x.

use num_traits::Float;
use serde::{Deserialize, Serialize};

use super::{
    Buffers, Caps, Chain, Cost, Dispatch, Io, Spec,
    conv2d::GEOMETRY,
    product::{self, Product},
};

/// A transposed convolution with its epilogue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConvTranspose2d {
    /// Extents of the convolution whose adjoint this is.
    pub geometry: super::Geometry,
    /// Epilogue: the product is its accumulator, n the row-major position in x.
    pub chain: Chain,
}

impl ConvTranspose2d {
    /// One product for each phase of the stride, with the extents of the largest phase.
    fn product(&self) -> Product {
        let g = &self.geometry;
        let [down, across] = g.stride;
        Product {
            batch: down * across,
            m: g.c,
            n: g.b * g.h.div_ceil(down) * g.w.div_ceil(across),
            k: g.k * g.r.div_ceil(down) * g.s.div_ceil(across),
            a_along_k: true,
            b_along_k: false,
        }
    }
}

impl Spec for ConvTranspose2d {
    const NAME: &'static str = "conv_transpose2d";
    const SOURCES: &'static [&'static str] = &[
        include_str!("../../shaders/conv_transpose2d.wgsl"),
        GEOMETRY,
        include_str!("../../shaders/shared/chain.wgsl"),
    ];

    fn buffers(&self) -> Buffers {
        let g = &self.geometry;
        Buffers { reads: vec![g.y_len(), g.w_len()], writes: vec![g.x_len()], ..Default::default() }
    }

    fn dispatch(&self, caps: &Caps) -> Dispatch {
        self.product().dispatch(caps, self.geometry.overrides())
    }

    fn reference<F: Float>(&self, mut io: Io<F>) {
        let g = &self.geometry;
        let (y, w) = (io.reads[0], io.reads[1]);
        let x = &mut io.writes[0];
        x.fill(F::zero());
        for (n, &y) in y.iter().enumerate() {
            let (b, k, p, q) = (n / (g.k * g.p * g.q), n / (g.p * g.q) % g.k, n / g.q % g.p, n % g.q);
            for c in 0..g.c {
                for r in 0..g.r {
                    for s in 0..g.s {
                        if let Some([down, across]) = g.meets([p, q], [r, s]) {
                            let pixel = &mut x[((b * g.c + c) * g.h + down) * g.w + across];
                            *pixel = *pixel + y * w[((k * g.c + c) * g.r + r) * g.s + s];
                        }
                    }
                }
            }
        }
        for (n, x) in x.iter_mut().enumerate() {
            *x = self.chain.eval(n, *x, &io.operands);
        }
    }

    fn cost(&self) -> Cost {
        product::cost(self.geometry.macs(), &self.buffers(), Some(&self.chain))
    }

    fn chain(&self) -> Option<&Chain> {
        Some(&self.chain)
    }

    fn obstacle(&self) -> Option<String> {
        self.product().obstacle()
    }

    fn shape(&self) -> String {
        self.geometry.shape()
    }
}
