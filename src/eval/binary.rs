//! Binarised grey images, for likelihoods of binary pixels.

use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};

/// Draws every pixel of `grey`, 0 to 1, as 0 or 1: 1 with its own value as the probability. Equal images give equal
/// results, so that likelihoods can be compared (Larochelle and Murray 2011 fixed a binarised MNIST like this); binary
/// images stay as they are.
pub fn binarized(grey: &[f32]) -> Vec<f32> {
    let mut stream = Xoshiro256PlusPlus::seed_from_u64(0);
    grey.iter().map(|&level| if stream.random::<f32>() < level { 1.0 } else { 0.0 }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grey_levels_are_probabilities() {
        let grey: Vec<f32> = (0..40_000).map(|i| (i % 4) as f32 / 3.0).collect();
        let binary = binarized(&grey);
        for (level, share) in [0.0, 1.0 / 3.0, 2.0 / 3.0, 1.0].into_iter().enumerate() {
            let found = binary.iter().skip(level).step_by(4).sum::<f32>() / 1e4;
            // Four standard deviations; none at 0 and 1.
            let spread = 4.0 * (share * (1.0f32 - share) / 1e4).sqrt();
            assert!((found - share).abs() <= spread, "{found} of pixels of {share}");
        }
        assert_eq!((binarized(&grey), binarized(&binary)), (binary.clone(), binary));
    }
}
