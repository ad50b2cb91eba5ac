//! The meaning of points and sequences outside the model (columns with units, or symbols), and export of generated
//! ones.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::music::{Chord, KEYS, Music, pitch_name};
use super::pieces;
use crate::error::{Error, Result};

/// The meaning of the features of points `[D]` and sequences `[T, F]`. A checkpoint stores it, so that samples can be
/// exported without the data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Series {
    /// Numbers; each feature is a column.
    Columns(Columns),
    /// One-hot symbols; each feature is a symbol of the alphabet.
    Symbols(Symbols),
    /// Keys of a piano, each 1 or 0.
    Roll(Roll),
}

/// Columns of numbers, each scaled for the model: sequences by minimum and maximum, points by mean and deviation or as
/// the `scale` option says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
}

/// An alphabet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Symbols {
    /// The name of each symbol: a character; or `rest`, `hold` and the MIDI numbers of pitches (60 is middle C).
    pub names: Vec<String>,
    /// The kind of content that the symbols spell.
    pub kind: SymbolKind,
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
    /// A text; each symbol is a character.
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

    /// `samples`, `[N, steps, F]` flat, as pieces of music.
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
            Self::Columns(_) => Err(Error::usage("numbers are no music: use a file that ends in .csv or .npy")),
        }
    }

    /// `samples`, `[N, steps, F]` flat, as CSV: series, step, and each column in the data's units, or the name of the
    /// most likely symbol.
    pub fn to_csv(&self, samples: &[f32], steps: usize) -> Vec<u8> {
        const SPACE: &str = "memory takes every row";
        let mut csv = csv::Writer::from_writer(Vec::new());
        let columns = match self {
            Self::Symbols(_) => vec!["symbol".to_owned()],
            Self::Columns(_) | Self::Roll(_) => self.names().to_vec(),
        };
        csv.write_record(["series".to_owned(), "step".to_owned()].iter().chain(&columns)).expect(SPACE);
        for (i, values) in samples.chunks_exact(self.names().len().max(1)).enumerate() {
            let place = [i / steps.max(1), i % steps.max(1)].map(|number| number.to_string());
            let cells = match self {
                Self::Columns(columns) => columns.cells(values),
                Self::Symbols(symbols) => vec![symbols.names[likeliest(values)].clone()],
                Self::Roll(_) => values.iter().map(f32::to_string).collect(),
            };
            csv.write_record(place.iter().chain(&cells)).expect(SPACE);
        }
        csv.into_inner().expect(SPACE)
    }
}

impl Columns {
    /// One row, converted from the data's units to the model's.
    pub(super) fn seen(&self, row: impl Iterator<Item = f64>) -> impl Iterator<Item = f32> {
        row.zip(&self.zero).zip(&self.one).map(|((value, zero), one)| ((value - zero) / (one - zero)) as f32)
    }

    /// `samples`, `[rows, columns]` flat, converted to the data's units.
    pub fn in_units(&self, samples: &[f32]) -> Vec<f64> {
        let rows = samples.chunks_exact(self.names.len().max(1));
        rows.flat_map(|row| self.cells(row)).map(|cell| cell.parse().unwrap_or(f64::NAN)).collect()
    }

    /// `points`, `[N, D]` flat, as CSV with each column in the data's units.
    pub fn to_csv(&self, points: &[f32]) -> Vec<u8> {
        const SPACE: &str = "memory takes every row";
        let mut csv = csv::Writer::from_writer(Vec::new());
        csv.write_record(&self.names).expect(SPACE);
        for row in points.chunks_exact(self.names.len().max(1)) {
            csv.write_record(self.cells(row)).expect(SPACE);
        }
        csv.into_inner().expect(SPACE)
    }

    /// One row in the data's units, as text.
    pub(super) fn cells(&self, row: &[f32]) -> Vec<String> {
        let ends = self.zero.iter().zip(&self.one);
        let cell = |(i, (value, (zero, one))): (usize, (&f32, (&f64, &f64)))| {
            let in_units = zero + f64::from(*value) * (one - zero);
            match self.decimals.get(i).copied().flatten().filter(|decimals| *decimals <= MAX_DECIMALS) {
                Some(decimals) => without_minus(format!("{in_units:.decimals$}")),
                None => {
                    let digits = told_decimals(one - zero);
                    let text = format!("{in_units:.digits$}");
                    let text = if digits > 0 { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
                    without_minus(text.to_owned())
                }
            }
        };
        row.iter().zip(ends).enumerate().map(cell).collect()
    }
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
    /// The most likely symbols of each of the sequences `samples`, `[N, steps, V]` flat.
    pub fn sequences(&self, samples: &[f32], steps: usize) -> Vec<Vec<usize>> {
        let symbols = self.names.len().max(1);
        let sequence = |sample: &[f32]| sample.chunks_exact(symbols).map(likeliest).collect();
        samples.chunks_exact((steps * symbols).max(1)).map(sequence).collect()
    }

    /// One sequence as text: its characters; for a melody the names of its symbols with blanks between them.
    pub fn spelled(&self, sequence: &[usize]) -> String {
        let between = if self.kind == SymbolKind::Text { "" } else { " " };
        sequence.iter().map(|&id| self.names[id].as_str()).collect::<Vec<_>>().join(between)
    }

    /// Sequences as a text file. If there are several, each has a line with its number above it.
    pub fn to_text(&self, sequences: &[Vec<usize>]) -> String {
        let (count, mut text) = (sequences.len(), String::new());
        for (i, sequence) in sequences.iter().enumerate() {
            if count > 1 {
                text += &format!("--- {} of {count}\n", i + 1);
            }
            text += &self.spelled(sequence);
            text.push('\n');
        }
        text
    }

    /// One sequence as a piece of music.
    ///
    /// # Errors
    /// `Usage` if the symbols spell a text; `Failure` if a symbol's name is no pitch, `rest` or `hold`.
    pub fn piece(&self, sequence: &[usize]) -> Result<Vec<Chord>> {
        if self.kind == SymbolKind::Text {
            return Err(Error::usage("characters cannot be written as MIDI: use a file that ends in .txt or .csv"));
        }
        pieces::of_names(sequence.iter().map(|&id| self.names[id].as_str()))
    }

    /// The melody of the highest voice of a piece: the inverse of [`Symbols::piece`].
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
        let text = text.replace("\r\n", "\n");
        let id = |name: &str| {
            let known = |name: &str| self.names.iter().position(|known| known == name);
            known(name).ok_or_else(|| {
                let other = [name.to_lowercase(), name.to_uppercase()].into_iter().find(|other| known(other).is_some());
                let advice = match (other, self.kind) {
                    (Some(other), _) => format!("it knows `{other}`"),
                    (None, SymbolKind::Text) => {
                        format!("it knows {}", self.spelled(&(0..self.names.len()).collect::<Vec<_>>()).escape_debug())
                    }
                    (None, SymbolKind::Midi) => format!("it knows {}", self.names.join(" ")),
                };
                Error::usage(format!("the model does not know `{}`: {advice}", name.escape_debug()))
            })
        };
        match self.kind {
            SymbolKind::Text => text.chars().map(|character| id(character.encode_utf8(&mut [0; 4]))).collect(),
            SymbolKind::Midi => text.split_whitespace().map(id).collect(),
        }
    }
}

/// The index of the greatest of `values`; the first if several are equal.
fn likeliest(values: &[f32]) -> usize {
    (0..values.len()).rev().max_by(|&a, &b| values[a].total_cmp(&values[b])).unwrap_or(0)
}
