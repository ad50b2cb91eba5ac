//! The latent vectors whose samples are nearest to given examples, found by gradient descent through the graph that
//! samples (Zhu et al. 2016, section 3; Abdal et al. 2019 for StyleGAN).

use crate::{
    grad::grad,
    graph::{Graph, Op, Optimizer, Real},
    settings::LatentDist,
};

/// Name of the graph of one round: input `x`, the values of examples -> output `errors` `[rows]`, the mean squared
/// differences of the samples before the round. The latent vectors are the state [`LATENT`].
pub const PROJECT: &str = "project";
/// Name of the state with the latent vectors that are sought.
pub const LATENT: &str = "latent.z";
/// Rounds of a projection.
pub const ROUNDS: u64 = 400;
/// The rate of the first round; it falls to 0 by half a cosine.
const RATE: f64 = 0.1;

/// The graph [`PROJECT`], made of the graph that samples; `None` where samples are no function of a latent vector
/// alone.
pub fn projection(graph: Graph, dist: LatentDist) -> Option<Graph> {
    let group = graph.group("latent");
    let z = graph.keep(group, "z")?.id();
    if graph.nodes().iter().any(|node| matches!(node.op, Op::Random { .. })) {
        return None;
    }
    let samples = graph.at(graph.outputs().iter().find(|(name, _)| name == "samples")?.1);
    let x = graph.input("x", &samples.shape());
    let rest: Vec<usize> = (1..samples.rank()).collect();
    let errors = (samples - x).square().mean(&rest);
    graph.output("errors", errors);
    // Adam moves each value by its own gradient, so rows do not disturb each other.
    let gradient = graph.pack(group, &grad(errors.sum_all(), &[graph.at(z)]));
    let done = graph.clock() * (std::f64::consts::PI / ROUNDS as f64);
    let rate = (done.cos() + 1.0) * (RATE / 2.0);
    let [beta1, beta2, eps, decay] = [0.9, 0.999, 1e-8, 0.0].map(Real::new);
    graph.update(group, Optimizer::Adam { beta1, beta2, eps, decay }, gradient, rate);
    // Values that no latent vector has would say nothing of the model.
    let range = match dist {
        LatentDist::Normal => None,
        LatentDist::Uniform => Some((0.0, 1.0)),
        LatentDist::Unit => Some((0.5, 0.5)),
    };
    if let Some((middle, reach)) = range {
        let moved = graph.flat(group);
        graph.assign(moved, (moved - middle).clamp(reach) + middle);
        graph.commit();
    }
    Some(graph)
}
