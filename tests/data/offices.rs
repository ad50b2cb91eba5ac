//! Tables as offices have them: numbers with signs, totals, ids, dates of all kinds, and cells that are wrong.

use std::collections::HashSet;

use saddle::data::{Condition, Options, Pattern, Role, Values};

use crate::records::{back, found, records, typed};
use crate::tables::said;
use crate::{assert_failure, folder_of, open_file};

#[test]
fn thousands_of_values_come_back_exactly() {
    let ends = |n: usize| n * 7919 % 9973;
    let columns: [(&str, &dyn Fn(usize) -> String); 9] = [
        ("whole", &|n| (3 * ends(n) + 17).to_string()),
        ("decimals", &|n| format!("{:.2}", ends(n) as f64 / 100.0 - 31.0)),
        ("days", &|n| Pattern::new("Y-m-d").write(86_400.0 * (ends(n) as f64 - 3000.0))),
        ("german", &|n| Pattern::new("d.m.Y").unpadded().write(86_400.0 * (ends(n) % 1161) as f64)),
        ("minutes", &|n| Pattern::new("H:M").write(60.0 * (ends(n) % 1440) as f64)),
        ("seconds", &|n| Pattern::new("H:M:S").write((8 * ends(n)) as f64)),
        ("moments", &|n| Pattern::new("Y-m-d H:M:S").write(1.7e9 + (11 * ends(n)) as f64)),
        ("half hours", &|n| Pattern::new("d.m.Y H:M").write(1.7e9 - 1.7e9 % 1800.0 + (1800 * ends(n)) as f64)),
        ("class", &|n| ["u", "v"][n % 2].into()),
    ];
    let row = |n: usize| columns.iter().map(|(_, cell)| cell(n)).collect::<Vec<_>>().join(",");
    let names = columns.map(|(name, _)| name).join(",");
    let text = format!("{names}\n{}\n", (0..9973).map(row).collect::<Vec<_>>().join("\n"));
    let set = open_file("a.csv", &text, &Options::default()).unwrap();
    let (back, lines) = (back(&set), text.lines().count());
    assert_eq!(back.lines().count(), lines);
    for (line, wanted) in back.lines().zip(text.lines()) {
        assert_eq!(line, wanted);
    }
}

#[test]
fn columns_of_two_units_are_refused_or_said() {
    let table = |one: &str, other: &str| {
        let row = |n: usize| {
            format!("{};{}\n", if n.is_multiple_of(3) { other } else { one }.replace('#', &n.to_string()), n % 2)
        };
        open_file("a.csv", format!("n;c\n{}", (1..31).map(row).collect::<String>()), &Options::default())
    };
    assert_failure(table("# %", "0.#"), &["20 numbers of `n` have `%` and 10 have no sign", "`--types \"n=number\"`"]);
    assert_failure(table("# kg", "# g"), &["have `kg` and 10 have `g`", "`--types \"n=category\"` as texts"]);
    for unit in ["# cm", "#,5kg", "#,60 zł", "CHF #.50", "# °C"] {
        let set = table(unit, unit).unwrap();
        let line = back(&set).lines().nth(5).unwrap().to_owned();
        let bare = unit.replace(['#', '.', ','], "").replace("60", "").replace("50", "").replace('5', "");
        assert!(found(&records(&set).columns[0]).starts_with("number") && line.contains(bare.trim()), "{unit}: {line}");
    }
    assert_failure(table("$#", "# €"), &["20 numbers of `n` have `$` and 10 have `€`, which are different units"]);
    let set = table("$#", "#").unwrap();
    assert!(
        said(&set).contains("20 numbers of `n` have `$` and 10 have no sign: they are taken as one"),
        "{}",
        said(&set)
    );
    assert!(back(&set).lines().skip(1).all(|line| line.starts_with('$')), "{}", back(&set));
    assert!(table("# %", "0;x").is_err() && table("# %", "0").is_ok());
    let mixed = "n;c\n1 %;x\n0.5;y\n2 %;x\n";
    assert!(open_file("a.csv", mixed, &typed("n=number")).is_ok());
}

#[test]
fn any_unit_that_all_cells_have_is_one() {
    let open = |cell: &dyn Fn(usize) -> String, options: &Options| {
        let rows: String = (0..300).map(|i| format!("{};{}\n", cell(i), ["x", "y"][i % 2])).collect();
        open_file("a.csv", format!("n;c\n{rows}"), options).unwrap()
    };
    let number = |i: usize| format!("{},{:02}", i * 7919 % 997, i * 31 % 100);
    for unit in
        ["# m2", "#m2", "# Euro", "# Tage", "# Jahre", "# Wochen", "# St.", "# Einh.", "# ECTS", "# €/kg", "Fr. #"]
    {
        let cell = |i: usize| unit.replace('#', &number(i));
        for options in [Options::default(), typed("n=number")] {
            let set = open(&cell, &options);
            assert_eq!(found(&records(&set).columns[0]), "number 2", "{unit}");
            assert!(back(&set).lines().skip(1).enumerate().all(|(i, row)| row.starts_with(&cell(i))), "{unit}");
        }
    }
    // Gaps, negative numbers, and a table without names.
    let cell = |i: usize| if i % 9 == 4 { String::new() } else { format!("{} Tage", i as i64 * 7 % 90 - 5) };
    let set = open(&cell, &Options::default());
    assert_eq!(found(&records(&set).columns[0]), "number 0");
    let rows: String = (0..30).map(|i| format!("{} Tage;x{}\n", i * 7 % 90, i % 3)).collect();
    let set = open_file("a.csv", rows, &Options { holdout: 0.0, ..Options::default() }).unwrap();
    assert_eq!((set.len(), found(&records(&set).columns[0])), (30, "number 0".into()));
    for value in ["5 Tage", "5"] {
        let condition = Condition::of(records(&set), &format!("x0<{value}")).unwrap();
        let rows = records(&set).rows(crate::floats(&set), 0, 0);
        assert_eq!(rows.filter(|row| condition.holds(row)).count(), 3, "{value}");
    }
    // Other units, and what is no unit.
    let set = open(&|i| format!("{} Tag{}", i % 30, if i % 30 == 1 { "" } else { "e" }), &Options::default());
    assert_eq!(found(&records(&set).columns[0]), "category");
    assert!(said(&set).contains("different units, such as `0 Tage` and `1 Tag`"), "{}", said(&set));
    for cell in [&|i: usize| format!("{}b", i % 40) as String, &|i: usize| format!("Room {}", i % 40), &|i: usize| {
        format!("{}/80", 90 + i % 40)
    }] as [&dyn Fn(usize) -> String; 3]
    {
        assert_eq!(found(&records(&open(cell, &Options::default())).columns[0]), "category", "{}", cell(0));
    }
}

#[test]
fn columns_without_a_name_are_found_in_samples() {
    let text = "a;b;;b;\n1;3;x;u;y\n2;4;y;v;z\n5;3;y;u;y\n";
    let set = open_file("a.csv", text, &typed("a=skip")).unwrap();
    let samples = back(&set);
    assert!(samples.starts_with("b;;b;\n"), "{samples}");
    let folder = folder_of(&[("b.csv", samples.as_bytes()), ("a.csv", text.as_bytes())]);
    for name in ["a.csv", "b.csv"] {
        let file = records(&set).values_of_file(&folder.path().join(name), &Options::default()).unwrap();
        assert_eq!((file.parts[0].len(), file.notes.len()), (4, 1), "{name}: {:?}", file.notes);
        assert_eq!(file.parts[0][0], Values::Numbers(vec![3.0, 4.0, 3.0]));
    }
}

#[test]
fn what_stands_below_a_table_is_no_row() {
    let row = |n: usize| format!("K{};{},10;{:02}.03.2024;{}\n", 7 * n, 3 * n, n % 28 + 1, ["x", "y"][n % 2]);
    let table: String = "Kunde;Umsatz;Datum;Art\n".to_owned() + &(1..41).map(row).collect::<String>();
    for (end, words) in [
        ("Gesamt;12.345,00;;\n", "left out 1 row at the end, `Gesamt`, for summing up the others"),
        ("Insgesamt;9,00;;\nStand: 31.12.2024;;;\n", "left out 2 rows at the end, `Insgesamt`, `Stand: 31.12.2024`"),
        (";2464,00;;\n", "left out 1 row at the end, `2464,00`, for summing up the others"),
        ("Alle;2464,00;;\n", "left out 1 row at the end, `Alle`, for summing up the others"),
        ("Im Schnitt;61,600;;\n", "left out 1 row at the end, `Im Schnitt`, for summing up"),
        ("Kunden;40;;\n", "left out 1 row at the end, `Kunden`, for summing up"),
        ("合計;1,00;;\n", "left out 1 row at the end, `合計`"),
        ("Σ;1,00;;\n", "left out 1 row at the end, `Σ`"),
        ("Anzahl: 40;;;\n\n;;;\nStand;;;\n", "left out 2 rows at the end, `Anzahl: 40`, `Stand`"),
        (
            ";;;erstellt am 1.2.2024\n",
            "left out 1 row at the end, `erstellt am 1.2.2024`, for filling few of the columns",
        ),
        ("1;2464,00;01.01.2024;x\n", "left out 1 row at the end, `1`, for summing up the others"),
    ] {
        let set = open_file("a.csv", format!("{table}{end}"), &Options::default()).unwrap();
        assert!(said(&set).contains(words), "{end}: {}", said(&set));
        assert_eq!(set.len(), 40, "{end}");
    }
    // What only resembles it.
    for end in ["K1;41,10;;x\n", "Total GmbH;41,10;01.01.2024;x\n", ";41,10;01.01.2024;x\n", "K3;40,10;;\n"] {
        let set = open_file("a.csv", format!("{table}{end}"), &Options::default()).unwrap();
        assert_eq!(set.len(), 41, "{end}: {}", said(&set));
    }
    let counting: String = (0..30).map(|n| format!("{n},{}\n", if n == 29 { "" } else { "x" })).collect();
    assert_eq!(open_file("a.csv", format!("n,c\n{counting}"), &Options::default()).unwrap().len(), 30);
    let within = table.replacen("K14;6,10;03.03.2024;x", "Zwischensumme;3,20;;", 1);
    let set = open_file("a.csv", within, &Options::default()).unwrap();
    assert!(said(&set).contains("learned 1 row within the table, such as `Zwischensumme`"), "{}", said(&set));
}

#[test]
fn columns_that_are_nearly_dates_or_numbers_are_said() {
    let of = |cell: &dyn Fn(usize) -> String| (0..400).map(|i| format!("{},{}\n", cell(i), i % 3)).collect::<String>();
    let open = |rows: String| open_file("a.csv", format!("c,n\n{rows}"), &Options::default());
    let day = |i: usize| Pattern::new("d.m.Y").write(86_400.0 * i as f64);
    assert_failure(
        open(of(&|i| if i == 76 { "31.02.2024".into() } else { day(i) })),
        &["`31.02.2024` in column `c` (line 78) is no date, and most others are", "missing", "types"],
    );
    let long = |i: usize| format!("90071992547409{:02}", 93 - i % 3);
    let short = |i: usize| format!("{:02}.02.{:02}", i % 28 + 1, (i * 7 % 60) + 40);
    type Case<'a> = (&'a dyn Fn(usize) -> String, &'a str, &'a str);
    let cases: [Case; 8] = [
        (
            &|i| if i == 7 { "soon".into() } else { day(i % 90) },
            "category",
            "as `soon` is no date: as a gap it comes back as it is beside dates, `--missing \"soon\"`",
        ),
        (&long, "category", "taken as texts, as `9007199254740993` has more digits than a number holds exactly"),
        (&|i| format!("{}", 90_071_992_547_409_920 + i as u64), "id 900719925474100", "taken as texts"),
        (&short, "date d.m.y", "the years of `c` are read as 1940 to 1999"),
        (&|i| format!("{:02}:{:02} PM", i % 12 + 1, i % 60), "date I:M p", ""),
        (&|i| format!("2023年{}月{}日", i % 12 + 1, i % 28 + 1), "date Y年m月d日", ""),
        (
            &|i| format!("{}. März 20{:02}", i % 28 + 1, i % 9 + 10),
            "category",
            "look like dates, such as `1. März 2010`",
        ),
        (&|i| format!("{}sacks", i % 80), "category", "look like numbers, such as `0sacks`"),
    ];
    for (n, (cell, wanted, words)) in cases.into_iter().enumerate() {
        let set = open(of(cell)).unwrap();
        let kind = found(&records(&set).columns[0]);
        assert!(kind == wanted || kind.starts_with("id") && wanted.starts_with("id"), "{n}: {kind}");
        assert!(said(&set).contains(words), "{n}: {}", said(&set));
    }
    // Neither.
    for cell in [&|i: usize| format!("A{}", i % 80) as String, &|i: usize| format!("{}-000{}", i % 80, i % 7)]
        as [&dyn Fn(usize) -> String; 2]
    {
        assert!(!said(&open(of(cell)).unwrap()).contains("look like"));
    }
}

#[test]
fn ids_go_on_after_those_of_the_data() {
    let of = |name: &str, cell: &dyn Fn(usize) -> String| {
        let rows: String = (0..300).map(|i| format!("{},{}\n", cell(i), ["x", "y"][i % 2])).collect();
        let set = open_file("a.csv", format!("{name},c\n{rows}"), &Options::default()).unwrap();
        let column = records(&set).columns[0].clone();
        let text = back(&set);
        let firsts = text.lines().skip(1).map(|line| line.split_once(',').unwrap().0.to_owned()).collect::<Vec<_>>();
        if matches!(column.role, Role::Id(_)) {
            assert!((0..300).all(|i| !firsts.contains(&cell(i))), "{name}: {firsts:?}");
        }
        (found(&column), firsts[0].clone(), said(&set))
    };
    let id = |name: &str, cell: &dyn Fn(usize) -> String, first: &str| {
        let (kind, back, _) = of(name, cell);
        assert!(kind.starts_with("id") && back == first, "{name}: {kind}, {back}");
    };
    id("customer", &|i| format!("C-{:06}", i * 7), "C-002094");
    id("n", &|i| (300 - i).to_string(), "301");
    id("text", &|i| if i == 5 { "4711".into() } else { format!("k{i}w") }, "k4712w");
    for name in ["Kundennummer", "N° client", "KdNr", "Nr.", "customerid", "IBAN", "user_id", "注文番号", "PLZCode"]
    {
        id(
            name,
            &|i| (100_000 + i * 997 % 30_011 * 9).to_string(),
            &(1 + (0..300).map(|i| 100_000 + i * 997 % 30_011 * 9).max().unwrap()).to_string(),
        );
    }
    // Of one shape, or without digits.
    id("Telefon", &|i| format!("07{}/{:07}", 1 + i % 9, 7 * i), "079/0002073");
    id("Name", &|i| format!("{}{}", ["A", "B", "C"][i % 3], "x".repeat(i / 3 + 1)), "Name 1");
    // Two orders of each customer; a code that comes again is none.
    id("Kundennummer", &|i| (100_000 + i / 2 * 2 * 997).to_string(), "397107");
    assert_eq!(of("code", &|i| (100_000 + i / 2 * 2 * 997).to_string()).0, "number 0");
    let (kind, _, said) = of("salary", &|i| (20_000 + i * 997 % 30_011).to_string());
    assert_eq!(kind, "number 0");
    assert!(
        said.contains("all values of `salary` differ and are learned") && said.contains("--types \"salary=id\""),
        "{said}"
    );
}

#[test]
fn ids_that_are_spread_are_drawn() {
    let iban = |i: usize| {
        let long = (i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 8;
        format!("DE{:02} {:04} 5047 {:04} 00", i * 31 % 90 + 10, long % 10_000, long / 10_000 % 10_000)
    };
    let ean = |i: usize| (4_000_000_000_000 + i as u64 * 0x9e37_79b9_7f4a % 99_999_999_999).to_string();
    let cells = |i: usize| [iban(i), ean(i), (70_000 + 3 * i).to_string()];
    let rows: String = (0..300).map(|i| format!("{};{}\n", cells(i).join(";"), ["x", "y"][i % 2])).collect();
    let set = open_file("a.csv", format!("IBAN;EAN;Kundennr;c\n{rows}"), &Options::default()).unwrap();
    let records = records(&set);
    let floats = crate::floats(&set).repeat(20);
    let drawn = |seed: u64| -> Vec<[String; 3]> {
        records.rows(&floats, 0, seed).map(|row| [0, 1, 2].map(|n| row[n].text.clone())).collect()
    };
    let samples = drawn(1);
    for (n, shape) in [(0, "DE00 0000 5047 0000 00"), (1, "4000000000000"), (2, "76897")] {
        let known: HashSet<String> = (0..300).map(|i| cells(i)[n].clone()).collect();
        let new: HashSet<&String> = samples.iter().map(|row| &row[n]).collect();
        assert!(new.len() == samples.len() && new.iter().all(|id| !known.contains(*id)), "{shape}");
        assert!(new.iter().all(|id| id.len() == shape.len()), "{shape}");
    }
    assert_eq!((samples[0][2].as_str(), samples[1][2].as_str()), ("70898", "70899"));
    assert!(
        samples.iter().all(|[iban, ean, _]| &iban[10..14] == "5047" && iban.ends_with(" 00") && ean.starts_with('4'))
    );
    let firsts: HashSet<&str> = samples.iter().map(|row| &row[0][..9]).collect();
    assert!(firsts.len() > samples.len() / 2, "{}", firsts.len());
    assert!(drawn(1) == samples && drawn(2)[0][..2] != samples[0][..2]);
    let lines = records.lines(9).join("\n");
    assert!(
        lines.contains("samples have other digits, drawn, such as `DE") && lines.contains("count from `70898`"),
        "{lines}"
    );
}

#[test]
fn durations_and_two_patterns_of_dates_are_read() {
    let open = |cell: &dyn Fn(usize) -> String| {
        let rows: String = (0..300).map(|i| format!("{};{}\n", cell(i), ["x", "y"][i % 2])).collect();
        open_file("a.csv", format!("a;c\n{rows}"), &Options::default()).unwrap()
    };
    let long = |i: usize| format!("{}:{:02}", i * 7 % 60, i * 13 % 60);
    let set = open(&long);
    assert_eq!(found(&records(&set).columns[0]), "date [H]:M");
    assert!(records(&set).lines(1)[0].contains("duration [H]:M, 0:0"), "{:?}", records(&set).lines(1));
    assert!(back(&set).lines().skip(1).enumerate().all(|(i, line)| line.starts_with(&long(i))));
    let condition = Condition::of(records(&set), "a>=24:00").unwrap();
    let many = records(&set).rows(crate::floats(&set), 0, 0).filter(|row| condition.holds(row)).count();
    let held = 300 - set.len();
    assert!((300 - 300 * 24 / 60 - held..=300 - 300 * 24 / 60).contains(&many), "{many}");
    assert_eq!(found(&records(&open(&|i| format!("{}:{:02}", i % 24, i % 60))).columns[0]), "date H:M");
    assert_eq!(found(&records(&open(&|i| format!("{}h{:02}", i % 24, i % 60))).columns[0]), "date HhM");
    let day = |i: usize| {
        Pattern::new(if i.is_multiple_of(3) { "Y-m-d" } else { "d.m.Y" }).write(86_400.0 * (i * 7 % 300) as f64)
    };
    let set = open(&day);
    assert_eq!(found(&records(&set).columns[0]), "date d.m.Y");
    assert!(said(&set).contains("200 dates of `a` are written d.m.Y and 100 Y-m-d"), "{}", said(&set));
    assert!(back(&set).lines().skip(1).all(|line| Pattern::new("d.m.Y").read(&line[..10]).is_some()));
    for types in ["a=date:dd.mm.yyyy", "a=date:%d.%m.%Y", "a=date:TT.MM.JJJJ"] {
        let set = open_file("a.csv", "a;c\n01.02.2020;1\n03.04.2021;2\n05.06.2022;3\n", &typed(types)).unwrap();
        assert_eq!(found(&records(&set).columns[0]), "date d.m.Y", "{types}");
    }
    let gap = |i: usize| {
        if i.is_multiple_of(3) { "00.00.0000".into() } else { Pattern::new("d.m.Y").write(86_400.0 * i as f64) }
    };
    let set = open(&gap);
    assert_eq!(found(&records(&set).columns[0]), "date d.m.Y");
    assert!(records(&set).lines(1)[0].contains("gaps `00.00.0000`"), "{:?}", records(&set).lines(1));
    assert!(back(&set).lines().skip(1).enumerate().all(|(i, line)| line.starts_with(&gap(i))));
}

#[test]
fn sums_within_a_table_are_left_out() {
    let table = |sum: &dyn Fn(usize, usize) -> String| {
        let part = |n: usize| {
            let cents = |i: usize| (n * 31 + i * 7919) % 9973;
            let money = |cents: usize| format!("{},{:02}", cents / 100, cents % 100);
            let rows: String =
                (0..9).map(|i| format!("{n};{};{};x{}\n", ["A", "B"][n % 2], money(cents(i)), i % 3)).collect();
            rows + &sum(n, (0..9).map(cents).sum())
        };
        let text: String = (0..20).map(part).collect();
        open_file("a.csv", format!("Nr;Abteilung;Kosten;Art\n{text}"), &Options { holdout: 0.0, ..Options::default() })
    };
    let money = |cents: usize| format!("{},{:02}", cents / 100, cents % 100);
    let set = table(&|n, sum| format!("Summe {n};;{};\n", money(sum))).unwrap();
    assert_eq!(set.len(), 180);
    assert!(said(&set).contains("within the table, such as `Summe 0`, for summing up those above"), "{}", said(&set));
    assert!(!back(&set).contains("Summe") && found(&records(&set).columns[0]).starts_with("number"), "{}", back(&set));
    let set =
        table(&|n, sum| if n == 3 { format!("Summe {n};;{};\n", money(sum + 10)) } else { String::new() }).unwrap();
    assert_eq!(set.len(), 181);
    assert!(said(&set).contains("learned 1 row within the table, such as `Summe 3`"), "{}", said(&set));
    let set = table(&|n, sum| format!("Summe {n};;{};\n", money(sum + 10))).unwrap();
    assert!(said(&set).contains("rows within the table, such as `Summe 0`"), "{}", said(&set));
}

/// Sums of parts that were rounded are off by some of their last digits, and one that is not found hides no other.
#[test]
fn sums_of_rounded_parts_are_left_out() {
    let cents = |i: usize| (i * 7919) % 99_731 + 3;
    let money = |cents: usize| format!("{},{:02}", cents / 100, cents % 100);
    let tax = |cents: usize| (cents as f64 * 0.019).round() as usize * 10;
    let row = |i: usize| format!("{};{};{};x{}\n", ["A", "B"][i % 2], money(cents(i)), money(tax(cents(i))), i % 3);
    let sum = |rows: std::ops::Range<usize>| rows.map(cents).sum::<usize>();
    let part = |rows: std::ops::Range<usize>| rows.map(row).collect::<String>();
    let total = |name: &str, all: usize| format!("{name};{};{};\n", money(all), money((all as f64 * 0.19) as usize));
    for (below, left) in [("Zwischensumme", 2), ("Notiz", 1)] {
        let middle = if left == 2 { total(below, sum(0..1000)) } else { String::new() };
        let rows = part(0..1000) + &middle + &part(1000..2000) + &total("Summe", sum(0..2000));
        let text = format!("Abteilung;Netto;Steuer;Art\n{rows}");
        let set = open_file("a.csv", text, &Options { holdout: 0.0, ..Options::default() }).unwrap();
        assert_eq!(set.len(), 2000, "{}", said(&set));
        assert!(said(&set).contains("left out 1 row at the end, `Summe`"), "{}", said(&set));
    }
    // A sum of something else stays, and is said.
    let rows = part(0..1000) + &total("Summe", 7) + &part(1000..2000) + &total("Summe", sum(0..2000));
    let text = format!("Abteilung;Netto;Steuer;Art\n{rows}");
    let set = open_file("a.csv", text, &Options { holdout: 0.0, ..Options::default() }).unwrap();
    assert_eq!(set.len(), 2001, "{}", said(&set));
    for words in ["left out 1 row at the end, `Summe`", "learned 1 row within the table, such as `Summe`"] {
        assert!(said(&set).contains(words), "{words}: {}", said(&set));
    }
}

#[test]
fn values_of_one_row_are_counted() {
    let row = |i: usize| format!("{},{}\n", i % 7, if i % 40 == 3 { format!("Frau {i}") } else { "x".into() });
    let set =
        open_file("a.csv", format!("n,c\n{}", (0..120).map(row).collect::<String>()), &Options::default()).unwrap();
    assert!(
        said(&set).contains("3 of the 4 values of `c` occur once or twice, and samples can have them as they are"),
        "{}",
        said(&set)
    );
    assert!(said(&set).contains("`--types \"c=skip\"`"));
    assert_eq!(records(&set).singles().len(), 1);
}

#[test]
fn files_of_other_cells_are_said() {
    let row = |i: usize| format!("{},2020-01-{:02},{}\n", i * 7 % 90, i % 28 + 1, ["x", "y"][i % 2]);
    let text = format!("n,d,c\n{}", (0..200).map(row).collect::<String>());
    let set = open_file("a.csv", &text, &Options::default()).unwrap();
    let read = |text: String| {
        let folder = folder_of(&[("b.csv", text.as_bytes())]);
        records(&set).values_of_file(&folder.path().join("b.csv"), &Options::default()).unwrap()
    };
    let file = read(text.clone());
    assert_eq!((file.wrong, file.notes), (vec![0.0; 3], vec![]));
    let file = read(text.replace("2020-01-0", "01.0").replacen("\n7,", "\nseven,", 1));
    assert!(file.wrong[1] > 0.3 && file.wrong[0] == 1.0 / 200.0 && file.wrong[2] == 0.0, "{:?}", file.wrong);
    let notes = file.notes.join("; ");
    assert!(notes.contains("cells, such as `01.0") && notes.contains("are no dates that are written Y-m-d"), "{notes}");
    assert!(notes.contains("`n`: 1 of 200 cells, such as `seven`, are no numbers"), "{notes}");
    let file = read("n,d,c\n,2020-01-01,x\nNA,2020-01-02,y\n".into());
    let notes = file.notes.join("; ");
    assert!(
        notes.contains("`n`: no cell has a value: scored as 0") && notes.contains("2 rows, which are few"),
        "{notes}"
    );
}

#[test]
fn names_and_types_may_have_commas() {
    let text = "\"Umsatz, netto\";d;b\n1,5;Jan 5, 2020;x\n2,5;Feb 7, 2021;y\n4,5;Mar 9, 2020;x\n";
    let text = text.replace("Jan 5, 2020", "\"Jan 5, 2020\"");
    for types in ["Umsatz, netto=category", "b=skip,Umsatz, netto=category", "\"Umsatz, netto=category\",b=skip"] {
        let set = open_file("a.csv", &text, &typed(types)).unwrap();
        assert_eq!(found(&records(&set).columns[0]), "category", "{types}");
    }
    let set = open_file("a.csv", &text, &typed("d=date:b d, Y,b=category")).unwrap();
    assert_eq!(found(&records(&set).columns[1]), "date b d, Y");
}

#[test]
fn rows_with_an_end_and_cells_with_line_breaks_are_said() {
    let row = |i: usize| format!("{},{},2024-05-{:02},\n", i * 7 % 90, ["x", "y"][i % 2], i % 28 + 1);
    let set =
        open_file("a.csv", format!("a,b,c\n{}", (0..50).map(row).collect::<String>()), &Options::default()).unwrap();
    assert!(said(&set).contains("50 rows have one more cell at their end, which is empty"), "{}", said(&set));
    assert_eq!((set.len(), records(&set).columns.len()), (50, 3));
    let names: String = (0..50).map(|i| format!("{},{},\n", ["u", "v"][i % 2], ["x", "y"][i % 2])).collect();
    assert_eq!(open_file("a.csv", format!("a,b\n{names}"), &Options::default()).unwrap().len(), 50);
    let row = |i: usize| match i {
        20 => "20,\"x,2\n".to_owned(),
        25 => "25,x\",2\n".to_owned(),
        _ => format!("{i},\"{}\",{}\n", ["x", "y"][i % 2], i % 3),
    };
    let broken = open_file("a.csv", format!("a,b,c\n{}", (0..50).map(row).collect::<String>()), &Options::default());
    let words = match &broken {
        Ok(set) => said(set),
        Err(error) => error.to_string(),
    };
    assert!(words.contains("line 22"), "{words}");
}

#[test]
fn columns_that_have_nothing_to_do_with_each_other_have_no_rules() {
    let free = (0..400).map(|i| format!("{};{}\n", i * 7919 % 9973, i * 31 % 3001)).collect::<String>();
    let set = open_file("a.csv", format!("a;b\n{free}"), &typed("a=number")).unwrap();
    assert!(!said(&set).contains("in all rows"), "{}", said(&set));
}

#[test]
fn names_of_groups_of_columns_are_no_names() {
    let rows = "Nantes;shop;3;12,50 €\nLyon;web;4;9,00 €\nLyon;shop;7;5,25 €\nNice;web;1;4,00 €\n";
    let set =
        open_file("a.csv", format!("Client;;Vente;\nVille;Type;Mois;Montant\n{rows}"), &Options::default()).unwrap();
    assert!(said(&set).contains("left out 1 line above the table, `Client`"), "{}", said(&set));
    assert!(back(&set).starts_with("Ville;Type;Mois;Montant\n"), "{}", back(&set));
    // A gap in the first row of a table without names.
    let set = open_file("a.csv", format!("Nantes;;2;3,00 €\n{rows}"), &Options::default()).unwrap();
    assert_eq!(back(&set).lines().count(), 5, "{}", back(&set));
}

#[test]
fn keys_of_whole_numbers_name_series() {
    let row = |account: usize, month: usize| {
        format!("{};{}.{}.2020;{};{}\n", 70_000 + 7 * account, 1, month + 1, account * month * 37 % 101, month * 7 % 5)
    };
    let name = "Konto;Monat;Saldo;Buchungen\n";
    let by_account: String = (0..20).flat_map(|a| (0..12).map(move |m| row(a, m))).collect();
    let by_month: String = (0..12).flat_map(|m| (0..20).map(move |a| row(a, m))).collect();
    let whole = Options { holdout: 0.0, ..crate::windows(6, Some(1)) };
    for rows in [by_account, by_month] {
        let set = open_file("a.csv", format!("{name}{rows}"), &whole).unwrap();
        assert!(said(&set).contains("20 series by `Konto`"), "{}", said(&set));
        assert!(set.len() >= 100 && set.len() % 20 == 0, "{}", set.len());
    }
    // Where nothing tells series apart, that is said.
    let rows: String = (0..60).map(|i| format!("{}.{}.2020;{}\n", 1, i * 7 % 12 + 1, i * 37 % 101)).collect();
    let set = open_file("a.csv", format!("Monat;Saldo\n{rows}"), &crate::windows(6, Some(1))).unwrap();
    assert!(said(&set).contains("--set group=COLUMN"), "{}", said(&set));
}

#[test]
fn rare_values_are_drawn_by_the_seed() {
    let rows: String = (0..900).map(|i| format!("v{};{}\n", i % 450, i % 3)).collect();
    let set = open_file("a.csv", format!("long;c\n{rows}"), &Options { levels: 10, ..Options::default() }).unwrap();
    let drawn =
        |seed| records(&set).rows(crate::floats(&set), 0, seed).map(|row| row[0].text.clone()).collect::<Vec<_>>();
    let equal = drawn(0).iter().zip(&drawn(1)).filter(|(a, b)| a == b).count();
    assert!(drawn(0) == drawn(0) && equal < 60, "{equal}");
}
