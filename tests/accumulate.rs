//! Batches in parts: the parts together do what the whole batch does, in every variant, with the same bits each time.

mod common;
mod training;

use saddle::{
    checkpoint::Checkpoint,
    cpu::Cpu,
    data::Dataset,
    engine::Plans,
    graph::{Dist, Graph, Init},
    models::VARIANTS,
    plan::plan,
    session,
    settings::{Layer, Settings},
};
use training::{Device, model, same, settings, suited};

/// Small models without what looks at a batch as a whole, with gates and options that depend on it, and a number of
/// rounds that reaches all phases. Plain gradient descent keeps rounding small: Adam's first steps have the sign of
/// the gradient alone.
const SMALL: &[(&[&str], u64)] = &[
    (&["variant=gan", "hidden_g=16", "hidden_d=16", "dropout_d=0.3", "grad_clip=0.5", "r1=0.1", "pack=2"], 4),
    (&["variant=gan", "hidden_g=16", "hidden_d=16", "objective=wgan", "gp=1", "critic_steps=3", "noise=0.1"], 3),
    (&["variant=gan", "hidden_g=16", "hidden_d=16", "freeze=0.9", "critic_threshold=0.6", "stack=3"], 4),
    (&["variant=gan", "preset=table", "data=rows", "hidden_g=16", "hidden_d=16", "latent=4"], 4),
    (&["variant=gan", "preset=ctgan", "data=rows", "hidden_g=16", "hidden_d=16", "latent=4", "pack=2"], 4),
    (&["variant=dcgan", "width=4", "conditional=true", "spectral=true", "ema=0.9", "mirror=true"], 4),
    (&["variant=ae", "hidden_e=16", "binarize=true", "decay=0.01"], 4),
    (&["variant=vae", "hidden_e=16", "importance=3"], 4),
    (&["variant=vae", "preset=table", "data=rows", "hidden_e=16", "latent=4", "codes=2"], 4),
    (&["variant=vae-gan", "width=4", "pretrain=2", "margin=0.05", "net=conv"], 6),
    (&["variant=ae-gan", "width=4", "pretrain=2"], 4),
    (&["variant=ae-gan", "preset=introspective", "width=4", "pretrain=2"], 4),
    (&["variant=ae-gan", "preset=boundary", "width=4"], 4),
    (&["variant=dbm", "layers=12,9", "pretrain=2", "chains=16", "steps=9", "binarize=true"], 7),
    (&["variant=dbm", "layers=12,9", "chains=16", "steps=9"], 5),
    (
        &[
            "variant=dbm-gan",
            "prior=refreshed",
            "layers=12,9",
            "pretrain=1",
            "joint=2",
            "chains=8",
            "steps=9",
            "hidden_g=16",
            "hidden_d=16",
        ],
        7,
    ),
    (&["variant=dbm-gan", "prior=features", "layers=9", "chains=8", "hidden_g=16", "hidden_d=16,12"], 4),
    (&["variant=lstm", "units=6"], 4),
    (&["variant=lstm", "data=letters", "units=6", "carry=true"], 6),
    (&["variant=lstm", "data=letters", "units=6", "depth=2", "dropout=0.3", "cell=gru"], 4),
    (&["variant=lstm-gan", "units=6", "steps=9", "moments=0"], 4),
    (&["variant=lstm-gan", "data=letters", "units=6", "pretrain=2", "temperature_end=0.1", "steps=9", "moments=0"], 5),
    (&["variant=lstm-gan", "data=letters", "preset=scratchgan", "units=6", "steps=9"], 4),
    (&["variant=lstm-gan", "preset=timegan", "units=4", "latent=2", "pretrain=1", "moments=0"], 4),
    (&["variant=rvae", "units=6", "free_bits=0"], 4),
    (&["variant=rvae", "data=letters", "units=6", "word_dropout=0.3", "dropout=0.2", "importance=2", "warmup=0"], 5),
    (&["variant=rvae-gan", "units=6", "pretrain=2"], 6),
];

const SIDE: usize = 16;

/// Settings and data; what a variant has not is left out of `more`.
fn small(assignments: &[&str], more: &[&str]) -> (Settings, Dataset) {
    let menu = VARIANTS.iter().find(|variant| assignments[0].ends_with(&format!("={}", variant.name))).unwrap().menu();
    let has = |name: &str| Settings::describe().iter().any(|key| key.name == name && menu.has(key));
    let more = more.iter().copied().filter(|assignment| has(assignment.split('=').next().unwrap()));
    let s = settings(&[&["batch=8", "samples=5"], assignments, &more.collect::<Vec<_>>()].concat());
    let dataset = suited(&s, SIDE);
    (s, dataset)
}

/// The checkpoint after some rounds, and the metrics of all rounds.
fn train(device: Device, s: &Settings, dataset: &Dataset, rounds: u64) -> (Checkpoint, Vec<(String, f32)>) {
    let (mut session, mut metrics) = (device.session(s, dataset), vec![]);
    while session.step() < rounds {
        let rows = session.train(rounds - session.step()).unwrap();
        let names = session.metrics().to_vec();
        metrics.extend(rows.into_iter().flat_map(|row| names.clone().into_iter().zip(row)));
    }
    (session.checkpoint().unwrap(), metrics)
}

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
    for (assignments, _) in SMALL.iter().step_by(4) {
        let (s, dataset) = small(assignments, &["accumulate=2"]);
        let [cpu, gpu] = Device::ALL.map(|device| train(device, &s, &dataset, 2).1);
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
