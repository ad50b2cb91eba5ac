//! Tracks when states are read and when they are overwritten.

use std::collections::HashMap;

use super::tensors::Tensors;
use crate::{
    error::{Error, Result},
    graph::{Graph, Id, Node, Op, WHOLE},
};

/// The nodes that read states, and the nodes that overwrite them.
pub struct States {
    /// For each state node, the update or assignment that overwrites it.
    expiry: Vec<Option<Id>>,
    /// For each (group, item), the state nodes that read it, in order.
    reads: HashMap<(usize, usize), Vec<Id>>,
}

impl States {
    pub fn new(nodes: &[Node]) -> Self {
        let mut reads: HashMap<(usize, usize), Vec<Id>> = HashMap::new();
        // The updates and assignments of each group, and for each tensor the positions among them of those that change
        // it.
        let mut effects: HashMap<usize, Vec<Id>> = HashMap::new();
        let mut touches: HashMap<(usize, usize), Vec<usize>> = HashMap::new();
        for (id, node) in nodes.iter().enumerate() {
            let (group, item) = match node.op {
                Op::State { group, item, .. } => {
                    reads.entry((group, item)).or_default().push(id);
                    continue;
                }
                Op::Update { group, .. } => (group, WHOLE),
                Op::Assign { group, item } => (group, item),
                _ => continue,
            };
            let effects = effects.entry(group).or_default();
            touches.entry((group, item)).or_default().push(effects.len());
            effects.push(id);
        }
        let end = |node: &Node| {
            let Op::State { group, item, version } = node.op else { return None };
            let effects = effects.get(&group)?;
            if item == WHOLE {
                return effects.get(version).copied();
            }
            let from = |item: usize| {
                let places = touches.get(&(group, item))?;
                places.get(places.partition_point(|&place| place < version)).copied()
            };
            let first = from(item).into_iter().chain(from(WHOLE)).min()?;
            Some(effects[first])
        };
        Self { expiry: nodes.iter().map(end).collect(), reads }
    }

    /// The update or assignment that overwrites the version of a state that this node reads.
    pub fn end(&self, state: Id) -> Option<Id> {
        self.expiry[state]
    }

    /// Whether a tensor is a state that is overwritten before node `reader`.
    pub fn expired(&self, tensor: Id, reader: Id) -> bool {
        self.expiry[tensor].is_some_and(|end| reader > end)
    }

    /// The last read of a tensor of a group before a node.
    pub fn read_before(&self, group: usize, item: usize, id: Id) -> Option<Id> {
        let reads = self.reads.get(&(group, item))?;
        reads[..reads.partition_point(|&read| read < id)].last().copied()
    }

    /// Refuses a node that reads a state's old version after the state was overwritten.
    pub fn check_order(&self, t: &Tensors, graph: &Graph) -> Result<()> {
        for id in (0..t.nodes.len()).filter(|&id| t.live[id]) {
            for &state in t.nodes[id].inputs.iter().filter(|s| self.expired(**s, id)) {
                let Op::State { group, item, .. } = t.nodes[state].op else { continue };
                let name = graph.groups()[group].item_name(item);
                return Err(Error::failure(format!(
                    "plan: {:?} reads {name} after it was overwritten",
                    t.nodes[id].op
                )));
            }
        }
        Ok(())
    }
}
