//! PyTorch: the weights in safetensors, and a module in Python that a reader can follow, a class for each network.

mod body;
mod sampling;

use std::collections::{BTreeMap, BTreeSet};

use super::{Cell, Exporter, File, Layer, Network, Op, Options, Portable, Write, describe};
use crate::{
    checkpoint::Tensor,
    error::{Error, Result, counted},
    graph::Reset,
    models::{CONTINUE, DECODE, ENCODE, RECONSTRUCT, SAMPLE, SWEEP},
};

/// The row in [`super::EXPORTERS`].
pub const EXPORTER: Exporter = Exporter {
    name: "pytorch",
    about: "PyTorch: model.py, which needs torch and safetensors only",
    options: &["--network", "--example"],
    write: Write::Networks(write),
};

/// Name of the file with the weights.
const WEIGHTS: &str = "model.safetensors";

fn write(portable: &Portable, _: Options) -> Result<Vec<File>> {
    let mut tensors: BTreeMap<String, &Tensor> = BTreeMap::new();
    for network in &portable.networks {
        let prefix = if portable.networks.len() > 1 { format!("{}.", attribute(network)) } else { String::new() };
        tensors.extend(network.weights.iter().map(|(name, tensor)| (format!("{prefix}{name}"), tensor)));
    }
    if portable.network(SWEEP).is_some() {
        // Those that a sweep begins with.
        let chains = portable.chains.iter().enumerate().skip(1).step_by(2);
        tensors.extend(chains.map(|(l, tensor)| (format!("chains.layer{l}"), tensor)));
    }
    let facts = portable.facts.iter().map(|(key, text)| (key.to_string(), text.clone())).collect();
    let bytes = safetensors::serialize(tensors, Some(facts))
        .map_err(|error| Error::failure(format!("the weights cannot be written: {error}")))?;
    let values: usize = portable.networks.iter().map(Network::size).sum();
    Ok(vec![
        File {
            name: "model.py".into(),
            bytes: module(portable).into_bytes(),
            about: "load() and sample(n, seed)".into(),
        },
        File { name: WEIGHTS.into(), bytes, about: counted(values, "value") },
    ])
}

/// The name of a network's class.
fn class(network: &Network) -> &'static str {
    match network.name.as_str() {
        SAMPLE => "Generator",
        ENCODE => "Encoder",
        DECODE => "Decoder",
        RECONSTRUCT => "Reconstruction",
        CONTINUE => "Step",
        _ => "Sweep",
    }
}

/// The name of a network as a part of the model.
fn attribute(network: &Network) -> String {
    class(network).to_lowercase()
}

/// The module.
fn module(portable: &Portable) -> String {
    let fact = |name: &str| portable.facts.iter().find(|(key, _)| *key == name).map_or("", |(_, text)| text);
    let mut text = format!(
        "\"\"\"{} of step {}, trained on {} and exported by {}.\n\n\
         load() returns the model in evaluation mode, with the weights in {WEIGHTS} beside this file;\n\
         sample(n, seed) draws samples. Values are {}.\n\"\"\"\n\n",
        portable.variant,
        fact("step"),
        string(fact("data")).trim_matches('"'),
        fact("producer"),
        fact("values"),
    );
    text += "from pathlib import Path\n\nimport torch\nimport torch.nn.functional as F\nfrom safetensors.torch import \
             load_file\nfrom torch import nn\n\n";
    text += &sampling::constants(portable);
    let has_tensorflow = portable.networks.iter().flat_map(|network| &network.nodes);
    let is_tensorflow = |op: &Op| matches!(op, Op::Recurrent { cell: Cell::Gru(Reset::Before), .. });
    if has_tensorflow.map(|node| &node.op).any(is_tensorflow) {
        text += TENSORFLOW_GRU;
    }
    for network in &portable.networks {
        text += &format!(
            "\n\nclass {}(nn.Module):\n    \"\"\"{}\"\"\"\n\n    inputs = {}\n    outputs = {}\n\n",
            class(network),
            describe(network, |_, shape| shape.to_vec()).replace(" -> ", "\n    -> "),
            strings(network.inputs.iter().map(|input| input.name.as_str())),
            strings(network.outputs.iter().map(|(name, _)| name.as_str())),
        );
        text += INIT;
        layers(network).iter().for_each(|layer| text += &format!("        {layer}\n"));
        text += &body::forward(network);
    }
    if portable.networks.len() > 1 {
        text += "\n\nclass Model(nn.Module):\n    \"\"\"All networks.\"\"\"\n\n";
        text += INIT;
        let part = |network: &Network| format!("        self.{} = {}()\n", attribute(network), class(network));
        portable.networks.iter().for_each(|network| text += &part(network));
    }
    let model = if let [only] = &portable.networks[..] { class(only) } else { "Model" };
    text += &format!("\n\ndef load(file=Path(__file__).with_name(\"{WEIGHTS}\")):\n");
    text += &format!("    \"\"\"The model, in evaluation mode.\"\"\"\n    model = {model}()\n");
    text += match portable.network(SWEEP) {
        None => "    model.load_state_dict(load_file(file))\n",
        Some(_) => {
            "    weights = load_file(file)\n    \
             model.load_state_dict({name: weights[name] for name in weights if not name.startswith(\"chains.\")})\n"
        }
    };
    text += "    return model.eval()\n";
    text + &sampling::sampling(portable)
}

/// A list of strings in Python.
fn strings<'a>(all: impl IntoIterator<Item = &'a str>) -> String {
    let all: Vec<String> = all.into_iter().map(string).collect();
    format!("[{}]", all.join(", "))
}

/// A string in Python: JSON's is one, but for what JSON writes as two halves.
fn string(text: &str) -> String {
    serde_json::to_string(text).expect("a text is JSON")
}

/// Numbers between commas.
fn numbers<T: ToString>(all: impl IntoIterator<Item = T>) -> String {
    all.into_iter().map(|number| number.to_string()).collect::<Vec<_>>().join(", ")
}

/// A line for each layer, and for each weight that belongs to none.
fn layers(network: &Network) -> Vec<String> {
    let mut known = BTreeSet::new();
    let mut lines = vec![];
    for node in &network.nodes {
        let weight = |layer: &str, part: &str| &network.weights[&format!("{layer}.{part}")].shape;
        let bias = |layer: &Layer| if layer.bias { "" } else { ", bias=False" };
        let convolution = |kind: &str, layer: &Layer, stride: &[usize; 2], pad: &[usize; 2], channels: [usize; 2]| {
            let shape = weight(&layer.name, "weight");
            let both =
                |pair: &[usize]| if pair[0] == pair[1] { pair[0].to_string() } else { format!("({})", numbers(pair)) };
            let [from, to] = channels.map(|axis| shape[axis]);
            let (kernel, stride, pad) = (both(&shape[2..]), both(stride), both(pad));
            let stride = if stride == "1" { String::new() } else { format!(", stride={stride}") };
            format!("nn.{kind}({from}, {to}, {kernel}{stride}, padding={pad}{})", bias(layer))
        };
        let (name, line) = match &node.op {
            Op::Weight(name) => (name, format!("nn.Parameter(torch.empty({}))", numbers(&node.shape))),
            Op::Dense(layer) => {
                let shape = weight(&layer.name, "weight");
                (&layer.name, format!("nn.Linear({}, {}{})", shape[1], shape[0], bias(layer)))
            }
            Op::Conv(layer, stride, pad) => (&layer.name, convolution("Conv2d", layer, stride, pad, [1, 0])),
            Op::ConvTranspose(layer, stride, pad) => {
                (&layer.name, convolution("ConvTranspose2d", layer, stride, pad, [0, 1]))
            }
            Op::BatchNorm(name, eps) => {
                let axes = if node.shape.len() == 4 { 2 } else { 1 };
                let eps = if *eps == 1e-5 { String::new() } else { format!(", eps={eps:?}") };
                (name, format!("nn.BatchNorm{axes}d({}{eps})", node.shape[1]))
            }
            Op::Recurrent { layer, cell, .. } => {
                let kind = match cell {
                    Cell::Lstm => "nn.LSTM",
                    Cell::Gru(Reset::After) => "nn.GRU",
                    Cell::Gru(Reset::Before) => "TensorFlowGru",
                };
                let [inputs, units] = ["weight_ih_l0", "weight_hh_l0"].map(|part| weight(layer, part)[1]);
                (layer, format!("{kind}({inputs}, {units})"))
            }
            _ => continue,
        };
        if known.insert(name.clone()) {
            lines.push(format!("self.{name} = {line}"));
        }
    }
    if lines.is_empty() { vec!["pass".into()] } else { lines }
}

/// The beginning of a constructor.
const INIT: &str = "    def __init__(self):\n        super().__init__()\n";

const TENSORFLOW_GRU: &str = "

class TensorFlowGru(nn.Module):
    \"\"\"nn.GRU, but for the reset gate: it acts on the state, before the product, as in TensorFlow 1.\"\"\"

    def __init__(self, inputs, units):
        super().__init__()
        self.weight_ih_l0 = nn.Parameter(torch.empty(3 * units, inputs))
        self.weight_hh_l0 = nn.Parameter(torch.empty(3 * units, units))
        self.bias_ih_l0 = nn.Parameter(torch.empty(3 * units))
        self.bias_hh_l0 = nn.Parameter(torch.empty(3 * units))

    def forward(self, x, h=None):
        weights, biases = self.weight_hh_l0.chunk(3), self.bias_hh_l0.chunk(3)
        h = x.new_zeros(x.shape[1], weights[0].shape[1]) if h is None else h[0]
        states = []
        for gates in F.linear(x, self.weight_ih_l0, self.bias_ih_l0):
            r, z, n = gates.chunk(3, -1)
            r = torch.sigmoid(r + F.linear(h, weights[0], biases[0]))
            z = torch.sigmoid(z + F.linear(h, weights[1], biases[1]))
            n = torch.tanh(n + F.linear(r * h, weights[2], biases[2]))
            h = (1 - z) * n + z * h
            states.append(h)
        return torch.stack(states), h[None]
";
