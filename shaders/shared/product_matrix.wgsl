// The product of product.wgsl on matrix units. One of the matrix_*.wgsl defines the matrices, SIDE x SIDE elements;
// sums are f32.
//
// A workgroup makes a tile of BLOCKS_M x BLOCKS_N blocks. It walks k in steps of DEPTH: all lanes stage a slab of a and
// of b in workgroup memory, k running fastest, then each subgroup multiplies for its own block: 4 x 2 matrices of sums,
// which stay in its registers. If subgroups are wider than 32 lanes, there are fewer subgroups than blocks, and each
// subgroup computes several blocks, one after the other.
//
// At the end the sums pass through workgroup memory, one matrix of each block at a time, so that neighbouring lanes
// store neighbouring results.

override BATCH: u32 = 1u;
override M: u32 = 1u;
override N: u32 = 1u;

override BLOCKS_M: u32 = 1u;
override BLOCKS_N: u32 = 1u;
// Whether neighbours in memory are neighbours in k; then neighbouring lanes load neighbours in k.
override A_ALONG_K: bool = true;
override B_ALONG_K: bool = true;

const BLOCK_M: u32 = 4u * SIDE;
const BLOCK_N: u32 = 2u * SIDE;
const DEPTH: u32 = 2u * SIDE;
// Elements from a row of a slab to the next. Matrices must be loaded from multiples of 16 bytes; the 8 extra elements
// spread the rows over memory banks.
const PITCH: u32 = DEPTH + 8u;

override BLOCKS: u32 = BLOCKS_M * BLOCKS_N;
override LANES: u32 = 32u * BLOCKS;
override TILE_M: u32 = BLOCK_M * BLOCKS_M;
override TILE_N: u32 = BLOCK_N * BLOCKS_N;
override TILES_M: u32 = (M + TILE_M - 1u) / TILE_M;
override TILES_N: u32 = (N + TILE_N - 1u) / TILE_N;

var<workgroup> a_slab: array<Element, TILE_M * PITCH>; // [TILE_M, DEPTH]
var<workgroup> b_slab: array<Element, TILE_N * PITCH>; // [TILE_N, DEPTH]
var<workgroup> sums: array<f32, BLOCKS * SIDE * SIDE>; // [BLOCKS, SIDE, SIDE]

// (place along m or n, k) of the j-th element that the lanes stage.
fn staged(j: u32, extent: u32, along_k: bool) -> vec2u {
    if along_k {
        return vec2u(j / DEPTH, j % DEPTH);
    }
    return vec2u(j % extent, j / extent);
}

fn a_or_zero(i: u32, m: u32, k: u32, end: u32) -> f32 {
    if m < M && k < end {
        return load_a(i, m, term_at(i, k));
    }
    return 0.0;
}

fn b_or_zero(i: u32, k: u32, n: u32, end: u32) -> f32 {
    if n < N && k < end {
        return load_b(i, term_at(i, k), column_at(i, n));
    }
    return 0.0;
}

// Stores the matrices in `sums`, one for each of `count` blocks from block `first` on, at (m, n) within each block.
fn store_all(i: u32, m0: u32, n0: u32, first: u32, count: u32, m: u32, n: u32, lane: u32) {
    workgroupBarrier();
    for (var j = lane; j < count * SIDE * SIDE; j += LANES) {
        let block = first + j / (SIDE * SIDE);
        let row = m0 + block / BLOCKS_N * BLOCK_M + m + j / SIDE % SIDE;
        let column = n0 + block % BLOCKS_N * BLOCK_N + n + j % SIDE;
        if row < M && column < N {
            store(i, row, column, sums[j]);
        }
    }
    workgroupBarrier();
}

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) wg: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
    @builtin(subgroup_id) subgroup: u32,
    @builtin(num_subgroups) subgroups: u32,
) {
    let tile = wg.x + wg.y * groups.x;
    let m0 = tile % TILES_M * TILE_M;
    let n0 = tile / TILES_M % TILES_N * TILE_N;
    let i = tile / TILES_M / TILES_N;
    if i >= BATCH {
        return; // the whole workgroup
    }
    let end = depth(i);
    for (var first = 0u; first < BLOCKS; first += subgroups) {
        let count = min(subgroups, BLOCKS - first);
        let busy = subgroup < count;
        let a0 = (first + subgroup) / BLOCKS_N * BLOCK_M * PITCH;
        let b0 = (first + subgroup) % BLOCKS_N * BLOCK_N * PITCH;
        var c00 = Sums();
        var c01 = Sums();
        var c10 = Sums();
        var c11 = Sums();
        var c20 = Sums();
        var c21 = Sums();
        var c30 = Sums();
        var c31 = Sums();
        for (var k0 = 0u; k0 < end; k0 += DEPTH) {
            for (var j = lane; j < TILE_M * DEPTH; j += LANES) {
                let at = staged(j, TILE_M, A_ALONG_K);
                a_slab[at.x * PITCH + at.y] = rounded(a_or_zero(i, m0 + at.x, k0 + at.y, end));
            }
            for (var j = lane; j < TILE_N * DEPTH; j += LANES) {
                let at = staged(j, TILE_N, B_ALONG_K);
                b_slab[at.x * PITCH + at.y] = rounded(b_or_zero(i, k0 + at.y, n0 + at.x, end));
            }
            workgroupBarrier();

            for (var k = 0u; busy && k < DEPTH; k += SIDE) {
                let right0 = coopLoad<Right>(&b_slab[b0 + k], PITCH);
                let right1 = coopLoad<Right>(&b_slab[b0 + SIDE * PITCH + k], PITCH);
                let left0 = coopLoadT<Left>(&a_slab[a0 + k], PITCH);
                let left1 = coopLoadT<Left>(&a_slab[a0 + SIDE * PITCH + k], PITCH);
                let left2 = coopLoadT<Left>(&a_slab[a0 + 2u * SIDE * PITCH + k], PITCH);
                let left3 = coopLoadT<Left>(&a_slab[a0 + 3u * SIDE * PITCH + k], PITCH);
                c00 = coopMultiplyAdd(left0, right0, c00);
                c01 = coopMultiplyAdd(left0, right1, c01);
                c10 = coopMultiplyAdd(left1, right0, c10);
                c11 = coopMultiplyAdd(left1, right1, c11);
                c20 = coopMultiplyAdd(left2, right0, c20);
                c21 = coopMultiplyAdd(left2, right1, c21);
                c30 = coopMultiplyAdd(left3, right0, c30);
                c31 = coopMultiplyAdd(left3, right1, c31);
            }
            workgroupBarrier();
        }

        let at = subgroup * SIDE * SIDE;
        if busy { coopStoreT(c00, &sums[at], SIDE); }
        store_all(i, m0, n0, first, count, 0u, 0u, lane);
        if busy { coopStoreT(c01, &sums[at], SIDE); }
        store_all(i, m0, n0, first, count, 0u, SIDE, lane);
        if busy { coopStoreT(c10, &sums[at], SIDE); }
        store_all(i, m0, n0, first, count, SIDE, 0u, lane);
        if busy { coopStoreT(c11, &sums[at], SIDE); }
        store_all(i, m0, n0, first, count, SIDE, SIDE, lane);
        if busy { coopStoreT(c20, &sums[at], SIDE); }
        store_all(i, m0, n0, first, count, 2u * SIDE, 0u, lane);
        if busy { coopStoreT(c21, &sums[at], SIDE); }
        store_all(i, m0, n0, first, count, 2u * SIDE, SIDE, lane);
        if busy { coopStoreT(c30, &sums[at], SIDE); }
        store_all(i, m0, n0, first, count, 3u * SIDE, 0u, lane);
        if busy { coopStoreT(c31, &sums[at], SIDE); }
        store_all(i, m0, n0, first, count, 3u * SIDE, SIDE, lane);
    }
}
