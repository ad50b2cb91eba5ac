//! A custom variant in one file: residual dense networks, trained on a ring of eight Gaussians through the library.
//!
//! `cargo run --release --example 2_custom_variant -- [STEPS] [ADAPTER]`: 2000 steps on the best device by default.

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

/// Add this variant to `models::VARIANTS`, and the command line has it too.
const VARIANT: Variant = Variant {
    name: "residual",
    about: "dense networks whose hidden layers add to what they get, for points",
    kind: Kind::Single,
    options: &["Optimiser", "Objective", "Game", "latent", "norm_g", "norm_d"],
    presets: &[Preset::of("default", &[("norm_g", "none"), ("norm_d", "none"), ("latent", "16")])],
    build,
};

const WIDTH: usize = 128;

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
    let mut arguments = std::env::args().skip(1);
    let mut layer = Layer::default();
    layer.set("steps", &arguments.next().unwrap_or("2000".into()), "STEPS");
    layer.set("adapter", &arguments.next().unwrap_or("auto".into()), "ADAPTER");
    for (key, value) in
        [("variant", VARIANT.name), ("data", "ring"), ("batch", "256"), ("lr_g", "5e-4"), ("lr_d", "5e-4")]
    {
        layer.set(key, value, "");
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
        let score = data::count_modes(&session.generate(2500, 0, None)?, &modes);
        let (found, good) = (score.modes, 100.0 * score.high_quality_share);
        println!("step {:5}  {}  modes {found}/8, high quality {good:.1} %", session.step(), losses.join("  "));
    }
    Ok(())
}
