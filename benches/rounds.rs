//! Milliseconds per training round of a variant: `cargo bench --bench rounds -- [VARIANT] [KEY=VALUE]...`.
//! Prints the median, the fastest and the slowest round, and with `profile` as an argument the time of each launch on the CPU.

use std::time::Instant;

use saddle::{
    engine::Plans,
    models,
    session::{self, Session},
    settings::{Layer, Settings},
};

fn main() -> saddle::error::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let mut layer = Layer::default();
    layer.set("adapter", "cpu", "");
    for arg in &args {
        match arg.split_once('=') {
            Some(_) => layer.assign(arg)?,
            None => layer.set("variant", arg, "the command line"),
        }
    }
    let settings = Settings::resolve(&models::menu(), &[layer])?;
    let dataset = session::open_data(&settings)?;
    let examples = session::examples(&dataset);
    let model = models::variant(&settings.variant)?.model(&settings, &examples)?;
    let (mut runner, caps, _) = session::open_device(settings.adapter.as_deref())?;
    let plans = Plans::new(model.training(), &caps, Some(session::layout(&dataset)))?;
    let flops = plans.get("round").map_or(0.0, |round| round.cost().flops);
    session::upload(runner.as_mut(), &dataset)?;
    let mut session = Session::new(runner, &settings, examples, &model, plans)?;
    session.train(3)?;
    let begun = Instant::now();
    let mut times = vec![];
    while times.len() < 7 || (begun.elapsed().as_secs() < 6 && times.len() < 300) {
        let start = Instant::now();
        session.train(1)?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    let (median, last) = (times[times.len() / 2], times[times.len() - 1]);
    let gflops = flops / median / 1e6;
    println!(
        "{} batch {}: median {median:.3} ms, {:.3} to {last:.3}, {} rounds, {gflops:.0} GFLOP/s, {}",
        settings.variant,
        settings.batch,
        times[0],
        times.len(),
        session.describe()
    );
    Ok(())
}
