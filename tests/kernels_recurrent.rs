//! LSTM and GRU over sequences, forward and back: kernels and the CPU runner against the twins, twins against the definitions.
mod common;

use common::{Bound, EPS, Inputs, Rng, check_with, device};
use saddle::{
    cpu::Cpu,
    graph::{Composite, Graph, Reset, T, numel},
    kernels::{Caps, Gru, GruGrad, Kernel, Lstm, LstmGrad, Sequence, recurrent::UNITS},
    plan::plan,
    reference::Reference,
    runner::Runner,
};

/// Steps, examples, units.
const SHAPES: [[usize; 3]; 12] = [
    [1, 1, 1],
    [2, 3, 5],
    [7, 17, 31],
    [7, 1, 32],
    [2, 17, 33],
    [1, 3, 64],
    [7, 3, 1],
    [1, 17, 5],
    [2, 1, 31],
    [7, 3, 33],
    [2, 17, 64],
    [1, 1, 257],
];

/// One of the four kernels: its composite, the shapes of what it reads, and which of these are the weight and the mask.
struct Case {
    kernel: Kernel,
    composite: Composite,
    shapes: Vec<Vec<usize>>,
    weight: usize,
    mask: usize,
}

fn cases(s: Sequence, reset: Reset) -> [Case; 4] {
    let Sequence { steps: t, batch: b, units: h, reverse } = s;
    let (state, states, mask) = (vec![b, h], vec![t + 1, b, h], vec![t, b]);
    let steps = |gates: usize| vec![t, b, gates * h];
    let case = |kernel, composite, shapes, weight, mask| Case { kernel, composite, shapes, weight, mask };
    [
        case(
            Lstm { sequence: s }.into(),
            Composite::Lstm { reverse },
            vec![steps(4), vec![h, 4 * h], state.clone(), state.clone(), mask.clone()],
            1,
            4,
        ),
        case(
            LstmGrad { sequence: s }.into(),
            Composite::LstmGrad { reverse },
            vec![steps(4), states.clone(), vec![4 * h, h], mask.clone(), steps(1), steps(1)],
            2,
            3,
        ),
        case(
            Gru { sequence: s, reset }.into(),
            Composite::Gru { reverse, reset },
            vec![steps(3), vec![h, 3 * h], vec![h], state, mask.clone()],
            1,
            4,
        ),
        case(
            GruGrad { sequence: s, reset }.into(),
            Composite::GruGrad { reverse, reset },
            vec![steps(4), states, vec![3 * h, h], mask, steps(1)],
            2,
            3,
        ),
    ]
}

impl Case {
    /// A weight of the size at which layers start, a mask of zeros and ones, and the rest on [-1, 1).
    fn reads(&self, units: usize, seed: u64) -> Vec<Vec<f32>> {
        let mut rng = Rng(seed);
        let draw = |(i, shape): (usize, &Vec<usize>)| {
            let reach = if i == self.weight { 1.0 / (units as f32).sqrt() } else { 1.0 };
            let mut values = rng.uniform(numel(shape), -reach, reach);
            if i == self.mask {
                values.iter_mut().for_each(|v| *v = f32::from(u8::from(*v > -0.6)));
            }
            values
        };
        self.shapes.iter().enumerate().map(draw).collect()
    }
}

/// Every shape in two ways, neighbours in different ones.
fn all() -> impl Iterator<Item = (usize, Sequence, Reset)> {
    SHAPES.into_iter().enumerate().flat_map(move |(n, [steps, batch, units])| {
        let resets = if n % 2 == 0 { [Reset::After, Reset::Before] } else { [Reset::Before, Reset::After] };
        [false, true]
            .into_iter()
            .zip(resets)
            .map(move |(reverse, reset)| (n, Sequence { steps, batch, units, reverse }, reset))
    })
}

/// A step adds the errors of its sums of products and of its elementary functions, of which WGSL's tanh, with 1e-5, has by far
/// the largest: two of them in an LSTM. What a step is given it passes on, less what it forgets; that in weights of this size
/// no more than three steps' errors add up is measured, not derived. Cotangents are products of up to four such values.
fn bound(s: Sequence) -> f64 {
    let step = 2.0 * 1e-5 + 2.0 * EPS * (4.0 * s.units as f64).sqrt();
    4.0 * step * (s.steps as f64).min(3.0)
}

/// One of the four kernels in every shape.
fn against_its_twin(name: &str) {
    for (n, s, reset) in all() {
        let caps = Caps { max_groups: [65_535, 3][n % 2], ..device().0.caps.clone() };
        for case in cases(s, reset).into_iter().filter(|case| case.kernel.name() == name) {
            let inputs = Inputs::random(0).reads(case.reads(s.units, n as u64));
            check_with(&caps, case.kernel, inputs, Bound::Within { absolute: bound(s), relative: 0.0 });
        }
    }
}

#[test]
fn lstm() {
    against_its_twin("lstm");
}

#[test]
fn lstm_grad() {
    against_its_twin("lstm_grad");
}

#[test]
fn gru() {
    against_its_twin("gru");
}

#[test]
fn gru_grad() {
    against_its_twin("gru_grad");
}

/// The four kernels in one shape.
fn all_against_their_twins(s: Sequence) {
    for case in cases(s, Reset::Before) {
        let inputs = Inputs::random(0).reads(case.reads(s.units, 9));
        check_with(&device().0.caps, case.kernel, inputs, Bound::Within { absolute: bound(s), relative: 0.0 });
    }
}

#[test]
fn the_largest_state() {
    all_against_their_twins(Sequence { steps: 2, batch: 5, units: UNITS, reverse: false });
}

/// As many rounds of the loops as a launch may take, with the most that a product can leave over and with the largest state;
/// a GRU's are more where it resets before the product. Not for the race detector, whose own loops come on top.
#[test]
fn the_longest_sequences() {
    for units in [1, 31, UNITS] {
        let s = |steps| Sequence { steps, batch: 1, units, reverse: false };
        all_against_their_twins(s((1..).find(|&steps| s(steps + 1).obstacle().is_some()).unwrap()));
    }
}

/// The result of a composite's definition in f64.
fn defined(case: &Case, reads: &[Vec<f32>]) -> Vec<f64> {
    let graph = Graph::new();
    let names: Vec<String> = (0..reads.len()).map(|i| i.to_string()).collect();
    let inputs: Vec<T> = names.iter().zip(&case.shapes).map(|(name, shape)| graph.input(name, shape)).collect();
    let wide = |x: &Vec<f32>| x.iter().map(|&x| f64::from(x)).collect();
    let contents = names.iter().cloned().zip(reads.iter().map(wide)).collect();
    Reference { inputs: contents, ..Default::default() }.value(case.composite.define(&inputs))
}

#[test]
fn twins_against_the_definitions() {
    for (n, s, reset) in all().filter(|(_, s, _)| s.units <= 33) {
        for case in cases(s, reset) {
            let data = Inputs::random(0).reads(case.reads(s.units, n as u64)).filled(&case.kernel);
            let (twin, want) = (data.twin64(&case.kernel).0.remove(0), defined(&case, &data.reads));
            assert_eq!(twin.len(), want.len());
            for (i, (x, y)) in twin.iter().zip(&want).enumerate() {
                assert!((x - y).abs() <= 1e-12, "{:?}: element {i} is {x}, not {y}", case.kernel);
            }
        }
    }
}

/// Through the planner, against the twin in f64.
#[test]
fn the_cpu_runner_against_the_twins() {
    let wide = |[steps, batch, units]: [usize; 3]| Sequence { steps, batch, units, reverse: false };
    // Enough examples for several tasks, few and many units.
    let more = [[7, 130, 3], [3, 128, 64], [3, 70, 200]];
    let more = more.into_iter().flat_map(|shape| [Reset::Before, Reset::After].map(|r| (99, wide(shape), r)));
    for (n, s, reset) in all().chain(more) {
        for case in cases(s, reset) {
            let data = Inputs::random(0).reads(case.reads(s.units, n as u64)).filled(&case.kernel);
            let graph = Graph::new();
            let names: Vec<String> = (0..data.reads.len()).map(|i| i.to_string()).collect();
            let inputs: Vec<T> = names.iter().zip(&case.shapes).map(|(name, shape)| graph.input(name, shape)).collect();
            graph.output("y", graph.composite(case.composite.clone(), &inputs));
            let mut cpu = Cpu::new();
            let id = cpu.load(&plan(&graph, &Cpu::caps(), None).unwrap()).unwrap();
            names.iter().zip(&data.reads).for_each(|(name, x)| cpu.write_input(id, name, x).unwrap());
            cpu.run(id, 1).unwrap();
            let (got, want) = (cpu.read_output(id, "y").unwrap(), data.twin64(&case.kernel).0.remove(0));
            // No function of this runner is worse than a few units in the last place.
            let bound = 16.0 * EPS * (4.0 * s.units as f64).sqrt() * (s.steps as f64).min(3.0);
            for (i, (x, y)) in got.iter().zip(&want).enumerate() {
                assert!((f64::from(*x) - y).abs() <= bound, "{:?}: element {i} is {x}, not {y}", case.kernel);
            }
        }
    }
}

#[test]
fn what_does_not_fit_a_launch_is_refused() {
    for (steps, units, why) in [(1, UNITS + 1, "513 units"), (2000, 400, "2000 steps")] {
        for case in cases(Sequence { steps, batch: 1, units, reverse: false }, Reset::After) {
            let graph = Graph::new();
            let inputs: Vec<T> = case.shapes.iter().enumerate().map(|(i, s)| graph.input(&i.to_string(), s)).collect();
            graph.output("y", graph.composite(case.composite, &inputs));
            let error = plan(&graph, &Caps::default(), None).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
            assert!(plan(&graph, &Cpu::caps(), None).is_ok());
        }
    }
}
