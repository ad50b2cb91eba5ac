//! y[0, o] = mean and y[1, o] = biased variance of x over the inner axes, in two passes over the data. Reads x.

use num_traits::Float;
use serde::{Deserialize, Serialize};

use super::{Axis, Buffers, Caps, Cost, Dispatch, Io, Spec, fold, real};

/// Mean and variance over the reduced axes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Moments {
    /// The kept axes, outermost first: the result's shape.
    pub outer: Vec<Axis>,
    /// The same of the reduced axes.
    pub inner: Vec<Axis>,
}

impl Spec for Moments {
    const NAME: &'static str = "moments";
    const SOURCES: &'static [&'static str] =
        &[include_str!("../../shaders/moments.wgsl"), include_str!("../../shaders/shared/fold.wgsl")];

    fn buffers(&self) -> Buffers {
        let outer = fold::len(&self.outer);
        Buffers { reads: vec![outer * fold::len(&self.inner)], writes: vec![2 * outer], ..Default::default() }
    }

    fn dispatch(&self, caps: &Caps) -> Dispatch {
        fold::dispatch(&self.outer, &self.inner, 1, fold::len(&self.inner), caps, vec![])
    }

    fn reference<F: Float>(&self, mut io: Io<F>) {
        let (outer, inner) = (fold::offsets(&self.outer), fold::offsets(&self.inner));
        let (x, count) = (io.reads[0], real::<F>(inner.len() as f64));
        let (means, variances) = io.writes[0].split_at_mut(outer.len());
        for ((&o, mean), variance) in outer.iter().zip(means).zip(variances) {
            *mean = fold::sum(&inner, |i| x[o + i]) / count;
            *variance = fold::sum(&inner, |i| (x[o + i] - *mean).powi(2)) / count;
        }
    }

    fn cost(&self) -> Cost {
        let (outer, inner) = (fold::len(&self.outer) as f64, fold::len(&self.inner) as f64);
        Cost { flops: 4.0 * outer * inner, bytes: 4.0 * (outer * inner + 2.0 * outer) }
    }

    fn obstacle(&self) -> Option<String> {
        fold::obstacle(&self.outer, &self.inner, fold::len(&self.inner))
    }

    fn shape(&self) -> String {
        fold::shape(&self.outer, &self.inner)
    }
}
