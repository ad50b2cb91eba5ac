//! GRU, forward and back.

use pulp::{Arch, Simd, WithSimd};

use super::{Panels, Part, Scratch, by_example, by_gate, for_each_part, keep, spread};
use crate::{
    cpu::{
        math::{sigmoid, tanh},
        products::Buffer,
    },
    graph::Reset,
    kernels::{Gru, GruGrad, Sequence},
};

/// See [`Gru`].
pub fn gru(kernel: &Gru, reads: &[&[f32]], y: &mut [f32], scratch: &mut Scratch) {
    let (s, reset) = (kernel.sequence, kernel.reset);
    let panels = Panels::new(reads[1], s.units, s.units, &mut scratch.shared);
    for_each_part(s, 3, vec![(y, s.units)], &scratch.threads, |part, mut hs, buffer| {
        Arch::new().dispatch(Forward { part, reset, reads, panels, hs: &mut hs, buffer });
    });
}

struct Forward<'a, 'w> {
    part: Part,
    reset: Reset,
    reads: &'a [&'a [f32]],
    panels: Panels<'a>,
    /// The part's rows of the result for each step.
    hs: &'a mut [&'w mut [f32]],
    buffer: &'a mut Buffer,
}

impl WithSimd for Forward<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { part, reset, reads, panels, hs, buffer } = self;
        let (Sequence { units, batch, .. }, n) = (part.sequence, part.state());
        let [mut h, mut new_h, reset_h, u, a] = buffer.split([n, n, n, n, 3 * n]);
        h.copy_from_slice(part.of_state(reads[3]));
        for (t, _) in part.sequence.order() {
            by_gate(part.rows(reads[0], t, 3 * units), 3, units, a);
            let (rz, x) = a.split_at_mut(2 * n);
            let (r, z) = rz.split_at_mut(n);
            panels.add_product(simd, 0, (0, units), (h, units), r);
            panels.add_product(simd, 1, (0, units), (h, units), z);
            u.chunks_exact_mut(units).for_each(|row| row.copy_from_slice(reads[2]));
            match reset {
                Reset::Before => {
                    reset_by(r, h, reset_h);
                    panels.add_product(simd, 2, (0, units), (reset_h, units), u);
                }
                Reset::After => panels.add_product(simd, 2, (0, units), (h, units), u),
            }
            cell(reset, [r, z, x, u], h, new_h);
            keep(&reads[4][t * batch + part.first..][..part.examples], units, h, new_h);
            hs[t].copy_from_slice(new_h);
            (h, new_h) = (new_h, h);
        }
    }
}

/// The state times the reset gate of these pre-activations.
#[inline(always)]
fn reset_by(r: &[f32], h: &[f32], reset_h: &mut [f32]) {
    reset_h.iter_mut().zip(r).zip(h).for_each(|((y, &r), &h)| *y = sigmoid(r) * h);
}

/// h after a step from the pre-activations r and z, the inputs' part x of n, its recurrent part u, and h before.
#[inline(always)]
fn cell(reset: Reset, [r, z, x, u]: [&[f32]; 4], h: &[f32], new_h: &mut [f32]) {
    let n = h.len();
    let (r, z, x, u, new_h) = (&r[..n], &z[..n], &x[..n], &u[..n], &mut new_h[..n]);
    let mut mix = |k: usize, candidate: f32| {
        let z = sigmoid(z[k]);
        new_h[k] = (1.0 - z) * tanh(candidate) + z * h[k];
    };
    match reset {
        Reset::Before => (0..n).for_each(|k| mix(k, x[k] + u[k])),
        Reset::After => (0..n).for_each(|k| mix(k, x[k] + sigmoid(r[k]) * u[k])),
    }
}

/// See [`GruGrad`].
pub fn gru_grad(kernel: &GruGrad, reads: &[&[f32]], result: &mut [f32], scratch: &mut Scratch) {
    let (s, reset) = (kernel.sequence, kernel.reset);
    let (das, dh) = result.split_at_mut(3 * s.states());
    let panels = Panels::new(reads[4], 3 * s.units, s.units, &mut scratch.shared);
    for_each_part(s, 3, vec![(das, 3 * s.units), (dh, s.units)], &scratch.threads, |part, mut written, buffer| {
        let (das, carried) = written.split_at_mut(s.steps);
        Arch::new().dispatch(Backward { part, reset, reads, panels, das, dh: carried[0], buffer });
    });
}

struct Backward<'a, 'w> {
    part: Part,
    reset: Reset,
    reads: &'a [&'a [f32]],
    panels: Panels<'a>,
    /// The part's rows of the result for each step.
    das: &'a mut [&'w mut [f32]],
    dh: &'a mut [f32],
    buffer: &'a mut Buffer,
}

impl WithSimd for Backward<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { part, reset, reads, panels, das, dh, buffer } = self;
        let (Sequence { units, batch, .. }, n) = (part.sequence, part.state());
        let width = 3 * units;
        // du_n is the cotangent of what the product with n's columns gave.
        let [a, u, m, du_n] = buffer.split([3 * n, 3 * n, n, n]);
        dh.fill(0.0);
        for (t, before) in part.sequence.order().rev() {
            by_gate(part.rows(reads[0], t, width), 3, units, a);
            by_gate(part.rows(reads[1], t, width), 3, units, u);
            spread(&reads[5][t * batch + part.first..][..part.examples], units, m);
            let old_h = part.before(reads[2], reads[3], before);
            cell_grad(reset, a, u, old_h, m, part.rows(reads[6], t, units), dh);
            let (r, da_n) = (&mut u[..n], &a[2 * n..]);
            match reset {
                Reset::Before => {
                    du_n.fill(0.0);
                    panels.add_product(simd, 0, (2 * units, units), (da_n, units), du_n);
                    reset_grad(&mut a[..n], r, old_h, du_n, dh);
                }
                Reset::After => {
                    du_n.iter_mut().zip(&*r).zip(da_n).for_each(|((d, r), da)| *d = r * da);
                    panels.add_product(simd, 0, (2 * units, units), (du_n, units), dh);
                }
            }
            by_example(a, 3, units, das[t]);
            panels.add_product(simd, 0, (0, 2 * units), (das[t], width), dh);
        }
    }
}

/// Turns the inputs' part a of the pre-activations into their cotangents (but for r's, where it resets before the product),
/// u's first block into r, and takes dh through the step but for the products.
#[inline(always)]
fn cell_grad(reset: Reset, a: &mut [f32], u: &mut [f32], h: &[f32], m: &[f32], given: &[f32], dh: &mut [f32]) {
    let n = h.len();
    let (a_r, rest) = a.split_at_mut(n);
    let (a_z, a_n) = rest.split_at_mut(n);
    let (u_r, rest) = u.split_at_mut(n);
    let (u_z, u_n) = rest.split_at(n);
    let (a_n, u_n, m, given, dh) = (&mut a_n[..n], &u_n[..n], &m[..n], &given[..n], &mut dh[..n]);
    for k in 0..n {
        let (r, z) = (sigmoid(a_r[k] + u_r[k]), sigmoid(a_z[k] + u_z[k]));
        let share = if reset == Reset::After { r } else { 1.0 };
        let candidate = tanh(a_n[k] + share * u_n[k]);
        let all_dh = given[k] + dh[k];
        let new_dh = m[k] * all_dh;
        let da_n = new_dh * (1.0 - z) * (1.0 - candidate * candidate);
        a_r[k] = da_n * u_n[k] * r * (1.0 - r);
        a_z[k] = new_dh * (h[k] - candidate) * z * (1.0 - z);
        a_n[k] = da_n;
        u_r[k] = r;
        dh[k] = (1.0 - m[k]) * all_dh + new_dh * z;
    }
}

/// The cotangents of r's pre-activations and of h from those, d, of r * h.
#[inline(always)]
fn reset_grad(da_r: &mut [f32], r: &[f32], h: &[f32], d: &[f32], dh: &mut [f32]) {
    let n = h.len();
    let (da_r, r, d, dh) = (&mut da_r[..n], &r[..n], &d[..n], &mut dh[..n]);
    for k in 0..n {
        da_r[k] = d[k] * h[k] * r[k] * (1.0 - r[k]);
        dh[k] += d[k] * r[k];
    }
}
