//! Elementary functions that the compiler can vectorise: no branches, no calls. Accurate to a few units in the last
//! place. Call them where the processor's vectors are in use (`Arch::dispatch`): elsewhere a fused multiply-add is a
//! call.

use std::f32::consts::LOG2_E;

/// e^x = m * 2^k, for x that need no more than two factors for 2^k: m by the polynomial of Cephes' `expf`, and k.
#[inline(always)]
fn exp_parts(x: f32) -> (f32, i32) {
    // Adding 1.5 * 2^23 rounds to an integer and leaves it in the low bits: a cast would be one element at a time.
    let shifted = x.mul_add(LOG2_E, 12_582_912.0);
    let (k, whole) = (shifted - 12_582_912.0, shifted.to_bits() as i32 - 0x4b40_0000);
    // |r| <= ln(2)/2
    let r = k.mul_add(2.121_944_4e-4, k.mul_add(-0.693_359_4, x));
    let p = 1.987_569_2e-4_f32;
    let p = p.mul_add(r, 1.398_199_9e-3);
    let p = p.mul_add(r, 8.333_452e-3);
    let p = p.mul_add(r, 4.166_579_6e-2);
    let p = p.mul_add(r, 1.666_666_5e-1);
    let p = p.mul_add(r, 5e-1);
    (p.mul_add(r * r, r) + 1.0, whole)
}

/// 2^k for k in -126..=127.
#[inline(always)]
fn power(k: i32) -> f32 {
    f32::from_bits(((k + 127) << 23) as u32)
}

/// x within these bounds; NaN stays NaN.
#[inline(always)]
pub fn within(x: f32, least: f32, most: f32) -> f32 {
    let x = if x < least { least } else { x };
    if x > most { most } else { x }
}

/// e^x.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    // Beyond these the result is 0 or infinity.
    let (m, k) = exp_parts(within(x, -87.3, 88.7));
    // 2^k in two factors, as k may be 128.
    let half = k >> 1;
    let e = m * power(half) * power(k - half);
    let e = if x > 88.722_84 { f32::INFINITY } else { e };
    if x < -103.9 { 0.0 } else { e }
}

/// ln x for x > 0: the exponent plus a polynomial on [sqrt(1/2), sqrt(2)) (Cephes' `logf`).
#[inline(always)]
pub fn ln(x: f32) -> f32 {
    let bits = x.to_bits() as i32;
    // Exponent such that the mantissa lies in [sqrt(1/2), sqrt(2)).
    let shifted = bits - 0x3f35_04f3;
    let k = shifted >> 23;
    let m = f32::from_bits((bits - (k << 23)) as u32) - 1.0;
    let p = 7.037_683_6e-2_f32;
    let p = p.mul_add(m, -1.151_461e-1);
    let p = p.mul_add(m, 1.167_699_84e-1);
    let p = p.mul_add(m, -1.242_014_1e-1);
    let p = p.mul_add(m, 1.424_932_3e-1);
    let p = p.mul_add(m, -1.666_805_8e-1);
    let p = p.mul_add(m, 2.000_071_5e-1);
    let p = p.mul_add(m, -2.499_999_4e-1);
    let p = p.mul_add(m, 3.333_333e-1);
    let k = k as f32;
    let y = (m * m * m).mul_add(p, -2.121_944_4e-4 * k) - 0.5 * m * m;
    let y = k.mul_add(0.693_359_4, y + m);
    let y = if x == 0.0 { f32::NEG_INFINITY } else { y };
    let y = if x == f32::INFINITY { x } else { y };
    if x < 0.0 || x.is_nan() { f32::NAN } else { y }
}

/// tanh x: an odd polynomial near 0, 1 - 2 / (e^2x + 1) elsewhere (Cephes' `tanhf`).
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    let a = x.abs();
    // From 10 on it is 1.
    let (m, k) = exp_parts(2.0 * within(a, 0.0, 10.0));
    let far = 1.0 - 2.0 / m.mul_add(power(k), 1.0);
    let s = x * x;
    let p = -5.704_988_7e-3_f32;
    let p = p.mul_add(s, 2.063_909e-2);
    let p = p.mul_add(s, -5.373_971e-2);
    let p = p.mul_add(s, 1.333_144_2e-1);
    let p = p.mul_add(s, -3.333_328e-1);
    let near = (p * s).mul_add(x, x);
    if a < 0.625 { near } else { far.copysign(x) }
}

/// 1 / (1 + e^-x).
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    // Beyond these it is 0 or 1.
    let (m, k) = exp_parts(within(-x, -87.3, 88.0));
    let y = 1.0 / m.mul_add(power(k), 1.0);
    if x < -88.0 { 0.0 } else { y }
}

/// ln(1 + e^x).
#[inline(always)]
pub fn softplus(x: f32) -> f32 {
    let e = exp(-x.abs());
    // ln(1 + e) loses e's low bits in 1 + e; the second term puts them back.
    let u = 1.0 + e;
    let positive = if x > 0.0 { x } else { 0.0 };
    let tail = ln(u) + (e - (u - 1.0)) / u;
    if x.is_nan() { x } else { positive + tail }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worst(f: fn(f32) -> f32, exact: fn(f64) -> f64, from: f32, to: f32, floor: f64) -> f64 {
        let n = 200_000;
        let error = |i: usize| {
            let x = from + (to - from) * i as f32 / n as f32;
            let e = exact(x as f64);
            (f(x) as f64 - e).abs() / e.abs().max(floor) / f32::EPSILON as f64
        };
        (0..=n).map(error).fold(0.0, f64::max)
    }

    #[test]
    fn all_are_within_a_few_units_in_the_last_place() {
        assert!(worst(exp, f64::exp, -87.0, 88.0, 0.0) < 3.0);
        assert!(worst(ln, f64::ln, 1e-3, 50.0, 0.1) < 3.0);
        assert!(worst(tanh, f64::tanh, -12.0, 12.0, 1e-30) < 4.0);
        assert!(worst(sigmoid, |x| 1.0 / (1.0 + (-x).exp()), -80.0, 80.0, 0.0) < 5.0);
        assert!(worst(softplus, |x| x.max(0.0) + (-x.abs()).exp().ln_1p(), -80.0, 80.0, 0.0) < 5.0);
    }

    #[test]
    fn the_ends_behave() {
        assert_eq!(exp(-1e9), 0.0);
        assert_eq!(exp(f32::NEG_INFINITY), 0.0);
        assert!(exp(f32::NAN).is_nan() && ln(-1.0).is_nan() && tanh(f32::NAN).is_nan() && softplus(f32::NAN).is_nan());
        assert_eq!((ln(0.0), ln(1.0)), (f32::NEG_INFINITY, 0.0));
        assert_eq!((tanh(100.0), tanh(-100.0), softplus(1000.0), sigmoid(-1000.0)), (1.0, -1.0, 1000.0, 0.0));
    }
}
