//! The command line: arguments in `args`, one file per command.

mod args;
mod bench;
mod check;
mod data;
mod devices;
mod eval;
mod fit;
mod preview;
mod progress;
mod resume;
mod sample;
mod showing;
mod signals;
mod threads;
mod train;
mod trained;
mod variants;

use std::fmt::Display;
use std::io::{self, Write};
use std::path::Path;

pub use args::{
    BenchArgs, BenchCommand, CheckArgs, Cli, Command, DataArgs, DevicesArgs, EvalArgs, SampleArgs, TrainArgs,
    VariantsArgs,
};

use crate::error::{Error, Result, escaped, plain};
use crate::memory;

/// Minimum free memory, in bytes, to start a command: threads and small allocations need it.
const STARTED: u64 = 8 << 20;

/// Carries out a parsed command line and returns the exit status: 0, or that of a training that a signal ended.
pub fn run(cli: Cli) -> Result<u8> {
    memory::ensure(STARTED)?;
    if !matches!(cli.command, Command::Variants(_)) {
        // Threads start before any file is written.
        threads::start()?;
    }
    match cli.command {
        Command::Train(args) => return train::train(&args),
        Command::Sample(args) => sample::sample(&args),
        Command::Eval(args) => eval::eval(&args),
        Command::Data(args) => data::data(&args),
        Command::Bench(args) => bench::bench(&args),
        Command::Check(args) => check::check(&args),
        Command::Devices(args) => devices::devices(&args),
        Command::Variants(args) => variants::variants(&args),
    }?;
    Ok(0)
}

/// Prints a line to the standard error; unlike `eprintln!`, it does not panic when the reader has gone.
fn tell(text: impl Display) {
    let _ = writeln!(io::stderr(), "{}", plain(&text.to_string()));
}

/// A path as part of a line, with characters escaped that a terminal would not print.
fn shown(path: &Path) -> String {
    escaped(&path.to_string_lossy(), "")
}

/// Prints a result and a line feed, lines and tabs as they are; unlike `println!`, it does not panic when the reader
/// has gone (`| head`).
pub fn print(text: impl Display) -> Result<()> {
    match writeln!(io::stdout(), "{}", escaped(&text.to_string(), "\n\t")) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::failure(format!("cannot write to the standard output: {error}")))
        }
        _ => Ok(()),
    }
}
