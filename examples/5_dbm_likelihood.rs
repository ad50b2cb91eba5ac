//! Likelihood bounds of a trained Boltzmann machine for test images, in nats: of grey images, of images binarised once
//! at one half, and of images drawn black or white by their grey levels.
//!
//! `cargo run --release --example 5_dbm_likelihood -- RUN DATA [TEMPERATURES] [ADAPTER]`: RUN is a run's folder, DATA
//! what `--data` takes (for MNIST its ten thousand test images, the IDX file of that name).

use saddle::{
    checkpoint, data,
    error::{Error, Result},
    likelihood::{Annealing, Parameters},
    run::Run,
    session,
};

/// Rounds of mean-field updates.
const ROUNDS: usize = 50;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, data, ..] = &arguments[..] else {
        return Err(Error::usage("dbm_likelihood takes RUN DATA [TEMPERATURES] [ADAPTER]"));
    };
    let temperatures = arguments.get(2).and_then(|t| t.parse().ok()).unwrap_or(20_000);
    let adapter = arguments.get(3).map(String::as_str);
    let run = Run::open(folder.as_ref(), &saddle::models::menu())?;
    let (path, checkpoint) =
        checkpoint::latest(&run.checkpoints())?.ok_or_else(|| Error::usage("the run has no checkpoint"))?;
    let machine = Parameters::of(&checkpoint)?;
    let open = || session::open_device(adapter).map(|(runner, caps, _)| (runner, caps));

    let (runner, caps) = open()?;
    let base = machine.base_rates(&checkpoint)?;
    let ais = machine.annealed_log_z((runner, &caps), &base, Annealing { temperatures, ..Default::default() })?;
    println!("{}: widths {:?}", path.display(), machine.widths);
    println!(
        "log Z {:.2} ({:.2}, {:.2}), {} runs of {} temperatures",
        ais.log_z, ais.low, ais.high, ais.runs, ais.temperatures
    );
    let dataset = data::open(data, &data::Options::default())?;
    let grey: Vec<f32> = (0..dataset.len()).flat_map(|i| dataset.example(i)).map(|v| (v + 1.0) / 2.0).collect();
    let threshold = grey.iter().map(|&v| f32::from(v > 0.5)).collect();
    let mut random = Draws(1);
    let drawn = grey.iter().map(|&v| f32::from(v > random.uniform())).collect();
    for (name, examples) in [("grey", grey), ("binarised at 1/2", threshold), ("drawn black or white", drawn)] {
        let (runner, caps) = open()?;
        let bounds = machine.bounds((runner, &caps), &examples, ROUNDS)?;
        let mean = bounds.iter().sum::<f64>() / bounds.len() as f64;
        println!("{name}: bound {:.2} nats over {} images", mean - ais.log_z, bounds.len());
    }
    Ok(())
}

/// Uniform draws in [0, 1) by a linear congruential generator (Knuth's MMIX), its high bits.
struct Draws(u64);

impl Draws {
    fn uniform(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 40) as f32 / (1 << 24) as f32
    }
}
