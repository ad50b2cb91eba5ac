//! Values that shells complete where other text is taken too, and answered with a hint.

use std::{collections::BTreeSet, ffi::OsStr};

use clap::{
    Arg, Command,
    builder::{PossibleValue, StringValueParser, TypedValueParser},
    error::Error,
};

use crate::{export::EXPORTERS, models::VARIANTS};

/// Any text; completions offer these words.
#[derive(Clone, Debug)]
pub struct Offered(pub fn() -> Vec<&'static str>);

impl TypedValueParser for Offered {
    type Value = String;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<String, Error> {
        StringValueParser::new().parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new((self.0)().into_iter().map(PossibleValue::new)))
    }
}

/// The models.
pub fn variants() -> Vec<&'static str> {
    VARIANTS.iter().map(|variant| variant.name).collect()
}

/// The presets of all models, each once.
pub fn presets() -> Vec<&'static str> {
    let all = VARIANTS.iter().flat_map(|variant| variant.presets).map(|preset| preset.name);
    all.collect::<BTreeSet<_>>().into_iter().collect()
}

/// The forms of exports.
pub fn forms() -> Vec<&'static str> {
    EXPORTERS.iter().map(|exporter| exporter.name).collect()
}
