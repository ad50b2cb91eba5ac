//! Pictures of tables with types: a panel for each column, with the shares of its values, generated beside real.

use super::canvas::Ink;
use super::figure::{Axis, Figure, Mark, Panel, Shape, Ticks};
use super::{Compared, GENERATED, REAL};
use crate::data::{Kind, Records, Values};

/// Most panels in a figure, and panels side by side.
const MAX_PANELS: usize = 12;
const COLUMNS: usize = 4;
/// Most values of a category that get a bar, and characters of their names.
const BARS: usize = 8;
const NAMED: usize = 8;
/// Parts that the range of a number is cut into.
const PARTS: usize = 24;
/// Width and height of a plot in pixels.
const PLOT: [u32; 2] = [280, 170];

/// The shares of the values of each column, of the rows `[N, values]` in `compared`.
pub fn shares(compared: &Compared, records: &Records) -> Figure {
    let [generated, real] = [compared.generated, compared.real].map(|rows| records.values(rows, 0));
    let columns: Vec<_> = records.compared().collect();
    let panels: Vec<Panel> = columns
        .iter()
        .zip(generated.iter().zip(&real))
        .take(MAX_PANELS)
        .map(|(column, (generated, real))| {
            let (marks, ticks) = match (generated, real) {
                (Values::Numbers(a), Values::Numbers(b)) if column.has_many() => (of_numbers([b, a]), Ticks::Numbers),
                _ => of_texts([real, generated]),
            };
            let ticks = match (&column.kind, marks.first()) {
                (Kind::Date(pattern), Some(line)) if column.has_many() => {
                    let ends = [line.points[0][0], line.points[PARTS - 1][0]];
                    Ticks::Named(ends.map(|end| (end, pattern.write(end))).to_vec())
                }
                _ => ticks,
            };
            let x = Axis { ticks, ..Axis::default() };
            let y = Axis { title: "share of rows".into(), ..Axis::default() };
            Panel { title: column.name.clone(), x, y, marks }
        })
        .collect();
    let left = columns.len().saturating_sub(MAX_PANELS);
    let is_compared = !compared.real.is_empty() && !compared.generated.is_empty();
    let legend = [(compared.name.to_owned(), REAL), ("generated".to_owned(), GENERATED)];
    Figure {
        columns: COLUMNS.min(panels.len().max(1)),
        panels,
        plot: PLOT,
        legend: if is_compared { legend.to_vec() } else { vec![] },
        note: if left > 0 { format!("{MAX_PANELS} of {} columns drawn", columns.len()) } else { String::new() },
        ..Figure::default()
    }
}

/// Lines of the shares of equal parts of the real range.
fn of_numbers([real, generated]: [&Vec<f64>; 2]) -> Vec<Mark> {
    let finite = |values: &[f64]| values.iter().copied().filter(|value| value.is_finite()).collect::<Vec<_>>();
    let all = finite(if real.is_empty() { generated } else { real });
    let (low, high) = all.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(*v), h.max(*v)));
    let width = ((high - low) / PARTS as f64).max(1e-12);
    let line = |(values, colour): (&Vec<f64>, _)| {
        let mut counts = [0usize; PARTS];
        let values = finite(values);
        values.iter().for_each(|value| counts[(((value - low) / width).max(0.0) as usize).min(PARTS - 1)] += 1);
        let place = |n: usize| low + (n as f64 + 0.5) * width;
        let share = |n: usize| counts[n] as f64 / values.len().max(1) as f64;
        let points = (0..PARTS).map(|n| [place(n), share(n)]).collect();
        (!values.is_empty()).then_some(Mark { shape: Shape::Line(1.8), points, ink: Ink(colour, 0.9) })
    };
    [(real, REAL), (generated, GENERATED)].into_iter().filter_map(line).collect()
}

/// Bars of the shares of the most frequent values, and their names.
fn of_texts([real, generated]: [&Values; 2]) -> (Vec<Mark>, Ticks) {
    let texts = |values: &Values| match values {
        Values::Texts(texts) => texts.clone(),
        Values::Numbers(numbers) => {
            numbers.iter().map(|number| if number.is_nan() { String::new() } else { number.to_string() }).collect()
        }
    };
    let [real, generated] = [real, generated].map(texts);
    let mut counted: Vec<(String, usize)> = vec![];
    let mut sorted = if real.is_empty() { generated.clone() } else { real.clone() };
    sorted.sort_unstable();
    sorted.chunk_by(|a, b| a == b).for_each(|same| counted.push((same[0].clone(), same.len())));
    counted.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    counted.truncate(BARS);
    let share = |texts: &[String], value: &str| {
        texts.iter().filter(|text| *text == value).count() as f64 / texts.len().max(1) as f64
    };
    let bars = |(texts, colour, from): (&Vec<String>, _, f64)| {
        let corners = counted.iter().enumerate().flat_map(|(n, (value, _))| {
            let left = n as f64 + from;
            [[left, 0.0], [left + 0.38, share(texts, value)]]
        });
        (!texts.is_empty()).then(|| Mark { shape: Shape::Areas, points: corners.collect(), ink: Ink(colour, 0.9) })
    };
    let marks = [(&real, REAL, 0.1), (&generated, GENERATED, 0.5)].into_iter().filter_map(bars).collect();
    let name = |text: &str| match text.chars().count() > NAMED {
        _ if text.is_empty() => "gap".into(),
        true => text.chars().take(NAMED - 1).chain(['…']).collect(),
        false => text.to_owned(),
    };
    let names = counted.iter().enumerate().map(|(n, (value, _))| (n as f64 + 0.5, name(value))).collect();
    (marks, Ticks::Named(names))
}
