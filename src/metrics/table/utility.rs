//! How well rows stand in for real ones in the training of a predictor.

use super::{Column, Forest, MISSING, Table, Target};
use crate::metrics::mean;

/// How well boosted trees predict a column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Utility {
    /// A category, or a number of two values. With more than two classes, area and F1 are means over the classes, each
    /// beside the rest.
    Class {
        /// Area under the curve; 0.5 is chance.
        auc: f64,
        /// Harmonic mean of precision and recall; of two classes, that of the rarer one in the tested rows.
        f1: f64,
        /// Share of right predictions.
        accuracy: f64,
    },
    /// A number.
    Number {
        /// 1 - squared error / variance.
        r2: f64,
    },
}

/// Trains boosted trees to predict a column from the others, on at most `most` rows of one table, and tests them on
/// another. Rows without the target are left out, and training rows of a class that no tested row has. `None` if
/// nothing is left to train on, or one value to test with.
pub fn train_and_test(training: &Table, test: &Table, target: usize, most: usize, seed: u64) -> Option<Utility> {
    let values = |table: &Table| match &table.columns[target] {
        Column::Number(values) => values.clone(),
        Column::Category(ids) => ids.iter().map(|&id| if id == MISSING { f64::NAN } else { f64::from(id) }).collect(),
    };
    let mut classes: Vec<f64> = values(test).into_iter().filter(|v| !v.is_nan()).collect();
    classes.sort_unstable_by(f64::total_cmp);
    // The rarest comes last: of two classes, it is the one that is looked for.
    let mut counted: Vec<&[f64]> = classes.chunk_by(|a, b| a == b).collect();
    counted.sort_by_key(|equal| std::cmp::Reverse(equal.len()));
    let is_number = matches!(test.columns[target], Column::Number(_)) && counted.len() > 2;
    let label = |v: f64| counted.iter().position(|equal| equal[0] == v);
    let known = |table: &Table| {
        let of_use = |&(_, &v): &(usize, &f64)| if is_number { !v.is_nan() } else { label(v).is_some() };
        table.pick(&values(table).iter().enumerate().filter(of_use).map(|(row, _)| row).collect::<Vec<usize>>())
    };
    let (training, test) = (known(training).sample(most, seed), known(test));
    if training.rows() == 0 || counted.len() < 2 {
        return None;
    }
    let (features, test_features) = (training.without(target), test.without(target));
    if is_number {
        let predicted = Forest::fit(&features, Target::Number(&values(&training))).predict(&test_features);
        return Some(Utility::Number { r2: r2(&predicted.concat(), &values(&test)) });
    }
    let labels = |table: &Table| values(table).into_iter().filter_map(label).collect::<Vec<usize>>();
    let forest = Forest::fit(&features, Target::Class { labels: &labels(&training), count: counted.len() });
    Some(class_scores(&forest.predict(&test_features), &labels(&test), counted.len()))
}

fn class_scores(outputs: &[Vec<f64>], labels: &[usize], count: usize) -> Utility {
    let likeliest = |outputs: &Vec<f64>| match outputs[..] {
        [odds] => usize::from(odds > 0.0),
        _ => (0..count).max_by(|&a, &b| outputs[a].total_cmp(&outputs[b])).unwrap_or(0),
    };
    // More outputs than two: the probability of a class, so that rows can be compared.
    let score = |outputs: &Vec<f64>, class: usize| match outputs[..] {
        [odds] => odds,
        _ => 1.0 / outputs.iter().map(|other| (other - outputs[class]).exp()).sum::<f64>(),
    };
    let predicted: Vec<usize> = outputs.iter().map(likeliest).collect();
    let of_class = |class: usize| {
        let is_it: Vec<bool> = labels.iter().map(|&label| label == class).collect();
        let scores: Vec<f64> = outputs.iter().map(|outputs| score(outputs, class)).collect();
        let found = predicted.iter().zip(labels).filter(|&(&p, &l)| p == class && l == class).count() as f64;
        let (said, there) = (predicted.iter().filter(|&&p| p == class).count(), is_it.iter().filter(|&&is| is).count());
        [area_under_curve(&scores, &is_it), 2.0 * found / (said + there) as f64]
    };
    let each: Vec<[f64; 2]> = if count == 2 { vec![of_class(1)] } else { (0..count).map(of_class).collect() };
    let [auc, f1] = [0, 1].map(|n| mean(&each.iter().map(|scores| scores[n]).collect::<Vec<f64>>()));
    let right = predicted.iter().zip(labels).filter(|(p, l)| p == l).count();
    Utility::Class { auc, f1, accuracy: right as f64 / labels.len() as f64 }
}

fn r2(predicted: &[f64], values: &[f64]) -> f64 {
    let centre = mean(values);
    let error: f64 = predicted.iter().zip(values).map(|(p, v)| (p - v).powi(2)).sum();
    1.0 - error / values.iter().map(|v| (v - centre).powi(2)).sum::<f64>()
}

/// The share of pairs of a true and a false label in which the true one has the higher score, ties counted half: the
/// area under the curve of true positives over false ones. 0.5 if all labels are the same.
pub fn area_under_curve(scores: &[f64], labels: &[bool]) -> f64 {
    let mut sorted: Vec<(f64, bool)> = scores.iter().copied().zip(labels.iter().copied()).collect();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut lower, mut pairs) = (0.0, 0.0);
    for tied in sorted.chunk_by(|a, b| a.0 == b.0) {
        let positive = tied.iter().filter(|(_, label)| *label).count() as f64;
        let negative = tied.len() as f64 - positive;
        pairs += positive * (lower + negative / 2.0);
        lower += negative;
    }
    let positive = labels.len() as f64 - lower;
    if lower * positive > 0.0 { pairs / (lower * positive) } else { 0.5 }
}
