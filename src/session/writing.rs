//! Sequences of symbols of any length, drawn one after the other on the host from the predictions of a model.

use super::Session;
use crate::{
    error::{Error, Result},
    kernels::random::{PURPOSE_SAMPLE, philox},
    memory,
    models::CONTINUE,
};

/// How a symbol is drawn from the predicted distribution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Choice {
    /// Divides the logits: 1 follows the model, less prefers likelier symbols, 0 takes the likeliest.
    pub temperature: f64,
    /// Only this many of the likeliest symbols are drawn; `None`: all.
    pub top_k: Option<usize>,
    /// Only the likeliest symbols that together have this probability are drawn (Holtzman et al. 2020); 1: all.
    pub top_p: f64,
}

impl Default for Choice {
    fn default() -> Self {
        Self { temperature: 1.0, top_k: None, top_p: 1.0 }
    }
}

impl Choice {
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

impl Session {
    /// `count` sequences of symbols: the prompt, and `length` symbols more. The same seed gives the same sequences; a
    /// longer `length` only adds to them. The model must have the graph [`CONTINUE`], and its examples be symbols.
    ///
    /// # Errors
    /// More than there is memory for; a device that fails.
    pub fn write(
        &mut self,
        prompt: &[usize],
        count: usize,
        length: usize,
        choice: Choice,
        seed: u64,
    ) -> Result<Vec<Vec<usize>>> {
        let bytes = (count as u64).saturating_mul(8 * (prompt.len() + length) as u64);
        memory::ensure(bytes).map_err(|e| Error::failure(format!("{count} sequences: {e}; fewer take less")))?;
        let (rows, key) = (self.rows(CONTINUE, "next"), [seed as u32, (seed >> 32) as u32]);
        let mut all = vec![];
        for first in (0..count).step_by(rows) {
            let mut written = vec![prompt.to_vec(); rows.min(count - first)];
            let mut place = 0;
            self.step_by_step(prompt.len() + length, |next| {
                let symbols = written.iter_mut().enumerate().map(|(row, text)| {
                    if place >= text.len() {
                        let counter = [place as u32, (first + row) as u32, 1, PURPOSE_SAMPLE];
                        let uniform = (f64::from(philox(counter, key)[0]) + 0.5) / 2f64.powi(32);
                        text.push(choice.of(&next(row), uniform));
                    }
                    (row, text[place])
                });
                let symbols = symbols.collect();
                place += 1;
                symbols
            })?;
            all.extend(written);
        }
        Ok(all)
    }
}

impl Session {
    /// Mean negative log-likelihood of the symbols of a text, in nats, its state carried from one to the next. The text
    /// is read in as many parts as the graph [`CONTINUE`] has rows, each from a state of zeros.
    ///
    /// # Errors
    /// A device that fails.
    pub fn nats(&mut self, text: &[u16]) -> Result<f64> {
        let rows = self.rows(CONTINUE, "next").min(text.len()).max(1);
        let parts: Vec<&[u16]> = text.chunks(text.len().div_ceil(rows)).collect();
        let (mut sum, longest) = (0.0, parts[0].len());
        let mut place = 0;
        self.step_by_step(longest, |next| {
            let mut symbols = vec![];
            for (row, part) in parts.iter().enumerate() {
                let Some(&symbol) = part.get(place) else { continue };
                sum -= log_softmax(next(row), usize::from(symbol));
                symbols.push((row, usize::from(symbol)));
            }
            place += 1;
            symbols
        })?;
        Ok(sum / text.len() as f64)
    }

    /// Lets the graph [`CONTINUE`] take `steps` steps from states of zeros. At each, `choose` gets the logits of the
    /// next symbol of each row, and returns rows with the symbols that come next there.
    fn step_by_step(
        &mut self,
        steps: usize,
        mut choose: impl FnMut(&dyn Fn(usize) -> Vec<f32>) -> Vec<(usize, usize)>,
    ) -> Result<()> {
        let program = self.engine.program(CONTINUE).expect("the model has the graph `continue`");
        let outputs: Vec<(String, Vec<usize>)> =
            program.outputs.iter().map(|output| (output.name.clone(), output.shape.clone())).collect();
        let [rows, symbols] = outputs[0].1[..] else { panic!("`next` is [rows, F]") };
        let mut states: Vec<(String, Vec<f32>)> =
            outputs[1..].iter().map(|(name, shape)| (name.clone(), vec![0.0; shape.iter().product()])).collect();
        let mut x = vec![-1.0; rows];
        self.engine.aside(CONTINUE, |engine| {
            for _ in 0..steps {
                let inputs: Vec<(&str, &[f32])> =
                    states.iter().map(|(name, values)| (name.as_str(), values.as_slice())).collect();
                engine.feed(CONTINUE, &[&[("x", x.as_slice())], inputs.as_slice()].concat())?;
                let next = engine.output(CONTINUE, "next")?;
                x.fill(-1.0);
                for (row, symbol) in choose(&|row| next[row * symbols..][..symbols].to_vec()) {
                    x[row] = symbol as f32;
                }
                for (name, values) in &mut states {
                    *values = engine.output(CONTINUE, name)?;
                }
            }
            Ok(())
        })
    }
}

/// The log-probability of a symbol by these logits.
fn log_softmax(logits: Vec<f32>, symbol: usize) -> f64 {
    let peak = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    let total: f64 = logits.iter().map(|&logit| (f64::from(logit) - peak).exp()).sum();
    f64::from(logits[symbol]) - peak - total.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_are_drawn_by_their_probabilities() {
        let logits = [0.0f32, 2f32.ln(), f32::MIN, 1f32.ln()];
        let drawn = |choice: Choice| {
            let mut counts = [0; 4];
            (0..4000).for_each(|n| counts[choice.of(&logits, (n as f64 + 0.5) / 4000.0)] += 1);
            counts
        };
        assert_eq!(drawn(Choice::default()), [1000, 2000, 0, 1000]);
        assert_eq!(drawn(Choice { temperature: 0.0, ..Choice::default() }), [0, 4000, 0, 0]);
        assert_eq!(drawn(Choice { top_k: Some(1), ..Choice::default() }), [0, 4000, 0, 0]);
        assert_eq!(drawn(Choice { top_p: 0.7, ..Choice::default() }), [1333, 2667, 0, 0]);
        // Twice as likely becomes four times as likely.
        assert_eq!(drawn(Choice { temperature: 0.5, ..Choice::default() }), [667, 2667, 0, 666]);
        let extreme = Choice { temperature: 1e-30, ..Choice::default() };
        assert_eq!(extreme.of(&[1e30, -1e30, 0.0], 0.9999), 0, "nothing overflows");
    }
}
