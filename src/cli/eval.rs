//! `saddle eval`.

mod held_out;
mod samples;
mod standard;
mod symbols;

pub use held_out::too_few_images;

use std::{
    f64::consts::LN_2,
    path::{Path, PathBuf},
};

use image::RgbImage;

use held_out::more_held_out;
use samples::asked;

use super::{
    EvalArgs,
    evaluated::{Folder, Measured},
    print, probes,
    progress::Tasks,
    rows, runs, said, say, shown, tell,
    trained::{Asked, given_to},
};
use crate::{
    checkpoint::CHOSEN_ON,
    data::{self, Chord, Dataset, Items, Music, Series},
    error::{Error, Result, counted},
    eval::{
        Better, Report, Row, Setup, Verdict,
        boltzmann::boltzmann,
        images::{self, Images},
        likelihood::{IMPORTANCE_SAMPLES, likelihood},
        modes, music,
        sequences::{self, Layout, Sequences},
        statics::statics,
    },
    files::{cache_folder, quoted, tidy_cache},
    graph::numel,
    likelihood::{Annealing, Parameters},
    models::{BOUND, CONTINUE, SAMPLE, WEIGHTS},
    origin,
    record::distinct,
    session::{self, Session},
    trained::Trained,
};

/// Number of generated points for the measures of modes.
const POINTS: usize = 10 * modes::POINTS;

/// The last line of a report of which more is being measured.
const UNFINISHED: &str = "Unfinished: more was being measured.";

/// A model that is being measured.
struct Evaluation<'a> {
    args: &'a EvalArgs,
    trained: &'a Asked,
    session: Session,
    train: Dataset,
    test: Option<Dataset>,
    /// What is measured in place of samples, if it is no table.
    given: Option<Vec<f32>>,
    setup: Setup<'a>,
    /// File names and pictures, to be written with the reports.
    pictures: Vec<(&'static str, RgbImage)>,
}

/// Measures the models of runs, one after the other, prints the scores and writes the reports. Returns the exit status:
/// of several runs, the worst of theirs.
pub fn eval(args: &EvalArgs) -> Result<u8> {
    match &distinct(&args.runs)[..] {
        [] => runs::ask(),
        [run] => measure(run, args).map(|()| 0),
        _ if args.only_data.is_some() => {
            Err(Error::usage("--only-data measures other examples in place of samples: name one run"))
        }
        runs => each(runs, args),
    }
}

/// Measures several runs. What is wrong with one of them is said, and the others are measured all the same.
fn each(runs: &[PathBuf], args: &EvalArgs) -> Result<u8> {
    let (mut worst, mut measured) = (0, vec![]);
    for (n, run) in (1..).zip(runs) {
        said::forget();
        let heading = format!("== {} ({n} of {}) ==", shown(run), runs.len());
        if args.json {
            tell(heading);
        } else {
            print(heading)?;
        }
        match measure(run, args) {
            Ok(()) => measured.push(quoted(run)),
            Err(error) => {
                say(format_args!("error: {}", error.clone().at(&shown(run))));
                worst = worst.max(error.exit_code());
            }
        }
        if !args.json {
            print("")?;
        }
    }
    if measured.len() > 1 {
        tell(format_args!("side by side: saddle compare {}", measured.join(" ")));
    }
    Ok(worst)
}

/// Measures the model of a run.
fn measure(run: &Path, args: &EvalArgs) -> Result<()> {
    let trained = Trained::at(run, args.model.checkpoint)?;
    let trained = Asked::of(trained, args.data.as_ref(), args.accept_changed_data);
    let model = trained.model()?;
    let variant = &trained.settings.variant;
    if args.importance.is_some() && model.named(&[BOUND]).next().is_none() {
        return Err(Error::usage(format!("--importance: `{variant}` has no likelihood to bound")));
    }
    if args.temperatures.is_some() && !has_machine(&trained) {
        return Err(Error::usage(format!("--temperatures: `{variant}` has no Boltzmann machine")));
    }
    let is_table = trained.examples.heads().is_some();
    if args.target.is_some() && !is_table {
        return Err(Error::usage("--target is for tables whose columns have types"));
    }
    let given = args.only_data.as_ref().filter(|_| !is_table);
    let given = given.map(|path| given_to(path, &trained, "--only-data")).transpose()?.map(|given| given.values);
    // What another program made is no evaluation of the run.
    let folder = match args.only_data {
        None => Some(Folder::of(trained.run.evaluations_of(trained.checkpoint.meta("step")?))?),
        Some(_) => None,
    };
    let train = trained.data()?.resident()?;
    let test = trained.held_out()?.map(Dataset::resident).transpose()?;
    let held_out = test.as_ref().map(origin::identity);
    if test.is_none() {
        tell(format_args!("`{}` has no held-out part: what the model learned from stands in", trained.settings.data));
    }
    let session = trained.session_of(&model, &[SAMPLE, BOUND, WEIGHTS, CONTINUE], args.model.adapter.as_deref())?;
    if args.importance.is_some() && session.latent_size() == 0 {
        return Err(Error::usage(format!("--importance: the likelihood of `{variant}` is exact")));
    }
    let device = || session::open_device(args.model.adapter.as_deref()).map(|(runner, caps, _)| (runner, caps));
    let tasks = Tasks::default();
    let seen = |task: &str, done, total| tasks.seen(task, done, total);
    let setup = Setup { device: &device, cache: cache_folder(), seed: args.seed, effort: args.effort, seen: &seen };
    let mut evaluation = Evaluation { args, trained: &trained, session, train, test, given, setup, pictures: vec![] };
    if let Err(error) = tidy_cache() {
        tell(format_args!("warning: {error}"));
    }
    let mut notes = vec![];
    let before = folder.as_ref().and_then(Folder::held_out);
    if let Some(before) = before.filter(|before| Some(before) != held_out.as_ref()) {
        let note = format!(
            "the held-out examples are others than in the evaluation before ({before:.12}..): compare no scores"
        );
        tell(format_args!("warning: {note}"));
        notes.push(note);
    }
    if held_out.is_some() && trained.checkpoint.meta.get(CHOSEN_ON) == held_out.as_ref() {
        let note = "this checkpoint was chosen by the examples that measure it here, which flatters it; a folder \
                    `valid` beside `train` and `test` would choose in their place";
        notes.push(note.into());
    }
    let step = evaluation.session.step();
    let (mut reports, mut said, mut printed, mut written) = (vec![], vec![], Ok(()), None);
    let mut tables = match &args.only_data {
        Some(path) => format!("{}, in the place of samples\n", shown(path)),
        None => format!("{variant} at step {step}\n"),
    };
    let effort = if evaluation.is_scored_by_networks() { args.effort } else { 1.0 };
    let (seed, count) = (args.seed, args.count);
    let held_out = held_out.as_deref();
    let json = |reports: &[Report], run, unfinished| {
        let of = reports.iter().map(|report| Measured { run, step, seed, effort, count, held_out, unfinished, report });
        serde_json::to_value(of.collect::<Vec<_>>()).expect("plain data is JSON")
    };
    // Scores are shown and written as they come: the next ones may take minutes, and be interrupted. Should the reader
    // of the output be gone, the files are written all the same.
    let measured = evaluation.measure(&mut |mut report: Report| {
        report.notes.extend_from_slice(&notes);
        report.judge();
        let table = format!("\n{}", report.table_after(&mut said));
        let text = if reports.is_empty() { format!("{tables}{table}") } else { table.clone() };
        if !args.json && printed.is_ok() {
            printed = print(text.trim_end());
        }
        tables += &table;
        reports.push(report);
        let texts = [&format!("{tables}\n{UNFINISHED}\n"), &format!("{:#}", json(&reports, None, true))];
        written = folder.as_ref().map(|folder| folder.write(texts.map(String::as_str), &[])).transpose()?;
        Ok(())
    });
    if let Err(error) = measured {
        written.into_iter().for_each(tell);
        return Err(error);
    }
    if reports.is_empty() {
        return Err(Error::failure(format!("nothing of what is measured fits `{}`", trained.settings.data)));
    }
    let rows: Vec<&Row> = reports.iter().flat_map(|report| &report.rows).collect();
    if let Some(short) = in_short(&rows) {
        tables += &format!("\n{short}\n");
        if !args.json && printed.is_ok() {
            printed = print(format!("\n{short}"));
        }
    }
    if let Some(folder) = folder {
        let json = format!("{:#}", json(&reports, None, false));
        written = Some(folder.write([&tables, &json], &evaluation.pictures)?);
    }
    if args.json {
        printed = print(json(&reports, Some(&*run.to_string_lossy()), false));
    }
    written.into_iter().for_each(tell);
    printed?;
    match far(&rows) {
        far if args.strict && !far.is_empty() => Err(Error::failure(format!("--strict: far: {}", far.join(", ")))),
        _ => Ok(()),
    }
}

/// The measures that are far from the best.
fn far<'r>(rows: &[&'r Row]) -> Vec<&'r str> {
    rows.iter().filter(|row| row.verdict == Some(Verdict::Far)).map(|row| row.measure.as_str()).collect()
}

/// How many scores have each verdict, and which are far; none if none has any.
fn in_short(rows: &[&Row]) -> Option<String> {
    let count = |verdict| rows.iter().filter(|row| row.verdict == Some(verdict)).count();
    let counts = [Verdict::AsGood, Verdict::Near, Verdict::Unsure].map(|verdict| (count(verdict), verdict.word()));
    let mut parts: Vec<String> =
        counts.into_iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    let far = far(rows);
    if !far.is_empty() {
        parts.push(format!("{} far ({})", far.len(), far.join(", ")));
    }
    (!parts.is_empty()).then(|| format!("In short, beside a perfect sampler or real data: {}.", parts.join(", ")))
}

/// Whether the checkpoint holds a Boltzmann machine.
fn has_machine(trained: &Asked) -> bool {
    Parameters::of(&trained.checkpoint).is_ok()
}

impl Evaluation<'_> {
    /// Gives all that fits the model and its data to `ready`, each report as soon as it is there.
    fn measure(&mut self, ready: &mut dyn FnMut(Report) -> Result<()>) -> Result<()> {
        if let Some(report) = self.standard()? {
            ready(report)?;
        }
        if let Some(report) = self.samples()? {
            ready(report)?;
        }
        if let Some(music) = self.train.series.as_ref().and_then(Series::music) {
            ready(self.music(&music)?)?;
        }
        let bounded = self.session.has(BOUND) && self.args.importance != Some(0) && self.args.only_data.is_none();
        if let Some(report) = if bounded { self.likelihood()? } else { None } {
            ready(report)?;
        }
        let has_machine = has_machine(self.trained) && self.args.only_data.is_none();
        if has_machine && self.args.temperatures != Some(0) {
            ready(self.machine()?)?;
        }
        match probes::report(self.args, self.trained, &self.train, self.test.as_ref(), &self.setup)? {
            Some(report) => ready(report),
            None => Ok(()),
        }
    }

    /// Whether networks that are trained for it score samples, as they do not of points and rows.
    fn is_scored_by_networks(&self) -> bool {
        self.train.shape.len() > 1
    }

    /// The report on samples, by the shape of the examples.
    fn samples(&mut self) -> Result<Option<Report>> {
        let mut report = match self.train.shape[..] {
            [_, _, _] if self.train.stack > 1 => {
                let generated = self.generate(modes::STACKED)?;
                let mut report = modes::stacked(&self.train, self.test.as_ref(), &generated, &self.setup)?;
                report.notes.extend(self.stand_in());
                Some(report)
            }
            [_, _, _] => Some(self.images()?),
            [steps, features] => self.sequences([steps, features])?,
            _ if self.train.records().is_some() => Some(self.table()?),
            _ => self.points()?,
        };
        if let Some(report) = report.as_mut().filter(|_| self.drawn(1).is_some()) {
            report.notes.push("the classes of samples are drawn by their shares in the data".into());
        }
        if let Some(report) = report.as_mut().filter(|_| self.args.effort < 1.0 && self.is_scored_by_networks()) {
            // Networks that learned less tell less apart.
            report.rows.iter_mut().for_each(|row| row.published = None);
            report.notes.push(format!(
                "the networks that score had {} of their training: a quick look, whose scores do not compare with \
                 published ones",
                self.args.effort
            ));
        }
        Ok(report)
    }

    fn images(&mut self) -> Result<Report> {
        let real = self.test.as_ref().map_or(self.train.len() / 3, Dataset::len);
        if real < images::FEWEST {
            return Err(Error::failure(format!(
                "`{}` has too few images to measure samples with: {} or more held out, or three times as many without \
                 a held-out part; {}",
                self.trained.settings.data,
                images::FEWEST,
                more_held_out(&self.train, self.trained.settings.holdout)
            )));
        }
        let generated = self.generate(real.min(images::SAMPLES))?;
        let count = generated.len() / numel(&self.train.shape);
        let wanted = self.drawn(count);
        let more = more_held_out(&self.train, self.trained.settings.holdout);
        let (test, wanted) = (self.test.as_ref(), wanted.as_deref());
        let input = Images { train: &self.train, test, generated: &generated, wanted, more };
        images::images(&input, &self.setup)
    }

    fn points(&mut self) -> Result<Option<Report>> {
        let name = &self.trained.settings.data;
        if data::modes(name).is_none() {
            tell(format_args!(
                "samples are not measured: points are by their modes, which are known of `ring` and `grid`"
            ));
            return Ok(None);
        }
        let generated = self.generate(POINTS)?;
        modes::points(name, &generated, &self.setup).map(Some)
    }

    fn sequences(&mut self, shape: [usize; 2]) -> Result<Option<Report>> {
        match self.train.series {
            Some(Series::Symbols(_)) => return self.symbols().map(Some),
            // Music has a report of its own.
            Some(Series::Roll(_)) => return Ok(None),
            _ => {}
        }
        let generated = self.generate(self.train.len())?;
        let Items::Floats(real) = &self.train.items else {
            return Err(Error::failure(format!("`{}` holds no numbers", self.train.name)));
        };
        let input = Sequences { set: &self.train.name, real, generated: &generated, shape };
        // Windows of one time step have too few dimensions for a plot in the plane.
        for layout in [Layout::Pca, Layout::Tsne].into_iter().filter(|_| shape[0] > 1) {
            self.pictures.push((layout.file(), sequences::picture(&input, layout, self.args.seed)?));
        }
        let mut report = sequences::sequences(&input, &self.setup)?;
        if let [first, second] = &self.pictures[..] {
            report.notes.push(format!("pictures of real and generated windows: {} and {}", first.0, second.0));
        }
        report.notes.push("the real windows are those that the model learned from, as in TimeGAN's code".into());
        if let Some(Series::Columns(columns)) = &self.train.series {
            statics(&mut report, columns, [real, &generated], shape);
        }
        Ok(Some(report))
    }

    /// The report on rows of a table.
    fn table(&mut self) -> Result<Report> {
        let (trained, train, seed) = (self.trained, self.train.clone(), self.args.seed);
        let asks =
            rows::Asks { trained, target: self.args.target.as_deref(), file: self.args.only_data.as_deref(), seed };
        let has_test = self.test.is_some();
        let count = self.args.count.map_or(train.len(), |most| most.min(train.len()));
        if asks.file.is_none() {
            tell(asked(self.args, count, self.session.step()));
        }
        rows::scored(&asks, &train, has_test, &mut self.session, count)
    }

    /// The report on samples of music.
    fn music(&mut self, music: &Music) -> Result<Report> {
        let set = self.test.as_ref().unwrap_or(&self.train);
        let (items, steps) = (set.evenly(music::WINDOWS), set.shape[0]);
        // Silence by which a piece is filled up is no music; all windows may have some.
        let full: Vec<usize> = items.clone().filter(|i| set.is_full(*i)).collect();
        let short = if full.is_empty() { 0 } else { items.clone().count() - full.len() };
        let full = if full.is_empty() { items.collect() } else { full };
        let real: Vec<f32> = full.into_iter().flat_map(|i| set.example(i)).collect();
        let pieces = set.pieces.clone();
        let generated = self.generate(music::WINDOWS)?;
        let series = self.train.series.as_ref().expect("music is a series");
        let [real, generated] = [series.pieces(&real, steps)?, series.pieces(&generated, steps)?];
        let mut report = music::music(&self.train.name, &real, &pieces, &generated, music)?;
        let whole = "as their pieces are shorter";
        let left_out = format!("{} with silence at their end are left out, {whole}", counted(short, "window"));
        report.notes.extend((short > 0).then_some(left_out));
        report.notes.extend(self.stand_in());
        Ok(report)
    }

    /// The report on likelihoods, if the model has a likelihood for such data.
    fn likelihood(&mut self) -> Result<Option<Report>> {
        let Some((examples, note)) = self.likely() else {
            return Ok(None);
        };
        let numbers = self.importance_samples();
        let whose = if self.test.is_some() { "held-out" } else { "training" };
        let each = counted(numbers.last().copied().unwrap_or(1), "sample");
        tell(format_args!("likelihoods of {whose} examples, {each} of each"));
        let stand_in = self.stand_in();
        let name = self.measured_name();
        let session = &mut self.session;
        let mut bound = |seed| {
            let elbo = session.answers(BOUND, &["elbo"], &examples, seed)?.remove(0);
            let weights = match session.has(WEIGHTS) {
                true => session.answers(WEIGHTS, &["log_weight"], &examples, seed)?.remove(0),
                false => elbo.clone(),
            };
            Ok([elbo, weights])
        };
        let mut report = likelihood(&name, &numbers, self.args.seed, &mut bound)?;
        let count = examples.len() / numel(&self.trained.examples.values(1));
        let mut nll = report.rows.last().map_or(0.0, |row| row.value);
        if numbers.is_empty() {
            report.rows[0].measure = "log-likelihood".into();
            report.notes.truncate(1);
            nll = -nll;
        }
        if let [steps, _] = self.train.shape[..] {
            let is_of_lines = self.trained.examples.text().is_some_and(|symbols| symbols.end.is_some());
            let what = if is_of_lines { "line".into() } else { format!("window of {steps} steps, by itself") };
            report.notes[0] = format!("{count} {whose} examples of `{name}`, in nats; each is a {what}");
            if self.train.is_roll() {
                report.rows.extend(self.whole_pieces()?);
            } else {
                let (set, items) = self.measured();
                let [steps, characters] = set.spelled(items.into_iter()).unwrap_or([steps as f64; 2]);
                report.rows.push(Row::new("NLL per step", nll / steps, Better::Lower));
                if is_of_lines {
                    report.rows.push(Row::new("bits per character", nll / characters / LN_2, Better::Lower));
                }
                report.rows.extend(self.symbol_likelihood()?);
            }
        }
        report.notes.extend(note.map(String::from).into_iter().chain(stand_in).chain(self.unknown_words()));
        Ok(Some(report))
    }

    /// Rows on whole pieces of rolls.
    fn whole_pieces(&mut self) -> Result<Vec<Row>> {
        let held_out = self.test.as_ref().unwrap_or(&self.train);
        let (goes_on, session) = (self.session.has(CONTINUE), &mut self.session);
        let mut carried = |pieces: &[Vec<Chord>]| session.nats_of_pieces(pieces);
        music::whole_pieces(&self.train, held_out, goes_on.then_some(&mut carried))
    }

    /// Numbers of importance samples to report; none for a model whose likelihood is exact.
    fn importance_samples(&self) -> Vec<usize> {
        if self.session.latent_size() == 0 {
            return vec![];
        }
        let most = self.args.importance.unwrap_or(IMPORTANCE_SAMPLES[0]);
        IMPORTANCE_SAMPLES.into_iter().filter(|number| *number < most).chain([most]).collect()
    }

    /// The name of the part that is measured.
    fn measured_name(&self) -> String {
        self.test.as_ref().unwrap_or(&self.train).name.clone()
    }

    fn machine(&self) -> Result<Report> {
        let grey: Vec<f32> = self.held_out().iter().map(|x| (x + 1.0) / 2.0).collect();
        let defaults = Annealing::default();
        let temperatures = self.args.temperatures.unwrap_or(defaults.temperatures);
        tell(format_args!("annealing through {temperatures} temperatures"));
        let annealing = Annealing { temperatures, seed: self.args.seed, ..defaults };
        let mut report = boltzmann(&self.measured_name(), &self.trained.checkpoint, &grey, annealing, &self.setup)?;
        report.notes.extend(self.stand_in());
        Ok(report)
    }
}
