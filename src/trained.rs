//! A trained model: a run with one of its checkpoints. Sampling and evaluation start here.

use std::{
    path::{Path, PathBuf},
    str::FromStr,
};

use crate::{
    checkpoint::{self, Checkpoint, NEWEST_FORMAT},
    engine::Plans,
    error::{Error, Result},
    models::{self, Examples, Model},
    run::{Run, settings_of},
    session::{self, Session},
    settings::{Resume, Settings},
};

/// Which checkpoint of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Which {
    /// The newest good one.
    #[default]
    Newest,
    /// The one that did best on held-out examples.
    Best,
    /// The one after so many steps.
    Step(u64),
}

impl FromStr for Which {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text {
            "newest" => Ok(Self::Newest),
            "best" => Ok(Self::Best),
            step => step.parse().map(Self::Step).map_err(|_| "want a step, newest or best".into()),
        }
    }
}

/// A trained model in the folder of its run.
pub struct Trained {
    /// The folder.
    pub run: Run,
    /// The states of the model.
    pub checkpoint: Checkpoint,
    /// The file of the checkpoint, for error messages.
    pub path: PathBuf,
    /// The examples that the model was trained on.
    pub examples: Examples,
    /// The settings that the checkpoint was made with; `data` is that of `run.toml`.
    pub settings: Settings,
    /// A sentence for each setting of `run.toml` that was edited since the checkpoint and is not used.
    pub notes: Vec<String>,
}

impl Trained {
    /// Opens the newest good checkpoint of a run.
    ///
    /// # Errors
    /// A folder without a run or without a checkpoint, checkpoints that are damaged or of another variant.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self> {
        Self::at(folder, Which::Newest)
    }

    /// Opens a checkpoint of a run.
    ///
    /// # Errors
    /// Those of [`Trained::open`]; a checkpoint that is not there.
    pub fn at(folder: impl AsRef<Path>, which: Which) -> Result<Self> {
        let folder = folder.as_ref();
        let run = Run::open(folder, &models::menu())?;
        let (path, checkpoint) = match which {
            Which::Step(step) => {
                checkpoint::at_step(&run.checkpoints(), step).map_err(|e| e.at(&format!("--checkpoint {step}")))?
            }
            Which::Best => best(&run)?,
            Which::Newest => checkpoint::latest(&run.checkpoints())?
                .ok_or_else(|| Error::failure(format!("`{}` has no checkpoint yet", folder.display())))?,
        };
        let examples = session::examples_of(&checkpoint).map_err(|e| e.at(&path.display().to_string()))?;
        let (settings, notes) = match settings_of(&checkpoint, &models::menu(), &path)? {
            None => (run.settings().clone(), vec![]),
            Some(kept) if kept.variant != run.settings().variant => {
                let (theirs, ours) = (kept.variant, &run.settings().variant);
                let sentence = format!("the checkpoint is of `{theirs}`, and this run is of `{ours}`");
                return Err(Error::failure(sentence).at(&path.display().to_string()));
            }
            Some(kept) => {
                let different = kept.differences(run.settings()).into_iter();
                let edited = different.filter(|(key, ..)| key.resume == Resume::Never);
                let note =
                    |name: &str, kept, now| format!("run.toml says `{name}` is {now}; it was {kept}, and that is used");
                let notes = edited.map(|(key, kept, now)| note(key.name, kept, now)).collect();
                (Settings { data: run.settings().data.clone(), ..kept }, notes)
            }
        };
        let mut trained = Self { run, checkpoint, path, examples, settings, notes };
        if trained.checkpoint.format()? < NEWEST_FORMAT {
            let model = trained.model()?;
            session::upgrade(&mut trained.checkpoint, &model)?;
        }
        Ok(trained)
    }

    /// The graphs of the model.
    pub fn model(&self) -> Result<Model> {
        models::variant(&self.settings.variant)?.model(&self.settings, &self.examples)
    }

    /// The model on a device with the checkpoint's states, ready to run those of `graphs` that it has; on the best
    /// device if `adapter` is `None`.
    ///
    /// # Errors
    /// A device that cannot be used, a plan that does not fit, states that do not fit the settings.
    pub fn session(&self, graphs: &[&str], adapter: Option<&str>) -> Result<Session> {
        self.session_of(&self.model()?, graphs, adapter)
    }

    /// [`Trained::session`] for who has built [`Trained::model`] already.
    ///
    /// # Errors
    /// Those of [`Trained::session`].
    pub fn session_of(&self, model: &Model, graphs: &[&str], adapter: Option<&str>) -> Result<Session> {
        self.session_from(&self.checkpoint, model, graphs, adapter)
    }

    /// [`Trained::session_of`] with the states of another checkpoint than the run's.
    ///
    /// # Errors
    /// Those of [`Trained::session`].
    pub fn session_from(
        &self,
        checkpoint: &Checkpoint,
        model: &Model,
        graphs: &[&str],
        adapter: Option<&str>,
    ) -> Result<Session> {
        let here = |e: Error| e.at(&self.path.display().to_string());
        let (runner, caps, _) = session::open_device(adapter)?;
        let plans = Plans::new(model.named(graphs), &caps, None)?;
        session::check_states(checkpoint, &plans).map_err(here)?;
        session::ensure_memory(&plans, runner.as_ref())?;
        let mut session = Session::new(runner, &self.settings, self.examples.clone(), model, plans)?;
        session.restore(checkpoint).map_err(here)?;
        Ok(session)
    }
}

fn best(run: &Run) -> Result<(PathBuf, Checkpoint)> {
    let path = run.best_path();
    if !path.exists() {
        return Err(Error::usage(
            "--checkpoint best: the run has none; GANs of images, points and series of numbers keep one, and models of \
             symbols and of rolls if there is held-out data",
        ));
    }
    Checkpoint::load(&path).map(|checkpoint| (path, checkpoint))
}
