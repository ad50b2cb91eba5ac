//! The operators of each node.

use super::{FLOAT, INT64, Writer, float, floats, integer, list, tensor, text, whole};
use crate::{
    checkpoint::Tensor,
    export::{Cell, Kind, Layer, Op, Place},
    graph::{Map, Reset},
};

impl Writer<'_> {
    /// Adds the operators of a node.
    pub(super) fn emit(&mut self, place: Place) {
        let network = self.network;
        let node = &network.nodes[place];
        let y = &self.names[place].clone();
        let inputs: Vec<String> = node.inputs.iter().map(|&input| self.names[input].clone()).collect();
        let x: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let from = |n: usize| network.shape(node.inputs[n]);
        match &node.op {
            Op::Input(name) => {
                let kind = network.inputs.iter().find(|input| input.name == *name).map(|input| input.kind);
                match kind {
                    Some(Kind::Noise(dist)) if self.draws(Kind::Noise(dist)) => self.draw(name, dist, &node.shape),
                    _ => {}
                }
            }
            Op::Weight(name) => self.initializer(name, &network.weights[name]),
            Op::Scalar(value) => self.names[place] = self.number(*value),
            Op::Full(value) => {
                let shape = self.shape(&node.shape);
                let value = tensor("value", &floats(&[1], &[*value as f32]));
                self.op("ConstantOfShape", &[&shape], y, &[value]);
            }
            Op::Add => self.op("Add", &x, y, &[]),
            Op::Mul => self.op("Mul", &x, y, &[]),
            Op::Map(map) => self.map(*map, x[0], y),
            Op::Sum(axes) | Op::Max(axes) => {
                let axes = self.integers(&axes.iter().map(|&axis| axis as i64).collect::<Vec<_>>());
                let kind = if let Op::Sum(_) = node.op { "ReduceSum" } else { "ReduceMax" };
                self.op(kind, &[x[0], &axes], y, &[integer("keepdims", 0)]);
            }
            Op::Reshape => {
                let shape = self.integers(&whole(&node.shape));
                self.op("Reshape", &[x[0], &shape], y, &[]);
            }
            Op::Expand => {
                // An extent of 1 leaves an axis as it is.
                let missing = node.shape.len() - from(0).len();
                let is_there = |axis: usize| axis >= missing && from(0)[axis - missing] == node.shape[axis];
                let shape = (0..node.shape.len()).map(|axis| if is_there(axis) { 1 } else { node.shape[axis] });
                let shape = self.shape(&shape.collect::<Vec<_>>());
                self.op("Expand", &[x[0], &shape], y, &[]);
            }
            Op::Permute(axes) => self.op("Transpose", &x, y, &[list("perm", &whole(axes))]),
            Op::Slice(start) => {
                let cut: Vec<usize> = (0..start.len()).filter(|&axis| node.shape[axis] != from(0)[axis]).collect();
                let part =
                    |value: &dyn Fn(usize) -> usize| cut.iter().map(|&axis| value(axis) as i64).collect::<Vec<_>>();
                let starts = self.integers(&part(&|axis| start[axis]));
                let ends = self.integers(&part(&|axis| start[axis] + node.shape[axis]));
                let axes = self.integers(&part(&|axis| axis));
                self.op("Slice", &[x[0], &starts, &ends, &axes], y, &[]);
            }
            Op::Pad(start) => {
                let end = (0..start.len()).map(|axis| node.shape[axis] - start[axis] - from(0)[axis]);
                let pads: Vec<i64> = start.iter().copied().chain(end).map(|n| n as i64).collect();
                let pads = self.integers(&pads);
                self.op("Pad", &[x[0], &pads], y, &[]);
            }
            Op::Concat(axis) => self.op("Concat", &x, y, &[integer("axis", *axis as i64)]),
            Op::Index { axis, at } => {
                let at = self.constant(super::integers(&[], &[*at as i64]));
                self.op("Gather", &[x[0], &at], y, &[integer("axis", *axis as i64)]);
            }
            Op::MatMul(turned) if from(0).len() == 2 && turned.contains(&true) => {
                let turned = ["transA", "transB"].iter().zip(turned).map(|(name, turn)| integer(name, (*turn).into()));
                self.op("Gemm", &x, y, &turned.collect::<Vec<_>>());
            }
            Op::MatMul(turned) => {
                let mut factors = inputs.clone();
                for n in (0..2).filter(|&n| turned[n]) {
                    let mut axes: Vec<usize> = (0..from(n).len()).collect();
                    let last = axes.len() - 1;
                    axes.swap(last, last - 1);
                    factors[n] = format!("{y}_turned{n}");
                    self.op("Transpose", &[x[n]], &factors[n], &[list("perm", &whole(&axes))]);
                }
                self.op("MatMul", &[&factors[0], &factors[1]], y, &[]);
            }
            Op::Dense(layer) => self.layer("Gemm", layer, x[0], y, &[integer("transB", 1)]),
            Op::Conv(layer, stride, pad) => {
                self.layer("Conv", layer, x[0], y, &[list("strides", &whole(stride)), list("pads", &both(pad))]);
            }
            Op::ConvTranspose(layer, stride, pad) => {
                let attributes = [list("strides", &whole(stride)), list("pads", &both(pad))];
                self.layer("ConvTranspose", layer, x[0], y, &attributes);
            }
            Op::BatchNorm(name, eps) => {
                let parts = ["weight", "bias", "running_mean", "running_var"].map(|part| self.weight(name, part));
                let inputs = [x[0], &parts[0], &parts[1], &parts[2], &parts[3]];
                self.op("BatchNormalization", &inputs, y, &[float("epsilon", *eps as f32)]);
            }
            Op::LayerNorm(eps) => {
                let axes = self.integers(&(1..node.shape.len() as i64).collect::<Vec<_>>());
                let eps = self.number(*eps);
                let part = |name: &str| format!("{y}_{name}");
                let [mean, centred, square, variance] = ["mean", "centred", "square", "variance"].map(part);
                let [guarded, deviation] = ["guarded", "deviation"].map(part);
                self.op("ReduceMean", &[x[0], &axes], &mean, &[]);
                self.op("Sub", &[x[0], &mean], &centred, &[]);
                self.op("Mul", &[&centred, &centred], &square, &[]);
                self.op("ReduceMean", &[&square, &axes], &variance, &[]);
                self.op("Add", &[&variance, &eps], &guarded, &[]);
                self.op("Sqrt", &[&guarded], &deviation, &[]);
                self.op("Div", &[&centred, &deviation], y, &[]);
            }
            Op::Softmax => self.op("Softmax", &x, y, &[integer("axis", -1)]),
            Op::Argmax => {
                let place = format!("{y}_place");
                let attributes = [integer("axis", -1), integer("keepdims", 0), integer("select_last_index", 1)];
                self.op("ArgMax", &x, &place, &attributes);
                self.op("Cast", &[&place], y, &[integer("to", FLOAT)]);
            }
            Op::OneHot(count) => {
                let (numbers, count) = (format!("{y}_numbers"), self.integers(&[*count as i64]));
                let values = self.constant(floats(&[2], &[0.0, 1.0]));
                self.op("Cast", &x, &numbers, &[integer("to", INT64)]);
                self.op("OneHot", &[&numbers, &count, &values], y, &[]);
            }
            Op::Recurrent { layer, cell, reverse } => self.recurrent(layer, *cell, *reverse, &x, y),
            Op::Cells => {
                let cells = format!("{}_cells", x[0]);
                self.op("Identity", &[&cells], y, &[]);
            }
        }
    }

    /// The name of a layer's weight, which becomes an initializer if it is none yet.
    fn weight(&mut self, layer: &str, part: &str) -> String {
        let name = format!("{layer}.{part}");
        if self.known.insert(name.clone().into_bytes(), name.clone()).is_none() {
            self.initializer(&name, &self.network.weights[&name]);
        }
        name
    }

    fn layer(&mut self, kind: &str, layer: &Layer, x: &str, y: &str, attributes: &[crate::protobuf::Message]) {
        let (weight, bias) = (self.weight(&layer.name, "weight"), layer.bias.then(|| self.weight(&layer.name, "bias")));
        let inputs: Vec<&str> = [x, &weight].into_iter().chain(bias.as_deref()).collect();
        self.op(kind, &inputs, y, attributes);
    }

    fn map(&mut self, map: Map, x: &str, y: &str) {
        let kind = match map {
            Map::Exp => "Exp",
            Map::Log => "Log",
            Map::Sqrt => "Sqrt",
            Map::Recip => "Reciprocal",
            Map::Tanh => "Tanh",
            Map::Sigmoid => "Sigmoid",
            Map::Softplus => "Softplus",
            Map::Abs => "Abs",
            Map::Sin => "Sin",
            Map::Cos => "Cos",
            Map::IsPositive => {
                let (zero, is) = (self.number(0.0), format!("{y}_is"));
                self.op("Greater", &[x, &zero], &is, &[]);
                return self.op("Cast", &[&is], y, &[integer("to", FLOAT)]);
            }
            Map::Leaky(slope) if slope.get() == 0.0 => "Relu",
            Map::Leaky(slope) => return self.op("LeakyRelu", &[x], y, &[float("alpha", slope.get() as f32)]),
            Map::Clamp(limit) => {
                let [low, high] = [-limit.get(), limit.get()].map(|limit| self.number(limit));
                return self.op("Clip", &[x, &low, &high], y, &[]);
            }
        };
        self.op(kind, &[x], y, &[]);
    }

    /// A recurrent layer. ONNX has the gates in another order: i, o, f, c and z, r, h.
    fn recurrent(&mut self, layer: &str, cell: Cell, reverse: bool, x: &[&str], y: &str) {
        let (kind, order): (_, &[usize]) =
            if cell == Cell::Lstm { ("LSTM", &[0, 3, 1, 2]) } else { ("GRU", &[1, 0, 2]) };
        let part = |name: &str| &self.network.weights[&format!("{layer}.{name}")];
        let units = part("weight_hh_l0").shape[1];
        let [input, hidden] = ["weight_ih_l0", "weight_hh_l0"].map(|name| {
            let tensor = part(name);
            let [rows, columns] = [tensor.shape[0], tensor.shape[1]];
            Tensor { shape: vec![1, rows, columns], data: ordered(&tensor.data, order, units * columns) }
        });
        let bias = ["bias_ih_l0", "bias_hh_l0"].map(|name| ordered(&part(name).data, order, units)).concat();
        let bias = Tensor { shape: vec![1, bias.len()], data: bias };
        let names = ["W", "R", "B"].map(|name| format!("{layer}.{name}"));
        for (name, tensor) in names.iter().zip([input, hidden, bias]) {
            if self.known.insert(name.clone().into_bytes(), name.clone()).is_none() {
                self.initializer(name, &tensor);
            }
        }
        let initial: Vec<String> = x[1..]
            .iter()
            .enumerate()
            .map(|(n, state)| {
                let (name, zero) = (format!("{y}_initial{n}"), self.integers(&[0]));
                self.op("Unsqueeze", &[state, &zero], &name, &[]);
                name
            })
            .collect();
        let mut inputs = vec![x[0], &names[0], &names[1], &names[2]];
        if !initial.is_empty() {
            inputs.push("");
            inputs.extend(initial.iter().map(String::as_str));
        }
        let mut attributes = vec![integer("hidden_size", units as i64)];
        if reverse {
            attributes.push(text("direction", "reverse"));
        }
        if cell == Cell::Gru(Reset::After) {
            attributes.push(integer("linear_before_reset", 1));
        }
        let (states, cells) = (format!("{y}_states"), format!("{y}_cells"));
        let outputs: &[&str] = if cell == Cell::Lstm { &[&states, "", &cells] } else { &[&states] };
        self.op_of(kind, &inputs, outputs, &attributes);
        let one = self.integers(&[1]);
        self.op("Squeeze", &[&states, &one], y, &[]);
    }
}

/// Zeros on both sides of both axes.
fn both(pad: &[usize; 2]) -> Vec<i64> {
    whole(&[pad[0], pad[1], pad[0], pad[1]])
}

/// Blocks of so many values in another order.
fn ordered(data: &[f32], order: &[usize], block: usize) -> Vec<f32> {
    order.iter().flat_map(|&gate| data[gate * block..][..block].to_vec()).collect()
}
