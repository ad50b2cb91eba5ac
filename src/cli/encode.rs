//! `saddle encode` and `saddle decode`.

use std::path::{Path, PathBuf};

use super::{
    DecodeArgs, EncodeArgs, SampleArgs,
    arrays::{npy, npy_of_texts, npz, table},
    print,
    progress::Patient,
    runs,
    sample::{Drawn, Wanted, check, write},
    shown, tell,
    trained::Asked,
};
use crate::{
    codes::{Codes, Decoder, Encoder},
    data::{self, Dataset, MODEL, Split, numpy},
    error::{Error, Result, counted},
    files::{ensure_new, quoted, write_atomically},
    report::Way,
    session,
    trained::Trained,
};

/// Forms of codes.
const FORMS: [&str; 3] = ["npy", "npz", "csv"];

/// Writes the codes of examples.
pub fn encode(args: &EncodeArgs) -> Result<()> {
    let Some(run) = &args.run else { return runs::ask() };
    let trained = Trained::at(run, args.model.checkpoint)?;
    trained.notes.iter().for_each(tell);
    let out = place(args.out.as_deref(), run, "codes", &FORMS, args.force)?;
    let mut encoder = Encoder::new(&trained, args.layer.as_deref(), args.model.adapter.as_deref())?;
    let data = examples(&trained, args.data.as_deref(), args.held_out)?;
    let mut patient = Patient::new("codes");
    let codes = encoder.encode(&data, args.seed, &mut |done, all| patient.seen(done, all))?;
    patient.finish();
    let names: Vec<String> = (0..data.len()).map(|i| data.name_of(i)).collect();
    let step: u64 = trained.checkpoint.meta("step")?;
    let Codes { layer, .. } = &codes;
    let said = format!(
        "{} of {} ({}, step {step}) in {}; {} vary",
        counted(codes.len(), "code"),
        counted(codes.width(), "value"),
        layer.about,
        shown(&out),
        codes.varying(),
    );
    let made_by = [trained.checkpoint.digest()?, format!("{}, step {step}, layer {}", run.display(), codes.layer.name)];
    write_codes(&out, codes, &names, &data, &made_by)?;
    print(said)
}

/// The examples that a command is about, with what is to be said of how they were read.
pub fn examples(trained: &Trained, spec: Option<&str>, held_out: bool) -> Result<Dataset> {
    let split = if held_out { Split::Test } else { Split::Train };
    let data =
        trained.data_of(spec, split).map_err(|e| if spec.is_some() { e } else { e.at("the data of the run") })?;
    let name = spec.unwrap_or(&trained.settings.data);
    let data = data.ok_or_else(|| Error::usage(format!("--held-out: `{name}` has no part to test with")))?;
    if spec.is_none() && !held_out && data.about.part.contains("held out") {
        let (name, count) = (quoted(Path::new(name)), counted(data.len(), "example"));
        tell(format_args!("{count} that the run learned from; --held-out takes the others, `--data {name}` all"));
    }
    match (spec, data.about.left_out.count()) {
        // What was said of the run's own data when it was trained needs no repetition.
        (None, 0) => {}
        (None, count) => tell(format_args!("{} left out as in training", counted(count, "item"))),
        (Some(_), 0) => data.about.notes.iter().for_each(tell),
        (Some(_), _) => {
            tell(format_args!("warning: {}", data.about.left_out));
            data.about.notes.iter().for_each(tell);
        }
    }
    if let (Some(_), Some(symbols)) = (spec, trained.examples.text().filter(|symbols| symbols.end.is_none())) {
        let windows = counted(data.len(), "window");
        let of = format!("{} {}s", data.shape[0], symbols.noun());
        tell(format_args!("{windows} of {of}, not lines: a model of lines (lines=true) reads a line at a time"));
    }
    Ok(data)
}

/// The place of a result: what `--out` names, or the next free name in the folder of the run. Its ending is one of
/// `forms`.
pub fn place(out: Option<&Path>, run: &Path, stem: &str, forms: &[&str], force: bool) -> Result<PathBuf> {
    let free = || {
        let numbered = (1..).map(|n| run.join(format!("{stem}-{n:03}.{}", forms[0])));
        numbered.into_iter().find(|path| !path.exists()).expect("numbers do not end")
    };
    let path = out.map_or_else(free, Path::to_owned);
    let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    if !forms.contains(&ending.as_str()) {
        return Err(Error::usage(format!(
            "--out `{}`: the ending says the format, and it is one of {}",
            shown(&path),
            forms.join(", ")
        )));
    }
    ensure_new(&path, force)?;
    if ending == "npy" {
        ensure_new(&path.with_extension("names.csv"), force)?;
    }
    Ok(path)
}

/// The class of an example, if it has one.
pub fn class(data: &Dataset, i: usize) -> Option<&str> {
    let labels = data.labels_of_examples()?;
    labels.names.get(labels.ids[i] as usize).map(String::as_str)
}

/// Writes codes with the names of their examples; an npz file also has what made them: a checkpoint's digest, and which
/// that is.
fn write_codes(out: &Path, codes: Codes, names: &[String], data: &Dataset, made_by: &[String]) -> Result<()> {
    let width = codes.width();
    let Codes { values, shape, .. } = codes;
    // -1 where there is no class.
    let ids = || data.labels_of_examples().map(|labels| labels.ids.iter().map(|id| *id as i32).collect::<Vec<_>>());
    match out.extension().unwrap_or_default().to_string_lossy().to_lowercase().as_str() {
        "csv" => {
            let header: Vec<String> = ["name".into()].into_iter().chain((0..width).map(|k| format!("x{k}"))).collect();
            let row = |(name, code): (&String, &[f32])| -> Vec<String> {
                [name.clone()].into_iter().chain(code.iter().map(f32::to_string)).collect()
            };
            write_atomically(out, &table(&header, names.iter().zip(values.chunks_exact(width)).map(row)))
        }
        "npz" => {
            let mut members = vec![("x", npy(values, &shape)?)];
            if let Some(ids) = ids() {
                members.push(("y", npy(ids, &[])?));
            }
            members.push(("names", npy_of_texts(names)));
            members.push((MODEL, npy_of_texts(made_by)));
            write_atomically(out, &npz(&members)?)
        }
        _ => {
            let row = |(i, name): (usize, &String)| {
                let row = [i.to_string(), name.clone(), class(data, i).unwrap_or_default().to_owned()];
                row.into_iter().chain(data.text_of(i)).collect::<Vec<String>>()
            };
            let text = data.text_of(0).map(|_| "text");
            let header: Vec<String> = ["row", "name", "class"].into_iter().chain(text).map(String::from).collect();
            let named = table(&header, names.iter().enumerate().map(row));
            write_atomically(out, &npy(values, &shape)?)?;
            write_atomically(&out.with_extension("names.csv"), &named)
        }
    }
}

/// Writes the examples that codes stand for.
pub fn decode(args: &DecodeArgs) -> Result<()> {
    let trained = Trained::at(&args.run, args.model.checkpoint)?;
    let mut decoder = Decoder::new(&trained, args.model.adapter.as_deref())?;
    let options = session::data_options(&trained.settings, Split::Train);
    let codes = data::given_codes(&args.codes, decoder.width(), &options)?;
    let count = codes.len() / decoder.width();
    warn_of_another_model(&args.codes, &trained)?;
    let asked = SampleArgs {
        run: Some(args.run.clone()),
        out: args.out.clone(),
        force: args.force,
        seed: args.seed,
        count: Some(count),
        ..SampleArgs::default()
    };
    let trained = Asked::of(trained, None, false);
    let wanted = Wanted::of(&asked, &trained, false, None)?;
    check(&wanted, &trained.examples)?;
    let samples = decoder.decode(&codes, args.seed)?;
    let drawn = Drawn { samples, originals: vec![], name: "real", way: Way::Beside, what: "decoded example" };
    let (files, note) = write(&wanted, &trained, &drawn)?;
    wanted.tell(&counted(count, drawn.what), trained.checkpoint.meta("step")?, files)?;
    note.map_or(Ok(()), |note| print(format!("{note}; --out FILE.csv has all")))
}

/// Warns of codes that another checkpoint made, if their file says what made them.
fn warn_of_another_model(path: &Path, trained: &Trained) -> Result<()> {
    let is_npz = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("npz"));
    let made_by = if is_npz { numpy::texts(path, MODEL)? } else { None };
    if let Some([digest, which]) = made_by.as_deref()
        && *digest != trained.checkpoint.digest()?
    {
        tell(format_args!("warning: `{}` holds codes of another checkpoint ({which})", path.display()));
    }
    Ok(())
}
