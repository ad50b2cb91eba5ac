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

impl Better {
    /// An arrow that shows it, after a name.
    pub fn arrow(self) -> &'static str {
        match self {
            Self::Higher => " ↑",
            Self::Lower => " ↓",
            Self::Neither => "",
        }
    }
}

/// How a score stands beside that of a perfect sampler, or of real data where that is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Better, or within two standard deviations, or within 5 % of the best's distance from chance.
    AsGood,
    /// Worse by half at most, or by what the measure says.
    Near,
    /// Worse than that.
    Far,
    /// Not to be told: two deviations are more than half of the best, and it is not farther by more than that, or real
    /// data is no better; or there are too few samples.
    Unsure,
}

impl Verdict {
    /// For people.
    pub fn word(self) -> &'static str {
        match self {
            Self::AsGood => "as good",
            Self::Near => "near",
            Self::Far => "far",
            Self::Unsure => "unsure",
        }
    }
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
    /// Score of one that knows nothing, from which distances to the best are measured: 0, or chance.
    #[serde(skip)]
    pub chance: f64,
    /// How much worse than the best is still near, as a share of the best's distance from chance.
    #[serde(skip)]
    pub near: f64,
    /// Score of an `lstm` that was trained by likelihood, the baseline of models of text.
    pub baseline: Option<f64>,
    /// Published figures, with their sources.
    pub published: Option<String>,
    /// Which way it improves.
    pub better: Better,
    /// How it stands beside a perfect sampler; set by [`Report::judge`] where it is not yet.
    pub verdict: Option<Verdict>,
    /// A remark on this measure.
    pub note: Option<String>,
}

impl Row {
    /// A measure without any optional field.
    pub fn new(measure: impl Into<String>, value: f64, better: Better) -> Self {
        let measure = measure.into();
        let [deviation, floor, real, baseline] = [None; 4];
        let (chance, near, published, verdict, note) = (0.0, 0.5, None, None, None);
        Self { measure, value, deviation, floor, real, chance, near, baseline, published, better, verdict, note }
    }

    /// With the deviation over repetitions.
    pub fn deviation(self, deviation: f64) -> Self {
        Self { deviation: Some(deviation), ..self }
    }

    /// With the standard error of a share of so many examples.
    pub fn share_of(self, count: usize) -> Self {
        let error = (self.value * (1.0 - self.value) / count as f64).sqrt();
        self.deviation(error)
    }

    /// With no verdict, as there is too little data for one.
    pub fn unsure(self) -> Self {
        Self { verdict: Some(Verdict::Unsure), ..self }
    }

    /// With a perfect sampler's score.
    pub fn floor(self, floor: f64) -> Self {
        Self { floor: Some(floor), ..self }
    }

    /// With the score of real data.
    pub fn real(self, real: f64) -> Self {
        Self { real: Some(real), ..self }
    }

    /// With the score of one that knows nothing.
    pub fn chance(self, chance: f64) -> Self {
        Self { chance, ..self }
    }

    /// With another share of the best's distance from chance that is near.
    pub fn near(self, near: f64) -> Self {
        Self { near, ..self }
    }

    /// With published figures.
    pub fn published(self, published: impl Into<String>) -> Self {
        Self { published: Some(published.into()), ..self }
    }

    /// How the score stands beside the best that can be reached; `None` where that is not known.
    pub(super) fn judged(&self) -> Option<Verdict> {
        let best = self.floor.or(self.real)?;
        let worse_than = |other: f64| match self.better {
            Better::Higher => Some(other - self.value),
            Better::Lower => Some(self.value - other),
            Better::Neither => None,
        };
        let worse_by = worse_than(best)?;
        let is_as_real = self.real.and_then(worse_than).is_some_and(|by| by <= 0.0);
        let (error, near) = (2.0 * self.deviation.unwrap_or(0.0), self.near * (best - self.chance).abs());
        let close = 0.05 * (best - self.chance).abs();
        Some(match worse_by {
            by if by > near.max(close) + error && !is_as_real => Verdict::Far,
            _ if error > near => Verdict::Unsure,
            by if by <= error.max(close) => Verdict::AsGood,
            by if by <= near || is_as_real => Verdict::Near,
            _ => Verdict::Far,
        })
    }

    /// With a remark.
    pub fn note(self, note: impl Into<String>) -> Self {
        Self { note: Some(note.into()), ..self }
    }
}

/// Numbers in rows and columns, beside the measures of a report.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Table {
    /// What it shows.
    pub title: String,
    /// The name of each column.
    pub columns: Vec<String>,
    /// The name of each row, and its values.
    pub rows: Vec<(String, Vec<f64>)>,
}

/// The measures of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// What was measured.
    pub title: String,
    /// The measures.
    pub rows: Vec<Row>,
    /// Remarks on all measures.
    pub notes: Vec<String>,
    /// Number of samples, or of the real examples beside them if those are fewer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compared: Option<usize>,
    /// Tables of what one value for each measure does not say.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<Table>,
}

impl Report {
    /// Sets the verdict of each measure that has none. Of few examples nothing but `far` can be told.
    pub fn judge(&mut self) {
        self.rows.iter_mut().for_each(|row| row.verdict = row.verdict.or_else(|| row.judged()));
        let Some(count) = self.compared.filter(|count| *count < FEW) else { return };
        let doubtful = self.rows.iter_mut().filter_map(|row| row.verdict.as_mut());
        doubtful.filter(|verdict| **verdict != Verdict::Far).for_each(|verdict| *verdict = Verdict::Unsure);
        self.notes.push(format!("only {count} examples were compared: no word but `far` is sure"));
    }

    /// The table, its notes below, without those that are in `said`: what stands above need not be said again.
    pub fn table_after(&self, said: &mut Vec<String>) -> String {
        let head = ["", "value", "", "", "perfect", "real", "lstm", "published"].map(str::to_string);
        let mut lines: Vec<_> = std::iter::once(head).chain(self.rows.iter().map(cells)).map(Vec::from).collect();
        // Names and the literature are aligned to the left, numbers to the right.
        let mut is_left = vec![true, false, true, true, false, false, false, true];
        for column in (0..is_left.len()).rev().filter(|column| !self.rows.is_empty() && *column > 0) {
            if lines[1..].iter().all(|line| line[column].is_empty()) {
                lines.iter_mut().for_each(|line| drop(line.remove(column)));
                is_left.remove(column);
            }
        }
        let measures = if self.rows.is_empty() { String::new() } else { format!("\n{}", aligned(&lines, &is_left)) };
        let mut text = format!("{}\n{measures}", self.title);
        for table in &self.tables {
            let head = [vec![String::new()], table.columns.clone()].concat();
            let row = |(name, values): &(String, Vec<f64>)| {
                std::iter::once(name.clone()).chain(values.iter().map(|&value| number(value))).collect()
            };
            let lines: Vec<Vec<String>> = std::iter::once(head).chain(table.rows.iter().map(row)).collect();
            let is_left: Vec<bool> = (0..=table.columns.len()).map(|column| column == 0).collect();
            text += &format!("\n{}\n\n{}", table.title, aligned(&lines, &is_left));
        }
        let notes: Vec<String> = self.notes.iter().filter(|note| !said.contains(note)).cloned().collect();
        said.extend_from_slice(&notes);
        let row_notes = self.rows.iter().filter_map(|row| Some(format!("{}: {}", row.measure, row.note.as_ref()?)));
        for (i, note) in notes.into_iter().chain(row_notes).enumerate() {
            text += if i == 0 { "\n" } else { "" };
            text += &format!("  {note}.\n");
        }
        text
    }

    /// The table, all its notes below.
    pub fn table(&self) -> String {
        self.table_after(&mut vec![])
    }

    /// The report as JSON; values that are missing or not finite are null.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_else(|error| unreachable!("plain data is JSON: {error}"))
    }
}

/// Fewest examples from which on a verdict is more than chance.
const FEW: usize = 100;

/// Lines of cells, as wide as the widest of their column; the deviation belongs to the value before it.
fn aligned(lines: &[Vec<String>], is_left: &[bool]) -> String {
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..is_left.len()).map(width).collect();
    let mut text = String::new();
    for line in lines {
        let cell = |column: usize| {
            let gap = if column > 0 && is_left[column] && column + 1 < is_left.len() { " " } else { "  " };
            match is_left[column] {
                true => format!("{gap}{:<1$}", line[column], widths[column]),
                false => format!("{gap}{:>1$}", line[column], widths[column]),
            }
        };
        text += &format!("{}\n", (0..is_left.len()).map(cell).collect::<String>().trim_end());
    }
    text
}

/// The cells of a row; an arrow shows which way the measure improves.
fn cells(row: &Row) -> [String; 8] {
    let optional = |value: Option<f64>| value.map_or(String::new(), number);
    [
        format!("{}{}", row.measure, row.better.arrow()),
        number(row.value),
        row.deviation.map_or(String::new(), |deviation| format!("± {}", number(rounded(deviation, row.value)))),
        row.verdict.map_or("", Verdict::word).into(),
        optional(row.floor),
        optional(row.real),
        optional(row.baseline),
        row.published.clone().unwrap_or_default(),
    ]
}

/// A deviation, or 0 where it is the rounding of the value.
fn rounded(deviation: f64, value: f64) -> f64 {
    if deviation.abs() <= 1e-12 * value.abs() { 0.0 } else { deviation }
}

/// Four significant digits; an exponent only for very small or very large values; a dash for what was not measured.
fn number(value: f64) -> String {
    let magnitude = value.abs();
    if value.is_nan() {
        return "-".into();
    }
    if value == 0.0 || !value.is_finite() || value.fract() == 0.0 && magnitude < 1e9 {
        return format!("{value}");
    }
    if !(1e-4..1e9).contains(&magnitude) {
        return format!("{value:.3e}");
    }
    let decimals = (3 - magnitude.log10().floor() as i32).clamp(0, 7) as usize;
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_follow_from_the_distance_and_from_chance() {
        let word = |value: f64, deviation: f64| {
            let row = Row::new("m", value, Better::Lower).deviation(deviation).floor(1.0);
            row.judged().map(Verdict::word)
        };
        for (value, deviation, wanted) in [
            (0.5, 0.1, "as good"),
            (1.04, 0.0, "as good"),
            (1.3, 0.2, "as good"),
            (1.3, 0.01, "near"),
            (1.6, 0.01, "far"),
            // Chance is more than half of the best, and this is farther, or is not.
            (9.0, 2.0, "far"),
            (4.0, 2.0, "unsure"),
            (0.9, 0.3, "unsure"),
        ] {
            assert_eq!(word(value, deviation), Some(wanted), "{value} ± {deviation}");
        }
        // Far from the perfect sampler's score, which real data does not reach either.
        let beside_real = |value: f64, deviation: f64, floor: f64, real: f64| {
            let row = Row::new("m", value, Better::Lower).deviation(deviation).floor(floor).real(real);
            row.judged().map(Verdict::word)
        };
        assert_eq!(beside_real(1.9, 0.01, 1.0, 2.0), Some("near"));
        assert_eq!(beside_real(2.1, 0.01, 1.0, 2.0), Some("far"));
        assert_eq!(beside_real(0.3523, 1.999, -15.91, 2.121), Some("near"));
    }
}
