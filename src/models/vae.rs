//! VAE (Kingma and Welling 2014), trained by the variational or the importance-weighted bound (Burda et al. 2016).

use super::{
    BOUND, Examples, Kind, Model, Variant, adversarial,
    autoencoder::{self, Posterior, batch, decoder, encoder, log_likelihood, log_prior, repeat},
    training::Training,
};
use crate::{
    error::{Error, Result},
    graph::{Graph, Var},
    nn::{Mode, Net},
    settings::Settings,
};

/// Examples, and latent vectors for each, in one run of the graph of bounds.
const BOUND_ROWS: usize = 100;
const BOUND_DRAWS: usize = 50;

/// The entry in [`super::VARIANTS`].
pub const VARIANT: Variant = Variant {
    name: "vae",
    about: "variational autoencoder (Kingma and Welling 2014), for images and points",
    kind: Kind::Single,
    options: &["Images", "Autoencoder", "Variational bound", "latent", "width", "norm_g", "norm_d", "ema"],
    presets: &[
        ("default", &[("latent", "20"), ("lr_g", "0.001"), ("beta1", "0.9"), ("hidden_e", "400")]),
        // 784-400-40-400-784 as in pythae's reproduction: 89.78 nats on the fixed binarised digits after 500 epochs.
        ("paper", &[("latent", "40"), ("lr_g", "0.0001"), ("beta1", "0.9"), ("hidden_e", "400"), ("batch", "100")]),
        // 784-128-64-32-16 and 16-16-32-64-128-784.
        ("article", &[("latent", "16"), ("lr_g", "0.001"), ("beta1", "0.9"), ("hidden_e", "128,64,32,16")]),
    ],
    build,
};

/// The model, of any examples that [`autoencoder`] has networks for.
pub fn build(s: &Settings, examples: &Examples) -> Result<Model> {
    autoencoder::check(s, examples)?;
    check(s)?;
    let round = Graph::new();
    self::round(&round, s, examples);
    let mut graphs = adversarial::sampling(s, examples, autoencoder::start(s), autoencoder::generator);
    graphs.push(autoencoder::reconstruct(s, examples, |e, s, x| Posterior::of(e, s, encoder(e, s, x)).mean));
    graphs.push((BOUND, bound(s, examples)));
    Ok(Model::new(round, graphs))
}

/// Refuses what only the variational bound has. The importance-weighted one is no sum of a reconstruction and a divergence: there
/// is nothing in it that could be weighted or be free, and of the ways to put a weight inside none is established.
fn check(s: &Settings) -> Result<()> {
    let weighting = [("beta", s.beta != 1.0, 1), ("warmup", s.warmup > 0, 0), ("free_bits", s.free_bits > 0.0, 0)];
    match weighting.into_iter().find(|(_, set, _)| *set) {
        Some((name, _, neutral)) if s.importance > 1 => Err(Error::usage(format!(
            "`importance` above 1 is the importance-weighted bound, in which `{name}` has no part: set {name}={neutral} or importance=1"
        ))),
        _ => Ok(()),
    }
}

/// One step of encoder and decoder up the bound.
pub fn round(graph: &Graph, s: &Settings, examples: &Examples) {
    let training = Training { graph, s };
    let [e, g] = ["e", "g"].map(|name| Net::new(graph, name, autoencoder::start(s), Mode::Track));
    let x = batch(graph, s, examples);
    let q = Posterior::of(&e, s, encoder(&e, s, x));
    let loss = if s.importance > 1 {
        let log_weights = log_weights(&g, s, q, x, &examples.shape, s.importance);
        let bound = log_mean_exp(log_weights);
        graph.metric("bound", bound.mean_all());
        -bound.mean_all()
    } else {
        let decoded = decoder(&g, s, q.draw(), &examples.shape);
        let reconstruction = -log_likelihood(&g, s, x, decoded).mean_all();
        graph.metric("bound", -(reconstruction + q.divergence().sum(&[1]).mean_all()));
        graph.metric("reconstruction", reconstruction);
        reconstruction + divergence_cost(&training, q)
    };
    graph.metric("divergence", q.divergence().sum(&[1]).mean_all());
    graph.metric("active", (q.mean.moments(&[0]).index(1) - 0.01).is_positive().sum_all());
    let rate = training.rate(s.lr_g);
    training.descend_together(&[(&e, loss, rate), (&g, loss, rate)]);
    training.average(&g);
    graph.commit();
}

/// The divergence's part of the loss: weighted by beta and the warm-up, each latent variable free of cost up to
/// `free_bits` (Kingma et al. 2016, appendix C.8).
pub fn divergence_cost<'g>(training: &Training<'_, 'g>, q: Posterior<'g>) -> Var<'g> {
    let s = training.s;
    let each = q.divergence().mean(&[0]);
    let free = f64::from(s.free_bits);
    let cost = ((each - free).relu() + free).sum_all() * f64::from(s.beta);
    if s.warmup == 0 {
        return cost;
    }
    let share = training.graph.clock() * (1.0 / s.warmup as f64);
    cost * (1.0 - (1.0 - share).relu())
}

/// log p(x, z) - log q(z | x) for `draws` latent vectors of each example, `[draws, B]`.
fn log_weights<'g>(g: &Net<'g>, s: &Settings, q: Posterior<'g>, x: Var<'g>, shape: &[usize], draws: usize) -> Var<'g> {
    let rows = x.dim(0);
    let q = q.repeat(draws);
    let z = q.draw();
    let log_p = log_likelihood(g, s, repeat(x, draws), decoder(g, s, z, shape));
    (log_p + log_prior(z) - q.log_density(z)).reshape(&[draws, rows])
}

/// log of the mean of e^x over the first axis, `[K, B]` -> `[B]`.
fn log_mean_exp(x: Var) -> Var {
    let peak = x.max(&[0]).detach();
    (x - peak.along(1, &x.shape())).exp().mean(&[0]).log() + peak
}

/// See [`BOUND`].
pub fn bound(s: &Settings, examples: &Examples) -> Graph {
    let graph = Graph::new();
    {
        let [e, g] = ["e", "g"].map(|name| Net::new(&graph, name, autoencoder::start(s), Mode::Eval));
        let x = graph.input("x", &[vec![BOUND_ROWS], examples.shape.clone()].concat());
        let q = Posterior::of(&e, s, encoder(&e, s, x));
        let log_p = log_likelihood(&g, s, x, decoder(&g, s, q.draw(), &examples.shape));
        graph.output("elbo", log_p - q.divergence().sum(&[1]));
        graph.output("log_weight", log_weights(&g, s, q, x, &examples.shape, BOUND_DRAWS).transpose());
    }
    graph
}
