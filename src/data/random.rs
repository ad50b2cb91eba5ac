//! Random streams that give the same numbers on every machine and with every version of `rand`.

use std::f32::consts::TAU;
use std::ops::Range;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, SeedableRng};

use super::{Labels, Split};

/// The root of one data set's streams: every example has its own, so examples can be drawn in any order.
#[derive(Clone, Copy)]
pub(super) struct Root(u64);

impl Root {
    /// A different root for each set, seed and split.
    pub fn new(set: &str, seed: u64, split: Split) -> Self {
        let name = set.bytes().fold(0, |key, byte| mix(key ^ u64::from(byte)));
        Self(mix(mix(name ^ seed) ^ split as u64))
    }

    /// The stream of example `index`.
    pub fn stream(self, index: usize) -> Stream {
        Stream(Xoshiro256PlusPlus::seed_from_u64(mix(self.0 ^ index as u64)))
    }
}

impl Labels {
    /// Classes of `count` examples that are drawn from these at random: each class by its share.
    pub fn drawn(&self, count: usize, seed: u64) -> Vec<u32> {
        let root = Root::new("classes", seed, Split::Train);
        (0..count).map(|i| self.ids[root.stream(i).below(self.ids.len())]).collect()
    }
}

/// The finaliser of SplitMix64: every output bit depends on every input bit.
fn mix(key: u64) -> u64 {
    let key = key.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let key = (key ^ (key >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let key = (key ^ (key >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    key ^ (key >> 31)
}

/// A stream of random numbers.
pub(super) struct Stream(Xoshiro256PlusPlus);

impl Stream {
    /// 0..count in a random order (Fisher and Yates).
    pub fn order(&mut self, count: usize) -> Vec<u32> {
        let mut order: Vec<u32> = (0..count as u32).collect();
        (1..count).rev().for_each(|last| order.swap(last, self.below(last + 1)));
        order
    }

    /// Uniform in `[0, 1)`.
    pub fn unit(&mut self) -> f32 {
        (self.0.next_u64() >> 40) as f32 / (1u64 << 24) as f32
    }

    /// Uniform in `range`.
    pub fn within(&mut self, range: Range<f32>) -> f32 {
        range.start + (range.end - range.start) * self.unit()
    }

    /// Uniform in `0..count`; the bias is below `count / 2^64`.
    pub fn below(&mut self, count: usize) -> usize {
        ((u128::from(self.0.next_u64()) * count as u128) >> 64) as usize
    }

    /// True with probability `share`.
    pub fn chance(&mut self, share: f32) -> bool {
        self.unit() < share
    }

    /// An index, by weights, some of which are above 0.
    pub fn weighted(&mut self, weights: &[f64]) -> usize {
        let mut left = f64::from(self.unit()) * weights.iter().sum::<f64>();
        let chosen = weights.iter().position(|weight| {
            left -= weight;
            left < 0.0
        });
        // Rounding may leave a rest after the last one.
        chosen.or_else(|| weights.iter().rposition(|weight| *weight > 0.0)).unwrap_or(0)
    }

    /// Two independent standard normals (Box and Muller).
    pub fn normals(&mut self) -> [f32; 2] {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        let (sin, cos) = (TAU * self.unit()).sin_cos();
        [radius * cos, radius * sin]
    }

    /// Normal with the given mean and deviation.
    pub fn normal(&mut self, mean: f32, deviation: f32) -> f32 {
        mean + deviation * self.normals()[0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_drawn_by_their_shares() {
        let labels = Labels { ids: [vec![0; 900], vec![1; 100]].concat(), names: vec!["a".into(), "b".into()] };
        let drawn = labels.drawn(10_000, 0);
        let rare = drawn.iter().filter(|class| **class == 1).count();
        // Four deviations of the binomial distribution.
        assert!(rare.abs_diff(1000) < 120, "{rare}");
        assert_eq!(drawn[..100], labels.drawn(100, 0));
        assert_ne!(drawn, labels.drawn(10_000, 1));
    }
}
