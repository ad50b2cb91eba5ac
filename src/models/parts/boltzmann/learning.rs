//! How a machine learns: its layers one after the other by contrastive divergence, then all of them by the gradient of
//! the likelihood, ⟨x_l x_{l+1}ᵀ⟩ under the data minus under the model (Salakhutdinov and Hinton 2009, sections 2 and
//! 3).

use super::{MACHINE, Machine, bernoulli, layer_name, to_units, up_weight};
use crate::{
    error::{Error, Result},
    graph::{Field, Form, Graph, Init, Optimizer, Real, Role, Var},
    models::{Examples, Phase, parts::round::Round},
    settings::Settings,
};

/// Maximum number of hidden layers.
pub const LAYERS: usize = 3;
/// Names of the pretraining phases: one row for each pair of layers, one entry for each value of `cd`.
const PRETRAINING: [[&str; 4]; LAYERS] = [
    ["rbm1", "rbm1-2", "rbm1-3", "rbm1-4"],
    ["rbm2", "rbm2-2", "rbm2-3", "rbm2-4"],
    ["rbm3", "rbm3-2", "rbm3-3", "rbm3-4"],
];
/// Name of the one round that assembles the machine from its layers and starts its chains.
const ASSEMBLY: &str = "assembly";
/// Name of the phase in which all layers learn.
const JOINT: &str = "dbm";
/// Name of the state group of the running means of all layers under the data.
const MEANS: &str = "dbm.means";

/// Weight of the newest batch in the running means.
const NEWEST: f64 = 0.02;
/// Steps over which a rate rises from a fifth to its value: the growth of 1 / (1 - momentum) from momentum 0.5 to 0.9.
const RISE: f64 = 1000.0;

/// The machine's training in the graph of one round.
pub struct Learning<'a, 'g> {
    /// The round.
    pub round: Round<'a, 'g>,
    /// Units in each layer, the visible one first.
    pub widths: &'a [usize],
    /// The step at which this phase starts.
    pub from: u64,
    /// The step at which the schedule of its rate ends.
    pub until: u64,
    /// Its learning rate, before the schedule and the initial rise.
    pub rate: f32,
}

/// The phases that train the machine up to the step `until`: its layers one by one if `pretrain` is above 0, then the
/// assembly, then all layers at the learning rate `rate`.
///
/// # Errors
/// More values of `cd` than there are phases for, or a pretraining that leaves no step for all layers.
pub fn phases(s: &Settings, examples: &Examples, widths: &[usize], rate: f32, until: u64) -> Result<Vec<Phase>> {
    let parts = s.cd.len() as u64;
    if s.cd.len() > PRETRAINING[0].len() {
        let most = PRETRAINING[0].len();
        return Err(Error::usage(format!("`cd` takes at most {most} numbers of sweeps, not {parts}")));
    }
    let pretrained = s.pretrain * (widths.len() as u64 - 1);
    if until <= pretrained + 1 {
        return Err(Error::usage(format!(
            "the pretraining of {} layers takes {pretrained} of {until} steps and leaves none for all of them: \
            choose more steps or a smaller `pretrain`",
            widths.len() - 1
        )));
    }
    let mut phases: Vec<Phase> = vec![];
    let mut phase = |name, from, until, rate, build: &dyn Fn(&Learning)| {
        let learning =
            |graph: &Graph| build(&Learning { round: Round { graph, s, examples }, widths, from, until, rate });
        phases.push(Phase::new(name, until, learning));
    };
    if s.pretrain > 0 {
        for (l, names) in PRETRAINING.iter().enumerate().take(widths.len() - 1) {
            let end_of = |part: u64| l as u64 * s.pretrain + part * s.pretrain / parts;
            for (part, (&sweeps, name)) in s.cd.iter().zip(names).enumerate() {
                let (from, until) = (end_of(part as u64), end_of(part as u64 + 1));
                phase(name, from, until, s.lr_rbm / sweeps as f32, &|learning| learning.contrast(l, sweeps));
            }
        }
    }
    phase(ASSEMBLY, pretrained, pretrained + 1, 0.0, &|learning| learning.assemble());
    phase(JOINT, pretrained + 1, until, rate, &|learning| learning.follow_likelihood(learning.visible(s.batch), None));
    Ok(phases)
}

/// Averages from which gradients are computed: under the data, under the model, or weighted by a critic's scores.
struct Statistics<'g> {
    /// ⟨x_l x_{l+1}ᵀ⟩, `[n_l, n_{l+1}]`.
    products: Vec<Var<'g>>,
    /// ⟨x_l⟩, `[n_l]`.
    means: Vec<Var<'g>>,
}

impl<'g> Statistics<'g> {
    /// The averages of states or probabilities `[rows, n_l]` of all layers.
    fn of(x: &[Var<'g>]) -> Self {
        let product = |pair: &[Var<'g>]| {
            let shape = vec![pair[0].dim(1), pair[1].dim(1)];
            pair[0].contract(Form::MatMul, Role::W, pair[1], shape) * (1.0 / pair[0].dim(0) as f64)
        };
        Self { products: x.windows(2).map(product).collect(), means: x.iter().map(|x| x.mean(&[0])).collect() }
    }

    /// Covariances, over the rows, of the products and of the layers with scores `[rows]` of mean 0.
    fn with(x: &[Var<'g>], scores: Var<'g>) -> Self {
        let weighted: Vec<Var> = x.iter().map(|x| *x * scores.along(0, &x.shape())).collect();
        let product = |pair: (&Var<'g>, &Var<'g>)| Self::of(&[*pair.0, *pair.1]).products[0];
        Self {
            products: weighted.iter().zip(&x[1..]).map(product).collect(),
            means: weighted.iter().map(|x| x.mean(&[0])).collect(),
        }
    }

    /// The same of the whole batch.
    fn whole(&self) -> Self {
        let whole = |all: &[Var<'g>]| all.iter().map(|t| t.whole()).collect();
        Self { products: whole(&self.products), means: whole(&self.means) }
    }

    /// `factor` times these averages plus `share` times the averages `other`.
    fn blend(&self, factor: f64, other: &Self, share: f64) -> Self {
        let blend = |a: &[Var<'g>], b: &[Var<'g>]| a.iter().zip(b).map(|(a, b)| *a * factor + *b * share).collect();
        Self { products: blend(&self.products, &other.products), means: blend(&self.means, &other.means) }
    }
}

/// A critic of a machine's states: states `[rows, n_l]` of all layers -> scores `[rows]`, the higher the better.
pub type Critic<'a, 'g> = &'a dyn Fn(&[Var<'g>]) -> Var<'g>;

impl<'g> Learning<'_, 'g> {
    /// A batch of examples as visible units `[rows, n_0]`.
    pub fn visible(&self, rows: usize) -> Var<'g> {
        let x = to_units(self.round.graph.batch(self.round.graph.draw(), Field::Items, &[rows, self.widths[0]]));
        if self.round.s.binarize { bernoulli(x) } else { x }
    }

    /// Layers l and l + 1 as a machine of their own.
    fn pair(&self, l: usize) -> Machine<'g> {
        Machine::new(self.round.graph, PRETRAINING[l][0], &self.widths[l..l + 2])
    }

    /// Factors on the input from layer l to l + 1, and from l + 1 to l, in their pair: 2 where the receiving layer has
    /// another neighbour in the machine, whose input is about as large, else 1.
    fn doubling(&self, l: usize) -> (f64, f64) {
        let twice = |inner| if inner { 2.0 } else { 1.0 };
        (twice(l + 2 < self.widths.len()), twice(l > 0))
    }

    /// Probabilities of the upper layer of pair l given the lower one.
    fn above(&self, l: usize, below: Var<'g>) -> Var<'g> {
        let pair = self.pair(l);
        pair.probabilities(1, pair.from_below(1, below) * self.doubling(l).0)
    }

    /// One round of contrastive divergence (Hinton 2002) on the pair of layers l and l + 1, with this many sweeps.
    fn contrast(&self, l: usize, sweeps: usize) {
        let pair = self.pair(l);
        let down = |x| pair.probabilities(0, pair.from_above(0, x) * self.doubling(l).1);
        let data = (0..l).fold(self.visible(self.round.s.batch), |x, below| self.above(below, x));
        let hidden = self.above(l, data);
        let mut end = [data, hidden];
        for _ in 0..sweeps {
            let below = bernoulli(down(bernoulli(end[1])));
            end = [below, self.above(l, below)];
        }
        self.round.metric("error", (data - down(hidden)).square().mean_all());
        self.round.metric("mean1", hidden.mean_all());
        let offsets = [0, 1].map(|l| self.round.graph.full(0.0, &[pair.widths[l]]));
        let data = Statistics::of(&[data, hidden]);
        let active: Vec<Var> = data.means.iter().map(|mean| mean.whole()).collect();
        self.learn(&pair, &data.blend(1.0, &Statistics::of(&end), -1.0).whole(), &active, &offsets);
    }

    /// Assembles the machine from the trained pairs: a layer of two pairs gets the mean of its two biases. Without
    /// pretraining, visible biases that are 0 are set to the log-odds of the data's means; those of a machine that
    /// another run has trained are not. Chains and running means start from a batch of data.
    fn assemble(&self) {
        let g = self.round.graph;
        let machine = Machine::new(g, MACHINE, self.widths);
        let data = self.visible(self.round.s.chains);
        if self.round.s.pretrain > 0 {
            let pairs: Vec<Machine> = (0..machine.top()).map(|l| self.pair(l)).collect();
            for (l, pair) in pairs.iter().enumerate() {
                g.assign(machine.weight(l), pair.weight(0));
            }
            g.assign(machine.bias(0), pairs[0].bias(0));
            g.assign(machine.bias(machine.top()), pairs[machine.top() - 1].bias(1));
            for l in 1..machine.top() {
                g.assign(machine.bias(l), (pairs[l - 1].bias(1) + pairs[l].bias(0)) * 0.5);
            }
        } else {
            // Half a count added to the ones and to the zeros keeps the odds finite.
            let parts = self.round.s.accumulate as f64;
            let rows = self.round.s.chains as f64 * parts;
            let ones = data.sum(&[0]).whole() * parts + 0.5;
            let (bias, log_odds) = (machine.bias(0), ones.log() - (rows + 1.0 - ones).log());
            g.assign(bias, bias + (1.0 - bias.square().is_positive()) * log_odds);
        }
        g.commit();
        let x = machine.upward(data);
        let means = self.means();
        for (l, chain) in machine.chains(self.round.s).into_iter().enumerate() {
            g.assign(chain, bernoulli(x[l]));
            g.assign(means[l], x[l].mean(&[0]).whole());
        }
        self.round.metric("error", (data - machine.conditional(0, &x)).square().mean_all());
        g.commit();
    }

    /// Running means of all layers under the data, `[n_l]` each.
    fn means(&self) -> Vec<Var<'g>> {
        let group = self.round.graph.group(MEANS);
        let state = |(l, n): (usize, &usize)| self.round.graph.state(group, &layer_name(l), &[*n], Init::Const(0.5));
        self.widths.iter().enumerate().map(state).collect()
    }

    /// One round of persistent contrastive divergence (Tieleman 2008) on visible units `[rows, n_0]`, with a mean-field
    /// positive phase.
    ///
    /// A critic takes the share `critic_weight` of the gradient: the covariance of its scores with the statistics under
    /// the model, which is the gradient of the mean score (BEAM, Fisher et al. 2018). Nothing is differentiated through
    /// the sampling.
    pub fn follow_likelihood(&self, visible: Var<'g>, critic: Option<Critic<'_, 'g>>) {
        let (g, s) = (self.round.graph, self.round.s);
        let machine = Machine::new(g, MACHINE, self.widths);
        let data = machine.mean_field(visible, s.mean_field);
        let (states, drawn) = machine.advance(s, s.chains, s.gibbs);
        // The odd layers' probabilities given states of the even ones: the same expectation with less noise.
        let model: Vec<Var> = (0..states.len()).map(|l| if l % 2 == 1 { drawn[l] } else { states[l] }).collect();
        let positive = Statistics::of(&data);
        let mut ascent = positive.blend(1.0, &Statistics::of(&model), -1.0);
        if let Some(critic) = critic {
            let scores = critic(&states).detach();
            let centred = scores - scores.mean_all();
            let scaled = centred * (centred.square().mean_all() + 1e-6).sqrt().recip();
            self.round.metric("score", scores.mean_all());
            let share = f64::from(s.critic_weight);
            ascent = ascent.blend(1.0 - share, &Statistics::with(&states, scaled), share);
        }
        let (means, active) = (self.means(), positive.whole().means);
        for (&state, &new) in means.iter().zip(&active) {
            g.assign(state, state + (new - state) * NEWEST);
        }
        self.round.metric("error", (data[0] - machine.conditional(0, &data)).square().mean_all());
        for l in 1..data.len() {
            g.metric(["mean1", "mean2", "mean3"][l - 1], active[l].mean_all());
        }
        let zero = |n: &usize| g.full(0.0, &[*n]);
        let offsets = if s.centring { means } else { self.widths.iter().map(zero).collect() };
        self.learn(&machine, &ascent.whole(), &active, &offsets);
    }

    /// One update of a machine by gradient ascent along `ascent`, a difference of statistics, with layers centred at
    /// the offsets `[n_l]` (Montavon and Müller 2012), written for the biases of an uncentred machine (Melchior et al.
    /// 2016, section 3). `active` are the means of all layers under the data, `[n_l]`.
    fn learn(&self, machine: &Machine<'g>, ascent: &Statistics<'g>, active: &[Var<'g>], offsets: &[Var<'g>]) {
        let (g, s, top) = (self.round.graph, self.round.s, machine.top());
        let outer = |a: Var<'g>, b: Var<'g>| {
            let shape = [a.len(), b.len()];
            a.along(0, &shape) * b.along(1, &shape)
        };
        let shift = &ascent.means;
        let weight = |l: usize| {
            let gradient = ascent.products[l];
            if s.centring {
                gradient - outer(shift[l], offsets[l + 1]) - outer(offsets[l], shift[l + 1])
            } else {
                gradient
            }
        };
        let weights: Vec<Var> = (0..top).map(weight).collect();
        let row = |x: Var<'g>| x.reshape(&[1, x.len()]);
        let bias = |l: usize| {
            let mut gradient = shift[l];
            if s.centring && l > 0 {
                gradient = gradient - row(offsets[l - 1]).matmul(weights[l - 1]).reshape(&[machine.widths[l]]);
            }
            if s.centring && l < top {
                gradient = gradient - up_weight(weights[l], row(offsets[l + 1])).reshape(&[machine.widths[l]]);
            }
            gradient
        };
        let biases: Vec<Var> = (0..=top).map(bias).collect();
        let flat = g.pack(machine.net.params, &[weights.as_slice(), &biases].concat());
        // The energy is linear in the parameters, with the statistics as coefficients.
        g.metric("gap", (flat * g.flat(machine.net.params)).sum_all());
        g.metric("gradient", (flat.square().sum_all() + 1e-20).sqrt());

        let decayed = (0..top).map(|l| machine.weight(l) * f64::from(s.l2) - weights[l]);
        let sparse = (0..=top).map(|l| match l {
            0 => -biases[0],
            _ => (active[l] - f64::from(s.activity)) * f64::from(s.sparsity) - biases[l],
        });
        let descent: Vec<Var> = decayed.chain(sparse).collect();
        let rule = Optimizer::Sgd { momentum: Real::new(s.momentum.into()) };
        g.update(machine.net.params, rule, g.pack(machine.net.params, &descent), self.scheduled());
        if s.max_norm > 0.0 {
            (0..top).for_each(|l| limit_columns(g, machine.weight(l), s.max_norm.into()));
            g.commit();
        }
    }

    /// The learning rate at this step of the phase.
    fn scheduled(&self) -> Var<'g> {
        let done = self.round.graph.clock() - self.from as f64;
        let remaining = (1.0 - done * (1.0 / (self.until - self.from) as f64)).relu();
        // min(1, r) = 1 - relu(1 - r)
        let rise = 1.0 - (0.8 - done * (0.8 / RISE)).relu();
        self.round.scheduled(self.rate, remaining) * rise
    }
}

/// Scales the columns of weights `w` `[m, n]`, each the weights into one upper unit, down to a norm of at most `limit`.
fn limit_columns<'g>(g: &'g Graph, w: Var<'g>, limit: f64) {
    let norm = (w.square().sum(&[0]) + 1e-12).sqrt();
    let scale = ((norm - limit).relu() + limit).recip() * limit;
    g.assign(w, w * scale.along(1, &w.shape()));
}
