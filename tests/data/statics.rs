//! What is the same in all rows of a series: read, learned beside the steps, and written once for a sample.

use saddle::data::{Dataset, Known, Options, Pattern, Static};

use crate::tables::{columns, in_units, said};
use crate::{assert_usage, open_file, windows};

/// Stations in countries, at heights of few values and at degrees of many, whose temperatures are taken.
fn stations(count: usize) -> String {
    let mut text = "station;land;height;degrees;day;warmth\n".to_owned();
    for station in 0..count {
        let (land, height) = (["DE", "CH", ""][station % 3], [80, 1200][station % 2]);
        for day in 1..=6 {
            let degrees = 45.0 + station as f64 / 8.0;
            let row = format!("S{station};{land};{height};{degrees:.3};2024-01-0{day};{}.5\n", station + day);
            text += &row.replace('.', ",");
        }
    }
    text
}

fn of(name: &str, first: usize, values: &[&str]) -> Static {
    Static { name: name.into(), first, values: values.iter().map(ToString::to_string).collect() }
}

fn whole() -> Options {
    Options { holdout: 0.0, ..windows(3, None) }
}

#[test]
fn texts_and_numbers_of_a_series_are_features_beside_its_steps() {
    let set = open_file("a.csv", stations(30), &whole()).unwrap();
    let columns = columns(&set.series);
    let names = ["land=", "land=CH", "land=DE", "height=1200", "height=80", "degrees", "warmth"];
    assert_eq!(columns.names, names);
    let statics = [of("land", 0, &["", "CH", "DE"]), of("height", 3, &["1200", "80"]), of("degrees", 5, &[])];
    assert_eq!(columns.statics, statics);
    assert_eq!(in_units(&set)[..7], [0.0, 0.0, 1.0, 0.0, 1.0, 45.0, 1.5]);
    let said = said(&set);
    for part in [
        "columns `land`, `height`, `degrees`, `warmth`",
        "`land`, `height`, `degrees` are the same in all rows of a series: a sample has one for all its steps",
        "left out `station` (names a series), `day`",
    ] {
        assert!(said.contains(part), "no `{part}` in {said}");
    }
    // What changes within a series, or differs in each of many, is left out as before; a setting names columns.
    let changed = stations(30).replacen(";DE;", ";AT;", 1);
    let set = open_file("a.csv", changed, &whole()).unwrap();
    assert!(!columns_of(&set).contains(&"land=AT".to_owned()), "{:?}", columns_of(&set));
    let own: String = (0..8).flat_map(|i| (0..4).map(move |t| format!("{i},kind{i},{t}.5\n"))).collect();
    assert_eq!(columns_of(&open_file("a.csv", format!("unit,kind,x\n{own}"), &whole()).unwrap()), ["x"]);
    let many: String = (0..60).flat_map(|i| (0..4).map(move |t| format!("{i},kind{i},{t}.5\n"))).collect();
    let set = open_file("a.csv", format!("unit,kind,x\n{many}"), &whole()).unwrap();
    assert_eq!(columns_of(&set), ["x"]);
    let chosen = Options { columns: Some("warmth,land".into()), ..whole() };
    let set = open_file("a.csv", stations(30), &chosen).unwrap();
    assert_eq!(columns_of(&set), ["warmth", "land=", "land=CH", "land=DE"]);
}

fn columns_of(set: &Dataset) -> Vec<String> {
    columns(&set.series).names.clone()
}

#[test]
fn a_sample_has_one_value_for_all_its_steps() {
    let set = open_file("a.csv", stations(30), &whole()).unwrap();
    let series = set.series.clone().unwrap();
    // At one step another country is likelier, and the degrees scatter.
    let mut sample = set.example(0);
    (sample[0], sample[2]) = (0.9, 0.2);
    (sample[5], sample[12]) = (0.0, 0.5);
    let text = String::from_utf8(series.to_csv(&sample, 3)).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "station;land;height;degrees;day;warmth");
    let degrees = 45.0 + 0.5 / 3.0 * 29.0 / 8.0;
    let rest = format!("{degrees:.3}").replace('.', ",");
    let wanted: Vec<String> = (0..3).map(|t| format!("S30;DE;80;{rest};2024-01-0{};{},5", 1 + t, 1 + t)).collect();
    assert_eq!(lines[1..], wanted);
    // Settled sequences stay as they are.
    let columns = columns(&set.series);
    let settled = columns.settled(sample, 3);
    assert_eq!(columns.settled(settled.clone(), 3), settled);
    assert_eq!(settled[..5], set.example(0)[..5]);
    // Samples are read as the data was.
    let samples: Vec<f32> = (0..10).flat_map(|n| set.example(n * 8)).collect();
    let again = open_file("b.csv", series.to_csv(&samples, 3), &whole()).unwrap();
    assert_eq!(columns_of(&again), columns_of(&set));
}

#[test]
fn a_model_reads_other_series_by_its_own_values() {
    let set = open_file("a.csv", stations(30), &whole()).unwrap();
    let names = columns_of(&set).join(",");
    let known = Known { series: set.series.clone(), range: String::new() };
    let options = Options { known: Some(known), columns: Some(names), ..whole() };
    // One series without a name, of a country that no series had.
    let one = stations(1).replace(";DE;", ";FR;").replace("S0", "T");
    let other = open_file("b.csv", one, &options).unwrap();
    assert_eq!(columns_of(&other), columns_of(&set));
    assert_eq!(other.example(0)[..5], [0.0, 0.0, 0.0, 0.0, 1.0]);
    assert!(said(&other).contains("`land`: 1 value that the model does not know, such as `FR`"), "{}", said(&other));
    let lacking = stations(2).replace("land", "country");
    assert_usage(open_file("b.csv", lacking, &options), &["b.csv` has no column `land`", "`country`"]);
    // As earlier versions read it.
    let set = open_file("a.csv", stations(30), &Options { statics: false, ..whole() }).unwrap();
    assert_eq!(columns_of(&set), ["height", "degrees", "warmth"]);
}

/// Samples have the columns that tell series and times, in the file's order, with names that none of the data has.
#[test]
fn samples_of_series_have_names_and_times() {
    let rows = |time: &dyn Fn(usize) -> String| {
        let row = |i: usize| format!("{};{};{}\n", time(i % 12), 10 * (i % 7), ["CAM-01", "CAM-02"][i / 12]);
        format!("when;load;truck\n{}", (0..24).map(row).collect::<String>())
    };
    let sample = |text: &str| {
        let set = open_file("a.csv", text, &whole()).unwrap();
        let values = [0.0, 1.0, 0.5, 1.0, 0.0, 0.5];
        (String::from_utf8(set.series.as_ref().unwrap().to_csv(&values, 3)).unwrap(), set)
    };
    let day = |i: usize| Pattern::new("d.m.Y").write(86_400.0 * (20_000 + i) as f64);
    let (csv, set) = sample(&rows(&day));
    let lines = [
        "when;load;truck",
        "04.10.2024;0;CAM-03",
        "05.10.2024;60;CAM-03",
        "06.10.2024;30;CAM-03",
        "04.10.2024;60;CAM-04",
    ];
    assert_eq!(csv.lines().take(5).collect::<Vec<_>>(), lines);
    // They are read as the file was.
    let known = Options { known: Some(Known { series: set.series, range: String::new() }), ..whole() };
    assert_eq!(open_file("b.csv", &csv, &known).unwrap().len(), 2);
    // Times as numbers, times that say nothing of a window, months, no series.
    let unix = rows(&|i| (1_700_000_000 + 60 * i).to_string()).replace("when", "timestamp");
    let (csv, _) = sample(&unix);
    assert!(csv.starts_with("timestamp;load;truck\n1700000000;0;CAM-03\n1700000060;60;"), "{csv}");
    let minutes = rows(&|i| format!("31.12.2024 23:{:02}", 5 * i));
    assert!(sample(&minutes).0.starts_with("step;load;truck\n0;0;CAM-03\n"), "{}", sample(&minutes).0);
    let months = rows(&|i| format!("01.{:02}.2024", i + 1));
    assert!(
        sample(&months).0.starts_with("when;load;truck\n01.01.2024;0;CAM-03\n01.02.2024;60;"),
        "{}",
        sample(&months).0
    );
    let alone: String = (0..12).map(|i| format!("2024-01-{:02},{}\n", i + 1, i % 7)).collect();
    let (csv, _) = sample(&format!("day,x\n{alone}"));
    assert!(csv.starts_with("series,day,x\n0,2024-01-01,0\n0,2024-01-02,6\n"), "{csv}");
    // Windows that all begin at midnight.
    let hours: String = (0..96).map(|i| format!("2024-01-{:02} {:02}:00,{}\n", i / 24 + 1, i % 24, i % 7)).collect();
    let set = open_file("a.csv", format!("at,x\n{hours}"), &Options { holdout: 0.0, ..windows(24, Some(24)) }).unwrap();
    let csv = String::from_utf8(set.series.as_ref().unwrap().to_csv(&[0.5; 24], 24)).unwrap();
    assert!(csv.contains("\n0,2024-01-01 23:00,3\n"), "{csv}");
}
