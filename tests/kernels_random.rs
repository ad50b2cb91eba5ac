//! Counter-based noise: the same bits on every adapter.
mod common;
mod probe;

use common::{Bound, Inputs, Rng, check, check_derived, check_with, device};
use saddle::{
    graph::{Dist, Real},
    kernels::{Caps, Random, random::philox},
};

const PHILOX: &str = concat!(
    include_str!("../shaders/shared/philox.wgsl"),
    "
    @group(0) @binding(0) var<storage, read> in: array<u32>;
    @group(0) @binding(6) var<storage, read_write> out: array<vec4<u32>>;
    @compute @workgroup_size(64) fn probe(@builtin(global_invocation_id) at: vec3<u32>) {
        let i = at.x;
        if i < arrayLength(&out) {
            out[i] = philox(vec4(in[6u * i], in[6u * i + 1u], in[6u * i + 2u], in[6u * i + 3u]),
                vec2(in[6u * i + 4u], in[6u * i + 5u]));
        }
    }"
);

/// Every bit of the published vectors of Random123, then of 4,000 random counters and keys.
#[test]
fn philox_gives_the_known_answers() {
    let mut words = vec![0; 6];
    words.extend([u32::MAX; 6]);
    words.extend([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0]);
    words.extend(Rng(1).words(6 * 4000));
    let count = words.len() / 6;
    let got = probe::probe(&device().0, PHILOX, &[], &words, 4 * count);
    assert_eq!(got[..4], [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
    assert_eq!(got[4..8], [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]);
    assert_eq!(got[8..12], [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1]);
    for (word, got) in words.chunks(6).zip(got.chunks(4)) {
        assert_eq!(got, philox([word[0], word[1], word[2], word[3]], [word[4], word[5]]), "{word:x?}");
    }
}

const LENGTHS: [usize; 22] =
    [1, 2, 3, 4, 5, 7, 31, 64, 97, 255, 256, 257, 1021, 1023, 1024, 1025, 2047, 4093, 10_007, 65_537, 131_071, 300_000];

fn clock(step: u32) -> Vec<Vec<u32>> {
    vec![vec![step, 0x9abc_def0, 0x1234_5678, 0]]
}

fn check_normal(random: Random, words: Vec<Vec<u32>>) {
    check_derived(&device().0.caps, random, Inputs::random(0).words(words));
}

#[test]
fn awkward_lengths() {
    for (k, len) in LENGTHS.into_iter().enumerate() {
        let (stream, words) = (k as u32 * 17, clock(1000 * k as u32));
        for dist in [Dist::Uniform, Dist::Bernoulli(Real::new(0.3))] {
            check(Random::of(stream, dist, len), Inputs::random(0).words(words.clone()), Bound::Exact);
        }
        check_normal(Random::of(stream, Dist::Normal, len), words);
    }
}

#[test]
fn a_million_normals() {
    check_normal(Random::of(7, Dist::Normal, 1_000_000), clock(3));
}

#[test]
fn edges_of_clock_stream_and_probability() {
    for step in [0, 1, u32::MAX] {
        for stream in [0, 1, u32::MAX] {
            check(Random::of(stream, Dist::Uniform, 1000), Inputs::random(0).words(clock(step)), Bound::Exact);
        }
    }
    for p in [0.0, 1e-6, 0.5, 1.0 - 1e-6, 1.0] {
        let dist = Dist::Bernoulli(Real::new(p));
        check(Random::of(1, dist, 5000), Inputs::random(0).words(clock(1)), Bound::Exact);
    }
}

#[test]
fn folded_over_two_axes() {
    for (len, max_groups) in [(1024 * 7, 7), (1024 * 7 + 1, 7), (50_001, 3)] {
        let caps = Caps { max_groups, ..device().0.caps.clone() };
        check_with(&caps, Random::of(2, Dist::Uniform, len), Inputs::random(0).words(clock(9)), Bound::Exact);
    }
}
