// A fused chain of pointwise operations, shared by concatenation: chain(n, acc) is its value for element n.
//
// Register 0 is acc, registers 1 to 8 are loads (elements of the operands x0 to x4), register 9 + k is the result of
// instruction k. Pipeline constants describe the whole chain, so that the driver's compiler sees straight-line code.

override LOADS: u32 = 0u;
override LENGTH: u32 = 0u;

@group(0) @binding(8) var<storage, read> x0: array<f32>;
@group(0) @binding(9) var<storage, read> x1: array<f32>;
@group(0) @binding(10) var<storage, read> x2: array<f32>;
@group(0) @binding(11) var<storage, read> x3: array<f32>;
@group(0) @binding(12) var<storage, read> x4: array<f32>;

// Load j takes, for element n, the element OFFSET + the sum of (n / DIV) % EXTENT * STRIDE; with no digits, OFFSET + n.
override X0_OPERAND: u32 = 0u; override X0_OFFSET: u32 = 0u; override X0_DIGITS: u32 = 0u;
override X0_DIV0: u32 = 1u; override X0_EXTENT0: u32 = 1u; override X0_STRIDE0: u32 = 0u;
override X0_DIV1: u32 = 1u; override X0_EXTENT1: u32 = 1u; override X0_STRIDE1: u32 = 0u;
override X0_DIV2: u32 = 1u; override X0_EXTENT2: u32 = 1u; override X0_STRIDE2: u32 = 0u;
override X0_DIV3: u32 = 1u; override X0_EXTENT3: u32 = 1u; override X0_STRIDE3: u32 = 0u;
override X1_OPERAND: u32 = 0u; override X1_OFFSET: u32 = 0u; override X1_DIGITS: u32 = 0u;
override X1_DIV0: u32 = 1u; override X1_EXTENT0: u32 = 1u; override X1_STRIDE0: u32 = 0u;
override X1_DIV1: u32 = 1u; override X1_EXTENT1: u32 = 1u; override X1_STRIDE1: u32 = 0u;
override X1_DIV2: u32 = 1u; override X1_EXTENT2: u32 = 1u; override X1_STRIDE2: u32 = 0u;
override X1_DIV3: u32 = 1u; override X1_EXTENT3: u32 = 1u; override X1_STRIDE3: u32 = 0u;
override X2_OPERAND: u32 = 0u; override X2_OFFSET: u32 = 0u; override X2_DIGITS: u32 = 0u;
override X2_DIV0: u32 = 1u; override X2_EXTENT0: u32 = 1u; override X2_STRIDE0: u32 = 0u;
override X2_DIV1: u32 = 1u; override X2_EXTENT1: u32 = 1u; override X2_STRIDE1: u32 = 0u;
override X2_DIV2: u32 = 1u; override X2_EXTENT2: u32 = 1u; override X2_STRIDE2: u32 = 0u;
override X2_DIV3: u32 = 1u; override X2_EXTENT3: u32 = 1u; override X2_STRIDE3: u32 = 0u;
override X3_OPERAND: u32 = 0u; override X3_OFFSET: u32 = 0u; override X3_DIGITS: u32 = 0u;
override X3_DIV0: u32 = 1u; override X3_EXTENT0: u32 = 1u; override X3_STRIDE0: u32 = 0u;
override X3_DIV1: u32 = 1u; override X3_EXTENT1: u32 = 1u; override X3_STRIDE1: u32 = 0u;
override X3_DIV2: u32 = 1u; override X3_EXTENT2: u32 = 1u; override X3_STRIDE2: u32 = 0u;
override X3_DIV3: u32 = 1u; override X3_EXTENT3: u32 = 1u; override X3_STRIDE3: u32 = 0u;
override X4_OPERAND: u32 = 0u; override X4_OFFSET: u32 = 0u; override X4_DIGITS: u32 = 0u;
override X4_DIV0: u32 = 1u; override X4_EXTENT0: u32 = 1u; override X4_STRIDE0: u32 = 0u;
override X4_DIV1: u32 = 1u; override X4_EXTENT1: u32 = 1u; override X4_STRIDE1: u32 = 0u;
override X4_DIV2: u32 = 1u; override X4_EXTENT2: u32 = 1u; override X4_STRIDE2: u32 = 0u;
override X4_DIV3: u32 = 1u; override X4_EXTENT3: u32 = 1u; override X4_STRIDE3: u32 = 0u;
override X5_OPERAND: u32 = 0u; override X5_OFFSET: u32 = 0u; override X5_DIGITS: u32 = 0u;
override X5_DIV0: u32 = 1u; override X5_EXTENT0: u32 = 1u; override X5_STRIDE0: u32 = 0u;
override X5_DIV1: u32 = 1u; override X5_EXTENT1: u32 = 1u; override X5_STRIDE1: u32 = 0u;
override X5_DIV2: u32 = 1u; override X5_EXTENT2: u32 = 1u; override X5_STRIDE2: u32 = 0u;
override X5_DIV3: u32 = 1u; override X5_EXTENT3: u32 = 1u; override X5_STRIDE3: u32 = 0u;
override X6_OPERAND: u32 = 0u; override X6_OFFSET: u32 = 0u; override X6_DIGITS: u32 = 0u;
override X6_DIV0: u32 = 1u; override X6_EXTENT0: u32 = 1u; override X6_STRIDE0: u32 = 0u;
override X6_DIV1: u32 = 1u; override X6_EXTENT1: u32 = 1u; override X6_STRIDE1: u32 = 0u;
override X6_DIV2: u32 = 1u; override X6_EXTENT2: u32 = 1u; override X6_STRIDE2: u32 = 0u;
override X6_DIV3: u32 = 1u; override X6_EXTENT3: u32 = 1u; override X6_STRIDE3: u32 = 0u;
override X7_OPERAND: u32 = 0u; override X7_OFFSET: u32 = 0u; override X7_DIGITS: u32 = 0u;
override X7_DIV0: u32 = 1u; override X7_EXTENT0: u32 = 1u; override X7_STRIDE0: u32 = 0u;
override X7_DIV1: u32 = 1u; override X7_EXTENT1: u32 = 1u; override X7_STRIDE1: u32 = 0u;
override X7_DIV2: u32 = 1u; override X7_EXTENT2: u32 = 1u; override X7_STRIDE2: u32 = 0u;
override X7_DIV3: u32 = 1u; override X7_EXTENT3: u32 = 1u; override X7_STRIDE3: u32 = 0u;

// Instruction k writes register 9 + k from registers A and B and the immediate C.
override CODE0: u32 = 0u; override A0: u32 = 0u; override B0: u32 = 0u; override C0: f32 = 0.0;
override CODE1: u32 = 0u; override A1: u32 = 0u; override B1: u32 = 0u; override C1: f32 = 0.0;
override CODE2: u32 = 0u; override A2: u32 = 0u; override B2: u32 = 0u; override C2: f32 = 0.0;
override CODE3: u32 = 0u; override A3: u32 = 0u; override B3: u32 = 0u; override C3: f32 = 0.0;
override CODE4: u32 = 0u; override A4: u32 = 0u; override B4: u32 = 0u; override C4: f32 = 0.0;
override CODE5: u32 = 0u; override A5: u32 = 0u; override B5: u32 = 0u; override C5: f32 = 0.0;
override CODE6: u32 = 0u; override A6: u32 = 0u; override B6: u32 = 0u; override C6: f32 = 0.0;
override CODE7: u32 = 0u; override A7: u32 = 0u; override B7: u32 = 0u; override C7: f32 = 0.0;
override CODE8: u32 = 0u; override A8: u32 = 0u; override B8: u32 = 0u; override C8: f32 = 0.0;
override CODE9: u32 = 0u; override A9: u32 = 0u; override B9: u32 = 0u; override C9: f32 = 0.0;
override CODE10: u32 = 0u; override A10: u32 = 0u; override B10: u32 = 0u; override C10: f32 = 0.0;
override CODE11: u32 = 0u; override A11: u32 = 0u; override B11: u32 = 0u; override C11: f32 = 0.0;
override CODE12: u32 = 0u; override A12: u32 = 0u; override B12: u32 = 0u; override C12: f32 = 0.0;
override CODE13: u32 = 0u; override A13: u32 = 0u; override B13: u32 = 0u; override C13: f32 = 0.0;
override CODE14: u32 = 0u; override A14: u32 = 0u; override B14: u32 = 0u; override C14: f32 = 0.0;
override CODE15: u32 = 0u; override A15: u32 = 0u; override B15: u32 = 0u; override C15: f32 = 0.0;
override CODE16: u32 = 0u; override A16: u32 = 0u; override B16: u32 = 0u; override C16: f32 = 0.0;
override CODE17: u32 = 0u; override A17: u32 = 0u; override B17: u32 = 0u; override C17: f32 = 0.0;
override CODE18: u32 = 0u; override A18: u32 = 0u; override B18: u32 = 0u; override C18: f32 = 0.0;
override CODE19: u32 = 0u; override A19: u32 = 0u; override B19: u32 = 0u; override C19: f32 = 0.0;
override CODE20: u32 = 0u; override A20: u32 = 0u; override B20: u32 = 0u; override C20: f32 = 0.0;
override CODE21: u32 = 0u; override A21: u32 = 0u; override B21: u32 = 0u; override C21: f32 = 0.0;
override CODE22: u32 = 0u; override A22: u32 = 0u; override B22: u32 = 0u; override C22: f32 = 0.0;
override CODE23: u32 = 0u; override A23: u32 = 0u; override B23: u32 = 0u; override C23: f32 = 0.0;

fn place(n: u32, offset: u32, digits: u32, div: vec4<u32>, extent: vec4<u32>, stride: vec4<u32>) -> u32 {
    if digits == 0u {
        return offset + n;
    }
    var i = offset + n / div.x % extent.x * stride.x;
    if digits > 1u {
        i += n / div.y % extent.y * stride.y;
    }
    if digits > 2u {
        i += n / div.z % extent.z * stride.z;
    }
    if digits > 3u {
        i += n / div.w % extent.w * stride.w;
    }
    return i;
}

fn element(operand: u32, i: u32) -> f32 {
    switch operand {
        case 0u: { return x0[i]; }
        case 1u: { return x1[i]; }
        case 2u: { return x2[i]; }
        case 3u: { return x3[i]; }
        default: { return x4[i]; }
    }
}

fn load0(n: u32) -> f32 {
    let divs = vec4(X0_DIV0, X0_DIV1, X0_DIV2, X0_DIV3);
    let extents = vec4(X0_EXTENT0, X0_EXTENT1, X0_EXTENT2, X0_EXTENT3);
    let strides = vec4(X0_STRIDE0, X0_STRIDE1, X0_STRIDE2, X0_STRIDE3);
    let i = place(n, X0_OFFSET, X0_DIGITS, divs, extents, strides);
    return element(X0_OPERAND, i);
}

fn load1(n: u32) -> f32 {
    let divs = vec4(X1_DIV0, X1_DIV1, X1_DIV2, X1_DIV3);
    let extents = vec4(X1_EXTENT0, X1_EXTENT1, X1_EXTENT2, X1_EXTENT3);
    let strides = vec4(X1_STRIDE0, X1_STRIDE1, X1_STRIDE2, X1_STRIDE3);
    let i = place(n, X1_OFFSET, X1_DIGITS, divs, extents, strides);
    return element(X1_OPERAND, i);
}

fn load2(n: u32) -> f32 {
    let divs = vec4(X2_DIV0, X2_DIV1, X2_DIV2, X2_DIV3);
    let extents = vec4(X2_EXTENT0, X2_EXTENT1, X2_EXTENT2, X2_EXTENT3);
    let strides = vec4(X2_STRIDE0, X2_STRIDE1, X2_STRIDE2, X2_STRIDE3);
    let i = place(n, X2_OFFSET, X2_DIGITS, divs, extents, strides);
    return element(X2_OPERAND, i);
}

fn load3(n: u32) -> f32 {
    let divs = vec4(X3_DIV0, X3_DIV1, X3_DIV2, X3_DIV3);
    let extents = vec4(X3_EXTENT0, X3_EXTENT1, X3_EXTENT2, X3_EXTENT3);
    let strides = vec4(X3_STRIDE0, X3_STRIDE1, X3_STRIDE2, X3_STRIDE3);
    let i = place(n, X3_OFFSET, X3_DIGITS, divs, extents, strides);
    return element(X3_OPERAND, i);
}

fn load4(n: u32) -> f32 {
    let divs = vec4(X4_DIV0, X4_DIV1, X4_DIV2, X4_DIV3);
    let extents = vec4(X4_EXTENT0, X4_EXTENT1, X4_EXTENT2, X4_EXTENT3);
    let strides = vec4(X4_STRIDE0, X4_STRIDE1, X4_STRIDE2, X4_STRIDE3);
    let i = place(n, X4_OFFSET, X4_DIGITS, divs, extents, strides);
    return element(X4_OPERAND, i);
}

fn load5(n: u32) -> f32 {
    let divs = vec4(X5_DIV0, X5_DIV1, X5_DIV2, X5_DIV3);
    let extents = vec4(X5_EXTENT0, X5_EXTENT1, X5_EXTENT2, X5_EXTENT3);
    let strides = vec4(X5_STRIDE0, X5_STRIDE1, X5_STRIDE2, X5_STRIDE3);
    let i = place(n, X5_OFFSET, X5_DIGITS, divs, extents, strides);
    return element(X5_OPERAND, i);
}

fn load6(n: u32) -> f32 {
    let divs = vec4(X6_DIV0, X6_DIV1, X6_DIV2, X6_DIV3);
    let extents = vec4(X6_EXTENT0, X6_EXTENT1, X6_EXTENT2, X6_EXTENT3);
    let strides = vec4(X6_STRIDE0, X6_STRIDE1, X6_STRIDE2, X6_STRIDE3);
    let i = place(n, X6_OFFSET, X6_DIGITS, divs, extents, strides);
    return element(X6_OPERAND, i);
}

fn load7(n: u32) -> f32 {
    let divs = vec4(X7_DIV0, X7_DIV1, X7_DIV2, X7_DIV3);
    let extents = vec4(X7_EXTENT0, X7_EXTENT1, X7_EXTENT2, X7_EXTENT3);
    let strides = vec4(X7_STRIDE0, X7_STRIDE1, X7_STRIDE2, X7_STRIDE3);
    let i = place(n, X7_OFFSET, X7_DIGITS, divs, extents, strides);
    return element(X7_OPERAND, i);
}

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

// The value of one instruction. The codes are those of `Code` in chain.rs.
fn step_value(code: u32, a: f32, b: f32, c: f32) -> f32 {
    switch code {
        case 0u: { return a + b; }
        case 1u: { return a * b; }
        case 2u: { return a + c; }
        case 3u: { return a * c; }
        case 4u: { return a - b; }
        case 5u: { return exp(a); }
        case 6u: { return log(a); }
        case 7u: { return sqrt(a); }
        case 8u: { return 1.0 / a; }
        case 9u: { return tanh_all(a); }
        case 10u: { return 1.0 / (1.0 + exp(-a)); }
        case 11u: { return max(a, 0.0) + log_1p(exp(-abs(a))); }
        case 12u: { return select(0.0, 1.0, a > 0.0); }
        case 13u: { return abs(a); }
        case 14u: { return sin(a); }
        case 15u: { return cos(a); }
        case 16u: { return leaky(a, a, c); }
        case 17u: { return within(a, c); }
        case 18u: { return leaky(a, b, c); }
        default: { return c; }
    }
}

fn chain(n: u32, acc: f32) -> f32 {
    var r: array<f32, 33>;
    r[0] = acc;
    if LOADS > 0u { r[1] = load0(n); }
    if LOADS > 1u { r[2] = load1(n); }
    if LOADS > 2u { r[3] = load2(n); }
    if LOADS > 3u { r[4] = load3(n); }
    if LOADS > 4u { r[5] = load4(n); }
    if LOADS > 5u { r[6] = load5(n); }
    if LOADS > 6u { r[7] = load6(n); }
    if LOADS > 7u { r[8] = load7(n); }
    if LENGTH == 0u { return acc; }
    r[9] = step_value(CODE0, r[A0], r[B0], C0);
    if LENGTH == 1u { return r[9]; }
    r[10] = step_value(CODE1, r[A1], r[B1], C1);
    if LENGTH == 2u { return r[10]; }
    r[11] = step_value(CODE2, r[A2], r[B2], C2);
    if LENGTH == 3u { return r[11]; }
    r[12] = step_value(CODE3, r[A3], r[B3], C3);
    if LENGTH == 4u { return r[12]; }
    r[13] = step_value(CODE4, r[A4], r[B4], C4);
    if LENGTH == 5u { return r[13]; }
    r[14] = step_value(CODE5, r[A5], r[B5], C5);
    if LENGTH == 6u { return r[14]; }
    r[15] = step_value(CODE6, r[A6], r[B6], C6);
    if LENGTH == 7u { return r[15]; }
    r[16] = step_value(CODE7, r[A7], r[B7], C7);
    if LENGTH == 8u { return r[16]; }
    r[17] = step_value(CODE8, r[A8], r[B8], C8);
    if LENGTH == 9u { return r[17]; }
    r[18] = step_value(CODE9, r[A9], r[B9], C9);
    if LENGTH == 10u { return r[18]; }
    r[19] = step_value(CODE10, r[A10], r[B10], C10);
    if LENGTH == 11u { return r[19]; }
    r[20] = step_value(CODE11, r[A11], r[B11], C11);
    if LENGTH == 12u { return r[20]; }
    r[21] = step_value(CODE12, r[A12], r[B12], C12);
    if LENGTH == 13u { return r[21]; }
    r[22] = step_value(CODE13, r[A13], r[B13], C13);
    if LENGTH == 14u { return r[22]; }
    r[23] = step_value(CODE14, r[A14], r[B14], C14);
    if LENGTH == 15u { return r[23]; }
    r[24] = step_value(CODE15, r[A15], r[B15], C15);
    if LENGTH == 16u { return r[24]; }
    r[25] = step_value(CODE16, r[A16], r[B16], C16);
    if LENGTH == 17u { return r[25]; }
    r[26] = step_value(CODE17, r[A17], r[B17], C17);
    if LENGTH == 18u { return r[26]; }
    r[27] = step_value(CODE18, r[A18], r[B18], C18);
    if LENGTH == 19u { return r[27]; }
    r[28] = step_value(CODE19, r[A19], r[B19], C19);
    if LENGTH == 20u { return r[28]; }
    r[29] = step_value(CODE20, r[A20], r[B20], C20);
    if LENGTH == 21u { return r[29]; }
    r[30] = step_value(CODE21, r[A21], r[B21], C21);
    if LENGTH == 22u { return r[30]; }
    r[31] = step_value(CODE22, r[A22], r[B22], C22);
    if LENGTH == 23u { return r[31]; }
    r[32] = step_value(CODE23, r[A23], r[B23], C23);
    return r[32];
}
