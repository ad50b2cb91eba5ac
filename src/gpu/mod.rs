//! The GPU: adapters, pipelines and the runner. The only module that names wgpu.

mod adapter;
mod body;
mod device;
mod pace;
mod pipeline;
mod runner;

pub use adapter::{Choice, Listed, adapters, choose, list, quiet_loader};
pub use body::bodies;
pub use device::Device;
pub use pipeline::{Binding, Pipeline, Pipelines, Shader};
pub use runner::Gpu;
/// The version of wgpu that these types come from.
pub use wgpu;

/// The version of wgpu in the lock file.
pub fn wgpu_version() -> &'static str {
    let lock = include_str!("../../Cargo.lock");
    let version = lock.split_once("name = \"wgpu\"\nversion = \"").and_then(|(_, rest)| rest.split('"').next());
    version.unwrap_or("unknown")
}
