//! Metrics that are read while they are written.

use std::{
    fs::{File, Metadata},
    io::{self, Read, Seek, SeekFrom},
    path::PathBuf,
};

use serde_json::{Map, Value};

use crate::files;

/// Follows the metrics of a run. A file that was replaced, as a resumed run does, or cut, is read from its start again:
/// its lines then repeat steps, and the later ones are the valid ones.
pub struct Tail {
    path: PathBuf,
    /// Which file was read last, and how much of it.
    read: Option<(u64, u64)>,
    /// Number of lines that are no JSON objects with a step.
    pub damaged: usize,
}

impl Tail {
    /// Follows the file at a path, which need not be there yet.
    pub fn new(path: PathBuf) -> Self {
        Self { path, read: None, damaged: 0 }
    }

    /// The lines since the last call. A line is read once its line feed is there.
    ///
    /// # Errors
    /// A file that is missing or cannot be read.
    pub fn news(&mut self) -> io::Result<Vec<Map<String, Value>>> {
        files::regular(&self.path)?;
        let mut file = File::open(&self.path)?;
        let about = file.metadata()?;
        let identity = identity(&about);
        let offset = match self.read {
            Some((known, offset)) if known == identity && about.len() >= offset => offset,
            _ => {
                self.damaged = 0;
                0
            }
        };
        file.seek(SeekFrom::Start(offset))?;
        let mut bytes = vec![];
        file.read_to_end(&mut bytes)?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        self.read = Some((identity, offset + whole as u64));
        let mut rows = vec![];
        for line in bytes[..whole].split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            match serde_json::from_slice::<Map<String, Value>>(line) {
                Ok(row) if row.get("step").is_some_and(Value::is_u64) => rows.push(row),
                _ => self.damaged += 1,
            }
        }
        Ok(rows)
    }
}

/// A number that tells a file from the one that took its place.
#[cfg(unix)]
fn identity(about: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(about)
}

/// A number that tells a file from the one that took its place.
#[cfg(not(unix))]
fn identity(about: &Metadata) -> u64 {
    let created = about.created().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    created.map_or(0, |since| since.as_nanos() as u64)
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write};

    use super::*;

    fn steps(tail: &mut Tail) -> Vec<u64> {
        tail.news().unwrap().iter().map(|row| row["step"].as_u64().unwrap()).collect()
    }

    #[test]
    fn lines_are_read_once_they_are_whole_and_anew_where_the_file_was_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let mut tail = Tail::new(path.clone());
        assert_eq!(tail.news().unwrap_err().kind(), io::ErrorKind::NotFound);
        let mut file = File::create(&path).unwrap();
        file.write_all(b"{\"step\":1}\n{\"step\":2}\n{\"st").unwrap();
        assert_eq!(steps(&mut tail), [1, 2]);
        assert_eq!(steps(&mut tail), [0; 0]);
        file.write_all(b"ep\":3}\nno object\n{\"seconds\":1}\n\xff\n").unwrap();
        assert_eq!(steps(&mut tail), [3]);
        assert_eq!(tail.damaged, 3);
        // As a resumed run does, with a file that is longer than what was read.
        let other = folder.path().join("other");
        fs::write(&other, "{\"step\":1}\n".to_string() + &" ".repeat(200) + "{\"step\":2}\n").unwrap();
        fs::rename(&other, &path).unwrap();
        assert_eq!(steps(&mut tail), [1, 2]);
        assert_eq!(tail.damaged, 0);
        fs::write(&path, "{\"step\":9}\n").unwrap();
        assert_eq!(steps(&mut tail), [9], "a file that became shorter");
    }
}
