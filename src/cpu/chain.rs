//! The pointwise chain on the CPU: one instruction at a time over blocks of elements that stay in the first cache.

use pulp::{Arch, NullaryFnOnce};

use super::math;
use crate::kernels::{
    Chain, Index,
    chain::{Code, Instr, LENGTH, LOADS},
};

/// Elements of a block: all registers of a full chain take 66 KiB.
pub const BLOCK: usize = 512;

/// Registers of one thread.
pub struct Registers(Box<[[f32; BLOCK]]>);

impl Default for Registers {
    fn default() -> Self {
        Self(vec![[0.0; BLOCK]; 1 + LOADS + LENGTH].into_boxed_slice())
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
        let Self { chain, start, y, operands, r } = self;
        let n = y.len();
        for (l, r) in chain.loads.iter().zip(&mut r[1..]) {
            load(&l.index, start, operands[l.operand], &mut r[..n]);
        }
        let first = 1 + chain.loads.len();
        for (k, instr) in chain.instrs.iter().enumerate() {
            let (before, after) = r.split_at_mut(first + k);
            let register = |i: usize| if i == 0 { &y[..n] } else { &before[i][..n] };
            step(instr, register(instr.a), register(instr.b), &mut after[0][..n]);
        }
        y.copy_from_slice(&r[first + chain.instrs.len() - 1][..n]);
    }
}

/// The operand's elements for n = start.. .
#[inline(always)]
fn load(index: &Index, start: usize, x: &[f32], out: &mut [f32]) {
    let Some(digits) = &index.digits else {
        let from = index.offset + start;
        out.copy_from_slice(&x[from..from + out.len()]);
        return;
    };
    let Some(low) = digits.last() else {
        out.fill(x[index.offset]);
        return;
    };
    let mut at = 0;
    while at < out.len() {
        // Within a run the lowest digit counts up, or everything stands still.
        let n = start + at;
        let (run, stride) =
            if low.div == 1 { (low.extent - n % low.extent, low.stride) } else { (low.div - n % low.div, 0) };
        let run = run.min(out.len() - at);
        let from = index.at(n);
        let out = &mut out[at..at + run];
        match stride {
            0 => out.fill(x[from]),
            1 => out.copy_from_slice(&x[from..from + run]),
            _ => out.iter_mut().zip(x[from..].iter().step_by(stride)).for_each(|(o, v)| *o = *v),
        }
        at += run;
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
        Code::Step => unary!(|a| if a > 0.0 { 1.0 } else { 0.0 }),
        Code::Abs => unary!(f32::abs),
        Code::Sin => unary!(f32::sin),
        Code::Cos => unary!(f32::cos),
        Code::Leaky => unary!(|a| if a > 0.0 { a } else { c * a }),
        Code::Clamp => unary!(|a: f32| a.max(-c).min(c)),
        Code::Mask => binary!(|a, b| if b > 0.0 { a } else { c * a }),
        Code::Const => out.fill(c),
    }
}
