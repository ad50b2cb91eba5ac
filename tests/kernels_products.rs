//! The kernels over `shaders/shared/product.wgsl`: matrix product, convolution and its two adjoints.
mod common;

use common::{Inputs, Rng, adapter, browser, check_derived, device};
use saddle::{
    check::cases::{CONVOLUTIONS, bias_and_leaky, cases, geometry},
    gpu,
    kernels::{
        Body, Caps, Chain, Conv2d, Conv2dFilter, ConvTranspose2d, Geometry, Io, Kernel, MatMul, Matrix,
        MatrixMultiplyAdd,
    },
};

/// The adapter's capabilities with another body for products.
fn with(product: Body) -> Caps {
    Caps { product, ..device().0.caps.clone() }
}

/// The bodies that run on the adapter, or in the browser.
fn bodies() -> Vec<Body> {
    let own = if browser::wanted().is_some() { vec![] } else { gpu::bodies(&adapter(), true) };
    [Body::Plain, Body::Tiled].into_iter().chain(own.into_iter().filter(|&body| body != Body::Tiled)).collect()
}

/// Checks a kernel with every body.
fn check(kernel: impl Into<Kernel>, inputs: Inputs) {
    let kernel = kernel.into();
    for body in bodies() {
        check_derived(&with(body), kernel.clone(), inputs.clone());
    }
}

fn check_every(name: &str) {
    cases(name).into_iter().for_each(|case| check(case.kernel, case.inputs));
}

fn matmul(batch: usize, m: usize, n: usize, k: usize) -> MatMul {
    MatMul { batch, m, n, k, a_transposed: false, b_transposed: false, chain: Chain::default() }
}

fn check_matmul(kernel: MatMul) {
    let seed = kernel.k as u64;
    check(kernel, Inputs::random(seed));
}

#[test]
fn matmul_of_awkward_shapes() {
    check_every("matmul");
}

#[test]
fn matmul_epilogues() {
    for chain in [Chain::default(), bias_and_leaky(1, 41), bias_and_leaky(41, 37), bias_and_leaky(37 * 41, 2)] {
        check_matmul(MatMul { chain, ..matmul(2, 37, 41, 29) });
    }
}

/// Every tile that a dispatch can choose: lanes along m, n and k, and blocks.
#[test]
fn every_tile() {
    let mut seen = std::collections::BTreeSet::new();
    for (batch, m, n, k) in [
        (64, 90, 91, 5),
        (64, 65, 67, 9),
        (64, 5, 300, 9),
        (1, 2000, 36, 20),
        (64, 33, 34, 9),
        (16, 60, 61, 6),
        (8, 60, 61, 40),
        (4, 60, 61, 300),
        (1, 37, 37, 600),
        (1, 9, 10, 600),
        (1, 2, 700, 40),
        (1, 700, 2, 40),
        (1, 2, 2, 2),
    ] {
        let kernel = matmul(batch, m, n, k);
        let overrides = Kernel::from(kernel.clone()).dispatch(&with(Body::Tiled)).overrides;
        let tile = ["LANES_M", "LANES_N", "LANES_K", "BLOCKS_M"]
            .map(|o| overrides.iter().find(|(name, _)| name == o).unwrap().1 as usize);
        println!("{batch} x [{m}, {k}] [{k}, {n}]: {tile:?}");
        seen.insert(tile);
        check_matmul(kernel);
    }
    assert!(seen.len() >= 8 && seen.iter().any(|t| t[3] == 2), "{seen:?}");
}

/// Edges on one side and on both, with many steps and with one, for every body except the tiled one.
#[test]
fn tiles_of_other_bodies() {
    let matrices = [Matrix::Single8, Matrix::Half8, Matrix::Half16].map(Body::Matrix);
    let fits = |body: Body, kernel: &MatMul| {
        let tiled = Caps::default();
        let launch = |caps| Kernel::from(kernel.clone()).dispatch(caps);
        launch(&Caps { product: body, ..tiled.clone() }).body != launch(&tiled).body
    };
    for (batch, m, n, k) in
        [(1, 32, 32, 1), (1, 31, 40, 7), (2, 63, 65, 40), (3, 29, 100, 5), (1, 97, 64, 784), (70, 60, 64, 33)]
    {
        let chain = bias_and_leaky(1, n);
        let kernel = MatMul { a_transposed: m % 2 == 1, b_transposed: n % 2 == 1, chain, ..matmul(batch, m, n, k) };
        assert!(fits(Body::Subgroup, &kernel) && fits(matrices[0], &kernel), "[{m}, {k}] [{k}, {n}]");
        check_matmul(kernel);
    }
    let narrow = matmul(1, 5, 300, 9);
    let others = matrices.into_iter().chain([Body::Subgroup]);
    assert!(others.into_iter().all(|body| !fits(body, &narrow)), "most of its tiles would be empty");
}

/// The kernel that measures matrix units, for every kind of matrix that the adapter has.
#[test]
fn matrix_multiply_adds() {
    for body in bodies() {
        let Body::Matrix(matrix) = body else { continue };
        for (groups, rounds) in [(1, 128), (3, 256)] {
            check_derived(&with(body), MatrixMultiplyAdd { matrix, groups, rounds }, Inputs::random(1));
        }
    }
}

#[test]
fn long_sums_are_not_cut() {
    check_matmul(matmul(1, 1, 1, 70_000));
    check_matmul(matmul(1, 2, 130, 66_000));
}

#[test]
fn folded_over_two_axes() {
    for max_groups in [1, 3, 7] {
        for body in bodies().into_iter().filter(|body| !matches!(body, Body::Matrix(_))) {
            let caps = Caps { max_groups, ..with(body) };
            check_derived(&caps, matmul(3, 33, 50, 12), Inputs::random(1));
            let geometry = geometry((16, 16, [7, 7], 20, [3, 3], [2, 2], [1, 1], [0, 0]));
            check_derived(&caps, ConvTranspose2d { geometry, chain: Chain::default() }, Inputs::random(2));
        }
    }
}

#[test]
fn conv2d_of_awkward_shapes() {
    check_every("conv2d");
}

#[test]
fn conv_transpose2d_of_awkward_shapes() {
    check_every("conv_transpose2d");
}

#[test]
fn conv2d_filter_of_awkward_shapes() {
    check_every("conv2d_filter");
}

#[test]
fn splits_of_one_filter() {
    let geometry = geometry((3, 2, [6, 6], 5, [4, 4], [2, 2], [1, 1], [0, 0]));
    for splits in [1, 2, 7, 26, 27, 40] {
        check(Conv2dFilter { geometry, splits }, Inputs::random(3));
    }
}

/// The result of a kernel's reference in `f64`.
fn reference(kernel: impl Into<Kernel>, reads: [&[f64]; 2]) -> Vec<f64> {
    let kernel = kernel.into();
    let mut out = vec![f64::NAN; kernel.buffers().writes[0]];
    kernel.reference(Io {
        reads: reads.to_vec(),
        words: vec![],
        writes: vec![&mut out],
        words_out: vec![],
        operands: vec![],
    });
    out
}

fn random(rng: &mut Rng, count: usize) -> Vec<f64> {
    rng.uniform(count, -1.0, 1.0).into_iter().map(f64::from).collect()
}

fn assert_close(got: f64, want: f64, terms: f64, what: &str) {
    assert!((got - want).abs() <= f64::EPSILON * terms, "{what}: {got} and {want}");
}

/// The trilinear form T(x, w, y) has one value, whichever of x, w and y is computed from the other two.
#[test]
fn references_are_adjoint() {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let mut rng = Rng(5);
    for geometry in CONVOLUTIONS.map(geometry) {
        let mut random = |n| random(&mut rng, n);
        let (x, w, y) = (random(geometry.x_len()), random(geometry.w_len()), random(geometry.y_len()));
        let form = dot(&reference(Conv2d { geometry, chain: Chain::default() }, [&x, &w]), &y);
        let by_x = dot(&reference(ConvTranspose2d { geometry, chain: Chain::default() }, [&y, &w]), &x);
        assert_close(by_x, form, geometry.macs(), &format!("{geometry:?}, x"));
        for splits in [1, 2, 7] {
            let w = w.repeat(splits);
            let by_w = dot(&reference(Conv2dFilter { geometry, splits }, [&x, &y]), &w);
            assert_close(by_w, form, geometry.macs(), &format!("{geometry:?}, w, {splits} splits"));
        }
    }
}

/// The definition computed on an explicitly padded image, unlike the references.
#[test]
fn conv2d_reference_is_the_definition() {
    let mut rng = Rng(6);
    for geometry in CONVOLUTIONS.map(geometry) {
        let Geometry { b, c, h, w, k, r, s, p, q, stride, pad } = geometry;
        let (x, filter) = (random(&mut rng, geometry.x_len()), random(&mut rng, geometry.w_len()));
        let (tall, wide) = (pad[0] + h.max(p * stride[0] + r), pad[1] + w.max(q * stride[1] + s));
        let mut padded = vec![0.0; b * c * tall * wide];
        for (i, x) in x.iter().enumerate() {
            padded[(i / (h * w) * tall + i / w % h + pad[0]) * wide + i % w + pad[1]] = *x;
        }
        let y = reference(Conv2d { geometry, chain: Chain::default() }, [&x, &filter]);
        for (n, y) in y.into_iter().enumerate() {
            let mut sum = 0.0;
            for (i, filter) in filter[n / (p * q) % k * c * r * s..][..c * r * s].iter().enumerate() {
                let plane = n / (p * q) / k * c + i / (r * s);
                let row = n / q % p * stride[0] + i / s % r;
                sum += padded[(plane * tall + row) * wide + n % q * stride[1] + i % s] * filter;
            }
            assert_close(y, sum, (c * r * s) as f64, &format!("{geometry:?}"));
        }
    }
}

#[test]
fn matmul_reference_reads_both_layouts() {
    let (m, n, k) = (3, 4, 5);
    let mut rng = Rng(7);
    let (a, b) = (random(&mut rng, 2 * m * k), random(&mut rng, 2 * k * n));
    let transposed = |x: &[f64], rows: usize, columns: usize| -> Vec<f64> {
        let plane = rows * columns;
        (0..x.len()).map(|i| x[i / plane * plane + i % rows * columns + i % plane / rows]).collect()
    };
    let (a_t, b_t) = (transposed(&a, m, k), transposed(&b, k, n));
    let plain = reference(matmul(2, m, n, k), [&a, &b]);
    let sum: f64 = (0..k).map(|j| a[(m + 1) * k + j] * b[(k + j) * n + 2]).sum();
    assert_eq!(plain[(m + 1) * n + 2], sum);
    for (a_transposed, b_transposed) in [(false, true), (true, false), (true, true)] {
        let kernel = MatMul { a_transposed, b_transposed, ..matmul(2, m, n, k) };
        assert_eq!(
            reference(kernel, [if a_transposed { &a_t } else { &a }, if b_transposed { &b_t } else { &b }]),
            plain
        );
    }
}
