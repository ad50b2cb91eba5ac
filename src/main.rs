//! The `saddle` command.

use std::io::{Write, stderr};
use std::process::ExitCode;

use clap::Parser;
use saddle::cli::{Cli, run};
use tracing_subscriber::EnvFilter;

/// What reaches stderr unless `RUST_LOG` says otherwise: warnings, and from the graphics stack errors only.
const LOGGED: &str = "warn,wgpu=error,wgpu_core=error,wgpu_hal=error,naga=error";

#[expect(unsafe_code, reason = "an environment variable has to be set before any thread starts")]
fn main() -> ExitCode {
    // SAFETY: no other thread runs yet.
    unsafe { saddle::gpu::quiet_loader() };
    let cli = Cli::parse();
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(LOGGED)))
        .with_writer(stderr)
        .without_time()
        .with_target(false)
        .log_internal_errors(false)
        .init();
    match run(cli) {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            // Not `eprintln!`, which panics when stderr is closed; there is nobody left to tell.
            let _ = writeln!(stderr(), "error: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}
