//! Shared storage for temporaries by lifetime.

/// A temporary: elements, and the first and last step that touch it.
#[derive(Clone, Copy, Debug)]
pub struct Lifetime {
    pub len: usize,
    pub first: usize,
    pub last: usize,
}

/// Gives every temporary a slot such that two that are alive in one step never share one.
/// Returns the slot of each and the length of each slot: the largest first, each into the smallest slot that is free for its
/// lifetime, as the largest decide how much there must be.
pub fn assign(temporaries: &[Lifetime]) -> (Vec<usize>, Vec<usize>) {
    let mut order: Vec<usize> = (0..temporaries.len()).collect();
    order.sort_by_key(|&t| std::cmp::Reverse(temporaries[t].len));
    // What lies in each slot; the first is the largest, and slots grow no larger than those before them.
    let mut slots: Vec<Vec<Lifetime>> = vec![];
    let mut slot_of = vec![0; temporaries.len()];
    for t in order {
        let new = temporaries[t];
        let apart = |old: &Lifetime| old.last < new.first || new.last < old.first;
        let free = slots.iter().rposition(|slot| slot.iter().all(apart));
        slot_of[t] = free.unwrap_or_else(|| {
            slots.push(vec![]);
            slots.len() - 1
        });
        slots[slot_of[t]].push(new);
    }
    (slot_of, slots.iter().map(|slot| slot[0].len).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

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
            for (i, a) in temporaries.iter().enumerate() {
                assert!(lens[slot[i]] >= a.len);
                for (j, b) in temporaries.iter().enumerate().take(i) {
                    assert!(slot[i] != slot[j] || a.last < b.first || b.last < a.first, "{a:?} and {b:?} share");
                }
            }
        }
    }
}
