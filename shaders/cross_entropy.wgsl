// y[b] = sum over n of t[b, n] * (log(sum over n of exp(x[b, n])) - x[b, n])
//
// A workgroup per row, its lanes along n: maximum, sum, loss. The maximum is taken off every logit first, which changes
// nothing but the rounding.
// Joined with row.wgsl (row_max, row_sum).

override B: u32 = 1u;
override N: u32 = 1u;
override AT_INDEX: bool = false; // t [B]: the n whose target is 1; a row without such an n has no loss

@group(0) @binding(0) var<storage, read> x: array<f32>; // [B, N] logits
@group(0) @binding(1) var<storage, read> t: array<f32>; // [B, N] targets, or [B] indices
@group(0) @binding(2) var<storage, read_write> y: array<f32>; // [B]

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
    let log_sum = log(row_sum(lane, sum));
    if AT_INDEX {
        if lane == 0u {
            let at = i32(t[b]);
            if at >= 0 && at < i32(N) {
                y[b] = log_sum - (x[b * N + u32(at)] - top);
            } else {
                y[b] = 0.0;
            }
        }
        return; // the whole workgroup
    }
    var loss = 0.0;
    for (var n = lane; n < N; n += LANES) {
        loss += t[b * N + n] * (log_sum - (x[b * N + n] - top));
    }
    loss = row_sum(lane, loss);
    if lane == 0u {
        y[b] = loss;
    }
}
