//! A launch with all its GPU objects.

use std::sync::Arc;

use wgpu::{BindGroup, ComputePass};

use crate::gpu::Pipeline;

/// A launch that only has to be encoded.
pub struct Command {
    /// See [`crate::program::Launch::every`].
    pub every: u64,
    pub pipeline: Arc<Pipeline>,
    pub bound: BindGroup,
    pub groups: [u32; 3],
}

impl Command {
    /// Encodes it behind the command `before` of the same pass.
    pub fn encode(&self, pass: &mut ComputePass, before: Option<&Self>) {
        if before.is_none_or(|before| !Arc::ptr_eq(&before.pipeline, &self.pipeline)) {
            pass.set_pipeline(&self.pipeline.raw);
        }
        pass.set_bind_group(0, &self.bound, &[]);
        pass.dispatch_workgroups(self.groups[0], self.groups[1], self.groups[2]);
    }
}
