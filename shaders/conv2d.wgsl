// y[b, k, p, q] = chain(sum over c, r, s of x[b, c, p * STRIDE_H + r - PAD_H, q * STRIDE_W + s - PAD_W] *
// w[k, c, r, s])
//
// x is zero outside its extents.
// Work: a product (product.wgsl) of the filters [K, C R S] with the patches [C R S, B P Q], which are never stored:
// m is k, n is bpq, the depth is crs.
// Joined with geometry.wgsl (extents), chain.wgsl (chain) and a body, product*.wgsl (main, which calls the loads here).

@group(0) @binding(0) var<storage, read> x: array<f32>; // [B, C, H, W]
@group(0) @binding(1) var<storage, read> w: array<f32>; // [K, C, R, S]
@group(0) @binding(2) var<storage, read_write> y: array<f32>; // [B, K, P, Q]

fn depth(i: u32) -> u32 {
    return CHANNELS * R * S;
}

// A place crs along the depth: the offset of its channel within an image of x, its filter row and column, and itself.
struct Term { channel: u32, r: u32, s: u32, crs: u32 }

fn term_at(i: u32, crs: u32) -> Term {
    return Term(crs / (R * S) * H * W, crs / S % R, crs % S, crs);
}

// A result bpq: the offset of its image in x, and the row and column of the first pixel of its patch. Negative rows and
// columns wrap to large numbers, which are outside x as well.
struct Column { image: u32, top: u32, left: u32 }

fn column_at(i: u32, bpq: u32) -> Column {
    return Column(bpq / (P * Q) * CHANNELS * H * W, bpq / Q % P * STRIDE_H - PAD_H, bpq % Q * STRIDE_W - PAD_W);
}

fn load_a(i: u32, k: u32, term: Term) -> f32 {
    return w[k * CHANNELS * R * S + term.crs];
}

fn load_b(i: u32, term: Term, column: Column) -> f32 {
    let down = column.top + term.r;
    let across = column.left + term.s;
    if down >= H || across >= W {
        return 0.0;
    }
    return x[column.image + term.channel + down * W + across];
}

fn store(i: u32, k: u32, bpq: u32, value: f32) {
    let n = (bpq / (P * Q) * K + k) * P * Q + bpq % (P * Q);
    y[n] = chain(n, value);
}
