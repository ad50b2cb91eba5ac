//! How the rows of a table become examples.

use std::collections::{BTreeMap, HashMap};

use rayon::prelude::*;

use super::coding::{BOUND, Body, Coding, Mode, REACH, Value};
use super::types::Texts;
use super::{Ranks, Records, Values, rules};
use crate::data::Split;
use crate::data::cells::is_missing;
use crate::data::random::{Root, Stream};
use crate::mixture::Modes;

/// Most different numbers of a column that are choices, each of them.
pub(super) const FEW: usize = 20;
/// Share of the rows from which on a number is a choice of its own, and most such numbers of a column.
const FREQUENT: f64 = 0.05;
const MOST: usize = 10;
/// What stands in samples for values that few rows have.
pub(super) const OTHER: &str = "other";

/// What is learned of columns.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct How {
    /// Most values of a category that are choices.
    pub levels: usize,
    /// Rows that a value of a category has at least, unless it becomes one with the others.
    pub rare: usize,
    /// Whether numbers are learned by mixtures, not by ranks.
    pub modes: bool,
}

/// The cells of a learned column.
#[derive(Clone)]
pub(super) struct Cells<'a> {
    pub texts: &'a Texts,
    /// The number of each row, NaN for what is none; empty for categories.
    pub numbers: Vec<f64>,
    /// Whether nothing is learned of a row, as its cell follows from gaps in other columns; empty for no row.
    pub silent: Vec<bool>,
}

impl<'a> Cells<'a> {
    pub fn new(texts: &'a Texts, numbers: Vec<f64>) -> Self {
        Self { texts, numbers, silent: vec![] }
    }

    /// The cells of some of these rows, to look for rules in.
    pub fn values(&self, rows: &[usize]) -> Values {
        let some = rules::spread(rows.len()).map(|n| rows[n]);
        match self.numbers.is_empty() {
            true => Values::Texts(some.map(|row| self.text(row).unwrap_or_default().to_owned()).collect()),
            false => Values::Numbers(some.map(|row| self.number(row).unwrap_or(f64::NAN)).collect()),
        }
    }

    /// Whether something is learned of a row.
    fn speaks(&self, row: usize) -> bool {
        !self.silent.get(row).is_some_and(|silent| *silent)
    }

    /// The text of a row; `None` for plain numbers.
    pub fn text(&self, row: usize) -> Option<&str> {
        self.texts.of(row)
    }

    /// Whether a row has neither a number nor a text.
    pub fn is_gap(&self, row: usize) -> bool {
        self.number(row).is_none() && is_missing(self.text(row).unwrap_or_default())
    }

    /// The number of a row.
    pub fn number(&self, row: usize) -> Option<f64> {
        self.numbers.get(row).copied().filter(|number| number.is_finite())
    }

    /// The encoding learned from these rows, where `write` gives the text of a number: of all if they look `alike`. The
    /// value of every row, if there is only one, instead.
    pub fn coding(
        &self,
        rows: &[usize],
        how: How,
        alike: bool,
        write: impl Fn(f64) -> String,
    ) -> std::result::Result<Coding, Value> {
        let rows: Vec<usize> = rows.iter().copied().filter(|row| self.speaks(*row)).collect();
        let mut counts: HashMap<u32, usize> = HashMap::new();
        for &row in rows.iter().filter(|row| self.number(**row).is_none()) {
            *counts.entry(self.texts.ids[row]).or_default() += 1;
        }
        let text = |id: u32| self.texts.all.get(id as usize).cloned().unwrap_or_default();
        let mut values: Vec<Value> =
            counts.into_iter().map(|(id, rows)| Value { text: text(id), number: None, rows }).collect();
        if !self.numbers.is_empty() {
            hide_rare_marks(&mut values);
        }
        let mut numbers: Vec<f64> = rows.iter().filter_map(|row| self.number(*row)).collect();
        numbers.sort_by(f64::total_cmp);
        let runs: Vec<(f64, usize)> = numbers.chunk_by(|a, b| a == b).map(|run| (run[0], run.len())).collect();
        let mut body = None;
        if !runs.is_empty() {
            let mut special: Vec<(f64, usize)> = match () {
                () if how.modes => vec![],
                () if runs.len() <= FEW => runs,
                () => {
                    let least = FREQUENT * rows.len() as f64;
                    let mut frequent: Vec<_> = runs.iter().copied().filter(|run| run.1 as f64 >= least).collect();
                    frequent.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.total_cmp(&b.0)));
                    frequent.truncate(MOST);
                    frequent
                }
            };
            special.sort_by(|a, b| a.0.total_cmp(&b.0));
            let is_special = |number: f64| special.binary_search_by(|(other, _)| other.total_cmp(&number)).is_ok();
            let rest: Vec<f64> = numbers.into_iter().filter(|number| !is_special(*number)).collect();
            if !rest.is_empty() {
                let count = rest.len();
                body = Some(if how.modes { fitted(&rest) } else { Body::Ranks(Ranks::of(rest), count) });
            }
            let written = if alike { vec![None; special.len()] } else { self.written(&rows, &special) };
            let of = |(n, (number, rows)): (usize, &(f64, usize))| Value {
                text: written[n].clone().unwrap_or_else(|| write(*number)),
                number: Some(*number),
                rows: *rows,
            };
            values.extend(special.iter().enumerate().map(of));
        }
        let is_category = self.numbers.is_empty();
        let others = if is_category { merged(&mut values, how.rare) } else { None };
        values.sort_by(|a, b| b.rows.cmp(&a.rows).then_with(|| a.text.cmp(&b.text)));
        if body.is_none() && values.len() == 1 {
            return Err(values.remove(0));
        }
        let rare = if is_category && values.len() > how.levels { values.split_off(how.levels - 1) } else { vec![] };
        Ok(Coding { values, rare, body, others })
    }

    /// How the rows write each of some numbers, as far as their texts are kept.
    fn written(&self, rows: &[usize], special: &[(f64, usize)]) -> Vec<Option<String>> {
        let mut written = vec![None; special.len()];
        for &row in rows {
            if let (Some(number), Some(text)) = (self.number(row), self.text(row))
                && let Ok(n) = special.binary_search_by(|(other, _)| other.total_cmp(&number))
            {
                written[n].get_or_insert_with(|| text.to_owned());
            }
        }
        written
    }

    /// The choice and the scalar of a row; a choice of -1 for a value that is not known.
    fn encode(&self, coding: &Coding, known: &Known, row: usize, stream: Option<&mut Stream>) -> [f32; 2] {
        if !self.speaks(row) {
            return [-1.0, 0.0];
        }
        let special = match self.number(row) {
            Some(number) => known.numbers.get(&number.to_bits()).copied(),
            None => known.texts.get(self.text(row).unwrap_or_default()).copied(),
        };
        if let Some(choice) = special {
            return [choice as f32, 0.0];
        }
        match (&coding.body, self.number(row)) {
            (Some(Body::Ranks(ranks, _)), Some(number)) => {
                let jitter = stream.map_or(0.5, |stream| f64::from(stream.unit()).clamp(1e-6, 1.0 - 1e-6));
                let score = ranks.score(number, jitter) as f32;
                // Single precision can carry a place at the edge of equal values over to their neighbour.
                let is_lost = ranks.is_discrete() && ranks.value(score.into()) != number;
                let score = if is_lost { ranks.score(number, 0.5) as f32 } else { score };
                [coding.first_of_body() as f32, score]
            }
            (Some(Body::Modes(modes)), Some(number)) => {
                let n = drawn(modes, number, stream);
                let scalar = (number - modes[n].mean) / (REACH * modes[n].deviation);
                [(coding.first_of_body() + n) as f32, scalar.clamp(-BOUND, BOUND) as f32]
            }
            _ => {
                let merged = coding.others.as_deref().and_then(|text| known.texts.get(text).copied());
                // Of numbers, only a gap has none: one with a mark that hardly any row has.
                let is_gap = !self.numbers.is_empty() && self.number(row).is_none();
                let gap = || coding.values.iter().position(|value| is_gap && value.number.is_none());
                [merged.or(coding.other()).or_else(gap).map_or(-1.0, |other| other as f32), 0.0]
            }
        }
    }
}

/// Whether so many rows have a mark of gaps that it tells of none of them, or it is one that all tables use.
pub(super) fn is_common_mark(text: &str, rows: usize) -> bool {
    rows >= 5 || is_missing(text)
}

/// Gives gaps with a mark that could tell of a row, such as a cell that is declared to be one, the most frequent mark.
fn hide_rare_marks(gaps: &mut Vec<Value>) {
    let is_rare = |gap: &Value| !is_common_mark(&gap.text, gap.rows);
    let by_rows = |a: &&Value, b: &&Value| a.rows.cmp(&b.rows).then_with(|| b.text.cmp(&a.text));
    let common = gaps.iter().filter(|gap| !is_rare(gap)).max_by(by_rows);
    let mark = common.map_or(String::new(), |gap| gap.text.clone());
    merge(gaps, is_rare, &mark);
}

/// Makes one value of the texts that fewer than `least` rows have; its name, if there are any.
fn merged(values: &mut Vec<Value>, least: usize) -> Option<String> {
    let is_rare = |value: &Value| value.rows < least && !is_missing(&value.text);
    merge(values, is_rare, OTHER).then(|| OTHER.into())
}

/// The most frequent of some texts.
pub(super) fn commonest(texts: impl Iterator<Item = String>) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    texts.for_each(|text| *counts.entry(text).or_default() += 1);
    counts.into_iter().rev().max_by_key(|(_, count)| *count).map_or(String::new(), |(text, _)| text)
}

/// Gives the rows of rare values the text `into`. Returns whether there are any.
fn merge(values: &mut Vec<Value>, is_rare: impl Fn(&Value) -> bool, into: &str) -> bool {
    let rows: usize = values.iter().filter(|value| is_rare(value)).map(|value| value.rows).sum();
    values.retain(|value| !is_rare(value));
    if rows > 0 {
        match values.iter_mut().find(|value| value.text == into) {
            Some(value) => value.rows += rows,
            None => values.push(Value { text: into.into(), number: None, rows }),
        }
    }
    rows > 0
}

/// The component that a number is drawn into, by their responsibilities; the likeliest one without draws.
fn drawn(modes: &[Mode], number: f64, stream: Option<&mut Stream>) -> usize {
    let log = |mode: &Mode| {
        let z = (number - mode.mean) / mode.deviation;
        (mode.rows.max(1) as f64).ln() - mode.deviation.ln() - 0.5 * z * z
    };
    let logs: Vec<f64> = modes.iter().map(log).collect();
    let greatest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let Some(stream) = stream else { return logs.iter().position(|log| *log == greatest).unwrap_or(0) };
    stream.weighted(&logs.iter().map(|log| (log - greatest).exp()).collect::<Vec<_>>())
}

/// A mixture fitted to numbers.
fn fitted(numbers: &[f64]) -> Body {
    let modes = Modes::fit(numbers, 0);
    let of = |((mean, deviation), weight): ((&f64, &f64), &f64)| Mode {
        mean: *mean,
        deviation: *deviation,
        rows: (weight * numbers.len() as f64).round().max(1.0) as usize,
    };
    Body::Modes(modes.means.iter().zip(&modes.deviations).zip(&modes.weights).map(of).collect())
}

/// The choices of the special values of a column, by their texts and numbers.
struct Known<'a> {
    texts: HashMap<&'a str, usize>,
    numbers: HashMap<u64, usize>,
}

impl<'a> Known<'a> {
    fn of(coding: &'a Coding) -> Self {
        let special = coding.values.iter().enumerate();
        let rare = coding.rare.iter().map(|value| (coding.values.len(), value));
        let (mut texts, mut numbers) = (HashMap::new(), HashMap::new());
        for (choice, value) in special.chain(rare) {
            match value.number {
                Some(number) => numbers.insert(number.to_bits(), choice),
                None => texts.insert(value.text.as_str(), choice),
            };
        }
        Self { texts, numbers }
    }
}

/// The examples of these rows, and the number of cells whose value is not known. Places among equal values, and
/// components, are drawn if `draws`; else each row depends on its cells alone.
pub(super) fn encoded(records: &Records, cells: &[Cells], rows: &[usize], draws: bool) -> (Vec<f32>, usize) {
    let width = records.len();
    let known: Vec<Known> = records.codings().map(|(_, coding)| Known::of(coding)).collect();
    let codings: Vec<&Coding> = records.codings().map(|(_, coding)| coding).collect();
    let places: Vec<[Option<usize>; 2]> = records
        .columns
        .iter()
        .zip(records.places())
        .filter(|(column, _)| column.coding().is_some())
        .map(|(_, places)| places)
        .collect();
    let root = Root::new("ranks", 0, Split::Train);
    let mut values = vec![0.0; rows.len() * width];
    let unknown = values
        .par_chunks_exact_mut(width)
        .zip(rows)
        .map(|(example, row)| {
            let mut stream = draws.then(|| root.stream(*row));
            let mut unknown = 0;
            for (i, cells) in cells.iter().enumerate() {
                let encoded = cells.encode(codings[i], &known[i], *row, stream.as_mut());
                unknown += usize::from(encoded[0] < 0.0 && cells.speaks(*row));
                places[i].iter().zip(encoded).for_each(|(place, value)| {
                    if let Some(place) = place {
                        example[*place] = value;
                    }
                });
            }
            unknown
        })
        .sum();
    (values, unknown)
}
