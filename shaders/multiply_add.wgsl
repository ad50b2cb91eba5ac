// y[n] = the mean of x after ROUNDS steps x <- x m + c, for CHAINS values x that start at a[n], a[n] + 1, ..
//
// A lane per element; its chains do not depend on each other, so that the units that multiply and add never wait.
// Joined with real_single.wgsl or real_half.wgsl (Real).

override N: u32 = 1u;
override ROUNDS: u32 = 1u;

const SIZE: u32 = 256u;
const VECTORS: u32 = 8u; // of four chains

@group(0) @binding(0) var<storage, read> a: array<f32>; // [N]
@group(0) @binding(1) var<storage, read> step: array<f32>; // m, c: not known to the compiler
@group(0) @binding(2) var<storage, read_write> y: array<f32>; // [N]

@compute @workgroup_size(SIZE)
fn main(
    @builtin(workgroup_id) wg: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let n = (wg.x + wg.y * groups.x) * SIZE + lane;
    if n >= N {
        return;
    }
    let m = vec4(Real(step[0]));
    let c = vec4(Real(step[1]));
    var x: array<vec4<Real>, VECTORS>;
    for (var i = 0u; i < VECTORS; i++) {
        x[i] = vec4<Real>(vec4(a[n] + f32(4u * i)) + vec4(0.0, 1.0, 2.0, 3.0));
    }
    for (var round = 0u; round < ROUNDS; round++) {
        x[0] = fma(x[0], m, c);
        x[1] = fma(x[1], m, c);
        x[2] = fma(x[2], m, c);
        x[3] = fma(x[3], m, c);
        x[4] = fma(x[4], m, c);
        x[5] = fma(x[5], m, c);
        x[6] = fma(x[6], m, c);
        x[7] = fma(x[7], m, c);
    }
    var sum = vec4(0.0);
    for (var i = 0u; i < VECTORS; i++) {
        sum += vec4f(x[i]);
    }
    y[n] = dot(sum, vec4(1.0 / f32(4u * VECTORS)));
}
