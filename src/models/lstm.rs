//! LSTM (Hochreiter and Schmidhuber 1997) that predicts each step of a sequence from those before it (Graves 2013).

use super::{
    BOUND, Examples, Kind, Model, SAMPLE, Variant,
    autoencoder::{deviation, log_likelihood},
    sample_rows, sequences,
    training::Training,
};
use crate::{
    error::Result,
    graph::{Dist, Graph, Var},
    nn::{Mode, Net, Start},
    settings::{Likelihood, Settings},
};

/// The entry in [`super::VARIANTS`].
pub const VARIANT: Variant = Variant {
    name: "lstm",
    about: "LSTM that predicts the next step (Graves 2013), for series and symbols",
    kind: Kind::Sequences,
    options: &["Sequences", "cell", "units", "depth", "temperature"],
    presets: &[
        ("default", &[("lr_g", "0.002"), ("beta1", "0.9"), ("grad_clip", "5"), ("units", "128")]),
        ("article", &[("lr_g", "0.002"), ("beta1", "0.9"), ("grad_clip", "5"), ("units", "100")]),
    ],
    build,
};

fn build(s: &Settings, examples: &Examples) -> Result<Model> {
    let s = &sequences::suited(s, examples);
    let round = Graph::new();
    {
        let training = Training { graph: &round, s };
        let net = Net::new(&round, "g", Start::Xavier, Mode::Train);
        let x = training.batch(examples);
        let log_p = log_likelihood(&net, s, x, predictions(&net, s, x));
        round.metric("nats_per_step", log_p.mean_all() * (-1.0 / examples.shape[0] as f64));
        training.descend(&net, -log_p.mean_all(), s.lr_g);
    }
    Ok(Model::new(round, vec![(SAMPLE, sample(s, examples)), (BOUND, exact(s, examples))]))
}

/// What the head says about each step of x `[B, T, F]`, having seen those before it.
fn predictions<'g>(net: &Net<'g>, s: &Settings, x: Var<'g>) -> Var<'g> {
    let x = sequences::by_time(x);
    let shape = x.shape();
    let before = x.slice(&[0, 0, 0], &[shape[0] - 1, shape[1], shape[2]]).pad(&[1, 0, 0], &shape);
    sequences::head(net, sequences::states(net, s, before, None, false), shape[2])
}

/// Draws each step from the prediction after those drawn before it. A lower `temperature` draws what is likelier.
fn sample(s: &Settings, examples: &Examples) -> Graph {
    let graph = Graph::new();
    {
        let net = Net::new(&graph, "g", Start::Xavier, Mode::Eval);
        let (steps, features, rows) = (examples.shape[0], examples.shape[1], sample_rows(s, examples));
        let shape = [rows, features];
        let draw = |_, decoded| match s.likelihood {
            Likelihood::Categorical => {
                sequences::likeliest(decoded + sequences::gumbel(&graph, &shape) * f64::from(s.temperature))
            }
            _ => {
                let noise = graph.random(Dist::Normal, &shape) * f64::from(s.temperature);
                sequences::expected(s, decoded) + noise * deviation(&net, &shape)
            }
        };
        graph.output("samples", sequences::unrolled(&net, s, [steps, rows, features], None, |_, last| last, draw));
    }
    graph
}

/// The likelihood itself, which is its own bound.
fn exact(s: &Settings, examples: &Examples) -> Graph {
    let graph = Graph::new();
    {
        let net = Net::new(&graph, "g", Start::Xavier, Mode::Eval);
        let rows = sample_rows(s, examples);
        let x = graph.input("x", &[&[rows], examples.shape.as_slice()].concat());
        let log_p = log_likelihood(&net, s, x, predictions(&net, s, x));
        graph.output("elbo", log_p);
        graph.output("log_weight", log_p.reshape(&[rows, 1]));
    }
    graph
}
