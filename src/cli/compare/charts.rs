//! The numbers of runs as a figure: curves over the steps, and bars of what was measured once.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Group;
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
const MAX_PANELS: usize = 24;

/// Most points of a curve that are marked one by one.
const FEW_POINTS: usize = 10;
const DOTS: Shape = Shape::Dots(2.6);

/// How much a band covers of what lies below, and its colour in the legend.
const COVERS: f32 = 0.22;
const BAND: Colour = [200, 204, 212];

/// A panel for each of the names: the values of a metric over the steps, and a bar for each group of what all measured
/// once, such as scores of `eval`. Runs that differ in their seeds alone are one curve or bar, their mean, with a band
/// or a line of its standard error. Sentences go below.
pub(super) fn charts(groups: &[Group], names: &[String], said: &[String]) -> Result<Figure> {
    let colour = |n: usize| COLOURS[n % COLOURS.len()];
    let read = |group: &Group| group.entries.iter().map(|entry| entry.record.metrics()).collect::<Vec<_>>();
    let lines: Vec<Vec<Vec<Map<String, Value>>>> = groups.iter().map(read).collect();
    let curve = |lines: &[Map<String, Value>], name: &str| -> Vec<[f64; 2]> {
        let point = |line: &Map<String, Value>| Some([line.get("step")?.as_f64()?, line.get(name)?.as_f64()?]);
        lines.iter().filter_map(point).collect()
    };
    let (mut has_band, mut has_single) = (false, false);
    let mut panel = |name: &String| {
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
        if curves.is_empty() {
            return bars(groups, name, &colour);
        }
        // Beside curves of others, one value is a dot.
        curves.append(&mut lone);
        let x = Axis { title: "step".into(), ticks: Ticks::Whole, ..Axis::default() };
        Panel { title: name.clone(), x, marks: [bands, curves].concat(), ..Panel::default() }
    };
    let mut panels: Vec<Panel> = names.iter().map(&mut panel).collect();
    if panels.is_empty() {
        return Err(Error::failure("--out: the runs have no metrics and no scores to draw"));
    }
    let has_bars = panels.iter().any(|panel| panel.x.title.is_empty());
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
    if has_bars {
        notes.push("bars: measured once; lines on them: standard errors over seeds".to_owned());
    }
    if all > MAX_PANELS {
        notes.push(format!("drawn: {MAX_PANELS} of {all} numbers; --metrics chooses"));
    }
    let note = notes.join("; ");
    let columns = panels.len().div_ceil(panels.len().div_ceil(3));
    Ok(Figure { panels, columns, plot: [360, 220], legend, note, ..Figure::default() })
}

/// A bar for each group that has the number, from zero to its mean, with a line of its standard error.
fn bars(groups: &[Group], name: &str, colour: &impl Fn(usize) -> Colour) -> Panel {
    let bar = |(n, group): (usize, &Group)| {
        let (values, at) = (group.values(name), n as f64);
        let Estimate { mean, .. } = Estimate::of(&values);
        let area =
            Mark { shape: Shape::Areas, points: vec![[at - 0.4, 0.0], [at + 0.4, mean]], ink: Ink(colour(n), 0.85) };
        let error = Estimate::of(&values).standard_error();
        let points = [-error, error].map(|error| [at, mean + error]).to_vec();
        let line = Mark { shape: Shape::Line(1.6), points, ink: Ink([0; 3], 1.0) };
        let is_known = values.len() > 1;
        [Some(area).filter(|_| !values.is_empty()), Some(line).filter(|_| is_known)].into_iter().flatten()
    };
    let range = Some([-0.7, groups.len() as f64 - 0.3]);
    let x = Axis { range, ticks: Ticks::Named(vec![]), ..Axis::default() };
    let marks = groups.iter().enumerate().flat_map(bar).collect();
    Panel { title: name.to_owned(), x, marks, ..Panel::default() }
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
