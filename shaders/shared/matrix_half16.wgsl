// Matrices of 16 x 16 in half precision, whose products are added in single precision.

enable f16;
enable wgpu_cooperative_matrix;

const SIDE: u32 = 16u;
const LARGEST: f32 = 65504.0;

alias Element = f16;
alias Left = coop_mat16x16<f16, A>;
alias Right = coop_mat16x16<f16, B>;
alias Sums = coop_mat16x16<f32, C>;

// Values too large for f16 become the largest f16 number rather than infinity.
fn rounded(x: f32) -> Element {
    return f16(clamp(x, -LARGEST, LARGEST));
}
