// All steps of a GRU, and the values that its gradient needs; u is n's recurrent part:
//
//     r, z = sigmoid(gates + h W)                  each its own third of the columns, in the order r, z, n
//     n = tanh(gates + r * u), u = h W + bias      or, with RESET_BEFORE, tanh(gates + u), u = (r * h) W + bias
//     h = (1 - z) * n + z * h                      where the mask is 1; where it is 0, h stays
//
// Work: recurrent.wgsl. Workgroup memory holds h before and after the step; with RESET_BEFORE it holds h and r * h, and
// z waits at its place in the result, where nobody but the lane of its unit looks.
// Joined with recurrent.wgsl (the order of time, the functions of the gates).

alias Rows = vec4f;
const ROWS = 4u;
override STATES: u32 = 2u * H;
override VALUES: u32 = (T + 1u) * B * H; // where r, z, n, u begin in the result
override RESET_BEFORE: bool = false;

@group(0) @binding(0) var<storage, read> gates: array<f32>; // [T, B, 3, H]
@group(0) @binding(1) var<storage, read> weight: array<f32>; // [H, 3, H]
@group(0) @binding(2) var<storage, read> bias: array<f32>; // [H]
@group(0) @binding(3) var<storage, read> h0: array<f32>; // [B, H]
@group(0) @binding(4) var<storage, read> mask: array<f32>; // [T, B]
@group(0) @binding(5) var<storage, read_write> y: array<f32>; // h [T + 1, B, H], r, z, n, u [T, B, 4, H]

var<workgroup> h: array<Rows, STATES>; // [2, H]

// Contribution of the k-th value from `at` on to the gates r and z of unit j.
fn rz_term(at: u32, k: u32, j: u32) -> mat2x4f {
    let value = h[at + k];
    let w = k * 3u * H + j;
    return mat2x4(value * weight[w], value * weight[w + H]);
}

// The products of h, from `at` on, with the columns of r and z of unit j.
fn rz_product(at: u32, j: u32) -> mat2x4f {
    var sum = mat2x4f();
    var k = 0u;
    for (; k + 7u < H; k += 8u) {
        sum += rz_term(at, k, j) + rz_term(at, k + 1u, j) + rz_term(at, k + 2u, j) + rz_term(at, k + 3u, j);
        sum += rz_term(at, k + 4u, j) + rz_term(at, k + 5u, j) + rz_term(at, k + 6u, j) + rz_term(at, k + 7u, j);
    }
    for (; k < H; k++) {
        sum += rz_term(at, k, j);
    }
    return sum;
}

fn n_term(at: u32, k: u32, j: u32) -> Rows {
    return h[at + k] * weight[(k * 3u + 2u) * H + j];
}

// The product of h, or of r * h, from `at` on, with the column of n of unit j.
fn n_product(at: u32, j: u32) -> Rows {
    var sum = Rows();
    var k = 0u;
    for (; k + 7u < H; k += 8u) {
        sum += n_term(at, k, j) + n_term(at, k + 1u, j) + n_term(at, k + 2u, j) + n_term(at, k + 3u, j);
        sum += n_term(at, k + 4u, j) + n_term(at, k + 5u, j) + n_term(at, k + 6u, j) + n_term(at, k + 7u, j);
    }
    for (; k < H; k++) {
        sum += n_term(at, k, j);
    }
    return sum;
}

fn gate_at(t: u32, first: u32, gate: u32, j: u32) -> Rows {
    var rows: Rows;
    for (var i = 0u; i < ROWS; i++) {
        rows[i] = gates[((t * B + example(first, i)) * 3u + gate) * H + j];
    }
    return rows;
}

fn mask_at(t: u32, first: u32) -> Rows {
    var rows: Rows;
    for (var i = 0u; i < ROWS; i++) {
        rows[i] = mask[t * B + example(first, i)];
    }
    return rows;
}

// Stores h as the state at a place among all T + 1.
fn store_h(place: u32, first: u32, j: u32, rows: Rows) {
    for (var i = 0u; i < ROWS; i++) {
        y[(place * B + example(first, i)) * H + j] = rows[i];
    }
}

fn load_h(place: u32, first: u32, j: u32) -> Rows {
    var rows: Rows;
    for (var i = 0u; i < ROWS; i++) {
        rows[i] = y[(place * B + example(first, i)) * H + j];
    }
    return rows;
}

fn store_value(t: u32, first: u32, value: u32, j: u32, rows: Rows) {
    for (var i = 0u; i < ROWS; i++) {
        y[VALUES + ((t * B + example(first, i)) * 4u + value) * H + j] = rows[i];
    }
}

fn load_value(t: u32, first: u32, value: u32, j: u32) -> Rows {
    var rows: Rows;
    for (var i = 0u; i < ROWS; i++) {
        rows[i] = y[VALUES + ((t * B + example(first, i)) * 4u + value) * H + j];
    }
    return rows;
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
    for (var j = lane; j < H; j += LANES) {
        var start: Rows;
        for (var i = 0u; i < ROWS; i++) {
            start[i] = h0[example(first, i) * H + j];
        }
        h[j] = start;
        store_h(initial(), first, j, start);
    }
    workgroupBarrier();
    for (var s = 0u; s < T; s++) {
        let t = time(s);
        let m = mask_at(t, first);
        if RESET_BEFORE {
            for (var j = lane; j < H; j += LANES) {
                let rz = rz_product(0u, j);
                let r = sigmoid(gate_at(t, first, 0u, j) + rz[0]);
                h[H + j] = r * h[j];
                store_value(t, first, 0u, j, r);
                store_value(t, first, 1u, j, sigmoid(gate_at(t, first, 1u, j) + rz[1]));
            }
            workgroupBarrier();
            for (var j = lane; j < H; j += LANES) {
                let u = n_product(H, j) + bias[j];
                let n = squash(gate_at(t, first, 2u, j) + u);
                let z = load_value(t, first, 1u, j);
                let old_h = load_h(before(t), first, j);
                let new_h = choose(m, (1.0 - z) * n + z * old_h, old_h);
                h[j] = new_h;
                store_value(t, first, 2u, j, n);
                store_value(t, first, 3u, j, u);
                store_h(after(t), first, j, new_h);
            }
        } else {
            let old = s % 2u * H;
            for (var j = lane; j < H; j += LANES) {
                let rz = rz_product(old, j);
                let r = sigmoid(gate_at(t, first, 0u, j) + rz[0]);
                let z = sigmoid(gate_at(t, first, 1u, j) + rz[1]);
                let u = n_product(old, j) + bias[j];
                let n = squash(gate_at(t, first, 2u, j) + r * u);
                let new_h = choose(m, (1.0 - z) * n + z * h[old + j], h[old + j]);
                h[H - old + j] = new_h;
                store_value(t, first, 0u, j, r);
                store_value(t, first, 1u, j, z);
                store_value(t, first, 2u, j, n);
                store_value(t, first, 3u, j, u);
                store_h(after(t), first, j, new_h);
            }
        }
        workgroupBarrier();
    }
}
