//! Awkward shapes of every kernel: ones, primes, neighbours of powers of two, sizes that do not fill a tile.

use super::Inputs;
use crate::{
    graph::{Dist, Draw, Field, Real, Reset, numel},
    kernels::{
        Adam, Axis, Chain, Conv2d, Conv2dFilter, ConvTranspose2d, CrossEntropy, Finite, Gather, Geometry, Gru, GruGrad,
        Index, Kernel, Lstm, LstmGrad, MatMul, Moments, MultiplyAdd, NormSums, Pad, Pointwise, Random, Record, Reduce,
        RmsProp, RowSums, Rows, Sequence, Sgd, Softmax, Tick,
        chain::{Code, Digit, Instr},
        finite::SPAN,
        gather::{
            DataLayout,
            Elements::{self, Bytes, Floats, Symbols},
            Ring,
        },
    },
};

/// Lengths for kernels on flat tensors.
const LENGTHS: [usize; 22] =
    [1, 2, 3, 5, 7, 31, 63, 64, 65, 127, 251, 255, 256, 257, 509, 512, 1021, 4099, 10_007, 65_536, 65_537, 131_071];

/// batch, m, n, k
const PRODUCTS: [(usize, usize, usize, usize); 26] = [
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

/// b, c, [h, w], k, [r, s], stride, pad and what P and Q are short of (or beyond) an equally padded convolution.
pub type Shape = (usize, usize, [usize; 2], usize, [usize; 2], [usize; 2], [usize; 2], [isize; 2]);

/// With phases that have no tap, one dimension, more and less padding below and right.
pub const CONVOLUTIONS: [Shape; 26] = [
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

/// Shape, and the axes that are reduced.
pub const REDUCTIONS: [(&[usize], &[usize]); 28] = [
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

/// indices, rows, columns
const TABLES: [(usize, usize, usize); 12] = [
    (1, 1, 1),
    (1, 1, 300),
    (5, 2, 3),
    (64, 17, 65),
    (63, 16, 64),
    (65, 15, 63),
    (257, 33, 127),
    (4096, 5, 7),
    (32_768, 3, 2),
    (100, 50_000, 2),
    (3, 50_000, 65),
    (1009, 129, 129),
];

/// rows, columns
pub const ROWS: [(usize, usize); 24] = [
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

/// Steps, examples, units.
const SEQUENCES: [[usize; 3]; 12] = [
    [1, 1, 1],
    [2, 3, 5],
    [7, 17, 31],
    [7, 1, 32],
    [2, 17, 33],
    [1, 3, 64],
    [7, 3, 1],
    [1, 17, 5],
    [2, 1, 31],
    [7, 3, 33],
    [2, 17, 64],
    [1, 1, 257],
];

/// count, item_len, elements, stack, classes, batch
const GATHERS: [(usize, usize, Elements, usize, usize, usize); 27] = [
    (1, 1, Bytes, 1, 0, 1),
    (1, 1, Floats, 1, 2, 3),
    (2, 3, Bytes, 1, 2, 5),
    (3, 2, Floats, 1, 0, 64),
    (5, 7, Bytes, 3, 10, 8),
    (7, 1, Bytes, 2, 7, 33),
    (8, 31, Bytes, 1, 3, 16),
    (10, 33, Floats, 2, 0, 7),
    (17, 255, Bytes, 1, 1, 4),
    (31, 256, Bytes, 1, 31, 9),
    (64, 257, Bytes, 3, 5, 5),
    (97, 784, Bytes, 1, 10, 64),
    (100, 785, Bytes, 3, 10, 13),
    (127, 129, Floats, 1, 300, 17),
    (128, 64, Floats, 1, 128, 128),
    (129, 5, Bytes, 1, 257, 255),
    (255, 12, Bytes, 4, 10, 256),
    (256, 9, Bytes, 1, 10, 257),
    (257, 3, Floats, 3, 10, 100),
    (1000, 2, Floats, 1, 8, 512),
    (4097, 1, Bytes, 1, 10, 1021),
    (3, 3 * 61 * 67, Bytes, 1, 2, 2),
    (1, 1, Symbols { stored: 1 }, 1, 0, 1),
    (3, 5, Symbols { stored: 64 }, 1, 0, 7),
    (10, 7, Symbols { stored: 43 }, 2, 0, 3),
    (65, 64, Symbols { stored: 2113 }, 1, 0, 8),
    (4, 3, Symbols { stored: 12 }, 1, 0, 2),
];

/// from, to, before
const PADS: [(&[usize], &[usize], &[usize]); 24] = [
    (&[1], &[1], &[0]),
    (&[1], &[2], &[1]),
    (&[1], &[257], &[256]),
    (&[5], &[7], &[1]),
    (&[255], &[256], &[1]),
    (&[256], &[257], &[0]),
    (&[300_000], &[300_007], &[5]),
    (&[3, 5], &[3, 5], &[0, 0]),
    (&[3, 5], &[4, 5], &[1, 0]),
    (&[3, 5], &[3, 9], &[0, 4]),
    (&[1, 1], &[17, 19], &[16, 18]),
    (&[64, 100], &[64, 110], &[0, 10]),
    (&[2, 3, 5], &[4, 6, 7], &[1, 2, 1]),
    (&[7, 1, 11], &[7, 3, 11], &[0, 2, 0]),
    (&[1, 251, 1], &[3, 257, 2], &[2, 3, 1]),
    (&[1, 1, 1], &[1, 1, 1], &[0, 0, 0]),
    (&[2, 3, 4, 5], &[2, 3, 4, 5], &[0, 0, 0, 0]),
    (&[2, 3, 4, 5], &[3, 5, 7, 9], &[1, 1, 1, 1]),
    (&[2, 3, 4, 5], &[2, 3, 6, 7], &[0, 0, 1, 1]),
    (&[1, 1, 28, 28], &[1, 1, 32, 32], &[0, 0, 2, 2]),
    (&[8, 3, 16, 16], &[8, 6, 16, 16], &[0, 3, 0, 0]),
    (&[4, 7, 1, 13], &[5, 7, 31, 13], &[1, 0, 30, 0]),
    (&[1, 1, 1, 1], &[2, 3, 5, 7], &[1, 2, 4, 6]),
    (&[3, 1, 61, 67], &[3, 2, 67, 71], &[0, 1, 6, 2]),
];

/// count, rows
const RECORDS: [(usize, usize); 9] = [(1, 1), (1, 7), (2, 3), (3, 256), (31, 5), (63, 2), (64, 2), (65, 2), (257, 3)];

/// A convolution of this shape.
pub fn geometry((b, c, [h, w], k, [r, s], stride, pad, more): Shape) -> Geometry {
    let out =
        |h: usize, r: usize, i: usize| ((h + 2 * pad[i] - r) / stride[i] + 1).checked_add_signed(more[i]).unwrap();
    Geometry { b, c, h, w, k, r, s, p: out(h, r, 0), q: out(w, s, 1), stride, pad }
}

/// Extents and strides of the kept and of the reduced axes.
pub fn axes(shape: &[usize], reduced: &[usize]) -> (Vec<Axis>, Vec<Axis>) {
    let all: Vec<Axis> = (0..shape.len()).map(|a| Axis { extent: shape[a], stride: numel(&shape[a + 1..]) }).collect();
    let pick =
        |keep: bool| all.iter().enumerate().filter(|(a, _)| reduced.contains(a) != keep).map(|(_, &x)| x).collect();
    (pick(true), pick(false))
}

/// leaky(acc + bias), where the bias has `extent` values that repeat each `div` elements.
pub fn bias_and_leaky(div: usize, extent: usize) -> Chain {
    let bias = Index { offset: 0, digits: Some(vec![Digit { div, extent, stride: 1 }]) };
    let add = Instr { code: Code::Add, a: 0, b: 1, c: 0 };
    let leaky = Instr { code: Code::Leaky, a: 2, b: 0, c: 0.2f32.to_bits() };
    Chain::new(vec![bias], vec![add, leaky])
}

/// 0.5 * (x0 + x1) - x1^2.
pub fn sample_chain() -> Chain {
    let instr = |code, a, b, c: f32| Instr { code, a, b, c: c.to_bits() };
    let instrs = vec![
        instr(Code::Add, 1, 2, 0.0),
        instr(Code::MulC, 3, 0, 0.5),
        instr(Code::Mul, 2, 2, 0.0),
        instr(Code::Sub, 4, 5, 0.0),
    ];
    Chain::new(vec![Index::default(), Index { offset: 3, digits: None }], instrs)
}

/// x0 * x1: a sum of products.
pub fn product_chain() -> Chain {
    let mul = Instr { code: Code::Mul, a: 1, b: 2, c: 0 };
    Chain::new(vec![Index::default(), Index::default()], vec![mul])
}

/// Every function of chains, with a range of arguments.
pub const CODES: [(Code, (f32, f32)); 23] = [
    (Code::Add, (-3.0, 3.0)),
    (Code::Mul, (-3.0, 3.0)),
    (Code::AddC, (-3.0, 3.0)),
    (Code::MulC, (-3.0, 3.0)),
    (Code::Sub, (-3.0, 3.0)),
    (Code::Exp, (-20.0, 20.0)),
    (Code::Log, (0.01, 20.0)),
    (Code::Sqrt, (0.01, 20.0)),
    (Code::Recip, (0.01, 20.0)),
    (Code::Recip, (-20.0, -0.01)),
    (Code::Tanh, (-200.0, 200.0)),
    (Code::Tanh, (-3.0, 3.0)),
    (Code::Sigmoid, (-30.0, 30.0)),
    (Code::Softplus, (-100.0, 100.0)),
    (Code::Softplus, (-3.0, 3.0)),
    (Code::IsPositive, (-3.0, 3.0)),
    (Code::Abs, (-3.0, 3.0)),
    (Code::Sin, (-3.0, 3.0)),
    (Code::Cos, (-3.0, 3.0)),
    (Code::Leaky, (-3.0, 3.0)),
    (Code::Clamp, (-3.0, 3.0)),
    (Code::Mask, (-3.0, 3.0)),
    (Code::Const, (-3.0, 3.0)),
];

/// A kernel at a shape, and its inputs.
#[derive(Clone, Debug)]
pub struct Case {
    /// The kernel with its parameters.
    pub kernel: Kernel,
    /// Inputs that suit the kernel.
    pub inputs: Inputs,
}

/// All shapes of one kernel, by its file's name; none where only some devices have it (see [`crate::kernels`]).
pub fn cases(name: &str) -> Vec<Case> {
    let kernels: Vec<Kernel> = match name {
        "adam" => each(LENGTHS, |k, len| {
            let (beta1, beta2) = [(0.9, 0.999), (0.5, 0.999), (0.0, 0.9), (0.0, 0.99)][k % 4];
            Adam { len, beta1, beta2, eps: 1e-8, decay: [0.0, 0.0, 0.1][k % 3] }
        }),
        "sgd" => each(LENGTHS, |k, len| Sgd { len, momentum: [0.0, 0.9, 0.5][k % 3] }),
        "rmsprop" => each(LENGTHS, |k, len| {
            let (decay, eps) = [(0.99, 1e-8), (0.9, 1e-6), (0.0, 1e-3)][k % 3];
            RmsProp { len, decay, eps }
        }),
        "matmul" => each(PRODUCTS, |i, (batch, m, n, k)| {
            let chain = if i % 3 == 0 { bias_and_leaky(1, n) } else { Chain::default() };
            MatMul { batch, m, n, k, a_transposed: i & 1 != 0, b_transposed: i & 2 != 0, chain }
        }),
        "conv2d" => each(CONVOLUTIONS.map(geometry), |i, geometry| {
            let chain = if i % 2 == 0 { bias_and_leaky(geometry.p * geometry.q, geometry.k) } else { Chain::default() };
            Conv2d { geometry, chain }
        }),
        "conv_transpose2d" => each(CONVOLUTIONS.map(geometry), |i, geometry| {
            let chain = if i % 2 == 0 { bias_and_leaky(geometry.h * geometry.w, geometry.c) } else { Chain::default() };
            ConvTranspose2d { geometry, chain }
        }),
        "conv2d_filter" => {
            each(CONVOLUTIONS.map(geometry), |i, geometry| Conv2dFilter { geometry, splits: [1, 2, 7][i % 3] })
        }
        "reduce" => each(REDUCTIONS, |k, (shape, reduced)| {
            let (outer, inner) = axes(shape, reduced);
            let splits =
                Reduce::splits_for(outer.iter().map(|a| a.extent).product(), inner.iter().map(|a| a.extent).product());
            Reduce { max: false, outer, inner, scale: [1.0, -0.25, 1.0 / 3.0][k % 3], splits, chain: product_chain() }
        }),
        "moments" => each(REDUCTIONS, |_, (shape, reduced)| {
            let (outer, inner) = axes(shape, reduced);
            Moments { outer, inner }
        }),
        "norm_sums" => each(REDUCTIONS, |_, (shape, reduced)| {
            let (outer, inner) = axes(shape, reduced);
            NormSums { outer, inner, eps: 1e-5 }
        }),
        "softmax" => each(ROWS, |_, (rows, cols)| Softmax { rows, cols }),
        "cross_entropy" => {
            each(ROWS.into_iter().flat_map(|shape| [(shape, false), (shape, true)]), |_, ((rows, cols), at_index)| {
                CrossEntropy { rows, cols, at_index }
            })
        }
        "rows" => each(TABLES, |_, (indices, rows, cols)| Rows { indices, rows, cols }),
        "row_sums" => each(TABLES, |_, (indices, rows, cols)| RowSums { indices, rows, cols }),
        "lstm" => each(sequences(), |_, (sequence, _)| Lstm { sequence }),
        "lstm_grad" => each(sequences(), |_, (sequence, _)| LstmGrad { sequence }),
        "gru" => each(sequences(), |_, (sequence, reset)| Gru { sequence, reset }),
        "gru_grad" => each(sequences(), |_, (sequence, reset)| GruGrad { sequence, reset }),
        "gather" => each(
            GATHERS.iter().flat_map(|&shape| {
                let resident = [Field::Items, Field::OneHot, Field::InOrder, Field::Begins].map(|field| (field, false));
                resident.into_iter().chain([(Field::Items, true), (Field::OneHot, true)]).map(move |of| (shape, of))
            }),
            |k, (shape, (field, streamed))| {
                let (count, item_len, elements, stack, classes, batch) = shape;
                // Half of the shapes of numbers are mirrored, in rows as short as divide an item.
                let row = (2..=item_len).find(|row| item_len.is_multiple_of(*row)).unwrap_or(1);
                let mirrored = k / 6 % 2 == 0 && !matches!(elements, Symbols { .. });
                let mirror = if mirrored { row } else { 0 };
                // Another program of the model may draw more.
                // Every third shape is a part of a batch.
                let parts = [1, 1, 3][k / 6 % 3];
                let among = (k % 4 == 1 && !streamed).then_some(count.div_ceil(2));
                let ring = Ring { rounds: 1 + k % 4, places: 3 * batch * parts * stack + k % 3, blocks: false };
                Gather {
                    field,
                    draw: Draw { number: k as u32 % 3, among },
                    draws: 3,
                    batch,
                    parts,
                    data: DataLayout {
                        count,
                        item_len,
                        elements,
                        stack,
                        classes,
                        mirror,
                        ring: streamed.then_some(ring),
                    },
                }
            },
        )
        .into_iter()
        .filter(|kernel| {
            let Kernel::Gather(Gather { field, data, batch, parts, .. }) = kernel else { return true };
            match field {
                Field::Items => true,
                Field::OneHot => data.classes > 0,
                Field::InOrder | Field::Begins => data.stack == 1 && data.lanes(batch * parts)[0] > 0,
            }
        })
        .collect(),
        "pad" => {
            each(PADS, |_, (from, to, before)| Pad { from: from.to_vec(), to: to.to_vec(), before: before.to_vec() })
        }
        "finite" => each([1, 255, 257, SPAN - 1, SPAN, SPAN + 1, 3 * SPAN + 77], |_, len| Finite { len }),
        "record" => each(RECORDS, |k, (count, rows)| Record { count, stride: [1, 2, 64][k % 3], rows }),
        "tick" => each([()], |_, ()| Tick {}),
        "random" => {
            let dists = [Dist::Uniform, Dist::Bernoulli(Real::new(0.3)), Dist::Normal];
            let noise = |k: usize, len| Random::of(17 * k as u32, dists[k % 3], len);
            let whole = each(LENGTHS, noise);
            // Parts of batches, in blocks of rows.
            let part = |k: usize, len| Random { len: 3 * len, span: len, parts: 2 + k % 3, ..noise(k, len) };
            [whole, each(LENGTHS, part)].concat()
        }
        "pointwise" => {
            let long = each(LENGTHS, |k, len| Pointwise { len, in_place: k % 3 == 0, chain: sample_chain() });
            let code = |_, (code, _)| {
                let instr = Instr { code, a: 1, b: 2, c: 0.2f32.to_bits() };
                Pointwise { len: 1000, in_place: false, chain: Chain::new(vec![Index::default(); 2], vec![instr]) }
            };
            [each(CODES, code), long].concat()
        }
        "multiply_add" => each([(1, 1), (2, 0), (255, 7), (257, 2), (1009, 13)], |_, (len, rounds)| MultiplyAdd {
            len,
            rounds,
            half: false,
        }),
        _ => vec![],
    };
    let case = |(k, kernel): (usize, Kernel)| {
        let mut inputs = Inputs::suited(&kernel, k as u64).at_step([0, 1, 10, 1000, 100_000, 1 << 24][k % 6]);
        if let (Kernel::Pointwise(_), Some((_, range))) = (&kernel, CODES.get(k)) {
            inputs.range = *range;
        }
        Case { kernel, inputs }
    };
    kernels.into_iter().enumerate().map(case).collect()
}

fn each<T, K: Into<Kernel>>(shapes: impl IntoIterator<Item = T>, kernel: impl Fn(usize, T) -> K) -> Vec<Kernel> {
    shapes.into_iter().enumerate().map(|(k, shape)| kernel(k, shape).into()).collect()
}

/// Every shape in two ways, neighbours in different ones.
pub fn sequences() -> impl Iterator<Item = (Sequence, Reset)> {
    SEQUENCES.into_iter().enumerate().flat_map(|(n, [steps, batch, units])| {
        let resets = if n % 2 == 0 { [Reset::After, Reset::Before] } else { [Reset::Before, Reset::After] };
        [false, true]
            .into_iter()
            .zip(resets)
            .map(move |(reverse, reset)| (Sequence { steps, batch, units, reverse }, reset))
    })
}
