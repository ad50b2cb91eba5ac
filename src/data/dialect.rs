//! The format of a table: its encoding, the lines above and below it, its separator and its decimal mark.

mod joined;
mod survey;

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use csv::{Position, ReaderBuilder, StringRecord, Trim};

use super::cells;
use super::encoding::{decode, line};
use super::header::{are_groups, is_alone};
use super::quotes::{self, Quotes};
use super::{Options, check_memory, digest, set_name, table, unpack};
use crate::error::{Error, Result, counted, plain};
use crate::settings::{Decimal, Separator};

/// Number of rows to choose the separator by.
const FIRST: usize = 100;
/// Lines that are said beside a first one with the same fault.
const SAID: usize = 3;
/// Largest number of lines above a table, and below it, that are no rows.
pub(super) const ASIDE: usize = 20;
/// Candidates, in order of preference if several split rows alike: commas come last, as they may be decimal marks.
const SEPARATORS: [Separator; 4] = [Separator::Tab, Separator::Semicolon, Separator::Pipe, Separator::Comma];

/// The text of a table and how to read it.
pub(super) struct Sheet {
    /// The path of the file, for errors.
    pub file: String,
    /// The last part of the path, for notes.
    pub name: String,
    /// The files that it lies in: one, or the one to learn from and the one to test with.
    files: Vec<PathBuf>,
    /// The digest of the file.
    pub source: String,
    text: String,
    /// Offset of the first row, in bytes.
    start: usize,
    /// The separator between cells.
    pub separator: Separator,
    /// Whether lines end with CR LF.
    pub crlf: bool,
    /// Whether the file begins with a byte order mark of UTF-8.
    pub mark: bool,
    /// The decimal mark.
    pub decimal: Decimal,
    /// Where the rows of the file to test with begin, if the table lies in two files.
    pub test: Option<usize>,
    /// The last comment line above the table, which may hold the names of the columns.
    pub comment: Option<String>,
    /// The name of the encoding, if it is not UTF-8.
    pub encoding: Option<String>,
    /// The recognised properties, a few words each.
    pub findings: Vec<String>,
    /// Sentences on ambiguous content and how it was read.
    pub notes: Vec<String>,
    /// For an ambiguous table: an error to refuse it with, or a note. A header resolves the doubt, because it shows the
    /// number of columns.
    doubt: Option<Result<String, String>>,
}

impl Sheet {
    /// Reads a file and finds out its format; all rows have as many cells as the first.
    pub fn open(path: &Path, options: &Options) -> Result<Self> {
        let parts = table::parts(path);
        let first = parts.as_ref().map_or(path, |[train, _]| train);
        let bytes = unpack::read(first)?;
        let mut digests = vec![digest::of(&[&bytes])];
        let mark = bytes.starts_with(b"\xef\xbb\xbf");
        let (mut text, encoding) = decode(first, bytes, options.encoding.as_deref())?;
        let mut test = None;
        if let Some([_, second]) = &parts {
            let bytes = unpack::read(second)?;
            digests.push(digest::of(&[&bytes]));
            let (other, _) = decode(second, bytes, options.encoding.as_deref())?;
            let rest = joined::below_names(&text, &other)
                .map_err(|what| Error::failure(format!("`{}` {what} of `{}`", second.display(), first.display())))?;
            text.truncate(text.trim_end().len());
            test = Some(text.len() + 1);
            text.push('\n');
            text += &rest;
        }
        let source = digest::of_files(&digests);
        if let Some(end) = end_of_difference(&text).filter(|_| test.is_none()) {
            text.truncate(end);
        }
        // Short cells take more memory as numbers than as text.
        let cells = text.bytes().filter(|byte| b",;\t|\n".contains(byte)).count();
        check_memory(path, "cell", cells, size_of::<f64>(), "a part of the table")?;
        let mut sheet = Self {
            file: path.display().to_string(),
            name: set_name(path),
            files: parts.map_or_else(|| vec![path.to_owned()], Vec::from),
            source,
            text,
            start: 0,
            separator: options.separator.unwrap_or(Separator::Comma),
            crlf: false,
            test,
            mark,
            decimal: options.decimal.unwrap_or(Decimal::Point),
            comment: None,
            encoding: name_of(encoding.as_deref()),
            findings: encoding.map(|name| format!("read as {name}")).into_iter().collect(),
            notes: vec![],
            doubt: None,
        };
        sheet.crlf = sheet.text.contains("\r\n");
        let declared = sheet.skip_preamble();
        let guessed = options.separator.or(declared).is_none();
        let is_decimal_comma = options.decimal == Some(Decimal::Comma);
        // No separator is in the text, or commas are decimal marks.
        let usual = if is_decimal_comma { Separator::Semicolon } else { Separator::Comma };
        let separator = options.separator.or(declared).or_else(|| sheet.guess(is_decimal_comma)).unwrap_or(usual);
        let doubt = sheet.doubt_of(separator, options);
        sheet.notes.extend(doubt);
        sheet.separator = separator;
        if sheet.separator == Separator::Blank {
            // The text above the first row keeps its length, because `start` counts its bytes.
            let (above, table) = sheet.text.split_at(sheet.start);
            sheet.text = above.to_owned() + &tabs_for_blanks(table);
        }
        sheet.skip_titles();
        sheet.skip_titles();
        let commas = sheet.survey(options, guessed)?;
        if options.decimal == Some(Decimal::Comma) && options.separator == Some(Separator::Comma) && !commas {
            return Err(Error::usage(format!(
                "`{}`: `separator` and `decimal` are both comma, which takes quotes around numbers, and there are \
                 none: leave one of them out",
                sheet.file
            )));
        }
        if sheet.separator != Separator::Comma {
            sheet.findings.push(format!("separator {}", sheet.separator.word()));
        }
        if sheet.decimal == Decimal::Comma {
            sheet.findings.push("decimal comma".into());
        }
        Ok(sheet)
    }

    /// Skips comments, blank lines, and the line that declares the separator to Excel; returns the declared separator.
    fn skip_preamble(&mut self) -> Option<Separator> {
        let mut declared = None;
        loop {
            let rest = &self.text[self.start..];
            let end = rest.find(['\n', '\r']).unwrap_or(rest.len());
            let (row, excel) = (rest[..end].trim(), rest[..end].trim_matches('"'));
            if self.start == 0 && excel.len() == 5 && excel.to_lowercase().starts_with("sep=") {
                declared = SEPARATORS.into_iter().find(|separator| excel.ends_with(char::from(byte(*separator))));
            } else if row.starts_with('#') {
                self.comment = Some(row.trim_start_matches('#').trim().to_owned());
            } else if !row.is_empty() || end == rest.len() {
                return declared;
            }
            self.start += (end + 1).min(rest.len());
        }
    }

    /// The separator that splits the first rows most evenly into cells that are numbers or dates; `None` if none splits
    /// them.
    fn guess(&self, is_decimal_comma: bool) -> Option<Separator> {
        // The share of rows with the usual number of cells, and the share of recognised cells.
        let judge = |text: &str, separator| {
            let rows = first_rows(text, separator);
            let (width, alike) = usual_width(&rows)?;
            // The first row may hold names.
            let below = &rows[usize::from(rows.len() > 1)..];
            let all: usize = below.iter().map(|row| row.len()).sum();
            let known = below.iter().flat_map(|row| row.iter()).filter(|cell| cells::is_measure(cell)).count();
            (width > 1).then(|| (alike as f64 / rows.len() as f64, known as f64 / all as f64))
        };
        let text = &self.text[self.start..];
        let mut best = (0.0, 0.0, Separator::Comma);
        for separator in SEPARATORS.into_iter().filter(|s| !(is_decimal_comma && *s == Separator::Comma)) {
            let (alike, known) = judge(text, separator).unwrap_or((0.0, 0.0));
            let score = alike * (1.0 + known);
            // The commas of decimals leave a part of each row that looks like a number, but they are not in the names.
            if score > best.0 + 1e-9 && (separator != Separator::Comma || alike > best.1 + 1e-9) {
                best = (score, alike, separator);
            }
        }
        if best.0 > 0.0 {
            return Some(best.2);
        }
        // Many texts contain blanks, so blanks are separators only if nearly all cells are recognised.
        let first: String = text.split_inclusive('\n').take(FIRST).collect();
        let is_split = |(alike, known): &(f64, f64)| *alike > 0.9 && *known > 0.8;
        judge(&tabs_for_blanks(&first), Separator::Tab).filter(is_split).map(|_| Separator::Blank)
    }

    /// The note on a separator that rows contradict, as settings ask for it.
    fn doubt_of(&self, separator: Separator, options: &Options) -> Option<String> {
        let other = self.guess(false).filter(|other| *other != separator)?;
        let cells = || usual_width(&first_rows(&self.text[self.start..], other)).map_or(0, |(width, _)| width);
        let setting = match (options.separator, options.decimal) {
            (Some(_), _) => "separator",
            // Two cells may be one number.
            (None, Some(Decimal::Comma)) if cells() > 2 => "decimal",
            _ => return None,
        };
        Some(format!(
            "`{}`: its rows look separated by {}s, and are read by {}s, as `{setting}` is set",
            self.name,
            other.word(),
            separator.word()
        ))
    }

    /// Skips lines above the first row, such as the title of a report, if they are certainly no rows.
    fn skip_titles(&mut self) {
        let rows = first_rows(&self.text[self.start..], self.delimiter());
        let Some((width, _)) = usual_width(&rows).filter(|(width, _)| *width > 1) else { return };
        // Some programs write the empty cells of the row after a title.
        let is_aside = |row: &StringRecord| row.len() != width || !row[0].is_empty() && is_alone(row);
        // Rows may end with a separator that their names lack.
        if rows[0].len() + 1 == width && rows[1..].iter().all(|row| row.len() == width && row[width - 1].is_empty()) {
            return;
        }
        let first = match rows.iter().position(|row| !is_aside(row)).unwrap_or(0) {
            0 if are_groups(&rows, width) => 1,
            first => first,
        };
        let (titles, names) = (&rows[..first], &rows[first]);
        let has_digits = names.iter().any(|cell| !cell.is_empty() && cells::is_whole(cell));
        let are_names =
            names.iter().any(cells::is_text) && names.iter().all(|cell| cells::is_whole(cell) || cells::is_text(cell));
        let is_title = |row: &StringRecord| match row.len() {
            len if len == width && !is_alone(row) => are_names,
            // Two numbers may be one number with a decimal comma.
            1 => are_names || width > 2 || self.separator != Separator::Comma,
            // R does not name the first column, and a row may end with a separator.
            len => are_names && (!has_digits || len + 1 < width),
        };
        if first == 0 || first > ASIDE || !titles.iter().all(is_title) {
            return;
        }
        let lines = counted(first, "line");
        let said = shown(titles[0].iter().find(|cell| !cell.is_empty()).unwrap_or_default());
        self.notes.push(format!("`{}`: left out {lines} above the table, {said}", self.name));
        self.start += names.position().map_or(0, Position::byte) as usize;
    }

    /// The separator for the CSV reader: a tab for blanks, which [`tabs_for_blanks`] replaced.
    fn delimiter(&self) -> Separator {
        if self.separator == Separator::Blank { Separator::Tab } else { self.separator }
    }

    /// For a table without a header: the error that refuses an ambiguous table, or the note on it.
    pub fn doubt(&self) -> Result<Option<String>> {
        self.doubt.clone().transpose().map_err(Error::usage)
    }

    /// Calls `take` with every row that is not empty and the byte offset of the row.
    pub fn rows(&self, mut take: impl FnMut(usize, &StringRecord) -> Result<()>) -> Result<()> {
        // Most rows need no trimming, and trimming copies a row.
        let mut csv = reader(&self.text.as_bytes()[self.start..], self.delimiter(), Trim::None);
        let mut record = StringRecord::new();
        loop {
            let read = csv.read_record(&mut record);
            if !read.map_err(|error| Error::failure(format!("`{}` cannot be read: {error}", self.file)))? {
                return Ok(());
            }
            if record.as_slice().bytes().any(|byte| byte <= b' ' || !byte.is_ascii()) {
                record.trim();
            }
            if !record.as_slice().is_empty() {
                take(self.start + record.position().map_or(0, Position::byte) as usize, &record)?;
            }
        }
    }

    /// Offset of the first row in the file, in bytes, if the file is of UTF-8.
    pub fn first_row(&self) -> u64 {
        (self.start + if self.mark { 3 } else { 0 }) as u64
    }

    /// Whether the file's bytes are its text.
    pub fn is_utf8(&self) -> bool {
        !self.findings.iter().any(|finding| finding.starts_with("read as "))
    }

    /// Which names and cells of a table of `width` columns are in quotes, with a row of names if it is `titled`.
    pub fn quotes(&self, width: usize, titled: bool) -> (Quotes, Vec<Quotes>) {
        quotes::found(&self.text[self.start..], byte(self.delimiter()), width, titled)
    }

    /// The names in the comment above the table, if there are `width` of them.
    pub fn comment_names(&self, width: usize) -> Option<StringRecord> {
        let comment = self.comment.as_ref()?;
        let (comment, separator) = match self.separator {
            Separator::Blank => (tabs_for_blanks(comment), Separator::Tab),
            separator => (comment.clone(), separator),
        };
        let names = reader(comment.as_bytes(), separator, Trim::All).records().next()?.ok()?;
        (width > 1 && names.len() == width).then_some(names)
    }

    /// The line of the row at byte offset `at` of its file. The reader's rows include the blank lines above them.
    pub fn line(&self, at: usize) -> Line<'_> {
        let rest = &self.text[at..];
        let at = at + rest.len() - rest.trim_start_matches(['\n', '\r']).len();
        let number = line(&self.text, at);
        match self.test {
            // Its line of names was left out.
            Some(test) if at >= test => {
                Line { number: number - line(&self.text, test) + 2, file: &self.files[1], is_other: true }
            }
            _ => Line { number, file: &self.files[0], is_other: false },
        }
    }
}

/// If all rows below the first are equal, the offset after some of them, where the text can be cut without loss. Many
/// equal rows, as in a file made to fill memory, teach nothing more.
fn end_of_difference(text: &str) -> Option<usize> {
    let start = text.find('\n')? + 1;
    let rest = &text.as_bytes()[start..];
    let len = rest.iter().position(|byte| *byte == b'\n')? + 1;
    let is_whole = rest.len().is_multiple_of(len) && len > 1 && !rest[..len].contains(&b'"');
    (is_whole && rest.len() > FIRST * len && rest[len..] == rest[..rest.len() - len]).then_some(start + FIRST * len)
}

pub(super) fn reader<R: Read>(source: R, separator: Separator, trim: Trim) -> csv::Reader<R> {
    ReaderBuilder::new().has_headers(false).flexible(true).trim(trim).delimiter(byte(separator)).from_reader(source)
}

/// The first [`FIRST`] rows that are not empty.
fn first_rows(text: &str, separator: Separator) -> Vec<StringRecord> {
    let rows = reader(text.as_bytes(), separator, Trim::All).into_records().take(FIRST).flatten();
    rows.filter(|row| !row.as_slice().is_empty()).collect()
}

/// The commonest number of cells of a row, and the number of rows that have it.
fn usual_width(rows: &[StringRecord]) -> Option<(usize, usize)> {
    let count = |width: usize| rows.iter().filter(|row| row.len() == width).count();
    rows.iter().map(|row| (row.len(), count(row.len()))).max_by_key(|(_, count)| *count)
}

/// The name in what was found of an encoding, if it is not UTF-8.
fn name_of(found: Option<&str>) -> Option<String> {
    found?.split(',').next().filter(|name| *name != "UTF-8").map(str::to_owned)
}

/// A line of a table, for people: its number, and its file where that is not the one to learn from.
#[derive(Clone, Copy)]
pub(super) struct Line<'a> {
    number: usize,
    file: &'a Path,
    is_other: bool,
}

impl Line<'_> {
    /// The path of the file and the number, as programs link them.
    pub fn place(&self) -> String {
        format!("{}:{}", self.file.display(), self.number)
    }
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.is_other {
            true => write!(f, "{} of `{}`", self.number, set_name(self.file)),
            false => write!(f, "{}", self.number),
        }
    }
}

/// The lines beside a first one that have the same fault: how many, and the first of them.
pub(super) fn likewise<'a>(lines: impl ExactSizeIterator<Item = Line<'a>>) -> String {
    let count = lines.len();
    let first: Vec<String> = lines.take(SAID).map(|line| line.to_string()).collect();
    let dots = if count > SAID { ", .." } else { "" };
    match count {
        0 => String::new(),
        1 => format!(" (likewise line {})", first[0]),
        _ => format!(" (likewise {count} more lines: {}{dots})", first.join(", ")),
    }
}

/// The separator as a byte.
pub(super) fn byte(separator: Separator) -> u8 {
    match separator {
        Separator::Comma => b',',
        Separator::Semicolon => b';',
        Separator::Tab => b'\t',
        Separator::Pipe => b'|',
        Separator::Blank => b' ',
    }
}

/// Replaces each run of blanks outside quotes by one tab.
fn tabs_for_blanks(text: &str) -> String {
    let line = |line: &str| {
        let mut quoted = false;
        let end = if line.ends_with('\n') { "\n" } else { "" };
        let is_blank = |c: char| {
            quoted ^= c == '"';
            !quoted && c.is_whitespace()
        };
        line.trim().split(is_blank).filter(|cell| !cell.is_empty()).collect::<Vec<_>>().join("\t") + end
    };
    text.split_inclusive('\n').map(line).collect()
}

/// A cell quoted for a sentence: on one line, shortened if long.
pub(super) fn shown(cell: &str) -> String {
    if cell.is_empty() { "an empty cell".into() } else { plain(&format!("`{cell}`")) }
}
