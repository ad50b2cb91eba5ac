//! Where samples go, and in which form.

use std::{
    fs,
    io::{self, IsTerminal, Write},
    path::{Path, PathBuf},
};

use super::{print, shown, whole};
use crate::{
    data::{Series, SymbolKind},
    error::{Error, Result},
    files::{ensure_folder, ensure_writable, write_atomically},
    models::Examples,
};

/// The standard output, or a file.
#[derive(Clone)]
pub struct Destination {
    /// `None`: the standard output.
    path: Option<PathBuf>,
    /// The form: png, svg, csv, npy, txt or mid.
    pub ending: String,
    /// Whether files that exist are written over.
    force: bool,
    /// Whether each sample has a file of its own, even if there is one.
    each: bool,
}

impl Destination {
    /// The place that `--out` names, `-` for the standard output; without it, the standard output for text and the next
    /// free name in the folder of the run for the rest. What has no ending gets the form `own`. If `each` sample has a
    /// file of its own, that is the name of a folder.
    pub fn of(out: Option<&Path>, run: &Path, own: &str, force: bool, each: bool) -> Self {
        let several = each || own == "mid";
        let is_folder = |out: &Path| out.is_dir() || is_named_as_folder(out) || (each && out.extension().is_none());
        let file = |folder: &Path| folder.join(format!("sample.{own}"));
        let path = match out {
            Some(out) if out == Path::new("-") => None,
            Some(out) if several && is_folder(out) => Some(file(out)),
            Some(out) => Some(out.to_owned()),
            None if own == "txt" => None,
            None if each => Some(file(&next_free(run, ""))),
            None => Some(next_free(run, own)),
        };
        let ending = match &path {
            Some(path) => path.extension().unwrap_or_default().to_string_lossy().to_lowercase(),
            None => own.into(),
        };
        let ending = if ending == "midi" { "mid".into() } else { ending };
        Self { path, ending, force, each }
    }

    /// Whether the samples are printed.
    pub fn prints(&self) -> bool {
        self.path.is_none()
    }

    /// A file of another ending beside the file; `None` on the standard output.
    pub fn beside(&self, ending: &str) -> Option<PathBuf> {
        self.path.as_ref().map(|path| path.with_extension(ending))
    }

    /// Refuses a form that the examples do not have, or that does not move where it `moves`, a place that cannot be
    /// written, and a file that exists.
    pub fn check(&self, examples: &Examples, moves: bool) -> Result<()> {
        let possible: &[&str] = match &examples.series {
            _ if moves => &["gif", "apng", "png"],
            Some(Series::Symbols(symbols)) if symbols.kind == SymbolKind::Midi => &["png", "csv", "npy", "txt", "mid"],
            Some(Series::Symbols(_)) => &["png", "csv", "npy", "txt"],
            Some(Series::Roll(_)) => &["png", "csv", "npy", "mid"],
            _ if examples.has_figure() => &["png", "svg", "csv", "npy"],
            _ => &["png", "csv", "npy"],
        };
        if !possible.contains(&self.ending.as_str()) {
            return Err(Error::usage(format!(
                "--out `{}`: the ending says the format, and it is one of {}",
                self.path.as_deref().map(shown).unwrap_or_default(),
                possible.join(", ")
            )));
        }
        let Some(path) = &self.path else {
            let is_binary = !["txt", "csv"].contains(&self.ending.as_str());
            if self.each {
                return Err(Error::usage("--out -: --each writes files, and the standard output is one"));
            }
            return match is_binary && io::stdout().is_terminal() {
                true => Err(Error::usage("--out -: this is not for a terminal; send it to a file or to a program")),
                false => Ok(()),
            };
        };
        let there = [path.clone(), numbered(path, 1)].into_iter().find(|path| path.is_file());
        if let Some(there) = there.filter(|_| !self.force) {
            let name = shown(&there);
            return Err(Error::usage(format!("--out: `{name}` exists; --force writes over it")));
        }
        match path.parent() {
            // The folder is made when there is something to write.
            Some(folder) if (self.each || self.ending == "mid") && !folder.as_os_str().is_empty() => {
                ensure_folder(folder)
            }
            _ => ensure_writable(path),
        }
    }

    /// Writes `files`, each its own: `song.mid`, or `song-001.mid` and so on for several. Returns their number.
    pub fn write_each(&self, files: &[Vec<u8>]) -> Result<usize> {
        match (files, &self.path) {
            ([_, _, ..], Some(path)) => {
                (1..).zip(files).try_for_each(|(n, bytes)| write_whole(&numbered(path, n), bytes))?;
            }
            _ => files.iter().try_for_each(|bytes| self.write(bytes).map(|_| ()))?,
        }
        Ok(files.len())
    }

    /// Writes the file. Returns the number of files, which is 1.
    pub fn write(&self, bytes: &[u8]) -> Result<usize> {
        let written = match &self.path {
            Some(path) => write_whole(path, bytes),
            None if io::stdout().is_terminal() => print(whole(String::from_utf8_lossy(bytes).trim_end_matches('\n'))),
            // What another program reads is what a file would hold.
            None => match io::stdout().write_all(bytes) {
                Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                    Err(Error::failure(format!("cannot write to the standard output: {error}")))
                }
                _ => Ok(()),
            },
        };
        written.map(|()| 1)
    }

    /// Says what was written, unless it was printed; `files` is their number.
    pub fn tell(&self, what: &str, files: usize) -> Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        match files {
            0 | 1 => print(format!("{what} in {}", shown(path))),
            _ => print(format!("{what} in {} to {}", shown(&numbered(path, 1)), shown(&numbered(path, files)))),
        }
    }
}

fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    if let Some(folder) = path.parent() {
        let cannot = |e| Error::failure(format!("cannot create the folder `{}`: {e}", shown(folder)));
        fs::create_dir_all(folder).map_err(cannot)?;
    }
    write_atomically(path, bytes)
}

/// Whether a path ends as only folders do.
fn is_named_as_folder(path: &Path) -> bool {
    path.as_os_str().to_string_lossy().ends_with(std::path::is_separator)
}

/// `RUN/sample-001.png`, or the first number whose name is free; a folder without an ending.
fn next_free(run: &Path, ending: &str) -> PathBuf {
    let path = |n: usize| run.join(format!("sample-{n:03}")).with_extension(ending);
    let is_free = |path: &PathBuf| !path.exists() && !numbered(path, 1).exists();
    (1..).map(path).find(is_free).expect("numbers do not end")
}

/// The path of file number `n` of several: `song-001.mid` for `song.mid`.
fn numbered(path: &Path, n: usize) -> PathBuf {
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push(format!("-{n:03}."));
    name.push(path.extension().unwrap_or_default());
    path.with_file_name(name)
}
