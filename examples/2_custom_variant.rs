//! A custom variant in one file: residual dense networks, trained on a ring of eight Gaussians through the library.
//!
//! `cargo run --release --example 2_custom_variant -- [STEPS] [ADAPTER]`: 2000 steps on the best device by default.
//!
//! A variant may bring its own networks, rounds and settings of the groups that are there. An objective of its own is
//! not possible from outside: `settings::Objective` is closed, so it has to be added to the crate, as ARCHITECTURE.md
//! says, or a round has to be written on the bare graph, as `1_first_gan.rs` does. In a crate of your own, Cargo.toml
//! needs `saddle-gan` alone, whose library is called `saddle`.

use saddle::{
    data,
    error::Result,
    graph::{Var, numel},
    models::{
        Examples, Kind, Model, Variant,
        parts::{
            game::{Game, Judgement},
            networks::Networks,
        },
    },
    nn::Net,
    session::{self, Session},
    settings::{Layer, Preset, Settings},
};

/// To have it on the command line too, move it into the crate: to `src/models/residual.rs`, with a `mod` line and an
/// entry of `VARIANTS` in `src/models/mod.rs`.
const VARIANT: Variant = Variant {
    name: "residual",
    about: "dense networks whose hidden layers add to what they get, for points",
    kind: Kind::Single,
    // Groups of settings, as `saddle variants NAME` titles them, and single settings by name.
    options: &["Optimiser", "Objective", "Game", "latent", "norm_g", "norm_d"],
    presets: &[Preset::of("default", &[("norm_g", "none"), ("norm_d", "none"), ("latent", "16")])],
    build,
};

const WIDTH: usize = 128;
/// Points whose modes are counted, and the seed of their noise.
const SAMPLES: usize = 2500;
const SEED: u64 = 0;
/// The model is not conditional.
const NO_CLASS: Option<usize> = None;

fn build(s: &Settings, examples: &Examples) -> Result<Model> {
    let nets = Networks::dense(s, examples);
    Game {
        generator: Box::new(|net, z| generator(net, z, &examples.shape)),
        discriminator: Box::new(discriminator),
        ..Game::of(s, examples, &nets)
    }
    .model()
}

/// h + leaky(h w1 + b1) w2: the layers of both networks.
fn block<'g>(net: &Net<'g>, name: &str, h: Var<'g>) -> Var<'g> {
    let inner = net.dense(&format!("{name}.in"), h, WIDTH).leaky_relu(0.2);
    h + net.dense_without_bias(&format!("{name}.out"), inner, WIDTH)
}

/// z `[B, latent]` -> `[B, ..shape]`.
fn generator<'g>(net: &Net<'g>, z: Var<'g>, shape: &[usize]) -> Var<'g> {
    let h = net.dense("in", z, WIDTH);
    let h = block(net, "block1", block(net, "block0", h)).leaky_relu(0.2);
    net.dense("out", h, numel(shape)).reshape(&[&[z.dim(0)], shape].concat())
}

/// x `[B, ..]` -> logits `[B, 1]`, with the features `[B, WIDTH]` that they are made of.
fn discriminator<'g>(net: &Net<'g>, x: Var<'g>) -> Judgement<'g> {
    let h = net.dense("in", x.reshape(&[x.dim(0), x.len() / x.dim(0)]), WIDTH);
    let h = block(net, "block1", block(net, "block0", h)).leaky_relu(0.2);
    Judgement::of(net, h)
}

fn main() -> Result<()> {
    // The last argument of `set` says where a value comes from, for the messages about bad ones.
    let mut arguments = std::env::args().skip(1);
    let mut layer = Layer::default();
    layer.set("steps", &arguments.next().unwrap_or("2000".into()), "STEPS");
    layer.set("adapter", &arguments.next().unwrap_or("auto".into()), "ADAPTER");
    for (key, value) in
        [("variant", VARIANT.name), ("data", "ring"), ("batch", "256"), ("lr_g", "5e-4"), ("lr_d", "5e-4")]
    {
        layer.set(key, value, "this example");
    }
    let settings = Settings::resolve(&[VARIANT.menu()], &[layer])?;

    // The graphs of the model become programs for one device, which a session runs.
    let dataset = session::open_data(&settings)?;
    let model = VARIANT.model(&settings, &session::examples(&dataset))?;
    let mut session = Session::to_train(&model, &settings, &dataset)?;
    println!("{} on {}", VARIANT.name, session.describe());

    let modes = data::modes("ring").expect("ring has known modes");
    while session.step() < settings.steps {
        let rows = session.train(250.min(settings.steps - session.step()))?;
        let last = session.metrics().iter().zip(rows.last().expect("a row for each round"));
        let losses: Vec<String> = last.map(|(name, value)| format!("{name} {value:.3}")).collect();
        let score = data::count_modes(&session.generate(SAMPLES, SEED, NO_CLASS)?, &modes);
        let (found, good) = (score.modes, 100.0 * score.high_quality_share);
        println!("step {:5}  {}  modes {found}/8, high quality {good:.1} %", session.step(), losses.join("  "));
    }
    Ok(())
}
