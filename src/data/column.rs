//! One column of a table: its cells as numbers, and other properties of their text.

use super::cells::{self, DATES, MONTH};
use super::dialect::shown;
use super::looks::Looks;
use crate::error::{Error, Result};
use crate::settings::Decimal;

/// The whole number up to which a double holds all exactly.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The role of a column.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Role {
    /// Measured numbers.
    Number,
    /// Numbers or texts that identify the series of a row.
    Entity,
    /// Left out for this reason, in words.
    Other(String),
    /// Numbers except for this cell; the byte offset of its row and its text.
    Broken(usize, String),
}

/// A column of a table.
pub(super) struct Column {
    pub name: String,
    /// What the file calls it.
    pub title: String,
    /// Whether the table has no name for it.
    pub is_unnamed: bool,
    /// The number in each row; NaN if there is none.
    pub values: Vec<f64>,
    /// The largest number of decimals of a cell; `None` if a cell has an exponent.
    pub decimals: Option<usize>,
    /// The smallest number of decimals of a cell.
    pub fewest_decimals: usize,
    /// Whether some whole number begins with a 0, as postcodes do.
    pub is_padded: bool,
    /// The first whole number that is too long for a double to hold exactly.
    pub long: Option<String>,
    pub numbers: usize,
    pub words: usize,
    /// The byte offset of the row of the first cell that is no usable number, and that cell.
    pub flaw: Option<(usize, String)>,
    /// The first cell that is neither a number nor missing.
    pub word: Option<String>,
    /// Bit mask of the date formats in [`DATES`] that all cells follow.
    pub dates: u8,
    /// The first number with separators of thousands or a sign of money or percent.
    pub dressed: Option<String>,
    pub looks: Looks,
    pub role: Role,
}

impl Column {
    pub fn new() -> Self {
        Self {
            name: String::new(),
            title: String::new(),
            is_unnamed: false,
            values: vec![],
            decimals: Some(0),
            fewest_decimals: usize::MAX,
            is_padded: false,
            long: None,
            numbers: 0,
            words: 0,
            flaw: None,
            word: None,
            dates: u8::MAX,
            dressed: None,
            looks: Looks::default(),
            role: Role::Number,
        }
    }

    pub fn take(&mut self, at: usize, cell: &str, decimal: Decimal) {
        let number = cells::number(cell, decimal);
        self.values.push(number.map_or(f64::NAN, |(value, _)| value));
        match number {
            Some((value, is_plain)) => {
                self.numbers += 1;
                self.looks.take(cell, value, is_plain);
                self.dates = if self.dates & MONTH == 0 { 0 } else { cells::dates(cell, MONTH) };
                if value.abs() > cells::MAX {
                    self.flaw.get_or_insert_with(|| (at, cell.to_owned()));
                }
                let decimals = cells::decimals(cell, decimal);
                self.decimals = self.decimals.and_then(|most| Some(most.max(decimals?)));
                self.fewest_decimals = self.fewest_decimals.min(decimals.unwrap_or(0));
                self.is_padded |= cell.len() > 1 && cell.starts_with('0') && cells::is_whole(cell);
                if value.abs() >= EXACT && cells::is_whole(cell.trim_start_matches(['-', '+'])) {
                    self.long.get_or_insert_with(|| cell.to_owned());
                }
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

    /// Adds the cell of the first row, after all others were added.
    pub fn take_first(&mut self, at: usize, cell: &str, decimal: Decimal) {
        let (flaw, word) = (self.flaw.take(), self.word.take());
        self.take(at, cell, decimal);
        self.flaw = self.flaw.take().or(flaw);
        self.word = self.word.take().or(word);
        self.values.rotate_right(1);
    }

    /// Whether all cells that are not missing are numbers, or all are dates.
    pub fn is_measured(&self) -> bool {
        if self.words == 0 { self.numbers > 0 } else { self.dates != 0 }
    }

    /// Whether at least half of the cells that are not missing are numbers.
    pub fn is_numeric(&self) -> bool {
        self.numbers > 0 && self.numbers >= self.words
    }

    /// A whole number that makes it a column of texts, as a double does not hold it exactly.
    pub fn too_long(&self) -> Option<&String> {
        self.long.as_ref().filter(|_| self.decimals == Some(0))
    }

    pub fn has_only_numbers(&self) -> bool {
        self.flaw.is_none()
    }

    /// The words of the column's name, in lower case.
    pub fn words_of_name(&self) -> Vec<String> {
        let mut words = vec![String::new()];
        let mut before = ' ';
        for c in self.name.chars() {
            if !c.is_alphanumeric() || (c.is_uppercase() && before.is_lowercase()) {
                words.push(String::new());
            }
            words
                .last_mut()
                .expect("there is one")
                .extend(c.is_alphanumeric().then(|| c.to_lowercase()).into_iter().flatten());
            before = c;
        }
        words.retain(|word| !word.is_empty());
        words
    }

    pub fn is_called(&self, names: &[&str]) -> bool {
        !self.is_unnamed && self.words_of_name().iter().any(|word| names.contains(&word.as_str()))
    }

    /// A note on numbers with a unit beside others without one.
    ///
    /// # Errors
    /// Numbers of two units, or with and without a percent sign, which differ by a factor.
    pub fn mixed_units(&self, file: &str) -> Result<Option<String>> {
        let units = self.looks.units();
        let [(first, count), (second, less), ..] = &units[..] else { return Ok(None) };
        let said = |unit: &Option<String>| unit.as_ref().map_or("no sign".to_owned(), |unit| format!("`{unit}`"));
        let name = shown(&self.name);
        let both = format!("`{file}`: {count} numbers of {name} have {} and {less} have {}", said(first), said(second));
        let has = |unit: Option<&str>| [first, second].iter().any(|other| other.as_deref() == unit);
        let is_doubtful = units.len() == 2 && has(None) && !has(Some("%"));
        match is_doubtful {
            true => Ok(Some(format!("{both}: they are taken as one unit, and written with {}", said(first)))),
            false => Err(Error::failure(format!(
                "{both}, which are different units: mend it, or say `--types \"{0}=number\"` to take them as one, \
                 `--types \"{0}=category\"` as texts",
                self.name
            ))),
        }
    }

    /// The date in one cell of this column, in seconds since 1970; NaN if it is no date.
    pub fn read_dates(&self, cell: &str) -> f64 {
        let way = DATES.iter().enumerate().find(|(bit, _)| self.dates >> bit & 1 == 1);
        way.and_then(|(_, (_, read))| read(cell)).unwrap_or(f64::NAN)
    }
}
