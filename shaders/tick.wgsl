// clock[0] += 1
//
// One invocation: the last launch of a round.

@group(0) @binding(0) var<storage, read_write> clock: array<u32>; // [4]: step, seed low, seed high, 0

@compute @workgroup_size(1)
fn main() {
    clock[0] += 1u;
}
