//! Convolutions as matrix products, with channels last.

use super::gemm::{View, gemm};
use super::scratch::LINE;
use super::transpose::transpose;

/// Target number of floats of laid-out taps for one product: half of a common second-level cache.
const LAID_OUT: usize = 1 << 18;
/// Minimum depth (S * C) at which one filter row makes a product of its own; below it, all filter rows are joined in
/// one product.
const DEEP: usize = 96;

/// A group of images with channels last, \[image\]\[h\]\[width\]\[channel\]. Each row is padded with zeros: `left`
/// columns before the image, the other columns after it.
pub(super) struct Pixels<'a> {
    pub data: &'a [f32],
    pub images: usize,
    pub h: usize,
    pub width: usize,
    pub left: usize,
}

/// A filter \[R,S,C\] moved over images: at position (p, q), tap (r, s) reads pixel (p*stride + r - pad, q*stride + s -
/// pad). `pad` is negative if the filter starts inside the image.
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

/// The layout of the taps that [`Window::lay_out`] writes: \[lines, image, q, depth\].
struct Layout {
    /// Whether each line holds the taps of all filter rows; otherwise it holds those of one filter row.
    joined: bool,
    lines: usize,
    depth: usize,
}

impl Window {
    /// Columns that a row of pixels needs for an image `w` wide: those left of the image, and all of them.
    pub fn width(&self, w: usize) -> (usize, usize) {
        let left = self.pad[1].max(0) as usize;
        let last = ((self.q - 1) * self.stride[1] + self.s) as isize - self.pad[1];
        (left, left + w.max(last.max(0) as usize))
    }

    /// Whether a filter row has few taps. Then all filter rows are joined in one product, and outputs of a single image
    /// are computed with channels first, because transposing them would cost as much as the product.
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

    /// Lines for the pixel rows of one residue modulo the stride, for `rows` rows of positions.
    fn plane_lines(&self, rows: usize) -> usize {
        rows + (self.r - 1) / self.stride[0]
    }

    /// Rows of positions in one product.
    pub fn rows_at_a_time(&self, images: usize) -> usize {
        let Layout { lines, depth, .. } = self.layout(self.p);
        let parts = (lines * images * self.q * depth).div_ceil(LAID_OUT).clamp(1, self.p);
        self.p.div_ceil(parts)
    }

    /// Floats of the laid-out taps of `rows` rows of positions.
    pub fn taps_len(&self, images: usize, rows: usize) -> usize {
        let Layout { lines, depth, .. } = self.layout(rows);
        lines * images * self.q * depth
    }

    /// Writes the pixels under the taps for rows `p..p + rows` of positions. In the matrix of each of
    /// [`Window::products`], each position (p, image, q) is a row, and all rows are the same distance apart. Unless
    /// `joined`, filter rows r and r + stride share lines: row r at p + 1 reads the same pixels as row r + stride at p.
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

    /// For each matrix product of the convolution: the first filter row, the depth (number of taps times channels), and
    /// the offset of its matrix in the laid-out taps. The rows of that matrix are `depth` floats apart.
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
    /// Writes channels `c0..c0 + c` of `images` images x\[C,H,W\] to `data` as pixels `width` wide.
    pub fn new(
        x: &[f32],
        images: usize,
        image_len: usize,
        [c0, c]: [usize; 2],
        [h, w]: [usize; 2],
        [(top, rows), (left, width)]: [(usize, usize); 2],
        data: &'a mut [f32],
    ) -> Self {
        for (i, image) in data.chunks_mut(rows * width * c).take(images).enumerate() {
            let x = &x[i * image_len + c0 * h * w..];
            image[..top * width * c].fill(0.0);
            image[(top + h) * width * c..].fill(0.0);
            let image = &mut image[top * width * c..][..h * width * c];
            for pixels in image.chunks_mut(width * c).filter(|_| width > w) {
                pixels[..left * c].fill(0.0);
                pixels[(left + w) * c..].fill(0.0);
            }
            // Some channels of all rows, then the next ones: each is read from one end to the other.
            let (lines, len) = if width == w { (1, h * w) } else { (h, w) };
            for (first, line) in (0..c).step_by(LINE).flat_map(|first| (0..lines).map(move |line| (first, line))) {
                let to = &mut image[(line * width + left) * c + first..];
                transpose(LINE.min(c - first), len, &x[first * h * w + line * len..], h * w, to, c);
            }
        }
        Pixels { data, images, h: rows, width, left }
    }
}

/// The transpose of [`Pixels::new`] for one image: writes rows of `w` pixels, which are `width` pixels apart, to
/// x\[C,..,w\], whose channels are `plane` apart.
pub(super) fn to_channels(pixels: &[f32], c: usize, [rows, w, width]: [usize; 3], x: &mut [f32], plane: usize) {
    for (first, row) in (0..c).step_by(LINE).flat_map(|first| (0..rows).map(move |row| (first, row))) {
        let from = &pixels[row * width * c + first..];
        transpose(w, LINE.min(c - first), from, c, &mut x[first * plane + row * w..], plane);
    }
}

/// to\[(p,image,q), K\] = rows `p..p + rows` of the images y\[K,P,Q\].
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
