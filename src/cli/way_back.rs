//! What the error of a training that ended says beside its cause: the last checkpoint, and the command to go on with.

use crate::{
    checkpoint,
    error::{Error, counted},
    files::quoted,
    health::mixes,
    run::{Ending, How, Run, resumption},
    settings::{Layer, RUN_FILE, Settings},
};

/// A rate below this one is not made smaller: it is not what makes a training diverge.
const SMALL: f32 = 1e-6;

/// What stands for a tenth of a rate that is far above all usual ones.
const USUAL: f64 = 0.001;

/// The error of a run that cannot go on, with its last checkpoint and, where it helps, the command to resume.
pub fn with_way_back(error: Error, run: &Run) -> Error {
    let latest = checkpoint::latest(&run.checkpoints());
    // There may be too little memory to read the checkpoints.
    let unseen = matches!(latest, Err(Error::Device(_)));
    let back = match latest.ok().flatten() {
        Some((path, _)) => format!("the last good checkpoint is {}", path.display()),
        None if unseen => format!("its checkpoints are in {}", run.checkpoints().display()),
        None => "there is no checkpoint yet".into(),
    };
    let resumption = resumption(run.folder());
    match error {
        Error::Device(sentence) => Error::device(format!("{sentence}; {back}; go on with: {resumption}")),
        Error::Full(sentence) => Error::Full(format!("{sentence}; {back}; make room, and go on with: {resumption}")),
        Error::Diverged(sentence) => Error::Diverged(format!("{sentence}; {back}; {}", advice(run))),
        error => Error::failure(format!("{error}; {back}")),
    }
}

/// What to try after a divergence. With the same settings the run would diverge again; what was tried before is not
/// said again: after smaller rates an earlier checkpoint, and then a beginning with other settings.
fn advice(run: &Run) -> String {
    let steps = checkpoint::steps(&run.checkpoints());
    let mut diverged = Ending::all(run.folder());
    // What lies before the newest checkpoint was overcome.
    diverged.retain(|ending| ending.how == How::Diverged && steps.last().is_none_or(|last| ending.step > *last));
    let again = if diverged.len() > 1 { format!("it has diverged {}: ", times(diverged.len())) } else { String::new() };
    // The checkpoints from which it went on after that may hold the trouble already.
    let tried = diverged.iter().skip(1).map(|ending| ending.from).min().unwrap_or(0);
    let earlier = steps.iter().rev().find(|step| **step < tried);
    let settings = run.settings();
    let slower = gentler(settings, &[]);
    match (steps.last(), earlier) {
        (Some(_), _) if again.is_empty() && !slower.is_empty() => {
            format!("go on from there with: {}{slower}", resumption(run.folder()))
        }
        (Some(_), Some(step)) => {
            let flags = gentler(settings, &[("grad_clip", "1")]);
            format!("{again}go back further with: {} --from {step}{flags}", resumption(run.folder()))
        }
        _ => {
            let flags = gentler(settings, &[("grad_clip", "1"), ("r1", "0.1")]);
            let file = quoted(&run.folder().join(RUN_FILE));
            let other = if flags.is_empty() { ", and another objective or smaller networks" } else { "" };
            format!("{again}begin anew with: saddle train --config {file}{flags}{other}")
        }
    }
}

/// `twice`, `3 times`.
fn times(count: usize) -> String {
    if count == 2 { "twice".into() } else { counted(count, "time") }
}

/// Flags for a tenth of a run's learning rates, or for a usual one in place of a rate far off, and for `others`, as far
/// as the run has them, has them not yet, and takes them.
fn gentler(settings: &Settings, others: &[(&str, &str)]) -> String {
    let s = settings;
    let rates = s.rates().into_iter().filter(|(_, rate)| *rate > SMALL);
    // The division starts from the decimal text of the rate, so that the result has few digits.
    let tenth = |key: &str, rate: f32| {
        let rate = if s.is_too_fast(key, rate) { 10.0 * USUAL } else { rate.to_string().parse().unwrap_or(0.0) };
        ((rate / 10.0) as f32).to_string()
    };
    let rates = rates.map(|(key, rate)| (key, tenth(key, rate)));
    let others = others.iter().filter(|(key, _)| *key != "r1" || !mixes(settings));
    let others = others.map(|(key, value)| (*key, (*value).to_owned()));
    let (mut gentler, mut flags) = (settings.clone(), String::new());
    for (key, value) in rates.chain(others) {
        // What the run has switched on already is left as it is.
        let is_on =
            ["grad_clip", "r1"].contains(&key) && gentler.own().any(|(own, now)| own.name == key && now != "0.0");
        let mut layer = Layer::default();
        layer.set(key, &value, "");
        match gentler.overlaid(&layer) {
            Ok(with) if s.relevant.contains(&key) && !is_on && !gentler.differences(&with).is_empty() => {
                flags += &format!(" --set {key}={value}");
                gentler = with;
            }
            _ => {}
        }
    }
    flags
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::Checkpoint;

    fn run(folder: &tempfile::TempDir) -> Run {
        let settings = Settings { relevant: vec!["lr_g", "lr_d", "grad_clip"], ..Settings::default() };
        Run::create(Some(&folder.path().join("my a")), &settings).unwrap()
    }

    #[test]
    fn what_a_failed_device_has_stopped_can_go_on() {
        let folder = tempfile::tempdir().unwrap();
        let run = run(&folder);
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
        assert_eq!(with_way_back(Error::failure("no"), &run).to_string(), format!("no; {last}"));
        let full = with_way_back(Error::Full("no room".into()), &run).to_string();
        let on = format!("saddle train --out '{name}' --resume");
        assert_eq!(full, format!("no room; {last}; make room, and go on with: {on}"));
    }

    #[test]
    fn advice_goes_from_smaller_rates_to_earlier_checkpoints() {
        let folder = tempfile::tempdir().unwrap();
        let run = run(&folder);
        let name = run.folder().display().to_string();
        let rates = "--set lr_g=0.00002 --set lr_d=0.00002";
        let on = format!("saddle train --out '{name}' --resume");
        let error = || Error::Diverged("d_loss is no number".into());
        let anew = format!("begin anew with: saddle train --config '{name}/run.toml' {rates} --set grad_clip=1");
        let said = with_way_back(error(), &run).to_string();
        assert!(said.starts_with(&format!("d_loss is no number; there is no checkpoint yet; {anew}")), "{said}");
        for step in [10, 20, 30] {
            Checkpoint::default().save(&run.checkpoint_path(step)).unwrap();
        }
        // It was overcome before step 30.
        Ending::begun(0).failed(28, &error()).write(run.folder()).unwrap();
        let cases = [
            (25, format!("go on from there with: {on} {rates}")),
            (30, format!("it has diverged twice: go back further with: {on} --from 20 {rates} --set grad_clip=1")),
            (20, format!("it has diverged 3 times: go back further with: {on} --from 10 {rates} --set grad_clip=1")),
            (10, format!("it has diverged 4 times: {anew}")),
        ];
        for (from, advice) in cases {
            Ending::begun(from).failed(from + 29, &error()).write(run.folder()).unwrap();
            let said = with_way_back(error(), &run).to_string();
            let last = format!("the last good checkpoint is {name}/checkpoints/step-000030.safetensors");
            assert!(said.starts_with(&format!("d_loss is no number; {last}; {advice}")), "{said}");
        }
    }
}
