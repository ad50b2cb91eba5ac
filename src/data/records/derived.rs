//! Columns that follow from others: sums, products, shares and texts are computed, and of a number that is never below
//! others what it is above them is learned. So samples keep what all rows of the data keep.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::coding::{Coding, Drawn, Value};
use super::encode::{Cells, FEW, How, OTHER, commonest, is_common_mark};
use super::odd::Gaps;
use super::relation::Relation;
use super::rules::{Kept, Rule, rounding_of, spare, usual};
use super::{Cell, Column, Kind, Role};
use crate::data::cells::is_missing;
use crate::settings::Decimal;

/// How a column follows from others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Derived {
    relation: Relation,
    /// Places of the columns that tell of it.
    from: Vec<usize>,
    /// For texts, what stands beside each value of the other column.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pairs: BTreeMap<String, String>,
    /// What it has where gaps leave it open.
    gap: String,
    /// The ends of its numbers; the first of an order is what it begins with where all the others are gaps.
    ends: [f64; 2],
    /// What is added in every row.
    shift: f64,
    /// How what is added is learned, and where it is a gap beside numbers.
    rest: Option<Coding>,
}

/// The text and the number of a cell, as far as it has them.
pub(super) type Known<'a> = (Option<&'a str>, Option<f64>);

/// A column that may tell of others, or follow from them.
pub(super) struct Candidate<'a> {
    pub place: usize,
    pub kind: &'a Kind,
    pub cells: &'a Cells<'a>,
    /// Whether it may follow.
    pub is_free: bool,
}

impl Candidate<'_> {
    fn key(&self, row: usize) -> String {
        key(self.cells.text(row).unwrap_or_default(), self.cells.number(row))
    }
}

/// The value of a cell by which others know it.
pub(super) fn key(text: &str, number: Option<f64>) -> String {
    number.map_or_else(|| text.to_owned(), |number| number.to_string())
}

/// Columns with the way in which they follow from others, if they do. What tells of a column never follows from it.
pub(super) struct Finder<'a> {
    columns: &'a [Candidate<'a>],
    rows: &'a [usize],
    how: How,
    decimal: Decimal,
    found: Vec<Option<Derived>>,
    /// Columns by whose values others are known: only those of the data may come back.
    keys: HashSet<usize>,
    /// Columns whose gaps others tell.
    gaps: Vec<Gaps>,
}

impl<'a> Finder<'a> {
    /// Nothing found yet in these columns.
    pub fn new(columns: &'a [Candidate<'a>], rows: &'a [usize], how: How, decimal: Decimal) -> Self {
        let found = columns.iter().map(|_| None).collect();
        Self { columns, rows, how, decimal, found, keys: HashSet::new(), gaps: vec![] }
    }

    /// For each column how it follows by these rules, which may be of some rows only; and the rules that samples need
    /// not keep, or that some rows break; and the columns whose gaps others tell.
    pub fn find(mut self, rules: Vec<Rule>) -> (Vec<Option<Derived>>, Vec<Kept>, Vec<Gaps>) {
        for rule in rules.iter().filter(|rule| rule.relation.is_exact()) {
            self.try_one(rule.relation, rule.last, &rule.first);
        }
        // The column with the fewest values tells, so that one that tells of it tells of both.
        let mut follows: Vec<&Rule> = rules.iter().filter(|rule| rule.relation == Relation::Follows).collect();
        let firsts: HashSet<usize> = follows.iter().map(|rule| rule.first[0]).collect();
        let different: HashMap<usize, usize> =
            firsts.into_iter().map(|first| (first, self.different(&self.columns[first]))).collect();
        follows.sort_by_key(|rule| (std::cmp::Reverse(rule.last), different[&rule.first[0]]));
        for rule in follows {
            self.try_one(rule.relation, rule.last, &rule.first);
        }
        for last in 0..self.columns.len() {
            let below = |rule: &&Rule| rule.relation == Relation::NotBelow && rule.last == last;
            let first: Vec<usize> = rules.iter().filter(below).map(|rule| rule.first[0]).collect();
            let fits = |first: &usize| !self.follows(*first, last) && self.above(last, &[*first]).is_some();
            let first: Vec<usize> = first.into_iter().filter(fits).collect();
            // What is never below one that is never below a third needs no word about the third.
            let is_order = |derived: &Derived| derived.relation == Relation::NotBelow;
            let says = |above: usize, below: usize| above != below && self.reaches(above, below, is_order);
            let is_said = |below: &&usize| first.iter().any(|above| says(*above, **below));
            let first: Vec<usize> = first.iter().filter(|below| !is_said(below)).copied().collect();
            if !first.is_empty() {
                self.try_one(Relation::NotBelow, last, &first);
            }
        }
        let fills = rules.iter().filter(|rule| rule.relation == Relation::Fills && self.columns[rule.last].is_free);
        let all_keep = |(gaps, broken): (Gaps, Vec<usize>)| broken.is_empty().then_some(gaps);
        self.gaps = fills.filter_map(|rule| all_keep(Gaps::of(rule, self.columns, self.rows))).collect();
        let kept = |rule: Rule| {
            let by_samples = self.keeps(&rule);
            // A column stands beside the values of others only where all rows have it so.
            let mut broken = match rule.relation {
                Relation::Follows if by_samples => vec![],
                _ => self.broken(&rule),
            };
            if by_samples && rule.relation.is_exact() {
                broken.extend(self.untold(rule.relation, rule.last, &rule.first));
                broken.sort_unstable();
            }
            Kept { broken, by_samples, rule }
        };
        let is_said = |kept: &Kept| match kept.broken.len() {
            0 => !kept.by_samples,
            broken => broken <= spare(self.rows.len()),
        };
        let left = rules.into_iter().map(kept).filter(is_said).collect();
        let mut found = self.found;
        for derived in found.iter_mut().flatten() {
            derived.from.iter_mut().for_each(|from| *from = self.columns[*from].place);
        }
        (found, left, self.gaps)
    }

    fn try_one(&mut self, relation: Relation, last: usize, first: &[usize]) {
        let is_open = self.columns[last].is_free && self.found[last].is_none();
        if !is_open || first.iter().any(|first| self.follows(*first, last)) {
            return;
        }
        self.found[last] = match relation {
            Relation::Follows => self.told(last, first[0]),
            _ if self.keys.contains(&last) => None,
            Relation::NotBelow => self.above(last, first),
            _ => self.computed(relation, last, first),
        };
        if relation == Relation::Follows && self.found[last].is_some() {
            self.keys.insert(first[0]);
        }
    }

    /// Whether `column` is `other` or follows from it, by other columns too.
    fn follows(&self, column: usize, other: usize) -> bool {
        self.reaches(column, other, |_| true)
    }

    /// Whether `column` is `other` or follows from it, and from all between, in such ways.
    fn reaches(&self, column: usize, other: usize, is_way: impl Fn(&Derived) -> bool) -> bool {
        let (mut open, mut seen) = (vec![column], HashSet::new());
        while let Some(next) = open.pop() {
            if next == other {
                return true;
            }
            if seen.insert(next) {
                open.extend(
                    self.found[next].iter().filter(|derived| is_way(derived)).flat_map(|derived| &derived.from),
                );
            }
        }
        false
    }

    /// The rows that break a rule, in which nothing is left open.
    fn broken(&self, rule: &Rule) -> Vec<usize> {
        if rule.relation == Relation::Fills {
            return Gaps::of(rule, self.columns, self.rows).1;
        }
        let column = &self.columns[rule.last];
        if rule.relation == Relation::Follows {
            let other = &self.columns[rule.first[0]];
            let usual = usual(self.rows.iter().map(|row| (other.key(*row), column.key(*row))));
            let breaks = |row: &usize| usual[&other.key(*row)] != column.key(*row) && !column.cells.is_gap(*row);
            return self.rows.iter().copied().filter(breaks).collect();
        }
        let rounding = rounding_of(&column.cells.numbers, self.rows);
        let breaks = |row: &usize| {
            let (own, value) = (column.cells.number(*row), self.value(rule.relation, &rule.first, *row));
            rule.relation.holds(own.unwrap_or(f64::NAN), value, rounding) == Some(false)
        };
        self.rows.iter().copied().filter(breaks).collect()
    }

    /// Whether what was found keeps a rule.
    fn keeps(&self, rule: &Rule) -> bool {
        if rule.relation == Relation::Fills {
            let [last, first] = [rule.last, rule.first[0]].map(|n| self.columns[n].place);
            return self.gaps.iter().any(|gaps| (gaps.column, gaps.from) == (last, first));
        }
        let by = |derived: &Derived| match rule.relation {
            Relation::Follows => {
                derived.from[0] == rule.first[0] || self.keeps(&Rule { last: derived.from[0], ..rule.clone() })
            }
            Relation::NotBelow => {
                let is_order = |derived: &Derived| derived.relation == Relation::NotBelow;
                self.reaches(rule.last, rule.first[0], is_order)
            }
            _ => rule.first.iter().all(|first| derived.from.contains(first)),
        };
        // A column that another one tells, a different value for each, tells that one as well.
        let is_way_back = rule.relation == Relation::Follows
            && self.found[rule.first[0]].as_ref().is_some_and(|derived| {
                let texts: HashSet<&String> = derived.pairs.values().collect();
                derived.relation == Relation::Follows
                    && derived.from[0] == rule.last
                    && texts.len() == derived.pairs.len()
            });
        let found = self.found[rule.last].as_ref();
        is_way_back || found.is_some_and(|derived| derived.relation == rule.relation && by(derived))
    }

    /// The number of different cells of the rows.
    fn different(&self, column: &Candidate) -> usize {
        self.rows.iter().map(|row| column.key(*row)).collect::<HashSet<_>>().len()
    }

    /// A text of the column in a row, as samples have it.
    fn text(&self, column: &Candidate, row: usize) -> String {
        match (column.cells.text(row), column.cells.number(row)) {
            (text, Some(number)) if text.is_none() || column.kind.is_alike() => column.kind.write(number, self.decimal),
            (text, _) => text.unwrap_or_default().to_owned(),
        }
    }

    /// A column that another one tells, if each value of that is a choice: networks see what depends on it. Gaps in it
    /// are learned, but for those beside a value that has no other cell.
    fn told(&self, last: usize, first: usize) -> Option<Derived> {
        let [column, other] = [last, first].map(|n| &self.columns[n]);
        let is_told = self.found[first].as_ref().is_none_or(|derived| derived.relation == Relation::Follows);
        let most = if *other.kind == Kind::Category { self.how.levels } else { FEW };
        let (mut keys, mut cells, mut pairs) = (HashMap::new(), HashMap::<String, usize>::new(), BTreeMap::new());
        // Gaps come last, so that they tell only what nothing else does.
        let (gaps, full): (Vec<usize>, Vec<usize>) = self.rows.iter().partition(|row| column.cells.is_gap(**row));
        for row in full.into_iter().chain(gaps) {
            let (from, own) = (other.key(row), column.key(row));
            let (known, rows) = keys.entry(from.clone()).or_insert_with(|| (own.clone(), 0));
            *rows += 1;
            if !column.cells.is_gap(row) {
                if *known != own {
                    return None;
                }
                *cells.entry(own).or_default() += 1;
            }
            pairs.entry(from).or_insert_with(|| self.text(column, row));
        }
        // A value that few rows have must not come back beside that of another column: both have one value for such, if
        // rare ones tell rare ones.
        let rare = |from: &String| {
            let (told, rows) = (cells.get(&keys[from].0), keys[from].1);
            let is_gap = is_missing(from) && told.is_none();
            [rows < self.how.rare && !is_gap, told.is_some_and(|rows| *rows < self.how.rare)]
        };
        let (all, are_alike) = (pairs.len(), pairs.keys().all(|from| rare(from)[0] == rare(from)[1]));
        pairs.retain(|from, _| !rare(from)[0]);
        let are_texts = [column, other].iter().all(|column| *column.kind == Kind::Category);
        if pairs.len() < all && (!are_texts || pairs.insert(OTHER.into(), OTHER.into()).is_some()) {
            return None;
        }
        let found = Derived::new(Relation::Follows, vec![first], commonest(pairs.values().cloned()), [0.0; 2]);
        (is_told && are_alike && pairs.len() <= most).then_some(Derived { pairs, ..found })
    }

    fn gap(&self, column: &Candidate) -> String {
        let gaps = || self.rows.iter().filter(|row| column.cells.number(**row).is_none());
        let marks = || gaps().map(|row| column.cells.text(*row).unwrap_or_default());
        let usual = commonest(marks().map(str::to_owned));
        let rows = marks().filter(|mark| *mark == usual).count();
        if is_common_mark(&usual, rows) { usual } else { String::new() }
    }

    /// The rows that have a number where gaps in others leave open what it would be.
    fn untold(&self, relation: Relation, last: usize, first: &[usize]) -> Vec<usize> {
        let is_untold = |row: &&usize| {
            self.columns[last].cells.number(**row).is_some() && self.value(relation, first, **row).is_nan()
        };
        self.rows.iter().filter(is_untold).copied().collect()
    }

    /// A number that is computed from others, in nearly all rows.
    fn computed(&self, relation: Relation, last: usize, first: &[usize]) -> Option<Derived> {
        let broken = self.broken(&Rule { relation, last, first: first.to_vec() });
        let numbers = || self.rows.iter().filter_map(|row| self.columns[last].cells.number(*row));
        // What is computed is a gap where others are.
        let odd = broken.len() + self.untold(relation, last, first).len();
        let ends = [f64::min, f64::max].map(|end| numbers().reduce(end));
        let found =
            || Some(Derived::new(relation, first.to_vec(), self.gap(&self.columns[last]), [ends[0]?, ends[1]?]));
        if odd <= spare(self.rows.len()) { found() } else { None }
    }

    /// A number that is not below others.
    fn above(&self, last: usize, first: &[usize]) -> Option<Derived> {
        let column = &self.columns[last];
        // Written to its last digit, it must not come out below one that is written finer.
        let is_alike = |first: &usize| match (self.columns[*first].kind, column.kind) {
            (Kind::Date(first), Kind::Date(own)) => own.grain() <= first.grain(),
            (Kind::Number(_), Kind::Number(own)) => own.decimals.is_some(),
            _ => false,
        };
        let numbers = || self.rows.iter().filter_map(|row| Some((*row, column.cells.number(*row)?)));
        let holds = |(row, number): (usize, f64)| {
            Relation::NotBelow.holds(number, self.value(Relation::NotBelow, first, row), 0.0) != Some(false)
        };
        let alone = numbers().filter(|(row, _)| self.value(Relation::NotBelow, first, *row).is_nan());
        let least =
            |numbers: &mut dyn Iterator<Item = (usize, f64)>| numbers.map(|(_, number)| number).reduce(f64::min);
        let ends = [
            least(&mut alone.into_iter()).or_else(|| least(&mut numbers()))?,
            numbers().map(|(_, number)| number).reduce(f64::max)?,
        ];
        let found = || Derived::new(Relation::NotBelow, first.to_vec(), self.gap(column), ends);
        (first.iter().all(is_alike) && numbers().all(holds)).then(found)
    }

    fn value(&self, relation: Relation, first: &[usize], row: usize) -> f64 {
        relation.value(first.iter().map(|n| self.columns[*n].cells.number(row).unwrap_or(f64::NAN)))
    }
}

impl Derived {
    fn new(relation: Relation, from: Vec<usize>, gap: String, ends: [f64; 2]) -> Self {
        Self { relation, from, pairs: BTreeMap::new(), gap, ends, shift: 0.0, rest: None }
    }

    /// Whether it is a number that others tell of, not a text.
    pub fn is_of_numbers(&self) -> bool {
        self.relation != Relation::Follows
    }

    /// How what is added to the others is learned, if something is.
    pub fn rest(&self) -> Option<&Coding> {
        self.rest.as_ref()
    }

    /// Whether others tell all of it but gaps.
    pub(super) fn is_computed(&self) -> bool {
        self.relation.is_exact()
    }

    /// Whether nothing but its gaps is learned.
    pub(super) fn learns_gaps(&self) -> bool {
        self.rest.is_some() && self.relation != Relation::NotBelow
    }

    /// The least and the greatest of its numbers.
    pub(super) fn ends(&self) -> [f64; 2] {
        self.ends
    }

    /// Whether a computed number is none between the ends of those of the data.
    pub(super) fn is_beyond(&self, number: f64) -> bool {
        self.is_computed() && !(self.ends[0]..=self.ends[1]).contains(&number)
    }

    /// Whether a cell, its text or number, breaks what `from` tells of it: the text and number of each of these.
    pub(super) fn is_broken(&self, kind: &Kind, decimal: Decimal, own: Known, from: &[Known]) -> bool {
        if self.relation == Relation::Follows {
            let (text, number) = from[0];
            let Some(told) = self.pairs.get(&key(text.unwrap_or_default(), number)) else { return false };
            return match own {
                (text, None) if self.rest.is_some() && is_missing(text.unwrap_or_default()) => false,
                (_, Some(number)) => kind.number(told, decimal) != Some(number),
                (text, None) => text.unwrap_or_default() != told,
            };
        }
        if let (Kind::Number(style), Some(number)) = (kind, own.1)
            && !style.fits(number)
        {
            return true;
        }
        let value = self.relation.value(from.iter().map(|(_, number)| number.unwrap_or(f64::NAN)));
        self.relation.holds(own.1.unwrap_or(f64::NAN), value, kind.rounding()) == Some(false)
    }

    /// Places of the columns that tell of it.
    pub(super) fn from(&self) -> &[usize] {
        &self.from
    }

    /// The texts that it is known to have.
    pub(super) fn texts(&self) -> Vec<&str> {
        let gaps = self.rest.iter().flat_map(|coding| &coding.values).filter(|value| value.number.is_none());
        let all = self.pairs.values().chain([&self.gap]).chain(gaps.map(|value| &value.text));
        all.map(String::as_str).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// How its values come about, with the names of the columns that it follows from.
    pub(super) fn said(&self, columns: &[Column]) -> String {
        let names: Vec<&str> = self.from.iter().map(|place| columns[*place].name.as_str()).collect();
        let told = self.relation.told(&names);
        match self.relation {
            Relation::NotBelow => format!("learned from {told} on"),
            Relation::Follows => format!("not learned, {told} tells it"),
            _ => format!("not learned, computed: {told}"),
        }
    }

    /// What its cells add to those of the others, `sources` in their order: 0 or a gap, unless it is an order.
    pub(super) fn rests<'a>(&self, cells: &Cells<'a>, sources: &[&Cells]) -> Cells<'a> {
        let (texts, own) = (cells.texts, &cells.numbers);
        if self.relation == Relation::Follows {
            let rows = 0..texts.ids.len();
            let told = |row: usize| {
                let from = key(sources[0].text(row).unwrap_or_default(), sources[0].number(row));
                self.pairs.get(&from).unwrap_or(&self.gap)
            };
            let numbers = rows.clone().map(|row| if cells.is_gap(row) { f64::NAN } else { 0.0 }).collect();
            return Cells { texts, numbers, silent: rows.map(|row| is_missing(told(row))).collect() };
        }
        let values = (0..own.len()).map(|row| self.relation.value(sources.iter().map(|source| source.numbers[row])));
        let values: Vec<f64> = values.collect();
        if self.relation != Relation::NotBelow {
            let numbers = own.iter().map(|number| if number.is_finite() { 0.0 } else { f64::NAN }).collect();
            return Cells { texts, numbers, silent: values.iter().map(|value| value.is_nan()).collect() };
        }
        // Equal differences of decimals are equal numbers.
        let exact = |rest: f64| if rest.abs() < 1e6 { (rest * 1e9).round() / 1e9 } else { rest };
        let rest = |(own, value): (&f64, &f64)| exact(own - if value.is_nan() { self.ends[0] } else { *value });
        Cells::new(texts, own.iter().zip(&values).map(rest).collect())
    }

    /// It with the way in which what is added is learned, or with what is added in every row.
    pub(super) fn with(self, rest: std::result::Result<Coding, Value>) -> Self {
        match rest {
            Ok(coding) => Self { rest: Some(coding), ..self },
            Err(value) => Self { shift: value.number.unwrap_or(0.0), ..self },
        }
    }

    /// Its cell beside the other cells of a row, in the order of the columns; `rest` is what was drawn.
    pub(super) fn cell(&self, column: &Column, decimal: Decimal, row: &[Cell], rest: Option<Drawn>) -> Cell {
        let of = |text: &String| Cell { text: text.clone(), number: column.kind.number(text, decimal) };
        if self.relation == Relation::Follows {
            if let Some(Drawn::Value(Value { number: None, text, .. })) = rest {
                return of(text);
            }
            let other = &row[self.from[0]];
            return of(self.pairs.get(&key(&other.text, other.number)).unwrap_or(&self.gap));
        }
        let value = self.relation.value(self.from.iter().map(|place| row[*place].number.unwrap_or(f64::NAN)));
        let rest = match rest {
            None => self.shift,
            Some(Drawn::Number(number)) => number,
            Some(Drawn::Value(Value { number: Some(number), .. })) => *number,
            Some(Drawn::Value(gap)) => return of(&gap.text),
        };
        match (self.relation, value.is_nan()) {
            (Relation::NotBelow, is_alone) => {
                let least = if is_alone { self.ends[0] } else { value };
                let number = (least + rest).min(self.ends[1].max(least));
                let cell = column.kind.cell(number, decimal);
                let is_below = !is_alone && cell.number.is_some_and(|number| number < value);
                // Rounding must not take it below.
                let up = |style: &super::Style| 0.5 * style.grain().unwrap_or(1e-9);
                match &column.kind {
                    Kind::Number(style) if is_below => column.kind.cell(number + up(style), decimal),
                    _ => cell,
                }
            }
            (_, true) => of(&self.gap),
            // Halves are rounded away from zero, also those that binary numbers have below their place.
            (_, false) => column.kind.cell(value + rest + 1e-13 * value, decimal),
        }
    }

    /// Whether a file can hold it.
    pub(super) fn is_possible(&self) -> bool {
        self.relation.counts().contains(&self.from.len())
            && self.ends.iter().chain([&self.shift]).all(|number| number.is_finite())
            && self.rest.as_ref().is_none_or(Coding::is_possible)
    }
}

/// The places of the columns, each after those that it follows from; `None` if there is no such order.
pub(super) fn order(columns: &[Column]) -> Option<Vec<usize>> {
    let (mut order, mut is_done) = (vec![], vec![false; columns.len()]);
    while order.len() < columns.len() {
        let before = order.len();
        for (place, column) in columns.iter().enumerate() {
            let from = if let Role::Derived(derived) = &column.role { &derived.from[..] } else { &[] };
            if !is_done[place] && from.iter().all(|from| is_done.get(*from) == Some(&true)) {
                is_done[place] = true;
                order.push(place);
            }
        }
        if order.len() == before {
            return None;
        }
    }
    Some(order)
}
