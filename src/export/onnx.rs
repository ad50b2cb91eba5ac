//! ONNX: a file for each network, by operator set 18.

mod nodes;

use std::collections::HashMap;

use super::{Axes, BATCH, Exporter, File, Kind, Network, Op, Options, Place, Portable, Write, batches, describe};
use crate::{
    checkpoint::Tensor,
    error::{Error, Result},
    graph::Dist,
    protobuf::Message,
};

/// The row in [`super::EXPORTERS`].
pub const EXPORTER: Exporter = Exporter {
    name: "onnx",
    about: "ONNX, operator set 18: a file for each network",
    options: &["--network", "--bytes", "--draws", "--example"],
    write: Write::Networks(write),
};

/// Version of the format, and of the set of operators.
const IR_VERSION: i64 = 9;
const OPERATORS: i64 = 18;

/// Types of elements.
const FLOAT: i64 = 1;
const BYTE: i64 = 2;
const INT64: i64 = 7;

fn write(portable: &Portable, options: Options) -> Result<Vec<File>> {
    if options.bytes.is_some() && portable.examples.shape.len() != 3 {
        return Err(Error::usage(format!("--bytes is for images, and this {} learned from others", portable.variant)));
    }
    let file = |network: &Network| {
        let writer = Writer::of(network, options);
        let about = describe(network, |name, shape| writer.written(name, shape).1);
        File { name: format!("{}.onnx", network.name), bytes: writer.model(portable), about }
    };
    Ok(portable.networks.iter().map(file).collect())
}

/// A graph in ONNX under construction.
struct Writer<'a> {
    network: &'a Network,
    options: Options,
    nodes: Vec<Message>,
    initializers: Vec<Message>,
    /// The names of numbers and shapes that are initializers already.
    known: HashMap<Vec<u8>, String>,
    /// The name of each node's result.
    names: Vec<String>,
    /// The name of the number of examples, `[1]`.
    batch: Option<String>,
}

impl<'a> Writer<'a> {
    fn of(network: &'a Network, options: Options) -> Self {
        let names = vec![String::new(); network.nodes.len()];
        let (nodes, initializers, known, batch) = Default::default();
        let mut writer = Self { network, options, nodes, initializers, known, names, batch };
        let named: HashMap<Place, &str> =
            network.outputs.iter().rev().map(|(name, place)| (*place, name.as_str())).collect();
        for (place, node) in network.nodes.iter().enumerate() {
            writer.names[place] = match (&node.op, named.get(&place)) {
                (Op::Input(name) | Op::Weight(name), _) => name.clone(),
                (_, Some(name)) if !writer.becomes_bytes(name) => (*name).into(),
                _ => format!("{}_{place}", node.layer().unwrap_or("value")),
            };
            writer.emit(place);
        }
        for (name, place) in &network.outputs {
            let from = writer.names[*place].clone();
            if writer.becomes_bytes(name) {
                writer.bytes(&from, name);
            } else if from != *name {
                writer.op("Identity", &[&from], name, &[]);
            }
        }
        writer
    }

    /// Whether an output is images that are asked for as bytes.
    fn becomes_bytes(&self, output: &str) -> bool {
        self.options.bytes.is_some() && output == "samples"
    }

    /// The type of an output of this shape in the file, and its shape there.
    fn written(&self, output: &str, shape: &[usize]) -> (i64, Vec<usize>) {
        match self.options.bytes.filter(|_| self.becomes_bytes(output)) {
            Some(Axes::Nhwc) => (BYTE, vec![shape[0], shape[2], shape[3], shape[1]]),
            Some(Axes::Nchw) => (BYTE, shape.to_vec()),
            None => (FLOAT, shape.to_vec()),
        }
    }

    /// The file.
    fn model(&self, portable: &Portable) -> Vec<u8> {
        let network = self.network;
        let inputs = network.inputs.iter().filter(|input| !self.draws(input.kind));
        let inputs: Vec<Message> = inputs
            .map(|input| {
                let about = match input.kind {
                    Kind::Classes => Some("one-hot".into()),
                    Kind::Symbols(count) => Some(format!("numbers of symbols, 0 to {}; -1: none yet", count - 1)),
                    Kind::Bits => Some("0 or 1".into()),
                    Kind::Examples => Some("values as in the data".into()),
                    Kind::Values => None,
                    drawn => drawn.distribution().map(str::to_string),
                };
                value(&input.name, FLOAT, &input.shape).text(3, &about.unwrap_or_default())
            })
            .collect();
        let outputs = network.outputs.iter().map(|(name, place)| {
            let (element, shape) = self.written(name, network.shape(*place));
            value(name, element, &shape)
        });
        let outputs: Vec<Message> = outputs.collect();
        let graph = Message::new()
            .messages(1, &self.nodes)
            .text(2, &network.name)
            .messages(5, &self.initializers)
            .messages(11, &inputs)
            .messages(12, &outputs);
        let drawn = network.inputs.iter().filter_map(|input| Some((&input.name, input.kind.distribution()?)));
        let drawn: std::collections::BTreeMap<_, _> = drawn.collect();
        let mut facts = portable.facts.clone();
        facts.push(("inputs", serde_json::to_string(&drawn).expect("names are JSON")));
        if let Some(fact) = facts.iter_mut().find(|(key, _)| *key == "values" && self.options.bytes.is_some()) {
            fact.1 = "bytes, 0 to 255".into();
        }
        let fact = |(key, text): &(&str, String)| Message::new().text(1, key).text(2, text);
        Message::new()
            .int(1, IR_VERSION)
            .text(2, "saddle")
            .text(3, env!("CARGO_PKG_VERSION"))
            .message(7, &graph)
            .message(8, &Message::new().text(1, "").int(2, OPERATORS))
            .messages(14, &facts.iter().map(fact).collect::<Vec<_>>())
            .into_bytes()
    }

    /// Whether the network draws an input itself.
    fn draws(&self, kind: Kind) -> bool {
        let has_others = || self.network.inputs.iter().any(|input| !matches!(input.kind, Kind::Noise(_)));
        self.options.draws && matches!(kind, Kind::Noise(_)) && has_others()
    }

    fn op(&mut self, kind: &str, inputs: &[&str], output: &str, attributes: &[Message]) {
        self.op_of(kind, inputs, &[output], attributes);
    }

    fn op_of(&mut self, kind: &str, inputs: &[&str], outputs: &[&str], attributes: &[Message]) {
        let node = inputs.iter().fold(Message::new(), |node, input| node.text(1, input));
        let node = outputs.iter().fold(node, |node, output| node.text(2, output));
        let name = outputs.iter().find(|name| !name.is_empty()).copied().unwrap_or_default();
        self.nodes.push(node.text(3, name).text(4, kind).messages(5, attributes));
    }

    fn initializer(&mut self, name: &str, tensor: &Tensor) {
        self.initializers.push(floats(&tensor.shape, &tensor.data).text(8, name));
    }

    /// The name of a number.
    fn number(&mut self, value: f64) -> String {
        self.constant(floats(&[], &[value as f32]))
    }

    /// The name of a vector of whole numbers.
    fn integers(&mut self, values: &[i64]) -> String {
        self.constant(integers(&[values.len()], values))
    }

    fn constant(&mut self, tensor: Message) -> String {
        let count = self.known.len();
        let name = self.known.entry(tensor.clone().into_bytes()).or_insert_with(|| {
            let name = format!("constant_{count}");
            self.initializers.push(tensor.text(8, &name));
            name
        });
        name.clone()
    }

    /// The name of the number of examples, `[1]`.
    fn batch(&mut self) -> String {
        if let Some(batch) = &self.batch {
            return batch.clone();
        }
        let inputs = self.network.inputs.iter();
        let mut whole = inputs.filter(|input| !self.draws(input.kind) && batches(input.shape[0]) == Some(1));
        let from = whole.next().map_or_else(String::new, |input| input.name.clone());
        self.op("Shape", &[&from], "batch", &[integer("start", 0), integer("end", 1)]);
        self.batch.insert("batch".into()).clone()
    }

    /// The name of a shape.
    fn shape(&mut self, shape: &[usize]) -> String {
        if shape.iter().all(|&extent| batches(extent).is_none()) {
            return self.integers(&whole(shape));
        }
        let key = format!(
            "shape_{}",
            shape.iter().map(|n| batches(*n).map_or(n.to_string(), |k| format!("b{k}"))).collect::<Vec<_>>().join("_")
        );
        if self.known.insert(key.clone().into_bytes(), key.clone()).is_some() {
            return key;
        }
        let extents: Vec<String> = shape
            .iter()
            .map(|&extent| match batches(extent) {
                None => self.integers(&[extent as i64]),
                Some(1) => self.batch(),
                Some(times) => {
                    let (batch, times) = (self.batch(), self.integers(&[times as i64]));
                    let name = format!("{key}_rows");
                    self.op("Mul", &[&batch, &times], &name, &[]);
                    name
                }
            })
            .collect();
        let extents: Vec<&str> = extents.iter().map(String::as_str).collect();
        self.op("Concat", &extents, &key, &[integer("axis", 0)]);
        key
    }

    /// Noise that the network draws itself.
    fn draw(&mut self, name: &str, dist: Dist, shape: &[usize]) {
        let shape = self.shape(shape);
        let zeros = format!("{name}_shape");
        self.op("ConstantOfShape", &[&shape], &zeros, &[]);
        match dist {
            Dist::Normal => self.op("RandomNormalLike", &[&zeros], name, &[]),
            Dist::Uniform => self.op("RandomUniformLike", &[&zeros], name, &[]),
            Dist::Bernoulli(p) => {
                let (uniform, negative) = (format!("{name}_uniform"), format!("{name}_sign"));
                self.op(
                    "RandomUniformLike",
                    &[&zeros],
                    &uniform,
                    &[float("low", p.get() as f32 - 1.0), float("high", p.get() as f32)],
                );
                self.op("Sign", &[&uniform], &negative, &[]);
                self.op("Relu", &[&negative], name, &[]);
            }
        }
    }

    /// Pixels in -1 to 1 as bytes.
    fn bytes(&mut self, from: &str, to: &str) {
        let (half, one) = (self.number(127.5), self.number(1.0));
        let (low, high) = (self.number(0.0), self.number(255.0));
        self.op("Add", &[from, &one], "pixels_moved", &[]);
        self.op("Mul", &["pixels_moved", &half], "pixels_scaled", &[]);
        self.op("Round", &["pixels_scaled"], "pixels_round", &[]);
        self.op("Clip", &["pixels_round", &low, &high], "pixels", &[]);
        match self.options.bytes {
            Some(Axes::Nhwc) => {
                self.op("Cast", &["pixels"], "pixels_bytes", &[integer("to", BYTE)]);
                self.op("Transpose", &["pixels_bytes"], to, &[list("perm", &[0, 2, 3, 1])]);
            }
            _ => self.op("Cast", &["pixels"], to, &[integer("to", BYTE)]),
        }
    }
}

/// A shape as whole numbers: -1 for what depends on the number of examples.
fn whole(shape: &[usize]) -> Vec<i64> {
    shape.iter().map(|&extent| if batches(extent).is_some() { -1 } else { extent as i64 }).collect()
}

/// An input or output.
fn value(name: &str, element: i64, shape: &[usize]) -> Message {
    let extent = |&extent: &usize| match extent {
        BATCH => Message::new().text(2, "batch"),
        _ => Message::new().int(1, extent as i64),
    };
    let shape = Message::new().messages(1, &shape.iter().map(extent).collect::<Vec<_>>());
    let tensor = Message::new().int(1, element).message(2, &shape);
    Message::new().text(1, name).message(2, &Message::new().message(1, &tensor))
}

fn floats(shape: &[usize], data: &[f32]) -> Message {
    let bytes: Vec<u8> = data.iter().flat_map(|value| value.to_le_bytes()).collect();
    shape.iter().fold(Message::new(), |tensor, &extent| tensor.int(1, extent as i64)).int(2, FLOAT).bytes(9, &bytes)
}

fn integers(shape: &[usize], data: &[i64]) -> Message {
    let bytes: Vec<u8> = data.iter().flat_map(|value| value.to_le_bytes()).collect();
    shape.iter().fold(Message::new(), |tensor, &extent| tensor.int(1, extent as i64)).int(2, INT64).bytes(9, &bytes)
}

/// Attributes, with their types.
fn float(name: &str, value: f32) -> Message {
    Message::new().text(1, name).float(2, value).int(20, 1)
}

fn integer(name: &str, value: i64) -> Message {
    Message::new().text(1, name).int(3, value).int(20, 2)
}

fn text(name: &str, value: &str) -> Message {
    Message::new().text(1, name).text(4, value).int(20, 3)
}

fn tensor(name: &str, value: &Message) -> Message {
    Message::new().text(1, name).message(5, value).int(20, 4)
}

fn list(name: &str, values: &[i64]) -> Message {
    values.iter().fold(Message::new().text(1, name), |list, &value| list.int(8, value)).int(20, 7)
}
