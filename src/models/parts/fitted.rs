//! A prior that is fitted to codes after the training: a mixture of Gaussians in the latent space.

use crate::{
    graph::{Field, Graph, Init, Var},
    models::{CODES, Examples, greatest},
    nn::{Mode, Net},
    settings::Settings,
};

use super::{networks::Networks, posterior::posterior, recurrent::gumbel};

/// The state group of the mixture.
pub const PRIOR: &str = "prior";
/// Number of codes to which it is fitted.
const ROWS: usize = 15_000;

/// z `[rows, latent]` from N(0, I) -> draws from the mixture of so many Gaussians; z itself before the first fit.
pub fn drawn<'g>(graph: &'g Graph, z: Var<'g>, gaussians: usize) -> Var<'g> {
    let (group, rows, latent) = (graph.group(PRIOR), z.dim(0), z.dim(1));
    let state = |name, shape: &[usize], value| graph.state(group, name, shape, Init::Const(value));
    let scores = state("log_weights", &[gaussians], 0.0).along(1, &[rows, gaussians]);
    let chosen = greatest(scores + gumbel(graph, &[rows, gaussians])).one_hot(gaussians);
    let mean = chosen.matmul(state("means", &[gaussians, latent], 0.0));
    // The factor of each Gaussian times z, of which the chosen one is kept.
    let shape = [rows, gaussians, latent];
    let moved = z.matmul(state("factors", &[latent, gaussians * latent], 0.0)).reshape(&shape);
    let kept = (moved * chosen.broadcast(&shape, &[2])).sum(&[1]);
    z * state("unfitted", &[1], 1.0).reshape(&[]) + mean + kept
}

/// The graph [`CODES`], for a large batch of examples; none without a mixture.
pub fn codes(s: &Settings, examples: &Examples, nets: &Networks) -> Option<(&'static str, Graph)> {
    let build = |graph: &Graph| {
        let e = Net::new(graph, "e", nets.start, Mode::Eval);
        let x = graph.batch(graph.draw(), Field::Items, &examples.values(ROWS.max(200 * s.codes)));
        graph.output("codes", posterior(&e, nets, examples.read(x)).draw());
    };
    (s.codes > 0).then(|| (CODES, Graph::build(build)))
}
