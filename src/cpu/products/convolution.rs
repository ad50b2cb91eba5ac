//! Convolutions as matrix products over groups of images.

use super::filter::{filter_gradient, filter_sums_len};
use super::gemm::{View, gemm};
use super::matmul::{Matmul, matmul};
use super::pixels::{Pixels, Window};
use super::scratch::{LINE, PerThread, Scratch};
use super::taps::Taps;
use super::tiles::Tiles;
use super::transpose::spread;
use crate::kernels::Geometry;
use rayon::prelude::*;

/// Minimum number of positions in one product, if there are enough images: enough rows for the GEMM.
const POSITIONS: usize = 128;

impl Geometry {
    fn check(&self, x: &[f32], w: &[f32], y: &[f32]) {
        assert_eq!([x.len(), w.len(), y.len()], self.lens(), "{self:?}");
        assert!(self.stride[0] > 0 && self.stride[1] > 0, "{self:?}");
    }

    /// The filters as a window over channels-last images that hold `c` of the channels.
    pub(super) fn window(&self, c: usize) -> Window {
        let Geometry { r, s, p, q, stride, pad, .. } = *self;
        Window { c, r, s, p, q, stride, pad: pad.map(|pad| pad as isize) }
    }

    /// Whether each filter covers its whole image, without padding: then y\[B,K\] = x\[B,CHW\] wT\[CHW,K\].
    fn is_matmul(&self) -> bool {
        [self.p, self.q] == [1, 1] && [self.r, self.s] == [self.h, self.w] && self.pad == [0, 0]
    }

    /// The convolution from y to x whose filters are those of `self`, rotated by 180 degrees, if it is faster: at
    /// stride 1 and with few filters. Its taps are laid out for the K channels of y instead of the C channels of x.
    fn mirror(&self) -> Option<Geometry> {
        let pad = [self.r.checked_sub(1 + self.pad[0])?, self.s.checked_sub(1 + self.pad[1])?];
        let few = self.k * 4 <= self.c && self.stride == [1, 1];
        few.then_some(Geometry { c: self.k, h: self.p, w: self.q, k: self.c, p: self.h, q: self.w, pad, ..*self })
    }

    /// Images per task, with `positions` positions per image: enough rows for one product, but at most about an eighth
    /// of the batch.
    pub(super) fn group(&self, positions: usize) -> usize {
        POSITIONS.div_ceil(positions).clamp(1, self.b.div_ceil(8))
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
pub fn conv2d(
    conv: &Geometry,
    x: &[f32],
    w: &[f32],
    y: &mut [f32],
    scratch: &mut Scratch,
    epilogue: impl Fn(usize, &mut [f32]) + Sync,
) {
    conv.check(x, w, y);
    if y.is_empty() {
        return;
    }
    let Geometry { b, c, k, .. } = *conv;
    if conv.is_matmul() {
        return matmul(&Matmul::new(b, conv.filter_len(), k).transposed_b(), x, w, y, scratch, epilogue);
    }
    if let Some(tiles) = Tiles::of(conv) {
        return tiles.conv2d(x, w, y, scratch, epilogue);
    }
    let Scratch { shared, threads } = scratch;
    if let Some(mirror) = conv.mirror() {
        let mirrored = shared.take(w.len());
        mirror_filters(k, c, conv.r * conv.s, w, mirrored);
        return add_taps(&mirror, mirrored, x, y, threads, epilogue);
    }
    let filters = shared.take(w.len());
    pack_filters(conv, w, filters);
    let (window, filters) = (conv.window(c), &*filters);
    let (group, width) = (conv.group(conv.p * conv.q), window.width(conv.w));
    y.par_chunks_mut(group * conv.output_len()).enumerate().for_each(|(i, y)| {
        let (x, images) = (&x[i * group * conv.image_len()..], y.len() / conv.output_len());
        threads.with(|buffer| {
            let taps_len = window.taps_len(images, window.rows_at_a_time(images));
            let [pixels, outputs, taps] = buffer.split([images * conv.h * width.1 * c, y.len(), taps_len]);
            let pixels =
                Pixels::new(x, images, conv.image_len(), [0, c], [conv.h, conv.w], [(0, conv.h), width], pixels);
            if images == 1 && window.is_shallow() {
                return window.convolve_to_channels(&pixels, k, filters, y, taps);
            }
            window.convolve(&pixels, k, filters, outputs, taps);
            for (row, outputs) in outputs.chunks(conv.q * k).enumerate() {
                let (p, image) = (row / images, row % images);
                spread(conv.q, k, outputs, &mut y[image * conv.output_len() + p * conv.q..], conv.p * conv.q, 1);
            }
        });
        epilogue(i * group * conv.output_len(), y);
    });
}

/// packed\[r,s,c,k\] = w\[k,c,r,s\]
pub(super) fn pack_filters(conv: &Geometry, w: &[f32], packed: &mut [f32]) {
    let Geometry { c, k, r: rows, s: cols, .. } = *conv;
    packed.par_chunks_mut(cols * c * k).enumerate().for_each(|(r, packed)| {
        for first in (0..k).step_by(LINE) {
            let count = LINE.min(k - first);
            let filters = &w[first * conv.filter_len()..];
            for (c_i, s) in (0..c).flat_map(|c_i| (0..cols).map(move |s| (c_i, s))) {
                let packed = &mut packed[(s * c + c_i) * k + first..][..count];
                let taps = filters[(c_i * rows + r) * cols + s..].iter().step_by(conv.filter_len());
                packed.iter_mut().zip(taps).for_each(|(packed, w)| *packed = *w);
            }
        }
    });
}

/// x = the transposed convolution of y with the filters w: the gradient with respect to the input.
pub fn conv2d_input(
    conv: &Geometry,
    w: &[f32],
    y: &[f32],
    x: &mut [f32],
    scratch: &mut Scratch,
    epilogue: impl Fn(usize, &mut [f32]) + Sync,
) {
    conv.check(x, w, y);
    if x.is_empty() {
        return;
    }
    if conv.is_matmul() {
        return matmul(&Matmul::new(conv.b, conv.k, conv.filter_len()), y, w, x, scratch, epilogue);
    }
    if let Some(tiles) = Tiles::of(conv) {
        return tiles.conv2d_input(w, y, x, scratch, epilogue);
    }
    let Scratch { shared, threads } = scratch;
    if conv.c * 4 <= conv.k {
        return add_taps(conv, w, y, x, threads, epilogue);
    }
    let filters = shared.take(w.len());
    let phases = pack_phases(conv, w, filters);
    let (filters, c) = (&*filters, conv.c);
    let widths = phases.iter().map(|phase| phase.window.width(conv.q));
    let width = widths.clone().map(|width| width.0).max().unwrap_or(0);
    let width = (width, widths.map(|(left, all)| width - left + all).max().unwrap_or(conv.q));
    let group = conv.group((conv.h * conv.w).div_ceil(conv.stride[0] * conv.stride[1]));
    x.par_chunks_mut(group * conv.image_len()).enumerate().for_each(|(i, x)| {
        let (y, images) = (&y[i * group * conv.output_len()..], x.len() / conv.image_len());
        if phases.len() < conv.stride[0] * conv.stride[1] {
            x.fill(0.0);
        }
        threads.with(|buffer| {
            let pixels_len = images * conv.p * width.1 * conv.k;
            let taps_len = |window: &Window| window.taps_len(images, window.rows_at_a_time(images));
            let taps_len = phases.iter().map(|phase| taps_len(&phase.window)).max().unwrap_or(0);
            let [pixels, outputs, taps] = buffer.split([pixels_len, x.len(), taps_len]);
            let pixels =
                Pixels::new(y, images, conv.output_len(), [0, conv.k], [conv.p, conv.q], [(0, conv.p), width], pixels);
            for Phase { window, first, filters: start } in &phases {
                if images == 1 && window.is_shallow() && conv.stride == [1, 1] {
                    window.convolve_to_channels(&pixels, c, filters, x, taps);
                    continue;
                }
                let outputs = &mut outputs[..images * window.p * window.q * c];
                window.convolve(&pixels, c, &filters[*start..], outputs, taps);
                for (row, outputs) in outputs.chunks(window.q * c).enumerate() {
                    let (h, image) = (first[0] + row / images * conv.stride[0], row % images);
                    let x = &mut x[image * conv.image_len() + h * conv.w + first[1]..];
                    spread(window.q, c, outputs, x, conv.h * conv.w, conv.stride[1]);
                }
            }
        });
        epilogue(i * group * conv.image_len(), x);
    });
}

/// The elements of x whose index + pad has one residue modulo the stride: a convolution of y at stride 1 with every
/// stride-th tap.
struct Phase {
    window: Window,
    /// Row and column of x of the first position.
    first: [usize; 2],
    /// Offset of the phase's filters \[(taps,K),C\] among the packed filters.
    filters: usize,
}

/// The phases with at least one tap and one position. Writes the filters of the phases to `filters`.
fn pack_phases(conv: &Geometry, w: &[f32], mut filters: &mut [f32]) -> Vec<Phase> {
    let Geometry { c, k, r, s, stride: [sh, sw], .. } = *conv;
    // Along one axis, for residue `phase` of x + pad: number of taps, number of positions, first x index, and padding
    // before y.
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
        packed.par_chunks_mut((k * c).max(1)).enumerate().for_each(|(tap, packed)| {
            let tap = taps_h * taps_w - 1 - tap;
            let tap = (fh + tap / taps_w * sh) * s + fw + tap % taps_w * sw;
            for (packed, filter) in packed.chunks_mut(c).zip(w.chunks(c * r * s)) {
                let taps = filter[tap..].iter().step_by(r * s);
                packed.iter_mut().zip(taps).for_each(|(packed, w)| *packed = *w);
            }
        });
        if p * q > 0 {
            let window = Window { c: k, r: taps_h, s: taps_w, p, q, stride: [1, 1], pad: [pad_h, pad_w] };
            phases.push(Phase { window, first: [first_h, first_w], filters: start });
        }
        start += len;
    }
    phases
}

/// x = the transposed convolution in two steps: the value that each tap adds, wT\[(C,R,S),K\] y\[K,(P,Q)\], then the
/// sums of these values. This is fastest for small C, because taps are laid out for C channels rather than for K.
fn add_taps(
    conv: &Geometry,
    w: &[f32],
    y: &[f32],
    x: &mut [f32],
    threads: &PerThread,
    epilogue: impl Fn(usize, &mut [f32]) + Sync,
) {
    let Geometry { h, w: width, r, s, p, q, stride, pad, .. } = *conv;
    let (taps, positions) = (Taps { h, w: width, r, s, p, q, stride, pad }, p * q);
    x.par_chunks_mut(conv.image_len()).enumerate().for_each(|(i, x)| {
        let y = View::rows(&y[i * conv.output_len()..][..conv.output_len()], positions);
        threads.with(|buffer| {
            let [columns, planes] = buffer.split([conv.filter_len() * positions, taps.planes_len()]);
            let w = View::rows(w, conv.filter_len()).transposed();
            gemm(conv.filter_len(), positions, conv.k, w, y, columns, positions, false);
            for (channel, columns) in x.chunks_mut(h * width).zip(columns.chunks(r * s * positions)) {
                taps.add(columns, channel, planes);
            }
        });
        epilogue(i * conv.image_len(), x);
    });
}

/// w = the gradient with respect to the filters: the sum over images and positions of y times the element of x under
/// each tap.
pub fn conv2d_filter(
    conv: &Geometry,
    x: &[f32],
    y: &[f32],
    w: &mut [f32],
    scratch: &mut Scratch,
    epilogue: impl Fn(usize, &mut [f32]) + Sync,
) {
    conv.check(x, w, y);
    if w.is_empty() {
        return;
    }
    let Geometry { b, c, k, .. } = *conv;
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
