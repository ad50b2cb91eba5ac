//! The description beside a packed file.

use std::path::{Path, PathBuf};
use std::{fs, io};

use serde::{Deserialize, Serialize};

use crate::data::{LeftOut, unpack};
use crate::error::{Error, Result};
use crate::files;

/// The version of the description.
const VERSION: u32 = 1;

/// What stands beside a packed file, in a file of the same name that ends in `.json`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(in crate::data) struct Description {
    /// Version of this description.
    pub packed: u32,
    /// Number of items.
    pub count: usize,
    /// Extents of an item as it is stored: `[H, W, C]` bytes of an image; `[D]` numbers of a row, `[T, F]` of a
    /// sequence.
    pub shape: Vec<usize>,
    /// Whether the items lie in random order.
    pub shuffled: bool,
    /// The names of the classes; their numbers are in a file beside it that ends in `.labels.npy`.
    pub classes: Vec<String>,
    /// The columns of rows and sequences.
    pub columns: Vec<Column>,
    /// Of rows, how many follow each other in each series.
    pub series: Vec<usize>,
    /// What was packed.
    pub from: String,
    /// SHA-256 of the files that were packed.
    pub source: String,
    /// SHA-256 of the items and their classes.
    pub items: String,
    /// What was left out.
    pub left_out: LeftOut,
}

/// A column of numbers: its name, and what its values are like.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::data) struct Column {
    pub name: String,
    pub low: f64,
    pub high: f64,
    pub mean: f64,
    pub deviation: f64,
    pub decimals: Option<usize>,
}

/// The file of the description of a packed file.
pub(in crate::data) fn description(path: &Path) -> PathBuf {
    path.with_extension("json")
}

/// The file of the classes of a packed file.
pub(in crate::data) fn labels(path: &Path) -> PathBuf {
    path.with_extension("labels.npy")
}

/// Whether `saddle pack` wrote this file; also if its description is damaged since.
pub(in crate::data) fn is_packed(path: &Path) -> bool {
    unpack::last_ending(path) == "npy" && !matches!(described(path), Ok(None))
}

/// Whether this is a packed file of rows, which windows are cut from.
pub(in crate::data) fn holds_rows(path: &Path) -> bool {
    is_packed(path) && described(path).is_ok_and(|found| found.is_some_and(|found| found.shape.len() == 1))
}

/// The description of a packed file; `None` of other files.
pub(in crate::data) fn described(path: &Path) -> Result<Option<Description>> {
    let beside = description(path);
    if !beside.is_file() {
        return Ok(None);
    }
    let text = files::read_text(&beside).map_err(|error| unpack::unreadable(&beside, error))?;
    let of_other_program = !text.contains("\"packed\"");
    match serde_json::from_str::<Description>(&text) {
        Ok(found) if found.packed == VERSION => Ok(Some(found)),
        _ if of_other_program => Ok(None),
        Ok(found) => Err(Error::failure(format!(
            "`{}` is of version {}, and this one knows {VERSION}: pack the data again",
            beside.display(),
            found.packed
        ))),
        Err(error) => Err(Error::failure(format!("`{}` is damaged: {error}", beside.display()))),
    }
}

/// Writes the description of a packed file: with it, the file is complete.
pub(in crate::data) fn describe(path: &Path, found: &Description) -> Result<()> {
    let text = serde_json::to_string_pretty(&Description { packed: VERSION, ..found.clone() });
    files::write_atomically(&description(path), text.expect("names and numbers are JSON").as_bytes())
}

/// Removes what says that a file is packed, before another one takes its place.
pub(in crate::data) fn forget(path: &Path) -> Result<()> {
    match fs::remove_file(description(path)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(unpack::unreadable(&description(path), error)),
        _ => Ok(()),
    }
}
