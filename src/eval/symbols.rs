//! Measures of text and melodies: of a model's samples beside real sequences, and of its predictions beside tables of
//! counts.

use std::sync::OnceLock;

use rayon::prelude::*;

use super::{
    Better, Report, Row, Table,
    symbol_scores::{self, Against, Score, published},
};
use crate::{
    data::{self, Dataset, Items, Series, SymbolKind, Symbols},
    error::{Error, Result},
    metrics::NGram,
};

/// Number of samples that are measured, as published.
pub const SAMPLES: usize = 10_000;
/// Maximum number of symbols that are measured, and that are counted.
const MEASURED: usize = 1 << 20;
const COUNTED: usize = 1 << 22;
/// Symbols before the predicted one in the tables of counts that are reported.
const ORDERS: [usize; 5] = [1, 2, 3, 4, 5];
/// Symbols before the predicted one in the tables of counts by which samples and real sequences score each other.
const ORDER: usize = 4;
/// Temperatures at which a model that was trained by likelihood shows what quality costs in diversity (Caccia et al.
/// 2020).
pub const TEMPERATURES: [f64; 7] = [0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3];
/// The scores that are shown over temperature: of quality and of diversity in turn.
const CURVE: [&str; 4] = ["forward NLL", "reverse NLL", "BLEU-4", "self-BLEU-4"];

/// Sequences of symbols.
pub struct Corpus<'a> {
    symbols: &'a Symbols,
    /// The symbols of each; up to the end, and with it, where there is one.
    pub sequences: Vec<Vec<u16>>,
    counts: OnceLock<NGram>,
}

impl<'a> Corpus<'a> {
    /// These sequences, each cut after its end.
    pub fn new(symbols: &'a Symbols, mut sequences: Vec<Vec<u16>>) -> Self {
        for sequence in &mut sequences {
            let end = sequence.iter().position(|&symbol| Some(symbol) == symbols.end);
            sequence.truncate(end.map_or(usize::MAX, |end| end + 1));
        }
        Self { symbols, sequences, counts: OnceLock::new() }
    }

    /// The sequences as slices.
    pub fn slices(&self) -> impl Iterator<Item = &[u16]> {
        self.sequences.iter().map(Vec::as_slice)
    }

    /// Whether each sequence is a whole, such as a line.
    pub fn is_of_lines(&self) -> bool {
        self.symbols.end.is_some()
    }

    /// What each sequence spells, without its end.
    pub fn spelled(&self) -> Vec<String> {
        let spell = |sequence: &Vec<u16>| {
            let ids = sequence.iter().filter(|&&id| Some(id) != self.symbols.end).map(|&id| usize::from(id));
            self.symbols.spelled(&ids.collect::<Vec<_>>())
        };
        self.sequences.iter().map(spell).collect()
    }

    /// The words and signs of each sequence.
    pub fn words(&self) -> Vec<Vec<String>> {
        self.spelled().iter().map(|text| words(text)).collect()
    }

    /// Its 5-grams (Witten and Bell 1991), counted once.
    pub fn counts(&self) -> &NGram {
        self.counts.get_or_init(|| NGram::new(ORDER, self.symbols.names.len(), self.slices()))
    }
}

/// The words of a text: what white space parts, and each sign at the ends of such a part for itself.
pub fn words(text: &str) -> Vec<String> {
    let part = |part: &str| {
        let word = part.trim_matches(|c: char| !c.is_alphanumeric());
        let (before, after) = part.split_once(word).filter(|_| !word.is_empty()).unwrap_or((part, ""));
        let signs = |signs: &str| signs.chars().map(String::from).collect::<Vec<_>>();
        let word = (!word.is_empty()).then(|| word.to_string());
        signs(before).into_iter().chain(word).chain(signs(after)).collect::<Vec<_>>()
    };
    text.split_whitespace().flat_map(part).collect()
}

/// Real sequences, beside which samples are measured.
pub struct Real<'a> {
    set: &'a str,
    symbols: &'a Symbols,
    /// The training part: its lines, or its text in as few pieces as possible.
    train: Corpus<'a>,
    /// As many sequences of the training part as there are samples.
    some: Corpus<'a>,
    held_out: Corpus<'a>,
    /// The held-out part in as few pieces as possible.
    held_text: Corpus<'a>,
}

impl<'a> Real<'a> {
    /// The real sequences of a set, for at most `most` samples. Without a test part, one half of the training part is
    /// measured beside the other.
    ///
    /// # Errors
    /// A set that is not of symbols, or with a single window.
    pub fn of(train: &'a Dataset, test: Option<&Dataset>, most: usize) -> Result<Self> {
        let Some(Series::Symbols(symbols)) = &train.series else {
            return Err(Error::failure(format!("`{}` holds no symbols", train.name)));
        };
        let window = train.shape[0];
        let mut learned = part(train);
        let (held, of_held) = match test {
            Some(test) => (part(test), test),
            None => (learned.split_off(learned.len().div_ceil(2)), train),
        };
        if learned.is_empty() || held.is_empty() {
            return Err(Error::failure(format!(
                "`{}` has a single window of {window} {}s: there is nothing to measure beside it",
                train.name,
                symbols.noun()
            )));
        }
        let corpus = |sequences| Corpus::new(symbols, sequences);
        let windows = |set: &Dataset, items: Vec<usize>| -> Vec<Vec<u16>> {
            items.into_iter().filter_map(|i| set.symbols(i).map(<[u16]>::to_vec)).collect()
        };
        // Windows cover a text, which is read as a whole; lines are wholes.
        let text = |set: &Dataset, items: &[usize]| match symbols.end {
            Some(_) => windows(set, items.to_vec()),
            None => set.covered(items).map(|text| vec![text.to_vec()]).unwrap_or_default(),
        };
        // Lines are filled up to a window; their own symbols are what takes time.
        let length = train.spelled(train.evenly(COUNTED / window)).map_or(window as f64, |[symbols, _]| symbols);
        let [counted, measured] = [COUNTED, MEASURED].map(|symbols| (symbols as f64 / length) as usize);
        let all = learned.len() <= counted;
        Ok(Self {
            set: &train.name,
            symbols,
            some: corpus(windows(train, spread(&learned, most.min(SAMPLES)))),
            train: corpus(if all { text(train, &learned) } else { windows(train, spread(&learned, counted)) }),
            held_text: corpus(text(of_held, &held[..held.len().min(measured)])),
            held_out: corpus(windows(of_held, spread(&held, measured))),
        })
    }

    /// The held-out text, if sequences are windows that cover it.
    pub fn text(&self) -> Option<&[u16]> {
        let is_one = self.symbols.end.is_none() && self.held_text.sequences.len() == 1;
        is_one.then(|| self.held_text.sequences[0].as_slice())
    }

    /// The nats of each held-out symbol by n-grams of the training part: what a model must beat.
    pub fn floors(&self) -> Vec<Row> {
        let row = |order| {
            let counts = NGram::new(order, self.symbols.names.len(), self.train.slices());
            let nats = counts.nats(self.held_text.slices());
            let row = Row::new(format!("NLL per step, {}-gram", order + 1), nats, Better::Neither);
            match order == ORDERS[0] {
                true => row.note(
                    "n-grams are counted in the training part (Witten and Bell 1991) and read the held-out part \
                     without a break: a model must beat the best of them",
                ),
                false => row,
            }
        };
        ORDERS.into_par_iter().map(row).collect()
    }

    /// The number of samples that can be compared with as many real sequences.
    pub fn count(&self) -> usize {
        self.some.sequences.len()
    }

    fn scores(&self) -> Vec<&'static Score> {
        let kinds = [
            (true, symbol_scores::EVERY),
            (self.symbols.end.is_some(), symbol_scores::LINES),
            (self.symbols.kind == SymbolKind::Text, symbol_scores::TEXT),
        ];
        kinds.into_iter().filter(|(fits, _)| *fits).flat_map(|(_, scores)| scores).collect()
    }

    /// The real part that a score compares with, and the other part, which stands in for samples.
    fn parts(&self, score: &Score) -> [&Corpus<'a>; 2] {
        match score.against {
            Against::Training => [&self.train, &self.held_out],
            Against::HeldOut => [&self.held_out, &self.some],
        }
    }

    /// All scores of samples, beside those of real sequences and of the `baseline`'s samples. What cannot be computed,
    /// such as the share of known words without a word, is left out.
    pub fn rows(&self, samples: &Corpus, baseline: Option<&Corpus>) -> Vec<Row> {
        let rows = |score: &&Score| {
            let [against, other] = self.parts(score);
            let values = (score.of)(samples, against);
            let (real, baseline) = ((score.of)(other, against), baseline.map(|samples| (score.of)(samples, against)));
            let row = |(n, value): (usize, f64)| Row {
                real: Some(real[n]).filter(|real| real.is_finite()),
                baseline: baseline.as_ref().map(|values| values[n]).filter(|value| value.is_finite()),
                published: published(self.set, score.names[n]).map(String::from),
                note: score.note.filter(|_| n == 0).map(String::from),
                ..Row::new(score.names[n], value, score.better)
            };
            values.into_iter().enumerate().map(row).filter(|row| row.value.is_finite()).collect::<Vec<_>>()
        };
        self.scores().par_iter().map(rows).collect::<Vec<_>>().concat()
    }

    /// The report on samples. `by_likelihood` draws as many sequences at a temperature from a model that was trained by
    /// likelihood alone: the measured model itself, or, if it `is_baseline`, an `lstm` beside it.
    ///
    /// # Errors
    /// Those of `by_likelihood`.
    pub fn report(&self, samples: Vec<Vec<u16>>, by_likelihood: &mut Draw, is_baseline: bool) -> Result<Report> {
        let samples = Corpus::new(self.symbols, samples);
        let place = |score: &Score| score.names.iter().position(|name| CURVE.contains(name));
        let curved: Vec<(&Score, usize)> =
            self.scores().into_iter().filter_map(|score| Some((score, place(score)?))).collect();
        let values = |corpus: &Corpus| -> Vec<f64> {
            curved.par_iter().map(|(score, n)| (score.of)(corpus, self.parts(score)[0])[*n]).collect()
        };
        let mut curve = vec![];
        if is_baseline {
            curve.push(("this model".to_string(), values(&samples)));
        }
        let mut baseline = None;
        for temperature in TEMPERATURES {
            let drawn = Corpus::new(self.symbols, by_likelihood(temperature)?);
            curve.push((format!("temperature {temperature}"), values(&drawn)));
            if is_baseline && temperature == 1.0 {
                baseline = Some(drawn);
            }
        }
        let table = Table {
            title: format!("{} over temperature", if is_baseline { "`lstm`" } else { "This model" }),
            columns: curved.iter().map(|(score, n)| format!("{}{}", score.names[*n], score.better.arrow())).collect(),
            rows: curve,
        };
        let (title, notes) = (format!("Samples of `{}`", self.set), self.notes(&samples, is_baseline));
        let (rows, compared) =
            (self.rows(&samples, baseline.as_ref()), Some(self.count().min(self.held_out.sequences.len())));
        Ok(Report { title, rows, notes, tables: vec![table], compared })
    }

    fn notes(&self, samples: &Corpus, is_baseline: bool) -> Vec<String> {
        let what = match self.symbols.end {
            Some(_) => "lines".to_string(),
            None => format!("windows of {} steps", self.held_out.sequences.first().map_or(0, Vec::len)),
        };
        let counts = format!(
            "{} samples beside {} held-out {what} of `{}`",
            samples.sequences.len(),
            self.held_out.sequences.len(),
            self.set
        );
        let real = "real: as many of the training part in the place of samples, or held-out ones where samples \
                    are compared with the training part";
        let both = "quality and diversity go together: a lower temperature buys the one with the other";
        let lstm = "lstm: as many units and layers, trained by likelihood alone, at temperature 1; a GAN of text is \
                    worth something if it beats all temperatures of that in both (Caccia et al. 2020)";
        let notes = [counts.as_str(), real, both].into_iter().chain(is_baseline.then_some(lstm));
        notes.map(String::from).collect()
    }
}

/// Draws sequences at a temperature.
pub type Draw<'a> = dyn FnMut(f64) -> Result<Vec<Vec<u16>>> + 'a;

/// At most `most` of these items, evenly over all.
fn spread(items: &[usize], most: usize) -> Vec<usize> {
    data::evenly(items.len(), most.max(1)).map(|n| items[n]).collect()
}

/// The items of a part that do not overlap.
fn part(set: &Dataset) -> Vec<usize> {
    let Items::Symbols { starts, .. } = &set.items else { return vec![] };
    let mut free = 0;
    let is_free = |i: &usize| {
        let (start, is_free) = (starts[*i] as usize, starts[*i] as usize >= free);
        free = if is_free { start + set.shape[0] } else { free };
        is_free
    };
    (0..set.len()).filter(is_free).collect()
}

/// The mean negative log-likelihood of the symbols of a text, in nats.
pub type Nats<'a> = dyn FnMut(&[u16]) -> Result<f64> + 'a;

/// Rows on held-out symbols: the nats of each with the model's state carried along the text, which `carried` measures,
/// and bits per character of text.
///
/// # Errors
/// Those of `carried`.
pub fn carried(set: &str, text: &[u16], symbols: Option<&Symbols>, carried: &mut Nats) -> Result<Vec<Row>> {
    let nats = carried(text)?;
    let mut rows = vec![Row::new("NLL per step, state carried", nats, Better::Lower)];
    if let Some(symbols) = symbols {
        let per_character = text.len() as f64 / symbols.characters(text).max(1) as f64;
        let bits = nats * per_character / std::f64::consts::LN_2;
        rows.push(Row::new("bits per character", bits, Better::Lower).note("the state carried"));
    }
    let rows = rows.into_iter().map(|row| Row { published: published(set, &row.measure).map(String::from), ..row });
    Ok(rows.collect())
}
