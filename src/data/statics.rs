//! What is the same in all rows of a series, as the country of a station is: learned beside its steps, and given back
//! once for a series.

use std::collections::BTreeSet;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::Columns;
use super::column::{Column, Role};
use super::columns::{Table, joined};
use super::dialect::{Sheet, shown};
use super::roles::Codes;
use crate::error::{Result, counted};

/// Most values of a text that is learned, and of a number that is one of its values.
const TEXTS: usize = 50;
const NUMBERS: usize = 20;

/// A column that is the same at all steps of a series.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Static {
    /// Its name.
    pub name: String,
    /// Its first feature.
    pub first: usize,
    /// The cells of which a series has one, each with a feature that is 1 where it is this one, else 0; empty for a
    /// number of many values, which has one feature.
    #[serde(default)]
    pub values: Vec<String>,
}

impl Static {
    /// Its features.
    pub fn features(&self) -> Range<usize> {
        self.first..self.first + self.values.len().max(1)
    }
}

impl Columns {
    /// Sequences `[N, steps, F]` flat whose statics are the same at all steps: a number is its mean, and of texts the
    /// likeliest is 1, the others 0.
    pub fn settled(&self, mut samples: Vec<f32>, steps: usize) -> Vec<f32> {
        let width = self.names.len().max(1);
        for sequence in samples.chunks_exact_mut((steps * width).max(1)) {
            for one in &self.statics {
                let of = |feature: usize| sequence.iter().skip(feature).step_by(width).map(|&seen| f64::from(seen));
                let mut means: Vec<f32> =
                    one.features().map(|feature| (of(feature).sum::<f64>() / steps as f64) as f32).collect();
                if !one.values.is_empty() {
                    let chosen = self.choice(one, &means);
                    let is_chosen = (0..).map(|n| f64::from(u8::from(n == chosen)));
                    means =
                        one.features().zip(is_chosen).map(|(feature, value)| self.seen_at(feature, value)).collect();
                }
                for row in sequence.chunks_exact_mut(width) {
                    row[one.features()].copy_from_slice(&means);
                }
            }
        }
        samples
    }

    /// The text of a static column in a row `[F]`.
    pub fn chosen<'s>(&self, one: &'s Static, row: &[f32]) -> &'s str {
        &one.values[self.choice(one, &row[one.features()])]
    }

    /// The text with the largest of these values, as the model sees them.
    fn choice(&self, one: &Static, seen: &[f32]) -> usize {
        let value = |n: &usize| self.value(one.first + n, seen[*n]);
        (0..seen.len()).max_by(|a, b| value(a).total_cmp(&value(b))).unwrap_or_default()
    }

    /// For each feature its cell, and for the features of texts the text that is likeliest in this row, once.
    pub(super) fn merged(&self, cells: Vec<String>, row: &[f32]) -> Vec<String> {
        self.once(cells, |one| self.chosen(one, row).to_owned())
    }

    /// The names of the columns, with one for all features of texts.
    pub(super) fn titles(&self) -> Vec<String> {
        self.once(self.names.clone(), |one| one.name.clone())
    }

    /// What belongs to each feature, with `of` in place of what belongs to the features of texts.
    fn once(&self, each: Vec<String>, of: impl Fn(&Static) -> String) -> Vec<String> {
        let texts = |feature: usize| {
            self.statics.iter().find(|one| !one.values.is_empty() && one.features().contains(&feature))
        };
        let cell = |(feature, cell)| match texts(feature) {
            None => Some(cell),
            Some(one) => (one.first == feature).then(|| of(one)),
        };
        each.into_iter().enumerate().filter_map(cell).collect()
    }
}

impl Table {
    /// Gives each text that is the same in all rows of a series, each number of few values that is, and what a model
    /// knows as such, a column for each of its values, which is 1 where it has this one, else 0.
    pub fn spread_texts(&mut self, sheet: &Sheet, known: Option<&Columns>) -> Result<()> {
        let of_model = |name: &str| {
            let found = known.and_then(|columns| columns.statics.iter().find(|one| one.name == name));
            found.map(|one| one.values.clone()).filter(|values| !values.is_empty())
        };
        // Most values that it may have.
        let most = |column: &Column| match (known, &column.role) {
            (Some(_), _) => of_model(&column.name).map(|_| usize::MAX),
            (None, Role::Other(what)) if what.starts_with("text") => Some(TEXTS),
            (None, Role::Number) => Some(NUMBERS),
            _ => None,
        };
        for one in known.iter().flat_map(|columns| &columns.statics) {
            self.find(&sheet.file, &one.name, "columns of the model")?;
        }
        let candidates: Vec<(usize, usize)> = match known.is_some() || self.group.is_some() {
            true => self.all.iter().enumerate().filter_map(|(i, column)| Some((i, most(column)?))).collect(),
            false => return Ok(()),
        };
        let mut codes = vec![Codes::default(); candidates.len()];
        self.each_row(sheet, |row| {
            candidates.iter().zip(&mut codes).for_each(|((i, most), codes)| codes.take(&row[*i], *most));
        })?;
        let series = self.series();
        for ((i, _), Codes { names, ids, gave_up }) in candidates.into_iter().zip(codes) {
            let is_same = |rows: &Vec<usize>| rows.iter().all(|row| ids[*row] == ids[rows[0]]);
            let values = match of_model(&self.all[i].name) {
                Some(values) => values,
                // What each series has of its own is its name.
                None if !gave_up
                    && names.len() > 1
                    && 2 * names.len() <= series.len()
                    && series.iter().all(is_same) =>
                {
                    names.keys().cloned().collect::<BTreeSet<_>>().into_iter().collect()
                }
                None => continue,
            };
            let [name, title] = [&self.all[i].name, &self.all[i].title].map(String::clone);
            let unknown: BTreeSet<&String> = names.keys().filter(|text| !values.contains(text)).collect();
            if let Some(first) = unknown.first() {
                let (count, first) = (counted(unknown.len(), "value"), shown(first));
                self.notes.push(format!(
                    "`{}`: {}: {count} that the model does not know, such as {first}: read as none of its own",
                    sheet.name,
                    shown(&name)
                ));
            }
            self.all[i].role = Role::Static;
            let first = self.all.len();
            for value in &values {
                let number = names.get(value);
                let is_chosen = ids.iter().map(|id| Some(id) == number);
                self.all.push(Column::of_choice(format!("{name}={value}"), title.clone(), is_chosen));
            }
            self.texts.push(Static { name, first, values });
        }
        Ok(())
    }

    /// The columns of the file, without those of the values of texts.
    pub(super) fn own(&self) -> Range<usize> {
        0..self.texts.first().map_or(self.all.len(), |one| one.first)
    }

    /// These columns, with those of its values in place of a text.
    pub(super) fn spread(&self, columns: Vec<usize>) -> Vec<usize> {
        let of = |i: usize| match self.texts.iter().find(|one| one.name == self.all[i].name) {
            Some(one) => one.features().collect(),
            None => vec![i],
        };
        columns.into_iter().flat_map(of).collect()
    }

    /// What is the same in all rows of each series, of the columns with these places.
    pub fn statics(&self, kept: &[usize]) -> Vec<Static> {
        let place = |i: usize| kept.iter().position(|kept| *kept == i);
        // A value that no row to learn from has, has no feature.
        let text = |one: &Static| {
            let of = |(i, value): (usize, &String)| Some((place(i)?, value.clone()));
            let (places, values): (Vec<usize>, Vec<String>) = one.features().zip(&one.values).filter_map(of).unzip();
            let is_row = places.windows(2).all(|pair| pair[1] == pair[0] + 1);
            Some(Static { name: one.name.clone(), first: *places.first().filter(|_| is_row)?, values })
        };
        let series = self.series();
        let is_same = |i: usize| {
            let values = &self.all[i].values;
            series.iter().all(|rows| rows.iter().all(|row| values[*row] == values[rows[0]]))
        };
        let number = |(first, i): (usize, &usize)| {
            let is_static = self.group.is_some() && self.own().contains(i) && is_same(*i);
            is_static.then(|| Static { name: self.all[*i].name.clone(), first, values: vec![] })
        };
        let mut statics: Vec<Static> = self.texts.iter().filter_map(text).collect();
        statics.extend(kept.iter().enumerate().filter_map(number));
        statics
    }

    /// The note on what is the same in all rows of each series.
    pub(super) fn said_of(statics: &[Static], file: &str) -> Option<String> {
        let names: Vec<String> = statics.iter().map(|one| shown(&one.name)).collect();
        let is = if names.len() == 1 { "is" } else { "are" };
        (!names.is_empty()).then(|| {
            format!(
                "`{file}`: {} {is} the same in all rows of a series: a sample has one for all its steps",
                joined(names)
            )
        })
    }
}
