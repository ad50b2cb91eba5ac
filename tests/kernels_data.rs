//! What moves data, keeps time and looks for what is no number: gather, pad, record, tick, finite.
mod common;
mod probe;

use common::{Bound, Inputs, Rng, check, check_with, device};
use saddle::{
    graph::{Field, numel},
    kernels::{Caps, Finite, Gather, Pad, Record, Spec, Tick, finite::SPAN, gather::Data},
};

fn clock(step: u32) -> Vec<u32> {
    vec![step, 0x0bad_cafe, 0x5eed, 0]
}

/// A kernel's words: the clock, random items (finite where they are floats) and random classes.
fn words(data: Data, step: u32) -> Vec<Vec<u32>> {
    let mut rng = Rng(data.count as u64);
    let items = match data.bytes {
        true => rng.words(data.words()),
        false => rng.uniform(data.words(), -3.0, 3.0).iter().map(|x| x.to_bits()).collect(),
    };
    let classes = (0..data.count).map(|_| rng.below(data.classes.max(1)) as u32).collect();
    vec![clock(step), items, if data.classes > 0 { classes } else { vec![0] }]
}

/// count, item_len, bytes, stack, classes, batch
const GATHERS: [(usize, usize, bool, usize, usize, usize); 22] = [
    (1, 1, true, 1, 0, 1),
    (1, 1, false, 1, 2, 3),
    (2, 3, true, 1, 2, 5),
    (3, 2, false, 1, 0, 64),
    (5, 7, true, 3, 10, 8),
    (7, 1, true, 2, 7, 33),
    (8, 31, true, 1, 3, 16),
    (10, 33, false, 2, 0, 7),
    (17, 255, true, 1, 1, 4),
    (31, 256, true, 1, 31, 9),
    (64, 257, true, 3, 5, 5),
    (97, 784, true, 1, 10, 64),
    (100, 785, true, 3, 10, 13),
    (127, 129, false, 1, 300, 17),
    (128, 64, false, 1, 128, 128),
    (129, 5, true, 1, 257, 255),
    (255, 12, true, 4, 10, 256),
    (256, 9, true, 1, 10, 257),
    (257, 3, false, 3, 10, 100),
    (1000, 2, false, 1, 8, 512),
    (4097, 1, true, 1, 10, 1021),
    (3, 3 * 61 * 67, true, 1, 2, 2),
];

#[test]
fn examples_and_classes() {
    for (k, (count, item_len, bytes, stack, classes, batch)) in GATHERS.into_iter().enumerate() {
        let data = Data { count, item_len, bytes, stack, classes };
        let (draw, draws) = (k as u32 % 3, 3);
        let inputs = Inputs::random(0).words(words(data, 1 << k));
        check(Gather { field: Field::Items, draw, draws, batch, data }, inputs.clone(), Bound::Exact);
        if classes > 0 {
            check(Gather { field: Field::OneHot, draw, draws, batch, data }, inputs, Bound::Exact);
        }
    }
}

#[test]
fn gathers_fold_over_two_axes() {
    let data = Data { count: 50, item_len: 10, bytes: true, stack: 2, classes: 10 };
    let caps = Caps { max_groups: 7, ..device().0.caps.clone() };
    for (field, batch) in [(Field::Items, 7), (Field::Items, 25), (Field::OneHot, 8), (Field::OneHot, 49)] {
        check_with(
            &caps,
            Gather { field, draw: 0, draws: 1, batch, data },
            Inputs::random(0).words(words(data, 3)),
            Bound::Exact,
        );
    }
}

/// Positions past 32 bits and data sets of up to 2^31 - 1 items, of which only the place is asked.
#[test]
fn any_place_of_the_endless_stream() {
    let source = Gather::SOURCES.concat()
        + "
        @group(0) @binding(6) var<storage, read_write> out: array<u32>;
        override MEMBERS: u32 = 1u;
        @compute @workgroup_size(64) fn probe(@builtin(global_invocation_id) at: vec3<u32>) {
            if at.x < arrayLength(&out) {
                out[at.x] = pick(at.x / MEMBERS, at.x % MEMBERS);
            }
        }";
    for count in [1, 3, 1000, 60_000, (1 << 30) + 7, (1 << 31) - 1] {
        let data = Data { count, item_len: 1, bytes: true, stack: 3, classes: 0 };
        for (draw, draws, batch) in [(2, 3, 1021), (6, 7, 1 << 20), (0, 1, (1 << 31) - 1)] {
            let gather = Gather { field: Field::Items, draw, draws, batch, data };
            let mut constants = gather.launch(&Caps::default()).overrides;
            constants.push(("MEMBERS".into(), 3.0));
            for step in [0, 1, 12_345, 1 << 24, (1 << 31) - 1, 1 << 31] {
                let got = probe::probe(&device().0, &source, &constants, &clock(step), 100);
                let want: Vec<u32> = (0..100).map(|n| gather.pick(&clock(step), n / 3, n % 3) as u32).collect();
                assert_eq!(got, want, "{gather:?} at step {step}");
            }
        }
    }
}

#[test]
fn pads() {
    let cases: [(&[usize], &[usize], &[usize]); 24] = [
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
    for (k, (from, to, before)) in cases.into_iter().enumerate() {
        let pad = Pad { from: from.to_vec(), to: to.to_vec(), before: before.to_vec() };
        assert!(numel(to) >= numel(from));
        check(pad.clone(), Inputs::random(k as u64), Bound::Exact);
        let caps = Caps { max_groups: 3, ..device().0.caps.clone() };
        check_with(&caps, pad, Inputs::random(k as u64), Bound::Exact);
    }
}

#[test]
fn records_one_row_and_leaves_the_others() {
    let strides = [1, 2, 64];
    let shapes = [(1, 1), (1, 7), (2, 3), (3, 256), (31, 5), (63, 2), (64, 2), (65, 2), (257, 3)];
    for (count, rows) in shapes {
        for stride in strides {
            for step in [0, 1, rows as u32 - 1, rows as u32, 1_000_003, u32::MAX] {
                check(Record { count, stride, rows }, Inputs::random(1).words(vec![clock(step)]), Bound::Exact);
            }
        }
    }
}

#[test]
fn ticks() {
    for step in [0, 1, 255, 65_535, (1 << 31) - 1, u32::MAX] {
        check(Tick {}, Inputs::random(0).words_out(vec![clock(step)]), Bound::Exact);
    }
}

/// Everything that is not finite, at the ends of parts and inside them, beside the largest and smallest of what is; what lies
/// behind x is not finite, so that a stray read is seen.
#[test]
fn finite() {
    let fine = [f32::MAX, f32::MIN, 0.0, -0.0, f32::MIN_POSITIVE, 1e-45].map(f32::to_bits);
    let bad = [0x7f80_0000, 0xff80_0000, 0x7fc0_0000, 0x7f80_0001, 0xffff_ffff];
    for (k, len) in [1, 63, 255, 256, 257, SPAN - 1, SPAN, SPAN + 1, 3 * SPAN + 77, 9 * SPAN].into_iter().enumerate() {
        let mut x: Vec<u32> = (0..len).map(|n| fine[n % fine.len()]).collect();
        x.extend([bad[2]; 300]);
        let parts = len.div_ceil(SPAN);
        let places: [&[usize]; 4] = [&[], &[0], &[len - 1], &[len / 2, (parts - 1) * SPAN]];
        for (j, places) in places.into_iter().enumerate() {
            let mut x = x.clone();
            places.iter().for_each(|&n| x[n] = bad[(j + k) % bad.len()]);
            let caps = Caps { max_groups: [65_535, 2][j % 2], ..device().0.caps.clone() };
            for before in [vec![0; parts], (0..parts as u32).collect()] {
                let inputs = Inputs::random(0).words(vec![clock(150), x.clone()]).words_out(vec![before]);
                check_with(&caps, Finite { len }, inputs, Bound::Exact);
            }
        }
    }
    // By hand, as the twin is tested by nothing else.
    let since = |x: f32, before| Finite::since(&[1.0f32.to_bits(), x.to_bits()], 150, before);
    assert_eq!(
        [since(f32::MAX, 0), since(f32::MAX, 100), since(f32::NAN, 0), since(f32::INFINITY, 100)],
        [0, 0, 150, 100]
    );
}
