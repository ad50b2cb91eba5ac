//! Gradients compared with central differences of the f64 interpreter, with the parameters of PyTorch's gradcheck: a
//! step of 1e-6, and an error of at most 1e-5 + 1e-3 |gradient|.

mod common;

use common::Rng;
use saddle::{
    data,
    grad::grad,
    graph::{Composite, Dist, Form, Graph, Map, Node, Op, Real, Reset, Role, Var, WHOLE, numel, without},
    kernels::{
        Clock,
        gather::{DataLayout, Elements},
    },
    models::{self, Examples, parts::heads::Heads},
    nn::{Cell, Filter, Mode, Net, Recurrence, Start, last_step},
    objective,
    reference::Reference,
    settings::{Encode, Layer, Objective, Settings},
};

const STEP: f64 = 1e-6;
const ABSOLUTE: f64 = 1e-5;
const RELATIVE: f64 = 1e-3;
/// Leaves of at most this many elements are also checked one element at a time.
const SMALL: usize = 24;

/// The contents of a leaf in the reference.
fn contents<'r>(r: &'r mut Reference, leaf: Var) -> &'r mut [f64] {
    match leaf.op() {
        Op::Input(name) => r.inputs.entry(name).or_insert_with(|| vec![0.0; leaf.len()]),
        Op::State { group, item, .. } => {
            let group = &leaf.graph().groups()[group];
            let (offset, shape) = group.span(item);
            let flat = r.states.entry(group.name.clone()).or_insert_with(|| vec![0.0; group.len]);
            &mut flat[offset..offset + numel(&shape)]
        }
        op => panic!("not a leaf: {op:?}"),
    }
}

/// (f(leaf + STEP direction) - f(leaf - STEP direction)) / (2 STEP).
fn difference(r: &Reference, loss: Var, leaf: Var, direction: &[f64]) -> f64 {
    let moved = |step: f64| {
        let mut r = r.clone();
        contents(&mut r, leaf).iter_mut().zip(direction).for_each(|(x, d)| *x += step * d);
        r.value(loss)[0]
    };
    (moved(STEP) - moved(-STEP)) / (2.0 * STEP)
}

/// Counts of checks, and the largest error as a fraction of the allowed error.
#[derive(Default)]
struct Checks {
    /// Checks of first-, second- and third-order gradients that are not zero.
    orders: [usize; 3],
    worst: f64,
    seed: u64,
}

impl Checks {
    fn noise(&mut self, count: usize) -> Vec<f64> {
        self.seed += 1;
        Rng(self.seed).uniform(count, -1.0, 1.0).into_iter().map(f64::from).collect()
    }

    /// Signed values with magnitudes between 0.2 and 1, so that none is close to a kink at 0.
    fn values(&mut self, count: usize) -> Vec<f64> {
        self.noise(count).into_iter().map(|x| x.signum() * (0.2 + 0.8 * x.abs())).collect()
    }

    fn close(&mut self, what: &str, got: f64, want: f64) {
        let error = (got - want).abs() / (ABSOLUTE + RELATIVE * want.abs());
        // This form of the condition fails for NaN.
        assert!(error <= 1.0, "{what}: {got:e}, but the difference quotient is {want:e}");
        self.worst = self.worst.max(error);
    }

    /// Checks gradients of a scalar along a random direction and, for small leaves, for each element. Returns whether
    /// any gradient is not zero.
    fn gradients(&mut self, what: &str, r: &Reference, loss: Var, leaves: &[Var], small: usize) -> bool {
        let mut largest = 0.0f64;
        for (i, (leaf, g)) in leaves.iter().zip(grad(loss, leaves)).enumerate() {
            let gradient = r.value(g);
            assert_eq!(gradient.len(), leaf.len(), "{what}");
            largest = gradient.iter().fold(largest, |a, g| a.max(g.abs()));
            let direction = self.noise(leaf.len());
            let along = gradient.iter().zip(&direction).map(|(g, d)| g * d).sum();
            self.close(&format!("{what}, leaf {i}"), along, difference(r, loss, *leaf, &direction));
            for n in (0..leaf.len()).filter(|_| leaf.len() <= small) {
                let unit: Vec<f64> = (0..leaf.len()).map(|k| f64::from(k == n)).collect();
                self.close(&format!("{what}, leaf {i}[{n}]"), gradient[n], difference(r, loss, *leaf, &unit));
            }
        }
        largest > 1e-3
    }

    /// Checks gradients of (y . random) up to order `orders`; each order is the gradient of (gradient . random) of the
    /// order before.
    fn check(&mut self, what: &str, orders: usize, build: impl for<'g> Fn(&'g Graph) -> (Var<'g>, Vec<Var<'g>>)) {
        let graph = Graph::new();
        let (y, leaves) = build(&graph);
        let mut r = Reference::default();
        for leaf in &leaves {
            let values = self.values(leaf.len());
            contents(&mut r, *leaf).copy_from_slice(&values);
        }
        let mut terms = vec![y];
        for order in 0..orders {
            let mut loss = graph.scalar(0.0);
            for (i, term) in terms.iter().enumerate() {
                let weights = graph.input(&format!("weights {order} {i}"), &term.shape());
                r.inputs.insert(format!("weights {order} {i}"), self.noise(term.len()));
                loss = loss + (*term * weights).sum_all();
            }
            if loss.constant().is_some() {
                break;
            }
            let what = format!("{what}, order {}", order + 1);
            self.orders[order] += usize::from(self.gradients(&what, &r, loss, &leaves, SMALL));
            terms = grad(loss, &leaves);
        }
    }

    /// [`Checks::check`] to the third order for a function of inputs.
    fn function(&mut self, what: &str, shapes: &[&[usize]], f: impl for<'g> Fn(&[Var<'g>]) -> Var<'g>) {
        self.check(&format!("{what} {shapes:?}"), 3, |g| {
            let x: Vec<Var> = shapes.iter().enumerate().map(|(i, shape)| g.input(&format!("x{i}"), shape)).collect();
            (f(&x), x)
        });
    }
}

#[test]
fn every_operation_is_differentiated() {
    let mut checks = Checks::default();
    pointwise(&mut checks);
    movement(&mut checks);
    products(&mut checks);
    composites(&mut checks);
    recurrences(&mut checks);
    layers(&mut checks);
    objectives(&mut checks);
    let [first, second, third] = checks.orders;
    println!(
        "{first} first-order, {second} second-order, {third} third-order checks; worst error / allowed {:.2e}",
        checks.worst
    );
    assert!(first >= 100 && second >= 20, "{first} first-order and {second} second-order checks");
}

fn pointwise(c: &mut Checks) {
    for shape in [&[][..], &[1], &[7], &[2, 3, 5]] {
        c.function("add", &[shape, shape], |x| x[0] + x[1]);
        c.function("multiply", &[shape, shape], |x| x[0] * x[1]);
        c.function("square", &[shape], |x| x[0].square());
    }
    for shape in [&[1][..], &[11], &[3, 5]] {
        for map in [Map::Exp, Map::Tanh, Map::Sigmoid, Map::Softplus, Map::Sin, Map::Cos, Map::Abs] {
            c.function(&format!("{map:?}"), &[shape], |x| x[0].map(map));
        }
        for map in [Map::Leaky(Real::new(0.2)), Map::Leaky(Real::new(0.0)), Map::Clamp(Real::new(0.6))] {
            c.function(&format!("{map:?}"), &[shape], |x| x[0].map(map) * x[0]);
        }
        for map in [Map::Log, Map::Sqrt, Map::Recip] {
            c.function(&format!("{map:?}"), &[shape], |x| (x[0].square() + 0.1).map(map));
        }
        c.function("step", &[shape], |x| x[0].is_positive() * x[0]);
        c.function("elu", &[shape], |x| x[0].elu());
        c.function("gelu", &[shape], |x| x[0].gelu());
        c.function("leaky_relu", &[shape], |x| (x[0].leaky_relu(0.2) - 0.1).square());
    }
}

fn movement(c: &mut Checks) {
    for shape in [[1, 1, 1], [2, 3, 5], [7, 1, 2]] {
        for axes in [&[0][..], &[1], &[2], &[0, 2], &[0, 1, 2]] {
            c.function(&format!("sum over {axes:?}"), &[&shape], |x| x[0].sum(axes).square());
            c.function(&format!("mean over {axes:?}"), &[&shape], |x| x[0].mean(axes).exp());
            c.function(&format!("max over {axes:?}"), &[&shape], |x| x[0].max(axes).square());
            let kept = without(&shape, axes);
            c.function(&format!("broadcast along {axes:?}"), &[&kept, &shape], |x| x[0].broadcast(&shape, axes) * x[1]);
        }
        c.function("reshape", &[&shape], |x| x[0].reshape(&[x[0].len()]).tanh());
        for perm in [[0, 2, 1], [1, 2, 0], [2, 1, 0]] {
            c.function(&format!("permute by {perm:?}"), &[&shape], |x| x[0].permute(&perm).sin());
        }
        c.function("slice", &[&shape], |x| x[0].slice(&[shape[0] - 1, 0, shape[2] / 2], &[1, shape[1], 1]).exp());
        c.function("pad", &[&shape], |x| x[0].square().pad(&[1, 0, 2], &[shape[0] + 1, shape[1] + 3, shape[2] + 2]));
        c.function("concat", &[&shape, &shape], |x| x[0].concat(x[1], 1).exp());
        c.function("index", &[&shape], |x| x[0].index(shape[0] - 1).square());
    }
}

fn products(c: &mut Checks) {
    for [batch, m, k, n] in [[0, 1, 1, 1], [0, 2, 3, 5], [0, 7, 1, 4], [1, 3, 2, 1], [3, 2, 5, 2]] {
        let shape = |a: usize, b: usize| if batch == 0 { vec![a, b] } else { vec![batch, a, b] };
        contraction(c, Form::MatMul, [shape(m, k), shape(k, n), shape(m, n)]);
    }
    let conv = |stride, pad| Form::Conv2d { stride, pad };
    // x [B, C, H, W], w [K, C, R, S], y [B, K, P, Q]. With strides that skip rows at the end or between filter
    // positions, and with padding on one side only.
    contraction(c, conv([1, 1], [0, 0]), [vec![1, 1, 1, 1], vec![1, 1, 1, 1], vec![1, 1, 1, 1]]);
    contraction(c, conv([1, 1], [1, 1]), [vec![2, 2, 3, 5], vec![3, 2, 3, 3], vec![2, 3, 3, 5]]);
    contraction(c, conv([2, 2], [1, 1]), [vec![2, 1, 4, 6], vec![2, 1, 4, 4], vec![2, 2, 2, 3]]);
    contraction(c, conv([2, 3], [0, 1]), [vec![1, 2, 7, 5], vec![1, 2, 3, 2], vec![1, 1, 3, 2]]);
    contraction(c, conv([2, 2], [0, 0]), [vec![1, 1, 5, 5], vec![2, 1, 2, 2], vec![1, 2, 3, 3]]);
    contraction(c, conv([3, 3], [2, 0]), [vec![2, 1, 5, 7], vec![1, 1, 2, 2], vec![2, 1, 3, 3]]);
    for [stride, pad] in [[1, 0], [1, 1], [2, 1], [3, 1]] {
        let name = format!("stride {stride}, padding {pad}");
        c.function(&format!("conv2d, {name}"), &[&[2, 2, 5, 5], &[3, 2, 3, 3]], |x| {
            x[0].conv2d(x[1], stride, pad).square()
        });
        c.function(&format!("conv_transpose2d, {name}"), &[&[1, 2, 3, 2], &[2, 3, 4, 4]], |x| {
            x[0].conv_transpose2d(x[1], stride, pad).square()
        });
    }
}

/// Checks a trilinear form in its three roles: as y, as x and as w.
fn contraction(c: &mut Checks, form: Form, [x, w, y]: [Vec<usize>; 3]) {
    for (role, [a, b], out) in [(Role::Y, [&x, &w], &y), (Role::X, [&w, &y], &x), (Role::W, [&x, &y], &w)] {
        c.function(&format!("{form:?} in role {role:?}"), &[a, b], |t| t[0].contract(form, role, t[1], out.clone()));
    }
}

fn composites(c: &mut Checks) {
    for (shape, axes) in [
        (&[6, 3][..], &[0][..]),
        (&[3, 2, 2, 3], &[0, 2, 3]),
        (&[2, 3, 2, 2], &[1, 2, 3]),
        (&[5, 7], &[1]),
        (&[1, 4], &[1]),
        (&[4, 1, 1, 1], &[0, 2, 3]),
    ] {
        let kept = [vec![2], without(shape, axes)].concat();
        c.function(&format!("moments over {axes:?}"), &[shape], |x| x[0].moments(axes).square());
        // With independent moments, squared to be positive, and with the moments of the tensor itself.
        c.function(&format!("normalize over {axes:?}"), &[shape, &kept], |x| {
            x[0].normalize(x[1].square(), axes, 0.1).square()
        });
        c.function(&format!("norm over {axes:?}"), &[shape], |x| {
            x[0].normalize(x[0].moments(axes), axes, 0.1).square()
        });
        let sums = Composite::NormSums { axes: axes.to_vec(), eps: Real::new(0.1) };
        c.function(&format!("norm_sums over {axes:?}"), &[shape, shape, &kept], |x| {
            x[0].graph().composite(sums.clone(), &[x[0], x[1], x[2].square()]).square()
        });
        // The cotangent is the argument itself, so one tensor is two of the arguments.
        c.function(&format!("norm_sums of one tensor over {axes:?}"), &[shape], |x| {
            let moments = x[0].moments(axes);
            x[0].graph().composite(sums.clone(), &[x[0], x[0], moments]).square()
        });
    }
    for shape in [[1, 1], [1, 5], [3, 2], [2, 7]] {
        c.function("softmax", &[&shape], |x| (x[0] * 2.0).softmax().square());
        c.function("cross_entropy", &[&shape, &shape], |x| x[0].cross_entropy(x[1]).square());
        c.function("cross_entropy of classes", &[&shape, &shape], |x| x[0].cross_entropy(x[1].softmax()));
        // Some of these indices lie outside of their rows.
        c.function("cross_entropy_at", &[&shape], |x| {
            x[0].cross_entropy_at(x[0].graph().arange(shape[0]) + (shape[1] as f64 - 2.0)).square()
        });
        c.function("rows", &[&shape], |x| x[0].rows(places(x[0].graph(), shape[0])).square());
        let long = [shape[0] + 2, shape[1]];
        c.function("row_sums", &[&long], |x| x[0].row_sums(places(x[0].graph(), shape[0]), shape[0]).square());
    }
}

/// A recurrence from these states h and c on.
fn from<'g>(states: [Var<'g>; 2]) -> Recurrence<'g> {
    let [h0, c0] = states.map(Some);
    Recurrence { h0, c0, ..Default::default() }
}

/// Indices of a table with so many rows: each row, one that is not there, and row 0 again.
fn places(g: &Graph, rows: usize) -> Var<'_> {
    g.arange(rows + 1).concat(g.full(0.0, &[1]), 0)
}

/// A mask `[T, B]` that covers all steps of the first example and only the first step of the others.
fn mask<'g>(g: &'g Graph, [steps, batch]: [usize; 2]) -> Var<'g> {
    let first = g.full(1.0, &[1, batch]).pad(&[0, 0], &[steps, batch]);
    if steps == 1 { first } else { first + g.full(1.0, &[steps - 1, 1]).pad(&[1, 0], &[steps, batch]) }
}

fn recurrences(c: &mut Checks) {
    for [t, b, h] in [[1, 1, 1], [1, 2, 3], [3, 2, 1], [3, 1, 2], [3, 2, 3]] {
        for (reverse, reset) in [(false, Reset::After), (true, Reset::Before)] {
            let g = |gates: usize| vec![t, b, gates * h];
            let (state, states) = (vec![b, h], vec![t + 1, b, h]);
            let mut composite =
                |what: &str, orders: usize, kind: Composite, mask_at: usize, shapes: Vec<Vec<usize>>| {
                    c.check(&format!("{what}, [T, B, H] = {:?}, {reverse}, {reset:?}", [t, b, h]), orders, |graph| {
                        let leaf = |(i, shape): (usize, &Vec<usize>)| graph.input(&format!("x{i}"), shape);
                        let leaves: Vec<Var> = shapes.iter().enumerate().map(leaf).collect();
                        let mut x = leaves.clone();
                        x.insert(mask_at, mask(graph, [t, b]));
                        (graph.composite(kind.clone(), &x), leaves)
                    });
                };
            let lstm = vec![g(4), vec![h, 4 * h], state.clone(), state.clone()];
            composite("lstm", 3, Composite::Lstm { reverse }, 4, lstm);
            let grad = vec![g(4), states.clone(), vec![4 * h, h], g(1), g(1)];
            composite("lstm_grad", 2, Composite::LstmGrad { reverse }, 3, grad);
            let gru = vec![g(3), vec![h, 3 * h], vec![h], state];
            composite("gru", 3, Composite::Gru { reverse, reset }, 4, gru);
            let grad = vec![g(4), states, vec![3 * h, h], g(1)];
            composite("gru_grad", 2, Composite::GruGrad { reverse, reset }, 3, grad);
        }
    }
}

/// Checks a layer of a network with respect to its input and all of its parameters.
fn layer(c: &mut Checks, what: &str, shape: &[usize], f: impl for<'g> Fn(&Net<'g>, Var<'g>) -> Var<'g>) {
    c.check(&format!("{what} of {shape:?}"), 2, |g| {
        let net = Net::new(g, "net", Start::Uniform, Mode::Train);
        let x = g.input("x", shape);
        let y = f(&net, x);
        (y, [vec![x], net.parameters()].concat())
    });
}

fn layers(c: &mut Checks) {
    for batch in [1, 3] {
        layer(c, "dense", &[batch, 5], |n, x| n.dense("a", x, 3).tanh());
        layer(c, "conv2d", &[batch, 2, 5, 5], |n, x| n.conv2d("a", x, 3, [4, 2, 1], true).tanh());
        let across = Filter { sides: [3, 4], stride: [1, 2], pad: [1, 1] };
        layer(c, "conv2d by axis", &[batch, 2, 3, 6], |n, x| n.conv2d("a", x, 3, across, true).tanh());
        layer(c, "conv_transpose2d by axis", &[batch, 2, 3, 2], |n, x| {
            n.conv_transpose2d("a", x, 2, across, true).tanh()
        });
        layer(c, "conv_transpose2d", &[batch, 2, 2, 3], |n, x| n.conv_transpose2d("a", x, 2, [4, 2, 1], true).tanh());
        layer(c, "batch norm", &[batch + 2, 3], |n, x| n.batch_norm("a", x * 2.0).tanh());
        layer(c, "batch norm", &[batch, 2, 2, 3], |n, x| n.batch_norm("a", x * 2.0).leaky_relu(0.2));
        layer(c, "layer norm", &[batch, 3, 2, 2], |n, x| n.layer_norm("a", x * 2.0).leaky_relu(0.2));
        layer(c, "layer norm", &[batch, 5], |n, x| n.layer_norm("a", x).softplus());
    }
    for cell in [Cell::Lstm, Cell::Gru(Reset::After), Cell::Gru(Reset::Before), Cell::TensorFlowGru] {
        layer(c, &format!("{cell:?}"), &[3, 2, 2], |n, x| n.recurrent(cell, "a", x, 3, &Recurrence::default()));
        layer(c, &format!("two layers of {cell:?}, both ways, to the last step"), &[3, 2, 1], |n, x| {
            let mask = mask(n.graph, [3, 2]);
            let r = Recurrence { mask: Some(mask), ..Default::default() };
            last_step(n.stacked("a", x, 2, |name, x| n.bidirectional(cell, name, x, 2, &r)), Some(mask))
        });
    }
    for cell in [Cell::Lstm, Cell::Gru(Reset::After), Cell::TensorFlowGru] {
        layer(c, &format!("steps of {cell:?}"), &[2, 3], |n, x| {
            let start = n.graph.full(0.0, &[2, 3]);
            let x = x.reshape(&[1, 2, 3]);
            let (states, [h, c]) = n.recurrent_from(cell, "a", x, 3, &from([start, start]));
            n.recurrent_from(cell, "a", states, 3, &from([h, c])).1[0]
        });
    }
    spectral_norm(c);
    heads(c);
}

/// What networks give of the rows of a table of a category, a number with gaps, and a number.
fn heads(c: &mut Checks) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.csv");
    let row = |n: usize| format!("{},{},{n}.5\n", ["a", "b", "c"][n % 3], ["", &format!("{n}.25")][n % 2]);
    std::fs::write(&path, format!("c,gap,n\n{}", (0..60).map(row).collect::<String>())).unwrap();
    for encode in [Encode::Rank, Encode::Modes] {
        let options = data::Options { encode: Some(encode), ..Default::default() };
        let set = data::open(path.to_str().unwrap(), &options).unwrap();
        let heads = Heads::of(set.records().unwrap());
        let shape = [2, heads.width()];
        let what = |what: &str| format!("{what} of heads, {encode:?}");
        layer(c, &what("means"), &shape, |_, decoded| heads.mean(decoded).square());
        // The draws' temperature is low: values near to each other keep the slopes of a difference quotient.
        layer(c, &what("draws"), &shape, |n, decoded| heads.drawn(n, decoded * 0.1, 0.1, encode == Encode::Rank));
        // The deviations of modes are positive, unlike the values here: tests/heads.rs has their likelihood.
        if encode == Encode::Rank {
            let random = |n: &Net<'_>| n.graph.random(Dist::Uniform, &shape).id();
            layer(c, &what("log p"), &shape, |n, y| heads.log_likelihood(n, n.graph.at(random(n)), y));
            layer(c, &what("log p by the row"), &shape, |n, x| heads.log_likelihood(n, x, n.graph.at(random(n))));
        }
    }
}

/// The gradient treats the singular vectors as constants, which is exact if the power iteration has converged.
fn spectral_norm(c: &mut Checks) {
    for shape in [vec![3, 2], vec![5, 3], vec![2, 2, 3, 3]] {
        let g = Graph::new();
        let mut net = Net::new(&g, "net", Start::Uniform, Mode::Train);
        net.spectral = true;
        let x = g.input("x", &shape);
        let y = if shape.len() == 2 { net.dense("a", x, 4) } else { net.conv2d("a", x, 4, [3, 1, 1], true) };
        let loss = y.tanh().square().sum_all();
        let leaves = [vec![x], net.parameters()].concat();
        g.commit();
        let mut r = Reference::default();
        for leaf in &leaves {
            let values = c.values(leaf.len());
            contents(&mut r, *leaf).copy_from_slice(&values);
        }
        r.states.insert("net.powers".into(), c.noise(64));
        for _ in 0..1000 {
            r.run(&g);
        }
        assert!(c.gradients(&format!("spectral norm, {shape:?}"), &r, loss, &leaves, SMALL));
        c.orders[0] += 1;
    }
}

const OBJECTIVES: [Objective; 6] = [
    Objective::Minimax,
    Objective::NonSaturating,
    Objective::Lsgan,
    Objective::Wgan,
    Objective::Hinge,
    Objective::Relativistic,
];

fn objectives(c: &mut Checks) {
    for o in OBJECTIVES {
        for batch in [1, 7] {
            for smooth in [0.0, 0.1] {
                let what = format!("{o:?}, smoothed by {smooth}");
                c.function(&what, &[&[batch, 1], &[batch, 1]], |x| {
                    objective::d_loss(o, x[0] * 1.7, x[1] * 1.7, smooth)
                });
            }
            c.function(&format!("{o:?}, generator"), &[&[batch, 1], &[batch, 1]], |x| {
                objective::g_loss(o, || x[0] * 1.7, x[1] * 1.7)
            });
        }
    }
}

#[test]
fn detach_blocks_and_what_is_not_reached_gets_zeros() {
    let g = Graph::new();
    let (x, y) = (g.input("x", &[3]), g.input("y", &[2, 1]));
    let r = Reference { inputs: [("x".into(), vec![1.0, -2.0, 3.0])].into(), ..Default::default() };
    let loss = (x * x.detach()).sum_all() + x.square().detach().sum_all() + (x.is_positive() * 2.0).sum_all();
    let gradients = grad(loss, &[x, y]);
    assert_eq!(r.value(gradients[0]), [1.0, -2.0, 3.0]);
    assert_eq!((gradients[1].shape(), r.value(gradients[1])), (vec![2, 1], vec![0.0, 0.0]));
    // Gradients with respect to an intermediate tensor, and with respect to one tensor twice.
    let middle = x * 3.0;
    let gradients = grad(middle.square().sum_all(), &[middle, x, middle]);
    assert_eq!(r.value(gradients[0]), [6.0, -12.0, 18.0]);
    assert_eq!(r.value(gradients[1]), [0.0; 3], "what lies below a tensor that is asked for is not looked at");
    assert_eq!(r.value(gradients[2]), r.value(gradients[0]));
    // Tied maxima share the gradient equally.
    let tied = (x.square() + x * x.detach() * -1.0).max(&[0]);
    let r = Reference { inputs: [("x".into(), vec![6.0, -3.0, 3.0])].into(), ..Default::default() };
    assert_eq!(r.value(grad(tied, &[x])[0]), [2.0, -1.0, 1.0]);
}

/// Checks the gradient of the discriminator's loss with respect to every parameter of a whole convolutional critic, in
/// the model's training round.
fn critic(assignments: &[&str]) {
    let common = ["size=16", "batch=3", "latent=2", "width=2", "norm_g=none", "norm_d=none"];
    let mut layer = Layer::default();
    common.iter().chain(assignments).for_each(|a| layer.assign(a).unwrap());
    let s = Settings::resolve(&[models::dcgan::VARIANT.menu()], &[layer]).unwrap();
    let examples = Examples { shape: vec![1, 16, 16], ..Default::default() };
    let model = (models::dcgan::VARIANT.build)(&s, &examples).unwrap();
    let g = model.round();
    let mut checks = Checks::default();
    let mut rng = Rng(5);
    let data =
        DataLayout { count: 8, item_len: 256, elements: Elements::Bytes, stack: 1, classes: 0, mirror: 0, ring: None };
    let mut r = Reference {
        clock: Clock { step: 0, seed: 3 },
        data: Some((data, rng.words(data.words()), vec![0])),
        ..Default::default()
    };
    let groups = g.groups();
    let first = |n: &Node| matches!(n.op, Op::State { item, version: 0, .. } if item != WHOLE);
    let states: Vec<Var> = g.nodes().iter().enumerate().filter(|(_, n)| first(n)).map(|(id, _)| g.at(id)).collect();
    for state in &states {
        // Values of a magnitude that preserves the signal: penalties of vanishing gradients would test nothing.
        let fan_in = (state.len() / state.shape()[0]).max(4) as f64;
        let values: Vec<f64> = checks.noise(state.len()).iter().map(|v| v * 2.5 / fan_in.sqrt()).collect();
        contents(&mut r, *state).copy_from_slice(&values);
    }
    let in_critic = |t: &Var| matches!(t.op(), Op::State { group, .. } if groups[group].name == "d");
    let parameters: Vec<Var> = states.into_iter().filter(in_critic).collect();
    let metric = g.metrics().iter().find(|(name, _)| name == "d_loss").unwrap().1;
    // What is recorded is the loss of the whole batch, which nothing is differentiated by.
    let loss = g.at(g.nodes()[metric].inputs[0]);
    assert!(checks.gradients(&format!("{assignments:?}"), &r, loss, &parameters, usize::MAX));
    println!("{assignments:?}: loss {:.3}, worst error / allowed {:.2e}", r.value(loss)[0], checks.worst);
}

#[test]
fn penalties_of_a_whole_critic_are_differentiated() {
    for norm in ["norm_d=none", "norm_d=layer"] {
        critic(&["objective=wgan", "gp=10", norm]);
        critic(&["r1=10", norm]);
        critic(&["objective=relativistic", "r1=1", "r2=2", norm]);
        critic(&["r1=10", "augment=colour,flip,translation,cutout", norm]);
        critic(&["r1=10", "augment=adaptive", norm]);
        critic(&["dragan=10", "augment=flip,translation", "cr=10", "cr_fake=5", norm]);
    }
}
