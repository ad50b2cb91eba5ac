//! The GPU: adapters, pipelines and the runner. The only module that names wgpu.

mod adapter;
mod body;
mod device;
mod pace;
mod pipeline;
mod ring;
mod runner;

pub use adapter::{Choice, Listed, adapters, choose, in_turn, list, quiet_loader};
pub use body::bodies;
pub use device::Device;
pub use pipeline::{Binding, Job, Pipeline, Pipelines, Shader};
pub use runner::Gpu;
/// The version of wgpu that these types come from.
pub use wgpu;

/// The version of wgpu that is linked: `Cargo.toml` admits no other, so that it holds also where the lock file is not
/// used.
pub const WGPU_VERSION: &str = "30.0.1";

#[cfg(test)]
mod tests {
    use super::WGPU_VERSION;

    #[test]
    fn the_version_of_wgpu_is_the_one_that_is_linked() {
        let manifest = include_str!("../../Cargo.toml");
        assert!(manifest.contains(&format!("\nwgpu = {{ version = \"={WGPU_VERSION}\"")));
        let lock = include_str!("../../Cargo.lock");
        assert!(lock.contains(&format!("name = \"wgpu\"\nversion = \"{WGPU_VERSION}\"")));
    }
}
