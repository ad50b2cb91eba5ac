//! `saddle export`.

use std::path::{Path, PathBuf};

use super::{ExportArgs, print, runs, shown, tell};
use crate::{
    error::{Error, Result},
    export::{Axes, File, Options, Portable, example, exporter},
    files::{ensure_folder, ensure_writable, write_atomically},
    trained::Trained,
};

/// Writes the networks of a run for other programs.
pub fn export(args: &ExportArgs) -> Result<()> {
    let Some(run) = &args.run else { return runs::ask() };
    let exporter = exporter(&args.to)?;
    let trained = Trained::at(run, args.checkpoint)?;
    trained.notes.iter().for_each(tell);
    let portable = Portable::of(&trained, &args.network)?;
    let bytes = args.bytes.map(|axes| if axes == super::args::Bytes::Nhwc { Axes::Nhwc } else { Axes::Nchw });
    let mut files = (exporter.write)(&portable, Options { bytes, draws: args.draws })?;
    if let Some(rows) = args.example {
        files.push(example(&trained, &portable, rows, args.seed, args.adapter.as_deref())?);
    }
    let folder = args.out.clone().unwrap_or_else(|| trained.run.folder().join(exporter.name));
    let paths = places(&folder, &files)?;
    check(&paths, args.force)?;
    for (file, path) in files.iter().zip(&paths) {
        if let Some(folder) = path.parent() {
            let cannot = |e| Error::failure(format!("cannot create the folder `{}`: {e}", shown(folder)));
            std::fs::create_dir_all(folder).map_err(cannot)?;
        }
        write_atomically(path, &file.bytes)?;
        print(format!("{} ({}): {}", shown(path), size(file.bytes.len()), file.about))?;
    }
    Ok(())
}

/// Where the files go: into a folder, or the only one of them to a path of its ending.
fn places(out: &Path, files: &[File]) -> Result<Vec<PathBuf>> {
    let ending = |path: &Path| path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    let is_file = ending(out).is_some() && files.iter().any(|file| ending(Path::new(&file.name)) == ending(out));
    match files {
        _ if !is_file || out.is_dir() => Ok(files.iter().map(|file| out.join(&file.name)).collect()),
        [_] => Ok(vec![out.to_owned()]),
        _ => {
            let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
            let sentence = "are several files: give a folder, or choose one with --network";
            Err(Error::usage(format!("--out `{}`: {} {sentence}", shown(out), names.join(", "))))
        }
    }
}

fn check(paths: &[PathBuf], force: bool) -> Result<()> {
    if let Some(there) = paths.iter().find(|path| path.exists() && !force) {
        return Err(Error::usage(format!("--out: `{}` exists; --force writes over it", shown(there))));
    }
    paths.iter().try_for_each(|path| match path.parent() {
        Some(folder) if !folder.exists() && !folder.as_os_str().is_empty() => ensure_folder(folder),
        _ => ensure_writable(path),
    })
}

/// A number of bytes for people.
fn size(bytes: usize) -> String {
    match bytes {
        0..10_000 => format!("{bytes} bytes"),
        10_000..10_000_000 => format!("{} KB", bytes / 1000),
        _ => format!("{} MB", bytes / 1_000_000),
    }
}
