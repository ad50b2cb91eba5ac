//! How much of the classes of examples their codes tell: classifiers of codes that learn from many or few labels, and
//! clusters that learn from none. Classes are numbers from 0.

mod clusters;
mod graph;
mod softmax;

pub use clusters::{clusters, matched_accuracy, mutual_information};
pub use graph::{JOINED, Neighbour, majority, nearest, others, poisson_learning, weighted_majority};
pub use softmax::SoftmaxRegression;

use crate::data::few;

/// The places of `each` examples of every class, by class: see [`few`]. `None` if a class below `count` has fewer.
pub fn choose_labels(classes: &[usize], count: usize, each: usize, seed: u64) -> Option<Vec<usize>> {
    let chosen = few(classes.iter().copied().enumerate(), count, count * each, seed);
    chosen.iter().all(|of_class| of_class.len() == each).then(|| chosen.concat())
}

/// The share of examples whose predicted class is the right one.
pub fn accuracy(predicted: &[usize], classes: &[usize]) -> f64 {
    predicted.iter().zip(classes).filter(|(p, c)| p == c).count() as f64 / classes.len().max(1) as f64
}
