//! The pointwise kernel and the chain that it shares with others.
mod common;

use std::time::Instant;

use common::{Bound, Inputs, Rng, browser, check_derived, check_with, device};
use saddle::{
    check::cases::{CODES, sample_chain},
    kernels::{
        Caps, Chain, Index, Kernel, MultiplyAdd, Pointwise,
        chain::{Code, Digit, Instr, LENGTH, LOADS, Load, OPERANDS},
    },
};

fn instr(code: Code, a: usize, b: usize, c: f32) -> Instr {
    Instr { code, a, b, c: c.to_bits() }
}

fn plain(offset: usize) -> Index {
    Index { offset, digits: None }
}

/// `(div, extent, stride)` of each digit.
fn digits(offset: usize, list: &[(usize, usize, usize)]) -> Index {
    let digit = |&(div, extent, stride): &_| Digit { div, extent, stride };
    Index { offset, digits: Some(list.iter().map(digit).collect()) }
}

/// Runs a chain over `len` elements and checks it within the error that WGSL allows.
fn check_chain_with(caps: &Caps, len: usize, in_place: bool, chain: Chain, range: (f32, f32)) -> f64 {
    let mut rng = Rng(len as u64 + 1);
    let operands: Vec<Vec<f32>> = chain.operand_lens(len).iter().map(|&n| rng.uniform(n, range.0, range.1)).collect();
    let before = rng.uniform(len, range.0, range.1);
    let mut inputs = Inputs::random(0).operands(operands);
    if in_place {
        inputs = inputs.writes(vec![before]);
    }
    check_derived(caps, Pointwise { len, in_place, chain }, inputs)
}

fn check_chain(len: usize, in_place: bool, chain: Chain, range: (f32, f32)) -> f64 {
    check_chain_with(&device().0.caps, len, in_place, chain, range)
}

#[test]
fn awkward_lengths() {
    for len in [
        1, 2, 3, 7, 31, 63, 64, 65, 127, 251, 255, 256, 257, 509, 511, 512, 513, 1021, 4099, 65_535, 65_536, 65_537,
        131_071,
    ] {
        check_chain(len, false, sample_chain(), (-1.0, 1.0));
    }
}

#[test]
fn folded_over_two_axes() {
    for (len, max_groups) in [(256 * 7, 7), (256 * 7 + 1, 7), (256 * 8, 7), (100_003, 13), (1 << 16, 1), (5000, 2)] {
        let caps = Caps { max_groups, ..device().0.caps.clone() };
        check_chain_with(&caps, len, false, sample_chain(), (-1.0, 1.0));
    }
}

#[test]
fn every_code() {
    for (code, range) in CODES {
        for c in [0.0, 0.2, -1.5, 1.0] {
            if code == Code::Clamp && c < 0.0 {
                continue;
            }
            let chain = Chain::new(vec![plain(0), plain(0)], vec![instr(code, 1, 2, c)]);
            let ratio = check_chain(1000, false, chain, range);
            println!("    {code:?} on {range:?} with {c}: {ratio:.3}");
        }
    }
}

#[test]
fn zeros_and_signs() {
    let values = vec![0.0, -0.0, 1.0, -1.0, f32::MIN_POSITIVE, -f32::MIN_POSITIVE, f32::MAX, -f32::MAX];
    for code in [Code::IsPositive, Code::Abs, Code::Leaky, Code::Clamp, Code::Mask, Code::Const] {
        let chain = Chain::new(vec![plain(0)], vec![instr(code, 1, 1, 0.5)]);
        let inputs = Inputs::random(0).operands(vec![values.clone()]);
        check_with(
            &device().0.caps,
            Pointwise { len: values.len(), in_place: false, chain },
            inputs,
            Bound::Within { absolute: 0.0, relative: common::EPS },
        );
    }
}

#[test]
fn digit_patterns() {
    let (b, c, h, w) = (3, 5, 7, 4);
    let len = b * c * h * w;
    let patterns = [
        ("scalar", digits(0, &[])),
        ("scalar at an offset", digits(5, &[])),
        ("vector along the channels", digits(0, &[(h * w, c, 1)])),
        ("vector along the last axis", digits(2, &[(1, w, 1)])),
        ("vector along the first axis", digits(0, &[(c * h * w, b, 1)])),
        ("two axes", digits(0, &[(1, w, 1), (c * h * w, b, w)])),
        ("transposed to b h w c", digits(0, &[(c * h * w, b, c * h * w), (h * w, c, 1), (w, h, w * c), (1, w, c)])),
        (
            "the window of a larger tensor",
            digits(1 + 9 * 2, &[(c * h * w, b, 9 * 9 * 9), (h * w, c, 81), (w, h, 9), (1, w, 1)]),
        ),
        ("three axes with a repeated one", digits(0, &[(h * w, c, 7), (w, h, 1), (c * h * w, b, 35)])),
        ("itself at an offset", plain(11)),
    ];
    for (name, index) in patterns {
        let chain = Chain::new(vec![index.clone()], vec![instr(Code::AddC, 1, 0, 0.0)]);
        let operand_len = chain.operand_lens(len)[0];
        let operand: Vec<f32> = (0..operand_len).map(|i| i as f32).collect();
        let inputs = Inputs::random(0).operands(vec![operand]);
        println!("{name}");
        check_with(&device().0.caps, Pointwise { len, in_place: false, chain }, inputs, Bound::Exact);
    }
}

#[test]
fn every_load_finds_its_own_element() {
    let (rows, columns) = (37, 19);
    let loads = [
        (0, plain(0)),
        (1, digits(0, &[(1, columns, 1)])),
        (2, digits(1, &[(columns, rows, 1)])),
        (3, digits(0, &[(1, columns, rows), (columns, rows, 1)])),
        (4, digits(4, &[])),
        (1, digits(columns, &[(1, columns, 1)])),
        (2, digits(40, &[(columns, rows, 1)])),
        (4, digits(7, &[])),
    ];
    let loads: Vec<Load> = loads.into_iter().map(|(operand, index)| Load { operand, index }).collect();
    assert_eq!(loads.len(), LOADS);
    let code = |k: usize| if k.is_multiple_of(2) { Code::Add } else { Code::Mul };
    let mut instrs = vec![instr(Code::Add, 1, 2, 0.0)];
    instrs.extend((3..=LOADS).map(|k| instr(code(k), LOADS + k - 2, k, 0.0)));
    check_chain(rows * columns, false, Chain { loads, instrs }, (-1.0, 1.0));
}

#[test]
fn in_place() {
    for len in [1, 255, 1000] {
        check_chain(len, true, Chain::new(vec![], vec![instr(Code::MulC, 0, 0, 0.9)]), (-1.0, 1.0));
        let chain = Chain::new(vec![plain(0)], vec![instr(Code::MulC, 1, 0, 0.1), instr(Code::Add, 0, 2, 0.0)]);
        check_chain(len, true, chain, (-1.0, 1.0));
    }
}

#[test]
fn no_instruction_returns_the_accumulator() {
    check_chain(300, true, Chain::default(), (-1.0, 1.0));
    check_chain(300, false, Chain::default(), (-1.0, 1.0));
}

/// A chain of every length whose values stay near 1, and which reads registers far back.
fn long_chain(length: usize, rng: &mut Rng) -> Chain {
    let operands = (0..OPERANDS).map(plain).collect::<Vec<_>>();
    let mut instrs: Vec<Instr> = vec![];
    while instrs.len() < length {
        let last = OPERANDS + instrs.len();
        let (a, b) = (1 + rng.below(last), 1 + rng.below(last));
        let code = [
            Code::Add,
            Code::Mul,
            Code::Sub,
            Code::Tanh,
            Code::Sigmoid,
            Code::Softplus,
            Code::Leaky,
            Code::Clamp,
            Code::MulC,
            Code::AddC,
            Code::Abs,
        ];
        instrs.push(instr(code[rng.below(code.len())], a, b, 0.75));
    }
    Chain::new(operands, instrs)
}

#[test]
fn every_length() {
    let mut rng = Rng(7);
    for length in 1..=LENGTH {
        check_chain(513, false, long_chain(length, &mut rng), (0.1, 1.0));
    }
}

#[test]
fn the_longest_chain_compiles_fast() {
    let (device, pipelines) = device();
    let mut rng = Rng(11);
    for (length, len) in [(1, 1000), (1, 1001), (8, 1002), (16, 1003), (LENGTH, 1004), (LENGTH, 1005), (LENGTH, 1006)] {
        let kernel: Kernel = Pointwise { len, in_place: true, chain: long_chain(length, &mut rng) }.into();
        let start = Instant::now();
        pipelines.get(device, &[(&kernel, kernel.dispatch(&device.caps))]).unwrap();
        let compiled = start.elapsed();
        let data = Inputs::random(0).writes(vec![vec![0.5; len]]).filled(&kernel);
        let mut runs = [0; 2].map(|_| {
            let start = Instant::now();
            common::run(&device.caps, &kernel, &data);
            start.elapsed()
        });
        runs[0] = runs[0].saturating_sub(runs[1]);
        println!("a chain of {length}: {compiled:.1?} to compile, {:.1?} more in its first run", runs[0]);
    }
}

#[test]
fn multiply_adds() {
    let has_half = device().0.raw.features().contains(wgpu::Features::SHADER_F16) && browser::wanted().is_none();
    for half in [false, true] {
        if half && !has_half {
            println!("no half precision on {}", device().0.info.name);
            continue;
        }
        for (len, rounds) in [(1, 1), (2, 0), (255, 7), (256, 31), (257, 2), (1009, 13)] {
            let kernel = MultiplyAdd { len, rounds, half };
            check_derived(&device().0.caps, kernel.clone(), Inputs::suited(&kernel.into(), len as u64));
        }
    }
}
