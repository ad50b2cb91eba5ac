// y[i, m, n] = chain(sum over k of a[i, m, k] * b[i, k, n])
//
// a is stored as [BATCH, M, K], or with A_TRANSPOSED as [BATCH, K, M]; b as [BATCH, K, N], or with B_TRANSPOSED as
// [BATCH, N, K].
// Work: a batch of products (product.wgsl).

override K: u32 = 1u;
override A_TRANSPOSED: bool = false;
override B_TRANSPOSED: bool = false;

@group(0) @binding(0) var<storage, read> a: array<f32>; // [BATCH, M, K]
@group(0) @binding(1) var<storage, read> b: array<f32>; // [BATCH, K, N]
@group(0) @binding(2) var<storage, read_write> y: array<f32>; // [BATCH, M, N]

fn depth(i: u32) -> u32 {
    return K;
}

fn term(i: u32, k: u32) -> vec4u {
    return vec4u(k);
}

fn column(i: u32, n: u32) -> vec3u {
    return vec3u(n);
}

fn load_a(i: u32, m: u32, term: vec4u) -> f32 {
    let k = term.x;
    if A_TRANSPOSED {
        return a[(i * K + k) * M + m];
    }
    return a[(i * M + m) * K + k];
}

fn load_b(i: u32, term: vec4u, column: vec3u) -> f32 {
    let k = term.x;
    let n = column.x;
    if B_TRANSPOSED {
        return b[(i * N + n) * K + k];
    }
    return b[(i * K + k) * N + n];
}

fn store(i: u32, m: u32, n: u32, value: f32) {
    let at = (i * M + m) * N + n;
    y[at] = chain(at, value);
}
