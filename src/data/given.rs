//! Examples that a user gives to a trained model: read as its data was, whatever else is in the file.

use std::path::Path;

use super::columns::listed;
use super::decode;
use super::dialect::{Sheet, shown};
use super::images::Images;
use super::limits::Budget;
use super::{Columns, Known, LeftOut, Options, cells, npy, open_path, product, set_name, table, unpack};
use crate::error::{Error, Result, counted};
use crate::memory;
use crate::settings::{Fit, Size};

/// Examples that a user gives.
#[derive(Debug)]
pub struct Given {
    /// The values, example by example.
    pub values: Vec<f32>,
    /// The file of each, of pictures; else empty.
    pub names: Vec<String>,
    /// What of a folder was left out.
    pub left_out: LeftOut,
}

impl Given {
    fn nameless(values: Vec<f32>) -> Self {
        Self { values, names: vec![], left_out: LeftOut::default() }
    }

    /// What example `i` is called: its file, or its number, counted from 1.
    pub fn name(&self, i: usize) -> String {
        self.names.get(i).cloned().unwrap_or_else(|| (i + 1).to_string())
    }
}

/// The examples of a file, of this shape: a picture or any data set of images; rows of a table, found by the
/// names of the model's `columns` and scaled as those were, so many as a sequence has steps for each; an array
/// `[N, ..shape]` or `[..shape]`, in the units of the columns.
///
/// # Errors
/// A file that cannot be read, or whose examples are of another shape.
pub fn given(path: &Path, shape: &[usize], columns: Option<&Columns>, options: &Options) -> Result<Given> {
    let place = format!("`{}`", path.display());
    if let [channels, height, width] = *shape {
        return images(path, [channels, height, width], options);
    }
    let width = shape[shape.len() - 1];
    let values = match unpack::ending(path).as_str() {
        "npy" => {
            let array = npy::read(path)?;
            array.check_finite()?;
            if array.shape != shape && array.shape.get(1..) != Some(shape) {
                let (found, wanted) = (product(&array.shape), product(shape));
                return Err(Error::usage(format!("{place} has shape [{found}], and an example of the model {wanted}")));
            }
            array.values().collect()
        }
        ending if table::ENDINGS.contains(&ending) => rows(path, width, columns, options)?,
        _ => return Err(Error::usage(format!("{place}: a table or an npy array has such examples"))),
    };
    let steps = shape.iter().product::<usize>() / width;
    if values.is_empty() || !values.len().is_multiple_of(steps * width) {
        let rows = counted(values.len() / width, "row");
        return Err(Error::usage(format!("{place} has {rows}, and {steps} of them are an example of the model")));
    }
    Ok(Given::nameless(match columns {
        Some(columns) => values.chunks(width).flat_map(|row| columns.seen(row.iter().copied())).collect(),
        None => values.iter().map(|value| *value as f32).collect(),
    }))
}

/// Codes of `width` values each: an array `[N, width]` of an npy file, or as the member x of an npz file, or the
/// columns x0, x1, .. of a table.
///
/// # Errors
/// A file that cannot be read, or that holds something else.
pub fn given_codes(path: &Path, width: usize, options: &Options) -> Result<Vec<f32>> {
    let place = format!("`{}`", path.display());
    let array = match unpack::ending(path).as_str() {
        "npy" => npy::read(path)?,
        "npz" => npy::Npz::open(path)?.member("x")?,
        ending if table::ENDINGS.contains(&ending) => {
            let values = rows(path, width, None, &Options { columns: None, ..options.clone() })?;
            return Ok(values.iter().map(|value| *value as f32).collect());
        }
        _ => return Err(Error::usage(format!("{place}: codes are an npy, npz or csv file"))),
    };
    array.check_finite()?;
    match array.shape[..] {
        [_, found] if found == width => Ok(array.values().map(|value| value as f32).collect()),
        _ => Err(Error::usage(format!(
            "{place} has shape [{}], and codes of the model are [N x {width}]; only the layer `code` has a decoder",
            product(&array.shape)
        ))),
    }
}

/// The pictures of a file, or all those below a folder, in -1 to 1, brought to the size of the model's.
fn images(path: &Path, [channels, height, width]: [usize; 3], options: &Options) -> Result<Given> {
    let (place, size) = (format!("`{}`", path.display()), Size { width, height });
    if path.is_file() && decode::is_image(path) {
        let budget = Budget::new(memory::most()?.bytes);
        let reading = decode::Reading { size, fit: options.fit.unwrap_or(Fit::Crop), deep: false };
        let picture = decode::picture(path, reading, &budget);
        let image = picture.map_err(|reason| Error::failure(format!("{place} cannot be read: {reason}")))?.image;
        let own = usize::from(image.color().channel_count());
        let bytes = image.into_bytes();
        let pixels = (0..own).flat_map(|c| bytes.iter().skip(c).step_by(own).copied()).collect();
        let image = Images { pixels, channels: own, height, width }.with_channels(channels);
        let values = image.pixels.iter().map(|&byte| f32::from(byte) / 127.5 - 1.0).collect();
        return Ok(Given { names: vec![set_name(path)], ..Given::nameless(values) });
    }
    // Arrays with more channels than colours and alpha have them as they are.
    let channels_wanted = (channels <= 4).then_some(channels);
    // Files of images are named, and their levels are those of files.
    let known = path.is_dir().then(|| Known { series: None, range: String::new() });
    let options = Options {
        known,
        size: Some(size),
        channels: channels_wanted,
        classes: false,
        stack: 1,
        holdout: 0.0,
        ..options.clone()
    };
    let spec = path.to_str().ok_or_else(|| Error::usage(format!("{place}: the name is not text")))?;
    let set = open_path(spec, &options)?.ok_or_else(|| Error::usage(format!("{place} holds no images")))?;
    match set.shape == [channels, height, width] {
        true => Ok(Given {
            values: (0..set.len()).flat_map(|i| set.item(i)).collect(),
            names: set.about.names,
            left_out: set.about.left_out,
        }),
        false => Err(Error::usage(format!(
            "{place} has examples of {}, and the model of {channels} x {height} x {width}",
            product(&set.shape)
        ))),
    }
}

/// The cells of the model's columns, row by row.
fn rows(path: &Path, width: usize, columns: Option<&Columns>, options: &Options) -> Result<Vec<f64>> {
    let sheet = Sheet::open(path, options)?;
    let own: Vec<String> = (0..width).map(|i| format!("x{i}")).collect();
    let names = columns.map_or(&own, |columns| &columns.names);
    let (mut places, mut values) = (None, vec![]);
    sheet.rows(|at, row| {
        let Some(places) = &places else {
            let is_number = |cell: &str| cells::number(cell, sheet.decimal).is_some();
            let named: Option<Vec<usize>> =
                names.iter().map(|name| row.iter().position(|cell| cell == name.as_str())).collect();
            let is_header = named.is_some() || !row.iter().all(is_number);
            let in_order = (!is_header && row.len() == width).then(|| (0..width).collect());
            let found: Vec<usize> = named.or(in_order).ok_or_else(|| {
                let names = listed(names.iter().map(String::as_str));
                Error::usage(format!("{} has not the columns that the model knows: {names}", sheet.file))
            })?;
            if !is_header {
                take(&mut values, &sheet, at, row, &found)?;
            }
            places = Some(found);
            return Ok(());
        };
        take(&mut values, &sheet, at, row, places)
    })?;
    Ok(values)
}

fn take(values: &mut Vec<f64>, sheet: &Sheet, at: usize, row: &csv::StringRecord, places: &[usize]) -> Result<()> {
    for &place in places {
        let cell = row.get(place).unwrap_or_default();
        let number = cells::number(cell, sheet.decimal).filter(|(value, _)| value.abs() <= cells::MAX);
        let wrong = || Error::usage(format!("{}: {} is no number", sheet.line(at).place(), shown(cell)));
        values.push(number.ok_or_else(wrong)?.0);
    }
    Ok(())
}
