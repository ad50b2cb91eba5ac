//! Emits the launches: the last part of planning.

mod sums;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::{
    RING_ROWS,
    fuse::{Fusion, is_pointwise, is_view},
    layout::{Layout, Place, Placed, Split, SplitSpan},
    tensors::Tensors,
};
use crate::{
    error::{Error, Result},
    graph::{self, ALIGN, Composite, Draw, Form, Id, Op, Optimizer, Role, SELDOM, numel},
    kernels::{
        chain::{Index, Load},
        gather::DataLayout,
        *,
    },
    program::{Content, Program},
};

pub struct Emitter<'a> {
    t: &'a Tensors,
    groups: &'a [Option<Fusion>],
    states: &'a [graph::Group],
    caps: &'a Caps,
    data: Option<DataLayout>,
    /// Number of draws in a round from the same items.
    draws: BTreeMap<Option<usize>, u32>,
    layout: Layout<'a>,
    placed: Vec<Placed>,
    /// See [`crate::program::Launch::every`]; of the next launches.
    every: u64,
    round: Round,
    /// The spans so far.
    spans: Vec<SplitSpan>,
}

/// The number of parts of a batch, and the first node of each span of the round but the first.
pub struct Round {
    pub parts: usize,
    /// How many of them a rank computes.
    pub own: usize,
    pub borders: Vec<Id>,
}

/// Whether the kernel of a node can run a chain on its result.
pub fn has_epilogue(op: &Op) -> bool {
    match op {
        Op::Contract { form: Form::MatMul, .. } => true,
        Op::Contract { role, .. } => *role != Role::W,
        _ => false,
    }
}

impl<'a> Emitter<'a> {
    pub fn new(
        t: &'a Tensors,
        groups: &'a [Option<Fusion>],
        states: &'a [graph::Group],
        caps: &'a Caps,
        data: Option<DataLayout>,
        round: Round,
    ) -> Self {
        let mut draws = BTreeMap::new();
        for node in &t.nodes {
            if let Op::Batch { draw, .. } = node.op {
                let count: &mut u32 = draws.entry(draw.among).or_default();
                *count = (*count).max(draw.number + 1);
            }
        }
        let layout = Layout::new(t, groups, states, caps);
        let spans = vec![SplitSpan::default()];
        Self { t, groups, states, caps, data, draws, layout, placed: vec![], every: 1, round, spans }
    }

    /// The program that records these metrics, of which some are measured `seldom`, and has these outputs.
    pub fn program(
        mut self,
        metrics: &[(String, Id)],
        seldom: &BTreeSet<String>,
        outputs: &[(String, Id)],
    ) -> Result<Program> {
        let anchored: HashSet<Id> = self
            .groups
            .iter()
            .enumerate()
            .filter(|(id, _)| !matches!(self.t.nodes[*id].op, Op::Assign { .. }))
            .filter_map(|(_, g)| g.as_ref()?.anchor)
            .collect();
        let scaled = self.scaled_reductions();
        let reduced: HashSet<Id> = scaled.values().copied().collect();
        let table = self.layout.place_metrics(metrics);
        self.layout.place_gradients();
        let joined = self.layout.place_parts();
        for id in 0..self.t.nodes.len() {
            self.pass_borders(id);
            let skip = anchored.contains(&id) || joined.contains(&id) || reduced.contains(&id);
            if self.t.live[id] && !self.t.is_inline(id) && !skip {
                self.every = if self.t.often[id] { 1 } else { SELDOM };
                self.emit(id, scaled.get(&id).copied())?;
                self.every = 1;
            }
        }
        self.pass_borders(self.t.nodes.len());
        self.record(metrics, seldom, table);
        outputs.iter().for_each(|(name, id)| self.layout.keep(name, *id));
        let split = (self.round.parts > 1).then(|| self.split());
        self.layout.finish(&self.placed, split)
    }

    /// Chains that only scale a sum without other readers, as root -> sum: the kernel of the sum applies the factor.
    fn scaled_reductions(&self) -> HashMap<Id, Id> {
        let mut found = HashMap::new();
        for (id, group) in self.groups.iter().enumerate().filter_map(|(id, g)| Some((id, g.as_ref()?))) {
            let one_load = group.chain.loads == [Load::default()];
            let one_scale = group.chain.instrs.len() == 1 && group.chain.instrs[0].code == chain::Code::MulC;
            if one_load && one_scale && is_pointwise(&self.t.nodes[id].op) {
                let sum = group.operands[0];
                if matches!(self.t.nodes[sum].op, Op::Sum(_)) && !self.t.stored[sum] && self.t.is_only_reader(id, sum) {
                    found.insert(id, sum);
                }
            }
        }
        found
    }

    fn push(&mut self, kernel: impl Into<Kernel>, bindings: Vec<Place>, operands: Vec<Place>, label: String) {
        self.placed.push(Placed { kernel: kernel.into(), bindings, operands, label, every: self.every });
    }

    fn operands(&mut self, group: &Fusion) -> (Chain, Vec<Place>) {
        let mut chain = group.chain.clone();
        let places = group.operands.iter().map(|&id| self.layout.place(id)).collect();
        for load in &mut chain.loads {
            if self.t.nodes[group.operands[load.operand]].op == Op::Clock {
                // The clock's last word is the step as a float.
                load.index = Index { offset: Clock::STEP_AS_FLOAT, digits: Some(vec![]) };
            }
        }
        (chain, places)
    }

    fn pointwise(&mut self, group: &Fusion, y: Place, in_place: bool, label: String) {
        let (chain, operands) = self.operands(group);
        // Outputs larger than one binding are written by several launches; this needs operands indexed like the output.
        if chain.loads.iter().any(|load| load.index != Index::default()) {
            self.push(Pointwise { len: y.len, in_place, chain }, vec![y], operands, label);
            return;
        }
        for part in self.layout.parts_of(y.len) {
            let operands = operands.iter().map(|operand| operand.part(&part)).collect();
            let kernel = Pointwise { len: part.len(), in_place, chain: chain.clone() };
            self.push(kernel, vec![y.part(&part)], operands, label.clone());
        }
    }

    fn emit(&mut self, id: Id, scaled: Option<Id>) -> Result<()> {
        let node = &self.t.nodes[id];
        let group = self.groups[id].clone();
        match &node.op {
            _ if self.t.constant(id).is_some() => {}
            Op::Input(_) | Op::State { .. } | Op::Clock | Op::Arange => {}
            Op::Whole => self.mean_of_parts(id),
            Op::Random { stream, dist, blocks } => {
                let parts = self.round.parts;
                let (clock, y) = (self.layout.clock_of(parts), self.layout.place(id));
                let span = if parts > 1 { y.len / blocks } else { y.len };
                let kernel = Random { stream: *stream, dist: *dist, len: y.len, span, parts };
                self.push(kernel, vec![clock, y], vec![], self.layout.label(id));
            }
            Op::Batch { draw, field } => self.gather(id, *draw, *field)?,
            op if is_pointwise(op) || is_view(op) => {
                let group = group.expect("every root has a chain");
                match (scaled, group.anchor) {
                    (Some(sum), _) => {
                        let scale = group.chain.instrs[0].c();
                        self.reduce(sum, id, scale);
                    }
                    (None, Some(product)) => {
                        let (chain, operands) = self.operands(&group);
                        self.product(product, id, chain, operands);
                    }
                    (None, None) => {
                        let y = self.layout.place(id);
                        self.pointwise(&group, y, false, self.layout.label(id));
                    }
                }
            }
            Op::Sum(_) | Op::Max(_) => self.reduce(id, id, 1.0),
            Op::Pad(before) => {
                let (x, y) = (self.layout.read(node.inputs[0]), self.layout.place(id));
                let kernel = Pad::of(self.t.shape(node.inputs[0]), &node.shape, before).ok_or_else(|| {
                    let shape = &node.shape;
                    Error::failure(format!("plan: a pad to {shape:?} along more axes than 4: do it in several steps"))
                })?;
                self.push(kernel, vec![x, y], vec![], self.layout.label(id));
            }
            Op::Contract { .. } => self.product(id, id, Chain::default(), vec![]),
            Op::Composite(c) => self.composite(id, c),
            Op::Pack { group } => self.pack(id, *group)?,
            Op::Update { group, optimizer, before } => self.update(id, *group, *optimizer, *before),
            Op::Assign { group: g, item } => {
                let y = self.layout.item(*g, *item);
                let label = self.states[*g].item_name(*item);
                self.pointwise(&group.expect("every assignment has a chain"), y, true, label);
            }
            op => unreachable!("{op:?} is pointwise or a view"),
        }
        Ok(())
    }

    fn gather(&mut self, id: Id, draw: Draw, field: graph::Field) -> Result<()> {
        let data =
            self.data.ok_or_else(|| Error::failure("plan: the graph draws batches, but there is no data set"))?;
        let (batch, parts) = (self.t.shape(id)[0], self.round.parts);
        let lanes = batch * parts;
        if matches!(field, graph::Field::InOrder | graph::Field::Begins) && data.lanes(lanes)[0] == 0 {
            return Err(Error::usage(format!(
                "`carry` cuts the data into {lanes} lanes (`batch`), and each is shorter than a window of {} steps: \
                choose a smaller batch or window",
                data.item_len
            )));
        }
        let draws = self.draws[&draw.among];
        let clock = self.layout.clock_of(parts);
        let items = self.layout.whole("items".into(), Content::Items, data.words());
        let table = self.layout.whole("table".into(), Content::Table, data.table());
        let y = self.layout.place(id);
        self.push(
            Gather { field, draw, draws, batch, parts, data },
            vec![clock, items, table, y],
            vec![],
            self.layout.label(id),
        );
        Ok(())
    }

    /// Launches the product or convolution `id`. Its chain computes the value of node `root`, which is `id` itself
    /// without one.
    fn product(&mut self, id: Id, root: Id, chain: Chain, operands: Vec<Place>) {
        let node = &self.t.nodes[id];
        let Op::Contract { form, role } = node.op else { unreachable!("not a product: {:?}", node.op) };
        let (first, second) = (node.inputs[0], node.inputs[1]);
        let label = self.layout.label(root);
        match form {
            Form::MatMul => {
                let (a, b, ta, tb) = match role {
                    Role::Y => (first, second, false, false),
                    Role::X => (second, first, false, true),
                    Role::W => (first, second, true, false),
                };
                let r = node.shape.len();
                let (m, n) = (node.shape[r - 2], node.shape[r - 1]);
                let k = self.t.shape(a)[if ta { r - 2 } else { r - 1 }];
                let ((a, fa), (b, fb)) = (self.t.factor(id, a), self.t.factor(id, b));
                let (a, b) = (self.layout.read(a), self.layout.read(b));
                let y = self.layout.place(root);
                let kernel = MatMul {
                    batch: numel(&node.shape[..r - 2]),
                    m,
                    n,
                    k,
                    a_transposed: ta != fa,
                    b_transposed: tb != fb,
                    chain,
                };
                self.push(kernel, vec![a, b, y], operands, label);
            }
            Form::Conv2d { stride, pad } => {
                let (x, w, y) = match role {
                    Role::X => (id, first, second),
                    Role::W => (first, id, second),
                    Role::Y => (first, second, id),
                };
                let (xs, ws, ys) = (self.t.shape(x), self.t.shape(w), self.t.shape(y));
                let geometry = Geometry::of(xs, ws, ys, stride, pad);
                match role {
                    Role::Y => {
                        let bindings = vec![self.layout.read(x), self.layout.read(w), self.layout.place(root)];
                        self.push(Conv2d { geometry, chain }, bindings, operands, label);
                    }
                    Role::X => {
                        let bindings = vec![self.layout.read(y), self.layout.read(w), self.layout.place(root)];
                        self.push(ConvTranspose2d { geometry, chain }, bindings, operands, label);
                    }
                    Role::W => self.filter_gradient(geometry, x, y, root, label),
                }
            }
        }
    }

    fn filter_gradient(&mut self, geometry: Geometry, x: Id, y: Id, root: Id, label: String) {
        let (x, y, w) = (self.layout.read(x), self.layout.read(y), self.layout.place(root));
        let splits = if self.caps.needs_many_workgroups { Conv2dFilter::splits_for(&geometry) } else { 1 };
        if splits == 1 {
            self.push(Conv2dFilter { geometry, splits }, vec![x, y, w], vec![], label);
            return;
        }
        let partial = self.layout.temporary(splits * w.len);
        self.push(Conv2dFilter { geometry, splits }, vec![x, y, partial], vec![], format!("{label}, partial"));
        self.sum_of_partials(partial, w, splits, false, 1.0, label);
    }

    /// y = scale * sum (or max) over the rows of `[splits, len]`.
    fn sum_of_partials(&mut self, partial: Place, y: Place, splits: usize, max: bool, scale: f32, label: String) {
        let copy = chain::Instr { code: chain::Code::MulC, a: 1, b: 1, c: 1f32.to_bits() };
        let chain = Chain::new(vec![Index::default()], vec![copy]);
        let kernel = Reduce {
            max,
            outer: vec![Axis::new(y.len, 1)],
            inner: vec![Axis::new(splits, y.len)],
            scale,
            splits: 1,
            chain,
        };
        self.push(kernel, vec![y], vec![partial], label);
    }

    /// Launches the reduction `id`; the result times `scale` is the value of `root`.
    fn reduce(&mut self, id: Id, root: Id, scale: f32) {
        let node = &self.t.nodes[id];
        let (axes, max) = match &node.op {
            Op::Sum(axes) => (axes, false),
            Op::Max(axes) => (axes, true),
            op => unreachable!("not a reduction: {op:?}"),
        };
        let (outer, inner) = kept_and_reduced(self.t.shape(node.inputs[0]), axes);
        let group = self.groups[id].clone().expect("every reduction has a prologue");
        let (chain, operands) = self.operands(&group);
        let (y, label) = (self.layout.place(root), self.layout.label(root));
        let length = inner.iter().map(|axis| axis.extent).product();
        let splits = if self.caps.needs_many_workgroups { Reduce::splits_for(y.len, length) } else { 1 };
        if splits == 1 {
            self.push(Reduce { max, outer, inner, scale, splits, chain }, vec![y], operands, label);
            return;
        }
        let partial = self.layout.temporary(splits * y.len);
        self.push(
            Reduce { max, outer, inner, scale: 1.0, splits, chain },
            vec![partial],
            operands,
            format!("{label}, partial"),
        );
        self.sum_of_partials(partial, y, splits, max, scale, label);
    }

    fn composite(&mut self, id: Id, c: &Composite) {
        let node = &self.t.nodes[id];
        let mut bindings: Vec<Place> = node.inputs.iter().map(|&i| self.layout.read(i)).collect();
        bindings.push(self.layout.place(id));
        let shape = self.t.shape(node.inputs[0]);
        let sequence = || super::sequence(c, shape).expect("recurrences have sequences");
        let kernel: Kernel = match c {
            Composite::Moments { axes } => {
                let (outer, inner) = kept_and_reduced(shape, axes);
                Moments { outer, inner }.into()
            }
            Composite::NormSums { axes, eps } => {
                let (outer, inner) = kept_and_reduced(shape, axes);
                NormSums { outer, inner, eps: eps.get() }.into()
            }
            Composite::Softmax => Softmax { rows: shape[0], cols: shape[1] }.into(),
            Composite::CrossEntropy => CrossEntropy { rows: shape[0], cols: shape[1], at_index: false }.into(),
            Composite::IndexCrossEntropy => CrossEntropy { rows: shape[0], cols: shape[1], at_index: true }.into(),
            Composite::Rows => {
                let table = self.t.shape(node.inputs[1]);
                Rows { indices: shape[0], rows: table[0], cols: table[1] }.into()
            }
            Composite::RowSums { rows } => RowSums { indices: shape[0], rows: *rows, cols: node.shape[1] }.into(),
            Composite::Lstm { .. } => Lstm { sequence: sequence() }.into(),
            Composite::LstmGrad { .. } => LstmGrad { sequence: sequence() }.into(),
            Composite::Gru { reset, .. } => Gru { sequence: sequence(), reset: *reset }.into(),
            Composite::GruGrad { reset, .. } => GruGrad { sequence: sequence(), reset: *reset }.into(),
            Composite::Normalize { .. } | Composite::BatchNorm { .. } => unreachable!("expanded before planning"),
        };
        self.push(kernel, bindings, vec![], self.layout.label(id));
    }

    /// Copies the gradients that could not be written in place.
    fn pack(&mut self, id: Id, group: usize) -> Result<()> {
        let flat = self.layout.gradients(group);
        for (item, &g) in self.t.nodes[id].inputs.iter().enumerate() {
            let i = self.states[group].items[item].clone();
            let y = Place { offset: i.offset, len: numel(&i.shape), ..flat };
            if !self.layout.is_at(self.t.base(g), y) {
                self.copy(g, y, format!("gradient of {}", self.states[group].item_name(item)))?;
            }
        }
        Ok(())
    }

    fn copy(&mut self, id: Id, y: Place, label: String) -> Result<()> {
        let shape = self.t.shape(id);
        let group = Fusion::of(self.t, id, None, false, &mut HashSet::new());
        let group = group
            .map_err(|_| Error::failure(format!("plan: {label} of shape {shape:?} cannot be read in one launch")))?;
        self.pointwise(&group, y, false, label);
        Ok(())
    }

    fn update(&mut self, id: Id, group: usize, optimizer: Optimizer, before: usize) {
        let inputs: Vec<Place> = self.t.nodes[id].inputs.iter().map(|&i| self.layout.read(i)).collect();
        let p = self.layout.state(group, None);
        let mut written = vec![p];
        written.extend(optimizer.moments().iter().map(|m| self.layout.state(group, Some(m))));
        for part in self.layout.parts_of(p.len) {
            let label = format!("{}, update {}", self.states[group].name, before + 1);
            let scalars = inputs[1..].iter().copied();
            let written = written.iter().map(|whole| whole.part(&part));
            let bindings = [inputs[0].part(&part)].into_iter().chain(scalars).chain(written).collect();
            self.push(Kernel::update(optimizer, part.len()), bindings, vec![], label);
        }
    }

    /// Copies the metrics that are not in the table, records its row and advances the clock.
    fn record(&mut self, metrics: &[(String, Id)], seldom: &BTreeSet<String>, table: Option<Place>) {
        let is_round =
            table.is_some() || self.t.nodes.iter().any(|n| matches!(n.op, Op::Update { .. } | Op::Assign { .. }));
        if let Some(table) = table {
            for (row, (name, id)) in metrics.iter().enumerate() {
                let y = Place { offset: row * ALIGN, len: 1, ..table };
                if !self.layout.is_at(self.t.base(*id), y) {
                    self.every = if seldom.contains(name) { SELDOM } else { 1 };
                    self.copy(*id, y, format!("metric {name}")).expect("a scalar has no digits");
                    self.every = 1;
                }
            }
            let count = metrics.len();
            let ring = self.layout.whole("ring".into(), Content::Ring, RING_ROWS * count);
            let clock = self.layout.clock();
            self.push(
                Record { count, stride: ALIGN, rows: RING_ROWS },
                vec![table, clock, ring],
                vec![],
                "metrics".into(),
            );
            self.layout.program.metrics = metrics.iter().map(|(name, _)| name.clone()).collect();
        }
        if is_round {
            let clock = self.layout.clock();
            self.push(Tick {}, vec![clock], vec![], "clock".into());
        }
    }
}

/// The kept and the reduced axes, neighbours merged.
fn kept_and_reduced(shape: &[usize], axes: &[usize]) -> (Vec<Axis>, Vec<Axis>) {
    let pick = |kept: bool| {
        let mut list: Vec<Axis> = vec![];
        for a in (0..shape.len()).filter(|a| axes.contains(a) != kept) {
            let (extent, stride) = (shape[a], numel(&shape[a + 1..]));
            match list.last_mut() {
                Some(high) if high.stride == extent * stride => {
                    *high = Axis { extent: high.extent * extent, stride };
                }
                _ => list.push(Axis { extent, stride }),
            }
        }
        if list.is_empty() { vec![Axis { extent: 1, stride: 1 }] } else { list }
    };
    (pick(true), pick(false))
}
