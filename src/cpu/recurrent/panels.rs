//! The matrix product of a recurrence: a few rows times a matrix that is the same at all steps.

use pulp::{Arch, Simd, WithSimd};

use crate::cpu::products::Buffer;

/// Width of a panel, in SIMD vectors.
const VECTORS: usize = 2;

/// Rows of x per pass over a panel.
const ROWS: usize = 4;

/// A matrix `[depth, blocks, units]`, laid out once for the products of all steps. The columns of each block are split
/// into panels that are `VECTORS` SIMD vectors wide; each panel is stored row by row and padded with zeros.
#[derive(Clone, Copy)]
pub struct Panels<'a> {
    data: &'a [f32],
    depth: usize,
    units: usize,
    width: usize,
}

struct Width;

impl WithSimd for Width {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> usize {
        VECTORS * S::F32_LANES
    }
}

impl<'a> Panels<'a> {
    /// Lays out a matrix in `buffer`.
    pub fn new(matrix: &[f32], depth: usize, units: usize, buffer: &'a mut Buffer) -> Self {
        let width = Arch::new().dispatch(Width);
        let (cols, panels) = (matrix.len() / depth, units.div_ceil(width));
        let blocks = cols / units;
        let data = buffer.take(blocks * panels * depth * width);
        for (n, panel) in data.chunks_exact_mut(depth * width).enumerate() {
            let (block, first) = (n / panels, n % panels * width);
            let used = width.min(units - first);
            for (k, row) in panel.chunks_exact_mut(width).enumerate() {
                let from = k * cols + block * units + first;
                row[..used].copy_from_slice(&matrix[from..from + used]);
                row[used..].fill(0.0);
            }
        }
        Self { data, depth, units, width }
    }

    /// y `[rows, units]` += x `[rows, depth]` W, where W is rows `from..from + depth` of one block of the matrix. Rows
    /// of x are `stride` apart.
    #[inline(always)]
    pub fn add_product<S: Simd>(
        &self,
        simd: S,
        block: usize,
        (from, depth): (usize, usize),
        (x, stride): (&[f32], usize),
        y: &mut [f32],
    ) {
        let panels = self.units.div_ceil(self.width);
        for p in 0..panels {
            let panel = &self.data[(block * panels + p) * self.depth * self.width..][..self.depth * self.width];
            let panel = &panel[from * self.width..(from + depth) * self.width];
            let (panel, _) = S::as_simd_f32s(panel);
            let (first, last) = (p * self.width, self.units.min((p + 1) * self.width));
            let rows = y.len() / self.units;
            let mut row = 0;
            while row + ROWS <= rows {
                let x: [&[f32]; ROWS] = std::array::from_fn(|r| &x[(row + r) * stride..][..depth]);
                for (r, sums) in tile(simd, x, panel).into_iter().enumerate() {
                    add(simd, sums, &mut y[(row + r) * self.units..][first..last]);
                }
                row += ROWS;
            }
            for row in row..rows {
                let [sums] = tile(simd, [&x[row * stride..][..depth]], panel);
                add(simd, sums, &mut y[row * self.units..][first..last]);
            }
        }
    }
}

/// R rows of x times one panel.
#[inline(always)]
fn tile<S: Simd, const R: usize>(simd: S, x: [&[f32]; R], panel: &[S::f32s]) -> [[S::f32s; VECTORS]; R] {
    let mut sums = [[simd.splat_f32s(0.0); VECTORS]; R];
    let (panel, _) = panel.as_chunks::<VECTORS>();
    // Slices of this length need no checks in the loop.
    let x = x.map(|x| &x[..panel.len()]);
    for (k, w) in panel.iter().enumerate() {
        for r in 0..R {
            let value = simd.splat_f32s(x[r][k]);
            for v in 0..VECTORS {
                sums[r][v] = simd.mul_add_e_f32s(value, w[v], sums[r][v]);
            }
        }
    }
    sums
}

/// Adds the first `y.len()` elements of the sums to y.
#[inline(always)]
fn add<S: Simd>(simd: S, sums: [S::f32s; VECTORS], y: &mut [f32]) {
    let (whole, rest) = S::as_mut_simd_f32s(y);
    for (y, sum) in whole.iter_mut().zip(sums) {
        *y = simd.add_f32s(*y, sum);
    }
    if whole.len() < VECTORS && !rest.is_empty() {
        let sum = simd.add_f32s(simd.partial_load_f32s(rest), sums[whole.len()]);
        simd.partial_store_f32s(rest, sum);
    }
}
