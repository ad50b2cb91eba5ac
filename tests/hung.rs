//! A device that does not answer: an error after a while, and nothing waits for it afterwards. It has a process of its own, since
//! the work that hangs goes on until that ends.
//!
//! Only on SwiftShader (`.ci/run`): Mesa's lavapipe does not come back from a wait before its work is done, whatever the time
//! limit, and other programs want to use hardware.
mod common;

use std::time::{Duration, Instant};

use saddle::{
    gpu::Gpu,
    kernels::MultiplyAdd,
    program::{Buffer, Content, Program, Range, Step},
    runner::Runner,
};

/// Work for half an hour on a processor.
fn endless() -> Program {
    let kernel = MultiplyAdd { len: 1 << 24, rounds: 60_000, half: false };
    let lens = [kernel.len, 2, kernel.len];
    let bindings = (0..3).map(|buffer| Range { buffer, offset: 0, len: lens[buffer] }).collect();
    let step = Step { kernel: kernel.into(), bindings, operands: vec![], label: "endless".into() };
    let buffers = lens.map(|len| Buffer { content: Content::Constant(0.5), len }).to_vec();
    Program { buffers, steps: vec![step], ..Default::default() }
}

#[test]
fn a_hung_device_is_an_error() {
    let adapter = common::adapter();
    if !adapter.get_info().name.contains("SwiftShader") {
        return println!("not run on {}", adapter.get_info().name);
    }
    let start = Instant::now();
    let mut gpu = Gpu::open(&adapter, false).unwrap();
    gpu.set_patience(Duration::from_secs(1));
    let id = gpu.load(&endless()).unwrap();
    let error = gpu.run(id, 1).and_then(|()| gpu.wait()).unwrap_err().to_string();
    assert!(error.contains("is hung: no answer for 1 s"), "{error}");
    drop(gpu);
    assert!(start.elapsed() < Duration::from_secs(60), "something waited for it");
}
