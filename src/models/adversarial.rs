//! What every pair of generator and discriminator shares: the round, its options and the sampling graph.

use super::{CALIBRATE, Examples, Model, SAMPLE, sample_rows, training::Training};
use crate::{
    error::{Error, Result},
    graph::{Dist, Field, Graph, Var},
    nn::{Mode, Net, Start, latent},
    objective,
    settings::{Norm, Objective, Settings},
};

/// (net, settings, z `[B, latent (+ classes)]`, example shape) -> samples.
pub type Generator = for<'g> fn(&Net<'g>, &Settings, Var<'g>, &[usize]) -> Var<'g>;
/// (net, settings, samples) -> what the network thinks of them.
pub type Discriminator = for<'g> fn(&Net<'g>, &Settings, Var<'g>) -> Judgement<'g>;
/// (graph, rows) -> what the generator starts from, `[rows, latent]`.
pub type Prior<'a> = &'a dyn for<'g> Fn(&'g Graph, usize) -> Var<'g>;

/// What a discriminator thinks of samples.
#[derive(Clone, Copy)]
pub struct Judgement<'g> {
    /// Features `[B, F]`.
    pub features: Var<'g>,
    /// Logits `[B, 1]`, of the features: the higher, the more real.
    pub logits: Var<'g>,
}

impl<'g> Judgement<'g> {
    /// The judgement of features `[B, F]`, by the layer `out` of the network.
    pub fn of(net: &Net<'g>, features: Var<'g>) -> Self {
        Self { features, logits: net.dense("out", features, 1) }
    }
}

/// A GAN of these two networks with all options of the settings.
///
/// # Errors
/// Settings that contradict each other or the data.
pub fn model(
    s: &Settings,
    examples: &Examples,
    start: Start,
    generator: Generator,
    discriminator: Discriminator,
) -> Result<Model> {
    check(s, examples)?;
    let graphs = sampling(s, examples, start, generator);
    Ok(Model::new(round(s, examples, start, (generator, discriminator), &noise(s), 0), graphs))
}

/// One round of a game that starts at the step `from`: critic steps, then a generator step.
pub fn round(
    s: &Settings,
    examples: &Examples,
    start: Start,
    (generator, discriminator): (Generator, Discriminator),
    prior: Prior,
    from: u64,
) -> Graph {
    let graph = Graph::new();
    Round { graph: &graph, s, examples, start, generator, discriminator, prior, from }.build();
    graph
}

/// The latent vectors that the settings ask for.
fn noise(s: &Settings) -> impl for<'g> Fn(&'g Graph, usize) -> Var<'g> {
    |graph, rows| latent(graph, s.latent_dist, &[rows, s.latent])
}

/// The graphs that draw samples from a generator: [`SAMPLE`], and [`CALIBRATE`] where its averaged weights need it.
pub fn sampling(s: &Settings, examples: &Examples, start: Start, generator: Generator) -> Vec<(&'static str, Graph)> {
    let sample = Graph::new();
    {
        let net = Net::new(&sample, sampled(s), start, Mode::Eval);
        let rows = sample_rows(s, examples);
        let z = sample.input("z", &[rows, s.latent]);
        let z = if s.conditional { z.concat(sample.input("classes", &[rows, examples.classes]), 1) } else { z };
        sample.output("samples", generator(&net, s, z, &examples.shape));
    }
    let mut graphs = vec![(SAMPLE, sample)];
    if s.ema > 0.0 && s.norm_g == Norm::Batch {
        let calibrate = Graph::new();
        {
            let net = Net::new(&calibrate, sampled(s), start, Mode::Calibrate);
            let (z, _) = conditioned(&calibrate, s, examples, calibrate.draw(), &noise(s));
            generator(&net, s, z, &examples.shape);
            calibrate.commit();
        }
        graphs.push((CALIBRATE, calibrate));
    }
    graphs
}

/// The weights that samples are drawn with.
pub fn sampled(s: &Settings) -> &'static str {
    if s.ema > 0.0 { "ema" } else { "g" }
}

/// Refuses settings that contradict each other or the data.
pub fn check(s: &Settings, examples: &Examples) -> Result<()> {
    if s.conditional && examples.classes == 0 {
        return Err(Error::usage("`conditional` needs classes, and this data set has none"));
    }
    if penalised(s) && s.norm_d == Norm::Batch {
        return Err(Error::usage(
            "a gradient penalty (gp, r1, r2) needs a discriminator that judges each sample alone: set norm_d=none or norm_d=layer",
        ));
    }
    if s.smooth > 0.0 && !matches!(s.objective, Objective::Minimax | Objective::NonSaturating | Objective::Lsgan) {
        return Err(Error::usage(
            "`smooth` goes with the objectives that have targets: minimax, non-saturating, lsgan",
        ));
    }
    Ok(())
}

/// Latent vectors, with the classes of a draw behind them in a conditional model.
fn conditioned<'g>(
    g: &'g Graph,
    s: &Settings,
    examples: &Examples,
    draw: u32,
    prior: Prior,
) -> (Var<'g>, Option<Var<'g>>) {
    let z = prior(g, s.batch);
    let classes = s.conditional.then(|| g.batch(draw, Field::OneHot, &[s.batch, examples.classes]));
    (classes.map_or(z, |c| z.concat(c, 1)), classes)
}

/// Whether the settings ask for a penalty on the critic's gradient.
fn penalised(s: &Settings) -> bool {
    s.gp > 0.0 || s.r1 > 0.0 || s.r2 > 0.0
}

/// The critic's loss on logits of real and generated samples, with its penalties.
pub fn critic_loss<'g>(
    s: &Settings,
    judge: impl Fn(Var<'g>) -> Var<'g>,
    [real, fake]: [Var<'g>; 2],
    [on_real, on_fake]: [Var<'g>; 2],
) -> Var<'g> {
    let mut loss = objective::d_loss(s.objective, on_real, on_fake, s.smooth.into());
    if s.r1 > 0.0 {
        loss = loss + objective::zero_centred(on_real, real, s.pack) * f64::from(s.r1);
    }
    if s.r2 > 0.0 {
        loss = loss + objective::zero_centred(on_fake, fake, s.pack) * f64::from(s.r2);
    }
    if s.gp > 0.0 {
        loss = loss + objective::one_centred(judge, [real, fake], s.pack) * f64::from(s.gp);
    }
    loss
}

struct Round<'a, 'g> {
    graph: &'g Graph,
    s: &'a Settings,
    examples: &'a Examples,
    start: Start,
    generator: Generator,
    discriminator: Discriminator,
    prior: Prior<'a>,
    from: u64,
}

impl<'g> Round<'_, 'g> {
    fn training(&self) -> Training<'_, 'g> {
        Training { graph: self.graph, s: self.s }
    }

    /// Critic steps, then one generator step against the newest critic with the last critic step's latent vectors.
    fn build(&self) {
        let (g, s) = (self.graph, self.s);
        let mut dis = Net::new(g, "d", self.start, Mode::Train);
        dis.spectral = s.spectral;
        let gen_tracking = Net::new(g, "g", self.start, Mode::Track);
        let gen_plain = Net::new(g, "g", self.start, Mode::Train);
        for step in 0..s.critic_steps {
            let last = step + 1 == s.critic_steps;
            let draw = g.draw();
            let real = g.batch(draw, Field::Items, &[vec![s.batch], self.examples.shape.clone()].concat());
            let (z, classes) = conditioned(g, s, self.examples, draw, self.prior);
            let fake = (self.generator)(if last { &gen_tracking } else { &gen_plain }, s, z, &self.examples.shape);
            self.train_discriminator(&dis, real, fake.detach(), classes, last);
            if last {
                self.train_generator(&gen_tracking, &dis, real, fake, classes);
            }
        }
        self.training().average(&gen_tracking);
        g.commit();
    }

    fn train_discriminator(&self, dis: &Net<'g>, real: Var<'g>, fake: Var<'g>, classes: Option<Var<'g>>, report: bool) {
        let (g, s) = (self.graph, self.s);
        let (real, fake) = (self.blurred(real), self.blurred(fake));
        let judge = |x| self.judge(dis, x, classes).logits;
        // A penalty needs the gradient of each pass alone.
        let logits =
            if penalised(s) { [real, fake].map(judge) } else { self.judge_together(dis, [real, fake], classes) };
        let [on_real, on_fake] = logits;
        let loss = critic_loss(s, judge, [real, fake], logits);
        if report {
            g.metric("d_loss", loss);
            let probability = |logits: Var<'g>| logits.sigmoid().mean_all();
            g.metric("d_real", probability(on_real));
            g.metric("d_fake", probability(on_fake));
        }
        let learns =
            if s.critic_threshold > 0.0 { (loss - f64::from(s.critic_threshold)).is_positive() } else { g.scalar(1.0) };
        self.descend(dis, loss, self.training().rate(s.lr_d) * learns);
        if s.clip > 0.0 {
            g.assign(g.flat(dis.params), g.flat(dis.params).clamp(f64::from(s.clip)));
            g.commit();
        }
    }

    fn train_generator(&self, net: &Net<'g>, dis: &Net<'g>, real: Var<'g>, fake: Var<'g>, classes: Option<Var<'g>>) {
        let s = self.s;
        let judge = |x| self.judge(dis, self.blurred(x), classes);
        let loss = match s.matching {
            true => objective::feature_distance(judge(real).features, judge(fake).features),
            false => objective::g_loss(s.objective, || judge(real).logits, judge(fake).logits),
        };
        self.graph.metric("g_loss", loss);
        let loss = if s.moments > 0.0 {
            let distance = objective::moment_distance(real, fake);
            self.graph.metric("moments", distance);
            loss + distance * f64::from(s.moments)
        } else {
            loss
        };
        self.descend(net, loss, self.training().rate(s.lr_g));
    }

    fn descend(&self, net: &Net<'g>, loss: Var<'g>, rate: Var<'g>) {
        self.training().descend_together(&[(net, loss, rate * self.training().late_start_factor(self.from))]);
    }

    /// Samples with instance noise, which falls to none over the run (Sønderby et al. 2017, section 3).
    fn blurred(&self, x: Var<'g>) -> Var<'g> {
        if self.s.noise == 0.0 {
            return x;
        }
        x + self.graph.random(Dist::Normal, &x.shape()) * (self.training().remaining() * f64::from(self.s.noise))
    }

    /// Judges samples `[B, ..]`, with their classes as further channels, and in groups of `pack`.
    fn judge(&self, dis: &Net<'g>, x: Var<'g>, classes: Option<Var<'g>>) -> Judgement<'g> {
        let mut x = x;
        if let Some(classes) = classes {
            let mut shape = x.shape();
            shape[1] = classes.dim(1);
            x = x.concat(classes.broadcast(&shape, &(2..shape.len()).collect::<Vec<_>>()), 1);
        }
        (self.discriminator)(dis, self.s, objective::packed(x, self.s.pack))
    }

    /// The logits of two batches in one pass, as if each had one: half the launches, twice the work in each.
    fn judge_together(&self, dis: &Net<'g>, [a, b]: [Var<'g>; 2], classes: Option<Var<'g>>) -> [Var<'g>; 2] {
        let logits = self.judge(&dis.of_batches(2), a.concat(b, 0), classes.map(|c| c.concat(c, 0))).logits;
        // A critic of each step has logits [T * 2 B, 1].
        let (rows, half) = (logits.len(), a.dim(0) / self.s.pack);
        let by_step = logits.reshape(&[rows / (2 * half), 2 * half]);
        [0, half].map(|from| by_step.slice(&[0, from], &[rows / (2 * half), half]).reshape(&[rows / 2, 1]))
    }
}
