//! Whether a classifier can tell generated rows from real ones.

use rayon::prelude::*;

use super::{Design, Factor, Forest, Logistic, Table, Target, area_under_curve};
use crate::metrics::mean;

/// Number of parts, each of which is judged by a classifier of the others.
const FOLDS: usize = 3;

/// What a classifier makes of real and generated rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Detection {
    /// Area under the curve, the mean over 3 folds; 0.5 is best, less where rows are copies.
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
    let folds = Folds::of(real, generated, most, seed)?;
    let design = Design::new(&folds.real, &folds.generated);
    let cells = design.cells(&folds.all);
    Some(folds.detection(|train, labels, test| {
        let train: Vec<&[Factor]> = train.iter().map(|&row| &cells[row][..]).collect();
        let fitted = Logistic::fit(&design, &train, labels);
        test.iter().map(|&row| fitted.predict(&cells[row])).collect()
    }))
}

/// [`Detection`] by boosted trees, of at most `most` rows of each table: the hard one, as trees see what no regression
/// can. `None` if a table has fewer rows than folds.
pub fn tree_detection(real: &Table, generated: &Table, most: usize, seed: u64) -> Option<Detection> {
    let folds = Folds::of(real, generated, most, seed)?;
    Some(folds.detection(|train, labels, test| {
        let labels: Vec<usize> = labels.iter().map(|&label| usize::from(label)).collect();
        let forest = Forest::fit(&folds.all.pick(train), Target::Class { labels: &labels, count: 2 });
        forest.predict(&folds.all.pick(test)).concat()
    }))
}

/// Rows in a random order, so that every third one is a fold.
struct Folds {
    real: Table,
    generated: Table,
    /// Real rows above generated ones.
    all: Table,
}

impl Folds {
    fn of(real: &Table, generated: &Table, most: usize, seed: u64) -> Option<Self> {
        let [real, generated] = [real, generated].map(|table| table.sample(most, seed));
        let all = real.above(&generated);
        (real.rows().min(generated.rows()) >= FOLDS).then_some(Self { real, generated, all })
    }

    /// What a classifier makes of them, given as a function of the rows to learn from, whether they are real, and the
    /// rows to judge, which returns scores that are higher for real rows.
    fn detection(&self, judge: impl Fn(&[usize], &[bool], &[usize]) -> Vec<f64> + Sync) -> Detection {
        let real = self.real.rows();
        let area = |tested: usize| {
            let fold = |row: usize| (if row < real { row } else { row - real }) % FOLDS;
            let (test, train): (Vec<usize>, Vec<usize>) = (0..self.all.rows()).partition(|&row| fold(row) == tested);
            let labels = |rows: &[usize]| rows.iter().map(|&row| row < real).collect::<Vec<bool>>();
            area_under_curve(&judge(&train, &labels(&train), &test), &labels(&test))
        };
        let areas: Vec<f64> = (0..FOLDS).into_par_iter().map(area).collect();
        let score = 1.0 - mean(&areas.iter().map(|area| 2.0 * area.max(0.5) - 1.0).collect::<Vec<f64>>());
        Detection { auc: mean(&areas), score, rows: [real, self.generated.rows()] }
    }
}
