// Philox4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", 2011): four random words
// for each counter and key, without state; shared by concatenation. The last word of the counter is the purpose, so
// that kernels have different streams.

const PURPOSE_RANDOM = 0u;
const PURPOSE_GATHER = 1u;
const PURPOSE_MIRROR = 4u;

// The upper half of the 64-bit product, from halves of 16 bits; no sum here can overflow.
fn mulhi(a: u32, b: u32) -> u32 {
    let a0 = a & 0xffffu;
    let a1 = a >> 16u;
    let b0 = b & 0xffffu;
    let b1 = b >> 16u;
    let low = a1 * b0 + ((a0 * b0) >> 16u);
    let high = a0 * b1 + (low & 0xffffu);
    return a1 * b1 + (low >> 16u) + (high >> 16u);
}

fn philox(counter: vec4u, key: vec2u) -> vec4u {
    var c = counter;
    var k = key;
    for (var round = 0u; round < 10u; round++) {
        c = vec4(
            mulhi(0xCD9E8D57u, c.z) ^ c.y ^ k.x,
            0xCD9E8D57u * c.z,
            mulhi(0xD2511F53u, c.x) ^ c.w ^ k.y,
            0xD2511F53u * c.x,
        );
        k += vec2(0x9E3779B9u, 0xBB67AE85u);
    }
    return c;
}
