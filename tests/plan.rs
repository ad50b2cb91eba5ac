//! Programs against the f64 interpreter of their graphs: fusion, placement and order do not change results.

use saddle::{
    cpu::Cpu,
    grad::grad,
    graph::{Field, Graph, Init, Optimizer, Real, Var},
    kernels::{
        Caps, Clock,
        gather::{DataLayout, Elements},
    },
    plan::plan,
    reference::Reference,
    runner::Runner,
};

fn noise(n: usize, seed: u32) -> Vec<f32> {
    let mut s = seed.wrapping_mul(2654435761).wrapping_add(12345);
    let mut next = || {
        s = s.wrapping_mul(1664525).wrapping_add(1013904223);
        (s >> 8) as f32 / (1 << 24) as f32 - 0.5
    };
    (0..n).map(|_| next()).collect()
}

/// Plans for both kinds of runner, runs on the CPU with all inputs and states random, compares every output and state.
fn agrees(graph: &Graph, rounds: usize, tolerance: f64) {
    for gpu in [false, true] {
        let program = plan(
            graph,
            &Caps { needs_many_workgroups: gpu, launches_are_expensive: gpu, runs_shaders: gpu, ..Cpu::caps() },
            None,
        )
        .unwrap();
        let (mut cpu, clock) = (Cpu::new(), Clock { step: 0, seed: 7 });
        cpu.set_clock(clock).unwrap();
        let id = cpu.load(&program).unwrap();
        let mut reference = Reference { clock, ..Default::default() };
        for (i, node) in graph.nodes().iter().enumerate() {
            if let saddle::graph::Op::Input(name) = &node.op {
                let data = noise(node.shape.iter().product(), i as u32);
                cpu.write_input(id, name, &data).unwrap();
                reference.inputs.insert(name.clone(), data.iter().map(|&v| v as f64).collect());
            }
        }
        for (g, group) in
            graph.groups().iter().enumerate().filter(|(_, g)| program.items.iter().any(|i| i.state == g.name))
        {
            let mut flat = vec![0.0; group.len];
            for item in &group.items {
                let n: usize = item.shape.iter().product();
                flat[item.offset..item.offset + n].copy_from_slice(&noise(n, 1000 + g as u32 + item.offset as u32));
            }
            cpu.write_state(&group.name, 0, &flat).unwrap();
            reference.states.insert(group.name.clone(), flat.iter().map(|&v| v as f64).collect());
        }
        let mut values = vec![];
        for _ in 0..rounds {
            values = reference.run(graph);
        }
        cpu.run(id, rounds).unwrap();
        for (name, node) in graph.outputs() {
            close(&name, &cpu.read_output(id, &name).unwrap(), &values[node], tolerance, &program);
        }
        for group in graph.groups().iter().filter(|g| program.items.iter().any(|i| i.state == g.name)) {
            let got = cpu.read_state(&group.name, 0, group.len).unwrap();
            close(&group.name, &got, &reference.states[&group.name], tolerance, &program);
        }
        let rows = cpu.metrics(id).unwrap();
        if let Some(row) = rows.last() {
            assert_eq!(rows.len(), rounds);
            for ((name, node), got) in graph.metrics().iter().zip(row) {
                close(name, &[*got], &values[*node], tolerance, &program);
            }
        }
    }
}

fn close(name: &str, got: &[f32], want: &[f64], tolerance: f64, program: &saddle::program::Program) {
    assert_eq!(got.len(), want.len(), "{name}");
    let scale = want.iter().fold(1e-3, |a: f64, b| a.max(b.abs()));
    for (i, (g, w)) in got.iter().zip(want).enumerate() {
        assert!((*g as f64 - w).abs() <= tolerance * scale, "{name}[{i}]: {g} for {w}\n{program}");
    }
}

#[test]
fn views_and_broadcasts_are_read_in_place() {
    let g = Graph::new();
    let x = g.input("x", &[2, 3, 4, 5]);
    let c = g.input("c", &[3]);
    let m = g.input("m", &[5, 4]);
    let y = x * c.along(1, &x.shape()) + m.permute(&[1, 0]).broadcast(&x.shape(), &[0, 1]);
    g.output("y", y);
    g.output("slice", (y.slice(&[0, 1, 1, 0], &[2, 2, 2, 5]).reshape(&[4, 10]) * 2.0).tanh());
    g.output("flat", x.permute(&[0, 2, 3, 1]).reshape(&[40, 3]) + 1.0);
    g.output("pad", c.pad(&[2], &[7]) * 3.0);
    g.output("sum", (x * y).sum(&[0, 2, 3]));
    g.output("trailing", x.sum(&[2, 3]) * 0.25);
    g.output("leading", x.exp().sum(&[0]));
    g.output("max", x.max(&[1, 3]));
    g.output("all", (x - 0.5).square().mean_all());
    let program = plan(&g, &Cpu::caps(), None).unwrap();
    assert!(program.launches.len() <= 10, "{program}");
    agrees(&g, 1, 2e-6);
}

#[test]
fn ranges_that_can_be_bound_are_read_where_they_lie() {
    let g = Graph::new();
    let (x, w) = (g.input("x", &[6, 5]), g.input("w", &[5, 64]));
    let y = x.matmul(w);
    let rows = |first: usize, count: usize| y.slice(&[first, 0], &[count, 64]);
    g.output("gram", rows(1, 2).matmul(rows(3, 2).transpose()));
    g.output("row", rows(5, 1).reshape(&[64]));
    g.output("part of a part", rows(2, 3).slice(&[1, 0], &[2, 64]).reshape(&[8, 16]).matmul(w.reshape(&[16, 20])));
    let program = plan(&g, &Cpu::caps(), None).unwrap();
    assert_eq!(program.launches.len(), 3, "{program}");
    agrees(&g, 1, 1e-5);
    // Neither a range with an offset that cannot be bound, nor columns.
    g.output("odd", x.matmul(w.slice(&[0, 0], &[5, 20])).slice(&[1, 0], &[5, 20]).matmul(w.reshape(&[20, 16])));
    g.output("columns", y.slice(&[0, 0], &[6, 5]).matmul(w));
    let program = plan(&g, &Cpu::caps(), None).unwrap();
    assert_eq!(program.launches.len(), 3 + 6, "{program}");
    agrees(&g, 1, 1e-5);
}

#[test]
fn constants_are_filled_once() {
    let g = Graph::new();
    let (x, ones) = (g.input("x", &[3, 4]), g.full(1.0, &[4, 5]));
    let y = x.matmul(ones);
    g.output("y", y);
    g.output("more", y.matmul(g.full(1.0, &[5, 7])));
    g.output("zero", y.matmul(g.full(0.0, &[5, 7])));
    g.output("joined", g.full(1.0, &[2, 5]).concat(y, 0));
    let program = plan(&g, &Cpu::caps(), None).unwrap();
    // Two products; two paddings and a sum join them.
    assert_eq!(program.launches.len(), 2 + 3, "{program}");
    agrees(&g, 2, 1e-5);
}

#[test]
fn long_chains_are_cut() {
    let g = Graph::new();
    let inputs: Vec<Var> = (0..12).map(|i| g.input(&format!("x{i}"), &[33])).collect();
    let mut y = inputs[0];
    for (i, x) in inputs.iter().enumerate().skip(1) {
        y = (y * *x + 0.1 * i as f64).tanh() - x.sigmoid();
    }
    g.output("y", y);
    agrees(&g, 1, 2e-6);
}

#[test]
fn chains_of_any_length_are_cut() {
    let g = Graph::new();
    let (x, w) = (g.input("x", &[7]), g.input("w", &[7]));
    let long = (0..2000).fold(x, |y, _| (y * 0.5 + w).tanh());
    let sum = (0..900).map(|n| (x * w + f64::from(n)).sigmoid()).reduce(|a, b| a + b).unwrap();
    g.output("long", long);
    g.output("sum", sum);
    agrees(&g, 1, 1e-5);
}

#[test]
fn norms_softmax_and_their_gradients() {
    let g = Graph::new();
    let x = g.input("x", &[6, 3, 5, 5]);
    let w = g.input("w", &[6, 3, 5, 5]);
    for (name, axes) in [("batch", vec![0, 2, 3]), ("layer", vec![1, 2, 3])] {
        let y = x.normalize(x.moments(&axes), &axes, 1e-5);
        g.output(name, y.leaky_relu(0.2));
        g.output(&format!("{name} grad"), grad((y.leaky_relu(0.2) * w).sum_all(), &[x])[0]);
    }
    let logits = g.input("logits", &[7, 5]);
    let targets = g.input("targets", &[7, 5]).softmax();
    g.output("softmax", logits.softmax());
    g.output("cross", logits.cross_entropy(targets));
    g.output("cross grad", grad(logits.cross_entropy(targets).mean_all(), &[logits])[0]);
    agrees(&g, 1, 1e-5);
}

#[test]
fn products_take_epilogues_and_transposes() {
    let g = Graph::new();
    let (a, b, bias) = (g.input("a", &[7, 5]), g.input("b", &[5, 9]), g.input("bias", &[9]));
    let y = (a.matmul(b) + bias.along(1, &[7, 9])).leaky_relu(0.2);
    g.output("y", y);
    let grads = grad(y.square().sum_all(), &[a, b, bias]);
    g.output("da", grads[0]);
    g.output("db", grads[1]);
    g.output("dbias", grads[2]);
    g.output("at", a.transpose().matmul(a) + 1.0);
    let x = g.input("x", &[2, 3, 7, 7]);
    let w = g.input("w", &[4, 3, 4, 4]);
    let c = x.conv2d(w, 2, 1).relu();
    g.output("c", c);
    g.output("t", c.conv_transpose2d(w, 2, 1).tanh());
    let grads = grad(c.conv_transpose2d(w, 2, 1).square().sum_all(), &[x, w]);
    g.output("dx", grads[0]);
    g.output("dw", grads[1]);
    agrees(&g, 1, 1e-5);
}

#[test]
fn states_update_in_order() {
    let g = Graph::new();
    let x = g.input("x", &[8, 4]);
    let (net, ema, count) = (g.group("net"), g.group("ema"), g.group("count"));
    let forward = |g: &Graph| -> (usize, usize) {
        let w = g.state(net, "w", &[3, 4], Init::Const(0.0));
        let b = g.state(net, "b", &[3], Init::Const(0.0));
        (w.id(), b.id())
    };
    let adam =
        Optimizer::Adam { beta1: Real::new(0.5), beta2: Real::new(0.999), eps: Real::new(1e-8), decay: Real::new(0.0) };
    for step in 0..2 {
        let (w, b) = forward(&g);
        let (w, b) = (g.at(w), g.at(b));
        let y = x.matmul(w.transpose()) + b.along(1, &[8, 3]);
        let loss = (y.tanh() - 0.3).square().mean_all();
        g.metric(&format!("loss{step}"), loss);
        let grads = grad(loss, &[w, b]);
        let flat = g.pack(net, &grads);
        let norm = (flat.square().sum_all() + 1e-12).sqrt();
        g.update(net, adam, flat * norm.recip(), g.scalar(0.01) * (1.0 - g.clock() * 0.1));
    }
    g.state(ema, "w", &[3, 4], Init::Const(0.0));
    g.state(ema, "b", &[3], Init::Const(0.0));
    let old = g.flat(ema);
    g.assign(old, g.flat(net) + (old - g.flat(net)) * 0.9);
    let n = g.state(count, "n", &[], Init::Const(0.0));
    g.assign(n, n + 1.0);
    g.commit();
    g.assign(g.flat(net), g.flat(net).clamp(0.4));
    g.commit();
    agrees(&g, 3, 1e-5);
}

#[test]
fn a_view_from_before_an_update_keeps_the_old_value() {
    let g = Graph::new();
    let s = g.group("s");
    let w = g.state(s, "w", &[3, 2], Init::Const(0.0));
    let (old, sum) = (w.transpose(), w.sum(&[0]));
    g.assign(w, w * 2.0 + 1.0);
    g.commit();
    g.output("difference", g.items(s)[0].transpose() - old);
    g.output("sum", sum.along(1, &[4, 2]) + old.sum(&[1]).along(1, &[4, 2]));
    agrees(&g, 2, 1e-6);
}

/// A view of a state shares the state's memory, unless the state changes before the view is read.
#[test]
fn a_renamed_state_from_before_an_update_keeps_the_old_value() {
    let g = Graph::new();
    let s = g.group("s");
    let w = g.state(s, "w", &[2, 64], Init::Const(0.0));
    let x = g.input("x", &[1, 2]);
    let (old, row) = (w.reshape(&[2, 64]).reshape(&[64, 2]), w.slice(&[1, 0], &[1, 64]).reshape(&[64, 1]));
    g.output("early", old.matmul(x.reshape(&[2, 1])));
    // A product reads a transposed view in place.
    let transposed = w.transpose();
    let early = transposed.matmul(x.reshape(&[2, 1]) * 4.0);
    g.assign(w, w * 2.0 + 1.0);
    g.commit();
    g.output("late", old.matmul(x.reshape(&[2, 1]) * 2.0));
    g.output("late transpose", transposed.matmul(x.reshape(&[2, 1]) * 3.0));
    g.output("late epilogue", early + g.items(s)[0].slice(&[0, 0], &[1, 1]).reshape(&[]) * 2.0);
    g.output("late row", row.matmul(x));
    g.output("new row", g.items(s)[0].slice(&[1, 0], &[1, 64]).reshape(&[64, 1]).matmul(x));
    agrees(&g, 2, 1e-6);
}

#[test]
fn an_old_value_that_the_host_reads_is_kept() {
    let g = Graph::new();
    let s = g.group("s");
    let [w, v] = ["w", "v"].map(|name| g.state(s, name, &[3], Init::Const(0.0)));
    let n = g.state(g.group("n"), "n", &[], Init::Const(0.0));
    g.output("old", w);
    g.output("untouched", v);
    g.metric("n", n);
    // One launch cannot both read and write the buffer that holds w and v.
    g.assign(w, v);
    g.assign(n, n + 1.0);
    g.commit();
    g.output("new", g.items(s)[0]);
    agrees(&g, 2, 1e-6);
}

/// Views that the digits of an index cannot describe are copied.
#[test]
fn every_reshape_pad_slice_and_permutation_of_four_axes_plans() {
    let across = |x: Var, to: &[usize]| {
        let g = x.graph();
        let y = x.reshape(to);
        g.output(&format!("{to:?}"), y);
        g.output(&format!("{to:?} squared"), y.square() + 0.5);
        g.output(&format!("{to:?} of another"), (x * 2.0).reshape(to) + x.square().reshape(to));
        g.output(&format!("{to:?} gradient"), grad((y.square() * y).sum_all(), &[x])[0]);
        g.output(&format!("{to:?} summed"), y - y.sum(&[0]).broadcast(to, &[0]));
    };
    let g = Graph::new();
    let (x, y) = (g.input("x", &[4, 3, 5]), g.input("y", &[16, 9]));
    across(x, &[10, 6]);
    across(x.permute(&[2, 0, 1]), &[6, 10]);
    across(x.slice(&[1, 0, 1], &[3, 3, 4]), &[9, 4]);
    across(x.slice(&[1, 0, 1], &[3, 3, 4]).permute(&[1, 2, 0]), &[2, 9, 2]);
    across(y, &[24, 6]);
    across(y.transpose(), &[18, 8]);
    across(y.pad(&[0, 1], &[16, 12]), &[24, 8]);
    across(y.slice(&[1, 2], &[15, 6]).concat(y.slice(&[0, 0], &[15, 6]), 1), &[9, 20]);
    across(g.input("z", &[8, 5]).broadcast(&[3, 8, 5], &[0]), &[24, 5]);
    // Axes that stay adjacent in every view are merged, so any number of them is possible.
    let six = g.input("six", &[2, 3, 2, 2, 3, 2]);
    across(six.permute(&[3, 4, 5, 0, 1, 2]), &[9, 16]);
    across(six.slice(&[0, 0, 1, 0, 0, 0], &[2, 3, 1, 2, 3, 2]), &[8, 9]);
    across(six.pad(&[0, 0, 1, 0, 0, 0], &[2, 3, 4, 2, 3, 2]), &[32, 9]);
    across(six.pad(&[0, 0, 0, 1, 0, 0], &[2, 3, 2, 4, 3, 2]), &[9, 32]);
    agrees(&g, 1, 1e-5);
}

#[test]
fn more_than_four_axes_apart_are_refused_in_a_sentence() {
    let x = [2, 3, 2, 3, 2, 3];
    refused(&Cpu::caps(), None, &["Permute", "more than 4 axes that do not merge", "several steps"], |g| {
        g.output("y", g.input("x", &x).permute(&[5, 4, 3, 2, 1, 0]).exp());
    });
    refused(&Cpu::caps(), None, &["pad", "[3, 4, 3, 4, 3, 4]", "several steps"], |g| {
        g.output("y", g.input("x", &x).pad(&[1; 6], &[3, 4, 3, 4, 3, 4]));
    });
}

#[test]
fn a_stale_read_is_refused() {
    let g = Graph::new();
    let s = g.group("s");
    let w = g.state(s, "w", &[3], Init::Const(0.0));
    g.assign(w, w + 1.0);
    g.commit();
    g.output("late", w * 2.0);
    let message = plan(&g, &Cpu::caps(), None).unwrap_err().to_string();
    assert!(message.contains("s.w after it was overwritten"), "{message}");
}

#[test]
fn sums_of_many_products_are_cut_into_ranges() {
    // 70,000 terms in three ranges, with zeros after the last; 65,536 in two.
    for terms in [70_000, 65_536] {
        let g = Graph::new();
        let (x, w) = (g.input("x", &[2, 3, terms]), g.input("w", &[2, terms, 4]));
        let y = x.matmul(w);
        g.output("y", (y + 1.0).tanh());
        g.output("left transposed", g.input("x'", &[terms, 3]).permute(&[1, 0]).matmul(g.input("w'", &[terms, 2])));
        g.output("right transposed", g.input("a", &[3, terms]).matmul(g.input("b", &[2, terms]).permute(&[1, 0])));
        // The gradient of a product in x sums over n, and in w over m.
        let (long, seed) = (g.input("long", &[3, 2]), g.input("seed", &[3, terms]));
        let wide = long.matmul(g.input("wide", &[2, terms]));
        g.output("gradient", grad((wide * seed).sum_all(), &[long])[0] + long);
        let (tall, seed) = (g.input("tall", &[terms, 2]), g.input("tall seed", &[terms, 3]));
        let w = g.input("w of tall", &[2, 3]);
        g.output("gradient of w", grad((tall.matmul(w) * seed).sum_all(), &[w])[0] + w);
        let program = plan(&g, &Caps::default(), None).unwrap();
        assert!(program.launches.iter().all(|launch| launch.kernel.obstacle().is_none()), "{program}");
        agrees(&g, 1, 1e-4);
    }
}

#[test]
fn groups_beyond_the_binding_limit_are_updated_in_parts() {
    let build = |g: &Graph| {
        let p = g.group("p");
        g.state(p, "a", &[500], Init::Const(0.5));
        g.state(p, "b", &[7, 90], Init::Const(0.25));
        let loss = g.items(p).into_iter().map(|t| (t * t * t).mean_all()).reduce(|a, b| a + b).unwrap();
        let flat = g.pack(p, &grad(loss, &g.items(p)));
        let adam = Optimizer::Adam {
            beta1: Real::new(0.5),
            beta2: Real::new(0.9),
            eps: Real::new(1e-8),
            decay: Real::new(0.0),
        };
        g.update(p, adam, flat, g.scalar(0.1));
        g.metric("loss", loss);
    };
    let result = |max_binding| {
        let g = Graph::new();
        build(&g);
        let program = plan(&g, &Caps { max_binding, ..Cpu::caps() }, None).unwrap();
        let updates = program.launches.iter().filter(|launch| launch.kernel.name() == "adam").count();
        let mut cpu = Cpu::new();
        let id = cpu.load(&program).unwrap();
        cpu.write_state("p", 0, &noise(1142, 1)).unwrap();
        cpu.run(id, 3).unwrap();
        (updates, cpu.read_state("p", 0, 1142).unwrap(), cpu.metrics(id).unwrap())
    };
    let (whole, parts) = (result(1 << 20), result(2560));
    assert_eq!((whole.0, parts.0), (1, 2));
    assert!(whole.1 == parts.1 && whole.2 == parts.2);
}

/// Asserts that the graph is refused with a sentence that has these words.
#[track_caller]
fn refused(caps: &Caps, data: Option<DataLayout>, words: &[&str], build: impl Fn(&Graph)) {
    let g = Graph::new();
    build(&g);
    let sentence = plan(&g, caps, data).unwrap_err().to_string();
    assert!(words.iter().all(|word| sentence.contains(word)), "{words:?} are not all in: {sentence}");
}

#[test]
fn what_outgrows_a_device_is_refused_by_name() {
    let (least, large) = (Caps::default(), Caps { max_binding: u32::MAX.into(), ..Caps::default() });
    refused(&least, None, &["[1048576, 64] (matmul) takes 256.0 MiB", "at most 128.0 MiB", "smaller batch"], |g| {
        g.output("y", g.input("x", &[1 << 20, 1]).matmul(g.input("w", &[1, 64])));
    });
    let data = DataLayout {
        count: 60_000,
        item_len: 3 << 14,
        elements: Elements::Bytes,
        stack: 1,
        classes: 0,
        mirror: 0,
        ring: None,
    };
    let batch = |g: &Graph| g.output("x", g.batch(g.draw(), Field::Items, &[4, 3, 128, 128]));
    refused(&least, Some(data), &["data set takes 2812.5 MiB", "at most 128.0 MiB", "fewer or smaller"], batch);
    let data = DataLayout {
        count: 1 << 31,
        item_len: 1,
        elements: Elements::Bytes,
        stack: 1,
        classes: 0,
        mirror: 0,
        ring: None,
    };
    refused(&large, Some(data), &["2147483648 examples"], |g| g.output("x", g.batch(g.draw(), Field::Items, &[4, 1])));
    refused(&large, None, &["(conv2d): a sum of 16777216 products"], |g| {
        g.output("y", g.input("x", &[1, 1 << 24, 1, 1]).conv2d(g.input("w", &[1, 1 << 24, 1, 1]), 1, 0));
    });
    refused(&large, None, &["(moments): a reduction over 33554432 elements"], |g| {
        g.output("y", g.input("x", &[1 << 25, 2]).moments(&[0]));
    });
    refused(&large, None, &["(softmax): rows of 16777216 values"], |g| {
        g.output("y", g.input("x", &[1, 1 << 24]).softmax());
    });
    refused(&large, None, &["(reduce", "where 4 axes of either"], |g| {
        g.output("y", g.input("x", &[2, 3, 2, 3, 2, 3, 2, 3, 2, 3]).sum(&[1, 3, 5, 7, 9]));
    });
    refused(&large, None, &["(reduce): a reduction of 4294967296 elements"], |g| {
        let square = [1 << 16, 1 << 16];
        g.output(
            "y",
            (g.input("a", &[1 << 16]).along(0, &square) * g.input("b", &[1 << 16]).along(1, &square)).sum_all(),
        );
    });
    refused(&Caps { max_groups: 3, ..large }, None, &["(pointwise): 12 workgroups, where this adapter runs 9"], |g| {
        g.output("y", g.input("x", &[10 * 256]).exp());
    });
}

/// A constant above the largest f32 has no literal in WGSL.
#[test]
fn a_constant_that_no_shader_can_hold_is_refused() {
    let graph = Graph::build(|g| g.output("y", g.input("x", &[3]) * 1e300));
    let said = plan(&graph, &Caps::default(), None).unwrap_err().to_string();
    assert!(said.contains("has the constant inf"), "{said}");
    assert!(plan(&graph, &Cpu::caps(), None).is_ok());
}

/// Two biases of one sum have the same gradient tensor, and one value can be recorded under two names.
#[test]
fn one_tensor_goes_to_two_places() {
    let g = Graph::new();
    let p = g.group("p");
    let (a, b) = (g.state(p, "a", &[5], Init::Const(0.0)), g.state(p, "b", &[5], Init::Const(0.0)));
    let y = g.input("x", &[3, 5]) + a.along(1, &[3, 5]) + b.along(1, &[3, 5]);
    let loss = y.square().sum_all();
    let flat = g.pack(p, &grad(loss, &g.items(p)));
    g.update(p, Optimizer::Sgd { momentum: Real::new(0.5) }, flat, g.scalar(0.1));
    g.metric("loss", loss);
    g.metric("again", loss);
    agrees(&g, 2, 1e-5);
}
