//! AE-GAN: the discriminator contains an encoder, and the generator is a decoder. Three published forms.

use super::{
    Examples, Kind, Model, Phase, Variant, coding, encoder_layers,
    parts::{
        augment::augmented,
        game::Game,
        networks::Networks,
        posterior::{Posterior, posterior},
        round::Round,
    },
};
use crate::{
    error::{Error, Result},
    graph::{Init, Var},
    nn::{Mode, Net},
    objective,
    settings::{Augment, Fusion, Preset, Settings},
};

/// The entry in [`super::VARIANTS`].
pub const VARIANT: Variant = Variant {
    name: "ae-gan",
    about: "GAN whose discriminator contains an encoder, and whose generator is its decoder",
    kind: Kind::Single,
    options: &[
        "Optimiser",
        "Images",
        // Its encoder learns in both roles, so that the discriminator has no optimiser of its own.
        "objective",
        "r1",
        "r2",
        "gp",
        "dragan",
        "lecam",
        "smooth",
        "lr_d",
        "Few images",
        "Autoencoder",
        "latent",
        "latent_dist",
        "width",
        "norm_g",
        "norm_d",
        "ema",
        "pretrain",
        "fusion",
        "gamma",
        "beta",
        "beta_neg",
        "diversity",
        "gain",
    ],
    presets: &[
        Preset::of(
            "default",
            &[
                ("net", "conv"),
                ("width", "32"),
                ("latent", "32"),
                ("pretrain", "300"),
                ("gamma", "0.01"),
                ("ema", "0.995"),
            ],
        ),
        Preset::of(
            "table",
            &[
                ("latent", "24"),
                ("hidden_e", "256,256"),
                ("batch", "256"),
                ("pretrain", "1500"),
                ("steps", "3000"),
                ("gamma", "0.1"),
                ("norm_d", "none"),
                ("ema", "0.995"),
            ],
        ),
        Preset::of(
            "article",
            &[("latent", "32"), ("hidden_e", "128"), ("pretrain", "500"), ("gamma", "0.01"), ("norm_d", "none")],
        ),
        // Daniel and Tamar 2021, for digits. The game starts once the decoder can paint white strokes: strokes that are
        // grey at that time stay grey.
        Preset::of(
            "introspective",
            &[
                ("fusion", "introspective"),
                ("net", "conv"),
                ("width", "32"),
                ("latent", "32"),
                ("norm_g", "batch"),
                ("norm_d", "batch"),
                ("beta_neg", "256"),
                ("pretrain", "900"),
                ("lr_g", "0.001"),
                ("lr_d", "0.001"),
                ("beta1", "0.9"),
            ],
        ),
        // Berthelot et al. 2017, with normalisation: without it, small autoencoders output black, the median pixel, for
        // a long time.
        Preset::of(
            "boundary",
            &[
                ("fusion", "boundary"),
                ("net", "conv"),
                ("width", "32"),
                ("latent", "64"),
                ("latent_dist", "uniform"),
                ("norm_g", "batch"),
                ("norm_d", "batch"),
                ("gain", "0.01"),
                ("lr_g", "0.0005"),
                ("lr_d", "0.0005"),
            ],
        ),
    ],
    build,
};

fn build(s: &Settings, examples: &Examples) -> Result<Model> {
    let nets = &Networks::autoencoder(s, examples)?;
    let game = Game::of_decoder(s, examples, nets);
    game.check()?;
    if s.augment != Augment::Off && s.fusion != Fusion::Trunk {
        return Err(Error::usage(
            "`augment` changes what a discriminator with logits sees, and only fusion=trunk has one: leave it out",
        ));
    }
    let phase = |name, until, play: fn(&Players)| {
        Phase::new(name, until, |graph| {
            let round = Round { graph, s, examples };
            let [e, g, d] = round.nets(["e", "g", "d"], nets.start, Mode::Track);
            play(&Players { round, s, nets, x: round.binarized_batch(), e, g, d });
            graph.commit();
        })
    };
    let mut phases = vec![];
    if s.pretrain > 0 && s.fusion != Fusion::Boundary {
        phases.push(phase("autoencoder", s.pretrain, |players| players.autoencoder()));
    }
    phases.push(match s.fusion {
        Fusion::Trunk => phase("round", u64::MAX, |players| players.trunk()),
        Fusion::Introspective => phase("round", u64::MAX, |players| players.introspective()),
        Fusion::Boundary => phase("round", u64::MAX, |players| players.boundary()),
    });
    let mut graphs = game.sampling();
    // The discriminator contains the encoder.
    graphs.extend(encoder_layers(s, examples, nets));
    match s.fusion {
        Fusion::Trunk => {
            graphs.extend(coding(s, examples, nets, |e, x| vec![("z", code(e, nets, nets.encode(e, x)))]));
        }
        Fusion::Introspective => {
            graphs.extend(coding(s, examples, nets, |e, x| posterior(e, nets, x).parameters()));
        }
        Fusion::Boundary => {}
    }
    Ok(Model::of_phases(phases, graphs))
}

/// Features of the trunk -> codes `[B, latent]` of mean 0 and variance 1 in each row, so that they lie near draws from
/// N(0, I).
fn code<'g>(e: &Net<'g>, nets: &Networks, features: Var<'g>) -> Var<'g> {
    let code = e.dense("code", features, nets.latent);
    code.normalize(code.moments(&[1]), &[1], 1e-5)
}

/// The networks and the batch of one round: encoder (or trunk) e, decoder g, and d, the discriminator's head (`trunk`)
/// or its decoder (`boundary`).
struct Players<'a, 'g> {
    round: Round<'a, 'g>,
    s: &'a Settings,
    nets: &'a Networks,
    x: Var<'g>,
    e: Net<'g>,
    g: Net<'g>,
    d: Net<'g>,
}

impl<'g> Players<'_, 'g> {
    fn decode(&self, z: Var<'g>) -> Var<'g> {
        self.nets.decode(&self.g.untracked(), z)
    }

    /// Samples for z; they update the running statistics that normalise samples later.
    fn sample(&self, z: Var<'g>) -> Var<'g> {
        self.nets.draw(&self.g, z)
    }

    fn encode(&self, x: Var<'g>) -> Var<'g> {
        self.nets.encode(&self.e.untracked(), x)
    }

    fn log_likelihood(&self, x: Var<'g>, decoded: Var<'g>) -> Var<'g> {
        self.nets.log_likelihood(&self.g, x, decoded)
    }

    fn prior(&self) -> Var<'g> {
        self.round.latent(self.nets.latent)
    }

    fn metric(&self, name: &str, value: Var<'g>) {
        self.round.metric(name, value);
    }

    /// The stage before the game: reconstruction alone, plus the divergence for the introspective form.
    fn autoencoder(&self) {
        let (s, features) = (self.s, self.nets.encode(&self.e, self.x));
        let (z, cost) = if s.fusion == Fusion::Introspective {
            let q = Posterior::of(&self.e, features, self.nets.latent);
            (q.draw(), q.divergence().sum(&[1]).mean_all() * f64::from(s.beta))
        } else {
            (code(&self.e, self.nets, features), self.x.graph().scalar(0.0))
        };
        let loss = cost - self.log_likelihood(self.x, self.decode(z)).mean_all();
        self.metric("reconstruction", loss);
        let descent = self.round.descent_g();
        self.round.descend_together(&[(&self.e, loss, descent), (&self.g, loss, descent)]);
        self.round.average(&self.g);
    }

    /// The discriminator is a head on the encoder's trunk. The trunk learns to judge and to reconstruct; the
    /// generator's loss updates the generator only, because the trunk would learn from it to be fooled.
    fn trunk(&self) {
        let (s, x) = (self.s, self.x);
        let judge_plainly = |x| self.d.dense("head", self.encode(x), 1);
        let judge = |x| judge_plainly(augmented(s, x, 1));
        let decoded = self.decode(code(&self.e, self.nets, self.nets.encode(&self.e, x)));
        let reconstruction = -self.log_likelihood(x, decoded).mean_all();
        let fake = self.sample(self.prior());
        let logits = [x, fake].map(judge);
        let d_loss = objective::critic_loss(s, judge, [x, fake], logits);
        let d_loss = self.round.regularised(d_loss, judge_plainly, [x, fake], logits);
        let g_loss = objective::g_loss(s.objective, || logits[0], logits[1]);
        self.metric("d_loss", d_loss);
        self.round.judged_right(logits);
        self.metric("g_loss", g_loss);
        self.metric("reconstruction", reconstruction);
        let weighted = reconstruction * f64::from(s.gamma);
        let (descent_g, descent_d) = (self.round.descent_g(), self.round.descent_d());
        self.round.descend_together(&[
            (&self.e, d_loss + weighted, descent_d),
            (&self.d, d_loss, descent_d),
            (&self.g, g_loss + weighted, descent_g),
        ]);
        self.round.average(&self.g);
    }

    /// Soft-IntroVAE (Daniel and Tamar 2021, equation 4 and algorithm 1): the encoder raises the variational bound of
    /// real samples and lowers the bound of generated samples; the decoder raises both.
    fn introspective(&self) {
        let (s, x) = (self.s, self.x);
        let scale = 1.0 / (x.len() / x.dim(0)) as f64;
        let (beta, beta_neg) = (f64::from(s.beta), f64::from(s.beta_neg));
        let posterior = |x| posterior(&self.e.untracked(), self.nets, x);
        self.nets.encode(&self.e, x);
        // Reconstruction error and divergence of each row.
        let terms = |x: Var<'g>, target: Var<'g>| {
            let q = posterior(x);
            (-self.log_likelihood(target, self.decode(q.draw())), q.divergence().sum(&[1]))
        };
        let z = self.prior();
        let (error, divergence) = terms(x, x);
        let fake = self.sample(z).detach();
        let (fake_error, fake_divergence) = terms(fake, fake);
        let bound = (fake_error + fake_divergence * beta_neg) * (-2.0 * scale);
        let e_loss = (error + divergence * beta).mean_all() * scale + bound.exp().mean_all() * 0.5;
        self.metric("e_loss", e_loss);
        self.metric("reconstruction", error.mean_all());
        self.metric("divergence", divergence.mean_all());
        self.metric("fake_divergence", fake_divergence.mean_all());
        self.round.descend(&self.e, e_loss, self.round.descent_d());

        // The decoder's update, against the updated encoder.
        let q = posterior(x);
        let error = -self.log_likelihood(x, self.decode(q.draw().detach()));
        let fake = self.sample(z);
        let (fake_error, fake_divergence) = terms(fake, fake.detach());
        let own = fake_error * 1e-8 + fake_divergence * beta;
        let g_loss = (error + own).mean_all() * scale;
        self.metric("g_loss", g_loss);
        self.round.descend(&self.g, g_loss, self.round.descent_g());
        self.round.average(&self.g);
    }

    /// BEGAN (Berthelot et al. 2017, equation 5): the discriminator is an autoencoder, and k keeps the error of
    /// generated samples at `diversity` times that of real ones.
    fn boundary(&self) {
        let (s, graph) = (self.s, self.x.graph());
        let error = |x: Var<'g>| {
            let code = self.e.dense("code", self.encode(x), self.nets.latent);
            (x - self.nets.mean(self.nets.decode(&self.d.untracked(), code))).abs().mean_all()
        };
        let k = graph.state(graph.group("balance"), "k", &[1], Init::Const(0.0));
        let fake = self.sample(self.prior());
        let (real, of_fake) = (error(self.x), error(fake));
        let held = k.reshape(&[]);
        let d_loss = real - held * error(fake.detach());
        let off = real.whole() * f64::from(s.diversity) - of_fake.whole();
        self.metric("d_loss", d_loss);
        self.metric("g_loss", of_fake);
        self.metric("balance", held);
        self.metric("convergence", real.whole() + off.abs());
        // min(max(k, 0), 1).
        let next = 1.0 - (1.0 - (held + off * f64::from(s.gain)).relu()).relu();
        graph.assign(k, next.detach().reshape(&[1]));
        let (descent_g, descent_d) = (self.round.descent_g(), self.round.descent_d());
        self.round.descend_together(&[
            (&self.e, d_loss, descent_d),
            (&self.d, d_loss, descent_d),
            (&self.g, of_fake, descent_g),
        ]);
        self.round.average(&self.g);
    }
}
