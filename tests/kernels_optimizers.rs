//! Adam, SGD and RMSProp: one dispatch for a flat group.
mod common;
mod probe;

use common::{Bound, Inputs, check, check_cases, check_derived, device};
use saddle::kernels::{Adam, Caps, RmsProp, Sgd, Spec};

#[test]
fn adam_at_awkward_lengths() {
    check_cases("adam", 65_535);
}

#[test]
fn adam_folded_over_two_axes() {
    for (len, max_groups) in [(256 * 7, 7), (256 * 7 + 1, 7), (10_007, 3)] {
        let caps = Caps { max_groups, ..device().0.caps.clone() };
        let adam = Adam { len, beta1: 0.5, beta2: 0.999, eps: 1e-8, decay: 0.1 };
        check_derived(&caps, adam.clone(), Inputs::suited(&adam.into(), 3));
    }
}

/// A group's gaps and dead units: no gradient ever, and nothing may move or become NaN.
#[test]
fn adam_leaves_zeros_alone() {
    let adam = Adam { len: 300, beta1: 0.9, beta2: 0.999, eps: 1e-8, decay: 0.0 };
    let inputs = Inputs::random(0).reads(vec![vec![0.0; 300], vec![0.1], vec![6.0]]).writes(vec![vec![0.0; 300]; 3]);
    check(adam, inputs, Bound::Exact);
}

/// At a rate of 0 parameters and moments stay, to the bit, whatever the gradient.
#[test]
fn a_network_that_waits_stays_as_it_is() {
    let (len, rate) = (300, 0.0);
    let adam = Adam { len, beta1: 0.9, beta2: 0.999, eps: 1e-8, decay: 0.1 };
    for kernel in [adam.into(), Sgd { len, momentum: 0.9 }.into(), RmsProp { len, decay: 0.9, eps: 1e-8 }.into()] {
        let inputs = Inputs::suited(&kernel, 3);
        let mut data = inputs.filled(&kernel);
        data.reads[1] = vec![rate];
        assert!(data.reads[0].iter().any(|g| *g != 0.0));
        let written = common::run(&device().0.caps, &kernel, &data);
        assert_eq!(written.floats, data.writes, "{kernel:?}");
    }
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
        let adam = Adam { len: 1, beta1: beta, beta2: 0.0, eps: 0.0, decay: 0.0 };
        let got = probe::probe(&device().0, &source, &adam.dispatch(&Caps::default()).overrides, &ts, ts.len());
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
    check_cases("sgd", 5);
}

#[test]
fn rmsprop_at_awkward_lengths() {
    check_cases("rmsprop", 5);
}
