//! Reports as text, and several side by side as a page that opens without a network.

use std::fmt::Write;

use super::{Report, RoundTime};

/// A report as text.
pub fn table(report: &Report) -> String {
    let c = &report.ceilings;
    let mut text = format!(
        "{}\n  {:.0} GFLOP/s of multiply-adds, {:.1} GB/s of copies, a launch {:.1} us, a submission {:.0} us, a read-back {:.0} us\n",
        report.device, c.multiply_add, c.bandwidth, c.dispatch, c.submit, c.read_back
    );
    let head = ["round", "batch", "ms", "", "samples/s", "GFLOP/s", "launches", "us/launch", "MiB", "first, s"];
    let rows = report.rounds.iter().map(|round| {
        let RoundTime { milliseconds: ms, batch, launches, .. } = round;
        vec![
            round.name.clone(),
            batch.to_string(),
            format!("{:.3}", ms.median),
            format!("{:.3} to {:.3}", ms.least, ms.most),
            format!("{:.0}", round.samples_per_second()),
            format!("{:.1}", round.gflop / ms.median * 1e3),
            launches.to_string(),
            round.encoding.map_or("-".into(), |us| format!("{us:.2}")),
            format!("{:.1}", round.bytes as f64 / f64::from(1 << 20)),
            format!("{:.2}", round.first),
        ]
    });
    text += &aligned(&head, rows);
    let head = ["launch", "of", "times", "ms", "GFLOP/s", "GB/s", "of ceiling"];
    let rows = report.rounds.iter().flat_map(|round| {
        round.dearest.iter().map(|launch| {
            vec![
                format!("{} {}", launch.kernel, launch.makes),
                round.name.clone(),
                launch.count.to_string(),
                format!("{:.4}", launch.milliseconds.median),
                format!("{:.1}", launch.gflops),
                format!("{:.1}", launch.gigabytes),
                format!("{:.0} %", 100.0 * launch.share),
            ]
        })
    });
    text += &aligned(&head, rows);
    text
}

/// Columns under their heads: the first to the left, the others to the right.
fn aligned(head: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let rows: Vec<Vec<String>> = rows.collect();
    if rows.is_empty() {
        return String::new();
    }
    let head: Vec<String> = head.iter().map(|cell| cell.to_string()).collect();
    let all = || [&head].into_iter().chain(&rows);
    let width = |column: usize| all().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let mut text = String::from("\n");
    for row in all() {
        let cell = |(i, cell): (usize, &String)| match i {
            0 => format!("  {cell:<w$}", w = widths[i]),
            _ => format!("  {cell:>w$}", w = widths[i]),
        };
        text += row.iter().enumerate().map(cell).collect::<String>().trim_end();
        text.push('\n');
    }
    text
}

/// One line of a comparison: a measure, its unit, and its value on each device, where it was measured.
struct Measure {
    group: &'static str,
    name: String,
    unit: &'static str,
    values: Vec<Option<f64>>,
}

/// Everything that the devices can be compared by; more is better in all of it.
fn measures(reports: &[Report]) -> Vec<Measure> {
    let ceiling = |name: &str, unit, value: &dyn Fn(&Report) -> f64| Measure {
        group: "Ceilings",
        name: name.into(),
        unit,
        values: reports.iter().map(|report| Some(value(report))).collect(),
    };
    let mut all = vec![
        ceiling("multiply-adds", "GFLOP/s", &|report| report.ceilings.multiply_add),
        ceiling("copies", "GB/s", &|report| report.ceilings.bandwidth),
        ceiling("launches", "1/s", &|report| 1e6 / report.ceilings.dispatch),
        ceiling("submissions", "1/s", &|report| 1e6 / report.ceilings.submit),
        ceiling("read-backs", "1/s", &|report| 1e6 / report.ceilings.read_back),
    ];
    let mut cases: Vec<(&str, &str, usize)> = vec![];
    for round in reports.iter().flat_map(|report| &report.rounds) {
        let case = round.case();
        if !cases.contains(&case) {
            cases.push(case);
        }
    }
    all.extend(cases.into_iter().map(|case| {
        let of = |report: &Report| {
            report.rounds.iter().find(|round| round.case() == case).map(RoundTime::samples_per_second)
        };
        Measure {
            group: "Training rounds",
            name: format!("{}, batch {}", case.0, case.2),
            unit: "samples/s",
            values: reports.iter().map(of).collect(),
        }
    }));
    all
}

/// Several reports side by side as text, with ratios to the first.
pub fn compared(reports: &[Report]) -> String {
    let mut text = String::new();
    for (i, report) in reports.iter().enumerate() {
        writeln!(text, "{}  {}", letter(i), report.device).expect("a string takes everything");
    }
    let letters: Vec<String> = (0..reports.len()).map(|i| letter(i).to_string()).collect();
    let mut head = vec!["", "unit"];
    head.extend(letters.iter().map(String::as_str));
    let rows = measures(reports).into_iter().map(|measure| {
        let first = measure.values[0];
        let cell = |(i, value): (usize, &Option<f64>)| match (value, first) {
            (None, _) => "-".into(),
            (Some(value), Some(first)) if i > 0 => format!("{} ({:.2}x)", rounded(*value), value / first),
            (Some(value), _) => rounded(*value),
        };
        let values = measure.values.iter().enumerate().map(cell);
        [measure.name, measure.unit.into()].into_iter().chain(values).collect()
    });
    text + &aligned(&head, rows)
}

fn letter(i: usize) -> char {
    char::from(b'A' + (i % 26) as u8)
}

/// Three digits, or all of a whole number.
fn rounded(value: f64) -> String {
    match value {
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

const STYLE: &str = "\
body{font:15px/1.45 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}
h1{font-size:1.4rem}h2{font-size:1.1rem;margin:2rem 0 .5rem}
.measure{margin:.7rem 0}.name{font-weight:600}.unit{color:#777}
.row{display:grid;grid-template-columns:2rem 1fr 9rem;align-items:center;gap:.5rem}
.bar{height:.9rem;border-radius:2px}.value{text-align:right;font-variant-numeric:tabular-nums}
table{border-collapse:collapse}td,th{padding:.15rem .6rem;text-align:left}";

/// Colours of devices that people who do not tell red from green can tell apart (Okabe and Ito 2008).
const COLOURS: [&str; 6] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];

/// Several reports side by side as a page of bars; nothing in it is fetched.
pub fn html(reports: &[Report]) -> String {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>Saddle on {} devices</title><style>{STYLE}</style>\n<h1>Saddle on {} devices</h1>\n<table>",
        reports.len(),
        reports.len()
    );
    for (i, report) in reports.iter().enumerate() {
        page += &format!(
            "<tr><th style=\"color:{}\">{}<td>{}<td>saddle {}",
            COLOURS[i % COLOURS.len()],
            letter(i),
            escaped(&report.device),
            escaped(&report.saddle)
        );
    }
    page += "</table>\n<p>Longer is better. Each bar is a share of the fastest device; in brackets, how many times device A.\n";
    let mut group = "";
    for measure in measures(reports) {
        if measure.group != group {
            group = measure.group;
            page += &format!("<h2>{group}</h2>\n");
        }
        let most = measure.values.iter().flatten().copied().fold(f64::MIN_POSITIVE, f64::max);
        page += &format!(
            "<div class=\"measure\"><span class=\"name\">{}</span> <span class=\"unit\">{}</span>\n",
            escaped(&measure.name),
            measure.unit
        );
        for (i, value) in measure.values.iter().enumerate() {
            let Some(value) = value else { continue };
            let ratio =
                measure.values[0].filter(|_| i > 0).map_or(String::new(), |first| format!(" ({:.2}x)", value / first));
            page += &format!(
                "<div class=\"row\"><span>{}</span><span><div class=\"bar\" style=\"width:{:.2}%;background:{}\"></div></span><span class=\"value\">{}{ratio}</span></div>\n",
                letter(i),
                100.0 * value / most,
                COLOURS[i % COLOURS.len()],
                rounded(*value)
            );
        }
        page += "</div>\n";
    }
    page
}

/// Text that a page shows as it is.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
