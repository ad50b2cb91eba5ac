//! How a data set is opened.

use std::fmt::Display;

use crate::error::{Error, Result};
use crate::settings::{Decimal, Layout, Range, Scale, Separator};

/// Which part of a set to open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Split {
    /// The examples to learn from.
    #[default]
    Train,
    /// Others of the same kind, held out.
    Test,
}

/// How to open a set.
#[derive(Clone, Debug)]
pub struct Options {
    /// Side of the square images, 1 to 1024; without it images keep their size (folders: 64).
    pub size: Option<usize>,
    /// 1 for grey, 3 for RGB; without it as stored.
    pub channels: Option<usize>,
    /// 1, or 3 to make RGB examples of three grey items each.
    pub stack: usize,
    /// Steps of a sequence, 2 to 65,536; without it a table holds points, symbols come in windows of 64, and drawn
    /// sequences have the length of their definition.
    pub window: Option<usize>,
    /// Steps from one window to the next; without it 1 for tables and half a window for symbols.
    pub stride: Option<usize>,
    /// Seed of the drawn sets, and of the choice of what is held out.
    pub seed: u64,
    /// Which part to open.
    pub split: Split,
    /// What the model learns from: it decides between several readings of one file.
    pub wanted: Wanted,
    /// What the examples are, whatever else they look like.
    pub layout: Option<Layout>,
    /// Whether folders, files and members named train and test are parts of the data; else they are like any other.
    pub parts: bool,
    /// Share of the examples that is held out where the data has no part to test with, 0 to 0.9: the last ones of a
    /// series, else drawn by `seed`.
    pub holdout: f32,
    /// The values of black and white; without it by what occurs.
    pub range: Option<Range>,
    /// Whether a table's first row holds names; without it by what it looks like.
    pub header: Option<bool>,
    /// What stands between cells; without it by what the first rows look like.
    pub separator: Option<Separator>,
    /// What stands before decimals; without it by what the cells look like.
    pub decimal: Option<Decimal>,
    /// Names of the columns to learn, with commas between them; without it all that measure something.
    pub columns: Option<String>,
    /// Name of the column that says which series a row belongs to, or `none`; without it one that looks like it.
    pub group: Option<String>,
    /// Scaling of columns; without it mean 0 and deviation 1 for points, 0 to 1 for sequences.
    pub scale: Option<Scale>,
}

/// What a model learns from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wanted {
    /// Anything.
    #[default]
    Any,
    /// Images or points.
    Single,
    /// Sequences.
    Sequences,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            size: None,
            channels: None,
            stack: 1,
            window: None,
            stride: None,
            seed: 0,
            split: Split::Train,
            wanted: Wanted::Any,
            layout: None,
            parts: true,
            holdout: 0.0,
            range: None,
            header: None,
            separator: None,
            decimal: None,
            columns: None,
            group: None,
            scale: None,
        }
    }
}

/// What data holds, as far as settings are for some of it only.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Holds {
    DrawnImages,
    DrawnPoints,
    DrawnSequences,
    /// Images of files.
    Images,
    /// Points of arrays.
    Points,
    /// Sequences of arrays.
    Sequences,
    /// Points of tables.
    Rows,
    /// Sequences cut from tables.
    Windows,
    Text,
    Melodies,
}

/// A setting: its name, what it is for in words, whether it is set, and what it is for.
type Concern = (&'static str, &'static str, fn(&Options) -> bool, &'static [Holds]);

const IMAGES: &[Holds] = &[Holds::DrawnImages, Holds::Images];
const TABLES: &[Holds] = &[Holds::Rows, Holds::Windows];
const CUT: &str = "tables, text and melodies";

/// The settings that are not for all data.
const CONCERNS: [Concern; 12] = [
    ("size", "images", |options| options.size.is_some(), IMAGES),
    ("channels", "images", |options| options.channels.is_some(), IMAGES),
    ("stack", "images", |options| options.stack != 1, IMAGES),
    ("range", "images of files", |options| options.range.is_some(), &[Holds::Images]),
    (
        "window",
        CUT,
        |options| options.window.is_some(),
        &[Holds::DrawnSequences, Holds::Windows, Holds::Text, Holds::Melodies],
    ),
    ("stride", CUT, |options| options.stride.is_some(), &[Holds::Windows, Holds::Text, Holds::Melodies]),
    // Older runs had no other scale: there it is on record whatever the data is.
    (
        "scale",
        "numbers of files",
        |options| options.scale.is_some_and(|scale| scale != Scale::None),
        &[Holds::Points, Holds::Sequences, Holds::Rows, Holds::Windows],
    ),
    ("header", "tables", |options| options.header.is_some(), TABLES),
    ("separator", "tables", |options| options.separator.is_some(), TABLES),
    ("decimal", "tables", |options| options.decimal.is_some(), TABLES),
    ("columns", "tables", |options| options.columns.is_some(), TABLES),
    ("group", "tables", |options| options.group.is_some(), TABLES),
];

impl Holds {
    fn layout(self) -> Layout {
        match self {
            Self::DrawnImages | Self::Images => Layout::Images,
            Self::DrawnPoints | Self::Points | Self::Rows => Layout::Points,
            _ => Layout::Sequences,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::DrawnImages => "drawn images",
            Self::DrawnPoints => "drawn points",
            Self::DrawnSequences => "drawn sequences",
            Self::Sequences => "sequences of one length",
            Self::Text => "text",
            Self::Melodies => "melodies",
            Self::Images | Self::Points | Self::Rows | Self::Windows => self.layout().word(),
        }
    }
}

impl Options {
    /// Refuses another layout than that of the examples in `place`, and settings that are not for them.
    pub(super) fn check(&self, place: &dyn Display, holds: Holds) -> Result<()> {
        let layout = holds.layout();
        if let Some(asked) = self.layout.filter(|asked| *asked != layout) {
            return Err(Error::usage(format!(
                "{place} holds {}, and layout={} asks for other examples",
                holds.word(),
                asked.word()
            )));
        }
        if layout == Layout::Sequences && self.scale == Some(Scale::Standard) {
            return Err(Error::usage(
                "scale=standard is for points: sequences are learned between 0 and 1, scale=range",
            ));
        }
        let wrong = CONCERNS.iter().filter(|(_, _, is_set, data)| is_set(self) && !data.contains(&holds));
        let wrong: Vec<String> = wrong.map(|(name, what, ..)| format!("{name}, which is for {what}")).collect();
        match wrong.is_empty() {
            true => Ok(()),
            false => Err(Error::usage(format!("{place} holds {}: leave out {}", holds.word(), wrong.join("; ")))),
        }
    }

    /// How columns are scaled: sequences by their ranges whatever is set, as models end in 0 to 1.
    pub(super) fn scale_of(&self, is_series: bool) -> Scale {
        if is_series { Scale::Range } else { self.scale.unwrap_or(Scale::Standard) }
    }
}
