//! Cells as numbers of a byte.

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::metrics::table::{Column, MISSING, Table};

/// The bin of missing cells, and of categories that the training rows do not have.
pub const GAP: u8 = 255;
/// Maximum number of bins beside it.
const MOST: usize = 255;

/// How the cells of each column are put into bins.
pub struct Bins {
    pub columns: Vec<Binning>,
}

/// How cells of a column are put into bins.
pub struct Binning {
    places: Places,
    /// Number of bins, without the one of gaps.
    pub count: usize,
    /// Whether training rows have gaps.
    pub gaps: bool,
}

enum Places {
    /// Bin n holds what is at most cut n and more than the one before.
    Cuts(Vec<f64>),
    Values(BTreeMap<u32, u8>),
}

impl Bins {
    pub fn of(table: &Table) -> Self {
        Self { columns: table.columns.par_iter().map(Binning::of).collect() }
    }

    /// The bin of each cell, column by column.
    pub fn place(&self, table: &Table) -> Vec<Vec<u8>> {
        self.columns.par_iter().zip(&table.columns).map(|(binning, column)| binning.place(column)).collect()
    }
}

impl Binning {
    fn of(column: &Column) -> Self {
        let gaps = column.gaps().contains(&true);
        match column {
            Column::Number(values) => {
                let cuts = cuts(values);
                Self { count: cuts.len() + 1, places: Places::Cuts(cuts), gaps }
            }
            Column::Category(ids) => {
                let values = values(ids);
                Self { count: values.len().min(MOST), places: Places::Values(values), gaps }
            }
        }
    }

    pub fn is_category(&self) -> bool {
        matches!(self.places, Places::Values(_))
    }

    fn place(&self, column: &Column) -> Vec<u8> {
        match (&self.places, column) {
            (Places::Cuts(cuts), Column::Number(values)) => {
                let bin = |v: &f64| if v.is_nan() { GAP } else { cuts.partition_point(|cut| cut < v) as u8 };
                values.iter().map(bin).collect()
            }
            (Places::Values(values), Column::Category(ids)) => {
                ids.iter().map(|id| values.get(id).copied().unwrap_or(GAP)).collect()
            }
            _ => panic!("a column of numbers beside one of categories"),
        }
    }
}

/// Between neighbouring values if they are few, else quantiles.
fn cuts(values: &[f64]) -> Vec<f64> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|v| !v.is_nan()).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let mut distinct = sorted.clone();
    distinct.dedup();
    if distinct.len() <= MOST {
        return distinct.windows(2).map(|pair| pair[0].midpoint(pair[1])).collect();
    }
    let quantile = |n: usize| {
        let (place, rest) = (n * sorted.len() / MOST, n * sorted.len() % MOST);
        if rest == 0 { sorted[place - 1].midpoint(sorted[place]) } else { sorted[place] }
    };
    let mut cuts: Vec<f64> = (1..MOST).map(quantile).collect();
    cuts.dedup();
    cuts
}

/// The bins of categories. Beyond 255, the rarest share the last one.
fn values(ids: &[u32]) -> BTreeMap<u32, u8> {
    let mut counts = BTreeMap::new();
    ids.iter().filter(|&&id| id != MISSING).for_each(|&id| *counts.entry(id).or_insert(0) += 1);
    let mut by_count: Vec<(usize, u32)> = counts.into_iter().map(|(id, count): (u32, usize)| (count, id)).collect();
    by_count.sort_by_key(|&(count, id)| (std::cmp::Reverse(count), id));
    by_count.iter().enumerate().map(|(place, &(_, id))| (id, place.min(MOST - 1) as u8)).collect()
}
