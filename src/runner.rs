//! What replays a [`Program`]: the interface that the GPU and the CPU runner share.

use std::time::Duration;

use crate::{data::Items, error::Result, kernels::Clock, program::Program};

/// A program that a runner has made ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ProgramId(pub usize);

/// Replays programs. States, the data set and the clock are shared by all programs that one runner has loaded.
///
/// Calls that read wait for the rounds before them; [`Runner::run`] does not wait for its own.
pub trait Runner {
    /// Makes a program ready to run. States are found by name; new ones are zero.
    fn load(&mut self, program: &Program) -> Result<ProgramId>;
    /// Runs rounds of a program, one after the other.
    fn run(&mut self, id: ProgramId, times: usize) -> Result<()>;
    /// Writes elements of a state's flat buffer, from `offset` on.
    fn write_state(&mut self, state: &str, offset: usize, data: &[f32]) -> Result<()>;
    /// Reads elements of a state's flat buffer.
    fn read_state(&mut self, state: &str, offset: usize, len: usize) -> Result<Vec<f32>>;
    /// Writes all of an input.
    fn write_input(&mut self, id: ProgramId, name: &str, data: &[f32]) -> Result<()>;
    /// Reads an output as the last round left it.
    fn read_output(&mut self, id: ProgramId, name: &str) -> Result<Vec<f32>>;
    /// Stores the data set, or shares its memory, and its classes; before the programs that use them are loaded.
    fn set_data(&mut self, items: &Items, classes: &[u32]) -> Result<()>;
    /// Sets the number of rounds done and the seed.
    fn set_clock(&mut self, clock: Clock) -> Result<()>;
    /// The number of rounds done.
    fn clock(&self) -> u64;
    /// One row of metrics for each round since the last call, oldest first.
    fn metrics(&mut self, id: ProgramId) -> Result<Vec<Vec<f32>>>;
    /// How long a submission should take at most, where there are any; for machines that stop what takes long. Results do
    /// not depend on it.
    fn set_submission_time(&mut self, most: Duration);
    /// Lets products that are loaded from now on round their operands to half precision, where that is what the device multiplies
    /// fastest; whether it is.
    fn allow_half(&mut self) -> Result<bool>;
    /// Waits for all rounds.
    fn wait(&mut self) -> Result<()>;
    /// Time that launch number `launch` of a program takes, so many times in a row, by the device's own clock where it has one.
    /// What the launch writes is of no use afterwards.
    fn time(&mut self, id: ProgramId, launch: usize, times: usize) -> Result<Duration>;
    /// Time that the host spends on one launch when it replays a program; none where launches are calls.
    fn encode_cost(&self, id: ProgramId) -> Result<Option<Duration>>;
    /// Bytes of memory that it has allocated, where that is known.
    fn allocated(&self) -> Option<u64>;
    /// Bytes of main memory that it takes to load these programs together, beyond their data set's own; none for what lies in
    /// the memory of a device.
    fn main_memory(&self, programs: &[&Program]) -> u64;
    /// The device and its driver, for people.
    fn describe(&self) -> String;
}
