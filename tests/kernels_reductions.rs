//! Sums, maxima, moments, norm sums, softmax and cross entropy.
mod common;

use common::{Bound, Inputs, Rng, check, check_cases, check_derived, device};
use saddle::{
    check::cases::{REDUCTIONS, ROWS, axes, product_chain},
    graph::numel,
    kernels::{
        Axis, Caps, Chain, CrossEntropy, Index, Moments, NormSums, Reduce, Softmax,
        chain::{Code, Digit, Instr},
    },
};

fn count(axes: &[Axis]) -> usize {
    axes.iter().map(|axis| axis.extent).product()
}

fn instr(code: Code, a: usize, b: usize, c: f32) -> Instr {
    Instr { code, a, b, c: c.to_bits() }
}

fn check_sum(caps: &Caps, reduce: Reduce, operands: Vec<Vec<f32>>) -> f64 {
    check_derived(caps, reduce, Inputs::random(0).operands(operands))
}

fn random_operands(chain: &Chain, len: usize, seed: u64) -> Vec<Vec<f32>> {
    let mut rng = Rng(seed);
    chain.operand_lens(len).iter().map(|&n| rng.uniform(n, -1.0, 1.0)).collect()
}

#[test]
fn sums() {
    for (k, (shape, reduced)) in REDUCTIONS.into_iter().enumerate() {
        let (outer, inner) = axes(shape, reduced);
        let operands = random_operands(&product_chain(), numel(shape), k as u64);
        let scale = [1.0, -0.25, 1.0 / 3.0][k % 3];
        check_sum(
            &device().0.caps,
            Reduce { max: false, outer, inner, scale, splits: 1, chain: product_chain() },
            operands,
        );
    }
}

#[test]
fn sums_in_ranges() {
    for (k, (shape, reduced)) in REDUCTIONS.into_iter().enumerate() {
        let (outer, inner) = axes(shape, reduced);
        let wanted = Reduce::splits_for(count(&outer), count(&inner));
        if wanted > 1 || k % 9 == 0 {
            let operands = random_operands(&product_chain(), numel(shape), k as u64);
            let reduce = Reduce { max: false, outer, inner, scale: 0.5, splits: wanted.max(3), chain: product_chain() };
            check_sum(&device().0.caps, reduce, operands);
        }
    }
}

#[test]
fn maxima() {
    let chain = Chain::new(vec![Index::default()], vec![instr(Code::AddC, 1, 0, 0.0)]);
    // Work is mapped as for sums, so every fourth shape is enough.
    for (k, (shape, reduced)) in REDUCTIONS.into_iter().enumerate().step_by(4) {
        let (outer, inner) = axes(shape, reduced);
        let operands = vec![Rng(k as u64).uniform(numel(shape), -9.0, -1.0)];
        let reduce = Reduce { max: true, outer, inner, scale: 1.0, splits: 1 + k % 4, chain: chain.clone() };
        check(reduce, Inputs::random(0).operands(operands), Bound::Exact);
    }
}

/// The prologue sees the element number of the full tensor: a broadcast, a transposed and a shifted operand.
#[test]
fn prologues() {
    let (b, c, w) = (6, 35, 129);
    let digit = |div, extent, stride| Digit { div, extent, stride };
    let operands = vec![
        Index { offset: 2, digits: Some(vec![digit(w, c, 1)]) },
        Index { offset: 0, digits: Some(vec![digit(1, w, b * c), digit(w, b * c, 1)]) },
        Index { offset: 5, digits: None },
    ];
    let chain = Chain::new(operands, vec![instr(Code::Mul, 1, 2, 0.0), instr(Code::Mul, 4, 3, 0.0)]);
    for reduced in [&[0usize][..], &[1], &[2], &[0, 1], &[0, 2], &[1, 2], &[0, 1, 2]] {
        let (outer, inner) = axes(&[b, c, w], reduced);
        let operands = random_operands(&chain, b * c * w, 4);
        check_sum(
            &device().0.caps,
            Reduce { max: false, outer, inner, scale: 2.0, splits: 2, chain: chain.clone() },
            operands,
        );
    }
}

#[test]
fn folded_over_two_axes() {
    for (shape, reduced, splits) in
        [(&[70, 300], &[1], 1), (&[300, 70], &[0], 5), (&[1000, 3], &[1], 2), (&[29, 1000], &[1], 3)]
    {
        let (outer, inner) = axes(shape, reduced);
        let caps = Caps { max_groups: 7, ..device().0.caps.clone() };
        let reduce = Reduce {
            max: false,
            outer: outer.clone(),
            inner: inner.clone(),
            scale: 1.0,
            splits,
            chain: product_chain(),
        };
        check_sum(&caps, reduce, random_operands(&product_chain(), numel(shape), 1));
        check_moments(&caps, shape, reduced, 0.0);
        check_norm_sums(&caps, shape, reduced);
    }
}

fn check_moments(caps: &Caps, shape: &[usize], reduced: &[usize], centre: f32) {
    let (outer, inner) = axes(shape, reduced);
    let x = Rng(numel(shape) as u64).uniform(numel(shape), centre - 1.0, centre + 1.0);
    check_derived(caps, Moments { outer, inner }, Inputs::random(0).reads(vec![x]));
}

#[test]
fn moments() {
    for (k, (shape, reduced)) in REDUCTIONS.into_iter().enumerate() {
        check_moments(&device().0.caps, shape, reduced, [0.0, 0.0, 100.0][k % 3]);
    }
}

/// A large mean beside a small variance, where one pass would lose all digits.
#[test]
fn moments_far_from_zero() {
    for (shape, reduced) in
        [(&[300_000][..], &[0usize][..]), (&[64, 16, 28, 28], &[0, 2, 3]), (&[4096, 64], &[0]), (&[64, 1000], &[1])]
    {
        check_moments(&device().0.caps, shape, reduced, 10_000.0);
    }
}

fn check_norm_sums(caps: &Caps, shape: &[usize], reduced: &[usize]) {
    let (outer, inner) = axes(shape, reduced);
    let kernel = NormSums { outer, inner, eps: 1e-5 };
    check_derived(caps, kernel.clone(), Inputs::suited(&kernel.into(), numel(shape) as u64));
}

#[test]
fn norm_sums() {
    for (shape, reduced) in REDUCTIONS {
        check_norm_sums(&device().0.caps, shape, reduced);
    }
}

#[test]
fn softmax() {
    for (k, (rows, cols)) in ROWS.into_iter().enumerate() {
        let spread = [1.0, 20.0, 80.0][k % 3];
        let caps = Caps { max_groups: [65_535, 7][k % 2], ..device().0.caps.clone() };
        check_derived(&caps, Softmax { rows, cols }, Inputs::random(k as u64).range(500.0 - spread, 500.0 + spread));
    }
}

#[test]
fn cross_entropy_at_indices() {
    check_cases("cross_entropy", 7);
}

#[test]
fn cross_entropy() {
    for (k, (rows, cols)) in ROWS.into_iter().enumerate() {
        let spread = [1.0, 20.0, 80.0][k % 3];
        let mut rng = Rng(k as u64);
        let x = rng.uniform(rows * cols, -spread - 300.0, spread - 300.0);
        let mut t = vec![0.0; rows * cols];
        if k % 2 == 0 {
            t.chunks_mut(cols).for_each(|t| t[rng.below(cols)] = 1.0); // one-hot classes
        } else {
            t = rng.uniform(rows * cols, 0.0, 1.0); // soft targets, of any sum
        }
        let caps = Caps { max_groups: [65_535, 7][k % 2], ..device().0.caps.clone() };
        check_derived(&caps, CrossEntropy { rows, cols, at_index: false }, Inputs::random(0).reads(vec![x, t]));
    }
}
