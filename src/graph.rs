//! The graph: nodes, shapes, hash-consing and the `Copy` handle [`T`] with operators.
//!
//! The op set is closed under differentiation: a gradient of any order is just more graph. What a graph
//! does to the world is the list of its effects: updates and assignments of states, metrics, outputs.

use std::{
    cell::RefCell,
    collections::HashMap,
    fmt,
    ops::{Add, Mul, Neg, Sub},
};

use serde::{Deserialize, Serialize};

/// Extents of a tensor, outermost first; rank 0 is a scalar.
pub type Shape = Vec<usize>;
/// Position of a node in its graph.
pub type Id = usize;

/// A scalar function of one argument. The real-valued parameters are stored as bits so that nodes can be hashed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Map {
    Exp,
    Log,
    Sqrt,
    Recip,
    Tanh,
    Sigmoid,
    /// ln(1 + e^x), computed as max(x, 0) + ln(1 + e^-|x|).
    Softplus,
    /// 1 where x > 0, else 0.
    Step,
    Abs,
    Sin,
    Cos,
    /// x where x > 0, else slope * x. Slope 0 is ReLU.
    Leaky(Real),
    /// min(max(x, -c), c).
    Clamp(Real),
}

/// A constant with a total equality, so that it can be part of a hashed node.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Real(u64);

impl Real {
    pub const fn new(value: f64) -> Self {
        Self(value.to_bits())
    }
    pub const fn get(self) -> f64 {
        f64::from_bits(self.0)
    }
}

impl fmt::Debug for Real {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}", self.get())
    }
}

/// Distribution of a [`Op::Random`] tensor.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Dist {
    /// Uniform on (0, 1).
    Uniform,
    /// Standard normal.
    Normal,
    /// 1 with this probability, else 0.
    Bernoulli(Real),
}

/// What a [`Op::Batch`] leaf delivers of each drawn example.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Field {
    /// The example itself, `[B, ..example shape]`; bytes become [-1, 1].
    Items,
    /// Its class as one-hot rows `[B, classes]`.
    OneHot,
}

/// The trilinear forms T(x, w, y); see [`Op::Contract`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Form {
    /// x `[.., M, K]`, w `[.., K, N]`, y `[.., M, N]`; the leading extents are a shared batch.
    MatMul,
    /// x `[B, C, H, W]`, w `[K, C, R, S]`, y `[B, K, P, Q]`: y(p, q) sums x(p*stride + r - pad, ..) w(r, ..).
    /// The bottom and right padding are whatever P and Q need.
    Conv2d { stride: [usize; 2], pad: [usize; 2] },
}

/// The slot of a trilinear form that a node produces from the other two.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Role {
    X,
    W,
    Y,
}

/// A fused operation that is *defined* in primitives; see [`crate::composite`].
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Composite {
    /// x -> `[2, kept..]`: mean and biased variance over the axes.
    Moments { axes: Vec<usize> },
    /// (x, moments) -> (x - mean) / sqrt(variance + eps), shape of x.
    Normalize { axes: Vec<usize>, eps: Real },
    /// (dy, x, moments) -> `[2, kept..]`: the sums of dy and of dy * (x - mean) over the axes.
    NormSums { axes: Vec<usize> },
    /// Softmax over the last axis of `[B, N]`.
    Softmax,
    /// (logits `[B, N]`, targets `[B, N]`) -> `[B]`: -sum(targets * log softmax(logits)).
    CrossEntropy,
}

/// How [`Op::Update`] turns a flat gradient into new parameters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Optimizer {
    /// Adam (Kingma and Ba 2015, algorithm 1), two moments.
    Adam { beta1: Real, beta2: Real, eps: Real },
    /// v = momentum * v + g; p -= rate * v, one moment (PyTorch's form).
    Sgd { momentum: Real },
    /// s = decay * s + (1 - decay) * g^2; p -= rate * g / (sqrt(s) + eps), one moment.
    RmsProp { decay: Real, eps: Real },
}

impl Optimizer {
    /// Names of the flat moment buffers that it keeps beside the parameters.
    pub fn moments(&self) -> &'static [&'static str] {
        match self {
            Self::Adam { .. } => &["m", "v"],
            Self::Sgd { .. } => &["v"],
            Self::RmsProp { .. } => &["s"],
        }
    }
}

/// One operation. Shapes that cannot be derived from the inputs are the node's own shape.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Op {
    /// A scalar.
    Const(Real),
    /// Written by the host before a run.
    Input(String),
    /// Tensor `item` of state `group` (or [`WHOLE`]), as it is after `version` updates.
    State {
        group: usize,
        item: usize,
        version: usize,
    },
    /// Counter-based noise, keyed by (seed, stream, step, element).
    Random {
        stream: u32,
        dist: Dist,
    },
    /// A batch gathered from the data set; equal `draw`s pick equal examples.
    Batch {
        draw: u32,
        field: Field,
    },
    /// The number of rounds done, a scalar.
    Clock,
    Add,
    Mul,
    Map(Map),
    /// Sum over the axes, which disappear.
    Sum(Vec<usize>),
    /// Maximum over the axes, which disappear.
    Max(Vec<usize>),
    /// New axes at these positions of the result, along which the input repeats.
    Broadcast(Vec<usize>),
    /// The window of the node's shape that begins here.
    Slice(Vec<usize>),
    /// Zeros of the node's shape with the input beginning here.
    Pad(Vec<usize>),
    Reshape,
    /// Axis i of the result is axis `perm[i]` of the input.
    Permute(Vec<usize>),
    /// The identity, through which no gradient flows.
    Detach,
    /// A trilinear form: inputs are the two slots other than the role, in the order x, w, y.
    Contract {
        form: Form,
        role: Role,
    },
    Composite(Composite),
    /// One gradient per tensor of the group, flat, in the group's layout.
    Pack {
        group: usize,
    },
    /// (flat gradient, rate) -> the group's next version, in place.
    Update {
        group: usize,
        optimizer: Optimizer,
        count: usize,
        of: usize,
    },
    /// value -> one tensor of a group, in place.
    Assign {
        group: usize,
        item: usize,
    },
}

/// An operation, its inputs and the shape of its result.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Node {
    pub op: Op,
    pub inputs: Vec<Id>,
    pub shape: Shape,
}

/// How the host fills a state before the first round.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Init {
    Const(f32),
    /// Normal with this mean and standard deviation.
    Normal(f32, f32),
    /// Uniform on (-a, a).
    Uniform(f32),
}

/// One named tensor of a state group.
#[derive(Clone, Debug)]
pub struct Item {
    pub name: String,
    pub shape: Shape,
    pub init: Init,
    /// First element within the group's flat buffer.
    pub offset: usize,
}

/// Named tensors that live in one flat buffer across rounds: a network's parameters, its moments, running statistics.
#[derive(Clone, Debug)]
pub struct Group {
    pub name: String,
    pub items: Vec<Item>,
    /// Elements of the flat buffer, gaps included.
    pub len: usize,
    version: usize,
    updates: usize,
}

impl Group {
    /// `group.item`, as checkpoints and messages have it.
    pub fn item_name(&self, item: usize) -> String {
        self.items.get(item).map_or(self.name.clone(), |i| format!("{}.{}", self.name, i.name))
    }

    /// First element and shape of an item.
    pub fn span(&self, item: usize) -> (usize, Shape) {
        self.items.get(item).map_or((0, vec![self.len]), |i| (i.offset, i.shape.clone()))
    }
}

/// Elements between two items of a group are rounded up to this, so that each can be bound on its own (256 bytes).
pub const ALIGN: usize = 64;

/// The item that stands for a whole group, gaps included.
pub const WHOLE: usize = usize::MAX;

/// Number of elements of a shape.
pub fn numel(shape: &[usize]) -> usize {
    shape.iter().product()
}

/// A graph under construction. Build it with [`T`]s; hand it to `grad`, `plan` or `reference`.
#[derive(Default)]
pub struct Graph {
    nodes: RefCell<Vec<Node>>,
    memo: RefCell<HashMap<Node, Id>>,
    groups: RefCell<Vec<Group>>,
    pending: RefCell<Vec<(usize, usize, Id)>>,
    metrics: RefCell<Vec<(String, Id)>>,
    outputs: RefCell<Vec<(String, Id)>>,
    streams: RefCell<u32>,
    draws: RefCell<u32>,
}

/// A tensor: a node of a graph. Copy it freely.
///
/// Operators want equal shapes, or a scalar on one side; everything else is said with [`T::broadcast`].
/// A mismatch panics with the operation and both shapes: it is a mistake in the program, not in its input.
#[derive(Clone, Copy)]
pub struct T<'g> {
    graph: &'g Graph,
    id: Id,
}

impl Graph {
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a node, or finds the equal one that is there.
    pub fn node(&self, op: Op, inputs: &[T], shape: Shape) -> T<'_> {
        let inputs: Vec<Id> = inputs.iter().map(|t| t.id).collect();
        let node = Node { op, inputs, shape };
        let effect = matches!(node.op, Op::Update { .. } | Op::Assign { .. });
        if !effect && let Some(&id) = self.memo.borrow().get(&node) {
            return T { graph: self, id };
        }
        let id = self.nodes.borrow().len();
        if !effect {
            self.memo.borrow_mut().insert(node.clone(), id);
        }
        self.nodes.borrow_mut().push(node);
        T { graph: self, id }
    }

    /// The handle of a node.
    pub fn at(&self, id: Id) -> T<'_> {
        T { graph: self, id }
    }

    /// A copy of all nodes, in creation order, which is a topological order.
    pub fn nodes(&self) -> Vec<Node> {
        self.nodes.borrow().clone()
    }

    pub fn groups(&self) -> Vec<Group> {
        self.groups.borrow().clone()
    }

    pub fn metrics(&self) -> Vec<(String, Id)> {
        self.metrics.borrow().clone()
    }

    pub fn outputs(&self) -> Vec<(String, Id)> {
        self.outputs.borrow().clone()
    }

    pub fn scalar(&self, value: f64) -> T<'_> {
        self.node(Op::Const(Real::new(value)), &[], vec![])
    }

    /// A tensor filled with one value.
    pub fn full<'g>(&'g self, value: f64, shape: &[usize]) -> T<'g> {
        self.scalar(value).expand(shape)
    }

    /// A tensor that the host writes before each run.
    pub fn input(&self, name: &str, shape: &[usize]) -> T<'_> {
        self.node(Op::Input(name.into()), &[], shape.to_vec())
    }

    /// Fresh noise: another stream on each call.
    pub fn random(&self, dist: Dist, shape: &[usize]) -> T<'_> {
        let stream = self.streams.replace_with(|s| *s + 1);
        self.node(Op::Random { stream, dist }, &[], shape.to_vec())
    }

    /// A fresh draw of `count` examples: the number that [`Graph::batch`] wants.
    pub fn draw(&self) -> u32 {
        self.draws.replace_with(|d| *d + 1)
    }

    /// Examples (or their one-hot classes) of a draw; `shape` includes the batch.
    pub fn batch(&self, draw: u32, field: Field, shape: &[usize]) -> T<'_> {
        self.node(Op::Batch { draw, field }, &[], shape.to_vec())
    }

    /// Number of draws per round so far.
    pub fn draws(&self) -> u32 {
        *self.draws.borrow()
    }

    /// The number of rounds done, as a scalar.
    pub fn clock(&self) -> T<'_> {
        self.node(Op::Clock, &[], vec![])
    }

    /// Declares (or finds) a state group.
    pub fn group(&self, name: &str) -> usize {
        let mut groups = self.groups.borrow_mut();
        groups.iter().position(|g| g.name == name).unwrap_or_else(|| {
            groups.push(Group { name: name.into(), items: vec![], len: 0, version: 0, updates: 0 });
            groups.len() - 1
        })
    }

    /// Declares (or finds) a named tensor of a group and reads its current version.
    #[track_caller]
    pub fn state(&self, group: usize, name: &str, shape: &[usize], init: Init) -> T<'_> {
        let (item, version) = {
            let g = &mut self.groups.borrow_mut()[group];
            let item = g.items.iter().position(|i| i.name == name).unwrap_or_else(|| {
                let offset = g.len;
                g.len += numel(shape).next_multiple_of(ALIGN);
                g.items.push(Item { name: name.into(), shape: shape.to_vec(), init, offset });
                g.items.len() - 1
            });
            assert_eq!(
                g.items[item].shape, shape,
                "state {}.{name}: declared with one shape, asked for with another",
                g.name
            );
            (item, g.version)
        };
        self.node(Op::State { group, item, version }, &[], shape.to_vec())
    }

    /// All tensors of a group at its current version.
    pub fn items(&self, group: usize) -> Vec<T<'_>> {
        let g = self.groups.borrow()[group].clone();
        let read =
            |(item, i): (usize, &Item)| self.node(Op::State { group, item, version: g.version }, &[], i.shape.clone());
        g.items.iter().enumerate().map(read).collect()
    }

    /// The whole flat buffer of a group, complete by now, at its current version.
    pub fn flat(&self, group: usize) -> T<'_> {
        let (version, len) = (self.groups.borrow()[group].version, self.groups.borrow()[group].len);
        self.node(Op::State { group, item: WHOLE, version }, &[], vec![len])
    }

    /// Gradients of a group's tensors, in order, as one flat vector with the group's layout.
    pub fn pack(&self, group: usize, gradients: &[T]) -> T<'_> {
        let len = self.groups.borrow()[group].len;
        self.node(Op::Pack { group }, gradients, vec![len])
    }

    /// Updates a group in place by a flat gradient; what is read from the group afterwards is the new version.
    /// A group may be updated several times a round. Pending assignments are carried out first.
    pub fn update(&self, group: usize, optimizer: Optimizer, gradient: T, rate: T) {
        self.commit();
        let count = {
            let g = &mut self.groups.borrow_mut()[group];
            g.version += 1;
            g.updates += 1;
            g.updates - 1
        };
        self.node(Op::Update { group, optimizer, count, of: 0 }, &[gradient, rate], vec![]);
        for node in self.nodes.borrow_mut().iter_mut() {
            if let Op::Update { group: g, of, .. } = &mut node.op
                && *g == group
            {
                *of = count + 1;
            }
        }
    }

    /// Gives a state a new value. It takes effect at the next [`Graph::update`] or [`Graph::commit`]: reads before that see the old one.
    #[track_caller]
    pub fn assign(&self, state: T, value: T) {
        let node = self.nodes.borrow()[state.id].clone();
        let Op::State { group, item, .. } = node.op else { panic!("assign: not a state: {:?}", node.op) };
        assert_eq!(node.shape, value.shape(), "assign: state and value differ in shape");
        self.pending.borrow_mut().push((group, item, value.id));
    }

    /// Carries out the pending assignments.
    pub fn commit(&self) {
        let pending = self.pending.take();
        for &(group, item, value) in &pending {
            self.node(Op::Assign { group, item }, &[self.at(value)], vec![]);
        }
        for (group, ..) in pending {
            self.groups.borrow_mut()[group].version += 1;
        }
    }

    /// Records a scalar each round under this name.
    #[track_caller]
    pub fn metric(&self, name: &str, value: T) {
        assert!(value.shape().is_empty(), "metric {name}: not a scalar but {:?}", value.shape());
        self.metrics.borrow_mut().push((name.into(), value.id));
    }

    /// Keeps a tensor for the host to read after a run.
    pub fn output(&self, name: &str, value: T) {
        self.outputs.borrow_mut().push((name.into(), value.id));
    }
}

impl<'g> T<'g> {
    pub fn graph(self) -> &'g Graph {
        self.graph
    }
    pub fn id(self) -> Id {
        self.id
    }
    pub fn op(self) -> Op {
        self.graph.nodes.borrow()[self.id].op.clone()
    }
    pub fn shape(self) -> Shape {
        self.graph.nodes.borrow()[self.id].shape.clone()
    }
    pub fn rank(self) -> usize {
        self.graph.nodes.borrow()[self.id].shape.len()
    }
    pub fn dim(self, axis: usize) -> usize {
        self.graph.nodes.borrow()[self.id].shape[axis]
    }
    pub fn len(self) -> usize {
        numel(&self.shape())
    }
    pub fn inputs(self) -> Vec<T<'g>> {
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
    fn binary(self, op: Op, other: T<'g>) -> T<'g> {
        let (a, b) = match (self.rank(), other.rank()) {
            (0, _) => (self.expand(&other.shape()), other),
            (_, 0) => (self, other.expand(&self.shape())),
            _ => (self, other),
        };
        assert_eq!(a.shape(), b.shape(), "{op:?}: the shapes differ");
        // Constants go last, so that equal sums and products meet in the memo.
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

    pub fn map(self, f: Map) -> T<'g> {
        self.graph.node(Op::Map(f), &[self], self.shape())
    }
    pub fn exp(self) -> T<'g> {
        self.map(Map::Exp)
    }
    pub fn log(self) -> T<'g> {
        self.map(Map::Log)
    }
    pub fn sqrt(self) -> T<'g> {
        self.map(Map::Sqrt)
    }
    pub fn recip(self) -> T<'g> {
        self.map(Map::Recip)
    }
    pub fn tanh(self) -> T<'g> {
        self.map(Map::Tanh)
    }
    pub fn sigmoid(self) -> T<'g> {
        self.map(Map::Sigmoid)
    }
    pub fn softplus(self) -> T<'g> {
        self.map(Map::Softplus)
    }
    pub fn step(self) -> T<'g> {
        self.map(Map::Step)
    }
    pub fn abs(self) -> T<'g> {
        self.map(Map::Abs)
    }
    pub fn sin(self) -> T<'g> {
        self.map(Map::Sin)
    }
    pub fn cos(self) -> T<'g> {
        self.map(Map::Cos)
    }
    pub fn relu(self) -> T<'g> {
        self.leaky_relu(0.0)
    }
    pub fn leaky_relu(self, slope: f64) -> T<'g> {
        self.map(Map::Leaky(Real::new(slope)))
    }
    pub fn clamp(self, limit: f64) -> T<'g> {
        self.map(Map::Clamp(Real::new(limit)))
    }
    pub fn square(self) -> T<'g> {
        self * self
    }
    /// x where x > 0, else e^x - 1.
    pub fn elu(self) -> T<'g> {
        let positive = self.step();
        self * positive + ((self * (1.0 - positive)).exp() - 1.0)
    }
    /// Gaussian error linear unit, the tanh form (Hendrycks and Gimpel 2016, section 2).
    pub fn gelu(self) -> T<'g> {
        let inner = (self + self * self * self * 0.044715) * (2.0 / std::f64::consts::PI).sqrt();
        self * 0.5 * (inner.tanh() + 1.0)
    }

    /// Sum over the axes, which disappear.
    pub fn sum(self, axes: &[usize]) -> T<'g> {
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

    pub fn sum_all(self) -> T<'g> {
        self.sum(&(0..self.rank()).collect::<Vec<_>>())
    }

    pub fn mean(self, axes: &[usize]) -> T<'g> {
        let count: usize = axes.iter().map(|&a| self.dim(a)).product();
        self.sum(axes) * (1.0 / count as f64)
    }

    pub fn mean_all(self) -> T<'g> {
        self.mean(&(0..self.rank()).collect::<Vec<_>>())
    }

    /// Maximum over the axes, which disappear.
    pub fn max(self, axes: &[usize]) -> T<'g> {
        self.graph.node(Op::Max(axes.to_vec()), &[self], without(&self.shape(), axes))
    }

    /// Repeats along new axes at the positions `axes` of `shape`.
    #[track_caller]
    pub fn broadcast(self, shape: &[usize], axes: &[usize]) -> T<'g> {
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
    pub fn expand(self, shape: &[usize]) -> T<'g> {
        self.broadcast(shape, &(0..shape.len()).collect::<Vec<_>>())
    }

    /// A vector along one axis of `shape`, repeated along all others.
    #[track_caller]
    pub fn along(self, axis: usize, shape: &[usize]) -> T<'g> {
        self.broadcast(shape, &(0..shape.len()).filter(|&a| a != axis).collect::<Vec<_>>())
    }

    #[track_caller]
    pub fn slice(self, start: &[usize], shape: &[usize]) -> T<'g> {
        let from = self.shape();
        let fits = from.len() == start.len() && (0..from.len()).all(|a| start[a] + shape[a] <= from[a]);
        assert!(fits, "slice: {shape:?} from {start:?} of {from:?}");
        if from == shape {
            return self;
        }
        self.graph.node(Op::Slice(start.to_vec()), &[self], shape.to_vec())
    }

    /// One index of the first axis, which disappears.
    #[track_caller]
    pub fn index(self, i: usize) -> T<'g> {
        let (mut start, mut shape) = (vec![0; self.rank()], self.shape());
        (start[0], shape[0]) = (i, 1);
        self.slice(&start, &shape).reshape(&shape[1..])
    }

    #[track_caller]
    pub fn pad(self, before: &[usize], shape: &[usize]) -> T<'g> {
        let from = self.shape();
        let fits = from.len() == before.len() && (0..from.len()).all(|a| before[a] + from[a] <= shape[a]);
        assert!(fits, "pad: {from:?} at {before:?} of {shape:?}");
        if from == shape {
            return self;
        }
        self.graph.node(Op::Pad(before.to_vec()), &[self], shape.to_vec())
    }

    /// Joins along an axis.
    #[track_caller]
    pub fn concat(self, other: T<'g>, axis: usize) -> T<'g> {
        let mut shape = self.shape();
        shape[axis] += other.dim(axis);
        let mut before = vec![0; shape.len()];
        let first = self.pad(&before, &shape);
        before[axis] = self.dim(axis);
        first + other.pad(&before, &shape)
    }

    #[track_caller]
    pub fn reshape(self, shape: &[usize]) -> T<'g> {
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
    pub fn permute(self, perm: &[usize]) -> T<'g> {
        assert_eq!(self.rank(), perm.len(), "permute: {:?} by {perm:?}", self.shape());
        if perm.iter().copied().eq(0..perm.len()) {
            return self;
        }
        let shape = perm.iter().map(|&a| self.dim(a)).collect();
        self.graph.node(Op::Permute(perm.to_vec()), &[self], shape)
    }

    /// Swaps the last two axes.
    pub fn transpose(self) -> T<'g> {
        let mut perm: Vec<usize> = (0..self.rank()).collect();
        let last = perm.len() - 1;
        perm.swap(last, last - 1);
        self.permute(&perm)
    }

    pub fn detach(self) -> T<'g> {
        self.graph.node(Op::Detach, &[self], self.shape())
    }

    /// Matrix product `[.., M, K]` x `[.., K, N]` -> `[.., M, N]`; the leading extents are equal.
    #[track_caller]
    pub fn matmul(self, w: T<'g>) -> T<'g> {
        let (a, b) = (self.shape(), w.shape());
        let r = a.len();
        let fits = r >= 2 && b.len() == r && a[..r - 2] == b[..r - 2] && a[r - 1] == b[r - 2];
        assert!(fits, "matmul: {a:?} times {b:?}");
        let mut shape = a.clone();
        shape[r - 1] = b[r - 1];
        self.contract(Form::MatMul, Role::Y, w, shape)
    }

    /// Convolution (correlation, as the field has it) of x `[B, C, H, W]` with w `[K, C, R, S]`, equally padded.
    #[track_caller]
    pub fn conv2d(self, w: T<'g>, stride: usize, pad: usize) -> T<'g> {
        let (x, f) = (self.shape(), w.shape());
        let fits = x.len() == 4 && f.len() == 4 && x[1] == f[1] && x[2] + 2 * pad >= f[2] && x[3] + 2 * pad >= f[3];
        assert!(fits, "conv2d: {x:?} with filter {f:?}, stride {stride}, padding {pad}");
        let out = |h: usize, r: usize| (h + 2 * pad - r) / stride + 1;
        let shape = vec![x[0], f[0], out(x[2], f[2]), out(x[3], f[3])];
        self.contract(Form::Conv2d { stride: [stride; 2], pad: [pad; 2] }, Role::Y, w, shape)
    }

    /// Transposed convolution of y `[B, K, P, Q]` with w `[K, C, R, S]` to `[B, C, (P-1)*stride - 2*pad + R, ..]`.
    #[track_caller]
    pub fn conv_transpose2d(self, w: T<'g>, stride: usize, pad: usize) -> T<'g> {
        let (y, f) = (self.shape(), w.shape());
        let fits = y.len() == 4 && f.len() == 4 && y[1] == f[0] && (y[2] - 1) * stride + f[2] > 2 * pad;
        assert!(fits, "conv_transpose2d: {y:?} with filter {f:?}, stride {stride}, padding {pad}");
        let out = |p: usize, r: usize| (p - 1) * stride + r - 2 * pad;
        let shape = vec![y[0], f[1], out(y[2], f[2]), out(y[3], f[3])];
        w.contract(Form::Conv2d { stride: [stride; 2], pad: [pad; 2] }, Role::X, self, shape)
    }

    /// The node of a trilinear form in `role`, from the other two slots in the order x, w, y.
    pub fn contract(self, form: Form, role: Role, second: T<'g>, shape: Shape) -> T<'g> {
        self.graph.node(Op::Contract { form, role }, &[self, second], shape)
    }
}

/// A shape without some of its axes.
pub fn without(shape: &[usize], axes: &[usize]) -> Shape {
    shape.iter().enumerate().filter(|(a, _)| !axes.contains(a)).map(|(_, &n)| n).collect()
}

impl fmt::Debug for T<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "%{} {:?}{:?}", self.id, self.op(), self.shape())
    }
}

impl<'g> Add for T<'g> {
    type Output = T<'g>;
    #[track_caller]
    fn add(self, other: T<'g>) -> T<'g> {
        self.binary(Op::Add, other)
    }
}

impl<'g> Mul for T<'g> {
    type Output = T<'g>;
    #[track_caller]
    fn mul(self, other: T<'g>) -> T<'g> {
        self.binary(Op::Mul, other)
    }
}

impl<'g> Sub for T<'g> {
    type Output = T<'g>;
    #[track_caller]
    fn sub(self, other: T<'g>) -> T<'g> {
        self + -other
    }
}

impl<'g> Neg for T<'g> {
    type Output = T<'g>;
    fn neg(self) -> T<'g> {
        self * -1.0
    }
}

impl<'g> Add<f64> for T<'g> {
    type Output = T<'g>;
    fn add(self, c: f64) -> T<'g> {
        self + self.graph.scalar(c)
    }
}

impl<'g> Sub<f64> for T<'g> {
    type Output = T<'g>;
    fn sub(self, c: f64) -> T<'g> {
        self + -c
    }
}

impl<'g> Mul<f64> for T<'g> {
    type Output = T<'g>;
    fn mul(self, c: f64) -> T<'g> {
        self * self.graph.scalar(c)
    }
}

impl<'g> Sub<T<'g>> for f64 {
    type Output = T<'g>;
    fn sub(self, t: T<'g>) -> T<'g> {
        -t + self
    }
}
