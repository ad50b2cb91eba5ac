//! What is the same at all steps of a series: its values among generated series, beside those of real ones.

use std::collections::{BTreeMap, BTreeSet};

use super::{Better, Report, Row, Table};
use crate::data::Columns;

/// Most values, and combinations of them, that are listed.
const SHOWN: usize = 20;

/// Adds the shares of the values of each static column, and of all of them together, of sequences `[N, T, F]`.
pub fn statics(report: &mut Report, columns: &Columns, [real, generated]: [&[f32]; 2], [steps, features]: [usize; 2]) {
    let chosen: Vec<_> = columns.statics.iter().filter(|one| !one.values.is_empty()).collect();
    // The first step of each sequence tells.
    let texts = |sequences: &[f32]| -> Vec<Vec<String>> {
        let first = sequences.chunks_exact(steps * features).map(|sequence| &sequence[..features]);
        first.map(|row| chosen.iter().map(|one| columns.chosen(one, row).to_owned()).collect()).collect()
    };
    let [real, generated] = [real, generated].map(texts);
    let mut parts: Vec<(String, Vec<usize>)> = (0..chosen.len()).map(|n| (chosen[n].name.clone(), vec![n])).collect();
    if chosen.len() > 1 {
        let names: Vec<&str> = chosen.iter().map(|one| one.name.as_str()).collect();
        parts.push((names.join(", "), (0..chosen.len()).collect()));
    }
    for (name, places) in parts {
        let shares = |all: &[Vec<String>]| {
            let mut shares: BTreeMap<String, f64> = BTreeMap::new();
            for texts in all {
                let text: Vec<&str> = places.iter().map(|place| texts[*place].as_str()).collect();
                *shares.entry(text.join(", ")).or_default() += 1.0 / all.len() as f64;
            }
            shares
        };
        let [real, generated] = [&real, &generated].map(|all| shares(all));
        let share = |of: &BTreeMap<String, f64>, value: &String| of.get(value).copied().unwrap_or(0.0);
        let values: BTreeSet<&String> = real.keys().chain(generated.keys()).collect();
        let apart: f64 = values.iter().map(|value| (share(&real, value) - share(&generated, value)).abs()).sum();
        let row = Row::new(format!("shares of `{name}`"), 1.0 - 0.5 * apart, Better::Higher).floor(1.0);
        report.rows.push(row.note("1 less half of the sum of the differences of the shares of its values"));
        let mut rows: Vec<(String, Vec<f64>)> = values
            .iter()
            .map(|value| ((*value).clone(), vec![share(&generated, value), share(&real, value)]))
            .collect();
        rows.sort_by(|a, b| b.1[1].total_cmp(&a.1[1]));
        rows.truncate(SHOWN);
        let columns = ["generated", "real"].map(String::from).to_vec();
        report.tables.push(Table {
            title: format!("Shares of `{name}`, which is the same in a series"),
            columns,
            rows,
        });
    }
}
