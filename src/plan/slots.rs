//! Shared storage for temporaries by lifetime.

/// A temporary: elements, and the first and last step that touch it.
#[derive(Clone, Copy, Debug)]
pub struct Lifetime {
    pub len: usize,
    pub first: usize,
    pub last: usize,
}

/// Gives every temporary a slot such that two that are alive in one step never share one.
/// Returns the slot of each and the length of each slot: best fit, growing the largest free one before adding another.
pub fn assign(temporaries: &[Lifetime]) -> (Vec<usize>, Vec<usize>) {
    let mut order: Vec<usize> = (0..temporaries.len()).collect();
    order.sort_by_key(|&t| (temporaries[t].first, std::cmp::Reverse(temporaries[t].len)));
    let mut slots: Vec<usize> = vec![];
    let mut busy_until: Vec<usize> = vec![];
    let mut slot_of = vec![0; temporaries.len()];
    for t in order {
        let Lifetime { len, first, last } = temporaries[t];
        let free = (0..slots.len()).filter(|&s| busy_until[s] < first);
        let fits = free.clone().filter(|&s| slots[s] >= len).min_by_key(|&s| slots[s]);
        let slot = fits.or_else(|| free.max_by_key(|&s| slots[s])).unwrap_or_else(|| {
            slots.push(0);
            busy_until.push(0);
            slots.len() - 1
        });
        slots[slot] = slots[slot].max(len);
        busy_until[slot] = last;
        slot_of[t] = slot;
    }
    (slot_of, slots)
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
