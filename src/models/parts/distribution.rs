//! The distribution p(x | z) whose parameters a decoder returns.

use std::f64::consts::PI;

use super::recurrent::gumbel;
use crate::{
    graph::{Dist, Graph, Init, Var},
    models::greatest,
    nn::Net,
    settings::{Estimator, Likelihood},
};

/// Largest |log variance|: the bound keeps likelihoods finite.
pub const LOG_VARIANCE: f64 = 10.0;
/// Initial log variance of sequences, whose values fill 0 to 1.
const SEQUENCE_LOG_VARIANCE: f32 = -4.0;

/// Kind of the values of an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    /// Pixels in [-1, 1], `[B, C, H, W]`.
    Pixels,
    /// Coordinates without bounds, `[B, D]`.
    Points,
    /// Time steps of a sequence in [0, 1], `[B, T, F]`.
    Steps,
}

/// A distribution of examples, whose parameters a decoder returns: logits of pixels and symbols, means of points, means
/// of series before their sigmoid.
#[derive(Clone, Copy, Debug)]
pub struct Distribution {
    /// Family of the distribution of each value.
    pub likelihood: Likelihood,
    /// Kind of the values.
    pub values: Values,
    /// Temperature of draws; of soft draws of symbols, at the start and at the end of the annealing.
    pub temperatures: [f64; 2],
    /// The first and the last training step of the annealing.
    pub annealing: [u64; 2],
    /// How gradients pass through draws of symbols.
    pub estimator: Estimator,
    /// The symbol that ends a line and fills up what follows, where sequences are lines.
    pub end: Option<u16>,
}

/// 1 for each step of symbols `[B, T]` that counts, up to the first end and with it, else 0.
pub fn counted(x: Var, end: u16) -> Var {
    let (rows, steps) = (x.dim(0), x.dim(1));
    let goes_on = (x - f64::from(end)).abs().is_positive();
    let before = goes_on.slice(&[0, 0], &[rows, steps - 1]);
    x.graph().full(1.0, &[rows, 1]).concat(before, 1)
}

impl Distribution {
    /// The mean of each value: pixels in (-1, 1), where tanh(l / 2) is 2 sigmoid(l) - 1; probabilities of symbols.
    pub fn mean<'g>(&self, decoded: Var<'g>) -> Var<'g> {
        match self.values {
            Values::Pixels => (decoded * 0.5).tanh(),
            Values::Points => decoded,
            Values::Steps if self.likelihood != Likelihood::Categorical => decoded.sigmoid(),
            Values::Steps => {
                let shape = decoded.shape();
                let symbols = shape[shape.len() - 1];
                decoded.reshape(&[decoded.len() / symbols, symbols]).softmax().reshape(&shape)
            }
        }
    }

    /// Samples as a critic sees them: means of numbers, and draws of symbols that let gradients pass, by Gumbel-softmax
    /// (Jang et al. 2017, equation 2). By the estimator, draws are soft, or hard with the gradient of soft ones.
    pub fn soft_draw<'g>(&self, decoded: Var<'g>) -> Var<'g> {
        if self.likelihood != Likelihood::Categorical {
            return self.mean(decoded);
        }
        let scores = decoded + gumbel(decoded.graph(), &decoded.shape());
        let soft = self.mean(scores * self.sharpness(decoded.graph()));
        match self.estimator {
            Estimator::Soft => soft,
            Estimator::StraightThrough => {
                let symbols = decoded.dim(decoded.rank() - 1);
                (greatest(scores).one_hot(symbols) - soft).detach() + soft
            }
            Estimator::Policy => greatest(scores).one_hot(decoded.dim(decoded.rank() - 1)),
        }
    }

    /// 1 / temperature in this step of the training.
    fn sharpness<'g>(&self, graph: &'g Graph) -> Var<'g> {
        let [start, end] = self.temperatures;
        if start == end {
            return graph.scalar(1.0 / start);
        }
        let [first, last] = self.annealing.map(|step| step as f64);
        let progress = (graph.clock() - first).relu() * (1.0 / (last - first).max(1.0));
        (progress * (start / end).ln()).exp() * (1.0 / start)
    }

    /// One step of sequences as examples have it, drawn given its parameters `[B, F]`: values `[B, F]`, or numbers of
    /// symbols `[B]`. A lower `temperature` favours likelier values.
    pub fn draw<'g>(&self, net: &Net<'g>, decoded: Var<'g>) -> Var<'g> {
        let (graph, shape, temperature) = (net.graph, [decoded.dim(0), decoded.dim(1)], self.temperatures[0]);
        match self.likelihood {
            Likelihood::Categorical => greatest(decoded + gumbel(graph, &shape) * temperature),
            _ => {
                let noise = graph.random(Dist::Normal, &shape) * temperature;
                self.mean(decoded) + noise * self.deviation(net, &shape)
            }
        }
    }

    /// log p of each step of symbols x `[B, T]`, by logits `[B, T, symbols]`; 0 for what follows the end of a line.
    pub fn log_likelihood_of_symbols<'g>(&self, x: Var<'g>, decoded: Var<'g>) -> Var<'g> {
        let logits = decoded.reshape(&[x.len(), decoded.dim(2)]);
        let each = -logits.cross_entropy_at(x.reshape(&[x.len()])).reshape(&x.shape());
        self.end.map_or(each, |end| each * counted(x, end))
    }

    /// log p(x | z) of each row `[B]` in nats, for x in the data's own units, symbols as their numbers `[B, T]`; the
    /// Bernoulli likelihood maps pixels from [-1, 1] to [0, 1].
    pub fn log_likelihood<'g>(&self, net: &Net<'g>, x: Var<'g>, decoded: Var<'g>) -> Var<'g> {
        let each = match self.likelihood {
            Likelihood::Bernoulli => (x + 1.0) * 0.5 * decoded - decoded.softplus(),
            Likelihood::Gaussian => {
                let v = self.log_variance(net, &x.shape());
                ((x - self.mean(decoded)).square() * (v * -1.0).exp() + v + (2.0 * PI).ln()) * -0.5
            }
            Likelihood::Categorical => self.log_likelihood_of_symbols(x, decoded),
        };
        each.sum(&(1..x.rank()).collect::<Vec<_>>())
    }

    /// The Gaussian's learned log variance: one for each feature of sequences, one for all values of other examples.
    fn log_variance<'g>(&self, net: &Net<'g>, shape: &[usize]) -> Var<'g> {
        let (features, start) = match self.values {
            Values::Steps => (shape[2], SEQUENCE_LOG_VARIANCE),
            _ => (1, 0.0),
        };
        let v = net.graph.state(net.params, "log_variance", &[features], Init::Const(start)).clamp(LOG_VARIANCE);
        if self.values == Values::Steps { v.along(2, shape) } else { v.reshape(&[]).expand(shape) }
    }

    /// The Gaussian's standard deviation of each feature of sequences, for one time step `[B, F]`.
    pub fn deviation<'g>(&self, net: &Net<'g>, shape: &[usize; 2]) -> Var<'g> {
        (self.log_variance(net, &[1, shape[0], shape[1]]) * 0.5).exp().index(0)
    }
}
