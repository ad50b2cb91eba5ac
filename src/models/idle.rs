//! Settings that are taken and have no part in the model that comes of them.

use super::{Examples, Model, menu, variant};
use crate::settings::{COMMON, Key, Layer, Settings};

/// Of the settings that the command line gives, those that change nothing: with every other value the graphs would be
/// the same, such as those of `momentum` with an optimiser that has none.
pub fn idle(layers: &[Layer], examples: &Examples) -> Vec<&'static str> {
    let given = |key: &&Key| layers.iter().any(|layer| layer.is_given(key.name));
    // The other groups are not about the graphs.
    let keys = Settings::describe().iter().filter(|key| !COMMON.contains(&key.group));
    let keys = keys.filter(|key| !["Images", "Sequences"].contains(&key.group)).filter(given);
    keys.filter(|key| is_idle(layers, examples, key)).map(|key| key.name).collect()
}

/// Whether all values that are not refused make the same model.
fn is_idle(layers: &[Layer], examples: &Examples, key: &Key) -> bool {
    let graphs = |value: &String| {
        let mut other = Layer::default();
        other.set(key.name, value, "");
        let settings = Settings::resolve(&menu(), &[layers, &[other]].concat()).ok()?;
        Some(text(&variant(&settings.variant).ok()?.model(&settings, examples).ok()?))
    };
    let made: Vec<String> = key.rule.examples().iter().filter_map(graphs).collect();
    made.len() > 1 && made.iter().all(|one| *one == made[0])
}

/// Everything that a model does.
fn text(model: &Model) -> String {
    let phases = model.phases.iter().map(|phase| (phase.name, phase.until, &phase.round));
    let graphs = phases.chain(model.graphs.iter().map(|(name, graph)| (*name, 0, graph)));
    graphs
        .map(|(name, until, g)| format!("{name} {until} {:?} {:?} {:?}", g.nodes(), g.groups(), g.outputs()))
        .collect()
}
