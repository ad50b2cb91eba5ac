//! What a run's folder says of the run, read without disturbing it: also while it trains, or after it broke off.

mod tail;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

use serde_json::{Map, Value};

use crate::{
    checkpoint,
    error::{Error, Result},
    files::{self, own},
    models,
    run::{self, Ending, How, Run, is_training},
    settings::{Key, RUN_FILE},
};

pub use tail::Tail;

/// Settings that say nothing about the model, or have a place of their own.
const OTHERS: [&str; 4] = ["variant", "data", "steps", "adapter"];

/// The group of settings of what is written, which say nothing about the model either.
const WRITTEN: &str = "What is written";

/// A run as its files show it.
pub struct Record {
    /// Its folder and settings.
    pub run: Run,
    /// The step of its newest checkpoint; 0 without one.
    pub step: u64,
    /// When its metrics last changed.
    pub modified: SystemTime,
}

/// The reports of the evaluation in a folder, as `eval` wrote them; none if there is none.
pub fn evaluation(folder: &Path) -> Vec<Value> {
    let report = files::read(&folder.join("report.json")).ok();
    report.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

/// Each measure of some reports, in order.
pub fn measures(reports: &[Value]) -> Vec<(String, f64)> {
    let rows = reports.iter().filter_map(|report| report.get("rows")?.as_array()).flatten();
    let measure = |row: &Value| Some((row.get("measure")?.as_str()?.to_owned(), row.get("value")?.as_f64()?));
    rows.filter_map(measure).collect()
}

/// Each of these folders once, by its own name: `runs/*` has `runs/latest` too, which may lead nowhere.
pub fn distinct(folders: &[PathBuf]) -> Vec<PathBuf> {
    let mut seen = BTreeSet::new();
    let mut is_new = |folder: &PathBuf| {
        let leads_nowhere = folder.ends_with(run::LATEST) && folder.is_symlink() && !folder.exists();
        !leads_nowhere && seen.insert(folder.canonicalize().unwrap_or_else(|_| folder.clone()))
    };
    folders.iter().filter(|folder| is_new(folder)).map(|folder| own(folder)).collect()
}

impl Record {
    /// Reads the run in a folder; one that a link leads to has its own name, as `runs/latest` is another one tomorrow.
    ///
    /// # Errors
    /// A folder without a run.
    pub fn read(folder: &Path) -> Result<Self> {
        let folder = &own(folder);
        let run = Run::open(folder, &models::menu())?;
        let written = fs::metadata(run.metrics_path()).or_else(|_| fs::metadata(folder.join(RUN_FILE)));
        let step = checkpoint::newest_step(&run.checkpoints()).unwrap_or(0);
        let modified = written.and_then(|file| file.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
        Ok(Self { run, step, modified })
    }

    /// The runs in these folders, each once.
    ///
    /// # Errors
    /// A folder without a run.
    pub fn read_all(folders: &[PathBuf]) -> Result<Vec<Self>> {
        distinct(folders).iter().map(|folder| Self::read(folder)).collect()
    }

    /// The runs in a folder, the newest first; what cannot be read as a run is none, and a link to a run is no other.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub fn all_in(folder: &Path) -> Result<Vec<Self>> {
        let cannot = |error| Error::usage(format!("cannot read the folder `{}`: {error}", folder.display()));
        let found = fs::read_dir(folder).map_err(cannot)?;
        let folders = found.flatten().filter(|found| found.file_type().is_ok_and(|kind| !kind.is_symlink()));
        let mut records: Vec<Self> = folders.filter_map(|found| Self::read(&found.path()).ok()).collect();
        records.sort_by_key(|record| std::cmp::Reverse(record.modified));
        Ok(records)
    }

    /// The lines of its metrics that are not damaged.
    pub fn metrics(&self) -> Vec<Map<String, Value>> {
        let text = files::read_text(&self.run.metrics_path()).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// The last line of its metrics that is not damaged; empty without one.
    pub fn last_metrics(&self) -> Map<String, Value> {
        let text = files::read_text(&self.run.metrics_path()).unwrap_or_default();
        text.lines().rev().find_map(|line| serde_json::from_str(line).ok()).unwrap_or_default()
    }

    /// How its last training ended; none while one goes on, and of a run of an earlier version.
    pub fn ending(&self) -> Option<Ending> {
        let folder = self.run.folder();
        Ending::all(folder).pop().filter(|ending| ending.how != How::Begun || !is_training(folder))
    }

    /// The reports of its last evaluation, as `eval` wrote them; none if it was not evaluated.
    pub fn evaluation(&self) -> Vec<Value> {
        evaluation(&self.run.evaluations())
    }

    /// Its pictures and texts of samples, by step: pictures before texts.
    pub fn samples(&self) -> BTreeMap<u64, PathBuf> {
        let mut samples = BTreeMap::new();
        for path in ["txt", "png"].into_iter().flat_map(|ending| regular_files(&self.run.samples(), ending)) {
            let step = path.file_stem().and_then(|stem| stem.to_str()?.strip_prefix("step-")?.parse().ok());
            samples.extend(step.map(|step: u64| (step, path)));
        }
        samples
    }

    /// The pictures of its evaluation.
    pub fn plots(&self) -> Vec<PathBuf> {
        regular_files(&self.run.evaluations(), "png")
    }

    /// Its settings in which one of `others` of its variant differs from it, or that one of them changed in training,
    /// with what they were before.
    pub fn differing<'a>(&self, others: impl IntoIterator<Item = &'a Self>) -> BTreeMap<&'static str, String> {
        let settings = self.run.settings();
        let alike = others.into_iter().map(|other| other.run.settings()).filter(|s| s.variant == settings.variant);
        let mut keys: BTreeSet<String> = BTreeSet::new();
        for other in alike {
            keys.extend(settings.differences(other).into_iter().map(|(key, ..)| key.name.to_owned()));
            keys.extend(other.changes.iter().chain(&settings.changes).map(|change| change.key.clone()));
        }
        let own = settings.own().filter(|(key, _)| keys.contains(key.name));
        let of_model = own.filter(|(key, _)| !OTHERS.contains(&key.name) && key.group != WRITTEN);
        let with_past = |(key, now): (&Key, String)| {
            let changes = settings.changes.iter().filter(|change| change.key == key.name);
            let past = changes.map(|change| format!("{} to step {}, then ", change.from, change.step));
            (key.name, past.collect::<String>() + &now)
        };
        of_model.map(with_past).collect()
    }
}

/// The regular files with an ending in a folder, by name; links are none.
fn regular_files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let found = fs::read_dir(folder).into_iter().flatten().flatten();
    let regular = found.filter(|found| found.file_type().is_ok_and(|kind| kind.is_file()));
    let mut paths: Vec<PathBuf> = regular.map(|found| found.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|found| found == ending));
    paths.sort();
    paths
}
