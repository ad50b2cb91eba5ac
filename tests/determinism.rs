//! The same seed gives the same bits: in a second run, in several calls, after a restart, on any number of threads.
//! With all options on, a round computes what the interpreter of its graph computes.

mod common;
mod training;

use saddle::{checkpoint::Checkpoint, settings::Settings};
use training::{Device, discs, model, reference, same, settings};

const SIDE: usize = 16;

fn gan() -> Settings {
    settings(&["variant=gan", "batch=8", "latent=5", "hidden_g=16,24", "hidden_d=24,16"])
}

fn dcgan() -> Settings {
    settings(&["variant=dcgan", "size=16", "batch=6", "latent=5", "width=4", "ema=0.9"])
}

/// All states after some rounds.
fn trained(device: Device, s: &Settings, rounds: u64) -> Checkpoint {
    let mut session = device.session(s, &discs(SIDE));
    session.train(rounds).unwrap();
    session.checkpoint().unwrap()
}

#[test]
fn the_same_seed_gives_the_same_bits() {
    for device in Device::ALL {
        for (s, before, after) in
            [(gan(), &[1, 3, 16], &[80, 100]), (dcgan(), &[1, 2, 4], &[5, 8]), (everything(), &[1, 1, 1], &[2, 2])]
        {
            let whole = trained(device, &s, before.iter().chain(after).sum());
            let mut slices = device.session(&s, &discs(SIDE));
            before.iter().for_each(|&n| drop(slices.train(n).unwrap()));
            let middle = slices.checkpoint().unwrap();
            let mut restored = device.session(&s, &discs(SIDE));
            restored.restore(&middle).unwrap();
            for mut session in [slices, restored] {
                after.iter().for_each(|&n| drop(session.train(n).unwrap()));
                same(&session.checkpoint().unwrap(), &whole, &s.variant);
            }
        }
    }
}

#[test]
fn another_seed_gives_another_run() {
    let of = |seed: u64| trained(Device::Cpu, &Settings { seed, ..gan() }, 1).tensors;
    for ((name, a), (_, b)) in of(0).into_iter().zip(of(1)).filter(|((name, _), _)| !name.ends_with(".count")) {
        assert!(a != b, "{name} does not depend on the seed");
    }
}

#[test]
fn threads_change_nothing() {
    let on = |threads: usize, s: &Settings, rounds: u64| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| trained(Device::Cpu, s, rounds))
    };
    same(&on(1, &gan(), 200), &on(2, &gan(), 200), "gan");
    same(&on(1, &dcgan(), 20), &on(2, &dcgan(), 20), "dcgan");
    // Large enough for products of several tasks.
    let wide = settings(&["variant=dcgan", "size=16", "batch=32", "width=32"]);
    same(&on(1, &wide, 2), &on(2, &wide, 2), "wide dcgan");
}

/// All options that can be combined.
fn everything() -> Settings {
    settings(&[
        "variant=dcgan",
        "size=16",
        "batch=8",
        "latent=5",
        "width=3",
        "steps=10",
        "conditional=true",
        "pack=2",
        "spectral=true",
        "ema=0.9",
        "noise=0.2",
        "smooth=0.1",
        "grad_clip=0.5",
        "schedule=cosine",
        "critic_steps=2",
        "latent_dist=uniform",
    ])
}

#[test]
fn all_options_at_once_do_what_the_graph_says() {
    let (s, dataset) = (everything(), discs(SIDE));
    let model = model(&s, &dataset);
    let mut session = Device::Cpu.session(&s, &dataset);
    let mut r = reference(&s, &dataset, &model, &session.checkpoint().unwrap());
    let (mut worst, mut first, seldom) = (0.0f64, vec![], model.round().seldom());
    for round in 1..=3 {
        let values = r.run(model.round());
        let got = session.train(1).unwrap().remove(0);
        for (n, ((name, node), got)) in model.round().metrics().iter().zip(got).enumerate() {
            first.extend((round == 1).then_some(values[*node][0]));
            let want = if seldom.contains(name) { first[n] } else { values[*node][0] };
            let error = (f64::from(got) - want).abs() / want.abs();
            assert!(error <= 1e-3, "{name} of round {round} is {got}, not {want}");
            worst = worst.max(error);
        }
    }
    println!("metrics: largest relative difference {worst:.1e}");
    let end = session.checkpoint().unwrap();
    let norm = |x: &mut dyn Iterator<Item = f64>| x.map(|v| v * v).sum::<f64>().sqrt();
    for group in model.round().groups() {
        for (n, item) in group.items.iter().enumerate() {
            let name = group.item_name(n);
            let want = &r.states[&group.name][item.offset..];
            let got = &end.tensors[&name].data;
            let error = norm(&mut got.iter().zip(want).map(|(g, w)| f64::from(*g) - w));
            let size = norm(&mut want[..got.len()].iter().copied());
            assert!(error <= 1e-3 * size, "{name} is off by {error:e} of {size:e}");
            worst = worst.max(error / size);
        }
    }
    println!("metrics and states: largest relative difference {worst:.1e}");
}
