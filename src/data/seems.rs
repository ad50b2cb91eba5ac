//! What data seems to be before it is read.

use std::path::Path;

use super::{
    BUILT_IN, Options, folder, idx, is_table, text,
    unknown::{refused, unknown},
    unpack,
};
use crate::error::Result;

/// What data seems to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seems {
    /// Images.
    Images,
    /// A text, or music.
    Symbols,
    /// Rows of a table.
    Rows,
    /// Points, sequences or images of an array.
    Array,
    /// Sequences of numbers.
    Series,
}

/// What built-in data, or the data at a path, seems to be, by names alone.
///
/// # Errors
/// A path that does not exist, or that holds nothing that is read.
pub fn seems(path: &Path) -> Result<Seems> {
    if let Some((_, seems, _)) = BUILT_IN.iter().find(|(name, ..)| Some(*name) == path.to_str()) {
        return Ok(*seems);
    }
    if !path.exists() {
        return Err(unknown(&path.to_string_lossy()));
    }
    if is_table(&path.to_string_lossy(), &Options::default()) {
        return Ok(Seems::Rows);
    }
    if path.is_dir() {
        return folder::seems(path);
    }
    match unpack::ending(path).as_str() {
        "npy" | "npz" => Ok(Seems::Array),
        "mid" | "midi" | "mat" => Ok(Seems::Symbols),
        ending if text::ENDINGS.contains(&ending) => Ok(Seems::Symbols),
        _ => match refused(path) {
            Some(error) => Err(error),
            None if idx::is_idx(path)? => Ok(Seems::Images),
            None => Ok(Seems::Symbols),
        },
    }
}
