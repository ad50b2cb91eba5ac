//! What users say of their tables: gaps with commas, values that must not come back, texts that are tables.

use std::collections::{BTreeMap, BTreeSet};

use saddle::data::{Options, Values};
use saddle::settings::Separator;

use crate::records::{back, found, records, typed};
use crate::tables::said;
use crate::{assert_failure, folder_of, open_file};

#[test]
fn values_below_a_limit_are_gaps_that_come_back() {
    let row = |i: usize| {
        let value = match i % 9 {
            4 => "<0,5".into(),
            7 if i.is_multiple_of(2) => "n.b.".into(),
            _ => format!("{},{}", i * 7919 % 83 + 1, i % 10),
        };
        format!("{};{value};{}\n", i * 31 % 97, if i % 12 == 5 { "NA".into() } else { format!("{},5", i % 4) })
    };
    let text = format!("a;value;b\n{}", (0..200).map(row).collect::<String>());
    let set = open_file("a.csv", &text, &Options { levels: 1000, ..Options::default() }).unwrap();
    let command = "as a gap it comes back as it is beside numbers, `--missing '\"<0,5\",n.b.,NA'`";
    assert!(said(&set).contains(command), "{}", said(&set));
    assert_failure(
        open_file("a.csv", &text, &Options { levels: 20, ..Options::default() }),
        &[
            "`<0,5` in column `value` (line 6) (likewise 32 more lines: 15, 18, 24, ..) is no number",
            "--missing '\"<0,5\",n.b.,NA'",
        ],
    );
    // Without quotes too, the comma belongs to the cell, and 5 and 0,5 are numbers.
    let set =
        open_file("a.csv", &text, &Options { missing: Some("<0,5,n.b.,NA".into()), ..Options::default() }).unwrap();
    let found: Vec<String> = records(&set).columns.iter().map(found).collect();
    assert_eq!(found, ["number 0", "number 1", "number 1"]);
    assert_eq!(back(&set), text);
    let set = open_file(
        "a.csv",
        text.replace("n.b.", "0,7"),
        &Options { missing: Some("\"<0,5\",NA".into()), ..Options::default() },
    );
    assert!(back(&set.unwrap()).contains(";<0,5;"));
}

#[test]
fn values_of_few_rows_become_one() {
    let row = |i: usize| {
        let name = if i % 40 == 3 { format!("Frau {i}") } else { ["x", "y", ""][i % 3].into() };
        format!("{},{name},{}\n", i % 7, if i < 6 { "rare" } else { ["u", "v"][i % 2] })
    };
    let text = format!("n,name,c\n{}", (0..400).map(row).collect::<String>());
    let set = open_file("a.csv", &text, &Options { rare: 7, ..Options::default() }).unwrap();
    let rows = back(&set);
    assert_eq!(rows.matches(",other,").count(), 10);
    assert_eq!(rows.matches(",other\n").count(), 6);
    assert!(!rows.contains("Frau") && !rows.contains("rare") && rows.contains(",,"), "{rows}");
    assert!(!serde_json::to_string(&set.series).unwrap().contains("Frau"));
    assert!(records(&set).singles().is_empty(), "{}", said(&set));
    assert!(
        records(&set).lines(3)[1].contains("rarer ones, 2.5 % of the rows, are `other`"),
        "{:?}",
        records(&set).lines(3)
    );
    // No column tells what another one hides, and a held-out row has the value that stands for its own.
    let row = |i: usize| {
        format!("{},{}\n", if i < 4 { "k9" } else { ["k1", "k2"][i % 2] }, if i < 4 { "secret" } else { "t" })
    };
    let text = format!("code,town\n{}", (0..400).map(row).collect::<String>());
    let of = |rare| open_file("a.csv", &text, &Options { rare, holdout: 0.2, ..Options::default() }).unwrap();
    assert!(back(&of(0)).contains("k9,secret"));
    assert!(!serde_json::to_string(&of(5).series).unwrap().contains("secret"));
    // Neither does one that many rows have, of which most tell a gap.
    let rare = |row: &dyn Fn(usize) -> String| {
        let text = format!("code,town\n{}", (0..600).map(|i| row(i) + "\n").collect::<String>());
        open_file("a.csv", &text, &Options { rare: 5, holdout: 0.0, ..Options::default() }).unwrap()
    };
    let set = rare(&|i| if i == 4 { "k1,secret".into() } else { ["k0,t", "k1,", "k2,u"][i % 3].into() });
    assert!(!serde_json::to_string(&set.series).unwrap().contains("secret"), "{}", said(&set));
    // A rare value does not hide a frequent one, nor is a value hidden by chance that is called as the hidden ones.
    let set = rare(&|i| format!("k{},t{}", if i % 3 == 0 { i } else { i % 3 }, i % 3));
    assert!(!back(&set).contains(",other\n") && back(&set).contains("other,t0\n"), "{}", back(&set));
    let set = rare(&|i| match i {
        0..3 => format!("x{i},y{i}"),
        _ => ["other,misc", "k1,t1", "k2,t2"][i % 3].into(),
    });
    assert!(back(&set).contains("other,misc\n"), "{}", back(&set));
}

/// Five rows of each person are enough for ids by that name, and a setting keeps the rows of each in one part.
#[test]
fn the_rows_of_a_person_are_learned_or_held_out() {
    let row = |i: usize| format!("P{},{},{}\n", 7000 + i % 200 * 13, 1000 + 7 * (i % 200), ["x", "y"][i % 7 % 2]);
    let text = format!("patient_id,weight,kind\n{}", (0..1000).map(row).collect::<String>());
    let options = Options { group: Some("patient_id".into()), holdout: 0.2, ..Options::default() };
    let of = |options: &Options| {
        let set = open_file("a.csv", &text, options).unwrap();
        let mut counts = BTreeMap::<String, usize>::new();
        back(&set).lines().skip(1).for_each(|row| {
            *counts.entry(row.split(',').nth(1).unwrap().into()).or_default() += 1;
        });
        (counts, said(&set))
    };
    let (counts, said) = of(&options);
    assert!(counts.len() == 160 && counts.values().all(|count| *count == 5), "{counts:?}");
    assert!(said.contains("200 groups by `patient_id`, none of which is both learned and held out"), "{said}");
    assert!(said.contains("each sample has an id of its own"), "{said}");
    assert!(of(&Options { group: None, ..options.clone() }).0.values().any(|count| *count < 5));
    // Whoever reads the file again finds the same parts, and one large group does not become the part to test with.
    let set = open_file("a.csv", &text, &options).unwrap();
    let folder = folder_of(&[("a.csv", text.as_bytes())]);
    let found = records(&set).values_of_file(&folder.path().join("a.csv"), &options).unwrap();
    let [learned, held_out] = found.parts.map(|values| match &values[0] {
        Values::Numbers(weights) => weights.iter().map(|weight| *weight as u32).collect::<BTreeSet<u32>>(),
        Values::Texts(_) => panic!("weights are numbers"),
    });
    assert!(learned.len() == 160 && learned.is_disjoint(&held_out), "{learned:?} {held_out:?}");
    let row = |i: usize| format!("P{},{}\n", if i < 900 { 7000 } else { 7000 + i }, i * 7 % 31);
    let text = format!("patient_id,weight\n{}", (0..1000).map(row).collect::<String>());
    assert_eq!(open_file("a.csv", &text, &options).unwrap().len(), 900);
    // Numbers of persons are ids too, and those of houses are learned.
    for (name, first, is_known) in [("patient_id", 7000, false), ("house_number", 1, true)] {
        let row = |i: usize| format!("{},{}\n", first + i * 7 % 300, ["x", "y"][i % 7 % 2]);
        let text = format!("{name},kind\n{}", (0..1000).map(row).collect::<String>());
        let set = open_file("a.csv", text, &Options::default()).unwrap();
        assert_eq!(back(&set).contains(&format!("\n{},", first + 70)), is_known, "{name}");
    }
}

#[test]
fn a_text_is_a_table_where_a_setting_says_so() {
    let rows: String = (0..40).map(|i| format!("{}\t{}\n", i * 7 % 11, ["x", "y"][i % 2])).collect();
    let text = format!("n\tc\n{rows}");
    let set = open_file("a.txt", &text, &Options::default()).unwrap();
    assert!(said(&set).contains("`--set separator=tab` reads it as one") && set.shape.len() == 2, "{}", said(&set));
    for options in [Options { separator: Some(Separator::Tab), ..Options::default() }, typed("n=category")] {
        let set = open_file("a.txt", &text, &options).unwrap();
        assert!(said(&set).contains("a table, as the settings say"), "{}", said(&set));
        assert_eq!(back(&set), text);
    }
    let text = "To be, or not to be\nthat is the question\n".repeat(20);
    assert_eq!(open_file("a.txt", text, &Options::default()).unwrap().shape.len(), 2);
}

#[test]
fn a_column_that_is_said_to_be_numbers_names_the_gaps_to_type() {
    let row = |i: usize| match i {
        40 => "offen,x\n".to_owned(),
        50 => "n.a.,y\n".to_owned(),
        _ => format!("{},{}\n", i * 7919 % 97, ["x", "y"][i % 2]),
    };
    let text = format!("sum,kind\n{}", (0..300).map(row).collect::<String>());
    let said = open_file("a.csv", &text, &typed("sum=number")).unwrap_err().to_string();
    assert!(said.contains("`offen` in column `sum` (line 42) (likewise line 52) is no number"), "{said}");
    assert!(said.contains("make it a gap, `--missing \"offen,n.a.\"`"), "{said}");
    let missing = Some("offen,n.a.".to_owned());
    assert!(open_file("a.csv", &text, &Options { missing, ..typed("sum=number") }).is_ok());
}
