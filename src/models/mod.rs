//! The variants, one file each: its settings, its networks, and its round as its paper describes it. Their common
//! building blocks are in [`parts`].

pub mod ae;
pub mod ae_gan;
pub mod dbm;
pub mod dbm_gan;
pub mod dcgan;
pub mod gan;
mod idle;
pub mod lstm;
pub mod lstm_gan;
pub mod parts;
mod projection;
pub mod rvae;
pub mod rvae_gan;
pub mod vae;
pub mod vae_gan;

pub use idle::idle;
pub use projection::{LATENT, PROJECT, ROUNDS as PROJECTION_ROUNDS, projection};

use parts::{conv::Stages, heads::Heads, hidden::hidden, likely::likelihood, networks::Networks};

use crate::{
    data::{Series, Symbols},
    error::{Error, Result},
    graph::{Graph, Node, Op, Var},
    nn::{Mode, Net},
    settings::{Menu, Preset, Settings},
};

/// The examples that a model learns from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Examples {
    /// Shape of one: images `[C, H, W]` in [-1, 1], points `[D]`, sequences `[T, F]` in [0, 1].
    pub shape: Vec<usize>,
    /// Number of classes, 0 without labels.
    pub classes: usize,
    /// What the features of sequences are, and the columns of points that come from a table.
    pub series: Option<Series>,
}

impl Examples {
    /// Whether sequences are of symbols.
    pub fn symbols(&self) -> bool {
        matches!(self.series, Some(Series::Symbols(_)))
    }

    /// The number of symbols; 0 for examples of numbers.
    pub fn alphabet(&self) -> usize {
        if self.symbols() { self.shape[1] } else { 0 }
    }

    /// The symbol that ends a line, if examples are lines.
    pub fn end(&self) -> Option<u16> {
        match &self.series {
            Some(Series::Symbols(symbols)) => symbols.end,
            _ => None,
        }
    }

    /// The shape of `count` examples as models read and give them: sequences of symbols are the numbers `[count, T]` of
    /// these.
    pub fn values(&self, count: usize) -> Vec<usize> {
        let one = if self.symbols() { &self.shape[..1] } else { &self.shape };
        [&[count], one].concat()
    }

    /// Examples `[B, ..]` as critics see them: symbols one-hot, `[B, T, symbols]`.
    pub fn seen<'g>(&self, x: Var<'g>) -> Var<'g> {
        if self.symbols() { x.one_hot(self.shape[1]) } else { x }
    }

    /// The choices and scalars of the rows of a table.
    pub fn heads(&self) -> Option<Heads> {
        match &self.series {
            Some(Series::Table(records)) => Some(Heads::of(records)),
            _ => None,
        }
    }

    /// Examples as they lie in memory -> as encoders read them: the choices of tables one-hot.
    pub fn read<'g>(&self, x: Var<'g>) -> Var<'g> {
        match self.heads() {
            Some(heads) => heads.expanded(x),
            None => x,
        }
    }

    /// Samples in the form of examples: of symbols as weights or logits `[B, T, symbols]`, the numbers `[B, T]` of the
    /// greatest; of tables the number of the greatest value of each choice.
    pub fn given<'g>(&self, samples: Var<'g>) -> Var<'g> {
        if let Some(heads) = self.heads() {
            return heads.taken(samples);
        }
        if self.symbols() && samples.rank() == 3 { greatest(samples) } else { samples }
    }

    /// Whether pictures of them are figures: points, sequences of numbers, and rows of tables.
    pub fn has_figure(&self) -> bool {
        self.shape.len() < 3 && matches!(self.series, None | Some(Series::Columns(_) | Series::Table(_)))
    }

    /// Whether sequences are piano rolls, whose keys are 0 or 1.
    pub fn roll(&self) -> bool {
        matches!(self.series, Some(Series::Roll(_)))
    }

    /// The alphabet, if the examples are pieces of text.
    pub fn text(&self) -> Option<&Symbols> {
        self.series.as_ref()?.text()
    }

    /// The ending of files that show samples: `txt` for text, else `png`.
    pub fn shown_as(&self) -> &'static str {
        if self.text().is_some() { "txt" } else { "png" }
    }
}

/// Name of the graph that generates: inputs `z` (any shape, rows first) and, if conditional, `classes` (one-hot); a
/// graph that draws its own latent values has no inputs -> output `samples`, the values of `rows` examples.
pub const SAMPLE: &str = "sample";
/// Name of the graph that runs [`Model::calibration`] times before sampling: it fits running statistics to averaged
/// weights, or fills the bank of codes of `ae`.
pub const CALIBRATE: &str = "calibrate";
/// Name of the graph that encodes and decodes: input `x`, the values of `rows` examples -> output `samples`, the same
/// shape.
pub const RECONSTRUCT: &str = "reconstruct";
/// Name of the graph that encodes: input `x`, the values of `rows` examples -> output `z`, their codes
/// `[rows, latent]`; of variational autoencoders `mean` and `log_variance` of these.
pub const ENCODE: &str = "encode";
/// Name of the graph of codes of a batch of the data, to which a prior is fitted: -> output `codes`.
pub const CODES: &str = "codes";
/// Name of the graph that decodes codes: input `z` `[rows, ..]` -> output `samples`.
pub const DECODE: &str = "decode";
/// Name of the graph of hidden layers: input `x`, the values of `rows` examples -> outputs `features` `[rows, F]`, the
/// last hidden layer of the discriminator or else of the encoder; where there are such layers, `pooled` `[rows, F]`,
/// its convolutions, `states` `[rows, T, H]`, its states after each step, and `layer1`, .. `[rows, units]`, the means
/// of a machine's layers; of discriminators the `logits` `[rows]`, and of those that tell `classes` their logits
/// `[rows, classes]`.
pub const HIDDEN: &str = "hidden";
/// Name of the graph that gives batch norm running moments where training keeps none, as in discriminators: input `x`,
/// the values of a batch. After some runs at the steps 0, 1, .. the moments are the mean of theirs.
pub const SETTLE: &str = "settle";
/// Name of the graph of likelihoods: inputs `x` and, of models with codes, `z` -> output `log_p` in nats, `[rows, T]`
/// of the steps of sequences and else `[rows, 1]`; of images also `ceiling` `[rows]`, the largest `log_p` that any code
/// could give, of some sequences `counted` `[rows, T]`, 0 for steps that only fill up. Of a Boltzmann machine a lower
/// bound without log Z.
pub const LIKELIHOOD: &str = "likelihood";
/// Name of the graph of one Gibbs sweep of a Boltzmann machine: inputs `layer1`, `layer3`, .. `[rows, units]`, the
/// states of every other layer, 0 or 1 -> outputs of the same names, and what the model makes of the sweep: `samples`,
/// or `z`, the input of [`DECODE`].
pub const SWEEP: &str = "sweep";
/// Name of the graph that bounds likelihoods: input `x` -> output `elbo` `[rows]`, in nats; the likelihood itself where
/// the model knows it.
pub const BOUND: &str = "bound";
/// Name of the graph of the discriminator alone: input `x` -> output `logits` `[rows]`, higher means more real.
pub const JUDGE: &str = "judge";
/// Name of the graph of importance weights: input `x` -> output `log_weight` `[rows, draws]`, in nats. The weights of
/// many runs make a tighter estimate than [`BOUND`].
pub const WEIGHTS: &str = "weights";
/// Name of the graph that goes on with sequences: inputs `x`, the last step, `[rows, F]` values (zeros before the
/// first, or -1 of rolls) or `[rows]` numbers of symbols (-1 before the first), and the states `h0`, `c0`, ..
/// `[rows, units]` of each layer -> outputs `next` `[rows, F]`, the parameters of the distribution of the next step,
/// the states after it, under the same names, and of numbers their `deviation` `[rows, F]`.
pub const CONTINUE: &str = "continue";

/// Default number of runs of [`CALIBRATE`].
const CALIBRATION: u64 = 32;

/// Least temperature of soft draws of symbols: logits of 1e6 of them are still finite.
const LEAST_TEMPERATURE: f32 = 1e-6;

/// One stage of a training: most variants have a single one.
pub struct Phase {
    /// Name in metrics and messages, unique among the graphs of the model.
    pub name: &'static str,
    /// The training step at which it ends; the last one goes on to the end of the run.
    pub until: u64,
    /// One round.
    pub round: Graph,
}

impl Phase {
    /// A stage whose round `build` puts into a new graph.
    pub fn new(name: &'static str, until: u64, build: impl FnOnce(&Graph)) -> Self {
        Self { name, until, round: Graph::build(build) }
    }
}

/// The graphs of a model. They share states by name.
pub struct Model {
    /// Stages of the training, in order.
    pub phases: Vec<Phase>,
    /// Graphs to evaluate the model with, by name: every model has [`SAMPLE`], others are optional.
    pub graphs: Vec<(&'static str, Graph)>,
    /// Number of runs of [`CALIBRATE`] before sampling.
    pub calibration: u64,
}

impl Model {
    /// A model with a single phase.
    pub fn new(round: Graph, graphs: Vec<(&'static str, Graph)>) -> Self {
        Self::of_phases(vec![Phase { name: "round", until: u64::MAX, round }], graphs)
    }

    /// A model that these phases train, in order.
    pub fn of_phases(phases: Vec<Phase>, graphs: Vec<(&'static str, Graph)>) -> Self {
        Self { phases, graphs, calibration: CALIBRATION }
    }

    /// Shares out the parts of each batch among so many ranks, before the rounds are planned.
    pub fn share(&self, ranks: usize) {
        self.phases.iter().for_each(|phase| phase.round.share(ranks));
    }

    /// Graphs that run during training: the rounds of all phases, and the graphs that draw pictures.
    pub fn training(&self) -> impl Iterator<Item = (&str, &Graph)> {
        let phases = self.phases.iter().map(|phase| (phase.name, &phase.round));
        phases.chain(self.named(&[SAMPLE, CALIBRATE, RECONSTRUCT, CODES]))
    }

    /// The graphs with these names, as far as the model has them.
    pub fn named(&self, names: &[&str]) -> impl Iterator<Item = (&str, &Graph)> {
        self.graphs.iter().filter(move |(name, _)| names.contains(name)).map(|(name, graph)| (*name, graph))
    }

    /// The names of the outputs of a graph; none if the model does not have it.
    pub fn outputs(&self, name: &str) -> Vec<String> {
        self.named(&[name]).flat_map(|(_, graph)| graph.outputs()).map(|(output, _)| output).collect()
    }

    /// Whether samples are made of latent vectors.
    pub fn has_latent(&self) -> bool {
        let is_latent = |node: &Node| matches!(&node.op, Op::Input(name) if &**name == "z");
        self.named(&[SAMPLE]).any(|(_, graph)| graph.nodes().iter().any(is_latent))
    }

    /// The round of the last phase, in which the model usually trains longest.
    pub fn round(&self) -> &Graph {
        &self.phases.last().expect("a model has a phase").round
    }
}

/// A kind of model that can be trained.
pub struct Variant {
    /// Name on the command line.
    pub name: &'static str,
    /// Description in one line.
    pub about: &'static str,
    /// Kind of examples that it learns from.
    pub kind: Kind,
    /// Groups of settings, or single settings, that it has in addition to those of every variant.
    pub options: &'static [&'static str],
    /// Named groups of settings; `default` applies where none is named.
    pub presets: &'static [Preset<'static>],
    /// Builds its graphs; an error says what is wrong with the settings or the data.
    pub build: fn(&Settings, &Examples) -> Result<Model>,
}

/// Kind of examples that a variant learns from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Examples `[C, H, W]` or `[D]`.
    Single,
    /// Examples `[T, F]`.
    Sequences,
}

impl Kind {
    /// The built-in data set to learn if the user names none.
    const fn data(self) -> &'static str {
        match self {
            Self::Single => "digits",
            Self::Sequences => "sines",
        }
    }
}

/// Every variant, in the order in which they are listed.
pub const VARIANTS: &[Variant] = &[
    gan::VARIANT,
    dcgan::VARIANT,
    ae::VARIANT,
    vae::VARIANT,
    vae_gan::VARIANT,
    ae_gan::VARIANT,
    dbm::VARIANT,
    dbm_gan::VARIANT,
    lstm::VARIANT,
    lstm_gan::VARIANT,
    rvae::VARIANT,
    rvae_gan::VARIANT,
];

/// The variants as the settings see them.
pub fn menu() -> Vec<Menu<'static>> {
    VARIANTS.iter().map(Variant::menu).collect()
}

impl Variant {
    /// The variant as the settings see it.
    pub const fn menu(&self) -> Menu<'static> {
        Menu { name: self.name, data: self.kind.data(), presets: self.presets, options: self.options }
    }

    /// The model for these settings and examples.
    ///
    /// # Errors
    /// Examples of another kind, or settings that contradict each other or the data.
    pub fn model(&self, settings: &Settings, examples: &Examples) -> Result<Model> {
        let sequences = examples.shape.len() == 2;
        match self.kind {
            Kind::Single if sequences => Err(Error::usage(format!(
                "{} learns from images or points, and this data set has {}: `lstm`, `lstm-gan` and `rvae` learn from \
                those; `saddle train lstm` with this data is a start",
                self.name,
                if examples.symbols() { "sequences of symbols" } else { "sequences" },
            ))),
            Kind::Sequences if !sequences => Err(Error::usage(format!(
                "{} learns from sequences, and an example of this data set has shape {:?}: `sines`, a CSV table, \
                text, MIDI or an npy array [N, T, F] have sequences",
                self.name, examples.shape
            ))),
            _ if settings.latent + settings.latent_static == 0 => {
                Err(Error::usage("`latent` is 0: a sample needs at least one latent value"))
            }
            // `lstm` draws hard symbols, and its temperature of 0 is the likeliest one.
            _ if examples.symbols() && self.name != lstm::VARIANT.name => {
                let temperatures =
                    [("temperature", Some(settings.temperature)), ("temperature_end", settings.temperature_end)];
                let low = |(_, value): &(&str, Option<f32>)| value.is_some_and(|value| value < LEAST_TEMPERATURE);
                match temperatures.into_iter().find(low) {
                    Some((name, value)) => Err(Error::usage(format!(
                        "`{name}` is {}: {} divides by it to draw symbols, so it takes {LEAST_TEMPERATURE} or more",
                        value.unwrap_or_default(),
                        self.name
                    ))),
                    None => self.of_parts(settings, examples),
                }
            }
            _ => self.of_parts(settings, examples),
        }
    }

    /// The model whose rounds compute one part of a batch.
    fn of_parts(&self, settings: &Settings, examples: &Examples) -> Result<Model> {
        let model = (self.build)(&settings.of_part(), examples)?;
        model.phases.iter().for_each(|phase| phase.round.split(settings.accumulate));
        Ok(model)
    }
}

/// The variant of this name; `Settings::resolve` has checked that there is one.
pub fn variant(name: &str) -> Result<&'static Variant> {
    let names = || VARIANTS.iter().map(|v| v.name);
    VARIANTS.iter().find(|v| v.name == name).ok_or_else(|| crate::error::unknown("variant", name, names()))
}

/// Number of samples per run of the sampling graph: at least 2500 for points, which are cheap and shown in one plot.
pub fn sample_rows(settings: &Settings, examples: &Examples) -> usize {
    if examples.shape.len() == 1 { settings.samples.max(2500) } else { settings.samples }
}

/// The place of the greatest value along the last axis, of which it is the last: `[.., N]` -> `[..]`.
pub fn greatest(x: Var) -> Var {
    let (shape, last) = (x.shape(), x.rank() - 1);
    let is_greatest = 1.0 - (x.max(&[last]).broadcast(&shape, &[last]) - x).is_positive();
    (is_greatest * x.graph().arange(shape[last]).along(last, &shape)).max(&[last])
}

/// Name of the state group with the generator's weights for sampling.
pub fn sampled(s: &Settings) -> &'static str {
    if s.ema > 0.0 { "ema" } else { "g" }
}

/// The graphs of an autoencoder, [`RECONSTRUCT`], [`ENCODE`], [`DECODE`] and [`LIKELIHOOD`], where `code` makes codes
/// `[B, latent]` from examples; the first of its named results is the one to decode.
pub fn coding(
    s: &Settings,
    examples: &Examples,
    nets: &Networks,
    code: impl for<'g> Fn(&Net<'g>, Var<'g>) -> Vec<(&'static str, Var<'g>)>,
) -> [(&'static str, Graph); 4] {
    let rows = sample_rows(s, examples);
    let values = examples.values(rows);
    let reconstruct = Graph::build(|graph| {
        let [e, g] = ["e", "g"].map(|name| Net::new(graph, name, nets.start, Mode::Eval));
        let z = code(&e, examples.read(graph.input("x", &values)))[0].1;
        graph.output("samples", examples.given(nets.likeliest(&g, z)));
    });
    let encode = Graph::build(|graph| {
        let e = Net::new(graph, "e", nets.start, Mode::Eval);
        code(&e, examples.read(graph.input("x", &values))).into_iter().for_each(|(name, z)| graph.output(name, z));
    });
    let decode = Graph::build(|graph| {
        let g = Net::new(graph, "g", nets.start, Mode::Eval);
        graph.output("samples", examples.given(nets.likeliest(&g, graph.input("z", &[rows, nets.latent]))));
    });
    let likelihood =
        likelihood(s, examples, (nets, "g"), |g, x| nets.predict(g, g.graph.input("z", &[rows, nets.latent]), x));
    [(RECONSTRUCT, reconstruct), (ENCODE, encode), (DECODE, decode), likelihood]
}

/// The graphs of an encoder's hidden layers.
pub fn encoder_layers(s: &Settings, examples: &Examples, nets: &Networks) -> Vec<(&'static str, Graph)> {
    hidden(s, examples, ("e", nets.start), |e, x| nets.hidden(e, examples.read(x)).layers(x.dim(0)))
}

/// The image shape `[C, H, W]`; an error says which images the variant takes.
fn image_shape(variant: &str, examples: &Examples) -> Result<[usize; 3]> {
    let &[c, h, w] = examples.shape.as_slice() else {
        let what = match (&examples.series, examples.shape.len()) {
            (Some(Series::Table(_)), _) => "are rows of a table: `vae` learns them best",
            (Some(Series::Symbols(_) | Series::Roll(_)), _) => "are text or music: `lstm` learns them",
            (_, 2) => "are series: `lstm-gan` learns them",
            _ => "are points: `gan` learns them",
        };
        return Err(Error::usage(format!("{variant} generates images, and the examples of this data {what}")));
    };
    // The nearest side that can be halved twice.
    let even = |side: usize| (4 * ((side + 2) / 4)).max(8);
    if Stages::of([h, w]).filters.is_empty() {
        return Err(Error::usage(format!(
            "{variant} halves the sides of images while they are even and above 7, and these are {w}x{h}: choose \
            another size, such as --size {}",
            if w == h { even(w).to_string() } else { format!("{}x{}", even(w), even(h)) }
        )));
    }
    Ok([c, h, w])
}
