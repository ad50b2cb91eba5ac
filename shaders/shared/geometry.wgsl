// The extents of a convolution, shared by concatenation: x [B, C, H, W], w [K, C, R, S], y [B, K, P, Q], with
//
//     y[b, k, p, q] = sum over c, r, s of x[b, c, p * STRIDE_H + r - PAD_H, q * STRIDE_W + s - PAD_W] * w[k, c, r, s]
//
// x is zero outside its extents.

// B and C, which the matrices of product_matrix.wgsl take as names.
override IMAGES: u32 = 1u;
override CHANNELS: u32 = 1u;
override H: u32 = 1u;
override W: u32 = 1u;
override K: u32 = 1u;
override R: u32 = 1u;
override S: u32 = 1u;
override P: u32 = 1u;
override Q: u32 = 1u;
override STRIDE_H: u32 = 1u;
override STRIDE_W: u32 = 1u;
override PAD_H: u32 = 0u;
override PAD_W: u32 = 0u;
