//! Pictures of music: piano rolls with the names of notes and the numbers of bars.

use image::RgbImage;

use super::canvas::{Colour, Ink};
use super::figure::{Axis, Figure, Mark, Panel, Shape, Ticks};
use super::{GENERATED, REAL, Way, drawn};
use crate::data::{Chord, Music};
use crate::error::{Error, Result};

/// Largest number of pieces in a picture.
pub const MAX_PIECES: usize = 12;
/// Largest number of pieces side by side.
const COLUMNS: usize = 2;
/// About the width of a piece, and its height, in pixels; the smallest height of a key.
const SIZE: [u32; 2] = [640, 200];
const KEY: u32 = 3;
/// Fewest keys that a picture shows.
const FEWEST: u32 = 24;
const BLACK_KEYS: [u32; 5] = [1, 3, 6, 8, 10];
/// Pixels from one number of a bar to the next, at least.
const NUMBERS: u32 = 40;
/// How much of the paper a held note, and the shade of a black key, cover.
const HELD: f32 = 0.5;
const SHADE: Ink = Ink([40, 50, 90], 0.06);

/// The first 12 pieces as piano rolls: time to the right, with a line at each bar, and low keys at the bottom, with a
/// line and a name at each C. The first step of a note is dark. Each piece stands below its original, if there are
/// `originals`; these are called `name`.
///
/// # Errors
/// `Failure` if there is no piece, or a piece without steps, or if a piece is too long for a picture.
pub fn rolls(pieces: &[Vec<Chord>], originals: &[Vec<Chord>], name: &str, music: &Music) -> Result<RgbImage> {
    let columns = pieces.len().clamp(1, COLUMNS);
    // A row of pieces, the first with this number; blank panels fill it up.
    let row = |pieces: &[Vec<Chord>], first: usize, colour: Colour| {
        let numbered = (first + 1..).zip(pieces).map(|(n, piece)| (format!("piece {n}"), piece.clone(), colour));
        let blank = std::iter::repeat_with(|| (String::new(), vec![], colour));
        numbered.chain(blank).take(columns).collect::<Vec<_>>()
    };
    let firsts = (0..pieces.len()).step_by(columns);
    let below = firsts.zip(pieces.chunks(columns)).map(|(n, pieces)| row(pieces, n, GENERATED));
    let (shown, way): (Vec<_>, Way) = match originals {
        [] => (below.flatten().collect(), Way::Beside),
        _ => {
            let above = (0..).step_by(columns).zip(originals.chunks(columns)).map(|(n, pieces)| row(pieces, n, REAL));
            (above.zip(below).flat_map(|(above, below)| [above, below].concat()).collect(), Way::Pairs("reconstructed"))
        }
    };
    let shown = &shown[..shown.len().min(MAX_PIECES)];
    let there = shown.iter().filter(|(_, piece, _)| !piece.is_empty()).count();
    let all = pieces.len() + originals.len();
    let steps = shown.iter().map(|(_, piece, _)| piece.len()).max().unwrap_or(0) as u32;
    if steps == 0 {
        return Err(Error::failure("without a step of music there is no picture"));
    }
    let keys = range(shown.iter().flat_map(|(_, piece, _)| piece));
    let cell = [(SIZE[0] / steps).clamp(1, 16), (SIZE[1] / (keys[1] - keys[0] + 1)).clamp(KEY, 8)];
    let roll = Roll { keys, cell, steps, bar: music.bar() as u32 };
    Figure {
        panels: shown.iter().map(|(title, piece, colour)| roll.panel(title, piece, *colour)).collect(),
        columns,
        plot: [cell[0] * steps, cell[1] * (keys[1] - keys[0] + 1)],
        legend: way.legend((!originals.is_empty()).then_some(name)).into_iter().chain([held()]).collect(),
        note: drawn(&Vec::from_iter((there < all).then(|| format!("{there} of {all} pieces")))),
        ..Figure::default()
    }
    .draw()
}

/// The legend of held notes: as light as these are drawn.
fn held() -> (String, Colour) {
    let lighter = |level: u8| (f32::from(level) * HELD + 255.0 * (1.0 - HELD)) as u8;
    ("held".into(), GENERATED.map(lighter))
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

/// The common measures of all pieces in a picture.
struct Roll {
    /// The lowest and the highest key.
    keys: [u32; 2],
    /// Width of a step and height of a key, in pixels.
    cell: [u32; 2],
    steps: u32,
    /// Steps of a bar.
    bar: u32,
}

impl Roll {
    fn panel(&self, title: &str, piece: &[Chord], colour: Colour) -> Panel {
        if piece.is_empty() {
            return Panel::default();
        }
        let ([low, high], bar) = (self.keys, self.bar.max(1));
        let apart = NUMBERS.div_ceil(bar * self.cell[0]);
        // The last line may be the end of the last bar.
        let has_number = |n: u32| n.is_multiple_of(apart) && n * bar < self.steps;
        let number = |n: u32| if has_number(n) { (n + 1).to_string() } else { String::new() };
        let bars = (0..=self.steps / bar).map(|n| (f64::from(n * bar), number(n))).collect();
        let octaves = (low..=high).filter(|key| key.is_multiple_of(12));
        let octaves = octaves.map(|key| (f64::from(key), format!("C{}", i64::from(key) / 12 - 1))).collect();
        let black = (low..=high).filter(|key| BLACK_KEYS.contains(&(key % 12)));
        let shade = black.flat_map(|key| self.area(key, [0.0, f64::from(self.steps)], 0.0)).collect();
        let [first, held] = self.notes(piece, colour);
        let [x, y] = [([0, self.steps], bars), ([low, high + 1], octaves)].map(|(ends, places)| Axis {
            range: Some(ends.map(f64::from)),
            ticks: Ticks::Named(places),
            ..Axis::default()
        });
        let x = Axis { title: "bar".into(), ..x };
        let shade = Mark { shape: Shape::Areas, points: shade, ink: SHADE };
        Panel { title: title.into(), x, y, marks: vec![shade, first, held] }
    }

    /// Two corners of the part of a key's row between two steps, with so many pixels free above it.
    fn area(&self, key: u32, steps: [f64; 2], free: f64) -> [[f64; 2]; 2] {
        let key = f64::from(key);
        [[steps[0], key], [steps[1], key + 1.0 - free / f64::from(self.cell[1])]]
    }

    /// The first steps of notes, and the held ones.
    fn notes(&self, piece: &[Chord], colour: Colour) -> [Mark; 2] {
        let mut areas = [vec![], vec![]];
        let mut before = 0;
        let free = f64::from(u32::from(self.cell[1] > 4));
        for (step, chord) in (0..).zip(piece) {
            for key in (self.keys[0]..=self.keys[1]).filter(|key| chord.sounds >> key & 1 == 1) {
                let begins = (chord.begins | !before) >> key & 1 == 1;
                // A note is a pixel narrower at its start, so that repeated ones are told apart.
                let gap = if begins && self.cell[0] > 2 { 1.0 / f64::from(self.cell[0]) } else { 0.0 };
                let step = f64::from(step);
                areas[usize::from(!begins)].extend(self.area(key, [step + gap, step + 1.0], free));
            }
            before = chord.sounds;
        }
        let [first, held] = areas;
        [(first, 1.0), (held, HELD)].map(|(points, share)| Mark {
            shape: Shape::Areas,
            points,
            ink: Ink(colour, share),
        })
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
        let picture = rolls(std::slice::from_ref(&piece), &[], "", &music).unwrap();
        let count = |is: &dyn Fn(Colour) -> bool| picture.pixels().filter(|pixel| is(pixel.0)).count();
        // A key of 8 pixels, of which 7 are filled, and a step of 16; the legend has two fields of 12 x 10.
        assert_eq!(count(&|pixel| pixel == GENERATED), 15 * 7 + 120);
        let light = GENERATED.map(|part| (f32::from(part) * (1.0 - HELD) + 255.0 * HELD) as u8);
        let held = count(&|pixel| (0..3).all(|n| pixel[n].abs_diff(light[n]) < 3));
        assert!((2 * 14 * 7..=2 * 16 * 7).contains(&(held - 120)), "held notes are lighter: {held}");
        let panel = Roll { keys: [60, 83], cell: [16, 8], steps: 8, bar: 4 }.panel("", &piece, GENERATED);
        let named = |places: &[(f64, &str)]| {
            Ticks::Named(places.iter().map(|(place, name)| (*place, (*name).into())).collect())
        };
        assert_eq!(panel.y.ticks, named(&[(60.0, "C4"), (72.0, "C5")]));
        assert_eq!(panel.x.ticks, named(&[(0.0, "1"), (4.0, "2"), (8.0, "")]));
    }

    #[test]
    fn odd_pieces_have_pictures_or_a_sentence() {
        let music = Music::default();
        assert!(rolls(&[], &[], "", &music).is_err() && rolls(&[vec![]], &[], "", &music).is_err());
        let all = Chord { sounds: u128::MAX, begins: 0 };
        assert!(rolls(&vec![vec![all; 64]; 20], &[], "", &music).is_ok());
        assert!(rolls(&[vec![Chord::default(); 5000]], &[], "", &music).is_ok());
        assert!(rolls(&[vec![Chord::default(); 50_000]], &[], "", &music).is_err());
        let [two, four] =
            [1, 4].map(|n| rolls(&vec![vec![all; 8]; n], &vec![vec![all; 8]; n], "held out", &music).unwrap().height());
        assert!(four > two + 200, "each row below its originals");
    }
}
