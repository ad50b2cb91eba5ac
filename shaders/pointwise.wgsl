// y[n] = chain(n)
//
// One invocation per element. With IN_PLACE the chain's accumulator is the old y[n].
// Joined with chain.wgsl (chain).

override N: u32 = 1u;
override IN_PLACE: bool = false;

@group(0) @binding(0) var<storage, read_write> y: array<f32>; // [N]

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) wg: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let n = (wg.x + wg.y * groups.x) * 256u + lane;
    if n < N {
        var acc = 0.0;
        if IN_PLACE {
            acc = y[n];
        }
        y[n] = chain(n, acc);
    }
}
