//! Deep Boltzmann machines: one round against numpy, likelihoods against sums over all states, phases, learning.

mod common;
mod training;

use std::collections::BTreeMap;

use saddle::{
    checkpoint::{Checkpoint, Tensor},
    cpu::Cpu,
    data::{Dataset, Items},
    likelihood::{Annealing, Parameters},
    models::{self, Examples},
    session::Session,
    settings::Settings,
};
use serde_json::Value;
use training::{Device, discs, same, settings};

/// Grey images.
fn images(shape: [usize; 3], pixels: Vec<u8>) -> Dataset {
    Dataset { shape: shape.to_vec(), items: Items::Bytes(pixels.into()), ..discs(8) }
}

/// All 4x4 images in which each row, or each column, has one colour: 32 images, 30 of them different, because the two
/// images of a single colour occur twice.
fn bars_and_stripes() -> Dataset {
    let bar = |lines: usize, p: usize, across: bool| (lines >> (if across { p / 4 } else { p % 4 }) & 1) as u8 * 255;
    let all = [true, false].into_iter().flat_map(|across| (0..16).map(move |lines| (lines, across)));
    images([1, 4, 4], all.flat_map(|(lines, across)| (0..16).map(move |p| bar(lines, p, across))).collect())
}

fn dbm(assignments: &[&str]) -> Settings {
    settings(&[&["variant=dbm"], assignments].concat())
}

fn numbers(json: &Value) -> Vec<f64> {
    json.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

fn close(what: &str, got: &[f32], want: &[f64], tolerance: f64) {
    assert_eq!(got.len(), want.len(), "{what}");
    for (n, (got, want)) in got.iter().zip(want).enumerate() {
        // This form of the condition fails for NaN.
        assert!((f64::from(*got) - want).abs() <= tolerance, "{what}: element {n} is {got}, not {want}");
    }
}

#[test]
fn a_round_agrees_with_numpy() {
    let text = include_str!("fixtures/boltzmann.json");
    let fixture: Value = serde_json::from_str(text).unwrap();
    let assignments: Vec<&str> = fixture["settings"].as_array().unwrap().iter().map(|s| s.as_str().unwrap()).collect();
    let pixels: Vec<u8> = numbers(&fixture["pixels"]).iter().map(|&p| p as u8).collect();
    let (s, dataset) = (dbm(&assignments), images([1, 3, 4], pixels.clone()));
    for device in Device::ALL {
        let mut session = device.session(&s, &dataset);
        let mut start = session.checkpoint().unwrap();
        for (name, tensor) in fixture["before"].as_object().unwrap() {
            let shape = numbers(&tensor["shape"]).iter().map(|&n| n as usize).collect();
            let data = numbers(&tensor["data"]).iter().map(|&v| v as f32).collect();
            assert!(start.tensors.insert(name.clone(), Tensor { shape, data }).is_some(), "no state is called {name}");
        }
        start.meta.insert("step".into(), fixture["step"].to_string());
        session.restore(&start).unwrap();
        let x: Vec<f32> = pixels.iter().map(|&p| f32::from(p) / 127.5 - 1.0).collect();
        close("reconstruction", &session.reconstruct(&x).unwrap(), &numbers(&fixture["reconstruction"]), 1e-5);
        session.train(1).unwrap();
        let after = session.checkpoint().unwrap();
        for (name, tensor) in fixture["after"].as_object().unwrap() {
            close(name, &after.tensors[name].data, &numbers(&tensor["data"]), 1e-5);
        }
    }
}

#[test]
fn phases_follow_each_other() {
    let s = dbm(&["layers=6,5", "pretrain=5", "cd=1,2", "steps=20", "batch=8", "chains=4"]);
    let mut session = Device::Cpu.session(&s, &discs(8));
    let mut lengths: Vec<(&str, u64)> = vec![];
    while session.step() < s.steps {
        let before = session.step();
        session.train(3).unwrap();
        let (phase, rounds) = (session.phase().unwrap(), session.step() - before);
        match lengths.last_mut() {
            Some((last, length)) if *last == phase => *length += rounds,
            _ => lengths.push((phase, rounds)),
        }
    }
    assert_eq!(lengths, [("rbm1", 2), ("rbm1-2", 3), ("rbm2", 2), ("rbm2-2", 3), ("assembly", 1), ("dbm", 9)]);
}

/// The machine takes its weights from the trained pairs of layers, and averages their biases for the layer in the
/// middle.
#[test]
fn the_assembly_takes_up_the_pairs() {
    let s = dbm(&["layers=6,5", "pretrain=20", "steps=60", "batch=8", "chains=4"]);
    let mut session = Device::Cpu.session(&s, &discs(8));
    for _ in 0..3 {
        session.train(20).unwrap();
        if session.phase() == Some("assembly") {
            break;
        }
    }
    let states = session.checkpoint().unwrap().tensors;
    assert_eq!((session.step(), session.phase()), (41, Some("assembly")));
    let of = |name: &str| &states[name].data;
    for (own, pair) in [
        ("dbm.weight0", "rbm1.weight0"),
        ("dbm.weight1", "rbm2.weight0"),
        ("dbm.layer0", "rbm1.layer0"),
        ("dbm.layer2", "rbm2.layer1"),
    ] {
        assert_eq!(of(own), of(pair), "{own}");
    }
    let averaged: Vec<f32> = of("rbm1.layer1").iter().zip(of("rbm2.layer0")).map(|(a, b)| (a + b) * 0.5).collect();
    assert_eq!(of("dbm.layer1"), &averaged);
    assert!(of("rbm1.layer1") != of("rbm2.layer0"), "nothing to average");
    assert!(of("dbm.chains.layer1").iter().all(|&x| x == 0.0 || x == 1.0), "a chain is not binary");
}

fn train_to(session: &mut Session, step: u64) {
    while session.step() < step {
        session.train(step - session.step()).unwrap();
    }
}

#[test]
fn a_resume_gives_the_same_bits_in_every_phase() {
    let dbm = dbm(&["layers=6,5", "pretrain=4", "cd=1,2", "steps=16", "batch=8", "chains=9", "binarize=true"]);
    let gan = "variant=dbm-gan layers=6,5 pretrain=0 joint=5 steps=12 batch=8 chains=9 hidden_g=6 \
               hidden_d=6 prior=refreshed critic_weight=0.3 ema=0.9";
    let gan = settings(&gan.split(' ').collect::<Vec<_>>());
    let tuned = "variant=dbm layers=6,5 steps=12 finetune=6 batch=8 chains=9 labelled=20";
    let tuned = settings(&tuned.split(' ').collect::<Vec<_>>());
    for (s, device) in
        [(&dbm, Device::Cpu), (&gan, Device::Cpu), (&tuned, Device::Cpu), (&dbm, Device::Gpu), (&tuned, Device::Gpu)]
    {
        let mut whole = device.session(s, &discs(8));
        train_to(&mut whole, s.steps);
        let end = whole.checkpoint().unwrap();
        let stops = if device == Device::Cpu { &[1, 4, 6, 7, 9, 10][..] } else { &[8] };
        for &stop in stops {
            let mut first = device.session(s, &discs(8));
            train_to(&mut first, stop);
            first.generate(3, 1, None).unwrap();
            let mut second = device.session(s, &discs(8));
            second.restore(&first.checkpoint().unwrap()).unwrap();
            train_to(&mut second, s.steps);
            same(&second.checkpoint().unwrap(), &end, &s.variant);
        }
    }
}

#[test]
fn both_runners_go_the_same_way() {
    let s = dbm(&["layers=9,7,5", "pretrain=2", "steps=12", "batch=8", "chains=5", "gibbs=2"]);
    let rows = |device: Device| -> Vec<Vec<f32>> {
        let mut session = device.session(&s, &discs(8));
        let mut rows = vec![];
        while session.step() < s.steps {
            rows.extend(session.train(4).unwrap());
        }
        rows
    };
    for (cpu, gpu) in rows(Device::Cpu).iter().zip(rows(Device::Gpu)) {
        assert_eq!(cpu.len(), gpu.len());
        for (a, b) in cpu.iter().zip(gpu) {
            assert!((a - b).abs() <= 1e-4 * (1.0 + a.abs()), "{cpu:?} on the CPU");
        }
    }
}

fn random_machine(widths: &[usize], deviation: f32, seed: u64) -> Parameters {
    let mut rng = common::Rng(seed);
    let mut draw = |n: usize| -> Vec<f32> {
        (0..n).map(|_| deviation * (0..12).map(|_| rng.below(1000) as f32 / 1000.0 - 0.5).sum::<f32>()).collect()
    };
    let weights = widths.windows(2).map(|pair| draw(pair[0] * pair[1])).collect();
    Parameters { widths: widths.to_vec(), weights, biases: widths.iter().map(|&n| draw(n)).collect() }
}

fn annealed(machine: &Parameters, base: &[Vec<f32>], temperatures: usize) -> saddle::likelihood::Ais {
    let annealing = Annealing { runs: 100, temperatures, seed: 5 };
    machine.annealed_log_z((Box::new(Cpu::new()), &Cpu::caps()), base, annealing).unwrap()
}

#[test]
fn annealing_finds_the_exact_partition_function() {
    for (widths, deviation) in [
        (&[12, 8][..], 0.3),
        (&[12, 8], 1.0),
        (&[10, 7, 6], 0.5),
        (&[9, 6, 5, 4], 0.5),
        (&[1, 1], 2.0),
        (&[17, 13, 1], 0.4),
    ] {
        let machine = random_machine(widths, deviation, 3);
        let exact = machine.exact_log_z().unwrap();
        let base: Vec<Vec<f32>> = widths.iter().map(|&n| vec![0.1; n]).collect();
        let ais = annealed(&machine, &base, 1000);
        println!("{widths:?}: exact {exact:.4}, annealed {:.4} ({:.4}, {:.4})", ais.log_z, ais.low, ais.high);
        assert!((ais.log_z - exact).abs() < 0.05, "{widths:?}: log Z is {exact}, annealed {}", ais.log_z);
        assert!(ais.low <= ais.log_z && ais.log_z <= ais.high && ais.temperatures == 1000);
    }
}

/// log Z of a small machine equals the logarithm of the sum over all visible states; for a large machine it is refused.
#[test]
fn exact_sums_agree_with_each_other() {
    let machine = random_machine(&[6, 5, 4, 3], 0.7, 9);
    let visible = |n: usize| (0..6).map(|bit| (n >> bit & 1) as f32).collect::<Vec<_>>();
    let weights = (0..64).map(|n| machine.exact_log_weight(&visible(n)).unwrap().exp());
    assert!((weights.sum::<f64>().ln() - machine.exact_log_z().unwrap()).abs() < 1e-9);
    assert!(random_machine(&[30, 25, 2], 0.1, 1).exact_log_z().is_err());
}

/// The bound lies below the log-likelihood, and equals it if the hidden units are independent: in a machine with one
/// hidden layer.
#[test]
fn bounds_lie_below_the_likelihood() {
    for (widths, deviation, gap) in [(&[8, 5][..], 0.8, 1e-4), (&[8, 6, 4], 0.4, 0.5), (&[8, 5, 4, 3], 0.4, 0.5)] {
        let machine = random_machine(widths, deviation, 4);
        let visible: Vec<f32> = (0..107 * 8).map(|n| (n * n / 3 % 2) as f32).collect();
        let bounds = machine.bounds((Box::new(Cpu::new()), &Cpu::caps()), &visible, 40).unwrap();
        assert_eq!(bounds.len(), 107);
        for (bound, x) in bounds.iter().zip(visible.chunks(8)) {
            let exact = machine.exact_log_weight(x).unwrap();
            assert!(*bound <= exact + 1e-4 && *bound >= exact - gap, "{widths:?}: {bound} against {exact}");
        }
    }
}

/// Mean log-likelihood in nats of all examples under the machine of a checkpoint.
fn log_likelihood(checkpoint: &Checkpoint, dataset: &Dataset) -> f64 {
    let machine = Parameters::of(checkpoint).unwrap();
    let log_z = machine.exact_log_z().unwrap();
    let units = |i: usize| dataset.example(i).iter().map(|v| (v + 1.0) / 2.0).collect::<Vec<_>>();
    let weights = (0..dataset.len()).map(|i| machine.exact_log_weight(&units(i)).unwrap());
    weights.sum::<f64>() / dataset.len() as f64 - log_z
}

/// 16 fair coins give -16 ln 2 = -11.1. The maximum is -3.4, for the 30 images with the frequencies of the data.
#[test]
fn machines_learn_bars_and_stripes() {
    let dataset = bars_and_stripes();
    let common = ["layers=12,8", "batch=32", "chains=64", "lr_g=0.02", "steps=6000", "mean_field=8"];
    for own in [&["centring=true"][..], &["centring=false", "pretrain=1000", "lr_rbm=0.05", "cd=1,3"]] {
        let s = dbm(&[&common, own].concat());
        let mut session = Device::Cpu.session(&s, &dataset);
        session.train(1).unwrap();
        let start = log_likelihood(&session.checkpoint().unwrap(), &dataset);
        train_to(&mut session, s.steps);
        let checkpoint = session.checkpoint().unwrap();
        let end = log_likelihood(&checkpoint, &dataset);
        println!("{own:?}: {start:.2} to {end:.2} nats");
        assert!(end > -5.5, "{own:?}: {start:.2} to {end:.2} nats");

        let machine = Parameters::of(&checkpoint).unwrap();
        let (exact, base) = (machine.exact_log_z().unwrap(), machine.base_rates(&checkpoint).unwrap());
        let ais = annealed(&machine, &base, 20_000);
        println!("log Z {exact:.4}, annealed {:.4}", ais.log_z);
        assert!((ais.log_z - exact).abs() < 0.05, "log Z is {exact}, annealed {}", ais.log_z);

        // Each image has a frequency of 1/32, except for the two of one colour.
        let samples = session.generate(512, 3, None).unwrap();
        let images: Vec<Vec<u8>> =
            samples.chunks(16).map(|x| x.iter().map(|&v| if v > 0.0 { 255 } else { 0 }).collect()).collect();
        let Items::Bytes(pixels) = &dataset.items else { panic!("bytes") };
        let known = images.iter().filter(|x| pixels.chunks(16).any(|y| y == x.as_slice())).count();
        let distinct: std::collections::BTreeSet<_> = images.iter().collect();
        println!("{known} of 512 samples are bars or stripes, {} different images", distinct.len());
        assert!(known > 256 && distinct.len() > 20, "{own:?}");
    }
}

fn refusal(assignments: &[&str], shape: &[usize]) -> String {
    let s = settings(assignments);
    let variant = models::variant(&s.variant).unwrap();
    match variant.model(&s, &Examples { shape: shape.to_vec(), classes: 0, series: None }) {
        Ok(_) => panic!("{assignments:?} is accepted"),
        Err(error) => {
            assert_eq!(error.exit_code(), 2);
            error.to_string()
        }
    }
}

#[test]
fn what_cannot_be_is_refused_in_a_sentence() {
    for (assignments, shape, part) in [
        (&["variant=dbm"][..], &[3, 8, 8][..], "channels=1"),
        (&["variant=dbm"], &[2], "grey images"),
        (&["variant=dbm-gan"], &[2], "grey images"),
        (&["variant=dbm", "layers=5,5,5,5"], &[1, 8, 8], "at most 3"),
        (&["variant=dbm", "pretrain=100", "steps=200"], &[1, 8, 8], "200 of 200 steps"),
        (&["variant=dbm", "pretrain=10", "cd=1,2,3,4,5"], &[1, 8, 8], "at most 4"),
        (&["variant=dbm-gan", "joint=100", "steps=100"], &[1, 8, 8], "more steps for the game"),
        (&["variant=dbm-gan", "chains=9", "batch=10"], &[1, 8, 8], "9 are fewer than 10"),
        (&["variant=dbm-gan", "critic_weight=0.5"], &[1, 8, 8], "prior=refreshed"),
    ] {
        let sentence = refusal(assignments, shape);
        assert!(sentence.contains(part), "{assignments:?}: {sentence}");
    }
    assert!(Parameters::of(&Checkpoint { tensors: BTreeMap::new(), meta: BTreeMap::new() }).is_err());
}

/// Before adversarial training, the generator's deterministic path is the machine's pass down from its top layer.
#[test]
fn the_generator_starts_as_the_machine() {
    let s = "variant=dbm-gan layers=6,5 pretrain=0 joint=30 steps=40 batch=8 chains=16 hidden_g=6 hidden_d=6 ema=0.9";
    let s = settings(&s.split(' ').collect::<Vec<_>>());
    let mut session = Device::Cpu.session(&s, &discs(8));
    train_to(&mut session, 32);
    assert_eq!(session.phase(), Some("connection"));
    let states = session.checkpoint().unwrap().tensors;
    let of = |name: &str| &states[name].data;
    let doubled: Vec<f32> = of("dbm.weight1").iter().map(|w| 2.0 * w).collect();
    assert_eq!(of("g.down1.weight"), &doubled);
    for (own, machine) in [("down.weight", "weight0"), ("down.bias", "layer0"), ("down1.bias", "layer1")] {
        assert_eq!(of(&format!("g.{own}")), of(&format!("dbm.{machine}")), "{own}");
        assert_eq!(of(&format!("ema.{own}")), of(&format!("dbm.{machine}")), "{own}");
    }
}

/// The classifier starts as the machine: its first round takes over the weights, and its hidden units are one round of
/// the mean field.
#[test]
fn a_classifier_starts_as_the_machine_and_learns() {
    let s = "variant=dbm layers=6,5 steps=400 finetune=300 lr_finetune=0.01 batch=16 chains=16 mean_field=4 \
             dropout_finetune=0.1 labelled=20";
    let s = settings(&s.split(' ').collect::<Vec<_>>());
    let mut session = Device::Cpu.session(&s, &discs(8));
    train_to(&mut session, 101);
    assert_eq!(session.phase(), Some("unroll"));
    let states = session.checkpoint().unwrap().tensors;
    for (own, machine) in [
        ("below.weight0", "weight0"),
        ("below.weight1", "weight1"),
        ("above.weight1", "weight1"),
        ("layer1", "layer1"),
        ("layer2", "layer2"),
    ] {
        assert_eq!(states[&format!("c.{own}")].data, states[&format!("dbm.{machine}")].data, "{own}");
    }
    let place = session.metrics().iter().position(|name| name == "class_acc");
    assert_eq!(place, None, "one round that only copies");
    let machine = states["dbm.weight0"].clone();
    let mut rows = vec![];
    while session.step() < 400 {
        rows.extend(session.train((400 - session.step()).min(100)).unwrap());
    }
    let names = session.metrics();
    let place = names.iter().position(|name| name == "class_acc").unwrap();
    let mean = |rows: &[Vec<f32>]| rows.iter().map(|row| row[place]).sum::<f32>() / rows.len() as f32;
    assert!(mean(&rows[..20]) < 0.8 && mean(&rows[279..]) > 0.9, "{} {}", mean(&rows[..20]), mean(&rows[279..]));
    assert_eq!(session.checkpoint().unwrap().tensors["dbm.weight0"], machine, "the machine stays as it was");
}

#[test]
fn every_prior_plays() {
    for prior in ["frozen", "refreshed", "normal", "uniform", "bernoulli"] {
        let prior_set = format!("prior={prior}");
        let s = "variant=dbm-gan layers=6,5 pretrain=0 joint=10 steps=30 batch=8 chains=16 hidden_g=6 \
                 hidden_d=6 critic_steps=2";
        let s = settings(&s.split(' ').chain([prior_set.as_str()]).collect::<Vec<_>>());
        let mut session = Device::Cpu.session(&s, &discs(8));
        train_to(&mut session, 12);
        let before = session.checkpoint().unwrap().tensors;
        train_to(&mut session, 30);
        let after = session.checkpoint().unwrap().tensors;
        let learns = before["dbm.weight0"] != after["dbm.weight0"];
        let moves = before["dbm.chains.layer1"] != after["dbm.chains.layer1"];
        assert_eq!((learns, moves), (prior == "refreshed", ["frozen", "refreshed"].contains(&prior)), "{prior}");
        assert!(before["g.down1.weight"] != after["g.down1.weight"], "{prior}");
        let samples = session.generate(20, 0, None).unwrap();
        assert!(samples.len() == 20 * 64 && samples.iter().all(|v| v.abs() <= 1.0), "{prior}");
        assert!(samples != session.generate(20, 1, None).unwrap(), "{prior}");
    }
}
