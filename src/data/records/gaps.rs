//! Which cells of a table are gaps.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::types::Texts;
use crate::data::Options;
use crate::data::cells::is_missing;
use crate::data::columns::{Table, names_in};
use crate::data::dialect::Sheet;
use crate::error::Result;

/// Which cells are gaps: those of the setting `missing`, or the usual ones; empty ones always.
pub struct Gaps(Option<Vec<String>>);

impl Gaps {
    /// Those of the options. A comma is part of a cell, such as `<0,5` or `12,O0`, if the table has that cell.
    pub fn of(options: &Options, table: &Table, sheet: &Sheet) -> Result<Self> {
        let Some(mut list) = options.missing.as_deref().map(names_in) else { return Ok(Self(None)) };
        let whole: HashSet<String> = list.windows(2).map(|pair| pair.join(",")).collect();
        let mut has: HashSet<String> = HashSet::new();
        if !whole.is_empty() {
            let found = |cell: &str| whole.get(cell).cloned();
            table.each_row(sheet, |row| has.extend(row.iter().filter_map(found)))?;
        }
        for at in (1..list.len()).rev() {
            let pair = list[at - 1..=at].join(",");
            if has.contains(&pair) {
                list.splice(at - 1..=at, [pair]);
            }
        }
        Ok(Self(Some(list)))
    }

    /// Those that cells of the table have, as a list of the setting.
    pub fn said(&self, texts: &[Texts]) -> Vec<String> {
        let all = texts.iter().flat_map(|texts| &texts.all).filter(|text| !text.is_empty() && self.has(text));
        all.cloned().collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// How many cells of a column have each gap.
    pub fn counts<'t>(&self, texts: &'t Texts) -> BTreeMap<&'t str, usize> {
        let gaps: Vec<Option<&str>> =
            texts.all.iter().map(|text| Some(text.as_str()).filter(|text| self.has(text))).collect();
        let mut counts = BTreeMap::new();
        // Cells of plain numbers have no text.
        let found = texts.ids.iter().filter_map(|id| *gaps.get(*id as usize)?);
        found.for_each(|gap| *counts.entry(gap).or_default() += 1);
        counts
    }

    pub fn has(&self, cell: &str) -> bool {
        match &self.0 {
            None => is_missing(cell),
            Some(list) => cell.is_empty() || list.iter().any(|gap| gap == cell),
        }
    }
}
