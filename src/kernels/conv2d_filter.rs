//! Filter gradient, the adjoint of `conv2d` in w: w(k, c, r, s) = sum over b, p, q of y(b, k, p, q) * x(b, c, p *
//! stride + r - pad, ..). Reads x, y. With `splits` > 1 the result is partial sums `[splits, K, C, R, S]` over
//! contiguous ranges of (b, p, q), which a `reduce` adds.

use num_traits::Float;
use serde::{Deserialize, Serialize};

use super::{
    Buffers, Caps, Cost, Dispatch, Io, MAX_LOOP, Spec,
    conv2d::GEOMETRY,
    product::{self, Product},
};
use crate::overrides;

/// A filter gradient, whole or in partial sums.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Conv2dFilter {
    /// Extents of the convolution.
    pub geometry: super::Geometry,
    /// Number of partial sums; 1: the result is the gradient itself.
    pub splits: usize,
}

/// Number of workgroups that a filter gradient should have, and minimum number of places (b, p, q) of a partial sum.
const ENOUGH: usize = 128;
const WORTH: usize = 512;

impl Conv2dFilter {
    /// The number of partial sums for a geometry: several if the filters give too few tiles to fill a device, or if the
    /// places are too many for one loop.
    pub fn splits_for(g: &super::Geometry) -> usize {
        let (tiles, places) = (g.k.div_ceil(64) * (g.c * g.r * g.s).div_ceil(64), g.b * g.p * g.q);
        let needed = places.div_ceil(MAX_LOOP);
        let wanted = ENOUGH.div_ceil(tiles).min(places / WORTH).max(needed).max(1);
        places.div_ceil(places.div_ceil(wanted))
    }

    /// Number of places (b, p, q) of one partial sum; the last partial sums may have fewer, or none.
    fn span(&self) -> usize {
        let g = &self.geometry;
        (g.b * g.p * g.q).div_ceil(self.splits)
    }

    fn product(&self) -> Product {
        let g = &self.geometry;
        let n = g.c * g.r * g.s;
        Product { batch: self.splits, m: g.k, n, k: self.span(), a_along_k: true, b_along_k: true }
    }
}

impl Spec for Conv2dFilter {
    const NAME: &'static str = "conv2d_filter";
    const SOURCES: &'static [&'static str] = &[include_str!("../../shaders/conv2d_filter.wgsl"), GEOMETRY];

    fn buffers(&self) -> Buffers {
        let g = &self.geometry;
        Buffers { reads: vec![g.x_len(), g.y_len()], writes: vec![self.splits * g.w_len()], ..Default::default() }
    }

    fn dispatch(&self, caps: &Caps) -> Dispatch {
        let mut overrides = overrides!(SPAN = self.span());
        overrides.extend(self.geometry.overrides());
        self.product().dispatch(caps, overrides)
    }

    fn reference<F: Float>(&self, mut io: Io<F>) {
        let g = &self.geometry;
        let (x, y) = (io.reads[0], io.reads[1]);
        let places = g.b * g.p * g.q;
        for (n, w) in io.writes[0].iter_mut().enumerate() {
            let (i, k, c, r, s) =
                (n / g.w_len(), n / (g.c * g.r * g.s) % g.k, n / (g.r * g.s) % g.c, n / g.s % g.r, n % g.s);
            *w = F::zero();
            for place in i * self.span()..places.min((i + 1) * self.span()) {
                let (b, p, q) = (place / (g.p * g.q), place / g.q % g.p, place % g.q);
                if let Some([down, across]) = g.meets([p, q], [r, s]) {
                    let pixel = x[((b * g.c + c) * g.h + down) * g.w + across];
                    *w = *w + y[((b * g.k + k) * g.p + p) * g.q + q] * pixel;
                }
            }
        }
    }

    fn cost(&self) -> Cost {
        product::cost(self.geometry.macs(), &self.buffers(), None)
    }

    fn obstacle(&self) -> Option<String> {
        self.product().obstacle()
    }

    fn shape(&self) -> String {
        self.geometry.shape()
    }
}
