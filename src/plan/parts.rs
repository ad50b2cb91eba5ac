//! Rounds of batches in parts: what each part computes for itself, and what is computed once from the sums over all
//! parts.
//!
//! A round is cut into spans, in turn a span that runs once and a span that runs for each part. [`Op::Whole`] is what
//! passes from the parts to the span after them. What depends on the examples of a part is computed again in a later
//! span that needs it, as temporaries of one part are gone when the next one runs. A rank that computes a single part
//! keeps them.

use std::{
    collections::{BTreeMap, BTreeSet},
    iter,
};

use super::{fuse::is_view, live};
use crate::{
    error::{Error, Result},
    graph::{Graph, Group, Id, Node, Op, WHOLE},
};

/// A round, with its nodes in the order of its spans.
pub struct Cut {
    pub graph: Graph,
    /// The first node of each span but the first; every second span, from the second on, runs for each part.
    pub borders: Vec<Id>,
}

/// Cuts a round of several parts. A graph whose batch has one part needs no cut.
///
/// # Errors
/// An update, a metric or a shared state that depends on the examples of one part.
pub fn cut(graph: &Graph) -> Result<Cut> {
    let (nodes, groups) = (graph.nodes(), graph.groups());
    let (metrics, outputs) = (graph.metrics(), graph.outputs());
    let live = live(&nodes, metrics.iter().chain(&outputs).map(|(_, id)| *id));
    let stages = Stages::of(&nodes, &groups, &live);
    stages.check(&nodes, &groups, &metrics, &live)?;
    let effects = row_effects(&nodes, &groups, &live, &stages);
    let (live, stages) = (&live, &stages);
    let of = |stage: usize| (0..nodes.len()).filter(move |&id| live[id] && stages.of[id] == stage);
    let sums_of = |stage: usize| of(stage).filter(|&id| stages.is_sum(&nodes, id));
    let own_of = |stage: usize| effects.iter().filter(move |(_, of)| **of == stage).map(|(&id, _)| id);
    let needs = |stage: usize| {
        let roots = sums_of(stage).chain(own_of(stage));
        closure(&nodes, &stages.varies, roots.map(|id| nodes[id].inputs[0]))
    };
    let needed: Vec<_> = (0..=stages.last).map(needs).collect();
    let keeps = graph.own_parts() == 1;
    let mut to = Moved::new(&nodes);
    for stage in 0..=stages.last {
        let shared = || of(stage).filter(|&id| !stages.varies[id]);
        shared().filter(|&id| !stages.late[id]).for_each(|id| to.add(id));
        to.border();
        if !keeps {
            to.local.clear();
        }
        needed[stage].iter().for_each(|&id| to.add_local(id));
        to.copies.clear();
        for id in sums_of(stage).map(|id| nodes[id].inputs[0]) {
            // The sum takes the place of what is summed.
            if keeps && owners(&nodes, id).any(|id| needed[stage + 1..].iter().any(|later| later.contains(&id))) {
                to.copy(id);
            }
        }
        for id in own_of(stage) {
            to.node(id);
        }
        to.border();
        shared().filter(|&id| stages.late[id] && !effects.contains_key(&id)).for_each(|id| to.add(id));
    }
    let place = |id: Id| to.graph.at(to.shared[id].expect("metrics and outputs are shared"));
    metrics.iter().for_each(|(name, id)| to.graph.metric(name, place(*id)));
    outputs.iter().for_each(|(name, id)| to.graph.output(name, place(*id)));
    Ok(Cut { graph: to.graph, borders: to.borders })
}

/// Nodes on their way into the order of the spans.
struct Moved<'a> {
    graph: Graph,
    nodes: &'a [Node],
    /// Where the nodes are that are the same for all parts.
    shared: Vec<Option<Id>>,
    /// Where those of a part are.
    local: BTreeMap<Id, Id>,
    /// Copies of these.
    copies: BTreeMap<Id, Id>,
    borders: Vec<Id>,
}

impl<'a> Moved<'a> {
    fn new(nodes: &'a [Node]) -> Self {
        let (shared, [local, copies]) = (vec![None; nodes.len()], [BTreeMap::new(), BTreeMap::new()]);
        Self { graph: Graph::new(), nodes, shared, local, copies, borders: vec![] }
    }

    /// Begins the next span, which computes all of its own nodes.
    fn border(&mut self) {
        self.graph.forget();
        self.borders.push(self.graph.len());
    }

    /// Adds a node, whose inputs are there.
    fn node(&self, id: Id) -> Id {
        let node = &self.nodes[id];
        let summed = |i: &Id| self.copies.get(i).filter(|_| matches!(node.op, Op::Whole));
        let place = |i: &Id| summed(i).or(self.local.get(i)).copied().or(self.shared[*i]).expect("inputs come first");
        let inputs: Vec<_> = node.inputs.iter().map(|i| self.graph.at(place(i))).collect();
        self.graph.node(node.op.clone(), &inputs, node.shape.clone()).id()
    }

    /// Adds a node of a part, unless it is there.
    fn add_local(&mut self, id: Id) {
        if !self.local.contains_key(&id) {
            self.local.insert(id, self.node(id));
        }
    }

    /// Adds a copy of a part's node, to be summed.
    fn copy(&mut self, id: Id) {
        let (x, shape) = (self.graph.at(self.local[&id]), &self.nodes[id].shape);
        let copy = self.graph.node(Op::Mul, &[x, self.graph.full(1.0, shape)], shape.clone()).id();
        self.copies.insert(id, copy);
    }

    /// Adds a node that is the same for all parts.
    fn add(&mut self, id: Id) {
        let is_whole = matches!(self.nodes[id].op, Op::Whole);
        self.shared[id] = match self.nodes[id].inputs.first() {
            // The mean over parts of what all parts share.
            Some(input) if is_whole && !self.local.contains_key(input) => self.shared[*input],
            _ => Some(self.node(id)),
        };
    }
}

/// When each node of a round can be computed.
struct Stages {
    /// Whether a node depends on the part.
    varies: Vec<bool>,
    /// The stage of each node: a stage is a span that runs once, a span of the parts, and what follows from its sums.
    of: Vec<usize>,
    /// Of nodes that all parts share: whether they are computed after the parts of their stage.
    late: Vec<bool>,
    last: usize,
}

impl Stages {
    fn of(nodes: &[Node], groups: &[Group], live: &[bool]) -> Self {
        let none = || vec![false; nodes.len()];
        let mut stages = Self { varies: none(), of: vec![0; nodes.len()], late: none(), last: 0 };
        let mut has_effect = false;
        for (id, node) in nodes.iter().enumerate() {
            stages.varies[id] = match &node.op {
                Op::Random { .. } | Op::Batch { .. } => true,
                Op::State { group, .. } => groups[*group].parts > 1,
                Op::Whole | Op::Update { .. } | Op::Assign { .. } => false,
                _ => node.inputs.iter().any(|&i| stages.varies[i]),
            };
            if !live[id] {
                continue;
            }
            let is_effect = matches!(node.op, Op::Update { .. } | Op::Assign { .. });
            let needs_parts = stages.varies[id] || stages.is_sum(nodes, id);
            // What parts compute after an effect, or from a sum over all parts, is of the next stage.
            let now = stages.last;
            let from_sum = |i: &Id| !stages.varies[*i] && stages.late[*i] && stages.of[*i] == now;
            if needs_parts && (has_effect || (stages.varies[id] && node.inputs.iter().any(from_sum))) {
                (stages.last, has_effect) = (stages.last + 1, false);
            }
            has_effect |= is_effect;
            stages.of[id] = stages.last;
            let follows = |i: &Id| !stages.varies[*i] && stages.late[*i] && stages.of[*i] == stages.last;
            stages.late[id] = has_effect || stages.is_sum(nodes, id) || node.inputs.iter().any(follows);
        }
        stages
    }

    /// Whether a node is the mean of what differs between parts.
    fn is_sum(&self, nodes: &[Node], id: Id) -> bool {
        matches!(nodes[id].op, Op::Whole) && self.varies[nodes[id].inputs[0]]
    }

    /// Refuses what should be the same for all parts and is not.
    fn check(&self, nodes: &[Node], groups: &[Group], metrics: &[(String, Id)], live: &[bool]) -> Result<()> {
        let wrong = |what: String| {
            Err(Error::failure(format!("plan: {what} depends on the examples of one part: it needs `Var::whole`")))
        };
        if let Some((name, _)) = metrics.iter().find(|(_, id)| self.varies[*id]) {
            return wrong(format!("the metric {name}"));
        }
        for (id, node) in nodes.iter().enumerate().filter(|(id, _)| live[*id]) {
            let name = match node.op {
                Op::Update { group, .. } => groups[group].item_name(WHOLE),
                Op::Assign { group, item } if groups[group].parts == 1 => groups[group].item_name(item),
                _ => continue,
            };
            if nodes[id].inputs.iter().any(|&i| self.varies[i]) {
                return wrong(name);
            }
        }
        Ok(())
    }
}

/// The nodes that vary and that the roots depend on, in order.
fn closure(nodes: &[Node], varies: &[bool], roots: impl Iterator<Item = Id>) -> BTreeSet<Id> {
    let mut found = BTreeSet::new();
    let mut open: Vec<Id> = roots.filter(|&id| varies[id]).collect();
    while let Some(id) = open.pop() {
        if found.insert(id) {
            open.extend(nodes[id].inputs.iter().copied().filter(|&i| varies[i]));
        }
    }
    found
}

/// A node and those whose memory it may share.
fn owners(nodes: &[Node], id: Id) -> impl Iterator<Item = Id> {
    iter::successors(Some(id), |&id| nodes[id].inputs.first().copied().filter(|_| is_view(&nodes[id].op)))
}

/// The assignments of rows, each with the stage in whose parts it happens: that of its value, or a later one whose
/// parts compute something again from the rows as they were.
fn row_effects(nodes: &[Node], groups: &[Group], live: &[bool], stages: &Stages) -> BTreeMap<Id, usize> {
    let mut readers: BTreeMap<(usize, usize), Vec<(usize, usize)>> = BTreeMap::new();
    for stage in 0..=stages.last {
        let is_sum = |id: &Id| live[*id] && stages.of[*id] == stage && stages.is_sum(nodes, *id);
        let roots = (0..nodes.len()).filter(is_sum).map(|id| nodes[id].inputs[0]);
        for id in closure(nodes, &stages.varies, roots) {
            if let Op::State { group, item, version } = nodes[id].op {
                readers.entry((group, item)).or_default().push((version, stage));
            }
        }
    }
    let mut effects = BTreeMap::new();
    let mut before: BTreeMap<usize, usize> = BTreeMap::new();
    for (id, node) in nodes.iter().enumerate().filter(|(id, _)| live[*id]) {
        let Op::Assign { group, item } = node.op else { continue };
        if groups[group].parts == 1 {
            continue;
        }
        let version = before.entry(group).or_default();
        let reads = readers.get(&(group, item)).map_or(&[][..], Vec::as_slice);
        let latest = reads.iter().filter(|(read, _)| *read <= *version).map(|(_, stage)| *stage).max();
        effects.insert(id, latest.unwrap_or(0).max(stages.of[node.inputs[0]]));
        *version += 1;
    }
    effects
}
