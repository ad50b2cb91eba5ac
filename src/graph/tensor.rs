//! The handle of a node: operators, functions and views that add nodes to the graph.

use std::{
    fmt,
    ops::{Add, Mul, Neg, Sub},
};

use super::{Form, Graph, Id, Map, Op, Real, Role, Shape, numel, without};

/// Beyond ±`BEND`, [`Var::elu`] and [`Var::gelu`] equal their asymptotes in every digit of f32.
const BEND: f64 = 100.0;

/// A tensor: a node of a graph. Copy it freely.
///
/// Operators take equal shapes, or a scalar on one side; [`Var::broadcast`] makes other shapes equal.
/// A mismatch panics with the operation and both shapes: it is a mistake in the program, not in its input.
#[derive(Clone, Copy)]
pub struct Var<'g> {
    pub(super) graph: &'g Graph,
    pub(super) id: Id,
}

#[expect(clippy::len_without_is_empty, reason = "an empty tensor is a constant that nobody asks for")]
impl<'g> Var<'g> {
    /// The graph of this tensor.
    pub fn graph(self) -> &'g Graph {
        self.graph
    }
    /// Position of its node.
    pub fn id(self) -> Id {
        self.id
    }
    /// A copy of its node's operation.
    pub fn op(self) -> Op {
        self.graph.nodes.borrow()[self.id].op.clone()
    }
    /// Its extents.
    pub fn shape(self) -> Shape {
        self.graph.nodes.borrow()[self.id].shape.clone()
    }
    /// Number of axes.
    pub fn rank(self) -> usize {
        self.graph.nodes.borrow()[self.id].shape.len()
    }
    /// Extent of one axis.
    pub fn dim(self, axis: usize) -> usize {
        self.graph.nodes.borrow()[self.id].shape[axis]
    }
    /// Number of elements.
    pub fn len(self) -> usize {
        numel(&self.shape())
    }
    /// Inputs of its node.
    pub fn inputs(self) -> Vec<Var<'g>> {
        self.graph.nodes.borrow()[self.id].inputs.iter().map(|&id| self.graph.at(id)).collect()
    }

    /// The value, if every element is this one constant.
    pub fn constant(self) -> Option<f64> {
        match self.op() {
            Op::Const(c) => Some(c.get()),
            Op::Broadcast(_) | Op::Reshape | Op::Detach => self.inputs()[0].constant(),
            _ => None,
        }
    }

    #[track_caller]
    fn binary(self, op: Op, other: Var<'g>) -> Var<'g> {
        let (a, b) = match (self.rank(), other.rank()) {
            (0, _) => (self.expand(&other.shape()), other),
            (_, 0) => (self, other.expand(&self.shape())),
            _ => (self, other),
        };
        assert_eq!(a.shape(), b.shape(), "{op:?}: the shapes differ");
        // Constants go last, so that equal sums and products become equal nodes.
        let (a, b) = if a.constant().is_some() || (b.constant().is_none() && a.id > b.id) { (b, a) } else { (a, b) };
        if let Some(c) = b.constant() {
            let full = |v| self.graph.full(v, &a.shape());
            match (&op, a.constant()) {
                (Op::Add, Some(k)) => return full(k + c),
                (Op::Mul, Some(k)) => return full(k * c),
                (Op::Add, _) if c == 0.0 => return a,
                (Op::Mul, _) if c == 1.0 => return a,
                (Op::Mul, _) if c == 0.0 => return full(0.0),
                _ => {}
            }
            // (x op k) op c is x op (k op c).
            if a.op() == op
                && let Some(k) = a.inputs()[1].constant()
            {
                let folded = if op == Op::Add { k + c } else { k * c };
                return a.inputs()[0].binary(op, full(folded));
            }
        }
        self.graph.node(op, &[a, b], a.shape())
    }

    /// A function of each element.
    pub fn map(self, f: Map) -> Var<'g> {
        self.graph.node(Op::Map(f), &[self], self.shape())
    }
    /// See [`Map::Exp`].
    pub fn exp(self) -> Var<'g> {
        self.map(Map::Exp)
    }
    /// See [`Map::Log`].
    pub fn log(self) -> Var<'g> {
        self.map(Map::Log)
    }
    /// See [`Map::Sqrt`].
    pub fn sqrt(self) -> Var<'g> {
        self.map(Map::Sqrt)
    }
    /// See [`Map::Recip`].
    pub fn recip(self) -> Var<'g> {
        self.map(Map::Recip)
    }
    /// See [`Map::Tanh`].
    pub fn tanh(self) -> Var<'g> {
        self.map(Map::Tanh)
    }
    /// See [`Map::Sigmoid`].
    pub fn sigmoid(self) -> Var<'g> {
        self.map(Map::Sigmoid)
    }
    /// See [`Map::Softplus`].
    pub fn softplus(self) -> Var<'g> {
        self.map(Map::Softplus)
    }
    /// See [`Map::IsPositive`].
    pub fn is_positive(self) -> Var<'g> {
        self.map(Map::IsPositive)
    }
    /// See [`Map::Abs`].
    pub fn abs(self) -> Var<'g> {
        self.map(Map::Abs)
    }
    /// See [`Map::Sin`].
    pub fn sin(self) -> Var<'g> {
        self.map(Map::Sin)
    }
    /// See [`Map::Cos`].
    pub fn cos(self) -> Var<'g> {
        self.map(Map::Cos)
    }
    /// max(x, 0).
    pub fn relu(self) -> Var<'g> {
        self.leaky_relu(0.0)
    }
    /// See [`Map::Leaky`].
    pub fn leaky_relu(self, slope: f64) -> Var<'g> {
        self.map(Map::Leaky(Real::new(slope)))
    }
    /// See [`Map::Clamp`].
    pub fn clamp(self, limit: f64) -> Var<'g> {
        self.map(Map::Clamp(Real::new(limit)))
    }
    /// x * x.
    pub fn square(self) -> Var<'g> {
        self * self
    }
    /// x where x > 0, else e^x - 1.
    pub fn elu(self) -> Var<'g> {
        let x = self.clamp(BEND);
        self.relu() + ((x - x.relu()).exp() - 1.0)
    }
    /// Gaussian error linear unit, the tanh form (Hendrycks and Gimpel 2016, section 2).
    pub fn gelu(self) -> Var<'g> {
        let x = self.clamp(BEND);
        let inner = (x + x * x * x * 0.044715) * (2.0 / std::f64::consts::PI).sqrt();
        x * 0.5 * (inner.tanh() + 1.0) + (self.relu() - x.relu())
    }

    /// Sum over the axes, which disappear.
    pub fn sum(self, axes: &[usize]) -> Var<'g> {
        if axes.is_empty() {
            return self;
        }
        let shape = without(&self.shape(), axes);
        if let Some(c) = self.constant() {
            let count: usize = axes.iter().map(|&a| self.dim(a)).product();
            return self.graph.full(c * count as f64, &shape);
        }
        self.graph.node(Op::Sum(axes.to_vec()), &[self], shape)
    }

    /// Sum of all elements.
    pub fn sum_all(self) -> Var<'g> {
        self.sum(&(0..self.rank()).collect::<Vec<_>>())
    }

    /// Mean over the axes, which disappear; 0 if there are no elements.
    pub fn mean(self, axes: &[usize]) -> Var<'g> {
        let count: usize = axes.iter().map(|&a| self.dim(a)).product();
        self.sum(axes) * (1.0 / count.max(1) as f64)
    }

    /// Mean of all elements.
    pub fn mean_all(self) -> Var<'g> {
        self.mean(&(0..self.rank()).collect::<Vec<_>>())
    }

    /// Maximum over the axes, which disappear.
    pub fn max(self, axes: &[usize]) -> Var<'g> {
        self.graph.node(Op::Max(axes.to_vec()), &[self], without(&self.shape(), axes))
    }

    /// log of the mean of e^x over an axis, which disappears; the peak is taken off first.
    pub fn log_mean_exp(self, axis: usize) -> Var<'g> {
        let peak = self.max(&[axis]).detach();
        (self - peak.broadcast(&self.shape(), &[axis])).exp().mean(&[axis]).log() + peak
    }

    /// Repeats along new axes at the positions `axes` of `shape`.
    #[track_caller]
    pub fn broadcast(self, shape: &[usize], axes: &[usize]) -> Var<'g> {
        assert_eq!(self.shape(), without(shape, axes), "broadcast: to {shape:?} along new axes {axes:?}");
        if axes.is_empty() {
            return self;
        }
        if self.rank() > 0
            && let Some(c) = self.constant()
        {
            return self.graph.full(c, shape);
        }
        self.graph.node(Op::Broadcast(axes.to_vec()), &[self], shape.to_vec())
    }

    /// A scalar at every position of `shape`.
    #[track_caller]
    pub fn expand(self, shape: &[usize]) -> Var<'g> {
        self.broadcast(shape, &(0..shape.len()).collect::<Vec<_>>())
    }

    /// A vector along one axis of `shape`, repeated along all others.
    #[track_caller]
    pub fn along(self, axis: usize, shape: &[usize]) -> Var<'g> {
        self.broadcast(shape, &(0..shape.len()).filter(|&a| a != axis).collect::<Vec<_>>())
    }

    /// The window of this shape that begins at `start`. An empty window is a constant, for which nothing is computed.
    #[track_caller]
    pub fn slice(self, start: &[usize], shape: &[usize]) -> Var<'g> {
        let from = self.shape();
        let fits = from.len() == start.len() && (0..from.len()).all(|a| start[a] + shape[a] <= from[a]);
        assert!(fits, "slice: {shape:?} from {start:?} of {from:?}");
        if from == shape {
            return self;
        }
        if numel(shape) == 0 {
            return self.graph.full(0.0, shape);
        }
        if let Some(c) = self.constant() {
            return self.graph.full(c, shape);
        }
        self.slice_of_padded(start, shape)
            .unwrap_or_else(|| self.graph.node(Op::Slice(start.to_vec()), &[self], shape.to_vec()))
    }

    /// The slice of a padded tensor, or of a sum of padded tensors (a concatenation), if the slice lies either within
    /// or outside each of them.
    fn slice_of_padded(self, start: &[usize], shape: &[usize]) -> Option<Var<'g>> {
        match self.op() {
            Op::Pad(before) => {
                let inner = self.inputs()[0];
                let end = |a: usize| before[a] + inner.dim(a);
                let outside = (0..shape.len()).any(|a| start[a] + shape[a] <= before[a] || start[a] >= end(a));
                let inside = (0..shape.len()).all(|a| start[a] >= before[a] && start[a] + shape[a] <= end(a));
                let shifted = || start.iter().zip(&before).map(|(s, b)| s - b).collect::<Vec<_>>();
                if outside { Some(self.graph.full(0.0, shape)) } else { inside.then(|| inner.slice(&shifted(), shape)) }
            }
            Op::Add => {
                let terms = self.inputs();
                Some(terms[0].slice_of_padded(start, shape)? + terms[1].slice_of_padded(start, shape)?)
            }
            _ => None,
        }
    }

    /// The part at index `i` of the first axis; the axis disappears.
    #[track_caller]
    pub fn index(self, i: usize) -> Var<'g> {
        let (mut start, mut shape) = (vec![0; self.rank()], self.shape());
        (start[0], shape[0]) = (i, 1);
        self.slice(&start, &shape).reshape(&shape[1..])
    }

    /// Zeros of this shape, with the tensor placed at index `before`.
    #[track_caller]
    pub fn pad(self, before: &[usize], shape: &[usize]) -> Var<'g> {
        let from = self.shape();
        let fits = from.len() == before.len() && (0..from.len()).all(|a| before[a] + from[a] <= shape[a]);
        assert!(fits, "pad: {from:?} at {before:?} of {shape:?}");
        if from == shape {
            return self;
        }
        if self.constant() == Some(0.0) {
            return self.graph.full(0.0, shape);
        }
        self.graph.node(Op::Pad(before.to_vec()), &[self], shape.to_vec())
    }

    /// Joins along an axis.
    #[track_caller]
    pub fn concat(self, other: Var<'g>, axis: usize) -> Var<'g> {
        let mut shape = self.shape();
        shape[axis] += other.dim(axis);
        let mut before = vec![0; shape.len()];
        let first = self.pad(&before, &shape);
        before[axis] = self.dim(axis);
        first + other.pad(&before, &shape)
    }

    /// Joins tensors along an axis, as a balanced tree, so that each element is copied about log2(n) times at most.
    #[track_caller]
    pub fn joined(parts: &[Var<'g>], axis: usize) -> Var<'g> {
        match parts {
            [only] => *only,
            _ => {
                let (first, second) = parts.split_at(parts.len() / 2);
                Var::joined(first, axis).concat(Var::joined(second, axis), axis)
            }
        }
    }

    /// The same elements in row-major order under another shape.
    #[track_caller]
    pub fn reshape(self, shape: &[usize]) -> Var<'g> {
        assert_eq!(self.len(), numel(shape), "reshape: {:?} to {shape:?}", self.shape());
        if self.shape() == shape {
            return self;
        }
        match self.op() {
            Op::Reshape => self.inputs()[0].reshape(shape),
            _ => self.graph.node(Op::Reshape, &[self], shape.to_vec()),
        }
    }

    /// Axis i of the result is axis `perm[i]` of this.
    #[track_caller]
    pub fn permute(self, perm: &[usize]) -> Var<'g> {
        assert_eq!(self.rank(), perm.len(), "permute: {:?} by {perm:?}", self.shape());
        if perm.iter().copied().eq(0..perm.len()) {
            return self;
        }
        let shape = perm.iter().map(|&a| self.dim(a)).collect();
        self.graph.node(Op::Permute(perm.to_vec()), &[self], shape)
    }

    /// Swaps the last two axes.
    pub fn transpose(self) -> Var<'g> {
        let mut perm: Vec<usize> = (0..self.rank()).collect();
        let last = perm.len() - 1;
        perm.swap(last, last - 1);
        self.permute(&perm)
    }

    /// The same value, through which no gradient flows.
    pub fn detach(self) -> Var<'g> {
        self.graph.node(Op::Detach, &[self], self.shape())
    }

    /// The mean of this over all parts of a batch: what losses and gradients of a part are to those of the whole batch.
    /// Where a batch has one part, this is the tensor itself.
    pub fn whole(self) -> Var<'g> {
        match self.constant() {
            Some(_) => self,
            None => self.graph.node(Op::Whole, &[self], self.shape()),
        }
    }

    /// Matrix product `[.., M, K]` x `[.., K, N]` -> `[.., M, N]`; the leading extents are equal.
    #[track_caller]
    pub fn matmul(self, w: Var<'g>) -> Var<'g> {
        let (a, b) = (self.shape(), w.shape());
        let r = a.len();
        let fits = r >= 2 && b.len() == r && a[..r - 2] == b[..r - 2] && a[r - 1] == b[r - 2];
        assert!(fits, "matmul: {a:?} times {b:?}");
        let mut shape = a;
        shape[r - 1] = b[r - 1];
        self.contract(Form::MatMul, Role::Y, w, shape)
    }

    /// Convolution (in fact a correlation, as usual in deep learning) of x `[B, C, H, W]` with w `[K, C, R, S]`, with
    /// `pad` zeros on every side.
    #[track_caller]
    pub fn conv2d(self, w: Var<'g>, stride: usize, pad: usize) -> Var<'g> {
        self.conv2d_by_axis(w, [stride; 2], [pad; 2])
    }

    /// The same with strides and padding down and across.
    #[track_caller]
    pub fn conv2d_by_axis(self, w: Var<'g>, stride: [usize; 2], pad: [usize; 2]) -> Var<'g> {
        let (x, f) = (self.shape(), w.shape());
        let fits = x.len() == 4 && f.len() == 4 && x[1] == f[1] && (0..2).all(|a| x[2 + a] + 2 * pad[a] >= f[2 + a]);
        assert!(fits, "conv2d: {x:?} with filter {f:?}, stride {stride:?}, padding {pad:?}");
        let out = |a: usize| (x[2 + a] + 2 * pad[a] - f[2 + a]) / stride[a] + 1;
        let shape = vec![x[0], f[0], out(0), out(1)];
        self.contract(Form::Conv2d { stride, pad }, Role::Y, w, shape)
    }

    /// Transposed convolution of y `[B, K, P, Q]` with w `[K, C, R, S]` to `[B, C, (P-1)*stride - 2*pad + R, ..]`.
    #[track_caller]
    pub fn conv_transpose2d(self, w: Var<'g>, stride: usize, pad: usize) -> Var<'g> {
        self.conv_transpose2d_by_axis(w, [stride; 2], [pad; 2])
    }

    /// The same with strides and padding down and across.
    #[track_caller]
    pub fn conv_transpose2d_by_axis(self, w: Var<'g>, stride: [usize; 2], pad: [usize; 2]) -> Var<'g> {
        let (y, f) = (self.shape(), w.shape());
        let fits = y.len() == 4
            && f.len() == 4
            && y[1] == f[0]
            && (0..2).all(|a| (y[2 + a] - 1) * stride[a] + f[2 + a] > 2 * pad[a]);
        assert!(fits, "conv_transpose2d: {y:?} with filter {f:?}, stride {stride:?}, padding {pad:?}");
        let out = |a: usize| (y[2 + a] - 1) * stride[a] + f[2 + a] - 2 * pad[a];
        let shape = vec![y[0], f[1], out(0), out(1)];
        w.contract(Form::Conv2d { stride, pad }, Role::X, self, shape)
    }

    /// The node of a trilinear form in `role`, from the other two slots in the order x, w, y.
    pub fn contract(self, form: Form, role: Role, second: Var<'g>, shape: Shape) -> Var<'g> {
        if [self, second].iter().any(|t| t.constant() == Some(0.0)) {
            return self.graph.full(0.0, &shape);
        }
        self.graph.node(Op::Contract { form, role }, &[self, second], shape)
    }
}

impl fmt::Debug for Var<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "%{} {:?}{:?}", self.id, self.op(), self.shape())
    }
}

impl<'g> Add for Var<'g> {
    type Output = Var<'g>;
    #[track_caller]
    fn add(self, other: Var<'g>) -> Var<'g> {
        self.binary(Op::Add, other)
    }
}

impl<'g> Mul for Var<'g> {
    type Output = Var<'g>;
    #[track_caller]
    fn mul(self, other: Var<'g>) -> Var<'g> {
        self.binary(Op::Mul, other)
    }
}

impl<'g> Sub for Var<'g> {
    type Output = Var<'g>;
    #[track_caller]
    fn sub(self, other: Var<'g>) -> Var<'g> {
        self + -other
    }
}

impl<'g> Neg for Var<'g> {
    type Output = Var<'g>;
    fn neg(self) -> Var<'g> {
        self * -1.0
    }
}

impl<'g> Add<f64> for Var<'g> {
    type Output = Var<'g>;
    fn add(self, c: f64) -> Var<'g> {
        self + self.graph.scalar(c)
    }
}

impl<'g> Sub<f64> for Var<'g> {
    type Output = Var<'g>;
    fn sub(self, c: f64) -> Var<'g> {
        self + -c
    }
}

impl<'g> Mul<f64> for Var<'g> {
    type Output = Var<'g>;
    fn mul(self, c: f64) -> Var<'g> {
        self * self.graph.scalar(c)
    }
}

impl<'g> Sub<Var<'g>> for f64 {
    type Output = Var<'g>;
    fn sub(self, t: Var<'g>) -> Var<'g> {
        -t + self
    }
}
