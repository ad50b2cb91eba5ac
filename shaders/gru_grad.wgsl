// Cotangents of a GRU, from its last step to its first. With that of h after a step, dh, where the mask is 1:
//
//     da_z = dh * (h_before - n) * z (1 - z)        da_n = dh * (1 - z) * (1 - n^2)
//     da_r = da_n * u * r (1 - r)                   dh_before = dh * z + (da_r, da_z, da_n * r) W^T
//
// or, with RESET_BEFORE and d = da_n W_n^T, da_r = d * h_before * r (1 - r) and dh_before = dh * z + d * r + (da_r,
// da_z) W^T; u is n's recurrent part.
//
// Work: recurrent.wgsl. The operands of the products lie in workgroup memory; a value carried from step to step lies at
// its place in the result, where nobody but the lane of its unit looks.
// Joined with recurrent.wgsl (the order of time, the functions of the gates).

alias Rows = vec2f;
const ROWS = 2u;
override GATES: u32 = 3u * H;
override RESET_BEFORE: bool = false;

@group(0) @binding(0) var<storage, read> values: array<f32>; // [T, B, 4, H]: r, z, n, u
@group(0) @binding(1) var<storage, read> states: array<f32>; // [T + 1, B, H]: h
@group(0) @binding(2) var<storage, read> transposed: array<f32>; // [3, H, H]
@group(0) @binding(3) var<storage, read> mask: array<f32>; // [T, B]
@group(0) @binding(4) var<storage, read> given: array<f32>; // [T, B, H]: dh from outside
@group(0) @binding(5) var<storage, read_write> result: array<f32>; // da [T, B, 3, H], dh0 [B, H]

var<workgroup> du: array<Rows, GATES>; // [3, H]: cotangents of the recurrent parts

// Contribution of du[k] to du[k + 3] to du W^T of unit j.
fn four_terms(k: u32, j: u32) -> Rows {
    let w = k * H + j;
    return du[k] * transposed[w] + du[k + 1u] * transposed[w + H]
        + du[k + 2u] * transposed[w + 2u * H] + du[k + 3u] * transposed[w + 3u * H];
}

// The sum of du[k] * W^T[k, j] over begin <= k < end.
fn product(begin: u32, end: u32, j: u32) -> Rows {
    var sum = Rows();
    var k = begin;
    for (; k + 15u < end; k += 16u) {
        sum += four_terms(k, j) + four_terms(k + 4u, j) + four_terms(k + 8u, j) + four_terms(k + 12u, j);
    }
    for (; k < end; k++) {
        sum += du[k] * transposed[k * H + j];
    }
    return sum;
}

fn value_at(t: u32, first: u32, value: u32, j: u32) -> Rows {
    let n = (vec2(t * B + example(first, 0u), t * B + example(first, 1u)) * 4u + value) * H + j;
    return vec2(values[n.x], values[n.y]);
}

fn h_before(t: u32, first: u32, j: u32) -> Rows {
    let n = (before(t) * B + vec2(example(first, 0u), example(first, 1u))) * H + j;
    return vec2(states[n.x], states[n.y]);
}

fn store_da(t: u32, first: u32, gate: u32, j: u32, rows: Rows) {
    for (var i = 0u; i < ROWS; i++) {
        result[(t * B + example(first, i)) * GATES + gate * H + j] = rows[i];
    }
}

fn carried(first: u32, j: u32) -> Rows {
    let n = T * B * GATES + vec2(example(first, 0u), example(first, 1u)) * H + j;
    return vec2(result[n.x], result[n.y]);
}

fn carry(first: u32, j: u32, rows: Rows) {
    for (var i = 0u; i < ROWS; i++) {
        result[T * B * GATES + example(first, i) * H + j] = rows[i];
    }
}

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) wg: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let first = (wg.x + wg.y * groups.x) * ROWS;
    if first >= B {
        return; // the whole workgroup
    }
    for (var s = T; s > 0u; s -= 1u) {
        let t = time(s - 1u);
        let b = vec2(example(first, 0u), example(first, 1u));
        let m = vec2(mask[t * B + b.x], mask[t * B + b.y]);
        for (var j = lane; j < H; j += LANES) {
            let z = value_at(t, first, 1u, j);
            let n = value_at(t, first, 2u, j);
            var dh = vec2(given[(t * B + b.x) * H + j], given[(t * B + b.y) * H + j]);
            if s < T {
                dh += carried(first, j);
            }
            let new_dh = m * dh;
            let da_z = new_dh * (h_before(t, first, j) - n) * slope(z);
            let da_n = new_dh * (1.0 - z) * (1.0 - n * n);
            store_da(t, first, 1u, j, da_z);
            store_da(t, first, 2u, j, da_n);
            carry(first, j, (1.0 - m) * dh + new_dh * z);
            du[H + j] = da_z;
            if RESET_BEFORE {
                du[2u * H + j] = da_n;
            } else {
                let r = value_at(t, first, 0u, j);
                let da_r = da_n * value_at(t, first, 3u, j) * slope(r);
                store_da(t, first, 0u, j, da_r);
                du[j] = da_r;
                du[2u * H + j] = da_n * r;
            }
        }
        workgroupBarrier();
        if RESET_BEFORE {
            for (var j = lane; j < H; j += LANES) {
                let d = product(2u * H, GATES, j);
                let r = value_at(t, first, 0u, j);
                let da_r = d * h_before(t, first, j) * slope(r);
                store_da(t, first, 0u, j, da_r);
                carry(first, j, carried(first, j) + d * r);
                du[j] = da_r;
            }
            workgroupBarrier();
        }
        let end = select(GATES, 2u * H, RESET_BEFORE);
        for (var j = lane; j < H; j += LANES) {
            carry(first, j, carried(first, j) + product(0u, end, j));
        }
        workgroupBarrier();
    }
}
