//! y[b, ..] = example (or one-hot class) picked for place b of this round's draw. Words: the clock, the packed data set, its classes.

use num_traits::Float;
use serde::{Deserialize, Serialize};

use super::{Buffers, Caps, Cost, Io, Launch, Spec};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gather {
    pub field: crate::graph::Field,
    /// Which of the round's draws, of how many.
    pub draw: u32,
    pub draws: u32,
    pub batch: usize,
    pub data: Data,
}

/// Shape of the data set on the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Data {
    /// Number of stored items.
    pub count: usize,
    /// Elements of one stored item.
    pub item_len: usize,
    /// Whether elements are bytes, four to a word, low byte first, items back to back; otherwise bits of `f32`.
    pub bytes: bool,
    /// Items that make one example, each drawn on its own (3 for stacked digits).
    pub stack: usize,
    /// Classes, 0 when there are no labels.
    pub classes: usize,
}

impl Spec for Gather {
    const NAME: &'static str = "gather";
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
