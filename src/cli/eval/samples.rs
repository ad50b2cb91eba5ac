//! What is measured: samples of the model, or examples that are given in their place.

use std::ops::Range;

use super::Evaluation;
use crate::{
    cli::{EvalArgs, tell},
    data::evenly,
    error::{Result, counted},
    graph::numel,
    session::Session,
};

/// So many samples of a step in words, and why they are fewer than asked for.
pub(super) fn asked(args: &EvalArgs, count: usize, step: u64) -> String {
    let samples = format!("{} of step {step}", counted(count, "sample"));
    match args.count {
        Some(more) if more > count => format!("{samples}, not {more}: more are not compared"),
        _ => samples,
    }
}

/// What images are measured by, a piece at a time: samples of these classes, or examples in their place.
pub(super) struct Pieces<'a> {
    pub session: &'a mut Session,
    pub given: Option<&'a [f32]>,
    /// Values of an example.
    pub len: usize,
    pub classes: Option<Vec<u32>>,
    /// Number of all.
    pub count: usize,
}

impl Pieces<'_> {
    /// Some of them; samples have noise of their own by the seed.
    pub fn draw(&mut self, range: Range<usize>, seed: u64) -> Result<Vec<f32>> {
        match (self.given, &self.classes) {
            (Some(given), _) => {
                let items = evenly(given.len() / self.len, self.count).skip(range.start).take(range.len());
                Ok(items.flat_map(|i| &given[i * self.len..][..self.len]).copied().collect())
            }
            (None, Some(classes)) => self.session.generate_of(&classes[range], seed),
            (None, None) => self.session.generate(range.len(), seed, None),
        }
    }
}

impl Evaluation<'_> {
    /// `wanted` samples, or `--count` if that is fewer; or as many of the examples that are measured in their place.
    pub(super) fn generate(&mut self, wanted: usize) -> Result<Vec<f32>> {
        let count = self.args.count.map_or(wanted, |most| most.min(wanted));
        if let Some(given) = &self.given {
            let (len, all) = (numel(&self.train.shape), given.len() / numel(&self.train.shape));
            let of = if count < all { format!("{count} of ") } else { String::new() };
            let brought = match self.train.shape[..] {
                [c, h, w] => format!(", brought to {w}x{h}, {}, as the run's are", counted(c, "channel")),
                _ => String::new(),
            };
            tell(format_args!("{of}{} in the place of samples{brought}", counted(all, "example")));
            return Ok(evenly(all, count).flat_map(|i| &given[i * len..][..len]).copied().collect());
        }
        tell(asked(self.args, count, self.session.step()));
        match self.drawn(count) {
            Some(classes) => self.session.generate_of(&classes, self.args.seed),
            None => self.session.generate(count, self.args.seed, None),
        }
    }

    /// The classes of so many samples of a conditional model: drawn from those of the data, so that each has its share.
    pub(super) fn drawn(&self, count: usize) -> Option<Vec<u32>> {
        let is_asked = self.trained.settings.conditional && self.given.is_none();
        let labels = self.train.classes_of_examples().filter(|_| is_asked);
        labels.map(|labels| labels.drawn(count, self.args.seed))
    }
}
