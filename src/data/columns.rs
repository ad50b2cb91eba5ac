//! The columns of a table, the choice of those to learn, and the notes for the user.

use std::collections::{BTreeSet, HashMap, HashSet};

use csv::StringRecord;

use super::Options;
use super::cells::{self, DATES};
use super::column::{Column, Role};
use super::dialect::{Line, Sheet, likewise, shown};
use super::ends::Ends;
use super::frame::Step;
use super::header::looks_like_header;
use super::scaling::in_every_row;
use super::statics::Static;
use super::{Series, Split, holdout};
use crate::error::{Error, Result, counted, nearest};

/// The columns of a table, and the series of its rows.
pub(super) struct Table {
    pub all: Vec<Column>,
    /// Number of rows of the sheet above the data: 1 with a header, else 0.
    titles: usize,
    /// The name of the column that identifies a row's series, and the number of each row's series.
    pub group: Option<(String, Vec<u32>)>,
    /// The number of each row's group, if rows of one are held out together.
    pub together: Option<Vec<u32>>,
    /// The names of the series, in order.
    pub names: BTreeSet<String>,
    /// The texts whose values have columns, which are the last ones.
    pub texts: Vec<Static>,
    /// Whether the rows of each series run backwards in time.
    pub is_reversed: bool,
    /// Rows before which time jumps.
    pub jumps: HashSet<usize>,
    /// The column of times, where these have a usual step.
    pub clock: Option<Clock>,
    pub findings: Vec<String>,
    pub notes: Vec<String>,
    /// Number of rows of a file of their own to test with: the last ones.
    tested: usize,
    /// Rows of the sheet within the data that sum up others.
    sums: HashSet<usize>,
}

/// A column of times: some of its cells, the first time and the usual step.
pub(super) struct Clock {
    pub column: usize,
    pub texts: BTreeSet<String>,
    pub first: f64,
    pub step: Step,
}

/// The error for a table without any number.
fn holds_nothing(file: &str) -> Error {
    Error::failure(format!("`{file}` holds no points: a row is one, such as 0.5,-1.25"))
}

impl Table {
    /// Reads all cells, and finds out the names of the columns.
    pub fn read(sheet: &Sheet, options: &Options) -> Result<Self> {
        let mut first: Option<(usize, StringRecord)> = None;
        let mut all: Vec<Column> = vec![];
        // Whether a cell of the first row comes again below itself, as names do not.
        let (mut recurs, mut tested) = (false, 0);
        let mut ends: Option<Ends> = None;
        let take = |all: &mut [Column], at, row: &StringRecord| {
            all.iter_mut().zip(row).for_each(|(column, cell)| column.take(at, cell, sheet.decimal));
        };
        sheet.rows(|at, row| {
            tested += usize::from(sheet.test.is_some_and(|test| at >= test));
            recurs |= first.as_ref().is_some_and(|(_, first)| first.iter().zip(row).any(|(a, b)| a == b));
            match &mut ends {
                None => {
                    all = row.iter().map(|_| Column::new()).collect();
                    first = Some((at, row.clone()));
                    ends = Some(Ends::new(row.clone(), sheet.decimal));
                }
                Some(ends) => {
                    if let Some((at, row)) = ends.add(at, row, all.as_slice()) {
                        take(&mut all, at, &row);
                    }
                }
            }
            Ok(())
        })?;
        let (at, first) = first.ok_or_else(|| holds_nothing(&sheet.file))?;
        let (notes, left, sums) = ends.map_or((vec![], 0, vec![]), |mut ends| ends.finish(sheet, &mut all, take));
        let is_tested = |(_, at): &&(usize, usize)| sheet.test.is_some_and(|test| *at >= test);
        tested -= (left + sums.iter().filter(is_tested).count()).min(tested);
        let comment = sheet.comment_names(all.len()).filter(|_| options.header != Some(false));
        let is_name = |cell: &str| !cell.is_empty() && cells::number(cell, sheet.decimal).is_none();
        let are_texts = !all.iter().any(|column| column.is_numeric());
        let looks = match are_texts && comment.is_none() {
            true => (!recurs && first.iter().all(is_name), false),
            false => looks_like_header(&first, &all, sheet.decimal),
        };
        let (is_header, is_sure) = match (options.header, looks) {
            (Some(header), _) if comment.is_none() => (header, true),
            // Names in a comment are more likely than names that are numbers.
            (_, (looks, is_sure)) => (looks && (is_sure || comment.is_none()), is_sure || comment.is_some()),
        };
        let titles = if is_header { Some(&first) } else { comment.as_ref() };
        if !is_header {
            all.iter_mut().zip(&first).for_each(|(column, cell)| column.take_first(at, cell, sheet.decimal));
        }
        let mut table = Self {
            all,
            titles: usize::from(is_header),
            group: None,
            together: None,
            names: BTreeSet::new(),
            texts: vec![],
            is_reversed: false,
            jumps: HashSet::new(),
            clock: None,
            findings: vec![],
            notes,
            tested,
            sums: sums.into_iter().map(|(n, _)| n).collect(),
        };
        table.findings.push(if titles.is_some() { "a header" } else { "no header" }.into());
        table.name(&sheet.name, titles);
        if !is_sure {
            let row = first.iter().collect::<Vec<_>>().join(",");
            let why = match (are_texts, is_header) {
                (true, true) => "holds names, as none of its cells comes again; header=false makes it data",
                (true, false) => "is data, as its cells come again; header=true makes it names",
                (false, _) => "holds names, as it counts and its columns do not; header=false makes it data",
            };
            table.notes.push(format!("`{}`: the first row, {}, {why}", sheet.name, shown(&row)));
        }
        if titles.is_none() {
            let doubt = sheet.doubt()?;
            table.notes.extend(doubt);
        }
        if table.rows() == 0 {
            return Err(Error::failure(format!("`{}` has a header and no rows below it", sheet.file)));
        }
        Ok(table)
    }

    /// Finds out which columns hold numbers to learn.
    ///
    /// # Errors
    /// A table without any number, or with series that cannot be told apart as the options ask.
    pub fn find_numbers(&mut self, sheet: &Sheet, options: &Options) -> Result<()> {
        if !self.all.iter().any(|column| column.numbers > 0) {
            return Err(holds_nothing(&sheet.file));
        }
        self.find_roles(sheet, options)?;
        match options.known_series() {
            _ if options.window.is_none() => Ok(()),
            Some(Series::Columns(columns)) => self.spread_texts(sheet, Some(columns)),
            _ if options.statics => self.spread_texts(sheet, None),
            _ => Ok(()),
        }
    }

    /// Whether each row is held out: the rows of a file of their own, else a random choice.
    pub fn held(&self, options: &Options) -> Vec<bool> {
        match (self.tested, &self.together) {
            (0, Some(groups)) => holdout::of_groups(groups, options),
            (0, None) => holdout::held(self.rows(), false, options),
            (tested, _) => (0..self.rows()).map(|row| row + tested >= self.rows()).collect(),
        }
    }

    /// Whether rows to test with lie in a file of their own.
    pub fn has_test(&self) -> bool {
        self.tested > 0
    }

    /// The sentence on the part of the rows that is read, of which `held` are held out.
    pub fn said(&self, held: usize, options: &Options) -> String {
        match (self.tested, options.split) {
            (0, _) => holdout::said(self.rows(), held, "rows", options),
            (_, Split::Train) => format!("train, beside {} in test", counted(held, "row")),
            (_, Split::Test) => "test, beside train".into(),
        }
    }

    /// Whether the table has no line of names.
    pub fn is_headless(&self) -> bool {
        self.titles == 0
    }

    /// The columns that the setting `columns` names.
    pub fn named(&self, file: &str, options: &Options) -> Result<Vec<usize>> {
        let names = options.columns.as_deref().map_or(vec![], names_in);
        let chosen = names.iter().map(|name| self.find(file, name, "columns")).collect::<Result<Vec<_>>>()?;
        match chosen.iter().enumerate().find(|(n, i)| chosen[..*n].contains(i)) {
            Some((_, i)) => Err(Error::usage(format!("`columns` names {} twice", shown(&self.all[*i].name)))),
            None => Ok(chosen),
        }
    }

    pub fn rows(&self) -> usize {
        self.all[0].values.len()
    }

    /// Gives each column a unique name.
    fn name(&mut self, file: &str, titles: Option<&StringRecord>) {
        let mut seen: HashMap<String, usize> = HashMap::new();
        for (i, column) in self.all.iter_mut().enumerate() {
            let title = titles.and_then(|titles| titles.get(i)).unwrap_or_default();
            column.is_unnamed = title.is_empty();
            column.title = title.to_owned();
            let name = if title.is_empty() { format!("x{i}") } else { title.to_owned() };
            let count = seen.entry(name.clone()).or_insert(0);
            column.name = if *count == 0 { name.clone() } else { format!("{name}.{count}") };
            *count += 1;
            if *count == 2 {
                self.notes
                    .push(format!("`{file}`: several columns are called {}: the second is `{name}.1`", shown(&name)));
            }
        }
    }

    /// Calls `take` with every row of data.
    pub fn each_row(&self, sheet: &Sheet, mut take: impl FnMut(&StringRecord)) -> Result<()> {
        self.each_at(sheet, |_, row| take(row))
    }

    /// Calls `take` with the byte offset of every row of data, and the row.
    fn each_at(&self, sheet: &Sheet, mut take: impl FnMut(usize, &StringRecord)) -> Result<()> {
        let (mut n, rows) = (0, self.titles..self.titles + self.rows() + self.sums.len());
        sheet.rows(|at, row| {
            if rows.contains(&n) && !self.sums.contains(&n) {
                take(at, row);
            }
            n += 1;
            Ok(())
        })
    }

    /// The line that this row of data begins in.
    pub fn line<'s>(&self, sheet: &'s Sheet, row: usize) -> Line<'s> {
        let (mut n, mut found) = (0, 0);
        let find = |at, _: &StringRecord| {
            if n == row {
                found = at;
            }
            n += 1;
        };
        // Every row was read before.
        sheet.line(self.each_at(sheet, find).map_or(0, |()| found))
    }

    /// The rows of each series, in order.
    pub fn series(&self) -> Vec<Vec<usize>> {
        let Some((_, ids)) = &self.group else { return vec![(0..self.rows()).collect()] };
        let mut series = vec![vec![]; ids.iter().max().map_or(0, |last| *last as usize + 1)];
        ids.iter().enumerate().for_each(|(row, id)| series[*id as usize].push(row));
        series
    }

    /// The number of series that have some of these rows, and none of the others.
    pub fn only_in(&self, rows: &[Vec<usize>], others: &[Vec<usize>]) -> usize {
        let Some((_, ids)) = &self.group else { return 0 };
        let series = |rows: &[Vec<usize>]| rows.iter().flatten().map(|row| ids[*row]).collect::<HashSet<u32>>();
        series(rows).difference(&series(others)).count()
    }

    /// The rows between which time goes on in its usual steps, in order of time.
    pub fn runs(&self) -> Vec<Vec<usize>> {
        let mut series = self.series();
        if self.is_reversed {
            series.iter_mut().for_each(|rows| rows.reverse());
        }
        let goes_on = |_: &usize, next: &usize| !self.jumps.contains(next);
        series.iter().flat_map(|rows| rows.chunk_by(goes_on).map(<[usize]>::to_vec)).collect()
    }

    /// The index of the column that a setting names.
    pub fn find(&self, file: &str, name: &str, setting: &str) -> Result<usize> {
        self.all.iter().position(|column| column.name == name).ok_or_else(|| {
            let names = || self.all[self.own()].iter().map(|column| column.name.as_str());
            let hint = match nearest(name, names()) {
                Some(near) => format!("did you mean {}?", shown(near)),
                None => format!("it has {}", listed(names())),
            };
            Error::usage(format!("`{setting}`: `{file}` has no column {}; {hint}", shown(name)))
        })
    }

    /// Indices of the columns to learn, in the order of the setting or of the table.
    pub fn chosen(&mut self, sheet: &Sheet, options: &Options) -> Result<Vec<usize>> {
        let file = &sheet.file;
        let chosen = match &options.columns {
            Some(_) => {
                let chosen = self.named(file, options)?;
                self.read_chosen_dates(sheet, &chosen)?;
                chosen
            }
            None => {
                let is_learned =
                    |i: &usize| matches!(self.all[*i].role, Role::Number | Role::Static | Role::Broken(..));
                self.own().filter(is_learned).collect()
            }
        };
        let chosen = self.spread(chosen);
        let broken = chosen.iter().filter(|i| !self.all[**i].has_only_numbers());
        let broken = broken.filter_map(|i| self.all[*i].flaw.as_ref().map(|(at, cell)| (*at, cell, *i)));
        if let Some((at, cell, i)) = broken.min_by_key(|(at, _, _)| *at) {
            let column = &self.all[i];
            if !column.is_numeric() {
                return Err(Error::usage(format!(
                    "`columns`: {} of `{file}` holds no numbers, but cells such as {}",
                    shown(&column.name),
                    shown(column.word.as_ref().unwrap_or(cell))
                )));
            }
            let cure = if cells::is_missing(cell) { "fill it in or take out its row" } else { "mend it" };
            let fault = match column.number(cell, sheet.decimal) {
                Some(_) => format!("is larger than Saddle can hold, {:.1e} at most", cells::MAX),
                None => "is not a finite number".into(),
            };
            let is_flaw = |row: &usize| column.values[*row].is_nan() || column.values[*row].abs() > cells::MAX;
            let others: Vec<usize> = (0..self.rows()).filter(is_flaw).skip(1).collect();
            return Err(Error::failure(format!(
                "{}: {} {fault} (column `{}`){}: {cure}, or name the columns to learn by columns=",
                sheet.line(at).place(),
                shown(cell),
                column.name,
                likewise(others.iter().map(|row| self.line(sheet, *row)))
            )));
        }
        for i in &chosen {
            let note = self.all[*i].mixed_units(&sheet.name)?;
            self.notes.extend(note);
        }
        Ok(chosen)
    }

    /// Converts dates in chosen columns to seconds since 1970.
    fn read_chosen_dates(&mut self, sheet: &Sheet, chosen: &[usize]) -> Result<()> {
        let file = &sheet.name;
        for &i in chosen {
            let column = &self.all[i];
            if column.dates == 0 || column.role == Role::Number || column.words + column.numbers < self.rows() {
                continue;
            }
            let mut values = vec![];
            self.each_row(sheet, |row| values.push(column.read_dates(&row[i])))?;
            let way = DATES.iter().enumerate().find(|(bit, _)| column.dates >> bit & 1 == 1);
            let (name, way) = (shown(&column.name), way.map_or("", |(_, (name, _))| name));
            self.notes.push(format!("`{file}`: {name} is learned as seconds since 1970, read as {way}"));
            let column = &mut self.all[i];
            column.values = values;
            column.flaw = None;
        }
        Ok(())
    }

    /// Adds the findings and notes on the learned columns and on those left out.
    pub fn tell(&mut self, sheet: &Sheet, chosen: &[usize], constant: &[usize]) {
        let file = &sheet.name;
        let names = chosen.iter().filter(|i| !constant.contains(i));
        let mut names: Vec<&str> =
            names.map(|i| if self.own().contains(i) { &*self.all[*i].name } else { &self.all[*i].title }).collect();
        names.dedup();
        self.findings.push(format!("columns {}", listed(names.into_iter())));
        let left = self.left_out(chosen, constant);
        if !left.is_empty() {
            self.notes.push(format!("`{file}`: left out {left}; columns= takes columns by name"));
        }
        for column in chosen.iter().map(|i| &self.all[*i]) {
            let read = |cell: &String| Some((shown(cell), column.number(cell, sheet.decimal)?));
            if let Some((cell, value)) = column.dressed.as_ref().and_then(read) {
                self.notes.push(format!("`{file}`: in {}, {cell} is read as {value}", shown(&column.name)));
            }
        }
    }

    /// The columns that are not learned, with reasons, as text.
    pub fn left_out(&self, chosen: &[usize], constant: &[usize]) -> String {
        let reason = |i: usize| match &self.all[i].role {
            _ if constant.contains(&i) => Some(in_every_row(self.all[i].values[0])),
            _ if chosen.contains(&i) => None,
            Role::Other(what) => Some(what.clone()),
            Role::Entity => Some("names a series".into()),
            Role::Static if self.spread(vec![i]).iter().any(|i| chosen.contains(i)) => None,
            Role::Static | Role::Number | Role::Broken(..) => Some("not among `columns`".into()),
        };
        let left = self.own().filter_map(|i| Some(format!("{} ({})", shown(&self.all[i].name), reason(i)?)));
        joined(left.collect())
    }
}

/// Largest number of columns to list.
const MANY: usize = 12;

pub(super) fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    joined(names.map(shown).collect())
}

/// The first [`MANY`] parts, separated by commas, and the number of the others.
pub(super) fn joined(parts: Vec<String>) -> String {
    let more = if parts.len() > MANY { format!(" and {} more", parts.len() - MANY) } else { String::new() };
    parts[..parts.len().min(MANY)].join(", ") + &more
}

/// The names in a setting: comma-separated, quoted if they contain commas.
pub(super) fn names_in(setting: &str) -> Vec<String> {
    let mut csv = csv::ReaderBuilder::new().has_headers(false).trim(csv::Trim::All).from_reader(setting.as_bytes());
    let names = csv.records().next().and_then(|record| record.ok()).unwrap_or_default();
    names.iter().map(str::to_owned).collect()
}
