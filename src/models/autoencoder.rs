//! What autoencoders share: the two networks, likelihoods, posteriors and their graphs.

use super::{Examples, RECONSTRUCT, dcgan, image_shape, sample_rows, sequences, training::Training};
use crate::{
    error::{Error, Result},
    graph::{Dist, Graph, Init, Var, numel},
    nn::{Mode, Net, Start},
    settings::{Architecture, Likelihood, Settings},
};

/// Largest |log variance|: beyond it lie infinities, not models.
const LOG_VARIANCE: f64 = 10.0;
/// Log variance of sequences, which fill 0 to 1, at the start.
const SEQUENCE_LOG_VARIANCE: f32 = -4.0;

/// How the weights of an architecture start.
pub fn start(s: &Settings) -> Start {
    match s.likelihood {
        Likelihood::Categorical => Start::Xavier,
        _ if s.net == Architecture::Conv => Start::Dcgan,
        _ => Start::Uniform,
    }
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
pub fn batch<'g>(g: &'g Graph, s: &Settings, examples: &Examples) -> Var<'g> {
    let x = Training { graph: g, s }.batch(examples);
    if s.binarize { ((x + 1.0) * 0.5 - g.random(Dist::Uniform, &x.shape())).is_positive() * 2.0 - 1.0 } else { x }
}

/// x `[B, ..]` -> features `[B, F]`.
pub fn encoder<'g>(net: &Net<'g>, s: &Settings, x: Var<'g>) -> Var<'g> {
    match (x.rank(), s.net) {
        (3, _) => return sequences::encoder(net, s, x),
        (_, Architecture::Conv) => return dcgan::trunk(net, s, x),
        _ => {}
    }
    // Dense layers learn faster from images in 0 to 1, where the background is nothing.
    let images = x.rank() == 4;
    let x = x.reshape(&[x.dim(0), x.len() / x.dim(0)]);
    let x = if images { (x + 1.0) * 0.5 } else { x };
    s.hidden_e.iter().enumerate().fold(x, |h, (i, &width)| net.dense(&format!("dense{i}"), h, width).relu())
}

/// z `[B, latent]` -> what the likelihood is made of, `[B, ..shape]`: logits of pixels, means of points.
pub fn decoder<'g>(net: &Net<'g>, s: &Settings, z: Var<'g>, shape: &[usize]) -> Var<'g> {
    match (shape.len(), s.net) {
        (2, _) => return sequences::decoder(net, s, z, shape),
        (_, Architecture::Conv) => return dcgan::decoder(net, s, z, shape),
        _ => {}
    }
    let widths = s.hidden_e.iter().rev().enumerate();
    let h = widths.fold(z, |h, (i, &width)| net.dense(&format!("dense{i}"), h, width).relu());
    net.dense("out", h, numel(shape)).reshape(&[&[z.dim(0)], shape].concat())
}

/// Decoded examples: images in (-1, 1), where tanh(l / 2) is 2 sigmoid(l) - 1.
pub fn generator<'g>(net: &Net<'g>, s: &Settings, z: Var<'g>, shape: &[usize]) -> Var<'g> {
    drawn(s, decoder(net, s, z, shape))
}

/// What a decoder's result stands for: the mean of each value.
pub fn expected<'g>(s: &Settings, decoded: Var<'g>) -> Var<'g> {
    match decoded.rank() {
        4 => (decoded * 0.5).tanh(),
        3 => sequences::expected(s, decoded),
        _ => decoded,
    }
}

/// What others see of a decoder's result: the mean, but of symbols a soft draw.
pub fn drawn<'g>(s: &Settings, decoded: Var<'g>) -> Var<'g> {
    if decoded.rank() == 3 { sequences::relaxed(s, decoded) } else { expected(s, decoded) }
}

/// log p(x | z) of each row `[B]` in nats, for x in the data's own units: images in [-1, 1] are 0 to 1 to a Bernoulli.
pub fn log_likelihood<'g>(net: &Net<'g>, s: &Settings, x: Var<'g>, decoded: Var<'g>) -> Var<'g> {
    let each = match s.likelihood {
        Likelihood::Bernoulli => (x + 1.0) * 0.5 * decoded - decoded.softplus(),
        Likelihood::Gaussian => {
            let v = log_variance(net, &x.shape());
            ((x - expected(s, decoded)).square() * (v * -1.0).exp() + v + (2.0 * std::f64::consts::PI).ln()) * -0.5
        }
        Likelihood::Categorical => {
            let (shape, rows) = (x.shape(), [x.len() / x.dim(2), x.dim(2)]);
            return -decoded.reshape(&rows).cross_entropy(x.reshape(&rows)).reshape(&shape[..2]).sum(&[1]);
        }
    };
    each.sum(&(1..x.rank()).collect::<Vec<_>>())
}

/// The Gaussian's learned log variance: one for all values of an example, or one for each feature of sequences.
fn log_variance<'g>(net: &Net<'g>, shape: &[usize]) -> Var<'g> {
    let features = if shape.len() == 3 { shape[2] } else { 1 };
    let start = if shape.len() == 3 { SEQUENCE_LOG_VARIANCE } else { 0.0 };
    let v = net.graph.state(net.params, "log_variance", &[features], Init::Const(start)).clamp(LOG_VARIANCE);
    if shape.len() == 3 { v.along(2, shape) } else { v.reshape(&[]).expand(shape) }
}

/// The Gaussian's deviation of each feature of sequences, for one step `[B, F]`.
pub fn deviation<'g>(net: &Net<'g>, shape: &[usize; 2]) -> Var<'g> {
    (log_variance(net, &[1, shape[0], shape[1]]) * 0.5).exp().index(0)
}

/// A diagonal Gaussian q(z | x), `[B, latent]` each.
#[derive(Clone, Copy)]
pub struct Posterior<'g> {
    /// Means.
    pub mean: Var<'g>,
    /// Logarithms of the variances.
    pub log_variance: Var<'g>,
}

impl<'g> Posterior<'g> {
    /// The posterior that an encoder's features stand for.
    pub fn of(net: &Net<'g>, s: &Settings, features: Var<'g>) -> Self {
        let mean = net.dense("mean", features, s.latent);
        Self { mean, log_variance: net.dense("log_variance", features, s.latent).clamp(LOG_VARIANCE) }
    }

    /// mean + deviation * noise, through which gradients flow (Kingma and Welling 2014, section 2.4).
    pub fn draw(&self) -> Var<'g> {
        let noise = self.mean.graph().random(Dist::Normal, &self.mean.shape());
        self.mean + (self.log_variance * 0.5).exp() * noise
    }

    /// The divergence from N(0, I) of each latent variable, `[B, latent]`, in nats.
    pub fn divergence(&self) -> Var<'g> {
        (self.mean.square() + self.log_variance.exp() - self.log_variance - 1.0) * 0.5
    }

    /// log q(z | x) of each row, `[B]`.
    pub fn log_density(&self, z: Var<'g>) -> Var<'g> {
        let deviations = (z - self.mean).square() * (self.log_variance * -1.0).exp();
        log_normal(deviations + self.log_variance)
    }

    /// The same posterior for every one of `times` copies of the rows, `[times * B, latent]`.
    pub fn repeat(&self, times: usize) -> Self {
        Self { mean: repeat(self.mean, times), log_variance: repeat(self.log_variance, times) }
    }
}

/// log N(z; 0, I) of each row, `[B]`.
pub fn log_prior(z: Var) -> Var {
    log_normal(z.square())
}

/// -(sum of `terms` + n log 2 pi) / 2 for each row.
fn log_normal(terms: Var) -> Var {
    (terms + (2.0 * std::f64::consts::PI).ln()).sum(&[1]) * -0.5
}

/// `times` copies of the rows `[B, ..]`, one after the other.
pub fn repeat(x: Var, times: usize) -> Var {
    let shape = x.shape();
    x.broadcast(&[&[times], shape.as_slice()].concat(), &[0]).reshape(&[&[times * shape[0]], &shape[1..]].concat())
}

/// The graph of reconstructions, by what makes codes `[B, latent]` of examples.
pub fn reconstruct(
    s: &Settings,
    examples: &Examples,
    code: impl for<'g> Fn(&Net<'g>, &Settings, Var<'g>) -> Var<'g>,
) -> (&'static str, Graph) {
    let graph = Graph::new();
    {
        let [e, g] = ["e", "g"].map(|name| Net::new(&graph, name, start(s), Mode::Eval));
        let x = graph.input("x", &[vec![sample_rows(s, examples)], examples.shape.clone()].concat());
        graph.output("samples", generator(&g, s, code(&e, s, x), &examples.shape));
    }
    (RECONSTRUCT, graph)
}
