//! LSTM, forward and backward.

use pulp::{Arch, Simd, WithSimd};

use super::{Panels, Part, Scratch, by_example, by_gate, for_each_part, keep, spread};
use crate::{
    cpu::{
        math::{sigmoid, tanh},
        products::Buffer,
    },
    kernels::{Lstm, LstmGrad, Sequence},
};

/// Computes [`Lstm`]: `reads` and `y` are the kernel's tensors, in its order.
pub fn lstm(kernel: &Lstm, reads: &[&[f32]], y: &mut [f32], scratch: &mut Scratch) {
    let s = kernel.sequence;
    let (hs, rest) = y.split_at_mut(s.all_states());
    let (cs, values) = rest.split_at_mut(s.all_states());
    let panels = Panels::new(reads[1], s.units, s.units, &mut scratch.shared);
    let tables = vec![(hs, s.units), (cs, s.units), (values, 4 * s.units)];
    for_each_part(s, 4, tables, &scratch.threads, |part, mut written, buffer| {
        let (hs, rest) = written.split_at_mut(s.steps + 1);
        let (cs, values) = rest.split_at_mut(s.steps + 1);
        Arch::new().dispatch(Forward { part, reads, panels, hs, cs, values, buffer });
    });
}

struct Forward<'a, 'w> {
    part: Part,
    reads: &'a [&'a [f32]],
    panels: Panels<'a>,
    /// The part's rows of all T + 1 states, and of the values of the gates at each step.
    hs: &'a mut [&'w mut [f32]],
    cs: &'a mut [&'w mut [f32]],
    values: &'a mut [&'w mut [f32]],
    buffer: &'a mut Buffer,
}

impl WithSimd for Forward<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { part, reads, panels, hs, cs, values, buffer } = self;
        let (Sequence { units, batch, .. }, n) = (part.sequence, part.state());
        let [a] = buffer.split([4 * n]);
        hs[part.sequence.first()].copy_from_slice(part.of_state(reads[2]));
        cs[part.sequence.first()].copy_from_slice(part.of_state(reads[3]));
        for t in part.sequence.order() {
            let ([h, new_h], [c, new_c]) = (part.around(hs, t), part.around(cs, t));
            by_gate(part.rows(reads[0], t, 4 * units), 4, units, a);
            for (gate, a) in a.chunks_exact_mut(n).enumerate() {
                panels.add_product(simd, gate, (0, units), (h, units), a);
            }
            cell(a, c, new_h, new_c);
            by_example(a, 4, units, values[t]);
            let mask = &reads[4][t * batch + part.first..][..part.examples];
            keep(mask, units, h, new_h);
            keep(mask, units, c, new_c);
        }
    }
}

/// Replaces the pre-activations in `a` by the values of the gates. Sets `new_h` and `new_c` to the states after the
/// step; `c` is the cell state before it.
#[inline(always)]
fn cell(a: &mut [f32], c: &[f32], new_h: &mut [f32], new_c: &mut [f32]) {
    let n = c.len();
    a[..2 * n].iter_mut().for_each(|x| *x = sigmoid(*x));
    a[2 * n..3 * n].iter_mut().for_each(|x| *x = tanh(*x));
    a[3 * n..].iter_mut().for_each(|x| *x = sigmoid(*x));
    let [i, f, g, o] = [0, 1, 2, 3].map(|gate| &a[gate * n..][..n]);
    let (new_h, new_c) = (&mut new_h[..n], &mut new_c[..n]);
    // Loops over few slices each: the compiler turns these into vectors.
    for k in 0..n {
        new_c[k] = f[k] * c[k] + i[k] * g[k];
    }
    new_h.iter_mut().zip(&*new_c).for_each(|(h, c)| *h = tanh(*c));
    new_h.iter_mut().zip(o).for_each(|(h, o)| *h *= o);
}

/// Computes [`LstmGrad`]: `reads` and `result` are the kernel's tensors, in its order.
pub fn lstm_grad(kernel: &LstmGrad, reads: &[&[f32]], result: &mut [f32], scratch: &mut Scratch) {
    let s = kernel.sequence;
    let (das, carried) = result.split_at_mut(4 * s.states());
    let (dh, dc) = carried.split_at_mut(s.state());
    let panels = Panels::new(reads[2], 4 * s.units, s.units, &mut scratch.shared);
    let tables = vec![(das, 4 * s.units), (dh, s.units), (dc, s.units)];
    for_each_part(s, 4, tables, &scratch.threads, |part, mut written, buffer| {
        let (das, carried) = written.split_at_mut(s.steps);
        let [dh, dc] = carried else { unreachable!("two tables of one step") };
        Arch::new().dispatch(Backward { part, reads, panels, das, dh, dc, buffer });
    });
}

struct Backward<'a, 'w> {
    part: Part,
    reads: &'a [&'a [f32]],
    panels: Panels<'a>,
    /// The part's rows of the cotangents of the pre-activations, at each step.
    das: &'a mut [&'w mut [f32]],
    dh: &'a mut [f32],
    dc: &'a mut [f32],
    buffer: &'a mut Buffer,
}

impl WithSimd for Backward<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { part, reads, panels, das, dh, dc, buffer } = self;
        let (Sequence { units, batch, .. }, n) = (part.sequence, part.state());
        let [a, m] = buffer.split([4 * n, n]);
        dh.fill(0.0);
        dc.fill(0.0);
        for t in part.sequence.order().rev() {
            by_gate(part.rows(reads[0], t, 4 * units), 4, units, a);
            spread(&reads[3][t * batch + part.first..][..part.examples], units, m);
            let given = [4, 5].map(|read| part.rows(reads[read], t, units));
            cell_grad(a, part.before(reads[1], t), m, given, dh, dc);
            by_example(a, 4, units, das[t]);
            panels.add_product(simd, 0, (0, 4 * units), (das[t], 4 * units), dh);
        }
    }
}

/// Replaces the values of the gates by the cotangents of their pre-activations. Takes `dh` and `dc` back through the
/// step, except for the term of the matrix product.
#[inline(always)]
fn cell_grad(a: &mut [f32], c: &[f32], m: &[f32], given: [&[f32]; 2], dh: &mut [f32], dc: &mut [f32]) {
    let n = c.len();
    let (i, rest) = a.split_at_mut(n);
    let (f, rest) = rest.split_at_mut(n);
    let (g, o) = rest.split_at_mut(n);
    let (o, m, given_h, given_c) = (&mut o[..n], &m[..n], &given[0][..n], &given[1][..n]);
    let (dh, dc) = (&mut dh[..n], &mut dc[..n]);
    for k in 0..n {
        let (si, sf, tg, so) = (i[k], f[k], g[k], o[k]);
        let tanh_c = tanh(sf * c[k] + si * tg);
        let (all_dh, all_dc) = (given_h[k] + dh[k], given_c[k] + dc[k]);
        let new_dh = m[k] * all_dh;
        let new_dc = m[k] * all_dc + new_dh * so * (1.0 - tanh_c * tanh_c);
        i[k] = new_dc * tg * si * (1.0 - si);
        f[k] = new_dc * c[k] * sf * (1.0 - sf);
        g[k] = new_dc * si * (1.0 - tg * tg);
        o[k] = new_dh * tanh_c * so * (1.0 - so);
        dh[k] = (1.0 - m[k]) * all_dh;
        dc[k] = (1.0 - m[k]) * all_dc + new_dc * sf;
    }
}
