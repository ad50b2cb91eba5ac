//! Text: the font that the program carries, the widths of texts, and names that are shortened to their room.

use std::ops::RangeInclusive;
use std::sync::LazyLock;

use tiny_skia::{Path, PathBuilder};
use ttf_parser::{Face, GlyphId, OutlineBuilder};
use unicode_normalization::UnicodeNormalization;

/// A subset of DejaVu Sans: Latin, Greek, Cyrillic and common signs. Other characters are boxes.
static FACE: LazyLock<Face<'static>> = LazyLock::new(|| {
    Face::parse(include_bytes!("../../assets/DejaVuSans.ttf"), 0).expect("the font in assets/ is read by every test")
});

/// Signs that only control others: soft hyphens, joiners, directions, variants.
const SILENT: [RangeInclusive<char>; 6] = [
    '\u{ad}'..='\u{ad}',
    '\u{200b}'..='\u{200f}',
    '\u{202a}'..='\u{202e}',
    '\u{2060}'..='\u{206f}',
    '\u{fe00}'..='\u{fe0f}',
    '\u{feff}'..='\u{feff}',
];

/// The characters to draw: composed, since only composed letters have their marks in place; without signs that only
/// control others; line breaks and the like are spaces.
pub fn drawn(text: &str) -> impl Iterator<Item = char> {
    let is_silent = |c: &char| SILENT.iter().any(|range| range.contains(c));
    let visible = |c: char| if c.is_control() { ' ' } else { c };
    text.nfc().filter(move |c| !is_silent(c)).map(visible)
}

/// The glyph of a character, the box if the font has none, and its advance at a size of 1.
fn glyph(c: char) -> (GlyphId, f32) {
    let id = FACE.glyph_index(c).unwrap_or(GlyphId(0));
    (id, f32::from(FACE.glyph_hor_advance(id).unwrap_or(0)) / f32::from(FACE.units_per_em()))
}

/// Width of a text in pixels, at a font size in pixels.
pub fn width(text: &str, size: f32) -> f32 {
    drawn(text).map(|c| glyph(c).1 * size).sum()
}

/// The text, or as much of its beginning as has room with an ellipsis behind it.
pub fn shortened(text: &str, size: f32, room: f32) -> String {
    let dots = glyph('…').1 * size;
    let (mut kept, mut end) = (String::new(), 0.0);
    // How much is kept if the text turns out to be too long.
    let mut cut = 0;
    for c in drawn(text) {
        end += glyph(c).1 * size;
        if end > room {
            kept.truncate(cut);
            return kept.trim_end().to_owned() + "…";
        }
        kept.push(c);
        if end + dots <= room {
            cut = kept.len();
        }
    }
    kept
}

/// The lines of a text that is broken between words, each shortened to its room.
pub fn wrapped(text: &str, size: f32, room: f32) -> Vec<String> {
    let mut lines: Vec<String> = vec![];
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if width(&format!("{line} {word}"), size) <= room => *line += &format!(" {word}"),
            _ => lines.push(word.to_owned()),
        }
    }
    lines.iter().map(|line| shortened(line, size, room)).collect()
}

/// Length in bytes of the beginning of a text that has room.
pub fn fitting(text: &str, size: f32, room: f32) -> usize {
    let mut end = 0.0;
    let crosses = |(_, c): &(usize, char)| {
        end += drawn(c.encode_utf8(&mut [0; 4])).map(|c| glyph(c).1 * size).sum::<f32>();
        end > room
    };
    text.char_indices().find(crosses).map_or(text.len(), |(at, _)| at)
}

/// The outlines of a text whose baseline begins at `start`; none if nothing is to be drawn.
pub fn outlines(text: &str, size: f32, start: [f32; 2]) -> Option<Path> {
    let scale = size / f32::from(FACE.units_per_em());
    let mut pen = Pen { path: PathBuilder::new(), at: start, scale };
    for c in drawn(text) {
        let (id, advance) = glyph(c);
        FACE.outline_glyph(id, &mut pen);
        pen.at[0] += advance * size;
    }
    pen.path.finish()
}

/// Puts outlines, which have y upwards, into a path.
struct Pen {
    path: PathBuilder,
    at: [f32; 2],
    scale: f32,
}

impl Pen {
    fn place(&self, x: f32, y: f32) -> [f32; 2] {
        [self.at[0] + x * self.scale, self.at[1] - y * self.scale]
    }
}

impl OutlineBuilder for Pen {
    fn move_to(&mut self, x: f32, y: f32) {
        let [x, y] = self.place(x, y);
        self.path.move_to(x, y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        let [x, y] = self.place(x, y);
        self.path.line_to(x, y);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        let ([x1, y1], [x, y]) = (self.place(x1, y1), self.place(x, y));
        self.path.quad_to(x1, y1, x, y);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        let ([x1, y1], [x2, y2], [x, y]) = (self.place(x1, y1), self.place(x2, y2), self.place(x, y));
        self.path.cubic_to(x1, y1, x2, y2, x, y);
    }

    fn close(&mut self) {
        self.path.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_end_in_dots_within_their_room() {
        assert_eq!(shortened("close", 13.0, 60.0), "close");
        let name = "a very long name of a column".repeat(1000);
        for room in [14.0, 40.0, 41.0, 90.0] {
            let short = shortened(&name, 13.0, room);
            assert!(short.ends_with('…') && width(&short, 13.0) <= room + 1e-3, "{short} in {room}");
        }
        assert_eq!(shortened(&name, 13.0, 0.0), "…", "no room is no reason to fail");
        assert_eq!(shortened("", 13.0, 0.0), "");
    }

    #[test]
    fn notes_are_broken_between_words() {
        let note = "measured once, no curve: d_loss, g_loss, an_extraordinarily_long_name_of_a_metric";
        let lines = wrapped(note, 11.0, 120.0);
        assert!(lines.len() == 3 && lines.iter().all(|line| width(line, 11.0) <= 120.0), "{lines:?}");
        assert!(note.starts_with(&lines[..2].join(" ")) && lines.last().unwrap().ends_with('…'), "{lines:?}");
        assert!(wrapped("", 11.0, 120.0).is_empty());
    }

    #[test]
    fn letters_are_composed_and_unknown_ones_are_boxes() {
        assert_eq!(width("e\u{301}", 10.0), width("é", 10.0));
        assert_eq!(width("a\u{200d}\u{fe0f}b\n", 10.0), width("ab ", 10.0));
        let box_ = width("漢", 10.0);
        assert!(box_ > 3.0 && width("\u{10ffff}🦀", 10.0) == 2.0 * box_);
        assert!(outlines("漢", 10.0, [0.0; 2]).is_some() && outlines(" \t", 10.0, [0.0; 2]).is_none());
        // What axes and legends write themselves is in the font.
        for c in "0123456789.−×⁻⁰¹²³⁴⁵⁶⁷⁸⁹…%→éßŁŞşЖλµ".chars() {
            assert!(FACE.glyph_index(c).is_some(), "{c}");
        }
    }
}
