//! `saddle variants`.

use std::collections::HashMap;

use super::{VariantsArgs, print};
use crate::{
    data,
    error::Result,
    models::{self, VARIANTS},
    settings::{DEFAULT_PRESET, Resume, Settings},
};

/// Lists the variants, or the settings and presets of one.
pub fn variants(args: &VariantsArgs) -> Result<()> {
    let Some(name) = &args.name else {
        for v in VARIANTS {
            print(format!("{:<10} {}", v.name, v.about))?;
        }
        print("\nbuilt-in data:")?;
        return data::BUILT_IN.iter().try_for_each(|(name, what)| print(format!("{name:<12} {what}")));
    };
    let v = models::variant(name)?;
    print(format!("{}: {}", v.name, v.about))?;
    for preset in v.presets {
        let values: Vec<String> = preset.values().map(|(k, v)| format!("{k}={v}")).collect();
        let preset = preset.name;
        let for_data = data::BUILT_IN.iter().any(|(name, _)| *name == preset);
        let when = if for_data { format!(" (for data {preset}, unless another is named)") } else { String::new() };
        print(format!("preset {preset}{when}: {}", values.join(" ")))?;
    }
    // What a run has if nothing else is said.
    let own: HashMap<&str, &str> =
        v.presets.iter().filter(|preset| preset.name == DEFAULT_PRESET).flat_map(|preset| preset.values()).collect();
    let mut group = "";
    for key in Settings::describe().iter().filter(|key| v.menu().has(key)) {
        if key.group != group {
            group = key.group;
            print(format!("\n{group}"))?;
        }
        let default = if key.name == "data" { v.menu().data } else { own.get(key.name).unwrap_or(&key.default) };
        let resumable = if key.resume == Resume::Never { "" } else { "; resumable" };
        print(format!("  {:<17} {}; {} [{default}]{resumable}", key.name, key.help, key.rule.describe()))?;
    }
    print("\nresumable: may change in a run that goes on, as in `saddle train --out RUN --resume --set KEY=VALUE`")
}
