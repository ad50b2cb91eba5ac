//! GAN (Goodfellow et al. 2014) with dense networks: images or points.

use super::{
    Examples, Kind, Model, Variant,
    parts::{game::Game, networks::Networks},
};
use crate::{
    error::Result,
    settings::{Preset, Settings},
};

/// Points: R3GAN's game (Huang et al. 2024) with a critic that sees Fourier features, and rates that fall to 0.
const POINTS: &[(&str, &str)] = &[
    ("norm_g", "none"),
    ("norm_d", "none"),
    ("objective", "relativistic"),
    ("batch", "128"),
    ("steps", "20000"),
    ("latent", "4"),
    ("hidden_g", "64,64,64,64,64,64"),
    ("hidden_d", "64,64"),
    ("fourier_features", "64"),
    ("beta2", "0.99"),
    ("schedule", "cosine"),
    ("ema", "0.999"),
    ("sample_every", "1000"),
    ("checkpoint_every", "5000"),
    ("log_every", "100"),
];
const RING: &[(&str, &str)] = &[
    ("data", "ring"),
    ("frequency", "8"),
    ("lr_g", "0.005"),
    ("lr_d", "0.005"),
    ("r1", "0.01"),
    ("r2", "0.01"),
    ("beta1", "0"),
];
/// Five times the spread and four times the extent of the ring.
const GRID: &[(&str, &str)] = &[
    ("data", "grid"),
    ("frequency", "3"),
    ("lr_g", "0.003"),
    ("lr_d", "0.003"),
    ("r1", "0.1"),
    ("r2", "0.1"),
    ("beta1", "0.5"),
];

/// The entry in [`super::VARIANTS`].
pub const VARIANT: Variant = Variant {
    name: "gan",
    about: "dense generator and discriminator (Goodfellow et al. 2014), for images and points",
    kind: Kind::Single,
    options: &[
        "Optimiser",
        "Images",
        "Objective",
        "Game",
        "Few images",
        "conditional",
        "projection",
        "latent",
        "latent_dist",
        "hidden_g",
        "hidden_d",
        "fourier_features",
        "frequency",
        "norm_g",
        "norm_d",
        "spectral",
        "ema",
        "pack",
        "residual_g",
        "dropout_d",
        "by_value",
        "calibrate",
        "Labels",
    ],
    presets: &[
        Preset::of("default", &[("norm_g", "none"), ("norm_d", "none")]),
        // 100-256-800-784 and 784-512-1; tanh on [-1, 1] is the article's sigmoid on [0, 1].
        Preset::of(
            "article",
            &[("norm_g", "none"), ("norm_d", "none"), ("hidden_g", "256,800"), ("hidden_d", "512"), ("batch", "32")],
        ),
        // Salimans et al. 2016, their code for MNIST: few labels, matched features.
        Preset::of(
            "labels",
            &[
                ("labelled", "100"),
                ("matching", "true"),
                ("norm_d", "none"),
                ("weight_norm", "true"),
                ("noise_d", "0.5"),
                ("ema_d", "0.9999"),
                ("hidden_g", "500,500"),
                ("hidden_d", "1000,500,250,250,250"),
                ("latent_dist", "unit"),
                ("batch", "100"),
                ("lr_g", "0.003"),
                ("lr_d", "0.003"),
                ("beta1", "0.5"),
                ("steps", "60000"),
                ("sample_every", "2000"),
                ("checkpoint_every", "2000"),
            ],
        ),
        // R3GAN's game (Huang et al. 2024) on rows of tables, by ranks.
        Preset::of(
            "table",
            &[
                ("norm_g", "none"),
                ("norm_d", "none"),
                ("objective", "relativistic"),
                ("r1", "0.1"),
                ("r2", "0.1"),
                ("hidden_g", "256,256"),
                ("hidden_d", "256,256"),
                ("latent", "128"),
                ("batch", "256"),
                ("beta1", "0"),
                ("beta2", "0.99"),
                ("lr_g", "0.001"),
                ("lr_d", "0.001"),
                ("schedule", "cosine"),
                ("ema", "0.999"),
                ("calibrate", "true"),
                ("sample_every", "1000"),
                ("checkpoint_every", "1000"),
            ],
        ),
        // CTGAN (Xu et al. 2019), with the settings of its code, which trains for 300 epochs.
        Preset::of(
            "ctgan",
            &[
                ("encode", "modes"),
                ("by_value", "true"),
                ("pack", "10"),
                ("objective", "wgan"),
                ("gp", "10"),
                ("hidden_g", "256,256"),
                ("hidden_d", "256,256"),
                ("residual_g", "true"),
                ("dropout_d", "0.5"),
                ("norm_g", "batch"),
                ("norm_d", "none"),
                ("latent", "128"),
                ("batch", "500"),
                ("lr_g", "0.0002"),
                ("lr_d", "0.0002"),
                ("beta1", "0.5"),
                ("beta2", "0.9"),
                ("decay", "0.000001"),
                ("steps", "10000"),
            ],
        ),
        Preset::over("ring", POINTS, RING),
        Preset::over("grid", POINTS, GRID),
    ],
    build,
};

fn build(s: &Settings, examples: &Examples) -> Result<Model> {
    Game::of(s, examples, &Networks::dense(s, examples)).model()
}
