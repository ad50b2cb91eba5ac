//! TimeGAN's two scorers (Yoon et al. 2019; `metrics/*.py` of their code): a small recurrent network each, newly
//! trained.

use super::{Setup, check_samples, descend};
use crate::{
    engine::{Engine, Plans},
    error::Result,
    graph::{Graph, Var},
    metrics::{choose, mean},
    nn::{Mode, Net, Recurrence, Start, last_step},
};

/// Windows per update, of each kind.
const BATCH: usize = 128;
/// Windows per run of the graph that tests.
const ROWS: usize = 500;
const RATE: f64 = 1e-3;
const DISCRIMINATIVE_ROUNDS: u64 = 2000;
const PREDICTIVE_ROUNDS: u64 = 5000;
/// Names of the inputs.
const KINDS: [&str; 2] = ["first", "second"];
/// Offset of the seeds of splits, so that they differ from the seeds of batches.
const SPLIT: u64 = 1 << 31;

/// Windows of series, `[N, T, F]` row-major.
#[derive(Clone, Copy)]
pub(super) struct Windows<'a> {
    pub values: &'a [f32],
    /// `[T, F]`.
    pub shape: [usize; 2],
}

impl<'a> Windows<'a> {
    pub fn new(values: &'a [f32], shape: [usize; 2]) -> Self {
        Self { values, shape }
    }

    /// Values of one window.
    pub fn len(&self) -> usize {
        self.shape[0] * self.shape[1]
    }

    pub fn count(&self) -> usize {
        self.values.len() / self.len()
    }

    /// Number of windows that train, the first four fifths of a random order; the others test.
    fn trained(&self) -> usize {
        self.count() * 4 / 5
    }

    /// Number of windows that test.
    pub fn tested(&self) -> usize {
        self.count() - self.trained()
    }

    /// Shape `[B, T, F]` of a batch of at most `most` windows.
    fn batch(&self, most: usize) -> [usize; 3] {
        [most.min(self.count()), self.shape[0], self.shape[1]]
    }

    /// The values of the first `count` windows, or of all if there are fewer.
    pub fn first(&self, count: usize) -> &'a [f32] {
        &self.values[..count.min(self.count()) * self.len()]
    }

    /// The values of the windows at these indices.
    pub fn pick(&self, places: &[usize]) -> Vec<f32> {
        places.iter().flat_map(|&i| &self.values[i * self.len()..][..self.len()]).copied().collect()
    }
}

/// |accuracy - 1/2| of a network that learns to tell two kinds of windows apart: it learns from four fifths of the
/// windows and is tested on the others.
pub(super) fn discriminative_score(first: Windows, second: Windows, setup: &Setup, repetition: u64) -> Result<f64> {
    let seed = seed(setup, repetition);
    let parts = [(first, seed.wrapping_add(SPLIT)), (second, seed.wrapping_add(SPLIT + 1))].map(|(windows, seed)| {
        let order = choose(windows.count(), windows.count(), seed);
        let (train, test) = order.split_at(windows.trained());
        (windows.pick(train), windows.pick(test))
    });
    let train_windows = [&parts[0].0, &parts[1].0].map(|values| Windows::new(values, first.shape));
    let round = Graph::new();
    {
        let net = Net::new(&round, "scorer", Start::Xavier, Mode::Train);
        let [first, second] = [0, 1].map(|n| round.input(KINDS[n], &train_windows[n].batch(BATCH)));
        let logits = logits_of_last(&net, first.concat(second, 0));
        let on_first = logits.slice(&[0, 0], &[first.dim(0), 1]);
        let on_second = logits.slice(&[first.dim(0), 0], &[second.dim(0), 1]);
        let loss = (-on_first).softplus().mean_all() + on_second.softplus().mean_all();
        descend(&net, loss, round.scalar(RATE));
    }
    let answer = Graph::new();
    {
        let net = Net::new(&answer, "scorer", Start::Xavier, Mode::Eval);
        answer.output("answers", logits_of_last(&net, answer.input(KINDS[0], &[ROWS, first.shape[0], first.shape[1]])));
    }
    let mut engine = engine(&round, &answer, setup, seed)?;
    train(&mut engine, setup.updates(DISCRIMINATIVE_ROUNDS), &train_windows, seed, setup)?;
    let mut right = 0;
    for ((_, test), is_first) in parts.iter().zip([true, false]) {
        let logits = answers(&mut engine, Windows::new(test, first.shape), 1)?;
        right += logits.iter().filter(|&&logit| (logit > 0.0) == is_first).count();
    }
    Ok((right as f64 / (first.tested() + second.tested()) as f64 - 0.5).abs())
}

/// Mean absolute error on the windows `tested` of a network that learns from the windows `trained` to predict the last
/// feature, one step ahead, from the other features up to then.
pub(super) fn predictive_score(trained: Windows, tested: Windows, setup: &Setup, repetition: u64) -> Result<f64> {
    let [steps, features] = trained.shape;
    let seed = seed(setup, repetition);
    let round = Graph::new();
    {
        let net = Net::new(&round, "scorer", Start::Xavier, Mode::Train);
        let x = round.input(KINDS[0], &trained.batch(BATCH));
        let truth = x.slice(&[0, 1, features - 1], &[x.dim(0), steps - 1, 1]);
        descend(&net, (foretold(&net, x) - truth).abs().mean_all(), round.scalar(RATE));
    }
    let answer = Graph::new();
    {
        let net = Net::new(&answer, "scorer", Start::Xavier, Mode::Eval);
        answer.output("answers", foretold(&net, answer.input(KINDS[0], &[ROWS, steps, features])));
    }
    let mut engine = engine(&round, &answer, setup, seed)?;
    train(&mut engine, setup.updates(PREDICTIVE_ROUNDS), &[trained], seed, setup)?;
    let foretold = answers(&mut engine, tested, steps - 1)?;
    let truth = tested.values.chunks_exact(features).map(|step| step[features - 1]).enumerate();
    let truth = truth.filter(|(n, _)| n % steps > 0).map(|(_, truth)| truth);
    let errors: Vec<f64> = foretold.iter().zip(truth).map(|(a, b)| f64::from((a - b).abs())).collect();
    Ok(mean(&errors))
}

/// x `[B, T, F]` -> logits `[B, 1]` from the last state.
fn logits_of_last<'g>(net: &Net<'g>, x: Var<'g>) -> Var<'g> {
    let hidden = (x.dim(2) / 2).max(1);
    let states = net.tensorflow_gru("gru", x.permute(&[1, 0, 2]), hidden, &Recurrence::default());
    net.dense("dense", last_step(states, None), 1)
}

/// x `[B, T, F]` -> predictions in (0, 1) `[B, T - 1, 1]`: step t predicts the last feature at t + 1 from the others up
/// to t.
fn foretold<'g>(net: &Net<'g>, x: Var<'g>) -> Var<'g> {
    let [rows, steps, features] = [0, 1, 2].map(|axis| x.dim(axis));
    let hidden = (features / 2).max(1);
    let seen = x.slice(&[0; 3], &[rows, steps - 1, features - 1]);
    let states = net.tensorflow_gru("gru", seen.permute(&[1, 0, 2]), hidden, &Recurrence::default());
    let states = states.permute(&[1, 0, 2]);
    let logits = net.dense("dense", states.reshape(&[rows * (steps - 1), hidden]), 1);
    logits.sigmoid().reshape(&[rows, steps - 1, 1])
}

fn seed(setup: &Setup, repetition: u64) -> u64 {
    setup.seed.wrapping_add(repetition << 32)
}

fn engine(round: &Graph, answer: &Graph, setup: &Setup, seed: u64) -> Result<Engine> {
    let (runner, caps) = (setup.device)()?;
    Engine::new(runner, Plans::new([("round", round), ("answer", answer)], &caps, None)?, seed)
}

/// Trains on batches that the host draws as TimeGAN's code does: all different within a batch, each batch
/// independently.
fn train(engine: &mut Engine, rounds: u64, kinds: &[Windows], seed: u64, setup: &Setup) -> Result<()> {
    for round in 0..rounds {
        let draw = seed.wrapping_add(round * kinds.len() as u64);
        let batch = |(n, windows): (usize, &Windows)| {
            windows.pick(&choose(windows.batch(BATCH)[0], windows.count(), draw.wrapping_add(n as u64)))
        };
        let batches: Vec<Vec<f32>> = kinds.iter().enumerate().map(batch).collect();
        let inputs: Vec<(&str, &[f32])> = KINDS.into_iter().zip(batches.iter().map(Vec::as_slice)).collect();
        engine.feed("round", &inputs)?;
        (setup.seen)("a scorer of sequences learns", round + 1, rounds);
    }
    Ok(())
}

/// The outputs of the network for windows, `each` values per window.
///
/// # Errors
/// Outputs that are not finite: the training diverged.
fn answers(engine: &mut Engine, windows: Windows, each: usize) -> Result<Vec<f32>> {
    let mut answers = vec![];
    for some in windows.values.chunks(ROWS * windows.len()) {
        let mut some = some.to_vec();
        some.resize(ROWS * windows.len(), 0.0);
        answers.extend(engine.ask("answer", &[(KINDS[0], &some)])?);
    }
    answers.truncate(windows.count() * each);
    check_samples(&answers, each)?;
    Ok(answers)
}
