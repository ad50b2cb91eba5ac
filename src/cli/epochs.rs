//! How many steps some epochs are, for those who count in epochs.

use clap::Parser;

use super::{
    Cli, Command,
    opening::{by_data, with_model},
    resume,
};
use crate::{error::counted, models, run::Run, session, settings::Settings};

/// So many epochs of the training on a command line in steps, and a sentence on it. None if the training, or its data,
/// cannot be told.
pub fn in_steps(words: &[String], epochs: &str) -> Option<(u64, String)> {
    let epochs: u64 = epochs.parse().ok().filter(|epochs| *epochs > 0)?;
    let Command::Train(args) = Cli::try_parse_from(words).ok()?.command else { return None };
    let (settings, layers, done) = match resume::folder(&args, false) {
        Some(folder) => {
            let resumed = Run::resume(folder, &models::menu(), &[], None).ok()?;
            (resumed.run.settings().clone(), vec![], resumed.step())
        }
        None => {
            let (layers, _) = with_model(args.layers().ok()?);
            (Settings::resolve(&models::menu(), &layers).ok()?, layers, 0)
        }
    };
    let dataset = session::open_data(&settings).ok()?;
    let batch = match &layers[..] {
        [] => settings.batch,
        layers => by_data(settings, layers, &session::examples(&dataset)).ok()?.batch,
    };
    let examples = dataset.len();
    let steps = done + epochs.checked_mul(examples as u64)?.div_ceil(batch as u64);
    let epochs = counted(epochs as usize, if done > 0 { "more epoch" } else { "epoch" });
    Some((steps, format!("{epochs} of {examples} examples in batches of {batch} are --steps {steps}")))
}
