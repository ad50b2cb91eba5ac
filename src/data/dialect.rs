//! How a table is written down: its encoding, what stands above it, between its cells and before its decimals.

use std::path::Path;

use csv::{Position, ReaderBuilder, StringRecord, Trim};

use super::cells::{self, Evidence};
use super::encoding::{decode, line};
use super::{Options, check_memory, digest, set_name, unpack};
use crate::error::{Error, Result};
use crate::settings::{Decimal, Separator};

/// Rows by which the separator is chosen.
const FIRST: usize = 100;
/// The longest part of a cell that is shown.
const SHOWN: usize = 40;
/// What is chosen from: of several that split alike, the first, as commas may be those of decimals.
const SEPARATORS: [Separator; 4] = [Separator::Tab, Separator::Semicolon, Separator::Pipe, Separator::Comma];

/// The text of a table and how to read it.
pub(super) struct Sheet {
    /// The file, for errors.
    pub file: String,
    /// The last part of its path, for notes.
    pub name: String,
    /// The digest of the file.
    pub source: String,
    text: String,
    /// The byte that the first row begins at.
    start: usize,
    /// What stands between cells.
    separator: Separator,
    /// What stands before decimals.
    pub decimal: Decimal,
    /// The last line of comments above the table, which may hold its names.
    pub comment: Option<String>,
    /// What was recognised, each a few words.
    pub findings: Vec<String>,
    /// Sentences on what could be read in two ways.
    pub notes: Vec<String>,
    /// Where the table could be another one, unless it has a header that tells how many columns there are: a sentence to
    /// refuse it with, or one to say.
    doubt: Option<Result<String, String>>,
}

impl Sheet {
    /// Reads a file and finds out how it is written; all rows have as many cells as the first.
    pub fn open(path: &Path, options: &Options) -> Result<Self> {
        let bytes = unpack::read(path)?;
        let source = digest::of_files(&[digest::of(&[&bytes])]);
        let (text, encoding) = decode(path, bytes)?;
        // Short cells take more as numbers than as text.
        let cells = text.bytes().filter(|byte| b",;\t|\n".contains(byte)).count();
        check_memory(path, "cells", cells, size_of::<f64>(), "a part of the table")?;
        let mut sheet = Self {
            file: path.display().to_string(),
            name: set_name(path),
            source,
            text,
            start: 0,
            separator: options.separator.unwrap_or(Separator::Comma),
            decimal: options.decimal.unwrap_or(Decimal::Point),
            comment: None,
            findings: encoding.map(|name| format!("read as {name}")).into_iter().collect(),
            notes: vec![],
            doubt: None,
        };
        let declared = sheet.skip_preamble();
        let guessed = options.separator.or(declared).is_none();
        sheet.separator =
            options.separator.or(declared).unwrap_or_else(|| sheet.guess(options.decimal == Some(Decimal::Comma)));
        if sheet.separator == Separator::Blank {
            // What lies above the first row keeps its length, as the row is found by it.
            let (above, table) = sheet.text.split_at(sheet.start);
            sheet.text = above.to_owned() + &tabs_for_blanks(table);
        }
        let commas = sheet.survey(options, guessed)?;
        if options.decimal == Some(Decimal::Comma) && options.separator == Some(Separator::Comma) && !commas {
            return Err(Error::usage(format!(
                "`{}`: `separator` and `decimal` are both comma, which takes quotes around numbers, and there are none: \
                 leave one of them out",
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

    /// Goes on to the first row: past comments, blank lines, and the line by which Excel is told the separator.
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

    /// The separator that splits the first rows alike, into cells that are numbers or dates.
    fn guess(&self, is_decimal_comma: bool) -> Separator {
        let known = |cell: &str| {
            let number = |decimal| cells::number(cell, decimal).is_some();
            number(Decimal::Point)
                || number(Decimal::Comma)
                || cells::is_missing(cell)
                || cells::dates(cell, u8::MAX) != 0
        };
        // The share of rows that have the usual number of cells, and the share of cells that are known.
        let judge = |text: &str, separator| {
            let rows: Vec<StringRecord> = reader(text, separator).records().take(FIRST).flatten().collect();
            let rows: Vec<&StringRecord> = rows.iter().filter(|row| row.iter().ne([""])).collect();
            let count = |width: usize| rows.iter().filter(|row| row.len() == width).count();
            let width =
                rows.iter().map(|row| row.len()).max_by_key(|width| count(*width)).filter(|width| *width > 1)?;
            // The first row may hold names.
            let below = &rows[usize::from(rows.len() > 1)..];
            let all: usize = below.iter().map(|row| row.len()).sum();
            let known = below.iter().flat_map(|row| row.iter()).filter(|cell| known(cell)).count();
            Some((count(width) as f64 / rows.len() as f64, known as f64 / all as f64))
        };
        let text = &self.text[self.start..];
        let mut best = (0.0, Separator::Comma);
        for separator in SEPARATORS.into_iter().filter(|s| !(is_decimal_comma && *s == Separator::Comma)) {
            let score = judge(text, separator).map_or(0.0, |(alike, known)| alike * (1.0 + known));
            if score > best.0 + 1e-9 {
                best = (score, separator);
            }
        }
        if best.0 > 0.0 {
            return best.1;
        }
        // Blanks are in many texts: they separate only what is known almost everywhere.
        let first: String = text.split_inclusive('\n').take(FIRST).collect();
        match judge(&tabs_for_blanks(&first), Separator::Tab) {
            Some((alike, known)) if alike > 0.9 && known > 0.8 => Separator::Blank,
            // None is in the text, or it is before decimals.
            _ if is_decimal_comma => Separator::Semicolon,
            _ => Separator::Comma,
        }
    }

    /// Looks at every cell: rows are of one width, and decimals are found out. Says whether any cell holds a comma.
    fn survey(&mut self, options: &Options, guessed: bool) -> Result<bool> {
        let (mut width, mut commas) = (0, false);
        let mut sure = [0usize; 2];
        let mut doubtful: Option<String> = None;
        // For each column: all are whole; all are digits, as after a decimal comma; some begin with 0 as decimals do.
        let mut whole: Vec<[bool; 3]> = vec![];
        let mut last = (0, false);
        self.rows(|at, row| {
            if width == 0 {
                width = row.len();
                whole = vec![[true, true, false]; width];
            }
            if row.len() != width {
                let hint = match guessed && self.separator == Separator::Comma && row.len() == 2 * width {
                    true => "; if the commas are those of decimals, set decimal=comma",
                    false => "",
                };
                return Err(Error::failure(format!(
                    "{}:{}: {} values where the first row has {width}{hint}",
                    self.file,
                    self.line(at),
                    row.len()
                )));
            }
            last = (at, row.iter().next_back().is_some_and(|cell| cell.contains('\n')));
            for (cell, kind) in row.iter().zip(&mut whole) {
                commas |= cell.contains(',');
                match cells::evidence(cell) {
                    Some(Evidence::Sure(Decimal::Point)) => sure[0] += 1,
                    Some(Evidence::Sure(Decimal::Comma)) => sure[1] += 1,
                    Some(Evidence::Doubtful) if doubtful.is_none() => doubtful = Some(cell.to_owned()),
                    _ => {}
                }
                let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
                kind[0] &= digits(cell.trim_start_matches(['-', '+']));
                kind[1] &= digits(cell);
                kind[2] |= cell.len() > 1 && cell.starts_with('0');
            }
            Ok(())
        })?;
        // Only within quotes does a cell have several lines, and these end with one.
        if last.1 && !self.text.trim_end().ends_with('"') {
            let line = self.line(last.0);
            return Err(Error::failure(format!("{}:{line}: a quote begins here that has no end", self.file)));
        }
        if options.decimal.is_none() {
            self.decide_decimal(sure, doubtful);
        }
        let is_pair = |pair: &[[bool; 3]]| pair[0][0] && pair[1][1];
        if guessed && self.separator == Separator::Comma && sure == [0, 0] {
            let (file, name) = (&self.file, &self.name);
            if whole.windows(2).any(|pair| is_pair(pair) && pair[1][2]) {
                self.doubt = Some(Err(format!(
                    "`{file}` may have decimal commas or commas between whole numbers: set decimal=comma or separator=comma"
                )));
            } else if whole.len() == 2 && is_pair(&whole) {
                self.doubt =
                    Some(Ok(format!("`{name}`: commas are between two whole numbers; decimal=comma makes them one")));
            }
        }
        Ok(commas)
    }

    fn decide_decimal(&mut self, [points, commas]: [usize; 2], doubtful: Option<String>) {
        self.decimal = if commas > points { Decimal::Comma } else { Decimal::Point };
        let Some(cell) = doubtful.filter(|_| points + commas == 0) else { return };
        if self.separator == Separator::Semicolon {
            self.decimal = Decimal::Comma;
        }
        let other = if self.decimal == Decimal::Comma { Decimal::Point } else { Decimal::Comma };
        let value = |decimal| cells::number(&cell, decimal).map_or(f64::NAN, |(value, _)| value);
        self.notes.push(format!(
            "`{}`: {} is read as {}; decimal={} makes it {}",
            self.name,
            shown(&cell),
            value(self.decimal),
            other.word(),
            value(other)
        ));
    }

    /// Refuses a table that could be another one, now that it is known to have no header; or gives the sentence on it.
    pub fn doubt(&self) -> Result<Option<String>> {
        self.doubt.clone().transpose().map_err(Error::usage)
    }

    /// Gives every row that has anything in it, with where it is.
    pub fn rows(&self, mut take: impl FnMut(usize, &StringRecord) -> Result<()>) -> Result<()> {
        let separator = if self.separator == Separator::Blank { Separator::Tab } else { self.separator };
        let mut csv = reader(&self.text[self.start..], separator);
        let mut record = StringRecord::new();
        loop {
            let read = csv.read_record(&mut record);
            if !read.map_err(|error| Error::failure(format!("`{}` cannot be read: {error}", self.file)))? {
                return Ok(());
            }
            if record.iter().any(|cell| !cell.is_empty()) {
                take(self.start + record.position().map_or(0, Position::byte) as usize, &record)?;
            }
        }
    }

    /// The names in the comment above the table, if there are so many.
    pub fn comment_names(&self, width: usize) -> Option<StringRecord> {
        let comment = self.comment.as_ref()?;
        let (comment, separator) = match self.separator {
            Separator::Blank => (tabs_for_blanks(comment), Separator::Tab),
            separator => (comment.clone(), separator),
        };
        let names = reader(&comment, separator).records().next()?.ok()?;
        (width > 1 && names.len() == width).then_some(names)
    }

    /// The line of the row at a byte: the reader's rows begin before the blank lines above them.
    pub fn line(&self, at: usize) -> usize {
        let rest = &self.text[at..];
        line(&self.text, at + rest.len() - rest.trim_start_matches(['\n', '\r']).len())
    }
}

fn reader(text: &str, separator: Separator) -> csv::Reader<&[u8]> {
    ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(Trim::All)
        .delimiter(byte(separator))
        .from_reader(text.as_bytes())
}

/// The separator itself; several blanks are made one tabulator before.
fn byte(separator: Separator) -> u8 {
    match separator {
        Separator::Comma => b',',
        Separator::Semicolon => b';',
        Separator::Tab => b'\t',
        Separator::Pipe => b'|',
        Separator::Blank => b' ',
    }
}

/// Lines whose blanks outside of quotes are one tabulator each.
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

/// A cell in a sentence: in one line, and not all of a long one.
pub(super) fn shown(cell: &str) -> String {
    match cell.is_empty() {
        true => "an empty cell".into(),
        false if cell.chars().count() > SHOWN => {
            format!("`{}…`", cell.chars().take(SHOWN).collect::<String>().escape_debug())
        }
        false => format!("`{}`", cell.escape_debug()),
    }
}
