//! VAE-GAN (Larsen et al. 2016): a variational autoencoder whose reconstruction errors a discriminator measures.

use super::{
    BOUND, Examples, Kind, Model, Phase, Variant, WEIGHTS, coding,
    parts::{
        augment::augmented,
        fitted::codes,
        game::Game,
        networks::Networks,
        posterior::{divergence_cost, posterior},
        round::Round,
    },
    vae,
};
use crate::{
    error::{Error, Result},
    graph::Var,
    nn::Mode,
    objective,
    settings::{Objective, Preset, Settings},
};

/// The entry in [`super::VARIANTS`].
pub const VARIANT: Variant = Variant {
    name: "vae-gan",
    about: "VAE that reconstructs a discriminator's features, and its generator's game (Larsen et al. 2016)",
    kind: Kind::Single,
    options: &[
        "Optimiser",
        "Images",
        "Objective",
        "Few images",
        "Autoencoder",
        "latent",
        "latent_dist",
        "width",
        "norm_g",
        "norm_d",
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
        "codes",
        "calibrate",
    ],
    presets: &[
        Preset::of(
            "default",
            &[("net", "conv"), ("width", "32"), ("latent", "32"), ("gamma", "0.01"), ("ema", "0.995")],
        ),
        // Losses, RMSProp and equilibrium are the paper's (algorithm 1). Its code differs: there the real term has the
        // weight 1/2, all generated terms together have 1/2, and gamma is 1e-6 on images of 64 pixels.
        Preset::of(
            "paper",
            &[
                ("net", "conv"),
                ("latent", "128"),
                ("optimizer", "rmsprop"),
                ("beta2", "0.9"),
                ("lr_g", "0.0003"),
                ("lr_d", "0.0003"),
                ("objective", "minimax"),
                ("gamma", "0.01"),
                ("fake_weight", "1"),
                ("margin", "0.35"),
            ],
        ),
        // The autoencoder of vae's preset, then a short game of R3GAN: trees tell rows of longer ones apart.
        Preset::over(
            "table",
            vae::TABLE,
            &[
                ("pretrain", "2500"),
                ("objective", "relativistic"),
                ("r1", "0.1"),
                ("r2", "0.1"),
                ("norm_d", "none"),
                ("gamma", "1"),
                ("beta1", "0"),
                ("beta2", "0.99"),
                ("lr_d", "0.001"),
            ],
        ),
        // The article's order: first the VAE learns, then the discriminator, then all networks; D 784-16-32-64-128-1.
        Preset::of(
            "article",
            &[
                ("hidden_e", "128,64,32,16"),
                ("latent", "16"),
                ("gamma", "0.01"),
                ("pretrain", "500"),
                ("norm_d", "none"),
            ],
        ),
    ],
    build,
};

/// The model, for images, points and sequences.
pub fn build(s: &Settings, examples: &Examples) -> Result<Model> {
    let nets = &Networks::autoencoder(s, examples)?.in_game();
    // It draws samples; the round is `play` below.
    let game = Game::of_decoder(s, examples, nets);
    game.check()?;
    if s.fake_weight != 0.5 && s.objective == Objective::Relativistic {
        return Err(Error::usage("the relativistic objective compares pairs: it takes `fake_weight` 0.5 only"));
    }
    let phase = |name, until, round: fn(&Round, &Networks)| {
        Phase::new(name, until, |graph| round(&Round { graph, s, examples }, nets))
    };
    let mut phases = vec![];
    if s.pretrain > 0 {
        phases.push(phase("autoencoder", s.pretrain, vae::play));
        phases.push(phase("discriminator", 2 * s.pretrain, |round, nets| play(round, nets, false)));
    }
    phases.push(phase("round", u64::MAX, |round, nets| play(round, nets, true)));
    let mut graphs = game.sampling();
    graphs.extend(game.judging().into_iter().chain(game.layers()));
    graphs.extend(coding(s, examples, nets, |e, x| posterior(e, nets, x).parameters()));
    graphs.extend(codes(s, examples, nets));
    graphs.extend([(BOUND, vae::bound(s, examples, nets)), (WEIGHTS, vae::weights(s, examples, nets))]);
    Ok(Model::of_phases(phases, graphs))
}

/// Three updates by gradients at the same parameters: the encoder by divergence and feature error, the decoder by
/// feature error and the game's loss, the discriminator by the game's loss alone. Without `all`, only the discriminator
/// learns.
fn play(round: &Round, nets: &Networks, all: bool) {
    let s = round.s;
    let [e, g] = round.nets(["e", "g"], nets.start, Mode::Track);
    let [mut d] = round.nets(["d"], nets.start, Mode::Train);
    d.spectral = s.spectral;
    let features = |x| nets.critic(&d, x).features;
    let judge_plainly = |x| d.dense("out", features(x), 1);
    let judge = |x| judge_plainly(augmented(s, x, 1));

    let x = round.binarized_batch();
    let q = posterior(&e, nets, x);
    let x = round.examples.seen(x);
    // The running statistics that normalise samples come from samples of the prior, not from reconstructions.
    let reconstructed = nets.draw(&g.untracked(), q.draw());
    let sampled = nets.draw(&g, round.latent(nets.latent));

    // Half of the discriminator's generated samples come from the prior, half from the posterior.
    let [on_real, on_sampled, on_reconstructed] = [x, sampled, reconstructed].map(judge);
    let mut d_loss = (objective::critic_loss(s, judge, [x, sampled], [on_real, on_sampled])
        + objective::critic_loss(s, judge, [x, reconstructed], [on_real, on_reconstructed]))
        * 0.5;
    let weight = f64::from(s.fake_weight);
    if s.fake_weight != 0.5 {
        let terms = [on_sampled, on_reconstructed].map(|fake| objective::d_loss_on_fake(s.objective, fake));
        let terms = terms.map(|term| term.expect("`build` refuses the relativistic objective"));
        d_loss = d_loss + (terms[0] + terms[1]) * (weight - 0.5);
    }

    if round.is_regularised() {
        let (fakes, on_fakes) = (sampled.concat(reconstructed, 0), on_sampled.concat(on_reconstructed, 0));
        d_loss = round.regularised(d_loss, judge_plainly, [x, fakes], [on_real, on_fakes]);
    }

    let error = (features(x) - features(reconstructed)).square().sum(&[1]).mean_all() * 0.5;
    let fool = |on_fake| objective::g_loss(s.objective, || on_real, on_fake);
    let g_loss = (fool(on_sampled) + fool(on_reconstructed)) * weight;
    let e_loss = divergence_cost(round, q) + error;

    round.metric("d_loss", d_loss);
    round.judged_right([on_real, on_sampled]);
    round.metric("g_loss", g_loss);
    round.metric("feature_error", error);
    round.metric("divergence", q.divergence().sum(&[1]).mean_all());
    round.metric("squared_error", (x - reconstructed).square().mean_all());

    let (learns_g, learns_d) = equilibrium(s, on_real, [on_sampled, on_reconstructed]);
    let discriminator = (&d, d_loss, round.descent_d().when(learns_d));
    if all {
        let decoder_loss = error * f64::from(s.gamma) + g_loss;
        let descent = round.descent_g();
        round.descend_together(&[(&e, e_loss, descent), (&g, decoder_loss, descent.when(learns_g)), discriminator]);
        round.average(&g);
    } else {
        round.descend_together(&[discriminator]);
    }
    round.graph.commit();
}

/// 1 for a network that learns in this round, else 0: (decoder, discriminator). The discriminator skips its update
/// while one of its two costs is below `equilibrium - margin`, the decoder while one is above `equilibrium + margin`;
/// if both would skip, both learn.
fn equilibrium<'g>(s: &Settings, on_real: Var<'g>, on_fake: [Var<'g>; 2]) -> (Var<'g>, Var<'g>) {
    let one = on_real.graph().scalar(1.0);
    if s.margin == 0.0 {
        return (one, one);
    }
    let real = (on_real * -1.0).softplus().mean_all().whole();
    let fake = ((on_fake[0].softplus().mean_all() + on_fake[1].softplus().mean_all()) * 0.5).whole();
    let (low, high) = (f64::from(s.equilibrium - s.margin), f64::from(s.equilibrium + s.margin));
    let d = (real - low).is_positive() * (fake - low).is_positive();
    let g = (high - real).is_positive() * (high - fake).is_positive();
    let neither = (1.0 - d) * (1.0 - g);
    (g + neither, d + neither)
}
