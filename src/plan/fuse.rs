//! Decides which pointwise nodes run inside which kernel, and builds the chain of each kernel.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::{index::Coords, tensors::Tensors};
use crate::{
    graph::{Id, Map, Node, Op, numel},
    kernels::chain::{Chain, Code, Index, Instr, LENGTH, LOADS, Load, OPERANDS},
};

/// Every consumer recomputes a node of at most this many instructions, if this reads no more memory than the stored
/// value would.
const CHEAP_INSTRS: usize = 6;
/// Reads of a tensor that is this many times smaller than the result count as free.
const MUCH_SMALLER: usize = 8;

/// Where launches are expensive, every consumer recomputes a tensor of at most this many elements.
const CHEAP_ELEMENTS: usize = 4096;

/// Largest number of nodes to try in one chain: a longer chain would be cut many times anyway, one cut at a time.
const TRIED: usize = 512;

/// A chain with the tensors that it reads, and the product whose epilogue it is.
#[derive(Clone, Debug, Default)]
pub struct Fusion {
    pub chain: Chain,
    pub operands: Vec<Id>,
    pub anchor: Option<Id>,
    /// Fused nodes whose values the chain computes.
    pub inlined: Vec<Id>,
}

/// Why a group could not be built, and the node to compute on its own instead.
pub struct Unfuse(pub Id);

/// Why a value could not be made part of a chain.
enum Obstacle {
    /// Another node must be computed on its own first.
    Unfuse(Id),
    /// The index into an operand needs more digits than a kernel has.
    Digits,
}

pub fn is_view(op: &Op) -> bool {
    matches!(op, Op::Reshape | Op::Permute(_) | Op::Slice(_) | Op::Broadcast(_) | Op::Detach)
}

pub fn is_pointwise(op: &Op) -> bool {
    matches!(op, Op::Add | Op::Mul | Op::Map(_))
}

/// Whether a node evaluates its inputs through a chain, rather than reading whole buffers.
pub fn takes_chain(op: &Op) -> bool {
    is_pointwise(op) || matches!(op, Op::Sum(_) | Op::Max(_) | Op::Assign { .. })
}

/// Marks the nodes that are computed inside their consumers: pointwise nodes that are not stored and whose uses all end
/// in one kernel, and cheap nodes wherever they are used. Where launches are cheap, a node that is repeated into much
/// larger tensors is computed once.
pub fn choose(nodes: &[Node], live: &[bool], stored: &[bool], launches_are_expensive: bool) -> Vec<bool> {
    let uses = uses(nodes, live, stored);
    let mut fused = vec![false; nodes.len()];
    let mut root: Vec<Option<Id>> = vec![None; nodes.len()];
    let costs = costs(nodes, stored);
    let in_chain = |id: Id| takes_chain(&nodes[id].op) || is_view(&nodes[id].op);
    for id in (0..nodes.len()).rev().filter(|&id| live[id]) {
        if !is_pointwise(&nodes[id].op) || stored[id] || uses[id].is_empty() {
            continue;
        }
        let roots: Vec<Option<Id>> = uses[id].iter().map(|&u| if fused[u] { root[u] } else { Some(u) }).collect();
        root[id] = roots[0].filter(|_| roots.iter().all(|r| *r == roots[0]));
        let (instrs, large) = &costs[id];
        let repeated = !launches_are_expensive
            && *instrs > 1
            && uses[id].iter().all(|&u| elements(nodes, u) >= MUCH_SMALLER * numel(&nodes[id].shape));
        let small = launches_are_expensive && numel(&nodes[id].shape) <= CHEAP_ELEMENTS;
        let cheap = small || (*instrs <= CHEAP_INSTRS && large.len() <= 1);
        let cheap = cheap && uses[id].iter().all(|&u| in_chain(u));
        fused[id] = !repeated && (root[id].is_some_and(in_chain) || cheap);
    }
    fused
}

/// Elements that a consumer visits.
fn elements(nodes: &[Node], id: Id) -> usize {
    match nodes[id].op {
        Op::Sum(_) | Op::Max(_) => numel(&nodes[nodes[id].inputs[0]].shape),
        _ => numel(&nodes[id].shape),
    }
}

/// For each node, the number of instructions that compute it, and the tensors of about its size that they read.
fn costs(nodes: &[Node], stored: &[bool]) -> Vec<(usize, Vec<Id>)> {
    let mut costs: Vec<(usize, Vec<Id>)> = vec![];
    for (id, node) in nodes.iter().enumerate() {
        let own = is_pointwise(&node.op) as usize;
        let cost = if stored[id] || !(own == 1 || is_view(&node.op)) {
            let leaf = !matches!(node.op, Op::Const(_));
            (0, if leaf { vec![id] } else { vec![] })
        } else {
            let instrs = own + node.inputs.iter().map(|&i| costs[i].0).sum::<usize>();
            let mut leaves: Vec<Id> = node.inputs.iter().flat_map(|&i| costs[i].1.clone()).collect();
            leaves.retain(|&l| MUCH_SMALLER * numel(&nodes[l].shape) > numel(&node.shape));
            leaves.sort();
            leaves.dedup();
            // A node with more leaves is not cheap in any case, and the lists would grow with the graph.
            leaves.truncate(2);
            (instrs.min(2 * CHEAP_INSTRS), leaves)
        };
        costs.push(cost);
    }
    costs
}

/// For each node, the nodes that use its value, directly or through views that are not stored.
fn uses(nodes: &[Node], live: &[bool], stored: &[bool]) -> Vec<Vec<Id>> {
    let mut uses: Vec<Vec<Id>> = vec![vec![]; nodes.len()];
    for id in (0..nodes.len()).rev().filter(|&id| live[id]) {
        let through = is_view(&nodes[id].op) && !stored[id];
        let ends = if through { uses[id].clone() } else { vec![id] };
        for &input in &nodes[id].inputs {
            uses[input].extend(&ends);
        }
    }
    uses.iter_mut().for_each(|u| {
        u.sort();
        u.dedup();
    });
    uses
}

/// Builds one chain.
struct Builder<'a> {
    tensors: &'a Tensors,
    /// The inline nodes that the chain assumes to be inline.
    seen: &'a mut HashSet<Id>,
    root: Id,
    count: usize,
    /// The tensor that arrives in register 0: a product, or the state that is assigned to.
    accumulator: Option<Id>,
    registers: HashMap<(Id, Coords), Value>,
    drafts: Vec<Draft>,
    group: Fusion,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Value {
    Register(Slot),
    Constant(f64),
}

/// A register before the number of loads is known.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Slot {
    Accumulator,
    Load(usize),
    Instr(usize),
}

/// An instruction before the number of loads is known.
type Draft = (Code, Slot, Slot, f64);

impl Fusion {
    /// The chain that yields a tensor: with `compute` by the tensor's own operation, else from its value, which can be
    /// an operand. `seen` receives the inline nodes that the chain assumes to be inline.
    pub fn of(
        tensors: &Tensors,
        root: Id,
        accumulator: Option<Id>,
        compute: bool,
        seen: &mut HashSet<Id>,
    ) -> Result<Self, Unfuse> {
        let shape = &tensors.nodes[root].shape;
        let count = numel(shape);
        let (registers, drafts, group) = (HashMap::new(), vec![], Fusion::default());
        let mut b = Builder { tensors, seen, root, count, accumulator, registers, drafts, group };
        let coords = Coords::identity(shape);
        let result = if compute { b.compute(root, coords) } else { b.value(root, coords) };
        let result = result.map_err(|obstacle| match obstacle {
            Obstacle::Unfuse(id) => Unfuse(id),
            Obstacle::Digits => Unfuse(root),
        });
        match result? {
            Value::Constant(c) => b.drafts.push((Code::Const, Slot::Accumulator, Slot::Accumulator, c)),
            Value::Register(Slot::Instr(_) | Slot::Accumulator) => {}
            // The last instruction gives the chain's value, so a bare operand needs one.
            Value::Register(slot) => b.drafts.push((Code::MulC, slot, slot, 1.0)),
        }
        b.finish()
    }
}

impl Builder<'_> {
    fn finish(mut self) -> Result<Fusion, Unfuse> {
        let loads = self.group.chain.loads.len();
        if self.group.operands.len() > OPERANDS || loads > LOADS || self.drafts.len() > LENGTH {
            return Err(Unfuse(self.cut()));
        }
        let register = |s: Slot| match s {
            Slot::Accumulator => 0,
            Slot::Load(i) => 1 + i,
            Slot::Instr(i) => 1 + loads + i,
        };
        let instr = |&(code, a, b, c): &Draft| Instr { code, a: register(a), b: register(b), c: (c as f32).to_bits() };
        self.group.chain.instrs = self.drafts.iter().map(instr).collect();
        self.group.anchor = self.accumulator;
        Ok(self.group)
    }

    /// The node at which to cut a chain that is too long: the largest part that has far fewer elements than the root,
    /// because its launch is cheap; else the part nearest to half of the chain.
    fn cut(&self) -> Id {
        let (nodes, inlined, below) = (self.tensors.nodes.as_slice(), &self.group.inlined, self.below());
        let small = |id: &Id| MUCH_SMALLER * numel(&nodes[*id].shape) <= numel(&nodes[self.root].shape);
        let parts = inlined.iter().copied().filter(small).map(|id| (below[&id], id));
        if let Some((_, id)) = parts.max().filter(|(instrs, _)| *instrs > 1) {
            return id;
        }
        let distance = |id: &Id| (2 * below[id]).abs_diff(inlined.len());
        let parts = inlined.iter().copied().filter(|&id| id != self.root);
        parts.min_by_key(distance).expect("a single operation fits a chain")
    }

    /// For each inlined node, the number of inlined nodes that it is computed from, itself included.
    fn below(&self) -> HashMap<Id, usize> {
        let nodes = self.tensors.nodes.as_slice();
        let numbers: HashMap<Id, usize> = self.group.inlined.iter().enumerate().map(|(n, &id)| (id, n)).collect();
        let mut order: BTreeSet<Id> = BTreeSet::new();
        let mut open: Vec<Id> = numbers.keys().copied().collect();
        while let Some(id) = open.pop() {
            if (numbers.contains_key(&id) || is_view(&nodes[id].op)) && order.insert(id) {
                open.extend(&nodes[id].inputs);
            }
        }
        // Ids are a topological order: inputs come before their users.
        let mut sets: HashMap<Id, Vec<u64>> = HashMap::new();
        for id in order {
            let mut set = vec![0u64; self.group.inlined.len().div_ceil(64)];
            for input in nodes[id].inputs.iter().filter_map(|i| sets.get(i)) {
                set.iter_mut().zip(input).for_each(|(a, b)| *a |= b);
            }
            if let Some(n) = numbers.get(&id) {
                set[n / 64] |= 1 << (n % 64);
            }
            sets.insert(id, set);
        }
        numbers.keys().map(|id| (*id, sets[id].iter().map(|word| word.count_ones() as usize).sum())).collect()
    }

    fn is_inline(&mut self, id: Id) -> bool {
        let inline = self.tensors.is_inline(id);
        if inline {
            self.seen.insert(id);
        }
        inline
    }

    /// A tensor at the given coordinates: a constant, computed here, or an operand.
    fn value(&mut self, id: Id, coords: Coords) -> Result<Value, Obstacle> {
        let key = (id, coords);
        if let Some(&value) = self.registers.get(&key) {
            return Ok(value);
        }
        let node = &self.tensors.nodes[id];
        let value = if let Some(c) = self.tensors.constant(id) {
            Value::Constant(c)
        } else if self.accumulator == Some(id) && key.1.index(&node.shape, self.count) == Some(Index::default()) {
            Value::Register(Slot::Accumulator)
        } else if self.is_inline(id) {
            self.compute(id, key.1.clone())?
        } else {
            self.operand(id, &key.1)?
        };
        self.registers.insert(key, value);
        Ok(value)
    }

    fn operand(&mut self, id: Id, coords: &Coords) -> Result<Value, Obstacle> {
        let index = coords.index(&self.tensors.nodes[id].shape, self.count).ok_or(Obstacle::Digits)?;
        let Fusion { chain, operands, .. } = &mut self.group;
        let operand = position_or_push(operands, id);
        let load = position_or_push(&mut chain.loads, Load { operand, index });
        Ok(Value::Register(Slot::Load(load)))
    }

    fn compute(&mut self, id: Id, coords: Coords) -> Result<Value, Obstacle> {
        let node = &self.tensors.nodes[id];
        if is_view(&node.op) {
            let input = node.inputs[0];
            let inner = coords.through(&node.op, &self.tensors.nodes[input].shape, &node.shape);
            // If digits cannot express the view, its input or its result must be stored.
            let value = inner.ok_or(Obstacle::Digits).and_then(|inner| self.value(input, inner));
            return value.map_err(|obstacle| match obstacle {
                Obstacle::Digits if self.tensors.is_inline(input) => Obstacle::Unfuse(input),
                Obstacle::Digits => Obstacle::Unfuse(id),
                unfuse => unfuse,
            });
        }
        if !is_pointwise(&node.op) {
            return self.operand(id, &coords);
        }
        if self.group.inlined.len() == TRIED {
            return Err(Obstacle::Unfuse(self.cut()));
        }
        self.group.inlined.push(id);
        let (a, b) = (node.inputs[0], node.inputs.get(1).copied());
        match node.op {
            Op::Map(f) => {
                let (code, c) = Code::of(f);
                match self.value(a, coords)? {
                    Value::Register(a) => Ok(self.push(code, a, a, c)),
                    Value::Constant(x) => Ok(Value::Constant(code.apply(x, x, c))),
                }
            }
            Op::Add => {
                let b = b.expect("Add has two inputs");
                if let Some(negated) = self.negated(b) {
                    return self.binary(Code::Sub, a, negated, 0.0, coords);
                }
                if let Some(negated) = self.negated(a) {
                    return self.binary(Code::Sub, b, negated, 0.0, coords);
                }
                self.binary(Code::Add, a, b, 0.0, coords)
            }
            _ => {
                let b = b.expect("Mul has two inputs");
                if let Some((of, slope)) = self.mask(b) {
                    return self.binary(Code::Mask, a, of, slope, coords);
                }
                if let Some((of, slope)) = self.mask(a) {
                    return self.binary(Code::Mask, b, of, slope, coords);
                }
                self.binary(Code::Mul, a, b, 0.0, coords)
            }
        }
    }

    fn push(&mut self, code: Code, a: Slot, b: Slot, c: f64) -> Value {
        self.drafts.push((code, a, b, c));
        Value::Register(Slot::Instr(self.drafts.len() - 1))
    }

    fn binary(&mut self, code: Code, a: Id, b: Id, c: f64, coords: Coords) -> Result<Value, Obstacle> {
        let (a, b) = (self.value(a, coords.clone())?, self.value(b, coords)?);
        Ok(match (code, a, b) {
            (_, Value::Register(a), Value::Register(b)) => self.push(code, a, b, c),
            (_, Value::Constant(a), Value::Constant(b)) => Value::Constant(code.apply(a, b, c)),
            (Code::Add, Value::Register(r), Value::Constant(k))
            | (Code::Add, Value::Constant(k), Value::Register(r)) => self.push(Code::AddC, r, r, k),
            (Code::Mul, Value::Register(r), Value::Constant(k))
            | (Code::Mul, Value::Constant(k), Value::Register(r)) => self.push(Code::MulC, r, r, k),
            (_, a, b) => {
                // Rare: a mask or difference with one constant side.
                let mut register = |v| match v {
                    Value::Register(r) => r,
                    Value::Constant(k) => match self.push(Code::Const, Slot::Accumulator, Slot::Accumulator, k) {
                        Value::Register(r) => r,
                        Value::Constant(_) => unreachable!("push yields a register"),
                    },
                };
                let (a, b) = (register(a), register(b));
                self.push(code, a, b, c)
            }
        })
    }

    /// x, if a node is -x and is computed in this chain.
    fn negated(&mut self, id: Id) -> Option<Id> {
        let (x, c) = self.with_constant(id, &Op::Mul)?;
        (c == -1.0).then_some(x)
    }

    /// y and slope, if a node is the derivative of leaky ReLU in terms of its result y: step(y) * (1 - slope) + slope.
    fn mask(&mut self, id: Id) -> Option<(Id, f64)> {
        let (scaled, slope) = self.with_constant(id, &Op::Add).unwrap_or((id, 0.0));
        let (step, scale) = self.with_constant(scaled, &Op::Mul).unwrap_or((scaled, 1.0));
        let is_step = self.tensors.nodes[step].op == Op::Map(Map::IsPositive) && self.is_inline(step);
        (is_step && scale == 1.0 - slope).then(|| (self.tensors.nodes[step].inputs[0], slope))
    }

    /// x and the constant, if a node is an inlined `x op constant`.
    fn with_constant(&mut self, id: Id, op: &Op) -> Option<(Id, f64)> {
        let node = &self.tensors.nodes[id];
        let fits = node.op == *op && self.is_inline(id);
        let c = if fits { self.tensors.constant(node.inputs[1]) } else { None };
        c.map(|c| (node.inputs[0], c))
    }
}

/// The index of a value in a list; a new value is appended.
fn position_or_push<V: PartialEq>(list: &mut Vec<V>, value: V) -> usize {
    list.iter().position(|v| *v == value).unwrap_or_else(|| {
        list.push(value);
        list.len() - 1
    })
}
