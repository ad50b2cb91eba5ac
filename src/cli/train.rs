//! `saddle train`.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::{Map, Value};

use super::{
    TrainArgs,
    fit::{self, Fit},
    print,
    progress::{Progress, duration},
    tell,
};
use crate::{
    checkpoint,
    data::{self, Dataset, Series},
    engine::Plans,
    error::{Error, Result},
    graph::numel,
    memory::mib,
    models::{self, Model},
    report,
    run::{Metrics, Run},
    session::{self, Session},
    settings::Settings,
};

/// Longest time between two looks at the clock and at Ctrl-C.
const SLICE: Duration = Duration::from_millis(250);

/// Trains a model, new or resumed.
pub fn train(args: &TrainArgs) -> Result<()> {
    let layers = args.layers()?;
    let resumed = match (&args.out, args.resume) {
        (Some(folder), true) => Some(Run::resume(folder, &models::menu(), &layers)?),
        _ => None,
    };
    let settings = match &resumed {
        Some(run) => run.settings().clone(),
        None => Settings::resolve(&models::menu(), &layers)?,
    };
    let dataset = session::open_data(&settings)?;
    let examples = session::examples(&dataset);
    tell(&dataset);
    let model = models::variant(&settings.variant)?.model(&settings, &examples)?;
    let (mut runner, caps, reason) = session::open_device(settings.adapter.as_deref())?;
    let plan = |model: &Model| {
        let plans = Plans::new(model.training(), &caps, Some(session::layout(&dataset)))?;
        fit::in_memory(&plans, runner.as_ref()).map(|()| plans)
    };
    let fits = |settings: &Settings| {
        models::variant(&settings.variant).and_then(|v| v.model(settings, &examples)).and_then(|m| plan(&m)).is_ok()
    };
    let plans = plan(&model).map_err(|error| match &resumed {
        // The batch of a run cannot change.
        Some(run) => with_way_back(error, run),
        None => fit::advised(error, Fit::of(&settings, fits)),
    })?;
    if args.explain {
        return plans.0.iter().try_for_each(|(name, program)| print(format!("{name}: {program}")));
    }
    if args.dry_run {
        return dry_run(&settings, &dataset, &model, &plans);
    }
    if settings.half && !runner.allow_half()? {
        tell("half: products stay in single precision, which is as fast or faster on this device");
    }
    runner.set_submission_time(Duration::from_millis(args.max_dispatch_ms));
    session::upload(runner.as_mut(), &dataset)?;
    let mut session = Session::new(runner, &settings, examples, &model, plans)?;
    tell(format_args!(
        "{} on {} ({}), {}: {reason}",
        settings.variant,
        dataset.name,
        shape(&dataset),
        session.describe()
    ));
    // Nothing is written before everything is known to fit.
    let run = match resumed {
        Some(run) => {
            take_up(&run, &mut session)?;
            run.save_settings()?;
            run
        }
        None => Run::create(args.out.as_deref(), &settings)?,
    };
    let (first, since) = (session.step(), Instant::now());
    let progress = Progress::new(first, settings.steps);
    Training { metrics: run.metrics()?, run, settings, dataset, session, progress, first, since }.go()
}

/// Brings a session to where the run's newest good checkpoint is.
fn take_up(run: &Run, session: &mut Session) -> Result<()> {
    let Some((path, checkpoint)) = checkpoint::latest(&run.checkpoints())? else {
        tell("no checkpoint yet: starting anew");
        return Ok(());
    };
    session.restore(&checkpoint).map_err(|e| e.at(&path.display().to_string()))?;
    let (step, steps) = (session.step(), run.settings().steps);
    if step >= steps {
        let folder = run.folder().display();
        return Err(Error::usage(format!(
            "the run `{folder}` is at step {step} of {steps} already; train it further with a higher --steps"
        )));
    }
    tell(format_args!("resumed at step {step} from {}", path.display()));
    for aside in checkpoint::set_aside(&run.checkpoints(), step)? {
        tell(format_args!("the damaged checkpoint is now {}", aside.display()));
    }
    Ok(())
}

fn shape(dataset: &Dataset) -> String {
    let extents: Vec<String> = dataset.shape.iter().map(|n| n.to_string()).collect();
    format!("{} examples of {}", dataset.len(), extents.join("x"))
}

fn dry_run(settings: &Settings, dataset: &Dataset, model: &Model, plans: &Plans) -> Result<()> {
    print(settings.to_toml())?;
    let rounds: Vec<_> = model.phases.iter().filter_map(|phase| plans.get(phase.name)).collect();
    let mut parameters: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
    for item in rounds.iter().flat_map(|round| &round.items).filter(|item| !item.state.contains('.')) {
        parameters.entry(&item.state).or_default().insert(&item.name, numel(&item.shape));
    }
    for (state, items) in parameters {
        print(format!("# parameters of {state}: {}", items.values().sum::<usize>()))?;
    }
    print(format!("# data: {}, {}", dataset.name, shape(dataset)))?;
    print(format!("# memory: {} on the device, data included", mib(plans.memory().bytes())))?;
    for (phase, round) in model.phases.iter().zip(rounds) {
        let name = if model.phases.len() > 1 { format!(" of phase {}", phase.name) } else { String::new() };
        print(format!("# a step{name}: {} launches, {:.3} GFLOP", round.steps.len(), round.cost().flops / 1e9))?;
    }
    Ok(())
}

/// A run under way.
struct Training {
    run: Run,
    metrics: Metrics,
    settings: Settings,
    dataset: Dataset,
    session: Session,
    progress: Progress,
    /// Step that this process started from, and when.
    first: u64,
    since: Instant,
}

impl Training {
    fn go(mut self) -> Result<()> {
        let stop = Arc::new(AtomicBool::new(false));
        let flag = stop.clone();
        ctrlc::set_handler(move || {
            // The second Ctrl-C does not wait.
            if flag.swap(true, Ordering::SeqCst) {
                std::process::exit(130);
            }
        })
        .map_err(|e| Error::failure(format!("cannot watch for Ctrl-C: {e}")))?;
        self.rounds(&stop).map_err(|e| with_way_back(e, &self.run))?;
        self.progress.finish();
        if self.session.step() < self.settings.steps {
            let step = self.session.step();
            tell(format_args!("stopped at step {step}; go on with: {}", resumption(&self.run)));
            return Ok(());
        }
        self.conclude()
    }

    /// Trains to the last step, or until `stop` is set.
    fn rounds(&mut self, stop: &AtomicBool) -> Result<()> {
        let s = self.settings.clone();
        let mut rows: Vec<Vec<f32>> = vec![];
        let mut slice = 1;
        while self.session.step() < s.steps && !stop.load(Ordering::SeqCst) {
            let step = self.session.step();
            let until = |every: u64| step.checked_div(every).map_or(s.steps, |done| (done + 1) * every);
            let phase_end = self.session.phase_end();
            let next = [s.steps, phase_end, until(s.log_every), until(s.sample_every), until(s.checkpoint_every)]
                .into_iter()
                .min()
                .unwrap_or(s.steps);
            let begun = Instant::now();
            rows.extend(self.session.train(slice.min(next - step))?);
            slice = if begun.elapsed() < SLICE / 2 {
                (slice * 2).min(s.steps)
            } else if begun.elapsed() > SLICE {
                (slice / 2).max(1)
            } else {
                slice
            };
            let step = self.session.step();
            let due = |every: u64| step == s.steps || (every > 0 && step.is_multiple_of(every));
            if due(s.log_every) || step == phase_end {
                self.log(&mut rows);
            }
            if due(s.sample_every) {
                self.draw()?;
            }
            if due(s.checkpoint_every) {
                self.keep(step == s.steps)?;
            }
        }
        if self.session.step() < s.steps {
            if !rows.is_empty() {
                self.log(&mut rows);
            }
            self.keep(true)?;
        }
        Ok(())
    }

    /// Lets the run outlive a file that could not be written, as on a full disk.
    fn tolerate(&self, written: Result<()>) {
        if let Err(error) = written {
            self.progress.note(&format!("warning: {error}; the run goes on"));
        }
    }

    /// One line of metrics: means over the steps since the last line.
    fn log(&mut self, rows: &mut Vec<Vec<f32>>) {
        let seconds = self.since.elapsed().as_secs_f64();
        let rate = (self.session.step() - self.first) as f64 / seconds;
        let mut line = Map::new();
        line.insert("step".into(), self.session.step().into());
        line.insert("seconds".into(), Value::from((seconds * 1e3).round() / 1e3));
        line.insert("samples_per_second".into(), Value::from((rate * self.settings.batch as f64).round()));
        let mut text = String::new();
        if let Some(phase) = self.session.phase() {
            line.insert("phase".into(), phase.into());
            text = format!("{phase}: ");
        }
        for (i, name) in self.session.metrics().iter().enumerate() {
            let mean = rows.iter().map(|r| f64::from(r[i])).sum::<f64>() / rows.len().max(1) as f64;
            line.insert(name.clone(), Value::from(mean as f32));
            text += &format!("{name} {mean:.3}  ");
        }
        let left = duration((self.settings.steps - self.session.step()) as f64 / rate);
        self.progress.report(
            self.session.step(),
            &format!("{text}{:.0} samples/s  {left} left", rate * self.settings.batch as f64),
        );
        rows.clear();
        let written = self.metrics.append(&line);
        self.tolerate(written);
    }

    fn samples(&mut self) -> Result<Vec<f32>> {
        self.session.generate(self.session.sample_rows(), self.settings.seed, None)
    }

    fn draw(&mut self) -> Result<()> {
        let samples = self.samples()?;
        let picture = match self.dataset.shape[..] {
            [2] => {
                let real: Vec<f32> = (0..2500.min(self.dataset.len())).flat_map(|i| self.dataset.example(i)).collect();
                report::scatter(&samples, &real, None)
            }
            [_, _, _] => {
                let columns = if self.settings.conditional {
                    self.dataset.classes()
                } else {
                    (self.settings.samples as f64).sqrt().ceil() as usize
                };
                report::grid(&samples, &self.dataset.shape, columns)?
            }
            [steps, features] => match self.dataset.series {
                Some(Series::Symbols(_)) => report::symbols(&samples, [steps, features])?,
                _ => {
                    let real: Vec<f32> =
                        (0..8).flat_map(|i| self.dataset.example(i * self.dataset.len() / 8)).collect();
                    report::series(&samples, &real, [steps, features])?
                }
            },
            _ => return Ok(()), // no plane to show them in
        };
        self.tolerate(report::save_png(&self.run.sample_path(self.session.step()), &picture));
        Ok(())
    }

    /// Writes a checkpoint. Where that fails the older ones stay, and only the `last` one is worth ending the run for.
    fn keep(&mut self, last: bool) -> Result<()> {
        let checkpoint = self.session.checkpoint()?;
        let saved = checkpoint.save(&self.run.checkpoint_path(self.session.step()));
        match saved.and_then(|()| checkpoint::prune(&self.run.checkpoints(), self.settings.keep)) {
            Err(error) if last => Err(error),
            kept => {
                self.tolerate(kept);
                Ok(())
            }
        }
    }

    fn conclude(&mut self) -> Result<()> {
        let step = self.session.step();
        print(format!("{step} steps in {}", duration(self.since.elapsed().as_secs_f64())))?;
        if let Some(modes) = data::modes(&self.settings.data) {
            let points: Vec<f32> = self.samples()?.into_iter().take(2 * 2500).collect();
            let score = data::count_modes(&points, &modes);
            print(format!(
                "modes {}/{}, high quality {:.1} %, reverse KL {:.4}",
                score.modes,
                modes.centres.len(),
                100.0 * score.high_quality_share,
                score.reverse_kl
            ))?;
        }
        print(format!("run     {}", self.run.folder().display()))?;
        let samples = self.run.sample_path(step);
        if samples.exists() { print(format!("samples {}", samples.display())) } else { Ok(()) }
    }
}

/// The command that goes on with a run.
fn resumption(run: &Run) -> String {
    format!("saddle train --out {} --resume", run.folder().display())
}

/// The sentence for a run that cannot go on, with the way back.
fn with_way_back(error: Error, run: &Run) -> Error {
    let back = match checkpoint::latest(&run.checkpoints()) {
        Ok(Some((path, _))) => format!("the last good checkpoint is {}", path.display()),
        // There is no memory to look at them.
        Err(Error::Device(_)) => format!("its checkpoints are in {}", run.checkpoints().display()),
        _ => "there is no checkpoint yet".into(),
    };
    match error {
        Error::Device(sentence) => Error::device(format!("{sentence}; {back}; go on with: {}", resumption(run))),
        // A loss that was no number once is none the next time.
        error => Error::failure(format!("{error}; {back}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::Checkpoint;

    #[test]
    fn what_a_failed_device_has_stopped_can_go_on() {
        let folder = tempfile::tempdir().unwrap();
        let run = Run::create(Some(&folder.path().join("a")), &Settings::default()).unwrap();
        let name = run.folder().display();
        let lost = || Error::device("the GPU was lost");
        assert_eq!(
            with_way_back(lost(), &run).to_string(),
            format!("the GPU was lost; there is no checkpoint yet; go on with: saddle train --out {name} --resume")
        );
        Checkpoint { tensors: BTreeMap::new(), meta: BTreeMap::new() }.save(&run.checkpoint_path(7)).unwrap();
        let last = format!("the last good checkpoint is {name}/checkpoints/step-000007.safetensors");
        let error = with_way_back(lost(), &run);
        assert_eq!(error.exit_code(), 1);
        assert_eq!(
            error.to_string(),
            format!("the GPU was lost; {last}; go on with: saddle train --out {name} --resume")
        );
        assert_eq!(
            with_way_back(Error::failure("d_loss is no number"), &run).to_string(),
            format!("d_loss is no number; {last}")
        );
    }
}
