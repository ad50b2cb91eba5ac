//! Builds the chain of every launch that has one.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::{
    emit,
    fuse::{Fusion, Unfuse, is_pointwise, is_view},
    tensors::Tensors,
};
use crate::{
    error::{Error, Result},
    graph::{Id, Op, numel},
    kernels::chain::DIGITS,
};

/// Builds the chains, in the order of the nodes. A node that does not fit into the chains of its consumers is stored:
/// it gets a launch of its own, and the chains that assumed it to be inline are built again.
pub fn build(t: &mut Tensors) -> Result<Vec<Option<Fusion>>> {
    let mut groups: Vec<Option<Fusion>> = vec![None; t.nodes.len()];
    // For each inline node, the launches whose chains assume it to be inline.
    let mut dependents: HashMap<Id, Vec<Id>> = HashMap::new();
    let mut open: BTreeSet<Id> = (0..t.nodes.len()).filter(|&id| t.live[id] && !t.is_inline(id)).collect();
    while let Some(id) = open.pop_first() {
        let mut seen = HashSet::new();
        match group(t, id, &mut seen) {
            Ok(group) => {
                groups[id] = group;
                seen.into_iter().for_each(|node| dependents.entry(node).or_default().push(id));
            }
            Err(Unfuse(part)) if t.is_inline(part) => {
                t.stored[part] = true;
                open.extend([id, part]);
                open.extend(dependents.remove(&part).unwrap_or_default());
            }
            Err(Unfuse(part)) => {
                let node = &t.nodes[part];
                return Err(Error::failure(format!(
                    "plan: {:?} of shape {:?} has more than {DIGITS} axes that do not merge: do it in several steps",
                    node.op, node.shape
                )));
            }
        }
    }
    Ok(groups)
}

/// The chain of a launch, if it has one, or the node that must be computed on its own first. `seen` receives the inline
/// nodes that the chain assumes to be inline.
fn group(t: &Tensors, id: Id, seen: &mut HashSet<Id>) -> Result<Option<Fusion>, Unfuse> {
    let node = &t.nodes[id];
    let group = match node.op {
        Op::Sum(_) | Op::Max(_) => Fusion::of(t, node.inputs[0], None, false, seen)?,
        Op::Assign { group, item } => assignment(t, id, (group, item), seen)?,
        Op::Pack { .. } => {
            // Gradients that cannot be written in place are copied by a chain.
            node.inputs.iter().try_for_each(|&i| Fusion::of(t, i, None, false, seen).map(drop))?;
            return Ok(None);
        }
        ref op if is_pointwise(op) => {
            let plain = Fusion::of(t, id, None, true, seen)?;
            epilogue(t, id, &plain, seen)?.unwrap_or(plain)
        }
        ref op if is_view(op) => Fusion::of(t, id, None, true, seen)?,
        _ => return Ok(None),
    };
    if let Some(&state) = group.operands.iter().find(|s| t.states.expired(**s, id)) {
        let mut parts = group.inlined.iter().chain(&node.inputs).copied();
        let reader = parts.find(|&i| i != id && t.is_inline(i) && reads(t, i, state));
        return Err(Unfuse(reader.expect("direct reads were checked")));
    }
    Ok(Some(group))
}

/// Whether an inline node reads a tensor, directly or through other inline nodes.
fn reads(t: &Tensors, id: Id, tensor: Id) -> bool {
    let (mut seen, mut open) = (HashSet::new(), vec![id]);
    while let Some(id) = open.pop() {
        for &i in &t.nodes[id].inputs {
            if i == tensor {
                return true;
            }
            if t.is_inline(i) && seen.insert(i) {
                open.push(i);
            }
        }
    }
    false
}

/// An assignment's chain, with the old value of the state as its accumulator.
fn assignment(t: &Tensors, id: Id, (group, item): (usize, usize), seen: &mut HashSet<Id>) -> Result<Fusion, Unfuse> {
    let value = t.nodes[id].inputs[0];
    let chain = Fusion::of(t, value, t.states.read_before(group, item, id), false, seen)?;
    let same_buffer = |s: &Id| matches!(t.nodes[*s].op, Op::State { group: g, .. } if g == group);
    // One launch cannot read and write the same buffer.
    if chain.operands.iter().any(same_buffer) {
        return Err(Unfuse(value));
    }
    Ok(chain)
}

/// The same chain as the epilogue of a product without other readers, if one of its operands is such a product.
fn epilogue(t: &Tensors, root: Id, plain: &Fusion, seen: &mut HashSet<Id>) -> Result<Option<Fusion>, Unfuse> {
    let candidates = plain.chain.loads.iter().map(|l| (plain.operands[l.operand], &l.index)).filter(|(id, index)| {
        let node = &t.nodes[*id];
        **index == Default::default()
            && emit::has_epilogue(&node.op)
            && numel(&node.shape) == numel(&t.nodes[root].shape)
    });
    for (id, _) in candidates {
        if !t.stored[id] && only_here(t, id, root, plain, seen) && in_time(t, id, root, seen) {
            let group = Fusion::of(t, root, Some(id), true, seen)?;
            if !group.operands.contains(&id) {
                return Ok(Some(group));
            }
        }
    }
    Ok(None)
}

/// Whether the inputs of a product can still be read at the root's launch.
fn in_time(t: &Tensors, product: Id, root: Id, seen: &mut HashSet<Id>) -> bool {
    t.nodes[product].inputs.iter().all(|&input| {
        let input = t.factor(product, input).0;
        let base = t.base(input);
        let mut alias = input;
        while alias != base {
            seen.insert(alias);
            alias = t.nodes[alias].inputs[0];
        }
        t.states.end(base).is_none_or(|end| root <= end)
    })
}

/// Whether a product is used by no other launch than the root's.
fn only_here(t: &Tensors, product: Id, root: Id, plain: &Fusion, seen: &mut HashSet<Id>) -> bool {
    // Users of the product's memory must be computed in the root's chain; the users of these may also be views.
    let (mut passed, mut open) = (HashSet::new(), vec![(product, true)]);
    while let Some((id, bare)) = open.pop() {
        for &user in t.users(id) {
            let alias = bare && t.is_alias(user);
            let view = !bare && is_view(&t.nodes[user].op) && t.is_inline(user);
            if alias || view {
                seen.insert(user);
            }
            let inside = plain.inlined.contains(&user) && (!bare || t.fused[user]);
            if user != root && !alias && !view && !inside {
                return false;
            }
            if user != root && passed.insert((user, alias)) {
                open.push((user, alias));
            }
        }
    }
    true
}
