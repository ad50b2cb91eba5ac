//! NumPy's files beside those of examples: written, and read by the names of their arrays.

use std::{
    io::{Cursor, Write},
    path::Path,
};

use npyz::{AutoSerialize, WriterBuilder};
use zip::{ZipWriter, write::SimpleFileOptions};

use super::npy::Npz;
use crate::error::{Error, Result};

/// The shape and the values of an array in an npz file; `None` if it has no array of this name.
///
/// # Errors
/// A file that is none, and an array without numbers, or of more than data may have.
pub fn member(path: &Path, name: &str) -> Result<Option<(Vec<usize>, Vec<f64>)>> {
    let mut file = Npz::open(path)?;
    if !file.names.iter().any(|found| found == name) {
        return Ok(None);
    }
    let array = file.member(name)?;
    Ok(Some((array.shape.clone(), array.values().collect())))
}

/// The texts of an array in an npz file; `None` if it has no array of this name.
///
/// # Errors
/// A file that is none, and an array of something else.
pub fn texts(path: &Path, name: &str) -> Result<Option<Vec<String>>> {
    let mut file = Npz::open(path)?;
    let is_there = file.names.iter().any(|found| found == name);
    is_there.then(|| file.texts(name)).transpose()
}

/// The bytes of an npy array `[N, ..shape]`.
///
/// # Errors
/// Values that are no whole number of such rows.
pub fn npy<T: AutoSerialize>(samples: Vec<T>, shape: &[usize]) -> Result<Vec<u8>> {
    let fail = |e: std::io::Error| Error::failure(format!("cannot make the npy file: {e}"));
    let count = samples.len() / shape.iter().product::<usize>();
    let shape: Vec<u64> = [&[count], shape].concat().into_iter().map(|n| n as u64).collect();
    let mut bytes = vec![];
    let mut writer =
        npyz::WriteOptions::new().default_dtype().shape(&shape).writer(&mut bytes).begin_nd().map_err(fail)?;
    writer.extend(samples).map_err(fail)?;
    writer.finish().map_err(fail)?;
    Ok(bytes)
}

/// The bytes of an npz file with these members.
///
/// # Errors
/// More than a zip archive holds.
pub fn npz(members: &[(&str, Vec<u8>)]) -> Result<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(vec![]));
    let fail = |e: &dyn std::fmt::Display| Error::failure(format!("cannot make the npz file: {e}"));
    for (name, bytes) in members {
        let options = SimpleFileOptions::default().large_file(bytes.len() > u32::MAX as usize);
        zip.start_file(format!("{name}.npy"), options).map_err(|e| fail(&e))?;
        zip.write_all(bytes).map_err(|e| fail(&e))?;
    }
    zip.finish().map(Cursor::into_inner).map_err(|e| fail(&e))
}
