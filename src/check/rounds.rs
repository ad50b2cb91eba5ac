//! Rounds of training on a device beside the same rounds on the CPU runner.

use super::Losses;
use crate::{
    cpu::Cpu,
    engine::Plans,
    error::Result,
    kernels::Caps,
    models,
    runner::Runner,
    session::{self, Session},
    settings::{Layer, Settings},
};

/// Rounds of each training.
pub const ROUNDS: u64 = 20;
/// Examples that a training has.
const EXAMPLES: usize = 512;
/// How far a loss may be from the CPU runner's, as a share of it, or of 1 where it is smaller: each round adds to what
/// the rounds before it left.
const APART: f32 = 2e-3;

/// A training that is compared.
pub struct Training {
    /// Name of the round.
    pub name: &'static str,
    settings: &'static [&'static str],
}

/// A dense, a convolutional and a recurrent game.
pub const TRAININGS: &[Training] = &[
    Training { name: "gan", settings: &["variant=gan", "data=ring"] },
    Training { name: "dcgan", settings: &["variant=dcgan", "width=8", "batch=16"] },
    Training { name: "lstm-gan", settings: &["variant=lstm-gan", "units=12", "batch=32"] },
];

impl Training {
    /// Runs it on a device and on the CPU runner.
    pub fn beside(&self, device: (Box<dyn Runner>, Caps)) -> Result<Losses> {
        let (names, ours) = self.losses(device)?;
        let (_, theirs) = self.losses((Box::new(Cpu::new()), Cpu::caps()))?;
        let apart = |(a, b): (&f32, &f32)| (a - b).abs() / b.abs().max(1.0) / APART;
        let rows = ours.iter().zip(&theirs).flat_map(|(a, b)| a.iter().zip(b));
        // NaN counts as infinitely far.
        let ratio = rows.map(apart).fold(0.0, |most: f32, x| if x.is_nan() { f32::INFINITY } else { most.max(x) });
        let last = |rows: &[Vec<f32>]| rows.last().cloned().unwrap_or_default();
        let failure = (ratio > 1.0).then(|| format!("the losses of {ROUNDS} rounds are apart by more than {APART}"));
        Ok(Losses {
            training: self.name.into(),
            names,
            device: last(&ours),
            cpu: last(&theirs),
            ratio: ratio.is_finite().then_some(f64::from(ratio)),
            failure,
        })
    }

    fn losses(&self, (mut runner, caps): (Box<dyn Runner>, Caps)) -> Result<(Vec<String>, Vec<Vec<f32>>)> {
        let mut layer = Layer::default();
        self.settings.iter().try_for_each(|assignment| layer.assign(assignment))?;
        let settings = Settings::resolve(&models::menu(), &[layer])?;
        let mut dataset = session::open_data(&settings)?;
        dataset.truncate(EXAMPLES);
        let examples = session::examples(&dataset);
        let model = models::variant(&settings.variant)?.model(&settings, &examples)?;
        let plans = Plans::new(model.training(), &caps, Some(session::layout(&dataset)))?;
        session::upload(runner.as_mut(), &dataset)?;
        let mut session = Session::new(runner, &settings, examples, &model, plans)?;
        let rows = session.train(ROUNDS)?;
        Ok((session.metrics().to_vec(), rows))
    }
}
