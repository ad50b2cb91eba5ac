//! A whole GAN on the bare graph: two networks, two losses, two updates, trained until it draws all eight modes of a
//! ring.
//!
//! `cargo run --release --example 1_first_gan -- [ADAPTER]`: less than a minute on two processor cores.

use saddle::{
    data::{self, Options},
    engine::{Engine, Plans},
    error::Result,
    grad::grad,
    graph::{Dist, Field, Graph, Optimizer, Real, Var},
    nn::{Mode, Net, Start},
    objective::{d_loss, g_loss, zero_centred},
    session,
    settings::Objective::Relativistic,
};

const BATCH: usize = 128;
const LATENT: usize = 4;
const STEPS: u64 = 3000;
/// Samples of one input of the critic; PacGAN's critics see several together.
const PACK: usize = 1;
/// Real samples are to be judged as wholly real: no smoothed labels.
const SMOOTH: f64 = 0.0;
/// Of initial values, of noise, of the order of the data.
const SEED: u64 = 1;

/// z `[B, 4]` -> points `[B, 2]`.
fn generator<'g>(net: &Net<'g>, z: Var<'g>) -> Var<'g> {
    let h = (0..3).fold(z, |h, i| net.dense(&format!("hidden{i}"), h, 64).leaky_relu(0.2));
    net.dense("out", h, 2)
}

/// Points `[B, 2]` -> logits `[B, 1]`. Random Fourier features show a dense critic fine detail.
fn critic<'g>(net: &Net<'g>, x: Var<'g>) -> Var<'g> {
    let features = net.fourier_features("features", x, 64, 8.0).concat(x, 1);
    let h = (0..2).fold(features, |h, i| net.dense(&format!("hidden{i}"), h, 64).leaky_relu(0.2));
    net.dense("out", h, 1)
}

/// One training step: the critic learns to tell real points from generated ones, then the generator learns to fool it.
fn step(graph: &Graph) {
    let [g, d] = ["g", "d"].map(|name| Net::new(graph, name, Start::He, Mode::Train));
    let adam =
        Optimizer::Adam { beta1: Real::new(0.0), beta2: Real::new(0.99), eps: Real::new(1e-8), decay: Real::new(0.0) };
    let descend = |net: &Net<'_>, loss: Var<'_>| {
        graph.update(net.params, adam, graph.pack(net.params, &grad(loss, &net.parameters())), graph.scalar(0.002));
    };
    let real = graph.batch(graph.draw(), Field::Items, &[BATCH, 2]);
    let fake = generator(&g, graph.random(Dist::Normal, &[BATCH, LATENT]));

    let seen = fake.detach();
    let [on_real, on_fake] = [real, seen].map(|x| critic(&d, x));
    // R3GAN's critic (Huang et al. 2024): relativistic, with its slopes penalised at real and at generated points.
    let penalties = (zero_centred(on_real, real, PACK) + zero_centred(on_fake, seen, PACK)) * 0.02;
    let loss = d_loss(Relativistic, on_real, on_fake, SMOOTH) + penalties;
    graph.metric("d_loss", loss);
    descend(&d, loss);

    let loss = g_loss(Relativistic, || critic(&d, real), critic(&d, fake));
    graph.metric("g_loss", loss);
    descend(&g, loss);
}

fn main() -> Result<()> {
    let step = Graph::build(step);
    let sample = Graph::build(|graph| {
        let g = Net::new(graph, "g", Start::He, Mode::Eval);
        graph.output("points", generator(&g, graph.random(Dist::Normal, &[2500, LATENT])));
    });

    // The graphs become programs for one device; the data set lies there before they are loaded.
    let ring = data::open("ring", &Options::default())?;
    let (mut runner, caps, _) = session::open_device(std::env::args().nth(1).as_deref())?;
    let plans = Plans::new([("step", &step), ("sample", &sample)], &caps, Some(session::layout(&ring)))?;
    print!("{}", plans.0[0].1);
    session::upload(runner.as_mut(), &ring)?;
    let mut engine = Engine::new(runner, plans, SEED)?;

    let modes = data::modes("ring").expect("the ring has known modes");
    let mut found = 0;
    for done in (500..=STEPS).step_by(500) {
        let losses = engine.run("step", 500)?.pop().expect("a row per step");
        let no_inputs = &[]; // the graph draws its noise itself
        let score = data::count_modes(&engine.ask("sample", no_inputs)?, &modes);
        found = score.modes;
        println!("step {done}: d_loss {:.3}, g_loss {:.3}, {found} of 8 modes", losses[0], losses[1]);
    }
    assert_eq!(found, 8, "the generator misses modes");
    Ok(())
}
