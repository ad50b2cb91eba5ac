//! What sequences mean outside the model: columns with units, or symbols; and writing generated ones so.

use serde::{Deserialize, Serialize};

use super::midi;
use crate::error::{Error, Result};

/// What the features of a sequence `[T, F]` are. A checkpoint stores it, so that samples can be written without the data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Series {
    /// Numbers, one column a feature.
    Columns(Columns),
    /// One-hot symbols, one symbol of the alphabet a feature.
    Symbols(Symbols),
}

/// Columns of numbers; a model sees each as 0 at its `min` to 1 at its `max`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Columns {
    /// The name of each column.
    pub names: Vec<String>,
    /// The least value of each column, in the data's units.
    pub min: Vec<f32>,
    /// The greatest value of each column, in the data's units.
    pub max: Vec<f32>,
}

/// An alphabet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Symbols {
    /// The name of each symbol: a character; or `rest`, `hold` and the MIDI numbers of pitches (60 is middle C).
    pub names: Vec<String>,
    /// What the symbols spell.
    pub kind: SymbolKind,
}

/// What symbols spell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SymbolKind {
    /// A text; a symbol is a character.
    Text,
    /// A melody; a symbol says what begins at a sixteenth note.
    Midi,
}

impl Series {
    /// The name of each feature.
    pub fn names(&self) -> &[String] {
        match self {
            Self::Columns(columns) => &columns.names,
            Self::Symbols(symbols) => &symbols.names,
        }
    }

    /// `samples`, `[N, steps, F]`, as CSV: series, step, and each column in the data's units; for symbols, the name of
    /// the likeliest one.
    pub fn to_csv(&self, samples: &[f32], steps: usize) -> Vec<u8> {
        const SPACE: &str = "memory takes every row";
        let mut csv = csv::Writer::from_writer(Vec::new());
        let columns = match self {
            Self::Columns(columns) => columns.names.clone(),
            Self::Symbols(_) => vec!["symbol".to_owned()],
        };
        csv.write_record(["series".to_owned(), "step".to_owned()].iter().chain(&columns)).expect(SPACE);
        for (i, values) in samples.chunks_exact(self.names().len().max(1)).enumerate() {
            let place = [i / steps.max(1), i % steps.max(1)].map(|number| number.to_string());
            let cells = match self {
                Self::Columns(columns) => columns.in_units(values).map(|value| value.to_string()).collect(),
                Self::Symbols(symbols) => vec![symbols.names[likeliest(values)].clone()],
            };
            csv.write_record(place.iter().chain(&cells)).expect(SPACE);
        }
        csv.into_inner().expect(SPACE)
    }
}

impl Columns {
    /// One step of a sequence in the data's units.
    fn in_units<'a>(&'a self, step: &'a [f32]) -> impl Iterator<Item = f32> + 'a {
        let ranges = self.min.iter().zip(&self.max).map(|(&min, &max)| (f64::from(min), f64::from(max)));
        step.iter().zip(ranges).map(|(&share, (min, max))| (min + f64::from(share) * (max - min)) as f32)
    }
}

impl Symbols {
    /// `samples`, `[N, steps, V]`, as text: the likeliest characters, with a line `---` between sequences; or for
    /// melodies the names of the symbols, a line each.
    pub fn to_text(&self, samples: &[f32], steps: usize) -> String {
        let names = |sample: &[f32]| self.likeliest(sample).map(|id| self.names[id].as_str()).collect::<Vec<_>>();
        let sequences = samples.chunks_exact((steps * self.names.len()).max(1)).map(names);
        let (within, between) = match self.kind {
            SymbolKind::Text => ("", "\n---\n"),
            SymbolKind::Midi => (" ", "\n"),
        };
        let mut text = sequences.map(|names| names.join(within)).collect::<Vec<_>>().join(between);
        text.push('\n');
        text
    }

    /// One sample, `[T, V]`, as a MIDI file at 120 beats a minute.
    ///
    /// # Errors
    /// `Usage` if the symbols spell a text; `Failure` if a name is no pitch.
    pub fn to_midi(&self, sample: &[f32]) -> Result<Vec<u8>> {
        if self.kind == SymbolKind::Text {
            return Err(Error::usage("characters cannot be written as MIDI: use a file that ends in .txt or .csv"));
        }
        midi::write(&self.likeliest(sample).map(|id| self.names[id].as_str()).collect::<Vec<_>>())
    }

    /// The likeliest symbol of each step.
    fn likeliest<'a>(&'a self, sample: &'a [f32]) -> impl Iterator<Item = usize> + 'a {
        sample.chunks_exact(self.names.len().max(1)).map(likeliest)
    }
}

/// Where the greatest of `values` is; the first of equals.
fn likeliest(values: &[f32]) -> usize {
    (0..values.len()).rev().max_by(|&a, &b| values[a].total_cmp(&values[b])).unwrap_or(0)
}
