//! What ranks, each with a device and some parts of every batch, tell each other. A body of [`Exchange`] only carries
//! values; sums over ranks are made here, in one order.

mod launch;
mod mpi;
mod processes;
mod threads;

use std::{
    ops::{Deref, Range},
    sync::Arc,
};

pub use launch::Launch;
pub use processes::{LastWords, Line, Processes};
pub use threads::Threads;

use crate::error::{Error, Result};

/// Fewer values than this are folded by every rank: a second pass takes longer.
const SHORT: usize = 4096;

/// A rank's way to the others. All ranks make the same calls in the same order, with equally many values.
pub trait Exchange: Send {
    /// The number of this rank.
    fn rank(&self) -> usize;
    /// The number of ranks.
    fn ranks(&self) -> usize;
    /// The values of every rank, in their order.
    ///
    /// # Errors
    /// A rank that has left or is lost.
    fn gather(&mut self, own: Vec<f32>) -> Result<Vec<Values>>;
    /// The share of this rank in the values of every rank, in their order: share r of n equal ones is that of rank r.
    /// The number of values is a multiple of the number of ranks.
    ///
    /// # Errors
    /// A rank that has left or is lost.
    fn shares(&mut self, own: Vec<f32>) -> Result<Vec<Values>>;
}

/// Values of a rank.
#[derive(Clone, Debug)]
pub struct Values {
    all: Arc<Vec<f32>>,
    range: Range<usize>,
}

impl From<Vec<f32>> for Values {
    fn from(values: Vec<f32>) -> Self {
        Self { range: 0..values.len(), all: values.into() }
    }
}

impl Deref for Values {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.all[self.range.clone()]
    }
}

/// The sum of the lists of all ranks, by adjacent pairs and pairs of pairs: the order in which one rank sums the parts
/// of a batch. Each rank has equally many lists of one length: its parts, or their sum where that is one of pairs.
///
/// # Errors
/// Those of [`Exchange`].
pub fn sum(exchange: &mut dyn Exchange, own: Vec<Vec<f32>>) -> Result<Vec<f32>> {
    by_shares(exchange, own, by_pairs)
}

/// The values of rank 0; other ranks give equally many of any.
///
/// # Errors
/// Those of [`Exchange`].
pub fn broadcast(exchange: &mut dyn Exchange, own: Vec<f32>) -> Result<Vec<f32>> {
    by_shares(exchange, vec![own], |all| all[0].to_vec())
}

/// The text of every rank, in their order.
///
/// # Errors
/// Those of [`Exchange`].
pub fn gather_text(exchange: &mut dyn Exchange, own: &str) -> Result<Vec<String>> {
    let lengths = exchange.gather(vec![own.len() as f32])?;
    let longest = lengths.iter().map(|length| length[0] as usize).max().unwrap_or(0);
    let mut bytes: Vec<f32> = own.bytes().map(f32::from).collect();
    bytes.resize(longest, 0.0);
    let all = exchange.gather(bytes)?;
    let text = |(bytes, length): (&Values, &Values)| {
        let bytes: Vec<u8> = bytes[..length[0] as usize].iter().map(|byte| *byte as u8).collect();
        String::from_utf8(bytes).map_err(|_| Error::failure("a rank has sent what is no text"))
    };
    all.iter().zip(&lengths).map(text).collect()
}

/// What `fold` makes of all ranks' lists, those of rank 0 first. Each rank folds its share: one list takes two passes
/// of all values through its line, and each other list one more, however many ranks there are (reduce-scatter and
/// allgather: Thakur, Rabenseifner and Gropp 2005, section 4).
fn by_shares(
    exchange: &mut dyn Exchange,
    own: Vec<Vec<f32>>,
    fold: impl Fn(&[Values]) -> Vec<f32>,
) -> Result<Vec<f32>> {
    let (len, ranks) = (own.first().map_or(0, Vec::len), exchange.ranks());
    let mut of_ranks = vec![vec![]; ranks];
    for mut list in own {
        let all = if len < SHORT {
            exchange.gather(list)?
        } else {
            list.resize(len.next_multiple_of(ranks), 0.0);
            exchange.shares(list)?
        };
        of_ranks.iter_mut().zip(all).for_each(|(of_rank, values)| of_rank.push(values));
    }
    let share = fold(&of_ranks.concat());
    if len < SHORT {
        return Ok(share);
    }
    let mut whole = exchange.gather(share)?.iter().map(Deref::deref).collect::<Vec<_>>().concat();
    whole.truncate(len);
    Ok(whole)
}

fn by_pairs(all: &[Values]) -> Vec<f32> {
    let add = |(a, b): (f32, &f32)| a + b;
    match all {
        [] => vec![],
        [one] => one.to_vec(),
        [one, other] => one.iter().copied().zip(other.iter()).map(add).collect(),
        _ => {
            let (before, after) = all.split_at(all.len().next_power_of_two() / 2);
            by_pairs(before).into_iter().zip(&by_pairs(after)).map(add).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sum of equal ranges of values, `(0+1)+(2+3)`, where every order of additions has a sum of its own.
    fn order(from: usize, count: usize) -> f32 {
        let value = |n: usize| 1.0 + (n as f32 + 0.37).sin() * 1e-3;
        match count {
            1 => value(from),
            _ => {
                let half = count.next_power_of_two() / 2;
                order(from, half) + order(from + half, count - half)
            }
        }
    }

    /// What each rank has in the end.
    fn on_ranks<R: Send + 'static>(count: usize, what: fn(&mut dyn Exchange) -> R) -> Vec<R> {
        let ranks = Threads::new(count).into_iter();
        let threads: Vec<_> = ranks.map(|mut rank| std::thread::spawn(move || what(&mut rank))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    }

    #[test]
    fn sums_are_made_by_adjacent_pairs() {
        const LISTS: [usize; 3] = [1, 3, 6];
        for ranks in 1..20 {
            let sums = on_ranks(ranks, |exchange| {
                LISTS.map(|lists| {
                    let own = |n| order(exchange.rank() * lists + n, 1);
                    [7, SHORT + 7]
                        .map(|len| (0..lists).map(|n| vec![own(n); len]).collect())
                        .map(|own| sum(exchange, own).unwrap())
                })
            });
            for (lists, [short, long]) in sums.iter().flat_map(|sums| LISTS.iter().zip(sums)) {
                let whole = order(0, ranks * lists);
                assert!(short.iter().chain(long).all(|value| *value == whole), "{ranks} ranks, {lists} lists");
                assert_eq!([short.len(), long.len()], [7, SHORT + 7]);
            }
        }
    }

    #[test]
    fn the_first_rank_tells_the_others() {
        let values = |rank: usize| vec![rank as f32, -0.0, 3.0];
        let told = on_ranks(3, |exchange| {
            let own = vec![exchange.rank() as f32, -0.0, 3.0];
            broadcast(exchange, own).unwrap()
        });
        for one in told {
            assert!(one.iter().zip(values(0)).all(|(a, b)| a.to_bits() == b.to_bits()), "{one:?}");
        }
        let texts = on_ranks(3, |exchange| {
            let own = "ä".repeat(exchange.rank());
            gather_text(exchange, &own).unwrap()
        });
        assert_eq!(texts, vec![["", "ä", "ää"]; 3]);
    }
}
