//! `saddle check`.

use std::time::Instant;

use super::{CheckArgs, print, progress::Progress, tell};
use crate::{
    bench::Subject,
    check::{self, Place, Report, SCHEMA, TRAININGS},
    cpu::Cpu,
    error::{Error, Result, unknown},
    files::{ensure_writable, write_atomically},
    gpu::{self, Choice, Device, Gpu, Pipelines},
    kernels::{Caps, Kernel},
    runner::Runner,
};

/// Names of the kernels and trainings to check.
struct Wanted(Vec<&'static str>);

impl Wanted {
    /// The names in `only`, or all names if it is empty.
    fn new(only: &[String]) -> Result<Self> {
        let all: Vec<_> = Kernel::NAMES.iter().copied().chain(TRAININGS.iter().map(|training| training.name)).collect();
        let find = |name: &String| {
            let found = all.iter().copied().find(|known| known == name);
            found.ok_or_else(|| unknown("kernel or training", name, all.iter().copied()).at("--only"))
        };
        Ok(Self(if only.is_empty() { all.clone() } else { only.iter().map(find).collect::<Result<_>>()? }))
    }

    fn has(&self, name: &str) -> bool {
        self.0.contains(&name)
    }
}

/// Checks a device, prints the report, and fails if something is wrong.
pub fn check(args: &CheckArgs) -> Result<()> {
    let (begun, wanted) = (Instant::now(), Wanted::new(&args.only)?);
    args.json.as_deref().map_or(Ok(()), ensure_writable)?;
    let choice = gpu::choose(args.adapter.as_deref())?;
    tell(choice.reason());
    let mut report = match &choice {
        Choice::Cpu { .. } => {
            let mut report = started(Cpu::new().describe(), &Cpu::caps())?;
            kernels(&mut report, &wanted, &Place::Cpu);
            tell("the rounds are left out: it is the CPU runner that other devices are compared with");
            report
        }
        Choice::Gpu { adapter, .. } => {
            let device = Device::open(adapter, false)?;
            let pipelines = Pipelines::new(&device)?;
            let open = || Gpu::open(adapter, false);
            let mut report = started(open()?.describe(), &device.caps)?;
            let bodies = gpu::bodies(adapter, true);
            kernels(&mut report, &wanted, &Place::Gpu { device: &device, pipelines: &pipelines, bodies: &bodies });
            trainings(&mut report, &wanted, open);
            report
        }
    };
    report.seconds = begun.elapsed().as_secs_f64();
    print(check::table(&report))?;
    if let Some(file) = &args.json {
        let json = serde_json::to_string_pretty(&report).expect("plain data is JSON");
        write_atomically(file, json.as_bytes())?;
        tell(format_args!("written to {}", file.display()));
    }
    let failures = report.failures();
    failures.iter().for_each(tell);
    match failures.len() {
        0 => print(format!("all right, in {:.0} s", report.seconds)),
        n => Err(Error::failure(format!("{n} of the checks of {} failed", report.subject.device))),
    }
}

fn started(device: String, caps: &Caps) -> Result<Report> {
    let (list, _) = gpu::list()?;
    let subject = Subject::new(SCHEMA, device, caps, &list);
    Ok(Report { subject, kernels: vec![], trainings: vec![], stopped: None, seconds: 0.0 })
}

/// Checks the wanted kernels, until the device gives up.
fn kernels(report: &mut Report, wanted: &Wanted, place: &Place) {
    let names: Vec<_> = Kernel::NAMES.iter().filter(|name| wanted.has(name)).collect();
    let mut progress = Progress::new(0, names.len() as u64);
    for (n, name) in names.into_iter().enumerate() {
        progress.report(n as u64 + 1, &[name.to_string()]);
        match check::kernel(place, name) {
            Ok(checked) => report.kernels.extend(checked),
            Err(error) => return report.stopped = Some(error.to_string()),
        }
    }
    progress.finish();
}

fn trainings(report: &mut Report, wanted: &Wanted, open: impl Fn() -> Result<Gpu>) {
    for training in TRAININGS.iter().filter(|training| wanted.has(training.name)) {
        if report.stopped.is_some() {
            return;
        }
        tell(format_args!("{} rounds of {}", check::ROUNDS, training.name));
        let losses = open().and_then(|gpu| {
            let caps = gpu.device().caps.clone();
            training.beside((Box::new(gpu), caps))
        });
        match losses {
            Ok(losses) => report.trainings.push(losses),
            Err(error) => report.stopped = Some(error.at(training.name).to_string()),
        }
    }
}
