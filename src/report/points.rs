//! Pictures of points: the plane, two principal components of more dimensions, a histogram of one.

use super::canvas::Ink;
use super::figure::{Axis, Figure, Mark, Panel, Shape};
use super::{Compared, GENERATED, REAL, Way, ticks, viridis};
use crate::data::Columns;
use crate::error::{Error, Result};
use crate::metrics::{Pca, Points};

/// Width and height of a plot in pixels.
const PLOT: [u32; 2] = [480, 440];
/// Largest number of generated points that are drawn, of ways between points, and of bins of a histogram.
const MAX_POINTS: usize = 5000;
const MAX_PATHS: usize = 12;
const BINS: usize = 40;
/// Number of parts in which real and generated points are drawn in turn.
const TURNS: usize = 20;
/// Most coordinates of which principal components are looked for.
const MAX_WIDTH: usize = 512;

/// The points in `compared`, `[N, D]`: in the plane with the names and units of `columns`, of more dimensions along the
/// first two principal components of the real ones, of one as a histogram.
///
/// # Errors
/// `Failure` if D is 0, does not divide the points, or is larger than principal components are looked for of.
pub fn points(compared: &Compared, width: usize, columns: Option<&Columns>) -> Result<Figure> {
    let Compared { generated, real, way, .. } = compared;
    if width == 0 || ![generated, real].iter().all(|values| values.len().is_multiple_of(width)) {
        return Err(Error::failure(format!("{} and {} values are no points [{width}]", generated.len(), real.len())));
    }
    if width > MAX_WIDTH {
        return Err(Error::failure(format!("points of {width} dimensions are more than the {MAX_WIDTH} of a picture")));
    }
    let name = |n: usize| {
        columns.map_or(["x", "y"].get(n).map_or(String::new(), |name| (*name).into()), |c| c.names[n].clone())
    };
    if width == 1 {
        let [generated, real] = [generated, real]
            .map(|values| values.iter().map(|v| columns.map_or(f64::from(*v), |c| c.value(0, *v))).collect::<Vec<_>>());
        return Ok(histogram(compared, &generated, &real, if columns.is_some() { name(0) } else { "value".into() }));
    }
    let count = generated.len() / width;
    let drawn = match way {
        Way::Beside | Way::Alone => count.min(MAX_POINTS),
        Way::Pairs(_) => count.min(real.len() / width).min(MAX_POINTS),
        Way::Paths(steps) => count.min(MAX_PATHS * steps),
    };
    let left_out = (drawn < count).then(|| match way {
        Way::Paths(steps) => format!("{MAX_PATHS} of {} {}s", count.div_ceil(*steps), way.noun()),
        _ => format!("{drawn} of {count} points"),
    });
    let kept = &generated[..drawn * width];
    if width > 2 {
        let ([generated, real], titles) = components(kept, real, width);
        return Ok(plane(compared, &generated, &real, titles, left_out));
    }
    let value = |n: usize, seen: f32| columns.map_or(f64::from(seen), |columns| columns.value(n, seen));
    let place = |values: &[f32]| -> Vec<[f64; 2]> {
        values.chunks_exact(2).map(|point| [value(0, point[0]), value(1, point[1])]).collect()
    };
    Ok(plane(compared, &place(kept), &place(real), [name(0), name(1)], left_out))
}

/// Points of many dimensions along the two directions in which the real ones vary most, or the generated ones without
/// real ones; the titles of the axes say how much of the variance lies there.
fn components(generated: &[f32], real: &[f32], width: usize) -> ([Vec<[f64; 2]>; 2], [String; 2]) {
    let wide = |values: &[f32]| values.iter().map(|&value| f64::from(value)).collect::<Vec<f64>>();
    let rows = (if real.is_empty() { generated } else { real }).chunks_exact(width);
    let fitted = wide(&rows.filter(|row| row.iter().all(|value| value.is_finite())).collect::<Vec<_>>().concat());
    if fitted.is_empty() {
        return Default::default();
    }
    let pca = Pca::fit(Points::new(&fitted, width), 2);
    let place = |values: &[f32]| -> Vec<[f64; 2]> {
        pca.project(Points::new(&wide(values), width)).chunks_exact(2).map(|place| [place[0], place[1]]).collect()
    };
    ([place(generated), place(real)], component_titles(&pca))
}

/// Titles of axes along the two components.
pub fn component_titles(pca: &Pca) -> [String; 2] {
    [("first", 0), ("second", 1)]
        .map(|(name, n)| format!("{name} principal component ({:.0} % of the variance)", 100.0 * pca.shares[n]))
}

/// A plane with generated points over real ones. Its range is that of the real ones, unless more than a few generated
/// ones lie outside. The note says what is not drawn: those, and what the caller has `left_out`.
pub fn plane(
    compared: &Compared,
    generated: &[[f64; 2]],
    real: &[[f64; 2]],
    titles: [String; 2],
    left_out: Option<String>,
) -> Figure {
    let framed = |points: &[[f64; 2]]| {
        [0, 1].map(|axis| ticks::aired(ticks::range(points.iter().map(|point| point[axis])), 0.12))
    };
    let within =
        |ranges: [[f64; 2]; 2], point: &[f64; 2]| (0..2).all(|n| (ranges[n][0]..=ranges[n][1]).contains(&point[n]));
    let ranges = framed(if real.is_empty() { generated } else { real });
    let inside = generated.iter().filter(|point| within(ranges, point)).count();
    // A few that lie far away shall not make all others small.
    let ranges =
        if inside as f64 >= 0.95 * generated.len() as f64 { ranges } else { framed(&[real, generated].concat()) };
    let dots =
        |points: &[[f64; 2]], radius: f32, ink: Ink| Mark { shape: Shape::Dots(radius), points: points.to_vec(), ink };
    let line = |points: Vec<[f64; 2]>| Mark { shape: Shape::Line(1.0), points, ink: Ink([120, 126, 138], 0.5) };
    // Few points can be larger.
    let radius = if generated.len().max(real.len()) > 500 { 1.9 } else { 3.0 };
    let marks = match compared.way {
        Way::Beside | Way::Alone => {
            // In turn, so that neither hides the other.
            let turn = |points: &[[f64; 2]], turn: usize, ink: Ink| {
                let [first, end] = [turn, turn + 1].map(|n| n * points.len() / TURNS);
                dots(&points[first..end], radius, ink)
            };
            let turns = |n: usize| [turn(real, n, Ink(REAL, 0.55)), turn(generated, n, Ink(GENERATED, 0.65))];
            (0..TURNS).flat_map(turns).collect()
        }
        Way::Pairs(_) => {
            let pairs = real.iter().zip(generated).map(|(from, to)| line(vec![*from, *to]));
            pairs.chain([dots(real, 3.0, Ink(REAL, 0.9)), dots(generated, 3.0, Ink(GENERATED, 0.9))]).collect()
        }
        Way::Paths(steps) => {
            let ways = generated.chunks(steps.max(1));
            let stations = (0..steps).map(|step| {
                let there: Vec<[f64; 2]> = generated.iter().skip(step).step_by(steps.max(1)).copied().collect();
                dots(&there, 3.0, Ink(viridis(step as f32 / (steps.max(2) - 1) as f32), 1.0))
            });
            std::iter::once(dots(real, 1.9, Ink(REAL, 0.2)))
                .chain(ways.map(|way| line(way.to_vec())))
                .chain(stations)
                .collect()
        }
    };
    let [x, y] = [0, 1].map(|n| Axis { title: titles[n].clone(), range: Some(ranges[n]), ..Axis::default() });
    let inside = generated.iter().filter(|point| within(ranges, point)).count();
    let far = (inside < generated.len()).then(|| format!("{inside} of {} generated points", generated.len()));
    let note = super::drawn(&left_out.into_iter().chain(far).collect::<Vec<_>>());
    let (legend, ramp) = (compared.legend(), compared.way.ramp());
    let panels = vec![Panel { x, y, marks, ..Panel::default() }];
    Figure { panels, columns: 1, plot: PLOT, legend, ramp, note, ..Figure::default() }
}

/// How often values occur, as shares of their bins.
fn histogram(compared: &Compared, generated: &[f64], real: &[f64], title: String) -> Figure {
    let framed = if real.is_empty() { generated } else { real };
    let [low, high] = ticks::aired(ticks::range(framed.iter().copied()), 0.12);
    let bin = (high - low) / BINS as f64;
    let outline = |values: &[f64], colour| {
        let mut counts = [0usize; BINS];
        let finite = values.iter().filter(|value| value.is_finite());
        let bins = finite.map(|value| ((value - low) / bin).floor()).filter(|n| (0.0..BINS as f64).contains(n));
        bins.for_each(|n| counts[n as usize] += 1);
        let share = |n: usize| counts[n] as f64 / values.len().max(1) as f64;
        let at = |n: usize| low + bin * n as f64;
        let areas = (0..BINS).flat_map(|n| [[at(n), 0.0], [at(n + 1), share(n)]]).collect();
        let edges = (0..BINS).flat_map(|n| [[at(n), share(n)], [at(n + 1), share(n)]]).collect();
        [
            Mark { shape: Shape::Areas, points: areas, ink: Ink(colour, 0.25) },
            Mark { shape: Shape::Line(1.8), points: edges, ink: Ink(colour, 1.0) },
        ]
    };
    let groups = [(real, REAL), (generated, GENERATED)].into_iter().filter(|(values, _)| !values.is_empty());
    let marks: Vec<Mark> = groups.flat_map(|(values, colour)| outline(values, colour)).collect();
    let most = marks.iter().flat_map(|mark| &mark.points).map(|point| point[1]).fold(0.0, f64::max);
    let x = Axis { title, range: Some([low, high]), ..Axis::default() };
    let y = Axis { title: "share of the points".into(), range: Some([0.0, 1.08 * most]), ..Axis::default() };
    let legend = compared.legend();
    let panels = vec![Panel { x, y, marks, ..Panel::default() }];
    Figure { panels, columns: 1, plot: PLOT, legend, ..Figure::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_of_any_dimension_have_a_plane() {
        let values: Vec<f32> = (0..600).map(|n| (n as f32 * 1.7).sin()).collect();
        for (width, x, y) in [
            (1, "value", "share of the points"),
            (2, "x", "y"),
            (3, "first principal component (", "second principal component ("),
            (6, "first principal component (", "second principal component ("),
        ] {
            let figure = points(&Compared::beside(&values, &values), width, None).unwrap();
            let Panel { x: found_x, y: found_y, .. } = &figure.panels[0];
            assert!(
                found_x.title.starts_with(x) && found_y.title.starts_with(y),
                "{} {}",
                found_x.title,
                found_y.title
            );
            figure.draw().unwrap();
        }
        assert!(points(&Compared::beside(&values, &[]), 7, None).is_err(), "600 values are no points [7]");
        assert!(points(&Compared::beside(&vec![0.0; 3000], &[]), 3000, None).is_err());
    }

    #[test]
    fn bad_and_far_points_are_left_out_and_counted() {
        let mut generated = [0.1; 400];
        (generated[1], generated[2], generated[4], generated[5]) = (f32::NAN, f32::INFINITY, 1e30, -1e30);
        let figure = points(&Compared::beside(&generated, &[-0.5, -0.5, 0.5, 0.5]), 2, None).unwrap();
        assert_eq!(figure.note, "drawn: 197 of 200 generated points");
        assert!(figure.panels[0].x.range.unwrap()[1] < 1.0);
        figure.draw().unwrap();
        for few in [&[][..], &[0.5, 0.5], &[f32::NAN; 6]] {
            for width in [1, 2] {
                points(&Compared::beside(few, &[]), width, None).unwrap().draw().unwrap();
            }
        }
        points(&Compared::beside(&[f32::NAN; 6], &[]), 3, None).unwrap().draw().unwrap();
        points(&Compared::beside(&[1.0; 3], &[]), 3, None).unwrap().draw().unwrap();
    }

    #[test]
    fn ways_are_lines_from_one_end_of_the_ramp_to_the_other() {
        let values: Vec<f32> = (0..40).map(|n| n as f32).collect();
        let figure = points(&Compared { way: Way::Paths(5), ..Compared::beside(&values, &[]) }, 2, None).unwrap();
        let marks = &figure.panels[0].marks;
        assert_eq!(marks.len(), 1 + 4 + 5);
        assert_eq!((marks[5].ink.0, marks[9].ink.0), (viridis(0.0), viridis(1.0)));
    }
}
