// What fused chains of pointwise operations are made of, shared by concatenation. `Chain::wgsl` writes the function
// `chain` after this file: its value for element n, of the accumulator acc and elements of the operands x0 to x4.

@group(0) @binding(8) var<storage, read> x0: array<f32>;
@group(0) @binding(9) var<storage, read> x1: array<f32>;
@group(0) @binding(10) var<storage, read> x2: array<f32>;
@group(0) @binding(11) var<storage, read> x3: array<f32>;
@group(0) @binding(12) var<storage, read> x4: array<f32>;

// a limited to -most..most. NaN stays NaN on drivers that support NaN; `clamp` and `min` do not promise this anywhere.
fn within(a: f32, most: f32) -> f32 {
    return select(select(a, most, a > most), -most, a < -most);
}

// a, or c * a if sign is 0 or less; c = 0 gives 0, also for an infinite a.
fn leaky(a: f32, sign: f32, c: f32) -> f32 {
    return select(a, select(c * a, 0.0, c == 0.0), sign <= 0.0);
}

// tanh. Its error near 0 is absolute, hence a series there; for large a, it is NaN on some drivers, hence the limits.
fn tanh_all(a: f32) -> f32 {
    let s = a * a;
    return select(tanh(within(a, 10.0)), a * (1.0 - s * (1.0 / 3.0 - s * (2.0 / 15.0))), s < 0.01);
}

// ln(1 + e) for 0 <= e <= 1. The error of a logarithm near 1 is absolute, hence a series for small e.
fn log_1p(e: f32) -> f32 {
    return select(log(1.0 + e), e * (1.0 - e * (0.5 - e * (1.0 / 3.0))), e < 0.01);
}

// ln(1 + e^a).
fn softplus(a: f32) -> f32 {
    return max(a, 0.0) + log_1p(exp(-abs(a)));
}
