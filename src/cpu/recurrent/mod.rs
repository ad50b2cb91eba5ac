//! LSTM and GRU on the CPU. Tasks of some examples each run through all steps, the matrix in panels for all of them.
//!
//! Within a task, values lie gate by gate (`[gate, example, unit]`), so that elementary functions run along vectors
//! even where there are few units.

mod gru;
mod lstm;
mod panels;

use rayon::prelude::*;

use super::products::{Buffer, PerThread, Scratch};
use crate::kernels::Sequence;
pub use gru::{gru, gru_grad};
pub use lstm::{lstm, lstm_grad};
use panels::Panels;

/// Smallest task, in multiply-adds; the elementary functions of one element count as [`FUNCTIONS`] multiply-adds.
const TASK: usize = 1 << 17;
/// Multiply-adds that take as long as the elementary functions of one element.
const FUNCTIONS: usize = 40;
/// Maximum number of tasks for one launch.
const TASKS: usize = 16;
/// Examples that are worth going through the panels for.
const EXAMPLES: usize = 16;

/// Some consecutive examples of a sequence.
#[derive(Clone, Copy)]
struct Part {
    sequence: Sequence,
    first: usize,
    examples: usize,
}

impl Part {
    /// Elements of the part's state.
    fn state(&self) -> usize {
        self.examples * self.sequence.units
    }

    /// The part's rows of one step of `[T, B, width]`.
    fn rows<'a>(&self, x: &'a [f32], t: usize, width: usize) -> &'a [f32] {
        &x[(t * self.sequence.batch + self.first) * width..][..self.examples * width]
    }

    /// The part's rows of `[B, H]`.
    fn of_state<'a>(&self, x: &'a [f32]) -> &'a [f32] {
        self.rows(x, 0, self.sequence.units)
    }

    /// The part's state before a step, from all T + 1.
    fn before<'a>(&self, states: &'a [f32], t: usize) -> &'a [f32] {
        self.rows(states, self.sequence.around(t)[0], self.sequence.units)
    }

    /// The part's states before and after a step, of its rows of all T + 1.
    fn around<'a>(&self, states: &'a mut [&mut [f32]], t: usize) -> [&'a mut [f32]; 2] {
        let places = states.get_disjoint_mut(self.sequence.around(t)).expect("two places of T + 1");
        places.map(|state| &mut **state)
    }
}

/// Runs `task` on parts of the batch, each with its rows of all `tables` `[.., B, width]` that are written, in order,
/// and with its thread's buffer. The parts follow from the shape alone.
fn for_each_part(
    s: Sequence,
    gates: usize,
    tables: Vec<(&mut [f32], usize)>,
    threads: &PerThread,
    task: impl Fn(Part, Vec<&mut [f32]>, &mut Buffer) + Sync,
) {
    let work = s.states() * (gates * s.units + FUNCTIONS);
    let tasks = (work / TASK).min(s.batch / EXAMPLES).clamp(1, TASKS);
    let examples = s.batch.div_ceil(tasks).next_multiple_of(4);
    let mut parts: Vec<(Part, Vec<&mut [f32]>)> = (0..s.batch)
        .step_by(examples)
        .map(|first| (Part { sequence: s, first, examples: examples.min(s.batch - first) }, vec![]))
        .collect();
    for (table, width) in tables {
        for step in table.chunks_mut(s.batch * width) {
            step.chunks_mut(examples * width).zip(&mut parts).for_each(|(rows, part)| part.1.push(rows));
        }
    }
    parts.into_par_iter().for_each(|(part, written)| threads.with(|buffer| task(part, written, buffer)));
}

/// From rows of gates, `[example, gate, unit]`, to `[gate, example, unit]`.
#[inline(always)]
fn by_gate(rows: &[f32], gates: usize, units: usize, to: &mut [f32]) {
    let state = rows.len() / gates;
    for (r, row) in rows.chunks_exact(gates * units).enumerate() {
        for (gate, values) in row.chunks_exact(units).enumerate() {
            to[gate * state + r * units..][..units].copy_from_slice(values);
        }
    }
}

/// The way back of [`by_gate`].
#[inline(always)]
fn by_example(from: &[f32], gates: usize, units: usize, rows: &mut [f32]) {
    let state = rows.len() / gates;
    for (r, row) in rows.chunks_exact_mut(gates * units).enumerate() {
        for (gate, values) in row.chunks_exact_mut(units).enumerate() {
            values.copy_from_slice(&from[gate * state + r * units..][..units]);
        }
    }
}

/// new = old for each example to the share that its mask, below 1, leaves.
#[inline(always)]
fn keep(mask: &[f32], units: usize, old: &[f32], new: &mut [f32]) {
    for ((&m, old), new) in mask.iter().zip(old.chunks_exact(units)).zip(new.chunks_exact_mut(units)) {
        if m != 1.0 {
            new.iter_mut().zip(old).for_each(|(new, old)| *new = m * *new + (1.0 - m) * old);
        }
    }
}

/// Each example's mask at all of its units.
#[inline(always)]
fn spread(mask: &[f32], units: usize, to: &mut [f32]) {
    to.chunks_exact_mut(units).zip(mask).for_each(|(to, &m)| to.fill(m));
}
