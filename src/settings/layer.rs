//! One source of settings: a TOML file, `--set` assignments, flags.

use std::{borrow::Cow, path::Path};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Resume, Rule, SIGNS, table::KEYS};
use crate::error::{Error, Result, counted, nearest};
use crate::files;

/// The file whose presence makes a folder the folder of a run: the settings of the run.
pub const RUN_FILE: &str = "run.toml";
/// The first words of every `run.toml`.
pub(super) const RUN_HEADING: &str = "# Every setting of this run";

/// Key of the list of changes in a `run.toml`; no setting has this name.
const CHANGED: &str = "changed";

/// Key of the list of cases in a file of settings; no setting has this name.
const CASE: &str = "case";

/// Most runs that one file of settings describes.
const MAX_CASES: f64 = 10_000.0;

/// A change of a setting at a resume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Steps that were done with the old value.
    pub step: u64,
    /// The setting.
    pub key: String,
    /// Its value up to this step, as text.
    pub from: String,
    /// Its value from this step on, as text.
    pub to: String,
}

/// The changes as TOML, for the end of a `run.toml`.
pub(super) fn to_toml(changes: &[Change]) -> String {
    let text = |value: &str| toml::Value::from(value).to_string();
    let table = |c: &Change| {
        let (key, from, to) = (text(&c.key), text(&c.from), text(&c.to));
        format!("\n[[{CHANGED}]]\nstep = {}\nkey = {key}\nfrom = {from}\nto = {to}\n", c.step)
    };
    changes.iter().map(table).collect()
}

/// Assignments in the order in which they apply.
#[derive(Debug, Default, Clone)]
pub struct Layer {
    pub(super) entries: Vec<Entry>,
    /// Whether these are all settings of a run, from its `run.toml`: the missing ones did not exist yet.
    pub(super) is_run: bool,
    /// The changes that this run recorded.
    pub(super) changes: Vec<Change>,
}

/// One assignment, not yet checked.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub key: String,
    pub text: String,
    /// Where it was written, for the error message: `run.toml:3`, `--set`.
    pub origin: String,
}

impl Entry {
    fn new(key: &str, text: &str, origin: &str) -> Self {
        let sign = SIGNS.iter().find(|(sign, _)| *sign == text && ["separator", "decimal"].contains(&key));
        let text = sign.map_or(text, |(_, word)| word);
        Self { key: newest_name(key).into(), text: text.into(), origin: origin.into() }
    }
}

impl Layer {
    /// Adds `key = text`; `key` may be an earlier name. `origin` is the source for error messages, such as `--steps`;
    /// empty if the message needs none.
    pub fn set(&mut self, key: &str, text: &str, origin: &str) {
        self.entries.push(Entry::new(key, text, origin));
    }

    /// Adds a `--set KEY=VALUE` argument.
    pub fn assign(&mut self, argument: &str) -> Result<()> {
        let Some((key, value)) = argument.split_once('=') else {
            return Err(Error::usage(format!("--set: `{argument}` has no `=`; write KEY=VALUE, such as lr_g=0.0001")));
        };
        self.set(key.trim(), value.trim(), "--set");
        Ok(())
    }

    /// The changes that the run with these settings recorded.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Whether a setting is assigned here.
    pub fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|entry| entry.key == key)
    }

    /// Whether more is assigned here than the seed, the number of steps, and what a resumed run may change freely, such
    /// as what is written and when.
    pub fn shapes_training(&self) -> bool {
        let is_free = |name| KEYS.iter().any(|key| key.name == name && key.resume == Resume::Freely);
        self.entries
            .iter()
            .any(|entry| !is_free(entry.key.as_str()) && !["seed", "steps"].contains(&entry.key.as_str()))
    }

    /// All that is assigned here, with its source: `(key, text, origin)`.
    pub fn assigned(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.entries.iter().map(|entry| (entry.key.as_str(), entry.text.as_str(), entry.origin.as_str()))
    }

    /// What is assigned to a setting here.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.entries.iter().rev().find(|entry| entry.key == key).map(|entry| entry.text.as_str())
    }

    /// Whether a flag or `--set` gives this setting.
    pub fn is_given(&self, key: &str) -> bool {
        self.entries.iter().any(|entry| entry.key == key && entry.origin.starts_with("--"))
    }

    /// Reads a TOML file of plain `key = value` lines, and a run's changes. A file with `[[case]]` tables, or with
    /// lists in the place of values, has settings for several runs: those of each table over those that all share, with
    /// each combination of the values in lists. `case`, from 0 on, says which to take.
    ///
    /// # Errors
    /// A file that cannot be read or is no settings; no case, where there are several, or one that is not there.
    pub fn from_file(path: &Path, case: Option<usize>) -> Result<Self> {
        let name = path.display().to_string();
        let text = files::read_text(path)
            .map_err(|error| Error::usage(format!("cannot read the settings `{name}`: {error}")))?;
        let (mut layer, mut cases) = Self::parse(&text, &name)?.cases(&name)?;
        let there = format!("`{name}` has {}", counted(cases.len(), "case"));
        let named = |i: usize| if i == 0 { "--case 0".into() } else { format!("--case 0 to --case {i}") };
        match (case, cases.len()) {
            (None, 0) => {}
            (Some(_), 0) => {
                let sentence = format!("--case: {there}, which are `[[{CASE}]]` tables and lists of values");
                return Err(Error::usage(sentence));
            }
            (None, count) => return Err(Error::usage(format!("{there}: choose one with {}", named(count - 1)))),
            (Some(case), count) if case < count => layer.entries.append(&mut cases[case]),
            (Some(case), count) => {
                return Err(Error::usage(format!("--case {case}: {there}, {}", named(count - 1))));
            }
        }
        Ok(layer)
    }

    /// Reads TOML text of one run; `name` stands for it in error messages.
    pub fn from_toml(text: &str, name: &str) -> Result<Self> {
        let written = Self::parse(text, name)?;
        if let Some(Entry { key, origin, .. }) = written.shared.iter().find_map(|values| values.get(1)) {
            let sentence = format!("`{key}` is a list of values, which are for the runs of `saddle train --config`");
            return Err(Error::usage(sentence).at(origin));
        }
        match written.cases(name)? {
            (layer, cases) if cases.is_empty() => Ok(layer),
            _ => Err(Error::usage(format!("`[[{CASE}]]` tables are for `saddle train --config`")).at(name)),
        }
    }

    fn parse(text: &str, name: &str) -> Result<Written> {
        let place =
            |offset: usize| format!("{name}:{}", 1 + text.bytes().take(offset).filter(|&byte| byte == b'\n').count());
        let table = DeTable::parse(text).map_err(|error| {
            let offset = error.span().map_or(0, |span| span.start);
            let other = [("json", "JSON"), ("yaml", "YAML"), ("yml", "YAML")];
            let other = other.into_iter().find(|(ending, _)| name.ends_with(&format!(".{ending}")));
            let what = match other {
                Some((_, form)) => format!("settings are TOML, lines such as `lr_g = 0.0002`, and this is {form}"),
                None => format!("not valid TOML, {}", error.message().replace('\n', ", ")),
            };
            Error::usage(what).at(&place(offset))
        })?;
        let mut written = Written { is_run: text.starts_with(RUN_HEADING), ..Written::default() };
        for (key, value) in in_order(table.get_ref()) {
            let here = place(key.span().start);
            match key.get_ref().as_ref() {
                CHANGED => written.changes = changes(value).map_err(|error| error.at(&here))?,
                CASE => {
                    let wrong = || Error::usage(format!("`{CASE}` is a list of tables: `[[{CASE}]]`")).at(&here);
                    let DeValue::Array(tables) = value.get_ref() else { return Err(wrong()) };
                    for table in tables {
                        let DeValue::Table(table) = table.get_ref() else { return Err(wrong()) };
                        let read = |(key, value): (&_, &_)| choices(key, value, &place);
                        written.cases.push(in_order(table).into_iter().map(read).collect::<Result<_>>()?);
                    }
                }
                _ => written.shared.push(choices(key, value, &place)?),
            }
        }
        match written.shared.len() + written.cases.len() {
            0 => Err(Error::usage("it has no settings: it is empty or damaged").at(name)),
            _ => Ok(written),
        }
    }
}

/// The values that a setting takes one after the other, in as many runs: mostly one.
type Choices = Vec<Entry>;

/// What a TOML file says.
#[derive(Default)]
struct Written {
    shared: Vec<Choices>,
    cases: Vec<Vec<Choices>>,
    is_run: bool,
    changes: Vec<Change>,
}

impl Written {
    /// What all of its runs share, and what else each of them has; the latter only where there may be several.
    fn cases(self, name: &str) -> Result<(Layer, Vec<Vec<Entry>>)> {
        let Self { shared, cases, is_run, changes } = self;
        let (lists, single): (Vec<Choices>, Vec<Choices>) = shared.into_iter().partition(|values| values.len() != 1);
        let layer = Layer { entries: single.concat(), is_run, changes };
        if lists.is_empty() && cases.is_empty() {
            return Ok((layer, vec![]));
        }
        let cases = if cases.is_empty() { vec![vec![]] } else { cases };
        let with_lists = cases.into_iter().map(|case| {
            let is_own = |values: &&Choices| case.iter().flatten().any(|own| values.iter().any(|v| v.key == own.key));
            let rest: Vec<Choices> = lists.iter().filter(|values| !is_own(values)).cloned().collect();
            [case, rest].concat()
        });
        let all: Vec<Vec<Choices>> = with_lists.collect();
        let count = |choices: &Vec<Choices>| choices.iter().map(|values| values.len() as f64).product::<f64>();
        let count: f64 = all.iter().map(count).sum();
        if count > MAX_CASES {
            return Err(Error::usage(format!("its lists of values make {count} cases, {MAX_CASES} at most")).at(name));
        }
        Ok((layer, all.into_iter().flat_map(combined).collect()))
    }
}

/// Every combination of choices; those of the last one follow each other.
fn combined(choices: Vec<Choices>) -> Vec<Vec<Entry>> {
    choices.into_iter().fold(vec![vec![]], |made: Vec<Vec<Entry>>, values| {
        let with = |first: &Vec<Entry>| -> Vec<Vec<Entry>> {
            values.iter().map(|value| first.iter().chain([value]).cloned().collect()).collect()
        };
        made.iter().flat_map(with).collect()
    })
}

/// What a line of a TOML table assigns.
fn choices(key: &Key, value: &Spanned<DeValue>, place: &impl Fn(usize) -> String) -> Result<Choices> {
    let (name, place) = (key.get_ref(), place(key.span().start));
    let entry = |value: &DeValue| {
        let Some(text) = flat(value) else {
            let near = nearest(name, KEYS.iter().map(|key| key.name)).filter(|near| near != name);
            let hint = near.map_or(String::new(), |near| format!("; did you mean `{near} = value`?"));
            let sentence = format!("`{name}` is a table; settings are plain `key = value` lines{hint}");
            return Err(Error::usage(sentence).at(&place));
        };
        Ok(Entry::new(name, &text, &place))
    };
    let key = KEYS.iter().find(|key| key.name == newest_name(name));
    let are_lists = |items: &[Spanned<DeValue>]| items.iter().all(|item| matches!(item.get_ref(), DeValue::Array(_)));
    match value.get_ref() {
        DeValue::Array(items) if key.is_some_and(|key| !takes_lists(&key.rule) || are_lists(items)) => {
            if items.is_empty() {
                let sentence = format!("the list of `{name}` is empty: it has a value for each run");
                return Err(Error::usage(sentence).at(&place));
            }
            items.iter().map(|item| entry(item.get_ref())).collect()
        }
        value => entry(value).map(|one| vec![one]),
    }
}

/// Whether a list stands for values with commas between them, such as widths or names of columns.
fn takes_lists(rule: &Rule) -> bool {
    match rule {
        Rule::Widths | Rule::Augment => true,
        Rule::Auto(inner) => matches!(inner, Rule::Text) || takes_lists(inner),
        _ => false,
    }
}

/// A key of a TOML table, with its place.
type Key<'a> = Spanned<Cow<'a, str>>;

/// What a TOML table assigns, in the order in which it is written.
fn in_order<'a, 'i>(table: &'a DeTable<'i>) -> Vec<(&'a Key<'i>, &'a Spanned<DeValue<'i>>)> {
    let mut assignments: Vec<_> = table.iter().collect();
    assignments.sort_by_key(|(key, _)| key.span().start);
    assignments
}

fn changes(value: &Spanned<DeValue>) -> Result<Vec<Change>> {
    let wrong = || Error::usage(format!("`{CHANGED}` is a list of tables with step, key, from and to"));
    let DeValue::Array(tables) = value.get_ref() else { return Err(wrong()) };
    let change = |table: &Spanned<DeValue>| {
        let DeValue::Table(table) = table.get_ref() else { return None };
        let text = |key: &str| table.get(key).and_then(|value| flat(value.get_ref()));
        let key = newest_name(&text("key")?).into();
        Some(Change { step: text("step")?.parse().ok()?, key, from: text("from")?, to: text("to")? })
    };
    tables.iter().map(|table| change(table).ok_or_else(wrong)).collect()
}

/// The present name of a setting, given its present or an earlier name.
fn newest_name(name: &str) -> &str {
    KEYS.iter().find(|key| key.was == Some(name)).map_or(name, |key| key.name)
}

/// The text of a TOML value; none for tables.
fn flat(value: &DeValue) -> Option<String> {
    Some(match value {
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => number.to_string(),
            Err(_) => number.to_string(),
        },
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(switch) => switch.to_string(),
        DeValue::Datetime(date) => date.to_string(),
        DeValue::Array(items) => items.iter().map(|item| flat(item.get_ref())).collect::<Option<Vec<_>>>()?.join(","),
        DeValue::Table(_) => return None,
    })
}
