//! Dates and times in the patterns that tables have: recognised, and written back letter by letter.

use std::sync::LazyLock;

use chrono::format::{Parsed, StrftimeItems, parse};
use chrono::{DateTime, NaiveDateTime};
use serde::{Deserialize, Serialize};

/// Days, in the letters of [`Pattern`].
const DAYS: [&str; 17] = [
    "Y-m-d", "Y/m/d", "d.m.Y", "d/m/Y", "m/d/Y", "d-m-Y", "m-d-Y", "d.m.y", "d/m/y", "m/d/y", "d-b-Y", "d-b-y",
    "d b Y", "b d, Y", "B d, Y", "d. B Y", "d B Y",
];
/// Times after a day.
const TIMES: [&str; 11] =
    ["", " H:M", " H:M:S", " H:M:S.f", "TH:M", "TH:M:S", "TH:M:S.f", "TH:M:SZ", "TH:M:S.fZ", " I:M p", " I:M:S p"];
/// What stands alone.
const ALONE: [&str; 9] = ["Y-m", "m/Y", "m.Y", "b-Y", "b-y", "b Y", "B Y", "H:M", "H:M:S"];

/// A day in milliseconds.
const DAY: i64 = 86_400_000;

/// How a column writes its dates: Y, y year; m, b, B month; d day; H, I hour; M, S, f minute, second and its fraction;
/// p am or pm. All other letters stand for themselves. A number below 10 has a leading zero, or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pattern {
    letters: String,
    padded: bool,
}

static PATTERNS: LazyLock<Vec<Pattern>> = LazyLock::new(|| {
    let dated = DAYS.iter().flat_map(|day| TIMES.iter().map(move |time| format!("{day}{time}")));
    let all: Vec<String> = dated.chain(ALONE.map(String::from)).collect();
    let of = |padded| all.iter().map(move |letters| Pattern { letters: letters.clone(), padded });
    of(true).chain(of(false)).collect()
});

impl Pattern {
    /// The pattern of these letters, with leading zeros.
    pub fn new(letters: &str) -> Self {
        Self { letters: letters.to_owned(), padded: true }
    }

    /// The same without leading zeros.
    pub fn unpadded(&self) -> Self {
        Self { letters: self.letters.clone(), padded: false }
    }

    /// The letters, such as `d/m/Y`.
    pub fn letters(&self) -> &str {
        &self.letters
    }

    /// The same in the notation of C's `strftime`.
    fn strftime(&self) -> String {
        let item = |c: char| match c {
            'f' => "%f".into(),
            'Y' | 'y' | 'b' | 'B' | 'M' | 'S' | 'p' => format!("%{c}"),
            'm' | 'd' | 'H' | 'I' => format!("{}{c}", if self.padded { "%" } else { "%-" }),
            '%' => "%%".into(),
            _ => c.to_string(),
        };
        // The fraction has as many digits as needed, with its point.
        self.letters.chars().map(item).collect::<String>().replace(".%f", "%.f")
    }

    /// Seconds since 1970 of a text that follows the pattern exactly, else nothing.
    pub fn read(&self, text: &str) -> Option<f64> {
        self.reader()(text)
    }

    /// [`Pattern::read`] for many texts.
    pub fn reader(&self) -> impl Fn(&str) -> Option<f64> + use<> {
        let format = self.strftime();
        let has_date = self.letters.contains(['Y', 'y']);
        move |text| {
            let mut parsed = Parsed::new();
            parse(&mut parsed, text, StrftimeItems::new(&format)).ok()?;
            // What the text does not say; a second value is refused, and the first one stays.
            let _ = parsed.set_day(1);
            let _ = parsed.set_hour(0);
            let _ = parsed.set_minute(0);
            if !has_date {
                parsed.set_year(1970).and_then(|()| parsed.set_month(1)).ok()?;
            }
            let moment: NaiveDateTime = parsed.to_naive_date().ok()?.and_time(parsed.to_naive_time().ok()?);
            let moment = moment.and_utc();
            (moment.format(&format).to_string() == text)
                .then(|| moment.timestamp() as f64 + f64::from(moment.timestamp_subsec_nanos()) * 1e-9)
        }
    }

    /// The text of a moment in seconds since 1970: the nearest that the pattern has letters for. Months are cut off.
    pub fn write(&self, seconds: f64) -> String {
        // In milliseconds, as an interpolated time has digits without meaning.
        let units = [('f', 1), ('S', 1000), ('M', 60_000), ('H', 3_600_000), ('I', 3_600_000)];
        let unit = units.into_iter().find(|(letter, _)| self.letters.contains(*letter)).map_or(DAY, |(_, unit)| unit);
        let moment = (seconds * 1e3 / unit as f64).round() as i64 * unit;
        DateTime::from_timestamp_millis(moment).unwrap_or_default().format(&self.strftime()).to_string()
    }
}

/// Which patterns all of some texts follow.
#[derive(Clone, Debug, PartialEq)]
pub enum Dates {
    /// None.
    No,
    /// This one.
    In(Pattern),
    /// Several that disagree about the dates, such as `d/m/Y` and `m/d/Y`.
    Either(Pattern, Pattern),
}

/// The pattern of all `texts`.
pub fn recognise<'a>(texts: impl Iterator<Item = &'a str> + Clone) -> Dates {
    let Some(first) = texts.clone().next() else { return Dates::No };
    if first.len() > 40 || !first.contains(|c: char| c.is_ascii_digit()) {
        return Dates::No;
    }
    let fits = |pattern: &&Pattern| {
        let read = pattern.reader();
        // The first one decides in most cases.
        read(first).is_some() && texts.clone().all(|text| read(text).is_some())
    };
    let alive: Vec<&Pattern> = PATTERNS.iter().filter(fits).collect();
    let Some(best) = alive.first() else { return Dates::No };
    let other = alive.iter().find(|other| texts.clone().any(|text| other.read(text) != best.read(text)));
    match other {
        Some(other) => Dates::Either((*best).clone(), (*other).clone()),
        None => Dates::In((*best).clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_and_written_back() {
        for (texts, letters) in [
            (vec!["2016-07-02", "2017-12-31"], "Y-m-d"),
            (vec!["2016-07-02 08:05", "2017-12-31 23:59"], "Y-m-d H:M"),
            (vec!["2016-07-02T08:05:59Z"], "Y-m-dTH:M:SZ"),
            (vec!["2016-07-02 08:05:59.250"], "Y-m-d H:M:S.f"),
            (vec!["13/01/2020", "02/03/2020"], "d/m/Y"),
            (vec!["1/13/2020", "2/3/2020"], "m/d/Y"),
            (vec!["31.1.2020", "1.12.1999"], "d.m.Y"),
            (vec!["5-Jan-2020", "12-Feb-2021"], "d-b-Y"),
            (vec!["Jan-2020"], "b-Y"),
            (vec!["2020-01"], "Y-m"),
            (vec!["1:05 PM".trim(), "11:59 AM"], ""),
            (vec!["07:30", "23:05"], "H:M"),
            (vec!["2020-02-30"], ""),
            (vec!["2020-01-01", "x"], ""),
            (vec!["01/2/2020"], ""),
            (vec!["12", "3.5"], ""),
            (vec!["1234"], ""),
        ] {
            match recognise(texts.iter().copied()) {
                Dates::In(pattern) => {
                    assert_eq!(pattern.letters(), letters, "{texts:?}");
                    for text in texts {
                        assert_eq!(pattern.write(pattern.read(text).unwrap()), text);
                    }
                }
                found => assert!(found == Dates::No && letters.is_empty(), "{texts:?}: {found:?}"),
            }
        }
        assert!(matches!(recognise(["01/02/2020", "03/04/2021"].into_iter()), Dates::Either(..)));
        // Both readings are the same days.
        assert_eq!(recognise(["01/01/2020", "02/02/2020"].into_iter()), Dates::In(Pattern::new("d/m/Y")));
        assert_eq!(Pattern::new("Y-m-d").read("1970-01-02"), Some(86_400.0));
        assert_eq!(Pattern::new("Y-m").write(Pattern::new("Y-m-d").read("2020-05-17").unwrap()), "2020-05");
    }
}
