//! The results of an evaluation, as a table for people and as JSON for programs.

use serde::Serialize;

/// Which way a measure improves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    /// More is better.
    Higher,
    /// Less is better.
    Lower,
    /// The value describes the model but does not rate it.
    Neither,
}

/// One measure.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// What is measured.
    pub measure: String,
    /// Its value for the run's samples.
    pub value: f64,
    /// Standard deviation of `value` over repetitions, if there were several, or the standard error that a note
    /// declares.
    pub deviation: Option<f64>,
    /// Score of a perfect sampler, the best that can be reached.
    pub floor: Option<f64>,
    /// Score of real data in the place of the samples.
    pub real: Option<f64>,
    /// Published figures, with their sources.
    pub published: Option<String>,
    /// Which way it improves.
    pub better: Better,
    /// A remark on this measure.
    pub note: Option<String>,
}

impl Row {
    /// A measure without any optional field.
    pub fn new(measure: impl Into<String>, value: f64, better: Better) -> Self {
        let measure = measure.into();
        Self { measure, value, deviation: None, floor: None, real: None, published: None, better, note: None }
    }

    /// With the deviation over repetitions.
    pub fn deviation(self, deviation: f64) -> Self {
        Self { deviation: Some(deviation), ..self }
    }

    /// With a perfect sampler's score.
    pub fn floor(self, floor: f64) -> Self {
        Self { floor: Some(floor), ..self }
    }

    /// With the score of real data.
    pub fn real(self, real: f64) -> Self {
        Self { real: Some(real), ..self }
    }

    /// With published figures.
    pub fn published(self, published: impl Into<String>) -> Self {
        Self { published: Some(published.into()), ..self }
    }

    /// With a remark.
    pub fn note(self, note: impl Into<String>) -> Self {
        Self { note: Some(note.into()), ..self }
    }
}

/// The measures of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// What was measured.
    pub title: String,
    /// The measures.
    pub rows: Vec<Row>,
    /// Remarks on all measures.
    pub notes: Vec<String>,
}

impl Report {
    /// The table, its notes below.
    pub fn table(&self) -> String {
        let head = ["", "value", "", "perfect", "real", "published"].map(str::to_string);
        let lines: Vec<[String; 6]> = std::iter::once(head).chain(self.rows.iter().map(cells)).collect();
        let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
        let widths: [usize; 6] = std::array::from_fn(width);
        let mut text = format!("{}\n\n", self.title);
        for line in &lines {
            // Names and the literature are aligned to the left, numbers to the right.
            let cell = |column: usize| match column {
                0 | 2 | 5 => format!("{:<1$}", line[column], widths[column]),
                _ => format!("{:>1$}", line[column], widths[column]),
            };
            let gap = |column: usize| if column == 2 { " " } else { "  " };
            let joined: String = (0..6).map(|column| format!("{}{}", gap(column), cell(column))).collect();
            text += &format!("{}\n", joined.trim_end());
        }
        let row_notes = self.rows.iter().filter_map(|row| Some(format!("{}: {}", row.measure, row.note.as_ref()?)));
        for (i, note) in self.notes.iter().cloned().chain(row_notes).enumerate() {
            text += if i == 0 { "\n" } else { "" };
            text += &format!("  {note}.\n");
        }
        text
    }

    /// The report as JSON; values that are missing or not finite are null.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_else(|error| unreachable!("plain data is JSON: {error}"))
    }
}

/// The cells of a row; an arrow shows which way the measure improves.
fn cells(row: &Row) -> [String; 6] {
    let arrow = match row.better {
        Better::Higher => " ↑",
        Better::Lower => " ↓",
        Better::Neither => "",
    };
    let optional = |value: Option<f64>| value.map_or(String::new(), number);
    [
        format!("{}{arrow}", row.measure),
        number(row.value),
        row.deviation.map_or(String::new(), |deviation| format!("± {}", number(deviation))),
        optional(row.floor),
        optional(row.real),
        row.published.clone().unwrap_or_default(),
    ]
}

/// Four significant digits; an exponent only for very small or very large values.
fn number(value: f64) -> String {
    let magnitude = value.abs();
    if value == 0.0 || !value.is_finite() || value.fract() == 0.0 && magnitude < 1e9 {
        return format!("{value}");
    }
    if !(1e-4..1e9).contains(&magnitude) {
        return format!("{value:.3e}");
    }
    let decimals = (3 - magnitude.log10().floor() as i32).clamp(0, 7) as usize;
    format!("{value:.decimals$}")
}
