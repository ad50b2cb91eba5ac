//! LSTM (Hochreiter and Schmidhuber 1997) that predicts each step of a sequence from those before it (Graves 2013).

use super::{
    BOUND, CONTINUE, Examples, Kind, Model, SAMPLE, Variant,
    parts::{
        networks::Networks,
        recurrent::{Recurrent, by_time, drawn_keys, gumbel, head, likeliest},
        round::Round,
    },
    sample_rows,
};
use crate::{
    error::Result,
    graph::{Dist, Graph, Var},
    nn::{Mode, Net},
    settings::{Likelihood, Preset, Settings},
};

/// The entry in [`super::VARIANTS`].
pub const VARIANT: Variant = Variant {
    name: "lstm",
    about: "LSTM that predicts the next step (Graves 2013), for series, symbols and piano rolls",
    kind: Kind::Sequences,
    options: &["Optimiser", "Sequences", "cell", "units", "depth", "temperature"],
    presets: &[
        Preset::of("default", &[("lr_g", "0.002"), ("beta1", "0.9"), ("grad_clip", "5"), ("units", "128")]),
        Preset::of("article", &[("lr_g", "0.002"), ("beta1", "0.9"), ("grad_clip", "5"), ("units", "100")]),
    ],
    build,
};

fn build(s: &Settings, examples: &Examples) -> Result<Model> {
    let nets = &Networks::recurrent(s, examples);
    let round = Graph::build(|graph| {
        let round = Round { graph, s, examples };
        let [net] = round.nets(["g"], nets.start, Mode::Train);
        let x = round.batch();
        let log_p = nets.distribution.log_likelihood(&net, x, predictions(&net, s, x));
        let nats_per_step = match nets.distribution.likelihood {
            Likelihood::Bernoulli => -log_p.sum_all() * nets.distribution.counted(x).sum_all().recip(),
            _ => log_p.mean_all() * (-1.0 / examples.shape[0] as f64),
        };
        round.metric("nats_per_step", nats_per_step);
        round.descend(&net, -log_p.mean_all(), round.descent_g());
    });
    let graphs = vec![
        (SAMPLE, sample(s, examples, nets)),
        (BOUND, exact(s, examples, nets)),
        (CONTINUE, continuation(s, examples, nets)),
    ];
    Ok(Model::new(round, graphs))
}

/// Parameters `[B, T, F]` of the distribution of each step of x `[B, T, F]`, given the steps before it.
fn predictions<'g>(net: &Net<'g>, s: &Settings, x: Var<'g>) -> Var<'g> {
    let x = by_time(x);
    let shape = x.shape();
    let before = x.slice(&[0, 0, 0], &[shape[0] - 1, shape[1], shape[2]]).pad(&[1, 0, 0], &shape);
    head(net, Recurrent::of(s).states(net, before, None, false), shape[2])
}

/// Draws each step from the prediction given the steps drawn before. A lower `temperature` favours likelier values.
fn sample(s: &Settings, examples: &Examples, nets: &Networks) -> Graph {
    Graph::build(|graph| {
        let net = Net::new(graph, "g", nets.start, Mode::Eval);
        let (steps, features, rows) = (examples.shape[0], examples.shape[1], sample_rows(s, examples));
        let (shape, temperature) = ([rows, features], f64::from(s.temperature));
        let draw = |decoded| match nets.distribution.likelihood {
            Likelihood::Categorical => likeliest(decoded + gumbel(graph, &shape) * temperature),
            Likelihood::Bernoulli => drawn_keys(decoded, temperature),
            _ => {
                let noise = graph.random(Dist::Normal, &shape) * temperature;
                nets.distribution.mean(decoded) + noise * nets.distribution.deviation(&net, &shape)
            }
        };
        let sequences = Recurrent::of(s).unrolled(&net, [steps, rows, features], None, |_, last| last, draw);
        graph.output("samples", sequences);
    })
}

/// The graph [`CONTINUE`].
fn continuation(s: &Settings, examples: &Examples, nets: &Networks) -> Graph {
    Graph::build(|graph| {
        let net = Net::new(graph, "g", nets.start, Mode::Eval);
        let (features, rows) = (examples.shape[1], sample_rows(s, examples));
        let state = |name: &str, layer: usize| graph.input(&format!("{name}{layer}"), &[rows, s.units]);
        let mut layers: Vec<_> = (0..s.depth).map(|layer| ["h", "c"].map(|name| state(name, layer))).collect();
        let next = Recurrent::of(s).step(&net, graph.input("x", &[rows, features]), &mut layers, features);
        graph.output("next", next);
        for (i, layer) in layers.into_iter().enumerate() {
            ["h", "c"].iter().zip(layer).for_each(|(name, state)| graph.output(&format!("{name}{i}"), state));
        }
    })
}

/// The graph [`BOUND`]; here the bound is the exact log-likelihood.
fn exact(s: &Settings, examples: &Examples, nets: &Networks) -> Graph {
    Graph::build(|graph| {
        let net = Net::new(graph, "g", nets.start, Mode::Eval);
        let rows = sample_rows(s, examples);
        let x = graph.input("x", &[&[rows], examples.shape.as_slice()].concat());
        let log_p = nets.distribution.log_likelihood(&net, x, predictions(&net, s, x));
        graph.output("elbo", log_p);
        graph.output("log_weight", log_p.reshape(&[rows, 1]));
    })
}
