//! Pictures of texts.

use image::RgbImage;

use super::canvas::{Align, Canvas, Colour, Page};
use super::{GENERATED, REAL, drawn, font};
use crate::error::Result;

/// Largest number of pieces, and of lines of each.
const MAX_PIECES: usize = 12;
const LINES: usize = 12;
/// Width of a line, margin, height of a line and font size, in pixels.
const WIDTH: f32 = 720.0;
const MARGIN: f32 = 16.0;
const LINE: f32 = 20.0;
const SIZE: f32 = 14.0;
const INK: Colour = [30, 34, 42];
const FAINT: Colour = [100, 106, 118];

/// The first 12 pieces of a text, in 12 lines each, below their `originals`, if there are any, which have this name.
///
/// # Errors
/// No memory for the page.
pub fn texts(pieces: &[String], originals: &[String], name: &str) -> Result<RgbImage> {
    let mut lines = vec![];
    for (n, piece) in pieces.iter().enumerate().take(MAX_PIECES) {
        let number = format!("{} of {}", n + 1, pieces.len());
        if let Some(original) = originals.get(n) {
            lines.push((format!("{number}, {name}"), REAL));
            lines.extend(wrapped(original).into_iter().map(|line| (line, INK)));
            lines.push((format!("{number}, reconstructed"), GENERATED));
        } else if pieces.len() > 1 {
            lines.push((number, GENERATED));
        }
        lines.extend(wrapped(piece).into_iter().map(|line| (line, INK)));
        lines.push((String::new(), [0; 3]));
    }
    if pieces.len() > MAX_PIECES {
        lines.push((drawn(&[format!("{MAX_PIECES} of {} texts", pieces.len())]), FAINT));
    }
    let size = [WIDTH + 2.0 * MARGIN, LINE * lines.len() as f32 + 2.0 * MARGIN];
    let mut canvas = Canvas::new(size.map(|side| side as u64), [255; 3])?;
    for (n, (line, colour)) in lines.iter().enumerate() {
        canvas.text(line, [MARGIN, MARGIN + LINE * n as f32 + SIZE], Align::Left, SIZE, *colour);
    }
    Ok(canvas.finish())
}

/// A text in lines that fit, broken between words where there are any.
fn wrapped(text: &str) -> Vec<String> {
    let (mut lines, mut is_cut) = (vec![], false);
    for paragraph in text.lines() {
        let mut rest = paragraph;
        loop {
            if lines.len() == LINES {
                is_cut = true;
                break;
            }
            let fit = font::fitting(rest, SIZE, WIDTH);
            if fit == rest.len() {
                lines.push(rest.trim_end().to_owned());
                break;
            }
            let end = rest[..fit].rfind(' ').filter(|end| *end > 0).unwrap_or(fit);
            lines.push(rest[..end].to_owned());
            rest = rest[end..].trim_start();
        }
    }
    if is_cut {
        lines.push("…".into());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_wrapped_and_bounded() {
        assert_eq!(wrapped("one\n\ntwo"), ["one", "", "two"]);
        assert_eq!(wrapped(&"a\n".repeat(LINES)).len(), LINES, "nothing is left out");
        assert_eq!(wrapped(&"a\n".repeat(LINES + 1))[LINES], "…");
        let words = wrapped(&"word ".repeat(60));
        let is_whole = |line: &String| font::width(line, SIZE) <= WIDTH && line.ends_with("word");
        assert!(words.len() > 2 && words.iter().all(is_whole), "{words:?}");
        let endless = wrapped(&"漢".repeat(100_000));
        assert_eq!((endless.len(), endless.last().unwrap().as_str()), (LINES + 1, "…"));
        let piece = "a\tb\u{0} c\n".repeat(40);
        let [few, many] = [1, 40].map(|n| texts(&vec![piece.clone(); n], &vec![piece.clone(); n], "held out").unwrap());
        assert!(few.height() < many.height() && many.height() < 8000);
        texts(&[], &[], "").unwrap();
    }
}
