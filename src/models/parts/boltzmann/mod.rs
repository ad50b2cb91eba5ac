//! Deep Boltzmann machines (Salakhutdinov and Hinton 2009) in a graph: layers of binary units x_0 .. x_L, of which x_0
//! is visible, each joined to its neighbours only, with the energy
//!
//! E(x_0 .. x_L) = - Σ_l x_lᵀ W_l x_{l+1} - Σ_l b_lᵀ x_l.
//!
//! Given the odd layers, the units of the even layers are independent, and vice versa: all sampling here rests on this.

pub mod anneal;
pub mod finetune;
mod learning;

pub use learning::{LAYERS, Learning, phases};

use crate::{
    error::{Error, Result},
    graph::{Dist, Form, Graph, Init, Role, Var},
    models::{DECODE, ENCODE, Examples, LIKELIHOOD, SAMPLE, SWEEP, parts::game::Game, sample_rows, sampled},
    nn::{Mode, Net, Start},
    settings::Settings,
};

/// Name of the state group that holds the machine's weights and biases.
pub const MACHINE: &str = "dbm";
/// Name of the state group that holds the persistent chains, a state of all layers in each row.
pub const CHAINS: &str = "dbm.chains";

/// Gibbs sweeps of the chains between two sample sheets of a game.
pub const SWEEPS: usize = 20;

/// Names of the hidden layers among codes.
pub const HIDDEN_LAYERS: [&str; LAYERS] = ["layer1", "layer2", "layer3"];

/// The standard deviation of weights at the start.
const WEIGHT_DEVIATION: f32 = 0.01;

/// Name of the weights `[n_l, n_{l+1}]` between layers l and l + 1.
pub fn weight_name(l: usize) -> String {
    format!("weight{l}")
}

/// Name of the biases `[n_l]` of layer l, or of its states `[rows, n_l]` among the chains.
pub fn layer_name(l: usize) -> String {
    format!("layer{l}")
}

/// The widths of all layers for grey images, the visible one first.
///
/// # Errors
/// Examples that are not grey images; more hidden layers than [`LAYERS`].
pub fn widths(s: &Settings, examples: &Examples) -> Result<Vec<usize>> {
    let &[1, height, width] = examples.shape.as_slice() else {
        return Err(Error::usage(format!(
            "{} learns grey images, and an example of this data set has shape {:?}: channels=1 makes images in \
            colour grey; `gan` takes any shape",
            s.variant, examples.shape
        )));
    };
    check_layers(s)?;
    Ok([&[height * width], s.layers.as_slice()].concat())
}

/// Refuses more hidden layers than [`LAYERS`].
pub fn check_layers(s: &Settings) -> Result<()> {
    if s.layers.len() > LAYERS {
        return Err(Error::usage(format!("`layers` takes at most {LAYERS} widths, not {}", s.layers.len())));
    }
    Ok(())
}

/// A machine in a graph: its weights and biases are one state group.
pub struct Machine<'g> {
    /// The parameters as a network, for code that updates networks.
    pub net: Net<'g>,
    /// Units in each layer, the visible one first.
    pub widths: Vec<usize>,
}

impl<'g> Machine<'g> {
    /// The machine whose parameters are the state group `name`.
    pub fn new(graph: &'g Graph, name: &str, widths: &[usize]) -> Self {
        let machine = Self { net: Net::new(graph, name, Start::Uniform, Mode::Train), widths: widths.to_vec() };
        // Declared here, so that every graph has all parameters in the same order.
        for l in 0..machine.top() {
            machine.weight(l);
        }
        for l in 0..=machine.top() {
            machine.bias(l);
        }
        machine
    }

    fn graph(&self) -> &'g Graph {
        self.net.graph
    }

    /// Index of the topmost layer.
    pub fn top(&self) -> usize {
        self.widths.len() - 1
    }

    /// Weights between layers l and l + 1, `[n_l, n_{l+1}]`.
    pub fn weight(&self, l: usize) -> Var<'g> {
        let shape = [self.widths[l], self.widths[l + 1]];
        self.graph().state(self.net.params, &weight_name(l), &shape, Init::Normal(0.0, WEIGHT_DEVIATION))
    }

    /// Biases of layer l, `[n_l]`.
    pub fn bias(&self, l: usize) -> Var<'g> {
        self.graph().state(self.net.params, &layer_name(l), &[self.widths[l]], Init::Const(0.0))
    }

    /// Input `[rows, n_l]` of layer l from states `[rows, n_{l-1}]` of the layer below.
    pub fn from_below(&self, l: usize, below: Var<'g>) -> Var<'g> {
        below.matmul(self.weight(l - 1))
    }

    /// Input `[rows, n_l]` of layer l from states `[rows, n_{l+1}]` of the layer above.
    pub fn from_above(&self, l: usize, above: Var<'g>) -> Var<'g> {
        up_weight(self.weight(l), above)
    }

    /// Input `[rows, n_l]` of layer l from its neighbours, given states `x` of all layers, without its biases.
    pub fn from_neighbours(&self, l: usize, x: &[Var<'g>]) -> Var<'g> {
        match l {
            0 => self.from_above(0, x[1]),
            l if l == self.top() => self.from_below(l, x[l - 1]),
            l => self.from_below(l, x[l - 1]) + self.from_above(l, x[l + 1]),
        }
    }

    /// The probabilities `[rows, n_l]` of layer l for the input `total` from its neighbours, without its biases.
    pub fn probabilities(&self, l: usize, total: Var<'g>) -> Var<'g> {
        (total + self.bias(l).along(1, &total.shape())).sigmoid()
    }

    /// The probabilities of layer l given the states of its neighbours, `[rows, n_l]`.
    pub fn conditional(&self, l: usize, x: &[Var<'g>]) -> Var<'g> {
        self.probabilities(l, self.from_neighbours(l, x))
    }

    /// A bottom-up pass: the visible layer, then the probabilities of each hidden layer given the layer below. A layer
    /// between two others gets twice its input from below, in place of the input from above.
    pub fn upward(&self, visible: Var<'g>) -> Vec<Var<'g>> {
        let mut x = vec![visible];
        for l in 1..=self.top() {
            let doubled = if l < self.top() { 2.0 } else { 1.0 };
            x.push(self.probabilities(l, self.from_below(l, x[l - 1]) * doubled));
        }
        x
    }

    /// A top-down pass: the probabilities `[rows, n_0]` of the visible units for means of the top layer `[rows, n_L]`.
    /// A layer between two others gets twice its input from above, in place of the input from below.
    pub fn downward(&self, top: Var<'g>) -> Var<'g> {
        (0..self.top()).rev().fold(top, |above, l| {
            let doubled = if l > 0 { 2.0 } else { 1.0 };
            self.probabilities(l, self.from_above(l, above) * doubled)
        })
    }

    /// Means of all layers given the visible one `[rows, n_0]`, each hidden unit independent of the others: a bottom-up
    /// pass, then `rounds` rounds of updates, layer by layer from below (Salakhutdinov and Hinton 2009, section 2.3).
    /// An update of one layer given the others never lowers the bound; an update of all layers at once may lower it.
    pub fn mean_field(&self, visible: Var<'g>, rounds: usize) -> Vec<Var<'g>> {
        let mut x = self.upward(visible);
        for _ in 0..rounds {
            for l in 1..=self.top() {
                x[l] = self.conditional(l, &x);
            }
        }
        x
    }

    /// One sweep of block Gibbs sampling over states of all layers: the even layers given the odd ones, then the odd
    /// ones given the even ones. Returns all layers' probabilities as they were when each was drawn.
    pub fn sweep(&self, x: &mut [Var<'g>]) -> Vec<Var<'g>> {
        let mut probabilities = x.to_vec();
        for l in (0..=self.top()).step_by(2).chain((1..=self.top()).step_by(2)) {
            probabilities[l] = self.conditional(l, x);
            x[l] = bernoulli(probabilities[l]);
        }
        probabilities
    }

    /// The persistent chains of one part of a batch: states of all layers, `[chains, n_l]` each.
    pub fn chains(&self, s: &Settings) -> Vec<Var<'g>> {
        let group = self.graph().group_of_rows(CHAINS, s.accumulate);
        let state =
            |(l, n): (usize, &usize)| self.graph().state(group, &layer_name(l), &[s.chains, *n], Init::Const(0.0));
        self.widths.iter().enumerate().map(state).collect()
    }

    /// Advances the first `rows` persistent chains by `sweeps` sweeps and moves them to the end of the chains; the next
    /// commit stores the states. Returns their new states, and the probabilities from which each layer was last drawn.
    pub fn advance(&self, s: &Settings, rows: usize, sweeps: usize) -> (Vec<Var<'g>>, Vec<Var<'g>>) {
        let (all, chains) = (self.chains(s), s.chains);
        let mut x: Vec<Var> = all.iter().map(|x| x.slice(&[0, 0], &[rows, x.dim(1)])).collect();
        let drawn = (0..sweeps).map(|_| self.sweep(&mut x)).last().unwrap_or_else(|| x.clone());
        for (state, &new) in all.into_iter().zip(&x) {
            let (others, n) = (chains - rows, state.dim(1));
            let behind = |new: Var<'g>| state.slice(&[rows, 0], &[others, n]).concat(new, 0);
            self.graph().assign(state, if others > 0 { behind(new) } else { new });
        }
        (x, drawn)
    }
}

/// The means of the hidden layers for images x, by the names of [`HIDDEN_LAYERS`].
pub fn machine_layers<'g>(
    graph: &'g Graph,
    s: &Settings,
    widths: &[usize],
    x: Var<'g>,
) -> Vec<(&'static str, Var<'g>)> {
    let means = Machine::new(graph, MACHINE, widths).mean_field(to_units(x), s.mean_field);
    HIDDEN_LAYERS.into_iter().zip(means.into_iter().skip(1)).collect()
}

/// The graphs [`ENCODE`], whose codes are the means of the top layer, and [`LIKELIHOOD`] of a machine of images.
pub fn inference(s: &Settings, widths: &[usize], examples: &Examples) -> [(&'static str, Graph); 2] {
    let values = examples.values(sample_rows(s, examples));
    let encode = Graph::build(|graph| {
        let layers = machine_layers(graph, s, widths, graph.input("x", &values));
        graph.output("z", layers[layers.len() - 1].1);
    });
    let likelihood = Graph::build(|graph| {
        let machine = Machine::new(graph, MACHINE, widths);
        let bound = anneal::bound(&machine, to_units(graph.input("x", &values)), s.mean_field);
        graph.output("log_p", bound.reshape(&[values[0], 1]));
    });
    [(ENCODE, encode), (LIKELIHOOD, likelihood)]
}

/// The graph [`SAMPLE`] of a generator whose prior advances a machine's chains.
pub fn chain_sampler(game: &Game) -> (&'static str, Graph) {
    let rows = sample_rows(game.s, game.examples).min(game.s.chains);
    (SAMPLE, Graph::build(|graph| generate(game, (game.prior)(graph, rows))))
}

/// The graph [`DECODE`] of a generator alone, for inputs `[rows, latent]`.
pub fn decoder(game: &Game, latent: usize) -> (&'static str, Graph) {
    let shape = [sample_rows(game.s, game.examples), latent];
    (DECODE, Graph::build(|graph| generate(game, graph.input("z", &shape))))
}

fn generate(game: &Game, z: Var) {
    let graph = z.graph();
    let net = Net::new(graph, sampled(game.s), Start::Uniform, Mode::Eval);
    graph.output("samples", (game.generator)(&net, z));
    graph.commit();
}

/// The graph [`SWEEP`]; `result` names what the model makes of the states and of the probabilities that they were drawn
/// with.
pub fn sweep(
    widths: &[usize],
    rows: usize,
    result: impl for<'g> Fn(&Machine<'g>, &[Var<'g>], &[Var<'g>]) -> (&'static str, Var<'g>),
) -> (&'static str, Graph) {
    let graph = Graph::build(|graph| {
        let machine = Machine::new(graph, MACHINE, widths);
        let odd = |l: usize| !l.is_multiple_of(2);
        // Even layers are drawn first, and do not depend on what they were.
        let state = |(l, n): (usize, &usize)| match odd(l) {
            true => graph.input(&layer_name(l), &[rows, *n]),
            false => graph.full(0.0, &[rows, *n]),
        };
        let mut x: Vec<Var> = widths.iter().enumerate().map(state).collect();
        let probabilities = machine.sweep(&mut x);
        x.iter().enumerate().filter(|(l, _)| odd(*l)).for_each(|(l, x)| graph.output(&layer_name(l), *x));
        let (name, made) = result(&machine, &x, &probabilities);
        graph.output(name, made);
    });
    (SWEEP, graph)
}

/// States `[rows, n]` above weights `w` `[m, n]` -> x wᵀ, `[rows, m]`, without a transposed copy of the weights.
fn up_weight<'g>(w: Var<'g>, x: Var<'g>) -> Var<'g> {
    w.contract(Form::MatMul, Role::X, x, vec![x.dim(0), w.dim(0)])
}

/// Binary units: 1 with probability `p`, else 0.
pub fn bernoulli(p: Var) -> Var {
    (p - p.graph().random(Dist::Uniform, &p.shape())).is_positive()
}

/// Examples in [-1, 1], `[rows, ..]`, as visible units `[rows, n_0]` in [0, 1].
pub fn to_units(x: Var) -> Var {
    (x.reshape(&[x.dim(0), x.len() / x.dim(0)]) + 1.0) * 0.5
}

/// Visible units `[rows, n_0]` in [0, 1] as examples of this shape in [-1, 1].
pub fn to_examples<'g>(x: Var<'g>, shape: &[usize]) -> Var<'g> {
    (x * 2.0 - 1.0).reshape(&[&[x.dim(0)], shape].concat())
}
