//! R-VAE-GAN: a recurrent variational autoencoder whose reconstruction errors a critic of sequences measures (Larsen et
//! al. 2016).

use super::{Kind, Variant, rvae, vae_gan};
use crate::settings::Preset;

/// The entry in [`super::VARIANTS`].
pub const VARIANT: Variant = Variant {
    name: "rvae-gan",
    about: "recurrent VAE that reconstructs a critic's features, and its generator's game, for series and symbols",
    kind: Kind::Sequences,
    options: &[
        "Optimiser",
        "Sequences",
        "Objective",
        // Its critic judges whole sequences.
        "cell",
        "units",
        "depth",
        "dropout",
        "bidirectional",
        "critic",
        "feedback",
        "word_dropout",
        "temperature",
        "temperature_end",
        "estimator",
        "latent",
        "latent_dist",
        "spectral",
        "ema",
        "beta",
        "warmup",
        "cycles",
        "free_bits",
        "pretrain",
        "lr_pretrain",
        "gamma",
        "fake_weight",
        "equilibrium",
        "margin",
    ],
    presets: &[
        Preset::of(
            "default",
            &[
                ("critic", "conv"),
                ("latent", "16"),
                ("units", "64"),
                ("batch", "128"),
                ("lr_g", "0.001"),
                ("lr_d", "0.001"),
                ("gamma", "1"),
                ("pretrain", "500"),
                ("ema", "0.995"),
            ],
        ),
        // `rvae`'s preset of this name, half as long, and then a game that is slow enough to keep the bound.
        Preset::over(
            "text",
            rvae::TEXT,
            &[
                ("critic", "conv"),
                ("lr_pretrain", "0.004"),
                ("lr_g", "0.0002"),
                ("lr_d", "0.001"),
                ("gamma", "1"),
                ("pretrain", "2500"),
                ("steps", "5400"),
            ],
        ),
        Preset::of("article", &[("latent", "20"), ("units", "100"), ("pretrain", "500")]),
    ],
    build: vae_gan::build,
};
