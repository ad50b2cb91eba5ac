//! The distribution p(x | z) whose parameters a decoder returns.

use std::f64::consts::PI;

use super::recurrent::gumbel;
use crate::{
    graph::{Init, Var},
    nn::Net,
    settings::Likelihood,
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
    /// Temperature of soft draws of symbols.
    pub temperature: f64,
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

    /// Samples as a critic sees them: means of numbers, and soft draws of symbols that let gradients pass, by
    /// Gumbel-softmax (Jang et al. 2017, equation 2). Keys of rolls are 1 where they are more likely than not, with the
    /// gradient of their probability (deterministic binary neurons: Dong and Yang 2018, section 3.2).
    pub fn soft_draw<'g>(&self, decoded: Var<'g>) -> Var<'g> {
        match self.likelihood {
            Likelihood::Bernoulli if self.values == Values::Steps => {
                let p = self.mean(decoded);
                decoded.is_positive() + (p - p.detach())
            }
            Likelihood::Categorical => {
                self.mean((decoded + gumbel(decoded.graph(), &decoded.shape())) * self.temperature.recip())
            }
            _ => self.mean(decoded),
        }
    }

    /// The steps of rolls x `[B, T, 176]` or `[B, T, 88]` that count, `[B, T]`: 1, and 0 in the silence at the end, by
    /// which pieces shorter than a window are filled up.
    pub fn counted<'g>(&self, x: Var<'g>) -> Var<'g> {
        let (batch, steps) = (x.dim(0), x.dim(1));
        // What sounds at a step or up to `reach` - 1 steps later.
        let (mut sounds, mut reach) = (x.max(&[2]), 1);
        while reach < steps {
            let later = sounds.slice(&[0, reach], &[batch, steps - reach]);
            sounds = sounds + later.pad(&[0, 0], &[batch, steps]);
            reach *= 2;
        }
        sounds.is_positive()
    }

    /// log p(x | z) of each row `[B]` in nats, for x in the data's own units; the Bernoulli likelihood maps pixels from
    /// [-1, 1] to [0, 1], and leaves out the steps of rolls that are not [`Distribution::counted`].
    pub fn log_likelihood<'g>(&self, net: &Net<'g>, x: Var<'g>, decoded: Var<'g>) -> Var<'g> {
        let each = match self.likelihood {
            Likelihood::Bernoulli if self.values == Values::Steps => {
                (x * decoded - decoded.softplus()) * self.counted(x).broadcast(&x.shape(), &[2])
            }
            Likelihood::Bernoulli => (x + 1.0) * 0.5 * decoded - decoded.softplus(),
            Likelihood::Gaussian => {
                let v = self.log_variance(net, &x.shape());
                ((x - self.mean(decoded)).square() * (v * -1.0).exp() + v + (2.0 * PI).ln()) * -0.5
            }
            Likelihood::Categorical => {
                let (shape, rows) = (x.shape(), [x.len() / x.dim(2), x.dim(2)]);
                return -decoded.reshape(&rows).cross_entropy(x.reshape(&rows)).reshape(&shape[..2]).sum(&[1]);
            }
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
