//! Recurrent layers against PyTorch's: states, gradients, and gradients of a gradient penalty.
//! `tests/fixtures/torch_recurrent.py` generates `recurrent.json`.

mod common;

use std::{collections::BTreeMap, path::Path};

use saddle::{
    cpu::Cpu,
    gpu::Gpu,
    grad::grad,
    graph::{Graph, Reset, Var},
    kernels::Caps,
    nn::{Cell, Mode, Net, Recurrence, Start},
    plan::plan,
    runner::Runner,
};
use serde::Deserialize;

/// Largest error as a fraction of the tensor's largest element: f32 against PyTorch's f64.
const TOLERANCE: f64 = 1e-5;

#[derive(Deserialize)]
struct Case {
    name: String,
    cell: String,
    shape: [usize; 4],
    layers: usize,
    both: bool,
    lengths: Vec<usize>,
    x: Vec<f32>,
    h0: Vec<f32>,
    c0: Vec<f32>,
    weights: Vec<f32>,
    y: Vec<f64>,
    parameters: BTreeMap<String, Vec<f32>>,
    gradients: BTreeMap<String, Vec<f64>>,
    penalty_gradients: BTreeMap<String, Vec<f64>>,
}

fn cases() -> Vec<Case> {
    #[derive(Deserialize)]
    struct Fixture {
        cases: Vec<Case>,
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/recurrent.json");
    let fixture: Fixture = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    fixture.cases
}

impl Case {
    fn cell(&self) -> Cell {
        match self.cell.as_str() {
            "lstm" => Cell::Lstm,
            "gru" => Cell::Gru(Reset::After),
            "tensorflow_gru" => Cell::TensorFlowGru,
            other => panic!("a cell called {other}"),
        }
    }

    /// The layers' states; inputs `x`, `h0`, `c0`, `mask`.
    fn build<'g>(&self, net: &Net<'g>) -> (Var<'g>, Var<'g>) {
        let [steps, batch, inputs, units] = self.shape;
        let x = net.graph.input("x", &[steps, batch, inputs]);
        let mask = net.graph.input("mask", &[steps, batch]);
        let [h0, c0] = ["h0", "c0"].map(|name| net.graph.input(name, &[batch, units]));
        let initial = |state: Var<'g>| (self.layers == 1).then_some(state);
        let r = Recurrence { mask: Some(mask), h0: initial(h0), c0: initial(c0), ..Default::default() };
        let layer = |name: &str, x| match self.both {
            false => net.recurrent(self.cell(), name, x, units, &r),
            true => net.bidirectional(self.cell(), name, x, units, &r),
        };
        (x, if self.layers == 1 { layer("a", x) } else { net.stacked("a", x, self.layers, layer) })
    }

    /// Checks states and gradients, and with `penalty` the gradients of the penalty. The latter are unrolled into many
    /// small launches, each with its own pipeline.
    fn check(&self, mut runner: impl Runner, caps: &Caps, penalty: bool) {
        let graph = Graph::new();
        let net = Net::new(&graph, "n", Start::Uniform, Mode::Train);
        let (x, y) = self.build(&net);
        let weights = graph.input("weights", &y.shape());
        let leaves = [net.parameters(), vec![x]].concat();
        let first = grad((y * weights).sum_all(), &leaves);
        let second = if penalty { grad(first[leaves.len() - 1].square().sum_all(), &leaves) } else { vec![] };
        let group = graph.groups().into_iter().find(|g| g.name == "n").unwrap();
        let names: Vec<String> = group.items.iter().map(|i| i.name.clone()).chain(["x".into()]).collect();
        graph.output("y", y);
        let orders = [("first", first, &self.gradients), ("second", second, &self.penalty_gradients)];
        for (order, gradients, _) in &orders {
            names.iter().zip(gradients).for_each(|(name, g)| graph.output(&format!("{order} {name}"), *g));
        }

        let program = plan(&graph, caps, None).unwrap();
        let id = runner.load(&program).unwrap();
        assert_eq!(self.parameters.len(), group.items.len(), "{}", self.name);
        for item in &group.items {
            runner.write_state("n", item.offset, &self.parameters[&item.name]).unwrap();
        }
        let [steps, batch, ..] = self.shape;
        let counts = |n: usize| f32::from(u8::from(n / batch < self.lengths[n % batch]));
        let mask: Vec<f32> = (0..steps * batch).map(counts).collect();
        let given = [("x", &self.x), ("h0", &self.h0), ("c0", &self.c0), ("mask", &mask), ("weights", &self.weights)];
        for (name, data) in given {
            let used = program.buffers.iter().any(|b| b.content == saddle::program::Content::Input(name.into()));
            if used {
                runner.write_input(id, name, data).unwrap();
            }
        }
        runner.run(id, 1).unwrap();

        // After the end of an example, PyTorch returns zeros and Saddle the last state.
        let width = self.y.len() / mask.len();
        let y = runner.read_output(id, "y").unwrap();
        let y: Vec<f32> = y.iter().enumerate().map(|(n, y)| y * mask[n / width]).collect();
        let mut worst = self.close("states", &y, &self.y);
        for (order, gradients, wanted) in &orders {
            for name in names.iter().take(gradients.len()) {
                let got = runner.read_output(id, &format!("{order} {name}")).unwrap();
                worst = worst.max(self.close(&format!("{order}-order gradient of {name}"), &got, &wanted[name]));
            }
        }
        println!("{}: {} launches, worst error {worst:.1e}, {}", self.name, program.launches.len(), runner.describe());
    }

    fn close(&self, what: &str, got: &[f32], want: &[f64]) -> f64 {
        assert_eq!(got.len(), want.len(), "{}: {what}", self.name);
        let scale = want.iter().fold(0.0f64, |a, w| a.max(w.abs()));
        let errors = got.iter().zip(want).map(|(g, w)| (f64::from(*g) - w).abs() / scale.max(1e-30));
        // In this form, NaN counts as the largest error.
        let worst = errors.fold(0.0f64, |a, e| if e <= a { a } else { e });
        assert!(worst <= TOLERANCE, "{}: {what}: {worst:.2e} of {scale:.2e}\n{got:?}\n{want:?}", self.name);
        worst
    }
}

#[test]
fn the_cpu_runner_agrees_with_pytorch() {
    cases().iter().for_each(|case| case.check(Cpu::new(), &Cpu::caps(), true));
}

#[test]
fn the_gpu_runner_agrees_with_pytorch() {
    for case in cases() {
        let gpu = Gpu::open(&common::adapter(), false).unwrap_or_else(|e| panic!("{e}"));
        let caps = gpu.device().caps.clone();
        case.check(gpu, &caps, case.layers == 1);
    }
}
