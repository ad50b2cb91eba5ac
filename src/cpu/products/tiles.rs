//! Convolutions whose filters are two strides long, with nine multiplications instead of sixteen: minimal filtering
//! (Winograd), F(2, 2) along both axes.
//!
//! At a stride of (u, v), a filter of 2u x 2v taps is one of 2 x 2 over uv times the channels: tap (au + f, bv + g) is
//! tap (a, b) of phase (f, g). Along an axis, a tile of two outputs meets three inputs, and three products replace
//! four:
//!
//! ```text
//! y0 = x0 w0 + x1 w1 = (x0 - x1) w0 + x1 (w0 + w1)
//! y1 = x1 w0 + x2 w1 =                x1 (w0 + w1) + (x2 - x1) w1
//! ```
//!
//! So x is transformed into *differences* and w into *sums* at three points along each axis. At each of the nine
//! points, one matrix product over all channels and phases gives the terms of the outputs. The gradients use the
//! transposes of these steps.

use super::convolution::pack_filters;
use super::gemm::{View, gemm};
use super::pixels::Pixels;
use super::scratch::{Buffer, LINE, Scratch};
use super::transpose::spread;
use crate::kernels::Geometry;
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;
use std::ops::Range;

/// Points along both axes.
const POINTS: usize = 9;
/// Minimum number of tiles in one product, if there are enough images.
const ROWS: usize = 96;

/// For each of the three points along an axis, the terms to add: (index of a tile's value, factor).
type Axis = [&'static [(usize, f32)]; 3];
const DIFFERENCES: Axis = [&[(0, 1.0), (1, -1.0)], &[(1, 1.0)], &[(2, 1.0), (1, -1.0)]];
const SUMS: Axis = [&[(0, 1.0)], &[(0, 1.0), (1, 1.0)], &[(1, 1.0)]];

/// A convolution cut into tiles of 2 x 2 outputs.
#[derive(Clone, Copy)]
pub(super) struct Tiles<'a> {
    conv: &'a Geometry,
    rows: usize,
    cols: usize,
}

/// Layout of the tiles' values in an image, as rows of runs. Value (i, j) of tile (row, col) has one run for each part:
/// run `2 col + j` of row `(2 row + i) * parts + part - above`.
#[derive(Clone, Copy)]
struct Places {
    images: usize,
    /// Number of tiles of an image, down and across.
    tiles: [usize; 2],
    /// Rows of an image; beyond them there are zeros.
    rows: usize,
    /// Floats of a row.
    width: usize,
    parts: usize,
    /// Floats of a run.
    run: usize,
    /// Number of rows by which the first tiles start above the image.
    above: usize,
}

/// The terms of a point along each of the two axes: (index of a tile's value, factor).
type Point = [&'static [(usize, f32)]; 2];

fn at(axis: Axis, point: usize) -> Point {
    [axis[point / 3], axis[point % 3]]
}

impl Places {
    /// Calls `each(n, terms)` for each run of the tiles' values at a point, \[tile, part, run\]: n is the offset of
    /// that run, and `terms` are the (offset, factor) of the runs of the image that add up to it.
    #[inline(always)]
    fn each(&self, [by_row, by_col]: Point, mut each: impl FnMut(usize, [Option<(usize, f32)>; 4])) {
        let Places { images, tiles: [rows, cols], parts, run, above, .. } = *self;
        let mut n = 0;
        for (image, row) in (0..images).flat_map(|image| (0..rows).map(move |row| (image, row))) {
            for (col, part) in (0..cols).flat_map(|col| (0..parts).map(move |part| (col, part))) {
                let mut terms = [None; 4];
                for (a, &(i, f)) in by_row.iter().enumerate() {
                    let h = ((2 * row + i) * parts + part).checked_sub(above).filter(|&h| h < self.rows);
                    let Some(h) = h else { continue };
                    for (b, &(j, g)) in by_col.iter().enumerate() {
                        terms[2 * a + b] = Some(((image * self.rows + h) * self.width + (2 * col + j) * run, f * g));
                    }
                }
                each(n, terms);
                n += run;
            }
        }
    }
}

/// to\[tile, part, run\] = the tiles' values at a point, summed from the image `from`.
struct Gather<'a>(Places, Point, &'a [f32], &'a mut [f32]);
/// The transpose of [`Gather`]: adds from\[tile, part, run\], with the factors, to the image `to`.
struct Scatter<'a>(Places, Point, &'a [f32], &'a mut [f32]);

impl WithSimd for Gather<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Gather(places, point, from, to) = self;
        let (from, to) = (S::as_simd_f32s(from).0, S::as_mut_simd_f32s(to).0);
        let vectors = places.run / S::F32_LANES;
        places.each(point, |n, terms| {
            let to = &mut to[n / S::F32_LANES..][..vectors];
            let mut terms = terms.into_iter().flatten();
            let mut next = || {
                let term = terms.next();
                term.map(|(at, factor)| (&from[at / S::F32_LANES..][..vectors], simd.splat_f32s(factor)))
            };
            match [next(), next(), next(), next()] {
                [None, ..] => to.fill(simd.splat_f32s(0.0)),
                [Some((a, f)), None, ..] => (0..vectors).for_each(|v| to[v] = simd.mul_f32s(f, a[v])),
                [Some((a, f)), Some((b, g)), None, _] => {
                    (0..vectors).for_each(|v| to[v] = simd.mul_add_f32s(g, b[v], simd.mul_f32s(f, a[v])));
                }
                [Some((a, f)), Some((b, g)), Some((c, h)), d] => {
                    let (d, i) = d.unwrap_or((c, simd.splat_f32s(0.0)));
                    for v in 0..vectors {
                        let sum = simd.mul_add_f32s(g, b[v], simd.mul_f32s(f, a[v]));
                        to[v] = simd.mul_add_f32s(i, d[v], simd.mul_add_f32s(h, c[v], sum));
                    }
                }
            }
        });
    }
}

impl WithSimd for Scatter<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Scatter(places, point, from, to) = self;
        let (from, to) = (S::as_simd_f32s(from).0, S::as_mut_simd_f32s(to).0);
        let vectors = places.run / S::F32_LANES;
        places.each(point, |n, terms| {
            let from = &from[n / S::F32_LANES..][..vectors];
            for (at, factor) in terms.into_iter().flatten() {
                let (to, factor) = (&mut to[at / S::F32_LANES..][..vectors], simd.splat_f32s(factor));
                (0..vectors).for_each(|v| to[v] = simd.mul_add_f32s(factor, from[v], to[v]));
            }
        });
    }
}

impl<'a> Tiles<'a> {
    /// The tiles of a convolution, if it can be tiled and tiles make it faster.
    pub fn of(conv: &'a Geometry) -> Option<Self> {
        let tiles = Tiles { conv, rows: conv.p.div_ceil(2), cols: conv.q.div_ceil(2) };
        let fits = [conv.r, conv.s] == conv.stride.map(|stride| 2 * stride) && (conv.c | conv.k).is_multiple_of(LINE);
        let whole = (0..2).all(|axis| [conv.h, conv.w][axis] + conv.pad[axis] <= tiles.padded()[axis]);
        // The saved products must outweigh the transforms, and the last tiles may be half empty.
        let pays = 5 * POINTS * tiles.count() < 16 * conv.p * conv.q;
        (fits && whole && pays).then_some(tiles)
    }

    /// Tiles per image.
    fn count(&self) -> usize {
        self.rows * self.cols
    }

    fn phases(&self) -> usize {
        self.conv.stride[0] * self.conv.stride[1]
    }

    /// Depth of the matrix products for `c` channels.
    fn depth(&self, c: usize) -> usize {
        self.phases() * c
    }

    /// Images per task.
    fn group(&self) -> usize {
        ROWS.div_ceil(self.count()).clamp(1, self.conv.b.div_ceil(8))
    }

    /// Rows and columns of an image of x that the tiles cover, including padding and overhang.
    fn padded(&self) -> [usize; 2] {
        [(2 * self.rows + 1) * self.conv.stride[0], (2 * self.cols + 1) * self.conv.stride[1]]
    }

    /// Columns of a padded row of x: those left of the image, and all of them.
    fn width(&self) -> (usize, usize) {
        let left = self.conv.pad[1];
        (left, (left + self.conv.w).max(self.padded()[1]))
    }

    /// Layout of x as the tiles read or write it, in images of `rows` rows; the first `above` rows of padding are not
    /// stored.
    fn of_x(&self, images: usize, c: usize, [rows, width]: [usize; 2], above: usize) -> Places {
        let [parts, v] = self.conv.stride;
        Places { images, tiles: [self.rows, self.cols], rows, width: width * c, parts, run: v * c, above }
    }

    /// Layout of y as the tiles write or read it, in images of `rows` rows.
    fn of_y(&self, images: usize, rows: usize) -> Places {
        let (k, tiles) = (self.conv.k, [self.rows, self.cols]);
        Places { images, tiles, rows, width: 2 * self.cols * k, parts: 1, run: k, above: 0 }
    }

    /// to\[point, (n, phase), run\] = the sum of packed\[tap, n, run\] over the taps of that point and phase.
    fn turn_filters(&self, packed: &[f32], run: usize, to: &mut [f32]) {
        let (Geometry { c, k, s, stride: [u, v], .. }, phases) = (*self.conv, self.phases());
        let taps = |point: usize| point / 2..=point.div_ceil(2);
        to.par_chunks_mut(self.depth(c) * k).enumerate().for_each(|(point, to)| {
            for (row, to) in to.chunks_mut(run).enumerate() {
                let (n, phase) = (row / phases, row % phases);
                to.fill(0.0);
                for (a, b) in taps(point / 3).flat_map(|a| taps(point % 3).map(move |b| (a, b))) {
                    let tap = (a * u + phase / v) * s + b * v + phase % v;
                    let packed = &packed[tap * c * k + n * run..][..run];
                    to.iter_mut().zip(packed).for_each(|(to, packed)| *to += packed);
                }
            }
        });
    }

    /// y = the convolution of x with the filters w.
    pub fn conv2d(
        self,
        x: &[f32],
        w: &[f32],
        y: &mut [f32],
        Scratch { shared, threads }: &mut Scratch,
        epilogue: impl Fn(usize, &mut [f32]) + Sync,
    ) {
        let (conv, width, depth) = (self.conv, self.width(), self.depth(self.conv.c));
        let Geometry { c, k, p, q, .. } = *conv;
        let [packed, filters] = shared.split([w.len(), POINTS * depth * k]);
        pack_filters(conv, w, packed);
        self.turn_filters(packed, c * k, filters);
        let (filters, group) = (&*filters, self.group());
        y.par_chunks_mut(group * conv.output_len()).enumerate().for_each(|(i, y)| {
            let (x, images) = (&x[i * group * conv.image_len()..], y.len() / conv.output_len());
            let tiles = images * self.count();
            threads.with(|buffer| {
                let lens = [images * conv.h * width.1 * c, tiles * depth, tiles * k, 4 * tiles * k];
                let [pixels, given, made, outputs] = buffer.split(lens);
                let x = Pixels::new(x, images, conv.image_len(), [0, c], [conv.h, conv.w], width, pixels);
                let places = (self.of_x(images, c, [conv.h, width.1], conv.pad[0]), self.of_y(images, 2 * self.rows));
                outputs.fill(0.0);
                for (point, filters) in filters.chunks(depth * k).enumerate() {
                    Arch::new().dispatch(Gather(places.0, at(DIFFERENCES, point), x.data, given));
                    gemm(tiles, k, depth, View::rows(given, depth), View::rows(filters, k), made, k, false);
                    Arch::new().dispatch(Scatter(places.1, at(SUMS, point), made, outputs));
                }
                for (row, outputs) in outputs.chunks(2 * self.cols * k).enumerate() {
                    let (image, row) = (row / (2 * self.rows), row % (2 * self.rows));
                    if row < p {
                        spread(q, k, outputs, &mut y[image * conv.output_len() + row * q..], p * q, 1);
                    }
                }
            });
            epilogue(i * group * conv.output_len(), y);
        });
    }

    /// x = the transposed convolution of y with the filters w.
    pub fn conv2d_input(
        self,
        w: &[f32],
        y: &[f32],
        x: &mut [f32],
        Scratch { shared, threads }: &mut Scratch,
        epilogue: impl Fn(usize, &mut [f32]) + Sync,
    ) {
        let (conv, [height, width], depth) = (self.conv, self.padded(), self.depth(self.conv.c));
        let Geometry { c, k, p, q, .. } = *conv;
        let [packed, filters] = shared.split([w.len(), POINTS * depth * k]);
        pack_transposed(conv, w, packed);
        self.turn_filters(packed, c, filters);
        let (filters, group) = (&*filters, self.group());
        x.par_chunks_mut(group * conv.image_len()).enumerate().for_each(|(i, x)| {
            let (y, images) = (&y[i * group * conv.output_len()..], x.len() / conv.image_len());
            let tiles = images * self.count();
            threads.with(|buffer| {
                let pixels_len = images * p * 2 * self.cols * k;
                let lens = [pixels_len, tiles * k, tiles * depth, images * height * width * c];
                let [pixels, given, made, inputs] = buffer.split(lens);
                let y = Pixels::new(y, images, conv.output_len(), [0, k], [p, q], (0, 2 * self.cols), pixels);
                let places = (self.of_x(images, c, [height, width], 0), self.of_y(images, p));
                inputs.fill(0.0);
                for (point, filters) in filters.chunks(depth * k).enumerate() {
                    Arch::new().dispatch(Gather(places.1, at(SUMS, point), y.data, given));
                    gemm(tiles, depth, k, View::rows(given, k), View::rows(filters, depth), made, depth, false);
                    Arch::new().dispatch(Scatter(places.0, at(DIFFERENCES, point), made, inputs));
                }
                for row in 0..images * conv.h {
                    let (image, row) = (row / conv.h, row % conv.h);
                    let inputs = &inputs[((image * height + row + conv.pad[0]) * width + conv.pad[1]) * c..];
                    spread(conv.w, c, inputs, &mut x[image * conv.image_len() + row * conv.w..], conv.h * conv.w, 1);
                }
            });
            epilogue(i * group * conv.image_len(), x);
        });
    }

    /// Multiply-adds of all products.
    pub fn work(&self) -> usize {
        POINTS * self.conv.b * self.count() * self.depth(self.conv.c) * self.conv.k
    }

    /// Rows \[point, phase\] of a filter gradient's sum for each channel.
    pub fn rows(&self) -> usize {
        POINTS * self.phases()
    }

    /// sum\[point, (phase, C), K\] = the filter gradient for `channels` at each point, summed over `images`.
    pub fn filter_sum(
        self,
        x: &[f32],
        y: &[f32],
        images: Range<usize>,
        channels: Range<usize>,
        sum: &mut [f32],
        buffer: &mut Buffer,
    ) {
        let (conv, width, group, c) = (self.conv, self.width(), self.group(), channels.len());
        let (Geometry { k, p, q, .. }, depth) = (*conv, self.depth(c));
        for first in images.clone().step_by(group) {
            let (images, accumulate) = (group.min(images.end - first), first > images.start);
            let (x, y, tiles) =
                (&x[first * conv.image_len()..], &y[first * conv.output_len()..], images * self.count());
            let pixels_lens = [images * conv.h * width.1 * c, images * p * 2 * self.cols * k];
            let [x_pixels, y_pixels, seen, given] =
                buffer.split([pixels_lens[0], pixels_lens[1], tiles * depth, tiles * k]);
            let x = Pixels::new(x, images, conv.image_len(), [channels.start, c], [conv.h, conv.w], width, x_pixels);
            let y = Pixels::new(y, images, conv.output_len(), [0, k], [p, q], (0, 2 * self.cols), y_pixels);
            let places = (self.of_x(images, c, [conv.h, width.1], conv.pad[0]), self.of_y(images, p));
            for (point, sum) in sum.chunks_mut(depth * k).take(POINTS).enumerate() {
                Arch::new().dispatch(Gather(places.0, at(DIFFERENCES, point), x.data, seen));
                Arch::new().dispatch(Gather(places.1, at(SUMS, point), y.data, given));
                gemm(depth, k, tiles, View::rows(seen, depth).transposed(), View::rows(given, k), sum, k, accumulate);
            }
        }
    }

    /// The four rows (point and phase) of a filter gradient's sum whose total is the gradient of tap `tap`.
    pub fn rows_of(&self, tap: usize) -> [usize; 4] {
        let ([u, v], (r, s)) = (self.conv.stride, (tap / self.conv.s, tap % self.conv.s));
        let point = |i: usize, j: usize| 3 * (r / u + i) + s / v + j;
        [point(0, 0), point(0, 1), point(1, 0), point(1, 1)].map(|point| point * self.phases() + r % u * v + s % v)
    }
}

/// packed\[r,s,k,c\] = w\[k,c,r,s\]
fn pack_transposed(conv: &Geometry, w: &[f32], packed: &mut [f32]) {
    let taps = conv.r * conv.s;
    packed.par_chunks_mut(conv.k * conv.c).enumerate().for_each(|(tap, packed)| {
        packed.iter_mut().zip(w[tap..].iter().step_by(taps)).for_each(|(packed, w)| *packed = *w);
    });
}
