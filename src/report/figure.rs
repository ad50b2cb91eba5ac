//! Figures: panels with axes, a title, a legend and a note. All plots are made of this one layer.

use image::RgbImage;

use super::canvas::{Align, Canvas, Colour, Ink, Page};
use super::svg::Svg;
use super::ticks::{self, Marked};
use super::{font, png, viridis};
use crate::error::Result;

const PAPER: Colour = [255; 3];
const TEXT: Colour = [45, 50, 60];
const FAINT: Colour = [100, 106, 118];
const FRAME: Colour = [165, 170, 180];
const GRID: Colour = [226, 229, 235];
/// Font sizes in pixels: of the title, of names, of numbers.
const TITLE: f32 = 17.0;
const NAME: f32 = 14.0;
const NUMBER: f32 = 12.0;
/// Pixels around the page, and the height of a line of text.
const MARGIN: f32 = 14.0;
const LINE: f32 = 20.0;
/// Pixels between an axis and its numbers, and to the right of a plot, where half a number may stand.
const GAP: f32 = 6.0;
const RIGHT: f32 = 18.0;
/// Widest names beside a vertical axis, and the size of a colour bar.
const WIDEST: f32 = 120.0;
const BAR: [f32; 2] = [120.0, 12.0];

/// Panels with what they have in common.
#[derive(Clone, Debug, Default)]
pub struct Figure {
    /// Above all.
    pub title: String,
    /// Row by row.
    pub panels: Vec<Panel>,
    /// Number of panels side by side.
    pub columns: usize,
    /// Width and height of the plot of each panel, in pixels.
    pub plot: [u32; 2],
    /// What the colours mean.
    pub legend: Vec<(String, Colour)>,
    /// What the two ends of the colour ramp mean, if colours are taken from it.
    pub ramp: Option<[String; 2]>,
    /// Below all, in small letters: what is not drawn.
    pub note: String,
}

/// A plot with its axes. One without marks is left blank.
#[derive(Clone, Debug, Default)]
pub struct Panel {
    /// Above the plot.
    pub title: String,
    /// From left to right.
    pub x: Axis,
    /// Upwards.
    pub y: Axis,
    /// What is drawn, the later above the earlier.
    pub marks: Vec<Mark>,
}

/// An axis.
#[derive(Clone, Debug, Default)]
pub struct Axis {
    /// What is along it.
    pub title: String,
    /// Its two ends; without them, those of the marks, with a little air.
    pub range: Option<[f64; 2]>,
    /// What is marked on it.
    pub ticks: Ticks,
}

/// Marks on an axis.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Ticks {
    /// Round numbers.
    #[default]
    Numbers,
    /// Round whole numbers.
    Whole,
    /// These places, with their names.
    Named(Vec<(f64, String)>),
}

/// Something drawn in a plot, in the units of its axes.
#[derive(Clone, Debug)]
pub struct Mark {
    /// How the points are drawn.
    pub shape: Shape,
    /// `[x, y]` each. Those that are not finite are left out.
    pub points: Vec<[f64; 2]>,
    /// In which colour.
    pub ink: Ink,
}

/// How points are drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape {
    /// A line through them, of this width in pixels.
    Line(f32),
    /// A dot on each, of this radius in pixels.
    Dots(f32),
    /// An area between each two of them, which are opposite corners.
    Areas,
    /// An area with these corners.
    Polygon,
}

/// The place of a panel's plot on the page, and its axes.
struct Plot {
    corner: [f32; 2],
    size: [f32; 2],
    ranges: [[f64; 2]; 2],
    marked: [Marked; 2],
}

impl Figure {
    /// Gives all figures, whose panels correspond, the same ranges, which hold the marks of each: for animations.
    pub fn align(figures: &mut [Self]) {
        let panels = figures.iter().map(|figure| figure.panels.len()).max().unwrap_or(0);
        for n in 0..panels {
            for axis in 0..2 {
                let ends = figures.iter().filter_map(|figure| figure.panels.get(n)).flat_map(|panel| panel.range(axis));
                let range = Some(ticks::range(ends));
                for panel in figures.iter_mut().filter_map(|figure| figure.panels.get_mut(n)) {
                    let axis = if axis == 0 { &mut panel.x } else { &mut panel.y };
                    axis.range = range;
                }
            }
        }
    }

    /// The picture.
    ///
    /// # Errors
    /// `Failure` if it is larger than a picture may be.
    pub fn draw(&self) -> Result<RgbImage> {
        self.page().map(Canvas::finish)
    }

    /// The bytes of a file with this ending: svg, or else png.
    ///
    /// # Errors
    /// `Failure` if it is larger than a picture may be.
    pub fn file(&self, ending: &str) -> Result<Vec<u8>> {
        match ending {
            "svg" => Ok(self.page::<Svg>()?.finish().into_bytes()),
            _ => png(&self.draw()?),
        }
    }

    fn page<P: Page>(&self) -> Result<P> {
        let columns = self.columns.clamp(1, self.panels.len().max(1));
        let mut plots: Vec<Plot> = self.panels.iter().map(|panel| self.plot(panel)).collect();
        let rows = plots.len().div_ceil(columns);
        let left = |plot: &Plot, panel: &Panel| {
            let names = plot.marked[1].places.iter().map(|(_, name)| font::width(name, NUMBER).min(WIDEST));
            names.fold(0.0, f32::max) + GAP + room(&panel.y.title)
        };
        let (mut x, mut y) = (MARGIN, MARGIN + self.head::<P>(None, self.width_guess(columns)));
        let mut width = 0f32;
        for column in 0..columns {
            let of = (column..plots.len()).step_by(columns);
            x += of.clone().map(|n| left(&plots[n], &self.panels[n])).fold(0.0, f32::max);
            of.for_each(|n| plots[n].corner[0] = x.round());
            x = x.round() + self.plot[0] as f32 + RIGHT;
        }
        width = width.max(x + MARGIN - RIGHT / 2.0);
        for row in 0..rows {
            let of = row * columns..((row + 1) * columns).min(plots.len());
            let tallest = |height: &dyn Fn(usize) -> f32| of.clone().map(height).fold(0.0, f32::max);
            y += tallest(&|n| {
                let panel = &self.panels[n];
                let factor = if plots[n].marked[1].factor.is_empty() { 0.0 } else { LINE };
                room(&panel.title).max(factor) + GAP
            });
            of.clone().for_each(|n| plots[n].corner[1] = y.round());
            y = y.round() + self.plot[1] as f32 + LINE + tallest(&|n| room(&self.panels[n].x.title)) + GAP;
        }
        let note = font::wrapped(&self.note, NUMBER, width - 2.0 * MARGIN);
        let below = y;
        y += note.len() as f32 * LINE;
        let mut canvas = P::new([width.ceil() as u64, (y + MARGIN / 2.0).ceil() as u64], PAPER)?;
        self.head(Some(&mut canvas), width - 2.0 * MARGIN);
        for (panel, plot) in self.panels.iter().zip(&plots).filter(|(panel, _)| !panel.marks.is_empty()) {
            panel.draw(plot, &mut canvas);
        }
        for (n, line) in note.iter().enumerate() {
            canvas.text(line, [MARGIN, below + (n + 1) as f32 * LINE - GAP], Align::Left, NUMBER, FAINT);
        }
        Ok(canvas)
    }

    /// About the width of the page inside its margins: plots alone are at least that wide.
    fn width_guess(&self, columns: usize) -> f32 {
        columns as f32 * (self.plot[0] as f32 + RIGHT)
    }

    fn plot(&self, panel: &Panel) -> Plot {
        let [width, height] = self.plot.map(|side| side as f32);
        let ranges = [0, 1].map(|axis| panel.range(axis));
        let marked = [(&panel.x, width / 62.0), (&panel.y, height / 38.0)];
        let marked = [0, 1].map(|n| match &marked[n].0.ticks {
            Ticks::Named(places) => Marked { places: places.clone(), factor: String::new() },
            ticks => ticks::numbers(ranges[n], marked[n].1 as usize, *ticks == Ticks::Whole),
        });
        Plot { corner: [0.0; 2], size: [width, height], ranges, marked }
    }

    /// Draws the title and the legend, if there is a canvas; returns the height that they take.
    fn head<P: Page>(&self, mut canvas: Option<&mut P>, width: f32) -> f32 {
        let mut y = MARGIN;
        let mut write = |text: &str, at: [f32; 2], size, colour| {
            if let Some(canvas) = canvas.as_deref_mut() {
                canvas.text(text, at, Align::Left, size, colour);
            }
        };
        if !self.title.is_empty() {
            write(&font::shortened(&self.title, TITLE, width), [MARGIN, y + TITLE], TITLE, TEXT);
            y += LINE + GAP;
        }
        let mut x = MARGIN;
        let mut keys = vec![];
        for (name, colour) in &self.legend {
            let name = font::shortened(name, NAME, width - LINE);
            let wide = LINE + font::width(&name, NAME);
            if x > MARGIN && x + wide > MARGIN + width {
                (x, y) = (MARGIN, y + LINE);
            }
            write(&name, [x + LINE, y + NAME], NAME, TEXT);
            keys.push(([x, y], *colour));
            x += wide + LINE;
        }
        let mut bar = None;
        if let Some([from, to]) = &self.ramp {
            let wide = font::width(from, NAME) + BAR[0] + font::width(to, NAME) + 2.0 * GAP;
            if x > MARGIN && x + wide > MARGIN + width {
                (x, y) = (MARGIN, y + LINE);
            }
            write(from, [x, y + NAME], NAME, TEXT);
            x += font::width(from, NAME) + GAP;
            bar = Some([x, y + 3.0]);
            write(to, [x + BAR[0] + GAP, y + NAME], NAME, TEXT);
        }
        if let Some(canvas) = canvas {
            for ([x, y], colour) in keys {
                canvas.area([[x, y + 4.0], [x + 12.0, y + 14.0]], Ink(colour, 1.0));
            }
            for n in bar.iter().flat_map(|_| 0..BAR[0] as u32) {
                let [x, y] = bar.unwrap_or_default();
                let x = x + n as f32;
                canvas.area([[x, y], [x + 1.0, y + BAR[1]]], Ink(viridis(n as f32 / (BAR[0] - 1.0)), 1.0));
            }
        }
        let keys = !self.legend.is_empty() || self.ramp.is_some();
        y - MARGIN + if keys { LINE + GAP } else { 0.0 }
    }
}

/// Height of a line of text, if there is one.
fn room(text: &str) -> f32 {
    if text.is_empty() { 0.0 } else { LINE }
}

impl Panel {
    fn range(&self, axis: usize) -> [f64; 2] {
        let given = if axis == 0 { self.x.range } else { self.y.range };
        let values = self.marks.iter().flat_map(|mark| &mark.points).map(|point| point[axis]);
        let of_lines = self.marks.iter().all(|mark| matches!(mark.shape, Shape::Line(_) | Shape::Polygon));
        let air = if axis == 0 && of_lines { 0.0 } else { 0.06 };
        match given {
            Some(range) => ticks::range(range.into_iter()),
            None => ticks::aired(ticks::range(values), air),
        }
    }

    fn draw(&self, plot: &Plot, canvas: &mut impl Page) {
        let ([left, top], [width, height]) = (plot.corner, plot.size);
        let (right, bottom) = (left + width, top + height);
        canvas.clip(None);
        for (place, name) in &plot.marked[0].places {
            let x = plot.place([*place, 0.0])[0];
            canvas.area([[x, top], [x + 1.0, bottom]], Ink(GRID, 1.0));
            // Long names, as of dates, stay below their plot.
            let half = font::width(name, NUMBER).min(width) / 2.0;
            let middle = if matches!(self.x.ticks, Ticks::Named(_)) { x.clamp(left + half, right - half) } else { x };
            canvas.text(name, [middle, bottom + GAP + NUMBER], Align::Centre, NUMBER, FAINT);
        }
        for (place, name) in &plot.marked[1].places {
            let y = plot.place([0.0, *place])[1];
            canvas.area([[left, y], [right, y + 1.0]], Ink(GRID, 1.0));
            let name = font::shortened(name, NUMBER, WIDEST);
            canvas.text(&name, [left - GAP, y + 0.35 * NUMBER], Align::Right, NUMBER, FAINT);
        }
        let [x_factor, y_factor] = [0, 1].map(|axis| &plot.marked[axis].factor);
        let shifted = if y_factor.is_empty() { 0.0 } else { font::width(y_factor, NUMBER) + 2.0 * GAP };
        canvas.text(y_factor, [left, top - GAP], Align::Left, NUMBER, FAINT);
        let title = font::shortened(&self.title, NAME, width - shifted);
        canvas.text(&title, [left + shifted, top - GAP], Align::Left, NAME, TEXT);
        let below = [format!("{} {x_factor}", self.x.title).trim().to_owned(), self.y.title.clone()];
        let [below, beside] =
            [(below[0].as_str(), width), (&below[1], height)].map(|(title, room)| font::shortened(title, NAME, room));
        let middle = [left + width / 2.0, top + height / 2.0];
        canvas.text(&below, [middle[0], bottom + LINE + NAME + 2.0], Align::Centre, NAME, TEXT);
        let names = plot.marked[1].places.iter().map(|(_, name)| font::width(name, NUMBER).min(WIDEST));
        let beside_names = left - GAP - names.fold(0.0, f32::max) - GAP;
        canvas.text(&beside, [beside_names, middle[1]], Align::Upwards, NAME, TEXT);
        canvas.clip(Some([plot.corner, plot.size]));
        for mark in &self.marks {
            let places: Vec<[f32; 2]> = mark.points.iter().map(|point| plot.place(*point)).collect();
            match mark.shape {
                Shape::Line(width) => canvas.line(&places, width, mark.ink),
                Shape::Dots(radius) => places.iter().for_each(|place| canvas.dot(*place, radius, mark.ink)),
                Shape::Areas => places.chunks_exact(2).for_each(|ends| canvas.area([ends[0], ends[1]], mark.ink)),
                Shape::Polygon => canvas.polygon(&places, mark.ink),
            }
        }
        canvas.clip(None);
        let corners = [[left, top], [right, top], [right, bottom], [left, bottom], [left, top - 0.5]];
        canvas.line(&corners.map(|corner| corner.map(|side| side + 0.5)), 1.0, Ink(FRAME, 1.0));
    }
}

impl Plot {
    /// A point on the page.
    fn place(&self, point: [f64; 2]) -> [f32; 2] {
        [0, 1].map(|axis| {
            let [low, high] = self.ranges[axis];
            let share = ((point[axis] - low) / (high - low)) as f32;
            self.corner[axis] + self.size[axis] * if axis == 0 { share } else { 1.0 - share }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_and_values_are_drawn() {
        let names = ["", "\u{0}\u{7f}\n\t", "漢字かな交じり文🦀", "\u{202e}abc", "e\u{301}\u{301}\u{301}", "ﷺ"]
            .map(String::from);
        let names = names.into_iter().chain(["w".repeat(100_000)]);
        for name in names {
            let axis = || Axis { title: name.clone(), ticks: Ticks::Named(vec![(0.5, name.clone())]), range: None };
            let values = [0.0, f64::NAN, f64::INFINITY, 1e300, -1e300, 1e-300];
            let points: Vec<[f64; 2]> = values.iter().flat_map(|x| values.map(|y| [*x, y])).collect();
            let mark = |shape| Mark { shape, points: points.clone(), ink: Ink([9; 3], 0.5) };
            let marks = [Shape::Line(2.0), Shape::Dots(2.0), Shape::Areas, Shape::Polygon].map(mark).to_vec();
            let figure = Figure {
                title: name.clone(),
                panels: vec![Panel { title: name.clone(), x: axis(), y: axis(), marks }, Panel::default()],
                columns: 7,
                plot: [90, 60],
                legend: vec![(name.clone(), [0; 3])],
                ramp: Some(["start".into(), "end".into()]),
                note: name.clone(),
            };
            let picture = figure.draw().unwrap();
            let [width, height] = [picture.width(), picture.height()];
            assert!((200..700).contains(&width) && (100..300).contains(&height), "{name:.20}");
            let svg = String::from_utf8(figure.file("svg").unwrap()).unwrap();
            assert!(svg.contains(&format!("width=\"{width}\" height=\"{height}\"")), "the same page: {svg:.200}");
            assert_eq!(svg.matches("<svg").count(), svg.matches("</svg>").count());
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{name:.20}");
        }
        assert!(Figure { plot: [100_000, 9], ..Figure::default() }.draw().is_err());
    }

    #[test]
    fn axes_are_marked_where_their_numbers_are() {
        let line = Mark { shape: Shape::Line(2.0), points: vec![[0.0, 0.0], [10.0, 1.0]], ink: Ink([200, 0, 0], 1.0) };
        let axis = Axis { range: Some([0.0, 10.0]), ..Axis::default() };
        let panel = Panel {
            x: axis.clone(),
            y: Axis { range: Some([0.0, 1.0]), ..axis },
            marks: vec![line],
            ..Panel::default()
        };
        let figure = Figure { panels: vec![panel], columns: 1, plot: [500, 200], ..Figure::default() };
        let picture = figure.draw().unwrap();
        let is = |colour: Colour| move |pixel: &&image::Rgb<u8>| pixel.0 == colour;
        // The middle row of the plot has grid lines at 2, 4, 6 and 8, and the line's middle.
        let frame: Vec<u32> = (0..picture.height())
            .filter(|y| picture.rows().nth(*y as usize).unwrap().filter(is(FRAME)).count() > 450)
            .collect();
        assert_eq!(frame.len(), 2, "{frame:?}");
        assert_eq!(frame[1] - frame[0], 200);
        let row = picture.rows().nth((frame[0] + 90) as usize).unwrap();
        assert_eq!(row.filter(is(GRID)).count(), 4);
    }

    #[test]
    fn aligned_figures_share_their_ranges() {
        let figure = |high: f64| {
            let mark = Mark { shape: Shape::Dots(1.0), points: vec![[0.0, 0.0], [1.0, high]], ink: Ink([0; 3], 1.0) };
            Figure { panels: vec![Panel { marks: vec![mark], ..Panel::default() }], ..Figure::default() }
        };
        let mut figures = [figure(1.0), figure(4.0)];
        Figure::align(&mut figures);
        assert_eq!(figures[0].panels[0].y.range, figures[1].panels[0].y.range);
        assert!(figures[0].panels[0].y.range.unwrap()[1] > 4.0);
    }
}
