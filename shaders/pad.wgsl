// y[a0, a1, a2, a3] = x[a0 - BEFORE0, ..], or 0 outside x
//
// One invocation per element of y.

override FROM0: u32 = 1u; override TO0: u32 = 1u; override BEFORE0: u32 = 0u;
override FROM1: u32 = 1u; override TO1: u32 = 1u; override BEFORE1: u32 = 0u;
override FROM2: u32 = 1u; override TO2: u32 = 1u; override BEFORE2: u32 = 0u;
override FROM3: u32 = 1u; override TO3: u32 = 1u; override BEFORE3: u32 = 0u;

@group(0) @binding(0) var<storage, read> x: array<f32>; // [FROM0, FROM1, FROM2, FROM3]
@group(0) @binding(1) var<storage, read_write> y: array<f32>; // [TO0, TO1, TO2, TO3]

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) wg: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let n = (wg.x + wg.y * groups.x) * 256u + lane;
    if n >= TO0 * TO1 * TO2 * TO3 {
        return;
    }
    // Indices before the start of x wrap to huge numbers: one comparison for each axis checks both ends.
    let a3 = n % TO3 - BEFORE3;
    let a2 = n / TO3 % TO2 - BEFORE2;
    let a1 = n / (TO3 * TO2) % TO1 - BEFORE1;
    let a0 = n / (TO3 * TO2 * TO1) - BEFORE0;
    var value = 0.0;
    if a0 < FROM0 && a1 < FROM1 && a2 < FROM2 && a3 < FROM3 {
        value = x[((a0 * FROM1 + a1) * FROM2 + a2) * FROM3 + a3];
    }
    y[n] = value;
}
