//! Pages to draw on, and one of pixels: areas, lines, dots and text with soft edges.

use image::RgbImage;
use tiny_skia::{FillRule, LineCap, LineJoin, Mask, Paint, Path, PathBuilder, Pixmap, Rect, Stroke, Transform};

use super::{font, too_large};
use crate::error::Result;

/// Red, green and blue.
pub type Colour = [u8; 3];

/// A colour and how much of it covers what lies below, 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ink(pub Colour, pub f32);

/// Where a text lies beside the place it is written at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// It begins there.
    Left,
    /// Its middle is there.
    Centre,
    /// It ends there.
    Right,
    /// Its middle is there, and it reads upwards.
    Upwards,
}

/// Largest distance of a coordinate from the page, beyond which paths are not reliable.
const FAR: f32 = 30_000.0;

/// What figures are drawn on.
pub trait Page: Sized {
    /// A page of one colour, `[width, height]` in pixels.
    ///
    /// # Errors
    /// `Failure` if it is larger than a picture may be.
    fn new(size: [u64; 2], colour: Colour) -> Result<Self>;

    /// Until the next call, nothing is drawn outside the area from `corner` with this size; without one, anywhere.
    fn clip(&mut self, area: Option<[[f32; 2]; 2]>);

    /// Fills the area between two corners.
    fn area(&mut self, corners: [[f32; 2]; 2], ink: Ink);

    /// Fills the area with these corners; those that are not finite are left out.
    fn polygon(&mut self, corners: &[[f32; 2]], ink: Ink);

    /// Draws a line through points; it is broken at those that are not finite.
    fn line(&mut self, points: &[[f32; 2]], width: f32, ink: Ink);

    /// Draws a dot; one at a place that is not finite is left out.
    fn dot(&mut self, place: [f32; 2], radius: f32, ink: Ink);

    /// Writes a text with its baseline at `[x, y]`, at a font size in pixels.
    fn text(&mut self, text: &str, place: [f32; 2], align: Align, size: f32, colour: Colour);
}

/// A page of pixels.
pub struct Canvas {
    pixels: Pixmap,
    /// What may be drawn on, if not all.
    clip: Option<Mask>,
}

impl Canvas {
    fn fill_path(&mut self, path: &Path, ink: Ink, transform: Transform) {
        self.pixels.fill_path(path, &paint(ink), FillRule::Winding, transform, self.clip.as_ref());
    }

    /// The page as a picture.
    pub fn finish(self) -> RgbImage {
        let [width, height] = [self.pixels.width(), self.pixels.height()];
        let pixels = self.pixels.data().chunks_exact(4).flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect();
        RgbImage::from_raw(width, height, pixels).expect("three bytes a pixel")
    }
}

impl Page for Canvas {
    fn new(size: [u64; 2], colour: Colour) -> Result<Self> {
        let [width, height] = size.map(|side| side.min(u32::MAX.into()) as u32);
        let pixels = if super::is_possible(size) { Pixmap::new(width, height) } else { None };
        let mut canvas = Self { pixels: pixels.ok_or_else(|| too_large(size))?, clip: None };
        canvas.pixels.fill(tiny_skia::Color::from_rgba8(colour[0], colour[1], colour[2], 255));
        Ok(canvas)
    }

    fn clip(&mut self, area: Option<[[f32; 2]; 2]>) {
        let rect = area.and_then(|[[x, y], [width, height]]| Rect::from_xywh(x, y, width, height));
        self.clip = rect.and_then(|rect| {
            let mut mask = Mask::new(self.pixels.width(), self.pixels.height())?;
            mask.fill_path(&PathBuilder::from_rect(rect), FillRule::Winding, false, Transform::identity());
            Some(mask)
        });
    }

    fn area(&mut self, [a, b]: [[f32; 2]; 2], ink: Ink) {
        let [a, b] = [a, b].map(|corner| corner.map(near));
        let rect = Rect::from_ltrb(a[0].min(b[0]), a[1].min(b[1]), a[0].max(b[0]), a[1].max(b[1]));
        // An area without extent would be told of as an error.
        if let Some(rect) = rect.filter(|rect| rect.width() > 0.0 && rect.height() > 0.0) {
            self.fill_path(&PathBuilder::from_rect(rect), ink, Transform::identity());
        }
    }

    fn polygon(&mut self, corners: &[[f32; 2]], ink: Ink) {
        let mut path = PathBuilder::new();
        for [x, y] in finite(corners) {
            if path.is_empty() { path.move_to(x, y) } else { path.line_to(x, y) }
        }
        path.close();
        // An area without extent would be told of as an error.
        let has_extent = |path: &Path| path.bounds().width() > 0.0 && path.bounds().height() > 0.0;
        if let Some(path) = path.finish().filter(has_extent) {
            self.fill_path(&path, ink, Transform::identity());
        }
    }

    fn line(&mut self, points: &[[f32; 2]], width: f32, ink: Ink) {
        let (mut path, mut goes_on) = (PathBuilder::new(), false);
        for point in points {
            let is_finite = point.iter().all(|value| value.is_finite());
            let [x, y] = point.map(near);
            match (is_finite, goes_on) {
                (true, true) => path.line_to(x, y),
                (true, false) => path.move_to(x, y),
                _ => {}
            }
            goes_on = is_finite;
        }
        let stroke = Stroke { width, line_cap: LineCap::Butt, line_join: LineJoin::Round, ..Stroke::default() };
        if let Some(path) = path.finish() {
            self.pixels.stroke_path(&path, &paint(ink), &stroke, Transform::identity(), self.clip.as_ref());
        }
    }

    fn dot(&mut self, [x, y]: [f32; 2], radius: f32, ink: Ink) {
        if let Some(circle) =
            PathBuilder::from_circle(near(x), near(y), radius).filter(|_| x.is_finite() && y.is_finite())
        {
            self.fill_path(&circle, ink, Transform::identity());
        }
    }

    fn text(&mut self, text: &str, [x, y]: [f32; 2], align: Align, size: f32, colour: Colour) {
        let width = font::width(text, size);
        let (left, turn) = match align {
            Align::Left => (x, 0.0),
            Align::Centre => (x - width / 2.0, 0.0),
            Align::Right => (x - width, 0.0),
            Align::Upwards => (x - width / 2.0, -90.0),
        };
        if let Some(path) = font::outlines(text, size, [left, y]) {
            self.fill_path(&path, Ink(colour, 1.0), Transform::from_rotate_at(turn, x, y));
        }
    }
}

/// The points that are finite, near the page.
pub(super) fn finite(points: &[[f32; 2]]) -> impl Iterator<Item = [f32; 2]> {
    points.iter().filter(|point| point.iter().all(|value| value.is_finite())).map(|point| point.map(near))
}

pub(super) fn near(value: f32) -> f32 {
    if value.is_finite() { value.clamp(-FAR, FAR) } else { 0.0 }
}

fn paint(Ink([red, green, blue], opacity): Ink) -> Paint<'static> {
    let mut paint = Paint { anti_alias: true, ..Paint::default() };
    paint.set_color_rgba8(red, green, blue, (opacity.clamp(0.0, 1.0) * 255.0).round() as u8);
    paint
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_far_away_or_not_finite_does_no_harm() {
        let mut canvas = Canvas::new([20, 10], [255; 3]).unwrap();
        let ink = Ink([0; 3], 1.0);
        for bad in [f32::NAN, f32::INFINITY, f32::MAX, -1e30] {
            canvas.dot([bad, 5.0], 3.0, ink);
            canvas.line(&[[bad, 0.0], [5.0, bad], [bad, bad]], 1.0, ink);
            canvas.polygon(&[[bad, 0.0], [5.0, bad], [9.0, 1.0], [2.0, bad], [bad, bad]], ink);
            canvas.area([[100.0, bad], [bad, 200.0]], ink);
            canvas.text("x", [bad, bad], Align::Upwards, 10.0, [0; 3]);
        }
        let mut canvas = Canvas::new([20, 10], [255; 3]).unwrap();
        canvas.clip(Some([[0.0, 0.0], [10.0, 10.0]]));
        canvas.area([[5.0, 0.0], [20.0, 10.0]], ink);
        canvas.polygon(&[[0.0, 0.0], [4.0, 0.0], [f32::NAN, 1.0], [0.0, 4.0]], ink);
        let picture = canvas.finish();
        let colour = |x, y| picture.get_pixel(x, y).0[0];
        assert_eq!([colour(7, 5), colour(15, 5), colour(1, 1), colour(3, 3)], [0, 255, 0, 255]);
        assert!(Canvas::new([0, 4], [0; 3]).is_err() && Canvas::new([1 << 40, 4], [0; 3]).is_err());
    }
}
