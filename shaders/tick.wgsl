// clock[0] += 1, and clock[3] = its bits as f32
//
// One invocation: the last launch of a round.

@group(0) @binding(0) var<storage, read_write> clock: array<u32>; // [4]: step, seed low, seed high, step as f32

@compute @workgroup_size(1)
fn main() {
    clock[0]++;
    clock[3] = bitcast<u32>(f32(clock[0]));
}
