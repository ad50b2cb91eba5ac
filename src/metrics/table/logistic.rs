//! Logistic regression, by L-BFGS (Nocedal and Wright 2006, algorithm 7.5).

use std::collections::VecDeque;

use rayon::prelude::*;

use super::{Column, Table};
use crate::metrics::Estimate;

/// Steps that L-BFGS remembers.
const MEMORY: usize = 10;
/// Maximum number of steps.
const STEPS: usize = 500;
/// It stops where no derivative of the mean loss is larger.
const FLAT: f64 = 1e-6;
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

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Where a convex function, given with its derivatives, is least, from a start.
fn minimum(mut at: Vec<f64>, function: impl Fn(&[f64]) -> (f64, Vec<f64>)) -> Vec<f64> {
    let (mut value, mut slopes) = function(&at);
    // Steps, changes of the slopes, and their products.
    let mut memory: VecDeque<(Vec<f64>, Vec<f64>, f64)> = VecDeque::new();
    for _ in 0..STEPS {
        if slopes.iter().all(|slope| slope.abs() < FLAT) {
            break;
        }
        let mut direction: Vec<f64> = slopes.iter().map(|slope| -slope).collect();
        let mut shares = vec![];
        let add =
            |to: &mut [f64], factor: f64, what: &[f64]| to.iter_mut().zip(what).for_each(|(t, w)| *t += factor * w);
        for (step, change, product) in memory.iter().rev() {
            let share = dot(step, &direction) / product;
            add(&mut direction, -share, change);
            shares.push(share);
        }
        let scale = memory.back().map_or(1.0, |(_, change, product)| product / dot(change, change));
        direction.iter_mut().for_each(|d| *d *= scale);
        for ((step, change, product), share) in memory.iter().zip(shares.into_iter().rev()) {
            let share = share - dot(change, &direction) / product;
            add(&mut direction, share, step);
        }
        let fall = dot(&slopes, &direction);
        let mut length = 1.0;
        let (next, next_value, next_slopes) = loop {
            let next: Vec<f64> = at.iter().zip(&direction).map(|(a, d)| a + length * d).collect();
            let (next_value, next_slopes) = function(&next);
            if next_value <= value + 1e-4 * length * fall {
                break (next, next_value, next_slopes);
            }
            length /= 2.0;
            if length < 1e-10 {
                return at;
            }
        };
        let step: Vec<f64> = next.iter().zip(&at).map(|(next, at)| next - at).collect();
        let change: Vec<f64> = next_slopes.iter().zip(&slopes).map(|(next, slope)| next - slope).collect();
        let product = dot(&step, &change);
        if product > 0.0 {
            memory.push_back((step, change, product));
            if memory.len() > MEMORY {
                memory.pop_front();
            }
        }
        (at, value, slopes) = (next, next_value, next_slopes);
    }
    at
}
