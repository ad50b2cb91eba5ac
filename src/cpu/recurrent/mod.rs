//! LSTM and GRU on the CPU. Each task runs some examples of the batch through all steps; the tasks share one copy of
//! the recurrent matrix, laid out in panels.
//!
//! Within a task, values are stored gate by gate (`[gate, example, unit]`), so that elementary functions run along
//! vectors even with few units.

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
/// Minimum number of examples of a task, because each task reads the whole matrix at each step.
const EXAMPLES: usize = 16;

/// Consecutive examples of the batch: the examples of one task.
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

    /// The part's rows of step t of x `[T, B, width]`.
    fn rows<'a>(&self, x: &'a [f32], t: usize, width: usize) -> &'a [f32] {
        &x[(t * self.sequence.batch + self.first) * width..][..self.examples * width]
    }

    /// The part's rows of x `[B, H]`.
    fn of_state<'a>(&self, x: &'a [f32]) -> &'a [f32] {
        self.rows(x, 0, self.sequence.units)
    }

    /// The part's rows of the state before step t, from all T + 1 states `[T + 1, B, H]`.
    fn before<'a>(&self, states: &'a [f32], t: usize) -> &'a [f32] {
        self.rows(states, self.sequence.around(t)[0], self.sequence.units)
    }

    /// The states before and after step t, from the part's rows of all T + 1 states.
    fn around<'a>(&self, states: &'a mut [&mut [f32]], t: usize) -> [&'a mut [f32]; 2] {
        let places = states.get_disjoint_mut(self.sequence.around(t)).expect("two places of T + 1");
        places.map(|state| &mut **state)
    }
}

/// Runs `task` on all parts of the batch, in parallel. A task gets its part, its rows of the output `tables`
/// `[.., B, width]` in order, and its thread's buffer. The parts depend on the shape alone.
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

/// The inverse of [`by_gate`].
#[inline(always)]
fn by_example(from: &[f32], gates: usize, units: usize, rows: &mut [f32]) {
    let state = rows.len() / gates;
    for (r, row) in rows.chunks_exact_mut(gates * units).enumerate() {
        for (gate, values) in row.chunks_exact_mut(units).enumerate() {
            values.copy_from_slice(&from[gate * state + r * units..][..units]);
        }
    }
}

/// new = m * new + (1 - m) * old, with the mask m of each example.
#[inline(always)]
fn keep(mask: &[f32], units: usize, old: &[f32], new: &mut [f32]) {
    for ((&m, old), new) in mask.iter().zip(old.chunks_exact(units)).zip(new.chunks_exact_mut(units)) {
        if m != 1.0 {
            new.iter_mut().zip(old).for_each(|(new, old)| *new = m * *new + (1.0 - m) * old);
        }
    }
}

/// Repeats each example's mask for all units.
#[inline(always)]
fn spread(mask: &[f32], units: usize, to: &mut [f32]) {
    to.chunks_exact_mut(units).zip(mask).for_each(|(to, &m)| to.fill(m));
}
