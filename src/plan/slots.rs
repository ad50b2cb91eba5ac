//! Shared storage for temporaries by lifetime.

use std::collections::BTreeMap;

/// A temporary: its number of elements, and the first and last launch that use it.
#[derive(Clone, Copy, Debug)]
pub struct Lifetime {
    pub len: usize,
    pub first: usize,
    pub last: usize,
}

/// Gives every temporary a slot; two temporaries that are alive at the same launch never share one. Returns the slot of
/// each temporary and the length of each slot. The largest temporary comes first, because the largest determine the
/// total, and each goes into the smallest slot that is free during its lifetime.
pub fn assign(temporaries: &[Lifetime]) -> (Vec<usize>, Vec<usize>) {
    let mut order: Vec<usize> = (0..temporaries.len()).collect();
    order.sort_by_key(|&t| std::cmp::Reverse(temporaries[t].len));
    // Slots are created in order of falling length, so the last free one is the smallest.
    let (mut slots, mut lens, mut slot_of) = (Slots::default(), vec![], vec![0; temporaries.len()]);
    for t in order {
        let Lifetime { len, first, last } = temporaries[t];
        slot_of[t] = slots.last_free(first, last).unwrap_or_else(|| {
            lens.push(len);
            slots.add()
        });
        slots.occupy(slot_of[t], first, last);
    }
    (slot_of, lens)
}

/// When each slot is in use. A block of level l covers 2^l slots and stores the launches at which all of them are in
/// use. A search skips blocks without a free slot, so it visits few slots.
#[derive(Default)]
struct Slots {
    levels: Vec<Vec<Steps>>,
}

impl Slots {
    /// Adds a slot that is not in use.
    fn add(&mut self) -> usize {
        let slot = self.levels.first().map_or(0, Vec::len);
        for (level, blocks) in self.levels.iter_mut().enumerate() {
            blocks.truncate(slot >> level);
            blocks.push(Steps::default());
        }
        if self.levels.last().is_none_or(|blocks| blocks.len() > 1) {
            self.levels.push(vec![Steps::default()]);
        }
        slot
    }

    fn occupy(&mut self, slot: usize, first: usize, last: usize) {
        // A temporary that no launch uses occupies nothing.
        let mut pieces: Vec<(usize, usize)> = (first <= last).then_some((first, last)).into_iter().collect();
        for level in 0..self.levels.len() {
            let block = slot >> level;
            pieces.iter().for_each(|&(first, last)| self.levels[level][block].insert(first, last));
            if let Some(neighbour) = self.levels[level].get(block ^ 1) {
                pieces = pieces.iter().flat_map(|&(first, last)| neighbour.common(first, last)).collect();
            }
        }
    }

    /// The last slot that is free from launch `first` to launch `last`.
    fn last_free(&self, first: usize, last: usize) -> Option<usize> {
        let mut open = vec![(self.levels.len().checked_sub(1)?, 0)];
        while let Some((level, block)) = open.pop() {
            match self.levels[level].get(block) {
                Some(steps) if steps.common(first, last).next().is_none() => match level {
                    0 => return Some(block),
                    _ => open.extend([(level - 1, 2 * block), (level - 1, 2 * block + 1)]),
                },
                _ => {}
            }
        }
        None
    }
}

/// A set of positions of launches, as runs: first -> last.
#[derive(Default)]
struct Steps(BTreeMap<usize, usize>);

impl Steps {
    /// Adds a run of positions, none of which is in the set.
    fn insert(&mut self, mut first: usize, mut last: usize) {
        if let Some((&before, &end)) = self.0.range(..first).next_back()
            && end + 1 == first
        {
            first = before;
        }
        if let Some(end) = self.0.remove(&(last + 1)) {
            last = end;
        }
        self.0.insert(first, last);
    }

    /// The runs of the set's positions from `first` to `last`.
    fn common(&self, first: usize, last: usize) -> impl Iterator<Item = (usize, usize)> {
        let before = self.0.range(..first).next_back();
        let runs = before.into_iter().chain(self.0.range(first..=last.max(first)));
        runs.map(move |(&f, &l)| (f.max(first), l.min(last))).filter(|(f, l)| f <= l)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same slots, found by comparing with every temporary in each slot.
    fn one_by_one(temporaries: &[Lifetime]) -> Vec<usize> {
        let mut order: Vec<usize> = (0..temporaries.len()).collect();
        order.sort_by_key(|&t| std::cmp::Reverse(temporaries[t].len));
        let (mut slots, mut slot_of): (Vec<Vec<Lifetime>>, _) = (vec![], vec![0; temporaries.len()]);
        for t in order {
            let new = temporaries[t];
            let apart = |old: &Lifetime| old.last < new.first || new.last < old.first;
            let free = slots.iter().rposition(|slot| slot.iter().all(apart)).unwrap_or_else(|| {
                slots.push(vec![]);
                slots.len() - 1
            });
            slots[free].push(new);
            slot_of[t] = free;
        }
        slot_of
    }

    #[test]
    fn overlapping_lifetimes_never_share() {
        let mut seed = 1u32;
        let mut next = |n: u32| {
            seed = seed.wrapping_mul(1664525).wrapping_add(1013904223);
            (seed >> 8) % n
        };
        for _ in 0..50 {
            let temporaries: Vec<Lifetime> = (0..60)
                .map(|_| {
                    let first = next(100) as usize;
                    Lifetime { len: 1 + next(500) as usize, first, last: first + next(20) as usize }
                })
                .collect();
            let (slot, lens) = assign(&temporaries);
            assert_eq!(slot, one_by_one(&temporaries));
            for (i, a) in temporaries.iter().enumerate() {
                assert!(lens[slot[i]] >= a.len);
                for (j, b) in temporaries.iter().enumerate().take(i) {
                    assert!(slot[i] != slot[j] || a.last < b.first || b.last < a.first, "{a:?} and {b:?} share");
                }
            }
        }
    }
}
