//! Text files, gzipped or not, as sequences of characters.

use std::collections::BTreeSet;
use std::path::Path;

use super::options::Holds;
use super::{About, Dataset, Options, SymbolKind, Symbols, digest, holdout, unpack};
use crate::error::{Error, Result};

/// Largest number of characters in an alphabet.
const MAX_ALPHABET: usize = 1 << 16;

/// The windows of the text in `path`. Its alphabet is the characters in the text, in order of code point; CR LF becomes
/// LF.
///
/// The last part of the text is held out if the options say so; `None` for a test part that does not exist.
pub(super) fn read(path: &Path, options: &Options) -> Result<Option<Dataset>> {
    let file = format!("`{}`", path.display());
    options.check(&file, Holds::Text)?;
    let bytes = unpack::read(path)?;
    let source = digest::of_files(&[digest::of(&[&bytes])]);
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        Error::failure(format!("{file} is not UTF-8 text: what follows its first {valid} bytes is no character"))
    })?;
    let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
    if text.is_empty() {
        return Err(Error::failure(format!("{file} is empty")));
    }
    let alphabet: Vec<char> = text.chars().collect::<BTreeSet<_>>().into_iter().collect();
    if alphabet.len() > MAX_ALPHABET {
        return Err(Error::failure(format!(
            "{file} has {} different characters, more than the {MAX_ALPHABET} that an alphabet may have",
            alphabet.len()
        )));
    }
    let id = |character| alphabet.binary_search(&character).map_or(0, |id| id as u16);
    let piece: Vec<u16> = text.chars().map(id).collect();
    drop(text);
    let symbols =
        Symbols { names: alphabet.iter().map(char::to_string).collect(), kind: SymbolKind::Text, music: None };
    holdout::of_symbols(path, vec![piece], symbols, About { source, ..About::default() }, options)
}
