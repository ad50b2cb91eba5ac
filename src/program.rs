//! The plan as plain data: buffers and the launches that run on them.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use crate::{
    graph::{Init, Shape},
    kernels::{Cost, Kernel},
};

/// Position of a buffer in [`Program::buffers`].
pub type BufferId = usize;

/// Where the contents of a buffer come from and how long they live.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Content {
    /// Shared by temporaries whose lifetimes do not overlap.
    Slot,
    /// A state group's flat buffer (or one of its optimiser's moments): lives across rounds and programs under this name.
    State(String),
    /// The packed gradients of a group: zero-filled once, so that gaps stay zero.
    Gradients(String),
    /// Written by the host before a run.
    Input(String),
    /// One constant, filled once.
    Constant(f32),
    /// The words of a [`Clock`](crate::kernels::Clock).
    Clock,
    /// The packed data set, words.
    Items,
    /// One class per item of the data set, words.
    Classes,
    /// `[rows, metrics]`, one row a round.
    Ring,
}

/// Memory that launches bind ranges of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Buffer {
    /// Where its contents come from.
    pub content: Content,
    /// Elements of 4 bytes.
    pub len: usize,
}

/// A range of a buffer, in elements; offsets are multiples of 64 elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Slice {
    /// The buffer.
    pub buffer: BufferId,
    /// First element in the state's buffer.
    pub offset: usize,
    /// Number of elements.
    pub len: usize,
}

/// One launch of a kernel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Launch {
    /// What runs.
    pub kernel: Kernel,
    /// In the kernel's binding order: reads, words, writes, words out.
    pub bindings: Vec<Slice>,
    /// The chain's operands.
    pub operands: Vec<Slice>,
    /// What it makes, for people.
    pub label: String,
}

/// Bytes that programs take together; what they share counts once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// States.
    pub states: u64,
    /// The data set and its classes.
    pub data: u64,
    /// All else.
    pub own: u64,
}

impl Memory {
    /// All of it.
    pub fn bytes(&self) -> u64 {
        self.states + self.data + self.own
    }
}

/// The memory of programs that one runner has loaded.
pub fn memory<'a>(programs: impl IntoIterator<Item = &'a Program>) -> Memory {
    let mut memory = Memory::default();
    let mut shared: BTreeMap<String, (bool, u64)> = BTreeMap::new();
    for Buffer { content, len } in programs.into_iter().flat_map(|program| &program.buffers) {
        let (bytes, is_state) = (4 * *len as u64, matches!(content, Content::State(_)));
        match content {
            Content::State(_) | Content::Clock | Content::Items | Content::Classes => {
                let most = &mut shared.entry(content.to_string()).or_insert((is_state, 0)).1;
                *most = bytes.max(*most);
            }
            _ => memory.own += bytes,
        }
    }
    for (is_state, bytes) in shared.into_values() {
        *(if is_state { &mut memory.states } else { &mut memory.data }) += bytes;
    }
    memory
}

/// One named tensor of a state.
#[derive(Clone, Debug, PartialEq)]
pub struct StateItem {
    /// `group.name`, the key in a checkpoint.
    pub name: String,
    /// Its extents.
    pub shape: Shape,
    /// How it starts.
    pub init: Init,
    /// Name of the state buffer and the first element in it.
    pub state: String,
    /// First element in the state's buffer.
    pub offset: usize,
}

/// A whole run of a graph: what a runner replays.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Program {
    /// All memory that it takes.
    pub buffers: Vec<Buffer>,
    /// The launches, in order.
    pub launches: Vec<Launch>,
    /// All tensors of all states that the program touches.
    pub items: Vec<StateItem>,
    /// Names of the metrics, in the order of a ring row.
    pub metrics: Vec<String>,
    /// Tensors that the host may read after a run.
    pub outputs: Vec<Output>,
}

/// A tensor that the host may read.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// What the graph calls it.
    pub name: String,
    /// Its extents.
    pub shape: Shape,
    /// Where it lies.
    pub range: Slice,
}

impl Launch {
    /// What it makes, and by which kernel.
    pub fn title(&self) -> String {
        format!("{} ({})", self.label, self.kernel.name())
    }
}

impl Program {
    /// Bytes of all buffers.
    pub fn bytes(&self) -> usize {
        self.buffers.iter().map(|b| 4 * b.len).sum()
    }

    /// Number of elements of an input, if the program has it.
    pub fn input(&self, name: &str) -> Option<usize> {
        self.buffers.iter().find(|b| b.content == Content::Input(name.into())).map(|b| b.len)
    }

    /// What a buffer is, for people: of one that temporaries share, the largest of them.
    pub fn title(&self, buffer: BufferId) -> String {
        let used = |launch: &Launch| launch.bindings.iter().filter(|r| r.buffer == buffer).map(|r| r.len).max();
        // Backwards, as the last of equals wins and the first to use a tensor is the one that makes it.
        let largest =
            self.launches.iter().rev().filter_map(|launch| Some((used(launch)?, launch))).max_by_key(|(len, _)| *len);
        match (&self.buffers[buffer].content, largest) {
            (Content::Slot, Some((_, launch))) => launch.title(),
            (content, _) => content.to_string(),
        }
    }

    /// Arithmetic and traffic of one run.
    pub fn cost(&self) -> Cost {
        self.launches
            .iter()
            .map(|s| s.kernel.cost())
            .fold(Cost::default(), |a, b| Cost { flops: a.flops + b.flops, bytes: a.bytes + b.bytes })
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Slot => write!(f, "temporary tensors"),
            Self::State(name) => write!(f, "state `{name}`"),
            Self::Gradients(name) => write!(f, "gradients of `{name}`"),
            Self::Input(name) => write!(f, "input `{name}`"),
            Self::Constant(value) => write!(f, "constant {value}"),
            Self::Clock => write!(f, "clock"),
            Self::Items => write!(f, "data set"),
            Self::Classes => write!(f, "classes of the data set"),
            Self::Ring => write!(f, "metrics"),
        }
    }
}

impl fmt::Display for Slice {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "b{}", self.buffer)?;
        if self.offset > 0 {
            write!(f, "+{}", self.offset)?;
        }
        write!(f, "[{}]", self.len)
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let cost = self.cost();
        let mib = self.bytes() as f64 / (1 << 20) as f64;
        writeln!(
            f,
            "{} launches, {} buffers, {mib:.1} MiB, {:.3} GFLOP",
            self.launches.len(),
            self.buffers.len(),
            cost.flops / 1e9
        )?;
        for (i, b) in self.buffers.iter().enumerate() {
            writeln!(f, "  b{i}: {} {:?}", b.len, b.content)?;
        }
        for (i, s) in self.launches.iter().enumerate() {
            let list = |r: &[Slice]| r.iter().map(|r| r.to_string()).collect::<Vec<_>>().join(" ");
            let cost = s.kernel.cost();
            write!(
                f,
                "{i:4} {:<18} {:<28} {:>10.3} MFLOP  {}",
                s.kernel.name(),
                s.label,
                cost.flops / 1e6,
                list(&s.bindings)
            )?;
            if !s.operands.is_empty() {
                write!(f, " | {}", list(&s.operands))?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
