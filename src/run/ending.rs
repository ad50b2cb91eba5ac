//! How the trainings of a run ended: one for each process that trained it.

use std::{fmt, fs::OpenOptions, io::Write, path::Path};

use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, plain},
    files::{cannot_write, read_text, regular},
};

/// One line for each beginning and each end.
const FILE: &str = "trainings.jsonl";

/// How a training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum How {
    /// It began, and nothing tells of an end: it goes on, or its process was killed.
    Begun,
    /// All steps are done.
    Done,
    /// A signal ended it.
    Interrupted,
    /// Values are no longer finite.
    Diverged,
    /// Anything else that ended it, such as a full disk.
    Failed,
}

/// A training of a run by one process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// The step from which it trained.
    pub from: u64,
    /// The step at which it ended.
    pub step: u64,
    /// How it ended.
    pub how: How,
    /// The version of the program.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// Why, in a sentence; empty where `how` says it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
}

impl Ending {
    /// A training that begins at a step.
    pub fn begun(from: u64) -> Self {
        let version = env!("CARGO_PKG_VERSION").into();
        Self { from, step: from, how: How::Begun, version, why: String::new() }
    }

    /// The same training, ended by an error.
    pub fn failed(&self, step: u64, error: &Error) -> Self {
        let how = if matches!(error, Error::Diverged(_)) { How::Diverged } else { How::Failed };
        Self { step, how, why: error.to_string(), ..self.clone() }
    }

    /// Whether something went wrong, so that the run is not what was asked for.
    pub fn is_bad(&self) -> bool {
        matches!(self.how, How::Begun | How::Diverged | How::Failed)
    }

    /// Adds it to those of the run in a folder.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), Error> {
        let path = folder.join(FILE);
        let line = serde_json::to_string(self).unwrap_or_default() + "\n";
        // Opening a pipe would block.
        let there = if path.exists() { regular(&path) } else { Ok(()) };
        let file = there.and_then(|()| OpenOptions::new().append(true).create(true).open(&path));
        // A full disk may have cut the line before.
        let is_torn = || std::fs::read(&path).is_ok_and(|text| text.last().is_some_and(|last| *last != b'\n'));
        let begin = |line: &str| if is_torn() { format!("\n{line}") } else { line.to_owned() };
        file.and_then(|mut file| file.write_all(begin(&line).as_bytes())).map_err(|error| cannot_write(&path, &error))
    }

    /// All of a run, the oldest first; none of a run of an earlier version. Damaged lines are left out.
    pub fn all(folder: &Path) -> Vec<Self> {
        let text = read_text(&folder.join(FILE)).unwrap_or_default();
        let mut all: Vec<Self> = vec![];
        for ending in text.lines().filter_map(|line| serde_json::from_str::<Self>(line).ok()) {
            if ending.how != How::Begun {
                all.pop_if(|last| last.how == How::Begun);
            }
            all.push(ending);
        }
        all
    }
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Self::Begun => "broke off",
            Self::Done => "done",
            Self::Interrupted => "interrupted",
            Self::Diverged => "diverged",
            Self::Failed => "failed",
        })
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { from, step, how, why, .. } = self;
        match how {
            How::Begun => write!(f, "{how} after step {from}: the process was killed, or its machine stopped"),
            _ if why.is_empty() => write!(f, "{how} at step {step}"),
            _ => write!(f, "{how} at step {step}: {}", plain(why)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_training_has_one_ending_the_last_one_that_it_wrote() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Ending::all(folder.path()), []);
        let (killed, begun) = (Ending::begun(0), Ending::begun(20));
        let lost = begun.failed(50, &Error::Diverged("d_loss became NaN at step 50".into()));
        let full = Ending::begun(40).failed(60, &Error::failure("the disk is full"));
        let done = Ending { step: 90, how: How::Done, ..Ending::begun(60) };
        let written = [&killed, &begun, &lost, &Ending::begun(40), &full, &Ending::begun(60), &done];
        written.iter().for_each(|ending| ending.write(folder.path()).unwrap());
        let mut file = OpenOptions::new().append(true).open(folder.path().join(FILE)).unwrap();
        file.write_all(b"{\"from\":").unwrap();
        Ending::begun(90).write(folder.path()).unwrap();
        let all = Ending::all(folder.path());
        assert_eq!(all, [killed, lost, full, done, Ending::begun(90)]);
        let said: Vec<String> = all.iter().map(Ending::to_string).collect();
        assert_eq!(
            said,
            [
                "broke off after step 0: the process was killed, or its machine stopped",
                "diverged at step 50: d_loss became NaN at step 50",
                "failed at step 60: the disk is full",
                "done at step 90",
                "broke off after step 90: the process was killed, or its machine stopped"
            ]
        );
        assert_eq!(all.iter().map(Ending::is_bad).collect::<Vec<_>>(), [true, true, true, false, true]);
    }
}
