// y[0, o] = -sum over i of dy(o, i),  y[1, o] = -sum over i of dy(o, i) * (x(o, i) - mean(o)) / (2 (variance(o) + EPS))
//
// A tile of outputs per workgroup (fold.wgsl); both sums in one pass over dy and x.
// Joined with fold.wgsl (fold, which calls term here).

override EPS: f32 = 0.0;

@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> moments: array<f32>; // [2, OUTER]: mean, variance
@group(0) @binding(3) var<storage, read_write> y: array<f32>; // [2, OUTER]

alias Value = vec2f;

fn identity() -> Value {
    return Value();
}

fn join(a: Value, b: Value) -> Value {
    return a + b;
}

fn term(n: u32, centre: f32) -> Value {
    return dy[n] * Value(1.0, x[n] - centre);
}

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) wg: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let o = (wg.x + wg.y * groups.x) * COLS + col(lane);
    let mean = moments[min(o, OUTER - 1u)];
    let variance = moments[OUTER + min(o, OUTER - 1u)];
    let sums = fold(lane, o, 0u, INNER, mean);
    if o < OUTER && row(lane) == 0u {
        y[o] = -sums.x;
        y[OUTER + o] = sums.y * -0.5 / (variance + EPS);
    }
}
