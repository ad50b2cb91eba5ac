//! The digest of the files of a data set: SHA-256 over their bytes.

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

/// The digest of several files, from the digest of each, in hexadecimal.
pub(super) fn of_files<'a>(files: impl IntoIterator<Item = &'a FileDigest>) -> String {
    sha256(files)
}

/// The digest of a built-in set that `version` of the code draws.
pub(super) fn of_drawn(name: &str, version: u32) -> String {
    of_files([&of(&[format!("{name} {version}").as_bytes()])])
}
