//! Cutting long series into examples of one length.

use std::path::Path;

use super::{Columns, Dataset, Options, Series, Symbols, check_memory, set_name};
use crate::error::{Error, Result};

/// Steps in a window of symbols where the user does not say.
const DEFAULT_SYMBOLS: usize = 64;

/// How many windows of `window` steps, `stride` apart, lie in `steps`.
fn count(steps: usize, window: usize, stride: usize) -> usize {
    if steps < window { 0 } else { (steps - window) / stride + 1 }
}

/// The windows of a table, in order; `values` are its rows back to back, finite, in the data's units.
///
/// Like TimeGAN's code (Yoon et al., 2019, `data_loading.py`) it scales each column by the range of the whole table, and
/// leaves out the last window: R rows make R - `window` windows of stride 1. Unlike it, time runs as in the file.
pub(super) fn of_table(
    path: &Path,
    names: Vec<String>,
    values: &[f64],
    window: usize,
    stride: usize,
) -> Result<Dataset> {
    let width = names.len();
    let rows = values.len() / width;
    if rows <= window {
        return Err(Error::failure(format!(
            "`{}` has {rows} rows, and windows of {window} need {} at least",
            path.display(),
            window + 1
        )));
    }
    let count = count(rows - 1, window, stride);
    check_memory(path, "windows", count, 4 * window * width, "a larger stride")?;
    let columns = ranges(&format!("`{}`", path.display()), names, values)?;
    let scaled = scale(values, &columns);
    let windows = (0..count).flat_map(|i| &scaled[i * stride * width..][..window * width]).copied().collect();
    let name = set_name(path);
    Ok(Dataset::of_floats(name, vec![window, width], windows, Some(Series::Columns(columns))))
}

/// The range of each column; one without a range is an error.
pub(super) fn ranges(place: &str, names: Vec<String>, values: &[f64]) -> Result<Columns> {
    let width = names.len();
    let (mut min, mut max) = (vec![f32::INFINITY; width], vec![f32::NEG_INFINITY; width]);
    for row in values.chunks_exact(width) {
        for (column, &value) in row.iter().enumerate() {
            min[column] = min[column].min(value as f32);
            max[column] = max[column].max(value as f32);
        }
    }
    match (0..width).find(|&column| min[column] >= max[column]) {
        Some(column) => Err(Error::failure(format!(
            "{place}: column `{}` is {} in every row, which teaches nothing: take it out",
            names[column], min[column]
        ))),
        None => Ok(Columns { names, min, max }),
    }
}

/// The values as a model sees them: 0 at a column's least, 1 at its greatest.
pub(super) fn scale(values: &[f64], columns: &Columns) -> Vec<f32> {
    let ranges: Vec<_> = columns.min.iter().zip(&columns.max).map(|(&l, &h)| (f64::from(l), f64::from(h))).collect();
    let scaled = |(&value, (min, max)): (&f64, &(f64, f64))| ((value - min) / (max - min)).clamp(0.0, 1.0) as f32;
    values.iter().zip(ranges.iter().cycle()).map(scaled).collect()
}

/// Steps in a window of symbols.
pub(super) fn symbol_window(options: &Options) -> usize {
    options.window.unwrap_or(DEFAULT_SYMBOLS)
}

/// One-hot windows of pieces of symbols, each an index into the names; a piece shorter than a window gives none.
pub(super) fn of_symbols(path: &Path, pieces: &[Vec<u8>], symbols: Symbols, options: &Options) -> Result<Dataset> {
    let (window, width) = (symbol_window(options), symbols.names.len());
    let stride = options.stride.unwrap_or(window / 2);
    let total: usize = pieces.iter().map(|piece| count(piece.len(), window, stride)).sum();
    if total == 0 {
        let longest = pieces.iter().map(Vec::len).max().unwrap_or(0);
        return Err(Error::failure(format!(
            "`{}` has {longest} symbols in a row, fewer than the {window} of a window",
            path.display()
        )));
    }
    check_memory(path, "windows", total, 4 * window * width, "a larger stride")?;
    let mut one_hot = vec![0.0; total * window * width];
    let starts = |piece: &'_ Vec<u8>| (0..count(piece.len(), window, stride)).map(|i| i * stride);
    let ids = pieces.iter().flat_map(|piece| starts(piece).flat_map(|start| &piece[start..][..window]));
    for (step, &id) in one_hot.chunks_exact_mut(width).zip(ids) {
        step[usize::from(id)] = 1.0;
    }
    let name = set_name(path);
    Ok(Dataset::of_floats(name, vec![window, width], one_hot, Some(Series::Symbols(symbols))))
}
