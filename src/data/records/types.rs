//! The types of the columns of a table, decided by every cell.

use std::collections::{HashMap, HashSet};

use super::dates::{Dates, Pattern, odd_one, recognise, year_of, year_or_day_first};
use super::gaps::Gaps;
use super::ids::{self, Counts, Ids};
use super::{Kind, Style};
use crate::data::Options;
use crate::data::column::Column as Raw;
use crate::data::columns::{Table, names_in};
use crate::data::dialect::{Sheet, likewise, shown};
use crate::data::looks::framed;
use crate::error::{Error, Result, unknown};
use crate::settings::Decimal;

/// Texts that are kept of a column of plain numbers.
const KEPT: usize = 64;
/// Different texts from which on a column that looks like dates or numbers is doubtful.
const LIKE: usize = 20;
/// Most texts that are said to be gaps.
const GAPS: usize = 6;
/// The type names of the setting `types`.
const TYPES: [&str; 6] = ["number", "category", "date", "id", "skip", "learned"];

/// A cell that is a plain number, whose text is not kept.
pub const PLAIN: u32 = u32::MAX;

/// The cells of a column as numbers of texts.
pub struct Texts {
    /// For each row the number of its text, or [`PLAIN`].
    pub ids: Vec<u32>,
    /// The texts.
    pub all: Vec<String>,
    numbers: HashMap<String, u32>,
    /// Whether every text counts, not only those of gaps, and of the first different numbers, as they are written.
    is_whole: bool,
}

impl Texts {
    /// The text of a row; `None` for plain numbers beyond the first different ones.
    pub fn of(&self, row: usize) -> Option<&str> {
        self.all.get(self.ids[row] as usize).map(String::as_str)
    }

    fn add(&mut self, cell: &str, is_gap: impl Fn(&str) -> bool) {
        if !self.is_whole && self.all.len() >= KEPT && !is_gap(cell) {
            return self.ids.push(PLAIN);
        }
        let next = self.all.len() as u32;
        let id = match self.numbers.get(cell) {
            Some(id) => *id,
            None => {
                self.all.push(cell.to_owned());
                *self.numbers.entry(cell.to_owned()).or_insert(next)
            }
        };
        self.ids.push(id);
    }
}

/// What is said of numbers such as `0,5` in a table whose decimal mark is a point.
const OTHER_MARK: &str = "has another decimal mark than the table";

/// The texts of the columns that have any.
pub fn texts(table: &Table, sheet: &Sheet, gaps: &Gaps, wishes: &HashMap<usize, Wish>) -> Result<Vec<Texts>> {
    let of = |(i, column): (usize, &Raw)| Texts {
        ids: Vec::with_capacity(table.rows()),
        all: vec![],
        numbers: HashMap::new(),
        is_whole: column.words > 0
            || column.is_padded
            || column.too_long().is_some()
            || wishes.get(&i).is_some_and(|wish| !matches!(wish, Wish::Number | Wish::Learned)),
    };
    let mut all: Vec<Texts> = table.all.iter().enumerate().map(of).collect();
    table.each_row(sheet, |row| all.iter_mut().zip(row).for_each(|(texts, cell)| texts.add(cell, |c| gaps.has(c))))?;
    all.iter_mut().for_each(|texts| texts.numbers = HashMap::new());
    Ok(all)
}

/// What a user says of a column.
#[derive(Clone, Debug, PartialEq)]
pub enum Wish {
    Number,
    Category,
    Date(Option<Pattern>),
    Id,
    Skip,
    /// Of the type that its cells have, and learned even if it follows from other columns.
    Learned,
}

/// The wishes of the setting `types`: `zip=category,joined=date:d/m/Y`.
pub fn wishes(table: &Table, sheet: &Sheet, options: &Options) -> Result<HashMap<usize, Wish>> {
    let mut wishes = HashMap::new();
    let names: Vec<&str> = table.all.iter().map(|column| column.name.as_str()).collect();
    for (name, word) in options.types.as_deref().map_or(Ok(vec![]), |types| said(types, &names))? {
        let column = table.find(&sheet.file, &name, "types")?;
        let (word, pattern) = match word.split_once(':') {
            Some(("date", pattern)) => ("date", Some(pattern.to_owned())),
            _ => (word.as_str(), None),
        };
        let wish = match word.trim() {
            "number" => Wish::Number,
            "category" => Wish::Category,
            "date" => Wish::Date(pattern.map(|letters| Pattern::typed(&letters))),
            "id" => Wish::Id,
            "skip" => Wish::Skip,
            "learned" => Wish::Learned,
            other => return Err(unknown("type of a column", other, TYPES).at("types")),
        };
        wishes.insert(column, wish);
    }
    Ok(wishes)
}

/// The columns and types in the setting `types`; the longest of the known names that begins a part is its column, so
/// that names may have commas.
fn said(types: &str, names: &[&str]) -> Result<Vec<(String, String)>> {
    let mut all: Vec<(String, String)> = vec![];
    let mut rest = types.trim();
    while !rest.is_empty() && !types.contains('"') {
        let begins = |name: &&&str| rest.strip_prefix(**name).is_some_and(|rest| rest.trim_start().starts_with('='));
        let known = names.iter().filter(begins).max_by_key(|name| name.len()).map_or(0, |name| name.len());
        let end = rest[known..].find(',').map_or(rest.len(), |end| known + end);
        let part = &rest[..end];
        rest = rest[end..].trim_start_matches(',').trim_start();
        match (if known > 0 { part[known..].split_once('=') } else { part.rsplit_once('=') }, all.last_mut()) {
            (Some((name, word)), _) => {
                let name = if known > 0 { &part[..known] } else { name.trim() };
                all.push((name.to_owned(), word.trim().to_owned()));
            }
            // Patterns of dates may have commas.
            (None, Some((_, word))) if word.starts_with("date:") => *word += &format!(", {}", part.trim()),
            (None, _) => return Err(untyped(part)),
        }
    }
    if types.contains('"') {
        for part in names_in(types) {
            let (name, word) = part.rsplit_once('=').ok_or_else(|| untyped(&part))?;
            all.push((name.trim().to_owned(), word.trim().to_owned()));
        }
    }
    Ok(all)
}

fn untyped(part: &str) -> Error {
    Error::usage(format!("`types`: {} has no type: it takes COLUMN=TYPE, separated by commas", shown(part)))
}

/// What a column was found to be.
pub enum Found {
    Learned(Kind),
    Constant(String, Kind),
    Id(Ids),
    Skipped,
}

/// One column under examination.
pub struct Examined<'a> {
    pub sheet: &'a Sheet,
    pub table: &'a Table,
    pub raw: &'a Raw,
    pub texts: &'a Texts,
    pub gaps: &'a Gaps,
    /// The gaps that the table has.
    pub marks: &'a [String],
    pub levels: usize,
}

impl Examined<'_> {
    /// The type of the column, and a note where it is in doubt.
    ///
    /// # Errors
    /// A wish that a cell contradicts; dates that can be read in two ways; cells that are too large or infinite.
    pub fn found(&self, wish: Option<&Wish>) -> Result<(Found, Option<String>)> {
        let name = shown(&self.raw.name);
        if wish == Some(&Wish::Skip) {
            return Ok((Found::Skipped, None));
        }
        if let Some(infinite) = self.values().find(|text| is_infinite(text)).filter(|_| self.raw.is_numeric()) {
            return Err(self.at_texts(&[infinite], "is not finite: mend it, or add it to `missing`"));
        }
        if let Some(row) = self.raw.values.iter().position(|value| value.is_infinite()) {
            return Err(Error::failure(format!(
                "{}: the number in column {name} is larger than a double can hold: mend it",
                self.table.line(self.sheet, row).place()
            )));
        }
        if let Some(text) = self.constant() {
            return Ok((Found::Constant(text, self.kind_of_numbers().unwrap_or(Kind::Category)), None));
        }
        if let Some(found) = wish.map_or(Ok(None), |wish| self.wished(wish))? {
            return Ok((found, None));
        }
        if let Some(kind) = self.kind_of_numbers() {
            let counts = ids::counts(self.raw);
            if counts == Counts::Rows {
                let whole = |value: &f64| value.is_finite().then(|| value.to_string());
                let texts: Vec<String> = self.raw.values.iter().filter_map(whole).collect();
                return Ok((self.ids(texts.iter().map(String::as_str)), None));
            }
            if let Some(mixed) = self.raw.mixed_units(&self.sheet.name)? {
                return Ok((Found::Learned(kind), Some(mixed)));
            }
            let dressed = self.raw.dressed.as_ref().and_then(|cell| {
                let value = self.raw.number(cell, self.sheet.decimal)?;
                Some(format!("`{}`: in {name}, {} is read as {value}", self.sheet.name, shown(cell)))
            });
            let differ = (counts == Counts::Differ).then(|| {
                format!(
                    "`{}`: all values of {name} differ and are learned: if they tell rows apart, say \
                     `--types \"{}=id\"`",
                    self.sheet.name, self.raw.name
                )
            });
            return Ok((Found::Learned(kind), dressed.or(differ)));
        }
        match recognise(self.values()) {
            Dates::In(pattern) => {
                let pattern = pattern.with_century(self.values());
                let note = self.years(&pattern);
                return Ok((Found::Learned(Kind::Date(pattern)), note));
            }
            Dates::Either(one, other) => {
                let (one, other) = (one.letters().to_owned(), other.letters().to_owned());
                return Err(Error::usage(format!(
                    "`{}`: the dates of {name}, such as {}, can be read as {one} or as {other}: say which, `--types \
                     \"{}=date:{one}\"`",
                    self.sheet.file,
                    shown(self.values().next().unwrap_or_default()),
                    self.raw.name
                )));
            }
            Dates::No => {}
        }
        if let Some(patterns) = year_or_day_first(self.values()) {
            let (pattern, note) = self.of_two(patterns);
            return Ok((Found::Learned(Kind::Date(pattern)), Some(note)));
        }
        let gaps: usize = self.gaps.counts(self.texts).values().sum();
        let (different, cells) = (self.values().count(), self.texts.ids.len() - gaps);
        let other_mark = self.with_other_mark();
        if let Some(cell) = other_mark.filter(|_| different > self.levels) {
            let advice = "write one mark in all columns, or say the type with `types`";
            return Err(self.at_texts(&[cell], &format!("{OTHER_MARK}: {advice}")));
        }
        let odd = self.odd_ones(different).filter(|_| other_mark.is_none());
        if let Some((words, what)) = odd.as_ref().filter(|_| different > self.levels) {
            let advice = format!(
                "and most others are: mend it, make it a gap, {}, or say the type with `types`",
                self.as_gaps(words)
            );
            return Err(self.at_texts(words, &format!("is no {what}, {advice}")));
        }
        let file = &self.sheet.name;
        let note = match (odd, self.raw.too_long(), like(self.values(), different)) {
            _ if other_mark.is_some() => other_mark
                .map(|cell| format!("`{file}`: {name} is learned as a category: {} {OTHER_MARK}", shown(cell))),
            (None, None, _) if self.are_framed() => self.raw.units_apart().map(|[one, other]| {
                format!(
                    "`{file}`: {name} is taken as texts, as its numbers have different units, such as {} and {}: write \
                     one unit in all cells to learn numbers",
                    shown(one),
                    shown(other)
                )
            }),
            (Some((words, what)), ..) => Some(format!(
                "`{file}`: {name} is learned as a category, as {} is no {what}: as a gap it comes back as it is beside \
                 {what}s, {}",
                shown(words[0]),
                self.as_gaps(&words)
            )),
            (None, Some(long), _) => Some(format!(
                "`{file}`: {name} is taken as texts, as {} has more digits than a number holds exactly",
                shown(long)
            )),
            (None, None, Some((what, text))) => Some(format!(
                "`{file}`: the {different} values of {name} look like {what}, such as {}, but are written in no way \
                 that is known: they are texts",
                shown(text)
            )),
            _ => None,
        };
        if ids::are_ids(self.raw, different, cells) {
            return Ok((self.ids(self.values()), note));
        }
        Ok((Found::Learned(Kind::Category), note))
    }

    /// The texts that are no numbers, or the first that is no date, though most of the `different` ones are, and which
    /// of the two.
    fn odd_ones(&self, different: usize) -> Option<(Vec<&str>, &'static str)> {
        let is_number = |text: &&str| self.raw.number(text, self.sheet.decimal).is_some();
        let numbers = self.values().filter(is_number).count();
        if numbers * 2 > different && !self.raw.is_padded && self.raw.too_long().is_none() {
            let odd: Vec<&str> = self.values().filter(|text| !is_number(text)).collect();
            return (!odd.is_empty()).then_some((odd, "number"));
        }
        Some((vec![odd_one(self.values())?], "date"))
    }

    /// A cell with a decimal mark, if all cells are numbers with the mark that the table does not have.
    fn with_other_mark(&self) -> Option<&str> {
        let other = match self.sheet.decimal {
            Decimal::Point => Decimal::Comma,
            Decimal::Comma => Decimal::Point,
        };
        let has_mark = |text: &&str| text.contains(['.', ',']);
        let are_numbers = self.values().all(|text| self.raw.number(text, other).is_some_and(f64::is_finite));
        self.values().find(has_mark).filter(|_| are_numbers && !self.texts.ids.contains(&PLAIN))
    }

    /// What to type to make gaps of these texts too.
    fn as_gaps(&self, words: &[&str]) -> String {
        let all: Vec<&str> = words.iter().copied().chain(self.marks.iter().map(String::as_str)).collect();
        let listed = |word: &&str| if word.contains(',') { format!("\"{word}\"") } else { (*word).to_owned() };
        let list = all.iter().map(listed).collect::<Vec<_>>().join(",");
        // A list with quotes of its own stands between the others.
        let quote = if list.contains('"') { '\'' } else { '"' };
        match words.len() > GAPS || all.iter().any(|word| word.contains([quote, '"', '`', '$', '\\'])) {
            true => format!("`--missing` with it and {} others", words.len() - 1),
            false => format!("`--missing {quote}{list}{quote}`"),
        }
    }

    /// Whether all texts are numbers with a unit.
    fn are_framed(&self) -> bool {
        self.values().all(|text| framed(text).is_some())
    }

    /// The pattern of two that more cells follow, which the others are read in too, and a note on both.
    fn of_two(&self, [one, other]: [Pattern; 2]) -> (Pattern, String) {
        let count = |pattern: &Pattern| moments(self.texts, pattern).iter().filter(|moment| moment.is_finite()).count();
        let [most, least] = if count(&one) >= count(&other) { [one, other] } else { [other, one] };
        let note = format!(
            "`{}`: {} dates of {} are written {} and {} {}: they are read, and written {}",
            self.sheet.name,
            count(&most),
            shown(&self.raw.name),
            most.letters(),
            count(&least),
            least.letters(),
            most.letters()
        );
        (most.with_other(least), note)
    }

    /// A note on how years of two digits are read.
    fn years(&self, pattern: &Pattern) -> Option<String> {
        let read = pattern.reader();
        let years = || self.values().filter_map(&read).map(year_of);
        let (first, last) = (years().min()?, years().max()?);
        let (file, name) = (&self.sheet.name, shown(&self.raw.name));
        pattern.is_short().then(|| format!("`{file}`: the years of {name} are read as {first} to {last}"))
    }

    /// The texts that are no gaps. Of a column of plain numbers there are none.
    fn values(&self) -> impl Iterator<Item = &str> + Clone {
        self.texts.all.iter().map(String::as_str).filter(|text| !self.gaps.has(text))
    }

    /// Ids beside these, with gaps as often as the column has them, and as it writes most of them.
    fn ids<'t>(&self, ids: impl Iterator<Item = &'t str> + Clone) -> Found {
        let counts = self.gaps.counts(self.texts);
        let usual = counts.iter().max_by_key(|(_, count)| **count);
        let share = counts.values().sum::<usize>() as f32 / self.texts.ids.len() as f32;
        let gaps = usual.map(|(gap, _)| (share, (*gap).to_owned()));
        Found::Id(Ids { gaps, ..Ids::beside(&self.raw.name, ids) })
    }

    /// The text of every row, if there is only one.
    fn constant(&self) -> Option<String> {
        let (ids, values) = (&self.texts.ids, &self.raw.values);
        if ids.iter().any(|id| *id != ids[0]) {
            return None;
        }
        match ids[0] {
            PLAIN => values
                .iter()
                .all(|value| *value == values[0])
                .then(|| Style::of(self.raw).write(values[0], self.sheet.decimal)),
            id => Some(self.texts.all[id as usize].clone()),
        }
    }

    /// The kind of a column all of whose cells but the gaps are finite numbers without leading zeros.
    fn kind_of_numbers(&self) -> Option<Kind> {
        let decimal = self.sheet.decimal;
        let is_number = |text: &str| self.raw.number(text, decimal).is_some_and(f64::is_finite);
        let has_any = self.texts.ids.contains(&PLAIN) || self.values().next().is_some();
        (has_any && !self.raw.is_padded && self.raw.too_long().is_none() && self.values().all(is_number))
            .then(|| Kind::Number(Style::of(self.raw)))
    }

    /// What a user says that the column is, if that.
    fn wished(&self, wish: &Wish) -> Result<Option<Found>> {
        let refuse = |texts: &[&str], what: &str| {
            Err(self.at_texts(texts, &format!("is no {what}, which `types` says that it is")))
        };
        let kind = match wish {
            Wish::Number => {
                let is_word = |text: &&str| self.raw.number(text, self.sheet.decimal).is_none();
                let words: Vec<&str> = self.values().filter(is_word).collect();
                if 2 * words.len() > self.values().count() {
                    return refuse(&words, "number (nor are most of its values: `category` takes texts)");
                }
                if !words.is_empty() {
                    let gaps = self.as_gaps(&words);
                    return refuse(&words, &format!("number (mend it, or make it a gap, {gaps})"));
                }
                Kind::Number(Style::of(self.raw))
            }
            Wish::Date(None) => match recognise(self.values()) {
                Dates::In(pattern) | Dates::Either(pattern, _) => Kind::Date(pattern.with_century(self.values())),
                Dates::No => match year_or_day_first(self.values()) {
                    Some(patterns) => Kind::Date(self.of_two(patterns).0),
                    None => return refuse(&[self.values().next().unwrap_or("a number")], "date of a known pattern"),
                },
            },
            Wish::Date(Some(pattern)) => {
                let padded = [pattern.clone(), pattern.unpadded()];
                let fits = |pattern: &&Pattern| {
                    let read = pattern.reader();
                    self.values().next().is_some() && self.values().all(|text| read(text).is_some())
                };
                match padded.iter().find(fits) {
                    Some(pattern) => Kind::Date(pattern.clone().with_century(self.values())),
                    None => {
                        let read = padded.each_ref().map(Pattern::reader);
                        let wrong = |text: &&str| read.iter().all(|read| read(text).is_none());
                        let mut wrong: Vec<&str> = self.values().filter(wrong).collect();
                        wrong.extend(wrong.is_empty().then_some("a number"));
                        return refuse(&wrong, &format!("date in the pattern {}", pattern.letters()));
                    }
                }
            }
            Wish::Id => return Ok(Some(self.ids(self.values()))),
            Wish::Category => Kind::Category,
            Wish::Learned | Wish::Skip => return Ok(None),
        };
        Ok(Some(Found::Learned(kind)))
    }

    /// The error that names the first of these texts, with the line of its first row in the file and those of the other
    /// rows that have one of them.
    fn at_texts(&self, texts: &[&str], what: &str) -> Error {
        let (file, name) = (&self.sheet.file, shown(&self.raw.name));
        let wanted: HashSet<&str> = texts.iter().copied().collect();
        let is_one: Vec<bool> = self.texts.all.iter().map(|text| wanted.contains(text.as_str())).collect();
        let rows = self.texts.ids.iter().enumerate();
        let rows = rows.filter(|(_, id)| is_one.get(**id as usize) == Some(&true)).map(|(row, _)| row);
        let rows: Vec<usize> = rows.collect();
        let line = |row: &usize| self.table.line(self.sheet, *row);
        let place = rows.split_first().map_or(String::new(), |(first, others)| {
            format!(" (line {}){}", line(first), likewise(others.iter().map(line)))
        });
        Error::failure(format!("`{file}`: {} in column {name}{place} {what}", shown(texts[0])))
    }
}

/// What nearly all of many different texts look like though none of the patterns fits, and the first of them.
fn like<'a>(texts: impl Iterator<Item = &'a str> + Clone, different: usize) -> Option<(&'static str, &'a str)> {
    // A number is followed by the same unit everywhere, as in `12 kg`.
    let is_of_number = |c: char| c.is_ascii_digit() || ",.-".contains(c);
    let unit = texts.clone().next()?.trim_start_matches(is_of_number);
    let is_number = |text: &str| {
        let is_same = text.starts_with(|c: char| c.is_ascii_digit()) && text.trim_start_matches(is_of_number) == unit;
        is_same && unit.contains(char::is_alphabetic)
    };
    // A date has a year, and two more numbers or a number and the name of a month.
    let is_date = |text: &str| {
        let runs = |is: fn(&char) -> bool| text.split(move |c| !is(&c)).filter(|run| !run.is_empty());
        let numbers: Vec<&str> = runs(char::is_ascii_digit).collect();
        let words = runs(|c| c.is_alphabetic()).filter(|word| word.chars().count() > 2).count();
        let is_year = |run: &&str| run.len() == 4 && (run.starts_with("19") || run.starts_with("20"));
        let is_day = numbers.iter().any(|run| run.len() <= 2);
        numbers.iter().any(is_year)
            && (numbers.len() >= 3 || numbers.len() == 2 && words == 1 && is_day)
            && text.len() < 40
    };
    let most = |is: &dyn Fn(&str) -> bool| 10 * texts.clone().filter(|text| is(text)).count() > 9 * different;
    let found = [("dates", most(&is_date)), ("numbers", most(&is_number))].into_iter().find(|(_, is)| *is)?;
    (different > LIKE).then_some((found.0, texts.clone().next()?))
}

/// Whether a cell is infinite, as programs write it.
fn is_infinite(text: &str) -> bool {
    let bare = text.trim_start_matches(['-', '+']);
    ["inf", "infinity", "∞"].iter().any(|word| bare.eq_ignore_ascii_case(word))
}

/// The values of a date column: those of its texts, NaN for gaps.
pub fn moments(texts: &Texts, pattern: &Pattern) -> Vec<f64> {
    let read = pattern.reader();
    let each: Vec<f64> = texts.all.iter().map(|text| read(text).unwrap_or(f64::NAN)).collect();
    texts.ids.iter().map(|id| each.get(*id as usize).copied().unwrap_or(f64::NAN)).collect()
}
