//! Tables of typed columns (numbers, dates, categories, gaps): how rows become numbers that a model learns, and how
//! they are given back as they were written.
//!
//! A column has at most two values in an example: a *choice*, the number of one of its special values (a category, a
//! gap, a value that many rows share) or of a component of its distribution, and a *scalar*, a normal score. The
//! choices of all columns come first, then all scalars.

mod coding;
mod conditions;
mod dates;
mod derived;
mod drawn;
mod encode;
mod gaps;
mod ids;
mod known;
mod odd;
mod ranks;
mod read;
mod relation;
mod rules;
mod said;
mod search;
mod style;
mod types;
mod values;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result, counted, unknown};
use crate::settings::{Decimal, Separator};

pub use coding::Coding;
use coding::{Drawn, Value};
pub use conditions::Condition;
pub use dates::Pattern;
pub(super) use dates::{Dates, recognise};
pub use derived::Derived;
pub use ids::Ids;
pub(super) use known::read_known;
pub use ranks::{Ranks, quantile as normal_quantile};
pub(super) use read::{computed, is_wanted, read};
pub use rules::Rule;
pub use style::Style;
pub use values::{FileRows, Values};

use super::cells::is_missing;
use super::dialect::{byte, shown};
use super::quotes::Quotes;
use super::random::Root;

/// Most characters of a name that make the lines on columns wider.
const WIDEST: usize = 30;

/// A table's columns, with all that is needed to write rows without the data. It holds values of single columns, and of
/// columns that others tell what stands beside each value of these.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Records {
    /// The columns, in the order of the file.
    pub columns: Vec<Column>,
    /// Names of the values of an example.
    names: Vec<String>,
    /// How the file separates cells.
    separator: Separator,
    /// Its decimal mark.
    decimal: Decimal,
    /// Whether lines end with CR LF.
    crlf: bool,
    /// Whether it begins with a byte order mark.
    mark: bool,
    /// Whether it has no line of names.
    headless: bool,
    /// Which names are in quotes.
    #[serde(default, skip_serializing_if = "Quotes::is_needed")]
    quotes: Quotes,
    /// The encoding of the file, if it is not UTF-8, which samples are written in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    /// Whether examples end with the number of a value that the row has, among those of all [`Records::given`] choices.
    #[serde(default)]
    by_value: bool,
    /// Columns whose gaps others tell, in all rows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    gaps: Vec<odd::Gaps>,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What the file calls it, if that is another: nothing, or what a column before it is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    /// Which cells are in quotes.
    #[serde(default, skip_serializing_if = "Quotes::is_needed")]
    quotes: Quotes,
    /// What its cells are.
    pub kind: Kind,
    /// How it is learned and given back.
    pub role: Role,
}

/// What the cells of a column are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Kind {
    /// One of some texts.
    Category,
    /// Numbers, in this style.
    Number(Style),
    /// Dates or times, in seconds since 1970.
    Date(Pattern),
}

/// How a column is learned and given back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Role {
    /// It is learned.
    Learned(Coding),
    /// Every row has this text: not learned.
    Constant(String),
    /// It tells rows apart: not learned, and never a text of the data.
    Id(Ids),
    /// It follows from other columns: computed, or learned from where they end.
    Derived(Derived),
    /// Left out of samples too.
    Skipped,
}

/// One cell that was decoded: its text, and its number if it is one (of dates in seconds since 1970).
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// As it is written.
    pub text: String,
    /// The value of a number or date.
    pub number: Option<f64>,
}

impl Records {
    /// Numbers of values of the choices, in the order of an example.
    pub fn choices(&self) -> Vec<usize> {
        self.codings().map(|(_, coding)| coding.choices()).filter(|choices| *choices > 0).collect()
    }

    /// Number of scalars of an example.
    pub fn scalars(&self) -> usize {
        self.codings().filter(|(_, coding)| coding.has_scalar()).count()
    }

    /// The choices among whose values one is given with each example: those of categories. None without that.
    pub fn given(&self) -> Vec<usize> {
        let choices = self.codings().filter(|(_, coding)| coding.choices() > 0).enumerate();
        let of_category = |(n, (_, coding)): (usize, (&Column, &Coding))| (!coding.has_scalar()).then_some(n);
        if self.by_value { choices.filter_map(of_category).collect() } else { vec![] }
    }

    /// Whether each scalar lies within -1 and 1, by the encoding of modes.
    pub fn is_bounded(&self) -> bool {
        self.codings().any(|(_, coding)| coding.is_bounded())
    }

    /// Number of values of an example.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether nothing is learned.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// A name for each value of an example.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The columns that are learned, or of which something is, with their codings.
    pub fn codings(&self) -> impl Iterator<Item = (&Column, &Coding)> {
        self.columns.iter().filter_map(|column| Some((column, column.coding()?)))
    }

    /// The share of the rows of the data that have each value of each choice, one after the other.
    pub fn shares(&self) -> Vec<f64> {
        self.codings().filter(|(_, coding)| coding.choices() > 0).flat_map(|(_, coding)| coding.shares()).collect()
    }

    /// For each column, the places of its choice and of its scalar in an example, if it has them.
    fn places(&self) -> Vec<[Option<usize>; 2]> {
        let (mut choice, mut scalar) = (0, self.choices().len());
        let next = |place: &mut usize, has: bool| {
            has.then(|| {
                *place += 1;
                *place - 1
            })
        };
        let of = |column: &Column| match column.coding() {
            Some(coding) => [next(&mut choice, coding.choices() > 0), next(&mut scalar, coding.has_scalar())],
            None => [None; 2],
        };
        self.columns.iter().map(of).collect()
    }

    /// Number of rows that the codings were learned from.
    pub fn learned_from(&self) -> usize {
        self.codings().map(|(_, coding)| coding.rows()).max().unwrap_or(0)
    }

    /// The columns that samples have.
    pub fn written(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|column| column.role != Role::Skipped)
    }

    /// The cells of each of the samples `[N, values]`, flat. `first` is the number of samples that came before: ids go
    /// on from there, and so do draws of rare values and of digits of ids, which `seed` decides.
    pub fn rows<'a>(&'a self, samples: &'a [f32], first: usize, seed: u64) -> impl Iterator<Item = Vec<Cell>> + 'a {
        let places = self.places();
        let order = derived::order(&self.columns).unwrap_or_default();
        let root = Root::new("rare", seed, super::Split::Train);
        samples.chunks_exact(self.len().max(1)).enumerate().map(move |(n, sample)| {
            let number = first + n;
            let mut stream = root.stream(number);
            let mut row = vec![Cell { text: String::new(), number: None }; self.columns.len()];
            for &at in &order {
                let column = &self.columns[at];
                let [choice, scalar] = places[at].map(|place| place.map_or(0.0, |place| sample[place]));
                let (choice, scalar) = (choice.max(0.0) as usize, f64::from(scalar));
                row[at] = match &column.role {
                    Role::Learned(coding) => match coding.drawn(choice, scalar, &mut stream) {
                        Drawn::Value(value) => Cell { text: value.text.clone(), number: value.number },
                        Drawn::Number(number) => column.kind.cell(number, self.decimal),
                    },
                    Role::Derived(derived) => {
                        let rest = derived.rest().map(|coding| coding.drawn(choice, scalar, &mut stream));
                        derived.cell(column, self.decimal, &row, rest)
                    }
                    Role::Constant(text) => Cell { text: text.clone(), number: column.kind.number(text, self.decimal) },
                    Role::Id(_) | Role::Skipped => continue,
                };
            }
            let written = row.into_iter().zip(&self.columns).filter(|(_, column)| column.role != Role::Skipped);
            let mut row: Vec<Cell> = written.map(|(cell, _)| cell).collect();
            self.number(&mut row, number + 1, seed);
            row
        })
    }

    /// The first column in which another table cannot take the place of this one, with what it has there.
    pub fn differs_from(&self, wanted: &Self) -> Option<String> {
        let find = |records: &Self, name: &str| records.columns.iter().any(|column| column.name == name);
        if let Some(column) = wanted.columns.iter().find(|column| !find(self, &column.name)) {
            return Some(format!("no column {}", shown(&column.name)));
        }
        if let Some(column) = self.columns.iter().find(|column| !find(wanted, &column.name)) {
            return Some(format!("a column {}, which the model does not know", shown(&column.name)));
        }
        let sizes = |column: &Column| match column.coding() {
            Some(coding) => [coding.choices(), usize::from(coding.has_scalar())],
            None => [0; 2],
        };
        // What is learned above others means something else than the number itself, or than what is above yet others.
        let above = |column: &Column| match &column.role {
            Role::Derived(derived) if derived.rest().is_some() => derived.from().to_vec(),
            _ => vec![],
        };
        let mut pairs = self.columns.iter().zip(&wanted.columns);
        if let Some((column, _)) = pairs.clone().find(|(a, b)| a.name == b.name && above(a) != above(b)) {
            return Some(format!("other columns below {} in all rows", shown(&column.name)));
        }
        let (column, other) = pairs.find(|(a, b)| a.name != b.name || sizes(a) != sizes(b))?;
        let name = shown(&column.name);
        Some(match (column.name == other.name, sizes(column), sizes(other)) {
            (false, ..) => format!("its columns in another order, {name} first in the place of {}", shown(&other.name)),
            (true, [found, _], [wanted, _]) => format!("{name} with {found} choices, and the model learned {wanted}"),
        })
    }

    /// Gives a row's ids the number `number`, from 1 on, beside those of the data; `seed` decides digits that are
    /// drawn.
    pub fn number(&self, row: &mut [Cell], number: usize, seed: u64) {
        for (cell, column) in row.iter_mut().zip(self.written()) {
            if let Role::Id(ids) = &column.role {
                *cell = Cell { text: ids.cell(&column.name, number, seed), number: None };
            }
        }
    }

    /// Rows as a file like the one that was read: the same columns, separator, decimal mark, quotes and ends of lines.
    /// Programs that read another encoding unasked, as Excel does, know UTF-8 by its mark.
    pub fn to_csv(&self, rows: impl Iterator<Item = Vec<Cell>>) -> Vec<u8> {
        let (separator, end) = (byte(self.separator), if self.crlf { "\r\n" } else { "\n" });
        let mut text = if self.mark || self.encoding.is_some() { "\u{feff}".to_owned() } else { String::new() };
        let mut add = |cells: &mut dyn Iterator<Item = String>| {
            let start = text.len();
            for (n, cell) in cells.enumerate() {
                text.extend((n > 0).then_some(char::from(separator)));
                text += &cell;
            }
            // An empty line is no row.
            text += if text.len() == start { "\"\"" } else { "" };
            text += end;
        };
        let columns: Vec<&Column> = self.written().collect();
        if !self.headless {
            add(&mut columns.iter().map(|column| self.quotes.written(column.title(), separator)));
        }
        for row in rows {
            let written = |(cell, column): (&Cell, &&Column)| column.quotes.written(&cell.text, separator);
            add(&mut row.iter().zip(&columns).map(written));
        }
        text.into_bytes()
    }

    /// A line on each column, for people; of the first `most`, and how many more there are.
    pub fn lines(&self, most: usize) -> Vec<String> {
        let shown: Vec<(String, &Column)> = self.columns.iter().take(most).map(|c| (shown(&c.name), c)).collect();
        let width = shown.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0).min(WIDEST);
        let line = |(name, column): &(String, &Column)| {
            format!("{name:width$}  {}", said::of(column, &self.columns, self.decimal))
        };
        let more = self.columns.len().saturating_sub(most);
        shown.iter().map(line).chain((more > 0).then(|| format!("and {} more", counted(more, "column")))).collect()
    }

    /// Sentences on categories with values that hardly any row has, which come back as they are.
    pub fn singles(&self) -> Vec<String> {
        const FEW: usize = 2;
        let of = |(column, coding): (&Column, &Coding)| {
            let values = || coding.values.iter().chain(&coding.rare);
            let is_few = |value: &&Value| {
                value.rows <= FEW && !is_missing(&value.text) && Some(&value.text) != coding.others.as_ref()
            };
            let (count, all) = (values().filter(is_few).count(), values().count());
            let rows = |least: usize| values().map(|value| value.rows).filter(|rows| *rows < least).sum::<usize>();
            let others = 100.0 * rows(5) as f64 / rows(usize::MAX).max(1) as f64;
            let is_any = column.kind == Kind::Category && count > 0;
            is_any.then(|| {
                let occur = if count == 1 { "occurs" } else { "occur" };
                format!(
                    "{count} of the {all} values of {} {occur} once or twice, and samples can have them as they are: \
                     `--set rare=5` writes `other` for values of fewer than 5 rows ({others:.0} % of all), \
                     `--types \"{}=skip\"` leaves them all out",
                    shown(&column.name),
                    column.name
                )
            })
        };
        self.codings().filter_map(of).collect()
    }

    /// The column of this name.
    ///
    /// # Errors
    /// The nearest name.
    pub fn column(&self, name: &str) -> Result<&Column> {
        let names = || self.written().map(|column| column.name.as_str());
        self.written().find(|column| column.name == name).ok_or_else(|| unknown("column", name, names()))
    }

    /// The text of a number or date of a column.
    pub fn text(&self, column: &Column, number: f64) -> String {
        column.kind.write(number, self.decimal)
    }

    /// Whether a checkpoint can hold it.
    ///
    /// # Errors
    /// What cannot be.
    pub fn check(&self) -> Result<()> {
        let values = self.choices().len() + self.scalars() + usize::from(self.by_value);
        let is_possible = |column: &Column| match &column.role {
            Role::Learned(coding) => coding.is_possible(),
            Role::Id(ids) => ids.drawn.as_ref().is_none_or(|drawn| drawn.is_possible()),
            Role::Derived(derived) => derived.is_possible(),
            Role::Constant(_) | Role::Skipped => true,
        };
        let is_ordered = derived::order(&self.columns).is_some();
        let is_ordered = is_ordered && self.gaps.iter().all(|gaps| gaps.is_possible(self.columns.len()));
        let fits = is_ordered && values > 0 && values == self.names.len() && self.columns.iter().all(is_possible);
        if fits { Ok(()) } else { Err(Error::failure("its columns do not fit together")) }
    }
}

impl Column {
    /// What the file calls it.
    pub fn title(&self) -> &str {
        self.title.as_deref().unwrap_or(&self.name)
    }

    /// How it is learned, or what of it is.
    pub fn coding(&self) -> Option<&Coding> {
        match &self.role {
            Role::Learned(coding) => Some(coding),
            Role::Derived(derived) => derived.rest(),
            _ => None,
        }
    }

    /// Whether its cells depend on what is learned.
    pub fn is_compared(&self) -> bool {
        matches!(self.role, Role::Learned(_) | Role::Derived(_))
    }

    /// Whether it has values that are not told one by one.
    pub fn has_many(&self) -> bool {
        match &self.role {
            Role::Learned(coding) => coding.body.is_some(),
            Role::Derived(derived) => derived.is_of_numbers(),
            _ => false,
        }
    }

    /// The texts that it is known to have, one by one.
    fn texts(&self) -> Vec<&str> {
        match &self.role {
            Role::Learned(coding) => {
                coding.values.iter().chain(&coding.rare).map(|value| value.text.as_str()).collect()
            }
            Role::Derived(derived) => derived.texts(),
            Role::Constant(text) => vec![text],
            Role::Id(_) | Role::Skipped => vec![],
        }
    }
}

impl Kind {
    /// The number or date that a text is.
    fn number(&self, text: &str, decimal: Decimal) -> Option<f64> {
        match self {
            Self::Category => None,
            Self::Number(style) => style.read(text, decimal),
            Self::Date(pattern) => pattern.read(text),
        }
    }

    /// What cells are that are not of this kind.
    fn lacks(&self) -> String {
        match self {
            Self::Date(pattern) => format!("are no dates that are written {}", pattern.letters()),
            Self::Category | Self::Number(_) => "are no numbers as the column writes them".into(),
        }
    }

    /// The text of a number or date.
    pub(super) fn write(&self, number: f64, decimal: Decimal) -> String {
        match self {
            Self::Category => number.to_string(),
            Self::Number(style) => style.write(number, decimal),
            Self::Date(pattern) => pattern.write(number),
        }
    }

    /// Half of what a number is a multiple of; 0 of dates, and without bound where cells have exponents.
    fn rounding(&self) -> f64 {
        match self {
            Self::Number(style) => style.grain().map_or(f64::INFINITY, |grain| 0.5 * grain),
            _ => 0.0,
        }
    }

    /// The cell of a number or date, with the number that its text is.
    fn cell(&self, number: f64, decimal: Decimal) -> Cell {
        let text = self.write(number, decimal);
        Cell { number: self.number(&text, decimal).or(Some(number)), text }
    }

    /// Whether equal numbers look alike in all rows.
    fn is_alike(&self) -> bool {
        match self {
            Self::Number(style) => style.dress.is_some(),
            Self::Date(pattern) => pattern.has_other(),
            Self::Category => false,
        }
    }
}
