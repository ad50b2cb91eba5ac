// y[n] = chain(n)
//
// One invocation per element. With IN_PLACE the chain's accumulator is the old y[n].

override N: u32 = 1u;
override IN_PLACE: u32 = 0u;

@group(0) @binding(0) var<storage, read_write> y: array<f32>; // [N]

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) wg: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let n = (wg.x + wg.y * groups.x) * 256u + lane;
    if n < N {
        var acc = 0.0;
        if IN_PLACE != 0u {
            acc = y[n];
        }
        y[n] = chain(n, acc);
    }
}
