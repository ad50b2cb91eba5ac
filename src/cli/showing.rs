//! What a training shows of its samples: a picture, or a text.

use image::RgbImage;

use crate::{
    data::{Chord, Dataset, Music},
    error::Result,
    graph::numel,
    report, session,
    settings::Settings,
};

/// Samples for people.
pub enum Showing {
    /// Images, points in the plane, curves.
    Picture(RgbImage),
    /// A piano roll, and the same music as a MIDI file.
    Music(RgbImage, Vec<u8>),
    /// Pieces of text.
    Text(String),
}

/// Samples `[N, ..shape]` of a model that learns from this data; `None` where there is no way to show them. `warn` gets
/// a sentence about samples that a picture does not hold.
///
/// # Errors
/// A picture that cannot be drawn.
pub fn showing(
    samples: &[f32],
    dataset: &Dataset,
    settings: &Settings,
    warn: impl FnOnce(&str),
) -> Result<Option<Showing>> {
    if let Some(symbols) = session::examples(dataset).text() {
        return Ok(Some(Showing::Text(symbols.to_text(&symbols.sequences(samples, dataset.shape[0])))));
    }
    let of_music = dataset.series.as_ref().and_then(|series| series.music().map(|music| (series, music)));
    if let Some((series, music)) = of_music {
        let pieces = series.pieces(samples, dataset.shape[0])?;
        return Ok(Some(Showing::Music(
            report::rolls(&pieces, &[], &music)?,
            music.to_midi(&medley(&pieces, &music))?,
        )));
    }
    let picture = match dataset.shape[..] {
        [2] => {
            let real: Vec<f32> = (0..2500.min(dataset.len())).flat_map(|i| dataset.example(i)).collect();
            report::scatter(samples, &real, None)
        }
        [_, _, _] => {
            let columns = match settings.conditional {
                true => dataset.classes(),
                false => (settings.samples as f64).sqrt().ceil() as usize,
            };
            let (shape, len) = (&dataset.shape, numel(&dataset.shape));
            let wanted = samples.len() / len;
            let (columns, count) = report::fitting(shape, columns, wanted);
            if count < wanted {
                warn(&format!("a picture holds {count} of the {wanted} samples: the others are not drawn"));
            }
            report::grid(&samples[..count.max(1) * len], shape, columns)?
        }
        [steps, features] => {
            let real: Vec<f32> = (0..8).flat_map(|i| dataset.example(i * dataset.len() / 8)).collect();
            report::series(samples, &real, [steps, features])?
        }
        _ => return Ok(None), // no plane to show them in
    };
    Ok(Some(Showing::Picture(picture)))
}

/// The first pieces one after the other, each at the start of a bar, with an empty bar between them.
fn medley(pieces: &[Vec<Chord>], music: &Music) -> Vec<Chord> {
    let rest = |steps: usize| vec![Chord::default(); steps.next_multiple_of(music.bar()) - steps + music.bar()];
    pieces.iter().take(report::MAX_PIECES).flat_map(|piece| [piece.clone(), rest(piece.len())].concat()).collect()
}
