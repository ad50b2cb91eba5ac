//! Piano rolls in MATLAB files (level 5), as Boulanger-Lewandowski's protocol has them: cells of matrices [steps, 88].

use std::io::Read;
use std::path::Path;

use flate2::read::ZlibDecoder;

use super::music::{Chord, KEYS, Music};
use super::options::Holds;
use super::pieces::{self, Pieces};
use super::{About, Dataset, Options, Split, digest, unpack};
use crate::error::{Error, Result, counted};
use crate::memory;

/// Bytes of the header, which ends with the mark of the order of bytes.
const HEADER: usize = 128;
const LITTLE: &[u8] = b"IM";
/// Types of elements: a matrix, and elements that are compressed.
const MATRIX: u32 = 14;
const COMPRESSED: u32 = 15;
/// The class of an array of matrices.
const CELL: u8 = 1;
/// The classes of matrices of numbers: f64, f32, and integers of 8 to 64 bits.
const NUMBERS: std::ops::RangeInclusive<u8> = 6..=15;

/// The rolls in a MATLAB file: all its arrays of matrices, or, if the names of two begin with `train` and `test`, these
/// as the two parts, beside one that begins with `valid` to choose with; `None` for a test part that does not exist.
pub(super) fn read(path: &Path, options: &Options) -> Result<Option<Dataset>> {
    let place = format!("`{}`", path.display());
    options.check(&place, Holds::Rolls)?;
    let bytes = unpack::read(path)?;
    let arrays = arrays(&bytes).map_err(|fault| Error::failure(format!("{place} {fault}")))?;
    let mut about = About { source: digest::of_files(&[digest::of(&[&bytes])]), ..About::default() };
    let named = |start: &str| arrays.iter().find(|array| array.name.to_lowercase().starts_with(start));
    let parts = named("train").zip(named("test")).filter(|_| options.parts);
    let pieces = match parts {
        None => arrays.iter().flat_map(|array| array.pieces.clone()).collect(),
        Some((train, test)) => {
            let valid = named("valid");
            let held_out = valid.filter(|_| options.chooses).unwrap_or(test);
            let part = if options.split == Split::Train { train } else { held_out };
            about.part = match (options.split, valid) {
                (Split::Test, _) => format!("{}, beside {} to learn from", part.name, train.name),
                (Split::Train, None) => format!("{}, beside {} to measure with", part.name, test.name),
                (Split::Train, Some(valid)) => {
                    format!("{}, beside {} to measure with and {} to choose with", part.name, test.name, valid.name)
                }
            };
            let used = [Some(&train.name), Some(&test.name), valid.map(|valid| &valid.name)];
            for array in arrays.iter().filter(|array| !used.contains(&Some(&array.name))) {
                let pieces = counted(array.pieces.len(), "piece");
                about.notes.push(format!("`{}` ({pieces}) is neither learned nor measured", array.name));
            }
            part.pieces.clone()
        }
    };
    let music = Music { steps_per_beat: options.steps_per_beat.unwrap_or(1), ..Music::default() };
    pieces::rolls(Pieces { root: path, own_test: parts.is_some(), music, about, options }, pieces, false)
}

/// An array of rolls.
struct Array {
    name: String,
    pieces: Vec<Vec<Chord>>,
}

/// The arrays of rolls in a file, or its fault.
fn arrays(bytes: &[u8]) -> Result<Vec<Array>, String> {
    if bytes.is_empty() {
        return Err("is empty".into());
    }
    if bytes.starts_with(b"MATLAB 7.3") {
        return Err("is a MATLAB file of version 7.3 (HDF5): save it with `-v7`".into());
    }
    if bytes.get(HEADER - 2..HEADER) != Some(LITTLE) {
        return Err("is no MATLAB file of version 5 to 7 with the low byte first: save it with `-v7`".into());
    }
    let (mut rest, mut found, mut others) = (&bytes[HEADER..], vec![], vec![]);
    while !rest.is_empty() {
        let (kind, data, next) = element(rest).ok_or("is cut short")?;
        rest = next;
        let unpacked = if kind == COMPRESSED { inflated(data)? } else { vec![] };
        let (kind, data) = match kind {
            COMPRESSED => element(&unpacked).map(|(kind, data, _)| (kind, data)).ok_or("is damaged")?,
            kind => (kind, data),
        };
        if kind == MATRIX
            && let Some(matrix) = Matrix::of(data)
        {
            match matrix.class {
                CELL => found.push(Array { pieces: matrix.rolls()?, name: matrix.name }),
                _ => others.push(format!("`{}` is {}", matrix.name, super::product(&matrix.extents))),
            }
        }
    }
    match found.is_empty() {
        true => {
            let others = if others.is_empty() { String::new() } else { format!(": {}", others.join(", ")) };
            Err(format!("holds no cell array of pieces, each a matrix of steps x {KEYS} keys of a piano{others}"))
        }
        false => Ok(found),
    }
}

fn inflated(data: &[u8]) -> Result<Vec<u8>, String> {
    let (most, mut bytes) = (memory::most().map_err(|error| error.to_string())?, vec![]);
    let read = ZlibDecoder::new(data).take(most.bytes.saturating_add(1)).read_to_end(&mut bytes);
    match read {
        Err(error) => Err(format!("is damaged: {error}")),
        Ok(_) if bytes.len() as u64 > most.bytes => Err(format!("holds more than {most}")),
        Ok(_) => Ok(bytes),
    }
}

/// The type and the bytes of the first element, and what follows it; `None` if it is cut short.
fn element(bytes: &[u8]) -> Option<(u32, &[u8], &[u8])> {
    let number = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let tag = number(0)?;
    // Four bytes or fewer lie in the tag itself.
    if tag >> 16 != 0 {
        return Some((tag & 0xffff, bytes.get(4..4 + (tag >> 16) as usize)?, bytes.get(8..)?));
    }
    let len = number(4)? as usize;
    let data = bytes.get(8..)?.get(..len)?;
    // All but compressed elements begin at multiples of 8 bytes; the last one may lack its padding.
    let whole = if tag == COMPRESSED { len } else { len.checked_next_multiple_of(8)? };
    Some((tag, data, bytes[8..].get(whole..).unwrap_or(&[])))
}

/// A matrix, or an array of matrices.
struct Matrix<'a> {
    class: u8,
    extents: Vec<usize>,
    name: String,
    /// The numbers, column by column, or the matrices, as elements.
    content: &'a [u8],
}

impl<'a> Matrix<'a> {
    /// `None` if it is cut short.
    fn of(bytes: &'a [u8]) -> Option<Self> {
        let (_, flags, rest) = element(bytes)?;
        let (_, extents, rest) = element(rest)?;
        let (_, name, content) = element(rest)?;
        let extents = extents.chunks_exact(4).map(|n| u32::from_le_bytes([n[0], n[1], n[2], n[3]]) as usize).collect();
        Some(Self { class: *flags.first()?, extents, name: String::from_utf8_lossy(name).into_owned(), content })
    }

    /// The rolls in an array.
    fn rolls(&self) -> Result<Vec<Vec<Chord>>, String> {
        let (mut rest, mut pieces) = (self.content, vec![]);
        while !rest.is_empty() {
            let place = || format!("`{}`, piece {},", self.name, pieces.len() + 1);
            let (_, data, next) = element(rest).ok_or_else(|| format!("is cut short: {} is not whole", place()))?;
            let matrix = Self::of(data).ok_or_else(|| format!("is damaged: {} is no matrix", place()))?;
            pieces.push(matrix.roll().map_err(|fault| format!("holds no rolls: {} {fault}", place()))?);
            rest = next;
        }
        Ok(pieces)
    }

    /// The roll that a matrix of 0 and 1 is.
    fn roll(&self) -> Result<Vec<Chord>, String> {
        let &[steps, KEYS] = self.extents.as_slice() else {
            let extents = super::product(&self.extents);
            return Err(format!("is {extents}, and not steps x {KEYS} keys of a piano"));
        };
        if !NUMBERS.contains(&self.class) {
            return Err("holds no plain numbers".into());
        }
        let (kind, values, _) = element(self.content).ok_or("is cut short")?;
        let size = size(kind).filter(|size| steps.checked_mul(KEYS * size) == Some(values.len()));
        let size = size.ok_or("has another number of values than its extents say")?;
        let mut wrong = false;
        let mut is_set = |step: usize, key: usize| {
            let value = &values[(key * steps + step) * size..][..size];
            let is_one = value == one(kind, size);
            wrong |= !is_one && value.iter().any(|byte| *byte != 0);
            is_one
        };
        let piece = (0..steps).map(|step| Chord::of(KEYS, |key| is_set(step, key))).collect();
        if wrong { Err("has values other than 0 and 1".into()) } else { Ok(piece) }
    }
}

/// Bytes of a number of a type.
fn size(kind: u32) -> Option<usize> {
    Some(match kind {
        1 | 2 => 1,
        3 | 4 => 2,
        5..=7 => 4,
        9 | 12 | 13 => 8,
        _ => return None,
    })
}

/// The bytes of 1 in a type: f32 is type 7, f64 type 9, the others are integers.
fn one(kind: u32, size: usize) -> Vec<u8> {
    match kind {
        7 => 1f32.to_le_bytes().to_vec(),
        9 => 1f64.to_le_bytes().to_vec(),
        _ => 1u64.to_le_bytes()[..size].to_vec(),
    }
}
