//! Which cells of a table stand in quotes though they need none.

use serde::{Deserialize, Serialize};

use super::cells::is_missing;

/// Which cells of a column are written in quotes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Quotes {
    /// Those that need them.
    #[default]
    Needed,
    /// All but gaps, as R writes texts.
    Values,
    /// All.
    All,
}

impl Quotes {
    /// Whether this is what a column without a word is.
    pub fn is_needed(&self) -> bool {
        *self == Self::Needed
    }

    /// A cell as it stands in a file of this separator.
    pub fn written(self, cell: &str, separator: u8) -> String {
        let needs = cell.bytes().any(|byte| byte == separator || b"\"\n\r".contains(&byte));
        match needs || self == Self::All || self == Self::Values && !is_missing(cell) {
            true => format!("\"{}\"", cell.replace('"', "\"\"")),
            false => cell.to_owned(),
        }
    }
}

/// Which names of a table of `width` columns are in quotes, and which cells of each column; `titled` says that the first
/// row has names.
pub(super) fn found(text: &str, separator: u8, width: usize, titled: bool) -> (Quotes, Vec<Quotes>) {
    let (mut counts, mut names) = (vec![[0usize; 3]; width], [0; 3]);
    if !text.contains('"') {
        return (Quotes::Needed, vec![Quotes::Needed; width]);
    }
    let (bytes, mut at, mut column, mut is_title) = (text.as_bytes(), 0, 0, titled);
    while at < bytes.len() {
        if column == 0 && b"\r\n".contains(&bytes[at]) {
            at += 1;
            continue;
        }
        let (start, is_quoted) = (at, bytes[at] == b'"');
        // Two quotes in a row are one that belongs to the cell: it ends and begins again there.
        let mut is_inside = false;
        while at < bytes.len() && (is_inside || bytes[at] != separator && !b"\r\n".contains(&bytes[at])) {
            is_inside ^= is_quoted && bytes[at] == b'"';
            at += 1;
        }
        let cell = text[start..at].trim();
        let kind = if is_quoted { 0 } else { 1 + usize::from(is_missing(cell)) };
        match counts.get_mut(column) {
            _ if is_title => names[kind] += 1,
            Some(counts) => counts[kind] += 1,
            None => {}
        }
        let is_end = at >= bytes.len() || bytes[at] != separator;
        (column, is_title) = if is_end { (0, false) } else { (column + 1, is_title) };
        at += 1;
    }
    let of = |[quoted, bare, gaps]: [usize; 3]| match () {
        () if quoted == 0 || bare > 0 => Quotes::Needed,
        () if gaps > 0 => Quotes::Values,
        () => Quotes::All,
    };
    (of(names), counts.into_iter().map(of).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_found_and_written() {
        let text = "\"a\",\"b\",\"c\"\r\n\r\n\"x, y\",NA,1\n\"say \"\"u\"\"\n2\",\"v\",\"2\"\n";
        assert_eq!(found(text, b',', 3, true), (Quotes::All, vec![Quotes::All, Quotes::Values, Quotes::Needed]));
        assert_eq!(found("a,b\n1,2\n", b',', 2, true), (Quotes::Needed, vec![Quotes::Needed; 2]));
        for (quotes, cell, wanted) in [
            (Quotes::Needed, "a b", "a b"),
            (Quotes::Needed, "a,\"b\"", "\"a,\"\"b\"\"\""),
            (Quotes::Values, "NA", "NA"),
            (Quotes::Values, "7", "\"7\""),
            (Quotes::All, "", "\"\""),
        ] {
            assert_eq!(quotes.written(cell, b','), wanted);
        }
    }
}
