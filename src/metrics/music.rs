//! Measures of pieces of music: of C-RNN-GAN (Mogren 2016, section 4), of MuseGAN (Dong et al. 2018, section 5.3), and
//! distances of histograms.

use std::collections::BTreeSet;

use crate::data::{Chord, Note};

/// Lengths of the repetitions of tones that C-RNN-GAN counts.
pub const REPETITIONS: std::ops::RangeInclusive<usize> = 2..=9;

/// The tones of a major scale and of a harmonic minor scale on C; those of a natural minor scale are of a major one.
const SCALES: [[u8; 7]; 2] = [[0, 2, 4, 5, 7, 9, 11], [0, 2, 3, 5, 7, 8, 11]];

/// A piece with one note or more.
#[derive(Clone, Copy, Debug)]
pub struct Piece<'a> {
    notes: &'a [Note],
    steps: usize,
    bar: usize,
    steps_per_beat: usize,
}

impl<'a> Piece<'a> {
    /// A piece of `steps` steps, in bars of `bar` steps and beats of `steps_per_beat`; its notes in order of their
    /// start, then of their pitch. `None` without notes.
    pub fn new(notes: &'a [Note], steps: usize, bar: usize, steps_per_beat: usize) -> Option<Self> {
        (!notes.is_empty()).then_some(Self { notes, steps, bar: bar.max(1), steps_per_beat })
    }

    fn share(&self, is_such: impl Fn(&Note) -> bool) -> f64 {
        self.notes.iter().filter(|note| is_such(note)).count() as f64 / self.notes.len() as f64
    }

    /// Share of the steps at which notes begin where two or more do (C-RNN-GAN).
    pub fn polyphony(&self) -> f64 {
        let onsets: Vec<&[Note]> = self.notes.chunk_by(|a, b| a.start == b.start).collect();
        onsets.iter().filter(|chord| chord.len() > 1).count() as f64 / onsets.len() as f64
    }

    /// Greatest share of notes that lie in one scale, of twelve major, natural minor and harmonic minor each
    /// (C-RNN-GAN).
    pub fn scale_consistency(&self) -> f64 {
        let fits = |scale: &[u8; 7], key: u8| self.share(|note| scale.contains(&((note.pitch + 12 - key) % 12)));
        SCALES.iter().flat_map(|scale| (0..12).map(move |key| fits(scale, key))).fold(0.0, f64::max)
    }

    /// Half tones from the lowest note to the highest (C-RNN-GAN).
    pub fn tone_span(&self) -> f64 {
        let pitches = || self.notes.iter().map(|note| f64::from(note.pitch));
        pitches().fold(f64::MIN, f64::max) - pitches().fold(f64::MAX, f64::min)
    }

    /// Share of the runs of `length` tones, in order and whatever their times, that occur earlier in the piece
    /// (C-RNN-GAN); 0 for fewer tones.
    pub fn repetitions(&self, length: usize) -> f64 {
        let tones: Vec<u8> = self.notes.iter().map(|note| note.pitch).collect();
        let runs = tones.windows(length);
        let (all, different) = (runs.len(), runs.collect::<BTreeSet<_>>().len());
        if all == 0 { 0.0 } else { (all - different) as f64 / all as f64 }
    }

    /// Of each bar, whether each of the twelve pitch classes sounds.
    fn bars(&self) -> Vec<[bool; 12]> {
        let mut bars = vec![[false; 12]; self.steps.div_ceil(self.bar).max(1)];
        let last = bars.len() - 1;
        for note in self.notes {
            let (first, end) = (note.start / self.bar, (note.end - 1) / self.bar);
            bars[first.min(last)..=end.min(last)].iter_mut().for_each(|bar| bar[usize::from(note.pitch % 12)] = true);
        }
        bars
    }

    /// Share of the bars in which nothing sounds (MuseGAN).
    pub fn empty_bars(&self) -> f64 {
        let bars = self.bars();
        bars.iter().filter(|bar| !bar.contains(&true)).count() as f64 / bars.len() as f64
    }

    /// Mean number of pitch classes that sound in a bar (MuseGAN).
    pub fn pitch_classes(&self) -> f64 {
        let bars = self.bars();
        bars.iter().flatten().filter(|sounds| **sounds).count() as f64 / bars.len() as f64
    }

    /// Share of the notes that last three 32nds or longer (MuseGAN's qualified notes).
    pub fn qualified(&self) -> f64 {
        self.share(|note| 8 * (note.end - note.start) >= 3 * self.steps_per_beat)
    }

    /// Entropy of the pitch classes of the notes, in bits (Wu and Yang 2020).
    pub fn pitch_class_entropy(&self) -> f64 {
        let shares = (0..12).map(|class| self.share(|note| note.pitch % 12 == class));
        shares.filter(|share| *share > 0.0).map(|share| -share * share.log2()).sum()
    }
}

/// What histograms of notes count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// Pitches.
    Pitch,
    /// Half tones from each note of a piece to the next one, in order of their start, then of their pitch.
    Interval,
    /// Steps that a note lasts.
    Duration,
}

/// Total variation between the histograms of two lists of pieces: 0 if they are the same, 1 if they share nothing.
/// Without anything to count on one side it is 1, on both sides 0.
pub fn histogram_distance(what: Counted, first: &[Vec<Note>], second: &[Vec<Note>]) -> f64 {
    let [first, second] = [first, second].map(|pieces| histogram(what, pieces));
    let totals = [&first, &second].map(|counts| counts.iter().sum::<f64>());
    let share =
        |counts: &[f64], total: f64, n: usize| if total > 0.0 { counts.get(n).unwrap_or(&0.0) / total } else { 0.0 };
    let differences = (0..first.len().max(second.len()))
        .map(|n| (share(&first, totals[0], n) - share(&second, totals[1], n)).abs())
        .sum::<f64>();
    // A side without counts lacks the half that it would add.
    let empty = if (totals[0] > 0.0) != (totals[1] > 0.0) { 1.0 } else { 0.0 };
    (differences + empty) / 2.0
}

fn histogram(what: Counted, pieces: &[Vec<Note>]) -> Vec<f64> {
    let mut counts = vec![];
    let mut count = |value: usize| {
        counts.resize(counts.len().max(value + 1), 0.0);
        counts[value] += 1.0;
    };
    for notes in pieces {
        match what {
            Counted::Pitch => notes.iter().for_each(|note| count(note.pitch.into())),
            Counted::Duration => notes.iter().for_each(|note| count(note.end - note.start)),
            Counted::Interval => {
                let interval = |pair: &[Note]| usize::from(128 + pair[1].pitch - pair[0].pitch);
                notes.windows(2).for_each(|pair| count(interval(pair)));
            }
        }
    }
    counts
}

/// Mean negative log-likelihood of the steps of the rolls `test`, in nats, summed over their `width` values, by the
/// frequency of each value in `train`; `given_last`: by its frequencies after its own last values 0 and 1. Half a step
/// is added to each count.
pub fn key_nats(train: &[Vec<Chord>], test: &[Vec<Chord>], width: usize, given_last: bool) -> f64 {
    // Of each value and its last one: how often it is 0 and 1.
    let mut counts = vec![[[0.5f64; 2]; 2]; width];
    let mut each = |piece: &[Chord], see: &mut dyn FnMut(&mut [f64; 2], usize)| {
        let mut last = Chord::default();
        for chord in piece {
            let values = chord.values(width).zip(last.values(width)).zip(&mut counts);
            values.for_each(|((value, last), counts)| see(&mut counts[usize::from(given_last && last)], value.into()));
            last = *chord;
        }
    };
    train.iter().for_each(|piece| each(piece, &mut |counts, value| counts[value] += 1.0));
    let mut nats = 0.0;
    test.iter()
        .for_each(|piece| each(piece, &mut |counts, value| nats -= (counts[value] / (counts[0] + counts[1])).ln()));
    nats / test.iter().map(Vec::len).sum::<usize>().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notes(all: &[(usize, usize, u8)]) -> Vec<Note> {
        all.iter().map(|&(start, end, pitch)| Note { start, end, pitch }).collect()
    }

    /// Two bars of 4/4 in sixteenths, of which the second is half empty, and an empty one.
    fn example() -> Vec<Note> {
        notes(&[(0, 4, 60), (0, 8, 64), (4, 5, 62), (8, 12, 60), (16, 20, 64), (20, 24, 61)])
    }

    #[test]
    fn measures_are_those_counted_by_hand() {
        let notes = example();
        let piece = Piece::new(&notes, 48, 16, 4).unwrap();
        // Two notes begin together at one of five steps.
        assert_eq!(piece.polyphony(), 0.2);
        // C D E lie in C major; C# does not. No scale has C, C#, D and E.
        assert_eq!(piece.scale_consistency(), 5.0 / 6.0);
        assert_eq!(piece.tone_span(), 4.0);
        // Tones 60 64 62 60 64 61: of five pairs, one occurs twice; no three tones do.
        assert_eq!((piece.repetitions(2), piece.repetitions(3), piece.repetitions(9)), (0.2, 0.0, 0.0));
        assert_eq!((piece.empty_bars(), piece.pitch_classes()), (1.0 / 3.0, 5.0 / 3.0));
        // A sixteenth is shorter than three 32nds; it is the only one.
        assert_eq!(piece.qualified(), 5.0 / 6.0);
        // Shares 1/3, 1/3, 1/6, 1/6.
        let entropy = 2.0 / 3.0 * 3f64.log2() + 1.0 / 3.0 * 6f64.log2();
        assert!((piece.pitch_class_entropy() - entropy).abs() < 1e-12);
        assert!(Piece::new(&[], 48, 16, 4).is_none());
    }

    #[test]
    fn scales_are_found_in_any_key() {
        // A harmonic minor: the tones of A B C D E F G#.
        let minor = notes(&[57, 59, 60, 62, 64, 65, 68].map(|pitch| (0, 1, pitch)));
        assert_eq!(Piece::new(&minor, 1, 1, 4).unwrap().scale_consistency(), 1.0);
        let chromatic = notes(&std::array::from_fn::<_, 12, _>(|n| (n, n + 1, n as u8)));
        assert_eq!(Piece::new(&chromatic, 12, 16, 4).unwrap().scale_consistency(), 7.0 / 12.0);
    }

    #[test]
    fn histograms_are_compared_by_total_variation() {
        let [a, b] = [vec![notes(&[(0, 1, 60), (1, 2, 62)])], vec![notes(&[(0, 1, 62), (1, 3, 60)])]];
        let distance = |what| histogram_distance(what, &a, &b);
        assert_eq!(
            [distance(Counted::Pitch), distance(Counted::Interval), distance(Counted::Duration)],
            [0.0, 1.0, 0.5]
        );
        assert_eq!(histogram_distance(Counted::Pitch, &a, &[]), 1.0);
        assert_eq!(histogram_distance(Counted::Pitch, &[], &[vec![]]), 0.0);
    }

    #[test]
    fn keys_are_predicted_by_their_frequencies() {
        // One key sounds at three of four steps, and after itself always; the others never.
        let on = Chord { sounds: 1 << 60, begins: 0 };
        let piece = vec![vec![Chord::default(), on, on, on]];
        let silent = |steps: f64| ((0.5 + steps) / (1.0 + steps)).ln();
        let alone = -(3.0 * (3.5f64 / 5.0).ln() + (1.5f64 / 5.0).ln()) / 4.0 - 87.0 * silent(4.0);
        assert!((key_nats(&piece, &piece, 88, false) - alone).abs() < 1e-9);
        // After 0: one of two steps sounds; after 1: two of two.
        let given = -(2.0 * (1.5f64 / 3.0).ln() + 2.0 * (2.5f64 / 3.0).ln()) / 4.0 - 87.0 * silent(4.0);
        assert!((key_nats(&piece, &piece, 88, true) - given).abs() < 1e-9);
        assert!((key_nats(&[], &piece, 88, false) - 60.997).abs() < 1e-3, "half a probability each");
    }
}
