//! LSTM-GAN: a recurrent generator with noise at every step against a critic of sequences (Mogren 2016; Esteban et al.
//! 2017).

use super::{
    Examples, Kind, Model, Variant,
    parts::{game::Game, networks::Networks, timegan},
};
use crate::{
    error::{Error, Result},
    settings::{Matching, Objective, Preset, Settings},
};

/// R3GAN's game (Huang et al. 2024) with a convolutional critic, whose penalties are cheap.
const R3GAN: &[(&str, &str)] = &[
    ("critic", "conv"),
    ("objective", "relativistic"),
    ("r1", "0.01"),
    ("r2", "0.01"),
    ("latent_static", "16"),
    ("units", "64"),
    ("batch", "128"),
    ("lr_g", "0.001"),
    ("lr_d", "0.001"),
    ("beta1", "0"),
    ("beta2", "0.99"),
    ("schedule", "cosine"),
    ("ema", "0.999"),
    ("moments", "1"),
    ("steps", "5000"),
    ("log_every", "50"),
    ("sample_every", "1000"),
    ("checkpoint_every", "1000"),
];

/// The entry in [`super::VARIANTS`].
pub const VARIANT: Variant = Variant {
    name: "lstm-gan",
    about: "recurrent generator and critic (Mogren 2016; Esteban et al. 2017), for series and symbols",
    kind: Kind::Sequences,
    options: &[
        "Optimiser",
        "Sequences",
        "Objective",
        "Game",
        "Recurrent",
        "latent",
        "latent_static",
        "latent_dist",
        "spectral",
        "ema",
        "pretrain",
        "embedding",
    ],
    presets: &[
        Preset::over("default", R3GAN, &[("latent", "4")]),
        // Smooth curves: the generator would first have to learn to ignore noise at every step.
        Preset::over("sines", R3GAN, &[("latent", "0")]),
        // Mogren 2016, with the settings of the code's documented command. Freezing is the paper's: the code's own
        // never lets the critic learn once a loss is below 2. Without its pretraining, dropout, weight decay, and dense
        // layer before the generator's layers; one logit for each step in place of one mean probability.
        Preset::of(
            "c-rnn-gan",
            &[
                ("feedback", "true"),
                ("depth", "2"),
                ("units", "100"),
                ("each_step", "true"),
                ("latent", "4"),
                ("latent_dist", "unit"),
                ("batch", "20"),
                ("optimizer", "sgd"),
                ("momentum", "0"),
                ("lr_g", "0.1"),
                ("lr_d", "0.05"),
                ("grad_clip", "5"),
                ("matching", "pairs"),
                ("freeze", "0.7"),
            ],
        ),
        // Esteban et al. 2017, with the settings of their code: a logit for each step; the critic learns by plain
        // gradient descent, the generator by Adam with TensorFlow's defaults. Series are scaled to 0..1 and the
        // generator ends in a sigmoid, where theirs are on -1..1 and end in tanh.
        Preset::of(
            "rcgan",
            &[
                ("each_step", "true"),
                ("bidirectional", "false"),
                ("units", "100"),
                ("latent", "5"),
                ("batch", "28"),
                ("lr_g", "0.001"),
                ("beta1", "0.9"),
                ("optimizer_d", "sgd"),
                ("momentum_d", "0"),
                ("lr_d", "0.1"),
            ],
        ),
        // Yoon et al. 2019, with the settings of their code, which trains each phase for 50,000 steps and has as many
        // latent values per step as columns.
        Preset::of(
            "timegan",
            &[
                ("holdout", "0"),
                ("embedding", "true"),
                ("cell", "tensorflow-gru"),
                ("units", "24"),
                ("depth", "3"),
                ("latent", "6"),
                ("latent_dist", "unit"),
                ("batch", "128"),
                ("lr_g", "0.001"),
                ("lr_d", "0.001"),
                ("beta1", "0.9"),
                ("moments", "100"),
                ("critic_threshold", "0.15"),
                ("pretrain", "2000"),
                ("steps", "10000"),
            ],
        ),
        Preset::of("article", &[("latent", "16"), ("bidirectional", "false")]),
    ],
    build,
};

fn build(s: &Settings, examples: &Examples) -> Result<Model> {
    let nets = &Networks::recurrent(s, examples);
    if !s.embedding {
        return Game::of(s, examples, nets).model();
    }
    let differs = s.objective != Objective::NonSaturating || s.matching != Matching::Off || s.freeze > 0.0;
    if differs || s.latent_static > 0 || examples.symbols() || examples.roll() {
        return Err(Error::usage(
            "`embedding` takes the non-saturating objective, matching=false, freeze=0, latent_static=0, and series of \
            numbers",
        ));
    }
    Ok(timegan::model(s, examples, nets.latent))
}
