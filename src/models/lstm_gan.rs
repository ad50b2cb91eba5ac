//! LSTM-GAN: a recurrent generator with noise at every step against a critic of sequences (Mogren 2016; Esteban et al.
//! 2017).

use super::{
    BOUND, Examples, Kind, Model, Phase, Variant,
    parts::{game::Game, networks::Networks, round::Round, timegan},
    sample_rows, sampled,
};
use crate::{
    error::{Error, Result},
    graph::Graph,
    nn::{Mode, Net},
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
        "dropout",
        "latent",
        "latent_static",
        "latent_dist",
        "spectral",
        "ema",
        "pretrain",
        "lr_pretrain",
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
        // RelGAN (Nie et al. 2019), with its rates, loss and temperatures; an LSTM in place of its relational memory,
        // and one embedding of its critic in place of 64.
        Preset::of(
            "relgan",
            &[
                ("critic", "conv"),
                ("objective", "relativistic"),
                ("latent_static", "1"),
                ("units", "32"),
                ("batch", "64"),
                ("lr_pretrain", "0.01"),
                ("lr_g", "0.0001"),
                ("lr_d", "0.0001"),
                ("beta1", "0.9"),
                ("beta2", "0.999"),
                ("grad_clip", "5"),
                ("critic_steps", "5"),
                ("temperature_end", "0.01"),
                ("pretrain", "10000"),
                ("steps", "15000"),
            ],
        ),
        // ScratchGAN (de Masson d'Autume et al. 2019): no pretraining, a reward at every step, large batches. Without
        // its pretrained embeddings, layer normalisation and weight decay of the critic.
        Preset::of(
            "scratchgan",
            &[
                ("estimator", "policy"),
                ("each_step", "true"),
                ("bidirectional", "false"),
                ("latent_static", "1"),
                ("units", "128"),
                ("batch", "512"),
                ("lr_g", "0.0001"),
                ("lr_d", "0.0001"),
                ("beta1", "0.5"),
                ("beta2", "0.999"),
                ("steps", "20000"),
            ],
        ),
        Preset::of("article", &[("latent", "16"), ("bidirectional", "false")]),
    ],
    build,
};

fn build(s: &Settings, examples: &Examples) -> Result<Model> {
    let nets = &Networks::recurrent(s, examples).in_game();
    if !s.embedding {
        return played(&Game::of(s, examples, nets), nets);
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

/// The game; a generator of symbols first learns by likelihood for `pretrain` steps, as those of published text GANs do
/// (Yu et al. 2017, section 3.1).
fn played(game: &Game, nets: &Networks) -> Result<Model> {
    let (s, examples) = (game.s, game.examples);
    let predicts_symbols = nets.predicts() && examples.symbols();
    let mut model = game.model()?;
    if predicts_symbols {
        model.graphs.push((BOUND, bound(game, nets)));
    }
    if s.pretrain == 0 {
        return Ok(model);
    }
    if !predicts_symbols {
        return Err(Error::usage(
            "`pretrain` teaches a generator to predict the next symbol: it takes text or melodies with feedback, or \
            embedding=true",
        ));
    }
    let likelihood = Phase::new("likelihood", s.pretrain, |graph| {
        let round = Round { graph, s, examples };
        let [g] = round.nets(["g"], nets.start, Mode::Track);
        let (x, z) = (round.batch(), round.latent(nets.latent));
        let log_p = nets.log_likelihood_of_symbols(&g, z, x).sum(&[1]);
        round.nats_per_step(&nets.distribution, log_p, x);
        round.descend(&g, -log_p.mean_all(), round.descent_by_likelihood());
        round.average(&g);
        graph.commit();
    });
    model.phases.insert(0, likelihood);
    Ok(model)
}

/// The graph [`BOUND`], for one latent vector of each example, from the prior.
fn bound(game: &Game, nets: &Networks) -> Graph {
    Graph::build(|graph| {
        let (g, rows) = (Net::new(graph, sampled(game.s), nets.start, Mode::Eval), sample_rows(game.s, game.examples));
        let x = graph.input("x", &game.examples.values(rows));
        let log_p = nets.log_likelihood_of_symbols(&g, (game.prior)(graph, rows), x).sum(&[1]);
        graph.output("elbo", log_p);
    })
}
