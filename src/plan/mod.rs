//! From a graph to a [`Program`]: lower, fuse, order, place, check. A pure function of the graph and the capabilities.
//!
//! Launches follow the creation order of the nodes, which is how updates and assignments in the middle of a graph get
//! their meaning. A fused node moves to the launch of its root; where that would carry a read of a state past the
//! state's update, it is computed on its own instead.

mod emit;
mod fuse;
mod index;
mod limits;
mod place;
mod slots;

use crate::{
    error::{Error, Result},
    graph::{ALIGN, Composite, Graph, Id, Node, Op, T, WHOLE, numel},
    kernels::{Caps, gather::Data},
    program::Program,
};
use fuse::{Group, Unfuse, is_pointwise, is_view};

/// Rounds whose metrics are kept on the device.
pub const RING_ROWS: usize = 256;

/// Nodes and where their values live.
pub(crate) struct Tensors {
    pub nodes: Vec<Node>,
    pub live: Vec<bool>,
    /// Somebody needs the value as it is in memory.
    pub stored: Vec<bool>,
    /// Computed inside the kernels that use it.
    pub fused: Vec<bool>,
}

impl Tensors {
    /// Whether consumers compute a node (or look through it) themselves.
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

    /// The tensor whose memory a node shares, and the node's first element in it.
    pub fn range(&self, id: Id) -> (Id, usize) {
        match renames(&self.nodes, id).filter(|_| !self.stored[id]) {
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
}

/// Where a node only names memory of its input anew, its first element there: the same elements, or a range that can be bound of
/// what a kernel leaves in memory anyway.
fn renames(nodes: &[Node], id: Id) -> Option<usize> {
    let node = &nodes[id];
    match &node.op {
        Op::Reshape | Op::Detach => Some(0),
        Op::Slice(start) => {
            let (from, to) = (&nodes[node.inputs[0]].shape, &node.shape);
            let axis = (0..to.len()).find(|&a| to[a] > 1).unwrap_or(to.len());
            let whole = (axis + 1..to.len()).all(|a| to[a] == from[a]);
            let first: usize = start.iter().enumerate().map(|(a, s)| s * numel(&from[a + 1..])).sum();
            (whole && first.is_multiple_of(ALIGN) && in_memory(nodes, node.inputs[0])).then_some(first)
        }
        _ => None,
    }
}

/// Whether a kernel leaves a tensor in memory whoever wants it.
fn in_memory(nodes: &[Node], id: Id) -> bool {
    match nodes[id].op {
        Op::Composite(_) | Op::Contract { .. } | Op::Pad(_) | Op::Random { .. } | Op::Batch { .. } => true,
        Op::Input(_) | Op::State { .. } => true,
        _ => renames(nodes, id).is_some_and(|_| in_memory(nodes, nodes[id].inputs[0])),
    }
}

/// Plans a graph for an adapter. `data` describes the data set that batches come from.
///
/// A graph with updates or metrics is a training round: its program records the metrics and advances the clock.
///
/// # Errors
/// A tensor that outgrows a limit of the adapter, and a state that is read after it was overwritten.
pub fn plan(graph: &Graph, caps: &Caps, data: Option<Data>) -> Result<Program> {
    let (nodes, metrics, outputs) = expand(graph, caps);
    let roots = metrics.iter().chain(&outputs).map(|(_, id)| *id);
    let live = live(&nodes, roots);
    let expiry = expiry(&nodes);
    let stored = in_buffers(&nodes, &live, outputs.iter().chain(&metrics).map(|(_, id)| *id), &expiry);
    let fused = fuse::choose(&nodes, &live, &stored, caps.wide);
    let mut t = Tensors { nodes, live, stored, fused };
    check_order(&t, &expiry, graph)?;
    let groups = loop {
        match build_groups(&t, &expiry) {
            Ok(groups) => break groups,
            Err(Unfuse(id)) if t.stored[id] => {
                return Err(Error::failure(format!(
                    "plan: {:?} of shape {:?} takes more digits than an operand has",
                    t.nodes[id].op, t.nodes[id].shape
                )));
            }
            Err(Unfuse(id)) => t.stored[id] = true,
        }
    };
    emit::Emitter::new(&t, groups, graph.groups(), caps, data).program(&metrics, &outputs)
}

/// Tensors with the names that the host knows them by.
type Named = Vec<(String, Id)>;

/// The nodes with every composite that has no kernel, and every product that is too long for one, replaced by what it is
/// in others; and the metrics and outputs among them.
fn expand(graph: &Graph, caps: &Caps) -> (Vec<Node>, Named, Named) {
    let lowered = Graph::new();
    let mut map: Vec<Id> = vec![];
    for node in graph.nodes() {
        let inputs: Vec<T> = node.inputs.iter().map(|&i| lowered.at(map[i])).collect();
        let t = match &node.op {
            Op::Composite(c @ (Composite::Normalize { .. } | Composite::BatchNorm { .. })) => c.define(&inputs),
            op => {
                let shortened = if caps.wide { limits::shortened(&lowered, &node, &inputs) } else { None };
                shortened.unwrap_or_else(|| lowered.node(op.clone(), &inputs, node.shape.clone()))
            }
        };
        map.push(t.id());
    }
    let rename = |list: Vec<(String, Id)>| list.into_iter().map(|(name, id)| (name, map[id])).collect();
    (lowered.nodes(), rename(graph.metrics()), rename(graph.outputs()))
}

fn live(nodes: &[Node], roots: impl Iterator<Item = Id>) -> Vec<bool> {
    let mut live = vec![false; nodes.len()];
    roots.for_each(|id| live[id] = true);
    for id in (0..nodes.len()).rev() {
        live[id] |= matches!(nodes[id].op, Op::Update { .. } | Op::Assign { .. });
        if live[id] {
            nodes[id].inputs.iter().for_each(|&i| live[i] = true);
        }
    }
    live
}

/// The tensors that kernels, or the host, read as plain memory.
fn in_buffers(nodes: &[Node], live: &[bool], kept: impl Iterator<Item = Id>, expiry: &[Option<Id>]) -> Vec<bool> {
    let mut stored = vec![false; nodes.len()];
    let mut need = |id: Id, reader: Id| stored[readable(nodes, expiry, id, reader)] = true;
    kept.for_each(|id| need(id, nodes.len()));
    for (reader, node) in nodes.iter().enumerate().filter(|(id, _)| live[*id]) {
        match &node.op {
            Op::Contract { form, .. } => {
                node.inputs.iter().for_each(|&i| need(emit::untransposed(nodes, *form, i).0, reader))
            }
            Op::Composite(_) | Op::Pad(_) | Op::Update { .. } => node.inputs.iter().for_each(|&i| need(i, reader)),
            _ => {}
        }
    }
    stored
}

/// The tensor whose memory a reader of this one can read: the one that it renames, but for a state that is overwritten by then.
fn readable(nodes: &[Node], expiry: &[Option<Id>], id: Id, reader: Id) -> Id {
    let Some(_) = renames(nodes, id) else { return id };
    let base = readable(nodes, expiry, nodes[id].inputs[0], reader);
    if expiry[base].is_some_and(|end| reader > end) { id } else { base }
}

/// The chain of every root that has one, or the node that must be computed on its own first.
fn build_groups(t: &Tensors, expiry: &[Option<Id>]) -> Result<Vec<Option<Group>>, Unfuse> {
    let mut groups: Vec<Option<Group>> = vec![None; t.nodes.len()];
    for id in (0..t.nodes.len()).filter(|&id| t.live[id] && !t.is_inline(id)) {
        let node = &t.nodes[id];
        let group = match node.op {
            Op::Sum(_) | Op::Max(_) => Group::of(t, node.inputs[0], None, false)?,
            Op::Assign { group, item } => assignment(t, id, group, item)?,
            ref op if is_pointwise(op) => {
                let plain = Group::of(t, id, None, true)?;
                epilogue(t, id, &plain, expiry)?.unwrap_or(plain)
            }
            ref op if is_view(op) => Group::of(t, id, None, true)?,
            _ => continue,
        };
        if let Some(&state) = group.operands.iter().find(|s| expiry[**s].is_some_and(|end| id > end)) {
            let mut parts = group.inlined.iter().chain(&node.inputs).copied();
            let reader = parts.find(|&i| i != id && t.is_inline(i) && reads(t, i, state));
            return Err(Unfuse(reader.expect("direct reads were checked")));
        }
        groups[id] = Some(group);
    }
    Ok(groups)
}

/// For each state node, the update or assignment that overwrites it.
fn expiry(nodes: &[Node]) -> Vec<Option<Id>> {
    let touches = |node: &Node, group: usize, item: usize| match node.op {
        Op::Update { group: g, .. } => g == group,
        Op::Assign { group: g, item: i } => g == group && (i == item || i == WHOLE || item == WHOLE),
        _ => false,
    };
    let end = |node: &Node| {
        let Op::State { group, item, version } = node.op else { return None };
        let bumps = |n: &Node| matches!(n.op, Op::Update { group: g, .. } | Op::Assign { group: g, .. } if g == group);
        let effects = (0..nodes.len()).filter(|&id| bumps(&nodes[id]));
        effects.skip(version).find(|&id| touches(&nodes[id], group, item))
    };
    nodes.iter().map(end).collect()
}

/// No node may be created from a state's old version after the state was overwritten.
fn check_order(t: &Tensors, expiry: &[Option<Id>], graph: &Graph) -> Result<()> {
    for id in (0..t.nodes.len()).filter(|&id| t.live[id]) {
        for &state in t.nodes[id].inputs.iter().filter(|s| expiry[**s].is_some_and(|end| id > end)) {
            let Op::State { group, item, .. } = t.nodes[state].op else { continue };
            let g = &graph.groups()[group];
            let name = g.item_name(item);
            return Err(Error::failure(format!("plan: {:?} reads {name} after it was overwritten", t.nodes[id].op)));
        }
    }
    Ok(())
}

fn reads(t: &Tensors, id: Id, tensor: Id) -> bool {
    t.nodes[id].inputs.iter().any(|&i| i == tensor || (t.is_inline(i) && reads(t, i, tensor)))
}

/// An assignment's chain, with the old value of the state as its accumulator.
fn assignment(t: &Tensors, id: Id, group: usize, item: usize) -> Result<Group, Unfuse> {
    let value = t.nodes[id].inputs[0];
    let is_old = |s: &Id| matches!(t.nodes[*s].op, Op::State { group: g, item: i, .. } if g == group && i == item);
    let old = (0..id).rev().find(is_old);
    let chain = Group::of(t, value, old, false)?;
    let same_buffer = |s: &Id| matches!(t.nodes[*s].op, Op::State { group: g, .. } if g == group);
    // One launch cannot read and write the same buffer.
    if chain.operands.iter().any(same_buffer) {
        return Err(Unfuse(value));
    }
    Ok(chain)
}

/// The same chain as the epilogue of a product that nobody else reads.
fn epilogue(t: &Tensors, root: Id, plain: &Group, expiry: &[Option<Id>]) -> Result<Option<Group>, Unfuse> {
    let only_here = |id: Id| {
        let mut users = (0..t.nodes.len())
            .filter(|&u| t.live[u] && t.nodes[u].inputs.iter().any(|&i| t.base(i) == id) && !is_alias(t, u));
        users.all(|u| u == root || (plain.inlined.contains(&u) && t.fused[u] && single_group(t, u, root, plain)))
    };
    let in_time = |id: Id| t.nodes[id].inputs.iter().all(|&i| expiry[t.base(i)].is_none_or(|end| root <= end));
    let candidates = plain.chain.loads.iter().map(|l| (plain.operands[l.operand], &l.index)).filter(|(id, index)| {
        let node = &t.nodes[*id];
        **index == Default::default()
            && emit::has_epilogue(&node.op)
            && node.shape.iter().product::<usize>() == t.nodes[root].shape.iter().product::<usize>()
    });
    for (id, _) in candidates {
        if !t.stored[id] && only_here(id) && in_time(id) {
            let group = Group::of(t, root, Some(id), true)?;
            if !group.operands.contains(&id) {
                return Ok(Some(group));
            }
        }
    }
    Ok(None)
}

/// A node that only renames memory.
fn is_alias(t: &Tensors, id: Id) -> bool {
    !t.stored[id] && renames(&t.nodes, id).is_some()
}

/// Whether a fused node is used by no other launch than the root's.
fn single_group(t: &Tensors, id: Id, root: Id, plain: &Group) -> bool {
    let mut users = (0..t.nodes.len()).filter(|&u| t.live[u] && t.nodes[u].inputs.contains(&id));
    users.all(|u| {
        u == root
            || ((plain.inlined.contains(&u) || (is_view(&t.nodes[u].op) && t.is_inline(u)))
                && single_group(t, u, root, plain))
    })
}
