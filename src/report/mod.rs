//! Pictures for people: grids of images, scatter plots and curves; PNG files are written whole or not at all.

mod roll;
mod series;

use std::io::Cursor;
use std::path::Path;

use image::{ImageFormat, Rgb, RgbImage};

use crate::error::{Error, Result};
use crate::files::write_atomically;

pub use roll::{MAX_PIECES, rolls};
pub use series::{series, symbols};

/// Pixels between the cells of a grid and around it.
const GAP: u32 = 2;
/// Smaller images are enlarged by a whole factor until a cell is at least this wide and high.
const MIN_CELL: u32 = 56;
/// Largest side of a picture in pixels, and its largest size in bytes: viewers open such pictures without trouble.
const MAX_SIDE: u64 = 16_384;
const MAX_BYTES: u64 = 128 << 20;
const SEPARATOR: Rgb<u8> = Rgb([64, 64, 72]);
/// Side of a scatter plot in pixels.
const PLOT: u32 = 512;
const PAPER: Rgb<u8> = Rgb([255, 255, 255]);
const REAL: [f32; 3] = [150.0, 160.0, 175.0];
const GENERATED: [f32; 3] = [200.0, 30.0, 60.0];

/// Lays `images`, `[N, C, H, W]` in -1 to 1, out row by row in `columns`; `shape` is `[C, H, W]`, C 1 or 3.
///
/// # Errors
/// `Failure` if `shape` is not that of images or does not divide `images`, or if there is nothing to show.
pub fn grid(images: &[f32], shape: &[usize], columns: usize) -> Result<RgbImage> {
    let (&[channels @ (1 | 3), height, width], len) = (shape, shape.iter().product::<usize>()) else {
        return Err(Error::failure(format!("shape {shape:?} is not that of images: [1 or 3, height, width]")));
    };
    if len == 0 || images.is_empty() || columns == 0 || !images.len().is_multiple_of(len) {
        return Err(Error::failure(format!(
            "{} values are no grid of images {shape:?} in {columns} columns",
            images.len()
        )));
    }
    let scale = scale(height, width);
    let count = images.len() / len;
    let columns = columns.min(count);
    let [cell_width, cell_height] = cell(height, width);
    let rows = count.div_ceil(columns) as u64;
    let gap = u64::from(GAP);
    let mut picture = page(columns as u64 * cell_width + gap, rows * cell_height + gap, SEPARATOR)?;
    let [cell_width, cell_height] = [cell_width as u32, cell_height as u32];
    for (i, image) in images.chunks(len).enumerate() {
        let (left, top) = ((i % columns) as u32 * cell_width + GAP, (i / columns) as u32 * cell_height + GAP);
        for y in 0..cell_height - GAP {
            for x in 0..cell_width - GAP {
                let at = (y / scale) as usize * width + (x / scale) as usize;
                let pixel = [0, 1, 2].map(|channel| byte(image[channel.min(channels - 1) * height * width + at]));
                picture.put_pixel(left + x, top + y, Rgb(pixel));
            }
        }
    }
    Ok(picture)
}

/// The whole factor by which images of this size are enlarged.
fn scale(height: usize, width: usize) -> u32 {
    MIN_CELL.div_ceil(height.min(width) as u32)
}

/// Width and height of a grid's cell in pixels, with the gap before it.
fn cell(height: usize, width: usize) -> [u64; 2] {
    [width, height].map(|side| side as u64 * u64::from(scale(height, width)) + u64::from(GAP))
}

/// Number of columns of a grid of `count` images `[C, H, W]`, at most `columns`, and the number of these images that
/// fit into a picture of the largest size.
pub fn fitting(shape: &[usize], columns: usize, count: usize) -> (usize, usize) {
    let &[_, height, width] = shape else { return (columns, count) };
    let ([cell_width, cell_height], gap) = (cell(height, width), u64::from(GAP));
    let columns = (columns.min(count) as u64).min((MAX_SIDE - gap) / cell_width).max(1);
    let wide = columns * cell_width + gap;
    let lines = if wide > MAX_SIDE { 0 } else { (MAX_BYTES / 3 / wide).min(MAX_SIDE) };
    let rows = lines.saturating_sub(gap) / cell_height;
    (columns as usize, count.min((columns * rows) as usize))
}

/// Whether a picture may have this width and height.
fn is_possible([width, height]: [u64; 2]) -> bool {
    width.max(height) <= MAX_SIDE && 3 * width * height <= MAX_BYTES
}

/// A picture of one colour.
///
/// # Errors
/// `Failure` if it is larger than a picture may be, or there is no memory for it.
fn page(width: u64, height: u64, colour: Rgb<u8>) -> Result<RgbImage> {
    if !is_possible([width, height]) {
        return Err(Error::failure(format!(
            "a picture of {width} x {height} pixels is too large: {MAX_SIDE} on a side and {} MiB are the most",
            MAX_BYTES >> 20
        )));
    }
    let mut pixels = Vec::new();
    pixels
        .try_reserve_exact((3 * width * height) as usize)
        .map_err(|_| Error::failure(format!("there is no memory for a picture of {width} x {height} pixels")))?;
    (0..width * height).for_each(|_| pixels.extend(colour.0));
    Ok(RgbImage::from_raw(width as u32, height as u32, pixels).expect("three bytes a pixel"))
}

fn byte(value: f32) -> u8 {
    ((value + 1.0) * 127.5).round() as u8
}

/// Plots `points` over `real`, both `[N, 2]` back to back, y upwards. The plot shows -`extent` to `extent` on both
/// axes; without `extent`, all of `real` (or of `points`, if there is no `real`) and a margin.
pub fn scatter(points: &[f32], real: &[f32], extent: Option<f32>) -> RgbImage {
    let farthest = |values: &[f32]| values.iter().filter(|v| v.is_finite()).fold(0f32, |far, v| far.max(v.abs()));
    let extent = extent.unwrap_or_else(|| 1.15 * farthest(if real.is_empty() { points } else { real }));
    let extent = if extent > 0.0 { extent } else { 1.0 };
    let mut picture = RgbImage::from_pixel(PLOT, PLOT, PAPER);
    for (cloud, colour, opacity, radius) in [(real, REAL, 0.35, 1.2), (points, GENERATED, 0.75, 1.8)] {
        for point in cloud.chunks_exact(2).filter(|point| point.iter().all(|value| value.is_finite())) {
            let to_pixel = |value: f32| (value / extent + 1.0) * 0.5 * PLOT as f32;
            disc(&mut picture, [to_pixel(point[0]), to_pixel(-point[1])], radius, colour, opacity);
        }
    }
    picture
}

/// Blends a disc with soft edges into `picture`; the part outside the picture is skipped.
fn disc(picture: &mut RgbImage, centre: [f32; 2], radius: f32, colour: [f32; 3], opacity: f32) {
    let reach = radius + 1.0;
    let covered = |axis: usize| {
        let first = (centre[axis] - reach).max(0.0);
        let end = (centre[axis] + reach).min(PLOT as f32);
        first as u32..end.max(0.0) as u32
    };
    for y in covered(1) {
        for x in covered(0) {
            let distance = (x as f32 + 0.5 - centre[0]).hypot(y as f32 + 0.5 - centre[1]);
            let share = opacity * (radius + 0.5 - distance).clamp(0.0, 1.0);
            let pixel = picture.get_pixel_mut(x, y);
            for (old, new) in pixel.0.iter_mut().zip(colour) {
                *old = (f32::from(*old) * (1.0 - share) + new * share).round() as u8;
            }
        }
    }
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
    let cannot = |error| Error::failure(format!("cannot make the picture: {error}"));
    picture.write_to(&mut png, ImageFormat::Png).map_err(cannot)?;
    Ok(png.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grid_places_images_row_by_row() {
        let images: Vec<f32> = [-1.0, 1.0, 0.0].iter().flat_map(|value| [*value; 28 * 28]).collect();
        let picture = grid(&images, &[1, 28, 28], 2).unwrap();
        assert_eq!(picture.dimensions(), (2 * 58 + 2, 2 * 58 + 2));
        let at = |x, y| picture.get_pixel(x, y).0;
        assert_eq!((at(2, 2), at(57, 57), at(60, 2)), ([0; 3], [0; 3], [255; 3]));
        assert_eq!((at(2, 60), at(60, 60), at(0, 0)), ([128; 3], SEPARATOR.0, SEPARATOR.0));
    }

    #[test]
    fn pictures_have_a_largest_size() {
        for (shape, columns, count) in [
            ([1, 28, 28], 100, 10_000),
            ([1, 28, 28], 1000, 100_000),
            ([3, 128, 128], 100, 10_000),
            ([1, 1024, 1024], 3, 9),
            ([3, 1024, 1024], 1, 100),
            ([1, 8, 128], 300, 300),
            ([1, 2, 60_000], 8, 8),
            ([1, 8, 2500], 1, 1),
        ] {
            let (columns, fit) = fitting(&shape, columns, count);
            let [width, height] = cell(shape[1], shape[2]);
            let size = |fit: usize| [columns as u64 * width + 2, fit.div_ceil(columns) as u64 * height + 2];
            assert!(fit <= count && (fit == 0 || is_possible(size(fit))), "{shape:?}: {columns} x {fit}");
            assert!(fit == count || !is_possible(size(fit + 1)), "{shape:?}: more than {columns} x {fit} fit");
        }
        let sentence = grid(&[0.0; 2 * 60_000], &[1, 2, 60_000], 1).unwrap_err().to_string();
        assert!(sentence.contains("a picture of 1680004 x 60 pixels is too large"), "{sentence}");
    }

    #[test]
    fn grid_keeps_colours() {
        let picture = grid(&[1.0, -1.0, 0.0], &[3, 1, 1], 8).unwrap();
        assert_eq!((picture.width(), picture.get_pixel(30, 30).0), (60, [255, 0, 128]));
    }

    #[test]
    fn grid_refuses_what_is_no_image() {
        for (values, shape, columns) in [
            (4, vec![2], 1),
            (4, vec![1, 3, 1], 1),
            (0, vec![1, 2, 2], 1),
            (4, vec![1, 2, 2], 0),
            (0, vec![1, 0, 0], 1),
        ] {
            assert!(grid(&vec![0.0; values], &shape, columns).is_err());
        }
    }

    #[test]
    fn scatter_marks_points_and_survives_bad_ones() {
        let points = [0.5, 0.5, f32::NAN, 0.0, f32::INFINITY, 0.0, 1e30, -1e30];
        let picture = scatter(&points, &[-0.5, -0.5], Some(1.0));
        let is_paper = |x, y| *picture.get_pixel(x, y) == PAPER;
        assert!(!is_paper(384, 128) && !is_paper(128, 384) && is_paper(128, 128));
        assert!(picture.pixels().filter(|pixel| **pixel != PAPER).count() < 40);
        assert_eq!(scatter(&[], &[], None).dimensions(), (PLOT, PLOT));
    }

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
}
