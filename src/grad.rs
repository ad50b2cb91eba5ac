//! Reverse-mode differentiation: graph in, graph out, one rule per primitive. A gradient is again a graph, so it can be
//! differentiated to any order.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::graph::{Form, Id, Map, Op, Role, Var};

/// Gradients of a scalar with respect to the tensors `wrt`, one for each, of its shape.
///
/// The tensors of `wrt` count as independent: no gradient flows through one of them to another. A tensor that the
/// scalar does not depend on gets zeros.
#[track_caller]
pub fn grad<'g>(loss: Var<'g>, wrt: &[Var<'g>]) -> Vec<Var<'g>> {
    assert!(loss.shape().is_empty(), "grad: wants a scalar, got {:?}", loss.shape());
    let g = loss.graph();
    let ends: HashSet<Id> = wrt.iter().map(|t| t.id()).collect();
    let depends = dependents(loss, &ends);
    let mut cotangents: HashMap<Id, Var<'g>> = HashMap::from([(loss.id(), g.scalar(1.0))]);
    for (&id, _) in depends.iter().rev().filter(|(id, depends)| **depends && !ends.contains(id)) {
        let Some(dy) = cotangents.remove(&id) else { continue };
        let y = g.at(id);
        let x = y.inputs();
        let wanted: Vec<bool> = x.iter().map(|t| depends[&t.id()]).collect();
        for (n, dx) in rule(y, &x, dy, &wanted).into_iter().enumerate() {
            if let Some(dx) = dx.filter(|_| wanted[n]) {
                let sum = cotangents.get(&x[n].id()).map_or(dx, |&other| other + dx);
                cotangents.insert(x[n].id(), sum);
            }
        }
    }
    wrt.iter().map(|t| cotangents.get(&t.id()).copied().unwrap_or_else(|| g.full(0.0, &t.shape()))).collect()
}

/// For each node that a gradient can reach between the loss and `ends`, whether the node depends on one of `ends`.
fn dependents(loss: Var, ends: &HashSet<Id>) -> BTreeMap<Id, bool> {
    let g = loss.graph();
    let below = |id: Id| match g.at(id).op() {
        _ if ends.contains(&id) => vec![],
        Op::Detach | Op::Map(Map::IsPositive) => vec![],
        _ => g.at(id).inputs(),
    };
    let mut depends: BTreeMap<Id, bool> = BTreeMap::new();
    let mut open = vec![loss.id()];
    while let Some(id) = open.pop() {
        if depends.insert(id, ends.contains(&id)).is_none() {
            open.extend(below(id).iter().map(|t| t.id()));
        }
    }
    // Ids are a topological order: inputs come before their users.
    for id in depends.keys().copied().collect::<Vec<_>>() {
        let reached = ends.contains(&id) || below(id).iter().any(|i| depends[&i.id()]);
        depends.insert(id, reached);
    }
    depends
}

/// Cotangents of a node's inputs; only the `wanted` ones are needed.
fn rule<'g>(y: Var<'g>, x: &[Var<'g>], dy: Var<'g>, wanted: &[bool]) -> Vec<Option<Var<'g>>> {
    let one = |t: Var<'g>| vec![Some(t)];
    match y.op() {
        Op::Add => vec![Some(dy), Some(dy)],
        Op::Mul => vec![wanted[0].then(|| dy * x[1]), wanted[1].then(|| dy * x[0])],
        Op::Map(f) => one(map_rule(f, x[0], y, dy)),
        Op::Sum(axes) => one(dy.broadcast(&x[0].shape(), &axes)),
        Op::Max(axes) => {
            // Ties share the cotangent equally.
            let spread = |t: Var<'g>| t.broadcast(&x[0].shape(), &axes);
            let mask = 1.0 - (spread(y) - x[0]).is_positive();
            let ties = mask.sum(&axes).recip();
            one(mask * spread(dy * ties))
        }
        Op::Broadcast(axes) => one(dy.sum(&axes)),
        Op::Slice(start) => one(dy.pad(&start, &x[0].shape())),
        Op::Pad(before) => one(dy.slice(&before, &x[0].shape())),
        Op::Reshape => one(dy.reshape(&x[0].shape())),
        Op::Permute(perm) => {
            let mut inverse = vec![0; perm.len()];
            perm.iter().enumerate().for_each(|(i, &p)| inverse[p] = i);
            one(dy.permute(&inverse))
        }
        Op::Contract { form, role } => contract_rule(form, role, x, dy, wanted),
        Op::Composite(c) => c.vjp(x, y, dy).into_iter().map(Some).collect(),
        op => panic!("grad: {op:?} cannot be differentiated"),
    }
}

fn map_rule<'g>(f: Map, x: Var<'g>, y: Var<'g>, dy: Var<'g>) -> Var<'g> {
    match f {
        Map::Exp => dy * y,
        Map::Log => dy * x.recip(),
        Map::Sqrt => dy * y.recip() * 0.5,
        Map::Recip => -(dy * y * y),
        Map::Tanh => dy * (1.0 - y * y),
        Map::Sigmoid => dy * (y * (1.0 - y)),
        Map::Softplus => dy * x.sigmoid(),
        Map::IsPositive => dy * 0.0,
        Map::Abs => dy * (x.is_positive() * 2.0 - 1.0),
        Map::Sin => dy * x.cos(),
        Map::Cos => -(dy * x.sin()),
        // The result has the sign of the argument, so the argument itself need not be kept.
        Map::Leaky(slope) => dy * (y.is_positive() * (1.0 - slope.get()) + slope.get()),
        Map::Clamp(limit) => dy * (1.0 - (x.abs() - limit.get()).is_positive()),
    }
}

/// The one rule of trilinear forms: the gradient of a node of role r with respect to slot s is the same form with role
/// s and with the cotangent in slot r.
fn contract_rule<'g>(form: Form, role: Role, x: &[Var<'g>], dy: Var<'g>, wanted: &[bool]) -> Vec<Option<Var<'g>>> {
    let slots = match role {
        Role::X => [Role::W, Role::Y],
        Role::W => [Role::X, Role::Y],
        Role::Y => [Role::X, Role::W],
    };
    let with = |slot: usize| {
        let (target, other) = (slots[slot], (slots[1 - slot], x[1 - slot]));
        let cotangent = (role, dy);
        let (a, b) = if other.0 < cotangent.0 { (other.1, dy) } else { (dy, other.1) };
        a.contract(form, target, b, x[slot].shape())
    };
    (0..2).map(|slot| wanted[slot].then(|| with(slot))).collect()
}
