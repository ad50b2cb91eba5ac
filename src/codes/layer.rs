//! The layers that users can have of examples, by name.

use crate::{
    error::{Error, Result},
    models::{DECODE, ENCODE, HIDDEN, Model},
};

/// The layer whose values can be decoded; where there is none, [`FEATURES`] stands in, the last hidden layer.
pub const CODE: &str = "code";
/// See [`CODE`].
pub const FEATURES: &str = "features";
/// A draw from the posterior of each example.
pub const DRAW: &str = "draw";
/// All convolutions, pooled.
pub const POOLED: &str = "pooled";
/// All hidden layers of a machine, joined.
pub const LAYERS: &str = "layers";
/// The outputs of [`HIDDEN`] that are no layers: how real examples are, and of what class.
pub const LOGITS: &str = "logits";
/// The output of hidden layers that has the logits of classes.
pub const CLASSES: &str = "classes";

/// A layer of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// Its name.
    pub name: String,
    /// What it is, in words.
    pub about: String,
    /// The graph that gives it, and its outputs there, which are joined.
    pub(super) graph: &'static str,
    pub(super) outputs: Vec<String>,
}

/// The layers of a model; those by which examples are usually represented come first.
pub fn layers(model: &Model) -> Vec<Layer> {
    let (codes, mut hidden) = (model.outputs(ENCODE), model.outputs(HIDDEN));
    let judges = is_judge(model);
    hidden.retain(|layer| ![LOGITS, CLASSES].contains(&layer.as_str()));
    let of_machine: Vec<String> = hidden.iter().filter(|layer| is_of_machine(layer)).cloned().collect();
    let mut layers = vec![];
    let mut add = |name: &str, about: &str, graph, outputs: &[String]| {
        layers.push(Layer { name: name.into(), about: about.into(), graph, outputs: outputs.to_vec() });
    };
    match &codes[..] {
        [] => {}
        [code] => {
            let about = match () {
                () if !of_machine.is_empty() => "means of the top layer",
                () if model.named(&[DECODE]).next().is_none() => "states after the last step",
                () => "of the encoder",
            };
            add(CODE, about, ENCODE, std::slice::from_ref(code));
        }
        [mean, ..] => {
            add(CODE, "posterior means", ENCODE, std::slice::from_ref(mean));
            add(DRAW, "posterior draws", ENCODE, &codes);
            add("posterior", "posterior means and log variances", ENCODE, &codes);
        }
    }
    for layer in &hidden {
        let about = match layer.as_str() {
            FEATURES if judges => "last hidden layer of the discriminator".into(),
            FEATURES => "last hidden layer".into(),
            POOLED => "all convolutions, pooled".into(),
            "states" => "states after each step".into(),
            other => format!("means of {}", other.replace("layer", "layer ")),
        };
        add(layer, &about, HIDDEN, std::slice::from_ref(layer));
    }
    if of_machine.len() > 1 {
        add(LAYERS, "means of all layers", HIDDEN, &of_machine);
    }
    layers
}

/// Whether hidden layers are those of a discriminator.
pub fn is_judge(model: &Model) -> bool {
    model.outputs(HIDDEN).iter().any(|layer| layer == LOGITS)
}

/// Whether an output is a hidden layer of a machine: `layer1` and so on.
fn is_of_machine(output: &str) -> bool {
    output.strip_prefix("layer").is_some_and(|number| number.parse::<usize>().is_ok())
}

/// The layer of this name, or the usual one.
///
/// # Errors
/// Those that the model has.
pub fn chosen(model: &Model, variant: &str, name: Option<&str>) -> Result<Layer> {
    let mut all = layers(model);
    let names = || layers(model).iter().map(|layer| layer.name.clone()).collect::<Vec<_>>().join(", ");
    if all.is_empty() {
        return Err(Error::usage(format!(
            "`{variant}` gives no codes with these settings: its discriminator looks at classes, conditions or several \
             examples together; train one without, or an autoencoder such as `vae`"
        )));
    }
    let place = match name {
        None => Some(0),
        Some(name) => all.iter().position(|layer| layer.name == name),
    };
    let name = name.unwrap_or_default();
    let what = if name == CODE { ": it has no encoder" } else { "" };
    let missing = || Error::usage(format!("`{variant}` has no layer `{name}`{what}; it has {}", names()));
    place.map(|place| all.swap_remove(place)).ok_or_else(missing)
}
