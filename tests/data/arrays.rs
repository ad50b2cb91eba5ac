//! NumPy's arrays, in npy and npz files.

use std::io::{Cursor, Write};

use saddle::data::{Options, Series, Split};
use saddle::settings::Scale;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::{assert_failure, assert_usage, bytes, floats, open_file, windows};

/// An npy file of version 1 with this header, padded as NumPy does.
pub fn npy_with(header: &str, data: &[u8]) -> Vec<u8> {
    let padding = (64 - (11 + header.len()) % 64) % 64;
    let header = format!("{header}{}\n", " ".repeat(padding));
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.as_bytes());
    file.extend(data);
    file
}

pub fn npy(kind: &str, shape: &[usize], data: &[u8]) -> Vec<u8> {
    let extents: String = shape.iter().map(|extent| format!("{extent}, ")).collect();
    npy_with(&format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({}), }}", extents.trim_end()), data)
}

pub fn f32s(shape: &[usize], values: &[f32]) -> Vec<u8> {
    npy("<f4", shape, &values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>())
}

pub fn npz(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(vec![]));
    for (name, content) in members {
        zip.start_file(format!("{name}.npy"), SimpleFileOptions::default()).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

#[test]
fn rank_and_type_say_what_an_array_holds() {
    let open = |content| open_file("a.npy", content, &Options::default()).unwrap();
    let points = open(f32s(&[3, 2], &[1.0, -2.0, 3.0, 4.0, 5.0, 6.5]));
    assert_eq!((points.shape.as_slice(), points.len()), ([2].as_slice(), 3));
    let raw = |file| {
        let options = Options { scale: Some(Scale::None), ..Options::default() };
        open_file("a.npy", file, &options).unwrap()
    };
    let values = [1.0, -2.0, 3.0, 4.0, 5.0, 6.5];
    assert!(
        ["`x0` 1.0 to 5.0", "`x1` -2.0 to 6.5", "1.0, -2.0"].iter().all(|words| points.in_full().contains(words)),
        "{}",
        points.in_full()
    );
    assert_eq!(floats(&raw(f32s(&[3, 2], &values))), values);
    let Some(Series::Columns(columns)) = &points.series else { panic!("points have columns") };
    let back = columns.in_units(floats(&points));
    assert!(back.iter().zip(values).all(|(back, value)| (back - f64::from(value)).abs() < 1e-5), "{back:?}");
    let mean = floats(&points).iter().sum::<f32>();
    assert!(mean.abs() < 1e-6 && floats(&points)[0] < -1.0, "columns have mean 0 and deviation 1");
    assert_eq!(raw(npy("|u1", &[2, 2], &[3, 4, 5, 5])).example(0), [3.0, 4.0]);

    let sequences = open(f32s(&[2, 2, 2], &[0.0, 10.0, 1.0, 20.0, 2.0, 30.0, 4.0, 50.0]));
    assert_eq!((sequences.shape.as_slice(), sequences.len()), ([2, 2].as_slice(), 2));
    assert_eq!(sequences.example(1), [0.5, 0.5, 1.0, 1.0]);
    let csv = String::from_utf8(sequences.series.as_ref().unwrap().to_csv(floats(&sequences), 2)).unwrap();
    assert_eq!(csv, "series,step,x0,x1\n0,0,0,10\n0,1,1,20\n1,0,2,30\n1,1,4,50\n");

    let grey = open(npy("|u1", &[2, 1, 3], &[0, 1, 2, 3, 4, 255]));
    assert_eq!((grey.shape.as_slice(), bytes(&grey)), ([1, 1, 3].as_slice(), [0, 1, 2, 3, 4, 255].as_slice()));
    let colour = open(npy("|u1", &[1, 1, 2, 3], &[1, 2, 3, 4, 5, 6]));
    assert_eq!((colour.shape.as_slice(), bytes(&colour)), ([3, 1, 2].as_slice(), [1, 4, 2, 5, 3, 6].as_slice()));
}

#[test]
fn numbers_of_every_width_read_the_same() {
    let cases: [(&str, Vec<u8>); 10] = [
        ("<i8", [1i64, -2].iter().flat_map(|v| v.to_le_bytes()).collect()),
        (">i4", [1i32, -2].iter().flat_map(|v| v.to_be_bytes()).collect()),
        ("<i2", [1i16, -2].iter().flat_map(|v| v.to_le_bytes()).collect()),
        ("|i1", vec![1, 254]),
        ("<f8", [1f64, -2.0].iter().flat_map(|v| v.to_le_bytes()).collect()),
        (">f4", [1f32, -2.0].iter().flat_map(|v| v.to_be_bytes()).collect()),
        ("|u1", vec![1, 2]),
        ("<u2", vec![1, 0, 2, 0]),
        (">u4", vec![0, 0, 0, 1, 0, 0, 0, 2]),
        ("<u8", [1u64, 2].iter().flat_map(|v| v.to_le_bytes()).collect()),
    ];
    for (kind, data) in cases {
        let options = Options { scale: Some(Scale::None), ..Options::default() };
        let rows = [data.clone(), vec![0; data.len()]].concat();
        let set = open_file("a.npy", npy(kind, &[2, 2], &rows), &options).unwrap();
        let second = if kind.contains('u') { 2.0 } else { -2.0 };
        assert_eq!(set.example(0), [1.0, second], "{kind}");
    }
}

#[test]
fn float_images_say_their_range_by_their_values() {
    let open = |values: &[f32]| open_file("a.npy", f32s(&[1, 1, values.len(), 1], values), &Options::default());
    assert_eq!(bytes(&open(&[0.0, 0.5, 1.0]).unwrap()), [0, 128, 255]);
    assert_eq!(bytes(&open(&[-1.0, 0.0, 1.0]).unwrap()), [0, 128, 255]);
    assert_eq!(bytes(&open(&[0.0, 255.0]).unwrap()), [0, 255]);
    assert_failure(open(&[0.0, 4e5]), &["a.npy", "from 0 to 400000", "range=data"]);
    assert_failure(open(&[0.0, f32::NAN]), &["a.npy", "NaN at [0, 0, 1, 0]"]);
}

#[test]
fn images_of_arrays_take_the_options_of_images() {
    let file = npy("|u1", &[1, 2, 2, 3], &[9, 8, 7, 9, 8, 7, 9, 8, 7, 80, 90, 100]);
    let open = |options| open_file("a.npy", &file, &options);
    let large = open(Options { size: Some(4.into()), ..Options::default() }).unwrap();
    assert_eq!(large.shape, [3, 4, 4]);
    assert_eq!((bytes(&large)[10], bytes(&large)[26], bytes(&large)[42]), (80, 90, 100));
    assert_eq!(open(Options { channels: Some(1), ..Options::default() }).unwrap().shape, [1, 2, 2]);
    assert_usage(open(windows(2, None)), &["a.npy", "holds images", "window"]);
    assert_usage(open_file("a.npy", f32s(&[1, 2, 1], &[0.0, 1.0]), &windows(2, None)), &["sequences of one length"]);
    let sized = Options { size: Some(4.into()), ..Options::default() };
    assert_usage(open_file("a.npy", f32s(&[1, 2], &[0.0, 1.0]), &sized), &["a.npy", "holds points"]);
}

#[test]
fn npz_members_are_found_by_their_names() {
    let (x, y) = (npy("|u1", &[3, 1, 1], &[1, 2, 3]), npy("<i8", &[3], &[7i64, 2, 7].map(i64::to_le_bytes).concat()));
    let open =
        |members: &[(&str, Vec<u8>)], split| open_file("a.npz", npz(members), &Options { split, ..Options::default() });
    for members in [
        vec![("x", x.clone()), ("y", y.clone())],
        vec![("labels", y.clone()), ("pictures", x.clone())],
        vec![("other", y.clone()), ("x_train", x.clone()), ("y_train", y.clone())],
    ] {
        let set = open(&members, Split::Train).unwrap();
        let labels = set.labels.as_ref().unwrap();
        assert_eq!((bytes(&set), labels.ids.as_slice()), ([1, 2, 3].as_slice(), [1, 0, 1].as_slice()));
        assert_eq!(labels.names, ["2", "7"]);
    }
    assert_eq!(open(&[("x", x.clone())], Split::Train).unwrap().labels, None);
    let test =
        open(&[("x_train", x.clone()), ("y_train", y.clone()), ("x_test", x.clone()), ("y_test", y)], Split::Test);
    let test = test.unwrap();
    assert_eq!((bytes(&test), test.classes()), ([1, 2, 3].as_slice(), 2));

    assert_failure(open(&[("x", x.clone())], Split::Test), &["a.npz", "no part to test"]);
    assert_failure(open(&[("a", x.clone()), ("b", x.clone())], Split::Train), &["a.npz", "a, b", "`x`"]);
    assert_failure(open(&[], Split::Train), &["a.npz", "members: none"]);
    let wrong = |labels| open(&[("x", x.clone()), ("y", labels)], Split::Train);
    assert_failure(wrong(npy("|u1", &[2], &[0, 1])), &["member `y`", "a.npz", "[2]", "3 examples"]);
}

#[test]
fn broken_arrays_are_explained() {
    let shaped =
        |shape: &str| npy_with(&format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}"), &[0; 8]);
    let record = "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1, 2), }";
    let cases: [(Vec<u8>, &[&str]); 24] = [
        (vec![], &["it is empty"]),
        (b"1,2\n".to_vec(), &["does not start with"]),
        (b"\x93NUMPY\x01".to_vec(), &["cut short"]),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff".to_vec(), &["no plain array"]),
        (f32s(&[2], &[0.0; 2]), &["shape 2", "[N, D]"]),
        (f32s(&[1, 1, 1, 2, 1], &[0.0; 2]), &["shape 1 x 1 x 1 x 2 x 1"]),
        (f32s(&[1, 5, 5, 5], &[0.0; 125]), &["shape 1 x 5 x 5 x 5", "fewer channels C"]),
        (f32s(&[0, 2], &[]), &["holds no examples", "0 x 2"]),
        (f32s(&[], &[1.0]), &["holds no examples"]),
        (f32s(&[2, 2], &[0.0; 3]), &["2 x 2 values, 16 bytes", "but 12 follow"]),
        (f32s(&[1, 2], &[0.0; 3]), &["1 x 2 values", "but more follow"]),
        (f32s(&[1, 2], &[0.0, f32::INFINITY]), &["inf at [0, 1]"]),
        (b"\x93NUMPY\x04\x00\xff\xff\xff\xff".to_vec(), &["its version is 4, and 1 to 3 are read"]),
        (f32s(&[2, 1, 2], &[1.0; 4]), &["nothing to learn: `x0` (1 in every row), `x1` (1 in every row)"]),
        (npy("<c8", &[1, 1], &[0; 8]), &["type <c8", "complex numbers: save a.real and a.imag"]),
        (npy("<f16", &[1, 1], &[0; 16]), &["type <f16", "float32"]),
        (npy("<M8[ns]", &[1, 1], &[0; 8]), &["type <M8[ns]", "float32"]),
        (npy("<U2", &[1, 1], &[0; 8]), &["type <U2", "float32"]),
        (npy("|S8", &[1, 1], &[0; 8]), &["type |S8"]),
        (npy("|O", &[1, 8], &[0; 8]), &["Python objects", "dtype=float32"]),
        (npy_with(record, &[0; 8]), &["records", "save one field with"]),
        (npy_with(&record.replace("), ", &"), ('b123456789', '<f4')".repeat(9)), &[]), &["records"]),
        (shaped("(1000000000, 1000000)"), &["1000000000 x 1000000", "more than"]),
        (shaped("(18446744073709551615, 18446744073709551615)"), &["no plain array"]),
    ];
    for (content, parts) in cases {
        assert_failure(open_file("a.npy", &content, &Options::default()), &[parts, &["a.npy"]].concat());
        assert_failure(
            open_file("a.npz", npz(&[("x", content)]), &Options::default()),
            &[parts, &["`x`", "a.npz"][..]].concat(),
        );
    }
    assert_failure(open_file("a.npy", shaped("(1000000, 4)"), &Options::default()), &["1000000 x 4", "but 8 follow"]);
    let nested = npy_with(&"(".repeat(60_000), &[]);
    assert_failure(open_file("a.npy", nested, &Options::default()), &["a.npy", "no plain array"]);
    let whole = npz(&[("x", f32s(&[1, 2], &[0.0, 1.0]))]);
    assert_failure(open_file("a.npz", &whole[..whole.len() / 2], &Options::default()), &["a.npz", "no npz file"]);
    assert_failure(open_file("a.npz", "", &Options::default()), &["a.npz", "no npz file"]);
}

#[test]
fn headers_of_later_versions_and_of_python_2_are_read() {
    let header = b"{'descr': '>f2', 'fortran_order': False, 'shape': (2L, 2L), }\n";
    let data = [0x3c, 0, 0xc0, 0, 0, 0, 0, 0]; // 1, -2, 0, 0
    for version in 1..=3u8 {
        let len = (header.len() as u32).to_le_bytes();
        let len = if version == 1 { &len[..2] } else { &len[..] };
        let file = [b"\x93NUMPY".as_slice(), &[version, 0], len, header, &data].concat();
        let options = Options { scale: Some(Scale::None), ..Options::default() };
        assert_eq!(floats(&open_file("a.npy", file, &options).unwrap()), [1.0, -2.0, 0.0, 0.0], "version {version}");
    }
}

#[test]
fn columns_are_scaled_by_what_is_learned_and_constant_ones_left_out() {
    // Of 40 points, 4 random ones are held out; of sequences, the last ones. The held-out values are far from the
    // others.
    let outliers = |is_out: &dyn Fn(usize) -> bool, width: usize| -> Vec<f32> {
        (0..40 * width)
            .map(|i| [(i / width % 7) as f32, 3.0, 7.0, 100.0][i % width] + if is_out(i / width) { 1e6 } else { 0.0 })
            .collect()
    };
    let part = |shape: &[usize], values: &[f32], split| {
        open_file("a.npy", f32s(shape, values), &Options { split, holdout: 0.1, ..Options::default() }).unwrap()
    };
    let rows: Vec<f32> = (0..80).map(|i| i as f32).collect();
    let test = part(&[40, 2], &rows, Split::Test);
    let Some(Series::Columns(columns)) = &test.series else { panic!("points have columns") };
    let held: Vec<usize> = columns.in_units(floats(&test)).chunks(2).map(|row| row[0].round() as usize / 2).collect();
    assert_eq!(held.len(), 4);
    for (shape, held) in [([40, 4].as_slice(), held), (&[40, 1, 4], vec![36, 37, 38, 39])] {
        let values = outliers(&|row| held.contains(&row), 4);
        let [train, test] = [Split::Train, Split::Test].map(|split| part(shape, &values, split));
        assert_eq!((train.len(), test.len(), train.shape.last()), (36, 4, Some(&4)), "{train}");
        assert_eq!(train.series, test.series);
        assert!(floats(&train).iter().all(|value| value.abs() < 2.0) && floats(&test).iter().all(|value| *value > 1e4));
        let left = "kept for their places only: `x1` (3 in every row), `x2` (7 in every row), `x3` (100 in every row)";
        assert!(train.to_string().contains(left), "{train}");
    }
}

#[test]
fn wide_arrays_take_time_by_their_size() {
    let (rows, width) = (20, 20_000);
    let values: Vec<f32> = (0..rows * width).map(|i| (i % 1009) as f32).collect();
    let start = std::time::Instant::now();
    let set = open_file("a.npy", f32s(&[rows, width], &values), &Options::default()).unwrap();
    assert!(set.in_full().contains("and 19900 more"));
    assert!(start.elapsed().as_secs() < 10, "{:?}", start.elapsed());
}

#[test]
fn samples_of_images_are_read_back() {
    for channels in [1, 3] {
        let pixels: Vec<u8> = (0..4 * channels * 64).map(|i| (i * 37 % 256) as u8).collect();
        let samples: Vec<f32> = pixels.iter().map(|pixel| f32::from(*pixel) / 127.5 - 1.0).collect();
        let set = open_file("a.npy", f32s(&[4, channels, 8, 8], &samples), &Options::default()).unwrap();
        assert_eq!((set.shape.as_slice(), bytes(&set)), ([channels, 8, 8].as_slice(), pixels.as_slice()));
        let text = set.to_string();
        assert!(text.contains("channels first") && text.contains("values -1..1, as all values lie in it"), "{text}");
    }
}
