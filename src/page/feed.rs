//! What the page shows of runs, as messages of what is new.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use crate::{
    error::counted,
    files::{self, quoted},
    record::{Record, Tail},
    run::{Ending, How, is_training, resumption},
    settings::RUN_FILE,
};

/// Most pictures and texts of samples of a run inside a page; of more, as many are left out evenly.
const INSIDE: usize = 100;
/// Most characters of a text of samples that are shown.
const SHOWN: usize = 20_000;

/// What is new in the folders of some runs since it was asked last.
pub struct Feed {
    runs: Vec<Followed>,
    /// Whether messages hold the pictures; else they name them as [`Feed::pictures`] does.
    holds_pictures: bool,
}

/// A run, and what of it was told already.
struct Followed {
    record: Arc<Record>,
    tail: Tail,
    /// When the settings that were told were written, if the file is there, and whether a process trained the run.
    told: Option<(Option<SystemTime>, bool)>,
    samples: BTreeMap<PathBuf, SystemTime>,
    evaluation: Option<SystemTime>,
    notes: Vec<String>,
}

impl Feed {
    /// Follows these runs.
    pub fn new(records: &[Arc<Record>], holds_pictures: bool) -> Self {
        let run = |record: &Arc<Record>| Followed {
            record: record.clone(),
            tail: Tail::new(record.run.metrics_path()),
            told: None,
            samples: BTreeMap::new(),
            evaluation: None,
            notes: vec![],
        };
        Self { runs: records.iter().map(run).collect(), holds_pictures }
    }

    /// Messages of what is new, for `web/report.js`. Of a run that cannot be read any more there is a note.
    pub fn news(&mut self) -> Vec<Value> {
        let mut news = vec![];
        let changed: Vec<bool> = self.runs.iter_mut().map(Followed::read_settings).collect();
        if changed.contains(&true) {
            // Settings of one run say in what the others differ, too.
            let heads = self.runs.iter().map(|run| head(run, &self.runs));
            news.extend(heads.enumerate().map(|(i, head)| json!({"run": i, "head": head})));
        }
        for i in 0..self.runs.len() {
            let said = self.of_run(i).into_iter().map(|(key, value)| json!({"run": i, key: value}));
            news.extend(said);
        }
        news
    }

    /// What is new of run `i`: the kind of each message, and its content.
    fn of_run(&mut self, i: usize) -> Vec<(&'static str, Value)> {
        let (run, holds_pictures) = (&mut self.runs[i], self.holds_pictures);
        let (mut news, mut notes) = (vec![], vec![]);
        match run.tail.news() {
            Ok(rows) if rows.is_empty() => {}
            Ok(rows) => news.push(("rows", json!(rows))),
            Err(error) => notes.push(run.why_no_metrics(&error)),
        }
        if run.tail.damaged > 0 {
            notes.push(format!("{} of metrics.jsonl left out.", counted(run.tail.damaged, "damaged line")));
        }
        let mut samples = run.new_samples();
        if holds_pictures && samples.len() > INSIDE {
            let (all, apart) = (samples.len(), (samples.len() - 1) as f64 / (INSIDE - 1) as f64);
            samples = (0..INSIDE).map(|n| samples[(n as f64 * apart).round() as usize].clone()).collect();
            notes.push(format!("{INSIDE} of {all} pictures of samples are shown."));
        }
        let samples: Vec<Value> = samples
            .iter()
            .filter_map(|(step, path)| {
                let (key, value) = match is_text(path) {
                    true => ("text", text(path)?),
                    false => ("url", url(i, path, holds_pictures)?),
                };
                Some(json!({"step": step, key: value}))
            })
            .collect();
        if !samples.is_empty() {
            news.push(("samples", json!(samples)));
        }
        if run.has_new_evaluation() {
            let plots = run.record.plots();
            let plot = |path: &PathBuf| Some(json!({"name": stem(path), "url": url(i, path, holds_pictures)?}));
            let plots: Vec<Value> = plots.iter().filter_map(plot).collect();
            news.push(("evaluation", json!({"reports": run.record.evaluation(), "plots": plots})));
        }
        if run.notes != notes {
            news.push(("notes", json!(notes)));
            run.notes = notes;
        }
        news
    }

    /// All pictures of these runs, by the addresses that messages name them with.
    pub fn pictures(&self) -> impl Iterator<Item = (String, PathBuf)> {
        self.runs.iter().enumerate().flat_map(|(i, run)| {
            let pictures = run.record.samples().into_values().chain(run.record.plots());
            pictures.filter(|path| !is_text(path)).map(move |path| (address(i, &path), path))
        })
    }
}

impl Followed {
    /// Reads the settings anew if they were written since the last call, or a training began or ended, and returns
    /// whether they are to be told.
    fn read_settings(&mut self) -> bool {
        let folder = self.record.run.folder();
        let now = (modified(&folder.join(RUN_FILE)), is_training(folder));
        if self.told == Some(now) {
            return false;
        }
        // What is damaged or gone by now leaves the settings as they were.
        if let Ok(record) = Record::read(self.record.run.folder()) {
            self.record = record.into();
        }
        self.told = Some(now);
        true
    }

    /// The samples that were written since the last call, by step.
    fn new_samples(&mut self) -> Vec<(u64, PathBuf)> {
        let mut samples: Vec<(u64, PathBuf)> = self.record.samples().into_iter().collect();
        samples.retain(|(_, path)| {
            let written = modified(path);
            written.is_some_and(|written| self.samples.insert(path.clone(), written) != Some(written))
        });
        samples
    }

    /// Whether the run was evaluated since the last call.
    fn has_new_evaluation(&mut self) -> bool {
        let written = modified(&self.record.run.evaluations().join("report.json"));
        let is_new = written.is_some() && written != self.evaluation;
        self.evaluation = written;
        is_new
    }

    /// Why there are no metrics, in a sentence.
    fn why_no_metrics(&self, error: &io::Error) -> String {
        let folder = self.record.run.folder();
        match error.kind() {
            io::ErrorKind::NotFound if !folder.join(RUN_FILE).exists() => "The folder of this run is gone.".into(),
            io::ErrorKind::NotFound => "There are no metrics yet.".into(),
            _ => format!("metrics.jsonl cannot be read: {error}."),
        }
    }
}

/// What does not change while a run trains, beside the settings in which it differs from the others.
fn head(Followed { record, told, .. }: &Followed, all: &[Followed]) -> Value {
    let (folder, settings) = (record.run.folder(), record.run.settings());
    let name = |folder: &Path| folder.file_name().map(|name| name.to_string_lossy().into_owned());
    let is_unique = all.iter().filter(|other| name(other.record.run.folder()) == name(folder)).count() == 1;
    let own = name(folder).filter(|_| is_unique).unwrap_or_else(|| folder.display().to_string());
    let values: Map<String, Value> = settings.own().map(|(key, value)| (key.name.into(), value.into())).collect();
    let trains = told.is_some_and(|(_, trains)| trains);
    // A run that trains has nothing to go on with, and one that is done only with more steps.
    let further = match record.step < settings.steps {
        _ if trains => None,
        true => Some(resumption(folder)),
        false => Some(format!("{} --steps {}", resumption(folder), settings.steps.saturating_mul(2))),
    };
    let mut commands = vec![format!("saddle train --config {}", quoted(&folder.join(RUN_FILE)))];
    commands.extend(further);
    commands.extend(["sample", "eval"].map(|command| format!("saddle {command} {}", quoted(folder))));
    let ending = record.ending().filter(|ending| ending.how != How::Done);
    json!({
        "ended": ending.as_ref().map(Ending::to_string), "bad": ending.is_some_and(|ending| ending.is_bad()),
        "name": own, "variant": settings.variant, "data": settings.data, "steps": settings.steps,
        "trains": trains, "every": settings.sample_every, "settings": values,
        "differs": record.differing(all.iter().map(|other| &*other.record)), "commands": commands,
    })
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|about| about.modified()).ok()
}

fn is_text(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "txt")
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// The beginning of a text of samples; none if it is gone.
fn text(path: &Path) -> Option<String> {
    files::read_text(path).ok().map(|text| text.chars().take(SHOWN).collect())
}

/// The address of a picture, or the picture itself as an address; none if it is gone.
fn url(run: usize, path: &Path, holds_pictures: bool) -> Option<String> {
    match holds_pictures {
        true => files::read(path).ok().map(|png| format!("data:image/png;base64,{}", STANDARD.encode(png))),
        // The time tells a picture from the one of the same step that it replaces.
        false => {
            let since = modified(path)?.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            Some(format!("{}?{}", address(run, path), since.as_millis()))
        }
    }
}

/// Where the server has a picture: `/0/samples/step-000200.png`.
fn address(run: usize, path: &Path) -> String {
    let part = |path: Option<&std::ffi::OsStr>| -> String {
        let escape = |byte: &u8| match byte {
            byte if byte.is_ascii_alphanumeric() || b"-._".contains(byte) => char::from(*byte).into(),
            byte => format!("%{byte:02X}"),
        };
        path.unwrap_or_default().as_encoded_bytes().iter().map(escape).collect()
    };
    format!("/{run}/{}/{}", part(path.parent().and_then(Path::file_name)), part(path.file_name()))
}
