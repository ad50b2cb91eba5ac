//! Tables that lie in two files, one to learn from and one to test with.

use csv::{StringRecord, Trim, WriterBuilder};

use super::{SEPARATORS, byte, reader};
use crate::data::columns::listed;
use crate::settings::Separator;

/// The rows of `test` below its line of names, with the columns in the order that they have in `train`. What is wrong
/// with the names instead.
pub(super) fn below_names(train: &str, test: &str) -> Result<String, String> {
    let [own, other] = [train, test].map(|text| text.lines().next().unwrap_or_default());
    let rest = &test[other.len()..];
    if own == other {
        return Ok(rest.trim_start().into());
    }
    let cells = |line: &str, separator: Separator| {
        reader(line.as_bytes(), separator, Trim::All).records().next().and_then(|row| row.ok()).unwrap_or_default()
    };
    let separator = SEPARATORS.into_iter().rev().max_by_key(|separator| cells(own, *separator).len());
    let separator = separator.unwrap_or(Separator::Comma);
    let [own, other] = [own, other].map(|line| cells(line, separator));
    let beside = |names: &StringRecord, others: &StringRecord| {
        let only: Vec<String> =
            names.iter().filter(|name| !others.iter().any(|other| other == *name)).map(str::to_owned).collect();
        listed(only.iter().map(String::as_str))
    };
    let places: Option<Vec<usize>> = own.iter().map(|name| other.iter().position(|other| other == name)).collect();
    let is_each =
        |places: &Vec<usize>| places.len() == other.len() && (0..other.len()).all(|place| places.contains(&place));
    let Some(places) = places.filter(is_each) else {
        return Err(match [beside(&own, &other), beside(&other, &own)] {
            [lacks, has] if !lacks.is_empty() && !has.is_empty() => {
                format!("has {has} in place of the columns {lacks}")
            }
            [lacks, _] if !lacks.is_empty() => format!("lacks the columns {lacks}"),
            [_, has] if !has.is_empty() => format!("has the columns {has} beside those"),
            _ => "does not begin with the line of names".into(),
        });
    };
    let mut rows = WriterBuilder::new().delimiter(byte(separator)).flexible(true).from_writer(vec![]);
    for row in reader(rest.as_bytes(), separator, Trim::None).records() {
        let row = row.map_err(|error| format!("cannot be read beside the names ({error})"))?;
        let given = places.iter().map(|place| row.get(*place).unwrap_or_default());
        let more = row.iter().skip(places.len());
        rows.write_record(given.chain(more)).map_err(|error| error.to_string())?;
    }
    let bytes = rows.into_inner().map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|error| error.to_string())
}
