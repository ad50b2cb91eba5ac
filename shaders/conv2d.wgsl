// y[b, k, p, q] = chain(sum over c, r, s of x[b, c, p * STRIDE_H + r - PAD_H, q * STRIDE_W + s - PAD_W] *
// w[k, c, r, s])
//
// x is zero outside its extents.
// Work: a product (product.wgsl) of the filters [K, C R S] with the patches [C R S, B P Q], which are never stored.

override IMAGES: u32 = 1u;
override CHANNELS: u32 = 1u;
override H: u32 = 1u;
override W: u32 = 1u;
override K: u32 = 1u;
override R: u32 = 1u;
override S: u32 = 1u;
override P: u32 = 1u;
override Q: u32 = 1u;
override STRIDE_H: u32 = 1u;
override STRIDE_W: u32 = 1u;
override PAD_H: u32 = 0u;
override PAD_W: u32 = 0u;

@group(0) @binding(0) var<storage, read> x: array<f32>; // [B, C, H, W]
@group(0) @binding(1) var<storage, read> w: array<f32>; // [K, C, R, S]
@group(0) @binding(2) var<storage, read_write> y: array<f32>; // [B, K, P, Q]

fn depth(i: u32) -> u32 {
    return CHANNELS * R * S;
}

// The offset of crs's channel within an image of x, its filter row, its filter column, and crs itself.
fn term(i: u32, crs: u32) -> vec4u {
    return vec4u(crs / (R * S) * H * W, crs / S % R, crs % S, crs);
}

// The offset of bpq's image in x, and the row and column of the first pixel of its patch. Negative rows and columns
// wrap to large numbers, which are outside x as well.
fn column(i: u32, bpq: u32) -> vec3u {
    return vec3u(bpq / (P * Q) * CHANNELS * H * W, bpq / Q % P * STRIDE_H - PAD_H, bpq % Q * STRIDE_W - PAD_W);
}

fn load_a(i: u32, k: u32, term: vec4u) -> f32 {
    return w[k * CHANNELS * R * S + term.w];
}

fn load_b(i: u32, term: vec4u, column: vec3u) -> f32 {
    let down = column.y + term.y;
    let across = column.z + term.z;
    if down >= H || across >= W {
        return 0.0;
    }
    return x[column.x + term.x + down * W + across];
}

fn store(i: u32, k: u32, bpq: u32, value: f32) {
    let n = (bpq / (P * Q) * K + k) * P * Q + bpq % (P * Q);
    y[n] = chain(n, value);
}
