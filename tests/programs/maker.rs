//! The generator of random programs.

use std::fmt::Write;

use saddle::{
    grad::grad,
    graph::{Graph, Init, Op, Var, numel, without},
};

use crate::common::Rng;

/// Maximum number of elements of a tensor.
const LARGEST: usize = 400;

/// Makes one program.
struct Maker<'g> {
    rng: Rng,
    g: &'g Graph,
    /// The tensors that further operations can use.
    pool: Vec<Var<'g>>,
    leaves: usize,
    /// Whether sines and cosines are used, for which WGSL promises only 11 bits.
    trigonometry: bool,
    said: String,
}

impl<'g> Maker<'g> {
    fn below(&mut self, n: usize) -> usize {
        self.rng.below(n)
    }

    fn chance(&mut self, one_in: usize) -> bool {
        self.below(one_in) == 0
    }

    fn keep(&mut self, what: &str, t: Var<'g>) {
        writeln!(self.said, "%{} = {what}: {t:?} of {:?}", t.id(), t.inputs()).unwrap();
        self.pool.push(t);
    }

    fn leaf(&mut self, shape: &[usize]) -> Var<'g> {
        self.leaves += 1;
        let name = format!("x{}", self.leaves);
        let t = match self.chance(4) {
            true => self.g.state(self.g.group("s"), &name, shape, Init::Const(0.0)),
            false => self.g.input(&name, shape),
        };
        self.keep("leaf", t);
        t
    }

    /// One of the tensors so far; later ones are more likely.
    fn any(&mut self) -> Var<'g> {
        let n = self.pool.len();
        let at = self.below(n).max(self.below(n));
        self.pool[at]
    }

    fn extents(&mut self, rank: usize) -> Vec<usize> {
        loop {
            let shape: Vec<usize> = (0..rank).map(|_| 1 + self.below(6)).collect();
            if numel(&shape) <= LARGEST {
                return shape;
            }
        }
    }

    /// A random shape with `len` elements.
    fn factors(&mut self, mut len: usize, rank: usize) -> Vec<usize> {
        let mut shape = vec![1; rank];
        for p in [2, 3, 5, 7, 11, 13, 17, 19] {
            while len.is_multiple_of(p) {
                shape[self.rng.below(rank)] *= p;
                len /= p;
            }
        }
        shape[self.rng.below(rank)] *= len;
        shape
    }

    /// A tensor of the same shape as `t`: one of the pool, possibly reshaped, or a broadcast leaf.
    fn like(&mut self, t: Var<'g>) -> Var<'g> {
        let shape = t.shape();
        let same: Vec<Var> = self.pool.iter().copied().filter(|o| o.len() == t.len()).collect();
        if !same.is_empty() && !self.chance(3) {
            let at = self.below(same.len());
            return same[at].reshape(&shape);
        }
        let new: Vec<usize> = (0..shape.len()).filter(|_| self.rng.below(2) == 0).collect();
        self.leaf(&without(&shape, &new)).broadcast(&shape, &new)
    }

    /// Some axes; at most two of more than four, because indices and reductions take at most four axes that do not
    /// merge.
    fn axes(&mut self, rank: usize) -> Vec<usize> {
        let most = if rank > 4 { 2 } else { rank };
        let mut axes: Vec<usize> = (0..rank).filter(|_| self.rng.below(2) == 0).collect();
        while axes.len() > most {
            axes.remove(self.rng.below(axes.len()));
        }
        axes
    }

    fn step(&mut self) {
        let t = self.any();
        let (shape, rank) = (t.shape(), t.rank());
        match self.below(20) {
            0 => {
                let o = self.like(t);
                self.keep("add", t + o);
            }
            1 => {
                let o = self.like(t);
                self.keep("sub", t - o);
            }
            2 | 3 => {
                let o = self.like(t);
                self.keep("mul", t * o);
            }
            4 | 5 => {
                let y = match self.below(if self.trigonometry { 15 } else { 13 }) {
                    0 => t.tanh().exp(),
                    1 => (t * t + 0.3).log(),
                    2 => (t * t + 0.1).sqrt(),
                    3 => (t * t + 0.5).recip(),
                    4 => t.tanh(),
                    5 => t.sigmoid(),
                    6 => t.softplus(),
                    7 => t.is_positive(),
                    8 => t.abs(),
                    9 => t.leaky_relu(0.2),
                    10 => t.clamp(0.4),
                    11 => t * 0.7 - 0.1,
                    12 => t.square(),
                    13 => t.sin(),
                    _ => t.cos(),
                };
                self.keep("map", y);
            }
            6 => {
                let axes = self.axes(rank);
                let mean = self.chance(2);
                self.keep("sum", if mean { t.mean(&axes) } else { t.sum(&axes) });
            }
            7 => {
                let axes = self.axes(rank);
                if !axes.is_empty() {
                    self.keep("max", t.max(&axes));
                }
            }
            8 => {
                let (mut to, mut new) = (shape, vec![]);
                for _ in 0..1 + self.below(2) {
                    let (at, extent) = (self.below(to.len() + 1), 1 + self.below(4));
                    new = new.into_iter().map(|a| if a >= at { a + 1 } else { a }).collect();
                    to.insert(at, extent);
                    new.push(at);
                }
                new.sort();
                if numel(&to) <= LARGEST && to.len() <= 6 {
                    self.keep("broadcast", t.broadcast(&to, &new));
                }
            }
            9 => {
                let (mut start, mut to) = (vec![0; rank], shape.clone());
                for a in self.axes(rank).into_iter().take(if rank > 4 { 1 } else { 4 }) {
                    to[a] = 1 + self.below(shape[a]);
                    start[a] = self.below(shape[a] - to[a] + 1);
                }
                self.keep("slice", t.slice(&start, &to));
            }
            10 => {
                let (mut before, mut to) = (vec![0; rank], shape.clone());
                for a in self.axes(rank).into_iter().take(if rank > 4 { 1 } else { 4 }) {
                    to[a] += self.below(4);
                    before[a] = self.below(to[a] - shape[a] + 1);
                }
                if numel(&to) <= LARGEST {
                    self.keep("pad", t.pad(&before, &to));
                }
            }
            11 if rank > 0 && t.len() <= LARGEST / 3 => {
                let axis = self.below(rank);
                let (a, b) = (self.like(t), self.like(t));
                let b = b.slice(&vec![0; rank], &{
                    let mut part = shape.clone();
                    part[axis] = 1 + self.below(shape[axis]);
                    part
                });
                let parts = [vec![t, a], vec![t, a, b], vec![b, t]];
                let which = self.below(3);
                self.keep("concatenation", Var::joined(&parts[which], axis));
            }
            12 | 13 => {
                let rank = if self.chance(4) { 1 + self.below(6) } else { 1 + self.below(4) };
                let to = self.factors(t.len(), rank);
                self.keep("reshape", t.reshape(&to));
            }
            14 if rank > 1 => {
                let mut perm: Vec<usize> = (0..rank).collect();
                if rank > 4 {
                    let (from, by) = (self.below(rank), 1 + self.below(rank));
                    let part = &mut perm[from..];
                    let by = by % part.len();
                    part.rotate_left(by);
                } else {
                    (1..rank).rev().for_each(|a| perm.swap(a, self.rng.below(a + 1)));
                }
                self.keep("permute", t.permute(&perm));
            }
            15 => {
                let x = if rank >= 2 { t } else { t.reshape(&self.factors(t.len(), 2)) };
                let r = x.rank();
                let w = match self.chance(3) {
                    true => x.transpose(),
                    false => {
                        let mut w = x.shape();
                        (w[r - 2], w[r - 1]) = (x.dim(r - 1), 1 + self.below(5));
                        let w = self.leaf(&w);
                        if self.chance(2) { w.transpose().transpose() } else { w }
                    }
                };
                let len = x.len() / x.dim(r - 1) * w.dim(r - 1);
                if len <= LARGEST {
                    self.keep("matmul", x.matmul(w));
                }
            }
            16 => {
                let x = t.reshape(&self.factors(t.len(), 4));
                let [stride, pad] = [1 + self.below(2), self.below(2)];
                let side = |n: usize, rng: &mut Rng| 1 + rng.below((n + 2 * pad).min(3));
                let (r, s) = (side(x.dim(2), &mut self.rng), side(x.dim(3), &mut self.rng));
                let w = [1 + self.below(3), x.dim(1), r, s];
                let w = self.leaf(&w);
                self.keep("convolution", x.conv2d(w, stride, pad));
            }
            17 => {
                let y = t.reshape(&self.factors(t.len(), 4));
                let [stride, pad] = [1 + self.below(2), self.below(2)];
                let (r, s) = (2 * pad + 1 + self.below(2), 2 * pad + 1 + self.below(2));
                let w = [y.dim(1), 1 + self.below(3), r, s];
                let sides = [(y.dim(2) - 1) * stride + r - 2 * pad, (y.dim(3) - 1) * stride + s - 2 * pad];
                if y.dim(0) * w[1] * sides[0] * sides[1] <= LARGEST {
                    let w = self.leaf(&w);
                    self.keep("transposed convolution", y.conv_transpose2d(w, stride, pad));
                }
            }
            18 => {
                let x = t.reshape(&self.factors(t.len(), 2));
                match self.below(3) {
                    0 => self.keep("softmax", x.softmax()),
                    1 => {
                        let axes = [self.below(2)];
                        self.keep("normalize", x.normalize(x.moments(&axes), &axes, 0.1));
                    }
                    _ => self.keep("detach", t.detach()),
                }
            }
            _ => self.differentiate(t),
        }
    }

    /// Adds gradients of a scalar made from `t`, with respect to one or two earlier tensors.
    fn differentiate(&mut self, t: Var<'g>) {
        let loss = if self.chance(2) { t.square().mean_all() } else { (t * self.like(t)).sum_all() };
        let wrt: Vec<Var> = (0..1 + self.below(2)).map(|_| self.any()).filter(|x| x.id() <= t.id()).collect();
        for dx in grad(loss, &wrt) {
            self.keep("gradient", dx);
        }
    }

    /// Assigns a new value to a state; the state cannot be read directly afterwards.
    fn assign(&mut self) {
        let states: Vec<Var> = self.pool.iter().copied().filter(|t| matches!(t.op(), Op::State { .. })).collect();
        if states.is_empty() {
            return;
        }
        let state = states[self.below(states.len())];
        let Op::State { group, item, .. } = state.op() else { return };
        let value = self.like(state);
        self.g.assign(state, value);
        self.g.commit();
        writeln!(self.said, "%{} := %{}", state.id(), value.id()).unwrap();
        self.pool.retain(|t| !matches!(t.op(), Op::State { item: i, .. } if i == item));
        self.keep("new value", self.g.items(group)[item]);
    }
}

/// Adds the random program of this seed to the graph, and returns a text of its operations.
pub fn make(g: &Graph, seed: u64, length: usize, trigonometry: bool) -> String {
    let mut m = Maker { rng: Rng(seed), g, pool: vec![], leaves: 0, trigonometry, said: String::new() };
    for _ in 0..2 {
        let rank = m.below(5);
        let shape = m.extents(rank);
        m.leaf(&shape);
    }
    for _ in 0..length {
        if m.chance(20) { m.assign() } else { m.step() }
    }
    for n in 0..3 {
        let t = if n == 0 { m.pool[m.pool.len() - 1] } else { m.any() };
        g.output(&format!("o{n}"), t);
        writeln!(m.said, "o{n} is %{}", t.id()).unwrap();
    }
    m.said
}
