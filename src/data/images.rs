//! Images of one size in memory, and their conversion to another size or number of channels.

use image::imageops::FilterType;
use image::{DynamicImage, GrayImage, ImageBuffer, Pixel};
use rayon::prelude::*;

use crate::settings::{Fit, Size};

/// Largest number of pixels that padding adds to a side; images that need more are resampled.
const MAX_PADDING: usize = 8;

/// Images back to back, planar: `[count, channels, height, width]`. Of images of files, 1 channel is grey, 2 are grey
/// and alpha, 3 RGB, 4 RGB and alpha; colours are what shows over white.
pub(super) struct Images {
    pub pixels: Vec<u8>,
    pub channels: usize,
    pub height: usize,
    pub width: usize,
}

impl Images {
    pub fn count(&self) -> usize {
        self.pixels.len() / self.item_len()
    }

    fn item_len(&self) -> usize {
        self.channels * self.height * self.width
    }

    /// The same images with another number of channels, where both numbers are 1 to 4: grey is luminance, and what had
    /// no alpha is opaque.
    pub fn with_channels(self, channels: usize) -> Self {
        if self.channels == channels {
            return self;
        }
        let plane = self.height * self.width;
        let convert = |image: &[u8]| -> Vec<u8> {
            let (own, wanted) = (colours(self.channels), colours(channels));
            let colour = match (own, wanted) {
                (1, 3) => image[..plane].repeat(3),
                (3, 1) => luminance(image, plane).collect(),
                _ => image[..own * plane].to_vec(),
            };
            let alpha = (channels > wanted)
                .then(|| if self.channels > own { image[own * plane..].to_vec() } else { vec![u8::MAX; plane] });
            colour.into_iter().chain(alpha.into_iter().flatten()).collect()
        };
        let pixels = self.pixels.par_chunks(self.channels * plane).flat_map_iter(convert).collect();
        Self { pixels, channels, ..self }
    }

    /// The same images in this size. Without a way: padded with the background if this adds few pixels, else the middle
    /// is resampled.
    pub fn fit(self, size: Size, way: Option<Fit>) -> Self {
        let Size { width, height } = size;
        if (self.width, self.height) == (width, height) {
            return self;
        }
        let adds_few = |own: usize, wanted: usize| wanted >= own && wanted - own <= MAX_PADDING;
        let is_padded = way.is_none() && adds_few(self.width, width) && adds_few(self.height, height);
        let pixels = if is_padded { self.padded(size) } else { self.resampled(size, way.unwrap_or(Fit::Crop)) };
        Self { pixels, height, width, ..self }
    }

    fn padded(&self, size: Size) -> Vec<u8> {
        let (top, left) = ((size.height - self.height) / 2, (size.width - self.width) / 2);
        let plane = size.height * size.width;
        let mut padded = vec![self.background(); self.count() * self.channels * plane];
        let pairs = padded.par_chunks_mut(plane).zip(self.pixels.par_chunks(self.height * self.width));
        pairs.for_each(|(to, from)| {
            for (y, row) in from.chunks(self.width).enumerate() {
                to[(top + y) * size.width + left..][..self.width].copy_from_slice(row);
            }
        });
        padded
    }

    /// The commonest byte in the corners of all planes.
    fn background(&self) -> u8 {
        let (h, w) = (self.height, self.width);
        let mut seen = [0usize; 256];
        for plane in self.pixels.chunks(h * w) {
            for corner in [0, w - 1, (h - 1) * w, h * w - 1] {
                seen[usize::from(plane[corner])] += 1;
            }
        }
        (0..=255).max_by_key(|&byte| seen[usize::from(byte)]).unwrap_or(0)
    }

    fn resampled(&self, size: Size, way: Fit) -> Vec<u8> {
        let border = [self.background()];
        let resample = |plane: &[u8]| {
            GrayImage::from_raw(self.width as u32, self.height as u32, plane.to_vec()).map_or_else(Vec::new, |grey| {
                match way {
                    Fit::Pad => bordered(&contained(grey.into(), size).into_luma8(), size, border).into_raw(),
                    way => framed(grey.into(), size, way).into_bytes(),
                }
            })
        };
        self.pixels.par_chunks(self.height * self.width).flat_map_iter(resample).collect()
    }
}

/// The number of colours among so many channels.
pub(super) fn colours(channels: usize) -> usize {
    if channels < 3 { 1 } else { 3 }
}

/// `image` in this size. Borders are white, and transparent if the image has alpha.
pub(super) fn framed(image: DynamicImage, size: Size, way: Fit) -> DynamicImage {
    match way {
        Fit::Crop => cover(image, size),
        Fit::Stretch => resized(image, [size.width, size.height].map(|side| side as u32)),
        Fit::Pad => match contained(image, size) {
            DynamicImage::ImageLuma8(image) => bordered(&image, size, [u8::MAX]).into(),
            DynamicImage::ImageLumaA8(image) => bordered(&image, size, [u8::MAX, 0]).into(),
            DynamicImage::ImageRgb8(image) => bordered(&image, size, [u8::MAX; 3]).into(),
            DynamicImage::ImageRgba8(image) => bordered(&image, size, [u8::MAX, u8::MAX, u8::MAX, 0]).into(),
            DynamicImage::ImageLuma16(image) => bordered(&image, size, [u16::MAX]).into(),
            DynamicImage::ImageLumaA16(image) => bordered(&image, size, [u16::MAX, 0]).into(),
            DynamicImage::ImageRgb16(image) => bordered(&image, size, [u16::MAX; 3]).into(),
            image => bordered(&image.into_rgba16(), size, [u16::MAX, u16::MAX, u16::MAX, 0]).into(),
        },
    }
}

/// The middle of `image`, as large as the proportions allow, resampled.
fn cover(image: DynamicImage, size: Size) -> DynamicImage {
    let [width, height] = [image.width(), image.height()];
    let part = |own: u32, wanted: usize, other: usize| {
        ((u64::from(own) * wanted as u64 + other as u64 / 2) / other as u64).max(1) as u32
    };
    let cut = match u64::from(width) * size.height as u64 > u64::from(height) * size.width as u64 {
        true => [part(height, size.width, size.height), height],
        false => [width, part(width, size.height, size.width)],
    };
    let cut = [cut[0].min(width), cut[1].min(height)];
    let middle = if cut == [width, height] {
        image // avoids the copy of a large image
    } else {
        image.crop_imm((width - cut[0]) / 2, (height - cut[1]) / 2, cut[0], cut[1])
    };
    resized(middle, [size.width, size.height].map(|side| side as u32))
}

/// The whole of `image`, as large as it fits into the size.
fn contained(image: DynamicImage, size: Size) -> DynamicImage {
    let [width, height] = [image.width(), image.height()].map(f64::from);
    let scale = (size.width as f64 / width).min(size.height as f64 / height);
    let side = |own: f64, most: usize| ((own * scale).round() as u32).clamp(1, most as u32);
    resized(image, [side(width, size.width), side(height, size.height)])
}

fn resized(image: DynamicImage, [width, height]: [u32; 2]) -> DynamicImage {
    if [image.width(), image.height()] == [width, height] {
        return image;
    }
    image.resize_exact(width, height, FilterType::Lanczos3)
}

/// `image` in the middle of a larger one of the colour `border`.
fn bordered<P: Pixel, const N: usize>(
    image: &ImageBuffer<P, Vec<P::Subpixel>>,
    size: Size,
    border: [P::Subpixel; N],
) -> ImageBuffer<P, Vec<P::Subpixel>> {
    let [width, height] = [size.width, size.height].map(|side| side as u32);
    let mut page = ImageBuffer::from_pixel(width, height, *P::from_slice(&border));
    let [left, top] = [(width - image.width()) / 2, (height - image.height()) / 2].map(i64::from);
    image::imageops::replace(&mut page, image, left, top);
    page
}

/// The luminance of planar RGB, by the weights of Rec. 709.
fn luminance(rgb: &[u8], plane: usize) -> impl Iterator<Item = u8> + '_ {
    (0..plane).map(move |i| {
        let channel = |c: usize| f32::from(rgb[c * plane + i]);
        (0.2126 * channel(0) + 0.7152 * channel(1) + 0.0722 * channel(2)).round() as u8
    })
}
