//! What is said about a data set that was read: how it was understood, and what was left out.

use std::collections::BTreeMap;
use std::fmt::{self, Display};

use super::{Dataset, product};

/// How files were understood, so that a person can tell whether that is what was meant.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct About {
    /// The part that this is and how it was told from the others (`train/ of 2 parts`); empty for data without parts.
    pub part: String,
    /// Which values were taken for which and why (`0..1, as all lie in it`); empty where there was nothing to choose.
    pub range: String,
    /// What was recognised in a table: separator, header, columns that are no measurements, each a few words.
    pub findings: Vec<String>,
    /// What was left out.
    pub left_out: LeftOut,
    /// Other sentences that a person should read.
    pub notes: Vec<String>,
    /// SHA-256 of the bytes that were read, file by file in order, in hexadecimal; of a drawn set, of its name and version.
    pub source: String,
}

/// What was left out of a data set, counted by reason.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LeftOut(BTreeMap<String, (usize, String)>);

impl LeftOut {
    /// Counts one more that was left out for this reason, such as `.gif files` or `images that are damaged`.
    pub fn add(&mut self, reason: &str, name: impl Display) {
        self.0.entry(reason.to_owned()).or_insert_with(|| (0, name.to_string())).0 += 1;
    }

    /// The reasons in order: how many, and the name of the first.
    pub fn reasons(&self) -> impl Iterator<Item = (&str, usize, &str)> {
        self.0.iter().map(|(reason, (count, name))| (reason.as_str(), *count, name.as_str()))
    }
}

impl Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        for (n, (reason, count, name)) in self.reasons().enumerate() {
            let between = if n == 0 { "left out: " } else { "; " };
            let among = if count == 1 { "" } else { ", among them " };
            write!(f, "{between}{count} {reason} ({}`{name}`)", among.trim_start_matches(", "))?;
        }
        Ok(())
    }
}

/// The one or two lines that `train` says first.
impl Display for Dataset {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}: {} examples of {}", self.name, self.len(), product(&self.shape))?;
        if !self.about.part.is_empty() {
            write!(f, " ({})", self.about.part)?;
        }
        if let Some(labels) = &self.labels {
            write!(f, ", {} classes", labels.names.len())?;
        }
        if !self.about.range.is_empty() {
            write!(f, ", values {}", self.about.range)?;
        }
        for finding in &self.about.findings {
            write!(f, ", {finding}")?;
        }
        if self.about.left_out != LeftOut::default() {
            write!(f, "\n{}", self.about.left_out)?;
        }
        self.about.notes.iter().try_for_each(|note| write!(f, "\n{note}"))
    }
}
