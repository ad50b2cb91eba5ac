//! Text files, gzipped or not, as sequences of characters, words or byte pairs: windows of the text, or its lines.

use std::path::{Path, PathBuf};

use super::digest::{self, FileDigest};
use super::folder::Files;
use super::options::Holds;
use super::tokens::{self, Alphabet, Counts, END, Spelling, Writer};
use super::{About, Dataset, LeftOut, Options, Series, Split, SymbolKind, Symbols};
use super::{check_memory, encoding, holdout, listing, set_name, unpack, windows};
use crate::error::{Error, Result, counted};
use crate::settings::Tokens;

/// File name endings of texts.
pub(super) const ENDINGS: [&str; 4] = ["txt", "text", "md", "markdown"];
/// Largest number of symbols in an alphabet.
const MAX_ALPHABET: usize = 1 << 16;
/// Sizes of an alphabet of words or byte pairs if the options give none.
const WORDS: usize = 10_000;
const BYTE_PAIRS: usize = 2_000;
/// Largest number of symbols in a line that is a sequence, its end included, if the options give no window.
const MAX_LINE: usize = 4096;
/// Bytes of the first text by which its way of separating words is judged.
const JUDGED: usize = 1 << 20;

/// Whether `path` is named like a text.
pub(super) fn is_text(path: &Path) -> bool {
    ENDINGS.contains(&unpack::ending(path).as_str())
}

/// The text in `path`; `None` for a test part that does not exist.
pub(super) fn read(path: &Path, options: &Options) -> Result<Option<Dataset>> {
    let files = [path.to_owned()];
    let files = Files { root: path, train: &files, part: &files, left_out: LeftOut::default(), said: String::new() };
    of_files(files, false, options)
}

/// A text in memory.
struct Text<'a> {
    file: &'a Path,
    text: String,
    digest: FileDigest,
    /// The encoding, unless it is UTF-8.
    encoding: Option<String>,
}

/// The texts in files, in their order. Their alphabet is learned from the part to learn from. Windows do not cross from
/// one text into the next. Without a part to test with (`own_test`), whole files are held out if there are enough of
/// them, else the last part of the text; of lines that are sequences, whole files or lines drawn by chance.
pub(super) fn of_files(files: Files, own_test: bool, options: &Options) -> Result<Option<Dataset>> {
    let Files { root, train, part, mut left_out, said } = files;
    let place = format!("`{}`", root.display());
    options.check(&place, if options.lines { Holds::Lines } else { Holds::Text })?;
    if options.vocabulary > 0 && options.tokens == Tokens::Characters {
        let sentence = "`vocabulary` is for words and byte pairs: of characters all are taken";
        return Err(Error::usage(format!("{sentence}; tokens=words or tokens=bpe")));
    }
    let texts = load(root, part, options, &mut left_out)?;
    let is_second = own_test && options.split == Split::Test;
    let learned = if is_second { load(root, train, options, &mut LeftOut::default())? } else { vec![] };
    let learned = if is_second { &learned } else { &texts };
    let mut about = About { part: said, ..About::default() };
    let symbols = match options.known_series() {
        Some(Series::Symbols(known)) => known.clone(),
        _ => symbols(&place, learned, options, &mut about)?,
    };
    about.source = digest::of_files(texts.iter().map(|text| &text.digest));
    let mut encodings: Vec<(&Option<String>, Vec<&Text>)> = vec![];
    for text in texts.iter().filter(|text| text.encoding.is_some()) {
        match encodings.iter_mut().find(|(encoding, _)| **encoding == text.encoding) {
            Some((_, some)) => some.push(text),
            None => encodings.push((&text.encoding, vec![text])),
        }
    }
    about.findings.extend(encodings.iter().take(3).filter_map(|(encoding, some)| {
        let more = if some.len() > 1 { format!(" and {} more", some.len() - 1) } else { String::new() };
        let whose = format!("`{}`{more} ", listing::below(root, some[0].file));
        Some(format!("{}read as {}", if texts.len() > 1 { &whose } else { "" }, encoding.as_ref()?))
    }));
    if texts.len() > 1 {
        about.findings.insert(0, counted(texts.len(), "text"));
    }
    about.left_out = left_out;
    about.notes.extend(texts.iter().find_map(like_a_table));
    // Lines to test with are filled up as those to learn from are.
    let window = match options.window {
        None if is_second && options.lines => longest(&Lines::of(learned, &symbols).lines).map(Line::window),
        given => given,
    };
    let texts = Texts { root, texts, symbols, about, own_test };
    if options.lines { texts.lines(&Options { window, ..options.clone() }) } else { texts.windows(options) }
}

/// A note on a text whose lines all have as many separators as the first one, as those of a table have.
fn like_a_table(text: &Text) -> Option<String> {
    const LINES: usize = 50;
    let lines: Vec<&str> = text.text.lines().filter(|line| !line.is_empty()).take(LINES).collect();
    let counts = |mark: char| lines.iter().map(move |line| line.matches(mark).count());
    let is_table = |&(mark, least, _): &(char, usize, _)| {
        let first = counts(mark).next().unwrap_or(0);
        lines.len() > 3 && first >= least && counts(mark).all(|count| count == first)
    };
    let marks = [('\t', 1, ("tabs", "tab")), (';', 2, ("`;`", "semicolon"))];
    let (_, _, (what, word)) = marks.into_iter().find(is_table)?;
    let name = text.file.file_name().unwrap_or_default().to_string_lossy();
    Some(format!("`{name}`: each line has as many {what}, as a table has: `--set separator={word}` reads it as one"))
}

/// The texts in those of the files that hold some.
///
/// # Errors
/// That of the first file, if none can be used.
fn load<'a>(root: &Path, files: &'a [PathBuf], options: &Options, left_out: &mut LeftOut) -> Result<Vec<Text<'a>>> {
    let (mut texts, mut refused) = (vec![], None);
    for file in files {
        let read = || {
            let bytes = unpack::read(file)?;
            let digest = digest::of(&[&bytes]);
            let (text, encoding) = encoding::decode(file, bytes, options.encoding.as_deref())?;
            if text.trim_end_matches(['\n', '\r']).is_empty() {
                let is = if text.is_empty() { "is empty" } else { "holds only blank lines" };
                return Err(Error::failure(format!("`{}` {is}", file.display())));
            }
            Ok(Text { file, text, digest, encoding })
        };
        match read() {
            Ok(text) => texts.push(text),
            Err(error @ Error::Usage(_)) => return Err(error),
            Err(error) => {
                left_out.add("files that are empty or cannot be read as text", listing::below(root, file));
                refused.get_or_insert(error);
            }
        }
    }
    match refused {
        Some(error) if texts.is_empty() => Err(error),
        _ => Ok(texts),
    }
}

/// The alphabet of texts; `about` is told how it came about.
fn symbols(place: &str, texts: &[Text], options: &Options, about: &mut About) -> Result<Symbols> {
    // A line feed at the end of the file is no second symbol.
    let mut all = texts.iter().flat_map(|text| text.text.trim_end_matches(['\n', '\r']).chars());
    let first = all.next().unwrap_or_default();
    if all.all(|character| character == first) {
        let all: usize = texts.iter().map(|text| text.text.trim_end_matches(['\n', '\r']).chars().count()).sum();
        let often = if all == 1 { "once".into() } else { format!("{all} times") };
        return Err(Error::failure(format!(
            "{place} holds `{}` {often} and nothing else: one symbol teaches nothing",
            first.escape_debug()
        )));
    }
    let judged = texts.first().map_or("", |text| &text.text[..text.text.floor_char_boundary(JUDGED)]);
    let (spelling, most) = match options.tokens {
        Tokens::Characters => (Spelling::Characters, MAX_ALPHABET),
        Tokens::Words if tokens::is_cut(judged) => (Spelling::Spaced, WORDS),
        Tokens::Words => (Spelling::Words, WORDS),
        Tokens::Bpe => (Spelling::BytePairs, BYTE_PAIRS),
    };
    // Two more: the end of a line, and unknown words.
    let most = if options.vocabulary > 0 { options.vocabulary.min(MAX_ALPHABET - 2) } else { most };
    if spelling == Spelling::BytePairs && most <= super::bpe::BYTES {
        return Err(Error::usage(format!(
            "vocabulary={most}: the 256 bytes are in every alphabet of byte pairs; name a larger one"
        )));
    }
    let mut counts = Counts::new(spelling);
    for (line, ends) in texts.iter().flat_map(|text| tokens::lines(&text.text)) {
        if !(options.lines && is_blank(line)) {
            counts.add(line, ends && !options.lines);
        }
    }
    if counts.composed > 0 {
        let lines = counted(counts.composed, "line");
        about.notes.push(format!("characters of several code points were composed (NFC) in {lines}"));
    }
    let Alphabet { mut names, unknown } = counts.alphabet(most);
    if names.len() == 1 {
        let noun = spelling.noun();
        return Err(Error::failure(format!(
            "{place} is one {noun} again and again, or one that is too long to be known: one symbol teaches nothing"
        )));
    }
    if names.len() + usize::from(options.lines) > MAX_ALPHABET {
        let different = counted(names.len(), spelling.noun());
        return Err(Error::failure(format!(
            "{place} has {different}, more than the {MAX_ALPHABET} of an alphabet: tokens=bpe spells them all"
        )));
    }
    if spelling == Spelling::Spaced {
        about.notes.push("words are what single spaces separate, as signs stand apart from letters".into());
    }
    if unknown > 0.0 {
        let known = names.len() - 1;
        about
            .notes
            .push(format!("{:.2} % of the words are not among the {known} known ones: `<unk>`", 100.0 * unknown));
    }
    let end = options.lines.then_some(names.len() as u16);
    names.extend(end.map(|_| END.to_owned()));
    Ok(Symbols { spelling, end, ..Symbols::new(names, SymbolKind::Text) })
}

/// The note on a few lines that are much longer than all others, to which every line is filled up.
fn stray(lines: &[Line], noun: &str) -> Option<String> {
    /// Of which share of the lines the length is usual, and how many times as long a stray one is.
    const USUAL: f64 = 0.99;
    const MUCH: usize = 4;
    let mut lengths: Vec<usize> = lines.iter().map(|line| line.len).collect();
    lengths.sort_unstable();
    let usual = lengths[(USUAL * lengths.len() as f64).ceil() as usize - 1];
    let (stray, longest) = (lengths.iter().filter(|len| **len > MUCH * usual).count(), lengths[lengths.len() - 1]);
    (stray > 0 && longest > 32).then(|| {
        let (all, window) = (counted(stray, "line"), usual + 1);
        let most = counted(longest, noun);
        format!(
            "{all} of up to {most}, and all are filled up to that; 99 % have at most {usual}: window={window} leaves \
             longer ones out"
        )
    })
}

/// Whether a line has nothing to learn.
fn is_blank(line: &str) -> bool {
    line.trim().is_empty()
}

/// Texts of one part, with their alphabet.
struct Texts<'a> {
    root: &'a Path,
    texts: Vec<Text<'a>>,
    symbols: Symbols,
    about: About,
    own_test: bool,
}

impl Texts<'_> {
    /// Windows of the texts.
    fn windows(self, options: &Options) -> Result<Option<Dataset>> {
        let Self { root, texts, symbols, mut about, own_test } = self;
        let mut writer = Writer::of(&symbols);
        let (mut pieces, mut strange) = (vec![], 0);
        for Text { text, .. } in texts {
            let mut ids = Vec::with_capacity(text.len());
            for (line, ends) in tokens::lines(&text) {
                let before = ids.len();
                if writer.add(line, ends, writer.unknown(), &mut ids).is_err() {
                    ids.truncate(before);
                    strange += 1;
                }
            }
            ids.shrink_to_fit();
            pieces.push(ids);
        }
        drop(writer);
        if pieces.iter().all(Vec::is_empty) {
            return Err(strange_alphabet(root));
        }
        about.tell(pieces.iter().map(Vec::len).sum(), strange, &symbols);
        let short = pieces.iter().filter(|ids| ids.len() < windows::symbol_window(options)).count();
        if short < pieces.len() {
            about.left_out.add_some("texts shorter than a window", short);
        }
        let test = options.split == Split::Test;
        let whole = if own_test { vec![] } else { holdout::files(pieces.len(), options) };
        let fits = |ids: &Vec<u16>| ids.len() >= windows::symbol_window(options);
        let has = |held| whole.iter().zip(&pieces).any(|(is_held, ids)| *is_held == held && fits(ids));
        if !(own_test || has(false) && has(true)) {
            return holdout::of_symbols(root, pieces, symbols, about, options);
        }
        if !own_test {
            let held = whole.iter().filter(|held| **held).count();
            about.part = holdout::said(whole.len(), held, "files", options);
            let mut whole = whole.iter();
            pieces.retain(|_| whole.next() == Some(&test));
        }
        let set = windows::of_symbols(root, pieces, symbols, options)?;
        Ok(Some(Dataset { about, ..set }))
    }

    /// Lines of the texts, each a sequence: its symbols, then ends up to the window.
    fn lines(self, options: &Options) -> Result<Option<Dataset>> {
        let Self { root, texts, symbols, mut about, own_test } = self;
        let end = symbols.end.unwrap_or_default();
        let Lines { ids, mut lines, blank, strange } = Lines::of(&texts, &symbols);
        let place = format!("`{}`", root.display());
        let Some(longest) = longest(&lines) else {
            return Err(match strange {
                0 => Error::failure(format!("{place} has no line with text")),
                _ => strange_alphabet(root),
            });
        };
        if options.window.is_none() && longest.len >= MAX_LINE {
            return Err(Error::failure(format!(
                "line {} of `{}` has {}, more than the {} of a sequence: window= leaves longer lines out",
                longest.place + 1,
                texts[longest.file].file.display(),
                counted(longest.len, symbols.noun()),
                MAX_LINE - 1,
            )));
        }
        let window = options.window.unwrap_or(longest.window());
        if options.window.is_none() {
            about.notes.extend(stray(&lines, symbols.noun()));
        }
        let shortest = lines.iter().map(|line| line.len).min().unwrap_or(0) + 1;
        let long = lines.iter().filter(|line| line.len >= window).count();
        lines.retain(|line| line.len < window);
        if lines.is_empty() {
            return Err(Error::failure(format!(
                "{place} has no line that fits into a window of {window} with its end: {}",
                match shortest {
                    0..=MAX_LINE => format!("window={shortest} fits one"),
                    _ => "leave out lines=true, and it is one long text".into(),
                }
            )));
        }
        about.tell(lines.iter().map(|line| line.len).sum(), strange, &symbols);
        about.left_out.add_some("blank lines", blank);
        about.left_out.add_some(
            &format!("lines that do not fit into a window of {window} with their end, which window=auto has room for"),
            long,
        );
        if !own_test {
            let files = holdout::files(texts.len(), options);
            let has = |held| lines.iter().any(|line| files[line.file] == held);
            let (whole, drawn) = (has(false) && has(true), holdout::held(lines.len(), false, options));
            let is_held = |(line, drawn): (&Line, &bool)| if whole { files[line.file] } else { *drawn };
            let held: Vec<bool> = lines.iter().zip(&drawn).map(is_held).collect();
            let (of, count, test) =
                (held.len(), held.iter().filter(|held| **held).count(), options.split == Split::Test);
            if test && count == 0 {
                return Ok(None);
            }
            about.part = holdout::said(of, count, "lines", options);
            let mut held = held.iter();
            lines.retain(|_| held.next() == Some(&test));
        }
        check_memory(root, "line", lines.len(), 2 * window, "a smaller window")?;
        if options.known.is_some() {
            about.names = lines.iter().map(|line| line.name(&texts, root)).collect();
        }
        drop(texts);
        let mut padded = Vec::with_capacity(lines.len() * window);
        for line in &lines {
            padded.extend(&ids[line.start..][..line.len]);
            padded.resize(padded.len().next_multiple_of(window), end);
        }
        let cut = Options { window: Some(window), stride: Some(window), ..options.clone() };
        drop(ids);
        let set = windows::of_symbols(root, vec![padded], symbols, &cut)?;
        Ok(Some(Dataset { about, name: set_name(root), ..set }))
    }
}

/// The error for a part whose every line has characters that the part to learn from has not.
fn strange_alphabet(root: &Path) -> Error {
    Error::failure(format!(
        "every line of one part of `{}` has characters that the part to learn from has not: tokens=bpe spells them \
         all, and split=false learns from both parts",
        root.display()
    ))
}

/// Lines of texts in symbols.
struct Lines {
    ids: Vec<u16>,
    lines: Vec<Line>,
    /// How many more are blank, and how many have symbols that there are not.
    blank: usize,
    strange: usize,
}

impl Lines {
    fn of(texts: &[Text], symbols: &Symbols) -> Self {
        let mut writer = Writer::of(symbols);
        let mut all = Self { ids: vec![], lines: vec![], blank: 0, strange: 0 };
        for (file, Text { text, .. }) in texts.iter().enumerate() {
            for (place, (line, _)) in tokens::lines(text).enumerate() {
                let start = all.ids.len();
                if is_blank(line) {
                    all.blank += 1;
                } else if writer.add(line, false, writer.unknown(), &mut all.ids).is_err() {
                    all.ids.truncate(start);
                    all.strange += 1;
                } else {
                    all.lines.push(Line { file, place, start, len: all.ids.len() - start });
                }
            }
        }
        all
    }
}

fn longest(lines: &[Line]) -> Option<&Line> {
    lines.iter().max_by_key(|line| line.len)
}

/// A line of a text, as a range of symbols.
struct Line {
    file: usize,
    /// Its number in the file, from 0.
    place: usize,
    start: usize,
    len: usize,
}

impl Line {
    /// The window that holds it with its end.
    fn window(&self) -> usize {
        (self.len + 1).max(2)
    }

    /// Its number in the file, from 1; after the name of the file if there are several.
    fn name(&self, texts: &[Text], root: &Path) -> String {
        let number = self.place + 1;
        match texts {
            [_] => number.to_string(),
            _ => format!("{}:{number}", listing::below(root, texts[self.file].file)),
        }
    }
}

impl About {
    /// Tells how many symbols there are, and how many lines were left out for symbols that are not in the alphabet.
    fn tell(&mut self, all: usize, strange: usize, symbols: &Symbols) {
        let different = symbols.names.len() - usize::from(symbols.end.is_some());
        // Not all byte pairs of an alphabet need occur.
        let of = if symbols.spelling == Spelling::BytePairs { "in the alphabet" } else { "different" };
        self.findings.insert(0, format!("{}, {different} {of}", counted(all, symbols.noun())));
        let reason = format!("lines with {}s that the part to learn from has not", symbols.noun());
        self.left_out.add_some(&reason, strange);
    }
}
