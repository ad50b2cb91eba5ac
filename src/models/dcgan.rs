//! DCGAN (Radford et al. 2016): convolutional networks for square images.

use super::{
    Examples, Kind, Model, Variant,
    adversarial::{self, Judgement},
    image_shape,
};
use crate::{
    error::{Error, Result},
    graph::Var,
    nn::{Net, Start},
    settings::Settings,
};

/// The entry in [`super::VARIANTS`].
pub const VARIANT: Variant = Variant {
    name: "dcgan",
    about: "convolutional generator and discriminator (Radford et al. 2016), for images",
    kind: Kind::Single,
    options: &[
        "Images",
        "Objective",
        "Game",
        "conditional",
        "latent",
        "latent_dist",
        "width",
        "norm_g",
        "norm_d",
        "spectral",
        "ema",
        "pack",
    ],
    presets: &[
        // Half of the usual width and an averaged generator: recognisable digits within minutes on two CPU cores.
        ("default", &[("width", "32"), ("ema", "0.995")]),
        // Dense 128, dense 7x7x256, three transposed convolutions (128, 64, 3) to 56x56; two convolutions (64, 128).
        ("article", &[("size", "56"), ("channels", "3")]),
    ],
    build,
};

fn build(settings: &Settings, examples: &Examples) -> Result<Model> {
    image_shape("dcgan", examples)?;
    if settings.preset == "article" {
        let side = examples.shape[1];
        if !side.is_multiple_of(8) {
            return Err(Error::usage(format!(
                "the article's dcgan takes images with a side that is a multiple of 8, not {side}: choose one with --size"
            )));
        }
        return adversarial::model(settings, examples, Start::Dcgan, article_generator, article_discriminator);
    }
    adversarial::model(settings, examples, Start::Dcgan, generator, discriminator)
}

/// The smallest plane of the networks: the side halved while it is even and above 7.
fn stages(side: usize) -> (usize, usize) {
    let halvings = (0..).take_while(|i| side >> i > 7 && (side >> i).is_multiple_of(2)).count();
    (side >> halvings, halvings)
}

/// Channels `above` stages below the image: doubling, at most 8 times the base.
fn channels(width: usize, above: usize) -> usize {
    width << above.min(3)
}

/// z `[B, latent]` -> `[B, C, H, W]` in (-1, 1).
fn generator<'g>(net: &Net<'g>, s: &Settings, z: Var<'g>, shape: &[usize]) -> Var<'g> {
    decoder(net, s, z, shape).tanh()
}

/// z `[B, latent]` -> `[B, C, H, W]`: dense to the smallest plane, a doubling per stage, then 3x3 to colours.
pub(super) fn decoder<'g>(net: &Net<'g>, s: &Settings, z: Var<'g>, shape: &[usize]) -> Var<'g> {
    let (side, stages) = stages(shape[1]);
    let c = channels(s.width, stages);
    let h = net.dense_without_bias("dense", z, c * side * side).reshape(&[z.dim(0), c, side, side]);
    let mut h = net.norm(s.norm_g, "norm0", h).relu();
    for i in 1..=stages {
        h = net.conv_transpose2d(&format!("up{i}"), h, channels(s.width, stages - i), [4, 2, 1], false);
        h = net.norm(s.norm_g, &format!("norm{i}"), h).relu();
    }
    net.conv2d("out", h, shape[0], [3, 1, 1], true)
}

/// Judges x `[B, C, H, W]`.
fn discriminator<'g>(net: &Net<'g>, s: &Settings, x: Var<'g>) -> Judgement<'g> {
    Judgement::of(net, trunk(net, s, x))
}

/// x `[B, C, H, W]` -> features `[B, F]`: a halving per stage, no normalisation at the input.
pub(super) fn trunk<'g>(net: &Net<'g>, s: &Settings, x: Var<'g>) -> Var<'g> {
    let mut h = x;
    for i in 0..stages(x.dim(2)).1 {
        h = net.conv2d(&format!("down{i}"), h, channels(s.width, i), [4, 2, 1], i == 0);
        h = if i == 0 { h } else { net.norm(s.norm_d, &format!("norm{i}"), h) }.leaky_relu(0.2);
    }
    h.reshape(&[x.dim(0), h.len() / x.dim(0)])
}

fn article_generator<'g>(net: &Net<'g>, s: &Settings, z: Var<'g>, shape: &[usize]) -> Var<'g> {
    let side = shape[1] / 8;
    let h = net.dense("dense0", z, 128).relu();
    let h = net.dense("dense1", h, side * side * 256).reshape(&[z.dim(0), 256, side, side]);
    let h = net.norm(s.norm_g, "norm1", net.conv_transpose2d("up1", h.relu(), 128, [4, 2, 1], false)).relu();
    let h = net.norm(s.norm_g, "norm2", net.conv_transpose2d("up2", h, 64, [4, 2, 1], false)).relu();
    net.conv_transpose2d("up3", h, shape[0], [4, 2, 1], true).tanh()
}

fn article_discriminator<'g>(net: &Net<'g>, s: &Settings, x: Var<'g>) -> Judgement<'g> {
    let h = net.conv2d("down0", x, 64, [4, 2, 1], true).leaky_relu(0.2);
    let h = net.norm(s.norm_d, "norm1", net.conv2d("down1", h, 128, [4, 2, 1], false)).leaky_relu(0.2);
    Judgement::of(net, h.reshape(&[x.dim(0), h.len() / x.dim(0)]))
}
