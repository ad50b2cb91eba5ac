//! y[n] = noise, a function of (seed, stream, step, n) alone: Philox4x32-10 (Salmon et al. 2011). Words: the clock.

use num_traits::Float;
use serde::{Deserialize, Serialize};

use super::{Buffers, Caps, Cost, Io, Launch, Spec};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Random {
    pub stream: u32,
    pub dist: crate::graph::Dist,
    pub len: usize,
}

impl Spec for Random {
    const NAME: &'static str = "random";
    const SOURCES: &'static [&'static str] = &[];

    fn buffers(&self) -> Buffers {
        todo!()
    }

    fn launch(&self, _caps: &Caps) -> Launch {
        todo!()
    }

    fn twin<F: Float>(&self, _io: Io<F>) {
        todo!()
    }

    fn cost(&self) -> Cost {
        todo!()
    }
}
