//! The nodes of a graph, where their values live, and who reads them.

use super::{fuse::is_view, states::States};
use crate::graph::{ALIGN, Form, Id, Node, Op, numel};

/// Nodes and where their values live.
pub struct Tensors {
    pub nodes: Vec<Node>,
    pub live: Vec<bool>,
    /// Whether it is needed in every round.
    pub often: Vec<bool>,
    /// Whether a kernel or the host reads the value from memory.
    pub stored: Vec<bool>,
    /// Whether consumers compute the value inside their own kernels.
    pub fused: Vec<bool>,
    /// When states are overwritten.
    pub states: States,
    /// If a node is a view that needs no kernel, the offset of its first element in its input.
    renamed: Vec<Option<usize>>,
    /// For each node, the live nodes that have it as an input, once each, in order.
    users: Vec<Vec<Id>>,
}

impl Tensors {
    /// Nothing is stored or fused yet.
    pub fn new(nodes: Vec<Node>, live: Vec<bool>, often: Vec<bool>) -> Self {
        let states = States::new(&nodes);
        let renamed = renamed(&nodes);
        let mut users: Vec<Vec<Id>> = vec![vec![]; nodes.len()];
        for (id, node) in nodes.iter().enumerate().filter(|(id, _)| live[*id]) {
            for &input in &node.inputs {
                if users[input].last() != Some(&id) {
                    users[input].push(id);
                }
            }
        }
        let nothing = vec![false; nodes.len()];
        Self { nodes, live, often, stored: nothing.clone(), fused: nothing, states, renamed, users }
    }

    /// Marks the tensors that kernels read as whole buffers, and the tensors `kept`, which the host reads.
    pub fn store(&mut self, kept: impl Iterator<Item = Id>) {
        for id in kept {
            let id = self.readable(id, self.nodes.len());
            self.stored[id] = true;
        }
        for reader in (0..self.nodes.len()).filter(|&id| self.live[id]).collect::<Vec<_>>() {
            for i in 0..self.nodes[reader].inputs.len() {
                let id = self.nodes[reader].inputs[i];
                let id = match self.nodes[reader].op {
                    Op::Contract { .. } => self.factor(reader, id).0,
                    Op::Composite(_) | Op::Pad(_) | Op::Update { .. } | Op::Whole => id,
                    _ => continue,
                };
                let id = self.readable(id, reader);
                self.stored[id] = true;
            }
        }
    }

    /// The tensor that `reader` should bind for `id`: its base, unless that is a state that will have been overwritten.
    fn readable(&self, id: Id, reader: Id) -> Id {
        if self.renamed[id].is_none() {
            return id;
        }
        let base = self.readable(self.nodes[id].inputs[0], reader);
        if self.states.expired(base, reader) { id } else { base }
    }

    /// The matrix that a product reads for one of its inputs, and whether to transpose it. For the transpose of another
    /// matrix this is the other matrix, unless that is a state that will have been overwritten.
    pub fn factor(&self, product: Id, input: Id) -> (Id, bool) {
        let (op, node) = (&self.nodes[product].op, &self.nodes[input]);
        if let (Op::Contract { form: Form::MatMul, .. }, Op::Permute(perm)) = (op, &node.op) {
            let r = perm.len();
            let swapped = r >= 2 && perm[r - 2..] == [r - 1, r - 2] && perm[..r - 2].iter().copied().eq(0..r - 2);
            if swapped && !self.states.expired(node.inputs[0], product) {
                return (node.inputs[0], true);
            }
        }
        (input, false)
    }

    /// The extents of a tensor.
    pub fn shape(&self, id: Id) -> &[usize] {
        &self.nodes[id].shape
    }

    /// The number of elements of a tensor.
    pub fn len(&self, id: Id) -> usize {
        numel(self.shape(id))
    }

    /// Whether consumers compute a node themselves, or look through it if it is a view.
    pub fn is_inline(&self, id: Id) -> bool {
        !self.stored[id] && (is_view(&self.nodes[id].op) || self.fused[id])
    }

    pub fn constant(&self, id: Id) -> Option<f64> {
        match &self.nodes[id].op {
            Op::Const(c) => Some(c.get()),
            Op::Broadcast(_) | Op::Reshape | Op::Detach => self.constant(self.nodes[id].inputs[0]),
            _ => None,
        }
    }

    /// Whether a node is a view of memory that another node owns.
    pub fn is_alias(&self, id: Id) -> bool {
        !self.stored[id] && self.renamed[id].is_some()
    }

    /// The tensor whose memory a node shares, and the node's first element in it.
    pub fn range(&self, id: Id) -> (Id, usize) {
        match self.renamed[id].filter(|_| !self.stored[id]) {
            None => (id, 0),
            Some(start) => {
                let (base, first) = self.range(self.nodes[id].inputs[0]);
                (base, first + start)
            }
        }
    }

    /// The tensor whose memory a node shares.
    pub fn base(&self, id: Id) -> Id {
        self.range(id).0
    }

    /// The live nodes that have a node as an input.
    pub fn users(&self, id: Id) -> &[Id] {
        &self.users[id]
    }

    /// The nodes that read a tensor's memory, directly or through aliases; a node can occur several times.
    pub fn readers(&self, base: Id) -> impl Iterator<Item = Id> {
        let mut open: Vec<Id> = self.users[base].iter().rev().copied().collect();
        std::iter::from_fn(move || {
            loop {
                let id = open.pop()?;
                if !self.is_alias(id) {
                    return Some(id);
                }
                open.extend(self.users[id].iter().rev());
            }
        })
    }

    /// Whether `reader` is the only reader of a tensor's memory.
    pub fn is_only_reader(&self, reader: Id, base: Id) -> bool {
        let mut readers = self.readers(base).peekable();
        readers.peek().is_some() && readers.all(|id| id == reader)
    }
}

/// For each view that needs no kernel, the offset of its first element in its input. Such a view has the same elements,
/// or a range that can be bound of an input that always lies in memory.
fn renamed(nodes: &[Node]) -> Vec<Option<usize>> {
    let mut renamed = vec![None; nodes.len()];
    // Whether a node's value always lies in memory, even if no reader needs it there.
    let mut in_memory = vec![false; nodes.len()];
    for (id, node) in nodes.iter().enumerate() {
        let input = node.inputs.first().copied();
        renamed[id] = match (&node.op, input) {
            (Op::Reshape | Op::Detach, _) => Some(0),
            (Op::Slice(start), Some(input)) => {
                let (from, to) = (&nodes[input].shape, &node.shape);
                let axis = (0..to.len()).find(|&a| to[a] > 1).unwrap_or(to.len());
                let whole = (axis + 1..to.len()).all(|a| to[a] == from[a]);
                let first: usize = start.iter().enumerate().map(|(a, s)| s * numel(&from[a + 1..])).sum();
                (whole && first.is_multiple_of(ALIGN) && in_memory[input]).then_some(first)
            }
            _ => None,
        };
        in_memory[id] = match (&node.op, input) {
            (Op::Composite(_) | Op::Contract { .. } | Op::Pad(_) | Op::Random { .. } | Op::Batch { .. }, _) => true,
            (Op::Input(_) | Op::State { .. } | Op::Arange | Op::Whole, _) => true,
            (_, Some(input)) => renamed[id].is_some() && in_memory[input],
            _ => false,
        };
    }
    renamed
}
