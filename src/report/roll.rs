//! Pictures of music: piano rolls with the names of notes and the lines of bars.

use image::{Rgb, RgbImage};

use super::{GAP, GENERATED, PAPER, REAL, is_possible, page};
use crate::data::{Chord, Music};
use crate::error::{Error, Result};

/// Largest number of pieces in a picture.
pub const MAX_PIECES: usize = 12;
/// Largest number of pieces side by side.
const COLUMNS: usize = 2;
/// About the width of a piece, and its height, in pixels; the smallest height of a key.
const SIZE: [u32; 2] = [640, 200];
const KEY: u32 = 3;
/// Pixels beside a piece, for the names of notes, and around it.
const NAMES: u32 = 24;
const MARGIN: u32 = 12;
/// Fewest keys that a picture shows.
const FEWEST: u32 = 24;
const BLACK_KEYS: [u32; 5] = [1, 3, 6, 8, 10];

const SHADE: Rgb<u8> = Rgb([242, 243, 246]);
const LINE: Rgb<u8> = Rgb([214, 218, 226]);
const BAR: Rgb<u8> = Rgb([150, 156, 168]);
const INK: Rgb<u8> = Rgb([70, 76, 88]);

/// The digits, `C` and a minus sign, 3 pixels wide and 5 high: a bit for each pixel, three to a row, the first row
/// highest.
const GLYPHS: [(char, u16); 12] = [
    ('0', 0b111_101_101_101_111),
    ('1', 0b010_110_010_010_111),
    ('2', 0b111_001_111_100_111),
    ('3', 0b111_001_111_001_111),
    ('4', 0b101_101_111_001_001),
    ('5', 0b111_100_111_001_111),
    ('6', 0b111_100_111_101_111),
    ('7', 0b111_001_001_001_001),
    ('8', 0b111_101_111_101_111),
    ('9', 0b111_101_111_001_111),
    ('C', 0b111_100_100_100_111),
    ('-', 0b000_000_111_000_000),
];

/// The first 12 pieces as piano rolls: time to the right, with a line at each bar, and low keys at the bottom, with a
/// line and a name at each C. The first step of a note is dark. Each piece stands in grey above its generated one where
/// there are `originals`.
///
/// # Errors
/// `Failure` if there is no piece, or a piece without steps.
pub fn rolls(pieces: &[Vec<Chord>], originals: &[Vec<Chord>], music: &Music) -> Result<RgbImage> {
    let columns = pieces.len().clamp(1, COLUMNS);
    let coloured = |pieces: &[Vec<Chord>], colour| -> Vec<(Vec<Chord>, [f32; 3])> {
        pieces.iter().map(|piece| (piece.clone(), colour)).collect()
    };
    let shown = match originals {
        [] => coloured(pieces, GENERATED),
        // Rows of originals, and of what was made of them; empty panels fill the last rows.
        _ => {
            let row = |pieces: &[Vec<Chord>], colour| {
                let mut row = coloured(pieces, colour);
                row.resize(columns, (vec![], colour));
                row
            };
            let rows = originals.chunks(columns).zip(pieces.chunks(columns));
            rows.flat_map(|(above, below)| [row(above, REAL), row(below, GENERATED)].concat()).collect()
        }
    };
    let shown = &shown[..shown.len().min(MAX_PIECES)];
    let steps = shown.iter().map(|(piece, _)| piece.len()).max().unwrap_or(0) as u32;
    if steps == 0 {
        return Err(Error::failure("without a step of music there is no picture"));
    }
    let keys = range(shown.iter().flat_map(|(piece, _)| piece));
    let cell = [(SIZE[0] / steps).clamp(1, 16), (SIZE[1] / (keys[1] - keys[0] + 1)).clamp(KEY, 8)];
    let size = [NAMES + cell[0] * steps + 1, cell[1] * (keys[1] - keys[0] + 1)];
    let columns = columns as u32;
    let extent = |count: u32, axis: usize| u64::from(MARGIN) + u64::from(count) * u64::from(size[axis] + MARGIN);
    // As many rows as fit into a picture; if not even one fits, `page` returns the error.
    let rows = (shown.len() as u32).div_ceil(columns);
    let rows = (1..=rows).rev().find(|rows| is_possible([extent(columns, 0), extent(*rows, 1)])).unwrap_or(1);
    let mut picture = page(extent(columns, 0), extent(rows, 1), PAPER)?;
    for (n, (piece, colour)) in (0..columns * rows).zip(shown) {
        let corner = [n % columns, n / columns];
        let [left, top] = [0, 1].map(|axis| MARGIN + corner[axis] * (size[axis] + MARGIN));
        let panel = Panel { left: left + NAMES, top, keys, cell, steps };
        panel.background(&mut picture, music.bar() as u32);
        panel.notes(&mut picture, piece, *colour);
    }
    Ok(picture)
}

/// The lowest and the highest key to show: whole octaves around what sounds, from C to B.
fn range<'a>(chords: impl Iterator<Item = &'a Chord>) -> [u32; 2] {
    let all = chords.fold(0u128, |all, chord| all | chord.sounds);
    let [low, high] = match all {
        0 => [60, 60],
        all => [all.trailing_zeros(), all.ilog2()],
    };
    let low = low / 12 * 12;
    [low, (high / 12 * 12 + 11).max(low + FEWEST - 1).min(127)]
}

/// One piece in a picture.
struct Panel {
    left: u32,
    top: u32,
    /// The lowest and the highest key.
    keys: [u32; 2],
    /// Width of a step and height of a key, in pixels.
    cell: [u32; 2],
    steps: u32,
}

fn fill(picture: &mut RgbImage, [left, top]: [u32; 2], [width, height]: [u32; 2], colour: Rgb<u8>) {
    for y in top..top + height {
        (left..left + width).for_each(|x| picture.put_pixel(x, y, colour));
    }
}

impl Panel {
    /// The first row of pixels of a key.
    fn row(&self, key: u32) -> u32 {
        self.top + (self.keys[1] - key) * self.cell[1]
    }

    /// The keys, the bars, and the names of the notes C.
    fn background(&self, picture: &mut RgbImage, bar: u32) {
        let width = self.cell[0] * self.steps;
        let bottom = self.row(self.keys[0]) + self.cell[1];
        for key in self.keys[0]..=self.keys[1] {
            if BLACK_KEYS.contains(&(key % 12)) {
                fill(picture, [self.left, self.row(key)], [width, self.cell[1]], SHADE);
            }
            if key % 12 == 0 {
                fill(picture, [self.left, self.row(key) + self.cell[1] - 1], [width, 1], LINE);
                let name = format!("C{}", key as i32 / 12 - 1);
                let height = (self.row(key) + self.cell[1]).saturating_sub(11).max(self.top);
                write(picture, &name, [self.left - NAMES, height.min(bottom - 10)]);
            }
        }
        for step in (0..=self.steps).filter(|step| step.is_multiple_of(bar) || *step == self.steps) {
            fill(picture, [self.left + step * self.cell[0], self.top], [1, bottom - self.top], BAR);
        }
    }

    fn notes(&self, picture: &mut RgbImage, piece: &[Chord], colour: [f32; 3]) {
        let mut before = 0;
        for (step, chord) in (0..).zip(piece) {
            for key in (self.keys[0]..=self.keys[1]).filter(|key| chord.sounds >> key & 1 == 1) {
                let begins = (chord.begins | !before) >> key & 1 == 1;
                let shade = if begins { 0.0 } else { 0.45 };
                let pixel = Rgb(colour.map(|c| (c + (255.0 - c) * shade) as u8));
                // A note is a pixel narrower at its start, so that repeated ones are told apart.
                let gap = u32::from(begins && self.cell[0] > 2);
                let corner = [self.left + step * self.cell[0] + gap, self.row(key)];
                fill(picture, corner, [self.cell[0] - gap, self.cell[1] - u32::from(self.cell[1] > 4)], pixel);
            }
            before = chord.sounds;
        }
    }
}

/// Writes a name with glyphs of twice their size.
fn write(picture: &mut RgbImage, name: &str, [left, top]: [u32; 2]) {
    const SCALE: u32 = GAP;
    for (n, c) in (0..).zip(name.chars()) {
        let glyph = GLYPHS.iter().find(|(name, _)| *name == c).map_or(0, |(_, glyph)| *glyph);
        for bit in (0..15u32).filter(|bit| glyph >> (14 - bit) & 1 == 1) {
            let [x, y] = [left + SCALE * (4 * n + bit % 3), top + SCALE * (bit / 3)];
            for (x, y) in [(x, y), (x + 1, y), (x, y + 1), (x + 1, y + 1)] {
                picture.put_pixel(x, y, INK);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_roll_shows_notes_bars_and_names() {
        let on = |begins| Chord { sounds: 1 << 60, begins };
        let piece = [vec![on(1 << 60); 1], vec![on(0); 2], vec![Chord::default(); 5]].concat();
        let music = Music { steps_per_beat: 1, ..Music::default() };
        let picture = rolls(&[piece], &[], &music).unwrap();
        // Two octaves from C4, 8 pixels a key and 16 a step.
        assert_eq!(picture.dimensions(), (12 + 24 + 8 * 16 + 1 + 12, 12 + 24 * 8 + 12));
        let at = |step: u32, key: u32| picture.get_pixel(12 + 24 + step * 16 + 8, 12 + (83 - key) * 8 + 3).0;
        assert_eq!((at(0, 60), at(3, 60), at(0, 62)), ([200, 30, 60], [255; 3], [255; 3]));
        assert!(at(1, 60)[1] > 100 && at(1, 60)[0] > at(0, 60)[0], "held notes are lighter");
        assert_eq!(at(0, 61), SHADE.0);
        assert_eq!(picture.get_pixel(12 + 24 + 4 * 16, 20), &BAR, "four beats are a bar");
        let named = (0..24).flat_map(|x| (0..10).map(move |y| [12 + x, 12 + 24 * 8 - 11 + y]));
        assert!(named.filter(|[x, y]| picture.get_pixel(*x, *y) == &INK).count() > 40, "C4");
    }

    #[test]
    fn odd_pieces_have_pictures_or_a_sentence() {
        let music = Music::default();
        assert!(rolls(&[], &[], &music).is_err() && rolls(&[vec![]], &[], &music).is_err());
        let all = Chord { sounds: u128::MAX, begins: 0 };
        assert!(rolls(&vec![vec![all; 64]; 20], &[], &music).is_ok());
        assert!(rolls(&[vec![Chord::default(); 5000]], &[], &music).is_ok());
        let [few, many] =
            [1, 4].map(|n| rolls(&vec![vec![all; 8]; n], &vec![vec![all; 8]; n], &music).unwrap().height());
        assert_eq!(many - 12, 2 * (few - 12), "each row below its originals");
    }
}
