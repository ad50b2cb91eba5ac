//! Folders of image files; sub-folders are classes.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use image::DynamicImage;
use rayon::prelude::*;

use super::decode::{Square, has_color, square};
use super::folder::{self, Files, in_order};
use super::images::Images;
use super::levels::{Levels, darkness};
use super::limits::Budget;
use super::listing::below;
use super::options::Holds;
use super::{About, Dataset, Labels, LeftOut, Options, check_memory, digest, set_name};
use crate::error::{Error, Result};
use crate::memory;
use crate::settings::Range;

/// Side of images from a folder, in pixels, if the options give none.
pub(super) const DEFAULT_SIZE: usize = 64;

/// Images and their classes: the class of an image is the first folder on the path to it.
pub(super) struct Classed {
    pub files: Vec<PathBuf>,
    pub ids: Vec<u32>,
    /// The classes in order; empty if images have no folders of their own, or all the same folder.
    pub names: Vec<String>,
    pub notes: Vec<String>,
}

impl Classed {
    /// Sorts `files` below `folder` into classes. Images beside the folders of classes are left out if they are the
    /// minority.
    pub fn of(folder: &Path, files: &[PathBuf], left_out: &mut LeftOut) -> Self {
        let classes: Vec<Option<String>> = files.iter().map(|file| class(folder, file)).collect();
        let names = in_order(classes.iter().flatten().cloned().collect());
        let strays = classes.iter().filter(|class| class.is_none()).count();
        if names.len() < 2 || strays > files.len() / 2 {
            let note = format!(
                "no classes: {strays} of {} images lie beside the folders `{}`",
                files.len(),
                names.iter().take(3).cloned().collect::<Vec<_>>().join("`, `")
            );
            let notes = if names.len() < 2 { vec![] } else { vec![note] };
            return Self { files: files.to_vec(), ids: vec![], names: vec![], notes };
        }
        Self::known(folder, files, names, left_out)
    }

    /// Sorts `files` below `folder` into the classes `names`; other files are left out.
    fn known(folder: &Path, files: &[PathBuf], names: Vec<String>, left_out: &mut LeftOut) -> Self {
        let (mut kept, mut ids) = (vec![], vec![]);
        let numbers: HashMap<&str, u32> = names.iter().map(String::as_str).zip(0..).collect();
        for file in files {
            let class = class(folder, file);
            match class.as_ref().map(|class| numbers.get(class.as_str())) {
                Some(Some(&id)) => {
                    kept.push(file.clone());
                    ids.push(id);
                }
                Some(None) => {
                    left_out.add("images of classes that the part to learn from has not", below(folder, file));
                }
                None => left_out.add("images beside the folders of classes", below(folder, file)),
            }
        }
        Self { files: kept, ids, names, notes: vec![] }
    }
}

fn class(folder: &Path, file: &Path) -> Option<String> {
    let below = file.strip_prefix(folder).ok()?;
    let first = below.components().next()?.as_os_str();
    (Path::new(first) != below).then(|| first.to_string_lossy().into_owned())
}

/// The images of a part of a folder: the central square of each, resampled to the size in the options. The images
/// become grey if the options say so or if all training images are grey. A test part has the classes of `train`.
///
/// Images that cannot be read are left out.
pub(super) fn read(files: Files, folder: &Path, train: Option<Classed>, options: &Options) -> Result<Dataset> {
    let Files { root, mut left_out, said, .. } = files;
    options.check(&format_args!("`{}`", root.display()), Holds::Images)?;
    let classed = match &train {
        Some(train) if train.names.is_empty() => {
            Classed { files: files.part.to_vec(), ids: vec![], names: vec![], notes: vec![] }
        }
        Some(train) => Classed::known(folder, files.part, train.names.clone(), &mut left_out),
        None => Classed::of(folder, files.part, &mut left_out),
    };
    let size = options.size.unwrap_or(DEFAULT_SIZE);
    let deep = options.range.is_some();
    check_memory(folder, "image", classed.files.len(), 3 * size * size, "a smaller size")?;
    let budget = Budget::new(memory::most()?.bytes);
    let read: Vec<_> = classed.files.par_iter().map(|file| square(file, size, deep, &budget)).collect();
    let (mut squares, mut ids) = (vec![], vec![]);
    for (i, square) in read.into_iter().enumerate() {
        match square {
            Ok(square) => {
                squares.push(square);
                ids.extend(classed.ids.get(i));
            }
            Err(reason) => {
                let name = below(root, &classed.files[i]);
                left_out.add("images that cannot be read", format!("{name}: {reason}"));
            }
        }
    }
    if squares.is_empty() {
        return Err(Error::failure(format!("`{}` holds no image that can be read: {left_out}", folder.display())));
    }
    let is_grey = match &train {
        None => squares.iter().all(|square| !square.image.color().has_color()),
        Some(train) => !train.files.par_iter().any(|file| has_color(file, &budget) == Some(true)),
    };
    let channels = options.channels.unwrap_or(if is_grey { 1 } else { 3 });
    let source = digest::of_files(squares.iter().map(|square| &square.file));
    let mut notes = classed.notes;
    notes.extend(empty_class(&classed.names, &ids));
    if train.is_none() {
        notes.extend(folder::without_images(folder, &classed.names)?);
        notes.extend(folder::parts_as_classes(&classed.names).filter(|_| options.parts));
    }
    let transparent = match squares.iter().filter(|square| square.transparent).count() {
        0 => vec![],
        1 => vec!["1 image is transparent, and lies on white".into()],
        count => vec![format!("{count} images are transparent, and lie on white")],
    };
    let (levels, range) = match options.range {
        None => (None, String::new()),
        Some(range) => {
            let learned: Vec<Square> = match (&train, range) {
                (Some(train), Range::Data) => {
                    train.files.par_iter().filter_map(|file| square(file, size, deep, &budget).ok()).collect()
                }
                _ => vec![],
            };
            let (levels, said) = stretch(range, if learned.is_empty() { &squares } else { &learned })?;
            (Some(levels), said)
        }
    };
    let bytes = |square: Square| match levels {
        None => planar(square.image, channels),
        Some(levels) => planar_deep(square, channels, levels),
    };
    let pixels: Vec<u8> = squares.into_par_iter().flat_map_iter(bytes).collect();
    if options.range.is_none() {
        notes.extend(darkness(&pixels));
    }
    let labels = (!classed.names.is_empty()).then_some(Labels { ids, names: classed.names });
    let set = Images { pixels, channels, height: size, width: size };
    let about = About { part: said, range, findings: transparent, left_out, notes, source, content: None };
    Ok(Dataset::of_images(set_name(root), set, labels, about, options))
}

/// The note on classes without readable images.
fn empty_class(names: &[String], ids: &[u32]) -> Option<String> {
    let mut counts = vec![0usize; names.len()];
    ids.iter().for_each(|&id| counts[id as usize] += 1);
    let empty: Vec<&str> = names.iter().zip(&counts).filter(|(_, n)| **n == 0).map(|(name, _)| name.as_str()).collect();
    (!empty.is_empty()).then(|| format!("no images here of the classes `{}`", empty.join("`, `")))
}

/// The values of black and white for images of 8 bits and of 16 bits, in 65,535ths.
type Stretch = [(f64, f64); 2];

fn stretch(range: Range, squares: &[Square]) -> Result<(Stretch, String)> {
    /// One level of 8 bits in 65,535ths.
    const UNIT: f64 = 257.0;
    let (low, high) =
        squares.iter().fold((u16::MAX, 0), |(low, high), square| (low.min(square.ends.0), high.max(square.ends.1)));
    let white = match range {
        Range::Unit => 1.0,
        Range::Byte => 255.0,
        Range::Word => 65535.0,
        Range::Symmetric => return Err(Error::usage("range=-1..1 is for arrays: pixels of image files are 0 or more")),
        Range::Data => {
            let ends = (f64::from(low), f64::from(high));
            let unit = if squares.iter().all(|square| square.bits == 8) { UNIT } else { 1.0 };
            return Ok(([ends; 2], format!("{}..{}, the least and the greatest", ends.0 / unit, ends.1 / unit)));
        }
    };
    Ok(([(0.0, white * UNIT), (0.0, white)], format!("{}, as `range` says", range.word())))
}

/// The pixels of `image`, one channel after the other.
fn planar(image: DynamicImage, channels: usize) -> Vec<u8> {
    if channels == 1 {
        return image.into_luma8().into_raw();
    }
    let rgb = image.into_rgb8().into_raw();
    (0..3).flat_map(|channel| rgb.iter().skip(channel).step_by(3)).copied().collect()
}

/// The pixels of a 16-bit image as bytes, one channel after the other, by the values of black and white.
fn planar_deep(square: Square, channels: usize, levels: Stretch) -> Vec<u8> {
    let (black, white) = levels[usize::from(square.bits > 8)];
    let levels = Levels { black, white, said: String::new() };
    let values =
        if channels == 1 { square.image.into_luma16().into_raw() } else { square.image.into_rgb16().into_raw() };
    (0..channels)
        .flat_map(|channel| values.iter().skip(channel).step_by(channels))
        .map(|&value| levels.byte(f64::from(value)))
        .collect()
}
