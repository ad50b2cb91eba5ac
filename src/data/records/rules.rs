//! Rules that the rows of a table keep: sums, products, shares, orders, columns that follow from others.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};

use super::Values;
use crate::data::dialect::shown;

/// Rows that rules are looked for in, and the least number of them.
const ROWS: usize = 2000;
const FEW: usize = 30;
/// Least number of rows that would break a rule if the cells of its last column were mixed.
const BROKEN: f64 = 20.0;
/// Most columns among which sums and products are looked for, and those of three others.
const WIDEST: usize = 60;
const OF_THREE: usize = 30;
/// What rates are multiplied with: discounts and charges, as shares and in percent.
const RATES: [f64; 4] = [-1.0, -0.01, 1.0, 0.01];

/// A rule: what the cells of some columns tell of that of another one. Columns are known by their numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    pub(super) relation: Relation,
    pub(super) last: usize,
    pub(super) first: Vec<usize>,
}

/// What a number or text is to those that tell of it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Relation {
    /// Their sum.
    Sum,
    /// The sum of all but the last, less the last.
    Less,
    /// Their product, rounded.
    Product,
    /// A hundredth of their product, rounded: an amount by a rate in percent.
    Percent,
    /// The product of all but the last, and of 1 and this many times the last, rounded.
    Rated(f64),
    /// This many times the first by the second, rounded.
    Quotient(f64),
    /// This share of it, rounded.
    Share(f64),
    /// At least as large as each.
    NotBelow,
    /// Always the same beside the same.
    Follows,
}

impl Relation {
    /// Whether numbers follow from numbers, but for rounding.
    pub fn is_exact(self) -> bool {
        !matches!(self, Self::NotBelow | Self::Follows)
    }

    /// The number that follows from others, or that it is not below; NaN if gaps leave it open.
    pub fn value(self, first: impl DoubleEndedIterator<Item = f64> + Clone) -> f64 {
        let mut numbers = first.clone();
        let mut next = || numbers.next().unwrap_or(f64::NAN);
        let value = match self {
            Self::Sum => first.sum(),
            Self::Less => {
                let mut others = first;
                let last = others.next_back().unwrap_or(f64::NAN);
                others.sum::<f64>() - last
            }
            Self::Product => first.product(),
            Self::Percent => 0.01 * first.product::<f64>(),
            Self::Rated(rate) => {
                let mut others = first;
                let last = others.next_back().unwrap_or(f64::NAN);
                others.product::<f64>() * (1.0 + rate * last)
            }
            Self::Quotient(factor) => factor * next() / next(),
            Self::Share(factor) => factor * next(),
            Self::NotBelow => first.fold(f64::NAN, f64::max),
            Self::Follows => f64::NAN,
        };
        if value.is_finite() { value } else { f64::NAN }
    }

    /// Whether a number keeps it beside that value; `None` with gaps.
    pub fn holds(self, last: f64, value: f64, rounding: f64) -> Option<bool> {
        let is_kept = match self {
            Self::NotBelow => value <= last,
            _ => (last - value).abs() <= rounding * 1.01 + 1e-9 * value.abs(),
        };
        (!last.is_nan() && !value.is_nan()).then_some(is_kept)
    }

    /// What columns of these names tell, in words.
    pub fn told(self, first: &[&str]) -> String {
        let first: Vec<String> = first.iter().map(|name| shown(name)).collect();
        match self {
            Self::Sum => first.join(" + "),
            Self::Less => {
                let (others, last) = first.split_at(first.len() - 1);
                format!("{} - {}", others.join(" + "), last[0])
            }
            Self::Product => first.join(" x "),
            Self::Percent => format!("{} / 100", first.join(" x ")),
            Self::Rated(rate) => {
                let (others, rated) = first.split_at(first.len() - 1);
                let (sign, unit) = (if rate < 0.0 { "-" } else { "+" }, if rate.abs() < 1.0 { " / 100" } else { "" });
                format!("{} x (1 {sign} {}{unit})", others.join(" x "), rated[0])
            }
            Self::Quotient(1.0) => first.join(" / "),
            Self::Quotient(factor) => format!("{factor} x {}", first.join(" / ")),
            Self::Share(factor) if factor != 1.0 => format!("{factor} x {}", first[0]),
            Self::NotBelow => first.join(" or "),
            Self::Share(_) | Self::Follows => first.concat(),
        }
    }
}

/// The columns of some rows, with what rules need to know of them.
struct Columns<'a> {
    values: &'a [Values],
    rows: Vec<usize>,
    /// Of numbers, half of their last digit.
    rounding: Vec<f64>,
}

/// Rules that compute numbers: one for each column, and one for each set of columns.
#[derive(Default)]
struct Exact {
    rules: Vec<Rule>,
    sets: HashSet<BTreeSet<usize>>,
    told: HashSet<usize>,
}

impl Exact {
    fn is_open(&self, last: usize, first: &[usize]) -> bool {
        !first.contains(&last) && !self.told.contains(&last)
    }

    fn try_one(&mut self, columns: &Columns, relation: Relation, last: usize, first: &[usize]) {
        if self.is_open(last, first) && columns.keep(relation, last, first) {
            let all = first.iter().copied().chain([last]).collect();
            // The same columns tell nothing more, such as the price beside the product of number and price.
            if self.sets.insert(all) {
                self.told.insert(last);
                self.rules.push(Rule { relation, last, first: first.to_vec() });
            }
        }
    }
}

impl Rule {
    /// The rules that all rows keep, or all of so many of them that are spread over the table.
    pub fn find(values: &[Values]) -> Vec<Self> {
        let rows: Vec<usize> = spread(values.first().map_or(0, Values::len)).collect();
        if rows.len() < FEW {
            return vec![];
        }
        let rounding = values.iter().map(|column| rounding(column, &rows)).collect();
        let columns = Columns { values, rows, rounding };
        let is_number = |i: &usize| matches!(values[*i], Values::Numbers(_));
        let numbers = (0..values.len()).filter(is_number).filter(|i| columns.different(*i) > 2);
        let numbers: Vec<usize> = numbers.take(WIDEST).collect();
        let mut rules = columns.exact(&numbers);
        // What ties columns exactly says more than an order or a dependence of two of them.
        let exact: Vec<Vec<usize>> = rules.iter().map(|rule| [&rule.first[..], &[rule.last]].concat()).collect();
        let is_said = |last: usize, first: usize| exact.iter().any(|all| all.contains(&last) && all.contains(&first));
        for (n, &a) in numbers.iter().enumerate() {
            for [last, first] in numbers[n + 1..].iter().flat_map(|&b| [[a, b], [b, a]]) {
                if !is_said(last, first) && columns.keep(Relation::NotBelow, last, &[first]) {
                    rules.push(Self { relation: Relation::NotBelow, last, first: vec![first] });
                }
            }
        }
        for first in 0..values.len() {
            for last in (0..values.len()).filter(|last| *last != first) {
                if !is_said(last, first) && columns.follow(first, last) {
                    rules.push(Self { relation: Relation::Follows, last, first: vec![first] });
                }
            }
        }
        rules
    }

    /// The rule in words, with the names of the columns.
    pub fn said(&self, names: &[String]) -> String {
        let first: Vec<&str> = self.first.iter().map(|column| names[*column].as_str()).collect();
        let (last, told) = (shown(&names[self.last]), self.relation.told(&first));
        match self.relation {
            Relation::NotBelow => format!("{last} is never below {told}"),
            Relation::Follows => format!("{told} tells {last}"),
            _ => format!("{last} = {told}"),
        }
    }

    /// For each part, the share of its rows that keep the rule, of those that it speaks of: with all cells, and of
    /// columns that follow with a value that `known` rows have. NaN without such rows.
    pub fn kept<'a>(&self, known: &[Values], parts: impl Iterator<Item = &'a [Values]>) -> Vec<f64> {
        let (last, first) = (self.last, self.first[0]);
        let len = known[last].len();
        let rounding = rounding(&known[last], &spread(len).collect::<Vec<_>>());
        let pairs: HashMap<Cell, Cell> = match self.relation {
            Relation::Follows => (0..len).map(|row| (known[first].cell(row), known[last].cell(row))).collect(),
            _ => HashMap::new(),
        };
        let share = |values: &[Values]| {
            let holds = |row: usize| match self.relation {
                Relation::Follows => Some(*pairs.get(&values[first].cell(row))? == values[last].cell(row)),
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

impl Columns<'_> {
    /// The rules by which numbers follow from numbers: the simplest ones first.
    fn exact(&self, numbers: &[usize]) -> Vec<Rule> {
        let mut found = Exact::default();
        let pairs = |numbers: &[usize]| -> Vec<[usize; 2]> {
            numbers.iter().enumerate().flat_map(|(n, &a)| numbers[n + 1..].iter().map(move |&b| [a, b])).collect()
        };
        for first in pairs(numbers) {
            for &last in numbers {
                found.try_one(self, Relation::Sum, last, &first);
                found.try_one(self, Relation::Product, last, &first);
                found.try_one(self, Relation::Percent, last, &first);
            }
        }
        for &last in numbers.iter().rev() {
            for &first in numbers {
                if found.is_open(last, &[first])
                    && let Some(factor) = self.factor(last, first)
                {
                    found.try_one(self, Relation::Share(factor), last, &[first]);
                }
            }
        }
        for [a, b] in pairs(numbers) {
            for (&last, first) in numbers.iter().flat_map(|last| [(last, [a, b]), (last, [b, a])]) {
                RATES.iter().for_each(|rate| found.try_one(self, Relation::Rated(*rate), last, &first));
            }
        }
        let some = &numbers[..numbers.len().min(OF_THREE)];
        for [a, b] in pairs(some) {
            for &c in some.iter().filter(|c| **c > b) {
                for &last in some {
                    found.try_one(self, Relation::Sum, last, &[a, b, c]);
                    found.try_one(self, Relation::Product, last, &[a, b, c]);
                    found.try_one(self, Relation::Percent, last, &[a, b, c]);
                    for first in [[a, b, c], [a, c, b], [b, c, a]] {
                        found.try_one(self, Relation::Less, last, &first);
                        RATES.iter().for_each(|rate| found.try_one(self, Relation::Rated(*rate), last, &first));
                    }
                }
            }
        }
        for [a, b] in pairs(numbers) {
            for (&last, first) in numbers.iter().flat_map(|last| [(last, [a, b]), (last, [b, a])]) {
                found.try_one(self, Relation::Quotient(1.0), last, &first);
                found.try_one(self, Relation::Quotient(100.0), last, &first);
            }
        }
        found.rules
    }

    /// Number of different cells.
    fn different(&self, column: usize) -> usize {
        self.rows.iter().map(|row| self.values[column].cell(*row)).collect::<HashSet<_>>().len()
    }

    /// The factor between two columns, of three digits at most, by the row where it is known best.
    fn factor(&self, share: usize, of: usize) -> Option<f64> {
        let number = |column: usize, row: usize| self.values[column].number(row);
        let known = |row: &&usize| number(share, **row).is_finite() && number(of, **row).is_finite();
        let best =
            self.rows.iter().filter(known).max_by(|a, b| number(of, **a).abs().total_cmp(&number(of, **b).abs()));
        let factor = best.map(|row| number(share, *row) / number(of, *row))?;
        let digits = (factor * 1e4).round() / 1e4;
        (digits != 0.0 && digits.is_finite() && (digits - factor).abs() <= 1e-3 * factor.abs()).then_some(digits)
    }

    /// Whether all rows keep a rule on numbers, which many would break by chance.
    fn keep(&self, relation: Relation, last: usize, first: &[usize]) -> bool {
        let value = |row: usize| relation.value(first.iter().map(|column| self.values[*column].number(row)));
        let holds =
            |other: usize, row: usize| relation.holds(self.values[last].number(other), value(row), self.rounding[last]);
        let mut held = 0;
        for &row in &self.rows {
            match holds(row, row) {
                Some(false) => return false,
                Some(true) => held += 1,
                None => {}
            }
        }
        if held < FEW {
            return false;
        }
        // The cells of the last column, half the rows on.
        let mixed = self.rows.iter().cycle().skip(self.rows.len() / 2);
        let broken = mixed.zip(&self.rows).filter(|(other, row)| holds(**other, **row) == Some(false));
        // A sum with nothing is an equality, as is a product with 1.
        let counts = |(place, column): (usize, &usize)| {
            let idle: &[f64] = match relation {
                Relation::Rated(_) if place + 1 == first.len() => &[0.0],
                _ => &[0.0, 1.0],
            };
            let does = |row: &&usize| !idle.contains(&self.values[*column].number(**row));
            20 * self.rows.iter().filter(does).count() > self.rows.len()
        };
        broken.count() as f64 >= BROKEN && first.iter().enumerate().all(counts)
    }

    /// Whether each value of a column goes with one value of another.
    fn follow(&self, from: usize, to: usize) -> bool {
        let mut pairs: HashMap<Cell, Cell> = HashMap::new();
        let mut counts: HashMap<Cell, usize> = HashMap::new();
        for &row in &self.rows {
            let cell = self.values[to].cell(row);
            if *pairs.entry(self.values[from].cell(row)).or_insert(cell) != cell {
                return false;
            }
            *counts.entry(cell).or_default() += 1;
        }
        let all = self.rows.len() as f64;
        let equal: f64 = counts.values().map(|count| (*count as f64 / all).powi(2)).sum();
        pairs.len() > 1 && (1.0 - equal) * (all - pairs.len() as f64) >= BROKEN && 2 * pairs.len() < self.rows.len()
    }
}

/// Places in a list of so many rows that are spread over it: all, or [`ROWS`] of them at most.
pub(super) fn spread(len: usize) -> impl Iterator<Item = usize> + Clone {
    (0..len).step_by(len.div_ceil(ROWS).max(1))
}

/// Half of the last digit of numbers, as far as rows show it; 0 for texts.
pub(super) fn rounding(column: &Values, rows: &[usize]) -> f64 {
    let Values::Numbers(numbers) = column else { return 0.0 };
    let is_whole = |scale: f64| {
        rows.iter().map(|row| numbers[*row] * scale).filter(|x| x.is_finite()).all(|x| (x - x.round()).abs() < 1e-4)
    };
    let digits = (0..6).find(|digits| is_whole(10f64.powi(*digits)));
    digits.map_or(0.0, |digits| 0.5 * 10f64.powi(-digits))
}

/// A cell to compare with others of its column.
#[derive(Clone, Copy, Debug)]
enum Cell<'a> {
    Number(f64),
    Text(&'a str),
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

    fn cell(&self, row: usize) -> Cell<'_> {
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
