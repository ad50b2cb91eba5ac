//! Reading a table of typed columns.

use std::path::Path;

use super::derived::{Candidate, Finder};
use super::encode::{Cells, How, encoded};
use super::gaps::Gaps;
use super::ids;
use super::odd;
use super::relation::Relation;
use super::rules::Kept;
use super::types::{Examined, Found, Texts, Wish, moments, texts, wishes};
use super::{Coding, Column, Derived, Kind, Records, Role, Rule, Style, Values};
use crate::data::column::Column as Raw;
use crate::data::columns::Table;
use crate::data::dialect::{Line, Sheet, shown};
use crate::data::random::Root;
use crate::data::{About, Dataset, Options, Series, Split, Wanted, check_memory};
use crate::error::{Error, Result, counted};
use crate::settings::{Decimal, Encode};

/// Rows that are shown as they are.
const SHOWN: usize = 5;
/// Number of rows below which a note says that a table is small.
const SMALL: usize = 100;
/// Rules that are said, and rows that break one.
const SAID: usize = 4;
/// Rows that are drawn by their values, for each row.
const DRAWS: usize = 4;

/// Whether a table is read by the types of its columns: the setting says so, or some column that would be learned has
/// anything but finite numbers.
pub fn is_wanted(table: &Table, sheet: &Sheet, options: &Options) -> Result<bool> {
    let asks = options.types.is_some() || options.missing.is_some();
    match options.encode {
        _ if options.window.is_some() || options.wanted == Wanted::Sequences => Ok(false),
        Some(Encode::None) if asks => Err(Error::usage("encode=none reads plain numbers: leave out types and missing")),
        Some(encode) => Ok(encode != Encode::None),
        None if asks => Ok(true),
        None => {
            let is_typed = |i: &usize| {
                let column = &table.all[*i];
                column.flaw.is_some() || column.is_padded || column.is_dressed() || column.too_long().is_some()
            };
            match &options.columns {
                Some(_) => Ok(table.named(&sheet.file, options)?.iter().any(is_typed)),
                None => Ok((0..table.all.len()).any(|i| is_typed(&i))),
            }
        }
    }
}

/// The rows of a table as examples; `None` for a test part without held-out rows.
pub fn read(path: &Path, sheet: &Sheet, table: &Table, options: &Options) -> Result<Option<Dataset>> {
    let held = table.held(options);
    let learned: Vec<usize> = (0..table.rows()).filter(|row| !held[*row]).collect();
    if options.split == Split::Test && learned.len() == table.rows() {
        return Ok(None);
    }
    let gaps = Gaps::of(options, table, sheet)?;
    let wishes = wishes(table, sheet, options)?;
    let texts = texts(table, sheet, &gaps, &wishes)?;
    let chosen = if options.columns.is_some() { Some(table.named(&sheet.file, options)?) } else { None };
    let marks = gaps.said(&texts);
    let mut notes = vec![];
    let mut found = vec![];
    for (i, (raw, texts)) in table.all.iter().zip(&texts).enumerate() {
        let is_chosen = chosen.as_ref().is_none_or(|chosen| chosen.contains(&i));
        let examined = Examined { sheet, table, raw, texts, gaps: &gaps, marks: &marks, levels: options.levels };
        let (what, note) = if is_chosen { examined.found(wishes.get(&i))? } else { (Found::Skipped, None) };
        notes.extend(note);
        found.push(match what {
            Found::Skipped => (Kind::Category, Err(Role::Skipped)),
            Found::Constant(text, kind) => (kind, Err(Role::Constant(text))),
            Found::Id(ids) => (Kind::Category, Err(Role::Id(ids))),
            Found::Learned(kind) => {
                let numbers = match &kind {
                    Kind::Category => vec![],
                    Kind::Number(_) => raw.values.clone(),
                    Kind::Date(pattern) => moments(texts, pattern),
                };
                (kind, Ok(Cells::new(texts, numbers)))
            }
        });
    }
    let how = How { levels: options.levels, rare: options.rare, modes: options.encode == Some(Encode::Modes) };
    let may_follow = |i: usize| options.derive && !how.modes && wishes.get(&i) != Some(&Wish::Learned);
    let (derived, rules, gap_ties) = followed(&found, &learned, may_follow, how, sheet.decimal);
    let (title_quotes, quotes) = sheet.quotes(table.all.len(), !table.is_headless());
    let mut columns = vec![];
    let mut cells = vec![];
    for (i, (kind, what)) in found.iter().enumerate() {
        let write = |number| kind.write(number, sheet.decimal);
        let (role, of_column) = match (what, &derived[i]) {
            (Err(role), _) => (role.clone(), None),
            (Ok(own), None) => match own.coding(&learned, how, kind.is_alike(), write) {
                Ok(coding) => (Role::Learned(coding), Some(own.clone())),
                Err(value) => (Role::Constant(value.text), None),
            },
            (Ok(own), Some(derived)) => {
                let sources: Vec<&Cells> = derived.from().iter().filter_map(|n| found[*n].1.as_ref().ok()).collect();
                let rests = derived.rests(own, &sources);
                let coding = rests.coding(&learned, how, true, |rest| rest.to_string());
                let derived = derived.clone().with(coding);
                let is_learned = derived.rest().is_some();
                (Role::Derived(derived), is_learned.then_some(rests))
            }
        };
        cells.extend(of_column);
        let raw = &table.all[i];
        let title = Some(raw.title.clone()).filter(|title| !table.is_headless() && *title != raw.name);
        let kind = match &role {
            Role::Derived(derived) => told(derived, (i, kind), &found, &learned, sheet.decimal),
            _ => kind.clone(),
        };
        columns.push(Column { name: raw.name.clone(), title, quotes: quotes[i], kind, role });
    }
    let mut names = names(&columns);
    if names.is_empty() {
        return Err(Error::failure(format!(
            "`{}` has nothing to learn: no column has two different values",
            sheet.file
        )));
    }
    if options.by_value {
        names.push("condition".into());
    }
    let records = Records {
        columns,
        names,
        by_value: options.by_value,
        gaps: gap_ties,
        separator: sheet.separator,
        decimal: sheet.decimal,
        crlf: sheet.crlf,
        mark: sheet.mark,
        headless: table.is_headless(),
        quotes: title_quotes,
        encoding: sheet.encoding.clone(),
    };
    let rows: Vec<usize> = match options.split {
        Split::Train => learned,
        Split::Test => (0..table.rows()).filter(|row| held[*row]).collect(),
    };
    check_memory(path, "row", rows.len(), 4 * records.len(), "fewer columns")?;
    let (mut values, unknown) = encoded(&records, &cells, &rows, true);
    if options.by_value {
        if records.given().is_empty() {
            return Err(Error::usage(format!("`{}` has no category: leave out by_value", sheet.file)));
        }
        values = match options.split {
            Split::Train => by_value(&records, &values),
            Split::Test => values,
        };
    }
    if unknown > 0 {
        notes.push(format!(
            "`{}`: {} with a value that no row to learn from has",
            sheet.name,
            counted(unknown, "held-out cell")
        ));
    }
    notes.extend(records.singles().into_iter().map(|single| format!("`{}`: {single}", sheet.name)));
    if options.split == Split::Train {
        let ids = records.columns.iter().enumerate().map(|(i, column)| match column.role {
            Role::Id(_) => {
                let cells = Cells::new(&texts[i], table.all[i].values.clone());
                repeated(&column.name, &cells, table.rows(), |row| table.line(sheet, row))
            }
            _ => None,
        });
        notes.extend(
            numbered(&records)
                .into_iter()
                .chain(ids.into_iter().flatten())
                .chain(personal(&records))
                .chain(following(&records))
                .chain(records.told_gaps())
                .chain(ruled(&rules, &records.columns))
                .chain(nearly(&rules, &records.columns, rows.len(), |row| table.line(sheet, row)))
                .map(|note| format!("`{}`: {note}", sheet.name)),
        );
    }
    if options.group.is_some() || records.columns.iter().any(|column| matches!(column.kind, Kind::Date(_))) {
        notes.push(format!(
            "`{}`: rows are learned one by one; lstm-gan, rvae and lstm learn series of them",
            sheet.name
        ));
    }
    if rows.len() < SMALL && options.split == Split::Train {
        notes.push(format!("`{}`: {} rows are few to learn a table from", sheet.name, rows.len()));
    }
    let held = held.iter().filter(|held| **held).count();
    let first = rows.iter().take(SHOWN).map(|&row| {
        let kept = records.columns.iter().zip(&table.all).zip(&texts).filter(|((c, _), _)| c.role != Role::Skipped);
        let text = |((_, raw), texts): ((&Column, &Raw), &Texts)| match texts.of(row) {
            Some(text) => text.to_owned(),
            None => Style::of(raw).write(raw.values[row], sheet.decimal),
        };
        kept.map(text).collect::<Vec<_>>().join(" | ")
    });
    let about = About {
        first: first.collect(),
        part: table.said(held, options),
        findings: [sheet.findings.clone(), table.findings.clone()].concat(),
        notes: [sheet.notes.clone(), table.notes.clone(), notes].concat(),
        source: sheet.source.clone(),
        ..About::default()
    };
    let set = Dataset::of_floats(sheet.name.clone(), vec![records.len()], values, Some(Series::Table(records)));
    Ok(Some(Dataset { about, ..set }))
}

/// What was found of a column: its kind, and its cells if it can be learned.
type OfColumn<'a> = (Kind, std::result::Result<Cells<'a>, Role>);

/// The kind of a column that follows from others: what others tell to the last digit in all rows is no multiple of
/// more, as samples may have others.
fn told(derived: &Derived, (i, kind): (usize, &Kind), found: &[OfColumn], rows: &[usize], decimal: Decimal) -> Kind {
    let fine = match kind {
        Kind::Number(style) if style.is_coarse() && derived.is_computed() => Kind::Number(style.fine()),
        _ => return kind.clone(),
    };
    let cell = |place: usize, row: usize| {
        found[place].1.as_ref().map_or((None, None), |cells| (cells.text(row), cells.number(row)))
    };
    let is_told = |row: &usize| {
        let from: Vec<_> = derived.from().iter().map(|place| cell(*place, *row)).collect();
        !derived.is_broken(&fine, decimal, cell(i, *row), &from)
    };
    if rows.iter().all(is_told) { fine } else { kind.clone() }
}

/// For each column how it follows from others, where it may; and the rules that samples need not keep, or that some
/// rows break, by places.
fn followed(
    found: &[OfColumn],
    rows: &[usize],
    may_follow: impl Fn(usize) -> bool,
    how: How,
    decimal: Decimal,
) -> (Vec<Option<Derived>>, Vec<Kept>, Vec<odd::Gaps>) {
    let candidates: Vec<Candidate> = found
        .iter()
        .enumerate()
        .filter_map(|(place, (kind, what))| {
            Some(Candidate { place, kind, cells: what.as_ref().ok()?, is_free: may_follow(place) })
        })
        .collect();
    let values: Vec<Values> = candidates.iter().map(|column| column.cells.values(rows)).collect();
    let (derived, mut left, gaps) = Finder::new(&candidates, rows, how, decimal).find(Rule::find(&values));
    let mut all = vec![None; found.len()];
    candidates.iter().zip(derived).for_each(|(column, derived)| all[column.place] = derived);
    for Kept { rule, .. } in &mut left {
        rule.last = candidates[rule.last].place;
        rule.first.iter_mut().for_each(|first| *first = candidates[*first].place);
    }
    (all, left, gaps)
}

/// A sentence on the columns that follow from others, if there are any.
fn following(records: &Records) -> Option<String> {
    let is_derived = |column: &&Column| matches!(column.role, Role::Derived(_));
    let all: Vec<&Column> = records.columns.iter().filter(is_derived).collect();
    let one = &all.first()?.name;
    Some(format!(
        "{} from others, in all samples: `--types \"{one}=learned\"` learns it as it is, `--set \
         derive=false` all",
        if all.len() == 1 { "1 column follows".into() } else { format!("{} columns follow", all.len()) }
    ))
}

/// A sentence on the columns that are taken for ids, if there are any.
fn numbered(records: &Records) -> Option<String> {
    let mut ids = records.columns.iter().filter(|column| matches!(column.role, Role::Id(_)));
    let (name, more) = (&ids.next()?.name, ids.count());
    let are = match more {
        0 => "is an id".to_owned(),
        _ => format!("and {} are ids", counted(more, "other column")),
    };
    Some(format!("{} {are}, not learned: `--types \"{name}=category\"`, or number, learns the column", shown(name)))
}

/// A sentence on the ids of a column that more than one of its rows has, if there are any.
fn repeated<'l>(name: &str, cells: &Cells, rows: usize, line: impl Fn(usize) -> Line<'l>) -> Option<String> {
    let again = ids::again(cells, rows);
    let ([before, row], have) = (again.first()?, if again.len() == 1 { "has" } else { "have" });
    let (shown, count, row) = (shown(name), counted(again.len(), "row"), line(*row));
    let some = format!("{shown}: {count} {have} the id of an earlier one, such as line {row}");
    Some(match ids::are_of_entities(&again, rows) {
        true => format!(
            "{some}: rows are learned one by one, and each sample has an id of its own; `--set \"group={name}\"` with \
             lstm-gan, rvae or lstm learns the rows of each id as a series"
        ),
        false => format!("{some} (that of line {})", line(*before)),
    })
}

/// Sentences on categories with values that look like a person's address or number.
fn personal(records: &Records) -> impl Iterator<Item = String> {
    const DIGITS: usize = 8;
    let is_personal = |text: &str| {
        let is_address = text.split_once('@').is_some_and(|(name, rest)| !name.is_empty() && rest.contains('.'));
        let digits = text.chars().filter(char::is_ascii_digit).count();
        is_address || digits >= DIGITS && text.contains(' ') && text.chars().any(char::is_alphabetic)
    };
    let of = move |(column, coding): (&Column, &Coding)| {
        let texts = coding.values.iter().chain(&coding.rare).filter(|value| value.number.is_none());
        let one = texts.map(|value| &value.text).find(|text| is_personal(text))?;
        (column.kind == Kind::Category).then(|| {
            let name = &column.name;
            format!(
                "{} has values such as {}, which look like a person's address or number, and samples repeat them: \
                 `--types \"{name}=skip\"` leaves them out",
                shown(name),
                shown(one)
            )
        })
    };
    records.codings().filter_map(of)
}

/// A sentence on the numbers that are computed from others in these rows of plain numbers, if there are any.
pub fn computed(columns: &[(&str, &[f64])], rows: &[usize]) -> Option<String> {
    let values: Vec<Values> =
        columns.iter().map(|(_, all)| Values::Numbers(rows.iter().map(|row| all[*row]).collect())).collect();
    let names: Vec<String> = columns.iter().map(|(name, _)| (*name).to_owned()).collect();
    let is_exact = |rule: &Rule| rule.relation.is_exact();
    let said: Vec<String> = Rule::find(&values).into_iter().filter(is_exact).map(|rule| rule.said(&names)).collect();
    let more = if said.len() > SAID { format!(" (and {} more)", said.len() - SAID) } else { String::new() };
    let some = said[..said.len().min(SAID)].join(", ");
    (!said.is_empty()).then(|| {
        format!("in all rows or nearly all {some}{more}: points need not keep that; `--set encode=rank` computes it")
    })
}

/// A sentence on the rules that all rows keep and samples need not, if there are any.
fn ruled(rules: &[Kept], columns: &[Column]) -> Option<String> {
    let rules: Vec<&Rule> = rules.iter().filter(|kept| kept.broken.is_empty()).map(|kept| &kept.rule).collect();
    let names: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
    let is_number =
        |rule: &&&Rule| rule.relation == Relation::Follows && matches!(columns[rule.first[0]].kind, Kind::Number(_));
    let by_number = rules.iter().find(is_number).map_or(String::new(), |rule| {
        format!("; samples keep what `--types \"{}=category\"` tells", names[rule.first[0]])
    });
    let merges = |rule: &&&Rule| {
        let coding = columns[rule.first[0]].coding();
        rule.relation == Relation::Follows && coding.is_some_and(|coding| coding.others.is_some())
    };
    let by_merged = rules.iter().find(merges).map_or(String::new(), |rule| {
        let [first, last] = [rule.first[0], rule.last].map(|column| shown(&names[column]));
        format!("; `rare` makes one value of several of {first}, which tells no {last}")
    });
    let said: Vec<String> = rules.iter().take(SAID).map(|rule| rule.said(&names)).collect();
    let more = if rules.len() > SAID { format!(" (and {} more)", rules.len() - SAID) } else { String::new() };
    (!rules.is_empty()).then(|| {
        format!(
            "in all rows {}{more}: samples need not keep that (`saddle eval` says how many do){by_number}{by_merged}",
            said.join(", ")
        )
    })
}

/// Sentences on the rules that a few of so many rows break, with the lines of these.
fn nearly<'a>(rules: &[Kept], columns: &[Column], rows: usize, line: impl Fn(usize) -> Line<'a>) -> Vec<String> {
    let rules: Vec<&Kept> = rules.iter().filter(|kept| !kept.broken.is_empty()).collect();
    let names: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
    let of = |kept: &&Kept| {
        let broken = kept.broken.len();
        let lines: Vec<String> = kept.broken.iter().take(SAID).map(|row| line(*row).to_string()).collect();
        let differ = match broken {
            1 => format!("line {} differs", lines[0]),
            _ if broken > SAID => format!("lines {} and {} more differ", lines.join(", "), broken - SAID),
            _ => format!("lines {} differ", lines.join(", ")),
        };
        let samples = match kept.by_samples {
            true => format!("all samples keep it, `--types \"{}=learned\"` learns it as it is", names[kept.rule.last]),
            false => "samples need not keep it (`saddle eval` says how many do)".into(),
        };
        let (said, kept) = (kept.rule.said(&names), rows - broken);
        format!("{said} in {kept} of {} rows ({differ}): {samples}", rows)
    };
    let more = (rules.len() > SAID).then(|| format!("{} more rules hold in nearly all rows", rules.len() - SAID));
    rules.iter().take(SAID).map(of).chain(more).collect()
}

/// Rows drawn by the values of their categories: a category at random, one of its values by the logarithm of its
/// frequency, a row that has it; with the number of that value (Xu et al. 2019, section 4.3).
fn by_value(records: &Records, rows: &[f32]) -> Vec<f32> {
    let (width, choices) = (records.len(), records.choices());
    let mut first = 0;
    let categories: Vec<(usize, Vec<Vec<usize>>, Vec<f64>)> = records
        .given()
        .into_iter()
        .map(|choice| {
            let mut having = vec![vec![]; choices[choice]];
            for (n, row) in rows.chunks_exact(width).enumerate() {
                if let Some(rows) = having.get_mut(row[choice] as usize).filter(|_| row[choice] >= 0.0) {
                    rows.push(n);
                }
            }
            let weight = |rows: &Vec<usize>| if rows.is_empty() { 0.0 } else { (rows.len() as f64 + 1.0).ln() };
            let weights = having.iter().map(weight).collect();
            first += having.len();
            (first - having.len(), having, weights)
        })
        .collect();
    let root = Root::new("values", 0, Split::Train);
    let mut drawn = Vec::with_capacity(DRAWS * rows.len());
    for n in 0..DRAWS * (rows.len() / width) {
        let mut stream = root.stream(n);
        let (first, having, weights) = &categories[stream.below(categories.len())];
        let value = stream.weighted(weights);
        let row = having[value][stream.below(having[value].len())];
        drawn.extend_from_slice(&rows[row * width..][..width]);
        let last = drawn.len() - 1;
        drawn[last] = (first + value) as f32;
    }
    drawn
}

/// The names of the values of an example: choices first.
fn names(columns: &[Column]) -> Vec<String> {
    let coding = |column: &Column| column.coding().map(|coding| (coding.choices() > 0, coding.has_scalar()));
    let of = |wanted: fn(&(bool, bool)) -> bool, suffix: &'static str| {
        let named = columns.iter().filter(move |column| coding(column).as_ref().is_some_and(wanted));
        named.map(move |column| format!("{}{suffix}", column.name))
    };
    of(|(choice, _)| *choice, "").chain(of(|(_, scalar)| *scalar, " (score)")).collect()
}
