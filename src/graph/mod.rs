//! The graph: nodes, shapes, hash-consing and the `Copy` handle [`Var`] with operators.
//!
//! The op set is closed under differentiation: a gradient of any order is again a graph. The effects of a graph are
//! updates and assignments of states, metrics and outputs.

mod op;
mod tensor;

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet, HashMap},
};

pub use op::{
    Composite, Dist, Draw, Field, Form, Id, Map, Node, Op, Optimizer, Real, Reset, Role, Shape, numel, without,
};
pub use tensor::Var;

/// Initial values with which the host fills a state before the first round.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Init {
    /// One value everywhere.
    Const(f32),
    /// Normal with this mean and standard deviation.
    Normal(f32, f32),
    /// Uniform on (-a, a).
    Uniform(f32),
    /// This value at the elements `start..end`, zero elsewhere: for example the bias of one of several gates.
    Span {
        /// First element.
        start: usize,
        /// One past the last element.
        end: usize,
        /// Value of these elements.
        value: f32,
    },
    /// A matrix of orthonormal rows or columns, whichever are fewer, times this gain (Saxe et al. 2014).
    Orthogonal(f32),
}

/// One named tensor of a state group.
#[derive(Clone, Debug)]
pub struct Item {
    /// Name, unique within its group.
    pub name: String,
    /// Shape of the tensor.
    pub shape: Shape,
    /// Initial values.
    pub init: Init,
    /// First element within the group's flat buffer, a multiple of [`ALIGN`].
    pub offset: usize,
}

/// Named tensors that live in one flat buffer across rounds, such as a network's parameters or its running statistics.
#[derive(Clone, Debug)]
pub struct Group {
    /// Name, unique within the graph, such as `g`, `d` or `ema`.
    pub name: String,
    /// Its tensors, in the order of their declaration.
    pub items: Vec<Item>,
    /// Elements of the flat buffer, gaps included.
    pub len: usize,
    /// Number of parts of a batch, each of which has rows of its own in these tensors; 1: all share the tensors.
    pub parts: usize,
    version: usize,
    /// Its updates in the graph so far.
    updates: usize,
}

impl Group {
    /// `group.item`: the name of an item in checkpoints and messages. For [`WHOLE`], the name of the group.
    pub fn item_name(&self, item: usize) -> String {
        self.items.get(item).map_or(self.name.clone(), |i| format!("{}.{}", self.name, i.name))
    }

    /// First element and shape of an item. For [`WHOLE`], 0 and `[len]`.
    pub fn span(&self, item: usize) -> (usize, Shape) {
        self.items.get(item).map_or((0, vec![self.len]), |i| (i.offset, i.shape.clone()))
    }
}

/// Items of a group start at multiples of this many elements (256 bytes), so that each can be bound on its own.
pub const ALIGN: usize = 64;

/// A metric that is measured seldom is measured once in so many rounds.
pub const SELDOM: u64 = 10;

/// Name of the state group that counts the updates of the group `name` by Adam; its only tensor is [`COUNT`].
fn count_group(name: &str) -> String {
    format!("{name}.updates")
}

/// See [`count_group`].
const COUNT: &str = "count";

/// The item that stands for a whole group, gaps included.
pub const WHOLE: usize = usize::MAX;

/// A graph under construction. [`Var`]s build it; `grad`, `plan` and `reference` read it.
#[derive(Default)]
pub struct Graph {
    nodes: RefCell<Vec<Node>>,
    memo: RefCell<HashMap<Node, Id>>,
    groups: RefCell<Vec<Group>>,
    pending: RefCell<Vec<(usize, usize, Id)>>,
    metrics: RefCell<Vec<(String, Id)>>,
    seldom: RefCell<BTreeSet<String>>,
    outputs: RefCell<Vec<(String, Id)>>,
    streams: RefCell<u32>,
    draws: RefCell<BTreeMap<Option<usize>, u32>>,
    parts: Cell<usize>,
    ranks: Cell<usize>,
}

impl Graph {
    /// An empty graph.
    pub fn new() -> Self {
        Self::default()
    }

    /// The graph that `build` fills.
    pub fn build(build: impl FnOnce(&Self)) -> Self {
        let graph = Self::new();
        build(&graph);
        graph
    }

    /// Makes this the round of one of so many parts of a batch: what all parts share is written with [`Var::whole`].
    pub fn split(&self, parts: usize) {
        self.parts.set(parts);
    }

    /// The number of parts of a batch.
    pub fn parts(&self) -> usize {
        self.parts.get().max(1)
    }

    /// Shares out the parts among so many ranks. With one part each, what a part has computed lasts for the round.
    pub fn share(&self, ranks: usize) {
        self.ranks.set(ranks);
    }

    /// The number of parts that each rank computes.
    pub fn own_parts(&self) -> usize {
        (self.parts() / self.ranks.get().max(1)).max(1)
    }

    /// Gives the nodes to come no part in what is there already: equal nodes are new ones.
    pub(crate) fn forget(&self) {
        self.memo.borrow_mut().clear();
    }

    /// Adds a node, or returns the equal node that already exists. Updates and assignments are always new nodes.
    pub fn node(&self, op: Op, inputs: &[Var], shape: Shape) -> Var<'_> {
        let inputs: Vec<Id> = inputs.iter().map(|t| t.id).collect();
        let node = Node { op, inputs, shape };
        let effect = matches!(node.op, Op::Update { .. } | Op::Assign { .. });
        if !effect && let Some(&id) = self.memo.borrow().get(&node) {
            return Var { graph: self, id };
        }
        let id = self.nodes.borrow().len();
        if !effect {
            self.memo.borrow_mut().insert(node.clone(), id);
        }
        self.nodes.borrow_mut().push(node);
        Var { graph: self, id }
    }

    /// The handle of a node.
    pub fn at(&self, id: Id) -> Var<'_> {
        Var { graph: self, id }
    }

    /// The number of nodes.
    pub(crate) fn len(&self) -> usize {
        self.nodes.borrow().len()
    }

    /// A copy of all nodes, in creation order, which is a topological order.
    pub fn nodes(&self) -> Vec<Node> {
        self.nodes.borrow().clone()
    }

    /// A copy of the state groups.
    pub fn groups(&self) -> Vec<Group> {
        self.groups.borrow().clone()
    }

    /// The metrics, in the order in which they were declared.
    pub fn metrics(&self) -> Vec<(String, Id)> {
        self.metrics.borrow().clone()
    }

    /// The outputs, in the order in which they were declared.
    pub fn outputs(&self) -> Vec<(String, Id)> {
        self.outputs.borrow().clone()
    }

    /// A constant without axes.
    pub fn scalar(&self, value: f64) -> Var<'_> {
        self.node(Op::Const(Real::new(value)), &[], vec![])
    }

    /// A tensor filled with one value.
    pub fn full<'g>(&'g self, value: f64, shape: &[usize]) -> Var<'g> {
        self.scalar(value).expand(shape)
    }

    /// A tensor that the host writes before each run.
    pub fn input(&self, name: &str, shape: &[usize]) -> Var<'_> {
        self.node(Op::Input(name.into()), &[], shape.to_vec())
    }

    /// Makes the input `name` a state, the tensor of that name of a group, which starts as zeros: what the host gave
    /// can then be learned. `None` if there is no such input.
    pub fn keep(&self, group: usize, name: &str) -> Option<Var<'_>> {
        let (id, shape) = {
            let nodes = self.nodes.borrow();
            let id = nodes.iter().position(|node| node.op == Op::Input(name.into()))?;
            (id, nodes[id].shape.clone())
        };
        let state = self.state(group, name, &shape, Init::Const(0.0));
        let node = self.nodes.borrow()[state.id].clone();
        self.memo.borrow_mut().insert(node.clone(), id);
        self.nodes.borrow_mut()[id] = node;
        Some(self.at(id))
    }

    /// Fresh noise `[B, ..]`; each call uses a stream of its own.
    pub fn random(&self, dist: Dist, shape: &[usize]) -> Var<'_> {
        self.random_of(1, dist, shape)
    }

    /// The same for rows that lie in so many blocks, such as `[T, B, ..]` in T.
    pub fn random_of(&self, blocks: usize, dist: Dist, shape: &[usize]) -> Var<'_> {
        let stream = self.streams.replace_with(|s| *s + 1);
        self.node(Op::Random { stream, dist, blocks }, &[], shape.to_vec())
    }

    /// A new draw of examples, for [`Graph::batch`]. Batches of one draw hold the same examples.
    pub fn draw(&self) -> Draw {
        self.draw_among(None)
    }

    /// The same from the first so many items alone: each of them once in an epoch of such draws.
    pub fn draw_among(&self, among: Option<usize>) -> Draw {
        let number = self.draws(among);
        self.draws.borrow_mut().insert(among, number + 1);
        Draw { number, among }
    }

    /// Examples (or their one-hot classes) of a draw; `shape` includes the batch.
    pub fn batch(&self, draw: Draw, field: Field, shape: &[usize]) -> Var<'_> {
        self.node(Op::Batch { draw, field }, &[], shape.to_vec())
    }

    /// Number of draws per round so far from these items.
    pub fn draws(&self, among: Option<usize>) -> u32 {
        self.draws.borrow().get(&among).copied().unwrap_or(0)
    }

    /// The number of rounds done, as a scalar.
    pub fn clock(&self) -> Var<'_> {
        self.node(Op::Clock, &[], vec![])
    }

    /// The numbers 0 to n - 1, `[n]`.
    pub fn arange(&self, n: usize) -> Var<'_> {
        self.node(Op::Arange, &[], vec![n])
    }

    /// Declares (or finds) a state group.
    pub fn group(&self, name: &str) -> usize {
        let mut groups = self.groups.borrow_mut();
        groups.iter().position(|g| g.name == name).unwrap_or_else(|| {
            groups.push(Group { name: name.into(), items: vec![], len: 0, parts: 1, version: 0, updates: 0 });
            groups.len() - 1
        })
    }

    /// Declares (or finds) a state group whose tensors have a row for each row of a batch of so many parts: each part
    /// reads and writes its own.
    pub fn group_of_rows(&self, name: &str, parts: usize) -> usize {
        let group = self.group(name);
        self.groups.borrow_mut()[group].parts = parts;
        group
    }

    /// Declares (or finds) a named tensor of a group and reads its current version.
    #[track_caller]
    pub fn state(&self, group: usize, name: &str, shape: &[usize], init: Init) -> Var<'_> {
        let (item, version) = {
            let item = self.declare(group, name, shape, init);
            let g = &self.groups.borrow()[group];
            assert_eq!(
                g.items[item].shape, shape,
                "state {}.{name}: declared with one shape, asked for with another",
                g.name
            );
            (item, g.version)
        };
        self.node(Op::State { group, item, version }, &[], shape.to_vec())
    }

    /// Declares (or finds) a named tensor of a group: its number. The order of declarations is that in memory.
    pub(crate) fn declare(&self, group: usize, name: &str, shape: &[usize], init: Init) -> usize {
        let g = &mut self.groups.borrow_mut()[group];
        g.items.iter().position(|i| i.name == name).unwrap_or_else(|| {
            let offset = g.len;
            g.len += numel(shape).next_multiple_of(ALIGN);
            g.items.push(Item { name: name.into(), shape: shape.to_vec(), init, offset });
            g.items.len() - 1
        })
    }

    /// All tensors of a group at its current version.
    pub fn items(&self, group: usize) -> Vec<Var<'_>> {
        let g = self.groups.borrow()[group].clone();
        let read =
            |(item, i): (usize, &Item)| self.node(Op::State { group, item, version: g.version }, &[], i.shape.clone());
        g.items.iter().enumerate().map(read).collect()
    }

    /// The whole flat buffer of a group at its current version. All items of the group must have been declared before.
    pub fn flat(&self, group: usize) -> Var<'_> {
        let (version, len) = (self.groups.borrow()[group].version, self.groups.borrow()[group].len);
        self.node(Op::State { group, item: WHOLE, version }, &[], vec![len])
    }

    /// Gradients of a group's tensors, in order, as one flat vector with the group's layout.
    pub fn pack(&self, group: usize, gradients: &[Var]) -> Var<'_> {
        let len = self.groups.borrow()[group].len;
        self.node(Op::Pack { group }, gradients, vec![len])
    }

    /// Updates a group in place by a flat gradient; later reads of the group see the new version. A group may be
    /// updated several times a round. Pending assignments are carried out first. At a rate of 0 the group waits: its
    /// parameters and its optimiser's moments and count stay as they are.
    pub fn update<'g>(&'g self, group: usize, optimizer: Optimizer, gradient: Var<'g>, rate: Var<'g>) {
        let mut inputs = vec![gradient, rate];
        if let Optimizer::Adam { .. } = optimizer {
            let count = self.update_count(group);
            self.assign(count, count + rate.abs().is_positive().reshape(&[1]));
            self.commit();
            inputs.push(self.update_count(group));
        }
        self.commit();
        let before = self.groups.borrow()[group].updates;
        self.node(Op::Update { group, optimizer, before }, &inputs, vec![]);
        let g = &mut self.groups.borrow_mut()[group];
        g.version += 1;
        g.updates += 1;
    }

    /// The state, `[1]`, with the number of updates of a group by Adam: `g.updates.count` for the group `g`. At its
    /// first update Adam takes its moments for zeros, whatever they are: to assign 0 to this state is to start the
    /// optimiser anew.
    pub fn update_count(&self, group: usize) -> Var<'_> {
        let name = count_group(&self.groups.borrow()[group].name);
        self.state(self.group(&name), COUNT, &[1], Init::Const(0.0))
    }

    /// The name of the state [`Graph::update_count`] for each update by Adam, in order: a group with several updates
    /// occurs several times.
    pub fn counted_updates(&self) -> Vec<String> {
        let (nodes, groups) = (self.nodes.borrow(), self.groups.borrow());
        let by_adam = |node: &Node| match node.op {
            Op::Update { group, optimizer: Optimizer::Adam { .. }, .. } => Some(count_group(&groups[group].name)),
            _ => None,
        };
        nodes.iter().filter_map(by_adam).map(|group| format!("{group}.{COUNT}")).collect()
    }

    /// Assigns a new value to a state. Reads see the old value until the next [`Graph::update`] or [`Graph::commit`].
    #[track_caller]
    pub fn assign(&self, state: Var, value: Var) {
        let node = self.nodes.borrow()[state.id].clone();
        let Op::State { group, item, .. } = node.op else { panic!("assign: not a state: {:?}", node.op) };
        assert_eq!(node.shape, value.shape(), "assign: state and value differ in shape");
        self.pending.borrow_mut().push((group, item, value.id));
    }

    /// Carries out the pending assignments.
    pub fn commit(&self) {
        let pending = self.pending.take();
        for &(group, item, value) in &pending {
            self.node(Op::Assign { group, item }, &[self.at(value)], vec![]);
        }
        for (group, ..) in pending {
            self.groups.borrow_mut()[group].version += 1;
        }
    }

    /// Records a scalar each round under this name; a later value takes the place of an earlier one of the same name.
    #[track_caller]
    pub fn metric(&self, name: &str, value: Var) {
        assert!(value.shape().is_empty(), "metric {name}: not a scalar but {:?}", value.shape());
        let mut metrics = self.metrics.borrow_mut();
        match metrics.iter_mut().find(|(known, _)| known == name) {
            Some((_, id)) => *id = value.id,
            None => metrics.push((name.into(), value.id)),
        }
        self.seldom.borrow_mut().remove(name);
    }

    /// Records a scalar as [`Graph::metric`] does, which is measured once in [`SELDOM`] rounds and stays until then:
    /// what only it depends on costs the rounds between nothing.
    #[track_caller]
    pub fn seldom_metric(&self, name: &str, value: Var) {
        self.metric(name, value);
        self.seldom.borrow_mut().insert(name.into());
    }

    /// The names of [`Graph::seldom_metric`].
    pub fn seldom(&self) -> BTreeSet<String> {
        self.seldom.borrow().clone()
    }

    /// Drops all outputs but those of these names: what only they depend on is then not computed.
    pub fn keep_outputs(&self, names: &[&str]) {
        self.outputs.borrow_mut().retain(|(name, _)| names.contains(&name.as_str()));
    }

    /// Keeps a tensor for the host to read after a run.
    pub fn output(&self, name: &str, value: Var) {
        self.outputs.borrow_mut().push((name.into(), value.id));
    }
}
