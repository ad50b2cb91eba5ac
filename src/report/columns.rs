//! Pictures of tables with types: a panel for each column, with the shares of its values, generated beside real.

use std::collections::HashMap;

use super::canvas::Ink;
use super::figure::{Axis, Figure, Mark, Panel, Shape, Ticks};
use super::{Compared, GENERATED, REAL};
use crate::data::{Kind, Records, Values};

/// Most panels in a figure, and panels side by side.
const MAX_PANELS: usize = 12;
const COLUMNS: usize = 4;
/// Most bars of a category; the last one is of all other values, if there are more.
const BARS: usize = 10;
/// Parts that the range of a number is cut into.
const PARTS: usize = 24;
/// Share of values at each end that are few, and how many times the range of the others they make a range wide.
const FEW: f64 = 0.01;
const WIDE: f64 = 2.0;
/// Width and height of a plot in pixels.
const PLOT: [u32; 2] = [240, 190];

/// The shares of the values of each column, of the rows `[N, values]` in `compared`.
pub fn shares(compared: &Compared, records: &Records) -> Figure {
    let [generated, real] = [compared.generated, compared.real].map(|rows| records.values(records.rows(rows, 0, 0)));
    let columns: Vec<_> = records.compared().collect();
    let panels: Vec<Panel> = columns
        .iter()
        .zip(generated.iter().zip(&real))
        .take(MAX_PANELS)
        .map(|(column, (generated, real))| {
            let share = "share of rows";
            let axis = |title: &str, ticks| Axis { title: title.into(), ticks, ..Axis::default() };
            let from_zero = |marks: &[Mark]| {
                let most = marks.iter().flat_map(|mark| &mark.points).map(|point| point[1]).fold(0.0, f64::max);
                (most > 0.0).then_some([0.0, 1.08 * most])
            };
            let (marks, x, y) = match (generated, real) {
                (Values::Numbers(a), Values::Numbers(b)) if column.has_many() => {
                    let marks = of_numbers([b, a]);
                    let ticks = match (&column.kind, marks.first()) {
                        (Kind::Date(_), Some(line)) => {
                            let ends = [line.points[0][0], line.points[PARTS - 1][0]];
                            Ticks::Named(ends.map(|end| (end, records.text(column, end))).to_vec())
                        }
                        _ => Ticks::Numbers,
                    };
                    let y = Axis { range: from_zero(&marks), ..axis(share, Ticks::Numbers) };
                    (marks, axis("", ticks), y)
                }
                _ => {
                    let texts = |values: &Values| match values {
                        Values::Texts(texts) => texts.clone(),
                        Values::Numbers(numbers) => {
                            let text = |n: &f64| if n.is_nan() { String::new() } else { records.text(column, *n) };
                            numbers.iter().map(text).collect()
                        }
                    };
                    let (marks, names) = of_texts([real, generated].map(texts));
                    // Names stand beside bars that lie, where there is room for them.
                    (marks, axis(share, Ticks::Numbers), axis("", Ticks::Named(names)))
                }
            };
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

/// Lines of the shares of equal parts of the real range, without the few values that would take most of it; the first
/// and the last part have what lies beyond.
fn of_numbers([real, generated]: [&Vec<f64>; 2]) -> Vec<Mark> {
    let finite = |values: &[f64]| values.iter().copied().filter(|value| value.is_finite()).collect::<Vec<_>>();
    let mut all = finite(if real.is_empty() { generated } else { real });
    all.sort_by(f64::total_cmp);
    let at = |share: f64| all.get((share * all.len().saturating_sub(1) as f64) as usize).copied().unwrap_or(0.0);
    let [whole, inner] = [[0.0, 1.0], [FEW, 1.0 - FEW]].map(|ends| ends.map(at));
    let [range, of_most] = [whole, inner].map(|[low, high]| high - low);
    let [low, high] = if of_most > 0.0 && range > WIDE * of_most { inner } else { whole };
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

/// Lying bars of the shares of the most frequent values, the first of them on top, and their names.
fn of_texts([real, generated]: [Vec<String>; 2]) -> (Vec<Mark>, Vec<(f64, String)>) {
    let counts = |texts: &[String]| {
        let mut counts: HashMap<String, usize> = HashMap::new();
        texts.iter().for_each(|text| *counts.entry(text.clone()).or_default() += 1);
        counts
    };
    let of = [counts(&real), counts(&generated)];
    let mut values: Vec<(&String, usize)> = of[usize::from(real.is_empty())].iter().map(|(v, n)| (v, *n)).collect();
    values.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
    let others = if values.len() > BARS { values.split_off(BARS - 1).len() } else { 0 };
    let bars = values.len() + usize::from(others > 0);
    let top = |n: usize| (bars - n) as f64;
    let lying = |(texts, counts, colour, from): (&[String], &HashMap<String, usize>, _, f64)| {
        let share = |rows: usize| rows as f64 / texts.len() as f64;
        let shown: Vec<usize> = values.iter().map(|(value, _)| counts.get(*value).copied().unwrap_or(0)).collect();
        let rest = (others > 0).then(|| texts.len() - shown.iter().sum::<usize>());
        let bar = |(n, rows): (usize, usize)| [[0.0, top(n) - from], [share(rows), top(n) - from - 0.38]];
        let points = shown.into_iter().chain(rest).enumerate().flat_map(bar).collect();
        (!texts.is_empty()).then_some(Mark { shape: Shape::Areas, points, ink: Ink(colour, 0.9) })
    };
    let marks = [(&real[..], &of[0], REAL, 0.1), (&generated, &of[1], GENERATED, 0.5)].into_iter().filter_map(lying);
    let name = |text: &str| if text.is_empty() { "gap".to_owned() } else { text.to_owned() };
    let names = values.iter().map(|(value, _)| name(value)).chain((others > 0).then(|| format!("{others} others")));
    (marks.collect(), names.enumerate().map(|(n, name)| (top(n) - 0.5, name)).collect())
}
