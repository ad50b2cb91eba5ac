//! Images of one size in memory, and their conversion to another size or number of channels.

use image::imageops::FilterType;
use image::{DynamicImage, GrayImage};
use rayon::prelude::*;

/// Largest number of pixels that padding adds to a side; images that need more are resampled.
const MAX_PADDING: usize = 8;

/// Images back to back, planar: `[count, channels, height, width]`, `channels` 1 or 3.
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

    /// The same images in grey (by luminance) or RGB.
    pub fn with_channels(self, channels: usize) -> Self {
        let plane = self.height * self.width;
        let pixels = match (self.channels, channels) {
            (1, 3) => self.pixels.par_chunks(plane).flat_map_iter(|grey| grey.repeat(3)).collect(),
            (3, 1) => self.pixels.par_chunks(3 * plane).flat_map_iter(|rgb| luminance(rgb, plane)).collect(),
            _ => self.pixels,
        };
        Self { pixels, channels, ..self }
    }

    /// The same images, `size` pixels on a side: padded with the background if this adds few pixels, else resampled.
    pub fn fit(self, size: usize) -> Self {
        if (self.height, self.width) == (size, size) {
            return self;
        }
        let (short, long) = (self.height.min(self.width), self.height.max(self.width));
        let pixels = if size >= long && size - short <= MAX_PADDING { self.padded(size) } else { self.resampled(size) };
        Self { pixels, height: size, width: size, ..self }
    }

    fn padded(&self, size: usize) -> Vec<u8> {
        let (top, left) = ((size - self.height) / 2, (size - self.width) / 2);
        let mut padded = vec![self.background(); self.count() * self.channels * size * size];
        let pairs = padded.par_chunks_mut(size * size).zip(self.pixels.par_chunks(self.height * self.width));
        pairs.for_each(|(to, from)| {
            for (y, row) in from.chunks(self.width).enumerate() {
                to[(top + y) * size + left..][..self.width].copy_from_slice(row);
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

    fn resampled(&self, size: usize) -> Vec<u8> {
        let resample = |plane: &[u8]| {
            GrayImage::from_raw(self.width as u32, self.height as u32, plane.to_vec())
                .map_or_else(Vec::new, |grey| cover(DynamicImage::from(grey), size).into_bytes())
        };
        self.pixels.par_chunks(self.height * self.width).flat_map_iter(resample).collect()
    }
}

/// The central square of `image`, resampled to `size` on a side.
pub(super) fn cover(image: DynamicImage, size: usize) -> DynamicImage {
    let (width, height) = (image.width(), image.height());
    let side = width.min(height);
    let square = if width == height {
        image // avoids the copy of a large image
    } else {
        image.crop_imm((width - side) / 2, (height - side) / 2, side, side)
    };
    if side as usize == size {
        return square;
    }
    square.resize_exact(size as u32, size as u32, FilterType::Lanczos3)
}

/// The luminance of planar RGB, by the weights of Rec. 709.
fn luminance(rgb: &[u8], plane: usize) -> impl Iterator<Item = u8> + '_ {
    (0..plane).map(move |i| {
        let channel = |c: usize| f32::from(rgb[c * plane + i]);
        (0.2126 * channel(0) + 0.7152 * channel(1) + 0.0722 * channel(2)).round() as u8
    })
}
