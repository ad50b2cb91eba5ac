//! Resumes a run: its checkpoint, the check of its data, and the commands that error messages suggest.

use std::{cmp::Ordering, path::Path};

use super::{TrainArgs, tell};
use crate::{
    checkpoint::{self, Checkpoint},
    data::{Dataset, Series},
    error::{Error, Result},
    files::{names, quoted},
    models,
    origin::{self, Comparison, Origin},
    run::{Resumed, Run, resumption},
    session::{self, Session},
    settings::{Change, Layer, Settings},
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

/// The run in a folder that is to go on, with its newest good checkpoint.
pub fn open(folder: &Path, layers: &[Layer]) -> Result<Resumed> {
    let resumed = Run::resume(folder, &models::menu(), layers)?;
    resumed.notes.iter().for_each(tell);
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

/// Restores a session from the run's newest good checkpoint.
pub fn resume(resumed: Resumed, layers: &[Layer], changed: Option<String>, session: &mut Session) -> Result<Run> {
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
    for aside in checkpoint::set_aside(&run.checkpoints(), step)? {
        tell(format_args!("the damaged checkpoint is now {}", aside.display()));
    }
    Ok(run)
}

/// Prints the settings that the run of `--config` changed during its training: the new run starts with the last values.
pub fn tell_changes(layers: &[Layer]) {
    for Change { step, key, from, to } in layers.iter().flat_map(Layer::changes) {
        tell(format_args!(
            "warning: the run of --config changed `{key}` from {from} to {to} at step {step}; this one begins with {to}"
        ));
    }
}

/// The error of a run that cannot go on, with its last checkpoint and, where it helps, the command to resume.
pub fn with_way_back(error: Error, run: &Run) -> Error {
    let latest = checkpoint::latest(&run.checkpoints());
    // There may be too little memory to read the checkpoints.
    let unseen = matches!(latest, Err(Error::Device(_)));
    let last = latest.ok().flatten();
    let several = names(&run.checkpoints()).is_ok_and(|names| names.len() > 1);
    let back = match &last {
        Some((path, _)) if several && matches!(error, Error::Diverged(_)) => {
            format!("the last good checkpoint is {} (without which it goes on from the one before)", path.display())
        }
        Some((path, _)) => format!("the last good checkpoint is {}", path.display()),
        None if unseen => format!("its checkpoints are in {}", run.checkpoints().display()),
        None => "there is no checkpoint yet".into(),
    };
    let resumption = resumption(run.folder());
    match error {
        Error::Device(sentence) => Error::device(format!("{sentence}; {back}; go on with: {resumption}")),
        // With the same learning rates the run would diverge again.
        Error::Diverged(sentence) if last.is_some() => {
            let gentler = gentler(run.settings());
            Error::Diverged(format!("{sentence}; {back}; go on from there with: {resumption}{gentler}"))
        }
        Error::Diverged(sentence) => Error::Diverged(format!("{sentence}; {back}")),
        error => Error::failure(format!("{error}; {back}")),
    }
}

/// Flags for a tenth of a run's learning rates.
fn gentler(settings: &Settings) -> String {
    let rates = [("lr_g", settings.lr_g), ("lr_d", settings.lr_d)];
    let own = rates.into_iter().filter(|(key, rate)| settings.relevant.contains(key) && *rate > 0.0);
    // The division starts from the decimal text of the rate, so that the result has few digits.
    let tenth = |rate: f32| (rate.to_string().parse::<f64>().unwrap_or(0.0) / 10.0) as f32;
    own.map(|(key, rate)| format!(" --set {key}={}", tenth(rate))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_failed_device_has_stopped_can_go_on() {
        let folder = tempfile::tempdir().unwrap();
        let run = Run::create(Some(&folder.path().join("my a")), &Settings::default()).unwrap();
        let name = run.folder().display();
        let lost = || Error::device("the GPU was lost");
        assert_eq!(
            with_way_back(lost(), &run).to_string(),
            format!("the GPU was lost; there is no checkpoint yet; go on with: saddle train --out '{name}' --resume")
        );
        Checkpoint::default().save(&run.checkpoint_path(7)).unwrap();
        let last = format!("the last good checkpoint is {name}/checkpoints/step-000007.safetensors");
        let error = with_way_back(lost(), &run);
        assert_eq!(error.exit_code(), 1);
        assert_eq!(
            error.to_string(),
            format!("the GPU was lost; {last}; go on with: saddle train --out '{name}' --resume")
        );
        assert_eq!(
            with_way_back(Error::failure("the disk is full"), &run).to_string(),
            format!("the disk is full; {last}")
        );
        let gentler = "--set lr_g=0.00002 --set lr_d=0.00002";
        assert_eq!(
            with_way_back(Error::Diverged("d_loss is no number".into()), &run).to_string(),
            format!(
                "d_loss is no number; {last}; go on from there with: saddle train --out '{name}' --resume {gentler}"
            )
        );
    }
}
