//! Batches in parts: the parts together do what the whole batch does, in every variant, with the same bits each time.

mod common;
mod training;

use saddle::{
    checkpoint::Checkpoint,
    cpu::Cpu,
    engine::Plans,
    graph::{Dist, Graph, Init},
    plan::plan,
    session,
    settings::{Layer, Settings},
};
use training::{
    Device, model, same,
    small::{SMALL, small, train},
};

#[test]
fn parts_do_what_the_whole_batch_does() {
    let plain = ["optimizer=sgd", "optimizer_d=sgd", "momentum=0", "momentum_d=0", "lr_g=0.01", "lr_d=0.01"];
    let plain = [&plain[..], &["norm_g=none", "norm_d=none", "ema=0.9"]].concat();
    for (n, (assignments, rounds)) in SMALL.iter().enumerate() {
        let what = assignments.join(" ");
        // TimeGAN takes roots of means over the batch, and each part has its own.
        if what.contains("timegan") {
            continue;
        }
        let (s, dataset) = small(assignments, &plain);
        let (whole, metrics) = train(Device::Cpu, &s, &dataset, *rounds);
        let accumulate = [2, 4][n % 2];
        let (parts, of_parts) = train(Device::Cpu, &Settings { accumulate, ..s.clone() }, &dataset, *rounds);
        assert!(whole.tensors.keys().eq(parts.tensors.keys()), "{what}");
        for (name, tensor) in &whole.tensors {
            let got = &parts.tensors[name];
            assert_eq!(tensor.shape, got.shape, "{what}: {name}");
            let norm = |x: &mut dyn Iterator<Item = f32>| x.map(|v| f64::from(v).powi(2)).sum::<f64>().sqrt();
            let error = norm(&mut tensor.data.iter().zip(&got.data).map(|(a, b)| a - b));
            let size = norm(&mut tensor.data.iter().copied());
            // What is fitted to samples is as far off as these may be from their neighbours in rank; what machines
            // learn by is a small difference of statistics; moments are those of gradients that may nearly vanish.
            let bound = match name.split('.').collect::<Vec<_>>()[..] {
                ["calibration", ..] | [_, "m" | "v", ..] => 1e-3,
                ["dbm", ..] => 1e-4,
                _ => 1e-5,
            };
            assert!(
                error <= bound * size.max(0.1),
                "{what}, {accumulate} parts: {name} is off by {error:e} of {size:e}"
            );
        }
        // These are no means over examples: the border of logits may be the mean of those of a part.
        let of_batch = ["active", "information", "gap", "d_acc_real", "d_acc_fake"];
        for ((name, a), (_, b)) in metrics.iter().zip(&of_parts).filter(|((name, _), _)| !of_batch.contains(&&**name)) {
            assert!((a - b).abs() <= 1e-4 * a.abs().max(1e-2), "{what}, {accumulate} parts: {name} is {a} and {b}");
        }
    }
}

#[test]
fn rounds_in_parts_repeat_and_resume_to_the_bit() {
    for (assignments, rounds) in SMALL {
        let (s, dataset) = small(assignments, &["accumulate=2"]);
        let what = assignments.join(" ");
        let (end, _) = train(Device::Cpu, &s, &dataset, *rounds);
        same(&train(Device::Cpu, &s, &dataset, *rounds).0, &end, &what);
        let (middle, _) = train(Device::Cpu, &s, &dataset, rounds / 2);
        let mut session = Device::Cpu.session(&s, &dataset);
        session.restore(&middle).unwrap();
        while session.step() < *rounds {
            session.generate(3, 1, None).unwrap();
            session.train(1).unwrap();
        }
        same(&session.checkpoint().unwrap(), &end, &what);
    }
}

#[test]
fn both_runners_agree_on_parts() {
    for (n, (assignments, _)) in SMALL.iter().enumerate().step_by(4) {
        let (s, dataset) = small(assignments, &["accumulate=2"]);
        // What is measured seldom is measured again after ten rounds.
        let rounds = if n == 0 { 12 } else { 2 };
        let [cpu, gpu] = Device::ALL.map(|device| train(device, &s, &dataset, rounds).1);
        for ((name, a), (_, b)) in cpu.iter().zip(&gpu) {
            let what = assignments.join(" ");
            assert!((a - b).abs() <= 1e-3 * a.abs().max(1e-3), "{what}: {name} is {a} and {b}");
        }
    }
}

/// Three is no power of two, and batch norm sees a part.
#[test]
fn any_number_of_parts() {
    for assignments in [&["variant=gan", "hidden_g=16", "hidden_d=16"][..], &["variant=dcgan", "width=4"]] {
        for accumulate in [3, 5, 7, 8] {
            let (s, dataset) = small(assignments, &[]);
            let batch = 2 * accumulate;
            let s = Settings { batch, accumulate, ..s };
            let (parts, _) = train(Device::Cpu, &s, &dataset, 3);
            same(&train(Device::Cpu, &s, &dataset, 3).0, &parts, assignments[0]);
            if assignments[0] == "variant=gan" {
                let (whole, _) = train(Device::Cpu, &Settings { accumulate: 1, ..s }, &dataset, 1);
                let moments = |checkpoint: &Checkpoint| checkpoint.tensors["d.m.dense0.weight"].data.clone();
                let one =
                    train(Device::Cpu, &Settings { batch, accumulate, ..small(assignments, &[]).0 }, &dataset, 1).0;
                let close = moments(&whole).iter().zip(moments(&one)).all(|(a, b)| (a - b).abs() < 1e-6);
                assert!(close, "{accumulate} parts: the first moment of the first gradient");
            }
        }
    }
}

#[test]
fn parts_take_less_memory() {
    let (s, dataset) = small(&["variant=dcgan", "width=16"], &[]);
    let own = |accumulate: usize| {
        let s = Settings { batch: 64, accumulate, ..s.clone() };
        let model = model(&s, &dataset);
        Plans::new(model.training(), &Cpu::caps(), Some(session::layout(&dataset))).unwrap().memory().own
    };
    assert!(own(8) * 2 < own(1), "{} and {}", own(8), own(1));
}

/// A rank that computes one part keeps what a rank of several parts computes again.
#[test]
fn a_rank_of_one_part_computes_nothing_again() {
    for assignments in [&["variant=gan"][..], &["variant=dcgan", "width=8"]] {
        let (s, dataset) = small(assignments, &[]);
        let flops = |accumulate: usize, ranks: usize| {
            let s = Settings { batch: 16 * accumulate, accumulate, ..s.clone() };
            let model = model(&s, &dataset);
            model.share(ranks);
            let plans = Plans::new(model.training(), &Cpu::caps(), Some(session::layout(&dataset))).unwrap();
            plans.get(model.phases[0].name).unwrap().cost().flops
        };
        let [alone, of_four, twice] = [flops(1, 1), flops(4, 4), flops(2, 1) / 2.0];
        assert!(of_four < 1.03 * alone && alone < twice, "{assignments:?}: {alone}, {of_four}, {twice}");
    }
}

/// What depends on the examples of one part and should be the same for all is refused when a round is planned.
#[test]
fn what_differs_between_parts_needs_their_mean() {
    let planned = |build: &dyn Fn(&Graph)| {
        let graph = Graph::new();
        graph.split(2);
        build(&graph);
        plan(&graph, &Cpu::caps(), None)
    };
    let state = |g: &Graph| g.state(g.group("s"), "mean", &[], Init::Const(0.0)).id();
    for mean in [false, true] {
        let result = planned(&|g| {
            let noise = g.random(Dist::Normal, &[3, 4]).mean_all();
            g.assign(g.at(state(g)), if mean { noise.whole() } else { noise });
            g.commit();
        });
        assert_eq!(result.is_ok(), mean, "{result:?}");
        let error = result.err().map(|error| error.to_string()).unwrap_or_default();
        assert!(mean || error.contains("s.mean depends on the examples of one part"), "{error}");
    }
    let metric = planned(&|g| g.metric("size", g.random(Dist::Normal, &[3]).mean_all()));
    assert!(metric.unwrap_err().to_string().contains("the metric size depends on the examples of one part"));
}

#[test]
fn batches_have_equal_parts() {
    let refused = |assignments: &[&str]| {
        let mut layer = Layer::default();
        assignments.iter().for_each(|assignment| layer.assign(assignment).unwrap());
        Settings::resolve(&saddle::models::menu(), &[layer]).unwrap_err().to_string()
    };
    let sentence = refused(&["batch=10", "accumulate=4"]);
    assert!(sentence.contains("there are no 4 such parts of 10"), "{sentence}");
    let sentence = refused(&["variant=gan", "batch=12", "pack=2", "accumulate=4"]);
    assert!(sentence.contains("groups of 2 (`pack`)"), "{sentence}");
    let sentence = refused(&["variant=dbm", "batch=8", "chains=6", "accumulate=4"]);
    assert!(sentence.contains("6 `chains` have no 4 equal parts"), "{sentence}");
}
