//! Arguments of the commands beside training, sampling and evaluation.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use clap_complete::Shell;

use super::{
    help,
    offered::{Offered, variants},
};
use crate::error::Result;
use crate::settings::Layer;

const DATA_EXAMPLES: &str = "\
Prints what is read and what is left out, and writes a picture to the current folder: images, points or curves.

Examples:
  saddle data photos/ --size 32
  saddle data stock.csv --variant lstm-gan --set window=12
  saddle data masks.npy --set range=data --out masks.png";

const PACK_EXAMPLES: &str = "\
Writes an array that numpy reads, items of one size back to back in random order, with FILE.json beside it, which says
what they are, and FILE.labels.npy if they have classes. Training reads such a file item by item, so that neither memory
nor the device has to hold it. A packing of images that was interrupted goes on with the same command.

Examples:
  saddle pack photos/ --size 64 --out photos.npy
  saddle pack shards/ --size 128 --out shards.npy
  saddle pack sensors.csv --out sensors.npy
  saddle train dcgan --data photos.npy";

/// `saddle pack`.
#[derive(Debug, Args)]
#[command(after_help = PACK_EXAMPLES)]
pub struct PackArgs {
    /// What to pack: a folder of images, zip or tar archives of images, a table, or any other data of one size
    #[arg(value_name = "NAME|PATH")]
    pub data: String,
    /// File to write, which ends in .npy
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    #[arg(long, aliases = ["img-size", "image-size", "resolution"], value_name = "N", allow_negative_numbers = true,
          help = help("size"))]
    size: Option<String>,
    /// Set any setting of how data is read; can be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Write over a file that exists
    #[arg(long)]
    pub force: bool,
}

impl PackArgs {
    /// The settings on this command line.
    pub fn layers(&self) -> Result<Vec<Layer>> {
        let mut flags = Layer::default();
        flags.set("data", &self.data, "");
        self.size.iter().for_each(|size| flags.set("size", size, "--size"));
        self.set.iter().try_for_each(|assignment| flags.assign(assignment))?;
        Ok(vec![flags])
    }
}

/// `saddle data`.
#[derive(Debug, Args)]
#[command(after_help = DATA_EXAMPLES)]
pub struct DataArgs {
    /// Built-in set, or path
    #[arg(value_name = "NAME|PATH")]
    data: String,
    /// Model to read the data for: some files can be read in several ways
    #[arg(long, value_name = "NAME", value_parser = Offered(variants), hide_possible_values = true)]
    pub variant: Option<String>,
    #[arg(long, value_name = "N", allow_negative_numbers = true, help = help("stack"))]
    stack: Option<String>,
    #[arg(long, aliases = ["img-size", "image-size", "resolution"], value_name = "N|WxH", allow_negative_numbers = true,
          help = help("size"))]
    size: Option<String>,
    #[arg(long, value_name = "COLUMN=TYPE,..", help = help("types"))]
    types: Option<String>,
    #[arg(long, value_name = "CELL,..", allow_hyphen_values = true, help = help("missing"))]
    missing: Option<String>,
    /// Set any setting; can be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Picture to write: a png, or an svg of points, sequences of numbers and tables [default: NAME.png, or the next
    /// free name]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Write over a file that exists
    #[arg(long)]
    pub force: bool,
}

impl DataArgs {
    /// Whether a variant is named, by either way.
    pub fn names_variant(&self) -> bool {
        self.variant.is_some() || self.set.iter().any(|assignment| assignment.trim_start().starts_with("variant="))
    }

    /// The settings on this command line.
    pub fn layers(&self) -> Result<Vec<Layer>> {
        let mut flags = Layer::default();
        flags.set("data", &self.data, "");
        let given = [
            ("variant", &self.variant, "--variant"),
            ("stack", &self.stack, "--stack"),
            ("size", &self.size, "--size"),
            ("types", &self.types, "--types"),
            ("missing", &self.missing, "--missing"),
        ];
        for (key, value, flag) in given {
            if let Some(value) = value {
                flags.set(key, value, flag);
            }
        }
        self.set.iter().try_for_each(|assignment| flags.assign(assignment))?;
        Ok(vec![flags])
    }
}

const BENCH_EXAMPLES: &str = "\
Examples:
  saddle bench
  saddle bench --adapter all --json here.json
  saddle bench --adapter cpu --only gan,dcgan --shapes 0
  saddle bench compare here-0.json there.json";

/// `saddle bench`.
#[derive(Debug, Args)]
#[command(after_help = BENCH_EXAMPLES, args_conflicts_with_subcommands = true)]
pub struct BenchArgs {
    /// A subcommand, instead of measurements.
    #[command(subcommand)]
    pub command: Option<BenchCommand>,
    /// Device by index or name, or cpu; all: every device in turn [default: the best one]
    #[arg(long, aliases = ["device", "gpu"], value_name = "INDEX|NAME|all")]
    pub adapter: Option<String>,
    /// File for the results; with several devices, one file for each
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Let products round their operands to half precision, where that is faster
    #[arg(long)]
    pub half: bool,
    /// Rounds to measure [default: all]
    #[arg(long, value_name = "NAME,..", value_delimiter = ',')]
    pub only: Vec<String>,
    /// Seconds for each of the five measurements
    #[arg(long, value_name = "S", default_value_t = 0.1, value_parser = seconds)]
    pub seconds: f64,
    /// Seconds after which fewer than five measurements are enough; a round that would take longer is left out
    #[arg(long, value_name = "S", default_value_t = 60.0, value_parser = seconds)]
    pub limit: f64,
    /// Number of shapes to time for each kernel, the most expensive first
    #[arg(long, value_name = "N", default_value_t = 8)]
    pub shapes: usize,
}

/// The subcommands of `saddle bench`.
#[derive(Debug, Subcommand)]
pub enum BenchCommand {
    /// Put results side by side, with ratios to the first
    Compare {
        /// Results of `saddle bench --json`
        #[arg(value_name = "FILE", num_args = 2.., required = true)]
        files: Vec<PathBuf>,
        /// Page of charts to write
        #[arg(long, value_name = "FILE", default_value = "compare.html")]
        out: PathBuf,
    },
}

fn seconds(text: &str) -> std::result::Result<f64, String> {
    let valid = text.parse().ok().filter(|seconds| (0.001..=3600.0).contains(seconds));
    valid.ok_or_else(|| "a number from 0.001 to 3600 is right".into())
}

const CHECK_EXAMPLES: &str = "\
Runs every kernel at awkward shapes, and compares rounds of three models with the CPU runner. A wrong result is
marked FAILED, and the exit status is then 1. If you report a fault, please send the file of --json with it.

Examples:
  saddle check
  saddle check --adapter llvmpipe --json check.json
  saddle check --adapter cpu";

/// `saddle check`.
#[derive(Debug, Args)]
#[command(after_help = CHECK_EXAMPLES)]
pub struct CheckArgs {
    /// Device by index or name, or cpu [default: the best one]
    #[arg(long, aliases = ["device", "gpu"], value_name = "INDEX|NAME")]
    pub adapter: Option<String>,
    /// File for the results
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Kernels and training runs to check [default: all]
    #[arg(long, value_name = "NAME,..", value_delimiter = ',')]
    pub only: Vec<String>,
}

/// `saddle runs`.
#[derive(Debug, Args)]
pub struct RunsArgs {
    /// Folder that holds runs [default: runs]
    pub folder: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `saddle compare`.
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// Folders of runs; those that differ in nothing but `seed` are one column
    #[arg(required = true, value_name = "RUN")]
    pub runs: Vec<PathBuf>,
    /// Metrics and measures to show, in this order, separated by commas; without it all
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub metrics: Vec<String>,
    /// Names of the columns, in order, in place of the settings in which they differ, separated by commas
    #[arg(long, aliases = ["label", "names"], value_name = "NAMES", value_delimiter = ',')]
    pub labels: Vec<String>,
    /// File to write too: a csv has a row for each run, an md or tex the table, a png or svg the metrics over the steps
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Write over a file that exists
    #[arg(long)]
    pub force: bool,
    /// Print JSON: an object for each run
    #[arg(long)]
    pub json: bool,
}

const REPORT_EXAMPLES: &str = "\
Curves, samples over time, settings, device, speed, evaluation and commands, in one file that needs no network.

Examples:
  saddle report runs/dcgan-digits-001
  saddle report runs/vae-* --out vae.html";

/// `saddle report`.
#[derive(Debug, Args)]
#[command(after_help = REPORT_EXAMPLES)]
pub struct ReportArgs {
    /// Folders of runs, which are laid over each other
    #[arg(value_name = "RUN")]
    pub runs: Vec<PathBuf>,
    /// Page to write [default: RUN/report.html, of several runs report.html]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Write over a file that exists
    #[arg(long)]
    pub force: bool,
}

const WATCH_EXAMPLES: &str = "\
The page of `saddle report` while runs train. It reads the files of the runs only, and is for browsers on this machine;
from another one, make a tunnel: ssh -L 7777:127.0.0.1:7777 HOST

Examples:
  saddle watch runs/dcgan-digits-001
  saddle watch runs/vae-* --port 8080
  saddle train --watch";

/// `saddle watch`.
#[derive(Debug, Args)]
#[command(after_help = WATCH_EXAMPLES)]
pub struct WatchArgs {
    /// Folders of runs, which are laid over each other
    #[arg(value_name = "RUN")]
    pub runs: Vec<PathBuf>,
    /// Port of the page; 0: any [default: the first free one from 7777 on]
    #[arg(long, value_name = "N")]
    pub port: Option<u16>,
}

/// `saddle devices`.
#[derive(Debug, Args)]
pub struct DevicesArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `saddle variants`.
#[derive(Debug, Args)]
pub struct VariantsArgs {
    /// Model to describe
    #[arg(value_parser = Offered(variants), hide_possible_values = true)]
    pub name: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `saddle completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    pub shell: Shell,
}

/// `saddle man`.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// Command to describe
    pub command: Option<String>,
}
