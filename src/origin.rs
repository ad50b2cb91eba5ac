//! What a checkpoint says of the data that its model learned from, and how the data that is there now differs.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{
    checkpoint::Checkpoint,
    data::{BUILT_IN, Columns, Dataset, Items, Series},
    error::{Error, Result},
    files::sha256,
};

/// The entry of [`Checkpoint::meta`] with the data; there is none in one of an earlier version.
pub const DATA: &str = "data";

/// The entry with the folder in which training was started, from which a relative path of the data goes.
pub const FOLDER: &str = "folder";

/// The most differences of one kind that are told.
const TOLD: usize = 3;

/// Data that a model learned from. What is in the checkpoint anyway, the shape and the series, is not repeated.
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
    /// SHA-256 of the bytes that were read; empty where that is not known.
    pub source: String,
    /// SHA-256 of the items and their classes, as they go to the device.
    pub items: String,
}

impl Origin {
    /// What a data set is.
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

    /// What a checkpoint says; nothing, if it is of an earlier version.
    ///
    /// # Errors
    /// An entry that cannot be.
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

    /// The entry of a checkpoint.
    pub fn entry(&self) -> (String, String) {
        (DATA.into(), serde_json::to_string(self).expect("names and numbers are JSON"))
    }
}

/// Where the data lies that a run calls `data`: by that path from here, or else from where training was started.
///
/// # Errors
/// A path that leads nowhere from either.
pub fn located(data: &str, checkpoint: &Checkpoint) -> Result<String> {
    let is_here = BUILT_IN.iter().any(|(name, _)| *name == data) || Path::new(data).exists();
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
    let items = match &dataset.items {
        Items::Bytes(bytes) => &bytes[..],
        Items::Floats(floats) => bytemuck::cast_slice(&floats[..]),
    };
    let classes = dataset.labels.as_ref().map_or(&[][..], |labels| bytemuck::cast_slice(&labels.ids));
    sha256([&extents.collect::<Vec<u8>>(), items, classes])
}

/// How data differs from what a checkpoint says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// It is the same.
    Same,
    /// The files are the same, and what was made of them is not.
    ReadOtherwise,
    /// The checkpoint is of an earlier version, and does not say.
    Unknown,
    /// In these ways, each a few words.
    Different(Vec<String>),
}

/// Compares a data set, and `now`, what it is, with what a checkpoint says of it.
///
/// # Errors
/// Entries of the checkpoint that cannot be.
pub fn compare(checkpoint: &Checkpoint, dataset: &Dataset, now: &Origin) -> Result<Comparison> {
    let Some(then) = Origin::in_checkpoint(checkpoint)? else { return Ok(Comparison::Unknown) };
    let read = |text: &str| {
        let series: Result<Option<Series>, _> = serde_json::from_str(text);
        series.map_err(|error| Error::failure(format!("the checkpoint's `series` cannot be read: {error}")))
    };
    let series = read(&checkpoint.meta::<String>("series")?)?;
    // Written and read as the checkpoint's were, so that equal ones are equal to the last digit.
    let series_now = read(&serde_json::to_string(&dataset.series).expect("names and numbers are JSON"))?;
    let mut ways = vec![];
    if then.count != now.count {
        ways.push(format!("{} examples, not {}", now.count, then.count));
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

/// Two ends and what they were, in as few digits as tell them apart, four at least.
fn short(ends: [f64; 4]) -> [String; 4] {
    let rounded = |digits: usize| ends.map(|end| format!("{end:.digits$e}").parse().unwrap_or(end));
    let tells = |r: &[f64; 4]| (0..2).all(|i| ends[i] == ends[i + 2] || r[i] != r[i + 2]);
    (3..16).map(rounded).find(tells).unwrap_or(ends).map(|end| end.to_string())
}

/// How what features mean differs.
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
        (Some(Series::Symbols(then)), Some(Series::Symbols(now))) => names_differ("symbol", &then.names, &now.names),
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
