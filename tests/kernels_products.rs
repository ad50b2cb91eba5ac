//! The kernels over `shaders/product.wgsl`: matrix product, convolution and its two adjoints.
mod common;

use common::{Bound, Inputs, Rng, adapter, browser, check_with, device};
use saddle::{
    gpu,
    kernels::{
        Body, Caps, Chain, Conv2d, Conv2dFilter, ConvTranspose2d, Geometry, Index, Io, Kernel, MatMul, Matrix,
        MatrixMultiplyAdd,
        chain::{Code, Digit, Instr},
    },
};

/// What holds for the adapter, with another body of products.
fn with(product: Body) -> Caps {
    Caps { product, ..device().0.caps.clone() }
}

/// The bodies that run on the adapter, or in the browser.
fn bodies() -> Vec<Body> {
    let own = if browser::wanted().is_some() { vec![] } else { gpu::bodies(&adapter(), true) };
    [Body::Plain, Body::Tiled].into_iter().chain(own.into_iter().filter(|&body| body != Body::Tiled)).collect()
}

/// Checks a kernel with every body.
fn check(kernel: impl Into<Kernel>, inputs: Inputs, terms: usize) {
    let kernel = kernel.into();
    for body in bodies() {
        let is_half = matches!(body, Body::Matrix(matrix) if matrix.is_half());
        check_with(&with(body), kernel.clone(), inputs.clone(), if is_half { half(terms) } else { bound(terms) });
    }
}

/// leaky(acc + bias), where the bias has `extent` values that repeat each `div` elements.
fn bias_and_leaky(div: usize, extent: usize) -> Chain {
    let bias = Index { offset: 0, digits: Some(vec![Digit { div, extent, stride: 1 }]) };
    let add = Instr { code: Code::Add, a: 0, b: 1, c: 0 };
    let leaky = Instr { code: Code::Leaky, a: 2, b: 0, c: 0.2f32.to_bits() };
    Chain::new(vec![bias], vec![add, leaky])
}

/// Each term and the epilogue round a few times, in any order.
fn bound(terms: usize) -> Bound {
    Bound::Sum { c: 2.0, terms }
}

/// The same, where both operands of each term were rounded to half precision first.
fn half(terms: usize) -> Bound {
    Bound::Half { terms }
}

fn matmul(batch: usize, m: usize, n: usize, k: usize) -> MatMul {
    MatMul { batch, m, n, k, a_transposed: false, b_transposed: false, chain: Chain::default() }
}

fn check_matmul(kernel: MatMul) {
    let terms = kernel.k;
    check(kernel, Inputs::random(terms as u64), terms);
}

/// b, c, [h, w], k, [r, s], stride, pad and what P and Q are short of (or beyond) an equally padded convolution.
type Shape = (usize, usize, [usize; 2], usize, [usize; 2], [usize; 2], [usize; 2], [isize; 2]);

fn geometry((b, c, [h, w], k, [r, s], stride, pad, more): Shape) -> Geometry {
    let out =
        |h: usize, r: usize, i: usize| ((h + 2 * pad[i] - r) / stride[i] + 1).checked_add_signed(more[i]).unwrap();
    Geometry { b, c, h, w, k, r, s, p: out(h, r, 0), q: out(w, s, 1), stride, pad }
}

const SHAPES: [Shape; 26] = [
    (1, 1, [1, 1], 1, [1, 1], [1, 1], [0, 0], [0, 0]),
    (1, 1, [5, 5], 1, [3, 3], [1, 1], [1, 1], [0, 0]),
    (2, 3, [7, 5], 4, [1, 1], [1, 1], [0, 0], [0, 0]),
    (3, 2, [6, 6], 5, [2, 2], [2, 2], [0, 0], [0, 0]),
    (2, 1, [8, 8], 7, [4, 4], [2, 2], [1, 1], [0, 0]),
    (4, 7, [4, 4], 1, [4, 4], [1, 1], [0, 0], [0, 0]), // a critic's last layer
    (5, 6, [1, 1], 3, [4, 4], [1, 1], [3, 3], [0, 0]), // a generator's first, seen from the other side
    (2, 3, [9, 11], 5, [3, 5], [2, 3], [1, 2], [0, 0]),
    (2, 3, [11, 7], 5, [5, 3], [3, 2], [2, 0], [0, 0]),
    (1, 2, [13, 13], 3, [5, 5], [3, 3], [1, 1], [0, 0]),
    (3, 2, [7, 8], 2, [5, 4], [2, 2], [2, 1], [0, 0]),
    (2, 2, [10, 10], 3, [1, 1], [2, 2], [0, 0], [0, 0]), // phases without a tap
    (2, 2, [10, 9], 3, [2, 1], [3, 3], [0, 0], [0, 0]),
    (2, 4, [6, 7], 3, [3, 3], [1, 1], [2, 0], [0, 0]),
    (2, 3, [6, 6], 3, [4, 4], [2, 2], [1, 1], [1, 1]), // more padding below and right
    (2, 3, [6, 6], 3, [3, 3], [1, 1], [1, 1], [2, 1]),
    (2, 3, [7, 7], 3, [4, 4], [2, 2], [1, 2], [-1, -2]), // less: x's last rows and columns are not met
    (1, 2, [5, 9], 2, [3, 3], [1, 1], [2, 1], [-2, 3]),
    (1, 17, [3, 3], 19, [3, 3], [1, 1], [1, 1], [0, 0]),
    (7, 5, [4, 4], 33, [2, 2], [1, 1], [0, 0], [0, 0]),
    (1, 31, [5, 3], 65, [1, 3], [1, 1], [0, 1], [0, 0]),
    (3, 64, [6, 6], 16, [4, 4], [2, 2], [1, 1], [0, 0]),
    (16, 16, [7, 7], 63, [3, 3], [2, 2], [1, 1], [0, 0]),
    (33, 1, [12, 12], 9, [4, 4], [2, 2], [1, 1], [0, 0]),
    (2, 1, [1, 37], 3, [1, 5], [1, 2], [0, 2], [0, 0]), // one-dimensional
    (2, 3, [41, 1], 2, [4, 1], [3, 1], [2, 0], [0, 0]),
];

#[test]
fn matmul_of_awkward_shapes() {
    let shapes = [
        (1, 1, 1, 1),
        (1, 1, 1, 2),
        (1, 2, 3, 5),
        (1, 7, 11, 13),
        (1, 15, 17, 16),
        (1, 16, 16, 16),
        (1, 17, 15, 33),
        (1, 31, 33, 8),
        (1, 64, 1, 100),
        (1, 1, 64, 100),
        (1, 64, 100, 1),
        (1, 1, 1, 1009),
        (1, 5, 1, 6272),
        (1, 63, 65, 64),
        (1, 64, 64, 100),
        (1, 65, 63, 127),
        (1, 129, 127, 31),
        (1, 3, 500, 3),
        (1, 500, 3, 7),
        (1, 256, 128, 2),
        (1, 257, 1, 100),
        (2, 13, 8, 4),
        (3, 1, 1, 7),
        (5, 9, 33, 17),
        (64, 4, 4, 3),
        (7, 40, 20, 65),
    ];
    for (i, (batch, m, n, k)) in shapes.into_iter().enumerate() {
        let chain = if i % 3 == 0 { bias_and_leaky(1, n) } else { Chain::default() };
        check_matmul(MatMul { a_transposed: i & 1 != 0, b_transposed: i & 2 != 0, chain, ..matmul(batch, m, n, k) });
    }
}

#[test]
fn matmul_epilogues() {
    for chain in [Chain::default(), bias_and_leaky(1, 41), bias_and_leaky(41, 37), bias_and_leaky(37 * 41, 2)] {
        check_matmul(MatMul { chain, ..matmul(2, 37, 41, 29) });
    }
}

/// Every tile that a launch can choose: lanes along m, n and k, and blocks.
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
        let overrides = Kernel::from(kernel.clone()).launch(&with(Body::Tiled)).overrides;
        let tile = ["LANES_M", "LANES_N", "LANES_K", "BLOCKS_M"]
            .map(|o| overrides.iter().find(|(name, _)| name == o).unwrap().1 as usize);
        println!("{batch} x [{m}, {k}] [{k}, {n}]: {tile:?}");
        seen.insert(tile);
        check_matmul(kernel);
    }
    assert!(seen.len() >= 8 && seen.iter().any(|t| t[3] == 2), "{seen:?}");
}

/// Edges on one side and on both, many steps and one: every body but the tiled one, where its tiles fit.
#[test]
fn tiles_of_other_bodies() {
    let matrices = [Matrix::Single8, Matrix::Half8, Matrix::Half16].map(Body::Matrix);
    let fits = |body: Body, kernel: &MatMul| {
        let tiled = Caps::default();
        let launch = |caps| Kernel::from(kernel.clone()).launch(caps);
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

/// What shows how fast matrix units are, on those that the adapter has.
#[test]
fn matrix_multiply_adds() {
    for body in bodies() {
        let Body::Matrix(matrix) = body else { continue };
        for (groups, rounds) in [(1, 128), (3, 256)] {
            let terms = rounds * matrix.side();
            let kernel = MatrixMultiplyAdd { matrix, groups, rounds };
            check_with(
                &with(body),
                kernel,
                Inputs::random(1),
                if matrix.is_half() { half(terms) } else { bound(terms) },
            );
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
            check_with(&caps, matmul(3, 33, 50, 12), Inputs::random(1), bound(12));
            let geometry = geometry((16, 16, [7, 7], 20, [3, 3], [2, 2], [1, 1], [0, 0]));
            check_with(&caps, ConvTranspose2d { geometry, chain: Chain::default() }, Inputs::random(2), bound(20 * 4));
        }
    }
}

#[test]
fn conv2d_of_awkward_shapes() {
    for (i, geometry) in SHAPES.map(geometry).into_iter().enumerate() {
        let chain = if i % 2 == 0 { bias_and_leaky(geometry.p * geometry.q, geometry.k) } else { Chain::default() };
        check(Conv2d { geometry, chain }, Inputs::random(i as u64), geometry.c * geometry.r * geometry.s);
    }
}

#[test]
fn conv_transpose2d_of_awkward_shapes() {
    for (i, geometry) in SHAPES.map(geometry).into_iter().enumerate() {
        let chain = if i % 2 == 0 { bias_and_leaky(geometry.h * geometry.w, geometry.c) } else { Chain::default() };
        check(ConvTranspose2d { geometry, chain }, Inputs::random(i as u64), geometry.k * geometry.r * geometry.s);
    }
}

#[test]
fn conv2d_filter_of_awkward_shapes() {
    for (i, geometry) in SHAPES.map(geometry).into_iter().enumerate() {
        let splits = [1, 2, 7][i % 3];
        check(
            Conv2dFilter { geometry, splits },
            Inputs::random(i as u64),
            (geometry.b * geometry.p * geometry.q).div_ceil(splits),
        );
    }
}

#[test]
fn splits_of_one_filter() {
    let geometry = geometry((3, 2, [6, 6], 5, [4, 4], [2, 2], [1, 1], [0, 0]));
    for splits in [1, 2, 7, 26, 27, 40] {
        check(Conv2dFilter { geometry, splits }, Inputs::random(3), 27usize.div_ceil(splits));
    }
}

/// A twin's result in `f64`.
fn twin(kernel: impl Into<Kernel>, reads: [&[f64]; 2]) -> Vec<f64> {
    let kernel = kernel.into();
    let mut out = vec![f64::NAN; kernel.buffers().writes[0]];
    kernel.twin(Io {
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

/// T(x, w, y) is one number, whichever slot is computed from the other two.
#[test]
fn twins_are_adjoint() {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let mut rng = Rng(5);
    for geometry in SHAPES.map(geometry) {
        let mut random = |n| random(&mut rng, n);
        let (x, w, y) = (random(geometry.x_len()), random(geometry.w_len()), random(geometry.y_len()));
        let form = dot(&twin(Conv2d { geometry, chain: Chain::default() }, [&x, &w]), &y);
        let by_x = dot(&twin(ConvTranspose2d { geometry, chain: Chain::default() }, [&y, &w]), &x);
        assert_close(by_x, form, geometry.macs(), &format!("{geometry:?}, x"));
        for splits in [1, 2, 7] {
            let w = w.repeat(splits);
            let by_w = dot(&twin(Conv2dFilter { geometry, splits }, [&x, &y]), &w);
            assert_close(by_w, form, geometry.macs(), &format!("{geometry:?}, w, {splits} splits"));
        }
    }
}

/// The definition on an image that is padded in full: another way than the twins'.
#[test]
fn conv2d_twin_is_the_definition() {
    let mut rng = Rng(6);
    for geometry in SHAPES.map(geometry) {
        let Geometry { b, c, h, w, k, r, s, p, q, stride, pad } = geometry;
        let (x, filter) = (random(&mut rng, geometry.x_len()), random(&mut rng, geometry.w_len()));
        let (tall, wide) = (pad[0] + h.max(p * stride[0] + r), pad[1] + w.max(q * stride[1] + s));
        let mut padded = vec![0.0; b * c * tall * wide];
        for (i, x) in x.iter().enumerate() {
            padded[(i / (h * w) * tall + i / w % h + pad[0]) * wide + i % w + pad[1]] = *x;
        }
        let y = twin(Conv2d { geometry, chain: Chain::default() }, [&x, &filter]);
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
fn matmul_twin_reads_both_layouts() {
    let (m, n, k) = (3, 4, 5);
    let mut rng = Rng(7);
    let (a, b) = (random(&mut rng, 2 * m * k), random(&mut rng, 2 * k * n));
    let transposed = |x: &[f64], rows: usize, columns: usize| -> Vec<f64> {
        let plane = rows * columns;
        (0..x.len()).map(|i| x[i / plane * plane + i % rows * columns + i % plane / rows]).collect()
    };
    let (a_t, b_t) = (transposed(&a, m, k), transposed(&b, k, n));
    let plain = twin(matmul(2, m, n, k), [&a, &b]);
    let sum: f64 = (0..k).map(|j| a[(m + 1) * k + j] * b[(k + j) * n + 2]).sum();
    assert_eq!(plain[(m + 1) * n + 2], sum);
    for (a_transposed, b_transposed) in [(false, true), (true, false), (true, true)] {
        let kernel = MatMul { a_transposed, b_transposed, ..matmul(2, m, n, k) };
        assert_eq!(twin(kernel, [if a_transposed { &a_t } else { &a }, if b_transposed { &b_t } else { &b }]), plain);
    }
}
