//! The losses of the first rounds against PyTorch's, from the same parameters, batches and noise.
//! `tests/fixtures/torch_losses.py` says how its results, the JSON files beside it, are made anew.

mod common;
mod training;

use std::path::{Path, PathBuf};

use saddle::{
    checkpoint::{Checkpoint, Tensor},
    graph::{Field, Op},
};
use training::{Device, discs, model, reference, settings};

const ROUNDS: u64 = 10;
/// f32 against PyTorch's f64.
const TOLERANCE: f64 = 1e-3;
/// Two runners of one program.
const BETWEEN_RUNNERS: f64 = 1e-4;

/// Name, settings, and whether it is small enough for a software adapter.
///
/// The game magnifies rounding: some unit lies so near to the kink of its ReLU that it falls on either side, and Adam makes
/// a full step of the smallest gradient. PyTorch's own f32 leaves its f64 by 5e-3 within ten rounds of `dcgan` as it is by
/// default. Hence slow plain descent there, and the low rates where a penalty looks at the slopes themselves.
const CASES: &[(&str, &[&str], bool)] = &[
    ("gan", &["variant=gan", "batch=16"], true),
    ("dcgan", &["variant=dcgan", "batch=16", "width=16"], true),
    ("dcgan-wide", &["variant=dcgan", "width=64", "optimizer=sgd", "lr_g=0.00005", "lr_d=0.00005"], false),
    (
        "wgan-gp",
        &[
            "variant=dcgan",
            "batch=16",
            "width=16",
            "objective=wgan",
            "gp=10",
            "critic_steps=2",
            "norm_d=layer",
            "beta1=0",
            "beta2=0.9",
            "lr_g=0.0001",
            "lr_d=0.0001",
        ],
        true,
    ),
    ("r1", &["variant=dcgan", "batch=16", "width=16", "norm_d=layer", "r1=10", "lr_g=0.00005", "lr_d=0.00005"], true),
    (
        "r3",
        &[
            "variant=gan",
            "batch=16",
            "objective=relativistic",
            "r1=10",
            "r2=10",
            "beta1=0",
            "lr_g=0.00005",
            "lr_d=0.00005",
        ],
        true,
    ),
];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/{name}.json"))
}

/// Rows of (d_loss, g_loss) of a run.
fn losses(device: Device, assignments: &[&str]) -> Vec<[f64; 2]> {
    let mut session = device.session(&settings(assignments), &discs(28));
    let places = ["d_loss", "g_loss"].map(|name| session.metrics().iter().position(|m| m == name).unwrap());
    let rows = session.train(ROUNDS).unwrap();
    rows.iter().map(|row| places.map(|place| f64::from(row[place]))).collect()
}

fn torch(name: &str, assignments: &[&str]) -> Vec<[f64; 2]> {
    let text = std::fs::read_to_string(fixture(name)).unwrap_or_else(|e| panic!("{name}.json: {e}"));
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["settings"], serde_json::json!(assignments), "{name}.json is of other settings: make it anew");
    serde_json::from_value(json["losses"].clone()).unwrap()
}

/// The largest relative difference, which must be in tolerance.
fn compare(what: &str, got: &[[f64; 2]], want: &[[f64; 2]], tolerance: f64) {
    assert_eq!((got.len(), want.len()), (ROUNDS as usize, ROUNDS as usize), "{what}");
    let mut worst = 0.0f64;
    for (round, (got, want)) in got.iter().zip(want).enumerate() {
        for (name, (got, want)) in ["d_loss", "g_loss"].iter().zip(got.iter().zip(want)) {
            let error = (got - want).abs() / want.abs();
            // Written so that NaN fails.
            assert!(error <= tolerance, "{what}: {name} of round {} is {got}, not {want}", round + 1);
            worst = worst.max(error);
        }
    }
    println!("{what}: largest relative difference {worst:.1e}");
}

#[test]
fn the_cpu_runner_agrees_with_pytorch() {
    for (name, assignments, _) in CASES {
        compare(&format!("{name} on the CPU"), &losses(Device::Cpu, assignments), &torch(name, assignments), TOLERANCE);
    }
}

#[test]
fn the_gpu_runner_agrees_with_pytorch_and_the_cpu_runner() {
    for (name, assignments, _) in CASES.iter().filter(|(_, _, small)| *small) {
        let gpu = losses(Device::Gpu, assignments);
        compare(&format!("{name} on the GPU"), &gpu, &torch(name, assignments), TOLERANCE);
        compare(&format!("{name}, GPU against CPU"), &gpu, &losses(Device::Cpu, assignments), BETWEEN_RUNNERS);
    }
}

/// Parameters at the start and each round's batches and noise, for the script.
#[test]
#[ignore = "writes what tests/fixtures/torch_losses.py reads, into SADDLE_TORCH_DIR"]
fn export_for_torch() {
    let folder = PathBuf::from(std::env::var("SADDLE_TORCH_DIR").expect("SADDLE_TORCH_DIR: a folder to write to"));
    std::fs::create_dir_all(&folder).unwrap();
    for (name, assignments, _) in CASES {
        let (s, dataset) = (settings(assignments), discs(28));
        let start = Device::Cpu.session(&s, &dataset).checkpoint().unwrap();
        let model = model(&s, &dataset);
        let mut r = reference(&s, &dataset, &model, &start);
        let mut tensors = start.tensors;
        for round in 0..ROUNDS {
            r.clock[0] = round as u32;
            for (id, node) in model.round().nodes().into_iter().enumerate() {
                let leaf = match node.op {
                    Op::Batch { draw, field: Field::Items } => format!("real{draw}"),
                    Op::Random { stream, .. } => format!("random{stream}"),
                    _ => continue,
                };
                let data = r.value(model.round().at(id)).into_iter().map(|v| v as f32).collect();
                tensors.insert(format!("round{round}.{leaf}"), Tensor { shape: node.shape, data });
            }
        }
        Checkpoint { tensors, ..Default::default() }.save(&folder.join(format!("{name}.safetensors"))).unwrap();
        let about = serde_json::json!({ "settings": assignments, "resolved": s, "rounds": ROUNDS });
        std::fs::write(folder.join(format!("{name}.json")), about.to_string()).unwrap();
    }
}
