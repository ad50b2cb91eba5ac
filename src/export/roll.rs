//! Loops of a network that was unrolled along time.

use super::network::{Network, Node, Op, Place};

/// Nodes that repeat: `count` blocks of `len` nodes from `start` on. A node reads nodes of its own block, of the block
/// before, or from before all of them; the rest of the network reads the blocks as parts of one [`Op::Concat`] only.
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
                    Self::at(network, start, len, count)
                });
                let longest = best.as_ref().map_or(2 * len - 1, |best| best.len * best.count);
                best = found.filter(|found| found.len * found.count > longest && found.count > 2).or(best);
                from += alike + 1;
            }
        }
        best
    }

    fn at(network: &Network, start: Place, len: usize, count: usize) -> Option<Self> {
        let nodes = &network.nodes;
        let (end, next) = (start + len * count, start + len);
        // What reads blocks from outside.
        let outside = (end..nodes.len()).filter(|&place| nodes[place].inputs.iter().any(|x| (start..end).contains(x)));
        let [joined] = outside.collect::<Vec<_>>()[..] else { return None };
        let inside: Vec<Place> = nodes[joined].inputs.iter().copied().filter(|&x| x >= start).collect();
        let made = *inside.first()?;
        let in_turn = inside.iter().copied().eq((0..count).map(|k| made + k * len));
        let is_last = nodes[joined].inputs.ends_with(&inside);
        let is_output = network.outputs.iter().any(|(_, place)| (start..end).contains(place));
        let in_blocks = (start..next).all(|place| {
            // What is read from the block before is read so in every block; the rest lies before all blocks.
            let pairs = nodes[place].inputs.iter().zip(&nodes[place + len].inputs);
            pairs.into_iter().all(|(&a, &b)| a < start && (b == a || a + len >= start) || a >= start && b == a + len)
        });
        let is_loop = matches!(nodes[joined].op, Op::Concat(_)) && in_turn && is_last && !is_output && in_blocks;
        let mut carried: Vec<Place> = nodes[next..next + len]
            .iter()
            .flat_map(|node| &node.inputs)
            .copied()
            .filter(|x| (start..next).contains(x))
            .collect();
        carried.sort_unstable();
        carried.dedup();
        (is_loop && made < next).then_some(Self { start, len, count, joined, carried, made })
    }

    /// The nodes of all blocks but the first.
    pub fn repeats(&self, place: Place) -> bool {
        (self.start + self.len..self.start + self.len * self.count).contains(&place)
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
