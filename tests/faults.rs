//! Devices that fail: out of memory, lost, hung. Each failure ends in one sentence, and a run that resumes from the
//! last checkpoint has the same bits as a run without the failure.
//!
//! Some tests run only on SwiftShader (`.ci/run`). Mesa's lavapipe promises memory that it does not have, and returns
//! from a wait only when its work is done, whatever the time limit; a GPU may be in use by other programs.
mod common;
mod training;

use std::{
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use saddle::{
    checkpoint::{self, Checkpoint},
    engine::Plans,
    error::Error,
    gpu::{Binding, Gpu, Pipelines},
    kernels::{Kernel, MultiplyAdd},
    program::{Buffer, Content, Launch, Program, Slice},
    runner::Runner,
    session::{self, Session},
    settings::Settings,
};
use training::{discs, model, same, settings};
use wgpu::{BufferUsages, CommandBuffer};

const SIDE: usize = 16;

fn gan() -> Settings {
    settings(&["variant=gan", "batch=8", "latent=5", "hidden_g=16", "hidden_d=16"])
}

fn gpu() -> Gpu {
    Gpu::open(&common::adapter(), false).unwrap()
}

/// Whether the adapter is SwiftShader; prints a line if it is not.
fn on_swiftshader() -> bool {
    let name = common::adapter().get_info().name;
    let is = name.contains("SwiftShader");
    if !is {
        println!("not run on {name}");
    }
    is
}

fn session(gpu: Gpu, s: &Settings) -> Session {
    let (dataset, caps) = (discs(SIDE), gpu.device().caps.clone());
    let (mut runner, model): (Box<dyn Runner>, _) = (Box::new(gpu), model(s, &dataset));
    let plans = Plans::new(model.training(), &caps, Some(session::layout(&dataset))).unwrap();
    session::upload(runner.as_mut(), &dataset).unwrap();
    Session::new(runner, s, session::examples(&dataset), &model, plans).unwrap()
}

/// The checkpoint after `rounds` rounds without a fault.
fn whole(rounds: u64) -> Checkpoint {
    let mut session = session(gpu(), &gan());
    session.train(rounds).unwrap();
    session.checkpoint().unwrap()
}

/// The checkpoint after round `rounds`, resumed from an earlier checkpoint.
fn resumed(from: &Checkpoint, rounds: u64) -> Checkpoint {
    let mut session = session(gpu(), &gan());
    session.restore(from).unwrap();
    session.train(rounds - session.step()).unwrap();
    session.checkpoint().unwrap()
}

/// Asserts that the error is one sentence about a failed device, with these words.
#[track_caller]
fn gave_up(error: Error, words: &[&str]) {
    assert!(matches!(error, Error::Device(_)) && error.exit_code() == 1, "{error:?}");
    let sentence = error.to_string();
    assert!(words.iter().all(|word| sentence.contains(word)) && !sentence.contains('\n'), "{sentence}");
}

#[test]
fn a_lost_device_costs_the_rounds_since_the_last_checkpoint() {
    let whole = whole(40);
    for (rounds, delay) in [(7, 1), (20, 40)] {
        let gpu = gpu();
        let raw = gpu.device().raw.clone();
        let mut session = session(gpu, &gan());
        session.train(rounds).unwrap();
        let last = session.checkpoint().unwrap();
        let error = std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(delay));
                raw.destroy();
            });
            loop {
                if let Err(error) = session.train(3) {
                    break error;
                }
            }
        });
        println!("lost {delay} ms after step {rounds}, at step {}", session.step());
        gave_up(error, &["the GPU was lost"]);
        gave_up(session.checkpoint().unwrap_err(), &["the GPU was lost"]);
        same(&resumed(&last, 40), &whole, "after a loss");
    }
}

/// A program that needs 400 GiB.
fn vast() -> Program {
    let len = 1 << 28;
    let kernel = MultiplyAdd { len, rounds: 1, half: false };
    let lens = [len, 2, len];
    let bindings = (0..3).map(|buffer| Slice { buffer, offset: 0, len: lens[buffer] }).collect();
    let step = Launch { kernel: kernel.into(), bindings, operands: vec![], label: "layer 7".into(), every: 1 };
    let slot = |len| Buffer { content: Content::Slot, len };
    Program {
        buffers: [slot(len), slot(2)].into_iter().chain((0..399).map(|_| slot(len))).collect(),
        launches: vec![step],
        ..Default::default()
    }
}

#[test]
fn memory_that_is_not_there_is_named_and_given_back() {
    if !on_swiftshader() {
        return;
    }
    let mut gpu = gpu();
    gave_up(gpu.load(&vast()).unwrap_err(), &["1024.0 MiB: SwiftShader", "is out of memory; a smaller batch or model"]);
    // Earlier buffers still exist, and the buffers of the failed program are freed.
    let mut session = session(gpu, &gan());
    session.train(40).unwrap();
    same(&session.checkpoint().unwrap(), &whole(40), "after a failed load");
}

/// A closure that submits half an hour of work (on a CPU).
fn endless(gpu: &Gpu) -> impl FnOnce() + use<> {
    let kernel = MultiplyAdd { len: 1 << 24, rounds: 60_000, half: false };
    let (device, pipelines) = (gpu.device(), Pipelines::new(gpu.device()).unwrap());
    let kernel: Kernel = kernel.into();
    let dispatch = kernel.dispatch(&device.caps);
    let [x, y, groups] = dispatch.groups;
    let pipeline = pipelines.get(device, &[(&kernel, dispatch)]).unwrap().remove(0);
    let buffer = |len: usize| device.buffer("endless", 4 * len as u64, BufferUsages::STORAGE).unwrap();
    let buffers = [1 << 24, 2, 1 << 24].map(buffer);
    let bindings = buffers.each_ref().map(|buffer| Binding { buffer, offset: 0, bytes: buffer.size() });
    let bound = pipelines.bind(device, &pipeline, "endless", &bindings, &[]).unwrap();
    let mut encoder = device.raw.create_command_encoder(&Default::default());
    let mut pass = encoder.begin_compute_pass(&Default::default());
    pass.set_pipeline(&pipeline.raw);
    pass.set_bind_group(0, &bound, &[]);
    pass.dispatch_workgroups(x, y, groups);
    drop(pass);
    let (queue, commands): (_, CommandBuffer) = (device.queue.clone(), encoder.finish());
    move || {
        queue.submit([commands]);
    }
}

/// The part of [`a_hung_device_is_an_error_and_the_process_ends`] that hangs.
#[test]
#[ignore = "leaves work without end behind"]
fn hang() {
    let start = Instant::now();
    let mut gpu = gpu();
    gpu.set_patience(Duration::from_secs(2));
    let endless = endless(&gpu);
    let mut session = session(gpu, &gan());
    session.train(15).unwrap();
    let path = std::env::var("SADDLE_TEST_CHECKPOINT").unwrap();
    session.checkpoint().unwrap().save(Path::new(&path)).unwrap();
    endless();
    gave_up(session.train(10).unwrap_err(), &["is hung: no answer for 2 s"]);
    drop(session);
    assert!(start.elapsed() < Duration::from_secs(60), "something waited for it");
}

/// Runs [`hang`] in a separate process, because the submitted work continues until its process ends.
#[test]
fn a_hung_device_is_an_error_and_the_process_ends() {
    if !on_swiftshader() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(checkpoint::file_name(15));
    let start = Instant::now();
    let mut process = Command::new(std::env::current_exe().unwrap());
    process.args(["--exact", "hang", "--ignored", "--nocapture"]).env("SADDLE_TEST_CHECKPOINT", &path);
    let output = process.output().unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(start.elapsed() < Duration::from_secs(90), "the process waited for its device");
    let (_, last) = checkpoint::latest(folder.path()).unwrap().unwrap();
    same(&resumed(&last, 40), &whole(40), "after a hang");
}
