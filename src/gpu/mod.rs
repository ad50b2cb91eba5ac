//! The GPU: adapters, pipelines and the runner. The only module that names wgpu.

mod adapter;
mod device;
mod pipeline;

pub use adapter::{Choice, Listed, adapters, choose, list};
pub use device::Device;
pub use pipeline::{Binding, Pipeline, Pipelines};
