//! Pages as SVG, where text stays text and lines stay lines.

use super::canvas::{Align, Colour, Ink, Page, finite, near};
use super::{font, is_possible, too_large};
use crate::error::Result;

/// Fonts of much the same widths as the one that pages of pixels are written in.
const FONTS: &str = "DejaVu Sans, Verdana, sans-serif";

/// A page of SVG.
pub struct Svg {
    text: String,
    is_clipped: bool,
}

impl Svg {
    /// The page as a file.
    pub fn finish(mut self) -> String {
        self.clip(None);
        self.text + "</svg>\n"
    }

    fn element(&mut self, element: &str) {
        self.text += element;
        self.text.push('\n');
    }
}

impl Page for Svg {
    fn new(size: [u64; 2], colour: Colour) -> Result<Self> {
        if !is_possible(size) {
            return Err(too_large(size));
        }
        let [width, height] = size;
        let head = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" font-family=\"{FONTS}\" xml:space=\"preserve\">\n\
             <rect width=\"{width}\" height=\"{height}\" {}/>\n",
            painted("fill", Ink(colour, 1.0))
        );
        Ok(Self { text: head, is_clipped: false })
    }

    /// A page inside the page cuts what lies outside it off, and needs no name that a second picture could have too.
    fn clip(&mut self, area: Option<[[f32; 2]; 2]>) {
        if std::mem::take(&mut self.is_clipped) {
            self.element("</svg>");
        }
        if let Some([corner, size]) = area {
            let [x, y, width, height] = [corner[0], corner[1], size[0], size[1]].map(number);
            self.element(&format!(
                "<svg x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" viewBox=\"{x} {y} {width} {height}\">"
            ));
            self.is_clipped = true;
        }
    }

    fn area(&mut self, [a, b]: [[f32; 2]; 2], ink: Ink) {
        let [a, b] = [a, b].map(|corner| corner.map(near));
        let [x, y] = [0, 1].map(|n| number(a[n].min(b[n])));
        let [width, height] = [0, 1].map(|n| number((a[n] - b[n]).abs()));
        let ink = painted("fill", ink);
        self.element(&format!("<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" {ink}/>"));
    }

    fn polygon(&mut self, corners: &[[f32; 2]], ink: Ink) {
        self.element(&format!("<polygon points=\"{}\" {}/>", places(finite(corners)), painted("fill", ink)));
    }

    fn line(&mut self, points: &[[f32; 2]], width: f32, ink: Ink) {
        let ink = painted("stroke", ink);
        for part in points.split(|point| point.iter().any(|value| !value.is_finite())).filter(|part| part.len() > 1) {
            let places = places(finite(part));
            let look = format!("stroke-width=\"{width}\" stroke-linejoin=\"round\" {ink}");
            self.element(&format!("<polyline points=\"{places}\" fill=\"none\" {look}/>"));
        }
    }

    fn dot(&mut self, place: [f32; 2], radius: f32, ink: Ink) {
        for [x, y] in finite(&[place]).map(|place| place.map(number)) {
            self.element(&format!("<circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\" {}/>", painted("fill", ink)));
        }
    }

    fn text(&mut self, text: &str, place: [f32; 2], align: Align, size: f32, colour: Colour) {
        let text = escaped(text);
        if text.trim().is_empty() {
            return;
        }
        let [x, y] = place.map(near).map(number);
        let anchor = match align {
            Align::Left => "start",
            Align::Centre | Align::Upwards => "middle",
            Align::Right => "end",
        };
        let turn = if align == Align::Upwards { format!(" transform=\"rotate(-90 {x} {y})\"") } else { String::new() };
        let ink = painted("fill", Ink(colour, 1.0));
        self.element(&format!(
            "<text x=\"{x}\" y=\"{y}\" font-size=\"{size}\" text-anchor=\"{anchor}\"{turn} {ink}>{text}</text>"
        ));
    }
}

/// A text without what XML does not hold.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in font::drawn(text) {
        match c {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '\u{fffe}' | '\u{ffff}' => {}
            c => escaped.push(c),
        }
    }
    escaped
}

fn painted(what: &str, Ink([red, green, blue], opacity): Ink) -> String {
    let colour = format!("{what}=\"#{red:02x}{green:02x}{blue:02x}\"");
    if opacity < 1.0 { format!("{colour} {what}-opacity=\"{opacity}\"") } else { colour }
}

fn places(points: impl Iterator<Item = [f32; 2]>) -> String {
    points.map(|point| point.map(number).join(",")).collect::<Vec<_>>().join(" ")
}

/// A coordinate to a hundredth of a pixel.
fn number(value: f32) -> String {
    format!("{value:.2}").trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_what_was_drawn_in_numbers() {
        let mut page = Svg::new([40, 30], [255; 3]).unwrap();
        page.clip(Some([[5.0, 6.0], [20.0, 10.0]]));
        page.line(&[[0.0, 1.0], [2.0, 3.004], [f32::NAN, 9.0], [4.0, 4.0], [5.0, 5.0]], 1.5, Ink([0, 114, 178], 0.5));
        page.clip(None);
        page.text("a < b & \u{0}c\u{ffff}", [1.0, 2.5], Align::Upwards, 12.0, [45, 50, 60]);
        let file = page.finish();
        for part in [
            "<svg x=\"5\" y=\"6\" width=\"20\" height=\"10\" viewBox=\"5 6 20 10\">\n<polyline points=\"0,1 2,3\"",
            "points=\"4,4 5,5\" fill=\"none\" stroke-width=\"1.5\" stroke-linejoin=\"round\" stroke=\"#0072b2\" \
             stroke-opacity=\"0.5\"/>\n</svg>\n<text",
            "transform=\"rotate(-90 1 2.5)\" fill=\"#2d323c\">a &lt; b &amp;  c</text>\n</svg>\n",
        ] {
            assert!(file.contains(part), "{part} in {file}");
        }
        assert!(Svg::new([1 << 40, 4], [0; 3]).is_err());
    }
}
