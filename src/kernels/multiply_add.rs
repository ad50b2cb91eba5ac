//! `y[n]` = the mean of [`CHAINS`] values x after some steps x <- x m + c: nothing but arithmetic, which shows how fast
//! a device multiplies and adds. Reads a, then m and c.

use num_traits::Float;
use serde::{Deserialize, Serialize};

use super::{Buffers, Caps, Cost, Dispatch, Io, Spec, real};
use crate::overrides;

/// Chains of multiply-adds for each element of y.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MultiplyAdd {
    /// Elements of y.
    pub len: usize,
    /// Steps of each chain.
    pub rounds: usize,
    /// Whether the values are of half precision.
    pub half: bool,
}

const SIZE: usize = 256;
/// Values that are stepped side by side; they start at `a[n]`, `a[n]` + 1 and so on.
pub const CHAINS: usize = 32;

impl Spec for MultiplyAdd {
    const NAME: &'static str = "multiply_add";
    const SOURCES: &'static [&'static str] = &[include_str!("../../shaders/multiply_add.wgsl")];

    fn buffers(&self) -> Buffers {
        Buffers { reads: vec![self.len, 2], writes: vec![self.len], ..Default::default() }
    }

    fn dispatch(&self, caps: &Caps) -> Dispatch {
        let body: &[&str] = match self.half {
            true => &[include_str!("../../shaders/shared/real_half.wgsl")],
            false => &[include_str!("../../shaders/shared/real_single.wgsl")],
        };
        let overrides = overrides!(N = self.len, ROUNDS = self.rounds);
        Dispatch { body, ..Dispatch::folded(self.len.div_ceil(SIZE), caps, overrides) }
    }

    fn reference<F: Float>(&self, mut io: Io<F>) {
        let (m, c) = (io.reads[1][0], io.reads[1][1]);
        for (&a, y) in io.reads[0].iter().zip(io.writes[0].iter_mut()) {
            let end = |i| (0..self.rounds).fold(a + real(i as f64), |x: F, _| x * m + c);
            *y = (0..CHAINS).fold(F::zero(), |sum, i| sum + end(i)) / real(CHAINS as f64);
        }
    }

    fn cost(&self) -> Cost {
        let len = self.len as f64;
        Cost { flops: len * (2 * CHAINS * self.rounds) as f64, bytes: 8.0 * len }
    }
}
