//! Everything a resume needs, in one safetensors file that is complete or refused.
//!
//! The header's metadata has one entry, `saddle`: a JSON object with the `sha256` of the whole file, taken
//! while the digest's own digits are zeros, and the checkpoint's `meta`.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::io::ErrorKind;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use safetensors::tensor::{Dtype, SafeTensorError, SafeTensors, View, serialize};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::files::{self, sha256};

const ENTRY: &str = "saddle";

/// The entry of [`Checkpoint::meta`] with the run's settings, as its `run.toml` has them.
pub const SETTINGS: &str = "settings";
/// The entry with the version of the checkpoint format; absent in format 1. Since format 3, Adam's counts of updates
/// are states; since format 4, the weights of symbols are tables `[symbols, units]`.
pub const FORMAT: &str = "format";
/// The entry with the negative log-likelihood of held-out examples, in nats of each step, in a run's best checkpoint.
pub const HELD_OUT: &str = "held_out_nats_per_step";
/// Entry of `meta`, and column of metrics: how far samples are from examples, the sliced Wasserstein distance.
pub const DISTANCE: &str = "swd";
/// The entry with the SHA-256 of the examples that chose a run's best checkpoint.
pub const CHOSEN_ON: &str = "chosen_on";
/// The newest format, which this version writes.
pub const NEWEST_FORMAT: u64 = 4;

/// Start of a checkpoint's header, up to the digest.
const OPENING: &[u8] = br#"{"__metadata__":{"saddle":"{\"sha256\":\""#;

/// Byte ranges of OPENING and the digest in the file; the first 8 bytes are the header's length.
const OPENING_AT: Range<usize> = 8..8 + OPENING.len();
const DIGEST_AT: Range<usize> = OPENING_AT.end..OPENING_AT.end + NO_DIGEST.len();
const NO_DIGEST: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The state of a run at one step.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Checkpoint {
    /// Parameters, optimiser moments and other states by name.
    pub tensors: BTreeMap<String, Tensor>,
    /// Values that are not tensors (step, seed), as text.
    pub meta: BTreeMap<String, String>,
}

/// A dense row-major array.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Tensor {
    /// Extents, outermost first.
    pub shape: Vec<usize>,
    /// The values; their number is the product of the extents.
    pub data: Vec<f32>,
}

impl View for &Tensor {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }
    fn shape(&self) -> &[usize] {
        &self.shape
    }
    fn data(&self) -> Cow<'_, [u8]> {
        bytemuck::cast_slice(&self.data).into()
    }
    fn data_len(&self) -> usize {
        size_of_val(self.data.as_slice())
    }
}

/// The only metadata entry: safetensors would write several in a random order.
#[derive(Serialize, Deserialize)]
struct Entry {
    sha256: String,
    meta: BTreeMap<String, String>,
}

impl Checkpoint {
    /// The tensor of this name.
    ///
    /// # Errors
    /// There is none of this shape.
    pub fn tensor(&self, name: &str, shape: &[usize]) -> Result<&Tensor> {
        let tensor = self.tensors.get(name).filter(|tensor| tensor.shape == shape);
        tensor.ok_or_else(|| Error::failure(format!("the checkpoint has no {name} of shape {shape:?}")))
    }

    /// Writes the file whole or, on any error, not at all.
    pub fn save(&self, path: &Path) -> Result<()> {
        let bytes = self
            .to_bytes()
            .map_err(|error| Error::failure(format!("cannot write checkpoint `{}`: {error}", path.display())))?;
        files::write_atomically(path, &bytes)
    }

    /// Reads a file that [`Checkpoint::save`] wrote; refuses a file in which any byte changed since.
    pub fn load(path: &Path) -> Result<Self> {
        let name = path.display();
        let bytes = files::read(path).map_err(|error| match error.kind() {
            ErrorKind::OutOfMemory => no_memory(path, std::fs::metadata(path).map_or(0, |file| file.len())),
            _ => Error::device(format!(
                "cannot read checkpoint `{name}`: {error}; it is not known to be damaged: make it readable, or move it \
                 away to take an older one"
            )),
        })?;
        let checkpoint = Self::from_bytes(&bytes).map_err(|fault| match fault {
            Fault::Bad(what) => Error::failure(format!("checkpoint `{name}` {what}")),
            Fault::NoMemory(bytes) => no_memory(path, bytes),
        })?;
        match (step_of(path), checkpoint.meta.get("step")) {
            (Some(named), Some(step)) if named.to_string() != *step => {
                Err(Error::failure(format!("checkpoint `{name}` is of step {step:.20}, whatever its name says")))
            }
            _ => Ok(checkpoint),
        }
    }

    /// The value of `meta` under `key`, parsed.
    pub fn meta<T: std::str::FromStr>(&self, key: &str) -> Result<T> {
        match self.meta.get(key) {
            Some(text) => {
                text.parse().map_err(|_| Error::failure(format!("the checkpoint's `{key}` cannot be `{text}`")))
            }
            None => Err(Error::failure(format!("the checkpoint has no `{key}`"))),
        }
    }

    /// The version of the format.
    pub fn format(&self) -> Result<u64> {
        if self.meta.contains_key(FORMAT) { self.meta(FORMAT) } else { Ok(1) }
    }

    /// The sha256 by which its file is checked, which tells checkpoints apart.
    ///
    /// # Errors
    /// No memory for the file.
    pub fn digest(&self) -> Result<String> {
        let bytes = self.to_bytes().map_err(|error| Error::failure(format!("no digest of the checkpoint: {error}")))?;
        Ok(String::from_utf8_lossy(&bytes[DIGEST_AT]).into_owned())
    }

    fn to_bytes(&self) -> Result<Vec<u8>, SafeTensorError> {
        let entry = Entry { sha256: NO_DIGEST.into(), meta: self.meta.clone() };
        let metadata = HashMap::from([(ENTRY.to_string(), serde_json::to_string(&entry)?)]);
        let mut bytes = serialize(&self.tensors, Some(metadata))?;
        let digest = digest(&bytes);
        bytes[DIGEST_AT].copy_from_slice(digest.as_bytes());
        Ok(bytes)
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, Fault> {
        const DAMAGED: &str = "is damaged: its content does not match its sha256";
        let file = SafeTensors::deserialize(bytes).map_err(|error| match error {
            SafeTensorError::MetadataIncompleteBuffer => {
                "is damaged: its length is not what its header says".to_string()
            }
            error => format!("is not a readable safetensors file: {error}"),
        })?;
        if bytes.get(OPENING_AT) != Some(OPENING) || bytes.len() < DIGEST_AT.end {
            return Err("is a safetensors file, but not one that saddle wrote".into());
        }
        if bytes[DIGEST_AT] != *digest(bytes).as_bytes() {
            return Err(DAMAGED.into());
        }
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(|_| DAMAGED)?;
        let entry = header.metadata().as_ref().and_then(|metadata| metadata.get(ENTRY)).ok_or(DAMAGED)?;
        let Entry { meta, .. } = serde_json::from_str(entry).map_err(|_| DAMAGED)?;
        let mut tensors = BTreeMap::new();
        for (name, view) in file.iter() {
            if view.dtype() != Dtype::F32 {
                return Err(format!("holds `{name}` as {}; saddle reads F32 only", view.dtype()).into());
            }
            let values = view.data().as_chunks::<4>().0.iter().map(|&value| f32::from_le_bytes(value));
            let mut data = Vec::new();
            data.try_reserve_exact(values.len()).map_err(|_| Fault::NoMemory(view.data().len() as u64))?;
            data.extend(values);
            tensors.insert(name.to_string(), Tensor { shape: view.shape().to_vec(), data });
        }
        Ok(Self { tensors, meta })
    }
}

/// Why a checkpoint cannot be read.
enum Fault {
    /// The file is not valid; this text completes the sentence "checkpoint `path` ...".
    Bad(String),
    /// There is no memory for a part of this many bytes.
    NoMemory(u64),
}

impl<T: Into<String>> From<T> for Fault {
    fn from(what: T) -> Self {
        Self::Bad(what.into())
    }
}

/// The error for a checkpoint that may be intact: no older one may be read in its place.
fn no_memory(path: &Path, bytes: u64) -> Error {
    let mib = bytes as f64 / f64::from(1 << 20);
    let what = format!("to read checkpoint `{}` there is no memory for {mib:.1} MiB", path.display());
    Error::device(format!("{what}; a smaller batch or model takes less"))
}

/// The sha256 of a checkpoint's bytes, its own digits taken as zeros.
fn digest(bytes: &[u8]) -> String {
    sha256([&bytes[..DIGEST_AT.start], NO_DIGEST.as_bytes(), &bytes[DIGEST_AT.end..]])
}

/// The file name of the checkpoint after `step` steps.
pub fn file_name(step: u64) -> String {
    format!("step-{step:06}.safetensors")
}

/// The step in a checkpoint's file name; `None` for other files.
pub fn step_of(path: &Path) -> Option<u64> {
    let step = path.file_name()?.to_str()?.strip_prefix("step-")?.strip_suffix(".safetensors")?.parse().ok()?;
    (path.file_name()?.to_str()? == file_name(step)).then_some(step)
}

/// The steps of the checkpoints of a folder by their names, in order; none of a folder that cannot be read.
pub fn steps(folder: &Path) -> Vec<u64> {
    oldest_first(folder).unwrap_or_default().iter().filter_map(|path| step_of(path)).collect()
}

/// The step of the newest checkpoint of a folder, by its name.
pub fn newest_step(folder: &Path) -> Option<u64> {
    steps(folder).last().copied()
}

/// The checkpoint after `step` steps, and its path.
///
/// # Errors
/// There is none, or it is damaged.
pub fn at_step(folder: &Path, step: u64) -> Result<(PathBuf, Checkpoint)> {
    let path = folder.join(file_name(step));
    if !path.exists() {
        let steps: Vec<String> = steps(folder).iter().map(u64::to_string).collect();
        let there = if steps.is_empty() { "none".into() } else { steps.join(", ") };
        return Err(Error::usage(format!("the run has no such checkpoint; it has {there}")));
    }
    Ok((path.clone(), Checkpoint::load(&path)?))
}

/// The newest checkpoint of a folder that is whole, with a warning about each newer one that is not.
///
/// `None` if there is no checkpoint; an error if all are damaged, or if one that may be intact cannot be read.
pub fn latest(folder: &Path) -> Result<Option<(PathBuf, Checkpoint)>> {
    let paths = oldest_first(folder)?;
    for path in paths.iter().rev() {
        match Checkpoint::load(path) {
            Ok(checkpoint) => return Ok(Some((path.clone(), checkpoint))),
            Err(error @ Error::Device(_)) => return Err(error),
            Err(error) => tracing::warn!("{error}; falling back to the one before"),
        }
    }
    match paths.len() {
        0 => Ok(None),
        count => {
            let folder = folder.display();
            Err(Error::failure(format!("none of the {count} checkpoints in `{folder}` can be read; start a new run")))
        }
    }
}

/// Adds `ending` to the names of the checkpoints in `folder` after `step`, and returns the new paths
/// ([`rename_aside`]).
///
/// For a run that goes back to `step`: left where they are, they would count as the newest when pruning.
pub fn set_aside(folder: &Path, step: u64, ending: &str) -> Result<Vec<PathBuf>> {
    let newer = oldest_first(folder)?.into_iter().filter(|path| step_of(path) > Some(step));
    newer.map(|path| rename_aside(&path, ending)).collect()
}

/// Adds `ending` to the name of a checkpoint, with a number if there is such a file, and returns the new path.
pub fn rename_aside(path: &Path, ending: &str) -> Result<PathBuf> {
    let named = |n: usize| {
        let number = if n == 1 { String::new() } else { n.to_string() };
        path.with_extension(format!("safetensors.{ending}{number}"))
    };
    let aside = (1..).map(named).find(|aside| !aside.exists()).expect("some number is free");
    std::fs::rename(path, &aside)
        .map_err(|error| Error::failure(format!("cannot rename `{}`: {error}", path.display())))?;
    Ok(aside)
}

/// Removes all but the newest `keep` checkpoints (at least one stays) and the half-written files of a killed process.
///
/// Only the process that holds the run's lock may call this.
pub fn prune(folder: &Path, keep: usize) -> Result<()> {
    let checkpoints = oldest_first(folder)?;
    let outdated = checkpoints.len().saturating_sub(keep.max(1));
    for path in checkpoints.into_iter().take(outdated) {
        std::fs::remove_file(&path)
            .map_err(|error| Error::failure(format!("cannot remove `{}`: {error}", path.display())))?;
    }
    files::remove_unfinished(folder, Duration::ZERO)
}

fn oldest_first(folder: &Path) -> Result<Vec<PathBuf>> {
    let paths = files::names(folder)?.into_iter().map(|name| folder.join(name));
    let mut steps: Vec<_> = paths.filter_map(|path| Some((step_of(&path)?, path))).collect();
    steps.sort();
    Ok(steps.into_iter().map(|(_, path)| path).collect())
}
