//! The plan as plain data: buffers and the launches that run on them.

use std::{collections::BTreeMap, fmt, ops::Range};

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
    /// A state group's flat buffer, or one of its optimiser's moments: lives across rounds and programs under this
    /// name.
    State(String),
    /// The packed gradients of a group: zero-filled once, so that gaps stay zero.
    Gradients(String),
    /// Written by the host before a run.
    Input(String),
    /// One constant, filled once.
    Constant(f32),
    /// The numbers 0, 1, 2, .., filled in once.
    Arange,
    /// The words of a [`Clock`](crate::kernels::Clock).
    Clock,
    /// The packed data set, as `u32` words.
    Items,
    /// One word per item of the data set: its class, or of symbols the place of its first element.
    Table,
    /// The newest metrics, `[rows, metrics]`, one row per round.
    Ring,
}

/// A buffer on the device; launches bind ranges of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Buffer {
    /// Where its contents come from.
    pub content: Content,
    /// Number of elements, of 4 bytes each.
    pub len: usize,
}

/// A range of a buffer, in elements; offsets are multiples of 64 elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Slice {
    /// The buffer.
    pub buffer: BufferId,
    /// First element within the buffer.
    pub offset: usize,
    /// Number of elements.
    pub len: usize,
}

/// One launch of a kernel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Launch {
    /// The kernel and its parameters.
    pub kernel: Kernel,
    /// Bound ranges in the kernel's binding order: reads, words, writes, words out.
    pub bindings: Vec<Slice>,
    /// The chain's operands.
    pub operands: Vec<Slice>,
    /// Name of the result, for people.
    pub label: String,
    /// It runs in rounds whose step is a multiple of this, and where a sequence of rounds begins; 1: in all.
    pub every: u64,
}

/// Whether a launch runs in the round after `step` rounds, for its [`Launch::every`]. `begins`: the round before was
/// none of the same program, so that what was measured last is old.
pub fn is_due(every: u64, step: u64, begins: bool) -> bool {
    begins || step.is_multiple_of(every)
}

/// Bytes of memory of several programs; shared buffers count once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// States.
    pub states: u64,
    /// The data set, its classes and the clock.
    pub data: u64,
    /// All other buffers.
    pub own: u64,
}

impl Memory {
    /// Total bytes.
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
            Content::State(_) | Content::Clock | Content::Items | Content::Table => {
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
    /// Its extents, with the rows of all parts of a batch.
    pub shape: Shape,
    /// Number of parts of a batch that have rows of their own; 1: all share it.
    pub parts: usize,
    /// Initial values.
    pub init: Init,
    /// Name of the state buffer.
    pub state: String,
    /// First element within the state buffer.
    pub offset: usize,
}

/// A planned graph, which a runner replays once per round.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Program {
    /// All its buffers.
    pub buffers: Vec<Buffer>,
    /// The launches, in order.
    pub launches: Vec<Launch>,
    /// All tensors of all states that the program touches.
    pub items: Vec<StateItem>,
    /// Names of the metrics, in the order of a ring row.
    pub metrics: Vec<String>,
    /// Tensors that the host may read after a run.
    pub outputs: Vec<Output>,
    /// How the launches run, if this is a round of a batch in several parts.
    pub parts: Option<Parts>,
}

/// A round of a batch in several parts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parts {
    /// Number of parts.
    pub count: usize,
    /// Number of parts that one rank computes, at most.
    pub own: usize,
    /// Its spans of launches, in order.
    pub spans: Vec<Span>,
}

/// Launches that follow each other.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Span {
    /// The launches.
    pub launches: Range<usize>,
    /// If they run for each part of the batch: what is summed over the parts.
    pub sums: Option<Sums>,
}

/// Values to sum over the parts of a batch: by adjacent pairs, and pairs of pairs, with a sum of 2^l parts kept on
/// level l, so that several devices can make the same sums.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sums {
    /// Where a part leaves its values, and where the sum is in the end.
    pub values: Vec<Slice>,
    /// Launches that add what is kept on each level to the values.
    pub add: Vec<Range<usize>>,
    /// Launches that keep the values on each level.
    pub store: Vec<Range<usize>>,
}

/// A tensor that the host may read.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// Name of the output in the graph.
    pub name: String,
    /// Its extents.
    pub shape: Shape,
    /// Its range of a buffer.
    pub range: Slice,
}

impl Launch {
    /// Label and kernel name, for people.
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

    /// Description of a buffer, for people; for a slot, the launch that makes its largest temporary.
    pub fn title(&self, buffer: BufferId) -> String {
        let used = |launch: &Launch| launch.bindings.iter().filter(|r| r.buffer == buffer).map(|r| r.len).max();
        // In reverse, because `max_by_key` returns the last of equals and the first launch to use a tensor makes it.
        let largest =
            self.launches.iter().rev().filter_map(|launch| Some((used(launch)?, launch))).max_by_key(|(len, _)| *len);
        match (&self.buffers[buffer].content, largest) {
            (Content::Slot, Some((_, launch))) => launch.title(),
            (content, _) => content.to_string(),
        }
    }

    /// Arithmetic and traffic of one run in which all launches are due.
    pub fn cost(&self) -> Cost {
        let spans = self.parts.iter().flat_map(|parts| &parts.spans);
        let again = spans.filter(|span| span.sums.is_some()).flat_map(|span| {
            let count = self.parts.as_ref().map_or(1, |parts| parts.own);
            self.launches[span.launches.clone()].iter().flat_map(move |launch| std::iter::repeat_n(launch, count - 1))
        });
        self.launches
            .iter()
            .chain(again)
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
            Self::Arange => write!(f, "numbers from 0"),
            Self::Clock => write!(f, "clock"),
            Self::Items => write!(f, "data set"),
            Self::Table => write!(f, "table of the data set"),
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
        for (parts, span) in self.parts.iter().flat_map(|parts| parts.spans.iter().map(move |span| (parts, span))) {
            if let (Some(_), Range { start, end }) = (&span.sums, &span.launches) {
                let (own, all, last) = (parts.own, parts.count, end.saturating_sub(1));
                writeln!(f, "  for each part (a rank has {own} of {all}): launches {start} to {last}")?;
            }
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
            let chain = s.kernel.chain().map_or(&[][..], |chain| &chain.instrs);
            for (k, instr) in chain.iter().enumerate() {
                write!(f, "{}{}", if k == 0 { "  " } else { ", " }, format!("{:?}", instr.code).to_lowercase())?;
            }
            if s.every > 1 {
                write!(f, "  every {} rounds", s.every)?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
