//! s = decay * s + (1 - decay) * g^2; p -= rate * g / (sqrt(s) + eps). Reads g, rate [1]. Writes p, s.

use num_traits::Float;
use serde::{Deserialize, Serialize};

use super::{Buffers, Caps, Cost, Io, Launch, Spec};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RmsProp {
    pub len: usize,
    pub decay: f64,
    pub eps: f64,
}

impl Spec for RmsProp {
    const NAME: &'static str = "rmsprop";
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
