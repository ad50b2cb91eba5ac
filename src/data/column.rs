//! One column of a table: its cells as numbers, and other properties of their text.

use super::cells::{self, DATES, MONTH};
use super::dialect::shown;
use super::looks::{Around, Looks, bare, framed};
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
    /// Texts that are the same in all rows of a series.
    Static,
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
    /// What stands around the number in all cells that have one, where no list has it as a unit.
    pub unit: Option<Around>,
    /// The first cell with such a unit, with the byte offset of its row.
    framed: Option<(usize, String)>,
    /// A cell of a number that has not that unit.
    apart: Option<String>,
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
            unit: None,
            framed: None,
            apart: None,
            role: Role::Number,
        }
    }

    /// A column that is 1 in some rows and 0 in the others.
    pub fn of_choice(name: String, title: String, is_chosen: impl Iterator<Item = bool>) -> Self {
        let values: Vec<f64> = is_chosen.map(|is_chosen| f64::from(u8::from(is_chosen))).collect();
        Self { name, title, numbers: values.len(), values, ..Self::new() }
    }

    pub fn take(&mut self, at: usize, cell: &str, decimal: Decimal) {
        let whole = cell;
        let (cell, number) = self.without_unit(at, whole, decimal);
        self.values.push(number.map_or(f64::NAN, |(value, _)| value));
        match number {
            Some((value, is_plain)) => {
                self.numbers += 1;
                self.looks.take(cell, value, is_plain);
                self.dates = if self.dates & MONTH == 0 { 0 } else { cells::dates(cell, MONTH) };
                if value.abs() > cells::MAX {
                    self.find_flaw(at, whole);
                }
                let decimals = cells::decimals(cell, decimal);
                self.decimals = self.decimals.and_then(|most| Some(most.max(decimals?)));
                self.fewest_decimals = self.fewest_decimals.min(decimals.unwrap_or(0));
                self.is_padded |= cell.len() > 1 && cell.starts_with('0') && cells::is_whole(cell);
                if value.abs() >= EXACT && cells::is_whole(cell.trim_start_matches(['-', '+'])) {
                    self.long.get_or_insert_with(|| cell.to_owned());
                }
                if (!is_plain || self.unit.is_some()) && self.dressed.is_none() {
                    self.dressed = Some(whole.to_owned());
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
        self.find_flaw(at, cell);
    }

    /// Keeps the flaw of the first row that has one.
    fn find_flaw(&mut self, at: usize, cell: &str) {
        if self.flaw.as_ref().is_none_or(|(first, _)| at < *first) {
            self.flaw = Some((at, cell.to_owned()));
        }
    }

    /// A cell without the unit of the column, and its number. The first cell decides on a unit that is in no list;
    /// another cell of a number takes it back, and then all such cells are texts.
    fn without_unit<'a>(&mut self, at: usize, cell: &'a str, decimal: Decimal) -> (&'a str, Option<(f64, bool)>) {
        let read = |text: &'a str| Some((text, Some(cells::number(text, decimal)?)));
        let whole = cells::number(cell, decimal);
        if let Some(unit) = &self.unit {
            if let Some(found) = bare(cell, unit).and_then(read) {
                return found;
            }
            if cell.bytes().any(|byte| byte.is_ascii_digit()) && !cells::is_missing(cell) {
                self.take_back(cell);
            }
        } else if whole.is_none()
            && self.numbers == 0
            && self.apart.is_none()
            && let Some((unit, text)) = framed(cell)
            && cells::dates(cell, u8::MAX) == 0
            && let Some(found) = read(text)
        {
            (self.unit, self.framed) = (Some(unit), Some((at, cell.to_owned())));
            return found;
        }
        (cell, whole)
    }

    /// Makes texts of the numbers with a unit, as that of `other` is another.
    fn take_back(&mut self, other: &str) {
        let numbers = std::mem::take(&mut self.numbers);
        self.words += numbers;
        self.values.fill(f64::NAN);
        (self.decimals, self.fewest_decimals, self.is_padded) = (Some(0), usize::MAX, false);
        (self.unit, self.long, self.dressed, self.looks) = (None, None, None, Looks::default());
        self.dates = 0;
        if let Some((at, cell)) = self.framed.clone() {
            self.find_flaw(at, &cell);
            self.word = Some(cell);
        }
        self.apart = Some(other.to_owned());
    }

    /// The first two cells of numbers whose units differ, if no list has these units.
    pub fn units_apart(&self) -> Option<[&str; 2]> {
        Some([self.framed.as_ref()?.1.as_str(), self.apart.as_ref()?.as_str()])
    }

    /// The number in a cell, whose unit may be that of the column.
    pub fn number(&self, cell: &str, decimal: Decimal) -> Option<f64> {
        cells::measured(cell, self.unit.as_ref(), decimal)
    }

    /// Whether its numbers have more than digits, a decimal mark and a minus sign.
    pub fn is_dressed(&self) -> bool {
        self.unit.is_some() || self.looks.is_dressed()
    }

    /// Adds the cell of the first row, at the lowest offset, after all others were added.
    pub fn take_first(&mut self, at: usize, cell: &str, decimal: Decimal) {
        let word = self.word.take();
        self.take(at, cell, decimal);
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
