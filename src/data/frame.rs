//! What stands in a file beside the values of its series: whose they are, and when.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike, Days, Months, Utc};
use serde::{Deserialize, Serialize};

use super::columns::{self, Table};
use super::dialect::Sheet;
use super::records::{Dates, Ids, Kind, Pattern, Style, recognise};
use crate::settings::Decimal;

/// Seconds.
const DAY: f64 = 86_400.0;

/// The columns of samples of series, in the order of the file that the model learned from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Frame {
    columns: Vec<(String, Source)>,
    decimal: Decimal,
}

/// What lies between two times of a series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Step {
    /// So many seconds, or units of the column.
    Units(f64),
    /// So many months, which have no length.
    Months(u32),
}

/// The number of months between the times of most pairs, if it is whole.
pub(super) fn usual_months(pairs: impl Iterator<Item = [f64; 2]>) -> Option<u32> {
    let (mut counts, mut all) = (BTreeMap::<Option<u32>, usize>::new(), 0);
    for [a, b] in pairs {
        *counts.entry(months_between(a.min(b), a.max(b))).or_default() += 1;
        all += 1;
    }
    let (months, count) = counts.into_iter().max_by_key(|(_, count)| *count)?;
    months.filter(|_| 4 * count >= 3 * all)
}

fn months_between(a: f64, b: f64) -> Option<u32> {
    let [from, to] = [a, b].map(|seconds| DateTime::from_timestamp(seconds as i64, 0));
    let month = |at: DateTime<Utc>| 12 * at.year() + at.month0() as i32;
    let months = u32::try_from(month(to?) - month(from?)).ok().filter(|months| *months > 0)?;
    (months_later(a, months) == Some(b)).then_some(months)
}

/// The time of day and day of the month, or the last day of it if it is one, so many months later.
fn months_later(seconds: f64, months: u32) -> Option<f64> {
    let from = DateTime::from_timestamp(seconds as i64, 0)?;
    let next = from.checked_add_days(Days::new(1))?;
    let later = match next.day() {
        1 => next.checked_add_months(Months::new(months))?.checked_sub_days(Days::new(1))?,
        _ => from.checked_add_months(Months::new(months))?,
    };
    Some(later.timestamp() as f64)
}

/// Where the cells of a column come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Source {
    /// The number of the sample, or a name of a series that none of the data has.
    Series(Option<Ids>),
    /// The number of the step, or a time: how it is written, the first one, where all samples begin, and the usual
    /// step.
    Time(Option<(Kind, f64, f64)>),
    /// The same with a step of so many months.
    Months(Kind, f64, u32),
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
            match clock.step {
                Step::Units(step) => !is_dated || step >= DAY || (stride as f64 * step) % DAY == 0.0,
                Step::Months(_) => true,
            }
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
                // The one by which the column is read.
                Dates::Either(one, other) => {
                    let is_read = |pattern: &Pattern| {
                        clock.texts.iter().all(|text| pattern.read(text) == Some(raw.read_dates(text)))
                    };
                    Kind::Date([one, other].into_iter().find(is_read)?)
                }
                Dates::No => return None,
            };
            let source = match clock.step {
                Step::Units(step) => Source::Time(Some((kind, clock.first, step))),
                Step::Months(months) => Source::Months(kind, clock.first, months),
            };
            Some((clock.column, source))
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
                (Some((place, time)), _) if *place == i => time.clone(),
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
            Source::Months(kind, first, each) => {
                let months = u32::try_from(step).ok().and_then(|step| step.checked_mul(*each));
                let time = months.and_then(|months| months_later(*first, months));
                time.map_or(String::new(), |time| kind.write(time, self.decimal))
            }
            Source::Learned(n) => cells.get(*n).cloned().unwrap_or_default(),
        };
        self.columns.iter().map(cell).collect()
    }
}
