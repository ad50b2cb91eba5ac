//! From a graph to a network: layers are recognised, constants computed, repetitions left to sums and products.

use std::collections::{BTreeMap, HashMap};

use super::{
    network::{Layer, Network, Op, Place},
    open::{Input, Kind, live},
    weights::Weights,
};
use crate::{
    checkpoint::{Checkpoint, Tensor},
    error::{Error, Result},
    graph::{self, Composite, Form, Graph, Id, Map, Role, Var},
};

/// The network of a graph with the weights of a checkpoint; the graph is [`opened`](super::open::opened), for
/// [`BATCH`](super::network::BATCH) examples. `kind` says what each input holds. What comes after an input of its name
/// is called so: `h0_next`.
///
/// # Errors
/// States that the checkpoint does not have; what has no form in other programs.
pub fn lowered(name: &str, graph: &Graph, checkpoint: &Checkpoint, kind: impl Fn(&str) -> Kind) -> Result<Network> {
    let nodes = graph.nodes();
    let live = live(graph);
    let mut users = vec![vec![]; nodes.len()];
    let mut constant = vec![false; nodes.len()];
    for (id, node) in nodes.iter().enumerate().filter(|(id, _)| live[*id]) {
        node.inputs.iter().for_each(|&input| users[input].push(id));
        let is_open = node.shape.iter().any(|&extent| super::network::batches(extent).is_some());
        constant[id] = !is_open
            && match node.op {
                graph::Op::Const(_) | graph::Op::State { .. } | graph::Op::Arange => true,
                _ => !node.inputs.is_empty() && node.inputs.iter().all(|&input| constant[input]),
            };
    }
    let weights = Weights::of(graph, checkpoint);
    let network = Network { name: name.into(), ..Default::default() };
    let (here, tapes, reaching, plain) = Default::default();
    let mut lowering = Lowering { graph, nodes, users, constant, weights, network, here, tapes, reaching, plain };
    lowering.look_ahead(&live);
    for id in (0..live.len()).filter(|&id| live[id]) {
        lowering.lower(id, &kind)?;
    }
    for (name, id) in graph.outputs() {
        let place = lowering.whole(id)?;
        let follows = lowering.network.inputs.iter().any(|input| input.name == name);
        lowering.network.outputs.push((if follows { format!("{name}_next") } else { name }, place));
    }
    let Lowering { mut network, mut weights, plain, .. } = lowering;
    network.tidy();
    // What is drawn comes last, and can be left out in other programs.
    network.inputs.sort_by_key(|input| match (input.kind, input.name.as_str()) {
        (Kind::Noise(_), name) if name != "z" => 2,
        (_, "x" | "z") => 0,
        _ => 1,
    });
    for node in &network.nodes {
        if let Op::Weight(name) = &node.op {
            network.weights.insert(name.clone(), weights.tensor(plain[name])?);
        }
    }
    Ok(network)
}

/// A graph on its way to a network.
pub(super) struct Lowering<'a> {
    pub graph: &'a Graph,
    pub nodes: Vec<graph::Node>,
    /// The live nodes that read each node.
    users: Vec<Vec<Id>>,
    /// Whether a node depends on nothing but states.
    pub constant: Vec<bool>,
    pub weights: Weights<'a>,
    pub network: Network,
    /// The place of each node so far, perhaps with fewer repetitions than the node has.
    here: HashMap<Id, Place>,
    /// The places of the results of recurrent layers: all that such a node holds are its states.
    pub tapes: HashMap<Id, Place>,
    /// The weights by which inputs reach each recurrent layer, which its recurrent weight stands for, and whether each
    /// is used transposed.
    pub reaching: HashMap<Id, BTreeMap<Id, bool>>,
    /// The node of each weight that belongs to no layer.
    plain: BTreeMap<String, Id>,
}

impl<'a> Lowering<'a> {
    /// A node as the graph has it.
    pub fn at(&self, id: Id) -> Var<'a> {
        self.graph.at(id)
    }

    fn is_scalar(&self, id: Id, value: f64) -> bool {
        self.at(id).constant() == Some(value)
    }

    /// The place of a node, perhaps with fewer repetitions.
    pub fn place(&mut self, id: Id) -> Result<Place> {
        if let Some(&place) = self.here.get(&id) {
            return Ok(place);
        }
        let place = match self.at(id).constant() {
            Some(value) => self.network.add(Op::Scalar(value), &[], vec![]),
            None if self.constant[id] => {
                let mut name = self.weights.name(id);
                let is_input = self.nodes.iter().any(|node| node.op == graph::Op::Input(name.clone()));
                if is_input || self.graph.outputs().iter().any(|(output, _)| *output == name) {
                    name += if self.nodes[id].shape.len() == 1 { "_bias" } else { "_weight" };
                }
                self.plain.insert(name.clone(), id);
                self.network.add(Op::Weight(name), &[], self.nodes[id].shape.clone())
            }
            None => return Err(no_form(&format!("{:?}", self.nodes[id].op))),
        };
        self.here.insert(id, place);
        Ok(place)
    }

    /// The place of a node with all its repetitions.
    pub fn whole(&mut self, id: Id) -> Result<Place> {
        let place = self.place(id)?;
        Ok(self.network.whole(place, &self.nodes[id].shape))
    }

    fn lower(&mut self, id: Id, kind: &impl Fn(&str) -> Kind) -> Result<()> {
        // Constants get a place where they are read, and what is part of a layer gets none.
        if self.constant[id] || self.at(id).constant().is_some() {
            return Ok(());
        }
        let graph::Node { op, inputs, shape } = self.nodes[id].clone();
        let place = match &op {
            graph::Op::Input(name) => {
                self.network.inputs.push(Input { name: name.clone(), shape: shape.clone(), kind: kind(name) });
                self.network.add(Op::Input(name.clone()), &[], shape)
            }
            graph::Op::Add | graph::Op::Mul => match self.as_layer(id)? {
                Some(place) => place,
                None => {
                    let both = [self.place(inputs[0])?, self.place(inputs[1])?];
                    self.network.pointwise(if op == graph::Op::Add { Op::Add } else { Op::Mul }, both)
                }
            },
            graph::Op::Map(map) => {
                let x = self.place(inputs[0])?;
                self.network.map(*map, x)
            }
            graph::Op::Max(axes) => match self.argmax(id) {
                Some(x) => {
                    let x = self.whole(x)?;
                    self.network.add(Op::Argmax, &[x], shape)
                }
                None => self.plain(Op::Max(axes.clone()), &inputs, shape)?,
            },
            graph::Op::Sum(axes) => self.plain(Op::Sum(axes.clone()), &inputs, shape)?,
            graph::Op::Broadcast(axes) => self.broadcast(inputs[0], axes, &shape)?,
            graph::Op::Slice(start) => match self.of_tape(inputs[0], start[0], shape[0]) {
                Some(place) => {
                    self.tapes.insert(id, place);
                    place
                }
                None if self.tapes.contains_key(&inputs[0]) => return Ok(()),
                None => self.plain(Op::Slice(start.clone()), &inputs, shape)?,
            },
            graph::Op::Reshape => {
                let x = match self.tapes.get(&inputs[0]) {
                    Some(&place) => place,
                    None => self.whole(inputs[0])?,
                };
                self.network.reshape(x, &shape)
            }
            graph::Op::Detach => self.place(inputs[0])?,
            graph::Op::Pad(start) => self.plain(Op::Pad(start.clone()), &inputs, shape)?,
            graph::Op::Permute(axes) => self.plain(Op::Permute(axes.clone()), &inputs, shape)?,
            graph::Op::Contract { form, role } => self.contract(*form, *role, &inputs, shape)?,
            graph::Op::Composite(Composite::Softmax) => self.plain(Op::Softmax, &inputs, shape)?,
            graph::Op::Composite(Composite::BatchNorm { eps, .. }) if self.constant[inputs[1]] => {
                self.batch_norm(&inputs, eps.get(), shape)?
            }
            graph::Op::Composite(Composite::Moments { .. }) => return Ok(()),
            graph::Op::Composite(Composite::Normalize { axes, eps }) if self.is_by_row(&inputs, axes) => {
                self.plain(Op::LayerNorm(eps.get()), &inputs[..1], shape)?
            }
            graph::Op::Composite(Composite::Rows) if self.constant[inputs[1]] => {
                let x = self.one_hot(inputs[0], self.nodes[inputs[1]].shape[0])?;
                let table = self.whole(inputs[1])?;
                self.network.add(Op::MatMul([false; 2]), &[x, table], shape)
            }
            graph::Op::Composite(Composite::Lstm { .. } | Composite::Gru { .. }) => {
                let place = self.recurrent(id)?;
                self.tapes.insert(id, place);
                return Ok(());
            }
            other => return Err(no_form(&format!("{other:?}"))),
        };
        self.here.insert(id, place);
        Ok(())
    }

    /// An operation on whole inputs.
    fn plain(&mut self, op: Op, inputs: &[Id], shape: Vec<usize>) -> Result<Place> {
        let inputs = inputs.iter().map(|&input| self.whole(input)).collect::<Result<Vec<_>>>()?;
        Ok(self.network.add(op, &inputs, shape))
    }

    /// New axes, of extent 1; those in front of all others are implied.
    fn broadcast(&mut self, x: Id, axes: &[usize], shape: &[usize]) -> Result<Place> {
        let place = self.place(x)?;
        if axes.iter().enumerate().all(|(n, &axis)| n == axis) {
            return Ok(place);
        }
        let place = self.network.whole(place, &self.nodes[x].shape);
        let thin: Vec<usize> =
            (0..shape.len()).map(|axis| if axes.contains(&axis) { 1 } else { shape[axis] }).collect();
        Ok(self.network.reshape(place, &thin))
    }

    /// A layer's bias, or one tensor behind another, where a sum is one.
    fn as_layer(&mut self, id: Id) -> Result<Option<Place>> {
        let graph::Node { op, inputs, shape } = self.nodes[id].clone();
        if op != graph::Op::Add {
            return Ok(None);
        }
        if let Some((axis, parts)) = self.joined(id) {
            let parts = parts.into_iter().map(|part| self.whole(part)).collect::<Result<Vec<_>>>()?;
            return Ok(Some(self.network.add(Op::Concat(axis), &parts, shape)));
        }
        for [layer, bias] in [[0, 1], [1, 0]].map(|order| order.map(|n| inputs[n])) {
            let (graph::Op::Broadcast(axes), true) = (&self.nodes[bias].op, self.users[layer].len() == 1) else {
                continue;
            };
            let values = self.nodes[bias].inputs[0];
            if !self.constant[values] || axes.contains(&1) || axes.len() + 1 != shape.len() {
                continue;
            }
            let Some(node) = self.here.get(&layer).map(|&place| self.network.nodes[place].clone()) else { continue };
            let with = |layer: &Layer| Layer { bias: true, ..layer.clone() };
            let op = match &node.op {
                Op::Dense(layer) if !layer.bias => Op::Dense(with(layer)),
                Op::Conv(layer, stride, pad) if !layer.bias => Op::Conv(with(layer), *stride, *pad),
                Op::ConvTranspose(layer, stride, pad) if !layer.bias => Op::ConvTranspose(with(layer), *stride, *pad),
                _ => continue,
            };
            let name = node.layer().unwrap_or_default().to_string();
            let values = self.weights.tensor(values)?;
            self.network.weights.insert(format!("{name}.bias"), values);
            return Ok(Some(self.network.add(op, &node.inputs, shape)));
        }
        Ok(None)
    }

    /// The parts that a sum joins along an axis: each is padded with zeros where the others are.
    fn joined(&self, id: Id) -> Option<(usize, Vec<Id>)> {
        let graph::Node { op: graph::Op::Add, inputs, shape } = &self.nodes[id] else { return None };
        let part = |id: Id| match &self.nodes[id].op {
            graph::Op::Pad(start) => {
                let inner = self.nodes[id].inputs[0];
                let from = &self.nodes[inner].shape;
                let mut axes = (0..shape.len()).filter(|&axis| from[axis] != shape[axis]);
                let axis = axes.next()?;
                axes.next().is_none().then(|| (axis, start[axis], from[axis], inner))
            }
            _ => None,
        };
        let (mut a, mut b) = (part(inputs[0])?, part(inputs[1])?);
        if a.1 > b.1 {
            (a, b) = (b, a);
        }
        let fits = a.0 == b.0 && a.1 == 0 && a.2 == b.1 && b.1 + b.2 == shape[a.0];
        fits.then(|| {
            let parts = [a.3, b.3].into_iter().flat_map(|inner| match self.joined(inner) {
                Some((axis, parts)) if axis == a.0 => parts,
                _ => vec![inner],
            });
            (a.0, parts.collect())
        })
    }

    fn contract(&mut self, form: Form, role: Role, inputs: &[Id], shape: Vec<usize>) -> Result<Place> {
        let [a, b] = [inputs[0], inputs[1]];
        match (form, role) {
            (Form::MatMul, Role::X) if self.weights.is_layer(a) && shape.len() == 2 => {
                let (layer, x) = (self.layer(a)?, self.whole(b)?);
                Ok(self.network.add(Op::Dense(layer), &[x], shape))
            }
            (Form::MatMul, role) => {
                let (from, transposed) = match role {
                    Role::Y => ([a, b], [false, false]),
                    Role::X => ([b, a], [false, true]),
                    Role::W => ([a, b], [true, false]),
                };
                self.plain(Op::MatMul(transposed), &from, shape)
            }
            (Form::Conv2d { stride, pad }, Role::Y | Role::X) => {
                let (x, w) = if role == Role::Y { (a, b) } else { (b, a) };
                let (small, large) =
                    if role == Role::Y { (&shape, &self.nodes[x].shape) } else { (&self.nodes[x].shape, &shape) };
                let filter = &self.nodes[w].shape;
                let is_even = (2..4).all(|axis| {
                    let reach = large[axis] + 2 * pad[axis - 2] - filter[axis];
                    let exact = role == Role::Y || reach.is_multiple_of(stride[axis - 2]);
                    exact && reach / stride[axis - 2] + 1 == small[axis]
                });
                if !self.weights.is_layer(w) || !is_even {
                    return Err(no_form("a convolution whose padding differs from side to side"));
                }
                let (layer, x) = (self.layer(w)?, self.whole(x)?);
                let op = if role == Role::Y { Op::Conv } else { Op::ConvTranspose };
                Ok(self.network.add(op(layer, stride, pad), &[x], shape))
            }
            (Form::Conv2d { .. }, Role::W) => Err(no_form("the gradient of a filter")),
        }
    }

    /// The layer of a weight, without a bias so far.
    fn layer(&mut self, weight: Id) -> Result<Layer> {
        let name = self.weights.layer(weight);
        let tensor = self.weights.tensor(weight)?;
        self.network.weights.insert(format!("{name}.weight"), tensor);
        Ok(Layer { name, bias: false })
    }

    fn batch_norm(&mut self, inputs: &[Id], eps: f64, shape: Vec<usize>) -> Result<Place> {
        let name = self.weights.layer(inputs[2]);
        let moments = self.weights.tensor(inputs[1])?;
        let channels = moments.shape[1];
        let row = |n: usize| Tensor { shape: vec![channels], data: moments.data[n * channels..][..channels].to_vec() };
        let parts = [
            ("weight", self.weights.tensor(inputs[2])?),
            ("bias", self.weights.tensor(inputs[3])?),
            ("running_mean", row(0)),
            ("running_var", row(1)),
        ];
        self.network.weights.extend(parts.map(|(part, tensor)| (format!("{name}.{part}"), tensor)));
        let x = self.whole(inputs[0])?;
        Ok(self.network.add(Op::BatchNorm(name, eps), &[x], shape))
    }

    /// Whether x is normalised by its own moments over all axes but the first.
    fn is_by_row(&self, inputs: &[Id], axes: &[usize]) -> bool {
        let moments = &self.nodes[inputs[1]];
        let is_own = moments.op == graph::Op::Composite(Composite::Moments { axes: axes.to_vec() });
        is_own && moments.inputs == inputs[..1] && axes.iter().copied().eq(1..self.nodes[inputs[0]].shape.len())
    }

    /// Numbers of symbols as vectors of `count` values. The number -1 is the last one: where the graph says so itself,
    /// the numbers are taken as they were before.
    pub fn one_hot(&mut self, numbers: Id, count: usize) -> Result<Place> {
        let x = self.whole(self.before_start(numbers, count).unwrap_or(numbers))?;
        let x = self.network.reshape(x, &self.nodes[numbers].shape);
        let shape = [self.network.shape(x), &[count]].concat();
        Ok(self.network.add(Op::OneHot(count), &[x], shape))
    }

    /// x, where a node is x + count (1 - [|x + 1| > 0]).
    fn before_start(&self, id: Id, count: usize) -> Option<Id> {
        let terms = |id: Id, op: graph::Op| (self.nodes[id].op == op).then(|| self.nodes[id].inputs.clone());
        let of = |id: Id, op: graph::Op, value: f64| {
            let inputs = terms(id, op)?;
            self.is_scalar(inputs[1], value).then_some(inputs[0])
        };
        let map = |id: Id, map: Map| (self.nodes[id].op == graph::Op::Map(map)).then(|| self.nodes[id].inputs[0]);
        let id = if self.nodes[id].op == graph::Op::Reshape { self.nodes[id].inputs[0] } else { id };
        let sum = terms(id, graph::Op::Add)?;
        [[sum[0], sum[1]], [sum[1], sum[0]]].into_iter().find_map(|[x, start]| {
            let is_start = of(start, graph::Op::Mul, count as f64)?;
            let is_other = of(of(is_start, graph::Op::Add, 1.0)?, graph::Op::Mul, -1.0)?;
            let moved = map(map(is_other, Map::IsPositive)?, Map::Abs)?;
            (of(moved, graph::Op::Add, 1.0)? == x).then_some(x)
        })
    }

    /// x, where a node is the place of the greatest value of x along the last axis; see [`crate::models::greatest`].
    fn argmax(&self, id: Id) -> Option<Id> {
        let node = |id: Id| &self.nodes[id];
        let [product] = node(id).inputs[..] else { return None };
        let graph::Op::Mul = node(product).op else { return None };
        let has_places = |id: Id| {
            matches!(node(id).op, graph::Op::Broadcast(_)) && {
                matches!(node(node(id).inputs[0]).op, graph::Op::Arange)
            }
        };
        let [a, b] = node(product).inputs[..] else { return None };
        let is_greatest = if has_places(b) {
            a
        } else if has_places(a) {
            b
        } else {
            return None;
        };
        // 1 - [max - x > 0]
        let inner = node(node(is_greatest).inputs.first().copied()?).inputs.first().copied()?;
        let graph::Op::Map(Map::IsPositive) = node(inner).op else { return None };
        let difference = node(inner).inputs[0];
        let negative = node(difference).inputs.iter().copied().find(|&term| node(term).op == graph::Op::Mul)?;
        let (x, minus) = (node(negative).inputs[0], node(negative).inputs[1]);
        let peaks = node(difference).inputs.iter().copied().find(|&term| term != negative)?;
        let peak = node(peaks).inputs.first().copied()?;
        let last = node(x).shape.len() - 1;
        let is_it = self.is_scalar(minus, -1.0) && node(peak).op == graph::Op::Max(vec![last]);
        (is_it && node(peak).inputs == [x]).then_some(x)
    }
}

/// What has no form in other programs.
pub(super) fn no_form(what: &str) -> Error {
    Error::failure(format!("this model has {what}, for which the export has no form"))
}
