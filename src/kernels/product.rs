//! The matrix product that matmul and the convolutions share: its shader bodies, its dispatch and its cost.

use serde::{Deserialize, Serialize};

use super::{Buffers, Caps, Chain, Cost, Dispatch, MAX_LOOP};
use crate::overrides;

/// The body of a product: shader code that is concatenated with the kernel's own WGSL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Body {
    /// One invocation per result, `product_plain.wgsl`: the baseline for the other bodies.
    Plain,
    /// Tiles in workgroup memory and blocks in registers, `product.wgsl`: for every adapter.
    Tiled,
    /// One tile per subgroup of 8 lanes, `product_subgroup.wgsl`: for drivers that run shaders on the CPU.
    Subgroup,
    /// Tiles computed by matrix units, `product_matrix.wgsl`.
    Matrix(Matrix),
}

/// The square matrices that an adapter's matrix units multiply; sums are in f32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Matrix {
    /// 8 x 8 of f32.
    Single8,
    /// 8 x 8 of f16.
    Half8,
    /// 16 x 16 of f16.
    Half16,
}

const SINGLE8: &str = include_str!("../../shaders/shared/matrix_single8.wgsl");
const HALF8: &str = include_str!("../../shaders/shared/matrix_half8.wgsl");
const HALF16: &str = include_str!("../../shaders/shared/matrix_half16.wgsl");

impl Matrix {
    /// WGSL that defines the types of the matrices and of their elements.
    pub(super) fn sources(self) -> &'static [&'static str] {
        match self {
            Self::Single8 => &[SINGLE8],
            Self::Half8 => &[HALF8],
            Self::Half16 => &[HALF16],
        }
    }

    /// Number of rows, and of columns.
    pub fn side(self) -> usize {
        match self {
            Self::Single8 | Self::Half8 => 8,
            Self::Half16 => 16,
        }
    }

    /// Whether operands are rounded to half precision.
    pub fn is_half(self) -> bool {
        self != Self::Single8
    }
}

impl Body {
    fn sources(self) -> &'static [&'static str] {
        const PRODUCT: &str = include_str!("../../shaders/shared/product_matrix.wgsl");
        match self {
            Self::Plain => &[include_str!("../../shaders/shared/product_plain.wgsl")],
            Self::Tiled => &[include_str!("../../shaders/shared/product.wgsl")],
            Self::Subgroup => &[include_str!("../../shaders/shared/product_subgroup.wgsl")],
            Self::Matrix(Matrix::Single8) => &[SINGLE8, PRODUCT],
            Self::Matrix(Matrix::Half8) => &[HALF8, PRODUCT],
            Self::Matrix(Matrix::Half16) => &[HALF16, PRODUCT],
        }
    }
}

/// A batch of products of `[m, k]` with `[k, n]`. Where they differ in depth, `k` is the largest depth.
pub(super) struct Product {
    pub batch: usize,
    pub m: usize,
    pub n: usize,
    pub k: usize,
    /// Whether neighbours in memory are neighbours in k, rather than in m (for a) or n (for b).
    pub a_along_k: bool,
    pub b_along_k: bool,
}

/// The shape of a workgroup: lanes along m, n and k, and the number of 4x4 blocks of each lane along m and along n.
struct Tile {
    lanes: [usize; 3],
    blocks: usize,
}

/// Invocations, and bytes of workgroup memory, that every WebGPU implementation offers.
const LANES: usize = 256;
const MEMORY: usize = 16 << 10;
/// Bytes of workgroup memory for the slabs: less than all, so that a core can hold several workgroups.
const SLABS: usize = 10 << 10;
/// Lanes that most GPUs run in lockstep: a workgroup with fewer lanes leaves some idle.
const SUBGROUP: usize = 32;
/// Workgroups that keep a GPU busy.
const ENOUGH: usize = 64;
/// Side of a workgroup's tile in `product_plain.wgsl` and in `product_subgroup.wgsl`.
const PLAIN_TILE: usize = 16;
const SUBGROUP_TILE: usize = 32;
/// Blocks along m and n of a workgroup's tile in `product_matrix.wgsl`, and matrices along m and n of a block.
const MATRIX_BLOCKS: [[usize; 2]; 2] = [[2, 4], [1, 2]];
const MATRIX_BLOCK: [usize; 2] = [4, 2];
/// Largest accepted ratio of computed to useful work, where tiles overhang the edges.
const MAX_TILE_WASTE: f64 = 2.0;

impl Product {
    /// The dispatch, with the kernel's `own` pipeline constants. It has the adapter's body if its tiles fit, otherwise
    /// the tiled body.
    pub fn dispatch(&self, caps: &Caps, own: Vec<(String, f64)>) -> Dispatch {
        let (body, (groups, mut overrides)) = match self.untiled(caps.product) {
            Some(dispatch) => (caps.product, dispatch),
            None => (Body::Tiled, self.tiled()),
        };
        overrides.extend(overrides!(BATCH = self.batch, M = self.m, N = self.n));
        overrides.extend(own);
        Dispatch { body: body.sources(), ..Dispatch::folded(groups, caps, overrides) }
    }

    /// Number of workgroups, and constants, of a body other than the tiled one; `None` if its tiles do not fit.
    fn untiled(&self, body: Body) -> Option<(usize, Vec<(String, f64)>)> {
        let square = |side: usize| (self.tiles([side; 2]), vec![]);
        match body {
            _ if self.k > MAX_LOOP => None,
            Body::Tiled => None,
            Body::Plain => Some(square(PLAIN_TILE)),
            Body::Subgroup => self.fits([SUBGROUP_TILE; 2]).then(|| square(SUBGROUP_TILE)),
            Body::Matrix(matrix) => {
                let tile = |blocks: [usize; 2]| [0, 1].map(|i| blocks[i] * MATRIX_BLOCK[i] * matrix.side());
                let good = |&blocks: &[usize; 2]| self.fits(tile(blocks)) && self.tiles(tile(blocks)) >= ENOUGH;
                let [_, small] = MATRIX_BLOCKS;
                let blocks =
                    MATRIX_BLOCKS.into_iter().find(good).or_else(|| self.fits(tile(small)).then_some(small))?;
                let mut overrides = overrides!(BLOCKS_M = blocks[0], BLOCKS_N = blocks[1]);
                overrides.extend(self.along_k());
                Some((self.tiles(tile(blocks)), overrides))
            }
        }
    }

    /// Number of workgroups, and constants, of the tiled body.
    fn tiled(&self) -> (usize, Vec<(String, f64)>) {
        let tile = self.tile();
        let [lanes_m, lanes_n, lanes_k] = tile.lanes;
        let depth = self.depth(&tile);
        let mut overrides = overrides!(
            LANES_M = lanes_m,
            LANES_N = lanes_n,
            LANES_K = lanes_k,
            BLOCKS_M = tile.blocks,
            BLOCKS_N = tile.blocks,
            DEPTH = depth,
        );
        overrides.extend(self.along_k());
        (self.groups(&tile), overrides)
    }

    fn along_k(&self) -> Vec<(String, f64)> {
        overrides!(A_ALONG_K = self.a_along_k as u32, B_ALONG_K = self.b_along_k as u32)
    }

    /// The reason why one launch cannot compute the product, if there is one.
    pub fn obstacle(&self) -> Option<String> {
        let steps = self.k.div_ceil(self.depth(&self.tile()));
        (steps > MAX_LOOP).then(|| format!("a sum of {} products is too long for one launch", self.k))
    }

    /// The largest tile that wastes little work and gives enough workgroups to fill a GPU; otherwise the smallest.
    fn tile(&self) -> Tile {
        let sizes = [(2, LANES), (1, LANES), (1, LANES / 4), (1, LANES / 16), (1, LANES / 64), (1, 1)];
        let tiles = || {
            sizes
                .iter()
                .map(|&(blocks, area)| self.cut(blocks, area))
                .filter(|t| t.lanes.iter().product::<usize>() >= SUBGROUP)
        };
        let good = |t: &Tile| self.groups(t) >= ENOUGH && self.waste(t) <= MAX_TILE_WASTE;
        tiles().find(good).or_else(|| tiles().next_back()).unwrap_or_else(|| self.cut(1, LANES))
    }

    /// A tile of at most `area` lanes along m and n, as square as the product allows. The remaining lanes of a
    /// workgroup divide k.
    fn cut(&self, blocks: usize, area: usize) -> Tile {
        let useful = |extent: usize| extent.div_ceil(4 * blocks).next_power_of_two();
        let side = 1 << (area.ilog2() / 2);
        let n = useful(self.n).min((area / useful(self.m).min(side)).max(1));
        let m = useful(self.m).min(area / n);
        let k = (self.k / 4).max(1).next_power_of_two().min(64).min(LANES / (m * n));
        Tile { lanes: [m, n, k], blocks }
    }

    fn groups(&self, tile: &Tile) -> usize {
        let [m, n, _] = tile.lanes.map(|lanes| 4 * tile.blocks * lanes);
        self.tiles([m, n])
    }

    fn tiles(&self, [m, n]: [usize; 2]) -> usize {
        self.batch * self.m.div_ceil(m) * self.n.div_ceil(n)
    }

    /// Ratio of the work of the tiles to the work of the 4x4 blocks that cover the result.
    fn waste(&self, tile: &Tile) -> f64 {
        let [m, n, _] = tile.lanes.map(|lanes| lanes * tile.blocks);
        let blocks = Self { m: self.m.div_ceil(4), n: self.n.div_ceil(4), ..*self };
        blocks.excess(m, n)
    }

    fn fits(&self, [m, n]: [usize; 2]) -> bool {
        self.excess(m, n) <= MAX_TILE_WASTE
    }

    /// Ratio of the elements in tiles of m x n to the elements of the result.
    fn excess(&self, m: usize, n: usize) -> f64 {
        (self.m.next_multiple_of(m) * self.n.next_multiple_of(n)) as f64 / (self.m * self.n) as f64
    }

    /// Values of k that are staged at once: a power of two, at least one for each slice of lanes.
    fn depth(&self, tile: &Tile) -> usize {
        let [m, n, k] = tile.lanes;
        let bytes = 16 * ((tile.blocks * m) | 1) + 16 * ((tile.blocks * n) | 1);
        let fits = 1 << (SLABS / bytes).ilog2();
        let depth = fits.min(self.k.next_power_of_two()).max(k);
        assert!(depth * bytes <= MEMORY && 64 * m * n * k <= MEMORY);
        depth
    }
}

/// Cost of a product of `macs` multiply-adds, with its epilogue.
pub(super) fn cost(macs: f64, buffers: &Buffers, chain: Option<&Chain>) -> Cost {
    let written: usize = buffers.writes.iter().sum();
    let operands = chain.map_or(0, |c| c.operand_lens(written).iter().sum::<usize>());
    let elements = buffers.reads.iter().sum::<usize>() + operands + written;
    Cost { flops: 2.0 * macs + chain.map_or(0.0, Chain::flops) * written as f64, bytes: 4.0 * elements as f64 }
}
