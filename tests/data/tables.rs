//! Tables as points and as windows of series: formats, roles of columns, and messages.

use std::path::PathBuf;

use saddle::data::{Columns, Dataset, Options, Series, Split};
use saddle::settings::{Decimal, Encode, Scale, Separator};

use crate::{assert_failure, assert_usage, floats, folder_of, gzip, open_at, open_file, windows};

pub(crate) fn columns(series: &Option<Series>) -> &Columns {
    match series {
        Some(Series::Columns(columns)) => columns,
        other => panic!("not columns: {other:?}"),
    }
}

/// The options of tables whose columns of plain numbers alone are learned.
pub(crate) fn plain() -> Options {
    Options { encode: Some(Encode::None), ..Options::default() }
}

/// Options with these columns.
pub(crate) fn named(columns: &str) -> Options {
    Options { columns: Some(columns.into()), ..plain() }
}

/// The values of a set in the units of its file.
pub(crate) fn in_units(set: &Dataset) -> Vec<f64> {
    columns(&set.series).in_units(floats(set))
}

/// All findings and notes on a set.
pub(crate) fn said(set: &Dataset) -> String {
    [set.about.findings.as_slice(), &set.about.notes].concat().join("; ")
}

/// The name and content of a file, the names of its columns, its first row in units, and words of the messages.
type Case<'a> = (&'a str, Vec<u8>, &'a [&'a str], &'a [f64], &'a [&'a str]);

#[test]
fn tables_are_read_however_they_are_written() {
    let wide: Vec<u8> = "\u{feff}a;b\n1,5;2\n3,5;4\n".encode_utf16().flat_map(u16::to_be_bytes).collect();
    let cases: [Case; 33] = [
        ("a.csv", "x y\n1.5 2\n3 4\n5 9\n".into(), &["x", "y"], &[1.5, 2.0], &["separator blank", "a header"]),
        ("a.csv", "x,y\n0.5,1\n-1, 2.5e-1\r\n\r\n3,4\n".into(), &["x", "y"], &[0.5, 1.0], &["a header"]),
        ("a.csv", "\u{feff}0.5,1\n-1,0.25\n3,\"4\"".into(), &["x0", "x1"], &[0.5, 1.0], &["no header"]),
        ("a.csv", "a;b\n12.5;1\n13;2\n".into(), &["a", "b"], &[12.5, 1.0], &["separator semicolon"]),
        ("a.csv", "a\tb\n12.5\t1\n13\t2\n".into(), &["a", "b"], &[12.5, 1.0], &["separator tab"]),
        ("a.csv", "a|b\n12.5|1\n13|2\n".into(), &["a", "b"], &[12.5, 1.0], &["separator pipe"]),
        ("a.tsv", "a\tb\n12,5\t1\n13\t2\n".into(), &["a", "b"], &[12.5, 1.0], &["decimal comma"]),
        ("a.TAB", "1.5\t1\n13\t2\n".into(), &["x0", "x1"], &[1.5, 1.0], &["separator tab"]),
        ("a.psv", "1.5|1\n13|2\n".into(), &["x0", "x1"], &[1.5, 1.0], &["separator pipe"]),
        ("a.dat", " 1.0   2.5  3\n 2.0  5.0  1\n".into(), &["x0", "x1", "x2"], &[1.0, 2.5, 3.0], &["blank"]),
        ("a.csv", "9,1;8,2\n7,25;6\n".into(), &["x0", "x1"], &[9.1, 8.2], &["separator semicolon", "decimal comma"]),
        (
            "a.csv",
            "a;b\n1.234,5;2,5\n999,1;1,25\n".into(),
            &["a", "b"],
            &[1234.5, 2.5],
            &["`1.234,5` is read as 1234.5"],
        ),
        ("a.csv", "a;b\n1,234;2\n3,456;9\n".into(), &["a", "b"], &[1.234, 2.0], &["decimal=point makes it 1234"]),
        (
            "a.csv",
            "a,b\n\"1,234\",2\n\"3,456\",9\n".into(),
            &["a", "b"],
            &[1234.0, 2.0],
            &["decimal=comma makes it 1.234"],
        ),
        (
            "a.csv",
            "1.5,\"1,234.5\"\n2.5,\"999\"\n".into(),
            &["x0", "x1"],
            &[1.5, 1234.5],
            &["`1,234.5` is read as 1234.5"],
        ),
        ("a.csv", "a;b\n1 234,5;1\n1\u{a0}000,5;2\n".into(), &["a", "b"], &[1234.5, 1.0], &["is read as 1234.5"]),
        ("a.csv", "p,s\n$1'200,5 %\n$900,7 %\n".into(), &["p", "s"], &[1200.0, 5.0], &["`5 %` is read as 5"]),
        ("a.csv", "a,b\n\"1,5\",\"2,5\"\n\"3,25\",\"1,5\"\n".into(), &["a", "b"], &[1.5, 2.5], &["decimal comma"]),
        ("a.csv", "sep=;\na;b\n1,5;2\n3,5;4\n".into(), &["a", "b"], &[1.5, 2.0], &["separator semicolon"]),
        ("a.csv", "# by hand\n\n# a,b\n1.5,2\n3.5,4\n".into(), &["a", "b"], &[1.5, 2.0], &["a header"]),
        ("a.csv", "# by hand\n1.5,2\n3.5,4\n".into(), &["x0", "x1"], &[1.5, 2.0], &["no header"]),
        ("a.csv", "#t,b\n1.5,2\n3.5,4\n".into(), &["t", "b"], &[1.5, 2.0], &["a header"]),
        ("a.csv", b"caf\xe9,b\n1.5,2\n3.5,4\n".into(), &["café", "b"], &[1.5, 2.0], &["read as windows-1252"]),
        ("a.csv", wide, &["a", "b"], &[1.5, 2.0], &["read as UTF-16", "decimal comma"]),
        ("a.csv", "a,b,\n1.5,2,\n3.5,4,\n,,\n".into(), &["a", "b"], &[1.5, 2.0], &["`x2` (empty)"]),
        ("a.csv", "\"a\nb\",c\n1.5,2\n3.5,4\n".into(), &["a\nb", "c"], &[1.5, 2.0], &["columns `a\\nb`, `c`"]),
        ("a.csv", "a,b,a\n1.5,2,1\n3.5,4,0\n".into(), &["a", "b", "a.1"], &[1.5, 2.0, 1.0], &["second is `a.1`"]),
        ("a.csv", "9,12\n8,45\n7,33\n".into(), &["x0", "x1"], &[9.0, 12.0], &["decimal=comma makes them one"]),
        ("a.csv", "x,tags\n1.5,u;v\n2.5,w;v\n".into(), &["x"], &[1.5], &["`tags` (text such as `u;v`)"]),
        ("a.csv", "a,b\n1.5,7\n2.5,7\n".into(), &["a"], &[1.5], &["`b` (7 in every row)"]),
        ("a.csv", "a,b\n1.5,x\n2.5,y\n".into(), &["a"], &[1.5], &["`b` (text such as `x`)"]),
        ("a.csv", "3e38,2\n-3e38,3\n".into(), &["x0", "x1"], &[3e38, 2.0], &["no header"]),
        (
            "a.csv",
            "date,v\nJan 2020,1.5\nFeb 2020,2.5\n".into(),
            &["v"],
            &[1.5],
            &["`date` (dates such as `Jan 2020`)"],
        ),
    ];
    for (name, content, names, row, words) in cases {
        let text = String::from_utf8_lossy(&content).into_owned();
        let zipped = (format!("{name}.gz"), gzip(&content));
        for (name, content) in [(name.to_owned(), content), zipped] {
            let set = open_file(&name, content, &plain()).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(columns(&set.series).names, names, "{text}");
            let found = &in_units(&set)[..row.len()];
            assert!(found.iter().zip(row).all(|(a, b)| (a - b).abs() <= 1e-6 * b.abs()), "{text}: {found:?}");
            assert!(words.iter().all(|word| said(&set).contains(word)), "{text}: {}", said(&set));
        }
    }
}

#[test]
fn settings_override_what_is_found() {
    let open = |text: &str, options: Options| open_file("a.csv", text, &options);
    let default = Options::default;
    let semicolon = Options { separator: Some(Separator::Semicolon), ..default() };
    assert_eq!(open("1,5;2,5\n3,5;1,5\n", semicolon).unwrap().shape, [2]);
    assert_eq!(open("1,2\n3,1\n", Options { separator: Some(Separator::Comma), ..default() }).unwrap().shape, [2]);
    let comma = Options { decimal: Some(Decimal::Comma), ..default() };
    assert_eq!(in_units(&open("9,1234\n8,0456\n7,3300\n", comma.clone()).unwrap()), [9.1234, 8.0456, 7.33]);
    assert_eq!(in_units(&open("v\n9,1234\n8,0456\n", comma.clone()).unwrap()), [9.1234, 8.0456]);
    let point = Options { decimal: Some(Decimal::Point), encode: Some(Encode::None), ..default() };
    assert_eq!(in_units(&open("a;b\n1,234;2\n3,456;9\n", point).unwrap()), [1234.0, 2.0, 3456.0, 9.0]);
    let data = Options { header: Some(false), ..default() };
    assert_eq!(open("2001,2002\n1.5,2.5\n3.5,1\n", data).unwrap().len(), 3);
    let header = Options { header: Some(true), ..default() };
    assert_eq!(columns(&open("1,2\n3,4\n5,3\n", header).unwrap().series).names, ["1", "2"]);

    assert_usage(open("9,1234\n8,0456\n7,3300\n", default()), &["a.csv", "decimal=comma or separator=comma"]);
    assert_failure(
        open("v\n9,1234\n8,0456\n", default()),
        &[":2: 2 values where the first row has 1", "decimal=comma"],
    );
    let both = Options { separator: Some(Separator::Comma), ..comma };
    assert_usage(open("9,1\n8,0\n", both), &["`separator` and `decimal` are both comma"]);
}

#[test]
fn a_first_row_of_numbers_may_be_names() {
    let rows = |first: &str| format!("{first}\n12.5,1000.25,0.003\n9.5,1019.5,0.002\n9.75,1038.5,0.001\n");
    let wide = |first: &str| format!("{first}\nland0,3126,2868,3640\nland1,3105,2464,9362\nland2,304,394,229\n");
    let cases: [(String, &[&str]); 9] = [
        (rows("0,1,2"), &["0", "1", "2"]),
        (rows("2001,2002,2003"), &["2001", "2002", "2003"]),
        (wide("country,1960,1961,1962"), &["1960", "1961", "1962"]),
        (",0\n0,12.5\n1,9.5\n2,9.75\n".into(), &["0"]),
        (rows("12.5,1,2"), &["x0", "x1", "x2"]),
        (rows("3,2,1"), &["x0", "x1", "x2"]),
        ("1,2\n3,4\n5,7\n".into(), &["x0", "x1"]),
        (",b\n3,4\n5,6\n7,8\n".into(), &["x0", "b"]),
        ("1990,b\n3,4\n5,6\n7,8\n".into(), &["1990", "b"]),
    ];
    for (text, names) in cases {
        let set = open_file("a.csv", &text, &plain()).unwrap();
        assert_eq!(columns(&set.series).names, names, "{text}");
        let is_doubtful = names[0].parse::<f64>().is_ok() && !names.contains(&"b");
        assert_eq!(said(&set).contains("header=false makes it data"), is_doubtful, "{text}");
    }
}

#[test]
fn columns_that_measure_nothing_are_left_out_and_said() {
    let column =
        |cell: &dyn Fn(usize) -> String| (0..6).map(|i| format!("{},{}.5\n", cell(i), i * i % 5)).collect::<String>();
    let left = |name: &str, cell: &dyn Fn(usize) -> String| {
        let set = open_file("a.csv", format!("{name},v\n{}", column(cell)), &windows(2, None)).unwrap();
        (columns(&set.series).names.clone(), said(&set))
    };
    for (name, first, step) in [
        ("", 0, 1),
        ("", 1, 1),
        ("Unnamed: 0", 0, 1),
        ("index", 1, 1),
        ("ID", 1, 1),
        ("id", 9_007_199_254_740_993_i64, 1),
        ("customer_id", 70_001, 13),
        ("t", 0, 1),
        ("nr", 10, 10),
        ("date", 20_240_101, 1),
        ("x", 20_240_101, 1),
        ("ts", 1_700_000_000, 1),
        ("ts", 1_700_000_000_000, 977),
        ("v0", 1_700_000_000, 60),
        ("year", 1990, 2),
    ] {
        let (names, said) = left(name, &|i| (first + step * i as i64).to_string());
        assert_eq!(names, ["v"], "{name} from {first}: {said}");
        assert!(said.contains("left out") && said.contains("columns= takes columns by name"), "{said}");
    }
    for day in ["2020-01-0{}", "2020/01/0{}", "0{}.01.2020 12:30", "01/0{}/2020", "2020-01-0{}T00:00:00Z", "0{}-Mar-20"]
    {
        let (names, said) = left("day", &|i| day.replace("{}", &(i + 1).to_string()));
        assert_eq!(names, ["v"], "{day}");
        assert!(said.contains("`day` (dates such as"), "{said}");
    }
    for (name, first, step) in [("x", 0, 1), ("price", 20_000, 7), ("n_items", 5, 3), ("years", 12, 1)] {
        assert_eq!(left(name, &|i| (first + step * i as i64).to_string()).0, [name, "v"]);
    }
    let headless = open_file("a.csv", column(&|i| i.to_string()), &windows(2, None)).unwrap();
    assert_eq!(columns(&headless.series).names, ["x1"]);
}

#[test]
fn columns_are_used_by_name() {
    let text = "day,\"a, b\",c,txt,gap\n2020-01-01,1.5,3,u,1\n2020-01-02,2.5,4,v,NA\n2020-01-03,2,1,w,2\n";
    let set = open_file("a.csv", text, &named("c,\"a, b\"")).unwrap();
    assert_eq!(
        (&columns(&set.series).names[..], in_units(&set)),
        (&["c".into(), "a, b".into()][..], vec![3.0, 1.5, 4.0, 2.5, 1.0, 2.0])
    );
    assert!(said(&set).contains("`gap` (not among `columns`)"));
    let dated = open_file("a.csv", text, &named("day,c")).unwrap();
    assert_eq!(in_units(&dated)[..2], [1_577_836_800.0, 3.0]);
    assert!(said(&dated).contains("`day` is learned as seconds since 1970"));
    assert_usage(open_file("a.csv", text, &named("dya,c")), &["`columns`: ", "no column `dya`", "did you mean `day`?"]);
    assert_usage(open_file("a.csv", text, &named("c,txt")), &["`txt`", "holds no numbers, but cells such as `u`"]);
    assert_usage(open_file("a.csv", text, &named("c,c")), &["`columns` names `c` twice"]);
    assert_failure(open_file("a.csv", text, &named("c,gap")), &["a.csv:3: `NA` is not a finite number (column `gap`)"]);
    assert_failure(open_file("a.csv", text, &plain()), &["a.csv:3: `NA`", "columns="]);
}

#[test]
fn windows_never_cross_from_one_series_to_the_next() {
    let rows = |series: usize, len: usize| (0..len).map(move |t| (series, t, 100 * series + t * t));
    let of = |name: &str, write: &dyn Fn(usize) -> String, sorted_by_time: bool| {
        let mut rows: Vec<_> = (0..3).flat_map(|series| rows(series, 5)).collect();
        if sorted_by_time {
            rows.sort_by_key(|row| row.1);
        }
        let row = |(series, t, value): (usize, usize, usize)| format!("{},2020-01-0{},{value}\n", write(series), t + 1);
        format!("{name},day,v\n{}", rows.into_iter().map(row).collect::<String>())
    };
    let number = |series: usize| (series + 7).to_string();
    let text = |series: usize| ["AAPL", "MSFT", "IBM"][series].to_owned();
    for table in [
        of("id", &number, false),
        of("PatientID", &number, false),
        of("who", &text, false),
        of("id", &number, true),
        of("ticker", &text, true),
    ] {
        let set = open_file("a.csv", &table, &windows(3, None)).unwrap();
        assert_eq!((set.shape.as_slice(), set.len()), ([3, 1].as_slice(), 6), "{table}");
        assert!(said(&set).contains("3 series by"), "{}", said(&set));
        for window in in_units(&set).chunks(3) {
            assert!((window[0] / 100.0).floor() == (window[2] / 100.0).floor() && window[0] < window[1], "{window:?}");
        }
        let whole = Options { group: Some("none".into()), ..windows(3, None) };
        assert_eq!(open_file("a.csv", &table, &whole).unwrap().len(), 12);
    }
    // Whole numbers of any name tell series apart where time begins again with each; without times they are measured.
    let table = of("level", &number, false);
    assert_eq!(open_file("a.csv", &table, &windows(3, None)).unwrap().len(), 6);
    let undated: String = table
        .lines()
        .map(|line| line.split_once(',').unwrap())
        .fold(String::new(), |text, (a, b)| text + a + "," + b.split_once(',').unwrap().1 + "\n");
    assert_eq!(open_file("a.csv", &undated, &windows(3, None)).unwrap().len(), 12, "a level is a measurement");
    let by = |name: &str| Options { group: Some(name.into()), ..windows(3, None) };
    let set = open_file("a.csv", &table, &by("level")).unwrap();
    assert_eq!((set.len(), columns(&set.series).names.as_slice()), (6, ["v".to_owned()].as_slice()));
    assert_usage(open_file("a.csv", &table, &by("levle")), &["`group`: ", "did you mean `level`?"]);
    let long = Options { window: Some(6), ..by("level") };
    assert_failure(open_file("a.csv", &table, &long), &["has 5 rows in the longest", "a window has 6", "group=none"]);

    let order = |days: [u32; 4]| {
        let rows: String = days.map(|day| format!("2020-01-0{day},{}\n", day * day % 7)).concat();
        said(&open_file("a.csv", format!("day,v\n{rows}"), &windows(2, None)).unwrap())
    };
    assert!(!order([1, 2, 3, 4]).contains("sort them"));
    assert!(order([4, 3, 2, 1]).contains("run backwards in time by `day`, and are turned round"));
    assert!(order([1, 3, 2, 4]).contains("are not in the order of time by `day`"));
}

#[test]
fn time_is_turned_round_and_no_window_crosses_a_jump() {
    let days = |rows: &[i64]| {
        let row = |day: &i64| format!("{}-{:02}-{:02},{day}\n", 2020 + day / 336, day / 28 % 12 + 1, day % 28 + 1);
        format!("day,v\n{}", rows.iter().map(row).collect::<String>())
    };
    let up: Vec<i64> = (0..20).collect();
    let down: Vec<i64> = up.iter().rev().copied().collect();
    let [up, down] = [up, down].map(|rows| open_file("a.csv", days(&rows), &windows(3, None)).unwrap());
    assert_eq!(in_units(&up), in_units(&down));
    let holed: Vec<i64> = (0..10).chain(20..30).collect();
    let set = open_file("a.csv", days(&holed), &windows(3, None)).unwrap();
    assert!(
        said(&set).contains("`day` jumps 1 time by more than 5 usual steps, first before row 11"),
        "{}",
        said(&set)
    );
    assert!(in_units(&set).chunks(3).all(|window| window[2] - window[0] == 2.0));
    // Two machines, in no order.
    let row = |n: usize| format!("m{},2020-01-{:02},{n}\n", n % 2, n * 7 % 20 / 2 + 1);
    let text = format!("machine,day,v\n{}", (0..20).map(row).collect::<String>());
    let set = open_file("a.csv", text, &windows(3, None)).unwrap();
    assert!(said(&set).contains("2 series by `machine`"), "{}", said(&set));
}

#[test]
fn columns_are_scaled_and_come_back_in_units() {
    let text = "a,b\n1,-2.50\n3,7.25\n2,0.25\n";
    let scaled = |scale| open_file("a.csv", text, &Options { scale, ..plain() }).unwrap();
    for (scale, ends) in [
        (None, [2.0, 2.0 + (2f64 / 3.0).sqrt()]),
        (Some(Scale::Standard), [2.0, 2.0 + (2f64 / 3.0).sqrt()]),
        (Some(Scale::Range), [1.0, 3.0]),
        (Some(Scale::None), [0.0, 1.0]),
    ] {
        let set = scaled(scale);
        let columns = columns(&set.series);
        assert_eq!([columns.zero[0], columns.one[0]], ends);
        let first = ((1.0 - ends[0]) / (ends[1] - ends[0])) as f32;
        assert_eq!(floats(&set)[0], first);
        let csv = String::from_utf8(columns.to_csv(floats(&set))).unwrap();
        assert_eq!(csv, "a,b\n1,-2.50\n3,7.25\n2,0.25\n", "{scale:?}");
    }
    let standard = Options { scale: Some(Scale::Standard), ..windows(2, None) };
    assert_usage(open_file("a.csv", text, &standard), &["scale=standard is for points"]);
    // Neighbouring values that round to the same f32.
    let times: String = (0..40).map(|i| format!("{},{}\n", 1_700_000_000_000_i64 + 7 * (i * i), i % 3)).collect();
    let set = open_file("a.csv", format!("ts,v\n{times}"), &Options { columns: Some("ts".into()), ..windows(2, None) });
    let set = set.unwrap();
    let found = in_units(&set);
    assert_eq!(found[..4], [1_700_000_000_000.0, 1_700_000_000_007.0, 1_700_000_000_007.0, 1_700_000_000_028.0]);

    let old: Series = serde_json::from_str(r#"{"Columns":{"names":["a"],"min":[0.1],"max":[2.1]}}"#).unwrap();
    let csv = String::from_utf8(old.to_csv(&[0.0, 0.5, 1.0], 3)).unwrap();
    assert_eq!(csv, "series,step,a\n0,0,0.1\n0,1,1.1\n0,2,2.1\n");
}

#[test]
fn a_part_of_a_table_is_held_out() {
    let rows: String = (0..50).map(|i| format!("{}.5,{}\n", i * 7 % 50, i % 4)).collect();
    let part = |window: Option<usize>, split, seed| {
        open_file("a.csv", &rows, &Options { window, split, seed, holdout: 0.2, ..plain() }).unwrap()
    };
    let firsts = |set: &Dataset| in_units(set).chunks(2).map(|row| (row[0] * 10.0) as u32).collect::<Vec<_>>();
    let [train, test] = [Split::Train, Split::Test].map(|split| part(None, split, 1));
    assert_eq!((train.len(), test.len()), (40, 10));
    assert_eq!(train.series, test.series, "one scale for both");
    let mut all = [firsts(&train), firsts(&test)].concat();
    all.sort_unstable();
    assert_eq!(all, (0..50).map(|i| 10 * i + 5).collect::<Vec<_>>());
    assert_eq!(firsts(&part(None, Split::Test, 1)), firsts(&test));
    assert_ne!(firsts(&part(None, Split::Test, 2)), firsts(&test));
    assert!(train.about.part.contains("40 of 50 rows, 10 held out"), "{}", train.about.part);

    let [train, test] = [Split::Train, Split::Test].map(|split| part(Some(4), split, 1));
    assert_eq!((train.len(), test.len()), (36, 7), "the last 10 rows are in no window to learn from");
    assert_eq!(train.series, test.series);
    let last = (49 * 7 % 50) as f64 + 0.5;
    assert!(in_units(&test).ends_with(&[last, 1.0]) && !in_units(&train).contains(&last));

    let short: String = (0..10).flat_map(|id| (0..6).map(move |t| format!("{id},{}\n", 10 * id + t * t % 7))).collect();
    let of = |split| {
        open_file("a.csv", format!("id,v\n{short}"), &Options { split, holdout: 0.2, ..windows(4, None) }).unwrap()
    };
    assert_eq!((of(Split::Train).len(), of(Split::Test).len()), (8 * 2, 2 * 3), "whole series, where each is short");

    let none = |holdout| Options { split: Split::Test, holdout, ..windows(4, None) };
    assert_failure(open_file("a.csv", &rows, &none(0.0)), &["no part to test with", "holdout=0.1"]);
    assert_failure(open_file("a.csv", "1\n2\n4\n1\n2\n3\n", &none(0.2)), &["no part to test with", "too little"]);
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
        assert_eq!((columns.zero.as_slice(), columns.one.as_slice()), ([0.0, 10.0].as_slice(), [4.0, 50.0].as_slice()));
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
    let series = set.series.as_ref().unwrap();
    let csv = String::from_utf8(series.to_csv(&set.example(0), 2)).unwrap();
    assert_eq!(csv, "series,day,\"price, EUR\",volume\n0,2020-01-01,-2.5,44994500\n0,2020-01-02,7.5,12345678\n");
    let stored: Series = serde_json::from_str(&serde_json::to_string(series).unwrap()).unwrap();
    assert_eq!(&stored, series);
}

#[test]
fn broken_tables_are_explained() {
    let cases: [(&str, &[&str]); 24] = [
        ("a,b\n1,2\n3,\"4\n5,6\n7,8\n", &[":3: a quote begins here that has no end"]),
        ("", &["holds no points"]),
        ("\n\n", &["holds no points"]),
        ("# nothing\n", &["holds no points"]),
        ("a,b\n", &["has a header and no rows below it"]),
        ("Report\na,b\n", &["has a header and no rows below it"]),
        ("a,b\nc,d\n", &["holds no points"]),
        ("a,b\n1,2\n3,four\n5,6\n", &[":3: `four` is not a finite number (column `b`)"]),
        ("a,b\n1,2\n3,\n5,6\n", &[":3: an empty cell is not a finite number (column `b`): fill it in"]),
        (",1\n2,3\n4,5\n", &[":1: an empty cell is not a finite number (column `x0`)"]),
        ("a,b\n1,2\nNaN,4\n5,6\n", &[":3: `NaN` is not a finite number (column `a`)"]),
        ("a,b\n1,2\n-inf,4\n5,6\n", &[":3: `-inf`", "column `a`"]),
        ("a,b\n1,2\n3,1e400\n5,6\n", &[":3: `1e400` is larger than Saddle can hold, 3.4e38 at most (column `b`)"]),
        ("a,b\n1,1e39\n3,-1e200\n5,1e60\n", &[":2: `1e39` is larger than Saddle can hold"]),
        ("a,b\n1,2\n3,\"4\nx\"\n5,6\n", &[":3: `4\\nx`", "column `b`"]),
        ("a,b\n1,2\n\n3\n5,6\n", &[":4: 1 value where the first row has 2: mend it, or take it out"]),
        ("a,b\n1,2\nx\n5,6\n", &[":3: 1 value where the first row has 2"]),
        ("a,b\n1,2\n3\n", &[":3: 1 value where the first row has 2"]),
        ("\na,b\n1,2,3\n4,5,6\n", &[":3: 3 values where the first row has 2", "take out line 2 if that is no row"]),
        ("\r\na,b\r\n \r\n1,2\r\n\r\n\r\n3,x\r\n5,6", &[":7: `x` is not"]),
        ("a,b\n1,2\n3,4,5\n", &[":3: 3 values where the first row has 2"]),
        ("a,b\n8,7\n8,7\n8,7\n", &["nothing to learn", "`a` (8 in every row), `b` (7 in every row)"]),
        ("a,b\n1,2\n", &["nothing to learn", "`a` (1 in every row)"]),
        ("a,b\n1,2\n\0,4\n", &["is no text: byte 9 is 0"]),
    ];
    for (text, parts) in cases {
        for (name, content) in [("a.csv", text.as_bytes().to_vec()), ("a.csv.gz", gzip(text.as_bytes()))] {
            assert_failure(open_file(name, content, &windows(2, None)), &[parts, &[name]].concat());
        }
    }
    assert_failure(
        open_file("a.csv", b"1,2\n3,\xe9\n5,6", &windows(2, None)),
        &["a.csv:2: `é` is not a finite number"],
    );
    assert_failure(open_file("a.csv", b"PK\x03\x04", &windows(2, None)), &["a.csv", "save the table as CSV"]);
    let equal = |last: &str| format!("a,b\n{}{last}\n", "8,7\n".repeat(1000));
    assert_failure(
        open_file("a.csv", equal("8,7"), &windows(2, None)),
        &["`a` (8 in every row), `b` (7 in every row)"],
    );
    assert_eq!(open_file("a.csv", equal("9,7"), &plain()).unwrap().len(), 1001);
    let zipped = gzip("1,2\n".repeat(1000).as_bytes());
    assert_failure(open_file("a.csv.gz", &zipped[..zipped.len() / 2], &windows(2, None)), &["a.csv.gz", "cut short"]);
    assert_failure(open_file("a.csv.gz", "1,2\n3,4\n", &windows(2, None)), &["a.csv.gz", "not gzipped"]);
}

#[test]
fn options_must_fit_a_table() {
    let text = "1,2\n3,4\n5,7\n";
    let sized = Options { size: Some(8.into()), ..windows(2, None) };
    assert_usage(open_file("a.csv", text, &sized), &["a.csv", "holds sequences", "leave out size"]);
    let strided = Options { stride: Some(2), ..plain() };
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
        assert_eq!(set.about.notes, [""; 0]);
        let csv = String::from_utf8(set.series.as_ref().unwrap().to_csv(&set.example(1), 24)).unwrap();
        let original = std::fs::read_to_string(&path).unwrap();
        let numbers = |row: &str, skip: usize| {
            row.split(',').skip(skip).map(|cell| cell.parse::<f64>().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(csv.lines().next().unwrap(), format!("series,step,{}", original.lines().next().unwrap()));
        let ranges = columns(&set.series);
        for (row, expected) in csv.lines().skip(1).zip(original.lines().skip(2)) {
            for (column, (value, expected)) in numbers(row, 2).into_iter().zip(numbers(expected, 0)).enumerate() {
                let range = ranges.one[column].abs().max(ranges.zero[column].abs());
                assert!(
                    (value - expected).abs() <= 2.0 * f64::from(f32::EPSILON) * range,
                    "{name}: {value} for {expected}"
                );
            }
        }
    }
}
