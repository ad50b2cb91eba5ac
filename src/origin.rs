//! The description of the training data in a checkpoint, and the comparison of the present data with it.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{
    checkpoint::Checkpoint,
    data::{BUILT_IN, Columns, Dataset, Records, Series},
    error::{Error, Result, counted},
    files::sha256,
};

/// The entry of [`Checkpoint::meta`] with the [`Origin`] of the data; absent in checkpoints of earlier versions.
pub const DATA: &str = "data";

/// The entry with the folder in which training was started; a relative path of the data starts there.
pub const FOLDER: &str = "folder";

/// Maximum number of differences of one kind in a message.
const TOLD: usize = 3;

/// Description of the data that a model learned from, without the shape and the series: other entries of the checkpoint
/// have these.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The data set's name.
    pub name: String,
    /// How many items it has.
    pub count: usize,
    /// The names of its classes, in the order of their numbers; empty without labels.
    pub classes: Vec<String>,
    /// Which values were taken for which.
    pub range: String,
    /// SHA-256 of the bytes that were read; empty if unknown.
    pub source: String,
    /// SHA-256 of the items and their classes, as they go to the device.
    pub items: String,
}

impl Origin {
    /// The description of a data set.
    pub fn of(dataset: &Dataset) -> Self {
        let labels = dataset.labels.as_ref();
        Self {
            name: dataset.name.clone(),
            count: dataset.len(),
            classes: labels.map_or(vec![], |labels| labels.names.clone()),
            range: dataset.about.range.clone(),
            source: dataset.about.source.clone(),
            items: digest(dataset),
        }
    }

    /// The description in a checkpoint; `None` in a checkpoint of an earlier version.
    ///
    /// # Errors
    /// An entry that cannot be read, or whose classes are not as many as the model's.
    pub fn in_checkpoint(checkpoint: &Checkpoint) -> Result<Option<Self>> {
        let Some(text) = checkpoint.meta.get(DATA) else { return Ok(None) };
        let origin: Self = serde_json::from_str(text)
            .map_err(|error| Error::failure(format!("the checkpoint's `{DATA}` cannot be read: {error}")))?;
        let classes: usize = checkpoint.meta("classes")?;
        if origin.classes.len() != classes {
            let named = origin.classes.len();
            return Err(Error::failure(format!("the checkpoint names {named} classes, and its model has {classes}")));
        }
        Ok(Some(origin))
    }

    /// Whether a data set is of the same files, as far as they are known.
    pub fn is_of(&self, dataset: &Dataset) -> bool {
        self.source.is_empty() || self.source == dataset.about.source
    }

    /// The names of so many classes, or their numbers if they have no names.
    pub fn class_names(&self, count: usize) -> Vec<String> {
        if self.classes.is_empty() { (0..count).map(|n| n.to_string()).collect() } else { self.classes.clone() }
    }

    /// The entry for [`Checkpoint::meta`]: key and JSON text.
    pub fn entry(&self) -> (String, String) {
        (DATA.into(), serde_json::to_string(self).expect("names and numbers are JSON"))
    }
}

/// The present path of the data that a run names `data`: relative to the current folder or, if nothing is there, to the
/// folder in which training was started.
///
/// # Errors
/// A path at which there is nothing, relative to either folder.
pub fn located(data: &str, checkpoint: &Checkpoint) -> Result<String> {
    let is_here = BUILT_IN.iter().any(|(name, ..)| *name == data) || Path::new(data).exists();
    let Some(folder) = checkpoint.meta.get(FOLDER).filter(|_| !is_here) else { return Ok(data.into()) };
    let there = Path::new(folder).join(data);
    if there.exists() {
        return Ok(there.to_string_lossy().into());
    }
    Err(Error::usage(format!(
        "the data of the run: `{data}` is neither here nor in `{folder}`, where training was started; say with --data \
         where it is now"
    )))
}

/// SHA-256 of the items of a data set and their classes.
pub fn digest(dataset: &Dataset) -> String {
    let extents = dataset.shape.iter().chain([&dataset.stack]).flat_map(|n| (*n as u64).to_le_bytes());
    let [items, classes] = match &dataset.about.content {
        Some(known) => [known.as_bytes(), &[]],
        None => dataset.content(),
    };
    sha256([&extents.collect::<Vec<u8>>(), items, classes])
}

/// What tells the held-out examples of an evaluation from others: the digest of the items; of the rows of a table,
/// which models encode each in its way, that of the file and their number.
pub fn identity(held_out: &Dataset) -> String {
    match held_out.records() {
        Some(_) => sha256([held_out.about.source.as_bytes(), &(held_out.len() as u64).to_le_bytes()]),
        None => digest(held_out),
    }
}

/// How data differs from its description in a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// The data is the same.
    Same,
    /// The files are the same, but the items read from them differ.
    ReadOtherwise,
    /// The checkpoint is of an earlier version and has no description.
    Unknown,
    /// The data differs; each text tells one difference in a few words.
    Different(Vec<String>),
}

/// Compares a data set, with its description `now`, to the description in a checkpoint.
///
/// # Errors
/// Entries of the checkpoint that cannot be read.
pub fn compare(checkpoint: &Checkpoint, dataset: &Dataset, now: &Origin) -> Result<Comparison> {
    let Some(then) = Origin::in_checkpoint(checkpoint)? else { return Ok(Comparison::Unknown) };
    let read = |text: &str| {
        let series: Result<Option<Series>, _> = serde_json::from_str(text);
        series.map_err(|error| Error::failure(format!("the checkpoint's `series` cannot be read: {error}")))
    };
    let series = read(&checkpoint.meta::<String>("series")?)?;
    // Written and read like the checkpoint's series, so that equal numbers stay equal to the last digit.
    let series_now = read(&serde_json::to_string(&dataset.series).expect("names and numbers are JSON"))?;
    let mut ways = vec![];
    if then.count != now.count {
        ways.push(format!("{}, not {}", counted(now.count, "example"), then.count));
    }
    ways.extend(names_differ("class", &then.classes, &now.classes));
    ways.extend(series_differ(series.as_ref(), series_now.as_ref()));
    if then.items == now.items {
        return Ok(if ways.is_empty() { Comparison::Same } else { Comparison::Different(ways) });
    }
    if ways.is_empty() && !then.source.is_empty() && then.source == now.source {
        return Ok(Comparison::ReadOtherwise);
    }
    if then.range != now.range {
        ways.push(format!("the values are {}, not {}", now.range, then.range));
    }
    if ways.is_empty() {
        ways.push("as many examples, but others".into());
    }
    Ok(Comparison::Different(ways))
}

/// How lists of names differ.
fn names_differ(what: &str, then: &[String], now: &[String]) -> Vec<String> {
    if then.len() == now.len() {
        let pairs = then.iter().zip(now).filter(|(then, now)| then != now);
        return pairs.map(|(then, now)| format!("{what} `{then}` is `{now}` now")).take(TOLD).collect();
    }
    let only = |these: &[String], those: &[String], verb: &str| {
        let only = these.iter().filter(|name| !those.contains(name));
        only.map(|name| format!("{what} `{name}` is {verb}")).take(TOLD).collect::<Vec<_>>()
    };
    [only(then, now, "gone"), only(now, then, "new")].concat()
}

/// Two bounds and their two former values as text, with at least four digits and as many as show each change.
fn short(ends: [f64; 4]) -> [String; 4] {
    let rounded = |digits: usize| ends.map(|end| format!("{end:.digits$e}").parse().unwrap_or(end));
    let tells = |r: &[f64; 4]| (0..2).all(|i| ends[i] == ends[i + 2] || r[i] != r[i + 2]);
    (3..16).map(rounded).find(tells).unwrap_or(ends).map(|end| end.to_string())
}

/// How the meanings of features differ.
fn series_differ(then: Option<&Series>, now: Option<&Series>) -> Vec<String> {
    match (then, now) {
        (Some(Series::Columns(then)), Some(Series::Columns(now))) => {
            let mut ways = names_differ("column", &then.names, &now.names);
            if ways.is_empty() {
                let of = |columns: &Columns, n: usize| (columns.zero[n], columns.one[n]);
                let moved = (0..then.names.len()).filter(|&n| of(then, n) != of(now, n));
                let way = |n: usize| {
                    let ((from, to), (was, till)) = (of(now, n), of(then, n));
                    let [from, to, was, till] = short([from, to, was, till]);
                    format!("column `{}` is scaled by {from} to {to}, not by {was} to {till}", now.names[n])
                };
                ways.extend(moved.map(way).take(TOLD));
            }
            ways
        }
        (Some(Series::Table(then)), Some(Series::Table(now))) => {
            let names = |records: &Records| records.columns.iter().map(|c| c.name.clone()).collect::<Vec<_>>();
            let mut ways = names_differ("column", &names(then), &names(now));
            if ways.is_empty() {
                let changed = then.columns.iter().zip(&now.columns).filter(|(then, now)| then != now);
                ways.extend(changed.map(|(_, now)| format!("column `{}` has other values", now.name)).take(TOLD));
            }
            ways
        }
        (Some(Series::Symbols(then)), Some(Series::Symbols(now))) => names_differ("symbol", &then.names, &now.names),
        // The tempo, the metre and the instrument change nothing of what is learned.
        (Some(Series::Roll(then)), Some(Series::Roll(now)))
            if then.begins == now.begins && then.music.steps_per_beat == now.music.steps_per_beat =>
        {
            vec![]
        }
        (then, now) if then == now => vec![],
        (None, Some(_)) => vec!["its columns have names and units now".into()],
        _ => vec!["its features mean something else".into()],
    }
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn as_many_digits_as_tell_ends_apart() {
        let third = 1.0 / 3.0;
        assert_eq!(short([third, 2e9 + 0.1, 0.5, 3.0]), ["0.3333", "2000000000", "0.5", "3"]);
        assert_eq!(short([third, 1.23456, 0.333_34, 1.23456]), ["0.33333", "1.2346", "0.33334", "1.2346"]);
        assert_eq!(short([f64::NAN, 0.0, f64::NAN, 0.0])[1], "0");
    }
}
