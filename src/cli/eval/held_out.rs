//! The held-out examples of an evaluation: which are measured, and what is to be said of them.

use super::Evaluation;
use crate::{
    cli::tell,
    data::{Dataset, Items, Series},
    eval::{binarized, images::FEWEST},
    settings::Likelihood,
};

/// Below this number of held-out examples, a report notes that means over them say little.
const FEW: usize = 20;

/// The largest share that is advised to be held out.
const LARGE: f32 = 0.3;

/// What holds out more images of a set of which this is the part to learn from.
pub(super) fn more_held_out(train: &Dataset, holdout: f32) -> &'static str {
    match train.about.held_out {
        Some(_) if holdout < LARGE => "training anew with --set holdout=0.3 holds out more",
        _ => "it takes more images",
    }
}

/// Why `eval` will not measure the images of a model that learns from these; `None` if it will, or they are no images.
pub fn too_few_images(train: &Dataset, holdout: f32) -> Option<String> {
    let is_of_images = train.shape.len() == 3 && train.stack == 1;
    let held = train.about.held_out.filter(|_| is_of_images)?;
    let (real, all) = (if held > 0 { held } else { train.len() / 3 }, train.len() + held);
    let could = (all as f32 * LARGE).round() as usize;
    let advice = match holdout < LARGE && could >= FEWEST {
        true => format!("--set holdout={LARGE} holds out {could}"),
        false => format!("it takes {} images or more, and holdout={LARGE}", (FEWEST as f32 / LARGE).ceil()),
    };
    (real < FEWEST).then(|| format!("{held} of {all} images are held out, too few for `saddle eval`: {advice}"))
}

/// Maximum number of windows of symbols whose likelihoods are measured.
const WINDOWS: usize = 4096;

/// Maximum number of examples of a set whose likelihoods are measured.
fn most_of(set: &Dataset) -> usize {
    if set.symbols(0).is_some() { WINDOWS } else { usize::MAX }
}

impl Evaluation<'_> {
    /// Notes for a report on held-out examples: that there are none, or few.
    pub(super) fn stand_in(&self) -> Vec<String> {
        let set = self.test.as_ref().unwrap_or(&self.train);
        let count = self.asked().map_or(set.len(), |most| most.min(set.len()));
        let none = "the set has no held-out part: training examples stand in for it, which flatters the model";
        let few = format!("too few examples to say much: {count}");
        let some = (self.asked().is_none() && count > most_of(set))
            .then(|| format!("the windows are {WINDOWS} of {count}, evenly over the text"));
        let absent = self.test.is_none().then(|| none.to_string());
        absent.into_iter().chain((count < FEW).then_some(few)).chain(some).collect()
    }

    /// The number of held-out examples that `--count` asks for. Of symbols it is one of samples only: n-grams, which a
    /// model must beat, are counted on the whole text too.
    fn asked(&self) -> Option<usize> {
        let are_symbols = matches!(self.train.items, Items::Symbols { .. });
        self.args.count.filter(|_| !are_symbols)
    }

    /// The part with held-out examples, or the training part in its place, and those of its examples that are measured:
    /// at most `--count`.
    pub(super) fn measured(&self) -> (&Dataset, Vec<usize>) {
        let set = self.test.as_ref().unwrap_or(&self.train);
        let items = match self.asked() {
            Some(count) => (0..count.min(set.len())).collect(),
            // Of many windows of a text some, evenly over it: it changes along the way.
            None => set.evenly(most_of(set)).collect(),
        };
        (set, items)
    }

    /// Held-out examples, back to back.
    pub(super) fn held_out(&self) -> Vec<f32> {
        let (set, items) = self.measured();
        items.into_iter().flat_map(|i| set.example(i)).collect()
    }

    /// Held-out examples for which the model has a likelihood, and a note on this likelihood.
    pub(super) fn likely(&self) -> Option<(Vec<f32>, Option<&'static str>)> {
        let examples = self.held_out();
        match (&self.train.items, &self.train.series) {
            (_, Some(Series::Roll(_))) => Some((examples, None)),
            (Items::Bytes(_), _) if self.trained.settings.likelihood == Likelihood::Gaussian => {
                tell("likelihoods are not measured: a Gaussian has a density, and whole grey levels have none");
                None
            }
            (Items::Bytes(_), _) => {
                let grey: Vec<f32> = examples.iter().map(|x| (x + 1.0) / 2.0).collect();
                let binary = binarized(&grey);
                let note = "of images that were binarised once, by a fixed seed, which does not compare with `bound` \
                            in training";
                let drawn = (binary != grey).then_some(note);
                Some((binary.iter().map(|x| x * 2.0 - 1.0).collect(), drawn))
            }
            (_, Some(Series::Symbols(_))) => Some((examples, None)),
            (_, Some(_)) if self.train.shape.len() == 1 => {
                Some((examples, Some("a density of values scaled by column: it can be above 1")))
            }
            (_, Some(_)) => Some((examples, Some("a density of values scaled to 0 to 1: it can be above 1"))),
            _ => Some((examples, Some("a density: it can be above 1"))),
        }
    }
}
