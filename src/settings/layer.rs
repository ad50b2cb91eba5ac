//! One source of settings: a TOML file, `--set` assignments, flags.

use std::path::Path;

use toml::de::{DeTable, DeValue};

use crate::error::{Error, Result};

/// Assignments in the order in which they apply.
#[derive(Debug, Default, Clone)]
pub struct Layer {
    pub(super) entries: Vec<Entry>,
}

/// One assignment, not yet checked.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub key: String,
    pub text: String,
    /// Where it was written, for the error message: `run.toml:3`, `--set`.
    pub origin: String,
}

impl Layer {
    /// Adds `key = text`, found at `origin` (`--steps`; empty where the message needs no place).
    pub fn set(&mut self, key: &str, text: &str, origin: &str) {
        self.entries.push(Entry { key: key.into(), text: text.into(), origin: origin.into() });
    }

    /// Adds a `--set KEY=VALUE` argument.
    pub fn assign(&mut self, argument: &str) -> Result<()> {
        let Some((key, value)) = argument.split_once('=') else {
            return Err(Error::usage(format!("--set: `{argument}` has no `=`; write KEY=VALUE, such as lr_g=0.0001")));
        };
        self.set(key.trim(), value.trim(), "--set");
        Ok(())
    }

    /// Whether a flag or `--set` gives this setting.
    pub fn is_given(&self, key: &str) -> bool {
        self.entries.iter().any(|entry| entry.key == key && entry.origin.starts_with("--"))
    }

    /// Reads a TOML file of plain `key = value` lines.
    pub fn from_file(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| Error::usage(format!("cannot read the settings `{name}`: {error}")))?;
        Self::from_toml(&text, &name)
    }

    /// Reads TOML text; `name` stands for it in error messages.
    pub fn from_toml(text: &str, name: &str) -> Result<Self> {
        let place =
            |offset: usize| format!("{name}:{}", 1 + text.bytes().take(offset).filter(|&byte| byte == b'\n').count());
        let table = DeTable::parse(text).map_err(|error| {
            let offset = error.span().map_or(0, |span| span.start);
            Error::usage(format!("not valid TOML, {}", error.message().replace('\n', ", "))).at(&place(offset))
        })?;
        let mut assignments: Vec<_> = table.get_ref().iter().collect();
        assignments.sort_by_key(|(key, _)| key.span().start);
        let mut layer = Self::default();
        for (key, value) in assignments {
            let place = place(key.span().start);
            let Some(text) = flat(value.get_ref()) else {
                let sentence = format!("`{}` is a table; settings are plain `key = value` lines", key.get_ref());
                return Err(Error::usage(sentence).at(&place));
            };
            layer.set(key.get_ref(), &text, &place);
        }
        Ok(layer)
    }
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
