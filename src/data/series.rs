//! The meaning of points and sequences outside the model (columns with units, or symbols), and export of generated
//! ones.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use unicode_normalization::UnicodeNormalization;

use super::dialect::byte;
use super::frame::Frame;
use super::music::{Chord, KEYS, Music, pitch_name};
use super::records::{Records, Style};
use super::statics::Static;
use super::tokens::{self, Spelling, Writer};
use super::{bpe, pieces};
use crate::error::{Error, Result, nearest};
use crate::settings::{Decimal, Separator};

/// Most symbols that an error lists.
const LISTED: usize = 100;

/// The meaning of the features of points `[D]` and sequences `[T, F]`. A checkpoint stores it, so that samples can be
/// exported without the data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Series {
    /// Numbers; each feature is a column.
    Columns(Columns),
    /// Numbers of symbols of an alphabet.
    Symbols(Symbols),
    /// Keys of a piano, each 1 or 0.
    Roll(Roll),
    /// Choices and scalars; each example is a row of typed columns.
    Table(Records),
}

/// Columns of numbers, each scaled for the model: sequences by minimum and maximum, points by mean and deviation or as
/// the `scale` option says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Columns {
    /// The name of each column.
    pub names: Vec<String>,
    /// The value of each column, in the data's units, that the model sees as 0.
    #[serde(alias = "min")]
    pub zero: Vec<f64>,
    /// The value of each column, in the data's units, that the model sees as 1.
    #[serde(alias = "max")]
    pub one: Vec<f64>,
    /// Number of decimals to write the values of each column with; `None`: as many as the model can distinguish.
    #[serde(default)]
    pub decimals: Vec<Option<usize>>,
    /// How the file writes the numbers of each column, if some have units or marks between thousands.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub styles: Vec<Style>,
    /// The marks of the file that was read, which samples are written with too; `None`: commas, and decimal points.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marks: Option<(Separator, Decimal)>,
    /// What is the same at all steps of a sequence.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub statics: Vec<Static>,
    /// What stands beside the values of series in the file that was read, which samples have too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame: Option<Frame>,
}

/// An alphabet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Symbols {
    /// The name of each symbol: what it spells of a text; or `rest`, `hold` and the MIDI numbers of pitches (60 is
    /// middle C).
    pub names: Vec<String>,
    /// The kind of content that the symbols spell.
    pub kind: SymbolKind,
    /// What the symbols of a text spell.
    #[serde(default)]
    pub spelling: Spelling,
    /// The symbol that ends a sequence, and fills it up, if sequences are of different lengths; it is the last one.
    #[serde(default)]
    pub end: Option<u16>,
    /// How a melody is played; `None` for a text, and in checkpoints of earlier versions.
    #[serde(default)]
    pub music: Option<Music>,
}

/// A piano roll of all voices: at each step, which of the 88 keys sound and, after them, which begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roll {
    /// Whether it says which keys begin. Where it does not, a key that goes on sounding is held.
    pub begins: bool,
    /// How it is played.
    pub music: Music,
}

impl Roll {
    /// Number of values of a step.
    pub fn width(&self) -> usize {
        if self.begins { 2 * KEYS } else { KEYS }
    }
}

/// The names of the values of a step of a roll.
static KEY_NAMES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let names = || (0..KEYS).map(|key| pitch_name(21 + key));
    names().chain(names().map(|name| format!("{name} begins"))).collect()
});

/// The kind of content that symbols spell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SymbolKind {
    /// A text; `spelling` says what each symbol is.
    Text,
    /// A melody; each symbol is one step.
    Midi,
}

impl Series {
    /// The name of each feature, `F` names.
    pub fn names(&self) -> &[String] {
        match self {
            Self::Columns(columns) => &columns.names,
            Self::Symbols(symbols) => &symbols.names,
            Self::Roll(roll) => &KEY_NAMES[..roll.width()],
            Self::Table(records) => records.names(),
        }
    }

    /// The alphabet, if the sequences are pieces of text.
    pub fn text(&self) -> Option<&Symbols> {
        match self {
            Self::Symbols(symbols) if symbols.kind == SymbolKind::Text => Some(symbols),
            _ => None,
        }
    }

    /// How the sequences are played, if they are music.
    pub fn music(&self) -> Option<Music> {
        match self {
            Self::Symbols(symbols) if symbols.kind == SymbolKind::Midi => Some(symbols.music.unwrap_or_default()),
            Self::Roll(roll) => Some(roll.music),
            _ => None,
        }
    }

    /// `samples`, `[N, steps, F]` flat, or `[N, steps]` numbers of symbols, as pieces of music.
    ///
    /// # Errors
    /// `Usage` if they are no music; `Failure` if a symbol's name is no pitch, `rest` or `hold`.
    pub fn pieces(&self, samples: &[f32], steps: usize) -> Result<Vec<Vec<Chord>>> {
        match self {
            Self::Symbols(symbols) => {
                symbols.sequences(samples, steps).iter().map(|sequence| symbols.piece(sequence)).collect()
            }
            Self::Roll(roll) => {
                let width = roll.width();
                let chord = |step: &[f32]| Chord::of(width, |n| step[n] > 0.5);
                let piece = |sample: &[f32]| sample.chunks_exact(width).map(chord).collect();
                Ok(samples.chunks_exact((steps * width).max(1)).map(piece).collect())
            }
            Self::Columns(_) | Self::Table(_) => {
                Err(Error::usage("numbers are no music: use a file that ends in .csv or .npy"))
            }
        }
    }

    /// `samples`, `[N, steps, F]` flat, or `[N, steps]` numbers of symbols, as CSV: series, step, and each column in
    /// the data's units, or the name of the symbol, up to the end of a sequence.
    pub fn to_csv(&self, samples: &[f32], steps: usize) -> Vec<u8> {
        const SPACE: &str = "memory takes every row";
        let mut csv = writer(if let Self::Columns(columns) = self { columns.marks } else { None });
        let (columns, samples) = match self {
            Self::Columns(columns) => (columns.titles(), &*columns.settled(samples.to_vec(), steps)),
            Self::Symbols(_) => (vec!["symbol".to_owned()], samples),
            Self::Roll(_) | Self::Table(_) => (self.names().to_vec(), samples),
        };
        let frame = if let Self::Columns(columns) = self { columns.frame.as_ref() } else { None };
        let place = ["series", "step"].map(String::from).into_iter();
        let titles = frame.map_or_else(|| place.chain(columns.clone()).collect(), Frame::titles);
        csv.write_record(&titles).expect(SPACE);
        let width = if let Self::Symbols(_) = self { 1 } else { self.names().len().max(1) };
        let mut ended = None;
        for (i, values) in samples.chunks_exact(width).enumerate() {
            let (series, step) = (i / steps.max(1), i % steps.max(1));
            if matches!(self, Self::Symbols(symbols) if symbols.ends(values[0])) {
                ended = Some(series);
            }
            if ended == Some(series) {
                continue;
            }
            let cells = match self {
                Self::Columns(columns) => columns.written(values),
                Self::Symbols(symbols) => vec![symbols.names[symbols.known(values[0])].clone()],
                Self::Roll(_) | Self::Table(_) => values.iter().map(f32::to_string).collect(),
            };
            let place = [series, step].map(|number| number.to_string()).into_iter();
            let row = match frame {
                Some(frame) => frame.row(series, step, &cells),
                None => place.chain(cells).collect(),
            };
            csv.write_record(row).expect(SPACE);
        }
        csv.into_inner().expect(SPACE)
    }
}

impl Columns {
    /// One row, converted from the data's units to the model's.
    pub(super) fn seen(&self, row: impl Iterator<Item = f64>) -> impl Iterator<Item = f32> {
        row.enumerate().map(|(column, value)| self.seen_at(column, value))
    }

    /// A value of a column in the data's units, as the model sees it.
    pub(super) fn seen_at(&self, column: usize, value: f64) -> f32 {
        ((value - self.zero[column]) / (self.one[column] - self.zero[column])) as f32
    }

    /// A value of a column as the model sees it, in the data's units.
    pub fn value(&self, column: usize, seen: f32) -> f64 {
        let (zero, one) = (self.zero[column], self.one[column]);
        zero + f64::from(seen) * (one - zero)
    }

    /// `samples`, `[rows, columns]` flat, converted to the data's units.
    pub fn in_units(&self, samples: &[f32]) -> Vec<f64> {
        let rows = samples.chunks_exact(self.names.len().max(1));
        rows.flat_map(|row| self.cells(row)).map(|cell| cell.parse().unwrap_or(f64::NAN)).collect()
    }

    /// `points`, `[N, D]` flat, as CSV with each column in the data's units.
    pub fn to_csv(&self, points: &[f32]) -> Vec<u8> {
        const SPACE: &str = "memory takes every row";
        let mut csv = writer(self.marks);
        csv.write_record(&self.names).expect(SPACE);
        for row in points.chunks_exact(self.names.len().max(1)) {
            csv.write_record(self.written(row)).expect(SPACE);
        }
        csv.into_inner().expect(SPACE)
    }

    /// One row in the data's units, as the file writes numbers.
    fn written(&self, row: &[f32]) -> Vec<String> {
        let has_commas = self.marks.is_some_and(|(_, decimal)| decimal == Decimal::Comma);
        let cell = |(i, digits): (usize, String)| {
            let digits = if has_commas { digits.replace('.', ",") } else { digits };
            match self.styles.get(i) {
                Some(style) => style.dressed(digits),
                None => digits,
            }
        };
        self.merged(self.cells(row).into_iter().enumerate().map(cell).collect(), row)
    }

    /// One row in the data's units, as text.
    pub(super) fn cells(&self, row: &[f32]) -> Vec<String> {
        let cell = |(i, seen): (usize, &f32)| {
            let in_units = self.value(i, *seen);
            match self.decimals.get(i).copied().flatten().filter(|decimals| *decimals <= MAX_DECIMALS) {
                Some(decimals) => without_minus(format!("{in_units:.decimals$}")),
                None => {
                    let digits = told_decimals(self.one[i] - self.zero[i]);
                    let text = format!("{in_units:.digits$}");
                    let text = if digits > 0 { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
                    without_minus(text.to_owned())
                }
            }
        };
        row.iter().enumerate().map(cell).collect()
    }
}

/// A table to be written with these marks.
fn writer(marks: Option<(Separator, Decimal)>) -> csv::Writer<Vec<u8>> {
    let separator = marks.map_or(b',', |(separator, _)| byte(separator));
    csv::WriterBuilder::new().delimiter(separator).from_writer(vec![])
}

/// Largest number of measured decimals; more than this come from a computation.
const MAX_DECIMALS: usize = 9;

/// Number of decimals that a model can distinguish in a column that maps `range` to 0 to 1: f32 has 24 bits.
fn told_decimals(range: f64) -> usize {
    (-(range.abs() * f64::from(f32::EPSILON)).log10()).ceil().clamp(0.0, 300.0) as usize
}

/// A number's text, without the sign of a 0.
fn without_minus(text: String) -> String {
    match text.strip_prefix('-') {
        Some(digits) if digits.bytes().all(|byte| b"0.".contains(&byte)) => digits.to_owned(),
        _ => text,
    }
}

impl Symbols {
    /// An alphabet of single characters, or of a melody's steps, without an end.
    pub fn new(names: Vec<String>, kind: SymbolKind) -> Self {
        Self { names, kind, spelling: Spelling::default(), end: None, music: None }
    }

    /// The symbols of each of the sequences `samples`, `[N, steps]` numbers flat.
    pub fn sequences(&self, samples: &[f32], steps: usize) -> Vec<Vec<usize>> {
        samples.chunks_exact(steps.max(1)).map(|sample| sample.iter().map(|&id| self.known(id)).collect()).collect()
    }

    /// Whether the symbol with this number is the end of a sequence.
    fn ends(&self, number: f32) -> bool {
        self.end.is_some_and(|end| self.known(number) == usize::from(end))
    }

    /// The symbol with this number; the last one for greater numbers.
    fn known(&self, number: f32) -> usize {
        (number.max(0.0) as usize).min(self.names.len().saturating_sub(1))
    }

    /// One sequence, up to its end, as text; for a melody the names of its symbols with blanks between them.
    pub fn spelled(&self, sequence: &[usize]) -> String {
        let whole = sequence.split(|&id| self.end.is_some_and(|end| id == usize::from(end))).next();
        let names = whole.unwrap_or_default().iter().map(|&id| self.names[id].as_str());
        match self.kind {
            SymbolKind::Text => tokens::spelled(self.spelling, names),
            SymbolKind::Midi => names.collect::<Vec<_>>().join(" "),
        }
    }

    /// The part of a sequence that counts: its symbols up to the first end, with that.
    pub fn counted<'a>(&self, sequence: &'a [u16]) -> &'a [u16] {
        let end = sequence.iter().position(|id| Some(*id) == self.end);
        &sequence[..end.map_or(sequence.len(), |end| end + 1)]
    }

    /// The number of characters that a sequence spells, with implied spaces; an end counts as one, which it is in the
    /// file. Of a melody, the number of steps.
    pub fn characters(&self, sequence: &[u16]) -> usize {
        let counted = self.counted(sequence);
        if self.kind == SymbolKind::Midi {
            return counted.len();
        }
        let ids: Vec<usize> = counted.iter().copied().map(usize::from).collect();
        let ends = counted.last().is_some_and(|id| Some(*id) == self.end);
        self.spelled(&ids).chars().count() + usize::from(ends)
    }

    /// The noun of a symbol, for messages.
    pub fn noun(&self) -> &'static str {
        match self.kind {
            SymbolKind::Text => self.spelling.noun(),
            SymbolKind::Midi => "symbol",
        }
    }

    /// Sequences as a text file. If there are several, each has a line with its number above it; where lines are
    /// sequences, each is a line.
    pub fn to_text(&self, sequences: &[Vec<usize>]) -> String {
        let (count, mut text) = (sequences.len(), String::new());
        for (i, sequence) in sequences.iter().enumerate() {
            if count > 1 && self.end.is_none() {
                text += &format!("--- {} of {count}\n", i + 1);
            }
            text += &self.spelled(sequence);
            text.push('\n');
        }
        text
    }

    /// Sequences as text, each below its original, if there are any.
    pub fn beside(&self, sequences: &[Vec<usize>], originals: &[Vec<usize>]) -> String {
        if originals.is_empty() {
            return self.to_text(sequences);
        }
        let count = sequences.len();
        let pair = |(n, (original, sequence)): (usize, (&Vec<usize>, &Vec<usize>))| {
            let [original, sequence] = [original, sequence].map(|ids| self.spelled(ids));
            format!("--- {n} of {count}, original\n{original}\n--- {n} of {count}, reconstruction\n{sequence}\n")
        };
        (1..).zip(originals.iter().zip(sequences)).map(pair).collect()
    }

    /// Sequences as text, each in a line, below the number of the way of `steps` sequences that it is on.
    pub fn along(&self, sequences: &[Vec<usize>], steps: usize) -> String {
        let ways = sequences.chunks(steps.max(1));
        let count = ways.len();
        let lines = |way: &[Vec<usize>]| way.iter().map(|ids| self.spelled(ids) + "\n").collect::<String>();
        (1..).zip(ways).map(|(n, way)| format!("--- {n} of {count}\n{}", lines(way))).collect()
    }

    /// A file `tokenizer.json` for Hugging Face's `tokenizers`; none unless the symbols are byte pairs.
    pub fn tokenizer(&self) -> Option<String> {
        (self.spelling == Spelling::BytePairs).then(|| bpe::file(&self.names, self.end))
    }

    /// One sequence as a piece of music.
    ///
    /// # Errors
    /// `Usage` if the symbols spell a text; `Failure` if a symbol's name is no pitch, `rest` or `hold`.
    pub fn piece(&self, sequence: &[usize]) -> Result<Vec<Chord>> {
        if self.kind == SymbolKind::Text {
            return Err(Error::usage("text cannot be written as MIDI: use a file that ends in .txt or .csv"));
        }
        pieces::of_names(sequence.iter().map(|&id| self.names[id].as_str()))
    }

    /// The melody of the highest notes of a piece: the inverse of [`Symbols::piece`].
    ///
    /// # Errors
    /// `Usage` for a pitch that the model does not know.
    pub fn melody(&self, piece: &[Chord]) -> Result<Vec<usize>> {
        let names: Vec<String> = pieces::melody(piece).into_iter().map(pieces::name).collect();
        self.read(&names.join(" "))
    }

    /// The sequence that a text spells: the inverse of [`Symbols::spelled`].
    ///
    /// # Errors
    /// `Usage` for a symbol that the model does not know; the error names a similar one that it knows.
    pub fn read(&self, text: &str) -> Result<Vec<usize>> {
        if self.kind == SymbolKind::Midi {
            let id = |name: &str| self.names.iter().position(|known| known == name).ok_or_else(|| self.unknown(name));
            return text.split_whitespace().map(id).collect();
        }
        let (mut writer, mut ids) = (Writer::of(self), vec![]);
        for (line, ends) in tokens::lines(text) {
            writer.add(line, ends, None, &mut ids).map_err(|name| self.unknown(&name))?;
        }
        Ok(ids.into_iter().map(usize::from).collect())
    }

    /// The bytes that each symbol stands for, where symbols are byte pairs; an end has none.
    pub fn bytes(&self) -> Option<Vec<Vec<u8>>> {
        let bytes = |(id, name): (usize, &String)| {
            if self.end.is_some_and(|end| id == usize::from(end)) { vec![] } else { bpe::bytes(name) }
        };
        (self.spelling == Spelling::BytePairs).then(|| self.names.iter().enumerate().map(bytes).collect())
    }

    /// The symbol that stands for all words that have none of their own, if there is one.
    pub fn others(&self) -> Option<u16> {
        Writer::of(self).unknown()
    }

    /// The error for a symbol that the model does not know.
    fn unknown(&self, name: &str) -> Error {
        // Without accents and capitals.
        let plain = |name: &str| -> String {
            let is_mark = |c: &char| ('\u{300}'..='\u{36f}').contains(c);
            name.nfd().filter(|c| !is_mark(c)).collect::<String>().to_lowercase()
        };
        let names = || self.names.iter().map(String::as_str);
        let similar = names().find(|known| plain(known) == plain(name));
        let advice = match similar.or_else(|| nearest(name, names()).filter(|_| name.chars().nth(1).is_some())) {
            Some(other) => format!("it knows `{}`", other.escape_debug()),
            None => {
                let some: Vec<&str> = names().take(LISTED).collect();
                let more = self.names.len() - some.len();
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                let between = if self.noun() == "character" { "" } else { " " };
                format!("it knows {}{more}", some.join(between).escape_debug())
            }
        };
        Error::usage(format!("the model does not know `{}`: {advice}", name.escape_debug()))
    }
}
