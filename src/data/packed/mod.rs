//! Packed files: an array that `saddle pack` wrote, items of one size back to back, with a description beside it. Its
//! items can be read one by one.

mod description;
mod open;

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::SystemTime;

use rayon::prelude::*;

use super::{Columns, Dataset, Items};
use crate::error::{Error, Result};
use crate::memory;

pub(super) use description::{Column, Description, describe, forget, holds_rows, is_packed, labels};
pub(super) use open::open;

/// Items in a packed file.
#[derive(Debug)]
pub struct Packed {
    path: PathBuf,
    file: File,
    /// Length and time of change of the file when it was opened.
    stamp: (u64, Option<SystemTime>),
    /// Bytes before the first unit, an image or a row.
    start: u64,
    /// Values of a unit, and units of an item.
    unit: usize,
    span: usize,
    content: Content,
    is_shuffled: bool,
    runs: Vec<Run>,
    /// Units from one item of a run to the next.
    stride: usize,
    count: usize,
    /// The first failure, after which nothing more is read.
    broken: OnceLock<String>,
}

/// What the values are.
#[derive(Debug)]
enum Content {
    /// Bytes of pixels, channels last.
    Pixels { channels: usize },
    /// Numbers in the data's units, row by row.
    Numbers(Columns),
}

/// Items at equal distances: the number of the first, and the unit that it begins with.
#[derive(Debug, Clone, Copy)]
struct Run {
    item: usize,
    unit: usize,
}

impl Packed {
    /// The number of items.
    #[expect(clippy::len_without_is_empty, reason = "a packed file has items")]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether the items are pixels.
    pub fn is_of_pixels(&self) -> bool {
        matches!(self.content, Content::Pixels { .. })
    }

    /// Whether the items lie in random order.
    pub fn is_shuffled(&self) -> bool {
        self.is_shuffled
    }

    /// Reads items from `first` on, `count` at most, in their order, so that they are in the system's cache.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn warm(&self, first: usize, count: usize) -> Result<()> {
        let mut words = vec![0u32; self.item_len()];
        (first..(first + count).min(self.count)).try_for_each(|i| self.read(i, &mut words))
    }

    /// The failure after which nothing more is read, if there was one.
    pub fn failure(&self) -> Option<Error> {
        self.broken.get().map(Error::failure)
    }

    /// Values of an item.
    fn item_len(&self) -> usize {
        self.unit * self.span
    }

    /// Copies item `i` to the beginning of `words`, as devices store it.
    ///
    /// # Errors
    /// A file that has changed since it was opened, or cannot be read.
    pub fn read(&self, i: usize, words: &mut [u32]) -> Result<()> {
        if let Some(error) = self.failure() {
            return Err(error);
        }
        self.copy(i, words).map_err(|error| {
            let sentence = format!("`{}` {error}", self.path.display());
            self.broken.get_or_init(|| sentence.clone());
            Error::failure(sentence)
        })
    }

    fn copy(&self, i: usize, words: &mut [u32]) -> io::Result<()> {
        let found = self.file.metadata()?;
        if (found.len(), found.modified().ok()) != self.stamp {
            return Err(changed(if found.len() < self.stamp.0 { "was cut short" } else { "was changed" }));
        }
        let run = self.runs[self.runs.partition_point(|run| run.item <= i) - 1];
        let first = (run.unit + (i - run.item) * self.stride) * self.unit;
        let cannot = |error: io::Error| match error.kind() {
            // It was cut after the look at its length.
            io::ErrorKind::UnexpectedEof => changed("was cut short"),
            _ => io::Error::other(format!("cannot be read: {error}")),
        };
        let len = self.item_len();
        match &self.content {
            Content::Pixels { channels: 1 } => {
                let bytes = &mut bytemuck::cast_slice_mut(words)[..len];
                read_at(&self.file, bytes, self.start + first as u64).map_err(cannot)
            }
            Content::Pixels { channels } => {
                let (mut pixels, plane) = (vec![0; len], len / channels);
                read_at(&self.file, &mut pixels, self.start + first as u64).map_err(cannot)?;
                let bytes = &mut bytemuck::cast_slice_mut(words)[..len];
                for (channel, to) in bytes.chunks_exact_mut(plane).enumerate() {
                    to.iter_mut().zip(pixels[channel..].iter().step_by(*channels)).for_each(|(to, from)| *to = *from);
                }
                Ok(())
            }
            Content::Numbers(columns) => {
                let values: &mut [f32] = bytemuck::cast_slice_mut(&mut words[..len]);
                let bytes = bytemuck::cast_slice_mut(values);
                read_at(&self.file, bytes, self.start + 4 * first as u64).map_err(cannot)?;
                const { assert!(cfg!(target_endian = "little")) };
                for row in values.chunks_exact_mut(columns.names.len()) {
                    let seen: Vec<f32> = columns.seen(row.iter().map(|&value| value.into())).collect();
                    row.copy_from_slice(&seen);
                }
                Ok(())
            }
        }
    }

    /// Item `i` as models see it. A file that cannot be read gives zeros here, and its error to whatever reads next.
    pub(super) fn item(&self, i: usize) -> Vec<f32> {
        let mut words = vec![0u32; self.item_len()];
        if self.read(i, &mut words).is_err() {
            return vec![0.0; self.item_len()];
        }
        match self.content {
            Content::Numbers(_) => bytemuck::cast_slice(&words).to_vec(),
            Content::Pixels { .. } => {
                let bytes: &[u8] = bytemuck::cast_slice(&words);
                bytes[..self.item_len()].iter().map(|&byte| f32::from(byte) / 127.5 - 1.0).collect()
            }
        }
    }

    /// Bytes of all items in memory.
    pub(super) fn bytes(&self) -> u64 {
        (self.count * self.item_len()) as u64 * if self.is_of_pixels() { 1 } else { 4 }
    }

    /// All items, in memory.
    fn loaded(&self) -> Result<Items> {
        let (bytes, most) = (self.bytes(), memory::most()?);
        if bytes > most.bytes {
            return Err(Error::failure(format!(
                "the items of `{}` take {}, more than {most}",
                self.path.display(),
                memory::mib(bytes)
            )));
        }
        memory::ensure(bytes)?;
        let len = self.item_len();
        if self.is_of_pixels() {
            let mut pixels = memory::room(self.count * len)?;
            pixels.resize(self.count * len, 0);
            pixels.par_chunks_mut(len).enumerate().try_for_each(|(i, to)| {
                let mut words = vec![0u32; len.div_ceil(4)];
                self.read(i, &mut words).map(|()| to.copy_from_slice(&bytemuck::cast_slice(&words)[..len]))
            })?;
            return Ok(Items::Bytes(pixels.into()));
        }
        let mut values: Vec<f32> = memory::room(self.count * len)?;
        values.resize(self.count * len, 0.0);
        let items = values.par_chunks_mut(len).enumerate();
        items.try_for_each(|(i, to)| self.read(i, bytemuck::cast_slice_mut(to)))?;
        Ok(Items::Floats(values.into()))
    }
}

#[cfg(unix)]
pub(super) fn read_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, offset)
}

#[cfg(windows)]
pub(super) fn read_at(file: &File, mut bytes: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, bytes, offset)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => (bytes, offset) = (&mut bytes[read..], offset + read as u64),
        }
    }
    Ok(())
}

impl Dataset {
    /// The same set with its items in memory.
    ///
    /// # Errors
    /// More items than memory holds, or a file that cannot be read.
    pub fn resident(self) -> Result<Self> {
        let items = match &self.items {
            Items::File(packed) => packed.loaded()?,
            _ => return Ok(self),
        };
        Ok(Self { items, ..self })
    }
}

/// The error for a file that is not what it was.
fn changed(way: &str) -> io::Error {
    io::Error::other(format!("{way} after it was opened: pack the data again, and resume"))
}
