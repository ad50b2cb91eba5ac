//! Adam, SGD and RMSProp: one dispatch for a flat group.
mod common;
mod probe;

use common::{Bound, EPS, Inputs, Rng, TINY, check, check_with, device};
use saddle::kernels::{Adam, Caps, RmsProp, Sgd, Spec};

const LENGTHS: [usize; 22] =
    [1, 2, 3, 5, 7, 31, 63, 64, 65, 127, 251, 255, 256, 257, 509, 512, 1021, 4099, 10_007, 65_536, 65_537, 131_071];

/// Errors by WGSL's accuracy table, in units of EPS: a division 2.5, a square root 4.5, a rounded constant 0.5.
fn adam_bounds(adam: &Adam, data: &[Vec<f32>], state: &[Vec<f32>], rate: f64, step: u32) -> Vec<Vec<f64>> {
    let t = step as f64 * adam.of as f64 + adam.count as f64 + 1.0;
    let (c1, c2) = (-(t * adam.beta1.ln()).exp_m1(), -(t * adam.beta2.ln()).exp_m1());
    let mut bounds = vec![vec![]; 3];
    for n in 0..adam.len {
        let [g, p, m, v] = [data[0][n], state[0][n], state[1][n], state[2][n]].map(f64::from);
        let change = (1.0 - adam.beta1) * (g - m);
        let (new_m, new_v) = (m + change, adam.beta2 * v + (1.0 - adam.beta2) * g * g);
        let error_m = EPS * (2.0 * change.abs() + (1.0 - adam.beta1) * (g.abs() + m.abs()) + new_m.abs()) + TINY;
        let below = (new_v / c2).sqrt() + adam.eps;
        // rate / c1 * m / below: two divisions and a product; c1 to 3e-7; below: two roots, a division, a sum, half of v's 4 EPS
        let delta = rate / c1 * new_m / below;
        let relative = 6.0 * EPS + 3e-7 + 15.0 * EPS + 1.5e-7;
        bounds[0].push(EPS * (p - delta).abs() + relative * delta.abs() + rate / c1 * error_m / below + TINY);
        bounds[1].push(error_m);
        bounds[2].push(4.0 * EPS * new_v + TINY);
    }
    bounds
}

fn check_adam(caps: &Caps, adam: Adam, step: u32) {
    let mut rng = Rng(adam.len as u64 + 3);
    let rate = 2e-4f32;
    let reads = vec![rng.uniform(adam.len, -1.0, 1.0), vec![rate]];
    let writes =
        vec![rng.uniform(adam.len, -1.0, 1.0), rng.uniform(adam.len, -0.1, 0.1), rng.uniform(adam.len, 0.0, 0.1)];
    let bounds = adam_bounds(&adam, &reads, &writes, rate as f64, step);
    check_with(
        caps,
        adam,
        Inputs::random(0).reads(reads).writes(writes).words(vec![vec![step, 1, 2, 0]]),
        Bound::Each(bounds),
    );
}

#[test]
fn adam_at_awkward_lengths() {
    let caps = &device().0.caps;
    for (k, len) in LENGTHS.into_iter().enumerate() {
        let (beta1, beta2) = [(0.9, 0.999), (0.5, 0.999), (0.0, 0.9), (0.0, 0.99)][k % 4];
        let of = 1 + k % 5;
        check_adam(
            caps,
            Adam { len, count: k % of, of, beta1, beta2, eps: 1e-8 },
            [0, 1, 10, 1000, 100_000, 1 << 24][k % 6],
        );
    }
}

#[test]
fn adam_folded_over_two_axes() {
    for (len, max_groups) in [(256 * 7, 7), (256 * 7 + 1, 7), (10_007, 3)] {
        let caps = Caps { max_groups, ..device().0.caps.clone() };
        check_adam(&caps, Adam { len, count: 0, of: 1, beta1: 0.5, beta2: 0.999, eps: 1e-8 }, 7);
    }
}

/// A group's gaps and dead units: no gradient ever, and nothing may move or become NaN.
#[test]
fn adam_leaves_zeros_alone() {
    let adam = Adam { len: 300, count: 0, of: 1, beta1: 0.9, beta2: 0.999, eps: 1e-8 };
    let inputs = Inputs::random(0)
        .reads(vec![vec![0.0; 300], vec![0.1]])
        .writes(vec![vec![0.0; 300]; 3])
        .words(vec![vec![5, 0, 0, 0]]);
    check(adam, inputs, Bound::Exact);
}

/// 1 - beta^t for all small and many large t, against double precision.
#[test]
fn bias_corrections_do_not_cancel() {
    let source = Adam::SOURCES.concat()
        + "
        @group(0) @binding(6) var<storage, read_write> out: array<f32>;
        @group(0) @binding(0) var<storage, read> ts: array<u32>;
        @compute @workgroup_size(64) fn probe(@builtin(global_invocation_id) at: vec3<u32>) {
            if at.x < arrayLength(&out) {
                out[at.x] = one_minus_exp(f32(ts[at.x]) * LN_BETA1);
            }
        }";
    let mut ts: Vec<u32> = (1..20_000).collect();
    ts.extend((0..4000).map(|k| (20_000.0 * 1.002f64.powi(k)) as u32).filter(|&t| t < 1 << 31));
    let mut worst = 0.0f64;
    for beta in [0.0, 0.5, 0.9, 0.99, 0.995, 0.999, 0.9999, 0.99999] {
        let adam = Adam { len: 1, count: 0, of: 1, beta1: beta, beta2: 0.0, eps: 0.0 };
        let got = probe::probe(&device().0, &source, &adam.launch(&Caps::default()).overrides, &ts, ts.len());
        for (&t, got) in ts.iter().zip(got) {
            let want = -(t as f64 * beta.ln()).exp_m1();
            let error = (f32::from_bits(got) as f64 - want).abs() / want;
            assert!(error <= 3e-7, "1 - {beta}^{t}: {} is {error:e} off", f32::from_bits(got));
            worst = worst.max(error);
        }
    }
    println!("bias corrections: relative error at most {worst:.2e}");
}

#[test]
fn sgd_at_awkward_lengths() {
    for (k, len) in LENGTHS.into_iter().enumerate() {
        let momentum = [0.0, 0.9, 0.5][k % 3];
        let mut rng = Rng(len as u64);
        let (g, p, v) = (rng.uniform(len, -1.0, 1.0), rng.uniform(len, -1.0, 1.0), rng.uniform(len, -1.0, 1.0));
        let rate = 0.01f32;
        let mut bounds = vec![vec![]; 2];
        for n in 0..len {
            let [g, p, v] = [g[n], p[n], v[n]].map(f64::from);
            let new_v = momentum * v + g;
            let error_v = EPS * (1.5 * (momentum * v).abs() + new_v.abs()) + TINY;
            let delta = rate as f64 * new_v;
            bounds[0].push(EPS * (delta.abs() + (p - delta).abs()) + rate as f64 * error_v + TINY);
            bounds[1].push(error_v);
        }
        let caps = Caps { max_groups: [65_535, 5][k % 2], ..device().0.caps.clone() };
        check_with(
            &caps,
            Sgd { len, momentum },
            Inputs::random(0).reads(vec![g, vec![rate]]).writes(vec![p, v]),
            Bound::Each(bounds),
        );
    }
}

#[test]
fn rmsprop_at_awkward_lengths() {
    for (k, len) in LENGTHS.into_iter().enumerate() {
        let (decay, eps) = [(0.99, 1e-8), (0.9, 1e-6), (0.0, 1e-3)][k % 3];
        let mut rng = Rng(len as u64);
        let (g, p, s) = (rng.uniform(len, -1.0, 1.0), rng.uniform(len, -1.0, 1.0), rng.uniform(len, 0.0, 1.0));
        let rate = 0.001f32;
        let mut bounds = vec![vec![]; 2];
        for n in 0..len {
            let [g, p, s] = [g[n], p[n], s[n]].map(f64::from);
            let new_s = decay * s + (1.0 - decay) * g * g;
            let delta = rate as f64 * g / (new_s.sqrt() + eps);
            bounds[0].push(EPS * (p - delta).abs() + 12.0 * EPS * delta.abs() + TINY);
            bounds[1].push(4.0 * EPS * new_s + TINY);
        }
        let caps = Caps { max_groups: [65_535, 5][k % 2], ..device().0.caps.clone() };
        check_with(
            &caps,
            RmsProp { len, decay, eps },
            Inputs::random(0).reads(vec![g, vec![rate]]).writes(vec![p, s]),
            Bound::Each(bounds),
        );
    }
}
