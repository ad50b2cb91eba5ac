//! The scores of symbols: of captions that a small grammar makes, and of what is worse than those in one way or
//! another.

use saddle::{
    data::{About, Dataset, Items, Series, Symbols},
    eval::{
        Report,
        symbols::{Corpus, Real, words},
    },
};
use serde_json::json;

const LETTERS: &str = "\n abdefghilmnoprstuvw.";
const WINDOW: usize = 40;
const END: u16 = 0;

/// A random number below `of`.
fn below(state: &mut u64, of: usize) -> usize {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) as usize % of
}

/// Captions such as "a bird is over the water."
fn captions(count: usize, seed: u64) -> Vec<String> {
    let mut state = seed;
    let mut one = |words: &[&str]| words[below(&mut state, words.len())].to_string();
    let mut caption = || {
        let nouns = ["bird", "train", "horse", "woman", "field", "table", "window"];
        let [first, second] = [one(&nouns), one(&nouns)];
        format!("a {first} is {} the {second}{}", one(&["over", "under", "behind", "near"]), one(&[".", " at night."]))
    };
    (0..count).map(|_| caption()).collect()
}

fn alphabet(end: Option<u16>) -> Symbols {
    let names: Vec<String> = LETTERS.chars().map(String::from).collect();
    serde_json::from_value(json!({"names": names, "kind": "Text", "end": end})).unwrap()
}

fn ids(text: &str) -> Vec<u16> {
    text.chars().map(|letter| LETTERS.chars().position(|known| known == letter).unwrap() as u16).collect()
}

/// Lines of a window each, filled up with their end.
fn lines(texts: &[String]) -> Vec<Vec<u16>> {
    let line = |text: &String| [ids(text), vec![END; WINDOW - text.len()]].concat();
    texts.iter().map(line).collect()
}

/// Windows of the text that captions are one after the other.
fn windows(texts: &[String]) -> Vec<Vec<u16>> {
    ids(&texts.join(" ")).chunks_exact(WINDOW).map(<[u16]>::to_vec).collect()
}

fn dataset(sequences: &[Vec<u16>], end: Option<u16>) -> Dataset {
    let starts = (0..sequences.len()).map(|n| (n * WINDOW) as u32);
    let bytes: Vec<u8> = sequences.iter().flatten().flat_map(|id| id.to_le_bytes()).collect();
    Dataset {
        name: "image_coco.txt".into(),
        shape: vec![WINDOW, LETTERS.len()],
        items: Items::Symbols { ids: bytes.into(), starts: starts.collect::<Vec<_>>().into() },
        labels: None,
        stack: 1,
        mirror: false,
        pieces: vec![],
        series: Some(Series::Symbols(alphabet(end))),
        about: About::default(),
    }
}

/// A report on samples, beside which `likely` stands for a model trained by likelihood.
fn report(real: &Real, samples: &[Vec<u16>], likely: &[Vec<u16>]) -> Report {
    real.report(samples.to_vec(), &mut |_| Ok(likely.to_vec()), true).unwrap()
}

#[track_caller]
fn value(report: &Report, measure: &str) -> f64 {
    let row = report.rows.iter().find(|row| row.measure == measure);
    row.unwrap_or_else(|| panic!("no {measure}: {}", report.table())).value
}

/// Real captions, as lines or as windows of running text, with samples that are good, that are one over and over, and
/// that are noise.
fn compared(end: Option<u16>) -> (Report, Report, Report) {
    let shape = if end.is_some() { lines } else { windows };
    let [train, test] = [(400, 1), (200, 2)].map(|(count, seed)| dataset(&shape(&captions(count, seed)), end));
    let real = Real::of(&train, Some(&test), 200).unwrap();
    assert_eq!(real.count(), 200);
    let good = shape(&captions(300, 3))[..200].to_vec();
    let mut state = 4;
    let noise: Vec<Vec<u16>> =
        (0..200).map(|_| (0..WINDOW).map(|_| 1 + below(&mut state, LETTERS.len() - 1) as u16).collect()).collect();
    let repeated = vec![good[0].clone(); 200];
    let [good, repeated, noise] = [&good, &repeated, &noise].map(|samples| report(&real, samples, &good));
    (good, repeated, noise)
}

#[test]
fn quality_and_diversity_are_told_apart() {
    for end in [Some(END), None] {
        let (good, repeated, noise) = compared(end);
        let lower = |measure: &str, better: &Report, worse: &Report| {
            let [better, worse] = [better, worse].map(|report| value(report, measure));
            assert!(better < worse, "{measure}: {better}, {worse}\n{}", good.table());
        };
        // Noise is bad, and of great diversity; what is repeated may be good.
        lower("forward NLL", &good, &noise);
        lower("forward NLL", &repeated, &noise);
        lower("reverse NLL", &good, &repeated);
        lower("bigram distance", &good, &repeated);
        lower("bigram distance", &good, &noise);
        lower("MMD² of n-grams", &good, &noise);
        lower("MMD² of n-grams", &good, &repeated);
        lower("distinct-3", &repeated, &good);
        lower("different samples", &repeated, &good);
        lower("novel 5-grams", &good, &noise);
        lower("known words", &noise, &good);
        assert_eq!(value(&good, "known words"), 1.0);
        assert_eq!(value(&repeated, "different samples"), 1.0 / 200.0);
        let is_lines = end.is_some();
        assert_eq!(good.rows.iter().any(|row| row.measure == "BLEU-4"), is_lines, "{}", good.table());
        if is_lines {
            lower("BLEU-4", &noise, &good);
            lower("self-BLEU-4", &good, &repeated);
            assert_eq!(value(&repeated, "self-BLEU-4"), 1.0);
            let bleu = good.rows.iter().find(|row| row.measure == "BLEU-4").unwrap();
            assert!(bleu.published.as_ref().unwrap().contains("LeakGAN 0.355"), "{bleu:?}");
        }
    }
}

#[test]
fn every_score_stands_beside_real_ones_and_the_baseline() {
    for end in [Some(END), None] {
        let (good, _, noise) = compared(end);
        for (row, noisy) in good.rows.iter().zip(&noise.rows) {
            assert_eq!(row.baseline, Some(row.value), "the baseline wrote the same: {row:?}");
            let real = row.real.unwrap_or_else(|| panic!("{row:?}"));
            // Good samples are like real ones, as far as 200 of them tell.
            let far = (noisy.value - real).abs().max(0.2 * real.abs()).max(0.03);
            assert!((row.value - real).abs() <= 0.5 * far, "{row:?}, of noise {}", noisy.value);
        }
        let curve = &good.tables[0];
        let names: Vec<&str> = curve.rows.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!((names.len(), names[0], names[1]), (8, "this model", "temperature 0.7"));
        // Never quality without diversity.
        let columns = ["forward NLL ↓", "reverse NLL ↓", "BLEU-4 ↑", "self-BLEU-4 ↓"];
        assert_eq!(curve.columns, columns[..if end.is_some() { 4 } else { 2 }]);
        assert_eq!(curve.rows[0].1, curve.rows[4].1);
        assert!(good.table().contains("  temperature 1.3 "), "{}", good.table());
        assert!(good.json().contains("\"temperature 1.3\""));
    }
}

#[test]
fn a_set_without_test_part_is_measured_by_halves() {
    let train = dataset(&lines(&captions(400, 1)), Some(END));
    let real = Real::of(&train, None, 1000).unwrap();
    assert_eq!(real.count(), 200);
    let report = report(&real, &lines(&captions(100, 3)), &[]);
    assert!(value(&report, "BLEU-2") > 0.5, "{}", report.table());
}

#[test]
fn few_and_empty_samples_leave_rows_out() {
    let [train, test] = [1, 2].map(|seed| dataset(&lines(&captions(30, seed)), Some(END)));
    let real = Real::of(&train, Some(&test), 1).unwrap();
    let rows = |samples: Vec<Vec<u16>>| -> Vec<String> {
        report(&real, &samples, &samples).rows.into_iter().map(|row| row.measure).collect()
    };
    let all = rows(lines(&captions(30, 3)));
    for (samples, missing) in [
        (vec![], &["forward NLL", "bigram distance", "distinct-1", "BLEU-2", "self-BLEU-2", "known words"][..]),
        (vec![vec![END; WINDOW]; 2], &["known words"]),
        (vec![ids("a")], &["self-BLEU-2", "known words"]),
    ] {
        let left = rows(samples.clone());
        assert!(missing.iter().all(|name| all.contains(&name.to_string())), "{all:?}");
        assert!(missing.iter().all(|name| !left.contains(&name.to_string())), "{samples:?}: {left:?}");
    }
}

#[test]
fn lines_end_where_their_end_is() {
    let [lines, text] = [Some(END), None].map(alphabet);
    let corpus = Corpus::new(&lines, vec![ids("a bird.\n\n\n a"), ids("\n"), ids("a")]);
    assert_eq!(corpus.spelled(), ["a bird.", "", "a"]);
    assert_eq!(corpus.sequences[0], ids("a bird.\n"));
    let windows = Corpus::new(&text, vec![ids("a\nb")]);
    assert_eq!(windows.spelled(), ["a\nb"]);
    assert_eq!(
        words("a man's  (big) dog, \"red-haired\"...\n"),
        ["a", "man's", "(", "big", ")", "dog", ",", "\"", "red-haired", "\"", ".", ".", "."]
    );
    assert_eq!(words(" \u{a1}si! - "), ["\u{a1}", "si", "!", "-"]);
}

/// The floors of n-grams and the text that windows cover.
#[test]
fn floors_are_of_the_training_part() {
    let [train, test] = [(400, 1), (200, 2)].map(|(count, seed)| dataset(&windows(&captions(count, seed)), None));
    let real = Real::of(&train, Some(&test), 100).unwrap();
    let text = windows(&captions(200, 2)).concat();
    assert_eq!(real.text(), Some(text.as_slice()));
    let floors: Vec<f64> = real.floors().iter().map(|row| row.value).collect();
    assert!(floors[0] > floors[1] && floors[1] > floors[2], "{floors:?}");
    // Windows that overlap cover the same text, whatever their stride.
    let Items::Symbols { ids, .. } = &test.items else { panic!("symbols") };
    let starts = (0..=text.len() - WINDOW).step_by(7).map(|start| start as u32).collect::<Vec<_>>();
    let end = *starts.last().unwrap() as usize + WINDOW;
    let overlapping = Dataset { items: Items::Symbols { ids: ids.clone(), starts: starts.into() }, ..test.clone() };
    let covered = Real::of(&train, Some(&overlapping), 100).unwrap().text().unwrap().len();
    assert!(covered <= end && covered > end - WINDOW - 7, "{covered} of {end}");
    // A single window has nothing beside it.
    let one = dataset(&windows(&captions(400, 1))[..1], None);
    assert!(Real::of(&one, None, 100).err().unwrap().to_string().contains("a single window"));
}
