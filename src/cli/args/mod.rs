//! The command line of `saddle`: its commands, arguments and help texts.

mod codes;
mod export;
mod offered;
mod tools;
mod values;

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};

use super::hints;
use crate::error::{Error, Result};
use crate::eval::inception::{ADDRESS, Resize};
use crate::settings::{Layer, RUN_FILE};
use crate::trained::Which;
use offered::{Offered, presets, variants};
use values::{at_least_zero, from_0_to_1, help, minutes, numbers, resize, share};

pub use codes::{ClassifyArgs, DecodeArgs, EncodeArgs, ScoreArgs};
pub use export::ExportArgs;
pub use tools::{
    BenchArgs, BenchCommand, CheckArgs, CompareArgs, CompletionsArgs, DataArgs, DevicesArgs, ManArgs, PackArgs,
    ReportArgs, RunsArgs, VariantsArgs, WatchArgs,
};

/// Trains adversarial generative models on any GPU.
#[derive(Debug, Parser)]
#[command(name = "saddle", version, arg_required_else_help = true, after_help = EXAMPLES)]
pub struct Cli {
    /// Print results, warnings and errors only
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Print also what the graphics stack says
    #[arg(long, short, global = true)]
    pub verbose: bool,
    /// The command to run.
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  saddle train                              dcgan on drawn digits, on the best device
  saddle sample runs/dcgan-digits-001       a PNG of new samples
  saddle eval runs/dcgan-digits-001         how good the samples are
  saddle encode runs/vae-digits-001         codes of its data, or of --data photos/
  saddle score runs/vae-digits-001          how unusual each example is
  saddle classify runs/vae-digits-001 --labels names.csv   classes from a few labels
  saddle export runs/dcgan-digits-001 --to onnx   the generator for other programs
  saddle runs                               the runs here, and in what they differ
  saddle watch runs/dcgan-digits-001        a page of its curves and samples, while it trains
  saddle data photos/                       what a model would learn from a folder
  saddle pack photos/ --out photos.npy      the same as one file, which may be larger than memory
  saddle variants                           the models, and the built-in data
  saddle variants vae                       one model's presets and settings
  saddle devices                            the devices that can train
  saddle check                              whether a device computes correctly
  saddle bench                              how fast a device is";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Train a model
    Train(Box<TrainArgs>),
    /// Draw samples from a trained model
    Sample(Box<SampleArgs>),
    /// Write the codes or features of examples, as an array
    Encode(EncodeArgs),
    /// Write the examples that codes or latent vectors stand for
    Decode(DecodeArgs),
    /// Say how unusual each example is
    Score(ScoreArgs),
    /// Write the class of each example, from the labels of some
    Classify(ClassifyArgs),
    /// Measure how good a trained model is
    Eval(EvalArgs),
    /// Write a trained model for other programs: ONNX, PyTorch, a page for browsers
    Export(ExportArgs),
    /// Show how a data set is read, without training
    Data(DataArgs),
    /// Write data once as a file that training reads item by item, whatever its size
    Pack(PackArgs),
    /// List the runs of a folder, with the settings in which they differ
    Runs(RunsArgs),
    /// Put runs side by side: settings that differ, metrics and scores, with means over seeds
    Compare(CompareArgs),
    /// Write a page of runs: curves, samples over time, settings, scores
    Report(ReportArgs),
    /// Show that page while runs train
    Watch(WatchArgs),
    /// Measure how fast devices are, or compare earlier results
    Bench(BenchArgs),
    /// Check that a device computes correctly
    Check(CheckArgs),
    /// List the devices that can train
    Devices(DevicesArgs),
    /// List the models, or one model's settings and presets
    Variants(VariantsArgs),
    /// Print the script that completes commands and options in a shell
    Completions(CompletionsArgs),
    /// Print the manual page of saddle, or of a command: saddle man train | man -l -
    Man(ManArgs),
}

const TRAIN_EXAMPLES: &str = "\
Later layers win: defaults, preset, --config, flags and --set. `saddle variants NAME` lists every setting.

Examples:
  saddle train
  saddle train gan --data ring --steps 5000 --seed 1
  saddle train dcgan --data photos/ --size 32 --set objective=relativistic --set r1=0.05 --set norm_d=none
  saddle train vae-gan --preset article
  saddle train lstm-gan --data sines
  saddle train --config runs/dcgan-digits-001/run.toml
  saddle train --out runs/dcgan-digits-001 --resume --steps 4000
  saddle train --out runs/dcgan-digits-001 --resume --set lr_g=0.00005";

/// `saddle train`.
#[derive(Debug, Args)]
#[command(after_help = TRAIN_EXAMPLES)]
pub struct TrainArgs {
    /// Model to train, and settings: `saddle train gan lr_g=0.001`; `saddle variants` lists the models [default: dcgan]
    #[arg(value_name = "VARIANT|KEY=VALUE", value_parser = Offered(variants), hide_possible_values = true)]
    words: Vec<String>,
    #[arg(long, value_name = "NAME|PATH", help = help("data"))]
    data: Option<String>,
    #[arg(long, value_name = "N", allow_negative_numbers = true, help = help("steps"))]
    steps: Option<String>,
    /// As many steps as a time has, found by timing some first; schedules end with it
    #[arg(long, value_name = "N", value_parser = minutes, conflicts_with_all = ["steps", "resume"])]
    pub minutes: Option<f64>,
    #[arg(long, aliases = ["batch-size", "batch_size", "bs"], value_name = "N", allow_negative_numbers = true,
          help = help("batch"))]
    batch: Option<String>,
    #[arg(long, value_name = "N", allow_negative_numbers = true, help = help("seed"))]
    seed: Option<String>,
    #[arg(long, aliases = ["device", "gpu"], value_name = "INDEX|NAME", help = help("adapter"))]
    adapter: Option<String>,
    #[arg(long, value_name = "NAME", help = help("preset"), value_parser = Offered(presets),
          hide_possible_values = true)]
    preset: Option<String>,
    #[arg(long, help = help("conditional"))]
    conditional: bool,
    #[arg(long, value_name = "N", allow_negative_numbers = true, help = help("stack"))]
    stack: Option<String>,
    #[arg(long, aliases = ["img-size", "image-size", "resolution"], value_name = "N|WxH", allow_negative_numbers = true,
          help = help("size"))]
    size: Option<String>,
    #[arg(long, value_name = "N", allow_negative_numbers = true, help = help("keep"))]
    keep: Option<String>,
    #[arg(long, value_name = "COLUMN=TYPE,..", help = help("types"))]
    types: Option<String>,
    #[arg(long, value_name = "CELL,..", allow_hyphen_values = true, help = help("missing"))]
    missing: Option<String>,
    #[arg(long, value_name = "RUN[@STEP]", help = help("init"))]
    init: Option<String>,
    /// TOML file of settings, such as the run.toml of another run
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// With --config: which of the `[[case]]` tables in the file to take, counted from 0
    #[arg(long, value_name = "N", requires = "config")]
    case: Option<usize>,
    /// Set any setting; can be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Folder of the run, new or empty [default: runs/VARIANT-DATA-NNN]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Continue the run in --out, or RUN in place of a variant, from its newest good checkpoint; with --config, begin
    /// it if there is none
    #[arg(long)]
    pub resume: bool,
    /// With --resume: go on from the checkpoint after this step, and set the later ones aside
    #[arg(long, value_name = "STEP", requires = "resume")]
    pub from: Option<u64>,
    /// With --resume and --data: continue even if the data is not the data that the run learned from
    #[arg(long, requires_all = ["resume", "data"])]
    pub accept_changed_data: bool,
    /// Longest time for one submission to a GPU, for machines that stop long ones; a single launch may take longer
    #[arg(long, value_name = "MS", default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub max_dispatch_ms: u64,
    /// Show the run on a page while it trains, as `saddle watch` does
    #[arg(long)]
    pub watch: bool,
    /// Print a line of JSON at the end: the run, its step, its last metrics; other results go to the standard error
    #[arg(long, conflicts_with_all = ["dry_run", "explain"])]
    pub json: bool,
    /// Print the settings, parameters, memory and FLOPs of the run, without training
    #[arg(long)]
    pub dry_run: bool,
    /// Print the program that would run, or the WGSL of one of its launches, without training
    #[arg(long, value_name = "LAUNCH", num_args = 0..=1, require_equals = true)]
    pub explain: Option<Option<usize>>,
}

impl TrainArgs {
    /// The same with the folder of the run to resume in `out`, where it stands alone: `saddle train --resume RUN`.
    ///
    /// # Errors
    /// Nothing names that folder.
    pub fn with_run(mut self) -> Result<Self> {
        if self.resume && self.out.is_none() {
            let run = self.words.iter().position(|word| Path::new(word).join(RUN_FILE).exists());
            let run = run.ok_or_else(|| {
                let sentence = "--resume goes on with the run in a folder, and none is named that has one";
                Error::usage(format!("{sentence}: `saddle train --out RUN --resume`"))
            })?;
            self.out = Some(self.words.remove(run).into());
        }
        Ok(self)
    }

    /// Whether `--data` names the data.
    pub fn names_data(&self) -> bool {
        self.data.is_some()
    }

    /// Whether a file has the settings of a run.
    pub fn begins_with_settings(&self) -> bool {
        self.config.is_some()
    }

    /// The error of data that cannot be opened; a path that came with `--config` may be meant for another folder.
    pub fn of_config(&self, error: Error, data: &str) -> Error {
        match &self.config {
            Some(file) if !self.names_data() && !Path::new(data).exists() => {
                let file = file.display();
                let place = if Path::new(data).is_absolute() { "" } else { ", seen from the folder of this command" };
                Error::usage(format!("{error}; the path is that of `{file}`{place}: --data names another one"))
            }
            _ => error,
        }
    }

    /// The layers of settings on this command line, lowest first: `--config`, then flags, then `--set`.
    pub fn layers(&self) -> Result<Vec<Layer>> {
        let mut layers = Vec::new();
        if let Some(file) = &self.config {
            layers.push(Layer::from_file(file, self.case)?);
            hints::check_file(&layers[0])?;
        }
        let (assigned, variants): (Vec<_>, Vec<_>) = self.words.iter().partition(|word| word.contains('='));
        let variants: Vec<String> = variants.into_iter().map(|word| hints::variant(word)).collect();
        hints::check_words(&variants, self.data.as_deref())?;
        let variant = variants.into_iter().next();
        variant.iter().try_for_each(|word| hints::check_variant(word))?;
        self.data.iter().try_for_each(|word| hints::check_data(word))?;
        let mut flags = Layer::default();
        let given = [
            ("variant", &variant, ""),
            ("data", &self.data, "--data"),
            ("steps", &self.steps, "--steps"),
            ("batch", &self.batch, "--batch"),
            ("seed", &self.seed, "--seed"),
            ("adapter", &self.adapter, "--adapter"),
            ("preset", &self.preset, "--preset"),
            ("stack", &self.stack, "--stack"),
            ("size", &self.size, "--size"),
            ("keep", &self.keep, "--keep"),
            ("init", &self.init, "--init"),
            ("types", &self.types, "--types"),
            ("missing", &self.missing, "--missing"),
        ];
        for (key, value, flag) in given {
            if let Some(value) = value {
                flags.set(key, value, flag);
            }
        }
        if self.conditional {
            flags.set("conditional", "true", "--conditional");
        }
        for assignment in assigned.into_iter().chain(&self.set) {
            hints::check_assignment(assignment, variant.as_deref())?;
            flags.assign(assignment)?;
        }
        layers.push(flags);
        Ok(layers)
    }
}

const SAMPLE_EXAMPLES: &str = "\
Examples:
  saddle sample runs/dcgan-digits-001 --count 16 --seed 7 --out digits.png
  saddle sample runs/vae-digits-001 --interpolate 8
  saddle sample runs/vae-digits-001 --walk 120 --out walk.gif
  saddle sample runs/vae-digits-001 --reconstruct --count 32
  saddle sample runs/dcgan-digits-001 --project seven.png
  saddle sample runs/lstm-poems-001 --prompt \"ROMEO:\" --length 1000 --temperature 0.8
  saddle sample runs/lstm-poems-001 --count 20 --out poems.txt";

// No comment for documentation: clap would print it as what each of the commands does.
#[derive(Debug, Default, Args)]
pub struct ModelArgs {
    /// Device by index or name, or cpu [default: the best one]
    #[arg(long, aliases = ["device", "gpu"], value_name = "INDEX|NAME")]
    pub adapter: Option<String>,
    /// Checkpoint after this step, or `best`: the one that did best on held-out examples [default: the newest]
    #[arg(long, value_name = "STEP|best", default_value = "newest", hide_default_value = true)]
    pub checkpoint: Which,
}

/// `saddle sample`.
#[derive(Debug, Default, Args)]
#[command(after_help = SAMPLE_EXAMPLES)]
pub struct SampleArgs {
    /// Folder of the run
    pub run: Option<PathBuf>,
    /// Number of samples, with --interpolate rounded up to whole rows [default: 64; on the standard output 8 lines, or
    /// 1 text without an end; 1 mid]
    #[arg(long, value_name = "N", value_parser = numbers(1, 1_000_000))]
    pub count: Option<usize>,
    /// Seed of the random numbers
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// File to write; its ending is the format: png, svg, csv, npy; gif or apng for --walk; txt for symbols, mid for
    /// music, several of which are NAME-001.mid and so on; a folder is for mid and --each; -: the standard output
    /// [default: for text the standard output, else the next free RUN/sample-001]
    #[arg(long, value_name = "FILE|-")]
    pub out: Option<PathBuf>,
    /// Write over files that exist
    #[arg(long)]
    pub force: bool,
    /// Beginning of a text or of a melody, or a MIDI file: the model goes on with it (lstm)
    #[arg(long, value_name = "TEXT", conflicts_with = "prompt_file")]
    pub prompt: Option<String>,
    /// File with a beginning: text, or MIDI (lstm)
    #[arg(long, value_name = "FILE")]
    pub prompt_file: Option<PathBuf>,
    /// Number of symbols, or of steps of music, to write, after the prompt (lstm) [default: 500, in a file as many as
    /// in training; lines end by themselves]
    #[arg(long, value_name = "N", value_parser = numbers(1, 10_000_000))]
    pub length: Option<usize>,
    /// 1 follows the model, less prefers likelier symbols, 0 takes the likeliest (lstm, rvae) [default: as in training]
    #[arg(long, value_name = "T", value_parser = at_least_zero, allow_negative_numbers = true)]
    pub temperature: Option<f64>,
    /// Draw only from this many of the likeliest symbols (lstm)
    #[arg(long, value_name = "K", value_parser = numbers(1, 65_536))]
    pub top_k: Option<usize>,
    /// Draw only from the likeliest symbols that together have this probability (lstm)
    #[arg(long, value_name = "P", value_parser = share)]
    pub top_p: Option<f64>,
    /// Its checkpoint and device.
    #[command(flatten)]
    pub model: ModelArgs,
    /// Class to draw, by name or number, for a conditional model [default: all in turn]
    #[arg(long, value_name = "NAME|N", allow_negative_numbers = true)]
    pub class: Option<String>,
    /// Draw only rows of a table that fulfil this, such as sex=Female, age>=65 or city!=Bonn; can be repeated
    #[arg(long = "where", value_name = "CONDITION", conflicts_with_all = ["interpolate", "reconstruct", "walk"])]
    pub conditions: Vec<String>,
    /// Interpolate between two samples in this many steps; each row shows one pair, --count / STEPS rows
    #[arg(long, value_name = "STEPS", value_parser = numbers(2, 64))]
    pub interpolate: Option<usize>,
    /// Go from latent vector to latent vector and back to the first in this many frames: a moving picture, gif or apng
    #[arg(long, value_name = "FRAMES", value_parser = numbers(2, 1000),
          conflicts_with_all = ["interpolate", "reconstruct"])]
    pub walk: Option<usize>,
    /// Pull latent vectors toward their mean, 0 to 1: less is more usual and less various (StyleGAN's truncation)
    #[arg(long, value_name = "PSI", value_parser = from_0_to_1, conflicts_with_all = ["reconstruct", "project"])]
    pub truncation: Option<f64>,
    /// Find the samples nearest to given examples, and their latent vectors: these are a picture, a folder of some, a
    /// table with the model's columns, or an npy array
    #[arg(long, value_name = "FILE", group = "compared",
          conflicts_with_all = ["interpolate", "walk", "count", "each"])]
    pub project: Option<PathBuf>,
    /// Latent vectors instead of random ones, again and again from the first: an npy array, such as --project writes
    #[arg(long, value_name = "FILE", conflicts_with_all = ["reconstruct", "project"])]
    pub from: Option<PathBuf>,
    /// Images side by side in a picture [default: a square, or a column for each class]
    #[arg(long, value_name = "N", value_parser = numbers(1, 10_000), conflicts_with = "interpolate")]
    pub columns: Option<usize>,
    /// Pixels on a side of a pixel of an image [default: as suits a picture, 1 with --each]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub scale: Option<u32>,
    /// Write each image to a png of its own, sample-001.png and so on in a folder [default: the next RUN/sample-001]
    #[arg(long, conflicts_with_all = ["walk", "columns"])]
    pub each: bool,
    /// Encode and decode held-out examples instead; a png shows the originals too
    #[arg(long, group = "compared", conflicts_with_all = ["interpolate", "class", "seed"])]
    pub reconstruct: bool,
    /// New location of the data to reconstruct or to compare with [default: its location in training]
    #[arg(long, value_name = "NAME|PATH", requires = "compared")]
    pub data: Option<String>,
    /// With --data: use the data even if it is not the data that the run learned from
    #[arg(long, requires = "data")]
    pub accept_changed_data: bool,
}

impl SampleArgs {
    /// The option that only models whose samples are made of latent vectors have, if one is given.
    pub fn of_latent(&self) -> Option<&'static str> {
        let given = [("--truncation", self.truncation.is_some()), ("--from", self.from.is_some())];
        let given = given.into_iter().find(|(_, is_given)| *is_given).map(|(name, _)| name);
        self.way().filter(|way| *way != "--reconstruct").or(given)
    }

    /// The option that asks for something else than random samples, if one does.
    pub fn way(&self) -> Option<&'static str> {
        let given = [
            ("--reconstruct", self.reconstruct),
            ("--interpolate", self.interpolate.is_some()),
            ("--walk", self.walk.is_some()),
            ("--project", self.project.is_some()),
        ];
        given.into_iter().find(|(_, is_given)| *is_given).map(|(name, _)| name)
    }

    /// The names of the options given that are for models which go on with sequences.
    pub fn go_on(&self) -> impl Iterator<Item = &'static str> {
        let given = [
            ("--prompt", self.prompt.is_some()),
            ("--prompt-file", self.prompt_file.is_some()),
            ("--length", self.length.is_some()),
            ("--temperature", self.temperature.is_some()),
            ("--top-k", self.top_k.is_some()),
            ("--top-p", self.top_p.is_some()),
        ];
        given.into_iter().filter(|(_, is_given)| *is_given).map(|(name, _)| name)
    }
}

fn eval_examples() -> String {
    format!(
        "\
Prints the scores of the model, of a perfect sampler and of real data, and writes them to the folder RUN/eval.
Image scores use the features of a classifier, which is trained once for each data set, in minutes on a CPU; so they do
not compare with those of papers, which use Inception's: --features takes its weights, a file that is to be had at
{ADDRESS}
The word beside a score compares it with a perfect sampler's, or real data's where that is not known:
as good (better, or within two standard deviations, or 5 %), near (worse by half at most), far; or unsure, where chance
moves the score by more than half, and it is not farther than that.

Examples:
  saddle eval runs/dcgan-digits-001
  saddle eval runs/vae-binarized_mnist-001 --importance 5000
  saddle eval runs/dcgan-digits-001 --count 1000 --effort 0.1 --json
  saddle eval runs/ring-* --count 5000
  saddle eval runs/dcgan-digits-001 --features pt_inception-2015-12-05-6726825d.pth"
    )
}

/// `saddle eval`.
#[derive(Debug, Args)]
#[command(after_help = eval_examples())]
pub struct EvalArgs {
    /// Folders of runs, which are measured one after the other
    #[arg(value_name = "RUN")]
    pub runs: Vec<PathBuf>,
    /// Print JSON: a line for each run
    #[arg(long)]
    pub json: bool,
    /// Maximum number of samples, and of held-out examples other than text, to measure [default: as many as published]
    #[arg(long, value_name = "N", value_parser = numbers(1, 1_000_000))]
    pub count: Option<usize>,
    /// Seed of the random numbers
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Its checkpoint and device.
    #[command(flatten)]
    pub model: ModelArgs,
    /// Importance samples for the likelihood of a variational autoencoder; 0: leave it out [default: 200]
    #[arg(long, value_name = "K", value_parser = numbers(0, 1_000_000))]
    pub importance: Option<usize>,
    /// Annealing temperatures for the likelihood of a Boltzmann machine; 0: leave it out [default: 20000]
    #[arg(long, value_name = "N", value_parser = numbers(0, 10_000_000))]
    pub temperatures: Option<usize>,
    /// Column of a table: also measure how well samples train a predictor of it, beside real rows
    #[arg(long, value_name = "COLUMN")]
    pub target: Option<String>,
    /// Examples to measure in place of samples, such as those of another program: a table of the same columns as the
    /// data, or images, series or points as `train` reads them
    #[arg(long, value_name = "PATH")]
    pub only_data: Option<PathBuf>,
    /// File of Inception's weights: also measure FID, KID, Inception Score, precision and recall as papers do, of up to
    /// 50,000 samples
    #[arg(long, value_name = "FILE", env = "SADDLE_FEATURES", hide_env_values = true)]
    pub features: Option<PathBuf>,
    /// Statistics of Inception's features to compare with, an npz file with mu and sigma [default: the training images]
    #[arg(long, value_name = "FILE", requires = "features")]
    pub reference: Option<PathBuf>,
    /// How images are resized for Inception, as in pytorch-fid, tensorflow or clean-fid: figures of one way do not
    /// compare with another's
    #[arg(long, value_name = "TOOL", default_value = "pytorch-fid", value_parser = resize)]
    pub resize: Resize,
    /// Share of the full training of the scoring networks, for a quick look
    #[arg(long, value_name = "SHARE", default_value_t = 1.0, value_parser = share)]
    pub effort: f64,
    /// Exit with status 1 if a score is far from the best, for scripts
    #[arg(long)]
    pub strict: bool,
    /// New location of the data [default: its location in training]
    #[arg(long, value_name = "NAME|PATH")]
    pub data: Option<String>,
    /// With --data: use the data even if it is not the data that the run learned from
    #[arg(long, requires = "data")]
    pub accept_changed_data: bool,
}
