//! Pictures for people: grids of images, figures of points and curves, piano rolls, texts, and moving ones; files are
//! written whole or not at all.

mod animation;
mod canvas;
mod columns;
mod figure;
mod font;
mod grid;
mod points;
mod roll;
mod series;
mod svg;
mod text;
mod ticks;

use std::io::Cursor;
use std::path::Path;

use image::{ImageFormat, RgbImage};

use crate::error::{Error, Result};
use crate::files::write_atomically;

pub use animation::{apng, gif};
pub use canvas::{Colour, Ink};
pub use columns::shares;
pub use figure::{Axis, Figure, Mark, Panel, Shape, Ticks};
pub use grid::{Grid, enlarged, transparent};
pub use points::{component_titles, plane, points};
pub use roll::{MAX_PIECES, rolls};
pub use series::curves;
pub use text::texts;

/// Largest side of a picture in pixels, and its largest size in bytes: viewers open such pictures without trouble.
const MAX_SIDE: u64 = 16_384;
const MAX_BYTES: u64 = 128 << 20;

/// Colour of real examples, from Okabe and Ito's palette, which the colour-blind tell apart too.
pub const REAL: Colour = [0, 114, 178];
/// Colour of generated ones, from the same palette.
pub const GENERATED: Colour = [213, 94, 0];

/// Colours from one end of a scale to the other, 0 to 1: those of matplotlib's viridis, without the palest ones.
pub fn viridis(share: f32) -> Colour {
    const COLOURS: [Colour; 5] = [[68, 1, 84], [62, 74, 137], [38, 130, 142], [53, 183, 121], [170, 220, 50]];
    let place = share.clamp(0.0, 1.0) * (COLOURS.len() - 1) as f32;
    let n = (place as usize).min(COLOURS.len() - 2);
    let part = place - n as f32;
    [0, 1, 2].map(|i| (f32::from(COLOURS[n][i]) * (1.0 - part) + f32::from(COLOURS[n + 1][i]) * part).round() as u8)
}

/// How generated examples stand to real ones in a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Over them.
    Beside,
    /// There are only real ones.
    Alone,
    /// Each is made of the real one with its number, by what this word says.
    Pairs(&'static str),
    /// They lie on paths of this many steps.
    Paths(usize),
}

impl Way {
    fn noun(self) -> &'static str {
        match self {
            Self::Beside | Self::Alone => "sample",
            Self::Pairs(_) => "pair",
            Self::Paths(_) => "path",
        }
    }

    /// What the colours mean where generated examples stand to real ones of this name, if there are any.
    fn legend(self, real: Option<&str>) -> Vec<(String, Colour)> {
        let generated = match self {
            Self::Beside => Some("generated"),
            Self::Pairs(made) => Some(made),
            Self::Paths(_) | Self::Alone => None,
        };
        let keys = real.map(|name| (name, REAL)).into_iter().chain(generated.map(|name| (name, GENERATED)));
        keys.map(|(name, colour)| (name.to_owned(), colour)).collect()
    }

    /// What the ends of the colour ramp mean, if colours are taken from it.
    fn ramp(self) -> Option<[String; 2]> {
        matches!(self, Self::Paths(_)).then(|| ["start", "end"].map(String::from))
    }
}

/// Generated and real examples, back to back, to be drawn together.
#[derive(Clone, Copy, Debug)]
pub struct Compared<'a> {
    /// Generated ones.
    pub generated: &'a [f32],
    /// Real ones; may be empty.
    pub real: &'a [f32],
    /// How they belong together.
    pub way: Way,
    /// What the real ones are called.
    pub name: &'a str,
}

impl<'a> Compared<'a> {
    /// Samples of a model beside real examples.
    pub fn beside(generated: &'a [f32], real: &'a [f32]) -> Self {
        Self { generated, real, way: Way::Beside, name: "real" }
    }

    fn legend(&self) -> Vec<(String, Colour)> {
        self.way.legend((!self.real.is_empty()).then_some(self.name))
    }
}

/// A note that names the parts of what there is that are drawn; empty if all is.
fn drawn(parts: &[String]) -> String {
    if parts.is_empty() { String::new() } else { format!("drawn: {}", parts.join(", ")) }
}

/// Whether a picture may have this width and height.
fn is_possible([width, height]: [u64; 2]) -> bool {
    width.max(height) <= MAX_SIDE && 3 * width * height <= MAX_BYTES
}

fn too_large([width, height]: [u64; 2]) -> Error {
    Error::failure(format!(
        "a picture of {width} x {height} pixels is too large: {MAX_SIDE} on a side and {} MiB are the most",
        MAX_BYTES >> 20
    ))
}

/// A picture of one colour.
///
/// # Errors
/// `Failure` if it is larger than a picture may be, or there is no memory for it.
fn page([width, height]: [u64; 2], colour: Colour) -> Result<RgbImage> {
    if !is_possible([width, height]) {
        return Err(too_large([width, height]));
    }
    let mut pixels = Vec::new();
    pixels
        .try_reserve_exact((3 * width * height) as usize)
        .map_err(|_| Error::failure(format!("there is no memory for a picture of {width} x {height} pixels")))?;
    (0..width * height).for_each(|_| pixels.extend(colour));
    Ok(RgbImage::from_raw(width as u32, height as u32, pixels).expect("three bytes a pixel"))
}

/// Writes `picture` to `path` as PNG, whole or not at all.
///
/// # Errors
/// `Failure` naming the path, if its folder is missing or cannot be written.
pub fn save_png(path: &Path, picture: &RgbImage) -> Result<()> {
    write_atomically(path, &png(picture)?)
}

/// The bytes of a PNG file.
///
/// # Errors
/// A picture that is too large for the format.
pub fn png(picture: &RgbImage) -> Result<Vec<u8>> {
    let mut png = Cursor::new(Vec::new());
    picture.write_to(&mut png, ImageFormat::Png).map_err(cannot)?;
    Ok(png.into_inner())
}

/// The bytes of a PNG file of one image `[C, H, W]` in -1 to 1, transparent where it is.
///
/// # Errors
/// Those of [`enlarged`].
pub fn png_of_image(image: &[f32], shape: &[usize], scale: u32) -> Result<Vec<u8>> {
    if !matches!(shape, [2 | 4, ..]) {
        return png(&enlarged(image, shape, scale)?);
    }
    let mut png = Cursor::new(Vec::new());
    transparent(image, shape, scale)?.write_to(&mut png, ImageFormat::Png).map_err(cannot)?;
    Ok(png.into_inner())
}

fn cannot(error: image::ImageError) -> Error {
    Error::failure(format!("cannot make the picture: {error}"))
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    #[test]
    fn png_is_written_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        for value in [3, 4] {
            let picture = RgbImage::from_pixel(5, 7, Rgb([value; 3]));
            save_png(&path, &picture).unwrap();
            assert_eq!(image::open(&path).unwrap().into_rgb8(), picture);
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        let error = save_png(&folder.path().join("none/a.png"), &RgbImage::new(1, 1)).unwrap_err();
        assert!(error.to_string().contains("none/a.png"));
    }

    #[test]
    fn the_ramp_goes_from_dark_to_light() {
        let light = |share: f32| viridis(share).iter().map(|part| u32::from(*part)).sum::<u32>();
        assert!((0..10).all(|n| light(n as f32 / 10.0) < light((n + 1) as f32 / 10.0)));
        assert_eq!((viridis(-1.0), viridis(f32::INFINITY)), (viridis(0.0), viridis(1.0)));
    }
}
