//! What a data set was read from, as one number: SHA-256 over the bytes of its files.

use sha2::{Digest, Sha256};

use crate::files::sha256;

/// The SHA-256 of one file, or of one array of an npz file.
pub(super) type FileDigest = [u8; 32];

/// The digest of bytes that lie in memory in parts.
pub(super) fn of(parts: &[&[u8]]) -> FileDigest {
    let mut hash = Sha256::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().into()
}

/// The digest of files, of each of which its own is known, in hexadecimal.
pub(super) fn of_files<'a>(files: impl IntoIterator<Item = &'a FileDigest>) -> String {
    sha256(files)
}

/// The digest of a set that `version` of the code draws.
pub(super) fn of_drawn(name: &str, version: u32) -> String {
    of_files([&of(&[format!("{name} {version}").as_bytes()])])
}
