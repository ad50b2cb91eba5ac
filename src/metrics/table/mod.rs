//! How good generated rows of a table are: the scores of SDMetrics by their names, two detections, and how well rows
//! stand in for real ones in training.

mod detection;
mod logistic;
mod privacy;
mod similarity;
mod trees;
mod utility;

pub use detection::{Detection, logistic_detection, tree_detection};
pub use logistic::{Design, Factor, Logistic};
pub use privacy::{NewRows, Protection, copies, new_row_synthesis, overfitting_protection, perfect_protection};
pub use similarity::{
    Scores, boundary_adherence, category_coverage, column_shapes, missing_value_similarity, overall, pair_trends,
    pairs, range_coverage,
};
pub use trees::{Forest, Target};
pub use utility::{Utility, area_under_curve, train_and_test};

use super::choose;

/// The id of a missing category.
pub const MISSING: u32 = u32::MAX;

/// The cells of a column, from the first row to the last.
#[derive(Clone, Debug, PartialEq)]
pub enum Column {
    /// Numbers, and dates in any unit; NaN is missing.
    Number(Vec<f64>),
    /// Places in a list of values that all compared tables share; [`MISSING`] is missing.
    Category(Vec<u32>),
}

impl Column {
    /// Number of rows.
    pub fn len(&self) -> usize {
        match self {
            Self::Number(values) => values.len(),
            Self::Category(ids) => ids.len(),
        }
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The cells of these rows.
    pub fn pick(&self, rows: &[usize]) -> Self {
        match self {
            Self::Number(values) => Self::Number(rows.iter().map(|&row| values[row]).collect()),
            Self::Category(ids) => Self::Category(rows.iter().map(|&row| ids[row]).collect()),
        }
    }

    /// For each row, whether the cell is missing.
    fn gaps(&self) -> Vec<bool> {
        match self {
            Self::Number(values) => values.iter().map(|v| v.is_nan()).collect(),
            Self::Category(ids) => ids.iter().map(|&id| id == MISSING).collect(),
        }
    }

    /// These cells, and below them those of a column of the same kind.
    fn above(&self, below: &Self) -> Self {
        match (self, below) {
            (Self::Number(a), Self::Number(b)) => Self::Number([&a[..], b].concat()),
            (Self::Category(a), Self::Category(b)) => Self::Category([&a[..], b].concat()),
            _ => panic!("a column of numbers beside one of categories"),
        }
    }
}

/// Columns of equal length. Tables that are compared have the same columns in the same order.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// The name of each column.
    pub names: Vec<String>,
    /// The cells, column by column.
    pub columns: Vec<Column>,
}

impl Table {
    /// A table of these columns.
    ///
    /// # Panics
    /// If there is not one name for each column, or if lengths differ.
    pub fn new(names: Vec<String>, columns: Vec<Column>) -> Self {
        assert_eq!(names.len(), columns.len(), "names of columns");
        assert!(columns.iter().all(|column| column.len() == columns[0].len()), "columns of one length");
        Self { names, columns }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.columns.first().map_or(0, Column::len)
    }

    /// The table of these rows.
    pub fn pick(&self, rows: &[usize]) -> Self {
        Self { names: self.names.clone(), columns: self.columns.iter().map(|column| column.pick(rows)).collect() }
    }

    /// At most `count` rows, in a random order that the seed determines.
    pub fn sample(&self, count: usize, seed: u64) -> Self {
        self.pick(&choose(count, self.rows(), seed))
    }

    /// The table without one of its columns.
    pub fn without(&self, column: usize) -> Self {
        let mut rest = self.clone();
        rest.names.remove(column);
        rest.columns.remove(column);
        rest
    }

    /// These rows, and below them those of another table.
    fn above(&self, below: &Self) -> Self {
        let columns = self.columns.iter().zip(&below.columns).map(|(a, b)| a.above(b)).collect();
        Self { names: self.names.clone(), columns }
    }
}

/// Cells of a table, row by row, for what compares every row with every other.
struct Rows {
    /// Ids as numbers.
    values: Vec<f64>,
    width: usize,
}

impl Rows {
    fn of(table: &Table) -> Self {
        // Without columns there are no rows.
        let width = table.columns.len().max(1);
        let mut values = vec![0.0; table.rows() * width];
        for (place, column) in table.columns.iter().enumerate() {
            let cells = values.iter_mut().skip(place).step_by(width);
            match column {
                Column::Number(numbers) => cells.zip(numbers).for_each(|(cell, &number)| *cell = number),
                Column::Category(ids) => cells.zip(ids).for_each(|(cell, &id)| *cell = f64::from(id)),
            }
        }
        Self { values, width }
    }

    fn iter(&self) -> std::slice::ChunksExact<'_, f64> {
        self.values.chunks_exact(self.width)
    }
}
