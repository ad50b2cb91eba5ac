//! VAE-GAN (Larsen et al. 2016): a variational autoencoder whose errors a discriminator measures.

use super::{
    BOUND, CALIBRATION, Examples, Kind, Model, Phase, Variant,
    adversarial::{self, critic_loss},
    autoencoder::{self, Posterior, batch, decoder, drawn, encoder},
    sequences,
    training::Training,
    vae,
};
use crate::{
    error::Result,
    graph::{Graph, Var},
    nn::{Mode, Net, latent},
    objective,
    settings::Settings,
};

/// The entry in [`super::VARIANTS`].
pub const VARIANT: Variant = Variant {
    name: "vae-gan",
    about: "VAE that reconstructs a discriminator's features, and its generator's game (Larsen et al. 2016)",
    kind: Kind::Single,
    options: &[
        "Images",
        "Objective",
        "Autoencoder",
        "latent",
        "latent_dist",
        "width",
        "norm_g",
        "norm_d",
        "ema",
        "beta",
        "warmup",
        "free_bits",
        "pretrain",
        "gamma",
        "equilibrium",
        "margin",
    ],
    presets: &[
        ("default", &[("net", "conv"), ("width", "32"), ("latent", "32"), ("gamma", "0.01"), ("ema", "0.995")]),
        // RMSProp, gamma and the equilibrium as in the authors' celeba_aegan.py.
        (
            "paper",
            &[
                ("net", "conv"),
                ("latent", "128"),
                ("optimizer", "rmsprop"),
                ("beta2", "0.9"),
                ("lr_g", "0.0003"),
                ("lr_d", "0.0003"),
                ("gamma", "0.01"),
                ("margin", "0.35"),
            ],
        ),
        // The article's order: the VAE first, then the discriminator, then all; D 784-16-32-64-128-1.
        (
            "article",
            &[
                ("hidden_e", "128,64,32,16"),
                ("latent", "16"),
                ("gamma", "0.01"),
                ("pretrain", "500"),
                ("norm_d", "none"),
            ],
        ),
    ],
    build,
};

/// The model, of any examples that [`autoencoder`] has networks for.
pub fn build(s: &Settings, examples: &Examples) -> Result<Model> {
    autoencoder::check(s, examples)?;
    adversarial::check(s, examples)?;
    let mut phases = vec![];
    if s.pretrain > 0 {
        phases.push(Phase::new("autoencoder", s.pretrain, |graph| vae::round(graph, s, examples)));
        phases.push(Phase::new("discriminator", 2 * s.pretrain, |graph| round(graph, s, examples, false)));
    }
    phases.push(Phase::new("round", u64::MAX, |graph| round(graph, s, examples, true)));
    let mut graphs = adversarial::sampling(s, examples, autoencoder::start(s), autoencoder::generator);
    graphs.push(autoencoder::reconstruct(s, examples, |e, s, x| Posterior::of(e, s, encoder(e, s, x)).mean));
    graphs.push((BOUND, vae::bound(s, examples)));
    Ok(Model { phases, graphs, calibration: CALIBRATION })
}

/// Three updates by gradients at one place: the encoder by divergence and features, the decoder by features and the
/// game, the discriminator by the game alone. Without `all`, the discriminator only.
fn round(graph: &Graph, s: &Settings, examples: &Examples, all: bool) {
    let training = Training { graph, s };
    let start = autoencoder::start(s);
    let [e, g] = ["e", "g"].map(|name| Net::new(graph, name, start, Mode::Track));
    let mut d = Net::new(graph, "d", start, Mode::Train);
    d.spectral = s.spectral;
    let judge = |x| d.dense("out", features(&d, s, x), 1);

    let x = batch(graph, s, examples);
    let q = Posterior::of(&e, s, encoder(&e, s, x));
    // The statistics that samples are normalised with are those of samples.
    let reconstructed = drawn(s, decoder(&g.untracked(), s, q.draw(), &examples.shape));
    let sampled = drawn(s, decoder(&g, s, latent(graph, s.latent_dist, &[s.batch, s.latent]), &examples.shape));

    // Half of the discriminator's generated samples come from the prior, half from the posterior.
    let [on_real, on_sampled, on_reconstructed] = [x, sampled, reconstructed].map(judge);
    let d_loss = (critic_loss(s, judge, [x, sampled], [on_real, on_sampled])
        + critic_loss(s, judge, [x, reconstructed], [on_real, on_reconstructed]))
        * 0.5;

    let error = (features(&d, s, x) - features(&d, s, reconstructed)).square().sum(&[1]).mean_all() * 0.5;
    let fool = |on_fake| objective::g_loss(s.objective, || on_real, on_fake);
    let g_loss = (fool(on_sampled) + fool(on_reconstructed)) * 0.5;
    let e_loss = vae::divergence_cost(&training, q) + error;

    graph.metric("d_loss", d_loss);
    graph.metric("g_loss", g_loss);
    graph.metric("feature_error", error);
    graph.metric("divergence", q.divergence().sum(&[1]).mean_all());
    graph.metric("squared_error", (x - reconstructed).square().mean_all());

    let (learns_g, learns_d) = equilibrium(s, on_real, [on_sampled, on_reconstructed]);
    let (rate_g, rate_d) =
        (training.rate(s.lr_g), training.rate(s.lr_d) * learns_d * training.late_start_factor(s.pretrain));
    let discriminator = (&d, d_loss, rate_d);
    if all {
        let decoder_loss = error * f64::from(s.gamma) + g_loss;
        training.descend_together(&[(&e, e_loss, rate_g), (&g, decoder_loss, rate_g * learns_g), discriminator]);
        training.average(&g);
    } else {
        training.descend_together(&[discriminator]);
    }
    graph.commit();
}

/// x `[B, ..]` -> the features whose errors count, `[B, F]`: the discriminator's last hidden layer.
fn features<'g>(d: &Net<'g>, s: &Settings, x: Var<'g>) -> Var<'g> {
    if x.rank() == 3 { sequences::features(d, s, x) } else { encoder(d, s, x) }
}

/// Whether decoder and discriminator learn in this round, 1 or 0: the discriminator waits while either of its costs is
/// below the equilibrium by the margin, the decoder while either is above; if both would wait, neither does.
fn equilibrium<'g>(s: &Settings, on_real: Var<'g>, on_fake: [Var<'g>; 2]) -> (Var<'g>, Var<'g>) {
    let one = on_real.graph().scalar(1.0);
    if s.margin == 0.0 {
        return (one, one);
    }
    let real = (on_real * -1.0).softplus().mean_all();
    let fake = (on_fake[0].softplus().mean_all() + on_fake[1].softplus().mean_all()) * 0.5;
    let (low, high) = (f64::from(s.equilibrium - s.margin), f64::from(s.equilibrium + s.margin));
    let d = (real - low).is_positive() * (fake - low).is_positive();
    let g = (high - real).is_positive() * (high - fake).is_positive();
    let neither = (1.0 - d) * (1.0 - g);
    (g + neither, d + neither)
}
