// The product of product.wgsl for subgroups of 8 lanes: for drivers that run shaders on the CPU. On these, loads from
// workgroup memory cost as much as other loads, so the loop does not use it; the lanes of a subgroup run as one vector;
// and compilers do not move constant expressions out of loops, so columns are computed before the loop.
//
// A workgroup is one subgroup and makes a tile of 32 x 32. At each k, lane l loads a at the rows l, l + 8, l + 16 and
// l + 24 and b at the four columns from 4 l on; every a is broadcast to all lanes, so that there are 16 multiply-adds
// for each load.

override BATCH: u32 = 1u;
override M: u32 = 1u;
override N: u32 = 1u;

const LANES: u32 = 8u;
const TILE: u32 = 32u;

override TILES_M: u32 = (M + TILE - 1u) / TILE;
override TILES_N: u32 = (N + TILE - 1u) / TILE;

var<workgroup> sums: array<array<vec4f, TILE>, LANES>;

fn a_or_zero(i: u32, m: u32, term: Term) -> f32 {
    if m < M {
        return load_a(i, m, term);
    }
    return 0.0;
}

fn b_or_zero(i: u32, term: Term, n: u32, column: Column) -> f32 {
    if n < N {
        return load_b(i, term, column);
    }
    return 0.0;
}

// Adds a * b to eight rows of sums; lane j holds the a of row j.
fn add_outer(c: ptr<function, array<vec4f, LANES>>, a: f32, b: vec4f) {
    (*c)[0] = fma(vec4f(subgroupBroadcast(a, 0u)), b, (*c)[0]);
    (*c)[1] = fma(vec4f(subgroupBroadcast(a, 1u)), b, (*c)[1]);
    (*c)[2] = fma(vec4f(subgroupBroadcast(a, 2u)), b, (*c)[2]);
    (*c)[3] = fma(vec4f(subgroupBroadcast(a, 3u)), b, (*c)[3]);
    (*c)[4] = fma(vec4f(subgroupBroadcast(a, 4u)), b, (*c)[4]);
    (*c)[5] = fma(vec4f(subgroupBroadcast(a, 5u)), b, (*c)[5]);
    (*c)[6] = fma(vec4f(subgroupBroadcast(a, 6u)), b, (*c)[6]);
    (*c)[7] = fma(vec4f(subgroupBroadcast(a, 7u)), b, (*c)[7]);
}

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) wg: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let tile = wg.x + wg.y * groups.x;
    let m0 = tile % TILES_M * TILE;
    let n0 = tile / TILES_M % TILES_N * TILE + 4u * lane;
    let i = tile / TILES_M / TILES_N;
    if i >= BATCH {
        return; // the whole workgroup
    }

    var c0: array<vec4f, LANES>;
    var c1: array<vec4f, LANES>;
    var c2: array<vec4f, LANES>;
    var c3: array<vec4f, LANES>;
    let column0 = column_at(i, n0);
    let column1 = column_at(i, n0 + 1u);
    let column2 = column_at(i, n0 + 2u);
    let column3 = column_at(i, n0 + 3u);
    let end = depth(i);
    for (var k = 0u; k < end; k++) {
        let t = term_at(i, k);
        let b = vec4f(
            b_or_zero(i, t, n0, column0), b_or_zero(i, t, n0 + 1u, column1),
            b_or_zero(i, t, n0 + 2u, column2), b_or_zero(i, t, n0 + 3u, column3));
        add_outer(&c0, a_or_zero(i, m0 + lane, t), b);
        add_outer(&c1, a_or_zero(i, m0 + LANES + lane, t), b);
        add_outer(&c2, a_or_zero(i, m0 + 2u * LANES + lane, t), b);
        add_outer(&c3, a_or_zero(i, m0 + 3u * LANES + lane, t), b);
    }

    // Each lane reads back only its own sums: they pass through memory because registers cannot be indexed by a
    // variable.
    for (var j = 0u; j < LANES; j++) {
        sums[lane][j] = c0[j];
        sums[lane][LANES + j] = c1[j];
        sums[lane][2u * LANES + j] = c2[j];
        sums[lane][3u * LANES + j] = c3[j];
    }
    for (var j = 0u; j < TILE; j++) {
        for (var x = 0u; x < 4u; x++) {
            if m0 + j < M && n0 + x < N {
                store(i, m0 + j, n0 + x, sums[lane][j][x]);
            }
        }
    }
}
