//! Tables whose columns have types: from the file to samples like it, conditions, and scores.

use std::{
    io::{Write, stderr},
    process::Command as Process,
};

use serde_json::Value;

use super::{Place, Said, refused};

/// Rows as a German spreadsheet writes them: the size is missing exactly where the kind is `c`.
fn rows(count: usize) -> String {
    let row = |n: usize| {
        let kind = ["a", "b", "c"][n * 7 % 3];
        let size = if kind == "c" { String::new() } else { format!("{},{}", 10 + n * 31 % 50, n % 10) };
        let day = format!("{:02}.{:02}.2021", n * 13 % 28 + 1, n * 5 % 12 + 1);
        let (member, children) = (["nein", "ja"][n * 11 % 7 % 2], n * n % 5);
        format!("{kind};{size};{day};{member};{children}\n")
    };
    format!("kind;size;day;member;children\n{}", (0..count).map(row).collect::<String>())
}

/// A place with a table and a run that learned from it.
fn trained() -> (Place, Said) {
    let place = Place::new();
    place.write("people.csv", rows(400).as_bytes());
    let said = place.saddle(
        "train vae --data people.csv --steps 100 --batch 50 --adapter cpu --set hidden_e=16 --set latent=4 \
         --set codes=2 --out run",
    );
    assert_eq!(said.code, Some(0), "{}", said.err);
    (place, said)
}

/// The cells of a table of text, without its header.
fn cells(text: &str) -> Vec<Vec<String>> {
    text.lines().skip(1).map(|line| line.split(';').map(String::from).collect()).collect()
}

fn text(place: &Place, name: &str) -> String {
    String::from_utf8(place.read(name)).unwrap()
}

/// What is said of the columns.
const LINES: [[&str; 2]; 5] = [
    ["`kind` ", "category, 3 values: `"],
    ["`size` ", "number, 1 decimal, 10,0 to 59,9, 34 % gaps -> rank + 1 special value"],
    ["`day` ", "date d.m.Y, 01.01.2021 to 28.12.2021 -> rank"],
    ["`member` ", "category, 2 values: `nein`, `ja` -> one of 2"],
    ["`children` ", "number, whole, 0 to 4, 3 values, "],
];

/// Asserts that each column has its line.
#[track_caller]
fn assert_lines(said: &str) {
    for [name, words] in LINES {
        assert!(said.lines().any(|line| line.contains(name) && line.contains(words)), "{name}: no `{words}` in {said}");
    }
}

#[test]
fn samples_come_back_as_a_table_like_the_file() {
    let (place, said) = trained();
    assert_lines(&said.err);
    let said = place.saddle("sample run --count 300 --adapter cpu");
    assert_eq!((said.code, said.out.as_str()), (Some(0), "300 rows of step 100 in run/sample-001.csv\n"));
    let samples = text(&place, "run/sample-001.csv");
    assert_eq!(samples.lines().next(), Some("kind;size;day;member;children"));
    let (found, real) = (cells(&samples), cells(&rows(400)));
    assert_eq!(found.len(), 300);
    let column = |rows: &[Vec<String>], n: usize| rows.iter().map(|row| row[n].clone()).collect::<Vec<_>>();
    for n in [0, 3, 4] {
        let known = column(&real, n);
        assert!(column(&found, n).iter().all(|cell| known.contains(cell)), "column {n}");
    }
    for size in column(&found, 1).iter().filter(|size| !size.is_empty()) {
        let (whole, decimals) = size.split_once(',').unwrap_or_else(|| panic!("{size} has no comma"));
        assert!((10..60).contains(&whole.parse::<i32>().unwrap()) && decimals.len() == 1, "{size}");
    }
    for day in column(&found, 2) {
        let parts: Vec<u32> = day.split('.').map(|part| part.parse().unwrap()).collect();
        assert!(parts[2] == 2021 && (1..=12).contains(&parts[1]) && (1..=31).contains(&parts[0]), "{day}");
        assert_eq!(day.len(), 10, "{day}");
    }
    // A seed gives the same bytes, another one others.
    for (line, is_same) in [("", true), ("--seed 1", false)] {
        let said = place.saddle(&format!("sample run --count 300 --adapter cpu --out other.csv --force {line}"));
        assert_eq!((said.code, text(&place, "other.csv") == samples), (Some(0), is_same), "{line}");
    }
    // Samples can be learned from again.
    let said = place.saddle("data run/sample-001.csv --variant vae");
    assert!(said.out.contains("decimal comma") && said.out.contains("d.m.Y"), "{} {}", said.out, said.err);
}

#[test]
fn conditions_hold_or_nothing_is_written() {
    let (place, _) = trained();
    let said = place.saddle("sample run --count 60 --where kind=b --where size>=20,5 --adapter cpu --out b.csv");
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.err.contains(" rows fulfil --where"), "{}", said.err);
    let found = cells(&text(&place, "b.csv"));
    assert_eq!(found.len(), 60);
    for row in found {
        assert!(row[0] == "b" && row[1].replace(',', ".").parse::<f64>().unwrap() >= 20.5, "{row:?}");
    }
    for (condition, words) in [
        ("kind=bb", &["--where", "unknown value of `kind` `bb`", "the valid ones are"][..]),
        ("kidn=b", &["--where", "unknown column `kidn`", "did you mean `kind`?"]),
        ("member<ja", &["`member` is a category, which has no order"]),
        ("day<soon", &["`soon` is no date of `day`, which are written d.m.Y"]),
        ("size=big", &["`big` is no value of `size`"]),
        ("size>20.5", &["`20.5` is no value of `size`: its decimal mark is `,`, as in `20,5`"]),
        ("kind", &["`kind` is no condition"]),
    ] {
        refused(&place, &format!("sample run --where {condition} --adapter cpu --out no.csv"), 2, words);
    }
    let words = ["--where: 0 of ", "too few to draw 10: nothing is written"];
    refused(&place, "sample run --count 10 --where kind=a --where kind=b --adapter cpu --out no.csv", 1, &words);
    refused(&place, "sample run --where kind=a --adapter cpu --out no.png", 2, &["--where is for samples in a csv"]);
    place.trained("--out images");
    refused(&place, "sample images --where kind=a --adapter cpu", 2, &["--where is for rows of a table"]);
}

/// The report that `saddle eval LINE` prints.
#[track_caller]
fn report(place: &Place, line: &str) -> Value {
    let said = place.saddle(&format!("eval {line} --adapter cpu --json"));
    assert_eq!(said.code, Some(0), "{line}: {}", said.err);
    serde_json::from_str::<Value>(&said.out).unwrap()[0].clone()
}

fn value(report: &Value, measure: &str) -> f64 {
    let rows = report["rows"].as_array().unwrap();
    let row = rows.iter().find(|row| row["measure"].as_str().unwrap().starts_with(measure));
    row.unwrap_or_else(|| panic!("no {measure} in {report}"))["value"].as_f64().unwrap()
}

#[test]
fn scores_are_of_samples_or_of_rows_of_another_program() {
    let (place, _) = trained();
    let own = report(&place, "run --target member");
    assert!(value(&own, "Column Shapes") > 0.8 && value(&own, "prediction of `member`, accuracy") > 0.2, "{own}");
    refused(&place, "eval run --target membre --adapter cpu", 2, &["--target", "did you mean `member`?"]);

    // The data itself in place of samples; the order of the columns does not matter.
    let real = rows(400);
    place.write("again.csv", real.as_bytes());
    let turned: String = real.lines().map(|line| line.split(';').rev().collect::<Vec<_>>().join(";") + "\n").collect();
    place.write("turned.csv", turned.as_bytes());
    let [again, turned] = ["again.csv", "turned.csv"].map(|file| report(&place, &format!("run --only-data {file}")));
    assert!(value(&again, "Column Shapes") > 0.97, "{again}");
    assert_eq!(again["rows"], turned["rows"]);

    // Copies are counted. The file holds the held-out rows too, so that nothing is left to compare with.
    assert!(value(&own, "copies of learned rows") < 0.5 && value(&again, "copies of learned rows") > 0.8, "{again}");
    assert!(value(&own, "known by heart") < 0.9 && value(&own, "DCROverfittingProtection") <= 1.0, "{own}");
    let parts = [own, again.clone()].map(|report| report["notes"].to_string().contains("known by heart and DCR"));
    assert_eq!((parts, again["rows"].to_string().contains("known by heart")), ([false, true], false), "{again}");

    let short: String = real.lines().map(|line| line.rsplit_once(';').unwrap().0.to_owned() + "\n").collect();
    place.write("short.csv", short.as_bytes());
    refused(&place, "eval run --only-data short.csv --adapter cpu", 1, &["--only-data", "has no column `children`"]);
    let long: String =
        real.lines().enumerate().map(|(n, line)| format!("{line};{}\n", if n == 0 { "more" } else { "1" })).collect();
    place.write("long.csv", long.as_bytes());
    refused(
        &place,
        "eval run --only-data long.csv --adapter cpu",
        1,
        &["--only-data", "a column `more`", "does not know"],
    );
    let other = real.replacen("nein", "vielleicht", 3).replacen("ja", "doch", 2);
    place.write("other.csv", other.as_bytes());
    let notes = report(&place, "run --only-data other.csv")["notes"].to_string();
    assert!(notes.contains("`member`: 2 values that the model does not know, such as `doch`"), "{notes}");

    // A column of gaps scores 0, and cells of another type are wrong.
    let column = real.lines().next().unwrap().split(';').position(|name| name == "children").unwrap();
    let with = |cell: &str| {
        let line = |(n, line): (usize, &str)| {
            let mut cells: Vec<&str> = line.split(';').collect();
            if n > 0 {
                cells[column] = cell;
            }
            cells.join(";") + "\n"
        };
        real.lines().enumerate().map(line).collect::<String>()
    };
    for (cell, words) in
        [("", "no cell has a value: scored as 0"), ("many", "are no numbers as the column writes them: wrong")]
    {
        place.write("gaps.csv", with(cell).as_bytes());
        let gaps = report(&place, "run --only-data gaps.csv");
        assert!(value(&gaps, "Column Shapes") < value(&again, "Column Shapes") - 0.1, "{gaps}");
        assert!(gaps["notes"].to_string().contains(words), "{gaps}");
        let tables = gaps["tables"].as_array().unwrap();
        assert!(tables.iter().any(|table| table["title"] == "Pairs, the worst first"), "{gaps}");
    }
}

#[test]
fn a_line_for_each_column_says_what_is_found() {
    let place = Place::new();
    place.write("people.csv", rows(400).as_bytes());
    let before = place.names(".");
    let said = place.saddle("data people.csv");
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert_lines(&said.out);
    assert!(place.names(".").len() <= before.len() + 1, "at most a picture is new");
    let said = place.saddle("data people.csv --set types=children=category,day=skip");
    assert!(
        said.out.contains("category, 3 values: `4`, `1`, `0`") && said.out.contains("left out"),
        "{} {}",
        said.out,
        said.err
    );
    refused(&place, "data people.csv --set types=kin=skip", 2, &["`types`", "no column `kin`"]);
}

/// As pandas reads both files, by its types; `SADDLE_TEST_PYTHON` names a Python that has it.
#[test]
fn pandas_reads_samples_as_it_reads_the_file() {
    let python = std::env::var("SADDLE_TEST_PYTHON").unwrap_or("python3".into());
    let has_pandas = Process::new(&python).args(["-c", "import pandas"]).output().is_ok_and(|o| o.status.success());
    if !has_pandas {
        // Not `eprintln!`: the test harness hides its output if a test passes.
        return writeln!(stderr(), "SKIPPED: there is no Python with pandas; SADDLE_TEST_PYTHON names one").unwrap();
    }
    let (place, _) = trained();
    assert_eq!(place.saddle("sample run --count 400 --adapter cpu --out fake.csv").code, Some(0));
    let script = "
import pandas
real, fake = (pandas.read_csv(name, sep=';', decimal=',') for name in ('people.csv', 'fake.csv'))
assert list(real) == list(fake), list(fake)
assert (real.dtypes == fake.dtypes).all(), (real.dtypes, fake.dtypes)
for name in 'kind', 'member', 'children':
    assert set(fake[name]) <= set(real[name]), name
assert fake['size'].isna().any() and fake['size'].between(10, 60).sum() > 100
assert pandas.to_datetime(fake['day'], format='%d.%m.%Y').dt.year.eq(2021).all()
";
    let output = Process::new(python).args(["-c", script]).current_dir(place.0.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
