//! Mutation test of barriers: with any barrier of a shader deleted, a kernel test must report a race or a wrong result.
//!
//! Test programs contain the text of the shaders. A mutant is a copy of a test program in which one barrier is replaced
//! by spaces, so nothing is compiled again and the tested code needs no hook. `.ci/races` runs the mutants.
//!
//! Mutants of shaders for matrix units need `SADDLE_TEST_MATRIX_DRIVER`: a program that runs the rest of its command
//! line on a driver that has such units.

use std::{
    collections::BTreeMap,
    env,
    ffi::OsString,
    fs,
    ops::Range,
    path::{Path, PathBuf},
    process::Command,
};

use rayon::prelude::*;

/// Each shader with barriers, and the test (program and name) that runs all branches of the shader.
const TESTS: [(&str, &str, &str); 10] = [
    ("fold", "kernels_reductions", "moments"),
    ("gather", "kernels_data", "examples_and_classes"),
    ("gru", "kernels_recurrent", "gru"),
    ("gru_grad", "kernels_recurrent", "gru_grad"),
    ("lstm", "kernels_recurrent", "lstm"),
    ("lstm_grad", "kernels_recurrent", "lstm_grad"),
    ("matrix_multiply_add", "kernels_products", "matrix_multiply_adds"),
    ("product", "kernels_products", "every_tile"),
    ("product_matrix", "kernels_products", "tiles_of_other_bodies"),
    ("row", "kernels_reductions", "cross_entropy"),
];

/// Shaders for matrix units.
const MATRIX: [&str; 2] = ["matrix_multiply_add", "product_matrix"];

/// Percent of the mutants that must be noticed.
const NOTICED: usize = 95;

/// A shader with one barrier deleted.
struct Mutant {
    shader: &'static str,
    program: &'static str,
    test: &'static str,
    text: String,
    barrier: Range<usize>,
}

#[derive(Debug, PartialEq)]
enum Outcome {
    Race,
    WrongResult,
    Unnoticed,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn matrix_driver() -> Option<OsString> {
    env::var_os("SADDLE_TEST_MATRIX_DRIVER")
}

fn mutants() -> Vec<Mutant> {
    let mut all = vec![];
    let folder = |name: &str| root().join(name).read_dir().unwrap().map(|entry| entry.unwrap().path());
    for path in folder("shaders").chain(folder("shaders/shared")).filter(|path| path.is_file()) {
        let (name, text) = (path.file_stem().unwrap().to_str().unwrap(), fs::read_to_string(&path).unwrap());
        if MATRIX.contains(&name) && matrix_driver().is_none() {
            println!("without a driver that has matrix units {name}.wgsl is left out");
            continue;
        }
        for (at, end) in text.match_indices("Barrier();") {
            let row = TESTS.iter().find(|(shader, ..)| *shader == name);
            let &(shader, program, test) =
                row.unwrap_or_else(|| panic!("{name}.wgsl has barriers: which test runs it?"));
            let start = text[..at].rfind(|c: char| !c.is_alphanumeric()).unwrap() + 1;
            all.push(Mutant { shader, program, test, text: text.clone(), barrier: start..at + end.len() });
        }
    }
    all.sort_by_key(|m| (m.shader, m.barrier.start));
    all
}

/// The path of each test program by name, after compiling them.
fn programs() -> BTreeMap<String, PathBuf> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(root()).args(["test", "--release", "--no-run", "--message-format=json"]);
    cargo.args(TESTS.iter().flat_map(|(_, program, _)| ["--test", program]));
    let output = cargo.output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let messages = output.stdout.split(|&byte| byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok());
    let program = |message: serde_json::Value| {
        let path = message["executable"].as_str()?;
        Some((message["target"]["name"].as_str()?.to_string(), path.into()))
    };
    messages.filter_map(program).collect()
}

impl Mutant {
    /// Runs the test in a changed copy of its program, which may contain the shader's text several times.
    fn outcome(&self, program: &Path) -> Outcome {
        let (text, mut bytes) = (self.text.as_bytes(), fs::read(program).unwrap());
        let copies = bytes.windows(text.len()).enumerate().filter(|(_, window)| *window == text);
        let copies: Vec<usize> = copies.map(|(at, _)| at).collect();
        assert!(!copies.is_empty(), "{} does not hold {}.wgsl as it is", program.display(), self.shader);
        copies.into_iter().for_each(|at| bytes[at..][self.barrier.clone()].fill(b' '));

        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join(self.program);
        fs::copy(program, &copy).unwrap(); // with its permissions
        fs::write(&copy, bytes).unwrap();
        let mut races = Command::new(root().join(".ci/races"));
        if MATRIX.contains(&self.shader) {
            races.args(matrix_driver());
        }
        let run = races.arg(copy).args(["--exact", self.test]).output().unwrap();
        let said = String::from_utf8_lossy(&run.stdout);
        match () {
            () if said.contains("SharedMemoryDataRace") => Outcome::Race,
            () if said.contains("test result: FAILED. 0 passed; 1 failed") => Outcome::WrongResult,
            () if said.contains("test result: ok. 1 passed") => Outcome::Unnoticed,
            () => panic!("{} neither passed nor failed:\n{said}{}", self.test, String::from_utf8_lossy(&run.stderr)),
        }
    }
}

#[test]
#[ignore = "wants the race detector: .ci/run runs it"]
fn every_barrier_is_missed() {
    let (mutants, programs) = (mutants(), programs());
    let outcomes: Vec<Outcome> = mutants.par_iter().map(|m| m.outcome(&programs[m.program])).collect();
    for (m, outcome) in mutants.iter().zip(&outcomes) {
        let line = m.text[..m.barrier.start].lines().count();
        println!("without the barrier in line {line} of {}.wgsl: {outcome:?}", m.shader);
    }
    let count = |wanted| outcomes.iter().filter(|&outcome| *outcome == wanted).count();
    let (races, wrong) = (count(Outcome::Race), count(Outcome::WrongResult));
    println!("{} of {} missing barriers noticed: {races} as races, {wrong} by results", races + wrong, mutants.len());
    assert!(100 * (races + wrong) >= NOTICED * mutants.len());
    assert!(races > 0, "the race detector sees nothing");
}
