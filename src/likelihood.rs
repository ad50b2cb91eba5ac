//! Likelihoods of a Boltzmann machine, in nats: its partition function Z, exactly for small machines and by annealed
//! importance sampling for others, and the variational bound.

use crate::{
    checkpoint::Checkpoint,
    engine::{Engine, Plans},
    error::{Error, Result},
    graph::Graph,
    kernels::{Caps, Clock},
    models::parts::boltzmann::{CHAINS, MACHINE, Machine, anneal, layer_name, weight_name},
    runner::Runner,
};

/// Largest number of units whose states an exact sum enumerates.
pub const ENUMERABLE: usize = 20;
/// Examples in one run of the graph of bounds.
const ROWS: usize = 100;

/// A machine's parameters on the host.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameters {
    /// Units in each layer, the visible one first.
    pub widths: Vec<usize>,
    /// Weights between layers l and l + 1, `[n_l, n_{l+1}]`, row by row.
    pub weights: Vec<Vec<f32>>,
    /// Biases of layer l, `[n_l]`.
    pub biases: Vec<Vec<f32>>,
}

/// How the partition function is estimated.
#[derive(Clone, Copy, Debug)]
pub struct Annealing {
    /// Independent chains.
    pub runs: usize,
    /// Number of inverse temperatures from 0 to 1, rounded up to a multiple of [`anneal::TEMPERATURES`].
    pub temperatures: usize,
    /// Seed of the random streams.
    pub seed: u64,
}

/// The published protocol (Salakhutdinov and Hinton 2009, section 4.1).
impl Default for Annealing {
    fn default() -> Self {
        Self { runs: 100, temperatures: 20_000, seed: 0 }
    }
}

/// An estimate of log Z by annealed importance sampling.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ais {
    /// log Z in nats.
    pub log_z: f64,
    /// ln of the estimate of Z minus three standard errors; minus infinity if this is not positive.
    pub low: f64,
    /// ln of the estimate of Z plus three standard errors.
    pub high: f64,
    /// Independent chains.
    pub runs: usize,
    /// Number of inverse temperatures that each chain went through.
    pub temperatures: usize,
}

impl Parameters {
    /// The machine in a checkpoint.
    ///
    /// # Errors
    /// A checkpoint without one.
    pub fn of(checkpoint: &Checkpoint) -> Result<Self> {
        let found = |name: String| checkpoint.tensors.get(&format!("{MACHINE}.{name}"));
        let biases: Vec<Vec<f32>> = (0..).map_while(|l| found(layer_name(l))).map(|t| t.data.clone()).collect();
        let weights: Vec<Vec<f32>> = (0..).map_while(|l| found(weight_name(l))).map(|t| t.data.clone()).collect();
        if weights.is_empty() || biases.len() != weights.len() + 1 {
            return Err(Error::usage("the checkpoint holds no Boltzmann machine: those of `dbm` and `dbm-gan` do"));
        }
        Ok(Self { widths: biases.iter().map(Vec::len).collect(), weights, biases })
    }

    /// Log-odds of each unit in the checkpoint's chains, with one count added on both sides so that they are finite. A
    /// machine without weights and with these biases has about the unit means of the chains.
    ///
    /// # Errors
    /// A checkpoint without chains.
    pub fn base_rates(&self, checkpoint: &Checkpoint) -> Result<Vec<Vec<f32>>> {
        let layer = |(l, &n): (usize, &usize)| {
            let chains = checkpoint.tensors.get(&format!("{CHAINS}.{}", layer_name(l)));
            let states = &chains.ok_or_else(|| Error::usage("the checkpoint holds no chains"))?.data;
            let ones = |unit: usize| 1.0 + states.iter().skip(unit).step_by(n).map(|&x| f64::from(x)).sum::<f64>();
            let total = (states.len() / n) as f64 + 2.0;
            Ok((0..n).map(|unit| (ones(unit) / (total - ones(unit))).ln() as f32).collect())
        };
        self.widths.iter().enumerate().map(layer).collect()
    }

    /// An engine with these graphs and this machine.
    fn engine(&self, (runner, caps): (Box<dyn Runner>, &Caps), graphs: &[(&str, Graph)], seed: u64) -> Result<Engine> {
        let plans = Plans::new(graphs.iter().map(|(name, graph)| (*name, graph)), caps, None)?;
        let mut engine = Engine::new(runner, plans, seed)?;
        let weights = self.weights.iter().enumerate().map(|(l, w)| (weight_name(l), w));
        let biases = self.biases.iter().enumerate().map(|(l, b)| (layer_name(l), b));
        for (name, values) in weights.chain(biases) {
            let name = format!("{MACHINE}.{name}");
            let item = engine.items().iter().find(|item| item.name == name).cloned();
            item.map_or(Ok(()), |item| engine.write(&item, values))?;
        }
        Ok(engine)
    }

    /// log Z by annealed importance sampling, starting at the machine without weights whose biases are `base`.
    ///
    /// # Errors
    /// A device that fails.
    pub fn annealed_log_z(
        &self,
        device: (Box<dyn Runner>, &Caps),
        base: &[Vec<f32>],
        annealing: Annealing,
    ) -> Result<Ais> {
        let (runs, rounds) = (annealing.runs, annealing.temperatures.div_ceil(anneal::TEMPERATURES));
        let graphs = [
            ("start", anneal::start(&self.widths, runs)),
            ("annealing", anneal::annealing(MACHINE, &self.widths, runs, rounds)),
        ];
        let mut engine = self.engine(device, &graphs, annealing.seed)?;
        let names: Vec<String> = (0..base.len()).map(layer_name).collect();
        let inputs: Vec<(&str, &[f32])> =
            names.iter().map(String::as_str).zip(base.iter().map(Vec::as_slice)).collect();
        engine.feed("start", &inputs)?;
        let log_base: f64 = base.iter().flatten().map(|&a| softplus(a.into())).sum();
        let mut log_weights = vec![log_base; runs];
        for round in 0..rounds as u64 {
            engine.set_clock(Clock { step: round, seed: annealing.seed })?;
            let gains = engine.ask("annealing", &inputs)?;
            log_weights.iter_mut().zip(gains).for_each(|(sum, gain)| *sum += f64::from(gain));
        }
        Ok(Ais::of(&log_weights, rounds * anneal::TEMPERATURES))
    }

    /// A lower bound on log p(x) + log Z for each of the examples `[N, n_0]`, values in [0, 1], by mean field with this
    /// many rounds of updates.
    ///
    /// # Errors
    /// A device that fails.
    pub fn bounds(&self, device: (Box<dyn Runner>, &Caps), examples: &[f32], rounds: usize) -> Result<Vec<f64>> {
        let graph = Graph::new();
        let visible = graph.input("x", &[ROWS, self.widths[0]]);
        graph.output("bound", anneal::bound(&Machine::new(&graph, MACHINE, &self.widths), visible, rounds));
        let mut engine = self.engine(device, &[("bound", graph)], 0)?;
        let mut bounds = vec![];
        for rows in examples.chunks(ROWS * self.widths[0]) {
            let mut padded = rows.to_vec();
            padded.resize(ROWS * self.widths[0], 0.0);
            bounds.extend(engine.ask("bound", &[("x", &padded)])?.into_iter().map(f64::from));
        }
        bounds.truncate(examples.len() / self.widths[0]);
        Ok(bounds)
    }

    /// log Z, as the sum over all states.
    ///
    /// # Errors
    /// More than [`ENUMERABLE`] units in both the even and the odd layers.
    pub fn exact_log_z(&self) -> Result<f64> {
        self.log_sum(None)
    }

    /// log p(x) + log Z of one example `[n_0]`, values 0 or 1, as the sum over all states of the hidden layers.
    ///
    /// # Errors
    /// More than [`ENUMERABLE`] units in both the even and the odd hidden layers.
    pub fn exact_log_weight(&self, visible: &[f32]) -> Result<f64> {
        self.log_sum(Some(visible))
    }

    /// The logarithm of the sum of e^-E over all states, or over those with these visible units. The sum enumerates the
    /// states of the even or of the odd layers, whichever are fewer; given those, the others are independent.
    fn log_sum(&self, visible: Option<&[f32]>) -> Result<f64> {
        let free = |parity: usize| -> Vec<(usize, usize)> {
            let layers = (0..self.widths.len()).filter(|l| l % 2 == parity && (*l > 0 || visible.is_none()));
            layers.flat_map(|l| (0..self.widths[l]).map(move |unit| (l, unit))).collect()
        };
        let units = if free(0).len() < free(1).len() { 0 } else { 1 };
        let (parity, units) = (units, free(units));
        if units.len() > ENUMERABLE {
            return Err(Error::usage(format!(
                "an exact partition function sums over the states of {} units, more than {ENUMERABLE}: anneal instead",
                units.len()
            )));
        }
        let mut x: Vec<Vec<f64>> = self.widths.iter().map(|n| vec![0.0; *n]).collect();
        if let Some(visible) = visible {
            x[0] = visible.iter().map(|&v| v.into()).collect();
        }
        let term = |state: usize| {
            let mut x = x.clone();
            units.iter().enumerate().for_each(|(bit, &(l, unit))| x[l][unit] = (state >> bit & 1) as f64);
            let layer = |l: usize| -> f64 {
                let given = l % 2 == parity || (l == 0 && visible.is_some());
                let biases = self.biases[l].iter().map(|&b| f64::from(b));
                if given {
                    return biases.zip(&x[l]).map(|(b, x)| b * x).sum();
                }
                biases.enumerate().map(|(unit, b)| softplus(b + self.total(l, unit, &x))).sum()
            };
            // If both the visible units and the first hidden layer are given, their interaction comes in here.
            let joined = match visible {
                Some(_) if parity == 1 => (0..self.widths[0]).map(|unit| x[0][unit] * self.total(0, unit, &x)).sum(),
                _ => 0.0,
            };
            (0..self.widths.len()).map(layer).sum::<f64>() + joined
        };
        Ok(log_sum_exp((0..1 << units.len()).map(term)))
    }

    /// Input of a unit from the layers below and above, for these states of all layers.
    fn total(&self, l: usize, unit: usize, x: &[Vec<f64>]) -> f64 {
        let below = l.checked_sub(1).map_or(0.0, |k| {
            let column = self.weights[k].iter().skip(unit).step_by(self.widths[l]);
            column.zip(&x[k]).map(|(w, x)| f64::from(*w) * x).sum()
        });
        let above = self.weights.get(l).map_or(0.0, |w| {
            let row = &w[unit * self.widths[l + 1]..][..self.widths[l + 1]];
            row.iter().zip(&x[l + 1]).map(|(w, x)| f64::from(*w) * x).sum()
        });
        below + above
    }
}

impl Ais {
    /// From the logarithms of importance weights.
    fn of(log_weights: &[f64], temperatures: usize) -> Self {
        let runs = log_weights.len();
        let log_z = log_sum_exp(log_weights.iter().copied()) - (runs as f64).ln();
        // Relative to the mean weight, so that the mean is 1.
        let squares: f64 = log_weights.iter().map(|w| ((w - log_z).exp() - 1.0).powi(2)).sum();
        let error = (squares / (runs as f64 - 1.0).max(1.0) / runs as f64).sqrt();
        let at = |factor: f64| log_z + factor.max(0.0).ln();
        Self { log_z, low: at(1.0 - 3.0 * error), high: at(1.0 + 3.0 * error), runs, temperatures }
    }
}

fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// ln Σ e^x, of any number of terms in one pass.
fn log_sum_exp(terms: impl Iterator<Item = f64>) -> f64 {
    let (most, sum) = terms.fold((f64::NEG_INFINITY, 0.0), |(most, sum): (f64, f64), x| {
        let higher = most.max(x);
        (higher, sum * (most - higher).exp() + (x - higher).exp())
    });
    most + sum.ln()
}
