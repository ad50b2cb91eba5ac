//! How fast a device is: its own ceilings, every launch of every variant's round beside them, and whole rounds.

mod compare;
mod report;

pub use compare::{compared, html, table};
pub use report::{Ceilings, LaunchTime, Report, RoundTime, SCHEMA, Spread};

use std::time::Instant;

use crate::{
    engine::{Engine, Plans},
    error::Result,
    graph::Graph,
    kernels::{Caps, MultiplyAdd},
    models,
    plan::plan,
    program::{Buffer, Content, Program, Range, Step},
    runner::Runner,
    session,
    settings::{Layer, Settings},
};

/// A round that is measured.
pub struct Case {
    /// What it is called.
    pub name: &'static str,
    variant: &'static str,
    settings: &'static [&'static str],
}

/// The nets that other systems are timed with, and the other variants as they come.
pub const CASES: &[Case] = &[
    Case { name: "gan", variant: "gan", settings: &[] },
    Case { name: "dcgan", variant: "dcgan", settings: &["width=64", "ema=0"] },
    Case { name: "dcgan-64", variant: "dcgan", settings: &["size=64", "channels=3", "width=64", "ema=0"] },
    Case { name: "ae", variant: "ae", settings: &[] },
    Case { name: "vae", variant: "vae", settings: &[] },
    Case { name: "vae-gan", variant: "vae-gan", settings: &["width=64", "latent=100", "ema=0"] },
    Case { name: "ae-gan", variant: "ae-gan", settings: &[] },
    Case { name: "dbm", variant: "dbm", settings: &[] },
    Case { name: "dbm-gan", variant: "dbm-gan", settings: &[] },
    Case { name: "lstm", variant: "lstm", settings: &[] },
    Case { name: "lstm-gan", variant: "lstm-gan", settings: &["preset=article", "batch=128"] },
    Case { name: "lstm-gan-conv", variant: "lstm-gan", settings: &[] },
    Case { name: "rvae", variant: "rvae", settings: &[] },
    Case { name: "rvae-gan", variant: "rvae-gan", settings: &[] },
];

/// Measurements that a median is taken of.
const SAMPLES: usize = 5;
/// Elements of a copy: four times 64 MiB are beyond every cache.
const COPIED: usize = 1 << 26;

/// How long to measure.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Seconds of one measurement; a median is taken of five.
    pub seconds: f64,
    /// Launches of a round to time one by one, the dearest first; 0: none.
    pub launches: usize,
}

/// Opens a device: called for each part, so that each starts with nothing loaded.
pub type Open<'a> = &'a dyn Fn() -> Result<(Box<dyn Runner>, Caps)>;

/// Times `run`, which does something so many times and says how many seconds that took: seconds for each.
fn measure(effort: Effort, mut run: impl FnMut(usize) -> Result<f64>) -> Result<Spread> {
    run(1)?;
    let once = run(1)?.max(1e-9);
    let times = (effort.seconds / once).clamp(1.0, 1e5) as usize;
    let samples: Result<Vec<f64>> = (0..SAMPLES).map(|_| Ok(run(times)? / times as f64)).collect();
    Ok(Spread::of(samples?))
}

/// What the device can do at most.
pub fn ceilings(open: Open, effort: Effort) -> Result<Ceilings> {
    let caps = open()?.1;
    let work = arithmetic(&caps)?;
    let len = COPIED.min(caps.max_binding as usize / 4);
    let copied = doubled(&caps, len)?;
    let small = doubled(&caps, 1)?;
    let time = |program: &Program| {
        let mut runner = open()?.0;
        let id = runner.load(program)?;
        Ok(measure(effort, |times| Ok(runner.time(id, 0, times)?.as_secs_f64()))?.median)
    };
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
    Ok(Ceilings {
        multiply_add: work.cost().flops / time(&work)? / 1e9,
        bandwidth: 8.0 * len as f64 / time(&copied)? / 1e9,
        dispatch: time(&small)? * 1e6,
        submit: host(&|runner| runner.run(id, 1).and_then(|()| runner.wait()))?,
        read_back: host(&|runner| runner.read_output(id, "y").map(drop))?,
    })
}

/// y = 2 x of so many elements, in one launch.
fn doubled(caps: &Caps, len: usize) -> Result<Program> {
    let graph = Graph::new();
    graph.output("y", graph.input("x", &[len]) * 2.0);
    plan(&graph, caps, None)
}

/// What shows how fast the device multiplies and adds: a kernel that does nothing else; on a processor, whose runner has
/// vectors in its products and not in that, a large product.
fn arithmetic(caps: &Caps) -> Result<Program> {
    if !caps.wide {
        let graph = Graph::new();
        let [a, b] = ["a", "b"].map(|name| graph.input(name, &[1024, 1024]));
        graph.output("y", a.matmul(b));
        return plan(&graph, caps, None);
    }
    let kernel = MultiplyAdd { len: 1 << 18, rounds: 256, half: false };
    let lens = [kernel.len, 2, kernel.len];
    let range = |buffer| Range { buffer, offset: 0, len: lens[buffer] };
    let steps = vec![Step {
        bindings: (0..lens.len()).map(range).collect(),
        kernel: kernel.into(),
        operands: vec![],
        label: "multiply_add".into(),
    }];
    let buffers = lens.into_iter().map(|len| Buffer { content: Content::Constant(0.5), len }).collect();
    Ok(Program { buffers, steps, ..Default::default() })
}

/// The rounds of a case: whole, and launch by launch beside what the device can do.
pub fn round(open: Open, effort: Effort, ceilings: &Ceilings, case: &Case) -> Result<RoundTime> {
    let mut layer = Layer::default();
    layer.set("variant", case.variant, "");
    case.settings.iter().try_for_each(|assignment| layer.assign(assignment))?;
    let settings = Settings::resolve(&models::menu(), &[layer])?;
    let dataset = session::open_data(&settings)?;
    let model = models::variant(case.variant)?.model(&settings, &session::examples(&dataset))?;
    let phase = model.phases.last().expect("a model has a phase").name;
    let from = model.phases.iter().rev().nth(1).map_or(0, |before| before.until);

    let begun = Instant::now();
    let (mut runner, caps) = open()?;
    let plans = Plans::new([(phase, model.round())], &caps, Some(session::layout(&dataset)))?;
    session::upload(runner.as_mut(), &dataset)?;
    let mut engine = Engine::new(runner, plans, settings.seed)?;
    engine.set_clock(from, settings.seed)?;
    engine.run(phase, 1)?;
    let first = begun.elapsed().as_secs_f64();

    let rounds = measure(effort, |times| {
        let start = Instant::now();
        engine.run(phase, times as u64)?;
        Ok(start.elapsed().as_secs_f64())
    })?;
    let encoding = engine.encode_cost(phase)?.map(|cost| cost.as_secs_f64() * 1e6);
    let program = engine.program(phase).expect("it was loaded").clone();
    let launches = launches(&mut engine, phase, &program, effort, ceilings)?;
    Ok(RoundTime {
        name: case.name.into(),
        settings: case.settings.join(" "),
        batch: settings.batch,
        milliseconds: rounds.times(1e3),
        first,
        launches: program.steps.len(),
        gflop: program.cost().flops / 1e9,
        bytes: program.bytes(),
        encoding,
        dearest: launches,
    })
}

/// The dearest launches of a program, equal ones together.
fn launches(
    engine: &mut Engine,
    name: &str,
    program: &Program,
    effort: Effort,
    ceilings: &Ceilings,
) -> Result<Vec<LaunchTime>> {
    // Place of the first of equal launches, and how many there are.
    let mut kinds: Vec<(usize, usize)> = vec![];
    for (i, step) in program.steps.iter().enumerate() {
        match kinds.iter_mut().find(|(first, _)| program.steps[*first].kernel == step.kernel) {
            Some((_, count)) => *count += 1,
            None => kinds.push((i, 1)),
        }
    }
    let least = |i: usize| ceilings.least(program.steps[i].kernel.cost());
    kinds.sort_by(|a, b| (least(b.0) * b.1 as f64).total_cmp(&(least(a.0) * a.1 as f64)));
    let time = |&(i, count): &(usize, usize)| {
        let (step, cost) = (&program.steps[i], program.steps[i].kernel.cost());
        let seconds = measure(effort, |times| Ok(engine.time(name, i, times)?.as_secs_f64()))?;
        Ok(LaunchTime {
            kernel: step.kernel.name().into(),
            makes: step.label.clone(),
            count,
            milliseconds: seconds.times(1e3),
            gflops: cost.flops / seconds.median / 1e9,
            gigabytes: cost.bytes / seconds.median / 1e9,
            share: least(i) / seconds.median,
        })
    };
    kinds.iter().take(effort.launches).map(time).collect()
}
