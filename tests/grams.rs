//! Measures of sequences of symbols against nltk's, scikit-learn's and counts by Python (`tests/fixtures/grams.py`
//! writes the JSON file beside it), and against what is published of real captions.

use std::{path::Path, time::Instant};

use saddle::{
    eval::symbols::words,
    metrics::{NGram, bleu, distinct, grams, mmd_grams, novelty, self_bleu, total_variation},
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Fixture {
    symbols: usize,
    samples: Vec<Vec<u16>>,
    references: Vec<Vec<u16>>,
    bleu: [f64; 5],
    self_bleu: [f64; 5],
    distinct: [f64; 4],
    novel_samples: f64,
    novel_grams: f64,
    total_variation: f64,
    mmd: f64,
    witten_bell: [f64; 5],
}

fn fixture() -> Fixture {
    serde_json::from_str(include_str!("fixtures/grams.json")).unwrap()
}

#[track_caller]
fn assert_near(got: &[f64], want: &[f64]) {
    assert_eq!(got.len(), want.len());
    assert!(got.iter().zip(want).all(|(got, want)| (got - want).abs() < 1e-12), "{got:?}, not {want:?}");
}

fn slices(sequences: &[Vec<u16>]) -> impl Iterator<Item = &[u16]> {
    sequences.iter().map(Vec::as_slice)
}

#[test]
fn bleu_is_that_of_nltk() {
    let f = fixture();
    assert_near(&bleu(&f.samples, &f.references), &f.bleu);
    assert_near(&self_bleu(&f.samples), &f.self_bleu);
    // Whoever does not leave itself out agrees with itself.
    assert_near(&bleu(&f.references[..9], &f.references[..9])[..1], &[1.0]);
    assert!(self_bleu(&f.references[..9])[0] < 1.0);
    assert!(self_bleu(&f.references[..1]).iter().all(|score| score.is_nan()), "there are no others");
}

#[test]
fn counts_are_those_of_python() {
    let f = fixture();
    let (samples, references) = (&f.samples, &f.references);
    assert_near(&[1, 2, 3, 4].map(|order| distinct(grams(samples, order))), &f.distinct);
    assert_near(&[novelty(slices(samples), slices(references))], &[f.novel_samples]);
    assert_near(&[novelty(grams(samples, 5), grams(references, 5))], &[f.novel_grams]);
    assert_near(&[total_variation(grams(samples, 2), grams(references, 2))], &[f.total_variation]);
    assert_near(&[total_variation(grams(samples, 2), grams(samples, 2))], &[0.0]);
    assert_near(&[mmd_grams(samples, references, 4)], &[f.mmd]);
    assert!(distinct(grams(&samples[..0], 1)).is_nan(), "none of nothing");
    let known: Vec<Vec<u16>> =
        samples.iter().filter(|s| s.iter().all(|&id| usize::from(id) < f.symbols)).cloned().collect();
    let nats = [0, 1, 2, 3, 4].map(|order| NGram::new(order, f.symbols, slices(references)).nats(slices(&known)));
    assert_near(&nats, &f.witten_bell);
}

/// Texygen's samples and test captions (Zhu et al. 2018), if they are present beside the project:
/// `cargo test --test grams -- --ignored --nocapture`
#[test]
#[ignore = "measures 10,000 captions against 10,000"]
fn real_captions_score_as_published() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/text");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).ok();
    let (Some(real), Some(test)) = (read("image_coco.txt"), read("test_coco.txt")) else {
        return println!("skipped: there are no captions in {}", folder.display());
    };
    let [real, test] = [&real, &test].map(|text| text.lines().map(words).collect::<Vec<_>>());
    let start = Instant::now();
    let of_test = bleu(&real, &test);
    let of_themselves = self_bleu(&real);
    println!("BLEU {of_test:.4?}, self-BLEU {of_themselves:.4?}, in {:.2} s", start.elapsed().as_secs_f64());
    // With the tokens of nltk's tokenizer, which also parts `man's`.
    let [published, of_published] = [[0.740, 0.520, 0.337, 0.218], [0.892, 0.747, 0.573, 0.416]];
    for (got, want) in of_test[1..].iter().zip(published).chain(of_themselves[1..].iter().zip(of_published)) {
        assert!((got - want).abs() < 0.001, "{got}, not {want}");
    }
}
