//! MIDI files as pieces of music on a grid of steps: melodies of the highest notes, or rolls of all voices; and pieces
//! as MIDI files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use midly::num::{u4, u7, u15, u24, u28};
use midly::{Format, Header, MetaMessage, MidiMessage, Smf, Timing, TrackEvent, TrackEventKind};

use super::digest::{self, FileDigest};
use super::folder::Files;
use super::music::{Chord, Music, Note};
use super::options::Holds;
use super::pieces::{self, Pieces};
use super::unpack::{ending, read as bytes_of};
use super::{About, Dataset, LeftOut, Options, Split};
use crate::error::{Error, Result, counted};
use crate::memory;
use crate::settings::Voices;

/// Largest number of steps of a piece, about two hours of sixteenth notes; a longer file is damaged.
const MAX_STEPS: u64 = 1 << 16;
/// Bytes of an event in memory; in a file, an event may take one byte.
const EVENT: u64 = 32;
/// The channel of drums, counted from 0: its keys are no pitches.
const DRUMS: u4 = u4::from_int_lossy(9);
/// Ticks of a beat in the files written here, or the nearest multiple of its steps below.
const TICKS: usize = 480;
const VELOCITY: u7 = u7::from_int_lossy(90);

/// Whether `path` is named like a MIDI file.
pub(super) fn is_midi(path: &Path) -> bool {
    ["mid", "midi"].contains(&ending(path).as_str())
}

/// A piece of music in a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Tune {
    /// The keys at each step.
    pub piece: Vec<Chord>,
    /// How it is played.
    pub music: Music,
    /// Number of notes that begin in the same step as another one of their key, and are lost.
    pub merged: usize,
    /// Whether it has drums, which are left out.
    pub has_drums: bool,
}

/// All voices of a MIDI file, drums aside, on a grid of `steps_per_beat` steps to a quarter note.
///
/// # Errors
/// `Failure` for a file that is no MIDI file, or without notes; the message names the file.
pub fn read_midi(path: &Path, steps_per_beat: usize) -> Result<Tune> {
    Ok(load(path, steps_per_beat)?.0)
}

/// The music of a MIDI file; `None` for a test part that does not exist.
pub(super) fn read(path: &Path, options: &Options) -> Result<Option<Dataset>> {
    let files = [path.to_owned()];
    of_files(
        Files { root: path, train: &files, part: &files, left_out: LeftOut::default(), said: String::new() },
        false,
        options,
    )
}

/// The music of MIDI files, drums aside: melodies of the highest notes, or rolls of all voices. Without a part to test
/// with (`own_test`), the last steps are held out where the options say so.
pub(super) fn of_files(files: Files, own_test: bool, options: &Options) -> Result<Option<Dataset>> {
    let is_roll = options.voices == Voices::All;
    let place = format!("`{}`", files.root.display());
    options.check(&place, if is_roll { Holds::Rolls } else { Holds::Melodies })?;
    if is_roll {
        let Loaded { set, found, .. } = load_all(files, own_test, options, |piece| piece)?;
        return pieces::rolls(set, found.into_iter().map(|(_, piece)| piece).collect(), true);
    }
    let Loaded { set, found, learned } = load_all(files, own_test, options, |piece| pieces::melody(&piece))?;
    pieces::melodies(set, found, learned)
}

/// Pieces in files.
struct Loaded<'a, T> {
    set: Pieces<'a>,
    /// The pieces of the requested part, with their files.
    found: Vec<(PathBuf, T)>,
    /// Those of the part to learn from, if that is another one.
    learned: Option<Vec<T>>,
}

/// The pieces in MIDI files; `kept` makes what is kept of each.
fn load_all<'a, T>(
    files: Files<'a>,
    own_test: bool,
    options: &'a Options,
    kept: impl Fn(Vec<Chord>) -> T,
) -> Result<Loaded<'a, T>> {
    let Files { root, train, part, mut left_out, said } = files;
    let steps_per_beat = options.steps_per_beat.unwrap_or(Music::default().steps_per_beat);
    let (mut found, mut digests, mut played, mut refused, mut merged, mut drums) = (vec![], vec![], vec![], None, 0, 0);
    for file in part {
        match load(file, steps_per_beat) {
            Ok((tune, digest)) => {
                merged += tune.merged;
                drums += usize::from(tune.has_drums);
                found.push((file.clone(), kept(tune.piece)));
                played.push(tune.music);
                digests.push(digest);
            }
            Err(error) => {
                left_out.add("MIDI files that cannot be read", &error);
                refused.get_or_insert(error);
            }
        }
    }
    if let Some(error) = refused.filter(|_| found.is_empty()) {
        return Err(error);
    }
    if merged > 0 {
        let reason = "notes in the same step as another of their key, which a greater steps_per_beat has room for";
        left_out.add_many(reason, merged);
    }
    let learned = (own_test && options.split == Split::Test).then(|| {
        let tunes = train.iter().filter_map(|file| Some(load(file, steps_per_beat).ok()?.0));
        let (pieces, of_train) = tunes.map(|tune| (kept(tune.piece), tune.music)).unzip();
        played = of_train;
        pieces
    });
    let without_drums = format!("drums, whose keys are no pitches, are not learned ({})", counted(drums, "file"));
    let notes = (drums > 0).then_some(without_drums).into_iter().collect();
    let about = About { part: said, left_out, notes, source: digest::of_files(&digests), ..About::default() };
    let music = usual(&played, steps_per_beat);
    Ok(Loaded { set: Pieces { root, own_test, music, about, options }, found, learned })
}

/// How most tunes are played, at their mean tempo.
fn usual(played: &[Music], steps_per_beat: usize) -> Music {
    let default = Music { steps_per_beat, ..Music::default() };
    let tempos: u64 = played.iter().map(|music| u64::from(music.tempo)).sum();
    let tempo = tempos.checked_div(played.len() as u64).map_or(default.tempo, |mean| mean as u32);
    let metre = most(played.iter().map(|music| music.metre)).unwrap_or(default.metre);
    let program = most(played.iter().map(|music| music.program)).unwrap_or(default.program);
    Music { tempo, metre, program, ..default }
}

/// The most frequent value; the smallest of equally frequent ones.
fn most<T: Ord>(values: impl Iterator<Item = T>) -> Option<T> {
    let mut counts = BTreeMap::new();
    values.for_each(|value| *counts.entry(value).or_insert(0) += 1);
    counts.into_iter().rev().max_by_key(|(_, count)| *count).map(|(value, _)| value)
}

/// The tune in `path`, and the digest of the file.
fn load(path: &Path, steps_per_beat: usize) -> Result<(Tune, FileDigest)> {
    let (bytes, most) = (bytes_of(path)?, memory::most()?);
    if bytes.len() as u64 > most.bytes / EVENT {
        return Err(Error::failure(format!("the notes of `{}` may take more than {most}", path.display())));
    }
    let tune = tune(&bytes, steps_per_beat as u64);
    let tune = tune.map_err(|reason| Error::failure(format!("`{}` {reason}", path.display())))?;
    Ok((tune, digest::of(&[&bytes])))
}

/// The tune in a MIDI file, or the fault in the file.
fn tune(bytes: &[u8], steps_per_beat: u64) -> Result<Tune, String> {
    if let Some((complete, promised)) = track_counts(bytes).filter(|(complete, promised)| complete < promised) {
        return Err(format!("is cut short: {complete} of its {promised} tracks are complete"));
    }
    if bytes.is_empty() {
        return Err("is empty".into());
    }
    let midi = Smf::parse(bytes).map_err(|_| "is no MIDI file, or its header is damaged".to_string())?;
    if midi.header.format == Format::Sequential {
        return Err("has pieces one after the other (format 2): save each in a file of its own".into());
    }
    let ticks = match midi.header.timing {
        Timing::Metrical(ticks) if ticks > 0 => u64::from(ticks.as_int()),
        Timing::Metrical(_) => return Err("is damaged: a beat has 0 ticks".into()),
        Timing::Timecode(..) => {
            return Err("counts time in frames, which have no beats: it must count ticks of a beat".into());
        }
    };
    let step = |tick: u64| (tick * steps_per_beat + ticks / 2) / ticks;
    let tracks: Vec<Track> = midi.tracks.iter().map(|track| Track::of(track)).collect();
    let notes = || tracks.iter().flat_map(|track| &track.notes);
    let spans = || notes().map(|note| (step(note.start), step(note.end).max(step(note.start) + 1), note.key));
    let steps = match spans().map(|(_, end, _)| end).max() {
        None if tracks.iter().any(|track| track.has_drums) => {
            return Err("holds drums only, which have no pitch".into());
        }
        None => return Err("holds no notes".into()),
        Some(steps) if steps > MAX_STEPS => {
            let per = format!("{steps_per_beat} to a beat");
            let advice = if steps_per_beat > 1 { ": a smaller steps_per_beat makes fewer" } else { "" };
            return Err(format!(
                "is {steps} steps long, {per}, more than the {MAX_STEPS} that a piece may have{advice}"
            ));
        }
        Some(steps) => steps as usize,
    };
    let mut piece = vec![Chord::default(); steps];
    for (start, end, key) in spans() {
        piece[start as usize].begins |= 1 << key;
        piece[start as usize..end as usize].iter_mut().for_each(|chord| chord.sounds |= 1 << key);
    }
    let default = Music::default();
    let music = Music {
        steps_per_beat: steps_per_beat as usize,
        tempo: first(tracks.iter().filter_map(|track| track.tempo)).map_or(default.tempo, |[tempo, _]| tempo),
        metre: first(tracks.iter().filter_map(|track| track.metre))
            .map_or(default.metre, |metre| metre.map(|number| number as u8)),
        program: most(notes().map(|note| note.program)).unwrap_or(default.program),
    };
    // Two notes of one key in one step are one.
    let begun: u32 = piece.iter().map(|chord| chord.begins.count_ones()).sum();
    let merged = spans().count() - begun as usize;
    Ok(Tune { piece, music, merged, has_drums: tracks.iter().any(|track| track.has_drums) })
}

/// The value of the earliest event, each with its tick.
fn first(events: impl Iterator<Item = (u64, [u32; 2])>) -> Option<[u32; 2]> {
    events.min_by_key(|(tick, _)| *tick).map(|(_, value)| value)
}

/// The number of complete tracks and the number that the header promises; `None` without a plain header.
fn track_counts(bytes: &[u8]) -> Option<(usize, usize)> {
    let promised = u16::from_be_bytes(bytes.strip_prefix(b"MThd")?.get(6..8)?.try_into().ok()?);
    let (mut rest, mut complete) = (bytes, 0);
    while let Some((head, after)) = rest.split_at_checked(8)
        && let Some((_, next)) =
            after.split_at_checked(u32::from_be_bytes([head[4], head[5], head[6], head[7]]) as usize)
    {
        complete += usize::from(head.starts_with(b"MTrk"));
        rest = next;
    }
    Some((complete, promised.into()))
}

/// A note of a track, in ticks.
struct Held {
    start: u64,
    end: u64,
    key: usize,
    program: u8,
}

/// What a track says.
#[derive(Default)]
struct Track {
    notes: Vec<Held>,
    has_drums: bool,
    /// The tick and the microseconds of a beat of the first tempo; a tempo of 0 is none.
    tempo: Option<(u64, [u32; 2])>,
    /// The tick and the two numbers of the first metre.
    metre: Option<(u64, [u32; 2])>,
}

impl Track {
    /// A note that is never released lasts until the track ends.
    fn of(track: &[TrackEvent]) -> Self {
        let (mut found, mut now) = (Self::default(), 0);
        let mut begun = [[None; 128]; 16];
        let mut programs = [0; 16];
        for event in track {
            now += u64::from(event.delta.as_int());
            let (channel, message) = match event.kind {
                TrackEventKind::Midi { channel, message } => (channel, message),
                TrackEventKind::Meta(MetaMessage::Tempo(tempo)) if tempo > 0 => {
                    found.tempo.get_or_insert((now, [tempo.as_int(), 0]));
                    continue;
                }
                TrackEventKind::Meta(MetaMessage::TimeSignature(count, power, ..)) if count > 0 && power <= 6 => {
                    found.metre.get_or_insert((now, [count.into(), 1 << power]));
                    continue;
                }
                _ => continue,
            };
            let place = usize::from(channel.as_int());
            let (key, sounds) = match message {
                MidiMessage::NoteOn { key, vel } => (key, vel > 0),
                MidiMessage::NoteOff { key, .. } => (key, false),
                MidiMessage::ProgramChange { program } => {
                    programs[place] = program.as_int();
                    continue;
                }
                _ => continue,
            };
            found.has_drums |= sounds && channel == DRUMS;
            let key = usize::from(key.as_int());
            let next = (sounds && channel != DRUMS).then_some((now, programs[place]));
            let last = std::mem::replace(&mut begun[place][key], next);
            found.notes.extend(last.map(|(start, program)| Held { start, end: now, key, program }));
        }
        let held = begun.iter().flat_map(|channel| channel.iter().enumerate());
        let held = held.filter_map(|(key, begun)| begun.map(|(start, program)| Held { start, end: now, key, program }));
        found.notes.extend(held);
        found
    }
}

/// A MIDI file of notes on a grid of steps.
pub(super) fn write(notes: &[Note], music: &Music) -> Result<Vec<u8>> {
    let long = || Error::failure("the music makes no MIDI file: it is too long");
    let step = (TICKS / music.steps_per_beat).max(1);
    let channel = u4::from_int_lossy(0);
    let key = |pitch| u7::from_int_lossy(pitch);
    // At one step, what ends comes before what begins.
    let mut changes: Vec<(usize, bool, u8)> =
        notes.iter().flat_map(|note| [(note.start, true, note.pitch), (note.end, false, note.pitch)]).collect();
    changes.sort_unstable();
    let [count, share] = music.metre;
    let start = [
        TrackEventKind::Meta(MetaMessage::Tempo(u24::from_int_lossy(music.tempo))),
        TrackEventKind::Meta(MetaMessage::TimeSignature(count, share.max(1).ilog2() as u8, 24, 8)),
        TrackEventKind::Midi { channel, message: MidiMessage::ProgramChange { program: key(music.program) } },
    ];
    let mut track: Vec<TrackEvent> = start.map(|kind| TrackEvent { delta: u28::from_int_lossy(0), kind }).into();
    let mut now = 0;
    for (at, begins, pitch) in changes {
        let ticks = u32::try_from((at - now) * step).ok().and_then(u28::try_from).ok_or_else(long)?;
        let message = match begins {
            true => MidiMessage::NoteOn { key: key(pitch), vel: VELOCITY },
            false => MidiMessage::NoteOff { key: key(pitch), vel: u7::from_int_lossy(0) },
        };
        track.push(TrackEvent { delta: ticks, kind: TrackEventKind::Midi { channel, message } });
        now = at;
    }
    track.push(TrackEvent { delta: u28::from_int_lossy(0), kind: TrackEventKind::Meta(MetaMessage::EndOfTrack) });
    let timing = Timing::Metrical(u15::from_int_lossy((step * music.steps_per_beat) as u16));
    let midi = Smf { header: Header::new(Format::SingleTrack, timing), tracks: vec![track] };
    let mut bytes = vec![];
    midi.write(&mut bytes).map_err(|error| Error::failure(format!("the music makes no MIDI file: {error}")))?;
    Ok(bytes)
}
