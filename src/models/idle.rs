//! Settings that are accepted and have no effect on the model.

use super::{Examples, Model, menu, variant};
use crate::settings::{COMMON, Key, Layer, Settings};

/// The given settings that change nothing: the graphs would be the same with every other value. An example is
/// `momentum` with an optimiser that has none.
pub fn idle(layers: &[Layer], examples: &Examples) -> Vec<&'static str> {
    let given = |key: &&Key| layers.iter().any(|layer| layer.is_given(key.name));
    // Settings of the other groups do not affect the graphs.
    let keys = Settings::describe().iter().filter(|key| !COMMON.contains(&key.group));
    let keys = keys.filter(|key| !["Images", "Sequences"].contains(&key.group)).filter(given);
    keys.filter(|key| is_idle(layers, examples, key)).map(|key| key.name).collect()
}

/// Whether all accepted example values of a setting make the same model.
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

/// A description of all graphs of a model; equal texts mean equal models.
fn text(model: &Model) -> String {
    let phases = model.phases.iter().map(|phase| (phase.name, phase.until, &phase.round));
    let graphs = phases.chain(model.graphs.iter().map(|(name, graph)| (*name, 0, graph)));
    graphs
        .map(|(name, until, g)| format!("{name} {until} {:?} {:?} {:?}", g.nodes(), g.groups(), g.outputs()))
        .collect()
}
