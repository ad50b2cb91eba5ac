// y[b, n] = exp(x[b, n] - max) / sum over n of exp(x[b, n] - max)
//
// A workgroup per row, its lanes along n: maximum, sum, quotient.
// Joined with row.wgsl (row_max, row_sum).

override B: u32 = 1u;
override N: u32 = 1u;

@group(0) @binding(0) var<storage, read> x: array<f32>; // [B, N]
@group(0) @binding(1) var<storage, read_write> y: array<f32>; // [B, N]

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) wg: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let b = wg.x + wg.y * groups.x;
    if b >= B {
        return; // the whole workgroup
    }
    var top = x[b * N];
    for (var n = lane; n < N; n += LANES) {
        top = max(top, x[b * N + n]);
    }
    top = row_max(lane, top);
    var sum = 0.0;
    for (var n = lane; n < N; n += LANES) {
        sum += exp(x[b * N + n] - top);
    }
    sum = row_sum(lane, sum);
    for (var n = lane; n < N; n += LANES) {
        y[b * N + n] = exp(x[b * N + n] - top) / sum;
    }
}
