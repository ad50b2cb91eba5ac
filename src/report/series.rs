//! Pictures of sequences: small multiples of curves, heat maps of symbols.

use std::error::Error as StdError;

use image::imageops::{FilterType, resize};
use image::{Rgb, RgbImage};
use plotters::coord::Shift;
use plotters::prelude::*;

use super::{GAP, GENERATED, PAPER, REAL, SEPARATOR, is_possible, page};
use crate::error::{Error, Result};

/// Largest number of panels in a picture.
const MAX_PANELS: usize = 12;
/// Largest number of panels side by side.
const COLUMNS: usize = 4;
/// Largest number of curves of each kind in a panel.
const CURVES: usize = 6;
/// Width and height of a panel of curves in pixels, and about those of a heat map.
const PANEL: [u32; 2] = [280, 170];
/// Pixels between panels of curves and around them.
const MARGIN: u32 = 12;
/// Factor by which curves are drawn larger, then scaled down, for smooth edges.
const OVERSAMPLING: u32 = 3;
const FRAME: RGBColor = RGBColor(205, 209, 217);

type Area<'a> = DrawingArea<BitMapBackend<'a>, Shift>;

/// Plots a few of the sequences `generated` in colour over a few of `real` in grey, both `[N, T, F]`: a panel for each
/// of the first 12 features, row by row. The vertical range of a panel is that of its curves.
///
/// # Errors
/// `Failure` if `shape`, `[T, F]`, has no step or no feature, or does not divide both.
pub fn series(generated: &[f32], real: &[f32], shape: [usize; 2]) -> Result<RgbImage> {
    let [steps, features] = shape;
    let len = steps * features;
    if len == 0 || ![generated, real].iter().all(|values| values.len().is_multiple_of(len)) {
        return Err(unfit(&[generated, real], shape));
    }
    let panels = features.min(MAX_PANELS);
    let [columns, rows] = layout(panels);
    let (width, height) = (columns * (PANEL[0] + MARGIN) + MARGIN, rows * (PANEL[1] + MARGIN) + MARGIN);
    let large = (OVERSAMPLING * width, OVERSAMPLING * height);
    let mut picture = RgbImage::from_pixel(large.0, large.1, PAPER);
    let page = BitMapBackend::with_buffer(&mut picture, large).into_drawing_area();
    for panel in 0..panels {
        let curve = |values: &[f32]| {
            let curve: Vec<f32> = values.iter().skip(panel).step_by(features).copied().collect();
            if steps == 1 { curve.repeat(2) } else { curve }
        };
        let curves = |values: &[f32]| -> Vec<Vec<f32>> { values.chunks_exact(len).take(CURVES).map(curve).collect() };
        let [left, top] = [(panel as u32 % columns, 0), (panel as u32 / columns, 1)]
            .map(|(cell, axis)| OVERSAMPLING * (MARGIN + cell * (PANEL[axis] + MARGIN)));
        let area = page.clone().shrink((left, top), (OVERSAMPLING * PANEL[0], OVERSAMPLING * PANEL[1]));
        plot(&area, &curves(real), &curves(generated))
            .map_err(|error| Error::failure(format!("the curves cannot be drawn: {error}")))?;
    }
    drop(page);
    Ok(resize(&picture, width, height, FilterType::Triangle))
}

/// Draws one panel; values that are not finite are left out.
fn plot(area: &Area, real: &[Vec<f32>], generated: &[Vec<f32>]) -> std::result::Result<(), Box<dyn StdError>> {
    let finite = real.iter().chain(generated).flatten().filter(|value| value.is_finite());
    let range = finite.fold((f64::MAX, f64::MIN), |(low, high), &v| (low.min(v.into()), high.max(v.into())));
    let (low, high) = if range.0 < range.1 { range } else { (range.0.min(0.0) - 1.0, range.1.max(0.0) + 1.0) };
    let air = 0.06 * (high - low);
    let last = real.iter().chain(generated).map(Vec::len).max().unwrap_or(2) - 1;
    let mut chart = ChartBuilder::on(area).build_cartesian_2d(0.0..last as f64, low - air..high + air)?;
    for (curves, colour, opacity, width) in [(real, REAL, 0.8, 4), (generated, GENERATED, 0.7, 5)] {
        let [red, green, blue] = colour.map(|value| value as u8);
        let style = RGBColor(red, green, blue).mix(opacity).stroke_width(width);
        for curve in curves {
            let points = curve.iter().enumerate().filter(|(_, value)| value.is_finite());
            chart.draw_series(LineSeries::new(points.map(|(t, &value)| (t as f64, f64::from(value))), style))?;
        }
    }
    let (width, height) = area.dim_in_pixel();
    let corners = [(0, 0), (width as i32 - 1, height as i32 - 1)];
    area.draw(&Rectangle::new(corners, FRAME.stroke_width(OVERSAMPLING)))?;
    Ok(())
}

/// Shows the first 12 of `samples`, `[N, T]` numbers of symbols, as rolls: time runs to the right, symbol 0 lies at the
/// bottom. `shape` is the number of steps and of symbols, `[T, V]`.
///
/// # Errors
/// `Failure` if there is nothing to show, or if T does not divide the samples.
pub fn symbols(samples: &[f32], shape: [usize; 2]) -> Result<RgbImage> {
    let [steps, alphabet] = shape;
    if steps * alphabet == 0 || samples.is_empty() || !samples.len().is_multiple_of(steps) {
        return Err(unfit(&[samples], shape));
    }
    let cell = [(PANEL[0], steps), (PANEL[1], alphabet)].map(|(pixels, count)| (pixels / count as u32).max(1));
    let panel = [cell[0] * steps as u32 + GAP, cell[1] * alphabet as u32 + GAP];
    let size = |panels: usize| {
        let cells = layout(panels);
        [0, 1].map(|axis| u64::from(cells[axis]) * u64::from(panel[axis]) + u64::from(GAP))
    };
    // As many panels as fit into a picture; if not even one fits, `page` returns the error.
    let most = (samples.len() / steps).min(MAX_PANELS);
    let panels = (1..=most).rev().find(|panels| is_possible(size(*panels))).unwrap_or(1);
    let ([columns, _], [width, height]) = (layout(panels), size(panels));
    let mut picture = page(width, height, SEPARATOR)?;
    for (i, sample) in (0..).zip(samples.chunks_exact(steps).take(panels)) {
        let (left, top) = (i % columns * panel[0] + GAP, i / columns * panel[1] + GAP);
        for y in 0..panel[1] - GAP {
            for x in 0..panel[0] - GAP {
                let (step, symbol) = ((x / cell[0]) as usize, alphabet - 1 - (y / cell[1]) as usize);
                let pixel = if sample[step] == symbol as f32 { Rgb(GENERATED.map(|c| c as u8)) } else { PAPER };
                picture.put_pixel(left + x, top + y, pixel);
            }
        }
    }
    Ok(picture)
}

/// Columns and rows for this many panels, the last row as full as possible.
fn layout(panels: usize) -> [u32; 2] {
    let rows = panels.div_ceil(COLUMNS);
    [panels.div_ceil(rows) as u32, rows as u32]
}

fn unfit(values: &[&[f32]], shape: [usize; 2]) -> Error {
    let counts = values.iter().map(|values| values.len().to_string()).collect::<Vec<_>>().join(" and ");
    Error::failure(format!("{counts} values are no sequences of shape {shape:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pixels whose channel `more` exceeds `less` by 60.
    fn tinted(picture: &RgbImage, more: usize, less: usize) -> usize {
        picture.pixels().filter(|pixel| i32::from(pixel.0[more]) - i32::from(pixel.0[less]) > 60).count()
    }

    #[test]
    fn a_panel_for_each_feature_shows_what_was_generated() {
        let wave = |phase: f32| (0..40).map(move |i| ((i / 2) as f32 * 0.4 + phase + (i % 2) as f32).sin());
        let generated: Vec<f32> = wave(0.0).chain(wave(1.0)).collect();
        let real: Vec<f32> = wave(2.0).collect();
        let picture = series(&generated, &real, [20, 2]).unwrap();
        assert_eq!(picture.dimensions(), (2 * 292 + 12, 182 + 12));
        assert!(tinted(&picture, 0, 2) > 1000);
        assert_eq!(tinted(&series(&[], &real, [20, 2]).unwrap(), 0, 2), 0);
        assert_eq!(series(&[0.0; 2 * 28], &[], [2, 28]).unwrap().dimensions(), (4 * 292 + 12, 3 * 182 + 12));
    }

    #[test]
    fn a_single_step_is_a_level_line() {
        let picture = series(&[0.2, 0.5, 0.8, 0.5], &[0.4, 0.5], [1, 2]).unwrap();
        assert_eq!(picture.dimensions(), (2 * 292 + 12, 182 + 12));
        assert!(tinted(&picture, 0, 2) > 1000);
    }

    #[test]
    fn curves_survive_bad_values() {
        for bad in [[f32::NAN; 6], [f32::INFINITY; 6], [7.0; 6], [0.0, f32::NAN, f32::MAX, f32::MIN, 0.0, 0.0]] {
            assert!(series(&bad, &bad, [3, 2]).is_ok());
        }
        for (values, shape) in [(5, [3, 2]), (2, [0, 2]), (0, [3, 0])] {
            assert!(series(&vec![0.0; values], &[], shape).is_err());
        }
    }

    #[test]
    fn rolls_have_time_to_the_right_and_the_first_symbol_at_the_bottom() {
        let picture = symbols(&[0.0, 1.0, f32::NAN], [3, 2]).unwrap();
        let at = |x: u32, y: u32| picture.get_pixel(2 + 46 + 93 * x, 2 + 42 + 85 * y).0;
        assert_eq!((at(0, 1), at(0, 0), at(1, 0)), ([200, 30, 60], [255; 3], [200, 30, 60]));
        assert_eq!((at(2, 0), at(2, 1)), ([255; 3], [255; 3]));
        assert!(
            symbols(&[], [3, 2]).is_err() && symbols(&[0.0; 4], [3, 2]).is_err() && symbols(&[0.0], [0, 2]).is_err()
        );
    }
}
