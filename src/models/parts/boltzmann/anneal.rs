//! Graphs for a machine's likelihood: annealed importance sampling of its partition function (Neal 2001; Salakhutdinov
//! and Murray 2008), and a variational bound on log p(x) + log Z for examples.

use super::{Machine, bernoulli, layer_name};
use crate::graph::{Graph, Init, Var};

/// Temperatures that one run of the annealing graph goes through.
pub const TEMPERATURES: usize = 25;
/// Name of the state group that holds the annealed chains.
const ANNEALED: &str = "annealed";

/// Biases `[n_l]` of all layers of the base machine, which has no weights and starts the annealing: inputs of the
/// graph.
fn base<'g>(graph: &'g Graph, widths: &[usize]) -> Vec<Var<'g>> {
    widths.iter().enumerate().map(|(l, n)| graph.input(&layer_name(l), &[*n])).collect()
}

/// The annealed chains: states of the odd layers, `[runs, n_l]` each; the even layers are summed out.
fn annealed<'g>(graph: &'g Graph, widths: &[usize], runs: usize) -> Vec<(usize, Var<'g>)> {
    let group = graph.group(ANNEALED);
    let odd = widths.iter().enumerate().skip(1).step_by(2);
    odd.map(|(l, n)| (l, graph.state(group, &layer_name(l), &[runs, *n], Init::Const(0.0)))).collect()
}

/// The graph that draws the chains from the base machine, whose biases are the inputs `layer0`, `layer1`, ...
pub fn start(widths: &[usize], runs: usize) -> Graph {
    let graph = Graph::new();
    {
        let base = base(&graph, widths);
        for (l, state) in annealed(&graph, widths, runs) {
            graph.assign(state, bernoulli(base[l].sigmoid().along(1, &[runs, widths[l]])));
        }
        graph.commit();
    }
    graph
}

/// The graph that takes the chains through the next [`TEMPERATURES`] of the `rounds * TEMPERATURES` temperatures; the
/// clock tells which. Inputs as of [`start`] -> `log_weight` `[runs]`, the gain of the logarithms of the importance
/// weights.
///
/// At inverse temperature t the machine has the energy (1 - t) E_base + t E. With the even layers summed out, each of
/// their units contributes softplus(a + t d) to the log-probability, where a is its base bias and d its total input
/// minus a. The gain is the difference of two such terms at nearly the same t, and would lose digits by cancellation.
/// It is computed as Δt d times the mean of σ(a + t d) in between, by Simpson's rule, whose error is of the order of
/// (Δt d)⁵.
pub fn annealing(name: &str, widths: &[usize], runs: usize, rounds: usize) -> Graph {
    let graph = Graph::new();
    let step = 1.0 / (rounds * TEMPERATURES) as f64;
    {
        let path = Path { machine: Machine::new(&graph, name, widths), base: base(&graph, widths), runs };
        let chains = annealed(&graph, widths, runs);
        let mut x: Vec<Var> = widths.iter().map(|n| graph.full(0.0, &[runs, *n])).collect();
        chains.iter().for_each(|(l, state)| x[*l] = *state);
        let mut gain = graph.full(0.0, &[runs]);
        for i in 0..TEMPERATURES {
            let at = |offset: f64| (graph.clock() * TEMPERATURES as f64 + (i as f64 + offset)) * step;
            for (l, _) in &chains {
                gain = gain + (x[*l] * path.rows(*l, path.own(*l))).sum(&[1]) * step;
            }
            for l in (0..widths.len()).step_by(2) {
                let d = path.excess(l, &x);
                let [begin, middle, end] = [0.0, 0.5, 1.0].map(|offset| path.probabilities(l, d, at(offset)));
                gain = gain + (d * (begin + middle * 4.0 + end)).sum(&[1]) * (step / 6.0);
                x[l] = bernoulli(end);
            }
            for (l, _) in &chains {
                x[*l] = bernoulli(path.probabilities(*l, path.excess(*l, &x), at(1.0)));
            }
        }
        chains.iter().for_each(|(l, state)| graph.assign(*state, x[*l]));
        graph.output("log_weight", gain);
        graph.commit();
    }
    graph
}

/// The path from the base machine to the machine whose partition function is estimated.
struct Path<'g> {
    machine: Machine<'g>,
    base: Vec<Var<'g>>,
    runs: usize,
}

impl<'g> Path<'g> {
    /// A vector `v` `[n_l]`, repeated for each chain: `[runs, n_l]`.
    fn rows(&self, l: usize, v: Var<'g>) -> Var<'g> {
        v.along(1, &[self.runs, self.machine.widths[l]])
    }

    /// The machine's biases of layer l minus its base biases, `[n_l]`.
    fn own(&self, l: usize) -> Var<'g> {
        self.machine.bias(l) - self.base[l]
    }

    /// Total input of layer l in the machine minus its base biases, given its neighbours, `[runs, n_l]`.
    fn excess(&self, l: usize, x: &[Var<'g>]) -> Var<'g> {
        self.machine.from_neighbours(l, x) + self.rows(l, self.own(l))
    }

    /// Probabilities of layer l with this excess at an inverse temperature, `[runs, n_l]`.
    fn probabilities(&self, l: usize, excess: Var<'g>, temperature: Var<'g>) -> Var<'g> {
        (self.rows(l, self.base[l]) + excess * temperature).sigmoid()
    }
}

/// A lower bound on log p(x) + log Z, `[rows]` in nats, of visible units `[rows, n_0]`: mean-field expectation of the
/// negative energy plus entropy (Salakhutdinov and Hinton 2009, equation 6), with the even hidden layers summed out
/// given the odd ones. For given hidden means it is linear in the visible units, so that grey values give the mean over
/// their binary draws.
pub fn bound<'g>(machine: &Machine<'g>, visible: Var<'g>, rounds: usize) -> Var<'g> {
    let mut x = machine.mean_field(visible, rounds);
    let total = |l: usize, x: &[Var<'g>]| {
        let neighbours = machine.from_neighbours(l, x);
        neighbours + machine.bias(l).along(1, &neighbours.shape())
    };
    let mut bound = (x[0] * machine.bias(0).along(1, &x[0].shape())).sum(&[1]);
    for l in (1..=machine.top()).step_by(2) {
        let a = total(l, &x);
        x[l] = a.sigmoid();
        // The entropy of σ(a) is softplus(a) - a σ(a).
        let biased = x[l] * machine.bias(l).along(1, &a.shape());
        bound = bound + (biased + a.softplus() - a * x[l]).sum(&[1]);
    }
    for l in (2..=machine.top()).step_by(2) {
        bound = bound + total(l, &x).softplus().sum(&[1]);
    }
    bound + (machine.from_below(1, x[0]) * x[1]).sum(&[1])
}
