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

use super::gemm::{View, gemm};
use super::pixels::{Pixels, to_channels};
use super::scratch::{Buffer, LINE, PerThread, Scratch};
use super::transpose::transpose;
use crate::kernels::Geometry;
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;
use std::array::from_fn;
use std::ops::Range;

/// Points along an axis, and along both.
const AXIS: usize = 3;
const POINTS: usize = AXIS * AXIS;
/// Minimum number of tiles in one task, if there are enough images.
const ROWS: usize = 96;
/// Maximum number of tiles in one product, about: what they are at all points then fits a second-level cache.
const TILES: usize = 48;
/// Maximum number of channels of x in one product.
pub(super) const CHANNELS: usize = 64;
/// Maximum number of tiles in one product of a filter gradient, about.
const SUMMED: usize = 128;
/// Filters that are turned together.
const FILTERS: usize = 32;
/// Filters in a panel, which a product reads from one end to the other.
const PANEL: usize = 128;

/// The values of a tile along an axis, and the three points that they make.
trait Values<const N: usize> {
    /// The points of the values.
    fn points<S: Simd>(simd: S, values: [S::f32s; N]) -> [S::f32s; AXIS];
    /// The transpose of `points`.
    fn values<S: Simd>(simd: S, points: [S::f32s; AXIS]) -> [S::f32s; N];
}

/// Three inputs, of which neighbouring tiles share one; their points are differences.
struct Inputs;
/// Two outputs, or the two taps of a filter; their points are sums.
struct Outputs;

impl Values<3> for Inputs {
    #[inline(always)]
    fn points<S: Simd>(simd: S, [a, b, c]: [S::f32s; 3]) -> [S::f32s; AXIS] {
        [simd.sub_f32s(a, b), b, simd.sub_f32s(c, b)]
    }

    #[inline(always)]
    fn values<S: Simd>(simd: S, [a, b, c]: [S::f32s; AXIS]) -> [S::f32s; 3] {
        [a, simd.sub_f32s(simd.sub_f32s(b, a), c), c]
    }
}

impl Values<2> for Outputs {
    #[inline(always)]
    fn points<S: Simd>(simd: S, [a, b]: [S::f32s; 2]) -> [S::f32s; AXIS] {
        [a, simd.add_f32s(a, b), b]
    }

    #[inline(always)]
    fn values<S: Simd>(simd: S, [a, b, c]: [S::f32s; AXIS]) -> [S::f32s; 2] {
        [simd.add_f32s(a, b), simd.add_f32s(b, c)]
    }
}

/// Where images hold the values of their tiles: value (i, j) of tile (row, col) has one run of floats for each part, at
/// run `2 col + j` of row `(2 row + i) * parts + part`.
#[derive(Clone, Copy)]
struct Places {
    /// Tiles of an image, down and across.
    tiles: [usize; 2],
    /// Rows of an image.
    rows: usize,
    /// Floats of a row.
    width: usize,
    parts: usize,
    /// Floats of a run.
    run: usize,
}

impl Places {
    /// Calls `each(n, first)` for each part of each tile in these `lines` of tiles, which are counted through all
    /// images. Its run at a point starts at n \[tile, part, run\], and that of value (0, 0) in the images at `first`.
    #[inline(always)]
    fn each(&self, lines: Range<usize>, mut each: impl FnMut(usize, usize)) {
        let Places { tiles: [rows, cols], parts, run, .. } = *self;
        let mut n = 0;
        for line in lines {
            let top = line / rows * self.rows + line % rows * 2 * parts;
            for (col, part) in (0..cols).flat_map(|col| (0..parts).map(move |part| (col, part))) {
                each(n, (top + part) * self.width + 2 * col * run);
                n += run;
            }
        }
    }
}

/// Sets points\[point, tile, part, run\] to the points of the values in images, for some lines of tiles.
struct ToPoints<'a, const N: usize, V: Values<N>>(V, Places, Range<usize>, &'a [f32], &'a mut [f32]);
/// The transpose of [`ToPoints`]. Inputs, which tiles share, are added to those of other tiles; outputs are set.
struct FromPoints<'a, const N: usize, V: Values<N>>(V, Places, Range<usize>, &'a [f32], &'a mut [f32]);

impl<const N: usize, V: Values<N>> WithSimd for ToPoints<'_, N, V> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let ToPoints(_, places, lines, images, points) = self;
        let (images, points) = (S::as_simd_f32s(images).0, S::as_mut_simd_f32s(points).0);
        let [run, across, down] =
            [places.run, places.run, places.parts * places.width].map(|floats| floats / S::F32_LANES);
        let mut planes = points.chunks_exact_mut(points.len() / POINTS);
        let mut planes: [_; POINTS] = from_fn(|_| planes.next().expect("a plane for each point"));
        places.each(lines, |n, first| {
            let (n, first) = (n / S::F32_LANES, first / S::F32_LANES);
            let from: [[&[_]; N]; N] = from_fn(|i| from_fn(|j| &images[first + i * down + j * across..][..run]));
            let mut to = planes.each_mut().map(|plane| &mut plane[n..][..run]);
            for v in 0..run {
                let rows: [_; N] = from_fn(|i| V::points(simd, from_fn(|j| from[i][j][v])));
                for j in 0..AXIS {
                    let column = V::points(simd, from_fn(|i| rows[i][j]));
                    (0..AXIS).for_each(|i| to[i * AXIS + j][v] = column[i]);
                }
            }
        });
    }
}

impl<const N: usize, V: Values<N>> WithSimd for FromPoints<'_, N, V> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let FromPoints(_, places, lines, points, images) = self;
        let (points, images) = (S::as_simd_f32s(points).0, S::as_mut_simd_f32s(images).0);
        let [run, across, down] =
            [places.run, places.run, places.parts * places.width].map(|floats| floats / S::F32_LANES);
        let plane = points.len() / POINTS;
        places.each(lines, |n, first| {
            let (n, first) = (n / S::F32_LANES, first / S::F32_LANES);
            let from: [&[_]; POINTS] = from_fn(|point| &points[point * plane + n..][..run]);
            for v in 0..run {
                let rows: [_; AXIS] = from_fn(|i| V::values(simd, from_fn(|j| from[i * AXIS + j][v])));
                for j in 0..N {
                    let column = V::values(simd, from_fn(|i| rows[i][j]));
                    for i in 0..N {
                        let to = &mut images[first + i * down + j * across + v];
                        *to = if N > 2 { simd.add_f32s(*to, column[i]) } else { column[i] };
                    }
                }
            }
        });
    }
}

/// A convolution cut into tiles of 2 x 2 outputs.
#[derive(Clone, Copy)]
pub(super) struct Tiles<'a> {
    conv: &'a Geometry,
    rows: usize,
    cols: usize,
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

    /// Channels of a block of x; the last block may have fewer.
    fn channels(&self) -> usize {
        let c = self.conv.c;
        c.div_ceil(c.div_ceil(CHANNELS)).next_multiple_of(LINE)
    }

    /// First channel and number of channels of each block.
    fn blocks(self) -> impl Iterator<Item = [usize; 2]> {
        let (c, channels) = (self.conv.c, self.channels());
        (0..c).step_by(channels).map(move |first| [first, channels.min(c - first)])
    }

    /// Images per task.
    fn group(&self) -> usize {
        ROWS.div_ceil(self.count()).clamp(1, self.conv.b.div_ceil(8))
    }

    /// Lines of tiles in one product of at most about `tiles` tiles, of all lines of some images.
    fn lines_at_a_time(&self, images: usize, tiles: usize) -> usize {
        let all = images * self.rows;
        all.div_ceil((all * self.cols).div_ceil(tiles))
    }

    /// The lines of tiles of each product.
    fn pieces(self, images: usize, tiles: usize) -> impl Iterator<Item = Range<usize>> {
        let (all, lines) = (images * self.rows, self.lines_at_a_time(images, tiles));
        (0..all).step_by(lines).map(move |first| first..all.min(first + lines))
    }

    /// Rows and columns of an image of x that the tiles cover, including padding and overhang.
    fn padded(&self) -> [usize; 2] {
        [(2 * self.rows + 1) * self.conv.stride[0], (2 * self.cols + 1) * self.conv.stride[1]]
    }

    /// Rows and columns of an image of y that the tiles cover.
    fn covered(&self) -> [usize; 2] {
        [2 * self.rows, 2 * self.cols]
    }

    /// Where `c` channels of x lie.
    fn of_x(&self, c: usize) -> Places {
        let ([rows, width], [parts, v]) = (self.padded(), self.conv.stride);
        Places { tiles: [self.rows, self.cols], rows, width: width * c, parts, run: v * c }
    }

    /// Where y lies.
    fn of_y(&self) -> Places {
        let ([rows, width], k) = (self.covered(), self.conv.k);
        Places { tiles: [self.rows, self.cols], rows, width: width * k, parts: 1, run: k }
    }

    /// Where filters for `c` channels lie: each is an image of one tile.
    fn of_w(&self, c: usize) -> Places {
        let [parts, v] = self.conv.stride;
        Places { tiles: [1, 1], rows: 2 * parts, width: 2 * v * c, parts, run: v * c }
    }

    /// Some channels of images of x, padded.
    fn pixels<'p>(&self, x: &[f32], images: usize, channels: [usize; 2], to: &'p mut [f32]) -> Pixels<'p> {
        let Geometry { h, w, pad: [top, left], .. } = *self.conv;
        let [rows, width] = self.padded();
        Pixels::new(x, images, self.conv.image_len(), channels, [h, w], [(top, rows), (left, width)], to)
    }

    /// Images of y, padded.
    fn outputs<'p>(&self, y: &[f32], images: usize, to: &'p mut [f32]) -> Pixels<'p> {
        let (Geometry { k, p, q, .. }, [rows, width]) = (*self.conv, self.covered());
        Pixels::new(y, images, self.conv.output_len(), [0, k], [p, q], [(0, rows), (0, width)], to)
    }

    /// The points of the filters: for each block of channels, to\[point, K, (phase, channel)\], or transposed in
    /// panels, to\[point, panel, (phase, channel), K of the panel\].
    fn turn_filters(&self, w: &[f32], transposed: bool, to: &mut [f32], threads: &PerThread) {
        let (Geometry { k, r, s, .. }, window) = (*self.conv, self.conv.r * self.conv.s);
        let blocks: Vec<_> = self.blocks().collect();
        let block = POINTS * self.depth(self.channels()) * k;
        to.par_chunks_mut(block).zip(blocks).for_each(|(to, channels)| {
            let [_, c] = channels;
            threads.with(|buffer| {
                let [pixels, points] = buffer.split([FILTERS * window * c, POINTS * FILTERS * self.depth(c)]);
                for first in (0..k).step_by(FILTERS) {
                    let (count, depth) = (FILTERS.min(k - first), self.depth(c));
                    let w = &w[first * self.conv.filter_len()..];
                    let sides = [(0, r), (0, s)];
                    let w = Pixels::new(w, count, self.conv.filter_len(), channels, [r, s], sides, pixels);
                    let points = &mut points[..POINTS * count * depth];
                    Arch::new().dispatch(ToPoints(Outputs, self.of_w(c), 0..count, w.data, points));
                    for (points, to) in points.chunks(count * depth).zip(to.chunks_mut(k * depth)) {
                        if transposed {
                            let panel = first / PANEL * PANEL;
                            let to = &mut to[panel * depth + first % PANEL..];
                            transpose(count, depth, points, depth, to, PANEL.min(k - panel));
                        } else {
                            to[first * depth..][..count * depth].copy_from_slice(points);
                        }
                    }
                }
            });
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
        let (conv, group, [rows, cols], [_, width]) = (self.conv, self.group(), self.padded(), self.covered());
        let Geometry { c, k, p, q, .. } = *conv;
        let filters = shared.take(POINTS * self.depth(c) * k);
        self.turn_filters(w, true, filters, threads);
        let filters = &*filters;
        y.par_chunks_mut(group * conv.output_len()).enumerate().for_each(|(i, y)| {
            let (x, images) = (&x[i * group * conv.image_len()..], y.len() / conv.output_len());
            threads.with(|buffer| {
                let (plane, tiles) = (images * rows * cols, self.lines_at_a_time(images, TILES) * self.cols);
                let lens = [plane * c, POINTS * tiles * self.depth(self.channels()), POINTS * tiles * k, 4 * tiles * k];
                let [pixels, given, made, outputs] = buffer.split(lens);
                for channels in self.blocks() {
                    self.pixels(x, images, channels, &mut pixels[plane * channels[0]..]);
                }
                for piece in self.pieces(images, TILES) {
                    let tiles = piece.len() * self.cols;
                    let made = &mut made[..POINTS * tiles * k];
                    for [first, c] in self.blocks() {
                        let (pixels, filters) =
                            (&pixels[plane * first..][..plane * c], &filters[POINTS * self.depth(first) * k..]);
                        let (depth, given) = (self.depth(c), &mut given[..POINTS * tiles * self.depth(c)]);
                        Arch::new().dispatch(ToPoints(Inputs, self.of_x(c), piece.clone(), pixels, given));
                        let points =
                            given.chunks(tiles * depth).zip(filters.chunks(depth * k)).zip(made.chunks_mut(tiles * k));
                        for ((given, filters), made) in points {
                            for (panel, filters) in filters.chunks(PANEL * depth).enumerate() {
                                let width = filters.len() / depth;
                                let (given, filters) = (View::rows(given, depth), View::rows(filters, width));
                                gemm(tiles, width, depth, given, filters, &mut made[panel * PANEL..], k, first > 0);
                            }
                        }
                    }
                    Arch::new().dispatch(FromPoints(Outputs, self.of_y(), 0..piece.len(), made, outputs));
                    for (line, outputs) in piece.zip(outputs.chunks(2 * width * k)) {
                        let (image, row) = (line / self.rows, 2 * (line % self.rows));
                        let y = &mut y[image * conv.output_len() + row * q..];
                        to_channels(outputs, k, [2.min(p - row), q, width], y, p * q);
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
        let (conv, group, [rows, cols], [height, width]) = (self.conv, self.group(), self.padded(), self.covered());
        let Geometry { c, k, h, w: across, pad: [top, left], .. } = *conv;
        let filters = shared.take(POINTS * self.depth(c) * k);
        self.turn_filters(w, false, filters, threads);
        let filters = &*filters;
        x.par_chunks_mut(group * conv.image_len()).enumerate().for_each(|(i, x)| {
            let (y, images) = (&y[i * group * conv.output_len()..], x.len() / conv.image_len());
            threads.with(|buffer| {
                let (plane, tiles) = (images * rows * cols, self.lines_at_a_time(images, TILES) * self.cols);
                let made_len = POINTS * tiles * self.depth(self.channels());
                let lens = [images * height * width * k, POINTS * tiles * k, made_len, plane * c];
                let [pixels, given, made, inputs] = buffer.split(lens);
                let y = self.outputs(y, images, pixels);
                inputs.fill(0.0);
                for piece in self.pieces(images, TILES) {
                    let tiles = piece.len() * self.cols;
                    let given = &mut given[..POINTS * tiles * k];
                    Arch::new().dispatch(ToPoints(Outputs, self.of_y(), piece.clone(), y.data, given));
                    for [first, c] in self.blocks() {
                        let (inputs, filters) =
                            (&mut inputs[plane * first..][..plane * c], &filters[POINTS * self.depth(first) * k..]);
                        let (depth, made) = (self.depth(c), &mut made[..POINTS * tiles * self.depth(c)]);
                        let points =
                            given.chunks(tiles * k).zip(filters.chunks(depth * k)).zip(made.chunks_mut(tiles * depth));
                        for ((given, filters), made) in points {
                            gemm(tiles, depth, k, View::rows(given, k), View::rows(filters, depth), made, depth, false);
                        }
                        Arch::new().dispatch(FromPoints(Inputs, self.of_x(c), piece.clone(), made, inputs));
                    }
                }
                for [first, c] in self.blocks() {
                    for (image, x) in x.chunks_mut(conv.image_len()).enumerate() {
                        let inputs = &inputs[plane * first + ((image * rows + top) * cols + left) * c..];
                        to_channels(inputs, c, [h, across, cols], &mut x[first * h * across..], h * across);
                    }
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

    /// sum\[point, (phase, C), K\] = the filter gradient for a block of channels at each point, summed over `images`.
    pub fn filter_sum(
        self,
        x: &[f32],
        y: &[f32],
        images: Range<usize>,
        channels: Range<usize>,
        sum: &mut [f32],
        buffer: &mut Buffer,
    ) {
        let (conv, c, k) = (self.conv, channels.len(), self.conv.k);
        // The sums fit no second-level cache, and each product reads and writes all of them: the more there are, the
        // fewer products.
        let at_a_time = (k / 4).clamp(TILES, SUMMED);
        let group = ROWS.max(at_a_time).div_ceil(self.count());
        let ([rows, cols], [height, width], depth) = (self.padded(), self.covered(), self.depth(c));
        for first in images.clone().step_by(group) {
            let count = group.min(images.end - first);
            let (x, y) = (&x[first * conv.image_len()..], &y[first * conv.output_len()..]);
            let tiles = self.lines_at_a_time(count, at_a_time) * self.cols;
            let pixels = [count * rows * cols * c, count * height * width * k];
            let lens = [pixels[0], pixels[1], POINTS * tiles * depth, POINTS * tiles * k];
            let [x_pixels, y_pixels, seen, given] = buffer.split(lens);
            let x = self.pixels(x, count, [channels.start, c], x_pixels);
            let y = self.outputs(y, count, y_pixels);
            for piece in self.pieces(count, at_a_time) {
                let (tiles, accumulate) = (piece.len() * self.cols, first + piece.start > images.start);
                let (seen, given) = (&mut seen[..POINTS * tiles * depth], &mut given[..POINTS * tiles * k]);
                Arch::new().dispatch(ToPoints(Inputs, self.of_x(c), piece.clone(), x.data, seen));
                Arch::new().dispatch(ToPoints(Outputs, self.of_y(), piece, y.data, given));
                let points = seen.chunks(tiles * depth).zip(given.chunks(tiles * k)).zip(sum.chunks_mut(depth * k));
                for ((seen, given), sum) in points {
                    let seen = View::rows(seen, depth).transposed();
                    gemm(depth, k, tiles, seen, View::rows(given, k), sum, k, accumulate);
                }
            }
        }
    }

    /// The gradient \[tap, K\] of the filters for one channel, given its sum \[point, phase, K\].
    pub fn taps<'t>(&self, sum: &[f32], taps: &'t mut [f32]) -> &'t mut [f32] {
        Arch::new().dispatch(FromPoints(Outputs, self.of_w(self.conv.k), 0..1, sum, taps));
        taps
    }
}
