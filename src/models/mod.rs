//! The variants. Each is one file that says what its networks are; what they share is in [`adversarial`].

pub mod adversarial;
pub mod dcgan;
pub mod gan;

use crate::{
    error::{Error, Result},
    graph::Graph,
    settings::{Preset, Settings},
};

/// The examples that a model learns from.
#[derive(Clone, Debug, PartialEq)]
pub struct Examples {
    /// Shape of one: `[C, H, W]` or `[D]`.
    pub shape: Vec<usize>,
    /// Number of classes, 0 without labels.
    pub classes: usize,
}

/// The graphs of a model. They share states by name.
pub struct Model {
    /// One training round.
    pub round: Graph,
    /// Input `z` `[samples, latent]` (and `classes`, one-hot, if conditional) -> output `samples`.
    pub sample: Graph,
    /// Run some times before sampling: fits the statistics that `sample` normalises with to the averaged weights.
    pub calibrate: Option<Graph>,
}

/// A kind of model that can be trained.
pub struct Variant {
    pub name: &'static str,
    /// One line.
    pub about: &'static str,
    pub presets: &'static [Preset<'static>],
    pub build: fn(&Settings, &Examples) -> Result<Model>,
}

/// Every variant, in the order in which they are listed.
pub const VARIANTS: &[Variant] = &[gan::VARIANT, dcgan::VARIANT];

/// The variant of this name; `Settings::resolve` has checked that there is one.
pub fn variant(name: &str) -> Result<&'static Variant> {
    let names = || VARIANTS.iter().map(|v| v.name);
    VARIANTS.iter().find(|v| v.name == name).ok_or_else(|| crate::error::unknown("variant", name, names()))
}

/// Samples that the sampling graph makes at once: points are many, as they are cheap and shown together.
pub fn sample_rows(settings: &Settings, examples: &Examples) -> usize {
    if examples.shape.len() == 1 { settings.samples.max(2500) } else { settings.samples }
}

/// The image shape, or a sentence that says what the variant trains on.
fn image_shape(variant: &str, examples: &Examples) -> Result<[usize; 3]> {
    let &[c, h, w] = examples.shape.as_slice() else {
        return Err(Error::usage(format!(
            "{variant} generates images, and an example of this data set has shape {:?}; `gan` takes any shape",
            examples.shape
        )));
    };
    if h != w || !(8..=128).contains(&h) || h % 4 != 0 {
        return Err(Error::usage(format!(
            "{variant} takes square images with a side of 8 to 128 that is a multiple of 4, and these are {w}x{h}: choose one with --size"
        )));
    }
    Ok([c, h, w])
}
