//! The posterior q(z | x) of variational autoencoders.

use super::{distribution::LOG_VARIANCE, networks::Networks, round::Round};
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
    /// Number of copies of the batch, one after the other.
    copies: usize,
}

impl<'g> Posterior<'g> {
    /// The posterior that two dense layers compute from an encoder's features `[B, F]`.
    pub fn of(net: &Net<'g>, features: Var<'g>, latent: usize) -> Self {
        let mean = net.dense("mean", features, latent);
        Self { mean, log_variance: net.dense("log_variance", features, latent).clamp(LOG_VARIANCE), copies: 1 }
    }

    /// Its tensors, by name.
    pub fn parameters(&self) -> Vec<(&'static str, Var<'g>)> {
        vec![("mean", self.mean), ("log_variance", self.log_variance)]
    }

    /// mean + deviation * noise, through which gradients flow (Kingma and Welling 2014, section 2.4).
    pub fn draw(&self) -> Var<'g> {
        let noise = self.mean.graph().random_of(self.copies, Dist::Normal, &self.mean.shape());
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
        let [mean, log_variance] = [self.mean, self.log_variance].map(|t| repeat(t, times));
        Self { mean, log_variance, copies: times * self.copies }
    }
}

/// q(z | x), of the encoder `e`.
pub fn posterior<'g>(e: &Net<'g>, nets: &Networks, x: Var<'g>) -> Posterior<'g> {
    Posterior::of(e, nets.encode(e, x), nets.latent)
}

/// The divergence's part of the loss: weighted by beta and the warm-up, each latent variable free of cost up to
/// `free_bits` (Kingma et al. 2016, appendix C.8).
pub fn divergence_cost<'g>(round: &Round<'_, 'g>, q: Posterior<'g>) -> Var<'g> {
    let s = round.s;
    let each = q.divergence().mean(&[0]);
    let free = f64::from(s.free_bits);
    let cost = ((each - free).relu() + free).sum_all() * f64::from(s.beta);
    if s.warmup == 0 && s.cycles == 1 {
        return cost;
    }
    // By Fu et al. 2019, the weight rises during the first half of each cycle.
    let cycle = s.steps as f64 / s.cycles as f64;
    let rises = if s.warmup > 0 { s.warmup as f64 } else { cycle / 2.0 };
    let clock = round.graph.clock();
    let begun = (1..s.cycles).map(|n| (clock - (n as f64 * cycle - 0.5)).is_positive());
    let since = begun.fold(clock, |since, begun| since - begun * cycle);
    cost * (1.0 - (1.0 - since.relu() * (1.0 / rises)).relu())
}

/// An estimate of the mutual information of examples and latent vectors, in nats, at most ln B: the mean of
/// log q(z | x) - log q(z) for z drawn from the posteriors of a batch, where q(z) is their mixture (Hoffman and Johnson
/// 2016; He et al. 2019, section 4.3). It is 0 where codes say nothing of their examples.
pub fn mutual_information<'g>(q: Posterior<'g>, z: Var<'g>) -> Var<'g> {
    let (rows, latent) = (z.dim(0), z.dim(1));
    let shape = [rows, rows, latent];
    // Axis 0: the posterior; axis 1: the vector.
    let [mean, log_variance] = [q.mean, q.log_variance].map(|t| t.broadcast(&shape, &[1]));
    let deviations = (z.broadcast(&shape, &[0]) - mean).square() * (log_variance * -1.0).exp();
    let each = ((deviations + log_variance) * -0.5).sum(&[2]);
    let own = ((z - q.mean).square() * (q.log_variance * -1.0).exp() + q.log_variance).sum(&[1]) * -0.5;
    let peak = each.max(&[0]);
    let mixture = (each - peak.along(1, &[rows, rows])).exp().mean(&[0]).log() + peak;
    (own - mixture).mean_all()
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
