//! Reading rows for a model that knows the columns of its table.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::encode::{Cells, encoded};
use super::ids;
use super::odd::Gaps;
use super::types::{Wish, moments, texts};
use super::{Column, Kind, Records, Role};
use crate::data::cells::is_missing;
use crate::data::column::Column as Raw;
use crate::data::columns::Table;
use crate::data::dialect::{Line, Sheet, shown};
use crate::data::{About, Dataset, Options, Series, Split};
use crate::error::{Error, Result, counted};

/// The rows of a table as examples of a model that knows these columns; `None` for a test part without rows. Nothing is
/// drawn: equal rows are equal examples.
///
/// # Errors
/// A table without one of the columns.
pub fn read_known(sheet: &Sheet, table: &Table, known: &Records, options: &Options) -> Result<Option<Dataset>> {
    let held = table.held(options);
    let rows: Vec<usize> = (0..table.rows()).filter(|row| held[*row] == (options.split == Split::Test)).collect();
    if rows.is_empty() {
        return Ok(None);
    }
    let mut places = BTreeMap::new();
    let mut wishes = HashMap::new();
    let needed = needed(known);
    let mut lacking = vec![];
    let is_asked = |column: &Column| !matches!(column.role, Role::Skipped);
    for (n, column) in known.columns.iter().enumerate().filter(|(_, column)| is_asked(column)) {
        let place = match table.all.iter().position(|raw| raw.name == column.name) {
            Some(place) => place,
            None if needed.contains(&n) => return Err(without(sheet, table, known, &column.name)),
            None => {
                lacking.push(shown(&column.name));
                continue;
            }
        };
        wishes.insert(
            place,
            match &column.kind {
                // Of what is not learned the texts are compared.
                _ if !column.is_compared() => Wish::Category,
                Kind::Category => Wish::Category,
                Kind::Number(_) => Wish::Number,
                Kind::Date(pattern) => Wish::Date(Some(pattern.clone())),
            },
        );
        places.insert(n, place);
    }
    let texts = texts(table, sheet, &super::gaps::Gaps::of(options, table, sheet)?, &wishes)?;
    let numbers = |n: usize| match &known.columns[n].kind {
        _ if !known.columns[n].is_compared() => vec![],
        Kind::Category => vec![],
        Kind::Number(_) => table.all[places[&n]].values.clone(),
        Kind::Date(pattern) => moments(&texts[places[&n]], pattern),
    };
    let read: BTreeMap<usize, Cells> =
        places.iter().map(|(n, place)| (*n, Cells::new(&texts[*place], numbers(*n)))).collect();
    let of = |(n, column): (usize, &Column)| match &column.role {
        Role::Learned(_) => Some(read[&n].clone()),
        Role::Derived(derived) if derived.rest().is_some() => {
            let sources: Vec<&Cells> = derived.from().iter().map(|from| &read[from]).collect();
            Some(derived.rests(&read[&n], &sources))
        }
        _ => None,
    };
    let texts = known.columns.iter().map(|column| column.texts().into_iter().collect()).collect();
    let shared = |(n, cells): (&usize, &Cells)| {
        let again = ids::again(cells, table.rows());
        let is_mistake = !ids::are_of_entities(&again, table.rows());
        is_mistake.then(|| (*n, again.concat().into_iter().collect::<HashSet<_>>()))
    };
    let is_id = |(n, _): &(&usize, &Cells)| matches!(known.columns[**n].role, Role::Id(_));
    let shared = read.iter().filter(is_id).filter_map(shared).collect();
    let faults = Faults { known, sheet, read: &read, texts, shared };
    let found: Vec<Vec<Fault>> = rows.iter().map(|row| faults.of(*row)).collect();
    faults.check(&found, rows.len())?;
    let lacking = (!lacking.is_empty())
        .then(|| format!("`{}` lacks {}, which the model knows but did not learn", sheet.file, lacking.join(", ")));
    let notes =
        faults.notes(&found, |i| table.line(sheet, rows[i])).into_iter().chain(faults.outside(&rows)).chain(lacking);
    // Rows are called by their ids, where they have some.
    let id = known.columns.iter().position(|column| matches!(column.role, Role::Id(_)));
    let id = id.and_then(|n| read.get(&n));
    let names = id.map_or(vec![], |id| rows.iter().map(|row| id.text(*row).unwrap_or_default().to_owned()).collect());
    let cells: Vec<Cells> = known.columns.iter().enumerate().filter_map(of).collect();
    let (values, _) = encoded(known, &cells, &rows, false);
    let said = |of: &Vec<Fault>| of.iter().map(|fault| faults.said(fault)).collect();
    let about = About {
        part: table.said(held.iter().filter(|held| **held).count(), options),
        notes: sheet.notes.iter().cloned().chain(notes).collect(),
        source: sheet.source.clone(),
        rows: rows.iter().map(|row| *row as u32).collect(),
        faults: found.iter().map(said).collect(),
        names,
        ..About::default()
    };
    let series = Some(Series::Table(known.clone()));
    let set = Dataset::of_floats(sheet.name.clone(), vec![known.len()], values, series);
    Ok(Some(Dataset { about, ..set }))
}

/// What a cell has that no cell has which the model learned from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    /// It is neither of its column's type nor a gap, and is read as one.
    Misfits,
    /// A value of a category that the model never saw.
    IsNew,
    /// A number or date beyond those of the data, by more than all of them span.
    IsBeyond,
    /// It is not what other columns tell in all rows.
    BreaksTie,
    /// It is a gap where another column says that it is none, or the other way round.
    BreaksGaps,
    /// It is an id that another row has too.
    IsShared,
}

/// What is wrong with a cell, and its column.
struct Fault<'a> {
    column: usize,
    what: What,
    text: Cow<'a, str>,
}

/// Least number of cells of a column, and share of them that are not of its type, from which on it is another column.
const CELLS: usize = 2;
const OTHERS: f64 = 0.9;
/// Share of the cells outside of the range of a column, and least number of them, from which on that is said.
const OUTSIDE: f64 = 0.1;
const LEAST: usize = 5;

/// Looks for what is wrong with the cells of rows.
struct Faults<'a> {
    known: &'a Records,
    sheet: &'a Sheet,
    read: &'a BTreeMap<usize, Cells<'a>>,
    /// For each column, the texts that it has.
    texts: Vec<HashSet<&'a str>>,
    /// For each column, the rows whose id another row has too.
    shared: BTreeMap<usize, HashSet<usize>>,
}

impl<'a> Faults<'a> {
    /// The faults of a row, one for each cell at most.
    fn of(&self, row: usize) -> Vec<Fault<'a>> {
        let of = |(n, cells): (&usize, &'a Cells<'a>)| {
            let column = &self.known.columns[*n];
            let what = self.what((*n, column), cells, row)?;
            let text = match (cells.text(row), cells.number(row)) {
                (Some(text), _) => text.into(),
                (None, number) => self.known.text(column, number.unwrap_or(f64::NAN)).into(),
            };
            Some(Fault { column: *n, what, text })
        };
        self.read.iter().filter_map(of).collect()
    }

    fn what(&self, (n, column): (usize, &Column), cells: &Cells, row: usize) -> Option<What> {
        let (text, number) = (cells.text(row), cells.number(row));
        let is_known = |text: &str| is_missing(text) || self.texts[n].contains(text);
        match &column.role {
            Role::Constant(same) => text.is_some_and(|text| text != same).then_some(What::IsNew),
            Role::Id(_) => self.shared.get(&n).is_some_and(|rows| rows.contains(&row)).then_some(What::IsShared),
            _ if self.gaps(n, row).is_some() => Some(What::BreaksGaps),
            _ if column.kind != Kind::Category && number.is_none() && text.is_some_and(|text| !is_known(text)) => {
                Some(What::Misfits)
            }
            // Merged values are forgotten.
            Role::Learned(coding) if column.kind == Kind::Category => {
                (coding.others.is_none() && text.is_some_and(|text| !is_known(text))).then_some(What::IsNew)
            }
            Role::Learned(coding) => {
                let [low, high] = coding.ends()?;
                let span = high - low;
                number.filter(|number| !(low - span..=high + span).contains(number)).map(|_| What::IsBeyond)
            }
            Role::Derived(derived) => {
                let cell = |n: &usize| self.read.get(n).map(|cells| (cells.text(row), cells.number(row)));
                let from: Vec<_> = derived.from().iter().map(cell).collect::<Option<_>>()?;
                let own = (text, number);
                derived.is_broken(&column.kind, self.sheet.decimal, own, &from).then_some(What::BreaksTie)
            }
            _ => None,
        }
    }

    /// The column that says whether the cell of this one is a gap, if the row breaks that.
    fn gaps(&self, column: usize, row: usize) -> Option<usize> {
        let cell = |n: usize| self.read.get(&n).map(|cells| (cells.text(row), cells.number(row)));
        let is_broken =
            |gaps: &&Gaps| cell(column).zip(cell(gaps.from)).is_some_and(|(own, from)| gaps.is_broken(own, from));
        self.known.gaps.iter().filter(|gaps| gaps.column == column).find(is_broken).map(|gaps| gaps.from)
    }

    /// The columns that tell whether one is empty, for people.
    fn signs(&self, column: usize) -> String {
        let from = self.known.gaps.iter().filter(|gaps| gaps.column == column).map(|gaps| gaps.from);
        from.map(|from| shown(&self.known.columns[from].name)).collect::<Vec<_>>().join(" or ")
    }

    /// The columns that tell of one, for people.
    fn sources(&self, column: usize) -> String {
        let Role::Derived(derived) = &self.known.columns[column].role else { return String::new() };
        let names: Vec<String> = derived.from().iter().map(|n| shown(&self.known.columns[*n].name)).collect();
        names.join(" and ")
    }

    /// A fault in a few words.
    fn said(&self, fault: &Fault) -> String {
        let column = &self.known.columns[fault.column];
        let (name, text) = (shown(&column.name), shown(&fault.text));
        match fault.what {
            What::Misfits => format!("{name} {text}: such cells {}", column.kind.lacks()),
            What::IsNew => format!("{name} {text}: never seen"),
            What::IsBeyond => format!("{name} {text}: far beyond the data"),
            What::BreaksTie => format!("{name} {text}: not what follows from {}", self.sources(fault.column)),
            What::BreaksGaps => format!("{name} {text}: {} says otherwise", self.signs(fault.column)),
            What::IsShared => format!("{name} {text}: another row has it too"),
        }
    }

    /// Sentences on the faults of these rows, where `line` gives the line of one of them.
    fn notes<'l>(&self, found: &[Vec<Fault>], line: impl Fn(usize) -> Line<'l>) -> Vec<String> {
        let mut all: BTreeMap<(What, usize), (usize, usize, &str)> = BTreeMap::new();
        for (i, fault) in found.iter().enumerate().flat_map(|(i, of)| of.iter().map(move |fault| (i, fault))) {
            all.entry((fault.what, fault.column)).or_insert((0, i, &fault.text)).0 += 1;
        }
        let note = |((what, column), (count, first, text)): ((What, usize), (usize, usize, &str))| {
            let (name, count) = (shown(&self.known.columns[column].name), counted(count, "cell"));
            let some = format!("{name}: {count}, such as {} (line {}),", shown(text), line(first));
            match what {
                What::Misfits => format!("{some} {}: read as gaps", self.known.columns[column].kind.lacks()),
                What::IsNew => format!("{some} with a value that the model never saw"),
                What::IsBeyond => format!("{some} far beyond the data"),
                What::BreaksTie => {
                    format!("{some} not what {} told in all rows of the data", self.sources(column))
                }
                What::BreaksGaps => {
                    format!("{some} where {} says that there is none, or the other way round", self.signs(column))
                }
                What::IsShared => format!("{some} with the id of another row"),
            }
        };
        all.into_iter().map(note).collect()
    }

    /// Sentences on the columns of which many of these rows have numbers or dates outside of those of the data.
    fn outside(&self, rows: &[usize]) -> impl Iterator<Item = String> {
        self.read.iter().filter_map(|(n, cells)| {
            let column = &self.known.columns[*n];
            let Role::Learned(coding) = &column.role else { return None };
            let [low, high] = coding.ends()?;
            let numbers: Vec<f64> = rows.iter().filter_map(|row| cells.number(*row)).collect();
            let (all, count) = (numbers.len(), numbers.iter().filter(|n| !(low..=high).contains(*n)).count());
            let [low, high] = [low, high].map(|end| self.known.text(column, end));
            (count >= LEAST && count as f64 > OUTSIDE * all as f64)
                .then(|| format!("{}: {count} of {all} cells lie outside of {low} to {high}", shown(&column.name)))
        })
    }

    /// Refuses rows of which a column is written in another way than the model knows.
    fn check(&self, found: &[Vec<Fault>], rows: usize) -> Result<()> {
        for (n, column) in self.known.columns.iter().enumerate().filter(|(n, _)| self.read.contains_key(n)) {
            let mut misfits = found.iter().flatten().filter(|fault| fault.column == n && fault.what == What::Misfits);
            let Some(Fault { text, .. }) = misfits.next() else { continue };
            let count = 1 + misfits.count();
            if count >= CELLS && count as f64 > OTHERS * rows as f64 {
                let (name, cells) = (shown(&column.name), counted(count, "cell"));
                return Err(Error::failure(format!(
                    "`{}`: {name}: {cells} of {rows}, such as {}, {}, as those that the model learned from: write \
                     the column as it was",
                    self.sheet.file,
                    shown(text),
                    column.kind.lacks()
                )));
            }
        }
        Ok(())
    }
}

/// The error for a table without a column that a model learned, which may have another name there.
fn without(sheet: &Sheet, table: &Table, known: &Records, name: &str) -> Error {
    let is_new = |raw: &&Raw| known.columns.iter().all(|column| column.name != raw.name);
    let new: Vec<String> = table.all.iter().filter(is_new).map(|raw| shown(&raw.name)).collect();
    let hint = match &new[..] {
        [] => String::new(),
        new => format!("; the model does not know its {}: is that another name of it?", new.join(", ")),
    };
    Error::failure(format!("`{}` has no column {}, which the model learned{hint}", sheet.file, shown(name)))
}

/// Places of the columns of which something is learned, and of those that they follow from.
fn needed(known: &Records) -> BTreeSet<usize> {
    let of = |(n, column): (usize, &Column)| match &column.role {
        Role::Derived(derived) => [&[n], derived.from()].concat(),
        _ => vec![n],
    };
    known.columns.iter().enumerate().filter(|(_, column)| column.coding().is_some()).flat_map(of).collect()
}
