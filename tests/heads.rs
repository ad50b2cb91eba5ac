//! What networks see and give of the rows of a table: choices one-hot, then scalars.

mod common;

use std::fs;

use common::Rng;
use saddle::{
    data::{self, Options},
    graph::Graph,
    kernels::Clock,
    models::{Examples, parts::heads::Heads},
    nn::{Mode, Net, Start},
    reference::Reference,
    session,
    settings::Encode,
};

/// 90 rows: a category, a number with gaps, a number that is mostly one value, a number of which all count, a category.
const COLUMNS: &str = "kind,gap,peak,all,place";

fn row(n: usize) -> String {
    let gap = if n % 3 == 2 { String::new() } else { format!("{}.5", n * 7 % 60) };
    let peak = if n.is_multiple_of(4) { n * 3 + 1 } else { 0 };
    format!("{},{gap},{peak},{}.25,{}", ["a", "b", "c"][n % 3], n * 11 % 90, ["x", "y"][n % 2])
}

/// Examples of the rows with this encoding, and their values.
fn examples(encode: Encode, by_value: bool) -> (Examples, Vec<f64>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.csv");
    fs::write(&path, format!("{COLUMNS}\n{}\n", (0..90).map(row).collect::<Vec<_>>().join("\n"))).unwrap();
    let options = Options { encode: Some(encode), by_value, ..Options::default() };
    let set = data::open(path.to_str().unwrap(), &options).unwrap();
    let values = (0..set.len()).flat_map(|i| set.example(i)).map(f64::from).collect();
    (session::examples(&set), values)
}

fn heads(encode: Encode) -> Heads {
    examples(encode, false).0.heads().unwrap()
}

/// The interpreter with these values of inputs, and what nets have learned: numbers near 0.1.
fn reference(graph: &Graph, inputs: &[(&str, &[f64])]) -> Reference {
    let inputs = inputs.iter().map(|(name, values)| ((*name).into(), values.to_vec())).collect();
    let states = graph.groups().into_iter().map(|g| (g.name, (0..g.len).map(|n| 0.1 + 0.01 * n as f64).collect()));
    Reference { inputs, states: states.collect(), clock: Clock { step: 3, seed: 5 }, ..Default::default() }
}

fn noise(seed: u64, count: usize) -> Vec<f64> {
    Rng(seed).uniform(count, -2.0, 2.0).into_iter().map(f64::from).collect()
}

#[track_caller]
fn assert_near(got: &[f64], want: &[f64]) {
    assert_eq!(got.len(), want.len());
    for (n, (got, want)) in got.iter().zip(want).enumerate() {
        assert!((got - want).abs() < 1e-12 * (1.0 + want.abs()), "{n}: {got}, not {want}");
    }
}

fn softmax(scores: &[f64]) -> Vec<f64> {
    let sum: f64 = scores.iter().map(|x| x.exp()).sum();
    scores.iter().map(|x| x.exp() / sum).collect()
}

#[test]
fn the_layout_is_that_of_the_columns() {
    let heads = heads(Encode::Rank);
    // `gap` has its gap and its body, `peak` has 0 and its body, `all` has no choice.
    assert_eq!(heads.spans().collect::<Vec<_>>(), [(0, 3), (3, 2), (5, 2), (7, 2)]);
    assert_eq!(heads.counting().collect::<Vec<_>>(), [Some((1, 1)), Some((2, 1)), None]);
    assert_eq!((heads.width(), heads.one_hot(), heads.scalars(), heads.conditions()), (12, 9, 3, 0));
}

#[test]
fn rows_are_expanded_and_come_back() {
    for (encode, by_value) in [(Encode::Rank, false), (Encode::Modes, false), (Encode::Modes, true)] {
        let (examples, values) = examples(encode, by_value);
        // Rows that are drawn by their values are four times as many.
        let (heads, rows) = (examples.heads().unwrap(), if by_value { 360 } else { 90 });
        let graph = Graph::new();
        let x = graph.input("x", &[rows, values.len() / rows]);
        let expanded = heads.expanded(x);
        let r = reference(&graph, &[("x", &values)]);
        let (seen, back) = (r.value(expanded), r.value(heads.taken(expanded)));
        for (row, seen) in seen.chunks(heads.width()).enumerate() {
            for (choice, (at, len)) in heads.spans().enumerate() {
                let chosen = values[row * x.dim(1) + choice];
                let one_hot: Vec<f64> = (0..len).map(|n| f64::from(n as f64 == chosen)).collect();
                assert_eq!(seen[at..at + len], one_hot, "row {row}, choice {choice}");
            }
        }
        // The condition of a row is no part of what networks give.
        let is_condition = |n: usize| by_value && n % x.dim(1) + 1 == x.dim(1);
        let want: Vec<f64> = values.iter().enumerate().map(|(n, v)| if is_condition(n) { -1.0 } else { *v }).collect();
        assert_eq!(back, want, "{encode:?}");
        if by_value {
            let conditions = r.value(heads.condition(x));
            for (row, condition) in conditions.chunks(heads.conditions()).enumerate() {
                let place = condition.iter().position(|v| *v == 1.0).unwrap();
                assert_eq!((condition.iter().sum::<f64>(), place as f64), (1.0, values[(row + 1) * x.dim(1) - 1]));
                // The row has that value: places below 3 are of `kind`, the others of `place`, the last choice.
                let choices = &values[row * x.dim(1)..][..heads.spans().count()];
                let has = if place < 3 { choices[0] } else { 3.0 + choices[choices.len() - 1] };
                assert_eq!(has, place as f64, "row {row}");
            }
        }
    }
}

#[test]
fn a_value_that_is_not_known_is_nothing() {
    let heads = heads(Encode::Rank);
    let graph = Graph::new();
    let x = graph.input("x", &[1, 7]);
    let net = Net::new(&graph, "g", Start::Uniform, Mode::Train);
    let decoded = graph.input("decoded", &[1, heads.width()]);
    let log_p = heads.log_likelihood(&net, heads.expanded(x), decoded);
    let of = |kind: f64, decoded: &[f64]| {
        let r = reference(&graph, &[("x", &[kind, 0.0, 0.0, 1.0, 9.0, 9.0, 0.3]), ("decoded", decoded)]);
        (r.value(heads.expanded(x))[..3].to_vec(), r.value(log_p)[0])
    };
    let logits = noise(1, heads.width());
    let mut others = logits.clone();
    others[..3].copy_from_slice(&[9.0, -9.0, 0.0]);
    assert_eq!(of(-1.0, &logits), (vec![0.0; 3], of(-1.0, &others).1), "it costs nothing, whatever is predicted");
    assert!(of(0.0, &logits).1 != of(0.0, &others).1);
}

#[test]
fn softmax_and_cross_entropy_are_those_of_each_column() {
    for encode in [Encode::Rank, Encode::Modes] {
        let (examples, values) = examples(encode, false);
        let (heads, rows) = (examples.heads().unwrap(), 90);
        let graph = Graph::new();
        let net = Net::new(&graph, "g", Start::Uniform, Mode::Train);
        let x = graph.input("x", &[rows, values.len() / rows]);
        let decoded = graph.input("decoded", &[rows, heads.width()]);
        let (mean, log_p) = (heads.mean(decoded), heads.log_likelihood(&net, heads.expanded(x), decoded));
        let given = noise(2, decoded.len());
        let r = reference(&graph, &[("x", &values), ("decoded", &given)]);
        let (mean, log_p) = (r.value(mean), r.value(log_p));
        for row in 0..rows {
            let (x, y) = (&values[row * x.dim(1)..][..x.dim(1)], &given[row * heads.width()..][..heads.width()]);
            let choices = heads.spans().count();
            let mut wanted = vec![];
            let mut sum = 0.0;
            for (choice, (at, len)) in heads.spans().enumerate() {
                let shares = softmax(&y[at..at + len]);
                sum += shares[x[choice] as usize].ln();
                wanted.extend(shares);
            }
            for (n, counting) in heads.counting().enumerate() {
                let y = y[heads.one_hot() + n];
                let middle = if encode == Encode::Modes { y.tanh() } else { y };
                wanted.push(middle);
                // The parameter is the deviation of a mode, and the logarithm of that of ranks.
                let parameter = 0.1 + 0.01 * n as f64;
                let deviation = if encode == Encode::Modes { parameter } else { parameter.exp() };
                if counting.is_none_or(|(choice, first)| x[choice] as usize >= first) {
                    let z = (x[choices + n] - middle) / deviation;
                    sum -= deviation.ln() + 0.5 * z * z + 0.5 * std::f64::consts::TAU.ln();
                }
            }
            assert_near(&mean[row * heads.width()..][..heads.width()], &wanted);
            assert_near(&[log_p[row]], &[sum]);
        }
    }
}

#[test]
fn a_scalar_counts_only_where_its_choice_says_so() {
    let heads = heads(Encode::Rank);
    let graph = Graph::new();
    let net = Net::new(&graph, "g", Start::Uniform, Mode::Train);
    let x = graph.input("x", &[1, 7]);
    let decoded = graph.input("decoded", &[1, heads.width()]);
    let log_p = heads.log_likelihood(&net, heads.expanded(x), decoded);
    let given = noise(3, heads.width());
    let of = |gap: f64, peak: f64, scalars: [f64; 3]| {
        let row = [&[1.0, gap, peak, 0.0], &scalars[..]].concat();
        reference(&graph, &[("x", &row), ("decoded", &given)]).value(log_p)[0]
    };
    // Choice 0 of both is special, 1 is the body.
    for [gap, peak] in [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]] {
        let all = of(gap, peak, [0.0; 3]);
        assert_eq!(of(gap, peak, [0.7, 0.0, 0.0]) != all, gap == 1.0);
        assert_eq!(of(gap, peak, [0.0, 0.7, 0.0]) != all, peak == 1.0);
        assert!(of(gap, peak, [0.0, 0.0, 0.7]) != all);
    }
}

#[test]
fn draws_follow_the_probabilities() {
    let heads = heads(Encode::Rank);
    let (rows, graph) = (20_000, Graph::new());
    let net = Net::new(&graph, "g", Start::Uniform, Mode::Train);
    let scores = noise(4, heads.width());
    let decoded = graph.input("decoded", &[heads.width()]).along(1, &[rows, heads.width()]);
    let [drawn, likeliest] =
        [(1.0, true), (0.0, false)].map(|(noise, deviates)| heads.taken(heads.drawn(&net, decoded, noise, deviates)));
    let r = reference(&graph, &[("decoded", &scores)]);
    let (drawn, likeliest) = (r.value(drawn), r.value(likeliest));
    // Five standard errors.
    let within = |share: f64| 5.0 * (share * (1.0 - share) / rows as f64).sqrt();
    for (choice, (at, len)) in heads.spans().enumerate() {
        let shares = softmax(&scores[at..at + len]);
        for (value, share) in shares.iter().enumerate() {
            let count = |rows: &[f64]| rows.chunks(7).filter(|row| row[choice] == value as f64).count();
            let found = count(&drawn) as f64 / rows as f64;
            assert!((found - share).abs() < within(*share), "{choice}: {value} has {found}, not {share}");
            let is_greatest = shares.iter().all(|other| other <= share);
            assert_eq!(count(&likeliest), if is_greatest { rows } else { 0 });
        }
    }
    for scalar in 0..3 {
        let values: Vec<f64> = drawn.chunks(7).map(|row| row[4 + scalar]).collect();
        let mean = values.iter().sum::<f64>() / rows as f64;
        let deviation = (values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / rows as f64).sqrt();
        let wanted = (0.1 + 0.01 * scalar as f64).exp();
        assert!((mean - scores[9 + scalar]).abs() < 5.0 * wanted / (rows as f64).sqrt(), "{scalar}: {mean}");
        assert!((deviation / wanted - 1.0).abs() < 5.0 / (2.0 * rows as f64).sqrt(), "{scalar}: {deviation}");
        assert!(likeliest.chunks(7).all(|row| row[4 + scalar] == scores[9 + scalar]), "without noise");
    }
}

#[test]
fn corrections_move_logits_and_bend_scalars() {
    let heads = heads(Encode::Rank);
    let graph = Graph::new();
    let decoded = graph.input("decoded", &[2, heads.width()]);
    let (corrected, mapped) = (heads.corrected(&graph, decoded), heads.mapped(&graph, decoded));
    let given = noise(6, decoded.len());
    let mut r = reference(&graph, &[("decoded", &given)]);
    let states = r.states.get_mut("calibration").unwrap();
    states.fill(0.0);
    let group = graph.groups().into_iter().find(|group| group.name == "calibration").unwrap();
    let mut set = |name: &str, n: usize, value: f64| {
        let item = group.items.iter().find(|item| item.name == name).unwrap();
        states[item.offset + n] = value;
    };
    set("offsets", 4, 0.75);
    set("shift", 1, -0.5);
    // The third knot of the second scalar.
    let knots = saddle::models::parts::heads::KNOTS;
    set("at", knots + 2, -1.0);
    set("bends", knots + 2, 2.0);
    for (row, given) in given.chunks(12).enumerate() {
        let mut wanted = given.to_vec();
        wanted[4] += 0.75;
        assert_near(&r.value(corrected)[row * 12..][..12], &wanted);
        let mut wanted = given.to_vec();
        wanted[10] += -0.5 + 2.0 * (given[10] + 1.0).max(0.0);
        assert_near(&r.value(mapped)[row * 12..][..12], &wanted);
    }
}

#[test]
fn deviations_of_modes_stay_in_their_bounds() {
    for (encode, kept) in [(Encode::Modes, [0.01, 0.5, 1.0]), (Encode::Rank, [-3.0, 0.5, 1.5])] {
        let heads = heads(encode);
        let graph = Graph::build(|graph| {
            let net = Net::new(graph, "g", Start::Uniform, Mode::Train);
            let decoded = graph.input("decoded", &[90, heads.width()]);
            heads.log_likelihood(&net, decoded, decoded);
            heads.keep(&net);
            graph.commit();
        });
        let mut r = reference(&graph, &[("decoded", &vec![0.0; 90 * heads.width()])]);
        r.states.get_mut("g").unwrap()[..3].copy_from_slice(&[-3.0, 0.5, 1.5]);
        r.run(&graph);
        assert_near(&r.states["g"][..3], &kept);
    }
}

#[test]
fn conditions_cost_the_cross_entropy_of_their_own_choice() {
    let (examples, values) = examples(Encode::Modes, true);
    let (heads, rows) = (examples.heads().unwrap(), 360);
    assert_eq!((heads.conditions(), values.len() % rows), (5, 0));
    let graph = Graph::new();
    let x = graph.input("x", &[rows, values.len() / rows]);
    let decoded = graph.input("decoded", &[rows, heads.width()]);
    let loss = heads.condition_loss(decoded, heads.condition(x));
    let given = noise(7, decoded.len());
    let r = reference(&graph, &[("x", &values), ("decoded", &given)]);
    let last = heads.spans().count() - 1;
    let nats = |row: usize| {
        let (condition, y) = (values[(row + 1) * x.dim(1) - 1] as usize, &given[row * heads.width()..]);
        let (choice, value) = if condition < 3 { (0, condition) } else { (last, condition - 3) };
        let (at, len) = heads.spans().nth(choice).unwrap();
        -softmax(&y[at..at + len])[value].ln()
    };
    assert_near(&[r.value(loss)[0]], &[(0..rows).map(nats).sum::<f64>() / rows as f64]);
}
