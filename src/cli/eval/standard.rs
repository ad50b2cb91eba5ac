//! The figures of papers on images, if there is a file of Inception's weights.

use std::ops::Range;

use super::{Evaluation, asked};
use crate::{
    cli::tell,
    error::Result,
    eval::{
        Report,
        inception::PIECE,
        standard::{SAMPLES, Standard, standard},
    },
};

impl Evaluation<'_> {
    /// The report on samples of images by Inception's features; `None` without a file of its weights.
    pub(super) fn standard(&mut self) -> Result<Option<Report>> {
        let Some(weights) = &self.args.features else { return Ok(None) };
        if self.train.shape.len() != 3 || self.train.stack > 1 {
            tell(format_args!("--features: Inception looks at images, and `{}` is left out", self.train.name));
            return Ok(None);
        }
        let count = self.args.count.map_or(SAMPLES, |most| most.min(SAMPLES));
        tell(asked(self.args, count, self.session.step()));
        let classes = self.drawn(count);
        let (session, seed) = (&mut self.session, self.args.seed);
        let mut draw = |range: Range<usize>| {
            // Each piece has noise of its own.
            let seed = seed.wrapping_add((range.start / PIECE) as u64);
            match &classes {
                Some(classes) => session.generate_of(&classes[range], seed),
                None => session.generate(range.len(), seed, None),
            }
        };
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
