//! What was measured, as data: the file format of `saddle bench --json`.

use std::{
    collections::BTreeMap,
    env::consts::{ARCH, OS},
    fmt::{self, Display},
};

use serde::{Deserialize, Serialize};

use crate::{
    gpu::{self, Listed},
    kernels::{Caps, Cost},
};

/// Version of the file format.
pub const SCHEMA: u32 = 2;

/// One device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The device, and what it was looked at with.
    #[serde(flatten)]
    pub subject: Subject,
    /// Ceilings of the device.
    pub ceilings: Ceilings,
    /// Rounds of variants.
    pub rounds: Vec<RoundTime>,
    /// The kernels of these rounds, each on its own.
    pub kernels: Vec<KernelTime>,
}

/// A device, and what measured or checked it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Subject {
    /// Version of the file's format.
    pub schema: u32,
    /// Version of Saddle.
    pub saddle: String,
    /// Version of wgpu.
    pub wgpu: String,
    /// The machine: system, architecture and, where it is known, processor.
    pub host: String,
    /// The device and its driver.
    pub device: String,
    /// What the adapter offers, as `saddle devices --json` has it; null for the processor.
    pub adapter: serde_json::Value,
    /// What plans and launches assume of it: [`crate::kernels::Caps`].
    pub caps: serde_json::Value,
}

impl Subject {
    /// `device`, with the capabilities `caps` that plans and launches rely on, and what `list` says of its adapter.
    pub fn new(schema: u32, device: String, caps: &Caps, list: &[Listed]) -> Self {
        let listed = list.iter().find(|listed| device.starts_with(&listed.name));
        Self {
            schema,
            saddle: env!("CARGO_PKG_VERSION").into(),
            wgpu: gpu::WGPU_VERSION.into(),
            host: host(),
            adapter: serde_json::to_value(listed).expect("plain data is JSON"),
            device,
            caps: serde_json::to_value(caps).expect("plain data is JSON"),
        }
    }
}

impl Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}, on {}; saddle {}, wgpu {}", self.device, self.host, self.saddle, self.wgpu)
    }
}

/// System, architecture and, where it is known, processor of this machine.
fn host() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split(": ").nth(1));
    [Some(&*format!("{OS} {ARCH}")), model].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Measured ceilings of a device. A ceiling that only some devices have is an `Option` that defaults to none.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ceilings {
    /// f32 multiply-adds, in GFLOP/s, each counted as two operations.
    pub multiply_add: f64,
    /// The same in f16, where shaders have it.
    #[serde(default)]
    pub half: Option<f64>,
    /// The same of the fastest matrix units that kernels can use, if there are any.
    #[serde(default)]
    pub matrix: Option<f64>,
    /// Reading and writing, in GB/s, both counted.
    pub bandwidth: f64,
    /// Microseconds of a launch that does nothing, among others.
    pub dispatch: f64,
    /// Microseconds from a submission of one such launch to the news of its end.
    pub submit: f64,
    /// Microseconds to read one number back.
    pub read_back: f64,
}

impl Ceilings {
    /// Seconds that work takes at least (Williams et al. 2009, the roofline).
    pub fn least(&self, cost: Cost) -> f64 {
        (cost.flops / self.multiply_add).max(cost.bytes / self.bandwidth) / 1e9
    }
}

/// Median, least and most of some measurements.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Half of them are below.
    pub median: f64,
    /// The least.
    pub least: f64,
    /// The most.
    pub most: f64,
}

impl Spread {
    /// Of at least one measurement.
    pub fn of(mut all: Vec<f64>) -> Self {
        all.sort_by(f64::total_cmp);
        Self { median: all[all.len() / 2], least: all[0], most: all[all.len() - 1] }
    }

    /// In another unit.
    pub fn times(self, factor: f64) -> Self {
        Self { median: self.median * factor, least: self.least * factor, most: self.most * factor }
    }
}

/// Training rounds of one variant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RoundTime {
    /// Name of the case.
    pub name: String,
    /// How its settings differ from the variant's own.
    pub settings: String,
    /// Samples in a round.
    pub batch: usize,
    /// Of a round, from the host's view, metrics read.
    pub milliseconds: Spread,
    /// Seconds from opening the device to the end of the first round: plan, compilation, upload.
    pub first: f64,
    /// Launches in a round.
    pub launches: usize,
    /// Operations of a round, in 10⁹.
    pub gflop: f64,
    /// Bytes of memory that the round's program takes, data included.
    pub planned: usize,
    /// Bytes that are allocated after the first rounds, where that is known.
    pub allocated: Option<u64>,
    /// Microseconds of the host's time that replaying a launch takes, where the host submits launches.
    pub encoding: Option<f64>,
}

/// Launches of one kernel at one shape.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KernelTime {
    /// Name of the kernel; of a product also which of its factors are transposed, as they are in gradients.
    pub kernel: String,
    /// Its extents.
    pub shape: String,
    /// The rounds that have such launches, and how many.
    pub rounds: BTreeMap<String, usize>,
    /// Of one launch, among others of its kind.
    pub milliseconds: Spread,
    /// Operations a second, in 10⁹.
    pub gflops: f64,
    /// Bytes that must be moved, a second, in 10⁹.
    pub gigabytes: f64,
    /// Least time by the ceilings over the time that it takes.
    pub share: f64,
}

impl RoundTime {
    /// Rounds a second.
    pub fn per_second(&self) -> f64 {
        1e3 / self.milliseconds.median
    }

    /// Training samples a second.
    pub fn samples_per_second(&self) -> f64 {
        self.batch as f64 * self.per_second()
    }

    /// What has to be equal for two devices to be compared: name, settings and batch.
    pub fn case(&self) -> (&str, &str, usize) {
        (&self.name, &self.settings, self.batch)
    }
}

impl KernelTime {
    /// What has to be equal for two devices to be compared: kernel and shape.
    pub fn kind(&self) -> (&str, &str) {
        (&self.kernel, &self.shape)
    }

    /// Whether its speed is better told in operations than in bytes: there are several for each byte.
    pub fn is_arithmetic(&self) -> bool {
        self.gflops >= 4.0 * self.gigabytes
    }
}
