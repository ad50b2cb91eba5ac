//! Columns that follow from others: computed where samples are given back, and exact inverses of the data.

use saddle::data::{Dataset, Options, Pattern, Records, Role, Series, TableCell};

use crate::records::{back, records, typed};
use crate::tables::said;
use crate::{floats, folder_of, open_at, open_file};

/// An invoice in a German table: the columns follow from others in all ways that are known.
fn invoice(i: usize) -> String {
    let (net, count, unit, day) = (i * 7919 % 9973, i * 31 % 13 + 1, i * 613 % 997 + 3, i * 31 % 3000);
    let off = [0, 5, 10, 15, 20][i * 7 % 5];
    let rounded = |number: usize, by: usize| (2 * number + by) / (2 * by);
    let (tax, billed) = (rounded(19 * net, 100), rounded(count * unit * (100 - off), 100));
    let date = |day: usize| Pattern::new("d.m.Y").write(86_400.0 * day as f64);
    let money = |cents: usize| format!("{},{:02}", cents / 100, cents % 100);
    // Some are not paid, some have no day of order; one number tells of no tax.
    let (ordered, paid) = (date(day), date(day + i % 90 * 40));
    let [ordered, paid] = [(ordered, i % 11 == 4), (paid, i % 13 == 5)].map(|(d, gap)| if gap { "".into() } else { d });
    let [net, tax, gross] = match i % 17 {
        3 => ["", "", ""].map(String::from),
        _ => [net, tax, net + tax].map(money),
    };
    let billed = if i % 19 == 7 { "offen".into() } else { money(billed) };
    let (code, town, land) =
        [("89073", "Ulm", "BW"), ("24103", "Kiel", "SH"), ("89077", "Ulm", "BW"), ("70173", "Stuttgart", "BW")]
            [i % 7 % 4];
    [&net, &tax, &gross, &count.to_string(), &money(unit), &format!("{off} %"), &billed, &ordered, &paid]
        .map(String::as_str)
        .into_iter()
        .chain([code, town, land])
        .collect::<Vec<_>>()
        .join(";")
}

const NAMES: &str = "net;tax;gross;count;unit;off;billed;ordered;paid;code;town;land";

fn invoices() -> String {
    format!("{NAMES}\n{}\n", (0..600).map(invoice).collect::<Vec<_>>().join("\n"))
}

fn options() -> Options {
    Options { missing: Some("offen".into()), ..Options::default() }
}

pub fn is_derived(records: &Records) -> Vec<&str> {
    let derived = records.columns.iter().filter(|column| matches!(column.role, Role::Derived(_)));
    derived.map(|column| column.name.as_str()).collect()
}

/// Rows whose values come from different rows of the data, as a model that has learned nothing of how they belong
/// together gives them.
pub fn mixed(set: &Dataset) -> Vec<Vec<TableCell>> {
    let (records, rows) = (records(set), floats(set));
    let width = records.len();
    let count = rows.len() / width;
    let value = |n: usize| rows[(n / width + (n % width) * 37) % count * width + n % width];
    records.rows(&(0..rows.len()).map(value).collect::<Vec<f32>>(), 0, 0).collect()
}

#[test]
fn columns_that_follow_from_others_come_back_byte_by_byte() {
    let text = invoices();
    let set = open_file("a.csv", &text, &options()).unwrap();
    assert_eq!(is_derived(records(&set)), ["tax", "gross", "billed", "paid", "town", "land"]);
    assert_eq!(back(&set), text);
    let kept: Series = serde_json::from_str(&serde_json::to_string(&set.series).unwrap()).unwrap();
    assert_eq!(Some(kept), set.series);
    let lines = records(&set).lines(20);
    for (name, words) in [
        ("`tax`", "number, 2 decimals -> not learned, computed: 0.19 x `net`"),
        ("`gross`", "number, 2 decimals -> not learned, computed: `net` + `tax`"),
        ("`billed`", "-> not learned, computed: `count` x `unit` x (1 - `off` / 100), gaps are learned"),
        ("`paid`", "-> learned from `ordered` on"),
        ("`town`", "category -> not learned, `code` tells it"),
        ("`land`", "category -> not learned, `town` tells it"),
    ] {
        assert!(lines.iter().any(|line| line.starts_with(name) && line.ends_with(words)), "no {words} in {lines:?}");
    }
    assert!(
        said(&set).contains("6 columns follow from others, in all samples") && !said(&set).contains("need not keep")
    );
}

#[test]
fn any_samples_keep_what_the_rows_keep() {
    let set = open_file("a.csv", invoices(), &options()).unwrap();
    let data: Vec<Vec<String>> = (0..600).map(|i| invoice(i).split(';').map(String::from).collect()).collect();
    let cents = |cell: &TableCell| cell.number.map(|number| (number * 100.0).round() as i64);
    let (mut open, mut unpaid, mut alone) = (0, 0, 0);
    for row in mixed(&set) {
        let [net, tax, gross, unit, billed] = [0, 1, 2, 4, 6].map(|n| cents(&row[n]));
        assert_eq!((tax.is_some(), gross.is_some()), (net.is_some(), net.is_some()));
        if let (Some(net), Some(tax), Some(gross)) = (net, tax, gross) {
            assert!((19 * net - 100 * tax).abs() <= 50 && net + tax == gross, "{row:?}");
        }
        let [count, off] = [3, 5].map(|n| row[n].number.unwrap() as i64);
        let wanted = count * unit.unwrap() * (100 - off);
        assert!(billed.is_none_or(|billed| (wanted - 100 * billed).abs() <= 50), "{row:?}");
        assert!(billed.is_some() || row[6].text == "offen");
        let [ordered, paid] = [7, 8].map(|n| row[n].number);
        assert!(ordered.zip(paid).is_none_or(|(ordered, paid)| ordered <= paid), "{row:?}");
        assert!(paid.is_none() || data.iter().any(|row| Pattern::new("d.m.Y").read(&row[8]) >= paid), "{row:?}");
        let place = |row: &[String]| row[9..].to_vec();
        let texts: Vec<String> = row.iter().map(|cell| cell.text.clone()).collect();
        assert!(data.iter().any(|row| place(row) == place(&texts)), "{row:?}");
        open += usize::from(billed.is_none());
        unpaid += usize::from(paid.is_none());
        alone += usize::from(ordered.is_none() && paid.is_some());
    }
    assert!(open > 20 && unpaid > 30 && alone > 30, "{open}, {unpaid}, {alone}");
}

#[test]
fn a_user_decides_what_is_computed() {
    let set = open_file("a.csv", invoices(), &Options { derive: false, ..options() }).unwrap();
    assert!(is_derived(records(&set)).is_empty() && back(&set) == invoices());
    let words = said(&set);
    for rule in ["`gross` = `net` + `tax`", "`tax` = 0.19 x `net`", "samples need not keep that", "and 4 more"] {
        assert!(words.contains(rule), "no {rule} in {words}");
    }
    let set =
        open_file("a.csv", invoices(), &Options { missing: options().missing, ..typed("gross=learned,town=learned") });
    let set = set.unwrap();
    assert_eq!(is_derived(records(&set)), ["tax", "billed", "paid", "land"]);
    assert!(said(&set).contains("`gross` = `net` + `tax`, `code` tells `town`"), "{}", said(&set));
}

#[test]
fn other_files_are_read_for_what_is_learned_of_them() {
    let folder = folder_of(&[("a.csv", invoices().as_bytes())]);
    let path = folder.path().join("a.csv");
    let set = open_at(&path, &options()).unwrap();
    let known = saddle::data::Known { series: set.series.clone(), range: String::new() };
    let read = open_at(&path, &Options { known: Some(known), ..options() }).unwrap();
    let choices = records(&set).choices().len();
    let of = |set: &Dataset| -> Vec<Vec<f32>> {
        floats(set).chunks(records(set).len()).map(|row| row[..choices].to_vec()).collect()
    };
    assert_eq!(of(&read), of(&set));
    let dates = |set: &Dataset| records(set).rows(floats(set), 0, 0).map(|row| row[8].text.clone()).collect::<Vec<_>>();
    assert_eq!(dates(&read), dates(&set));
}

#[test]
fn rows_that_break_a_rule_leave_it_unkept() {
    // The rules hold in the rows that are looked at first, and not in all.
    let row = |i: usize| {
        let (a, b) = (i * 7919 % 9973, i * 31 % 911);
        format!("{a},{b},{}\n", a + b + usize::from(i % 3 == 1 && i < 100))
    };
    let text = format!("a,b,c\n{}", (0..6000).map(row).collect::<String>());
    let set = open_file("a.csv", &text, &typed("a=number")).unwrap();
    assert!(is_derived(records(&set)).is_empty(), "{:?}", is_derived(records(&set)));
    assert!(!said(&set).contains("`c` = `a` + `b`"), "{}", said(&set));
    // Places that make a circle are no checkpoint.
    let set = open_file("a.csv", invoices(), &options()).unwrap();
    let json = serde_json::to_string(records(&set)).unwrap();
    let circle: Records = serde_json::from_str(&json.replacen("\"from\":[0]", "\"from\":[1]", 1)).unwrap();
    assert!(json.contains("\"from\":[0]") && records(&set).check().is_ok() && circle.check().is_err());
}

/// Amounts by three rates in percent, and a total with a discount taken off.
#[test]
fn taxes_of_several_rates_and_what_is_taken_off_are_computed() {
    let money = |cents: usize| format!("{}.{:02}", cents / 100, cents % 100);
    let row = |i: usize| {
        let (net, off, rate) = (i * 7919 % 9973 + 500, i * 613 % 487, [19, 7, 5][i * 31 % 7 % 3]);
        let tax = (2 * net * rate + 100) / 200;
        [money(net), rate.to_string(), money(tax), money(off), money(net + tax - off), ["x", "y"][i % 2].into()]
            .join(",")
    };
    let rows = (0..500).map(row).collect::<Vec<_>>().join("\n");
    let text = format!("net,rate,tax,off,due,kind\n{rows}\n");
    let set = open_file("a.csv", &text, &Options::default()).unwrap();
    assert_eq!(back(&set), text);
    let lines = records(&set).lines(20);
    for words in ["computed: `net` x `rate` / 100", "computed: `net` + `tax` - `off`"] {
        assert!(lines.iter().any(|line| line.ends_with(words)), "no {words} in {lines:?}");
    }
    for row in mixed(&set) {
        let [net, rate, tax, off, due] = [0, 1, 2, 3, 4].map(|n| row[n].number.unwrap());
        assert!((net * rate / 100.0 - tax).abs() < 0.0051 && (net + tax - off - due).abs() < 1e-6, "{row:?}");
    }
}

/// Columns that rise along each row, such as counts that are added up: each is learned from the one before alone.
#[test]
fn many_columns_in_order_are_read_in_time() {
    let names: Vec<String> = (0..40).map(|n| format!("q{n}")).collect();
    let row = |i: usize| {
        let mut sum = 0;
        let cells = (0..40).map(|n| {
            sum += (i * 7919 + n * 104_729 + i * n * 31) % 97 + 1;
            sum.to_string()
        });
        cells.collect::<Vec<_>>().join(",")
    };
    let text = format!(
        "kind,{}\n{}",
        names.join(","),
        (0..300).map(|i| format!("{},{}\n", i % 3, row(i))).collect::<String>()
    );
    let set = open_file("a.csv", &text, &typed("kind=category")).unwrap();
    // The first ones scatter too little for their order to say something of rows.
    assert_eq!(is_derived(records(&set)).len(), 37);
    let lines = records(&set).lines(60);
    assert!(lines.iter().any(|line| line.starts_with("`q20`") && line.ends_with("learned from `q19` on")), "{lines:?}");
    for row in mixed(&set) {
        assert!(row[3..].windows(2).all(|pair| pair[0].number <= pair[1].number), "{row:?}");
    }
}

/// A day without a time of day may come out before a moment of that day.
#[test]
fn what_is_written_coarser_is_not_learned_from_what_is_finer() {
    let row = |i: usize| {
        let start = 86_400.0 * (18_000 + i * 31 % 700) as f64 + 60.0 * (i * 7919 % 1440) as f64;
        let end = start + 86_400.0 * (1 + i % 5) as f64;
        format!("{},{},{}\n", Pattern::new("Y-m-d H:M").write(start), Pattern::new("Y-m-d").write(end), i % 3)
    };
    let text = format!("start,end,kind\n{}", (0..400).map(row).collect::<String>());
    let set = open_file("a.csv", &text, &typed("kind=category")).unwrap();
    assert!(is_derived(records(&set)).is_empty(), "{:?}", is_derived(records(&set)));
    assert!(said(&set).contains("`end` is never below `start`"), "{}", said(&set));
}
