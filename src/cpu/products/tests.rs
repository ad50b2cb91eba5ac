//! The products compared with plain loops in f64, on awkward shapes.

use super::*;
use crate::kernels::Geometry;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::sync::atomic::{AtomicU32, Ordering};

fn random(rng: &mut StdRng, len: usize) -> Vec<f32> {
    (0..len).map(|_| rng.random_range(-1.0f32..1.0)).collect()
}

/// An expected result. For each element, the sum of the products' magnitudes and the number of products bound the
/// rounding error.
struct Reference {
    sums: Vec<f64>,
    magnitudes: Vec<f64>,
    terms: Vec<usize>,
}

impl Reference {
    fn new(len: usize) -> Self {
        Reference { sums: vec![0.0; len], magnitudes: vec![0.0; len], terms: vec![0; len] }
    }

    fn add(&mut self, at: usize, a: f32, b: f32) {
        let product = a as f64 * b as f64;
        self.sums[at] += product;
        self.magnitudes[at] += product.abs();
        self.terms[at] += 1;
    }

    fn assert_near(&self, got: &[f32], what: &str) {
        for (i, &got) in got.iter().enumerate() {
            let bound = 2.0 * f32::EPSILON as f64 * self.terms[i] as f64 * self.magnitudes[i];
            let error = (got as f64 - self.sums[i]).abs();
            assert!(error <= bound, "{what}: element {i} is {got}, not {}: error {error:e} > {bound:e}", self.sums[i]);
        }
    }
}

/// Runs a product on pools of 1, 2 and 3 threads and twice with the same scratch; asserts equal bits, one epilogue for
/// each element with that element's final value, and returns the result.
fn run(len: usize, product: impl Fn(&mut [f32], &mut Scratch, &(dyn Fn(usize, &mut [f32]) + Sync)) + Sync) -> Vec<f32> {
    let mut results: Vec<Vec<f32>> = vec![];
    for threads in [1, 2, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut scratch = Scratch::new();
            for _ in 0..2 {
                let seen: Vec<AtomicU32> = (0..len).map(|_| AtomicU32::new(0)).collect();
                let mut result = vec![f32::NAN; len];
                product(&mut result, &mut scratch, &|start, block: &mut [f32]| {
                    for (i, value) in block.iter_mut().enumerate() {
                        seen[start + i].fetch_add(1, Ordering::Relaxed);
                        *value *= 2.0;
                    }
                });
                assert!(seen.iter().all(|seen| seen.load(Ordering::Relaxed) == 1), "epilogue calls");
                results.push(result.iter().map(|value| value / 2.0).collect());
            }
        });
    }
    let bits = |result: &[f32]| result.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    assert!(results.iter().all(|result| bits(result) == bits(&results[0])), "results differ between runs");
    results.swap_remove(0)
}

#[test]
fn matmul_agrees_with_loops() {
    let mut rng = StdRng::seed_from_u64(1);
    let shapes = [
        (1, 1, 1, 1),
        (1, 1, 7, 1),
        (1, 5, 1, 3),
        (3, 7, 11, 13),
        (2, 64, 100, 37),
        (1, 1, 300, 129),
        (1, 130, 17, 1),
        (1, 64, 256, 512),
        (1, 129, 600, 131),
        (1, 33, 1031, 17),
        (1, 600, 40, 300),
        (2, 3, 0, 4),
    ];
    for (batch, m, k, n) in shapes {
        let (a, b) = (random(&mut rng, batch * m * k), random(&mut rng, batch * k * n));
        let plain = Matmul { batch, ..Matmul::new(m, k, n) };
        for shape in [plain, plain.transposed_a(), plain.transposed_b(), plain.transposed_a().transposed_b()] {
            let ((ar, ac), (br, bc)) = (shape.a_strides, shape.b_strides);
            let mut reference = Reference::new(batch * m * n);
            for (i, j, l, o) in indices([batch, m, n, k]) {
                reference.add((i * m + j) * n + l, a[i * m * k + j * ar + o * ac], b[i * k * n + o * br + l * bc]);
            }
            let y = run(batch * m * n, |y, scratch, epilogue| matmul(&shape, &a, &b, y, scratch, epilogue));
            reference.assert_near(&y, &format!("{shape:?}"));
        }
    }
}

fn indices([a, b, c, d]: [usize; 4]) -> impl Iterator<Item = (usize, usize, usize, usize)> {
    (0..a * b * c * d).map(move |i| (i / (b * c * d), i / (c * d) % b, i / d % c, i % d))
}

/// Calls `each(x index, w index, y index)` for every product of a convolution.
fn each_product(conv: &Geometry, mut each: impl FnMut(usize, usize, usize)) {
    for (b, k, p, q) in indices([conv.b, conv.k, conv.p, conv.q]) {
        for (c, r, s, _) in indices([conv.c, conv.r, conv.s, 1]) {
            let h = (p * conv.stride[0] + r) as isize - conv.pad[0] as isize;
            let w = (q * conv.stride[1] + s) as isize - conv.pad[1] as isize;
            if (0..conv.h as isize).contains(&h) && (0..conv.w as isize).contains(&w) {
                let x = ((b * conv.c + c) * conv.h + h as usize) * conv.w + w as usize;
                each(x, ((k * conv.c + c) * conv.r + r) * conv.s + s, ((b * conv.k + k) * conv.p + p) * conv.q + q);
            }
        }
    }
}

fn check_conv(conv: Geometry, rng: &mut StdRng) {
    let lens = conv.lens();
    let [x, w, y] = lens.map(|len| random(rng, len));
    let [mut for_x, mut for_w, mut for_y] = lens.map(Reference::new);
    each_product(&conv, |i, j, l| {
        for_x.add(i, w[j], y[l]);
        for_w.add(j, x[i], y[l]);
        for_y.add(l, x[i], w[j]);
    });
    let got = run(lens[2], |y, scratch, epilogue| conv2d(&conv, &x, &w, y, scratch, epilogue));
    for_y.assert_near(&got, &format!("y of {conv:?}"));
    let got = run(lens[0], |x, scratch, epilogue| conv2d_input(&conv, &w, &y, x, scratch, epilogue));
    for_x.assert_near(&got, &format!("x of {conv:?}"));
    let got = run(lens[1], |w, scratch, epilogue| conv2d_filter(&conv, &x, &y, w, scratch, epilogue));
    for_w.assert_near(&got, &format!("w of {conv:?}"));
}

/// A convolution with the same padding on all sides.
fn conv(
    b: usize,
    c: usize,
    [h, w]: [usize; 2],
    k: usize,
    [r, s]: [usize; 2],
    stride: [usize; 2],
    pad: [usize; 2],
) -> Geometry {
    let (p, q) = ((h + 2 * pad[0] - r) / stride[0] + 1, (w + 2 * pad[1] - s) / stride[1] + 1);
    Geometry { b, c, h, w, k, r, s, p, q, stride, pad }
}

#[test]
fn the_networks_layers_agree_with_loops() {
    let mut rng = StdRng::seed_from_u64(2);
    for shape in [
        conv(2, 16, [14, 14], 32, [4, 4], [2, 2], [1, 1]),
        conv(9, 33, [7, 7], 20, [4, 4], [2, 2], [1, 1]),
        conv(3, 64, [28, 28], 1, [3, 3], [1, 1], [1, 1]),
        conv(5, 1, [28, 28], 64, [4, 4], [2, 2], [1, 1]),
        conv(2, 3, [64, 64], 16, [4, 4], [2, 2], [1, 1]),
        conv(10, 40, [8, 8], 24, [4, 4], [2, 2], [1, 1]),
        conv(3, 16, [14, 14], 32, [4, 4], [2, 2], [1, 1]),
        conv(9, 80, [14, 14], 16, [4, 4], [2, 2], [1, 1]),
        conv(11, 32, [8, 8], 48, [4, 4], [2, 2], [1, 1]),
        conv(27, 16, [8, 8], 336, [4, 4], [2, 2], [1, 1]),
        conv(2, 16, [40, 40], 16, [4, 4], [2, 2], [1, 1]),
        conv(17, 16, [20, 20], 16, [4, 4], [2, 2], [1, 1]),
        conv(2, 16, [9, 8], 16, [2, 2], [1, 1], [0, 1]),
        conv(2, 32, [16, 26], 16, [4, 6], [2, 3], [0, 2]),
        conv(5, 12, [4, 4], 100, [4, 4], [1, 1], [0, 0]),
        conv(5, 12, [4, 4], 1, [4, 4], [1, 1], [0, 0]),
    ] {
        check_conv(shape, &mut rng);
    }
}

#[test]
fn awkward_convolutions_agree_with_loops() {
    let mut rng = StdRng::seed_from_u64(3);
    let plain = conv(2, 3, [7, 5], 4, [3, 3], [1, 1], [1, 1]);
    for shape in [
        conv(1, 1, [1, 1], 1, [1, 1], [1, 1], [0, 0]),
        conv(1, 1, [5, 7], 1, [5, 7], [1, 1], [0, 0]),
        conv(3, 2, [5, 7], 3, [1, 1], [1, 1], [0, 0]),
        conv(3, 2, [5, 7], 3, [1, 1], [3, 2], [0, 0]),
        conv(1, 2, [13, 11], 5, [5, 3], [3, 2], [2, 1]),
        conv(2, 2, [6, 6], 3, [2, 2], [3, 3], [0, 0]),
        conv(2, 2, [4, 4], 3, [2, 3], [1, 1], [5, 4]),
        conv(2, 9, [4, 4], 2, [2, 3], [1, 1], [5, 4]),
        conv(2, 2, [4, 4], 9, [2, 3], [2, 3], [5, 7]),
        conv(17, 1, [3, 3], 1, [3, 3], [1, 1], [1, 1]),
        conv(2, 600, [3, 3], 2, [1, 1], [1, 1], [0, 0]),
        conv(2, 70, [5, 5], 33, [3, 3], [1, 1], [1, 1]),
        conv(1, 2, [40, 41], 3, [3, 3], [1, 1], [1, 1]),
        Geometry { pad: [0, 2], p: 6, q: 5, ..plain },
        Geometry { pad: [2, 0], p: 3, q: 9, ..plain },
        Geometry { p: 1, q: 1, ..plain },
        Geometry { pad: [9, 9], p: 2, q: 2, ..plain },
        Geometry { stride: [2, 2], p: 4, q: 4, pad: [1, 0], ..plain },
        Geometry { stride: [2, 1], p: 3, q: 5, c: 1, ..plain },
    ] {
        check_conv(shape, &mut rng);
    }
}

#[test]
fn random_convolutions_agree_with_loops() {
    let mut rng = StdRng::seed_from_u64(4);
    for _ in 0..150 {
        let mut up_to = |max: usize| rng.random_range(1..=max);
        let shape = Geometry {
            b: up_to(4),
            c: up_to(9),
            h: up_to(12),
            w: up_to(12),
            k: up_to(9),
            r: up_to(5),
            s: up_to(5),
            p: up_to(9),
            q: up_to(9),
            stride: [up_to(3), up_to(3)],
            pad: [up_to(5) - 1, up_to(5) - 1],
        };
        check_conv(shape, &mut rng);
    }
}
