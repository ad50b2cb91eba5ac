//! The folder of a run: its settings, metrics, samples and checkpoints.

mod ending;
mod lock;
mod metrics;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::checkpoint::{self, Checkpoint};
use crate::error::{Error, Result};
use crate::files::{self, UNFINISHED, names, own, quoted, remove_unfinished, sha256, write_atomically};
use crate::settings::{Change, Key, Layer, Menu, RUN_FILE, Resume, Settings};
use lock::{LOCK, lock};

pub use ending::{Ending, How};
pub use lock::is_training;
pub use metrics::Metrics;

/// Parent folder of runs without `--out`.
pub const RUNS: &str = "runs";
/// Name of the link to the newest run.
pub const LATEST: &str = "latest";
const SAMPLES: &str = "samples";
const CHECKPOINTS: &str = "checkpoints";
const EVALUATIONS: &str = "eval";
/// A setting at the end of every `run.toml`, also in files of earlier versions, which have no digest.
const LAST: &str = "samples";
/// Start of the last line of a `run.toml`: its digest shows whether the lines above were changed.
const DIGEST: &str = "# sha256 of the lines above: ";

/// A run's folder.
#[derive(Debug)]
pub struct Run {
    folder: PathBuf,
    settings: Settings,
    /// Held by the process that trains; the system releases it when that process ends, however it ends.
    _lock: Option<File>,
}

impl Run {
    /// Refuses a path at which [`Run::create`] cannot make a folder; called before the run starts.
    pub fn check(out: Option<&Path>) -> Result<()> {
        out.map_or(Ok(()), refuse_used)?;
        files::ensure_folder(out.unwrap_or(Path::new(RUNS)))
    }

    /// Makes the folder of a new run, locked: `out`, or the next free `runs/<variant>-<data>-NNN`.
    pub fn create(out: Option<&Path>, settings: &Settings) -> Result<Self> {
        let folder = match out {
            Some(out) => out.to_path_buf(),
            None => next_free(Path::new(RUNS), settings)?,
        };
        // Checked before the lock, to leave nothing in a foreign folder, and again after it, against races.
        refuse_used(&folder)?;
        make(&folder)?;
        let lock = lock(&folder)?;
        refuse_used(&folder)?;
        let run = Self { folder, settings: settings.clone(), _lock: Some(lock) };
        // The settings come first: a process killed at any moment leaves a run to resume or a folder to start anew in.
        run.save_settings()?;
        run.make_parts()?;
        if run.folder.parent().is_some_and(|parent| parent.ends_with(RUNS)) {
            run.link_as_latest();
        }
        Ok(run)
    }

    /// Makes the link `latest` beside the run point to it. A file or folder of that name stays.
    #[cfg(unix)]
    fn link_as_latest(&self) {
        let (Some(parent), Some(name)) = (self.folder.parent(), self.folder.file_name()) else { return };
        let (link, unfinished) = (parent.join(LATEST), parent.join(format!("{UNFINISHED}{}", std::process::id())));
        if fs::symlink_metadata(&link).is_ok_and(|found| !found.is_symlink()) {
            return;
        }
        let linked = std::os::unix::fs::symlink(name, &unfinished).and_then(|()| fs::rename(&unfinished, &link));
        if let Err(error) = linked {
            tracing::warn!("cannot link `{}` to the run: {error}", link.display());
        }
    }

    /// Links to folders want a privilege here.
    #[cfg(not(unix))]
    fn link_as_latest(&self) {}

    /// Opens a run to read from, also while it trains.
    ///
    /// `variants` are all known variants.
    pub fn open(folder: &Path, variants: &[Menu]) -> Result<Self> {
        let name = folder.display();
        let problem = match fs::metadata(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let names = [Some(folder.as_os_str()), folder.file_name()].into_iter().flatten();
                let below = names.map(|name| Path::new(RUNS).join(name));
                let is_run = |near: &Path| near.join(RUN_FILE).exists();
                match below.filter(|near| is_run(near)).chain(files::near(folder, is_run)).next() {
                    Some(near) => format!("it does not exist; did you mean `{}`?", near.display()),
                    None => "it does not exist".into(),
                }
            }
            Err(error) => error.to_string(),
            Ok(found) if !found.is_dir() => "it is a file, and a run is a folder such as runs/dcgan-digits-001".into(),
            Ok(_) if is_lost(folder)? => {
                format!("it has no {RUN_FILE}; go on with it, and that is written anew: {}", resumption(folder))
            }
            Ok(_) if !folder.join(RUN_FILE).exists() => {
                let all = format!("`saddle runs {name}` lists those in it, and {name}/* names them all");
                format!("it has no {RUN_FILE}, so it is not the folder of a run; {all}")
            }
            Ok(_) => {
                let read = || Settings::written(variants, &Written::read(folder)?.layer);
                let settings = read().map_err(|error| with_remedy(error, folder))?;
                return Ok(Self { folder: folder.to_path_buf(), settings, _lock: None });
            }
        };
        Err(Error::usage(format!("cannot open the run `{name}`: {problem}")))
    }

    /// Opens a run to train it further, locked, with `layers` applied over its settings; [`Run::save_settings`] stores
    /// the result.
    ///
    /// The settings come from `run.toml`, which must fit the checkpoint: that after `step` steps, or the newest good
    /// one; if the file is missing, they come from that checkpoint.
    ///
    /// # Errors
    /// A folder that is not a run; a `run.toml` that is damaged or has settings of a different run; a change
    /// in `layers` that a resumed run cannot make; a run that another process trains; no checkpoint of that step.
    pub fn resume(folder: &Path, variants: &[Menu], layers: &[Layer], step: Option<u64>) -> Result<Resumed> {
        let checkpoints = folder.join(CHECKPOINTS);
        if !is_lost(folder)? {
            Self::open(folder, variants)?;
        }
        let lock = lock(folder)?;
        let from = match step {
            Some(step) => Some(checkpoint::at_step(&checkpoints, step).map_err(|e| e.at(&format!("--from {step}")))?),
            None => checkpoint::latest(&checkpoints)?,
        };
        let kept =
            from.as_ref().map(|(path, checkpoint)| settings_of(checkpoint, variants, path)).transpose()?.flatten();
        let step = from.as_ref().and_then(|(path, _)| checkpoint::step_of(path)).unwrap_or(0);
        let (settings, notes) = match (Written::read(folder), kept) {
            (Ok(written), kept) => written.agreed(kept, variants, step)?,
            (Err(_), Some(kept)) => {
                (kept, vec![format!("{RUN_FILE} is missing: written anew, as the checkpoint has it")])
            }
            (Err(error), None) => return Err(error),
        };
        let run = Self { folder: folder.into(), settings: settings.resumed(layers, step)?, _lock: Some(lock) };
        run.make_parts()?;
        Ok(Resumed { run, from, notes })
    }

    /// The folder itself.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The settings in its `run.toml`.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Where checkpoints lie.
    pub fn checkpoints(&self) -> PathBuf {
        self.folder.join(CHECKPOINTS)
    }

    /// Where the checkpoint after `step` steps goes.
    pub fn checkpoint_path(&self, step: u64) -> PathBuf {
        self.checkpoints().join(checkpoint::file_name(step))
    }

    /// Where the checkpoint goes that does best, of models that are measured while they train.
    pub fn best_path(&self) -> PathBuf {
        self.checkpoints().join("best.safetensors")
    }

    /// Where the samples after `step` steps go.
    pub fn sample_path(&self, step: u64, ending: &str) -> PathBuf {
        self.samples().join(format!("step-{step:06}.{ending}"))
    }

    /// Where pictures of samples lie.
    pub fn samples(&self) -> PathBuf {
        self.folder.join(SAMPLES)
    }

    /// Where the evaluation of the newest checkpoint goes.
    pub fn evaluations(&self) -> PathBuf {
        self.folder.join(EVALUATIONS)
    }

    /// Where the evaluation of the checkpoint after `step` steps goes: an older one leaves that of the newest as it is.
    pub fn evaluations_of(&self, step: u64) -> PathBuf {
        match checkpoint::newest_step(&self.checkpoints()).filter(|newest| step < *newest) {
            Some(_) => self.evaluations().join(format!("step-{step:06}")),
            None => self.evaluations(),
        }
    }

    /// Thins the pictures of samples out to at most `keep`, evenly over the run. Pictures at multiples of an interval
    /// stay: `every` steps, doubled until few enough are left. The picture of `newest`, the current step, stays too,
    /// and so do later ones, which an earlier continuation of the run drew.
    pub fn thin_samples(&self, ending: &str, keep: usize, every: u64, newest: u64) -> Result<()> {
        let step = |name: &String| {
            let step = name.strip_prefix("step-")?.strip_suffix(ending)?.strip_suffix('.')?.parse::<u64>().ok()?;
            self.sample_path(step, ending).ends_with(name).then_some(step)
        };
        let mut steps: Vec<u64> = names(&self.samples())?.iter().filter_map(step).collect();
        let mut interval = every.max(1);
        while newest.div_ceil(interval) > keep as u64 && interval < newest {
            interval = interval.saturating_mul(2);
        }
        steps.retain(|step| *step < newest && !step.is_multiple_of(interval));
        steps.iter().map(|step| self.sample_path(*step, ending)).try_for_each(|path| {
            fs::remove_file(&path).map_err(|e| Error::failure(format!("cannot remove `{}`: {e}", path.display())))
        })
    }

    /// Where the symbols of a text of byte pairs go, for other programs.
    pub fn tokenizer_path(&self) -> PathBuf {
        self.folder.join("tokenizer.json")
    }

    /// Where the metrics lie.
    pub fn metrics_path(&self) -> PathBuf {
        self.folder.join("metrics.jsonl")
    }

    /// Where event files of TensorBoard go.
    pub fn event_files(&self) -> PathBuf {
        self.folder.join("tensorboard")
    }

    /// Opens the metrics to append to. If there are lines after `step`, which a resumed run repeats, or damaged lines,
    /// the file is written anew without them.
    pub fn metrics(&self, step: u64) -> Result<Metrics> {
        Metrics::open(self.metrics_path(), step)
    }

    fn make_parts(&self) -> Result<()> {
        [SAMPLES, CHECKPOINTS].iter().try_for_each(|part| make(&self.folder.join(part)))?;
        let parts = [SAMPLES, CHECKPOINTS, EVALUATIONS].map(|part| self.folder.join(part));
        parts.iter().chain([&self.folder]).try_for_each(|part| remove_unfinished(part, Duration::ZERO))
    }

    /// Adds a change to the settings' record of changes.
    pub fn record(&mut self, change: Change) {
        self.settings.changes.push(change);
    }

    /// Writes the settings to `run.toml`, with their SHA-256 in the last line.
    pub fn save_settings(&self) -> Result<()> {
        let text = self.settings.to_toml();
        let text = format!("{text}\n{DIGEST}{}\n", sha256([&text]));
        write_atomically(&self.folder.join(RUN_FILE), text.as_bytes())
    }
}

/// A run that is about to go on.
#[derive(Debug)]
pub struct Resumed {
    /// The run, with the settings that it goes on with.
    pub run: Run,
    /// Its newest good checkpoint with the file's path; `None` for a run without checkpoints.
    pub from: Option<(PathBuf, Checkpoint)>,
    /// Notes for the user about the settings.
    pub notes: Vec<String>,
}

impl Resumed {
    /// Number of completed steps.
    pub fn step(&self) -> u64 {
        self.from.as_ref().and_then(|(path, _)| checkpoint::step_of(path)).unwrap_or(0)
    }
}

/// The content of a `run.toml`.
struct Written {
    /// The path, for messages.
    name: String,
    layer: Layer,
    /// Whether its digest is right, so that nobody changed it; `None` for a file of an earlier version without a
    /// digest.
    is_whole: Option<bool>,
}

impl Written {
    fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(RUN_FILE);
        let name = path.display().to_string();
        let text = files::read_text(&path)
            .map_err(|error| Error::usage(format!("cannot read the settings `{name}`: {error}")))?;
        let layer = Layer::from_toml(&text, &name)?;
        let is_whole = text
            .rsplit_once(DIGEST)
            .map(|(above, digest)| above.strip_suffix('\n').is_some_and(|above| sha256([above]) == digest.trim_end()));
        Ok(Self { name, layer, is_whole })
    }

    /// The settings to resume with at `step`, given the settings `kept` in the checkpoint, and notes for the user.
    ///
    /// # Errors
    /// A difference that a resumed run cannot have; a file that is cut short.
    fn agreed(self, kept: Option<Settings>, variants: &[Menu], step: u64) -> Result<(Settings, Vec<String>)> {
        let Self { name, layer, is_whole } = self;
        let Some(kept) = kept else {
            let mut notes = vec![];
            match is_whole {
                Some(false) => notes.push(format!("`{name}` was changed by hand, and is taken as it is now")),
                None if step > 0 => {
                    notes.push("the checkpoint is of an earlier version, which did not keep settings".into());
                }
                None if !layer.has(LAST) => {
                    return Err(Error::usage(format!("`{name}` is cut short: start a new run")));
                }
                _ => {}
            }
            return Ok((Settings::written(variants, &layer)?, notes));
        };
        let all = Settings::written(variants, &layer)?;
        if all.variant != kept.variant {
            let (theirs, ours) = (kept.variant, all.variant);
            return Err(Error::failure(format!("the checkpoint is of `{theirs}`, and this run is of `{ours}`")));
        }
        // In an edited file, a missing setting has the checkpoint's value; in an unchanged one, the value of
        // `Settings::written`.
        let missing: Vec<&str> = kept.relevant.iter().copied().filter(|key| !layer.has(key)).collect();
        let written = if is_whole == Some(true) || missing.is_empty() { all } else { kept.overlaid(&layer)? };
        let different = kept.differences(&written);
        let say = |(key, kept, now): &(&Key, String, String)| format!("`{}` was {kept}, is {now}", key.name);
        let (refused, others): (Vec<_>, Vec<_>) = different.iter().partition(|(key, ..)| key.resume == Resume::Never);
        if !refused.is_empty() {
            let list = |these: Vec<&_>| these.into_iter().map(say).collect::<Vec<_>>().join(", ");
            let others = if others.is_empty() { String::new() } else { format!(" (and {}, as it may)", list(others)) };
            return Err(Error::usage(format!(
                "`{name}` is not what the run was trained with: {}{others}; put that back, or remove the file to take \
                 all settings from the checkpoint; a resumed run can change {}",
                list(refused),
                kept.resumable()
            )));
        }
        if is_whole == Some(true) {
            return Ok((written, vec![]));
        }
        let mut notes: Vec<String> = different.iter().map(say).collect();
        notes.extend(missing.iter().map(|key| format!("`{key}` is missing, and stays as the checkpoint has it")));
        let notes = match notes.len() {
            0 => vec![],
            _ => vec![format!("`{name}` was changed by hand: {}", notes.join(", "))],
        };
        // Edits of the file are recorded like changes on the command line.
        let mut asked = Layer::default();
        different.iter().for_each(|(key, _, now)| asked.set(key.name, now, &name));
        Ok((kept.resumed(&[asked], step)?, notes))
    }
}

/// The settings stored in a checkpoint; `None` in a checkpoint of an earlier version.
///
/// # Errors
/// Settings that cannot be read.
pub fn settings_of(checkpoint: &Checkpoint, variants: &[Menu], path: &Path) -> Result<Option<Settings>> {
    let text = checkpoint.meta.get(checkpoint::SETTINGS);
    let read = |text: &String| Settings::from_toml(variants, text, "the settings in the checkpoint");
    text.map(read).transpose().map_err(|error| Error::failure(error).at(&path.display().to_string()))
}

/// The error for a `run.toml` that cannot be read, with the way to restore it if the newest checkpoint has the
/// settings.
fn with_remedy(error: Error, folder: &Path) -> Error {
    let keeps = |checkpoint: &Checkpoint| checkpoint.meta.contains_key(checkpoint::SETTINGS);
    match checkpoint::latest(&folder.join(CHECKPOINTS)) {
        Ok(Some((path, checkpoint))) if keeps(&checkpoint) => Error::usage(format!(
            "{error}; `{}` has the settings too: remove {RUN_FILE}, and this writes it anew: {}",
            path.display(),
            resumption(folder)
        )),
        _ => error,
    }
}

/// Whether a folder has checkpoints but no `run.toml`.
fn is_lost(folder: &Path) -> Result<bool> {
    let has = |name: &String| checkpoint::step_of(Path::new(name)).is_some();
    Ok(folder.is_dir() && !folder.join(RUN_FILE).exists() && names(&folder.join(CHECKPOINTS))?.iter().any(has))
}

/// The command that resumes the run in a folder; one that a link leads to by its own name, as `runs/latest` is another
/// one tomorrow.
pub fn resumption(folder: &Path) -> String {
    format!("saddle train --out {} --resume", quoted(&own(folder)))
}

fn make(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)
        .map_err(|error| Error::failure(format!("cannot create the folder `{}`: {error}", folder.display())))
}

/// Makes `parent/<variant>-<data>-NNN` with the number after the highest one there.
fn next_free(parent: &Path, settings: &Settings) -> Result<PathBuf> {
    make(parent)?;
    let stem = format!("{}-{}-", settings.variant, data_name(&settings.data));
    let taken = names(parent)?.iter().filter_map(|name| name.strip_prefix(&stem)?.parse().ok()).max();
    let mut number: u32 = taken.unwrap_or(0);
    loop {
        number = number.saturating_add(1);
        let folder = parent.join(format!("{stem}{number:03}"));
        match fs::create_dir(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < u32::MAX => {}
            Err(error) => {
                let name = folder.display();
                return Err(Error::failure(format!("cannot create the folder `{name}`: {error}")));
            }
        }
    }
}

/// A data set's name, or that of its file or folder, as part of a file name.
fn data_name(data: &str) -> String {
    let stem = Path::new(data).file_stem().unwrap_or_default().to_string_lossy();
    let tame = |c: char| {
        if c.is_alphanumeric() || c == '_' { c } else { '-' }
    };
    let name: String = stem.to_lowercase().chars().map(tame).take(40).collect();
    match name.trim_matches('-') {
        "" => "data".into(),
        name => name.into(),
    }
}

fn refuse_used(folder: &Path) -> Result<()> {
    let name = folder.display();
    if folder.exists() && !folder.is_dir() {
        return Err(Error::usage(format!("--out: `{name}` is a file; name a folder that is empty or does not exist")));
    }
    let used = names(folder)?.iter().any(|name| name != LOCK && !name.starts_with(UNFINISHED));
    if used && folder.join(RUN_FILE).exists() {
        return Err(Error::usage(format!(
            "--out: `{name}` already holds a run; continue it with --resume or name another folder"
        )));
    }
    if used {
        return Err(Error::usage(format!(
            "--out: `{name}` is not empty; name a folder that is empty or does not exist"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_numbered() {
        let parent = tempfile::tempdir().unwrap();
        let made = |data: &str| {
            let settings = Settings { data: data.into(), ..Settings::default() };
            let folder = next_free(&parent.path().join("runs"), &settings).unwrap();
            folder.file_name().unwrap().to_str().unwrap().to_string()
        };
        assert_eq!(made("digits"), "dcgan-digits-001");
        assert_eq!(made("digits"), "dcgan-digits-002");
        fs::create_dir(parent.path().join("runs/dcgan-digits-1041")).unwrap();
        assert_eq!(made("digits"), "dcgan-digits-1042");
        assert_eq!(made("/data/My photos.v2/"), "dcgan-my-photos-001");
        assert_eq!(made(".."), "dcgan-data-001");

        let folders = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| made("grid"))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect::<std::collections::BTreeSet<_>>()
        });
        assert_eq!(folders.len(), 8, "two threads were given one folder: {folders:?}");
    }
}
