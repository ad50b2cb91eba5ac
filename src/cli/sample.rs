//! `saddle sample`.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use image::RgbImage;
use npyz::{AutoSerialize, WriterBuilder};

use super::{
    SampleArgs,
    destination::Destination,
    progress::{Progress, duration},
    runs, shown, tell,
    trained::Asked,
};
use crate::{
    data::{Chord, KEYS, Music, Series, SymbolKind, Symbols, Tune, read_midi, read_text},
    error::{Error, Result, counted, unknown},
    graph::numel,
    models::{CONTINUE, Examples, RECONSTRUCT, SAMPLE},
    origin::Origin,
    report,
    session::{Decoding, Session, Step},
    settings::Settings,
    trained::Trained,
};

/// Number of symbols that are printed where none is asked for, and of sequences that have an end.
const PRINTED: usize = 500;
const PRINTED_LINES: usize = 8;
/// The temperature that stands for 0 where logits are divided by it.
const LOWEST: f32 = 1e-6;
/// Time after which writing on shows how far it is.
const PATIENCE: Duration = Duration::from_secs(3);
/// Columns of a picture of reconstructions.
const COLUMNS: usize = 16;

/// Samples `[count, ..shape]`, and their layout in a picture.
struct Drawn {
    samples: Vec<f32>,
    /// The originals of reconstructions, for comparison; else empty.
    originals: Vec<f32>,
    columns: usize,
    what: &'static str,
}

/// What the command line asks for, with its defaults.
struct Wanted<'a> {
    args: &'a SampleArgs,
    count: usize,
    to: Destination,
}

impl<'a> Wanted<'a> {
    /// `goes_on`: whether the model writes sequences of any length.
    fn of(args: &'a SampleArgs, trained: &Trained, goes_on: bool) -> Self {
        let examples = &trained.examples;
        let own = own_form(examples, args.reconstruct || args.interpolate.is_some());
        let to = Destination::of(args.out.as_deref(), trained.run.folder(), own, args.force);
        let is_endless = goes_on && examples.end().is_none();
        let count = match (args.count, to.ending.as_str()) {
            (Some(count), _) => count,
            (_, "mid") => 1,
            (_, "txt") if to.prints() && is_endless => 1,
            (_, "txt") if to.prints() => PRINTED_LINES,
            _ => 64,
        };
        Self { args, count, to }
    }

    /// Says how many were written and where; in files of music, each in its own.
    fn tell(&self, count: usize, what: &str, step: u64) -> Result<()> {
        self.to.tell(&format!("{count} {what} of step {step}"), if self.to.ending == "mid" { count } else { 1 })
    }

    fn write_midi(&self, pieces: &[Vec<Chord>], music: &Music) -> Result<()> {
        let files: Result<Vec<_>> = pieces.iter().map(|piece| music.to_midi(piece)).collect();
        self.to.write_each(&files?)
    }
}

/// The form in which the data itself came. What is `compared` is drawn, unless it is text or has no plane to lie in.
fn own_form(examples: &Examples, compared: bool) -> &'static str {
    match (&examples.series, &examples.shape[..]) {
        (Some(Series::Symbols(symbols)), _) if symbols.kind == SymbolKind::Text => "txt",
        (Some(Series::Symbols(_) | Series::Roll(_)), _) if !compared => "mid",
        (None, [extent]) if *extent != 2 => "csv",
        (Some(Series::Columns(_)), shape) if !compared || (shape.len() == 1 && shape != [2]) => "csv",
        _ => "png",
    }
}

/// Draws samples from the newest checkpoint of a run.
pub fn sample(args: &SampleArgs) -> Result<()> {
    let Some(run) = &args.run else { return runs::ask() };
    let mut trained = Trained::at(run, args.checkpoint)?;
    // In models that do not go on step by step, the temperature is part of the graph.
    let is_fixed =
        trained.settings.relevant.contains(&"temperature") && !trained.settings.relevant.contains(&"estimator");
    if let Some(temperature) = args.temperature.filter(|_| is_fixed) {
        trained.settings.temperature = (temperature as f32).max(LOWEST);
    }
    let trained = Asked::of(trained, args.data.as_ref(), args.accept_changed_data);
    let (settings, examples) = (&trained.settings, &trained.examples);
    let model = trained.model()?;
    let is_drawn = !args.reconstruct && args.interpolate.is_none();
    let goes_on = is_drawn && model.named(&[CONTINUE]).next().is_some();
    let wanted = &Wanted::of(args, &trained, goes_on);
    check(wanted, settings, examples)?;
    let class = class(args, &trained)?;
    if goes_on && (args.go_on().next().is_some() || ["txt", "mid"].contains(&wanted.to.ending.as_str())) {
        let session = || trained.session_of(&model, &[CONTINUE], args.adapter.as_deref());
        match &examples.series {
            Some(Series::Symbols(symbols)) => return go_on(wanted, symbols, &trained, &mut session()?),
            Some(Series::Roll(roll)) => return play_on(wanted, roll.music, &trained, &mut session()?),
            _ => {}
        }
    }
    if let Some(option) = args.go_on().find(|option| !is_fixed || *option != "--temperature") {
        if !is_drawn {
            let what = if args.reconstruct { "--reconstruct" } else { "--interpolate" };
            return Err(Error::usage(format!("{option} does not go with {what}")));
        }
        let sentence = "goes with models that go on with text or music, step by step: `lstm` is one";
        return Err(Error::usage(format!("{option} {sentence}, and this is {}", settings.variant)));
    }
    let graph = if args.reconstruct { RECONSTRUCT } else { SAMPLE };
    if model.named(&[graph]).next().is_none() {
        return Err(Error::usage(format!("--reconstruct: `{}` encodes nothing", settings.variant)));
    }
    let mut session = trained.session_of(&model, &[graph], args.adapter.as_deref())?;
    let drawn = draw(wanted, class, &trained, &mut session)?;
    let count = drawn.samples.len() / numel(&examples.values(1));
    write(wanted, examples, &drawn)?;
    wanted.tell(count, drawn.what, session.step())
}

/// The MIDI file that the prompt is, if it is one.
fn midi_prompt(args: &SampleArgs) -> Option<PathBuf> {
    let prompt = args.prompt.as_ref().map(PathBuf::from).or(args.prompt_file.clone());
    let is_midi = |path: &PathBuf| {
        let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        ["mid", "midi"].contains(&ending.as_str())
    };
    prompt.filter(is_midi)
}

/// Tells of notes of a prompt that the steps of the model have no room for.
fn tell_merged(tune: &Tune, midi: &Path) {
    if tune.merged > 0 {
        let lost = counted(tune.merged, "note");
        tell(format_args!("warning: {lost} of `{}` begin in the same step as another of their key", shown(midi)));
    }
}

/// How symbols or keys are drawn.
fn choice(args: &SampleArgs, trained: &Asked) -> Decoding {
    Decoding {
        temperature: args.temperature.unwrap_or(trained.settings.temperature.into()),
        top_k: args.top_k,
        top_p: args.top_p.unwrap_or(1.0),
    }
}

/// Writes sequences of symbols of any length, which go on from a prompt.
fn go_on(wanted: &Wanted, symbols: &Symbols, trained: &Asked, session: &mut Session) -> Result<()> {
    let args = wanted.args;
    if !["txt", "mid"].contains(&wanted.to.ending.as_str()) {
        let option = args.go_on().next().unwrap_or_default();
        return Err(Error::usage(format!("{option}: the result is text or a melody: use --out with .txt or .mid")));
    }
    let mut music = symbols.music.unwrap_or_default();
    let midi = midi_prompt(args).filter(|_| symbols.kind == SymbolKind::Midi);
    let prompt = match (&midi, &args.prompt, &args.prompt_file) {
        (Some(midi), ..) => {
            let tune = read_midi(midi, music.steps_per_beat).map_err(|e| e.at("the prompt"))?;
            music = tune.music;
            tell_merged(&tune, midi);
            symbols.melody(&tune.piece).map_err(|e| e.at(&shown(midi)))?
        }
        (_, Some(prompt), _) => symbols.read(prompt).map_err(|e| e.at("--prompt"))?,
        (.., Some(file)) => {
            let (text, encoding) =
                read_text(file, trained.settings.encoding.as_deref()).map_err(|e| e.at("--prompt-file"))?;
            if let Some(encoding) = encoding {
                tell(format_args!("{} is read as {encoding}", shown(file)));
            }
            symbols.read(&text).map_err(|e| e.at(&shown(file)))?
        }
        _ => vec![],
    };
    let window = trained.examples.shape[0];
    let prints_any = wanted.to.prints() && symbols.end.is_none();
    let length = args.length.unwrap_or(if prints_any { PRINTED } else { window });
    let sequences = write_on(wanted, trained, session, &prompt, length)?;
    match wanted.to.ending.as_str() {
        "mid" => {
            let pieces: Result<Vec<_>> = sequences.iter().map(|sequence| symbols.piece(sequence)).collect();
            wanted.write_midi(&pieces?, &music)?;
        }
        _ => wanted.to.write(symbols.to_text(&sequences).as_bytes())?,
    }
    wanted.tell(sequences.len(), "samples", session.step())
}

/// Sequences of the prompt and `length` steps more; what takes long shows how far it is.
fn write_on<S: Step>(
    wanted: &Wanted,
    trained: &Asked,
    session: &mut Session,
    prompt: &[S],
    length: usize,
) -> Result<Vec<Vec<S>>> {
    let (args, started) = (wanted.args, Instant::now());
    let mut progress = None;
    let seen = |done: usize, all: usize| {
        if started.elapsed() > PATIENCE {
            let progress = progress.get_or_insert_with(|| Progress::new(done as u64, all as u64));
            let left = started.elapsed().as_secs_f64() * (all - done) as f64 / done as f64;
            progress.report(done as u64, &[format!("{} left", duration(left))]);
        }
    };
    let written = session.write(prompt, wanted.count, length, choice(args, trained), args.seed, seen);
    progress.iter().for_each(Progress::finish);
    written
}

/// Writes rolls of any length, which go on from a prompt.
fn play_on(wanted: &Wanted, mut music: Music, trained: &Asked, session: &mut Session) -> Result<()> {
    let args = wanted.args;
    if let Some(option) = args.go_on().next().filter(|_| !["mid", "png"].contains(&wanted.to.ending.as_str())) {
        return Err(Error::usage(format!("{option}: the result is music: use --out with .mid or .png")));
    }
    if args.top_k.is_some() || args.top_p.is_some() {
        return Err(Error::usage("--top-k and --top-p choose among symbols, and keys are drawn one by one"));
    }
    let prompt = match midi_prompt(args) {
        Some(midi) => {
            let tune = read_midi(&midi, music.steps_per_beat).map_err(|e| e.at("the prompt"))?;
            if !tune.piece.iter().any(|chord| chord.values(KEYS).any(|sounds| sounds)) {
                return Err(Error::failure(format!("the prompt `{}` has no note on a piano's keys", shown(&midi))));
            }
            tell_merged(&tune, &midi);
            music = tune.music;
            tune.piece
        }
        None if args.prompt.is_some() || args.prompt_file.is_some() => {
            return Err(Error::usage("the model plays on from music: the prompt is a MIDI file that ends in .mid"));
        }
        None => vec![],
    };
    let length = args.length.unwrap_or(trained.examples.shape[0]);
    let pieces = write_on(wanted, trained, session, &prompt, length)?;
    match wanted.to.ending.as_str() {
        "png" => wanted.to.write(&report::png(&report::rolls(&pieces, &[], &music)?)?)?,
        _ => wanted.write_midi(&pieces, &music)?,
    }
    wanted.tell(pieces.len(), "samples", session.step())
}

fn check(wanted: &Wanted, settings: &Settings, examples: &Examples) -> Result<()> {
    wanted.to.check(examples)?;
    let (args, count, ending) = (wanted.args, wanted.count, wanted.to.ending.as_str());
    if ending == "png" && examples.shape.len() == 3 {
        // Reconstructions stand below their originals, and each interpolation has its own row.
        let (cells, columns) = match (args.reconstruct, args.interpolate) {
            (true, _) => (2 * count.next_multiple_of(COLUMNS.min(count)), COLUMNS.min(count)),
            (_, Some(steps)) => (count.next_multiple_of(steps), steps),
            _ => (count, columns(wanted, settings, examples)),
        };
        let (_, fit) = report::fitting(&examples.shape, columns, cells);
        if fit < cells {
            let most = if args.reconstruct { fit / 2 } else { fit };
            return Err(Error::usage(format!(
                "--count {count}: a png shows {most} such images at most; csv and npy take more"
            )));
        }
    }
    if ending == "png" && examples.shape.len() == 1 && examples.shape != [2] {
        return Err(Error::usage("a png shows images, or points in the plane: use csv or npy for these samples"));
    }
    Ok(())
}

/// The number of the class that `--class` names.
fn class(args: &SampleArgs, trained: &Asked) -> Result<Option<usize>> {
    let (Some(wanted), count) = (&args.class, trained.examples.classes) else { return Ok(None) };
    if !trained.settings.conditional {
        return Err(Error::usage("--class needs a model trained with --conditional"));
    }
    let names = Origin::in_checkpoint(&trained.checkpoint)?.map_or(vec![], |origin| origin.classes);
    // Names take precedence: a class can have another class's number as its name.
    if let Some(number) = names.iter().position(|name| name == wanted) {
        return Ok(Some(number));
    }
    match wanted.parse() {
        Ok(number) if number < count => Ok(Some(number)),
        Err(_) if wanted.parse::<f64>().is_err() && !names.is_empty() => {
            Err(unknown("class", wanted, names.iter().map(String::as_str)).at("--class"))
        }
        _ => Err(Error::usage(format!("--class {wanted}: the model has classes 0 to {}", count - 1))),
    }
}

/// Columns of a picture of samples: one for each class of a conditional model, else about a square.
fn columns(wanted: &Wanted, settings: &Settings, examples: &Examples) -> usize {
    match (settings.conditional, &wanted.args.class) {
        (true, None) => examples.classes,
        _ => (wanted.count as f64).sqrt().ceil() as usize,
    }
}

fn draw(wanted: &Wanted, class: Option<usize>, trained: &Asked, session: &mut Session) -> Result<Drawn> {
    let (args, wanted_count) = (wanted.args, wanted.count);
    let (settings, examples) = (&trained.settings, &trained.examples);
    if args.reconstruct {
        let dataset = match trained.held_out()? {
            Some(dataset) => dataset,
            None => {
                let dataset = trained.data()?;
                tell(format_args!("`{}` has no held-out part: what the model learned from stands in", settings.data));
                dataset
            }
        };
        let count = wanted_count.min(dataset.len());
        session.ensure(count)?;
        let originals: Vec<f32> = (0..count).flat_map(|i| dataset.example(i)).collect();
        let samples = session.reconstruct(&originals)?;
        return Ok(Drawn { samples, originals, columns: COLUMNS, what: "reconstructions" });
    }
    if let Some(steps) = args.interpolate {
        if session.latent_size() == 0 {
            let sentence =
                format!("--interpolate: the samples of `{}` have no latent vector to go along", settings.variant);
            return Err(Error::usage(sentence));
        }
        let z = session.interpolated(wanted_count.div_ceil(steps), steps, args.seed)?;
        // Each interpolation stays in one class.
        let ways = z.chunks(if settings.conditional { steps * session.latent_size() } else { z.len() });
        let class = |way: usize| settings.conditional.then(|| class.unwrap_or(way % examples.classes));
        let mut samples = vec![];
        for (n, z) in ways.enumerate() {
            samples.extend(session.decode(z, z.len() / session.latent_size(), args.seed, class(n))?);
        }
        return Ok(Drawn { samples, originals: vec![], columns: steps, what: "interpolations" });
    }
    let samples = session.generate(wanted_count, args.seed, class)?;
    let columns = columns(wanted, settings, examples);
    Ok(Drawn { samples, originals: vec![], columns, what: "samples" })
}

fn write(wanted: &Wanted, examples: &Examples, drawn: &Drawn) -> Result<()> {
    let (shape, samples) = (&examples.shape, &drawn.samples);
    let bytes = match (wanted.to.ending.as_str(), &examples.series) {
        ("png", _) => report::png(&picture(examples, drawn)?)?,
        ("npy", Some(Series::Columns(columns))) => npy(columns.in_units(samples), shape)?,
        ("npy", _) => npy(samples.clone(), &examples.values(1)[1..])?,
        ("txt", Some(Series::Symbols(symbols))) => {
            let [samples, originals] = [samples, &drawn.originals].map(|part| symbols.sequences(part, shape[0]));
            symbols.beside(&samples, &originals).into_bytes()
        }
        ("mid", Some(series)) => {
            let music = series.music().expect("only music is written as MIDI");
            return wanted.write_midi(&series.pieces(samples, shape[0])?, &music);
        }
        (_, Some(Series::Columns(columns))) if shape.len() == 1 => columns.to_csv(samples),
        (_, Some(series)) => series.to_csv(samples, shape[0]),
        _ => csv(samples, numel(shape)),
    };
    wanted.to.write(&bytes)
}

fn picture(examples: &Examples, drawn: &Drawn) -> Result<RgbImage> {
    let Drawn { samples, originals, columns, .. } = drawn;
    let len = numel(&examples.values(1));
    if let Some((series, music)) =
        examples.series.as_ref().and_then(|series| series.music().map(|music| (series, music)))
    {
        let [samples, originals] = [samples, originals].map(|values| series.pieces(values, examples.shape[0]));
        return report::rolls(&samples?, &originals?, &music);
    }
    match examples.shape[..] {
        [_, _, _] if originals.is_empty() => {
            let (columns, _) = report::fitting(&examples.shape, *columns, samples.len() / len);
            report::grid(samples, &examples.shape, columns)
        }
        [_, _, _] => {
            let columns = (*columns).min(samples.len() / len);
            report::grid(&woven(originals, samples, columns * len), &examples.shape, columns)
        }
        [steps, features] if examples.symbols() && originals.is_empty() => report::symbols(samples, [steps, features]),
        [steps, features] if examples.symbols() => report::symbols(&woven(originals, samples, len), [steps, features]),
        [steps, features] => report::series(samples, originals, [steps, features]),
        _ => Ok(report::scatter(samples, originals, None)),
    }
}

/// Rows of `row` values, originals and samples in turn; black fills up the last rows.
fn woven(originals: &[f32], samples: &[f32], row: usize) -> Vec<f32> {
    let filled = |part: &[f32]| [part, &vec![-1.0; row - part.len()]].concat();
    originals
        .chunks(row)
        .zip(samples.chunks(row))
        .flat_map(|(above, below)| [filled(above), filled(below)].concat())
        .collect()
}

/// A CSV table with one sample per row.
fn csv(samples: &[f32], columns: usize) -> Vec<u8> {
    let header = (0..columns).map(|i| format!("x{i}")).collect::<Vec<_>>().join(",");
    let row = |r: &[f32]| r.iter().map(|v| v.to_string()).collect::<Vec<_>>().join(",");
    let rows = samples.chunks(columns).map(row);
    let mut text = std::iter::once(header).chain(rows).collect::<Vec<_>>().join("\n");
    text.push('\n');
    text.into_bytes()
}

/// The bytes of an npy array `[N, ..shape]`.
fn npy<T: AutoSerialize>(samples: Vec<T>, shape: &[usize]) -> Result<Vec<u8>> {
    let fail = |e: std::io::Error| Error::failure(format!("cannot make the npy file: {e}"));
    let count = samples.len() / numel(shape);
    let shape: Vec<u64> = [&[count], shape].concat().into_iter().map(|n| n as u64).collect();
    let mut bytes = vec![];
    let mut writer =
        npyz::WriteOptions::new().default_dtype().shape(&shape).writer(&mut bytes).begin_nd().map_err(fail)?;
    writer.extend(samples).map_err(fail)?;
    writer.finish().map_err(fail)?;
    Ok(bytes)
}
