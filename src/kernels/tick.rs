//! clock[0] += 1: ends a round. Words out: the clock [step, seed low, seed high, 0].

use num_traits::Float;
use serde::{Deserialize, Serialize};

use super::{Buffers, Caps, Cost, Io, Launch, Spec};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tick {
}

impl Spec for Tick {
    const NAME: &'static str = "tick";
    const SOURCES: &'static [&'static str] = &[include_str!("../../shaders/tick.wgsl")];

    fn buffers(&self) -> Buffers {
        Buffers { words_out: vec![4], ..Default::default() }
    }

    fn launch(&self, _caps: &Caps) -> Launch {
        Launch { overrides: vec![], groups: [1; 3] }
    }

    fn twin<F: Float>(&self, mut io: Io<F>) {
        let step = &mut io.words_out[0][0];
        *step = step.wrapping_add(1);
    }

    fn cost(&self) -> Cost {
        Cost { flops: 0.0, bytes: 8.0 }
    }
}
