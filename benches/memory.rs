//! Memory of training rounds on the CPU runner, on data of one batch: `cargo bench --bench memory -- CASE`. What is
//! resident is the peak of this process (Linux) less what it was before anything was planned.

use saddle::{
    bench::CASES,
    cpu::Cpu,
    data::Items,
    engine::{Engine, Plans},
    error::Result,
    graph::numel,
    kernels::gather::{DataLayout, Elements},
    models::{self, Examples},
    runner::Runner,
};

fn main() -> Result<()> {
    let name = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or("gan".into());
    let case = CASES.iter().find(|case| case.name == name).expect("a case of `saddle bench`");
    let settings = case.settings()?;
    let size = settings.size.unwrap_or(28.into());
    let examples =
        Examples { shape: vec![settings.channels.unwrap_or(1), size.height, size.width], classes: 0, series: None };
    let (count, item_len) = (settings.batch, numel(&examples.shape));
    let model = models::variant(&settings.variant)?.model(&settings, &examples)?;

    let before = peak();
    let mut runner = Box::new(Cpu::new());
    runner.set_data(&Items::Bytes(vec![0; count * item_len].into()), &[0])?;
    let data = DataLayout { count, item_len, elements: Elements::Bytes, stack: 1, classes: 0, mirror: 0, ring: None };
    let plans = Plans::new([("round", model.round())], &Cpu::caps(), Some(data))?;
    let planned = plans.get("round").expect("it was planned").bytes() as u64;
    let mut engine = Engine::new(runner, plans, settings.seed)?;
    engine.run("round", 5)?;
    let measured = [Some(planned), engine.allocated(), peak().zip(before).map(|(after, before)| after - before)];
    let [planned, allocated, resident] =
        measured.map(|bytes| bytes.map_or(f64::NAN, |b| b as f64 / f64::from(1 << 20)));
    println!("{name}: planned {planned:.1} MiB, allocated {allocated:.1} MiB, resident {resident:.1} MiB");
    Ok(())
}

/// The most bytes of main memory that this process has had so far.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kibibytes = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.split_whitespace().next()?;
    Some(1024 * kibibytes.parse::<u64>().ok()?)
}
