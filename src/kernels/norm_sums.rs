//! y[0, o] = sum of dy and y[1, o] = sum of dy * (x - mean) over the inner axes: what the backward pass of batch norm and layer norm needs.
//! Reads dy, x, moments [2, outer].

use num_traits::Float;
use serde::{Deserialize, Serialize};

use super::{Buffers, Caps, Cost, Io, Launch, Spec};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NormSums {
    /// (extent, stride in elements of the full tensor) of the kept axes, outermost first: the result's shape.
    pub outer: Vec<(usize, usize)>,
    /// The same of the reduced axes.
    pub inner: Vec<(usize, usize)>,
}

impl Spec for NormSums {
    const NAME: &'static str = "norm_sums";
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
