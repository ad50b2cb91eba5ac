//! The filter gradient. Each task sums over one part of the batch for one block of channels; then the parts are added
//! in a fixed order.

use super::gemm::{Columns, View, gemm};
use super::pixels::{Pixels, by_position};
use super::scratch::{Buffer, LINE, PerThread};
use super::tiles::{CHANNELS, Tiles};
use crate::kernels::Geometry;
use rayon::prelude::*;
use std::ops::Range;

/// Smallest task of the filter gradient, in multiply-adds: each further task costs a partial sum.
const FILTER_TASK: usize = 1 << 27;
/// Maximum number of tasks of the filter gradient.
const FILTER_TASKS: usize = 8;

/// How the filter gradient is cut into tasks: blocks of channels times parts of the batch.
struct FilterTasks<'a> {
    conv: &'a Geometry,
    /// `None`: sums are made tap by tap, without tiles.
    tiles: Option<Tiles<'a>>,
    /// Channels of each block; the last block may have fewer.
    channels: usize,
    blocks: usize,
    /// Images of each part; the last part may have fewer.
    images: usize,
    parts: usize,
}

impl<'a> FilterTasks<'a> {
    fn of(conv: &'a Geometry) -> Self {
        let (tiles, blocks) = (Tiles::of(conv), conv.c.div_ceil(CHANNELS));
        let work = conv.lens()[2] * conv.filter_len();
        let tasks = (tiles.map_or(work, |tiles| tiles.work()) / FILTER_TASK).clamp(4, FILTER_TASKS);
        let images = conv.b.div_ceil(tasks.div_ceil(blocks));
        FilterTasks {
            conv,
            tiles,
            channels: conv.c.div_ceil(blocks).next_multiple_of(LINE).min(conv.c),
            blocks,
            images,
            parts: conv.b.div_ceil(images),
        }
    }

    /// Channels of a block.
    fn block(&self, block: usize) -> Range<usize> {
        block * self.channels..self.conv.c.min((block + 1) * self.channels)
    }

    /// Images of a part.
    fn part(&self, part: usize) -> Range<usize> {
        part * self.images..self.conv.b.min((part + 1) * self.images)
    }

    /// Rows \[K\] of a task's sum for each channel of the block: one for each tap, or for each point and phase if there
    /// are tiles.
    fn rows(&self) -> usize {
        self.tiles.map_or(self.conv.r * self.conv.s, |tiles| tiles.rows())
    }

    /// Floats of a task's sum.
    fn sum_len(&self) -> usize {
        self.rows() * self.channels * self.conv.k
    }
}

/// Floats of all tasks' sums.
pub(super) fn filter_sums_len(conv: &Geometry) -> usize {
    let tasks = FilterTasks::of(conv);
    tasks.blocks * tasks.parts * tasks.sum_len()
}

/// w = the filter gradient; `sums` holds the partial sums.
pub(super) fn filter_gradient(
    conv: &Geometry,
    x: &[f32],
    y: &[f32],
    w: &mut [f32],
    sums: &mut [f32],
    threads: &PerThread,
    epilogue: impl Fn(usize, &mut [f32]) + Sync,
) {
    let (k, tasks) = (conv.k, FilterTasks::of(conv));
    let (parts, sum_len) = (tasks.parts, tasks.sum_len());
    sums.par_chunks_mut(sum_len).enumerate().for_each(|(task, sum)| {
        let (channels, images) = (tasks.block(task / parts), tasks.part(task % parts));
        threads.with(|buffer| match tasks.tiles {
            Some(tiles) => tiles.filter_sum(x, y, images, channels, sum, buffer),
            None => filter_sum(conv, x, y, images, channels, sum, buffer),
        });
    });
    // Add the parts in order, and transpose the totals of each channel from [tap, K] to [K, tap].
    let (sums, window) = (&*sums, conv.r * conv.s);
    Columns::for_each_block(w, conv.filter_len(), window, |first, mut w| {
        let (block, c) = (first / window / tasks.channels, first / window % tasks.channels);
        let (sums, channels) = (&sums[block * parts * sum_len..][..parts * sum_len], tasks.block(block).len());
        threads.with(|buffer| {
            let [totals, taps] = buffer.split([tasks.rows() * k, window * k]);
            totals.fill(0.0);
            for sum in sums.chunks(sum_len) {
                for (total, sum) in totals.chunks_mut(k).zip(sum[c * k..].chunks(channels * k)) {
                    total.iter_mut().zip(sum).for_each(|(total, sum)| *total += sum);
                }
            }
            let taps = match tasks.tiles {
                Some(tiles) => tiles.taps(totals, taps),
                None => totals,
            };
            for (filter, w) in w.rows_mut().enumerate() {
                w.iter_mut().zip(taps[filter..].iter().step_by(k)).for_each(|(w, tap)| *w = *tap);
            }
        });
        w.rows_mut().enumerate().for_each(|(filter, w)| epilogue(filter * conv.filter_len() + first, w));
    });
}

/// sum\[(R,S,C), K\] = the filter gradient for `channels`, summed over `images`.
fn filter_sum(
    conv: &Geometry,
    x: &[f32],
    y: &[f32],
    images: Range<usize>,
    channels: Range<usize>,
    sum: &mut [f32],
    buffer: &mut Buffer,
) {
    let (k, c, window) = (conv.k, channels.len(), conv.window(channels.len()));
    let (group, width) = (conv.group(conv.p * conv.q).min(images.len()), window.width(conv.w));
    sum.fill(0.0);
    for first in images.clone().step_by(group) {
        let images = group.min(images.end - first);
        let (x, y) = (&x[first * conv.image_len()..], &y[first * conv.output_len()..]);
        let rows_at_a_time = window.rows_at_a_time(images);
        let positions = rows_at_a_time * images * conv.q;
        let lens = [images * conv.h * width.1 * c, positions * k, window.taps_len(images, rows_at_a_time)];
        let [pixels, outputs, taps] = buffer.split(lens);
        let pixels = Pixels::new(
            x,
            images,
            conv.image_len(),
            [channels.start, c],
            [conv.h, conv.w],
            [(0, conv.h), width],
            pixels,
        );
        for p in (0..conv.p).step_by(rows_at_a_time) {
            let rows = rows_at_a_time.min(conv.p - p);
            by_position(y, images, k, [conv.p, conv.q], p, rows, outputs);
            window.lay_out(&pixels, p, rows, taps);
            for (r, depth, start) in window.products(images, rows) {
                let sum = &mut sum[r * conv.s * c * k..][..depth * k];
                let seen = View::rows(&taps[start..], depth).transposed();
                gemm(depth, k, rows * images * conv.q, seen, View::rows(outputs, k), sum, k, true);
            }
        }
    }
}
