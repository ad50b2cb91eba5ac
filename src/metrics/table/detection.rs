//! Whether a classifier can tell generated rows from real ones.

use rayon::prelude::*;

use super::{Design, Forest, Logistic, Table, Target, area_under_curve};
use crate::metrics::mean;

/// Number of parts, each of which is judged by a classifier of the others.
const FOLDS: usize = 3;

/// What a classifier makes of real and generated rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Detection {
    /// Area under the curve, the mean over 3 folds; 0.5 is best.
    pub auc: f64,
    /// 1 - the mean of 2 max(0.5, area) - 1 over the folds, from 0 to 1, more is better: SDMetrics' LogisticDetection,
    /// if the classifier is a logistic regression.
    pub score: f64,
    /// Rows of each table that were used.
    pub rows: [usize; 2],
}

/// [`Detection`] by logistic regression, of at most `most` rows of each table. `None` if a table has fewer rows than
/// folds.
pub fn logistic_detection(real: &Table, generated: &Table, most: usize, seed: u64) -> Option<Detection> {
    detection([real, generated], most, seed, |[real, generated], all, folds| {
        let design = Design::new(real, generated);
        let cells = design.cells(all);
        folds(&|train, labels, test| {
            let rows: Vec<&[(u32, f64)]> = train.iter().map(|&row| &cells[row][..]).collect();
            let fitted = Logistic::fit(&design, &rows, labels);
            test.iter().map(|&row| fitted.predict(&cells[row])).collect()
        })
    })
}

/// [`Detection`] by boosted trees, of at most `most` rows of each table: the hard one, as trees see what no regression
/// can. `None` if a table has fewer rows than folds.
pub fn tree_detection(real: &Table, generated: &Table, most: usize, seed: u64) -> Option<Detection> {
    detection([real, generated], most, seed, |_, all, folds| {
        folds(&|train, labels, test| {
            let labels: Vec<usize> = labels.iter().map(|&label| usize::from(label)).collect();
            let forest = Forest::fit(&all.pick(train), Target::Class { labels: &labels, count: 2 });
            forest.predict(&all.pick(test)).into_iter().map(|outputs| outputs[0]).collect()
        })
    })
}

/// Learns the labels of rows, and gives the log odds of others.
type Judge<'a> = &'a (dyn Fn(&[usize], &[bool], &[usize]) -> Vec<f64> + Sync);

fn detection(
    tables: [&Table; 2],
    most: usize,
    seed: u64,
    judged: impl Fn([&Table; 2], &Table, &dyn Fn(Judge) -> Vec<f64>) -> Vec<f64>,
) -> Option<Detection> {
    // In a random order, so that every third row is a fold.
    let [real, generated] = tables.map(|table| table.sample(most, seed));
    let all = real.above(&generated);
    let is_real = |row: usize| row < real.rows();
    let fold = |row: usize| (if is_real(row) { row } else { row - real.rows() }) % FOLDS;
    let area = |judge: Judge, tested: usize| {
        let (test, train): (Vec<usize>, Vec<usize>) = (0..all.rows()).partition(|&row| fold(row) == tested);
        let labels = |rows: &[usize]| rows.iter().map(|&row| is_real(row)).collect::<Vec<bool>>();
        area_under_curve(&judge(&train, &labels(&train), &test), &labels(&test))
    };
    if real.rows().min(generated.rows()) < FOLDS {
        return None;
    }
    let areas = judged([&real, &generated], &all, &|judge| {
        (0..FOLDS).into_par_iter().map(|tested| area(judge, tested)).collect()
    });
    let score = 1.0 - mean(&areas.iter().map(|area| 2.0 * area.max(0.5) - 1.0).collect::<Vec<f64>>());
    Some(Detection { auc: mean(&areas), score, rows: [real.rows(), generated.rows()] })
}
