// w[i, k, c, r, s] = sum over b, p, q of y[b, k, p, q] * x[b, c, p * STRIDE_H + r - PAD_H, q * STRIDE_W + s - PAD_W]
//
// The adjoint of conv2d in w; x is zero outside its extents. The filter is small and the sum is long, so the sum is
// split into SPLITS runs of SPAN places each, in the order of b, p, q. i is the index of a run; `reduce` adds the runs.
// Work: a batch of products (product.wgsl), one per run, of y [K, SPAN] with the patches [SPAN, C R S].

override SPAN: u32 = 1u;
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
@group(0) @binding(1) var<storage, read> y: array<f32>; // [B, K, P, Q]
@group(0) @binding(2) var<storage, read_write> w: array<f32>; // [SPLITS, K, C, R, S]

// The last runs may be short or empty.
fn depth(i: u32) -> u32 {
    return min(SPAN, IMAGES * P * Q - min(i * SPAN, IMAGES * P * Q));
}

// For place (b, p, q): the offset of its image in x, the row and column of the first pixel of its patch, and its offset
// in y. Negative rows and columns wrap to large numbers, which are outside x as well.
fn term(i: u32, place: u32) -> vec4u {
    let bpq = i * SPAN + place;
    let b = bpq / (P * Q);
    let down = bpq / Q % P * STRIDE_H - PAD_H;
    let across = bpq % Q * STRIDE_W - PAD_W;
    return vec4u(b * CHANNELS * H * W, down, across, b * K * P * Q + bpq % (P * Q));
}

// The offset of crs's channel within an image of x, its filter row and its filter column.
fn column(i: u32, crs: u32) -> vec3u {
    return vec3u(crs / (R * S) * H * W, crs / S % R, crs % S);
}

fn load_a(i: u32, k: u32, term: vec4u) -> f32 {
    return y[term.w + k * P * Q];
}

fn load_b(i: u32, term: vec4u, column: vec3u) -> f32 {
    let down = term.y + column.y;
    let across = term.z + column.z;
    if down >= H || across >= W {
        return 0.0;
    }
    return x[term.x + column.x + down * W + across];
}

fn store(i: u32, k: u32, crs: u32, value: f32) {
    w[(i * K + k) * CHANNELS * R * S + crs] = value;
}
