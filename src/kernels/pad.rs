//! y = zeros with x beginning at `before`; at most 4 axes. Reads x.

use num_traits::Float;
use serde::{Deserialize, Serialize};

use super::{Buffers, Caps, Cost, Io, Launch, Spec};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pad {
    pub from: Vec<usize>,
    pub to: Vec<usize>,
    pub before: Vec<usize>,
}

impl Spec for Pad {
    const NAME: &'static str = "pad";
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
