//! How the runner works, and what its work costs.

use std::time::{Duration, Instant};

use super::Gpu;
use crate::{
    error::Result,
    gpu::body,
    kernels::Body,
    runner::{Meter, ProgramId, Runner, Stream, Tuning},
};

/// Minimum number of launches to encode when the cost of encoding is measured.
const ENCODED_LAUNCHES: usize = 1000;

impl Tuning for Gpu {
    fn set_submission_time(&mut self, most: Duration) {
        self.submission_time = most;
    }

    fn allow_half(&mut self) -> Result<bool> {
        self.device.caps.product = body::fastest(&self.device, &self.pipelines, &body::bodies(&self.adapter, true))?;
        Ok(matches!(self.device.caps.product, Body::Matrix(matrix) if matrix.is_half()))
    }
}

impl Meter for Gpu {
    fn time(&mut self, id: ProgramId, launch: usize, times: usize) -> Result<Duration> {
        self.wait()?;
        let command = &self.loaded(id)?.commands[launch];
        self.device.time(|pass| (0..times).for_each(|i| command.encode(pass, (i > 0).then_some(command))))
    }

    fn encode_cost(&self, id: ProgramId) -> Result<Option<Duration>> {
        let loaded = self.loaded(id)?;
        let count = ENCODED_LAUNCHES.div_ceil(loaded.commands.len().max(1)) * loaded.commands.len();
        let due = self.due(loaded, 0..count).count() as u32;
        // Take the minimum: interference from other processes only adds time.
        let costs = (0..64).map(|_| {
            let start = Instant::now();
            self.encode(loaded, 0..count);
            start.elapsed() / due.max(1)
        });
        Ok(costs.min())
    }

    fn waited(&mut self) -> Option<Duration> {
        self.stream.as_mut().map(Stream::waited)
    }

    fn allocated(&self) -> Option<u64> {
        self.device.raw.generate_allocator_report().map(|report| report.total_allocated_bytes)
    }
}
