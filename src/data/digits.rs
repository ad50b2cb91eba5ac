//! Handwritten digits, drawn from control points for each way of writing, with random noise, slant, stretch and ink.
//!
//! Like MNIST's, a digit fills a box of 20 of the 28 pixels and its centre of mass lies in the middle.

use std::f32::consts::TAU;
use std::path::Path;

use rayon::prelude::*;

use super::images::Images;
use super::random::{Root, Stream};
use super::stroke::{Dot, Point, ink, spline};
use super::{Labels, Options, Split, check_memory};
use crate::error::Result;
use crate::settings::Size;

const TRAIN_DIGITS: usize = 20_000;
const TEST_DIGITS: usize = 4_000;
const DEFAULT_SIZE: usize = 28;

/// Draws the digits; item `i` shows the digit `i % 10`.
pub(super) fn draw(options: &Options) -> Result<(Images, Option<Labels>)> {
    let count = if options.split == Split::Train { TRAIN_DIGITS } else { TEST_DIGITS };
    let size = options.size.unwrap_or(DEFAULT_SIZE.into());
    let Size { width, height } = size;
    check_memory(Path::new("digits"), "image", count, width * height, "a smaller size")?;
    let root = Root::new("digits", options.seed, options.split);
    let mut pixels = vec![0; count * width * height];
    pixels
        .par_chunks_mut(width * height)
        .enumerate()
        .for_each(|(i, image)| write(i % 10, &mut root.stream(i), size, image));
    let labels = Labels {
        ids: (0..count as u32).map(|i| i % 10).collect(),
        names: (0..10).map(|digit| digit.to_string()).collect(),
    };
    Ok((Images { pixels, channels: 1, height, width }, Some(labels)))
}

/// Writes `digit` once into `image`.
fn write(digit: usize, stream: &mut Stream, size: Size, image: &mut [u8]) {
    let unsteadiness = stream.within(0.008..0.042);
    let mut lines: Vec<Vec<Point>> =
        strokes(digit, stream).iter().map(|stroke| spline(&shaken(stroke, unsteadiness, stream))).collect();
    Hand::random(digit, stream).bend(&mut lines);
    let scale = size.width.min(size.height) as f32 / 28.0;
    fit(&mut lines, 20.0 * scale * stream.normal(0.99, 0.03).clamp(0.9, 1.08), size);

    let mut canvas = vec![0.0; size.width * size.height];
    let pen = Pen::random(stream);
    for line in &lines {
        ink(&mut canvas, size, &pen.dots(line, scale), pen.softness * scale.max(0.5));
    }
    for (byte, value) in image.iter_mut().zip(canvas).filter(|(_, value)| *value > 0.0) {
        *byte = (value * stream.within(244.0..255.0) + 0.5) as u8;
    }
}

/// The control points with independent noise. A corner is a point written twice; both copies get the same noise.
fn shaken(stroke: &[Point], deviation: f32, stream: &mut Stream) -> Vec<Point> {
    let mut shaken: Vec<Point> = Vec::with_capacity(stroke.len());
    for (i, point) in stroke.iter().enumerate() {
        let noise = stream.normals();
        let is_corner = i > 0 && stroke[i - 1] == *point;
        shaken.push(if is_corner { shaken[i - 1] } else { [0, 1].map(|axis| point[axis] + deviation * noise[axis]) });
    }
    shaken
}

/// The distortion that one writer applies to every line of a digit.
struct Hand {
    slant: f32,
    turn: f32,
    width: f32,
    wave: [f32; 2],
    phase: [f32; 2],
}

impl Hand {
    fn random(digit: usize, stream: &mut Stream) -> Self {
        let wobble = if digit == 1 { 0.012 } else { 0.028 };
        Self {
            slant: stream.normal(if digit == 1 { 0.25 } else { 0.14 }, 0.2).clamp(-0.35, 0.75),
            turn: stream.normal(0.0, 0.09).clamp(-0.25, 0.25),
            width: stream.normal(1.0, 0.15).clamp(0.65, 1.4),
            wave: [stream.normal(0.0, wobble), stream.normal(0.0, wobble)],
            phase: [stream.within(0.0..TAU), stream.within(0.0..TAU)],
        }
    }

    fn bend(&self, lines: &mut [Vec<Point>]) {
        let (sin, cos) = self.turn.sin_cos();
        for point in lines.iter_mut().flatten() {
            let [x, y] = *point;
            let x = self.width * (x + self.wave[0] * (4.5 * y + self.phase[0]).sin()) - self.slant * y;
            let y = y + self.wave[1] * (4.5 * x + self.phase[1]).sin();
            *point = [cos * x - sin * y, sin * x + cos * y];
        }
    }
}

/// Scales the lines until their longer extent is `extent` pixels, with their centre of mass in the middle.
fn fit(lines: &mut [Vec<Point>], extent: f32, size: Size) {
    let points = || lines.iter().flatten();
    let span = |axis: usize| {
        let (low, high) =
            points().fold((f32::MAX, f32::MIN), |(low, high), point| (low.min(point[axis]), high.max(point[axis])));
        high - low
    };
    let scale = extent / span(0).max(span(1));
    let (mut mass, mut moment) = (0.0, [0.0; 2]);
    for ends in lines.iter().flat_map(|line| line.windows(2)) {
        let length = (ends[1][0] - ends[0][0]).hypot(ends[1][1] - ends[0][1]);
        mass += length;
        moment = [0, 1].map(|axis| moment[axis] + 0.5 * length * (ends[0][axis] + ends[1][axis]));
    }
    let middle = [size.width, size.height].map(|side| side as f32 / 2.0);
    for point in lines.iter_mut().flatten() {
        *point = [0, 1].map(|axis| middle[axis] + scale * (point[axis] - moment[axis] / mass));
    }
}

/// The pen of one digit; lengths in pixels of a 28-pixel image.
struct Pen {
    radius: f32,
    swell: f32,
    phase: f32,
    taper: f32,
    softness: f32,
}

impl Pen {
    fn random(stream: &mut Stream) -> Self {
        Self {
            radius: stream.normal(1.2, 0.36).clamp(0.65, 2.2),
            swell: stream.within(0.0..0.22),
            phase: stream.within(0.0..TAU),
            taper: stream.within(0.0..0.35),
            softness: stream.within(0.9..1.5),
        }
    }

    /// The line with the radius of the pen's tip, which varies along the line and is smaller towards the end.
    fn dots(&self, line: &[Point], scale: f32) -> Vec<Dot> {
        let last = line.len().saturating_sub(1).max(1) as f32;
        let radius = |i: usize| {
            let t = i as f32 / last;
            let lift = 1.0 - self.taper * ((t - 0.75) / 0.25).max(0.0);
            self.radius * scale * lift * (1.0 + self.swell * (6.0 * t + self.phase).sin())
        };
        line.iter().enumerate().map(|(i, &at)| Dot { at, radius: radius(i) }).collect()
    }
}

/// The control points of one way to write `digit`, in a box about 0.7 wide and 1 high, y downwards.
fn strokes(digit: usize, s: &mut Stream) -> Vec<Vec<Point>> {
    match digit {
        0 => vec![zero(s)],
        1 => one(s),
        2 => vec![two(s)],
        3 => vec![three(s)],
        4 => four(s),
        5 => five(s),
        6 => vec![six(s)],
        7 => seven(s),
        8 => eight(s),
        _ => vec![nine(s)],
    }
}

/// An arc of an ellipse; angles in turns from the top, growing counter-clockwise, the radius growing by `drift` in all.
fn arc(centre: Point, radii: Point, from: f32, turns: f32, drift: f32) -> Vec<Point> {
    let count = (turns.abs() * 8.0).ceil().max(3.0) as usize;
    let point = |i: usize| {
        let t = i as f32 / count as f32;
        let (sin, cos) = (TAU * (from + t * turns)).sin_cos();
        let grown = 1.0 + drift * t;
        [centre[0] - radii[0] * grown * sin, centre[1] - radii[1] * grown * cos]
    };
    (0..=count).map(point).collect()
}

fn zero(s: &mut Stream) -> Vec<Point> {
    let radii = [s.within(0.26..0.46), 0.5];
    let direction = if s.chance(0.85) { 1.0 } else { -1.0 };
    arc([0.4, 0.5], radii, s.within(-0.12..0.08), direction * s.within(0.94..1.12), s.within(-0.14..0.1))
}

fn one(s: &mut Stream) -> Vec<Vec<Point>> {
    let bow = s.normal(0.0, 0.03);
    let stem = [[0.4, 0.0], [0.4 + bow, 0.5], [0.4, 1.0]];
    let kind = s.unit();
    let mut strokes = vec![stem.to_vec()];
    if kind > 0.7 {
        let flag = [0.4 - s.within(0.1..0.26), s.within(0.1..0.26)];
        strokes[0] = [[flag, stem[0], stem[0]].as_slice(), &stem[1..]].concat();
    }
    if kind > 0.86 {
        let (left, right) = (s.within(0.12..0.28), s.within(0.12..0.28));
        strokes.push(vec![[0.4 - left, 1.0], [0.4, 0.99], [0.4 + right, 1.0]]);
    }
    strokes
}

fn two(s: &mut Stream) -> Vec<Point> {
    let (belly, reach, rise) = (s.within(0.58..0.72), s.within(0.65..0.95), s.within(-0.06..0.06));
    let mut line = vec![[s.within(0.02..0.12), s.within(0.16..0.32)], [0.32, 0.01], [belly, 0.2], [belly - 0.1, 0.48]];
    if s.chance(0.45) {
        let loop_height = s.within(0.03..0.16);
        line.extend([[0.2, 0.9], [0.04, 0.95], [0.08, 0.92 - loop_height], [0.36, 0.92]]);
    } else {
        let foot = [s.within(-0.02..0.08), 0.96];
        line.extend([[0.3, 0.76], foot, foot, [0.36, 0.95]]);
    }
    line.push([reach, 0.95 + rise]);
    line
}

fn three(s: &mut Stream) -> Vec<Point> {
    let (top, bottom) = (s.within(0.5..0.64), s.within(0.58..0.74));
    let waist = [s.within(0.2..0.36), s.within(0.42..0.5)];
    let mut line =
        vec![[s.within(0.02..0.14), s.within(0.06..0.2)], [0.34, 0.0], [top, 0.18], [top - 0.1, 0.36], waist];
    if s.chance(0.65) {
        line.push(waist);
    }
    line.extend([[bottom - 0.12, 0.52], [bottom, 0.74], [0.36, 0.99], [s.within(-0.02..0.1), s.within(0.82..0.96)]]);
    line
}

fn four(s: &mut Stream) -> Vec<Vec<Point>> {
    let bar = s.within(0.5..0.66);
    let (end, foot) = (s.within(0.62..0.85), s.within(0.38..0.56));
    if s.chance(0.7) {
        let corner = [s.within(0.0..0.1), bar];
        let left = vec![
            [s.within(0.06..0.2), s.within(0.0..0.12)],
            [0.06, bar - 0.22],
            corner,
            corner,
            [0.35, bar],
            [end, bar - 0.04],
        ];
        let top = s.within(0.48..0.62);
        vec![left, vec![[top, s.within(0.0..0.14)], [0.5 * (top + foot) + 0.02, 0.5], [foot, 1.0]]]
    } else {
        let (apex, corner) = ([s.within(0.44..0.56), 0.0], [0.0, bar]);
        vec![
            vec![apex, [0.26, 0.3], corner, corner, [0.35, bar], [end, bar]],
            vec![apex, [0.5 * (apex[0] + foot), 0.5], [foot, 1.0]],
        ]
    }
}

fn five(s: &mut Stream) -> Vec<Vec<Point>> {
    let (neck, belly) = ([s.within(0.14..0.24), s.within(0.36..0.46)], s.within(0.56..0.74));
    let shoulder = [s.within(0.2..0.32), 0.03];
    let bar_end = [s.within(0.56..0.86), s.within(-0.05..0.06)];
    let bowl = [
        [0.4, neck[1] - 0.04],
        [belly, 0.62],
        [belly - 0.12, 0.88],
        [0.28, 1.0],
        [s.within(-0.02..0.08), s.within(0.84..0.96)],
    ];
    match s.unit() {
        kind if kind < 0.5 => {
            vec![[[bar_end, shoulder, shoulder, neck, neck].as_slice(), &bowl].concat()]
        }
        kind if kind < 0.8 => {
            vec![[[shoulder, neck, neck].as_slice(), &bowl].concat(), vec![shoulder, [0.42, 0.02], bar_end]]
        }
        _ => vec![
            [[bar_end, [0.4, 0.03], [shoulder[0] - 0.04, 0.16], [neck[0] + 0.02, neck[1] - 0.04]].as_slice(), &bowl]
                .concat(),
        ],
    }
}

fn six(s: &mut Stream) -> Vec<Point> {
    let (height, width) = (s.within(0.2..0.28), s.within(0.22..0.33));
    let centre = [0.08 + width, 1.0 - height];
    let start = [s.within(0.36..0.66), s.within(0.0..0.06)];
    let bowl = arc(centre, [width, height], 0.22, s.within(0.9..1.1), s.within(-0.25..0.0));
    [[start, [0.5 * start[0] + 0.06, 0.26]].as_slice(), &bowl].concat()
}

fn seven(s: &mut Stream) -> Vec<Vec<Point>> {
    let corner = [s.within(0.58..0.74), s.within(0.0..0.1)];
    let (knee, foot) = ([s.within(0.38..0.54), 0.48], [s.within(0.18..0.42), 1.0]);
    let start = [s.within(0.0..0.08), s.within(0.02..0.14)];
    let mut line = vec![start, [0.34, s.within(0.0..0.1)], corner];
    if s.chance(0.75) {
        line.push(corner);
    }
    line.extend([knee, foot]);
    if s.chance(0.2) {
        line.splice(0..0, [[start[0] + 0.01, start[1] + s.within(0.1..0.2)], start]);
    }
    let mut strokes = vec![line];
    if s.chance(0.22) {
        let (tilt, half) = (s.within(-0.06..0.06), s.within(0.14..0.24));
        strokes.push(vec![[knee[0] - half, knee[1] + tilt], knee, [knee[0] + half, knee[1] - tilt]]);
    }
    strokes
}

fn eight(s: &mut Stream) -> Vec<Vec<Point>> {
    let (top, bottom) = (s.within(0.18..0.29), s.within(0.22..0.34));
    let waist = s.within(0.42..0.52);
    if s.chance(0.15) {
        let upper = arc([0.36, 0.5 * waist], [top, 0.5 * waist], 0.05, 1.02, 0.0);
        return vec![upper, arc([0.36, 0.5 * (1.0 + waist)], [bottom, 0.5 * (1.0 - waist)], -0.02, 1.02, 0.0)];
    }
    let close = s.within(-0.06..0.08);
    vec![vec![
        [0.36 + top, 0.1],
        [0.36, 0.0],
        [0.36 - top, 0.5 * waist],
        [0.36, waist],
        [0.36 + bottom, 0.5 * (1.0 + waist) + 0.04],
        [0.36, 1.0],
        [0.36 - bottom, 0.5 * (1.0 + waist) + 0.06],
        [0.36, waist + 0.02],
        [0.36 + top, 0.5 * waist],
        [0.36 + top - 0.04 - close, 0.06 - close],
    ]]
}

fn nine(s: &mut Stream) -> Vec<Point> {
    let (height, width) = (s.within(0.18..0.26), s.within(0.22..0.32));
    let right = 0.08 + 2.0 * width;
    let mut line = arc([0.08 + width, height], [width, height], s.within(-0.2..-0.06), s.within(0.93..1.02), 0.0);
    if s.chance(0.5) {
        let corner = [right, s.within(0.04..0.16)];
        line.extend([corner, corner]);
    }
    if s.chance(0.7) {
        line.extend([[right - 0.04, 0.55], [right - s.within(0.02..0.2), 1.0]]);
    } else {
        line.extend([[right, 0.6], [right - 0.14, 0.94], [s.within(0.06..0.2), s.within(0.9..1.0)]]);
    }
    line
}
