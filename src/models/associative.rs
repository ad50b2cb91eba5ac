//! Associative adversarial network (Arici and Celikyilmaz 2016): while the game is on, a deep Boltzmann machine learns what the
//! discriminator's features of real images are like, and the generator starts from features that the machine draws.

use super::{
    Examples, Model, Phase, SAMPLE,
    adversarial::{self, Judgement},
    boltzmann::{Learning, bernoulli, check_layers},
    dbm_gan::{self, SWEEPS, sample},
    gan,
    training::Training,
};
use crate::{
    error::Result,
    graph::{Graph, Var},
    nn::{Mode, Net, Start},
    settings::{Norm, Settings},
};

/// The machine's data are the features of a copy of the discriminator that follows it with this decay: a machine that learns
/// from features that learn from the machine may take both to where all features are alike.
const DECAY: f32 = 0.99;
/// Name of that copy.
const FOLLOWER: &str = "d.follower";

/// The model; the machine's visible units are the last hidden ones of the discriminator.
///
/// # Errors
/// Settings that contradict each other or the data, too many layers.
pub fn model(s: &Settings, examples: &Examples) -> Result<Model> {
    adversarial::check(s, examples)?;
    check_layers(s)?;
    let s = &Settings { norm_g: Norm::None, ..s.clone() };
    let widths = [&s.hidden_d[s.hidden_d.len() - 1..], &s.layers].concat();
    let prior = |sweeps| dbm_gan::prior(s, &widths, sweeps);
    let round = adversarial::round(s, examples, Start::Uniform, (gan::generator, judge), &prior(s.gibbs), 0);
    learn(&round, s, examples, &widths);
    let graphs = vec![(SAMPLE, sample(s, examples, gan::generator, &prior(SWEEPS)))];
    Ok(Model { phases: vec![Phase { name: "round", until: u64::MAX, round }], graphs, calibration: 0 })
}

/// Judges x `[B, ..]` by features in 0 to 1.
fn judge<'g>(net: &Net<'g>, s: &Settings, x: Var<'g>) -> Judgement<'g> {
    Judgement::of(net, features(net, s, x))
}

/// x `[B, ..]` -> `[B, n_0]`, in 0 to 1.
fn features<'g>(net: &Net<'g>, s: &Settings, x: Var<'g>) -> Var<'g> {
    let (&width, below) = s.hidden_d.split_last().expect("at least one hidden layer");
    net.dense("features", gan::hidden(net, s, x, below), width).sigmoid()
}

/// The machine's part of the round: one step along the likelihood of the features of a batch.
fn learn(graph: &Graph, s: &Settings, examples: &Examples, widths: &[usize]) {
    let training = Training { graph, s };
    let [d, follower] = ["d", FOLLOWER].map(|name| Net::new(graph, name, Start::Uniform, Mode::Train));
    let learning = Learning { graph, s, widths, from: 0, until: s.steps, rate: s.lr_dbm };
    training.moving_average(FOLLOWER, &d, DECAY);
    learning.follow_likelihood(bernoulli(features(&follower, s, training.batch(examples))), None);
    graph.commit();
}
