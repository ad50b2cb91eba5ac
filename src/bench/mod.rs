//! How fast a device is: its own ceilings, whole rounds, and the kernels of these rounds beside the ceilings.

mod compare;
mod kernels;
mod report;
mod rounds;

pub use compare::{compared, html, table};
pub use kernels::{Kind, kinds};
pub use report::{Ceilings, KernelTime, Report, RoundTime, SCHEMA, Spread, Subject};
pub use rounds::{CASES, Case, Planned};

use std::time::Instant;

use crate::{
    error::Result,
    graph::Graph,
    kernels::{Caps, Kernel, Matrix, MatrixMultiplyAdd, MultiplyAdd},
    plan::plan,
    program::{Buffer, Content, Launch, Program, Slice},
    runner::Runner,
};

/// Number of measurements in a median.
const SAMPLES: usize = 5;
/// Elements of a copy: four times 64 MiB are beyond every cache.
const COPIED: usize = 1 << 26;

/// How long to measure.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Seconds of one measurement; a median is taken of five.
    pub seconds: f64,
    /// Time limit in seconds: past it, only the first measurement is made.
    pub limit: f64,
}

/// Opens a device: called for each part, so that each starts with nothing loaded.
pub type Open<'a> = &'a dyn Fn() -> Result<(Box<dyn Runner>, Caps)>;

/// Seconds per iteration of `run(n)`, which performs n iterations and returns their total seconds. The first run does
/// not count.
fn measure(effort: Effort, mut run: impl FnMut(usize) -> Result<f64>) -> Result<Spread> {
    let begun = Instant::now();
    run(1)?;
    let once = run(1)?.max(1e-9);
    let times = (effort.seconds / once).clamp(1.0, 1e5) as usize;
    let mut samples = if times == 1 { vec![once] } else { vec![] };
    while samples.is_empty() || (samples.len() < SAMPLES && begun.elapsed().as_secs_f64() < effort.limit) {
        samples.push(run(times)? / times as f64);
    }
    Ok(Spread::of(samples))
}

/// Times a program's first launch, among others of its kind and with nothing else on the device: seconds.
fn time(open: Open, effort: Effort, program: &Program) -> Result<Spread> {
    let mut runner = open()?.0;
    let id = runner.load(program)?;
    measure(effort, |times| Ok(runner.time(id, 0, times)?.as_secs_f64()))
}

/// Measures the ceilings of a device.
pub fn ceilings(open: Open, effort: Effort) -> Result<Ceilings> {
    let caps = open()?.1;
    let work = arithmetic(&caps)?;
    let len = COPIED.min(caps.max_binding as usize / 4);
    let copied = doubled(&caps, len)?;
    let small = doubled(&caps, 1)?;
    let (mut runner, _) = open()?;
    let id = runner.load(&small)?;
    let mut host = |what: &dyn Fn(&mut dyn Runner) -> Result<()>| {
        let run = |times| {
            let start = Instant::now();
            (0..times).try_for_each(|_| what(runner.as_mut()))?;
            Ok(start.elapsed().as_secs_f64())
        };
        Ok(measure(effort, run)?.median * 1e6)
    };
    let rate = |work: &Program| Ok(work.cost().flops / time(open, effort, work)?.median / 1e9);
    let half = MultiplyAdd { len: 1 << 18, rounds: 256, half: true };
    let matrix = caps.matrices.iter().map(|&matrix| rate(&matrix_arithmetic(matrix))).collect::<Result<Vec<f64>>>()?;
    Ok(Ceilings {
        multiply_add: rate(&work)?,
        half: if caps.half { Some(rate(&alone(half))?) } else { None },
        matrix: matrix.into_iter().reduce(f64::max),
        bandwidth: 8.0 * len as f64 / time(open, effort, &copied)?.median / 1e9,
        dispatch: time(open, effort, &small)?.median * 1e6,
        submit: host(&|runner| runner.run(id, 1).and_then(|()| runner.wait()))?,
        read_back: host(&|runner| runner.read_output(id, "y").map(drop))?,
    })
}

/// y = 2 x with `len` elements, in one launch.
fn doubled(caps: &Caps, len: usize) -> Result<Program> {
    let graph = Graph::new();
    graph.output("y", graph.input("x", &[len]) * 2.0);
    plan(&graph, caps, None)
}

/// A program that measures the rate of multiply-adds: a kernel that does nothing else, or, on a processor, a large
/// product, because the CPU runner uses vectors in products and not in that kernel.
fn arithmetic(caps: &Caps) -> Result<Program> {
    if !caps.runs_shaders {
        let graph = Graph::new();
        let [a, b] = ["a", "b"].map(|name| graph.input(name, &[1024, 1024]));
        graph.output("y", a.matmul(b));
        return plan(&graph, caps, None);
    }
    Ok(alone(MultiplyAdd { len: 1 << 18, rounds: 256, half: false }))
}

/// Matrix units at work, and nothing else.
fn matrix_arithmetic(matrix: Matrix) -> Program {
    alone(MatrixMultiplyAdd { matrix, groups: 1024, rounds: 1024 })
}

/// A kernel that only reads and writes floats, as a program.
fn alone(kernel: impl Into<Kernel>) -> Program {
    let kernel = kernel.into();
    let buffers = kernel.buffers();
    let lens = [buffers.reads, buffers.writes].concat();
    let bindings = lens.iter().enumerate().map(|(buffer, &len)| Slice { buffer, offset: 0, len }).collect();
    let launches = vec![Launch { bindings, label: kernel.name().into(), kernel, operands: vec![], every: 1 }];
    let buffers = lens.into_iter().map(|len| Buffer { content: Content::Constant(0.5), len }).collect();
    Program { buffers, launches, ..Default::default() }
}
