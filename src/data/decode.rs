//! Decoding one image file to the wanted size, upright and over white, or to the reason why it cannot be used.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use image::metadata::Orientation;
use image::{ColorType, DynamicImage, ImageBuffer, ImageDecoder, ImageFormat, ImageReader, Limits, Primitive, Rgba};

use super::digest::{self, FileDigest};
use super::images::{colours, framed};
use super::limits::{Budget, Share};
use super::unpack;
use crate::settings::{Fit, Size};
use crate::{files, memory};

const MAX_IMAGE_SIDE: u32 = 1 << 15;
/// Number of copies of a decoded image in memory: as decoded, over white, and cut.
const COPIES: u64 = 3;
/// Largest number of pixels per byte of a JPEG file; more means a damaged or malicious file that takes seconds to
/// decode.
const MAX_JPEG_PIXELS: u64 = 1000;

/// File name endings of images.
pub(super) const ENDINGS: [&str; 17] = [
    "png", "apng", "jpg", "jpeg", "jpe", "jfif", "jif", "jfi", "pjpeg", "pjp", "webp", "bmp", "dib", "tif", "tiff",
    "gif", "pjpg",
];

/// Whether `path` is named like an image.
pub(super) fn is_image(path: &Path) -> bool {
    ENDINGS.contains(&unpack::last_ending(path).as_str())
}

/// An image in the wanted size, and facts about its file.
pub(super) struct Picture {
    /// Grey or RGB as it shows over white, with its alpha if any pixel is transparent.
    pub image: DynamicImage,
    pub file: FileDigest,
    /// Width and height as stored, upright.
    pub stored: (usize, usize),
    /// Bits of each channel as stored.
    pub bits: u8,
    /// Minimum and maximum value, of 65,535, before resampling; (0, 65,535) if decoded to 8 bits.
    pub ends: (u16, u16),
}

impl Picture {
    /// Whether any pixel is transparent.
    pub fn is_transparent(&self) -> bool {
        self.image.color().has_alpha()
    }
}

/// How image files are read.
#[derive(Clone, Copy)]
pub(super) struct Reading {
    pub size: Size,
    pub fit: Fit,
    /// Whether channels have 16 bits; else 8.
    pub deep: bool,
}

/// The image in `path` in the size of `reading`.
///
/// Waits until `budget`, which all threads share, has room for the copies of the image.
pub(super) fn picture(path: &Path, reading: Reading, budget: &Budget) -> Result<Picture, String> {
    let (bytes, whole) = contents(path, budget)?;
    picture_of(bytes, whole, reading, budget)
}

/// As [`picture`], of the bytes of a file; `whole` is their share of the budget.
pub(super) fn picture_of(bytes: Vec<u8>, whole: Share, reading: Reading, budget: &Budget) -> Result<Picture, String> {
    let Reading { size, fit, deep } = reading;
    let mut decoder = decoder(&bytes, budget)?;
    drop(whole);
    let (width, height) = decoder.dimensions();
    let depth = if deep { 2 } else { 1 };
    let taken = COPIES * depth * decoder.total_bytes() + 2 * bytes.len() as u64;
    let _share = budget.take(taken).ok_or_else(|| {
        format!("its {width}x{height} pixels take {}, more than {}", memory::mib(taken), memory::mib(budget.total))
    })?;
    memory::ensure(taken).map_err(|error| error.to_string())?;
    let file = digest::of(&[&bytes]);
    let orientation = decoder.orientation().map_err(|error| error.to_string())?;
    let bits = bits(decoder.color_type());
    let image = DynamicImage::from_decoder(decoder).map_err(|error| error.to_string())?;
    let image = if deep { over_white_deep(image) } else { over_white(image) };
    let ends = if deep { ends(&image) } else { (0, u16::MAX) };
    let is_turned = matches!(
        orientation,
        Orientation::Rotate90 | Orientation::Rotate270 | Orientation::Rotate90FlipH | Orientation::Rotate270FlipH
    );
    let stored = if is_turned { Size { width: size.height, height: size.width } } else { size };
    let mut image = framed(image, stored, fit);
    image.apply_orientation(orientation);
    let stored = if is_turned { (height, width) } else { (width, height) };
    let stored = (stored.0 as usize, stored.1 as usize);
    Ok(Picture { image, file, stored, bits, ends })
}

/// The channels of the image in `path` by its header; `None` if it cannot be read.
pub(super) fn color(path: &Path, budget: &Budget) -> Option<ColorType> {
    let (bytes, _whole) = contents(path, budget).ok()?;
    color_of(&bytes, budget)
}

/// As [`color`], of the bytes of a file.
pub(super) fn color_of(bytes: &[u8], budget: &Budget) -> Option<ColorType> {
    Some(decoder(bytes, budget).ok()?.color_type())
}

/// The bytes of a file, and a share of the budget for twice their number, because JPEG decoders copy them.
pub(super) fn contents<'a>(path: &Path, budget: &'a Budget) -> Result<(Vec<u8>, Share<'a>), String> {
    let len = fs::metadata(path).map_err(|error| error.to_string())?.len();
    let too_large = || format!("it has {}, more than {}", memory::mib(len), memory::mib(budget.total));
    let share = budget.take(2 * len).ok_or_else(too_large)?;
    Ok((files::read(path).map_err(|error| error.to_string())?, share))
}

fn decoder<'a>(bytes: &'a [u8], budget: &Budget) -> Result<impl ImageDecoder + 'a, String> {
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_IMAGE_SIDE);
    limits.max_image_height = Some(MAX_IMAGE_SIDE);
    limits.max_alloc = Some(budget.total);
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|error| error.to_string())?;
    let is_jpeg = reader.format() == Some(ImageFormat::Jpeg);
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(|error| error.to_string())?;
    let (width, height) = decoder.dimensions();
    if is_jpeg && u64::from(width) * u64::from(height) > MAX_JPEG_PIXELS * bytes.len() as u64 {
        let len = bytes.len();
        return Err(format!("its {len} bytes cannot hold the {width}x{height} pixels that it claims"));
    }
    if is_jpeg && !is_whole_jpeg(bytes) {
        return Err("it is cut short: it has no end-of-image marker".into());
    }
    Ok(decoder)
}

/// Whether a JPEG file is complete. Decoders accept incomplete files and fill the rest with grey.
fn is_whole_jpeg(bytes: &[u8]) -> bool {
    const END: u8 = 0xd9;
    // Codes within the coded pixels: a stuffed zero and restart markers.
    let is_in_pixels = |code: u8| matches!(code, 0x00 | 0xff | 0x01 | 0xd0..=0xd7);
    let mut rest = bytes.get(2..).unwrap_or_default();
    while let Some(at) = rest.windows(2).position(|pair| pair[0] == 0xff && !is_in_pixels(pair[1])) {
        if rest[at + 1] == END {
            return true;
        }
        // A segment's length includes its own two bytes; a preview in the segment has an end marker of its own.
        let len = rest.get(at + 2..at + 4).map_or(usize::MAX, |len| usize::from(len[0]) << 8 | usize::from(len[1]));
        rest = rest.get((at + 2).saturating_add(len.max(2))..).unwrap_or_default();
    }
    false
}

fn bits(color: ColorType) -> u8 {
    (8 * u16::from(color.bytes_per_pixel()) / u16::from(color.channel_count())) as u8
}

/// `image` in 8 bits, grey or RGB, laid over white, and with its alpha if any pixel is transparent.
fn over_white(image: DynamicImage) -> DynamicImage {
    let color = image.color();
    let (image, transparent) = if color.has_alpha() { laid(image.into_rgba8(), 255) } else { (image, false) };
    match (color.has_color(), transparent) {
        (true, true) => image,
        (true, false) => image.into_rgb8().into(),
        (false, true) => image.into_luma_alpha8().into(),
        (false, false) => image.into_luma8().into(),
    }
}

/// As [`over_white`], in 16 bits.
fn over_white_deep(image: DynamicImage) -> DynamicImage {
    let color = image.color();
    let (image, transparent) = if color.has_alpha() { laid(image.into_rgba16(), 65_535) } else { (image, false) };
    match (color.has_color(), transparent) {
        (true, true) => image,
        (true, false) => image.into_rgb16().into(),
        (false, true) => image.into_luma_alpha16().into(),
        (false, false) => image.into_luma16().into(),
    }
}

/// An image over white, whose alpha stays; and whether any pixel is transparent.
fn laid<T: Primitive + Into<u64> + TryFrom<u64>>(
    mut image: ImageBuffer<Rgba<T>, Vec<T>>,
    white: u64,
) -> (DynamicImage, bool)
where
    Rgba<T>: image::Pixel<Subpixel = T>,
    DynamicImage: From<ImageBuffer<Rgba<T>, Vec<T>>>,
{
    let mut transparent = false;
    for Rgba([r, g, b, a]) in image.pixels_mut() {
        let alpha: u64 = (*a).into();
        transparent |= alpha < white;
        for channel in [r, g, b] {
            let value: u64 = (*channel).into();
            *channel = T::try_from((value * alpha + white * (white - alpha)) / white).unwrap_or(*channel);
        }
    }
    (image.into(), transparent)
}

fn ends(image: &DynamicImage) -> (u16, u16) {
    let (values, channels): (&[u16], usize) = match image {
        DynamicImage::ImageLuma16(grey) => (grey, 1),
        DynamicImage::ImageLumaA16(grey) => (grey, 2),
        DynamicImage::ImageRgb16(rgb) => (rgb, 3),
        DynamicImage::ImageRgba16(rgba) => (rgba, 4),
        _ => (&[], 1),
    };
    let colours = values.chunks_exact(channels).flat_map(|pixel| &pixel[..colours(channels)]);
    colours.fold((u16::MAX, 0), |(low, high), &value| (low.min(value), high.max(value)))
}

#[cfg(test)]
mod tests {
    use super::is_whole_jpeg;

    #[test]
    fn the_end_of_a_jpeg_is_that_of_its_pixels() {
        let preview = [0xff, 0xe1, 0x00, 0x06, 0xff, 0xd8, 0xff, 0xd9];
        let scan = [0xff, 0xda, 0x00, 0x03, 0x01, 0x12, 0xff, 0x00, 0xff, 0xd3, 0x34];
        let file = [[0xff, 0xd8].as_slice(), &preview, &scan, &[0xff, 0xff, 0xd9]].concat();
        assert!(is_whole_jpeg(&file));
        assert!(is_whole_jpeg(&[file.as_slice(), b"garbage"].concat()));
        for len in 0..file.len() {
            assert!(!is_whole_jpeg(&file[..len]), "{len}");
        }
    }
}
