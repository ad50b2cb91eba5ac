//! Rows of tables: samples in the form of the file that was learned from, under conditions; and their scores.

use std::path::Path;

use super::{tell, trained::Asked};
use crate::{
    data::{Condition, Dataset, FileRows, Options, Records, Split, TableCell},
    error::{Error, Result, unknown},
    eval::{
        Report,
        tables::{self, Rows},
    },
    session::{self, Session},
};

/// Rows that are drawn at once.
const AT_ONCE: usize = 20_000;
/// Rows that are drawn before a condition is given up, and the least share of them that has to fulfil it.
const PATIENCE: usize = 200_000;
const RAREST: f64 = 1e-4;

/// `count` rows that fulfil all conditions, as a CSV file.
///
/// # Errors
/// Conditions that hardly any row fulfils; those of sampling.
pub fn rows(
    session: &mut Session,
    records: &Records,
    count: usize,
    seed: u64,
    conditions: &[Condition],
) -> Result<Vec<u8>> {
    let mut rows: Vec<Vec<TableCell>> = vec![];
    let mut drawn = 0;
    let at_once = AT_ONCE.next_multiple_of(session.sample_rows());
    while rows.len() < count {
        let wanted = if conditions.is_empty() { (count - drawn).min(at_once) } else { at_once };
        let samples = session.generate_from(drawn, wanted, seed)?;
        rows.extend(records.rows(&samples, drawn, seed).filter(|row| conditions.iter().all(|c| c.holds(row))));
        drawn += wanted;
        if drawn >= PATIENCE && (rows.len() as f64) < RAREST * drawn as f64 {
            let share = rows.len() as f64 / drawn as f64;
            return Err(Error::failure(format!(
                "--where: {} of {drawn} rows fulfil it ({:.4} %), too few to draw {count}: nothing is written",
                rows.len(),
                100.0 * share
            )));
        }
    }
    if !conditions.is_empty() {
        tell(format_args!("{:.2} % of {drawn} rows fulfil --where", 100.0 * rows.len() as f64 / drawn as f64));
    }
    rows.truncate(count);
    records.beyond(&rows).iter().for_each(tell);
    rows.iter_mut().enumerate().for_each(|(n, row)| records.number(row, n + 1, seed));
    Ok(records.to_csv(rows.into_iter()))
}

/// What `eval` is asked about a table.
pub struct Asks<'a> {
    pub trained: &'a Asked,
    /// The column to predict.
    pub target: Option<&'a str>,
    /// A file of rows in place of samples.
    pub file: Option<&'a Path>,
    pub seed: u64,
}

/// The scores of as many samples as there are rows in `train`, or of the rows of a file; `generate` makes samples.
///
/// # Errors
/// Files that cannot be read or have other columns; an unknown column to predict.
pub fn scored(
    asks: &Asks,
    train: &Dataset,
    has_test: bool,
    generate: impl FnOnce(usize) -> Result<Vec<f32>>,
) -> Result<Report> {
    let records = train.records().expect("asked of tables only");
    let settings = asks.trained.at_data()?;
    let read = |path: &Path, holdout| {
        records.values_of_file(path, &Options { holdout, ..session::data_options(&settings, Split::Train) })
    };
    let [training, held_out] = read(Path::new(&settings.data), settings.holdout)?.parts;
    let names = || records.compared().map(|column| column.name.as_str());
    let target = asks.target.map(|name| {
        names().position(|other| other == name).ok_or_else(|| unknown("column", name, names()).at("--target"))
    });
    let target = target.transpose()?;
    let (generated, wrong, notes) = match asks.file {
        Some(file) => {
            let FileRows { parts: [rows, _], wrong, notes } = read(file, 0.0).map_err(|e| e.at("--only-data"))?;
            (rows, wrong, notes)
        }
        None => (records.values(&generate(train.len())?, asks.seed), vec![0.0; names().count()], records.singles()),
    };
    let mut report = tables::tables(&Rows {
        set: &train.name,
        names: names().map(String::from).collect(),
        training: &training,
        held_out: has_test.then_some(&held_out),
        generated: &generated,
        wrong: &wrong,
        target,
        seed: asks.seed,
    });
    report.notes.extend(notes);
    if target.is_none() {
        report.notes.push("--target COLUMN measures how well samples train a predictor of that column".into());
    }
    Ok(report)
}
