//! Measures of generated music, beside real pieces, and of the likelihood of whole pieces.

use super::{Better, Report, Row};
use crate::{
    data::{Chord, Dataset, KEYS, Music, Note, notes},
    error::{Error, Result, counted},
    metrics::music::{Counted, Piece, REPETITIONS, histogram_distance, key_nats},
};

/// Largest number of generated and of real windows that are measured.
pub const WINDOWS: usize = 1000;

/// Part of a set's name, and published nats of a step of its test part.
const PUBLISHED: [(&str, &str); 2] = [
    ("jsb", "LSTM 8.45, GRU 8.43, TCN 8.10 (Bai et al. 2018)"),
    ("nottingham", "LSTM 3.29, GRU 3.46, TCN 3.07 (Bai et al. 2018)"),
];

/// A measure of one piece, and its name.
type Measure = (&'static str, fn(&Piece) -> f64);

/// The measures of pieces: those of C-RNN-GAN, then those of MuseGAN. Their means are reported.
const MEASURES: [Measure; 7] = [
    ("polyphony", |piece| piece.polyphony()),
    ("scale consistency", |piece| piece.scale_consistency()),
    ("tone span, half tones", |piece| piece.tone_span()),
    ("empty bars", |piece| piece.empty_bars()),
    ("pitch classes in a bar", |piece| piece.pitch_classes()),
    ("notes of three 32nds or more", |piece| piece.qualified()),
    ("entropy of pitch classes, bits", |piece| piece.pitch_class_entropy()),
];

/// Measures of generated windows beside those of real ones, all equally long. Between halves of the real `pieces`
/// there are the distances that two samples of such music have.
///
/// # Errors
/// No window on one side.
pub fn music(
    set: &str,
    real: &[Vec<Chord>],
    pieces: &[Vec<Chord>],
    generated: &[Vec<Chord>],
    music: &Music,
) -> Result<Report> {
    if real.is_empty() || generated.is_empty() {
        return Err(Error::failure("without windows of music there is nothing to measure"));
    }
    let all = |pieces: &[Vec<Chord>]| pieces.iter().map(|piece| notes(piece)).collect::<Vec<Vec<Note>>>();
    let (steps, [of_real, of_generated]) = (real[0].len(), [all(real), all(generated)]);
    let mean = |pieces: &[Vec<Note>], measure: &dyn Fn(&Piece) -> f64| {
        let measured = pieces.iter().filter_map(|notes| Piece::new(notes, steps, music.bar(), music.steps_per_beat));
        let values: Vec<f64> = measured.map(|piece| measure(&piece)).collect();
        values.iter().sum::<f64>() / values.len() as f64
    };
    let row = |name: String, measure: &dyn Fn(&Piece) -> f64| {
        Row::new(name, mean(&of_generated, measure), Better::Neither).real(mean(&of_real, measure))
    };
    let silent =
        |pieces: &[Vec<Note>]| pieces.iter().filter(|notes| notes.is_empty()).count() as f64 / pieces.len() as f64;
    let mut rows =
        vec![Row::new("windows without a note", silent(&of_generated), Better::Neither).real(silent(&of_real))];
    rows.extend(MEASURES.iter().map(|(name, measure)| row(name.to_string(), measure)));
    let repetitions = |length: usize| row(format!("repetitions of {length} tones"), &|piece| piece.repetitions(length));
    rows.extend(REPETITIONS.map(repetitions));
    // Pieces in turn, as they may be in some order, and never windows, which overlap.
    let halves = match pieces {
        [one] => [&one[..one.len() / 2], &one[one.len() / 2..]].map(|half| vec![notes(half)]),
        _ => [0, 1].map(|n| pieces.iter().skip(n).step_by(2).map(|piece| notes(piece)).collect()),
    };
    for (name, what) in
        [("pitches", Counted::Pitch), ("intervals", Counted::Interval), ("durations", Counted::Duration)]
    {
        let distance = histogram_distance(what, &of_generated, &of_real);
        let row = Row::new(format!("distance of {name}"), distance, Better::Lower);
        let between = histogram_distance(what, &halves[0], &halves[1]);
        rows.push(row.real(between));
    }
    // There is no mean over windows without a note.
    rows.retain(|row| row.value.is_finite());
    let [made, had] = [generated, real].map(|pieces| counted(pieces.len(), "window"));
    let notes = vec![
        format!("{made} of {steps} steps, generated, beside {had} of `{set}`; means over windows with a note"),
        format!(
            "distances are total variations of histograms; real: between {}",
            if pieces.len() == 1 { "the halves of the real piece" } else { "every second real piece and the others" }
        ),
    ];
    Ok(Report {
        title: format!("Music of `{set}`"),
        rows,
        notes,
        compared: Some(real.len().min(generated.len())),
        ..Report::default()
    })
}

/// The mean negative log-likelihood of the steps of whole pieces, in nats.
pub type Nats<'a> = dyn FnMut(&[Vec<Chord>]) -> Result<f64> + 'a;

/// Rows on whole pieces of rolls, by Boulanger-Lewandowski's protocol (2012): the nats of a step, all keys together,
/// given the piece before it, if `carried` measures that; and what simple rules reach.
///
/// # Errors
/// Those of `carried`.
pub fn whole_pieces(train: &Dataset, test: &Dataset, carried: Option<&mut Nats>) -> Result<Vec<Row>> {
    let (width, mut rows) = (test.shape[1], vec![]);
    if let Some(carried) = carried {
        let row = Row::new("NLL per step, whole pieces", carried(&test.pieces)?, Better::Lower);
        let set = test.name.to_lowercase();
        // The published figures are of keys that sound, without those that begin.
        let published = PUBLISHED.iter().find(|(name, _)| width == KEYS && set.contains(name));
        let row = published.into_iter().fold(row, |row, (_, published)| row.published(*published));
        let steps = counted(test.pieces.iter().map(Vec::len).sum(), "step");
        rows.push(row.note(format!("{} of {steps}, each from a state of zeros", counted(test.pieces.len(), "piece"))));
    }
    let floors = [
        ("half a probability", std::f64::consts::LN_2 * width as f64),
        ("one frequency for each key", key_nats(&train.pieces, &test.pieces, width, false)),
        ("frequencies given a key's last step", key_nats(&train.pieces, &test.pieces, width, true)),
    ];
    let row = |(name, nats)| Row::new(format!("NLL per step, {name}"), nats, Better::Neither);
    rows.extend(floors.map(row));
    Ok(rows)
}
