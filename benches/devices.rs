//! `saddle bench` as a Cargo benchmark: `cargo bench --bench devices -- [OPTIONS]`.

use clap::Parser;
use saddle::cli::{Cli, run};

fn main() -> saddle::error::Result<()> {
    // Cargo adds `--bench`.
    let given = std::env::args().skip(1).filter(|argument| argument != "--bench");
    run(Cli::parse_from(["saddle", "bench"].into_iter().map(String::from).chain(given))).map(|_| ())
}
