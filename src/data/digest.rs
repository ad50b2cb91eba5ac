//! The digest of the files of a data set: SHA-256 over their bytes.

use std::io::{self, Read};

use sha2::{Digest, Sha256};

use crate::files::sha256;

/// The SHA-256 of one file, or of one array of an npz file.
pub(super) type FileDigest = [u8; 32];

/// The digest of the concatenation of `parts`.
pub(super) fn of(parts: &[&[u8]]) -> FileDigest {
    let mut hash = Sha256::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().into()
}

/// Adds all that can be read to a digest: the number of bytes.
pub(super) fn add(hash: &mut Sha256, source: &mut impl Read) -> io::Result<u64> {
    let (mut bytes, mut len) = (vec![0; 1 << 20], 0);
    loop {
        match source.read(&mut bytes)? {
            0 => return Ok(len),
            read => {
                hash.update(&bytes[..read]);
                len += read as u64;
            }
        }
    }
}

/// The digest of several files, from the digest of each, in hexadecimal.
pub(super) fn of_files<'a>(files: impl IntoIterator<Item = &'a FileDigest>) -> String {
    sha256(files)
}

/// The digest of a built-in set that `version` of the code draws.
pub(super) fn of_drawn(name: &str, version: u32) -> String {
    of_files([&of(&[format!("{name} {version}").as_bytes()])])
}
