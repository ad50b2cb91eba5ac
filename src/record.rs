//! What a run's folder says of the run, read without disturbing it: also while it trains, or after it broke off.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

use serde_json::{Map, Value};

use crate::{
    checkpoint,
    error::{Error, Result},
    files, models,
    run::Run,
    settings::{RUN_FILE, Settings},
};

/// Settings that say nothing about the model, or have a place of their own.
const OTHERS: [&str; 4] = ["variant", "data", "steps", "adapter"];

/// A run as its files show it.
pub struct Record {
    /// Its folder.
    pub folder: PathBuf,
    /// Its settings.
    pub settings: Settings,
    /// The step of its newest checkpoint; 0 without one.
    pub step: u64,
    /// When its metrics last changed.
    pub modified: SystemTime,
}

impl Record {
    /// Reads the run in a folder.
    ///
    /// # Errors
    /// A folder without a run.
    pub fn read(folder: &Path) -> Result<Self> {
        let run = Run::open(folder, &models::menu())?;
        let written = fs::metadata(run.metrics_path()).or_else(|_| fs::metadata(folder.join(RUN_FILE)));
        Ok(Self {
            folder: folder.to_owned(),
            settings: run.settings().clone(),
            step: checkpoint::newest_step(&run.checkpoints()).unwrap_or(0),
            modified: written.and_then(|file| file.modified()).unwrap_or(SystemTime::UNIX_EPOCH),
        })
    }

    /// The runs in a folder, the newest first; what cannot be read as a run is none.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub fn all_in(folder: &Path) -> Result<Vec<Self>> {
        let cannot = |error| Error::usage(format!("cannot read the folder `{}`: {error}", folder.display()));
        let found = fs::read_dir(folder).map_err(cannot)?;
        let mut records: Vec<Self> = found.filter_map(|found| Self::read(&found.ok()?.path()).ok()).collect();
        records.sort_by_key(|record| std::cmp::Reverse(record.modified));
        Ok(records)
    }

    /// The lines of its metrics, without those that are damaged.
    pub fn metrics(&self) -> Vec<Map<String, Value>> {
        let text = files::read_text(&self.folder.join("metrics.jsonl")).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Each measure of its last evaluation, in order; none if it was not evaluated.
    pub fn measures(&self) -> Vec<(String, f64)> {
        let report = files::read(&self.folder.join("eval").join("report.json")).ok();
        let reports: Vec<Value> = report.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        let rows = reports.iter().filter_map(|report| report.get("rows")?.as_array()).flatten();
        let measure = |row: &Value| Some((row.get("measure")?.as_str()?.to_owned(), row.get("value")?.as_f64()?));
        rows.filter_map(measure).collect()
    }

    /// Its settings in which one of `others` of its variant differs from it.
    pub fn differing<'a>(&self, others: impl IntoIterator<Item = &'a Self>) -> BTreeMap<&'static str, String> {
        let alike = others.into_iter().filter(|other| other.settings.variant == self.settings.variant);
        let differences = alike.flat_map(|other| self.settings.differences(&other.settings));
        let own = differences.filter(|(key, ..)| !OTHERS.contains(&key.name));
        own.map(|(key, here, _)| (key.name, here)).collect()
    }
}
