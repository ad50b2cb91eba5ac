//! IDX files, the format of MNIST and its kin, gzipped or not.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::images::Images;
use super::unpack::{read_up_to, source, stem, too_large, unreadable};
use super::{Labels, Split, product};
use crate::error::{Error, Result};
use crate::memory;

/// What an IDX file holds, by its first four bytes: unsigned bytes in three dimensions, or in one.
#[derive(Clone, Copy)]
enum Kind {
    Images = 0x0803,
    Labels = 0x0801,
}

impl Kind {
    fn noun(self) -> &'static str {
        match self {
            Kind::Images => "images",
            Kind::Labels => "labels",
        }
    }

    fn rank(self) -> usize {
        self as usize & 0xff
    }
}

/// The IDX file of images for `split` in `folder`; none if the folder has no IDX files of images at all.
pub(super) fn in_folder(folder: &Path, split: Split) -> Result<Option<PathBuf>> {
    let entries = fs::read_dir(folder).map_err(|error| unreadable(folder, error))?;
    let mut by_stem = BTreeMap::new();
    for entry in entries {
        let path = entry.map_err(|error| unreadable(folder, error))?.path();
        let stem = stem(&path);
        if !(stem.contains("images") && stem.contains("idx3")) {
            continue;
        }
        let is_unpacked = path.extension().is_none_or(|extension| extension != "gz");
        if is_unpacked || !by_stem.contains_key(&stem) {
            by_stem.insert(stem, path);
        }
    }
    if by_stem.is_empty() {
        return Ok(None);
    }
    let fitting: Vec<_> = by_stem.into_iter().filter(|(stem, _)| split_of(stem) == Some(split)).collect();
    match fitting.as_slice() {
        [(_, path)] => Ok(Some(path.clone())),
        [] => Err(Error::failure(format!(
            "`{}` has IDX files, but none for {}: it would be called `{}`",
            folder.display(),
            if split == Split::Train { "training" } else { "testing" },
            if split == Split::Train { "train-images-idx3-ubyte" } else { "t10k-images-idx3-ubyte" },
        ))),
        several => Err(Error::failure(format!(
            "`{}` has {} IDX files that fit ({}): name one of them",
            folder.display(),
            several.len(),
            several.iter().map(|(stem, _)| stem.as_str()).collect::<Vec<_>>().join(", "),
        ))),
    }
}

/// The file to read for `split` when the user names `path`: itself, or its sibling of the other split.
pub(super) fn file_of(path: &Path, split: Split) -> Result<PathBuf> {
    let stem = stem(path);
    if split == Split::Train || split_of(&stem) == Some(Split::Test) {
        return Ok(path.to_owned());
    }
    let siblings = ["t10k", "test"].map(|test| stem.replace("train", test));
    let found = siblings.iter().filter(|name| **name != stem).find_map(|name| sibling(path, name));
    found.ok_or_else(|| {
        Error::failure(format!("`{}` has no test set beside it: it would be called `{}`", path.display(), siblings[0]))
    })
}

/// The images in `path`, and the labels in the file beside it if there is one.
pub(super) fn read(path: &Path) -> Result<(Images, Option<Labels>)> {
    let (dims, pixels) = load(path, Kind::Images)?;
    let &[count, height, width] = dims.as_slice() else {
        return Err(Error::failure(format!("`{}` does not hold images", path.display())));
    };
    if pixels.is_empty() {
        return Err(Error::failure(format!(
            "`{}` holds no pixels: its header says {}",
            path.display(),
            product(&dims)
        )));
    }
    let name = stem(path);
    let labels = name.replace("images", "labels").replace("idx3", "idx1");
    let labels = if labels == name { None } else { sibling(path, &labels) };
    let labels = labels.map(|labels| read_labels(&labels, path, count)).transpose()?;
    Ok((Images { pixels, channels: 1, height, width }, labels))
}

fn read_labels(path: &Path, images: &Path, count: usize) -> Result<Labels> {
    let (_, bytes) = load(path, Kind::Labels)?;
    if bytes.len() != count {
        return Err(Error::failure(format!(
            "`{}` holds {} labels, but `{}` holds {count} images: there must be one label for each",
            path.display(),
            bytes.len(),
            images.display(),
        )));
    }
    let classes = bytes.iter().max().map_or(0, |&last| u32::from(last) + 1);
    Ok(Labels {
        ids: bytes.into_iter().map(u32::from).collect(),
        names: (0..classes).map(|id| id.to_string()).collect(),
    })
}

/// The file called `stem` in the folder of `path`, unpacked or not.
fn sibling(path: &Path, stem: &str) -> Option<PathBuf> {
    [stem.to_owned(), format!("{stem}.gz")].into_iter().map(|name| path.with_file_name(name)).find(|path| path.exists())
}

fn split_of(stem: &str) -> Option<Split> {
    let has = |word| stem.contains(word);
    match () {
        () if has("train") => Some(Split::Train),
        () if has("t10k") || has("test") => Some(Split::Test),
        () if has("valid") => None,
        () => Some(Split::Train),
    }
}

/// The dimensions and the bytes of an IDX file. Memory grows with the bytes really there, never with the header's claim.
fn load(path: &Path, kind: Kind) -> Result<(Vec<usize>, Vec<u8>)> {
    let (mut source, plain_len) = source(path)?;
    let header_len = 4 + 4 * kind.rank();
    let header = read_up_to(&mut source, header_len as u64, path)?;
    let words: Vec<u32> =
        header.chunks_exact(4).map(|word| u32::from_be_bytes([word[0], word[1], word[2], word[3]])).collect();
    match words.first() {
        Some(&magic) if magic != kind as u32 => {
            return Err(Error::failure(format!(
                "`{}` starts with 0x{magic:08x}, but an IDX file of {} starts with 0x{:08x}",
                path.display(),
                kind.noun(),
                kind as u32,
            )));
        }
        _ if header.is_empty() => {
            return Err(Error::failure(format!(
                "`{}` is empty, but an IDX file of {} starts with 0x{:08x}",
                path.display(),
                kind.noun(),
                kind as u32,
            )));
        }
        _ if header.len() < header_len => {
            return Err(Error::failure(format!(
                "`{}` is cut short: it ends after {} of the {header_len} bytes of an IDX header",
                path.display(),
                header.len(),
            )));
        }
        _ => {}
    }
    let dims: Vec<usize> = words[1..].iter().map(|&dim| dim as usize).collect();
    let declared: u128 = dims.iter().map(|&dim| dim as u128).product();
    if let Some(len) = plain_len {
        let (resident, most) = (declared.min(len.into()) as u64, memory::most()?);
        if resident > most.bytes {
            return Err(too_large(path, most));
        }
        memory::ensure(resident)?;
    }
    let limit = u64::try_from(declared).unwrap_or(u64::MAX).saturating_add(1);
    let bytes = read_up_to(&mut source, limit, path)?;
    if bytes.len() as u128 != declared {
        let is_long = bytes.len() as u128 > declared;
        let found = match plain_len {
            _ if !is_long => bytes.len().to_string(),
            Some(len) => len.saturating_sub(header_len as u64).to_string(),
            None => "more".to_owned(),
        };
        let claim = match dims.as_slice() {
            [_] => declared.to_string(),
            _ => format!("{} = {declared}", product(&dims)),
        };
        return Err(Error::failure(format!(
            "`{}` says that it holds {claim} bytes of {}, but {found} follow its header",
            path.display(),
            kind.noun(),
        )));
    }
    Ok((dims, bytes))
}
