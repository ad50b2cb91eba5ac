//! CSV tables, gzipped or not: rows are points, or with a window the steps of one long series.

use std::io::{BufReader, ErrorKind, Read};
use std::path::Path;

use csv::{Position, ReaderBuilder, StringRecord, Trim};

use super::limits::Lines;
use super::unpack::{source, too_large, unreadable};
use super::windows;
use super::{About, Dataset, Options, set_name};
use crate::error::{Error, Result};
use crate::memory;

/// What is known of a column, its first row aside: that may be the header.
#[derive(Clone, Default)]
struct Column {
    /// Whether any cell is a finite number.
    has_numbers: bool,
    /// The first cell that is none, and where its row is.
    flaw: Option<(Position, String)>,
}

/// The numbers of a table, row by row.
struct Table {
    names: Vec<String>,
    values: Vec<f64>,
    notes: Vec<String>,
}

/// The rows of `path` as points, or as windows where the options say how long.
pub(super) fn read(path: &Path, options: &Options) -> Result<Dataset> {
    let file = format!("`{}`", path.display());
    options.refuse_image_options(&file, if options.window.is_some() { "sequences" } else { "points" })?;
    options.refuse_test(&file)?;
    if options.window.is_none() && options.stride.is_some() {
        return Err(Error::usage(format!("{file}: a stride is the distance between windows, so say their window too")));
    }
    let Table { names, values, notes } = load(path)?;
    let set = match options.window {
        Some(window) => windows::of_table(path, names, &values, window, options.stride.unwrap_or(1))?,
        None => {
            let values = values.into_iter().map(|value| value as f32).collect();
            Dataset::of_floats(set_name(&path.to_string_lossy()), vec![names.len()], values, None)
        }
    };
    Ok(Dataset { about: About { notes, ..About::default() }, ..set })
}

/// Reads the table. Its first row is a header if any of its cells is no number while the column has numbers; columns
/// without any number, such as dates, are left out.
fn load(path: &Path) -> Result<Table> {
    let (most, source) = (memory::most()?, Lines::of(source(path)?.0));
    let mut csv = ReaderBuilder::new().has_headers(false).flexible(true).trim(Trim::All).from_reader(source);
    let mut next = |record: &mut StringRecord| -> Result<Option<Position>> {
        while csv.read_record(record).map_err(|error| refused(path, error))? {
            if record.iter().ne([""]) {
                return Ok(Some(record.position().cloned().unwrap_or_else(Position::new)));
            }
        }
        Ok(None)
    };
    let (mut first, mut record) = (StringRecord::new(), StringRecord::new());
    let first_row = next(&mut first)?;
    let mut columns = vec![Column::default(); first.len()];
    let mut values: Vec<f64> = first.iter().map(number).collect();
    while let Some(row) = next(&mut record)? {
        if record.len() != columns.len() {
            return Err(Error::failure(format!(
                "{}:{}: {} values where the first row has {}",
                path.display(),
                line(path, &row),
                record.len(),
                columns.len()
            )));
        }
        for (cell, column) in record.iter().zip(&mut columns) {
            let value = number(cell);
            column.has_numbers |= value.is_finite();
            if !value.is_finite() && column.flaw.is_none() {
                column.flaw = Some((row.clone(), cell.to_owned()));
            }
            values.push(value);
        }
        if (values.len() * size_of::<f64>()) as u64 > most.bytes {
            return Err(too_large(path, most));
        }
    }
    let is_title = |cell: &str| !cell.is_empty() && cell.parse::<f64>().is_err();
    let has_header = first.iter().zip(&columns).any(|(cell, column)| is_title(cell) && column.has_numbers);
    if has_header {
        values.drain(..columns.len());
    } else if let Some(row) = first_row {
        for (cell, column) in first.iter().zip(&mut columns) {
            match number(cell).is_finite() {
                true => column.has_numbers = true,
                false => column.flaw = Some((row.clone(), cell.to_owned())),
            }
        }
    }
    let name =
        |(i, cell): (usize, &str)| if has_header && !cell.is_empty() { cell.to_owned() } else { format!("x{i}") };
    select(path, first.iter().enumerate().map(name).collect(), &columns, values)
}

/// The columns of numbers, where these are numbers throughout.
fn select(path: &Path, names: Vec<String>, columns: &[Column], values: Vec<f64>) -> Result<Table> {
    let file = path.display();
    let flaws = columns.iter().zip(&names).filter(|(column, _)| column.has_numbers);
    let flaws = flaws.filter_map(|(column, name)| column.flaw.as_ref().map(|(row, cell)| (row, cell, name)));
    if let Some((row, cell, name)) = flaws.min_by_key(|(row, _, _)| row.byte()) {
        let what = if cell.is_empty() { "an empty cell".to_owned() } else { format!("`{cell}`") };
        return Err(Error::failure(format!(
            "{file}:{}: {what} is not a finite number (column `{name}`)",
            line(path, row)
        )));
    }
    if !columns.iter().any(|column| column.has_numbers) {
        return Err(Error::failure(format!("`{file}` holds no points: a row is one, such as 0.5,-1.25")));
    }
    let is_kept = || columns.iter().map(|column| column.has_numbers);
    let note = |name: &String| format!("`{file}`: column `{name}` holds no number and is left out");
    let notes = names.iter().zip(is_kept()).filter(|(_, kept)| !kept).map(|(name, _)| note(name)).collect::<Vec<_>>();
    let values = match notes.as_slice() {
        [] => values,
        _ => values
            .chunks_exact(columns.len())
            .flat_map(|row| row.iter().zip(is_kept()))
            .filter(|(_, kept)| *kept)
            .map(|(value, _)| *value)
            .collect(),
    };
    let names = names.into_iter().zip(is_kept()).filter(|(_, kept)| *kept).map(|(name, _)| name).collect();
    Ok(Table { names, values, notes })
}

/// The number in `cell`; not finite where there is none that f32 can hold.
fn number(cell: &str) -> f64 {
    let value = cell.parse().unwrap_or(f64::NAN);
    if (value as f32).is_finite() { value } else { f64::NAN }
}

/// The line of a row: the reader's own count ends before the blank lines above it.
fn line(path: &Path, row: &Position) -> u64 {
    let Ok((source, _)) = source(path) else { return row.line() };
    let after = BufReader::new(source).bytes().map_while(|byte| byte.ok()).skip(row.byte() as usize);
    let line_ends = after.take_while(|byte| b"\r\n".contains(byte)).filter(|byte| *byte == b'\n');
    row.line() + line_ends.count() as u64
}

fn refused(path: &Path, error: csv::Error) -> Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) if error.kind() == ErrorKind::UnexpectedEof => {
            Error::failure(format!("`{}` is cut short: its gzip stream has no end", path.display()))
        }
        csv::ErrorKind::Io(error) => unreadable(path, error),
        csv::ErrorKind::Utf8 { pos, .. } => {
            let line = pos.map_or(1, |pos| pos.line());
            Error::failure(format!("`{}` cannot be read: line {line} is not UTF-8 text", path.display()))
        }
        other => Error::failure(format!("`{}` cannot be read: {other:?}", path.display())),
    }
}
