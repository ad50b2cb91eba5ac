//! IDX files, the format of MNIST and its kin, gzipped or not.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::digest::{self, FileDigest};
use super::images::Images;
use super::levels::{Levels, darkness};
use super::options::Holds;
use super::unpack::{is_gzipped, read_up_to, source, stem, too_large};
use super::{About, Dataset, Labels, Options, Split, holdout, listing, product, resized, set_name};
use crate::error::{Error, Result};
use crate::memory;

/// The content of an IDX file, by its first four bytes: unsigned bytes in three dimensions, or in one.
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

/// The set in `folder`. Outer `None`: the folder has no IDX files of images. Inner `None`: there is no test part.
pub(super) fn in_folder(folder: &Path, options: &Options) -> Result<Option<Option<Dataset>>> {
    let mut by_stem = BTreeMap::new();
    for path in listing::entries(folder)? {
        let stem = stem(&path).to_lowercase();
        if !(stem.contains("images") && stem.contains("idx3")) || path.is_dir() {
            continue;
        }
        if !is_gzipped(&path) || !by_stem.contains_key(&stem) {
            by_stem.insert(stem, path);
        }
    }
    if by_stem.is_empty() {
        return Ok(None);
    }
    let fitting = |split| by_stem.iter().filter(|(stem, _)| split_of(stem) == Some(split)).collect::<Vec<_>>();
    match fitting(Split::Train).as_slice() {
        [(_, path)] => open(path, options).map(Some),
        [] => Err(Error::failure(format!(
            "`{}` has IDX files, but none for training: it would be called `train-images-idx3-ubyte`",
            folder.display(),
        ))),
        several => Err(Error::failure(format!(
            "`{}` has {} IDX files that fit ({}): name one of them",
            folder.display(),
            several.len(),
            several.iter().map(|(stem, _)| stem.as_str()).collect::<Vec<_>>().join(", "),
        ))),
    }
}

/// Whether the name of `path` is that of an IDX file.
pub(super) fn is_named(path: &Path) -> bool {
    let name = stem(path).to_lowercase();
    name.contains("idx") || name.ends_with("ubyte")
}

/// Whether the name of `path` is that of an IDX file, or its first bytes are.
pub(super) fn is_idx(path: &Path) -> Result<bool> {
    if is_named(path) {
        return Ok(true);
    }
    let head = read_up_to(&mut source(path)?.0, 3, path)?;
    match head.as_slice() {
        [] => Err(Error::failure(format!("`{}` is empty", path.display()))),
        head => Ok(head == [0, 0, 8]),
    }
}

/// The requested part: the file that the user names, or its sibling with the other part; `None` if there is no test
/// part.
pub(super) fn open(path: &Path, options: &Options) -> Result<Option<Dataset>> {
    options.check(&format_args!("`{}`", path.display()), Holds::Images)?;
    let test = if options.parts && split_of(&stem(path)) == Some(Split::Train) { test_of(path) } else { None };
    if test.is_none() && holdout::is_empty(options) {
        return Ok(None);
    }
    let (file, part) = match (options.split, &test) {
        (_, None) => (path, String::new()),
        (Split::Train, Some(test)) => (path, format!("{}, beside {} to measure with", stem(path), stem(test))),
        (Split::Test, Some(test)) => (test.as_path(), format!("{}, beside {} to learn from", stem(test), stem(path))),
    };
    let learned = if file == path { None } else { Some(path) };
    let about = About { part, ..About::default() };
    let set = read(file, learned, about, options)?;
    Ok(if test.is_some() { Some(set) } else { holdout::part(set, options) })
}

/// The test sibling of a training file.
fn test_of(path: &Path) -> Option<PathBuf> {
    let stem = stem(path).to_lowercase();
    let siblings = ["t10k", "test", "validation", "valid", "val"].map(|test| stem.replace("train", test));
    siblings.iter().filter(|name| **name != stem).find_map(|name| sibling(path, name))
}

/// The images in `path`, and the labels in the file beside it if there is one. A test part takes classes and levels
/// from the training file `learned`.
fn read(path: &Path, learned: Option<&Path>, mut about: About, options: &Options) -> Result<Dataset> {
    let (dims, pixels, file) = load(path, Kind::Images)?;
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
    let mut labels = labels_of(path).map(|labels| read_labels(&labels, path, count)).transpose()?;
    let files: Vec<FileDigest> = [file].into_iter().chain(labels.iter().map(|(_, file)| *file)).collect();
    if let Some(learned) = learned {
        let known = labels_of(learned).map(|labels| load(&labels, Kind::Labels)).transpose()?;
        if known.is_none() && labels.is_some() {
            about.notes.push(format!(
                "the labels of `{}` are not used: `{}` has none",
                path.display(),
                learned.display()
            ));
        }
        labels = labels.zip(known).map(|((labels, file), (_, known, _))| {
            let names = class_names(&known);
            let unknown = names.len() as u32; // which is left out later
            let ids = labels.ids.into_iter().map(|id| id.min(unknown)).collect();
            (Labels { ids, names }, file)
        });
    }
    let reference = learned.map(|learned| load(learned, Kind::Images)).transpose()?;
    let values = reference.as_ref().map_or(&pixels, |(_, pixels, _)| pixels).iter().map(|&byte| f64::from(byte));
    let levels = Levels::of(&format_args!("`{}`", path.display()), values, true, options.range)?;
    let pixels = match (levels.black, levels.white) {
        (0.0, 255.0) => pixels,
        _ => pixels.into_iter().map(|byte| levels.byte(f64::from(byte))).collect(),
    };
    about.range = levels.said;
    if options.range.is_none() {
        about.notes.extend(darkness(&pixels));
    }
    about.source = digest::of_files(&files);
    let images = resized(path, Images { pixels, channels: 1, height, width }, options)?;
    let name = set_name(path);
    Dataset::of_images(name, images, labels.map(|(labels, _)| labels), about, options).without_unknown_classes()
}

/// The file of labels beside a file of images.
fn labels_of(path: &Path) -> Option<PathBuf> {
    let name = stem(path).to_lowercase();
    let labels = name.replace("images", "labels").replace("idx3", "idx1");
    if labels == name { None } else { sibling(path, &labels) }
}

fn read_labels(path: &Path, images: &Path, count: usize) -> Result<(Labels, FileDigest)> {
    let (_, bytes, file) = load(path, Kind::Labels)?;
    if bytes.len() != count {
        return Err(Error::failure(format!(
            "`{}` holds {} labels, but `{}` holds {count} images: there must be one label for each",
            path.display(),
            bytes.len(),
            images.display(),
        )));
    }
    let names = class_names(&bytes);
    Ok((Labels { ids: bytes.into_iter().map(u32::from).collect(), names }, file))
}

/// The names of the classes: the numbers from 0 to the greatest label.
fn class_names(labels: &[u8]) -> Vec<String> {
    (0..labels.iter().max().map_or(0, |&last| u32::from(last) + 1)).map(|id| id.to_string()).collect()
}

/// The file called `name` (case-insensitive) in the folder of `path`, gzipped or not; the unpacked file if both exist.
fn sibling(path: &Path, name: &str) -> Option<PathBuf> {
    let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    let named = listing::entries(folder).ok()?.into_iter().filter(|file| stem(file).eq_ignore_ascii_case(name));
    named.min_by_key(|file| is_gzipped(file))
}

fn split_of(stem: &str) -> Option<Split> {
    let stem = stem.to_lowercase();
    let has = |word| stem.contains(word);
    match () {
        () if has("train") => Some(Split::Train),
        () if has("t10k") || has("test") => Some(Split::Test),
        () if has("valid") => None,
        () => Some(Split::Train),
    }
}

/// The dimensions, the bytes and the digest of an IDX file. Memory grows with the bytes in the file, not with the size
/// that the header claims.
fn load(path: &Path, kind: Kind) -> Result<(Vec<usize>, Vec<u8>, FileDigest)> {
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
    let file = digest::of(&[&header, &bytes]);
    Ok((dims, bytes, file))
}
