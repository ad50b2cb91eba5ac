//! Policy gradients for generators of symbols: symbols are drawn, and a step is likelier afterwards the more real a
//! critic takes what follows for (Williams 1992; SeqGAN, Yu et al. 2017; ScratchGAN, de Masson d'Autume et al. 2019).

use super::round::Round;
use crate::graph::{Graph, Init, Var};

/// Share of the newest batch in the running mean of rewards (ScratchGAN's code).
const BASELINE: f64 = 0.08;

/// The loss whose gradient is that of the expected reward (de Masson d'Autume et al. 2019, equation 4), for the log p
/// of each drawn step `[B, T]` and a critic's logits of the steps `[T * B, 1]`, or of the sequences `[B, 1]`. A step's
/// reward is 2 D - 1, and that of the steps after it, each `discount` times less; less the running mean of such sums.
pub fn loss<'g>(round: &Round<'_, 'g>, log_p: Var<'g>, logits: Var<'g>) -> Var<'g> {
    let graph = round.graph;
    let (batch, steps) = (log_p.dim(0), log_p.dim(1));
    let rewards = (logits.sigmoid() * 2.0 - 1.0).detach();
    let returns = match logits.len() == batch {
        true => rewards.reshape(&[batch]).along(0, &log_p.shape()),
        false => rewards.reshape(&[steps, batch]).transpose().matmul(discounts(graph, steps, round.s.discount.into())),
    };
    let baseline = graph.state(graph.group("baseline"), "mean", &[1], Init::Const(0.0));
    let mean = returns.mean_all().whole();
    graph.assign(baseline, baseline + (mean - baseline.reshape(&[])).reshape(&[1]) * BASELINE);
    round.metric("reward", rewards.mean_all());
    let advantage = returns - baseline.reshape(&[]);
    -(log_p * advantage.detach()).sum(&[1]).mean_all()
}

/// `[T, T]`: what the reward of the step of a row adds to the return of the step of a column, `discount` to the power
/// of the steps between them; nothing to that of a later step.
fn discounts(graph: &Graph, steps: usize, discount: f64) -> Var<'_> {
    let (shape, place) = ([steps, steps], graph.arange(steps));
    let later = place.along(0, &shape) - place.along(1, &shape);
    (later.relu() * discount.max(1e-6).ln()).exp() * (later + 0.5).is_positive()
}
