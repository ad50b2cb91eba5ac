//! The metrics of a run.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;

use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::files::{self, cannot_write, write_atomically};

/// The metrics file of a run: one JSON object a line, only appended to while the run goes on.
#[derive(Debug)]
pub struct Metrics {
    path: PathBuf,
    file: File,
    /// Whether the last write failed and may have cut its line off: the next line then starts with a line feed.
    torn: bool,
    /// Number of damaged lines that were removed.
    pub damaged: usize,
    /// The `seconds` of the last line.
    pub seconds: f64,
}

impl Metrics {
    pub(super) fn open(path: PathBuf, step: u64) -> Result<Self> {
        let cannot = |error: io::Error| Error::failure(format!("cannot open `{}`: {error}", path.display()));
        let found = match files::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => vec![],
            read => read.map_err(cannot)?,
        };
        // Files of earlier versions may repeat steps: the later lines are the valid ones.
        let mut kept: Vec<(u64, f64, &[u8])> = vec![];
        let mut damaged = 0;
        for line in found.split_inclusive(|byte| *byte == b'\n') {
            let object: Option<Map<String, Value>> =
                line.ends_with(b"\n").then(|| serde_json::from_slice(line).ok()).flatten();
            let number = |key| object.as_ref().and_then(|object| object.get(key));
            let Some(at) = number("step").and_then(Value::as_u64) else {
                damaged += 1;
                continue;
            };
            kept.truncate(kept.partition_point(|(before, ..)| *before < at));
            if at <= step {
                kept.push((at, number("seconds").and_then(Value::as_f64).unwrap_or(0.0), line));
            }
        }
        let seconds = kept.last().map_or(0.0, |(_, seconds, _)| *seconds);
        let text = kept.iter().map(|(.., line)| *line).collect::<Vec<_>>().concat();
        if text != found {
            write_atomically(&path, &text)?;
        }
        let file = OpenOptions::new().append(true).create(true).open(&path).map_err(cannot)?;
        Ok(Self { path, file, torn: false, damaged, seconds })
    }

    /// Appends one line; it is in the file when this returns.
    pub fn append(&mut self, metrics: &Map<String, Value>) -> Result<()> {
        let mut line = String::from(if self.torn { "\n" } else { "" });
        line += &Value::Object(metrics.clone()).to_string();
        line.push('\n');
        let written = self.file.write_all(line.as_bytes());
        self.torn = written.is_err();
        written.map_err(|error| cannot_write(&self.path, &error))
    }
}
