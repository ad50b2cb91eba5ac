//! Trained networks for other programs. [`Portable`] is made once from a run: its networks with their weights, and what
//! a reader has to know of their inputs and outputs. Each [`Exporter`] writes it in a form of its own.
//!
//! Networks get their noise from outside, and the number of examples is open. Layers are those that other programs
//! know: the exporters write a line for each.

mod example;
pub mod html;
mod lower;
mod network;
mod onnx;
mod open;
mod recurrent;
mod roll;
mod torch;
mod weights;

pub use example::example;
pub use network::{BATCH, Cell, Layer, Network, Node, Op, Place, batches};
pub use open::{Input, Kind};

use crate::{
    checkpoint::Tensor,
    data::Series,
    error::{Result, unknown},
    graph::{self, Dist},
    models::{CONTINUE, DECODE, ENCODE, Examples, Model, RECONSTRUCT, SAMPLE, SWEEP, variant},
    origin::Origin,
    settings::Settings,
    trained::Trained,
};
use open::opened;

/// The networks that can be exported, in the order in which they are listed.
const NETWORKS: [&str; 6] = [SAMPLE, ENCODE, DECODE, RECONSTRUCT, CONTINUE, SWEEP];

/// A form of files for other programs.
pub struct Exporter {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it writes, in a line.
    pub about: &'static str,
    /// Options of the command line that only some forms have, and this one has.
    pub options: &'static [&'static str],
    /// What makes its files.
    pub write: Write,
}

/// What makes the files of a form.
#[derive(Clone, Copy)]
pub enum Write {
    /// A function of the networks.
    Networks(fn(&Portable, Options) -> Result<Vec<File>>),
    /// [`html::page`], of the whole model.
    Page,
}

/// Every form.
pub const EXPORTERS: &[Exporter] = &[onnx::EXPORTER, torch::EXPORTER, html::EXPORTER];

/// The form of this name.
///
/// # Errors
/// There is none.
pub fn exporter(name: &str) -> Result<&'static Exporter> {
    let names = EXPORTERS.iter().map(|exporter| exporter.name);
    EXPORTERS.iter().find(|exporter| exporter.name == name).ok_or_else(|| unknown("form", name, names).at("--to"))
}

/// Options of some of the forms.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Images as bytes, with the axes in this order.
    pub bytes: Option<Axes>,
    /// Whether networks draw their noise themselves. Latent values are inputs all the same.
    pub draws: bool,
}

/// The order of an image's axes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Axes {
    /// Channels first.
    Nchw,
    /// Channels last.
    Nhwc,
}

/// A file of an export.
#[derive(Clone, Debug, PartialEq)]
pub struct File {
    /// Its name in the folder of the export.
    pub name: String,
    /// What it holds.
    pub bytes: Vec<u8>,
    /// What it holds, in words.
    pub about: String,
}

/// The networks of a trained model, and what a reader has to know of them.
pub struct Portable {
    /// Name of the variant.
    pub variant: String,
    /// The networks.
    pub networks: Vec<Network>,
    /// The examples that the model learned from.
    pub examples: Examples,
    /// The names of their classes.
    pub classes: Vec<String>,
    /// Where symbols and steps are drawn: the temperature of the training.
    pub temperature: f32,
    /// The states with which the chains of a Boltzmann machine were left, `dbm.chains.layer0` and so on.
    pub chains: Vec<Tensor>,
    /// Other facts, by name: the variant, the data, the training step.
    pub facts: Vec<(&'static str, String)>,
}

impl Portable {
    /// The networks of a trained model with these names, or those that most readers want if there are none.
    ///
    /// # Errors
    /// A name that the model has no network of; a checkpoint that does not fit the settings.
    pub fn of(trained: &Trained, wanted: &[String]) -> Result<Self> {
        let model = model(trained, BATCH)?;
        let mut networks = vec![];
        for name in chosen(&model, &trained.settings.variant, wanted)? {
            let graph = model.named(&[name]).next().expect("chosen from the model's graphs").1;
            let (open, noise) = opened(graph)?;
            let kind = |input: &str| kind(name, input, &noise, trained);
            networks.push(lower::lowered(name, &open, &trained.checkpoint, kind)?);
        }
        let origin = Origin::in_checkpoint(&trained.checkpoint)?.unwrap_or_default();
        let examples = trained.examples.clone();
        let is_conditional = trained.settings.conditional;
        let classes = if is_conditional { origin.class_names(examples.classes) } else { origin.classes.clone() };
        let json = |names: &[String]| serde_json::to_string(names).expect("names are JSON");
        let mut facts = vec![
            ("producer", format!("saddle {}", env!("CARGO_PKG_VERSION"))),
            ("variant", trained.settings.variant.clone()),
            ("step", trained.checkpoint.meta::<u64>("step")?.to_string()),
            ("data", origin.name),
            ("values", values(&examples)),
        ];
        if !origin.classes.is_empty() {
            facts.push(("classes", json(&origin.classes)));
        }
        match &examples.series {
            Some(Series::Columns(columns)) => {
                facts.push(("columns", json(&columns.names)));
                facts.extend([("zero", format!("{:?}", columns.zero)), ("one", format!("{:?}", columns.one))]);
            }
            Some(series) => facts.push(("symbols", json(series.names()))),
            None => {}
        }
        Ok(Self {
            variant: trained.settings.variant.clone(),
            networks,
            examples,
            classes,
            temperature: trained.settings.temperature,
            chains: chains(trained),
            facts,
        })
    }

    /// The network of this name.
    pub fn network(&self, name: &str) -> Option<&Network> {
        self.networks.iter().find(|network| network.name == name)
    }
}

/// The model for so many examples at once.
fn model(trained: &Trained, rows: usize) -> Result<Model> {
    let own = trained.settings.of_one_part();
    let settings = Settings { samples: rows, chains: rows.max(own.batch), ..own };
    variant(&settings.variant)?.model(&settings, &trained.examples)
}

/// The names of the networks to export.
fn chosen(model: &Model, variant: &str, wanted: &[String]) -> Result<Vec<&'static str>> {
    let has = |name: &str| model.named(&[name]).next().is_some();
    // A machine's chains are no weights.
    let there = || NETWORKS.into_iter().filter(|name| has(name) && !(*name == SAMPLE && has(SWEEP)));
    if let Some(name) = wanted.iter().find(|name| !there().any(|network| network == name.as_str())) {
        return Err(unknown(&format!("network of {variant}"), name, there()).at("--network"));
    }
    let latent = |name: &str| {
        let nodes = model.named(&[name]).next().map_or(vec![], |(_, graph)| graph.nodes());
        nodes.into_iter().find(|node| node.op == graph::Op::Input("z".into())).map(|node| node.shape)
    };
    // A sampler of hundreds of steps is a loop around one of them; an encoder and a sampler reconstruct, if samples are
    // decoded codes.
    let is_usual = |name: &str| match name {
        SAMPLE => !has(CONTINUE),
        ENCODE => has(DECODE),
        DECODE => latent(SAMPLE) != latent(DECODE),
        RECONSTRUCT => !has(ENCODE),
        _ => true,
    };
    let is_wanted = |name: &&str| match wanted {
        [] => is_usual(name),
        wanted => wanted.iter().any(|wanted| wanted == name),
    };
    Ok(there().filter(is_wanted).collect())
}

/// What an input of a network holds; `noise` has the names and distributions of its noise.
fn kind(network: &str, input: &str, noise: &[(String, Dist)], trained: &Trained) -> Kind {
    if let Some((_, dist)) = noise.iter().find(|(name, _)| name == input) {
        return Kind::Noise(*dist);
    }
    match (network, input) {
        (SAMPLE, "z") => Kind::Latent(trained.settings.latent_dist),
        (_, "classes") => Kind::Classes,
        (_, "x") if trained.examples.symbols() => Kind::Symbols(trained.examples.alphabet()),
        (_, "x") => Kind::Examples,
        (SWEEP, _) => Kind::Bits,
        _ => Kind::Values,
    }
}

/// What the values of examples are, in words.
fn values(examples: &Examples) -> String {
    match (&examples.series, examples.shape.len()) {
        (Some(Series::Columns(_)), _) => "column c of the data is zero[c] + value * (one[c] - zero[c])",
        (Some(Series::Symbols(_)), _) => "numbers of symbols",
        (Some(Series::Roll(_)), _) => "1 for keys that sound, else 0",
        (Some(Series::Table(_)), _) => "numbers of choices, then normal scores of ranks, by column",
        (None, 3) => "pixels in -1 to 1, channels first",
        (None, _) => "in the units of the data",
    }
    .into()
}

/// The states of a Boltzmann machine's chains, from the visible layer upwards.
fn chains(trained: &Trained) -> Vec<Tensor> {
    (0..).map_while(|l| trained.checkpoint.tensors.get(&format!("dbm.chains.layer{l}")).cloned()).collect()
}

/// The inputs and outputs of a network, in words. `written` is the shape that an output has in the file.
fn describe(network: &Network, written: impl Fn(&str, &[usize]) -> Vec<usize>) -> String {
    let shape = |shape: &[usize]| {
        let extents = shape.iter().map(|&n| batches(n).map_or(n.to_string(), |_| "batch".into()));
        format!("[{}]", extents.collect::<Vec<_>>().join(", "))
    };
    let inputs = network.inputs.iter().map(|input| format!("{} {}", input.name, shape(&input.shape)));
    let outputs =
        network.outputs.iter().map(|(name, place)| format!("{name} {}", shape(&written(name, network.shape(*place)))));
    format!("{} -> {}", inputs.collect::<Vec<_>>().join(", "), outputs.collect::<Vec<_>>().join(", "))
}
