//! Before a training: the run to go on with, the settings, and the data.

use std::{env, path::Path};

use super::{
    TrainArgs, hints,
    job::Job,
    resume::{self, Offered, check_data},
    tell,
};
use crate::{
    data::{self, BUILT_IN, Dataset, Seems},
    error::{Error, Result, counted},
    models::{self, Examples, dcgan::SHOWCASE},
    objective,
    origin::{self, FOLDER, Origin},
    run::{Resumed, Run},
    session,
    settings::{DEFAULT_PRESET, Layer, Likelihood, Settings},
};

/// Most columns of a table that are told of.
const COLUMNS: usize = 100;
/// The preset for tables with types.
const TABLE: &str = "table";

/// What a training begins with.
pub struct Opened {
    /// Whether no run is gone on with; each rank of a job knows it.
    pub is_new: bool,
    /// The run that is gone on with; the first rank alone reads it.
    pub resumed: Option<Resumed>,
    /// What was set, the run's own settings first.
    pub given: Vec<Layer>,
    /// All settings, with those that fit the data.
    pub settings: Settings,
    /// Where the data lies now.
    pub data: String,
    /// The data to learn from.
    pub dataset: Dataset,
    /// What a model has to know of it.
    pub examples: Examples,
    /// Its description for checkpoints.
    pub origin: Origin,
    /// In which ways it differs from what the run learned from, if that was accepted.
    pub changed: Option<String>,
    /// The folder that the data's name is relative to.
    pub folder: String,
}

impl Opened {
    /// Opens what the command line names, and says what was found; `None` if the run has done all its steps.
    ///
    /// # Errors
    /// Settings, a run or data that cannot be used.
    pub fn of(args: &TrainArgs, mut job: Option<&mut Job>, is_first: bool) -> Result<Option<Self>> {
        let resumes = resume::folder(args, job.is_none());
        let is_new = resumes.is_none();
        let (layers, model) = if is_new { with_model(args.layers()?) } else { (args.layers()?, None) };
        model.iter().for_each(tell);
        if let (true, Some(step)) = (is_new, args.from) {
            return Err(Error::usage(format!("--from {step} goes back in a run, and there is none yet")));
        }
        let resumed =
            resumes.filter(|_| is_first).map(|folder| resume::open(folder, &layers, args.from)).transpose()?;
        if let Some(done) = resumed.as_ref().map(resume::done).transpose()?.flatten() {
            if job.is_some() {
                return Err(Error::usage(done));
            }
            tell(done);
            return Ok(None);
        }
        let mut settings = match &resumed {
            Some(resumed) => resumed.run.settings().clone(),
            None if is_new => {
                resume::tell_changes(&layers);
                Settings::resolve(&models::menu(), &layers)?
            }
            None => Settings::default(),
        };
        if is_first && is_new && !args.dry_run && args.explain.is_none() {
            Run::check(args.out.as_deref())?;
        }
        let from = resumed.as_ref().and_then(|resumed| resumed.from.as_ref());
        let mut data = match from {
            Some((_, checkpoint)) if !args.names_data() => origin::located(&settings.data, checkpoint)?,
            _ => settings.data.clone(),
        };
        if let Some(job) = job.as_mut().filter(|_| !is_new) {
            (settings, data) = job.told(is_first.then_some((&settings, &data)))?;
        }
        let dataset = session::open_data(&Settings { data: data.clone(), ..settings.clone() })
            .map_err(|error| args.of_config(error, &data))?;
        let examples = session::examples(&dataset);
        if is_new {
            settings = by_data(settings, &layers, &examples)?;
        }
        dataset.to_string().lines().for_each(tell);
        let columns = dataset.records().map_or(vec![], |records| records.lines(COLUMNS));
        columns.iter().for_each(|line| tell(format_args!("  {line}")));
        let origin = Origin::of(&dataset);
        let changed = match from {
            None => None,
            Some((path, checkpoint)) => {
                let (name, is_named, accept) = (data.as_str(), args.names_data(), args.accept_changed_data);
                let offered = Offered { dataset: &dataset, origin: &origin, name, is_named, accept };
                check_data(checkpoint, &settings, &offered).map_err(|e| e.at(&path.display().to_string()))?
            }
        };
        let folder = match from {
            Some((_, checkpoint)) if data != settings.data => checkpoint.meta(FOLDER)?,
            // Built-in data lies nowhere.
            _ if BUILT_IN.iter().any(|(name, ..)| *name == data) => String::new(),
            _ => env::current_dir().unwrap_or_default().to_string_lossy().into_owned(),
        };
        if resumed.is_none() {
            preset_beside(&settings, &layers)?.iter().for_each(tell);
        }
        let written = resumed.is_some().then(|| Layer::from_toml(&settings.to_toml(), "run.toml")).transpose()?;
        let given = written.into_iter().chain(layers).collect();
        Ok(Some(Self { is_new, resumed, given, settings, data, dataset, examples, origin, changed, folder }))
    }

    /// Says which settings have no effect, or one that is rarely wanted.
    ///
    /// # Errors
    /// Labels that the settings ask for and the data has not.
    pub fn tell_doubts(&self) -> Result<()> {
        let Self { settings, dataset, .. } = self;
        let idle =
            |name: &str| format!("warning: `{name}` has no part in this model: any other value would give the same");
        models::idle(&self.given, &self.examples).into_iter().map(idle).for_each(tell);
        if self.is_new {
            objective::doubts(settings).iter().for_each(|doubt| tell(format_args!("warning: {doubt}")));
        }
        settings.too_fast().iter().for_each(|doubt| tell(format_args!("warning: {doubt}")));
        session::check_labels(dataset, settings)?;
        if settings.labelled > 0 {
            let each = dataset.labelled(settings.labelled, settings.seed)?.into_iter().map(|of_class| of_class.len());
            let (least, most) = (each.clone().min().unwrap_or(0), each.max().unwrap_or(0));
            let each = if least == most { least.to_string() } else { format!("{least} to {most}") };
            let labels = counted(settings.labelled, "example");
            tell(format_args!("the labels of {labels} are learned, {each} of each class"));
        }
        if settings.batch > dataset.len() {
            let (batch, all) = (settings.batch, counted(dataset.len(), "example"));
            tell(format_args!(
                "warning: a batch of {batch} is more than the data, {all}: each step sees some of them again"
            ));
        }
        Ok(())
    }
}

/// The layers above one with the model that learns such data, where the data is named and no model, or with the
/// showcase, where nothing of a training is named but its length; and a sentence on it.
pub(super) fn with_model(layers: Vec<Layer>) -> (Vec<Layer>, Option<String>) {
    let value = |key: &str| layers.iter().rev().find_map(|layer| layer.value(key));
    if value("data").is_none() && !layers.iter().any(Layer::shapes_training) {
        let mut model = Layer::default();
        model.set("preset", SHOWCASE, "");
        let said = format!("no model, data or setting is named: the preset `{SHOWCASE}` of dcgan, on drawn digits");
        return ([vec![model], layers].concat(), Some(said));
    }
    let named = value("data").filter(|_| value("variant").is_none());
    let seems = named.and_then(|name| data::seems(Path::new(name)).ok());
    let seems =
        seems.map(|seems| if seems == Seems::Rows && value("window").is_some() { Seems::Series } else { seems });
    let Some(variant) = seems.map(hints::learner).filter(|variant| *variant != Settings::default().variant) else {
        return (layers, None);
    };
    let said = named.map(|name| format!("`{name}`: {variant} learns such data, and no model is named"));
    let mut model = Layer::default();
    model.set("variant", variant, "");
    ([vec![model], layers].concat(), said)
}

/// The settings with what fits the data, where nothing else is named: the preset `table` for tables with types, a
/// Gaussian likelihood for points, which are no shares of ink.
pub(super) fn by_data(settings: Settings, layers: &[Layer], examples: &Examples) -> Result<Settings> {
    let presets = models::variant(&settings.variant)?.presets;
    let has_one = presets.iter().any(|preset| preset.name == TABLE);
    let is_named = |key: &str| layers.iter().any(|layer| layer.has(key));
    let mut layer = Layer::default();
    let are_points = matches!(examples.shape[..], [_]) && examples.heads().is_none();
    let has_ink = settings.relevant.contains(&"likelihood") && settings.likelihood == Likelihood::Bernoulli;
    if are_points && has_ink && !is_named("likelihood") && !is_named("preset") {
        layer.set("likelihood", Likelihood::Gaussian.word(), "");
    } else if examples.heads().is_some() && has_one && !layers.iter().any(|layer| layer.is_given("preset")) {
        layer.set("preset", TABLE, "");
    } else {
        return Ok(settings);
    }
    Settings::resolve(&models::menu(), &[&[layer], layers].concat())
}

/// Says what else a preset sets that came with the data, where somebody asks for another game than its own.
fn preset_beside(settings: &Settings, layers: &[Layer]) -> Result<Option<String>> {
    let is_given = |key: &str| layers.iter().any(|layer| layer.is_given(key));
    let presets = models::variant(&settings.variant)?.presets;
    let Some(preset) = presets.iter().find(|preset| preset.name == settings.preset) else { return Ok(None) };
    if preset.name == DEFAULT_PRESET || is_given("preset") || !(is_given("objective") || is_given("gp")) {
        return Ok(None);
    }
    let rest: Vec<String> = preset
        .values()
        .filter(|(key, _)| *key != "data" && !is_given(key))
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    let (name, rest) = (preset.name, rest.join(" "));
    Ok(Some(format!(
        "the preset `{name}`, which comes with this data, also sets {rest}; --preset default goes without"
    )))
}
