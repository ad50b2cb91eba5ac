//! What moves data and keeps time: gather, pad, record, tick.
mod common;
mod probe;

use common::{Bound, Inputs, check, check_cases, check_with, clock, device};
use saddle::{
    check::cases::cases,
    graph::Field,
    kernels::{Caps, Gather, Kernel, Record, Spec, Tick, gather::Data},
};

#[test]
fn examples_and_classes() {
    check_cases("gather", 65_535);
}

#[test]
fn gathers_fold_over_two_axes() {
    let data = Data { count: 50, item_len: 10, bytes: true, stack: 2, classes: 10 };
    let caps = Caps { max_groups: 7, ..device().0.caps.clone() };
    for (field, batch) in [(Field::Items, 7), (Field::Items, 25), (Field::OneHot, 8), (Field::OneHot, 49)] {
        let gather = Gather { field, draw: 0, draws: 1, batch, data };
        check_with(&caps, gather.clone(), Inputs::suited(&gather.into(), 0).at_step(3), Bound::Exact);
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
