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

/// Added to probabilities before their logarithm, which makes that of 0 finite.
const LEAST: f64 = 1e-30;

/// Keys of silence that fills up a roll are 1/255, and this is less.
const FILLED: f64 = 0.002;

/// Kind of the values of an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    /// Pixels in [-1, 1], `[B, C, H, W]`.
    Pixels,
    /// Coordinates without bounds, `[B, D]`.
    Points,
    /// Time steps of a sequence in [0, 1], `[B, T, F]`; of rolls 0 or 1.
    Steps,
}

/// A distribution of examples, whose parameters a decoder returns: logits of pixels, keys and symbols, means of points,
/// means of series before their sigmoid.
#[derive(Clone, Copy, Debug)]
pub struct Distribution {
    /// Family of the distribution of each value.
    pub likelihood: Likelihood,
    /// Kind of the values.
    pub values: Values,
    /// Temperature of draws.
    pub temperature: f64,
    /// Temperature of soft draws of symbols at the start and at the end of the annealing.
    pub soft_temperatures: [f64; 2],
    /// The first and the last training step of the annealing.
    pub annealing: [u64; 2],
    /// How gradients pass through draws of symbols.
    pub estimator: Estimator,
    /// The symbol that ends a line and fills up what follows, where sequences are lines.
    pub end: Option<u16>,
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
    /// (Jang et al. 2017, equation 2). By the estimator, draws are soft, or hard with the gradient of soft ones. Keys
    /// of rolls are 1 where they are more likely than not, with the gradient of their probability (deterministic binary
    /// neurons: Dong and Yang 2018, section 3.2).
    pub fn soft_draw<'g>(&self, decoded: Var<'g>) -> Var<'g> {
        if self.likelihood != Likelihood::Categorical {
            let mean = self.mean(decoded);
            return if self.is_of_keys() { (decoded.is_positive() - mean).detach() + mean } else { mean };
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

    /// Whether examples are rolls, whose values are keys that sound or not.
    fn is_of_keys(&self) -> bool {
        self.likelihood == Likelihood::Bernoulli && self.values == Values::Steps
    }

    /// 1 / temperature in this step of the training.
    fn sharpness<'g>(&self, graph: &'g Graph) -> Var<'g> {
        let [start, end] = self.soft_temperatures;
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
        let (graph, shape, temperature) = (net.graph, [decoded.dim(0), decoded.dim(1)], self.temperature);
        match self.likelihood {
            Likelihood::Categorical => greatest(decoded + gumbel(graph, &shape) * temperature),
            // The sum of a logit and logistic noise is positive with the probability of the logit.
            Likelihood::Bernoulli => {
                let uniform = graph.random(Dist::Uniform, &shape);
                (decoded + (uniform.log() - (1.0 - uniform).log()) * temperature).is_positive()
            }
            Likelihood::Gaussian => {
                let noise = graph.random(Dist::Normal, &shape) * temperature;
                self.mean(decoded) + noise * self.deviation(net, &shape)
            }
        }
    }

    /// log p of each step of symbols x `[B, T]`, by logits `[B, T, symbols]`; 0 for what follows the end of a line.
    pub fn log_likelihood_of_symbols<'g>(&self, x: Var<'g>, decoded: Var<'g>) -> Var<'g> {
        let logits = decoded.reshape(&[x.len(), decoded.dim(2)]);
        let each = -logits.cross_entropy_at(x.reshape(&[x.len()])).reshape(&x.shape());
        self.counted(x).map_or(each, |counted| each * counted)
    }

    /// The steps of sequences x that count, `[B, T]`: 1, and 0 after the end of a line, or in the silence that fills up
    /// a roll. `None` if all steps of such sequences count.
    pub fn counted<'g>(&self, x: Var<'g>) -> Option<Var<'g>> {
        let (batch, steps) = (x.dim(0), x.dim(1));
        if let Some(end) = self.end {
            let goes_on = (x - f64::from(end)).abs().is_positive();
            let before = goes_on.slice(&[0, 0], &[batch, steps - 1]);
            return Some(x.graph().full(1.0, &[batch, 1]).concat(before, 1));
        }
        if !self.is_of_keys() {
            return None;
        }
        // Keys are 0 or 1, and near 0 in silence that fills up.
        Some(1.0 - ((x * (1.0 - x)).max(&[2]) - FILLED).is_positive())
    }

    /// log p(x | z) of each row `[B]` in nats, for x in the data's own units, symbols as their numbers `[B, T]`; the
    /// Bernoulli likelihood maps pixels from [-1, 1] to [0, 1], and leaves out the steps of rolls that are not
    /// [`Distribution::counted`].
    pub fn log_likelihood<'g>(&self, net: &Net<'g>, x: Var<'g>, decoded: Var<'g>) -> Var<'g> {
        self.each(net, x, decoded).sum(&(1..x.rank()).collect::<Vec<_>>())
    }

    /// The same of each step of sequences, `[B, T]`.
    pub fn log_likelihood_by_step<'g>(&self, net: &Net<'g>, x: Var<'g>, decoded: Var<'g>) -> Var<'g> {
        self.each(net, x, decoded).sum(&(2..x.rank()).collect::<Vec<_>>())
    }

    /// The largest log p(x | z) of pixels that any z could give, `[B]`: where each mean is the pixel itself.
    pub fn ceiling<'g>(&self, net: &Net<'g>, x: Var<'g>) -> Var<'g> {
        let each = match self.likelihood {
            Likelihood::Gaussian => (self.log_variance(net, &x.shape()) + (2.0 * PI).ln()) * -0.5,
            _ => {
                let own = |p: Var<'g>| p * (p + LEAST).log();
                own((x + 1.0) * 0.5) + own((1.0 - x) * 0.5)
            }
        };
        each.sum(&(1..x.rank()).collect::<Vec<_>>())
    }

    /// log p(x | z) of each value, or of each symbol.
    fn each<'g>(&self, net: &Net<'g>, x: Var<'g>, decoded: Var<'g>) -> Var<'g> {
        match self.likelihood {
            Likelihood::Bernoulli if self.values == Values::Steps => {
                let each = x * decoded - decoded.softplus();
                self.counted(x).map_or(each, |counted| each * counted.broadcast(&x.shape(), &[2]))
            }
            Likelihood::Bernoulli => (x + 1.0) * 0.5 * decoded - decoded.softplus(),
            Likelihood::Gaussian => {
                let v = self.log_variance(net, &x.shape());
                ((x - self.mean(decoded)).square() * (v * -1.0).exp() + v + (2.0 * PI).ln()) * -0.5
            }
            Likelihood::Categorical => self.log_likelihood_of_symbols(x, decoded),
        }
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
