//! Reading a table of typed columns.

use std::collections::HashMap;
use std::path::Path;

use rayon::prelude::*;

use super::coding::{BOUND, Body, Coding, Mode, REACH, Value};
use super::rules::spread;
use super::types::{Examined, Found, Gaps, Texts, moments, texts, wishes};
use super::{Column, Kind, Ranks, Records, Role, Rule, Style, Values};
use crate::data::column::Column as Raw;
use crate::data::columns::Table;
use crate::data::dialect::Sheet;
use crate::data::random::{Root, Stream};
use crate::data::{About, Dataset, Options, Series, Split, Wanted, check_memory};
use crate::error::{Error, Result, counted};
use crate::mixture::Modes;
use crate::settings::Encode;

/// Most different numbers of a column that are choices, each of them.
const FEW: usize = 20;
/// Share of the rows from which on a number is a choice of its own, and most such numbers of a column.
const FREQUENT: f64 = 0.05;
const MOST: usize = 10;
/// Rows that are shown as they are.
const SHOWN: usize = 5;
/// Number of rows below which a note says that a table is small.
const SMALL: usize = 100;
/// Rows that are drawn by their values, for each row.
const DRAWS: usize = 4;

/// Whether a table is read by the types of its columns: the setting says so, or some column that would be learned has
/// anything but finite numbers.
pub fn is_wanted(table: &Table, sheet: &Sheet, options: &Options) -> Result<bool> {
    let asks = options.types.is_some() || options.missing.is_some();
    match options.encode {
        _ if options.window.is_some() || options.wanted == Wanted::Sequences => Ok(false),
        Some(Encode::None) if asks => Err(Error::usage("encode=none reads plain numbers: leave out types and missing")),
        Some(encode) => Ok(encode != Encode::None),
        None if asks => Ok(true),
        None => {
            let is_typed = |i: &usize| {
                let column = &table.all[*i];
                column.flaw.is_some() || column.is_padded || column.is_dressed() || column.too_long().is_some()
            };
            match &options.columns {
                Some(_) => Ok(table.named(&sheet.file, options)?.iter().any(is_typed)),
                None => Ok((0..table.all.len()).any(|i| is_typed(&i))),
            }
        }
    }
}

/// The rows of a table as examples; `None` for a test part without held-out rows.
pub fn read(path: &Path, sheet: &Sheet, table: &Table, options: &Options) -> Result<Option<Dataset>> {
    let held = table.held(options);
    let learned: Vec<usize> = (0..table.rows()).filter(|row| !held[*row]).collect();
    if options.split == Split::Test && learned.len() == table.rows() {
        return Ok(None);
    }
    let gaps = Gaps::of(options);
    let wishes = wishes(table, sheet, options)?;
    let texts = texts(table, sheet, &gaps, &wishes)?;
    let chosen = if options.columns.is_some() { Some(table.named(&sheet.file, options)?) } else { None };
    let mut notes = vec![];
    let mut columns = vec![];
    let mut cells = vec![];
    let (title_quotes, quotes) = sheet.quotes(table.all.len(), !table.is_headless());
    for (i, (raw, texts)) in table.all.iter().zip(&texts).enumerate() {
        let is_chosen = chosen.as_ref().is_none_or(|chosen| chosen.contains(&i));
        let examined = Examined { sheet, table, raw, texts, gaps: &gaps, levels: options.levels };
        let (found, note) = if is_chosen { examined.found(wishes.get(&i))? } else { (Found::Skipped, None) };
        notes.extend(note);
        let (kind, role, of_column) = match found {
            Found::Skipped => (Kind::Category, Role::Skipped, None),
            Found::Constant(text, kind) => (kind, Role::Constant(text), None),
            Found::Id(ids) => (Kind::Category, Role::Id(ids), None),
            Found::Learned(kind) => {
                let numbers = match &kind {
                    Kind::Category => vec![],
                    Kind::Number(_) => raw.values.clone(),
                    Kind::Date(pattern) => moments(texts, pattern),
                };
                let cells = Cells { texts, numbers };
                let modes = options.encode == Some(Encode::Modes);
                // Values that many rows share look like all others.
                let alike = match &kind {
                    Kind::Number(style) => style.dress.is_some(),
                    Kind::Date(pattern) => pattern.has_other(),
                    Kind::Category => false,
                };
                match cells.coding(&learned, options.levels, modes, alike, |number| match &kind {
                    Kind::Number(style) => style.write(number, sheet.decimal),
                    Kind::Date(pattern) => pattern.write(number),
                    Kind::Category => String::new(),
                }) {
                    Ok(coding) => (kind, Role::Learned(coding), Some(cells)),
                    Err(text) => (kind, Role::Constant(text), None),
                }
            }
        };
        cells.extend(of_column);
        let title = Some(raw.title.clone()).filter(|title| !table.is_headless() && *title != raw.name);
        columns.push(Column { name: raw.name.clone(), title, quotes: quotes[i], kind, role });
    }
    let mut names = names(&columns);
    if names.is_empty() {
        return Err(Error::failure(format!(
            "`{}` has nothing to learn: no column has two different values",
            sheet.file
        )));
    }
    if options.by_value {
        names.push("condition".into());
    }
    let records = Records {
        columns,
        names,
        by_value: options.by_value,
        separator: sheet.separator,
        decimal: sheet.decimal,
        crlf: sheet.crlf,
        mark: sheet.mark,
        headless: table.is_headless(),
        quotes: title_quotes,
        encoding: sheet.encoding.clone(),
    };
    let rows: Vec<usize> = match options.split {
        Split::Train => learned,
        Split::Test => (0..table.rows()).filter(|row| held[*row]).collect(),
    };
    check_memory(path, "row", rows.len(), 4 * records.len(), "fewer columns")?;
    let (mut values, unknown) = encoded(&records, &cells, &rows, true);
    if options.by_value {
        if records.given().is_empty() {
            return Err(Error::usage(format!("`{}` has no category: leave out by_value", sheet.file)));
        }
        values = match options.split {
            Split::Train => by_value(&records, &values),
            Split::Test => values,
        };
    }
    if unknown > 0 {
        notes.push(format!(
            "`{}`: {} with a value that no row to learn from has",
            sheet.name,
            counted(unknown, "held-out cell")
        ));
    }
    notes.extend(records.singles().into_iter().map(|single| format!("`{}`: {single}", sheet.name)));
    if options.split == Split::Train {
        notes.extend(ruled(&records, &cells, &rows).map(|rules| format!("`{}`: {rules}", sheet.name)));
    }
    if options.group.is_some() || records.columns.iter().any(|column| matches!(column.kind, Kind::Date(_))) {
        notes.push(format!(
            "`{}`: rows are learned one by one; lstm-gan, rvae and lstm learn series of them",
            sheet.name
        ));
    }
    if rows.len() < SMALL && options.split == Split::Train {
        notes.push(format!("`{}`: {} rows are few to learn a table from", sheet.name, rows.len()));
    }
    let held = held.iter().filter(|held| **held).count();
    let first = rows.iter().take(SHOWN).map(|&row| {
        let kept = records.columns.iter().zip(&table.all).zip(&texts).filter(|((c, _), _)| c.role != Role::Skipped);
        let text = |((_, raw), texts): ((&Column, &Raw), &Texts)| match texts.of(row) {
            Some(text) => text.to_owned(),
            None => Style::of(raw).write(raw.values[row], sheet.decimal),
        };
        kept.map(text).collect::<Vec<_>>().join(" | ")
    });
    let about = About {
        first: first.collect(),
        part: table.said(held, options),
        findings: [sheet.findings.clone(), table.findings.clone()].concat(),
        notes: [sheet.notes.clone(), table.notes.clone(), notes].concat(),
        source: sheet.source.clone(),
        ..About::default()
    };
    let set = Dataset::of_floats(sheet.name.clone(), vec![records.len()], values, Some(Series::Table(records)));
    Ok(Some(Dataset { about, ..set }))
}

/// A sentence on the rules that all rows keep, if there are any.
fn ruled(records: &Records, cells: &[Cells], rows: &[usize]) -> Option<String> {
    const SAID: usize = 4;
    let some = || spread(rows.len()).map(|n| rows[n]);
    let values = cells.iter().map(|cells| match cells.numbers.is_empty() {
        true => Values::Texts(some().map(|row| cells.text(row).unwrap_or_default().to_owned()).collect()),
        false => Values::Numbers(some().map(|row| cells.number(row).unwrap_or(f64::NAN)).collect()),
    });
    let names: Vec<String> = records.codings().map(|(column, _)| column.name.clone()).collect();
    let rules = Rule::find(&values.collect::<Vec<_>>());
    let said: Vec<String> = rules.iter().take(SAID).map(|rule| rule.said(&names)).collect();
    let more = if rules.len() > SAID { format!(" (and {} more)", rules.len() - SAID) } else { String::new() };
    let advice = rules.iter().find(|rule| rule.computes()).map_or(String::new(), |rule| {
        let name = &names[rule.last()];
        format!("; what can be computed is better left out, `--types \"{name}=skip\"`")
    });
    (!rules.is_empty()).then(|| {
        format!(
            "in all rows {}{more}: samples need not keep that (`saddle eval` says how many do){advice}",
            said.join(", ")
        )
    })
}

/// Rows drawn by the values of their categories: a category at random, one of its values by the logarithm of its
/// frequency, a row that has it; with the number of that value (Xu et al. 2019, section 4.3).
fn by_value(records: &Records, rows: &[f32]) -> Vec<f32> {
    let (width, choices) = (records.len(), records.choices());
    let mut first = 0;
    let categories: Vec<(usize, Vec<Vec<usize>>, Vec<f64>)> = records
        .given()
        .into_iter()
        .map(|choice| {
            let mut having = vec![vec![]; choices[choice]];
            for (n, row) in rows.chunks_exact(width).enumerate() {
                if let Some(rows) = having.get_mut(row[choice] as usize).filter(|_| row[choice] >= 0.0) {
                    rows.push(n);
                }
            }
            let weight = |rows: &Vec<usize>| if rows.is_empty() { 0.0 } else { (rows.len() as f64 + 1.0).ln() };
            let weights = having.iter().map(weight).collect();
            first += having.len();
            (first - having.len(), having, weights)
        })
        .collect();
    let root = Root::new("values", 0, Split::Train);
    let mut drawn = Vec::with_capacity(DRAWS * rows.len());
    for n in 0..DRAWS * (rows.len() / width) {
        let mut stream = root.stream(n);
        let (first, having, weights) = &categories[stream.below(categories.len())];
        let value = stream.weighted(weights);
        let row = having[value][stream.below(having[value].len())];
        drawn.extend_from_slice(&rows[row * width..][..width]);
        let last = drawn.len() - 1;
        drawn[last] = (first + value) as f32;
    }
    drawn
}

/// The names of the values of an example: choices first.
fn names(columns: &[Column]) -> Vec<String> {
    let coding = |column: &Column| match &column.role {
        Role::Learned(coding) => Some((coding.choices() > 0, coding.has_scalar())),
        _ => None,
    };
    let of = |wanted: fn(&(bool, bool)) -> bool, suffix: &'static str| {
        let named = columns.iter().filter(move |column| coding(column).as_ref().is_some_and(wanted));
        named.map(move |column| format!("{}{suffix}", column.name))
    };
    of(|(choice, _)| *choice, "").chain(of(|(_, scalar)| *scalar, " (score)")).collect()
}

/// The cells of a learned column.
pub(super) struct Cells<'a> {
    pub texts: &'a Texts,
    /// The number of each row, NaN for what is none; empty for categories.
    pub numbers: Vec<f64>,
}

impl Cells<'_> {
    /// The text of a row; `None` for plain numbers.
    fn text(&self, row: usize) -> Option<&str> {
        self.texts.of(row)
    }

    /// The number of a row.
    fn number(&self, row: usize) -> Option<f64> {
        self.numbers.get(row).copied().filter(|number| number.is_finite())
    }

    /// The encoding learned from these rows, where `write` gives the text of a number: of all if they look `alike`. The
    /// text of every row, if there is only one, instead.
    fn coding(
        &self,
        rows: &[usize],
        levels: usize,
        modes: bool,
        alike: bool,
        write: impl Fn(f64) -> String,
    ) -> std::result::Result<Coding, String> {
        let mut counts: HashMap<u32, usize> = HashMap::new();
        for &row in rows.iter().filter(|row| self.number(**row).is_none()) {
            *counts.entry(self.texts.ids[row]).or_default() += 1;
        }
        let text = |id: u32| self.texts.all.get(id as usize).cloned().unwrap_or_default();
        let mut values: Vec<Value> =
            counts.into_iter().map(|(id, rows)| Value { text: text(id), number: None, rows }).collect();
        let mut numbers: Vec<f64> = rows.iter().filter_map(|row| self.number(*row)).collect();
        numbers.sort_by(f64::total_cmp);
        let runs: Vec<(f64, usize)> = numbers.chunk_by(|a, b| a == b).map(|run| (run[0], run.len())).collect();
        let mut body = None;
        if !runs.is_empty() {
            let mut special: Vec<(f64, usize)> = match () {
                () if modes => vec![],
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
                body = Some(if modes { fitted(&rest) } else { Body::Ranks(Ranks::of(rest), count) });
            }
            let written = if alike { vec![None; special.len()] } else { self.written(rows, &special) };
            let of = |(n, (number, rows)): (usize, &(f64, usize))| Value {
                text: written[n].clone().unwrap_or_else(|| write(*number)),
                number: Some(*number),
                rows: *rows,
            };
            values.extend(special.iter().enumerate().map(of));
        }
        values.sort_by(|a, b| b.rows.cmp(&a.rows).then_with(|| a.text.cmp(&b.text)));
        if body.is_none() && values.len() == 1 {
            return Err(values.remove(0).text);
        }
        let is_category = self.numbers.is_empty();
        let rare = if is_category && values.len() > levels { values.split_off(levels - 1) } else { vec![] };
        Ok(Coding { values, rare, body })
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
            _ => [coding.other().map_or(-1.0, |other| other as f32), 0.0],
        }
    }
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
        .filter(|(column, _)| matches!(column.role, Role::Learned(_)))
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
                unknown += usize::from(encoded[0] < 0.0);
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
