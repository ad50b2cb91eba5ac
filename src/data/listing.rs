//! The files below a folder, except hidden files, files of the operating system and of runs, and duplicates through
//! links.

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::LeftOut;
use crate::error::{Error, Result};
use crate::settings::RUN_FILE;

/// Folders that operating systems create: previews, remains of archives, deleted files.
const OF_SYSTEMS: [&str; 7] =
    ["__MACOSX", "@eaDir", "#recycle", "$RECYCLE.BIN", "System Volume Information", "lost+found", "@Recycle"];

/// Whether this is the folder of a run.
pub(super) fn is_run(folder: &Path) -> bool {
    folder.join(RUN_FILE).is_file()
}

/// Every file below `folder`, sorted. Links to folders are followed unless their targets are read anyway.
pub(super) fn files(folder: &Path, left_out: &mut LeftOut) -> Result<Vec<PathBuf>> {
    let mut walk = Walk { root: folder, seen: HashSet::new(), links: BTreeSet::new(), files: vec![], left_out };
    walk.enter(folder)?;
    // Links come last, so that a folder takes precedence over a link to it.
    while let Some(link) = walk.links.pop_first() {
        walk.enter(&link)?;
    }
    walk.files.sort();
    Ok(walk.files)
}

/// The folders in `folder` that may hold data, sorted, including links to folders.
pub(super) fn folders(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut folders = entries(folder)?;
    folders.retain(|path| path.is_dir() && !is_of_system(path) && !is_run(path) && !holds_runs(path));
    Ok(folders)
}

/// Whether a folder holds runs and nothing else, as `runs` does.
fn holds_runs(folder: &Path) -> bool {
    entries(folder).is_ok_and(|entries| !entries.is_empty() && entries.iter().all(|entry| is_run(entry)))
}

/// The entries of `folder`, sorted, without hidden ones.
pub(super) fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let unreadable = |error| Error::failure(format!("`{}` cannot be read: {error}", folder.display()));
    let mut paths = vec![];
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        if !entry.file_name().to_string_lossy().starts_with('.') {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

fn is_of_system(path: &Path) -> bool {
    OF_SYSTEMS.iter().any(|name| path.file_name().is_some_and(|file| file.eq_ignore_ascii_case(name)))
}

/// A path for messages: relative to the folder that the user named.
pub(super) fn below(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).display().to_string()
}

struct Walk<'a> {
    root: &'a Path,
    /// Folders that were entered, by canonical path.
    seen: HashSet<PathBuf>,
    links: BTreeSet<PathBuf>,
    files: Vec<PathBuf>,
    left_out: &'a mut LeftOut,
}

impl Walk<'_> {
    fn enter(&mut self, folder: &Path) -> Result<()> {
        let name = below(self.root, folder);
        let is_root = folder == self.root;
        if !is_root && is_of_system(folder) {
            self.left_out.add("folders that systems make", name);
        } else if !is_root && is_run(folder) {
            self.left_out.add("folders of runs", name);
        } else if !self.seen.insert(folder.canonicalize().unwrap_or_else(|_| folder.to_owned())) {
            self.left_out.add("links to folders that are read anyway", name);
        } else {
            for path in entries(folder)? {
                self.take(path)?;
            }
        }
        Ok(())
    }

    fn take(&mut self, path: PathBuf) -> Result<()> {
        match fs::metadata(&path) {
            Ok(found) if found.is_dir() && path.is_symlink() => {
                self.links.insert(path);
            }
            Ok(found) if found.is_dir() => self.enter(&path)?,
            // A path that is no regular file is refused when it is opened.
            Ok(_) => self.files.push(path),
            Err(_) if path.is_symlink() => self.left_out.add("links that lead nowhere", below(self.root, &path)),
            Err(error) => return Err(Error::failure(format!("`{}` cannot be read: {error}", path.display()))),
        }
        Ok(())
    }
}
