//! `clock[0] += 1`: ends a round. Words out: the clock `[step, seed low, seed high, bits of the step as f32]`.

use num_traits::Float;
use serde::{Deserialize, Serialize};

use super::{Buffers, Caps, Cost, Dispatch, Io, Spec};

/// The end of a round.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tick {}

impl Spec for Tick {
    const NAME: &'static str = "tick";
    const SOURCES: &'static [&'static str] = &[include_str!("../../shaders/tick.wgsl")];

    fn buffers(&self) -> Buffers {
        Buffers { words_out: vec![4], ..Default::default() }
    }

    fn dispatch(&self, _caps: &Caps) -> Dispatch {
        Dispatch { body: &[], overrides: vec![], groups: [1; 3] }
    }

    fn reference<F: Float>(&self, mut io: Io<F>) {
        let clock = &mut io.words_out[0];
        clock[0] = clock[0].wrapping_add(1);
        clock[3] = (clock[0] as f32).to_bits();
    }

    fn cost(&self) -> Cost {
        Cost { flops: 0.0, bytes: 8.0 }
    }
}
