//! Byte pairs (Gage 1994; Sennrich et al. 2016): bytes, and pairs of symbols that often follow each other, which can
//! spell everything. Names are written as GPT-2's (Radford et al. 2019), and the ids are those of `tokenizers`, the
//! library of Hugging Face, by the file that [`file`] writes.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use serde_json::{Value, json};

/// Symbols of single bytes, which come first.
pub(super) const BYTES: usize = 256;
/// Most characters of a run, so that text without spaces is cut too.
const RUN: usize = 32;

/// Most bytes of a name: a space and a run, of four bytes a character, each shown by a sign of up to two bytes.
const LONGEST: usize = 2 * (1 + 4 * RUN);

/// The pattern of the pieces in which pairs are merged, as [`pieces`] cuts them: a run of letters, of digits or of
/// other signs, with the space before it; else single spaces and line feeds.
const PATTERN: &str = r" ?\p{Alphabetic}{1,32}| ?\p{N}{1,32}| ?[^ \n\p{Alphabetic}\p{N}]{1,32}|[ \n]";

/// A pair of symbols.
type Pair = (u16, u16);

/// The pieces of a line in which pairs are merged.
pub(super) fn pieces(line: &str, mut each: impl FnMut(&str)) {
    let kind = |c: char| match c {
        ' ' | '\n' => 0,
        c if c.is_alphabetic() => 1,
        c if c.is_numeric() => 2,
        _ => 3,
    };
    let mut rest = line;
    while !rest.is_empty() {
        let run = rest.strip_prefix(' ').unwrap_or(rest);
        let first = run.chars().next().map_or(0, kind);
        let end = run.char_indices().take(RUN).take_while(|(_, c)| first != 0 && kind(*c) == first).last();
        let len = end.map_or(1, |(at, c)| rest.len() - run.len() + at + c.len_utf8());
        let (piece, after) = rest.split_at(len);
        each(piece);
        rest = after;
    }
}

/// The sign that stands for a byte in names: GPT-2 shows bytes that are no printable Latin-1 by signs from U+0100 on.
fn sign(byte: u8) -> char {
    let is_plain = |byte: u8| matches!(byte, 33..=126 | 161..=172 | 174..=255);
    match is_plain(byte) {
        true => char::from(byte),
        false => char::from_u32(256 + (0..byte).filter(|b| !is_plain(*b)).count() as u32).unwrap_or('?'),
    }
}

/// The names of single bytes, in order.
fn signs() -> Vec<char> {
    (0..=u8::MAX).map(sign).collect()
}

/// The bytes that names stand for.
pub(super) fn bytes(names: &str) -> Vec<u8> {
    // The signs from U+0100 on stand for these bytes, in order.
    let others: Vec<u8> = (0..=u8::MAX).filter(|byte| u32::from(sign(*byte)) > 255).collect();
    let byte = |c: char| match u8::try_from(u32::from(c)) {
        Ok(byte) => Some(byte),
        Err(_) => others.get((u32::from(c) - 256) as usize).copied(),
    };
    names.chars().filter_map(byte).collect()
}

/// A piece of the text during the training: its symbols, and how often it occurs.
struct Word {
    ids: Vec<u16>,
    count: u64,
}

/// The names of `size` symbols at most, learned from pieces and their counts: the bytes, then the most frequent pair of
/// neighbours again and again, of equal ones that of earlier symbols, while a pair occurs twice.
pub(super) fn train<'a>(pieces: impl Iterator<Item = (&'a str, u64)>, size: usize) -> Vec<String> {
    let of = |(text, count): (&str, u64)| Word { ids: text.bytes().map(u16::from).collect(), count };
    let mut words: Vec<Word> = pieces.map(of).collect();
    let mut names: Vec<String> = signs().into_iter().map(String::from).collect();
    // Of each pair, how often it occurs, and the words in which it does or did.
    let mut pairs: HashMap<Pair, (u64, Vec<u32>)> = HashMap::new();
    for (place, word) in words.iter().enumerate() {
        for pair in neighbours(&word.ids) {
            let (count, places) = pairs.entry(pair).or_default();
            *count += word.count;
            places.push(place as u32);
        }
    }
    let mut queue: BinaryHeap<(u64, Reverse<Pair>)> = pairs.iter().map(|(pair, of)| (of.0, Reverse(*pair))).collect();
    while names.len() < size
        && let Some((count, Reverse(pair))) = queue.pop()
    {
        let now = pairs[&pair].0;
        if now < count {
            // It has become rarer since it was put into the queue.
            queue.push((now, Reverse(pair)));
            continue;
        }
        if count < 2 {
            break;
        }
        let new = names.len() as u16;
        names.push(format!("{}{}", names[usize::from(pair.0)], names[usize::from(pair.1)]));
        let mut places = std::mem::take(&mut pairs.entry(pair).or_default().1);
        places.dedup();
        let mut born: Vec<Pair> = vec![];
        for place in places {
            let word = &mut words[place as usize];
            let merged = merge(&word.ids, pair, new);
            if merged.len() == word.ids.len() {
                continue;
            }
            for old in neighbours(&word.ids) {
                pairs.entry(old).or_default().0 -= word.count;
            }
            for next in neighbours(&merged) {
                let (count, places) = pairs.entry(next).or_default();
                *count += word.count;
                if next.0 == new || next.1 == new {
                    places.push(place);
                    born.push(next);
                }
            }
            word.ids = merged;
        }
        born.sort_unstable();
        born.dedup();
        queue.extend(born.into_iter().map(|pair| (pairs[&pair].0, Reverse(pair))));
    }
    names
}

fn neighbours(ids: &[u16]) -> impl Iterator<Item = Pair> + '_ {
    ids.windows(2).map(|two| (two[0], two[1]))
}

/// Symbols with every occurrence of a pair, from the left, replaced by `new`.
fn merge(ids: &[u16], pair: Pair, new: u16) -> Vec<u16> {
    let (mut merged, mut at) = (Vec::with_capacity(ids.len()), 0);
    while at < ids.len() {
        let is_pair = ids.get(at + 1).is_some_and(|next| (ids[at], *next) == pair);
        merged.push(if is_pair { new } else { ids[at] });
        at += if is_pair { 2 } else { 1 };
    }
    merged
}

/// The symbol that each pair becomes.
#[derive(Default)]
pub(super) struct Merges(HashMap<Pair, u16>);

impl Merges {
    /// The merges behind names in the order of their making. A name is one merge of what earlier merges make of its
    /// bytes: these are two symbols. Names of another origin may have none.
    pub fn of(names: &[String]) -> Self {
        let mut merges = Self::default();
        for (id, name) in names.iter().enumerate().skip(BYTES).filter(|(_, name)| name.len() <= LONGEST) {
            if let [left, right] = merges.encode(&bytes(name))[..] {
                merges.0.insert((left, right), id as u16);
            }
        }
        merges
    }

    /// The symbols of a piece: the earliest merge first, until none is left.
    pub fn encode(&self, piece: &[u8]) -> Vec<u16> {
        let mut ids: Vec<u16> = piece.iter().copied().map(u16::from).collect();
        let first = |ids: &[u16]| neighbours(ids).filter_map(|pair| Some((*self.0.get(&pair)?, pair))).min();
        while let Some((new, pair)) = first(&ids) {
            ids = merge(&ids, pair, new);
        }
        ids
    }
}

/// A file `tokenizer.json`, which `tokenizers` reads. `end` is the symbol that ends a line, if lines are sequences.
pub(super) fn file(names: &[String], end: Option<u16>) -> String {
    let alphabet = &names[..end.map_or(names.len(), usize::from)];
    let mut merges: Vec<(u16, Pair)> = Merges::of(alphabet).0.into_iter().map(|(pair, id)| (id, pair)).collect();
    merges.sort_unstable();
    let name = |id: u16| names[usize::from(id)].as_str();
    let merges: Vec<[&str; 2]> = merges.into_iter().map(|(_, (left, right))| [name(left), name(right)]).collect();
    let vocabulary: serde_json::Map<String, Value> =
        alphabet.iter().enumerate().map(|(id, name)| (name.clone(), id.into())).collect();
    let line_end = |text: &str| json!({"type": "Replace", "pattern": {"String": text}, "content": "\n"});
    let ends: Vec<Value> = end.iter().map(|&id| special(id, name(id))).collect();
    let bytes = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false});
    let split = json!({"type": "Split", "pattern": {"Regex": PATTERN}, "behavior": "Isolated", "invert": false});
    let file = json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": ends,
        "normalizer": {"type": "Sequence", "normalizers": [line_end("\r\n"), line_end("\r")]},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, bytes]},
        "post_processor": null,
        "decoder": bytes,
        "model": {
            "type": "BPE",
            "dropout": null,
            "unk_token": null,
            "continuing_subword_prefix": null,
            "end_of_word_suffix": null,
            "fuse_unk": false,
            "byte_fallback": false,
            "ignore_merges": false,
            "vocab": vocabulary,
            "merges": merges,
        },
    });
    format!("{file:#}\n")
}

/// A symbol that no text spells.
fn special(id: u16, name: &str) -> Value {
    json!({
        "id": id,
        "content": name,
        "single_word": false,
        "lstrip": false,
        "rstrip": false,
        "normalized": false,
        "special": true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(line: &str) -> Vec<String> {
        let mut all = vec![];
        pieces(line, |piece| all.push(piece.to_owned()));
        all
    }

    #[test]
    fn lines_are_cut_at_changes_of_kind() {
        assert_eq!(cut("don't  go, 12½x"), ["don", "'", "t", " ", " go", ",", " 12½", "x"]);
        assert_eq!(cut(" \ta  "), [" \t", "a", " ", " "]);
        assert_eq!(cut(&format!(" {}", "a".repeat(70))).iter().map(String::len).collect::<Vec<_>>(), [33, 32, 6]);
        assert!(cut("").is_empty());
        assert_eq!(cut("\n"), ["\n"]);
    }

    #[test]
    fn pairs_are_merged_by_frequency() {
        let words = [("aab", 3), ("ab", 2), ("xyxyz", 2), ("q", 50)];
        let names = train(words.into_iter(), 1000);
        // ab 5 times, xy 4 times, a+ab 3 times; xy+z and xy+xy twice, and z is the earlier symbol.
        assert_eq!(names[BYTES..], ["ab", "xy", "aab", "xyz", "xyxyz"]);
        let merges = Merges::of(&names);
        let ids = |text: &str| merges.encode(text.as_bytes());
        assert_eq!((ids("aab"), ids("abab"), ids("xyz")), (vec![258], vec![256, 256], vec![259]));
        assert_eq!(train(words.into_iter(), 258)[BYTES..], ["ab", "xy"]);
        assert_eq!(train([("aaaa", 1)].into_iter(), 300)[BYTES..], ["aa"], "overlapping pairs do not both count");
        for byte in 0..=u8::MAX {
            assert_eq!(bytes(&sign(byte).to_string()), [byte]);
        }
        assert_eq!([sign(b' '), sign(b'\n'), sign(0xad)], ['Ġ', 'Ċ', 'Ń']);
    }
}
