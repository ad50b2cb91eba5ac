// y[s, o] = SCALE * sum (or max) over i in range s of chain(n(o, i))
//
// Each workgroup makes a tile of outputs (fold.wgsl) for one range; all tiles of a range come before the next range.
// The elements are split into SPLITS ranges of SPAN, so that a long reduction with few outputs still fills the device;
// a second launch joins the partial results.
// Joined with fold.wgsl (fold, which calls term here) and chain.wgsl (chain).

override MAX: bool = false;
override SCALE: f32 = 1.0;
override SPLITS: u32 = 1u;
override SPAN: u32 = 1u;

@group(0) @binding(0) var<storage, read_write> y: array<f32>; // [SPLITS, OUTER]

alias Value = f32;

fn identity() -> Value {
    return select(0.0, -3.4028234e38, MAX);
}

fn join(a: Value, b: Value) -> Value {
    return select(a + b, max(a, b), MAX);
}

fn term(n: u32, centre: f32) -> Value {
    return chain(n, centre);
}

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) wg: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let g = wg.x + wg.y * groups.x;
    let tiles = (OUTER + COLS - 1u) / COLS;
    let s = g / tiles;
    let o = g % tiles * COLS + col(lane);
    let result = fold(lane, o, s * SPAN, min((s + 1u) * SPAN, INNER), 0.0);
    if s < SPLITS && o < OUTER && row(lane) == 0u {
        y[s * OUTER + o] = SCALE * result;
    }
}
