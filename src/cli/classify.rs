//! `saddle classify`.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{
    ClassifyArgs,
    arrays::table,
    encode::{class, examples, place},
    print,
    progress::Tasks,
    runs, shown, tell,
};
use crate::{
    codes::{Classifier, Encoder, Known, Learned},
    data::{Dataset, Split},
    error::{Result, counted},
    files::{sha256, write_atomically},
    trained::Trained,
};

/// Labels that may be wrong, as far as they are printed.
const PRINTED: usize = 10;

/// Writes the class of each example and its probability, beside the class that it was given.
pub fn classify(args: &ClassifyArgs) -> Result<()> {
    let Some(run) = &args.run else { return runs::ask() };
    let trained = Trained::at(run, args.model.checkpoint)?;
    trained.notes.iter().for_each(tell);
    let s = &trained.settings;
    let out = place(args.out.as_deref(), run, "classes", &["csv"], args.force)?;
    let is_other = args.data.is_some() || args.held_out;
    let own = match is_other {
        true => {
            trained.data_of(None, Split::Train).map_err(|e| e.at("the data of the run"))?.expect("a part to learn from")
        }
        false => examples(&trained, None, false)?,
    };
    let adapter = args.model.adapter.as_deref();
    let known = match &args.labels {
        Some(path) => Known::read(path, &own, trained.data_of(None, Split::Test)?.as_ref())?,
        None if s.labelled > 0 => Known::seen(&own, s)?,
        None => Known::of(&own)?,
    };
    if known.held_out > 0 {
        let (left, all) = (known.held_out, known.held_out + known.labels.len());
        tell(format_args!(
            "{left} of {all} labels are not used: the run holds these examples out (holdout=0 keeps all)"
        ));
    }
    let other = is_other.then(|| examples(&trained, args.data.as_deref(), args.held_out)).transpose()?;
    let data = other.as_ref().unwrap_or(&own);
    let tasks = Tasks::default();
    let seen = |task: &str, done: usize, all: usize| tasks.seen(task, done as u64, all as u64);
    let learned = args.labels.is_none() && args.layer.is_none();
    let learned = learned.then(|| Learned::new(&trained, adapter)).transpose()?.flatten();
    let (found, by) = match learned {
        Some(mut learned) => {
            let found = learned.classify(data, &mut |done, all| seen("classes", done, all))?;
            (found, learned.by().into())
        }
        None => {
            let mut encoder = Encoder::new(&trained, args.layer.as_deref(), adapter)?;
            let seen_own = &mut |done: usize, all: usize| seen("codes of the run's examples", done, all);
            let classifier = Classifier::new(&mut encoder, &own, &known, seen_own)?;
            let found = classifier.classify(&encoder.encode(data, 0, &mut |done, all| seen("codes", done, all))?);
            (found, encoder.layer().about.clone())
        }
    };
    let labels: HashMap<usize, usize> = known.labels.iter().copied().collect();
    let given = |i: usize| match is_other {
        true => class(data, i),
        false => labels.get(&i).map(|class| known.names[*class].as_str()),
    };
    let header = ["name", "class", "probability", "given"].map(String::from);
    let line = |(i, (class, share)): (usize, &(usize, f64))| {
        [data.name_of(i), known.names[*class].clone(), share.to_string(), given(i).unwrap_or_default().to_owned()]
    };
    write_atomically(&out, &table(&header, found.iter().enumerate().map(line)))?;
    print(format!(
        "classes of {} ({}, {} of {}, step {}) in {}",
        counted(data.len(), "example"),
        by,
        counted(known.labels.len(), "label"),
        counted(known.names.len(), "class"),
        trained.checkpoint.meta::<u64>("step")?,
        shown(&out)
    ))?;
    let is_known = |given: &str| known.names.iter().any(|name| name == given);
    let differs = |i: &usize| given(*i).is_some_and(|given| is_known(given) && given != known.names[found[*i].0]);
    let mut doubtful: Vec<usize> = (0..data.len()).filter(differs).collect();
    doubtful.sort_by(|a, b| found[*b].1.total_cmp(&found[*a].1));
    if !doubtful.is_empty() {
        let count = counted(doubtful.len(), "example");
        print(format!("{count} found to be of another class than given, or the classifier is wrong; the surest:"))?;
    }
    for i in doubtful.into_iter().take(PRINTED) {
        let (class, share) = (&known.names[found[i].0], found[i].1);
        print(format!("  {}: given {}, found {class} ({share:.2})", data.name_of(i), given(i).unwrap_or_default()))?;
    }
    let Some(classes) = data.labels_of_examples() else { return Ok(()) };
    if !known.names.iter().any(|name| classes.names.contains(name)) {
        let (label, class) = (&known.names[0], &classes.names[0]);
        return print(format!(
            "none of the labels is a class of the data, so none is right: a label is `{label}`, a class `{class}`"
        ));
    }
    // Those whose label was given say nothing of how well the others are told, wherever the data has them again.
    let print_of = |set: &Dataset, i: usize| sha256([bytemuck::cast_slice::<f32, u8>(&set.example(i))]);
    let given: HashSet<String> = known.labels.iter().map(|(i, _)| print_of(&own, *i)).collect();
    let others = (0..data.len()).filter(|i| !given.contains(&print_of(data, *i)));
    let told = others.filter_map(|i| Some((class(data, i)?, known.names[found[i].0].as_str())));
    let told: Vec<(&str, &str)> = told.collect();
    if told.is_empty() {
        return print("every example has its label: none is left to count those that are told right");
    }
    let share = |of: usize| 100.0 * of as f64 / told.len() as f64;
    let right = told.iter().filter(|(wanted, found)| wanted == found).count();
    // What one who always says the same class gets.
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    told.iter().for_each(|(wanted, _)| *counts.entry(wanted).or_default() += 1);
    let (most, usual) = counts.into_iter().map(|(class, count)| (count, class)).max().unwrap_or_default();
    let doubt = if right <= most { ": no better than one class for all" } else { "" };
    print(format!(
        "{:.2} % right, of {} whose class is known; `{usual}` for all would be right of {:.2} %{doubt}",
        share(right),
        counted(told.len(), "unlabelled example"),
        share(most)
    ))
}
