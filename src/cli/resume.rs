//! Resumes a run: its checkpoint, and the check of its data.

use std::{cmp::Ordering, path::Path};

use super::{TrainArgs, tell};
use crate::{
    checkpoint::{self, Checkpoint},
    data::{Dataset, Series},
    error::{Error, Result},
    files::{names, quoted},
    models,
    origin::{self, Comparison, Origin},
    run::{Ending, How, Resumed, Run},
    session::{self, Session},
    settings::{Change, Layer, Schedule, Settings},
};

/// The folder of the run that the command line resumes, if it does. With `--config`, which has all settings, a run that
/// is not there begins, so that the same command starts a run and goes on with it; one of several ranks may not see the
/// folder.
pub fn folder(args: &TrainArgs, is_alone: bool) -> Option<&Path> {
    let folder = args.out.as_deref().filter(|_| args.resume)?;
    let is_there = folder.exists() && !names(folder).is_ok_and(|names| names.is_empty());
    if is_there || !is_alone || !args.begins_with_settings() {
        return Some(folder);
    }
    tell(format_args!("`{}` holds no run yet: beginning it", folder.display()));
    None
}

/// The run in a folder that is to go on, with its newest good checkpoint or that of `step`.
pub fn open(folder: &Path, layers: &[Layer], step: Option<u64>) -> Result<Resumed> {
    let resumed = Run::resume(folder, &models::menu(), layers, step)?;
    resumed.notes.iter().for_each(tell);
    if let Some(ending) = Ending::all(folder).pop().filter(|ending| ending.how != How::Done) {
        tell(format_args!("the last training of `{}` {ending}", folder.display()));
    }
    Ok(resumed)
}

/// The sentence on a run that has done all its steps.
///
/// # Errors
/// A run that has done more.
pub fn done(resumed: &Resumed) -> Result<Option<String>> {
    let (step, steps) = (resumed.step(), resumed.run.settings().steps);
    let folder = resumed.run.folder().display();
    let said =
        format!("the run `{folder}` is at step {step} of {steps} already; train it further with a higher --steps");
    // A process that was killed at its very end may have left a checkpoint without its picture.
    match step.cmp(&steps) {
        Ordering::Less => Ok(None),
        Ordering::Equal => Ok((!lacks_picture(resumed)?).then_some(said)),
        Ordering::Greater => Err(Error::usage(said)),
    }
}

/// Whether the picture of the newest checkpoint is missing.
fn lacks_picture(resumed: &Resumed) -> Result<bool> {
    let Some((_, checkpoint)) = &resumed.from else { return Ok(false) };
    let ending = session::examples_of(checkpoint)?.shown_as();
    Ok(!resumed.run.sample_path(resumed.step(), ending).exists())
}

/// Data to train on or to compare with, and the flags about it.
pub struct Offered<'a> {
    /// The training part of the data set.
    pub dataset: &'a Dataset,
    /// The description of the data set, to compare with the checkpoint's.
    pub origin: &'a Origin,
    /// The name of the data in the settings.
    pub name: &'a str,
    /// Whether `--data` named it.
    pub is_named: bool,
    /// Whether the data may differ from the checkpoint's description (`--accept-changed-data`).
    pub accept: bool,
}

/// Compares data with a checkpoint's description of it. Returns the differences if they were accepted.
///
/// # Errors
/// Data that differs and was not accepted, or that the model cannot take.
pub fn check_data(checkpoint: &Checkpoint, settings: &Settings, offered: &Offered) -> Result<Option<String>> {
    let examples = session::examples_of(checkpoint)?;
    let (name, found) = (offered.name, session::examples(offered.dataset));
    if let (Some(Series::Table(found)), Some(Series::Table(wanted))) = (&found.series, &examples.series)
        && let Some(other) = found.differs_from(wanted)
    {
        return Err(Error::failure(format!(
            "`{name}` has {other}: a table is learned by its columns and their values; train a new run on it"
        )));
    }
    if found.shape != examples.shape {
        let (found, wanted) = (found.shape, examples.shape);
        return Err(Error::failure(format!(
            "`{name}` has examples of shape {found:?} now, and the model learned from {wanted:?}"
        )));
    }
    if settings.conditional && found.classes != examples.classes {
        let (found, wanted) = (found.classes, examples.classes);
        return Err(Error::failure(format!("`{name}` has {found} classes now, and the model learned {wanted}")));
    }
    let ways = match origin::compare(checkpoint, offered.dataset, offered.origin)? {
        Comparison::Same => return Ok(None),
        Comparison::ReadOtherwise => {
            tell(format_args!("warning: `{name}` has the same files, but this version reads other values from them"));
            return Ok(None);
        }
        Comparison::Unknown if offered.is_named => vec!["the checkpoint does not say what it learned from".to_string()],
        Comparison::Unknown => {
            tell(
                "the checkpoint is of an earlier version, which kept no digest of its data: that is taken as it is now",
            );
            return Ok(None);
        }
        Comparison::Different(ways) => ways,
    };
    let ways = ways.join(", ");
    if offered.accept {
        tell(format_args!("`{name}` is not what the run learned from, which was accepted: {ways}"));
        return Ok(Some(ways));
    }
    Err(Error::failure(format!(
        "`{name}` is not what the run learned from: {ways}; name the old data with --data, or go on with \
         `--data {} --accept-changed-data`",
        quoted(Path::new(name))
    )))
}

/// Restores a session from the run's checkpoint, which `is_chosen` if `--from` names it.
pub fn resume(
    resumed: Resumed,
    layers: &[Layer],
    changed: Option<String>,
    is_chosen: bool,
    session: &mut Session,
) -> Result<Run> {
    let Resumed { mut run, from, .. } = resumed;
    let Some((path, checkpoint)) = from else {
        tell("no checkpoint yet: starting anew");
        return Ok(run);
    };
    session.restore(&checkpoint).map_err(|e| e.at(&path.display().to_string()))?;
    let step = session.step();
    if let Some(ways) = changed {
        let then = Origin::in_checkpoint(&checkpoint)?.unwrap_or_default();
        let to = format!("{}: {ways}", run.settings().data);
        run.record(Change { step, key: "data".into(), from: then.name, to });
    }
    tell(format_args!("resumed at step {step} from {}", path.display()));
    // What a file changes may not be meant, as with the file of another run.
    for Change { key, from, to, .. } in run.settings().changes.iter().filter(|change| change.step == step) {
        let is_typed = layers.iter().any(|layer| layer.is_given(key));
        let warning = if is_typed { "" } else { "warning: " };
        tell(format_args!("{warning}`{key}` was {from}, and is {to} from step {step} on"));
    }
    rises(run.settings(), step).into_iter().for_each(tell);
    let [ending, what] = if is_chosen { ["aside", "later"] } else { ["damaged", "damaged"] };
    for aside in checkpoint::set_aside(&run.checkpoints(), step, ending)? {
        tell(format_args!("the {what} checkpoint is now {}", aside.display()));
    }
    let best = run.best_path();
    let is_later = |best: &Checkpoint| best.meta::<u64>("step").is_ok_and(|at| at > step);
    if is_chosen && Checkpoint::load(&best).is_ok_and(|best| is_later(&best)) {
        let aside = checkpoint::rename_aside(&best, ending)?;
        tell(format_args!("the best checkpoint is of a later step: it is now {}", aside.display()));
    }
    Ok(run)
}

/// What more steps do to rates that a schedule lowers over the whole run: they rise again.
fn rises(settings: &Settings, step: u64) -> Option<String> {
    let changes = || settings.changes.iter().filter(|change| change.step == step);
    changes().find(|change| change.key == "steps" && settings.schedule != Schedule::Constant)?;
    let mut layer = Layer::default();
    changes().rev().for_each(|change| layer.set(&change.key, &change.from, ""));
    let former = settings.overlaid(&layer).ok()?;
    let share = |s: &Settings| s.schedule.share((1.0 - step as f64 / s.steps as f64).max(0.0));
    let [before, now] = [&former, settings].map(share);
    // Two digits are enough to set, and 0 would stop the training. A rate that was changed now is what is wanted.
    let short = |rate: f64| format!("{rate:.1e}").parse::<f64>().unwrap_or(rate);
    let of = |(own, rate): ((&'static str, f32), (_, f32))| {
        let (key, own) = (own.0, f64::from(own.1));
        let is_wanted = changes().any(|change| change.key == key);
        let flat = if is_wanted { rate.1.to_string() } else { short((own * before).max(0.05 * own)).to_string() };
        (key, own * before, f64::from(rate.1) * now, flat)
    };
    let all = former.rates().into_iter().zip(settings.rates()).map(of);
    let rising: Vec<_> = all.filter(|(_, before, now, _)| now > before).collect();
    if rising.is_empty() {
        return None;
    }
    let said = rising.iter().map(|(key, before, now, _)| format!("{key} from {} to {}", short(*before), short(*now)));
    let flat = rising.iter().map(|(key, _, _, flat)| format!(" --set {key}={flat}"));
    let (word, said, flat) = (settings.schedule.word(), said.collect::<Vec<_>>().join(", "), flat.collect::<String>());
    Some(format!(
        "warning: schedule={word} spans all {} steps, so that rates rise again: {said}; for a flat end, go on with \
         --set schedule=constant{flat}",
        settings.steps
    ))
}

/// Prints the settings that the run of `--config` changed during its training: the new run starts with the last values.
pub fn tell_changes(layers: &[Layer]) {
    for Change { step, key, from, to } in layers.iter().flat_map(Layer::changes) {
        tell(format_args!(
            "warning: the run of --config changed `{key}` from {from} to {to} at step {step}; this one begins with {to}"
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_longer_run_says_that_scheduled_rates_rise_again() {
        let change = |from: &str| Change { step: 1000, key: "steps".into(), from: from.into(), to: "2000".into() };
        let of = |schedule: &str, changes| {
            let mut layer = Layer::default();
            let own = [("variant", "gan"), ("steps", "2000"), ("lr_g", "0.0002"), ("lr_d", "0.0002")];
            own.into_iter().chain([("schedule", schedule)]).for_each(|(key, value)| layer.set(key, value, ""));
            Settings { changes, ..Settings::resolve(&models::menu(), &[layer]).unwrap() }
        };
        let said = |schedule, from: &str, step| rises(&of(schedule, vec![change(from)]), step);
        let cosine = said("cosine", "1000", 1000).unwrap();
        assert!(cosine.contains("lr_g from 0 to 0.0001, lr_d from 0 to 0.0001; for a flat end"), "{cosine}");
        assert!(cosine.ends_with("--set schedule=constant --set lr_g=0.00001 --set lr_d=0.00001"), "{cosine}");
        let geometric = said("geometric", "1000", 1000).unwrap();
        assert!(geometric.contains("lr_g from 0.000002 to 0.00002"), "{geometric}");
        let rates = ["lr_g", "lr_d"].map(|key| Change {
            step: 1000,
            key: key.into(),
            from: "0.005".into(),
            to: "0.0002".into(),
        });
        let wanted = rises(&of("cosine", [&[change("1000")][..], &rates].concat()), 1000).unwrap();
        assert!(wanted.ends_with("--set lr_g=0.0002 --set lr_d=0.0002"), "{wanted}");
        assert_eq!(said("constant", "1000", 1000), None);
        assert_eq!(said("linear", "3000", 1000), None, "a shorter run");
        assert_eq!(said("linear", "1000", 1200), None, "an earlier change");
        // A schedule that begins lowers rates.
        let begins = Change { step: 1000, key: "schedule".into(), from: "constant".into(), to: "linear".into() };
        assert_eq!(rises(&of("linear", vec![change("1000"), begins]), 1000), None);
    }
}
