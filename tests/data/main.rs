//! Data sets as users open them: built in, IDX files and folders of images, sound and broken.

mod built_in;
mod folders;
mod idx_files;

use std::fs;
use std::path::Path;

use saddle::data::{Dataset, Items, Options, open};
use saddle::error::Error;
use tempfile::TempDir;

fn open_at(path: &Path, options: &Options) -> Result<Dataset, Error> {
    open(path.to_str().unwrap(), options)
}

fn bytes(set: &Dataset) -> &[u8] {
    match &set.items {
        Items::Bytes(bytes) => bytes,
        Items::Floats(_) => panic!("images are bytes"),
    }
}

fn folder_of(files: &[(&str, &[u8])]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

#[track_caller]
fn assert_failure(result: Result<Dataset, Error>, parts: &[&str]) {
    match result {
        Err(Error::Failure(message)) => assert_says(&message, parts),
        other => panic!("expected a failure, got {other:?}"),
    }
}

#[track_caller]
fn assert_usage(result: Result<Dataset, Error>, parts: &[&str]) {
    match result {
        Err(Error::Usage(message)) => assert_says(&message, parts),
        other => panic!("expected wrong usage, got {other:?}"),
    }
}

#[track_caller]
fn assert_says(message: &str, parts: &[&str]) {
    assert!(!message.contains('\n'), "more than one line: {message}");
    for part in parts {
        assert!(message.contains(part), "`{part}` is missing in: {message}");
    }
}
