// Matrices of 8 x 8 in single precision, the format of Apple's matrix units.

enable wgpu_cooperative_matrix;

const SIDE: u32 = 8u;

alias Element = f32;
alias Left = coop_mat8x8<f32, A>;
alias Right = coop_mat8x8<f32, B>;
alias Sums = coop_mat8x8<f32, C>;

fn rounded(x: f32) -> Element {
    return x;
}
