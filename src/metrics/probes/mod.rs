//! How much of the classes of examples their codes tell: classifiers of codes that learn from many or few labels, and
//! clusters that learn from none. Classes are numbers from 0.

mod clusters;
mod graph;
mod softmax;

pub use clusters::{clusters, matched_accuracy, mutual_information};
pub use graph::{JOINED, Neighbour, majority, nearest, poisson_learning, weighted_majority};
pub use softmax::SoftmaxRegression;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, SeedableRng};

/// The places of `each` examples of every class, by class: those with the smallest hashes of seed and place, so that
/// the choice is a function of seed and data alone. `None` if a class below `count` has fewer.
pub fn choose_labels(classes: &[usize], count: usize, each: usize, seed: u64) -> Option<Vec<usize>> {
    let hash = |place: usize| Xoshiro256PlusPlus::seed_from_u64(seed ^ (place as u64).rotate_left(32)).next_u64();
    let mut of_class = vec![vec![]; count];
    classes.iter().enumerate().for_each(|(place, &class)| of_class[class].push((hash(place), place)));
    of_class.iter_mut().for_each(|places| places.sort_unstable());
    let chosen = |places: Vec<(u64, usize)>| {
        (places.len() >= each).then(|| places.into_iter().take(each).map(|(_, place)| place).collect::<Vec<usize>>())
    };
    Some(of_class.into_iter().map(chosen).collect::<Option<Vec<_>>>()?.concat())
}

/// The share of examples whose predicted class is the right one.
pub fn accuracy(predicted: &[usize], classes: &[usize]) -> f64 {
    predicted.iter().zip(classes).filter(|(p, c)| p == c).count() as f64 / classes.len().max(1) as f64
}
