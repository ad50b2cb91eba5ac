//! `saddle runs`.

use std::{collections::BTreeMap, path::Path};

use serde_json::{Value, json};

use super::{RunsArgs, print, shown, table};
use crate::{
    error::{Error, Result},
    health::HEALTH,
    record::{Record, measures},
    run::{RUNS, is_training},
};

/// Lists the runs of a folder, the newest first.
pub fn runs(args: &RunsArgs) -> Result<()> {
    let folder = args.folder.as_deref().unwrap_or(Path::new(RUNS));
    let records = Record::all_in(folder)?;
    let differing: Vec<BTreeMap<&str, String>> = records.iter().map(|record| record.differing(&records)).collect();
    let scores: Vec<Option<(String, f64)>> =
        records.iter().map(|record| measures(&record.evaluation()).into_iter().next()).collect();
    let each = records.iter().zip(&differing).zip(&scores);
    if args.json {
        let runs = each.map(|((record, differing), score)| {
            json!({
                "run": record.run.folder(), "variant": record.run.settings().variant,
                "data": record.run.settings().data, "step": record.step, "steps": record.run.settings().steps,
                "ending": record.ending().map(|ending| ending.to_string()),
                "unhealthy": is_ill(record),
                "settings": differing,
                "measure": score.as_ref().map(|(name, _)| name), "value": score.as_ref().map(|(_, value)| value),
            })
        });
        return print(Value::from_iter(runs));
    }
    if records.is_empty() {
        return print(format!("no runs in {}", shown(folder)));
    }
    let head = ["run", "model", "step", "state", "data", "differs in", "last score"];
    let mut lines = vec![head.map(String::from).to_vec()];
    for ((record, differing), score) in each {
        let (folder, settings) = (record.run.folder(), record.run.settings());
        let differing: Vec<String> = differing.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let measured = record.evaluation().first().and_then(|report| report.get("step")?.as_u64());
        let of = measured.filter(|step| *step != record.step).map_or(String::new(), |step| format!(" of step {step}"));
        // Scores of less effort are larger or smaller than those of all of it.
        let effort = record.evaluation().first().and_then(|report| report.get("effort")?.as_f64());
        let by = effort.filter(|effort| *effort < 1.0).map_or(String::new(), |effort| format!(", effort {effort}"));
        let score = score.as_ref().map_or(String::new(), |(name, value)| format!("{name} {value:.4}{of}{by}"));
        let step = format!("{}/{}", record.step, settings.steps);
        let state = match record.ending() {
            Some(ending) if is_ill(record) => format!("{}, unhealthy", ending.how),
            Some(ending) => ending.how.to_string(),
            None if is_training(folder) => "trains".to_owned(),
            None => String::new(),
        };
        let variant = settings.variant.clone();
        lines.push(vec![shown(folder), variant, step, state, settings.data.clone(), differing.join(" "), score]);
    }
    // What no run has needs no column.
    for column in (0..head.len()).rev() {
        if lines[1..].iter().all(|line| line[column].is_empty()) {
            lines.iter_mut().for_each(|line| drop(line.remove(column)));
        }
    }
    table(&lines).iter().try_for_each(print)
}

/// Whether the last line of metrics says what was wrong at the end.
fn is_ill(record: &Record) -> bool {
    record
        .last_metrics()
        .into_iter()
        .any(|(name, value)| name == HEALTH && value.as_object().is_some_and(|o| !o.is_empty()))
}

/// The newest runs, for a command that names none.
///
/// # Errors
/// Always: the sentence that asks for one.
pub fn ask<T>() -> Result<T> {
    const SOME: usize = 3;
    let newest = Record::all_in(Path::new(RUNS)).unwrap_or_default();
    let of = |record: &Record| {
        format!("{} (step {} of {})", shown(record.run.folder()), record.step, record.run.settings().steps)
    };
    let named: Vec<String> = newest.iter().take(SOME).map(of).collect();
    Err(Error::usage(match named.is_empty() {
        true => format!("name the folder of a run; there are none in `{RUNS}` here"),
        false => format!("name the folder of a run; the newest are {}", named.join(", ")),
    }))
}
