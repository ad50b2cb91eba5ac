//! Data sets as users open them: built-in ones, and files of all formats, valid and broken.

mod arrays;
mod built_in;
mod damage;
mod derived;
mod folders;
mod formats;
mod idx_files;
#[cfg(unix)]
mod layouts;
mod music;
mod odd_arrays;
mod odd_tables;
mod offices;
mod records;
mod statics;
mod symbols;
mod tables;
mod texts;
mod ties;
mod wishes;

use std::fs;
use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use saddle::data::{Dataset, Items, Options, open};
use saddle::error::Error;
use tempfile::TempDir;

fn open_at(path: &Path, options: &Options) -> Result<Dataset, Error> {
    open(path.to_str().unwrap(), options)
}

fn bytes(set: &Dataset) -> &[u8] {
    match &set.items {
        Items::Bytes(bytes) => bytes,
        _ => panic!("images are bytes"),
    }
}

fn floats(set: &Dataset) -> &[f32] {
    match &set.items {
        Items::Floats(floats) => floats,
        _ => panic!("points and sequences are floats"),
    }
}

/// Opens a file of this name and content.
fn open_file(name: &str, content: impl AsRef<[u8]>, options: &Options) -> Result<Dataset, Error> {
    let folder = folder_of(&[(name, content.as_ref())]);
    open_at(&folder.path().join(name), options)
}

/// The options for windows of sequences.
fn windows(window: usize, stride: Option<usize>) -> Options {
    Options { window: Some(window), stride, ..Options::default() }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn folder_of(files: &[(&str, &[u8])]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    folder
}

#[track_caller]
fn assert_failure<T: std::fmt::Debug>(result: Result<T, Error>, parts: &[&str]) {
    match result {
        Err(Error::Failure(message)) => assert_says(&message, parts),
        other => panic!("expected a failure, got {other:?}"),
    }
}

#[track_caller]
fn assert_usage<T: std::fmt::Debug>(result: Result<T, Error>, parts: &[&str]) {
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
