//! Columns that tell rows apart, whose values samples must not have.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::drawn::Drawn;
use super::encode::Cells;
use crate::data::Split;
use crate::data::column::Column as Raw;
use crate::data::random::Root;

/// Rows from which on a column can be one of ids, and the share of its texts that differ then.
pub const MANY: usize = 100;
pub const DIFFERENT: f64 = 0.95;
/// Share of different values from which on a name is believed: five rows of each person or case. Of small numbers,
/// such as those of houses and rooms, half have to differ.
const NAMED: f64 = 0.2;
const NAMED_SMALL: f64 = 0.5;
const SMALL: f64 = 1000.0;
/// Numbers of ids are smaller.
const LONGEST: u64 = 1_000_000_000_000_000_000;

/// Words of names of ids, and how longer words of them end.
const WORDS: &str =
    " id ids uuid guid iban nr nummer numéro numero número № identifiant matricule 番号 编号 編號 번호 ";
const ENDINGS: [&str; 8] = ["nummer", "nr", "number", "番号", "编号", "編號", "コード", "번호"];
/// Whose ids are one word, as in `customerid`.
const OWNERS: &str = " customer user order patient client kunden kunde bestell auftrags item product produkt artikel \
    account member row record person employee student transaction invoice session device case ";
/// Words of what is an id only where all values differ.
const PERHAPS: &str = " code key no num number serial ref reference barcode ean isbn vin account konto telefon phone \
    tel mobile mobil handy fax ssn codice código codigo ";

/// How sure a name says that a column is one of ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Named {
    No,
    Perhaps,
    Surely,
}

fn named(raw: &Raw) -> Named {
    let of = |word: &String| {
        let is_in = |list: &str| list.contains(&format!(" {word} "));
        let ends = ENDINGS.iter().any(|ending| word.len() > ending.len() && word.ends_with(ending));
        let is_owned = word.strip_suffix("id").is_some_and(|owner| OWNERS.contains(&format!(" {owner} ")));
        match () {
            () if is_in(WORDS) || ends || is_owned => Named::Surely,
            () if is_in(PERHAPS) || word.ends_with("code") => Named::Perhaps,
            () => Named::No,
        }
    };
    let name = raw.name.to_lowercase();
    if !raw.is_unnamed && ["n°", "nº", "№"].iter().any(|sign| name.contains(sign)) {
        return Named::Surely;
    }
    let words = if raw.is_unnamed { vec![] } else { raw.words_of_name() };
    words.iter().map(of).max().unwrap_or(Named::No)
}

/// Whether texts, of which `different` occur in `cells` cells, are ids.
pub fn are_ids(raw: &Raw, different: usize, cells: usize) -> bool {
    let share = different as f64 / cells.max(1) as f64;
    cells > MANY && (share > DIFFERENT || share >= NAMED && named(raw) == Named::Surely)
}

/// What whole numbers say of rows.
#[derive(Debug, PartialEq, Eq)]
pub enum Counts {
    /// They repeat, or are few.
    No,
    /// They all differ, and may be measured all the same.
    Differ,
    /// They number the rows, or are named so.
    Rows,
}

/// What the numbers of a column say of its rows.
pub fn counts(raw: &Raw) -> Counts {
    let mut sorted: Vec<f64> = raw.values.iter().copied().filter(|value| value.is_finite()).collect();
    let cells = sorted.len();
    if cells <= MANY || raw.decimals != Some(0) || raw.is_dressed() {
        return Counts::No;
    }
    sorted.sort_by(f64::total_cmp);
    let range = sorted[cells - 1] - sorted[0];
    sorted.dedup();
    let (differ, name) = (sorted.len() == cells, named(raw));
    let least = if sorted[0] < SMALL { NAMED_SMALL } else { NAMED };
    let counts_all = cells == raw.values.len() && range < 2.0 * cells as f64 || raw.is_unnamed;
    match () {
        () if differ && (counts_all || name > Named::No) => Counts::Rows,
        () if name == Named::Surely && sorted.len() as f64 >= least * cells as f64 => Counts::Rows,
        () if differ => Counts::Differ,
        () => Counts::No,
    }
}

/// Share of the rows that have the id of an earlier one from which on ids are those of entities with several rows.
const ENTITIES: f64 = 0.05;

/// The rows that have the id of an earlier one, each behind the first of these.
pub(super) fn again(cells: &Cells, rows: usize) -> Vec<[usize; 2]> {
    let mut first: HashMap<(Option<&str>, u64), usize> = HashMap::new();
    let mut again = vec![];
    for row in (0..rows).filter(|row| !cells.is_gap(*row)) {
        let number = cells.number(row);
        // The same number may be kept as a text in one row and not in another.
        let id = (cells.text(row).filter(|_| number.is_none()), number.unwrap_or(0.0).to_bits());
        match first.get(&id) {
            Some(before) => again.push([*before, row]),
            None => _ = first.insert(id, row),
        }
    }
    again
}

/// Whether so many rows share ids that these are those of entities, and no mistake.
pub(super) fn are_of_entities(again: &[[usize; 2]], rows: usize) -> bool {
    again.len() as f64 > ENTITIES * rows as f64
}

/// Ids that none of the data is: a prefix and numbers of at least `width` digits, or the digits of such numbers in the
/// places of those of a shape, which go on after the largest of the data; or digits that are drawn.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Ids {
    /// What stands before the number.
    pub prefix: String,
    /// Least number of digits.
    pub width: usize,
    /// The number before that of the first sample: the largest of the data, or the last one below a gap.
    #[serde(default)]
    pub after: u64,
    /// How many numbers are free in that gap. What comes after them has more digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) room: Option<u64>,
    /// An id with zeros in place of its digits, such as `000/0000000`; empty for a prefix.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub shape: String,
    /// How digits are drawn, where those of the data are spread so widely that the next ones would nearly be theirs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) drawn: Option<Drawn>,
    /// The share of rows without an id, and what they have in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) gaps: Option<(f32, String)>,
}

impl Ids {
    /// Ids beside these: drawn where they are spread; else with the prefix that all of them have, or in the shape of
    /// most of them, or between the ends of all; after the largest, or in a gap if all have one width that has no room
    /// above. Ids without digits and such ends get the name of their column.
    pub fn beside<'a>(column: &str, ids: impl Iterator<Item = &'a str> + Clone) -> Self {
        let mut found = Self { shape: shape(ids.clone()), ..Self::default() };
        found.drawn = Drawn::of(ids.clone().filter(|id| outline(id) == found.shape));
        if found.drawn.is_some() {
            return found;
        }
        let digits = |id: &str| id.chars().filter(char::is_ascii_digit).collect::<String>();
        if let Some(pattern) = pattern(ids.clone()) {
            (found.prefix, found.width) = pattern;
            found.shape.clear();
        } else if found.shape.is_empty() {
            let [begin, end] = ends(ids.clone());
            if !(begin.is_empty() && end.is_empty()) {
                found.shape = format!("{begin}0{end}");
            } else {
                let has_digits = ids.clone().any(|id| !digits(id).is_empty());
                found.prefix = if has_digits { String::new() } else { format!("{column} ") };
            }
        }
        let digits = ids.map(|id| match found.shape.is_empty() {
            true => id.strip_prefix(&found.prefix).unwrap_or_default().to_owned(),
            false => digits(id),
        });
        let digits: Vec<String> = digits.collect();
        // A number that is too long is never reached.
        let is_number = |text: &&String| text.bytes().all(|byte| byte.is_ascii_digit());
        let numbers = || digits.iter().filter(is_number).filter_map(|digits| digits.parse::<u64>().ok());
        found.after = numbers().filter(|number| *number < LONGEST).max().unwrap_or(0);
        let width = found.digits();
        let are_alike = digits.iter().all(|digits| digits.len() == width) && numbers().count() == digits.len();
        if are_alike && 10u64.saturating_pow(width as u32) <= LONGEST {
            let is_padded = digits.iter().any(|digits| digits.starts_with('0'));
            (found.after, found.room) = gap(numbers().collect(), width, is_padded);
        }
        found
    }

    /// Number of digits that ids have at least.
    fn digits(&self) -> usize {
        if self.shape.is_empty() { self.width } else { self.shape.matches('0').count() }
    }

    /// What a sample has in the column of this name, by its number from 1 on: an id, or by chance a gap.
    pub fn cell(&self, column: &str, number: usize, seed: u64) -> String {
        match &self.gaps {
            Some((share, gap)) if Root::new(column, seed, Split::Train).stream(number).chance(*share) => gap.clone(),
            _ => self.id(number, seed),
        }
    }

    /// The id of a sample, by its number from 1 on; `seed` decides digits that are drawn.
    pub fn id(&self, number: usize, seed: u64) -> String {
        let Self { prefix, width, after, shape, drawn, .. } = self;
        if let Some(drawn) = drawn {
            return shaped(shape, &drawn.digits(number - 1, seed));
        }
        let number = match self.room {
            Some(room) if number as u64 > room => {
                10u64.saturating_pow(self.digits() as u32).saturating_add(number as u64 - room - 1)
            }
            _ => after.saturating_add(number as u64),
        };
        if shape.is_empty() { format!("{prefix}{number:0width$}") } else { shaped(shape, &number.to_string()) }
    }
}

/// The number before those of samples, beside numbers of so many digits, and how many there are: those above the
/// largest, if they are as many as the numbers, or else those of the widest gap.
fn gap(mut numbers: Vec<u64>, digits: usize, is_padded: bool) -> (u64, Option<u64>) {
    let end = 10u64.pow(digits as u32);
    numbers.sort_unstable();
    let largest = numbers.last().copied().unwrap_or(0);
    if end - 1 - largest >= numbers.len() as u64 {
        return (largest, None);
    }
    let below = if is_padded { 0 } else { end / 10 - 1 };
    let all: Vec<u64> = [below].into_iter().chain(numbers).chain([end]).collect();
    let gaps = all.windows(2).map(|pair| (pair[0], (pair[1] - pair[0]).saturating_sub(1)));
    let (after, room) = gaps.max_by_key(|(_, room)| *room).unwrap_or((largest, 0));
    (after, Some(room))
}

/// How all ids begin and end, as far as these are whole words without digits. Addresses of mail are given to nobody.
fn ends<'a>(ids: impl Iterator<Item = &'a str> + Clone) -> [String; 2] {
    if ids.clone().all(|id| id.contains('@')) {
        return ["user".into(), "@example.org".into()];
    }
    let first = ids.clone().next().unwrap_or_default();
    let alike = |a: &mut dyn Iterator<Item = char>, b: &mut dyn Iterator<Item = char>| {
        a.zip(b).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum::<usize>()
    };
    let begin = ids.clone().map(|id| alike(&mut first.chars(), &mut id.chars())).min().unwrap_or(0);
    let end = ids.map(|id| alike(&mut first.chars().rev(), &mut id.chars().rev())).min().unwrap_or(0);
    let begin = first[..begin].trim_end_matches(char::is_alphanumeric);
    let end = first[first.len() - end..].trim_start_matches(char::is_alphanumeric);
    [begin, end].map(|part| if part.contains(|c: char| c.is_ascii_digit()) { String::new() } else { part.to_owned() })
}

/// The prefix that all ids share before their number, and the least number of digits, if they have such a pattern.
fn pattern<'a>(mut ids: impl Iterator<Item = &'a str> + Clone) -> Option<(String, usize)> {
    let prefix = |id: &str| id.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned();
    let first = ids.clone().next().map_or(String::new(), prefix);
    let mut all = ids.clone();
    if !all.all(|id| id.len() > first.len() && prefix(id) == first) {
        return None;
    }
    let least = ids.clone().map(|id| id.len() - first.len()).min().unwrap_or(0);
    let is_alike = ids.clone().all(|id| id.len() - first.len() == least);
    let is_padded = ids.any(|id| id.len() > first.len() + 1 && id[first.len()..].starts_with('0'));
    Some((first, if is_padded || is_alike { least } else { 0 }))
}

/// An id with zeros in place of its digits.
fn outline(id: &str) -> String {
    id.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect()
}

/// The outline of most ids; empty if there is none with digits.
fn shape<'a>(ids: impl Iterator<Item = &'a str>) -> String {
    let (mut counts, mut all) = (HashMap::<String, usize>::new(), 0);
    for id in ids {
        *counts.entry(outline(id)).or_default() += 1;
        all += 1;
    }
    let usual = counts.into_iter().max_by(|a, b| a.1.cmp(&b.1).then_with(|| b.0.cmp(&a.0)));
    usual.filter(|(shape, count)| 2 * count > all && shape.contains('0')).map_or(String::new(), |(shape, _)| shape)
}

/// A shape with these digits in the places of its digits, the last of them at the end; those for which there is no
/// place stand before the first.
fn shaped(shape: &str, digits: &str) -> String {
    let places = shape.bytes().filter(|byte| *byte == b'0').count();
    let digits = format!("{digits:0>places$}");
    let (more, own) = digits.split_at(digits.len() - places);
    let (mut more, mut own) = (Some(more), own.chars());
    let mut text = String::new();
    for c in shape.chars() {
        match c {
            '0' => {
                text.push_str(more.take().unwrap_or_default());
                text.extend(own.next());
            }
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_go_on_in_their_form() {
        for (ids, next) in [
            (&["A007", "A012"][..], "A013"),
            (&["P9", "P10"], "P11"),
            (&["075/0000179", "075/0000567"], "075/0000568"),
            (&["7/21-X", "9/99-X"], "1/00-X"),
            (&["Ann Lee", "Bo Chen"], "Name 1"),
            (&["a1b", "77-x"], "1"),
            // Of one width: above the largest, where there is room, or in the widest gap.
            (&["0013", "0021"], "0022"),
            (&["9991", "9999", "9400"], "1000"),
            (&["99998", "99999"], "10000"),
            (&["097", "099", "998", "999"], "100"),
            (&["A-98", "A-99", "A-97"], "A-10"),
            (&["8/1", "9/9"], "1/0"),
            (&["ann@web.de", "bo.chen@gmx.net"], "user1@example.org"),
            (&["Ulm Bau GmbH", "Holz GmbH"], "1 GmbH"),
            (&["http://a.de/x", "http://b.de/y"], "http://1"),
        ] {
            assert_eq!(Ids::beside("Name", ids.iter().copied()).id(1, 0), next, "{ids:?}");
        }
        // Of a column with gaps as many samples have one, always the same.
        let ids = Ids { gaps: Some((0.25, "-".into())), ..Ids::beside("Name", ["A7", "A9"].into_iter()) };
        let cells = |seed| (1..=4000).map(|n| ids.cell("Name", n, seed)).collect::<Vec<_>>();
        let gaps = cells(1).iter().filter(|cell| *cell == "-").count();
        assert!((900..1100).contains(&gaps), "{gaps} of 4000");
        assert!(cells(1) == cells(1) && cells(1) != cells(2));
        assert!(cells(1).iter().enumerate().all(|(n, cell)| cell == "-" || *cell == ids.id(n + 1, 0)));
        // No id of the data comes, nor one twice, also when the gap is full.
        let known: Vec<String> = (0..100).map(|n| format!("{:02}", n * 37 % 100)).filter(|id| id != "41").collect();
        let ids = Ids::beside("Name", known.iter().map(String::as_str));
        assert_eq!([1, 2, 3].map(|n| ids.id(n, 0)), ["41", "100", "101"]);
    }
}
