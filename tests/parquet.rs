//! `data::pack` of Parquet files, which `tests/fixtures/parquet.py` has written with pyarrow.
#![cfg(feature = "parquet")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use saddle::{
    data::{self, Options, Packing},
    error::Result,
};

/// A file of `tests/fixtures/parquet`.
fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/parquet").join(name)
}

fn pack(spec: &Path, out: &Path, options: &Options) -> Result<Packing> {
    data::pack(spec.to_str().unwrap(), out, options, &mut |_, _| ())
}

fn sized() -> Options {
    Options { size: Some(8.into()), ..Options::default() }
}

/// The JSON text beside a packed file.
fn described(out: &Path) -> serde_json::Value {
    serde_json::from_str(&fs::read_to_string(out.with_extension("json")).unwrap()).unwrap()
}

#[test]
fn images_are_those_of_a_zip_archive() {
    let root = tempfile::tempdir().unwrap();
    let [zip, parquet] = ["zip.npy", "parquet.npy"].map(|name| root.path().join(name));
    pack(&fixture("images.zip"), &zip, &sized()).unwrap();
    let packed = pack(&fixture("images"), &parquet, &sized()).unwrap();
    assert_eq!(fs::read(&zip).unwrap(), fs::read(&parquet).unwrap());
    let labels = |out: &Path| fs::read(out.with_extension("labels.npy")).unwrap();
    assert_eq!(labels(&zip), labels(&parquet));
    assert_eq!(described(&parquet)["classes"], serde_json::json!(["cat", "dog"]));
    assert_eq!(
        packed.notes,
        [
            "only the part to learn from: 2 files: train-00000-of-00002.parquet, train-00001-of-00002.parquet",
            "images from the column `image`, classes from `label`; left out the columns `caption`"
        ]
    );
    let left_out = "left out: files of other parts (1: test-00000-of-00001.parquet)";
    assert_eq!(packed.left_out.to_string(), left_out);
    let files: Vec<_> = fs::read_dir(root.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(files.len(), 6, "{files:?}");

    let all = Options { parts: false, ..sized() };
    assert!(pack(&fixture("images"), &parquet, &all).unwrap().said.starts_with("28 images"));
    let one = fixture("images/test-00000-of-00001.parquet");
    assert!(pack(&one, &parquet, &sized()).unwrap().said.starts_with("4 images"));
}

#[test]
fn bytes_without_paths_and_classes_in_words() {
    let root = tempfile::tempdir().unwrap();
    let out = root.path().join("plain.npy");
    let packed = pack(&fixture("plain.parquet"), &out, &sized()).unwrap();
    assert!(packed.said.starts_with("2 images of 8x8, 3 channels"), "{}", packed.said);
    let left_out = packed.left_out.to_string();
    assert!(left_out.contains("plain.parquet row 2"), "{left_out}");
    assert!(
        left_out.contains("images that cannot be read (1") && left_out.contains("plain.parquet row 3:"),
        "{left_out}"
    );
    assert_eq!(described(&out)["classes"], serde_json::json!(["a", "b"]));
}

#[test]
fn a_table_is_packed_like_its_rows_in_a_csv_file() {
    let root = tempfile::tempdir().unwrap();
    let csv = root.path().join("rows.csv");
    let mut text = "series,whole,large,single,double,money,flag\n".to_owned();
    for i in 0..160i64 {
        let whole = if i % 50 == 7 { String::new() } else { (i * i % 101 - 40).to_string() };
        let double = if i == 11 { String::new() } else { ((i * 29 % 97) as f64 / 7.0).to_string() };
        let (large, single) = (i * 7919 % 1009 * 1_000_000_000, (i * 37 % 64) as f64 / 8.0 - 3.0);
        let (series, money, flag) = (["a", "b"][i as usize / 80], i * 31 % 500, u8::from(i % 3 == 0));
        text += &format!("{series},{whole},{large},{single},{double},{money}.00,{flag}\n");
    }
    fs::write(&csv, &text).unwrap();
    let [plain, stored] = ["csv.npy", "parquet.npy"].map(|name| root.path().join(name));
    for options in [
        Options::default(),
        Options { columns: Some("double,whole".into()), group: Some("series".into()), ..Options::default() },
    ] {
        let expected = pack(&csv, &plain, &options).unwrap();
        let packed = pack(&fixture("table.parquet"), &stored, &options).unwrap();
        assert_eq!(fs::read(&plain).unwrap(), fs::read(&stored).unwrap());
        assert_eq!(expected.left_out, packed.left_out);
        let [a, b] = [&plain, &stored].map(|out| described(out));
        assert_eq!([&a["columns"], &a["series"]], [&b["columns"], &b["series"]]);
        assert!(packed.notes[1].ends_with("left out when (times), list (lists or structures)"), "{:?}", packed.notes);
    }
    assert_eq!(described(&stored)["series"], serde_json::json!([77, 78]));
}

#[test]
fn what_cannot_be_packed_is_refused_in_one_sentence() {
    let root = tempfile::tempdir().unwrap();
    let out = root.path().join("a.npy");
    let refused = |spec: &Path, options: &Options, code: u8, sentence: &str| {
        let error = pack(spec, &out, options).unwrap_err();
        assert!(error.to_string().contains(sentence), "{error}");
        assert_eq!((error.exit_code(), error.to_string().lines().count(), out.exists()), (code, 1, false), "{error}");
    };
    let plain = Options::default();
    refused(
        &fixture("texts.parquet"),
        &plain,
        1,
        "has no column of images or of numbers: its columns are `series`, `list`",
    );
    refused(&fixture("table.parquet"), &sized(), 2, "leave out size");
    let decimal = Options { decimal: Some(saddle::settings::Decimal::Comma), ..plain.clone() };
    refused(&fixture("table.parquet"), &decimal, 2, "decimal is for tables in text");
    let shard = fs::read(fixture("images/train-00000-of-00002.parquet")).unwrap();
    let [cut, other] = ["cut.parquet", "set/b.parquet"].map(|name| root.path().join(name));
    fs::write(&cut, &shard[..shard.len() / 2]).unwrap();
    refused(&cut, &plain, 1, "cut.parquet` is no Parquet file that can be read");
    fs::create_dir(root.path().join("set")).unwrap();
    fs::write(root.path().join("set/a.parquet"), &shard).unwrap();
    fs::copy(fixture("table.parquet"), &other).unwrap();
    refused(&root.path().join("set"), &plain, 1, "b.parquet` has other columns than");
    let error = data::open(fixture("table.parquet").to_str().unwrap(), &plain).unwrap_err();
    assert!(error.to_string().contains("is a Parquet file: `saddle pack` makes an array of it"), "{error}");
}

#[test]
fn damaged_files_do_not_end_in_a_panic() {
    let root = tempfile::tempdir().unwrap();
    let [file, out] = ["a.parquet", "a.npy"].map(|name| root.path().join(name));
    let mut refused = 0;
    for name in ["images/train-00000-of-00002.parquet", "images/train-00001-of-00002.parquet", "table.parquet"] {
        let whole = fs::read(fixture(name)).unwrap();
        for n in 0..200 {
            let mut bytes = whole.clone();
            let at = n * 7919 % bytes.len();
            bytes[at] ^= 1 << (n % 8);
            fs::write(&file, &bytes).unwrap();
            refused += usize::from(pack(&file, &out, &Options::default()).is_err());
        }
    }
    assert!(refused > 50, "{refused}");
}
