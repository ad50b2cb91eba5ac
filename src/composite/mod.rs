//! Fused operations. Each is *defined* in primitives; the definition is its documentation and its reference. Kernels
//! and closed-form gradients exist only for speed. A gradient is again a graph, so it can be differentiated too.

mod recurrent;

use crate::{
    grad::grad,
    graph::{Composite, Graph, Op, Real, Var, numel, without},
};

impl Composite {
    /// The composite in primitives.
    pub fn define<'g>(&self, x: &[Var<'g>]) -> Var<'g> {
        match self {
            Self::Moments { axes } => {
                let mean = x[0].mean(axes);
                let variance = (x[0] - spread(mean, x[0], axes)).square().mean(axes);
                stack(mean, variance)
            }
            Self::Normalize { axes, eps } => {
                let (mean, variance) = (x[1].index(0), x[1].index(1));
                let scale = (variance + eps.get()).sqrt().recip();
                (x[0] - spread(mean, x[0], axes)) * spread(scale, x[0], axes)
            }
            Self::BatchNorm { axes, eps } => {
                let normal = Self::Normalize { axes: axes.clone(), eps: *eps }.define(&x[..2]);
                normal * spread(x[2], x[0], axes) + spread(x[3], x[0], axes)
            }
            Self::NormSums { axes, eps } => {
                let (dy, x, mean, variance) = (x[0], x[1], x[2].index(0), x[2].index(1));
                let product = (dy * (x - spread(mean, x, axes))).sum(axes);
                stack(-dy.sum(axes), product * (variance + eps.get()).recip() * -0.5)
            }
            Self::Softmax => {
                let peak = x[0].max(&[1]).detach().along(0, &x[0].shape());
                let e = (x[0] - peak).exp();
                e * e.sum(&[1]).recip().along(0, &x[0].shape())
            }
            Self::CrossEntropy => {
                let (logits, targets) = (x[0], x[1]);
                let peak = logits.max(&[1]).detach();
                let shifted = logits - peak.along(0, &logits.shape());
                let total = shifted.exp().sum(&[1]).log().along(0, &logits.shape());
                (targets * (total - shifted)).sum(&[1])
            }
            Self::IndexCrossEntropy => Self::CrossEntropy.define(&[x[0], x[1].one_hot(x[0].dim(1))]),
            Self::Rows => x[0].one_hot(x[1].dim(0)).matmul(x[1]),
            Self::RowSums { rows } => x[0].one_hot(*rows).transpose().matmul(x[1]),
            Self::Lstm { reverse } => recurrent::lstm(*reverse, x),
            Self::LstmGrad { reverse } => recurrent::lstm_grad(*reverse, x),
            Self::Gru { reverse, reset } => recurrent::gru(*reverse, *reset, x),
            Self::GruGrad { reverse, reset } => recurrent::gru_grad(*reverse, *reset, x),
        }
    }

    /// Cotangents of the inputs for the cotangent `dy` of the result.
    pub fn vjp<'g>(&self, x: &[Var<'g>], y: Var<'g>, dy: Var<'g>) -> Vec<Var<'g>> {
        match self {
            // d mean / dx = 1 / n; d variance / dx = 2 (x - mean) / n, because the mean's own share is zero.
            Self::Moments { axes } => {
                let count = axes.iter().map(|&a| x[0].dim(a)).product::<usize>() as f64;
                let spread = |t: Var<'g>| spread(t, x[0], axes);
                // Subtract the mean first: a x + b would lose digits where the mean is much larger than the deviation.
                let deviation = x[0] - spread(y.index(0));
                vec![deviation * spread(dy.index(1)) * (2.0 / count) + spread(dy.index(0)) * (1.0 / count)]
            }
            // With s = 1 / sqrt(variance + eps): dx = s dy, dmean = -s sum(dy), dvariance = -s³ / 2 sum(dy (x - mean)).
            // The kernel gives the last two without one factor s, in one tensor. A chain has five operands, so the
            // gradient by x can read this tensor beside dy, x, s and the moments.
            Self::Normalize { axes, eps } => {
                let sums = x[0].graph().composite(Self::NormSums { axes: axes.clone(), eps: *eps }, &[dy, x[0], x[1]]);
                let s = (x[1].index(1) + eps.get()).sqrt().recip();
                vec![dy * spread(s, x[0], axes), sums * s.broadcast(&sums.shape(), &[0])]
            }
            // The same with scale and shift; their cotangents follow from these two sums too.
            Self::BatchNorm { axes, eps } => {
                let sums = x[0].graph().composite(Self::NormSums { axes: axes.clone(), eps: *eps }, &[dy, x[0], x[1]]);
                let deviation = (x[1].index(1) + eps.get()).sqrt();
                let scaled = deviation.recip() * x[2];
                let dmoments = sums * scaled.broadcast(&sums.shape(), &[0]);
                vec![dy * spread(scaled, x[0], axes), dmoments, deviation * sums.index(1) * -2.0, -sums.index(0)]
            }
            Self::Softmax => {
                let inner = (y * dy).sum(&[1]).along(0, &y.shape());
                vec![y * (dy - inner)]
            }
            Self::CrossEntropy => {
                let (logits, targets) = (x[0], x[1]);
                let across = |t: Var<'g>| t.along(0, &logits.shape());
                let softmax = logits.softmax();
                let dlogits = across(dy) * (softmax * across(targets.sum(&[1])) - targets);
                vec![dlogits, across(dy) * -softmax.log()]
            }
            Self::IndexCrossEntropy => {
                let (logits, indices) = (x[0], x[1]);
                let across = |t: Var<'g>| t.along(0, &logits.shape());
                let last = logits.dim(1) as f64 - 1.0;
                let known = (indices + 0.5).is_positive() * (last + 0.5 - indices).is_positive();
                let one_hot = indices.one_hot(logits.dim(1));
                vec![across(dy * known) * logits.softmax() - across(dy) * one_hot, indices * 0.0]
            }
            // Each is the other's adjoint.
            Self::Rows => vec![x[0] * 0.0, dy.row_sums(x[0], x[1].dim(0))],
            Self::RowSums { .. } => vec![x[0] * 0.0, dy.rows(x[0])],
            // With a, b the cotangents of y0 = -sum(g) and y1 = c sum(g (x - mean)), c = -1 / (2 (variance + eps)):
            // dg = b c (x - mean) - a, dx = b c g, dmean = b c y0, dvariance = 2 b c y1.
            Self::NormSums { axes, eps } => {
                let (g, x, mean, variance) = (x[0], x[1], x[2].index(0), x[2].index(1));
                let bc = dy.index(1) * (variance + eps.get()).recip() * -0.5;
                let spread = |t: Var<'g>| spread(t, x, axes);
                let dmoments = stack(bc * y.index(0), bc * y.index(1) * 2.0);
                vec![spread(bc) * (x - spread(mean)) - spread(dy.index(0)), spread(bc) * g, dmoments]
            }
            Self::Lstm { reverse } => recurrent::lstm_vjp(*reverse, x, y, dy),
            Self::Gru { reverse, reset } => recurrent::gru_vjp(*reverse, *reset, x, y, dy),
            Self::LstmGrad { .. } | Self::GruGrad { .. } => self.vjp_of_definition(x, dy),
        }
    }

    /// Cotangents of the inputs, by differentiating the definition.
    fn vjp_of_definition<'g>(&self, x: &[Var<'g>], dy: Var<'g>) -> Vec<Var<'g>> {
        // A separate graph, in which the inputs are distinct leaves.
        let inner = Graph::new();
        let leaf = |(i, t): (usize, &Var)| inner.input(&i.to_string(), &t.shape());
        let leaves: Vec<Var> = x.iter().chain([&dy]).enumerate().map(leaf).collect();
        let loss = (self.define(&leaves[..x.len()]) * leaves[x.len()]).sum_all();
        let gradients = grad(loss, &leaves[..x.len()]);
        splice(&inner, &gradients, &[x, &[dy]].concat())
    }
}

/// Copies the tensors `wanted` from `inner` into the graph of `leaves`, which replace the first nodes of `inner`.
fn splice<'g>(inner: &Graph, wanted: &[Var], leaves: &[Var<'g>]) -> Vec<Var<'g>> {
    let nodes = inner.nodes();
    let mut needed = vec![false; nodes.len()];
    wanted.iter().for_each(|t| needed[t.id()] = true);
    for (id, node) in nodes.iter().enumerate().rev() {
        node.inputs.iter().for_each(|&i| needed[i] |= needed[id]);
    }
    let mut here = leaves.to_vec();
    for (id, node) in nodes.into_iter().enumerate().skip(leaves.len()) {
        let inputs: Vec<Var> = node.inputs.iter().map(|&i| here[i]).collect();
        // A node that is not needed only fills its place in the list.
        here.push(if needed[id] { leaves[0].graph().node(node.op, &inputs, node.shape) } else { leaves[0] });
    }
    wanted.iter().map(|t| here[t.id()]).collect()
}

impl Graph {
    /// Adds the node of a composite; its shape follows from the inputs.
    pub fn composite<'g>(&'g self, c: Composite, x: &[Var<'g>]) -> Var<'g> {
        let shape = match &c {
            Composite::Moments { axes } | Composite::NormSums { axes, .. } => {
                [vec![2], without(&x[0].shape(), axes)].concat()
            }
            Composite::Normalize { .. } | Composite::BatchNorm { .. } | Composite::Softmax => x[0].shape(),
            Composite::CrossEntropy | Composite::IndexCrossEntropy => vec![x[0].dim(0)],
            Composite::Rows => vec![x[0].dim(0), x[1].dim(1)],
            Composite::RowSums { rows } => vec![*rows, x[1].dim(1)],
            Composite::Lstm { .. } => vec![2 * (x[0].dim(0) + 1) * x[2].len() + x[0].len()],
            Composite::LstmGrad { .. } => vec![x[0].len() + 2 * x[0].dim(1) * x[2].dim(1)],
            Composite::Gru { .. } => vec![(x[0].dim(0) + 1) * x[3].len() + 4 * x[0].dim(0) * x[3].len()],
            Composite::GruGrad { .. } => vec![(3 * x[0].dim(0) + 1) * x[0].dim(1) * x[2].dim(1)],
        };
        self.node(Op::Composite(c), x, shape)
    }
}

impl<'g> Var<'g> {
    /// Mean and biased variance over the axes, `[2, kept..]`.
    pub fn moments(self, axes: &[usize]) -> Var<'g> {
        self.graph().composite(Composite::Moments { axes: axes.to_vec() }, &[self])
    }

    /// (x - mean) / sqrt(variance + eps) with moments of the given axes.
    pub fn normalize(self, moments: Var<'g>, axes: &[usize], eps: f64) -> Var<'g> {
        self.graph().composite(Composite::Normalize { axes: axes.to_vec(), eps: Real::new(eps) }, &[self, moments])
    }

    /// Batch norm with moments, scale and shift of the kept axes.
    pub fn batch_norm(self, moments: Var<'g>, scale: Var<'g>, shift: Var<'g>, axes: &[usize], eps: f64) -> Var<'g> {
        let c = Composite::BatchNorm { axes: axes.to_vec(), eps: Real::new(eps) };
        self.graph().composite(c, &[self, moments, scale, shift])
    }

    /// Softmax over the last axis of `[B, N]`.
    #[track_caller]
    pub fn softmax(self) -> Var<'g> {
        assert_eq!(self.rank(), 2, "softmax: wants [B, N], got {:?}", self.shape());
        self.graph().composite(Composite::Softmax, &[self])
    }

    /// Cross-entropy `[B]` of logits `[B, N]` against target probabilities of the same shape.
    #[track_caller]
    pub fn cross_entropy(self, targets: Var<'g>) -> Var<'g> {
        assert_eq!(self.shape(), targets.shape(), "cross_entropy: logits and targets differ in shape");
        self.graph().composite(Composite::CrossEntropy, &[self, targets])
    }

    /// Cross-entropy `[B]` of logits `[B, N]` against the class with each row's index `[B]`; 0 where there is no such
    /// class.
    #[track_caller]
    pub fn cross_entropy_at(self, indices: Var<'g>) -> Var<'g> {
        assert_eq!(vec![self.dim(0)], indices.shape(), "cross_entropy_at: wants an index for each row");
        self.graph().composite(Composite::IndexCrossEntropy, &[self, indices])
    }

    /// The rows `[N, D]` of a table `[R, D]` with these indices `[N]`; zeros where there is no such row.
    #[track_caller]
    pub fn rows(self, indices: Var<'g>) -> Var<'g> {
        assert!(self.rank() == 2 && indices.rank() == 1, "rows: {:?} at {:?}", self.shape(), indices.shape());
        self.graph().composite(Composite::Rows, &[indices, self])
    }

    /// A table `[rows, D]`, whose row r is the sum of the rows of this `[N, D]` that have the index r; indices `[N]`.
    #[track_caller]
    pub fn row_sums(self, indices: Var<'g>, rows: usize) -> Var<'g> {
        assert!(self.rank() == 2 && indices.shape() == [self.dim(0)], "row_sums: an index for each row");
        self.graph().composite(Composite::RowSums { rows }, &[indices, self])
    }

    /// Indices `[..]` as vectors `[.., n]` that are 1 at the index and else 0.
    pub fn one_hot(self, n: usize) -> Var<'g> {
        let (shape, last) = ([self.shape(), vec![n]].concat(), self.rank());
        let distance = self.broadcast(&shape, &[last]) - self.graph().arange(n).along(last, &shape);
        1.0 - distance.abs().is_positive()
    }
}

/// A tensor without `axes`, repeated along them to the shape of `like`.
fn spread<'g>(t: Var<'g>, like: Var<'g>, axes: &[usize]) -> Var<'g> {
    t.broadcast(&like.shape(), axes)
}

/// Stacks two tensors of one shape as `[2, ..]`.
fn stack<'g>(first: Var<'g>, second: Var<'g>) -> Var<'g> {
    let row = [vec![1], first.shape()].concat();
    debug_assert_eq!(numel(&row), second.len());
    first.reshape(&row).concat(second.reshape(&row), 0)
}
