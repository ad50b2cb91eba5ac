//! A model on a device, with its states: the common part of `train`, `sample` and `eval`.

mod fitting;
mod latent;
mod open;
mod ranks;
mod stream;
mod writing;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

pub use open::{
    check_states, data_options, ensure_memory, examples, examples_of, known_options, layout, open_data, open_device,
    open_held_out, open_validation, table, upgrade, upload,
};

pub use latent::{Projected, mean_square};
pub use stream::{check_labels, placed, ring, supply};
pub use writing::{Decoding, Step};

use crate::{
    checkpoint::{Checkpoint, FORMAT, NEWEST_FORMAT, Tensor},
    data::{Dataset, Series},
    engine::{Engine, Order, Plans},
    error::{Error, Result},
    graph::numel,
    kernels::{Caps, Clock},
    memory,
    models::{self, CALIBRATE, Examples, Model, RECONSTRUCT, SAMPLE, SETTLE},
    probe::{self, PROBES, Probe},
    runner::Runner,
    settings::Settings,
};

/// Combined (XOR) with the seed of training, this gives the seed of sampling.
pub(crate) const SAMPLING: u64 = 0x5a3d_1e50_0000_0000;

/// Least time between two comparisons of the states of ranks.
const COMPARED: Duration = Duration::from_secs(1);

/// A model on a device, which can be trained, run, saved and restored.
pub struct Session {
    engine: Engine,
    settings: Settings,
    examples: Examples,
    phases: Vec<(&'static str, u64)>,
    calibration: u64,
    /// Index of the phase of the last round; before the first round, of that round.
    phase: usize,
    step: u64,
    /// The step at which this session began.
    begun: u64,
    /// The step whose states [`Session::fit`] was made for.
    fitted: Option<u64>,
    /// The step whose running statistics are computed already.
    calibrated: Option<u64>,
    /// See [`Session::truncate`].
    truncation: f32,
    /// See [`Session::start_from`].
    vectors: Vec<f32>,
    /// When ranks compared their states.
    compared: Instant,
}

impl Session {
    /// Opens the data and the device that the settings name, and loads the training of their variant.
    ///
    /// # Errors
    /// Data or a device that cannot be used, settings that contradict each other or the data, a plan that does not fit.
    pub fn open(settings: &Settings) -> Result<Self> {
        let dataset = open_data(settings)?;
        let model = models::variant(&settings.variant)?.model(settings, &examples(&dataset))?;
        Self::to_train(&model, settings, &dataset)
    }

    /// Loads the training of any model on the device that the settings name, and the data set.
    ///
    /// # Errors
    /// A device that cannot be used, a plan that does not fit.
    pub fn to_train(model: &Model, settings: &Settings, dataset: &Dataset) -> Result<Self> {
        let (runner, caps, _) = open_device(settings.adapter.as_deref())?;
        Self::on(runner, &caps, model, settings, dataset)
    }

    /// Loads the training of a model, and its data set, on this runner.
    ///
    /// # Errors
    /// A plan that does not fit.
    pub fn on(
        mut runner: Box<dyn Runner>,
        caps: &Caps,
        model: &Model,
        settings: &Settings,
        dataset: &Dataset,
    ) -> Result<Self> {
        check_labels(dataset, settings)?;
        let layout = placed(dataset, model.training(), settings, caps)?;
        let plans = Plans::new(model.training(), caps, Some(layout))?;
        ensure_memory(&plans, runner.as_ref())?;
        supply(runner.as_mut(), dataset, settings, &plans)?;
        Self::new(runner, settings, examples(dataset), model, plans)
    }

    /// Loads the plans of all or some of a model's graphs, and gives every state its initial value.
    pub fn new(
        runner: Box<dyn Runner>,
        settings: &Settings,
        examples: Examples,
        model: &Model,
        mut plans: Plans,
    ) -> Result<Self> {
        let phases: Vec<_> = model.phases.iter().map(|phase| (phase.name, phase.until)).collect();
        if phases.iter().any(|(phase, _)| plans.get(phase).is_some()) {
            probe::add(&mut plans);
        }
        let engine = Engine::new(runner, plans, settings.seed)?;
        Ok(Self {
            engine,
            settings: settings.clone(),
            examples,
            phases,
            calibration: model.calibration,
            phase: 0,
            step: 0,
            begun: 0,
            fitted: None,
            calibrated: None,
            truncation: 1.0,
            vectors: vec![],
            compared: Instant::now(),
        })
    }

    /// Names of the metrics of the last round's phase, in the order of their rows.
    pub fn metrics(&self) -> &[String] {
        self.engine.program(self.phases[self.phase].0).map_or(&[], |program| &program.metrics)
    }

    /// Number of rounds done.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// The last round's phase, if there are several.
    pub fn phase(&self) -> Option<&'static str> {
        (self.phases.len() > 1).then(|| self.phases[self.phase].0)
    }

    /// The step at which the phase of the next round ends.
    pub fn phase_end(&self) -> u64 {
        self.phases[self.phase_of(self.step)].1
    }

    fn phase_of(&self, step: u64) -> usize {
        self.phases.iter().position(|(_, until)| step < *until).unwrap_or(self.phases.len() - 1)
    }

    /// The engine, which holds the states on the device.
    pub fn engine(&mut self) -> &mut Engine {
        &mut self.engine
    }

    /// See [`Meter::waited`](crate::runner::Meter::waited).
    pub fn waited(&mut self) -> Option<Duration> {
        self.engine.waited()
    }

    /// Makes the round of this step the next one, with the states as they are: to time rounds of later phases.
    pub fn go_to(&mut self, step: u64) -> Result<()> {
        (self.step, self.calibrated) = (step, None);
        self.engine.set_clock(Clock { step, seed: self.settings.seed })
    }

    /// The device and its driver, for people.
    pub fn describe(&self) -> String {
        self.engine.describe()
    }

    /// Trains for `rounds` rounds, but at most to the end of the phase. Returns one row of metrics per round, for the
    /// last 256 rounds at most.
    ///
    /// # Errors
    /// A metric or a state that is not finite. The error names the metric and its step, or the tensor and the step of
    /// the first check that found it ([`PROBES`]). The states are lost then.
    pub fn train(&mut self, rounds: u64) -> Result<Vec<Vec<f32>>> {
        self.phase = self.phase_of(self.step);
        let until = self.phases[self.phase].1;
        let end = self.step + rounds.min(until - self.step);
        // Reading all states takes a while: ranks compare them at lines of metrics, and once a second at most.
        let is_due = end.is_multiple_of(self.settings.log_every) || end == self.settings.steps;
        let compares = is_due && (end == self.settings.steps || self.compared.elapsed() > COMPARED);
        self.engine.order(Order::Train { rounds: end - self.step, compares })?;
        self.rounds(end, compares)
    }

    /// Trains up to a step of the phase, and compares the states of ranks if `compares`.
    fn rounds(&mut self, end: u64, compares: bool) -> Result<Vec<Vec<f32>>> {
        let (name, _) = self.phases[self.phase];
        let mut looked: BTreeMap<&str, &Probe> = BTreeMap::new();
        while self.step < end {
            let next = Probe::next(self.step).map_or(end, |next| next.min(end));
            let started = self.engine.start(name, next - self.step);
            // Data that cannot be read leaves whole rounds behind it.
            self.step = self.engine.clock();
            started?;
            for probe in PROBES.iter().filter(|probe| probe.is_due(next, self.settings.steps)) {
                self.engine.start(probe.name, 1)?;
                looked.insert(probe.name, probe);
            }
        }
        let rows = self.engine.rows(name)?;
        let mut faults = Vec::from_iter(self.engine.bad_metric(name, &rows));
        for probe in looked.values() {
            if let Some((step, what)) = (probe.fault)(&mut self.engine)? {
                let before = probe.before(step, self.begun);
                faults.push((step, format!("{what} at step {step}; it was at step {before}")));
            }
        }
        if let Some((_, what)) = faults.into_iter().min_by_key(|(step, _)| *step) {
            return Err(Error::Diverged(what));
        }
        if compares {
            self.engine.compare()?;
            self.compared = Instant::now();
        }
        Ok(rows)
    }

    /// Whether the model has a graph of this name, and it is loaded.
    pub fn has(&self, graph: &str) -> bool {
        self.engine.program(graph).is_some()
    }

    /// Generates samples `[count, ..shape]`, flat; the same ones for the same seed and states. `class` selects a class
    /// of a conditional model; without it the classes take turns.
    pub fn generate(&mut self, count: usize, seed: u64, class: Option<usize>) -> Result<Vec<f32>> {
        self.ensure(count)?;
        let z = self.noise(0..count * self.latent_size(), seed);
        self.decode(&z, count, seed, class)
    }

    /// The same, each sample of the class that is given for it.
    pub fn generate_of(&mut self, classes: &[u32], seed: u64) -> Result<Vec<f32>> {
        self.ensure(classes.len())?;
        let z = self.noise(0..classes.len() * self.latent_size(), seed);
        self.decode_from(&z, classes.len(), 0, seed, &|i| classes.get(i).map_or(0, |class| *class as usize))
    }

    /// Samples after the `first` ones of the endless sequence that [`Session::generate`] begins; `first` is a multiple
    /// of [`Session::sample_rows`].
    pub fn generate_from(&mut self, first: usize, count: usize, seed: u64) -> Result<Vec<f32>> {
        self.ensure(count)?;
        let (size, batch) = (self.latent_size(), first / self.sample_rows());
        let z = self.noise(first * size..(first + count) * size, seed);
        let classes = self.examples.classes;
        self.decode_from(&z, count, batch, seed, &|i| i % classes)
    }

    /// Refuses more samples than there is memory for: latent values, samples, and the buffers for writing a file.
    ///
    /// # Errors
    /// The sentence for that.
    pub fn ensure(&self, count: usize) -> Result<()> {
        let values = self.latent_size().saturating_add(3 * numel(&self.examples.values(1)));
        memory::ensure((count as u64).saturating_mul(4 * values as u64))
            .map_err(|e| Error::failure(format!("{count} samples: {e}; fewer take less")))
    }

    /// Length of one sample's latent input; 0 for a model that starts its samples from something else.
    pub fn latent_size(&self) -> usize {
        let z = self.engine.program(SAMPLE).and_then(|p| p.input("z"));
        z.map_or(0, |len| len / self.sample_rows())
    }

    /// The values of `count` samples, flat, from latent vectors `[count, latent]`; missing latent values are zeros.
    pub fn decode(&mut self, z: &[f32], count: usize, seed: u64, class: Option<usize>) -> Result<Vec<f32>> {
        let classes = self.examples.classes;
        self.decode_from(z, count, 0, seed, &|i| class.unwrap_or(i % classes))
    }

    /// The same, where `first` batches came before, each sample of the class that its place has.
    fn decode_from(
        &mut self,
        z: &[f32],
        count: usize,
        first: usize,
        seed: u64,
        class: &dyn Fn(usize) -> usize,
    ) -> Result<Vec<f32>> {
        self.calibrate()?;
        let rows = self.sample_rows();
        let size = rows * self.latent_size();
        let (len, classes) = (numel(&self.examples.values(1)), self.examples.classes);
        let mut samples = self.engine.aside(SAMPLE, |engine| {
            let mut samples = vec![];
            for batch in 0..count.div_ceil(rows) {
                let mut latent: Vec<f32> = z.iter().skip(batch * size).take(size).copied().collect();
                latent.resize(size, 0.0);
                let one_hot = |n: usize| if class(batch * rows + n / classes) == n % classes { 1.0 } else { 0.0 };
                let one_hot: Vec<f32> = (0..rows * classes).map(one_hot).collect();
                let inputs = [("z", latent.as_slice()), ("classes", one_hot.as_slice())];
                // Noise that the graph draws itself differs from that of training with this seed.
                engine.set_clock(Clock { step: (first + batch) as u64, seed: seed ^ SAMPLING })?;
                samples.extend(engine.ask(SAMPLE, &inputs)?);
            }
            Ok(samples)
        })?;
        samples.truncate(count * len);
        Ok(match (&self.examples.series, &self.examples.shape[..]) {
            (Some(Series::Columns(columns)), [steps, _]) => columns.settled(samples, *steps),
            _ => samples,
        })
    }

    /// Encodes and decodes the values of examples: their reconstructions, in the same layout.
    pub fn reconstruct(&mut self, x: &[f32]) -> Result<Vec<f32>> {
        Ok(self.answers(RECONSTRUCT, &["samples"], x, 0)?.remove(0))
    }

    /// Runs a graph on the values `x` of examples and returns the named outputs for all of them, flat. `seed`
    /// determines the noise that the graph draws.
    pub fn answers(&mut self, graph: &str, outputs: &[&str], x: &[f32], seed: u64) -> Result<Vec<Vec<f32>>> {
        self.answers_to(graph, outputs, &[("x", x)], seed)
    }

    /// The same for inputs by name, each with the values of all examples.
    pub fn answers_to(
        &mut self,
        graph: &str,
        outputs: &[&str],
        inputs: &[(&str, &[f32])],
        seed: u64,
    ) -> Result<Vec<Vec<f32>>> {
        self.calibrate()?;
        let rows = self.rows(graph, outputs[0]);
        let sizes: Vec<usize> = inputs.iter().map(|(name, _)| self.input(graph, name).unwrap_or(0)).collect();
        let count = inputs[0].1.len() * rows / sizes[0].max(1);
        self.engine.aside(graph, |engine| {
            let mut all = vec![vec![]; outputs.len()];
            for batch in 0..count.div_ceil(rows) {
                let mut padded = vec![];
                for ((_, values), size) in inputs.iter().zip(&sizes) {
                    let mut part: Vec<f32> = values.iter().skip(batch * size).take(*size).copied().collect();
                    part.resize(*size, 0.0);
                    padded.push(part);
                }
                let named: Vec<(&str, &[f32])> =
                    inputs.iter().zip(&padded).map(|((name, _), part)| (*name, part.as_slice())).collect();
                engine.set_clock(Clock { step: batch as u64, seed: seed ^ SAMPLING })?;
                engine.feed(graph, &named)?;
                for (all, output) in all.iter_mut().zip(outputs) {
                    all.extend(engine.output(graph, output)?);
                }
            }
            all.iter_mut().for_each(|values| values.truncate(values.len() / (count.div_ceil(rows) * rows) * count));
            Ok(all)
        })
    }

    /// The shapes of a graph's outputs.
    pub fn shapes(&self, graph: &str) -> Vec<Vec<usize>> {
        self.engine.program(graph).map_or(vec![], |program| program.outputs.iter().map(|o| o.shape.clone()).collect())
    }

    /// Number of values of a graph's input, if it has it.
    pub fn input(&self, graph: &str, name: &str) -> Option<usize> {
        self.engine.program(graph)?.input(name)
    }

    /// Gives batch norm running moments where training keeps none, by the graph [`SETTLE`]: the mean of those of these
    /// batches.
    ///
    /// # Errors
    /// A device that fails.
    pub fn settle(&mut self, batches: impl Iterator<Item = Vec<f32>>) -> Result<()> {
        for (n, x) in batches.enumerate() {
            self.engine.set_clock(Clock { step: n as u64, seed: self.settings.seed })?;
            self.engine.feed(SETTLE, &[("x", &x)])?;
        }
        self.engine.set_clock(Clock { step: self.step, seed: self.settings.seed })
    }

    /// First extent of a graph's output.
    pub fn rows(&self, graph: &str, output: &str) -> usize {
        let outputs = self.engine.program(graph).map_or(&[][..], |program| &program.outputs);
        outputs.iter().find(|o| o.name == output).map_or(1, |o| o.shape[0])
    }

    /// Number of samples in one run of the sampling graph.
    pub fn sample_rows(&self) -> usize {
        self.rows(SAMPLE, "samples")
    }

    /// Computes the running statistics of an averaged generator, from its weights and the seed alone.
    fn calibrate(&mut self) -> Result<()> {
        if !self.has(CALIBRATE) || self.calibrated == Some(self.step) {
            return Ok(());
        }
        self.engine.set_clock(Clock { step: 0, seed: self.settings.seed })?;
        self.engine.run(CALIBRATE, self.calibration)?;
        self.engine.set_clock(Clock { step: self.step, seed: self.settings.seed })?;
        self.calibrated = Some(self.step);
        Ok(())
    }

    /// A checkpoint with everything that a resume or a sampler needs.
    ///
    /// # Errors
    /// A state that is not finite: such a checkpoint is not worth keeping.
    pub fn checkpoint(&mut self) -> Result<Checkpoint> {
        self.engine.order(Order::Rows)?;
        self.engine.gather_rows()?;
        self.calibrate()?;
        self.fit()?;
        // Memory for the values, and for the bytes of the file.
        memory::ensure(self.engine.items().iter().map(|item| 2 * 4 * numel(&item.shape) as u64).sum())?;
        let mut tensors = BTreeMap::new();
        for item in self.engine.items().to_vec() {
            let data = self.engine.read(&item)?;
            if data.iter().any(|v| !v.is_finite()) {
                return Err(Error::Diverged(format!("{} is no longer finite at step {}", item.name, self.step)));
            }
            tensors.insert(item.name, Tensor { shape: item.shape, data });
        }
        let s = &self.settings;
        let shape = self.examples.shape.iter().map(|n| n.to_string()).collect::<Vec<_>>().join("x");
        let meta = [
            (FORMAT, NEWEST_FORMAT.to_string()),
            ("variant", s.variant.clone()),
            ("step", self.step.to_string()),
            ("seed", s.seed.to_string()),
            ("shape", shape),
            ("classes", self.examples.classes.to_string()),
            ("series", serde_json::to_string(&self.examples.series).expect("names and numbers are JSON")),
        ];
        Ok(Checkpoint { tensors, meta: meta.map(|(k, v)| (k.to_string(), v)).into() })
    }

    /// Gives states of these names and shapes these values, before the first step.
    ///
    /// # Errors
    /// A device that fails.
    pub fn adopt(&mut self, tensors: &BTreeMap<String, Tensor>) -> Result<()> {
        for item in self.engine.items().to_vec() {
            if let Some(tensor) = tensors.get(&item.name).filter(|tensor| tensor.shape == item.shape) {
                self.engine.write(&item, &tensor.data)?;
            }
        }
        Ok(())
    }

    /// Restores the states and the step of a checkpoint; [`upgrade`] makes one of an earlier format fit a training.
    ///
    /// # Errors
    /// Another variant or seed, or tensors of other names or shapes ([`check_states`] says which).
    pub fn restore(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        let variant: String = checkpoint.meta("variant")?;
        if variant != self.settings.variant {
            return Err(Error::failure(format!(
                "the checkpoint is of `{variant}`, and this run is of `{}`",
                self.settings.variant
            )));
        }
        let seed: u64 = checkpoint.meta("seed")?;
        if seed != self.settings.seed {
            let ours = self.settings.seed;
            return Err(Error::failure(format!(
                "the checkpoint is of a run with seed {seed}, and this one has {ours}"
            )));
        }
        let step: u64 = checkpoint.meta("step")?;
        if step > i64::MAX as u64 {
            return Err(Error::failure(format!("the checkpoint's `step` cannot be {step}")));
        }
        self.calibrated = None;
        for item in self.engine.items().to_vec() {
            let tensor = checkpoint.tensors.get(&item.name).filter(|tensor| tensor.shape == item.shape);
            let tensor = tensor.ok_or_else(|| Error::failure(format!("the checkpoint has no such {}", item.name)))?;
            self.engine.write(&item, &tensor.data)?;
        }
        self.step = step;
        self.fitted = None;
        self.begun = step;
        self.phase = self.phase_of(self.step.saturating_sub(1));
        self.engine.set_clock(Clock { step: self.step, seed: self.settings.seed })
    }
}
