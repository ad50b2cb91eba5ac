//! `saddle sample`.

use std::path::{Path, PathBuf};

use super::{
    SampleArgs,
    arrays::{csv, npy},
    destination::Destination,
    picture::{self, Look},
    print,
    progress::Patient,
    project, rows, runs, shown, tell,
    trained::Asked,
    walk,
};
use crate::{
    data::{self, Chord, Condition, KEYS, Music, Roll, Series, Split, SymbolKind, Symbols, Tune, read_midi, read_text},
    error::{Error, Result, counted, unknown},
    graph::numel,
    models::{CONTINUE, ENCODE, Examples, PROJECT, RECONSTRUCT, SAMPLE},
    origin::Origin,
    report::{self, Compared, Way},
    session::{self, Decoding, Session, Step},
    trained::Trained,
};

/// Number of symbols that are printed where none is asked for, and of sequences that have an end.
const PRINTED: usize = 500;
const PRINTED_LINES: usize = 8;
/// The temperature that stands for 0 where logits are divided by it.
const LOWEST: f32 = 1e-6;

/// Samples `[count, ..shape]`, and how they belong together.
pub struct Drawn {
    pub samples: Vec<f32>,
    /// The originals of reconstructions, for comparison; else empty.
    pub originals: Vec<f32>,
    /// What the originals are called.
    pub name: &'static str,
    pub way: Way,
    /// What one of them is.
    pub what: &'static str,
}

/// What the command line asks for, with its defaults.
pub struct Wanted<'a> {
    pub args: &'a SampleArgs,
    pub count: usize,
    pub to: Destination,
    pub look: Look<'a>,
}

impl<'a> Wanted<'a> {
    /// `goes_on`: whether the model writes sequences of any length; `given`: the number of given examples, if any.
    pub fn of(args: &'a SampleArgs, trained: &'a Trained, goes_on: bool, given: Option<usize>) -> Result<Self> {
        let examples = &trained.examples;
        let own = match args.walk {
            Some(_) => "gif",
            None if args.each => "png",
            None => own_form(examples, args.way().is_some()),
        };
        let to = Destination::of(args.out.as_deref(), trained.run.folder(), own, args.force, args.each);
        let run = trained.run.folder().canonicalize().unwrap_or_else(|_| trained.run.folder().to_owned());
        let name = run.file_name().unwrap_or_default().to_string_lossy();
        let classes = if trained.settings.conditional && args.class.is_none() { class_names(trained)? } else { vec![] };
        let title = format!("{name}, step {}", trained.checkpoint.meta::<u64>("step")?);
        let look = Look { examples, classes, columns: args.columns, scale: args.scale, title };
        let is_endless = goes_on && examples.end().is_none();
        let count = match (args.count.or(given), to.ending.as_str()) {
            (Some(count), _) => count,
            _ if args.walk.is_some() => walk::count(examples, look.classes.len()),
            (_, "mid") => 1,
            (_, "txt") if to.prints() && is_endless => 1,
            (_, "txt") if to.prints() => PRINTED_LINES,
            _ if args.way().is_some() => 64,
            _ => look.count(),
        };
        Ok(Self { args, count, to, look })
    }

    /// Says what was written, with its number, and where; in files of their own if these are `files`.
    pub fn tell(&self, what: &str, step: u64, files: usize) -> Result<()> {
        self.to.tell(&format!("{what} of step {step}"), files)
    }

    fn write_midi(&self, pieces: &[Vec<Chord>], music: &Music) -> Result<usize> {
        let files: Result<Vec<_>> = pieces.iter().map(|piece| music.to_midi(piece)).collect();
        self.to.write_each(&files?)
    }
}

/// The names of the classes of a model, or their numbers if they have none.
fn class_names(trained: &Trained) -> Result<Vec<String>> {
    Ok(Origin::in_checkpoint(&trained.checkpoint)?.unwrap_or_default().class_names(trained.examples.classes))
}

/// The form in which the data itself came. What is `compared` is drawn, unless it is text.
fn own_form(examples: &Examples, compared: bool) -> &'static str {
    match (&examples.series, &examples.shape[..]) {
        (Some(Series::Symbols(symbols)), _) if symbols.kind == SymbolKind::Text => "txt",
        (Some(Series::Symbols(_) | Series::Roll(_)), _) if !compared => "mid",
        (None, [extent]) if *extent != 2 && !compared => "csv",
        (Some(Series::Columns(_) | Series::Table(_)), _) if !compared => "csv",
        _ => "png",
    }
}

/// Draws samples from the newest checkpoint of a run.
pub fn sample(args: &SampleArgs) -> Result<()> {
    let Some(run) = &args.run else { return runs::ask() };
    let mut trained = Trained::at(run, args.model.checkpoint)?;
    // In models that do not go on step by step, the temperature is part of the graph.
    let is_fixed =
        trained.settings.relevant.contains(&"temperature") && !trained.settings.relevant.contains(&"estimator");
    if let Some(temperature) = args.temperature.filter(|_| is_fixed) {
        trained.settings.temperature = (temperature as f32).max(LOWEST);
    }
    let mut model = trained.model()?;
    if let Some(option) = args.of_latent().filter(|_| !model.has_latent()) {
        let variant = &trained.settings.variant;
        return Err(Error::usage(format!("{option}: the samples of `{variant}` have no latent vector")));
    }
    let given = args.project.as_ref().map(|path| project::read(path, &mut trained)).transpose()?;
    if given.is_some() {
        model = trained.model()?;
        project::add(&mut model, &mut trained)?;
    }
    let trained = Asked::of(trained, args.data.as_ref(), args.accept_changed_data);
    let (settings, examples) = (&trained.settings, &trained.examples);
    let goes_on = args.way().is_none() && model.named(&[CONTINUE]).next().is_some();
    let given_count = given.as_ref().map(|given| given.values.len() / numel(&examples.shape));
    let wanted = &Wanted::of(args, &trained, goes_on, given_count)?;
    check(wanted, examples)?;
    let conditions = conditions(wanted, examples)?;
    let class = class(args, &trained)?;
    if goes_on {
        let session = || trained.session_of(&model, &[CONTINUE], args.model.adapter.as_deref());
        match &examples.series {
            Some(Series::Symbols(symbols)) => return go_on(wanted, symbols, &trained, &mut session()?),
            Some(Series::Roll(roll)) => return play_on(wanted, roll, &trained, &mut session()?),
            _ => {}
        }
    }
    if let Some(option) = args.go_on().find(|option| !is_fixed || *option != "--temperature") {
        if let Some(what) = args.way() {
            return Err(Error::usage(format!("{option} does not go with {what}")));
        }
        let sentence = "goes with models that go on with text or music, step by step: `lstm` is one";
        return Err(Error::usage(format!("{option} {sentence}, and this is `{}`", settings.variant)));
    }
    let graphs: &[&str] = match args.way() {
        Some("--reconstruct") => &[RECONSTRUCT],
        Some("--project") => &[SAMPLE, ENCODE, PROJECT],
        _ => &[SAMPLE],
    };
    if model.named(graphs).next().is_none() {
        return Err(Error::usage(format!("--reconstruct: `{}` encodes nothing", settings.variant)));
    }
    let mut session = trained.session_of(&model, graphs, args.model.adapter.as_deref())?;
    session.truncate(args.truncation.unwrap_or(1.0) as f32);
    if let Some(path) = &args.from {
        let options = session::data_options(settings, Split::Train);
        session.start_from(data::given(path, &[session.latent_size()], None, &options)?.values);
    }
    if let Some(frames) = args.walk {
        walk::write(wanted, frames, class, &trained, &mut session)?;
        return wanted.tell(&format!("{} of a walk", counted(frames, "frame")), session.step(), 1);
    }
    if let (Some(Series::Table(records)), "csv", true) =
        (&examples.series, wanted.to.ending.as_str(), args.way().is_none())
    {
        let bytes = rows::rows(&mut session, records, wanted.count, args.seed, &conditions)?;
        let files = wanted.to.write(&bytes)?;
        let rows = counted(wanted.count, "row");
        let other = |encoding| format!("{rows} in UTF-8 with a byte order mark (the data is in {encoding})");
        let what = records.encoding.as_ref().map_or(rows.clone(), other);
        return wanted.tell(&what, session.step(), files);
    }
    let drawn = match &given {
        Some(given) => project::draw(wanted, given, class, &trained, &mut session)?,
        None => draw(wanted, class, &trained, &mut session)?,
    };
    let count = drawn.samples.len() / numel(&examples.values(1));
    let (files, note) = write(wanted, &trained, &drawn)?;
    let paths = match drawn.way {
        Way::Paths(steps) => format!(" ({} of {steps})", counted(count / steps, "row")),
        _ => String::new(),
    };
    wanted.tell(&(counted(count, drawn.what) + &paths), session.step(), files)?;
    note.map_or(Ok(()), |note| print(format!("{note}; --out FILE.csv has all")))
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
    let mut music = symbols.music.unwrap_or_default();
    let midi = midi_prompt(args).filter(|_| symbols.kind == SymbolKind::Midi);
    let prompt = match (&midi, &args.prompt, &args.prompt_file) {
        (Some(midi), ..) => {
            let tune = read_midi(midi, music.steps_per_beat).map_err(|e| e.at("the prompt"))?;
            music = tune.music;
            tell_merged(&tune, midi);
            symbols.melody(&tune.piece).map_err(|e| e.at(&shown(midi)))?
        }
        (_, Some(prompt), _) => {
            if Path::new(prompt).is_file() {
                tell(format_args!("--prompt `{prompt}` is taken as it stands; --prompt-file reads the file"));
            }
            symbols.read(prompt).map_err(|e| match prompt.contains('\\') {
                true => Error::usage(format!("{e}; a file has line feeds as they are: --prompt-file")).at("--prompt"),
                false => e.at("--prompt"),
            })?
        }
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
    let files = match wanted.to.ending.as_str() {
        "mid" => {
            let pieces: Result<Vec<_>> = sequences.iter().map(|sequence| symbols.piece(sequence)).collect();
            wanted.write_midi(&pieces?, &music)?
        }
        "txt" => wanted.to.write(symbols.to_text(&sequences).as_bytes())?,
        _ => {
            // What has ended goes on with its end, as sequences of an array are of one length.
            let longest = sequences.iter().map(Vec::len).max().unwrap_or(0);
            let filler = symbols.end.map_or(0, usize::from);
            let whole = |sequence: &Vec<usize>| [&sequence[..], &vec![filler; longest - sequence.len()]].concat();
            let samples = sequences.iter().flat_map(whole).map(|id| id as f32).collect();
            write_values(wanted, trained, samples, longest)?
        }
    };
    wanted.tell(&counted(sequences.len(), "sample"), session.step(), files)
}

/// Writes sequences of `steps` steps each, `[N, steps, ..]` flat, that were written one step after the other, in a form
/// that samples of any model have.
fn write_values(wanted: &Wanted, trained: &Asked, samples: Vec<f32>, steps: usize) -> Result<usize> {
    let mut examples = trained.examples.clone();
    examples.shape[0] = steps;
    let look = Look { examples: &examples, ..wanted.look.clone() };
    let drawn = Drawn { samples, originals: vec![], name: "real", way: Way::Beside, what: "sample" };
    write(&Wanted { look, to: wanted.to.clone(), ..*wanted }, trained, &drawn).map(|(files, _)| files)
}

/// Sequences of the prompt and `length` steps more; what takes long shows how far it is.
fn write_on<S: Step>(
    wanted: &Wanted,
    trained: &Asked,
    session: &mut Session,
    prompt: &[S],
    length: usize,
) -> Result<Vec<Vec<S>>> {
    let (args, mut patient) =
        (wanted.args, Patient::new(if prompt.is_empty() { "samples" } else { "the prompt, then samples" }));
    let seen = |done: usize, all: usize| patient.seen(done, all);
    let written = session.write(prompt, wanted.count, length, choice(args, trained), args.seed, seen);
    patient.finish();
    written
}

/// Writes rolls of any length, which go on from a prompt.
fn play_on(wanted: &Wanted, roll: &Roll, trained: &Asked, session: &mut Session) -> Result<()> {
    let (args, mut music) = (wanted.args, roll.music);
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
    let files = match wanted.to.ending.as_str() {
        "png" => wanted.to.write(&report::png(&report::rolls(&pieces, &[], "", &music)?)?)?,
        "mid" => wanted.write_midi(&pieces, &music)?,
        _ => {
            let steps = pieces.first().map_or(0, Vec::len);
            let sounds = pieces.iter().flatten().flat_map(|chord| chord.values(roll.width()));
            let samples = sounds.map(|sounds| f32::from(u8::from(sounds))).collect();
            write_values(wanted, trained, samples, steps)?
        }
    };
    wanted.tell(&counted(pieces.len(), "sample"), session.step(), files)
}

/// Refuses what the examples or the form do not have.
pub fn check(wanted: &Wanted, examples: &Examples) -> Result<()> {
    let (args, count, ending) = (wanted.args, wanted.count, wanted.to.ending.as_str());
    let are_images = examples.shape.len() == 3;
    let of_images = [("--columns", args.columns.is_some()), ("--scale", args.scale.is_some()), ("--each", args.each)];
    let of_images = of_images.into_iter().find(|(_, is_given)| *is_given);
    if let Some((option, _)) = of_images.filter(|_| !are_images || ["csv", "npy"].contains(&ending)) {
        return Err(Error::usage(format!("{option} is for pictures of images: png, gif and apng")));
    }
    if args.walk.is_some() && examples.series.as_ref().is_some_and(|series| !matches!(series, Series::Columns(_))) {
        return Err(Error::usage("--walk shows images, points or sequences of numbers: use --interpolate for these"));
    }
    if examples.heads().is_some() && ending == "npy" {
        return Err(Error::usage("rows of this table have texts: use a file that ends in .csv"));
    }
    wanted.to.check(examples, args.walk.is_some())?;
    if args.project.is_some() {
        let files = project::files(&wanted.to)?;
        if let Some(path) = files.iter().find(|path| path.exists() && !args.force) {
            return Err(Error::usage(format!("--out: `{}` exists; --force writes over it", shown(path))));
        }
    }
    if are_images && ["png", "gif", "apng"].contains(&ending) && !args.each {
        let way = match (args.way(), args.interpolate) {
            (Some("--reconstruct" | "--project"), _) => Way::Pairs("reconstructed"),
            (_, Some(steps)) => Way::Paths(steps),
            _ => Way::Beside,
        };
        wanted.look.check(way, count)?;
    }
    Ok(())
}

/// What `--where` asks of rows.
fn conditions(wanted: &Wanted, examples: &Examples) -> Result<Vec<Condition>> {
    let texts = &wanted.args.conditions;
    match &examples.series {
        _ if texts.is_empty() => Ok(vec![]),
        Some(Series::Table(_)) if wanted.to.ending != "csv" => {
            Err(Error::usage("--where is for samples in a csv file"))
        }
        Some(Series::Table(records)) => {
            texts.iter().map(|text| Condition::of(records, text).map_err(|e| e.at("--where"))).collect()
        }
        _ => Err(Error::usage("--where is for rows of a table whose columns have types")),
    }
}

/// The number of the class that `--class` names.
fn class(args: &SampleArgs, trained: &Asked) -> Result<Option<usize>> {
    let (Some(wanted), count) = (&args.class, trained.examples.classes) else { return Ok(None) };
    if !trained.settings.conditional {
        return Err(Error::usage("--class needs a model trained with --conditional; of tables --where chooses rows"));
    }
    let names = class_names(trained)?;
    // Names take precedence: a class can have another class's number as its name.
    if let Some(number) = names.iter().position(|name| name == wanted) {
        return Ok(Some(number));
    }
    if let Some(number) = names.iter().position(|name| name.eq_ignore_ascii_case(wanted)) {
        return Ok(Some(number));
    }
    match wanted.parse() {
        Ok(number) if number < count => Ok(Some(number)),
        Err(_) if wanted.parse::<f64>().is_err() && names.iter().any(|name| name.parse::<f64>().is_err()) => {
            Err(unknown("class", wanted, names.iter().map(String::as_str)).at("--class"))
        }
        _ => Err(Error::usage(format!("--class {wanted}: the model has classes 0 to {}", count - 1))),
    }
}

fn draw(wanted: &Wanted, class: Option<usize>, trained: &Asked, session: &mut Session) -> Result<Drawn> {
    let (args, wanted_count) = (wanted.args, wanted.count);
    let settings = &trained.settings;
    if args.reconstruct {
        let learned = trained.data()?;
        let (dataset, name) = match trained.held_out()? {
            Some(dataset) => (dataset, "held out"),
            None => {
                tell(format_args!("`{}` has no held-out part: what the model learned from stands in", settings.data));
                (learned, "learned from")
            }
        };
        let count = wanted_count.min(dataset.len());
        session.ensure(count)?;
        let originals: Vec<f32> = (0..count).flat_map(|i| dataset.example(i)).collect();
        let samples = session.reconstruct(&originals)?;
        return Ok(Drawn { samples, originals, name, way: Way::Pairs("reconstructed"), what: "reconstruction" });
    }
    let (samples, way, what) = match args.interpolate {
        None => (session.generate(wanted_count, args.seed, class)?, Way::Beside, "sample"),
        Some(steps) => {
            let z = session.interpolated(wanted_count.div_ceil(steps), steps, args.seed)?;
            (along(&z, steps, class, trained, session, args.seed)?, Way::Paths(steps), "interpolation")
        }
    };
    Ok(Drawn { samples, originals: vec![], name: "real", way, what })
}

/// The samples along ways of `steps` latent vectors each. Each way of a conditional model stays in one class.
pub fn along(
    z: &[f32],
    steps: usize,
    class: Option<usize>,
    trained: &Trained,
    session: &mut Session,
    seed: u64,
) -> Result<Vec<f32>> {
    let (size, is_conditional) = (session.latent_size(), trained.settings.conditional);
    let mut samples = vec![];
    for (way, z) in z.chunks(if is_conditional { steps * size } else { z.len() }).enumerate() {
        let class = is_conditional.then(|| class.unwrap_or(way % trained.examples.classes));
        samples.extend(session.decode(z, z.len() / size, seed, class)?);
    }
    Ok(samples)
}

/// Real examples to stand beside samples in a picture; if the data cannot be used, that is told, and there are none.
pub fn real(trained: &Asked) -> Vec<f32> {
    if !trained.examples.has_figure() {
        return vec![];
    }
    trained.data().map(|set| picture::real(&set)).unwrap_or_else(|error| {
        tell(format_args!("the picture has no real examples: {error}"));
        vec![]
    })
}

/// Writes samples in the form that is asked for. Returns the number of files, and what a picture leaves out.
pub fn write(wanted: &Wanted, trained: &Asked, drawn: &Drawn) -> Result<(usize, Option<String>)> {
    let examples = wanted.look.examples;
    let (shape, samples) = (&examples.shape, &drawn.samples);
    let bytes = match (wanted.to.ending.as_str(), &examples.series) {
        ("png", _) if wanted.args.each => {
            let scale = wanted.args.scale.unwrap_or(1);
            let file = |image: &[f32]| report::png_of_image(image, shape, scale);
            let files: Result<Vec<_>> = samples.chunks(numel(shape)).map(file).collect();
            return Ok((wanted.to.write_each(&files?)?, None));
        }
        (ending @ ("png" | "svg"), _) => {
            let is_compared = matches!(drawn.way, Way::Pairs(_)) || (drawn.way != Way::Beside && shape.len() == 2);
            let real = if is_compared { drawn.originals.clone() } else { real(trained) };
            let compared = Compared { generated: samples, real: &real, way: drawn.way, name: drawn.name };
            let (picture, note) = wanted.look.file(&compared, ending)?;
            return Ok((wanted.to.write(&picture)?, note));
        }
        ("npy", Some(Series::Columns(columns))) => npy(columns.in_units(samples), shape)?,
        ("npy", _) => npy(samples.clone(), &examples.values(1)[1..])?,
        ("txt", Some(Series::Symbols(symbols))) => {
            let [samples, originals] = [samples, &drawn.originals].map(|part| symbols.sequences(part, shape[0]));
            match drawn.way {
                Way::Paths(steps) if symbols.end.is_some() => symbols.along(&samples, steps).into_bytes(),
                _ => symbols.beside(&samples, &originals).into_bytes(),
            }
        }
        ("mid", Some(series)) => {
            let music = series.music().expect("only music is written as MIDI");
            return Ok((wanted.write_midi(&series.pieces(samples, shape[0])?, &music)?, None));
        }
        ("csv", Some(Series::Table(records))) => records.to_csv(records.rows(samples, 0, wanted.args.seed)),
        (_, Some(Series::Columns(columns))) if shape.len() == 1 => columns.to_csv(samples),
        (_, Some(series)) => series.to_csv(samples, shape[0]),
        _ => csv(samples, numel(shape)),
    };
    Ok((wanted.to.write(&bytes)?, None))
}
