//! Every variant, with a small form of its default preset: equal bits in a second run and after a restart, also across
//! the phases of training; equal losses on both runners; samples of the right shape and range.

mod common;
mod training;

use std::collections::BTreeSet;

use saddle::{data::Dataset, models::VARIANTS, session::Session, settings::Settings};
use training::{Device, same, settings, suited};

/// Settings of a small model of each variant, and a number of rounds that reaches all phases of its training.
const SMALL: &[(&[&str], u64)] = &[
    (&["variant=gan", "hidden_g=16", "hidden_d=16"], 4),
    (&["variant=dcgan", "width=4"], 4),
    (&["variant=ae", "hidden_e=16"], 4),
    (&["variant=vae", "hidden_e=16"], 4),
    (&["variant=gan", "preset=table", "data=rows", "hidden_g=16", "hidden_d=16", "latent=4"], 4),
    (&["variant=gan", "preset=ctgan", "data=rows", "hidden_g=16", "hidden_d=16", "latent=4", "pack=2"], 4),
    (&["variant=vae", "preset=table", "data=rows", "hidden_e=16", "latent=4", "codes=2"], 4),
    (&["variant=vae", "preset=tvae", "data=rows", "hidden_e=16", "latent=4"], 4),
    (&["variant=vae-gan", "width=4", "pretrain=2", "norm_g=batch"], 6),
    (&["variant=ae-gan", "width=4", "pretrain=2"], 4),
    (&["variant=ae-gan", "preset=introspective", "width=4", "pretrain=2"], 4),
    (&["variant=ae-gan", "preset=boundary", "width=4"], 4),
    (&["variant=dbm", "layers=12,9", "pretrain=2", "chains=16", "steps=9"], 7),
    (
        &[
            "variant=dbm-gan",
            "layers=12,9",
            "pretrain=1",
            "joint=2",
            "chains=16",
            "steps=9",
            "hidden_g=16",
            "hidden_d=16",
        ],
        7,
    ),
    (&["variant=dbm-gan", "prior=features", "layers=9", "chains=16", "hidden_g=16", "hidden_d=16,12"], 4),
    (&["variant=lstm", "units=6"], 4),
    (&["variant=lstm", "data=letters", "units=6", "carry=true"], 6),
    (&["variant=lstm", "data=letters", "units=6", "depth=2", "dropout=0.3", "cell=gru"], 4),
    (&["variant=lstm-gan", "units=6", "steps=9"], 4),
    (&["variant=lstm-gan", "data=letters", "units=6", "pretrain=2", "temperature_end=0.1", "steps=9"], 5),
    (&["variant=lstm-gan", "data=letters", "preset=scratchgan", "units=6", "steps=9"], 4),
    (&["variant=lstm-gan", "data=letters", "feedback=false", "estimator=soft", "units=6", "steps=9"], 4),
    (&["variant=lstm-gan", "preset=c-rnn-gan", "units=5", "latent_static=3"], 4),
    (&["variant=lstm-gan", "preset=timegan", "units=4", "latent=2", "pretrain=1"], 4),
    (&["variant=rvae", "units=6"], 4),
    (&["variant=rvae", "data=letters", "units=6", "word_dropout=0.3", "cycles=2", "steps=8"], 5),
    (&["variant=rvae-gan", "units=6", "pretrain=2"], 6),
    (&["variant=rvae-gan", "data=letters", "units=6", "pretrain=2"], 6),
];

const SIDE: usize = 16;
/// Largest accepted difference between two runners of one program.
const BETWEEN_RUNNERS: f32 = 1e-3;

fn small(assignments: &[&str]) -> (Settings, Dataset) {
    let s = settings(&[assignments, &["batch=8", "samples=5"]].concat());
    let dataset = suited(&s, SIDE);
    (s, dataset)
}

/// The metrics of all rounds, with their names, by phase: each phase has its own metrics.
fn train(session: &mut Session, until: u64) -> Vec<(Vec<String>, Vec<Vec<f32>>)> {
    let mut phases = vec![];
    while session.step() < until {
        let rows = session.train(until - session.step()).unwrap();
        phases.push((session.metrics().to_vec(), rows));
    }
    phases
}

#[test]
fn every_variant_is_here() {
    for variant in VARIANTS {
        let name = format!("variant={}", variant.name);
        assert!(SMALL.iter().any(|(assignments, _)| assignments[0] == name), "{name}");
    }
}

#[test]
fn runs_repeat_and_resume_to_the_bit() {
    for (assignments, rounds) in SMALL {
        let (s, dataset) = small(assignments);
        let what = assignments.join(" ");
        let mut whole = Device::Cpu.session(&s, &dataset);
        train(&mut whole, *rounds);
        let end = whole.checkpoint().unwrap();
        for cut in 1..*rounds {
            let mut first = Device::Cpu.session(&s, &dataset);
            train(&mut first, cut);
            let middle = first.checkpoint().unwrap();
            let mut second = Device::Cpu.session(&s, &dataset);
            second.restore(&middle).unwrap();
            train(&mut second, *rounds);
            same(&second.checkpoint().unwrap(), &end, &format!("{what}, cut at {cut}"));
        }
    }
}

#[test]
fn sampling_leaves_no_trace_and_repeats() {
    for (assignments, rounds) in SMALL {
        let (s, dataset) = small(assignments);
        let what = assignments.join(" ");
        let mut session = Device::Cpu.session(&s, &dataset);
        train(&mut session, *rounds);
        let before = session.checkpoint().unwrap();
        let samples = session.generate(7, 3, None).unwrap();
        assert_eq!(samples.len(), 7 * dataset.values().iter().product::<usize>(), "{what}");
        // Rows of tables are numbers of choices and normal scores.
        let range = [-9.0..=9.0, -1.0..=2.0, -1.0..=1.0][dataset.shape.len() - 1].clone();
        assert!(samples.iter().all(|v| range.contains(v)), "{what}");
        assert!(samples == session.generate(7, 3, None).unwrap(), "{what}: the same seed gives the same samples");
        assert!(samples != session.generate(7, 4, None).unwrap(), "{what}: another seed gives others");
        same(&session.checkpoint().unwrap(), &before, &what);
    }
}

/// Puts a value into the last tensor of a state.
fn poison(session: &mut Session, state: &str, value: f32) {
    let engine = session.engine();
    let item = engine.items().iter().rfind(|item| item.state == state).unwrap().clone();
    let mut values = engine.read(&item).unwrap();
    *values.last_mut().unwrap() = value;
    engine.write(&item, &values).unwrap();
}

/// The error that ends training before step `until`, if there is one.
fn fault(session: &mut Session, until: u64) -> Option<String> {
    while session.step() < until {
        match session.train(until - session.step()) {
            Ok(_) => {}
            Err(error) => return Some(error.to_string()),
        }
    }
    None
}

/// Poisons one value of each state in turn. A NaN reaches the losses on some devices only, and an infinite second
/// moment only stops the updates of a parameter.
#[test]
fn what_is_no_longer_finite_is_found_within_50_steps() {
    let mut looks = 0;
    for (assignments, rounds) in SMALL {
        let (s, dataset) = small(&[assignments, &["steps=100"][..]].concat());
        let what = assignments.join(" ");
        let mut healthy = Device::Cpu.session(&s, &dataset);
        train(&mut healthy, *rounds);
        let start = healthy.checkpoint().unwrap();
        assert_eq!(fault(&mut healthy, 50), None, "{what}");
        let states: BTreeSet<String> = healthy.engine().items().iter().map(|item| item.state.clone()).collect();
        for state in &states {
            let value = if state.ends_with(".v") { f32::INFINITY } else { f32::NAN };
            let mut session = Device::Cpu.session(&s, &dataset);
            session.restore(&start).unwrap();
            poison(&mut session, state, value);
            let Some(sentence) = fault(&mut session, 50) else {
                // A state that each round draws again, such as chains, may have become finite: no harm is done.
                assert!(session.checkpoint().is_ok(), "{what}: {state} is {value} and nobody says so");
                let optimised =
                    states.contains(&format!("{state}.m")) || state.ends_with(".m") || state.ends_with(".v");
                assert!(!optimised, "{what}: {state} cannot have healed");
                continue;
            };
            let looked = format!(" is no longer finite at step 50; it was at step {rounds}");
            assert!(sentence.contains(&looked) || sentence.contains(" became NaN at step "), "{what}: {sentence}");
            looks += usize::from(sentence.contains(&looked));
            let names_it = sentence.starts_with(&format!("{state}."));
            assert!(value.is_nan() || !sentence.contains(&looked) || names_it, "{what}: {state}: {sentence}");
        }
    }
    assert!(looks > SMALL.len(), "the losses show everything: only {looks} of the faults were looked for");
}

#[test]
fn every_device_looks_at_multiples_of_50_and_at_the_end() {
    for assignments in [&["variant=gan", "hidden_g=16", "hidden_d=16"][..], &["variant=lstm", "units=6"]] {
        let (s, dataset) = small(&[assignments, &["steps=130"]].concat());
        for device in Device::ALL {
            for (from, pieces, [step, before]) in [(3, 200, [50, 0]), (60, 7, [100, 50]), (104, 1, [130, 100])] {
                let mut session = device.session(&s, &dataset);
                assert_eq!(fault(&mut session, from), None);
                let state =
                    session.engine().items().iter().find(|item| item.state.ends_with(".v")).unwrap().state.clone();
                poison(&mut session, &state, f32::INFINITY);
                let sentence =
                    std::iter::from_fn(|| Some(session.train(pieces))).find_map(Result::err).unwrap().to_string();
                let want = format!(" is no longer finite at step {step}; it was at step {before}");
                assert!(sentence.starts_with(&state) && sentence.contains(&want), "{device:?}: {sentence}");
            }
        }
    }
}

#[test]
fn both_runners_agree() {
    for (assignments, rounds) in SMALL {
        let (s, dataset) = small(assignments);
        let [cpu, gpu] = Device::ALL.map(|device| train(&mut device.session(&s, &dataset), *rounds));
        for ((names, cpu), (_, gpu)) in cpu.iter().zip(&gpu) {
            for (cpu, gpu) in cpu.iter().zip(gpu) {
                for (name, (a, b)) in names.iter().zip(cpu.iter().zip(gpu)) {
                    let what = assignments.join(" ");
                    assert!((a - b).abs() <= BETWEEN_RUNNERS * a.abs().max(1e-3), "{what}: {name} is {a} and {b}");
                }
            }
        }
    }
}
