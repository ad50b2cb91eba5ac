//! Samples from a trained run, as a user of the library: the newest checkpoint, numbers first, then a picture.
//!
//! `cargo run --release --example sample_checkpoint -- RUN [FILE.png]`

use std::path::Path;

use saddle::{
    checkpoint,
    engine::Plans,
    error::{Error, Result},
    graph::numel,
    models, report,
    run::Run,
    session::{self, Session},
};

const COUNT: usize = 64;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or_else(|| Error::usage("name the folder of a run"))?;
    let picture = arguments.next().unwrap_or("samples.png".into());

    // The run's settings say how its networks are built; the checkpoint holds their weights.
    let run = Run::open(Path::new(&folder), &saddle::models::menu())?;
    let settings = run.settings();
    let newest = checkpoint::latest(&run.checkpoints())?;
    let (path, checkpoint) = newest.ok_or_else(|| Error::failure("the run has no checkpoint yet"))?;
    let examples = session::examples_of(&checkpoint)?;
    let model = models::variant(&settings.variant)?.model(settings, &examples)?;

    // Without a data set there is only the sampling program.
    let (runner, caps, _) = session::open_device(None)?;
    let plans = Plans::new(model.named(&[models::SAMPLE]), &caps, None)?;
    let mut session = Session::new(runner, settings, examples.clone(), &model, plans)?;
    session.restore(&checkpoint)?;
    let samples = session.generate(COUNT, 7, None)?;

    let len = numel(&examples.shape);
    let mean = samples.iter().map(|&v| f64::from(v)).sum::<f64>() / samples.len() as f64;
    println!("{}: {COUNT} samples of {len} values at step {}, mean {mean:.4}", path.display(), session.step());
    let image = match examples.shape.len() {
        1 => report::scatter(&samples, &[], None),
        _ => report::grid(&samples, &examples.shape, 8)?,
    };
    report::save_png(Path::new(&picture), &image)?;
    println!("{picture}");
    Ok(())
}
