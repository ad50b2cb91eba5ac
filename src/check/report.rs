//! The report of a check, as data and as a table.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

use crate::bench::Subject;

/// Version of the file format.
pub const SCHEMA: u32 = 1;

/// One device: the file of `saddle check --json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The device and the versions that were checked.
    #[serde(flatten)]
    pub subject: Subject,
    /// Launches against their references.
    pub kernels: Vec<Checked>,
    /// Trainings beside the CPU runner's.
    pub trainings: Vec<Losses>,
    /// The reason why the check ended early, if it did.
    pub stopped: Option<String>,
    /// Duration of the check, in seconds.
    pub seconds: f64,
}

/// A launch against its reference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Checked {
    /// Its name.
    pub kernel: String,
    /// Extents of the kernel; for a product, also which of its factors are transposed.
    pub shape: String,
    /// The body of a product on a GPU.
    pub body: Option<String>,
    /// The largest error as a fraction of its bound, where it is a number.
    pub ratio: Option<f64>,
    /// Description of the failure.
    pub failure: Option<String>,
}

/// The losses of a training on both runners.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Losses {
    /// Its name.
    pub training: String,
    /// Names of the metrics.
    pub names: Vec<String>,
    /// Metrics of the last round on the device.
    pub device: Vec<f32>,
    /// Metrics of the last round on the CPU runner.
    pub cpu: Vec<f32>,
    /// The largest difference of any round as a fraction of the tolerance, if it is a number.
    pub ratio: Option<f64>,
    /// Description of the failure.
    pub failure: Option<String>,
}

impl Report {
    /// Descriptions of the failures.
    pub fn failures(&self) -> Vec<&str> {
        let kernels = self.kernels.iter().map(|checked| &checked.failure);
        let trainings = self.trainings.iter().map(|losses| &losses.failure);
        kernels.chain(trainings).chain([&self.stopped]).filter_map(Option::as_deref).collect()
    }
}

/// A report as text: a line for each kernel, with the shape where it was furthest off, then one for each training.
pub fn table(report: &Report) -> String {
    let mut text = format!("{}\n\n", report.subject);
    let mut line = |cells: [&str; 5]| {
        let [name, shapes, ratio, worst, result] = cells;
        writeln!(text, "{name:<32} {shapes:>6}  {ratio:>11}  {result:<8} {worst}").ok();
    };
    line(["kernel", "shapes", "error/bound", "worst at", ""]);
    let mut groups: Vec<(String, Vec<&Checked>)> = vec![];
    for checked in &report.kernels {
        let name = checked.kernel.clone() + &checked.body.iter().map(|body| format!(", {body}")).collect::<String>();
        match groups.iter_mut().find(|(group, _)| *group == name) {
            Some((_, all)) => all.push(checked),
            None => groups.push((name, vec![checked])),
        }
    }
    for (name, all) in groups {
        // Without a number it is furthest off.
        let off = |checked: &Checked| checked.ratio.unwrap_or(f64::INFINITY);
        let worst = all.iter().max_by(|a, b| off(a).total_cmp(&off(b))).expect("a group has a launch");
        let failed = all.iter().any(|checked| checked.failure.is_some());
        line([&name, &all.len().to_string(), &number(worst.ratio), &worst.shape, result(failed)]);
    }
    line(["", "", "", "", ""]);
    line(["rounds beside the CPU runner", "", "apart/bound", "last losses, and the CPU runner's", ""]);
    for losses in &report.trainings {
        let pair = |((name, a), b): ((&String, &f32), &f32)| format!("{name} {a:.4} {b:.4}");
        let pairs: Vec<String> = losses.names.iter().zip(&losses.device).zip(&losses.cpu).map(pair).collect();
        let failed = losses.failure.is_some();
        line([&losses.training, "", &number(losses.ratio), &pairs.join(", "), result(failed)]);
    }
    text
}

fn result(failed: bool) -> &'static str {
    if failed { "FAILED" } else { "ok" }
}

fn number(ratio: Option<f64>) -> String {
    ratio.map_or("-".into(), |ratio| format!("{ratio:.3}"))
}
