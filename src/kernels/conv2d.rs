//! Convolution: y = chain(x * w), reads x, w; see [`Geometry`].

use num_traits::Float;
use serde::{Deserialize, Serialize};

use super::{
    Buffers, Caps, Chain, Cost, Dispatch, Io, Spec,
    product::{self, Product},
};
use crate::overrides;

/// The WGSL with the extents of a convolution.
pub(super) const GEOMETRY: &str = include_str!("../../shaders/shared/geometry.wgsl");

/// A convolution with its epilogue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Conv2d {
    /// Extents of x, w and y.
    pub geometry: Geometry,
    /// Epilogue: the product is its accumulator, n the row-major position in y.
    pub chain: Chain,
}

/// Extents of a convolution of x `[B, C, H, W]` with filters w `[K, C, R, S]` to y `[B, K, P, Q]`:
/// y(b, k, p, q) = sum over c, r, s of x(b, c, p * stride + r - pad, q * stride + s - pad) * w(k, c, r, s). x is zero
/// outside its extents. `pad` is the padding at the top and left; P and Q determine the padding at the bottom and
/// right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Geometry {
    /// Batch.
    pub b: usize,
    /// Channels of x.
    pub c: usize,
    /// Rows of x.
    pub h: usize,
    /// Columns of x.
    pub w: usize,
    /// Channels of y: the number of filters.
    pub k: usize,
    /// Rows of a filter.
    pub r: usize,
    /// Columns of a filter.
    pub s: usize,
    /// Rows of y.
    pub p: usize,
    /// Columns of y.
    pub q: usize,
    /// Strides of the filter, down and across.
    pub stride: [usize; 2],
    /// Zeros above and to the left of x.
    pub pad: [usize; 2],
}

impl Geometry {
    /// The geometry of tensors x, w and y of these shapes. Panics unless each has four axes.
    pub fn of(x: &[usize], w: &[usize], y: &[usize], stride: [usize; 2], pad: [usize; 2]) -> Self {
        let (&[b, c, h, width], &[k, _, r, s], &[_, _, p, q]) = (x, w, y) else {
            panic!("a convolution ties three tensors of four axes: {x:?}, {w:?}, {y:?}")
        };
        Self { b, c, h, w: width, k, r, s, p, q, stride, pad }
    }

    /// Elements of x.
    pub fn x_len(&self) -> usize {
        self.b * self.image_len()
    }
    /// Elements of w.
    pub fn w_len(&self) -> usize {
        self.k * self.filter_len()
    }
    /// Elements of y.
    pub fn y_len(&self) -> usize {
        self.b * self.output_len()
    }
    /// Elements of x, w and y.
    pub fn lens(&self) -> [usize; 3] {
        [self.x_len(), self.w_len(), self.y_len()]
    }
    /// Elements of one image of x.
    pub fn image_len(&self) -> usize {
        self.c * self.h * self.w
    }
    /// Elements of one image of y.
    pub fn output_len(&self) -> usize {
        self.k * self.p * self.q
    }
    /// Elements of one filter.
    pub fn filter_len(&self) -> usize {
        self.c * self.r * self.s
    }
    /// Multiply-adds of the convolution, including those with padding.
    pub fn macs(&self) -> f64 {
        self.y_len() as f64 * (self.c * self.r * self.s) as f64
    }

    /// The extents of x and w and the stride, for people.
    pub(super) fn shape(&self) -> String {
        let &Self { b, c, h, w, k, r, s, stride: [down, across], .. } = self;
        format!("{b}x{c}x{h}x{w} {k}x{c}x{r}x{s} /{down}x{across}")
    }

    /// Row and column of the element of x under filter tap (r, s) for output (p, q); `None` if it lies outside x.
    pub fn meets(&self, [p, q]: [usize; 2], [r, s]: [usize; 2]) -> Option<[usize; 2]> {
        let down = (p * self.stride[0] + r).checked_sub(self.pad[0]).filter(|&h| h < self.h)?;
        let across = (q * self.stride[1] + s).checked_sub(self.pad[1]).filter(|&w| w < self.w)?;
        Some([down, across])
    }

    /// Pipeline constants of the three convolution shaders.
    pub(super) fn overrides(&self) -> Vec<(String, f64)> {
        let &Self { b, c, h, w, k, r, s, p, q, stride, pad } = self;
        overrides!(
            IMAGES = b,
            CHANNELS = c,
            H = h,
            W = w,
            K = k,
            R = r,
            S = s,
            P = p,
            Q = q,
            STRIDE_H = stride[0],
            STRIDE_W = stride[1],
            PAD_H = pad[0],
            PAD_W = pad[1],
        )
    }
}

impl Conv2d {
    fn product(&self) -> Product {
        let g = &self.geometry;
        // A filter lies in one piece along k; of a patch only runs of S do, and neighbours in n are neighbours in x.
        Product { batch: 1, m: g.k, n: g.b * g.p * g.q, k: g.c * g.r * g.s, a_along_k: true, b_along_k: false }
    }
}

impl Spec for Conv2d {
    const NAME: &'static str = "conv2d";
    const SOURCES: &'static [&'static str] =
        &[include_str!("../../shaders/conv2d.wgsl"), GEOMETRY, include_str!("../../shaders/shared/chain.wgsl")];

    fn buffers(&self) -> Buffers {
        let g = &self.geometry;
        Buffers { reads: vec![g.x_len(), g.w_len()], writes: vec![g.y_len()], ..Default::default() }
    }

    fn dispatch(&self, caps: &Caps) -> Dispatch {
        self.product().dispatch(caps, self.geometry.overrides())
    }

    fn reference<F: Float>(&self, mut io: Io<F>) {
        let g = &self.geometry;
        let (x, w) = (io.reads[0], io.reads[1]);
        for n in 0..g.y_len() {
            let (b, k, p, q) = (n / (g.k * g.p * g.q), n / (g.p * g.q) % g.k, n / g.q % g.p, n % g.q);
            let mut sum = F::zero();
            for c in 0..g.c {
                for r in 0..g.r {
                    for s in 0..g.s {
                        if let Some([down, across]) = g.meets([p, q], [r, s]) {
                            let pixel = x[((b * g.c + c) * g.h + down) * g.w + across];
                            sum = sum + pixel * w[((k * g.c + c) * g.r + r) * g.s + s];
                        }
                    }
                }
            }
            io.writes[0][n] = self.chain.eval(n, sum, &io.operands);
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
