// All steps of an LSTM, and the values that its gradient needs:
//
//     i, f, o = sigmoid(gates + h W)    g = tanh(gates + h W)
//     c = f * c + i * g                 h = o * tanh(c)
//
// Each gate has its own quarter of the columns, in the order i, f, g, o. Where the mask is 0, h and c stay as they are.
//
// Work: recurrent.wgsl. h lies in workgroup memory twice, before and after the step. A unit's c is read by nobody but
// the lane that wrote it, from the result.
// Joined with recurrent.wgsl (the order of time, the functions of the gates).

alias Rows = vec4f;
const ROWS = 4u;
override STATES: u32 = 2u * H;
override C_AT: u32 = (T + 1u) * B * H; // where c begins in y; the gates begin at twice that

@group(0) @binding(0) var<storage, read> gates: array<f32>; // [T, B, 4, H]
@group(0) @binding(1) var<storage, read> weight: array<f32>; // [H, 4, H]
@group(0) @binding(2) var<storage, read> h0: array<f32>; // [B, H]
@group(0) @binding(3) var<storage, read> c0: array<f32>; // [B, H]
@group(0) @binding(4) var<storage, read> mask: array<f32>; // [T, B]
@group(0) @binding(5) var<storage, read_write> y: array<f32>; // h and c [T + 1, B, H], i, f, g, o [T, B, 4, H]

var<workgroup> h: array<Rows, STATES>; // [2, H]

// Contribution of unit k before the step, at `old + k` of h, to the four gates of unit j.
fn term(old: u32, k: u32, j: u32) -> mat4x4f {
    let value = h[old + k];
    let w = k * 4u * H + j;
    return mat4x4(value * weight[w], value * weight[w + H], value * weight[w + 2u * H], value * weight[w + 3u * H]);
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
        for (var i = 0u; i < ROWS; i++) {
            let b = example(first, i);
            h[j][i] = h0[b * H + j];
            y[(initial() * B + b) * H + j] = h0[b * H + j];
            y[C_AT + (initial() * B + b) * H + j] = c0[b * H + j];
        }
    }
    workgroupBarrier();
    for (var s = 0u; s < T; s++) {
        let t = time(s);
        let old = s % 2u * H;
        for (var j = lane; j < H; j += LANES) {
            var a = mat4x4f();
            var c: Rows;
            var m: Rows;
            for (var i = 0u; i < ROWS; i++) {
                let b = example(first, i);
                let gate = (t * B + b) * 4u * H + j;
                a[0][i] = gates[gate];
                a[1][i] = gates[gate + H];
                a[2][i] = gates[gate + 2u * H];
                a[3][i] = gates[gate + 3u * H];
                m[i] = mask[t * B + b];
                c[i] = y[C_AT + (before(t) * B + b) * H + j];
            }
            var k = 0u;
            for (; k + 3u < H; k += 4u) {
                a += term(old, k, j) + term(old, k + 1u, j) + term(old, k + 2u, j) + term(old, k + 3u, j);
            }
            for (; k < H; k++) {
                a += term(old, k, j);
            }
            a = mat4x4(sigmoid(a[0]), sigmoid(a[1]), squash(a[2]), sigmoid(a[3]));
            let new_c = a[1] * c + a[0] * a[2];
            let new_h = choose(m, a[3] * squash(new_c), h[old + j]);
            c = choose(m, new_c, c);
            h[H - old + j] = new_h;
            for (var i = 0u; i < ROWS; i++) {
                let b = example(first, i);
                let at = (after(t) * B + b) * H + j;
                y[at] = new_h[i];
                y[C_AT + at] = c[i];
                let gate = 2u * C_AT + (t * B + b) * 4u * H + j;
                y[gate] = a[0][i];
                y[gate + H] = a[1][i];
                y[gate + 2u * H] = a[2][i];
                y[gate + 3u * H] = a[3][i];
            }
        }
        workgroupBarrier();
    }
}
