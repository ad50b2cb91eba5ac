//! Whether the first row of a table holds the names of its columns.

use csv::StringRecord;

use super::cells;
use super::column::Column;
use crate::settings::Decimal;

/// Smallest number of rows that show a column's range.
const FEW: usize = 3;

/// Whether the first row looks like names, and whether this is sure. It is sure if text stands above a column of
/// numbers. It is probable if the row counts up, as years or the column numbers of pandas do, above different numbers.
pub(super) fn looks_like_header(first: &StringRecord, columns: &[Column], decimal: Decimal) -> (bool, bool) {
    let is_title = |cell: &str, column: &Column| column.number(cell, decimal).is_none() && !cells::is_missing(cell);
    if first.iter().zip(columns).any(|(cell, column)| is_title(cell, column) && column.is_numeric()) {
        return (true, true);
    }
    let named: Vec<(f64, &Column)> = first
        .iter()
        .zip(columns)
        .filter(|(_, column)| column.is_numeric())
        .filter_map(|(cell, column)| Some((column.number(cell, decimal)?, column)))
        .collect();
    let values: Vec<f64> = named.iter().map(|(value, _)| *value).collect();
    // Whether there are also cells that are names or empty.
    let beside = first.iter().zip(columns).any(|(cell, column)| {
        cell.is_empty() || is_title(cell, column) && cells::dates(cell, u8::MAX) == 0 && column.numbers == 0
    });
    let rises = values.windows(2).all(|pair| pair[0] < pair[1]);
    let are_names = first.iter().zip(columns).all(|(cell, column)| !column.is_numeric() || cells::is_whole(cell));
    if values.is_empty() || !are_names || !rises || values.len() == 1 && !beside {
        return (false, true);
    }
    let others = named.iter().filter(|(value, column)| is_other(*value, column)).count();
    let step = values.get(1).map_or(1.0, |second| second - values[0]);
    let is_regular = values.windows(2).all(|pair| pair[1] - pair[0] == step);
    let is_header = others == values.len() || is_regular && (others * 2 > values.len() || values.len() >= 3 && beside);
    (is_header, !is_header)
}

/// Whether a whole number differs in kind from the column below it: the column has decimals, or lies far away.
fn is_other(value: f64, column: &Column) -> bool {
    let below = column.values.iter().filter(|value| value.is_finite());
    let (low, high) = below.clone().fold((f64::MAX, f64::MIN), |(low, high), &v| (low.min(v), high.max(v)));
    let air = 2.0 * (high - low);
    column.decimals != Some(0) || below.count() >= FEW && !(low - air..=high + air).contains(&value)
}

/// Whether the first of some rows names groups of columns above the row of their names: it has gaps, the next one has
/// none and no number, and below a name stand nothing but numbers or dates.
pub(super) fn are_groups(rows: &[StringRecord], width: usize) -> bool {
    let [groups, names, below @ ..] = rows else { return false };
    let is_name = |cell: &str| cell.is_empty() || cells::is_text(cell);
    let is_below = |column: usize| {
        let mut cells =
            below.iter().filter_map(|row| row.get(column)).filter(|cell| !cells::is_missing(cell)).peekable();
        cells.peek().is_some() && cells.all(|cell| !cells::is_text(cell))
    };
    let are_wide = groups.len() == width && names.len() == width && below.len() > 2;
    are_wide
        && groups.iter().any(str::is_empty)
        && groups.iter().any(|cell| !cell.is_empty())
        && groups.iter().all(is_name)
        && names.iter().all(cells::is_text)
        && (0..width).any(is_below)
}

/// Whether all cells of a row but the first are empty.
pub(super) fn is_alone(row: &StringRecord) -> bool {
    row.iter().skip(1).all(str::is_empty)
}
