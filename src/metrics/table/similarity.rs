//! Column by column and pair by pair: the two halves of SDMetrics' quality report, and three of its other measures.

use std::ops::Range;

use rayon::prelude::*;

use super::{Column, MISSING, Table};

/// Number of equal parts that a number is cut into beside a category.
const PARTS: usize = 10;
/// SDMetrics compares numbers after rounding them to 14 decimals.
const DECIMALS: f64 = 1e14;
/// SDMetrics counts a value that no real row has as a millionth of a row.
const UNSEEN: f64 = 1e-6;

/// Scores from 0 to 1, more is better, and their mean. `None` is what is not defined.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    /// The score of each column, or of each pair of columns.
    pub each: Vec<Option<f64>>,
    /// The mean of those that are defined.
    pub mean: Option<f64>,
}

impl Scores {
    fn of(each: Vec<Option<f64>>) -> Self {
        let mean = mean(each.iter().copied());
        Self { each, mean }
    }

    /// With each score, or its lack, replaced by what `counted` says of it and its place.
    pub fn counted(self, counted: impl Fn(usize, Option<f64>) -> Option<f64>) -> Self {
        Self::of(self.each.into_iter().enumerate().map(|(n, score)| counted(n, score)).collect())
    }

    fn of_columns(
        real: &Table,
        generated: &Table,
        score: impl Fn(&Column, &Column) -> Option<f64> + Send + Sync,
    ) -> Self {
        Self::of(real.columns.par_iter().zip(&generated.columns).map(|(real, fake)| score(real, fake)).collect())
    }
}

/// Mean of the scores that are defined.
fn mean(scores: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let defined: Vec<f64> = scores.flatten().collect();
    (!defined.is_empty()).then(|| crate::metrics::mean(&defined))
}

/// All pairs of `count` columns: the order of [`pair_trends`].
pub fn pairs(count: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..count).flat_map(move |a| (a + 1..count).map(move |b| (a, b)))
}

/// Column Shapes: for numbers KSComplement, 1 minus the largest distance between the two empirical distribution
/// functions; for categories TVComplement, 1 minus the total variation of the two shares. Missing cells are left out.
pub fn column_shapes(real: &Table, generated: &Table) -> Scores {
    Scores::of_columns(real, generated, |real, generated| match (real, generated) {
        (Column::Number(real), Column::Number(generated)) => ks_complement(real, generated),
        (Column::Category(real), Column::Category(generated)) => tv_complement(real, generated),
        _ => panic!("a column of numbers beside one of categories"),
    })
}

/// Column Pair Trends, in the order of [`pairs`]: for two numbers CorrelationSimilarity, 1 - |r_real - r_generated| / 2
/// of Pearson's r over rows with both; else ContingencySimilarity, 1 minus the total variation of the shares of pairs
/// of values, with numbers cut into 10 parts of their own range and missing as a value. All pairs count: SDMetrics'
/// report leaves out pairs that depend little on each other (`real_correlation_threshold`) unless told otherwise.
pub fn pair_trends(real: &Table, generated: &Table) -> Scores {
    let cut = |table: &Table| table.columns.par_iter().map(codes).collect::<Vec<_>>();
    let (real_codes, generated_codes) = (cut(real), cut(generated));
    let score = |(a, b): (usize, usize)| {
        let numbers = |table: &Table| match (&table.columns[a], &table.columns[b]) {
            (Column::Number(first), Column::Number(second)) => Some(correlation(first, second)),
            _ => None,
        };
        match (numbers(real), numbers(generated)) {
            (Some(real), Some(generated)) => Some(1.0 - (real? - generated?).abs() / 2.0),
            _ => contingency_similarity([&real_codes[a], &real_codes[b]], [&generated_codes[a], &generated_codes[b]]),
        }
    };
    Scores::of(pairs(real.columns.len()).collect::<Vec<_>>().into_par_iter().map(score).collect())
}

/// The Overall Score: the mean of Column Shapes and Column Pair Trends.
pub fn overall(shapes: &Scores, trends: &Scores) -> Option<f64> {
    mean([shapes.mean, trends.mean].into_iter())
}

/// MissingValueSimilarity: 1 minus the distance of the two shares of missing cells.
pub fn missing_value_similarity(real: &Table, generated: &Table) -> Scores {
    let share = |column: &Column| {
        let missing = column.gaps().into_iter().filter(|&missing| missing).count();
        (!column.is_empty()).then(|| missing as f64 / column.len() as f64)
    };
    Scores::of_columns(real, generated, |real, generated| Some(1.0 - (share(real)? - share(generated)?).abs()))
}

/// CategoryCoverage: the share of the real values of a category that generated rows have.
pub fn category_coverage(real: &Table, generated: &Table) -> Scores {
    Scores::of_columns(real, generated, |real, generated| {
        let (Column::Category(real), Column::Category(generated)) = (real, generated) else { return None };
        let (real, generated) = (counts(real), counts(generated));
        let seen = |(id, &count): (usize, &usize)| count > 0 && generated.get(id).is_some_and(|&count| count > 0);
        let (values, covered) =
            (real.iter().filter(|&&count| count > 0).count(), real.iter().enumerate().filter(|&v| seen(v)).count());
        (values > 0).then(|| covered as f64 / values as f64)
    })
}

/// RangeCoverage: the share of the real range of a number that lies between the least and the largest generated one.
pub fn range_coverage(real: &Table, generated: &Table) -> Scores {
    Scores::of_columns(real, generated, |real, generated| {
        let (Column::Number(real), Column::Number(generated)) = (real, generated) else { return None };
        let (real, generated) = (range(real)?, range(generated)?);
        let width = real.end - real.start;
        let below = ((generated.start - real.start) / width).max(0.0);
        let above = ((real.end - generated.end) / width).max(0.0);
        (width > 0.0).then(|| (1.0 - (below + above)).max(0.0))
    })
}

/// BoundaryAdherence: the share of generated numbers within the range of the real ones. A missing cell is outside where
/// no real one is missing, and left out where some are.
pub fn boundary_adherence(real: &Table, generated: &Table) -> Scores {
    Scores::of_columns(real, generated, |real, generated| {
        let (Column::Number(real), Column::Number(generated)) = (real, generated) else { return None };
        let bounds = range(real)?;
        let inside = generated.iter().filter(|&v| (bounds.start..=bounds.end).contains(v)).count();
        let nullable = real.iter().any(|v| v.is_nan());
        let of = if nullable { present(generated).count() } else { generated.len() };
        (of > 0).then(|| inside as f64 / of as f64)
    })
}

fn present(values: &[f64]) -> impl Iterator<Item = f64> {
    values.iter().copied().filter(|v| !v.is_nan())
}

/// The least and the largest value; `None` if all are missing.
pub(super) fn range(values: &[f64]) -> Option<Range<f64>> {
    let extend = |range: Range<f64>, v: f64| range.start.min(v)..range.end.max(v);
    present(values).next().map(|first| present(values).fold(first..first, extend))
}

/// How often each id occurs; missing cells are left out.
fn counts(ids: &[u32]) -> Vec<usize> {
    let mut counts = vec![];
    for &id in ids.iter().filter(|&&id| id != MISSING) {
        let id = id as usize;
        counts.resize(counts.len().max(id + 1), 0);
        counts[id] += 1;
    }
    counts
}

fn ks_complement(real: &[f64], generated: &[f64]) -> Option<f64> {
    let sorted = |values: &[f64]| {
        let mut sorted: Vec<f64> = present(values).map(|v| (v * DECIMALS).round_ties_even() / DECIMALS).collect();
        sorted.sort_unstable_by(f64::total_cmp);
        sorted
    };
    let (real, generated) = (sorted(real), sorted(generated));
    let (mut i, mut j, mut distance) = (0, 0, 0f64);
    while let (Some(a), Some(b)) = (real.get(i), generated.get(j)) {
        let value = a.min(*b);
        i += real[i..].iter().take_while(|&&v| v <= value).count();
        j += generated[j..].iter().take_while(|&&v| v <= value).count();
        distance = distance.max((i as f64 / real.len() as f64 - j as f64 / generated.len() as f64).abs());
    }
    (!real.is_empty() && !generated.is_empty()).then_some(1.0 - distance)
}

fn tv_complement(real: &[u32], generated: &[u32]) -> Option<f64> {
    let (mut real, mut generated) = (counts(real), counts(generated));
    let values = real.len().max(generated.len());
    real.resize(values, 0);
    generated.resize(values, 0);
    let counted = |(&real, &generated): (&usize, &usize)| if real == 0 && generated > 0 { UNSEEN } else { real as f64 };
    let real: Vec<f64> = real.iter().zip(&generated).map(counted).collect();
    let of = (real.iter().sum::<f64>(), generated.iter().sum::<usize>() as f64);
    let distance = |(real, &generated): (&f64, &usize)| (real / of.0 - generated as f64 / of.1).abs();
    let total = real.iter().zip(&generated).map(distance).sum::<f64>();
    (of.0 >= 1.0 && of.1 > 0.0).then_some(1.0 - 0.5 * total)
}

/// Pearson's r over rows with both; `None` where a column has one value.
fn correlation(first: &[f64], second: &[f64]) -> Option<f64> {
    let constant = |values: &[f64]| range(values).is_none_or(|range| range.start == range.end);
    if constant(first) || constant(second) {
        return None;
    }
    let both = || first.iter().zip(second).filter(|(a, b)| !a.is_nan() && !b.is_nan());
    let count = both().count() as f64;
    let means = both().fold([0.0; 2], |[x, y], (a, b)| [x + a / count, y + b / count]);
    let mut sums = [0.0; 3];
    for (a, b) in both() {
        let (a, b) = (a - means[0], b - means[1]);
        [a * b, a * a, b * b].iter().zip(&mut sums).for_each(|(product, sum)| *sum += product);
    }
    let r = sums[0] / (sums[1].sqrt() * sums[2].sqrt());
    r.is_finite().then(|| r.clamp(-1.0, 1.0))
}

/// A column as values that can be counted. A number is cut into equal parts of its range, open to the right: the
/// largest value has a code of its own, which SDMetrics gives to missing ones too.
fn codes(column: &Column) -> Vec<u32> {
    let numbers = match column {
        Column::Category(ids) => return ids.clone(),
        Column::Number(numbers) => numbers,
    };
    let Range { mut start, mut end } = range(numbers).unwrap_or(0.0..1.0);
    if start == end {
        (start, end) = (start - 0.5, end + 0.5);
    }
    let step = (end - start) / PARTS as f64;
    let mut edges: Vec<f64> = (0..=PARTS).map(|part| part as f64 * step + start).collect();
    edges[PARTS] = end;
    let code = |v: &f64| if v.is_nan() { edges.len() } else { edges.partition_point(|edge| edge <= v) };
    numbers.iter().map(|v| code(v) as u32).collect()
}

fn contingency_similarity(real: [&[u32]; 2], generated: [&[u32]; 2]) -> Option<f64> {
    let side = |[first, second]: [&[u32]; 2], of_real: i64, of_generated: i64| {
        let pair = move |(&a, &b): (&u32, &u32)| (u64::from(a) << 32 | u64::from(b), of_real, of_generated);
        first.iter().zip(second).map(pair).collect::<Vec<_>>()
    };
    let mut cells = side(real, 1, 0);
    cells.extend(side(generated, 0, 1));
    cells.sort_unstable();
    let (n, m) = (real[0].len() as i64, generated[0].len() as i64);
    // Over the common denominator n m, sums are exact.
    let apart = |cell: &[(u64, i64, i64)]| (cell.iter().map(|(_, real, fake)| real * m - fake * n).sum::<i64>()).abs();
    let total: i64 = cells.chunk_by(|a, b| a.0 == b.0).map(apart).sum();
    (n > 0 && m > 0).then(|| 1.0 - 0.5 * total as f64 / (n as f64 * m as f64))
}
