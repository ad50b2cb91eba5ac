//! y[r] = sum over c of t[r, c] * (logsumexp(x[r, :]) - x[r, c]). Reads x (logits), t (targets).

use num_traits::Float;
use serde::{Deserialize, Serialize};

use super::{Buffers, Caps, Cost, Io, Launch, Spec};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CrossEntropy {
    pub rows: usize,
    pub cols: usize,
}

impl Spec for CrossEntropy {
    const NAME: &'static str = "cross_entropy";
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
