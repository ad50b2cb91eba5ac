//! GAN (Goodfellow et al. 2014) with dense networks: images or points.

use super::{
    Examples, Kind, Model, Variant,
    adversarial::{self, Judgement},
};
use crate::{
    error::Result,
    graph::{Var, numel},
    nn::{Net, Start},
    settings::Settings,
};

/// Points: R3GAN's game (Huang et al. 2024) with a critic that sees Fourier features, rates that fall to 0, and what depends on the data.
macro_rules! points {
    ($($own:expr),*) => {
        &[
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
            ("sample_every", "5000"),
            ("checkpoint_every", "5000"),
            ("log_every", "100"),
            $($own),*
        ]
    };
}

const RING: &[(&str, &str)] =
    points![("frequency", "8"), ("lr_g", "0.005"), ("lr_d", "0.005"), ("r1", "0.01"), ("r2", "0.01"), ("beta1", "0")];
/// Five times the spread and four times the extent of the ring.
const GRID: &[(&str, &str)] =
    points![("frequency", "3"), ("lr_g", "0.003"), ("lr_d", "0.003"), ("r1", "0.1"), ("r2", "0.1"), ("beta1", "0.5")];

/// The entry in [`super::VARIANTS`].
pub const VARIANT: Variant = Variant {
    name: "gan",
    about: "dense generator and discriminator (Goodfellow et al. 2014), for images and points",
    kind: Kind::Single,
    options: &[
        "Images",
        "Objective",
        "Game",
        "conditional",
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
    ],
    presets: &[
        ("default", &[("norm_g", "none"), ("norm_d", "none")]),
        // 100-256-800-784 and 784-512-1; tanh on [-1, 1] is the article's sigmoid on [0, 1].
        (
            "article",
            &[("norm_g", "none"), ("norm_d", "none"), ("hidden_g", "256,800"), ("hidden_d", "512"), ("batch", "32")],
        ),
        ("ring", RING),
        ("grid", GRID),
    ],
    build,
};

fn build(settings: &Settings, examples: &Examples) -> Result<Model> {
    adversarial::model(settings, examples, Start::Uniform, generator, discriminator)
}

/// z `[B, latent]` -> `[B, ..shape]`; images end in tanh, points are unbounded.
pub(super) fn generator<'g>(net: &Net<'g>, s: &Settings, z: Var<'g>, shape: &[usize]) -> Var<'g> {
    let mut h = z;
    for (i, &width) in s.hidden_g.iter().enumerate() {
        h = net.norm(s.norm_g, &format!("norm{i}"), net.dense(&format!("dense{i}"), h, width)).leaky_relu(0.2);
    }
    let y = net.dense("out", h, numel(shape));
    let y = if shape.len() == 3 { y.tanh() } else { y };
    y.reshape(&[vec![z.dim(0)], shape.to_vec()].concat())
}

/// Judges x `[B, ..]`.
pub(super) fn discriminator<'g>(net: &Net<'g>, s: &Settings, x: Var<'g>) -> Judgement<'g> {
    let mut h = x.reshape(&[x.dim(0), x.len() / x.dim(0)]);
    let mut net = net.clone();
    if s.fourier_features > 0 {
        // The Fourier features look alike everywhere; the coordinates beside them call samples back from afar.
        h = net.fourier_features("waves", h, s.fourier_features, s.frequency).concat(h, 1);
        net = net.starting(Start::He);
    }
    Judgement::of(&net, hidden(&net, s, h, &s.hidden_d))
}

/// The hidden layers of a discriminator: x `[B, ..]` -> `[B, the last of the widths]`.
pub(super) fn hidden<'g>(net: &Net<'g>, s: &Settings, x: Var<'g>, widths: &[usize]) -> Var<'g> {
    let h = x.reshape(&[x.dim(0), x.len() / x.dim(0)]);
    widths.iter().enumerate().fold(h, |h, (i, &width)| {
        net.norm(s.norm_d, &format!("norm{i}"), net.dense(&format!("dense{i}"), h, width)).leaky_relu(0.2)
    })
}
