// found[p] = the step since which part p of x holds a NaN or an infinity, 0 while it holds none
//
// A workgroup per part of SPAN words. The test looks at the bits of the exponent, because compilers may assume that no
// float is NaN.
// Joined with row.wgsl (row_max).

override N: u32 = 1u;
override SPAN: u32 = 1u;

@group(0) @binding(0) var<storage, read> clock: array<u32>; // [4]: step, ..
@group(0) @binding(1) var<storage, read> x: array<u32>; // [N]: the bits of floats
@group(0) @binding(2) var<storage, read_write> found: array<u32>; // [ceil(N / SPAN)]

const EXPONENT = 0x7f800000u;

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) wg: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let part = wg.x + wg.y * groups.x;
    let start = part * SPAN;
    if start >= N {
        return; // the whole workgroup
    }
    var bad = 0.0;
    for (var n = start + lane; n < min(start + SPAN, N); n += LANES) {
        if (x[n] & EXPONENT) == EXPONENT {
            bad = 1.0;
        }
    }
    bad = row_max(lane, bad);
    if lane == 0u {
        let since = select(found[part], clock[0], found[part] == 0u);
        found[part] = select(0u, since, bad > 0.0);
    }
}
