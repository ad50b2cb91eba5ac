//! The command line: arguments in `args`, one file per command.

mod args;
mod bench;
mod devices;
mod eval;
mod fit;
mod progress;
mod sample;
mod train;
mod trained;
mod variants;

use std::fmt::Display;
use std::io::{self, Write};

pub use args::{BenchArgs, BenchCommand, Cli, Command, DevicesArgs, EvalArgs, SampleArgs, TrainArgs, VariantsArgs};

use crate::error::{Error, Result};
use crate::memory;

/// Memory without which nothing is begun, as threads and all that is small would not have it either.
const STARTED: u64 = 8 << 20;

/// Carries out a parsed command line.
pub fn run(cli: Cli) -> Result<()> {
    memory::ensure(STARTED)?;
    match cli.command {
        Command::Train(args) => train::train(&args),
        Command::Sample(args) => sample::sample(&args),
        Command::Eval(args) => eval::eval(&args),
        Command::Bench(args) => bench::bench(&args),
        Command::Devices(args) => devices::devices(&args),
        Command::Variants(args) => variants::variants(&args),
    }
}

/// Tells the person at the keyboard; unlike `eprintln!`, it does not panic when nobody listens any more.
fn tell(text: impl Display) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Prints a result and a line feed; unlike `println!`, it does not panic when the reader has gone (`| head`).
pub fn print(text: impl Display) -> Result<()> {
    match writeln!(io::stdout(), "{text}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::failure(format!("cannot write to the standard output: {error}")))
        }
        _ => Ok(()),
    }
}
