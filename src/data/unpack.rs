//! The bytes of a file, gzipped or not.

use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use crate::error::{Error, Result};
use crate::{files, memory};

const GZIP: [u8; 2] = [0x1f, 0x8b];

/// The unpacked bytes of `path`, and their number unless they are gzipped.
pub(super) fn source(path: &Path) -> Result<(Box<dyn Read>, Option<u64>)> {
    let file = files::open(path).map_err(|error| unreadable(path, error))?;
    let mut file = BufReader::new(file);
    let start = file.fill_buf().map_err(|error| unreadable(path, error))?;
    if start.starts_with(&GZIP) {
        return Ok((Box::new(MultiGzDecoder::new(file)), None));
    }
    if !start.is_empty() && is_gzipped(path) {
        let hex: String = start.iter().take(2).map(|byte| format!("{byte:02x}")).collect();
        return Err(Error::failure(format!(
            "`{}` is not gzipped, though its name says so: it starts with 0x{hex}, gzip with 0x1f8b",
            path.display()
        )));
    }
    let len = file.get_ref().metadata().map(|metadata| metadata.len()).ok();
    Ok((Box::new(file), len))
}

/// At most `limit` bytes; fewer if the file ends earlier. A gzip stream that ends early is accepted.
pub(super) fn read_up_to(source: &mut dyn Read, limit: u64, path: &Path) -> Result<Vec<u8>> {
    let (mut bytes, most) = (Vec::new(), memory::most()?);
    match source.take(limit.min(most.bytes.saturating_add(1))).read_to_end(&mut bytes) {
        _ if bytes.len() as u64 > most.bytes => Err(too_large(path, most)),
        Err(error) if error.kind() != ErrorKind::UnexpectedEof => {
            Err(Error::failure(format!("`{}` is damaged after {} bytes: {error}", path.display(), bytes.len())))
        }
        _ => Ok(bytes),
    }
}

/// All bytes of `path`, complete: a gzip stream that ends early is refused.
pub(super) fn read(path: &Path) -> Result<Vec<u8>> {
    let (mut bytes, most) = (Vec::new(), memory::most()?);
    let (source, len) = source(path)?;
    if len.is_some_and(|len| len > most.bytes) {
        return Err(too_large(path, most));
    }
    let read = source.take(most.bytes.saturating_add(1)).read_to_end(&mut bytes);
    if bytes.len() as u64 > most.bytes {
        return Err(too_large(path, most));
    }
    read.map_err(|error| unreadable(path, error))?;
    Ok(bytes)
}

/// Whether the file name says that the file is gzipped.
pub(super) fn is_gzipped(path: &Path) -> bool {
    last_ending(path) == "gz"
}

/// The error for a file whose content, unpacked, exceeds the memory limit.
pub(super) fn too_large(path: &Path, most: memory::Most) -> Error {
    Error::failure(format!("`{}` holds more than {most}", path.display()))
}

/// The file name without `.gz`.
pub(super) fn stem(path: &Path) -> String {
    let name = if is_gzipped(path) { path.file_stem() } else { path.file_name() };
    name.unwrap_or_default().to_string_lossy().into_owned()
}

/// The part of the file name after its last dot, in lower case and after removing `.gz`.
pub(super) fn ending(path: &Path) -> String {
    last_ending(Path::new(&stem(path)))
}

/// The part of the file name after its last dot, in lower case.
pub(super) fn last_ending(path: &Path) -> String {
    path.extension().unwrap_or_default().to_string_lossy().to_lowercase()
}

/// The error for a file or folder that cannot be read.
pub(super) fn unreadable(path: &Path, error: std::io::Error) -> Error {
    if error.kind() == ErrorKind::UnexpectedEof {
        return Error::failure(format!("`{}` is cut short: its gzip stream has no end", path.display()));
    }
    Error::failure(format!("`{}` cannot be read: {error}", path.display()))
}
