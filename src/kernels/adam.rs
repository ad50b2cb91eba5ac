//! Adam (Kingma and Ba 2015, algorithm 1), one dispatch for a flat group. Reads g, rate [1]. Words: the clock. Writes p, m, v.

use num_traits::Float;
use serde::{Deserialize, Serialize};

use super::{Buffers, Caps, Cost, Io, Launch, Spec};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Adam {
    /// Elements of the flat group.
    pub len: usize,
    /// This is update number `count` of `of` in a round: t = step * of + count + 1.
    pub count: usize,
    pub of: usize,
    pub beta1: f64,
    pub beta2: f64,
    pub eps: f64,
}

impl Spec for Adam {
    const NAME: &'static str = "adam";
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
