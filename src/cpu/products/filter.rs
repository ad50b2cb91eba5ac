//! The filter gradient: partial sums of blocks of channels and parts of the batch, added in a fixed order.

use super::gemm::{View, gemm};
use super::pixels::{Pixels, by_position};
use super::scratch::{LINE, PerThread};
use crate::kernels::Geometry;
use rayon::prelude::*;

/// Channels whose filter gradient is one task's work.
const CHANNELS: usize = 64;
/// Multiply-adds that are worth a task of the filter gradient, which costs a partial sum.
const FILTER_TASK: usize = 1 << 27;
/// Tasks of the filter gradient at most, whatever its size.
const FILTER_TASKS: usize = 16;

/// How the filter gradient is cut into tasks: blocks of channels times parts of the batch.
struct FilterTasks {
    /// Channels of a block.
    channels: usize,
    blocks: usize,
    /// Images of a part.
    images: usize,
    parts: usize,
    /// Floats of a task's sum \[(R,S,channels), K\].
    sum_len: usize,
}

fn filter_tasks(conv: &Geometry) -> FilterTasks {
    let blocks = conv.c.div_ceil(CHANNELS);
    let channels = conv.c.div_ceil(blocks);
    let work = conv.lens()[2] * conv.filter_len();
    let tasks = (work / FILTER_TASK).clamp(4, FILTER_TASKS);
    let images = conv.b.div_ceil(tasks.div_ceil(blocks));
    FilterTasks {
        channels,
        blocks,
        images,
        parts: conv.b.div_ceil(images),
        sum_len: channels * conv.r * conv.s * conv.k,
    }
}

/// Floats of all tasks' sums.
pub(super) fn filter_sums_len(conv: &Geometry) -> usize {
    let tasks = filter_tasks(conv);
    tasks.blocks * tasks.parts * tasks.sum_len
}

/// w = the filter gradient, by way of `sums`.
pub(super) fn filter_gradient(
    conv: &Geometry,
    x: &[f32],
    y: &[f32],
    w: &mut [f32],
    sums: &mut [f32],
    threads: &PerThread,
    epilogue: impl Fn(usize, &mut [f32]) + Sync,
) {
    let k = conv.k;
    let FilterTasks { channels, blocks, images, parts, sum_len } = filter_tasks(conv);
    let group = conv.group(conv.p * conv.q).min(images);
    let of_block = |block: usize| block * channels..conv.c.min((block + 1) * channels);
    sums.par_chunks_mut(sum_len).enumerate().for_each(|(task, sum)| {
        let (block, part) = (of_block(task / parts), task % parts);
        let (c, last) = (block.len(), conv.b.min((part + 1) * images));
        let window = conv.window(c);
        let width = window.width(conv.w);
        sum.fill(0.0);
        threads.with(|buffer| {
            for first in (part * images..last).step_by(group) {
                let images = group.min(last - first);
                let (x, y) = (&x[first * conv.image_len()..], &y[first * conv.output_len()..]);
                let rows_at_a_time = window.rows_at_a_time(images);
                let positions = rows_at_a_time * images * conv.q;
                let lens = [images * conv.h * width.1 * c, positions * k, window.taps_len(images, rows_at_a_time)];
                let [pixels, outputs, taps] = buffer.split(lens);
                let pixels =
                    Pixels::new(x, images, conv.image_len(), [block.start, c], [conv.h, conv.w], width, pixels);
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
        });
    });
    // Add the parts, in order, for sixteen filters at a time: that is a cache line of each sum.
    let (sums, window) = (&*sums, conv.r * conv.s);
    w.par_chunks_mut(LINE * conv.filter_len()).enumerate().for_each(|(i, w)| {
        let filters = i * LINE..i * LINE + w.len() / conv.filter_len();
        for block in 0..blocks {
            let channels = of_block(block);
            let sums = &sums[block * parts * sum_len..][..parts * sum_len];
            for (c, tap) in channels.clone().flat_map(|c| (0..window).map(move |tap| (c, tap))) {
                let row = tap * channels.len() + c - channels.start;
                let mut total = [0.0; LINE];
                for sum in sums.chunks(sum_len) {
                    let sum = &sum[row * k..][filters.clone()];
                    total.iter_mut().zip(sum).for_each(|(total, sum)| *total += sum);
                }
                let to = w[c * window + tap..].iter_mut().step_by(conv.filter_len());
                to.zip(total).for_each(|(w, total)| *w = total);
            }
        }
        epilogue(i * LINE * conv.filter_len(), w);
    });
}
