//! Cutting long series into examples of one length.

use std::path::Path;

use super::{Columns, Dataset, Options, Series, Symbols, check_memory, set_name};
use crate::error::{Error, Result, counted};
use crate::settings::Scale;

/// Steps in a window of symbols where the user does not say.
const DEFAULT_SYMBOLS: usize = 64;

/// How many windows of `window` steps, `stride` apart, lie in `steps`.
fn count(steps: usize, window: usize, stride: usize) -> usize {
    if steps < window { 0 } else { (steps - window) / stride + 1 }
}

/// How series of rows are cut.
///
/// TimeGAN's code (Yoon et al., 2019, `data_loading.py`) leaves out the last window: R rows make R - `window` windows of
/// stride 1, which a `spare` row gives. Unlike there, time runs as in the file, and R = `window` rows make one window.
pub(super) struct Cut {
    /// Rows of a window.
    pub window: usize,
    /// Rows from one window to the next.
    pub stride: usize,
    /// Rows at the end of a series that are in no window, where it is longer than one.
    pub spare: usize,
}

impl Cut {
    /// How many windows a series of so many rows has.
    pub fn count(&self, rows: usize) -> usize {
        let spare = self.spare.min(rows.saturating_sub(self.window));
        count(rows - spare, self.window, self.stride)
    }

    /// How many all series have.
    pub fn total(&self, lengths: &[usize]) -> usize {
        lengths.iter().map(|rows| self.count(*rows)).sum()
    }

    /// The windows of series of these lengths, in order; `values` are their rows of `width` back to back.
    pub fn windows(&self, values: &[f32], width: usize, lengths: &[usize]) -> Vec<f32> {
        let mut windows = Vec::with_capacity(self.total(lengths) * self.window * width);
        let mut first = 0;
        for rows in lengths {
            for i in 0..self.count(*rows) {
                windows.extend(&values[(first + i * self.stride) * width..][..self.window * width]);
            }
            first += rows;
        }
        windows
    }
}

/// What a model sees as 0 and as 1 of values in the data's units; nothing if they are all one, which teaches nothing.
pub(super) fn ends(values: impl Iterator<Item = f64> + Clone, scale: Scale) -> Option<[f64; 2]> {
    let (low, high) = values.clone().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    let count = values.clone().count() as f64;
    let [zero, one] = match scale {
        Scale::None => [0.0, 1.0],
        Scale::Range => [low, high],
        Scale::Standard => {
            let mean = low + values.clone().map(|value| value - low).sum::<f64>() / count;
            let variance = values.map(|value| (value - mean).powi(2)).sum::<f64>() / count;
            [mean, mean + variance.sqrt()]
        }
    };
    (low < high && zero < one).then_some([zero, one])
}

/// The range of each column; one without a range is an error.
pub(super) fn ranges(place: &str, names: Vec<String>, values: &[f64]) -> Result<Columns> {
    let column = |column| values.iter().copied().skip(column).step_by(names.len());
    let ends = names.iter().enumerate().map(|(i, name)| {
        ends(column(i), Scale::Range).ok_or_else(|| {
            Error::failure(format!(
                "{place}: column `{name}` is {} in every row, which teaches nothing: take it out",
                column(i).next().unwrap_or_default()
            ))
        })
    });
    let (zero, one) = ends.map(|ends| ends.map(|[zero, one]| (zero, one))).collect::<Result<_>>()?;
    let decimals = vec![None; names.len()];
    Ok(Columns { names, zero, one, decimals })
}

/// Rows of values as a model sees them.
pub(super) fn scale(values: &[f64], columns: &Columns) -> Vec<f32> {
    values.chunks_exact(columns.names.len()).flat_map(|row| columns.seen(row.iter().copied())).collect()
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
            "`{}` has {} in a row, fewer than the {window} of a window",
            path.display(),
            counted(longest, "symbol")
        )));
    }
    check_memory(path, "window", total, 4 * window * width, "a larger stride")?;
    let mut one_hot = vec![0.0; total * window * width];
    let starts = |piece: &'_ Vec<u8>| (0..count(piece.len(), window, stride)).map(|i| i * stride);
    let ids = pieces.iter().flat_map(|piece| starts(piece).flat_map(|start| &piece[start..][..window]));
    for (step, &id) in one_hot.chunks_exact_mut(width).zip(ids) {
        step[usize::from(id)] = 1.0;
    }
    let name = set_name(path);
    Ok(Dataset::of_floats(name, vec![window, width], one_hot, Some(Series::Symbols(symbols))))
}
