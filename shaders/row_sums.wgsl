// y[r, d] = sum of x[n, d] over the n with i[n] = r
//
// A workgroup per SPAN rows and 64 columns of y: each lane has a column, walks the indices in order and adds to the row
// that an index names, so that the bits do not depend on timing.

const SPAN = 16u;

override N: u32 = 1u;
override R: u32 = 1u;
override D: u32 = 1u;
override ACROSS: u32 = 1u; // workgroups side by side

@group(0) @binding(0) var<storage, read> i: array<f32>; // [N] whole numbers
@group(0) @binding(1) var<storage, read> x: array<f32>; // [N, D]
@group(0) @binding(2) var<storage, read_write> y: array<f32>; // [R, D]

// Each lane reads and writes its own column only.
var<workgroup> sums: array<f32, 1024>; // [SPAN, 64]

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) wg: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let place = wg.x + wg.y * groups.x;
    let first = place / ACROSS * SPAN;
    let d = place % ACROSS * 64u + lane;
    if first >= R || d >= D {
        return;
    }
    for (var r = 0u; r < SPAN; r++) {
        sums[r * 64u + lane] = 0.0;
    }
    for (var n = 0u; n < N; n++) {
        let r = i32(i[n]) - i32(first);
        if r >= 0 && r < i32(SPAN) {
            sums[u32(r) * 64u + lane] += x[n * D + d];
        }
    }
    for (var r = 0u; r < min(SPAN, R - first); r++) {
        y[(first + r) * D + d] = sums[r * 64u + lane];
    }
}
