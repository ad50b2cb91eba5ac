//! LSTM (Hochreiter and Schmidhuber 1997) that predicts each step of a sequence from those before it (Graves 2013).

use super::{
    BOUND, CONTINUE, ENCODE, Examples, Kind, Model, SAMPLE, Variant,
    parts::{
        hidden::{Hidden, hidden},
        likely::likelihood,
        networks::Networks,
        recurrent::{Recurrent, by_time, head},
        round::Round,
        stepwise::Memory,
    },
    sample_rows, sampled,
};
use crate::{
    error::{Error, Result},
    graph::{Graph, Init, Var},
    nn::{Mode, Net},
    settings::{Likelihood, Preset, Settings},
};

/// The entry in [`super::VARIANTS`].
pub const VARIANT: Variant = Variant {
    name: "lstm",
    about: "LSTM that predicts the next step (Graves 2013), for series, symbols and piano rolls",
    kind: Kind::Sequences,
    options: &["Optimiser", "Sequences", "cell", "units", "depth", "dropout", "carry", "temperature", "ema"],
    presets: &[
        Preset::of("default", &[("lr_g", "0.005"), ("beta1", "0.9"), ("grad_clip", "5"), ("units", "128")]),
        Preset::of("article", &[("lr_g", "0.002"), ("beta1", "0.9"), ("grad_clip", "5"), ("units", "100")]),
        // For a book or two: a wide layer, read in order; results/text.md has what it reaches.
        Preset::of(
            "large",
            &[
                ("lr_g", "0.002"),
                ("beta1", "0.9"),
                ("grad_clip", "5"),
                ("units", "512"),
                ("dropout", "0.3"),
                ("carry", "true"),
                ("schedule", "cosine"),
                ("steps", "3000"),
            ],
        ),
    ],
    build,
};

fn build(s: &Settings, examples: &Examples) -> Result<Model> {
    let hindered = match (examples.symbols(), examples.end(), s.stride) {
        (false, ..) => Some("this data is neither text nor melodies"),
        (_, Some(_), _) => Some("with `lines` there is no order"),
        (.., Some(_)) => Some("leave `stride` out"),
        _ => None,
    };
    if let Some(why) = hindered.filter(|_| s.carry) {
        return Err(Error::usage(format!(
            "`carry` reads the windows of a text or of melodies one after the other: {why}"
        )));
    }
    let nets = &Networks::recurrent(s, examples);
    let round = Graph::build(|graph| {
        let round = Round { graph, s, examples };
        let [net] = round.nets(["g"], nets.start, Mode::Train);
        let recurrent = Recurrent::of(s, examples);
        let blank = recurrent.blank(graph, [s.batch, examples.shape[1]]);
        let (x, mut memory) = if s.carry { in_order(&round, blank) } else { (round.batch(), blank) };
        let log_p = log_likelihood(&net, nets, &recurrent, &mut memory, x);
        round.nats_per_step(&nets.distribution, log_p, x);
        round.descend(&net, -log_p.mean_all(), round.descent_g());
        round.average(&net);
        if s.carry {
            carried(&round, &memory).into_iter().zip(memory.all()).for_each(|(state, last)| graph.assign(state, last));
        }
        graph.commit();
    });
    let mut graphs = vec![
        (SAMPLE, sample(s, examples, nets)),
        (BOUND, exact(s, examples, nets)),
        (CONTINUE, continuation(s, examples, nets)),
        (ENCODE, last_states(s, examples, nets)),
    ];
    graphs.push(likelihood(s, examples, (nets, sampled(s)), |net, x| {
        let recurrent = Recurrent::of(s, examples);
        let mut memory = recurrent.blank(net.graph, [x.dim(0), examples.shape[1]]);
        predicted(net, nets, &recurrent, &mut memory, x)
    }));
    graphs.extend(hidden(s, examples, (sampled(s), nets.start), |net, x| states(net, s, examples, x).layers(x.dim(0))));
    Ok(Model::new(round, graphs))
}

/// log p of each example of x, `[B]`, after what is in the memory.
fn log_likelihood<'g>(
    net: &Net<'g>,
    nets: &Networks,
    recurrent: &Recurrent,
    memory: &mut Memory<'g>,
    x: Var<'g>,
) -> Var<'g> {
    nets.distribution.log_likelihood(net, x, predicted(net, nets, recurrent, memory, x))
}

/// The parameters of the distribution of each step of x, after what is in the memory.
fn predicted<'g>(
    net: &Net<'g>,
    nets: &Networks,
    recurrent: &Recurrent,
    memory: &mut Memory<'g>,
    x: Var<'g>,
) -> Var<'g> {
    head(net, recurrent.read(net, memory, by_time(x)), nets.shape[1])
}

/// The states of the last layer after each step of x.
fn states<'g>(net: &Net<'g>, s: &Settings, examples: &Examples, x: Var<'g>) -> Hidden<'g> {
    let recurrent = Recurrent::of(s, examples);
    let memory = recurrent.blank(net.graph, [x.dim(0), examples.shape[1]]);
    let states = recurrent.after(net, memory, by_time(x));
    Hidden { states: Some(states), ..states.index(states.dim(0) - 1).into() }
}

/// The graph [`ENCODE`]: a code is the state after the last step.
fn last_states(s: &Settings, examples: &Examples, nets: &Networks) -> Graph {
    Graph::build(|graph| {
        let net = Net::new(graph, sampled(s), nets.start, Mode::Eval);
        let x = graph.input("x", &examples.values(sample_rows(s, examples)));
        graph.output("z", states(&net, s, examples, x).features);
    })
}

/// The states that keep the memory from one training step to the next, at their current version.
fn carried<'g>(round: &Round<'_, 'g>, memory: &Memory<'g>) -> Vec<Var<'g>> {
    let group = round.graph.group_of_rows("carry", round.s.accumulate);
    let state = |(n, t): (usize, Var<'g>)| round.graph.state(group, &n.to_string(), &t.shape(), Init::Const(0.0));
    memory.all().into_iter().enumerate().map(state).collect()
}

/// The next windows of a text, and the memory of what lies before them: `blank` at the start of a lane.
fn in_order<'g>(round: &Round<'_, 'g>, blank: Memory<'g>) -> (Var<'g>, Memory<'g>) {
    let (x, begins) = round.batch_in_order();
    let states = carried(round, &blank).into_iter().zip(blank.all());
    let kept = states.map(|(state, blank)| state + (blank - state) * begins.along(0, &state.shape()));
    (x, blank.with(kept.collect()))
}

/// Draws each step from the prediction given the steps drawn before. A lower `temperature` favours likelier values.
fn sample(s: &Settings, examples: &Examples, nets: &Networks) -> Graph {
    Graph::build(|graph| {
        let net = Net::new(graph, sampled(s), nets.start, Mode::Eval);
        let (steps, features, rows) = (examples.shape[0], examples.shape[1], sample_rows(s, examples));
        let recurrent = Recurrent::of(s, examples);
        let (memory, draw) =
            (recurrent.blank(graph, [rows, features]), |decoded| nets.distribution.draw(&net, decoded));
        graph.output("samples", recurrent.unrolled(&net, memory, [steps, features], |_, last| last, draw));
    })
}

/// The graph [`CONTINUE`].
fn continuation(s: &Settings, examples: &Examples, nets: &Networks) -> Graph {
    Graph::build(|graph| {
        let net = Net::new(graph, sampled(s), nets.start, Mode::Eval);
        let (features, rows) = (examples.shape[1], sample_rows(s, examples));
        let recurrent = Recurrent::of(s, examples);
        let state = |name: &str, layer: usize| graph.input(&format!("{name}{layer}"), &[rows, s.units]);
        let mut memory = recurrent.blank(graph, [rows, features]);
        memory.layers = (0..s.depth).map(|layer| ["h", "c"].map(|name| state(name, layer))).collect();
        let x = graph.input("x", &memory.last.shape());
        graph.output("next", recurrent.step(&net, &mut memory, x, features));
        for (i, layer) in memory.layers.into_iter().enumerate() {
            ["h", "c"].iter().zip(layer).for_each(|(name, state)| graph.output(&format!("{name}{i}"), state));
        }
        if nets.distribution.likelihood == Likelihood::Gaussian {
            graph.output("deviation", nets.distribution.deviation(&net, &[rows, features]));
        }
    })
}

/// The graph [`BOUND`]; here the bound is the exact log-likelihood.
fn exact(s: &Settings, examples: &Examples, nets: &Networks) -> Graph {
    Graph::build(|graph| {
        let net = Net::new(graph, sampled(s), nets.start, Mode::Eval);
        let rows = sample_rows(s, examples);
        let x = graph.input("x", &examples.values(rows));
        let recurrent = Recurrent::of(s, examples);
        let mut memory = recurrent.blank(graph, [rows, examples.shape[1]]);
        let log_p = log_likelihood(&net, nets, &recurrent, &mut memory, x);
        graph.output("elbo", log_p);
    })
}
