//! A network as other programs know it: layers and plain operations, the number of examples open.

use std::collections::{BTreeMap, BTreeSet};

use super::open::Input;
use crate::{
    checkpoint::Tensor,
    graph::{Map, Reset, Shape, numel},
    kernels::chain::Code,
};

/// The number of examples of networks that are exported, and a prime: an extent is a multiple of it exactly if it is
/// a multiple of the number of examples.
pub const BATCH: usize = (1 << 31) - 1;

/// How often an extent holds the number of examples; `None` if it does not depend on it.
pub fn batches(extent: usize) -> Option<usize> {
    (extent > 0 && extent.is_multiple_of(BATCH)).then_some(extent / BATCH)
}

/// The position of a node in its network.
pub type Place = usize;

/// A network.
#[derive(Clone, Debug, Default)]
pub struct Network {
    /// Its name, that of the graph.
    pub name: String,
    /// Its inputs.
    pub inputs: Vec<Input>,
    /// Its outputs.
    pub outputs: Vec<(String, Place)>,
    /// Its nodes, each after its inputs.
    pub nodes: Vec<Node>,
    /// Its weights by name, as PyTorch lays them out: `up1.weight`, `norm1.running_mean`, `layer0.weight_ih_l0`.
    pub weights: BTreeMap<String, Tensor>,
}

/// An operation, its inputs and the shape of its result.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The operation.
    pub op: Op,
    /// Its inputs.
    pub inputs: Vec<Place>,
    /// The shape of the result. Sums and products take inputs of fewer axes, or with an extent of 1, as NumPy does.
    pub shape: Shape,
}

/// A layer or a plain operation. Layers are named; their weights lie in [`Network::weights`] under that name.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// An input of the network.
    Input(String),
    /// A tensor among the weights.
    Weight(String),
    /// A number, without axes.
    Scalar(f64),
    /// One number everywhere.
    Full(f64),
    /// The sum.
    Add,
    /// The product.
    Mul,
    /// A function of each value.
    Map(Map),
    /// The sum over some axes.
    Sum(Vec<usize>),
    /// The greatest value over some axes.
    Max(Vec<usize>),
    /// The same values in another shape.
    Reshape,
    /// Repetition along the axes whose extent was 1.
    Expand,
    /// Axis i of the result is axis `perm[i]` of the input.
    Permute(Vec<usize>),
    /// A part that begins here.
    Slice(Vec<usize>),
    /// Zeros before, as many as these, and after.
    Pad(Vec<usize>),
    /// The inputs one after the other along an axis.
    Concat(usize),
    /// The part at one place of an axis, without this axis.
    Index {
        /// The axis.
        axis: usize,
        /// The place.
        at: usize,
    },
    /// The product of matrices, each transposed or not.
    MatMul([bool; 2]),
    /// x wᵀ + b.
    Dense(Layer),
    /// A convolution, with a stride and with zeros on all sides.
    Conv(Layer, [usize; 2], [usize; 2]),
    /// A transposed convolution, with a stride and what is cut off on all sides.
    ConvTranspose(Layer, [usize; 2], [usize; 2]),
    /// Batch norm with the running statistics and this guard of the denominator.
    BatchNorm(String, f64),
    /// Mean 0 and variance 1 over all axes but the first, with this guard of the denominator.
    LayerNorm(f64),
    /// Softmax over the last axis.
    Softmax,
    /// The place of the greatest value along the last axis.
    Argmax,
    /// Numbers as vectors of so many values, 1 at the number; -1 is the last one.
    OneHot(usize),
    /// All states of a recurrent layer over `[T, B, F]`; inputs: the sequence and, if it does not begin with zeros, h0
    /// and c0.
    Recurrent {
        /// Its name.
        layer: String,
        /// Its kind.
        cell: Cell,
        /// Whether it runs from the last step to the first.
        reverse: bool,
    },
    /// The cells `[1, B, H]` of an LSTM, its input, after the last step.
    Cells,
}

/// A layer with a weight.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// Its name.
    pub name: String,
    /// Whether it adds a bias.
    pub bias: bool,
}

/// The kind of a recurrent layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Long short-term memory: gates i, f, g, o.
    Lstm,
    /// Gated recurrent units: gates r, z, n.
    Gru(Reset),
}

impl Cell {
    /// Number of gates.
    pub fn gates(self) -> usize {
        if self == Self::Lstm { 4 } else { 3 }
    }
}

impl Node {
    /// The layer's name, where the node is a layer.
    pub fn layer(&self) -> Option<&str> {
        match &self.op {
            Op::Dense(layer) | Op::Conv(layer, ..) | Op::ConvTranspose(layer, ..) => Some(&layer.name),
            Op::BatchNorm(name, _) | Op::Recurrent { layer: name, .. } => Some(name),
            _ => None,
        }
    }

    /// The names of its weights.
    pub fn weights(&self) -> Vec<String> {
        let parts: &[&str] = match &self.op {
            Op::Weight(name) => return vec![name.clone()],
            Op::Dense(layer) | Op::Conv(layer, ..) | Op::ConvTranspose(layer, ..) if !layer.bias => &["weight"],
            Op::Dense(_) | Op::Conv(..) | Op::ConvTranspose(..) => &["weight", "bias"],
            Op::BatchNorm(..) => &["weight", "bias", "running_mean", "running_var"],
            Op::Recurrent { .. } => &["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"],
            _ => &[],
        };
        let layer = self.layer().unwrap_or_default();
        parts.iter().map(|part| format!("{layer}.{part}")).collect()
    }
}

impl Network {
    /// Adds a node.
    pub fn add(&mut self, op: Op, inputs: &[Place], shape: Shape) -> Place {
        self.nodes.push(Node { op, inputs: inputs.to_vec(), shape });
        self.nodes.len() - 1
    }

    /// The shape of a node.
    pub fn shape(&self, place: Place) -> &[usize] {
        &self.nodes[place].shape
    }

    /// The number that a node is, if it is one.
    pub fn scalar(&self, place: Place) -> Option<f64> {
        match self.nodes[place].op {
            Op::Scalar(value) => Some(value),
            _ => None,
        }
    }

    /// The node with all its repetitions.
    pub fn whole(&mut self, place: Place, shape: &[usize]) -> Place {
        match self.nodes[place].op {
            _ if self.shape(place) == shape => place,
            Op::Scalar(value) => self.add(Op::Full(value), &[], shape.to_vec()),
            _ => self.add(Op::Expand, &[place], shape.to_vec()),
        }
    }

    /// The node in another shape.
    pub fn reshape(&mut self, place: Place, shape: &[usize]) -> Place {
        let Node { op, inputs, shape: from } = self.nodes[place].clone();
        if from == shape {
            return place;
        }
        match op {
            Op::Reshape => self.reshape(inputs[0], shape),
            Op::Full(value) => self.add(Op::Full(value), &[], shape.to_vec()),
            Op::Slice(start) => {
                let whole = self.shape(inputs[0]).to_vec();
                let mut cut = (0..from.len()).filter(|&axis| from[axis] != whole[axis]);
                let (axis, others) = (cut.next(), cut.next());
                let dropped = |axis: usize| from[axis] == 1 && shape == crate::graph::without(&from, &[axis]);
                let source = &self.nodes[inputs[0]];
                match axis.filter(|&axis| others.is_none() && dropped(axis)) {
                    // One of many repetitions.
                    Some(0) if source.op == Op::Expand && self.shape(source.inputs[0]) == shape => source.inputs[0],
                    Some(axis) => self.add(Op::Index { axis, at: start[axis] }, &inputs, shape.to_vec()),
                    None => self.add(Op::Reshape, &[place], shape.to_vec()),
                }
            }
            _ => self.add(Op::Reshape, &[place], shape.to_vec()),
        }
    }

    /// The sum or the product of two nodes; `shape`: what it has at most.
    pub fn pointwise(&mut self, op: Op, [a, b]: [Place; 2]) -> Place {
        if let (Some(x), Some(y)) = (self.scalar(a), self.scalar(b)) {
            return self.add(Op::Scalar(if op == Op::Add { x + y } else { x * y }), &[], vec![]);
        }
        let shape = both(self.shape(a), self.shape(b));
        self.add(op, &[a, b], shape)
    }

    /// A function of each value of a node.
    pub fn map(&mut self, map: Map, x: Place) -> Place {
        if let Some(value) = self.scalar(x) {
            let (code, c) = Code::of(map);
            return self.add(Op::Scalar(code.apply(value, value, c)), &[], vec![]);
        }
        let shape = self.shape(x).to_vec();
        self.add(Op::Map(map), &[x], shape)
    }

    /// Leaves out nodes on which no output depends, and weights that no node has.
    pub fn tidy(&mut self) {
        let mut live = vec![false; self.nodes.len()];
        self.outputs.iter().for_each(|(_, place)| live[*place] = true);
        for (place, node) in self.nodes.iter().enumerate().rev() {
            if live[place] {
                node.inputs.iter().for_each(|&input| live[input] = true);
            }
        }
        let mut now = vec![0; live.len()];
        let mut kept: Vec<Place> = (0..live.len()).filter(|&place| live[place]).collect();
        // Where they are read first says nothing.
        kept.sort_by_key(|&place| !matches!(self.nodes[place].op, Op::Input(_) | Op::Weight(_) | Op::Scalar(_)));
        kept.iter().enumerate().for_each(|(place, &before)| now[before] = place);
        let moved = |place: &Place| Node {
            inputs: self.nodes[*place].inputs.iter().map(|&input| now[input]).collect(),
            ..self.nodes[*place].clone()
        };
        self.nodes = kept.iter().map(moved).collect();
        self.outputs.iter_mut().for_each(|(_, place)| *place = now[*place]);
        let used: BTreeSet<String> = self.nodes.iter().flat_map(Node::weights).collect();
        self.weights.retain(|name, _| used.contains(name));
    }

    /// The number of values among the weights.
    pub fn size(&self) -> usize {
        self.weights.values().map(|tensor| numel(&tensor.shape)).sum()
    }

    /// How many nodes and outputs use each node.
    pub fn uses(&self) -> Vec<usize> {
        let mut uses = vec![0; self.nodes.len()];
        let inputs = self.nodes.iter().flat_map(|node| &node.inputs);
        inputs.chain(self.outputs.iter().map(|(_, place)| place)).for_each(|&place| uses[place] += 1);
        uses
    }
}

/// The shape of what two shapes repeat to.
fn both(a: &[usize], b: &[usize]) -> Shape {
    let (long, short) = if a.len() < b.len() { (b, a) } else { (a, b) };
    let missing = long.len() - short.len();
    let extent = |axis: usize| if axis < missing { 1 } else { short[axis - missing] };
    long.iter().enumerate().map(|(axis, &n)| n.max(extent(axis))).collect()
}
