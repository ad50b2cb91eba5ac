//! `clock.step += 1`: ends a round. Words out: the [`Clock`].

use num_traits::Float;
use serde::{Deserialize, Serialize};

use super::{Buffers, Caps, Cost, Dispatch, Io, Spec};

/// The clock of a run as kernels see it. All noise and all batches follow from it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    /// Rounds done; kernels see the lower 32 bits.
    pub step: u64,
    /// The seed of the run.
    pub seed: u64,
}

impl Clock {
    /// Words of the buffer.
    pub const LEN: usize = 4;
    /// The word that graphs read as a tensor.
    pub const STEP_AS_FLOAT: usize = 3;
    /// The word behind these, with the number of the part of a batch, which only rounds of several parts read.
    pub const PART: usize = 4;
    /// Words of the buffer together with that one.
    pub const LEN_WITH_PART: usize = 5;

    /// The buffer: step, seed low, seed high, the bits of the step as f32.
    pub fn words(self) -> [u32; Self::LEN] {
        let step = self.step as u32;
        [step, self.seed as u32, (self.seed >> 32) as u32, (step as f32).to_bits()]
    }
}

/// The end of a round.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tick {}

impl Spec for Tick {
    const NAME: &'static str = "tick";
    const SOURCES: &'static [&'static str] = &[include_str!("../../shaders/tick.wgsl")];

    fn buffers(&self) -> Buffers {
        Buffers { words_out: vec![Clock::LEN], ..Default::default() }
    }

    fn dispatch(&self, caps: &Caps) -> Dispatch {
        Dispatch::folded(1, caps, vec![])
    }

    fn reference<F: Float>(&self, mut io: Io<F>) {
        let clock = &mut io.words_out[0];
        clock[0] = clock[0].wrapping_add(1);
        clock[Clock::STEP_AS_FLOAT] = (clock[0] as f32).to_bits();
    }

    fn cost(&self) -> Cost {
        Cost { flops: 0.0, bytes: 8.0 }
    }
}
