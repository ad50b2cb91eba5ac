//! The program from the user's side: the files that it writes, its answers to bad input, and recovery from every
//! interruption.

mod bench;
mod best;
mod changes;
mod check;
mod codes;
mod data;
mod earlier;
mod endings;
mod eval;
mod export;
#[cfg(unix)]
mod group;
mod hints;
mod init;
mod interruptions;
mod labels;
mod limits;
mod listings;
#[cfg(unix)]
mod memory;
mod music;
mod pictures;
mod probes;
mod project;
mod report;
mod requests;
mod sample;
mod streaming;
mod sweeps;
mod tables;
mod terminal;
mod text;
#[cfg(unix)]
mod threads;
mod train;
mod watch;

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::PathBuf,
    process::{Child, Command as Process, Stdio},
    time::{Duration, Instant},
};

use assert_cmd::Command;
use flate2::{Compression, write::GzEncoder};
use saddle::checkpoint::{self, Checkpoint, Tensor};
use serde_json::Value;
use tempfile::TempDir;

const SADDLE: &str = env!("CARGO_BIN_EXE_saddle");

/// Settings of runs that take a moment. The folder of each test has them, together with those of each variant, as
/// `gan.toml` and `dcgan.toml`.
const TINY: &str = "
data = 'train-images-idx3-ubyte'
adapter = 'cpu'
steps = 20
batch = 8
latent = 8
samples = 16
checkpoint_every = 5
sample_every = 10
log_every = 2
holdout = 0
";

/// All options that add states, for the tests that stop and resume a run.
const STATEFUL: &str = "--conditional --set norm_g=batch --set norm_d=batch --set ema=0.9 --set noise=0.1 \
    --set schedule=linear \
    --set spectral=true --set critic_steps=2 --set pack=2";

/// A folder with the tiny settings and 40 labelled images of 8x8.
struct Place(TempDir);

struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        place.write("gan.toml", format!("variant = 'gan'\nhidden_g = [16]\nhidden_d = [16]{TINY}").as_bytes());
        place.write("dcgan.toml", format!("variant = 'dcgan'\nwidth = 4{TINY}").as_bytes());
        place.write("train-images-idx3-ubyte", &idx(0x803, &[40, 8, 8]));
        place.write(
            "train-labels-idx1-ubyte",
            &[idx(0x801, &[40])[..8].to_vec(), (0..40).map(|i| i % 4).collect()].concat(),
        );
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(folder)).unwrap();
        let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn process(&self, line: &str) -> Process {
        let mut process = Process::new(SADDLE);
        process.args(line.split_whitespace()).current_dir(self.0.path()).env_remove("RUST_LOG");
        process.env("SADDLE_CACHE", self.path("cache")).env_remove("SADDLE_FEATURES");
        process
    }

    /// Runs `saddle LINE` in this folder.
    #[track_caller]
    fn saddle(&self, line: &str) -> Said {
        let output = Command::from_std(self.process(line)).timeout(Duration::from_secs(300)).output().unwrap();
        let said = said(output);
        assert!(!said.err.contains("panicked"), "{line}: {}", said.err);
        said
    }

    /// `saddle train` with the tiny settings of the variant that the line names, or of a gan.
    #[track_caller]
    fn train(&self, line: &str) -> Said {
        self.saddle(&tiny(line))
    }

    /// As [`Place::train`], but asserts success.
    #[track_caller]
    fn trained(&self, line: &str) -> Said {
        let said = self.train(line);
        assert_eq!(said.code, Some(0), "{line}: {}", said.err);
        said
    }

    /// Starts `saddle train` with the tiny settings, and returns once `file` is there.
    fn start(&self, line: &str, file: &str) -> Child {
        let mut process = self.process(&tiny(line));
        let child = process.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        wait_for(file, || self.path(file).exists());
        child
    }

    /// All states of a run after `step` steps.
    fn states(&self, run: &str, step: u64) -> BTreeMap<String, Tensor> {
        let name = checkpoint::file_name(step);
        Checkpoint::load(&self.path(&format!("{run}/checkpoints/{name}"))).unwrap().tensors
    }

    /// A run's newest checkpoint and newest picture.
    fn result(&self, run: &str) -> [Vec<u8>; 2] {
        ["checkpoints", "samples"].map(|part| {
            let folder = format!("{run}/{part}");
            self.read(&format!("{folder}/{}", self.names(&folder).last().unwrap()))
        })
    }
}

fn said(output: std::process::Output) -> Said {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// The command that trains with the tiny settings of the variant that the line names, or of a gan.
fn tiny(line: &str) -> String {
    let variant = if line.split(' ').any(|word| word == "dcgan") { "dcgan" } else { "gan" };
    format!("train --config {variant}.toml {line}")
}

#[track_caller]
fn wait_for(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(120), "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn signal(child: &Child, name: &str) {
    assert!(Process::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

fn idx(magic: u32, dims: &[u32]) -> Vec<u8> {
    let header = [&[magic], dims].concat().into_iter().flat_map(u32::to_be_bytes);
    let len: u32 = dims.iter().product();
    header.chain((0..len).map(|i| (i * i * 7 % 256) as u8)).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(vec![], Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn metrics(text: &[u8]) -> Vec<BTreeMap<String, Value>> {
    String::from_utf8_lossy(text).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Asserts that the error is one line with these words, that the exit status is `code`, and that no file was created.
#[track_caller]
fn refused(place: &Place, line: &str, code: i32, words: &[&str]) {
    let before = place.names(".");
    let said = place.saddle(line);
    assert_eq!(said.code, Some(code), "{line}: {}", said.err);
    let errors: Vec<&str> = said.err.lines().filter(|l| l.starts_with("error: ")).collect();
    assert_eq!(errors.len(), 1, "{line}: {}", said.err);
    assert_eq!(said.err.lines().next_back(), errors.first().copied(), "{line}: {}", said.err);
    for word in words {
        assert!(errors[0].contains(word), "{line}: no `{word}` in `{}`", errors[0]);
    }
    assert_eq!(place.names("."), before, "{line} left something behind");
}
