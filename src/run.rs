//! The folder of a run: its settings, metrics, samples and checkpoints.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::checkpoint;
use crate::error::{Error, Result};
use crate::files::{UNFINISHED, names, regular, write_atomically};
use crate::settings::{Layer, Menu, Settings};

const SETTINGS: &str = "run.toml";
const LOCK: &str = ".lock";

/// A run's folder.
#[derive(Debug)]
pub struct Run {
    folder: PathBuf,
    settings: Settings,
    /// Held by the process that trains; the system releases it when that process ends, however it ends.
    _lock: Option<File>,
}

impl Run {
    /// Makes the folder of a new run, locked: `out`, or the next free `runs/<variant>-<data>-NNN`.
    pub fn create(out: Option<&Path>, settings: &Settings) -> Result<Self> {
        let folder = match out {
            Some(out) => out.to_path_buf(),
            None => next_free(Path::new("runs"), settings)?,
        };
        // Looked at before the lock, so as to leave nothing in a folder of somebody else's, and after it, for races.
        refuse_used(&folder)?;
        make(&folder)?;
        let lock = lock(&folder)?;
        refuse_used(&folder)?;
        let run = Self { folder, settings: settings.clone(), _lock: Some(lock) };
        // First of all, so that a process killed at any moment leaves a run to resume or a folder to start anew in.
        run.save_settings()?;
        run.make_parts()?;
        Ok(run)
    }

    /// Opens a run to read from, also while it trains.
    ///
    /// `variants` are those that there are.
    pub fn open(folder: &Path, variants: &[Menu]) -> Result<Self> {
        let name = folder.display();
        let problem = match fs::metadata(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => "it does not exist".into(),
            Err(error) => error.to_string(),
            Ok(found) if !found.is_dir() => "it is a file, and a run is a folder such as runs/dcgan-digits-001".into(),
            Ok(_) if !folder.join(SETTINGS).exists() => {
                format!("it has no {SETTINGS}, so it is not the folder of a run")
            }
            Ok(_) => {
                let settings = Settings::load(variants, &folder.join(SETTINGS))?;
                return Ok(Self { folder: folder.to_path_buf(), settings, _lock: None });
            }
        };
        Err(Error::usage(format!("cannot open the run `{name}`: {problem}")))
    }

    /// Opens a run to train it further, locked, with `layers` over its settings; [`Run::save_settings`] makes them stay.
    pub fn resume(folder: &Path, variants: &[Menu], layers: &[Layer]) -> Result<Self> {
        let mut run = Self::open(folder, variants)?;
        run._lock = Some(lock(folder)?);
        run.settings = run.settings.resumed(layers)?;
        run.make_parts()?;
        Ok(run)
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
        self.folder.join("checkpoints")
    }

    /// Where the checkpoint after `step` steps goes.
    pub fn checkpoint_path(&self, step: u64) -> PathBuf {
        self.checkpoints().join(checkpoint::file_name(step))
    }

    /// Where the samples after `step` steps go.
    pub fn sample_path(&self, step: u64) -> PathBuf {
        self.folder.join("samples").join(format!("step-{step:06}.png"))
    }

    /// Where the metrics lie.
    pub fn metrics_path(&self) -> PathBuf {
        self.folder.join("metrics.jsonl")
    }

    /// Opens the metrics to append to.
    pub fn metrics(&self) -> Result<Metrics> {
        Metrics::open(self.metrics_path())
    }

    fn make_parts(&self) -> Result<()> {
        ["samples", "checkpoints"].iter().try_for_each(|part| make(&self.folder.join(part)))
    }

    /// Writes the settings to `run.toml`.
    pub fn save_settings(&self) -> Result<()> {
        write_atomically(&self.folder.join(SETTINGS), self.settings.to_toml().as_bytes())
    }
}

/// The metrics file of a run: one JSON object a line, only ever appended to.
#[derive(Debug)]
pub struct Metrics {
    path: PathBuf,
    file: File,
    /// The last line was cut off by a crash or a full disk: the next one starts on a line of its own.
    torn: bool,
}

impl Metrics {
    fn open(path: PathBuf) -> Result<Self> {
        let open = || -> io::Result<(File, bool)> {
            if path.exists() {
                regular(&path)?;
            }
            let mut file = OpenOptions::new().read(true).append(true).create(true).open(&path)?;
            let mut last = [b'\n'];
            if file.metadata()?.len() > 0 {
                file.seek(SeekFrom::End(-1))?;
                file.read_exact(&mut last)?;
            }
            Ok((file, last != *b"\n"))
        };
        match open() {
            Ok((file, torn)) => Ok(Self { path, file, torn }),
            Err(error) => Err(Error::failure(format!("cannot open `{}`: {error}", path.display()))),
        }
    }

    /// Appends one line, in the file when this returns.
    pub fn append(&mut self, metrics: &Map<String, Value>) -> Result<()> {
        let mut line = String::from(if self.torn { "\n" } else { "" });
        line += &Value::Object(metrics.clone()).to_string();
        line.push('\n');
        let written = self.file.write_all(line.as_bytes());
        self.torn = written.is_err();
        written.map_err(|error| Error::failure(format!("cannot write `{}`: {error}", self.path.display())))
    }
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
    if used && folder.join(SETTINGS).exists() {
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

fn lock(folder: &Path) -> Result<File> {
    let name = folder.display();
    let path = folder.join(LOCK);
    let there = if path.exists() { regular(&path) } else { Ok(()) };
    let file = there.and_then(|()| OpenOptions::new().create(true).truncate(false).write(true).open(path));
    let file = file.map_err(|error| Error::failure(format!("cannot lock the run `{name}`: {error}")))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(Error::failure(format!("the run `{name}` is being trained by another process")));
        }
        // Some network file systems have no locks; a run there is better than none.
        Err(TryLockError::Error(error)) => tracing::warn!("cannot lock the run `{name}`: {error}"),
    }
    Ok(file)
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
