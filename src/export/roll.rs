//! Loops of a network that was unrolled along time.

use super::network::{Network, Node, Op, Place};

/// Nodes that repeat: `count` blocks of `len` nodes from `start` on. A node reads nodes of its own block, of the block
/// before, or from before all of them; the rest of the network reads the last block, and all as parts of one
/// [`Op::Concat`].
#[derive(Clone, Debug, PartialEq)]
pub struct Roll {
    /// The first node of the first block.
    pub start: Place,
    /// Number of nodes in a block.
    pub len: usize,
    /// Number of blocks.
    pub count: usize,
    /// The node that joins what the blocks make.
    pub joined: Place,
    /// The nodes of the first block that the next one reads.
    pub carried: Vec<Place>,
    /// The node of the first block that is a part of what is joined.
    pub made: Place,
}

impl Roll {
    /// The longest loop of a network.
    pub fn of(network: &Network) -> Option<Self> {
        let nodes = &network.nodes;
        let mut best: Option<Self> = None;
        for len in 1..=nodes.len() / 3 {
            let mut from = 0;
            while from + len < nodes.len() {
                let alike = (from..nodes.len() - len).take_while(|&place| is_next(nodes, place, len)).count();
                let found = (from..from + len.min(alike)).find_map(|start| {
                    let count = (alike - (start - from)) / len + 1;
                    if count > 2 { Self::at(network, start, len, count) } else { None }
                });
                let longest = best.as_ref().map_or(2 * len - 1, |best| best.len * best.count);
                best = found.filter(|found| found.len * found.count > longest).or(best);
                from += alike + 1;
            }
        }
        best
    }

    fn at(network: &Network, start: Place, len: usize, count: usize) -> Option<Self> {
        let nodes = &network.nodes;
        let (end, next) = (start + len * count, start + len);
        let in_blocks = |place: Place| (start..end).contains(&place);
        let mut carried: Vec<Place> = nodes[next..next + len].iter().flat_map(|node| &node.inputs).copied().collect();
        carried.retain(|x| (start..next).contains(x));
        carried.sort_unstable();
        carried.dedup();
        // What is read from the block before is read so in every block; the rest lies before all blocks.
        let is_regular = (start..next).all(|place| {
            let mut pairs = nodes[place].inputs.iter().zip(&nodes[place + len].inputs);
            pairs.all(|(&a, &b)| if a < start { b == a || a + len >= start } else { b == a + len })
        });
        // The rest reads what the last block would hand on, or joins what all of them make.
        let last = start + len * (count - 1);
        let is_handed = |place: Place| place >= last && carried.contains(&(place + start - last));
        let reads = |place: Place| nodes[place].inputs.iter().any(|&x| in_blocks(x) && !is_handed(x));
        let [joined] = (end..nodes.len()).filter(|&place| reads(place)).collect::<Vec<_>>()[..] else { return None };
        let inputs = &nodes[joined].inputs;
        let first = inputs.iter().position(|&x| in_blocks(x))?;
        let (made, rest) = (inputs[first], inputs.get(first + count..)?);
        let in_turn = inputs[first..first + count].iter().copied().eq((0..count).map(|k| made + k * len));
        let is_output = network.outputs.iter().any(|(_, place)| in_blocks(*place));
        let is_loop = matches!(nodes[joined].op, Op::Concat(_)) && in_turn && !rest.iter().any(|&x| in_blocks(x));
        (is_regular && is_loop && !is_output && made < next).then_some(Self {
            start,
            len,
            count,
            joined,
            carried,
            made,
        })
    }

    /// The node of the first block that a node of the last one repeats, if the next block would read it.
    pub fn handed_on(&self, place: Place) -> Option<Place> {
        let first = place.checked_sub(self.len * (self.count - 1))?;
        self.carried.contains(&first).then_some(first)
    }

    /// The nodes of all blocks but the first.
    pub fn repeats(&self, place: Place) -> bool {
        (self.start + self.len..self.start + self.len * self.count).contains(&place)
    }

    /// The nodes behind all blocks.
    pub fn is_after(&self, place: Place) -> bool {
        place >= self.start + self.len * self.count
    }

    /// The nodes of the first block.
    pub fn holds(&self, place: Place) -> bool {
        (self.start..self.start + self.len).contains(&place)
    }
}

/// Whether the node `len` places further on does the same: at the next place of an axis, if it takes one.
fn is_next(nodes: &[Node], place: Place, len: usize) -> bool {
    let (one, next) = (&nodes[place], &nodes[place + len]);
    let same = match (&one.op, &next.op) {
        (Op::Index { axis, at }, Op::Index { axis: other, at: then }) => {
            axis == other && (at == then || at + 1 == *then)
        }
        (one, next) => one == next,
    };
    let pairs = || one.inputs.iter().zip(&next.inputs);
    same && one.shape == next.shape
        && one.inputs.len() == next.inputs.len()
        && pairs().all(|(&a, &b)| b == a || b == a + len)
}
