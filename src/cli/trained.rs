//! A run and one of its checkpoints: what the commands that ask a trained model start from.

use std::path::{Path, PathBuf};

use super::{
    fit,
    resume::{Offered, check_data},
    tell,
};
use crate::{
    checkpoint::{self, Checkpoint},
    data::Dataset,
    engine::Plans,
    error::{Error, Result},
    files::names,
    models::{self, Examples, Model},
    origin::{self, Origin},
    run::{Run, settings_of},
    session::{self, Session},
    settings::{Resume, Settings},
};

pub struct Trained {
    pub run: Run,
    pub checkpoint: Checkpoint,
    /// Where the checkpoint lies, for errors.
    path: PathBuf,
    pub examples: Examples,
    /// What the checkpoint was made with, and where the data lies now.
    settings: Settings,
    /// What `--data` and `--accept-changed-data` say.
    data_is_named: bool,
    accept: bool,
}

impl Trained {
    /// Opens a run and its checkpoint after so many steps, or its newest good one.
    pub fn open(folder: &Path, step: Option<u64>) -> Result<Self> {
        let run = Run::open(folder, &models::menu())?;
        let (path, checkpoint) = match step {
            Some(step) => at_step(&run, step)?,
            None => checkpoint::latest(&run.checkpoints())?
                .ok_or_else(|| Error::failure(format!("`{}` has no checkpoint yet", folder.display())))?,
        };
        let examples = session::examples_of(&checkpoint).map_err(|e| e.at(&path.display().to_string()))?;
        let settings = match settings_of(&checkpoint, &models::menu(), &path)? {
            None => run.settings().clone(),
            Some(kept) if kept.variant != run.settings().variant => {
                let (theirs, ours) = (kept.variant, &run.settings().variant);
                let sentence = format!("the checkpoint is of a {theirs}, and this run is a {ours}");
                return Err(Error::failure(sentence).at(&path.display().to_string()));
            }
            Some(kept) => {
                let different = kept.differences(run.settings()).into_iter();
                for (key, kept, now) in different.filter(|(key, ..)| key.resume == Resume::Never) {
                    tell(format_args!("run.toml says `{}` is {now}; it was {kept}, and that is used", key.name));
                }
                Settings { data: run.settings().data.clone(), ..kept }
            }
        };
        Ok(Self { run, checkpoint, path, examples, settings, data_is_named: false, accept: false })
    }

    /// The same with its data where `--data` says, and whether that may differ from what the run learned from.
    pub fn with_data(mut self, named: Option<&String>, accept: bool) -> Self {
        self.settings.data = named.unwrap_or(&self.settings.data).clone();
        Self { data_is_named: named.is_some(), accept, ..self }
    }

    /// The settings with the data where it lies.
    fn at_data(&self) -> Result<Settings> {
        let s = self.settings.clone();
        let data = if self.data_is_named { s.data } else { origin::located(&s.data, &self.checkpoint)? };
        Ok(Settings { data, ..s })
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    pub fn model(&self) -> Result<Model> {
        models::variant(&self.settings().variant)?.model(self.settings(), &self.examples)
    }

    /// The model on a device with the checkpoint's states, ready for those of these graphs that it has.
    pub fn session(&self, model: &Model, graphs: &[&str], adapter: Option<&str>) -> Result<Session> {
        let (runner, caps, _) = session::open_device(adapter)?;
        let plans = Plans::new(model.named(graphs), &caps, None)?;
        session::check_states(&self.checkpoint, &plans).map_err(|e| e.at(&self.path.display().to_string()))?;
        fit::in_memory(&plans, runner.as_ref())?;
        let mut session = Session::new(runner, self.settings(), self.examples.clone(), model, plans)?;
        session.restore(&self.checkpoint).map_err(|e| e.at(&self.path.display().to_string()))?;
        Ok(session)
    }

    /// What the model learned from.
    pub fn data(&self) -> Result<Dataset> {
        let settings = self.at_data()?;
        let dataset = session::open_data(&settings).map_err(|e| e.at("the data of the run"))?;
        let (name, origin) = (settings.data.as_str(), Origin::of(&dataset));
        let (is_named, accept) = (self.data_is_named, self.accept);
        check_data(
            &self.checkpoint,
            &self.settings,
            &Offered { dataset: &dataset, origin: &origin, name, is_named, accept },
        )?;
        Ok(dataset)
    }

    /// The held-out examples of the run's data, if it has any.
    ///
    /// # Errors
    /// A part that is there and cannot be used.
    pub fn held_out(&self) -> Result<Option<Dataset>> {
        let held_out = session::open_held_out(&self.at_data()?);
        let Some(dataset) = held_out.map_err(|e| e.at("the data of the run"))? else {
            return Ok(None);
        };
        if dataset.shape != self.examples.shape {
            let (name, found, wanted) = (&self.settings.data, &dataset.shape, &self.examples.shape);
            return Err(Error::failure(format!(
                "the held-out part of `{name}` has examples of shape {found:?}, and the model learned from {wanted:?}"
            )));
        }
        Ok(Some(dataset))
    }
}

fn at_step(run: &Run, step: u64) -> Result<(PathBuf, Checkpoint)> {
    let path = run.checkpoint_path(step);
    if !path.exists() {
        let names = names(&run.checkpoints())?;
        let mut steps: Vec<u64> = names.iter().filter_map(|name| checkpoint::step_of(Path::new(name))).collect();
        steps.sort_unstable();
        let steps: Vec<String> = steps.iter().map(u64::to_string).collect();
        let there = if steps.is_empty() { "none".into() } else { steps.join(", ") };
        return Err(Error::usage(format!("--checkpoint {step}: the run has no such checkpoint; it has {there}")));
    }
    let checkpoint = Checkpoint::load(&path)?;
    Ok((path, checkpoint))
}
