//! A training under way: its rounds, and what it writes and says.

mod result;

use std::{
    f64::consts::LN_2,
    path::Path,
    time::{Duration, Instant},
};

use image::RgbImage;
use serde_json::{Map, Value, json};

use super::{
    best::Best,
    held_out::{HeldOut, MEASURED, Sequences},
    minutes, print,
    progress::{Progress, Speed, duration, figure, per_second},
    showing::{Showing, showing},
    signals::Signals,
    tell,
    way_back::with_way_back,
    whole,
};
use crate::{
    checkpoint::{self, Checkpoint, DISTANCE, HELD_OUT},
    data::{self, Dataset, ModeScore, Series},
    error::{Error, Result},
    files::write_atomically,
    health::{self, Health},
    metrics::Spread,
    models::BOUND,
    plan::RING_ROWS,
    record::Tail,
    report,
    run::{Ending, How, Metrics, Run, resumption},
    session::{self, Session},
    settings::Settings,
    tensorboard::Events,
};

/// Maximum time between two checks of the clock and of signals.
const SLICE: Duration = Duration::from_millis(250);
/// Maximum time between two checkpoints, whatever `checkpoint_every` says: it limits the work that a divergence can
/// cost.
const SNAPSHOT: Duration = Duration::from_secs(300);
/// Lines of a sample of text on the terminal.
const LINES: usize = 3;

/// A run under way.
pub struct Training {
    run: Run,
    metrics: Metrics,
    settings: Settings,
    dataset: Dataset,
    /// Entries of each checkpoint's `meta` about the data.
    of_data: [(String, String); 2],
    session: Session,
    progress: Progress,
    /// The step from which this process started, and the time of its start.
    first: u64,
    since: Instant,
    speed: Speed,
    /// When `--minutes` are over, until that was found to be too soon.
    deadline: Option<Instant>,
    /// Time of the last line of metrics.
    logged: Instant,
    /// Time of the last attempt to write a checkpoint.
    kept: Instant,
    /// Whether a warning about pictures was printed already.
    has_warned: bool,
    /// Ending of the files that show samples.
    shown_as: &'static str,
    /// Of sequences of symbols: how many symbols count in one, and how many characters they spell.
    spelled: Option<[f64; 2]>,
    /// Held-out examples, if there are any that the model can measure.
    held_out: Option<HeldOut>,
    /// Their last measure, of sequences: nats of each symbol.
    held_out_nats: Option<f64>,
    /// Columns of metrics that were measured since the last line.
    measured: Map<String, Value>,
    health: Health,
    /// The last line of metrics.
    last: Map<String, Value>,
    /// Event files of TensorBoard, if they are wanted.
    events: Option<Events>,
    best: Best,
    /// The modes that the newest samples hit, where they are known, until they are logged.
    modes: Option<ModeScore>,
    /// How various samples of numbers are.
    spread: Option<Spread>,
    /// The newest samples, until they are drawn.
    samples: Option<Vec<f32>>,
}

impl Training {
    /// The training of `session` from its step on, in the folder of `run`. `of_data` are entries of each checkpoint's
    /// `meta`.
    pub fn new(
        run: Run,
        session: Session,
        dataset: Dataset,
        of_data: [(String, String); 2],
        held_out: Option<HeldOut>,
    ) -> Result<Self> {
        let (first, since) = (session.step(), Instant::now());
        let metrics = run.metrics(first)?;
        if metrics.damaged > 0 {
            let (lines, path) = (metrics.damaged, run.metrics_path());
            tell(format_args!("{lines} damaged lines of {} are left out", path.display()));
        }
        let settings = run.settings().clone();
        let mut health = Health::new(&settings);
        let mut last = Map::new();
        for mut line in Tail::new(run.metrics_path()).news().unwrap_or_default() {
            health.look(&mut line);
            last = line;
        }
        let events = settings.tensorboard.then(|| Events::create(&run.event_files(), first)).transpose()?;
        Ending::begun(first).write(run.folder())?;
        // Each process names its device in its first line.
        let measured = Map::from_iter([("device".to_string(), session.describe().into())]);
        Ok(Self {
            metrics,
            best: Best::of(&run, first, &dataset, held_out.as_ref())?,
            run,
            progress: Progress::new(first, settings.steps),
            spread: Spread::beside(&dataset),
            spelled: dataset.spelled(dataset.evenly(MEASURED)),
            shown_as: session::examples(&dataset).shown_as(),
            settings,
            dataset,
            of_data,
            session,
            first,
            since,
            speed: Speed::new(first),
            deadline: None,
            logged: since,
            kept: since,
            has_warned: false,
            held_out,
            held_out_nats: None,
            measured,
            health,
            last,
            events,
            modes: None,
            samples: None,
        })
    }

    /// With a time at which it should end.
    pub fn until(self, deadline: Option<Instant>) -> Self {
        Self { deadline, ..self }
    }

    /// Trains to the last step, or until a signal ends it; returns the exit status. With `json`, the result is a line
    /// of JSON.
    pub fn run(mut self, signals: &Signals, json: bool) -> Result<u8> {
        let rounds = self.rounds(signals);
        self.keep_ending(rounds.as_ref().err())?;
        rounds.map_err(|e| with_way_back(e, &self.run))?;
        self.progress.finish();
        let status = match signals.ended() {
            Some(status) if self.session.step() < self.settings.steps => {
                let (step, resumption) = (self.session.step(), resumption(self.run.folder()));
                tell(format_args!("stopped at step {step}; go on with: {resumption}"));
                status
            }
            _ => {
                let lines = self.result()?;
                if json {
                    lines.iter().for_each(tell);
                } else {
                    lines.iter().try_for_each(print)?;
                }
                0
            }
        };
        self.session.end(status)?;
        if json {
            let (folder, s) = (self.run.folder().display().to_string(), &self.settings);
            let mut line = json!({"run": folder, "variant": s.variant, "data": s.data, "steps": s.steps});
            line.as_object_mut().expect("just made as one").append(&mut self.last);
            print(line)?;
        }
        Ok(status)
    }

    /// Writes down how the training ended, also on a full disk, where there is often room for a line.
    fn keep_ending(&self, error: Option<&Error>) -> Result<()> {
        let (begun, step) = (Ending::begun(self.first), self.session.step());
        let how = if step < self.settings.steps { How::Interrupted } else { How::Done };
        let ending = error.map_or(Ending { step, how, ..begun.clone() }, |error| begun.failed(step, error));
        let written = ending.write(self.run.folder());
        // The first error matters more.
        if error.is_some() { Ok(()) } else { self.tolerate(written) }
    }

    /// Trains to the last step, or until a signal ends it.
    fn rounds(&mut self, signals: &Signals) -> Result<()> {
        let s = self.settings.clone();
        let mut rows: Vec<Vec<f32>> = vec![];
        let mut slice = 1;
        let due = |step: u64, every: u64| step == s.steps || (every > 0 && step.is_multiple_of(every));
        // An earlier process may have ended after it wrote this checkpoint and before it drew the picture.
        let lacks = |ending| !self.run.sample_path(self.first, ending).exists();
        if self.first > 0 && due(self.first, s.sample_every) && lacks(self.shown_as) {
            self.show()?;
        }
        while self.session.step() < s.steps && signals.ended().is_none() {
            let step = self.session.step();
            let until = |every: u64| step.checked_div(every).map_or(s.steps, |done| (done + 1) * every);
            let phase_end = self.session.phase_end();
            let next = [s.steps, phase_end, until(s.log_every), until(s.sample_every), until(s.checkpoint_every)]
                .into_iter()
                .min()
                .unwrap_or(s.steps);
            let begun = Instant::now();
            match self.session.train(slice.min(next - step).min(RING_ROWS as u64)) {
                Ok(more) => rows.extend(more),
                Err(error) => {
                    // Streamed data that cannot be read: the rounds before are as good as any, if no rank is in the
                    // middle of one.
                    let is_whole = self.session.step() > step && self.session.is_alone();
                    if matches!(error, Error::Failure(_)) && is_whole {
                        let _ = self.save_checkpoint(true); // its error would hide the first one
                    }
                    return Err(error);
                }
            }
            slice = if begun.elapsed() < SLICE / 2 {
                (slice * 2).min(s.steps)
            } else if begun.elapsed() > SLICE {
                (slice / 2).max(1)
            } else {
                slice
            };
            let step = self.session.step();
            if due(step, s.sample_every) {
                if step == s.steps && self.session.is_fitted() {
                    self.progress.note("fitting what samples are drawn by");
                }
                self.look();
                self.measure()?;
            }
            if due(step, s.checkpoint_every) {
                let distance = self.best.distance(&mut self.session, &self.dataset, &s);
                self.measured.extend(distance.map(|distance| (DISTANCE.to_owned(), (distance as f32).into())));
            }
            if due(step, s.log_every) || step == phase_end {
                self.log(&mut rows)?;
            }
            let asked = signals.shows();
            // The checkpoint comes first: it matters more than a picture.
            if due(step, s.checkpoint_every) || asked || self.kept.elapsed() > SNAPSHOT {
                self.save_checkpoint(step == s.steps)?;
            }
            if due(step, s.sample_every) || asked {
                self.show()?;
            }
        }
        if self.session.step() < s.steps {
            if !rows.is_empty() {
                self.log(&mut rows)?;
            }
            self.save_checkpoint(true)?;
        }
        Ok(())
    }

    /// Turns a failed write into a warning: the run goes on. A full disk ends it, as it has no room for the result.
    fn tolerate(&self, written: Result<()>) -> Result<()> {
        match written {
            Err(error @ Error::Full(_)) => return Err(error),
            Err(error) => self.progress.note(&format!("warning: {error}; the run goes on")),
            Ok(()) => {}
        }
        Ok(())
    }

    /// One line of metrics: means over the steps since the last line.
    fn log(&mut self, rows: &mut Vec<Vec<f32>>) -> Result<()> {
        let seconds = self.metrics.seconds + self.since.elapsed().as_secs_f64();
        let rate = self.speed.at(self.session.step());
        let mut line = Map::new();
        line.insert("step".into(), self.session.step().into());
        line.insert("seconds".into(), Value::from((seconds * 1e3).round() / 1e3));
        line.insert("samples_per_second".into(), Value::from((rate * self.settings.batch as f64).round()));
        // Examples a second, or characters.
        let (speed, unit) = match (self.shown_as, self.spelled) {
            ("txt", Some([_, characters])) => (rate * self.settings.batch as f64 * characters, "characters"),
            _ => (rate * self.settings.batch as f64, "samples"),
        };
        let mut texts = vec![match self.settings.steps - self.session.step() {
            0 => "done".to_owned(),
            left => format!("{} left", duration(left as f64 / rate)),
        }];
        // Losses come first, as a narrow terminal has no room for all.
        let mut losses = texts.len();
        if let Some(phase) = self.session.phase() {
            line.insert("phase".into(), phase.into());
            texts.push(format!("phase {phase}"));
            losses += 1;
        }
        for (i, name) in self.session.metrics().iter().enumerate() {
            let mean = rows.iter().map(|r| f64::from(r[i])).sum::<f64>() / rows.len().max(1) as f64;
            let said = match (name.as_str(), self.spelled) {
                ("nats_per_step", Some(spelled)) => self.nats(mean, spelled, true),
                _ => format!("{name} {}", figure(mean)),
            };
            line.insert(name.clone(), Value::from(mean as f32));
            if name.ends_with("_loss") {
                texts.insert(losses, said);
                losses += 1;
            } else if !health::BEHIND.contains(&name.as_str()) {
                texts.push(said);
            }
        }
        let sequences = self.held_out.as_ref().and_then(|held_out| held_out.sequences.as_ref());
        if let (Some(nats), Some(Sequences { spelled, .. })) = (self.held_out_nats, sequences) {
            // Windows of their own, also where training carries states from one to the next.
            let from = if self.settings.carry { ", each window from zeros" } else { "" };
            texts.push(format!("held out{from} {}", self.nats(nats, *spelled, false)));
        }
        if let (Some(score), Some(modes)) = (self.modes.take(), data::modes(&self.settings.data)) {
            line.append(&mut result::columns(&score));
            texts.push(format!("{} of {} modes", score.modes, modes.centres.len()));
        }
        texts.push(format!("{} {unit}/s", per_second(speed)));
        for (name, spent) in [("starved", self.session.waited()), ("summing", self.session.summed())] {
            let Some(spent) = spent else { continue };
            let share = spent.as_secs_f64() / self.logged.elapsed().as_secs_f64();
            line.insert(name.into(), ((share * 1e4).round() / 1e4).into());
        }
        self.logged = Instant::now();
        let left = (self.settings.steps - self.session.step()) as f64 / rate;
        minutes::late(&mut self.deadline, left).iter().for_each(|late| self.progress.note(late));
        line.append(&mut self.measured);
        self.health.look(&mut line).iter().for_each(|sentence| self.progress.note(sentence));
        self.progress.report(self.session.step(), &texts);
        rows.clear();
        let written = self.metrics.append(&line);
        self.tolerate(written)?;
        let written = self.events.as_mut().map_or(Ok(()), |events| events.scalars(self.session.step(), &line));
        self.last = line;
        self.tolerate(written)
    }

    /// Nats of each symbol in words, with the bits of each character that they spell; `of` says of what.
    fn nats(&self, nats: f64, [symbols, characters]: [f64; 2], of: bool) -> String {
        let noun = match &self.dataset.series {
            Some(Series::Symbols(symbols)) if self.shown_as == "txt" => symbols.noun(),
            _ => return format!("{}{nats:.3}", if of { "nats_per_step " } else { "" }),
        };
        let bits = nats * symbols / characters / LN_2;
        match (noun, of) {
            ("character", true) => format!("{:.3} nats ({bits:.2} bits) a character", nats * symbols / characters),
            ("character", false) => format!("{:.3} ({bits:.2} bits)", nats * symbols / characters),
            (noun, true) => format!("{nats:.3} nats a {noun} ({bits:.2} bits a character)"),
            (_, false) => format!("{nats:.3} ({bits:.2} bits)"),
        }
    }

    /// Samples as `saddle sample` draws them from a checkpoint of this step.
    fn draw_samples(&mut self) -> Result<Vec<f32>> {
        self.session.fit()?;
        self.session.generate(self.session.sample_rows(), self.settings.seed, None)
    }

    /// Measures how various samples are, and keeps these for their picture. If there are none, the picture says why.
    fn look(&mut self) {
        self.samples = self.draw_samples().ok();
        self.modes = self.count_modes().ok().flatten();
        let Some(samples) = &self.samples else { return };
        let spread = self.spread.as_ref().map(|spread| spread.of(samples) as f32);
        self.measured.extend(spread.map(|spread| ("spread".to_owned(), spread.into())));
    }

    /// The modes that samples hit, where they are known. A conditional model draws classes as often as the data has
    /// them, which in a picture are equally many.
    fn count_modes(&mut self) -> Result<Option<ModeScore>> {
        let Some(modes) = data::modes(&self.settings.data) else { return Ok(None) };
        let (count, seed) = (self.session.sample_rows(), self.settings.seed);
        let labels = self.dataset.classes_of_examples().filter(|_| self.settings.conditional);
        let samples = match labels.map(|labels| labels.drawn(count, seed)) {
            Some(classes) => self.session.generate_of(&classes, seed)?,
            None => self.samples.clone().map_or_else(|| self.draw_samples(), Ok)?,
        };
        Ok(Some(data::count_modes(&samples[..samples.len().min(2 * 2500)], &modes)))
    }

    /// Draws a picture of samples. A picture that fails does not end the run, unless the disk is full.
    fn show(&mut self) -> Result<()> {
        let (keep, every) = (self.settings.keep_samples, self.settings.sample_every);
        match self.save_samples() {
            Err(error @ Error::Full(_)) => return Err(error),
            Err(error) => self.warn_once(&format!("there is no picture of step {}: {error}", self.session.step())),
            Ok(()) if keep > 0 => {
                // Music has both a picture and a MIDI file.
                for ending in ["png", "txt", "mid"] {
                    self.tolerate(self.run.thin_samples(ending, keep, every, self.session.step()))?;
                }
            }
            Ok(()) => {}
        }
        Ok(())
    }

    fn warn_once(&mut self, sentence: &str) {
        if !std::mem::replace(&mut self.has_warned, true) {
            self.progress.note(&format!("warning: {sentence}"));
        }
    }

    fn save_samples(&mut self) -> Result<()> {
        let samples = self.samples.take().map_or_else(|| self.draw_samples(), Ok)?;
        let mut warning = None;
        let shown = showing(&samples, &self.dataset, &self.settings, |sentence| warning = Some(sentence.to_string()))?;
        warning.into_iter().for_each(|sentence| self.warn_once(&sentence));
        let [png, midi, txt] = ["png", "mid", "txt"].map(|ending| self.run.sample_path(self.session.step(), ending));
        match shown {
            Showing::Picture(picture) => self.save_picture(&png, &picture)?,
            Showing::Music(picture, song) => {
                self.save_picture(&png, &picture)?;
                self.tolerate(write_atomically(&midi, &song))?;
            }
            Showing::Text(text) => {
                self.tolerate(write_atomically(&txt, text.as_bytes()))?;
                let first =
                    text.lines().skip(usize::from(text.starts_with("---"))).filter(|line| !line.trim().is_empty());
                first.take(LINES).for_each(|line| self.progress.aside(&format!("  | {}", whole(line))));
            }
        }
        Ok(())
    }

    fn save_picture(&mut self, path: &Path, picture: &RgbImage) -> Result<()> {
        let saved = report::png(picture).and_then(|png| {
            write_atomically(path, &png)?;
            let (step, sides) = (self.session.step(), picture.dimensions().into());
            self.events.as_mut().map_or(Ok(()), |events| events.picture(step, &png, sides))
        });
        self.tolerate(saved)
    }

    /// Measures the held-out examples, and keeps the checkpoint that did best on sequences.
    fn measure(&mut self) -> Result<()> {
        let Some(held_out) = &self.held_out else { return Ok(()) };
        let (session, settings, drawn) = (&mut self.session, &self.settings, &self.samples);
        let samples = |session: &mut Session| match drawn {
            Some(samples) => Ok(samples.clone()),
            None => session.generate(session.sample_rows(), settings.seed, None),
        };
        if let Some(lead) = held_out.lead(session, settings, samples)? {
            self.measured.insert("d_lead".into(), (lead as f32).into());
        }
        if let Some(share) = held_out.by_heart(session, settings)? {
            self.measured.insert("known_by_heart".into(), (share as f32).into());
        }
        if let Some((column, value)) = held_out.of_numbers(session, settings)? {
            self.measured.insert(column.into(), (value as f32).into());
        }
        let Some(sequences) = held_out.sequences.as_ref().filter(|_| session.has(BOUND)) else { return Ok(()) };
        let nats = sequences.nats(session, settings.seed)?;
        self.held_out_nats = Some(nats);
        self.measured.insert(HELD_OUT.into(), (nats as f32).into());
        if !self.best.is_least(nats) {
            return Ok(());
        }
        let (checkpoint, step) = (self.checkpoint()?, self.session.step());
        let saved = self.best.keep_by(HELD_OUT, nats, checkpoint, &self.run, step);
        self.tolerate(saved)
    }

    /// All that a resume needs.
    fn checkpoint(&mut self) -> Result<Checkpoint> {
        let mut checkpoint = self.session.checkpoint()?;
        let settings = (checkpoint::SETTINGS.to_string(), self.settings.to_toml());
        checkpoint.meta.extend(self.of_data.iter().cloned().chain([settings]));
        Ok(checkpoint)
    }

    /// Writes a checkpoint. If this fails, the older checkpoints stay, and the run ends only if it was the `last` one
    /// or the disk is full.
    fn save_checkpoint(&mut self, last: bool) -> Result<()> {
        self.kept = Instant::now();
        let checkpoint = self.checkpoint()?;
        let step = self.session.step();
        let saved = checkpoint.save(&self.run.checkpoint_path(step));
        let kept = self.best.keep(&checkpoint, &self.run, step);
        self.tolerate(kept)?;
        match saved.and_then(|()| checkpoint::prune(&self.run.checkpoints(), self.settings.keep)) {
            Err(error) if last => Err(error),
            kept => self.tolerate(kept),
        }
    }
}
