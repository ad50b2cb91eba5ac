//! Associative adversarial network (Arici and Celikyilmaz 2016): during the game, a deep Boltzmann machine learns the
//! distribution of the discriminator's features of real images, and its draws are the generator's inputs.

use super::{
    boltzmann::{Learning, MACHINE, Machine, SWEEPS, bernoulli, chain_sampler, check_layers, decoder, sweep},
    dense::Dense,
    game::{Game, Judgement},
    networks::Networks,
    round::Round,
};
use crate::{
    error::{Error, Result},
    graph::{Graph, Var},
    models::{ENCODE, Examples, Model, Phase, dbm_gan::smoothed, sample_rows},
    nn::{Mode, Net, Start},
    settings::{Norm, Settings},
};

/// The machine's data are the features of a copy of the discriminator that follows it with this decay: if the machine
/// learned from the features of the discriminator itself, both could collapse until all features are alike.
const DECAY: f32 = 0.99;
/// Name of that copy.
const FOLLOWER: &str = "d.follower";

/// The model; the machine's visible units are the last hidden ones of the discriminator.
///
/// # Errors
/// Settings that contradict each other or the data, too many layers.
pub fn model(s: &Settings, examples: &Examples) -> Result<Model> {
    let nets = &Networks::dense(s, examples);
    let dense = &Dense { norms: [Norm::None, s.norm_d], ..Dense::of(s) };
    let widths = &[&s.hidden_d[s.hidden_d.len() - 1..], &s.layers].concat();
    let game = |sweeps| Game {
        generator: Box::new(|net, z| dense.generate(net, z, &examples.shape)),
        discriminator: Box::new(|net, x| Judgement::of(net, features(net, dense, x))),
        prior: Box::new(move |graph, rows| drawn_features(graph, s, widths, rows, sweeps)),
        policy: None,
        ..Game::of(s, examples, nets)
    };
    game(s.gibbs).check()?;
    check_layers(s)?;
    if s.pack > 1 {
        return Err(Error::usage("prior=features goes with pack=1: the machine learns the features of single samples"));
    }
    let round = game(s.gibbs).graph();
    learn(&Round { graph: &round, s, examples }, dense, widths);
    let sweep = sweep(widths, sample_rows(s, examples), |_, states, _| ("z", smoothed(s, states[0])));
    let encode = Graph::build(|graph| {
        let follower = Net::new(graph, FOLLOWER, Start::Uniform, Mode::Eval);
        graph.output("z", features(&follower, dense, graph.input("x", &examples.values(sample_rows(s, examples)))));
    });
    let mut graphs = vec![chain_sampler(&game(SWEEPS)), decoder(&game(SWEEPS), widths[0]), sweep];
    // A follower with batch norm has no running moments.
    graphs.extend((s.norm_d != Norm::Batch).then_some((ENCODE, encode)));
    graphs.extend(game(SWEEPS).layers());
    Ok(Model { phases: vec![Phase { name: "round", until: u64::MAX, round }], graphs, calibration: 0 })
}

/// The generator's inputs, `[rows, n_0]`: visible states of the machine's chains after `sweeps` more sweeps, plus
/// Gaussian noise that makes them continuous.
fn drawn_features<'g>(graph: &'g Graph, s: &Settings, widths: &[usize], rows: usize, sweeps: usize) -> Var<'g> {
    let (states, _) = Machine::new(graph, MACHINE, widths).advance(s, rows, sweeps);
    smoothed(s, states[0])
}

/// x `[B, ..]` -> `[B, n_0]`, in 0 to 1.
fn features<'g>(net: &Net<'g>, dense: &Dense, x: Var<'g>) -> Var<'g> {
    let (&width, below) = dense.discriminator.split_last().expect("at least one hidden layer");
    net.dense("features", dense.hidden(net, x, below), width).sigmoid()
}

/// The machine's part of the round: one update by the likelihood gradient for the features of a batch.
fn learn(round: &Round, dense: &Dense, widths: &[usize]) {
    let s = round.s;
    let [d, follower] = round.nets(["d", FOLLOWER], Start::Uniform, Mode::Train);
    let learning = Learning { round: *round, widths, from: 0, until: s.steps, rate: s.lr_dbm };
    round.moving_average(FOLLOWER, &d, DECAY);
    learning.follow_likelihood(bernoulli(features(&follower, dense, round.batch())), None);
    round.graph.commit();
}
