// y[n, d] = x[i[n], d], or 0 where i[n] is no row of x
//
// One invocation per element of y.

override N: u32 = 1u;
override R: u32 = 1u;
override D: u32 = 1u;

@group(0) @binding(0) var<storage, read> i: array<f32>; // [N] whole numbers
@group(0) @binding(1) var<storage, read> x: array<f32>; // [R, D]
@group(0) @binding(2) var<storage, read_write> y: array<f32>; // [N, D]

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) wg: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let at = (wg.x + wg.y * groups.x) * 256u + lane;
    if at >= N * D {
        return;
    }
    let row = i32(i[at / D]);
    var value = 0.0;
    if row >= 0 && row < i32(R) {
        value = x[u32(row) * D + at % D];
    }
    y[at] = value;
}
