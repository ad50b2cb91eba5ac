//! The checkpoint that does best on examples that a training does not learn from.

use super::held_out::HeldOut;
use crate::{
    checkpoint::{CHOSEN_ON, Checkpoint, DISTANCE, HELD_OUT},
    data::{Dataset, Series},
    error::Result,
    files::quoted,
    graph::numel,
    metrics::Sliced,
    models,
    run::Run,
    session::Session,
    settings::Settings,
};

/// Examples that samples are compared with: most of them, most bytes, and fewest that say something.
const COMPARED: usize = 256;
const BYTES: usize = 16 << 20;
const FEWEST: usize = 16;
/// Part of the last distance that the least one has at most, to be called better.
const BETTER: f64 = 0.9;

/// The best checkpoint so far: of games by the distance of samples from examples, of sequences by the nats of these.
pub struct Best {
    /// The least measure and its step, whose checkpoint is kept.
    least: Option<(f64, u64)>,
    /// The newest measure that no checkpoint has yet.
    newest: Option<f64>,
    last: Option<f64>,
    /// What samples of games are compared with.
    sliced: Option<Sliced>,
    /// SHA-256 of the part that chooses, if that is held out.
    chosen_on: Option<String>,
}

/// What samples of a game of numbers are compared with: these examples, or some of those that the model learns from;
/// `None` for other models, and for examples so large that few fit.
///
/// # Errors
/// Settings of another version's variant.
pub fn sliced(settings: &Settings, dataset: &Dataset, examples: Option<Vec<f32>>) -> Result<Option<Sliced>> {
    let is_game = models::variant(&settings.variant)?.options.contains(&"Objective");
    let is_of_numbers = matches!(dataset.series, None | Some(Series::Columns(_)));
    let most = COMPARED.min(BYTES / (4 * numel(&dataset.shape)));
    if !is_game || !is_of_numbers || most < FEWEST {
        return Ok(None);
    }
    let own = || dataset.evenly(most).flat_map(|i| dataset.example(i)).collect();
    Ok(Some(Sliced::beside(&examples.unwrap_or_else(own), &dataset.shape)))
}

/// The distance of samples, as `saddle sample` draws them, whose classes have their shares in the data.
///
/// # Errors
/// Those of running the model.
pub fn distance(sliced: &Sliced, session: &mut Session, dataset: &Dataset, settings: &Settings) -> Result<f64> {
    session.fit()?;
    let labels = dataset.classes_of_examples().filter(|_| settings.conditional);
    let samples = match labels.map(|labels| labels.drawn(sliced.count(), settings.seed)) {
        Some(classes) => session.generate_of(&classes, settings.seed)?,
        None => session.generate(sliced.count(), settings.seed, None)?,
    };
    Ok(sliced.distance(&samples))
}

impl Best {
    /// Of a run that goes on from a step.
    ///
    /// # Errors
    /// Settings of another version's variant.
    pub fn of(run: &Run, from: u64, dataset: &Dataset, held_out: Option<&HeldOut>) -> Result<Self> {
        let held = held_out.and_then(|held_out| held_out.examples(COMPARED));
        let is_held = held.is_some();
        let sliced = sliced(run.settings(), dataset, held)?;
        let chosen_on = held_out.filter(|_| is_held || sliced.is_none()).map(|held_out| held_out.digest.clone());
        let least = Checkpoint::load(&run.best_path()).ok().filter(|_| from > 0).and_then(|checkpoint| {
            let measure = checkpoint.meta(HELD_OUT).or_else(|_| checkpoint.meta(DISTANCE)).ok()?;
            Some((measure, checkpoint.meta("step").ok()?))
        });
        Ok(Self { least, newest: None, last: None, sliced, chosen_on })
    }

    /// Measures samples of a game; `None` of another model, or where none can be drawn.
    pub fn distance(&mut self, session: &mut Session, dataset: &Dataset, settings: &Settings) -> Option<f64> {
        let found = distance(self.sliced.as_ref()?, session, dataset, settings).ok();
        (self.newest, self.last) = (found, found);
        found
    }

    /// Keeps the newest checkpoint of a game if it is the best one.
    pub fn keep(&mut self, checkpoint: &Checkpoint, run: &Run, step: u64) -> Result<()> {
        match self.newest.take().filter(|distance| self.is_least(*distance)) {
            Some(distance) => self.keep_by(DISTANCE, distance, checkpoint.clone(), run, step),
            None => Ok(()),
        }
    }

    /// Whether a measure is less than all before.
    pub fn is_least(&self, measure: f64) -> bool {
        measure.is_finite() && self.least.is_none_or(|(least, _)| measure < least)
    }

    /// Keeps a checkpoint with this measure, by its key, if it is the best one.
    pub fn keep_by(&mut self, key: &str, measure: f64, mut best: Checkpoint, run: &Run, step: u64) -> Result<()> {
        if !self.is_least(measure) {
            return Ok(());
        }
        self.least = Some((measure, step));
        best.meta.insert(key.into(), measure.to_string());
        best.meta.extend(self.chosen_on.clone().map(|digest| (CHOSEN_ON.into(), digest)));
        best.save(&run.best_path())
    }

    /// What the run says of it at its end.
    pub fn said(&self, run: &Run, step: u64, are_images: bool) -> Option<String> {
        let (least, at) = self.least.filter(|(_, at)| *at < step)?;
        let folder = quoted(run.folder());
        match self.last {
            None => {
                Some(format!("best    step {at}, held out {least:.3} nats: saddle eval {folder} --checkpoint best"))
            }
            Some(last) if least > BETTER * last => None,
            Some(last) => Some(format!(
                "best    step {at}, whose samples were nearer to the data{} ({DISTANCE} {least:.3}, {last:.3} at the \
                 end): saddle sample {folder} --checkpoint best",
                if are_images { " in colours and texture; look at both" } else { "" }
            )),
        }
    }
}
