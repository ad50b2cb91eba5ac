// y[n] = x[n] * sigmoid(BETA * x[n])
//
// One invocation per element.

override N: u32 = 1u;
override BETA: f32 = 1.0;

@group(0) @binding(0) var<storage, read> x: array<f32>; // [N]
@group(0) @binding(1) var<storage, read_write> y: array<f32>; // [N]

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) wg: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let n = (wg.x + wg.y * groups.x) * 256u + lane;
    if n < N {
        y[n] = x[n] / (1.0 + exp(-BETA * x[n]));
    }
}
