//! Music as the keys that sound at each step: chords, the notes that they make, and how steps are played.

use serde::{Deserialize, Serialize};

use super::midi;
use crate::error::Result;

/// Number of keys of a piano, A0 to C8, and the MIDI pitch of the lowest one.
pub const KEYS: usize = 88;
const LOWEST: usize = 21;
/// The keys of a piano, as bits of a chord.
pub(super) const PIANO: u128 = ((1 << KEYS) - 1) << LOWEST;
/// Number of MIDI pitches.
const PITCHES: usize = 128;
/// Largest number of steps in a quarter note.
const MAX_STEPS_PER_BEAT: usize = 96;

/// What sounds at one step of a piece: a bit for each MIDI pitch, of which 60 is middle C.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Chord {
    /// The pitches that sound.
    pub sounds: u128,
    /// Those of them that begin here. A pitch that sounds anew begins, whether or not its bit is set.
    pub begins: u128,
}

impl Chord {
    /// The chord of a step of a roll of `width` values: [`KEYS`] of keys that sound, or as many again of keys that
    /// begin. A key that begins also sounds.
    pub fn of(width: usize, mut is_set: impl FnMut(usize) -> bool) -> Self {
        let mut bits = [0u128; 2];
        (0..width).filter(|n| is_set(*n)).for_each(|n| bits[n / KEYS] |= 1 << (LOWEST + n % KEYS));
        let [sounds, begins] = bits;
        Self { sounds: sounds | begins, begins }
    }

    /// Whether each of the `width` values of a step of a roll is set: the inverse of [`Chord::of`].
    pub fn values(self, width: usize) -> impl Iterator<Item = bool> {
        let bits = [self.sounds, self.begins];
        (0..width).map(move |n| bits[n / KEYS] >> (LOWEST + n % KEYS) & 1 == 1)
    }

    /// The chord `by` half tones higher.
    pub(super) fn transposed(self, by: i32) -> Self {
        let shifted = |bits: u128| if by < 0 { bits >> -by } else { bits << by };
        Self { sounds: shifted(self.sounds), begins: shifted(self.begins) }
    }

    /// The names of the sounding keys, lowest first; those that are held in brackets.
    pub(super) fn spelled(self) -> String {
        let pitches = (0..PITCHES).filter(|pitch| self.sounds >> pitch & 1 == 1);
        let name = |pitch: usize| {
            let name = pitch_name(pitch);
            if self.begins >> pitch & 1 == 1 { name } else { format!("({name})") }
        };
        pitches.map(name).collect::<Vec<_>>().join(" ")
    }
}

/// The name of a MIDI pitch: C4 is 60.
pub fn pitch_name(pitch: usize) -> String {
    const NAMES: [&str; 12] = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"];
    format!("{}{}", NAMES[pitch % 12], (pitch / 12) as i32 - 1)
}

/// One note of a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Note {
    /// The step at which it begins.
    pub start: usize,
    /// The first step at which it no longer sounds.
    pub end: usize,
    /// Its MIDI pitch, 0 to 127; 60 is middle C.
    pub pitch: u8,
}

/// The notes of a piece, in order of their start, then of their pitch. A pitch that begins while it sounds is a new
/// note; one that goes on sounding is held.
pub fn notes(piece: &[Chord]) -> Vec<Note> {
    let mut begun = [None; PITCHES];
    let mut notes = vec![];
    for (step, chord) in piece.iter().chain([&Chord::default()]).enumerate() {
        for (pitch, begun) in begun.iter_mut().enumerate() {
            let is_set = |bits: u128| bits >> pitch & 1 == 1;
            if !is_set(chord.sounds) || is_set(chord.begins) {
                notes.extend(begun.take().map(|start| Note { start, end: step, pitch: pitch as u8 }));
            }
            if is_set(chord.sounds) {
                begun.get_or_insert(step);
            }
        }
    }
    notes.sort_unstable();
    notes
}

/// How the steps of music are played.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Music {
    /// Steps in a beat, which is a quarter note.
    pub steps_per_beat: usize,
    /// Microseconds of a beat.
    pub tempo: u32,
    /// The metre: a bar has this many notes, each one of this share of a whole note (3 and 4 for three quarters).
    pub metre: [u8; 2],
    /// The instrument: a MIDI program from 0 to 127, of which 0 is a piano.
    pub program: u8,
}

impl Default for Music {
    /// Sixteenth notes, 120 beats a minute, four quarters, a piano.
    fn default() -> Self {
        Self { steps_per_beat: 4, tempo: 500_000, metre: [4, 4], program: 0 }
    }
}

impl Music {
    /// Whether the numbers are those of music, also where a damaged file claims them.
    pub fn is_possible(&self) -> bool {
        (1..=MAX_STEPS_PER_BEAT).contains(&self.steps_per_beat) && self.tempo > 0 && self.metre.iter().all(|n| *n > 0)
    }

    /// Steps in a bar, 1 or more.
    pub fn bar(&self) -> usize {
        let [count, share] = self.metre.map(usize::from);
        (4 * self.steps_per_beat * count / share.max(1)).max(1)
    }

    /// A piece as a MIDI file.
    ///
    /// # Errors
    /// A piece that is longer than a MIDI file can say.
    pub fn to_midi(&self, piece: &[Chord]) -> Result<Vec<u8>> {
        midi::write(&notes(piece), self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A chord of keys that sound and keys that begin.
    fn chord(sounds: &[usize], begins: &[usize]) -> Chord {
        let bits = |pitches: &[usize]| pitches.iter().fold(0u128, |bits, pitch| bits | 1u128 << pitch);
        Chord { sounds: bits(sounds), begins: bits(begins) }
    }

    #[test]
    fn a_key_that_begins_is_a_new_note_and_a_key_that_goes_on_is_held() {
        let held = [chord(&[60], &[60]), chord(&[60, 64], &[64]), chord(&[60], &[60]), chord(&[], &[])];
        let note = |start, end, pitch| Note { start, end, pitch };
        assert_eq!(notes(&held), [note(0, 2, 60), note(1, 2, 64), note(2, 3, 60)]);
        // Without beginnings, repeated keys are one note; one that sounds at the end lasts to the end.
        assert_eq!(notes(&[chord(&[60], &[]), chord(&[60], &[])]), [note(0, 2, 60)]);
    }

    #[test]
    fn values_of_a_roll_are_the_keys_of_a_piano() {
        let keys = chord(&[21, 60, 108], &[60]);
        for width in [KEYS, 2 * KEYS] {
            let values: Vec<bool> = keys.values(width).collect();
            let set: Vec<usize> = (0..width).filter(|n| values[*n]).collect();
            assert_eq!(set, [&[0, 39, 87][..], if width > KEYS { &[88 + 39] } else { &[] }].concat());
            let begins = if width > KEYS { keys.begins } else { 0 };
            assert_eq!(Chord::of(width, |n| values[n]), Chord { begins, ..keys });
        }
        assert_eq!(Chord::of(176, |n| n == 88), chord(&[21], &[21]), "a key that begins sounds");
        assert_eq!((keys.transposed(2).transposed(-2), keys.transposed(-2).sounds >> 19 & 1), (keys, 1));
        assert_eq!(keys.spelled(), "(A0) C4 (C8)");
    }

    #[test]
    fn bars_follow_the_metre() {
        let bar = |metre, steps_per_beat| Music { metre, steps_per_beat, ..Music::default() }.bar();
        assert_eq!([bar([4, 4], 4), bar([3, 4], 12), bar([6, 8], 4), bar([0, 0], 1)], [16, 36, 12, 1]);
    }
}
