//! How the numbers of a column are written.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::data::cells;
use crate::data::column::Column as Raw;
use crate::data::looks::widened;
use crate::settings::Decimal;

/// How numbers are written.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Style {
    /// Most decimals of a cell; `None`: some cell has an exponent.
    pub decimals: Option<usize>,
    /// Whether zeros at the end are left out, as the cells have different numbers of decimals.
    pub trims: bool,
    /// How many of the last digit all numbers are multiples of, as prices of 5 cents are of 5.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    multiple: u64,
    /// What else its numbers have, if some have more than digits, a decimal mark and a minus sign.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dress: Option<Dress>,
    /// What stands before and after every number of it, as a unit that is in no list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unit: Option<[String; 2]>,
}

impl PartialEq for Style {
    /// What numbers are multiples of follows from the data, and earlier versions did not keep it.
    fn eq(&self, other: &Self) -> bool {
        let of = |style: &Self| (style.decimals, style.trims, style.dress.clone(), style.unit.clone());
        of(self) == of(other)
    }
}

fn one() -> u64 {
    1
}

fn is_one(multiple: &u64) -> bool {
    *multiple == 1
}

/// What numbers have besides digits: all of a column alike.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dress {
    /// What stands before and after the digits of a number that is not negative.
    positive: [String; 2],
    /// The same of a negative one: `-`, or the brackets of accountants.
    negative: [String; 2],
    /// The mark between thousands.
    mark: Option<char>,
    /// Whether digits have their wide forms.
    wide: bool,
}

impl Style {
    /// The style of a column.
    pub(in crate::data) fn of(raw: &Raw) -> Self {
        let [positive, negative] = raw.looks.around();
        let dress = Dress { positive, negative, mark: raw.looks.mark(), wide: raw.looks.is_wide() };
        Self {
            decimals: raw.decimals,
            trims: raw.decimals.is_some_and(|most| most > raw.fewest_decimals),
            multiple: raw.decimals.map_or(1, |decimals| multiple(&raw.values, 10f64.powi(decimals as i32))),
            dress: raw.looks.is_dressed().then_some(dress),
            unit: raw.unit.clone(),
        }
    }

    /// A number in this style.
    pub fn write(&self, value: f64, decimal: Decimal) -> String {
        let text = match self.decimals {
            None => exponential(value),
            Some(decimals) => {
                let text = format!("{:.decimals$}", self.rounded(value));
                let is_zero = text.bytes().all(|byte| b"-0.".contains(&byte));
                let text = if is_zero { text.trim_start_matches('-').to_owned() } else { text };
                match self.trims && decimals > 0 {
                    true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
                    false => text,
                }
            }
        };
        self.dressed(if decimal == Decimal::Comma { text.replace('.', ",") } else { text })
    }

    /// The digits of a number with what else the numbers of the column have.
    pub(in crate::data) fn dressed(&self, digits: String) -> String {
        let text = match &self.dress {
            Some(dress) => dress.put_on(&digits),
            None => digits,
        };
        match &self.unit {
            Some([before, after]) => format!("{before}{text}{after}"),
            None => text,
        }
    }

    /// Whether its numbers have nothing but digits, a decimal mark and a minus sign.
    pub(in crate::data) fn is_plain(&self) -> bool {
        self.dress.is_none() && self.unit.is_none()
    }

    /// What all numbers are multiples of; `None`: some cell has an exponent.
    pub fn grain(&self) -> Option<f64> {
        Some(self.multiple as f64 / 10f64.powi(self.decimals? as i32))
    }

    /// The same, of numbers that are multiples of their last digit only.
    pub(super) fn fine(&self) -> Self {
        Self { multiple: 1, ..self.clone() }
    }

    /// Whether a number is a multiple as all of the column are.
    pub(super) fn fits(&self, value: f64) -> bool {
        !self.is_coarse() || (self.rounded(value) - value).abs() <= 1e-9 * value.abs().max(1.0)
    }

    /// Whether more than the last digit is the same in all numbers.
    pub fn is_coarse(&self) -> bool {
        self.multiple > 1
    }

    /// The nearest number that the column can have.
    fn rounded(&self, value: f64) -> f64 {
        match self.grain().filter(|_| self.is_coarse()) {
            Some(grain) => (value / grain).round() * grain,
            None => value,
        }
    }

    /// The number in a cell, with the unit of the column or without.
    pub(super) fn read(&self, cell: &str, decimal: Decimal) -> Option<f64> {
        cells::measured(cell, self.unit.as_ref(), decimal)
    }
}

impl Dress {
    /// A plain number in it.
    fn put_on(&self, plain: &str) -> String {
        let (digits, [before, after]) = match plain.strip_prefix('-') {
            Some(digits) => (digits, &self.negative),
            None => (plain, &self.positive),
        };
        let whole = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        let begins = |at: usize| at > 0 && at < whole && (whole - at).is_multiple_of(3);
        let mark = |at: usize| self.mark.filter(|_| begins(at));
        let marked: String = digits.char_indices().flat_map(|(at, c)| mark(at).into_iter().chain([c])).collect();
        let digits = if self.wide { widened(&marked) } else { marked };
        format!("{before}{digits}{after}")
    }
}

/// Least number of values, and of different ones, that tell what all are multiples of.
const MANY: usize = 100;
const DIFFERENT: usize = 10;
/// Whole numbers beyond this are even, whatever was written.
const EXACT: f64 = 1e15;

/// The greatest whole number that divides all numbers in units of the last of their digits, of which 1 has `units`; 1
/// where they are too few to tell.
fn multiple(values: &[f64], units: f64) -> u64 {
    let finite = || values.iter().filter(|value| value.is_finite()).map(|value| (value * units).round().abs());
    let different = || finite().map(f64::to_bits).take(10 * MANY).collect::<HashSet<u64>>().len();
    if finite().count() < MANY || finite().any(|value| value >= EXACT) || different() < DIFFERENT {
        return 1;
    }
    finite().fold(0, |common, value| divisor(common, value as u64)).max(1)
}

/// The greatest common divisor.
fn divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { divisor(b, a % b) }
}

/// A number with 6 digits, with an exponent where it is short.
fn exponential(value: f64) -> String {
    let rounded: f64 = format!("{value:.5e}").parse().unwrap_or(value);
    let is_short = value == 0.0 || (1e-4..1e6).contains(&value.abs());
    if is_short { rounded.to_string() } else { format!("{rounded:e}") }
}
