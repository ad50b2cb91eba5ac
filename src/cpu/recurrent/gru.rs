//! GRU, forward and backward.

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

/// Computes [`Gru`]: `reads` and `y` are the kernel's tensors, in its order.
pub fn gru(kernel: &Gru, reads: &[&[f32]], y: &mut [f32], scratch: &mut Scratch) {
    let (s, reset) = (kernel.sequence, kernel.reset);
    let (hs, values) = y.split_at_mut(s.all_states());
    let panels = Panels::new(reads[1], s.units, s.units, &mut scratch.shared);
    let tables = vec![(hs, s.units), (values, 4 * s.units)];
    for_each_part(s, 3, tables, &scratch.threads, |part, mut written, buffer| {
        let (hs, values) = written.split_at_mut(s.steps + 1);
        Arch::new().dispatch(Forward { part, reset, reads, panels, hs, values, buffer });
    });
}

struct Forward<'a, 'w> {
    part: Part,
    reset: Reset,
    reads: &'a [&'a [f32]],
    panels: Panels<'a>,
    /// The part's rows of all T + 1 states, and of r, z, n and u at each step.
    hs: &'a mut [&'w mut [f32]],
    values: &'a mut [&'w mut [f32]],
    buffer: &'a mut Buffer,
}

impl WithSimd for Forward<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { part, reset, reads, panels, hs, values, buffer } = self;
        let (Sequence { units, batch, .. }, n) = (part.sequence, part.state());
        let [reset_h, a] = buffer.split([n, 4 * n]);
        hs[part.sequence.first()].copy_from_slice(part.of_state(reads[3]));
        for t in part.sequence.order() {
            let [h, new_h] = part.around(hs, t);
            by_gate(part.rows(reads[0], t, 3 * units), 3, units, &mut a[..3 * n]);
            let [r, z, _, u] = quarters(a);
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
            cell(reset, a, h, new_h);
            by_example(a, 4, units, values[t]);
            keep(&reads[4][t * batch + part.first..][..part.examples], units, h, new_h);
        }
    }
}

/// Four parts of equal length.
#[inline(always)]
fn quarters(all: &mut [f32]) -> [&mut [f32]; 4] {
    let (first, second) = all.split_at_mut(all.len() / 2);
    let ((a, b), (c, d)) = (first.split_at_mut(first.len() / 2), second.split_at_mut(second.len() / 2));
    [a, b, c, d]
}

/// reset_h = sigmoid(r) * h, where r are the pre-activations of the reset gate.
#[inline(always)]
fn reset_by(r: &[f32], h: &[f32], reset_h: &mut [f32]) {
    reset_h.iter_mut().zip(r).zip(h).for_each(|((y, &r), &h)| *y = sigmoid(r) * h);
}

/// Replaces the first three quarters of `a`, the pre-activations of r and z and the inputs' part of n's, by the values
/// of r, z and n. The last quarter is u, the recurrent part of n. Sets `new_h` to the state after the step; `h` is the
/// state before it.
#[inline(always)]
fn cell(reset: Reset, a: &mut [f32], h: &[f32], new_h: &mut [f32]) {
    let n = h.len();
    a[..2 * n].iter_mut().for_each(|x| *x = sigmoid(*x));
    let [r, z, x, u] = quarters(a);
    match reset {
        Reset::Before => x.iter_mut().zip(&*u).for_each(|(x, u)| *x = tanh(*x + u)),
        Reset::After => x.iter_mut().zip(&*r).zip(&*u).for_each(|((x, r), u)| *x = tanh(*x + r * u)),
    }
    let (z, x, new_h) = (&z[..n], &x[..n], &mut new_h[..n]);
    (0..n).for_each(|k| new_h[k] = (1.0 - z[k]) * x[k] + z[k] * h[k]);
}

/// Computes [`GruGrad`]: `reads` and `result` are the kernel's tensors, in its order.
pub fn gru_grad(kernel: &GruGrad, reads: &[&[f32]], result: &mut [f32], scratch: &mut Scratch) {
    let (s, reset) = (kernel.sequence, kernel.reset);
    let (das, dh) = result.split_at_mut(3 * s.states());
    let panels = Panels::new(reads[2], 3 * s.units, s.units, &mut scratch.shared);
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
    /// The part's rows of the cotangents of the pre-activations, at each step.
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
        // du_n is the cotangent of the product with n's columns of the matrix.
        let [values, da, m, du_n] = buffer.split([4 * n, 3 * n, n, n]);
        dh.fill(0.0);
        for t in part.sequence.order().rev() {
            by_gate(part.rows(reads[0], t, 4 * units), 4, units, values);
            spread(&reads[3][t * batch + part.first..][..part.examples], units, m);
            let h = part.before(reads[1], t);
            cell_grad(values, da, h, m, part.rows(reads[4], t, units), dh);
            let (r, da_n) = (&values[..n], &da[2 * n..]);
            match reset {
                Reset::Before => {
                    du_n.fill(0.0);
                    panels.add_product(simd, 0, (2 * units, units), (da_n, units), du_n);
                    reset_grad(&mut da[..n], r, h, du_n, dh);
                }
                Reset::After => {
                    du_n.iter_mut().zip(r).zip(da_n).for_each(|((d, r), da)| *d = r * da);
                    panels.add_product(simd, 0, (2 * units, units), (du_n, units), dh);
                }
            }
            by_example(da, 3, units, das[t]);
            panels.add_product(simd, 0, (0, 2 * units), (das[t], 3 * units), dh);
        }
    }
}

/// Sets `da` to the cotangents of the pre-activations, and takes `dh` back through the step except for the terms of the
/// matrix products. The cotangents of r are those of [`Reset::After`]; [`reset_grad`] replaces them for
/// [`Reset::Before`].
#[inline(always)]
fn cell_grad(values: &[f32], da: &mut [f32], h: &[f32], m: &[f32], given: &[f32], dh: &mut [f32]) {
    let n = h.len();
    let [r, z, candidate, u] = [0, 1, 2, 3].map(|k| &values[k * n..][..n]);
    let (da_r, rest) = da.split_at_mut(n);
    let (da_z, da_n) = rest.split_at_mut(n);
    let (da_n, m, given, dh) = (&mut da_n[..n], &m[..n], &given[..n], &mut dh[..n]);
    for k in 0..n {
        let all_dh = given[k] + dh[k];
        let new_dh = m[k] * all_dh;
        da_n[k] = new_dh * (1.0 - z[k]) * (1.0 - candidate[k] * candidate[k]);
        da_r[k] = da_n[k] * u[k] * r[k] * (1.0 - r[k]);
        da_z[k] = new_dh * (h[k] - candidate[k]) * z[k] * (1.0 - z[k]);
        dh[k] = (1.0 - m[k]) * all_dh + new_dh * z[k];
    }
}

/// Given the cotangents d of r * h, sets `da_r` to the cotangents of r's pre-activations and adds those of h to `dh`.
#[inline(always)]
fn reset_grad(da_r: &mut [f32], r: &[f32], h: &[f32], d: &[f32], dh: &mut [f32]) {
    let n = h.len();
    let (da_r, r, d, dh) = (&mut da_r[..n], &r[..n], &d[..n], &mut dh[..n]);
    for k in 0..n {
        da_r[k] = d[k] * h[k] * r[k] * (1.0 - r[k]);
        dh[k] += d[k] * r[k];
    }
}
