//! `saddle variants`.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::{VariantsArgs, print};
use crate::{
    data,
    error::Result,
    models::{self, VARIANTS, Variant},
    settings::{DEFAULT_PRESET, Key, Preset, Resume, Settings},
};

/// Lists the variants, or the settings and presets of one.
pub fn variants(args: &VariantsArgs) -> Result<()> {
    let named = args.name.as_deref().map(models::variant).transpose()?;
    match (named, args.json) {
        (Some(v), true) => print_json(&described(v)),
        (None, true) => print_json(&VARIANTS.iter().map(described).collect::<Vec<_>>().into()),
        (Some(v), false) => print_one(v),
        (None, false) => {
            for v in VARIANTS {
                print(format!("{:<10} {}", v.name, v.about))?;
            }
            print("\nbuilt-in data:")?;
            data::BUILT_IN.iter().try_for_each(|(name, _, what)| print(format!("{name:<12} {what}")))
        }
    }
}

fn print_json(value: &Value) -> Result<()> {
    print(serde_json::to_string_pretty(value).expect("plain data is JSON"))
}

/// The settings of a variant, each with the value that it has if nothing else is said.
fn settings(v: &Variant) -> Vec<(&'static Key, &'static str)> {
    let own: HashMap<&str, &str> =
        v.presets.iter().filter(|preset| preset.name == DEFAULT_PRESET).flat_map(Preset::values).collect();
    let value = |key: &'static Key| match key.name {
        "data" => v.menu().data,
        name => own.get(name).copied().unwrap_or(key.default),
    };
    Settings::describe().iter().filter(|key| v.menu().has(key)).map(|key| (key, value(key))).collect()
}

fn described(v: &Variant) -> Value {
    let setting = |(key, value): (&Key, &str)| {
        json!({
            "name": key.name, "group": key.group, "value": value, "accepts": key.rule.describe(), "help": key.help,
            "resumable": key.resume != Resume::Never,
        })
    };
    let preset = |p: &Preset| json!({ "name": p.name, "values": p.values().collect::<HashMap<_, _>>() });
    json!({
        "name": v.name,
        "about": v.about,
        "presets": v.presets.iter().map(preset).collect::<Vec<_>>(),
        "settings": settings(v).into_iter().map(setting).collect::<Vec<_>>(),
    })
}

fn print_one(v: &Variant) -> Result<()> {
    print(format!("{}: {}", v.name, v.about))?;
    for preset in v.presets {
        let values: Vec<String> = preset.values().map(|(k, v)| format!("{k}={v}")).collect();
        let preset = preset.name;
        print(format!("preset {preset}: {}", values.join(" ")))?;
    }
    let mut group = "";
    for (key, value) in settings(v) {
        if key.group != group {
            group = key.group;
            print(format!("\n{group}"))?;
        }
        let resumable = if key.resume == Resume::Never { "" } else { "; resumable" };
        print(format!("  {:<17} {}; {} [{value}]{resumable}", key.name, key.help, key.rule.describe()))?;
    }
    print("\nresumable: may change in a run that goes on, as in `saddle train --out RUN --resume --set KEY=VALUE`")
}
