//! Dates and times in the patterns that tables have: recognised, and written back letter by letter.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use chrono::format::{Parsed, StrftimeItems, parse};
use chrono::{DateTime, Datelike, NaiveDateTime};
use serde::{Deserialize, Serialize};

/// Days, in the letters of [`Pattern`].
const DAYS: [&str; 20] = [
    "Y-m-d",
    "Y/m/d",
    "d.m.Y",
    "d/m/Y",
    "m/d/Y",
    "d-m-Y",
    "m-d-Y",
    "d.m.y",
    "d/m/y",
    "m/d/y",
    "d-b-Y",
    "d-b-y",
    "d b Y",
    "b d, Y",
    "B d, Y",
    "d. B Y",
    "d B Y",
    "Y年m月d日",
    "Y.m.d",
    "d. b Y",
];
/// Times after a day.
const TIMES: [&str; 13] = [
    "",
    " H:M",
    " H:M:S",
    " H:M:S.f",
    "TH:M",
    "TH:M:S",
    "TH:M:S.f",
    "TH:M:SZ",
    "TH:M:S.fZ",
    " I:M p",
    " I:M:S p",
    " I:M P",
    " I:M:S P",
];
/// What stands alone.
const ALONE: [&str; 19] = [
    "Y-m",
    "m/Y",
    "m.Y",
    "b-Y",
    "b-y",
    "b Y",
    "B Y",
    "H:M",
    "H:M:S",
    "I:M p",
    "I:M:S p",
    "I:M P",
    "I:M:S P",
    "Y年m月",
    "H:M Uhr",
    "H:M:S Uhr",
    "HhM",
    "[H]:M",
    "[H]:M:S",
];

/// A day in milliseconds.
const DAY: i64 = 86_400_000;

/// How a column writes its dates: Y, y year; m, b, B month; d day; H, I hour; M, S, f minute, second and its fraction;
/// p AM or PM, P am or pm; `[H]` the hours of a duration, any number of them.
/// All other letters stand for themselves. A number below 10 has a leading zero, or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pattern {
    letters: String,
    padded: bool,
    /// The first of the hundred years that two digits stand for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    since: Option<i32>,
    /// Another pattern, which dates are also read in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    beside: Option<Box<Pattern>>,
}

static PATTERNS: LazyLock<Vec<Pattern>> = LazyLock::new(|| {
    let dated = DAYS.iter().flat_map(|day| TIMES.iter().map(move |time| format!("{day}{time}")));
    let all: Vec<String> = dated.chain(ALONE.map(String::from)).collect();
    let of =
        |padded| all.iter().map(move |letters| Pattern { letters: letters.clone(), padded, since: None, beside: None });
    of(true).chain(of(false)).collect()
});

impl Pattern {
    /// The pattern of these letters, with leading zeros.
    pub fn new(letters: &str) -> Self {
        Self { letters: letters.to_owned(), padded: true, since: None, beside: None }
    }

    /// The pattern that a user types: in these letters, in those of office programs (`dd.mm.yyyy`), or in C's
    /// (`%d.%m.%Y`).
    pub fn typed(text: &str) -> Self {
        if text.contains('%') {
            let whole = text.replace("%F", "Y-m-d").replace("%T", "H:M:S");
            return Self::new(&whole.replace("%-", "").replace('%', ""));
        }
        let chars: Vec<char> = text.chars().collect();
        let runs: Vec<&[char]> = chars.chunk_by(|a, b| a == b).collect();
        let is_known = |c: char| "dmyhstja".contains(c.to_ascii_lowercase());
        if !runs.iter().any(|run| run.len() > 1 && is_known(run[0])) {
            return Self::new(text);
        }
        // In French `jj` is a day, beside years `aaaa`; in German `TT` is one, beside years `JJJJ`.
        let is_french = text.contains("aa");
        let mut letters = String::new();
        for run in runs {
            let has_hour = letters.contains('H');
            letters += &match (run[0].to_ascii_lowercase(), run.len()) {
                ('d', _) | ('t', 2..) => "d".into(),
                ('j', 2) if is_french => "d".into(),
                ('y', _) | ('j' | 'a', 2..) => if run.len() > 2 { "Y" } else { "y" }.into(),
                ('m', 4..) => "B".into(),
                ('m', 3) => "b".into(),
                ('m', _) => if has_hour { "M" } else { "m" }.into(),
                ('h', _) if !has_hour => "H".into(),
                ('s', 2..) => "S".into(),
                _ => String::from_iter(run),
            };
        }
        Self::new(&letters)
    }

    /// This pattern, or `other` where a text follows that.
    pub fn with_other(self, other: Self) -> Self {
        Self { beside: Some(Box::new(other)), ..self }
    }

    /// Whether texts may follow another pattern than the one that is written.
    pub fn has_other(&self) -> bool {
        self.beside.is_some()
    }

    /// The same without leading zeros.
    pub fn unpadded(&self) -> Self {
        Self { padded: false, ..self.clone() }
    }

    /// The same where two digits of a year stand for those hundred years in which `texts` span the least time, the
    /// latest of them 2069 at most.
    pub fn with_century<'a>(self, texts: impl Iterator<Item = &'a str>) -> Self {
        let read = self.reader();
        let year = |text| Some(year_of(read(text)?).rem_euclid(100));
        let years: BTreeSet<i32> =
            if self.letters.contains('y') { texts.filter_map(year).collect() } else { [].into() };
        let years: Vec<i32> = years.into_iter().collect();
        // On the circle of a hundred years, time begins after the widest gap.
        let next = |n: usize| years.get(n + 1).copied().unwrap_or(years[0] + 100);
        let Some(last) = (0..years.len()).max_by_key(|n| next(*n) - years[*n]) else { return self };
        let latest = years[last] + if years[last] <= 69 { 2000 } else { 1900 };
        Self { since: Some(latest - (years[last] - next(last)).rem_euclid(100)), ..self }
    }

    /// Whether it has years of two digits.
    pub fn is_short(&self) -> bool {
        self.letters.contains('y')
    }

    /// Whether it is one of durations, which are seconds from 0 on, not from 1970.
    pub fn is_duration(&self) -> bool {
        self.letters.starts_with("[H]")
    }

    /// The letters, such as `d/m/Y`.
    pub fn letters(&self) -> &str {
        &self.letters
    }

    /// The same in the notation of C's `strftime`.
    fn strftime(&self) -> String {
        let item = |c: char| match c {
            'f' => "%f".into(),
            'Y' | 'y' | 'b' | 'B' | 'M' | 'S' | 'p' | 'P' => format!("%{c}"),
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
        let (own, other) = (self.own_reader(), self.beside.as_ref().map(|other| other.own_reader()));
        move |text| own(text).or_else(|| other.as_ref().and_then(|read| read(text)))
    }

    fn own_reader(&self) -> impl Fn(&str) -> Option<f64> + use<> {
        let format = self.strftime();
        let (has_date, since) = (self.letters.contains(['Y', 'y']), self.since);
        let lasting = self.is_duration().then(|| self.clone());
        move |text| {
            if let Some(pattern) = &lasting {
                return duration(text).filter(|seconds| pattern.write(*seconds) == text);
            }
            let mut parsed = Parsed::new();
            parse(&mut parsed, text, StrftimeItems::new(&format)).ok()?;
            // What the text does not say; a second value is refused, and the first one stays.
            let _ = parsed.set_day(1);
            let _ = parsed.set_hour(0);
            let _ = parsed.set_minute(0);
            if let (Some(since), Some(short)) = (since, parsed.year_mod_100()) {
                parsed.set_year((since + (short - since).rem_euclid(100)).into()).ok()?;
            }
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
        if self.is_duration() {
            return self.lasting(seconds);
        }
        let unit = self.unit();
        let moment = (seconds * 1e3 / unit as f64).round() as i64 * unit;
        DateTime::from_timestamp_millis(moment).unwrap_or_default().format(&self.strftime()).to_string()
    }

    /// Milliseconds of the last place that is written of a time, at most a day, as interpolated times have digits
    /// without meaning.
    fn unit(&self) -> i64 {
        let units = [('f', 1), ('S', 1000), ('M', 60_000), ('H', 3_600_000), ('I', 3_600_000)];
        units.into_iter().find(|(letter, _)| self.letters.contains(*letter)).map_or(DAY, |(_, unit)| unit)
    }

    /// Milliseconds of the last place that is written, of dates too.
    pub fn grain(&self) -> i64 {
        let has = |letters: &str| letters.chars().any(|letter| self.letters.contains(letter));
        match () {
            () if self.is_duration() || has("fSMHI") => self.unit(),
            () if has("d") => DAY,
            () if has("mbB") => 31 * DAY,
            () => 366 * DAY,
        }
    }

    /// The text of a duration.
    fn lasting(&self, seconds: f64) -> String {
        let unit = if self.letters.contains('S') { 1.0 } else { 60.0 };
        let total = ((seconds.abs() / unit).round() * unit) as u64;
        let [hours, minutes, rest] = [total / 3600, total / 60 % 60, total % 60];
        let sign = if seconds < 0.0 && total > 0 { "-" } else { "" };
        let hours = if self.padded { format!("{hours:02}") } else { hours.to_string() };
        let end = if unit == 1.0 { format!(":{rest:02}") } else { String::new() };
        format!("{sign}{hours}:{minutes:02}{end}")
    }
}

/// Seconds of a duration such as `102:05:09` or `-0:30`: hours, and minutes and seconds of two digits.
fn duration(text: &str) -> Option<f64> {
    let (sign, clock) = text.strip_prefix('-').map_or((1.0, text), |clock| (-1.0, clock));
    let whole = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse::<u32>().ok())?;
    let (hours, rest) = clock.split_once(':')?;
    let mut seconds = 3600.0 * f64::from(whole(hours)?);
    for (part, unit) in rest.split(':').zip([60.0, 1.0]) {
        seconds += unit * f64::from(whole(part).filter(|value| *value < 60)?);
    }
    Some(sign * seconds)
}

/// The year of a moment in seconds since 1970.
pub fn year_of(seconds: f64) -> i32 {
    DateTime::from_timestamp(seconds as i64, 0).unwrap_or_default().year()
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

/// The patterns year first and day first with points, if all texts follow one or the other: no text can follow both.
pub fn year_or_day_first<'a>(texts: impl Iterator<Item = &'a str> + Clone) -> Option<[Pattern; 2]> {
    texts.clone().next()?;
    let year = Pattern::new("Y-m-d");
    let all = |day: &Pattern| {
        let reads = [year.reader(), day.reader()];
        texts.clone().all(|text| reads.iter().any(|read| read(text).is_some()))
    };
    let day = Pattern::new("d.m.Y");
    let day = [day.clone(), day.unpadded()].into_iter().find(all)?;
    Some([year, day])
}

/// The first text that is no date, if more than half of them follow one pattern.
pub fn odd_one<'a>(texts: impl Iterator<Item = &'a str> + Clone) -> Option<&'a str> {
    const SOME: usize = 20;
    let all = texts.clone().count();
    let count = |pattern: &&Pattern| {
        let read = pattern.reader();
        let has_some = texts.clone().take(SOME).any(|text| read(text).is_some());
        if has_some { texts.clone().filter(|text| read(text).is_some()).count() } else { 0 }
    };
    // Of those that fit as many, the first.
    let best = PATTERNS.iter().rev().max_by_key(count).filter(|pattern| 2 * count(pattern) > all)?;
    let read = best.reader();
    texts.clone().find(|text| read(text).is_none())
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
            (vec!["1:05 PM", "11:59 AM"], "I:M p"),
            (vec!["12:05:10 am", "11:59:00 pm"], "I:M:S P"),
            (vec!["2023年6月17日", "2024年12月1日"], "Y年m月d日"),
            (vec!["1:05:09 Uhr", "12:05:00 Uhr"], "H:M:S Uhr"),
            (vec!["07:30", "23:05"], "H:M"),
            (vec!["17h51", "9h05"], "HhM"),
            (vec!["7:30", "32:32", "-0:05"], "[H]:M"),
            (vec!["04:27", "24:00"], "[H]:M"),
            (vec!["102:05:09", "0:00:00"], "[H]:M:S"),
            (vec!["32:60"], ""),
            (vec!["1:2"], ""),
            (vec!["16:9", "4:3"], ""),
            (vec!["+32:00"], ""),
            (vec!["32:32", "102:05:09"], ""),
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
        assert_eq!(odd_one(["7:30", "8:15", "32:32", "x"].into_iter()), Some("x"));
        assert!(matches!(recognise(["01/02/2020", "03/04/2021"].into_iter()), Dates::Either(..)));
        // Both readings are the same days.
        assert_eq!(recognise(["01/01/2020", "02/02/2020"].into_iter()), Dates::In(Pattern::new("d/m/Y")));
        assert_eq!(Pattern::new("Y-m-d").read("1970-01-02"), Some(86_400.0));
        assert_eq!(Pattern::new("Y-m").write(Pattern::new("Y-m-d").read("2020-05-17").unwrap()), "2020-05");
    }

    #[test]
    fn patterns_are_typed_in_the_ways_of_other_programs() {
        for (typed, letters) in [
            ("d.m.Y", "d.m.Y"),
            ("b d, Y", "b d, Y"),
            ("H:M Uhr", "H:M Uhr"),
            ("dd.mm.yyyy", "d.m.Y"),
            ("DD/MM/YY", "d/m/y"),
            ("d.m.yyyy", "d.m.Y"),
            ("TT.MM.JJJJ", "d.m.Y"),
            ("jj/mm/aaaa", "d/m/Y"),
            ("dd-MMM-yyyy", "d-b-Y"),
            ("yyyy-mm-dd hh:mm:ss", "Y-m-d H:M:S"),
            ("yyyy-MM-ddTHH:mm", "Y-m-dTH:M"),
            ("hh:mm Uhr", "H:M Uhr"),
            ("[h]:mm", "[H]:M"),
            ("%d.%m.%Y", "d.m.Y"),
            ("%-m/%-d/%y", "m/d/y"),
            ("%F %T", "Y-m-d H:M:S"),
        ] {
            assert_eq!(Pattern::typed(typed).letters(), letters, "{typed}");
        }
    }

    #[test]
    fn years_of_two_digits_span_the_least_time() {
        for (years, wanted) in [
            (vec![40, 99, 70], [1940, 1999]),
            (vec![20, 24], [2020, 2024]),
            (vec![85, 20, 99, 1], [1985, 2020]),
            (vec![30, 75], [1930, 1975]),
            (vec![69], [2069, 2069]),
            (vec![70], [1970, 1970]),
        ] {
            let texts: Vec<String> = years.iter().map(|year| format!("01.02.{year:02}")).collect();
            let texts = || texts.iter().map(String::as_str);
            let pattern = Pattern::new("d.m.y").with_century(texts());
            let read = texts().map(|text| year_of(pattern.read(text).unwrap()));
            assert_eq!([read.clone().min(), read.max()], wanted.map(Some), "{years:?}");
            assert!(texts().all(|text| pattern.write(pattern.read(text).unwrap()) == text));
        }
    }
}
