//! Names of kernels and of their shapes, for people.

use super::{Conv2d, Conv2dFilter, ConvTranspose2d, Gru, GruGrad, Kernel, Lstm, LstmGrad};

impl Kernel {
    /// The kernel's name; for a matrix product also which factors are transposed, as in gradients.
    pub fn form(&self) -> String {
        match self {
            Kernel::MatMul(k) => {
                let transposed = |transposed| if transposed { "T" } else { "" };
                format!("matmul a{} b{}", transposed(k.a_transposed), transposed(k.b_transposed))
            }
            kernel => kernel.name().into(),
        }
    }

    /// The shape of the kernel's problem, as a short text.
    pub fn extents(&self) -> String {
        let folded = |outer: &[(usize, usize)], inner: &[(usize, usize)]| {
            let [outer, inner] = [outer, inner].map(|axes| axes.iter().map(|axis| axis.0).product::<usize>());
            format!("{outer} of {inner}")
        };
        match self {
            Kernel::MatMul(k) => {
                let batch = if k.batch > 1 { format!("{} of ", k.batch) } else { String::new() };
                format!("{batch}{}x{} {}x{}", k.m, k.k, k.k, k.n)
            }
            Kernel::Conv2d(Conv2d { geometry: g, .. })
            | Kernel::Conv2dFilter(Conv2dFilter { geometry: g, .. })
            | Kernel::ConvTranspose2d(ConvTranspose2d { geometry: g, .. }) => {
                let [down, across] = g.stride;
                format!("{}x{}x{}x{} {}x{}x{}x{} /{down}x{across}", g.b, g.c, g.h, g.w, g.k, g.c, g.r, g.s)
            }
            Kernel::Lstm(Lstm { sequence: s })
            | Kernel::LstmGrad(LstmGrad { sequence: s })
            | Kernel::Gru(Gru { sequence: s, .. })
            | Kernel::GruGrad(GruGrad { sequence: s, .. }) => format!("{}x{}x{}", s.steps, s.batch, s.units),
            Kernel::Moments(k) => folded(&k.outer, &k.inner),
            Kernel::NormSums(k) => folded(&k.outer, &k.inner),
            Kernel::Reduce(k) => format!("{}, {} loads", folded(&k.outer, &k.inner), k.chain.loads.len()),
            Kernel::Pointwise(k) => {
                format!("{}, {} loads, {} operations", k.len, k.chain.loads.len(), k.chain.instrs.len())
            }
            Kernel::Random(k) => format!("{}, {:?}", k.len, k.dist).to_lowercase(),
            Kernel::Softmax(k) => format!("{}x{}", k.rows, k.cols),
            Kernel::Finite(k) => k.len.to_string(),
            Kernel::CrossEntropy(k) => format!("{}x{}", k.rows, k.cols),
            kernel => {
                let buffers = kernel.buffers();
                buffers.writes.iter().chain(&buffers.words_out).max().map_or(String::new(), usize::to_string)
            }
        }
    }
}
