//! What stands in a file beside the values of its series: whose they are, and when.

use serde::{Deserialize, Serialize};

use super::columns::{self, Table};
use super::dialect::Sheet;
use super::records::{Dates, Ids, Kind, Style, recognise};
use crate::settings::Decimal;

/// Seconds.
const DAY: f64 = 86_400.0;

/// The columns of samples of series, in the order of the file that the model learned from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Frame {
    columns: Vec<(String, Source)>,
    decimal: Decimal,
}

/// Where the cells of a column come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Source {
    /// The number of the sample, or a name of a series that none of the data has.
    Series(Option<Ids>),
    /// The number of the step, or a time: how it is written, the first one, where all samples begin, and the usual
    /// step.
    Time(Option<(Kind, f64, f64)>),
    /// A learned column.
    Learned(usize),
}

impl Frame {
    /// That of a table whose windows are `stride` rows apart; `None` where nothing tells series or times. `learned` are
    /// the columns of samples.
    pub(super) fn of(table: &Table, sheet: &Sheet, stride: usize, learned: &[String]) -> Option<Self> {
        let place = |name: &str| table.all.iter().position(|column| column.name == name);
        let group = table.group.as_ref().and_then(|(name, _)| place(name));
        let is_of_days = |clock: &&columns::Clock| {
            let is_dated = table.all[clock.column].dates != 0;
            !is_dated || clock.step >= DAY || (stride as f64 * clock.step) % DAY == 0.0
        };
        // Windows that begin at any time of day say nothing of it.
        let clock = table.clock.as_ref().filter(is_of_days);
        if group.is_none() && clock.is_none() {
            return None;
        }
        let time = clock.and_then(|clock| {
            let raw = &table.all[clock.column];
            let kind = match recognise(clock.texts.iter().map(String::as_str)) {
                _ if raw.dates == 0 => Kind::Number(Style::of(raw)),
                Dates::In(pattern) => Kind::Date(pattern),
                // Either way of writing a day would be a guess.
                _ => return None,
            };
            Some((clock.column, (kind, clock.first, clock.step)))
        });
        let mut columns = vec![];
        let (number, step) = (Source::Series(None), Source::Time(None));
        columns.extend(group.is_none().then(|| ("series".to_owned(), number)));
        columns.extend(time.is_none().then(|| ("step".to_owned(), step)));
        let mut left: Vec<usize> = (0..learned.len()).collect();
        for (i, column) in table.all.iter().enumerate() {
            let name = &column.name;
            let is_own = |n: &usize| learned[*n] == *name;
            let source = match (&time, left.iter().position(is_own)) {
                _ if group == Some(i) => {
                    Source::Series(Some(Ids::beside(name, table.names.iter().map(String::as_str))))
                }
                (Some((place, time)), _) if *place == i => Source::Time(Some(time.clone())),
                (_, Some(n)) => Source::Learned(left.remove(n)),
                _ => continue,
            };
            columns.push((name.clone(), source));
        }
        // Texts that are the same in all rows of a series have columns after those of the file.
        columns.extend(left.into_iter().map(|n| (learned[n].clone(), Source::Learned(n))));
        Some(Self { columns, decimal: sheet.decimal })
    }

    /// The names of the columns.
    pub fn titles(&self) -> Vec<String> {
        self.columns.iter().map(|(name, _)| name.clone()).collect()
    }

    /// The row of a step of a series, of which `cells` are those of the learned columns.
    pub fn row(&self, series: usize, step: usize, cells: &[String]) -> Vec<String> {
        let cell = |(name, source): &(String, Source)| match source {
            Source::Series(None) => series.to_string(),
            Source::Series(Some(ids)) => ids.cell(name, series + 1, 0),
            Source::Time(None) => step.to_string(),
            Source::Time(Some((kind, first, each))) => kind.write(first + step as f64 * each, self.decimal),
            Source::Learned(n) => cells.get(*n).cloned().unwrap_or_default(),
        };
        self.columns.iter().map(cell).collect()
    }
}
