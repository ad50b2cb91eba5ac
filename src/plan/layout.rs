//! Places tensors in memory: shared buffers, gradients and metrics written directly to their destination, temporaries
//! in slots.

use std::{
    collections::{HashMap, HashSet},
    ops::Range,
};

use super::{
    fuse::Fusion,
    limits,
    slots::{self, Lifetime},
    tensors::Tensors,
};
use crate::{
    error::Result,
    graph::{ALIGN, Group, Id, Init, Op, Shape, numel},
    kernels::{Caps, Clock, Kernel, random::clock_len},
    program::{Buffer, BufferId, Content, Launch, Output, Parts, Program, Slice, Span, StateItem, Sums},
};

/// Where a tensor lies, before temporaries have their slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub base: Base,
    pub offset: usize,
    pub len: usize,
}

impl Place {
    /// A range of its elements.
    pub fn part(&self, range: &std::ops::Range<usize>) -> Self {
        Self { offset: self.offset + range.start, len: range.len(), ..*self }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Base {
    Temporary(usize),
    Buffer(BufferId),
}

/// One of two tensors that are joined: its padding node, the tensor itself, and its first element in the whole.
struct Part {
    pad: Id,
    id: Id,
    offset: usize,
}

/// A launch whose operands have places, before temporaries have their slots.
pub(super) struct Placed {
    pub kernel: Kernel,
    pub bindings: Vec<Place>,
    pub operands: Vec<Place>,
    pub label: String,
    /// See [`Launch::every`].
    pub every: u64,
}

/// The memory of a program under construction.
pub(super) struct Layout<'a> {
    t: &'a Tensors,
    groups: &'a [Option<Fusion>],
    states: &'a [Group],
    caps: &'a Caps,
    pub program: Program,
    buffers: HashMap<String, BufferId>,
    places: HashMap<Id, Place>,
    labels: HashMap<Id, String>,
    temporaries: Vec<usize>,
    /// Temporaries that the host reads or that hold metrics: they live to the end of the round.
    kept: Vec<usize>,
    /// Outputs: name, extents and place.
    outputs: Vec<(String, Shape, Place)>,
}

impl<'a> Layout<'a> {
    pub fn new(t: &'a Tensors, groups: &'a [Option<Fusion>], states: &'a [Group], caps: &'a Caps) -> Self {
        Self {
            t,
            groups,
            states,
            caps,
            program: Program::default(),
            buffers: HashMap::new(),
            places: HashMap::new(),
            labels: HashMap::new(),
            temporaries: vec![],
            kept: vec![],
            outputs: vec![],
        }
    }

    /// The name of a tensor in the program.
    pub fn label(&self, id: Id) -> String {
        self.labels.get(&id).cloned().unwrap_or_else(|| format!("%{id} {:?}", self.t.shape(id)))
    }

    /// Whether a tensor has been given this place.
    pub fn is_at(&self, id: Id, place: Place) -> bool {
        self.places.get(&id) == Some(&place)
    }

    /// Makes a tensor an output of the program.
    pub fn keep(&mut self, name: &str, id: Id) {
        let place = self.read(id);
        if let Base::Temporary(t) = place.base {
            self.kept.push(t);
        }
        self.outputs.push((name.into(), self.t.shape(id).to_vec(), place));
    }

    pub fn buffer(&mut self, key: String, content: Content, len: usize) -> BufferId {
        let buffers = &mut self.program.buffers;
        let id = *self.buffers.entry(key).or_insert_with(|| {
            buffers.push(Buffer { content, len: 0 });
            buffers.len() - 1
        });
        buffers[id].len = buffers[id].len.max(len);
        id
    }

    pub fn whole(&mut self, key: String, content: Content, len: usize) -> Place {
        Place { base: Base::Buffer(self.buffer(key, content, len)), offset: 0, len }
    }

    pub fn temporary(&mut self, len: usize) -> Place {
        self.temporaries.push(len);
        Place { base: Base::Temporary(self.temporaries.len() - 1), offset: 0, len }
    }

    /// Ranges of a tensor of `len` elements, each small enough for one binding.
    pub fn parts_of(&self, len: usize) -> Vec<std::ops::Range<usize>> {
        let most = ((self.caps.max_binding / 4) as usize / ALIGN * ALIGN).max(ALIGN);
        (0..len).step_by(most).map(|start| start..len.min(start + most)).collect()
    }

    pub fn clock(&mut self) -> Place {
        self.whole("clock".into(), Content::Clock, Clock::LEN)
    }

    /// The clock as kernels read it that compute for one of so many parts of a batch.
    pub fn clock_of(&mut self, parts: usize) -> Place {
        self.whole("clock".into(), Content::Clock, clock_len(parts))
    }

    /// A state group's flat buffer, or one of its moments.
    pub fn state(&mut self, group: usize, moment: Option<&str>) -> Place {
        let g = &self.states[group];
        let (name, len) = (moment.map_or(g.name.clone(), |m| format!("{}.{m}", g.name)), g.len);
        let key = format!("state {name}");
        if !self.buffers.contains_key(&key) {
            for item in &g.items {
                let init = if moment.is_some() { Init::Const(0.0) } else { item.init };
                let full = format!("{name}.{}", item.name);
                let mut shape = item.shape.clone();
                shape.iter_mut().take(1).for_each(|rows| *rows *= g.parts);
                self.program.items.push(StateItem {
                    name: full,
                    shape,
                    parts: g.parts,
                    init,
                    state: name.clone(),
                    offset: item.offset,
                });
            }
        }
        self.whole(key, Content::State(name), len)
    }

    pub fn item(&mut self, group: usize, item: usize) -> Place {
        let flat = self.state(group, None);
        let (offset, shape) = self.states[group].span(item);
        Place { offset, len: numel(&shape), ..flat }
    }

    pub fn gradients(&mut self, group: usize) -> Place {
        let (name, len) = (self.states[group].name.clone(), self.states[group].len);
        self.whole(format!("gradients {name}"), Content::Gradients(name), len)
    }

    /// The place of a stored tensor; the first call assigns it.
    pub fn place(&mut self, id: Id) -> Place {
        if let Some(&place) = self.places.get(&id) {
            return place;
        }
        let place = match (&self.t.nodes[id].op, self.t.constant(id)) {
            (_, Some(c)) => self.whole(format!("constant {c}"), Content::Constant(c as f32), self.t.len(id)),
            (Op::State { group, item, .. }, _) => self.item(*group, *item),
            (Op::Input(name), _) => self.whole(format!("input {name}"), Content::Input(name.clone()), self.t.len(id)),
            (Op::Clock, _) => self.clock(),
            (Op::Arange, _) => self.whole("arange".into(), Content::Arange, self.t.len(id)),
            (Op::Pack { group }, _) => self.gradients(*group),
            // The sum over parts takes the place of what the last part has computed.
            (Op::Whole, _) => self.read(self.t.nodes[id].inputs[0]),
            _ => self.temporary(self.t.len(id)),
        };
        self.places.insert(id, place);
        place
    }

    pub fn read(&mut self, id: Id) -> Place {
        let (base, first) = self.t.range(id);
        let len = self.t.len(id);
        self.place(base).part(&(first..first + len))
    }

    /// The tensor that owns the memory of `id`, if `id` is all of it, a launch of its own writes it, and it has no
    /// place yet.
    pub fn placeable(&self, id: Id) -> Option<Id> {
        let base = self.t.base(id);
        let op = &self.t.nodes[base].op;
        let leaf = matches!(op, Op::Input(_) | Op::State { .. } | Op::Clock | Op::Arange | Op::Pack { .. } | Op::Whole);
        let made = !leaf && self.t.constant(base).is_none() && !self.t.is_inline(base);
        (made && self.t.len(base) == self.t.len(id) && !self.places.contains_key(&base)).then_some(base)
    }

    /// Lets launches write gradients that only their pack reads directly into the packed buffer.
    pub fn place_gradients(&mut self) {
        for id in (0..self.t.nodes.len()).filter(|&id| self.t.live[id]) {
            let Op::Pack { group } = self.t.nodes[id].op else { continue };
            let flat = self.gradients(group);
            let (t, inputs) = (self.t, &self.t.nodes[id].inputs);
            // Two parameters can share one gradient, which cannot lie in both places.
            let times = times(inputs.iter().map(|&i| t.base(i)));
            for (item, &g) in inputs.iter().enumerate() {
                let i = self.states[group].items[item].clone();
                if let Some(base) = self.placeable(g).filter(|b| times[b] == 1 && t.is_only_reader(id, *b)) {
                    self.places.insert(base, Place { offset: i.offset, len: numel(&i.shape), ..flat });
                    self.labels.insert(base, format!("gradient of {}", self.states[group].item_name(item)));
                }
            }
        }
    }

    /// Lets launches write tensors that are joined along their first axis directly into the whole. Returns the nodes
    /// that need no launch then: the sum of the two padded parts, and the paddings.
    pub fn place_parts(&mut self) -> HashSet<Id> {
        let mut joined = HashSet::new();
        for whole in (0..self.t.nodes.len()).filter(|&id| self.t.live[id] && !self.t.is_inline(id)) {
            let Some(parts) = self.parts(whole) else { continue };
            let place = self.place(whole);
            for Part { pad, id, offset } in parts {
                self.places.insert(id, Place { offset, len: self.t.len(id), ..place });
                joined.insert(pad);
            }
            joined.insert(whole);
        }
        joined
    }

    /// The two parts that fill a tensor, if both can be written in place: they are aligned, and neither launch reads
    /// the other part, because a launch may not bind a buffer twice if it writes it.
    fn parts(&self, whole: Id) -> Option<[Part; 2]> {
        let node = &self.t.nodes[whole];
        if node.op != Op::Add || self.places.contains_key(&whole) {
            return None;
        }
        let part = |pad: Id| {
            let Op::Pad(before) = &self.t.nodes[pad].op else { return None };
            let id = self.placeable(self.t.nodes[pad].inputs[0])?;
            let first = node.shape.iter().take_while(|&&n| n == 1).count();
            let offset = before[first] * numel(&node.shape[first + 1..]);
            let rows = before[first + 1..].iter().all(|&b| b == 0) && self.t.is_only_reader(whole, pad);
            (rows && offset.is_multiple_of(ALIGN)).then_some(Part { pad, id, offset })
        };
        let mut parts = [part(node.inputs[0])?, part(node.inputs[1])?];
        parts.sort_by_key(|p| p.offset);
        let [a, b] = &parts;
        let filled = a.offset == 0 && b.offset == self.t.len(a.id) && b.offset + self.t.len(b.id) == self.t.len(whole);
        let apart = a.id != b.id && !self.reads(a.id).contains(&b.id) && !self.reads(b.id).contains(&a.id);
        (filled && apart).then_some(parts)
    }

    /// The tensors that the launch of a tensor reads.
    fn reads(&self, id: Id) -> Vec<Id> {
        let mut reads = self.t.nodes[id].inputs.clone();
        if let Some(group) = &self.groups[id] {
            // A product and its epilogue are one launch, and so are a reduction and its scale.
            let below = group.operands.iter().chain(&group.anchor);
            reads.extend(below.flat_map(|&i| [vec![i], self.t.nodes[i].inputs.clone()].concat()));
            reads.extend(group.operands.iter().filter_map(|&i| self.groups[i].as_ref()).flat_map(|g| &g.operands));
        }
        reads.into_iter().map(|i| self.t.base(i)).collect()
    }

    /// Lets launches write metrics without other readers directly into the table of metrics.
    pub fn place_metrics(&mut self, metrics: &[(String, Id)]) -> Option<Place> {
        if metrics.is_empty() {
            return None;
        }
        let table = self.temporary((metrics.len() - 1) * ALIGN + 1);
        if let Base::Temporary(t) = table.base {
            self.kept.push(t);
        }
        let t = self.t;
        let times = times(metrics.iter().map(|(_, id)| t.base(*id)));
        for (row, (name, id)) in metrics.iter().enumerate() {
            if let Some(base) = self.placeable(*id).filter(|b| times[b] == 1 && t.readers(*b).next().is_none()) {
                self.places.insert(base, Place { offset: row * ALIGN, len: 1, ..table });
                self.labels.insert(base, format!("metric {name}"));
            }
        }
        Some(table)
    }

    /// Gives temporaries their slots and checks the limits. `split` says how a round of several parts is cut.
    pub fn finish(mut self, placed: &[Placed], split: Option<Split>) -> Result<Program> {
        let last = placed.len();
        let mut lives: Vec<Lifetime> = self
            .temporaries
            .iter()
            .map(|&len| Lifetime { len: len.next_multiple_of(ALIGN), first: last, last: 0 })
            .collect();
        for (launch, d) in placed.iter().enumerate() {
            for place in d.bindings.iter().chain(&d.operands) {
                if let Base::Temporary(t) = place.base {
                    lives[t].first = lives[t].first.min(launch);
                    lives[t].last = launch;
                }
            }
        }
        for &t in &self.kept {
            lives[t].first = 0;
            lives[t].last = last;
        }
        // What all parts read has to be there for the last one too.
        for span in split.iter().flat_map(Split::repeated) {
            for life in lives.iter_mut().filter(|life| life.first < span.start && span.contains(&life.last)) {
                life.last = span.end - 1;
            }
        }
        let (slot_of, slot_lens) = slots::assign(&lives);
        let first_slot = self.program.buffers.len();
        self.program.buffers.extend(slot_lens.iter().map(|&len| Buffer { content: Content::Slot, len }));
        let range = |p: &Place| {
            let buffer = match p.base {
                Base::Buffer(b) => b,
                Base::Temporary(t) => first_slot + slot_of[t],
            };
            Slice { buffer, offset: p.offset, len: p.len }
        };
        for d in placed {
            let ranges = |places: &[Place]| places.iter().map(range).collect::<Vec<_>>();
            let launch = Launch {
                kernel: d.kernel.clone(),
                bindings: ranges(&d.bindings),
                operands: ranges(&d.operands),
                label: d.label.clone(),
                every: d.every,
            };
            limits::check(&launch, &self.program.buffers, self.caps)?;
            self.program.launches.push(launch);
        }
        self.program.parts = split.map(|split| Parts {
            count: split.parts,
            own: split.own,
            spans: split.spans.iter().map(|span| span.placed(range)).collect(),
        });
        for (name, shape, place) in &self.outputs {
            let output = Output { name: name.clone(), shape: shape.clone(), range: range(place) };
            self.program.outputs.push(output);
        }
        Ok(self.program)
    }
}

/// How a round of several parts is cut, before temporaries have their slots.
pub(super) struct Split {
    pub parts: usize,
    pub own: usize,
    pub spans: Vec<SplitSpan>,
}

/// See [`Span`].
#[derive(Default)]
pub(super) struct SplitSpan {
    pub launches: Range<usize>,
    /// What is summed over the parts, if the span runs for each of them.
    pub sums: Option<Vec<Place>>,
    pub add: Vec<Range<usize>>,
    pub store: Vec<Range<usize>>,
}

impl Split {
    /// The launches that run once for each part.
    fn repeated(&self) -> impl Iterator<Item = &Range<usize>> {
        self.spans.iter().filter(|span| span.sums.is_some() && !span.launches.is_empty()).map(|span| &span.launches)
    }
}

impl SplitSpan {
    fn placed(&self, range: impl Fn(&Place) -> Slice) -> Span {
        let sums = self.sums.as_ref().map(|places| Sums {
            values: places.iter().map(range).collect(),
            add: self.add.clone(),
            store: self.store.clone(),
        });
        Span { launches: self.launches.clone(), sums }
    }
}

/// How often each tensor occurs.
fn times(tensors: impl Iterator<Item = Id>) -> HashMap<Id, usize> {
    let mut times = HashMap::new();
    tensors.for_each(|id| *times.entry(id).or_default() += 1);
    times
}
