//! Settings that are taken and change nothing: every setting of every variant changes the model somewhere, and where it
//! does not, that is said.

use std::sync::LazyLock;

use rayon::prelude::*;
use saddle::{
    data::{self, Options, Series, SymbolKind, Symbols},
    models::{Examples, Kind, VARIANTS, Variant, idle},
    session::examples as examples_of,
    settings::{COMMON, Layer, Settings},
};

/// Small networks, where the variant has them.
const SMALL: &[(&str, &str)] = &[
    ("batch", "4"),
    ("hidden_g", "8"),
    ("hidden_d", "8"),
    ("hidden_e", "8"),
    ("width", "2"),
    ("units", "3"),
    ("layers", "6,5"),
    ("chains", "8"),
    ("samples", "4"),
];

/// Settings that have no part in any preset of some variants, and what gives them one.
const WITH: &[(&str, &[&str])] = &[
    ("width", &["net=conv"]),
    ("norm_g", &["net=conv"]),
    ("norm_d", &["net=conv"]),
    ("momentum", &["optimizer=sgd"]),
    ("momentum_d", &["optimizer_d=sgd"]),
    ("weight_decay", &["optimizer=adamw"]),
    ("weight_decay_d", &["optimizer_d=adamw"]),
    ("temperature", &["data=other"]),
    ("temperature_end", &["data=other"]),
    ("estimator", &["data=other"]),
    ("dropout", &["feedback=true"]),
    ("word_dropout", &["feedback=true"]),
    ("frequency", &["fourier_features=8"]),
    ("equilibrium", &["margin=0.3"]),
    ("activity", &["sparsity=0.1"]),
    ("critic_weight", &["prior=refreshed"]),
    ("smooth", &["objective=non-saturating", "r1=0", "r2=0"]),
    ("calibrate", &["data=other"]),
    ("ada_target", &["augment=adaptive"]),
    ("ada_kimg", &["augment=adaptive"]),
    ("cr", &["augment=translation"]),
    ("cr_fake", &["augment=translation"]),
    ("freeze_d", &["init=other"]),
    ("dragan", &["norm_d=none"]),
    ("cd", &["pretrain=3"]),
    ("lr_rbm", &["pretrain=3"]),
    ("lr_finetune", &["finetune=2"]),
    ("dropout_finetune", &["finetune=2"]),
];

/// The rows of a table with a category and a number.
static TABLE: LazyLock<Examples> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    let rows: String = (0..60).map(|n| format!("{},{}\n", ["u", "v"][n % 2], n * n)).collect();
    std::fs::write(&path, format!("c,n\n{rows}")).unwrap();
    examples_of(&data::open(path.to_str().unwrap(), &Options::default()).unwrap())
});

/// Images or sequences of numbers; or `other` data: rows of a table, sequences of symbols.
fn examples(variant: &Variant, other: bool) -> Examples {
    let series =
        other.then(|| Series::Symbols(Symbols::new(["a", "b", "c"].map(String::from).into(), SymbolKind::Text)));
    match variant.kind {
        Kind::Single if other => TABLE.clone(),
        Kind::Single => Examples { shape: vec![1, 16, 16], classes: 3, series: None },
        Kind::Sequences => Examples { shape: vec![6, 3], classes: 0, series },
    }
}

/// Whether the setting is idle in a preset, with more assignments.
fn is_idle(variant: &Variant, preset: &str, key: &str, more: &[&str]) -> bool {
    let menu = variant.menu();
    let has = |name: &str| Settings::describe().iter().any(|key| key.name == name && menu.has(key));
    let mut layer = Layer::default();
    layer.set("variant", variant.name, "");
    layer.set("preset", preset, "the test");
    SMALL.iter().filter(|(name, _)| has(name)).for_each(|(name, value)| layer.set(name, value, ""));
    let mut other = false;
    for (name, value) in more.iter().map(|assignment| assignment.split_once('=').unwrap()) {
        other |= name == "data";
        if name != "data" && has(name) {
            layer.set(name, value, "");
        }
    }
    let rule = Settings::describe().iter().find(|k| k.name == key).unwrap().rule;
    // Any value will do: all are tried.
    layer.set(key, rule.examples().last().unwrap(), "--set");
    idle(&[layer], &examples(variant, other)).contains(&key)
}

#[test]
fn every_setting_changes_the_model_somewhere() {
    let found: Vec<String> = VARIANTS
        .par_iter()
        .flat_map_iter(|variant| {
            let menu = variant.menu();
            let keys = Settings::describe().iter().filter(move |key| !COMMON.contains(&key.group) && menu.has(key));
            keys.filter_map(move |key| {
                let presets = variant.presets.iter().map(|preset| preset.name);
                let matters = |preset: &str, more: &[&str]| !is_idle(variant, preset, key.name, more);
                let more = WITH.iter().find(|(name, _)| *name == key.name).map_or(&[][..], |(_, more)| more);
                let somewhere = presets.clone().any(|preset| matters(preset, &[]))
                    || presets.clone().any(|preset| matters(preset, more));
                (!somewhere).then(|| format!("{} of {}", key.name, variant.name))
            })
        })
        .collect();
    assert!(found.is_empty(), "these change nothing: {}", found.join(", "));
}

#[test]
fn what_changes_nothing_is_known() {
    let gan = &VARIANTS[0];
    assert_eq!(gan.name, "gan");
    for (key, more, expected) in [
        ("momentum", &[][..], true),
        ("momentum", &["optimizer=sgd"], false),
        ("beta1", &[], false),
        ("beta1", &["optimizer=sgd"], true),
        ("frequency", &[], true),
        ("frequency", &["fourier_features=8"], false),
        ("lr_g", &[], false),
        ("weight_decay", &[], true),
        ("momentum_d", &[], true),
        ("beta1_d", &["optimizer=sgd"], true),
        ("beta1_d", &["optimizer=sgd", "optimizer_d=adam"], false),
    ] {
        assert_eq!(is_idle(gan, "default", key, more), expected, "{key} with {more:?}");
    }
}
