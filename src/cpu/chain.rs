//! The pointwise chain on the CPU: one instruction at a time over blocks of elements that stay in the first cache.

use pulp::{Arch, NullaryFnOnce};

use super::math;
use crate::kernels::{
    Chain, Index,
    chain::{Code, Digit, Instr, LENGTH, LOADS},
};

/// Elements of a block: all registers of a full chain take 64 KiB.
pub const BLOCK: usize = 512;

/// Registers of one thread.
pub struct Registers(Box<[[f32; BLOCK]]>);

impl Default for Registers {
    fn default() -> Self {
        Self(vec![[0.0; BLOCK]; LOADS + LENGTH].into_boxed_slice())
    }
}

/// Evaluates a chain for the elements from `start` on. `y` holds the accumulators on entry and the values on return.
pub fn run(chain: &Chain, start: usize, y: &mut [f32], operands: &[&[f32]], registers: &mut Registers) {
    if chain.instrs.is_empty() {
        return;
    }
    for (i, block) in y.chunks_mut(BLOCK).enumerate() {
        Arch::new().dispatch(Block { chain, start: start + i * BLOCK, y: block, operands, r: &mut registers.0 });
    }
}

struct Block<'a> {
    chain: &'a Chain,
    start: usize,
    y: &'a mut [f32],
    operands: &'a [&'a [f32]],
    r: &'a mut [[f32; BLOCK]],
}

impl NullaryFnOnce for Block<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { chain, start, mut y, operands, r } = self;
        let (n, loads) = (y.len(), chain.loads.len());
        let mut free = r.iter_mut().map(|r| &mut r[..n]);
        let mut next = || free.next().expect("registers for a full chain");
        // Loads into the registers after the accumulator. Consecutive elements are read where they lie.
        let mut values = [&[] as &[f32]; LOADS + LENGTH];
        for (l, value) in chain.loads.iter().zip(&mut values) {
            let (index, x) = (&l.index, operands[l.operand]);
            *value = match &index.digits {
                None => &x[index.offset + start..][..n],
                Some(digits) => {
                    let register = next();
                    load(index, digits, start, x, register);
                    register
                }
            };
        }
        for (k, instr) in chain.instrs.iter().enumerate() {
            // The last result goes straight to y, unless its computation reads y.
            let last = k + 1 == chain.instrs.len() && instr.a > 0 && instr.b > 0;
            let out = if last { std::mem::take(&mut y) } else { next() };
            let register = |i: usize| if i == 0 { &*y } else { values[i - 1] };
            step(instr, register(instr.a), register(instr.b), out);
            values[loads + k] = out;
        }
        if !y.is_empty() {
            y.copy_from_slice(values[loads + chain.instrs.len() - 1]);
        }
    }
}

/// The operand's elements for n = start.., which these digits pick.
#[inline(always)]
fn load(index: &Index, digits: &[Digit], start: usize, x: &[f32], out: &mut [f32]) {
    let Some(low) = digits.last() else { return out.fill(x[index.offset]) };
    // Runs within which the lowest digit counts up, or everything stands still, and the digit that counts the runs.
    let (length, stride, runs) = match (low.div, digits.len().checked_sub(2).map(|second| digits[second])) {
        (1, Some(second)) if second.div == low.extent => (low.extent, low.stride, second),
        (1, _) => (low.extent, low.stride, Digit { div: low.extent, extent: 1, stride: 0 }),
        _ => (low.div, 0, *low),
    };
    let (mut at, len) = (0, out.len());
    while at < len {
        let n = start + at;
        let (mut from, mut skipped) = (index.at(n), n % length);
        for _ in n / length % runs.extent..runs.extent {
            let end = len.min(at + length - skipped);
            let out = &mut out[at..end];
            match stride {
                0 => out.fill(x[from]),
                1 => out.copy_from_slice(&x[from..from + out.len()]),
                _ => out.iter_mut().zip(x[from..].iter().step_by(stride)).for_each(|(o, v)| *o = *v),
            }
            if end == len {
                return;
            }
            (from, at, skipped) = (from + runs.stride - skipped * stride, end, 0);
        }
    }
}

#[inline(always)]
fn step(instr: &Instr, a: &[f32], b: &[f32], out: &mut [f32]) {
    let c = instr.c();
    macro_rules! unary {
        ($f:expr) => {
            out.iter_mut().zip(a).for_each(|(o, &a)| *o = $f(a))
        };
    }
    macro_rules! binary {
        ($f:expr) => {
            out.iter_mut().zip(a).zip(b).for_each(|((o, &a), &b)| *o = $f(a, b))
        };
    }
    match instr.code {
        Code::Add => binary!(|a, b| a + b),
        Code::Mul => binary!(|a, b| a * b),
        Code::Sub => binary!(|a, b| a - b),
        Code::AddC => unary!(|a| a + c),
        Code::MulC => unary!(|a| a * c),
        Code::Exp => unary!(math::exp),
        Code::Log => unary!(math::ln),
        Code::Sqrt => unary!(f32::sqrt),
        Code::Recip => unary!(|a: f32| 1.0 / a),
        Code::Tanh => unary!(math::tanh),
        Code::Sigmoid => unary!(math::sigmoid),
        Code::Softplus => unary!(math::softplus),
        Code::IsPositive => unary!(|a| if a > 0.0 { 1.0 } else { 0.0 }),
        Code::Abs => unary!(f32::abs),
        Code::Sin => unary!(f32::sin),
        Code::Cos => unary!(f32::cos),
        // 0 times infinity is 0 here.
        Code::Leaky if c == 0.0 => unary!(|a| if a <= 0.0 { 0.0 } else { a }),
        Code::Leaky => unary!(|a| if a <= 0.0 { c * a } else { a }),
        Code::Clamp => unary!(|a| math::within(a, -c, c)),
        Code::Mask if c == 0.0 => binary!(|a, b| if b <= 0.0 { 0.0 } else { a }),
        Code::Mask => binary!(|a, b| if b <= 0.0 { c * a } else { a }),
        Code::Const => out.fill(c),
    }
}
