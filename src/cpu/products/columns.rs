//! A convolution as a matrix product: the matrix of what each filter tap sees.

use super::scratch::LINE;

/// What the taps of a filter \[C,R,S\] see when it is moved over an image \[C,H,W\]: a matrix with a row for each tap (c, r, s)
/// and a column for each position (p, q), whose element is x\[c, p*stride + r - pad, q*stride + s - pad\], or 0 outside.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taps {
    pub c: usize,
    pub h: usize,
    pub w: usize,
    pub r: usize,
    pub s: usize,
    pub p: usize,
    pub q: usize,
    pub stride: [usize; 2],
    /// Top and left; negative where the filter starts inside the image.
    pub pad: [isize; 2],
}

/// Positions that one product is made for: rows `p` of `images` images of a group.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tile {
    pub images: usize,
    pub p: usize,
    pub rows: usize,
}

/// One channel of one image, padded and split by `position mod stride` into planes [R or stride][S or stride][rows][cols], so
/// that what a tap sees is a run of whole rows of one plane: what was strided becomes contiguous.
#[derive(Clone, Copy)]
struct Planes {
    phases: [usize; 2],
    rows: usize,
    cols: usize,
}

impl Taps {
    fn planes(&self, rows: usize) -> Planes {
        let [sh, sw] = self.stride;
        Planes {
            phases: [sh.min(self.r), sw.min(self.s)],
            rows: rows + (self.r - 1) / sh,
            cols: self.q + (self.s - 1) / sw,
        }
    }

    /// Floats of the buffer that [`Taps::fill`] and [`Taps::add`] need for `rows` rows of positions.
    pub fn planes_len(&self, rows: usize) -> usize {
        let planes = self.planes(rows);
        planes.phases[0] * planes.phases[1] * planes.rows * planes.cols + LINE
    }

    /// Writes the rows of taps of `channels` for the positions of `tile`, `columns[(c,r,s), (image,p,q)]`, rows `row_len` apart.
    /// `images` starts at the tile's first. Each row may be overwritten for up to [`LINE`] floats past its end.
    pub fn fill(&self, images: &[f32], tile: Tile, channels: std::ops::Range<usize>, columns: &mut [f32], row_len: usize, planes: &mut [f32]) {
        let shape = self.planes(tile.rows);
        // The border stays zero: every channel covers the same part of the planes.
        planes.fill(0.0);
        for (c, columns) in channels.zip(columns.chunks_mut(self.r * self.s * row_len)) {
            for i in 0..tile.images {
                let channel = &images[(i * self.c + c) * self.h * self.w..][..self.h * self.w];
                self.split(channel, tile.p, shape, planes);
                let first = i * tile.rows * self.q;
                for (tap, columns) in columns.chunks_mut(row_len).enumerate() {
                    let seen = &planes[shape.first_seen(self, tap)..];
                    copy_rows(self.q, tile.rows, seen, shape.cols, &mut columns[first..], self.q);
                }
            }
        }
    }

    /// Adds the rows of taps of channel `c` back to where they were seen: the transpose of [`Taps::fill`] for one whole image.
    /// `columns` holds the R*S rows of one channel, `row_len` apart; `channel` is overwritten.
    pub fn add(&self, columns: &[f32], row_len: usize, channel: &mut [f32], planes: &mut [f32]) {
        let shape = self.planes(self.p);
        planes.fill(0.0);
        for (tap, columns) in columns.chunks(row_len).enumerate() {
            let seen = &mut planes[shape.first_seen(self, tap)..];
            for (to, from) in seen.chunks_mut(shape.cols).zip(columns[..self.p * self.q].chunks(self.q)) {
                to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
            }
        }
        self.join(channel, shape, planes);
    }

    /// Copies a channel \[H,W\] into the inside of its planes, from row `p` of positions on.
    fn split(&self, channel: &[f32], p: usize, shape: Planes, planes: &mut [f32]) {
        let mut planes = planes.chunks_mut(shape.rows * shape.cols);
        for fh in 0..shape.phases[0] {
            let (u, h) = inside(shape.rows, self.stride[0], (p * self.stride[0] + fh) as isize - self.pad[0], self.h);
            for fw in 0..shape.phases[1] {
                let (v, w) = inside(shape.cols, self.stride[1], fw as isize - self.pad[1], self.w);
                let plane = planes.next().expect("a plane for each phase");
                if v.is_empty() {
                    continue;
                }
                for (i, to) in plane.chunks_mut(shape.cols).take(u.end).skip(u.start).enumerate() {
                    let from = &channel[(h + i * self.stride[0]) * self.w..][w..self.w];
                    gather(&mut to[v.clone()], from, self.stride[1]);
                }
            }
        }
    }

    /// Copies planes back into their channel \[H,W\]: the transpose of [`Taps::split`].
    fn join(&self, channel: &mut [f32], shape: Planes, planes: &[f32]) {
        // What no tap sees gets nothing.
        channel.fill(0.0);
        let mut planes = planes.chunks(shape.rows * shape.cols);
        for fh in 0..shape.phases[0] {
            let (u, h) = inside(shape.rows, self.stride[0], fh as isize - self.pad[0], self.h);
            for fw in 0..shape.phases[1] {
                let (v, w) = inside(shape.cols, self.stride[1], fw as isize - self.pad[1], self.w);
                let plane = planes.next().expect("a plane for each phase");
                if v.is_empty() {
                    continue;
                }
                for (i, from) in plane.chunks(shape.cols).take(u.end).skip(u.start).enumerate() {
                    let to = &mut channel[(h + i * self.stride[0]) * self.w..][w..self.w];
                    scatter(to, &from[v.clone()], self.stride[1]);
                }
            }
        }
    }
}

impl Planes {
    /// Where in the planes tap (r, s) sees its first position.
    fn first_seen(&self, taps: &Taps, tap: usize) -> usize {
        let (r, s) = (tap / taps.s, tap % taps.s);
        let [sh, sw] = taps.stride;
        let plane = (r % sh) * self.phases[1] + s % sw;
        (plane * self.rows + r / sh) * self.cols + s / sw
    }
}

/// Of the positions 0..count that see index `first + i * stride`, those that see 0..len, and the index that the first of them sees.
fn inside(count: usize, stride: usize, first: isize, len: usize) -> (std::ops::Range<usize>, usize) {
    let before = |index: isize| if index <= 0 { 0 } else { (index as usize).div_ceil(stride).min(count) };
    let (start, end) = (before(-first), before(len as isize - first));
    if start >= end {
        return (0..0, 0);
    }
    (start..end, (first + (start * stride) as isize) as usize)
}

/// to\[i\] = from\[i * stride\]
fn gather(to: &mut [f32], from: &[f32], stride: usize) {
    match stride {
        1 => to.copy_from_slice(&from[..to.len()]),
        2 => {
            let (pairs, last) = from.as_chunks::<2>();
            to.iter_mut().zip(pairs).for_each(|(to, pair)| *to = pair[0]);
            if to.len() > pairs.len() {
                to[pairs.len()] = last[0];
            }
        }
        _ => to.iter_mut().zip(from.iter().step_by(stride)).for_each(|(to, from)| *to = *from),
    }
}

/// to\[i * stride\] = from\[i\]
pub(super) fn scatter(to: &mut [f32], from: &[f32], stride: usize) {
    match stride {
        1 => to[..from.len()].copy_from_slice(from),
        2 => {
            let (pairs, last) = to.as_chunks_mut::<2>();
            pairs.iter_mut().zip(from).for_each(|(pair, from)| pair[0] = *from);
            if from.len() > pairs.len() {
                last[0] = from[pairs.len()];
            }
        }
        _ => to.iter_mut().step_by(stride).zip(from).for_each(|(to, from)| *to = *from),
    }
}

/// Copies `rows` rows of `len` floats, in order, each in whole vectors: what that writes past a row's end, the next row
/// overwrites. Far quicker than exact copies of rows as short as an image's.
fn copy_rows(len: usize, rows: usize, from: &[f32], from_row: usize, to: &mut [f32], to_row: usize) {
    fn copy<const VECTOR: usize>(len: usize, rows: usize, from: &[f32], from_row: usize, to: &mut [f32], to_row: usize) {
        for row in 0..rows {
            let (from, to) = (&from[row * from_row..], &mut to[row * to_row..]);
            for at in (0..len).step_by(VECTOR) {
                to[at..at + VECTOR].copy_from_slice(&from[at..at + VECTOR]);
            }
        }
    }
    if from_row == len && to_row == len {
        return to[..rows * len].copy_from_slice(&from[..rows * len]);
    }
    match len {
        1 => copy::<1>(len, rows, from, from_row, to, to_row),
        2..=4 => copy::<4>(len, rows, from, from_row, to, to_row),
        5..=8 => copy::<8>(len, rows, from, from_row, to, to_row),
        _ => copy::<16>(len, rows, from, from_row, to, to_row),
    }
}
