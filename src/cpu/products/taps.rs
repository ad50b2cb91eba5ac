//! The sum of the values that filter taps scatter, with channels first.

/// A filter \[C,R,S\] moved over an image \[C,H,W\]: tap (c, r, s) at position (p, q) meets
/// x\[c, p*stride + r - pad, q*stride + s - pad\].
#[derive(Clone, Copy, Debug)]
pub(super) struct Taps {
    pub h: usize,
    pub w: usize,
    pub r: usize,
    pub s: usize,
    pub p: usize,
    pub q: usize,
    pub stride: [usize; 2],
    pub pad: [usize; 2],
}

/// One channel of an image, padded and split by `position mod stride` into planes
/// `[min(R, stride), min(S, stride), rows, cols]`. The elements that a tap meets have a stride in the image; in a plane
/// they are contiguous rows.
#[derive(Clone, Copy)]
struct Planes {
    phases: [usize; 2],
    rows: usize,
    cols: usize,
}

impl Taps {
    fn planes(&self) -> Planes {
        let [sh, sw] = self.stride;
        Planes {
            phases: [sh.min(self.r), sw.min(self.s)],
            rows: self.p + (self.r - 1) / sh,
            cols: self.q + (self.s - 1) / sw,
        }
    }

    /// Floats of the buffer that [`Taps::add`] needs.
    pub fn planes_len(&self) -> usize {
        let planes = self.planes();
        planes.phases[0] * planes.phases[1] * planes.rows * planes.cols
    }

    /// channel\[h,w\] = the sum of `scattered[(r,s), (p,q)]` over the taps and positions that meet (h, w).
    pub fn add(&self, scattered: &[f32], channel: &mut [f32], planes: &mut [f32]) {
        let Planes { phases, rows, cols } = self.planes();
        let ([sh, sw], [pad_h, pad_w]) = (self.stride, self.pad);
        planes.fill(0.0);
        for (tap, scattered) in scattered.chunks(self.p * self.q).enumerate() {
            let (r, s) = (tap / self.s, tap % self.s);
            let plane = (r % sh) * phases[1] + s % sw;
            let met = &mut planes[(plane * rows + r / sh) * cols + s / sw..];
            for (to, from) in met.chunks_mut(cols).zip(scattered.chunks(self.q)) {
                to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
            }
        }
        // Elements that no tap meets stay zero.
        channel.fill(0.0);
        for (plane, values) in planes.chunks(rows * cols).enumerate() {
            let (fh, fw) = (plane / phases[1], plane % phases[1]);
            // Number of the plane's rows above the image, and of its columns left of the image.
            let (u, v) = (pad_h.saturating_sub(fh).div_ceil(sh), pad_w.saturating_sub(fw).div_ceil(sw));
            if v >= cols || v * sw + fw - pad_w >= self.w {
                continue;
            }
            for (u, values) in values.chunks(cols).enumerate().skip(u) {
                let h = u * sh + fh - pad_h;
                if h >= self.h {
                    break;
                }
                let to = &mut channel[h * self.w..][v * sw + fw - pad_w..self.w];
                spread(to, &values[v..], sw);
            }
        }
    }
}

/// to\[i * step\] = from\[i\], as far as both reach.
fn spread(to: &mut [f32], from: &[f32], step: usize) {
    if step == 2 {
        let (pairs, last) = to.as_chunks_mut::<2>();
        pairs.iter_mut().zip(from).for_each(|(pair, from)| pair[0] = *from);
        if let ([last], Some(from)) = (last, from.get(pairs.len())) {
            *last = *from;
        }
    } else {
        to.iter_mut().step_by(step).zip(from).for_each(|(to, from)| *to = *from);
    }
}
