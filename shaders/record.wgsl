// ring[step % ROWS, j] = x[j * STRIDE]
//
// One invocation per metric.

override N: u32 = 1u;
override STRIDE: u32 = 1u;
override ROWS: u32 = 1u;

@group(0) @binding(0) var<storage, read> x: array<f32>; // [N] strided
@group(0) @binding(1) var<storage, read> clock: array<u32>; // [4]: step, ..
@group(0) @binding(2) var<storage, read_write> ring: array<f32>; // [ROWS, N]

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) wg: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let j = (wg.x + wg.y * groups.x) * 64u + lane;
    if j < N {
        ring[clock[0] % ROWS * N + j] = x[j * STRIDE];
    }
}
