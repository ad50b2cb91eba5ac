//! Coloured shapes on soft backgrounds, drawn by distance to their outline.

use std::f32::consts::{PI, TAU};
use std::path::Path;

use rayon::prelude::*;

use super::images::Images;
use super::random::{Root, Stream};
use super::stroke::Point;
use super::{Labels, Options, Split, check_memory};
use crate::error::Result;
use crate::settings::Size;

const TRAIN_SHAPES: usize = 20_000;
const TEST_SHAPES: usize = 4_000;
const DEFAULT_SIZE: usize = 32;
/// The class of each shape.
const NAMES: [&str; 8] = ["circle", "ring", "crescent", "triangle", "square", "hexagon", "star", "cross"];
/// Smallest distance between the RGB colours of a shape and its background; the largest possible is sqrt(3).
const CONTRAST: f32 = 0.5;

type Colour = [f32; 3];

/// Draws the shapes; item `i` shows the shape `i % 8`.
pub(super) fn draw(options: &Options) -> Result<(Images, Option<Labels>)> {
    let count = if options.split == Split::Train { TRAIN_SHAPES } else { TEST_SHAPES };
    let size = options.size.unwrap_or(DEFAULT_SIZE.into());
    let Size { width, height } = size;
    check_memory(Path::new("shapes"), "image", count, 3 * width * height, "a smaller size")?;
    let root = Root::new("shapes", options.seed, options.split);
    let mut pixels = vec![0; count * 3 * width * height];
    let images = pixels.par_chunks_mut(3 * width * height).enumerate();
    images.for_each(|(i, image)| paint(NAMES[i % NAMES.len()], &mut root.stream(i), size, image));
    let labels = Labels {
        ids: (0..count).map(|i| (i % NAMES.len()) as u32).collect(),
        names: NAMES.map(str::to_owned).to_vec(),
    };
    Ok((Images { pixels, channels: 3, height, width }, Some(labels)))
}

/// Paints one shape into the largest square in the middle of `image`, `[3, height, width]`; the background goes on
/// around it.
fn paint(name: &str, stream: &mut Stream, size: Size, image: &mut [u8]) {
    let outline = Outline::random(name, stream);
    let radius = stream.within(0.2..0.38);
    let centre = [0, 1].map(|_| stream.within(radius..1.0 - radius));
    let (sin, cos) = stream.within(0.0..TAU).sin_cos();
    let background = Gradient::random(stream, backdrop);
    let paint = loop {
        let paint = Gradient::random(stream, vivid);
        if paint.contrast(&background) > CONTRAST {
            break paint;
        }
    };
    let (plane, side) = (size.width * size.height, size.width.min(size.height) as f32);
    let border = [size.width, size.height].map(|extent| 0.5 * (extent as f32 - side));
    let scale = radius * side;
    for i in 0..plane {
        let place = [i % size.width, i / size.width];
        let [x, y] = [0, 1].map(|axis| (place[axis] as f32 + 0.5 - border[axis]) / side);
        let (dx, dy) = ((x - centre[0]) / radius, (y - centre[1]) / radius);
        // Every shape lies within its unit circle, so points outside the circle need no exact distance.
        let beyond = ((dx * dx + dy * dy).sqrt() - 1.0) * scale;
        let turned = [cos * dx + sin * dy, cos * dy - sin * dx];
        let distance = if beyond > 0.5 { beyond } else { outline.distance(turned) * scale };
        let share = (0.5 - distance).clamp(0.0, 1.0);
        let (inside, outside) = (paint.at([x, y]), background.at([x, y]));
        for channel in 0..3 {
            let value = outside[channel] + share * (inside[channel] - outside[channel]);
            image[channel * plane + i] = (255.0 * value + 0.5) as u8;
        }
    }
}

/// A colour that changes linearly from one side to the other.
struct Gradient {
    from: Colour,
    to: Colour,
    direction: Point,
}

impl Gradient {
    fn random(stream: &mut Stream, colours: fn(&mut Stream) -> [Colour; 2]) -> Self {
        let [from, to] = colours(stream);
        let (sin, cos) = stream.within(0.0..TAU).sin_cos();
        Self { from, to, direction: [cos, sin] }
    }

    fn at(&self, [x, y]: Point) -> Colour {
        let t = (0.5 + (x - 0.5) * self.direction[0] + (y - 0.5) * self.direction[1]).clamp(0.0, 1.0);
        [0, 1, 2].map(|channel| self.from[channel] + t * (self.to[channel] - self.from[channel]))
    }

    /// The smallest distance between an end of `self` and an end of `other`.
    fn contrast(&self, other: &Self) -> f32 {
        let distance = |a: Colour, b: Colour| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f32>().sqrt();
        let ends = [(self.from, other.from), (self.from, other.to), (self.to, other.from), (self.to, other.to)];
        ends.into_iter().map(|(a, b)| distance(a, b)).fold(f32::MAX, f32::min)
    }
}

/// Two shades of a dull colour, dark or light.
fn backdrop(stream: &mut Stream) -> [Colour; 2] {
    let (hue, saturation, value) = (stream.unit(), stream.within(0.1..0.5), stream.within(0.1..0.95));
    let shade = |stream: &mut Stream| {
        rgb(hue + stream.within(-0.08..0.08), saturation, (value + stream.within(-0.2..0.2)).clamp(0.0, 1.0))
    };
    [shade(stream), shade(stream)]
}

/// Two shades of a strong colour.
fn vivid(stream: &mut Stream) -> [Colour; 2] {
    let (hue, saturation, value) = (stream.unit(), stream.within(0.65..1.0), stream.within(0.75..1.0));
    [rgb(hue, saturation, value), rgb(hue + stream.within(-0.04..0.04), saturation, value - stream.within(0.0..0.2))]
}

/// The colour of a hue in turns, a saturation and a value in 0 to 1.
fn rgb(hue: f32, saturation: f32, value: f32) -> Colour {
    [0.0, 1.0 / 3.0, 2.0 / 3.0].map(|offset| {
        let ramp = ((hue - offset).rem_euclid(1.0) * 6.0 - 3.0).abs() - 1.0;
        value * (1.0 - saturation * (1.0 - ramp.clamp(0.0, 1.0)))
    })
}

/// A shape about the origin, within distance 1 of it.
enum Outline {
    Circle,
    Ring { hole: f32 },
    Crescent { bite: f32 },
    Polygon(Vec<Point>),
}

impl Outline {
    fn random(name: &str, stream: &mut Stream) -> Self {
        match name {
            "circle" => Self::Circle,
            "ring" => Self::Ring { hole: stream.within(0.45..0.72) },
            "crescent" => Self::Crescent { bite: stream.within(0.45..0.65) },
            "triangle" => Self::Polygon(regular(&[1.0; 3])),
            "square" => Self::Polygon(regular(&[1.0; 4])),
            "hexagon" => Self::Polygon(regular(&[1.0; 6])),
            "star" => Self::Polygon(regular(&[1.0, stream.within(0.38..0.5)].repeat(5))),
            _ => Self::Polygon(cross(stream.within(0.22..0.36))),
        }
    }

    /// The distance from `point` to the outline, negative inside.
    fn distance(&self, point: Point) -> f32 {
        let from = |x: f32| ((point[0] - x).powi(2) + point[1].powi(2)).sqrt();
        match self {
            Self::Circle => from(0.0) - 1.0,
            Self::Ring { hole } => (from(0.0) - 1.0).max(hole - from(0.0)),
            Self::Crescent { bite } => (from(0.0) - 1.0).max(0.9 - from(*bite)),
            Self::Polygon(corners) => distance_to_polygon(corners, point),
        }
    }
}

/// Corners at even angles, at the given distances from the origin.
fn regular(radii: &[f32]) -> Vec<Point> {
    let corner = |(i, radius): (usize, &f32)| {
        let (sin, cos) = (TAU * i as f32 / radii.len() as f32).sin_cos();
        [radius * sin, -radius * cos]
    };
    radii.iter().enumerate().map(corner).collect()
}

/// A cross whose arms are `2 * half` wide.
fn cross(half: f32) -> Vec<Point> {
    let arm = [[-half, -1.0], [half, -1.0], [half, -half]];
    let turned = |quarter: usize| {
        let (sin, cos) = (PI / 2.0 * quarter as f32).sin_cos();
        arm.map(|[x, y]| [cos * x - sin * y, sin * x + cos * y])
    };
    (0..4).flat_map(turned).collect()
}

/// The distance from `point` to a simple polygon, negative inside.
fn distance_to_polygon(corners: &[Point], point: Point) -> f32 {
    let (mut nearest_squared, mut is_inside) = (f32::MAX, false);
    for (i, &from) in corners.iter().enumerate() {
        let to = corners[(i + 1) % corners.len()];
        let along = [to[0] - from[0], to[1] - from[1]];
        let offset = [point[0] - from[0], point[1] - from[1]];
        let dot = along[0] * offset[0] + along[1] * offset[1];
        let t = (dot / (along[0] * along[0] + along[1] * along[1])).clamp(0.0, 1.0);
        let [dx, dy] = [offset[0] - t * along[0], offset[1] - t * along[1]];
        nearest_squared = nearest_squared.min(dx * dx + dy * dy);
        let crosses = (from[1] > point[1]) != (to[1] > point[1]);
        if crosses && offset[0] < along[0] * offset[1] / along[1] {
            is_inside = !is_inside;
        }
    }
    let distance = nearest_squared.sqrt();
    if is_inside { -distance } else { distance }
}
