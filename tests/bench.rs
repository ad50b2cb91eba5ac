//! What `saddle bench` measures.

use std::{collections::BTreeSet, fs, path::Path};

use saddle::{
    bench::CASES,
    cpu::Cpu,
    engine::{Engine, Plans},
    kernels::Caps,
    models,
    plan::plan,
    program::Program,
    runner::Runner,
    session,
    settings::{Layer, Settings},
};

/// All kernels but those that only measure the device, by the files that they live in.
#[test]
fn every_kernel_is_in_a_measured_round() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/kernels");
    let paths = folder.read_dir().unwrap().map(|entry| entry.unwrap().path());
    let kernels = paths.filter(|path| fs::read_to_string(path).unwrap().contains("impl Spec for"));
    let mut kernels: BTreeSet<String> =
        kernels.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect();
    kernels.retain(|name| !name.ends_with("multiply_add"));
    for case in CASES {
        let planned = case.plan(&Caps::default()).unwrap();
        kernels.retain(|name| planned.programs().flat_map(|p| &p.launches).all(|launch| launch.kernel.name() != name));
    }
    assert!(kernels.is_empty(), "in no round of `bench::CASES`: {kernels:?}");
}

/// A program without the launches that only the columns for health need.
fn without_health(program: &Program) -> Program {
    let launches = program.launches.iter().filter(|launch| launch.every == 1).cloned().collect();
    Program { launches, ..program.clone() }
}

/// Processor time of this process, in nanoseconds.
fn spent() -> u64 {
    let tasks = fs::read_dir("/proc/self/task").unwrap().map(|task| task.unwrap().path().join("schedstat"));
    let first = |text: String| text.split(' ').next().and_then(|word| word.parse::<u64>().ok());
    tasks.filter_map(|path| fs::read_to_string(path).ok().and_then(first)).sum()
}

/// `RAYON_NUM_THREADS=1 cargo test --release --test bench -- --ignored --nocapture`: processor time, so that others on
/// the machine disturb little.
#[test]
#[ignore = "half a minute of a core, on Linux"]
fn the_columns_for_health_take_a_hundredth_of_a_round_at_most() {
    let mut layer = Layer::default();
    layer.assign("variant=gan").unwrap();
    let gan = Settings::resolve(&models::menu(), &[layer]).unwrap();
    let set = session::open_data(&gan).unwrap();
    let model = models::variant("gan").unwrap().model(&gan, &session::examples(&set)).unwrap();
    let with = plan(model.round(), &Cpu::caps(), Some(session::layout(&set))).unwrap();
    let without = without_health(&with);
    assert_eq!(with.launches.len() - without.launches.len(), 6);
    let mut engines = [without, with].map(|program| {
        let mut runner: Box<dyn Runner> = Box::new(Cpu::new());
        session::upload(runner.as_mut(), &set).unwrap();
        let mut engine = Engine::new(runner, Plans(vec![("round".into(), program)]), 0).unwrap();
        engine.run("round", 20).unwrap();
        engine
    });
    let mut ratios: Vec<f64> = (0..60)
        .map(|_| {
            let [without, with] = engines.each_mut().map(|engine| {
                let start = spent();
                engine.start("round", 20).unwrap();
                (spent() - start) as f64
            });
            with / without
        })
        .collect();
    ratios.sort_by(f64::total_cmp);
    println!("with the columns for health a round takes {:.4} of the time", ratios[ratios.len() / 2]);
    assert!(ratios[ratios.len() / 2] < 1.01);
}
