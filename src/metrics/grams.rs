//! Measures of sequences by counts of their n-grams, which are slices of them.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

/// All n-grams of `order` tokens of sequences, one sequence after the other.
pub fn grams<'a, T, S: AsRef<[T]>>(sequences: &'a [S], order: usize) -> impl Iterator<Item = &'a [T]>
where
    T: 'a,
{
    sequences.iter().flat_map(move |sequence| sequence.as_ref().windows(order))
}

/// Share of different ones: distinct-n of n-grams (Li et al. 2016). NaN of none.
pub fn distinct<'a, T: Eq + Hash + 'a>(grams: impl Iterator<Item = &'a [T]>) -> f64 {
    let (mut different, mut all) = (HashSet::new(), 0usize);
    for gram in grams {
        different.insert(gram);
        all += 1;
    }
    different.len() as f64 / all as f64
}

/// Share of the n-grams, or of words or whole sequences, that are not among the known ones. NaN of none.
pub fn novelty<'a, T: Eq + Hash + 'a>(
    grams: impl Iterator<Item = &'a [T]>,
    known: impl Iterator<Item = &'a [T]>,
) -> f64 {
    let known: HashSet<&[T]> = known.collect();
    let (mut novel, mut all) = (0usize, 0usize);
    for gram in grams {
        novel += usize::from(!known.contains(gram));
        all += 1;
    }
    novel as f64 / all as f64
}

/// Total variation between the distributions of two kinds of n-grams: half the sum of the differences of their shares,
/// 0 to 1. NaN if one kind has none.
pub fn total_variation<'a, T: Eq + Hash + 'a>(
    first: impl Iterator<Item = &'a [T]>,
    second: impl Iterator<Item = &'a [T]>,
) -> f64 {
    let mut counts: HashMap<&[T], [u64; 2]> = HashMap::new();
    first.for_each(|gram| counts.entry(gram).or_default()[0] += 1);
    second.for_each(|gram| counts.entry(gram).or_default()[1] += 1);
    let totals = [0, 1].map(|kind| counts.values().map(|both| both[kind]).sum::<u64>());
    // Whole numbers, because the order of a hash map is not that of the next one.
    let difference =
        |&[a, b]: &[u64; 2]| (u128::from(a) * u128::from(totals[1])).abs_diff(u128::from(b) * u128::from(totals[0]));
    counts.values().map(difference).sum::<u128>() as f64 / (2.0 * totals[0] as f64 * totals[1] as f64)
}

/// The unbiased squared MMD (Gretton et al. 2012, equation 3) between two kinds of sequences. The kernel is the cosine
/// of their counts of n-grams of 1 to `order` tokens: the normalised spectrum kernel (Leslie et al. 2002).
pub fn mmd_grams<T: Eq + Hash, S: AsRef<[T]>>(first: &[S], second: &[S], order: usize) -> f64 {
    let mut places: HashMap<&[T], usize> = HashMap::new();
    let mut sums: [Vec<f64>; 2] = [vec![], vec![]];
    // Sequences without a token are at 0, with no cosine to themselves.
    let mut own = [0.0; 2];
    for (kind, sequences) in [first, second].into_iter().enumerate() {
        for sequence in sequences {
            let mut counts: Vec<usize> = vec![];
            for gram in (1..=order).flat_map(|order| sequence.as_ref().windows(order)) {
                let next = places.len();
                counts.push(*places.entry(gram).or_insert(next));
            }
            counts.sort_unstable();
            let runs: Vec<&[usize]> = counts.chunk_by(|a, b| a == b).collect();
            let length = (runs.iter().map(|run| run.len() * run.len()).sum::<usize>() as f64).sqrt();
            sums[kind].resize(places.len(), 0.0);
            runs.iter().for_each(|run| sums[kind][run[0]] += run.len() as f64 / length);
            own[kind] += if runs.is_empty() { 0.0 } else { 1.0 };
        }
    }
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let [n, m] = [first.len() as f64, second.len() as f64];
    let within = |kind: usize, n: f64| (dot(&sums[kind], &sums[kind]) - own[kind]) / (n * (n - 1.0));
    within(0, n) + within(1, m) - 2.0 * dot(&sums[0], &sums[1]) / (n * m)
}
