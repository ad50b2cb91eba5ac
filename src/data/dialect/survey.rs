//! Every cell of a table looked at once: rows must have one width, and the decimal mark is decided.

use csv::StringRecord;

use super::{ASIDE, Sheet, is_alone, likewise, shown};
use crate::data::Options;
use crate::data::cells::{self, Evidence};
use crate::error::{Error, Result, counted};
use crate::settings::{Decimal, Separator};

/// Number of doubtful rows that make a note about decimals worthwhile.
const FEW: usize = 3;

impl Sheet {
    /// Checks every cell: rows must have one width, and the decimal mark is decided. Returns whether any cell has a
    /// comma.
    pub(super) fn survey(&mut self, options: &Options, guessed: bool) -> Result<bool> {
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
        // What is said of the first row of another width, and where the others begin.
        let mut odd: Option<(String, String, Vec<usize>)> = None;
        self.rows(|at, row| {
            if width == 0 {
                width = row.len();
                whole = vec![[true, true, false]; width];
                groups = vec![[false; 4]; width];
            }
            let is_second = *first.get_or_insert(at) == last.0;
            let said = |at, values: &StringRecord| {
                let advice = match values.len() {
                    len if guessed && self.separator == Separator::Comma && len == 2 * width => {
                        "if the commas are those of decimals, set decimal=comma".into()
                    }
                    _ if is_second => format!("mend it, or take out line {} if that is no row", self.line(last.0)),
                    _ => "mend it, or take it out".into(),
                };
                let (place, count) = (self.line(at).place(), counted(values.len(), "value"));
                Some((format!("{place}: {count} where the first row has {width}"), advice, vec![]))
            };
            let more = row.len().saturating_sub(width);
            let is_odd = row.len() < width || more > 1 || more == 1 && !row[width].is_empty();
            let is_below =
                row.len() < width && cells::is_text(&row[0]) && (is_alone(row) || cells::is_summary(&row[0]));
            if let Some((.., others)) = &mut odd {
                others.extend((is_odd && !is_below).then_some(at));
                return Ok(());
            }
            if is_below && below.len() < ASIDE {
                below.push((at, row.clone()));
                return Ok(());
            }
            if is_odd {
                odd = said(at, row);
                return Ok(());
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
                odd = said(*at, line);
                odd.iter_mut().for_each(|(.., others)| others.extend(below[1..].iter().map(|(at, _)| *at)));
                return Ok(());
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
        if let Some((wrong, advice, others)) = odd {
            let lines = others.iter().map(|at| self.line(*at));
            return Err(Error::failure(format!("{wrong}{}: {advice}", likewise(lines))));
        }
        // A cell spans several lines only within quotes, so the text must end with a quote.
        if last.1 && !self.text.trim_end().ends_with('"') {
            let place = self.line(last.0).place();
            return Err(Error::failure(format!("{place}: a quote begins here that has no end")));
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
        if let Some(said) = options.decimal {
            let [own, other] = if said == Decimal::Point { sure } else { [sure[1], sure[0]] };
            let mark = if said == Decimal::Point { Decimal::Comma } else { Decimal::Point };
            self.notes.extend((other > own).then(|| {
                format!(
                    "`{}`: {} written with a decimal {}, which decimal={} makes texts",
                    self.name,
                    counted(other, "number"),
                    mark.word(),
                    said.word()
                )
            }));
        } else {
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
}
