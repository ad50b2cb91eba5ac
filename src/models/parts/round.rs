//! The graph of one training step and its common parts: batches, scheduled learning rates, updates, the averaged
//! generator.

use super::{augment, distribution::Distribution};
use crate::{
    grad::grad,
    graph::{self, Dist, Draw, Field, Graph, Group, Init, Real, Var},
    models::{Examples, greatest},
    nn::{Mode, Net, Start, latent},
    objective,
    settings::{Augment, GEOMETRIC, Optimizer, Schedule, Settings},
};

/// State groups of generator (or decoder) and discriminator.
const PLAYERS: [&str; 2] = ["g", "d"];
/// Every adapter can bind this many elements: larger gradients have no recorded norm.
const BINDABLE: usize = (128 << 20) / 4;
/// Decay per round of the means of the LeCam regulariser, as in its authors' code.
const LECAM_DECAY: f64 = 0.99;
/// Greatest square of a norm that is recorded.
const GREATEST: f64 = 1e30;

/// The graph of one training step under construction, with the run's settings and examples.
#[derive(Clone, Copy)]
pub struct Round<'a, 'g> {
    /// The graph.
    pub graph: &'g Graph,
    /// The settings of the run.
    pub s: &'a Settings,
    /// The examples that the model learns from.
    pub examples: &'a Examples,
}

/// How a network learns in a round: its update rule, and its rate in this training step.
#[derive(Clone, Copy)]
pub struct Descent<'g> {
    optimizer: graph::Optimizer,
    rate: Var<'g>,
}

impl<'g> Descent<'g> {
    /// With another rate.
    pub fn at(self, rate: Var<'g>) -> Self {
        Self { rate, ..self }
    }

    /// The network learns where `learns` is 1, and waits where it is 0.
    pub fn when(self, learns: Var<'g>) -> Self {
        Self { rate: self.rate * learns, ..self }
    }
}

impl<'g> Round<'_, 'g> {
    /// Networks with the parameters of these state groups.
    pub fn nets<const N: usize>(&self, names: [&str; N], start: Start, mode: Mode) -> [Net<'g>; N] {
        names.map(|name| Net::new(self.graph, name, start, mode))
    }

    /// The values of a fresh batch of examples.
    pub fn batch(&self) -> Var<'g> {
        self.batch_of(self.graph.draw())
    }

    /// The batch of examples of a draw, as encoders read them. Keys of rolls lie in memory as pixels do, -1 and 1, and
    /// are 0 and 1 here.
    pub fn batch_of(&self, draw: Draw) -> Var<'g> {
        let x = self.graph.batch(draw, Field::Items, &self.examples.values(self.s.batch));
        if self.examples.roll() { (x + 1.0) * 0.5 } else { self.examples.read(x) }
    }

    /// The next windows of a text, `[B, T]`, each after the one of the step before; and `[B]`, 1 at the start of the
    /// text's B lanes.
    pub fn batch_in_order(&self) -> (Var<'g>, Var<'g>) {
        let (draw, shape) = (self.graph.draw(), self.examples.values(self.s.batch));
        (self.graph.batch(draw, Field::InOrder, &shape), self.graph.batch(draw, Field::Begins, &shape[..1]))
    }

    /// A fresh batch; if `binarize` is set, pixels are drawn black or white (Salakhutdinov and Murray 2008).
    pub fn binarized_batch(&self) -> Var<'g> {
        let x = self.batch();
        if !self.s.binarize {
            return x;
        }
        ((x + 1.0) * 0.5 - self.graph.random(Dist::Uniform, &x.shape())).is_positive() * 2.0 - 1.0
    }

    /// Latent vectors `[B, len]` from the distribution `latent_dist`.
    pub fn latent(&self, len: usize) -> Var<'g> {
        latent(self.graph, self.s.latent_dist, &[self.s.batch, len])
    }

    /// Records the scalar `value` of this step under `name`: its mean over the parts of the batch.
    pub fn metric(&self, name: &str, value: Var<'g>) {
        self.graph.metric(name, value.whole());
    }

    /// Records the scalar `value` of some steps ([`Graph::seldom_metric`]): its mean over the parts of the batch.
    fn seldom_metric(&self, name: &str, value: Var<'g>) {
        self.graph.seldom_metric(name, value.whole());
    }

    /// Records the shares of real and of generated samples that the discriminator judges right, by its logits.
    pub fn judged_right(&self, logits: [Var<'g>; 2]) {
        let shares = objective::shares_judged_right(self.s.objective, logits);
        for (name, share) in ["d_acc_real", "d_acc_fake"].into_iter().zip(shares) {
            self.seldom_metric(name, share);
        }
    }

    /// The discriminator's loss with the terms of few images: `lecam`, `cr`; and moves the probability of adaptive
    /// augmentation. `judge` gives the logits of samples as they are.
    pub fn regularised(
        &self,
        loss: Var<'g>,
        judge: impl Fn(Var<'g>) -> Var<'g>,
        samples: [Var<'g>; 2],
        logits: [Var<'g>; 2],
    ) -> Var<'g> {
        augment::adapt(self, logits);
        let lecam = (self.s.lecam > 0.0).then(|| self.lecam(logits) * f64::from(self.s.lecam));
        let terms = [lecam, augment::inconsistency(self.s, judge, samples, logits)];
        terms.into_iter().flatten().fold(loss, |loss, term| loss + term)
    }

    /// Whether [`Round::regularised`] has anything to do.
    pub fn is_regularised(&self) -> bool {
        self.s.lecam > 0.0 || self.s.compares_changed() || self.s.augment == Augment::Adaptive
    }

    /// The LeCam regulariser with running means that this round moves first. They start from nothing, and are divided
    /// by their weight so far, the running mean of 1.
    fn lecam(&self, logits: [Var<'g>; 2]) -> Var<'g> {
        let g = self.graph;
        let newest = logits.map(|logits| logits.detach().mean_all().whole());
        let moved = |name: &str, newest: Var<'g>| {
            let mean = g.state(g.group("lecam"), name, &[1], Init::Const(0.0));
            let moved = mean + (newest.reshape(&[1]) - mean) * (1.0 - LECAM_DECAY);
            g.assign(mean, moved);
            moved.reshape(&[])
        };
        let weight = moved("weight", g.scalar(1.0)).recip();
        let [real, fake] = newest;
        objective::lecam(logits, [moved("real", real) * weight, moved("fake", fake) * weight])
    }

    /// The mean cross-entropy of logits of classes `[B, K]`, given these one-hot; it is recorded, and the share of the
    /// examples whose class is the likeliest one.
    pub fn cost_of_classes(&self, logits: Var<'g>, wanted: Var<'g>) -> Var<'g> {
        let cost = logits.cross_entropy(wanted).mean_all();
        self.metric("class_loss", cost);
        self.metric("class_acc", 1.0 - (greatest(logits) - greatest(wanted)).abs().is_positive().mean_all());
        cost
    }

    /// Records the mean negative log-likelihood of a step of sequences x, for log p `[B]` of each.
    pub fn nats_per_step(&self, p: &Distribution, log_p: Var<'g>, x: Var<'g>) {
        let nats = match p.counted(x) {
            Some(counted) => -log_p.sum_all().whole() * counted.sum_all().whole().recip(),
            None => log_p.mean_all() * (-1.0 / x.dim(1) as f64),
        };
        self.metric("nats_per_step", nats);
    }

    /// 1 at the start of the run, 0 at its end.
    pub fn remaining(&self) -> Var<'g> {
        (1.0 - self.graph.clock() * (1.0 / self.s.steps as f64)).relu()
    }

    /// The value of `rate` at this step of the run, by the schedule.
    pub fn rate(&self, rate: f32) -> Var<'g> {
        self.scheduled(rate, self.remaining())
    }

    /// The value of `rate` by the schedule, where `remaining` falls from 1 to 0: [`Schedule::share`] as a graph.
    pub fn scheduled(&self, rate: f32, remaining: Var<'g>) -> Var<'g> {
        match self.s.schedule {
            Schedule::Constant => self.graph.scalar(rate.into()),
            Schedule::Linear => remaining * f64::from(rate),
            Schedule::Cosine => (1.0 - (remaining * std::f64::consts::PI).cos()) * (0.5 * f64::from(rate)),
            Schedule::Geometric => ((remaining - 1.0) * GEOMETRIC.ln()).exp() * f64::from(rate),
        }
    }

    /// How generators, encoders and decoders learn: by `optimizer`, at the rate `lr_g`.
    pub fn descent_g(&self) -> Descent<'g> {
        let s = self.s;
        self.descent(s.optimizer, [s.beta1, s.beta2, s.momentum, s.weight_decay], s.lr_g)
    }

    /// The same while likelihood or its bound is all that they learn by: at the rate `lr_pretrain`, if it is set.
    pub fn descent_by_likelihood(&self) -> Descent<'g> {
        self.descent_g().at(self.rate(self.s.lr_pretrain.unwrap_or(self.s.lr_g)))
    }

    /// How discriminators learn: by `optimizer_d`, at the rate `lr_d`.
    pub fn descent_d(&self) -> Descent<'g> {
        let s = self.s;
        let numbers = [
            s.beta1_d.unwrap_or(s.beta1),
            s.beta2_d.unwrap_or(s.beta2),
            s.momentum_d.unwrap_or(s.momentum),
            s.weight_decay_d.unwrap_or(s.weight_decay),
        ];
        self.descent(s.optimizer_d.unwrap_or(s.optimizer), numbers, s.lr_d)
    }

    fn descent(&self, optimizer: Optimizer, numbers: [f32; 4], rate: f32) -> Descent<'g> {
        let [beta1, beta2, momentum, weight_decay] = numbers.map(|x| Real::new(x.into()));
        let eps = Real::new(1e-8);
        let optimizer = match optimizer {
            Optimizer::Adam => graph::Optimizer::Adam { beta1, beta2, eps, decay: Real::new(0.0) },
            Optimizer::Adamw => graph::Optimizer::Adam { beta1, beta2, eps, decay: weight_decay },
            Optimizer::Sgd => graph::Optimizer::Sgd { momentum },
            Optimizer::Rmsprop => graph::Optimizer::RmsProp { decay: beta2, eps },
        };
        Descent { optimizer, rate: self.rate(rate) }
    }

    /// One update of a network by the gradient of a loss.
    pub fn descend(&self, net: &Net<'g>, loss: Var<'g>, descent: Descent<'g>) {
        self.descend_together(&[(net, loss, descent)]);
    }

    /// One update of several networks, all by gradients at their current parameters.
    pub fn descend_together(&self, steps: &[(&Net<'g>, Var<'g>, Descent<'g>)]) {
        let gradients: Vec<Var> = steps.iter().map(|(net, loss, _)| self.gradient(net, *loss)).collect();
        for ((net, _, Descent { optimizer, rate }), gradient) in steps.iter().zip(gradients) {
            self.graph.update(net.params, *optimizer, gradient, *rate);
        }
        if let Some(heads) = self.examples.heads() {
            steps.iter().for_each(|(net, ..)| heads.keep(net));
        }
    }

    /// Lets Adam start anew for these networks, which learn as generators do, in the training step after `step` steps.
    /// Other update rules go on with their moments.
    pub fn start_anew(&self, nets: &[&Net<'g>], step: u64) {
        let g = self.graph;
        if !matches!(self.descent_g().optimizer, graph::Optimizer::Adam { .. }) {
            return;
        }
        let elsewhere = (g.clock() - step as f64).abs().is_positive().reshape(&[1]);
        for net in nets {
            g.assign(g.update_count(net.params), g.update_count(net.params) * elsewhere);
        }
        g.commit();
    }

    /// The gradient of a loss with respect to all parameters of a network, flat; `grad_clip` limits its norm. The norm
    /// before that is recorded for [`PLAYERS`].
    fn gradient(&self, net: &Net<'g>, loss: Var<'g>) -> Var<'g> {
        let (g, s) = (self.graph, self.s);
        let Group { name, items, .. } = &g.groups()[net.params];
        let mut gradients = grad(loss, &net.parameters());
        if name == "d" && s.freeze_d > 0 {
            let frozen = items.iter().zip(&mut gradients).filter(|(item, _)| is_among_first(&item.name, s.freeze_d));
            // Adam, whose moments start at 0, leaves these parameters where they are.
            frozen.for_each(|(item, gradient)| *gradient = g.full(0.0, &item.shape));
        }
        let flat = g.pack(net.params, &gradients).whole();
        let flat = if s.decay > 0.0 { flat + g.flat(net.params) * f64::from(s.decay) } else { flat };
        let squares = flat.square().sum_all();
        if PLAYERS.contains(&name.as_str()) && flat.len() <= BINDABLE {
            // The squares of the largest numbers have no sum in f32, and Adam goes on with such gradients.
            self.seldom_metric(&format!("grad_{name}"), squares.clamp(GREATEST).sqrt());
        }
        if s.grad_clip == 0.0 {
            return flat;
        }
        // c / max(norm, c), with max(a, c) = c + relu(a - c).
        let (norm, c) = ((squares + 1e-12).sqrt(), f64::from(s.grad_clip));
        flat * (((norm - c).relu() + c).recip() * c)
    }

    /// Moves the averaged network, the group `ema`, if the setting `ema` is above 0.
    pub fn average(&self, net: &Net<'g>) {
        if self.s.ema > 0.0 {
            self.moving_average("ema", net, self.s.ema);
        }
    }

    /// Moves the group `name` towards the parameters of a network, as their average with a decay that starts low:
    /// min(decay, (1 + t) / (10 + t)).
    pub fn moving_average(&self, name: &str, net: &Net<'g>, decay: f32) {
        let g = self.graph;
        let ema = g.group(name);
        for item in &g.groups()[net.params].items {
            g.state(ema, &item.name, &item.shape, item.init);
        }
        let ramp = (g.clock() + 1.0) * (g.clock() + 10.0).recip();
        let limit = f64::from(decay);
        let decay = limit - (limit - ramp).relu();
        let (old, new) = (g.flat(ema), g.flat(net.params));
        g.assign(old, new + (old - new) * decay);
    }
}

/// Whether a parameter such as `down0.weight` or `down0_conv1.weight` belongs to the first `count` layers, which are
/// numbered from 0 on.
fn is_among_first(parameter: &str, count: usize) -> bool {
    let layer = parameter.split(['.', '_']).next().unwrap_or_default();
    let number = layer.trim_start_matches(|c: char| !c.is_ascii_digit());
    number.parse::<usize>().is_ok_and(|number| number < count)
}
