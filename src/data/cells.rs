//! The content of one cell of a table: a number, a date, text or nothing.

use super::looks::{Around, BLANKS, bare, framed, narrow, parts};
use crate::settings::Decimal;

/// The largest number that Saddle can hold: the largest f32.
pub(super) const MAX: f64 = f32::MAX as f64;
/// Cells that mean a missing value, in lower case.
const MISSING: [&str; 12] = ["", "na", "n/a", "#n/a", "nan", "null", "none", "nil", "?", "-", "--", "."];
/// Dates that mean a missing one, as SAP and MySQL write it.
const NO_DATES: [&str; 4] = ["00.00.0000", "0000-00-00", "00/00/0000", "0000-00-00 00:00:00"];
/// Words, in lower case, of a row that sums up those above it.
const SUMMARIES: &str = " total totals grandtotal subtotal sum sums count average avg mean median min max \
    summe summen gesamt insgesamt gesamtsumme gesamtergebnis endsumme zwischensumme teilsumme anzahl mittel mittelwert \
    durchschnitt somme totaux moyenne nombre totale totali somma media suma totales promedio soma totaal subtotaal \
    gemiddelde aantal summa totalt razem итого всего σ ∑ ø 合計 総計 小計 計 平均 件数 合计 总计 小计 평균 합계 소계 ";
/// The first three letters of the months.
const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Whether the cell says that there is no value.
pub(super) fn is_missing(cell: &str) -> bool {
    cell.len() < 5 && MISSING.contains(&narrow(cell).to_lowercase().as_str())
        || cell.starts_with("00") && NO_DATES.contains(&cell)
}

/// Whether a text such as `Grand total:` begins a row that sums up those above it.
pub(super) fn is_summary(cell: &str) -> bool {
    let is_one = |word: &str| !word.is_empty() && SUMMARIES.contains(&format!(" {word} "));
    let is_part = |c: char| c.is_alphanumeric() || c == '∑';
    cell.starts_with(|c: char| c.is_alphabetic() || c == '∑')
        && cell.to_lowercase().split(|c: char| !is_part(c)).any(is_one)
}

/// Whether a cell is text: no number in either decimal notation, no date, and not missing.
pub(super) fn is_text(cell: &str) -> bool {
    let is_number = |decimal| number(cell, decimal).is_some();
    let is_known = is_number(Decimal::Point) || is_number(Decimal::Comma) || is_missing(cell);
    !is_known && dates(cell, u8::MAX) == 0
}

/// Whether a cell is no text, but for a unit that is in no list.
pub(super) fn is_measure(cell: &str) -> bool {
    !is_text(framed(cell).map_or(cell, |(_, bare)| bare))
}

/// The number in a cell, with this unit or without.
pub(super) fn measured(cell: &str, unit: Option<&Around>, decimal: Decimal) -> Option<f64> {
    let without = unit.and_then(|unit| bare(cell, unit)).unwrap_or(cell);
    number(without, decimal).map(|(value, _)| value)
}

/// The number in a cell (it may exceed [`MAX`]), and whether the cell is plain: without separators of thousands, signs
/// of money or percent, other minus signs than one before the digits, and wide digits.
pub(super) fn number(cell: &str, decimal: Decimal) -> Option<(f64, bool)> {
    let plain = |cell: &str| match decimal {
        Decimal::Point => cell.parse::<f64>().ok(),
        Decimal::Comma if cell.contains('.') => None,
        Decimal::Comma => cell.replacen(',', ".", 1).parse().ok(),
    };
    let dressed = || {
        let cell = narrow(cell);
        let parts = parts(&cell)?;
        let value = plain(parts.digits).or_else(|| grouped(parts.digits, decimal))?;
        Some(if parts.is_negative { -value } else { value })
    };
    let found = plain(cell).map(|value| (value, true)).or_else(|| dressed().map(|value| (value, false)));
    // Infinity as a word is no number; digits that overflow f64 are one, which is too large.
    found.filter(|(value, _)| value.is_finite() || cell.bytes().any(|byte| byte.is_ascii_digit()))
}

/// The value of digits with separators of thousands.
fn grouped(digits: &str, decimal: Decimal) -> Option<f64> {
    let (mark, other) = if decimal == Decimal::Point { ('.', ',') } else { (',', '.') };
    let (whole, fraction) = digits.split_once(mark).unwrap_or((digits, "0"));
    let between = whole.chars().find(|c| !c.is_ascii_digit())?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let mut groups = whole.split(between);
    let fits = (between == other || BLANKS.contains(&between))
        && groups.next().is_some_and(|first| first.len() <= 3 && is_number(first) && !first.starts_with('0'))
        && groups.all(|group| group.len() == 3 && is_number(group))
        && is_number(fraction);
    fits.then(|| format!("{}.{fraction}", whole.replace(between, "")).parse().ok())?
}

/// Whether a cell has no characters but digits; an empty cell counts.
pub(super) fn is_whole(cell: &str) -> bool {
    cell.bytes().all(|byte| byte.is_ascii_digit())
}

/// The number of decimals in a cell; `None` for a number with an exponent.
pub(super) fn decimals(cell: &str, decimal: Decimal) -> Option<usize> {
    let mark = if decimal == Decimal::Point { '.' } else { ',' };
    let fraction = cell.split_once(mark).map_or("", |(_, fraction)| fraction);
    (!has_exponent(cell)).then(|| fraction.bytes().take_while(u8::is_ascii_digit).count())
}

/// Whether a number has an exponent, such as `e-5`: the `E` of `5 EUR` begins none.
fn has_exponent(cell: &str) -> bool {
    let (Some(at), Some(end)) = (cell.find(['e', 'E']), cell.find(|c: char| c.is_ascii_digit())) else { return false };
    let after = cell[at + 1..].strip_prefix(['-', '+']).unwrap_or(&cell[at + 1..]);
    end < at && after.starts_with(|c: char| c.is_ascii_digit())
}

/// Evidence in a cell about the decimal mark.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Evidence {
    /// Only this decimal mark is possible.
    Sure(Decimal),
    /// The only mark may be a decimal mark or a separator of thousands, as in `1,234` and `1.234`.
    Doubtful,
}

/// The evidence of a cell about the decimal mark; `None` for a whole number, a possible month, or no number.
pub(super) fn evidence(cell: &str) -> Option<Evidence> {
    if !cell.bytes().any(|byte| byte == b',' || byte == b'.') || month(cell).is_some() {
        return None;
    }
    // This decides most cells quickly.
    if let Some((whole, fraction)) = cell.split_once('.').filter(|_| cell.parse::<f64>().is_ok()) {
        let whole = whole.trim_start_matches(['-', '+']);
        let are_groups = (1..=3).contains(&whole.len()) && !whole.starts_with('0') && fraction.len() == 3;
        let is_doubtful = are_groups && is_whole(fraction);
        return Some(if is_doubtful { Evidence::Doubtful } else { Evidence::Sure(Decimal::Point) });
    }
    let [point, comma] = [Decimal::Point, Decimal::Comma].map(|decimal| number(cell, decimal));
    match (point, comma) {
        (Some(_), None) => Some(Evidence::Sure(Decimal::Point)),
        (None, Some(_)) => Some(Evidence::Sure(Decimal::Comma)),
        // Thousands are not written as 0,123 or 0123, so the mark is a decimal mark.
        (Some(_), Some(_)) if parts(cell).is_some_and(|parts| parts.digits.starts_with('0')) => {
            Some(Evidence::Sure(if cell.contains(',') { Decimal::Comma } else { Decimal::Point }))
        }
        (Some(_), Some(_)) => Some(Evidence::Doubtful),
        (None, None) => framed(cell).and_then(|(_, bare)| evidence(bare)),
    }
}

/// A date format: its name, and a function that converts a cell in this format to seconds since 1970.
type Way = (&'static str, fn(&str) -> Option<f64>);

/// The known date formats.
pub(super) const DATES: [Way; 7] = [
    ("month.year", month),
    ("year-month-day", |cell| ordered(cell, ['-', '/'], [0, 1, 2])),
    ("day.month.year", |cell| ordered(cell, ['.', '.'], [2, 1, 0])),
    ("month/day/year", |cell| ordered(cell, ['/', '-'], [2, 0, 1])),
    ("day/month/year", |cell| ordered(cell, ['/', '-'], [2, 1, 0])),
    ("names of months", by_name),
    ("times of day", |cell| if cell.contains(':') { time(cell) } else { None }),
];

/// The bit of the date format that is also a number, such as `01.2020`.
pub(super) const MONTH: u8 = 1;

/// The formats in [`DATES`], as a bit mask, that are set in `alive` and that the cell follows.
pub(super) fn dates(cell: &str, alive: u8) -> u8 {
    let is = |(bit, (_, read)): (usize, &Way)| u8::from(alive >> bit & 1 == 1 && read(cell).is_some()) << bit;
    DATES.iter().enumerate().map(is).sum()
}

/// Eight digits as year, month and day, in seconds since 1970.
pub(super) fn digits_date(value: f64) -> Option<f64> {
    let whole = value as u64;
    (value.fract() == 0.0 && (19_000_101..21_000_101).contains(&whole)).then(|| {
        let [year, month, day] = [whole / 10_000, whole / 100 % 100, whole % 100];
        seconds(year as i64, month as i64, day as i64)
    })?
}

/// A month such as `01.2020` or `01/2020`, in seconds since 1970.
fn month(cell: &str) -> Option<f64> {
    let whole = |text: &str| is_whole(text).then(|| text.parse().ok())?;
    let (month, year) = (cell.get(..2)?, cell.get(3..).filter(|year| year.len() == 4)?);
    let year = whole(year).filter(|year| b"./-".contains(&cell.as_bytes()[2]) && (1900..2100).contains(year))?;
    seconds(year, whole(month)?, 1)
}

/// A date of numbers separated by one of `marks`, with an optional time after it; `order` gives the positions of year,
/// month and day.
fn ordered(cell: &str, marks: [char; 2], order: [usize; 3]) -> Option<f64> {
    let (date, clock) = match cell.find([' ', 'T']) {
        Some(at) => (&cell[..at], time(cell[at + 1..].trim())?),
        None => (cell, 0.0),
    };
    let mark = marks.into_iter().find(|mark| date.contains(*mark))?;
    let parts: Vec<&str> = date.split(mark).collect();
    let whole = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<i64>().ok())?;
    let [year, month, day] = match parts.as_slice() {
        [_, _, _] => order.map(|at| parts[at]),
        [year, month] if order == [0, 1, 2] => [*year, *month, "1"],
        _ => return None,
    };
    let short = year.len() == 2 && order != [0, 1, 2];
    if !(year.len() == 4 || short) || month.len() > 2 || day.len() > 2 {
        return None;
    }
    let year = whole(year)? + if short { 2000 } else { 0 };
    Some(seconds(year, whole(month)?, whole(day)?)? + clock)
}

/// A date with a named month: `Jan 2020`, `5-Jan-20`, `January 5, 2020`.
fn by_name(cell: &str) -> Option<f64> {
    let (mut month, mut numbers) = (None, vec![]);
    for token in cell.split(|c: char| !c.is_alphanumeric()).filter(|token| !token.is_empty()) {
        match token.parse::<i64>() {
            Ok(number) => numbers.push((number, token.len())),
            Err(_) if month.is_some() => return None,
            Err(_) => {
                let start = token.get(..3)?.to_lowercase();
                month = Some(1 + MONTHS.iter().position(|name| *name == start)? as i64);
            }
        }
    }
    let (day, (year, digits)) = match numbers.as_slice() {
        [year] => (1, *year),
        [(day, 1..=2), year] => (*day, *year),
        [year, (day, _)] => (*day, *year),
        _ => return None,
    };
    let year = if digits == 2 { 2000 + year } else { year };
    (digits == 2 || digits == 4).then(|| seconds(year, month?, day))?
}

/// A time of day in seconds; a time zone after it is ignored.
fn time(cell: &str) -> Option<f64> {
    let clock = cell.split(['Z', '+', '-', ' ']).next()?;
    let mut parts = clock.split(':');
    let mut next = |limit: f64| {
        let part = parts.next()?;
        part.parse::<f64>().ok().filter(|value| (0.0..limit).contains(value) && part.as_bytes()[0].is_ascii_digit())
    };
    let (hours, minutes) = (next(24.0)?, next(60.0)?);
    let seconds = if clock.matches(':').count() > 1 { next(61.0)? } else { 0.0 };
    let afternoon = cell.to_lowercase().ends_with("pm") && hours < 12.0;
    Some(3600.0 * (hours + if afternoon { 12.0 } else { 0.0 }) + 60.0 * minutes + seconds)
}

/// Seconds from 1970 to the beginning of a day of the Gregorian calendar; `None` if there is no such day.
fn seconds(year: i64, month: i64, day: i64) -> Option<f64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    if !(1..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=length[month as usize - 1]).contains(&day) {
        return None;
    }
    let before = |year: i64| 365 * year + year / 4 - year / 100 + year / 400;
    let days = before(year - 1) + length[..month as usize - 1].iter().sum::<i64>() + day - 1 - before(1969);
    Some(86_400.0 * days as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_people_write_them() {
        let read = |cell, decimal| number(cell, decimal).map(|(value, _)| value);
        for (cell, value) in [
            ("1e3", 1e3),
            ("-.5", -0.5),
            ("1,234.5", 1234.5),
            ("1,234,567", 1_234_567.0),
            ("1 234.5", 1234.5),
            ("-1\u{a0}234", -1234.0),
            ("1'234.50", 1234.5),
            ("$1,200", 1200.0),
            ("-5 %", -5.0),
            ("−3", -3.0),
            ("($72.81)", -72.81),
            ("6.57-", -6.57),
            ("１，２３４", 1234.0),
        ] {
            assert_eq!(read(cell, Decimal::Point), Some(value), "{cell}");
        }
        for (cell, value) in
            [("9,1", 9.1), ("1.234,5", 1234.5), ("1.234", 1234.0), ("12,5 €", 12.5), ("-0,003", -0.003)]
        {
            assert_eq!(read(cell, Decimal::Comma), Some(value), "{cell}");
        }
        assert_eq!(
            (read("1e200", Decimal::Point), read("-1e400", Decimal::Point)),
            (Some(1e200), Some(-f64::INFINITY))
        );
        for cell in [
            "",
            "x",
            "inf",
            "-Infinity",
            "NaN",
            "1,23",
            "12,3456",
            "1,2,3",
            ",5",
            "1..2",
            "12:30",
            "$",
            "- 5",
            "5$5",
            "(5",
            "$5 %",
        ] {
            assert_eq!(read(cell, Decimal::Point), None, "{cell}");
        }
        assert!(["9.1", "1,2,3", "1.2.2020"].iter().all(|cell| read(cell, Decimal::Comma).is_none()));
    }

    #[test]
    fn units_that_begin_with_e_are_no_exponents() {
        for (cell, wanted) in [
            ("336,71 EUR", Some(2)),
            ("EUR 336,7", Some(1)),
            ("5,25 Euro", Some(2)),
            ("4 Einh.", Some(0)),
            ("6 ECTS", Some(0)),
            ("1,5eV", Some(1)),
            ("1,50 m2", Some(2)),
            ("4,01235E+12", None),
            ("1e-5", None),
            ("2E3", None),
            ("1.e3 EUR", None),
        ] {
            assert_eq!(decimals(cell, Decimal::Comma), wanted, "{cell}");
        }
    }

    #[test]
    fn cells_tell_what_stands_before_decimals() {
        use Evidence::{Doubtful, Sure};
        for (cell, wanted) in [
            ("1.5", Some(Sure(Decimal::Point))),
            ("1,5", Some(Sure(Decimal::Comma))),
            ("1,234.5", Some(Sure(Decimal::Point))),
            ("1.234,5", Some(Sure(Decimal::Comma))),
            ("0,123", Some(Sure(Decimal::Comma))),
            ("0.123", Some(Sure(Decimal::Point))),
            ("1,234", Some(Doubtful)),
            ("1.234", Some(Doubtful)),
            ("-12.345", Some(Doubtful)),
            ("1234.567", Some(Sure(Decimal::Point))),
            ("1.234.567", Some(Sure(Decimal::Comma))),
            ("95,88 m2", Some(Sure(Decimal::Comma))),
            ("01.2020", None),
            ("1234", None),
            ("a,b", None),
        ] {
            assert_eq!(evidence(cell), wanted, "{cell}");
        }
    }

    #[test]
    fn dates_are_seconds_since_1970() {
        let read = |cell: &str| DATES.map(|(_, read)| read(cell));
        for (cell, way, wanted) in [
            ("03.2000", 0, 951_868_800.0),
            ("03/2000", 0, 951_868_800.0),
            ("1970-01-02", 1, 86_400.0),
            ("2000-03-01T12:00:30Z", 1, 951_912_030.0),
            ("2024-02", 1, 1_706_745_600.0),
            ("01.03.2000 00:01", 2, 951_868_860.0),
            ("3/1/2000", 3, 951_868_800.0),
            ("1/3/2000", 4, 951_868_800.0),
            ("Mar 1, 2000", 5, 951_868_800.0),
            ("1-Mar-00", 5, 951_868_800.0),
            ("01:00", 6, 3600.0),
            ("1:00:01 PM", 6, 46_801.0),
        ] {
            assert_eq!(read(cell)[way], Some(wanted), "{cell}");
        }
        for cell in [
            "2000-13-01",
            "2001-02-29",
            "1.5",
            "12",
            "land0",
            "1-2",
            "2000-01-01x",
            "march",
            "é",
            "T",
            " ",
            "1.2020",
            "13.2020",
            "01.1420",
            "00.2020",
        ] {
            assert_eq!(read(cell), [None; 7], "{cell}");
        }
        assert_eq!((dates("13/1/2000", 127), dates("1/2/2000", 127), dates("1/2/2000", 8)), (16, 24, 8));
        assert_eq!((digits_date(20240101.0), digits_date(20241301.0)), (Some(1_704_067_200.0), None));
    }
}
