//! CSV files: one example a row, one value a column, the first row a header if it has no number.

use std::fs;
use std::path::Path;

use super::{Dataset, Items, Options, Split, check_memory, set_name};
use crate::error::{Error, Result};

/// Whether `path` names a CSV file.
pub(super) fn is_csv(path: &Path) -> bool {
    path.is_file() && path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"))
}

/// The points in `path`, unlabelled.
pub(super) fn read(path: &Path, options: &Options) -> Result<Dataset> {
    let file = path.display();
    if options.size.is_some() || options.channels.is_some() || options.stack != 1 {
        return Err(Error::usage(format!("`{file}` holds points: leave out size, channels and stack")));
    }
    if options.split == Split::Test {
        return Err(Error::failure(format!("`{file}` has no part to test with")));
    }
    let text = fs::read_to_string(path).map_err(|error| Error::failure(format!("`{file}` cannot be read: {error}")))?;
    let text = text.trim_start_matches('\u{feff}');
    let rows = text.lines().enumerate().map(|(i, row)| (i + 1, row)).filter(|(_, row)| !row.trim().is_empty());
    let (mut values, mut columns) = (vec![], 0);
    for (i, (line, row)) in rows.enumerate() {
        let fields: Vec<&str> = row.split(',').map(str::trim).collect();
        if i == 0 {
            columns = fields.len();
            if fields.iter().all(|field| field.parse::<f32>().is_err()) {
                continue;
            }
        }
        if fields.len() != columns {
            return Err(Error::failure(format!(
                "{file}:{line}: {} values where the first row has {columns}",
                fields.len()
            )));
        }
        for field in fields {
            match field.parse::<f32>() {
                Ok(value) if value.is_finite() => values.push(value),
                _ => return Err(Error::failure(format!("{file}:{line}: `{field}` is not a finite number"))),
            }
        }
    }
    if values.is_empty() {
        return Err(Error::failure(format!("`{file}` holds no points: a row is one, such as 0.5,-1.25")));
    }
    check_memory(path, values.len() / columns, 4 * columns)?;
    let name = set_name(&path.to_string_lossy());
    Ok(Dataset { name, shape: vec![columns], items: Items::Floats(values), labels: None, stack: 1 })
}
