//! The graph [`LIKELIHOOD`]: how likely examples are, given their codes or the steps before.

use super::networks::Networks;
use crate::{
    graph::{Graph, Var},
    models::{Examples, LIKELIHOOD, sample_rows},
    nn::{Mode, Net},
    settings::Settings,
};

/// The graph [`LIKELIHOOD`] of the network with the parameters `name`, of which `predict` gives the parameters of the
/// distribution of examples `[B, ..]`. Of images it also has the `ceiling` of each, of sequences with steps that are
/// none `counted`.
pub fn likelihood(
    s: &Settings,
    examples: &Examples,
    (nets, name): (&Networks, &str),
    predict: impl for<'g> Fn(&Net<'g>, Var<'g>) -> Var<'g>,
) -> (&'static str, Graph) {
    let graph = Graph::build(|graph| {
        let g = Net::new(graph, name, nets.start, Mode::Eval);
        let x = examples.read(graph.input("x", &examples.values(sample_rows(s, examples))));
        graph.output("log_p", nets.log_likelihood_by_step(&g, x, predict(&g, x)));
        match examples.shape.len() {
            3 => graph.output("ceiling", nets.distribution.ceiling(&g, x)),
            2 => nets.distribution.counted(x).into_iter().for_each(|counted| graph.output("counted", counted)),
            _ => {}
        }
    });
    (LIKELIHOOD, graph)
}
