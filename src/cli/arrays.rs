//! Files of arrays: npy, npz and csv.

pub use crate::data::numpy::{npy, npz};

/// A CSV table with one sample per row.
pub fn csv(samples: &[f32], columns: usize) -> Vec<u8> {
    let header = (0..columns).map(|i| format!("x{i}")).collect::<Vec<_>>().join(",");
    let row = |r: &[f32]| r.iter().map(|v| v.to_string()).collect::<Vec<_>>().join(",");
    let rows = samples.chunks(columns).map(row);
    let mut text = std::iter::once(header).chain(rows).collect::<Vec<_>>().join("\n");
    text.push('\n');
    text.into_bytes()
}

/// A CSV table of cells.
pub fn table<R: AsRef<[String]>>(header: &[String], rows: impl Iterator<Item = R>) -> Vec<u8> {
    const SPACE: &str = "memory takes every row";
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record(header).expect(SPACE);
    rows.for_each(|row| csv.write_record(row.as_ref()).expect(SPACE));
    csv.into_inner().expect(SPACE)
}

/// The bytes of an npy array of texts, of NumPy's type `<U`.
pub fn npy_of_texts(texts: &[String]) -> Vec<u8> {
    let width = texts.iter().map(|text| text.chars().count()).max().unwrap_or(0).max(1);
    let header = format!("{{'descr': '<U{width}', 'fortran_order': False, 'shape': ({},), }}", texts.len());
    // The header ends with a line feed, and the array begins at a multiple of 64 bytes.
    let length = (10 + header.len() + 1).next_multiple_of(64) - 10;
    let mut bytes = [b"\x93NUMPY\x01\x00", &(length as u16).to_le_bytes()[..]].concat();
    bytes.extend(format!("{header:width$}\n", width = length - 1).bytes());
    for text in texts {
        let points = text.chars().map(u32::from).chain(std::iter::repeat(0)).take(width);
        points.for_each(|point| bytes.extend(point.to_le_bytes()));
    }
    bytes
}
