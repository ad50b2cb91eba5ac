//! Tables of typed columns: recognised, encoded, and given back as they were.

use saddle::data::{Column, Condition, Dataset, Kind, Options, Records, Role, Series, Split};
use saddle::settings::Encode;

use crate::tables::said;
use crate::{assert_failure, assert_usage, floats, folder_of, open_at, open_file};

pub(crate) fn records(set: &Dataset) -> &Records {
    match &set.series {
        Some(Series::Table(records)) => records,
        other => panic!("no table of types: {other:?}"),
    }
}

/// The options with this setting of types.
pub(crate) fn typed(types: &str) -> Options {
    Options { types: Some(types.into()), ..Options::default() }
}

/// A table that is learned, written back from its own examples.
pub(crate) fn back(set: &Dataset) -> String {
    let records = records(set);
    String::from_utf8(records.to_csv(records.rows(floats(set), 0, 0))).unwrap()
}

#[test]
fn tables_come_back_byte_by_byte() {
    let tables = [
        "n,c\n1,x\n2,y\n3,x\n",
        "zip,n\n00701,1.5\n02134,2.5\n00701,-0.5\n",
        "n,c\n-0,x\n1e3,y\n2.5e-7,x\n",
        "c,n\n\"a,b\",1\n\"say \"\"hi\"\"\",2\nx,1\n",
        "\u{feff}c,n\nx,1\ny,2\n",
        "c,n\r\nx,1\r\ny,2\r\n",
        "c;n\nx;1,5\ny;2,25\nx;0,125\n",
        "n,gap,c\n1,NA,x\n2,,y\n3,7,x\n4,NA,\n",
        "d,c\n2016-07-02,x\n2017-08-31,y\n",
        "d;c\n31.01.2020;x\n01.12.1999;y\n",
        "d,c\n2016-07-02 08:05,x\n2017-08-31 23:59,y\n",
        "d,c\n5-Jan-2020,x\n12-Feb-2021,y\n,x\n",
        "yes,n\ntrue,1\nfalse,2\ntrue,3\n",
        "c,one\nx,7\ny,7\n",
        "c,n\nx,1\ny,2.50\nx,3.5\n",
        "c\tn\nx y\t1\nz\t2\n",
        "x,1\ny,2\nx,4\n",
        "c,\u{e9}t\u{e9}\nÄ,ß\nö,ü\n",
        // As spreadsheets write numbers.
        "c;n;m\nx;1.242,70 €;2,0 %\ny;-28,90 €;15,0 %\nx;12.999.551,43 €;0,5 %\n",
        "c,n,m\nx,\"$1,200.50\",33.0%\ny,($72.81),-0.5%\nx,$0.10,100.0%\n",
        "c;n\nx;6.57-\ny;7.79\nz;0.10-\n",
        "c;n\nx;−6.57\ny;7.79\n",
        "c;n\nx;52\u{202f}116,50\ny;1\u{202f}052\u{202f}116,50\nz;7,00\n",
        "c,n\nx,２\ny,１１\nx,３\n",
        "n\n$5\n$7\n",
        // Quotes where they are, and names.
        "\"c\",\"n\"\n\"x\",1\n\"y\",2\n",
        "\"c\",\"n\"\n\"x\",\"1\"\n\"y\",\"2\"\n\"y\",\"\"\n",
        "\"c\",\"n\"\n\"x\",1\nNA,2\n\"y\",2\n",
        "c;;n;\nx;;1;y\ny;;2;z\n",
        "a,b,a\nx,1,5\ny,2,6\n",
    ];
    for text in tables {
        let name = if text.contains('\t') { "a.tsv" } else { "a.csv" };
        let set = open_file(name, text, &Options::default()).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(back(&set), text);
        // What a checkpoint holds is enough.
        let kept: Series = serde_json::from_str(&serde_json::to_string(&set.series).unwrap()).unwrap();
        assert_eq!(Some(kept), set.series);
    }
}

#[test]
fn many_numbers_come_back_within_a_knot_and_their_decimals() {
    let value = |n: usize| ((n * 7919) % 9973) as f64 / 7.0;
    let rows: String = (0..9973).map(|n| format!("{:.3},{}\n", value(n), ["u", "v"][n % 2])).collect();
    let set = open_file("a.csv", format!("n,c\n{rows}"), &Options::default()).unwrap();
    let records = records(&set);
    for (n, row) in records.rows(floats(&set), 0, 0).enumerate() {
        let number = row[0].number.unwrap();
        assert!((number - value(n)).abs() < 1425.0 / 500.0, "{number}, not {}", value(n));
        assert_eq!(row[0].text.split_once('.').map_or(0, |(_, decimals)| decimals.len()), 3);
        assert_eq!(row[1].text, ["u", "v"][n % 2]);
    }
}

/// What is found of a column.
pub(crate) fn found(column: &Column) -> String {
    match (&column.role, &column.kind) {
        (Role::Skipped, _) => "skipped".into(),
        (Role::Constant(text), _) => format!("constant {text}"),
        (Role::Id(ids), _) => format!("id {}{}", ids.prefix, ids.width),
        (Role::Derived(_), _) => "derived".into(),
        (Role::Learned(_), Kind::Category) => "category".into(),
        (Role::Learned(_), Kind::Number(style)) => match style.decimals {
            Some(decimals) => format!("number {decimals}"),
            None => "number e".into(),
        },
        (Role::Learned(_), Kind::Date(pattern)) => format!("date {}", pattern.letters()),
    }
}

#[test]
fn types_are_decided_by_every_cell() {
    let n = 200;
    let of = |cell: &dyn Fn(usize) -> String| (0..n).map(cell).collect::<Vec<String>>();
    let last = |cell: &'static str, other: &'static str| {
        move |i: usize| if i + 1 == n { cell.to_owned() } else { format!("{}", (i * 37) % 19).replace("1", other) }
    };
    let columns: Vec<(&str, Vec<String>, &str)> = vec![
        ("whole", of(&|i| (i * 37 % 50).to_string()), "number 0"),
        ("decimals", of(&|i| format!("{}.{:02}", i % 50, i * 7 % 100)), "number 2"),
        ("mixed decimals", of(&|i| format!("{}", f64::from(i as u32 % 9) / 4.0)), "number 2"),
        ("negative", of(&|i| (i as i64 % 30 - 15).to_string()), "number 0"),
        ("exponent", of(&|i| format!("{}e-{}", i % 9 + 1, i % 5)), "number e"),
        ("binary", of(&|i| (i % 2).to_string()), "number 0"),
        ("year", of(&|i| (1990 + i % 30).to_string()), "number 0"),
        ("constant", of(&|_| "7".into()), "constant 7"),
        ("constant text", of(&|_| "x".into()), "constant x"),
        ("empty", of(&|_| String::new()), "constant "),
        ("all missing", of(&|_| "NA".into()), "constant NA"),
        ("two gaps", of(&|i| ["NA", ""][i % 2].into()), "category"),
        ("gaps", of(&|i| if i % 3 == 0 { String::new() } else { (i * 7 % 80).to_string() }), "number 0"),
        ("named gaps", of(&|i| if i % 9 == 0 { "n/a".into() } else { (i * 7 % 80).to_string() }), "number 0"),
        ("text last", of(&last("oops", "1")), "category"),
        ("zip", of(&|i| format!("0{:04}", i * 31 % 60)), "category"),
        ("zip sometimes", of(&|i| format!("{:05}", i * 311 % 60 * 1000)), "category"),
        ("text", of(&|i| ["red", "green", "blue"][i % 3].into()), "category"),
        ("truth", of(&|i| ["true", "False"][i % 2].into()), "category"),
        ("answer", of(&|i| ["yes", "no"][i % 2].into()), "category"),
        ("blank inside", of(&|i| ["a b", " a b "][i % 2].into()), "constant a b"),
        ("case", of(&|i| ["A", "a"][i % 2].into()), "category"),
        ("iso", of(&|i| format!("2020-{:02}-{:02}", i % 12 + 1, i % 28 + 1)), "date Y-m-d"),
        ("iso time", of(&|i| format!("2020-01-{:02} {:02}:{:02}", i % 28 + 1, i % 24, i % 60)), "date Y-m-d H:M"),
        ("iso T", of(&|i| format!("2020-01-{:02}T{:02}:00:00Z", i % 28 + 1, i % 24)), "date Y-m-dTH:M:SZ"),
        ("german", of(&|i| format!("{:02}.{:02}.2020", i % 28 + 1, i % 12 + 1)), "date d.m.Y"),
        ("british", of(&|i| format!("{:02}/{:02}/2020", i % 28 + 1, i % 12 + 1)), "date d/m/Y"),
        ("american", of(&|i| format!("{}/{}/2020", i % 12 + 1, i % 28 + 1)), "date m/d/Y"),
        ("named month", of(&|i| format!("{}-Mar-2020", i % 28 + 1)), "date d-b-Y"),
        ("month", of(&|i| format!("2020-{:02}", i % 12 + 1)), "date Y-m"),
        ("clock", of(&|i| format!("{:02}:{:02}", i % 24, i % 60)), "date H:M"),
        (
            "dates and gaps",
            of(&|i| if i % 5 == 0 { "NULL".into() } else { format!("2020-01-{:02}", i % 28 + 1) }),
            "date Y-m-d",
        ),
        (
            "date but one",
            of(&|i| if i == 7 { "soon".into() } else { format!("2020-01-{:02}", i % 28 + 1) }),
            "category",
        ),
        ("no such day", of(&|i| if i == 7 { "2020-02-30".into() } else { "2020-01-01".into() }), "category"),
        ("customer", of(&|i| format!("C-{i:06}")), "id C-6"),
        ("uuid", of(&|i| format!("{:x}-{:x}", i * 7919, i * 104_729)), "id 0"),
        ("comment", of(&|i| format!("free text number {i} of many words")), "id 0"),
        ("rows", of(&|i| i.to_string()), "id 0"),
        ("rows from one", of(&|i| (i + 1).to_string()), "id 0"),
        ("shuffled", of(&|i| (i * 77 % n).to_string()), "id 0"),
        ("user_id", of(&|i| (i * 1_000_003).to_string()), "id 0"),
        ("userId", of(&|i| (70_000 + i * 13).to_string()), "id 5"),
        ("salary", of(&|i| (20_000 + i * 1357 % 70_001).to_string()), "number 0"),
        ("money", of(&|i| format!("${}", i % 90)), "number 0"),
        ("percent", of(&|i| format!("{} %", i % 90)), "number 0"),
        ("quoted", of(&|i| format!("\"a,{}\"", i % 4)), "category"),
        ("emoji", of(&|i| ["😀", "👍🏽"][i % 2].into()), "category"),
        ("hex", of(&|i| format!("0x{:x}", i % 7)), "category"),
        ("inf word", of(&|i| ["information", "infinite"][i % 2].into()), "category"),
        ("phone", of(&|i| format!("+49 {}", 30_000 + i % 5)), "category"),
        ("version", of(&|i| format!("1.{}.0", i % 5)), "category"),
        ("few", of(&|i| [1, 2, 5][i % 3].to_string()), "number 0"),
        ("mostly zero", of(&|i| if i % 10 == 0 { (i * 13).to_string() } else { "0".into() }), "number 0"),
        ("one other", of(&|i| if i == 3 { "1" } else { "0" }.into()), "number 0"),
        ("minus as gap", of(&|i| if i % 4 == 0 { "-".into() } else { (i * 3 % 77).to_string() }), "number 0"),
        ("question", of(&|i| if i % 4 == 0 { "?".into() } else { "known".into() }), "category"),
        ("leading plus", of(&|i| format!("+{}", i % 40)), "number 0"),
        ("range", of(&|i| format!("{}-{}", i % 5 * 10, i % 5 * 10 + 9)), "category"),
        ("tiny", of(&|i| format!("0.000000{}", i % 9 + 1)), "number 7"),
        ("large", of(&|i| format!("{}", 1e15 as u64 + (i % 90) as u64)), "number 0"),
        ("beyond single", of(&|i| format!("{}e200", i % 9 + 1)), "number e"),
    ];
    assert!(columns.len() >= 60, "{}", columns.len());
    let names: Vec<&str> = columns.iter().map(|(name, ..)| *name).collect();
    let row = |i: usize| columns.iter().map(|(_, cells, _)| cells[i].as_str()).collect::<Vec<_>>().join(",");
    let text = format!("{}\n{}\n", names.join(","), (0..n).map(row).collect::<Vec<_>>().join("\n"));
    let set = open_file("a.csv", text, &Options { derive: false, ..Options::default() }).unwrap();
    for (column, (name, _, wanted)) in records(&set).columns.iter().zip(&columns) {
        assert_eq!((column.name.as_str(), found(column).as_str()), (*name, *wanted));
    }
    assert!(said(&set).contains("`text last` is learned as a category, as `oops` is no number"), "{}", said(&set));
}

#[test]
fn types_can_be_said() {
    let rows: String =
        (0..40).map(|i| format!("{},0{},{:02}/{:02}/2020\n", i % 7, i % 5, i % 9 + 1, i % 11 + 1)).collect();
    let text = format!("n,zip,d\n{rows}");
    assert_usage(
        open_file("a.csv", &text, &Options::default()),
        &["the dates of `d`", "`01/01/2020`", "as d/m/Y or as m/d/Y", "--types \"d=date:d/m/Y\""],
    );
    let set = open_file("a.csv", &text, &typed("d=date:m/d/Y,n=category,zip=skip")).unwrap();
    let all: Vec<String> = records(&set).columns.iter().map(found).collect();
    assert_eq!(all, ["category", "skipped", "date m/d/Y"]);
    assert!(back(&set).starts_with("n,d\n0,01/01/2020\n"));
    let set = open_file("a.csv", &text, &typed("d=id,zip=number")).unwrap();
    assert_eq!(records(&set).columns.iter().map(found).collect::<Vec<_>>(), ["number 0", "number 0", "id 0"]);
    for (types, words) in [
        ("e=number", vec!["`types`", "no column `e`"]),
        ("n=nubmer", vec!["unknown type of a column `nubmer`", "did you mean `number`"]),
        ("n", vec!["`n` has no type", "COLUMN=TYPE"]),
    ] {
        assert_usage(open_file("a.csv", &text, &typed(types)), &words);
    }
    assert_failure(
        open_file("a.csv", &text, &typed("d=number")),
        &["`01/01/2020` in column `d` (line 2) (likewise 39 more lines: 3, 4, 5, ..) is no number"],
    );
    assert_failure(open_file("a.csv", &text, &typed("d=date:d.m.Y")), &["is no date in the pattern d.m.Y"]);
    assert_failure(open_file("a.csv", &text, &typed("n=date")), &["is no date of a known pattern"]);
    let gaps = Options { missing: Some("999,unknown".into()), ..Options::default() };
    let set = open_file("a.csv", "n,m\n1,2\n999,unknown\n3,5\n2,999\n", &gaps).unwrap();
    assert_eq!(records(&set).columns.iter().map(found).collect::<Vec<_>>(), ["number 0", "number 0"]);
    // A word that one row has could tell of it.
    assert_eq!(back(&set), "n,m\n1,2\n999,\n3,5\n2,999\n");
    assert_usage(
        open_file("a.csv", "n,c\n1,x\n2,y\n", &Options { encode: Some(Encode::None), ..typed("n=number") }),
        &["encode=none", "leave out types and missing"],
    );
}

#[test]
fn tables_of_plain_numbers_stay_points() {
    let text = "a,b\n1,2.5\n3,4\n5,9\n";
    let points = open_file("a.csv", text, &Options::default()).unwrap();
    assert!(matches!(points.series, Some(Series::Columns(_))));
    let ranks = open_file("a.csv", text, &Options { encode: Some(Encode::Rank), ..Options::default() }).unwrap();
    assert_eq!(back(&ranks), text);
    let plain = Options { encode: Some(Encode::None), ..Options::default() };
    let left = open_file("a.csv", "a,b,c\n1,2.5,x\n3,4,y\n5,9,x\n", &plain).unwrap();
    assert_eq!((left.shape.clone(), said(&left).contains("`c` (text such as `x`)")), (vec![2], true));
}

#[test]
fn rare_categories_are_one_and_come_back_by_frequency() {
    let rows: String = (0..3000).map(|i| format!("{},k{}\n", i % 3, if i % 2 == 0 { 0 } else { i % 301 })).collect();
    let options = Options { levels: 10, ..Options::default() };
    let set = open_file("a.csv", format!("n,c\n{rows}"), &options).unwrap();
    assert_eq!(records(&set).choices(), [3, 10]);
    let text = back(&set);
    let mut values: Vec<&str> = text.lines().skip(1).map(|line| line.split_once(',').unwrap().1).collect();
    assert!(values.iter().filter(|value| **value == "k0").count() >= 1500);
    values.sort_unstable();
    values.dedup();
    assert!(values.len() > 100 && values.iter().all(|value| value.starts_with('k')));
}

#[test]
fn a_part_of_the_rows_is_held_out_and_new_values_are_said() {
    let rows: String = (0..200).map(|i| format!("{},c{}\n", i, if i < 190 { i % 2 } else { i })).collect();
    let options = Options { holdout: 0.25, ..Options::default() };
    let folder = folder_of(&[("a.csv", format!("n,c\n{rows}").as_bytes())]);
    let path = folder.path().join("a.csv");
    let train = open_at(&path, &options).unwrap();
    let test = open_at(&path, &Options { split: Split::Test, ..options }).unwrap();
    assert_eq!((train.len(), test.len(), train.series == test.series), (150, 50, true));
    assert!(said(&test).contains("with a value that no row to learn from has"), "{}", said(&test));
}

#[test]
fn bad_tables_are_refused_in_a_sentence() {
    let cases: [(&str, &[&str]); 10] = [
        ("a,b\nx,1\ny,inf\nx,3\n", &["`inf` in column `b` (line 3) is not finite"]),
        ("a,b\nx,1\ny,-Infinity\nx,3\n", &["`-Infinity` in column `b`", "is not finite"]),
        ("a,b\nx,1\ny,1e999\nx,3\n", &["a.csv:3: the number in column `b` is larger than a double"]),
        ("a,b\nx,1\ny\nx,3\n", &[":3: 1 value where the first row has 2"]),
        ("a,b\nx,1\ny,2,3\nx,3\n", &[":3: 3 values where the first row has 2"]),
        ("a,b\nx,\"1\ny,2\nx,3\n", &["a quote begins here that has no end"]),
        ("", &["holds no points"]),
        ("a,b\n", &["has a header and no rows below it"]),
        ("a,b\nx,1\nx,1\n", &["has nothing to learn: no column has two different values"]),
        ("a,b\nx,1\ny,\0\n", &["is no text"]),
    ];
    for (text, words) in cases {
        assert_failure(open_file("a.csv", text, &Options::default()), &[words, &["a.csv"]].concat());
    }
    let rows: String = (0..500).map(|i| if i == 77 { "n_a,u\n".into() } else { format!("{}.5,v\n", i) }).collect();
    assert_failure(
        open_file("a.csv", format!("n,c\n{rows}"), &Options::default()),
        &["`n_a` in column `n` (line 79) is no number, and most others are", "missing", "types"],
    );
}

#[test]
fn conditions_are_read_and_hold() {
    let text = "age,income,city,visit,id\n20,<=50K,Bonn,2020-01-01,a\n70,>50K,Köln,2021-05-05,b\n,>50K,Bonn,,c\n";
    let rows: String = text.to_owned() + &"33,>50K,Ulm,2020-06-01,d\n".repeat(3);
    let set = open_file("a.csv", rows, &typed("id=id")).unwrap();
    let records = records(&set);
    let kept = |condition: &str| {
        let condition = Condition::of(records, condition).unwrap_or_else(|error| panic!("{condition}: {error}"));
        records.rows(floats(&set), 0, 0).filter(|row| condition.holds(row)).count()
    };
    for (condition, count) in [
        ("income=>50K", 5),
        ("income!=>50K", 1),
        ("age>=33", 4),
        ("age>33", 1),
        ("age<33", 1),
        ("age<=33", 4),
        ("age=", 1),
        ("age!=", 5),
        ("age=20", 1),
        ("age=20.0", 1),
        ("city = Bonn", 2),
        ("visit<2020-06-01", 1),
        ("visit>=2020-06-01", 4),
    ] {
        assert_eq!(kept(condition), count, "{condition}");
    }
    for (condition, words) in [
        ("incom=>50K", &["unknown column `incom`", "did you mean `income`?"][..]),
        ("city=Bnn", &["unknown value of `city` `Bnn`", "did you mean `Bonn`?"]),
        ("city<Bonn", &["`city` is a category, which has no order"]),
        ("id=a", &["`id` is an id"]),
        ("age>old", &["`old` is no value of `age`"]),
        ("income=", &["`income` has no gaps"]),
        ("visit<tomorrow", &["`tomorrow` is no date of `visit`, which are written Y-m-d"]),
        ("age", &["`age` is no condition"]),
    ] {
        assert_usage(Condition::of(records, condition), words);
    }
}

#[test]
fn a_folder_of_two_tables_has_a_test_part() {
    let rows =
        |from: usize, to: usize| (from..to).map(|i| format!("{},{}\n", i % 7, ["x", "y"][i % 2])).collect::<String>();
    let [train, test] = [rows(0, 40), rows(40, 50)].map(|rows| format!("n,c\n{rows}"));
    let folder = folder_of(&[("train.csv", train.as_bytes()), ("test.csv", test.as_bytes())]);
    let open = |split| open_at(folder.path(), &Options { split, holdout: 0.1, ..Options::default() }).unwrap();
    let (learned, tested) = (open(Split::Train), open(Split::Test));
    assert_eq!((back(&learned), back(&tested)), (train.clone(), test));
    assert_eq!(learned.about.part, "train, beside 10 rows in test");
    let numbers = |rows: usize| format!("a,b\n{}", (0..rows).map(|i| format!("{i},{}\n", i * i)).collect::<String>());
    let folder = folder_of(&[("train.csv", numbers(30).as_bytes()), ("test.csv", numbers(4).as_bytes())]);
    let points = |split| open_at(folder.path(), &Options { split, ..Options::default() }).unwrap();
    assert_eq!((points(Split::Train).len(), points(Split::Test).len()), (30, 4));
    let folder = folder_of(&[("train.csv", train.as_bytes()), ("test.csv", b"n,d\n1,x\n")]);
    assert_failure(
        open_at(folder.path(), &Options::default()),
        &["test.csv` has `d` in place of the columns `c` of `"],
    );
    // Lines are those of the file that they stand in.
    let beside = |content: &str| {
        let folder = folder_of(&[("train.csv", train.as_bytes()), ("test.csv", content.as_bytes())]);
        open_at(folder.path(), &Options::default())
    };
    assert_failure(beside("n,c\n1,x\n2\n"), &["test.csv:3: 1 value where the first row has 2"]);
    assert_failure(beside("n,c\n1,x\n\n1e999,x\n"), &["test.csv:4: the number in column `n` is larger"]);
    assert_failure(beside("n,c\r\n\r\n\r\n1,x\r\n2\r\n"), &["test.csv:5: 1 value where the first row has 2"]);
    // The order of the columns does not matter, their names do.
    let turned: String =
        back(&tested).lines().map(|line| line.split(',').rev().collect::<Vec<_>>().join(",") + "\n").collect();
    for (content, wanted) in [
        (turned.as_str(), None),
        ("n\n1\n", Some("lacks the columns `c`")),
        ("c,n,m\nx,1,2\n", Some("has the columns `m` beside those")),
        ("n,n\n1,x\n", Some("lacks the columns `c`")),
    ] {
        let folder = folder_of(&[("train.csv", train.as_bytes()), ("test.csv", content.as_bytes())]);
        let set = open_at(folder.path(), &Options { split: Split::Test, ..Options::default() });
        match wanted {
            None => assert_eq!(back(&set.unwrap()), back(&tested)),
            Some(words) => assert_failure(set, &["test.csv", words]),
        }
    }
}

/// All rows with a fault are said at once, as far as there is room.
#[test]
fn faults_of_several_rows_are_said_together() {
    let text = |wrong: &dyn Fn(usize) -> Option<&'static str>| {
        let row = |i: usize| wrong(i).map_or_else(|| format!("{}.5,{}\n", i * 7919 % 997, i % 7), str::to_owned);
        format!("n,c\n{}", (0..300).map(row).collect::<String>())
    };
    let bad = text(&|i| [(5, "x1,1\n"), (7, "x2,1\n"), (20, "x1,2\n")].iter().find(|bad| bad.0 == i).map(|bad| bad.1));
    for options in [Options::default(), typed("n=number")] {
        let words = "`x1` in column `n` (line 7) (likewise 2 more lines: 9, 22) is no number";
        assert_failure(open_file("a.csv", &bad, &options), &[words]);
    }
    let plain = Options { columns: Some("n,c".into()), encode: Some(Encode::None), ..Options::default() };
    let words = ":7: `x1` is not a finite number (column `n`) (likewise 2 more lines: 9, 22): mend it";
    assert_failure(open_file("a.csv", &bad, &plain), &[words]);
    let short = text(&|i| (i % 50 == 3).then_some("1\n"));
    let words = ":5: 1 value where the first row has 2 (likewise 5 more lines: 55, 105, 155, ..): mend it";
    assert_failure(open_file("a.csv", &short, &Options::default()), &[words]);
}

/// Excel takes a file without the mark for one in its own encoding.
#[test]
fn what_was_in_another_encoding_comes_back_with_a_mark() {
    let set = open_file("a.csv", b"c;n\r\nGr\xf6\xdfe;1,5\r\nx;2,5\r\nx;3,5\r\n", &Options::default()).unwrap();
    assert_eq!(back(&set), "\u{feff}c;n\r\nGröße;1,5\r\nx;2,5\r\nx;3,5\r\n");
}

/// Numbers that are multiples of more than their last digit come back as such multiples, computed ones too.
#[test]
fn multiples_stay_multiples() {
    let row = |i: usize| {
        let (net, tax) = (5 * (i * 7919 % 9973 + 100), 5 * (i * 7919 % 9973 / 5 + 20));
        let money = |cents: usize| format!("{}.{:02}", cents / 100, cents % 100);
        format!("{},{},{},{},x{}\n", money(net), money(tax), 250 * (i * 31 % 97), i % 7, i % 3)
    };
    let text: String = std::iter::once("net,tax,dose,n,c\n".to_owned()).chain((0..400).map(row)).collect();
    let set = open_file("a.csv", text, &Options { holdout: 0.0, ..Options::default() }).unwrap();
    let lines = records(&set).lines(9);
    for (line, words) in
        lines.iter().zip(["2 decimals, multiples of 0.05", "multiples of 0.05", "whole, multiples of 250", "whole"])
    {
        assert!(line.contains(words), "{line}");
    }
    assert!(!lines[3].contains("multiples"), "few values tell nothing: {}", lines[3]);
    // Any rank at all.
    let mut values = floats(&set).to_vec();
    let width = records(&set).len();
    values.iter_mut().enumerate().for_each(|(n, value)| {
        if n % width >= records(&set).choices().len() {
            *value += 0.0137;
        }
    });
    let samples = String::from_utf8(records(&set).to_csv(records(&set).rows(&values, 0, 0))).unwrap();
    for line in samples.lines().skip(1) {
        let cells: Vec<f64> = line.split(',').take(3).map(|cell| cell.parse().unwrap()).collect();
        for (cell, grain) in cells.iter().zip([0.05, 0.05, 250.0]) {
            assert!((cell / grain - (cell / grain).round()).abs() < 1e-6, "{line}");
        }
    }
    // One that is none.
    let text: String = std::iter::once("net,c\n".to_owned())
        .chain((0..400).map(|i| format!("{},x{}\n", 10 * i + usize::from(i == 77), i % 3)))
        .collect();
    let set = open_file("a.csv", text, &Options::default()).unwrap();
    assert!(!records(&set).lines(1)[0].contains("multiples"), "{}", records(&set).lines(1)[0]);
}

#[test]
fn what_may_be_personal_and_what_is_an_id_is_said() {
    let text = |note: &str| {
        let row =
            |i: usize| format!("K-{:05},{},{}\n", 7 * i + 3, i % 9, if i.is_multiple_of(5) { note } else { "ok" });
        std::iter::once("customer,n,note\n".to_owned()).chain((0..300).map(row)).collect::<String>()
    };
    for (note, is_personal) in [
        ("call M. Dupont 06 12 34 56 78", true),
        ("jane.doe@example.org", true),
        ("2024-05-06 07:08:09", false),
        ("see room 12", false),
        ("@home", false),
    ] {
        let set = open_file("a.csv", text(note), &Options::default()).unwrap();
        assert_eq!(
            said(&set).contains("look like a person's address or number"),
            is_personal,
            "{note}: {}",
            said(&set)
        );
        assert!(
            said(&set).contains("`customer` is an id, not learned: `--types \"customer=category\"`"),
            "{}",
            said(&set)
        );
    }
    // Numbers after a word are no dates, though they begin as a year does.
    let ids: String = (0..300).map(|i| format!("EXP-2025-{i:06},{}\n", i % 9)).collect();
    let set = open_file("a.csv", format!("parcel,n\n{ids}"), &Options::default()).unwrap();
    assert!(!said(&set).contains("look like dates"), "{}", said(&set));
}

/// Ids that rows share are said, few as a mistake, many as the entities that they are.
#[test]
fn repeated_ids_are_said() {
    let text = |rows: usize, id: &dyn Fn(usize) -> usize| {
        let line = |i: usize| format!("{},{},{}\n", 70_001 + id(i) * 3, i * 7919 % 9973, ["a", "b"][i * 31 % 7 % 2]);
        format!("order_id,amount,kind\n{}", (0..rows).map(line).collect::<String>())
    };
    let notes = |text: &str| said(&open_file("a.csv", text, &Options::default()).unwrap());
    let unique = notes(&text(400, &|i| i));
    assert!(unique.contains("`order_id` is an id") && !unique.contains("earlier"), "{unique}");
    let twice = notes(&text(400, &|i| if i == 200 { 3 } else { i }));
    let words = "`order_id`: 1 row has the id of an earlier one, such as line 202 (that of line 5)";
    assert!(twice.contains(words), "{twice}");
    let several = notes(&text(400, &|i| i * 3 / 5));
    assert!(several.contains("160 rows have the id of an earlier one"), "{several}");
    assert!(several.contains("--set \"group=order_id\""), "{several}");
}
