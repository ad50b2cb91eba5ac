//! `saddle train`.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::{Map, Value};

use super::{
    TrainArgs, print,
    progress::{Progress, duration},
};
use crate::{
    checkpoint,
    data::{self, Dataset},
    error::{Error, Result},
    graph::numel,
    models, report,
    run::{Metrics, Run},
    session::{self, Plans, Session},
    settings::{Preset, Settings},
};

/// Longest time between two looks at the clock and at Ctrl-C.
const SLICE: Duration = Duration::from_millis(250);

/// Trains a model, new or resumed.
pub fn train(args: &TrainArgs) -> Result<()> {
    let layers = args.layers()?;
    let presets: Vec<(&str, &[Preset])> = models::VARIANTS.iter().map(|v| (v.name, v.presets)).collect();
    let resumed = match (&args.out, args.resume) {
        (Some(folder), true) => Some(Run::resume(folder, &layers)?),
        _ => None,
    };
    let settings = match &resumed {
        Some(run) => run.settings().clone(),
        None => Settings::resolve(&presets, &layers)?,
    };
    let dataset = session::open_data(&settings)?;
    let examples = session::examples(&dataset);
    let model = (models::variant(&settings.variant)?.build)(&settings, &examples)?;
    let (mut runner, caps, reason) = session::open_device(settings.adapter.as_deref())?;
    let plans = Plans::new(&model, &caps, Some(session::layout(&dataset)))?;
    if args.explain {
        return plans.programs().try_for_each(print);
    }
    if args.dry_run {
        return dry_run(&settings, &dataset, &plans);
    }
    let run = match resumed {
        Some(run) => run,
        None => Run::create(args.out.as_deref(), &settings)?,
    };
    session::upload(runner.as_mut(), &dataset)?;
    let mut session = Session::new(runner, &settings, examples, &plans)?;
    eprintln!("{} on {} ({}), {}: {reason}", settings.variant, dataset.name, shape(&dataset), session.describe());
    let mut step = 0;
    if args.resume {
        match checkpoint::latest(&run.checkpoints())? {
            Some((path, checkpoint)) => {
                session.restore(&checkpoint).map_err(|e| e.at(&path.display().to_string()))?;
                step = session.step();
                eprintln!("resumed at step {step} from {}", path.display());
            }
            None => eprintln!("no checkpoint yet: starting anew"),
        }
    }
    let training =
        Training { metrics: run.metrics()?, run, settings, dataset, session, first: step, since: Instant::now() };
    training.go()
}

fn shape(dataset: &Dataset) -> String {
    let extents: Vec<String> = dataset.shape.iter().map(|n| n.to_string()).collect();
    format!("{} examples of {}", dataset.len(), extents.join("x"))
}

fn dry_run(settings: &Settings, dataset: &Dataset, plans: &Plans) -> Result<()> {
    print(settings.to_toml())?;
    let round = plans.round.as_ref().expect("a plan to train has a round");
    for state in ["g", "d"] {
        let count: usize = round.items.iter().filter(|i| i.state == state).map(|i| numel(&i.shape)).sum();
        print(format!("# parameters of {state}: {count}"))?;
    }
    let mib = |bytes: usize| bytes as f64 / f64::from(1 << 20);
    print(format!("# data: {}, {}", dataset.name, shape(dataset)))?;
    print(format!("# memory: {:.1} MiB on the device, data included", mib(round.bytes())))?;
    print(format!("# a round: {} launches, {:.3} GFLOP", round.steps.len(), round.cost().flops / 1e9))
}

/// A run under way.
struct Training {
    run: Run,
    metrics: Metrics,
    settings: Settings,
    dataset: Dataset,
    session: Session,
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
        let s = self.settings.clone();
        let mut progress = Progress::new(self.first, s.steps);
        let mut rows: Vec<Vec<f32>> = vec![];
        let mut slice = 1;
        while self.session.step() < s.steps && !stop.load(Ordering::SeqCst) {
            let step = self.session.step();
            let until = |every: u64| if every == 0 { s.steps } else { (step / every + 1) * every };
            let next = [s.steps, until(s.log_every), until(s.sample_every), until(s.checkpoint_every)]
                .into_iter()
                .min()
                .unwrap_or(s.steps);
            let begun = Instant::now();
            let trained = self.session.train(slice.min(next - step));
            rows.extend(trained.map_err(|e| self.unusable(e))?);
            slice = if begun.elapsed() < SLICE / 2 {
                slice * 2
            } else if begun.elapsed() > SLICE {
                (slice / 2).max(1)
            } else {
                slice
            };
            let step = self.session.step();
            let due = |every: u64| step == s.steps || (every > 0 && step.is_multiple_of(every));
            if due(s.log_every) {
                self.log(&rows, &mut progress)?;
                rows.clear();
            }
            if due(s.sample_every) {
                self.draw()?;
            }
            if due(s.checkpoint_every) {
                self.keep(&mut progress)?;
            }
        }
        if stop.load(Ordering::SeqCst) && self.session.step() < s.steps {
            self.keep(&mut progress)?;
            progress.finish();
            let (folder, step) = (self.run.folder().display(), self.session.step());
            eprintln!("stopped at step {step}; go on with: saddle train --out {folder} --resume");
            return Ok(());
        }
        progress.finish();
        self.conclude()
    }

    /// The sentence for a run that cannot go on, with the way back.
    fn unusable(&self, error: Error) -> Error {
        let last = checkpoint::latest(&self.run.checkpoints()).ok().flatten();
        let back = match last {
            Some((path, _)) => format!("the last good checkpoint is {}", path.display()),
            None => "there is no checkpoint yet".into(),
        };
        Error::failure(format!("{error}; {back}; a lower learning rate or a gradient penalty may help"))
    }

    /// One line of metrics: means over the steps since the last line.
    fn log(&mut self, rows: &[Vec<f32>], progress: &mut Progress) -> Result<()> {
        let seconds = self.since.elapsed().as_secs_f64();
        let rate = (self.session.step() - self.first) as f64 / seconds;
        let mut line = Map::new();
        line.insert("step".into(), self.session.step().into());
        line.insert("seconds".into(), Value::from((seconds * 1e3).round() / 1e3));
        line.insert("samples_per_second".into(), Value::from((rate * self.settings.batch as f64).round()));
        let mut text = String::new();
        for (i, name) in self.session.metrics().iter().enumerate() {
            let mean = rows.iter().map(|r| f64::from(r[i])).sum::<f64>() / rows.len().max(1) as f64;
            line.insert(name.clone(), Value::from(mean as f32));
            text += &format!("{name} {mean:.3}  ");
        }
        let left = duration((self.settings.steps - self.session.step()) as f64 / rate);
        progress.report(
            self.session.step(),
            &format!("{text}{:.0} samples/s  {left} left", rate * self.settings.batch as f64),
        );
        self.metrics.append(&line)
    }

    fn samples(&mut self) -> Result<Vec<f32>> {
        let examples = session::examples(&self.dataset);
        let count = models::sample_rows(&self.settings, &examples);
        self.session.generate(count, self.settings.seed, None)
    }

    fn draw(&mut self) -> Result<()> {
        let samples = self.samples()?;
        let picture = if self.dataset.shape.len() == 1 {
            let real: Vec<f32> = (0..2500.min(self.dataset.len())).flat_map(|i| self.dataset.example(i)).collect();
            report::scatter(&samples, &real, None)
        } else {
            let columns = if self.settings.conditional {
                self.dataset.classes()
            } else {
                (self.settings.samples as f64).sqrt().ceil() as usize
            };
            report::grid(&samples, &self.dataset.shape, columns)?
        };
        report::save_png(&self.run.sample_path(self.session.step()), &picture)
    }

    /// Writes a checkpoint. A full disk does not end a run: it goes on, and the older checkpoints stay.
    fn keep(&mut self, progress: &mut Progress) -> Result<()> {
        let checkpoint = self.session.checkpoint().map_err(|e| self.unusable(e))?;
        match checkpoint.save(&self.run.checkpoint_path(self.session.step())) {
            Ok(()) => checkpoint::prune(&self.run.checkpoints(), self.settings.keep),
            Err(error) if self.session.step() < self.settings.steps => {
                progress.note(&format!("warning: {error}; the older checkpoints stay, and the run goes on"));
                Ok(())
            }
            Err(error) => Err(error),
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
        print(format!("samples {}", self.run.sample_path(step).display()))
    }
}
