//! How images become 299 x 299: each tool of the field has its own way, and figures of different ways differ.

use super::network::SIDE;

/// A way to resize, and the numbers that then stand for 0 to 255.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Resize {
    /// pytorch-fid, and most papers that use PyTorch: bilinear between centres of pixels, without a filter where images
    /// shrink.
    #[default]
    PytorchFid,
    /// The original code, StyleGAN's, torch-fidelity: TensorFlow 1's bilinear, between corners of pixels.
    Tensorflow,
    /// clean-fid: PIL's bicubic, which filters where images shrink (Parmar et al. 2022).
    CleanFid,
}

impl Resize {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::PytorchFid, Self::Tensorflow, Self::CleanFid];

    /// Its name on the command line and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::PytorchFid => "pytorch-fid",
            Self::Tensorflow => "tensorflow",
            Self::CleanFid => "clean-fid",
        }
    }

    /// The brightness that becomes 0, and the one that becomes 1 less that.
    pub fn scale(self) -> [f64; 2] {
        match self {
            Self::PytorchFid => [127.5, 127.5],
            Self::Tensorflow | Self::CleanFid => [128.0, 128.0],
        }
    }

    /// Whether it can leave 0 to 255, where its tool then cuts.
    pub fn overshoots(self) -> bool {
        self == Self::CleanFid
    }

    /// The matrix `[299, side]` that resizes an axis; both axes are resized alike, so that two products do an image.
    pub fn matrix(self, side: usize) -> Vec<f32> {
        (0..SIDE).flat_map(|place| self.row(place, side)).map(|weight| weight as f32).collect()
    }

    /// The weights of the pixels of an axis in one that is resized.
    fn row(self, place: usize, side: usize) -> Vec<f64> {
        let scale = side as f64 / SIDE as f64;
        let mut row = vec![0.0; side];
        let (kernel, reach): (fn(f64) -> f64, f64) = match self {
            Self::PytorchFid | Self::Tensorflow => {
                let shift = if self == Self::PytorchFid { 0.5 } else { 0.0 };
                let at = ((place as f64 + shift) * scale - shift).max(0.0);
                let low = (at as usize).min(side - 1);
                row[low] += 1.0 - at.fract();
                row[(low + 1).min(side - 1)] += at.fract();
                return row;
            }
            Self::CleanFid => (cubic, 2.0),
        };
        // The kernel is widened where the image shrinks, and its weights within the image sum to 1.
        let (wide, centre) = (scale.max(1.0), (place as f64 + 0.5) * scale);
        let low = (centre - reach * wide + 0.5).max(0.0) as usize;
        let high = ((centre + reach * wide + 0.5) as usize).min(side);
        (low..high).for_each(|i| row[i] = kernel((i as f64 + 0.5 - centre) / wide));
        let sum: f64 = row.iter().sum();
        row.iter_mut().for_each(|weight| *weight /= sum);
        row
    }
}

/// The cubic kernel with a = -1/2 (Keys 1981).
fn cubic(x: f64) -> f64 {
    let x = x.abs();
    match x {
        ..1.0 => (1.5 * x - 2.5) * x * x + 1.0,
        1.0..2.0 => ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_sum_to_one_and_leave_flat_images_flat() {
        for resize in Resize::ALL {
            for side in [1, 2, 8, 28, 299, 512, 1024] {
                let matrix = resize.matrix(side);
                assert_eq!(matrix.len(), SIDE * side);
                for row in matrix.chunks(side) {
                    let sum: f64 = row.iter().map(|v| f64::from(*v)).sum();
                    assert!((sum - 1.0).abs() < 1e-5, "{resize:?} {side}: {sum}");
                }
            }
            // Of the same size nothing changes.
            let same = resize.matrix(SIDE);
            assert!((0..SIDE * SIDE).all(|n| (f64::from(same[n]) - f64::from(n / SIDE == n % SIDE)).abs() < 1e-6));
        }
    }
}
