//! The roles of the columns of a table, found from their cells and names.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::Options;
use super::cells::{self, DATES, MONTH, is_missing};
use super::column::{Column, Role};
use super::columns::{Clock, Table};
use super::dialect::{Sheet, shown};
use super::frame::{self, Step};
use crate::error::{Result, counted};

/// Smallest number of rows that show whether a column counts them.
const FEW: usize = 3;
/// How much more even the steps of dates are where only one way of reading them can be meant.
const CLEARLY: f64 = 1.5;
/// Most different times whose form is looked at.
const TEXTS: usize = 10_000;
/// Names of columns that count rows or steps.
const COUNTERS: [&str; 22] = [
    "index",
    "idx",
    "id",
    "nr",
    "no",
    "num",
    "row",
    "rows",
    "rownum",
    "rownumber",
    "rowid",
    "record",
    "obs",
    "#",
    "n",
    "level0",
    "t",
    "time",
    "step",
    "tick",
    "frame",
    "sno",
];
/// Words in the names of columns of times.
const TIMES: [&str; 13] = [
    "date",
    "time",
    "timestamp",
    "datetime",
    "ts",
    "unix",
    "unixtime",
    "dt",
    "datum",
    "zeit",
    "day",
    "created",
    "updated",
];
/// Names of columns of years.
const YEARS: [&str; 4] = ["year", "jahr", "yr", "année"];
/// Words in the names of columns that identify the owner of a row.
const ENTITIES: [&str; 32] = [
    "id",
    "ticker",
    "symbol",
    "patient",
    "subject",
    "entity",
    "customer",
    "user",
    "unit",
    "station",
    "store",
    "device",
    "sensor",
    "item",
    "name",
    "series",
    "person",
    "household",
    "account",
    "konto",
    "compte",
    "cuenta",
    "client",
    "cliente",
    "kunde",
    "employee",
    "mitarbeiter",
    "filiale",
    "sensor",
    "machine",
    "maschine",
    "household",
];

impl Table {
    /// Decides the role of each column.
    pub fn find_roles(&mut self, sheet: &Sheet, options: &Options) -> Result<()> {
        for column in &mut self.all {
            column.role = match &column.flaw {
                None if are_months(column) => Role::Other(format!("dates such as `{:07.4}`", column.values[0])),
                None => Role::Number,
                Some((at, cell)) if column.is_numeric() => Role::Broken(*at, cell.clone()),
                Some(_) if column.words == 0 => Role::Other("empty".into()),
                Some(_) if column.dates != 0 => {
                    Role::Other(format!("dates such as {}", shown(column.word.as_deref().unwrap_or_default())))
                }
                Some(_) => Role::Other(format!("text such as {}", shown(column.word.as_deref().unwrap_or_default()))),
            };
        }
        for column in &mut self.all {
            if column.role == Role::Number && is_time(column) {
                column.role = Role::Other(format!("times from {}", column.values[0]));
            }
        }
        self.find_group(sheet, options)?;
        if options.window.is_some() && options.group.is_none() && self.group.is_none() {
            self.note_blocks(&sheet.name);
        }
        let rows_of_series = self.series();
        let is_wide = self.all.len() > 1;
        let is_series = options.window.is_some();
        let has_header = self.all.iter().any(|column| !column.is_unnamed);
        for (i, column) in self.all.iter_mut().enumerate() {
            if column.role != Role::Number || column.values.len() < FEW {
                continue;
            }
            let counts = |values: &[f64]| values.windows(2).all(|pair| pair[1] - pair[0] == 1.0);
            let series =
                || rows_of_series.iter().map(|rows| rows.iter().map(|row| column.values[*row]).collect::<Vec<_>>());
            let from_start = || series().all(|values| [0.0, 1.0].contains(&values[0]) && counts(&values));
            let joined: String = column.words_of_name().concat();
            let nameless = column.is_unnamed && (has_header || i == 0 && is_wide) || joined.starts_with("unnamed");
            let is_counter = COUNTERS.contains(&joined.as_str()) || column.name.trim() == "#";
            let is_id = column.is_called(&["id"]) && is_whole(&column.values);
            // f64 does not represent all whole numbers of this size.
            let is_beyond = column.values[0].abs() > 9e15;
            let advances = || series().all(|values| values.windows(2).all(|pair| pair[0] <= pair[1]));
            if (is_counter || nameless) && from_start() {
                column.role = Role::Other("counts the rows".into());
            } else if is_id && (differ(&column.values) || is_beyond && advances()) {
                column.role = Role::Other("tells the rows apart".into());
            } else if is_series && column.is_called(&YEARS) && column.values.iter().all(is_year) && advances() {
                column.role = Role::Other(format!("times from {}", column.values[0]));
            } else if (is_counter || column.is_called(&TIMES)) && series().all(|values| is_regular(&values)) {
                column.role = Role::Other(format!("rises in equal steps from {}", column.values[0]));
            }
        }
        Ok(())
    }

    /// Of rows that are learned one by one, holds out those of a group that a setting names together.
    pub fn keep_together(&mut self, sheet: &Sheet, options: &Options) -> Result<()> {
        let is_split = options.window.is_none() && options.holdout > 0.0 && !self.has_test();
        let Some(name) = options.group.as_deref().filter(|name| is_split && *name != "none") else { return Ok(()) };
        let column = self.find(&sheet.file, name, "group")?;
        let mut codes = Codes::default();
        let mut gaps = 0;
        self.each_row(sheet, |row| {
            // Rows without a name are of no group.
            let is_gap = is_missing(&row[column]);
            gaps += usize::from(is_gap);
            codes.take(&if is_gap { format!("\n{gaps}") } else { row[column].to_owned() }, usize::MAX);
        })?;
        let groups = counted(codes.names.len() - gaps, "group");
        self.findings.push(format!("{groups} by {}, none of which is both learned and held out", shown(name)));
        self.together = Some(codes.ids);
        Ok(())
    }

    /// Decides which column identifies the series of a row.
    fn find_group(&mut self, sheet: &Sheet, options: &Options) -> Result<()> {
        let wanted = options.group.as_deref();
        if wanted == Some("none") {
            return Ok(());
        }
        let date = self.all.iter().position(|column| matches!(&column.role, Role::Other(what) if is_dated(what)));
        let candidates: Vec<usize> = match wanted {
            Some(name) => vec![self.find(&sheet.file, name, "group")?],
            None => (0..self.all.len()).filter(|i| self.may_be_group(*i, date.is_some())).collect(),
        };
        if let Some(date) = date {
            self.settle_dates(sheet, date)?;
        }
        let mut codes: Vec<Codes> = candidates.iter().map(|_| Codes::default()).collect();
        let (mut times, mut texts) = (vec![], BTreeSet::new());
        let most = if wanted.is_some() { usize::MAX } else { self.rows() / 2 };
        if candidates.is_empty() && date.is_none() {
            return Ok(());
        }
        self.each_row(sheet, |row| {
            candidates.iter().zip(&mut codes).for_each(|(column, codes)| codes.take(&row[*column], most));
            let Some(date) = date else { return };
            times.push(match &self.all[date] {
                column if column.dates != 0 => column.read_dates(&row[date]),
                column => column.values[times.len()],
            });
            if texts.len() < TEXTS && !texts.contains(&row[date]) {
                texts.insert(row[date].to_owned());
            }
        })?;
        let tells = |n: usize| {
            let column = &self.all[candidates[n]];
            let is_named = column.role != Role::Number || column.is_called(&ENTITIES);
            codes[n].name_series(&times) && (is_named || codes[n].cover(&times))
        };
        let tell: Vec<bool> = (0..codes.len()).map(tells).collect();
        let chosen = match wanted {
            Some(_) => Some(0),
            None => (0..codes.len()).filter(|n| tell[*n]).max_by_key(|n| (codes[*n].names.len(), usize::MAX - n)),
        };
        for (i, tells) in candidates.iter().zip(tell) {
            if self.all[*i].role == Role::Number && (wanted.is_some() || tells) {
                self.all[*i].role = Role::Entity;
            }
        }
        // Points are independent, so their series do not matter.
        if options.window.is_none() {
            return Ok(());
        }
        if let Some(chosen) = chosen {
            let column = &mut self.all[candidates[chosen]];
            column.role = Role::Entity;
            let codes = codes.swap_remove(chosen);
            self.findings.push(format!("{} by {}", counted(codes.names.len(), "series"), shown(&column.name)));
            self.group = Some((column.name.clone(), codes.ids));
            self.names = codes.names.into_keys().collect();
        }
        if let Some(date) = date {
            self.find_order(&sheet.name, (date, texts), &times);
        }
        Ok(())
    }

    /// Of the ways in which all dates of a column can be read, such as day or month first, takes the one by which they
    /// follow each other most evenly.
    fn settle_dates(&mut self, sheet: &Sheet, column: usize) -> Result<()> {
        let open = self.all[column].dates;
        let ways: Vec<usize> = (0..DATES.len()).filter(|bit| open >> bit & 1 == 1).collect();
        if ways.len() < 2 {
            return Ok(());
        }
        let mut times = vec![vec![]; ways.len()];
        self.each_row(sheet, |row| {
            let read = |way: &usize| DATES[*way].1(&row[column]).unwrap_or(f64::NAN);
            times.iter_mut().zip(&ways).for_each(|(times, way)| times.push(read(way)));
        })?;
        if times.iter().all(|other| other.iter().zip(&times[0]).all(|(a, b)| a.to_bits() == b.to_bits())) {
            return Ok(());
        }
        let unevenness: Vec<[f64; 2]> = times.into_iter().map(unevenness).collect();
        let order = |a: [f64; 2], b: [f64; 2]| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1]));
        let best = (0..ways.len()).min_by(|a, b| order(unevenness[*a], unevenness[*b])).unwrap_or(0);
        let raw = &mut self.all[column];
        raw.dates = 1 << ways[best];
        let (file, name, way) = (&sheet.name, shown(&raw.name), DATES[ways[best]].0);
        let others: Vec<&str> = (0..ways.len()).filter(|n| *n != best).map(|n| DATES[ways[n]].0).collect();
        let [share, longest] = unevenness[best];
        let is_clear = |[other, far]: [f64; 2]| other > share || far > CLEARLY * longest;
        let are_clear = (0..ways.len()).all(|n| n == best || is_clear(unevenness[n]));
        let why =
            if are_clear { "which makes their steps even" } else { "as nothing tells: 2020-03-01 would be clear" };
        self.notes
            .push(format!("`{file}`: the dates of {name} are read as {way}, not as {}, {why}", others.join(" or ")));
        Ok(())
    }

    /// Notes columns of whole numbers that may tell series apart, as the rows of each number lie together.
    fn note_blocks(&mut self, file: &str) {
        for column in self.all.iter().filter(|column| column.role == Role::Number && is_whole(&column.values)) {
            let mut blocks = column.values.clone();
            blocks.dedup();
            let is_time = column.is_called(&YEARS) || column.is_called(&TIMES) || column.values.iter().all(is_year);
            let are_long = blocks.len() >= 3 && 3 * blocks.len() <= column.values.len();
            if are_long && !is_time && differ(&blocks) {
                let name = shown(&column.name);
                self.notes.push(format!(
                    "`{file}`: the rows of each number of {name} lie together: if it tells series apart, `--set \
                     group=..` with its name keeps windows within one"
                ));
            }
        }
    }

    /// Whether a column may be chosen, without a setting, to identify the series of a row: whole numbers of another
    /// name only where the rows have times, which tell keys from what is counted.
    fn may_be_group(&self, i: usize, has_times: bool) -> bool {
        let column = &self.all[i];
        match &column.role {
            Role::Number => (column.is_called(&ENTITIES) || has_times) && is_whole(&column.values),
            Role::Other(what) => what.starts_with("text"),
            _ => false,
        }
    }

    /// Turns rows round that run backwards in time, and finds where time jumps; notes on both, and on other disorder.
    fn find_order(&mut self, file: &str, (column, texts): (usize, BTreeSet<String>), times: &[f64]) {
        const JUMP: f64 = 5.0;
        let date = self.all[column].name.clone();
        let series = self.series();
        let steps =
            |rows: &[usize]| rows.windows(2).map(|pair| (times[pair[1]] - times[pair[0]], pair[1])).collect::<Vec<_>>();
        let all: Vec<(f64, usize)> = series.iter().flat_map(|rows| steps(rows)).collect();
        let falling = all.iter().filter(|(step, _)| *step < 0.0).count();
        self.is_reversed = falling > 0 && falling == all.len();
        if self.is_reversed {
            self.notes.push(format!("`{file}`: rows run backwards in time by `{date}`, and are turned round"));
        } else if falling > 0 {
            let group = match self.group {
                Some(_) => "",
                None => ", or name the column that tells the series apart with `--set group=COLUMN`",
            };
            self.notes.push(format!(
                "`{file}`: rows are not in the order of time by `{date}`, and are taken as they are: sort them for \
                 sequences{group}"
            ));
            return;
        }
        let first = times.iter().copied().fold(f64::INFINITY, f64::min);
        let pairs = series.iter().flat_map(|rows| rows.windows(2)).map(|pair| [times[pair[0]], times[pair[1]]]);
        let months = if self.all[column].dates != 0 { frame::usual_months(pairs) } else { None };
        let clock = |step| first.is_finite().then_some(Clock { column, texts, first, step });
        // Where most steps are equal, a much longer one is a hole.
        let mut lengths: Vec<f64> = all.iter().map(|(step, _)| step.abs()).collect();
        lengths.sort_by(f64::total_cmp);
        let Some(&usual) = lengths.get(lengths.len() / 2).filter(|usual| **usual > 0.0) else { return };
        // Months have no usual length, and differ little.
        let near = if months.is_some() { 0.12 } else { 0.01 };
        let is_usual = |step: &&f64| (**step - usual).abs() <= near * usual;
        if 2 * lengths.iter().filter(is_usual).count() < lengths.len() {
            return;
        }
        let are_usual = 4 * lengths.iter().filter(is_usual).count() >= 3 * lengths.len();
        let seconds = are_usual.then_some(Step::Units(usual));
        self.clock = months.map(Step::Months).or(seconds).and_then(clock);
        let before = |rows: &[usize]| {
            let rows: Vec<usize> = if self.is_reversed { rows.iter().rev().copied().collect() } else { rows.to_vec() };
            steps(&rows)
        };
        let jumps = series.iter().flat_map(|rows| before(rows)).filter(|(step, _)| *step > JUMP * usual);
        let jumps: Vec<usize> = jumps.map(|(_, row)| row).collect();
        if let Some(first) = jumps.iter().min() {
            let count = counted(jumps.len(), "time");
            self.notes.push(format!(
                "`{file}`: `{date}` jumps {count} by more than {JUMP} usual steps, first before row {} of the data: no \
                 window crosses a jump",
                first + 1
            ));
        }
        self.jumps = jumps.into_iter().collect();
    }
}

/// The distinct texts of a column, numbered.
#[derive(Clone, Default)]
pub(super) struct Codes {
    pub names: HashMap<String, u32>,
    pub ids: Vec<u32>,
    /// Whether there are too many distinct texts.
    pub gave_up: bool,
}

impl Codes {
    /// Adds the next row's text, unless there are more than `most` distinct texts.
    pub fn take(&mut self, cell: &str, most: usize) {
        if self.gave_up {
            return;
        }
        let next = self.names.len() as u32;
        let id = match self.names.get(cell) {
            Some(id) => *id,
            None => *self.names.entry(cell.to_owned()).or_insert(next),
        };
        self.ids.push(id);
        self.gave_up = self.names.len() > most;
    }

    /// Whether the rows of each name are adjacent, or else of different times although times of the table recur.
    fn name_series(&self, times: &[f64]) -> bool {
        let (count, rows) = (self.names.len(), self.ids.len());
        if self.gave_up || count < 2 || rows < 2 * count {
            return false;
        }
        let blocks = 1 + self.ids.windows(2).filter(|pair| pair[0] != pair[1]).count();
        let [moments, of_names] = self.moments(times);
        let recur = moments < times.len() && of_names == rows;
        blocks == count || recur || !times.is_empty() && self.advances(times)
    }

    /// Whether each time has each name once, nearly, as keys have and counts have not.
    fn cover(&self, times: &[f64]) -> bool {
        let [moments, of_names] = self.moments(times);
        let rows = self.ids.len();
        of_names == rows && moments > 2 && 2 * rows >= moments * self.names.len()
    }

    /// Numbers of different times, and of different times of each name together.
    fn moments(&self, times: &[f64]) -> [usize; 2] {
        let bits = || times.iter().map(|time| time.to_bits());
        let of_names: HashSet<(u32, u64)> = self.ids.iter().copied().zip(bits()).collect();
        [bits().collect::<HashSet<_>>().len(), of_names.len()]
    }

    /// Whether the rows of each name are in order of time although the table as a whole is not.
    fn advances(&self, times: &[f64]) -> bool {
        let mut last = vec![f64::NEG_INFINITY; self.names.len()];
        let advances = |(id, time): (&u32, &f64)| *time > std::mem::replace(&mut last[*id as usize], *time);
        times.windows(2).any(|pair| pair[0] >= pair[1]) && self.ids.iter().zip(times).all(advances)
    }
}

/// How uneven the steps between different times are: the share of those far from the usual length, in percent, which
/// one hole does not change; and the longest in usual steps.
fn unevenness(mut times: Vec<f64>) -> [f64; 2] {
    times.retain(|time| time.is_finite());
    times.sort_by(f64::total_cmp);
    times.dedup();
    let mut steps: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    steps.sort_by(f64::total_cmp);
    let Some(longest) = steps.last() else { return [0.0, 1.0] };
    let usual = steps[steps.len() / 2];
    // Months differ by a tenth.
    let far = steps.iter().filter(|step| (**step - usual).abs() > 0.12 * usual).count();
    [(100.0 * far as f64 / steps.len() as f64).round(), longest / usual]
}

fn is_dated(what: &str) -> bool {
    what.starts_with("dates") || what.starts_with("times")
}

fn is_year(value: &f64) -> bool {
    value.fract() == 0.0 && (1000.0..=3000.0).contains(value)
}

fn is_whole(values: &[f64]) -> bool {
    values.iter().all(|value| value.fract() == 0.0)
}

fn differ(values: &[f64]) -> bool {
    let mut bits: Vec<u64> = values.iter().map(|value| value.to_bits()).collect();
    bits.sort_unstable();
    bits.windows(2).all(|pair| pair[0] != pair[1])
}

/// Whether values rise by a constant step.
fn is_regular(values: &[f64]) -> bool {
    let step = values.get(1).map_or(0.0, |second| second - values[0]);
    let close = |pair: &[f64]| (pair[1] - pair[0] - step).abs() <= 1e-6 * step;
    values.len() >= FEW && step > 0.0 && values.windows(2).all(close)
}

/// Whether numbers that are all written like `01.2020` are months: the column's name says so, a cell begins with 0
/// (rare in numbers), or the values rise by a constant step.
fn are_months(column: &Column) -> bool {
    let values = &column.values;
    let looks = || column.is_called(&TIMES) || values.iter().any(|value| *value < 10.0) || is_regular(values);
    column.dates & MONTH != 0 && looks()
}

/// Whether a column of numbers holds times: years, dates of eight digits, or seconds or milliseconds since 1970, in a
/// column whose name says so or that rises by a constant step.
fn is_time(column: &Column) -> bool {
    let values = &column.values;
    let within = |low: f64, high: f64| values.iter().all(|value| (low..high).contains(value));
    let named = column.is_called(&TIMES);
    let unix = |unit: f64| within(1e8 * unit, 1e10 * unit);
    let recent = |unit: f64| within(9e8 * unit, 2.1e9 * unit) && is_whole(values) && is_regular(values);
    let rises = || values.len() >= FEW && values.windows(2).all(|pair| pair[0] < pair[1]);
    let digits = || values.iter().all(|value| cells::digits_date(*value).is_some());
    let units = [1.0, 1e3, 1e6, 1e9];
    (named || rises()) && digits() || named && units.into_iter().any(unix) || units.into_iter().any(recent)
}
