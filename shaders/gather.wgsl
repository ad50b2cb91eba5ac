// y[b, s * LEN + j] = value j of items[pick(b, s)]    or    y[b, k] = 1 where k = table[pick(b, 0)], else 0
// or, for windows in order, y[b, j] = value b * LANE + turn * LEN + j, or y[b] = 1 where turn = 0, else 0
//
// pick(b, s) is the item at place e = (step * draws + draw) * batch + b of an endless shuffled stream: epoch e / COUNT
// goes through all COUNT items in the order of its own permutation, and each member s of a stack has its own stream.
// Where MIRROR is set, the values of each row of pixels are in reverse order in about half of the picked items.
// Where STREAMED, the host has made the picks: the items of the next RING rounds lie in the order of their places.
// A workgroup per (b, s): one lane picks, then all copy. Bytes lie four to a word, numbers of 16
// bits two to a word, the low ones first.
// Joined with philox.wgsl (philox).

override LANES: u32 = 256u;
override ROWS: u32 = 1u; // batch * stack, or batch
override STACK: u32 = 1u; // rows of one example
override LEN: u32 = 1u; // values of a row: of an item, or the number of classes
override ONE_HOT: bool = false;
override BEGINS: bool = false;
override BYTES: bool = false;
override SYMBOLS: bool = false; // numbers of 16 bits
override MIRROR: u32 = 0u; // values of a row of pixels where items are mirrored with probability 1/2; 0: none is
override WINDOWS: u32 = 0u; // windows of each lane; 0: items are drawn
override LANE: u32 = 0u; // elements of each lane
override DRAWS: u32 = 1u;
override DRAW: u32 = 0u;
override COUNT: u32 = 1u;
// batch * draws = EPOCHS_PER_STEP * COUNT + REST_PER_STEP; batch * draw = FIRST, where the batch has all parts
override EPOCHS_PER_STEP: u32 = 0u;
override REST_PER_STEP: u32 = 0u;
override FIRST: u32 = 0u;
override BATCH: u32 = 1u; // rows of this part of the batch
override PARTS: u32 = 1u; // parts of the batch
// COUNT <= 2^(LEFT_BITS + RIGHT_BITS) < 2 * COUNT
override LEFT_BITS: u32 = 0u;
override RIGHT_BITS: u32 = 0u;
override STREAMED: bool = false;
override RING: u32 = 1u; // rounds in the ring
override PLACES: u32 = 1u; // items of a round in the ring
override STACKED: u32 = 1u; // items of one example
override STEP: u32 = 1u; // elements from an item to the next

@group(0) @binding(0) var<storage, read> clock: array<u32>; // [4 or 5]: step, seed low, seed high, step as f32, part
@group(0) @binding(1) var<storage, read> items: array<u32>; // bytes, numbers of 16 bits, or bits of f32
@group(0) @binding(2) var<storage, read> table: array<u32>; // classes of items; of symbols, first elements
@group(0) @binding(3) var<storage, read_write> y: array<f32>; // [ROWS, LEN]

var<workgroup> picked: u32;
var<workgroup> mirrored: u32;

// Quotient and remainder of the 64-bit number (high, low) by d, bit by bit; needs high < d < 2^31.
fn divide(high: u32, low: u32, d: u32) -> vec2u {
    var quotient = 0u;
    var rest = high;
    for (var bit = 0u; bit < 32u; bit++) {
        rest = (rest << 1u) | ((low << bit) >> 31u);
        quotient = quotient << 1u;
        if rest >= d {
            rest -= d;
            quotient |= 1u;
        }
    }
    return vec2(quotient, rest);
}

// A hash of 32 bits (Wellons' lowbias32).
fn hash(value: u32) -> u32 {
    var x = value;
    x = (x ^ (x >> 16u)) * 0x7feb352du;
    x = (x ^ (x >> 15u)) * 0x846ca68bu;
    return x ^ (x >> 16u);
}

// The item at place i of a permutation of 0..COUNT: a Feistel network of sixteen rounds on the next power of two,
// repeated until the result is below COUNT (cycle walking). With few items, eight rounds, or halves joined by exclusive
// or, distribute places visibly unevenly; round keys that differ only in low bits do the same to fixed points.
fn permute(i: u32, key: vec4u) -> u32 {
    let left_mask = (1u << LEFT_BITS) - 1u;
    let right_mask = (1u << RIGHT_BITS) - 1u;
    var left = i >> RIGHT_BITS;
    var right = i & right_mask;
    var place = COUNT;
    while place >= COUNT {
        for (var round = 0u; round < 8u; round++) {
            let k = key[round % 4u] + round * 0x9e3779b9u;
            left = (left + hash(right ^ k)) & left_mask;
            right = (right + hash(left ^ ~k)) & right_mask;
        }
        place = (left << RIGHT_BITS) | right;
    }
    return place;
}

// The row of the batch with which this part begins.
fn first_row() -> u32 {
    if PARTS > 1u {
        return clock[4] * BATCH;
    }
    return 0u;
}

// The epoch of place b of the batch, and its place in the epoch.
fn epoch_and_place(b: u32) -> vec2u {
    // e = step * EPOCHS_PER_STEP * COUNT + (step * REST_PER_STEP + FIRST + b)
    let step = clock[0];
    let place = FIRST + first_row() + b;
    let low = step * REST_PER_STEP + place;
    let high = mulhi(step, REST_PER_STEP) + select(0u, 1u, low < place);
    let part = divide(high, low, COUNT);
    return vec2(step * EPOCHS_PER_STEP + part.x, part.y);
}

fn pick(b: u32, s: u32) -> u32 {
    let at = epoch_and_place(b);
    return permute(at.y, philox(vec4(at.x, s, 0u, PURPOSE_GATHER), vec2(clock[1], clock[2])));
}

// 1 where that item is mirrored, else 0.
fn mirror(b: u32, s: u32) -> u32 {
    let at = epoch_and_place(b);
    return philox(vec4(at.x, s, at.y, PURPOSE_MIRROR), vec2(clock[1], clock[2])).x & 1u;
}

// Where the ring has the item for place b of the batch and member s of its stack.
fn place(b: u32, s: u32) -> u32 {
    return (clock[0] % RING) * PLACES + (FIRST + first_row() + b) * STACKED + s;
}

// The value of element n.
fn value(n: u32) -> f32 {
    if SYMBOLS {
        return f32((items[n / 2u] >> (n % 2u * 16u)) & 0xffffu);
    }
    if !BYTES {
        return bitcast<f32>(items[n]);
    }
    let byte = (items[n / 4u] >> (n % 4u * 8u)) & 0xffu;
    return (f32(byte) - 127.5) * (1.0 / 127.5); // one rounding: the same bits on every adapter
}

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) wg: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = wg.x + wg.y * groups.x;
    if row >= ROWS {
        return; // the whole workgroup
    }
    if WINDOWS > 0u {
        let turn = (clock[0] * DRAWS + DRAW) % max(WINDOWS, 1u); // 0 is no divisor, even where it is not reached
        if BEGINS {
            if lane == 0u {
                y[row] = select(0.0, 1.0, turn == 0u);
            }
            return; // the whole workgroup
        }
        for (var j = lane; j < LEN; j += LANES) {
            y[row * LEN + j] = value((first_row() + row) * LANE + turn * LEN + j);
        }
        return; // the whole workgroup
    }
    if lane == 0u {
        if STREAMED {
            picked = place(row / STACK, row % STACK);
        } else {
            picked = pick(row / STACK, row % STACK);
        }
        if MIRROR > 0u {
            mirrored = mirror(row / STACK, row % STACK);
        }
    }
    workgroupBarrier();
    let item = picked;
    if ONE_HOT {
        let class_of_item = table[item];
        for (var k = lane; k < LEN; k += LANES) {
            y[row * LEN + k] = select(0.0, 1.0, k == class_of_item);
        }
    } else {
        var first = item * STEP;
        if SYMBOLS && !STREAMED {
            first = table[item];
        }
        if MIRROR > 0u && mirrored == 1u {
            let width = max(MIRROR, 1u); // 0 is no divisor, even where it is not reached
            for (var j = lane; j < LEN; j += LANES) {
                y[row * LEN + j] = value(first + j + width - 1u - 2u * (j % width));
            }
            return; // the whole workgroup
        }
        for (var j = lane; j < LEN; j += LANES) {
            y[row * LEN + j] = value(first + j);
        }
    }
}
