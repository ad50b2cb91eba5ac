//! What is said of each column of a table.

use super::coding::{Body, Coding, Value};
use super::{Column, Derived, Kind, Role, Style};
use crate::data::cells::is_missing;
use crate::data::dialect::shown;
use crate::error::counted;
use crate::settings::Decimal;

/// Most values of a category that are named.
const NAMED: usize = 4;

/// One line on a column, one of `columns`: its type, its values, and how it is learned.
pub fn of(column: &Column, columns: &[Column], decimal: Decimal) -> String {
    match &column.role {
        Role::Skipped => "left out".into(),
        Role::Constant(text) => format!("{} in every row: not learned, written back", shown(text)),
        Role::Id(ids) => {
            let way =
                if ids.drawn.is_some() { "samples have other digits, drawn, such as" } else { "samples count from" };
            let gaps =
                ids.gaps.as_ref().map_or(String::new(), |(share, _)| format!(", {:.1} % are gaps", 100.0 * share));
            format!("id: not learned, {way} {}{gaps}", shown(&ids.id(1, 0)))
        }
        Role::Derived(derived) => followed(column, derived, columns),
        Role::Learned(coding) => learned(column, coding, decimal),
    }
}

/// A column that follows from others.
fn followed(column: &Column, derived: &Derived, columns: &[Column]) -> String {
    let kind = match &column.kind {
        Kind::Category => "category".into(),
        Kind::Number(style) => format!("number, {}", decimals(style)),
        Kind::Date(pattern) => format!("date {}", pattern.letters()),
    };
    let learned = if derived.learns_gaps() { ", gaps are learned" } else { "" };
    let shares: String = derived.rest().into_iter().flat_map(gaps).map(|gaps| format!(", {gaps}")).collect();
    format!("{kind}{shares} -> {}{learned}", derived.said(columns))
}

/// How many decimals numbers have.
fn decimals(style: &Style) -> String {
    let kind = match style.decimals {
        Some(0) => "whole".into(),
        Some(decimals) => counted(decimals, "decimal"),
        None => "with exponents".into(),
    };
    match style.grain().filter(|_| style.is_coarse()) {
        Some(grain) => format!("{kind}, multiples of {grain}"),
        None => kind,
    }
}

fn learned(column: &Column, coding: &Coding, decimal: Decimal) -> String {
    let rows = coding.rows();
    let numbers = coding.values.iter().filter_map(|value| value.number);
    let ends = match &coding.body {
        Some(Body::Ranks(ranks, _)) => ranks.ends().to_vec(),
        Some(Body::Modes(modes)) => modes.iter().map(|mode| mode.mean).collect(),
        None => vec![],
    };
    let all = || numbers.clone().chain(ends.iter().copied());
    let (low, high) = (all().fold(f64::INFINITY, f64::min), all().fold(f64::NEG_INFINITY, f64::max));
    let mut parts = vec![];
    match &column.kind {
        Kind::Category => {
            let values = coding.values.len() + coding.rare.len();
            let some: Vec<String> = coding.values.iter().take(NAMED).map(|value| shown(&value.text)).collect();
            let more = if values > NAMED { ", .." } else { "" };
            parts.push(format!("category, {}: {}{more}", counted(values, "value"), some.join(", ")));
        }
        Kind::Number(style) => {
            let kind = decimals(style);
            let [low, high] = [low, high].map(|end| style.write(end, decimal));
            parts.push(format!("number, {kind}, {low} to {high}"));
        }
        Kind::Date(pattern) => {
            let kind = if pattern.is_duration() { "duration" } else { "date" };
            parts.push(format!("{kind} {}, {} to {}", pattern.letters(), pattern.write(low), pattern.write(high)));
        }
    }
    if column.kind != Kind::Category {
        if coding.body.is_none() {
            parts.push(counted(numbers.clone().count(), "value"));
        }
        let is_said = |value: &&Value| value.number.is_some() && (coding.body.is_some() || coding.values.len() < NAMED);
        for value in coding.values.iter().filter(is_said) {
            parts.push(format!("{} {}", share_of(value.rows, rows), value.text));
        }
    }
    parts.extend(gaps(coding));
    if let Some(others) = &coding.others {
        let merged = coding.values.iter().find(|value| value.text == *others).map_or(0, |value| value.rows);
        parts.push(format!("rarer ones, {} of the rows, are {}", share_of(merged, rows), shown(others)));
    }
    if !coding.rare.is_empty() {
        let rare: usize = coding.rare.iter().map(|value| value.rows).sum();
        parts.push(format!(
            "the {} most frequent are learned, the others ({} of the rows) are one: what depends on them is lost",
            coding.values.len(),
            share_of(rare, rows)
        ));
    }
    let way = match (&coding.body, coding.choices()) {
        (None, choices) => format!("one of {choices}"),
        (Some(Body::Ranks(..)), 0) => "rank".into(),
        (Some(Body::Ranks(..)), choices) => format!("rank + {}", counted(choices - 1, "special value")),
        (Some(Body::Modes(modes)), _) => counted(modes.len(), "mode"),
    };
    format!("{} -> {way}", parts.join(", "))
}

/// A few words on each kind of gaps that rows have.
fn gaps(coding: &Coding) -> impl Iterator<Item = String> {
    let are_numbers = coding.body.is_some() || coding.values.iter().any(|value| value.number.is_some());
    let is_gap = move |value: &&Value| value.number.is_none() && (are_numbers || is_missing(&value.text));
    let gaps = coding.values.iter().filter(is_gap);
    gaps.map(|gap| {
        let mark = if gap.text.is_empty() { String::new() } else { format!(" {}", shown(&gap.text)) };
        format!("{} gaps{mark}", share_of(gap.rows, coding.rows()))
    })
}

/// A few words on how many rows a column has values in.
fn share_of(count: usize, rows: usize) -> String {
    match 100.0 * count as f64 / rows.max(1) as f64 {
        share if share < 0.1 => counted(count, "row"),
        share if share < 10.0 => format!("{share:.1} %"),
        share => format!("{share:.0} %"),
    }
}
