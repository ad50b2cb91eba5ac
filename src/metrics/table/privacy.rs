//! Whether generated rows are copies of training rows.

use std::collections::HashSet;

use rayon::prelude::*;

use super::{Column, Rows, Table, similarity::range};

/// How far numbers may be apart that match, as a share of the generated one.
const TOLERANCE: f64 = 0.01;

/// Square of how much the space around a held-out row differs from that around others, as a share of it: less than this
/// in tables of one column and more.
const PLACES: f64 = 0.25;

/// Most training rows, and most held-out rows, that nearest ones are looked for in.
const SEARCHED: usize = 50_000;

/// Whether generated rows lie nearer to training rows than to others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Protection {
    /// DCROverfittingProtection: min(1, 2 (1 - `closer_to_training`)).
    pub score: f64,
    /// The share of generated rows whose nearest training row is nearer than their nearest held-out row.
    pub closer_to_training: f64,
    /// The share of rows that are nearer to one of the training rows by chance: the share of those among all real rows.
    pub chance: f64,
    /// The share of rows that are known by heart: nearer to training rows beyond chance, 0 for none and 1 for copies.
    /// Distances are by the ranges of both tables together: SDMetrics divides by the range of the table that is
    /// searched, so that all rows seem nearer to the table that holds an outlier. Rows as near to both tell nothing.
    pub known: f64,
    /// The standard error of `known` where it is 0, by chance of the generated rows and of those that were held out.
    pub error: f64,
    /// Generated rows that were compared.
    pub rows: usize,
}

/// DCROverfittingProtection of at most `most` generated rows. The distance of two rows is the mean over the columns:
/// |difference| / range of the table that is searched, at most 1, for numbers; 0 or 1 for categories. `None` if a table
/// is empty.
pub fn overfitting_protection(
    training: &Table,
    held_out: &Table,
    generated: &Table,
    most: usize,
    seed: u64,
) -> Option<Protection> {
    let [training, held_out] = [training, held_out].map(|table| some(table, SEARCHED, seed));
    let generated = some(generated, most, seed);
    let rows = generated.rows();
    if [training.rows(), held_out.rows(), rows].contains(&0) {
        return None;
    }
    let distances = |ranges: [&Table; 2]| {
        [(&training, ranges[0]), (&held_out, ranges[1])]
            .map(|(table, ranges)| nearest(&generated, table, &widths(ranges), |_| None))
    };
    let closer_to_training = share(&distances([&training, &held_out]), f64::lt);
    let both = training.above(&held_out);
    let common = distances([&both, &both]);
    let [training, held_out] = [training.rows(), held_out.rows()].map(|rows| rows as f64);
    let chance = training / (training + held_out);
    let closer = share(&common, f64::lt) + chance * share(&common, f64::eq);
    Some(Protection {
        score: score(closer_to_training),
        closer_to_training,
        chance,
        known: (closer - chance) / (1.0 - chance),
        error: (chance / (1.0 - chance) / rows as f64 + PLACES / held_out).sqrt(),
        rows,
    })
}

/// DCROverfittingProtection of real rows, at most `most`, each without itself: the best that rows can have. By the
/// ranges of SDMetrics more than by chance are nearer to the table with the outliers, which is mostly the larger one.
/// Neither table is empty.
pub fn perfect_protection(training: &Table, held_out: &Table, most: usize, seed: u64) -> f64 {
    let [training, held_out] = [training, held_out].map(|table| some(table, SEARCHED, seed));
    let both = training.above(&held_out);
    let places: Vec<usize> = (0..both.rows()).step_by(both.rows().div_ceil(most)).collect();
    let from = both.pick(&places);
    let parts = [(&training, 0), (&held_out, training.rows())];
    let distances =
        parts.map(|(part, first)| nearest(&from, part, &widths(part), |row| places[row].checked_sub(first)));
    score(share(&distances, f64::lt))
}

/// The score of rows of which this share lies nearer to training rows.
fn score(closer_to_training: f64) -> f64 {
    (2.0 * (1.0 - closer_to_training)).min(1.0)
}

/// The share of rows whose distances, to the nearest training and the nearest held-out row, are so.
fn share([to_training, to_held_out]: &[Vec<f64>; 2], is: fn(&f64, &f64) -> bool) -> f64 {
    let pairs = to_training.iter().zip(to_held_out);
    pairs.filter(|(training, held_out)| is(training, held_out)).count() as f64 / to_training.len() as f64
}

/// At most `most` rows.
fn some(table: &Table, most: usize, seed: u64) -> Table {
    if most < table.rows() { table.sample(most, seed) } else { table.clone() }
}

fn widths(table: &Table) -> Vec<Option<f64>> {
    table.columns.iter().map(width).collect()
}

/// For each row of `from`, the distance to the nearest row of `to` other than `itself`. Without a range, only equality
/// counts.
fn nearest(
    from: &Table,
    to: &Table,
    ranges: &[Option<f64>],
    itself: impl Fn(usize) -> Option<usize> + Sync,
) -> Vec<f64> {
    let (from, to) = (Rows::of(from), Rows::of(to));
    let distance = |a: &[f64], b: &[f64], enough: f64| {
        let mut sum = 0.0;
        for ((a, b), range) in a.iter().zip(b).zip(ranges) {
            sum += match range {
                Some(range) if !a.is_nan() && !b.is_nan() => ((a - b).abs() / range).min(1.0),
                _ if a == b || a.is_nan() && b.is_nan() => 0.0,
                _ => 1.0,
            };
            if sum >= enough {
                break;
            }
        }
        sum
    };
    let least = |(i, row): (usize, &[f64])| {
        let own = itself(i);
        let others = to.iter().enumerate().filter(|(place, _)| Some(*place) != own);
        others.fold(f64::INFINITY, |least, (_, other)| least.min(distance(row, other, least))) / from.width as f64
    };
    from.values.par_chunks_exact(from.width).enumerate().map(least).collect()
}

/// The width of the range of a column of different numbers.
fn width(column: &Column) -> Option<f64> {
    let Column::Number(values) = column else { return None };
    range(values).map(|range| range.end - range.start).filter(|&width| width > 0.0)
}

/// The share of the rows that equal a row of `real` in every column; `None` if there are no rows.
pub fn copies(real: &Table, rows: &Table) -> Option<f64> {
    let [real, rows] = [real, rows].map(Rows::of);
    let bits = |row: &[f64]| -> Vec<u64> {
        row.iter().map(|cell| if cell.is_nan() { u64::MAX } else { cell.to_bits() }).collect()
    };
    let known: HashSet<Vec<u64>> = real.iter().map(bits).collect();
    let count = rows.iter().len();
    let equal = rows.iter().filter(|row| known.contains(&bits(row))).count();
    (count > 0).then(|| equal as f64 / count as f64)
}

/// How many generated rows are new.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NewRows {
    /// NewRowSynthesis: the share of the rows that match no training row.
    pub score: f64,
    /// Generated rows that were looked for, in all training rows.
    pub rows: usize,
}

/// NewRowSynthesis of at most `most` generated rows. Rows match if all cells do: numbers within 1 % of the generated
/// one, categories if equal, missing with missing. `None` if there are no generated rows.
pub fn new_row_synthesis(training: &Table, generated: &Table, most: usize, seed: u64) -> Option<NewRows> {
    let numbers: Vec<bool> = training.columns.iter().map(|column| matches!(column, Column::Number(_))).collect();
    let (training, generated) = (Rows::of(training), Rows::of(&generated.sample(most, seed)));
    let cell = |number: bool, real: f64, fake: f64| {
        real == fake || real.is_nan() && fake.is_nan() || number && (real - fake).abs() <= (TOLERANCE * fake).abs()
    };
    let matching =
        |real: &[f64], fake: &[f64]| numbers.iter().zip(real.iter().zip(fake)).all(|(&n, (&r, &f))| cell(n, r, f));
    let is_new = |fake: &&[f64]| !training.iter().any(|real| matching(real, fake));
    let rows = generated.values.len() / generated.width;
    let new = generated.values.par_chunks_exact(generated.width).filter(is_new).count();
    (rows > 0).then(|| NewRows { score: new as f64 / rows as f64, rows })
}
