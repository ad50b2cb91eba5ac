//! ONNX's own backend test cases (Apache-2.0): each is built as a graph, planned and run, with ONNX's tolerance.
//!
//! The cases are `onnx/backend/test/data` of the Python package: `pip download onnx==1.22.0 --no-deps`, unzip that
//! folder of the wheel, and put it at `onnx-cases/` or where SADDLE_ONNX_CASES says. SADDLE_ONNX_GPU=1 runs them on a
//! GPU adapter too.

#[path = "../common/mod.rs"]
mod common;
mod convolutions;
mod operations;
mod proto;
mod recurrent;

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use operations::{Operation, Value};
use proto::{Model, Tensor, Values};
use saddle::{
    cpu::Cpu,
    gpu::Gpu,
    graph::{Graph, numel},
    kernels::Caps,
    plan::plan,
    runner::Runner,
};

/// The tolerances of ONNX's own backend tests.
const RELATIVE: f32 = 1e-3;
const ABSOLUTE: f32 = 1e-7;
/// Number of cases of onnx 1.22.0 that pass; a smaller number is a regression.
const KNOWN: usize = 345;

/// The result of a case.
enum Outcome {
    Passed,
    Failed(String),
    /// The graph cannot express the case, for this reason.
    OutOfScope(String),
}

fn folder() -> PathBuf {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("onnx-cases");
    std::env::var_os("SADDLE_ONNX_CASES").map_or(default, PathBuf::from)
}

fn sorted(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = folder.read_dir().into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

/// The tensors `input_0.pb`, `input_1.pb`, .. of a data set, or `output_..`; `None` if a file is no tensor.
fn tensors(set: &Path, side: &str) -> Option<Vec<Tensor>> {
    let files = (0..).map(|i| set.join(format!("{side}_{i}.pb"))).take_while(|path| path.exists());
    files.map(|path| Tensor::parse(&fs::read(path).unwrap())).collect()
}

fn case(model: &Model, set: &Path, runner: &mut dyn Runner, caps: &Caps) -> Outcome {
    let (Some(inputs), Some(wanted)) = (tensors(set, "input"), tensors(set, "output")) else {
        return Outcome::OutOfScope("not a tensor".into());
    };
    let graph = Graph::new();
    let given: Vec<&String> =
        model.inputs.iter().filter(|name| model.constants.iter().all(|c| c.name != **name)).collect();
    let given = given.into_iter().zip(&inputs).map(|(name, tensor)| (name.clone(), tensor));
    let all: Vec<(String, &Tensor)> = given.chain(model.constants.iter().map(|c| (c.name.clone(), c))).collect();
    let mut values: HashMap<String, Value> = HashMap::new();
    for (name, tensor) in &all {
        match Value::of(&graph, name, tensor) {
            Ok(value) => values.insert(name.clone(), value),
            Err(reason) => return Outcome::OutOfScope(reason),
        };
    }
    for node in &model.nodes {
        let operation = Operation { node, opset: model.opset, graph: &graph, values: &values };
        match operation.results() {
            Ok(results) => values.extend(node.outputs.iter().cloned().zip(results)),
            Err(reason) => return Outcome::OutOfScope(reason),
        }
    }
    for (name, want) in model.outputs.iter().zip(&wanted) {
        match (&values[name], &want.values) {
            (Value::Tensor(t), Values::Floats(_)) if t.shape() == want.shape => graph.output(name, *t),
            (Value::Tensor(t), Values::Floats(_)) => {
                return Outcome::Failed(format!("{name} has shape {:?}, not {:?}", t.shape(), want.shape));
            }
            _ => return Outcome::OutOfScope("not of floats".into()),
        }
    }
    let program = match plan(&graph, caps, None) {
        Ok(program) => program,
        Err(e) => return Outcome::Failed(e.to_string()),
    };
    let id = runner.load(&program).unwrap();
    for (name, tensor) in &all {
        let wanted = program.buffers.iter().any(|b| b.content == saddle::program::Content::Input(name.clone()));
        if let (Values::Floats(data), true) = (&tensor.values, wanted) {
            runner.write_input(id, name, data).unwrap();
        }
    }
    runner.run(id, 1).unwrap();
    for (name, want) in model.outputs.iter().zip(&wanted) {
        let (Values::Floats(want), got) = (&want.values, runner.read_output(id, name).unwrap()) else { continue };
        let close =
            |x: f32, y: f32| x == y || (x.is_nan() && y.is_nan()) || (x - y).abs() <= ABSOLUTE + RELATIVE * y.abs();
        if let Some(i) = (0..want.len()).find(|&i| !close(got[i], want[i])) {
            return Outcome::Failed(format!("{name}[{i}] is {}, not {}", got[i], want[i]));
        }
    }
    Outcome::Passed
}

/// A row of the printed table.
#[derive(Default)]
struct Row {
    passed: usize,
    failed: usize,
    out_of_scope: BTreeMap<String, usize>,
}

fn run_all(runner: &mut dyn Runner, caps: &Caps) {
    let (mut rows, mut failures): (BTreeMap<String, Row>, Vec<String>) = (BTreeMap::new(), vec![]);
    let folders = ["node", "pytorch-converted", "pytorch-operator", "simple"].map(|name| folder().join(name));
    for path in folders.iter().flat_map(|folder| sorted(folder)) {
        let Some(model) = fs::read(path.join("model.onnx")).ok().and_then(|bytes| Model::parse(&bytes)) else {
            continue;
        };
        let Some(kind) = operations::kind(&model) else { continue };
        for set in sorted(&path).iter().filter(|p| p.is_dir()) {
            let row = rows.entry(kind.clone()).or_default();
            let outcome = catch_unwind(AssertUnwindSafe(|| case(&model, set, runner, caps)));
            match outcome.unwrap_or_else(|_| Outcome::Failed("a panic".into())) {
                Outcome::Passed => row.passed += 1,
                Outcome::OutOfScope(reason) => *row.out_of_scope.entry(reason).or_default() += 1,
                Outcome::Failed(why) => {
                    row.failed += 1;
                    failures.push(format!("{}: {why}", path.file_name().unwrap().to_string_lossy()));
                }
            }
        }
    }
    println!("| operation | supported | passed | out of scope |\n|---|---|---|---|");
    for (kind, row) in &rows {
        let reasons: Vec<String> = row.out_of_scope.iter().map(|(reason, n)| format!("{n} {reason}")).collect();
        println!("| {kind} | {} | {} | {} |", row.passed + row.failed, row.passed, reasons.join(", "));
    }
    let passed: usize = rows.values().map(|r| r.passed).sum();
    let out: usize = rows.values().flat_map(|r| r.out_of_scope.values()).sum();
    println!("| all | {} | {passed} | {out} |", passed + failures.len());
    assert!(failures.is_empty(), "{} cases fail:\n{}", failures.len(), failures.join("\n"));
    assert!(passed >= KNOWN, "{passed} cases pass, fewer than the {KNOWN} that did");
}

/// Whether the cases are present; prints a line if not.
fn present() -> bool {
    let there = folder().join("node").is_dir();
    if !there {
        eprintln!("SKIPPED: no ONNX cases at {}: tests/onnx/main.rs says how to get them", folder().display());
    }
    there
}

#[test]
fn the_cpu_runner_passes_onnx_cases() {
    if present() {
        run_all(&mut Cpu::new(), &Cpu::caps());
    }
}

#[test]
fn the_gpu_runner_passes_onnx_cases() {
    if present() && std::env::var_os("SADDLE_ONNX_GPU").is_some() {
        let mut gpu = Gpu::open(&common::adapter(), false).unwrap_or_else(|e| panic!("{e}"));
        let caps = gpu.device().caps.clone();
        run_all(&mut gpu, &caps);
    }
}

#[test]
fn a_tensor_is_read() {
    // A tensor of shape [2], float data 1 and 2, called x.
    let bytes = [&[8, 2, 16, 1, 34, 8][..], &1f32.to_le_bytes(), &2f32.to_le_bytes(), &[66, 1, b'x']].concat();
    let tensor = Tensor::parse(&bytes).unwrap();
    assert_eq!((tensor.name.as_str(), numel(&tensor.shape)), ("x", 2));
    assert!(matches!(tensor.values, Values::Floats(v) if v == [1.0, 2.0]));
    assert!(Tensor::parse(&bytes[..9]).is_none(), "cut short");
}
