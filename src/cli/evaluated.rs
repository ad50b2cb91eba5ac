//! The files of an evaluation in the folder of its run.

use std::{fs, path::PathBuf, time::Duration};

use image::RgbImage;
use serde::Serialize;

use crate::{
    error::{Error, Result},
    eval::Report,
    files::{ensure_folder, remove_unfinished, write_atomically},
    record::evaluation,
    report,
};

/// A report with what it was measured on, and how.
#[derive(Serialize)]
pub struct Measured<'a> {
    /// The folder of the run, unless the report lies in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<&'a str>,
    pub step: u64,
    pub seed: u64,
    pub effort: f64,
    /// The number of samples, where one was asked for.
    pub count: Option<usize>,
    /// SHA-256 of the held-out items; none if training data replaced them.
    pub held_out: Option<&'a str>,
    /// Whether more was being measured when it was written.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unfinished: bool,
    #[serde(flatten)]
    pub report: &'a Report,
}

/// The folder that the last evaluation of a run lies in.
pub struct Folder(PathBuf);

impl Folder {
    /// # Errors
    /// A folder that cannot be written to.
    pub fn of(folder: PathBuf) -> Result<Self> {
        ensure_folder(&folder)?;
        Ok(Self(folder))
    }

    /// The digest of the held-out items of the evaluation that lies there, if there is one.
    pub fn held_out(&self) -> Option<String> {
        evaluation(&self.0).first()?.get("held_out")?.as_str().map(String::from)
    }

    /// Writes an evaluation, as text and as JSON, and its pictures; returns a sentence on them.
    ///
    /// # Errors
    /// Files that cannot be written.
    pub fn write(&self, [text, json]: [&str; 2], pictures: &[(&str, RgbImage)]) -> Result<String> {
        let folder = &self.0;
        fs::create_dir_all(folder)
            .map_err(|error| Error::failure(format!("cannot create the folder `{}`: {error}", folder.display())))?;
        remove_unfinished(folder, Duration::ZERO)?;
        let mut names = vec!["report.txt", "report.json"];
        for (name, text) in names.iter().zip([text, json]) {
            write_atomically(&folder.join(name), text.as_bytes())?;
        }
        for (name, picture) in pictures {
            report::save_png(&folder.join(name), picture)?;
            names.push(name);
        }
        Ok(format!("written to {}: {}", folder.display(), names.join(", ")))
    }
}
