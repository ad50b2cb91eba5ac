// A fused chain of pointwise operations, shared by concatenation: chain(n, acc) is its value for element n.
//
// Register 0 is acc, registers 1 to 5 are the operands x0 to x4 at element n, register 6 + k is instruction k.
// All of it is pipeline constants, so that the driver's compiler sees straight code.

override OPERANDS: u32 = 0u;
override LENGTH: u32 = 0u;

@group(0) @binding(8) var<storage, read> x0: array<f32>;
@group(0) @binding(9) var<storage, read> x1: array<f32>;
@group(0) @binding(10) var<storage, read> x2: array<f32>;
@group(0) @binding(11) var<storage, read> x3: array<f32>;
@group(0) @binding(12) var<storage, read> x4: array<f32>;

// Operand j of element n is at OFFSET + the sum of (n / DIV) % EXTENT * STRIDE; with no digits, at OFFSET + n.
override X0_OFFSET: u32 = 0u; override X0_DIGITS: u32 = 0u;
override X0_DIV0: u32 = 1u; override X0_EXTENT0: u32 = 1u; override X0_STRIDE0: u32 = 0u;
override X0_DIV1: u32 = 1u; override X0_EXTENT1: u32 = 1u; override X0_STRIDE1: u32 = 0u;
override X0_DIV2: u32 = 1u; override X0_EXTENT2: u32 = 1u; override X0_STRIDE2: u32 = 0u;
override X0_DIV3: u32 = 1u; override X0_EXTENT3: u32 = 1u; override X0_STRIDE3: u32 = 0u;
override X1_OFFSET: u32 = 0u; override X1_DIGITS: u32 = 0u;
override X1_DIV0: u32 = 1u; override X1_EXTENT0: u32 = 1u; override X1_STRIDE0: u32 = 0u;
override X1_DIV1: u32 = 1u; override X1_EXTENT1: u32 = 1u; override X1_STRIDE1: u32 = 0u;
override X1_DIV2: u32 = 1u; override X1_EXTENT2: u32 = 1u; override X1_STRIDE2: u32 = 0u;
override X1_DIV3: u32 = 1u; override X1_EXTENT3: u32 = 1u; override X1_STRIDE3: u32 = 0u;
override X2_OFFSET: u32 = 0u; override X2_DIGITS: u32 = 0u;
override X2_DIV0: u32 = 1u; override X2_EXTENT0: u32 = 1u; override X2_STRIDE0: u32 = 0u;
override X2_DIV1: u32 = 1u; override X2_EXTENT1: u32 = 1u; override X2_STRIDE1: u32 = 0u;
override X2_DIV2: u32 = 1u; override X2_EXTENT2: u32 = 1u; override X2_STRIDE2: u32 = 0u;
override X2_DIV3: u32 = 1u; override X2_EXTENT3: u32 = 1u; override X2_STRIDE3: u32 = 0u;
override X3_OFFSET: u32 = 0u; override X3_DIGITS: u32 = 0u;
override X3_DIV0: u32 = 1u; override X3_EXTENT0: u32 = 1u; override X3_STRIDE0: u32 = 0u;
override X3_DIV1: u32 = 1u; override X3_EXTENT1: u32 = 1u; override X3_STRIDE1: u32 = 0u;
override X3_DIV2: u32 = 1u; override X3_EXTENT2: u32 = 1u; override X3_STRIDE2: u32 = 0u;
override X3_DIV3: u32 = 1u; override X3_EXTENT3: u32 = 1u; override X3_STRIDE3: u32 = 0u;
override X4_OFFSET: u32 = 0u; override X4_DIGITS: u32 = 0u;
override X4_DIV0: u32 = 1u; override X4_EXTENT0: u32 = 1u; override X4_STRIDE0: u32 = 0u;
override X4_DIV1: u32 = 1u; override X4_EXTENT1: u32 = 1u; override X4_STRIDE1: u32 = 0u;
override X4_DIV2: u32 = 1u; override X4_EXTENT2: u32 = 1u; override X4_STRIDE2: u32 = 0u;
override X4_DIV3: u32 = 1u; override X4_EXTENT3: u32 = 1u; override X4_STRIDE3: u32 = 0u;

// Instruction k writes register 6 + k from registers A and B and the immediate C.
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

// The digit of n that counts EXTENT values of DIV elements each.
fn digit(n: u32, div: u32, extent: u32, stride: u32) -> u32 {
    return n / div % extent * stride;
}

fn index0(n: u32) -> u32 {
    if X0_DIGITS == 0u {
        return X0_OFFSET + n;
    }
    var i = X0_OFFSET + digit(n, X0_DIV0, X0_EXTENT0, X0_STRIDE0);
    if X0_DIGITS > 1u {
        i += digit(n, X0_DIV1, X0_EXTENT1, X0_STRIDE1);
    }
    if X0_DIGITS > 2u {
        i += digit(n, X0_DIV2, X0_EXTENT2, X0_STRIDE2);
    }
    if X0_DIGITS > 3u {
        i += digit(n, X0_DIV3, X0_EXTENT3, X0_STRIDE3);
    }
    return i;
}

fn index1(n: u32) -> u32 {
    if X1_DIGITS == 0u {
        return X1_OFFSET + n;
    }
    var i = X1_OFFSET + digit(n, X1_DIV0, X1_EXTENT0, X1_STRIDE0);
    if X1_DIGITS > 1u {
        i += digit(n, X1_DIV1, X1_EXTENT1, X1_STRIDE1);
    }
    if X1_DIGITS > 2u {
        i += digit(n, X1_DIV2, X1_EXTENT2, X1_STRIDE2);
    }
    if X1_DIGITS > 3u {
        i += digit(n, X1_DIV3, X1_EXTENT3, X1_STRIDE3);
    }
    return i;
}

fn index2(n: u32) -> u32 {
    if X2_DIGITS == 0u {
        return X2_OFFSET + n;
    }
    var i = X2_OFFSET + digit(n, X2_DIV0, X2_EXTENT0, X2_STRIDE0);
    if X2_DIGITS > 1u {
        i += digit(n, X2_DIV1, X2_EXTENT1, X2_STRIDE1);
    }
    if X2_DIGITS > 2u {
        i += digit(n, X2_DIV2, X2_EXTENT2, X2_STRIDE2);
    }
    if X2_DIGITS > 3u {
        i += digit(n, X2_DIV3, X2_EXTENT3, X2_STRIDE3);
    }
    return i;
}

fn index3(n: u32) -> u32 {
    if X3_DIGITS == 0u {
        return X3_OFFSET + n;
    }
    var i = X3_OFFSET + digit(n, X3_DIV0, X3_EXTENT0, X3_STRIDE0);
    if X3_DIGITS > 1u {
        i += digit(n, X3_DIV1, X3_EXTENT1, X3_STRIDE1);
    }
    if X3_DIGITS > 2u {
        i += digit(n, X3_DIV2, X3_EXTENT2, X3_STRIDE2);
    }
    if X3_DIGITS > 3u {
        i += digit(n, X3_DIV3, X3_EXTENT3, X3_STRIDE3);
    }
    return i;
}

fn index4(n: u32) -> u32 {
    if X4_DIGITS == 0u {
        return X4_OFFSET + n;
    }
    var i = X4_OFFSET + digit(n, X4_DIV0, X4_EXTENT0, X4_STRIDE0);
    if X4_DIGITS > 1u {
        i += digit(n, X4_DIV1, X4_EXTENT1, X4_STRIDE1);
    }
    if X4_DIGITS > 2u {
        i += digit(n, X4_DIV2, X4_EXTENT2, X4_STRIDE2);
    }
    if X4_DIGITS > 3u {
        i += digit(n, X4_DIV3, X4_EXTENT3, X4_STRIDE3);
    }
    return i;
}

// tanh, whose error near 0 is absolute, hence a series there, and which is NaN far out on some drivers.
fn tanh_all(a: f32) -> f32 {
    let s = a * a;
    return select(tanh(clamp(a, -10.0, 10.0)), a * (1.0 - s * (1.0 / 3.0 - s * (2.0 / 15.0))), s < 0.01);
}

// ln(1 + e) for 0 <= e <= 1. The error of a logarithm near 1 is absolute, hence a series for small e.
fn log_1p(e: f32) -> f32 {
    return select(log(1.0 + e), e * (1.0 - e * (0.5 - e * (1.0 / 3.0))), e < 0.01);
}

// One instruction. Numbers are those of `Code` in chain.rs.
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
        case 16u: { return select(c * a, a, a > 0.0); }
        case 17u: { return min(max(a, -c), c); }
        case 18u: { return select(c * a, a, b > 0.0); }
        default: { return c; }
    }
}

fn chain(n: u32, acc: f32) -> f32 {
    var r: array<f32, 30>;
    r[0] = acc;
    if OPERANDS > 0u { r[1] = x0[index0(n)]; }
    if OPERANDS > 1u { r[2] = x1[index1(n)]; }
    if OPERANDS > 2u { r[3] = x2[index2(n)]; }
    if OPERANDS > 3u { r[4] = x3[index3(n)]; }
    if OPERANDS > 4u { r[5] = x4[index4(n)]; }
    if LENGTH == 0u { return acc; }
    r[6] = step_value(CODE0, r[A0], r[B0], C0);
    if LENGTH == 1u { return r[6]; }
    r[7] = step_value(CODE1, r[A1], r[B1], C1);
    if LENGTH == 2u { return r[7]; }
    r[8] = step_value(CODE2, r[A2], r[B2], C2);
    if LENGTH == 3u { return r[8]; }
    r[9] = step_value(CODE3, r[A3], r[B3], C3);
    if LENGTH == 4u { return r[9]; }
    r[10] = step_value(CODE4, r[A4], r[B4], C4);
    if LENGTH == 5u { return r[10]; }
    r[11] = step_value(CODE5, r[A5], r[B5], C5);
    if LENGTH == 6u { return r[11]; }
    r[12] = step_value(CODE6, r[A6], r[B6], C6);
    if LENGTH == 7u { return r[12]; }
    r[13] = step_value(CODE7, r[A7], r[B7], C7);
    if LENGTH == 8u { return r[13]; }
    r[14] = step_value(CODE8, r[A8], r[B8], C8);
    if LENGTH == 9u { return r[14]; }
    r[15] = step_value(CODE9, r[A9], r[B9], C9);
    if LENGTH == 10u { return r[15]; }
    r[16] = step_value(CODE10, r[A10], r[B10], C10);
    if LENGTH == 11u { return r[16]; }
    r[17] = step_value(CODE11, r[A11], r[B11], C11);
    if LENGTH == 12u { return r[17]; }
    r[18] = step_value(CODE12, r[A12], r[B12], C12);
    if LENGTH == 13u { return r[18]; }
    r[19] = step_value(CODE13, r[A13], r[B13], C13);
    if LENGTH == 14u { return r[19]; }
    r[20] = step_value(CODE14, r[A14], r[B14], C14);
    if LENGTH == 15u { return r[20]; }
    r[21] = step_value(CODE15, r[A15], r[B15], C15);
    if LENGTH == 16u { return r[21]; }
    r[22] = step_value(CODE16, r[A16], r[B16], C16);
    if LENGTH == 17u { return r[22]; }
    r[23] = step_value(CODE17, r[A17], r[B17], C17);
    if LENGTH == 18u { return r[23]; }
    r[24] = step_value(CODE18, r[A18], r[B18], C18);
    if LENGTH == 19u { return r[24]; }
    r[25] = step_value(CODE19, r[A19], r[B19], C19);
    if LENGTH == 20u { return r[25]; }
    r[26] = step_value(CODE20, r[A20], r[B20], C20);
    if LENGTH == 21u { return r[26]; }
    r[27] = step_value(CODE21, r[A21], r[B21], C21);
    if LENGTH == 22u { return r[27]; }
    r[28] = step_value(CODE22, r[A22], r[B22], C22);
    if LENGTH == 23u { return r[28]; }
    r[29] = step_value(CODE23, r[A23], r[B23], C23);
    return r[29];
}
