//! `saddle sample --walk`: moving pictures of what lies between latent vectors.

use super::{
    sample::{Wanted, along, real},
    trained::Asked,
};
use crate::{
    error::Result,
    graph::numel,
    models::Examples,
    report::{self, Compared, Figure, Way},
    session::Session,
};

/// The number of samples that walk at once where none is asked for: of images equally many of each class that they have
/// in turn, so that each has rows or a column of its own.
pub fn count(examples: &Examples, classes: usize) -> usize {
    match examples.shape.len() {
        1 => 300,
        2 => 6,
        _ => 16_usize.next_multiple_of(classes.max(1)),
    }
}

/// Writes a walk of so many frames, each with all samples at that moment.
pub fn write(
    wanted: &Wanted,
    frames: usize,
    class: Option<usize>,
    trained: &Asked,
    session: &mut Session,
) -> Result<()> {
    let (count, seed, examples) = (wanted.count, wanted.args.seed, &trained.examples);
    let z = session.walk(count, frames, seed)?;
    let samples = along(&z, frames, class, trained, session, seed)?;
    let len = numel(&examples.shape);
    let frame = |n: usize| -> Vec<f32> {
        (0..count).flat_map(|walk| &samples[(walk * frames + n) * len..][..len]).copied().collect()
    };
    if examples.shape.len() == 3 {
        let picture = |n: usize| wanted.look.draw(&Compared::beside(&frame(n), &[])).map(|(picture, _)| picture);
        return write_frames(wanted, (0..frames).map(picture));
    }
    let (real, name) = match real(trained) {
        // All frames lie in one plane, and this has to be that of something.
        none if none.is_empty() => (samples.clone(), "all frames"),
        real => (real, "real"),
    };
    let figure = |n: usize| {
        let compared = Compared { generated: &frame(n), real: &real, way: Way::Beside, name };
        wanted.look.figure(&compared).map(|figure| Figure { note: String::new(), ..figure })
    };
    let mut figures = (0..frames).map(figure).collect::<Result<Vec<Figure>>>()?;
    Figure::align(&mut figures);
    write_frames(wanted, figures.iter().map(Figure::draw))
}

fn write_frames(wanted: &Wanted, frames: impl ExactSizeIterator<Item = Result<image::RgbImage>>) -> Result<()> {
    let bytes = if wanted.to.ending == "gif" { report::gif(frames)? } else { report::apng(frames)? };
    wanted.to.write(&bytes).map(|_| ())
}
