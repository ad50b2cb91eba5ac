//! N-gram models of symbols: what a text says of itself by counting.

use std::collections::HashMap;

/// Largest number of symbols before the predicted one.
pub const MAX_ORDER: usize = 6;

/// Counts of symbols after contexts of up to `order` symbols, interpolated by Witten and Bell 1991 (method C): a longer
/// context counts for more the fewer different symbols follow it.
pub struct NGram {
    order: usize,
    symbols: usize,
    /// For each context, the number of symbols that followed it, and of different ones.
    contexts: HashMap<u128, [u32; 2]>,
    /// For each context and symbol, how often the symbol followed.
    counts: HashMap<(u128, u16), u32>,
}

/// The last `len` symbols of a context as one number, its length included.
fn key(before: &[u16], len: usize) -> u128 {
    let last = &before[before.len() - len..];
    last.iter().fold(len as u128, |key, &symbol| key << 16 | u128::from(symbol))
}

impl NGram {
    /// Counts in these sequences of symbols below `symbols`.
    ///
    /// # Panics
    /// An `order` above 6.
    pub fn new<'a>(order: usize, symbols: usize, sequences: impl IntoIterator<Item = &'a [u16]>) -> Self {
        assert!(order <= MAX_ORDER, "an order of at most {MAX_ORDER}, not {order}");
        let mut model = Self { order, symbols, contexts: HashMap::new(), counts: HashMap::new() };
        for sequence in sequences {
            for (place, &symbol) in sequence.iter().enumerate() {
                for len in 0..=order.min(place) {
                    let context = key(&sequence[..place], len);
                    let count = model.counts.entry((context, symbol)).or_default();
                    let [followed, different] = model.contexts.entry(context).or_default();
                    *followed += 1;
                    *different += u32::from(*count == 0);
                    *count += 1;
                }
            }
        }
        model
    }

    /// The probability of a symbol after those before it.
    pub fn probability(&self, before: &[u16], symbol: u16) -> f64 {
        let uniform = 1.0 / self.symbols as f64;
        (0..=self.order.min(before.len())).fold(uniform, |shorter, len| {
            let context = key(before, len);
            let Some(&[followed, different]) = self.contexts.get(&context) else { return shorter };
            let count = self.counts.get(&(context, symbol)).copied().unwrap_or(0);
            (f64::from(count) + f64::from(different) * shorter) / f64::from(followed + different)
        })
    }

    /// Mean negative log-likelihood of the symbols of sequences, in nats; NaN without a symbol.
    pub fn nats<'a>(&self, sequences: impl IntoIterator<Item = &'a [u16]>) -> f64 {
        let (mut sum, mut count) = (0.0, 0usize);
        for sequence in sequences {
            for (place, &symbol) in sequence.iter().enumerate() {
                let from = place.saturating_sub(self.order);
                sum -= self.probability(&sequence[from..place], symbol).ln();
                count += 1;
            }
        }
        sum / count as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_add_up_and_follow_the_counts() {
        let text: Vec<u16> = [0, 1, 2, 0, 1, 3].repeat(50);
        for order in 0..=4 {
            let model = NGram::new(order, 5, [text.as_slice()]);
            for before in [&[][..], &[0], &[0, 1], &[4, 4], &[2, 0, 1]] {
                let total: f64 = (0..5).map(|symbol| model.probability(before, symbol)).sum();
                assert!((total - 1.0).abs() < 1e-12, "order {order}, {before:?}: {total}");
                assert!((0..5).all(|symbol| model.probability(before, symbol) > 0.0));
            }
        }
        // By hand: 300 symbols, 4 different; 100 times 1, in a uniform prior over 5.
        let unigram = NGram::new(0, 5, [text.as_slice()]);
        assert!((unigram.probability(&[], 1) - (100.0 + 4.0 / 5.0) / 304.0).abs() < 1e-15);
        // After 0 comes 1, always: 100 times, one different.
        let bigram = NGram::new(1, 5, [text.as_slice()]);
        assert!((bigram.probability(&[0], 1) - (100.0 + unigram.probability(&[], 1)) / 101.0).abs() < 1e-15);
        // A longer memory tells 2 from 3; its cost is near ln 2 a sixth of the time without it.
        let nats = |order| NGram::new(order, 5, [text.as_slice()]).nats([text.as_slice()]);
        assert!(nats(3) < 0.05 && nats(1) > 0.2, "{} {}", nats(3), nats(1));
    }
}
