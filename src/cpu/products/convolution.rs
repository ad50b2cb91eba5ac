//! Convolutions as matrix products over groups of images.

use super::columns::{Taps, Tile, scatter};
use super::gemm::{View, gemm, transpose};
use super::matmul::{Matmul, matmul};
use super::scratch::{Buffer, LINE, Scratch};
use rayon::prelude::*;

/// The shape of a convolution between x\[B,C,H,W\], filters w\[K,C,R,S\] and y\[B,K,P,Q\]:
/// y\[b,k,p,q\] = sum over c, r, s of w\[k,c,r,s\] x\[b, c, p*stride + r - pad, q*stride + s - pad\].
/// Only the padding above and to the left is given: p and q say how far the filters move below and to the right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv {
    pub b: usize,
    pub c: usize,
    pub h: usize,
    pub w: usize,
    pub k: usize,
    pub r: usize,
    pub s: usize,
    pub p: usize,
    pub q: usize,
    pub stride: [usize; 2],
    pub pad: [usize; 2],
}

/// Positions that a product is made for at a time: enough columns for the GEMM, few enough to stay in the second-level cache.
const POSITIONS: usize = 224;
/// Rows of taps that are laid out at a time, for the same two reasons.
const TAPS: usize = 512;
/// Multiply-adds that are worth a task of the filter gradient, which costs a partial sum.
const FILTER_TASK: usize = 1 << 25;
/// Tasks of the filter gradient at most, whatever its size.
const FILTER_TASKS: usize = 32;

impl Conv {
    /// Elements of x, w and y.
    pub fn lens(&self) -> [usize; 3] {
        [self.b * self.image_len(), self.k * self.filter_len(), self.b * self.output_len()]
    }

    /// Elements of one image of x.
    fn image_len(&self) -> usize {
        self.c * self.h * self.w
    }

    /// Elements of one image of y.
    fn output_len(&self) -> usize {
        self.k * self.p * self.q
    }

    /// Elements of one filter.
    fn filter_len(&self) -> usize {
        self.c * self.r * self.s
    }

    fn check(&self, x: &[f32], w: &[f32], y: &[f32]) {
        assert_eq!([x.len(), w.len(), y.len()], self.lens(), "{self:?}");
        assert!(self.stride[0] > 0 && self.stride[1] > 0, "{self:?}");
    }

    fn taps(&self) -> Taps {
        let Conv { c, h, w, r, s, p, q, stride, pad, .. } = *self;
        Taps { c, h, w, r, s, p, q, stride, pad: pad.map(|pad| pad as isize) }
    }

    /// A filter as large as its image is a matrix product y\[B,K\] = x\[B,CHW\] wT\[CHW,K\].
    fn is_matmul(&self) -> bool {
        [self.p, self.q] == [1, 1] && [self.r, self.s] == [self.h, self.w] && self.pad == [0, 0]
    }

    /// At stride 1, y and x may change places if the filters are turned around: `mirror` is that convolution from y to x. It
    /// moves the work of laying out taps from the C channels of x to the K of y.
    fn mirror(&self) -> Option<Conv> {
        let pad = [self.r.checked_sub(1 + self.pad[0])?, self.s.checked_sub(1 + self.pad[1])?];
        let few = self.k * 4 <= self.c && self.stride == [1, 1];
        few.then_some(Conv { c: self.k, h: self.p, w: self.q, k: self.c, p: self.h, q: self.w, pad, ..*self })
    }

    /// Images that form one task: their positions fill a product, and there are tasks for several cores.
    fn group(&self, positions: usize) -> usize {
        (POSITIONS / positions.max(1)).clamp(1, self.b.div_ceil(8).max(1))
    }
}

/// to\[c,k,r,s\] = from\[k,c,R-1-r,S-1-s\]: the filters of the mirrored convolution.
fn mirror_filters(k: usize, c: usize, taps: usize, from: &[f32], to: &mut [f32]) {
    for (i, to) in to.chunks_mut(taps).enumerate() {
        let (c_i, k_i) = (i / k, i % k);
        let from = &from[(k_i * c + c_i) * taps..][..taps];
        to.iter_mut().zip(from.iter().rev()).for_each(|(to, from)| *to = *from);
    }
}

/// y = the convolution of x with the filters w.
pub fn conv2d(conv: &Conv, x: &[f32], w: &[f32], y: &mut [f32], scratch: &mut Scratch, epilogue: impl Fn(usize, &mut [f32]) + Sync) {
    conv.check(x, w, y);
    if y.is_empty() {
        return;
    }
    let Conv { b, c, k, .. } = *conv;
    if conv.is_matmul() {
        return matmul(&Matmul::new(b, conv.filter_len(), k).transposed_b(), x, w, y, scratch, epilogue);
    }
    let Scratch { shared, threads } = scratch;
    if let Some(mirror) = conv.mirror() {
        let mirrored = shared.take(w.len());
        mirror_filters(k, c, conv.r * conv.s, w, mirrored);
        return add_taps(&mirror, mirrored, x, y, threads, epilogue);
    }
    let (taps, positions) = (conv.taps(), conv.p * conv.q);
    let group = conv.group(positions);
    y.par_chunks_mut(group * conv.output_len()).enumerate().for_each(|(i, y)| {
        let x = &x[i * group * conv.image_len()..];
        threads.with(|buffer| {
            correlate(&taps, y.len() / conv.output_len(), k, x, w, buffer, |tile, k, from| {
                for (image, from) in from.chunks(tile.rows * conv.q).take(tile.images).enumerate() {
                    let start = (image * conv.k + k) * positions + tile.p * conv.q;
                    y[start..start + from.len()].copy_from_slice(from);
                }
            })
        });
        epilogue(i * group * conv.output_len(), y);
    });
}

/// x = the transposed convolution of y with the filters w: the gradient with respect to the input.
pub fn conv2d_input(conv: &Conv, w: &[f32], y: &[f32], x: &mut [f32], scratch: &mut Scratch, epilogue: impl Fn(usize, &mut [f32]) + Sync) {
    conv.check(x, w, y);
    if x.is_empty() {
        return;
    }
    if conv.is_matmul() {
        return matmul(&Matmul::new(conv.b, conv.k, conv.filter_len()), y, w, x, scratch, epilogue);
    }
    let Scratch { shared, threads } = scratch;
    if conv.c * 4 <= conv.k {
        return add_taps(conv, w, y, x, threads, epilogue);
    }
    let filters = shared.take(w.len());
    let phases = pack_phases(conv, w, filters);
    let (positions, group) = (conv.h * conv.w, conv.group(conv.p * conv.q));
    x.par_chunks_mut(group * conv.image_len()).enumerate().for_each(|(i, x)| {
        let y = &y[i * group * conv.output_len()..];
        let images = x.len() / conv.image_len();
        if phases.len() < conv.stride[0] * conv.stride[1] {
            x.fill(0.0);
        }
        threads.with(|buffer| {
            for phase in &phases {
                let w = &filters[phase.filters..][..conv.c * phase.taps.c * phase.taps.r * phase.taps.s];
                correlate(&phase.taps, images, conv.c, y, w, buffer, |tile, c, from| {
                    for (row, from) in from.chunks(phase.taps.q).take(tile.images * tile.rows).enumerate() {
                        let (image, row) = (row / tile.rows, tile.p + row % tile.rows);
                        let channel = &mut x[(image * conv.c + c) * positions..][..positions];
                        let h = phase.first[0] + row * conv.stride[0];
                        scatter(&mut channel[h * conv.w..][phase.first[1]..conv.w], from, conv.stride[1]);
                    }
                });
            }
        });
        epilogue(i * group * conv.image_len(), x);
    });
}

/// The elements of x that one residue of the stride reaches: a convolution of y at stride 1 with every stride-th tap.
struct Phase {
    taps: Taps,
    /// Row and column of x that its first position is.
    first: [usize; 2],
    /// Where its filters \[C,(K,taps)\] start.
    filters: usize,
}

/// The phases that any tap reaches, and their filters.
fn pack_phases(conv: &Conv, w: &[f32], mut filters: &mut [f32]) -> Vec<Phase> {
    let Conv { c, k, r, s, stride: [sh, sw], .. } = *conv;
    // Along one axis: taps, positions, first x index, and top padding for residue `phase` of x + pad.
    let axis = |phase: usize, stride: usize, taps: usize, pad: usize, len: usize| {
        let taps = (taps - phase).div_ceil(stride);
        let first = (phase + stride - pad % stride) % stride;
        let lag = (first + pad - phase) / stride;
        (taps, len.saturating_sub(first).div_ceil(stride), first, taps as isize - 1 - lag as isize)
    };
    let mut phases = vec![];
    let mut start = 0;
    for (fh, fw) in (0..sh.min(r)).flat_map(|fh| (0..sw.min(s)).map(move |fw| (fh, fw))) {
        let (taps_h, p, first_h, pad_h) = axis(fh, sh, r, conv.pad[0], conv.h);
        let (taps_w, q, first_w, pad_w) = axis(fw, sw, s, conv.pad[1], conv.w);
        let len = c * k * taps_h * taps_w;
        let (packed, rest) = filters.split_at_mut(len);
        filters = rest;
        packed.par_chunks_mut(k * taps_h * taps_w).enumerate().for_each(|(c_i, packed)| {
            for (k_i, packed) in packed.chunks_mut(taps_h * taps_w).enumerate() {
                let filter = &w[(k_i * c + c_i) * r * s..][..r * s];
                for (i, to) in packed.iter_mut().rev().enumerate() {
                    *to = filter[(fh + i / taps_w * sh) * s + fw + i % taps_w * sw];
                }
            }
        });
        if p * q > 0 {
            let taps = Taps { c: k, h: conv.p, w: conv.q, r: taps_h, s: taps_w, p, q, stride: [1, 1], pad: [pad_h, pad_w] };
            phases.push(Phase { taps, first: [first_h, first_w], filters: start });
        }
        start += len;
    }
    phases
}

/// Convolves a group of images with the filters w\[K, taps\], and calls `store(tile, k, positions)` with each finished row of
/// outputs \[image, p, q\] (followed by padding).
fn correlate(taps: &Taps, images: usize, k: usize, x: &[f32], w: &[f32], buffer: &mut Buffer, mut store: impl FnMut(Tile, usize, &[f32])) {
    let (window, rows) = (taps.r * taps.s, rows_per_tile(taps, images));
    let channels = (TAPS / window).clamp(1, taps.c);
    let longest = row_len(images * rows * taps.q);
    let [columns, outputs, planes] = buffer.split([channels * window * longest, k * longest, taps.planes_len(rows)]);
    for p in (0..taps.p).step_by(rows) {
        let tile = Tile { images, p, rows: rows.min(taps.p - p) };
        let positions = images * tile.rows * taps.q;
        let (width, row_len) = (positions.next_multiple_of(LINE), row_len(positions));
        for c in (0..taps.c).step_by(channels) {
            let channels = c..taps.c.min(c + channels);
            let columns = &mut columns[..channels.len() * window * row_len];
            taps.fill(x, tile, channels.clone(), columns, row_len, &mut planes[..taps.planes_len(tile.rows)]);
            let w = View::rows(&w[c * window..], taps.c * window);
            gemm(k, width, channels.len() * window, w, View::rows(columns, row_len), outputs, row_len, c > 0);
        }
        for (k, outputs) in outputs.chunks(row_len).take(k).enumerate() {
            store(tile, k, &outputs[..positions]);
        }
    }
}

/// Rows of positions that one product takes from each of `images` images, about equal parts of them.
fn rows_per_tile(taps: &Taps, images: usize) -> usize {
    let tiles = (images * taps.p * taps.q).div_ceil(POSITIONS * 5 / 4).clamp(1, taps.p);
    taps.p.div_ceil(tiles)
}

/// Distance between rows of `len` positions: room for [`Taps::fill`] to write past the end, and an odd number of cache lines,
/// so that the rows of a column do not share cache sets.
fn row_len(len: usize) -> usize {
    ((len.div_ceil(LINE) + 1) | 1) * LINE
}

/// x = the transposed convolution, by the transposed steps: what each tap adds, wT\[(C,R,S),K\] y\[K,(P,Q)\], and then their sums.
/// Quickest where C is small, for it lays out the taps of C channels rather than of K.
fn add_taps(conv: &Conv, w: &[f32], y: &[f32], x: &mut [f32], threads: &super::scratch::PerThread, epilogue: impl Fn(usize, &mut [f32]) + Sync) {
    let (taps, window, positions) = (conv.taps(), conv.r * conv.s, conv.p * conv.q);
    x.par_chunks_mut(conv.image_len()).enumerate().for_each(|(i, x)| {
        let y = View::rows(&y[i * conv.output_len()..][..conv.output_len()], positions);
        threads.with(|buffer| {
            let [columns, planes] = buffer.split([conv.filter_len() * positions, taps.planes_len(taps.p)]);
            let w = View::rows(w, conv.filter_len()).transposed();
            gemm(conv.filter_len(), positions, conv.k, w, y, columns, positions, false);
            for (channel, columns) in x.chunks_mut(conv.h * conv.w).zip(columns.chunks(window * positions)) {
                taps.add(columns, positions, channel, planes);
            }
        });
        epilogue(i * conv.image_len(), x);
    });
}

/// w = the gradient with respect to the filters: the sum over images and positions of y times what each tap saw.
pub fn conv2d_filter(conv: &Conv, x: &[f32], y: &[f32], w: &mut [f32], scratch: &mut Scratch, epilogue: impl Fn(usize, &mut [f32]) + Sync) {
    conv.check(x, w, y);
    if w.is_empty() {
        return;
    }
    let Conv { b, c, k, .. } = *conv;
    if conv.is_matmul() {
        return matmul(&Matmul::new(k, b, conv.filter_len()).transposed_a(), y, x, w, scratch, epilogue);
    }
    let window = conv.r * conv.s;
    let Scratch { shared, threads } = scratch;
    if let Some(mirror) = conv.mirror() {
        let [mirrored, sums] = shared.split([w.len(), filter_sums_len(&mirror)]);
        filter_gradient(&mirror, y, x, mirrored, sums, threads, super::nothing);
        mirror_filters(c, k, window, mirrored, w);
        return epilogue(0, w);
    }
    filter_gradient(conv, x, y, w, shared.take(filter_sums_len(conv)), threads, epilogue);
}

/// How the filter gradient is cut into tasks: blocks of channels times parts of the batch.
struct FilterTasks {
    /// Channels of a block.
    channels: usize,
    blocks: usize,
    /// Images of a part.
    images: usize,
    parts: usize,
    /// Floats of a task's sum \[taps,K\] or \[K,taps\].
    sum_len: usize,
}

fn filter_tasks(conv: &Conv) -> FilterTasks {
    let window = conv.r * conv.s;
    let channels = (TAPS / window).clamp(1, conv.c);
    let blocks = conv.c.div_ceil(channels);
    let channels = conv.c.div_ceil(blocks);
    let work = conv.lens()[2] * conv.filter_len();
    let tasks = (work / FILTER_TASK).clamp(8, FILTER_TASKS);
    let images = conv.b.div_ceil(tasks.div_ceil(blocks)).max(1);
    FilterTasks { channels, blocks, images, parts: conv.b.div_ceil(images), sum_len: channels * window * conv.k }
}

fn filter_sums_len(conv: &Conv) -> usize {
    let tasks = filter_tasks(conv);
    tasks.blocks * tasks.parts * tasks.sum_len
}

fn filter_gradient(
    conv: &Conv,
    x: &[f32],
    y: &[f32],
    w: &mut [f32],
    sums: &mut [f32],
    threads: &super::scratch::PerThread,
    epilogue: impl Fn(usize, &mut [f32]) + Sync,
) {
    let (k, taps, window) = (conv.k, conv.taps(), conv.r * conv.s);
    let FilterTasks { channels, blocks, images, parts, sum_len } = filter_tasks(conv);
    // The product sums over positions, so one side has to be laid out with positions as its rows: the one with fewer columns.
    let outputs_transposed = k <= channels * window;
    let group = conv.group(conv.p * conv.q).min(images);
    sums.par_chunks_mut(sum_len).enumerate().for_each(|(task, sum)| {
        let (block, part) = (task / parts, task % parts);
        let channels = block * channels..conv.c.min((block + 1) * channels);
        let rows_of_taps = channels.len() * window;
        let last = conv.b.min((part + 1) * images);
        sum.fill(0.0);
        threads.with(|buffer| {
            for first in (part * images..last).step_by(group) {
                let images = group.min(last - first);
                let (x, y) = (&x[first * conv.image_len()..], &y[first * conv.output_len()..]);
                let rows = rows_per_tile(&taps, images);
                for p in (0..conv.p).step_by(rows) {
                    let tile = Tile { images, p, rows: rows.min(conv.p - p) };
                    let per_image = tile.rows * conv.q;
                    let positions = images * per_image;
                    let row_len = row_len(positions);
                    let small = if outputs_transposed { k } else { rows_of_taps };
                    let planes_len = taps.planes_len(tile.rows);
                    let [columns, by_position, outputs, planes] =
                        buffer.split([rows_of_taps * row_len, positions * small, k * positions, planes_len]);
                    taps.fill(x, tile, channels.clone(), columns, row_len, planes);
                    let image = |i: usize| &y[i * conv.output_len() + p * conv.q..];
                    if outputs_transposed {
                        for (i, to) in by_position.chunks_mut(per_image * k).enumerate() {
                            transpose(k, per_image, image(i), conv.p * conv.q, to, k);
                        }
                        let (columns, outputs) = (View::rows(columns, row_len), View::rows(by_position, k));
                        gemm(rows_of_taps, k, positions, columns, outputs, sum, k, true);
                    } else {
                        transpose(rows_of_taps, positions, columns, row_len, by_position, rows_of_taps);
                        for (k, to) in outputs.chunks_mut(positions).enumerate() {
                            for (i, to) in to.chunks_mut(per_image).enumerate() {
                                to.copy_from_slice(&image(i)[k * conv.p * conv.q..][..per_image]);
                            }
                        }
                        let (outputs, columns) = (View::rows(outputs, positions), View::rows(by_position, rows_of_taps));
                        gemm(k, rows_of_taps, positions, outputs, columns, sum, rows_of_taps, true);
                    }
                }
            }
        });
    });
    // Add the parts, in order, for sixteen filters at a time: that is a cache line of a sum with K last.
    let sums = &*sums;
    w.par_chunks_mut(LINE * conv.filter_len()).enumerate().for_each(|(i, w)| {
        let filters = i * LINE..i * LINE + w.len() / conv.filter_len();
        for block in 0..blocks {
            let first = block * channels * window;
            let count = (conv.filter_len() - first).min(channels * window);
            let parts = sums[block * parts * sum_len..][..parts * sum_len].chunks(sum_len);
            if outputs_transposed {
                for tap in 0..count {
                    let mut total = [0.0; LINE];
                    for part in parts.clone() {
                        let part = &part[tap * k..][filters.clone()];
                        total.iter_mut().zip(part).for_each(|(total, part)| *total += part);
                    }
                    w.iter_mut().skip(first + tap).step_by(conv.filter_len()).zip(total).for_each(|(w, total)| *w = total);
                }
            } else {
                for (w, k) in w.chunks_mut(conv.filter_len()).zip(filters.clone()) {
                    let w = &mut w[first..first + count];
                    w.fill(0.0);
                    for part in parts.clone() {
                        w.iter_mut().zip(&part[k * count..][..count]).for_each(|(w, part)| *w += part);
                    }
                }
            }
        }
        epilogue(i * LINE * conv.filter_len(), w);
    });
}
