//! The method `forward`: a line for each layer, with what comes before and after it.

use std::collections::HashMap;

use super::numbers;
use crate::{
    export::{Cell, Kind, Network, Op, Place, batches, roll::Roll},
    graph::{Dist, Map},
};

/// Longest expression that becomes a part of another.
const LONGEST: usize = 80;

/// More reads than there are: the variable is kept.
const HELD: usize = 1 << 32;

/// The method.
pub fn forward(network: &Network) -> String {
    let noise = |kind: Kind| matches!(kind, Kind::Noise(_));
    let has_others = network.inputs.iter().any(|input| !noise(input.kind));
    let arguments = network.inputs.iter().map(|input| match has_others && noise(input.kind) {
        true => format!("{}=None", input.name),
        false => input.name.clone(),
    });
    let arguments: Vec<String> = ["self".to_string()].into_iter().chain(arguments).collect();
    let mut text = format!("\n    def forward({}):\n", arguments.join(", "));
    let body = Body::of(network);
    let first = network.inputs.first().map_or("", |input| &input.name);
    if body.counts || (has_others && network.inputs.iter().any(|input| noise(input.kind))) {
        text += &format!("        n = {first}.shape[0]\n");
    }
    for input in network.inputs.iter().filter(|input| has_others && noise(input.kind)) {
        let drawn = drawn(input.kind, &input.shape, &format!(", device={first}.device"));
        text += &format!("        if {0} is None:\n            {0} = {drawn}\n", input.name);
    }
    body.lines.iter().for_each(|line| text += &format!("        {line}\n"));
    let results: Vec<&str> = network.outputs.iter().map(|(_, place)| body.made[*place].text.as_str()).collect();
    text + &format!("        return {}\n", results.join(", "))
}

/// n draws of this kind; `more`: other arguments.
pub fn drawn(kind: Kind, shape: &[usize], more: &str) -> String {
    let shape = extents(shape);
    match kind {
        Kind::Noise(Dist::Bernoulli(p)) => format!("(torch.rand({shape}{more}) < {:?}).float()", p.get()),
        kind => match kind.distribution() {
            Some("normal") => format!("torch.randn({shape}{more})"),
            Some("uniform in -1 to 1") => format!("2 * torch.rand({shape}{more}) - 1"),
            _ => format!("torch.rand({shape}{more})"),
        },
    }
}

/// A shape, in which n is the number of examples.
fn extents(shape: &[usize]) -> String {
    numbers(shape.iter().map(|&extent| match batches(extent) {
        None => extent.to_string(),
        Some(1) => "n".into(),
        Some(times) => format!("{times} * n"),
    }))
}

/// How tightly an expression holds together.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Hold {
    Sum,
    Product,
    Whole,
}

/// An expression.
#[derive(Clone)]
struct Made {
    text: String,
    hold: Hold,
    /// The variables in it, once for each time.
    reads: Vec<String>,
    /// Whether there is a layer in it.
    has_layer: bool,
    /// What it is the negative of.
    negative_of: Option<Box<Made>>,
    /// The cells beside it, of an LSTM.
    cells: Option<Box<Made>>,
}

impl Made {
    fn whole(text: String) -> Self {
        Self { text, hold: Hold::Whole, reads: vec![], has_layer: false, negative_of: None, cells: None }
    }

    fn variable(name: String) -> Self {
        Self { reads: vec![name.clone()], ..Self::whole(name) }
    }

    /// The expression as an operand of something that holds so tightly.
    fn within(&self, hold: Hold) -> String {
        if self.hold < hold { format!("({})", self.text) } else { self.text.clone() }
    }
}

struct Body<'a> {
    network: &'a Network,
    roll: Option<Roll>,
    lines: Vec<String>,
    /// What stands before each line, which is deeper in a loop.
    indent: &'static str,
    made: Vec<Made>,
    /// How often each variable is still read.
    open: HashMap<String, usize>,
    /// Whether the number of examples is asked for.
    counts: bool,
}

impl<'a> Body<'a> {
    fn of(network: &'a Network) -> Self {
        let (lines, made, open) = Default::default();
        let mut body = Self { network, roll: Roll::of(network), lines, made, open, counts: false, indent: "" };
        for (place, uses) in network.uses().into_iter().enumerate() {
            let roll = body.roll.clone();
            if let Some(roll) = roll.as_ref().filter(|roll| roll.repeats(place)) {
                // The last block hands on what the variables hold that the first one began with.
                let from = roll.handed_on(place).map(|first| body.made[first - roll.len].clone());
                body.made.push(from.unwrap_or_else(|| Made::whole(String::new())));
                continue;
            }
            if let Some(roll) = roll.as_ref().filter(|roll| roll.start == place) {
                body.begin(roll);
            }
            let made = body.expression(place);
            let made = if body.is_named(place, &made, uses) { made } else { body.assign(made, uses) };
            body.made.push(made);
            if let Some(roll) = roll.as_ref().filter(|roll| roll.start + roll.len == place + 1) {
                body.end(roll);
            }
        }
        body
    }

    /// Whether an expression needs no variable of its own.
    fn is_named(&self, place: Place, made: &Made, uses: usize) -> bool {
        let (network, op) = (self.network, &self.network.nodes[place].op);
        if *op == Op::Cells || (matches!(op, Op::Recurrent { .. }) && self.has_cells(place)) {
            return true;
        }
        let goes_on = |roll: &Roll| roll.carried.iter().any(|&carried| carried == place || carried == place + roll.len);
        if self.roll.as_ref().is_some_and(goes_on) {
            return false;
        }
        if let Op::Input(_) | Op::Weight(_) | Op::Scalar(_) = op {
            return true;
        }
        let users = || network.nodes.iter().filter(|node| node.inputs.contains(&place));
        let is_output = network.outputs.iter().any(|(_, output)| *output == place);
        let is_block = users().any(|user| user.layer().is_some() && !matches!(user.op, Op::BatchNorm(..)));
        let is_short = made.text.len() <= LONGEST && !(is_block && made.has_layer);
        uses == 1 && (is_short || is_output)
    }

    /// The head of a loop. What is a variable now is one behind the loop, too.
    fn begin(&mut self, roll: &Roll) {
        let network = self.network;
        let first: Vec<Made> = network.nodes[roll.joined]
            .inputs
            .iter()
            .filter(|&&x| x < roll.start)
            .map(|&x| self.made[x].clone())
            .collect();
        first.iter().for_each(|made| self.read(made));
        self.open.values_mut().filter(|open| **open > 0).for_each(|open| *open += HELD);
        self.lines.push(format!("steps = [{}]", numbers(first.iter().map(|made| &made.text))));
        let range = match self.first_place(roll) {
            Some(0) => format!("t in range({})", roll.count),
            Some(first) => format!("t in range({first}, {})", first + roll.count),
            None => format!("_ in range({})", roll.count),
        };
        self.lines.push(format!("for {range}:"));
        self.indent = "    ";
    }

    /// The end of a loop: what it makes, and what the next turn reads.
    fn end(&mut self, roll: &Roll) {
        self.lines.push(format!("    steps.append({})", self.made[roll.made].text));
        let pairs = roll.carried.iter().map(|&place| (&self.made[place - roll.len], &self.made[place]));
        let cells = pairs.clone().filter_map(|(old, new)| Some((old.cells.as_deref()?, new.cells.as_deref()?)));
        let texts = pairs.chain(cells).map(|(old, new)| (old.text.clone(), new.text.clone()));
        let (old, new): (Vec<String>, Vec<String>) = texts.unzip();
        if !old.is_empty() {
            self.lines.push(format!("    {} = {}", old.join(", "), new.join(", ")));
        }
        self.indent = "";
    }

    /// The place of an axis that the first turn of a loop takes, where each takes the next one.
    fn first_place(&self, roll: &Roll) -> Option<usize> {
        (roll.start..roll.start + roll.len).filter_map(|place| self.moves(roll, place)).min()
    }

    /// The place of an axis that a node takes in the first turn, if it takes the next one in the next turn.
    fn moves(&self, roll: &Roll, place: Place) -> Option<usize> {
        match (&self.network.nodes[place].op, &self.network.nodes[place + roll.len].op) {
            (Op::Index { at, .. }, Op::Index { at: next, .. }) if at != next => Some(*at),
            _ => None,
        }
    }

    /// The place of an axis that a node takes, as an expression.
    fn place_of(&self, place: Place, at: usize) -> String {
        let Some(roll) = self.roll.as_ref().filter(|roll| roll.holds(place)) else { return at.to_string() };
        match (self.moves(roll, place), self.first_place(roll)) {
            (Some(at), Some(first)) if at > first => format!("t + {}", at - first),
            (Some(_), _) => "t".into(),
            _ => at.to_string(),
        }
    }

    fn has_cells(&self, place: Place) -> bool {
        self.network.nodes.iter().any(|node| node.op == Op::Cells && node.inputs == [place])
    }

    /// A variable that nothing reads any more, or a new one.
    fn variable(&mut self, uses: usize) -> String {
        let names = (0..).map(|n| if n == 0 { "h".to_string() } else { format!("h{n}") });
        let is_input = |name: &String| self.network.inputs.iter().any(|input| input.name == *name);
        let mut free = names.filter(|name| !is_input(name) && self.open.get(name).copied().unwrap_or(0) == 0);
        let name = free.next().expect("numbers do not end");
        self.open.insert(name.clone(), uses);
        name
    }

    /// The variables of an expression are read now.
    fn read(&mut self, made: &Made) {
        for name in &made.reads {
            if let Some(open) = self.open.get_mut(name) {
                *open -= 1;
            }
        }
    }

    fn assign(&mut self, made: Made, uses: usize) -> Made {
        self.read(&made);
        let name = self.variable(uses);
        self.lines.push(format!("{}{name} = {}", self.indent, made.text));
        Made::variable(name)
    }

    /// A shape for a reshape.
    fn open_shape(shape: &[usize]) -> String {
        numbers(shape.iter().map(|&extent| if batches(extent).is_some() { -1 } else { extent as i64 }))
    }

    fn expression(&mut self, place: Place) -> Made {
        let network = self.network;
        let node = &network.nodes[place];
        let x: Vec<Made> = node.inputs.iter().map(|&input| self.made[input].clone()).collect();
        let from = |n: usize| network.shape(node.inputs[n]);
        let inside = |n: usize| x[n].text.as_str();
        let head = |n: usize| x[n].within(Hold::Whole);
        let axes = |axes: &[usize]| if let [axis] = axes { axis.to_string() } else { format!("({})", numbers(axes)) };
        let first = network.inputs.first().map_or("", |input| &input.name);
        let (mut hold, mut negative_of) = (Hold::Whole, None);
        let text = match &node.op {
            Op::Input(name) => name.clone(),
            Op::Weight(name) => format!("self.{name}"),
            Op::Scalar(value) => {
                hold = if *value < 0.0 { Hold::Sum } else { Hold::Whole };
                format!("{value:?}")
            }
            Op::Full(value) => {
                let shape = extents(&node.shape);
                self.counts |= node.shape.iter().any(|&extent| batches(extent).is_some());
                match *value {
                    0.0 => format!("{first}.new_zeros({shape})"),
                    value => format!("{first}.new_full(({shape},), {value:?})"),
                }
            }
            Op::Add => {
                hold = Hold::Sum;
                match (&x[0].negative_of, &x[1].negative_of) {
                    (_, Some(b)) => format!("{} - {}", inside(0), b.within(Hold::Product)),
                    (Some(a), None) => format!("{} - {}", inside(1), a.within(Hold::Product)),
                    (None, None) => match network.scalar(node.inputs[1]).filter(|value| *value < 0.0) {
                        Some(value) => format!("{} - {:?}", inside(0), -value),
                        None => format!("{} + {}", inside(0), inside(1)),
                    },
                }
            }
            Op::Mul => {
                hold = Hold::Product;
                match network.scalar(node.inputs[1]) {
                    Some(-1.0) => {
                        negative_of = Some(Box::new(x[0].clone()));
                        format!("-{}", x[0].within(Hold::Whole))
                    }
                    _ => format!("{} * {}", x[0].within(Hold::Product), x[1].within(Hold::Product)),
                }
            }
            Op::Map(map) => match map {
                Map::Exp => format!("torch.exp({})", inside(0)),
                Map::Log => format!("torch.log({})", inside(0)),
                Map::Sqrt => format!("torch.sqrt({})", inside(0)),
                Map::Recip => format!("torch.reciprocal({})", inside(0)),
                Map::Tanh => format!("torch.tanh({})", inside(0)),
                Map::Sigmoid => format!("torch.sigmoid({})", inside(0)),
                Map::Softplus => format!("F.softplus({})", inside(0)),
                Map::IsPositive => format!("({} > 0).float()", inside(0)),
                Map::Abs => format!("torch.abs({})", inside(0)),
                Map::Sin => format!("torch.sin({})", inside(0)),
                Map::Cos => format!("torch.cos({})", inside(0)),
                Map::Leaky(slope) if slope.get() == 0.0 => format!("F.relu({})", inside(0)),
                Map::Leaky(slope) => format!("F.leaky_relu({}, {:?})", inside(0), slope.get()),
                Map::Clamp(limit) => format!("{}.clamp({:?}, {:?})", head(0), -limit.get(), limit.get()),
            },
            Op::Sum(over) => format!("{}.sum({})", head(0), axes(over)),
            Op::Max(over) => format!("{}.amax({})", head(0), axes(over)),
            Op::Reshape => format!("{}.reshape({})", head(0), Self::open_shape(&node.shape)),
            Op::Expand => {
                let missing = node.shape.len() - from(0).len();
                let extent = |axis: usize| match axis >= missing && from(0)[axis - missing] == node.shape[axis] {
                    true => "-1".to_string(),
                    false => extents(&node.shape[axis..=axis]),
                };
                let shape = numbers((0..node.shape.len()).map(extent));
                self.counts |= shape.contains('n');
                format!("{}.expand({shape})", head(0))
            }
            Op::Permute(to) => format!("{}.permute({})", head(0), numbers(to)),
            Op::Slice(start) => {
                let is_cut = |axis: usize| node.shape[axis] != from(0)[axis];
                let last = (0..start.len()).rev().find(|&axis| is_cut(axis)).unwrap_or(0);
                let part = |axis: usize| match is_cut(axis) {
                    true => format!("{}:{}", start[axis], start[axis] + node.shape[axis]),
                    false => ":".into(),
                };
                format!("{}[{}]", head(0), numbers((0..=last).map(part)))
            }
            Op::Pad(start) => {
                let sides = (0..start.len()).rev();
                let sides = sides.flat_map(|axis| [start[axis], node.shape[axis] - start[axis] - from(0)[axis]]);
                format!("F.pad({}, ({}))", inside(0), numbers(sides))
            }
            Op::Concat(axis) if self.roll.as_ref().is_some_and(|roll| roll.joined == place) => {
                let is_after = |n: &usize| self.roll.as_ref().is_some_and(|roll| roll.is_after(node.inputs[*n]));
                let more: Vec<usize> = (0..x.len()).filter(is_after).collect();
                let steps = match more[..] {
                    [] => "steps".into(),
                    _ => format!("steps + [{}]", numbers(more.iter().map(|&n| inside(n)))),
                };
                let reads = more.iter().flat_map(|&n| x[n].reads.clone()).collect();
                return Made { reads, ..Made::whole(format!("torch.cat({steps}, {axis})")) };
            }
            Op::Concat(axis) => format!("torch.cat([{}], {axis})", numbers(x.iter().map(|made| &made.text))),
            Op::Index { axis, at } => format!("{}[{}{}]", head(0), ":, ".repeat(*axis), self.place_of(place, *at)),
            Op::MatMul(turned) => {
                hold = Hold::Product;
                let factor = |n: usize| if turned[n] { format!("{}.mT", head(n)) } else { x[n].within(Hold::Product) };
                format!("{} @ {}", factor(0), if turned[1] { factor(1) } else { head(1) })
            }
            Op::Dense(layer) | Op::Conv(layer, ..) | Op::ConvTranspose(layer, ..) => {
                format!("self.{}({})", layer.name, inside(0))
            }
            Op::BatchNorm(name, _) => format!("self.{name}({})", inside(0)),
            Op::LayerNorm(eps) => {
                let shape = Self::open_shape(&node.shape[1..]);
                format!("F.layer_norm({}, ({shape},), eps={eps:?})", inside(0))
            }
            Op::Softmax => format!("{}.softmax(-1)", head(0)),
            Op::Argmax => format!("{}.argmax(-1).float()", head(0)),
            // The remainder of -1 is the last place.
            Op::OneHot(count) => format!("F.one_hot({}.long() % {count}, {count}).float()", head(0)),
            Op::Recurrent { layer, cell, reverse } => {
                let states: Vec<String> = (1..x.len()).map(|n| format!("{}[None]", head(n))).collect();
                let states = match (cell, &states[..]) {
                    (_, []) => String::new(),
                    (Cell::Lstm, states) => format!(", ({})", states.join(", ")),
                    (_, states) => format!(", {}", states.join(", ")),
                };
                let sequence = if *reverse { format!("{}.flip(0)", head(0)) } else { inside(0).to_string() };
                let call = format!("self.{layer}({sequence}{states})");
                if self.has_cells(place) {
                    return self.with_cells(place, &x, &call);
                }
                format!("{call}[0]{}", if *reverse { ".flip(0)" } else { "" })
            }
            Op::Cells => return x[0].cells.as_deref().expect("an LSTM has cells").clone(),
        };
        let reads = match &node.op {
            Op::Input(_) | Op::Weight(_) | Op::Scalar(_) => vec![],
            _ => x.iter().flat_map(|made| made.reads.clone()).collect(),
        };
        let has_layer = node.layer().is_some() || x.iter().any(|made| made.has_layer);
        Made { text, hold, reads, has_layer, negative_of, cells: None }
    }

    /// The line of an LSTM whose cells are read, too: two variables.
    fn with_cells(&mut self, place: Place, x: &[Made], call: &str) -> Made {
        x.iter().for_each(|made| self.read(made));
        let uses = self.network.uses();
        let cells: usize = (0..uses.len())
            .filter(|&other| self.network.nodes[other].op == Op::Cells && self.network.nodes[other].inputs == [place])
            .map(|other| uses[other])
            .sum();
        let states = self.variable(uses[place]);
        let memory = self.variable(cells.max(1));
        self.lines.push(format!("{}{states}, (_, {memory}) = {call}", self.indent));
        let cells = Made::variable(memory);
        Made { cells: Some(Box::new(cells)), ..Made::variable(states) }
    }
}
