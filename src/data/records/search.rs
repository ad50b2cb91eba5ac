//! The search for rules by which numbers follow from numbers.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::Values;
use super::encode::FEW;
use super::relation::{Relation, UNITS, Weights, rounded};
use super::rules::{Cell, LEAST, Rule, Sign, rounding};

/// Least number of rows that would break a rule if the cells of its last column were mixed, and how many times as many
/// as those that do break it.
const BROKEN: f64 = 20.0;
/// Share of cells that an order keeps from being below others, were they of other rows: of moments, and of numbers,
/// which are often in some order for their sizes alone.
const ORDERED: [f64; 2] = [0.05, 0.2];
/// Most columns among which sums and products are looked for, and those of three others.
const WIDEST: usize = 60;
const OF_THREE: usize = 30;
/// Most times between which spans are looked for.
const OF_TIMES: usize = 6;
/// Rows with the largest numbers, which factors are known best by: the first that has both cells counts.
const LARGEST: usize = 16;
/// Least number of rows beside each value that tells of gaps.
const FEWEST: usize = 5;
/// What rates are multiplied with: discounts and charges, as shares and in percent.
const RATES: [f64; 4] = [-1.0, -0.01, 1.0, 0.01];

/// The columns of some rows, with what rules need to know of them.
pub(super) struct Columns<'a> {
    values: &'a [Values],
    rows: Vec<usize>,
    /// Of numbers, half of their last digit.
    rounding: Vec<f64>,
    /// Number of different cells.
    different: Vec<usize>,
    /// The rows that have a number.
    full: Vec<Vec<usize>>,
}

/// Rules that compute numbers: one for each column, one for each set of columns, and none of them in a circle.
pub(super) struct Search<'a> {
    columns: &'a Columns<'a>,
    /// Columns of numbers with two values or more: a rate may have two. What has no more is not computed.
    numbers: Vec<usize>,
    /// Those of few values, such as rates and terms, which are given rather than computed.
    given: HashSet<usize>,
    /// Rows that may break a rule.
    spare: usize,
    rules: Vec<Rule>,
    sets: HashSet<BTreeSet<usize>>,
    tells: HashMap<usize, Vec<usize>>,
}

impl<'a> Search<'a> {
    /// The rules that all rows keep, the simplest ones first, then those that all but `spare` keep.
    pub fn find(columns: &'a Columns, spare: usize) -> Vec<Rule> {
        let numbers = columns.numbers(2);
        let given = numbers.iter().copied().filter(|i| columns.different[*i] <= FEW).collect();
        let mut search =
            Self { columns, numbers, given, spare: 0, rules: vec![], sets: HashSet::new(), tells: HashMap::new() };
        // What has two values is a choice.
        let lasts = columns.numbers(3);
        for spare in if spare > 0 { vec![0, spare] } else { vec![0] } {
            search.spare = spare;
            search.of_two(&lasts);
            search.of_three(&lasts);
            search.quotients(&lasts);
        }
        search.rules
    }

    fn pairs(&self, of: usize) -> Vec<[usize; 2]> {
        let numbers = &self.numbers[..self.numbers.len().min(of)];
        numbers.iter().enumerate().flat_map(|(n, &a)| numbers[n + 1..].iter().map(move |&b| [a, b])).collect()
    }

    fn is_open(&self, last: usize, first: &[usize]) -> bool {
        !first.contains(&last) && !self.tells.contains_key(&last)
    }

    /// Whether a column is told by another one, also by those between.
    fn follows(&self, column: usize, other: usize) -> bool {
        let (mut open, mut seen) = (vec![column], HashSet::new());
        while let Some(column) = open.pop() {
            if column == other {
                return true;
            }
            if seen.insert(column) {
                open.extend(self.tells.get(&column).into_iter().flatten());
            }
        }
        false
    }

    /// The same columns tell nothing more, such as the price beside the product of number and price.
    fn is_said(&self, last: usize, first: &[usize]) -> bool {
        self.sets.contains(&first.iter().copied().chain([last]).collect())
    }

    fn try_one(&mut self, relation: Relation, last: usize, first: &[usize]) -> bool {
        let is_new = self.is_open(last, first)
            && self.columns.keep(relation, last, first, self.spare)
            && !self.is_said(last, first)
            && !first.iter().any(|first| self.follows(*first, last));
        if is_new {
            self.sets.insert(first.iter().copied().chain([last]).collect());
            self.tells.insert(last, first.to_vec());
            self.rules.push(Rule { relation, last, first: first.to_vec() });
        }
        is_new
    }

    /// A weighted sum, by which each of its columns can be computed: one that is not told yet, if possible of many
    /// values, and what others add up to before its parts.
    fn try_tie(&mut self, weights: Weights, last: usize, first: &[usize]) {
        let turned = (0..first.len()).rev().map(|n| weights.turned(last, first, n));
        let mut ways: Vec<_> = [(weights, last, first.to_vec())].into_iter().chain(turned).collect();
        let is_less = |weights: &Weights| weights.each.iter().any(|each| *each < 0.0);
        ways[1..].sort_by_key(|(weights, ..)| is_less(weights));
        ways.sort_by_key(|(_, last, _)| self.given.contains(last));
        let _ = ways.into_iter().any(|(weights, last, first)| self.try_one(Relation::Linear(weights), last, &first));
    }

    /// Whether a weighted sum is kept that was not said.
    fn is_tie(&self, weights: Weights, last: usize, first: &[usize]) -> bool {
        !first.contains(&last)
            && self.columns.keep(Relation::Linear(weights), last, first, self.spare)
            && !self.is_said(last, first)
    }

    fn of_two(&mut self, lasts: &[usize]) {
        let mut ties: Vec<(usize, [usize; 2])> = vec![];
        for first in self.pairs(WIDEST) {
            for &last in lasts {
                if self.is_tie(Weights::SUM, last, &first) {
                    ties.push((last, first));
                }
                self.try_one(Relation::Product, last, &first);
                self.try_one(Relation::Percent, last, &first);
            }
        }
        let others: Vec<usize> = lasts.iter().copied().filter(|last| ties.iter().all(|(sum, _)| sum != last)).collect();
        self.shares(&others, short);
        // What products and shares compute, a sum need not.
        ties.into_iter().for_each(|(last, first)| self.try_tie(Weights::SUM, last, &first));
        // What is an amount by a factor comes last, as the rounding of one times a factor looks like it.
        self.shares(&others, |ratio| short(ratio.recip()).map(f64::recip));
        for [a, b] in self.pairs(WIDEST) {
            for (&last, first) in lasts.iter().flat_map(|last| [(last, [a, b]), (last, [b, a])]) {
                RATES.iter().for_each(|rate| _ = self.try_one(Relation::Rated(*rate), last, &first));
            }
        }
        for [a, b] in self.pairs(WIDEST) {
            for (&last, first) in lasts.iter().flat_map(|last| [(last, [a, b]), (last, [b, a])]) {
                RATES.iter().for_each(|rate| _ = self.try_one(Relation::Unrated(*rate), last, &first));
            }
        }
        let columns = self.columns;
        for [a, b] in self.pairs(OF_THREE) {
            for (first, sign) in [([a, b], 1.0), ([a, b], -1.0), ([b, a], -1.0)] {
                let largest =
                    columns.largest(|row| columns.number(first[0], row) + sign * columns.number(first[1], row));
                for &last in lasts {
                    if self.is_open(last, &first)
                        && let Some(factor) = columns.ratio(last, &largest).and_then(short)
                        && factor != 1.0
                    {
                        self.try_one(Relation::Of(sign, factor), last, &first);
                    }
                }
            }
        }
        self.spans(lasts);
    }

    /// Shares of others, by the factor that a ratio nearly is.
    fn shares(&mut self, lasts: &[usize], factor: impl Fn(f64) -> Option<f64>) {
        let columns = self.columns;
        let whole = |column: usize| move |row: usize| columns.number(column, row);
        let largest: Vec<_> = self.numbers.iter().map(|first| (*first, columns.largest(whole(*first)))).collect();
        for &last in lasts.iter().rev() {
            for (first, largest) in largest.iter().filter(|(first, _)| first != &last) {
                // Where two columns are nearly always equal, the rows in which they are not are what is told.
                if self.is_open(last, &[*first])
                    && let Some(factor) = columns.ratio(last, largest).and_then(&factor)
                    && (self.spare == 0 || factor != 1.0)
                {
                    self.try_one(Relation::Share(factor), last, &[*first]);
                }
            }
        }
    }

    fn of_three(&mut self, lasts: &[usize]) {
        let some = self.numbers[..self.numbers.len().min(OF_THREE)].to_vec();
        for [a, b] in self.pairs(OF_THREE) {
            for &c in some.iter().filter(|c| **c > b) {
                for &last in lasts.iter().filter(|last| some.contains(last)) {
                    let ways = [[a, b, c], [a, c, b], [b, c, a]];
                    if self.is_tie(Weights::SUM, last, &ways[0]) {
                        self.try_tie(Weights::SUM, last, &ways[0]);
                    }
                    self.try_one(Relation::Product, last, &ways[0]);
                    self.try_one(Relation::Percent, last, &ways[0]);
                    for first in ways {
                        if self.is_tie(Weights::LESS, last, &first) {
                            self.try_tie(Weights::LESS, last, &first);
                        }
                        RATES.iter().for_each(|rate| _ = self.try_one(Relation::Rated(*rate), last, &first));
                        let [x, y, rate] = first;
                        for factor in [1.0, 0.01] {
                            self.try_one(Relation::Of(1.0, factor), last, &first);
                            self.try_one(Relation::Of(-1.0, factor), last, &first);
                            self.try_one(Relation::Of(-1.0, factor), last, &[y, x, rate]);
                        }
                    }
                }
            }
        }
    }

    /// What lies between two times, in units of time, also less a break.
    fn spans(&mut self, lasts: &[usize]) {
        // A row with a gap tells nothing, so that columns of gaps are looked through to their ends.
        let is_full = |column: &usize| self.columns.is_half_full(*column);
        let lasts: Vec<usize> = lasts.iter().copied().filter(is_full).take(OF_THREE).collect();
        let is_time = |column: &usize| self.columns.is_of_minutes(*column);
        let times: Vec<usize> = lasts.iter().copied().filter(is_time).take(OF_TIMES).collect();
        let numbers: Vec<usize> = self.numbers.iter().copied().filter(is_full).take(OF_THREE).collect();
        let mut ways = vec![];
        for (&end, &begin) in times.iter().flat_map(|end| times.iter().map(move |begin| (end, begin))) {
            let are_of_day = [end, begin].iter().all(|column| self.columns.is_of_day(*column));
            for wraps in if are_of_day { vec![false, true] } else { vec![false] } {
                for unit in UNITS.map(|(unit, _)| unit).into_iter().chain([1.0]).filter(|unit| wraps || *unit != 1.0) {
                    ways.push((Weights { each: [1.0, -1.0, 0.0], unit, wraps }, vec![end, begin]));
                }
                let thirds = numbers.iter().flat_map(|third| [1.0, 60.0, 3600.0].map(|size| (*third, size)));
                for (third, size) in thirds.filter(|(third, _)| ![end, begin].contains(third)) {
                    for unit in [3600.0, 60.0, 1.0] {
                        ways.push((Weights { each: [1.0, -1.0, -size], unit, wraps }, vec![end, begin, third]));
                    }
                }
            }
        }
        for (weights, first) in ways.into_iter().filter(|(_, first)| first[0] != first[1]) {
            for &last in &lasts {
                if self.is_tie(weights, last, &first) {
                    self.try_tie(weights, last, &first);
                }
            }
        }
    }

    fn quotients(&mut self, lasts: &[usize]) {
        for [a, b] in self.pairs(WIDEST) {
            for (&last, first) in lasts.iter().flat_map(|last| [(last, [a, b]), (last, [b, a])]) {
                self.try_one(Relation::Quotient(1.0), last, &first);
                // A rate of few values is given, and not what comes out of any two amounts.
                if !self.given.contains(&last) {
                    self.try_one(Relation::Quotient(100.0), last, &first);
                }
            }
        }
    }
}

impl<'a> Columns<'a> {
    /// These rows of a table.
    pub fn new(values: &'a [Values], rows: Vec<usize>) -> Self {
        let different = |column: &Values| rows.iter().map(|row| column.cell(*row)).collect::<HashSet<_>>().len();
        let (different, rounding) =
            values.iter().map(|column| (different(column), rounding(column, &rows))).collect::<(Vec<_>, Vec<_>)>();
        let has = |column: &Values, row: usize| matches!(column, Values::Numbers(all) if !all[row].is_nan());
        let full = values.iter().map(|column| rows.iter().copied().filter(|row| has(column, *row)).collect()).collect();
        Self { values, rows, rounding, different, full }
    }

    /// The first columns of numbers with so many different cells.
    pub fn numbers(&self, least: usize) -> Vec<usize> {
        let is_number = |i: &usize| matches!(self.values[*i], Values::Numbers(_)) && self.different[*i] >= least;
        (0..self.values.len()).filter(is_number).take(WIDEST).collect()
    }

    fn number(&self, column: usize, row: usize) -> f64 {
        self.values[column].number(row)
    }

    /// Whether half of the rows or more have a number.
    fn is_half_full(&self, column: usize) -> bool {
        2 * self.full[column].len() >= self.rows.len()
    }

    /// Whether all numbers are whole minutes, as times are.
    fn is_of_minutes(&self, column: usize) -> bool {
        let mut numbers = self.rows.iter().map(|row| self.number(column, *row)).filter(|number| !number.is_nan());
        numbers.all(|number| number % 60.0 == 0.0)
    }

    /// Whether all numbers can be times of day.
    fn is_of_day(&self, column: usize) -> bool {
        let mut numbers = self.rows.iter().map(|row| self.number(column, *row)).filter(|number| !number.is_nan());
        numbers.all(|number| (0.0..86_400.0).contains(&number))
    }

    /// The largest numbers that rows have, with these.
    fn largest(&self, of: impl Fn(usize) -> f64) -> Vec<(usize, f64)> {
        let mut all: Vec<_> = self.rows.iter().map(|row| (*row, of(*row))).filter(|(_, of)| of.is_finite()).collect();
        let last = LARGEST.min(all.len());
        if last < all.len() {
            all.select_nth_unstable_by(last, |a, b| b.1.abs().total_cmp(&a.1.abs()));
        }
        all.truncate(last);
        all.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
        all
    }

    /// The ratio of a column to other numbers.
    fn ratio(&self, share: usize, largest: &[(usize, f64)]) -> Option<f64> {
        let numbers = largest.iter().map(|(row, of)| self.number(share, *row) / of);
        // In the middle, as a number that was typed wrong may be the largest of all.
        let mut factors: Vec<f64> = numbers.filter(|factor| !factor.is_nan()).collect();
        factors.sort_by(f64::total_cmp);
        factors.get(factors.len() / 2).copied()
    }

    /// Whether all rows but `spare` keep a rule on numbers, which many would break by chance.
    pub fn keep(&self, relation: Relation, last: usize, first: &[usize], spare: usize) -> bool {
        let value = |row: usize| relation.value(first.iter().map(|column| self.number(*column, row)));
        let holds =
            |other: usize, row: usize| relation.holds(self.number(last, other), value(row), self.rounding[last]);
        // What is computed has a gap where one of its columns has, so that those with the fewest numbers are enough.
        let fewest = first.iter().chain([&last]).map(|column| &self.full[*column]).min_by_key(|rows| rows.len());
        let rows = fewest.filter(|_| relation.is_exact()).unwrap_or(&self.rows);
        if rows.len() < LEAST {
            return false;
        }
        let (mut held, mut broken) = (0, 0);
        for &row in rows {
            match holds(row, row) {
                Some(false) if broken == spare => return false,
                Some(false) => broken += 1,
                Some(true) => held += 1,
                None => {}
            }
        }
        if held < LEAST {
            return false;
        }
        // The cells of the last column, half the rows on.
        let mixed = self.rows.iter().cycle().skip(self.rows.len() / 2);
        let told: Vec<bool> = mixed.zip(&self.rows).filter_map(|(other, row)| holds(*other, *row)).collect();
        let chance = told.iter().filter(|held| !**held).count();
        // A sum with nothing is an equality, as is a product with 1.
        let counts = |(place, column): (usize, &usize)| {
            let idle: &[f64] = match relation {
                Relation::Rated(_) | Relation::Unrated(_) if place + 1 == first.len() => &[0.0],
                _ => &[0.0, 1.0],
            };
            let does = |row: &&usize| !idle.contains(&self.number(*column, **row));
            20 * self.rows.iter().filter(does).count() > self.rows.len()
        };
        // An order of columns far apart says nothing of their rows.
        let are_numbers = || first.iter().chain([&last]).any(|column| !self.is_of_minutes(*column));
        let share = if relation == Relation::NotBelow { ORDERED[usize::from(are_numbers())] } else { 0.0 };
        let least = share * told.len() as f64;
        chance as f64 >= least && is_more(chance as f64, broken) && first.iter().enumerate().all(counts)
    }

    /// Whether each value of a column goes with one value of another, in all rows but `spare`; or in all of those in
    /// which the other one is no gap.
    pub fn follow(&self, from: usize, to: usize, spare: usize) -> bool {
        let is_full = |row: &usize| !self.values[to].cell(*row).is_gap();
        let full: Vec<usize> = self.rows.iter().copied().filter(is_full).collect();
        let has_gaps = (LEAST..self.rows.len()).contains(&full.len());
        self.follow_in(&self.rows, from, to, spare) || has_gaps && self.follow_in(&full, from, to, spare)
    }

    /// Whether enough rows have a gap in a column, and enough none.
    pub fn has_gaps(&self, column: usize) -> bool {
        let gaps = self.rows.iter().filter(|row| self.values[column].cell(**row).is_gap()).count();
        gaps.min(self.rows.len() - gaps) >= FEWEST
    }

    /// The number of signs of a column that each tell whether another one has a gap, in all rows, if they do.
    pub fn signs_of_gaps(&self, from: usize, to: usize, sign: &Sign) -> Option<usize> {
        let mut pairs = HashMap::<Cell, (bool, usize)>::new();
        for &row in &self.rows {
            let gap = self.values[to].cell(row).is_gap();
            let pair = pairs.entry(sign.of(&self.values[from], row)).or_insert((gap, 0));
            pair.1 += 1;
            if pair.0 != gap {
                return None;
            }
        }
        pairs.values().all(|(_, rows)| *rows >= FEWEST).then_some(pairs.len())
    }

    fn follow_in(&self, rows: &[usize], from: usize, to: usize, spare: usize) -> bool {
        let mut pairs: HashMap<Cell, HashMap<Cell, usize>> = HashMap::new();
        let mut counts: HashMap<Cell, usize> = HashMap::new();
        let (mut seen, mut usual) = (0, 0);
        for &row in rows {
            let cell = self.values[to].cell(row);
            let beside = pairs.entry(self.values[from].cell(row)).or_default();
            let most = beside.values().copied().max().unwrap_or(0);
            let count = beside.entry(cell).or_default();
            *count += 1;
            (seen, usual) = (seen + 1, usual + usize::from(*count > most));
            if seen - usual > spare {
                return false;
            }
            *counts.entry(cell).or_default() += 1;
        }
        let all = rows.len() as f64;
        let equal: f64 = counts.values().map(|count| (*count as f64 / all).powi(2)).sum();
        let chance = (1.0 - equal) * (all - pairs.len() as f64);
        pairs.len() > 1 && is_more(chance, seen - usual) && 2 * pairs.len() < rows.len()
    }
}

/// Whether chance would break a rule in many more rows than do.
fn is_more(chance: f64, broken: usize) -> bool {
    chance >= BROKEN * broken.max(1) as f64
}

/// A factor of few digits, which a ratio is nearly.
fn short(ratio: f64) -> Option<f64> {
    let digits = rounded(ratio);
    (digits != 0.0 && digits.is_finite() && (digits - ratio).abs() <= 1e-3 * ratio.abs()).then_some(digits)
}
