//! Folders of PNG and JPEG images; sub-folders are classes.

use std::collections::BTreeSet;
use std::fs;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, Rgba, RgbaImage};
use rayon::prelude::*;

use super::images::{Images, cover};
use super::limits::Budget;
use super::{Labels, Options, Split, check_memory};
use crate::error::{Error, Result};
use crate::{files, memory};

const DEFAULT_SIZE: usize = 64;
const MAX_IMAGE_SIDE: u32 = 1 << 15;
/// How often a decoded image lies in memory: as decoded, opaque, and cut to a square.
const COPIES: u64 = 3;
/// Pixels of a JPEG for each byte of its file beyond which it is damaged or a trap, that takes seconds to decode.
const MAX_JPEG_PIXELS: u64 = 1000;

/// Names that say that sub-folders are splits and not classes, when all of them have one.
const TRAIN_NAMES: [&str; 1] = ["train"];
const TEST_NAMES: [&str; 1] = ["test"];
const OTHER_NAMES: [&str; 3] = ["val", "valid", "validation"];

/// Every image under `folder`: its central square, resampled to the wanted size. Grey if asked for, or if all are.
///
/// Images that cannot be read are left out, each with a warning.
pub(super) fn read(folder: &Path, options: &Options) -> Result<(Images, Option<Labels>)> {
    let folder = &split_folder(folder, options.split)?;
    let mut paths = Vec::new();
    list(folder, is_image, &mut paths)?;
    if paths.is_empty() {
        return Err(Error::failure(format!(
            "`{}` holds no PNG or JPEG images, IDX files or MIDI files",
            folder.display()
        )));
    }
    paths.sort();
    let size = options.size.unwrap_or(DEFAULT_SIZE);
    check_memory(folder, "images", paths.len(), 3 * size * size, "a smaller size")?;
    let budget = Budget::new(memory::most()?.bytes);
    let read = |path: PathBuf| match square(&path, size, &budget) {
        Ok(image) => Some((path, image)),
        Err(error) => {
            tracing::warn!("`{}` is left out: {error}", path.display());
            None
        }
    };
    let squares: Vec<(PathBuf, DynamicImage)> = paths.into_par_iter().filter_map(read).collect();
    if squares.is_empty() {
        return Err(Error::failure(format!("`{}` holds no image that can be read", folder.display())));
    }
    let labels = labels(folder, &squares);
    let all_grey = squares.iter().all(|(_, image)| !image.color().has_color());
    let channels = options.channels.unwrap_or(if all_grey { 1 } else { 3 });
    let pixels = squares.into_par_iter().flat_map_iter(|(_, image)| planar(image, channels)).collect();
    Ok((Images { pixels, channels, height: size, width: size }, labels))
}

/// The sub-folder of `split` where all sub-folders are splits, else `folder` itself for training.
fn split_folder(folder: &Path, split: Split) -> Result<PathBuf> {
    let names: BTreeSet<String> = entries(folder)?
        .into_iter()
        .filter(|path| path.is_dir())
        .map(|path| path.file_name().unwrap_or_default().to_string_lossy().into_owned())
        .collect();
    let known = [TRAIN_NAMES.as_slice(), &TEST_NAMES, &OTHER_NAMES].concat();
    let are_splits = names.contains(TRAIN_NAMES[0]) && names.iter().all(|name| known.contains(&name.as_str()));
    match split {
        Split::Train if are_splits => Ok(folder.join(TRAIN_NAMES[0])),
        Split::Train => Ok(folder.to_owned()),
        Split::Test if are_splits && names.contains(TEST_NAMES[0]) => Ok(folder.join(TEST_NAMES[0])),
        Split::Test => Err(Error::failure(format!(
            "`{}` has no test images: they would be in its sub-folder `test`, beside `train`",
            folder.display()
        ))),
    }
}

/// Adds every wanted file under `folder` to `paths`. Links to folders are not followed: they may form a loop.
pub(super) fn list(folder: &Path, is_wanted: fn(&Path) -> bool, paths: &mut Vec<PathBuf>) -> Result<()> {
    for path in entries(folder)? {
        if path.is_dir() {
            if !path.is_symlink() {
                list(&path, is_wanted, paths)?;
            }
        } else if is_wanted(&path) {
            paths.push(path);
        }
    }
    Ok(())
}

/// What lies in `folder`, hidden files left out.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let unreadable = |error| Error::failure(format!("`{}` cannot be read: {error}", folder.display()));
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        if !entry.file_name().to_string_lossy().starts_with('.') {
            paths.push(entry.path());
        }
    }
    Ok(paths)
}

pub(super) fn is_image(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    ["png", "jpg", "jpeg"].contains(&extension.as_str())
}

/// The central square of the image in `path`, upright and opaque, `size` on a side; or why it is left out.
///
/// Its copies in memory are a share of what all threads may take together.
fn square(path: &Path, size: usize, budget: &Budget) -> Result<DynamicImage, String> {
    let file = files::open(path).map_err(|error| error.to_string())?;
    let len = file.metadata().map_err(|error| error.to_string())?.len();
    let mut reader = ImageReader::new(BufReader::new(file)).with_guessed_format().map_err(|error| error.to_string())?;
    let is_jpeg = reader.format() == Some(ImageFormat::Jpeg);
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_IMAGE_SIDE);
    limits.max_image_height = Some(MAX_IMAGE_SIDE);
    limits.max_alloc = Some(budget.total);
    reader.limits(limits);
    let too_large = || format!("it has {}, more than {}", memory::mib(len), memory::mib(budget.total));
    let whole = budget.take(len).ok_or_else(too_large)?; // which decoders of JPEG read at once
    let mut decoder = reader.into_decoder().map_err(|error| error.to_string())?;
    drop(whole);
    let (width, height) = decoder.dimensions();
    if is_jpeg && u64::from(width) * u64::from(height) > MAX_JPEG_PIXELS * len {
        return Err(format!("its {len} bytes cannot hold the {width}x{height} pixels that it claims"));
    }
    let bytes = COPIES * decoder.total_bytes() + len;
    let _share = budget.take(bytes).ok_or_else(|| {
        format!("its {width}x{height} pixels take {}, more than {}", memory::mib(bytes), memory::mib(budget.total))
    })?;
    memory::ensure(bytes).map_err(|error| error.to_string())?;
    let orientation = decoder.orientation().map_err(|error| error.to_string())?;
    let image = DynamicImage::from_decoder(decoder).map_err(|error| error.to_string())?;
    let mut image = cover(opaque(image), size);
    image.apply_orientation(orientation);
    Ok(image)
}

/// `image` in 8 bits, grey or RGB, laid over white where it is transparent.
fn opaque(image: DynamicImage) -> DynamicImage {
    let color = image.color();
    if !color.has_alpha() {
        return if color.has_color() { image.into_rgb8().into() } else { image.into_luma8().into() };
    }
    let mut over_white: RgbaImage = image.into_rgba8();
    for Rgba([r, g, b, a]) in over_white.pixels_mut() {
        let alpha = u16::from(*a);
        for channel in [r, g, b] {
            *channel = ((u16::from(*channel) * alpha + 255 * (255 - alpha)) / 255) as u8;
        }
        *a = 255;
    }
    let over_white = DynamicImage::from(over_white);
    if color.has_color() { over_white.into_rgb8().into() } else { over_white.into_luma8().into() }
}

/// The pixels of `image`, one channel after the other.
fn planar(image: DynamicImage, channels: usize) -> Vec<u8> {
    if channels == 1 {
        return image.into_luma8().into_raw();
    }
    let rgb = image.into_rgb8().into_raw();
    (0..3).flat_map(|channel| rgb.iter().skip(channel).step_by(3)).copied().collect()
}

/// The first folder below `folder` on the way to each image, where every image has one and they differ.
fn labels(folder: &Path, images: &[(PathBuf, DynamicImage)]) -> Option<Labels> {
    let class = |path: &Path| {
        let below = path.strip_prefix(folder).ok()?;
        let first = below.components().next()?.as_os_str();
        (Path::new(first) != below).then(|| first.to_string_lossy().into_owned())
    };
    let classes: Vec<String> = images.iter().map(|(path, _)| class(path)).collect::<Option<_>>()?;
    let names: Vec<String> = classes.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect();
    let id = |class: &String| names.binary_search(class).map_or(0, |id| id as u32);
    let ids = classes.iter().map(id).collect();
    (names.len() > 1).then_some(Labels { ids, names })
}
