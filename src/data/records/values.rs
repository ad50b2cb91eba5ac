//! The cells of many rows, column by column: what scores compare.

use std::collections::HashSet;
use std::path::Path;

use super::{Cell, Column, Kind, Records};
use crate::data::Options;
use crate::data::cells::is_missing;
use crate::data::column::Column as Raw;
use crate::data::columns::Table;
use crate::data::dialect::{Sheet, shown};
use crate::error::{Error, Result, counted};

/// Number of rows below which scores say little.
const FEW: usize = 100;

/// The cells of one column.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Numbers, and dates in seconds since 1970; NaN is a gap.
    Numbers(Vec<f64>),
    /// Texts; an empty one is a gap.
    Texts(Vec<String>),
}

impl Values {
    fn of(column: &Column) -> Self {
        if column.kind == Kind::Category { Self::Texts(vec![]) } else { Self::Numbers(vec![]) }
    }

    /// Whether all cells are gaps.
    fn is_empty(&self) -> bool {
        match self {
            Self::Numbers(numbers) => numbers.iter().all(|number| number.is_nan()),
            Self::Texts(texts) => texts.iter().all(String::is_empty),
        }
    }

    fn add(&mut self, cell: &Cell) {
        match self {
            Self::Numbers(numbers) => numbers.push(cell.number.unwrap_or(f64::NAN)),
            // Marks such as `?` are often values of their own, words such as NA never.
            Self::Texts(texts) if is_missing(&cell.text) && !cell.text.contains(|c: char| c.is_ascii_punctuation()) => {
                texts.push(String::new());
            }
            Self::Texts(texts) => texts.push(cell.text.clone()),
        }
    }
}

/// The rows of a file, by column.
pub struct FileRows {
    /// The cells of the part to learn from, and of the part to test with.
    pub parts: [Vec<Values>; 2],
    /// For each column of the former, the share of its cells that are neither gaps nor of its type.
    pub wrong: Vec<f64>,
    /// Sentences on what is unusual in it.
    pub notes: Vec<String>,
}

impl Records {
    /// The columns that scores compare: those that are learned, or follow from them.
    pub fn compared(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|column| column.is_compared())
    }

    /// The cells of the compared columns of rows.
    pub fn values(&self, rows: impl Iterator<Item = Vec<Cell>>) -> Vec<Values> {
        let is_compared: Vec<bool> = self.written().map(Column::is_compared).collect();
        let mut all: Vec<Values> = self.compared().map(Values::of).collect();
        for row in rows {
            let cells = row.iter().zip(&is_compared).filter(|(_, is_compared)| **is_compared);
            all.iter_mut().zip(cells).for_each(|(values, (cell, _))| values.add(cell));
        }
        all
    }

    /// The place of a column in a table, by its name; of those that the file calls alike, by their order.
    fn place_in(&self, table: &Table, column: &Column) -> Option<usize> {
        let is_alike = |other: &&Column| other.title() == column.title();
        let raw = || (0..table.all.len()).filter(|i| table.all[*i].title == column.title());
        let written: Vec<&Column> = self.written().filter(is_alike).collect();
        if table.is_headless() || written.len() != raw().count() || column.title() == column.name && written.len() == 1
        {
            return table.all.iter().position(|raw| raw.name == column.name);
        }
        let nth = written.iter().position(|other| other.name == column.name)?;
        raw().nth(nth)
    }

    /// The cells of the compared columns of a file with the same columns, in any order: of the part to learn from, and
    /// of the part to test with by the options.
    ///
    /// # Errors
    /// A file that cannot be read, or that lacks a column or has another one.
    pub fn values_of_file(&self, path: &Path, options: &Options) -> Result<FileRows> {
        let sheet = Sheet::open(path, options)?;
        let mut table = Table::read(&sheet, options)?;
        table.keep_together(&sheet, options)?;
        let place = |column: &Column| self.place_in(&table, column);
        let wanted: Vec<&Column> = self.compared().collect();
        if let Some(column) = wanted.iter().find(|column| place(column).is_none()) {
            return Err(Error::failure(format!("`{}` has no column {}", sheet.file, shown(&column.name))));
        }
        let is_known = |raw: &Raw| self.columns.iter().any(|c| c.name == raw.name || c.title() == raw.title);
        if let Some(raw) = table.all.iter().find(|raw| !is_known(raw)) {
            let name = shown(&raw.name);
            return Err(Error::failure(format!("`{}` has a column {name}, which the model does not know", sheet.file)));
        }
        let places: Vec<usize> = self.compared().filter_map(place).collect();
        let held = table.held(options);
        let known = |column: &Column| column.texts().into_iter().map(String::from).collect();
        let known: Vec<HashSet<String>> = self.compared().map(known).collect();
        let mut parts = [0, 1].map(|_| self.compared().map(Values::of).collect::<Vec<_>>());
        let mut unknown: Vec<HashSet<String>> = vec![HashSet::new(); known.len()];
        let mut wrong: Vec<(usize, String)> = vec![(0, String::new()); known.len()];
        let mut rows = 0;
        let mut is_held = held.into_iter();
        table.each_row(&sheet, |row| {
            let part = usize::from(is_held.next() == Some(true));
            rows += 1 - part;
            for (n, column) in self.compared().enumerate() {
                let text = &row[places[n]];
                if part == 0 && column.kind == Kind::Category && !known[n].contains(text) {
                    unknown[n].insert(text.to_owned());
                }
                let number = column.kind.number(text, sheet.decimal);
                let is_of_type = number.is_some() || column.kind == Kind::Category || is_missing(text);
                if part == 0 && !is_of_type && !known[n].contains(text) {
                    wrong[n] = (wrong[n].0 + 1, text.to_owned());
                }
                parts[part][n].add(&Cell { text: text.to_owned(), number });
            }
        })?;
        let note = |(column, unknown): (&Column, HashSet<String>)| {
            let mut some: Vec<String> = unknown.iter().map(|text| shown(text)).collect();
            some.sort();
            let first = some.first()?.clone();
            Some(format!(
                "{}: {} values that the model does not know, such as {first}",
                shown(&column.name),
                some.len()
            ))
        };
        let mut notes: Vec<String> = self.compared().zip(unknown).filter_map(note).collect();
        for (n, column) in self.compared().enumerate() {
            let (name, (count, example)) = (shown(&column.name), &wrong[n]);
            if *count > 0 {
                let what = column.kind.lacks();
                notes.push(format!("{name}: {count} of {rows} cells, such as {}, {what}: wrong", shown(example)));
            }
            if parts[0][n].is_empty() && *count == 0 {
                notes.push(format!("{name}: no cell has a value: scored as 0"));
            }
        }
        if rows < FEW {
            notes.push(format!("{}, which are few: their scores say little", counted(rows, "row")));
        }
        let wrong = wrong.into_iter().map(|(count, _)| count as f64 / rows.max(1) as f64).collect();
        Ok(FileRows { parts, wrong, notes })
    }
}
