//! From a graph to a [`Program`]: lower, fuse, order, place, check. A pure function of the graph and the capabilities.
//!
//! Launches follow the creation order of the nodes; this order gives updates and assignments in the middle of a graph
//! their meaning. A fused node moves to the launch of its root. If this would move a read of a state past the state's
//! update, the node gets a launch of its own instead.
//!
//! Graphs of many critic steps or unrolled sequences have 100,000 nodes: no pass may be quadratic in their number.

mod chains;
mod emit;
mod fuse;
mod index;
mod layout;
mod limits;
mod parts;
mod slots;
mod states;
mod tensors;

use std::collections::HashMap;

use crate::{
    error::Result,
    graph::{Composite, Graph, Id, Node, Op, Var},
    kernels::{Caps, Sequence, gather::DataLayout},
    program::Program,
};
use states::States;
use tensors::Tensors;

/// Number of newest rounds whose metrics the device keeps.
pub const RING_ROWS: usize = 256;

/// Plans a graph for an adapter. `data` describes the data set that batches come from.
///
/// A graph with updates or metrics is a training round: its program records the metrics and advances the clock. A round
/// of several parts is cut into spans of launches ([`crate::program::Parts`]).
///
/// # Errors
/// A tensor that exceeds a limit of the adapter, or a state that is read after it was overwritten.
pub fn plan(graph: &Graph, caps: &Caps, data: Option<DataLayout>) -> Result<Program> {
    let cut = (graph.parts() > 1).then(|| parts::cut(graph)).transpose()?;
    let (nodes, metrics, outputs, borders) = match &cut {
        Some(cut) => expand(&cut.graph, caps, &cut.borders),
        None => expand(graph, caps, &[]),
    };
    let roots = metrics.iter().chain(&outputs).map(|(_, id)| *id);
    let seldom = graph.seldom();
    let often = metrics.iter().filter(|(name, _)| !seldom.contains(name)).chain(&outputs).map(|(_, id)| *id);
    let (live, often) = (live(&nodes, roots.clone()), live(&nodes, often));
    let mut t = Tensors::new(nodes, live, often);
    t.states.check_order(&t, graph)?;
    t.store(roots);
    t.fused = fuse::choose(&t.nodes, &t.live, &t.stored, caps.launches_are_expensive);
    let groups = chains::build(&mut t)?;
    let round = emit::Round { parts: graph.parts(), own: graph.own_parts(), borders };
    emit::Emitter::new(&t, &groups, &graph.groups(), caps, data, round).program(&metrics, &seldom, &outputs)
}

/// Names of tensors that the host reads, with their nodes.
type Named = Vec<(String, Id)>;

/// The nodes of a graph, with every composite that has no kernel replaced by its definition, and every product that is
/// too long for a launch by shorter products; and the metrics, outputs and borders of spans among the new nodes.
fn expand(graph: &Graph, caps: &Caps, borders: &[Id]) -> (Vec<Node>, Named, Named, Vec<Id>) {
    let (lowered, nodes) = (Graph::new(), graph.nodes());
    let (states, metrics, outputs) = (States::new(&nodes), graph.metrics(), graph.outputs());
    // A metric or output that is a state is copied if the state is overwritten later in the round.
    let lost = |(_, id): &&(String, Id)| states.expired(*id, nodes.len());
    let mut copies: HashMap<Id, Id> = metrics.iter().chain(&outputs).filter(lost).map(|(_, id)| (*id, *id)).collect();
    let (mut map, mut passed): (Vec<Id>, Vec<Id>) = (vec![], vec![]);
    for (id, node) in nodes.iter().enumerate() {
        while borders.get(passed.len()) == Some(&id) {
            // No node of one span stands for one of another.
            lowered.forget();
            passed.push(lowered.len());
        }
        let mut inputs: Vec<Var> = node.inputs.iter().map(|&i| lowered.at(map[i])).collect();
        if let (Op::Assign { group, .. }, Some(value)) = (&node.op, inputs.first_mut())
            && matches!(value.op(), Op::State { group: from, .. } if from == *group)
        {
            // One launch cannot read and write the same buffer: the detached value can get a launch of its own.
            *value = value.detach();
        }
        let t = match &node.op {
            Op::Whole if borders.is_empty() => inputs[0],
            Op::Composite(c @ (Composite::Normalize { .. } | Composite::BatchNorm { .. })) => c.define(&inputs),
            // A recurrence that its kernel cannot run takes many launches.
            Op::Composite(c)
                if caps.runs_shaders && sequence(c, &inputs[0].shape()).is_some_and(|s| s.obstacle().is_some()) =>
            {
                c.define(&inputs)
            }
            op => {
                let shortened = if caps.runs_shaders { limits::shortened(&lowered, node, &inputs) } else { None };
                shortened.unwrap_or_else(|| lowered.node(op.clone(), &inputs, node.shape.clone()))
            }
        };
        map.push(t.id());
        copies.entry(id).and_modify(|copy| *copy = t.detach().id());
    }
    let place = |id: Id| copies.get(&id).copied().unwrap_or(map[id]);
    let rename = |list: Vec<(String, Id)>| list.into_iter().map(|(name, id)| (name, place(id))).collect();
    passed.resize(borders.len(), lowered.len());
    (lowered.nodes(), rename(metrics), rename(outputs), passed)
}

/// The sequence of a recurrent composite, whose first input has this shape, `[T, B, gates H]`.
fn sequence(c: &Composite, shape: &[usize]) -> Option<Sequence> {
    let (gates, reverse) = match *c {
        Composite::Lstm { reverse } | Composite::LstmGrad { reverse } | Composite::GruGrad { reverse, .. } => {
            (4, reverse)
        }
        Composite::Gru { reverse, .. } => (3, reverse),
        _ => return None,
    };
    Some(Sequence { steps: shape[0], batch: shape[1], units: shape[2] / gates, reverse })
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
