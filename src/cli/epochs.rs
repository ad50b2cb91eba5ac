//! How many steps some epochs are, for those who count in epochs.

use std::ops::Range;

use clap::Parser;

use super::{Cli, Command, train::by_data};
use crate::{error::counted, models, session, settings::Settings};

/// So many epochs of the training on a command line in steps; the words about them are those of `at`. None if the
/// training, or its data, cannot be told.
pub fn in_steps(words: &[String], at: Range<usize>, epochs: &str) -> Option<String> {
    let epochs: u64 = epochs.parse().ok()?;
    let rest = words[..at.start].iter().chain(&words[at.end.min(words.len())..]);
    let Command::Train(args) = Cli::try_parse_from(rest).ok()?.command else { return None };
    let layers = args.layers().ok()?;
    let settings = Settings::resolve(&models::menu(), &layers).ok()?;
    let dataset = session::open_data(&settings).ok()?;
    let batch = by_data(settings, &layers, &session::examples(&dataset)).ok()?.batch;
    let examples = dataset.len();
    let steps = epochs.saturating_mul(examples as u64).div_ceil(batch as u64);
    Some(format!(
        "is counted in steps, one batch each: {} of {examples} examples in batches of {batch} are --steps {steps}",
        counted(epochs as usize, "epoch")
    ))
}
