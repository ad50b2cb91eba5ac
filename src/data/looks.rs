//! How numbers of a table look: signs of money and percent, ways to write a minus, marks of thousands, wide digits.

use std::borrow::Cow;
use std::collections::HashMap;

/// Separators of thousands, besides the mark that is not the decimal mark.
pub(super) const BLANKS: [char; 6] = [' ', '\u{a0}', '\u{202f}', '\u{2009}', '\'', '’'];
/// Signs that may stand before or after a number, as its unit.
const UNITS: [char; 14] = ['$', '€', '£', '¥', '₹', '%', '₽', '₺', '₩', '₴', '₫', '₪', '฿', '°'];
/// Words that may, in lower case; those of one letter with a blank between, as `5m` may be a name.
const WORDS: [&str; 60] = [
    "eur", "usd", "gbp", "chf", "pln", "czk", "sek", "nok", "dkk", "huf", "ron", "bgn", "rub", "try", "jpy", "cny",
    "inr", "brl", "cad", "aud", "zł", "kč", "kr", "ft", "lei", "лв", "руб", "円", "元", "원", "kg", "g", "mg", "lb",
    "t", "mm", "cm", "m", "km", "l", "ml", "cl", "h", "min", "s", "ms", "std", "°c", "m²", "m2", "m³", "m3", "qm",
    "km/h", "kw", "kwh", "w", "mb", "gb", "stk",
];
const MINUS: [char; 2] = ['-', '−'];

/// A text with ASCII characters in place of their wide forms, which Japanese and Chinese texts have.
pub(super) fn narrow(text: &str) -> Cow<'_, str> {
    let of = |c: char| match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
        '\u{ffe5}' => '¥',
        '\u{3000}' => ' ',
        _ => c,
    };
    let is_wide = |c: char| of(c) != c;
    if text.is_ascii() || !text.contains(is_wide) { text.into() } else { text.chars().map(of).collect() }
}

/// The same digits in their wide forms.
pub(super) fn widened(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_digit() { char::from_u32(c as u32 + 0xfee0).unwrap_or(c) } else { c }).collect()
}

/// A number taken apart: what stands before its digits, the digits with their marks, what stands after them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Parts<'a> {
    pub before: &'a str,
    pub digits: &'a str,
    pub after: &'a str,
    pub is_negative: bool,
}

/// The parts of a cell such as `-5 %`, `$1,200`, `($72.81)` or `6.57-`; `None` if anything but one unit and one sign
/// stands around its digits.
pub(super) fn parts(cell: &str) -> Option<Parts<'_>> {
    let is_mark = |c: char| c == '.' || c == ',';
    let first = cell.find(|c: char| c.is_ascii_digit())?;
    let start = if cell[..first].ends_with(is_mark) { first - 1 } else { first };
    let end = cell.rfind(|c: char| c.is_ascii_digit())? + 1;
    let (before, digits, after) = (&cell[..start], &cell[start..end], &cell[end..]);
    let count = |text: &str, wanted: &[char]| text.chars().filter(|c| wanted.contains(c)).count();
    let both = |wanted: &[char]| count(before, wanted) + count(after, wanted);
    let units: Vec<&str> = [before, after].into_iter().filter_map(unit).collect();
    let in_units: usize = units.iter().map(|unit| unit.chars().count()).sum();
    let (minus, plus) = (both(&MINUS), both(&['+']));
    let brackets = [count(before, &['(']), count(after, &[')'])];
    let known = in_units + minus + plus + brackets[0] + brackets[1];
    let blanks = both(&BLANKS[..4]);
    let is_one =
        units.len() <= 1 && minus + plus + brackets[0] <= 1 && brackets[0] == brackets[1] && count(after, &['+']) == 0;
    // A blank stands beside a unit; elsewhere, as in `- 5`, it is a mark of something else.
    let is_all = known + blanks == before.chars().count() + after.chars().count() && (blanks == 0 || units.len() == 1);
    (is_one && is_all).then_some(Parts { before, digits, after, is_negative: minus + brackets[0] == 1 })
}

/// The unit beside the digits of a number, without signs, brackets and blanks.
fn unit(side: &str) -> Option<&str> {
    let is_air = |c: char| BLANKS[..4].contains(&c);
    let bare = side.trim_matches(|c| is_air(c) || MINUS.contains(&c) || "+()".contains(c));
    let is_sign = || bare.chars().count() == 1 && bare.starts_with(UNITS);
    let is_word = || WORDS.contains(&&*bare.to_lowercase()) && (bare.chars().count() > 1 || side.contains(is_air));
    (is_sign() || is_word()).then_some(bare)
}

/// What stands around the digits of a number: before, and after.
pub(super) type Around = [String; 2];

/// Most characters of a unit that is in no list.
const LONGEST: usize = 16;

/// A cell such as `5 Tage`, `95,88 m2` or `Fr. 12.50` taken apart: what stands around its number, and the number. A
/// blank is between, as `3b` is a name, but for known units. Before a number, as in `Room 12`, stands a unit only if
/// the number has a decimal mark.
pub(super) fn framed(cell: &str) -> Option<(Around, &str)> {
    let is_air = |c: char| BLANKS[..4].contains(&c);
    let begins = |c: char| c.is_alphabetic() || UNITS.contains(&c);
    let is_part = |c: char| c.is_alphanumeric() || UNITS.contains(&c) || "./".contains(c);
    let is_unit = |text: &str| {
        let is_word = |word: &str| word.starts_with(begins) && word.chars().all(is_part);
        text.chars().count() <= LONGEST && text.split(is_air).all(is_word)
    };
    let letter = cell.find(begins)?;
    let digit = cell.find(|c: char| c.is_ascii_digit())?;
    let (before, bare, after) = if digit < letter {
        let bare = cell[..letter].trim_end_matches(is_air);
        ("", bare, &cell[bare.len()..])
    } else {
        let before = cell[..digit].trim_end_matches(|c| MINUS.contains(&c));
        (before, &cell[before.len()..], "")
    };
    let side = if before.is_empty() { after } else { before };
    let unit = side.trim_matches(is_air);
    let is_apart = unit.len() < side.len() || unit.chars().count() > 1 && WORDS.contains(&&*unit.to_lowercase());
    let fits = is_unit(unit) && is_apart && (before.is_empty() || bare.contains(['.', ',']));
    (fits && bare.ends_with(|c: char| c.is_ascii_digit())).then(|| ([before.into(), after.into()], bare))
}

/// A cell without what stands around the numbers of its column.
pub(super) fn bare<'a>(cell: &'a str, [before, after]: &Around) -> Option<&'a str> {
    cell.strip_prefix(before.as_str())?.strip_suffix(after.as_str())
}

/// How the numbers of a column look, counted.
#[derive(Default)]
pub(super) struct Looks {
    /// Numbers below 0 or not, by what stands around their digits.
    around: HashMap<(bool, Around), usize>,
    /// Numbers of 1,000 or more, by the mark between their thousands.
    marks: HashMap<Option<char>, usize>,
    wide: usize,
    /// Numbers, and those of them that are 0, which are the same in all units.
    numbers: usize,
    zeros: usize,
    /// Plain numbers, without anything around their digits but a minus sign: not negative, and negative.
    plain: [usize; 2],
}

impl Looks {
    /// Adds the cell of a number; `is_plain` says that Rust reads it.
    pub fn take(&mut self, cell: &str, value: f64, is_plain: bool) {
        self.numbers += 1;
        if is_plain {
            self.plain[usize::from(value < 0.0)] += 1;
            self.zeros += usize::from(value == 0.0);
            if value.abs() >= 1000.0 {
                *self.marks.entry(None).or_default() += 1;
            }
            return;
        }
        self.wide += usize::from(!cell.is_ascii() && cell.contains(|c: char| ('０'..='９').contains(&c)));
        let cell = narrow(cell);
        let Some(parts) = parts(&cell) else { return };
        *self.around.entry((parts.is_negative, [parts.before.into(), parts.after.into()])).or_default() += 1;
        if value.abs() >= 1000.0 {
            // Of several marks, as in 1.234.567,8 or 1,234.5, the first one stands between thousands.
            let whole = value.abs().trunc().to_string().len();
            let first = parts.digits.char_indices().find(|(_, c)| !c.is_ascii_alphanumeric());
            *self.marks.entry(first.filter(|(at, _)| *at < whole).map(|(_, c)| c)).or_default() += 1;
        }
    }

    /// Whether any number is more than digits, a decimal mark and a minus sign.
    pub fn is_dressed(&self) -> bool {
        !self.around.is_empty() || self.wide > 0
    }

    /// The usual mark of thousands of the numbers that could have one.
    pub fn mark(&self) -> Option<char> {
        self.marks.iter().max_by_key(|(mark, count)| (**count, mark.is_some(), **mark)).and_then(|(mark, _)| *mark)
    }

    /// Whether most numbers have wide digits.
    pub fn is_wide(&self) -> bool {
        2 * self.wide > self.numbers
    }

    /// What usually stands around the digits of numbers that are not negative, and of negative ones.
    pub fn around(&self) -> [Around; 2] {
        let plain = |is_negative: bool| [if is_negative { "-" } else { "" }.to_owned(), String::new()];
        let usual = |is_negative: bool| {
            let mut counts = HashMap::from([(plain(is_negative), self.plain[usize::from(is_negative)])]);
            for ((_, around), count) in self.around.iter().filter(|((negative, _), _)| *negative == is_negative) {
                *counts.entry(around.clone()).or_default() += count;
            }
            // The simplest of those that are as frequent.
            let best = counts.into_iter().max_by(|a, b| a.1.cmp(&b.1).then_with(|| b.0.cmp(&a.0)))?;
            (best.1 > 0).then_some(best.0)
        };
        let unsigned = |text: &String| text.replace(['(', ')', '-', '−'], "");
        match [usual(false), usual(true)] {
            [Some(positive), Some(negative)] => [positive, negative],
            [Some([before, after]), None] => [[before.clone(), after.clone()], [format!("-{before}"), after]],
            [None, Some(negative)] => [negative.each_ref().map(unsigned), negative],
            [None, None] => [plain(false), plain(true)],
        }
    }

    /// The units of the numbers, with their counts, the most frequent first; without those that are 0.
    pub fn units(&self) -> Vec<(Option<String>, usize)> {
        let mut units: HashMap<Option<String>, usize> = HashMap::new();
        let plain = self.plain[0] + self.plain[1] - self.zeros;
        if plain > 0 {
            units.insert(None, plain);
        }
        for ((_, around), count) in &self.around {
            let unit = around.iter().find_map(|side| unit(side));
            *units.entry(unit.map(str::to_lowercase)).or_default() += count;
        }
        let mut units: Vec<_> = units.into_iter().collect();
        units.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        units
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_taken_apart() {
        for (cell, wanted) in [
            ("-5 %", Some(("-", "5", " %", true))),
            ("$1,200.50", Some(("$", "1,200.50", "", false))),
            ("($72.81)", Some(("($", "72.81", ")", true))),
            ("$(72.81)", Some(("$(", "72.81", ")", true))),
            ("6.57-", Some(("", "6.57", "-", true))),
            ("−9,5 €", Some(("−", "9,5", " €", true))),
            ("+3 %", Some(("+", "3", " %", false))),
            ("1 234", Some(("", "1 234", "", false))),
            (".5%", Some(("", ".5", "%", false))),
            ("(5", None),
            ("-(5)", None),
            ("$5 €", None),
            ("- 5", None),
            ("167 cm", Some(("", "167", " cm", false))),
            ("74,9kg", Some(("", "74,9", "kg", false))),
            ("-4,60 zł", Some(("-", "4,60", " zł", true))),
            ("CHF 12.50", Some(("CHF ", "12.50", "", false))),
            ("21 °C", Some(("", "21", " °C", false))),
            ("5 m", Some(("", "5", " m", false))),
            ("5m", None),
            ("5 apples", None),
            ("$", None),
        ] {
            let found = parts(cell);
            let found = found.map(|parts| (parts.before, parts.digits, parts.after, parts.is_negative));
            assert_eq!(found, wanted, "{cell}");
        }
        for (cell, wanted) in [
            ("5 Tage", Some(("", "5", " Tage"))),
            ("-95,88 m2", Some(("", "-95,88", " m2"))),
            ("95,88m2", Some(("", "95,88", "m2"))),
            ("1 234 €/kg", Some(("", "1 234", " €/kg"))),
            ("7 St.", Some(("", "7", " St."))),
            ("1,5 % p.a.", Some(("", "1,5", " % p.a."))),
            ("Fr. -12.50", Some(("Fr. ", "-12.50", ""))),
            ("Room 12", None),
            ("Schraube M4", None),
            ("Bohrer 5,5 mm", None),
            ("3b", None),
            ("3. Tag", None),
            ("12 Jan 2020", None),
            ("5 h 30", None),
            ("17h51", None),
            ("5 -m", None),
            ("3 of those that had come back", None),
            ("A2", None),
            ("é", None),
        ] {
            let found = framed(cell);
            let found = found.as_ref().map(|([before, after], bare)| (before.as_str(), *bare, after.as_str()));
            assert_eq!(found, wanted, "{cell}");
        }
        assert_eq!((narrow("１，２３４￥"), widened("-12.5")), ("1,234¥".into(), "-１２.５".into()));
    }
}
