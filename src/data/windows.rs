//! Cutting long series into examples of one length.

use std::path::Path;

use super::{Dataset, Options, Symbols, Wanted, set_name};
use crate::error::{Error, Result, counted};

/// Steps in a window of symbols if the options give none.
pub const SYMBOLS: usize = 64;

/// The number of windows of `window` steps, `stride` apart, in `steps` steps.
pub(super) fn count(steps: usize, window: usize, stride: usize) -> usize {
    if steps < window { 0 } else { (steps - window) / stride + 1 }
}

/// How series of rows are cut.
///
/// TimeGAN's code (Yoon et al., 2019, `data_loading.py`) leaves out the last window: R rows make R - `window` windows
/// of stride 1. One `spare` row gives the same number. Unlike in that code, time runs as in the file, and R = `window`
/// rows make one window.
pub(super) struct Cut {
    /// Rows of a window.
    pub window: usize,
    /// Rows from one window to the next.
    pub stride: usize,
    /// Rows at the end of a series that no window uses, if the series is longer than a window.
    pub spare: usize,
}

impl Cut {
    /// The number of windows of a series of `rows` rows.
    pub fn count(&self, rows: usize) -> usize {
        let spare = self.spare.min(rows.saturating_sub(self.window));
        count(rows - spare, self.window, self.stride)
    }

    /// The rows of each window of a series of these rows, one window after the other.
    pub fn of_rows<'a>(&self, rows: &'a [usize]) -> impl Iterator<Item = usize> + 'a {
        let (window, stride) = (self.window, self.stride);
        (0..self.count(rows.len())).flat_map(move |i| rows[i * stride..][..window].iter().copied())
    }

    /// The total number of windows of series of these lengths.
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

/// Steps in a window of symbols.
pub(super) fn symbol_window(options: &Options) -> usize {
    options.window.unwrap_or(SYMBOLS)
}

/// Steps from one window of symbols to the next.
pub(super) fn symbol_stride(options: &Options) -> usize {
    options.stride.unwrap_or(symbol_window(options) / 2)
}

/// Windows of pieces of symbols, each an index into the names; a piece shorter than a window gives none.
pub(super) fn of_symbols(path: &Path, pieces: Vec<Vec<u16>>, symbols: Symbols, options: &Options) -> Result<Dataset> {
    let (window, stride) = (symbol_window(options), symbol_stride(options));
    if pieces.iter().all(|piece| piece.len() < window) {
        let longest = pieces.iter().map(Vec::len).max().unwrap_or(0);
        let advice = match longest {
            // A model without sequences has no setting for their length.
            _ if options.wanted == Wanted::Single => {
                "`lstm` and other models of sequences learn it, not this one".into()
            }
            0 | 1 => "a sequence has 2 or more".into(),
            longest => format!("window={longest} fits"),
        };
        return Err(Error::failure(format!(
            "`{}` has {} in a row, fewer than the {window} of a window: {advice}",
            path.display(),
            counted(longest, symbols.noun())
        )));
    }
    let (mut starts, mut first) = (vec![], 0);
    for piece in &pieces {
        starts.extend((0..count(piece.len(), window, stride)).map(|i| (first + i * stride) as u32));
        first += piece.len();
    }
    if u32::try_from(first).is_err() {
        return Err(Error::failure(format!("`{}` has {first} symbols, more than {}", path.display(), u32::MAX)));
    }
    Ok(Dataset::of_symbols(set_name(path), window, pieces, starts, symbols))
}
