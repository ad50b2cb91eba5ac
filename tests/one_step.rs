//! Every variant of sequences trains on sequences of one step, on both runners, and its samples can be drawn.

mod common;
mod training;

use saddle::{
    data::Dataset,
    report::{self, Compared},
};
use training::{Device, settings, steps};

/// Settings that cover every way in which variants use neighbouring steps.
const CASES: &[&[&str]] = &[
    &["variant=lstm"],
    &["variant=lstm", "cell=gru", "depth=2"],
    &["variant=lstm-gan"],
    &["variant=lstm-gan", "preset=article", "bidirectional=true"],
    &["variant=lstm-gan", "preset=c-rnn-gan"],
    &["variant=lstm-gan", "preset=timegan", "pretrain=1"],
    &["variant=rvae"],
    &["variant=rvae-gan", "pretrain=1"],
    &["variant=rvae-gan", "preset=article", "pretrain=1", "r2=0.1"],
];

/// 64 sequences of one step of 3 features.
fn one_step() -> Dataset {
    let six = steps();
    let saddle::data::Items::Floats(values) = &six.items else { panic!("not floats") };
    let values: Vec<f32> = values.chunks(18).flat_map(|sequence| sequence[..3].to_vec()).collect();
    Dataset { name: "one step".into(), shape: vec![1, 3], items: saddle::data::Items::Floats(values.into()), ..six }
}

fn trains(device: Device, cases: &[&[&str]]) {
    for case in cases {
        let small = ["batch=4", "samples=5", "units=3", "steps=6"];
        let (s, dataset, what) = (settings(&[case, &small[..]].concat()), one_step(), case.join(" "));
        let mut session = device.session(&s, &dataset);
        while session.step() < 4 {
            let rows = session.train(4 - session.step()).unwrap_or_else(|e| panic!("{what}: {e}"));
            assert!(rows.iter().flatten().all(|v| v.is_finite()), "{what}: {rows:?}");
        }
        let samples = session.generate(5, 1, None).unwrap();
        assert!(samples.len() == 15 && samples.iter().all(|v| v.is_finite()), "{what}: {samples:?}");
        report::curves(&Compared::beside(&samples, &dataset.example(0)), [1, 3], None)
            .unwrap_or_else(|e| panic!("{what}: {e}"));
    }
}

#[test]
fn they_train_on_the_cpu() {
    trains(Device::Cpu, CASES);
}

#[test]
fn they_train_on_the_adapter() {
    // Fewer cases, because a software adapter compiles their shaders slowly.
    trains(Device::Gpu, &[CASES[0], CASES[2], CASES[5], CASES[6], CASES[7]]);
}
