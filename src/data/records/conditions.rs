//! Conditions on rows of a table: `income=>50K`, `age>=65`, `visit<2020-01-01`.

use super::{Cell, Column, Kind, Records, Role};
use crate::data::cells::is_missing;
use crate::error::{Error, Result, unknown};
use crate::settings::Decimal;

/// How a cell is compared.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Relation {
    Equal,
    Unequal,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

/// The signs of relations; longer ones before those that they begin with.
const SIGNS: [(&str, Relation); 6] = [
    ("!=", Relation::Unequal),
    ("<=", Relation::AtMost),
    (">=", Relation::AtLeast),
    ("=", Relation::Equal),
    ("<", Relation::Less),
    (">", Relation::Greater),
];

/// A condition on one column.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// Place of the column among those that samples have.
    column: usize,
    relation: Relation,
    text: String,
    number: Option<f64>,
}

impl Condition {
    /// The condition that a text says: a column, one of = != < <= > >=, and a value. The longest name of a column that
    /// begins the text is the column.
    ///
    /// # Errors
    /// An unknown column or value, with the nearest; a column that has no order, or that is not learned.
    pub fn of(records: &Records, text: &str) -> Result<Self> {
        let begins = |(_, column): &(usize, &Column)| {
            text.strip_prefix(&column.name)
                .is_some_and(|rest| SIGNS.iter().any(|(sign, _)| rest.trim_start().starts_with(sign)))
        };
        let found = records.written().enumerate().filter(begins).max_by_key(|(_, column)| column.name.len());
        let Some((place, column)) = found else {
            let name = text.split(['=', '<', '>', '!']).next().unwrap_or_default().trim();
            records.column(name)?;
            let quotes = match name == text.trim() {
                true => format!(". A shell takes < and > for itself: --where \"{name}>=VALUE\""),
                false => String::new(),
            };
            return Err(Error::usage(format!(
                "`{text}` is no condition: COLUMN=VALUE is one, or != < <= > >={quotes}"
            )));
        };
        let rest = text[column.name.len()..].trim_start();
        let (sign, relation) = SIGNS.into_iter().find(|(sign, _)| rest.starts_with(sign)).expect("found above");
        let value = rest[sign.len()..].trim();
        let number = column.kind.number(value, records.decimal);
        if let Role::Id(_) = &column.role {
            return Err(Error::usage(format!("`{}` is an id: it depends on nothing", column.name)));
        }
        let special = column.texts().contains(&value);
        if !matches!(relation, Relation::Equal | Relation::Unequal) && column.kind == Kind::Category {
            return Err(Error::usage(format!(
                "`{}` is a category, which has no order: it takes = and !=",
                column.name
            )));
        }
        if !special && number.is_none() {
            let is_order = !matches!(relation, Relation::Equal | Relation::Unequal);
            return Err(match &column.kind {
                _ if value.is_empty() && is_order => Error::usage(format!("`{text}` lacks a value")),
                _ if value.is_empty() => {
                    let name = &column.name;
                    Error::usage(match column.texts().into_iter().find(|text| is_missing(text)) {
                        Some(gap) => format!("the gaps of `{name}` are written `{gap}`: `{name}{sign}{gap}`"),
                        None => format!("`{name}` has no gaps"),
                    })
                }
                Kind::Category if column.is_compared() => {
                    let values = column.texts().into_iter().filter(|text| !text.is_empty());
                    unknown(&format!("value of `{}`", column.name), value, values)
                }
                Kind::Date(pattern) => {
                    let letters = pattern.letters();
                    Error::usage(format!("`{value}` is no date of `{}`, which are written {letters}", column.name))
                }
                kind => {
                    let (name, [own, other]) = (
                        &column.name,
                        match records.decimal {
                            Decimal::Comma => [',', '.'],
                            Decimal::Point => ['.', ','],
                        },
                    );
                    let turned = value.replace(other, &own.to_string());
                    let hint = kind
                        .number(&turned, records.decimal)
                        .map_or(String::new(), |_| format!(": its decimal mark is `{own}`, as in `{turned}`"));
                    Error::usage(format!("`{value}` is no value of `{name}`{hint}"))
                }
            });
        }
        Ok(Self { column: place, relation, text: value.to_owned(), number })
    }

    /// Whether a row fulfils it. A gap is equal to its own mark only, and neither less nor greater than anything.
    pub fn holds(&self, row: &[Cell]) -> bool {
        let cell = &row[self.column];
        let ordered = cell.number.zip(self.number).and_then(|(cell, value)| cell.partial_cmp(&value));
        match self.relation {
            Relation::Equal => cell.text == self.text || ordered.is_some_and(|order| order.is_eq()),
            Relation::Unequal => cell.text != self.text && ordered.is_none_or(|order| order.is_ne()),
            Relation::Less => ordered.is_some_and(|order| order.is_lt()),
            Relation::AtMost => ordered.is_some_and(|order| order.is_le()),
            Relation::Greater => ordered.is_some_and(|order| order.is_gt()),
            Relation::AtLeast => ordered.is_some_and(|order| order.is_ge()),
        }
    }
}
