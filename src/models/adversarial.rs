//! What every pair of generator and discriminator shares: the round, its options and the sampling graph.

use super::{Examples, Model, sample_rows};
use crate::{
    error::{Error, Result},
    grad::grad,
    graph::{Dist, Field, Graph, Optimizer as Rule, Real, T},
    nn::{Mode, Net, Start, latent},
    objective,
    settings::{Norm, Objective, Optimizer, Schedule, Settings},
};

/// (net, settings, z `[B, latent (+ classes)]`, example shape) -> samples.
pub type Generator = for<'g> fn(&Net<'g>, &Settings, T<'g>, &[usize]) -> T<'g>;
/// (net, settings, samples) -> logits `[B, 1]`.
pub type Discriminator = for<'g> fn(&Net<'g>, &Settings, T<'g>) -> T<'g>;

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
    let averaged = s.ema > 0.0;
    let weights = if averaged { "ema" } else { "g" };
    let sample = Graph::new();
    {
        let net = Net::new(&sample, weights, start, Mode::Eval);
        let rows = sample_rows(s, examples);
        let z = sample.input("z", &[rows, s.latent]);
        let z = if s.conditional { z.concat(sample.input("classes", &[rows, examples.classes]), 1) } else { z };
        sample.output("samples", generator(&net, s, z, &examples.shape));
    }
    let calibrate = (averaged && s.norm_g == Norm::Batch).then(|| {
        let graph = Graph::new();
        {
            let net = Net::new(&graph, weights, start, Mode::Calibrate);
            let (z, _) = conditioned_latent(&graph, s, examples, graph.draw());
            generator(&net, s, z, &examples.shape);
            graph.commit();
        }
        graph
    });
    let round = Graph::new();
    Round { graph: &round, s, examples, start, generator, discriminator }.build();
    Ok(Model { round, sample, calibrate })
}

fn check(s: &Settings, examples: &Examples) -> Result<()> {
    if s.conditional && examples.classes == 0 {
        return Err(Error::usage("`conditional` needs classes, and this data set has none"));
    }
    let penalised = s.gp > 0.0 || s.r1 > 0.0 || s.r2 > 0.0;
    if penalised && s.norm_d == Norm::Batch {
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
fn conditioned_latent<'g>(g: &'g Graph, s: &Settings, examples: &Examples, draw: u32) -> (T<'g>, Option<T<'g>>) {
    let z = latent(g, s.latent_dist, &[s.batch, s.latent]);
    let classes = s.conditional.then(|| g.batch(draw, Field::OneHot, &[s.batch, examples.classes]));
    (classes.map_or(z, |c| z.concat(c, 1)), classes)
}

struct Round<'a, 'g> {
    graph: &'g Graph,
    s: &'a Settings,
    examples: &'a Examples,
    start: Start,
    generator: Generator,
    discriminator: Discriminator,
}

impl<'g> Round<'_, 'g> {
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
            let (z, classes) = conditioned_latent(g, s, self.examples, draw);
            let fake = (self.generator)(if last { &gen_tracking } else { &gen_plain }, s, z, &self.examples.shape);
            self.train_discriminator(&dis, real, fake.detach(), classes, last);
            if last {
                self.train_generator(&gen_tracking, &dis, real, fake, classes);
            }
        }
        if s.ema > 0.0 {
            self.average(&gen_tracking);
        }
        g.commit();
    }

    fn train_discriminator(&self, dis: &Net<'g>, real: T<'g>, fake: T<'g>, classes: Option<T<'g>>, report: bool) {
        let (g, s) = (self.graph, self.s);
        let (real, fake) = (self.blurred(real), self.blurred(fake));
        let judge = |x| self.judge(dis, x, classes);
        let (on_real, on_fake) = (judge(real), judge(fake));
        let game = objective::d_loss(s.objective, on_real, on_fake, s.smooth.into());
        let mut loss = game;
        if s.r1 > 0.0 {
            loss = loss + objective::zero_centred(on_real, real) * f64::from(s.r1);
        }
        if s.r2 > 0.0 {
            loss = loss + objective::zero_centred(on_fake, fake) * f64::from(s.r2);
        }
        if s.gp > 0.0 {
            loss = loss + objective::one_centred(judge, real, fake) * f64::from(s.gp);
        }
        if report {
            g.metric("d_loss", loss);
            let probability = |logits: T<'g>| logits.sigmoid().mean_all();
            g.metric("d_real", probability(on_real));
            g.metric("d_fake", probability(on_fake));
        }
        self.descend(dis, loss, s.lr_d);
        if s.clip > 0.0 {
            g.assign(g.flat(dis.params), g.flat(dis.params).clamp(f64::from(s.clip)));
            g.commit();
        }
    }

    fn train_generator(&self, net: &Net<'g>, dis: &Net<'g>, real: T<'g>, fake: T<'g>, classes: Option<T<'g>>) {
        let s = self.s;
        let judge = |x| self.judge(dis, self.blurred(x), classes);
        let loss = objective::g_loss(s.objective, || judge(real), judge(fake));
        self.graph.metric("g_loss", loss);
        self.descend(net, loss, s.lr_g);
    }

    /// Samples with instance noise, which falls to none over the run (Sønderby et al. 2017, section 3).
    fn blurred(&self, x: T<'g>) -> T<'g> {
        if self.s.noise == 0.0 {
            return x;
        }
        x + self.graph.random(Dist::Normal, &x.shape()) * (self.remaining() * f64::from(self.s.noise))
    }

    /// Logits for samples `[B, ..]`, with their classes as further channels, and packed in groups (Lin et al. 2018).
    fn judge(&self, dis: &Net<'g>, x: T<'g>, classes: Option<T<'g>>) -> T<'g> {
        let mut x = x;
        if let Some(classes) = classes {
            let mut shape = x.shape();
            shape[1] = classes.dim(1);
            x = x.concat(classes.broadcast(&shape, &(2..shape.len()).collect::<Vec<_>>()), 1);
        }
        let mut shape = x.shape();
        (shape[0], shape[1]) = (shape[0] / self.s.pack, shape[1] * self.s.pack);
        (self.discriminator)(dis, self.s, x.reshape(&shape))
    }

    /// 1 at the start of the run, 0 at its end.
    fn remaining(&self) -> T<'g> {
        (1.0 - self.graph.clock() * (1.0 / self.s.steps as f64)).relu()
    }

    /// One update of a network by the gradient of a loss.
    fn descend(&self, net: &Net<'g>, loss: T<'g>, rate: f32) {
        let (g, s) = (self.graph, self.s);
        let gradients = grad(loss, &net.parameters());
        let mut flat = g.pack(net.params, &gradients);
        if s.grad_clip > 0.0 {
            // c / max(norm, c), with max(a, c) = c + relu(a - c).
            let (norm, c) = ((flat.square().sum_all() + 1e-12).sqrt(), f64::from(s.grad_clip));
            flat = flat * (((norm - c).relu() + c).recip() * c);
        }
        let real = |x: f32| Real::new(x.into());
        let rule = match s.optimizer {
            Optimizer::Adam => Rule::Adam { beta1: real(s.beta1), beta2: real(s.beta2), eps: Real::new(1e-8) },
            Optimizer::Sgd => Rule::Sgd { momentum: real(s.momentum) },
            Optimizer::Rmsprop => Rule::RmsProp { decay: real(s.beta2), eps: Real::new(1e-8) },
        };
        let rate = match s.schedule {
            Schedule::Constant => g.scalar(rate.into()),
            Schedule::Linear => self.remaining() * f64::from(rate),
            Schedule::Cosine => (1.0 - (self.remaining() * std::f64::consts::PI).cos()) * (0.5 * f64::from(rate)),
        };
        g.update(net.params, rule, flat, rate);
    }

    /// The averaged generator, whose decay starts low: min(ema, (1 + t) / (10 + t)).
    fn average(&self, net: &Net<'g>) {
        let g = self.graph;
        let ema = g.group("ema");
        for item in &g.groups()[net.params].items {
            g.state(ema, &item.name, &item.shape, item.init);
        }
        let ramp = (g.clock() + 1.0) * (g.clock() + 10.0).recip();
        let limit = f64::from(self.s.ema);
        let decay = limit - (limit - ramp).relu();
        let (old, new) = (g.flat(ema), g.flat(net.params));
        g.assign(old, new + (old - new) * decay);
    }
}
