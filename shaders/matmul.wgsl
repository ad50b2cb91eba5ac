// y[i, m, n] = chain(sum over k of a[i, m, k] * b[i, k, n])
//
// a is stored as [BATCH, M, K], or with A_TRANSPOSED as [BATCH, K, M]; b as [BATCH, K, N], or with B_TRANSPOSED as
// [BATCH, N, K].
// Work: a batch of products (product.wgsl).
// Joined with chain.wgsl (chain) and a body, product*.wgsl (main, which calls the loads here).

override K: u32 = 1u;
override A_TRANSPOSED: bool = false;
override B_TRANSPOSED: bool = false;

@group(0) @binding(0) var<storage, read> a: array<f32>; // [BATCH, M, K]
@group(0) @binding(1) var<storage, read> b: array<f32>; // [BATCH, K, N]
@group(0) @binding(2) var<storage, read_write> y: array<f32>; // [BATCH, M, N]

fn depth(i: u32) -> u32 {
    return K;
}

alias Term = u32; // k

fn term_at(i: u32, k: u32) -> Term {
    return k;
}

alias Column = u32; // n

fn column_at(i: u32, n: u32) -> Column {
    return n;
}

fn load_a(i: u32, m: u32, k: Term) -> f32 {
    if A_TRANSPOSED {
        return a[(i * K + k) * M + m];
    }
    return a[(i * M + m) * K + k];
}

fn load_b(i: u32, k: Term, n: Column) -> f32 {
    if B_TRANSPOSED {
        return b[(i * N + n) * K + k];
    }
    return b[(i * K + k) * N + n];
}

fn store(i: u32, m: u32, n: u32, value: f32) {
    let at = (i * M + m) * N + n;
    y[at] = chain(at, value);
}
