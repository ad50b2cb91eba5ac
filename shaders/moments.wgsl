// y[0, o] = mean of x(o, i) over i,  y[1, o] = mean of (x(o, i) - y[0, o])^2
//
// Each workgroup makes a tile of outputs (fold.wgsl) in two passes over the data, the second mostly from cache. The
// second pass also sums the deviations themselves, which corrects both results for the rounding error of the first mean
// (the corrected two-pass algorithm; Chan, Golub and LeVeque 1983).
// Joined with fold.wgsl (fold, which calls term here).

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>; // [2, OUTER]

alias Value = vec2f; // sums of x - centre and of its square

fn identity() -> Value {
    return Value();
}

fn join(a: Value, b: Value) -> Value {
    return a + b;
}

fn term(n: u32, centre: f32) -> Value {
    let deviation = x[n] - centre;
    return Value(deviation, deviation * deviation);
}

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) wg: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let o = (wg.x + wg.y * groups.x) * COLS + col(lane);
    let count = f32(INNER);
    let mean = fold(lane, o, 0u, INNER, 0.0).x / count;
    let second = fold(lane, o, 0u, INNER, mean) / count;
    if o < OUTER && row(lane) == 0u {
        y[o] = mean + second.x;
        y[OUTER + o] = max(second.y - second.x * second.x, 0.0);
    }
}
