//! A gradient penalty through layer norm against central differences: composites at second order.

use saddle::{
    grad::grad,
    graph::{Graph, Init},
    reference::Reference,
};

#[test]
fn a_penalty_through_layer_norm_has_its_gradient() {
    let graph = Graph::new();
    let group = graph.group("d");
    let x = graph.input("x", &[4, 3]);
    let w = graph.state(group, "w", &[3, 5], Init::Const(0.0));
    let v = graph.state(group, "v", &[5, 5], Init::Const(0.0));
    let u = graph.state(group, "u", &[5, 1], Init::Const(0.0));
    let h = x.matmul(w);
    let h = h.normalize(h.moments(&[1]), &[1], 1e-5).tanh().matmul(v);
    let logits = h.normalize(h.moments(&[1]), &[1], 1e-5).tanh().matmul(u);
    let dx = grad(logits.sum_all(), &[x])[0];
    let norm = (dx.square().sum(&[1]) + 1e-12).sqrt();
    let penalty = (norm - 1.0).square().mean_all();
    let gradients = grad(penalty, &[w, v, u]);

    let mut seed = 1u32;
    let mut noise = |n: usize| -> Vec<f64> {
        let mut next = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f64::from(seed >> 8) / f64::from(1 << 24) - 0.5
        };
        (0..n).map(|_| next()).collect()
    };
    let mut reference = Reference { clock: [0; 4], ..Default::default() };
    reference.inputs.insert("x".into(), noise(12));
    let flat = noise(graph.groups()[group].len);
    let at = |flat: &[f64], t| {
        let mut moved = reference.clone();
        moved.states.insert("d".into(), flat.to_vec());
        moved.value(t)
    };
    let items = graph.groups()[group].items.clone();
    let step = 1e-5;
    for (item, gradient) in items.iter().zip(&gradients) {
        let exact = at(&flat, *gradient);
        for (i, exact) in exact.iter().enumerate() {
            let moved = |by: f64| {
                let mut flat = flat.clone();
                flat[item.offset + i] += by;
                at(&flat, penalty)[0]
            };
            // The third derivative is of order one: the differences are good to a step squared, and rounding to 1e-16 / step.
            let difference = (moved(step) - moved(-step)) / (2.0 * step);
            assert!(
                (exact - difference).abs() < 1e-6 * (1.0 + exact.abs()),
                "{} {i}: {exact} and {difference}",
                item.name
            );
        }
    }
}
