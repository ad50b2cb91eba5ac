//! Training rounds: which are measured, and how.

use std::{
    io::Write,
    time::{Duration, Instant},
};

use super::{Ceilings, Effort, Open, RoundTime, measure};
use crate::{
    data::Dataset,
    engine::{Engine, Plans},
    error::{Error, Result},
    kernels::{Caps, Clock, gather::DataLayout},
    models, probe,
    program::Program,
    session,
    settings::{Layer, Settings},
};

/// A round that is measured.
pub struct Case {
    /// Name of the round.
    pub name: &'static str,
    variant: &'static str,
    settings: &'static [&'static str],
    /// The text to learn, if the round learns text.
    text: Option<&'static str>,
}

const fn case(name: &'static str, variant: &'static str, settings: &'static [&'static str]) -> Case {
    Case { name, variant, settings, text: None }
}

/// A text that does not change.
const TEXT: &str = include_str!("../../LICENSE-APACHE");

/// The nets that other systems are timed with, the other variants as they come, and what only some settings or data
/// want: every kernel is in one of them.
pub const CASES: &[Case] = &[
    case("gan", "gan", &[]),
    case("wgan", "gan", &["data=grid", "objective=wgan", "clip=0.01", "critic_steps=5", "optimizer=rmsprop"]),
    case("dcgan", "dcgan", &["width=64", "ema=0"]),
    case("dcgan-64", "dcgan", &["size=64", "channels=3", "width=64", "ema=0"]),
    case("ae", "ae", &[]),
    case("vae", "vae", &[]),
    case("vae-gan", "vae-gan", &["width=64", "latent=100", "ema=0"]),
    case("ae-gan", "ae-gan", &[]),
    case("dbm", "dbm", &[]),
    case("dbm-gan", "dbm-gan", &[]),
    case("lstm", "lstm", &[]),
    Case { text: Some(TEXT), ..case("lstm-text", "lstm", &[]) },
    case("lstm-gan", "lstm-gan", &["preset=article", "batch=128"]),
    case("lstm-gan-conv", "lstm-gan", &[]),
    case("timegan", "lstm-gan", &["preset=timegan"]),
    case("rvae", "rvae", &[]),
    case("rvae-gan", "rvae-gan", &[]),
];

/// A case's round as a device would run it.
pub struct Planned<'a> {
    case: &'a Case,
    settings: Settings,
    dataset: Dataset,
    /// Name of the round, and the step from which on it is trained.
    phase: (&'static str, u64),
    plans: Plans,
    planning: Duration,
}

impl Case {
    /// Its settings, data aside.
    pub fn settings(&self) -> Result<Settings> {
        self.with_data(None)
    }

    fn with_data(&self, data: Option<&str>) -> Result<Settings> {
        let mut layer = Layer::default();
        layer.set("variant", self.variant, "");
        self.settings.iter().try_for_each(|assignment| layer.assign(assignment))?;
        data.iter().for_each(|data| layer.set("data", data, ""));
        Settings::resolve(&models::menu(), &[layer])
    }

    /// Opens its data and plans the round of its last phase, which most of the training is.
    ///
    /// # Errors
    /// A tensor that the device cannot hold.
    pub fn plan(&self, caps: &Caps) -> Result<Planned<'_>> {
        let file = self.text.map(written).transpose()?;
        let path = file.as_ref().map(|file| file.path().to_string_lossy());
        let settings = self.with_data(path.as_deref())?;
        let mut dataset = session::open_data(&settings)?.resident()?;
        // As many examples as a binding holds: rounds are as fast with fewer.
        let one = DataLayout { count: 1, ..session::layout(&dataset) };
        dataset.truncate(caps.max_binding as usize / (4 * one.words()));
        let model = models::variant(self.variant)?.model(&settings, &session::examples(&dataset))?;
        let name = model.phases.last().expect("a model has a phase").name;
        let from = model.phases.iter().rev().nth(1).map_or(0, |before| before.until);
        let begun = Instant::now();
        let mut plans = Plans::new([(name, model.round())], caps, Some(session::layout(&dataset)))?;
        probe::add(&mut plans);
        Ok(Planned { case: self, settings, dataset, phase: (name, from), plans, planning: begun.elapsed() })
    }
}

/// A file that lasts as long as it is held.
fn written(text: &str) -> Result<tempfile::NamedTempFile> {
    let file = tempfile::Builder::new().suffix(".txt").tempfile().and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        Ok(file)
    });
    file.map_err(|e| Error::failure(format!("a temporary file cannot be written: {e}")))
}

impl Planned<'_> {
    /// The round's program.
    pub fn program(&self) -> &Program {
        self.plans.get(self.phase.0).expect("it was planned")
    }

    /// All programs of a training: the round's, and what looks at it from time to time.
    pub fn programs(&self) -> impl Iterator<Item = &Program> {
        self.plans.0.iter().map(|(_, program)| program)
    }

    /// Minimum duration of a measurement in seconds: two rounds at the speed of the ceilings.
    pub fn least(&self, ceilings: &Ceilings) -> f64 {
        2.0 * ceilings.least(self.program().cost())
    }

    /// Times its rounds.
    pub fn measure(self, open: Open, effort: Effort) -> Result<RoundTime> {
        let program = self.program().clone();
        let Self { case, settings, dataset, phase: (phase, from), plans, planning } = self;
        let begun = Instant::now();
        let (mut runner, _) = open()?;
        session::upload(runner.as_mut(), &dataset)?;
        drop(dataset);
        let mut engine = Engine::new(runner, plans, settings.seed)?;
        engine.set_clock(Clock { step: from, seed: settings.seed })?;
        let mut first = None;
        let rounds = measure(effort, |times| {
            let start = Instant::now();
            engine.run(phase, times as u64)?;
            first.get_or_insert_with(|| begun.elapsed() + planning);
            Ok(start.elapsed().as_secs_f64())
        })?;
        Ok(RoundTime {
            name: case.name.into(),
            settings: case.settings.join(" "),
            batch: settings.batch,
            milliseconds: rounds.times(1e3),
            first: first.expect("a round was run").as_secs_f64(),
            launches: program.launches.len(),
            gflop: program.cost().flops / 1e9,
            planned: program.bytes(),
            allocated: engine.allocated(),
            encoding: engine.encode_cost(phase)?.map(|cost| cost.as_secs_f64() * 1e6),
        })
    }
}
