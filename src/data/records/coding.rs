//! How one column is encoded, and the way back.

use serde::{Deserialize, Serialize};

use super::Ranks;
use crate::data::random::Stream;

/// The encoding of a column: a choice among its special values, and a scalar for all others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Coding {
    /// Categories, gaps, and numbers that many rows share; by frequency.
    pub values: Vec<Value>,
    /// Categories too rare to be learned one by one: one choice stands for all.
    pub rare: Vec<Value>,
    /// All other values.
    pub body: Option<Body>,
    /// The value that stands for texts that too few rows have to be given away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub others: Option<String>,
}

/// A special value of a column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Value {
    /// As it is written.
    pub text: String,
    /// The value of a number or date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<f64>,
    /// Rows that have it.
    pub rows: usize,
}

/// The values of a column that are not special.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Body {
    /// By ranks, in one more choice if there are others.
    Ranks(Ranks, usize),
    /// By a mixture of Gaussians: each component is one more choice, and the scalar is the distance from its mean in
    /// units of four deviations (Xu et al. 2019, section 4.2).
    Modes(Vec<Mode>),
}

/// A component of a mixture.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mode {
    /// Mean, in the column's units.
    pub mean: f64,
    /// Standard deviation.
    pub deviation: f64,
    /// Rows that were drawn into it.
    pub rows: usize,
}

/// What is drawn for a cell.
pub(super) enum Drawn<'a> {
    /// A special value.
    Value(&'a Value),
    /// A number of the body.
    Number(f64),
}

/// Deviations that a scalar of 1 stands for, and the greatest scalar.
pub(super) const REACH: f64 = 4.0;
pub(super) const BOUND: f64 = 0.99;

impl Coding {
    /// Number of the choice that stands for rare categories, if there are any.
    pub fn other(&self) -> Option<usize> {
        (!self.rare.is_empty()).then_some(self.values.len())
    }

    /// Number of the first choice that is no special value.
    pub fn first_of_body(&self) -> usize {
        self.values.len() + usize::from(!self.rare.is_empty())
    }

    /// Number of choices; 0 where there is nothing to choose.
    pub fn choices(&self) -> usize {
        let body = match &self.body {
            None => 0,
            Some(Body::Ranks(..)) => 1,
            Some(Body::Modes(modes)) => modes.len(),
        };
        let all = self.first_of_body() + body;
        if all > 1 { all } else { 0 }
    }

    /// Whether it has a scalar.
    pub fn has_scalar(&self) -> bool {
        self.body.is_some()
    }

    /// Whether its scalar lies in (-1, 1).
    pub fn is_bounded(&self) -> bool {
        matches!(self.body, Some(Body::Modes(_)))
    }

    /// The least and the greatest number, unless numbers are learned by mixtures or there are none.
    pub fn ends(&self) -> Option<[f64; 2]> {
        let special = self.values.iter().filter_map(|value| value.number).map(|number| [number; 2]);
        let body = match &self.body {
            Some(Body::Modes(_)) => return None,
            Some(Body::Ranks(ranks, _)) => Some(ranks.ends()),
            None => None,
        };
        special.chain(body).reduce(|a, b| [a[0].min(b[0]), a[1].max(b[1])])
    }

    /// Number of rows that it was learned from.
    pub fn rows(&self) -> usize {
        self.counts().iter().sum()
    }

    /// The share of rows of each choice.
    pub fn shares(&self) -> Vec<f64> {
        let rows = self.counts();
        let all = rows.iter().sum::<usize>().max(1) as f64;
        rows.into_iter().map(|rows| rows as f64 / all).collect()
    }

    /// Number of rows of each choice, or of the body alone.
    fn counts(&self) -> Vec<usize> {
        let rare = (!self.rare.is_empty()).then(|| self.rare.iter().map(|value| value.rows).sum());
        let body = match &self.body {
            None => vec![],
            Some(Body::Ranks(_, rows)) => vec![*rows],
            Some(Body::Modes(modes)) => modes.iter().map(|mode| mode.rows).collect(),
        };
        self.values.iter().map(|value| value.rows).chain(rare).chain(body).collect()
    }

    /// What a choice and a scalar stand for; `stream` draws among rare values.
    pub(super) fn drawn(&self, choice: usize, scalar: f64, stream: &mut Stream) -> Drawn<'_> {
        if let Some(value) = self.values.get(choice) {
            return Drawn::Value(value);
        }
        if Some(choice) == self.other() {
            let target = stream.below(self.rare.iter().map(|value| value.rows).sum());
            let sums = self.rare.iter().scan(0, |sum, value| {
                *sum += value.rows;
                Some(*sum)
            });
            return Drawn::Value(&self.rare[sums.take_while(|sum| *sum <= target).count()]);
        }
        match &self.body {
            Some(Body::Ranks(ranks, _)) => Drawn::Number(ranks.value(scalar)),
            Some(Body::Modes(modes)) => {
                let mode = &modes[choice.saturating_sub(self.first_of_body()).min(modes.len() - 1)];
                Drawn::Number(mode.mean + scalar.clamp(-1.0, 1.0) * REACH * mode.deviation)
            }
            // A choice beyond the last one, in samples that come from elsewhere.
            None => Drawn::Value(self.values.last().unwrap_or_else(|| &self.rare[0])),
        }
    }

    /// Whether a file can hold it.
    pub(super) fn is_possible(&self) -> bool {
        match &self.body {
            None => self.values.len() + self.rare.len() > 1,
            Some(Body::Ranks(ranks, _)) => ranks.is_possible(),
            Some(Body::Modes(modes)) => {
                !modes.is_empty() && modes.iter().all(|mode| mode.mean.is_finite() && mode.deviation > 0.0)
            }
        }
    }
}
