//! What the cells of some columns tell of that of another one: weighted sums, products, rates, orders.

use serde::{Deserialize, Serialize};

use crate::data::dialect::shown;

/// Seconds of a day.
const DAY: f64 = 86_400.0;
/// Units of time in seconds, and their names: times of day and dates are in seconds beside numbers of these.
pub(super) const UNITS: [(f64, &str); 3] = [(3600.0, "hours"), (60.0, "minutes"), (DAY, "days")];

/// What a number or text is to those that tell of it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Relation {
    /// Their weighted sum.
    Linear(Weights),
    /// Their product, rounded.
    Product,
    /// A hundredth of their product, rounded: an amount by a rate in percent.
    Percent,
    /// The product of all but the last, and of 1 and this many times the last, rounded.
    Rated(f64),
    /// The first by 1 and this many times the second, rounded: what an amount was before its rate.
    Unrated(f64),
    /// The first and this many times the second, by this factor, and by the third if there is one, rounded.
    Of(f64, f64),
    /// This many times the first by the second, rounded.
    Quotient(f64),
    /// This share of it, rounded.
    Share(f64),
    /// At least as large as each.
    NotBelow,
    /// Always the same beside the same.
    Follows,
    /// A gap or none, always the same beside the same.
    Fills,
}

/// A weighted sum of up to three numbers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Weights {
    /// The weight of each.
    pub each: [f64; 3],
    /// What the sum is divided by.
    pub unit: f64,
    /// Whether times of day go on at midnight.
    pub wraps: bool,
}

impl Weights {
    /// The plain sum.
    pub const SUM: Self = Self::of([1.0; 3]);
    /// The sum of two less a third.
    pub const LESS: Self = Self::of([1.0, 1.0, -1.0]);

    const fn of(each: [f64; 3]) -> Self {
        Self { each, unit: 1.0, wraps: false }
    }

    /// The same tie of `last` and `first`, solved for the number `n` of the latter; what is added comes first.
    pub fn turned(self, last: usize, first: &[usize], n: usize) -> (Self, usize, Vec<usize>) {
        let weight = self.each[n];
        let others = first.iter().zip(self.each).enumerate().filter(|(other, _)| *other != n);
        let others = others.map(|(_, (column, each))| (*column, -each * weight.signum()));
        let mut terms: Vec<(usize, f64)> = others.chain([(last, self.unit * weight.signum())]).collect();
        terms.sort_by_key(|(_, each)| *each < 0.0);
        let mut each = [1.0; 3];
        each.iter_mut().zip(&terms).for_each(|(each, term)| *each = term.1);
        let columns = terms.iter().map(|(column, _)| *column).collect();
        (Self { each, unit: weight.abs(), ..self }, first[n], columns)
    }

    fn value(self, first: impl Iterator<Item = f64>) -> f64 {
        let value = first.zip(self.each).map(|(number, each)| number * each).sum::<f64>() / self.unit;
        if self.wraps { value.rem_euclid(DAY / self.unit) } else { value }
    }

    fn told(self, first: &[String]) -> String {
        let unit = |size: f64| UNITS.iter().find(|(unit, _)| *unit == size).map(|(_, name)| *name);
        let mut told = String::new();
        for (name, each) in first.iter().zip(self.each) {
            let sign = if each < 0.0 { "-" } else { "+" };
            told += &if told.is_empty() { name.clone() } else { format!(" {sign} {name}") };
            told += &unit(each.abs()).map_or(String::new(), |unit| format!(" (in {unit})"));
        }
        told + &unit(self.unit).map_or(String::new(), |unit| format!(", in {unit}"))
    }
}

impl Relation {
    /// Whether numbers follow from numbers, but for rounding.
    pub fn is_exact(self) -> bool {
        !matches!(self, Self::NotBelow | Self::Follows | Self::Fills)
    }

    /// Numbers of columns that can tell something in this way.
    pub fn counts(self) -> std::ops::RangeInclusive<usize> {
        match self {
            Self::Follows | Self::Fills | Self::Share(_) => 1..=1,
            Self::Quotient(_) | Self::Unrated(_) => 2..=2,
            Self::Of(..) => 2..=3,
            Self::Linear(_) => 1..=3,
            _ => 1..=usize::MAX,
        }
    }

    /// The number that follows from others, or that it is not below; NaN if gaps leave it open.
    pub fn value(self, first: impl DoubleEndedIterator<Item = f64> + Clone) -> f64 {
        let mut numbers = first.clone();
        let mut next = || numbers.next().unwrap_or(f64::NAN);
        let value = match self {
            Self::Linear(weights) => weights.value(first),
            Self::Product => first.product(),
            Self::Percent => 0.01 * first.product::<f64>(),
            Self::Rated(rate) => {
                let mut others = first;
                let last = others.next_back().unwrap_or(f64::NAN);
                others.product::<f64>() * (1.0 + rate * last)
            }
            Self::Unrated(rate) => next() / (1.0 + rate * next()),
            Self::Of(sign, factor) => factor * (next() + sign * next()) * first.skip(2).product::<f64>(),
            Self::Quotient(factor) => factor * next() / next(),
            Self::Share(factor) => factor * next(),
            Self::NotBelow => first.fold(f64::NAN, f64::max),
            Self::Follows | Self::Fills => f64::NAN,
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
            Self::Linear(weights) => weights.told(&first),
            Self::Product => first.join(" x "),
            Self::Percent => format!("{} / 100", first.join(" x ")),
            Self::Rated(rate) | Self::Unrated(rate) => {
                let (others, rated) = first.split_at(first.len() - 1);
                let (sign, unit) = (if rate < 0.0 { "-" } else { "+" }, if rate.abs() < 1.0 { " / 100" } else { "" });
                let by = if matches!(self, Self::Unrated(_)) { "/" } else { "x" };
                format!("{} {by} (1 {sign} {}{unit})", others.join(" x "), rated[0])
            }
            Self::Of(sign, factor) => {
                let of = format!("({} {} {})", first[0], if sign < 0.0 { "-" } else { "+" }, first[1]);
                match first.get(2) {
                    Some(rate) => format!("{of} x {rate}{}", if factor < 1.0 { " / 100" } else { "" }),
                    None => format!("{factor} x {of}"),
                }
            }
            Self::Quotient(1.0) => first.join(" / "),
            Self::Quotient(factor) => format!("{factor} x {}", first.join(" / ")),
            Self::Share(factor) if rounded(factor) == factor => match factor {
                1.0 => first.concat(),
                _ => format!("{factor} x {}", first[0]),
            },
            Self::Share(factor) => format!("{} / {}", first[0], rounded(factor.recip())),
            Self::NotBelow => first.join(" or "),
            Self::Follows | Self::Fills => first.concat(),
        }
    }
}

/// A factor with the four decimals that factors of rules have.
pub(super) fn rounded(factor: f64) -> f64 {
    (factor * 1e4).round() / 1e4
}
