//! Kernels that move data, advance the clock and look for values that are not finite: gather, pad, rows, their
//! sums, record, tick, finite.
mod common;
mod probe;

use common::{Bound, Inputs, check, check_cases, check_with, clock, device};
use saddle::{
    check::cases::cases,
    graph::{Draw, Field},
    kernels::{
        Caps, Finite, Gather, Kernel, Record, Spec, Tick,
        finite::SPAN,
        gather::{DataLayout, Elements},
    },
};

#[test]
fn examples_and_classes() {
    check_cases("gather", 65_535);
}

#[test]
fn gathers_fold_over_two_axes() {
    let data =
        DataLayout { count: 50, item_len: 10, elements: Elements::Bytes, stack: 2, classes: 10, mirror: 0, ring: None };
    let caps = Caps { max_groups: 7, ..device().0.caps.clone() };
    for (field, batch) in [(Field::Items, 7), (Field::Items, 25), (Field::OneHot, 8), (Field::OneHot, 49)] {
        let gather = Gather { field, draw: Draw::of_all(0), draws: 1, batch, parts: 1, data };
        check_with(&caps, gather.clone(), Inputs::suited(&gather.into(), 0).at_step(3), Bound::Exact);
    }
}

/// Positions beyond 32 bits, in data sets of up to 2^31 - 1 items; the test reads only the picked index.
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
        let data =
            DataLayout { count, item_len: 1, elements: Elements::Bytes, stack: 3, classes: 0, mirror: 0, ring: None };
        for (draw, draws, batch) in [(2, 3, 1021), (6, 7, 1 << 20), (0, 1, (1 << 31) - 1)] {
            let gather = Gather { field: Field::Items, draw: Draw::of_all(draw), draws, batch, parts: 1, data };
            let mut constants = gather.dispatch(&Caps::default()).overrides;
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
fn rows_of_tables() {
    check_cases("rows", 7);
    check_cases("row_sums", 7);
}

#[test]
fn pads() {
    check_cases("pad", 3);
}

#[test]
fn records_one_row_and_leaves_the_others() {
    for case in cases("record") {
        let Kernel::Record(record) = &case.kernel else { unreachable!("a record") };
        for step in [0, 1, record.rows as u32 - 1, record.rows as u32, 1_000_003, u32::MAX] {
            for stride in [1, 2, 64] {
                let record = Record { stride, ..record.clone() };
                check(record.clone(), Inputs::suited(&record.into(), 1).at_step(step), Bound::Exact);
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

/// Every kind of value that is not finite, at the ends of parts and inside them, beside the largest and smallest finite
/// values. The memory after x is not finite, so that a stray read is noticed.
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
    // Expected values by hand, because no other test checks the reference.
    let since = |x: f32, before| Finite::since(&[1.0f32.to_bits(), x.to_bits()], 150, before);
    assert_eq!(
        [since(f32::MAX, 0), since(f32::MAX, 100), since(f32::NAN, 0), since(f32::INFINITY, 100)],
        [0, 0, 150, 100]
    );
}
