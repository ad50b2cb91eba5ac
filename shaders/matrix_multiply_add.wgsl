// y[g] = ROUNDS a b, for each workgroup g: matrices of SIDE x SIDE whose products are added
//
// The subgroups of a workgroup share the rounds. Each has sums that do not depend on each other, so that the units
// never wait.
// Joined with one of matrix_*.wgsl (the types of the matrices).

override GROUPS: u32 = 1u;
override ROUNDS: u32 = 1u; // a multiple of CHAINS times the number of subgroups

const CHAINS: u32 = 4u;
const LANES: u32 = 128u;
const ELEMENTS: u32 = SIDE * SIDE;

@group(0) @binding(0) var<storage, read> a: array<f32>; // [SIDE, SIDE]
@group(0) @binding(1) var<storage, read> b: array<f32>; // [SIDE, SIDE]
@group(0) @binding(2) var<storage, read_write> y: array<f32>; // [GROUPS, SIDE, SIDE]

var<workgroup> factors: array<Element, 2u * ELEMENTS>;
var<workgroup> sums: array<f32, ELEMENTS>;

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) wg: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
    @builtin(subgroup_id) subgroup: u32,
    @builtin(num_subgroups) subgroups: u32,
) {
    let g = wg.x + wg.y * groups.x;
    if g >= GROUPS {
        return; // the whole workgroup
    }
    for (var j = lane; j < ELEMENTS; j += LANES) {
        factors[j] = rounded(a[j]);
        factors[ELEMENTS + j] = rounded(b[j]);
    }
    workgroupBarrier();

    let left = coopLoadT<Left>(&factors[0], SIDE);
    let right = coopLoadT<Right>(&factors[ELEMENTS], SIDE);
    var c0 = Sums();
    var c1 = Sums();
    var c2 = Sums();
    var c3 = Sums();
    for (var round = subgroup; round < ROUNDS / CHAINS; round += subgroups) {
        c0 = coopMultiplyAdd(left, right, c0);
        c1 = coopMultiplyAdd(left, right, c1);
        c2 = coopMultiplyAdd(left, right, c2);
        c3 = coopMultiplyAdd(left, right, c3);
    }
    let c = c0 + c1 + (c2 + c3);

    for (var turn = 0u; turn < subgroups; turn++) {
        if turn == subgroup {
            coopStoreT(c, &sums[0], SIDE);
        }
        workgroupBarrier();
        for (var j = lane; j < ELEMENTS; j += LANES) {
            y[g * ELEMENTS + j] = select(y[g * ELEMENTS + j], 0.0, turn == 0u) + sums[j];
        }
        workgroupBarrier();
    }
}
