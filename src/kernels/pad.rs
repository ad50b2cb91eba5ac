//! y = zeros with x beginning at `before`; at most 4 axes. Reads x.

use num_traits::Float;
use serde::{Deserialize, Serialize};

use super::{Buffers, Caps, Cost, Dispatch, Io, Spec};
use crate::{graph::numel, overrides};

/// Zeros around a tensor of at most four axes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pad {
    /// Shape of x.
    pub from: Vec<usize>,
    /// Shape of y.
    pub to: Vec<usize>,
    /// Where x begins in y.
    pub before: Vec<usize>,
}

const SIZE: usize = 256;
/// Axes that the shader has.
const AXES: usize = 4;

impl Pad {
    /// Zeros around a tensor of any number of axes, where those that nothing is added to merge with the ones outside of
    /// them to four or fewer.
    pub fn of(from: &[usize], to: &[usize], before: &[usize]) -> Option<Self> {
        let mut pad = Self { from: from.to_vec(), to: to.to_vec(), before: before.to_vec() };
        for a in (1..to.len()).rev().filter(|&a| from[a] == to[a]) {
            if pad.to.len() <= AXES {
                break;
            }
            let whole = pad.from.remove(a);
            pad.to.remove(a);
            pad.before.remove(a);
            [&mut pad.from, &mut pad.to, &mut pad.before].into_iter().for_each(|list| list[a - 1] *= whole);
        }
        (pad.to.len() <= AXES).then_some(pad)
    }
}

impl Spec for Pad {
    const NAME: &'static str = "pad";
    const SOURCES: &'static [&'static str] = &[include_str!("../../shaders/pad.wgsl")];

    fn buffers(&self) -> Buffers {
        Buffers { reads: vec![numel(&self.from)], writes: vec![numel(&self.to)], ..Default::default() }
    }

    fn dispatch(&self, caps: &Caps) -> Dispatch {
        let rank = self.to.len();
        assert!(rank <= AXES, "pad: {:?} has more than {AXES} axes", self.to);
        let mut constants = overrides!();
        for a in 0..rank {
            let k = AXES - rank + a;
            constants.push((format!("FROM{k}"), self.from[a] as f64));
            constants.push((format!("TO{k}"), self.to[a] as f64));
            constants.push((format!("BEFORE{k}"), self.before[a] as f64));
        }
        Dispatch::folded(numel(&self.to).div_ceil(SIZE), caps, constants)
    }

    fn reference<F: Float>(&self, mut io: Io<F>) {
        let x = io.reads[0];
        for (n, y) in io.writes[0].iter_mut().enumerate() {
            // from the innermost axis outwards: the coordinate in y, and where that is in x
            let (mut rest, mut stride, mut at) = (n, 1, Some(0));
            for ((from, to), before) in self.from.iter().zip(&self.to).zip(&self.before).rev() {
                let inside = (rest % to).checked_sub(*before).filter(|a| a < from);
                at = at.zip(inside).map(|(at, a)| at + a * stride);
                (rest, stride) = (rest / to, stride * from);
            }
            *y = at.map_or(F::zero(), |at| x[at]);
        }
    }

    fn cost(&self) -> Cost {
        Cost { flops: 0.0, bytes: 4.0 * (numel(&self.from) + numel(&self.to)) as f64 }
    }
}
