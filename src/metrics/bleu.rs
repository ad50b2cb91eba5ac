//! BLEU of generated sequences: how many of their n-grams real ones have (Papineni et al. 2002), and, as self-BLEU, how
//! many of them they have from each other (Zhu et al. 2018).

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use rayon::prelude::*;

/// Largest number of tokens of an n-gram.
pub const BLEU_ORDER: usize = 5;
/// What takes the place of no n-gram at all (Chen and Cherry 2014, smoothing method 1).
const NONE: f64 = 0.1;

/// How often each n-gram of up to [`BLEU_ORDER`] tokens is in a sequence.
fn counts<T: Eq + Hash>(sequence: &[T]) -> HashMap<&[T], usize> {
    let mut counts = HashMap::new();
    for gram in (1..=BLEU_ORDER).flat_map(|order| sequence.windows(order)) {
        *counts.entry(gram).or_default() += 1;
    }
    counts
}

/// What sequences are compared with, or with all of which each is compared but itself.
struct References<'a, T> {
    /// The two greatest numbers of times that a reference has an n-gram.
    greatest: HashMap<&'a [T], [usize; 2]>,
    /// Number of references of each length.
    lengths: BTreeMap<usize, usize>,
}

impl<'a, T: Eq + Hash> References<'a, T> {
    fn of<S: AsRef<[T]>>(references: &'a [S]) -> Self {
        let mut all = Self { greatest: HashMap::new(), lengths: BTreeMap::new() };
        for reference in references {
            let reference = reference.as_ref();
            *all.lengths.entry(reference.len()).or_default() += 1;
            for (gram, count) in counts(reference) {
                let [first, second] = all.greatest.entry(gram).or_default();
                *second = (*second).max(count.min(*first));
                *first = (*first).max(count);
            }
        }
        all
    }

    /// BLEU-1 to BLEU-5 of a sequence; `is_own`: it is one of the references, and compared with the others.
    fn bleu(&self, sequence: &[T], is_own: bool) -> [f64; BLEU_ORDER] {
        let mut matches = [0; BLEU_ORDER];
        for (gram, count) in counts(sequence) {
            let [first, second] = self.greatest.get(gram).copied().unwrap_or_default();
            matches[gram.len() - 1] += count.min(if is_own && count == first { second } else { first });
        }
        if matches[0] == 0 {
            return [0.0; BLEU_ORDER];
        }
        let brevity = self.brevity(sequence.len(), is_own);
        let mut logs = 0.0;
        std::array::from_fn(|n| {
            let all = sequence.len().saturating_sub(n).max(1) as f64;
            logs += (if matches[n] == 0 { NONE } else { matches[n] as f64 } / all).ln();
            brevity * (logs / (n + 1) as f64).exp()
        })
    }

    /// The penalty of a sequence that is shorter than the reference of the nearest length, the shorter of two.
    fn brevity(&self, len: usize, is_own: bool) -> f64 {
        let others = self.lengths.iter().filter(|(other, count)| !(is_own && **other == len && **count == 1));
        match others.map(|(other, _)| *other).min_by_key(|other| (other.abs_diff(len), *other)) {
            Some(nearest) if len <= nearest => (1.0 - nearest as f64 / len as f64).exp(),
            _ => 1.0,
        }
    }

    /// The means over sequences.
    fn mean<S: AsRef<[T]> + Sync>(&self, sequences: &[S], is_own: bool) -> [f64; BLEU_ORDER]
    where
        T: Sync,
    {
        let each: Vec<_> = sequences.par_iter().map(|sequence| self.bleu(sequence.as_ref(), is_own)).collect();
        std::array::from_fn(|n| each.iter().map(|bleu| bleu[n]).sum::<f64>() / each.len() as f64)
    }
}

/// BLEU-1 to BLEU-5: means over the samples, each compared with all references, equal weights, smoothing method 1, as
/// `sentence_bleu` of `nltk` has it.
pub fn bleu<T: Eq + Hash + Sync, S: AsRef<[T]> + Sync>(samples: &[S], references: &[S]) -> [f64; BLEU_ORDER] {
    References::of(references).mean(samples, false)
}

/// Self-BLEU-1 to -5: means over the samples, each compared with all the others (Zhu et al. 2018). The greater, the
/// more alike they are; NaN without another sample.
pub fn self_bleu<T: Eq + Hash + Sync, S: AsRef<[T]> + Sync>(samples: &[S]) -> [f64; BLEU_ORDER] {
    if samples.len() < 2 {
        return [f64::NAN; BLEU_ORDER];
    }
    References::of(samples).mean(samples, true)
}
