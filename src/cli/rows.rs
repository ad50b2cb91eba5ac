//! `saddle sample` of rows of a table: in the form of the file that was learned from, under conditions.

use super::tell;
use crate::{
    data::{Condition, Records, TableCell},
    error::{Error, Result},
    session::Session,
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
        rows.extend(records.rows(&samples, drawn).filter(|row| conditions.iter().all(|c| c.holds(row))));
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
    rows.iter_mut().enumerate().for_each(|(n, row)| records.number(row, n + 1));
    Ok(records.to_csv(rows.into_iter()))
}
