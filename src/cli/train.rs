//! `saddle train`.

use std::{
    env,
    path::Path,
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use super::{
    TrainArgs,
    fit::{self, Fit},
    held_out::HeldOut,
    hints,
    job::Job,
    minutes,
    preview::{dry_run, explain, shape},
    ranks,
    resume::{self, Offered, check_data},
    signals::Signals,
    tell,
    training::Training,
    watch,
    way_back::with_way_back,
};
use crate::{
    data::{self, Seems, Symbols},
    engine::Plans,
    error::{Error, Result, counted},
    files::{tidy_cache, write_atomically},
    memory::mib,
    models::{self, Examples, Model},
    objective,
    origin::{self, FOLDER, Origin},
    run::{Run, resumption},
    session::{self, Session},
    settings::{DEFAULT_PRESET, Layer, Likelihood, Order, Settings},
};

/// Most columns of a table that are told of.
const COLUMNS: usize = 100;
/// The preset for tables with types.
const TABLE: &str = "table";

/// Trains a model, new or resumed, and returns the exit status: 0, or that of the signal which ended it.
pub fn train(args: &TrainArgs) -> Result<u8> {
    match Job::open()? {
        None => train_as(args, None),
        Some(mut job) => {
            let result = train_as(args, Some(&mut job));
            job.end(result)
        }
    }
}

/// Trains as one of the processes of a job, of which the first one alone reads and writes the run, or alone.
fn train_as(args: &TrainArgs, mut job: Option<&mut Job>) -> Result<u8> {
    let (begun, signals) = (Instant::now(), Signals::watch()?);
    let is_first = job.as_ref().is_none_or(|job| job.is_first());
    if !is_first {
        // The first rank decides when all end.
        signals.defer();
    }
    if let Some(job) = &mut job {
        job.compare_programs()?;
        tell(job.describe());
    }
    let resumes = resume::folder(args, job.is_none());
    let is_new = resumes.is_none();
    let (layers, model) = if is_new { with_model(args.layers()?) } else { (args.layers()?, None) };
    model.iter().for_each(tell);
    if let (true, Some(step)) = (is_new, args.from) {
        return Err(Error::usage(format!("--from {step} goes back in a run, and there is none yet")));
    }
    let mut resumed =
        resumes.filter(|_| is_first).map(|folder| resume::open(folder, &layers, args.from)).transpose()?;
    if let Some(done) = resumed.as_ref().map(resume::done).transpose()?.flatten() {
        if job.is_some() {
            return Err(Error::usage(done));
        }
        tell(done);
        return Ok(0);
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
        _ => env::current_dir().unwrap_or_default().to_string_lossy().into_owned(),
    };
    let of_data = [origin.entry(), (FOLDER.to_string(), folder)];
    if resumed.is_none() {
        preset_beside(&settings, &layers)?.iter().for_each(tell);
    }
    let note = |name: &str| format!("warning: `{name}` has no part in this model: any other value would give the same");
    let written = resumed.is_some().then(|| Layer::from_toml(&settings.to_toml(), "run.toml")).transpose()?;
    let given: Vec<Layer> = written.into_iter().chain(layers).collect();
    models::idle(&given, &examples).into_iter().map(note).for_each(tell);
    if is_new {
        objective::doubts(&settings).iter().for_each(|doubt| tell(format_args!("warning: {doubt}")));
    }
    settings.too_fast().iter().for_each(|doubt| tell(format_args!("warning: {doubt}")));
    session::check_labels(&dataset, &settings)?;
    if settings.labelled > 0 {
        let each = dataset.labelled(settings.labelled, settings.seed)?.into_iter().map(|of_class| of_class.len());
        let (least, most) = (each.clone().min().unwrap_or(0), each.max().unwrap_or(0));
        let each = if least == most { least.to_string() } else { format!("{least} to {most}") };
        tell(format_args!("the labels of {} are learned, {each} of each class", counted(settings.labelled, "example")));
    }
    if settings.batch > dataset.len() {
        let (batch, all) = (settings.batch, counted(dataset.len(), "example"));
        tell(format_args!(
            "warning: a batch of {batch} is more than the data, {all}: each step sees some of them again"
        ));
    }
    let devices = ranks::devices(&settings);
    let ranks = job.as_ref().map_or(devices.len(), |job| job.ranks());
    if is_new && ranks > 1 && !given.iter().any(|layer| layer.is_given("accumulate")) {
        let mut parts = Layer::default();
        parts.set("accumulate", &ranks.to_string(), "");
        let shared = settings.overlaid(&parts);
        settings = shared.map_err(|e| e.at(&format!("{ranks} ranks share each batch")))?;
    }
    let device = match &mut job {
        Some(job) => {
            job.compare_settings(&settings, &origin)?;
            job.device(&settings, devices.len() > 1)?
        }
        None => devices[0].clone(),
    };
    if let Some(minutes) = args.minutes {
        if ranks > 1 {
            return Err(Error::usage("--minutes: how many steps a time has is found on one device: say --steps"));
        }
        settings = minutes::within(minutes, begun, &settings, &dataset, device.as_deref())?;
    }
    let settings = settings;
    let (mut runner, caps, reason) = session::open_device(device.as_deref())?;
    let held_out = HeldOut::open(&Settings { data, ..settings.clone() }, &examples, &dataset)?;
    let plan = |model: &Model| {
        model.share(ranks);
        let measured = held_out.as_ref().map_or(vec![], HeldOut::graphs);
        let graphs = || model.training().chain(model.named(&measured));
        let layout = session::placed(&dataset, graphs(), &settings, &caps)?;
        let plans = Plans::new(graphs(), &caps, Some(layout))?;
        session::ensure_memory(&plans, runner.as_ref()).map(|()| plans)
    };
    let fits = |settings: &Settings| {
        models::variant(&settings.variant).and_then(|v| v.model(settings, &examples)).and_then(|m| plan(&m)).is_ok()
    };
    let (model, plans) =
        said_when_slow("planning the round: many critic steps or unrolled steps take a while", || {
            let model = models::variant(&settings.variant)?.model(&settings, &examples)?;
            let plans = plan(&model);
            Ok::<_, Error>((model, plans))
        })?;
    let plans = plans.map_err(|error| match (&resumed, error) {
        // Settings that contradict each other do so with any batch.
        (_, error @ Error::Usage(_)) if settings.stream.is_some() || settings.order == Order::Blocks => error,
        (_, error) if !is_first => error,
        // A resumed run cannot change its batch.
        (Some(resumed), error) => with_way_back(error, &resumed.run),
        (None, error) => fit::advised(error, Fit::of(&settings, fits)),
    })?;
    if let [.., last, _] = &model.phases[..]
        && last.until >= settings.steps
    {
        let (name, steps) = (last.name, settings.steps);
        let steps = counted(steps as usize, "step");
        tell(format_args!("warning: the phase `{name}` lasts to the end, {steps}: the next one is not reached"));
    }
    if let Some(launch) = args.explain {
        explain(&plans, launch, &caps, settings.half)?;
        return Ok(0);
    }
    if args.dry_run {
        dry_run(&settings, &dataset, &model, &plans)?;
        return Ok(0);
    }
    if let Some((path, checkpoint)) = resumed.as_mut().and_then(|resumed| resumed.from.as_mut()) {
        let fits = session::upgrade(checkpoint, &model).and_then(|()| session::check_states(checkpoint, &plans));
        fits.map_err(|e| e.at(&path.display().to_string()))?;
    }
    if settings.half && !runner.allow_half()? {
        tell("half: products stay in single precision, which is as fast or faster on this device");
    }
    let submission = Duration::from_millis(args.max_dispatch_ms);
    runner.set_submission_time(submission);
    if let Some(data) = session::ring(&plans) {
        let (rounds, bytes) = (data.ring.map_or(0, |ring| ring.rounds), 4 * data.words() as u64);
        tell(format_args!("the data is streamed: the device holds {} of it, {}", counted(rounds, "round"), mib(bytes)));
    }
    session::supply(runner.as_mut(), &dataset, &settings, &plans)?;
    let tokenizer = examples.text().and_then(Symbols::tokenizer);
    let mut session = Session::new(runner, &settings, examples, &model, plans)?;
    tell(format_args!(
        "{} on {} ({}), {}: {reason}",
        settings.variant,
        dataset.name,
        shape(&dataset),
        session.describe()
    ));
    match &mut job {
        Some(job) => job.join(&mut session)?,
        None => ranks::start(&devices, &settings, &dataset, submission, &mut session)?,
    }
    if let Some(job) = job.as_ref().filter(|_| !is_first) {
        job.share(&mut session, "")?;
        return session.follow();
    }
    signals.defer();
    // Nothing is written before the run is known to fit.
    let run = match resumed {
        Some(resumed) => {
            let run = resume::resume(resumed, &given, changed, args.from.is_some(), &mut session)?;
            run.save_settings()?;
            run
        }
        None => Run::create(args.out.as_deref(), &settings)?,
    };
    match &job {
        Some(job) => job.share(&mut session, &resumption(run.folder()))?,
        None => session.share()?,
    }
    if let Some(file) = tokenizer {
        write_atomically(&run.tokenizer_path(), file.as_bytes())?;
    }
    if let Err(error) = tidy_cache() {
        tell(format_args!("warning: {error}"));
    }
    let page = args.watch.then(|| watch::beside(run.folder())).flatten();
    let status = Training::new(run, session, dataset, of_data, held_out)?.run(&signals, args.json);
    page.iter().for_each(|page| page.end());
    status
}

/// The layers above one with the model that learns such data, where the data is named and no model; and a sentence on
/// it.
pub(super) fn with_model(layers: Vec<Layer>) -> (Vec<Layer>, Option<String>) {
    let value = |key: &str| layers.iter().rev().find_map(|layer| layer.value(key));
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

/// Runs `work`, and prints `what` if it takes longer than a second.
fn said_when_slow<R>(what: &str, work: impl FnOnce() -> R) -> R {
    let (done, waiting) = mpsc::channel::<()>();
    thread::scope(|scope| {
        let wait = move || {
            if waiting.recv_timeout(Duration::from_secs(1)) == Err(RecvTimeoutError::Timeout) {
                tell(what);
            }
        };
        // If no thread can be started, `work` runs without the message.
        let waiter = thread::Builder::new().spawn_scoped(scope, wait);
        let result = work();
        drop((done, waiter));
        result
    })
}
