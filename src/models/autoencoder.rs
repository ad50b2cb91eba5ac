//! What autoencoders share: the two networks, likelihoods, posteriors and their graphs.

use super::{Examples, RECONSTRUCT, dcgan, image_shape, sample_rows};
use crate::{
    error::{Error, Result},
    graph::{Dist, Field, Graph, Init, T, numel},
    nn::{Mode, Net, Start},
    settings::{Architecture, Likelihood, Settings},
};

/// Largest |log variance|: beyond it lie infinities, not models.
const LOG_VARIANCE: f64 = 10.0;

/// How the weights of an architecture start.
pub fn start(s: &Settings) -> Start {
    if s.net == Architecture::Conv { Start::Dcgan } else { Start::Uniform }
}

/// Refuses examples that the networks cannot take.
pub fn check(s: &Settings, examples: &Examples) -> Result<()> {
    if s.net == Architecture::Conv {
        image_shape(&s.variant, examples)?;
    }
    if examples.shape.len() == 1 && s.likelihood == Likelihood::Bernoulli {
        return Err(Error::usage("points have no Bernoulli likelihood: set likelihood=gaussian"));
    }
    if examples.shape.len() == 1 && s.binarize {
        return Err(Error::usage("`binarize` is for images"));
    }
    Ok(())
}

/// A batch of examples, binarised if the settings say so.
pub fn batch<'g>(g: &'g Graph, s: &Settings, examples: &Examples) -> T<'g> {
    let x = g.batch(g.draw(), Field::Items, &[vec![s.batch], examples.shape.clone()].concat());
    if s.binarize { ((x + 1.0) * 0.5 - g.random(Dist::Uniform, &x.shape())).step() * 2.0 - 1.0 } else { x }
}

/// x `[B, ..]` -> features `[B, F]`.
pub fn encoder<'g>(net: &Net<'g>, s: &Settings, x: T<'g>) -> T<'g> {
    if s.net == Architecture::Conv {
        return dcgan::trunk(net, s, x);
    }
    let x = x.reshape(&[x.dim(0), x.len() / x.dim(0)]);
    s.hidden_e.iter().enumerate().fold(x, |h, (i, &width)| net.dense(&format!("dense{i}"), h, width).relu())
}

/// z `[B, latent]` -> what the likelihood is made of, `[B, ..shape]`: logits of pixels, means of points.
pub fn decoder<'g>(net: &Net<'g>, s: &Settings, z: T<'g>, shape: &[usize]) -> T<'g> {
    if s.net == Architecture::Conv {
        return dcgan::decoder(net, s, z, shape);
    }
    let widths = s.hidden_e.iter().rev().enumerate();
    let h = widths.fold(z, |h, (i, &width)| net.dense(&format!("dense{i}"), h, width).relu());
    net.dense("out", h, numel(shape)).reshape(&[&[z.dim(0)], shape].concat())
}

/// Decoded examples: images in (-1, 1), where tanh(l / 2) is 2 sigmoid(l) - 1.
pub fn generator<'g>(net: &Net<'g>, s: &Settings, z: T<'g>, shape: &[usize]) -> T<'g> {
    expected(decoder(net, s, z, shape))
}

/// What a decoder's result stands for: the mean of each value.
pub fn expected(decoded: T) -> T {
    if decoded.rank() == 4 { (decoded * 0.5).tanh() } else { decoded }
}

/// log p(x | z) of each row `[B]` in nats, for x in the data's own units: images in [-1, 1] are 0 to 1 to a Bernoulli.
pub fn log_likelihood<'g>(net: &Net<'g>, s: &Settings, x: T<'g>, decoded: T<'g>) -> T<'g> {
    let each = match s.likelihood {
        Likelihood::Bernoulli => (x + 1.0) * 0.5 * decoded - decoded.softplus(),
        Likelihood::Gaussian => {
            let v = net.graph.state(net.params, "log_variance", &[1], Init::Const(0.0)).reshape(&[]);
            let v = v.clamp(LOG_VARIANCE).expand(&x.shape());
            ((x - expected(decoded)).square() * (v * -1.0).exp() + v + (2.0 * std::f64::consts::PI).ln()) * -0.5
        }
    };
    each.sum(&(1..x.rank()).collect::<Vec<_>>())
}

/// A diagonal Gaussian q(z | x), `[B, latent]` each.
#[derive(Clone, Copy)]
pub struct Posterior<'g> {
    /// Means.
    pub mean: T<'g>,
    /// Logarithms of the variances.
    pub log_variance: T<'g>,
}

impl<'g> Posterior<'g> {
    /// The posterior that an encoder's features stand for.
    pub fn of(net: &Net<'g>, s: &Settings, features: T<'g>) -> Self {
        let mean = net.dense("mean", features, s.latent);
        Self { mean, log_variance: net.dense("log_variance", features, s.latent).clamp(LOG_VARIANCE) }
    }

    /// mean + deviation * noise, through which gradients flow (Kingma and Welling 2014, section 2.4).
    pub fn draw(&self) -> T<'g> {
        let noise = self.mean.graph().random(Dist::Normal, &self.mean.shape());
        self.mean + (self.log_variance * 0.5).exp() * noise
    }

    /// The divergence from N(0, I) of each latent variable, `[B, latent]`, in nats.
    pub fn divergence(&self) -> T<'g> {
        (self.mean.square() + self.log_variance.exp() - self.log_variance - 1.0) * 0.5
    }

    /// log q(z | x) of each row, `[B]`.
    pub fn log_density(&self, z: T<'g>) -> T<'g> {
        let deviations = (z - self.mean).square() * (self.log_variance * -1.0).exp();
        log_normal(deviations + self.log_variance)
    }

    /// The same posterior for every one of `times` copies of the rows, `[times * B, latent]`.
    pub fn repeat(&self, times: usize) -> Self {
        Self { mean: repeat(self.mean, times), log_variance: repeat(self.log_variance, times) }
    }
}

/// log N(z; 0, I) of each row, `[B]`.
pub fn log_prior(z: T) -> T {
    log_normal(z.square())
}

/// -(sum of `terms` + n log 2 pi) / 2 for each row.
fn log_normal(terms: T) -> T {
    (terms + (2.0 * std::f64::consts::PI).ln()).sum(&[1]) * -0.5
}

/// `times` copies of the rows `[B, ..]`, one after the other.
pub fn repeat(x: T, times: usize) -> T {
    let shape = x.shape();
    x.broadcast(&[&[times], shape.as_slice()].concat(), &[0]).reshape(&[&[times * shape[0]], &shape[1..]].concat())
}

/// The graph of reconstructions, by what makes codes `[B, latent]` of examples.
pub fn reconstruct(
    s: &Settings,
    examples: &Examples,
    code: impl for<'g> Fn(&Net<'g>, &Settings, T<'g>) -> T<'g>,
) -> (&'static str, Graph) {
    let graph = Graph::new();
    {
        let [e, g] = ["e", "g"].map(|name| Net::new(&graph, name, start(s), Mode::Eval));
        let x = graph.input("x", &[vec![sample_rows(s, examples)], examples.shape.clone()].concat());
        graph.output("samples", generator(&g, s, code(&e, s, x), &examples.shape));
    }
    (RECONSTRUCT, graph)
}
