//! `saddle runs`.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

use serde_json::{Value, json};

use super::{RunsArgs, print, shown};
use crate::{
    checkpoint,
    error::{Error, Result},
    models,
    run::{RUNS, Run},
    settings::{RUN_FILE, Settings},
};

/// Settings that have a column of their own, or say nothing about the model.
const OTHERS: [&str; 4] = ["variant", "data", "steps", "adapter"];

/// What a run has come to.
struct Entry {
    folder: PathBuf,
    settings: Settings,
    /// The step of its newest checkpoint.
    step: u64,
    /// The first measure of its last evaluation.
    score: Option<(String, f64)>,
    modified: SystemTime,
}

/// Lists the runs of a folder, the newest first.
pub fn runs(args: &RunsArgs) -> Result<()> {
    let folder = args.folder.as_deref().unwrap_or(Path::new(RUNS));
    let entries = entries(folder)?;
    let differing: Vec<BTreeMap<&str, String>> = entries.iter().map(|entry| differing(entry, &entries)).collect();
    if args.json {
        let runs = entries.iter().zip(&differing).map(|(entry, differing)| {
            json!({
                "run": entry.folder, "variant": entry.settings.variant, "data": entry.settings.data,
                "step": entry.step, "steps": entry.settings.steps, "settings": differing,
                "measure": entry.score.as_ref().map(|(name, _)| name),
                "value": entry.score.as_ref().map(|(_, value)| value),
            })
        });
        return print(Value::from_iter(runs));
    }
    if entries.is_empty() {
        return print(format!("no runs in {}", shown(folder)));
    }
    let mut lines = vec![["run", "step", "data", "differs in", "last score"].map(String::from)];
    for (entry, differing) in entries.iter().zip(&differing) {
        let Entry { folder, settings, step, score, .. } = entry;
        let differing: Vec<String> = differing.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let score = score.as_ref().map_or(String::new(), |(name, value)| format!("{name} {value:.4}"));
        let step = format!("{step}/{}", settings.steps);
        lines.push([shown(folder), step, settings.data.clone(), differing.join(" "), score]);
    }
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths = [0, 1, 2, 3, 4].map(width);
    for line in &lines {
        let cells: Vec<String> = line.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        print(cells.join("  ").trim_end())?;
    }
    Ok(())
}

/// The runs of a folder, the newest first; what cannot be read as a run is none.
fn entries(folder: &Path) -> Result<Vec<Entry>> {
    let read = fs::read_dir(folder);
    let found = read.map_err(|error| Error::usage(format!("cannot read the folder `{}`: {error}", shown(folder))))?;
    let mut entries: Vec<Entry> = found.filter_map(|found| entry(&found.ok()?.path())).collect();
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.modified));
    Ok(entries)
}

fn entry(folder: &Path) -> Option<Entry> {
    let run = Run::open(folder, &models::menu()).ok()?;
    let metrics = fs::metadata(folder.join("metrics.jsonl")).or_else(|_| fs::metadata(folder.join(RUN_FILE)));
    Some(Entry {
        folder: folder.to_owned(),
        settings: run.settings().clone(),
        step: checkpoint::newest_step(&run.checkpoints()).unwrap_or(0),
        score: score(&run.evaluations()),
        modified: metrics.and_then(|file| file.modified()).unwrap_or(SystemTime::UNIX_EPOCH),
    })
}

/// The first measure of the reports in a folder.
fn score(folder: &Path) -> Option<(String, f64)> {
    let reports: Value = serde_json::from_slice(&fs::read(folder.join("report.json")).ok()?).ok()?;
    let row = reports.get(0)?.get("rows")?.get(0)?;
    Some((row.get("measure")?.as_str()?.to_owned(), row.get("value")?.as_f64()?))
}

/// The settings of a run in which others of its variant differ.
fn differing(entry: &Entry, entries: &[Entry]) -> BTreeMap<&'static str, String> {
    let alike = entries.iter().filter(|other| other.settings.variant == entry.settings.variant);
    let differences = alike.flat_map(|other| entry.settings.differences(&other.settings));
    let own = differences.filter(|(key, ..)| !OTHERS.contains(&key.name));
    own.map(|(key, here, _)| (key.name, here)).collect()
}

/// The newest runs, for a command that names none.
///
/// # Errors
/// Always: the sentence that asks for one.
pub fn ask<T>() -> Result<T> {
    const SOME: usize = 3;
    let newest = entries(Path::new(RUNS)).unwrap_or_default();
    let of = |entry: &Entry| format!("{} (step {} of {})", shown(&entry.folder), entry.step, entry.settings.steps);
    let named: Vec<String> = newest.iter().take(SOME).map(of).collect();
    Err(Error::usage(match named.is_empty() {
        true => format!("name the folder of a run; there are none in `{RUNS}` here"),
        false => format!("name the folder of a run; the newest are {}", named.join(", ")),
    }))
}
