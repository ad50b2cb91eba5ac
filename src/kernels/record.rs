//! ring[step % rows, j] = x[j * stride]: keeps a round's metrics. Reads x. Words: the clock. Writes ring [rows, count].

use num_traits::Float;
use serde::{Deserialize, Serialize};

use super::{Buffers, Caps, Cost, Io, Launch, Spec};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub count: usize,
    pub stride: usize,
    pub rows: usize,
}

impl Spec for Record {
    const NAME: &'static str = "record";
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
