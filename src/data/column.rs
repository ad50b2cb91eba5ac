//! One column of a table: its cells as numbers, and what else they look like.

use super::cells::{self, DATES, MONTH};
use crate::settings::Decimal;

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
    pub is_unnamed: bool,
    /// The number of each row; NaN where there is none.
    pub values: Vec<f64>,
    /// The most decimals of a cell, unless some have exponents.
    pub decimals: Option<usize>,
    pub numbers: usize,
    pub words: usize,
    /// The first cell that is no number, and where its row begins.
    pub flaw: Option<(usize, String)>,
    /// The first cell that is neither a number nor missing.
    pub word: Option<String>,
    /// The ways to write dates, a bit each, that all cells follow.
    pub dates: u8,
    /// The first number with thousands apart, or a sign of money or percent.
    pub dressed: Option<String>,
    pub role: Role,
}

impl Column {
    pub fn new() -> Self {
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

    pub fn take(&mut self, at: usize, cell: &str, decimal: Decimal) {
        let number = cells::number(cell, decimal);
        self.values.push(number.map_or(f64::NAN, |(value, _)| value));
        match number {
            Some((value, is_plain)) => {
                self.numbers += 1;
                self.dates = if self.dates & MONTH == 0 { 0 } else { cells::dates(cell, MONTH) };
                if value.abs() > cells::MAX {
                    self.flaw.get_or_insert_with(|| (at, cell.to_owned()));
                }
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
    pub fn take_first(&mut self, at: usize, cell: &str, decimal: Decimal) {
        let (flaw, word) = (self.flaw.take(), self.word.take());
        self.take(at, cell, decimal);
        self.flaw = self.flaw.take().or(flaw);
        self.word = self.word.take().or(word);
        self.values.rotate_right(1);
    }

    /// Whether all of its cells are numbers or dates.
    pub fn is_measured(&self) -> bool {
        if self.words == 0 { self.numbers > 0 } else { self.dates != 0 }
    }

    /// Whether at least half of what it holds are numbers.
    pub fn is_numeric(&self) -> bool {
        self.numbers > 0 && self.numbers >= self.words
    }

    pub fn has_only_numbers(&self) -> bool {
        self.flaw.is_none()
    }

    /// The words of its name, in lower case.
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

    /// The seconds since 1970 of each row, for a column of dates in words.
    pub fn read_dates(&self, cell: &str) -> f64 {
        let way = DATES.iter().enumerate().find(|(bit, _)| self.dates >> bit & 1 == 1);
        way.and_then(|(_, (_, read))| read(cell)).unwrap_or(f64::NAN)
    }
}
