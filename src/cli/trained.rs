//! A run and one of its checkpoints: what the commands that ask a trained model start from.

use std::path::{Path, PathBuf};

use super::{fit, tell};
use crate::{
    checkpoint::{self, Checkpoint},
    data::{Dataset, Split},
    engine::Plans,
    error::{Error, Result},
    files::names,
    models::{self, Examples, Model},
    run::Run,
    session::{self, Session},
    settings::Settings,
};

pub struct Trained {
    pub run: Run,
    pub checkpoint: Checkpoint,
    /// Where the checkpoint lies, for errors.
    path: PathBuf,
    pub examples: Examples,
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
        Ok(Self { run, checkpoint, path, examples })
    }

    pub fn settings(&self) -> &Settings {
        self.run.settings()
    }

    pub fn model(&self) -> Result<Model> {
        models::variant(&self.settings().variant)?.model(self.settings(), &self.examples)
    }

    /// The model on a device with the checkpoint's states, ready for those of these graphs that it has.
    pub fn session(&self, model: &Model, graphs: &[&str], adapter: Option<&str>) -> Result<Session> {
        let (runner, caps, _) = session::open_device(adapter)?;
        let plans = Plans::new(model.named(graphs), &caps, None)?;
        fit::in_memory(&plans, runner.as_ref())?;
        let mut session = Session::new(runner, self.settings(), self.examples.clone(), model, plans)?;
        session.restore(&self.checkpoint).map_err(|e| e.at(&self.path.display().to_string()))?;
        Ok(session)
    }

    /// What the model learned from.
    pub fn data(&self) -> Result<Dataset> {
        self.checked(session::open_data(self.settings()))
    }

    /// The held-out examples of the run's data, if it has any; else a sentence tells people so.
    pub fn held_out(&self) -> Result<Option<Dataset>> {
        match session::open_split(self.settings(), Split::Test) {
            Err(Error::Failure(reason)) => {
                tell(format_args!("{reason}; what the model learned from stands in"));
                Ok(None)
            }
            opened => self.checked(opened).map(Some),
        }
    }

    fn checked(&self, opened: Result<Dataset>) -> Result<Dataset> {
        let dataset = opened.map_err(|e| e.at("the data of the run"))?;
        if dataset.shape != self.examples.shape {
            let (name, found, wanted) = (&self.settings().data, &dataset.shape, &self.examples.shape);
            return Err(Error::failure(format!(
                "`{name}` has examples of shape {found:?} now, and the model learned from {wanted:?}"
            )));
        }
        Ok(dataset)
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
