//! Rows that no data has: computed numbers beyond those of the data, and cells that another column says to be empty.
//! Samples of that kind are drawn anew.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};

use super::derived::{Candidate, Known, key};
use super::encode::FEW;
use super::rules::{Rule, usual};
use super::{Cell, Column, Kind, Records, Role};
use crate::data::cells::is_missing;
use crate::data::dialect::shown;

/// A column whose gaps another one tells, such as the day of delivery of orders that are cancelled or not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gaps {
    /// Its place, and that of the other one.
    pub(super) column: usize,
    pub(super) from: usize,
    /// Whether the other one tells by its values, and not by its own gaps.
    by_value: bool,
    /// Whether there is a gap beside each of these.
    pairs: BTreeMap<String, bool>,
}

fn is_gap((text, number): Known) -> bool {
    number.is_none() && is_missing(text.unwrap_or_default())
}

/// What a cell says of gaps in others: its value, or whether it is a gap.
fn sign(cell: Known, by_value: bool) -> String {
    match by_value {
        true => key(cell.0.unwrap_or_default(), cell.1),
        false => if is_gap(cell) { "" } else { "filled" }.into(),
    }
}

impl Gaps {
    /// That of a rule, as most rows have it beside each sign, and the rows that break it.
    pub(super) fn of(rule: &Rule, columns: &[Candidate], rows: &[usize]) -> (Self, Vec<usize>) {
        let [last, first] = [rule.last, rule.first[0]].map(|n| &columns[n]);
        let numbers: HashSet<u64> = rows.iter().filter_map(|row| Some(first.cells.number(*row)?.to_bits())).collect();
        let by_value = *first.kind == Kind::Category || numbers.len() <= FEW;
        let from = |row: usize| (first.cells.text(row), first.cells.number(row));
        let own = |row: usize| (last.cells.text(row), last.cells.number(row));
        let pairs = usual(rows.iter().map(|row| (sign(from(*row), by_value), last.cells.is_gap(*row))));
        let gaps = Self { column: last.place, from: first.place, by_value, pairs: pairs.into_iter().collect() };
        let broken = rows.iter().copied().filter(|row| gaps.is_broken(own(*row), from(*row))).collect();
        (gaps, broken)
    }

    /// Whether a cell is a gap that the other one says not to be one, or the other way round.
    pub(super) fn is_broken(&self, own: Known, from: Known) -> bool {
        self.pairs.get(&sign(from, self.by_value)).is_some_and(|gap| *gap != is_gap(own))
    }

    /// Whether a file can hold it, of so many columns.
    pub(super) fn is_possible(&self, columns: usize) -> bool {
        self.column.max(self.from) < columns
    }
}

impl Records {
    /// A sentence on the columns whose gaps others tell, if there are any.
    pub(super) fn told_gaps(&self) -> Option<String> {
        let name = |place: usize| shown(&self.columns[place].name);
        let said = |gaps: &Gaps| format!("{} tells whether {} is empty", name(gaps.from), name(gaps.column));
        let said: Vec<String> = self.gaps.iter().map(said).collect();
        (!said.is_empty()).then(|| format!("{}, in all samples", said.join(", ")))
    }

    /// Whether no row of the data is like a row in this respect.
    pub fn is_odd(&self, row: &[Cell]) -> bool {
        row.iter().zip(self.written()).any(|(cell, column)| column.is_beyond(cell))
            || self.gaps.iter().any(|gaps| self.breaks(gaps, row))
    }

    fn breaks(&self, gaps: &Gaps, row: &[Cell]) -> bool {
        let cell = |place: usize| -> Option<Known> {
            let before = self.columns[..place].iter().filter(|column| column.role != Role::Skipped).count();
            row.get(before).map(|cell| (Some(cell.text.as_str()), cell.number))
        };
        cell(gaps.column).zip(cell(gaps.from)).is_some_and(|(own, from)| gaps.is_broken(own, from))
    }

    /// Sentences on the columns in which these of so many rows are like none of the data.
    pub fn oddities(&self, rows: &[Vec<Cell>], all: usize) -> Vec<String> {
        let beyond = |(n, column): (usize, &Column)| {
            let Role::Derived(derived) = &column.role else { return None };
            let (count, [low, high]) = (rows.iter().filter(|row| column.is_beyond(&row[n])).count(), derived.ends());
            (count > 0).then(|| {
                format!(
                    "{count} of {all} rows had a computed {} beyond the {} to {} of the data",
                    shown(&column.name),
                    self.text(column, low),
                    self.text(column, high)
                )
            })
        };
        let broken = |gaps: &Gaps| {
            let count = rows.iter().filter(|row| self.breaks(gaps, row)).count();
            let [name, from] = [gaps.column, gaps.from].map(|place| shown(&self.columns[place].name));
            (count > 0).then(|| {
                format!(
                    "{count} of {all} rows had a {name} where {from} says that there is none, or the other way round"
                )
            })
        };
        self.written().enumerate().filter_map(beyond).chain(self.gaps.iter().filter_map(broken)).collect()
    }
}

impl Column {
    /// Whether a cell is a computed number beyond those of the data.
    fn is_beyond(&self, cell: &Cell) -> bool {
        match &self.role {
            Role::Derived(derived) => cell.number.is_some_and(|number| derived.is_beyond(number)),
            _ => false,
        }
    }
}
