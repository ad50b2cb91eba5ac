// The body of a reduction, shared by concatenation:
//
//     result(o) = join over i of term(n(o, i), centre)        n(o, i) = outer_at(o) + inner_at(i)
//
// The kernel supplies `alias Value`, identity(), join(a, b) and term(n, centre).
//
// A workgroup of 256 is a tile of COLS outputs by ROWS lanes along i. Consecutive lanes run along i if a reduced axis
// has the smallest stride (INNER_FIRST), otherwise along o, so that they read neighbours in both cases. Each lane keeps
// four independent results in flight; then a tree over the rows joins them.

override OUTER: u32 = 1u; // outputs
override INNER: u32 = 1u; // elements that make one output
override COLS: u32 = 1u;
override ROWS: u32 = 256u;
override INNER_FIRST: bool = true;

// An index counts through its digits, innermost first. Each step moves by STRIDE elements. Every DIVk steps, the digits
// below k carry, which moves by JUMPk more elements. For contiguous axes the jump is 0, and the compiler can drop the
// division.
override OUTER_STRIDE: u32 = 0u;
override OUTER_DIV1: u32 = 1u; override OUTER_JUMP1: u32 = 0u;
override OUTER_DIV2: u32 = 1u; override OUTER_JUMP2: u32 = 0u;
override OUTER_DIV3: u32 = 1u; override OUTER_JUMP3: u32 = 0u;
override INNER_STRIDE: u32 = 0u;
override INNER_DIV1: u32 = 1u; override INNER_JUMP1: u32 = 0u;
override INNER_DIV2: u32 = 1u; override INNER_JUMP2: u32 = 0u;
override INNER_DIV3: u32 = 1u; override INNER_JUMP3: u32 = 0u;

var<workgroup> tile: array<Value, 256>; // [ROWS, COLS]

fn outer_at(o: u32) -> u32 {
    return o * OUTER_STRIDE + o / OUTER_DIV1 * OUTER_JUMP1
        + o / OUTER_DIV2 * OUTER_JUMP2 + o / OUTER_DIV3 * OUTER_JUMP3;
}

fn inner_at(i: u32) -> u32 {
    return i * INNER_STRIDE + i / INNER_DIV1 * INNER_JUMP1
        + i / INNER_DIV2 * INNER_JUMP2 + i / INNER_DIV3 * INNER_JUMP3;
}

fn col(lane: u32) -> u32 {
    return select(lane % COLS, lane / ROWS, INNER_FIRST);
}

fn row(lane: u32) -> u32 {
    return select(lane / COLS, lane % ROWS, INNER_FIRST);
}

// The result for output o over begin <= i < end. All lanes of the workgroup must call it, also those with o >= OUTER.
fn fold(lane: u32, o: u32, begin: u32, end: u32, centre: f32) -> Value {
    let base = outer_at(o);
    let stop = select(0u, end, o < OUTER);
    var a = identity();
    var b = identity();
    var c = identity();
    var d = identity();
    var i = begin + row(lane);
    for (; i + 3u * ROWS < stop; i += 4u * ROWS) {
        a = join(a, term(base + inner_at(i), centre));
        b = join(b, term(base + inner_at(i + ROWS), centre));
        c = join(c, term(base + inner_at(i + 2u * ROWS), centre));
        d = join(d, term(base + inner_at(i + 3u * ROWS), centre));
    }
    for (; i < stop; i += ROWS) {
        a = join(a, term(base + inner_at(i), centre));
    }

    let place = row(lane) * COLS + col(lane);
    var part = join(join(a, b), join(c, d));
    tile[place] = part;
    workgroupBarrier();
    for (var half = 128u; half >= COLS; half /= 2u) {
        if place < half {
            part = join(part, tile[place + half]);
            tile[place] = part;
        }
        workgroupBarrier();
    }
    let result = tile[col(lane)];
    workgroupBarrier(); // the tile may be used again
    return result;
}
