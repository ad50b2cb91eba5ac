//! The arguments of `saddle encode`, `decode`, `score` and `classify`.

use std::path::PathBuf;

use clap::Args;

use super::{ModelArgs, numbers};
use crate::codes::By;

const ENCODE_EXAMPLES: &str = "\
A code depends on its example alone. Beside FILE.npy lies FILE.names.csv: the name and the class of each row.
Layers, as far as the model has them: code, draw, posterior, features, pooled, states, layer1, .., layers.

Examples:
  saddle encode runs/vae-digits-001 --out codes.npy
  saddle encode runs/vae-photos-001 --data new/ --out codes.csv
  saddle encode runs/dcgan-digits-001 --held-out --layer pooled --out pooled.npz";

/// `saddle encode`.
#[derive(Debug, Args)]
#[command(after_help = ENCODE_EXAMPLES)]
pub struct EncodeArgs {
    /// Folder of the run
    pub run: Option<PathBuf>,
    /// Data to encode, all of it; read as the run's was [default: the part that the run learned from]
    #[arg(long, value_name = "NAME|PATH")]
    pub data: Option<String>,
    /// Encode the part to test with instead
    #[arg(long)]
    pub held_out: bool,
    /// What to take of each example [default: code, or features of a model without an encoder]
    #[arg(long, value_name = "NAME")]
    pub layer: Option<String>,
    /// File to write: npy, npz (x, y and names, which --data reads) or csv [default: the next free RUN/codes-001.npy]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Write over files that exist
    #[arg(long)]
    pub force: bool,
    /// Seed of the layer `draw`
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Its checkpoint and device.
    #[command(flatten)]
    pub model: ModelArgs,
}

const DECODE_EXAMPLES: &str = "\
Codes are those of the layer code; of a model without an encoder, latent vectors.

Examples:
  saddle decode runs/vae-digits-001 codes.npy --out back.png
  saddle decode runs/dcgan-digits-001 z.npy --out digits.npy";

/// `saddle decode`.
#[derive(Debug, Args)]
#[command(after_help = DECODE_EXAMPLES)]
pub struct DecodeArgs {
    /// Folder of the run
    pub run: PathBuf,
    /// Codes: npy, npz or csv, as `encode` writes them
    #[arg(value_name = "CODES")]
    pub codes: PathBuf,
    /// File to write, as of `sample`: png, svg, csv, npy, txt or mid [default: the next free RUN/sample-001]
    #[arg(long, value_name = "FILE|-")]
    pub out: Option<PathBuf>,
    /// Write over files that exist
    #[arg(long)]
    pub force: bool,
    /// Seed of decoders that draw
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Its checkpoint and device.
    #[command(flatten)]
    pub model: ModelArgs,
}

const SCORE_EXAMPLES: &str = "\
Higher is more unusual. The threshold is a quantile of the scores of the run's held-out part. Beside FILE.csv lies
FILE.png: of images and series the most and the least unusual, or the scores along the rows of a table of series.

Examples:
  saddle score runs/vae-parts-001 --data new/ --out scores.csv
  saddle score runs/vae-three-001 --data mnist/ --held-out --normal 3
  saddle score runs/lstm-machine-001 --data today.csv --steps";

/// `saddle score`.
#[derive(Debug, Args)]
#[command(after_help = SCORE_EXAMPLES)]
pub struct ScoreArgs {
    /// Folder of the run
    pub run: Option<PathBuf>,
    /// Data to score, all of it; read as the run's was [default: the part that the run learned from]
    #[arg(long, value_name = "NAME|PATH")]
    pub data: Option<String>,
    /// Score the part to test with instead
    #[arg(long)]
    pub held_out: bool,
    /// Formula [default: as suits the model]
    #[arg(long, value_enum, value_name = "FORMULA")]
    pub by: Option<By>,
    /// Class of the data that is usual: also measure how well the scores tell it from the others
    #[arg(long, value_name = "NAME")]
    pub normal: Option<String>,
    /// Share of the held-out examples that lies below the threshold
    #[arg(long, value_name = "SHARE", default_value_t = 0.99, value_parser = super::from_0_to_1)]
    pub quantile: f64,
    /// A column for each step of sequences, by their likelihood
    #[arg(long)]
    pub steps: bool,
    /// Samples of each example for --by nll [default: 200]
    #[arg(long, value_name = "K", value_parser = numbers(1, 1_000_000))]
    pub importance: Option<usize>,
    /// File to write, csv [default: the next free RUN/scores-001.csv]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Exit with status 1 if a row of a table has cells like none in the data, for scripts
    #[arg(long)]
    pub strict: bool,
    /// Write over files that exist
    #[arg(long)]
    pub force: bool,
    /// Its checkpoint and device.
    #[command(flatten)]
    pub model: ModelArgs,
}

const CLASSIFY_EXAMPLES: &str = "\
Labels spread over the graph of the nearest neighbours of the run's examples, by their codes, and every example gets the
class that most of its neighbours have; the probability is its share of their vote. Without --labels, the labels are
those of the run's data. names.csv has columns `name` and `class`, and names as in the names.csv of `encode`; examples
that are not in it, or have an empty class, have no label.

Examples:
  saddle classify runs/vae-photos-001 --labels names.csv --out classes.csv
  saddle classify runs/vae-photos-001 --labels names.csv --data new/ --out classes.csv";

/// `saddle classify`.
#[derive(Debug, Args)]
#[command(after_help = CLASSIFY_EXAMPLES)]
pub struct ClassifyArgs {
    /// Folder of the run
    pub run: Option<PathBuf>,
    /// Classes of some examples of the run's data, csv [default: the labels of that data]
    #[arg(long, value_name = "FILE")]
    pub labels: Option<PathBuf>,
    /// Data to classify, all of it; read as the run's was [default: the part that the run learned from]
    #[arg(long, value_name = "NAME|PATH")]
    pub data: Option<String>,
    /// Classify the part to test with instead
    #[arg(long)]
    pub held_out: bool,
    /// What examples are compared by: code, features, pooled, .. [default: code, else features]
    #[arg(long, value_name = "LAYER")]
    pub layer: Option<String>,
    /// File to write, csv [default: the next free RUN/classes-001.csv]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Write over files that exist
    #[arg(long)]
    pub force: bool,
    /// Its checkpoint and device.
    #[command(flatten)]
    pub model: ModelArgs,
}
