//! A fused chain of pointwise operations: the epilogue of products, the prologue of reductions, the whole of
//! `pointwise`.
//!
//! Register 0 is the accumulator that the host kernel supplies, registers 1.. are loads, elements of the operands, and
//! each instruction writes the next register after those. The chain's value is the last register written (or the
//! accumulator when there is no instruction). Each chain has a WGSL function of its own, straight code.

use num_traits::Float;
use serde::{Deserialize, Serialize};

use super::real;
use crate::graph::Map;

/// Binding of the first operand: the host kernel's own come before it.
pub const FIRST_BINDING: usize = 8;
/// Operands that a chain can read: 5 leave room for a product's own three bindings among 8.
pub const OPERANDS: usize = 5;
/// Loads that a chain can make: an operand may be read in several places, such as the mean and the variance of moments.
pub const LOADS: usize = 8;
/// Instructions that a chain can hold.
pub const LENGTH: usize = 24;
/// Digits that an operand's index can be made of.
pub const DIGITS: usize = 4;

/// One digit of the element number n: `(n / div) % extent`, worth `stride` elements of the operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Digit {
    /// Number of consecutive elements over which the digit stays the same.
    pub div: usize,
    /// Number of values of the digit before it returns to 0.
    pub extent: usize,
    /// Distance in the operand between consecutive values of the digit, in elements.
    pub stride: usize,
}

/// Where the element that is loaded for element n lies: `offset + sum of digits`; no digits at all mean n itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Index {
    /// The place of element 0.
    pub offset: usize,
    /// `None`: operand element n for element n.
    pub digits: Option<Vec<Digit>>,
}

impl Index {
    /// The place for element n.
    pub fn at(&self, n: usize) -> usize {
        let digit = |d: &Digit| (n / d.div) % d.extent * d.stride;
        self.offset + self.digits.as_ref().map_or(n, |digits| digits.iter().map(digit).sum())
    }

    /// The place for element `n` in WGSL.
    fn wgsl(&self) -> String {
        let digit = |d: &Digit| match d {
            Digit { div: 1, extent, stride } => format!("n % {extent}u * {stride}u"),
            Digit { div, extent, stride } => format!("n / {div}u % {extent}u * {stride}u"),
        };
        let digits = self.digits.as_ref().map_or(vec!["n".into()], |digits| digits.iter().map(digit).collect());
        let offset = (self.offset > 0 || digits.is_empty()).then(|| format!("{}u", self.offset));
        digits.into_iter().chain(offset).collect::<Vec<_>>().join(" + ")
    }
}

/// One element of an operand for each element n.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Load {
    /// Which operand.
    pub operand: usize,
    /// Where in it.
    pub index: Index,
}

/// The function that an instruction computes of registers a and b and the immediate c.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Code {
    /// a + b
    Add,
    /// a * b
    Mul,
    /// a + c
    AddC,
    /// a * c
    MulC,
    /// a - b
    Sub,
    /// e^a
    Exp,
    /// ln a
    Log,
    /// sqrt(a)
    Sqrt,
    /// 1 / a
    Recip,
    /// tanh a
    Tanh,
    /// 1 / (1 + e^-a)
    Sigmoid,
    /// max(a, 0) + ln(1 + e^-|a|)
    Softplus,
    /// a > 0 ? 1 : 0
    IsPositive,
    /// |a|
    Abs,
    /// sin a
    Sin,
    /// cos a
    Cos,
    /// a <= 0 ? c * a : a; with c = 0 the first is 0, of minus infinity too
    Leaky,
    /// min(max(a, -c), c)
    Clamp,
    /// b <= 0 ? c * a : a, the gradient of `Leaky` by its result b; with c = 0 the first is 0
    Mask,
    /// c
    Const,
}

impl Code {
    /// The value of an instruction with operands a and b and constant c.
    pub fn apply<F: Float>(self, a: F, b: F, c: F) -> F {
        let (zero, one) = (F::zero(), F::one());
        match self {
            Self::Add => a + b,
            Self::Mul => a * b,
            Self::AddC => a + c,
            Self::MulC => a * c,
            Self::Sub => a - b,
            Self::Exp => a.exp(),
            Self::Log => a.ln(),
            Self::Sqrt => a.sqrt(),
            Self::Recip => a.recip(),
            Self::Tanh => a.tanh(),
            Self::Sigmoid => one / (one + (-a).exp()),
            Self::Softplus => a.max(zero) + (-a.abs()).exp().ln_1p(),
            Self::IsPositive => {
                if a > zero {
                    one
                } else {
                    zero
                }
            }
            Self::Abs => a.abs(),
            Self::Sin => a.sin(),
            Self::Cos => a.cos(),
            Self::Leaky => leaky(a, a, c),
            // Written so that NaN stays NaN.
            Self::Clamp => {
                if a > c {
                    c
                } else if a < -c {
                    -c
                } else {
                    a
                }
            }
            Self::Mask => leaky(a, b, c),
            Self::Const => c,
        }
    }

    /// The value in WGSL; `shaders/shared/chain.wgsl` has the functions that WGSL lacks.
    fn wgsl(self, a: &str, b: &str, c: f32) -> String {
        // Rust's shortest text of a finite number is a literal of WGSL.
        let c = format!("{c:?}f");
        match self {
            Self::Add => format!("{a} + {b}"),
            Self::Mul => format!("{a} * {b}"),
            Self::AddC => format!("{a} + {c}"),
            Self::MulC => format!("{a} * {c}"),
            Self::Sub => format!("{a} - {b}"),
            Self::Exp => format!("exp({a})"),
            Self::Log => format!("log({a})"),
            Self::Sqrt => format!("sqrt({a})"),
            Self::Recip => format!("1.0 / {a}"),
            Self::Tanh => format!("tanh_all({a})"),
            Self::Sigmoid => format!("1.0 / (1.0 + exp(-{a}))"),
            Self::Softplus => format!("softplus({a})"),
            Self::IsPositive => format!("select(0.0, 1.0, {a} > 0.0)"),
            Self::Abs => format!("abs({a})"),
            Self::Sin => format!("sin({a})"),
            Self::Cos => format!("cos({a})"),
            Self::Leaky => format!("leaky({a}, {a}, {c})"),
            Self::Clamp => format!("within({a}, {c})"),
            Self::Mask => format!("leaky({a}, {b}, {c})"),
            Self::Const => c,
        }
    }

    /// The instruction of a map, and its immediate.
    pub fn of(f: Map) -> (Self, f64) {
        match f {
            Map::Exp => (Self::Exp, 0.0),
            Map::Log => (Self::Log, 0.0),
            Map::Sqrt => (Self::Sqrt, 0.0),
            Map::Recip => (Self::Recip, 0.0),
            Map::Tanh => (Self::Tanh, 0.0),
            Map::Sigmoid => (Self::Sigmoid, 0.0),
            Map::Softplus => (Self::Softplus, 0.0),
            Map::IsPositive => (Self::IsPositive, 0.0),
            Map::Abs => (Self::Abs, 0.0),
            Map::Sin => (Self::Sin, 0.0),
            Map::Cos => (Self::Cos, 0.0),
            Map::Leaky(c) => (Self::Leaky, c.get()),
            Map::Clamp(c) => (Self::Clamp, c.get()),
        }
    }
}

/// One instruction; c is kept as bits so that chains can be hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Instr {
    /// The function that the instruction computes.
    pub code: Code,
    /// Register of the first argument.
    pub a: usize,
    /// Register of the second argument; ignored if the function takes only one.
    pub b: usize,
    /// Bits of the immediate.
    pub c: u32,
}

impl Instr {
    /// The immediate.
    pub fn c(&self) -> f32 {
        f32::from_bits(self.c)
    }
}

/// A chain: its loads and its instructions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Chain {
    /// Loads that fill the registers after the accumulator, in order.
    pub loads: Vec<Load>,
    /// The instructions, in order.
    pub instrs: Vec<Instr>,
}

impl Chain {
    /// A chain that loads one element of each operand.
    pub fn new(places: Vec<Index>, instrs: Vec<Instr>) -> Self {
        let loads = places.into_iter().enumerate().map(|(operand, index)| Load { operand, index }).collect();
        Self { loads, instrs }
    }

    /// Whether any instruction reads the accumulator.
    pub fn accumulates(&self) -> bool {
        self.instrs.iter().any(|i| i.a == 0 || i.b == 0)
    }

    /// The value for element n.
    pub fn eval<F: Float>(&self, n: usize, acc: F, operands: &[&[F]]) -> F {
        let mut r = vec![acc];
        r.extend(self.loads.iter().map(|l| operands[l.operand][l.index.at(n)]));
        for i in &self.instrs {
            r.push(i.code.apply(r[i.a], r[i.b], real(i.c() as f64)));
        }
        if self.instrs.is_empty() { acc } else { r[r.len() - 1] }
    }

    /// Minimum number of elements in each operand's buffer, for elements 0..count.
    pub fn operand_lens(&self, count: usize) -> Vec<usize> {
        let len = |i: &Index| match &i.digits {
            None => i.offset + count,
            Some(digits) => i.offset + 1 + digits.iter().map(|d| (d.extent - 1) * d.stride).sum::<usize>(),
        };
        let mut lens = vec![0; self.loads.iter().map(|l| l.operand + 1).max().unwrap_or(0)];
        self.loads.iter().for_each(|l| lens[l.operand] = len(&l.index).max(lens[l.operand]));
        lens
    }

    /// The chain as a function in WGSL, to follow `shaders/shared/chain.wgsl`: its value for element `n`.
    pub fn wgsl(&self) -> String {
        let mut values = vec!["acc".to_string()];
        values.extend(self.loads.iter().map(|load| format!("x{}[{}]", load.operand, load.index.wgsl())));
        let register = |r: usize| format!("r{r}");
        values.extend(self.instrs.iter().map(|i| i.code.wgsl(&register(i.a), &register(i.b), i.c())));
        let last = if self.instrs.is_empty() { 0 } else { values.len() - 1 };
        let lines: String = values.iter().enumerate().map(|(r, value)| format!("    let r{r} = {value};\n")).collect();
        format!("\nfn chain(n: u32, acc: f32) -> f32 {{\n{lines}    return r{last};\n}}\n")
    }

    /// Floating-point operations for each element, a transcendental function counted as one.
    pub fn flops(&self) -> f64 {
        self.instrs.len() as f64
    }
}

/// a, or c * a where `sign` is 0 or less: a NaN stays one, and 0 times infinity is 0.
#[inline(always)]
fn leaky<F: Float>(a: F, sign: F, c: F) -> F {
    match (sign <= F::zero(), c == F::zero()) {
        (false, _) => a,
        (true, false) => c * a,
        (true, true) => c,
    }
}
