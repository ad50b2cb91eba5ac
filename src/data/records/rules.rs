//! Rules that the rows of a table keep: sums, products, shares, orders, columns that follow from others.

use std::collections::{HashMap, HashSet};
use std::hash::{Hash, Hasher};

use super::Values;
use super::encode::FEW;
use super::relation::Relation;
use super::search::{Columns, Search};
use crate::data::cells::is_missing;
use crate::data::dialect::shown;

/// Rows that rules are looked for in, and the least number of them.
const ROWS: usize = 2000;
pub(super) const LEAST: usize = 30;
/// Of how many rows one may break a rule, such as by an error of typing.
const NEARLY: usize = 200;

/// A rule: what the cells of some columns tell of that of another one. Columns are known by their numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    pub(super) relation: Relation,
    pub(super) last: usize,
    pub(super) first: Vec<usize>,
}

/// A rule that rows of the data keep.
pub(super) struct Kept {
    pub rule: Rule,
    /// The rows that break it.
    pub broken: Vec<usize>,
    /// Whether all samples keep it.
    pub by_samples: bool,
}

/// How many of so many rows may break a rule.
pub(super) fn spare(rows: usize) -> usize {
    rows / NEARLY
}

impl Rule {
    /// The rules that all rows keep, or nearly all, of those that are spread over the table.
    pub fn find(values: &[Values]) -> Vec<Self> {
        let rows: Vec<usize> = spread(values.first().map_or(0, Values::len)).collect();
        if rows.len() < LEAST {
            return vec![];
        }
        let spare = spare(rows.len());
        let columns = Columns::new(values, rows);
        let mut rules = Search::find(&columns, spare);
        // What ties columns exactly says more than an order or a dependence of two of them.
        let exact: Vec<Vec<usize>> = rules.iter().map(|rule| [&rule.first[..], &[rule.last]].concat()).collect();
        let is_said = |last: usize, first: usize| exact.iter().any(|all| all.contains(&last) && all.contains(&first));
        let mut try_all = |relation, columns: &[usize], is_kept: &dyn Fn(usize, usize) -> bool| {
            for (&first, &last) in columns.iter().flat_map(|first| columns.iter().map(move |last| (first, last))) {
                if first != last && !is_said(last, first) && is_kept(last, first) {
                    rules.push(Self { relation, last, first: vec![first] });
                }
            }
        };
        let is_above = |last: usize, first: usize| columns.keep(Relation::NotBelow, last, &[first], spare);
        try_all(Relation::NotBelow, &columns.numbers(3), &is_above);
        let all: Vec<usize> = (0..values.len()).collect();
        try_all(Relation::Follows, &all, &|last, first| columns.follow(first, last, spare));
        // One column is enough to tell gaps: that of the fewest values.
        let is_told = |last: usize, first: usize| {
            rules.iter().any(|rule| rule.relation == Relation::Follows && rule.last == last && rule.first == [first])
        };
        let signs: Vec<Sign> = values.iter().map(Sign::by).collect();
        let fills = all.iter().filter(|last| columns.has_gaps(**last)).filter_map(|&last| {
            let tells = |first: &usize| *first != last && !is_said(last, *first) && !is_told(last, *first);
            let by_signs = |first: &usize| columns.signs_of_gaps(*first, last, &signs[*first]);
            let (_, first) = all.iter().filter(|first| tells(first)).filter_map(|n| Some((by_signs(n)?, *n))).min()?;
            Some(Self { relation: Relation::Fills, last, first: vec![first] })
        });
        let fills: Vec<Self> = fills.collect();
        rules.extend(fills);
        rules
    }

    /// Whether it tells all cells of a column.
    pub fn tells(&self, column: usize) -> bool {
        self.last == column && !matches!(self.relation, Relation::NotBelow | Relation::Fills)
    }

    /// The rule in words, with the names of the columns.
    pub fn said(&self, names: &[String]) -> String {
        let first: Vec<&str> = self.first.iter().map(|column| names[*column].as_str()).collect();
        let (last, told) = (shown(&names[self.last]), self.relation.told(&first));
        match self.relation {
            Relation::NotBelow => format!("{last} is never below {told}"),
            Relation::Follows => format!("{told} tells {last}"),
            Relation::Fills => format!("{told} tells whether {last} is empty"),
            _ => format!("{last} = {told}"),
        }
    }

    /// For each part, the share of its rows that keep the rule, of those that it speaks of: with all cells, and of
    /// columns that follow with a value that `known` rows have. NaN without such rows. Where `known` rows have a gap
    /// beside what another one tells, gaps say nothing.
    pub fn kept<'a>(&self, known: &[Values], parts: impl Iterator<Item = &'a [Values]>) -> Vec<f64> {
        let (last, first) = (self.last, self.first[0]);
        let len = known[last].len();
        let rounding = rounding(&known[last], &spread(len).collect::<Vec<_>>());
        let pairs: HashMap<Cell, Cell> = match self.relation {
            Relation::Follows => usual((0..len).map(|row| (known[first].cell(row), known[last].cell(row)))),
            _ => HashMap::new(),
        };
        let is_left_out = |row: usize| {
            known[last].cell(row).is_gap() && pairs.get(&known[first].cell(row)).is_some_and(|usual| !usual.is_gap())
        };
        let has_gaps = (0..len).any(is_left_out);
        let sign = Sign::by(&known[first]);
        let gaps: HashMap<Cell, bool> = match self.relation {
            Relation::Fills => usual((0..len).map(|row| (sign.of(&known[first], row), known[last].cell(row).is_gap()))),
            _ => HashMap::new(),
        };
        let share = |values: &[Values]| {
            let holds = |row: usize| match self.relation {
                Relation::Follows => {
                    let (usual, own) = (*pairs.get(&values[first].cell(row))?, values[last].cell(row));
                    (!has_gaps || !own.is_gap() || usual.is_gap()).then_some(usual == own)
                }
                Relation::Fills => {
                    gaps.get(&sign.of(&values[first], row)).map(|gap| *gap == values[last].cell(row).is_gap())
                }
                relation => {
                    let value = relation.value(self.first.iter().map(|column| values[*column].number(row)));
                    relation.holds(values[last].number(row), value, rounding)
                }
            };
            let held: Vec<bool> = (0..values[last].len()).filter_map(holds).collect();
            held.iter().filter(|held| **held).count() as f64 / held.len() as f64
        };
        parts.map(share).collect()
    }
}

/// What stands most often beside each.
pub(super) fn usual<K: Clone + Eq + Hash, V: Clone + Eq + Hash>(pairs: impl Iterator<Item = (K, V)>) -> HashMap<K, V> {
    let mut counts: HashMap<(K, V), usize> = HashMap::new();
    let mut most: HashMap<K, (V, usize)> = HashMap::new();
    for (key, value) in pairs {
        let count = counts.entry((key.clone(), value.clone())).or_default();
        *count += 1;
        let best = most.entry(key).or_insert_with(|| (value.clone(), 0));
        if *count > best.1 {
            *best = (value, *count);
        }
    }
    most.into_iter().map(|(key, (value, _))| (key, value)).collect()
}

/// Places in a list of so many rows that are spread over it: all, or [`ROWS`] of them at most.
pub(super) fn spread(len: usize) -> impl Iterator<Item = usize> + Clone {
    (0..len).step_by(len.div_ceil(ROWS).max(1))
}

/// Half of the last digit of a column of numbers, as far as rows show it; 0 of texts.
pub(super) fn rounding(column: &Values, rows: &[usize]) -> f64 {
    match column {
        Values::Numbers(numbers) => rounding_of(numbers, rows),
        Values::Texts(_) => 0.0,
    }
}

/// The same of numbers. The cells that have a digit too many may be as many as the rows that break a rule.
pub(super) fn rounding_of(numbers: &[f64], rows: &[usize]) -> f64 {
    let there = || rows.iter().map(|row| numbers[*row]).filter(|x| x.is_finite());
    let spare = spare(there().count());
    let is_whole = |scale: f64| there().filter(|x| (x * scale - (x * scale).round()).abs() >= 1e-4).count() <= spare;
    let digits = (0..6).find(|digits| is_whole(10f64.powi(*digits)));
    digits.map_or(0.0, |digits| 0.5 * 10f64.powi(-digits))
}

/// A cell to compare with others of its column.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cell<'a> {
    Number(f64),
    Text(&'a str),
}

/// What cells of a column say of gaps in others: their values, if these are few or texts; else whether they are gaps.
pub(super) struct Sign {
    by_value: bool,
}

impl Sign {
    /// That of a column with these values.
    pub fn by(values: &Values) -> Self {
        let by_value = match values {
            Values::Texts(_) => true,
            Values::Numbers(all) => {
                let some = all.iter().filter(|number| !number.is_nan()).map(|number| number.to_bits());
                some.collect::<HashSet<_>>().len() <= FEW
            }
        };
        Self { by_value }
    }

    /// The sign in a row of the column.
    pub fn of<'v>(&self, values: &'v Values, row: usize) -> Cell<'v> {
        match values.cell(row) {
            Cell::Number(number) if !self.by_value && !number.is_nan() => Cell::Number(0.0),
            cell => cell,
        }
    }
}

impl Cell<'_> {
    pub fn is_gap(&self) -> bool {
        match self {
            Self::Number(number) => number.is_nan(),
            Self::Text(text) => is_missing(text),
        }
    }
}

impl PartialEq for Cell<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => a.to_bits() == b.to_bits(),
            (Self::Text(a), Self::Text(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for Cell<'_> {}

impl Hash for Cell<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Number(number) => number.to_bits().hash(state),
            Self::Text(text) => text.hash(state),
        }
    }
}

impl Values {
    /// Number of rows.
    fn len(&self) -> usize {
        match self {
            Self::Numbers(numbers) => numbers.len(),
            Self::Texts(texts) => texts.len(),
        }
    }

    /// The number in a row; NaN for none.
    pub(super) fn number(&self, row: usize) -> f64 {
        match self {
            Self::Numbers(numbers) => numbers[row],
            Self::Texts(_) => f64::NAN,
        }
    }

    pub(super) fn cell(&self, row: usize) -> Cell<'_> {
        match self {
            Self::Numbers(numbers) => Cell::Number(numbers[row]),
            Self::Texts(texts) => Cell::Text(&texts[row]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::random::Root;

    #[test]
    fn rules_of_rows_are_found_and_their_breach_is_counted() {
        let root = Root::new("rules", 0, crate::data::Split::Train);
        let mut columns: Vec<Vec<f64>> = vec![vec![]; 13];
        let mut texts: Vec<Vec<String>> = vec![vec![]; 3];
        for row in 0..500 {
            let mut stream = root.stream(row);
            let mut money = |most: f32| (f64::from(stream.within(1.0..most)) * 100.0).round() / 100.0;
            let (net, price, shipping) = (money(900.0), money(50.0), money(9.0));
            let tax = (19.0 * net).round() / 100.0;
            let count = 1.0 + stream.below(12) as f64;
            let born = stream.below(20_000) as f64;
            let entered = born + stream.below(15_000) as f64;
            let off = [0.0, 2.5, 10.0][stream.below(3)];
            let cents = |number: f64| (number * 100.0 + 1e-6).round() / 100.0;
            let (billed, volume) = (cents(count * price * (1.0 - off / 100.0)), cents(tax * count * shipping));
            let cells = [net, tax, net + tax, count, price, count * price, entered, born];
            let cells = cells.into_iter().chain([off, billed, shipping, net + tax + shipping, volume]);
            columns.iter_mut().zip(cells).for_each(|(column, cell)| column.push(cell));
            let town = stream.below(8);
            let flag = ["yes", "no"][stream.below(2)];
            let cells = [format!("{:05}", 10_000 + town), ["Ulm", "Bonn", "Kiel", "Hof"][town / 2].into(), flag.into()];
            texts.iter_mut().zip(cells).for_each(|(column, cell)| column.push(cell));
        }
        let mut values: Vec<Values> = columns.into_iter().map(Values::Numbers).collect();
        values.extend(texts.into_iter().map(Values::Texts));
        let names: Vec<String> =
            "net tax gross count price sum entered born off billed shipping total volume code town flag"
                .split(' ')
                .map(String::from)
                .collect();
        let rules = Rule::find(&values);
        let said: Vec<String> = rules.iter().map(|rule| rule.said(&names)).collect();
        for wanted in [
            "`gross` = `net` + `tax`",
            "`sum` = `count` x `price`",
            "`tax` = 0.19 x `net`",
            "`billed` = `sum` x (1 - `off` / 100)",
            "`total` = `gross` + `shipping`",
            "`volume` = `tax` x `count` x `shipping`",
            "`entered` is never below `born`",
            "`code` tells `town`",
        ] {
            assert!(said.iter().any(|said| said == wanted), "no {wanted} in {said:?}");
        }
        assert!(!said.iter().any(|said| said.contains("flag") || said.contains("tells `code`")), "{said:?}");
        for rule in &rules {
            // Every column is shifted by as many rows as its number.
            let mut mixed = values.clone();
            for (n, column) in mixed.iter_mut().enumerate() {
                match column {
                    Values::Numbers(numbers) => numbers.rotate_left(n),
                    Values::Texts(texts) => texts.rotate_left(n),
                }
            }
            let kept = rule.kept(&values, [&values[..], &mixed].into_iter());
            assert!(kept[0] == 1.0 && kept[1] < 0.95, "{}: {kept:?}", rule.said(&names));
        }
        // What is told without the columns in between.
        for (some, wanted) in [
            (&[3, 4, 8, 9][..], "`billed` = `count` x `price` x (1 - `off` / 100)"),
            (&[0, 1, 10, 11], "`total` = `net` + `tax` + `shipping`"),
            (&[3, 5, 6], ""),
        ] {
            let rules = Rule::find(&some.iter().map(|n| values[*n].clone()).collect::<Vec<_>>());
            let names: Vec<String> = some.iter().map(|n| names[*n].clone()).collect();
            let said: Vec<String> = rules.iter().map(|rule| rule.said(&names)).collect();
            assert!(said.iter().any(|said| said == wanted) || wanted.is_empty() && said.is_empty(), "{said:?}");
        }
    }
}
