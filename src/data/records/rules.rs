//! Rules that the rows of a table keep: sums, products, shares, orders, columns that follow from others. What is
//! learned from a table need not keep them.

use std::collections::{HashMap, HashSet};
use std::hash::{Hash, Hasher};

use super::Values;
use crate::data::dialect::shown;

/// Rows that rules are looked for in, and the least number of them.
const ROWS: usize = 2000;
const FEW: usize = 30;
/// Least number of rows that would break a rule if the cells of its last column were mixed.
const BROKEN: f64 = 20.0;
/// Most columns among which sums and products are looked for.
const WIDEST: usize = 60;

/// A rule: what the cells of some columns tell of that of another one. Columns are known by their numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    relation: Relation,
    last: usize,
    first: Vec<usize>,
}

/// What a number or text is to those that tell of it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Relation {
    /// Their sum.
    Sum,
    /// Their product, rounded.
    Product,
    /// This share of it, rounded.
    Share(f64),
    /// At least as large.
    NotBelow,
    /// Always the same beside the same.
    Follows,
}

/// The columns of some rows, with what rules need to know of them.
struct Columns<'a> {
    values: &'a [Values],
    rows: Vec<usize>,
    /// Of numbers, half of their last digit.
    rounding: Vec<f64>,
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
        let mut rules = vec![];
        let mut try_one = |relation, last, first: &[usize]| {
            let rule = Self { relation, last, first: first.to_vec() };
            rules.extend(columns.keep(&rule).then_some(rule));
        };
        for (n, &a) in numbers.iter().enumerate() {
            for &b in &numbers[n + 1..] {
                for &last in numbers.iter().filter(|i| ![a, b].contains(*i)) {
                    try_one(Relation::Sum, last, &[a, b]);
                    try_one(Relation::Product, last, &[a, b]);
                }
                for [last, first] in [[a, b], [b, a]] {
                    if let Some(factor) = columns.factor(last, first) {
                        try_one(Relation::Share(factor), last, &[first]);
                    }
                    try_one(Relation::NotBelow, last, &[first]);
                }
            }
        }
        for first in 0..values.len() {
            for last in (0..values.len()).filter(|last| *last != first) {
                try_one(Relation::Follows, last, &[first]);
            }
        }
        // What ties columns exactly says more than an order or a dependence of two of them.
        let exact: Vec<Vec<usize>> = rules
            .iter()
            .filter(|rule| matches!(rule.relation, Relation::Sum | Relation::Product | Relation::Share(_)))
            .map(|rule| [&rule.first[..], &[rule.last]].concat())
            .collect();
        let is_said = |rule: &Self| exact.iter().any(|all| all.contains(&rule.last) && all.contains(&rule.first[0]));
        rules.retain(|rule| !matches!(rule.relation, Relation::NotBelow | Relation::Follows) || !is_said(rule));
        rules
    }

    /// The column that the others tell something of.
    pub fn last(&self) -> usize {
        self.last
    }

    /// Whether the last column can be computed from the others.
    pub fn computes(&self) -> bool {
        self.relation != Relation::NotBelow
    }

    /// The rule in words, with the names of the columns.
    pub fn said(&self, names: &[String]) -> String {
        let first: Vec<String> = self.first.iter().map(|column| shown(&names[*column])).collect();
        let last = shown(&names[self.last]);
        match self.relation {
            Relation::Sum => format!("{last} = {} + {}", first[0], first[1]),
            Relation::Product => format!("{last} = {} x {}", first[0], first[1]),
            Relation::Share(factor) => format!("{last} = {factor} x {}", first[0]),
            Relation::NotBelow => format!("{last} is never below {}", first[0]),
            Relation::Follows => format!("{} tells {last}", first[0]),
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
                _ => self.holds(values[last].number(row), &self.numbers(values, row), rounding),
            };
            let held: Vec<bool> = (0..values[last].len()).filter_map(holds).collect();
            held.iter().filter(|held| **held).count() as f64 / held.len() as f64
        };
        parts.map(share).collect()
    }

    /// The numbers that tell of the last one.
    fn numbers(&self, values: &[Values], row: usize) -> Vec<f64> {
        self.first.iter().map(|column| values[*column].number(row)).collect()
    }

    /// Whether numbers keep the rule; `None` with gaps.
    fn holds(&self, last: f64, first: &[f64], rounding: f64) -> Option<bool> {
        if last.is_nan() || first.iter().any(|number| number.is_nan()) {
            return None;
        }
        let near = |wanted: f64| (last - wanted).abs() <= rounding * 1.01 + 1e-9 * wanted.abs();
        Some(match self.relation {
            Relation::Sum => near(first[0] + first[1]),
            Relation::Product => near(first[0] * first[1]),
            Relation::Share(factor) => near(factor * first[0]),
            Relation::NotBelow => first[0] <= last,
            Relation::Follows => unreachable!("compared as they are"),
        })
    }
}

impl Columns<'_> {
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

    /// Whether all rows keep a rule, which many would break by chance.
    fn keep(&self, rule: &Rule) -> bool {
        let (last, first) = (rule.last, &rule.first);
        if rule.relation == Relation::Follows {
            return self.follow(first[0], last);
        }
        let holds = |last: f64, row: usize| rule.holds(last, &rule.numbers(self.values, row), self.rounding[rule.last]);
        let mut held = 0;
        for &row in &self.rows {
            match holds(self.values[last].number(row), row) {
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
        let broken =
            mixed.zip(&self.rows).filter(|(other, row)| holds(self.values[last].number(**other), **row) == Some(false));
        // A sum with nothing is an equality.
        let adds = first.iter().all(|column| {
            let counts = |row: &&usize| ![0.0, 1.0].contains(&self.values[*column].number(**row));
            20 * self.rows.iter().filter(counts).count() > self.rows.len()
        });
        broken.count() as f64 >= BROKEN && adds
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
fn rounding(column: &Values, rows: &[usize]) -> f64 {
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
    fn number(&self, row: usize) -> f64 {
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
        let mut columns: Vec<Vec<f64>> = vec![vec![]; 8];
        let mut texts: Vec<Vec<String>> = vec![vec![]; 3];
        for row in 0..500 {
            let mut stream = root.stream(row);
            let mut money = |most: f32| (f64::from(stream.within(1.0..most)) * 100.0).round() / 100.0;
            let (net, price) = (money(900.0), money(50.0));
            let tax = (19.0 * net).round() / 100.0;
            let count = 1.0 + stream.below(12) as f64;
            let born = stream.below(20_000) as f64;
            let entered = born + stream.below(15_000) as f64;
            let cells = [net, tax, net + tax, count, price, count * price, entered, born];
            columns.iter_mut().zip(cells).for_each(|(column, cell)| column.push(cell));
            let town = stream.below(8);
            let flag = ["yes", "no"][stream.below(2)];
            let cells = [format!("{:05}", 10_000 + town), ["Ulm", "Bonn", "Kiel", "Hof"][town / 2].into(), flag.into()];
            texts.iter_mut().zip(cells).for_each(|(column, cell)| column.push(cell));
        }
        let mut values: Vec<Values> = columns.into_iter().map(Values::Numbers).collect();
        values.extend(texts.into_iter().map(Values::Texts));
        let names: Vec<String> =
            ["net", "tax", "gross", "count", "price", "sum", "entered", "born", "code", "town", "flag"]
                .map(String::from)
                .into();
        let rules = Rule::find(&values);
        let said: Vec<String> = rules.iter().map(|rule| rule.said(&names)).collect();
        for wanted in [
            "`gross` = `net` + `tax`",
            "`sum` = `count` x `price`",
            "`tax` = 0.19 x `net`",
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
            assert!(kept[0] == 1.0 && kept[1] < 0.9, "{}: {kept:?}", rule.said(&names));
        }
    }
}
