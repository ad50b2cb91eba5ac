//! Programs against the f64 interpreter of their graphs: fusion, placement and order change nothing.

use saddle::{
    cpu::Cpu,
    grad::grad,
    graph::{Graph, Init, Optimizer, Real, T},
    kernels::Caps,
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
    for split_sums in [false, true] {
        let program = plan(graph, &Caps { split_sums, ..Cpu::caps() }, None).unwrap();
        let mut cpu = Cpu::new();
        cpu.set_clock(0, 7).unwrap();
        let id = cpu.load(&program).unwrap();
        let mut reference = Reference { clock: [0, 7, 0, 0], ..Default::default() };
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
    assert!(program.steps.len() <= 10, "{program}");
    agrees(&g, 1, 2e-6);
}

#[test]
fn long_chains_are_cut() {
    let g = Graph::new();
    let inputs: Vec<T> = (0..12).map(|i| g.input(&format!("x{i}"), &[33])).collect();
    let mut y = inputs[0];
    for (i, x) in inputs.iter().enumerate().skip(1) {
        y = (y * *x + 0.1 * i as f64).tanh() - x.sigmoid();
    }
    g.output("y", y);
    agrees(&g, 1, 2e-6);
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
    let adam = Optimizer::Adam { beta1: Real::new(0.5), beta2: Real::new(0.999), eps: Real::new(1e-8) };
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
fn a_tensor_beyond_the_binding_limit_is_named() {
    let g = Graph::new();
    let x = g.input("x", &[1 << 20, 64]);
    g.output("y", x.exp());
    let message = plan(&g, &Caps::default(), None).unwrap_err().to_string();
    assert!(message.contains("256 MiB") && message.contains("at most 128 MiB"), "{message}");
}
