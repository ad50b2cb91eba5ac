//! Tables that lie in two files, one to learn from and one to test with.

use csv::{StringRecord, Trim};

use super::{SEPARATORS, byte, reader};
use crate::data::columns::listed;
use crate::data::quotes;
use crate::settings::Separator;

/// The rows of `test` below its line of names, with the columns in the order that they have in `train`. What is wrong
/// with the names instead.
pub(super) fn below_names(train: &str, test: &str) -> Result<String, String> {
    let [own, other] = [train, test].map(|text| text.lines().next().unwrap_or_default());
    let rest = &test[other.len()..];
    if own == other {
        let below = rest.strip_prefix("\r\n").or_else(|| rest.strip_prefix('\n'));
        return Ok(below.unwrap_or(rest).into());
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
    // With the quotes of the rows to learn from: samples are written as all rows are.
    let (_, quotes) = quotes::found(train, byte(separator), own.len(), true);
    let mark = char::from(byte(separator)).to_string();
    let mut rows = String::new();
    for row in reader(rest.as_bytes(), separator, Trim::None).records() {
        let row = row.map_err(|error| format!("cannot be read beside the names ({error})"))?;
        // A row that is too short is refused where all rows are looked at.
        let order: Vec<usize> = match row.len() < places.len() {
            true => (0..row.len()).collect(),
            false => places.iter().copied().chain(places.len()..row.len()).collect(),
        };
        let written = |(column, place): (usize, usize)| {
            quotes.get(column).copied().unwrap_or_default().written(&row[place], byte(separator))
        };
        rows += &order.into_iter().enumerate().map(written).collect::<Vec<_>>().join(&mark);
        rows.push('\n');
    }
    Ok(rows)
}
