//! Code that the kernels of recurrent layers share: the sequence, its order, and the launch.

use num_traits::Float;
use serde::{Deserialize, Serialize};

use super::{Caps, Dispatch, lanes};
use crate::overrides;

/// Maximum number of units that fit in the workgroup memory of these kernels.
pub const UNITS: usize = 512;

/// Maximum total iterations of all loops in one invocation: software adapters silently stop at 65,535.
const ROUNDS: usize = 60_000;

/// A batch of sequences, time first, and the state that runs along them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sequence {
    /// Steps T.
    pub steps: usize,
    /// Examples B.
    pub batch: usize,
    /// Units H.
    pub units: usize,
    /// Whether the recurrence runs from the last step to the first.
    pub reverse: bool,
}

impl Sequence {
    /// Steps, examples and units, for people.
    pub(super) fn shape(&self) -> String {
        format!("{}x{}x{}", self.steps, self.batch, self.units)
    }

    /// Elements of one state, `[B, H]`.
    pub fn state(&self) -> usize {
        self.batch * self.units
    }

    /// Elements of the states of all steps, `[T, B, H]`.
    pub fn states(&self) -> usize {
        self.steps * self.state()
    }

    /// Elements of the states of all steps and of the one before the first, `[T + 1, B, H]`.
    pub fn all_states(&self) -> usize {
        (self.steps + 1) * self.state()
    }

    /// The steps in the order of the recurrence.
    pub fn order(&self) -> impl DoubleEndedIterator<Item = usize> + use<> {
        let Self { steps, reverse, .. } = *self;
        (0..steps).map(move |s| if reverse { steps - 1 - s } else { s })
    }

    /// The places, among all T + 1 states in the order of time, of those before and after a step.
    pub fn around(&self, t: usize) -> [usize; 2] {
        if self.reverse { [t + 1, t] } else { [t, t + 1] }
    }

    /// The place of the state before the first step.
    pub fn first(&self) -> usize {
        if self.reverse { self.steps } else { 0 }
    }

    /// The reason why the kernels cannot run the sequence, if there is one.
    pub fn obstacle(&self) -> Option<String> {
        let Self { steps, units, .. } = *self;
        // A product takes 8 or 16 terms a round, and what is left over one by one; the loops around take at most 16
        // rounds.
        let product = |terms: usize, at_once: usize| terms / at_once + terms % at_once;
        let products = (2 * product(units, 8)).max(product(2 * units, 16) + product(units, 16));
        let rounds = steps * units.div_ceil(lanes(units)) * (products + 16);
        if units > UNITS {
            return Some(format!("a recurrent layer of {units} units, where a workgroup has room for {UNITS}"));
        }
        (rounds > ROUNDS)
            .then(|| format!("{steps} steps of a recurrent layer of {units} units: too long for one launch"))
    }

    /// A workgroup for each `rows` examples, its lanes along the units.
    pub(super) fn dispatch(&self, rows: usize, caps: &Caps) -> Dispatch {
        let Self { steps, batch, units, reverse } = *self;
        let constants = overrides!(T = steps, B = batch, H = units, REVERSE = reverse as u32, LANES = lanes(units));
        Dispatch::folded(batch.div_ceil(rows), caps, constants)
    }
}

pub(super) fn sigmoid<F: Float>(x: F) -> F {
    (F::one() + (-x).exp()).recip()
}

/// s (1 - s): the derivative of the sigmoid by its value.
pub(super) fn slope<F: Float>(s: F) -> F {
    s * (F::one() - s)
}

/// `new` where the mask is 1, `old` where it is 0.
pub(super) fn choose<F: Float>(mask: F, new: F, old: F) -> F {
    mask * new + (F::one() - mask) * old
}

/// The sum of `vector[k] * matrix[(first + k) * cols + col]`.
pub(super) fn dot<F: Float>(vector: &[F], matrix: &[F], first: usize, cols: usize, col: usize) -> F {
    vector.iter().enumerate().fold(F::zero(), |sum, (k, &v)| sum + v * matrix[(first + k) * cols + col])
}
