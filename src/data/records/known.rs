//! Reading rows for a model that knows the columns of its table.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::encode::{Cells, encoded};
use super::gaps::Gaps;
use super::types::{Wish, moments, texts};
use super::{Column, Kind, Records, Role};
use crate::data::cells::is_missing;
use crate::data::columns::Table;
use crate::data::dialect::{Sheet, shown};
use crate::data::{About, Dataset, Options, Series, Split};
use crate::error::{Result, counted};

/// The rows of a table as examples of a model that knows these columns; `None` for a test part without rows. Nothing is
/// drawn: equal rows are equal examples.
///
/// # Errors
/// A table without one of the columns.
pub fn read_known(sheet: &Sheet, table: &Table, known: &Records, options: &Options) -> Result<Option<Dataset>> {
    let held = table.held(options);
    let rows: Vec<usize> = (0..table.rows()).filter(|row| held[*row] == (options.split == Split::Test)).collect();
    if rows.is_empty() {
        return Ok(None);
    }
    let mut places = BTreeMap::new();
    let mut wishes = HashMap::new();
    let needed = needed(known);
    for (n, column) in known.columns.iter().enumerate().filter(|(_, column)| column.is_compared()) {
        let place = match needed.contains(&n) {
            true => table.find(&sheet.file, &column.name, "columns of the model")?,
            false => match table.all.iter().position(|raw| raw.name == column.name) {
                Some(place) => place,
                None => continue,
            },
        };
        wishes.insert(
            place,
            match &column.kind {
                Kind::Category => Wish::Category,
                Kind::Number(_) => Wish::Number,
                Kind::Date(pattern) => Wish::Date(Some(pattern.clone())),
            },
        );
        places.insert(n, place);
    }
    let texts = texts(table, sheet, &Gaps::of(options, table, sheet)?, &wishes)?;
    let numbers = |n: usize| match &known.columns[n].kind {
        Kind::Category => vec![],
        Kind::Number(_) => table.all[places[&n]].values.clone(),
        Kind::Date(pattern) => moments(&texts[places[&n]], pattern),
    };
    let read: HashMap<usize, Cells> =
        places.iter().map(|(n, place)| (*n, Cells::new(&texts[*place], numbers(*n)))).collect();
    let of = |(n, column): (usize, &Column)| match &column.role {
        Role::Learned(_) => Some(read[&n].clone()),
        Role::Derived(derived) if derived.rest().is_some() => {
            let sources: Vec<&[f64]> = derived.from().iter().map(|from| &*read[from].numbers).collect();
            Some(derived.rests(read[&n].texts, &read[&n].numbers, &sources))
        }
        _ => None,
    };
    let breaks = |(n, column): (usize, &Column), row: usize| {
        let Role::Derived(derived) = &column.role else { return false };
        let cell = |n: &usize| read.get(n).map(|cells| (cells.text(row), cells.number(row)));
        let from: Option<Vec<_>> = derived.from().iter().map(cell).collect();
        let decimal = sheet.decimal;
        cell(&n).zip(from).is_some_and(|(own, from)| derived.is_broken(&column.kind, decimal, own, &from))
    };
    // A cell that is neither of its column's type nor a gap is read as one, said, and as unusual as a broken tie.
    let gaps: HashMap<usize, HashSet<&str>> =
        read.keys().map(|n| (*n, known.columns[*n].texts().into_iter().collect())).collect();
    let fault = |n: usize, row: usize| {
        let (cells, is_category) = (&read[&n], known.columns[n].kind == Kind::Category);
        let text = cells.text(row).filter(|_| !is_category && cells.number(row).is_none_or(f64::is_nan))?;
        (!is_missing(text) && !gaps[&n].contains(text)).then_some(text)
    };
    let faults = |n: &usize| {
        let mut faults = rows.iter().filter_map(|row| Some((*row, fault(*n, *row)?)));
        let (row, example) = faults.next()?;
        let (column, count, line) = (&known.columns[*n], counted(1 + faults.count(), "cell"), table.line(sheet, row));
        let what = column.kind.lacks();
        Some(format!(
            "{}: {count}, such as {} (line {line}), {what}: read as gaps",
            shown(&column.name),
            shown(example)
        ))
    };
    let broken = |row: &usize| {
        let ties = known.columns.iter().enumerate().filter(|column| breaks(*column, *row)).count();
        (ties + places.keys().filter(|n| fault(**n, *row).is_some()).count()) as u32
    };
    let cells: Vec<Cells> = known.columns.iter().enumerate().filter_map(of).collect();
    let (values, unknown) = encoded(known, &cells, &rows, false);
    let notes =
        (unknown > 0).then(|| format!("`{}`: {unknown} cells have a value that the model never saw", sheet.name));
    let about = About {
        part: table.said(held.iter().filter(|held| **held).count(), options),
        notes: sheet.notes.iter().cloned().chain(notes).chain(places.keys().filter_map(faults)).collect(),
        source: sheet.source.clone(),
        rows: rows.iter().map(|row| *row as u32).collect(),
        broken: rows.iter().map(broken).collect(),
        ..About::default()
    };
    let series = Some(Series::Table(known.clone()));
    let set = Dataset::of_floats(sheet.name.clone(), vec![known.len()], values, series);
    Ok(Some(Dataset { about, ..set }))
}

/// Places of the columns of which something is learned, and of those that they follow from.
fn needed(known: &Records) -> BTreeSet<usize> {
    let of = |(n, column): (usize, &Column)| match &column.role {
        Role::Derived(derived) => [&[n], derived.from()].concat(),
        _ => vec![n],
    };
    known.columns.iter().enumerate().filter(|(_, column)| column.coding().is_some()).flat_map(of).collect()
}
