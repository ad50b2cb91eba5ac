//! Convolutions as matrix products, with channels last.

use super::gemm::{View, gemm};
use super::transpose::transpose;

/// Floats of laid out taps that a product works on at a time: half of a common second-level cache.
const LAID_OUT: usize = 1 << 18;
/// A row of taps longer than this makes a product deep enough on its own; shorter ones are joined over all rows of the
/// filter.
const DEEP: usize = 96;

/// A group of images with their channels last, \[image\]\[h\]\[width\]\[channel\]: `left` and more zero columns stand
/// beside each row.
pub(super) struct Pixels<'a> {
    pub data: &'a [f32],
    pub images: usize,
    pub h: usize,
    pub width: usize,
    pub left: usize,
}

/// A filter \[R,S,C\] moved over images: tap (r, s) at position (p, q) sees pixel (p*stride + r - pad, q*stride + s -
/// pad). `pad` is negative where the filter starts inside the image.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    pub c: usize,
    pub r: usize,
    pub s: usize,
    pub p: usize,
    pub q: usize,
    pub stride: [usize; 2],
    pub pad: [isize; 2],
}

/// Rows of taps as [`Window::lay_out`] lays them out: for each of `lines` lines, image and column q, `depth` floats.
struct Layout {
    /// Each line has the taps of all filter rows, or of one.
    joined: bool,
    lines: usize,
    depth: usize,
}

impl Window {
    /// Columns that a row of pixels needs left of the image, and in all, for an image `w` wide.
    pub fn width(&self, w: usize) -> (usize, usize) {
        let left = self.pad[1].max(0) as usize;
        let last = ((self.q - 1) * self.stride[1] + self.s) as isize - self.pad[1];
        (left, left + w.max(last.max(0) as usize))
    }

    /// Whether one filter has so few taps that turning outputs around would cost as much as the product.
    pub fn is_shallow(&self) -> bool {
        self.s * self.c < DEEP
    }

    fn layout(&self, rows: usize) -> Layout {
        let (joined, lines_of_all) = (self.is_shallow(), self.stride[0].min(self.r) * self.plane_lines(rows));
        Layout {
            joined,
            lines: if joined { rows } else { lines_of_all },
            depth: self.s * self.c * if joined { self.r } else { 1 },
        }
    }

    /// Lines of the pixel rows with one residue of the stride, for `rows` rows of positions.
    fn plane_lines(&self, rows: usize) -> usize {
        rows + (self.r - 1) / self.stride[0]
    }

    /// Rows of positions that are worked on at a time.
    pub fn rows_at_a_time(&self, images: usize) -> usize {
        let Layout { lines, depth, .. } = self.layout(self.p);
        let parts = (lines * images * self.q * depth).div_ceil(LAID_OUT).clamp(1, self.p);
        self.p.div_ceil(parts)
    }

    /// Floats of the laid out taps of `rows` rows of positions.
    pub fn taps_len(&self, images: usize, rows: usize) -> usize {
        let Layout { lines, depth, .. } = self.layout(rows);
        lines * images * self.q * depth
    }

    /// Writes what the taps see at rows `p..p + rows`, such that for each product that [`Window::products`] names,
    /// position (p, image, q) is a row of the matrix and all rows are the same distance apart. Unless `joined`, filter
    /// rows r and r + stride share lines: the one sees at p + 1 what the other saw at p.
    pub fn lay_out(&self, pixels: &Pixels, p: usize, rows: usize, taps: &mut [f32]) {
        let Layout { joined, lines, depth } = self.layout(rows);
        let (sh, segment) = (self.stride[0], self.s * self.c);
        for (line, taps) in taps.chunks_mut(pixels.images * self.q * depth).take(lines).enumerate() {
            let (u, residue) = (line % self.plane_lines(rows), line / self.plane_lines(rows));
            for r in 0..if joined { self.r } else { 1 } {
                let h = if joined { (p + line) * sh + r } else { (p + u) * sh + residue } as isize - self.pad[0];
                for (image, taps) in taps.chunks_mut(self.q * depth).enumerate() {
                    let taps = taps.chunks_mut(depth).map(|taps| &mut taps[r * segment..][..segment]);
                    if !(0..pixels.h as isize).contains(&h) {
                        taps.for_each(|taps| taps.fill(0.0));
                        continue;
                    }
                    let row = (image * pixels.h + h as usize) * pixels.width;
                    let first = row + (pixels.left as isize - self.pad[1]) as usize;
                    for (q, taps) in taps.enumerate() {
                        taps.copy_from_slice(&pixels.data[(first + q * self.stride[1]) * self.c..][..segment]);
                    }
                }
            }
        }
    }

    /// For each matrix product that the convolution consists of: the first row of filter taps, the number of taps times
    /// channels, and where in the laid out taps its matrix starts (the product's rows are that many floats apart).
    pub fn products(&self, images: usize, rows: usize) -> impl Iterator<Item = (usize, usize, usize)> + use<> {
        let Layout { joined, depth, .. } = self.layout(rows);
        let (sh, plane, line) = (self.stride[0], self.plane_lines(rows), images * self.q * depth);
        (0..if joined { 1 } else { self.r }).map(move |r| (r, depth, ((r % sh) * plane + r / sh) * line))
    }

    /// y\[(p,image,q), K\] = the convolution of the pixels with w\[(R,S,C), K\].
    pub fn convolve(&self, pixels: &Pixels, k: usize, w: &[f32], y: &mut [f32], taps: &mut [f32]) {
        let (images, rows_at_a_time) = (pixels.images, self.rows_at_a_time(pixels.images));
        for p in (0..self.p).step_by(rows_at_a_time) {
            let rows = rows_at_a_time.min(self.p - p);
            let y = &mut y[p * images * self.q * k..][..rows * images * self.q * k];
            self.lay_out(pixels, p, rows, taps);
            for (r, depth, start) in self.products(images, rows) {
                let w = View::rows(&w[r * self.s * self.c * k..], k);
                gemm(rows * images * self.q, k, depth, View::rows(&taps[start..], depth), w, y, k, r > 0);
            }
        }
    }
}

impl Window {
    /// y\[K,P,Q\] = the convolution of one image with w\[(R,S,C), K\], for shallow filters.
    pub fn convolve_to_channels(&self, pixels: &Pixels, k: usize, w: &[f32], y: &mut [f32], taps: &mut [f32]) {
        let rows_at_a_time = self.rows_at_a_time(1);
        let depth = self.layout(1).depth;
        for p in (0..self.p).step_by(rows_at_a_time) {
            let rows = rows_at_a_time.min(self.p - p);
            self.lay_out(pixels, p, rows, taps);
            let (w, taps) = (View::rows(w, k).transposed(), View::rows(taps, depth).transposed());
            gemm(k, rows * self.q, depth, w, taps, &mut y[p * self.q..], self.p * self.q, false);
        }
    }
}

impl<'a> Pixels<'a> {
    /// Turns channels `c0..c0 + c` of `images` images x\[C,H,W\] into pixels `width` wide.
    #[allow(clippy::too_many_arguments, reason = "two shapes")]
    pub fn new(
        x: &[f32],
        images: usize,
        image_len: usize,
        [c0, c]: [usize; 2],
        [h, w]: [usize; 2],
        (left, width): (usize, usize),
        data: &'a mut [f32],
    ) -> Self {
        for (i, image) in data.chunks_mut(h * width * c).take(images).enumerate() {
            let x = &x[i * image_len + c0 * h * w..];
            if width == w {
                transpose(c, h * w, x, h * w, image, c);
            } else {
                for (row, pixels) in image.chunks_mut(width * c).enumerate() {
                    pixels[..left * c].fill(0.0);
                    pixels[(left + w) * c..].fill(0.0);
                    transpose(c, w, &x[row * w..], h * w, &mut pixels[left * c..], c);
                }
            }
        }
        Pixels { data, images, h, width, left }
    }
}

/// y\[(p,image,q), K\] for rows `p..p + rows` of images y\[K,P,Q\].
pub(super) fn by_position(
    y: &[f32],
    images: usize,
    k: usize,
    [full_p, q]: [usize; 2],
    p: usize,
    rows: usize,
    to: &mut [f32],
) {
    for (i, to) in to.chunks_mut(q * k).take(rows * images).enumerate() {
        let (row, image) = (p + i / images, i % images);
        transpose(k, q, &y[image * k * full_p * q + row * q..], full_p * q, to, k);
    }
}
