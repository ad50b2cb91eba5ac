//! Folders of image files; sub-folders are classes.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use image::{ColorType, DynamicImage};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::decode::{Picture, Reading, color, picture};
use super::folder::{self, Files, in_order};
use super::images::{Images, colours};
use super::levels::{Levels, darkness};
use super::limits::Budget;
use super::listing::below;
use super::options::Holds;
use super::{About, Dataset, Labels, LeftOut, Options, check_memory, digest, set_name};
use crate::error::{Error, Result, counted};
use crate::memory;
use crate::settings::{Fit, Range, Size};

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
    /// All of these files, without classes.
    fn one_set(files: &[PathBuf], notes: Vec<String>) -> Self {
        Self { files: files.to_vec(), ids: vec![], names: vec![], notes }
    }

    /// Sorts `files` below `folder` into classes, if the options ask for them. Images beside the folders of classes are
    /// left out if they are the minority.
    pub fn of(folder: &Path, files: &[PathBuf], left_out: &mut LeftOut, options: &Options) -> Self {
        if !options.classes {
            return Self::one_set(files, vec![]);
        }
        let classes: Vec<Option<String>> = files.iter().map(|file| class(folder, file)).collect();
        let names = in_order(classes.iter().flatten().filter(|class| !is_none(class)).cloned().collect());
        let strays = classes.iter().filter(|class| class.is_none()).count();
        if names.len() < 2 || strays > files.len() / 2 {
            let note = format!(
                "no classes: {strays} of {} images lie beside the folders `{}`",
                files.len(),
                names.iter().take(3).cloned().collect::<Vec<_>>().join("`, `")
            );
            let notes = if names.len() < 2 { vec![] } else { vec![note] };
            return Self::one_set(files, notes);
        }
        Self::known(folder, files, names, left_out)
    }

    /// Sorts `files` below `folder` into the classes `names`; other files are left out.
    fn known(folder: &Path, files: &[PathBuf], names: Vec<String>, left_out: &mut LeftOut) -> Self {
        let (mut kept, mut ids) = (vec![], vec![]);
        let numbers: HashMap<&str, u32> = names.iter().map(String::as_str).zip(0..).collect();
        for file in files {
            let class = class(folder, file);
            let id = |class: &String| {
                if is_none(class) { Some(Labels::NONE) } else { numbers.get(class.as_str()).copied() }
            };
            match class.as_ref().map(id) {
                Some(Some(id)) => {
                    kept.push(file.clone());
                    ids.push(id);
                }
                Some(None) => {
                    left_out.add("images of classes that the part to learn from has not", below(folder, file));
                }
                None => left_out
                    .add("images beside the folders of classes, which classes=false takes too", below(folder, file)),
            }
        }
        Self { files: kept, ids, names, notes: vec![] }
    }
}

/// Whether the folder of this name has images without a class.
fn is_none(class: &str) -> bool {
    class == "unlabelled"
}

fn class(folder: &Path, file: &Path) -> Option<String> {
    let below = file.strip_prefix(folder).ok()?;
    let first = below.components().next()?.as_os_str();
    (Path::new(first) != below).then(|| first.to_string_lossy().into_owned())
}

/// The images of a part of a folder, brought to the size in the options. Unless the options name the channels, images
/// are grey if all training images are, and have alpha if enough training images are transparent. A test part has the
/// classes of `train`.
///
/// Images that cannot be read are left out.
pub(super) fn read(files: Files, folder: &Path, train: Option<Classed>, options: &Options) -> Result<Dataset> {
    let Files { root, mut left_out, said, .. } = files;
    options.check(&format_args!("`{}`", root.display()), Holds::Images)?;
    let classed = match &train {
        Some(train) if train.names.is_empty() => Classed::one_set(files.part, vec![]),
        Some(train) => Classed::known(folder, files.part, train.names.clone(), &mut left_out),
        None => Classed::of(folder, files.part, &mut left_out, options),
    };
    let size = options.size.unwrap_or(DEFAULT_SIZE.into());
    let reading = Reading { size, fit: options.fit.unwrap_or(Fit::Crop), deep: options.range.is_some() };
    let most_channels = if options.keeps_alpha(1, 1) { 4 } else { 3 };
    check_memory(folder, "image", classed.files.len(), most_channels * size.width * size.height, "a smaller size")?;
    let budget = Budget::new(memory::most()?.bytes);
    let read: Vec<_> = classed.files.par_iter().map(|file| picture(file, reading, &budget)).collect();
    let (mut pictures, mut ids, mut names, mut small, mut sides) = (vec![], vec![], vec![], vec![], Sides::default());
    for (i, picture) in read.into_iter().enumerate() {
        match picture {
            Ok(picture) => {
                let (width, height) = picture.stored;
                if 4 * width < size.width || 4 * height < size.height {
                    small.push(format!("{} ({width}x{height})", below(root, &classed.files[i])));
                }
                sides.add((width, height));
                pictures.push(picture);
                names.extend(options.known.as_ref().map(|_| below(root, &classed.files[i])));
                ids.extend(classed.ids.get(i));
            }
            Err(reason) => {
                let name = below(root, &classed.files[i]);
                left_out.add("images that cannot be read", format!("{name}: {reason}"));
            }
        }
    }
    if pictures.is_empty() {
        return Err(Error::failure(format!("`{}` holds no image that can be read: {left_out}", folder.display())));
    }
    let count = pictures.iter().filter(|picture| picture.is_transparent()).count();
    let (has_color, keeps_alpha) = match &train {
        None => (
            pictures.iter().any(|picture| picture.image.color().has_color()),
            options.keeps_alpha(count, pictures.len()),
        ),
        Some(train) => {
            let colors: Vec<_> = train.files.par_iter().map(|file| color(file, &budget)).collect();
            // The images of other parts are decoded only where their headers leave the answer open.
            let any = |is_such: fn(ColorType) -> bool| colors.iter().flatten().any(|color| is_such(*color));
            let could = options.keeps_alpha(1, 1) && any(ColorType::has_alpha);
            let seen = |file: &PathBuf| picture(file, reading, &budget).ok().map(|picture| picture.is_transparent());
            let seen: Vec<bool> = train.files.par_iter().filter(|_| could).filter_map(seen).collect();
            let transparent = seen.iter().filter(|is_transparent| **is_transparent).count();
            (any(ColorType::has_color), options.keeps_alpha(transparent, seen.len()))
        }
    };
    let own = if has_color { 3 } else { 1 } + usize::from(keeps_alpha);
    let channels = options.channels.unwrap_or(own);
    let source = digest::of_files(pictures.iter().map(|picture| &picture.file));
    let mut notes = classed.notes;
    let labels = (!classed.names.is_empty()).then_some(Labels { ids, names: classed.names });
    notes.extend(labels.as_ref().and_then(empty_class));
    let names_of_classes = labels.as_ref().map_or(&[][..], |labels| &labels.names);
    if train.is_none() {
        if options.classes {
            notes.extend(folder::without_images(folder, names_of_classes)?);
        }
        notes.extend(folder::parts_as_classes(names_of_classes).filter(|_| options.parts));
    }
    let all = pictures.len();
    let kept = match (channels.is_multiple_of(2), options.channels.is_none() && 2 * count < all) {
        (true, true) => format!("alpha is a channel of all {all}; alpha=false lays them on white"),
        (false, true) if options.alpha.is_none() => {
            format!("they lie on white; alpha=true makes alpha a channel of all {all}")
        }
        (is_kept, _) => (if is_kept { "alpha is a channel" } else { "they lie on white" }).to_owned(),
    };
    let transparent = (count > 0).then(|| format!("{} with transparent pixels: {kept}", counted(count, "image")));
    let transparent = Vec::from_iter(transparent);
    notes.extend(far_smaller(&small, size));
    notes.extend(sides.others(size).filter(|_| options.size.is_none() && train.is_none()));
    let (levels, range) = match options.range {
        None => (None, String::new()),
        Some(range) => {
            let learned: Vec<Picture> = match (&train, range) {
                (Some(train), Range::Data) => {
                    train.files.par_iter().filter_map(|file| picture(file, reading, &budget).ok()).collect()
                }
                _ => vec![],
            };
            let (levels, said) = stretch(range, if learned.is_empty() { &pictures } else { &learned })?;
            (Some(levels), said)
        }
    };
    let bytes = |picture: Picture| match levels {
        None => planar(picture.image, channels),
        Some(levels) => planar_deep(picture, channels, levels),
    };
    let pixels: Vec<u8> = pictures.into_par_iter().flat_map_iter(bytes).collect();
    if options.range.is_none() {
        notes.extend(darkness(&pixels));
    }
    let set = Images { pixels, channels, height: size.height, width: size.width };
    let about = About { part: said, range, findings: transparent, left_out, notes, source, names, ..About::default() };
    Ok(Dataset::of_images(set_name(root), set, labels, about, options))
}

/// The note on images of which little is left to see at a size.
fn far_smaller(names: &[String], size: Size) -> Option<String> {
    const NAMED: usize = 3;
    let more = if names.len() > NAMED { ", .." } else { "" };
    let some = names.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    let what = counted(names.len(), "image");
    (!names.is_empty()).then(|| format!("{what} with sides of less than a quarter of {size}, enlarged: {some}{more}"))
}

/// Width and height of the narrowest and of the widest of some images.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
pub struct Sides(Option<[(usize, usize); 2]>);

impl Sides {
    pub fn add(&mut self, stored: (usize, usize)) {
        let [least, most] = self.0.unwrap_or([stored; 2]);
        self.0 = Some([least.min(stored), most.max(stored)]);
    }

    /// The note on images that are brought to a size that nobody asked for.
    pub fn others(self, size: Size) -> Option<String> {
        let brought = format!("brought to {}x{}, as no --size is given", size.width, size.height);
        let [(width, height), (wide, high)] = self.0?;
        match (width, height) == (wide, high) {
            true if (width, height) == (size.width, size.height) => None,
            true => Some(format!("images of {width}x{height} {brought}: --size {width}x{height} keeps them")),
            false => Some(format!("images of {width}x{height} to {wide}x{high} {brought}")),
        }
    }
}

/// The note on classes without readable images.
fn empty_class(labels: &Labels) -> Option<String> {
    let counts = labels.counts();
    let empty: Vec<&str> =
        labels.names.iter().zip(&counts).filter(|(_, n)| **n == 0).map(|(name, _)| name.as_str()).collect();
    (!empty.is_empty()).then(|| format!("no images here of the classes `{}`", empty.join("`, `")))
}

/// The values of black and white for images of 8 bits and of 16 bits, in 65,535ths.
type Stretch = [(f64, f64); 2];

fn stretch(range: Range, pictures: &[Picture]) -> Result<(Stretch, String)> {
    /// One level of 8 bits in 65,535ths.
    const UNIT: f64 = 257.0;
    let (low, high) =
        pictures.iter().fold((u16::MAX, 0), |(low, high), picture| (low.min(picture.ends.0), high.max(picture.ends.1)));
    let white = match range {
        Range::Unit => 1.0,
        Range::Byte => 255.0,
        Range::Word => 65535.0,
        Range::Symmetric => return Err(Error::usage("range=-1..1 is for arrays: pixels of image files are 0 or more")),
        Range::Data => {
            let ends = (f64::from(low), f64::from(high));
            let unit = if pictures.iter().all(|picture| picture.bits == 8) { UNIT } else { 1.0 };
            return Ok(([ends; 2], format!("{}..{}, the least and the greatest", ends.0 / unit, ends.1 / unit)));
        }
    };
    Ok(([(0.0, white * UNIT), (0.0, white)], format!("{}, as `range` says", range.word())))
}

/// The pixels of `image`, one channel after the other.
fn planar(image: DynamicImage, channels: usize) -> Vec<u8> {
    let pixels = match channels {
        1 => image.into_luma8().into_raw(),
        2 => image.into_luma_alpha8().into_raw(),
        3 => image.into_rgb8().into_raw(),
        _ => image.into_rgba8().into_raw(),
    };
    (0..channels).flat_map(|channel| pixels.iter().skip(channel).step_by(channels)).copied().collect()
}

/// The pixels of a 16-bit image as bytes, one channel after the other; colours by the values of black and white.
fn planar_deep(picture: Picture, channels: usize, levels: Stretch) -> Vec<u8> {
    let (black, white) = levels[usize::from(picture.bits > 8)];
    let of_colour = Levels { black, white, said: String::new() };
    let of_alpha = Levels { black: 0.0, white: u16::MAX.into(), said: String::new() };
    let values = match channels {
        1 => picture.image.into_luma16().into_raw(),
        2 => picture.image.into_luma_alpha16().into_raw(),
        3 => picture.image.into_rgb16().into_raw(),
        _ => picture.image.into_rgba16().into_raw(),
    };
    let plane = |channel: usize| {
        let levels = if channel < colours(channels) { &of_colour } else { &of_alpha };
        values.iter().skip(channel).step_by(channels).map(|&value| levels.byte(f64::from(value)))
    };
    (0..channels).flat_map(plane).collect()
}
