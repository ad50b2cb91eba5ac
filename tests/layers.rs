//! Layers: dropout, the last step of a sequence, and the initial values of weights.

use saddle::{
    graph::{Graph, Init, Item, Reset, Var},
    initial,
    models::{
        Examples,
        parts::{policy, round::Round},
    },
    nn::{Cell, Mode, Net, Recurrence, Start, last_step},
    program::StateItem,
    reference::Reference,
    settings::Settings,
};

#[test]
fn dropout_keeps_the_mean_and_does_nothing_in_evaluation() {
    let g = Graph::new();
    let x = g.full(3.0, &[200, 50]);
    let y = Reference::default().value(Net::new(&g, "n", Start::Uniform, Mode::Train).dropout(x, 0.25));
    let zeros = y.iter().filter(|y| **y == 0.0).count() as f64 / y.len() as f64;
    assert!(y.iter().all(|&y| y == 0.0 || y == 4.0));
    // Four standard deviations of 10,000 draws.
    assert!((zeros - 0.25).abs() < 4.0 * (0.25f64 * 0.75 / 1e4).sqrt(), "{zeros} of all elements are zero");
    assert_eq!(Net::new(&g, "n", Start::Uniform, Mode::Eval).dropout(x, 0.25).id(), x.id());
}

#[test]
fn the_last_step_that_counts() {
    let g = Graph::new();
    let (x, mask) = (g.input("x", &[3, 2, 1]), g.input("mask", &[3, 2]));
    let inputs =
        [("x".into(), vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), ("mask".into(), vec![1.0, 1.0, 1.0, 0.0, 1.0, 0.0])];
    let r = Reference { inputs: inputs.into(), ..Default::default() };
    assert_eq!(r.value(last_step(x, None)), [5.0, 6.0]);
    assert_eq!(r.value(last_step(x, Some(mask))), [5.0, 2.0]);
    let first =
        |t: Var, rows: usize| r.value(last_step(t.slice(&[0, 0, 0], &[rows, 2, 1]), Some(g.full(1.0, &[rows, 2]))));
    assert_eq!(first(x, 1), [1.0, 2.0]);
}

#[test]
fn a_reward_counts_for_the_steps_before_it() {
    let (g, s) = (Graph::new(), Settings { discount: 0.5, ..Settings::default() });
    let examples = Examples { shape: vec![3, 2], classes: 0, series: None };
    let (log_p, logits) = (g.input("log_p", &[1, 3]), g.input("logits", &[3, 1]));
    let loss = policy::loss(&Round { graph: &g, s: &s, examples: &examples }, log_p, logits);
    let inputs = [("log_p".into(), vec![-1.0, -10.0, -100.0]), ("logits".into(), vec![1.0, -2.0, 3.0])];
    let [first, second, third] = [1.0, -2.0, 3.0].map(|logit: f64| (logit / 2.0).tanh());
    let returns = [first + 0.5 * second + 0.25 * third, second + 0.5 * third, third];
    let found = Reference { inputs: inputs.into(), ..Default::default() }.value(loss)[0];
    assert!((found - (returns[0] + 10.0 * returns[1] + 100.0 * returns[2])).abs() < 1e-9, "{found}");
}

/// Names, shapes and initial values of a layer's parameters.
fn parameters(cell: Cell) -> Vec<StateItem> {
    let g = Graph::new();
    let net = Net::new(&g, "n", Start::Xavier, Mode::Train);
    net.recurrent(cell, "a", g.input("x", &[2, 3, 5]), 4, &Recurrence::default());
    net.dense("d", g.input("z", &[3, 5]), 7);
    let group = g.groups().remove(net.params);
    group.items.into_iter().map(|i| item("n", i)).collect()
}

fn item(state: &str, i: Item) -> StateItem {
    StateItem { name: i.name, shape: i.shape, parts: 1, init: i.init, state: state.into(), offset: i.offset }
}

#[test]
fn recurrent_layers_start_as_they_say() {
    let find = |cell: Cell, name: &str| parameters(cell).into_iter().find(|i| i.name == name).unwrap();
    let bias = initial::values(&find(Cell::Lstm, "a.bias"), 1);
    assert_eq!(bias, [[0.0; 4], [1.0; 4], [0.0; 4], [0.0; 4]].concat(), "the forget gate is open");
    assert_eq!(find(Cell::Gru(Reset::After), "a.recurrent").init, Init::Orthogonal(1.0));
    assert_eq!(find(Cell::TensorFlowGru, "a.gates.bias").init, Init::Const(1.0));
    for (name, shape, fans) in
        [("a.gates.weight", [9, 8], 17), ("a.candidate.weight", [9, 4], 13), ("d.weight", [7, 5], 12)]
    {
        let item = find(Cell::TensorFlowGru, name);
        assert_eq!((item.shape, item.init), (shape.to_vec(), Init::Uniform((6.0 / fans as f32).sqrt())), "{name}");
    }
    assert_eq!(find(Cell::Lstm, "d.bias").init, Init::Const(0.0));
}

/// Running statistics of two batches against PyTorch's `BatchNorm1d(2)`, with its default momentum and with
/// `momentum=None`, a plain average.
#[test]
fn running_statistics_are_those_of_pytorch() {
    let batches = [[1.0, -2.0, 4.0, 0.5, -1.0, 3.0], [0.0, 1.0, 2.0, -1.0, 7.0, 4.0]];
    let tracked = [0.42, 0.178333333, 2.68, 2.005833333];
    let averaged = [2.166666667, 0.916666667, 9.666666667, 6.291666667];
    for (mode, expected) in [(Mode::Track, tracked), (Mode::Calibrate, averaged)] {
        let graph = Graph::build(|g| {
            Net::new(g, "n", Start::Uniform, mode).batch_norm("a", g.input("x", &[3, 2]));
            g.commit();
        });
        let group = graph.groups().into_iter().find(|group| group.name == "n.stats").unwrap();
        let mut start: Vec<f64> =
            initial::values(&item("n.stats", group.items[0].clone()), 0).iter().map(|x| f64::from(*x)).collect();
        start.resize(group.len, 0.0);
        let mut r = Reference { states: [("n.stats".into(), start)].into(), ..Default::default() };
        r.states.insert("n".into(), vec![1.0; 128]);
        for batch in batches {
            r.inputs.insert("x".into(), batch.to_vec());
            r.run(&graph);
        }
        for (got, want) in r.states["n.stats"].iter().zip(expected) {
            assert!((got - want).abs() < 1e-8, "{mode:?}: {got}, not {want}");
        }
    }
}
