//! Every variant, with its default preset made small: the same bits twice and after a restart, also across the phases of
//! its training; the same losses on both runners; samples that are what they should be.

mod common;
mod training;

use saddle::{data::Dataset, models::VARIANTS, session::Session, settings::Settings};
use training::{Device, same, settings, suited};

/// What makes each variant small, rounds that lie in all of its phases, and their number.
const SMALL: &[(&[&str], u64)] = &[
    (&["variant=gan", "hidden_g=16", "hidden_d=16"], 4),
    (&["variant=dcgan", "width=4"], 4),
    (&["variant=ae", "hidden_e=16"], 4),
    (&["variant=vae", "hidden_e=16"], 4),
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
    (&["variant=lstm-gan", "units=6", "steps=9"], 4),
    (&["variant=lstm-gan", "preset=c-rnn-gan", "units=5", "latent_static=3"], 4),
    (&["variant=lstm-gan", "preset=timegan", "units=4", "latent=2", "pretrain=1"], 4),
    (&["variant=rvae", "units=6"], 4),
    (&["variant=rvae-gan", "units=6", "pretrain=2"], 6),
];

const SIDE: usize = 16;
/// Two runners of one program.
const BETWEEN_RUNNERS: f32 = 1e-3;

fn small(assignments: &[&str]) -> (Settings, Dataset) {
    let s = settings(&[assignments, &["batch=8", "samples=5"]].concat());
    let dataset = suited(&s, SIDE);
    (s, dataset)
}

/// Rows of all rounds, with their names: phases have metrics of their own.
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
        assert_eq!(samples.len(), 7 * dataset.shape.iter().product::<usize>(), "{what}");
        let range = if dataset.shape.len() == 2 { -1.0..=2.0 } else { -1.0..=1.0 };
        assert!(samples.iter().all(|v| range.contains(v)), "{what}");
        assert!(samples == session.generate(7, 3, None).unwrap(), "{what}: the same seed gives the same samples");
        assert!(samples != session.generate(7, 4, None).unwrap(), "{what}: another seed gives others");
        same(&session.checkpoint().unwrap(), &before, &what);
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
