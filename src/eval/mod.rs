//! How good a run's samples are: their scores, beside those of a perfect sampler and of real data.
//!
//! The classifiers and scorers are graphs of this crate, trained by its engine. Every result is a function of its
//! inputs, the seed and the device.

pub mod baseline;
mod binary;
pub mod boltzmann;
pub mod classifier;
pub mod images;
pub mod inception;
pub mod likelihood;
pub mod modes;
pub mod music;
pub mod probes;
mod report;
mod scorer;
pub mod sequences;
pub mod standard;
pub mod statics;
mod symbol_scores;
pub mod symbols;
pub mod tables;

pub use binary::binarized;
pub use report::{Better, Report, Row, Table, Verdict};

use std::path::{Path, PathBuf};

use crate::{
    checkpoint::Checkpoint,
    data::{Dataset, Items, Labels},
    error::{Error, Result},
    files::sha256,
    grad::grad,
    graph::{Graph, Optimizer, Real, Var},
    kernels::Caps,
    nn::Net,
    runner::Runner,
};

/// The device, cache, seed and effort of an evaluation, and who watches it.
pub struct Setup<'a> {
    /// Opens a runner; each network gets a runner of its own.
    pub device: &'a dyn Fn() -> Result<(Box<dyn Runner>, Caps)>,
    /// The folder of trained classifiers, which is made if it does not exist; without it they are trained each time.
    pub cache: Option<PathBuf>,
    /// Seed of batches, subsets and initial values.
    pub seed: u64,
    /// Share of their full number of updates for which networks are trained: 1, or less if the scores do not matter.
    pub effort: f64,
    /// Is told which network is trained, and how many of its updates are done, of how many.
    pub seen: &'a dyn Fn(&str, u64, u64),
}

impl Setup<'_> {
    /// Updates of a network whose full training takes `full` updates.
    fn updates(&self, full: u64) -> u64 {
        ((full as f64 * self.effort) as u64).max(1)
    }

    /// What `open` makes of the checkpoint `name` in the cache; if there is none, or it cannot be used, of the one that
    /// `fit` makes, which is kept there.
    fn kept<T>(
        &self,
        name: &Path,
        fit: impl FnOnce() -> Result<Checkpoint>,
        open: impl Fn(&Checkpoint) -> Result<T>,
    ) -> Result<T> {
        let path = self.cache.as_ref().map(|folder| folder.join(name));
        if let Some(path) = path.as_ref().filter(|path| path.exists()) {
            match Checkpoint::load(path).and_then(|checkpoint| open(&checkpoint)) {
                Err(error) => tracing::warn!("{error}; training anew"),
                opened => return opened,
            }
        }
        let checkpoint = fit()?;
        if let Some(path) = path
            && let Err(error) = keep(&checkpoint, &path)
        {
            tracing::warn!("{error}; it will be trained again next time");
        }
        open(&checkpoint)
    }
}

/// Saves a checkpoint, with its folder.
fn keep(checkpoint: &Checkpoint, path: &Path) -> Result<()> {
    if let Some(folder) = path.parent() {
        let refused = |error| Error::failure(format!("cannot make the folder `{}`: {error}", folder.display()));
        std::fs::create_dir_all(folder).map_err(refused)?;
    }
    checkpoint.save(path)
}

/// The name, in a folder of the cache, of what is trained on a set: the set, the shape of its items, a digest of its
/// content, and what else the result depends on.
fn cached_name(folder: &str, train: &Dataset, shape: &[usize], rest: &str) -> PathBuf {
    let digest = sha256(train.content());
    let extents: Vec<String> = shape.iter().map(usize::to_string).collect();
    let name = train.name.replace(|c: char| !c.is_alphanumeric(), "-");
    Path::new(folder).join(format!("{name}-{}-{digest:.16}-{rest}.safetensors", extents.join("x")))
}

/// One update of a network by Adam with its authors' defaults (Kingma and Ba 2015).
fn descend<'g>(net: &Net<'g>, loss: Var<'g>, rate: Var<'g>) {
    let graph: &'g Graph = net.graph;
    let gradients = grad(loss, &net.parameters());
    let rule =
        Optimizer::Adam { beta1: Real::new(0.9), beta2: Real::new(0.999), eps: Real::new(1e-8), decay: Real::new(0.0) };
    graph.update(net.params, rule, graph.pack(net.params, &gradients), rate);
    graph.metric("loss", loss);
}

/// A set of unstacked items.
fn set_of(name: &str, shape: &[usize], items: Items, labels: Labels) -> Dataset {
    Dataset {
        name: name.to_string(),
        shape: shape.to_vec(),
        items,
        labels: Some(labels),
        stack: 1,
        mirror: false,
        series: None,
        pieces: vec![],
        about: crate::data::About::default(),
    }
}

/// Values as f64, which the measures take.
fn widened(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&v| f64::from(v)).collect()
}

/// Refuses samples that are not finite or not a whole number of examples of `len` values.
fn check_samples(samples: &[f32], len: usize) -> Result<()> {
    if samples.is_empty() || !samples.len().is_multiple_of(len) {
        return Err(Error::failure(format!("{} values are no samples of {len} values each", samples.len())));
    }
    match samples.iter().position(|v| !v.is_finite()) {
        Some(at) => Err(Error::failure(format!("sample {} holds {}, which nothing measures", at / len, samples[at]))),
        None => Ok(()),
    }
}
