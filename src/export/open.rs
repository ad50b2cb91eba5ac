//! Graphs whose noise comes from outside.

use std::collections::{BTreeSet, HashMap};

use crate::{
    error::{Error, Result},
    graph::{Dist, Graph, Node, Op, Shape, Var},
    settings::LatentDist,
};

/// An input of an exported network.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// Its name.
    pub name: String,
    /// Its shape, the examples first.
    pub shape: Shape,
    /// What it holds.
    pub kind: Kind,
}

/// What an input holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Latent values of this distribution.
    Latent(LatentDist),
    /// Noise of this distribution, with which the network draws.
    Noise(Dist),
    /// One-hot classes.
    Classes,
    /// Numbers of so many symbols, and -1 for what stands before the first.
    Symbols(usize),
    /// Units that are 0 or 1.
    Bits,
    /// Codes or states.
    Values,
    /// Examples of numbers.
    Examples,
}

impl Kind {
    /// Its distribution in words; `None` for what is not drawn.
    pub fn distribution(self) -> Option<&'static str> {
        match self {
            Self::Latent(LatentDist::Normal) | Self::Noise(Dist::Normal) => Some("normal"),
            Self::Latent(LatentDist::Uniform) => Some("uniform in -1 to 1"),
            Self::Latent(LatentDist::Unit) | Self::Noise(_) => Some("uniform in 0 to 1"),
            _ => None,
        }
    }
}

/// A copy of what the outputs of a graph depend on, in which noise is an input, and the clock stands at 0.
///
/// All noise of one distribution and one shape `[B, ..]` is one input: `[B, ..]`, or `[B, draws, ..]` of several
/// draws. It is called `z` where the graph has no other input.
///
/// The copy comes with the names and distributions of these inputs.
///
/// # Errors
/// A graph that draws from a data set.
pub fn opened(graph: &Graph) -> Result<(Graph, Vec<(String, Dist)>)> {
    let (nodes, groups) = (graph.nodes(), graph.groups());
    let live = live(graph);
    let alive = || nodes.iter().enumerate().filter(|(id, _)| live[*id]);
    let mut draws: Vec<((Dist, &Shape), usize)> = vec![];
    for (_, node) in alive() {
        let Op::Random { dist, .. } = node.op else { continue };
        match draws.iter_mut().find(|(key, _)| *key == (dist, &node.shape)) {
            Some((_, count)) => *count += 1,
            None => draws.push(((dist, &node.shape), 1)),
        }
    }
    let has_inputs = alive().any(|(_, node)| matches!(node.op, Op::Input(_)));
    let open = Graph::new();
    // In the order of the model, as its networks share one memory.
    let group_of = |(_, node): (usize, &Node)| if let Op::State { group, .. } = node.op { Some(group) } else { None };
    for group in alive().filter_map(group_of).collect::<BTreeSet<_>>().into_iter().map(|n| &groups[n]) {
        let own = open.group(&group.name);
        for item in &group.items {
            open.declare(own, &item.name, &item.shape, item.init);
        }
    }
    let mut noise: HashMap<(Dist, &Shape), (Var, usize)> = HashMap::new();
    let mut names = vec![];
    for (n, (key, count)) in draws.iter().enumerate() {
        let name = match (draws.len(), has_inputs) {
            (1, false) => "z".into(),
            (1, true) => "noise".into(),
            _ => format!("noise{n}"),
        };
        let several: &[usize] = if *count > 1 { &[*count] } else { &[] };
        let shape = [&key.1[..1], several, &key.1[1..]].concat();
        noise.insert(*key, (open.input(&name, &shape), 0));
        names.push((name, key.0));
    }
    let mut here: Vec<Option<Var>> = vec![None; nodes.len()];
    for (id, node) in alive() {
        let inputs: Vec<Var> = node.inputs.iter().filter_map(|&i| here[i]).collect();
        here[id] = Some(match &node.op {
            Op::Random { dist, .. } => {
                let (all, taken) = noise.get_mut(&(*dist, &node.shape)).expect("all draws are counted above");
                let (mut start, mut shape) = (vec![0; all.rank()], all.shape());
                if all.rank() > node.shape.len() {
                    (start[1], shape[1]) = (*taken, 1);
                }
                *taken += 1;
                all.slice(&start, &shape).reshape(&node.shape)
            }
            Op::State { group, item, .. } => {
                let (group, item) = (&groups[*group], &groups[*group].items[*item]);
                open.state(open.group(&group.name), &item.name, &item.shape, item.init)
            }
            Op::Clock => open.scalar(0.0),
            Op::Batch { .. } => return Err(Error::failure("a network that draws examples cannot be exported")),
            op => open.node(op.clone(), &inputs, node.shape.clone()),
        });
    }
    for (name, id) in graph.outputs() {
        open.output(&name, here[id].expect("outputs are live"));
    }
    Ok((open, names))
}

/// The nodes on which outputs depend.
pub fn live(graph: &Graph) -> Vec<bool> {
    let nodes = graph.nodes();
    let mut live = vec![false; nodes.len()];
    graph.outputs().iter().for_each(|(_, id)| live[*id] = true);
    for (id, node) in nodes.iter().enumerate().rev().filter(|(_, node)| !node.inputs.is_empty()) {
        if live[id] {
            node.inputs.iter().for_each(|&input| live[input] = true);
        }
    }
    live
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Init;

    #[test]
    fn copies_keep_the_places_of_states() {
        for first in 0..3 {
            let graph = Graph::build(|g| {
                let group = g.group("net");
                let all = ["a", "b", "c"].map(|name| g.state(group, name, &[3], Init::Const(0.0)));
                g.group("other");
                g.output("y", all[first].exp());
            });
            let groups = opened(&graph).unwrap().0.groups();
            let places: Vec<(&str, usize)> = groups[0].items.iter().map(|i| (i.name.as_str(), i.offset)).collect();
            assert_eq!((groups.len(), places), (1, vec![("a", 0), ("b", 64), ("c", 128)]));
        }
    }
}
