//! Clusters of points, and how well they agree with classes.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, SeedableRng};

use crate::metrics::{Points, map_distances, nearest_distances};

/// Maximum number of rounds of a start.
const ROUNDS: usize = 300;

/// The cluster of each point, by k-means (Lloyd 1982) from k-means++'s centres (Arthur and Vassilvitskii 2007): of
/// `starts` starts, the one with the least sum of squared distances.
///
/// # Panics
/// If there are fewer points than clusters.
pub fn clusters(points: Points, count: usize, starts: usize, seed: u64) -> Vec<usize> {
    assert!(count > 0 && count <= points.count(), "{count} clusters of {} points", points.count());
    let start = |number: usize| lloyd(points, first_centres(points, count, seed.wrapping_add(number as u64)));
    let tried = (0..starts).map(start).min_by(|a, b| a.1.total_cmp(&b.1));
    tried.map(|(clusters, _)| clusters).unwrap_or_default()
}

/// Points of the set, each drawn with a probability in proportion to its squared distance to the nearest centre so far.
fn first_centres(points: Points, count: usize, seed: u64) -> Vec<f64> {
    let mut stream = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut squares = vec![1.0; points.count()];
    let mut centres = vec![];
    for _ in 0..count {
        let unit = (stream.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        let mut left = unit * squares.iter().sum::<f64>();
        let reached = squares.iter().position(|square| {
            left -= square;
            left < 0.0
        });
        let chosen = points.pick(&[reached.unwrap_or(points.count() - 1)]);
        let distances = nearest_distances(points, Points::new(&chosen, points.width()));
        let first = centres.is_empty();
        squares.iter_mut().zip(distances).for_each(|(s, d)| *s = if first { d * d } else { s.min(d * d) });
        centres.extend(chosen);
    }
    centres
}

/// The cluster of each point when no point changes any more, and the sum of squared distances to the centres. A cluster
/// that loses all points keeps its centre.
fn lloyd(points: Points, mut centres: Vec<f64>) -> (Vec<usize>, f64) {
    let width = points.width();
    let mut clusters = vec![usize::MAX; points.count()];
    let mut sum = f64::INFINITY;
    for _ in 0..ROUNDS {
        let nearest = map_distances(points, Points::new(&centres, width), |_, row| {
            let place = (0..row.len()).min_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap_or(0);
            (place, row[place])
        });
        sum = nearest.iter().map(|(_, square)| square).sum();
        let next: Vec<usize> = nearest.into_iter().map(|(place, _)| place).collect();
        if next == clusters {
            break;
        }
        clusters = next;
        let (mut sums, mut sizes) = (vec![0.0; centres.len()], vec![0.0; centres.len() / width]);
        for (row, &cluster) in points.rows().zip(&clusters) {
            sums[cluster * width..][..width].iter_mut().zip(row).for_each(|(sum, v)| *sum += v);
            sizes[cluster] += 1.0;
        }
        for ((centre, sum), &size) in centres.chunks_mut(width).zip(sums.chunks(width)).zip(&sizes) {
            if size > 0.0 {
                centre.iter_mut().zip(sum).for_each(|(centre, sum)| *centre = sum / size);
            }
        }
    }
    (clusters, sum)
}

/// How many points each cluster has of each class, `[clusters][classes]`.
fn contingency(clusters: &[usize], classes: &[usize]) -> Vec<Vec<f64>> {
    let extent = |numbers: &[usize]| numbers.iter().max().map_or(0, |largest| largest + 1);
    let mut table = vec![vec![0.0; extent(classes)]; extent(clusters)];
    clusters.iter().zip(classes).for_each(|(&cluster, &class)| table[cluster][class] += 1.0);
    table
}

/// The share of points whose cluster is matched with their class, by the matching of clusters and classes that makes
/// this share largest.
pub fn matched_accuracy(clusters: &[usize], classes: &[usize]) -> f64 {
    let table = contingency(clusters, classes);
    let size = table.len().max(table.first().map_or(0, Vec::len));
    let cost = |row: usize, column: usize| -table.get(row).and_then(|row| row.get(column)).copied().unwrap_or(0.0);
    let matching = assignment(size, cost);
    -matching.iter().enumerate().map(|(column, &row)| cost(row, column)).sum::<f64>() / classes.len().max(1) as f64
}

/// For each of `size` columns, the row that it is assigned to, one to one, so that the sum of costs is least: the
/// Hungarian method by shortest paths (Jonker and Volgenant 1987).
fn assignment(size: usize, cost: impl Fn(usize, usize) -> f64) -> Vec<usize> {
    // Column `size` is where the row that wants a column starts from; `size` as a row means none.
    let (mut of_row, mut of_column) = (vec![0.0; size + 1], vec![0.0; size + 1]);
    let mut row_of = vec![size; size + 1];
    for row in 0..size {
        let (mut least, mut before, mut is_done) = (vec![f64::INFINITY; size], vec![size; size], vec![false; size + 1]);
        row_of[size] = row;
        let mut column = size;
        while row_of[column] < size {
            is_done[column] = true;
            let from = row_of[column];
            for other in (0..size).filter(|&other| !is_done[other]) {
                let reduced = cost(from, other) - of_row[from] - of_column[other];
                if reduced < least[other] {
                    (least[other], before[other]) = (reduced, column);
                }
            }
            let open = (0..size).filter(|&other| !is_done[other]);
            let Some(next) = open.min_by(|&a, &b| least[a].total_cmp(&least[b])) else { break };
            let step = least[next];
            for other in 0..=size {
                if is_done[other] {
                    of_row[row_of[other]] += step;
                    of_column[other] -= step;
                } else {
                    least[other] -= step;
                }
            }
            column = next;
        }
        while column < size {
            let from = before[column];
            row_of[column] = row_of[from];
            column = from;
        }
    }
    row_of.truncate(size);
    row_of
}

/// Normalised mutual information of clusters and classes: their mutual information over the mean of their entropies,
/// 0 to 1 (Strehl and Ghosh 2002, with the arithmetic mean as in scikit-learn).
pub fn mutual_information(clusters: &[usize], classes: &[usize]) -> f64 {
    let table = contingency(clusters, classes);
    let count = clusters.len() as f64;
    let rows: Vec<f64> = table.iter().map(|row| row.iter().sum()).collect();
    let columns: Vec<f64> =
        (0..table.first().map_or(0, Vec::len)).map(|c| table.iter().map(|row| row[c]).sum()).collect();
    let entropy =
        |sizes: &[f64]| -sizes.iter().filter(|&&s| s > 0.0).map(|s| s / count * (s / count).ln()).sum::<f64>();
    let shared = |(row, of_row): (&Vec<f64>, &f64)| -> f64 {
        let term = |(both, of_column): (&f64, &f64)| match both {
            both if *both > 0.0 => both / count * (both * count / (of_row * of_column)).ln(),
            _ => 0.0,
        };
        row.iter().zip(&columns).map(term).sum()
    };
    let mean = (entropy(&rows) + entropy(&columns)) / 2.0;
    let mutual: f64 = table.iter().zip(&rows).map(shared).sum();
    // Without any entropy, both are one group.
    if mean > 0.0 { mutual / mean } else { 1.0 }
}
