//! Tables with other lines than rows, numbers with two possible meanings, and tables that Saddle wrote.

use saddle::data::{Columns, Options, Series};
use saddle::settings::{Decimal, Separator};

use crate::records::{found, records};
use crate::tables::{columns, in_units, named, plain, said};
use crate::{assert_failure, floats, open_file, windows};

#[test]
fn lines_above_and_below_a_table_are_left_out_and_said() {
    let rows = "day;a;b\n2020-01-01;1,5;2\n2020-01-02;3,5;9\n2020-01-03;2,5;4\n";
    let comma = "n,a\n7,1.5\n3,3.5\n5,2.5\n";
    let cases = [
        (format!("Sales report 2024\n{rows}"), "left out 1 line above the table, `Sales report 2024`"),
        (format!("Sales report 2024;;\n\n{rows}"), "left out 1 line above the table, `Sales report 2024`"),
        (format!("Report\nof;2024\n{rows}"), "left out 2 lines above the table, `Report`"),
        (format!("A title, with commas, and more, and more\n{comma}"), "left out 1 line above the table, `A title`"),
        (format!("Report,\n{comma}"), "left out 1 line above the table, `Report`"),
        (format!("{rows}Total;7,5;15\n"), "left out 1 row at the end, `Total`, for summing up the others"),
        (format!("{rows}Grand total:;7,5;15\nAVERAGE;2,5;5\n"), "left out 2 rows at the end, `Grand total:`"),
        (format!("{comma}Mean,2.5\n"), "left out 1 row at the end, `Mean`"),
        (format!("{comma}Source: a shop\n"), "left out 1 line below the table, `Source: a shop`"),
        (format!("{rows}SUM;7,5\nSource: a shop\n"), "left out 2 lines below the table, `SUM`"),
        ("who,a\nx,1.5\ny,3.5\nz,2.5\ntotal,9.5\n".into(), "learned 1 row at the end, `total`, like the others"),
        ("who,a\nx,1.5\ny,3.5\nz,2.5\ntotal,7.5\n".into(), "left out 1 row at the end, `total`, for summing up"),
    ];
    for (text, words) in cases {
        let set = open_file("a.csv", &text, &plain()).unwrap_or_else(|error| panic!("{text}: {error}"));
        let last = columns(&set.series).names.iter().position(|name| name == "a").unwrap();
        let values: Vec<f64> = in_units(&set).into_iter().skip(last).step_by(set.shape[0]).collect();
        assert!(said(&set).contains(words), "{text}: {}", said(&set));
        assert_eq!(values[..3], [1.5, 3.5, 2.5], "{text}");
        assert_eq!(set.len(), if words.starts_with("learned") { 4 } else { 3 }, "{text}");
    }
    // These are neither titles nor sums: a single column name, names without the first column's, statistics as row
    // names.
    for (text, names) in
        [(",v\nu,3\nw,4\nx,9\n", &["v"][..]), ("stat,v\ncount,5\nmean,3\nmax,9\n", &["v"]), ("v\n1\n2\n5\n", &["v"])]
    {
        let set = open_file("a.csv", text, &plain()).unwrap();
        assert_eq!(
            (&columns(&set.series).names[..], set.len()),
            (&names.iter().map(std::string::ToString::to_string).collect::<Vec<_>>()[..], 3)
        );
    }
    assert_failure(open_file("a.csv", "a,b\n1,2\n2,9\nfour,6\n", &plain()), &[":4: `four`"]);
}

#[test]
fn points_between_thousands_are_told_from_decimals() {
    let open = |text: &str, decimal| open_file("a.csv", text, &Options { decimal, ..plain() }).unwrap();
    let doubtful = "a;b\n2.506;1\n3.100;7\n999;2\n12.345;3\n";
    let set = open(doubtful, None);
    assert!(said(&set).contains("is read as 12345; decimal=point makes it 12.345"), "{}", said(&set));
    let set = open("a;b\n2.506;1\n3.100;7\n1999;2\n12.345;3\n", None);
    assert_eq!(in_units(&set)[..3], [2.506, 1.0, 3.1]);
    assert!(said(&set).contains("is read as 12.345; decimal=comma makes it 12345"), "{}", said(&set));
    for (text, decimal) in [
        (doubtful, Some(Decimal::Comma)),
        ("a;b\n2.506;1,5\n3.100;7\n999;2\n", None),
        ("a;b\n2.506;1\n3.100;7\n1.234.567;2\n", None),
    ] {
        let set = open(text, decimal);
        assert_eq!((in_units(&set)[0], in_units(&set)[2]), (2506.0, 3100.0), "{text}");
        assert!(said(&set).contains("in `a`, `2.506` is read as 2506"), "{}", said(&set));
    }
    for text in
        ["a;b\n2.506;0.5\n3.100;7\n9.125;2\n", "a,b\n2.506,1\n3.100,7\n9.125,2\n", "a;b\n2.506;1\n3.1;7\n9.125;2\n"]
    {
        let set = open(text, None);
        assert_eq!(in_units(&set)[0], 2.506);
        assert!(!said(&set).contains("decimal"), "{}", said(&set));
    }
}

#[test]
fn months_are_dates() {
    let rows = |name: &str, cells: [&str; 4]| {
        let row = |(i, cell): (usize, &str)| format!("{cell};{}\n", [1.5, 7.5, 3.5, 2.5][i]);
        format!("{name};v\n{}", cells.into_iter().enumerate().map(row).collect::<String>())
    };
    let months = [
        ["11.2019", "12.2019", "01.2020", "02.2020"],
        ["11/2019", "12/2019", "01/2020", "02/2020"],
        ["2019-11", "2019-12", "2020-01", "2020-02"],
    ];
    for cells in months {
        for text in [rows("x", cells), rows("x", cells).replace(".5", ",5")] {
            let set = open_file("a.csv", &text, &windows(2, None)).unwrap();
            assert_eq!(columns(&set.series).names, ["v"], "{text}");
            assert!(said(&set).contains(&format!("`x` (dates such as `{}`)", cells[0])), "{}", said(&set));
            assert!(!said(&set).contains("order of time"), "{}", said(&set));
            let used = open_file("a.csv", &text, &named("x,v")).unwrap();
            assert!((in_units(&used)[0] - 1_572_566_400.0).abs() < 1.0);
        }
    }
    assert_eq!(
        columns(
            &open_file("a.csv", rows("date", ["12.2020", "11.2020", "12.2020", "10.2020"]), &windows(2, None))
                .unwrap()
                .series
        )
        .names,
        ["v"]
    );
    for cells in [
        ["1.2020", "3.1415", "2.2021", "4.2020"],
        ["12.2020", "11.1990", "12.2020", "10.2021"],
        ["01.2020", "02.5", "03.2020", "04.2020"],
    ] {
        assert_eq!(open_file("a.csv", rows("x", cells), &windows(2, None)).unwrap().shape, [2, 2], "{cells:?}");
    }
}

#[test]
fn sampled_series_are_read_back_with_their_window() {
    for (count, marks) in [(1, None), (2, None), (30, None), (30, Some((Separator::Semicolon, Decimal::Comma)))] {
        let series = Series::Columns(Columns {
            names: vec!["a".into(), "b".into()],
            zero: vec![0.0, -3.0],
            one: vec![2.0, 5.0],
            decimals: vec![],
            marks,
            ..Columns::default()
        });
        let samples: Vec<f32> = (0..count * 12 * 2).map(|i| (i * 37 % 101) as f32 / 101.0).collect();
        for holdout in [0.0, 0.1] {
            let options = Options { holdout, ..windows(12, None) };
            let set = open_file("samples.csv", series.to_csv(&samples, 12), &options).unwrap();
            assert_eq!(columns(&set.series).names, ["a", "b"], "{}", said(&set));
            assert_eq!(set.len(), count - (count as f32 * holdout) as usize, "{}", said(&set));
            assert_eq!(said(&set).contains("30 series by `series`"), count == 30);
        }
    }
}

/// Units and marks between thousands come back in series and in plain points, as they do in typed tables.
#[test]
fn series_are_written_as_their_file_writes_numbers() {
    let number = |i: usize| format!("{} {:03},{:02} €", 10 + i * 7 % 13, i * 613 % 1000, i * 37 % 100);
    let rows: Vec<String> = (0..60).map(|i| format!("{};{}", number(i), i * 31 % 17)).collect();
    let text = format!("sales;shops\n{}\n", rows.join("\n"));
    for (options, steps) in [(windows(12, Some(12)), 12), (plain(), 1)] {
        let set = open_file("a.csv", &text, &options).unwrap();
        let csv = set.series.as_ref().unwrap().to_csv(floats(&set), steps);
        let csv = String::from_utf8(csv).unwrap();
        assert!(csv.lines().skip(1).all(|line| rows.iter().any(|row| line.ends_with(row))), "{csv}");
    }
}

/// Whole numbers that lie in blocks tell series apart by their name, without times too; others are said.
#[test]
fn blocks_of_rows_are_series_or_said() {
    let rows: String = (0..240).map(|i| format!("{};{};{}\n", 4711 + i / 12 * 3, i * 37 % 101, i * 7 % 5)).collect();
    let windows = windows(6, Some(1));
    let set = open_file("a.csv", format!("Konto;Saldo;Buchungen\n{rows}"), &windows).unwrap();
    assert!(said(&set).contains("20 series by `Konto`"), "{}", said(&set));
    let set = open_file("a.csv", format!("Vertrag;Saldo;Buchungen\n{rows}"), &windows).unwrap();
    assert!(said(&set).contains("the rows of each number of `Vertrag` lie together"), "{}", said(&set));
    let rows: String = (0..240).map(|i| format!("{};{}\n", 2001 + i / 12, i * 37 % 101)).collect();
    let set = open_file("a.csv", format!("Jahr;Saldo\n{rows}"), &windows).unwrap();
    assert!(!said(&set).contains("lie together"), "{}", said(&set));
}

/// A semicolon that is in every row, names included, separates cells, whatever else commas would.
#[test]
fn decimal_commas_are_no_separators() {
    let tables: [(&str, &dyn Fn(usize) -> String); 6] = [
        ("Abteilung;Geschlecht;Gehalt", &|n| {
            format!("{};{};{},{:02}", ["Lager", "Einkauf"][n % 2], "mw", 2000 + n * 7, n)
        }),
        ("Gehalt;Abteilung;Art", &|n| format!("{},{:02};{};voll", 2000 + n * 7, n, ["Lager", "Einkauf"][n % 2])),
        ("Name;Ort;Art;Wert", &|n| format!("{};Ulm;x;2.{:03},{:02}", ["Huber", "Meier"][n % 2], n * 13, n)),
        ("Name|Ort|Wert", &|n| format!("{}|Ulm|{},{:02}", ["Huber", "Meier"][n % 2], n * 13, n)),
        ("Liste der Gehälter\nName;Ort;Wert", &|n| format!("{};Ulm;{},{:02}", ["Huber", "Meier"][n % 2], n * 13, n)),
        ("", &|n| format!("{};Ulm;{},{:02}", ["Huber", "Meier"][n % 2], n * 13, n)),
    ];
    for (names, row) in tables {
        let rows: String = (10..70).map(|n| row(n) + "\n").collect();
        let set = open_file("a.csv", format!("{names}\n{rows}").trim_start(), &Options::default()).unwrap();
        let columns = &records(&set).columns;
        let width = row(10).split([';', '|']).count();
        assert_eq!(columns.len(), width, "{names}: {}", said(&set));
        let kinds: Vec<String> = columns.iter().map(found).collect();
        assert!(kinds.iter().any(|kind| kind == "number 2"), "{names}: {kinds:?}");
        assert!(!said(&set).contains("no header") || names.is_empty(), "{names}: {}", said(&set));
    }
    // Commas separate cells that have semicolons in them here and there.
    let rows: String = (0..60).map(|n| format!("{},{},{}\n", n, ["a;b", "a", "b;c;d"][n % 3], n * 7 % 11)).collect();
    let set = open_file("a.csv", format!("n,kinds,m\n{rows}"), &Options::default()).unwrap();
    assert_eq!(records(&set).columns.len(), 3, "{}", said(&set));
}

#[test]
fn settings_that_the_file_contradicts_are_said() {
    let comma = || Options { decimal: Some(Decimal::Comma), ..Options::default() };
    let separated = |separator| Options { separator: Some(separator), ..Options::default() };
    let turned = "a;b;c\n1,5;x;2\n2,5;y;3\n";
    let look = "`a.csv`: its rows look separated by";
    for (text, options, note) in [
        (
            turned,
            separated(Separator::Comma),
            format!("{look} semicolons, and are read by commas, as `separator` is set"),
        ),
        (
            turned,
            Options { decimal: Some(Decimal::Point), ..Options::default() },
            "2 numbers written with a decimal comma".into(),
        ),
        ("a,b,c\n1,2,3\n4,5,1\n", separated(Separator::Tab), format!("{look} commas, and are read by tabs")),
        ("a,b,c\n1,2,3\n4,5,1\n", comma(), format!("{look} commas, and are read by semicolons, as `decimal`")),
        (turned, separated(Separator::Semicolon), String::new()),
        ("v\n1,5\n2,5\n", comma(), String::new()),
    ] {
        let set = open_file("a.csv", text, &options).unwrap();
        let said = said(&set);
        assert!(said.contains(&note), "no `{note}` in {said}");
        assert_eq!(said.contains("look") || said.contains("written with"), !note.is_empty(), "{said}");
    }
}
