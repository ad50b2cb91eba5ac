//! Plans do not change by accident: the rounds of five variants, for the CPU runner and for a wide device, are compared
//! with stored texts in the form of `--explain`. For an intended change, rewrite the files with SADDLE_UPDATE_PLANS=1
//! and review the diff.

mod common;
mod training;

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use saddle::{
    cpu::Cpu,
    data::{Dataset, Items},
    engine::Plans,
    kernels::Caps,
    program::Program,
    session,
};
use sha2::{Digest, Sha256};
use training::{discs, model, settings, suited};

/// Settings of a small model of each variant.
const SMALL: &[&[&str]] = &[
    &["variant=gan", "hidden_g=16", "hidden_d=16"],
    &["variant=dcgan", "width=4"],
    &["variant=vae-gan", "width=4"],
    &["variant=lstm-gan", "units=6"],
    &["variant=dbm", "layers=12,9", "chains=16", "mean_field=2", "gibbs=1"],
];
const SIDE: usize = 16;

/// The printed program, and a digest of its kernels including their chains, which are not printed.
fn text(name: &str, program: &Program) -> String {
    let kernels: Vec<_> = program.launches.iter().map(|launch| &launch.kernel).collect();
    let digest: String = Sha256::digest(format!("{kernels:?}")).iter().take(8).map(|b| format!("{b:02x}")).collect();
    format!("{name}: {program}     kernels {digest}\n")
}

#[test]
fn plans_are_those_on_file() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plans");
    let update = std::env::var_os("SADDLE_UPDATE_PLANS").is_some_and(|v| v == "1");
    for assignments in SMALL {
        let s = settings(&[assignments, &["batch=8", "samples=5", "steps=9"][..]].concat());
        let dataset = suited(&s, SIDE);
        let model = model(&s, &dataset);
        for (device, caps) in [("cpu", Cpu::caps()), ("wide", Caps::default())] {
            let rounds = model.phases.iter().map(|phase| (phase.name, &phase.round));
            let plans = Plans::new(rounds, &caps, Some(session::layout(&dataset))).unwrap();
            let now: String = plans.0.iter().map(|(name, program)| text(name, program)).collect();
            let file = folder.join(format!("{}-{device}.txt", s.variant));
            if update {
                fs::write(&file, &now).unwrap();
            }
            let before = fs::read_to_string(&file).unwrap_or_default().replace("\r\n", "\n");
            let changed = before.lines().zip(now.lines()).find(|(a, b)| a != b);
            let file = file.display();
            assert!(before == now, "{file} differs, first in (before, now): {changed:#?}; see tests/plans.rs");
        }
    }
}

/// Planning graphs with many nodes takes about a second; it took minutes when the planner visited all nodes for each
/// node.
#[test]
fn many_critic_steps_and_long_recurrences_are_planned_in_time() {
    let six = training::steps();
    let Items::Floats(values) = &six.items else { panic!("not floats") };
    let long = Dataset { shape: vec![100, 3], items: Items::Floats(values[..900].to_vec().into()), ..six.clone() };
    let critic = ["objective=wgan", "gp=10", "width=4", "size=16", "batch=8", "norm_d=layer", "critic_steps=100"];
    let recurrent = ["preset=article", "units=6", "batch=8", "r2=0.001"];
    for (variant, assignments, dataset) in [
        ("variant=dcgan", &critic[..], discs(SIDE)),
        ("variant=rvae-gan", &recurrent[..], long.clone()),
        ("variant=lstm-gan", &recurrent[..], long),
    ] {
        let since = Instant::now();
        let s = settings(&[&[variant][..], assignments].concat());
        let model = model(&s, &dataset);
        for caps in [Cpu::caps(), Caps::default()] {
            Plans::new(model.training(), &caps, Some(session::layout(&dataset))).unwrap();
        }
        assert!(since.elapsed() < Duration::from_secs(30), "{variant}: {:?}", since.elapsed());
    }
}
