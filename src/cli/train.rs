//! `saddle train`.

use std::{
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use super::{
    TrainArgs,
    eval::too_few_images,
    fit::{self, Fit},
    held_out::HeldOut,
    init,
    job::Job,
    minutes,
    opening::Opened,
    preview::{dry_run, explain, shape},
    ranks, resume,
    signals::Signals,
    tell,
    training::Training,
    watch,
    way_back::with_way_back,
};
use crate::{
    data::Symbols,
    engine::Plans,
    error::{Error, Result, counted},
    files::{tidy_cache, write_atomically},
    memory::mib,
    models::{self, Model},
    origin::FOLDER,
    run::{Run, resumption},
    session::{self, Session},
    settings::{Layer, Order, Settings},
};

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
    let Some(opened) = Opened::of(args, job.as_deref_mut(), is_first)? else { return Ok(0) };
    opened.tell_doubts()?;
    let Opened { is_new, mut resumed, given, mut settings, data, dataset, examples, origin, changed, folder } = opened;
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
        settings = minutes::within(minutes, begun, &settings, &given, &dataset, device.as_deref())?;
    }
    let start = if is_new && is_first { init::open(&settings)? } else { None };
    let start = start.map(|(checkpoint, exact)| {
        settings = exact;
        checkpoint
    });
    let settings = settings;
    let (mut runner, caps, reason) = session::open_device(device.as_deref())?;
    too_few_images(&dataset, settings.holdout).iter().for_each(tell);
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
    let begins = |n: usize| n.checked_sub(1).map_or(0, |before| model.phases[before].until);
    let late: Vec<String> = (0..model.phases.len())
        .filter(|n| begins(*n) >= settings.steps)
        .map(|n| format!("`{}`", model.phases[n].name))
        .collect();
    if !late.is_empty() {
        let steps = counted(settings.steps as usize, "step");
        let late = late.join(", ");
        tell(format_args!(
            "warning: {steps} are too few for all phases: {late} is not reached, and samples are of no use"
        ));
    }
    let start = start.map(|checkpoint| init::matching(&checkpoint, &plans, &settings)).transpose()?;
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
    start.iter().try_for_each(|networks| session.adopt(networks))?;
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
    let of_data = [origin.entry(), (FOLDER.to_string(), folder)];
    let deadline = args.minutes.map(|minutes| begun + Duration::from_secs_f64(60.0 * minutes));
    let training = Training::new(run, session, dataset, of_data, held_out)?.until(deadline);
    let status = training.run(&signals, args.json);
    page.iter().for_each(|page| page.end());
    status
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
