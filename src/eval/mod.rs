//! How good a run's samples are: its score beside a perfect sampler's and beside that of real data.
//!
//! The classifiers and scorers are graphs of this crate, trained by its engine. Everything is a function of its inputs, the
//! seed and the device.

mod binary;
pub mod boltzmann;
pub mod classifier;
pub mod images;
pub mod likelihood;
pub mod modes;
mod report;
mod scorer;
pub mod sequences;

pub use binary::binarized;
pub use report::{Better, Report, Row};

use std::path::PathBuf;

use crate::{
    data::{Dataset, Items, Labels},
    error::{Error, Result},
    grad::grad,
    graph::{Graph, Optimizer, Real, Var},
    kernels::Caps,
    nn::Net,
    runner::Runner,
};

/// Where an evaluation trains networks of its own, and what chance follows from.
pub struct Setup<'a> {
    /// Opens a runner; each network has one.
    pub device: &'a dyn Fn() -> Result<(Box<dyn Runner>, Caps)>,
    /// The folder of trained classifiers, made if it is not there; without one they are trained each time.
    pub cache: Option<PathBuf>,
    /// Seed of batches, subsets and initial values.
    pub seed: u64,
    /// Share of the updates that networks are trained for: 1, and less only where nobody looks at the scores.
    pub effort: f64,
}

impl Setup<'_> {
    /// Updates of a network for which `full` are right.
    fn updates(&self, full: u64) -> u64 {
        ((full as f64 * self.effort) as u64).max(1)
    }
}

/// One update of a network by Adam with its authors' defaults (Kingma and Ba 2015).
fn descend<'g>(net: &Net<'g>, loss: Var<'g>, rate: Var<'g>) {
    let graph: &'g Graph = net.graph;
    let gradients = grad(loss, &net.parameters());
    let rule = Optimizer::Adam { beta1: Real::new(0.9), beta2: Real::new(0.999), eps: Real::new(1e-8) };
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
        series: None,
        about: crate::data::About::default(),
    }
}

/// Values as the measures take them.
fn widened(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&v| f64::from(v)).collect()
}

/// A sentence unless the samples are finite and as many as whole examples.
fn check_samples(samples: &[f32], len: usize) -> Result<()> {
    if samples.is_empty() || !samples.len().is_multiple_of(len) {
        return Err(Error::failure(format!("{} values are no samples of {len} values each", samples.len())));
    }
    match samples.iter().position(|v| !v.is_finite()) {
        Some(at) => Err(Error::failure(format!("sample {} holds {}, which nothing measures", at / len, samples[at]))),
        None => Ok(()),
    }
}
