//! Errors, each one sentence for the user.

use std::fmt::Display;

/// A sentence that says what is wrong, where, and what would be right. It is displayed as one line of printable
/// characters, see [`plain`].
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The request itself is wrong: a flag, a setting, a name.
    #[error("{}", plain(.0))]
    Usage(String),
    /// The request was fine and could not be carried out.
    #[error("{}", plain(.0))]
    Failure(String),
    /// The device gave up on a right request: out of memory, lost, hung. It can be tried again.
    #[error("{}", plain(.0))]
    Device(String),
    /// There is no room on a disk. It can be tried again when there is.
    #[error("{}", plain(.0))]
    Full(String),
    /// The training diverged; it can resume from an earlier checkpoint with other settings.
    #[error("{}", plain(.0))]
    Diverged(String),
}

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A wrong request.
    pub fn usage(sentence: impl Display) -> Self {
        Self::Usage(sentence.to_string())
    }

    /// A right request that failed.
    pub fn failure(sentence: impl Display) -> Self {
        Self::Failure(sentence.to_string())
    }

    /// A device that gave up.
    pub fn device(sentence: impl Display) -> Self {
        Self::Device(sentence.to_string())
    }

    /// The process's exit status: 2 for a wrong request, 1 for a failure.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Failure(_) | Self::Device(_) | Self::Full(_) | Self::Diverged(_) => 1,
        }
    }

    /// The same error with the place it came from (`run.toml:3`, `--set`) in front; an empty place adds nothing.
    pub fn at(self, place: &str) -> Self {
        if place.is_empty() {
            return self;
        }
        match self {
            Self::Usage(sentence) => Self::Usage(format!("{place}: {sentence}")),
            Self::Failure(sentence) => Self::Failure(format!("{place}: {sentence}")),
            Self::Device(sentence) => Self::Device(format!("{place}: {sentence}")),
            Self::Full(sentence) => Self::Full(format!("{place}: {sentence}")),
            Self::Diverged(sentence) => Self::Diverged(format!("{place}: {sentence}")),
        }
    }
}

/// Maximum number of characters of a quoted value in a message.
const SHOWN: usize = 80;
/// Number of these characters that come from the end of the value.
const END: usize = 20;
/// Maximum length in bytes of a path, and of a name in it.
const PATH: usize = 4096;
const NAME: usize = 255;

/// A sentence as one line that is safe to print: control characters, line breaks and changes of the direction of
/// writing are escaped as in JSON. Text between backticks is a value from outside: a long one that cannot be a path is
/// cut, and its length is added.
pub fn plain(sentence: &str) -> String {
    let mut text = String::new();
    let mut parts = sentence.split('`').enumerate().peekable();
    while let Some((n, part)) = parts.next() {
        // Every second part is quoted, unless its closing backtick is missing.
        let quoted = n % 2 == 1 && parts.peek().is_some();
        let shown: Vec<char> = escaped(part, "").chars().collect();
        if quoted && shown.len() > SHOWN && !may_be_path(part) {
            let start: String = shown[..SHOWN - END - 1].iter().collect();
            let end: String = shown[shown.len() - END..].iter().collect();
            text += &format!("{start}…{end}` ({} characters)", part.chars().count());
        } else {
            text.extend(shown);
            text.extend(parts.peek().map(|_| '`'));
        }
    }
    text
}

/// The text with unprintable characters escaped, except those in `kept`.
pub fn escaped(text: &str, kept: &str) -> String {
    let escape = |c: char| match c {
        c if kept.contains(c) => c.to_string(),
        '\n' => "\\n".into(),
        '\r' => "\\r".into(),
        '\t' => "\\t".into(),
        c if c.is_control() || turns(c) => format!("\\u{:04x}", u32::from(c)),
        c => c.to_string(),
    };
    text.chars().map(escape).collect()
}

/// A count with its noun: `1 row`, `2 rows`, `2 classes`, `2 launches`; `series` is its own plural.
pub fn counted(count: usize, noun: &str) -> String {
    match noun {
        noun if count == 1 || noun.ends_with("series") => format!("{count} {noun}"),
        noun if noun.ends_with('s') || noun.ends_with("nch") => format!("{count} {noun}es"),
        noun => format!("{count} {noun}s"),
    }
}

/// Whether a character breaks the line, or changes the direction of the text after it: one name could look like
/// another.
fn turns(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Whether a text with separators is short enough for a path, which is useful only in full.
fn may_be_path(text: &str) -> bool {
    let separator = |c| c == '/' || c == std::path::MAIN_SEPARATOR;
    text.contains(separator) && text.len() <= PATH && text.split(separator).all(|name| name.len() <= NAME)
}

/// The candidate that `name` was probably meant to be.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const ALIKE_SHARE: f64 = 0.6;
    let name = name.to_lowercase();
    let likeness = |candidate: &str| {
        let abbreviated = name.len() >= 2 && candidate.starts_with(&name);
        let edits = strsim::normalized_damerau_levenshtein(&name, &candidate.to_lowercase());
        if abbreviated { edits.max(ALIKE_SHARE) } else { edits }
    };
    // The first of equal candidates shall win, and `max_by` returns the last one: hence `rev`.
    let scored: Vec<_> = candidates.into_iter().map(|c| (likeness(c), c)).collect();
    let (score, best) = scored.into_iter().rev().max_by(|a, b| a.0.total_cmp(&b.0))?;
    (score >= ALIKE_SHARE).then_some(best)
}

/// The error for an unknown name, with the nearest known name or the list of all.
pub fn unknown<'a>(kind: &str, name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Error {
    let candidates: Vec<_> = candidates.into_iter().collect();
    let hint = match nearest(name, candidates.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the valid ones are {}", candidates.join(", ")),
    };
    Error::usage(format!("unknown {kind} `{name}`; {hint}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_their_plural() {
        for (count, noun, said) in [
            (1, "row", "1 row"),
            (0, "row", "0 rows"),
            (2, "class", "2 classes"),
            (2, "launch", "2 launches"),
            (2, "epoch", "2 epochs"),
            (3, "series", "3 series"),
        ] {
            assert_eq!(counted(count, noun), said);
        }
    }

    #[test]
    fn sentences_are_one_printable_line() {
        let cases = [
            ("a\x1b]0;owned\x07b", "a\\u001b]0;owned\\u0007b"),
            ("one\ntwo\r\tthree", "one\\ntwo\\r\\tthree"),
            ("\x7f\u{9b}31m", "\\u007f\\u009b31m"),
            ("invoice\u{202e}gpj.exe", "invoice\\u202egpj.exe"),
            ("\u{2066}\u{2028}\u{feff}\u{200f}", "\\u2066\\u2028\\ufeff\\u200f"),
            ("naïve 東京 😀 `x`", "naïve 東京 😀 `x`"),
        ];
        for (text, shown) in cases {
            assert_eq!(plain(text), shown);
            assert_eq!(plain(shown), shown, "once is enough");
            for error in [Error::usage(text), Error::failure(text), Error::device(text), Error::Usage(text.into())] {
                assert_eq!(error.to_string(), shown);
            }
            assert_eq!(Error::usage("b").at(text).to_string(), format!("{shown}: b"));
            assert!(unknown("setting", text, ["lr_g"]).to_string().contains(shown));
        }
        assert_eq!(escaped("a\tb\nc\x1b", "\t\n"), "a\tb\nc\\u001b");
    }

    #[test]
    fn nouns_are_counted() {
        let said =
            [(1, "row"), (0, "row"), (2, "class"), (1, "series"), (2, "series")].map(|(n, noun)| counted(n, noun));
        assert_eq!(said, ["1 row", "0 rows", "2 classes", "1 series", "2 series"]);
    }

    #[test]
    fn long_values_are_cut_and_paths_are_not() {
        let long = "0123456789".repeat(20);
        let cut = format!("`{}…{}` (200 characters) is no number", &long[..59], &long[..20]);
        assert_eq!(plain(&format!("`{long}` is no number")), cut);
        assert_eq!(plain(&cut), cut);
        let wide = "東".repeat(81);
        assert_eq!(plain(&format!("`{wide}`")), format!("`{}…{}` (81 characters)", "東".repeat(59), "東".repeat(20)));
        let path = format!("/{long}/{long}/a.csv");
        for whole in [
            format!("`{path}` cannot be read"),
            format!("{long} is not quoted"),
            format!("`{}`", &long[..80]),
            format!("` {long}"),
        ] {
            assert_eq!(plain(&whole), whole);
        }
        let no_path = format!("`/{}`", long.repeat(2));
        assert!(plain(&no_path).ends_with("(401 characters)"), "no file has such a name");
    }
}
