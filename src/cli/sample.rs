//! `saddle sample`.

use std::{
    io::IsTerminal,
    path::{Path, PathBuf},
};

use image::RgbImage;
use npyz::{AutoSerialize, WriterBuilder};

use super::{SampleArgs, print, shown, tell, trained::Asked, whole};
use crate::{
    data::{Series, SymbolKind, Symbols},
    error::{Error, Result, unknown},
    files::{ensure_writable, read_text, write_atomically},
    graph::numel,
    models::{CONTINUE, Examples, RECONSTRUCT, SAMPLE},
    origin::Origin,
    report,
    session::{Choice, Session},
    settings::Settings,
    trained::Trained,
};

/// Number of symbols that are printed where none is asked for.
const PRINTED: usize = 500;
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
    /// `None`: the standard output, for text.
    out: Option<PathBuf>,
    ending: String,
}

impl<'a> Wanted<'a> {
    fn of(args: &'a SampleArgs, examples: &Examples) -> Self {
        let is_text = matches!(&examples.series, Some(Series::Symbols(symbols)) if symbols.kind == SymbolKind::Text);
        let prints = is_text && args.out.is_none() && !args.reconstruct && args.interpolate.is_none();
        let out = (!prints).then(|| args.out.clone().unwrap_or_else(|| "samples.png".into()));
        let ending = out.as_deref().and_then(Path::extension).unwrap_or_default().to_string_lossy().to_lowercase();
        let count = args.count.unwrap_or(if prints { 1 } else { 64 });
        Self { args, count, out, ending: if prints { "txt".into() } else { ending } }
    }

    fn print(&self, count: usize, what: &str, step: u64) -> Result<()> {
        let Some(out) = &self.out else { return Ok(()) };
        print(format!("{count} {what} of step {step} in {}", shown(out)))
    }

    fn write(&self, bytes: &[u8]) -> Result<()> {
        match &self.out {
            Some(out) => write_atomically(out, bytes),
            None => {
                let text = String::from_utf8_lossy(bytes);
                let text = text.trim_end_matches('\n');
                if std::io::stdout().is_terminal() { print(whole(text)) } else { print(text) }
            }
        }
    }
}

/// Draws samples from the newest checkpoint of a run.
pub fn sample(args: &SampleArgs) -> Result<()> {
    let trained = Trained::at(&args.run, args.checkpoint)?;
    let trained = Asked::of(trained, args.data.as_ref(), args.accept_changed_data);
    let (settings, examples) = (&trained.settings, &trained.examples);
    let wanted = &Wanted::of(args, examples);
    check(wanted, settings, examples)?;
    let class = class(args, &trained)?;
    let model = trained.model()?;
    if let (Some(Series::Symbols(symbols)), Some(_)) = (&examples.series, model.named(&[CONTINUE]).next())
        && (args.goes_on().is_some() || ["txt", "mid"].contains(&wanted.ending.as_str()))
    {
        let mut session = trained.session_of(&model, &[CONTINUE], args.adapter.as_deref())?;
        return go_on(wanted, symbols, &trained, &mut session);
    }
    if let Some(option) = args.goes_on() {
        let sentence = "goes with models that go on with text or a melody, symbol by symbol: `lstm` is one";
        return Err(Error::usage(format!("{option} {sentence}, and this is a {}", settings.variant)));
    }
    let graph = if args.reconstruct { RECONSTRUCT } else { SAMPLE };
    if model.named(&[graph]).next().is_none() {
        return Err(Error::usage(format!("--reconstruct: `{}` encodes nothing", settings.variant)));
    }
    let mut session = trained.session_of(&model, &[graph], args.adapter.as_deref())?;
    let drawn = draw(wanted, class, &trained, &mut session)?;
    let count = drawn.samples.len() / numel(&examples.values(1));
    write(wanted, examples, &drawn)?;
    wanted.print(count, drawn.what, session.step())
}

/// Writes sequences of symbols of any length, which go on from a prompt.
fn go_on(wanted: &Wanted, symbols: &Symbols, trained: &Asked, session: &mut Session) -> Result<()> {
    let args = wanted.args;
    if !["txt", "mid"].contains(&wanted.ending.as_str()) {
        let option = args.goes_on().unwrap_or_default();
        return Err(Error::usage(format!("{option}: the result is text or a melody: use --out with .txt or .mid")));
    }
    let prompt = match (&args.prompt, &args.prompt_file) {
        (Some(prompt), _) => symbols.read(prompt).map_err(|e| e.at("--prompt"))?,
        (_, Some(file)) => {
            let text = read_text(file).map_err(|e| Error::usage(format!("--prompt-file `{}`: {e}", shown(file))))?;
            symbols.read(&text).map_err(|e| e.at(&shown(file)))?
        }
        _ => vec![],
    };
    let window = trained.examples.shape[0];
    let prints_any = wanted.out.is_none() && symbols.end.is_none();
    let length = args.length.unwrap_or(if prints_any { PRINTED } else { window });
    let choice = Choice {
        temperature: args.temperature.unwrap_or(trained.settings.temperature.into()),
        top_k: args.top_k,
        top_p: args.top_p.unwrap_or(1.0),
    };
    let sequences = session.write(&prompt, wanted.count, length, choice, args.seed)?;
    match wanted.ending.as_str() {
        "mid" => wanted.write(&symbols.to_midi(&sequences[0])?)?,
        _ => wanted.write(symbols.to_text(&sequences).as_bytes())?,
    }
    wanted.print(sequences.len(), "samples", session.step())
}

fn check(wanted: &Wanted, settings: &Settings, examples: &Examples) -> Result<()> {
    let Wanted { args, count, ending, .. } = wanted;
    let (count, ending) = (*count, ending.as_str());
    let Some(out) = &wanted.out else { return Ok(()) };
    let possible: &[&str] = match &examples.series {
        Some(Series::Symbols(symbols)) if symbols.kind == SymbolKind::Midi => &["png", "csv", "npy", "txt", "mid"],
        Some(Series::Symbols(_)) => &["png", "csv", "npy", "txt"],
        _ => &["png", "csv", "npy"],
    };
    if !possible.contains(&ending) {
        return Err(Error::usage(format!(
            "--out `{}`: the ending says the format, and it is one of {}",
            out.display(),
            possible.join(", ")
        )));
    }
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
    ensure_writable(out)
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
    let bytes = match (wanted.ending.as_str(), &examples.series) {
        ("png", _) => {
            return report::save_png(wanted.out.as_deref().expect("only text is printed"), &picture(examples, drawn)?);
        }
        ("npy", Some(Series::Columns(columns))) => npy(columns.in_units(samples), shape)?,
        ("npy", _) => npy(samples.clone(), &examples.values(1)[1..])?,
        ("txt", Some(Series::Symbols(symbols))) => symbols.to_text(&symbols.sequences(samples, shape[0])).into_bytes(),
        ("mid", Some(Series::Symbols(symbols))) => symbols.to_midi(&symbols.sequences(samples, shape[0])[0])?,
        (_, Some(Series::Columns(columns))) if shape.len() == 1 => columns.to_csv(samples),
        (_, Some(series)) => series.to_csv(samples, shape[0]),
        _ => csv(samples, numel(shape)),
    };
    wanted.write(&bytes)
}

fn picture(examples: &Examples, drawn: &Drawn) -> Result<RgbImage> {
    let Drawn { samples, originals, columns, .. } = drawn;
    let len = numel(&examples.values(1));
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
