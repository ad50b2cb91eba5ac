// y[n] = noise from word m % 4 of philox(counter = (m / 4, STREAM, step, 0), key = seed)
//
// m is n, or, in a part of a batch, the number of element n among those of all parts, whose blocks of SPAN elements lie
// in turn. One invocation per four elements. Uniform: 23 bits in the middle of their interval, so never 0 or 1 and
// exact in f32.
// Normal: the inverse distribution function, which wants one word per value and no sine or cosine. Bernoulli:
// uniform < P.
// Joined with philox.wgsl (philox).

override N: u32 = 1u;
override STREAM: u32 = 0u;
override DIST: u32 = 0u;
override P: f32 = 0.5;
override SPAN: u32 = 1u; // elements of a block of rows
override PARTS: u32 = 1u; // parts of the batch

const UNIFORM = 0u;
const NORMAL = 1u; // else Bernoulli

@group(0) @binding(0) var<storage, read> clock: array<u32>; // [4 or 5]: step, seed low, seed high, step as f32, part
@group(0) @binding(1) var<storage, read_write> y: array<f32>; // [N]

fn uniform(bits: u32) -> f32 {
    return (f32(bits >> 9u) + 0.5) * 0x1p-23;
}

// sqrt(2) * erfinv(2u - 1), by Giles' polynomials ("Approximating the erfinv function", GPU Computing Gems, 2010).
fn normal(bits: u32) -> f32 {
    let x = 2.0 * uniform(bits) - 1.0;
    var w = -log((1.0 - x) * (1.0 + x));
    var p = 0.0;
    if w < 5.0 {
        w -= 2.5;
        p = 2.81022636e-08;
        p = 3.43273939e-07 + p * w;
        p = -3.5233877e-06 + p * w;
        p = -4.39150654e-06 + p * w;
        p = 0.00021858087 + p * w;
        p = -0.00125372503 + p * w;
        p = -0.00417768164 + p * w;
        p = 0.246640727 + p * w;
        p = 1.50140941 + p * w;
    } else {
        w = sqrt(w) - 3.0;
        p = -0.000200214257;
        p = 0.000100950558 + p * w;
        p = 0.00134934322 + p * w;
        p = -0.00367342844 + p * w;
        p = 0.00573950773 + p * w;
        p = -0.0076224613 + p * w;
        p = 0.00943887047 + p * w;
        p = 1.00167406 + p * w;
        p = 2.83297682 + p * w;
    }
    return 1.41421356 * (p * x);
}

fn value(bits: u32) -> f32 {
    switch DIST {
        case UNIFORM: { return uniform(bits); }
        case NORMAL: { return normal(bits); }
        default: { return select(0.0, 1.0, uniform(bits) < P); }
    }
}

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) wg: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32,
) {
    let block = (wg.x + wg.y * groups.x) * 256u + lane;
    if PARTS > 1u {
        for (var n = 4u * block; n < min(4u * block + 4u, N); n++) {
            let m = (n / SPAN * PARTS + clock[4]) * SPAN + n % SPAN;
            let words = philox(vec4(m / 4u, STREAM, clock[0], PURPOSE_RANDOM), vec2(clock[1], clock[2]));
            y[n] = value(words[m % 4u]);
        }
        return;
    }
    let bits = philox(vec4(block, STREAM, clock[0], PURPOSE_RANDOM), vec2(clock[1], clock[2]));
    for (var k = 0u; k < 4u; k++) {
        let n = 4u * block + k;
        if n < N {
            y[n] = value(bits[k]);
        }
    }
}
