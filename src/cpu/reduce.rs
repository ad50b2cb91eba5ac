//! Reductions on the CPU: runs of consecutive elements, evaluated block by block, added in an order fixed by the shape.

use std::{cell::RefCell, ops::Range};

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::chain::{self, BLOCK, Registers};
use crate::kernels::{
    Axis, Chain, Moments, NormSums, Reduce,
    chain::{Code, Instr, Load},
    len, offset,
};

thread_local! {
    static REGISTERS: RefCell<Registers> = RefCell::default();
}

/// Calls `f` with this thread's registers.
pub fn with_registers<R>(f: impl FnOnce(&mut Registers) -> R) -> R {
    REGISTERS.with_borrow_mut(f)
}

/// Length of the runs of consecutive elements that the last axis makes, and the axes that count the runs.
fn runs(axes: &[Axis]) -> (usize, &[Axis]) {
    match axes.split_last() {
        Some((&Axis { extent, stride: 1 }, rest)) => (extent, rest),
        _ => (1, axes),
    }
}

/// Elements of one partial sum of a reduction to few results.
const PART: usize = 1 << 15;
/// Results whose columns one task adds up, and parts that these are cut into at most.
const COLUMNS: usize = 256;
const PARTS: usize = 16;

pub fn reduce(kernel: &Reduce, operands: &[&[f32]], y: &mut [f32]) {
    let Reduce { max, outer, inner, scale, chain, .. } = kernel;
    let (run, counted) = runs(inner);
    let start = if *max { f32::NEG_INFINITY } else { 0.0 };
    let columns = outer.last().is_some_and(|axis| axis.stride == 1) && len(outer) > 1 && run == 1;
    if columns {
        let (width, rows) = runs(outer);
        let add = |y: &mut f32, v: f32| *y = if *max { y.max(v) } else { *y + v };
        y.par_chunks_mut(width).enumerate().for_each(|(row, y)| {
            let base = offset(rows, row);
            y.par_chunks_mut(COLUMNS).enumerate().for_each(|(chunk, y)| {
                let (first, count, width) = (base + chunk * COLUMNS, len(inner), y.len());
                let part = |lines: Range<usize>, y: &mut [f32]| {
                    y.fill(start);
                    with_registers(|r| {
                        let mut block = [0.0; COLUMNS];
                        let block = &mut block[..width];
                        for i in lines {
                            block.fill(0.0);
                            chain::run(chain, first + offset(inner, i), block, operands, r);
                            y.iter_mut().zip(&*block).for_each(|(y, v)| add(y, *v));
                        }
                    });
                };
                let lines = count.div_ceil((count * width).div_ceil(PART).min(PARTS));
                let mut parts = vec![0.0; count.div_ceil(lines) * width];
                let each = parts.par_chunks_mut(width).enumerate();
                each.for_each(|(p, y)| part(p * lines..count.min((p + 1) * lines), y));
                y.fill(start);
                parts.chunks(width).for_each(|part| y.iter_mut().zip(part).for_each(|(y, v)| add(y, *v)));
                y.iter_mut().for_each(|y| *y *= scale);
            });
        });
        return;
    }
    let one = |o: usize| {
        let base = offset(outer, o);
        let part = |p: usize| {
            let (first, last) = (p * PART, ((p + 1) * PART).min(run));
            (0..len(counted))
                .map(|c| fold(chain, base + offset(counted, c) + first, last - first, operands, *max))
                .fold(start as f64, |a, b| if *max { a.max(b) } else { a + b })
        };
        let parts = run.div_ceil(PART);
        let total = if parts > 1 {
            let parts: Vec<f64> = (0..parts).into_par_iter().map(part).collect();
            parts.into_iter().fold(start as f64, |a, b| if *max { a.max(b) } else { a + b })
        } else {
            part(0)
        };
        total as f32 * scale
    };
    y.par_iter_mut().enumerate().for_each(|(o, y)| *y = one(o));
}

/// Sum or maximum of the chain's values on a run of elements.
fn fold(chain: &Chain, start: usize, len: usize, operands: &[&[f32]], max: bool) -> f64 {
    if let Some([a, b]) = factors(chain).filter(|_| !max) {
        let run = |load: &Load| &operands[load.operand][load.index.offset + start..][..len];
        let [sum] = sums(std::iter::once([run(a), run(b)]), Products);
        return sum;
    }
    with_registers(|r| {
        let mut block = [0.0; BLOCK];
        let mut total = if max { f64::NEG_INFINITY } else { 0.0 };
        for at in (0..len).step_by(BLOCK) {
            let block = &mut block[..BLOCK.min(len - at)];
            block.fill(0.0);
            chain::run(chain, start + at, block, operands, r);
            total = if max {
                block.iter().fold(total, |a, &b| a.max(b as f64))
            } else {
                let [sum] = sums(std::iter::once([&*block; 2]), Plain);
                total + sum
            };
        }
        total
    })
}

/// The factors, if the chain only multiplies two runs of consecutive elements: sums of squares are frequent and long.
fn factors(chain: &Chain) -> Option<[&Load; 2]> {
    let [Instr { code: Code::Mul, a, b, .. }] = chain.instrs[..] else { return None };
    let load = |register: usize| chain.loads.get(register.checked_sub(1)?).filter(|load| load.index.digits.is_none());
    Some([load(a)?, load(b)?])
}

/// The terms that are summed, as functions of each pair of elements.
trait Terms<const N: usize>: Copy {
    fn of<S: Simd>(self, simd: S, a: S::f32s, b: S::f32s) -> [S::f32s; N];
}

/// a
#[derive(Clone, Copy)]
struct Plain;
/// a b
#[derive(Clone, Copy)]
struct Products;
/// a - centre and its square
#[derive(Clone, Copy)]
struct Deviations(f32);
/// a and a (b - mean)
#[derive(Clone, Copy)]
struct Weighted(f32);

impl Terms<1> for Plain {
    #[inline(always)]
    fn of<S: Simd>(self, _: S, a: S::f32s, _: S::f32s) -> [S::f32s; 1] {
        [a]
    }
}

impl Terms<1> for Products {
    #[inline(always)]
    fn of<S: Simd>(self, simd: S, a: S::f32s, b: S::f32s) -> [S::f32s; 1] {
        [simd.mul_f32s(a, b)]
    }
}

impl Terms<2> for Deviations {
    #[inline(always)]
    fn of<S: Simd>(self, simd: S, a: S::f32s, _: S::f32s) -> [S::f32s; 2] {
        let d = simd.sub_f32s(a, simd.splat_f32s(self.0));
        [d, simd.mul_f32s(d, d)]
    }
}

impl Terms<2> for Weighted {
    #[inline(always)]
    fn of<S: Simd>(self, simd: S, a: S::f32s, b: S::f32s) -> [S::f32s; 2] {
        [a, simd.mul_f32s(a, simd.sub_f32s(b, simd.splat_f32s(self.0)))]
    }
}

/// Vectors that are summed side by side: an addition takes several cycles, and the next one need not wait for it.
const SIDE_BY_SIDE: usize = 4;

/// Sums over pairs of runs: in vectors, and beyond some [`BLOCK`]s of elements in f64.
struct Sums<R, T, const N: usize>(R, T);

fn sums<'a, const N: usize>(runs: impl Iterator<Item = [&'a [f32]; 2]>, terms: impl Terms<N>) -> [f64; N] {
    Arch::new().dispatch(Sums::<_, _, N>(runs, terms))
}

impl<'a, R: Iterator<Item = [&'a [f32]; 2]>, T: Terms<N>, const N: usize> WithSimd for Sums<R, T, N> {
    type Output = [f64; N];

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> [f64; N] {
        let Sums(runs, terms) = self;
        let zeros = [[simd.splat_f32s(0.0); N]; SIDE_BY_SIDE];
        let (mut totals, mut sums, mut held) = ([0.0; N], zeros, 0);
        let add = |totals: &mut [f64; N], sums: &[[S::f32s; N]; SIDE_BY_SIDE]| {
            for (n, total) in totals.iter_mut().enumerate() {
                let [a, b, c, d] = sums.map(|sum| sum[n]);
                *total += simd.reduce_sum_f32s(simd.add_f32s(simd.add_f32s(a, b), simd.add_f32s(c, d))) as f64;
            }
        };
        for [a, b] in runs {
            for (a, b) in a.chunks(BLOCK).zip(b.chunks(BLOCK)) {
                let count = a.len();
                let ((a, a_rest), (b, b_rest)) = (S::as_simd_f32s(a), S::as_simd_f32s(b));
                let (a, b) = (a.chunks_exact(SIDE_BY_SIDE), b.chunks_exact(SIDE_BY_SIDE));
                let mut take = |a: &[S::f32s], b: &[S::f32s]| {
                    for ((&a, &b), sums) in a.iter().zip(b).zip(&mut sums) {
                        let values = terms.of(simd, a, b);
                        (0..N).for_each(|n| sums[n] = simd.add_f32s(sums[n], values[n]));
                    }
                };
                take(a.remainder(), b.remainder());
                a.zip(b).for_each(|(a, b)| take(a, b));
                if !a_rest.is_empty() {
                    let values = terms.of(simd, simd.partial_load_f32s(a_rest), simd.partial_load_f32s(b_rest));
                    // Lanes past the end hold the terms of zeros; `inside` masks them out.
                    let inside = simd.partial_load_f32s(&[1.0; LANES][..a_rest.len()]);
                    (0..N).for_each(|n| sums[0][n] = simd.mul_add_f32s(values[n], inside, sums[0][n]));
                }
                held += count;
                if held >= SIDE_BY_SIDE * BLOCK {
                    add(&mut totals, &sums);
                    (sums, held) = (zeros, 0);
                }
            }
        }
        add(&mut totals, &sums);
        totals
    }
}

/// Lanes of the widest vectors.
const LANES: usize = 16;

pub fn moments(kernel: &Moments, x: &[f32], y: &mut [f32]) {
    let (run, counted) = runs(&kernel.inner);
    let (count, outs) = (len(&kernel.inner) as f64, len(&kernel.outer));
    let (means, variances) = y.split_at_mut(outs);
    means.par_iter_mut().zip(variances).enumerate().for_each(|(o, (mean, variance))| {
        let base = offset(&kernel.outer, o);
        let runs = || (0..len(counted)).map(|c| [&x[base + offset(counted, c)..][..run]; 2]);
        let [total] = sums(runs(), Plain);
        let centre = (total / count) as f32;
        // The rounding error of the first mean is taken out of both results, as in the shader.
        let [off, squares] = sums(runs(), Deviations(centre)).map(|total| total / count);
        (*mean, *variance) = ((f64::from(centre) + off) as f32, (squares - off * off).max(0.0) as f32);
    });
}

pub fn norm_sums(kernel: &NormSums, dy: &[f32], x: &[f32], moments: &[f32], y: &mut [f32]) {
    let (run, counted) = runs(&kernel.inner);
    let outs = len(&kernel.outer);
    let (plain, weighted) = y.split_at_mut(outs);
    plain.par_iter_mut().zip(weighted).enumerate().for_each(|(o, (plain, weighted))| {
        let (base, mean, variance) = (offset(&kernel.outer, o), moments[o], moments[outs + o]);
        let at = |c| base + offset(counted, c);
        let runs = (0..len(counted)).map(|c| [&dy[at(c)..][..run], &x[at(c)..][..run]]);
        let [a, b] = sums(runs, Weighted(mean));
        (*plain, *weighted) = (-a as f32, (b * -0.5 / (f64::from(variance) + kernel.eps)) as f32);
    });
}
