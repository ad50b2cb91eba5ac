//! What the symbols of a text spell: characters, words, or bytes and pairs of them. Text becomes symbols line by line.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Serialize};
use unicode_normalization::{UnicodeNormalization, is_nfc};
use unicode_segmentation::UnicodeSegmentation;

use super::{Symbols, bpe};

/// A sign of several code points (an emoji with joiners, a flag, a letter with marks) is one symbol if it occurs this
/// often; else each of its code points is one.
const JOINED: u64 = 4;
/// Most bytes of a name: longer words are unknown ones, longer signs are spelled by their code points.
const LONGEST: usize = 256;
/// The symbol of all words that are not in the alphabet.
pub(super) const UNKNOWN: &str = "<unk>";
/// The symbol that ends a sequence, where lines are sequences.
pub(super) const END: &str = "<end>";
/// The symbol before a word that no space precedes, where one is implied. Words hold no `<`, so no text has it.
pub const GLUE: &str = "<glue>";
/// Most types of pieces whose symbols are remembered.
const REMEMBERED: usize = 1 << 20;

/// What the symbols of a text spell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Spelling {
    /// Characters, composed (NFC); signs of several code points where they are frequent.
    #[default]
    Characters,
    /// Words and single other signs. Before a word a space is implied, but at the start of a line and after a sign that
    /// opens, such as `(`; what differs from that is a symbol.
    Words,
    /// What single spaces separate, as in texts that are cut into tokens already.
    Spaced,
    /// Bytes, and pairs of symbols that were merged.
    BytePairs,
}

impl Spelling {
    /// The noun of a symbol.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Characters => "character",
            Self::Words | Self::Spaced => "word",
            Self::BytePairs => "byte pair",
        }
    }
}

/// The lines of a text without their ends (LF, CR LF or CR), and whether there is an end.
pub(super) fn lines(text: &str) -> impl Iterator<Item = (&str, bool)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let Some(at) = rest.find(['\n', '\r']) else { return Some((std::mem::take(&mut rest), false)) };
        let (line, end) = rest.split_at(at);
        rest = end.strip_prefix("\r\n").unwrap_or(&end[1..]);
        Some((line, true))
    })
}

/// The line as symbols spell it: composed (NFC), but for byte pairs, which spell code points as they are.
fn composed(spelling: Spelling, line: &str) -> Cow<'_, str> {
    match line.is_ascii() || spelling == Spelling::BytePairs || is_nfc(line) {
        true => line.into(),
        false => line.nfc().collect::<String>().into(),
    }
}

/// The pieces of a composed line, each of which has a symbol or is spelled by several.
fn pieces(spelling: Spelling, line: &str, mut each: impl FnMut(&str)) {
    match spelling {
        Spelling::Characters if line.is_ascii() => (0..line.len()).for_each(|at| each(&line[at..=at])),
        Spelling::Characters => line.graphemes(true).for_each(each),
        Spelling::Words => words(line, each),
        Spelling::Spaced if line.is_empty() => {}
        Spelling::Spaced => line.split(' ').for_each(each),
        Spelling::BytePairs => bpe::pieces(line, each),
    }
}

/// Words, single other signs, and symbols for spaces that are not where they are implied.
fn words(line: &str, mut each: impl FnMut(&str)) {
    let (mut opens, mut space) = (true, false);
    let mut take = |unit: &str| {
        let is_wanted = is_word(unit) && !opens;
        if std::mem::replace(&mut space, unit == " ") {
            if !is_wanted {
                each(" ");
                opens = true;
            }
        } else if is_wanted {
            each(GLUE);
        }
        if unit != " " {
            each(unit);
            opens = self::opens(unit, opens);
        }
    };
    for segment in line.split_word_bounds() {
        match segment.starts_with(char::is_whitespace) {
            true => segment.graphemes(true).for_each(&mut take),
            false => take(segment),
        }
    }
    if space {
        each(" ");
    }
}

/// Whether a space is implied before this unit of a line: runs of letters and digits, of scripts that have spaces
/// between words.
fn is_word(unit: &str) -> bool {
    let first = unit.chars().next();
    first.is_some_and(|c| (c.is_alphanumeric() && !has_no_spaces(c)) || unit == UNKNOWN)
}

/// Whether a letter is of a script without spaces between words: Thai, Lao, Burmese, Khmer, Chinese, Japanese.
fn has_no_spaces(c: char) -> bool {
    matches!(u32::from(c), 0xe00..=0xeff | 0x1000..=0x109f | 0x1780..=0x17ff | 0x3000..=0x30ff | 0x3400..=0x9fff
        | 0xf900..=0xfaff | 0x20000..=0x3ffff)
}

/// Whether no space is implied after a unit: spaces, brackets that open, dashes; quotes where they follow such.
fn opens(unit: &str, after_opening: bool) -> bool {
    match unit.chars().next() {
        _ if unit == UNKNOWN => false,
        Some('"' | '\'') => after_opening,
        Some(c) => c.is_whitespace() || "([{<“‘«„‹¿¡-‐‑–—/\\_@#$£€".contains(c),
        None => false,
    }
}

/// Whether a text looks as if it was cut into tokens already: of what spaces separate, at least as much is signs
/// without letters or digits, such as `.`, as words that end with one or are sentences of a script without spaces.
pub(super) fn is_cut(text: &str) -> bool {
    const LONG: usize = 4;
    let (mut apart, mut glued) = (0, 0);
    for token in text.split_whitespace() {
        let is_word = token.contains(char::is_alphanumeric);
        let is_long = token.chars().filter(|c| has_no_spaces(*c)).nth(LONG).is_some();
        apart += usize::from(!is_word);
        glued += usize::from(is_word && (is_long || !token.ends_with(char::is_alphanumeric)));
    }
    apart >= glued
}

/// The pieces of a text, counted, of which its alphabet is made.
pub(super) struct Counts {
    spelling: Spelling,
    /// Of each piece how often it occurs, and the place of its first occurrence among all types of pieces.
    types: HashMap<Box<str>, (u64, usize)>,
    /// Counts of ASCII characters.
    ascii: [u64; 128],
    /// Lines that were composed.
    pub composed: usize,
}

/// An alphabet.
pub(super) struct Alphabet {
    /// The names of its symbols.
    pub names: Vec<String>,
    /// The share of pieces that are unknown words.
    pub unknown: f64,
}

impl Counts {
    pub fn new(spelling: Spelling) -> Self {
        Self { spelling, types: HashMap::new(), ascii: [0; 128], composed: 0 }
    }

    /// Counts the pieces of a line and its end.
    pub fn add(&mut self, line: &str, ends: bool) {
        let Self { types, ascii, .. } = self;
        let spelling = self.spelling;
        let mut count = |piece: &str| match (piece.as_bytes(), spelling) {
            ([byte], Spelling::Characters) if byte.is_ascii() => ascii[usize::from(*byte)] += 1,
            _ => match types.get_mut(piece) {
                Some((count, _)) => *count += 1,
                None => {
                    types.insert(piece.into(), (1, types.len()));
                }
            },
        };
        let text = composed(spelling, line);
        pieces(spelling, &text, &mut count);
        if ends {
            count("\n");
        }
        self.composed += usize::from(matches!(text, Cow::Owned(_)));
    }

    /// The alphabet: all characters in order of code point; or at most `most` words, the most frequent ones first, of
    /// equal ones the first in the text, after the symbol of the others; or `most` byte pairs.
    pub fn alphabet(self, most: usize) -> Alphabet {
        let mut types: Vec<(Box<str>, u64, usize)> =
            self.types.into_iter().map(|(piece, (count, place))| (piece, count, place)).collect();
        types.sort_unstable_by_key(|(_, _, place)| *place);
        let names = match self.spelling {
            Spelling::Characters => {
                let ascii = (0..128u8).filter(|byte| self.ascii[usize::from(*byte)] > 0);
                let mut names: BTreeSet<String> = ascii.map(|byte| char::from(byte).to_string()).collect();
                for (piece, count, _) in &types {
                    let is_frequent = *count >= JOINED && piece.len() <= LONGEST;
                    match is_frequent || piece.chars().nth(1).is_none() {
                        true => names.extend([piece.to_string()]),
                        false => names.extend(piece.chars().map(String::from)),
                    }
                }
                names.into_iter().collect()
            }
            Spelling::BytePairs => bpe::train(types.iter().map(|(piece, count, _)| (&**piece, *count)), most),
            Spelling::Words | Spelling::Spaced => {
                let count = |types: &[(Box<str>, u64, usize)]| types.iter().map(|(_, count, _)| count).sum::<u64>();
                let all = count(&types);
                types.retain(|(piece, ..)| piece.len() <= LONGEST);
                types.sort_by_key(|(_, count, _)| Reverse(*count));
                types.truncate(most);
                let others = all - count(&types);
                let known = types.iter().map(|(piece, ..)| piece.to_string());
                let names = match others {
                    0 => known.collect(),
                    _ => [UNKNOWN.to_owned()].into_iter().chain(known.filter(|name| name != UNKNOWN)).collect(),
                };
                return Alphabet { names, unknown: others as f64 / all.max(1) as f64 };
            }
        };
        Alphabet { names, unknown: 0.0 }
    }
}

/// From text to symbols.
pub(super) struct Writer<'a> {
    spelling: Spelling,
    ids: HashMap<&'a str, u16>,
    /// The symbols of ASCII characters.
    ascii: [Option<u16>; 128],
    merges: bpe::Merges,
    /// Symbols of pieces of byte pairs.
    remembered: HashMap<Box<str>, Vec<u16>>,
}

impl<'a> Writer<'a> {
    pub fn of(symbols: &'a Symbols) -> Self {
        let names = &symbols.names[..symbols.end.map_or(symbols.names.len(), usize::from)];
        let ids: HashMap<&str, u16> = names.iter().enumerate().map(|(id, name)| (name.as_str(), id as u16)).collect();
        let mut ascii = [None; 128];
        for (byte, id) in (0u8..).zip(&mut ascii) {
            *id = ids.get(char::from(byte).encode_utf8(&mut [0; 4]) as &str).copied();
        }
        let merges = if symbols.spelling == Spelling::BytePairs { bpe::Merges::of(names) } else { Default::default() };
        Self { spelling: symbols.spelling, ids, ascii, merges, remembered: HashMap::new() }
    }

    /// The symbol of the words that are not in the alphabet, if there is one.
    pub fn unknown(&self) -> Option<u16> {
        self.ids.get(UNKNOWN).copied().filter(|_| matches!(self.spelling, Spelling::Words | Spelling::Spaced))
    }

    /// Adds the symbols of a line, and of its end if it `ends`; for a piece without a symbol, what `other` says.
    ///
    /// # Errors
    /// The first piece for which `other` has no symbol; what was added stays.
    pub fn add(&mut self, line: &str, ends: bool, other: Option<u16>, to: &mut Vec<u16>) -> Result<(), String> {
        let mut lacking = None;
        let spelling = self.spelling;
        let mut put = |piece: &str| {
            if !self.piece(piece, to) {
                match other {
                    Some(other) => to.push(other),
                    None if lacking.is_none() => lacking = Some(piece.to_owned()),
                    None => {}
                }
            }
        };
        pieces(spelling, &composed(spelling, line), &mut put);
        if ends {
            put("\n");
        }
        lacking.map_or(Ok(()), Err)
    }

    /// Adds the symbols of a piece; false if it has none.
    fn piece(&mut self, piece: &str, to: &mut Vec<u16>) -> bool {
        match (self.spelling, piece.as_bytes()) {
            (Spelling::Characters, [byte]) if byte.is_ascii() => {
                to.extend(self.ascii[usize::from(*byte)]);
                self.ascii[usize::from(*byte)].is_some()
            }
            (Spelling::BytePairs, bytes) => {
                if let Some(ids) = self.remembered.get(piece) {
                    to.extend(ids);
                } else {
                    let ids = self.merges.encode(bytes);
                    to.extend(&ids);
                    if self.remembered.len() < REMEMBERED {
                        self.remembered.insert(piece.into(), ids);
                    }
                }
                true
            }
            _ => match self.ids.get(piece) {
                Some(id) => {
                    to.push(*id);
                    true
                }
                None if self.spelling == Spelling::Characters && piece.chars().nth(1).is_some() => {
                    let ids = piece.chars().map(|c| self.ids.get(c.encode_utf8(&mut [0; 4]) as &str).copied());
                    let ids: Option<Vec<u16>> = ids.collect();
                    to.extend(ids.iter().flatten());
                    ids.is_some()
                }
                None => false,
            },
        }
    }
}

/// The text that names spell. Of characters that lie across its start or its end, what is there is left out.
pub(super) fn spelled<'a>(spelling: Spelling, names: impl Iterator<Item = &'a str>) -> String {
    match spelling {
        Spelling::Characters => names.collect(),
        Spelling::BytePairs => {
            let is_first = |byte: &u8| byte & 0xc0 != 0x80;
            let mut bytes: Vec<u8> = names.flat_map(bpe::bytes).skip_while(|byte| !is_first(byte)).collect();
            if let Some(cut) = std::str::from_utf8(&bytes).err().filter(|error| error.error_len().is_none()) {
                bytes.truncate(cut.valid_up_to());
            }
            String::from_utf8_lossy(&bytes).into_owned()
        }
        Spelling::Spaced => {
            let (mut text, mut is_start) = (String::new(), true);
            for name in names {
                if !is_start && name != "\n" {
                    text.push(' ');
                }
                text += name;
                is_start = name == "\n";
            }
            text
        }
        Spelling::Words => {
            let (mut text, mut opens) = (String::new(), true);
            for name in names {
                if is_word(name) && !opens {
                    text.push(' ');
                }
                if name != GLUE {
                    text += name;
                }
                opens = self::opens(name, opens);
            }
            text
        }
    }
}
