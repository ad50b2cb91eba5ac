// The tiled product, shared by concatenation: store(i, m, n, sum over k of a[i, m, k] * b[i, k, n])
//
// Each kernel supplies
//
//     depth(i)                              the number of values of k in product i
//     term_at(i, k), column_at(i, n)        the parts of an index by k and by n: here four loads share a term, and a
//                                           column is of one load; other bodies share both
//     load_a(i, m, term)                    a[i, m, k]
//     load_b(i, term, column)               b[i, k, n]
//     store(i, m, n, value)                 writes the sum at (m, n) of product i
//
// Loads and stores are called only for positions inside the product; term_at and column_at also beyond its edges. What
// they return, a Term and a Column, each kernel declares.
//
// A workgroup makes one tile of TILE_M x TILE_N. It walks k in steps of DEPTH: all lanes stage a slab of a and of b in
// workgroup memory, as vectors of four neighbours along m or n, then each lane adds the outer products of its vectors.
//
//     lane (x, y, z)        owns the 4x4 block at column 4x, row 4y of the tile (and with BLOCKS_M or BLOCKS_N = 2
//                           the ones half a tile further), for every k of the slab that is z modulo LANES_K
//     c00 c01 c10 c11       the sums of the lane's blocks; a matrix column holds one row of a block
//
// A small tile does not fill a workgroup, so LANES_K slices of lanes divide k. At the end the lanes put their blocks in
// workgroup memory and walk them along n: they add the slices, always in the same order, and neighbouring lanes store
// neighbouring results.

override BATCH: u32 = 1u;
override M: u32 = 1u;
override N: u32 = 1u;

override LANES_M: u32 = 1u;
override LANES_N: u32 = 1u;
override LANES_K: u32 = 1u;
override BLOCKS_M: u32 = 1u; // 1 or 2
override BLOCKS_N: u32 = 1u; // 1 or 2
override DEPTH: u32 = 1u;
// Whether neighbours in memory are neighbours in k; then neighbouring lanes load neighbours in k.
override A_ALONG_K: bool = true;
override B_ALONG_K: bool = true;

override LANES: u32 = LANES_M * LANES_N * LANES_K;
override TILE_M: u32 = 4u * LANES_M * BLOCKS_M;
override TILE_N: u32 = 4u * LANES_N * BLOCKS_N;
override TILES_M: u32 = (M + TILE_M - 1u) / TILE_M;
override TILES_N: u32 = (N + TILE_N - 1u) / TILE_N;

// Vectors in a row of each slab. An odd pitch lets lanes along k write to different banks.
override A_VECTORS: u32 = TILE_M / 4u;
override B_VECTORS: u32 = TILE_N / 4u;
override A_PITCH: u32 = A_VECTORS | 1u;
override B_PITCH: u32 = B_VECTORS | 1u;
override B_SLAB: u32 = DEPTH * A_PITCH;

// First the slabs, a [DEPTH, A_PITCH] and b [DEPTH, B_PITCH]; at the end the sums [LANES_K, 4 * LANES_M, LANES_N].
var<workgroup> slab: array<vec4f, max(B_SLAB + DEPTH * B_PITCH, 4u * LANES)>;

// (k, vector) of the i-th vector that the lanes stage.
fn staged(i: u32, vectors: u32, along_k: bool) -> vec2u {
    if along_k {
        return vec2u(i % DEPTH, i / DEPTH);
    }
    return vec2u(i / vectors, i % vectors);
}

fn a_or_zero(i: u32, m: u32, k: u32, term: Term, end: u32) -> f32 {
    if m < M && k < end {
        return load_a(i, m, term);
    }
    return 0.0;
}

fn b_or_zero(i: u32, k: u32, term: Term, n: u32, end: u32) -> f32 {
    if n < N && k < end {
        return load_b(i, term, column_at(i, n));
    }
    return 0.0;
}

fn add_outer(c: mat4x4f, a: vec4f, b: vec4f) -> mat4x4f {
    return mat4x4f(fma(a.xxxx, b, c[0]), fma(a.yyyy, b, c[1]), fma(a.zzzz, b, c[2]), fma(a.wwww, b, c[3]));
}

@compute @workgroup_size(LANES_N, LANES_M, LANES_K)
fn main(
    @builtin(workgroup_id) wg: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) lane: vec3u,
    @builtin(local_invocation_index) lane_index: u32,
) {
    let tile = wg.x + wg.y * groups.x;
    let m0 = tile % TILES_M * TILE_M;
    let n0 = tile / TILES_M % TILES_N * TILE_N;
    let i = tile / TILES_M / TILES_N;
    if i >= BATCH {
        return; // the whole workgroup
    }

    var c00 = mat4x4f();
    var c01 = mat4x4f();
    var c10 = mat4x4f();
    var c11 = mat4x4f();
    let end = depth(i);
    for (var k0 = 0u; k0 < end; k0 += DEPTH) {
        for (var j = lane_index; j < DEPTH * A_VECTORS; j += LANES) {
            let at = staged(j, A_VECTORS, A_ALONG_K);
            let k = k0 + at.x;
            let t = term_at(i, k);
            let m = m0 + 4u * at.y;
            slab[at.x * A_PITCH + at.y] = vec4f(
                a_or_zero(i, m, k, t, end), a_or_zero(i, m + 1u, k, t, end),
                a_or_zero(i, m + 2u, k, t, end), a_or_zero(i, m + 3u, k, t, end));
        }
        for (var j = lane_index; j < DEPTH * B_VECTORS; j += LANES) {
            let at = staged(j, B_VECTORS, B_ALONG_K);
            let k = k0 + at.x;
            let t = term_at(i, k);
            let n = n0 + 4u * at.y;
            slab[B_SLAB + at.x * B_PITCH + at.y] = vec4f(
                b_or_zero(i, k, t, n, end), b_or_zero(i, k, t, n + 1u, end),
                b_or_zero(i, k, t, n + 2u, end), b_or_zero(i, k, t, n + 3u, end));
        }
        workgroupBarrier();

        for (var k = lane.z; k < DEPTH; k += LANES_K) {
            let a = k * A_PITCH + lane.y;
            let b = B_SLAB + k * B_PITCH + lane.x;
            c00 = add_outer(c00, slab[a], slab[b]);
            if BLOCKS_N == 2u {
                c01 = add_outer(c01, slab[a], slab[b + LANES_N]);
            }
            if BLOCKS_M == 2u {
                c10 = add_outer(c10, slab[a + LANES_M], slab[b]);
            }
            if BLOCKS_M == 2u && BLOCKS_N == 2u {
                c11 = add_outer(c11, slab[a + LANES_M], slab[b + LANES_N]);
            }
        }
        workgroupBarrier();
    }

    for (var block = 0u; block < BLOCKS_M * BLOCKS_N; block++) {
        let down = block / BLOCKS_N;
        let right = block % BLOCKS_N;
        var c = c00;
        if down == 0u && right == 1u { c = c01; }
        if down == 1u && right == 0u { c = c10; }
        if down == 1u && right == 1u { c = c11; }
        let at = (lane.z * LANES_M + lane.y) * 4u * LANES_N + lane.x;
        slab[at] = c[0];
        slab[at + LANES_N] = c[1];
        slab[at + 2u * LANES_N] = c[2];
        slab[at + 3u * LANES_N] = c[3];
        workgroupBarrier();

        for (var j = lane_index; j < 16u * LANES_M * LANES_N; j += LANES) {
            var sum = 0.0;
            for (var z = 0u; z < LANES_K; z++) {
                sum += slab[z * 4u * LANES_M * LANES_N + j / 4u][j % 4u];
            }
            let m = m0 + down * 4u * LANES_M + j / (4u * LANES_N);
            let n = n0 + right * 4u * LANES_N + j % (4u * LANES_N);
            if m < M && n < N {
                store(i, m, n, sum);
            }
        }
        workgroupBarrier();
    }
}
