//! LSTM and GRU over sequences, forward and backward: kernels and the CPU runner against the references, references
//! against the definitions.
mod common;

use common::{EPS, Inputs, check_cases, check_derived, device};
use saddle::{
    check::cases::sequences,
    cpu::Cpu,
    graph::{Composite, Graph, Reset, Var},
    kernels::{Caps, Gru, GruGrad, Kernel, Lstm, LstmGrad, Sequence, recurrent::UNITS},
    plan::plan,
    reference::Reference,
    runner::Runner,
};

/// One of the four kernels, its composite, and the shapes of the tensors that it reads.
struct Case {
    kernel: Kernel,
    composite: Composite,
    shapes: Vec<Vec<usize>>,
}

fn cases(s: Sequence, reset: Reset) -> [Case; 4] {
    let Sequence { steps: t, batch: b, units: h, reverse } = s;
    let (state, states, mask) = (vec![b, h], vec![t + 1, b, h], vec![t, b]);
    let steps = |gates: usize| vec![t, b, gates * h];
    let case = |kernel, composite, shapes| Case { kernel, composite, shapes };
    [
        case(
            Lstm { sequence: s }.into(),
            Composite::Lstm { reverse },
            vec![steps(4), vec![h, 4 * h], state.clone(), state.clone(), mask.clone()],
        ),
        case(
            LstmGrad { sequence: s }.into(),
            Composite::LstmGrad { reverse },
            vec![steps(4), states.clone(), vec![4 * h, h], mask.clone(), steps(1), steps(1)],
        ),
        case(
            Gru { sequence: s, reset }.into(),
            Composite::Gru { reverse, reset },
            vec![steps(3), vec![h, 3 * h], vec![h], state, mask.clone()],
        ),
        case(
            GruGrad { sequence: s, reset }.into(),
            Composite::GruGrad { reverse, reset },
            vec![steps(4), states, vec![3 * h, h], mask, steps(1)],
        ),
    ]
}

/// All sequences and reset modes, numbered.
fn all() -> impl Iterator<Item = (usize, Sequence, Reset)> {
    sequences().enumerate().map(|(n, (sequence, reset))| (n, sequence, reset))
}

#[test]
fn lstm() {
    check_cases("lstm", 3);
}

#[test]
fn lstm_grad() {
    check_cases("lstm_grad", 3);
}

#[test]
fn gru() {
    check_cases("gru", 3);
}

#[test]
fn gru_grad() {
    check_cases("gru_grad", 3);
}

/// Checks the four kernels for one sequence.
fn all_against_their_references(s: Sequence) {
    for case in cases(s, Reset::Before) {
        let inputs = Inputs::suited(&case.kernel, 9);
        check_derived(&device().0.caps, case.kernel, inputs);
    }
}

#[test]
fn the_largest_state() {
    all_against_their_references(Sequence { steps: 2, batch: 5, units: UNITS, reverse: false });
}

/// The maximum number of loop iterations in a launch, for a product with the largest remainder and for the largest
/// state. A GRU needs more iterations if it resets before the product. The race detector skips this test, because it
/// adds loops of its own.
#[test]
fn the_longest_sequences() {
    for units in [1, 31, UNITS] {
        let s = |steps| Sequence { steps, batch: 1, units, reverse: false };
        all_against_their_references(s((1..).find(|&steps| s(steps + 1).obstacle().is_some()).unwrap()));
    }
}

/// The result of a composite's definition in f64.
fn defined(case: &Case, reads: &[Vec<f32>]) -> Vec<f64> {
    let graph = Graph::new();
    let names: Vec<String> = (0..reads.len()).map(|i| i.to_string()).collect();
    let inputs: Vec<Var> = names.iter().zip(&case.shapes).map(|(name, shape)| graph.input(name, shape)).collect();
    let wide = |x: &Vec<f32>| x.iter().map(|&x| f64::from(x)).collect();
    let contents = names.iter().cloned().zip(reads.iter().map(wide)).collect();
    Reference { inputs: contents, ..Default::default() }.value(case.composite.define(&inputs))
}

#[test]
fn references_against_the_definitions() {
    for (n, s, reset) in all().filter(|(_, s, _)| s.units <= 33) {
        for case in cases(s, reset) {
            let data = Inputs::suited(&case.kernel, n as u64).filled(&case.kernel);
            let (reference, want) = (data.reference64(&case.kernel).0.remove(0), defined(&case, &data.reads));
            assert_eq!(reference.len(), want.len());
            for (i, (x, y)) in reference.iter().zip(&want).enumerate() {
                assert!((x - y).abs() <= 1e-12, "{:?}: element {i} is {x}, not {y}", case.kernel);
            }
        }
    }
}

/// The CPU runner, with plans from the planner, against the reference in f64.
#[test]
fn the_cpu_runner_against_the_references() {
    let wide = |[steps, batch, units]: [usize; 3]| Sequence { steps, batch, units, reverse: false };
    // Enough examples for several tasks, few and many units.
    let more = [[7, 130, 3], [3, 128, 64], [3, 70, 200]];
    let more = more.into_iter().flat_map(|shape| [Reset::Before, Reset::After].map(|r| (99, wide(shape), r)));
    for (n, s, reset) in all().chain(more) {
        for case in cases(s, reset) {
            let data = Inputs::suited(&case.kernel, n as u64).filled(&case.kernel);
            let graph = Graph::new();
            let names: Vec<String> = (0..data.reads.len()).map(|i| i.to_string()).collect();
            let inputs: Vec<Var> =
                names.iter().zip(&case.shapes).map(|(name, shape)| graph.input(name, shape)).collect();
            graph.output("y", graph.composite(case.composite.clone(), &inputs));
            let mut cpu = Cpu::new();
            let id = cpu.load(&plan(&graph, &Cpu::caps(), None).unwrap()).unwrap();
            names.iter().zip(&data.reads).for_each(|(name, x)| cpu.write_input(id, name, x).unwrap());
            cpu.run(id, 1).unwrap();
            let (got, want) = (cpu.read_output(id, "y").unwrap(), data.reference64(&case.kernel).0.remove(0));
            // Every function of the CPU runner is accurate to a few units in the last place.
            let bound = 16.0 * EPS * (4.0 * s.units as f64).sqrt() * (s.steps as f64).min(3.0);
            for (i, (x, y)) in got.iter().zip(&want).enumerate() {
                assert!((f64::from(*x) - y).abs() <= bound, "{:?}: element {i} is {x}, not {y}", case.kernel);
            }
        }
    }
}

#[test]
fn what_does_not_fit_a_launch_takes_several() {
    for (steps, units) in [(1, UNITS + 1), (300, 500)] {
        for case in cases(Sequence { steps, batch: 1, units, reverse: false }, Reset::After) {
            let graph = Graph::new();
            let inputs: Vec<Var> =
                case.shapes.iter().enumerate().map(|(i, s)| graph.input(&i.to_string(), s)).collect();
            graph.output("y", graph.composite(case.composite, &inputs));
            let launches = |caps: &Caps| plan(&graph, caps, None).unwrap().launches.len();
            assert_eq!(launches(&Cpu::caps()), 1, "the CPU runner has no such limit");
            assert!(launches(&Caps::default()) > 2 * steps, "{:?}", case.kernel);
        }
    }
}
