//! Grids of images: every pixel a whole number of pixels, with names above the columns or beside the rows.

use image::{GenericImage, Rgb, RgbImage, Rgba, RgbaImage};

use super::canvas::{Align, Canvas, Colour, Page};
use super::{MAX_BYTES, MAX_SIDE, font, page};
use crate::error::{Error, Result};

/// Pixels between the images of a grid and around it.
const GAP: u32 = 2;
/// Small images are enlarged by a whole factor until they are at least this wide and high, as long as the grid is not
/// larger than this.
const MIN_CELL: u32 = 80;
const WIDE: u64 = 2048;
/// Largest number of channels that make one picture, together.
const SHOWN: usize = 4;
/// Side of the squares of the ground below transparent pixels, and the value of the dark ones.
const CHEQUER: u32 = 8;
const CHEQUERED: f32 = 0.5;
const SEPARATOR: Colour = [64, 64, 72];
const TEXT: Colour = [235, 236, 240];
/// Font size, height of a line of names, and widest names beside rows, in pixels.
const SIZE: f32 = 14.0;
const LINE: u32 = 24;
/// Font size, and height of a line of names of images.
const SMALL: f32 = 11.0;
const SMALL_LINE: u32 = 15;
const WIDEST: f32 = 160.0;

/// How images are laid out.
#[derive(Clone, Debug, Default)]
pub struct Grid {
    /// Number of images side by side.
    pub columns: usize,
    /// Factor by which each is enlarged; without one, as suits its size.
    pub scale: Option<u32>,
    /// Names of the columns; none if empty.
    pub above: Vec<String>,
    /// Names of the rows; none if empty.
    pub beside: Vec<String>,
    /// Names of the images, one for each; none if empty.
    pub below: Vec<String>,
}

impl Grid {
    /// A grid without names.
    pub fn of(columns: usize) -> Self {
        Self { columns, ..Self::default() }
    }

    /// Lays `images`, `[N, C, H, W]` in -1 to 1, out row by row; `shape` is `[C, H, W]`, see [`enlarged`].
    ///
    /// # Errors
    /// `Failure` if `shape` is not that of images or does not divide `images`, if there is nothing to show, or if the
    /// picture is too large.
    pub fn draw(&self, images: &[f32], shape: &[usize]) -> Result<RgbImage> {
        let len = shape.iter().product::<usize>();
        if len == 0 || images.is_empty() || self.columns == 0 || !images.len().is_multiple_of(len) {
            return Err(Error::failure(format!(
                "{} values are no grid of images {shape:?} in {} columns",
                images.len(),
                self.columns
            )));
        }
        if shape.len() != 3 {
            return Err(no_images(shape));
        }
        let count = images.len() / len;
        let columns = self.columns.min(count);
        let (scale, [left, top]) = (self.scale_of(shape, count), self.margins());
        let cell = self.cell(shape, scale);
        let size = |margin: u32, cells: usize, cell: u64| u64::from(margin + GAP) + cells as u64 * cell;
        let mut picture = page([size(left, columns, cell[0]), size(top, count.div_ceil(columns), cell[1])], SEPARATOR)?;
        let cell = cell.map(|side| side as u32);
        for (i, values) in (0..).zip(images.chunks(len)) {
            let [x, y] = [left + i % columns as u32 * cell[0] + GAP, top + i / columns as u32 * cell[1] + GAP];
            picture.copy_from(&enlarged(values, shape, scale)?, x, y).expect("a cell has room for an image");
        }
        self.write_names(&mut picture, cell)?;
        Ok(picture)
    }

    fn write_names(&self, picture: &mut RgbImage, cell: [u32; 2]) -> Result<()> {
        let [left, top] = self.margins();
        let [width, height] = [picture.width(), picture.height()];
        for (row, names) in (1..).zip(self.below.chunks(self.columns)) {
            let mut strip = Canvas::new([(width - left).into(), SMALL_LINE.into()], SEPARATOR)?;
            for (n, name) in (0..).zip(names) {
                let middle = (n * cell[0] + GAP) as f32 + (cell[0] - GAP) as f32 / 2.0;
                let name = font::shortened(name, SMALL, cell[0] as f32 - 4.0);
                strip.text(&name, [middle, 11.0], Align::Centre, SMALL, TEXT);
            }
            let under = top + row * cell[1] - SMALL_LINE;
            picture.copy_from(&strip.finish(), left, under).expect("the strip is below its row");
        }
        if top > 0 {
            let mut strip = Canvas::new([width.into(), top.into()], SEPARATOR)?;
            for (n, name) in (0..).zip(&self.above) {
                let middle = (left + n * cell[0] + GAP) as f32 + (cell[0] - GAP) as f32 / 2.0;
                let name = font::shortened(name, SIZE, cell[0] as f32 - 4.0);
                strip.text(&name, [middle, 17.0], Align::Centre, SIZE, TEXT);
            }
            picture.copy_from(&strip.finish(), 0, 0).expect("the strip is as wide as the picture");
        }
        if left > 0 {
            let mut strip = Canvas::new([left.into(), (height - top).into()], SEPARATOR)?;
            for (n, name) in (0..).zip(&self.beside) {
                let middle = (n * cell[1] + GAP) as f32 + (cell[1] - GAP) as f32 / 2.0;
                let name = font::shortened(name, SIZE, WIDEST);
                strip.text(&name, [left as f32 - 8.0, middle + 0.35 * SIZE], Align::Right, SIZE, TEXT);
            }
            picture.copy_from(&strip.finish(), 0, top).expect("the strip is as high as the picture below the other");
        }
        Ok(())
    }

    /// Pixels for the names at the left and at the top.
    fn margins(&self) -> [u32; 2] {
        let widest = self.beside.iter().map(|name| font::width(name, SIZE).min(WIDEST)).fold(0.0, f32::max);
        let left = if self.beside.is_empty() { 0 } else { widest.ceil() as u32 + 16 };
        [left, if self.above.is_empty() { 0 } else { LINE }]
    }

    /// The whole factor by which `count` images are enlarged.
    fn scale_of(&self, shape: &[usize], count: usize) -> u32 {
        let least = shape[1..].iter().copied().min().unwrap_or(1).max(1);
        let largest = MIN_CELL.div_ceil(least.min(MIN_CELL as usize) as u32);
        let columns = self.columns.min(count).max(1);
        let fits = |scale: &u32| {
            let [width, height] = self.cell(shape, *scale);
            columns as u64 * width <= WIDE && count.div_ceil(columns) as u64 * height <= WIDE
        };
        self.scale.unwrap_or_else(|| (1..=largest).rev().find(fits).unwrap_or(1))
    }

    /// Width and height of a cell in pixels, with the gap before it and the name below.
    fn cell(&self, shape: &[usize], scale: u32) -> [u64; 2] {
        let [width, height] = extents(shape).map(|side| side as u64 * u64::from(scale) + u64::from(GAP));
        [width, height + if self.below.is_empty() { 0 } else { u64::from(SMALL_LINE) }]
    }

    /// Number of columns of a grid of `count` images `[C, H, W]`, at most those wanted, and the number of these images
    /// that fit into a picture of the largest size.
    pub fn fitting(&self, shape: &[usize], count: usize) -> (usize, usize) {
        let ([cell_width, cell_height], [left, top]) = (self.cell(shape, self.scale_of(shape, count)), self.margins());
        let [left, top] = [left, top].map(|margin| u64::from(margin + GAP));
        let columns = (self.columns.min(count) as u64).min((MAX_SIDE - left) / cell_width).max(1);
        let wide = columns * cell_width + left;
        let lines = if wide > MAX_SIDE { 0 } else { (MAX_BYTES / 3 / wide).min(MAX_SIDE) };
        let rows = lines.saturating_sub(top) / cell_height;
        (columns as usize, count.min((columns * rows) as usize))
    }
}

fn no_images(shape: &[usize]) -> Error {
    Error::failure(format!("shape {shape:?} is not that of images: [channels, height, width]"))
}

/// One image `[C, H, W]` in -1 to 1, each pixel a square of `scale` pixels on a side. 1 channel is grey, 3 are RGB;
/// with one more, alpha, colours are those over white and lie on a chequered ground. More channels are shown one by
/// one, side by side, in grey.
///
/// # Errors
/// `Failure` if `shape` is not that of images, or the picture is too large.
pub fn enlarged(image: &[f32], shape: &[usize], scale: u32) -> Result<RgbImage> {
    let &[channels, height, width] = shape else { return Err(no_images(shape)) };
    let mut picture = page(extents(shape).map(|side| side as u64 * u64::from(scale)), SEPARATOR)?;
    let plane = height * width;
    for (x, y, pixel) in picture.enumerate_pixels_mut() {
        let (column, row) = ((x / scale) as usize, (y / scale) as usize);
        let value = |channel: usize| image[channel * plane + row * width + column % width];
        let ground = if channels.is_multiple_of(2) && channels <= SHOWN {
            let square = if (x / CHEQUER + y / CHEQUER).is_multiple_of(2) { 1.0 } else { CHEQUERED };
            // What white adds to the colour of a pixel, and the ground does not.
            0.5 * (1.0 - value(channels - 1)) * (square - 1.0)
        } else {
            0.0
        };
        *pixel = Rgb([0, 1, 2].map(|colour| match channels {
            1 | 2 => byte(value(0) + ground),
            3 | 4 => byte(value(colour) + ground),
            _ => byte(value(column / width)),
        }));
    }
    Ok(picture)
}

/// The same for an image with alpha, as colours that are transparent, in place of those over white.
///
/// # Errors
/// Those of [`enlarged`].
pub fn transparent(image: &[f32], shape: &[usize], scale: u32) -> Result<RgbaImage> {
    let &[channels @ (2 | 4), height, width] = shape else { return Err(no_images(shape)) };
    let [wide, high] = page(extents(shape).map(|side| side as u64 * u64::from(scale)), SEPARATOR)?.dimensions().into();
    let share = |value: f32| ((value + 1.0) / 2.0).clamp(0.0, 1.0);
    Ok(RgbaImage::from_fn(wide, high, |x, y| {
        let at = (y / scale) as usize * width + (x / scale) as usize;
        let value = |channel: usize| share(image[channel * height * width + at]);
        let alpha = value(channels - 1);
        let own = |over_white: f32| ((over_white - (1.0 - alpha)) / alpha.max(1e-6)).clamp(0.0, 1.0);
        let [red, green, blue] = [0, 1, 2].map(|colour| own(value(if channels == 2 { 0 } else { colour })));
        Rgba([red, green, blue, alpha].map(|share| (255.0 * share).round() as u8))
    }))
}

/// Width and height of an image `[C, H, W]` as it is shown.
fn extents(shape: &[usize]) -> [usize; 2] {
    [shape[2] * if shape[0] > SHOWN { shape[0] } else { 1 }, shape[1]]
}

fn byte(value: f32) -> u8 {
    ((value + 1.0) * 127.5).round() as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::is_possible;

    #[test]
    fn grid_places_images_row_by_row() {
        let images: Vec<f32> = [-1.0, 1.0, 0.0].iter().flat_map(|value| [*value; 28 * 28]).collect();
        let picture = Grid::of(2).draw(&images, &[1, 28, 28]).unwrap();
        assert_eq!(picture.dimensions(), (2 * 86 + 2, 2 * 86 + 2));
        let at = |x, y| picture.get_pixel(x, y).0;
        assert_eq!((at(2, 2), at(85, 85), at(88, 2)), ([0; 3], [0; 3], [255; 3]));
        assert_eq!((at(2, 88), at(90, 90), at(0, 0)), ([128; 3], SEPARATOR, SEPARATOR));
    }

    #[test]
    fn names_have_strips_of_their_own() {
        let images = [1.0; 6 * 4];
        let names = |names: &[&str]| names.iter().map(|name| name.to_string()).collect::<Vec<_>>();
        let (above, beside) = (names(&["cat", "漢字 of a long name", ""]), names(&["a", "b"]));
        let named = Grid { columns: 3, scale: Some(40), above, beside, ..Grid::default() };
        let bare = Grid { scale: Some(40), ..Grid::of(3) };
        let [bare, named] = [bare, named].map(|grid| grid.draw(&images, &[1, 2, 2]).unwrap());
        let (left, top) = (named.width() - bare.width(), named.height() - bare.height());
        assert_eq!(top, LINE);
        assert!((16..40).contains(&left));
        let inner = image::imageops::crop_imm(&named, left, top, bare.width(), bare.height()).to_image();
        assert!(inner == bare, "the images are not touched");
        assert!(named.enumerate_pixels().any(|(_, y, pixel)| y < top && pixel.0[0] > 200));
    }

    #[test]
    fn names_of_images_stand_below_them() {
        let images = [1.0; 6 * 4];
        let below = (0..6).map(|n| format!("IMG {n}")).collect();
        let named = Grid { columns: 3, scale: Some(40), below, ..Grid::default() };
        let bare = Grid { scale: Some(40), ..Grid::of(3) };
        let [bare, named] = [bare, named].map(|grid| grid.draw(&images, &[1, 2, 2]).unwrap());
        assert_eq!((named.width(), named.height()), (bare.width(), bare.height() + 2 * SMALL_LINE));
        for (row, under) in [(0, 82), (1, 2 * 82 + SMALL_LINE)] {
            let part = |picture: &RgbImage, y| image::imageops::crop_imm(picture, 0, y, bare.width(), 82).to_image();
            assert!(part(&named, row * (82 + SMALL_LINE)) == part(&bare, row * 82), "the images are not touched");
            let is_text =
                |(_, y, pixel): (u32, u32, &Rgb<u8>)| (under..under + SMALL_LINE).contains(&y) && pixel.0[0] > 200;
            assert!(named.enumerate_pixels().any(is_text));
        }
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
            for scale in [None, Some(1), Some(7)] {
                let grid = Grid { scale, above: vec!["x".into()], ..Grid::of(columns) };
                let (columns, fit) = grid.fitting(&shape, count);
                let [width, height] = grid.cell(&shape, grid.scale_of(&shape, count));
                let size = |fit: usize| [columns as u64 * width + 2, fit.div_ceil(columns) as u64 * height + 26];
                assert!(fit <= count && (fit == 0 || is_possible(size(fit))), "{shape:?}: {columns} x {fit}");
                assert!(fit == count || !is_possible(size(fit + 1)), "{shape:?}: more than {columns} x {fit} fit");
            }
        }
        let sentence = Grid::of(1).draw(&[0.0; 2 * 60_000], &[1, 2, 60_000]).unwrap_err().to_string();
        assert!(sentence.contains("a picture of 60004 x 6 pixels is too large"), "{sentence}");
    }

    #[test]
    fn grid_keeps_colours() {
        let picture = Grid::of(8).draw(&[1.0, -1.0, 0.0], &[3, 1, 1]).unwrap();
        assert_eq!((picture.width(), picture.get_pixel(30, 30).0), (84, [255, 0, 128]));
    }

    #[test]
    fn transparent_pixels_show_the_ground() {
        // White that is transparent, then black that is not.
        let picture = enlarged(&[1.0, -1.0, -1.0, 1.0], &[2, 1, 2], 16).unwrap();
        let at = |x| picture.get_pixel(x, 0).0;
        assert_eq!([at(0), at(8), at(16), at(24)], [[255; 3], [191; 3], [0; 3], [0; 3]]);
        // Half transparent black is grey over white.
        let half = transparent(&[0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 1.0], &[4, 1, 2], 1).unwrap();
        assert_eq!((half.get_pixel(0, 0).0, half.get_pixel(1, 0).0), ([0, 255, 0, 128], [128, 255, 255, 255]));
        assert!(transparent(&[0.0; 3], &[3, 1, 1], 1).is_err());
        let rgba = enlarged(&[-1.0, 1.0, 0.0, 1.0], &[4, 1, 1], 1).unwrap();
        assert_eq!(rgba.get_pixel(0, 0).0, [0, 255, 128]);
    }

    #[test]
    fn many_channels_lie_side_by_side() {
        let values: Vec<f32> = (0..5).map(|channel| channel as f32 / 2.0 - 1.0).collect();
        let picture = Grid { scale: Some(1), ..Grid::of(1) }.draw(&values, &[5, 1, 1]).unwrap();
        let row: Vec<u8> = (0..5).map(|x| picture.get_pixel(GAP + x, GAP).0[0]).collect();
        assert_eq!((picture.dimensions(), row), ((5 + 2 * GAP, 1 + 2 * GAP), vec![0, 64, 128, 191, 255]));
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
            assert!(Grid::of(columns).draw(&vec![0.0; values], &shape).is_err());
        }
    }
}
