//! R-VAE (Fabius and van Amersfoort 2014): a variational autoencoder of whole sequences with recurrent networks.

use super::{Kind, Variant, vae};
use crate::settings::Preset;

/// Text in windows of 32 characters.
pub const TEXT: &[(&str, &str)] = &[
    ("window", "32"),
    ("latent", "16"),
    ("units", "128"),
    ("beta1", "0.9"),
    ("grad_clip", "5"),
    ("schedule", "cosine"),
    ("warmup", "300"),
    ("free_bits", "0.4"),
    ("word_dropout", "0.2"),
];

/// The entry in [`super::VARIANTS`].
pub const VARIANT: Variant = Variant {
    name: "rvae",
    about: "recurrent variational autoencoder (Fabius and van Amersfoort 2014), for series and symbols",
    kind: Kind::Sequences,
    options: &[
        "Optimiser",
        "Sequences",
        "Variational bound",
        "latent",
        "cell",
        "units",
        "depth",
        "dropout",
        "bidirectional",
        "feedback",
        "word_dropout",
        "temperature",
        "ema",
    ],
    presets: &[
        Preset::of(
            "default",
            &[
                ("latent", "16"),
                ("units", "128"),
                ("lr_g", "0.002"),
                ("beta1", "0.9"),
                ("grad_clip", "5"),
                ("warmup", "500"),
            ],
        ),
        // For a book: free bits keep the latent vector in use, which a strong decoder leaves empty; results/text.md has
        // what it reaches.
        Preset::over("text", TEXT, &[("lr_g", "0.004"), ("steps", "2500")]),
        Preset::of("article", &[("latent", "20"), ("units", "500"), ("bidirectional", "false"), ("beta1", "0.9")]),
    ],
    build: vae::build,
};
