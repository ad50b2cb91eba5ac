//! y[b, ..] = the example (or its one-hot class) that is picked for place b of one draw of the round. Words: the clock,
//! the packed data set, and the classes of its items or, of symbols, their first elements.

use num_traits::Float;
use serde::{Deserialize, Serialize};

use super::{
    Buffers, Caps, Clock, Cost, Dispatch, Io, MAX_ELEMENTS, Spec, lanes,
    random::{PURPOSE_GATHER, PURPOSE_MIRROR, clock_len, philox},
    real, row_obstacle,
};
use crate::{graph::Field, overrides};

/// A batch of the data set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gather {
    /// The examples themselves, or their classes.
    pub field: crate::graph::Field,
    /// Index of this draw among the draws of a round.
    pub draw: u32,
    /// Number of draws in a round.
    pub draws: u32,
    /// Examples of this part of the batch.
    pub batch: usize,
    /// Number of such parts, the clock has which one this is.
    pub parts: usize,
    /// Shape of the data set.
    pub data: DataLayout,
}

/// Shape of the data set on the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DataLayout {
    /// Number of stored items.
    pub count: usize,
    /// Stored elements of one item.
    pub item_len: usize,
    /// What an element is.
    pub elements: Elements,
    /// Number of items that make up one example; each is drawn independently (3 for stacked digits).
    pub stack: usize,
    /// Number of classes; 0 without labels.
    pub classes: usize,
    /// Values of a row of pixels, if each drawn item is mirrored, left to right, with probability 1/2; else 0.
    pub mirror: usize,
}

/// The stored elements of items.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Elements {
    /// Bits of `f32`, one to a word.
    Floats,
    /// Bytes, four to a word, low byte first.
    Bytes,
    /// Numbers of 16 bits, two to a word, low half first. A table says where each item begins, as items may overlap.
    Symbols {
        /// Number of stored elements.
        stored: usize,
    },
}

impl DataLayout {
    /// Number of stored elements.
    fn stored(&self) -> usize {
        if let Elements::Symbols { stored } = self.elements { stored } else { self.count * self.item_len }
    }

    fn is_of_symbols(&self) -> bool {
        matches!(self.elements, Elements::Symbols { .. })
    }

    /// The first element of an item; `table` holds those of items of symbols.
    fn first(&self, item: usize, table: &[u32]) -> usize {
        if self.is_of_symbols() { table[item] as usize } else { item * self.item_len }
    }

    /// Words that hold all items.
    pub fn words(&self) -> usize {
        match self.elements {
            Elements::Floats => self.stored(),
            Elements::Bytes => self.stored().div_ceil(4),
            Elements::Symbols { stored } => stored.div_ceil(2),
        }
    }

    /// Words of the table of items: their classes, or of symbols their first elements.
    pub fn table(&self) -> usize {
        if self.classes > 0 || self.is_of_symbols() { self.count } else { 1 }
    }

    /// Windows of each of `batch` lanes of equal length, and the elements of a lane.
    pub fn lanes(&self, batch: usize) -> [usize; 2] {
        let lane = self.stored() / batch;
        [lane / self.item_len, lane]
    }

    /// The value of element n: bytes 0..=255 become -1..=1 with one rounding, the same on every adapter.
    pub fn value<F: Float>(&self, items: &[u32], n: usize) -> F {
        match self.elements {
            Elements::Floats => real(f32::from_bits(items[n]) as f64),
            Elements::Bytes => {
                (real::<F>((items[n / 4] >> (8 * (n % 4)) & 0xff) as f64) - real(127.5)) * real(1.0 / 127.5)
            }
            Elements::Symbols { .. } => real((items[n / 2] >> (16 * (n % 2)) & 0xffff) as f64),
        }
    }

    /// Number of bits of an item's index, split into a left and a right half.
    fn bits(&self) -> (u32, u32) {
        let bits = self.count.next_power_of_two().trailing_zeros();
        (bits / 2, bits - bits / 2)
    }

    /// The item at place i of a permutation: a Feistel network of sixteen rounds on the next power of two, repeated
    /// until the result is an item (cycle walking). With few items, eight rounds, or halves joined by exclusive or,
    /// distribute places visibly unevenly. Round keys that differ only in low bits do the same to fixed points, because
    /// they take halves of a few bits to the same hashes in another order.
    pub fn permute(&self, i: usize, key: [u32; 4]) -> usize {
        let (left_bits, right_bits) = self.bits();
        let (left_mask, right_mask) = ((1 << left_bits) - 1, (1 << right_bits) - 1);
        let (mut left, mut right) = (i as u32 >> right_bits, i as u32 & right_mask);
        loop {
            for round in 0..8 {
                let k = key[round % 4].wrapping_add((round as u32).wrapping_mul(GOLDEN));
                left = left.wrapping_add(hash(right ^ k)) & left_mask;
                right = right.wrapping_add(hash(left ^ !k)) & right_mask;
            }
            let place = (left << right_bits | right) as usize;
            if place < self.count {
                return place;
            }
        }
    }
}

/// 2^32 over the golden ratio: multiples of it differ in all bits.
const GOLDEN: u32 = 0x9e37_79b9;

/// A hash of 32 bits (Wellons' lowbias32).
fn hash(mut x: u32) -> u32 {
    x = (x ^ x >> 16).wrapping_mul(0x7feb_352d);
    x = (x ^ x >> 15).wrapping_mul(0x846c_a68b);
    x ^ x >> 16
}

impl Gather {
    /// The item for place b of the batch and member s of its stack; `clock` holds the words of a
    /// [`Clock`](super::Clock).
    ///
    /// The places of all draws of all rounds form an endless stream. Each epoch of the stream visits all items once, in
    /// the order of a permutation keyed by (seed, epoch, s). Epochs are counted in 32 bits.
    pub fn pick(&self, clock: &[u32], b: usize, s: usize) -> usize {
        let (epoch, i) = self.place(clock, b);
        let key = philox([epoch, s as u32, 0, PURPOSE_GATHER], [clock[1], clock[2]]);
        self.data.permute(i, key)
    }

    /// Whether that item is mirrored.
    pub fn is_mirrored(&self, clock: &[u32], b: usize, s: usize) -> bool {
        let (epoch, i) = self.place(clock, b);
        let bits = philox([epoch, s as u32, i as u32, PURPOSE_MIRROR], [clock[1], clock[2]]);
        self.data.mirror > 0 && bits[0] & 1 == 1
    }

    /// The epoch of place b of the batch, and its place in the epoch.
    fn place(&self, clock: &[u32], b: usize) -> (u32, usize) {
        let draw = clock[0] as u64 * self.draws as u64 + self.draw as u64;
        let e = draw * (self.batch * self.parts) as u64 + (self.first(clock) + b) as u64;
        ((e / self.data.count as u64) as u32, (e % self.data.count as u64) as usize)
    }

    /// The row of the batch with which this part begins.
    fn first(&self, clock: &[u32]) -> usize {
        if self.parts > 1 { clock[Clock::PART] as usize * self.batch } else { 0 }
    }

    /// Number of rows of the result in the shader, and number of elements per row.
    fn rows(&self) -> (usize, usize) {
        match self.field {
            Field::Items => (self.batch * self.data.stack, self.data.item_len),
            Field::OneHot => (self.batch, self.data.classes),
            Field::InOrder => (self.batch, self.data.item_len),
            Field::Begins => (self.batch, 1),
        }
    }

    /// The number of this draw's windows in their lanes.
    fn turn(&self, clock: &[u32], windows: usize) -> usize {
        (clock[0] as u64 * u64::from(self.draws) + u64::from(self.draw)) as usize % windows
    }
}

impl Spec for Gather {
    const NAME: &'static str = "gather";
    const SOURCES: &'static [&'static str] =
        &[include_str!("../../shaders/gather.wgsl"), include_str!("../../shaders/shared/philox.wgsl")];

    fn buffers(&self) -> Buffers {
        let (rows, len) = self.rows();
        let words = vec![clock_len(self.parts), self.data.words(), self.data.table()];
        Buffers { words, writes: vec![rows * len], ..Default::default() }
    }

    fn dispatch(&self, caps: &Caps) -> Dispatch {
        let (rows, len) = self.rows();
        let whole = self.batch * self.parts;
        let (count, round) = (self.data.count, self.draws as usize * whole);
        let (left, right) = self.data.bits();
        let [windows, lane] = self.data.lanes(whole);
        let in_order = matches!(self.field, Field::InOrder | Field::Begins);
        let constants = overrides!(
            LANES = lanes(len),
            ROWS = rows,
            STACK = if self.field == Field::Items { self.data.stack } else { 1 },
            LEN = len,
            ONE_HOT = (self.field == Field::OneHot) as u32,
            BEGINS = (self.field == Field::Begins) as u32,
            BYTES = (self.data.elements == Elements::Bytes) as u32,
            SYMBOLS = self.data.is_of_symbols() as u32,
            MIRROR = if self.field == Field::Items { self.data.mirror } else { 0 },
            WINDOWS = if in_order { windows } else { 0 },
            LANE = lane,
            DRAWS = self.draws,
            DRAW = self.draw,
            COUNT = count,
            EPOCHS_PER_STEP = round / count,
            REST_PER_STEP = round % count,
            FIRST = self.draw as usize * whole,
            BATCH = self.batch,
            PARTS = self.parts,
            LEFT_BITS = left,
            RIGHT_BITS = right,
        );
        Dispatch::folded(rows, caps, constants)
    }

    fn reference<F: Float>(&self, mut io: Io<F>) {
        let (clock, items, table) = (io.words[0], io.words[1], io.words[2]);
        let (_, len) = self.rows();
        for (row, y) in io.writes[0].chunks_mut(len).enumerate() {
            match self.field {
                Field::Items => {
                    let (b, s) = (row / self.data.stack, row % self.data.stack);
                    let first = self.data.first(self.pick(clock, b, s), table);
                    y.iter_mut().enumerate().for_each(|(j, y)| *y = self.data.value(items, first + j));
                    if self.is_mirrored(clock, b, s) {
                        y.chunks_mut(self.data.mirror).for_each(<[F]>::reverse);
                    }
                }
                Field::InOrder => {
                    let [windows, lane] = self.data.lanes(self.batch * self.parts);
                    let first = (self.first(clock) + row) * lane + self.turn(clock, windows) * len;
                    y.iter_mut().enumerate().for_each(|(j, y)| *y = self.data.value(items, first + j));
                }
                Field::Begins => {
                    let [windows, _] = self.data.lanes(self.batch * self.parts);
                    y[0] = if self.turn(clock, windows) == 0 { F::one() } else { F::zero() };
                }
                Field::OneHot => {
                    let class = table[self.pick(clock, row, 0)] as usize;
                    for (k, y) in y.iter_mut().enumerate() {
                        *y = if k == class { F::one() } else { F::zero() };
                    }
                }
            }
        }
    }

    fn cost(&self) -> Cost {
        let (rows, len) = self.rows();
        let read = match self.field {
            Field::Items | Field::InOrder => self.data.words() * 4 / self.data.count,
            Field::OneHot | Field::Begins => 4,
        };
        let flops = if self.data.elements == Elements::Bytes { 2 * rows * len } else { 0 };
        Cost { flops: flops as f64, bytes: (rows * (read + 4 * len)) as f64 }
    }

    fn obstacle(&self) -> Option<String> {
        let round = self.draws as usize * self.batch * self.parts;
        let (count, (_, len)) = (self.data.count, self.rows());
        let most = MAX_ELEMENTS / 2 - 1;
        if count.max(round) > most {
            return Some(format!(
                "a set of {count} examples, {round} drawn a round, where either may be {most} at most"
            ));
        }
        row_obstacle(len)
    }
}

#[cfg(test)]
mod tests {
    use rayon::prelude::*;

    use super::*;

    fn data(count: usize) -> DataLayout {
        DataLayout { count, item_len: 1, elements: Elements::Floats, stack: 3, classes: 0, mirror: 0 }
    }

    #[test]
    fn every_epoch_visits_every_item_once() {
        for count in [1, 2, 3, 5, 8, 60, 255, 256, 257, 1000, 4097] {
            for (draws, batch) in [(1, 1), (2, 7), (3, 64)] {
                let places = 5 * count;
                for s in 0..3 {
                    let stream: Vec<usize> = (0..places)
                        .map(|e| {
                            let (step, rest) = (e / (draws * batch), e % (draws * batch));
                            let gather = Gather {
                                field: Field::Items,
                                draw: (rest / batch) as u32,
                                draws: draws as u32,
                                batch,
                                parts: 1,
                                data: data(count),
                            };
                            gather.pick(&[step as u32, 9, 10, 0], rest % batch, s)
                        })
                        .collect();
                    for epoch in stream.chunks(count) {
                        let mut seen = epoch.to_vec();
                        seen.sort();
                        assert!(seen.into_iter().eq(0..count), "{count} items, {draws} draws of {batch}");
                    }
                    if count > 50 {
                        assert_ne!(stream[..count], stream[count..2 * count], "epochs differ");
                    }
                }
            }
        }
    }

    #[test]
    fn seeds_and_members_shuffle_apart() {
        let gather = Gather { field: Field::Items, draw: 0, draws: 1, batch: 500, parts: 1, data: data(500) };
        let order = |seed, s| (0..500).map(|b| gather.pick(&[0, seed, 0, 0], b, s)).collect::<Vec<_>>();
        let orders = [order(1, 0), order(1, 1), order(1, 2), order(2, 0)];
        for (k, a) in orders.iter().enumerate() {
            for b in &orders[..k] {
                let same = a.iter().zip(b).filter(|(a, b)| a == b).count();
                assert!(same < 10, "{same} of 500 places agree; 1 is expected");
            }
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
                let order: Vec<usize> = (0..count).map(|i| data(count).permute(i, key)).collect();
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
                let order: Vec<usize> = (0..count).map(|i| data(count).permute(i, key)).collect();
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

    #[test]
    fn bytes_span_minus_one_to_one() {
        let data = DataLayout { item_len: 4, elements: Elements::Bytes, ..data(1) };
        let word = [0x00ff_807fu32];
        assert_eq!(data.value::<f32>(&word, 3), -1.0);
        assert_eq!(data.value::<f32>(&word, 2), 1.0);
        for byte in 0..=255u32 {
            let exact = byte as f64 / 127.5 - 1.0;
            assert!((data.value::<f32>(&[byte], 0) as f64 - exact).abs() <= 1.2e-7 * exact.abs());
        }
    }

    /// The parts of a batch have, one after the other, the rows of the whole.
    #[test]
    fn parts_make_up_the_batch() {
        let data = DataLayout { elements: Elements::Symbols { stored: 90 }, item_len: 2, stack: 1, ..data(45) };
        for (field, len) in [(Field::Items, 2), (Field::InOrder, 2), (Field::Begins, 1)] {
            let rows = |batch: usize, parts: usize, part: u32| {
                let gather = Gather { field, draw: 1, draws: 2, batch, parts, data };
                let (clock, stored) = ([11, 1, 2, 0, part], (0..45).collect::<Vec<u32>>());
                let mut y = vec![f64::NAN; batch * len];
                let words = vec![&clock[..], &stored, &stored];
                let (words_out, operands) = (vec![], vec![]);
                gather.reference(Io { reads: vec![], words, writes: vec![&mut y], words_out, operands });
                y
            };
            let parts: Vec<f64> = (0..3).flat_map(|part| rows(5, 3, part)).collect();
            assert_eq!(parts, rows(15, 1, 0), "{field:?}");
        }
    }

    /// Half of the items are mirrored, each in half of the epochs; mirroring changes neither rows nor other items.
    #[test]
    fn half_of_the_draws_are_mirrored() {
        let (count, epochs) = (1000usize, 20u32);
        let data = DataLayout { item_len: 6, stack: 1, mirror: 3, ..data(count) };
        let gather = Gather { field: Field::Items, draw: 0, draws: 1, batch: count, parts: 1, data };
        let mirrored = |step: u32| (0..count).map(|b| gather.is_mirrored(&[step, 1, 2, 0], b, 0)).collect::<Vec<_>>();
        let all: Vec<Vec<bool>> = (0..epochs).map(mirrored).collect();
        let share = |flips: &[bool]| flips.iter().filter(|flip| **flip).count() as f64 / flips.len() as f64;
        // 5 standard deviations.
        assert!(all.iter().all(|flips| (share(flips) - 0.5).abs() < 0.08));
        assert!((share(&all.concat()) - 0.5).abs() < 0.018);
        let same = all[0].iter().zip(&all[1]).map(|(a, b)| a == b).collect::<Vec<_>>();
        assert!((share(&same) - 0.5).abs() < 0.08, "epochs mirror apart");
        let stored: Vec<u32> = (0..6 * count).map(|n| (n as f32).to_bits()).collect();
        let (clock, mut y) = ([3, 1, 2, 0], vec![f64::NAN; 6 * count]);
        let words = vec![&clock[..], &stored, &[]];
        let (words_out, operands) = (vec![], vec![]);
        gather.reference(Io { reads: vec![], words, writes: vec![&mut y], words_out, operands });
        for (b, y) in y.chunks(6).enumerate() {
            let first = 6.0 * gather.pick(&clock, b, 0) as f64;
            let order = if gather.is_mirrored(&clock, b, 0) { [2, 1, 0, 5, 4, 3] } else { [0, 1, 2, 3, 4, 5] };
            assert_eq!(y, order.map(|j| first + f64::from(j)));
        }
    }

    /// The lanes of a text are read from their starts to their ends, window by window, and then again.
    #[test]
    fn windows_in_order_follow_each_other() {
        let data = DataLayout { item_len: 4, elements: Elements::Symbols { stored: 28 }, stack: 1, ..data(13) };
        let stored: Vec<u16> = (0..28).collect();
        let words: Vec<u32> = stored.chunks(2).map(|pair| u32::from(pair[0]) | u32::from(pair[1]) << 16).collect();
        assert_eq!((data.words(), data.lanes(2)), (14, [3, 14]));
        for step in 0..8u32 {
            let read = |field, len: usize| {
                let gather = Gather { field, draw: 0, draws: 1, batch: 2, parts: 1, data };
                let (clock, mut y) = ([step, 1, 2, 0], vec![f64::NAN; len]);
                let words = vec![&clock[..], &words, &[]];
                let (words_out, operands) = (vec![], vec![]);
                gather.reference(Io { reads: vec![], words, writes: vec![&mut y], words_out, operands });
                y
            };
            let first = f64::from(step % 3 * 4);
            let window = |from: f64| (0..4).map(move |n| from + f64::from(n));
            assert_eq!(read(Field::InOrder, 8), window(first).chain(window(14.0 + first)).collect::<Vec<_>>());
            assert_eq!(read(Field::Begins, 2), [if step % 3 == 0 { 1.0 } else { 0.0 }; 2]);
        }
    }
}
