//! Microseconds of host time per launch that replaying a training round costs: `cargo bench --bench encode`.
//! The best of 30, on the first GPU adapter (software ones will do: nothing is run).

use saddle::{
    engine::Plans,
    gpu::{self, Gpu},
    models,
    runner::Runner,
    session,
    settings::{Layer, Settings},
};

fn main() -> saddle::error::Result<()> {
    let Some(adapter) = gpu::adapters().into_iter().next() else {
        return Err(saddle::error::Error::failure("no GPU adapter: install a Vulkan driver"));
    };
    for variant in ["gan", "dcgan"] {
        let mut layer = Layer::default();
        layer.set("variant", variant, "");
        let settings = Settings::resolve(&models::menu(), &[layer])?;
        let dataset = session::open_data(&settings)?;
        let model = models::variant(variant)?.model(&settings, &session::examples(&dataset))?;
        let mut gpu = Gpu::open(&adapter, false)?;
        let plans = Plans::new(model.training(), &gpu.device().caps.clone(), Some(session::layout(&dataset)))?;
        session::upload(&mut gpu, &dataset)?;
        let round = plans.get("round").expect("a plan to train has a round").clone();
        let id = gpu.load(&round)?;
        let mut costs = vec![];
        for _ in 0..30 {
            costs.push(gpu.encode_cost(id, 10)?.as_secs_f64() * 1e6);
        }
        costs.sort_by(f64::total_cmp);
        println!(
            "{variant}: {} launches a round, {:.2} us each (median {:.2}), {}",
            round.steps.len(),
            costs[0],
            costs[15],
            gpu.describe()
        );
    }
    Ok(())
}
