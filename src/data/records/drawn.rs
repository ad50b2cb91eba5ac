//! Digits for ids that are not those of the data, which a checkpoint must not hold.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::data::Split;
use crate::data::random::{Root, Stream};

/// Times that the range of the ids is as large as their number, from which on they are spread: an id that went on after
/// the largest would have nearly all digits of a real one.
const SPREAD: u128 = 1000;

/// Digits that are drawn. Ids of one shape have numbers, whose digits count those that occur at each place. All numbers
/// of samples leave one rest by a modulus that no number of the data leaves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Drawn {
    /// The least and the largest digit at each place.
    places: Vec<[u8; 2]>,
    modulus: u64,
    rest: u64,
}

impl Drawn {
    /// How to draw digits beside those of ids of one shape; `None` if their numbers are dense, or have more digits than
    /// can be computed with.
    pub(super) fn of<'a>(ids: impl Iterator<Item = &'a str> + Clone) -> Option<Self> {
        let digits = |id: &'a str| id.bytes().filter(u8::is_ascii_digit).map(|byte| byte - b'0');
        let mut places: Vec<[u8; 2]> = digits(ids.clone().next()?).map(|digit| [digit; 2]).collect();
        for id in ids.clone() {
            for ([least, largest], digit) in places.iter_mut().zip(digits(id)) {
                (*least, *largest) = (digit.min(*least), digit.max(*largest));
            }
        }
        let mut drawn = Self { places, modulus: 1, rest: 0 };
        drawn.space()?;
        let number = |id| {
            drawn.bases().zip(digits(id)).fold(0, |sum, ((base, least), digit)| sum * base + u128::from(digit - least))
        };
        let numbers: Vec<u128> = ids.map(number).collect();
        let range = numbers.iter().max()? - numbers.iter().min()? + 1;
        if range < SPREAD * numbers.len() as u128 {
            return None;
        }
        // Some number leaves none of the rests by a modulus that is larger than how many there are.
        let moduli = std::iter::successors(Some(7u64), |modulus| Some((modulus * 5 / 4) | 1));
        // A factor of ten would give all samples one of few last digits.
        (drawn.modulus, drawn.rest) = moduli.filter(|modulus| modulus % 5 != 0).find_map(|modulus| {
            let rests: HashSet<u128> = numbers.iter().map(|number| number % u128::from(modulus)).collect();
            Some((modulus, (0..modulus).find(|rest| !rests.contains(&(*rest).into()))?))
        })?;
        Some(drawn)
    }

    /// For each place, how many digits it may have, and the least of them.
    fn bases(&self) -> impl DoubleEndedIterator<Item = (u128, u8)> {
        self.places.iter().map(|[least, largest]| (u128::from(largest - least) + 1, *least))
    }

    /// How many numbers there are.
    fn space(&self) -> Option<u128> {
        self.bases().try_fold(1u128, |space, (base, _)| space.checked_mul(base))
    }

    /// Whether a file can hold it.
    pub(super) fn is_possible(&self) -> bool {
        let are_digits = self.places.iter().all(|[least, largest]| least <= largest && *largest <= 9);
        are_digits && self.rest < self.modulus && self.space().is_some_and(|space| space > self.rest.into())
    }

    /// The digits of sample `n`, from 0 on: none twice, and for one seed the same. When all are used up, they have more
    /// digits.
    pub(super) fn digits(&self, n: usize, seed: u64) -> String {
        let (modulus, rest) = (u128::from(self.modulus), u128::from(self.rest));
        let count = (self.space().unwrap_or(u128::MAX) - rest).div_ceil(modulus);
        let (round, n) = (n as u128 / count, n as u128 % count);
        let mut number = rest + modulus * shuffled(n, count, Root::new("ids", seed, Split::Train).stream(0));
        let mut digits = vec![];
        for (base, least) in self.bases().rev() {
            digits.push(char::from(b'0' + least + (number % base) as u8));
            number /= base;
        }
        let more = if round > 0 { round.to_string() } else { String::new() };
        more + &digits.into_iter().rev().collect::<String>()
    }
}

/// The place of `n` in an order of the numbers below `count` that looks like chance: steps that can be undone, in as
/// many bits as `count` has, again and again until the result is below it (cycle walking; Black and Rogaway 2002).
fn shuffled(n: u128, count: u128, mut stream: Stream) -> u128 {
    let bits = (128 - (count - 1).leading_zeros()).max(2);
    let mask = u128::MAX >> (128 - bits);
    let keys =
        [(); 4].map(|()| [(); 2].map(|()| (stream.below(usize::MAX) as u128) << 64 | stream.below(usize::MAX) as u128));
    let mut place = n;
    loop {
        for [factor, term] in keys {
            place = place.wrapping_mul(factor | 1).wrapping_add(term) & mask;
            place ^= place >> (bits / 2);
        }
        if place < count {
            return place;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawn_digits_are_new_and_differ() {
        let mut stream = Root::new("test", 0, Split::Train).stream(0);
        let ids: Vec<String> =
            (0..500).map(|_| format!("DE{:02} 1{:06}", stream.below(90) + 10, stream.below(1 << 19))).collect();
        let drawn = Drawn::of(ids.iter().map(String::as_str)).unwrap();
        let known: HashSet<String> = ids.iter().map(|id| id.replace(|c: char| !c.is_ascii_digit(), "")).collect();
        let count = (drawn.space().unwrap() - u128::from(drawn.rest)).div_ceil(drawn.modulus.into()) as usize;
        let all: Vec<String> = (0..count + 5).map(|n| drawn.digits(n, 3)).collect();
        assert!(all.iter().all(|digits| !known.contains(digits)));
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
        assert!(all[..count].iter().all(|digits| digits.len() == 9 && &digits[2..3] == "1"));
        assert!(all[count..].iter().all(|digits| digits.len() == 10));
        assert!(drawn.digits(0, 3) == all[0] && drawn.digits(0, 4) != all[0]);
        // As many of each digit, and no order.
        let ends = |digit: char| all.iter().filter(|digits| digits.ends_with(digit)).count();
        assert!(('0'..='9').all(|digit| ends(digit) * 20 > all.len()), "{:?}", &all[..5]);
        let rises = all[..count].windows(2).filter(|pair| pair[0] < pair[1]).count();
        assert!((count * 2 / 5..count * 3 / 5).contains(&rises), "{rises} of {count}");
        assert!(drawn.is_possible());
        for wrong in [Drawn { modulus: 0, ..drawn.clone() }, Drawn { places: vec![[9, 1]; 3], ..drawn }] {
            assert!(!wrong.is_possible());
        }
        // Dense, and too long.
        let dense: Vec<String> = (0..500).map(|i| format!("K{:06}", 7 * i)).collect();
        assert_eq!(Drawn::of(dense.iter().map(String::as_str)), None);
        assert_eq!(Drawn::of([format!("1{}", "0".repeat(50)), "9".repeat(51)].iter().map(String::as_str)), None);
    }
}
