//! `saddle export`.

use std::path::{Path, PathBuf};

use super::{ExportArgs, picture::Look, print, runs, shown, trained::Asked};
use crate::{
    error::{Error, Result},
    export::{
        File, Options, Portable, Write, example, exporter,
        html::{self, Still},
    },
    files::{ensure_folder, ensure_writable, write_atomically},
    models::SAMPLE,
    report::{self, Compared},
    trained::Trained,
};

/// Writes the networks of a run for other programs.
pub fn export(args: &ExportArgs) -> Result<()> {
    let Some(run) = &args.run else { return runs::ask() };
    let exporter = exporter(&args.to)?;
    let trained = Asked::of(Trained::at(run, args.checkpoint)?, args.data.as_ref(), args.accept_changed_data);
    let given = [
        ("--network", !args.network.is_empty()),
        ("--bytes", args.bytes.is_some()),
        ("--draws", args.draws),
        ("--example", args.example.is_some()),
        ("--train", args.train),
        ("--data", args.data.is_some()),
    ];
    if let Some((option, _)) = given.iter().find(|(option, is_given)| *is_given && !exporter.options.contains(option)) {
        return Err(Error::usage(format!("{option} does not go with --to {}", exporter.name)));
    }
    let files = match exporter.write {
        Write::Networks(write) => networks(args, &trained, write)?,
        Write::Page => vec![page(args, &trained)?],
    };
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

fn networks(
    args: &ExportArgs,
    trained: &Trained,
    write: fn(&Portable, Options) -> Result<Vec<File>>,
) -> Result<Vec<File>> {
    if args.bytes.is_some() && args.example.is_some() {
        return Err(Error::usage("--example has images as the network computes them: leave out --bytes"));
    }
    let portable = Portable::of(trained, &args.network)?;
    let mut files = write(&portable, Options { bytes: args.bytes, draws: args.draws })?;
    if let Some(rows) = args.example {
        files.push(example(trained, &portable, rows, args.seed, args.adapter.as_deref())?);
    }
    Ok(files)
}

/// A page, whose first picture is made here.
fn page(args: &ExportArgs, trained: &Asked) -> Result<File> {
    let data = args.train.then(|| trained.data()?.resident()).transpose()?;
    let mut session = trained.session(&[SAMPLE], args.adapter.as_deref())?;
    let samples = session.generate(session.sample_rows(), args.seed, None)?;
    let examples = &trained.examples;
    let page = match examples.text() {
        Some(symbols) => {
            let text = symbols.to_text(&symbols.sequences(&samples, examples.shape[0]));
            html::page(trained, &Still::Text(&text), data)?
        }
        None => {
            let look = Look { examples, classes: vec![], columns: None, scale: None, title: String::new() };
            let (picture, _) = look.draw(&Compared::beside(&samples, &[]))?;
            html::page(trained, &Still::Picture(&report::png(&picture)?), data)?
        }
    };
    let does =
        if args.train { "makes samples and trains on, with examples of your data inside," } else { "makes samples" };
    let about =
        format!("{does} in a browser with WebGPU (Chrome or Edge 113, Safari 26, Firefox 141 on Windows, or newer)");
    Ok(File { name: format!("{}.html", trained.settings.variant), bytes: page.into_bytes(), about })
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
