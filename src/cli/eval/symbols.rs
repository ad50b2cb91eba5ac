//! The reports of an evaluation on text and melodies.

use super::{Evaluation, asked};
use crate::{
    cli::tell,
    data::Series,
    error::Result,
    eval::{
        Report, Row,
        baseline::baseline,
        symbols::{self, Real},
    },
    models::{BOUND, CONTINUE, Examples},
    session::{Decoding, Session},
};

/// The variant that is trained by likelihood to stand beside models of symbols.
const BASELINE: &str = "lstm";

/// Number of samples of symbols that are drawn at a time.
const PIECE: usize = 512;

impl Evaluation<'_> {
    /// A note on the words of a text that the alphabet lacks.
    pub(super) fn unknown_words(&self) -> Option<String> {
        let others = self.trained.examples.text()?.others()?;
        let ids = self.test.as_ref().unwrap_or(&self.train).text()?;
        let share = ids.iter().filter(|id| **id == others).count() as f64 / ids.len() as f64;
        let percent = 100.0 * share;
        (share > 0.0).then(|| {
            format!(
                "{percent:.1} % of the words are `<unk>`, which stands for any other word: likelihood and bits per \
                 character are better than those of a model that has to spell them"
            )
        })
    }

    /// The report on samples of text or melodies, beside what is trained by likelihood.
    pub(super) fn symbols(&mut self) -> Result<Report> {
        let Self { args, trained, session, train, test, setup, .. } = self;
        let (s, window) = (&trained.settings, train.shape[0]);
        let most = args.count.unwrap_or((symbols::SAMPLES as f64 * setup.effort) as usize);
        let real = Real::of(train, test.as_ref(), most)?;
        let count = real.count();
        tell(asked(args, count, session.step()));
        let samples = match session.has(CONTINUE) {
            true => written(session, [count, window], s.temperature.into(), args.seed)?,
            false => generated(session, &trained.examples, count, args.seed)?,
        };
        let is_baseline = s.variant != BASELINE;
        let mut other;
        let by_likelihood = if is_baseline {
            tell(format_args!(
                "beside them `{BASELINE}` of as many units, trained by likelihood or found in the cache"
            ));
            other = baseline(train, s, setup)?;
            &mut other
        } else {
            &mut *session
        };
        tell(format_args!("{count} samples by likelihood at each of {} temperatures", symbols::TEMPERATURES.len()));
        let mut draw = |temperature| written(by_likelihood, [count, window], temperature, args.seed);
        let mut report = real.report(samples, &mut draw, is_baseline)?;
        if !self.session.has(BOUND) {
            report.rows.extend(real.floors());
        }
        report.notes.extend(self.stand_in());
        Ok(report)
    }

    /// More rows on the likelihood of text and melodies; none for numbers.
    pub(super) fn symbol_likelihood(&mut self) -> Result<Vec<Row>> {
        let Self { trained, session, train, test, .. } = self;
        if !trained.examples.symbols() {
            return Ok(vec![]);
        }
        let real = Real::of(train, test.as_ref(), 1)?;
        let mut rows = match real.text().filter(|_| session.has(CONTINUE)) {
            Some(text) => {
                let mut nats = |text: &[u16]| session.nats(text);
                symbols::carried(&train.name, text, trained.examples.text(), &mut nats)?
            }
            None => vec![],
        };
        rows.extend(real.floors());
        Ok(rows)
    }
}

/// `count` sequences of `length` symbols that a model writes from nothing.
fn written(session: &mut Session, [count, length]: [usize; 2], temperature: f64, seed: u64) -> Result<Vec<Vec<u16>>> {
    let choice = Decoding { temperature, ..Decoding::default() };
    Ok(ids(session.write(&[], count, length, choice, seed, |_, _| ())?))
}

/// `count` samples of a model that generates sequences of symbols as a whole.
fn generated(session: &mut Session, examples: &Examples, count: usize, seed: u64) -> Result<Vec<Vec<u16>>> {
    let Some(Series::Symbols(symbols)) = &examples.series else { return Ok(vec![]) };
    let mut all = vec![];
    for first in (0..count).step_by(PIECE) {
        // A piece at a time, each with a seed of its own.
        let samples = session.generate(PIECE.min(count - first), seed.wrapping_add((first as u64) << 32), None)?;
        all.extend(ids(symbols.sequences(&samples, examples.shape[0])));
    }
    Ok(all)
}

/// Symbols as numbers of 16 bits.
fn ids(sequences: Vec<Vec<usize>>) -> Vec<Vec<u16>> {
    sequences.into_iter().map(|sequence| sequence.into_iter().map(|id| id as u16).collect()).collect()
}
