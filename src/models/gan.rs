//! GAN (Goodfellow et al. 2014) with dense networks: images or points.

use super::{Examples, Model, Variant, adversarial};
use crate::{
    error::Result,
    graph::{T, numel},
    nn::{Net, Start},
    settings::Settings,
};

pub const VARIANT: Variant = Variant {
    name: "gan",
    about: "dense generator and discriminator (Goodfellow et al. 2014), for images and points",
    presets: &[
        ("default", &[("norm_g", "none"), ("norm_d", "none")]),
        // 100-256-800-784 and 784-512-1; tanh on [-1, 1] is the article's sigmoid on [0, 1].
        (
            "article",
            &[("norm_g", "none"), ("norm_d", "none"), ("hidden_g", "256,800"), ("hidden_d", "512"), ("batch", "32")],
        ),
    ],
    build,
};

fn build(settings: &Settings, examples: &Examples) -> Result<Model> {
    adversarial::model(settings, examples, Start::Uniform, generator, discriminator)
}

/// z `[B, latent]` -> `[B, ..shape]`; images end in tanh, points are unbounded.
fn generator<'g>(net: &Net<'g>, s: &Settings, z: T<'g>, shape: &[usize]) -> T<'g> {
    let mut h = z;
    for (i, &width) in s.hidden_g.iter().enumerate() {
        h = net.norm(s.norm_g, &format!("norm{i}"), net.dense(&format!("dense{i}"), h, width)).leaky_relu(0.2);
    }
    let y = net.dense("out", h, numel(shape));
    let y = if shape.len() == 3 { y.tanh() } else { y };
    y.reshape(&[vec![z.dim(0)], shape.to_vec()].concat())
}

/// x `[B, ..]` -> logits `[B, 1]`.
fn discriminator<'g>(net: &Net<'g>, s: &Settings, x: T<'g>) -> T<'g> {
    let mut h = x.reshape(&[x.dim(0), x.len() / x.dim(0)]);
    for (i, &width) in s.hidden_d.iter().enumerate() {
        h = net.norm(s.norm_d, &format!("norm{i}"), net.dense(&format!("dense{i}"), h, width)).leaky_relu(0.2);
    }
    net.dense("out", h, 1)
}
