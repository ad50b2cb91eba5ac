// w[i, k, c, r, s] = sum over b, p, q of y[b, k, p, q] * x[b, c, p * STRIDE_H + r - PAD_H, q * STRIDE_W + s - PAD_W]
//
// The adjoint of conv2d in w; x is zero outside its extents. The filter is small and the sum is long, so the sum is
// split into SPLITS runs of SPAN places each, in the order of b, p, q. i is the index of a run; `reduce` adds the runs.
// Work: a batch of products (product.wgsl), one per run, of y [K, SPAN] with the patches [SPAN, C R S]: m is k, n is
// crs, the depth is the places of a run.
// Joined with geometry.wgsl (extents) and a body, product*.wgsl (main, which calls the loads here).

override SPAN: u32 = 1u;

@group(0) @binding(0) var<storage, read> x: array<f32>; // [B, C, H, W]
@group(0) @binding(1) var<storage, read> y: array<f32>; // [B, K, P, Q]
@group(0) @binding(2) var<storage, read_write> w: array<f32>; // [SPLITS, K, C, R, S]

// The last runs may be short or empty.
fn depth(i: u32) -> u32 {
    return min(SPAN, IMAGES * P * Q - min(i * SPAN, IMAGES * P * Q));
}

// A place (b, p, q): the offset of its image in x, the row and column of the first pixel of its patch, and its offset
// in y. Negative rows and columns wrap to large numbers, which are outside x as well.
struct Term { image: u32, top: u32, left: u32, place: u32 }

fn term_at(i: u32, place: u32) -> Term {
    let bpq = i * SPAN + place;
    let b = bpq / (P * Q);
    let top = bpq / Q % P * STRIDE_H - PAD_H;
    let left = bpq % Q * STRIDE_W - PAD_W;
    return Term(b * CHANNELS * H * W, top, left, b * K * P * Q + bpq % (P * Q));
}

// An element crs of a filter: the offset of its channel within an image of x, its row and its column.
struct Column { channel: u32, r: u32, s: u32 }

fn column_at(i: u32, crs: u32) -> Column {
    return Column(crs / (R * S) * H * W, crs / S % R, crs % S);
}

fn load_a(i: u32, k: u32, term: Term) -> f32 {
    return y[term.place + k * P * Q];
}

fn load_b(i: u32, term: Term, column: Column) -> f32 {
    let down = term.top + column.r;
    let across = term.left + column.s;
    if down >= H || across >= W {
        return 0.0;
    }
    return x[term.image + column.channel + down * W + across];
}

fn store(i: u32, k: u32, crs: u32, value: f32) {
    w[(i * K + k) * CHANNELS * R * S + crs] = value;
}
