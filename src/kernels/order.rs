//! Orders in which the items of an epoch are picked: permutations that need no memory.

/// Number of bits of the index of one of `count` items, split into a left and a right half.
pub fn bits(count: usize) -> (u32, u32) {
    let bits = count.next_power_of_two().trailing_zeros();
    (bits / 2, bits - bits / 2)
}

/// The item at place i of a permutation of 0..count: a Feistel network of sixteen rounds on the next power of two,
/// repeated until the result is an item (cycle walking). With few items, eight rounds, or halves joined by exclusive
/// or, distribute places visibly unevenly. Round keys that differ only in low bits do the same to fixed points, because
/// they take halves of a few bits to the same hashes in another order.
pub fn permute(count: usize, i: usize, key: [u32; 4]) -> usize {
    let (left_bits, right_bits) = bits(count);
    let (left_mask, right_mask) = ((1 << left_bits) - 1, (1 << right_bits) - 1);
    let (mut left, mut right) = (i as u32 >> right_bits, i as u32 & right_mask);
    loop {
        for round in 0..8 {
            let k = key[round % 4].wrapping_add((round as u32).wrapping_mul(GOLDEN));
            left = left.wrapping_add(hash(right ^ k)) & left_mask;
            right = right.wrapping_add(hash(left ^ !k)) & right_mask;
        }
        let place = (left << right_bits | right) as usize;
        if place < count {
            return place;
        }
    }
}

/// Items of a block of a packed file, and blocks whose items are mixed.
pub const BLOCK: usize = 1024;
/// See [`BLOCK`].
pub const WINDOW: usize = 8;

/// The item at place i of an order in which blocks come in random order, [`WINDOW`] of them at a time, and their items
/// mixed. The last window also has the blocks and items that are left over.
pub fn in_blocks(count: usize, i: usize, key: impl Fn(u32) -> [u32; 4]) -> usize {
    let (blocks, of_window) = (count / BLOCK, WINDOW * BLOCK);
    let windows = (blocks / WINDOW).max(1);
    let window = (i / of_window).min(windows - 1);
    let first = window * of_window;
    let len = if window + 1 == windows { count - first } else { of_window };
    let place = first + permute(len, i - first, key(1 + window as u32));
    let block = place / BLOCK;
    let block = if block < blocks { permute(blocks, block, key(0)) } else { block };
    block * BLOCK + place % BLOCK
}

/// 2^32 over the golden ratio: multiples of it differ in all bits.
const GOLDEN: u32 = 0x9e37_79b9;

/// A hash of 32 bits (Wellons' lowbias32).
fn hash(mut x: u32) -> u32 {
    x = (x ^ x >> 16).wrapping_mul(0x7feb_352d);
    x = (x ^ x >> 15).wrapping_mul(0x846c_a68b);
    x ^ x >> 16
}

#[cfg(test)]
mod tests {
    use rayon::prelude::*;

    use super::{
        super::random::{PURPOSE_GATHER, philox},
        *,
    };

    /// Every item comes once in an epoch, from eight blocks at a time, which are others in another epoch.
    #[test]
    fn blocks_are_read_a_few_at_a_time() {
        for count in [1, 5, BLOCK, 3 * BLOCK + 7, 8 * BLOCK, 17 * BLOCK, 40 * BLOCK + 1000] {
            let order = |epoch: u32| {
                let key = |n| philox([epoch, 0, n, PURPOSE_GATHER], [5, 6]);
                (0..count).map(|i| in_blocks(count, i, key)).collect::<Vec<_>>()
            };
            let [one, two] = [order(0), order(1)];
            let mut seen = one.clone();
            seen.sort();
            assert!(seen.into_iter().eq(0..count), "{count}");
            for window in one.chunks(WINDOW * BLOCK).filter(|_| count % (WINDOW * BLOCK) == 0) {
                let blocks: std::collections::BTreeSet<usize> = window.iter().map(|item| item / BLOCK).collect();
                assert_eq!(blocks.len(), WINDOW);
            }
            let same = one.iter().zip(&two).filter(|(a, b)| a == b).count();
            assert!(count < BLOCK || same < 20, "{same} of {count} places agree; about 1 is expected");
        }
    }

    /// Over many epochs every item comes to every place, and every item follows every other, about equally often.
    #[test]
    fn places_and_neighbours_are_even() {
        for count in [2, 3, 7, 16, 20, 33] {
            let epochs = 4000;
            let (mut places, mut follows) = (vec![0.0; count * count], vec![0.0; count * count]);
            for epoch in 0..epochs {
                let key = philox([epoch, 0, 0, PURPOSE_GATHER], [77, 0]);
                let order: Vec<usize> = (0..count).map(|i| permute(count, i, key)).collect();
                for i in 0..count {
                    places[i * count + order[i]] += 1.0;
                    if i > 0 {
                        follows[order[i - 1] * count + order[i]] += 1.0;
                    }
                }
            }
            let chi2 = |cells: &[f64], expected: f64, used: f64| {
                let sum: f64 = cells.iter().filter(|&&c| c > 0.0).map(|c| (c - expected).powi(2) / expected).sum();
                (sum - used) / (2.0 * used).sqrt()
            };
            let n = count as f64;
            let place = chi2(&places, epochs as f64 / n, (n - 1.0) * (n - 1.0));
            let follow = chi2(&follows, epochs as f64 / n, n * (n - 1.0));
            assert!(
                place.abs() < 5.0 && follow.abs() < 5.0,
                "{count} items: {place:.1} and {follow:.1} standard deviations"
            );
        }
    }

    /// A random permutation of any length has 1 fixed point and 1/2 swapped pair on average, and is even with
    /// probability 1/2.
    #[test]
    fn orders_are_those_of_a_fair_shuffle() {
        (3..=200usize).into_par_iter().for_each(|count| {
            let epochs = if count <= 66 { 40_000 } else { 4000 };
            let (mut fixed, mut pairs, mut even) = (0, 0, 0);
            for epoch in 0..epochs {
                let key = philox([epoch, 0, 0, PURPOSE_GATHER], [123, 0]);
                let order: Vec<usize> = (0..count).map(|i| permute(count, i, key)).collect();
                fixed += (0..count).filter(|&i| order[i] == i).count();
                pairs += (0..count).filter(|&i| order[i] < i && order[order[i]] == i).count();
                let mut seen = vec![false; count];
                let mut cycles = 0;
                for first in 0..count {
                    cycles += usize::from(!seen[first]);
                    let mut i = first;
                    while !std::mem::replace(&mut seen[i], true) {
                        i = order[i];
                    }
                }
                even += (count - cycles + 1) % 2;
            }
            for (what, seen, mean, variance) in
                [("fixed points", fixed, 1.0, 1.0), ("pairs", pairs, 0.5, 0.5), ("even orders", even, 0.5, 0.25)]
            {
                let error = (seen as f64 - mean * epochs as f64) / (variance * epochs as f64).sqrt();
                assert!(error.abs() < 5.0, "{count} items: {what} are {error:.1} standard errors off");
            }
        });
    }
}
