//! LSTM-GAN: a recurrent generator with noise at every step against a critic of sequences (Mogren 2016; Esteban et al. 2017).

use super::{Examples, Kind, Model, Variant, adversarial, sequences, timegan};
use crate::{
    error::{Error, Result},
    nn::Start,
    settings::{Objective, Settings},
};

/// R3GAN's game (Huang et al. 2024) with a convolutional critic, whose penalties are cheap.
macro_rules! r3gan {
    ($($own:expr),*) => {
        &[
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
            $($own),*
        ]
    };
}

/// The entry in [`super::VARIANTS`].
pub const VARIANT: Variant = Variant {
    name: "lstm-gan",
    about: "recurrent generator and critic (Mogren 2016; Esteban et al. 2017), for series and symbols",
    kind: Kind::Sequences,
    options: &[
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
        ("default", r3gan![("latent", "4")]),
        // Smooth curves: noise at every step would have to be unlearned.
        ("sines", r3gan![("latent", "0")]),
        // Mogren 2016: two layers, bidirectional critic, own output fed back, feature statistics matched, gradients clipped.
        (
            "c-rnn-gan",
            &[
                ("feedback", "true"),
                ("depth", "2"),
                ("units", "100"),
                ("each_step", "true"),
                ("latent_dist", "uniform"),
                ("lr_g", "0.001"),
                ("lr_d", "0.0005"),
                ("grad_clip", "5"),
                ("matching", "true"),
            ],
        ),
        // Esteban et al. 2017: a logit for each step, 100 units, plain descent for the critic's part at rate 0.1.
        (
            "rcgan",
            &[
                ("each_step", "true"),
                ("bidirectional", "false"),
                ("units", "100"),
                ("latent", "5"),
                ("batch", "28"),
                ("lr_g", "0.001"),
                ("lr_d", "0.001"),
            ],
        ),
        // Yoon et al. 2019, as their code has it; 50,000 steps of each phase there.
        (
            "timegan",
            &[
                ("holdout", "0"),
                ("embedding", "true"),
                ("cell", "gru"),
                ("units", "24"),
                ("depth", "3"),
                ("latent", "6"),
                ("latent_dist", "uniform"),
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
        ("article", &[("latent", "16"), ("bidirectional", "false")]),
    ],
    build,
};

fn build(s: &Settings, examples: &Examples) -> Result<Model> {
    // The latent vector of a sequence: what all its steps share, then the noise of each.
    let latent = s.latent_static + s.latent * examples.shape[0];
    let s = Settings { latent, ..sequences::suited(s, examples) };
    if s.embedding {
        if s.objective != Objective::NonSaturating || s.matching || s.latent_static > 0 || examples.symbols() {
            return Err(Error::usage(
                "`embedding` takes the non-saturating objective, matching=false, latent_static=0, and series of numbers",
            ));
        }
        return Ok(timegan::model(&s, examples));
    }
    adversarial::model(&s, examples, Start::Xavier, sequences::generator, sequences::judge)
}
