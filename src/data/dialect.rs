//! The format of a table: its encoding, the lines above and below it, its separator and its decimal mark.

use std::io::Read;
use std::path::Path;

use csv::{Position, ReaderBuilder, StringRecord, Trim};

use super::cells::{self, Evidence};
use super::encoding::{decode, line};
use super::header::{are_groups, is_alone};
use super::quotes::{self, Quotes};
use super::{Options, check_memory, digest, set_name, table, unpack};
use crate::error::{Error, Result, counted, plain};
use crate::settings::{Decimal, Separator};

/// Number of rows to choose the separator by.
const FIRST: usize = 100;
/// Number of doubtful rows that make a note about decimals worthwhile.
const FEW: usize = 3;
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
            let rest =
                other.lines().next().filter(|line| text.lines().next() == Some(line)).map(|line| &other[line.len()..]);
            let Some(rest) = rest else {
                let (train, test) = (first.display(), second.display());
                return Err(Error::failure(format!("`{test}` does not begin with the line of names of `{train}`")));
            };
            text.truncate(text.trim_end().len());
            test = Some(text.len() + 1);
            text.push('\n');
            text += rest.trim_start();
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
        sheet.separator =
            options.separator.or(declared).unwrap_or_else(|| sheet.guess(options.decimal == Some(Decimal::Comma)));
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

    /// The separator that splits the first rows most evenly into cells that are numbers or dates.
    fn guess(&self, is_decimal_comma: bool) -> Separator {
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
            return best.2;
        }
        // Many texts contain blanks, so blanks are separators only if nearly all cells are recognised.
        let first: String = text.split_inclusive('\n').take(FIRST).collect();
        match judge(&tabs_for_blanks(&first), Separator::Tab) {
            Some((alike, known)) if alike > 0.9 && known > 0.8 => Separator::Blank,
            // No separator is in the text, or commas are decimal marks.
            _ if is_decimal_comma => Separator::Semicolon,
            _ => Separator::Comma,
        }
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

    /// Checks every cell: rows must have one width, and the decimal mark is decided. Returns whether any cell has a
    /// comma.
    fn survey(&mut self, options: &Options, guessed: bool) -> Result<bool> {
        let (mut width, mut commas) = (0, false);
        let mut sure = [0usize; 2];
        // The first cells whose only mark may separate thousands: a comma, or a point in several rows.
        let (mut doubtful, mut dotted) = (None, vec![]);
        // Lines that are no rows if no row follows them.
        let mut below: Vec<(usize, StringRecord)> = vec![];
        let mut first = None;
        // Per column: all cells are whole; all are digits, as after a decimal comma; some begin with 0 as decimals do.
        let mut whole: Vec<[bool; 3]> = vec![];
        // Per column: whether a point, or a comma, stands before three digits; whether whole numbers are short; long.
        let mut groups: Vec<[bool; 4]> = vec![];
        let mut last = (0, false);
        // Rows with one more cell, which is empty; cells with line breaks, and the one that has most of them.
        let mut ended = 0;
        let mut broken = (0, 0, 0, String::new());
        self.rows(|at, row| {
            if width == 0 {
                width = row.len();
                whole = vec![[true, true, false]; width];
                groups = vec![[false; 4]; width];
            }
            let is_second = *first.get_or_insert(at) == last.0;
            let odd = |at, values: &StringRecord| {
                let advice = match values.len() {
                    len if guessed && self.separator == Separator::Comma && len == 2 * width => {
                        "if the commas are those of decimals, set decimal=comma".into()
                    }
                    _ if is_second => format!("mend it, or take out line {} if that is no row", self.line(last.0)),
                    _ => "mend it, or take it out".into(),
                };
                let (line, count) = (self.line(at), counted(values.len(), "value"));
                Error::failure(format!("{}:{line}: {count} where the first row has {width}: {advice}", self.file))
            };
            if row.len() < width
                && below.len() < ASIDE
                && cells::is_text(&row[0])
                && (is_alone(row) || cells::is_summary(&row[0]))
            {
                below.push((at, row.clone()));
                return Ok(());
            }
            let more = row.len().saturating_sub(width);
            if row.len() < width || more > 1 || more == 1 && !row[width].is_empty() {
                return Err(odd(at, row));
            }
            ended += more;
            for cell in row.iter().filter(|cell| cell.contains('\n')) {
                let lines = cell.matches('\n').count();
                let (count, most, ..) = broken;
                broken = if lines > most {
                    (count + 1, lines, at, cell.to_owned())
                } else {
                    (count + 1, most, broken.2, broken.3.clone())
                };
            }
            if let Some((at, line)) = below.first() {
                return Err(odd(*at, line));
            }
            last = (at, row.iter().next_back().is_some_and(|cell| cell.contains('\n')));
            for ((cell, kind), groups) in row.iter().zip(&mut whole).zip(&mut groups) {
                commas |= cell.contains(',');
                let found = cells::evidence(cell);
                groups[0] |= found == Some(Evidence::Doubtful) && cell.contains('.');
                groups[1] |= found == Some(Evidence::Doubtful) && cell.contains(',');
                let len = if cells::is_whole(cell) { cell.len() } else { 0 };
                groups[2] |= (1..=3).contains(&len);
                groups[3] |= len > 3;
                match found {
                    Some(Evidence::Sure(Decimal::Point)) => sure[0] += 1,
                    Some(Evidence::Sure(Decimal::Comma)) => sure[1] += 1,
                    Some(Evidence::Doubtful) if cell.contains('.') && dotted.len() < FEW => {
                        dotted.push(cell.to_owned());
                    }
                    Some(Evidence::Doubtful) if doubtful.is_none() && cell.contains(',') => {
                        doubtful = Some(cell.to_owned());
                    }
                    _ => {}
                }
                let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
                kind[0] &= digits(cell.trim_start_matches(['-', '+']));
                kind[1] &= digits(cell);
                kind[2] |= cell.len() > 1 && cell.starts_with('0');
            }
            Ok(())
        })?;
        // A cell spans several lines only within quotes, so the text must end with a quote.
        if last.1 && !self.text.trim_end().ends_with('"') {
            let line = self.line(last.0);
            return Err(Error::failure(format!("{}:{line}: a quote begins here that has no end", self.file)));
        }
        if ended > 0 {
            let (name, rows) = (&self.name, counted(ended, "row"));
            self.notes.push(format!("`{name}`: {rows} have one more cell at their end, which is empty: left out"));
        }
        if let (count @ 1.., lines, at, cell) = &broken {
            let (name, count, line) = (&self.name, counted(*count, "cell"), self.line(*at));
            let (breaks, cell) = (counted(*lines, "line break"), shown(cell));
            self.notes.push(format!(
                "`{name}`: {count} with line breaks, at most {breaks}, as in line {line}, {cell}: if that is no text, \
                 a quote has no end"
            ));
        }
        if let Some((at, line)) = below.first() {
            let lines = counted(below.len(), "line");
            self.notes.push(format!("`{}`: left out {lines} below the table, {}", self.name, shown(&line[0])));
            self.text.truncate(*at);
        }
        if options.decimal.is_none() {
            // In a table separated by commas, no comma is a decimal mark.
            let may_be = dotted.len() == FEW && (self.separator != Separator::Comma || width == 1);
            self.decide_decimal(sure, doubtful.or(dotted.pop().filter(|_| may_be)), &groups);
        }
        let is_pair = |pair: &[[bool; 3]]| pair[0][0] && pair[1][1];
        if guessed && self.separator == Separator::Comma && sure == [0, 0] {
            let (file, name) = (&self.file, &self.name);
            if whole.windows(2).any(|pair| is_pair(pair) && pair[1][2]) {
                self.doubt = Some(Err(format!(
                    "`{file}` may have decimal commas or commas between whole numbers: set decimal=comma or \
                    separator=comma"
                )));
            } else if whole.len() == 2 && is_pair(&whole) {
                self.doubt =
                    Some(Ok(format!("`{name}`: commas are between two whole numbers; decimal=comma makes them one")));
            }
        }
        Ok(commas)
    }

    fn decide_decimal(&mut self, [points, commas]: [usize; 2], doubtful: Option<String>, groups: &[[bool; 4]]) {
        self.decimal = if commas > points { Decimal::Comma } else { Decimal::Point };
        let Some(cell) = doubtful.filter(|_| points + commas == 0) else { return };
        // Where only numbers below 1,000 lack the mark, it stands between thousands.
        let [points, commas] = [0, 1].map(|mark| {
            let has = |n: usize| groups.iter().any(|column| column[mark] && column[n]);
            has(2) && !has(3)
        });
        if self.separator == Separator::Semicolon && cell.contains(',') && !commas || points && !cell.contains(',') {
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

    /// The line of the row at byte offset `at`. The reader's rows include the blank lines above them.
    pub fn line(&self, at: usize) -> usize {
        let rest = &self.text[at..];
        line(&self.text, at + rest.len() - rest.trim_start_matches(['\n', '\r']).len())
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
