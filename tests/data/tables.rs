//! CSV tables as points and as windows of one series.

use std::path::PathBuf;

use saddle::data::{Columns, Options, Series, Split};

use crate::{assert_failure, assert_usage, floats, folder_of, gzip, open_at, open_file, windows};

fn columns(series: &Option<Series>) -> &Columns {
    match series {
        Some(Series::Columns(columns)) => columns,
        other => panic!("not columns: {other:?}"),
    }
}

#[test]
fn a_table_without_a_window_holds_points_in_their_units() {
    for text in ["x,y\n0.5,1\n-1, 2.5e-1\r\n\n3,4\n", "\u{feff}0.5,1\n-1,0.25\n3,\"4\""] {
        let set = open_file("a.csv", text, &Options::default()).unwrap();
        assert_eq!((set.shape.as_slice(), floats(&set)), ([2].as_slice(), [0.5, 1.0, -1.0, 0.25, 3.0, 4.0].as_slice()));
        assert_eq!((set.series, set.notes), (None, vec![]));
    }
}

#[test]
fn windows_are_scaled_by_the_whole_table_and_the_last_is_left_out() {
    let text = "a,\"b, c\"\n0,10\n1,30\n2,20\n4,50\n3,40\n";
    for (name, content) in
        [("a.csv", text.as_bytes().to_vec()), ("a.CSV", text.into()), ("a.csv.gz", gzip(text.as_bytes()))]
    {
        let set = open_file(name, content, &windows(2, None)).unwrap();
        assert_eq!((set.shape.as_slice(), set.len(), set.name.as_str()), ([2, 2].as_slice(), 3, name));
        assert_eq!(set.example(0), [0.0, 0.0, 0.25, 0.5]);
        assert_eq!(set.example(2), [0.5, 0.25, 1.0, 1.0]);
        let columns = columns(&set.series);
        assert_eq!(columns.names, ["a", "b, c"]);
        assert_eq!((columns.min.as_slice(), columns.max.as_slice()), ([0.0, 10.0].as_slice(), [4.0, 50.0].as_slice()));
    }
    for (stride, starts) in [(2, [0.0, 0.5].as_slice()), (3, &[0.0]), (usize::MAX, &[0.0])] {
        let set = open_file("a.csv", text, &windows(2, Some(stride))).unwrap();
        let firsts: Vec<f32> = (0..set.len()).map(|i| set.example(i)[0]).collect();
        assert_eq!(firsts, starts, "stride {stride}");
    }
}

#[test]
fn generated_windows_return_in_units_with_names() {
    let text =
        "day,\"price, EUR\",volume\n2020-01-01,-2.5,44994500\n2020-01-02,7.5,12345678\n2020-01-03,0.5,20000000\n";
    let set = open_file("a.csv", text, &windows(2, None)).unwrap();
    assert_eq!(set.notes.len(), 1);
    assert!(set.notes[0].contains("`day`") && set.notes[0].contains("a.csv") && set.notes[0].contains("left out"));
    let series = set.series.as_ref().unwrap();
    let csv = String::from_utf8(series.to_csv(&set.example(0), 2)).unwrap();
    assert_eq!(csv, "series,step,\"price, EUR\",volume\n0,0,-2.5,44994500\n0,1,7.5,12345678\n");
    let stored: Series = serde_json::from_str(&serde_json::to_string(series).unwrap()).unwrap();
    assert_eq!(&stored, series);
}

#[test]
fn a_header_is_known_by_its_columns_of_numbers() {
    let names = |text: &str| columns(&open_file("a.csv", text, &windows(2, None)).unwrap().series).names.clone();
    assert_eq!(names("1,2\n3,4\n5,6\n"), ["x0", "x1"]);
    assert_eq!(names(",b\n3,4\n5,6\n7,8\n"), ["x0", "b"]);
    assert_eq!(names("1990,b\n3,4\n5,6\n7,8\n"), ["1990", "b"]);
    let points = open_file("a.csv", "2020-01-01,1\n2020-01-02,2\n", &Options::default()).unwrap();
    assert_eq!((floats(&points), points.notes.len()), ([1.0, 2.0].as_slice(), 1));
}

#[test]
fn broken_tables_are_explained() {
    let cases: [(&str, &[&str]); 16] = [
        ("", &["holds no points"]),
        ("\n\n", &["holds no points"]),
        ("a,b\n", &["holds no points"]),
        ("a,b\nc,d\n", &["holds no points"]),
        ("a,b\n1,2\n3,four\n5,6\n", &[":3: `four` is not a finite number (column `b`)"]),
        ("a,b\n1,2\n3,\n5,6\n", &[":3: an empty cell is not a finite number (column `b`)"]),
        (",1\n2,3\n4,5\n", &[":1: an empty cell is not a finite number (column `x0`)"]),
        ("a,b\n1,2\nNaN,4\n5,6\n", &[":3: `NaN` is not a finite number (column `a`)"]),
        ("a,b\n1,2\n-inf,4\n5,6\n", &[":3: `-inf`", "column `a`"]),
        ("a,b\n1,2\n3,1e39\n5,6\n", &[":3: `1e39`", "column `b`"]),
        ("a,b\n1,2\n\n3\n5,6\n", &[":4: 1 values where the first row has 2"]),
        ("\r\na,b\r\n \r\n1,2\r\n\r\n\r\n3,x\r\n5,6", &[":7: `x` is not"]),
        ("a,b\n1,2\n3,4,5\n", &[":3: 3 values where the first row has 2"]),
        ("a,b\n1,7\n2,7\n3,7\n", &["column `b` is 7 in every row"]),
        ("a,b\n1,2\n3,4\n", &["has 2 rows", "windows of 2 need 3"]),
        ("1;2\n3;4\n", &["holds no points"]),
    ];
    for (text, parts) in cases {
        for (name, content) in [("a.csv", text.as_bytes().to_vec()), ("a.csv.gz", gzip(text.as_bytes()))] {
            assert_failure(open_file(name, content, &windows(2, None)), &[parts, &[name]].concat());
        }
    }
    assert_failure(open_file("a.csv", b"1,2\n3,\xe9\n", &windows(2, None)), &["a.csv", "line 2 is not UTF-8"]);
    let zipped = gzip("1,2\n".repeat(1000).as_bytes());
    assert_failure(open_file("a.csv.gz", &zipped[..zipped.len() / 2], &windows(2, None)), &["a.csv.gz", "cut short"]);
    assert_failure(open_file("a.csv.gz", "1,2\n3,4\n", &windows(2, None)), &["a.csv.gz", "not gzipped"]);
}

#[test]
fn options_must_fit_a_table() {
    let text = "1,2\n3,4\n5,7\n";
    let test = Options { split: Split::Test, ..windows(2, None) };
    assert_failure(open_file("a.csv", text, &test), &["a.csv", "no part to test"]);
    let sized = Options { size: Some(8), ..windows(2, None) };
    assert_usage(open_file("a.csv", text, &sized), &["a.csv", "holds sequences", "leave out size"]);
    let strided = Options { stride: Some(2), ..Options::default() };
    assert_usage(open_file("a.csv", text, &strided), &["a.csv", "window"]);
    let long: String = (0..150_000).map(|i| format!("{}\n", i % 7)).collect();
    let folder = folder_of(&[("long.csv", long.as_bytes())]);
    let path = folder.path().join("long.csv");
    assert_eq!(open_at(&path, &windows(50_000, Some(10_000))).unwrap().len(), 10);
}

#[test]
fn the_series_of_timegan_open_where_they_are_present() {
    for (name, rows, features) in [("stock_data.csv", 3_685, 6), ("energy_data.csv", 19_735, 28)] {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data/timegan").join(name);
        if !path.is_file() {
            println!("skipped: there is no {}", path.display());
            continue;
        }
        let set = open_at(&path, &windows(24, None)).unwrap();
        assert_eq!((set.shape.as_slice(), set.len()), ([24, features].as_slice(), rows - 24));
        assert!(floats(&set).iter().all(|value| (0.0..=1.0).contains(value)));
        assert_eq!(set.notes, [""; 0]);
        let csv = String::from_utf8(set.series.as_ref().unwrap().to_csv(&set.example(1), 24)).unwrap();
        let original = std::fs::read_to_string(&path).unwrap();
        let numbers = |row: &str, skip: usize| {
            row.split(',').skip(skip).map(|cell| cell.parse::<f64>().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(csv.lines().next().unwrap(), format!("series,step,{}", original.lines().next().unwrap()));
        let ranges = columns(&set.series);
        for (row, expected) in csv.lines().skip(1).zip(original.lines().skip(2)) {
            for (column, (value, expected)) in numbers(row, 2).into_iter().zip(numbers(expected, 0)).enumerate() {
                let range = f64::from(ranges.max[column].abs().max(ranges.min[column].abs()));
                assert!(
                    (value - expected).abs() <= 2.0 * f64::from(f32::EPSILON) * range,
                    "{name}: {value} for {expected}"
                );
            }
        }
    }
}
