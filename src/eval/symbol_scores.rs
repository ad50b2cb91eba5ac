//! The scores of sequences of symbols: to add one is to add a row.

use super::{Better, symbols::Corpus};
use crate::metrics::{bleu, distinct, grams, mmd_grams, novelty, self_bleu, total_variation};

/// Largest number of symbols of the n-grams whose counts the kernel distance compares.
const KERNEL_ORDER: usize = 4;
/// Fewest letters of a word that tells spelling from chance.
const LETTERS: usize = 4;

/// The real part that samples are compared with. The other part stands in for samples, to score real ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Against {
    /// What the model learned from.
    Training,
    /// What it has not seen.
    HeldOut,
}

/// A score, or several that are computed together, such as BLEU of each order.
pub struct Score {
    /// The name of each.
    pub names: &'static [&'static str],
    /// Which way they improve.
    pub better: Better,
    /// What samples are compared with.
    pub against: Against,
    /// One value for each name, from samples and the real sequences.
    pub of: fn(&Corpus, &Corpus) -> Vec<f64>,
    /// A remark.
    pub note: Option<&'static str>,
}

/// The scores of all sequences.
pub const EVERY: &[Score] = &[
    Score {
        names: &["forward NLL"],
        better: Better::Lower,
        against: Against::Training,
        of: |samples, real| vec![real.counts().nats(samples.slices())],
        note: Some("quality: nats of each symbol of the samples by a 5-gram that learned from the training part"),
    },
    Score {
        names: &["reverse NLL"],
        better: Better::Lower,
        against: Against::HeldOut,
        of: |samples, real| vec![samples.counts().nats(real.slices())],
        note: Some("diversity: nats of each held-out symbol by a 5-gram that learned from the samples"),
    },
    Score {
        names: &["bigram distance"],
        better: Better::Lower,
        against: Against::HeldOut,
        of: |samples, real| vec![total_variation(grams(&samples.sequences, 2), grams(&real.sequences, 2))],
        note: Some("total variation between the shares of pairs of neighbours"),
    },
    Score {
        names: &["MMD² of n-grams"],
        better: Better::Lower,
        against: Against::HeldOut,
        of: |samples, real| vec![mmd_grams(&samples.sequences, &real.sequences, KERNEL_ORDER)],
        note: Some("the kernel is the cosine of counts of n-grams of 1 to 4 symbols"),
    },
    Score {
        names: &["distinct-1", "distinct-2", "distinct-3", "distinct-4"],
        // More different ones than real text has are noise.
        better: Better::Neither,
        against: Against::HeldOut,
        of: |samples, _| (1..=4).map(|order| distinct(grams(&samples.sequences, order))).collect(),
        note: Some("different n-grams of symbols / n-grams; it falls with the number of samples"),
    },
    Score {
        names: &["different samples"],
        better: Better::Higher,
        against: Against::HeldOut,
        of: |samples, _| vec![distinct(samples.slices())],
        note: None,
    },
    Score {
        names: &["novel samples", "novel 5-grams"],
        better: Better::Neither,
        against: Against::Training,
        of: |samples, real| {
            let known: Box<dyn Iterator<Item = &[u16]>> = match samples.sequences.first() {
                Some(window) if !samples.is_of_lines() => Box::new(grams(&real.sequences, window.len())),
                _ => Box::new(real.slices()),
            };
            let five = [samples, real].map(|corpus| grams(&corpus.sequences, 5));
            let [of, known_five] = five;
            vec![novelty(samples.slices(), known), novelty(of, known_five)]
        },
        note: Some("share that is not in the training part; far below real: learned by heart"),
    },
];

/// The scores of sequences that are wholes, such as lines.
pub const LINES: &[Score] = &[
    Score {
        names: &["BLEU-2", "BLEU-3", "BLEU-4", "BLEU-5"],
        better: Better::Higher,
        against: Against::HeldOut,
        of: |samples, real| bleu(&samples.words(), &real.words())[1..].to_vec(),
        note: Some("quality: of words, with these held-out lines as references; published ones are with 10,000"),
    },
    Score {
        names: &["self-BLEU-2", "self-BLEU-3", "self-BLEU-4", "self-BLEU-5"],
        better: Better::Lower,
        against: Against::HeldOut,
        of: |samples, _| self_bleu(&samples.words())[1..].to_vec(),
        note: Some("diversity: with all other samples as references (Zhu et al. 2018)"),
    },
];

/// The scores of text.
pub const TEXT: &[Score] = &[Score {
    names: &["known words"],
    better: Better::Higher,
    against: Against::Training,
    of: |samples, real| {
        let [samples, real] = [samples, real].map(|corpus| (corpus.spelled(), corpus.is_of_lines()));
        vec![1.0 - novelty(long_words(&samples), long_words(&real))]
    },
    note: Some("quality: share of the words of 4 letters or more that are in the training part"),
}];

/// The words of [`LETTERS`] letters or more of texts; without those that the borders of windows may have cut.
fn long_words((texts, are_lines): &(Vec<String>, bool)) -> impl Iterator<Item = &[u8]> {
    texts.iter().flat_map(move |text| {
        let parts: Vec<&str> = text.split(|c: char| !c.is_alphabetic()).collect();
        let cut = usize::from(!are_lines);
        let whole = parts.len().saturating_sub(2 * cut);
        let words = parts.into_iter().skip(cut).take(whole);
        words.filter(|word| word.chars().count() >= LETTERS).map(str::as_bytes)
    })
}

/// Part of a set's name, a measure, and its published figures there: captions by Texygen (Zhu et al. 2018), from the
/// samples that it ships; characters by Bai et al. 2018 and nanoGPT's README.
const PUBLISHED: [(&str, &str, &str); 12] = [
    ("image_coco", "BLEU-2", "MLE 0.731, SeqGAN 0.745, LeakGAN 0.746"),
    ("image_coco", "BLEU-3", "MLE 0.497, SeqGAN 0.498, LeakGAN 0.528"),
    ("image_coco", "BLEU-4", "MLE 0.305, SeqGAN 0.294, LeakGAN 0.355"),
    ("image_coco", "BLEU-5", "MLE 0.189, SeqGAN 0.180, LeakGAN 0.230"),
    ("image_coco", "self-BLEU-2", "MLE 0.916, SeqGAN 0.950, LeakGAN 0.966"),
    ("image_coco", "self-BLEU-3", "MLE 0.769, SeqGAN 0.840, LeakGAN 0.913"),
    ("image_coco", "self-BLEU-4", "MLE 0.583, SeqGAN 0.670, LeakGAN 0.848"),
    ("image_coco", "self-BLEU-5", "MLE 0.408, SeqGAN 0.489, LeakGAN 0.780"),
    ("image_coco", "different samples", "MLE 0.998, SeqGAN 0.997, LeakGAN 0.707"),
    ("shakespeare", "bits per character", "nanoGPT, in windows: 2.71 (CPU), 2.12 (GPU)"),
    ("ptb", "bits per character", "TCN 1.31"),
    ("text8", "bits per character", "LSTM 1.50, TCN 1.45"),
];

/// The published figures of a measure on a set.
pub fn published(set: &str, measure: &str) -> Option<&'static str> {
    let of_set = PUBLISHED.iter().find(|(part, of, _)| set.contains(part) && *of == measure);
    of_set.map(|(.., figures)| *figures)
}
