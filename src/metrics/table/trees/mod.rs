//! Gradient boosting of trees on histograms (Friedman 2001; Ke et al. 2017), with the rules and defaults of
//! scikit-learn's `HistGradientBoostingClassifier` and `HistGradientBoostingRegressor`, so that scores can be compared.

mod bins;
mod grow;

use rayon::prelude::*;

use self::{
    bins::Bins,
    grow::{Grower, Tree},
};
use super::Table;

/// Number of rounds.
const ROUNDS: usize = 100;
/// Share of a tree's prediction that is added.
const RATE: f64 = 0.1;

/// What is predicted, for each row.
#[derive(Clone, Copy, Debug)]
pub enum Target<'a> {
    /// A number: squared loss.
    Number(&'a [f64]),
    /// One of `count` classes, numbered from 0: logistic loss.
    Class {
        /// The class of each row.
        labels: &'a [usize],
        /// Number of classes, at least 2.
        count: usize,
    },
}

/// Boosted trees: 100 rounds at a rate of 0.1, each with a tree of at most 31 leaves for each output, grown from the
/// leaf that gains most. A leaf has at least 20 rows. Cells that are missing go to the side that gains more; categories
/// are split into two sets.
pub struct Forest {
    bins: Bins,
    /// The prediction before the first round, of each output.
    start: Vec<f64>,
    /// One tree for each output, round after round.
    rounds: Vec<Vec<Tree>>,
}

impl Forest {
    /// Learns the target of the rows of a table, which has at least one row.
    pub fn fit(features: &Table, target: Target) -> Self {
        let bins = Bins::of(features);
        let (cells, rows) = (bins.place(features), features.rows());
        let start = target.start();
        let mut outputs: Vec<Vec<f64>> = start.iter().map(|&value| vec![value; rows]).collect();
        let mut rounds = vec![];
        for _ in 0..ROUNDS {
            let slopes: Vec<_> = (0..outputs.len()).map(|output| target.slopes(&outputs, output)).collect();
            let grown = outputs.par_iter_mut().zip(&slopes).map(|(output, slopes)| {
                let (tree, leaves) = Grower::new(&bins, &cells, slopes).grow();
                for (rows, value) in leaves {
                    rows.iter().for_each(|&row| output[row as usize] += RATE * value);
                }
                tree
            });
            rounds.push(grown.collect());
        }
        Self { bins, start, rounds }
    }

    /// For each row, the output: a number, or the log odds of class 1 of two, or a logit for each of more classes.
    pub fn predict(&self, features: &Table) -> Vec<Vec<f64>> {
        let cells = self.bins.place(features);
        let predict = |row: usize| {
            let mut outputs = self.start.clone();
            for trees in &self.rounds {
                trees
                    .iter()
                    .zip(&mut outputs)
                    .for_each(|(tree, output)| *output += RATE * tree.value(|feature| cells[feature][row]));
            }
            outputs
        };
        (0..features.rows()).into_par_iter().map(predict).collect()
    }
}

impl Target<'_> {
    /// The best prediction that is the same for all rows.
    fn start(self) -> Vec<f64> {
        let (labels, count) = match self {
            Self::Number(values) => return vec![values.iter().sum::<f64>() / values.len() as f64],
            Self::Class { labels, count } => (labels, count),
        };
        let share = |class: usize| labels.iter().filter(|&&label| label == class).count() as f64 / labels.len() as f64;
        let logs: Vec<f64> =
            (0..count).map(|class| share(class).clamp(f64::EPSILON, 1.0 - f64::EPSILON).ln()).collect();
        if count == 2 {
            return vec![logs[1] - logs[0]];
        }
        let mean = logs.iter().sum::<f64>() / count as f64;
        logs.iter().map(|log| log - mean).collect()
    }

    /// For each row, the first and the second derivative of the loss by an output.
    fn slopes(self, outputs: &[Vec<f64>], output: usize) -> Vec<[f32; 2]> {
        let of_share =
            |share: f64, is_it: bool| [(share - f64::from(u8::from(is_it))) as f32, (share * (1.0 - share)) as f32];
        let row = |row: usize| {
            let raw = outputs[output][row];
            match self {
                Self::Number(values) => [(raw - values[row]) as f32, 1.0],
                Self::Class { labels, count: 2 } => of_share(1.0 / (1.0 + (-raw).exp()), labels[row] == 1),
                Self::Class { labels, .. } => {
                    let total: f64 = outputs.iter().map(|other| (other[row] - raw).exp()).sum();
                    of_share(1.0 / total, labels[row] == output)
                }
            }
        };
        (0..outputs[output].len()).into_par_iter().map(row).collect()
    }
}
