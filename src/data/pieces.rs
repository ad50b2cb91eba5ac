//! Pieces of music as examples: the requested part of them, transposed copies, and windows of melodies or of rolls.

use std::iter::{once, repeat_n};
use std::path::{Path, PathBuf};

use super::music::{Chord, Music, PIANO};
use super::{
    About, Dataset, Items, Options, Roll, Series, Split, SymbolKind, Symbols, check_memory, holdout, listing, set_name,
    windows,
};
use crate::error::{Error, Result, counted};

/// Half tones by which pieces are transposed: with their own key, all twelve.
const TRANSPOSITIONS: [i32; 11] = [-5, -4, -3, -2, -1, 1, 2, 3, 4, 5, 6];

/// The symbols of a melody before its alphabet is known: these two, then the 128 pitches.
const REST: u8 = 0;
const HOLD: u8 = 1;
const PITCHES: u8 = 2;
const NAMES: [&str; PITCHES as usize] = ["rest", "hold"];

/// A key in the silence by which a piece is filled up, in memory.
const FILLED: u8 = 1;

/// What is known of pieces before they are cut into windows.
pub(super) struct Pieces<'a> {
    /// The file or folder that the user named.
    pub root: &'a Path,
    /// Whether the data has a part to test with, so that nothing is held out.
    pub own_test: bool,
    pub music: Music,
    pub about: About,
    pub options: &'a Options,
}

impl Pieces<'_> {
    /// The requested part of the pieces, and the sentence on it; `windows` counts the windows of a piece of some
    /// length. `None` for a test part that does not exist.
    fn part<T>(&self, pieces: Vec<Vec<T>>, windows: impl Fn(usize) -> usize) -> Option<(Vec<Vec<T>>, String)> {
        match self.own_test {
            true => Some((pieces, self.about.part.clone())),
            false => holdout::cut(pieces, windows::symbol_window(self.options), windows, "step", self.options),
        }
    }

    /// Whether the part has its pieces in all keys: only the part to learn from does.
    fn is_transposed(&self) -> bool {
        self.options.transpose && self.options.split == Split::Train
    }
}

/// Adds the pieces in all other keys, as far as `transposed` can; returns how many could not be moved.
fn add_transposed<T>(pieces: &mut Vec<Vec<T>>, transposed: impl Fn(&[T], i32) -> Option<Vec<T>>) -> usize {
    let of_piece = |piece: &Vec<T>| TRANSPOSITIONS.iter().filter_map(|by| transposed(piece, *by)).collect();
    let others: Vec<Vec<Vec<T>>> = pieces.iter().map(of_piece).collect();
    let before = pieces.len();
    pieces.extend(others.into_iter().flatten());
    before * (1 + TRANSPOSITIONS.len()) - pieces.len()
}

/// Why a piece is missing in some key.
const BEYOND: &str = "pieces in some key, where they leave the keys that there are";

/// The highest notes as symbols: at each step the pitch that begins there, or that the last one is held, or a rest. A
/// note that goes on below a higher one has ended when that ends (the skyline of Uitdenbogerd and Zobel 1998).
pub(super) fn melody(piece: &[Chord]) -> Vec<u8> {
    let mut held = None;
    let symbol = |chord: &Chord| {
        let highest = chord.sounds.checked_ilog2().map(|pitch| pitch as u8);
        let (before, begun) = (held, highest.filter(|pitch| chord.begins >> pitch & 1 == 1));
        held = begun.or(before.filter(|_| before == highest));
        match begun {
            Some(pitch) => PITCHES + pitch,
            None if held.is_some() => HOLD,
            None => REST,
        }
    };
    piece.iter().map(symbol).collect()
}

/// The name of a symbol of a melody.
pub(super) fn name(symbol: u8) -> String {
    NAMES.get(usize::from(symbol)).map_or_else(|| (symbol - PITCHES).to_string(), ToString::to_string)
}

/// The piece that the names of the symbols of a melody spell. A hold that follows no pitch is a rest.
pub(super) fn of_names<'a>(names: impl Iterator<Item = &'a str>) -> Result<Vec<Chord>> {
    let mut last = None;
    let chord = |name: &str| {
        let begins = match name {
            name if name == NAMES[usize::from(REST)] => {
                last = None;
                0
            }
            name if name == NAMES[usize::from(HOLD)] => 0,
            name => {
                let pitch = name.parse::<u32>().ok().filter(|pitch| *pitch < u128::BITS);
                last = pitch;
                1 << pitch.ok_or_else(|| Error::failure(format!("`{name}` is no MIDI pitch from 0 to 127")))?
            }
        };
        Ok(Chord { sounds: last.map_or(0, |pitch| 1 << pitch), begins })
    };
    names.map(chord).collect()
}

/// A melody `by` half tones higher; `None` if it leaves the MIDI pitches.
fn transposed_melody(melody: &[u8], by: i32) -> Option<Vec<u8>> {
    let symbol = |symbol: &u8| match *symbol {
        REST | HOLD => Some(*symbol),
        pitch => u8::try_from(i32::from(pitch) + by).ok().filter(|pitch| (PITCHES..PITCHES + 128).contains(pitch)),
    };
    melody.iter().map(symbol).collect()
}

/// The windows of melodies, each with its file; `learned` are those of the part to learn from, if that is another one.
/// The alphabet is rest, hold and the pitches in use. Windows do not cross from one melody into the next; rests are
/// added to a melody shorter than a window.
pub(super) fn melodies(
    mut set: Pieces,
    found: Vec<(PathBuf, Vec<u8>)>,
    learned: Option<Vec<Vec<u8>>>,
) -> Result<Option<Dataset>> {
    let (root, options) = (set.root, set.options);
    let mut learned = learned.unwrap_or_else(|| found.iter().map(|(_, melody)| melody.clone()).collect());
    if options.transpose {
        add_transposed(&mut learned, transposed_melody);
    }
    let known = match options.known_series() {
        Some(Series::Symbols(symbols)) => Some(symbols),
        _ => None,
    };
    let is_used = |id: &u8| match known {
        Some(symbols) => symbols.names.contains(&name(*id)),
        None => *id < PITCHES || learned.iter().any(|melody| melody.contains(id)),
    };
    let used: Vec<u8> = (0..PITCHES + 128).filter(is_used).collect();
    let window = windows::symbol_window(options);
    let (mut melodies, mut short) = (vec![], 0);
    for (file, mut melody) in found {
        if !melody.iter().all(|id| used.contains(id)) {
            let reason = "melodies with pitches that the part to learn from has not";
            set.about.left_out.add(reason, listing::below(root, &file));
            continue;
        }
        short += usize::from(melody.len() < window);
        melody.resize(melody.len().max(window), REST);
        melodies.push(melody);
    }
    if short > 0 {
        let are = format!("{} shorter than a window", counted(short, "tune"));
        set.about.notes.push(format!("{are}: rests are added, which are learned; a smaller window has none"));
    }
    if melodies.is_empty() {
        let left_out = &set.about.left_out;
        return Err(Error::failure(format!("`{}` holds no melody to use: {left_out}", root.display())));
    }
    let stride = windows::symbol_stride(options);
    let Some((mut melodies, part)) = set.part(melodies, |steps| windows::count(steps, window, stride)) else {
        return Ok(None);
    };
    set.about.findings = vec![match melodies.iter().filter(|melody| melody.len() >= window).count() {
        1 => "1 melody".into(),
        count => format!("{count} melodies"),
    }];
    let spelled = |melody: &Vec<u8>| {
        let names: Vec<String> = melody.iter().map(|symbol| name(*symbol)).collect();
        of_names(names.iter().map(String::as_str))
    };
    let pieces: Vec<Vec<Chord>> = melodies.iter().map(spelled).collect::<Result<_>>()?;
    if set.is_transposed() {
        let beyond = add_transposed(&mut melodies, transposed_melody);
        set.about.left_out.add_some(BEYOND, beyond);
    }
    // A melody that leaves the known pitches in some key is left out in that key.
    let id = |symbol: &u8| used.binary_search(symbol).ok().map(|id| id as u16);
    let melodies: Vec<Vec<u16>> = melodies.iter().filter_map(|melody| melody.iter().map(id).collect()).collect();
    let names = used.iter().map(|symbol| name(*symbol)).collect();
    let symbols = Symbols { music: Some(set.music), ..Symbols::new(names, SymbolKind::Midi) };
    let windows = windows::of_symbols(root, melodies, symbols, options)?;
    Ok(Some(Dataset { pieces, about: About { part, ..set.about }, ..windows }))
}

/// The first steps of the windows of a piece. Where the last steps do not fill one, the last window begins earlier, so
/// that it ends with the piece.
fn starts(steps: usize, window: usize, stride: usize) -> impl Iterator<Item = usize> {
    (0..steps.saturating_sub(window)).step_by(stride).chain(once(steps.saturating_sub(window)))
}

/// A piece `by` half tones higher; `None` if it leaves the keys of a piano.
fn transposed_roll(piece: &[Chord], by: i32) -> Option<Vec<Chord>> {
    let moved = |chord: &Chord| Some(chord.transposed(by)).filter(|chord| chord.sounds & !PIANO == 0);
    piece.iter().map(moved).collect()
}

/// The windows of the rolls of pieces, and the pieces themselves. Silence is added to a piece shorter than a window.
pub(super) fn rolls(mut set: Pieces, mut pieces: Vec<Vec<Chord>>, begins: bool) -> Result<Option<Dataset>> {
    let (root, options) = (set.root, set.options);
    let mut beyond = 0;
    for chord in pieces.iter_mut().flatten() {
        beyond += (chord.begins & !PIANO).count_ones() as usize;
        *chord = Chord { sounds: chord.sounds & PIANO, begins: chord.begins & PIANO };
    }
    if beyond > 0 {
        set.about.left_out.add_many("notes beyond the 88 keys of a piano", beyond);
    }
    let all = pieces.len();
    pieces.retain(|piece| piece.iter().any(|chord| chord.sounds != 0));
    if pieces.is_empty() {
        return Err(Error::failure(format!("`{}` holds no piece with a note on a piano's keys", root.display())));
    }
    if pieces.len() < all {
        set.about.left_out.add_many("pieces without a note", all - pieces.len());
    }
    let (window, stride) = (windows::symbol_window(options), windows::symbol_stride(options));
    let count = |steps: usize| if steps == 0 { 0 } else { starts(steps, window, stride).count() };
    let Some((whole, part)) = set.part(pieces, count) else { return Ok(None) };
    let mut pieces = whole.clone();
    if set.is_transposed() {
        let beyond = add_transposed(&mut pieces, transposed_roll);
        set.about.left_out.add_some(BEYOND, beyond);
    }
    let roll = Roll { begins, music: set.music };
    let width = roll.width();
    let total = pieces.iter().map(|piece| count(piece.len())).sum();
    check_memory(root, "window", total, window * width, "a larger stride")?;
    let mut bytes = Vec::with_capacity(total * window * width);
    for piece in &pieces {
        for start in starts(piece.len(), window, stride) {
            let end = (start + window).min(piece.len());
            let values = piece[start..end].iter().flat_map(|chord| chord.values(width));
            bytes.extend(values.map(|is_set| if is_set { u8::MAX } else { 0 }));
            bytes.extend(repeat_n(FILLED, (start + window - end) * width));
        }
    }
    let short = whole.iter().filter(|piece| piece.len() < window).count();
    set.about.findings = vec![counted(whole.len(), "piece")];
    if pieces.len() > whole.len() {
        set.about.findings.push(format!("{} with transpositions", pieces.len()));
    }
    if short > 0 {
        let are = format!("{} shorter than a window", counted(short, "piece"));
        set.about.notes.push(format!("{are}: silence is added, which is not learned"));
    }
    Ok(Some(Dataset {
        shape: vec![window, width],
        items: Items::Bytes(bytes.into()),
        pieces: whole,
        about: About { part, ..set.about },
        ..Dataset::of_floats(set_name(root), vec![], vec![], Some(Series::Roll(roll)))
    }))
}
