//! Values of options, and their help.

use clap::builder::RangedU64ValueParser;

use crate::{eval::inception::Resize, settings::Settings};

/// A number from 0 to 1.
pub(super) fn from_0_to_1(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|x: &f64| (0.0..=1.0).contains(x));
    number.ok_or_else(|| "a number from 0 to 1 is right".into())
}

/// A finite number, 0 or more.
pub(super) fn at_least_zero(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|x: &f64| x.is_finite() && *x >= 0.0);
    number.ok_or_else(|| "a number, 0 or more, is right".into())
}

/// A number above 0 and at most 1.
pub(super) fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| *share > 0.0 && *share <= 1.0);
    share.ok_or_else(|| "a share is a number above 0 and at most 1".into())
}

/// The help line of the flag that sets `key`.
pub(super) fn help(key: &str) -> String {
    let key = Settings::describe().iter().find(|candidate| candidate.name == key);
    key.map_or(String::new(), |key| format!("{} [default: {}]", key.help, key.default))
}

/// Whole numbers from `least` to `most`.
pub(super) fn numbers(least: u64, most: u64) -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(least..=most)
}

/// A number of minutes above 0, a year at most.
pub(super) fn minutes(text: &str) -> Result<f64, String> {
    let minutes = text.parse().ok().filter(|minutes| *minutes > 0.0 && *minutes <= 366.0 * 24.0 * 60.0);
    minutes.ok_or_else(|| "a number of minutes above 0 is right".into())
}

/// The tool whose resize it is.
pub(super) fn resize(text: &str) -> Result<Resize, String> {
    let named = Resize::ALL.into_iter().find(|resize| resize.name() == text);
    named.ok_or_else(|| format!("{} is right", Resize::ALL.map(Resize::name).join(", ")))
}
