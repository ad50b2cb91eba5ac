// v = MOMENTUM * v + g        p -= rate * v
//
// A network that waits has rate 0: nothing changes.
//
// One invocation per element of the flat group.

override N: u32 = 1u;
override MOMENTUM: f32 = 0.0;

@group(0) @binding(0) var<storage, read> g: array<f32>; // [N]
@group(0) @binding(1) var<storage, read> rate: array<f32>; // [1]
@group(0) @binding(2) var<storage, read_write> p: array<f32>; // [N]
@group(0) @binding(3) var<storage, read_write> v: array<f32>; // [N]

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) wg: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let n = (wg.x + wg.y * groups.x) * 256u + lane;
    if n < N && rate[0] != 0.0 {
        let velocity = MOMENTUM * v[n] + g[n];
        v[n] = velocity;
        p[n] -= rate[0] * velocity;
    }
}
