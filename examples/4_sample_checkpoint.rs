//! Samples from a trained run, as a user of the library: the newest checkpoint, numbers first, then a picture.
//!
//! `cargo run --release --example 4_sample_checkpoint -- RUN [FILE.png]`

use std::path::Path;

use saddle::{
    error::{Error, Result},
    graph::numel,
    models::SAMPLE,
    report::{self, Compared, Grid},
    trained::Trained,
};

const COUNT: usize = 64;
/// Images in a row of the picture.
const COLUMNS: usize = 8;
/// Of the latent vectors.
const SEED: u64 = 7;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or_else(|| Error::usage("name the folder of a run"))?;
    let picture = arguments.next().unwrap_or("samples.png".into());

    let trained = Trained::open(folder)?;
    let (best_device, all_classes) = (None, None);
    let mut session = trained.session(&[SAMPLE], best_device)?;
    let samples = session.generate(COUNT, SEED, all_classes)?;

    let len = numel(&trained.examples.shape);
    let mean = samples.iter().map(|&v| f64::from(v)).sum::<f64>() / samples.len() as f64;
    println!("{}: {COUNT} samples of {len} values at step {}, mean {mean:.4}", trained.path.display(), session.step());
    let image = match trained.examples.shape[..] {
        // Points alone, without real ones below them.
        [width] => report::points(&Compared::beside(&samples, &[]), width, None)?.draw()?,
        _ => Grid::of(COLUMNS).draw(&samples, &trained.examples.shape)?,
    };
    report::save_png(Path::new(&picture), &image)?;
    println!("{picture}");
    Ok(())
}
