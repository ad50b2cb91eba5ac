//! DCGAN (Radford et al. 2016): convolutional networks for images.

use super::{
    Examples, Kind, Model, Variant,
    parts::{
        game::{Game, Judgement},
        hidden::Hidden,
        networks::Networks,
    },
};
use crate::{
    error::{Error, Result},
    graph::Var,
    nn::Net,
    settings::{DcganArchitecture, Norm, Preset, Settings},
};

/// The preset of a training that names no model, no data and no setting.
pub const SHOWCASE: &str = "showcase";

/// The entry in [`super::VARIANTS`].
pub const VARIANT: Variant = Variant {
    name: "dcgan",
    about: "convolutional generator and discriminator (Radford et al. 2016), for images",
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
        "width",
        "norm_g",
        "norm_d",
        "spectral",
        "ema",
        "pack",
        "architecture",
        "Labels",
    ],
    presets: &[
        // Half of the usual width and an averaged generator: recognisable digits within minutes on two CPU cores.
        Preset::of("default", &[("width", "32"), ("ema", "0.995")]),
        // What `saddle train` alone does: the best digits that a minute of two CPU cores gives (results/showcase.md).
        Preset::of(
            SHOWCASE,
            &[
                ("data", "digits"),
                ("conditional", "true"),
                ("projection", "true"),
                ("steps", "6000"),
                ("batch", "32"),
                ("width", "16"),
                ("lr_g", "0.001"),
                ("lr_d", "0.001"),
                ("schedule", "cosine"),
                ("ema", "0.998"),
                ("sample_every", "400"),
            ],
        ),
        // Dense 128, dense 7x7x256, three transposed convolutions (128, 64, 3) to 56x56; two convolutions (64, 128).
        Preset::of("article", &[("size", "56"), ("channels", "3"), ("architecture", "article")]),
        // SN-GAN (Miyato et al. 2018, section 4 and table 3) with an averaged generator.
        Preset::of(
            "residual",
            &[
                ("architecture", "residual"),
                ("width", "32"),
                ("spectral", "true"),
                ("norm_d", "none"),
                ("objective", "hinge"),
                ("beta1", "0"),
                ("beta2", "0.9"),
                ("latent", "128"),
                ("ema", "0.999"),
            ],
        ),
    ],
    build,
};

fn build(s: &Settings, examples: &Examples) -> Result<Model> {
    let nets = match s.architecture {
        DcganArchitecture::Residual => Networks::residual(s, examples)?,
        DcganArchitecture::Stages | DcganArchitecture::Article => Networks::conv(s, examples)?,
    };
    let game = Game::of(s, examples, &nets);
    if s.architecture != DcganArchitecture::Article {
        return game.model();
    }
    let [height, width] = [examples.shape[1], examples.shape[2]];
    if !height.is_multiple_of(8) || !width.is_multiple_of(8) {
        return Err(Error::usage(format!(
            "the article's dcgan takes images with sides that are multiples of 8, not {width}x{height}: choose a size \
            with --size"
        )));
    }
    Game {
        generator: Box::new(|net, z| article_generator(net, s.norm_g, z, &examples.shape)),
        discriminator: Box::new(|net, x| article_discriminator(net, s.norm_d, x)),
        ..game
    }
    .model()
}

fn article_generator<'g>(net: &Net<'g>, norm: Norm, z: Var<'g>, shape: &[usize]) -> Var<'g> {
    let [rows, columns] = [shape[1] / 8, shape[2] / 8];
    let h = net.dense("dense0", z, 128).relu();
    let h = net.dense("dense1", h, rows * columns * 256).reshape(&[z.dim(0), 256, rows, columns]);
    let h = net.norm(norm, "norm1", net.conv_transpose2d("up1", h.relu(), 128, [4, 2, 1], false)).relu();
    let h = net.norm(norm, "norm2", net.conv_transpose2d("up2", h, 64, [4, 2, 1], false)).relu();
    net.conv_transpose2d("up3", h, shape[0], [4, 2, 1], true).tanh()
}

fn article_discriminator<'g>(net: &Net<'g>, norm: Norm, x: Var<'g>) -> Judgement<'g> {
    let first = net.conv2d("down0", x, 64, [4, 2, 1], true).leaky_relu(0.2);
    let second = net.norm(norm, "norm1", net.conv2d("down1", first, 128, [4, 2, 1], false)).leaky_relu(0.2);
    Judgement::of(net, Hidden::of_maps(vec![first, second]))
}
