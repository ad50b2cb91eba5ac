//! Reading rows for a model that knows the columns of its table.

use std::collections::HashMap;

use super::read::{Cells, encoded};
use super::types::{Gaps, Wish, moments, texts};
use super::{Kind, Records, Role};
use crate::data::columns::Table;
use crate::data::dialect::Sheet;
use crate::data::{About, Dataset, Options, Series, Split};
use crate::error::Result;

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
    let mut places = vec![];
    let mut wishes = HashMap::new();
    for column in known.columns.iter().filter(|column| matches!(column.role, Role::Learned(_))) {
        let place = table.find(&sheet.file, &column.name, "columns of the model")?;
        wishes.insert(
            place,
            match &column.kind {
                Kind::Category => Wish::Category,
                Kind::Number(_) => Wish::Number,
                Kind::Date(pattern) => Wish::Date(Some(pattern.clone())),
            },
        );
        places.push((place, &column.kind));
    }
    let texts = texts(table, sheet, &Gaps::of(options), &wishes)?;
    let cells: Vec<Cells> = places
        .into_iter()
        .map(|(place, kind)| {
            let numbers = match kind {
                Kind::Category => vec![],
                Kind::Number(_) => table.all[place].values.clone(),
                Kind::Date(pattern) => moments(&texts[place], pattern),
            };
            Cells { texts: &texts[place], numbers }
        })
        .collect();
    let (values, unknown) = encoded(known, &cells, &rows, false);
    let notes =
        (unknown > 0).then(|| format!("`{}`: {unknown} cells have a value that the model never saw", sheet.name));
    let about = About {
        part: table.said(held.iter().filter(|held| **held).count(), options),
        notes: sheet.notes.iter().cloned().chain(notes).collect(),
        source: sheet.source.clone(),
        rows: rows.iter().map(|row| *row as u32).collect(),
        ..About::default()
    };
    let series = Some(Series::Table(known.clone()));
    let set = Dataset::of_floats(sheet.name.clone(), vec![known.len()], values, series);
    Ok(Some(Dataset { about, ..set }))
}
