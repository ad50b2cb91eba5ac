//! Reports as text, and several side by side as a page that opens without a network.

use std::{collections::BTreeSet, fmt::Write};

use super::{Ceilings, KernelTime, Report, RoundTime};
use crate::page::{self, escaped};

/// A report as text.
pub fn table(report: &Report) -> String {
    let c = &report.ceilings;
    let also = |rate: Option<f64>, of: &str| rate.map_or(String::new(), |rate| format!(" ({rate:.0} {of})"));
    let mut text = format!(
        "{}\n  {:.0} GFLOP/s of multiply-adds{}{}, {:.1} GB/s of copies, a launch {:.1} us, a submission {:.0} us, a \
        read-back {:.0} us\n",
        report.subject,
        c.multiply_add,
        also(c.half, "in f16"),
        also(c.matrix, "of matrix units"),
        c.bandwidth,
        c.dispatch,
        c.submit,
        c.read_back
    );
    let mebibytes = |bytes: f64| format!("{:.1}", bytes / f64::from(1 << 20));
    let head = [
        "round",
        "batch",
        "ms",
        "",
        "rounds/s",
        "samples/s",
        "GFLOP/s",
        "launches",
        "us to encode one",
        "MiB planned",
        "allocated",
        "first, s",
    ];
    let rows = report.rounds.iter().map(|round| {
        let ms = round.milliseconds;
        vec![
            round.name.clone(),
            round.batch.to_string(),
            rounded(ms.median),
            format!("{} to {}", rounded(ms.least), rounded(ms.most)),
            rounded(round.per_second()),
            rounded(round.samples_per_second()),
            rounded(round.gflop * round.per_second()),
            round.launches.to_string(),
            round.encoding.map_or("-".into(), rounded),
            mebibytes(round.planned as f64),
            round.allocated.map_or("-".into(), |bytes| mebibytes(bytes as f64)),
            rounded(round.first),
        ]
    });
    text += &aligned(&head, 1, rows);
    let head = ["kernel", "shape", "in", "ms", "", "GFLOP/s", "GB/s", "of ceiling"];
    let rows = report.kernels.iter().map(|kernel| {
        let ms = kernel.milliseconds;
        vec![
            kernel.kernel.clone(),
            kernel.shape.clone(),
            uses(kernel),
            rounded(ms.median),
            format!("{} to {}", rounded(ms.least), rounded(ms.most)),
            rounded(kernel.gflops),
            rounded(kernel.gigabytes),
            format!("{:.0} %", 100.0 * kernel.share),
        ]
    });
    text += &aligned(&head, 3, rows);
    text
}

/// The rounds that a kernel is in: one by name, and how many others.
fn uses(kernel: &KernelTime) -> String {
    let most = kernel.rounds.iter().max_by_key(|(_, times)| **times);
    let named = most.map_or(String::new(), |(round, times)| format!("{times} x {round}"));
    match kernel.rounds.len() {
        0 | 1 => named,
        rounds => format!("{named} +{}", rounds - 1),
    }
}

/// Columns under their heads: the first few to the left, the others to the right.
fn aligned(head: &[&str], left: usize, rows: impl Iterator<Item = Vec<String>>) -> String {
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
        let cell = |(i, cell): (usize, &String)| match i < left {
            true => format!("  {cell:<w$}", w = widths[i]),
            false => format!("  {cell:>w$}", w = widths[i]),
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
    /// The measured case: a batch, a shape.
    detail: String,
    unit: &'static str,
    values: Vec<Option<f64>>,
}

impl Measure {
    /// A device's value, with its ratio to that of the first device.
    fn cell(&self, device: usize) -> String {
        let first = self.values[0].filter(|_| device > 0);
        let ratio = |value: f64| first.map_or(String::new(), |first| format!(" ({}x)", rounded(value / first)));
        self.values[device].map_or("-".into(), |value| rounded(value) + &ratio(value))
    }
}

/// Everything that the devices can be compared by; more is better in all of it.
fn measures(reports: &[Report]) -> Vec<Measure> {
    let ceiling = |name: &str, unit, value: &dyn Fn(&Ceilings) -> Option<f64>| Measure {
        group: "Ceilings",
        name: name.into(),
        detail: String::new(),
        unit,
        values: reports.iter().map(|report| value(&report.ceilings)).collect(),
    };
    let mut all = vec![
        ceiling("multiply-adds", "GFLOP/s", &|c| Some(c.multiply_add)),
        ceiling("multiply-adds in f16", "GFLOP/s", &|c| c.half),
        ceiling("multiply-adds of matrix units", "GFLOP/s", &|c| c.matrix),
        ceiling("copies", "GB/s", &|c| Some(c.bandwidth)),
        ceiling("launches", "1/s", &|c| Some(1e6 / c.dispatch)),
        ceiling("submissions", "1/s", &|c| Some(1e6 / c.submit)),
        ceiling("read-backs", "1/s", &|c| Some(1e6 / c.read_back)),
    ];
    let rounds = distinct(reports.iter().flat_map(|report| &report.rounds), RoundTime::case);
    all.extend(rounds.into_iter().map(|round| {
        let of = |report: &Report| {
            report.rounds.iter().find(|other| other.case() == round.case()).map(RoundTime::samples_per_second)
        };
        Measure {
            group: "Training rounds",
            name: round.name.clone(),
            detail: format!("batch {}", round.batch),
            unit: "samples/s",
            values: reports.iter().map(of).collect(),
        }
    }));
    let kernels = distinct(reports.iter().flat_map(|report| &report.kernels), KernelTime::kind);
    all.extend(kernels.into_iter().map(|kernel| {
        let (unit, speed): (_, fn(&KernelTime) -> f64) = match kernel.is_arithmetic() {
            true => ("GFLOP/s", |kernel| kernel.gflops),
            false => ("GB/s", |kernel| kernel.gigabytes),
        };
        let of = |report: &Report| report.kernels.iter().find(|other| other.kind() == kernel.kind()).map(speed);
        Measure {
            group: "Kernels",
            name: kernel.kernel.clone(),
            detail: kernel.shape.clone(),
            unit,
            values: reports.iter().map(of).collect(),
        }
    }));
    // Plans for different kinds of devices differ, and so do their kernels; and some ceilings no device has.
    all.retain(|measure| measure.values.iter().flatten().count() > usize::from(measure.group == "Kernels"));
    all
}

/// The first item for each distinct key, in order.
fn distinct<'a, R, K: Ord>(all: impl Iterator<Item = &'a R>, key: impl Fn(&'a R) -> K) -> Vec<&'a R> {
    let mut seen = BTreeSet::new();
    all.filter(|one| seen.insert(key(one))).collect()
}

/// Several reports side by side as text, with ratios to the first.
pub fn compared(reports: &[Report]) -> String {
    let mut text = String::new();
    for (i, report) in reports.iter().enumerate() {
        writeln!(text, "{}  {}, on {}", letter(i), report.subject.device, report.subject.host)
            .expect("a string takes everything");
    }
    let letters: Vec<String> = (0..reports.len()).map(|i| letter(i).to_string()).collect();
    let mut head = vec!["", "", ""];
    head.extend(letters.iter().map(String::as_str));
    let rows = measures(reports).into_iter().map(|measure| {
        let values: Vec<String> = (0..reports.len()).map(|device| measure.cell(device)).collect();
        [measure.name, measure.detail, measure.unit.into()].into_iter().chain(values).collect()
    });
    text + &aligned(&head, 3, rows)
}

fn letter(i: usize) -> char {
    char::from(b'A' + (i % 26) as u8)
}

/// Three digits, or all of a whole number.
fn rounded(value: f64) -> String {
    let digits = if value > 0.0 { (2.0 - value.log10().floor()).clamp(0.0, 6.0) } else { 0.0 };
    format!("{value:.0$}", digits as usize)
}

/// What the page has beside [`page::STYLE`].
const STYLE: &str = "\
h1{margin-bottom:1rem}
.measure{display:grid;grid-template-columns:minmax(9rem,19rem) 1fr;gap:1rem}
.measure{padding:.35rem 0;border-top:1px solid var(--line)}
.unit{color:var(--dim)}
.row{display:grid;grid-template-columns:1rem 1fr 9rem;align-items:center;gap:.5rem}
.bar{height:.8rem;border-radius:2px}.value{text-align:right;font-variant-numeric:tabular-nums}";

/// Several reports side by side as a page of bars; nothing in it is fetched.
pub fn html(reports: &[Report]) -> String {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>Saddle on {} \
        devices</title><style>{}{STYLE}</style>\n<h1>Saddle on {} devices</h1>\n<table>",
        reports.len(),
        page::STYLE,
        reports.len()
    );
    for (i, Report { subject, .. }) in reports.iter().enumerate() {
        page += &format!(
            "<tr><th style=\"color:{}\">{}<td>{}<td>{}<td>saddle {}, wgpu {}",
            page::colour(i),
            letter(i),
            escaped(&subject.device),
            escaped(&subject.host),
            escaped(&subject.saddle),
            escaped(&subject.wgpu)
        );
    }
    page += "</table>\n<p>Longer is better. Each bar is a share of the fastest device; in brackets, how many \
             times device A.\n";
    let mut group = "";
    for measure in measures(reports) {
        if measure.group != group {
            group = measure.group;
            page += &format!("<h2>{group}</h2>\n");
        }
        let most = measure.values.iter().flatten().copied().fold(f64::MIN_POSITIVE, f64::max);
        page += &format!(
            "<div class=\"measure\"><div><b>{}</b> {}<br><span class=\"unit\">{}</span></div><div>\n",
            escaped(&measure.name),
            escaped(&measure.detail),
            measure.unit
        );
        for (i, value) in measure.values.iter().enumerate() {
            let Some(value) = value else { continue };
            page += &format!(
                "<div class=\"row\"><span>{}</span><span><div class=\"bar\" \
                style=\"width:{:.2}%;background:{}\"></div></span><span class=\"value\">{}</span></div>\n",
                letter(i),
                100.0 * value / most,
                page::colour(i),
                measure.cell(i)
            );
        }
        page += "</div></div>\n";
    }
    page
}
