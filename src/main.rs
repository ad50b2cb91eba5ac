//! The `saddle` command.

use std::io::{self, Write, stderr};
use std::process::ExitCode;

use clap::Parser;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use saddle::cli::{Cli, hints, is_told_elsewhere, run, said};
use saddle::error::{escaped, plain};
use tracing_subscriber::EnvFilter;

/// What reaches stderr unless `RUST_LOG` says otherwise: warnings, and from the graphics stack errors only.
const LOGGED: &str = "warn,wgpu=error,wgpu_core=error,wgpu_hal=error,naga=error";
/// The same with `--verbose`.
const VERBOSE: &str = "info,saddle=debug";

/// Standard error for the log, a line for each event.
struct Plain;

impl Write for Plain {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let line = plain(String::from_utf8_lossy(bytes).trim_end());
        // What is traced with --verbose is a course of events, and a warning is none.
        if !line.trim_start().starts_with("WARN") || said::is_new(&line) {
            writeln!(stderr(), "{line}")?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        stderr().flush()
    }
}

/// Ends the process with a hint in place of what clap has to say.
fn say(error: &clap::Error, hint: &str) -> ! {
    let _ = writeln!(stderr(), "error: {}", plain(hint));
    std::process::exit(error.exit_code());
}

/// Ends the process with what clap has to say, which quotes arguments as they were given; of options that other tools
/// have, with what to type here.
fn refuse(error: &clap::Error) -> ! {
    if is_told_elsewhere() {
        std::process::exit(error.exit_code());
    }
    if let (ErrorKind::UnknownArgument, Some(ContextValue::String(typed))) =
        (error.kind(), error.get(ContextKind::InvalidArg))
        && let words = hints::typed()
        && let Some(hint) = hints::option(typed, &words).or_else(|| hints::path(typed, &words))
    {
        say(error, &hint);
    }
    if let (ErrorKind::InvalidValue, Some(ContextValue::String(option)), Some(ContextValue::String(value))) =
        (error.kind(), error.get(ContextKind::InvalidArg), error.get(ContextKind::InvalidValue))
        && let Some(hint) = hints::valueless(option).filter(|_| value.is_empty())
    {
        say(error, hint);
    }
    if let (ErrorKind::InvalidSubcommand, Some(ContextValue::String(typed))) =
        (error.kind(), error.get(ContextKind::InvalidSubcommand))
        && let Some(hint) = hints::command(typed)
    {
        say(error, &hint);
    }
    if let (ErrorKind::ArgumentConflict, Some(ContextValue::String(typed)), Some(ContextValue::String(before))) =
        (error.kind(), error.get(ContextKind::InvalidArg), error.get(ContextKind::PriorArg))
    {
        if typed == before {
            // An option that takes several values says so by the dots.
            let list = if typed.contains(",..") { ", with commas between its values" } else { "" };
            say(error, &format!("{typed} is given twice: give it once{list}"));
        }
        if [typed, before].iter().all(|option| ["--resume", "--minutes <N>"].contains(&option.as_str())) {
            say(error, "a resumed run goes by steps: --steps N, counted from its beginning");
        }
    }
    let text = error.render().to_string();
    // That an option may be meant as a value is no help here.
    let told = |line: &&str| !line.contains("as a value, use '-- ");
    let kept = text.split_inclusive('\n').filter(told).collect::<String>();
    let shown = escaped(&kept, "\n");
    if shown == text {
        error.exit();
    }
    let _ = write!(stderr(), "{shown}");
    std::process::exit(error.exit_code());
}

#[expect(unsafe_code, reason = "an environment variable has to be set before any thread starts")]
fn main() -> ExitCode {
    // SAFETY: no other thread runs yet.
    unsafe { saddle::gpu::quiet_loader() };
    let cli = Cli::try_parse().unwrap_or_else(|error| refuse(&error));
    let logged = if cli.verbose { VERBOSE } else { LOGGED };
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(logged)))
        .with_writer(|| Plain)
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
