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
/// Least share of rows that are like those of the data, so that the others are drawn anew.
const LIKE: f64 = 0.05;

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
    let (mut rows, said) = drawn(session, records, count, seed, conditions)?;
    said.iter().for_each(tell);
    rows.iter_mut().enumerate().for_each(|(n, row)| records.number(row, n + 1, seed));
    Ok(records.to_csv(rows.into_iter()))
}

/// `count` rows that fulfil all conditions, and sentences on them. Rows that are like none of the data, such as by
/// computed numbers beyond its own, are drawn anew: products and sums make much of small errors.
fn drawn(
    session: &mut Session,
    records: &Records,
    count: usize,
    seed: u64,
    conditions: &[Condition],
) -> Result<(Vec<Vec<TableCell>>, Vec<String>)> {
    let (mut rows, mut odd): (Vec<Vec<TableCell>>, Vec<_>) = (vec![], vec![]);
    let mut drawn = 0;
    let at_once = AT_ONCE.next_multiple_of(session.sample_rows());
    while rows.len() < count {
        let left = (count - rows.len()).next_multiple_of(session.sample_rows());
        let wanted = if conditions.is_empty() { left.min(at_once) } else { at_once };
        let samples = session.generate_from(drawn, wanted, seed)?;
        // Where hardly any row is like the data's, all are taken.
        let is_strict = drawn < AT_ONCE || rows.len() as f64 >= LIKE * (rows.len() + odd.len()) as f64;
        for row in records.rows(&samples, drawn, seed).filter(|row| conditions.iter().all(|c| c.holds(row))) {
            if is_strict && records.is_odd(&row) { odd.push(row) } else { rows.push(row) }
        }
        drawn += wanted;
        let fulfilling = rows.len() + odd.len();
        if !conditions.is_empty() && drawn >= PATIENCE && (fulfilling as f64) < RAREST * drawn as f64 {
            let share = fulfilling as f64 / drawn as f64;
            return Err(Error::failure(format!(
                "--where: {fulfilling} of {drawn} rows fulfil it ({:.4} %), too few to draw {count}: nothing is \
                 written",
                100.0 * share
            )));
        }
    }
    let share = 100.0 * (rows.len() + odd.len()) as f64 / drawn as f64;
    let fulfil = (!conditions.is_empty()).then(|| format!("{share:.2} % of {drawn} rows fulfil --where"));
    let anew = records.oddities(&odd, rows.len() + odd.len());
    let anew = anew.into_iter().map(|said| said + ": drawn anew");
    rows.truncate(count);
    let kept: Vec<Vec<TableCell>> = rows.iter().filter(|row| records.is_odd(row)).cloned().collect();
    let kept = records
        .oddities(&kept, rows.len())
        .into_iter()
        .map(|said| said + ": kept, because nearly all rows are like this");
    Ok((rows, fulfil.into_iter().chain(anew).chain(kept).collect()))
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

/// The scores of as many samples as there are rows in `train`, or so many, or of the rows of a file.
///
/// # Errors
/// Files that cannot be read or have other columns; an unknown column to predict.
pub fn scored(asks: &Asks, train: &Dataset, has_test: bool, session: &mut Session, count: usize) -> Result<Report> {
    let records = train.records().expect("asked of tables only");
    let settings = asks.trained.at_data()?;
    let read = |path: &Path, holdout| {
        records.values_of_file(path, &Options { holdout, ..session::data_options(&settings, Split::Train) })
    };
    let [training, held_out] = read(Path::new(&settings.data), settings.holdout)?.parts;
    let names = || records.compared().map(|column| column.name.as_str());
    let target = asks.target.map(|name| {
        let lacks = || match records.columns.iter().any(|column| column.name == name) {
            true => Error::usage(format!("--target: nothing is learned of `{name}`, so that nothing predicts it")),
            false => unknown("column", name, names()).at("--target"),
        };
        names().position(|other| other == name).ok_or_else(lacks)
    });
    let target = target.transpose()?;
    let (generated, wrong, notes) = match asks.file {
        Some(file) => {
            let FileRows { parts: [rows, _], wrong, notes } = read(file, 0.0).map_err(|e| e.at("--only-data"))?;
            (rows, wrong, notes)
        }
        None => {
            let (rows, said) = drawn(session, records, count, asks.seed, &[])?;
            let notes = records.singles().into_iter().chain(said).collect();
            (records.values(rows.into_iter()), vec![0.0; names().count()], notes)
        }
    };
    let mut report = tables::tables(&Rows {
        set: &train.name,
        file: asks.file,
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
