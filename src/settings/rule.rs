//! The values that a setting accepts, and how they are read from text and written back.

use std::fmt;

use serde::{Serialize, Serializer};

use super::augment::Augment;

/// The largest whole number of a setting: TOML's integers are signed 64-bit.
pub(super) const MAX: u64 = i64::MAX as u64;

/// The least and the largest side of images, in pixels; also the largest side of a picture.
const MIN_SIDE: usize = 4;
const MAX_SIDE: usize = 16_384;

/// The text that stands for `None`.
pub(super) const AUTO: &str = "auto";

/// The values that a setting accepts.
#[derive(Debug, Clone, Copy)]
pub enum Rule {
    /// Any text but the empty one.
    Text,
    /// `true` or `false`.
    Switch,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A whole number from the first number to the second.
    Whole(u64, u64),
    /// A finite number, 0 or more and below this.
    Below(f32),
    /// A list of layer widths.
    Widths,
    /// A [`Size`] of images.
    Size,
    /// An [`Augment`].
    Augment,
    /// `auto`, or what the inner rule accepts.
    Auto(&'static Rule),
}

/// Signs that stand for words of settings: separators and decimal marks.
pub const SIGNS: [(&str, &str); 6] =
    [(",", "comma"), (";", "semicolon"), ("\t", "tab"), ("|", "pipe"), (" ", "blank"), (".", "point")];

impl Rule {
    /// Whether `text` is an acceptable value.
    pub fn accepts(&self, text: &str) -> bool {
        let whole = |range: std::ops::RangeInclusive<u64>| text.parse().is_ok_and(|n: u64| range.contains(&n));
        match *self {
            Self::Text => !text.is_empty(),
            Self::Switch => bool::parse(text).is_some(),
            Self::OneOf(words) => words.contains(&text),
            Self::Whole(min, max) => whole(min..=max),
            Self::Below(limit) => f32::parse(text).is_some_and(|x| x >= 0.0 && x < limit),
            Self::Widths => Vec::<usize>::parse(text)
                .is_some_and(|widths| widths.len() <= 16 && widths.iter().all(|width| (1..=65536).contains(width))),
            Self::Size => Size::parse(text)
                .is_some_and(|size| [size.width, size.height].iter().all(|side| (MIN_SIDE..=MAX_SIDE).contains(side))),
            Self::Augment => Augment::parse(text).is_some(),
            Self::Auto(inner) => text == AUTO || inner.accepts(text),
        }
    }

    /// Some accepted values, or all of them if they are words, for trying out a setting.
    pub fn examples(&self) -> Vec<String> {
        let some = |values: &[&str]| -> Vec<String> { values.iter().map(|value| value.to_string()).collect() };
        let all = match *self {
            Self::Text => some(&[]),
            Self::Below(_) => some(&["0", "0.01", "0.3"]),
            Self::Whole(min, max) => (min..=max.min(min.saturating_add(2))).map(|n| n.to_string()).collect(),
            Self::Widths => some(&["7", "7,5"]),
            Self::Size => some(&["16", "24x16"]),
            Self::Augment => some(&["colour", "adaptive", "translation,cutout"]),
            Self::Auto(inner) => [some(&[AUTO]), inner.examples()].concat(),
            Self::OneOf(_) | Self::Switch => some(self.words()),
        };
        all.into_iter().filter(|text| self.accepts(text)).collect()
    }

    /// The accepted values in words, to follow "takes".
    pub fn describe(&self) -> String {
        match *self {
            Self::Text => "a name".into(),
            Self::Switch => "true or false".into(),
            Self::OneOf(words) => match words {
                [first @ .., last] if !first.is_empty() => {
                    format!("{} or {last}", first.join(", "))
                }
                _ => words.concat(),
            },
            Self::Whole(min, MAX) => format!("a whole number, {min} or more"),
            Self::Whole(min, max) => format!("a whole number from {min} to {max}"),
            Self::Below(f32::INFINITY) => "a number, 0 or more".into(),
            Self::Below(limit) => format!("a number from 0 up to but not {limit}"),
            Self::Widths => "1 to 16 widths such as 256,512, each from 1 to 65536".into(),
            Self::Size => {
                format!("a side in pixels or WIDTHxHEIGHT, such as 64 or 192x128, from {MIN_SIDE} to {MAX_SIDE}")
            }
            Self::Augment => Augment::describe(),
            Self::Auto(inner) => format!("{AUTO} or {}", inner.describe()),
        }
    }

    /// The words among the accepted values.
    pub fn words(&self) -> &'static [&'static str] {
        match *self {
            Self::OneOf(words) => words,
            Self::Switch => &["true", "false"],
            Self::Augment => Augment::WORDS,
            Self::Auto(_) => &[AUTO],
            _ => &[],
        }
    }
}

/// A setting's type: read from text, written as text, written as TOML.
pub(super) trait Value: Sized {
    fn parse(text: &str) -> Option<Self>;
    fn text(&self) -> String;
    fn toml(&self) -> String {
        self.text()
    }
}

macro_rules! plain_values {
    ($($type:ty),*) => {$(
        impl Value for $type {
            fn parse(text: &str) -> Option<Self> {
                text.parse().ok()
            }
            fn text(&self) -> String {
                self.to_string()
            }
        }
    )*};
}
plain_values!(u64, usize, bool);

impl Value for f32 {
    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }
    fn text(&self) -> String {
        format!("{self:?}")
    }
}

impl Value for String {
    fn parse(text: &str) -> Option<Self> {
        Some(text.into())
    }
    fn text(&self) -> String {
        self.clone()
    }
    fn toml(&self) -> String {
        toml::Value::from(self.as_str()).to_string()
    }
}

impl<T: Value> Value for Option<T> {
    fn parse(text: &str) -> Option<Self> {
        if text == AUTO { Some(None) } else { T::parse(text).map(Some) }
    }
    fn text(&self) -> String {
        self.as_ref().map_or(AUTO.into(), T::text)
    }
    fn toml(&self) -> String {
        self.as_ref().map_or_else(|| AUTO.to_string().toml(), T::toml)
    }
}

impl Value for Vec<usize> {
    fn parse(text: &str) -> Option<Self> {
        text.split(',').map(|width| width.trim().parse().ok()).collect()
    }
    fn text(&self) -> String {
        self.iter().map(usize::to_string).collect::<Vec<_>>().join(",")
    }
    fn toml(&self) -> String {
        format!("[{}]", self.iter().map(usize::to_string).collect::<Vec<_>>().join(", "))
    }
}

/// Width and height of images in pixels. As text: one number for squares, else `WIDTHxHEIGHT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Pixels from left to right.
    pub width: usize,
    /// Pixels from top to bottom.
    pub height: usize,
}

impl From<usize> for Size {
    /// A square of this side.
    fn from(side: usize) -> Self {
        Self { width: side, height: side }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.width == self.height {
            true => write!(f, "{}", self.width),
            false => write!(f, "{}x{}", self.width, self.height),
        }
    }
}

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.width == self.height {
            true => self.width.serialize(serializer),
            false => self.to_string().serialize(serializer),
        }
    }
}

impl Value for Size {
    fn parse(text: &str) -> Option<Self> {
        match text.split_once('x') {
            Some((width, height)) => Some(Self { width: width.parse().ok()?, height: height.parse().ok()? }),
            None => text.parse::<usize>().ok().map(Self::from),
        }
    }
    fn text(&self) -> String {
        self.to_string()
    }
    fn toml(&self) -> String {
        if self.width == self.height { self.text() } else { self.text().toml() }
    }
}
