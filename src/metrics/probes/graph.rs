//! Classes from neighbours: votes, and labels that spread over a graph of neighbours.

use crate::metrics::{Points, map_distances};

/// Neighbours of a point in the graph, and those that vote by weight.
pub const JOINED: usize = 10;
/// Rounds in which labels spread.
const ROUNDS: usize = 300;

/// A point near another one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Neighbour {
    /// Its place among the points.
    pub place: usize,
    /// Squared distance to it.
    pub square: f64,
}

/// The nearest known points of one, without itself, or without the last of them where it is none of them. Codes depend
/// on their example alone, so that the same example's are equal to the bit.
pub fn others(mut near: Vec<Neighbour>, point: &[f64], known: Points) -> Vec<Neighbour> {
    let itself = near.iter().position(|other| known.pick(&[other.place]) == point);
    near.remove(itself.unwrap_or(near.len() - 1));
    near
}

/// For each point of `from`, its `k` nearest of `to`, nearest first; of equally near ones the first. With `apart`, both
/// are the same points, and none is its own neighbour.
///
/// # Panics
/// If there are fewer than `k` neighbours.
pub fn nearest(from: Points, to: Points, k: usize, apart: bool) -> Vec<Vec<Neighbour>> {
    assert!(k > 0 && k + usize::from(apart) <= to.count(), "{k} neighbours among {} points", to.count());
    map_distances(from, to, |i, row| {
        let all = row.iter().enumerate().filter(|&(place, _)| !(apart && place == i));
        let mut near: Vec<Neighbour> = all.map(|(place, &square)| Neighbour { place, square }).collect();
        let order = |a: &Neighbour, b: &Neighbour| a.square.total_cmp(&b.square).then(a.place.cmp(&b.place));
        near.select_nth_unstable_by(k - 1, order);
        // A list of its own: one that is cut keeps the room for all points.
        let mut near = near[..k].to_vec();
        near.sort_unstable_by(order);
        near
    })
}

/// The class that most neighbours have; of equally frequent ones, that of the nearest.
pub fn majority(neighbours: &[Neighbour], classes: &[usize], count: usize) -> usize {
    vote(neighbours.iter().map(|near| (classes[near.place], 1.0)), count).0
}

/// The class with the largest sum of weights e^(-4 d^2 / r^2), where d is the distance to a neighbour and r that to the
/// farthest; and the share of this sum in that of all weights.
pub fn weighted_majority(neighbours: &[Neighbour], classes: &[usize], count: usize) -> (usize, f64) {
    let weights = weights(neighbours);
    vote(neighbours.iter().zip(weights).map(|(near, weight)| (classes[near.place], weight)), count)
}

/// The class with the most votes, of equal ones the first that got a vote, and its share of them.
fn vote(votes: impl Iterator<Item = (usize, f64)>, count: usize) -> (usize, f64) {
    let mut sums = vec![0.0; count];
    let mut order = vec![];
    for (class, weight) in votes {
        sums[class] += weight;
        order.push(class);
    }
    let class = order.into_iter().rev().max_by(|&a, &b| sums[a].total_cmp(&sums[b])).unwrap_or(0);
    (class, sums[class] / sums.iter().sum::<f64>())
}

fn weights(neighbours: &[Neighbour]) -> impl Iterator<Item = f64> {
    let farthest = neighbours.last().map_or(0.0, |near| near.square);
    neighbours.iter().map(move |near| if farthest > 0.0 { (-4.0 * near.square / farthest).exp() } else { 1.0 })
}

/// The classes of all points of a graph, from the labels of a few: Poisson learning (Calder et al. 2020, algorithm 1).
///
/// Two points are joined if one is a neighbour of the other, by the larger of their two weights (see
/// [`weighted_majority`]). Labels are sources, whose mean is taken off, of a flow between the points: u = (W u + s) / D
/// in each round. The class with the largest u wins; a point that no label reaches gets class 0.
pub fn poisson_learning(neighbours: &[Vec<Neighbour>], labels: &[(usize, usize)], count: usize) -> Vec<usize> {
    let mut edges: Vec<Vec<(usize, f64)>> = vec![vec![]; neighbours.len()];
    for (from, near) in neighbours.iter().enumerate() {
        for (near, weight) in near.iter().zip(weights(near)) {
            edges[from].push((near.place, weight));
            edges[near.place].push((from, weight));
        }
    }
    for edges in &mut edges {
        edges.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)));
        edges.dedup_by_key(|edge| edge.0);
    }
    let mut shares = vec![0.0; count];
    labels.iter().for_each(|&(_, class)| shares[class] += 1.0 / labels.len() as f64);
    let mut sources = vec![0.0; neighbours.len() * count];
    for &(place, class) in labels {
        sources[place * count + class] += 1.0;
        sources[place * count..][..count].iter_mut().zip(&shares).for_each(|(source, share)| *source -= share);
    }
    let mut values = vec![0.0; sources.len()];
    for _ in 0..ROUNDS {
        let mut next = sources.clone();
        for (next, edges) in next.chunks_mut(count).zip(&edges) {
            for &(other, weight) in edges {
                let values = &values[other * count..][..count];
                next.iter_mut().zip(values).for_each(|(next, value)| *next += weight * value);
            }
            let degree: f64 = edges.iter().map(|edge| edge.1).sum();
            next.iter_mut().for_each(|value| *value /= degree);
        }
        values = next;
    }
    let largest = |values: &[f64]| (0..count).rev().max_by(|&a, &b| values[a].total_cmp(&values[b])).unwrap_or(0);
    values.chunks(count).map(largest).collect()
}
