//! LSTM and GRU over whole sequences, time first, and the cotangents of their gates.
//!
//! The inputs' share of the gates is one product for all steps, outside these composites, and so is the gradient of the
//! weight. The composites do the recurrence itself, forward and back. The forward one stores everything that the
//! backward one needs in one flat result ([`Tape`]): nothing is computed twice, and all of it is read in place.

use crate::graph::{Composite, Graph, Reset, Var};

/// The steps in the order of the recurrence.
fn order(steps: usize, reverse: bool) -> Vec<usize> {
    if reverse { (0..steps).rev().collect() } else { (0..steps).collect() }
}

/// Layout of a recurrence's result: each of its states `[T + 1, B, H]`, in the order of time and with the initial
/// state; then values of gates, `[T, B, ..]`.
#[derive(Clone, Copy)]
struct Tape {
    steps: usize,
    batch: usize,
    width: usize,
    reverse: bool,
}

impl Tape {
    /// For gates `[T, B, ..]` and states of `width` units.
    fn new(gates: Var, width: usize, reverse: bool) -> Self {
        Self { steps: gates.dim(0), batch: gates.dim(1), width, reverse }
    }

    /// Index, among the T + 1 states, of the state before step `t`.
    fn before(&self, t: usize) -> usize {
        t + usize::from(self.reverse)
    }

    /// Index, among the T + 1 states, of the state after step `t`.
    fn after(&self, t: usize) -> usize {
        t + usize::from(!self.reverse)
    }

    /// Index of the state before the first step.
    fn first(&self) -> usize {
        if self.reverse { self.steps } else { 0 }
    }

    /// `count` states of kind `n` (0: h, 1: c) from index `place` on: `[count, B, H]`.
    fn states<'g>(&self, tape: Var<'g>, n: usize, place: usize, count: usize) -> Var<'g> {
        let shape = [count, self.batch, self.width];
        part(tape, (n * (self.steps + 1) + place) * self.batch * self.width, &shape)
    }

    /// The states before each step, `[T, B, H]`.
    fn states_before<'g>(&self, tape: Var<'g>, n: usize) -> Var<'g> {
        self.states(tape, n, self.before(0), self.steps)
    }

    /// The states after each step, `[T, B, H]`.
    fn states_after<'g>(&self, tape: Var<'g>, n: usize) -> Var<'g> {
        self.states(tape, n, self.after(0), self.steps)
    }

    /// The state `[B, H]` before the first step.
    fn initial<'g>(&self, tape: Var<'g>, n: usize) -> Var<'g> {
        self.states(tape, n, self.first(), 1).reshape(&[self.batch, self.width])
    }

    /// Turns cotangents `[T B, H]` of the states before each step into those of the states after each step `[T, B, H]`
    /// and of the initial state `[B, H]`.
    fn spread<'g>(&self, before: Var<'g>) -> [Var<'g>; 2] {
        let Self { steps, batch, width, .. } = *self;
        let all = before.reshape(&[steps, batch, width]).pad(&[self.before(0), 0, 0], &[steps + 1, batch, width]);
        let part = |place: usize, count: usize| all.slice(&[place, 0, 0], &[count, batch, width]);
        [part(self.after(0), steps), part(self.first(), 1).reshape(&[batch, width])]
    }

    /// The values of `count` gates, stored after `states` kinds of state, `[T, B, count H]`.
    fn gates<'g>(&self, tape: Var<'g>, states: usize, count: usize) -> Var<'g> {
        let start = states * (self.steps + 1) * self.batch * self.width;
        part(tape, start, &[self.steps, self.batch, count * self.width])
    }
}

/// Blocks `first` to `first + count` of the last axis, each of `width` elements.
fn blocks<'g>(t: Var<'g>, first: usize, count: usize, width: usize) -> Var<'g> {
    let (mut start, mut shape) = (vec![0; t.rank()], t.shape());
    let last = shape.len() - 1;
    (start[last], shape[last]) = (first * width, count * width);
    t.slice(&start, &shape)
}

/// Tensors of one shape along a new first axis.
fn stack<'g>(rows: &[Var<'g>]) -> Var<'g> {
    let row = [vec![1], rows[0].shape()].concat();
    Var::joined(&rows.iter().map(|t| t.reshape(&row)).collect::<Vec<_>>(), 0)
}

/// s (1 - s): the derivative of the sigmoid in terms of its value s.
fn slope(s: Var) -> Var {
    s * (1.0 - s)
}

/// All elements of the tensors, back to back.
fn flat<'g>(parts: &[Var<'g>]) -> Var<'g> {
    Var::joined(&parts.iter().map(|t| t.reshape(&[t.len()])).collect::<Vec<_>>(), 0)
}

/// The tensor of this shape that begins at element `start` of `flat`.
fn part<'g>(flat: Var<'g>, start: usize, shape: &[usize]) -> Var<'g> {
    flat.slice(&[start], &[shape.iter().product()]).reshape(shape)
}

/// Steps and examples as the rows of one matrix.
fn rows<'g>(t: Var<'g>) -> Var<'g> {
    t.reshape(&[t.dim(0) * t.dim(1), t.dim(2)])
}

/// `count` rows of a matrix, from row `first` on.
fn rows_of<'g>(matrix: Var<'g>, first: usize, count: usize) -> Var<'g> {
    matrix.slice(&[first, 0], &[count, matrix.dim(1)])
}

/// The mask of step `t`, repeated to the shape of a state.
fn counts<'g>(mask: Var<'g>, t: usize, state: Var<'g>) -> Var<'g> {
    mask.index(t).along(0, &state.shape())
}

/// `new` where the mask is 1, `old` where it is 0.
fn choose<'g>(mask: Var<'g>, new: Var<'g>, old: Var<'g>) -> Var<'g> {
    mask * new + (1.0 - mask) * old
}

/// See [`Composite::Lstm`].
pub(super) fn lstm<'g>(reverse: bool, x: &[Var<'g>]) -> Var<'g> {
    let [gates, weight, h0, c0, mask] = x[..] else { panic!("an LSTM has five inputs") };
    let tape = Tape::new(gates, h0.dim(1), reverse);
    let (mut hs, mut cs, mut values) = (vec![h0; tape.steps + 1], vec![c0; tape.steps + 1], vec![gates; tape.steps]);
    for t in order(tape.steps, reverse) {
        let (h, c) = (hs[tape.before(t)], cs[tape.before(t)]);
        let a = gates.index(t) + h.matmul(weight);
        let [i, f, g, o] = [0, 1, 2, 3].map(|gate| blocks(a, gate, 1, tape.width));
        let [i, f, g, o] = [i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()];
        let new_c = f * c + i * g;
        let m = counts(mask, t, h);
        hs[tape.after(t)] = choose(m, o * new_c.tanh(), h);
        cs[tape.after(t)] = choose(m, new_c, c);
        values[t] = Var::joined(&[i, f, g, o], 1);
    }
    flat(&[stack(&hs), stack(&cs), stack(&values)])
}

/// See [`Composite::LstmGrad`].
pub(super) fn lstm_grad<'g>(reverse: bool, x: &[Var<'g>]) -> Var<'g> {
    let [values, cs, transposed, mask, dhs, dcs] = x[..] else { panic!("the gradient of an LSTM has six inputs") };
    let tape = Tape::new(values, transposed.dim(1), reverse);
    let zero = values.graph().full(0.0, &[tape.batch, tape.width]);
    let (mut dh, mut dc, mut das) = (zero, zero, vec![zero; tape.steps]);
    for t in order(tape.steps, reverse).into_iter().rev() {
        let old_c = cs.index(tape.before(t));
        let [i, f, g, o] = [0, 1, 2, 3].map(|gate| blocks(values.index(t), gate, 1, tape.width));
        let tanh_c = (f * old_c + i * g).tanh();
        let m = counts(mask, t, zero);
        (dh, dc) = (dhs.index(t) + dh, dcs.index(t) + dc);
        let (new_dh, kept_dh, kept_dc) = (m * dh, (1.0 - m) * dh, (1.0 - m) * dc);
        let new_dc = m * dc + new_dh * o * (1.0 - tanh_c.square());
        let da = [
            new_dc * g * slope(i),
            new_dc * old_c * slope(f),
            new_dc * i * (1.0 - g.square()),
            new_dh * tanh_c * slope(o),
        ];
        das[t] = Var::joined(&da, 1);
        (dh, dc) = (kept_dh + das[t].matmul(transposed), kept_dc + new_dc * f);
    }
    flat(&[stack(&das), dh, dc])
}

/// The cotangents of an LSTM's inputs.
pub(super) fn lstm_vjp<'g>(reverse: bool, x: &[Var<'g>], y: Var<'g>, dy: Var<'g>) -> Vec<Var<'g>> {
    let [gates, weight, h0, c0, mask] = x[..] else { panic!("an LSTM has five inputs") };
    let tape = Tape::new(gates, h0.dim(1), reverse);
    let (values, transposed) = (tape.gates(y, 2, 4), weight.transpose());
    let cs = tape.states(y, 1, 0, tape.steps + 1);
    // Cotangents of the gate values themselves; they are zero except in gradients of gradients.
    let [i, f, g, o] = [0, 1, 2, 3].map(|gate| blocks(values, gate, 1, tape.width));
    let own = tape.gates(dy, 2, 4) * Var::joined(&[slope(i), slope(f), 1.0 - g.square(), slope(o)], 2);
    let [after, initial] = tape.spread(rows(own).matmul(transposed));
    let inputs = [values, cs, transposed, mask, tape.states_after(dy, 0) + after, tape.states_after(dy, 1)];
    let all = y.graph().composite(Composite::LstmGrad { reverse }, &inputs);
    let da = part(all, 0, &gates.shape()) + own;
    let dh0 = part(all, gates.len(), &h0.shape()) + tape.initial(dy, 0) + initial;
    let dc0 = part(all, gates.len() + h0.len(), &c0.shape()) + tape.initial(dy, 1);
    vec![da, rows(tape.states_before(y, 0)).transpose().matmul(rows(da)), dh0, dc0, mask * 0.0]
}

/// See [`Composite::Gru`].
pub(super) fn gru<'g>(reverse: bool, reset: Reset, x: &[Var<'g>]) -> Var<'g> {
    let [gates, weight, bias, h0, mask] = x[..] else { panic!("a GRU has five inputs") };
    let tape = Tape::new(gates, h0.dim(1), reverse);
    let (mut hs, mut values) = (vec![h0; tape.steps + 1], vec![gates; tape.steps]);
    for t in order(tape.steps, reverse) {
        let h = hs[tape.before(t)];
        let x = |gate: usize| blocks(gates.index(t), gate, 1, tape.width);
        let product = |h: Var<'g>, gate: usize| h.matmul(blocks(weight, gate, 1, tape.width));
        let [r, z] = [0, 1].map(|gate| (x(gate) + product(h, gate)).sigmoid());
        let bias = bias.along(1, &h.shape());
        let from = if reset == Reset::Before { r * h } else { h };
        let u = product(from, 2) + bias;
        let n = (x(2) + if reset == Reset::Before { u } else { r * u }).tanh();
        hs[tape.after(t)] = choose(counts(mask, t, h), (1.0 - z) * n + z * h, h);
        values[t] = Var::joined(&[r, z, n, u], 1);
    }
    flat(&[stack(&hs), stack(&values)])
}

/// See [`Composite::GruGrad`].
pub(super) fn gru_grad<'g>(reverse: bool, reset: Reset, x: &[Var<'g>]) -> Var<'g> {
    let [values, hs, transposed, mask, dhs] = x[..] else { panic!("the gradient of a GRU has five inputs") };
    let tape = Tape::new(values, transposed.dim(1), reverse);
    let to_h = |da: Var<'g>, first: usize| da.matmul(rows_of(transposed, first * tape.width, da.dim(1)));
    let mut dh = values.graph().full(0.0, &[tape.batch, tape.width]);
    let mut das = vec![dh; tape.steps];
    for t in order(tape.steps, reverse).into_iter().rev() {
        let old_h = hs.index(tape.before(t));
        let [r, z, n, u] = [0, 1, 2, 3].map(|gate| blocks(values.index(t), gate, 1, tape.width));
        let m = counts(mask, t, dh);
        dh = dhs.index(t) + dh;
        let new_dh = m * dh;
        let da_z = new_dh * (old_h - n) * slope(z);
        let da_n = new_dh * (1.0 - z) * (1.0 - n.square());
        let kept = (1.0 - m) * dh + new_dh * z;
        match reset {
            Reset::Before => {
                let through = to_h(da_n, 2);
                let da_r = through * old_h * slope(r);
                das[t] = Var::joined(&[da_r, da_z, da_n], 1);
                dh = kept + through * r + to_h(da_r.concat(da_z, 1), 0);
            }
            Reset::After => {
                let da_r = da_n * u * slope(r);
                das[t] = Var::joined(&[da_r, da_z, da_n], 1);
                dh = kept + to_h(Var::joined(&[da_r, da_z, da_n * r], 1), 0);
            }
        }
    }
    flat(&[stack(&das), dh])
}

/// The cotangents of a GRU's inputs.
pub(super) fn gru_vjp<'g>(reverse: bool, reset: Reset, x: &[Var<'g>], y: Var<'g>, dy: Var<'g>) -> Vec<Var<'g>> {
    let [gates, weight, _, h0, mask] = x[..] else { panic!("a GRU has five inputs") };
    let tape = Tape::new(gates, h0.dim(1), reverse);
    let (values, hs, transposed) = (tape.gates(y, 1, 4), tape.states(y, 0, 0, tape.steps + 1), weight.transpose());
    let [r, z, n, u] = [0, 1, 2, 3].map(|gate| blocks(values, gate, 1, tape.width));
    let h = tape.states_before(y, 0);
    // Cotangents of the gate values themselves; they are zero except in gradients of gradients.
    let [dr, dz, dn, du] = [0, 1, 2, 3].map(|gate| blocks(tape.gates(dy, 1, 4), gate, 1, tape.width));
    let to_h = |da: Var<'g>, first: usize| rows(da).matmul(rows_of(transposed, first * tape.width, da.dim(2)));
    let own_n = dn * (1.0 - n.square());
    let (own_u, dr, dh) = match reset {
        Reset::Before => {
            let own_u = du + own_n;
            let through = to_h(own_u, 2).reshape(&h.shape());
            (own_u, dr + through * h, through * r)
        }
        Reset::After => {
            let own_u = du + own_n * r;
            (own_u, dr + own_n * u, to_h(own_u, 2).reshape(&h.shape()))
        }
    };
    let own_rz = (dr * slope(r)).concat(dz * slope(z), 2);
    let [after, initial] = tape.spread(rows(dh) + to_h(own_rz, 0));
    let inputs = [values, hs, transposed, mask, tape.states_after(dy, 0) + after];
    let all = y.graph().composite(Composite::GruGrad { reverse, reset }, &inputs);
    let da = part(all, 0, &gates.shape());
    let da_n = blocks(da, 2, 1, tape.width);
    // The left factor of the product with n's columns of the weight, and the cotangent of that product.
    let (from, du) = match reset {
        Reset::Before => (r * h, da_n + own_u),
        Reset::After => (h, da_n * r + own_u),
    };
    let da_rz = blocks(da, 0, 2, tape.width) + own_rz;
    let product = |x: Var<'g>, dy: Var<'g>| rows(x).transpose().matmul(rows(dy));
    let dh0 = part(all, gates.len(), &h0.shape()) + tape.initial(dy, 0) + initial;
    let dweight = product(h, da_rz).concat(product(from, du), 1);
    vec![da + own_rz.concat(own_n, 2), dweight, rows(du).sum(&[0]), dh0, mask * 0.0]
}

impl Graph {
    /// h and c after each step of an LSTM, `[T, B, H]` each: Hochreiter and Schmidhuber 1997 with the forget gate of
    /// Gers et al. 2000. No gradient flows to the mask.
    #[track_caller]
    pub fn lstm<'g>(
        &'g self,
        gates: Var<'g>,
        weight: Var<'g>,
        [h0, c0]: [Var<'g>; 2],
        mask: Var<'g>,
        reverse: bool,
    ) -> [Var<'g>; 2] {
        check("lstm", 4, gates, weight, h0, mask);
        assert_eq!(h0.shape(), c0.shape(), "lstm: h0 and c0 differ in shape");
        let tape = Tape::new(gates, h0.dim(1), reverse);
        let y = self.composite(Composite::Lstm { reverse }, &[gates, weight, h0, c0, mask]);
        [0, 1].map(|n| tape.states_after(y, n))
    }

    /// h `[T, B, H]` after each step of a GRU (Cho et al. 2014); `bias` `[H]` is the bias of n's recurrent part. No
    /// gradient flows to the mask.
    #[track_caller]
    pub fn gru<'g>(
        &'g self,
        gates: Var<'g>,
        [weight, bias]: [Var<'g>; 2],
        h0: Var<'g>,
        mask: Var<'g>,
        reverse: bool,
        reset: Reset,
    ) -> Var<'g> {
        check("gru", 3, gates, weight, h0, mask);
        assert_eq!(bias.shape(), h0.shape()[1..], "gru: the bias is [H]");
        let y = self.composite(Composite::Gru { reverse, reset }, &[gates, weight, bias, h0, mask]);
        Tape::new(gates, h0.dim(1), reverse).states_after(y, 0)
    }
}

#[track_caller]
fn check(what: &str, count: usize, gates: Var, weight: Var, h0: Var, mask: Var) {
    let (g, h) = (gates.shape(), h0.shape());
    let fits = g.len() == 3 && h.len() == 2 && g[1] == h[0] && g[2] == count * h[1];
    assert!(fits, "{what}: gates {g:?} are not [T, B, {count} H] of a state {h:?}");
    assert_eq!(weight.shape(), [h[1], g[2]], "{what}: the weight is [H, {count} H]");
    assert_eq!(mask.shape(), g[..2], "{what}: the mask is [T, B]");
}
