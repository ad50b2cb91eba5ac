//! The game between a generator and a discriminator: its options, its round, and the graphs that draw samples.

use super::{
    augment, fitted,
    heads::Heads,
    hidden::{Hidden, hidden},
    networks::Networks,
    policy,
    round::Round,
};
use crate::{
    error::{Error, Result},
    graph::{Dist, Draw, Field, Graph, Init, Var},
    models::{CALIBRATE, Examples, JUDGE, Model, SAMPLE, greatest, sample_rows, sampled},
    nn::{Mode, Net, Start, latent},
    objective,
    settings::{Estimator, Matching, Norm, Objective, Settings},
};

/// (net, z `[B, latent (+ classes)]`) -> samples `[B, ..example shape]`.
pub type Generator<'a> = Box<dyn for<'g> Fn(&Net<'g>, Var<'g>) -> Var<'g> + 'a>;
/// (net, samples `[B, ..example shape]`) -> the network's features and logits.
pub type Discriminator<'a> = Box<dyn for<'g> Fn(&Net<'g>, Var<'g>) -> Judgement<'g> + 'a>;
/// (net, z `[B, latent]`, symbols `[B, T]` that it drew) -> log p of each, `[B, T]`.
pub type Policy<'a> = Box<dyn for<'g> Fn(&Net<'g>, Var<'g>, Var<'g>) -> Var<'g> + 'a>;
/// The state group of the averaged discriminator.
const AVERAGED: &str = "d.ema";

/// (graph, rows) -> inputs of the generator, `[rows, latent]`.
pub type Prior<'a> = Box<dyn for<'g> Fn(&'g Graph, usize) -> Var<'g> + 'a>;

/// A discriminator's hidden layers and logits for samples.
#[derive(Clone)]
pub struct Judgement<'g> {
    /// Its hidden layers.
    pub hidden: Hidden<'g>,
    /// Logits `[B, 1]`, computed from the features; higher means more real.
    pub logits: Var<'g>,
    /// Logits of the classes of real samples, `[B, classes]`, if it tells these.
    pub classes: Option<Var<'g>>,
}

impl<'g> Judgement<'g> {
    /// The judgement of features `[B, F]`, by the layer `out` of the network.
    pub fn of(net: &Net<'g>, hidden: impl Into<Hidden<'g>>) -> Self {
        let hidden = hidden.into();
        match net.classes {
            0 => Self { logits: net.dense("out", net.noisy(hidden.features), 1), classes: None, hidden },
            count => {
                let classes = net.dense("out", net.noisy(hidden.features), count);
                // Z = log sum e^l; D = e^Z / (e^Z + 1) (Salimans et al. 2016, section 5).
                let z = classes.log_mean_exp(1) + (count as f64).ln();
                Self { logits: z.reshape(&[z.len(), 1]), classes: Some(classes), hidden }
            }
        }
    }

    /// Judged beside classes `[B, classes]` too: the product of the features and a learned vector of the class is added
    /// to the logits (Miyato and Koyama 2018, equation 3).
    fn compared(self, net: &Net<'g>, classes: Var<'g>) -> Self {
        let features = self.hidden.features;
        let product = features * net.dense_without_bias("project", classes, features.dim(1));
        Self { logits: self.logits + product.sum(&[1]).reshape(&self.logits.shape()), ..self }
    }

    /// Logits of each of `rows` samples, `[rows]`. A critic that judges each time step has logits `[T * B, 1]`, of
    /// which this is the mean.
    fn by_sample(&self, rows: usize) -> Var<'g> {
        self.logits.reshape(&[self.logits.len() / rows, rows]).mean(&[0])
    }
}

/// A game between a generator and a discriminator, with all options of the settings. The generator's parameters are the
/// state group `g`, the discriminator's `d`, and the averaged generator's `ema`.
pub struct Game<'a> {
    /// The settings of the run.
    pub s: &'a Settings,
    /// The examples that the model learns from.
    pub examples: &'a Examples,
    /// How weights start.
    pub start: Start,
    /// Normalisation in generator and discriminator.
    pub norms: [Norm; 2],
    /// Number of values in a latent vector.
    pub latent: usize,
    /// The generator.
    pub generator: Generator<'a>,
    /// The discriminator.
    pub discriminator: Discriminator<'a>,
    /// Draws the inputs of the generator.
    pub prior: Prior<'a>,
    /// The generator's probabilities, if it learns by policy gradients.
    pub policy: Option<Policy<'a>>,
    /// (net, z, conditions `[B, conditions]`) -> what a generator of rows pays for values other than those given.
    pub condition_loss: Option<Policy<'a>>,
}

impl<'a> Game<'a> {
    /// The game of these networks, from the first step on.
    pub fn of(s: &'a Settings, examples: &'a Examples, nets: &'a Networks) -> Self {
        Self {
            s,
            examples,
            start: nets.start,
            norms: nets.norms,
            latent: nets.latent,
            generator: Box::new(|net, z| nets.generate(net, z)),
            discriminator: Box::new(|net, x| nets.judge(net, x)),
            prior: Box::new(|graph, rows| latent(graph, s.latent_dist, &[rows, nets.latent])),
            policy: (s.estimator == Estimator::Policy && nets.predicts() && examples.symbols())
                .then(|| -> Policy { Box::new(|net, z, x| nets.log_likelihood_of_symbols(net, z, x)) }),
            condition_loss: examples.heads().filter(|heads| heads.conditions() > 0).map(|heads| -> Policy {
                Box::new(move |net, z, given| heads.condition_loss(nets.undrawn(&net.untracked(), z), given))
            }),
        }
    }

    /// The same game with a decoder as its generator: for autoencoders, which build their own rounds.
    pub fn of_decoder(s: &'a Settings, examples: &'a Examples, nets: &'a Networks) -> Self {
        Self {
            generator: Box::new(|net, z| nets.draw(net, z)),
            discriminator: Box::new(|net, x| Judgement::of(net, nets.critic(net, x))),
            policy: None,
            condition_loss: None,
            ..Self::of(s, examples, nets)
        }
    }

    /// A GAN: every training step is a round of the game.
    ///
    /// # Errors
    /// Settings that contradict each other or the data.
    pub fn model(&self) -> Result<Model> {
        self.check()?;
        let graphs = self.sampling().into_iter().chain(self.judging()).chain(self.layers()).collect();
        Ok(Model::new(self.graph(), graphs))
    }

    /// Refuses settings that contradict each other or the data.
    pub fn check(&self) -> Result<()> {
        let s = self.s;
        augment::check(s, self.examples)?;
        if s.by_value && self.examples.heads().is_none() {
            return Err(Error::usage("`by_value` is for tables with categories"));
        }
        if s.conditional && self.examples.classes == 0 {
            return Err(Error::usage("`conditional` needs classes, and this data set has none"));
        }
        if s.projection && (!s.conditional || s.pack > 1 || self.examples.shape.len() == 2) {
            return Err(Error::usage(
                "`projection` is how the discriminator of a conditional model sees classes, of images or points: it \
                 goes with conditional=true and pack=1",
            ));
        }
        if objective::penalised(s) && self.norms[1] == Norm::Batch {
            return Err(Error::usage(
                "a gradient penalty (gp, r1, r2, dragan) needs a discriminator that judges each sample alone: set \
                 norm_d=none or norm_d=layer",
            ));
        }
        if s.freeze > 0.0
            && !matches!(s.objective, Objective::NonSaturating | Objective::Lsgan | Objective::Relativistic)
        {
            return Err(Error::usage(
                "`freeze` compares losses that are never negative: it goes with the objectives non-saturating, lsgan, \
                 relativistic",
            ));
        }
        if self.examples.symbols() && s.estimator == Estimator::Policy {
            if self.policy.is_none() {
                return Err(Error::usage(
                    "`estimator=policy` rewards a generator for symbols that it drew one after the other: it goes with \
                     lstm-gan and feedback=true",
                ));
            }
            if s.dropout > 0.0 || s.word_dropout > 0.0 {
                return Err(Error::usage(
                    "`estimator=policy` needs the probabilities of what was drawn, which dropout and word_dropout \
                     would change: set both to 0",
                ));
            }
        }
        if self.policy.is_some() && (s.matching != Matching::Off || s.pack > 1) {
            return Err(Error::usage(
                "`estimator=policy` follows the critic's logits of each sample: it goes with matching=false and pack=1",
            ));
        }
        if s.labelled > 0 {
            if self.examples.classes == 0 || s.stack > 1 {
                return Err(Error::usage("`labelled` needs examples with classes, and this data set has none"));
            }
            if s.conditional || s.pack > 1 || self.given().is_some() {
                return Err(Error::usage(
                    "`labelled` needs a discriminator that looks at each sample alone, and at no class: leave out \
                     conditional, pack and by_value",
                ));
            }
        }
        if s.spectral && (s.weight_norm || s.ema_d > 0.0) {
            return Err(Error::usage(
                "`spectral` sets the length of weights as they are now: it does not go with weight_norm and ema_d",
            ));
        }
        if s.smooth > 0.0 && !matches!(s.objective, Objective::Minimax | Objective::NonSaturating | Objective::Lsgan) {
            return Err(Error::usage(
                "`smooth` goes with the objectives that have targets: minimax, non-saturating, lsgan",
            ));
        }
        Ok(())
    }

    /// The choices and scalars of a table, if its rows go with conditions.
    fn given(&self) -> Option<Heads> {
        self.examples.heads().filter(|heads| heads.conditions() > 0)
    }

    /// The graphs that draw samples from the generator: [`SAMPLE`], and [`CALIBRATE`] where its averaged weights need
    /// it.
    pub fn sampling(&self) -> Vec<(&'static str, Graph)> {
        let s = self.s;
        let sample = Graph::build(|graph| {
            let net = Net::new(graph, sampled(s), self.start, Mode::Eval);
            let rows = sample_rows(s, self.examples);
            let z = graph.input("z", &[rows, self.latent]);
            let z = if s.codes > 0 { fitted::drawn(graph, z, s.codes) } else { z };
            let classes = s.conditional.then(|| graph.input("classes", &[rows, self.examples.classes]));
            let given = self.given().map(|heads| heads.drawn_condition(graph, rows));
            let samples = (self.generator)(&net, classes.or(given).map_or(z, |classes| z.concat(classes, 1)));
            graph.output("samples", self.examples.given(samples));
        });
        let mut graphs = vec![(SAMPLE, sample)];
        if s.ema > 0.0 && self.norms[0] == Norm::Batch {
            let calibrate = Graph::build(|graph| {
                let net = Net::new(graph, sampled(s), self.start, Mode::Calibrate);
                let (z, _) = self.latent_vectors(graph, graph.draw());
                (self.generator)(&net, z);
                graph.commit();
            });
            graphs.push((CALIBRATE, calibrate));
        }
        graphs
    }

    /// Whether the discriminator looks at each sample alone, and at nothing beside it.
    fn judges_alone(&self) -> bool {
        !self.s.conditional && self.s.pack == 1 && self.given().is_none()
    }

    /// The network of a discriminator with the options of the settings.
    fn with_options<'g>(&self, mut net: Net<'g>) -> Net<'g> {
        let s = self.s;
        (net.spectral, net.weight_norm, net.noise) = (s.spectral, s.weight_norm, s.noise_d.into());
        net.classes = if s.labelled > 0 { self.examples.classes } else { 0 };
        net
    }

    /// The discriminator's judgement of examples as they lie in memory.
    fn judgement<'g>(&self, net: &Net<'g>, x: Var<'g>) -> Judgement<'g> {
        (self.discriminator)(&self.with_options(net.clone()), self.examples.seen(self.examples.read(x)))
    }

    /// The graph [`JUDGE`], for batches as those of the training; none if the discriminator looks at classes or at
    /// several samples together.
    pub fn judging(&self) -> Option<(&'static str, Graph)> {
        let rows = self.s.batch;
        self.judges_alone().then(|| {
            let graph = Graph::build(|graph| {
                let dis = Net::new(graph, "d", self.start, Mode::Train);
                let judgement = self.judgement(&dis, graph.input("x", &self.examples.values(rows)));
                graph.output("logits", judgement.by_sample(rows));
                graph.commit();
            });
            (JUDGE, graph)
        })
    }

    /// The discriminator's hidden layers, `logits` and logits of `classes` by name, for examples as they lie in memory;
    /// none where [`Game::judging`] has none.
    pub fn judged<'g>(&self, net: &Net<'g>, x: Var<'g>) -> Vec<(&'static str, Var<'g>)> {
        if !self.judges_alone() {
            return vec![];
        }
        let (judgement, rows) = (self.judgement(net, x), x.dim(0));
        let logits = [("logits", judgement.by_sample(rows))];
        let classes = judgement.classes.map(|classes| ("classes", classes));
        judgement.hidden.layers(rows).into_iter().chain(logits).chain(classes).collect()
    }

    /// The graphs of the discriminator's hidden layers.
    pub fn layers(&self) -> Vec<(&'static str, Graph)> {
        let name = if self.s.ema_d > 0.0 { AVERAGED } else { "d" };
        hidden(self.s, self.examples, (name, self.start), |net, x| self.judged(net, x))
    }

    /// A new graph with one round of the game.
    pub fn graph(&self) -> Graph {
        Graph::build(|graph| self.play(&Round { graph, s: self.s, examples: self.examples }))
    }

    /// Critic steps, then one generator step against the newest critic with the last critic step's latent vectors.
    fn play(&self, round: &Round) {
        let (g, s) = (round.graph, self.s);
        let dis = self.with_options(Net::new(g, "d", self.start, Mode::Train));
        let gen_tracking = Net::new(g, "g", self.start, Mode::Track);
        let gen_plain = Net::new(g, "g", self.start, Mode::Train);
        let [d_learns, g_learns] = self.learners(g);
        for step in 0..s.critic_steps {
            let last = step + 1 == s.critic_steps;
            let draw = g.draw();
            let real = self.examples.seen(round.batch_of(draw));
            let (z, classes) = self.latent_vectors(g, draw);
            let fake = (self.generator)(if last { &gen_tracking } else { &gen_plain }, z);
            self.train_discriminator(round, &dis, [real, fake.detach()], classes, d_learns);
            if last {
                self.train_generator(round, [&gen_tracking, &dis], [real, fake], z, classes, g_learns);
            }
        }
        round.average(&gen_tracking);
        if s.ema_d > 0.0 {
            round.moving_average(AVERAGED, &dis, s.ema_d);
        }
        g.commit();
    }

    /// The cost of the classes of labelled examples, if the discriminator learns to tell them (Salimans et al. 2016,
    /// section 5).
    fn cost_of_classes<'g>(&self, round: &Round<'_, 'g>, dis: &Net<'g>) -> Option<Var<'g>> {
        let (g, s) = (round.graph, self.s);
        let draw = (s.labelled > 0).then(|| g.draw_among(Some(s.labelled)))?;
        let x = self.blurred(round, self.examples.seen(round.batch_of(draw)));
        let wanted = g.batch(draw, Field::OneHot, &[s.batch, self.examples.classes]);
        Some(round.cost_of_classes(self.judge(dis, x, None).classes?, wanted))
    }

    /// Latent vectors `[B, latent (+ classes)]`, which end with the one-hot classes of a draw in a conditional model;
    /// and these classes `[B, classes]`.
    fn latent_vectors<'g>(&self, g: &'g Graph, draw: Draw) -> (Var<'g>, Option<Var<'g>>) {
        let (s, z) = (self.s, (self.prior)(g, self.s.batch));
        let classes = match self.given() {
            Some(heads) => Some(heads.condition(g.batch(draw, Field::Items, &self.examples.values(s.batch)))),
            None => s.conditional.then(|| g.batch(draw, Field::OneHot, &[s.batch, self.examples.classes])),
        };
        (classes.map_or(z, |c| z.concat(c, 1)), classes)
    }

    fn train_discriminator<'g>(
        &self,
        round: &Round<'_, 'g>,
        dis: &Net<'g>,
        samples: [Var<'g>; 2],
        classes: Option<Var<'g>>,
        learns: Option<Var<'g>>,
    ) {
        let (g, s) = (round.graph, self.s);
        let blurred = samples.map(|x| self.blurred(round, x));
        // In the code of Xu et al. a condition is a part of its row, for the penalty too.
        let ([real, fake], classes) = match (classes, self.given()) {
            (Some(given), Some(_)) => (blurred.map(|x| x.concat(given, 1)), None),
            _ => (blurred, classes),
        };
        let judge = |x| self.judge(dis, x, classes).logits;
        let judge_plainly = |x| self.judge_as_it_is(dis, x, classes).logits;
        // A penalty needs a separate gradient for each batch.
        let logits = if objective::penalised(s) {
            [real, fake].map(judge)
        } else {
            self.judge_together(dis, [real, fake], classes)
        };
        let [on_real, on_fake] = logits;
        let loss = objective::critic_loss(s, judge, [real, fake], logits);
        let loss = round.regularised(loss, judge_plainly, [real, fake], logits);
        round.metric("d_loss", loss);
        let probability = |logits: Var<'g>| logits.sigmoid().mean_all();
        round.metric("d_real", probability(on_real));
        round.metric("d_fake", probability(on_fake));
        round.judged_right(logits);
        let mut descent = round.descent_d();
        if s.critic_threshold > 0.0 {
            descent = descent.when((loss.whole() - f64::from(s.critic_threshold)).is_positive());
        }
        if let Some(learns) = learns {
            descent = descent.when(learns);
            g.assign(last_losses(g)[0], loss.whole().reshape(&[1]));
        }
        let loss = self.cost_of_classes(round, dis).map_or(loss, |cost| cost + loss * 0.5);
        round.descend(dis, loss, descent);
        if s.clip > 0.0 {
            g.assign(g.flat(dis.params), g.flat(dis.params).clamp(f64::from(s.clip)));
            g.commit();
        }
    }

    fn train_generator<'g>(
        &self,
        round: &Round<'_, 'g>,
        [net, dis]: [&Net<'g>; 2],
        [real, fake]: [Var<'g>; 2],
        z: Var<'g>,
        classes: Option<Var<'g>>,
        learns: Option<Var<'g>>,
    ) {
        let (g, s) = (round.graph, self.s);
        let judge = |x| self.judge(dis, self.blurred(round, x), classes);
        let by_objective = || objective::g_loss(s.objective, || judge(real).logits, judge(fake).logits);
        let loss = match (s.matching, &self.policy) {
            (Matching::Off, Some(log_p)) => policy::loss(round, log_p(net, z, greatest(fake)), judge(fake).logits),
            (Matching::Off, None) => by_objective(),
            (Matching::Means, _) => {
                objective::feature_distance(judge(real).hidden.features, judge(fake).hidden.features)
            }
            (Matching::Pairs, _) => {
                objective::paired_feature_distance(judge(real).hidden.features, judge(fake).hidden.features)
            }
        };
        round.metric("g_loss", loss);
        let loss = match (&self.condition_loss, classes) {
            (Some(condition_loss), Some(given)) => {
                let cost = condition_loss(net, z, given);
                round.metric("condition", cost);
                loss + cost
            }
            _ => loss,
        };
        let loss = if s.moments > 0.0 {
            let distance = objective::moment_distance(real, fake);
            round.metric("moments", distance);
            loss + distance * f64::from(s.moments)
        } else {
            loss
        };
        let mut descent = round.descent_g();
        if let Some(learns) = learns {
            descent = descent.when(learns);
            g.assign(last_losses(g)[1], by_objective().whole().reshape(&[1]));
        }
        round.descend(net, loss, descent);
    }

    /// 1 for a network that learns in this round, else 0: discriminator, generator. With `freeze`, the network that is
    /// far ahead waits (Mogren 2016, section 4).
    fn learners<'g>(&self, g: &'g Graph) -> [Option<Var<'g>>; 2] {
        if self.s.freeze == 0.0 {
            return [None; 2];
        }
        let ([d_loss, g_loss], share) = (last_losses(g).map(|loss| loss.reshape(&[])), f64::from(self.s.freeze));
        [Some((d_loss - g_loss * share).is_positive()), Some((g_loss - d_loss * share).is_positive())]
    }

    /// Samples with instance noise, which falls to 0 over the run (Sønderby et al. 2017, section 3).
    fn blurred<'g>(&self, round: &Round<'_, 'g>, x: Var<'g>) -> Var<'g> {
        if self.s.noise == 0.0 {
            return x;
        }
        x + round.graph.random(Dist::Normal, &x.shape()) * (round.remaining() * f64::from(self.s.noise))
    }

    /// Judges samples `[B, ..]`, images with the changes of `augment`.
    fn judge<'g>(&self, dis: &Net<'g>, x: Var<'g>, classes: Option<Var<'g>>) -> Judgement<'g> {
        self.judge_as_it_is(dis, augment::augmented(self.s, x, dis.blocks(x)), classes)
    }

    /// Judges samples `[B, ..]`, with their classes as additional channels, in groups of `pack`.
    fn judge_as_it_is<'g>(&self, dis: &Net<'g>, x: Var<'g>, classes: Option<Var<'g>>) -> Judgement<'g> {
        if let Some(classes) = classes.filter(|_| self.s.projection) {
            return (self.discriminator)(dis, x).compared(dis, classes);
        }
        let mut x = x;
        if let Some(classes) = classes {
            let mut shape = x.shape();
            shape[1] = classes.dim(1);
            x = x.concat(classes.broadcast(&shape, &(2..shape.len()).collect::<Vec<_>>()), 1);
        }
        (self.discriminator)(dis, objective::packed(x, self.s.pack))
    }

    /// The logits of two batches in one pass, equal to those of two passes: half the launches, with twice the work in
    /// each.
    fn judge_together<'g>(&self, dis: &Net<'g>, [a, b]: [Var<'g>; 2], classes: Option<Var<'g>>) -> [Var<'g>; 2] {
        let logits = self.judge(&dis.of_batches(2), a.concat(b, 0), classes.map(|c| c.concat(c, 0))).logits;
        // A critic that judges each time step has logits [T * 2 B, 1].
        let (rows, half) = (logits.len(), a.dim(0) / self.s.pack);
        let by_step = logits.reshape(&[rows / (2 * half), 2 * half]);
        [0, half].map(|from| by_step.slice(&[0, from], &[rows / (2 * half), half]).reshape(&[rows / 2, 1]))
    }
}

/// The states with the losses of discriminator and generator in the last round, each `[1]`, for the setting `freeze`;
/// their initial value lets both learn.
fn last_losses(g: &Graph) -> [Var<'_>; 2] {
    ["d", "g"].map(|net| g.state(g.group("last_loss"), net, &[1], Init::Const(10.0)))
}
