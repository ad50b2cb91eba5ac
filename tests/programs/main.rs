//! Random programs over the whole op set, planned for both kinds of device and run on both runners, against the f64
//! interpreter of their graphs.
//!
//! The tolerance comes from further runs of the interpreter in which every result is changed slightly, as by rounding:
//! an output may be as far from the exact one as in these runs, with a margin. Programs that cannot be decided in this
//! way (rounding could change a sign or a maximum, or most digits are lost) are not judged.
//!
//! SADDLE_PROGRAMS sets how many run on the CPU runner, SADDLE_PROGRAMS_FROM the first seed.

#[path = "../common/mod.rs"]
mod common;
mod maker;

use std::{
    collections::HashMap,
    fmt::Write,
    panic::{AssertUnwindSafe, catch_unwind},
};

use common::{EPS, Rng};
use maker::make;
use saddle::{
    cpu::Cpu,
    gpu::Gpu,
    graph::{Graph, Map, Op, Var, numel},
    kernels::Caps,
    plan::plan,
    reference::Reference,
    runner::Runner,
};

/// Largest magnitude of values; larger ones are left to other tests.
const HUGE: f64 = 1e4;
/// A result that rounding changes by more than this, relative to the tensor, decides nothing.
const VAGUE: f64 = 1e-2;
/// Number of runs with simulated rounding.
const ROUNDED: u64 = 3;

/// Contents of inputs and states by name, exact in f32.
fn contents(graph: &Graph, seed: u64) -> (HashMap<String, Vec<f32>>, Vec<f32>) {
    let mut rng = Rng(!seed);
    let mut inputs = HashMap::new();
    for node in graph.nodes() {
        if let Op::Input(name) = node.op {
            inputs.insert(name, rng.uniform(numel(&node.shape), -1.0, 1.0));
        }
    }
    let len = graph.groups().first().map_or(0, |g| g.len);
    (inputs, rng.uniform(len, -1.0, 1.0))
}

/// Copies the graph to `off` with each rounded result multiplied by an input. Returns the copy of each node.
fn with_factors<'r>(graph: &Graph, off: &'r Graph) -> Vec<Var<'r>> {
    for group in graph.groups() {
        let id = off.group(&group.name);
        for item in &group.items {
            off.state(id, &item.name, &item.shape, item.init);
        }
    }
    let mut map: Vec<Var> = vec![];
    for (id, node) in graph.nodes().iter().enumerate() {
        let inputs: Vec<Var> = node.inputs.iter().map(|&i| map[i]).collect();
        let t = off.node(node.op.clone(), &inputs, node.shape.clone());
        // Multiplication by a power of two is exact, and so are operations that move or select elements.
        let exact = |i: usize| graph.at(node.inputs[i]).constant().is_some_and(|c| c.abs().log2().fract() == 0.0);
        let rounds = match node.op {
            Op::Mul => !exact(0) && !exact(1),
            Op::Map(Map::IsPositive | Map::Abs | Map::Clamp(_)) => false,
            Op::Add | Op::Map(_) | Op::Sum(_) | Op::Contract { .. } | Op::Composite(_) => true,
            // Leaves get a factor, too, because sums of leaves lose digits.
            Op::Input(_) | Op::State { .. } => true,
            _ => false,
        };
        let factor = || off.node(Op::Input(format!("factor {id}")), &[], node.shape.clone());
        map.push(if rounds { off.node(Op::Mul, &[t, factor()], node.shape.clone()) } else { t });
    }
    map
}

enum Verdict {
    Agrees,
    Undecided,
    /// Refused with this sentence.
    Refused(String),
    Wrong(String),
}

/// Compares the outputs of a program on a runner with those of the interpreter.
fn judge(graph: &Graph, seed: u64, caps: &Caps, runner: &mut dyn Runner, rounding: f64) -> Verdict {
    let (inputs, states) = contents(graph, seed);
    let exact = |values: &[f32]| values.iter().map(|&v| f64::from(v)).collect::<Vec<f64>>();
    let start = || Reference {
        inputs: inputs.iter().map(|(name, values)| (name.clone(), exact(values))).collect(),
        states: HashMap::from([("s".to_string(), exact(&states))]),
        ..Default::default()
    };
    let want = start().run(graph);
    let nodes = graph.nodes();
    let scale = |values: &[f64]| values.iter().fold(1e-3, |a: f64, b| a.max(b.abs()));
    if want.iter().flatten().any(|v| v.is_nan() || v.abs() > HUGE) {
        return Verdict::Undecided;
    }
    let off = Graph::new();
    let map = with_factors(graph, &off);
    let mut allowed = vec![0.0f64; nodes.len()];
    for n in 0..ROUNDED {
        let mut rng = Rng(seed ^ (n + 1) << 40);
        let mut reference = start();
        for node in off.nodes() {
            if let Op::Input(name) = node.op
                && !reference.inputs.contains_key(&name)
            {
                let factors = rng.uniform(numel(&node.shape), -1.0, 1.0);
                reference.inputs.insert(name, factors.iter().map(|&f| 1.0 + rounding * f64::from(f)).collect());
            }
        }
        let values = reference.run(&off);
        for (id, node) in nodes.iter().enumerate() {
            let rounded = &values[map[id].id()];
            let turns = |a: f64, b: f64, at: f64| (a > at) != (b > at);
            let kink = match node.op {
                Op::Map(Map::IsPositive | Map::Abs | Map::Leaky(_)) => Some(0.0),
                Op::Map(Map::Clamp(c)) => Some(c.get()),
                _ => None,
            };
            if let Some(at) = kink {
                let (a, b) = (&want[node.inputs[0]], &values[map[node.inputs[0]].id()]);
                if a.iter().zip(b).any(|(a, b)| turns(*a, *b, at) || turns(*a, *b, -at)) {
                    return Verdict::Undecided;
                }
            }
            let moved = want[id].iter().zip(rounded).fold(0.0, |most: f64, (a, b)| most.max((a - b).abs()));
            allowed[id] = allowed[id].max(moved);
        }
    }
    let program = match plan(graph, caps, None) {
        Ok(program) => program,
        // A gradient can need the old value of a state.
        Err(e) if e.to_string().contains("after it was overwritten") => return Verdict::Undecided,
        Err(e) => return Verdict::Refused(e.to_string()),
    };
    let mut run = || -> saddle::error::Result<Verdict> {
        let id = runner.load(&program)?;
        for (name, values) in inputs.iter().filter(|(name, _)| program.input(name).is_some()) {
            runner.write_input(id, name, values)?;
        }
        let held = program.items.iter().map(|item| item.offset + numel(&item.shape)).max();
        if let Some(held) = held {
            runner.write_state("s", 0, &states[..held])?;
        }
        runner.run(id, 1)?;
        for (name, node) in graph.outputs() {
            let (got, want) = (runner.read_output(id, &name)?, &want[node]);
            let largest = scale(want);
            if allowed[node] > VAGUE * largest {
                return Ok(Verdict::Undecided);
            }
            let allowed = 8.0 * allowed[node] + 4.0 * EPS * largest;
            if let Some(i) = (0..want.len()).find(|&i| got[i].is_nan() || (f64::from(got[i]) - want[i]).abs() > allowed)
            {
                let (got, want) = (got[i], want[i]);
                return Ok(Verdict::Wrong(format!("{name}[{i}] is {got}, not {want} within {allowed:e}\n{program}")));
            }
        }
        Ok(Verdict::Agrees)
    };
    run().unwrap_or_else(|e| Verdict::Wrong(e.to_string()))
}

/// Judges the programs of these seeds, and panics at the end if any was refused or wrong. Prints how many were judged.
fn all(
    seeds: impl Iterator<Item = u64>,
    longest: usize,
    trigonometry: bool,
    on: &mut dyn FnMut(&Graph, u64) -> Verdict,
) {
    let [mut count, mut undecided, mut refused, mut wrong] = [0; 4];
    let mut first = String::new();
    for seed in seeds {
        let (graph, mut said) = (Graph::new(), String::new());
        let length = 2 + (seed as usize * 7) % (longest - 1);
        let verdict = catch_unwind(AssertUnwindSafe(|| {
            said = make(&graph, seed, length, trigonometry);
            on(&graph, seed)
        }));
        count += 1;
        let number = if matches!(verdict, Ok(Verdict::Refused(_))) { refused } else { wrong };
        let what = match verdict {
            Ok(Verdict::Agrees) => continue,
            Ok(Verdict::Undecided) => {
                undecided += 1;
                continue;
            }
            Ok(Verdict::Refused(sentence)) => {
                refused += 1;
                sentence
            }
            Ok(Verdict::Wrong(what)) => {
                wrong += 1;
                what
            }
            Err(panic) => {
                wrong += 1;
                let text = panic.downcast_ref::<String>().cloned();
                format!(
                    "panicked: {}",
                    text.or(panic.downcast_ref::<&str>().map(std::string::ToString::to_string)).unwrap_or_default()
                )
            }
        };
        if number < 3 {
            write!(first, "\nprogram {seed}: {what}\n{said}").unwrap();
        }
    }
    println!("{count} programs: {undecided} undecided, {refused} refused, {wrong} wrong");
    assert!(refused + wrong == 0, "of {count} programs, {refused} refused, {wrong} wrong:{first}");
    assert!(2 * undecided < count, "{undecided} of {count} programs say nothing");
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |v| v.parse().unwrap())
}

#[test]
fn random_programs_are_right_on_the_cpu() {
    let (first, count) = (number("SADDLE_PROGRAMS_FROM", 0), number("SADDLE_PROGRAMS", 3000));
    all(first..first + count, 24, true, &mut |graph, seed| {
        let gpu = seed % 2 == 1;
        let caps = Caps { needs_many_workgroups: gpu, launches_are_expensive: gpu, runs_shaders: gpu, ..Cpu::caps() };
        judge(graph, seed, &caps, &mut Cpu::new(), 4.0 * EPS)
    });
}

#[test]
fn random_programs_are_right_on_the_adapter() {
    let adapter = common::adapter();
    all(0..24, 10, false, &mut |graph, seed| {
        // On an adapter, tanh and logarithms may be off by about 1e-5.
        let mut gpu = Gpu::open(&adapter, false).unwrap_or_else(|e| panic!("{e}"));
        let caps = gpu.device().caps.clone();
        judge(graph, seed, &caps, &mut gpu, 64.0 * EPS)
    });
}
