//! The arguments of `saddle export`.

use std::path::PathBuf;

use clap::Args;

use super::{
    numbers,
    offered::{Offered, forms},
};
use crate::export::Axes;
use crate::trained::Which;

const EXPORT_EXAMPLES: &str = "\
Networks: sample draws from z; encode and decode are the halves of an autoencoder; continue is one step of a
sequence, sweep one of a Boltzmann machine: what they return is their next input.
Examples:
  saddle export runs/dcgan-digits-001 --to onnx
  saddle export runs/dcgan-digits-001 --to onnx --bytes nhwc --out digits.onnx
  saddle export runs/vae-digits-001 --to pytorch --out digits/
  saddle export runs/gan-ring-001 --to html --train --out ring.html";

/// `saddle export`.
#[derive(Debug, Args)]
#[command(after_help = EXPORT_EXAMPLES)]
pub struct ExportArgs {
    /// Folder of the run
    pub run: Option<PathBuf>,
    /// Form of the files
    #[arg(long, value_name = "onnx|pytorch|html", value_parser = Offered(forms), hide_possible_values = true)]
    pub to: String,
    /// Folder to write to; or the name of the file, if it is one only [default: RUN/FORM]
    #[arg(long, value_name = "PATH")]
    pub out: Option<PathBuf>,
    /// Write over files that exist
    #[arg(long)]
    pub force: bool,
    /// Checkpoint after this step, or `best`: the one that did best on held-out examples [default: the newest]
    #[arg(long, value_name = "STEP|best", default_value = "newest", hide_default_value = true)]
    pub checkpoint: Which,
    /// Networks to write: sample, encode, decode, reconstruct, continue, sweep [default: those that the others are
    /// not made of]
    #[arg(long, value_name = "NAME,..", value_delimiter = ',')]
    pub network: Vec<String>,
    /// Images as bytes, 0 to 255, with the axes in this order (onnx)
    #[arg(long, value_name = "ORDER")]
    pub bytes: Option<Axes>,
    /// Let networks draw their noise themselves; z remains an input (onnx)
    #[arg(long)]
    pub draws: bool,
    /// Write also this many rows of inputs and outputs, example.safetensors, to check other programs with
    #[arg(long, value_name = "ROWS", value_parser = numbers(1, 100_000))]
    pub example: Option<usize>,
    /// Let the page train on, with examples of the data in it (html)
    #[arg(long)]
    pub train: bool,
    /// Where the data of --train is now [default: as recorded in the run]
    #[arg(long, value_name = "NAME|PATH")]
    pub data: Option<String>,
    /// Use data that differs from what the run learned from
    #[arg(long)]
    pub accept_changed_data: bool,
    /// Seed of the inputs of --example, and of the first picture of a page
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Device for the outputs of --example or the first picture, by index or name, or cpu [default: the best one]
    #[arg(long, aliases = ["device", "gpu"], value_name = "INDEX|NAME")]
    pub adapter: Option<String>,
}
