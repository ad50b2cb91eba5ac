//! Small training runs on either runner, and the f64 interpreter in the same state.
#![allow(dead_code, clippy::allow_attributes, reason = "no test uses all of it")]

pub mod small;

use std::{collections::HashMap, fs};

use saddle::{
    checkpoint::Checkpoint,
    cpu::Cpu,
    data::{self, Dataset, Items, Labels, Series, Split, SymbolKind, Symbols},
    gpu::Gpu,
    kernels::{Caps, Clock},
    models::{self, Model},
    reference::Reference,
    runner::Runner,
    session::{self, Session},
    settings::{Encode, Layer, Settings},
};

use crate::common;

/// The variant's preset, changed by assignments `KEY=VALUE`.
pub fn settings(assignments: &[&str]) -> Settings {
    let mut layer = Layer::default();
    assignments.iter().for_each(|a| layer.assign(a).unwrap());
    Settings::resolve(&models::menu(), &[layer]).unwrap()
}

/// 64 grey images of one disc each, small and large. Integer arithmetic makes them the same on every machine.
pub fn discs(side: usize) -> Dataset {
    let mut rng = common::Rng(1);
    let (mut pixels, mut ids) = (vec![], vec![]);
    for i in 0..64 {
        let class = i % 2;
        let radius = side * (2 + class) / 10;
        let (x, y) = (radius + rng.below(side - 2 * radius), radius + rng.below(side - 2 * radius));
        let inside = |p: usize| (p % side).abs_diff(x).pow(2) + (p / side).abs_diff(y).pow(2) <= radius * radius;
        pixels.extend((0..side * side).map(|p| if inside(p) { 230 } else { 20 + (p % 7) as u8 }));
        ids.push(class as u32);
    }
    let labels = Labels { ids, names: vec!["small".into(), "large".into()] };
    Dataset {
        name: "discs".into(),
        shape: vec![1, side, side],
        items: Items::Bytes(pixels.into()),
        labels: Some(labels),
        stack: 1,
        mirror: false,
        series: None,
        pieces: vec![],
        about: Default::default(),
    }
}

/// 64 sequences of 6 steps of 3 features in 0 to 1. Integer arithmetic makes them the same on every machine.
pub fn steps() -> Dataset {
    let mut rng = common::Rng(2);
    let mut values = vec![];
    for _ in 0..64 {
        let (start, slope) = (rng.below(40), rng.below(8));
        values.extend((0..18).map(|n| ((start + (n / 3) * slope + 7 * (n % 3)) % 101) as f32 / 100.0));
    }
    Dataset {
        name: "steps".into(),
        shape: vec![6, 3],
        items: Items::Floats(values.into()),
        labels: None,
        stack: 1,
        mirror: false,
        series: None,
        pieces: vec![],
        about: Default::default(),
    }
}

/// A text of 240 letters of three kinds, in windows of 6 that overlap by half.
pub fn letters() -> Dataset {
    let mut rng = common::Rng(3);
    let ids: Vec<u8> = (0..240).flat_map(|n| [(n + rng.below(2)) as u8 % 3, 0]).collect();
    let names = ["a", "b", "c"].map(String::from).into();
    Dataset {
        name: "letters".into(),
        shape: vec![6, 3],
        items: Items::Symbols { ids: ids.into(), starts: (0..=234).step_by(3).collect::<Vec<u32>>().into() },
        series: Some(Series::Symbols(Symbols::new(names, SymbolKind::Text))),
        ..steps()
    }
}

/// 120 rows of two categories, a number and a date, which depend on the first category; the number has gaps, but for
/// `encode=modes`, whose authors know none. Integer arithmetic makes them the same on every machine.
pub fn rows(s: &Settings) -> Dataset {
    let mut rng = common::Rng(4);
    let has_gaps = s.encode != Some(Encode::Modes);
    let mut text = "kind,size,place,day\n".to_owned();
    for _ in 0..120 {
        let (kind, place) = (rng.below(3), rng.below(4));
        let size = format!("{}.{:02}", 20 * kind + rng.below(8), rng.below(100));
        let size = if kind == 2 && has_gaps { "" } else { &size };
        let day = format!("2020-{:02}-{:02}", 1 + 3 * kind + rng.below(3), 1 + rng.below(28));
        text += &format!("{},{size},{},{day}\n", ["a", "b", "c"][kind], ["w", "x", "y", "z"][place]);
    }
    table(&text, s)
}

/// A table of this text, read as these settings say, without rows to test with.
pub fn table(text: &str, s: &Settings) -> Dataset {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.csv");
    fs::write(&path, text).unwrap();
    let options = data::Options { holdout: 0.0, ..session::data_options(s, Split::Train) };
    data::open(path.to_str().unwrap(), &options).unwrap()
}

/// The data that a variant learns from in tests: images of this side, or sequences; of letters with `data=letters`, and
/// rows of a table with `data=rows`.
pub fn suited(s: &Settings, side: usize) -> Dataset {
    match models::variant(&s.variant).unwrap().kind {
        models::Kind::Single if s.data == "rows" => rows(s),
        models::Kind::Single => Dataset { stack: s.stack, shape: vec![s.stack, side, side], ..discs(side) },
        models::Kind::Sequences if s.data == "letters" => letters(),
        models::Kind::Sequences => steps(),
    }
}

pub fn model(s: &Settings, dataset: &Dataset) -> Model {
    models::variant(&s.variant).unwrap().model(s, &session::examples(dataset)).unwrap()
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Device {
    Cpu,
    Gpu,
}

impl Device {
    pub const ALL: [Self; 2] = [Self::Cpu, Self::Gpu];

    fn open(self) -> (Box<dyn Runner>, Caps) {
        match self {
            Self::Cpu => (Box::new(Cpu::new()), Cpu::caps()),
            Self::Gpu => {
                let gpu = Gpu::open(&common::adapter(), false).unwrap_or_else(|e| panic!("{e}"));
                let caps = gpu.device().caps.clone();
                (Box::new(gpu), caps)
            }
        }
    }

    /// A session before its first round.
    pub fn session(self, s: &Settings, dataset: &Dataset) -> Session {
        self.session_of_rank(1, s, dataset)
    }

    /// The same as one of so many ranks.
    pub fn session_of_rank(self, ranks: usize, s: &Settings, dataset: &Dataset) -> Session {
        let (runner, caps) = self.open();
        let model = model(s, dataset);
        model.share(ranks);
        Session::on(runner, &caps, &model, s, dataset).unwrap()
    }
}

/// Asserts that two checkpoints are equal to the bit.
#[track_caller]
pub fn same(a: &Checkpoint, b: &Checkpoint, what: &str) {
    assert_eq!(a.meta, b.meta, "{what}");
    assert_eq!(a.tensors.len(), b.tensors.len(), "{what}");
    for ((name, a), (other, b)) in a.tensors.iter().zip(&b.tensors) {
        let bits = |data: &[f32]| data.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert!(name == other && bits(&a.data) == bits(&b.data), "{what}: {name} differs");
    }
}

/// The interpreter of a model's training round, with the states of a checkpoint at step 0.
pub fn reference(s: &Settings, dataset: &Dataset, model: &Model, start: &Checkpoint) -> Reference {
    let ordered = (s.labelled > 0).then(|| dataset.with_labelled_first(s.labelled, s.seed).unwrap());
    let dataset = ordered.as_ref().unwrap_or(dataset);
    let classes = dataset.labels.as_ref().map_or(vec![0], |l| l.ids.clone());
    let data = Some((session::layout(dataset), dataset.items.words().to_vec(), classes));
    let mut states = HashMap::new();
    for group in model.round().groups() {
        let mut flat = vec![0.0; group.len];
        for (n, item) in group.items.iter().enumerate() {
            let values = start.tensors.get(&group.item_name(n)).into_iter().flat_map(|t| &t.data);
            flat[item.offset..].iter_mut().zip(values).for_each(|(x, v)| *x = f64::from(*v));
        }
        states.insert(group.name, flat);
    }
    Reference { states, data, clock: Clock { step: 0, seed: s.seed }, ..Default::default() }
}
