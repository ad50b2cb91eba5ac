//! A model on a device with its states: what `train` and `sample` have in common.

use std::collections::BTreeMap;

use crate::{
    checkpoint::{Checkpoint, Tensor},
    cpu::Cpu,
    data::{self, Dataset, Items},
    error::{Error, Result},
    gpu::{self, Choice},
    graph::numel,
    initial,
    kernels::{
        Caps,
        gather::Data,
        random::{PURPOSE_SAMPLE, normal, philox, uniform},
    },
    models::{self, Examples, Model},
    plan::plan,
    program::{Program, StateItem},
    runner::{ProgramId, Runner},
    settings::{LatentDist, Settings},
};

/// Rounds that fit the statistics of an averaged generator before it is sampled.
const CALIBRATION_ROUNDS: usize = 32;

/// A planned model: everything that is known before a device does anything.
pub struct Plans {
    /// None where the model is only sampled.
    pub round: Option<Program>,
    /// Fits running statistics; see [`Model::calibrate`].
    pub calibrate: Option<Program>,
    /// Latent vectors to samples.
    pub sample: Program,
}

impl Plans {
    /// For training on data of this layout; without one, for sampling only.
    pub fn new(model: &Model, caps: &Caps, data: Option<Data>) -> Result<Self> {
        let sample = plan(&model.sample, caps, None)?;
        if data.is_none() {
            return Ok(Self { round: None, calibrate: None, sample });
        }
        let calibrate = model.calibrate.as_ref().map(|g| plan(g, caps, data)).transpose()?;
        Ok(Self { round: Some(plan(&model.round, caps, data)?), calibrate, sample })
    }

    /// The programs there are.
    pub fn programs(&self) -> impl Iterator<Item = &Program> {
        [self.round.as_ref(), self.calibrate.as_ref(), Some(&self.sample)].into_iter().flatten()
    }

    /// All tensors of all states, once each, by name.
    pub fn items(&self) -> Vec<StateItem> {
        let all = self.programs();
        let named: BTreeMap<String, StateItem> =
            all.flat_map(|p| &p.items).map(|i| (i.name.clone(), i.clone())).collect();
        named.into_values().collect()
    }
}

/// Opens the data set that the settings name.
pub fn open_data(s: &Settings) -> Result<Dataset> {
    let options = data::Options { size: s.size, channels: s.channels, stack: s.stack, ..Default::default() };
    data::open(&s.data, &options)
}

/// What a data set's examples are to a model.
pub fn examples(dataset: &Dataset) -> Examples {
    Examples { shape: dataset.shape.clone(), classes: dataset.classes() }
}

/// The examples that a checkpoint's model was trained on.
pub fn examples_of(checkpoint: &Checkpoint) -> Result<Examples> {
    let text: String = checkpoint.meta("shape")?;
    let shape: Result<Vec<usize>, _> = text.split('x').map(str::parse).collect();
    let shape = shape.map_err(|_| Error::failure(format!("the checkpoint's `shape` cannot be `{text}`")))?;
    Ok(Examples { shape, classes: checkpoint.meta("classes")? })
}

/// Puts a data set on the device.
pub fn upload(runner: &mut dyn Runner, dataset: &Dataset) -> Result<()> {
    let classes = dataset.labels.as_ref().map_or(vec![0], |l| l.ids.clone());
    runner.set_data(&packed(&dataset.items), &classes)
}

/// The data set's shape on the device.
pub fn layout(dataset: &Dataset) -> Data {
    let bytes = matches!(dataset.items, Items::Bytes(_));
    Data { count: dataset.len(), item_len: dataset.item_len(), bytes, stack: dataset.stack, classes: dataset.classes() }
}

/// Items as the words that devices keep.
pub fn packed(items: &Items) -> Vec<u32> {
    let word = |b: &[u8]| b.iter().rev().fold(0, |w, &b| w << 8 | u32::from(b));
    match items {
        Items::Bytes(bytes) => bytes.chunks(4).map(word).collect(),
        Items::Floats(floats) => floats.iter().map(|v| v.to_bits()).collect(),
    }
}

/// The runner for a device, what plans for it may assume, and why it was chosen.
pub fn open_device(adapter: Option<&str>) -> Result<(Box<dyn Runner>, Caps, String)> {
    let choice = gpu::choose(adapter)?;
    let reason = choice.reason().to_string();
    match choice {
        Choice::Cpu { .. } => Ok((Box::new(Cpu::new()), Cpu::caps(), reason)),
        Choice::Gpu { adapter, .. } => {
            let runner = gpu::Gpu::open(&adapter, false)?;
            let caps = runner.device().caps.clone();
            Ok((Box::new(runner), caps, reason))
        }
    }
}

/// A model's programs, loaded.
pub struct Session {
    runner: Box<dyn Runner>,
    settings: Settings,
    examples: Examples,
    items: Vec<StateItem>,
    round: Option<ProgramId>,
    sample: ProgramId,
    calibrate: Option<ProgramId>,
    metrics: Vec<String>,
    step: u64,
}

impl Session {
    /// Loads programs, and gives every state its initial value.
    pub fn new(mut runner: Box<dyn Runner>, settings: &Settings, examples: Examples, plans: &Plans) -> Result<Self> {
        let round = plans.round.as_ref().map(|p| runner.load(p)).transpose()?;
        let calibrate = plans.calibrate.as_ref().map(|p| runner.load(p)).transpose()?;
        let sample = runner.load(&plans.sample)?;
        let metrics = plans.round.as_ref().map_or(vec![], |p| p.metrics.clone());
        let settings = settings.clone();
        runner.set_clock(0, settings.seed)?;
        for item in plans.items() {
            runner.write_state(&item.state, item.offset, &initial::values(&item, settings.seed))?;
        }
        Ok(Self { runner, settings, examples, items: plans.items(), round, sample, calibrate, metrics, step: 0 })
    }

    /// Names of the metrics, in the order of their rows.
    pub fn metrics(&self) -> &[String] {
        &self.metrics
    }

    /// Rounds done.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// The device and its driver, for people.
    pub fn describe(&self) -> String {
        self.runner.describe()
    }

    /// Trains for some rounds and returns each one's metrics.
    ///
    /// # Errors
    /// A metric that is not finite: the states are lost then, and the sentence names the step and the metric.
    pub fn train(&mut self, rounds: u64) -> Result<Vec<Vec<f32>>> {
        let round = self.round.expect("a session that trains has a round");
        self.runner.run(round, rounds as usize)?;
        let rows = self.runner.metrics(round)?;
        let first = self.step + rounds - rows.len() as u64;
        for (i, row) in rows.iter().enumerate() {
            if let Some(bad) = row.iter().position(|v| !v.is_finite()) {
                let (step, name, value) = (first + i as u64 + 1, &self.metrics[bad], row[bad]);
                return Err(diverged(format!("{name} became {value} at step {step}")));
            }
        }
        self.step += rounds;
        Ok(rows)
    }

    /// Number of samples that the device makes at once.
    fn rows(&self) -> usize {
        models::sample_rows(&self.settings, &self.examples)
    }

    /// Generates `count` samples, back to back; the same ones for the same seed and states. `class` wants one class of a
    /// conditional model, otherwise they come in turn.
    pub fn generate(&mut self, count: usize, seed: u64, class: Option<usize>) -> Result<Vec<f32>> {
        self.calibrate()?;
        let (rows, latent, len) = (self.rows(), self.settings.latent, numel(&self.examples.shape));
        let mut samples = vec![];
        for batch in 0..count.div_ceil(rows) {
            let z = noise(self.settings.latent_dist, batch * rows * latent..(batch + 1) * rows * latent, seed);
            self.runner.write_input(self.sample, "z", &z)?;
            if self.settings.conditional {
                let classes = self.examples.classes;
                let class = |row: usize| class.unwrap_or((batch * rows + row) % classes);
                let one_hot = |n: usize| if class(n / classes) == n % classes { 1.0 } else { 0.0 };
                self.runner.write_input(
                    self.sample,
                    "classes",
                    &(0..rows * classes).map(one_hot).collect::<Vec<f32>>(),
                )?;
            }
            self.runner.run(self.sample, 1)?;
            samples.extend(self.runner.read_output(self.sample, "samples")?);
        }
        samples.truncate(count * len);
        Ok(samples)
    }

    /// Fits the statistics of an averaged generator, a function of its weights and the seed alone.
    fn calibrate(&mut self) -> Result<()> {
        let Some(calibrate) = self.calibrate else { return Ok(()) };
        self.runner.set_clock(0, self.settings.seed)?;
        self.runner.run(calibrate, CALIBRATION_ROUNDS)?;
        self.runner.set_clock(self.step, self.settings.seed)
    }

    /// Everything that a resume or a sampler needs.
    ///
    /// # Errors
    /// A parameter that is not finite: such a state is not worth keeping.
    pub fn checkpoint(&mut self) -> Result<Checkpoint> {
        self.calibrate()?;
        let mut tensors = BTreeMap::new();
        for item in &self.items {
            let data = self.runner.read_state(&item.state, item.offset, numel(&item.shape))?;
            if data.iter().any(|v| !v.is_finite()) {
                return Err(diverged(format!("{} is no longer finite at step {}", item.name, self.step)));
            }
            tensors.insert(item.name.clone(), Tensor { shape: item.shape.clone(), data });
        }
        let s = &self.settings;
        let shape = self.examples.shape.iter().map(|n| n.to_string()).collect::<Vec<_>>().join("x");
        let meta = [
            ("variant", s.variant.clone()),
            ("step", self.step.to_string()),
            ("seed", s.seed.to_string()),
            ("shape", shape),
            ("classes", self.examples.classes.to_string()),
        ];
        Ok(Checkpoint { tensors, meta: meta.map(|(k, v)| (k.to_string(), v)).into() })
    }

    /// Takes up the states of a checkpoint.
    ///
    /// # Errors
    /// Another variant, or tensors of other names or shapes.
    pub fn restore(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        let variant: String = checkpoint.meta("variant")?;
        if variant != self.settings.variant {
            return Err(Error::failure(format!(
                "the checkpoint is of a {variant}, and this run is a {}",
                self.settings.variant
            )));
        }
        for item in &self.items {
            let Some(tensor) = checkpoint.tensors.get(&item.name) else {
                return Err(Error::failure(format!(
                    "the checkpoint has no {}: it belongs to other settings",
                    item.name
                )));
            };
            if tensor.shape != item.shape {
                let (found, wanted, name) = (&tensor.shape, &item.shape, &item.name);
                return Err(Error::failure(format!(
                    "the checkpoint's {name} has shape {found:?}, and this model's {wanted:?}"
                )));
            }
            self.runner.write_state(&item.state, item.offset, &tensor.data)?;
        }
        self.step = checkpoint.meta("step")?;
        self.runner.set_clock(self.step, self.settings.seed)
    }
}

/// The sentence for a training that blew up.
fn diverged(what: String) -> Error {
    Error::failure(format!("{what}, where a lower learning rate or a gradient penalty may help"))
}

/// Latent values number `range` of the endless sequence of a seed.
fn noise(dist: LatentDist, range: std::ops::Range<usize>, seed: u64) -> Vec<f32> {
    let bits = |n: usize| philox([(n / 4) as u32, 0, 0, PURPOSE_SAMPLE], [seed as u32, (seed >> 32) as u32])[n % 4];
    let value = |n: usize| match dist {
        LatentDist::Normal => normal::<f32>(bits(n)),
        LatentDist::Uniform => 2.0 * uniform::<f32>(bits(n)) - 1.0,
    };
    range.map(value).collect()
}
