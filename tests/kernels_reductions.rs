//! Sums, maxima, moments, norm sums, softmax and cross entropy.
mod common;

use common::{Bound, EPS, Inputs, Rng, TINY, check, check_with, device};
use saddle::{
    graph::numel,
    kernels::{
        Caps, Chain, CrossEntropy, Index, Moments, NormSums, Reduce, Softmax,
        chain::{Code, Digit, Instr},
    },
};

type Axes = Vec<(usize, usize)>;

/// Extents and strides of the kept and of the reduced axes.
fn axes(shape: &[usize], reduced: &[usize]) -> (Axes, Axes) {
    let all: Vec<_> = (0..shape.len()).map(|a| (shape[a], numel(&shape[a + 1..]))).collect();
    let pick =
        |keep: bool| all.iter().enumerate().filter(|(a, _)| reduced.contains(a) != keep).map(|(_, &x)| x).collect();
    (pick(true), pick(false))
}

fn offsets(axes: &Axes) -> Vec<usize> {
    axes.iter().fold(vec![0], |at, &(extent, stride)| {
        at.iter().flat_map(|a| (0..extent).map(move |i| a + i * stride)).collect()
    })
}

const SHAPES: [(&[usize], &[usize]); 28] = [
    (&[1], &[0]),
    (&[1, 1], &[]),
    (&[2], &[0]),
    (&[3, 1], &[1]),
    (&[31, 1, 37], &[1]),
    (&[255], &[0]),
    (&[257], &[0]),
    (&[1021], &[0]),
    (&[70_000], &[0]),
    (&[300_000], &[0]),
    (&[3, 70_000], &[1]),
    (&[70_000, 3], &[0]),
    (&[9_377, 33], &[0]),
    (&[64, 10], &[1]),
    (&[1000, 3], &[1]),
    (&[255, 257], &[0]),
    (&[257, 255], &[1]),
    (&[128, 512], &[0]),
    (&[5, 7, 11], &[1]),
    (&[5, 7, 11], &[0, 2]),
    (&[5, 7, 11], &[0]),
    (&[16, 32, 7, 7], &[0, 2, 3]),
    (&[3, 5, 17, 19], &[0, 2, 3]),
    (&[64, 16, 28, 28], &[0, 2, 3]),
    (&[3, 5, 7, 9], &[1, 3]),
    (&[3, 5, 7, 9], &[0, 2]),
    (&[3, 5, 7, 9], &[1]),
    (&[33, 1, 1, 65], &[0, 1, 2]),
];

fn instr(code: Code, a: usize, b: usize, c: f32) -> Instr {
    Instr { code, a, b, c: c.to_bits() }
}

/// x0 * x1: a sum of products, so that the bound is a dot product's.
fn product() -> Chain {
    let plain = Index::default();
    Chain::new(vec![plain.clone(), plain], vec![instr(Code::Mul, 1, 2, 0.0)])
}

/// Runs a sum of `chain`, whose value has at most two roundings of its own, and holds it to 2 eps sqrt(K) sum |term|.
fn check_sum(caps: &Caps, reduce: Reduce, operands: Vec<Vec<f32>>) -> f64 {
    let (outer, inner) = (offsets(&reduce.outer), offsets(&reduce.inner));
    let wide: Vec<Vec<f64>> = operands.iter().map(|x| x.iter().map(|&x| x as f64).collect()).collect();
    let wide: Vec<&[f64]> = wide.iter().map(Vec::as_slice).collect();
    let span = inner.len().div_ceil(reduce.splits);
    let mut bounds = vec![];
    for s in 0..reduce.splits {
        for o in &outer {
            let terms = &inner[(s * span).min(inner.len())..((s + 1) * span).min(inner.len())];
            let sum: f64 = terms.iter().map(|i| reduce.chain.eval(o + i, 0.0, &wide).abs()).sum();
            let grows = 2.0 * EPS * (terms.len() as f64).sqrt();
            bounds.push((grows + EPS) * sum * (reduce.scale as f64).abs() + TINY);
        }
    }
    check_with(caps, reduce, Inputs::random(0).operands(operands), Bound::Each(vec![bounds]))
}

fn random_operands(chain: &Chain, len: usize, seed: u64) -> Vec<Vec<f32>> {
    let mut rng = Rng(seed);
    chain.operand_lens(len).iter().map(|&n| rng.uniform(n, -1.0, 1.0)).collect()
}

#[test]
fn sums() {
    for (k, (shape, reduced)) in SHAPES.into_iter().enumerate() {
        let (outer, inner) = axes(shape, reduced);
        let operands = random_operands(&product(), numel(shape), k as u64);
        let scale = [1.0, -0.25, 1.0 / 3.0][k % 3];
        check_sum(&device().0.caps, Reduce { max: false, outer, inner, scale, splits: 1, chain: product() }, operands);
    }
}

#[test]
fn sums_in_ranges() {
    for (k, (shape, reduced)) in SHAPES.into_iter().enumerate() {
        let (outer, inner) = axes(shape, reduced);
        let wanted = Reduce::splits_for(offsets(&outer).len(), offsets(&inner).len());
        if wanted > 1 || k % 9 == 0 {
            let operands = random_operands(&product(), numel(shape), k as u64);
            let reduce = Reduce { max: false, outer, inner, scale: 0.5, splits: wanted.max(3), chain: product() };
            check_sum(&device().0.caps, reduce, operands);
        }
    }
}

#[test]
fn maxima() {
    let chain = Chain::new(vec![Index::default()], vec![instr(Code::AddC, 1, 0, 0.0)]);
    // the mapping of work is that of sums: every fourth shape will do
    for (k, (shape, reduced)) in SHAPES.into_iter().enumerate().step_by(4) {
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
        let (outer, inner): (Axes, Axes) = axes(shape, reduced);
        let caps = Caps { max_groups: 7, ..device().0.caps.clone() };
        let reduce =
            Reduce { max: false, outer: outer.clone(), inner: inner.clone(), scale: 1.0, splits, chain: product() };
        check_sum(&caps, reduce, random_operands(&product(), numel(shape), 1));
        check_moments(&caps, shape, reduced, 0.0);
        check_norm_sums(&caps, shape, reduced);
    }
}

/// The mean is a sum. The variance adds squares of deviations, each rounded twice, from a mean that is off by its own error,
/// whose square enters.
fn check_moments(caps: &Caps, shape: &[usize], reduced: &[usize], centre: f32) {
    let (outer, inner) = axes(shape, reduced);
    let x = Rng(numel(shape) as u64).uniform(numel(shape), centre - 1.0, centre + 1.0);
    let (mut means, mut variances) = (vec![], vec![]);
    let members = offsets(&inner);
    let count = members.len() as f64;
    for o in offsets(&outer) {
        let mean_of = |f: &dyn Fn(f64) -> f64| members.iter().map(|i| f(x[o + i] as f64)).sum::<f64>() / count;
        let mean = mean_of(&|x| x);
        let variance = mean_of(&|x| (x - mean).powi(2));
        let error = EPS * (2.0 * count.sqrt() + 3.0) * mean_of(&|x| x.abs());
        means.push(error + TINY);
        variances.push(EPS * (2.0 * count.sqrt() + 5.0) * variance + error.powi(2) + TINY);
    }
    let bounds = Bound::Each(vec![[means, variances].concat()]);
    check_with(caps, Moments { outer, inner }, Inputs::random(0).reads(vec![x]), bounds);
}

#[test]
fn moments() {
    for (k, (shape, reduced)) in SHAPES.into_iter().enumerate() {
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
    let ((outer, inner), eps) = (axes(shape, reduced), 1e-5);
    let mut rng = Rng(numel(shape) as u64);
    let (dy, x) = (rng.uniform(numel(shape), -1.0, 1.0), rng.uniform(numel(shape), -1.0, 3.0));
    let moments = rng.uniform(2 * offsets(&outer).len(), 0.5, 1.5);
    let (mut sums, mut products) = (vec![], vec![]);
    let members = offsets(&inner);
    let grows = 2.0 * EPS * (members.len() as f64).sqrt() + EPS;
    for (j, o) in offsets(&outer).into_iter().enumerate() {
        let dy = |i: &usize| (dy[o + i] as f64).abs();
        sums.push(grows * members.iter().map(dy).sum::<f64>() + TINY);
        let product = members.iter().map(|i| dy(i) * (x[o + i] as f64 - moments[j] as f64).abs()).sum::<f64>();
        // A sum and a quotient, which WGSL allows two and a half units more.
        let variance = moments[offsets(&outer).len() + j] as f64;
        products.push((grows + 4.0 * EPS) * product / (2.0 * (variance + eps)) + TINY);
    }
    let bounds = Bound::Each(vec![[sums, products].concat()]);
    check_with(caps, NormSums { outer, inner, eps }, Inputs::random(0).reads(vec![dy, x, moments]), bounds);
}

#[test]
fn norm_sums() {
    for (shape, reduced) in SHAPES {
        check_norm_sums(&device().0.caps, shape, reduced);
    }
}

const ROWS: [(usize, usize); 24] = [
    (1, 1),
    (1, 2),
    (2, 1),
    (3, 3),
    (5, 7),
    (64, 10),
    (17, 31),
    (16, 32),
    (15, 33),
    (9, 63),
    (8, 64),
    (7, 65),
    (128, 128),
    (3, 251),
    (4, 255),
    (4, 256),
    (4, 257),
    (2, 1021),
    (2, 4099),
    (1, 70_000),
    (1, 300_000),
    (1000, 5),
    (257, 100),
    (2, 65_537),
];

/// z = x - max, its exponential with the error that WGSL allows, and their sum with its relative error.
fn exponentials(x: &[f32]) -> (Vec<f64>, Vec<f64>, f64, f64) {
    let top = x.iter().fold(f64::MIN, |a, &x| a.max(x as f64));
    let z: Vec<f64> = x.iter().map(|&x| x as f64 - top).collect();
    let errors: Vec<f64> = z.iter().map(|z| EPS * (3.0 + 2.5 * z.abs())).collect();
    let sum: f64 = z.iter().map(|z| z.exp()).sum();
    let weighted: f64 = z.iter().zip(&errors).map(|(z, e)| z.exp() * e).sum();
    (z, errors, sum, weighted / sum + 2.0 * EPS * (x.len() as f64).sqrt())
}

#[test]
fn softmax() {
    for (k, (rows, cols)) in ROWS.into_iter().enumerate() {
        let spread = [1.0, 20.0, 80.0][k % 3];
        let x = Rng(k as u64).uniform(rows * cols, -spread + 500.0, spread + 500.0);
        let mut bounds = vec![];
        for x in x.chunks(cols) {
            let (z, errors, sum, sum_error) = exponentials(x);
            // exponentials below the normal numbers may be flushed to 0
            bounds.extend(z.iter().zip(errors).map(|(z, e)| z.exp() / sum * (e + sum_error + 2.5 * EPS) + 2.0 * TINY));
        }
        let caps = Caps { max_groups: [65_535, 7][k % 2], ..device().0.caps.clone() };
        check_with(&caps, Softmax { rows, cols }, Inputs::random(0).reads(vec![x]), Bound::Each(vec![bounds]));
    }
}

#[test]
fn cross_entropy() {
    for (k, (rows, cols)) in ROWS.into_iter().enumerate() {
        let spread = [1.0, 20.0, 80.0][k % 3];
        let mut rng = Rng(k as u64);
        let x = rng.uniform(rows * cols, -spread - 300.0, spread - 300.0);
        let mut t = vec![0.0; rows * cols];
        if k % 2 == 0 {
            t.chunks_mut(cols).for_each(|t| t[rng.below(cols)] = 1.0); // classes
        } else {
            t = rng.uniform(rows * cols, 0.0, 1.0); // soft targets, of any sum
        }
        let mut bounds = vec![];
        for (x, t) in x.chunks(cols).zip(t.chunks(cols)) {
            let (z, _, sum, sum_error) = exponentials(x);
            let log_error = (-21.0f64).exp2().max(3.0 * EPS * sum.ln()) + sum_error;
            let terms = || z.iter().zip(t).map(|(z, &t)| (t as f64, sum.ln() - z));
            let grows = 2.0 * EPS * (cols as f64).sqrt() + 3.0 * EPS;
            bounds.push(terms().map(|(t, loss)| t * (log_error + grows * loss.abs())).sum::<f64>() + TINY);
        }
        let caps = Caps { max_groups: [65_535, 7][k % 2], ..device().0.caps.clone() };
        check_with(&caps, CrossEntropy { rows, cols }, Inputs::random(0).reads(vec![x, t]), Bound::Each(vec![bounds]));
    }
}
