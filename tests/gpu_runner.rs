//! The GPU runner on small programs made by hand.
mod common;

use std::time::Duration;

use saddle::{
    cpu::Cpu,
    engine::{Engine, Plans},
    gpu::Gpu,
    graph::Graph,
    kernels::{
        Chain, Clock, Index, Kernel, Pointwise, Record, Tick,
        chain::{Code, Instr},
    },
    plan::plan,
    program::{Buffer, Content, Launch, Output, Program, Slice},
    runner::{Runner, Tuning},
};

const LEN: usize = 300;

fn gpu() -> Gpu {
    Gpu::open(&common::adapter(), cfg!(debug_assertions)).unwrap()
}

fn range(buffer: usize, len: usize) -> Slice {
    Slice { buffer, offset: 0, len }
}

fn buffer(content: Content, len: usize) -> Buffer {
    Buffer { content, len }
}

fn state(len: usize) -> Buffer {
    buffer(Content::State("net".into()), len)
}

fn step(kernel: impl Into<Kernel>, bindings: Vec<Slice>, operands: Vec<Slice>, label: &str) -> Launch {
    Launch { kernel: kernel.into(), bindings, operands, label: label.into(), every: 1 }
}

/// y = code(y, x or c), in place.
fn in_place(code: Code, c: f32, operand: bool, len: usize) -> Pointwise {
    let operands = if operand { vec![Index::default()] } else { vec![] };
    let instr = Instr { code, a: 0, b: operand as usize, c: c.to_bits() };
    Pointwise { len, in_place: true, chain: Chain::new(operands, vec![instr]) }
}

/// A round that adds an input to a state, records the state's first two elements and ticks.
fn counting(rows: usize) -> Program {
    Program {
        buffers: vec![
            state(LEN),
            buffer(Content::Input("x".into()), LEN),
            buffer(Content::Clock, 4),
            buffer(Content::Ring, 2 * rows),
        ],
        launches: vec![
            step(in_place(Code::Add, 0.0, true, LEN), vec![range(0, LEN)], vec![range(1, LEN)], "net += x"),
            step(
                Record { count: 2, stride: 1, rows },
                vec![range(0, 2), range(2, 4), range(3, 2 * rows)],
                vec![],
                "metrics",
            ),
            step(Tick {}, vec![range(2, 4)], vec![], "tick"),
        ],
        metrics: vec!["first".into(), "second".into()],
        ..Default::default()
    }
}

/// Doubles a copy of the state: another program on the same state, without a clock.
fn doubling() -> Program {
    let copy = Pointwise { len: LEN, in_place: false, chain: Chain::new(vec![Index::default()], vec![]) };
    let twice = Instr { code: Code::MulC, a: 1, b: 0, c: 2f32.to_bits() };
    let copy = Pointwise { chain: Chain { instrs: vec![twice], ..copy.chain }, ..copy };
    Program {
        buffers: vec![state(LEN), buffer(Content::Slot, LEN), buffer(Content::Constant(0.5), LEN)],
        launches: vec![
            step(copy, vec![range(1, LEN)], vec![range(0, LEN)], "2 net"),
            step(in_place(Code::Add, 0.0, true, LEN), vec![range(1, LEN)], vec![range(2, LEN)], "+ 0.5"),
        ],
        outputs: vec![Output { name: "y".into(), shape: vec![LEN], range: range(1, LEN) }],
        ..Default::default()
    }
}

fn ramp() -> Vec<f32> {
    (0..LEN).map(|i| i as f32).collect()
}

#[test]
fn a_hundred_rounds_in_few_submissions() {
    let mut gpu = gpu();
    let id = gpu.load(&counting(128)).unwrap();
    gpu.write_input(id, "x", &ramp()).unwrap();
    gpu.write_state("net", 0, &vec![1.0; LEN]).unwrap();
    gpu.run(id, 100).unwrap();
    assert_eq!(gpu.clock(), 100);
    let net = gpu.read_state("net", 0, LEN).unwrap();
    assert!(net.iter().enumerate().all(|(i, &y)| y == 1.0 + 100.0 * i as f32));
    assert_eq!(gpu.read_state("net", 64, 2).unwrap(), [6401.0, 6501.0]);
    let rows = gpu.metrics(id).unwrap();
    let want: Vec<Vec<f32>> = (1..=100).map(|k| vec![1.0, 1.0 + k as f32]).collect();
    assert_eq!(rows, want);
    assert!(gpu.metrics(id).unwrap().is_empty());
}

#[test]
fn a_small_ring_loses_no_row() {
    let mut gpu = gpu();
    let id = gpu.load(&counting(7)).unwrap();
    gpu.write_input(id, "x", &ramp()).unwrap();
    gpu.run(id, 3).unwrap();
    gpu.run(id, 30).unwrap();
    let rows = gpu.metrics(id).unwrap();
    assert_eq!(rows.iter().map(|r| r[1]).collect::<Vec<_>>(), (1..=33).map(|k| k as f32).collect::<Vec<_>>());
    gpu.run(id, 1).unwrap();
    assert_eq!(gpu.metrics(id).unwrap(), [[0.0, 34.0]]);
}

#[test]
fn the_clock_can_be_set() {
    let mut gpu = gpu();
    let id = gpu.load(&counting(7)).unwrap();
    gpu.write_input(id, "x", &ramp()).unwrap();
    gpu.set_clock(Clock { step: 1000, seed: 1 }).unwrap();
    gpu.run(id, 5).unwrap();
    gpu.set_clock(Clock { step: 3, seed: 1 }).unwrap();
    gpu.run(id, 2).unwrap();
    assert_eq!(gpu.clock(), 5);
    assert_eq!(gpu.metrics(id).unwrap().iter().map(|r| r[1]).collect::<Vec<_>>(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
}

#[test]
fn programs_share_states_and_the_clock() {
    let mut gpu = gpu();
    let (count, other) = (gpu.load(&counting(64)).unwrap(), gpu.load(&counting(5)).unwrap());
    let double = gpu.load(&doubling()).unwrap();
    gpu.write_input(count, "x", &ramp()).unwrap();
    gpu.write_input(other, "x", &vec![100.0; LEN]).unwrap();
    gpu.run(count, 3).unwrap();
    gpu.run(double, 2).unwrap();
    let y = gpu.read_output(double, "y").unwrap();
    assert!(y.iter().enumerate().all(|(i, &y)| y == 6.0 * i as f32 + 0.5));
    gpu.run(other, 2).unwrap();
    gpu.run(count, 1).unwrap();
    assert_eq!(gpu.clock(), 6);
    assert_eq!(gpu.metrics(count).unwrap(), [[0.0, 1.0], [0.0, 2.0], [0.0, 3.0], [200.0, 204.0]]);
    assert_eq!(gpu.metrics(other).unwrap(), [[100.0, 103.0], [200.0, 203.0]]);
}

#[test]
fn results_do_not_depend_on_the_pace() {
    let run = |target: Duration| {
        let mut gpu = gpu();
        gpu.set_submission_time(target);
        let id = gpu.load(&counting(16)).unwrap();
        gpu.write_input(id, "x", &common::Rng(3).uniform(LEN, -1.0, 1.0)).unwrap();
        gpu.run(id, 200).unwrap();
        (gpu.read_state("net", 0, LEN).unwrap(), gpu.metrics(id).unwrap())
    };
    assert_eq!(run(Duration::from_micros(1)), run(Duration::from_secs(1)));
}

#[track_caller]
fn refused<T>(result: saddle::error::Result<T>, parts: &[&str]) {
    let Err(e) = result else { panic!("accepted, but {parts:?}") };
    let text = e.to_string();
    assert!(parts.iter().all(|part| text.contains(part)), "{parts:?} are not all in: {text}");
}

#[test]
fn bad_calls_are_errors() {
    let mut gpu = gpu();
    let id = gpu.load(&counting(4)).unwrap();
    refused(gpu.write_state("nut", 0, &[1.0]), &["nut"]);
    refused(gpu.write_state("net", LEN, &[1.0]), &["net", "300"]);
    refused(gpu.read_state("net", usize::MAX, 2), &["net"]);
    refused(gpu.write_input(id, "y", &[1.0]), &["`y`"]);
    refused(gpu.write_input(id, "x", &[1.0]), &["`x`", "300"]);
    refused(gpu.read_output(id, "y"), &["`y`"]);
    refused(gpu.run(saddle::runner::ProgramId(9), 1), &["9"]);
}

#[test]
fn bad_programs_are_errors_that_name_the_step() {
    let mut gpu = gpu();
    let mut aliased = doubling();
    aliased.launches[1].operands[0] = range(1, LEN);
    refused(gpu.load(&aliased), &["+ 0.5 (pointwise)"]);
    let mut missing = doubling();
    missing.launches[1].operands[0] = range(77, LEN);
    refused(gpu.load(&missing), &["+ 0.5 (pointwise)", "77"]);
    let mut unaligned = doubling();
    unaligned.launches[0].bindings[0] = Slice { buffer: 1, offset: 1, len: 8 };
    refused(gpu.load(&unaligned), &["2 net (pointwise)"]);
    let mut long = doubling();
    long.launches[0].operands[0] = range(0, LEN + 64);
    refused(gpu.load(&long), &["2 net (pointwise)"]);
    let mut data = doubling();
    data.buffers.push(buffer(Content::Items, 8));
    refused(gpu.load(&data), &["data set"]);
    let mut larger = doubling();
    larger.buffers[0] = state(2 * LEN);
    gpu.load(&doubling()).unwrap();
    refused(gpu.load(&larger), &["net", "600"]);
    let mut huge = doubling();
    huge.buffers[1].len = 1 << 40;
    refused(gpu.load(&huge), &["2 net (pointwise), 4194304.0 MiB", "holds at most"]);
    gpu.load(&doubling()).unwrap();
}

#[test]
fn unknown_adapters_are_answered_with_all() {
    refused(saddle::gpu::choose(Some("lavapip")).map(|_| ()), &["lavapip", "no such adapter", "0: ", "cpu"]);
    refused(saddle::gpu::choose(Some("99")).map(|_| ()), &["99", "cpu"]);
    assert!(matches!(saddle::gpu::choose(Some("CPU")), Ok(saddle::gpu::Choice::Cpu { .. })));
    assert!(matches!(saddle::gpu::choose(Some("0")), Ok(saddle::gpu::Choice::Gpu { .. })));
    let (listed, reason) = saddle::gpu::list().unwrap();
    assert!(!listed.is_empty() && !reason.is_empty());
    println!("{listed:#?} {reason}");
}

#[test]
fn a_lost_device_is_an_error() {
    let mut gpu = gpu();
    let id = gpu.load(&counting(8)).unwrap();
    gpu.run(id, 3).unwrap();
    gpu.device().raw.destroy();
    refused(gpu.run(id, 3).and_then(|()| gpu.wait()), &["lost"]);
    refused(gpu.read_state("net", 0, LEN), &["lost"]);
}

#[test]
fn what_is_measured_seldom_stays_until_it_is_measured_again() {
    let graph = Graph::new();
    let twice = graph.clock() * 2.0;
    graph.seldom_metric("seldom", graph.clock() * 3.0);
    graph.metric("always", twice);
    graph.seldom_metric("both", twice);
    let program = plan(&graph, &Cpu::caps(), None).unwrap();
    let runners: [Box<dyn Runner>; 2] = [Box::new(Cpu::new()), Box::new(gpu())];
    for runner in runners {
        let plans = Plans(vec![("round".into(), program.clone())]);
        let mut engine = Engine::new(runner, plans, 0).unwrap();
        // Two sequences of rounds, the second after a step back; each begins with values of its own.
        for begin in [7u8, 3] {
            engine.set_clock(Clock { step: begin.into(), seed: 0 }).unwrap();
            let rows = [engine.run("round", 2).unwrap(), engine.run("round", 14).unwrap()].concat();
            for (row, step) in rows.iter().zip(begin..) {
                let measured = begin.max(step / 10 * 10);
                assert_eq!(row[..], [measured * 3, step * 2, measured * 2].map(f32::from), "step {step}");
            }
        }
    }
}
