// x[b, c, h, w] = chain(sum over k, r, s of y[b, k, p, q] * w[k, c, r, s],
//                       where p * STRIDE_H + r - PAD_H = h and q * STRIDE_W + s - PAD_W = w)
//
// The adjoint of conv2d in x. Pixels whose h + PAD_H has the same remainder by STRIDE_H meet the same filter rows:
// those with that remainder. The same holds across. So the image falls into STRIDE_H * STRIDE_W phases, each a dense
// convolution:
//
//     phase (i, j)     h = u * STRIDE_H + i - PAD_H,  r = t * STRIDE_H + i,  p = u - t
//
// Work: a batch of products (product.wgsl), one per phase, of the phase's filter taps [C, K T_R T_S] with the patches
// [K T_R T_S, B U V], where a phase has U pixels down and V across: m is c, n is buv.
// Joined with geometry.wgsl (extents), chain.wgsl (chain) and a body, product*.wgsl (main, which calls the loads here).

override U: u32 = (H + STRIDE_H - 1u) / STRIDE_H;
override V: u32 = (W + STRIDE_W - 1u) / STRIDE_W;

@group(0) @binding(0) var<storage, read> y: array<f32>; // [B, K, P, Q]
@group(0) @binding(1) var<storage, read> w: array<f32>; // [K, C, R, S]
@group(0) @binding(2) var<storage, read_write> x: array<f32>; // [B, C, H, W]

// The first filter row and column of a phase.
fn phase(number: u32) -> vec2u {
    return vec2u(number / STRIDE_W, number % STRIDE_W);
}

// Number of filter rows and columns of a phase: R / STRIDE_H and S / STRIDE_W, rounded down or up.
fn taps(first: vec2u) -> vec2u {
    return vec2u(R, S) / vec2u(STRIDE_H, STRIDE_W) + vec2u(first < vec2u(R, S) % vec2u(STRIDE_H, STRIDE_W));
}

// The first u of a phase that lies in the image: the smallest with u * stride + first >= pad.
fn start(first: vec2u) -> vec2u {
    let stride = vec2u(STRIDE_H, STRIDE_W);
    return (max(vec2u(PAD_H, PAD_W), first) - first + stride - 1u) / stride;
}

// value / divisor, where divisor is low or low + 1: compilers turn a division by a constant into a multiplication.
fn divide(value: u32, divisor: u32, low: u32) -> u32 {
    if divisor == low {
        return value / max(low, 1u);
    }
    return value / (low + 1u);
}

// (k, t_r, t_s) of a place along the product's depth, the last running fastest.
fn tap(place: u32, taps: vec2u) -> vec3u {
    let row = divide(place, taps.y, S / STRIDE_W);
    let k = divide(row, taps.x, R / STRIDE_H);
    return vec3u(k, row - k * taps.x, place - row * taps.y);
}

fn depth(i: u32) -> u32 {
    let t = taps(phase(i));
    return K * t.x * t.y;
}

// A place along the depth: the offset of its channel within an image of y, its t_r and t_s, and its offset in w.
struct Term { channel: u32, t_r: u32, t_s: u32, in_w: u32 }

fn term_at(i: u32, place: u32) -> Term {
    let first = phase(i);
    let t = tap(place, taps(first));
    let r = t.y * STRIDE_H + first.x;
    let s = t.z * STRIDE_W + first.y;
    return Term(t.x * P * Q, t.y, t.z, (t.x * CHANNELS * R + r) * S + s);
}

// A pixel buv of a phase: the offset of its image in y, and the p and q that its first taps meet.
struct Column { image: u32, p: u32, q: u32 }

fn column_at(i: u32, buv: u32) -> Column {
    let first = start(phase(i));
    return Column(buv / (U * V) * K * P * Q, buv / V % U + first.x, buv % V + first.y);
}

fn load_a(i: u32, c: u32, term: Term) -> f32 {
    return w[term.in_w + c * R * S];
}

fn load_b(i: u32, term: Term, column: Column) -> f32 {
    // Negative p and q wrap to large numbers, which are outside y as well.
    let p = column.p - term.t_r;
    let q = column.q - term.t_s;
    if p >= P || q >= Q {
        return 0.0;
    }
    return y[column.image + term.channel + p * Q + q];
}

fn store(i: u32, c: u32, buv: u32, value: f32) {
    let first = phase(i);
    let b = buv / (U * V);
    let h = (buv / V % U + start(first).x) * STRIDE_H + first.x - PAD_H;
    let w = (buv % V + start(first).y) * STRIDE_W + first.y - PAD_W;
    if h < H && w < W {
        let n = ((b * CHANNELS + c) * H + h) * W + w;
        x[n] = chain(n, value);
    }
}
