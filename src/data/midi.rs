//! MIDI files as melodies of one voice on a grid of sixteenth notes, and melodies as MIDI files.

use std::path::{Path, PathBuf};

use midly::num::{u4, u7, u15, u24, u28};
use midly::{Format, Header, MetaMessage, MidiMessage, Smf, Timing, TrackEvent, TrackEventKind};

use super::digest::{self, FileDigest};
use super::folder::Files;
use super::options::Holds;
use super::unpack::{ending, read as bytes_of};
use super::{About, Dataset, LeftOut, Options, Split, SymbolKind, Symbols, holdout, listing, windows};
use crate::error::{Error, Result};
use crate::memory;

/// Steps in a beat, which is a quarter note.
const STEPS: u64 = 4;
/// Largest number of steps of a melody, about two hours; a longer file is damaged.
const MAX_STEPS: u64 = 1 << 16;
/// Bytes of an event in memory; in a file, an event may take one byte.
const EVENT: u64 = 32;
/// The channel of drums, counted from 0: its keys are no pitches.
const DRUMS: u4 = u4::from_int_lossy(9);

/// The symbols of a melody before its alphabet is known: these two, then the 128 pitches.
const REST: u8 = 0;
const HOLD: u8 = 1;
const PITCHES: u8 = 2;
const NAMES: [&str; PITCHES as usize] = ["rest", "hold"];

/// Ticks of a step in the files written here.
const TICKS: u32 = 120;
/// Microseconds of a beat in the files written here.
const TEMPO: u24 = u24::from_int_lossy(500_000);
const VELOCITY: u7 = u7::from_int_lossy(90);

/// Whether `path` is named like a MIDI file.
pub(super) fn is_midi(path: &Path) -> bool {
    ["mid", "midi"].contains(&ending(path).as_str())
}

/// The melodies of a MIDI file; `None` for a test part that does not exist.
pub(super) fn read(path: &Path, options: &Options) -> Result<Option<Dataset>> {
    let files = [path.to_owned()];
    of_files(
        Files { root: path, train: &files, part: &files, left_out: LeftOut::default(), said: String::new() },
        false,
        options,
    )
}

/// The melodies of MIDI files: the highest voice, drums aside. The alphabet is rest, hold and the pitches in use; a
/// step is the pitch that begins there, or the last one held, or a rest. Windows do not cross from one melody into the
/// next; rests are added to a melody shorter than a window.
///
/// Without a part to test with (`own_test`), the last steps are held out where the options say so.
pub(super) fn of_files(files: Files, own_test: bool, options: &Options) -> Result<Option<Dataset>> {
    let Files { root, train, part, mut left_out, said } = files;
    let place = format!("`{}`", root.display());
    options.check(&place, Holds::Melodies)?;
    let (mut melodies, mut digests, mut refused) = (vec![], vec![], None);
    for file in part {
        match load(file) {
            Ok((melody, digest)) => {
                melodies.push((file, melody));
                digests.push(digest);
            }
            Err(error) => {
                left_out.add("MIDI files that cannot be read", &error);
                refused.get_or_insert(error);
            }
        }
    }
    let is_second = own_test && options.split == Split::Test;
    let learned: Vec<Vec<u8>> = match is_second {
        true => train.iter().filter_map(|file| Some(load(file).ok()?.0)).collect(),
        false => melodies.iter().map(|(_, melody)| melody.clone()).collect(),
    };
    let used: Vec<u8> =
        (0..=u8::MAX).filter(|id| *id < PITCHES || learned.iter().any(|melody| melody.contains(id))).collect();
    melodies.retain(|(file, melody)| {
        let is_known = melody.iter().all(|id| used.contains(id));
        if !is_known {
            left_out.add("melodies with pitches that the part to learn from has not", listing::below(root, file));
        }
        is_known
    });
    if melodies.is_empty() {
        return Err(refused.unwrap_or_else(|| Error::failure(format!("{place} holds no melody to use: {left_out}"))));
    }
    let known = |(_, mut melody): (&PathBuf, Vec<u8>)| {
        melody.resize(melody.len().max(windows::symbol_window(options)), REST);
        melody.iter_mut().for_each(|id| *id = used.binary_search(id).map_or(REST, |id| id as u8));
        melody
    };
    let melodies: Vec<Vec<u16>> =
        melodies.into_iter().map(known).map(|melody| melody.into_iter().map(u16::from).collect()).collect();
    let pitches = used.iter().skip(NAMES.len()).map(|id| (id - PITCHES).to_string());
    let names = NAMES.map(str::to_owned).into_iter().chain(pitches).collect();
    let symbols = Symbols::new(names, SymbolKind::Midi);
    let findings = vec![format!("{} melodies", melodies.len())];
    let about = About { part: said, findings, left_out, source: digest::of_files(&digests), ..About::default() };
    if own_test {
        let set = windows::of_symbols(root, &melodies, symbols, options)?;
        return Ok(Some(Dataset { about, ..set }));
    }
    holdout::of_symbols(root, melodies, symbols, about, options)
}

/// The melody in `path`, and the digest of the file.
fn load(path: &Path) -> Result<(Vec<u8>, FileDigest)> {
    let (bytes, most) = (bytes_of(path)?, memory::most()?);
    if bytes.len() as u64 > most.bytes / EVENT {
        return Err(Error::failure(format!("the notes of `{}` may take more than {most}", path.display())));
    }
    let melody = melody(&bytes).map_err(|reason| Error::failure(format!("`{}` {reason}", path.display())))?;
    Ok((melody, digest::of(&[&bytes])))
}

/// The melody of a MIDI file's highest voice, or the fault in the file.
fn melody(bytes: &[u8]) -> Result<Vec<u8>, String> {
    if let Some((complete, promised)) = track_counts(bytes).filter(|(complete, promised)| complete < promised) {
        return Err(format!("is cut short: {complete} of its {promised} tracks are complete"));
    }
    let midi = Smf::parse(bytes).map_err(|error| format!("is no MIDI file: {error}"))?;
    let ticks = match midi.header.timing {
        Timing::Metrical(ticks) if ticks > 0 => u64::from(ticks.as_int()),
        _ => return Err("counts time in frames, which have no sixteenth notes: it must count ticks of a beat".into()),
    };
    let step = |tick: u64| (tick * STEPS + ticks / 2) / ticks;
    let mut changes: Vec<(u64, bool, usize)> = vec![];
    for (start, end, pitch) in midi.tracks.iter().flat_map(|track| notes(track)) {
        changes.push((step(start), true, pitch));
        changes.push((step(end).max(step(start) + 1), false, pitch));
    }
    changes.sort_unstable();
    match changes.last() {
        None => Err("holds no notes".into()),
        Some(&(steps, ..)) if steps > MAX_STEPS => {
            Err(format!("is {steps} sixteenth notes long, more than the {MAX_STEPS} that a melody may have"))
        }
        Some(&(steps, ..)) => Ok(highest_voice(&changes, steps)),
    }
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

/// The notes of a track: first tick, last tick, pitch. A note that is never released lasts until the track ends.
fn notes(track: &[TrackEvent]) -> Vec<(u64, u64, usize)> {
    let mut begun = [[None; 128]; 16];
    let (mut notes, mut now) = (vec![], 0);
    for event in track {
        now += u64::from(event.delta.as_int());
        let TrackEventKind::Midi { channel, message } = event.kind else { continue };
        let (key, sounds) = match message {
            MidiMessage::NoteOn { key, vel } => (key, vel > 0),
            MidiMessage::NoteOff { key, .. } => (key, false),
            _ => continue,
        };
        let pitch = usize::from(key.as_int());
        let next = (sounds && channel != DRUMS).then_some(now);
        let last = std::mem::replace(&mut begun[usize::from(channel.as_int())][pitch], next);
        notes.extend(last.map(|start| (start, now, pitch)));
    }
    let held = begun.iter().flat_map(|channel| channel.iter().enumerate());
    notes.extend(held.filter_map(|(pitch, start)| start.map(|start| (start, now, pitch))));
    notes
}

/// The symbol of the highest sounding pitch at each of `steps` steps. The sorted `changes` are (step, whether a note
/// begins, pitch).
fn highest_voice(changes: &[(u64, bool, usize)], steps: u64) -> Vec<u8> {
    let mut sounding = [0u32; 128];
    let (mut changes, mut last) = (changes.iter().peekable(), None);
    let symbol = |now| {
        let mut begins = [false; 128];
        while let Some(&(_, is_start, pitch)) = changes.next_if(|(step, ..)| *step == now) {
            begins[pitch] |= is_start;
            sounding[pitch] = if is_start { sounding[pitch] + 1 } else { sounding[pitch] - 1 };
        }
        let highest = (0..128).rev().find(|&pitch| sounding[pitch] > 0);
        let is_held = highest == std::mem::replace(&mut last, highest);
        match highest {
            None => REST,
            Some(pitch) if is_held && !begins[pitch] => HOLD,
            Some(pitch) => PITCHES + pitch as u8,
        }
    };
    (0..steps).map(symbol).collect()
}

/// A MIDI file of a melody at 120 beats a minute. A hold that follows no pitch is a rest.
pub(super) fn write(symbols: &[&str]) -> Result<Vec<u8>> {
    let mut track = vec![];
    let (mut sounding, mut waited) = (None, 0);
    let mut push = |waited: &mut u32, kind| {
        track.push(TrackEvent { delta: u28::from_int_lossy(*waited), kind });
        *waited = 0;
    };
    let play = |message| TrackEventKind::Midi { channel: u4::from_int_lossy(0), message };
    let end = |key| play(MidiMessage::NoteOff { key, vel: u7::from_int_lossy(0) });
    push(&mut waited, TrackEventKind::Meta(MetaMessage::Tempo(TEMPO)));
    for &symbol in symbols {
        if symbol != NAMES[usize::from(HOLD)] {
            if let Some(key) = sounding.take() {
                push(&mut waited, end(key));
            }
            if symbol != NAMES[usize::from(REST)] {
                let key = symbol.parse().ok().and_then(u7::try_from);
                let key = key.ok_or_else(|| Error::failure(format!("`{symbol}` is no MIDI pitch from 0 to 127")))?;
                push(&mut waited, play(MidiMessage::NoteOn { key, vel: VELOCITY }));
                sounding = Some(key);
            }
        }
        waited += TICKS;
    }
    if let Some(key) = sounding {
        push(&mut waited, end(key));
    }
    push(&mut waited, TrackEventKind::Meta(MetaMessage::EndOfTrack));
    let timing = Timing::Metrical(u15::from_int_lossy((u64::from(TICKS) * STEPS) as u16));
    let midi = Smf { header: Header::new(Format::SingleTrack, timing), tracks: vec![track] };
    let mut bytes = vec![];
    midi.write(&mut bytes).map_err(|error| Error::failure(format!("the melody makes no MIDI file: {error}")))?;
    Ok(bytes)
}
