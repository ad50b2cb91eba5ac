//! A packed file under way: what is written, and how far, so that another process can go on.

use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{beside, said};
use crate::data::LeftOut;
use crate::data::digest;
use crate::data::packed::{self, Description};
use crate::data::pictures::Sides;
use crate::error::{Error, Result};
use crate::files;

/// Bytes before the items: an npy header of version 1.
const HEADER: usize = 128;
/// Time between two notes of how far it is.
const NOTED: Duration = Duration::from_secs(5);

/// An array that grows.
struct Growing {
    path: PathBuf,
    file: io::BufWriter<File>,
}

/// How far a packing is.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Journal {
    /// What is packed, and how: a packing of something else does not go on from here.
    key: String,
    /// Number of items of the source that were looked at, and of those that were written.
    pub done: usize,
    pub written: usize,
    /// What was left out of them.
    pub left_out: LeftOut,
    /// Number of images with transparent pixels.
    pub transparent: usize,
    /// Sides of the images as stored.
    pub sides: Sides,
}

/// The unfinished files.
pub struct Part {
    items: Growing,
    labels: Growing,
    note: PathBuf,
    shape: Vec<usize>,
    pub journal: Journal,
    noted: Instant,
}

impl Growing {
    /// A file with room for a header and `len` bytes that are written already.
    fn open(path: PathBuf, len: u64) -> io::Result<Self> {
        let mut file = File::options().create(true).truncate(false).read(true).write(true).open(&path)?;
        let len = HEADER as u64 + len;
        if file.metadata()?.len() < len {
            file.write_all(&[b' '; HEADER])?;
        }
        file.set_len(len)?;
        file.seek(SeekFrom::End(0))?;
        Ok(Self { path, file: io::BufWriter::with_capacity(1 << 20, file) })
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.flush()?;
        self.file.get_ref().sync_data()
    }

    /// Writes the header, adds the items to a digest, and gives the file its name.
    fn finish(mut self, kind: &str, shape: &[usize], hash: &mut Sha256, name: &Path) -> io::Result<u64> {
        self.file.flush()?;
        let mut file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&header(kind, shape))?;
        let len = HEADER as u64 + digest::add(hash, &mut file)?;
        file.sync_all()?;
        fs::rename(&self.path, name)?;
        Ok(len)
    }
}

/// The header of an array, as numpy writes it.
fn header(kind: &str, shape: &[usize]) -> Vec<u8> {
    let extents: String = shape.iter().map(|extent| format!("{extent}, ")).collect();
    let text = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({}), }}", extents.trim_end());
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(((HEADER - 10) as u16).to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes.resize(HEADER - 1, b' ');
    bytes.push(b'\n');
    bytes
}

impl Part {
    /// Begins the file, or goes on with one that was begun with the same key; an empty key begins anew.
    pub fn begin(out: &Path, key: &str, shape: &[usize]) -> Result<Self> {
        let cannot = |error: io::Error| Error::failure(format!("cannot write `{}`: {error}", out.display()));
        let [array, labels, note] = [".part", ".labels", ".json"].map(|ending| beside(out, ending));
        let journal = || serde_json::from_str::<Journal>(&fs::read_to_string(&note).ok()?).ok();
        let size = item_bytes(shape) as u64;
        let holds = |path: &Path, bytes: u64| path.metadata().is_ok_and(|found| found.len() >= HEADER as u64 + bytes);
        let is_whole = |written: u64| holds(&array, size * written) && holds(&labels, 4 * written);
        let is_fit = |journal: &Journal| !key.is_empty() && journal.key == key && is_whole(journal.written as u64);
        let journal = journal().filter(is_fit).unwrap_or_else(|| Journal { key: key.into(), ..Journal::default() });
        let items = Growing::open(array, size * journal.written as u64).map_err(cannot)?;
        let labels = Growing::open(labels, 4 * journal.written as u64).map_err(cannot)?;
        Ok(Self { items, labels, note, shape: shape.to_vec(), journal, noted: Instant::now() })
    }

    /// Adds an item, and its class if it has one.
    pub fn push(&mut self, item: &[u8], class: Option<u32>) -> Result<()> {
        let written = self.items.file.write_all(item);
        let written = written.and_then(|()| self.labels.file.write_all(&class.unwrap_or(0).to_le_bytes()));
        self.journal.written += 1;
        written.map_err(|error| self.cannot(&error))
    }

    /// Takes note of how far it is, from time to time.
    pub fn note(&mut self) -> Result<()> {
        if self.noted.elapsed() < NOTED {
            return Ok(());
        }
        self.noted = Instant::now();
        self.items.sync().and_then(|()| self.labels.sync()).map_err(|error| self.cannot(&error))?;
        let text = serde_json::to_string(&self.journal).expect("names and numbers are JSON");
        files::write_atomically(&self.note, text.as_bytes())
    }

    fn cannot(&self, error: &io::Error) -> Error {
        Error::failure(format!("cannot write `{}`: {error}", self.items.path.display()))
    }

    /// Completes the file: its array, the classes and the description, which comes last. Says what was written.
    pub fn finish(self, found: Description, out: &Path) -> Result<String> {
        let count = self.journal.written;
        if count == 0 {
            return Err(Error::failure(format!("nothing is left to pack: {}", found.left_out)));
        }
        let cannot = |error: io::Error| Error::failure(format!("cannot write `{}`: {error}", out.display()));
        packed::forget(out)?;
        let mut hash = Sha256::new();
        let kind = if self.shape.len() == 3 { "|u1" } else { "<f4" };
        let shape = [&[count], &self.shape[..]].concat();
        let bytes = self.items.finish(kind, &shape, &mut hash, out).map_err(cannot)?;
        if found.classes.is_empty() {
            fs::remove_file(&self.labels.path).map_err(cannot)?;
        } else {
            self.labels.finish("<i4", &[count], &mut hash, &packed::labels(out)).map_err(cannot)?;
        }
        let items: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        let source = if found.source.is_empty() { items.clone() } else { found.source.clone() };
        packed::describe(out, &Description { count, items, source, ..found })?;
        let _ = fs::remove_file(&self.note); // there is none if it was quick
        Ok(said(count, &self.shape, out, bytes))
    }
}

/// Bytes of an item: pixels, or numbers of four bytes.
fn item_bytes(shape: &[usize]) -> usize {
    shape.iter().product::<usize>() * if shape.len() == 3 { 1 } else { 4 }
}
