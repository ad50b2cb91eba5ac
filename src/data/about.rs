//! The report on a data set that was read: how the files were understood, and the items that were left out.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Write};

use serde::{Deserialize, Serialize};

use super::{Chord, Dataset, Items, Records, Series, product};
use crate::error::{counted, escaped};

/// Number of names to keep for each reason of leaving items out.
const NAMED: usize = 3;
/// Number of classes to name in a short text.
const CLASSES: usize = 10;
/// Number of rows or steps to show.
const ROWS: usize = 5;
/// Number of columns whose ranges are shown, and of cells in a row.
const COLUMNS: usize = 100;
const CELLS: usize = 20;

/// How files were understood, so that the user can check this.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct About {
    /// The name of this part and of the other part (`train/, beside test/`); empty for data without parts.
    pub part: String,
    /// How many examples are held out of a set without parts, where some are to be and were counted so.
    pub held_out: Option<usize>,
    /// The values of black and white, and the reason (`0..1, as all values lie in it`); empty if there was no choice to
    /// make.
    pub range: String,
    /// The recognised properties, a few words each: the layout of an array; separator, header and columns of a table.
    pub findings: Vec<String>,
    /// The items that were left out.
    pub left_out: LeftOut,
    /// Further sentences for the user.
    pub notes: Vec<String>,
    /// SHA-256 of the files that were read, in hexadecimal; for a drawn set, SHA-256 of its name and version.
    pub source: String,
    /// The name of each item, the file of an image or what the data calls it; empty if they have none, or nobody asked.
    pub names: Vec<String>,
    /// For each item the rows of the table that it is made of, or its place in the file, counted from 0; empty if
    /// nobody asked.
    pub rows: Vec<u32>,
    /// For each row of a table that a model knows, what its cells have that no row has which that learned from; else
    /// empty.
    pub faults: Vec<Vec<String>>,
    /// The first rows of a table whose columns have types, as they stand in the file.
    pub first: Vec<String>,
    /// What stands for the items and their classes in digests, where it is known without reading them all.
    pub content: Option<String>,
}

/// The items left out of a data set, counted by reason.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LeftOut(BTreeMap<String, (usize, Vec<String>)>);

impl LeftOut {
    /// Counts one more left-out item for `reason`, a plural noun such as `.txt files`.
    pub fn add(&mut self, reason: &str, name: impl Display) {
        let (count, names) = self.0.entry(reason.to_owned()).or_default();
        *count += 1;
        if names.len() < NAMED {
            names.push(name.to_string());
        }
    }

    /// Counts `count` more left-out items without names.
    pub fn add_many(&mut self, reason: &str, count: usize) {
        self.0.entry(reason.to_owned()).or_default().0 += count;
    }

    /// Counts `count` items, if there are any.
    pub fn add_some(&mut self, reason: &str, count: usize) {
        if count > 0 {
            self.add_many(reason, count);
        }
    }

    /// Adds what `other` counts.
    pub(super) fn extend(&mut self, other: &Self) {
        for (reason, (count, names)) in &other.0 {
            let (all, named) = self.0.entry(reason.clone()).or_default();
            *all += count;
            named.extend(names.iter().take(NAMED.saturating_sub(named.len())).cloned());
        }
    }

    /// The number of items that were left out.
    pub fn count(&self) -> usize {
        self.0.values().map(|(count, _)| count).sum()
    }

    /// The reasons in alphabetical order, each with the number of left-out items and the names of the first ones.
    pub fn reasons(&self) -> impl Iterator<Item = (&str, usize, &[String])> {
        self.0.iter().map(|(reason, (count, names))| (reason.as_str(), *count, names.as_slice()))
    }
}

/// All reasons in one line.
impl Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        for (n, (reason, count, names)) in self.reasons().enumerate() {
            let between = if n == 0 { "left out: " } else { "; " };
            let such = match names {
                [] => String::new(),
                names if names.len() == count => format!(": {}", names.join(", ")),
                names => format!(", such as {}", names[0]),
            };
            write!(f, "{between}{reason} ({count}{such})")?;
        }
        Ok(())
    }
}

/// The one or two lines that `train` prints first, and one line for each note.
impl Display for Dataset {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let mut first = format!("{}: {}", self.name, self.examples());
        if !self.about.part.is_empty() {
            first += &format!(" ({})", self.about.part);
        }
        if self.labels.is_some() {
            first += &format!("; {}", self.classes_in_short());
        }
        if !self.about.range.is_empty() {
            first += &format!("; values {}", self.about.range);
        }
        if !self.about.findings.is_empty() {
            first += &format!("; {}", self.about.findings.join(", "));
        }
        let left_out = (self.about.left_out != LeftOut::default()).then(|| self.about.left_out.to_string());
        // Names may hold line feeds, which are escaped here.
        let lines = [first].into_iter().chain(left_out).chain(self.about.notes.iter().cloned());
        f.write_str(&lines.map(|line| escaped(&line, "\t")).collect::<Vec<_>>().join("\n"))
    }
}

impl Dataset {
    /// What item `i` is called: the name of its file, or the number of its (first) row or place, counted from 0.
    pub fn name_of(&self, i: usize) -> String {
        match (self.about.names.get(i), self.rows_of(i).first()) {
            (Some(name), _) => name.clone(),
            (None, Some(row)) => row.to_string(),
            (None, None) => i.to_string(),
        }
    }

    /// What item `i` spells, in one line; `None` for items that are no text.
    pub fn text_of(&self, i: usize) -> Option<String> {
        let symbols = self.series.as_ref()?.text()?;
        let ids: Vec<usize> = self.symbols(i)?.iter().map(|id| usize::from(*id)).collect();
        Some(symbols.spelled(&ids).replace('\n', "\\n"))
    }

    /// The rows of a table that item `i` is made of, counted from 0; empty if nobody asked.
    pub fn rows_of(&self, i: usize) -> &[u32] {
        let each = self.about.rows.len() / self.len().max(1);
        &self.about.rows[i * each..][..each]
    }

    /// The columns, of a table with types.
    pub fn records(&self) -> Option<&Records> {
        match &self.series {
            Some(Series::Table(records)) => Some(records),
            _ => None,
        }
    }

    /// The number of examples and their extents.
    fn examples(&self) -> String {
        let (noun, extents) = match (self.shape.as_slice(), &self.series) {
            (&[1, height, width], _) => ("grey image", format!("{width}x{height}")),
            (&[_, height, width], _) if self.stack > 1 => {
                ("grey image", format!("{width}x{height}, stacks of {} are examples", self.stack))
            }
            (&[2, height, width], _) => ("grey image", format!("{width}x{height}, with alpha")),
            (&[3, height, width], _) => ("RGB image", format!("{width}x{height}")),
            (&[4, height, width], _) => ("RGB image", format!("{width}x{height}, with alpha")),
            (&[channels, height, width], _) => ("image", format!("{width}x{height}, {channels} channels")),
            (&[steps, names], Some(Series::Symbols(symbols))) => {
                ("sequence", format!("{steps} of {}", counted(names, symbols.noun())))
            }
            (&[steps, keys], Some(Series::Roll(roll))) => {
                let begin = if roll.begins { ", which sound and begin" } else { "" };
                ("roll", format!("{steps} of {}{begin}", counted(keys / (1 + usize::from(roll.begins)), "key")))
            }
            (&[steps, columns], _) => {
                ("sequence", format!("{} of {}", counted(steps, "step"), counted(columns, "value")))
            }
            (_, Some(Series::Table(records))) => {
                let what = format!(
                    "{}, {} of them learned",
                    counted(records.columns.len(), "column"),
                    records.codings().count()
                );
                ("row", what)
            }
            (&[columns], _) => ("point", counted(columns, "value")),
            (shape, _) => ("example", product(shape)),
        };
        format!("{} of {extents}", counted(self.len(), noun))
    }

    /// The name of each class and its number of items.
    fn class_counts(&self) -> Vec<(&str, usize)> {
        let Some(labels) = &self.labels else { return vec![] };
        labels.names.iter().map(String::as_str).zip(labels.counts()).collect()
    }

    fn classes_in_short(&self) -> String {
        let counts = self.class_counts();
        let some: Vec<String> = counts.iter().take(CLASSES).map(|(name, count)| format!("{name} ({count})")).collect();
        let more = counts.len().saturating_sub(CLASSES);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        let missing = match self.unlabelled() {
            0 => String::new(),
            missing => format!(", {missing} without a class"),
        };
        format!("{}: {}{more}{missing}", counted(counts.len(), "class"), some.join(", "))
    }

    /// The full report: every class, the left-out items, columns and the first rows, size and digest.
    pub fn in_full(&self) -> String {
        let mut text = String::new();
        let mut line = |name: &str, what: &str| {
            if !what.is_empty() {
                let _ = writeln!(text, "{name:<10} {}", escaped(what, "\t")); // a string never fails
            }
        };
        line("data", &self.name);
        line("examples", &self.examples());
        line("part", &self.about.part);
        let counts = self.class_counts();
        for (id, (name, count)) in counts.iter().enumerate() {
            let head = if id == 0 { format!("{} in all: ", counts.len()) } else { String::new() };
            line(if id == 0 { "classes" } else { "" }, &format!("{head}{id} `{name}` {count}"));
        }
        match self.unlabelled() {
            0 => {}
            missing => line("", &format!("{missing} without a class")),
        }
        let pixels = match self.items {
            Items::Bytes(_) if self.is_roll() => "0 and 1",
            Items::Bytes(_) => "as stored: 0 is black, 255 white",
            Items::File(ref packed) if packed.is_of_pixels() => "as stored: 0 is black, 255 white",
            _ => "",
        };
        line("values", if self.about.range.is_empty() { pixels } else { &self.about.range });
        self.about.findings.iter().for_each(|finding| line("found", finding));
        if let Some(music) = self.series.as_ref().and_then(Series::music) {
            let ([count, share], beats) = (music.metre, 60e6 / f64::from(music.tempo));
            let steps = format!("{} to a beat", counted(music.steps_per_beat, "step"));
            line("music", &format!("{steps}, {beats:.0} beats a minute, {count}/{share}, program {}", music.program));
        }
        self.columns().iter().for_each(|column| line("column", column));
        for (reason, count, names) in self.about.left_out.reasons() {
            let more = if count > names.len() { ", .." } else { "" };
            let names = if names.is_empty() { String::new() } else { format!(": {}{more}", names.join(", ")) };
            line("left out", &format!("{reason} ({count}){names}"));
        }
        self.about.notes.iter().for_each(|note| line("note", note));
        self.first_rows().lines().enumerate().for_each(|(i, row)| line(if i == 0 { "first" } else { "" }, row));
        let (bytes, place) = match &self.items {
            Items::Bytes(bytes) | Items::Symbols { ids: bytes, .. } => (bytes.len(), "memory"),
            Items::Floats(floats) => (4 * floats.len(), "memory"),
            Items::File(packed) => (packed.bytes() as usize, "its file, read while training"),
        };
        line("size", &format!("{:.1} MiB in {place}", bytes as f64 / f64::from(1 << 20)));
        line("digest", &self.about.source);
        text.truncate(text.trim_end().len());
        text
    }

    /// The name and the range of each column of numbers; in the model's units if the data's units are not known.
    fn columns(&self) -> Vec<String> {
        if let Some(Series::Symbols(symbols)) = &self.series {
            let names = &symbols.names;
            return vec![format!("one of {}: {}", counted(names.len(), symbols.noun()), quoted(names))];
        }
        if let Some(records) = self.records() {
            return records.lines(COLUMNS);
        }
        let (Items::Floats(values), Some(&width)) = (&self.items, self.shape.last()) else { return vec![] };
        let names: Vec<String> = match &self.series {
            Some(Series::Columns(columns)) => columns.names.clone(),
            _ => (0..width).map(|i| format!("x{i}")).collect(),
        };
        let (mut low, mut high) = (vec![f32::INFINITY; width], vec![f32::NEG_INFINITY; width]);
        for row in values.chunks_exact(width) {
            let ends = low.iter_mut().zip(&mut high).zip(row);
            ends.for_each(|((low, high), value)| (*low, *high) = (low.min(*value), high.max(*value)));
        }
        let ends = self.cells(&low).into_iter().zip(self.cells(&high));
        let mut lines: Vec<String> = names
            .iter()
            .zip(ends)
            .take(COLUMNS)
            .map(|(name, (low, high))| format!("`{name}` {low} to {high}"))
            .collect();
        lines.extend((width > COLUMNS).then(|| format!("and {} more", width - COLUMNS)));
        lines
    }

    /// A row of numbers as text, in the data's units.
    fn cells(&self, row: &[f32]) -> Vec<String> {
        match &self.series {
            Some(Series::Columns(columns)) => columns.cells(row),
            _ => row.iter().map(f32::to_string).collect(),
        }
    }

    /// The first rows of points, or the first steps of the first sequence, in the data's units.
    fn first_rows(&self) -> String {
        if let Some(Series::Symbols(symbols)) = &self.series {
            return symbols.to_text(&symbols.sequences(&self.item(0), self.shape[0])).trim_end().to_owned();
        }
        if let (Some(Series::Roll(roll)), Some(piece)) = (&self.series, self.pieces.first()) {
            let begins = |chord: &Chord| if roll.begins { chord.begins } else { chord.sounds };
            let chords = piece.iter().map(|chord| Chord { begins: begins(chord), ..*chord });
            return chords.take(ROWS).map(Chord::spelled).collect::<Vec<_>>().join("\n");
        }
        let (Items::Floats(values), Some(&width)) = (&self.items, self.shape.last()) else { return String::new() };
        if self.records().is_some() {
            return self.about.first.join("\n");
        }
        let more = if width > CELLS { ", .." } else { "" };
        let row = |row: &[f32]| self.cells(row)[..width.min(CELLS)].join(", ") + more;
        let rows = if self.shape.len() == 2 { self.shape[0].min(ROWS) } else { ROWS };
        values.chunks_exact(width).take(rows).map(row).collect::<Vec<_>>().join("\n")
    }
}

fn quoted(names: &[String]) -> String {
    const MANY: usize = 40;
    let some: Vec<String> = names.iter().take(MANY).map(|name| format!("{name:?}")).collect();
    let more = if names.len() > MANY { ", .." } else { "" };
    format!("{}{more}", some.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_out_is_one_line() {
        let mut left_out = LeftOut::default();
        left_out.add("images that are damaged", "a.png");
        left_out.add("links that lead nowhere", "b");
        (0..5).for_each(|i| left_out.add(".txt files", format!("{i}.txt")));
        assert_eq!(
            left_out.to_string(),
            "left out: .txt files (5, such as 0.txt); images that are damaged (1: a.png); \
             links that lead nowhere (1: b)"
        );
        assert_eq!(
            left_out.reasons().next(),
            Some((".txt files", 5, ["0.txt", "1.txt", "2.txt"].map(String::from).as_slice()))
        );
    }
}
