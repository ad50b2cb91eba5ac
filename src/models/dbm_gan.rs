//! DBM-GAN: a deep Boltzmann machine learns the images first. Then a generator, initialised with the machine's top-down
//! pass, plays against a discriminator; the machine's top layer is the generator's prior.

use super::{
    Examples, Kind, Model, Phase, Variant,
    parts::{
        associative,
        boltzmann::{
            self, Learning, MACHINE, Machine, SWEEPS, bernoulli, chain_sampler, decoder, inference, machine_layers,
        },
        dense::Dense,
        game::Game,
        hidden::hidden,
        networks::Networks,
        round::Round,
    },
    sample_rows, sampled,
};
use crate::{
    error::{Error, Result},
    graph::{Dist, Graph, Init, Var, numel},
    nn::{Mode, Net, Start},
    settings::{Preset, Prior, Settings},
};

/// Factor on the machine's learning rate `lr_dbm` during the game.
const REFRESHMENT: f32 = 0.1;
/// Name of the one round that copies the machine's parameters into the generator.
const CONNECTION: &str = "connection";
/// Name of the phase of the game.
const GAME: &str = "game";

/// Settings of the game, which follow R3GAN (Huang et al. 2024).
const R3GAN: &[(&str, &str)] = &[
    ("norm_d", "none"),
    ("objective", "relativistic"),
    ("r1", "0.5"),
    ("r2", "0.5"),
    ("lr_g", "0.0005"),
    ("lr_d", "0.0005"),
    ("beta1", "0"),
    ("beta2", "0.99"),
    ("ema", "0.995"),
    ("batch", "100"),
    ("log_every", "100"),
    ("sample_every", "1000"),
    ("checkpoint_every", "1000"),
];

/// The entry in [`super::VARIANTS`].
pub const VARIANT: Variant = Variant {
    name: "dbm-gan",
    about: "deep Boltzmann machine whose top layer is the prior of a GAN, for grey images",
    kind: Kind::Single,
    options: &[
        "Optimiser",
        "size",
        "fit",
        "channels",
        "alpha",
        "mirror",
        "Objective",
        "Game",
        "Few images",
        "Boltzmann machine",
        "Boltzmann machine in a game",
        "pretrain",
        "binarize",
        "hidden_g",
        "hidden_d",
        "norm_d",
        "spectral",
        "ema",
        "pack",
    ],
    presets: &[
        Preset::over("default", R3GAN, DEFAULT),
        // The discriminator of the article's `gan`.
        Preset::over("article", R3GAN, ARTICLE),
        Preset::over("associative", R3GAN, &[("prior", "features"), ("layers", "256,256"), ("steps", "6000")]),
    ],
    build,
};

const DEFAULT: &[(&str, &str)] =
    &[("layers", "256,256"), ("pretrain", "1000"), ("joint", "3000"), ("steps", "12000"), ("hidden_g", "256,512")];
const ARTICLE: &[(&str, &str)] =
    &[("pretrain", "4000"), ("joint", "12000"), ("steps", "40000"), ("hidden_g", "256,800"), ("hidden_d", "512")];

fn build(s: &Settings, examples: &Examples) -> Result<Model> {
    let widths = &boltzmann::widths(s, examples)?;
    let (nets, dense) = (&Networks::dense(s, examples), &Dense::of(s));
    let learned = s.pretrain * (widths.len() as u64 - 1) + 1 + s.joint;
    let game = |sweeps| Game {
        generator: Box::new(|net, z| generator(net, s, z, &examples.shape)),
        discriminator: Box::new(|net, x| dense.judge(net, x)),
        prior: Box::new(move |graph, rows| prior(graph, s, widths, rows, sweeps)),
        policy: None,
        ..Game::of(s, examples, nets)
    };
    game(s.gibbs).check()?;
    if s.chains < s.batch {
        return Err(Error::usage(format!(
            "`chains` takes at least as many as `batch` has samples, and {} are fewer than {}",
            s.chains, s.batch
        )));
    }
    if s.critic_weight > 0.0 && (s.prior != Prior::Refreshed || s.pack > 1) {
        return Err(Error::usage("`critic_weight` goes with prior=refreshed and pack=1"));
    }
    if s.prior == Prior::Features {
        return associative::model(s, examples);
    }
    if s.steps <= learned + 1 {
        return Err(Error::usage(format!(
            "the machine learns for {learned} of {} steps, and one more connects it: choose more steps for the game, \
            or fewer of `pretrain` or `joint`",
            s.steps
        )));
    }
    let mut phases = boltzmann::phases(s, examples, widths, s.lr_dbm, learned)?;
    phases.push(Phase { name: CONNECTION, until: learned + 1, round: connection(s, widths, examples) });
    let round = game(s.gibbs).graph();
    if s.prior == Prior::Refreshed {
        let (from, until, rate) = (learned + 1, s.steps, s.lr_dbm * REFRESHMENT);
        refresh(&Learning { round: Round { graph: &round, s, examples }, widths, from, until, rate }, dense);
    }
    phases.push(Phase { name: GAME, until: u64::MAX, round });
    let mut graphs = vec![chain_sampler(&game(SWEEPS))];
    graphs.extend(inference(s, widths, examples));
    graphs.extend(hidden(s, examples, ("d", nets.start), |net, x| {
        [game(SWEEPS).judged(net, x), machine_layers(net.graph, s, widths, x)].concat()
    }));
    if let Prior::Frozen | Prior::Refreshed = s.prior {
        graphs.push(decoder(&game(SWEEPS), widths[widths.len() - 1]));
        graphs.push(boltzmann::sweep(widths, sample_rows(s, examples), |machine, _, probabilities| {
            ("z", smoothed(s, probabilities[machine.top()]))
        }));
    }
    Ok(Model { phases, graphs, calibration: 0 })
}

/// Values with Gaussian noise that makes them continuous.
pub fn smoothed<'g>(s: &Settings, z: Var<'g>) -> Var<'g> {
    z + z.graph().random(Dist::Normal, &z.shape()) * f64::from(s.smoothing)
}

/// The generator's input, `[rows, n_L]`: means of the top layer in the machine's chains after `sweeps` more sweeps,
/// plus Gaussian noise that makes them continuous; or noise alone, by the setting `prior`.
fn prior<'g>(graph: &'g Graph, s: &Settings, widths: &[usize], rows: usize, sweeps: usize) -> Var<'g> {
    let shape = [rows, widths[widths.len() - 1]];
    match s.prior {
        Prior::Frozen | Prior::Refreshed => {
            let machine = Machine::new(graph, MACHINE, widths);
            let (_, drawn) = machine.advance(s, rows, sweeps);
            smoothed(s, drawn[machine.top()])
        }
        Prior::Normal => graph.random(Dist::Normal, &shape),
        Prior::Uniform => graph.random(Dist::Uniform, &shape) * 2.0 - 1.0,
        Prior::Bernoulli => bernoulli(graph.full(0.5, &shape)),
        Prior::Features => unreachable!("`associative` has a prior of its own"),
    }
}

/// Adds the machine's update to the round of the game. It learns from the data and, with weight `critic_weight`, from
/// the discriminator's scores of images that the generator makes from the machine's states.
fn refresh<'g>(learning: &Learning<'_, 'g>, dense: &Dense) {
    let (round, s) = (learning.round, learning.round.s);
    let [g, d] = round.nets(["g", "d"], Start::Uniform, Mode::Train);
    let machine = Machine::new(round.graph, MACHINE, learning.widths);
    let critic = |x: &[Var<'g>]| {
        let samples = generator(&g, s, machine.conditional(machine.top(), x), &round.examples.shape);
        dense.judge(&d, samples).logits.reshape(&[s.chains])
    };
    learning.follow_likelihood(learning.visible(s.batch), (s.critic_weight > 0.0).then_some(&critic));
    round.graph.commit();
}

/// z `[B, n_L]` -> images in (-1, 1): the machine's layers downwards; a dense network on the last hidden layer adds a
/// correction to the logits.
fn generator<'g>(net: &Net<'g>, s: &Settings, z: Var<'g>, shape: &[usize]) -> Var<'g> {
    let mut h = z;
    for (i, &width) in s.layers.iter().rev().enumerate().skip(1) {
        h = net.dense(&format!("down{i}"), h, width).sigmoid();
    }
    let down = net.dense("down", h, numel(shape));
    let correcting = net.starting(Start::Dcgan);
    for (i, &width) in s.hidden_g.iter().enumerate() {
        h = correcting.dense(&format!("dense{i}"), h, width).leaky_relu(0.2);
    }
    // 2 σ(a) - 1 = tanh(a / 2).
    let logits = down + correcting.dense("out", h, numel(shape));
    (logits * 0.5).tanh().reshape(&[&[z.dim(0)], shape].concat())
}

/// The round that gives the generator's layers the machine's weights and biases. A layer between two others gets
/// doubled weights from above, in place of the input from below.
fn connection(s: &Settings, widths: &[usize], examples: &Examples) -> Graph {
    Graph::build(|g| {
        let machine = Machine::new(g, MACHINE, widths);
        let net = Net::new(g, "g", Start::Uniform, Mode::Train);
        generator(&net, s, g.full(0.0, &[1, widths[machine.top()]]), &examples.shape);
        for l in 0..machine.top() {
            let name = if l == 0 { "down".into() } else { format!("down{}", machine.top() - l) };
            let doubled = if l == 0 { 1.0 } else { 2.0 };
            for (part, value) in [("weight", machine.weight(l) * doubled), ("bias", machine.bias(l))] {
                let own = g.state(net.params, &format!("{name}.{part}"), &value.shape(), Init::Const(0.0));
                g.assign(own, value);
            }
        }
        g.commit();
        if s.ema > 0.0 {
            let averaged = Net::new(g, sampled(s), Start::Uniform, Mode::Train);
            generator(&averaged, s, g.full(0.0, &[1, widths[machine.top()]]), &examples.shape);
            g.assign(g.flat(averaged.params), g.flat(net.params));
        }
        g.metric("norm", (g.flat(net.params).square().sum_all() + 1e-12).sqrt());
        g.commit();
    })
}
