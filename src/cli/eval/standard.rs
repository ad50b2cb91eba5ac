//! The figures of papers on images, if there is a file of Inception's weights.

use std::ops::Range;

use super::{
    Evaluation,
    samples::{Pieces, asked},
};
use crate::{
    cli::tell,
    error::Result,
    eval::{
        Report,
        inception::PIECE,
        standard::{SAMPLES, Standard, standard},
    },
    graph::numel,
};

impl Evaluation<'_> {
    /// The report on samples of images by Inception's features; `None` without a file of its weights.
    pub(super) fn standard(&mut self) -> Result<Option<Report>> {
        let Some(weights) = &self.args.features else { return Ok(None) };
        if self.train.shape.len() != 3 || self.train.stack > 1 {
            tell(format_args!("--features: Inception looks at images, and `{}` is left out", self.train.name));
            return Ok(None);
        }
        let len = numel(&self.train.shape);
        let most = self.given.as_ref().map_or(SAMPLES, |given| given.len() / len).min(SAMPLES);
        let count = self.args.count.map_or(most, |fewer| fewer.min(most));
        if self.given.is_none() {
            tell(asked(self.args, count, self.session.step()));
        }
        let (classes, seed) = (self.drawn(count), self.args.seed);
        let mut pieces = Pieces { session: &mut self.session, given: self.given.as_deref(), len, classes, count };
        // Each piece has noise of its own.
        let mut draw =
            |range: Range<usize>| pieces.draw(range.clone(), seed.wrapping_add((range.start / PIECE) as u64));
        let input = Standard {
            train: &self.train,
            test: self.test.as_ref(),
            count,
            draw: &mut draw,
            weights,
            reference: self.args.reference.as_deref(),
            resize: self.args.resize,
        };
        standard(input, &self.setup).map(Some)
    }
}
