//! y[b, ..] = the example (or its one-hot class) that is picked for place b of one draw of the round. Words: the clock,
//! the packed data set, and the classes of its items or, of symbols, their first elements.

use std::ops::Range;

use num_traits::Float;
use serde::{Deserialize, Serialize};

use super::{
    Buffers, Caps, Clock, Cost, Dispatch, Io, MAX_ELEMENTS, Spec, lanes,
    order::{bits, in_blocks, permute},
    random::{PURPOSE_GATHER, PURPOSE_MIRROR, clock_len, philox},
    real, row_obstacle,
};
use crate::{
    graph::{Draw, Field},
    overrides,
};

/// A batch of the data set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gather {
    /// The examples themselves, or their classes.
    pub field: Field,
    /// Which draw of the round.
    pub draw: Draw,
    /// Number of draws in a round from the same items.
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
    /// Where the device has the items of some rounds only, that ring; `None`: it has all items.
    pub ring: Option<Ring>,
}

/// A ring of the items of some rounds, in the order of their places: round t lies where t modulo `rounds` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Ring {
    /// Number of rounds.
    pub rounds: usize,
    /// Number of items of a round: those of all its draws.
    pub places: usize,
    /// Whether items are picked in blocks of a file.
    pub blocks: bool,
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

impl Elements {
    /// Elements of a word.
    fn in_a_word(self) -> usize {
        match self {
            Self::Floats => 1,
            Self::Bytes => 4,
            Self::Symbols { .. } => 2,
        }
    }
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
        if self.is_of_symbols() && self.ring.is_none() { table[item] as usize } else { item * self.step() }
    }

    /// Elements from an item to the next: in a ring, each begins with a word.
    fn step(&self) -> usize {
        if self.ring.is_some() { self.item_words() * self.elements.in_a_word() } else { self.item_len }
    }

    /// Words that hold one item alone.
    pub fn item_words(&self) -> usize {
        self.item_len.div_ceil(self.elements.in_a_word())
    }

    /// Words that hold all items, or those of the ring.
    pub fn words(&self) -> usize {
        match self.ring {
            Some(ring) => ring.rounds * ring.places * self.item_words(),
            None => self.stored().div_ceil(self.elements.in_a_word()),
        }
    }

    /// Words of the table of items: their classes, or of symbols their first elements.
    pub fn table(&self) -> usize {
        match self.ring {
            Some(ring) if self.classes > 0 => ring.rounds * ring.places,
            None if self.classes > 0 || self.is_of_symbols() => self.count,
            _ => 1,
        }
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
}

impl Gather {
    /// The item for place b of the batch and member s of its stack; `clock` holds the words of a
    /// [`Clock`].
    ///
    /// The places of all draws of all rounds form an endless stream. Each epoch of the stream visits all items once, in
    /// the order of a permutation keyed by (seed, epoch, s). Epochs are counted in 32 bits.
    pub fn pick(&self, clock: &[u32], b: usize, s: usize) -> usize {
        self.item_of(clock, self.first(clock) + b, s)
    }

    /// The items of this draw for rows of the whole batch, in the order of their places in a round.
    pub fn picks(&self, clock: &[u32], rows: Range<usize>) -> impl Iterator<Item = usize> {
        let members = rows.flat_map(|row| (0..self.data.stack).map(move |s| (row, s)));
        members.map(|(row, s)| self.item_of(clock, row, s))
    }

    /// Whether the item of [`Gather::pick`] is mirrored.
    pub fn is_mirrored(&self, clock: &[u32], b: usize, s: usize) -> bool {
        let (epoch, i) = self.visit(clock, self.first(clock) + b);
        let bits = philox([epoch, s as u32, i as u32, PURPOSE_MIRROR], [clock[1], clock[2]]);
        self.data.mirror > 0 && bits[0] & 1 == 1
    }

    /// The item for a row of the whole batch.
    fn item_of(&self, clock: &[u32], row: usize, s: usize) -> usize {
        let (epoch, i) = self.visit(clock, row);
        let key = |n| philox([epoch, s as u32, n, PURPOSE_GATHER], [clock[1], clock[2]]);
        match self.data.ring {
            Some(Ring { blocks: true, .. }) => in_blocks(self.among(), i, key),
            _ => permute(self.among(), i, key(0)),
        }
    }

    /// Number of items that are drawn from.
    fn among(&self) -> usize {
        self.draw.among.unwrap_or(self.data.count)
    }

    /// The epoch of a row of the whole batch, and its place in the epoch.
    fn visit(&self, clock: &[u32], row: usize) -> (u32, usize) {
        let draw = u64::from(clock[0]) * u64::from(self.draws) + u64::from(self.draw.number);
        let e = draw * self.whole() as u64 + row as u64;
        ((e / self.among() as u64) as u32, (e % self.among() as u64) as usize)
    }

    /// Rows of the whole batch.
    pub fn whole(&self) -> usize {
        self.batch * self.parts
    }

    /// The row of the batch with which this part begins.
    fn first(&self, clock: &[u32]) -> usize {
        if self.parts > 1 { clock[Clock::PART] as usize * self.batch } else { 0 }
    }

    /// The place in a round of the item for a row of the whole batch.
    pub fn place(&self, row: usize, s: usize) -> usize {
        (self.draw.number as usize * self.whole() + row) * self.data.stack + s
    }

    /// Where the device has the item of [`Gather::pick`].
    fn item(&self, clock: &[u32], b: usize, s: usize) -> usize {
        match self.data.ring {
            Some(ring) => clock[0] as usize % ring.rounds * ring.places + self.place(self.first(clock) + b, s),
            None => self.pick(clock, b, s),
        }
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
        (clock[0] as u64 * u64::from(self.draws) + u64::from(self.draw.number)) as usize % windows
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
        let whole = self.whole();
        let (count, round) = (self.among(), self.draws as usize * whole);
        let (left, right) = bits(count);
        let [windows, lane] = self.data.lanes(whole);
        let in_order = matches!(self.field, Field::InOrder | Field::Begins);
        let ring = self.data.ring.unwrap_or(Ring { rounds: 1, places: 1, blocks: false });
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
            DRAW = self.draw.number,
            COUNT = count,
            EPOCHS_PER_STEP = round / count,
            REST_PER_STEP = round % count,
            FIRST = self.draw.number as usize * whole,
            BATCH = self.batch,
            PARTS = self.parts,
            LEFT_BITS = left,
            RIGHT_BITS = right,
            STREAMED = self.data.ring.is_some() as u32,
            RING = ring.rounds,
            PLACES = ring.places,
            STACKED = self.data.stack,
            STEP = self.data.step(),
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
                    let first = self.data.first(self.item(clock, b, s), table);
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
                    let class = table[self.item(clock, row, 0)] as usize;
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
            Field::Items if self.data.ring.is_some() => 4 * self.data.item_words(),
            Field::Items | Field::InOrder => self.data.words() * 4 / self.data.count,
            Field::OneHot | Field::Begins => 4,
        };
        let flops = if self.data.elements == Elements::Bytes { 2 * rows * len } else { 0 };
        Cost { flops: flops as f64, bytes: (rows * (read + 4 * len)) as f64 }
    }

    fn obstacle(&self) -> Option<String> {
        let round = self.draws as usize * self.batch * self.parts;
        let (count, (_, len)) = (self.data.count, self.rows());
        if self.among() == 0 || self.among() > count || self.data.ring.is_some() && self.draw.among.is_some() {
            return Some(format!("a draw from {} of {count} items, all on the device", self.among()));
        }
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
    use super::*;

    fn data(count: usize) -> DataLayout {
        DataLayout { count, item_len: 1, elements: Elements::Floats, stack: 3, classes: 0, mirror: 0, ring: None }
    }

    /// Draws from the first items, beside draws from all.
    #[test]
    fn an_epoch_of_some_items_visits_each_of_them_once() {
        let (count, batch) = (100, 4);
        for among in [1, 2, 7, 32, 100] {
            let draw = Draw { number: 0, among: Some(among) };
            let gather = Gather { field: Field::Items, draw, draws: 1, batch, parts: 1, data: data(count) };
            let stream: Vec<usize> =
                (0..5 * among).map(|e| gather.pick(&[(e / batch) as u32, 9, 10, 0], e % batch, 0)).collect();
            for epoch in stream.chunks(among) {
                let mut seen = epoch.to_vec();
                seen.sort();
                assert!(seen.into_iter().eq(0..among), "{among} of {count} items");
            }
        }
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
                                draw: Draw::of_all((rest / batch) as u32),
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
        let gather =
            Gather { field: Field::Items, draw: Draw::of_all(0), draws: 1, batch: 500, parts: 1, data: data(500) };
        let order = |seed, s| (0..500).map(|b| gather.pick(&[0, seed, 0, 0], b, s)).collect::<Vec<_>>();
        let orders = [order(1, 0), order(1, 1), order(1, 2), order(2, 0)];
        for (k, a) in orders.iter().enumerate() {
            for b in &orders[..k] {
                let same = a.iter().zip(b).filter(|(a, b)| a == b).count();
                assert!(same < 10, "{same} of 500 places agree; 1 is expected");
            }
        }
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
                let gather = Gather { field, draw: Draw::of_all(1), draws: 2, batch, parts, data };
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
        let gather = Gather { field: Field::Items, draw: Draw::of_all(0), draws: 1, batch: count, parts: 1, data };
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
                let gather = Gather { field, draw: Draw::of_all(0), draws: 1, batch: 2, parts: 1, data };
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
