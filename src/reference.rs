//! The f64 interpreter of a graph: node by node, by plain loops. Every kernel, every fusion and every gradient is
//! checked against it.

use std::collections::HashMap;

use crate::{
    graph::{Composite, Form, Graph, Id, Node, Op, Optimizer, Role, Var, numel, without},
    kernels::{
        Buffers, Chain, Clock, Conv2d, Conv2dFilter, ConvTranspose2d, Gather, Geometry, Io, Kernel, MatMul, Random,
        chain::Code, gather::DataLayout,
    },
};

/// The interpreter: the states, inputs and data of a graph.
#[derive(Clone, Debug, Default)]
pub struct Reference {
    /// Flat contents of state groups and moments, by buffer name.
    pub states: HashMap<String, Vec<f64>>,
    /// Contents of the graph's inputs, by name.
    pub inputs: HashMap<String, Vec<f64>>,
    /// Number of rounds done, and the seed.
    pub clock: Clock,
    /// The data set: its layout, its packed items and its classes.
    pub data: Option<(DataLayout, Vec<u32>, Vec<u32>)>,
}

impl Reference {
    /// Runs the graph once: returns the value of every node, and updates the states.
    pub fn run(&mut self, graph: &Graph) -> Vec<Vec<f64>> {
        let mut values: Vec<Vec<f64>> = vec![];
        for node in graph.nodes() {
            let value = self.eval(graph, &node, &values);
            values.push(value);
        }
        self.clock.step += 1;
        values
    }

    /// The value of one tensor. Evaluates only the nodes that it depends on, and changes no state.
    pub fn value(&self, t: Var) -> Vec<f64> {
        let graph = t.graph();
        let nodes = graph.nodes();
        let mut wanted = vec![false; t.id() + 1];
        wanted[t.id()] = true;
        for id in (0..=t.id()).rev().filter(|&id| wanted[id]).collect::<Vec<_>>() {
            mark(&nodes, id, &mut wanted);
        }
        let mut this = self.clone();
        let mut values = vec![];
        for id in 0..=t.id() {
            let value = if wanted[id] { this.eval(graph, &nodes[id], &values) } else { vec![] };
            values.push(value);
        }
        values.pop().unwrap_or_default()
    }

    fn eval(&mut self, graph: &Graph, node: &Node, values: &[Vec<f64>]) -> Vec<f64> {
        let x = |i: usize| &values[node.inputs[i]];
        let shape_of = |i: usize| graph.at(node.inputs[i]).shape();
        let shape = &node.shape;
        match &node.op {
            Op::Const(c) => vec![c.get()],
            Op::Input(name) => self.inputs[name].clone(),
            Op::State { group, item, .. } => {
                let g = &graph.groups()[*group];
                let (offset, shape) = g.span(*item);
                let flat = self.states.entry(g.name.clone()).or_insert_with(|| vec![0.0; g.len]);
                flat[offset..offset + numel(&shape)].to_vec()
            }
            Op::Random { stream, dist, .. } => {
                run(Random::of(*stream, *dist, numel(shape)), &[], &[&self.clock.words()])
            }
            Op::Batch { draw, field } => {
                let (data, items, classes) = self.data.as_ref().expect("a data set for the batches");
                let (draws, batch) = (graph.draws(draw.among), shape[0]);
                let kernel = Gather { field: *field, draw: *draw, draws, batch, parts: 1, data: *data };
                run(kernel, &[], &[&self.clock.words(), items, classes])
            }
            Op::Clock => vec![self.clock.step as f64],
            Op::Arange => (0..numel(shape)).map(|n| n as f64).collect(),
            Op::Add => x(0).iter().zip(x(1)).map(|(a, b)| a + b).collect(),
            Op::Mul => x(0).iter().zip(x(1)).map(|(a, b)| a * b).collect(),
            Op::Map(f) => {
                let (code, c) = Code::of(*f);
                x(0).iter().map(|&a| code.apply(a, a, c)).collect()
            }
            Op::Sum(axes) => reduce(x(0), &shape_of(0), axes, 0.0, |a, b| a + b),
            Op::Max(axes) => reduce(x(0), &shape_of(0), axes, f64::NEG_INFINITY, f64::max),
            Op::Broadcast(axes) => indices(shape).map(|i| x(0)[flat(&without(&i, axes), &shape_of(0))]).collect(),
            Op::Slice(start) => {
                let from = shape_of(0);
                indices(shape)
                    .map(|i| x(0)[flat(&i.iter().zip(start).map(|(i, s)| i + s).collect::<Vec<_>>(), &from)])
                    .collect()
            }
            Op::Pad(before) => {
                let mut y = vec![0.0; numel(shape)];
                for (i, v) in indices(&shape_of(0)).zip(x(0)) {
                    y[flat(&i.iter().zip(before).map(|(i, b)| i + b).collect::<Vec<_>>(), shape)] = *v;
                }
                y
            }
            Op::Reshape | Op::Detach | Op::Whole => x(0).clone(),
            Op::Permute(perm) => {
                let from = shape_of(0);
                let source = |i: Vec<usize>| {
                    let mut j = vec![0; i.len()];
                    perm.iter().enumerate().for_each(|(a, &p)| j[p] = i[a]);
                    x(0)[flat(&j, &from)]
                };
                indices(shape).map(source).collect()
            }
            Op::Contract { form, role } => contract(*form, *role, [x(0), x(1)], [&shape_of(0), &shape_of(1)], shape),
            Op::Composite(c) => Self::composite(c, node, graph, values),
            Op::Pack { group } => {
                let g = &graph.groups()[*group];
                let mut y = vec![0.0; g.len];
                for (item, i) in g.items.iter().enumerate() {
                    y[i.offset..i.offset + numel(&i.shape)].copy_from_slice(x(item));
                }
                y
            }
            Op::Update { group, optimizer, .. } => {
                let reads = (0..node.inputs.len()).map(|i| x(i).as_slice()).collect();
                self.update(&graph.groups()[*group].name, *optimizer, reads);
                vec![]
            }
            Op::Assign { group, item } => {
                let g = &graph.groups()[*group];
                let (offset, shape) = g.span(*item);
                let flat = self.states.entry(g.name.clone()).or_insert_with(|| vec![0.0; g.len]);
                flat[offset..offset + numel(&shape)].copy_from_slice(x(0));
                vec![]
            }
        }
    }

    /// Evaluates a composite by its definition, in a graph of its own.
    fn composite(c: &Composite, node: &Node, graph: &Graph, values: &[Vec<f64>]) -> Vec<f64> {
        let inner = Graph::new();
        let names: Vec<String> = (0..node.inputs.len()).map(|i| i.to_string()).collect();
        let inputs: Vec<Var> =
            names.iter().zip(&node.inputs).map(|(n, &i)| inner.input(n, &graph.at(i).shape())).collect();
        let contents = names.iter().zip(&node.inputs).map(|(n, &i)| (n.clone(), values[i].clone())).collect();
        Self { inputs: contents, ..Default::default() }.value(c.define(&inputs))
    }

    fn update(&mut self, group: &str, optimizer: Optimizer, reads: Vec<&[f64]>) {
        let names: Vec<String> = std::iter::once(group.to_string())
            .chain(optimizer.moments().iter().map(|m| format!("{group}.{m}")))
            .collect();
        let len = reads[0].len();
        let mut flats: Vec<Vec<f64>> =
            names.iter().map(|n| self.states.remove(n).unwrap_or_else(|| vec![0.0; len])).collect();
        let writes = flats.iter_mut().map(|f| f.as_mut_slice()).collect();
        let io = Io { reads, words: vec![], writes, words_out: vec![], operands: vec![] };
        Kernel::update(optimizer, len).reference(io);
        self.states.extend(names.into_iter().zip(flats));
    }
}

fn mark(nodes: &[Node], id: Id, wanted: &mut [bool]) {
    for &i in &nodes[id].inputs {
        if !wanted[i] {
            wanted[i] = true;
            mark(nodes, i, wanted);
        }
    }
}

/// Runs the reference of a kernel that has one output.
fn run(kernel: impl Into<Kernel>, reads: &[&[f64]], words: &[&[u32]]) -> Vec<f64> {
    let kernel = kernel.into();
    let Buffers { writes, .. } = kernel.buffers();
    let mut y = vec![0.0; writes[0]];
    kernel.reference(Io {
        reads: reads.to_vec(),
        words: words.to_vec(),
        writes: vec![&mut y],
        words_out: vec![],
        operands: vec![],
    });
    y
}

fn contract(form: Form, role: Role, x: [&[f64]; 2], shapes: [&[usize]; 2], shape: &[usize]) -> Vec<f64> {
    let chain = Chain::default;
    match form {
        Form::MatMul => {
            let r = shape.len();
            let (a, b, a_transposed, b_transposed) = match role {
                Role::Y => (0, 1, false, false),
                Role::X => (1, 0, false, true),
                Role::W => (0, 1, true, false),
            };
            let k = shapes[a][if a_transposed { r - 2 } else { r - 1 }];
            let (batch, m, n) = (numel(&shape[..r - 2]), shape[r - 2], shape[r - 1]);
            run(MatMul { batch, m, n, k, a_transposed, b_transposed, chain: chain() }, &[x[a], x[b]], &[])
        }
        Form::Conv2d { stride, pad } => {
            let (xs, ws, ys) = match role {
                Role::X => (shape, shapes[0], shapes[1]),
                Role::W => (shapes[0], shape, shapes[1]),
                Role::Y => (shapes[0], shapes[1], shape),
            };
            let geometry = Geometry::of(xs, ws, ys, stride, pad);
            match role {
                Role::X => run(ConvTranspose2d { geometry, chain: chain() }, &[x[1], x[0]], &[]),
                Role::W => run(Conv2dFilter { geometry, splits: 1 }, &x, &[]),
                Role::Y => run(Conv2d { geometry, chain: chain() }, &x, &[]),
            }
        }
    }
}

fn reduce(x: &[f64], shape: &[usize], axes: &[usize], start: f64, f: impl Fn(f64, f64) -> f64) -> Vec<f64> {
    let kept = without(shape, axes);
    let mut y = vec![start; numel(&kept)];
    for (i, v) in indices(shape).zip(x) {
        let o = flat(&without(&i, axes), &kept);
        y[o] = f(y[o], *v);
    }
    y
}

/// Every multi-index of a shape, in row-major order.
fn indices(shape: &[usize]) -> impl Iterator<Item = Vec<usize>> + use<> {
    let shape = shape.to_vec();
    (0..numel(&shape)).map(move |n| (0..shape.len()).map(|a| n / numel(&shape[a + 1..]) % shape[a]).collect())
}

fn flat(index: &[usize], shape: &[usize]) -> usize {
    index.iter().zip(shape).fold(0, |n, (i, extent)| n * extent + i)
}
