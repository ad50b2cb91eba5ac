//! The sliced Wasserstein distance, a cheap measure of how far samples are from data.

use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
use rayon::prelude::*;

use super::Estimate;
use crate::data::normal_quantile;

/// Directions that points are projected onto.
const DIRECTIONS: usize = 64;
/// Side of the patches of images, and patches of each image on each level.
const PATCH: usize = 7;
const PATCHES: usize = 8;
/// Seed of the directions and of the places of patches.
const SEED: u64 = 0x511c_ed00;

/// Real examples that samples are compared with.
pub struct Sliced {
    shape: Vec<usize>,
    levels: Vec<Level>,
}

/// Points of one size: examples, or the patches of images at one resolution.
struct Level {
    width: usize,
    /// Mean and deviation of each channel or feature of the real points, which all points are put in terms of.
    moments: Vec<[f64; 2]>,
    /// Unit vectors.
    directions: Vec<Vec<f32>>,
    /// The places of the real points along each direction, in order.
    real: Vec<Vec<f32>>,
}

impl Sliced {
    /// Beside these real examples of a shape, flat.
    pub fn beside(real: &[f32], shape: &[usize]) -> Self {
        let levels = levels(real, shape).into_iter().map(|points| Level::of(&points)).collect();
        Self { shape: shape.to_vec(), levels }
    }

    /// Number of real examples, and of samples that are compared with them.
    pub fn count(&self) -> usize {
        let each = if self.shape.len() == 3 { PATCHES } else { 1 };
        self.levels[0].real[0].len() / each
    }

    /// The mean over directions of the distance of as many samples, flat, from the real examples, in deviations of
    /// these (Rabin et al. 2011). Of images it is that of patches, the mean over resolutions, each half of the one
    /// before (after Karras et al. 2018, section 5, who take differences of resolutions).
    pub fn distance(&self, samples: &[f32]) -> f64 {
        let all = self.levels.iter().zip(levels(samples, &self.shape)).map(|(level, points)| level.distance(&points));
        all.sum::<f64>() / self.levels.len() as f64
    }
}

/// Points of one size, back to back, each of channels of equally many values.
struct Descriptors {
    values: Vec<f32>,
    width: usize,
    channels: usize,
}

impl Level {
    fn of(real: &Descriptors) -> Self {
        let mut stream = Xoshiro256PlusPlus::seed_from_u64(SEED);
        let mut normal = || normal_quantile(stream.random_range(1e-9..1.0 - 1e-9)) as f32;
        let unit = |values: Vec<f32>| {
            let norm = values.iter().map(|value| value * value).sum::<f32>().sqrt();
            values.into_iter().map(|value| value / norm).collect()
        };
        let directions = (0..DIRECTIONS).map(|_| unit((0..real.width).map(|_| normal()).collect())).collect();
        let each = real.width / real.channels;
        let moments = (0..real.channels).map(|channel| {
            let own = real.values.chunks_exact(each).skip(channel).step_by(real.channels);
            let found = Estimate::of(&own.flatten().map(|value| f64::from(*value)).collect::<Vec<f64>>());
            [found.mean, if found.deviation > 0.0 { found.deviation } else { 1.0 }]
        });
        let level = Self { width: real.width, moments: moments.collect(), directions, real: vec![] };
        Self { real: level.places(real), ..level }
    }

    /// The places of points along each direction, in order.
    fn places(&self, points: &Descriptors) -> Vec<Vec<f32>> {
        let each = self.width / self.moments.len();
        let moments = self.moments.iter().flat_map(|moments| std::iter::repeat_n(*moments, each));
        let moments: Vec<[f64; 2]> = moments.collect();
        let scaled: Vec<f32> = points
            .values
            .chunks_exact(self.width)
            .flat_map(|point| point.iter().zip(&moments).map(|(x, [mean, by])| ((f64::from(*x) - mean) / by) as f32))
            .collect();
        let along = |direction: &Vec<f32>| {
            let place = |point: &[f32]| point.iter().zip(direction).map(|(a, b)| a * b).sum();
            let mut places: Vec<f32> = scaled.chunks_exact(self.width).map(place).collect();
            places.sort_by(f32::total_cmp);
            places
        };
        self.directions.par_iter().map(along).collect()
    }

    fn distance(&self, points: &Descriptors) -> f64 {
        let between = |(a, b): (&Vec<f32>, &Vec<f32>)| {
            let gaps = a.iter().zip(b).map(|(a, b)| f64::from((a - b).abs()));
            gaps.sum::<f64>() / a.len().min(b.len()) as f64
        };
        self.real.iter().zip(&self.places(points)).map(between).sum::<f64>() / DIRECTIONS as f64
    }
}

/// What is compared of examples: themselves, or of images `[C, H, W]` patches at some places of each, at resolutions
/// down to that of two patches.
fn levels(examples: &[f32], shape: &[usize]) -> Vec<Descriptors> {
    let &[channels, height, width] = shape else {
        let features = shape.last().copied().unwrap_or(1);
        return vec![by_feature(examples, shape.iter().product(), features)];
    };
    let (mut images, mut sides, mut all) = (examples.to_vec(), [height, width], vec![]);
    loop {
        all.push(patches(&images, channels, sides));
        if sides.iter().any(|side| side / 2 < 2 * PATCH) {
            return all;
        }
        images = halved(&images, sides);
        sides = sides.map(|side| side / 2);
    }
}

/// Sequences `[steps, features]` with all steps of a feature together; points are sequences of one step.
fn by_feature(examples: &[f32], width: usize, features: usize) -> Descriptors {
    let steps = width / features;
    let turned = |one: &[f32]| (0..width).map(|n| one[n % steps * features + n / steps]).collect::<Vec<f32>>();
    Descriptors { values: examples.chunks_exact(width).flat_map(turned).collect(), width, channels: features }
}

/// Squares of [`PATCH`] pixels, or as large as the image is, at random places.
fn patches(images: &[f32], channels: usize, [height, width]: [usize; 2]) -> Descriptors {
    let mut stream = Xoshiro256PlusPlus::seed_from_u64(SEED ^ width as u64);
    let [high, wide] = [height, width].map(|side| side.min(PATCH));
    let mut values = vec![];
    for image in images.chunks_exact(channels * height * width) {
        for _ in 0..PATCHES {
            let [top, left] = [height - high, width - wide].map(|most| stream.random_range(0..=most));
            for plane in image.chunks_exact(height * width) {
                let row = |y: usize| &plane[(top + y) * width + left..][..wide];
                values.extend((0..high).flat_map(row));
            }
        }
    }
    Descriptors { values, width: channels * high * wide, channels }
}

/// Images at half the resolution: means of four pixels.
fn halved(images: &[f32], [height, width]: [usize; 2]) -> Vec<f32> {
    let half = |plane: &[f32]| {
        let mean = |n: usize| {
            let at = n / (width / 2) * 2 * width + n % (width / 2) * 2;
            (plane[at] + plane[at + 1] + plane[at + width] + plane[at + width + 1]) / 4.0
        };
        (0..height / 2 * (width / 2)).map(mean).collect::<Vec<f32>>()
    };
    images.chunks_exact(height * width).flat_map(half).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that look random, in 0 to 1.
    fn noise(count: usize, seed: u64) -> Vec<f32> {
        let mut stream = Xoshiro256PlusPlus::seed_from_u64(seed);
        (0..count).map(|_| stream.random::<f32>()).collect()
    }

    #[test]
    fn a_shift_is_as_far_as_directions_see_of_it() {
        let real = noise(2000, 1);
        let sliced = Sliced::beside(&real, &[1]);
        assert_eq!((sliced.count(), sliced.distance(&real)), (2000, 0.0));
        let shifted: Vec<f32> = real.iter().map(|x| x + 1.0).collect();
        // One dimension has two directions only; the deviation of uniform numbers is 1 / sqrt(12).
        assert!((sliced.distance(&shifted) - 12f64.sqrt()).abs() < 0.1, "{}", sliced.distance(&shifted));
    }

    #[test]
    fn what_is_more_unlike_is_farther() {
        for shape in [vec![3, 29, 33], vec![1, 6, 9], vec![24, 5], vec![4]] {
            let of = |seed| noise(128 * shape.iter().product::<usize>(), seed);
            let real = of(1);
            let sliced = Sliced::beside(&real, &shape);
            let mixed = |share: f32| of(2).iter().map(|x| x * (1.0 - share) + 0.5 * share).collect::<Vec<f32>>();
            let far: Vec<f64> = [0.0, 0.3, 0.9].map(|share| sliced.distance(&mixed(share))).to_vec();
            assert!(far[0] < 0.7 * far[1] && far[1] < 0.7 * far[2], "{shape:?}: {far:?}");
            assert_eq!(sliced.count(), 128);
        }
    }
}
