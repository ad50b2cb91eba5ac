//! Every setting of a run, where its value comes from, and what it may be.
//!
//! Layers, each over the one before: built-in defaults, the variant's preset, `--config`, flags and `--set`.

mod layer;
mod rule;

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use crate::error::{Error, Result, nearest, unknown};
pub use layer::Layer;
pub use rule::{
    Architecture, Cell, Critic, Fusion, LatentDist, Likelihood, Norm, Objective, Optimizer, Prior, Rule, Schedule,
};
use rule::{MAX, Value};

/// What `saddle variants` and the error messages say about one setting.
#[derive(Debug)]
pub struct Key {
    /// The name in TOML files and after `--set`.
    pub name: &'static str,
    /// The heading that it stands under.
    pub group: &'static str,
    /// The built-in default, as text.
    pub default: &'static str,
    /// What it accepts.
    pub rule: Rule,
    /// One line on what it does.
    pub help: &'static str,
}

/// A preset: its name and its `(key, value)` pairs.
pub type Preset<'a> = (&'a str, &'a [(&'a str, &'a str)]);

/// A variant as the settings see it.
#[derive(Clone, Copy, Debug)]
pub struct Menu<'a> {
    /// What the command line calls it.
    pub name: &'a str,
    /// The data that it learns from where no other is named.
    pub data: &'a str,
    /// Its named groups of settings.
    pub presets: &'a [Preset<'a>],
    /// Groups of settings, or single ones, that it has besides those of [`COMMON`].
    pub options: &'a [&'a str],
}

impl Menu<'_> {
    /// Whether the variant has this setting.
    pub fn has(&self, key: &Key) -> bool {
        COMMON.contains(&key.group) || self.options.contains(&key.group) || self.options.contains(&key.name)
    }
}

/// The groups of settings that every variant has.
pub const COMMON: &[&str] = &["What is trained, and on what", "The run", "Optimiser", "What is written"];

/// The preset where no other is chosen, which every variant has; empty where the variant does not define it.
pub const DEFAULT_PRESET: &str = "default";

/// The settings that a resumed run may change; any other would make it a different run.
const RESUMABLE: &[&str] = &["steps", "adapter", "log_every", "sample_every", "checkpoint_every", "keep", "samples"];

macro_rules! settings {
    ($($group:literal { $($(#[doc = $help:literal])+ $name:ident: $type:ty = $default:literal, $rule:expr;)+ })+) => {
        /// Every setting of a run, resolved.
        #[derive(Debug, Clone, PartialEq, Serialize)]
        pub struct Settings {
            $($($(#[doc = $help])+ pub $name: $type,)+)+
            /// The settings that the variant has: only they are written down.
            #[serde(skip)]
            pub relevant: Vec<&'static str>,
        }

        const KEYS: &[Key] = &[$($(Key {
            name: stringify!($name),
            group: $group,
            default: $default,
            rule: $rule,
            help: concat!($($help),+).trim_ascii_start(),
        }),+),+];

        impl Texts {
            fn build(&self) -> Result<Settings> {
                Ok(Settings { $($($name: self.value(stringify!($name))?,)+)+ relevant: self.relevant.clone() })
            }
        }

        impl Settings {
            /// One entry per setting, in the order of the table: its value as plain text and as TOML.
            fn values(&self) -> Vec<(String, String)> {
                vec![$($((self.$name.text(), self.$name.toml())),+),+]
            }
        }
    };
}

settings! {
    "What is trained, and on what" {
        /// Model to train
        variant: String = "dcgan", Rule::Text;
        /// The variant's named group of settings to start from; unless given, the one named as the data, if any
        preset: String = "default", Rule::Text;
        /// Built-in set, or path: IDX, images, CSV, npy, npz, txt, MIDI; `saddle variants` lists the built-in ones
        data: String = "digits", Rule::Text;
    }
    "The run" {
        /// Training steps, one generator update each
        steps: u64 = "2000", Rule::Whole(1, MAX);
        /// Samples per step; a multiple of pack
        batch: usize = "64", Rule::Whole(1, 65536);
        /// Start of every random stream
        seed: u64 = "0", Rule::Whole(0, MAX);
        /// Device by index or name, or cpu; auto: the best one
        adapter: Option<String> = "auto", Rule::Auto(&Rule::Text);
        /// Let matrix units multiply in half precision, where the device has them; sums stay in single precision
        half: bool = "false", Rule::Switch;
    }
    "Optimiser" {
        /// Update rule of both networks
        optimizer: Optimizer = "adam", Rule::OneOf(Optimizer::WORDS);
        /// Learning rate: of the generator, where there are two networks
        lr_g: f32 = "0.0002", Rule::Below(f32::INFINITY);
        /// Decay of the first moment (adam)
        beta1: f32 = "0.5", Rule::Below(1.0);
        /// Decay of the second moment (adam, rmsprop)
        beta2: f32 = "0.999", Rule::Below(1.0);
        /// Momentum (sgd)
        momentum: f32 = "0.9", Rule::Below(1.0);
        /// Course of the learning rates over the run
        schedule: Schedule = "constant", Rule::OneOf(Schedule::WORDS);
        /// Largest norm of a network's gradient; 0: off
        grad_clip: f32 = "0.0", Rule::Below(f32::INFINITY);
    }
    "Images" {
        /// Draws laid over each other as colour channels (3: 1000 modes from digits)
        stack: usize = "1", Rule::OneOf(&["1", "3"]);
        /// Side of the images in pixels; auto: that of the data
        size: Option<usize> = "auto", Rule::Auto(&Rule::Multiple(4, 8, 128));
        /// Colour channels; auto: those of the data
        channels: Option<usize> = "auto", Rule::OneOf(&["auto", "1", "3"]);
    }
    "Sequences" {
        /// Rows of a sequence; auto: 24 of a table, else what is natural for the data
        window: Option<usize> = "auto", Rule::Auto(&Rule::Whole(2, 4096));
        /// Rows from one sequence of a table to the next; auto: 1, or half a window of symbols
        stride: Option<usize> = "auto", Rule::Auto(&Rule::Whole(1, 4096));
    }
    "Objective" {
        /// Game between the two networks
        objective: Objective = "non-saturating", Rule::OneOf(Objective::WORDS);
        /// Weight of the penalty on the discriminator's gradient at real samples; 0: off
        r1: f32 = "0.0", Rule::Below(f32::INFINITY);
        /// Weight of the penalty on the discriminator's gradient at generated samples; 0: off
        r2: f32 = "0.0", Rule::Below(f32::INFINITY);
        /// Weight of the gradient penalty between real and generated samples, target norm 1; 0: off
        gp: f32 = "0.0", Rule::Below(f32::INFINITY);
        /// One-sided label smoothing: real samples have the target 1 - smooth; 0: off
        smooth: f32 = "0.0", Rule::Below(0.5);
        /// Learning rate of the discriminator
        lr_d: f32 = "0.0002", Rule::Below(f32::INFINITY);
    }
    "Game" {
        /// Discriminator updates per generator update
        critic_steps: usize = "1", Rule::Whole(1, 1000);
        /// Bound on every weight of the critic after its update (WGAN); 0: off
        clip: f32 = "0.0", Rule::Below(f32::INFINITY);
        /// Standard deviation of the noise on the discriminator's input at the start, falling to 0 over the run; 0: off
        noise: f32 = "0.0", Rule::Below(f32::INFINITY);
        /// Weight of the distance between the batches' means and deviations, value by value, in the generator's loss; 0: off
        moments: f32 = "0.0", Rule::Below(f32::INFINITY);
        /// The generator matches the discriminator's mean features of real samples, in place of its objective
        matching: bool = "false", Rule::Switch;
        /// The discriminator waits while its loss is below this; 0: never
        hold: f32 = "0.0", Rule::Below(f32::INFINITY);
    }
    "Networks" {
        /// Learn to generate a chosen class, from the data's labels
        conditional: bool = "false", Rule::Switch;
        /// Width of the latent vector z; of each step's, for sequences from a GAN
        latent: usize = "100", Rule::Whole(0, 65536);
        /// Latent values of a sequence that all its steps share, beside the `latent` ones of each step
        latent_static: usize = "0", Rule::Whole(0, 65536);
        /// Distribution of z
        latent_dist: LatentDist = "normal", Rule::OneOf(LatentDist::WORDS);
        /// Base channel count of convolutional networks
        width: usize = "64", Rule::Whole(1, 4096);
        /// Hidden widths of a dense generator, input side first
        hidden_g: Vec<usize> = "256,512", Rule::Widths;
        /// Hidden widths of a dense discriminator, input side first
        hidden_d: Vec<usize> = "512,256", Rule::Widths;
        /// Cosines in front of a dense discriminator, which show it fine detail in few coordinates; 0: none
        waves: usize = "0", Rule::Whole(0, 65536);
        /// Largest frequency of the waves at the start, in radians per unit of a coordinate
        frequency: f32 = "3.0", Rule::Below(f32::INFINITY);
        /// Normalisation in the generator
        norm_g: Norm = "batch", Rule::OneOf(Norm::WORDS);
        /// Normalisation in the discriminator
        norm_d: Norm = "batch", Rule::OneOf(Norm::WORDS);
        /// Spectral normalisation of the discriminator's weights
        spectral: bool = "false", Rule::Switch;
        /// Decay per step of the averaged generator that samples are drawn from; 0: off
        ema: f32 = "0.0", Rule::Below(1.0);
        /// Samples that the discriminator judges together (PacGAN)
        pack: usize = "1", Rule::Whole(1, 64);
    }
    "Boltzmann machine" {
        /// Widths of its hidden layers, from below; 3 at most
        layers: Vec<usize> = "500,1000", Rule::Widths;
        /// Gibbs sweeps of contrastive divergence in the pretraining; several: one after the other, in equal parts
        cd: Vec<usize> = "1", Rule::Widths;
        /// Learning rate of the pretraining, divided by the number of sweeps
        lr_rbm: f32 = "0.05", Rule::Below(f32::INFINITY);
        /// Rounds of mean-field updates that infer the hidden layers
        mean_field: usize = "10", Rule::Whole(0, 1000);
        /// Persistent chains, which stand for the model's own distribution
        chains: usize = "100", Rule::Whole(1, 65536);
        /// Gibbs sweeps of the chains at each step
        gibbs: usize = "1", Rule::Whole(1, 100);
        /// Learn from what differs from the units' running means (Montavon and Müller 2012)
        centring: bool = "true", Rule::Switch;
        /// Decay of the weights
        l2: f32 = "0.0", Rule::Below(f32::INFINITY);
        /// Pull of the hidden units' means to a target; 0: off
        sparsity: f32 = "0.0", Rule::Below(f32::INFINITY);
        /// That target
        activity: f32 = "0.1", Rule::Below(1.0);
        /// Largest norm of the weights from the layer below to a hidden unit; 0: any
        max_norm: f32 = "0.0", Rule::Below(f32::INFINITY);
    }
    "Boltzmann machine in a game" {
        /// What the generator starts from: the machine's top layer, or noise as wide; features: the discriminator's, which
        /// the machine learns in the game, without learning before it
        prior: Prior = "frozen", Rule::OneOf(Prior::WORDS);
        /// Standard deviation of the noise on what the machine gives
        smoothing: f32 = "0.1", Rule::Below(f32::INFINITY);
        /// Share of the discriminator's opinion in what a refreshed machine learns from (BEAM)
        opinion: f32 = "0.0", Rule::Below(1.0);
        /// Steps in which all layers of the machine learn before the game
        joint: u64 = "2000", Rule::Whole(1, MAX);
        /// Learning rate of the machine
        lr_dbm: f32 = "0.005", Rule::Below(f32::INFINITY);
    }
    "Autoencoder" {
        /// Layers of the encoder, the decoder and what judges them
        net: Architecture = "dense", Rule::OneOf(Architecture::WORDS);
        /// Hidden widths of a dense encoder, input side first; the decoder has them in reverse
        hidden_e: Vec<usize> = "512,256", Rule::Widths;
        /// What the decoder says about each value
        likelihood: Likelihood = "bernoulli", Rule::OneOf(&["bernoulli", "gaussian"]);
        /// Draw each pixel as black or white by its grey level, anew at every step
        binarize: bool = "false", Rule::Switch;
    }
    "Recurrent" {
        /// Kind of recurrent layers
        cell: Cell = "lstm", Rule::OneOf(Cell::WORDS);
        /// Units of each of them; channels of a convolutional critic
        units: usize = "64", Rule::Whole(1, 512);
        /// How many of them lie on each other
        depth: usize = "1", Rule::Whole(1, 8);
        /// Whether encoders and critics run in both directions
        bidirectional: bool = "true", Rule::Switch;
        /// Layers of the critic
        critic: Critic = "recurrent", Rule::OneOf(Critic::WORDS);
        /// Whether a recurrent critic judges each step, not the whole
        each_step: bool = "false", Rule::Switch;
        /// Whether the generator sees its own last output
        feedback: bool = "false", Rule::Switch;
        /// Play between codes of sequences, whose next steps a supervisor predicts (TimeGAN)
        embedding: bool = "false", Rule::Switch;
        /// How random drawn symbols are: 1 as the model says, less for likelier ones
        temperature: f32 = "1.0", Rule::Below(f32::INFINITY);
    }
    "Variational bound" {
        /// Weight of the divergence from the prior
        beta: f32 = "1.0", Rule::Below(f32::INFINITY);
        /// Steps over which that weight rises from 0; 0: none
        warmup: u64 = "0", Rule::Whole(0, MAX);
        /// Nats of each latent variable that cost nothing
        free_bits: f32 = "0.0", Rule::Below(f32::INFINITY);
        /// Latent vectors drawn for each example; more than 1: the importance-weighted bound
        importance: usize = "1", Rule::Whole(1, 1000);
    }
    "Fusion" {
        /// Steps of each stage of the pretraining; 0: none
        pretrain: u64 = "0", Rule::Whole(0, MAX);
        /// How encoder and decoder take part in the game
        fusion: Fusion = "trunk", Rule::OneOf(Fusion::WORDS);
        /// Weight of the reconstruction in the decoder's loss
        gamma: f32 = "1.0", Rule::Below(f32::INFINITY);
        /// Cost at which discriminator and decoder are in balance
        equilibrium: f32 = "0.68", Rule::Below(f32::INFINITY);
        /// Distance from it at which the stronger side waits; 0: neither ever does
        margin: f32 = "0.0", Rule::Below(f32::INFINITY);
        /// Weight of the divergence of generated samples (introspective)
        beta_neg: f32 = "1.0", Rule::Below(f32::INFINITY);
        /// Error of generated samples over that of real ones (boundary)
        diversity: f32 = "0.5", Rule::Below(f32::INFINITY);
        /// Rate at which the balance is corrected (boundary)
        gain: f32 = "0.001", Rule::Below(f32::INFINITY);
    }
    "What is written" {
        /// Steps between lines of metrics.jsonl
        log_every: u64 = "10", Rule::Whole(1, MAX);
        /// Steps between sample images; 0: only at the end
        sample_every: u64 = "200", Rule::Whole(0, MAX);
        /// Steps between checkpoints; 0: only at the end
        checkpoint_every: u64 = "200", Rule::Whole(0, MAX);
        /// Newest checkpoints to keep
        keep: usize = "3", Rule::Whole(1, MAX);
        /// Samples in each image
        samples: usize = "64", Rule::Whole(1, 10000);
    }
}

/// The text of every setting and where it came from: what layers are applied to.
struct Texts {
    values: BTreeMap<&'static str, (String, String)>,
    relevant: Vec<&'static str>,
}

impl Texts {
    /// The defaults, of which those for which `has` holds are relevant.
    fn defaults(has: impl Fn(&Key) -> bool) -> Self {
        let values = KEYS.iter().map(|key| (key.name, (key.default.into(), String::new()))).collect();
        Self { values, relevant: KEYS.iter().filter(|key| has(key)).map(|key| key.name).collect() }
    }

    fn set(&mut self, name: &str, text: &str, origin: &str) -> Result<()> {
        let Some(key) = KEYS.iter().find(|key| key.name == name) else {
            return Err(unknown("setting", name, KEYS.iter().map(|key| key.name)).at(origin));
        };
        if !key.rule.accepts(text) {
            return Err(key.refuse(text).at(origin));
        }
        if !self.relevant.contains(&key.name) {
            let variant = &self.values["variant"].0;
            let sentence = format!("`{name}` is no option of {variant}: `saddle variants {variant}` lists those");
            return Err(Error::usage(sentence).at(origin));
        }
        self.values.insert(key.name, (text.into(), origin.into()));
        Ok(())
    }

    fn apply(&mut self, layers: &[Layer]) -> Result<()> {
        layers.iter().flat_map(|layer| &layer.entries).try_for_each(|e| self.set(&e.key, &e.text, &e.origin))
    }

    fn value<T: Value>(&self, name: &str) -> Result<T> {
        let (text, origin) = &self.values[name];
        let wrong = || KEYS.iter().find(|key| key.name == name).expect("every field is a key").refuse(text).at(origin);
        T::parse(text).ok_or_else(wrong)
    }

    fn finish(&self) -> Result<Settings> {
        let settings = self.build()?;
        if !settings.batch.is_multiple_of(settings.pack) {
            let (batch, pack) = (settings.batch, settings.pack);
            return Err(Error::usage(format!("`batch` takes a multiple of `pack`, and {batch} is not one of {pack}")));
        }
        if settings.conditional && settings.stack > 1 {
            return Err(Error::usage(
                "`conditional` takes stack=1: the draws that a stack is made of are of several classes",
            ));
        }
        Ok(settings)
    }
}

impl Key {
    fn refuse(&self, text: &str) -> Error {
        let hint = nearest(text, self.rule.words().iter().copied());
        let hint = hint.map_or(String::new(), |word| format!("; did you mean `{word}`?"));
        Error::usage(format!("`{}` takes {}, not `{text}`{hint}", self.name, self.rule.describe()))
    }
}

impl Settings {
    /// The settings of a new run: defaults, then the preset of the chosen variant, then the layers in order.
    ///
    /// Where no layer names a preset, one with the name of the data is taken: `data = ring` takes the preset `ring` of a
    /// variant that has it.
    pub fn resolve(variants: &[Menu], layers: &[Layer]) -> Result<Self> {
        let mut texts = Texts::defaults(|_| true);
        texts.apply(layers)?;
        let (variant, origin) = &texts.values["variant"];
        let Some(menu) = variants.iter().find(|menu| menu.name == variant) else {
            return Err(unknown("variant", variant, variants.iter().map(|menu| menu.name)).at(origin));
        };
        let values = |name: &str| menu.presets.iter().find(|(preset, _)| *preset == name).map(|(_, values)| *values);
        let data = match &texts.values["data"] {
            (_, none) if none.is_empty() => menu.data,
            (data, _) => data,
        };
        let (preset, origin) = match &texts.values["preset"] {
            (_, none) if none.is_empty() && values(data).is_some() => (data.to_owned(), format!("data {data}")),
            chosen => chosen.clone(),
        };
        let values = match values(&preset) {
            Some(values) => values,
            None if preset == DEFAULT_PRESET => &[],
            None => {
                let others = menu.presets.iter().map(|(name, _)| *name).filter(|name| *name != DEFAULT_PRESET);
                let names = [DEFAULT_PRESET].into_iter().chain(others);
                return Err(unknown(&format!("preset of {variant}"), &preset, names).at(&origin));
            }
        };
        let origin = format!("preset {preset} of {variant}");
        let mut texts = Texts::defaults(|key| menu.has(key));
        texts.set("variant", menu.name, "")?;
        texts.set("data", menu.data, "")?;
        texts.set("preset", &preset, &origin)?;
        values.iter().try_for_each(|(key, value)| texts.set(key, value, &origin))?;
        texts.apply(layers)?;
        texts.finish()
    }

    /// Reads back what [`Settings::to_toml`] wrote; `name` stands for it in error messages.
    pub fn from_toml(text: &str, name: &str) -> Result<Self> {
        Self::from_layer(Layer::from_toml(text, name)?)
    }

    /// Reads a `run.toml`.
    pub fn load(path: &Path) -> Result<Self> {
        Self::from_layer(Layer::from_file(path)?)
    }

    /// Settings that were written down: those that are there are those that the variant has.
    fn from_layer(layer: Layer) -> Result<Self> {
        let mut texts = Texts::defaults(|_| true);
        texts.apply(std::slice::from_ref(&layer))?;
        texts.relevant.retain(|key| layer.entries.iter().any(|entry| entry.key == *key));
        texts.finish()
    }

    /// These settings with `layers` on top, for a resumed run: refuses what would make it a different run.
    pub fn resumed(&self, layers: &[Layer]) -> Result<Self> {
        let own = KEYS.iter().zip(self.values()).map(|(key, (text, _))| (key.name, (text, String::new())));
        let mut texts = Texts { values: own.collect(), relevant: self.relevant.clone() };
        texts.apply(layers)?;
        let settings = texts.finish()?;
        for ((key, (old, _)), (new, _)) in KEYS.iter().zip(self.values()).zip(settings.values()) {
            if old != new && !RESUMABLE.contains(&key.name) {
                let (name, can) = (key.name, RESUMABLE.join(", "));
                let sentence =
                    format!("`{name}` is {old} in this run and cannot become {new}; a resumed run can change {can}");
                return Err(Error::usage(sentence).at(&texts.values[name].1));
            }
        }
        Ok(settings)
    }

    /// Every setting that the variant has as TOML, grouped, with its help line.
    pub fn to_toml(&self) -> String {
        let mut toml = String::from("# Every setting of this run; `saddle train --config` on this file repeats it.\n");
        let mut group = "";
        for (key, (_, value)) in KEYS.iter().zip(self.values()).filter(|(key, _)| self.relevant.contains(&key.name)) {
            if key.group != group {
                group = key.group;
                toml += &format!("\n# {group}\n");
            }
            let assignment = format!("{} = {value}", key.name);
            toml += &format!("{assignment:<30} # {}\n", key.help);
        }
        toml
    }

    /// Every setting there is, for listings and help texts.
    pub fn describe() -> &'static [Key] {
        KEYS
    }
}

impl Default for Settings {
    fn default() -> Self {
        Texts::defaults(|_| true).finish().expect("the built-in defaults follow their own rules")
    }
}
