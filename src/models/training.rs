//! What every variant trains with: rates that fall over the run, updates, the averaged generator.

use super::Examples;
use crate::{
    grad::grad,
    graph::{Field, Graph, Optimizer as Rule, Real, Var},
    nn::Net,
    settings::{Optimizer, Schedule, Settings},
};

/// What a geometric schedule divides a rate by in all.
const GEOMETRIC: f64 = 100.0;

/// The training that settings ask for, in the graph of one round.
pub struct Training<'a, 'g> {
    /// The round.
    pub graph: &'g Graph,
    /// The settings of the run.
    pub s: &'a Settings,
}

impl<'g> Training<'_, 'g> {
    /// A fresh batch of examples, `[B, ..example shape]`.
    pub fn batch(&self, examples: &Examples) -> Var<'g> {
        let shape = [&[self.s.batch], examples.shape.as_slice()].concat();
        self.graph.batch(self.graph.draw(), Field::Items, &shape)
    }

    /// 1 at the start of the run, 0 at its end.
    pub fn remaining(&self) -> Var<'g> {
        (1.0 - self.graph.clock() * (1.0 / self.s.steps as f64)).relu()
    }

    /// A rate at this step of the run, by the schedule.
    pub fn rate(&self, rate: f32) -> Var<'g> {
        self.scheduled(rate, self.remaining())
    }

    /// A rate by the schedule, where `remaining` falls from 1 to 0.
    pub fn scheduled(&self, rate: f32, remaining: Var<'g>) -> Var<'g> {
        match self.s.schedule {
            Schedule::Constant => self.graph.scalar(rate.into()),
            Schedule::Linear => remaining * f64::from(rate),
            Schedule::Cosine => (1.0 - (remaining * std::f64::consts::PI).cos()) * (0.5 * f64::from(rate)),
            Schedule::Geometric => ((remaining - 1.0) * GEOMETRIC.ln()).exp() * f64::from(rate),
        }
    }

    /// What a rate is multiplied by for a network that learns from the step `from` on. Adam counts its steps from the start of
    /// the run, takes the moments, which are still near 0, for settled ones, and would begin with steps many times too long.
    pub fn late_start_factor(&self, from: u64) -> Var<'g> {
        if from == 0 || self.s.optimizer != Optimizer::Adam {
            return self.graph.scalar(1.0);
        }
        // 1 - beta^t for t steps.
        let share = |beta: f32, t: Var<'g>| 1.0 - (t * f64::from(beta).ln().max(-1e4)).exp();
        let steps = self.graph.clock() + 1.0;
        let own = steps - from as f64;
        let factor = |t: Var<'g>| share(self.s.beta2, t).sqrt() * share(self.s.beta1, t).recip();
        factor(own) * factor(steps).recip()
    }

    /// One update of a network by the gradient of a loss.
    pub fn descend(&self, net: &Net<'g>, loss: Var<'g>, rate: f32) {
        self.update(net, self.gradient(net, loss), self.rate(rate));
    }

    /// One update of several networks, all by gradients at where they are now.
    pub fn descend_together(&self, steps: &[(&Net<'g>, Var<'g>, Var<'g>)]) {
        let gradients: Vec<Var> = steps.iter().map(|(net, loss, _)| self.gradient(net, *loss)).collect();
        steps.iter().zip(gradients).for_each(|((net, _, rate), gradient)| self.update(net, gradient, *rate));
    }

    /// The gradient of a loss with respect to all parameters of a network, flat, its norm limited.
    fn gradient(&self, net: &Net<'g>, loss: Var<'g>) -> Var<'g> {
        let (g, s) = (self.graph, self.s);
        let mut flat = g.pack(net.params, &grad(loss, &net.parameters()));
        if s.grad_clip > 0.0 {
            // c / max(norm, c), with max(a, c) = c + relu(a - c).
            let (norm, c) = ((flat.square().sum_all() + 1e-12).sqrt(), f64::from(s.grad_clip));
            flat = flat * (((norm - c).relu() + c).recip() * c);
        }
        flat
    }

    /// One update of a network by its flat gradient.
    fn update(&self, net: &Net<'g>, gradient: Var<'g>, rate: Var<'g>) {
        let s = self.s;
        let real = |x: f32| Real::new(x.into());
        let rule = match s.optimizer {
            Optimizer::Adam => Rule::Adam { beta1: real(s.beta1), beta2: real(s.beta2), eps: Real::new(1e-8) },
            Optimizer::Sgd => Rule::Sgd { momentum: real(s.momentum) },
            Optimizer::Rmsprop => Rule::RmsProp { decay: real(s.beta2), eps: Real::new(1e-8) },
        };
        self.graph.update(net.params, rule, gradient, rate);
    }

    /// Moves the averaged network, the group `ema`, where the settings want one.
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
