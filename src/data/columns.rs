//! What the columns of a table are: numbers to learn, or names, dates and counts of rows.

use std::collections::HashMap;

use csv::StringRecord;

use super::cells::{self, DATES};
use super::dialect::{Sheet, shown};
use super::Options;
use crate::error::{Error, Result, nearest};
use crate::settings::Decimal;

/// Rows from which on a column can be told to count them.
const FEW: usize = 3;
/// Names of columns that count rows or steps.
const COUNTERS: [&str; 22] = [
    "index", "idx", "id", "nr", "no", "num", "row", "rows", "rownum", "rownumber", "rowid", "record", "obs", "#", "n",
    "level0", "t", "time", "step", "tick", "frame", "sno",
];
/// Words in the names of columns that hold times.
const TIMES: [&str; 13] = [
    "date", "time", "timestamp", "datetime", "ts", "unix", "unixtime", "dt", "datum", "zeit", "day", "created",
    "updated",
];
/// Names of columns of years.
const YEARS: [&str; 4] = ["year", "jahr", "yr", "année"];
/// Words in the names of columns that say whose row it is.
const ENTITIES: [&str; 18] = [
    "id", "ticker", "symbol", "patient", "subject", "entity", "customer", "user", "unit", "station", "store", "device",
    "sensor", "item", "name", "series", "person", "household",
];

/// What a column is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Role {
    /// Numbers that measure something.
    Number,
    /// Numbers or texts that name the series which a row belongs to.
    Entity,
    /// Left out because of what it is, in words.
    Other(String),
    /// Numbers but for this cell, whose row begins at this byte.
    Broken(usize, String),
}

/// A column of a table.
pub(super) struct Column {
    pub name: String,
    /// Whether the table does not name it.
    is_unnamed: bool,
    /// The number of each row; NaN where there is none.
    pub values: Vec<f64>,
    /// The most decimals of a cell, unless some have exponents.
    pub decimals: Option<usize>,
    numbers: usize,
    words: usize,
    /// The first cell that is no number, and where its row begins.
    flaw: Option<(usize, String)>,
    /// The first cell that is neither a number nor missing.
    word: Option<String>,
    /// The ways to write dates, a bit each, that all cells follow.
    dates: u8,
    /// The first number with thousands apart, or a sign of money or percent.
    dressed: Option<String>,
    pub role: Role,
}

impl Column {
    fn new() -> Self {
        Self {
            name: String::new(),
            is_unnamed: false,
            values: vec![],
            decimals: Some(0),
            numbers: 0,
            words: 0,
            flaw: None,
            word: None,
            dates: u8::MAX,
            dressed: None,
            role: Role::Number,
        }
    }

    fn take(&mut self, at: usize, cell: &str, decimal: Decimal) {
        let number = cells::number(cell, decimal);
        self.values.push(number.map_or(f64::NAN, |(value, _)| value));
        match number {
            Some((_, is_plain)) => {
                self.numbers += 1;
                self.dates = 0;
                self.decimals = self.decimals.and_then(|most| Some(most.max(cells::decimals(cell, decimal)?)));
                if !is_plain && self.dressed.is_none() {
                    self.dressed = Some(cell.to_owned());
                }
                return;
            }
            None if !cells::is_missing(cell) => {
                self.words += 1;
                self.dates = cells::dates(cell, self.dates);
                self.word.get_or_insert_with(|| cell.to_owned());
            }
            None => {}
        }
        self.flaw.get_or_insert_with(|| (at, cell.to_owned()));
    }

    /// Takes the row above all others.
    fn take_first(&mut self, at: usize, cell: &str, decimal: Decimal) {
        let (flaw, word) = (self.flaw.take(), self.word.take());
        self.take(at, cell, decimal);
        self.flaw = self.flaw.take().or(flaw);
        self.word = self.word.take().or(word);
        self.values.rotate_right(1);
    }

    /// Whether most of it is numbers.
    fn is_numeric(&self) -> bool {
        self.numbers > self.words
    }

    fn has_only_numbers(&self) -> bool {
        self.flaw.is_none()
    }

    /// The words of its name, in lower case.
    fn words_of_name(&self) -> Vec<String> {
        let mut words = vec![String::new()];
        let mut before = ' ';
        for c in self.name.chars() {
            if !c.is_alphanumeric() || (c.is_uppercase() && before.is_lowercase()) {
                words.push(String::new());
            }
            words.last_mut().expect("there is one").extend(c.is_alphanumeric().then(|| c.to_lowercase()).into_iter().flatten());
            before = c;
        }
        words.retain(|word| !word.is_empty());
        words
    }

    fn is_called(&self, names: &[&str]) -> bool {
        !self.is_unnamed && self.words_of_name().iter().any(|word| names.contains(&word.as_str()))
    }

    /// The seconds since 1970 of each row, for a column of dates in words.
    fn read_dates(&self, cell: &str) -> f64 {
        let way = DATES.iter().enumerate().find(|(bit, _)| self.dates >> bit & 1 == 1);
        way.and_then(|(_, (_, read))| read(cell)).unwrap_or(f64::NAN)
    }
}

/// The columns of a table, and what its rows belong to.
pub(super) struct Columns {
    pub all: Vec<Column>,
    /// Rows of the sheet above those of data.
    titles: usize,
    /// The column that says which series a row belongs to, and the number of each row's series.
    pub group: Option<(String, Vec<u32>)>,
    pub findings: Vec<String>,
    pub notes: Vec<String>,
}

/// The first of all errors: a table without any number.
fn holds_nothing(file: &str) -> Error {
    Error::failure(format!("`{file}` holds no points: a row is one, such as 0.5,-1.25"))
}

impl Columns {
    /// Reads all cells and finds out what the columns are.
    pub fn read(sheet: &Sheet, options: &Options) -> Result<Self> {
        let mut first: Option<(usize, StringRecord)> = None;
        let mut all: Vec<Column> = vec![];
        sheet.rows(|at, row| {
            match first {
                None => {
                    all = row.iter().map(|_| Column::new()).collect();
                    first = Some((at, row.clone()));
                }
                Some(_) => all.iter_mut().zip(row).for_each(|(column, cell)| column.take(at, cell, sheet.decimal)),
            }
            Ok(())
        })?;
        let (at, first) = first.ok_or_else(|| holds_nothing(&sheet.file))?;
        let comment = sheet.comment_names(all.len()).filter(|_| options.header != Some(false));
        let (is_header, is_sure) = match (options.header, looks_like_header(&first, &all, sheet.decimal)) {
            (Some(header), _) if comment.is_none() => (header, true),
            // Names in a comment are more likely than names that are numbers.
            (_, (looks, is_sure)) => (looks && (is_sure || comment.is_none()), is_sure || comment.is_some()),
        };
        let titles = if is_header { Some(&first) } else { comment.as_ref() };
        if !is_header {
            all.iter_mut().zip(&first).for_each(|(column, cell)| column.take_first(at, cell, sheet.decimal));
        }
        let mut columns = Self { all, titles: usize::from(is_header), group: None, findings: vec![], notes: vec![] };
        columns.findings.push(if titles.is_some() { "a header" } else { "no header" }.into());
        columns.name(&sheet.file, titles);
        if !is_sure {
            let row = first.iter().collect::<Vec<_>>().join(",");
            columns.notes.push(format!(
                "`{}`: the first row, {}, holds names, as it counts and its columns do not; header=false makes it data",
                sheet.file,
                shown(&row)
            ));
        }
        if titles.is_none() {
            sheet.refuse_doubt()?;
        }
        if !columns.all.iter().any(|column| column.numbers > 0) {
            return Err(holds_nothing(&sheet.file));
        }
        columns.find_roles(sheet, options)?;
        Ok(columns)
    }

    fn rows(&self) -> usize {
        self.all[0].values.len()
    }

    /// Gives each column its own name.
    fn name(&mut self, file: &str, titles: Option<&StringRecord>) {
        let mut seen: HashMap<String, usize> = HashMap::new();
        for (i, column) in self.all.iter_mut().enumerate() {
            let title = titles.and_then(|titles| titles.get(i)).unwrap_or_default();
            column.is_unnamed = title.is_empty();
            let name = if title.is_empty() { format!("x{i}") } else { title.to_owned() };
            let count = seen.entry(name.clone()).or_insert(0);
            column.name = if *count == 0 { name.clone() } else { format!("{name}.{count}") };
            *count += 1;
            if *count == 2 {
                self.notes.push(format!("`{file}`: several columns are called {}: the second is `{name}.1`", shown(&name)));
            }
        }
    }

    fn find_roles(&mut self, sheet: &Sheet, options: &Options) -> Result<()> {
        for column in &mut self.all {
            column.role = match &column.flaw {
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
        let rows_of_series = self.series();
        let has_header = self.all.iter().any(|column| !column.is_unnamed);
        for (i, column) in self.all.iter_mut().enumerate() {
            if column.role != Role::Number || column.values.len() < FEW {
                continue;
            }
            let counts = |values: &[f64]| values.windows(2).all(|pair| pair[1] - pair[0] == 1.0);
            let series = || rows_of_series.iter().map(|rows| rows.iter().map(|row| column.values[*row]).collect::<Vec<_>>());
            let from_start = || series().all(|values| [0.0, 1.0].contains(&values[0]) && counts(&values));
            let joined: String = column.words_of_name().concat();
            let nameless = column.is_unnamed && (has_header || i == 0) || joined.starts_with("unnamed");
            let is_counter = COUNTERS.contains(&joined.as_str()) || column.name.trim() == "#";
            let is_id = column.is_called(&["id"]) && is_whole(&column.values);
            // Where f64 does not tell neighbours apart.
            let is_beyond = column.values[0].abs() > 9e15;
            let advances = || series().all(|values| values.windows(2).all(|pair| pair[0] <= pair[1]));
            if (is_counter || nameless) && from_start() || is_id && (differ(&column.values) || is_beyond && advances()) {
                column.role = Role::Other("numbers the rows".into());
            } else if column.is_called(&YEARS) && column.values.iter().all(is_year) && advances() {
                column.role = Role::Other(format!("times from {}", column.values[0]));
            } else if (is_counter || column.is_called(&TIMES)) && series().all(|values| is_regular(&values)) {
                column.role = Role::Other(format!("rises in equal steps from {}", column.values[0]));
            }
        }
        Ok(())
    }

    /// Decides what says which series a row belongs to.
    fn find_group(&mut self, sheet: &Sheet, options: &Options) -> Result<()> {
        let wanted = options.group.as_deref();
        if wanted == Some("none") {
            return Ok(());
        }
        let candidates: Vec<usize> = match wanted {
            Some(name) => vec![self.find(&sheet.file, name, "group")?],
            None => (0..self.all.len()).filter(|i| self.may_be_group(*i)).collect(),
        };
        let date = self.all.iter().position(|column| matches!(&column.role, Role::Other(what) if is_dated(what)));
        let mut codes: Vec<Codes> = candidates.iter().map(|_| Codes::default()).collect();
        let mut times = vec![];
        let most = if wanted.is_some() { usize::MAX } else { self.rows() / 2 };
        if candidates.is_empty() && date.is_none() {
            return Ok(());
        }
        self.each_row(sheet, |row| {
            candidates.iter().zip(&mut codes).for_each(|(column, codes)| codes.take(&row[*column], most));
            times.extend(date.map(|date| match self.all[date].values[times.len()] {
                value if value.is_nan() => self.all[date].read_dates(&row[date]),
                value => value,
            }));
        })?;
        let chosen = match wanted {
            Some(_) => Some(0),
            None => (0..codes.len())
                .filter(|i| codes[*i].name_series(&times))
                .max_by_key(|i| (codes[*i].names.len(), usize::MAX - i)),
        };
        for (i, codes) in candidates.iter().zip(&codes) {
            if self.all[*i].role == Role::Number && (wanted.is_some() || codes.name_series(&times)) {
                self.all[*i].role = Role::Entity;
            }
        }
        // Points stand alone, whatever series they are of.
        if options.window.is_none() {
            return Ok(());
        }
        if let Some(chosen) = chosen {
            let column = &mut self.all[candidates[chosen]];
            column.role = Role::Entity;
            let codes = codes.swap_remove(chosen);
            self.findings.push(format!("{} series by {}", codes.names.len(), shown(&column.name)));
            self.group = Some((column.name.clone(), codes.ids));
        }
        if let Some(date) = date {
            self.note_order(&sheet.file, &self.all[date].name.clone(), &times);
        }
        Ok(())
    }

    /// Gives every row of data.
    fn each_row(&self, sheet: &Sheet, mut take: impl FnMut(&StringRecord)) -> Result<()> {
        let mut ahead = self.titles;
        sheet.rows(|_, row| {
            match ahead {
                0 => take(row),
                _ => ahead -= 1,
            }
            Ok(())
        })
    }

    /// Whether a column may say, unasked, which series a row belongs to.
    fn may_be_group(&self, i: usize) -> bool {
        let column = &self.all[i];
        match &column.role {
            Role::Number => column.is_called(&ENTITIES) && is_whole(&column.values),
            Role::Other(what) => what.starts_with("text"),
            _ => false,
        }
    }

    /// Says where rows do not follow one another in time.
    fn note_order(&mut self, file: &str, date: &str, times: &[f64]) {
        let series = self.series();
        let falls = |rows: &[usize]| rows.windows(2).filter(|pair| times[pair[1]] < times[pair[0]]).count();
        let (falling, steps) = series.iter().fold((0, 0), |(falling, steps), rows| {
            (falling + falls(rows), steps + rows.len().saturating_sub(1))
        });
        let what = match falling {
            0 => return,
            all if all == steps => "run backwards in time",
            _ => "are not in the order of time",
        };
        self.notes.push(format!("`{file}`: rows {what} by `{date}`, and are taken as they are: sort them for sequences"));
    }

    /// The rows of each series, in order.
    pub fn series(&self) -> Vec<Vec<usize>> {
        let Some((_, ids)) = &self.group else { return vec![(0..self.rows()).collect()] };
        let mut series = vec![vec![]; ids.iter().max().map_or(0, |last| *last as usize + 1)];
        ids.iter().enumerate().for_each(|(row, id)| series[*id as usize].push(row));
        series
    }

    /// The column of a name that a setting gives.
    fn find(&self, file: &str, name: &str, setting: &str) -> Result<usize> {
        self.all.iter().position(|column| column.name == name).ok_or_else(|| {
            let names = || self.all.iter().map(|column| column.name.as_str());
            let hint = match nearest(name, names()) {
                Some(near) => format!("did you mean {}?", shown(near)),
                None => format!("it has {}", listed(names())),
            };
            Error::usage(format!("`{setting}`: `{file}` has no column {}; {hint}", shown(name)))
        })
    }

    /// The columns to learn, in the order of the setting or of the table.
    pub fn chosen(&mut self, sheet: &Sheet, options: &Options) -> Result<Vec<usize>> {
        let file = &sheet.file;
        let chosen = match &options.columns {
            Some(names) => {
                let chosen = names_in(names).iter().map(|name| self.find(file, name, "columns")).collect::<Result<Vec<_>>>()?;
                if let Some((n, _)) = chosen.iter().enumerate().find(|(n, i)| chosen[..*n].contains(i)) {
                    let name = shown(&self.all[chosen[n]].name);
                    return Err(Error::usage(format!("`columns` names {name} twice")));
                }
                self.read_chosen_dates(sheet, &chosen)?;
                chosen
            }
            None => (0..self.all.len())
                .filter(|i| matches!(self.all[*i].role, Role::Number | Role::Broken(..)))
                .collect(),
        };
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
            return Err(Error::failure(format!(
                "{file}:{}: {} is not a finite number (column `{}`): mend it, or name the columns to learn by columns=",
                sheet.line(at),
                shown(cell),
                column.name
            )));
        }
        Ok(chosen)
    }

    /// Dates that are to be learned become seconds since 1970.
    fn read_chosen_dates(&mut self, sheet: &Sheet, chosen: &[usize]) -> Result<()> {
        let file = &sheet.file;
        for &i in chosen {
            let column = &self.all[i];
            if column.dates == 0 || column.words < self.rows() {
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

    /// The sentences on what is learned and what is not.
    pub fn tell(&mut self, sheet: &Sheet, chosen: &[usize], constant: &[usize]) {
        let file = &sheet.file;
        let names = chosen.iter().filter(|i| !constant.contains(i)).map(|i| self.all[*i].name.as_str());
        self.findings.push(format!("columns {}", listed(names)));
        let left = self.left_out(chosen, constant);
        if !left.is_empty() {
            self.notes.push(format!("`{file}`: left out {left}; columns= takes columns by name"));
        }
        for column in chosen.iter().map(|i| &self.all[*i]) {
            let read = |cell: &String| cells::number(cell, sheet.decimal).map(|(value, _)| (shown(cell), value));
            if let Some((cell, value)) = column.dressed.as_ref().and_then(read) {
                self.notes.push(format!("`{file}`: in {}, {cell} is read as {value}", shown(&column.name)));
            }
        }
    }

    /// The columns that are not learned, and why.
    pub fn left_out(&self, chosen: &[usize], constant: &[usize]) -> String {
        let reason = |i: usize| match &self.all[i].role {
            _ if constant.contains(&i) => Some(format!("{} in every row", self.all[i].values[0])),
            _ if chosen.contains(&i) => None,
            Role::Other(what) => Some(what.clone()),
            Role::Entity => Some("names a series".into()),
            Role::Number | Role::Broken(..) => Some("not among `columns`".into()),
        };
        let left = (0..self.all.len()).filter_map(|i| Some(format!("{} ({})", shown(&self.all[i].name), reason(i)?)));
        joined(left.collect())
    }
}

/// The most columns that are listed.
const MANY: usize = 12;

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    joined(names.map(shown).collect())
}

/// The first of them with commas, and how many more there are.
fn joined(parts: Vec<String>) -> String {
    let more = if parts.len() > MANY { format!(" and {} more", parts.len() - MANY) } else { String::new() };
    parts[..parts.len().min(MANY)].join(", ") + &more
}

/// The names in a setting, with commas between them and quotes around those that have commas.
fn names_in(setting: &str) -> Vec<String> {
    let mut csv = csv::ReaderBuilder::new().has_headers(false).trim(csv::Trim::All).from_reader(setting.as_bytes());
    let names = csv.records().next().and_then(|record| record.ok()).unwrap_or_default();
    names.iter().map(str::to_owned).collect()
}

/// The texts of a column by number.
#[derive(Default)]
struct Codes {
    names: HashMap<String, u32>,
    ids: Vec<u32>,
    /// Whether there are too many.
    gave_up: bool,
}

impl Codes {
    /// Takes the next row's text, unless there are more than `most`.
    fn take(&mut self, cell: &str, most: usize) {
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

    /// Whether rows of one name lie together, or else follow one another in time.
    fn name_series(&self, times: &[f64]) -> bool {
        let (count, rows) = (self.names.len(), self.ids.len());
        if self.gave_up || count < 2 || rows < 2 * count {
            return false;
        }
        let blocks = 1 + self.ids.windows(2).filter(|pair| pair[0] != pair[1]).count();
        let mut last = vec![f64::NEG_INFINITY; count];
        let mut advances = |(id, time): (&u32, &f64)| *time > std::mem::replace(&mut last[*id as usize], *time);
        blocks == count
            || !times.is_empty()
                && times.windows(2).any(|pair| pair[0] >= pair[1])
                && self.ids.iter().zip(times).all(|each| advances(each))
    }
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

/// Whether values rise by one step throughout.
fn is_regular(values: &[f64]) -> bool {
    let step = values.get(1).map_or(0.0, |second| second - values[0]);
    let close = |pair: &[f64]| (pair[1] - pair[0] - step).abs() <= 1e-6 * step;
    values.len() >= FEW && step > 0.0 && values.windows(2).all(close)
}

/// Whether a column of numbers holds times: years, months and days in eight digits, or seconds since 1970 or thousandths of
/// them, under a name that says so or in regular steps.
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

/// Whether the first row looks like names, and whether that is sure. It is where a cell above numbers is none; and probably
/// where numbers count, as years and pandas' own names do, above columns of other numbers.
fn looks_like_header(first: &StringRecord, columns: &[Column], decimal: Decimal) -> (bool, bool) {
    let number = |cell: &str| cells::number(cell, decimal).map(|(value, _)| value);
    let is_title = |cell: &str| number(cell).is_none() && !cells::is_missing(cell);
    if first.iter().zip(columns).any(|(cell, column)| is_title(cell) && column.numbers > 0) {
        return (true, true);
    }
    let named: Vec<(f64, &Column)> = first
        .iter()
        .zip(columns)
        .filter(|(_, column)| column.is_numeric())
        .filter_map(|(cell, column)| Some((number(cell)?, column)))
        .collect();
    let values: Vec<f64> = named.iter().map(|(value, _)| *value).collect();
    // Cells beside them that are names or nothing.
    let beside = first.iter().zip(columns).any(|(cell, column)| {
        cell.is_empty() || is_title(cell) && cells::dates(cell, u8::MAX) == 0 && column.numbers == 0
    });
    let rises = values.windows(2).all(|pair| pair[0] < pair[1]);
    if values.is_empty() || !is_whole(&values) || !rises || values.len() == 1 && !beside {
        return (false, true);
    }
    let others = named.iter().filter(|(value, column)| is_other(*value, column)).count();
    let step = values.get(1).map_or(1.0, |second| second - values[0]);
    let is_regular = values.windows(2).all(|pair| pair[1] - pair[0] == step);
    let is_header = others == values.len() || is_regular && (others * 2 > values.len() || values.len() >= 3 && beside);
    (is_header, !is_header)
}

/// Whether a whole number is of another kind than the column below it: that has decimals, or lies far away.
fn is_other(value: f64, column: &Column) -> bool {
    let below = column.values.iter().filter(|value| value.is_finite());
    let (low, high) = below.clone().fold((f64::MAX, f64::MIN), |(low, high), &v| (low.min(v), high.max(v)));
    let air = 2.0 * (high - low);
    column.decimals != Some(0) || below.count() >= FEW && !(low - air..=high + air).contains(&value)
}
