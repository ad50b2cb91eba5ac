//! Ties between columns of tables from offices: which way round they are computed, and rules that nearly all rows keep.

use std::collections::BTreeSet;

use saddle::data::{Dataset, Known, Options, Pattern, TableCell};

use crate::derived::{is_derived, mixed};
use crate::records::{back, records, typed};
use crate::tables::said;
use crate::{floats, folder_of, open_at, open_file};

fn money(cents: usize) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

/// A share of an amount, both in cents, by a rate in percent.
fn share(cents: usize, rate: usize) -> usize {
    (2 * cents * rate + 100) / 200
}

/// A table of these rows, and a category.
fn table(names: &str, rows: usize, row: impl Fn(usize) -> Vec<String>) -> String {
    let line = |i: usize| format!("{},{}\n", row(i).join(","), ["x", "y", "z"][i % 3]);
    format!("{names},kind\n{}", (0..rows).map(line).collect::<String>())
}

/// Opens a table whose rows come back, and whose columns are said to be these.
fn opened(text: &str, options: &Options, wanted: &[(&str, &str)]) -> Dataset {
    let set = open_file("a.csv", text, options).unwrap();
    assert_eq!(back(&set), text);
    let lines = records(&set).lines(20);
    for (name, words) in wanted {
        let is_said = |line: &String| line.starts_with(&format!("`{name}`")) && line.ends_with(words);
        assert!(lines.iter().any(is_said), "{name}: no {words} in {lines:#?}\n{}", said(&set));
    }
    assert_eq!(is_derived(records(&set)).len(), wanted.len(), "{lines:#?}");
    set
}

/// The numbers of rows whose cells do not belong together.
fn numbers(set: &Dataset, columns: usize) -> Vec<Vec<f64>> {
    mixed(set).iter().map(|row| row[..columns].iter().map(|cell| cell.number.unwrap()).collect()).collect()
}

#[test]
fn a_rate_may_have_two_values_and_a_base_may_be_a_difference() {
    for (rates, base) in [([7, 19, 7], "net"), ([0, 7, 19], "(net - off)"), ([19; 3], "(net - off)")] {
        let row = |i: usize| {
            let (net, off, rate) = (i * 7919 % 99_731 + 900, i * 613 % 887, rates[i * 31 % 7 % 3]);
            let off = if base == "net" { 0 } else { off };
            let note = (i * 104_729 % 9973).to_string();
            let [net, off, tax] = [net, off, share(net - off, rate)].map(money);
            if base == "net" { vec![net, note, rate.to_string(), tax] } else { vec![net, off, rate.to_string(), tax] }
        };
        let names = if base == "net" { "net,note,rate,tax" } else { "net,off,rate,tax" };
        let words = match rates {
            [19, 19, 19] => "computed: 0.19 x (`net` - `off`)",
            [7, 19, 7] => "computed: `net` x `rate` / 100",
            _ => "computed: (`net` - `off`) x `rate` / 100",
        };
        let set = opened(&table(names, 700, row), &Options::default(), &[("tax", words)]);
        for row in numbers(&set, 4) {
            let off = if base == "net" { 0.0 } else { row[1] };
            assert!(((row[0] - off) * row[2] / 100.0 - row[3]).abs() < 0.0051 && rates.contains(&(row[2] as usize)));
        }
    }
}

/// What was an amount before its rate is computed from the amount, where the data is.
#[test]
fn an_amount_may_hold_its_tax() {
    for rates in [[7, 19, 16], [19; 3]] {
        let row = |i: usize| {
            let (gross, rate) = (i * 7919 % 99_731 + 900, rates[i * 31 % 7 % 3]);
            let net = (200 * gross + 100 + rate) / (2 * (100 + rate));
            vec![money(gross), rate.to_string(), money(net)]
        };
        let words = if rates[0] == 19 { "computed: `gross` / 1.19" } else { "computed: `gross` / (1 + `rate` / 100)" };
        let set = opened(&table("gross,rate,net", 700, row), &Options::default(), &[("net", words)]);
        for row in numbers(&set, 3) {
            assert!((row[0] / (1.0 + row[1] / 100.0) - row[2]).abs() < 0.0051, "{row:?}");
        }
    }
}

/// What a sum is of may be computed itself: then the sum is turned, and nothing is computed in a circle.
#[test]
fn sums_are_turned_where_their_parts_follow_from_the_whole() {
    let row = |i: usize| {
        let (count, price, rate) = (i * 31 % 13 + 2, i * 613 % 997 + 30, [0, 3, 5, 10][i * 7 % 11 % 4]);
        let net = count * price;
        let off = share(net, rate);
        vec![count.to_string(), money(price), money(net), rate.to_string(), money(off), money(net - off)]
    };
    let set = opened(
        &table("count,price,net,rate,off,due", 700, row),
        &Options::default(),
        &[
            ("net", "computed: `count` x `price`"),
            ("off", "computed: `net` x `rate` / 100"),
            ("due", "computed: `net` - `off`"),
        ],
    );
    for row in numbers(&set, 6) {
        assert!((row[0] * row[1] - row[2]).abs() < 1e-6 && (row[2] - row[4] - row[5]).abs() < 1e-6, "{row:?}");
        assert!((row[2] * row[3] / 100.0 - row[4]).abs() < 0.0051 && [0.0, 3.0, 5.0, 10.0].contains(&row[3]));
    }
    // Terms of payment are given; the day on which a bill is due follows.
    let row = |i: usize| {
        let (day, days) = (i * 7919 % 997 + 18_000, [10, 14, 30][i * 31 % 7 % 3]);
        let date = |day: usize| Pattern::new("Y-m-d").write(86_400.0 * day as f64);
        vec![date(day), days.to_string(), date(day + days)]
    };
    let wanted = [("due", "computed: `billed` + `days` (in days)")];
    let set = opened(&table("billed,days,due", 400, row), &Options::default(), &wanted);
    for row in numbers(&set, 3) {
        assert!(row[0] + 86_400.0 * row[1] == row[2] && [10.0, 14.0, 30.0].contains(&row[1]), "{row:?}");
    }
}

#[test]
fn hours_follow_from_times_of_day_and_breaks() {
    for (latest, clock) in [(10, false), (24, false), (24, true)] {
        let time = |minutes: usize| format!("{:02}:{:02}", minutes / 60 % 24, minutes % 60);
        let row = |i: usize| {
            let (begin, pause) = (i * 31 % (4 * latest) * 15, [0, 20, 30, 45, 60][i * 7 % 11 % 5]);
            let hours = 120 + i * 7919 % 131 * 3;
            let worked = if clock { time(hours) } else { money(hours * 100 / 60) };
            vec![time(begin), time(begin + pause + hours), pause.to_string(), worked]
        };
        let words = if clock { "" } else { ", in hours" };
        let words = format!("computed: `end` - `begin` - `break` (in minutes){words}");
        let text = table("begin,end,break,hours", 600, row);
        let set = open_file("a.csv", &text, &Options::default()).unwrap();
        let lines = records(&set).lines(9);
        assert!(lines.iter().any(|line| line.ends_with(&words)), "no {words} in {lines:#?}");
        assert_eq!(back(&set), text);
        for row in numbers(&set, 4) {
            let span = (row[1] - row[0]).rem_euclid(86_400.0) - 60.0 * row[2];
            let unit = if clock { 1.0 } else { 3600.0 };
            assert!((span / unit - row[3] + 0.01).rem_euclid(86_400.0 / unit) < 0.02, "{row:?}");
        }
    }
}

/// One error of typing in 200 rows does not lose a rule; it is said, and more of them are no rule.
#[test]
fn rules_that_nearly_all_rows_keep_are_kept_and_said() {
    let text = |wrong: &[usize]| {
        table("net,tax,total", 1000, |i| {
            let (net, tax) = (i * 7919 % 99_731 + 900, i * 613 % 9973);
            vec![money(net), money(tax), money(net + tax + 90 * usize::from(wrong.contains(&i)))]
        })
    };
    let open = |wrong: &[usize], options: &Options| open_file("a.csv", text(wrong), options).unwrap();
    let set = open(&[512], &Options::default());
    assert_eq!(is_derived(records(&set)), ["total"]);
    let wanted = "`total` = `net` + `tax` in 999 of 1000 rows (line 514 differs): all samples keep it, `--types \
                  \"total=learned\"` learns it as it is";
    assert!(said(&set).contains(wanted), "{}", said(&set));
    for row in numbers(&set, 3) {
        assert!((row[0] + row[1] - row[2]).abs() < 1e-6, "{row:?}");
    }
    let set = open(&[3, 512, 40], &typed("total=learned"));
    assert!(back(&set) == text(&[3, 40, 512]));
    let wanted = "in 997 of 1000 rows (lines 5, 42, 514 differ): samples need not keep it";
    assert!(said(&set).contains(wanted), "{}", said(&set));
    let often: Vec<usize> = (0..6).map(|n| 7 + 150 * n).collect();
    let set = open(&often, &Options::default());
    let computed = records(&set).lines(9).into_iter().any(|line| line.contains("computed"));
    assert!(!computed && !said(&set).contains("`total` = "), "{}", said(&set));
    // One cell with digits too many: the rule is the same, and that line is named.
    let wrong = text(&[512]).lines().enumerate().fold(String::new(), |all, (n, line)| {
        let more = if n == 513 { "99" } else { "" };
        all + line + more + "\n"
    });
    let set = open_file("a.csv", wrong, &Options::default()).unwrap();
    assert_eq!(is_derived(records(&set)), ["total"]);
    assert!(said(&set).contains("`total` = `net` + `tax` in 999 of 1000 rows (line 514 differs)"), "{}", said(&set));
    // A post code with a wrong town once; an order that one row breaks.
    let row = |i: usize| {
        let (place, day) = (i * 7919 % 9973 % 9, i * 613 % 997 + 18_000);
        let town = if i == 100 { "Bonn" } else { ["Ulm", "Kiel", "Hof"][place / 3] };
        let date = |day: usize| Pattern::new("Y-m-d").write(86_400.0 * day as f64);
        let paid = if i == 200 { day - 900 } else { day + i * 31 % 47 };
        vec![format!("0{}", 1000 + place), town.into(), date(day), date(paid)]
    };
    let set = open_file("a.csv", table("code,town,ordered,paid", 900, row), &Options::default()).unwrap();
    for wanted in ["`code` tells `town` in 899 of 900 rows (line 102 ", "`paid` is never below `ordered` in 899 of 900"]
    {
        assert!(said(&set).contains(wanted), "no {wanted} in {}", said(&set));
    }
    assert!(is_derived(records(&set)).is_empty());
}

/// A gap in one row, beside a number that follows from what is not there, is no other rule than that of all others.
#[test]
fn a_gap_beside_a_total_does_not_lose_its_rule() {
    let text = table("count,price,net", 1000, |i| {
        let (count, price) = (i * 31 % 7 + 1, i * 7919 % 9973 + 90);
        vec![count.to_string(), if i == 512 { String::new() } else { money(price) }, money(count * price)]
    });
    let set = open_file("a.csv", text, &Options::default()).unwrap();
    assert_eq!(is_derived(records(&set)), ["net"]);
    assert!(said(&set).contains("`net` = `count` x `price` in 999 of 1000 rows (line 514 differs)"), "{}", said(&set));
    for row in mixed(&set) {
        let [Some(count), Some(price), Some(net)] = [0, 1, 2].map(|n: usize| row[n].number) else { continue };
        assert!((count * price - net).abs() < 0.0051, "{count} {price} {net}");
    }
}

/// What a person declares to be a gap may be a cell that tells of one row.
#[test]
fn a_gap_that_one_row_has_does_not_come_back_as_it_is() {
    let text = table("a,b,c", 600, |i| {
        let few = if i == 11 { "o.A.".into() } else { (i * 31 % 7 % 4).to_string() };
        let odd = ["\"12,O0\"", "31.02.2023"].get(i.wrapping_sub(7)).map(|odd| (*odd).to_owned());
        vec![odd.unwrap_or_else(|| money(i * 7919 % 9973)), if i % 9 == 0 { "none".into() } else { money(i * 31) }, few]
    });
    for missing in ["\"12,O0\",31.02.2023,none,o.A.", "12,O0,31.02.2023,none,o.A."] {
        let options = Options { missing: Some(missing.into()), ..Options::default() };
        let set = open_file("a.csv", &text, &options).unwrap();
        let own: Vec<_> = records(&set).rows(crate::floats(&set), 0, 0).collect();
        let texts = |column: usize| own.iter().map(move |row: &Vec<saddle::data::TableCell>| row[column].text.clone());
        assert_eq!([0, 1, 2].map(|column| texts(column).filter(String::is_empty).count()), [2, 0, 1]);
        assert!(texts(1).filter(|text| text == "none").count() == 67, "a mark that many rows have is kept");
    }
    let refused = open_file("a.csv", &text, &Options::default()).expect_err("a date among numbers").to_string();
    assert!(refused.contains("`--missing '\"12,O0\",31.02.2023,none'`"), "{refused}");
}

/// `0,457` is no 457: where the table has points, a column with commas has another mark.
#[test]
fn a_column_with_the_other_decimal_mark_is_refused() {
    let text = |unit: &str| {
        let row = |i: usize| format!("{}.5;0,{}{unit}\n", i * 7919 % 9973, 100 + i * 31 % 900);
        format!("amount;share\n{}", (0..600).map(row).collect::<String>())
    };
    let refused = open_file("a.csv", text(""), &Options::default()).expect_err("two marks").to_string();
    assert!(refused.contains("has another decimal mark than the table: write one mark in all columns"), "{refused}");
    let options = Options { levels: 1000, ..Options::default() };
    let set = open_file("a.csv", text(""), &options).unwrap();
    assert!(said(&set).contains("has another decimal mark than the table"), "{}", said(&set));
}

#[test]
fn numbers_that_follow_from_others_are_said_of_points_too() {
    let row = |i: usize, is_sum: usize| {
        let (net, tax) = (i * 7919 % 99_731 + 900, i * 613 % 9973);
        format!("{},{},{}\n", money(net), money(tax), money(net + tax + i * 31 % 97 * (1 - is_sum)))
    };
    for is_sum in [0, 1] {
        let text = format!("net,tax,total\n{}", (0..400).map(|i| row(i, is_sum)).collect::<String>());
        let set = open_file("a.csv", text, &Options::default()).unwrap();
        let wanted = "`total` = `net` + `tax`: points need not keep that; `--set encode=rank` computes it";
        assert_eq!(said(&set).contains(wanted), is_sum == 1, "{}", said(&set));
    }
}

/// A sum of two large numbers is larger than any of the data; and what a value of few rows tells is not kept.
#[test]
fn what_samples_do_beyond_the_data_is_said() {
    let row = |i: usize| {
        let net = i * 7919 % 9973 + 100;
        let tax = (10_100 - net) / 2 + i * 31 % 89;
        vec![money(net), money(tax), money(net + tax)]
    };
    let set = open_file("a.csv", table("net,tax,total", 500, row), &Options::default()).unwrap();
    let (records, rows) = (records(&set), mixed(&set));
    let cents = |row: &Vec<saddle::data::TableCell>| (row[2].number.unwrap() * 100.0).round() as usize;
    let data: Vec<usize> = (0..500).map(|i| (row(i)[2].replace('.', "")).parse().unwrap()).collect();
    let (low, high) = (*data.iter().min().unwrap(), *data.iter().max().unwrap());
    let count = rows.iter().filter(|row| !(low..=high).contains(&cents(row))).count();
    let wanted =
        format!("{count} of 500 rows had a computed `total` beyond the {} to {} of the data", money(low), money(high));
    let beyond = records.oddities(&rows, 500);
    assert!(count > 50 && beyond == [wanted], "{count}: {beyond:?}");
    assert_eq!(rows.iter().filter(|row| records.is_odd(row)).count(), count);
    let own: Vec<_> = records.rows(crate::floats(&set), 0, 0).collect();
    assert!(!own.iter().any(|row| records.is_odd(row)));
    let row = |i: usize| {
        let place = if i % 100 == 7 { 20 + i / 100 } else { i * 7919 % 9973 % 9 };
        vec![format!("0{}", 1000 + place), format!("town {}", place / 3)]
    };
    let text = table("code,town", 900, row);
    let few = Options { rare: 5, ..Options::default() };
    let set = open_file("a.csv", &text, &few).unwrap();
    let own: Vec<_> = self::records(&set).rows(crate::floats(&set), 0, 0).collect();
    let hidden = |row: &Vec<TableCell>| row[..2].iter().map(|cell| cell.text == "other").collect::<Vec<_>>();
    let pairs: BTreeSet<_> = own.iter().map(hidden).collect();
    assert_eq!(pairs, BTreeSet::from([vec![false, false], vec![true, true]]), "{}", said(&set));
    assert_eq!(own.iter().filter(|row| row[0].text == "other").count(), 9);
    // A number has no value that stands for others.
    let set = open_file("a.csv", text.replace("town ", "2.").replace("town", "rate"), &few).unwrap();
    for words in
        ["in all rows `code` tells `rate`: samples need not keep that", "one value of several of `code`, which"]
    {
        assert!(said(&set).contains(words), "{}", said(&set));
    }
}

/// A row that breaks what all rows keep is counted where a model reads it, in its computed columns too.
#[test]
fn rows_of_other_files_that_break_ties_are_counted() {
    let text = |wrong: usize| {
        table("net,tax,total,code,town,ordered,paid", 300, |i| {
            let (net, tax, place, day) =
                (i * 7919 % 99_731 + 900, i * 613 % 9973, i * 7919 % 9973 % 9, i * 613 % 997 + 18_000);
            let date = |day: usize| Pattern::new("Y-m-d").write(86_400.0 * day as f64);
            let is = |n: usize| usize::from(wrong > 0 && i == n);
            let town = ["Ulm", "Kiel", "Hof"][(place / 3 + is(20)) % 3];
            let cells =
                [money(net), money(tax), money(net + tax + 2 * (is(10) + is(20))), format!("0{}", 1000 + place)];
            let dates = [date(day), date(day + i * 7 % 47 - is(30) * (i * 7 % 47) - is(30))];
            cells.into_iter().chain([town.into()]).chain(dates).collect()
        })
    };
    let folder = folder_of(&[("a.csv", text(0).as_bytes()), ("b.csv", text(1).as_bytes())]);
    let set = open_at(&folder.path().join("a.csv"), &Options::default()).unwrap();
    assert_eq!(is_derived(records(&set)), ["total", "town", "paid"]);
    let read = |name: &str| {
        let known = Known { series: set.series.clone(), range: String::new() };
        let options = Options { known: Some(known), ..Options::default() };
        let about = open_at(&folder.path().join(name), &options).unwrap().about;
        about.faults.iter().map(Vec::len).collect::<Vec<_>>()
    };
    assert_eq!(read("a.csv"), [0; 300]);
    let wanted: Vec<usize> =
        (0..300).map(|i| [0, 1, 2, 1][[10, 20, 30].iter().position(|n| *n == i).map_or(0, |n| n + 1)]).collect();
    assert_eq!(read("b.csv"), wanted);
}

/// A model that knows a table says which cells of other rows it cannot read, and takes these rows for unusual.
#[test]
fn cells_that_a_model_cannot_read_are_said() {
    let row = |i: usize| format!("{:02}.{:02}.2024,{},{}\n", i % 28 + 1, i % 12 + 1, 10 * i + 7, ["x", "y"][i % 2]);
    let text: String = std::iter::once("day,n,c\n".into()).chain((0..60).map(row)).collect();
    let set = open_file("a.csv", &text, &Options::default()).unwrap();
    let known = Known { series: set.series, range: String::new() };
    let options = Options { known: Some(known), holdout: 0.0, ..Options::default() };
    let read = |text: &str| open_file("b.csv", text, &options).unwrap().about;
    let about = read("day,n,c\n02.03.2024,17,x\n2024-03-02,17,x\n02.03.2024,abc,y\n,,y\n02.03.2024,8,x\n");
    assert_eq!(about.faults.iter().map(Vec::len).collect::<Vec<_>>(), [0, 1, 1, 0, 0]);
    assert_eq!(about.faults[1], ["`day` `2024-03-02`: such cells are no dates that are written d.m.Y"]);
    for note in [
        "`day`: 1 cell, such as `2024-03-02` (line 3), are no dates that are written d.m.Y: read as gaps",
        "`n`: 1 cell, such as `abc` (line 4), are no numbers as the column writes them: read as gaps",
    ] {
        assert!(about.notes.iter().any(|said| said == note), "{:?}", about.notes);
    }
    assert!(!read("day,n,c\n02.03.2024,17,x\n").notes.iter().any(|note| note.contains("read as gaps")));
}

/// What a row has that no row has which the model learned from is said: of a table as a whole, and of each row.
#[test]
fn what_no_row_has_is_said() {
    let row = |i: usize| format!("{},{},{},{}\n", 10 * i + 7, 3 * (10 * i + 7), ["x", "y"][i % 2], i * 613 % 997);
    let text: String = std::iter::once("n,triple,c,m\n".into()).chain((0..300).map(row)).collect();
    let set = open_file("a.csv", &text, &Options::default()).unwrap();
    assert_eq!(is_derived(records(&set)), ["triple"]);
    let known = Known { series: set.series, range: String::new() };
    let options = Options { known: Some(known), holdout: 0.0, ..Options::default() };
    let about =
        open_file("b.csv", "n,triple,c,m\n17,51,x,5\n17,52,x,5\n17,51,z,5\n17,51,y,90000\n", &options).unwrap().about;
    assert_eq!(
        about.faults,
        [
            vec![],
            vec!["`triple` `52`: not what follows from `n`".to_owned()],
            vec!["`c` `z`: never seen".to_owned()],
            vec!["`m` `90000`: far beyond the data".to_owned()],
        ]
    );
    for note in [
        "`c`: 1 cell, such as `z` (line 4), with a value that the model never saw",
        "`m`: 1 cell, such as `90000` (line 5), far beyond the data",
        "`triple`: 1 cell, such as `52` (line 3), not what `n` told in all rows of the data",
    ] {
        assert!(about.notes.iter().any(|said| said == note), "{note}: {:?}", about.notes);
    }
    // A whole column that is written in another way is another column.
    let rows: String = (0..50).map(|i| format!("number {i},51,x,5\n")).collect();
    let error = open_file("b.csv", format!("n,triple,c,m\n{rows}"), &options).unwrap_err().to_string();
    assert!(error.contains("`n`: 50 cells of 50, such as `number 0`, are no numbers"), "{error}");
}

/// A text that another one tells may have gaps, which come back where they were and are drawn in samples.
#[test]
fn what_is_told_may_have_gaps() {
    let region = |customer: usize| ["north", "south", "west"][customer % 3];
    let row = |i: usize| {
        let customer = i * 31 % 40;
        let told = if i * 7919 % 1009 < 40 { "" } else { region(customer) };
        // A customer who never says it, and a note that only some have.
        let told = if customer == 7 { "" } else { told };
        vec![format!("c{customer:02}"), told.to_owned(), (i * 7919 % 9973).to_string()]
    };
    let words = "3.9 % gaps -> not learned, `customer` tells it, gaps are learned";
    let set = opened(&table("customer,region,amount", 900, row), &Options::default(), &[("region", words)]);
    let rows = mixed(&set);
    let gaps = rows.iter().filter(|row| row[1].text.is_empty()).count();
    assert!((20..rows.len() / 2).contains(&gaps), "{gaps} of {}", rows.len());
    for row in &rows {
        let customer: usize = row[0].text[1..].parse().unwrap();
        assert!(row[1].text.is_empty() || customer != 7 && row[1].text == region(customer), "{row:?}");
    }
    // Where gaps follow too, nothing is left to learn.
    let row = |i: usize| {
        let customer = i * 31 % 40;
        let told = if customer.is_multiple_of(5) { "" } else { region(customer) };
        vec![format!("c{customer:02}"), told.to_owned(), (i * 7919 % 9973).to_string()]
    };
    let words = "category -> not learned, `customer` tells it";
    opened(&table("customer,region,amount", 900, row), &Options::default(), &[("region", words)]);
}

/// Where a status says whether there is a date, samples without one, or with one, are odd, and so are rows of others.
#[test]
fn what_tells_gaps_is_kept_and_said() {
    let row = |i: usize| {
        let status = ["sent", "done", "void"][i * 31 % 7 % 3];
        let date = if status == "done" {
            Pattern::new("Y-m-d").write(86_400.0 * (18_000 + i * 613 % 997) as f64)
        } else {
            String::new()
        };
        // The weight is known where the date is.
        let weight = if date.is_empty() { String::new() } else { (i * 7919 % 9973).to_string() };
        vec![status.to_owned(), date, weight, (i * 104_729 % 9973).to_string()]
    };
    let text = table("status,date,weight,amount", 700, row);
    let set = open_file("a.csv", &text, &Options::default()).unwrap();
    assert!(said(&set).contains("`status` tells whether `date` is empty"), "{}", said(&set));
    assert!(!records(&set).rows(floats(&set), 0, 0).any(|row| records(&set).is_odd(&row)));
    let rows = mixed(&set);
    let is_odd = |row: &Vec<TableCell>| (row[0].text == "done") == row[1].text.is_empty();
    let odd = rows.iter().filter(|row| is_odd(row)).count();
    assert!(odd > 50 && rows.iter().all(|row| !is_odd(row) || records(&set).is_odd(row)), "{odd}");
    assert!(
        records(&set)
            .oddities(&rows, 700)
            .iter()
            .any(|said| said.starts_with(&format!("{odd} of 700 rows had a `date`")))
    );
    let known = Known { series: set.series, range: String::new() };
    let options = Options { known: Some(known), holdout: 0.0, ..Options::default() };
    let about = open_file(
        "b.csv",
        "status,date,weight,amount,kind\nvoid,2021-03-01,5,17,x\ndone,,,17,y\nsent,,,4,z\n",
        &options,
    )
    .unwrap()
    .about;
    assert_eq!(about.faults[0].first().map(String::as_str), Some("`date` `2021-03-01`: `status` says otherwise"));
    assert!(!about.faults[1].is_empty() && about.faults[2].is_empty(), "{:?}", about.faults);
}

/// First days of months could be days of Januaries: the reading by which times follow each other evenly is taken, said,
/// and the months come back.
#[test]
fn months_of_series_are_read_and_written_by_their_steps() {
    let row =
        |i: usize| format!("{:02}/{:02}/{},{},{}\n", 1, 1 + i % 12, 2017 + i % 84 / 12, 100 + i * 613 % 97, i / 84);
    let text: String = std::iter::once("day,sales,shop\n".into()).chain((0..252).map(row)).collect();
    let options = Options { window: Some(12), group: Some("shop".into()), ..Options::default() };
    let set = open_file("a.csv", &text, &options).unwrap();
    assert!(said(&set).contains("the dates of `day` are read as day/month/year"), "{}", said(&set));
    assert!(!said(&set).contains("jumps"), "{}", said(&set));
    let csv = set.series.as_ref().unwrap().to_csv(&[0.5; 24], 12);
    let csv = String::from_utf8(csv).unwrap();
    let days: Vec<&str> = csv.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!(days.len(), 24, "{csv}");
    assert_eq!([days[0], days[1], days[11], days[12]], ["01/01/2017", "01/02/2017", "01/12/2017", "01/01/2017"]);
    // The last days of months, of the ways that all can be meant.
    let ends = ["2021-01-31", "2021-02-28", "2021-03-31", "2021-04-30", "2021-05-31", "2021-06-30", "2021-07-31"];
    let rows: String = ends.iter().enumerate().map(|(i, day)| format!("{day},{}\n", i * 7 % 5)).collect();
    let options = Options { window: Some(4), holdout: 0.0, ..Options::default() };
    let set = open_file("a.csv", format!("day,sales\n{rows}"), &options).unwrap();
    let csv = String::from_utf8(set.series.as_ref().unwrap().to_csv(&[0.5; 4], 4)).unwrap();
    let days: Vec<&str> = csv.lines().skip(1).map(|line| line.split(',').nth(1).unwrap()).collect();
    assert_eq!(days, ends[..4], "{csv}");
}
