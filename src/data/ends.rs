//! The end of a table: rows that sum up those above them, and lines on the table as a whole.

use std::collections::VecDeque;

use csv::StringRecord;

use super::cells;
use super::column::Column;
use super::dialect::{ASIDE, Sheet, shown};
use crate::error::counted;
use crate::settings::Decimal;

/// Least number of values that a sum, a count or a mean is of; and of values that a sum is of where nothing else in its
/// row is unusual.
const FEW: usize = 3;
const MANY: usize = 10;
/// How far the sum of a part of a table, whose row is named so, may be off, as a share of it.
const COARSE: f64 = 1e-5;

/// Why a row is none.
#[derive(Clone, Copy, PartialEq)]
enum Why {
    /// It sums up those above it.
    Sums,
    /// It fills few of the columns.
    Fills,
}

/// The last rows that were read, and what those above them fill.
pub(super) struct Ends {
    decimal: Decimal,
    first: StringRecord,
    held: VecDeque<(usize, StringRecord)>,
    /// For each column, whether all rows above fill it.
    full: Vec<bool>,
    /// The least number of cells that a row above fills.
    least: usize,
    /// Rows above that seem to sum up others but are learned: their number and the label of the first.
    within: Option<(usize, String)>,
    /// Rows above that sum up those since the last such row: the number of each in the sheet, its offset, its label.
    left: Vec<(usize, usize, String)>,
    /// The number of rows that came back before the last of these.
    summed: usize,
}

impl Ends {
    /// Of a table with this first row, which may have its names.
    pub fn new(first: StringRecord, decimal: Decimal) -> Self {
        let width = first.len();
        Self {
            decimal,
            first,
            held: VecDeque::new(),
            full: vec![true; width],
            least: width,
            within: None,
            left: vec![],
            summed: 0,
        }
    }

    /// Adds a row, and gives back one that has become too far from the last one. `all` has those that came back.
    pub fn add(&mut self, at: usize, row: &StringRecord, all: &[Column]) -> Option<(usize, StringRecord)> {
        self.held.push_back((at, row.clone()));
        if self.held.len() > ASIDE { self.next(all) } else { None }
    }

    /// The next row, unless it sums up those above it.
    fn next(&mut self, all: &[Column]) -> Option<(usize, StringRecord)> {
        let (at, row) = self.held.pop_front()?;
        let taken = all[0].values.len();
        if (self.is_sparse(&row) || self.within.is_some()) && cells::is_summary(label(&row)) {
            if self.sums_part(&row, all) {
                self.left.push((1 + taken + self.left.len(), at, label(&row).to_owned()));
                self.summed = taken;
                return None;
            }
            self.within.get_or_insert_with(|| (0, label(&row).to_owned())).0 += 1;
            return Some((at, row));
        }
        self.full.iter_mut().zip(&row).for_each(|(full, cell)| *full &= !cell.is_empty());
        self.least = self.least.min(filled(&row));
        Some((at, row))
    }

    /// Gives the rows that are left to `take`, which adds them to the columns, except for those at the end that are
    /// none. Returns sentences on these, and their number, and for each row above that was left out its number in the
    /// sheet and its offset.
    pub fn finish(
        &mut self,
        sheet: &Sheet,
        all: &mut [Column],
        mut take: impl FnMut(&mut [Column], usize, &StringRecord),
    ) -> (Vec<String>, usize, Vec<(usize, usize)>) {
        let is_end = |ends: &Self, all: &[Column]| ends.held.iter().all(|(_, row)| ends.why(row, all).is_some());
        let mut taken = vec![];
        while !self.held.is_empty() && !is_end(self, all) {
            if let Some((at, row)) = self.next(all) {
                take(all, at, &row);
                taken.push(row);
            }
        }
        let (file, mut notes) = (&sheet.name, vec![]);
        let named = |rows: &[&StringRecord]| {
            let more = if rows.len() > FEW { ", .." } else { "" };
            rows.iter().take(FEW).map(|row| shown(label(row))).collect::<Vec<_>>().join(", ") + more
        };
        let whys: Vec<Why> = self.held.iter().filter_map(|(_, row)| self.why(row, all)).collect();
        if !whys.is_empty() {
            let why = match [Why::Sums, Why::Fills].map(|why| whys.contains(&why)) {
                [true, false] => "for summing up the others",
                [false, _] => "for filling few of the columns",
                _ => "for summing up the others or filling few of the columns",
            };
            let rows: Vec<&StringRecord> = self.held.iter().map(|(_, row)| row).collect();
            notes.push(format!(
                "`{file}`: left out {} at the end, {}, {why}",
                counted(rows.len(), "row"),
                named(&rows)
            ));
        }
        let alike: Vec<&StringRecord> = taken.iter().rev().take_while(|row| cells::is_summary(label(row))).collect();
        let within = self.within.as_ref().map_or(0, |(count, _)| *count);
        if let Some(last) = alike.last().filter(|_| whys.is_empty() && within <= alike.len()) {
            notes.push(format!(
                "`{file}`: learned {} at the end, {}, like the others: take out what sums them up",
                counted(alike.len(), "row"),
                named(&[last])
            ));
        } else if let Some((count, label)) = &self.within {
            notes.push(format!(
                "`{file}`: learned {} within the table, such as {}, like the others: take out what sums them up",
                counted(*count, "row"),
                shown(label)
            ));
        }
        if let [(_, _, first), ..] = &self.left[..] {
            notes.push(format!(
                "`{file}`: left out {} within the table, such as {}, for summing up those above",
                counted(self.left.len(), "row"),
                shown(first)
            ));
        }
        (notes, whys.len(), self.left.iter().map(|(n, at, _)| (*n, *at)).collect())
    }

    /// Whether a row leaves a column empty that all rows above fill.
    fn is_sparse(&self, row: &StringRecord) -> bool {
        self.full.iter().zip(row).any(|(full, cell)| *full && cell.is_empty())
    }

    /// Whether all that a row has besides its label are the sums of the rows since the last such row.
    fn sums_part(&self, row: &StringRecord, all: &[Column]) -> bool {
        let mut cells = row.iter().enumerate().filter(|(_, cell)| !cell.is_empty()).skip(1).peekable();
        let is_sum = |(i, cell): (usize, &str)| {
            let number = |cell: &str| all[i].number(cell, self.decimal).filter(|value| value.is_finite());
            let part = all[i].values.get(self.summed..).unwrap_or_default().iter().filter(|value| value.is_finite());
            // The first row may be data too.
            let first = number(&self.first[i]).filter(|_| self.left.is_empty()).unwrap_or(0.0);
            let (sum, count) = part.fold((0.0, 0), |(sum, count), value| (sum + value, count + 1));
            // Parts may have been rounded more coarsely than they are written.
            let near = rounding(last_digit(cell, self.decimal).1, count).max(COARSE * sum.abs());
            number(cell).is_some_and(|value| [sum, sum + first].iter().any(|sum| is_near(value, *sum, near)))
        };
        cells.peek().is_some() && cells.all(is_sum)
    }

    /// Why a row below those of `all` is none, if so.
    fn why(&self, row: &StringRecord, all: &[Column]) -> Option<Why> {
        if all.first().is_none_or(|column| column.values.is_empty()) {
            return None;
        }
        let (filled, place) = (filled(row), row.iter().position(|cell| !cell.is_empty())?);
        // Text above which there are numbers or dates.
        let has_number = all[place].number(&row[place], self.decimal).is_some();
        let is_odd = all[place].is_measured() && !has_number && cells::is_text(&row[place]);
        let (is_sparse, has_word) = (self.is_sparse(row), cells::is_summary(&row[place]));
        let sums = (0..all.len()).any(|i| self.sums(&row[i], i, &all[i], is_sparse || is_odd || has_word));
        match () {
            () if sums || has_word && (is_odd || is_sparse) => Some(Why::Sums),
            () if all.len() > 2 && 2 * filled < self.least || is_odd && filled == 1 && all.len() > 1 => {
                Some(Why::Fills)
            }
            () => None,
        }
    }

    /// Whether a cell is the sum of those above it, or in an unusual row their number or mean.
    fn sums(&self, cell: &str, i: usize, column: &Column, is_unusual: bool) -> bool {
        let number = |cell: &str| column.number(cell, self.decimal);
        let Some(value) = number(cell).filter(|value| value.is_finite()) else { return false };
        let above = || column.values.iter().copied().filter(|value| value.is_finite());
        let (sum, count) = above().fold((0.0, 0), |(sum, count), value| (sum + value, count + 1));
        let largest = above().fold(0.0, |most: f64, value| most.max(value.abs()));
        // The first row may be data too.
        let first = number(&self.first[i]).unwrap_or(0.0);
        let (decimals, unit) = last_digit(cell, self.decimal);
        let near = rounding(unit, if is_unusual { count } else { 1 });
        let is_sum = [sum, sum + first].iter().any(|sum| is_near(value, *sum, near))
            && value.abs() > largest
            && above().filter(|value| *value != 0.0).count() >= FEW;
        // A column that counts the rows from 0 has their number in the next one.
        let counts = || [count, column.values.len()].iter().any(|count| value == *count as f64);
        let is_count = count >= FEW && counts() && value - largest != 1.0;
        let is_mean = count >= FEW
            && column.decimals.is_some_and(|most| decimals > most)
            && (value - sum / count as f64).abs() <= 0.51 * unit;
        is_sum && (is_unusual || count >= MANY) || is_unusual && (is_count || is_mean)
    }
}

/// The number of a cell's decimals, and the worth of its last digit.
fn last_digit(cell: &str, decimal: Decimal) -> (usize, f64) {
    let decimals = cells::decimals(cell, decimal).unwrap_or(0);
    (decimals, 10f64.powi(-(decimals as i32)))
}

/// How far a cell whose last digit is worth `unit` may be from the sum of `count` parts that were rounded before: the
/// deviation of their sum is `unit * sqrt(count / 12)`. Whole numbers are not rounded.
fn rounding(unit: f64, count: usize) -> f64 {
    if unit == 1.0 { 0.5 } else { 1.01 * unit * (count as f64).sqrt().max(1.0) }
}

fn is_near(value: f64, sum: f64, near: f64) -> bool {
    (value - sum).abs() <= near + 1e-12 * sum.abs()
}

/// The first cell of a row that is not empty.
fn label(row: &StringRecord) -> &str {
    row.iter().find(|cell| !cell.is_empty()).unwrap_or_default()
}

fn filled(row: &StringRecord) -> usize {
    row.iter().filter(|cell| !cell.is_empty()).count()
}
