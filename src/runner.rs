//! [`Runner`] replays a [`Program`]: the interface that the GPU and the CPU share. What is decided before the first
//! program is loaded is in [`Tuning`], what benchmarks ask in [`Meter`].

mod feed;

use std::{ops::Range, time::Duration};

use crate::{
    data::Items,
    error::Result,
    kernels::Clock,
    program::{Program, Slice},
};

pub use feed::{AHEAD, Block, Ready, Stream};

/// Handle of a program that a runner has loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ProgramId(pub usize);

/// Replays programs. States, the data set and the clock are shared by all programs that one runner has loaded.
///
/// Calls that read wait for the rounds before them; [`Runner::run`] does not wait for its own.
pub trait Runner: Tuning + Meter {
    /// Makes a program ready to run. States are found by name; new ones are zero.
    fn load(&mut self, program: &Program) -> Result<ProgramId>;
    /// Runs a program `times` times, one round after the other: in each the launches that are due
    /// ([`crate::program::is_due`]).
    fn run(&mut self, id: ProgramId, times: usize) -> Result<()>;
    /// Puts the streamed items of the next rounds, `most` at most, where these read them, and returns of how many.
    fn supply(&mut self, id: ProgramId, most: usize) -> Result<usize>;
    /// Runs some launches of a round of several parts, whose items are there. It ends with the last of them if `ends`.
    fn run_span(&mut self, id: ProgramId, launches: Range<usize>, ends: bool) -> Result<()>;
    /// Sets the part of a batch that the launches to come compute for.
    fn set_part(&mut self, part: usize) -> Result<()>;
    /// Reads a range of a program's buffer.
    fn read_range(&mut self, id: ProgramId, range: Slice) -> Result<Vec<f32>>;
    /// Writes a range of a program's buffer.
    fn write_range(&mut self, id: ProgramId, range: Slice, data: &[f32]) -> Result<()>;
    /// Writes elements of a state's flat buffer, from `offset` on.
    fn write_state(&mut self, state: &str, offset: usize, data: &[f32]) -> Result<()>;
    /// Reads elements of a state's flat buffer.
    fn read_state(&mut self, state: &str, offset: usize, len: usize) -> Result<Vec<f32>>;
    /// Writes all of an input.
    fn write_input(&mut self, id: ProgramId, name: &str, data: &[f32]) -> Result<()>;
    /// Reads an output as the last round left it.
    fn read_output(&mut self, id: ProgramId, name: &str) -> Result<Vec<f32>>;
    /// Stores the data set, or shares its memory, and the table of its items: their classes, or of symbols their first
    /// elements. Call it before loading programs that use them.
    fn set_data(&mut self, items: &Items, table: &[u32]) -> Result<()>;
    /// Streams a data set, in place of storing it: programs whose layout has a ring read from it the items that the
    /// rounds draw, and their classes. Call it before loading these programs.
    fn stream(&mut self, items: &Items, classes: &[u32]);
    /// Streams only these parts of each batch from now on, those of this rank.
    fn stream_parts(&mut self, parts: Range<usize>);
    /// Sets the number of rounds done and the seed.
    fn set_clock(&mut self, clock: Clock) -> Result<()>;
    /// The number of rounds done.
    fn clock(&self) -> u64;
    /// One row of metrics for each round since the last call, oldest first; the last 256 rounds at most.
    fn metrics(&mut self, id: ProgramId) -> Result<Vec<Vec<f32>>>;
    /// Waits for all rounds.
    fn wait(&mut self) -> Result<()>;
    /// Bytes of main memory that loading these programs together needs, without the data set; buffers in a device's own
    /// memory do not count.
    fn main_memory(&self, programs: &[&Program]) -> u64;
    /// The device and its driver, for people.
    fn describe(&self) -> String;
}

/// How a runner works, decided before it loads programs; by default it has no choice.
pub trait Tuning {
    /// Sets the longest time that one submission should take, for systems that stop long ones. Results do not depend on
    /// it, and runners without submissions ignore it.
    fn set_submission_time(&mut self, _most: Duration) {}
    /// Lets products in programs that are loaded from now on round their operands to half precision, if the device
    /// multiplies these fastest. Returns whether it does.
    fn allow_half(&mut self) -> Result<bool> {
        Ok(false)
    }
}

/// What a runner's work costs.
pub trait Meter {
    /// Time of `times` consecutive executions of launch number `launch` of a program, by the device's own clock if it
    /// has one. The launch's results are meaningless afterwards.
    fn time(&mut self, id: ProgramId, launch: usize, times: usize) -> Result<Duration>;
    /// Time that the host spends on one launch when it replays a program; `None` for a runner whose launches are
    /// function calls.
    fn encode_cost(&self, id: ProgramId) -> Result<Option<Duration>>;
    /// The time since the last call in which rounds waited for streamed items; `None` if nothing is streamed. A device
    /// with earlier rounds to do waits less.
    fn waited(&mut self) -> Option<Duration>;
    /// Bytes of memory that the runner has allocated, if known.
    fn allocated(&self) -> Option<u64>;
}
