//! y[0, o] = -sum of dy and y[1, o] = -sum of dy * (x - mean) / (2 (variance + eps)) over the inner axes: what the
//! backward pass of batch norm and layer norm needs.
//! Reads dy, x, moments [2, outer].

use num_traits::Float;
use serde::{Deserialize, Serialize};

use super::{Axis, Buffers, Caps, Cost, Dispatch, Io, Spec, fold, real};
use crate::overrides;

/// The two sums that the gradient of a normalisation takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NormSums {
    /// The kept axes, outermost first: the result's shape.
    pub outer: Vec<Axis>,
    /// The same of the reduced axes.
    pub inner: Vec<Axis>,
    /// Small constant that is added to variances.
    pub eps: f64,
}

impl Spec for NormSums {
    const NAME: &'static str = "norm_sums";
    const SOURCES: &'static [&'static str] =
        &[include_str!("../../shaders/norm_sums.wgsl"), include_str!("../../shaders/shared/fold.wgsl")];

    fn buffers(&self) -> Buffers {
        let (outer, inner) = (fold::len(&self.outer), fold::len(&self.inner));
        Buffers { reads: vec![outer * inner, outer * inner, 2 * outer], writes: vec![2 * outer], ..Default::default() }
    }

    fn dispatch(&self, caps: &Caps) -> Dispatch {
        fold::dispatch(&self.outer, &self.inner, 1, fold::len(&self.inner), caps, overrides!(EPS = self.eps))
    }

    fn reference<F: Float>(&self, mut io: Io<F>) {
        let (outer, inner) = (fold::offsets(&self.outer), fold::offsets(&self.inner));
        let (dy, x, (means, variances)) = (io.reads[0], io.reads[1], io.reads[2].split_at(outer.len()));
        let (sums, products) = io.writes[0].split_at_mut(outer.len());
        for (j, &o) in outer.iter().enumerate() {
            sums[j] = -fold::sum(&inner, |i| dy[o + i]);
            let product = fold::sum(&inner, |i| dy[o + i] * (x[o + i] - means[j]));
            products[j] = product * real(-0.5) / (variances[j] + real(self.eps));
        }
    }

    fn cost(&self) -> Cost {
        let (outer, inner) = (fold::len(&self.outer) as f64, fold::len(&self.inner) as f64);
        Cost { flops: 4.0 * outer * inner, bytes: 4.0 * (2.0 * outer * inner + 3.0 * outer) }
    }

    fn obstacle(&self) -> Option<String> {
        fold::obstacle(&self.outer, &self.inner, fold::len(&self.inner))
    }

    fn shape(&self) -> String {
        fold::shape(&self.outer, &self.inner)
    }
}
