// Cotangents of an LSTM, from its last step to its first. With those of h and c after a step, dh and dc, where the mask
// is 1:
//
//     dc += dh * o * (1 - tanh(c)^2)
//     da = dc * g * i (1 - i),  dc * c_before * f (1 - f),  dc * i * (1 - g^2),  dh * tanh(c) * o (1 - o)
//     dh_before = da W^T        dc_before = dc * f
//
// Work: recurrent.wgsl. da of all gates lies in workgroup memory for the product; a value carried from step to step
// lies at its place in the result, where nobody but the lane of its unit looks.
// Joined with recurrent.wgsl (the order of time, the functions of the gates).

alias Rows = vec2f;
const ROWS = 2u;
override GATES: u32 = 4u * H;

@group(0) @binding(0) var<storage, read> values: array<f32>; // [T, B, 4, H]: i, f, g, o
@group(0) @binding(1) var<storage, read> cells: array<f32>; // [T + 1, B, H]: c
@group(0) @binding(2) var<storage, read> transposed: array<f32>; // [4, H, H]
@group(0) @binding(3) var<storage, read> mask: array<f32>; // [T, B]
@group(0) @binding(4) var<storage, read> given_h: array<f32>; // [T, B, H]: dh from outside
@group(0) @binding(5) var<storage, read> given_c: array<f32>; // [T, B, H]: dc from outside
@group(0) @binding(6) var<storage, read_write> result: array<f32>; // da [T, B, 4, H], dh0 [B, H], dc0 [B, H]

var<workgroup> da: array<Rows, GATES>; // [4, H]

// Contribution of da[k] to da[k + 3] to da W^T of unit j.
fn four_terms(k: u32, j: u32) -> Rows {
    let w = k * H + j;
    return da[k] * transposed[w] + da[k + 1u] * transposed[w + H]
        + da[k + 2u] * transposed[w + 2u * H] + da[k + 3u] * transposed[w + 3u * H];
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
    let dh_at = T * B * GATES;
    let dc_at = dh_at + B * H;
    for (var s = T; s > 0u; s -= 1u) {
        let t = time(s - 1u);
        for (var j = lane; j < H; j += LANES) {
            var i: Rows;
            var f: Rows;
            var g: Rows;
            var o: Rows;
            var c: Rows;
            var m: Rows;
            var dh: Rows;
            var dc: Rows;
            for (var e = 0u; e < ROWS; e++) {
                let b = example(first, e);
                let gate = (t * B + b) * GATES + j;
                i[e] = values[gate];
                f[e] = values[gate + H];
                g[e] = values[gate + 2u * H];
                o[e] = values[gate + 3u * H];
                c[e] = cells[(before(t) * B + b) * H + j];
                m[e] = mask[t * B + b];
                dh[e] = given_h[(t * B + b) * H + j];
                dc[e] = given_c[(t * B + b) * H + j];
                if s < T {
                    dh[e] += result[dh_at + b * H + j];
                    dc[e] += result[dc_at + b * H + j];
                }
            }
            let tanh_c = squash(f * c + i * g);
            let new_dh = m * dh;
            let new_dc = m * dc + new_dh * o * (1.0 - tanh_c * tanh_c);
            let da_i = new_dc * g * slope(i);
            let da_f = new_dc * c * slope(f);
            let da_g = new_dc * i * (1.0 - g * g);
            let da_o = new_dh * tanh_c * slope(o);
            da[j] = da_i;
            da[H + j] = da_f;
            da[2u * H + j] = da_g;
            da[3u * H + j] = da_o;
            dh = (1.0 - m) * dh;
            dc = (1.0 - m) * dc + new_dc * f;
            for (var e = 0u; e < ROWS; e++) {
                let b = example(first, e);
                let gate = (t * B + b) * GATES + j;
                result[gate] = da_i[e];
                result[gate + H] = da_f[e];
                result[gate + 2u * H] = da_g[e];
                result[gate + 3u * H] = da_o[e];
                result[dh_at + b * H + j] = dh[e];
                result[dc_at + b * H + j] = dc[e];
            }
        }
        workgroupBarrier();
        for (var j = lane; j < H; j += LANES) {
            var dh: Rows;
            for (var e = 0u; e < ROWS; e++) {
                dh[e] = result[dh_at + example(first, e) * H + j];
            }
            var k = 0u;
            for (; k + 15u < GATES; k += 16u) {
                dh += four_terms(k, j) + four_terms(k + 4u, j) + four_terms(k + 8u, j) + four_terms(k + 12u, j);
            }
            for (; k < GATES; k += 4u) {
                dh += four_terms(k, j);
            }
            for (var e = 0u; e < ROWS; e++) {
                result[dh_at + example(first, e) * H + j] = dh[e];
            }
        }
        workgroupBarrier();
    }
}
