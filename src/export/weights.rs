//! The values and names of what in a graph depends on nothing but states.

use std::collections::HashMap;

use crate::{
    checkpoint::{Checkpoint, Tensor},
    error::Result,
    graph::{Graph, Group, Id, Node, Op, WHOLE, numel},
    reference::Reference,
};

/// The states of a graph with the values of a checkpoint, and what can be computed from them once and for all.
pub struct Weights<'a> {
    graph: &'a Graph,
    checkpoint: &'a Checkpoint,
    nodes: Vec<Node>,
    groups: Vec<Group>,
    /// Whether names begin with that of their group, as there are several.
    prefixed: bool,
    known: HashMap<Id, Tensor>,
    reference: Option<Reference>,
}

impl<'a> Weights<'a> {
    /// The states of a graph without updates and assignments.
    pub fn of(graph: &'a Graph, checkpoint: &'a Checkpoint) -> Self {
        let (nodes, groups) = (graph.nodes(), graph.groups());
        let mut families: Vec<&str> = groups.iter().map(|group| family(&group.name)).collect();
        families.sort_unstable();
        families.dedup();
        let prefixed = families.len() > 1;
        Self { graph, checkpoint, nodes, groups, prefixed, known: HashMap::new(), reference: None }
    }

    /// The values of a node that depends on states only.
    ///
    /// # Errors
    /// A state that the checkpoint does not have in this shape.
    pub fn tensor(&mut self, id: Id) -> Result<Tensor> {
        if let Some(tensor) = self.known.get(&id) {
            return Ok(tensor.clone());
        }
        let tensor = match self.nodes[id].op {
            Op::State { group, item, .. } if item != WHOLE => self.state(group, item)?.clone(),
            _ => {
                let reference = match self.reference.take() {
                    Some(reference) => reference,
                    None => self.reference()?,
                };
                let values = reference.value(self.graph.at(id));
                self.reference = Some(reference);
                Tensor { shape: self.nodes[id].shape.clone(), data: values.iter().map(|v| *v as f32).collect() }
            }
        };
        self.known.insert(id, tensor.clone());
        Ok(tensor)
    }

    fn state(&self, group: usize, item: usize) -> Result<&'a Tensor> {
        let group = &self.groups[group];
        self.checkpoint.tensor(&group.item_name(item), &group.items[item].shape)
    }

    fn reference(&self) -> Result<Reference> {
        let mut reference = Reference::default();
        for (g, group) in self.groups.iter().enumerate() {
            let mut flat = vec![0.0; group.len];
            for (i, item) in group.items.iter().enumerate() {
                let values = flat[item.offset..][..numel(&item.shape)].iter_mut().zip(&self.state(g, i)?.data);
                values.for_each(|(flat, value)| *flat = f64::from(*value));
            }
            reference.states.insert(group.name.clone(), flat);
        }
        Ok(reference)
    }

    /// The name of a node among the weights: that of its state, or one like it.
    pub fn name(&self, id: Id) -> String {
        let name = self.items(id).first().map_or("constant".into(), |item| item.replace('.', "_"));
        match self.nodes[id].op {
            Op::State { .. } => name,
            _ => format!("{name}_{id}"),
        }
    }

    /// The name of the layer that a node is a weight of: what the names of its states have in common.
    pub fn layer(&self, id: Id) -> String {
        let items = self.items(id);
        let parts = |item: &String| item.split('.').map(str::to_string).collect::<Vec<_>>();
        let Some(first) = items.first().map(parts) else { return self.name(id) };
        let common = items
            .iter()
            .map(parts)
            .fold(first.len() - 1, |common, item| (0..common).take_while(|&n| item.get(n) == first.get(n)).count());
        first[..common.max(1)].join("_")
    }

    /// Whether a node is the state `weight` of a layer.
    pub fn is_layer(&self, id: Id) -> bool {
        let Op::State { group, item, .. } = self.nodes[id].op else { return false };
        self.groups[group].items.get(item).is_some_and(|item| item.name.ends_with(".weight"))
    }

    /// The names of the states on which a node depends.
    fn items(&self, id: Id) -> Vec<String> {
        match self.nodes[id].op {
            Op::State { group, item, .. } => {
                let group = &self.groups[group];
                let item = group.items.get(item).map_or("", |item| &item.name);
                let prefix = if self.prefixed { format!("{}_", family(&group.name)) } else { String::new() };
                vec![format!("{prefix}{item}")]
            }
            _ => self.nodes[id].inputs.iter().flat_map(|&input| self.items(input)).collect(),
        }
    }
}

/// The network to which a group belongs: `ema` for `ema.stats`.
fn family(group: &str) -> &str {
    group.split('.').next().unwrap_or(group)
}
