//! The launch of the product that matmul and the convolutions share, `shaders/product.wgsl` or `shaders/product_subgroup.wgsl`,
//! and its cost.

use super::{Buffers, Caps, Chain, Cost, LOOP, Launch};
use crate::overrides;

/// Products of `[m, k]` with `[k, n]`, as many as `batch`; `k` is the longest where they differ.
pub(super) struct Product {
    pub batch: usize,
    pub m: usize,
    pub n: usize,
    pub k: usize,
    /// Whether neighbours in memory are neighbours in k rather than in m (of a) or n (of b).
    pub a_along_k: bool,
    pub b_along_k: bool,
}

/// How one workgroup is cut: lanes along m, n and k, and blocks of 4x4 that each lane owns along m and n.
struct Tile {
    lanes: [usize; 3],
    blocks: usize,
}

/// Invocations, and bytes of workgroup memory, that every WebGPU implementation offers.
const LANES: usize = 256;
const MEMORY: usize = 16 << 10;
/// Bytes of that for the slabs: less than all, so that a core can hold several workgroups.
const SLABS: usize = 10 << 10;
/// Lanes that run in step on most GPUs: with fewer in a workgroup, some idle.
const SUBGROUP: usize = 32;
/// Workgroups that keep a GPU busy.
const ENOUGH: usize = 64;
/// Lanes of a subgroup, and side of its tile, in `product_subgroup.wgsl`.
const SUBGROUP_LANES: u32 = 8;
const SUBGROUP_TILE: usize = 32;
/// How many times the work tiles may do, for reaching over the edges.
const EXCESS: f64 = 2.0;

impl Product {
    /// The launch, with a kernel's `own` pipeline constants.
    pub fn launch(&self, caps: &Caps, own: Vec<(String, f64)>) -> Launch {
        if caps.subgroup == SUBGROUP_LANES && self.k <= LOOP && self.excess(SUBGROUP_TILE, SUBGROUP_TILE) <= EXCESS {
            let mut overrides = overrides!(BATCH = self.batch, M = self.m, N = self.n);
            overrides.extend(own);
            let groups = self.batch * self.m.div_ceil(SUBGROUP_TILE) * self.n.div_ceil(SUBGROUP_TILE);
            return Launch { subgroups: true, ..Launch::folded(groups, caps, overrides) };
        }
        let tile = self.tile();
        let [lanes_m, lanes_n, lanes_k] = tile.lanes;
        let depth = self.depth(&tile);
        let mut overrides = overrides!(
            BATCH = self.batch,
            M = self.m,
            N = self.n,
            LANES_M = lanes_m,
            LANES_N = lanes_n,
            LANES_K = lanes_k,
            BLOCKS_M = tile.blocks,
            BLOCKS_N = tile.blocks,
            DEPTH = depth,
            A_ALONG_K = self.a_along_k as u32,
            B_ALONG_K = self.b_along_k as u32,
        );
        overrides.extend(own);
        Launch::folded(self.groups(&tile), caps, overrides)
    }

    /// Why one launch cannot make it, where it cannot.
    pub fn obstacle(&self) -> Option<String> {
        let steps = self.k.div_ceil(self.depth(&self.tile()));
        (steps > LOOP).then(|| format!("a sum of {} products is too long for one launch", self.k))
    }

    /// The largest tile that fits well and of which there are enough to fill a GPU, else the smallest.
    fn tile(&self) -> Tile {
        let sizes = [(2, LANES), (1, LANES), (1, LANES / 4), (1, LANES / 16), (1, LANES / 64), (1, 1)];
        let tiles = || {
            sizes
                .iter()
                .map(|&(blocks, area)| self.cut(blocks, area))
                .filter(|t| t.lanes.iter().product::<usize>() >= SUBGROUP)
        };
        let good = |t: &Tile| self.groups(t) >= ENOUGH && self.waste(t) <= EXCESS;
        tiles().find(good).or_else(|| tiles().next_back()).unwrap_or_else(|| self.cut(1, LANES))
    }

    /// A tile of `area` lanes, as square as the product allows; lanes that are left over share its k.
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
        self.batch * self.m.div_ceil(m) * self.n.div_ceil(n)
    }

    /// How many times the work of 4x4 blocks the tiles do, for reaching over the edges.
    fn waste(&self, tile: &Tile) -> f64 {
        let [m, n, _] = tile.lanes.map(|lanes| lanes * tile.blocks);
        let blocks = Self { m: self.m.div_ceil(4), n: self.n.div_ceil(4), ..*self };
        blocks.excess(m, n)
    }

    /// How many times the elements of a product tiles of m x n have.
    fn excess(&self, m: usize, n: usize) -> f64 {
        (self.m.next_multiple_of(m) * self.n.next_multiple_of(n)) as f64 / (self.m * self.n) as f64
    }

    /// How much of k is staged at once: a power of two that leaves every slice of lanes something to do.
    fn depth(&self, tile: &Tile) -> usize {
        let [m, n, k] = tile.lanes;
        let bytes = 16 * ((tile.blocks * m) | 1) + 16 * ((tile.blocks * n) | 1);
        let fits = 1 << (SLABS / bytes).ilog2();
        let depth = fits.min(self.k.next_power_of_two()).max(k);
        assert!(depth * bytes <= MEMORY && 64 * m * n * k <= MEMORY);
        depth
    }
}

/// Cost of a product of so many multiply-adds, with its epilogue.
pub(super) fn cost(macs: f64, buffers: &Buffers, chain: Option<&Chain>) -> Cost {
    let written: usize = buffers.writes.iter().sum();
    let operands = chain.map_or(0, |c| c.operand_lens(written).iter().sum::<usize>());
    let elements = buffers.reads.iter().sum::<usize>() + operands + written;
    Cost { flops: 2.0 * macs + chain.map_or(0.0, Chain::flops) * written as f64, bytes: 4.0 * elements as f64 }
}
