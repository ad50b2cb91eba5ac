//! Items in memory, in the layout of devices, so that a runner in main memory needs no copy.

use std::iter::repeat_n;
use std::ops::Deref;
use std::sync::Arc;

use super::packed::Packed;
use crate::error::Result;

/// What is wrong with a program that takes items in a file for items in memory.
pub(super) const IN_FILE: &str = "items in a file are read one by one, or taken into memory first";

/// Items, back to back unless they say where they begin. Clones share their memory.
#[derive(Clone, Debug)]
pub enum Items {
    /// Pixels; 0 to 255 stand for -1 to 1. Keys of rolls: 0 for 0 and 255 for 1; 1 stands for the silence by which a
    /// piece is filled up.
    Bytes(Bytes),
    /// Values as a model sees them: points, scaled by column if they come from a file; features of sequences, in 0 to
    /// 1.
    Floats(Arc<Vec<f32>>),
    /// The steps of sequences as numbers of symbols.
    Symbols {
        /// Numbers of 16 bits, low byte first: whole texts, one after the other.
        ids: Bytes,
        /// The place of the first number of each item. Windows of a text overlap and share its memory.
        starts: Arc<Vec<u32>>,
    },
    /// Pixels or numbers that stay in a file and are read one by one. [`Dataset::resident`](super::Dataset::resident)
    /// takes them into memory, which all that looks at the whole set needs.
    File(Arc<Packed>),
}

impl PartialEq for Items {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Bytes(a), Self::Bytes(b)) => a == b,
            (Self::Floats(a), Self::Floats(b)) => a == b,
            (Self::Symbols { ids, starts }, Self::Symbols { ids: other_ids, starts: others }) => {
                ids == other_ids && starts == others
            }
            (Self::File(a), Self::File(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }
}

impl Items {
    /// The words that devices store: four bytes each, the lowest first, or the bits of one float.
    ///
    /// # Panics
    /// If the items are in a file.
    pub fn words(&self) -> &[u32] {
        match self {
            Self::Bytes(bytes) | Self::Symbols { ids: bytes, .. } => bytemuck::cast_slice(&bytes.memory[bytes.start..]),
            Self::Floats(floats) => bytemuck::cast_slice(floats),
            Self::File(_) => panic!("{IN_FILE}"),
        }
    }

    /// Whether the items stay in a file.
    pub fn is_in_file(&self) -> bool {
        matches!(self, Self::File(_))
    }

    /// Copies item `i`, of `len` elements, to the beginning of `words`, as devices store it.
    ///
    /// # Errors
    /// An item that cannot be read.
    pub fn read(&self, i: usize, len: usize, words: &mut [u32]) -> Result<()> {
        match self {
            Self::Floats(floats) => words.copy_from_slice(bytemuck::cast_slice(&floats[i * len..][..len])),
            Self::Bytes(bytes) => bytemuck::cast_slice_mut(words)[..len].copy_from_slice(&bytes[i * len..][..len]),
            Self::Symbols { ids, starts } => {
                let first = 2 * starts[i] as usize;
                bytemuck::cast_slice_mut(words)[..2 * len].copy_from_slice(&ids[first..][..2 * len]);
            }
            Self::File(packed) => packed.read(i, words)?,
        }
        Ok(())
    }
}

/// Shared bytes that can be read as words: the first byte is word-aligned, and zeros complete the last word.
#[derive(Clone, Debug)]
pub struct Bytes {
    memory: Arc<Vec<u8>>,
    start: usize,
    len: usize,
}

impl From<Vec<u8>> for Bytes {
    fn from(mut memory: Vec<u8>) -> Self {
        let len = memory.len();
        let padding = len.next_multiple_of(size_of::<u32>()) - len;
        memory.reserve_exact(padding + align_of::<u32>());
        // Allocators align large blocks, so usually this moves nothing.
        let start = memory.as_ptr().align_offset(align_of::<u32>());
        memory.splice(..0, repeat_n(0, start));
        memory.extend(repeat_n(0, padding));
        Self { memory: memory.into(), start, len }
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.memory[self.start..][..self.len]
    }
}

impl PartialEq for Bytes {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_the_bytes_where_they_lie() {
        for len in 0..9u8 {
            let bytes: Vec<u8> = (1..=len).collect();
            let items = Items::Bytes(bytes.clone().into());
            let Items::Bytes(held) = &items else { unreachable!("bytes were put in") };
            assert_eq!(held[..], bytes);
            let words: Vec<u8> = items.words().iter().flat_map(|word| word.to_le_bytes()).collect();
            assert_eq!(words[..bytes.len()], bytes);
            assert!(words.len() < bytes.len() + 4 && words[bytes.len()..].iter().all(|byte| *byte == 0));
        }
    }

    #[test]
    fn a_clone_shares_the_memory() {
        for items in [Items::Bytes(vec![7; 1000].into()), Items::Floats(vec![7.0; 1000].into())] {
            assert_eq!(items.clone().words().as_ptr(), items.words().as_ptr());
        }
    }
}
