//! `saddle compare`.

mod charts;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{CompareArgs, print, shown, table};
use crate::{
    error::{Error, Result, counted, unknown},
    files::{ensure_new, write_atomically},
    metrics::Estimate,
    record::{Record, measures},
    run::How,
};

/// Metrics that say when a line was written, and not how good the model was.
const TIMES: [&str; 3] = ["step", "seconds", "samples_per_second"];

/// One run: its settings that differ from those of others, and its numbers by name.
struct Entry {
    record: Record,
    /// The reports of its last evaluation.
    evaluation: Vec<Value>,
    settings: BTreeMap<&'static str, String>,
    numbers: Vec<Number>,
}

/// A number of a run.
struct Number {
    name: String,
    value: f64,
    /// The step that it is of, where it is another one than that of the last metrics, or of the newest checkpoint.
    of_step: Option<u64>,
}

/// Runs that differ in nothing but their seeds.
struct Group<'a> {
    /// Its name in figures, which says all that differs.
    name: String,
    /// Its name at the head of a table.
    head: String,
    entries: Vec<&'a Entry>,
}

impl Group<'_> {
    /// The values of a number in its runs that have it.
    fn values(&self, name: &str) -> Vec<f64> {
        self.entries.iter().filter_map(|entry| Some(entry.number(name)?.value)).collect()
    }
}

/// Puts runs side by side: the settings in which they differ, the last line of their metrics and the measures of their
/// last evaluation, as means and standard errors over seeds.
pub fn compare(args: &CompareArgs) -> Result<()> {
    let form = match args.out.as_deref().map(|out| out.extension().unwrap_or_default().to_string_lossy().to_lowercase())
    {
        None => None,
        Some(ending) if ["csv", "md", "tex", "png", "svg"].contains(&ending.as_str()) => Some(ending),
        Some(_) => {
            let name = args.out.as_deref().map(shown).unwrap_or_default();
            return Err(Error::usage(format!(
                "--out `{name}`: the ending says the format, and it is csv, md, tex, png or svg"
            )));
        }
    };
    args.out.as_deref().map_or(Ok(()), |out| ensure_new(out, args.force))?;
    let records = Record::read_all(&args.runs)?;
    let mut settings: Vec<_> = records.iter().map(|record| record.differing(&records)).collect();
    // `differing` leaves them out, as most runs of a comparison share the one, and differ in the other for nothing.
    let all = || records.iter().map(|record| record.run.settings());
    let data: Vec<String> = all().map(|s| s.data.clone()).collect();
    let steps: Vec<String> = all().map(|s| s.steps.to_string()).collect();
    for (key, values) in [("data", data), ("steps", steps)] {
        if values.iter().any(|value| *value != values[0]) {
            let with_values = settings.iter_mut().zip(values);
            with_values.for_each(|(settings, value)| drop(settings.insert(key, value)));
        }
    }
    let entries: Vec<Entry> =
        records.into_iter().zip(settings).map(|(record, settings)| entry(record, settings)).collect();
    let groups = labelled(groups(&entries), &args.labels)?;
    let wanted = joined(&numbers(&entries), &args.metrics);
    let names = chosen(numbers(&entries), &wanted)?;
    let mut lines = lines(&groups, &names, args.labels.is_empty());
    if let (Some(first), false) = (entries.iter().flat_map(Entry::measured).next(), args.json) {
        // What follows was measured by `eval`, and what comes before in training.
        let at = lines.iter().position(|line| line[0] == first);
        let cells = || vec![String::new(); groups.len()];
        at.into_iter().for_each(|at| lines.insert(at, [vec!["by eval:".into()], cells()].concat()));
    }
    let unlike = unlike(&entries, &names);
    let has_error = groups.iter().any(|group| group.entries.len() > 1);
    let error = has_error.then(|| "± is the standard error of the mean over seeds".to_owned());
    let doubts = [&Vec::from_iter(error), &unlike[..], &doubts(&entries)].concat();
    match (args.out.as_deref(), form.as_deref()) {
        (Some(out), Some("csv")) => write_atomically(out, &csv(&entries, &names))?,
        (Some(out), Some(form @ ("png" | "svg"))) => {
            write_atomically(out, &charts::charts(&groups, &names, &unlike)?.file(form)?)?;
        }
        (Some(out), Some("tex")) => write_atomically(out, latex(&lines, &doubts).as_bytes())?,
        (Some(out), _) => write_atomically(out, markdown(&lines, &doubts).as_bytes())?,
        (None, _) => {}
    }
    if args.json {
        return print(json(&entries));
    }
    table(&lines).iter().try_for_each(print)?;
    doubts.iter().try_for_each(|doubt| print(format!("  {doubt}.")))?;
    args.out.as_deref().map_or(Ok(()), |out| print(format!("\nwritten to {}", shown(out))))
}

impl Entry {
    /// The names of the measures of its last evaluation.
    fn measured(&self) -> Vec<String> {
        measures(&self.evaluation).into_iter().map(|(name, _)| name).collect()
    }

    fn number(&self, name: &str) -> Option<&Number> {
        self.numbers.iter().find(|number| number.name == name)
    }
}

/// In what the runs are so unlike that these of their numbers do not compare.
fn unlike(entries: &[Entry], names: &[String]) -> Vec<String> {
    let objective = |entry: &Entry| {
        let mut own = entry.record.run.settings().own();
        own.find(|(key, _)| key.name == "objective").map_or("none".to_owned(), |(_, value)| value)
    };
    let objectives = |has: bool| if has { once(entries.iter().map(objective)) } else { vec![] };
    let has_losses = names.iter().any(|name| name.ends_with("_loss"));
    let are_judged = names.iter().any(|name| ["d_real", "d_fake"].contains(&name.as_str()));
    let steps = once(entries.iter().map(|entry| entry.record.step.to_string()));
    let said = [
        ("losses of different objectives do not compare", objectives(has_losses)),
        ("`d_real` and `d_fake` of different objectives do not compare", objectives(are_judged)),
        ("the runs have different numbers of steps", steps),
    ];
    let differ = said.into_iter().filter(|(_, values)| values.len() > 1);
    differ.map(|(what, values)| format!("{what}: {}", values.join(", "))).collect()
}

/// Each value once, in the order in which they first occur.
fn once<T: PartialEq>(values: impl Iterator<Item = T>) -> Vec<T> {
    let mut once = vec![];
    values.for_each(|value| once.extend((!once.contains(&value)).then_some(value)));
    once
}

/// What the evaluations say of the worth of their scores, such as that there were few examples.
fn doubts(entries: &[Entry]) -> Vec<String> {
    const WORDS: [&str; 3] = ["too few", "a quick look", "stand in"];
    let mut doubts: Vec<String> = vec![];
    for report in entries.iter().flat_map(|entry| &entry.evaluation) {
        let title = report.get("title").and_then(Value::as_str).unwrap_or_default();
        let notes = report.get("notes").and_then(Value::as_array).cloned().unwrap_or_default();
        let said = notes.iter().filter_map(Value::as_str).filter(|note| WORDS.iter().any(|word| note.contains(word)));
        // Of what an evaluation says, and not with the marks of its table.
        doubts.extend(said.map(|note| format!("{title}: {}", note.trim_start_matches("-: "))));
    }
    doubts.sort();
    doubts.dedup();
    // Older files do not have these.
    for option in ["effort", "count", "held_out"] {
        let values = entries.iter().filter_map(|entry| entry.evaluation.first()?.get(option));
        if once(values).len() > 1 {
            let what = option.replace("held_out", "held-out data");
            doubts.push(format!("the evaluations are not of the same {what}: compare no scores"));
        }
    }
    for Entry { record, .. } in entries {
        let (run, step, steps) = (record.run.folder().display(), record.step, record.run.settings().steps);
        if step < steps {
            let ending = record.ending().filter(|ending| ending.how != How::Done);
            let ending = ending.map_or(String::new(), |ending| format!(": {ending}"));
            doubts.push(format!("`{run}` is at step {step} of {steps}{ending}"));
        }
        let logged = record.last_metrics().get("step").and_then(Value::as_u64).filter(|logged| *logged != step);
        if let Some(logged) = logged {
            doubts.push(format!("the metrics of `{run}` are of step {logged}, its newest checkpoint of step {step}"));
        }
    }
    doubts
}

/// The wanted names from their parts: commas separate them, and some have a comma of their own.
fn joined(names: &[String], parts: &[String]) -> Vec<String> {
    let (mut wanted, mut rest) = (vec![], parts);
    while !rest.is_empty() {
        let whole = |count: &usize| names.contains(&rest[..*count].join(","));
        let count = (1..=rest.len()).rev().find(whole).unwrap_or(1);
        wanted.push(rest[..count].join(","));
        rest = &rest[count..];
    }
    wanted
}

/// Those of the names that are wanted, in the order of the wish.
fn chosen(names: Vec<String>, wanted: &[String]) -> Result<Vec<String>> {
    match wanted.iter().find(|name| !names.contains(name)) {
        Some(other) => Err(unknown("metric", other, names.iter().map(String::as_str)).at("--metrics")),
        None if wanted.is_empty() => Ok(names),
        None => Ok(wanted.to_vec()),
    }
}

fn entry(record: Record, settings: BTreeMap<&'static str, String>) -> Entry {
    let step = |line: &Map<String, Value>| line.get("step").and_then(Value::as_u64);
    let lines = record.metrics();
    let newest = lines.last().and_then(step);
    let mut numbers: Vec<Number> = vec![];
    for line in lines.iter().rev() {
        let of_step = step(line).filter(|step| Some(*step) != newest);
        for (name, value) in line.iter().filter(|(name, _)| !TIMES.contains(&name.as_str())) {
            if let (Some(value), true) = (value.as_f64(), numbers.iter().all(|number| number.name != *name)) {
                numbers.push(Number { name: name.clone(), value, of_step });
            }
        }
    }
    let evaluation = record.evaluation();
    let measured = evaluation.first().and_then(|report| report.get("step")?.as_u64());
    let of_step = measured.filter(|measured| *measured != record.step);
    numbers.extend(measures(&evaluation).into_iter().map(|(name, value)| Number { name, value, of_step }));
    Entry { record, evaluation, settings, numbers }
}

/// The runs by the settings in which they differ, other than the seed, in the order in which they were named; of one
/// seed each has its own group, as they are no repetitions.
fn groups(entries: &[Entry]) -> Vec<Group<'_>> {
    let mut groups: Vec<Group> = vec![];
    for entry in entries {
        let own = entry.settings.iter().filter(|(key, _)| **key != "seed");
        let settings: Vec<String> = own.map(|(key, value)| format!("{key}={value}")).collect();
        let name = [vec![entry.record.run.settings().variant.clone()], settings].concat().join(" ");
        let seed = |entry: &Entry| entry.record.run.settings().seed;
        let repeats =
            |group: &&mut Group| group.name == name && group.entries.iter().all(|other| seed(other) != seed(entry));
        match groups.iter_mut().find(repeats) {
            Some(group) => group.entries.push(entry),
            None => {
                let head = entry.record.run.settings().variant.clone();
                groups.push(Group { name, head, entries: vec![entry] });
            }
        }
    }
    let names: Vec<String> = groups.iter().map(|group| group.name.clone()).collect();
    for group in &mut groups {
        if names.iter().filter(|name| **name == group.name).count() > 1 {
            group.name += &format!(" ({})", group.entries[0].record.run.folder().display());
        }
    }
    groups
}

/// The groups with names of the user's, if there are any.
fn labelled<'a>(groups: Vec<Group<'a>>, labels: &[String]) -> Result<Vec<Group<'a>>> {
    if labels.is_empty() {
        return Ok(groups);
    }
    if labels.len() != groups.len() {
        let names: Vec<&str> = groups.iter().map(|group| group.name.as_str()).collect();
        let (count, all) = (counted(labels.len(), "name"), counted(groups.len(), "column"));
        return Err(Error::usage(format!("--labels: {count} for {all}: {}", names.join(", "))));
    }
    let with = |(group, label): (Group<'a>, &String)| Group { name: label.clone(), head: label.clone(), ..group };
    Ok(groups.into_iter().zip(labels).map(with).collect())
}

/// The names of all numbers, in the order in which they first occur.
fn numbers(entries: &[Entry]) -> Vec<String> {
    let all = entries.iter().flat_map(|entry| &entry.numbers).map(|number| &number.name);
    once(all).into_iter().cloned().collect()
}

/// A column for each group, a line for each number, and for each setting in which groups differ if that is wanted.
fn lines(groups: &[Group], names: &[String], with_settings: bool) -> Vec<Vec<String>> {
    let line = |name: &str, cell: &dyn Fn(&Group) -> String| {
        std::iter::once(name.to_owned()).chain(groups.iter().map(cell)).collect::<Vec<String>>()
    };
    let steps = |group: &Group| {
        let mut steps: Vec<u64> = group.entries.iter().map(|entry| entry.record.step).collect();
        steps.dedup();
        steps.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")
    };
    let of_groups = groups.iter().filter(|_| with_settings).flat_map(|group| group.entries[0].settings.keys());
    let keys = once(of_groups.filter(|key| **key != "seed"));
    let setting = |key| move |group: &Group| group.entries[0].settings.get(key).cloned().unwrap_or_default();
    let mut lines = vec![line("", &|group| group.head.clone())];
    lines.extend(keys.into_iter().map(|key| line(key, &setting(key))));
    lines.extend([
        line("run", &|group| match &group.entries[..] {
            [one] => one.record.run.folder().display().to_string(),
            several => format!("{} seeds", several.len()),
        }),
        line("step", &steps),
    ]);
    for name in names {
        lines.push(line(name, &|group| {
            let found = group.values(name);
            let all = group.entries.len();
            let is_of_some = (1..all).contains(&found.len());
            let of = is_of_some.then(|| format!("{} of {all}", found.len()));
            let steps = once(group.entries.iter().filter_map(|entry| entry.number(name)?.of_step));
            let steps = steps.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
            let at = (!steps.is_empty()).then(|| format!("step {steps}"));
            let said: Vec<String> = of.into_iter().chain(at).collect();
            let said = if said.is_empty() { String::new() } else { format!(" ({})", said.join("; ")) };
            mean(&found) + &said
        }));
    }
    lines
}

/// The mean, and from two values on its standard error, of two digits, and no digits of the mean beyond those.
fn mean(values: &[f64]) -> String {
    match values {
        [] => String::new(),
        [value] => figure(*value),
        _ => {
            let estimate = Estimate::of(values);
            let (mean, error) = (estimate.mean, estimate.standard_error());
            let digit = if error > 0.0 { 1 - error.log10().floor() as i32 } else { -1 };
            match (0..=8).contains(&digit) && mean.abs() < 1e6 {
                true => format!("{mean:.0$} ± {error:.0$}", digit as usize),
                false => format!("{} ± {}", figure(mean), figure(error)),
            }
        }
    }
}

/// Four significant digits.
fn figure(value: f64) -> String {
    let magnitude = value.abs();
    if value == 0.0 || !value.is_finite() || value.fract() == 0.0 && magnitude < 1e6 {
        return value.to_string();
    }
    if !(1e-3..1e6).contains(&magnitude) {
        return format!("{value:.3e}");
    }
    let decimals = (3 - magnitude.log10().floor() as i32).max(0) as usize;
    format!("{value:.decimals$}")
}

fn markdown(lines: &[Vec<String>], doubts: &[String]) -> String {
    let cell = |text: &String| text.replace('|', "\\|").replace('\n', " ");
    let row = |cells: &[String]| format!("| {} |\n", cells.iter().map(cell).collect::<Vec<_>>().join(" | "));
    let [head, body @ ..] = lines else { return String::new() };
    let rule = format!("|{}\n", "---|".repeat(head.len()));
    let said = doubts.iter().map(|doubt| format!("\n{}.\n", doubt.replace('\n', " ")));
    [row(head), rule].into_iter().chain(body.iter().map(|line| row(line))).chain(said).collect()
}

/// A table with the rules of the package `booktabs`; what is doubtful follows in small print.
fn latex(lines: &[Vec<String>], doubts: &[String]) -> String {
    let cell = |text: &str| {
        let escape = |c: char| match c {
            '±' => "$\\pm$".to_owned(),
            '↑' => "$\\uparrow$".to_owned(),
            '↓' => "$\\downarrow$".to_owned(),
            '\\' => "\\textbackslash{}".to_owned(),
            '~' | '^' => format!("\\{c}{{}}"),
            '#' | '$' | '%' | '&' | '_' | '{' | '}' => format!("\\{c}"),
            '\n' => " ".to_owned(),
            c => c.to_string(),
        };
        text.chars().map(escape).collect::<String>()
    };
    let row = |cells: &[String]| match cells {
        [title, rest @ ..] if rest.iter().all(String::is_empty) => {
            format!("\\midrule\n\\multicolumn{{{}}}{{l}}{{{}}} \\\\\n", cells.len(), cell(title))
        }
        _ => format!("{} \\\\\n", cells.iter().map(|text| cell(text)).collect::<Vec<_>>().join(" & ")),
    };
    let [head, body @ ..] = lines else { return String::new() };
    let begin = format!("\\begin{{tabular}}{{l{}}}\n\\toprule\n", "r".repeat(head.len() - 1));
    let body = body.iter().map(|line| row(line)).collect::<String>();
    let said: Vec<String> = doubts.iter().map(|doubt| format!("{}.\n", cell(doubt))).collect();
    let said = match &said[..] {
        [] => String::new(),
        said => format!("\\par\\smallskip\n{{\\footnotesize {}\\par}}\n", said.concat()),
    };
    format!("{begin}{}\\midrule\n{body}\\bottomrule\n\\end{{tabular}}\n{said}", row(head))
}

/// A row for each run: its folder, the settings that differ, and its numbers.
fn csv(entries: &[Entry], names: &[String]) -> Vec<u8> {
    const SPACE: &str = "memory takes every row";
    let mut keys: Vec<&str> = entries.iter().flat_map(|entry| entry.settings.keys().copied()).collect();
    keys.sort_unstable();
    keys.dedup();
    let mut csv = csv::Writer::from_writer(Vec::new());
    let head = ["run", "variant", "step"].into_iter().chain(keys.iter().copied());
    csv.write_record(head.chain(names.iter().map(String::as_str))).expect(SPACE);
    for entry in entries {
        let Entry { record, settings, .. } = entry;
        let (folder, variant) = (record.run.folder(), &record.run.settings().variant);
        let first = [folder.display().to_string(), variant.clone(), record.step.to_string()];
        let own = keys.iter().map(|key| settings.get(key).cloned().unwrap_or_default());
        let values =
            names.iter().map(|name| entry.number(name).map_or(String::new(), |number| number.value.to_string()));
        csv.write_record(first.into_iter().chain(own).chain(values)).expect(SPACE);
    }
    csv.into_inner().expect(SPACE)
}

fn json(entries: &[Entry]) -> Value {
    let run = |entry: &Entry| {
        let numbers: Map<String, Value> =
            entry.numbers.iter().map(|number| (number.name.clone(), json!(number.value))).collect();
        let earlier = entry.numbers.iter().filter_map(|number| Some((number.name.clone(), json!(number.of_step?))));
        json!({
            "run": entry.record.run.folder(), "variant": entry.record.run.settings().variant,
            "step": entry.record.step,
            "settings": entry.settings, "numbers": numbers, "steps": earlier.collect::<Map<_, _>>(),
            "ending": entry.record.ending().map(|ending| ending.to_string()),
        })
    };
    entries.iter().map(run).collect()
}

#[cfg(test)]
mod tests {
    use super::{joined, mean};

    #[test]
    fn means_have_the_digits_of_their_errors() {
        for (values, wanted) in [
            (vec![8.0, 8.0], "8 ± 0"),
            (vec![0.5], "0.5000"),
            (vec![1.0, 1.1, 1.3], "1.133 ± 0.088"),
            (vec![7.0, 9.0], "8.0 ± 1.0"),
            (vec![100.0, 900.0], "500 ± 400"),
            (vec![1e7, 3e7], "2.000e7 ± 1.000e7"),
        ] {
            assert_eq!(mean(&values), wanted, "{values:?}");
        }
    }

    #[test]
    fn names_with_commas_are_found_in_a_list() {
        let names = ["d_loss", "NLL per step", "NLL per step, 2-gram", "reverse KL, nats"].map(String::from);
        for (list, wanted) in [
            ("d_loss,NLL per step", vec!["d_loss", "NLL per step"]),
            ("reverse KL, nats,d_loss", vec!["reverse KL, nats", "d_loss"]),
            ("NLL per step, 2-gram,NLL per step,d_los", vec!["NLL per step, 2-gram", "NLL per step", "d_los"]),
            ("", vec![]),
        ] {
            let parts: Vec<String> = list.split(',').filter(|part| !part.is_empty()).map(String::from).collect();
            assert_eq!(joined(&names, &parts), wanted, "{list}");
        }
    }
}
