//! Deep Boltzmann machines (Salakhutdinov and Hinton 2009) in a graph: layers of binary units x_0 .. x_L, of which x_0
//! is visible, each joined to its neighbours only, with the energy
//!
//! E(x_0 .. x_L) = - Σ_l x_lᵀ W_l x_{l+1} - Σ_l b_lᵀ x_l.
//!
//! Given the odd layers, the even ones are independent, and the other way round: everything here goes back to that.

pub mod anneal;
mod learning;

pub use learning::{LAYERS, Learning, phases};

use crate::{
    error::{Error, Result},
    graph::{Dist, Form, Graph, Init, Role, Var},
    models::{Examples, parts::game::Game, sample_rows, sampled},
    nn::{Mode, Net, Start},
    settings::Settings,
};

/// Name of the state group that holds the machine's weights and biases.
pub const MACHINE: &str = "dbm";
/// Name of the state group that holds the persistent chains, a state of all layers in each row.
pub const CHAINS: &str = "dbm.chains";

/// Gibbs sweeps of the chains between two sample sheets of a game.
pub const SWEEPS: usize = 20;

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
/// Examples that are no grey images, more layers than a machine may have.
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

/// Refuses more layers than a machine may have.
pub fn check_layers(s: &Settings) -> Result<()> {
    if s.layers.len() > LAYERS {
        return Err(Error::usage(format!("`layers` takes at most {LAYERS} widths, not {}", s.layers.len())));
    }
    Ok(())
}

/// A machine's weights and biases, a state group of a graph, and what follows from them.
pub struct Machine<'g> {
    /// The parameters as a network, for what updates networks.
    pub net: Net<'g>,
    /// Units in each layer, the visible one first.
    pub widths: Vec<usize>,
}

impl<'g> Machine<'g> {
    /// The machine whose parameters are the state group `name`.
    pub fn new(graph: &'g Graph, name: &str, widths: &[usize]) -> Self {
        let machine = Self { net: Net::new(graph, name, Start::Uniform, Mode::Train), widths: widths.to_vec() };
        // Named here, so that every graph has them all and in one order.
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

    /// The number of the topmost layer.
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

    /// What layer l gets from states `[rows, n_{l-1}]` of the layer below, `[rows, n_l]`.
    pub fn from_below(&self, l: usize, below: Var<'g>) -> Var<'g> {
        below.matmul(self.weight(l - 1))
    }

    /// What layer l gets from states `[rows, n_{l+1}]` of the layer above, `[rows, n_l]`.
    pub fn from_above(&self, l: usize, above: Var<'g>) -> Var<'g> {
        up_weight(self.weight(l), above)
    }

    /// What layer l gets from its neighbours in the states of all layers, `[rows, n_l]`, without its biases.
    pub fn from_neighbours(&self, l: usize, x: &[Var<'g>]) -> Var<'g> {
        match l {
            0 => self.from_above(0, x[1]),
            l if l == self.top() => self.from_below(l, x[l - 1]),
            l => self.from_below(l, x[l - 1]) + self.from_above(l, x[l + 1]),
        }
    }

    /// The probabilities of layer l `[rows, n_l]` for what it gets from its neighbours.
    pub fn probabilities(&self, l: usize, total: Var<'g>) -> Var<'g> {
        (total + self.bias(l).along(1, &total.shape())).sigmoid()
    }

    /// The probabilities of layer l given the states of its neighbours, `[rows, n_l]`.
    pub fn conditional(&self, l: usize, x: &[Var<'g>]) -> Var<'g> {
        self.probabilities(l, self.from_neighbours(l, x))
    }

    /// A bottom-up pass: the hidden layers' probabilities, each for the one below. A layer that the machine puts
    /// between two gets twice what comes from below, in place of what it would get from above.
    pub fn upward(&self, visible: Var<'g>) -> Vec<Var<'g>> {
        let mut x = vec![visible];
        for l in 1..=self.top() {
            let doubled = if l < self.top() { 2.0 } else { 1.0 };
            x.push(self.probabilities(l, self.from_below(l, x[l - 1]) * doubled));
        }
        x
    }

    /// Means of all layers given the visible one `[rows, n_0]`, each hidden unit independent of the others: this many
    /// rounds of updates, layer by layer from below, from a bottom-up pass on (Salakhutdinov and Hinton 2009, section
    /// 2.3). An update of a layer given the others never lowers the bound, which updates of all at once may.
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

    /// The persistent chains: states of all layers, `[chains, n_l]` each.
    pub fn chains(&self, chains: usize) -> Vec<Var<'g>> {
        let group = self.graph().group(CHAINS);
        let state =
            |(l, n): (usize, &usize)| self.graph().state(group, &layer_name(l), &[chains, *n], Init::Const(0.0));
        self.widths.iter().enumerate().map(state).collect()
    }

    /// Moves the first `rows` of the persistent chains on by some sweeps and puts them behind the others, which the
    /// next commit carries out. Returns their new states, and the probabilities that each layer was last drawn with.
    pub fn advance(&self, chains: usize, rows: usize, sweeps: usize) -> (Vec<Var<'g>>, Vec<Var<'g>>) {
        let all = self.chains(chains);
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

/// The graph that draws samples from a generator whose prior moves a machine's chains on.
pub fn chain_sampler(game: &Game) -> Graph {
    Graph::build(|graph| {
        let net = Net::new(graph, sampled(game.s), Start::Uniform, Mode::Eval);
        let rows = sample_rows(game.s, game.examples).min(game.s.chains);
        graph.output("samples", (game.generator)(&net, (game.prior)(graph, rows)));
        graph.commit();
    })
}

/// States `[rows, n]` above weights `w` `[m, n]` -> x wᵀ, `[rows, m]`: the weights as they are stored.
fn up_weight<'g>(w: Var<'g>, x: Var<'g>) -> Var<'g> {
    w.contract(Form::MatMul, Role::X, x, vec![x.dim(0), w.dim(0)])
}

/// Units that are 1 with these probabilities, else 0.
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
