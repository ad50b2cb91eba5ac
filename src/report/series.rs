//! Pictures of sequences: a panel of curves for each column.

use super::canvas::Ink;
use super::figure::{Axis, Figure, Mark, Panel, Shape, Ticks};
use super::{Compared, GENERATED, REAL, Way, viridis};
use crate::data::Columns;
use crate::error::{Error, Result};

/// Largest number of panels in a figure, and of panels side by side.
const MAX_PANELS: usize = 12;
const COLUMNS: usize = 4;
/// Largest number of curves of each kind in a panel.
const CURVES: usize = 6;
/// Width and height of a plot in pixels, and those of a single one.
const PLOT: [u32; 2] = [280, 170];
const SINGLE: [u32; 2] = [560, 300];

/// Curves of the sequences in `compared`, `[N, T, F]`, in the units of `columns`: a panel for each column, or one for
/// each pair or way and each column. `shape` is `[T, F]`. What does not fit is said in the figure's note.
///
/// # Errors
/// `Failure` if `shape` has no step or no column, or does not divide the sequences.
pub fn curves(compared: &Compared, shape: [usize; 2], columns: Option<&Columns>) -> Result<Figure> {
    let [steps, features] = shape;
    let len = steps * features;
    let Compared { generated, real, .. } = compared;
    if len == 0 || ![generated, real].iter().all(|values| values.len().is_multiple_of(len)) {
        let counts = format!("{} and {}", generated.len(), real.len());
        return Err(Error::failure(format!("{counts} values are no sequences of shape {shape:?}")));
    }
    let count = generated.len() / len;
    let mark = |values: &[f32], item: usize, feature: usize, width: f32, ink: Ink| {
        let value = |step: usize| {
            let seen = values[item * len + step * features + feature];
            [step as f64, columns.map_or(f64::from(seen), |columns| columns.value(feature, seen))]
        };
        // A single step is a level line.
        let points = (0..steps.max(2)).map(|step| [step as f64, value(step.min(steps - 1))[1]]).collect();
        Mark { shape: Shape::Line(width), points, ink }
    };
    // The curves of a group share their panels.
    let (groups, in_group) = match compared.way {
        Way::Beside | Way::Alone => (1, count.min(CURVES)),
        Way::Pairs(_) => (count, 1),
        Way::Paths(steps) => (count.div_ceil(steps.max(1)), steps.max(1)),
    };
    // What is the same at all steps and one of some texts has no course.
    let is_text = |feature: &usize| {
        let statics = columns.map_or(&[][..], |columns| &columns.statics);
        statics.iter().any(|one| !one.values.is_empty() && one.features().contains(feature))
    };
    let changing: Vec<usize> = (0..features).filter(|feature| !is_text(feature)).collect();
    let changing = if changing.is_empty() { (0..features).collect() } else { changing };
    let shown_features = if groups == 1 { changing.len().min(MAX_PANELS) } else { changing.len().min(COLUMNS) };
    let shown_groups = groups.min((MAX_PANELS / shown_features).max(1));
    // Neighbours of the data can be much alike: evenly from the first to the last.
    let group_of = |row: usize| row * groups / shown_groups;
    let marks = |group: usize, feature: usize| -> Vec<Mark> {
        let first = group * in_group;
        let of_real = match compared.way {
            Way::Beside | Way::Alone => 0..(real.len() / len).min(CURVES),
            Way::Pairs(_) => group..(group + 1).min(real.len() / len),
            Way::Paths(_) => 0..0,
        };
        let drawn = of_real.map(|item| mark(real, item, feature, 1.6, Ink(REAL, 0.6)));
        let items = first..(first + in_group).min(count);
        let generated = items.map(|item| {
            let colour = match compared.way {
                Way::Paths(steps) => viridis((item - first) as f32 / (steps.max(2) - 1) as f32),
                _ => GENERATED,
            };
            mark(generated, item, feature, 1.8, Ink(colour, 0.85))
        });
        drawn.chain(generated).collect()
    };
    let panel = |group: usize, feature: usize| {
        let name = columns.map_or(format!("column {}", feature + 1), |columns| columns.names[feature].clone());
        let number = if groups == 1 { String::new() } else { format!(", {} {}", compared.way.noun(), group + 1) };
        let x = Axis { title: "step".into(), ticks: Ticks::Whole, range: None };
        Panel { title: name + &number, x, marks: marks(group, feature), ..Panel::default() }
    };
    let places =
        (0..shown_groups).flat_map(|row| changing[..shown_features].iter().map(move |feature| (row, *feature)));
    let panels: Vec<Panel> = places.map(|(row, feature)| panel(group_of(row), feature)).collect();
    let columns = match (groups, changing.len()) {
        (1, _) | (_, 1) => panels.len().div_ceil(panels.len().div_ceil(COLUMNS).max(1)),
        _ => shown_features,
    };
    let (legend, ramp) = (compared.legend(), compared.way.ramp());
    let mut note = vec![];
    if compared.way == Way::Beside && in_group < count {
        note.push(format!("{in_group} of {count} curves of each column"));
    }
    if shown_groups < groups {
        note.push(format!("{shown_groups} of {groups} {}s", compared.way.noun()));
    }
    if shown_features < changing.len() {
        note.push(format!("{shown_features} of {} columns", changing.len()));
    }
    let plot = if panels.len() == 1 { SINGLE } else { PLOT };
    Ok(Figure { panels, columns, plot, legend, ramp, note: super::drawn(&note), ..Figure::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wave(phase: f32) -> impl Iterator<Item = f32> {
        (0..40).map(move |i| ((i / 2) as f32 * 0.4 + phase + (i % 2) as f32).sin())
    }

    #[test]
    fn each_column_has_a_panel_in_its_units() {
        let generated: Vec<f32> = (0..9).flat_map(|n| wave(n as f32)).collect();
        let real: Vec<f32> = wave(2.0).collect();
        let names = ["low", "high"].map(String::from).to_vec();
        let columns = Columns { names, zero: vec![0.0, 100.0], one: vec![1.0, 200.0], ..Columns::default() };
        let figure = curves(&Compared::beside(&generated, &real), [20, 2], Some(&columns)).unwrap();
        assert_eq!((figure.panels.len(), figure.columns), (2, 2));
        assert_eq!(figure.panels[1].title, "high");
        assert_eq!(figure.panels[1].marks.len(), 1 + CURVES, "real ones lie below");
        let of_real = &figure.panels[1].marks[0].points[0];
        assert_eq!(*of_real, [0.0, 100.0 + 100.0 * f64::from(real[1])]);
        assert_eq!(figure.note, "drawn: 6 of 9 curves of each column");
        figure.draw().unwrap();
        let many = curves(&Compared::beside(&[0.0; 2 * 28], &[]), [2, 28], None).unwrap();
        assert_eq!((many.panels.len(), many.columns, many.note.as_str()), (12, 4, "drawn: 12 of 28 columns"));
    }

    #[test]
    fn pairs_and_ways_have_panels_of_their_own() {
        let generated: Vec<f32> = (0..8).flat_map(|n| wave(n as f32)).collect();
        let pairs = Compared { way: Way::Pairs("reconstructed"), ..Compared::beside(&generated, &generated) };
        let figure = curves(&pairs, [20, 2], None).unwrap();
        assert_eq!((figure.panels.len(), figure.columns), (12, 2));
        assert!(figure.panels.iter().all(|panel| panel.marks.len() == 2));
        let ways = Compared { way: Way::Paths(4), ..Compared::beside(&generated, &[]) };
        let figure = curves(&ways, [20, 2], None).unwrap();
        assert_eq!((figure.panels.len(), figure.panels[0].marks.len()), (4, 4));
        assert_ne!(figure.panels[0].marks[0].ink, figure.panels[0].marks[3].ink);
        assert!(figure.ramp.is_some() && figure.legend.is_empty());
    }

    #[test]
    fn curves_survive_single_steps_and_bad_values() {
        let single = curves(&Compared::beside(&[0.2, 0.5, 0.8, 0.5], &[0.4, 0.5]), [1, 2], None).unwrap();
        assert_eq!(single.panels[0].marks[0].points.len(), 2);
        for bad in [[f32::NAN; 6], [f32::INFINITY; 6], [7.0; 6], [0.0, f32::NAN, f32::MAX, f32::MIN, 0.0, 0.0]] {
            curves(&Compared::beside(&bad, &bad), [3, 2], None).unwrap().draw().unwrap();
        }
        for (values, shape) in [(5, [3, 2]), (2, [0, 2]), (0, [3, 0])] {
            assert!(curves(&Compared::beside(&vec![0.0; values], &[]), shape, None).is_err());
        }
    }
}
