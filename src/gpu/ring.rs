//! The newest rows of a program's metrics, on the device and on their way from it.

use std::ops;

use wgpu::Buffer;

/// The ring of one program.
pub struct Ring {
    pub buffer: Buffer,
    pub rows: u64,
    pub columns: usize,
    /// Steps whose rows are in the buffer and have not been read. It ends after the program's last round, also when all
    /// are read.
    pub pending: ops::Range<u64>,
    /// Rows that were read to make room, before a caller asked for them.
    pub read: Vec<Vec<f32>>,
}

impl Ring {
    /// Takes note of rounds that write rows.
    pub fn add(&mut self, rounds: ops::Range<u64>) {
        let start = if self.pending.is_empty() { rounds.start } else { self.pending.start };
        self.pending = start..rounds.end;
    }

    /// Number of further rounds that may write rows before the pending rows must be read.
    pub fn room(&self, step: u64, ticks: bool) -> u64 {
        let waiting = self.pending.end - self.pending.start;
        match (waiting, ticks) {
            (0, true) => self.rows,
            (_, true) if self.pending.end == step => self.rows - waiting,
            // Without a tick, all rounds write the same row.
            (0, false) => u64::MAX,
            (_, false) if self.pending.start == step => u64::MAX,
            // Another program has moved the clock.
            _ => 0,
        }
    }
}
