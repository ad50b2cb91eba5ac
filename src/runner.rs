//! What runs programs: the GPU, or the CPU.

use crate::{error::Result, program::Program};

/// Position of a loaded program.
pub type ProgramId = usize;

/// Holds states and the data set, and replays programs on them. States are shared by name between programs.
pub trait Runner {
    /// Makes a program ready to run.
    fn load(&mut self, program: &Program) -> Result<ProgramId>;
    /// Runs a program some times.
    fn run(&mut self, id: ProgramId, times: usize) -> Result<()>;
    /// Waits for all that was submitted.
    fn wait(&mut self) -> Result<()>;
    /// Writes elements of a state's flat buffer.
    fn write_state(&mut self, state: &str, offset: usize, data: &[f32]) -> Result<()>;
    fn read_state(&mut self, state: &str, offset: usize, len: usize) -> Result<Vec<f32>>;
    fn write_input(&mut self, id: ProgramId, name: &str, data: &[f32]) -> Result<()>;
    fn read_output(&mut self, id: ProgramId, name: &str) -> Result<Vec<f32>>;
    /// Packed items and classes; to be set before a program that draws batches is loaded.
    fn set_data(&mut self, items: &[u32], classes: &[u32]) -> Result<()>;
    fn set_clock(&mut self, step: u32, seed: u64) -> Result<()>;
    /// Rows of metrics of all rounds since the last call, oldest first.
    fn metrics(&mut self, id: ProgramId) -> Result<Vec<Vec<f32>>>;
    /// The device, for people.
    fn describe(&self) -> String;
}
