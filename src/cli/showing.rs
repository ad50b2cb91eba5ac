//! What a training shows of its samples: a picture, or a text.

use image::RgbImage;

use super::picture::{Look, real};
use crate::{
    data::{Chord, Dataset, Music},
    error::Result,
    graph::numel,
    report::{self, Compared, Way},
    session,
    settings::Settings,
};

/// Samples for people.
pub enum Showing {
    /// Images, points, curves.
    Picture(RgbImage),
    /// A piano roll, and the same music as a MIDI file.
    Music(RgbImage, Vec<u8>),
    /// Pieces of text.
    Text(String),
}

/// Samples `[N, ..shape]` of a model that learns from this data. `warn` gets a sentence about samples that a picture
/// does not hold.
///
/// # Errors
/// A picture that cannot be drawn.
pub fn showing(samples: &[f32], dataset: &Dataset, settings: &Settings, warn: impl FnOnce(&str)) -> Result<Showing> {
    let examples = session::examples(dataset);
    if let Some(symbols) = examples.text() {
        return Ok(Showing::Text(symbols.to_text(&symbols.sequences(samples, dataset.shape[0]))));
    }
    let of_music = dataset.series.as_ref().and_then(|series| series.music().map(|music| (series, music)));
    if let Some((series, music)) = of_music {
        let pieces = series.pieces(samples, dataset.shape[0])?;
        let midi = music.to_midi(&medley(&pieces, &music))?;
        return Ok(Showing::Music(report::rolls(&pieces, &[], "", &music)?, midi));
    }
    let mut look = Look { examples: &examples, classes: vec![], columns: None, scale: None, title: String::new() };
    if settings.conditional {
        look.classes = dataset.labels.as_ref().map_or(vec![], |labels| labels.names.clone());
    }
    let (len, real) = (numel(&examples.values(1)), real(dataset));
    let all = samples.len() / len;
    // Whole rows of classes, and not more than a picture holds.
    let classes = look.classes.len().clamp(1, all.max(1));
    let mut count = all - all % classes;
    if let [_, _, _] = examples.shape[..] {
        let (columns, fit) = look.grid(Way::Beside, count, "").fitting(&examples.shape, count);
        if fit < count {
            warn(&format!("a picture holds {fit} of the {all} samples: the others are not drawn"));
            (count, look.columns) = (fit, Some(columns));
        }
    }
    look.draw(&Compared::beside(&samples[..count.max(1) * len], &real)).map(|(picture, _)| Showing::Picture(picture))
}

/// The first pieces one after the other, each at the start of a bar, with an empty bar between them.
fn medley(pieces: &[Vec<Chord>], music: &Music) -> Vec<Chord> {
    let rest = |steps: usize| vec![Chord::default(); steps.next_multiple_of(music.bar()) - steps + music.bar()];
    pieces.iter().take(report::MAX_PIECES).flat_map(|piece| [piece.clone(), rest(piece.len())].concat()).collect()
}
