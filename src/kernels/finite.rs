//! found\[p\] = the step since which part p of x holds a NaN or an infinity, 0 while it holds none. Words: the clock,
//! the bits of x `[len]`. Words out: found, one for each part of [`SPAN`] elements.

use num_traits::Float;
use serde::{Deserialize, Serialize};

use super::{Buffers, Caps, Cost, Dispatch, Io, Spec};
use crate::overrides;

/// A search for values that are not finite.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finite {
    /// Elements of x.
    pub len: usize,
}

/// Elements of a part.
pub const SPAN: usize = 1 << 14;
const LANES: usize = 256;
/// The bits of the exponent, which are all set only in NaNs and infinities.
const EXPONENT: u32 = 0x7f80_0000;

impl Finite {
    /// The new value of `found` for one part.
    #[inline(always)]
    pub fn since(part: &[u32], step: u32, before: u32) -> u32 {
        // Without a way out of the loop, so that it can be vectorised.
        let bad = part.iter().fold(false, |bad, word| bad | (word & EXPONENT == EXPONENT));
        match (bad, before) {
            (false, _) => 0,
            (true, 0) => step,
            (true, before) => before,
        }
    }
}

impl Spec for Finite {
    const NAME: &'static str = "finite";
    const SOURCES: &'static [&'static str] =
        &[include_str!("../../shaders/finite.wgsl"), include_str!("../../shaders/shared/row.wgsl")];

    fn buffers(&self) -> Buffers {
        Buffers { words: vec![4, self.len], words_out: vec![self.len.div_ceil(SPAN)], ..Default::default() }
    }

    fn dispatch(&self, caps: &Caps) -> Dispatch {
        Dispatch::folded(self.len.div_ceil(SPAN), caps, overrides!(N = self.len, SPAN = SPAN, LANES = LANES))
    }

    fn reference<F: Float>(&self, mut io: Io<F>) {
        let (step, x) = (io.words[0][0], &io.words[1][..self.len]);
        for (part, found) in x.chunks(SPAN).zip(io.words_out[0].iter_mut()) {
            *found = Self::since(part, step, *found);
        }
    }

    fn cost(&self) -> Cost {
        Cost { flops: 0.0, bytes: 4.0 * (self.len + 2 * self.len.div_ceil(SPAN)) as f64 }
    }

    fn shape(&self) -> String {
        self.len.to_string()
    }
}
