// The product of product.wgsl with one invocation per result, which shares no loads with others: the baseline for the
// other bodies.

override BATCH: u32 = 1u;
override M: u32 = 1u;
override N: u32 = 1u;

const SIDE: u32 = 16u;

override TILES_M: u32 = (M + SIDE - 1u) / SIDE;
override TILES_N: u32 = (N + SIDE - 1u) / SIDE;

@compute @workgroup_size(SIDE, SIDE)
fn main(
    @builtin(workgroup_id) wg: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_id) lane: vec3u,
) {
    let tile = wg.x + wg.y * groups.x;
    let m = tile % TILES_M * SIDE + lane.y;
    let n = tile / TILES_M % TILES_N * SIDE + lane.x;
    let i = tile / TILES_M / TILES_N;
    if i >= BATCH || m >= M || n >= N {
        return;
    }
    var sum = 0.0;
    let end = depth(i);
    let column = column_at(i, n);
    for (var k = 0u; k < end; k++) {
        let term = term_at(i, k);
        sum = fma(load_a(i, m, term), load_b(i, term, column), sum);
    }
    store(i, m, n, sum);
}
