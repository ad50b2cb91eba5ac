//! `y[n]` = noise, a function of (seed, stream, step, n) alone: Philox4x32-10 (Salmon et al. 2011). Words: the clock.

use num_traits::Float;
use serde::{Deserialize, Serialize};

use super::{Buffers, Caps, Clock, Cost, Dispatch, Io, Spec, real};
use crate::{graph::Dist, overrides};

/// Noise of one stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Random {
    /// Tells the streams of a graph apart.
    pub stream: u32,
    /// The distribution to draw from.
    pub dist: crate::graph::Dist,
    /// Elements of y.
    pub len: usize,
    /// Elements of a block of the rows of this part of a batch.
    pub span: usize,
    /// Number of parts of the batch; the clock has which one this is.
    pub parts: usize,
}

/// Words of the clock that a kernel reads for a batch of so many parts.
pub fn clock_len(parts: usize) -> usize {
    if parts > 1 { Clock::LEN_WITH_PART } else { Clock::LEN }
}

impl Random {
    /// Noise for a batch of one part.
    pub fn of(stream: u32, dist: Dist, len: usize) -> Self {
        Self { stream, dist, len, span: len, parts: 1 }
    }

    /// The number, among those of all parts, of this part's element n. Blocks of the parts lie in turn.
    pub fn number(&self, clock: &[u32], n: usize) -> usize {
        if self.parts == 1 {
            return n;
        }
        (n / self.span * self.parts + clock[Clock::PART] as usize) * self.span + n % self.span
    }
}

const SIZE: usize = 256;

/// Last word of the counter: tells the users of Philox apart.
pub const PURPOSE_RANDOM: u32 = 0;
/// See [`PURPOSE_RANDOM`].
pub const PURPOSE_GATHER: u32 = 1;
/// See [`PURPOSE_RANDOM`]: initial values, made on the host.
pub const PURPOSE_INIT: u32 = 2;
/// See [`PURPOSE_RANDOM`]: latent vectors of samples, made on the host.
pub const PURPOSE_SAMPLE: u32 = 3;
/// See [`PURPOSE_RANDOM`]: whether drawn images are mirrored.
pub const PURPOSE_MIRROR: u32 = 4;

/// Four random words for each counter and key.
#[inline(always)]
pub fn philox(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let product = |a: u32, b: u32| (a as u64 * b as u64, a.wrapping_mul(b));
    let (mut c, mut k) = (counter, key);
    for _ in 0..10 {
        let ((wide0, low0), (wide1, low1)) = (product(0xD251_1F53, c[0]), product(0xCD9E_8D57, c[2]));
        c = [(wide1 >> 32) as u32 ^ c[1] ^ k[0], low1, (wide0 >> 32) as u32 ^ c[3] ^ k[1], low0];
        k = [k[0].wrapping_add(0x9E37_79B9), k[1].wrapping_add(0xBB67_AE85)];
    }
    c
}

/// Uniform on (0, 1): 23 bits in the middle of their interval, exact in every float type.
#[inline(always)]
pub fn uniform<F: Float>(bits: u32) -> F {
    real(((bits >> 9) as f64 + 0.5) / (1u32 << 23) as f64)
}

/// Standard normal.
pub fn normal<F: Float>(bits: u32) -> F {
    let one = F::one();
    let x = real::<F>(2.0) * uniform(bits) - one;
    quantile(x, -((one - x) * (one + x)).ln())
}

/// The standard normal's quantile of u for x = 2u - 1 and w = -ln(1 - x^2): sqrt(2) * erfinv(x) by Giles'
/// single-precision polynomials (GPU Computing Gems, 2010). Within 4e-7 * (1 + |z|) of the exact one; |z| stays below
/// 5.3, as u has 23 bits.
#[inline(always)]
pub fn quantile<F: Float>(x: F, w: F) -> F {
    const CENTRE: [f64; 9] = [
        2.81022636e-08,
        3.43273939e-07,
        -3.5233877e-06,
        -4.39150654e-06,
        0.00021858087,
        -0.00125372503,
        -0.00417768164,
        0.246640727,
        1.50140941,
    ];
    const TAIL: [f64; 9] = [
        -0.000200214257,
        0.000100950558,
        0.00134934322,
        -0.00367342844,
        0.00573950773,
        -0.0076224613,
        0.00943887047,
        1.00167406,
        2.83297682,
    ];
    let central = w < real(5.0);
    let w = if central { w - real(2.5) } else { w.sqrt() - real(3.0) };
    let coefficients = CENTRE.iter().zip(&TAIL).map(|(&c, &t)| if central { real::<F>(c) } else { real::<F>(t) });
    real::<F>(std::f64::consts::SQRT_2) * (coefficients.fold(F::zero(), |sum, c| c + sum * w) * x)
}

impl Spec for Random {
    const NAME: &'static str = "random";
    const SOURCES: &'static [&'static str] =
        &[include_str!("../../shaders/random.wgsl"), include_str!("../../shaders/shared/philox.wgsl")];

    fn buffers(&self) -> Buffers {
        Buffers { words: vec![clock_len(self.parts)], writes: vec![self.len], ..Default::default() }
    }

    fn dispatch(&self, caps: &Caps) -> Dispatch {
        let (dist, p) = match self.dist {
            Dist::Uniform => (0, 0.0),
            Dist::Normal => (1, 0.0),
            Dist::Bernoulli(p) => (2, p.get()),
        };
        Dispatch::folded(
            self.len.div_ceil(4 * SIZE),
            caps,
            overrides!(N = self.len, STREAM = self.stream, DIST = dist, P = p, SPAN = self.span, PARTS = self.parts),
        )
    }

    fn reference<F: Float>(&self, mut io: Io<F>) {
        let (clock, y) = (io.words[0], &mut io.writes[0]);
        let value = |bits| match self.dist {
            Dist::Uniform => uniform(bits),
            Dist::Normal => normal(bits),
            Dist::Bernoulli(p) if uniform::<f32>(bits) < p.get() as f32 => F::one(),
            Dist::Bernoulli(_) => F::zero(),
        };
        let words =
            |counter: usize| philox([counter as u32, self.stream, clock[0], PURPOSE_RANDOM], [clock[1], clock[2]]);
        for (n, y) in y.iter_mut().enumerate() {
            let number = self.number(clock, n);
            *y = value(words(number / 4)[number % 4]);
        }
    }

    fn cost(&self) -> Cost {
        let each = if self.dist == Dist::Normal { 26.0 } else { 2.0 };
        Cost { flops: each * self.len as f64, bytes: 4.0 * self.len as f64 }
    }

    fn shape(&self) -> String {
        format!("{}, {:?}", self.len, self.dist).to_lowercase()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The published vectors of Random123 (`kat_vectors`, philox4x32 10).
    #[test]
    fn philox_gives_the_known_answers() {
        assert_eq!(philox([0; 4], [0; 2]), [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
        assert_eq!(philox([u32::MAX; 4], [u32::MAX; 2]), [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]);
        assert_eq!(
            philox([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0]),
            [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1]
        );
    }

    #[test]
    fn uniform_is_exact_and_inside() {
        assert_eq!(uniform::<f32>(0), 0.5f32.powi(24));
        assert_eq!(uniform::<f32>(u32::MAX), 1.0 - 0.5f32.powi(24));
        for bits in (0..u32::MAX).step_by(9_973) {
            assert_eq!(uniform::<f32>(bits) as f64, uniform::<f64>(bits));
        }
    }

    /// Standard normal distribution function: the series of erf inside, the continued fraction of erfc outside.
    fn phi(z: f64) -> f64 {
        if z > 0.0 {
            return 1.0 - phi(-z);
        }
        let density = (-z * z / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
        if z > -3.0 {
            let (mut term, mut sum) = (z, z);
            for k in 1..60 {
                term *= z * z / (2 * k + 1) as f64;
                sum += term;
            }
            return 0.5 + density * sum;
        }
        density / (1..200).rev().fold(-z, |tail, k| -z + k as f64 / tail)
    }

    /// Each of 200,000 values spread over all bits, against the exact quantile: one Newton step from the value itself.
    #[test]
    fn normal_is_the_quantile() {
        let mut worst = 0.0f64;
        let tails = (0..2000u32).map(|k| k << 9).chain((0..2000).map(|k| u32::MAX - (k << 9)));
        for bits in (0..u32::MAX).step_by(21_473).chain(tails) {
            let (u, z) = (uniform::<f64>(bits), normal::<f32>(bits) as f64);
            let density = (-z * z / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
            // from the nearer tail, where u keeps its digits
            let error = if z < 0.0 { phi(z) - u } else { (1.0 - u) - phi(-z) } / density;
            worst = worst.max(error.abs() / (1.0 + z.abs()));
            assert!((normal::<f64>(bits) - z).abs() <= 1e-6 * (1.0 + z.abs()), "{bits:x}");
        }
        assert!(worst < 4e-7, "{worst:e}");
        assert!(normal::<f32>(u32::MAX) < 5.3 && normal::<f32>(0) > -5.3);
    }

    #[test]
    fn a_million_values_have_their_distribution() {
        let count = 1_000_000;
        let draw = |dist, seed| {
            let mut y = vec![0.0f32; count];
            let random = Random::of(3, dist, count);
            random.reference(Io {
                reads: vec![],
                words: vec![&[5, seed, 0, 0]],
                writes: vec![&mut y],
                words_out: vec![],
                operands: vec![],
            });
            y.into_iter().map(f64::from).collect::<Vec<_>>()
        };
        let moment = |y: &[f64], k| y.iter().map(|y| y.powi(k)).sum::<f64>() / count as f64;
        // Kolmogorov-Smirnov: 1.95 / sqrt(count) is exceeded once in a thousand; these seeds are fixed
        let distance = |mut y: Vec<f64>, distribution: fn(f64) -> f64| {
            y.sort_by(f64::total_cmp);
            let gap = |(k, y): (usize, &f64)| (distribution(*y) - (k as f64 + 0.5) / count as f64).abs();
            y.iter().enumerate().map(gap).fold(0.0, f64::max)
        };
        let limit = 1.95 / (count as f64).sqrt();

        let y = draw(Dist::Uniform, 1);
        assert!((moment(&y, 1) - 0.5).abs() < 4.0 * (1.0f64 / 12.0).sqrt() / 1e3);
        assert!(distance(y, |u| u) < limit);

        let y = draw(Dist::Normal, 2);
        for (k, expected, variance) in [(1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0f64)] {
            assert!((moment(&y, k) - expected).abs() < 4.0 * variance.sqrt() / 1e3, "moment {k}: {}", moment(&y, k));
        }
        let neighbours = y.windows(2).map(|w| w[0] * w[1]).sum::<f64>() / count as f64;
        assert!(neighbours.abs() < 4e-3, "correlation of neighbours {neighbours}");
        assert!(distance(y, phi) < limit);

        let y = draw(Dist::Bernoulli(crate::graph::Real::new(0.3)), 3);
        assert!((moment(&y, 1) - 0.3).abs() < 4.0 * 0.21f64.sqrt() / 1e3);
    }
}
