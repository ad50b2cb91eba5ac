//! `saddle sample`.

use npyz::WriterBuilder;

use super::{SampleArgs, print};
use crate::{
    checkpoint,
    engine::Plans,
    error::{Error, Result},
    files::write_atomically,
    graph::numel,
    models, report,
    run::Run,
    session::{self, Session},
};

/// The most images in one picture.
const MAX_CELLS: usize = 10_000;

/// Draws samples from the newest checkpoint of a run.
pub fn sample(args: &SampleArgs) -> Result<()> {
    let ending = args.out.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    let ending = ending.as_str();
    if !["png", "csv", "npy"].contains(&ending) {
        return Err(Error::usage(format!(
            "--out `{}`: the ending says the format, and it is one of png, csv, npy",
            args.out.display()
        )));
    }
    let run = Run::open(&args.run)?;
    let settings = run.settings();
    let Some((path, checkpoint)) = checkpoint::latest(&run.checkpoints())? else {
        return Err(Error::failure(format!("`{}` has no checkpoint to sample from yet", args.run.display())));
    };
    let examples = session::examples_of(&checkpoint).map_err(|e| e.at(&path.display().to_string()))?;
    match args.class {
        Some(_) if !settings.conditional => {
            return Err(Error::usage("--class needs a model trained with --conditional"));
        }
        Some(class) if class >= examples.classes => {
            return Err(Error::usage(format!("--class {class}: the model has classes 0 to {}", examples.classes - 1)));
        }
        _ => {}
    }
    if ending == "png" && examples.shape.len() > 1 && args.count > MAX_CELLS {
        return Err(Error::usage(format!(
            "--count {}: a png shows {MAX_CELLS} images at most; csv and npy take more",
            args.count
        )));
    }
    if ending == "png" && examples.shape.len() == 1 && examples.shape != [2] {
        return Err(Error::usage("a png shows images, or points in the plane: use csv or npy for these samples"));
    }
    let model = models::variant(&settings.variant)?.model(settings, &examples)?;
    let (runner, caps, _) = session::open_device(args.adapter.as_deref())?;
    let plans = Plans::new(model.named(&[models::SAMPLE]), &caps, None)?;
    let mut session = Session::new(runner, settings, examples.clone(), &model, plans)?;
    session.restore(&checkpoint).map_err(|e| e.at(&path.display().to_string()))?;
    let samples = session.generate(args.count, args.seed, args.class)?;
    match (ending, examples.shape.len()) {
        ("png", 1) => report::save_png(&args.out, &report::scatter(&samples, &[], None))?,
        ("png", _) => {
            let columns = (args.count as f64).sqrt().ceil() as usize;
            report::save_png(&args.out, &report::grid(&samples, &examples.shape, columns)?)?;
        }
        ("csv", _) => write_atomically(&args.out, &csv(&samples, numel(&examples.shape)))?,
        _ => write_atomically(&args.out, &npy(&samples, args.count, &examples.shape)?)?,
    }
    print(format!("{} samples of step {} in {}", args.count, session.step(), args.out.display()))
}

/// One sample a row.
fn csv(samples: &[f32], columns: usize) -> Vec<u8> {
    let header = (0..columns).map(|i| format!("x{i}")).collect::<Vec<_>>().join(",");
    let row = |r: &[f32]| r.iter().map(|v| v.to_string()).collect::<Vec<_>>().join(",");
    let rows = samples.chunks(columns).map(row);
    let mut text = std::iter::once(header).chain(rows).collect::<Vec<_>>().join("\n");
    text.push('\n');
    text.into_bytes()
}

/// `[N, ..shape]`, f32.
fn npy(samples: &[f32], count: usize, shape: &[usize]) -> Result<Vec<u8>> {
    let fail = |e: std::io::Error| Error::failure(format!("cannot make the npy file: {e}"));
    let shape: Vec<u64> = [vec![count], shape.to_vec()].concat().into_iter().map(|n| n as u64).collect();
    let mut bytes = vec![];
    let mut writer =
        npyz::WriteOptions::new().default_dtype().shape(&shape).writer(&mut bytes).begin_nd().map_err(fail)?;
    writer.extend(samples.iter().copied()).map_err(fail)?;
    writer.finish().map_err(fail)?;
    Ok(bytes)
}
