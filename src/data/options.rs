//! The options of opening a data set.

use std::fmt::Display;

use super::Series;
use crate::error::{Error, Result};
use crate::settings::{Decimal, Encode, Fit, Layout, Range, Scale, Separator, Size, Tokens, Voices};

/// Which part of a set to open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Split {
    /// The examples to learn from.
    #[default]
    Train,
    /// Held-out examples of the same kind, to test with.
    Test,
}

/// The options of opening a set.
#[derive(Clone, Debug)]
pub struct Options {
    /// Size of the images. `None`: images keep their size (in a folder: 64).
    pub size: Option<Size>,
    /// How images of other proportions are brought to the size. `None`: cropped; arrays that are at most 8 pixels
    /// smaller are padded.
    pub fit: Option<Fit>,
    /// 1 for grey, 3 for RGB, and one more with alpha. `None`: as stored.
    pub channels: Option<usize>,
    /// Whether image files keep their transparency as a channel, if any has some; if not, they lie on white. `None`: if
    /// a tenth of them or more have some.
    pub alpha: Option<bool>,
    /// Whether draws of the images to learn from are mirrored at random.
    pub mirror: bool,
    /// 1, or 3 to make RGB examples of three grey items each.
    pub stack: usize,
    /// Steps of a sequence, 2 to 65,536. `None`: a table holds points, symbols come in windows of 64, lines
    /// have the length of the longest, and drawn sequences that of their definition.
    pub window: Option<usize>,
    /// Steps from one window to the next. `None`: 1 for tables and half a window for symbols.
    pub stride: Option<usize>,
    /// Whether items of a packed file stay there, to be read one by one. `None`: if they take more memory than data
    /// may.
    pub stream: Option<bool>,
    /// Seed of the drawn sets and of the choice of held-out examples.
    pub seed: u64,
    /// Which part to open.
    pub split: Split,
    /// Whether the part to test with is replaced by the data's own part to choose checkpoints with, where it has one:
    /// the folder `valid` beside `train` and `test`, the array `validdata` of a MATLAB file.
    pub chooses: bool,
    /// The kind of examples that the model takes. This decides between several readings of one file.
    pub wanted: Wanted,
    /// The layout of the examples. `None`: recognised from the data.
    pub layout: Option<Layout>,
    /// Whether folders, files and members named train and test are parts of the data. `false`: the names have no such
    /// meaning.
    pub parts: bool,
    /// Whether examples have the classes that folders or labels give them. `false`: all are one set without classes.
    pub classes: bool,
    /// Whether few examples have a label: -1 stands for none.
    pub few_labels: bool,
    /// Share of the examples to hold out if the data has no test part, 0 to 0.9. Of series the last ones are held out,
    /// or whole series if they are short; `seed` chooses among other examples.
    pub holdout: f32,
    /// The values of black and white. `None`: found from the values.
    pub range: Option<Range>,
    /// Whether a table's first row holds names. `None`: found from the cells.
    pub header: Option<bool>,
    /// The separator between cells. `None`: found from the first rows.
    pub separator: Option<Separator>,
    /// The decimal mark. `None`: found from the cells.
    pub decimal: Option<Decimal>,
    /// Names of the columns to learn, separated by commas. `None`: all columns of measured numbers.
    pub columns: Option<String>,
    /// Name of the column that identifies the series of a row, or `none`. `None`: found from the names and the cells.
    pub group: Option<String>,
    /// Whether what is the same in all rows of a series is learned with it.
    pub statics: bool,
    /// How the rows of a table are encoded. `None`: as plain numbers, if they are; else by ranks.
    pub encode: Option<Encode>,
    /// Types of columns, `COLUMN=TYPE` separated by commas. `None`: found from the cells.
    pub types: Option<String>,
    /// Whether columns that follow from others are computed.
    pub derive: bool,
    /// Cells that are gaps, separated by commas. `None`: the usual marks.
    pub missing: Option<String>,
    /// Most values of a category that are learned one by one.
    pub levels: usize,
    /// Rows that a value of a category has at least; rarer ones are one.
    pub rare: usize,
    /// Whether rows are drawn by the values of their categories, and each goes with that value.
    pub by_value: bool,
    /// Scaling of the columns of points. `None`: mean 0 and deviation 1. Sequences are always scaled to 0 to 1.
    pub scale: Option<Scale>,
    /// What the symbols of a text are.
    pub tokens: Tokens,
    /// The number of words or byte pairs in the alphabet of a text. 0: 10,000 words, 2,000 byte pairs.
    pub vocabulary: usize,
    /// Whether each line of a text is a sequence of its own.
    pub lines: bool,
    /// The encoding of texts and tables, by any of its names on the web. `None`: by its mark, or guessed.
    pub encoding: Option<String>,
    /// Voices of music. The highest one is a melody of symbols, all are a roll.
    pub voices: Voices,
    /// Steps of a quarter note in music. `None`: 4, and 1 for matrices of rolls.
    pub steps_per_beat: Option<usize>,
    /// Whether the part of music to learn from also has each piece moved by -5 to 6 half tones.
    pub transpose: bool,
    /// What is known from a training, so that nothing is learned from the files. The set then also says of each item
    /// where it comes from ([`About::names`](super::About), `rows`).
    pub known: Option<Known>,
}

/// What a trained model knows of its data, by which other files are read for it.
#[derive(Clone, Debug)]
pub struct Known {
    /// Columns with their scales, or the alphabet; `None` of images.
    pub series: Option<Series>,
    /// The values of black and white, as the report on the data has them; empty if there was no choice to make.
    pub range: String,
}

/// The kind of examples that a model takes.
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
            fit: None,
            channels: None,
            alpha: None,
            mirror: false,
            stack: 1,
            window: None,
            stride: None,
            stream: None,
            seed: 0,
            split: Split::Train,
            chooses: false,
            wanted: Wanted::Any,
            layout: None,
            parts: true,
            classes: true,
            holdout: 0.0,
            range: None,
            header: None,
            separator: None,
            decimal: None,
            columns: None,
            group: None,
            statics: true,
            encode: None,
            types: None,
            derive: true,
            missing: None,
            levels: 200,
            rare: 0,
            by_value: false,
            few_labels: false,
            scale: None,
            tokens: Tokens::Characters,
            vocabulary: 0,
            lines: false,
            encoding: None,
            voices: Voices::Highest,
            steps_per_beat: None,
            transpose: false,
            known: None,
        }
    }
}

/// The kind of data, as far as some settings apply to one kind only.
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
    /// Lines of text, each a sequence of its own.
    Lines,
    Melodies,
    /// Piano rolls of all voices.
    Rolls,
}

/// A setting: its name, its purpose in words, whether it is set, and the kinds of data that it applies to.
type Concern = (&'static str, &'static str, fn(&Options) -> bool, &'static [Holds]);

const IMAGES: &[Holds] = &[Holds::DrawnImages, Holds::Images];
const TABLES: &[Holds] = &[Holds::Rows, Holds::Windows];
const TEXTS: &[Holds] = &[Holds::Text, Holds::Lines];
const MUSIC: &[Holds] = &[Holds::Melodies, Holds::Rolls];
const CUT: &str = "tables, text and music";

/// The settings that apply to some kinds of data only.
const CONCERNS: [Concern; 26] = [
    ("size", "images", |options| options.size.is_some(), IMAGES),
    ("fit", "images of files", |options| options.fit.is_some(), &[Holds::Images]),
    ("channels", "images", |options| options.channels.is_some(), IMAGES),
    ("mirror", "images", |options| options.mirror, IMAGES),
    (
        "classes",
        "data with classes",
        |options| !options.classes,
        &[Holds::DrawnImages, Holds::Images, Holds::Points, Holds::Sequences],
    ),
    ("stack", "images", |options| options.stack != 1, IMAGES),
    ("range", "images of files", |options| options.range.is_some(), &[Holds::Images]),
    (
        "window",
        CUT,
        |options| options.window.is_some(),
        &[Holds::DrawnSequences, Holds::Windows, Holds::Text, Holds::Lines, Holds::Melodies, Holds::Rolls],
    ),
    ("stride", CUT, |options| options.stride.is_some(), &[Holds::Windows, Holds::Text, Holds::Melodies, Holds::Rolls]),
    // Older runs had only one scale, so a run records this setting for every kind of data.
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
    ("encode", "rows of tables", |options| options.encode.is_some_and(|encode| encode != Encode::None), &[Holds::Rows]),
    ("types", "rows of tables", |options| options.types.is_some(), &[Holds::Rows]),
    ("missing", "rows of tables", |options| options.missing.is_some(), &[Holds::Rows]),
    ("rare", "rows of tables", |options| options.rare > 0, &[Holds::Rows]),
    ("tokens", "text", |options| options.tokens != Tokens::Characters, TEXTS),
    ("vocabulary", "text", |options| options.vocabulary != 0, TEXTS),
    ("lines", "text", |options| options.lines, TEXTS),
    (
        "encoding",
        "text and tables",
        |options| options.encoding.is_some(),
        &[Holds::Rows, Holds::Windows, Holds::Text, Holds::Lines],
    ),
    ("voices", "music", |options| options.voices != Voices::Highest, MUSIC),
    ("steps_per_beat", "music", |options| options.steps_per_beat.is_some(), MUSIC),
    ("transpose", "music", |options| options.transpose, MUSIC),
];

impl Holds {
    pub fn layout(self) -> Layout {
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
            Self::Lines => "lines of text",
            Self::Melodies => "melodies",
            Self::Rolls => "piano rolls",
            Self::Images | Self::Points | Self::Rows | Self::Windows => self.layout().word(),
        }
    }
}

impl Options {
    /// Whether a setting says that a file of text holds a table.
    pub(super) fn is_of_table(&self) -> bool {
        let is_for_tables = |data: &[Holds]| data.iter().all(|holds| TABLES.contains(holds));
        CONCERNS.iter().any(|(_, _, is_set, data)| is_for_tables(data) && is_set(self))
    }

    /// Whether the transparency of image files becomes a channel, if `transparent` of `all` of them have some.
    pub(super) fn keeps_alpha(&self, transparent: usize, all: usize) -> bool {
        /// One in so many is no stray file.
        const SHARE: usize = 10;
        match (self.channels, self.alpha) {
            (Some(channels), _) => channels.is_multiple_of(2),
            (None, Some(keeps)) => keeps && transparent > 0,
            (None, None) => transparent > 0 && SHARE * transparent >= all,
        }
    }

    /// Refuses a layout other than that of the examples in `place`, and settings that do not apply to them.
    pub(super) fn check(&self, place: &dyn Display, holds: Holds) -> Result<()> {
        let layout = holds.layout();
        if let Some(asked) = self.layout.filter(|asked| *asked != layout) {
            return Err(Error::usage(format!(
                "{place} holds {}, and layout={} asks for other examples",
                holds.word(),
                asked.word()
            )));
        }
        // The settings are those of the data that was learned from, which may have come in another form.
        if self.known.is_some() {
            return Ok(());
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

    /// The known meaning of examples, if there is one.
    pub(super) fn known_series(&self) -> Option<&Series> {
        self.known.as_ref()?.series.as_ref()
    }

    /// How columns are scaled. Sequences are always scaled by their ranges, because models of sequences end in 0 to 1.
    pub(super) fn scale_of(&self, is_series: bool) -> Scale {
        if is_series { Scale::Range } else { self.scale.unwrap_or(Scale::Standard) }
    }
}
