//! Error bounds of kernels against their references in f64, derived from their arithmetic.

use super::{inputs::Data, run::Written};
use crate::{
    graph::Dist,
    kernels::{
        Adam, Axis, Chain, Kernel, NormSums, Reduce, RmsProp, Sequence, Sgd, chain::Code, multiply_add::CHAINS, offsets,
    },
};

/// Distance from 1 to the next `f32`.
pub const EPS: f64 = f32::EPSILON as f64;
/// Smallest normal `f32`: implementations may flush smaller numbers to zero.
pub const TINY: f64 = f32::MIN_POSITIVE as f64;

/// How far from the `f64` reference a result may lie. Words must always be equal.
#[derive(Clone, Debug)]
pub enum Bound {
    /// The bits of the `f32` reference: data movement, integers, comparisons.
    Exact,
    /// c * eps * sqrt(terms) * S + tiny, where S is the reference on absolute values: kernels that add `terms`
    /// products.
    Sum {
        /// Number of roundings of a term and of the operations after the sum.
        c: f64,
        /// Products that are added.
        terms: usize,
    },
    /// The same for operands that were rounded to half precision: each term is off by two roundings of 2^-11, or by
    /// less than 2^-24 where an operand has no normal half.
    Half {
        /// Products that are added.
        terms: usize,
    },
    /// absolute + relative * |reference|.
    Within {
        /// Of any result.
        absolute: f64,
        /// Of the result's size.
        relative: f64,
    },
    /// A bound for each element of each output.
    Each(Vec<Vec<f64>>),
}

impl Bound {
    /// The bound for a kernel on these contents; `half` for a product of operands in half precision. Rounding errors of
    /// a sum of n terms grow as sqrt(n) with high probability (Higham and Mary 2019, theorem 3.1); twice that holds for
    /// all shapes that were tried.
    pub fn of(kernel: &Kernel, data: &Data, half: bool) -> Self {
        let sum = |terms: usize, half: bool| if half { Self::Half { terms } } else { Self::Sum { c: 2.0, terms } };
        let one = |bounds: Vec<f64>| Self::Each(vec![bounds]);
        match kernel {
            Kernel::MatMul(k) => sum(k.k, half),
            Kernel::Conv2d(k) => sum(k.geometry.c * k.geometry.r * k.geometry.s, half),
            Kernel::ConvTranspose2d(k) => sum(k.geometry.k * k.geometry.r * k.geometry.s, half),
            Kernel::Conv2dFilter(k) => sum((k.geometry.b * k.geometry.p * k.geometry.q).div_ceil(k.splits), half),
            Kernel::MatrixMultiplyAdd(k) => sum(k.rounds * k.matrix.side(), k.matrix.is_half()),
            // WGSL's logarithm (2^-21 or 3 ulp) enters through a slope of at most 0.17 of the value, and nine steps of
            // a polynomial with shrinking terms round it about twice each in all.
            Kernel::Random(k) if k.dist == Dist::Normal => Self::Within { absolute: 0.0, relative: 8.0 * EPS },
            Kernel::Lstm(k) => recurrent(&k.sequence),
            Kernel::LstmGrad(k) => recurrent(&k.sequence),
            Kernel::Gru(k) => recurrent(&k.sequence),
            Kernel::GruGrad(k) => recurrent(&k.sequence),
            Kernel::Pointwise(k) => {
                let acc = |n: usize| if k.in_place { f64::from(data.writes[0][n]) } else { 0.0 };
                one((0..k.len).map(|n| chain_error(&k.chain, n, (acc(n), 0.0), &data.operands).1 + TINY).collect())
            }
            Kernel::Reduce(k) => one(reduce(k, data)),
            Kernel::Moments(k) => moments(&data.reads[0], &k.outer, &k.inner),
            Kernel::NormSums(k) => norm_sums(data, k),
            Kernel::Softmax(k) => one(data.reads[0].chunks(k.cols).flat_map(softmax).collect()),
            Kernel::CrossEntropy(k) => {
                let one_hot = |t: &[f32]| (0..k.cols).map(|n| if n as f32 == t[0] { 1.0 } else { 0.0 }).collect();
                let targets = |t: &[f32]| if k.at_index { one_hot(t) } else { t.to_vec() };
                let rows = data.reads[0].chunks(k.cols).zip(data.reads[1].chunks(if k.at_index { 1 } else { k.cols }));
                one(rows.map(|(x, t)| cross_entropy(x, &targets(t))).collect())
            }
            // At worst all indices are the same.
            Kernel::RowSums(k) => sum(k.indices, false),
            Kernel::Adam(k) => adam(k, data),
            Kernel::Sgd(k) => sgd(k, data),
            Kernel::RmsProp(k) => rmsprop(k, data),
            // Each step rounds twice at most and shrinks what was wrong before; then comes the mean. The inputs are
            // rounded, too.
            Kernel::MultiplyAdd(k) => {
                let eps = if k.half { 2f64.powi(-10) } else { EPS };
                let (largest, shrinks) = (CHAINS as f64 + 1.0, 1.0 - f64::from(data.reads[1][0]));
                let absolute = largest * (eps * (1.0 + 1.0 / shrinks) + EPS * CHAINS as f64);
                Self::Within { absolute, relative: 0.0 }
            }
            // What moves data or makes bits. A new kernel is held to this, the strictest bound, until it has one of its
            // own.
            _ => Self::Exact,
        }
    }
}

/// A step adds the errors of its sums of products and of its elementary functions, of which WGSL's tanh, with 1e-5, has
/// by far the largest: two of them in an LSTM. What a step is given it passes on, less what it forgets; that in weights
/// of this size no more than three steps' errors add up is measured, not derived. Cotangents are products of up to four
/// such values.
fn recurrent(s: &Sequence) -> Bound {
    let step = 2.0 * 1e-5 + 2.0 * EPS * (4.0 * s.units as f64).sqrt();
    Bound::Within { absolute: 4.0 * step * (s.steps as f64).min(3.0), relative: 0.0 }
}

/// A sum of terms that come with errors of the prologue's own; a maximum has the largest of these.
fn reduce(k: &Reduce, data: &Data) -> Vec<f64> {
    let (outer, inner) = (offsets(&k.outer), offsets(&k.inner));
    let (span, scale) = (inner.len().div_ceil(k.splits), f64::from(k.scale).abs());
    let mut bounds = vec![];
    for s in 0..k.splits {
        let range = &inner[(s * span).min(inner.len())..((s + 1) * span).min(inner.len())];
        let grows = EPS * (2.0 * (range.len() as f64).sqrt() + 1.0);
        for o in &outer {
            let terms = range.iter().map(|i| chain_error(&k.chain, o + i, (0.0, 0.0), &data.operands));
            bounds.push(
                TINY + scale
                    * match k.max {
                        true => terms.fold(0.0, |most: f64, (_, error)| most.max(error)),
                        false => terms.fold(0.0, |sum, (value, error)| sum + grows * value.abs() + error),
                    },
            );
        }
    }
    bounds
}

/// The mean is a sum. The variance adds squares of deviations, each rounded twice, from a mean that is off by its own
/// error, whose square enters.
fn moments(x: &[f32], outer: &[Axis], inner: &[Axis]) -> Bound {
    let members = offsets(inner);
    let count = members.len() as f64;
    let (mut means, mut variances) = (vec![], vec![]);
    for o in offsets(outer) {
        let mean_of = |f: &dyn Fn(f64) -> f64| members.iter().map(|i| f(f64::from(x[o + i]))).sum::<f64>() / count;
        let mean = mean_of(&|x| x);
        let variance = mean_of(&|x| (x - mean).powi(2));
        let error = EPS * (2.0 * count.sqrt() + 3.0) * mean_of(&|x| x.abs());
        means.push(error + TINY);
        variances.push(EPS * (2.0 * count.sqrt() + 5.0) * variance + error.powi(2) + TINY);
    }
    Bound::Each(vec![[means, variances].concat()])
}

fn norm_sums(data: &Data, k: &NormSums) -> Bound {
    let (members, outer) = (offsets(&k.inner), offsets(&k.outer));
    let grows = 2.0 * EPS * (members.len() as f64).sqrt() + EPS;
    let (mut sums, mut products) = (vec![], vec![]);
    for (j, &o) in outer.iter().enumerate() {
        let dy = |i: usize| f64::from(data.reads[0][o + i]).abs();
        let from_mean = |i: usize| (f64::from(data.reads[1][o + i]) - f64::from(data.reads[2][j])).abs();
        sums.push(grows * members.iter().map(|&i| dy(i)).sum::<f64>() + TINY);
        let product = members.iter().map(|&i| dy(i) * from_mean(i)).sum::<f64>();
        // A sum and a quotient, which WGSL allows two and a half units more.
        let variance = f64::from(data.reads[2][outer.len() + j]);
        products.push((grows + 4.0 * EPS) * product / (2.0 * (variance + k.eps)) + TINY);
    }
    Bound::Each(vec![[sums, products].concat()])
}

/// z = x - max, its exponential with the error that WGSL allows, and their sum with its relative error.
fn exponentials(x: &[f32]) -> (Vec<f64>, Vec<f64>, f64, f64) {
    let top = x.iter().fold(f64::MIN, |a, &x| a.max(f64::from(x)));
    let z: Vec<f64> = x.iter().map(|&x| f64::from(x) - top).collect();
    let errors: Vec<f64> = z.iter().map(|z| EPS * (3.0 + 2.5 * z.abs())).collect();
    let sum: f64 = z.iter().map(|z| z.exp()).sum();
    let weighted: f64 = z.iter().zip(&errors).map(|(z, e)| z.exp() * e).sum();
    (z, errors, sum, weighted / sum + 2.0 * EPS * (x.len() as f64).sqrt())
}

fn softmax(x: &[f32]) -> Vec<f64> {
    let (z, errors, sum, sum_error) = exponentials(x);
    // Exponentials below the normal numbers may be flushed to 0.
    let bound = |(z, e): (&f64, f64)| z.exp() / sum * (e + sum_error + 2.5 * EPS) + 2.0 * TINY;
    z.iter().zip(errors).map(bound).collect()
}

fn cross_entropy(x: &[f32], t: &[f32]) -> f64 {
    let (z, _, sum, sum_error) = exponentials(x);
    let log_error = (-21.0f64).exp2().max(3.0 * EPS * sum.ln()) + sum_error;
    let grows = 2.0 * EPS * (x.len() as f64).sqrt() + 3.0 * EPS;
    let bound = |(z, &t): (&f64, &f32)| f64::from(t) * (log_error + grows * (sum.ln() - z).abs());
    z.iter().zip(t).map(bound).sum::<f64>() + TINY
}

/// Errors by WGSL's accuracy table, in units of EPS: a division 2.5, a square root 4.5, a rounded constant 0.5.
fn adam(k: &Adam, data: &Data) -> Bound {
    let (rate, t) = (f64::from(data.reads[1][0]), f64::from(data.reads[2][0]));
    let (c1, c2) = (-(t * k.beta1.ln()).exp_m1(), -(t * k.beta2.ln()).exp_m1());
    let mut bounds = vec![vec![]; 3];
    for n in 0..k.len {
        let [g, p, m, v] = [data.reads[0][n], data.writes[0][n], data.writes[1][n], data.writes[2][n]].map(f64::from);
        let (m, v) = if t <= 1.0 { (0.0, 0.0) } else { (m, v) };
        let p = p * (1.0 - rate * k.decay);
        let change = (1.0 - k.beta1) * (g - m);
        let (new_m, new_v) = (m + change, k.beta2 * v + (1.0 - k.beta2) * g * g);
        let error_m = EPS * (2.0 * change.abs() + (1.0 - k.beta1) * (g.abs() + m.abs()) + new_m.abs()) + TINY;
        let below = (new_v / c2).sqrt() + k.eps;
        // rate / c1 * m / below: two divisions and a product; c1 to 3e-7; below: two roots, a division, a sum, half of
        // v's 4 EPS
        let delta = rate / c1 * new_m / below;
        let relative = 6.0 * EPS + 3e-7 + 15.0 * EPS + 1.5e-7;
        // The decayed parameter: a rounded constant, a difference and two products.
        let kept = 4.0 * EPS * p.abs() * if k.decay > 0.0 { 1.0 } else { 0.0 };
        bounds[0].push(kept + EPS * (p - delta).abs() + relative * delta.abs() + rate / c1 * error_m / below + TINY);
        bounds[1].push(error_m);
        bounds[2].push(4.0 * EPS * new_v + TINY);
    }
    Bound::Each(bounds)
}

fn sgd(k: &Sgd, data: &Data) -> Bound {
    let rate = f64::from(data.reads[1][0]);
    let mut bounds = vec![vec![]; 2];
    for n in 0..k.len {
        let [g, p, v] = [data.reads[0][n], data.writes[0][n], data.writes[1][n]].map(f64::from);
        let new_v = k.momentum * v + g;
        let error_v = EPS * (1.5 * (k.momentum * v).abs() + new_v.abs()) + TINY;
        let delta = rate * new_v;
        bounds[0].push(EPS * (delta.abs() + (p - delta).abs()) + rate * error_v + TINY);
        bounds[1].push(error_v);
    }
    Bound::Each(bounds)
}

fn rmsprop(k: &RmsProp, data: &Data) -> Bound {
    let rate = f64::from(data.reads[1][0]);
    let mut bounds = vec![vec![]; 2];
    for n in 0..k.len {
        let [g, p, s] = [data.reads[0][n], data.writes[0][n], data.writes[1][n]].map(f64::from);
        let new_s = k.decay * s + (1.0 - k.decay) * g * g;
        let delta = rate * g / (new_s.sqrt() + k.eps);
        bounds[0].push(EPS * (p - delta).abs() + 12.0 * EPS * delta.abs() + TINY);
        bounds[1].push(4.0 * EPS * new_s + TINY);
    }
    Bound::Each(bounds)
}

/// The expected output of a launch.
pub struct Expected {
    kernel: Kernel,
    exact: Vec<Vec<f64>>,
    /// The f32 reference's.
    pub single: Written,
    /// None: the bits of the f32 reference.
    bounds: Option<Vec<Vec<f64>>>,
}

/// The largest error of a result.
#[derive(Clone, Debug)]
pub struct Worst {
    /// As a fraction of the bound: above 1 for a failure, infinite if a bit or a word differs or only one value is NaN.
    pub ratio: f64,
    /// Location of the largest error, and the values there.
    pub place: String,
}

impl Expected {
    /// By the kernel's references on these contents.
    pub fn new(kernel: &Kernel, data: &Data, bound: &Bound) -> Self {
        let (exact, _) = data.reference64(kernel);
        let (floats, words) = data.reference32(kernel);
        let scaled =
            |f: &dyn Fn(f64) -> f64, of: &[Vec<f64>]| of.iter().map(|y| y.iter().map(|&y| f(y)).collect()).collect();
        let bounds = match bound {
            Bound::Exact => None,
            Bound::Sum { c, terms } => {
                let scale = c * EPS * (*terms as f64).sqrt();
                Some(scaled(&|s| scale * s + TINY, &data.magnitude(kernel)))
            }
            Bound::Half { terms } => {
                let (relative, absolute) = (2f64.powi(-10) + EPS * *terms as f64, *terms as f64 * 2f64.powi(-24));
                Some(scaled(&|s| relative * s + absolute, &data.magnitude(kernel)))
            }
            Bound::Within { absolute, relative } => Some(scaled(&|y| absolute + relative * y.abs() + TINY, &exact)),
            Bound::Each(bounds) => Some(bounds.clone()),
        };
        Self { kernel: kernel.clone(), exact, single: Written { floats, words }, bounds }
    }

    /// Compares the output with the bounds.
    pub fn worst(&self, got: &Written) -> Worst {
        let mut worst = Worst { ratio: 0.0, place: String::new() };
        let mut look = |ratio: f64, place: &dyn Fn() -> String| {
            if ratio > worst.ratio {
                worst = Worst { ratio, place: place() };
            }
        };
        for (w, (got, want)) in got.words.iter().zip(&self.single.words).enumerate() {
            if let Some(i) = (0..want.len()).find(|&i| got[i] != want[i]) {
                look(f64::INFINITY, &|| format!("{:?}: word {w}[{i}] is {}, not {}", self.kernel, got[i], want[i]));
            }
        }
        for (w, got) in got.floats.iter().enumerate() {
            for (i, &x) in got.iter().enumerate() {
                let ratio = match &self.bounds {
                    None if x.to_bits() == self.single.floats[w][i].to_bits() => 0.0,
                    None => f64::INFINITY,
                    Some(bounds) => self.ratio(f64::from(x), w, i, bounds[w][i]),
                };
                let of = |x: f64| {
                    if self.bounds.is_none() { "bit for bit".into() } else { format!("{ratio:.2} of the bound {x:e}") }
                };
                look(ratio, &|| {
                    let bound = self.bounds.as_ref().map_or(0.0, |bounds| bounds[w][i]);
                    format!("{:?}: output {w}[{i}] is {x:e}, not {:e}: {}", self.kernel, self.exact[w][i], of(bound))
                });
            }
        }
        worst
    }

    fn ratio(&self, x: f64, w: usize, i: usize, bound: f64) -> f64 {
        let y = self.exact[w][i];
        match (x - y).abs() / bound {
            _ if x == y || x.is_nan() && y.is_nan() => 0.0,
            ratio if ratio.is_nan() => f64::INFINITY,
            ratio => ratio,
        }
    }
}

/// A chain's value for element n in `f64`, and a bound on the error of computing it in `f32` by WGSL's accuracy table
/// (<https://www.w3.org/TR/WGSL/#floating-point-accuracy>), carried from instruction to instruction.
/// `acc` is the accumulator with its own error.
pub fn chain_error(chain: &Chain, n: usize, acc: (f64, f64), operands: &[Vec<f32>]) -> (f64, f64) {
    let mut registers = vec![acc];
    registers.extend(chain.loads.iter().map(|l| (f64::from(operands[l.operand][l.index.at(n)]), 0.0)));
    for i in &chain.instrs {
        registers.push(instruction_error(i.code, registers[i.a], registers[i.b], f64::from(i.c())));
    }
    if chain.instrs.is_empty() { acc } else { registers[registers.len() - 1] }
}

fn instruction_error(code: Code, (a, da): (f64, f64), (b, db): (f64, f64), c: f64) -> (f64, f64) {
    let value = code.apply(a, b, c);
    let ulp = EPS * value.abs() + TINY;
    let unsure = |x: f64, dx: f64| dx > 0.0 && x.abs() <= dx;
    let exp_ulps = |x: f64| 3.0 + 2.0 * x.abs();
    let small_exp = (-a.abs()).exp();
    let error = match code {
        Code::Add | Code::Sub => da + db + ulp,
        Code::Mul => a.abs() * db + b.abs() * da + da * db + ulp,
        Code::AddC => da + ulp,
        Code::MulC => c.abs() * da + ulp,
        Code::Exp => value * da.exp_m1() + exp_ulps(a.abs() + da) * ulp,
        Code::Log => {
            let near_one = if (0.45..2.2).contains(&a) { (-21.0f64).exp2() } else { 0.0 };
            -(-da / a).ln_1p() + near_one.max(3.0 * ulp)
        }
        Code::Sqrt => da / value.max(TINY) + 5.0 * ulp,
        Code::Recip => da / (a.abs() * (a.abs() - da)) + 2.5 * ulp,
        Code::Tanh => da + 1e-5,
        Code::Sigmoid => 0.25 * da + ((1.0 - value) * exp_ulps(a) + 4.0) * ulp,
        Code::Softplus => da + small_exp * exp_ulps(a) * EPS + 2.0 * EPS + (-21.0f64).exp2() + ulp,
        Code::IsPositive => f64::from(unsure(a, da)),
        Code::Abs | Code::Clamp => da,
        Code::Sin | Code::Cos => da + (-11.0f64).exp2(),
        Code::Leaky => c.abs().max(1.0) * da + ulp,
        Code::Mask if unsure(b, db) => (a - c * a).abs() + c.abs().max(1.0) * da + ulp,
        Code::Mask => c.abs().max(1.0) * da + ulp,
        Code::Const => 0.0,
    };
    (value, error)
}
