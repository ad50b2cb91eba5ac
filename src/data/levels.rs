//! The values of black and white in images, and the conversion of grey levels to bytes.

use std::fmt::Display;

use crate::error::{Error, Result};
use crate::settings::Range;

/// Candidate ranges, narrowest first: the first that contains the values is chosen.
const RANGES: [Range; 4] = [Range::Unit, Range::Symmetric, Range::Byte, Range::Word];
/// Maximum share of an image's values that may lie beyond a range, as from resampling around lines on black; and their
/// maximum distance, as a share of the range. Images whose range is -1 to 1 have values farther below 0.
const OVERSHOOT: f64 = 0.4;
const FAR: f64 = 0.25;
/// Maximum share of values that may lie anywhere, such as dead pixels; from `SOME` values on, at least one value may.
const STRAY: f64 = 1e-4;
const SOME: usize = 1000;
/// Images are nearly black if at most one pixel in `SPECKS` is brighter than `NEARLY_BLACK`, of 255.
const NEARLY_BLACK: u8 = 64;
const SPECKS: usize = 100_000;

/// The values of black and white.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Levels {
    pub black: f64,
    pub white: f64,
    /// The range and the reason for it, for the user.
    pub said: String,
}

impl Levels {
    /// The range in the options, else the narrowest that contains the values. `is_whole`: their type has no fractions.
    ///
    /// # Errors
    /// `Failure` for values that no range contains.
    pub fn of(
        place: &dyn Display,
        values: impl Iterator<Item = f64> + Clone,
        is_whole: bool,
        range: Option<Range>,
    ) -> Result<Self> {
        let ends = || values.clone().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        if let Some(range) = range {
            let (black, white) = limits(range).unwrap_or_else(ends);
            let said = match range {
                Range::Data => format!("{black}..{white}, the least and the greatest"),
                named => format!("{}, as `range` says", named.word()),
            };
            return Ok(Self { black, white, said });
        }
        let mut fits = RANGES.iter().map(|&range| Fit::of(range, values.clone(), is_whole));
        let found = fits.find(|fit| if is_whole { fit.beyond == 0 } else { fit.is_likely() });
        let Some(fit) = found else {
            let (low, high) = ends();
            return Err(Error::failure(format!(
                "{place} has pixels from {low} to {high}: say what is black and white with `--set range=data`, 0..1, \
                 -1..1, 0..255 or 0..65535"
            )));
        };
        let why = match fit.beyond {
            0 if is_whole && fit.range == Range::Unit => "as there is nothing but 0 and 1".to_owned(),
            0 => "as all values lie in it".to_owned(),
            some => format!("as all but {some} of {} values lie in it; these are cut off", fit.count),
        };
        Ok(Self { black: fit.low, white: fit.high, said: format!("{}, {why}", fit.range.word()) })
    }

    /// The levels of a report on data, such as `0..1, as all values lie in it`; `None` if it names none.
    pub fn known(said: &str) -> Option<Self> {
        let (black, white) = said.split(',').next()?.split_once("..")?;
        Some(Self { black: black.parse().ok()?, white: white.parse().ok()?, said: said.to_owned() })
    }

    /// A value as a byte: 0 for black and below, 255 for white and above.
    pub fn byte(&self, value: f64) -> u8 {
        let width = self.white - self.black;
        let share = if width > 0.0 { (value - self.black) / width } else { 0.0 };
        (share * 255.0).round() as u8
    }
}

fn limits(range: Range) -> Option<(f64, f64)> {
    match range {
        Range::Unit => Some((0.0, 1.0)),
        Range::Symmetric => Some((-1.0, 1.0)),
        Range::Byte => Some((0.0, 255.0)),
        Range::Word => Some((0.0, 65535.0)),
        Range::Data => None,
    }
}

/// How well a range contains the values.
struct Fit {
    range: Range,
    low: f64,
    high: f64,
    count: usize,
    beyond: usize,
    far: usize,
    greatest: f64,
}

impl Fit {
    /// Counts values inside and outside a range. For whole numbers, counting stops at the first outside.
    fn of(range: Range, values: impl Iterator<Item = f64>, is_whole: bool) -> Self {
        let (low, high) = limits(range).unwrap_or((0.0, 1.0));
        let slack = FAR * (high - low);
        let mut fit = Self { range, low, high, count: 0, beyond: 0, far: 0, greatest: f64::NEG_INFINITY };
        for value in values {
            fit.count += 1;
            fit.greatest = fit.greatest.max(value);
            fit.beyond += usize::from(value < low || value > high);
            fit.far += usize::from(value < low - slack || value > high + slack);
            if is_whole && fit.beyond > 0 {
                break;
            }
        }
        fit
    }

    /// Whether resampling and a few dead pixels explain all values outside the range.
    fn is_likely(&self) -> bool {
        let strays = if self.count < SOME { 0 } else { ((self.count as f64 * STRAY) as usize).max(1) };
        // Values that all lie in a narrower range do not belong to a wider one.
        let narrower = match self.range {
            Range::Byte => 1.0,
            Range::Word => 255.0,
            _ => f64::NEG_INFINITY,
        };
        self.beyond as f64 <= (self.count as f64 * OVERSHOOT).max(1.0) && self.far <= strays && self.greatest > narrower
    }
}

/// The note on images that look black: masks of 0 and 1, or 12 bits stored in 16.
pub(super) fn darkness(pixels: &[u8]) -> Option<String> {
    let bright = pixels.iter().filter(|&&byte| byte > NEARLY_BLACK).count();
    let is_dark = bright <= pixels.len() / SPECKS && !pixels.is_empty();
    let brightest = || pixels.iter().filter(|&&byte| byte <= NEARLY_BLACK).max().copied().unwrap_or(0);
    is_dark.then(|| {
        format!(
            "warning: the images are all nearly black, as hardly a pixel is above {} of 255; they are used as they \
             are: `--set range=data` stretches what is there to black and white",
            brightest()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(values: &[f64], is_whole: bool) -> String {
        Levels::of(&"a", values.iter().copied(), is_whole, None).map_or_else(|e| e.to_string(), |levels| levels.said)
    }

    #[test]
    fn more_than_one_value_decides_the_range() {
        let many = |value: f64, other: f64, count: usize| -> Vec<f64> {
            (0..2000).map(|i| if i < count { other } else { value * f64::from(i as u32 % 11) / 10.0 }).collect()
        };
        let symmetric = |share: usize| (0..2000).map(|i| if i < share { -1.0 } else { 1.0 }).collect::<Vec<f64>>();
        let cases: [(Vec<f64>, bool, &str); 14] = [
            (many(1.0, 0.0, 0), false, "0..1, as all values"),
            (many(1.0, -1e-6, 1), false, "0..1, as all but 1 of 2000"),
            (many(1.0, 1.1, 60), false, "0..1, as all but 60"),
            (many(1.0, 9.0, 1), false, "0..1, as all but 1"),
            (symmetric(60), false, "-1..1, as all values"),
            (symmetric(1900), false, "-1..1, as all values"),
            (many(255.0, 0.0, 0), false, "0..255, as all values"),
            (many(255.0, 258.0, 9), false, "0..255, as all but 9"),
            (many(40_000.0, 0.0, 0), false, "0..65535"),
            (many(1.0, -9.0, 500), false, "say what is black and white"),
            (vec![0.0, 1.0, 1.0], true, "0..1, as there is nothing but 0 and 1"),
            (vec![-1.0, 1.0], true, "-1..1"),
            (vec![0.0, 2.0], true, "0..255"),
            (vec![0.0, 4095.0], true, "0..65535"),
        ];
        for (values, is_whole, expected) in cases {
            let said = said(&values, is_whole);
            assert!(said.contains(expected), "{expected}: {said}");
        }
    }

    #[test]
    fn what_lies_beyond_is_cut_off() {
        let levels = Levels::of(&"a", [0.0, 1.0].into_iter(), false, Some(Range::Unit)).unwrap();
        assert_eq!([-5.0, 0.0, 0.5, 1.0, 1.2].map(|value| levels.byte(value)), [0, 0, 128, 255, 255]);
        let flat = Levels::of(&"a", [3.0, 3.0].into_iter(), false, Some(Range::Data)).unwrap();
        assert_eq!(flat.byte(3.0), 0);
    }

    #[test]
    fn darkness_is_noticed() {
        assert!(darkness(&[0, 1, 1, 0]).unwrap().contains("above 1 of 255"));
        assert!(darkness(&[0, 15, 63]).is_some());
        assert!(darkness(&[0, 0, 200]).is_none());
    }
}
