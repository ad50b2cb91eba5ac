//! The metrics of runs over their steps, as a figure.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Group, TIMES, once};
use crate::{
    error::{Error, Result},
    metrics::Estimate,
    report::{Axis, Colour, Figure, Ink, Mark, Panel, Shape, Ticks},
};

/// Colours of groups of runs: Okabe and Ito's, the palest aside, then darker and paler ones.
const COLOURS: [Colour; 12] = [
    [0, 114, 178],
    [213, 94, 0],
    [0, 158, 115],
    [204, 121, 167],
    [86, 180, 233],
    [0, 0, 0],
    [230, 159, 0],
    [120, 60, 160],
    [120, 70, 20],
    [150, 150, 150],
    [160, 200, 60],
    [140, 0, 50],
];
/// Largest number of panels of a chart.
const MAX_PANELS: usize = 12;

/// Most points of a curve that are marked one by one.
const FEW_POINTS: usize = 10;
const DOTS: Shape = Shape::Dots(2.6);

/// How much a band covers of what lies below, and its colour in the legend.
const COVERS: f32 = 0.22;
const BAND: Colour = [200, 204, 212];

/// A panel for each metric, or each that is `wanted`, with its values over the steps. Runs that differ in their seeds
/// alone are one curve, their mean, before a band of its standard error. Sentences go below.
pub(super) fn charts(groups: &[Group], wanted: &[String], said: &[String]) -> Result<Figure> {
    let colour = |n: usize| COLOURS[n % COLOURS.len()];
    let read = |group: &Group| group.entries.iter().map(|entry| entry.record.metrics()).collect::<Vec<_>>();
    let lines: Vec<Vec<Vec<Map<String, Value>>>> = groups.iter().map(read).collect();
    let numbers = lines.iter().flatten().flatten().flatten().filter(|(_, value)| value.is_number());
    let keys = numbers.map(|(key, _)| key);
    let mut names: Vec<&String> = once(keys.filter(|key| !TIMES.contains(&key.as_str())));
    let curve = |lines: &[Map<String, Value>], name: &str| -> Vec<[f64; 2]> {
        let point = |line: &Map<String, Value>| Some([line.get("step")?.as_f64()?, line.get(name)?.as_f64()?]);
        lines.iter().filter_map(point).collect()
    };
    let (mut has_band, mut has_single) = (false, false);
    let mut panel = |name: &&String| {
        let (mut bands, mut curves, mut lone) = (vec![], vec![], vec![]);
        for (n, runs) in lines.iter().enumerate() {
            let of_runs: Vec<Vec<[f64; 2]>> = runs.iter().map(|lines| curve(lines, name)).collect();
            let of_runs: Vec<_> = of_runs.into_iter().filter(|points| !points.is_empty()).collect();
            let mark = |shape, points, alpha| Mark { shape, points, ink: Ink(colour(n), alpha) };
            let means = means(&of_runs);
            let edge = |sign: f64| means.iter().map(move |(step, at)| [*step, at.mean + sign * at.standard_error()]);
            match &of_runs[..] {
                [_, _, ..] if means.len() > 1 => {
                    bands.push(mark(Shape::Polygon, edge(1.0).chain(edge(-1.0).rev()).collect(), COVERS));
                    curves.push(mark(Shape::Line(2.0), edge(0.0).collect(), 1.0));
                    curves.extend((means.len() <= FEW_POINTS).then(|| mark(DOTS, edge(0.0).collect(), 1.0)));
                    has_band = true;
                }
                runs => {
                    let (several, singles): (Vec<_>, Vec<_>) = runs.iter().partition(|points| points.len() > 1);
                    lone.extend(singles.into_iter().map(|points| mark(DOTS, points.clone(), 1.0)));
                    has_single |= several.len() > 1;
                    for points in several {
                        curves.push(mark(Shape::Line(1.6), points.clone(), 0.85));
                        curves.extend((points.len() <= FEW_POINTS).then(|| mark(DOTS, points.clone(), 1.0)));
                    }
                }
            }
        }
        // Beside curves of others, one value is a dot; alone it makes no panel.
        if !curves.is_empty() {
            curves.append(&mut lone);
        }
        let x = Axis { title: "step".into(), ticks: Ticks::Whole, ..Axis::default() };
        Panel { title: (*name).clone(), x, marks: [bands, curves].concat(), ..Panel::default() }
    };
    if !wanted.is_empty() {
        names = wanted.iter().filter(|name| names.contains(name)).collect();
    }
    let (mut panels, single): (Vec<Panel>, Vec<Panel>) =
        names.iter().map(&mut panel).partition(|panel| !panel.marks.is_empty());
    if panels.is_empty() {
        let sentence = "the runs have no metrics to draw: a chart is of two lines of metrics.jsonl at least, and \
                        scores of `eval` stand in none";
        return Err(Error::failure(format!("--out: {sentence}")));
    }
    let seeds = |group: &Group| match group.entries.len() {
        1 => String::new(),
        count => format!(" ({count} seeds)"),
    };
    let name = |group: &Group| group.name.clone() + &seeds(group);
    let mut legend: Vec<_> = groups.iter().enumerate().map(|(n, group)| (name(group), colour(n))).collect();
    if has_band {
        legend.push(("band: mean ± standard error over seeds".to_owned(), BAND));
    }
    let all = panels.len();
    panels.truncate(MAX_PANELS);
    let mut notes = said.to_vec();
    if has_single {
        notes.push("runs without steps in common are drawn one by one".to_owned());
    }
    if !single.is_empty() {
        let names: Vec<String> = single.into_iter().map(|panel| panel.title).collect();
        notes.push(format!("measured once, no curve: {}", names.join(", ")));
    }
    if all > MAX_PANELS {
        notes.push(format!("drawn: {MAX_PANELS} of {all} metrics"));
    }
    let note = notes.join("; ");
    let columns = panels.len().div_ceil(panels.len().div_ceil(3));
    Ok(Figure { panels, columns, plot: [360, 220], legend, note, ..Figure::default() })
}

/// The mean of curves, and how sure it is, at the steps that all of them have.
fn means(curves: &[Vec<[f64; 2]>]) -> Vec<(f64, Estimate)> {
    let mut values: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
    for [step, value] in curves.iter().flatten() {
        values.entry(*step as u64).or_default().push(*value);
    }
    let common = values.into_iter().filter(|(_, values)| values.len() == curves.len());
    common.map(|(step, values)| (step as f64, Estimate::of(&values))).collect()
}

#[cfg(test)]
mod tests {
    use super::means;

    #[test]
    fn means_are_of_the_steps_that_all_runs_have() {
        let curves = [vec![[10.0, 1.0], [20.0, 2.0], [30.0, 5.0]], vec![[20.0, 4.0], [30.0, 5.0], [40.0, 9.0]]];
        let found: Vec<_> = means(&curves).iter().map(|(step, at)| (*step, at.mean, at.standard_error())).collect();
        // The deviation of 2 and 4 is the root of 2, that of their mean by the root of 2 smaller.
        assert_eq!(found, [(20.0, 3.0, 1.0), (30.0, 5.0, 0.0)]);
    }
}
