//! The posterior q(z | x) of variational autoencoders.

use super::distribution::LOG_VARIANCE;
use crate::{
    graph::{Dist, Var},
    nn::Net,
};

/// A diagonal Gaussian q(z | x), `[B, latent]` each.
#[derive(Clone, Copy)]
pub struct Posterior<'g> {
    /// Means.
    pub mean: Var<'g>,
    /// Logarithms of the variances.
    pub log_variance: Var<'g>,
}

impl<'g> Posterior<'g> {
    /// The posterior that two dense layers compute from an encoder's features `[B, F]`.
    pub fn of(net: &Net<'g>, features: Var<'g>, latent: usize) -> Self {
        let mean = net.dense("mean", features, latent);
        Self { mean, log_variance: net.dense("log_variance", features, latent).clamp(LOG_VARIANCE) }
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

/// `times` copies of the batch `[B, ..]`, one after the other: `[times * B, ..]`.
pub fn repeat(x: Var, times: usize) -> Var {
    let shape = x.shape();
    x.broadcast(&[&[times], shape.as_slice()].concat(), &[0]).reshape(&[&[times * shape[0]], &shape[1..]].concat())
}
