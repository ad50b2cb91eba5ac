//! `saddle completions` and `saddle man`.

use clap::CommandFactory;
use clap_mangen::Man;

use super::{Cli, CompletionsArgs, ManArgs, print};
use crate::error::{Error, Result, unknown};

/// Prints the script that completes commands and options in a shell.
pub fn completions(args: &CompletionsArgs) -> Result<()> {
    let mut script = vec![];
    clap_complete::generate(args.shell, &mut Cli::command(), "saddle", &mut script);
    print(String::from_utf8_lossy(&script).trim_end())
}

/// Prints a manual page.
pub fn man(args: &ManArgs) -> Result<()> {
    let mut saddle = Cli::command();
    saddle.build();
    let command = match &args.command {
        None => saddle,
        Some(name) => {
            let names = saddle.get_subcommands().map(|command| command.get_name());
            saddle.find_subcommand(name).ok_or_else(|| unknown("command", name, names))?.clone()
        }
    };
    let mut page = vec![];
    let written = Man::new(command).render(&mut page);
    written.map_err(|error| Error::failure(format!("cannot write the page: {error}")))?;
    print(String::from_utf8_lossy(&page).trim_end())
}
