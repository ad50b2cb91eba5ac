//! LSTM and GRU over whole sequences, time first, and the cotangents of their gates.
//!
//! What the inputs add to the gates is one product for all steps and comes from outside. So do both products of the backward
//! pass that do not wait for another step: with h of every step at hand, all pre-activations are computed again at once, and
//! the gradient of the weight is one product over all steps. What remains is the recurrence itself, forward and back.

use crate::graph::{Composite, Graph, Reset, T};

/// The steps in the order of the recurrence.
fn order(steps: usize, reverse: bool) -> Vec<usize> {
    if reverse { (0..steps).rev().collect() } else { (0..steps).collect() }
}

/// The step before `t` in the order of the recurrence.
fn before(t: usize, steps: usize, reverse: bool) -> Option<usize> {
    if reverse { Some(t + 1).filter(|&t| t < steps) } else { t.checked_sub(1) }
}

/// Blocks `first` to `first + count` of the last axis, each of `width` elements.
fn blocks<'g>(t: T<'g>, first: usize, count: usize, width: usize) -> T<'g> {
    let (mut start, mut shape) = (vec![0; t.rank()], t.shape());
    let last = shape.len() - 1;
    (start[last], shape[last]) = (first * width, count * width);
    t.slice(&start, &shape)
}

/// Tensors of one shape along a new first axis.
fn stack<'g>(rows: &[T<'g>]) -> T<'g> {
    let row = [vec![1], rows[0].shape()].concat();
    T::joined(&rows.iter().map(|t| t.reshape(&row)).collect::<Vec<_>>(), 0)
}

/// All elements of the tensors, back to back.
fn flat<'g>(parts: &[T<'g>]) -> T<'g> {
    T::joined(&parts.iter().map(|t| t.reshape(&[t.len()])).collect::<Vec<_>>(), 0)
}

/// The tensor of this shape that begins at an element of a flat one.
fn part<'g>(flat: T<'g>, start: usize, shape: &[usize]) -> T<'g> {
    flat.slice(&[start], &[shape.iter().product()]).reshape(shape)
}

/// The states `[T, B, H]` that the steps begin with: each one's predecessor's, `initial` for the first.
fn shifted<'g>(states: T<'g>, initial: T<'g>, reverse: bool) -> T<'g> {
    let [steps, batch, hidden] = states.shape()[..] else { panic!("states are [T, B, H]: {states:?}") };
    let first = initial.reshape(&[1, batch, hidden]);
    if steps == 1 {
        return first;
    }
    let rest = states.slice(&[usize::from(reverse), 0, 0], &[steps - 1, batch, hidden]);
    if reverse { rest.concat(first, 0) } else { first.concat(rest, 0) }
}

/// Steps and examples as the rows of one matrix.
fn rows<'g>(t: T<'g>) -> T<'g> {
    t.reshape(&[t.dim(0) * t.dim(1), t.dim(2)])
}

/// The mask of one step, for each element of a state.
fn counts<'g>(mask: T<'g>, t: usize, state: T<'g>) -> T<'g> {
    mask.index(t).along(0, &state.shape())
}

/// `new` where the mask is 1, `old` where it is 0.
fn choose<'g>(mask: T<'g>, new: T<'g>, old: T<'g>) -> T<'g> {
    mask * new + (1.0 - mask) * old
}

/// See [`Composite::Lstm`].
pub(super) fn lstm<'g>(reverse: bool, x: &[T<'g>]) -> T<'g> {
    let [gates, weight, h0, c0, mask] = x[..] else { panic!("an LSTM has five inputs") };
    let (steps, width) = (gates.dim(0), h0.dim(1));
    let (mut h, mut c) = (h0, c0);
    let (mut hs, mut cs) = (vec![h; steps], vec![c; steps]);
    for t in order(steps, reverse) {
        let a = gates.index(t) + h.matmul(weight);
        let [i, f, g, o] = [0, 1, 2, 3].map(|gate| blocks(a, gate, 1, width));
        let new_c = f.sigmoid() * c + i.sigmoid() * g.tanh();
        let new_h = o.sigmoid() * new_c.tanh();
        let m = counts(mask, t, h);
        (h, c) = (choose(m, new_h, h), choose(m, new_c, c));
        (hs[t], cs[t]) = (h, c);
    }
    stack(&[stack(&hs), stack(&cs)])
}

/// See [`Composite::LstmGrad`].
pub(super) fn lstm_grad<'g>(reverse: bool, x: &[T<'g>]) -> T<'g> {
    let [a, y, c0, transposed, mask, dy] = x[..] else { panic!("the gradient of an LSTM has six inputs") };
    let (steps, width) = (a.dim(0), c0.dim(1));
    let (c, dhs, dcs) = (y.index(1), dy.index(0), dy.index(1));
    let zero = a.graph().full(0.0, &c0.shape());
    let (mut dh, mut dc) = (zero, zero);
    let mut das = vec![zero; steps];
    for t in order(steps, reverse).into_iter().rev() {
        let old_c = before(t, steps, reverse).map_or(c0, |t| c.index(t));
        let [i, f, g, o] = [0, 1, 2, 3].map(|gate| blocks(a.index(t), gate, 1, width));
        let (i, f, g, o) = (i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid());
        let tanh_c = (f * old_c + i * g).tanh();
        let m = counts(mask, t, c0);
        (dh, dc) = (dhs.index(t) + dh, dcs.index(t) + dc);
        let (new_dh, kept_dh, kept_dc) = (m * dh, (1.0 - m) * dh, (1.0 - m) * dc);
        let new_dc = m * dc + new_dh * o * (1.0 - tanh_c.square());
        let slope = |s: T<'g>| s * (1.0 - s);
        let da = [
            new_dc * g * slope(i),
            new_dc * old_c * slope(f),
            new_dc * i * (1.0 - g.square()),
            new_dh * tanh_c * slope(o),
        ];
        das[t] = T::joined(&da, 1);
        (dh, dc) = (kept_dh + das[t].matmul(transposed), kept_dc + new_dc * f);
    }
    flat(&[stack(&das), dh, dc])
}

/// The cotangents of an LSTM's inputs.
pub(super) fn lstm_vjp<'g>(reverse: bool, x: &[T<'g>], y: T<'g>, dy: T<'g>) -> Vec<T<'g>> {
    let [gates, weight, h0, c0, mask] = x[..] else { panic!("an LSTM has five inputs") };
    let h = rows(shifted(y.index(0), h0, reverse));
    let a = gates + h.matmul(weight).reshape(&gates.shape());
    let inputs = [a, y, c0, weight.transpose(), mask, dy];
    let all = y.graph().composite(Composite::LstmGrad { reverse }, &inputs);
    let da = part(all, 0, &gates.shape());
    let dh0 = part(all, gates.len(), &h0.shape());
    let dc0 = part(all, gates.len() + h0.len(), &c0.shape());
    vec![da, h.transpose().matmul(rows(da)), dh0, dc0, mask * 0.0]
}

/// See [`Composite::Gru`].
pub(super) fn gru<'g>(reverse: bool, reset: Reset, x: &[T<'g>]) -> T<'g> {
    let [gates, weight, bias, h0, mask] = x[..] else { panic!("a GRU has five inputs") };
    let (steps, width) = (gates.dim(0), h0.dim(1));
    let mut h = h0;
    let mut hs = vec![h; steps];
    for t in order(steps, reverse) {
        let u = h.matmul(blocks(weight, 0, 2, width));
        let [r, z] = [0, 1].map(|gate| (blocks(gates.index(t), gate, 1, width) + blocks(u, gate, 1, width)).sigmoid());
        let (candidate, bias) = (blocks(weight, 2, 1, width), bias.along(1, &h.shape()));
        let u = match reset {
            Reset::Before => (r * h).matmul(candidate) + bias,
            Reset::After => r * (h.matmul(candidate) + bias),
        };
        let n = (blocks(gates.index(t), 2, 1, width) + u).tanh();
        h = choose(counts(mask, t, h), (1.0 - z) * n + z * h, h);
        hs[t] = h;
    }
    stack(&hs)
}

/// See [`Composite::GruGrad`].
pub(super) fn gru_grad<'g>(reverse: bool, reset: Reset, x: &[T<'g>]) -> T<'g> {
    let [gates, u, y, h0, transposed, mask, dy] = x[..] else { panic!("the gradient of a GRU has seven inputs") };
    let (steps, width) = (gates.dim(0), h0.dim(1));
    let to_h = |first: usize, count: usize| transposed.slice(&[first * width, 0], &[count * width, width]);
    let mut dh = gates.graph().full(0.0, &h0.shape());
    let mut das = vec![dh; steps];
    for t in order(steps, reverse).into_iter().rev() {
        let old_h = before(t, steps, reverse).map_or(h0, |t| y.index(t));
        let x = |gate: usize| blocks(gates.index(t), gate, 1, width);
        let [ur, uz, un] = [0, 1, 2].map(|gate| blocks(u.index(t), gate, 1, width));
        let (r, z) = ((x(0) + ur).sigmoid(), (x(1) + uz).sigmoid());
        let n = match reset {
            Reset::Before => x(2) + un,
            Reset::After => x(2) + r * un,
        };
        let n = n.tanh();
        let m = counts(mask, t, h0);
        dh = dy.index(t) + dh;
        let new_dh = m * dh;
        let da_z = new_dh * (old_h - n) * z * (1.0 - z);
        let da_n = new_dh * (1.0 - z) * (1.0 - n.square());
        let kept = (1.0 - m) * dh + new_dh * z;
        match reset {
            Reset::Before => {
                let through = da_n.matmul(to_h(2, 1));
                let da_r = through * old_h * r * (1.0 - r);
                das[t] = T::joined(&[da_r, da_z, da_n], 1);
                dh = kept + through * r + T::joined(&[da_r, da_z], 1).matmul(to_h(0, 2));
            }
            Reset::After => {
                let da_r = da_n * un * r * (1.0 - r);
                das[t] = T::joined(&[da_r, da_z, da_n], 1);
                dh = kept + T::joined(&[da_r, da_z, da_n * r], 1).matmul(transposed);
            }
        }
    }
    flat(&[stack(&das), dh])
}

/// The cotangents of a GRU's inputs.
pub(super) fn gru_vjp<'g>(reverse: bool, reset: Reset, x: &[T<'g>], y: T<'g>, dy: T<'g>) -> Vec<T<'g>> {
    let [gates, weight, bias, h0, mask] = x[..] else { panic!("a GRU has five inputs") };
    let (width, gates_rows) = (h0.dim(1), rows(gates));
    let h = rows(shifted(y, h0, reverse));
    let reset_gate = |u: T<'g>| (blocks(gates_rows, 0, 1, width) + blocks(u, 0, 1, width)).sigmoid();
    // u: the recurrent part of all pre-activations; from: what n's comes from.
    let (u, r, from) = match reset {
        Reset::Before => {
            let rz = h.matmul(blocks(weight, 0, 2, width));
            let r = reset_gate(rz);
            let n = (r * h).matmul(blocks(weight, 2, 1, width));
            (rz.concat(n + bias.along(1, &n.shape()), 1), r, r * h)
        }
        Reset::After => {
            let u = h.matmul(weight);
            let u = u + bias.pad(&[2 * width], &[3 * width]).along(1, &u.shape());
            (u, reset_gate(u), h)
        }
    };
    let u = u.reshape(&gates.shape());
    let inputs = [gates, u, y, h0, weight.transpose(), mask, dy];
    let all = y.graph().composite(Composite::GruGrad { reverse, reset }, &inputs);
    let da = part(all, 0, &gates.shape());
    let [da_rz, da_n] = [(0, 2), (2, 1)].map(|(first, count)| blocks(rows(da), first, count, width));
    let du_n = match reset {
        Reset::Before => da_n,
        Reset::After => da_n * r,
    };
    let dweight = h.transpose().matmul(da_rz).concat(from.transpose().matmul(du_n), 1);
    vec![da, dweight, du_n.sum(&[0]), part(all, gates.len(), &h0.shape()), mask * 0.0]
}

impl Graph {
    /// h and c, `[T, B, H]` each, of an LSTM after each step: Hochreiter and Schmidhuber 1997 with the forget gate of Gers et
    /// al. 2000. The mask is a constant of the gradient.
    #[track_caller]
    pub fn lstm<'g>(
        &'g self,
        gates: T<'g>,
        weight: T<'g>,
        [h0, c0]: [T<'g>; 2],
        mask: T<'g>,
        reverse: bool,
    ) -> [T<'g>; 2] {
        check("lstm", 4, gates, weight, h0, mask);
        assert_eq!(h0.shape(), c0.shape(), "lstm: h0 and c0 differ in shape");
        let y = self.composite(Composite::Lstm { reverse }, &[gates, weight, h0, c0, mask]);
        [y.index(0), y.index(1)]
    }

    /// h `[T, B, H]` of a GRU (Cho et al. 2014) after each step; `bias` `[H]` is that of n's recurrent part. The mask is a
    /// constant of the gradient.
    #[track_caller]
    pub fn gru<'g>(
        &'g self,
        gates: T<'g>,
        [weight, bias]: [T<'g>; 2],
        h0: T<'g>,
        mask: T<'g>,
        reverse: bool,
        reset: Reset,
    ) -> T<'g> {
        check("gru", 3, gates, weight, h0, mask);
        assert_eq!(bias.shape(), h0.shape()[1..], "gru: the bias is [H]");
        self.composite(Composite::Gru { reverse, reset }, &[gates, weight, bias, h0, mask])
    }
}

#[track_caller]
fn check(what: &str, count: usize, gates: T, weight: T, h0: T, mask: T) {
    let (g, h) = (gates.shape(), h0.shape());
    let fits = g.len() == 3 && h.len() == 2 && g[1] == h[0] && g[2] == count * h[1];
    assert!(fits, "{what}: gates {g:?} are not [T, B, {count} H] of a state {h:?}");
    assert_eq!(weight.shape(), [h[1], g[2]], "{what}: the weight is [H, {count} H]");
    assert_eq!(mask.shape(), g[..2], "{what}: the mask is [T, B]");
}
