//! y[0, o] = mean and y[1, o] = biased variance of x over the inner axes, in two passes over the data. Reads x.

use num_traits::Float;
use serde::{Deserialize, Serialize};

use super::{Buffers, Caps, Cost, Io, Launch, Spec};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Moments {
    /// (extent, stride in elements of the full tensor) of the kept axes, outermost first: the result's shape.
    pub outer: Vec<(usize, usize)>,
    /// The same of the reduced axes.
    pub inner: Vec<(usize, usize)>,
}

impl Spec for Moments {
    const NAME: &'static str = "moments";
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
