// m += (1 - beta1) * (g - m)        v = beta2 * v + (1 - beta2) * g^2
// p = (1 - rate * decay) * p - rate / c1 * m / (sqrt(v) / sqrt(c2) + eps)        c = 1 - beta^t
//
// A network that waits has rate 0: nothing changes. At t = 1 the old moments count as zeros, whatever they are.
//
// One invocation per element; all states of a network lie in one flat group. The logarithms come from the host in
// double precision, and 1 - beta^t is never a difference of near-equal numbers: its relative error stays below 3e-7.

override N: u32 = 1u;
override BETA2: f32 = 0.0;
override ONE_MINUS_BETA1: f32 = 1.0;
override ONE_MINUS_BETA2: f32 = 1.0;
override LN_BETA1: f32 = 0.0;
override LN_BETA2: f32 = 0.0;
override EPS: f32 = 0.0;
override DECAY: f32 = 0.0;

@group(0) @binding(0) var<storage, read> g: array<f32>; // [N]
@group(0) @binding(1) var<storage, read> rate: array<f32>; // [1]
@group(0) @binding(2) var<storage, read> updates: array<f32>; // [1]: t, this update included
@group(0) @binding(3) var<storage, read_write> p: array<f32>; // [N]
@group(0) @binding(4) var<storage, read_write> m: array<f32>; // [N]
@group(0) @binding(5) var<storage, read_write> v: array<f32>; // [N]

// 1 - e^x for x <= 0: the series of e^y - 1 where |y| <= 1, then e^2y - 1 = (e^y - 1) * (e^y - 1 + 2) back up to x.
fn one_minus_exp(x: f32) -> f32 {
    if x < -20.0 {
        return 1.0;
    }
    var y = x;
    var doublings = 0u;
    while y < -1.0 {
        y *= 0.5;
        doublings++;
    }
    var e = 1.0 / 39916800.0;
    e = 1.0 / 3628800.0 + e * y;
    e = 1.0 / 362880.0 + e * y;
    e = 1.0 / 40320.0 + e * y;
    e = 1.0 / 5040.0 + e * y;
    e = 1.0 / 720.0 + e * y;
    e = 1.0 / 120.0 + e * y;
    e = 1.0 / 24.0 + e * y;
    e = 1.0 / 6.0 + e * y;
    e = 1.0 / 2.0 + e * y;
    e = 1.0 + e * y;
    e *= y;
    for (; doublings > 0u; doublings -= 1u) {
        e *= e + 2.0;
    }
    return -e;
}

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) wg: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let n = (wg.x + wg.y * groups.x) * 256u + lane;
    if n >= N || rate[0] == 0.0 {
        return;
    }
    let t = updates[0];
    let c1 = one_minus_exp(t * LN_BETA1);
    let c2 = one_minus_exp(t * LN_BETA2);
    let old_m = select(m[n], 0.0, t <= 1.0);
    let old_v = select(v[n], 0.0, t <= 1.0);
    let new_m = old_m + ONE_MINUS_BETA1 * (g[n] - old_m);
    let new_v = BETA2 * old_v + ONE_MINUS_BETA2 * g[n] * g[n];
    m[n] = new_m;
    v[n] = new_v;
    p[n] = (1.0 - rate[0] * DECAY) * p[n] - rate[0] / c1 * new_m / (sqrt(new_v) / sqrt(c2) + EPS);
}
