//! Words that are one too many: what a shell makes of paths, and data without its option.

use std::path::Path;

use super::{is_data, is_variant};
use crate::{
    error::{Error, Result},
    files::quoted,
};

/// What to say of a path that is one word too many: half of one with spaces, or data without its option.
pub fn path(typed: &str, words: &[String]) -> Option<String> {
    let at = words.iter().position(|word| word == typed)?;
    let whole = |first: usize| words[first..=at].join(" ");
    if let Some(path) = (2..at).rev().map(whole).find(|path| Path::new(path).exists()) {
        return Some(format!("`{path}` has spaces: {}", quoted(Path::new(&path))));
    }
    let reads_data = ["encode", "score", "classify", "eval", "sample"].contains(&words.get(1)?.as_str());
    (reads_data && Path::new(typed).exists()).then(|| format!("`{typed}` is data: --data {}", quoted(Path::new(typed))))
}

/// Refuses words beside the variant: what a shell makes of a path with spaces or of `photos/*`, data without its
/// option, or a second model.
///
/// # Errors
/// Such words, with what to type.
pub fn check_words(words: &[String], data: Option<&str>) -> Result<()> {
    let (variants, others): (Vec<_>, Vec<_>) = words.iter().map(String::as_str).partition(|word| is_variant(word));
    let paths: Vec<&str> = data.into_iter().chain(others.iter().copied()).collect();
    if let [one, another, ..] = paths[..] {
        let whole = paths.join(" ");
        if Path::new(&whole).exists() {
            return Err(Error::usage(format!("`{whole}` has spaces: --data {}", quoted(Path::new(&whole)))));
        }
        let folder = |path| Path::new(path).parent().filter(|folder| *folder != Path::new(""));
        if let Some(same) = folder(one).filter(|one| folder(another) == Some(one)) {
            return Err(Error::usage(format!("{} paths where one is wanted: --data {}", paths.len(), quoted(same))));
        }
    }
    let [one, another, ..] = words else { return Ok(()) };
    Err(Error::usage(match (others.iter().find(|word| is_data(word)), variants.first()) {
        (Some(data), Some(variant)) => format!("`{data}` is data: saddle train {variant} --data {data}"),
        _ => format!("`{one}` and `{another}`: a run trains one model"),
    }))
}
