//! Sequences of symbols or of keys of any length, drawn one step after the other on the host from the predictions of a
//! model.

use super::Session;
use crate::{
    data::Chord,
    error::{Error, Result},
    kernels::random::{PURPOSE_SAMPLE, philox},
    memory,
    models::CONTINUE,
};

/// How a symbol is drawn from the predicted distribution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decoding {
    /// Divides the logits: 1 follows the model, less prefers likelier symbols, 0 takes the likeliest.
    pub temperature: f64,
    /// Only this many of the likeliest symbols are drawn; `None`: all.
    pub top_k: Option<usize>,
    /// Only the likeliest symbols that together have this probability are drawn (Holtzman et al. 2020); 1: all.
    pub top_p: f64,
}

impl Default for Decoding {
    fn default() -> Self {
        Self { temperature: 1.0, top_k: None, top_p: 1.0 }
    }
}

impl Decoding {
    /// The symbol that a uniform number in 0 to 1 chooses, given the logits of all symbols.
    pub fn of(&self, logits: &[f32], uniform: f64) -> usize {
        let mut order: Vec<usize> = (0..logits.len()).collect();
        // Only what leaves unlikely symbols out needs the order. Of equal logits, the first symbol comes first.
        if self.temperature == 0.0 || self.top_k.is_some() || self.top_p < 1.0 {
            order.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]));
        }
        if self.temperature == 0.0 {
            return order[0];
        }
        order.truncate(self.top_k.unwrap_or(usize::MAX).max(1));
        let peak = f64::from(order.iter().map(|&symbol| logits[symbol]).fold(f32::NEG_INFINITY, f32::max));
        let weight = |&symbol: &usize| ((f64::from(logits[symbol]) - peak) / self.temperature).exp();
        let weights: Vec<f64> = order.iter().map(weight).collect();
        let cumulated = |weights: &[f64]| -> Vec<f64> {
            weights
                .iter()
                .scan(0.0, |sum, weight| {
                    *sum += weight;
                    Some(*sum)
                })
                .collect()
        };
        let sums = cumulated(&weights);
        let total = sums[sums.len() - 1];
        let kept = sums.iter().position(|sum| *sum >= self.top_p * total).map_or(sums.len(), |last| last + 1);
        let target = uniform * sums[kept - 1];
        order[sums[..kept].iter().position(|sum| *sum > target).unwrap_or(kept - 1)]
    }
}

/// One step of a sequence: a symbol, or the keys of a roll.
pub trait Step: Clone {
    /// What the model reads in the place of each value where there is no step.
    const BLANK: f32;

    /// Its negative log-likelihood in nats, by the parameters `[F]` of the distribution that the model predicts.
    fn nats(&self, predicted: &[f32]) -> f64;
    /// Draws a step; `uniform(n)` is the random number n of this step, in 0 to 1.
    fn draw(predicted: &[f32], choice: &Decoding, uniform: impl Fn(usize) -> f64) -> Self;
    /// Writes the step as the model reads it, over blanks.
    fn show(&self, x: &mut [f32]);
}

impl Step for usize {
    const BLANK: f32 = -1.0;

    fn nats(&self, logits: &[f32]) -> f64 {
        let peak = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
        let total: f64 = logits.iter().map(|&logit| (f64::from(logit) - peak).exp()).sum();
        total.ln() - (f64::from(logits[*self]) - peak)
    }

    fn draw(logits: &[f32], choice: &Decoding, uniform: impl Fn(usize) -> f64) -> Self {
        choice.of(logits, uniform(0))
    }

    fn show(&self, x: &mut [f32]) {
        x[0] = *self as f32;
    }
}

impl Step for Chord {
    const BLANK: f32 = -1.0;

    /// The sum over the keys, which are independent given the steps before (Boulanger-Lewandowski et al. 2012).
    fn nats(&self, logits: &[f32]) -> f64 {
        // -log p is softplus(l) for a key that is silent, and softplus(-l) for one that sounds.
        let softplus = |l: f64| l.max(0.0) + (-l.abs()).exp().ln_1p();
        let keys = self.values(logits.len()).zip(logits);
        keys.map(|(is_set, &logit)| softplus(if is_set { -f64::from(logit) } else { logit.into() })).sum()
    }

    fn draw(logits: &[f32], choice: &Decoding, uniform: impl Fn(usize) -> f64) -> Self {
        // A key sounds where its logit is greater than logistic noise.
        let noise = |n| (uniform(n) / (1.0 - uniform(n))).ln() * choice.temperature;
        Self::of(logits.len(), |n| f64::from(logits[n]) > noise(n))
    }

    fn show(&self, x: &mut [f32]) {
        let keys = self.values(x.len()).collect::<Vec<_>>();
        x.iter_mut().zip(keys).for_each(|(x, is_set)| *x = is_set.into());
    }
}

impl Session {
    /// `count` sequences: the prompt, and `length` steps more. The same seed gives the same sequences; a longer
    /// `length` only adds to them. The model must have the graph [`CONTINUE`], and its examples be such steps. Before
    /// each step `seen` is told how many steps of all are done.
    ///
    /// # Errors
    /// More than there is memory for; a device that fails.
    pub fn write<S: Step>(
        &mut self,
        prompt: &[S],
        count: usize,
        length: usize,
        choice: Decoding,
        seed: u64,
        mut seen: impl FnMut(usize, usize),
    ) -> Result<Vec<Vec<S>>> {
        let bytes = (count as u64).saturating_mul((size_of::<S>() * (prompt.len() + length)) as u64);
        memory::ensure(bytes).map_err(|e| Error::failure(format!("{count} sequences: {e}; fewer take less")))?;
        let (rows, key) = (self.rows(CONTINUE, "next"), [seed as u32, (seed >> 32) as u32]);
        let (steps, mut done) = (prompt.len() + length, 0);
        let total = steps * count.div_ceil(rows);
        let mut all = vec![];
        for first in (0..count).step_by(rows) {
            let mut written = vec![prompt.to_vec(); rows.min(count - first)];
            let mut place = 0;
            self.step_by_step(steps, |next| {
                seen(done, total);
                done += 1;
                let steps = written.iter_mut().enumerate().map(|(row, text)| {
                    if place >= text.len() {
                        let uniform = |n: usize| {
                            let counter = [place as u32, (first + row) as u32, 1 + n as u32 / 4, PURPOSE_SAMPLE];
                            (f64::from(philox(counter, key)[n % 4]) + 0.5) / 2f64.powi(32)
                        };
                        text.push(S::draw(&next(row), &choice, uniform));
                    }
                    (row, text[place].clone())
                });
                let steps = steps.collect();
                place += 1;
                steps
            })?;
            all.extend(written);
        }
        Ok(all)
    }

    /// Mean negative log-likelihood of the symbols of a text, in nats, its state carried from one to the next. The text
    /// is read in as many parts as the graph [`CONTINUE`] has rows, each from a state of zeros.
    ///
    /// # Errors
    /// A device that fails.
    pub fn nats(&mut self, text: &[u16]) -> Result<f64> {
        // Every part begins without a state, so that few of its symbols may be the first.
        const PART: usize = 2000;
        let rows = self.rows(CONTINUE, "next").min(text.len() / PART).max(1);
        let parts = text.chunks(text.len().div_ceil(rows).max(1));
        let parts: Vec<Vec<usize>> = parts.map(|part| part.iter().map(|&symbol| symbol.into()).collect()).collect();
        self.nats_of_pieces(&parts)
    }

    /// Mean negative log-likelihood of the steps of all pieces, in nats. Each piece begins with a state of zeros, which
    /// is carried from step to step.
    ///
    /// # Errors
    /// A device that fails.
    pub fn nats_of_pieces<S: Step>(&mut self, pieces: &[Vec<S>]) -> Result<f64> {
        // Pieces of about one length are read together.
        let mut pieces: Vec<&Vec<S>> = pieces.iter().collect();
        pieces.sort_by_key(|piece| std::cmp::Reverse(piece.len()));
        let rows = self.rows(CONTINUE, "next");
        let (mut sum, steps) = (0.0, pieces.iter().map(|piece| piece.len()).sum::<usize>());
        for some in pieces.chunks(rows) {
            let mut place = 0;
            self.step_by_step(some[0].len(), |next| {
                let mut read = vec![];
                for (row, piece) in some.iter().enumerate() {
                    let Some(step) = piece.get(place) else { continue };
                    sum += step.nats(&next(row));
                    read.push((row, step.clone()));
                }
                place += 1;
                read
            })?;
        }
        Ok(sum / steps as f64)
    }

    /// Lets the graph [`CONTINUE`] take `steps` steps from states of zeros. At each, `choose` gets the parameters of
    /// the next step of each row, and returns rows with the steps that come next there.
    fn step_by_step<S: Step>(
        &mut self,
        steps: usize,
        mut choose: impl FnMut(&dyn Fn(usize) -> Vec<f32>) -> Vec<(usize, S)>,
    ) -> Result<()> {
        let program = self.engine.program(CONTINUE).expect("the model has the graph `continue`");
        let outputs: Vec<(String, Vec<usize>)> =
            program.outputs.iter().map(|output| (output.name.clone(), output.shape.clone())).collect();
        let [rows, width] = outputs[0].1[..] else { panic!("`next` is [rows, F]") };
        let mut states: Vec<(String, Vec<f32>)> =
            outputs[1..].iter().map(|(name, shape)| (name.clone(), vec![0.0; shape.iter().product()])).collect();
        let mut x = vec![S::BLANK; program.input("x").expect("the graph reads the last step")];
        let read = x.len() / rows;
        self.engine.aside(CONTINUE, |engine| {
            for _ in 0..steps {
                let inputs: Vec<(&str, &[f32])> =
                    states.iter().map(|(name, values)| (name.as_str(), values.as_slice())).collect();
                engine.feed(CONTINUE, &[&[("x", x.as_slice())], inputs.as_slice()].concat())?;
                let next = engine.output(CONTINUE, "next")?;
                x.fill(S::BLANK);
                for (row, step) in choose(&|row| next[row * width..][..width].to_vec()) {
                    step.show(&mut x[row * read..][..read]);
                }
                for (name, values) in &mut states {
                    *values = engine.output(CONTINUE, name)?;
                }
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_are_drawn_by_their_probabilities() {
        let logits = [0.0f32, 2f32.ln(), f32::MIN, 1f32.ln()];
        let drawn = |choice: Decoding| {
            let mut counts = [0; 4];
            (0..4000).for_each(|n| counts[choice.of(&logits, (n as f64 + 0.5) / 4000.0)] += 1);
            counts
        };
        assert_eq!(drawn(Decoding::default()), [1000, 2000, 0, 1000]);
        assert_eq!(drawn(Decoding { temperature: 0.0, ..Decoding::default() }), [0, 4000, 0, 0]);
        assert_eq!(drawn(Decoding { top_k: Some(1), ..Decoding::default() }), [0, 4000, 0, 0]);
        assert_eq!(drawn(Decoding { top_p: 0.7, ..Decoding::default() }), [1333, 2667, 0, 0]);
        // Twice as likely becomes four times as likely.
        assert_eq!(drawn(Decoding { temperature: 0.5, ..Decoding::default() }), [667, 2666, 0, 667]);
        let extreme = Decoding { temperature: 1e-30, ..Decoding::default() };
        assert_eq!(extreme.of(&[1e30, -1e30, 0.0], 0.9999), 0, "nothing overflows");
    }

    #[test]
    fn keys_are_independent() {
        let keys = Chord::of(88, |n| n % 22 == 0);
        assert!((keys.nats(&[0.0; 88]) - 88.0 * 2f64.ln()).abs() < 1e-12, "half a probability each");
        let logits: Vec<f32> = (0..88).map(|n| if n % 22 == 0 { 3f32.ln() } else { -3f32.ln() }).collect();
        assert!((keys.nats(&logits) - 88.0 * (4f64 / 3.0).ln()).abs() < 1e-5, "three quarters each");
        assert!(Chord::of(88, |_| false).nats(&[-1e30; 88]) == 0.0, "nothing overflows");

        let drawn = |temperature: f64, logit: f32| {
            let choice = Decoding { temperature, ..Decoding::default() };
            let chord = |n: usize| Chord::draw(&[logit; 88], &choice, |key| ((n * 88 + key) as f64 + 0.5) / 8800.0);
            (0..100).map(|n| chord(n).sounds.count_ones()).sum::<u32>()
        };
        assert_eq!((drawn(1.0, 3f32.ln()), drawn(0.5, 3f32.ln())), (6600, 7920), "3 : 1, and 9 : 1");
        assert_eq!((drawn(0.0, 0.1), drawn(0.0, -0.1)), (8800, 0));
        let mut x = [0.0; 176];
        Chord { sounds: 3 << 60, begins: 1 << 61 }.show(&mut x);
        assert_eq!((0..176).filter(|n| x[*n] == 1.0).collect::<Vec<_>>(), [39, 40, 88 + 40]);
    }
}
