//! Logistic regression.

use rayon::prelude::*;

use super::{Column, Table};
use crate::metrics::{
    Estimate,
    lbfgs::{dot, minimum},
};

/// Rows of a partial sum.
const BLOCK: usize = 2048;

/// What a regression sees of a table: numbers, standardised, missing ones at the mean of the real rows; for each
/// category 1 at its value, missing included.
pub struct Design {
    columns: Vec<Coding>,
    /// Number of weights, without the constant.
    weights: usize,
}

/// How cells of a column are seen, and the first of the weights that they meet.
enum Coding {
    Number { weight: usize, mean: f64, deviation: f64 },
    Category { weight: usize },
}

/// What a cell adds to a prediction: the place of its weight, and what that is multiplied by.
pub type Factor = (u32, f64);

impl Design {
    /// The design for real rows and others of the same columns.
    pub fn new(real: &Table, others: &Table) -> Self {
        let mut weights = 0;
        let coding = |(real, others): (&Column, &Column)| {
            let weight = weights;
            match real.above(others) {
                Column::Number(all) => {
                    let present = |values: &[f64]| values.iter().copied().filter(|v| !v.is_nan()).collect::<Vec<_>>();
                    let Column::Number(real) = real else { unreachable!("a column is of one kind") };
                    let (mean, deviation) = (Estimate::of(&present(real)).mean, Estimate::of(&present(&all)).deviation);
                    weights += 1;
                    let deviation = if deviation > 0.0 { deviation } else { 1.0 };
                    Coding::Number { weight, mean: if mean.is_nan() { 0.0 } else { mean }, deviation }
                }
                Column::Category(ids) => {
                    weights += ids.into_iter().map(place).max().map_or(0, |last| last + 1);
                    Coding::Category { weight }
                }
            }
        };
        let columns = real.columns.iter().zip(&others.columns).map(coding).collect();
        Self { columns, weights }
    }

    /// The cells of a table, row by row.
    pub fn cells(&self, table: &Table) -> Vec<Vec<Factor>> {
        let mut rows = vec![vec![]; table.rows()];
        for (coding, column) in self.columns.iter().zip(&table.columns) {
            match (coding, column) {
                (Coding::Number { weight, mean, deviation }, Column::Number(values)) => {
                    let scaled = |v: f64| if v.is_nan() { 0.0 } else { (v - mean) / deviation };
                    rows.iter_mut().zip(values).for_each(|(row, &v)| row.push((*weight as u32, scaled(v))));
                }
                (Coding::Category { weight }, Column::Category(ids)) => {
                    rows.iter_mut().zip(ids).for_each(|(row, &id)| row.push(((weight + place(id)) as u32, 1.0)));
                }
                _ => panic!("a column of numbers beside one of categories"),
            }
        }
        rows
    }
}

/// The place of a category among the weights of its column: missing comes first.
fn place(id: u32) -> usize {
    id.wrapping_add(1) as usize
}

/// A fitted regression: a weight for each place of the design, then a constant.
pub struct Logistic(Vec<f64>);

impl Logistic {
    /// The regression of labels that minimises the sum of the logistic losses and half of the squared weights, without
    /// the constant's: scikit-learn's `LogisticRegression` with C = 1.
    pub fn fit(design: &Design, rows: &[&[Factor]], labels: &[bool]) -> Self {
        let count = rows.len() as f64;
        let objective = |weights: &[f64]| {
            let block = |(rows, labels): (&[&[Factor]], &[bool])| {
                let (mut loss, mut slopes) = (0.0, vec![0.0; weights.len()]);
                for (&row, &label) in rows.iter().zip(labels) {
                    let odds = log_odds(weights, row);
                    // ln(1 + e^odds), without overflow.
                    loss += odds.max(0.0) + (-odds.abs()).exp().ln_1p() - if label { odds } else { 0.0 };
                    let slope = 1.0 / (1.0 + (-odds).exp()) - f64::from(u8::from(label));
                    row.iter().for_each(|&(place, factor)| slopes[place as usize] += slope * factor);
                    slopes[weights.len() - 1] += slope;
                }
                (loss, slopes)
            };
            let blocks: Vec<_> = rows.par_chunks(BLOCK).zip(labels.par_chunks(BLOCK)).map(block).collect();
            let penalised = &weights[..weights.len() - 1];
            let mut loss = 0.5 * dot(penalised, penalised);
            let mut slopes = [penalised, &[0.0]].concat();
            for (part, more) in blocks {
                loss += part;
                slopes.iter_mut().zip(more).for_each(|(slope, more)| *slope += more);
            }
            slopes.iter_mut().for_each(|slope| *slope /= count);
            (loss / count, slopes)
        };
        Self(minimum(vec![0.0; design.weights + 1], objective))
    }

    /// The log odds that the label of a row is true.
    pub fn predict(&self, row: &[Factor]) -> f64 {
        log_odds(&self.0, row)
    }
}

fn log_odds(weights: &[f64], row: &[Factor]) -> f64 {
    row.iter().map(|&(place, factor)| weights[place as usize] * factor).sum::<f64>() + weights[weights.len() - 1]
}
