//! The CPU runner: the kernels' references in f32 on all cores, with vectorised chains and reductions and a GEMM
//! crate's products.

mod chain;
mod math;
mod pad;
pub mod products;
mod random;
mod recurrent;
mod reduce;
mod rows;
mod softmax;

use std::{
    collections::HashMap,
    ops::{Deref, DerefMut, Range},
    time::{Duration, Instant},
};

use pulp::Arch;
use rayon::prelude::*;

use crate::{
    data::Items,
    error::{Error, Result, counted},
    kernels::{
        Adam, Caps, Chain, Clock, Conv2d, Conv2dFilter, ConvTranspose2d, Finite, Io, Kernel, MatMul, RmsProp, Sgd,
        Spec, finite,
    },
    memory,
    program::{self, Content, Launch, Memory as Bytes, Program, Slice, is_due},
    runner::{Block, Meter, ProgramId, Runner, Stream, Tuning},
};
use products::{Matmul, Scratch};
use reduce::with_registers;

/// Elements of one task of a pointwise kernel.
const TASK: usize = 1 << 14;

/// How many times as large as a convolution's filters its working memory may be: turned into those of tiles, or sums of
/// their gradient over parts of the batch.
const FILTERS: usize = 4;

/// States, data and programs in main memory.
#[derive(Default)]
pub struct Cpu {
    programs: Vec<Loaded>,
    /// Buffers of all programs; those with a name are shared.
    memory: Vec<Memory>,
    shared: HashMap<String, usize>,
    scratch: Scratch,
    stream: Option<Stream>,
}

/// Memory of a buffer: its own, or the memory of the data set, which several buffers share.
enum Memory {
    Own(Vec<f32>),
    Data(Items),
}

impl Default for Memory {
    fn default() -> Self {
        Self::Own(vec![])
    }
}

impl Deref for Memory {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match self {
            Self::Own(floats) => floats,
            Self::Data(items) => bytemuck::cast_slice(items.words()),
        }
    }
}

impl DerefMut for Memory {
    fn deref_mut(&mut self) -> &mut [f32] {
        match self {
            Self::Own(floats) => floats,
            Self::Data(_) => unreachable!("nothing writes the data set"),
        }
    }
}

struct Loaded {
    program: Program,
    /// Index in `memory` of each buffer of the program.
    places: Vec<usize>,
    /// Its latest rounds with unread metrics, with no round of another program in between. It ends after its last
    /// round, also when all are read.
    unread: Range<u64>,
}

impl Loaded {
    /// Whether a round after `step` rounds follows none of this program.
    fn begins(&self, step: u64) -> bool {
        self.unread.end != step
    }

    /// Takes note of rounds.
    fn ran(&mut self, rounds: Range<u64>) {
        let first = if self.begins(rounds.start) { rounds.start } else { self.unread.start };
        self.unread = first..rounds.end;
    }
}

impl Cpu {
    /// A runner with nothing loaded.
    pub fn new() -> Self {
        Self::default()
    }

    /// Capabilities that plans for this runner may rely on.
    pub fn caps() -> Caps {
        Caps {
            max_binding: 1 << 40,
            needs_many_workgroups: false,
            launches_are_expensive: false,
            runs_shaders: false,
            ..Caps::default()
        }
    }

    /// Index in `memory` of the buffer with this name, or of a new buffer of zeros.
    fn allocate(&mut self, name: Option<String>, len: usize) -> Result<usize> {
        if let Some(place) = name.as_ref().and_then(|name| self.shared.get(name)) {
            return Ok(*place);
        }
        let (place, room) = (self.memory.len(), memory::room(len));
        let mut zeros = room.map_err(|e| Error::device(format!("{e}; a smaller batch or model takes less")))?;
        zeros.resize(len, 0.0);
        self.memory.push(Memory::Own(zeros));
        self.shared.extend(name.map(|name| (name, place)));
        Ok(place)
    }

    fn named(&mut self, name: &str) -> Result<&mut [f32]> {
        let place = self.shared.get(name).ok_or_else(|| Error::failure(format!("no loaded program has the {name}")))?;
        Ok(&mut self.memory[*place])
    }

    /// The clock of the next round.
    fn now(&self) -> Clock {
        let words = self.shared.get("clock").map(|&place| &self.memory[place]);
        let word = |n: usize| words.map_or(0, |words| u64::from(words[n].to_bits()));
        Clock { step: word(0), seed: word(1) | word(2) << 32 }
    }

    /// Puts items of a round into the ring.
    fn take(&mut self, block: &Block) -> Result<()> {
        for (name, at, words) in [("items", block.at[0], &block.items), ("table", block.at[1], &block.classes)] {
            self.named(name)?[at..at + words.len()].copy_from_slice(bytemuck::cast_slice(words));
        }
        Ok(())
    }

    fn rounds(&mut self, id: ProgramId, times: usize) {
        let now = self.clock();
        let (rounds, loaded) = (now..now + times as u64, &mut self.programs[id.0]);
        let begins = loaded.begins(now);
        loaded.ran(rounds.clone());
        let (launches, places) = (std::mem::take(&mut loaded.program.launches), std::mem::take(&mut loaded.places));
        rayon::scope(|_| {
            for step in rounds {
                let due = launches.iter().filter(|launch| is_due(launch.every, step, begins && step == now));
                due.for_each(|launch| self.run_launch(launch, &places));
            }
        });
        self.programs[id.0].program.launches = launches;
        self.programs[id.0].places = places;
    }

    fn run_launch(&mut self, launch: &Launch, places: &[usize]) {
        let counts = launch.kernel.buffers();
        let read = counts.reads.len() + counts.words.len();
        // Buffers to write leave the memory during the launch, so that the rest can be borrowed.
        let written = &launch.bindings[read..];
        let mut taken: Vec<Memory> =
            written.iter().map(|r| std::mem::take(&mut self.memory[places[r.buffer]])).collect();
        let memory = &self.memory;
        let slice = |r: &Slice| &memory[places[r.buffer]][r.offset..r.offset + r.len];
        let reads: Vec<&[f32]> = launch.bindings[..counts.reads.len()].iter().map(slice).collect();
        let words: Vec<&[u32]> =
            launch.bindings[counts.reads.len()..read].iter().map(|r| bytemuck::cast_slice(slice(r))).collect();
        let operands: Vec<&[f32]> = launch.operands.iter().map(slice).collect();
        let mut writes: Vec<&mut [f32]> =
            taken.iter_mut().zip(written).map(|(t, r)| &mut t[r.offset..r.offset + r.len]).collect();
        run_kernel(&launch.kernel, &reads, &words, &mut writes, &operands, &mut self.scratch);
        for (memory, r) in taken.into_iter().zip(written) {
            self.memory[places[r.buffer]] = memory;
        }
    }
}

/// Maximum number of floats in the working memory that a kernel's tasks share; each thread's own memory is small.
fn working_memory(kernel: &Kernel) -> usize {
    match kernel {
        Kernel::MatMul(k) => matmul_of(k).working_memory(),
        Kernel::Conv2d(Conv2d { geometry, .. })
        | Kernel::ConvTranspose2d(ConvTranspose2d { geometry, .. })
        | Kernel::Conv2dFilter(Conv2dFilter { geometry, .. }) => FILTERS * geometry.k * geometry.filter_len(),
        _ => 0,
    }
}

/// A product's shape and how its matrices lie.
fn matmul_of(k: &MatMul) -> Matmul {
    let a_strides = if k.a_transposed { (1, k.m) } else { (k.k, 1) };
    let b_strides = if k.b_transposed { (1, k.k) } else { (k.n, 1) };
    Matmul { batch: k.batch, m: k.m, k: k.k, n: k.n, a_strides, b_strides }
}

/// Runs one kernel on slices.
fn run_kernel(
    kernel: &Kernel,
    reads: &[&[f32]],
    words: &[&[u32]],
    writes: &mut [&mut [f32]],
    operands: &[&[f32]],
    scratch: &mut Scratch,
) {
    let epilogue = |chain: &Chain, start: usize, y: &mut [f32]| {
        if !chain.instrs.is_empty() {
            with_registers(|r| chain::run(chain, start, y, operands, r));
        }
    };
    match kernel {
        Kernel::Pointwise(k) => writes[0].par_chunks_mut(TASK).enumerate().for_each(|(i, y)| {
            if !k.in_place && k.chain.accumulates() {
                y.fill(0.0);
            }
            epilogue(&k.chain, i * TASK, y);
        }),
        Kernel::MatMul(k) => {
            products::matmul(&matmul_of(k), reads[0], reads[1], writes[0], scratch, |start, y| {
                epilogue(&k.chain, start, y);
            });
        }
        Kernel::Conv2d(k) => {
            products::conv2d(&k.geometry, reads[0], reads[1], writes[0], scratch, |start, y| {
                epilogue(&k.chain, start, y);
            });
        }
        Kernel::ConvTranspose2d(k) => {
            products::conv2d_input(&k.geometry, reads[1], reads[0], writes[0], scratch, |start, y| {
                epilogue(&k.chain, start, y);
            });
        }
        Kernel::Conv2dFilter(k) if k.splits == 1 => {
            products::conv2d_filter(&k.geometry, reads[0], reads[1], writes[0], scratch, products::nothing);
        }
        Kernel::Random(k) => random::random(k, words[0], writes[0]),
        Kernel::Pad(k) => pad::pad(k, reads[0], writes[0]),
        Kernel::Rows(k) => rows::rows(k, reads[0], reads[1], writes[0]),
        Kernel::RowSums(k) => rows::row_sums(k, reads[0], reads[1], writes[0]),
        Kernel::Softmax(k) => softmax::softmax(k, reads[0], writes[0]),
        Kernel::CrossEntropy(k) => softmax::cross_entropy(k, reads[0], reads[1], writes[0]),
        Kernel::Lstm(k) => recurrent::lstm(k, reads, writes[0], scratch),
        Kernel::LstmGrad(k) => recurrent::lstm_grad(k, reads, writes[0], scratch),
        Kernel::Gru(k) => recurrent::gru(k, reads, writes[0], scratch),
        Kernel::GruGrad(k) => recurrent::gru_grad(k, reads, writes[0], scratch),
        Kernel::Reduce(k) if k.splits == 1 => reduce::reduce(k, operands, writes[0]),
        Kernel::Moments(k) => reduce::moments(k, reads[0], writes[0]),
        Kernel::NormSums(k) => reduce::norm_sums(k, reads[0], reads[1], reads[2], writes[0]),
        Kernel::Adam(k) => in_parts(reads, writes, |len| Adam { len, ..k.clone() }),
        Kernel::Sgd(k) => in_parts(reads, writes, |len| Sgd { len, ..k.clone() }),
        Kernel::RmsProp(k) => in_parts(reads, writes, |len| RmsProp { len, ..k.clone() }),
        Kernel::Finite(_) => {
            let (step, found) = (words[0][0], bytemuck::cast_slice_mut::<f32, u32>(&mut *writes[0]));
            let parts = words[1].par_chunks(finite::SPAN).zip(found);
            parts.for_each(|(x, found)| *found = Arch::new().dispatch(|| Finite::since(x, step, *found)));
        }
        Kernel::Tick(k) => {
            let words_out = vec![bytemuck::cast_slice_mut(&mut *writes[0])];
            k.reference(Io::<f32> { reads: vec![], words: vec![], writes: vec![], words_out, operands: vec![] });
        }
        kernel => {
            let writes = writes.iter_mut().map(|w| &mut **w).collect();
            kernel.reference(Io {
                reads: reads.to_vec(),
                words: words.to_vec(),
                writes,
                words_out: vec![],
                operands: operands.to_vec(),
            });
        }
    }
}

/// An optimiser's reference, vectorised, on parts of its flat group. The first read is the gradient; the others are
/// scalars.
fn in_parts<K: Spec>(reads: &[&[f32]], writes: &mut [&mut [f32]], kernel: impl Fn(usize) -> K + Sync) {
    let mut parts: Vec<(&[f32], Vec<&mut [f32]>)> = reads[0].chunks(TASK).map(|g| (g, vec![])).collect();
    for write in writes.iter_mut() {
        write.chunks_mut(TASK).zip(&mut parts).for_each(|(w, part)| part.1.push(w));
    }
    parts.into_par_iter().for_each(|(g, writes)| {
        let reads = [&[g], &reads[1..]].concat();
        let io = Io { reads, words: vec![], writes, words_out: vec![], operands: vec![] };
        Arch::new().dispatch(|| kernel(g.len()).reference(io));
    });
}

impl Runner for Cpu {
    fn load(&mut self, program: &Program) -> Result<ProgramId> {
        let mut places = vec![];
        for (id, buffer) in program.buffers.iter().enumerate() {
            let name = match &buffer.content {
                Content::State(name) => Some(format!("state {name}")),
                Content::Clock => Some("clock".into()),
                Content::Items => Some("items".into()),
                Content::Table => Some("table".into()),
                _ => None,
            };
            let place = self.allocate(name, buffer.len).map_err(|e| e.at(&program.title(id)))?;
            match buffer.content {
                Content::Constant(value) => self.memory[place].fill(value),
                Content::Arange => self.memory[place].iter_mut().enumerate().for_each(|(n, x)| *x = n as f32),
                _ => {}
            }
            if self.memory[place].len() < buffer.len {
                return Err(Error::failure(format!(
                    "the {:?} holds {} elements, and the program needs {}",
                    buffer.content,
                    self.memory[place].len(),
                    buffer.len
                )));
            }
            places.push(place);
        }
        self.programs.push(Loaded { program: program.clone(), places, unread: 0..0 });
        let id = ProgramId(self.programs.len() - 1);
        self.stream.iter_mut().for_each(|stream| stream.load(id, program));
        Ok(id)
    }

    fn run(&mut self, id: ProgramId, times: usize) -> Result<()> {
        let mut left = times;
        while left > 0 {
            let rounds = self.supply(id, left)?;
            self.rounds(id, rounds);
            left -= rounds;
        }
        Ok(())
    }

    fn supply(&mut self, id: ProgramId, most: usize) -> Result<usize> {
        let clock = self.now();
        let Some(stream) = &mut self.stream else { return Ok(most) };
        let ready = stream.next(id, clock, most)?;
        ready.blocks.iter().flatten().try_for_each(|block| self.take(block))?;
        Ok(ready.rounds)
    }

    fn run_span(&mut self, id: ProgramId, launches: Range<usize>, ends: bool) -> Result<()> {
        let now = self.clock();
        let loaded = &mut self.programs[id.0];
        let begins = loaded.begins(now);
        if ends {
            loaded.ran(now..now + 1);
        }
        let (all, places) = (std::mem::take(&mut loaded.program.launches), std::mem::take(&mut loaded.places));
        let due = all[launches].iter().filter(|launch| is_due(launch.every, now, begins));
        rayon::scope(|_| due.for_each(|launch| self.run_launch(launch, &places)));
        self.programs[id.0].program.launches = all;
        self.programs[id.0].places = places;
        Ok(())
    }

    fn set_part(&mut self, part: usize) -> Result<()> {
        self.named("clock")?[Clock::PART] = f32::from_bits(part as u32);
        Ok(())
    }

    fn read_range(&mut self, id: ProgramId, range: Slice) -> Result<Vec<f32>> {
        let place = self.programs[id.0].places[range.buffer];
        Ok(self.memory[place][range.offset..range.offset + range.len].to_vec())
    }

    fn write_range(&mut self, id: ProgramId, range: Slice, data: &[f32]) -> Result<()> {
        let place = self.programs[id.0].places[range.buffer];
        self.memory[place][range.offset..range.offset + range.len].copy_from_slice(data);
        Ok(())
    }

    fn wait(&mut self) -> Result<()> {
        Ok(())
    }

    fn write_state(&mut self, state: &str, offset: usize, data: &[f32]) -> Result<()> {
        self.named(&format!("state {state}"))?[offset..offset + data.len()].copy_from_slice(data);
        Ok(())
    }

    fn read_state(&mut self, state: &str, offset: usize, len: usize) -> Result<Vec<f32>> {
        let mut values = memory::room(len)?;
        values.extend_from_slice(&self.named(&format!("state {state}"))?[offset..offset + len]);
        Ok(values)
    }

    fn write_input(&mut self, id: ProgramId, name: &str, data: &[f32]) -> Result<()> {
        let Loaded { program, places, .. } = &self.programs[id.0];
        let found = program.buffers.iter().position(|b| b.content == Content::Input(name.into()));
        let at = found.ok_or_else(|| Error::failure(format!("the program has no input {name}")))?;
        self.memory[places[at]].copy_from_slice(data);
        Ok(())
    }

    fn read_output(&mut self, id: ProgramId, name: &str) -> Result<Vec<f32>> {
        let found = self.programs[id.0].program.outputs.iter().find(|o| o.name == name);
        let range = found.ok_or_else(|| Error::failure(format!("the program has no output {name}")))?.range;
        self.read_range(id, range)
    }

    fn set_data(&mut self, items: &Items, table: &[u32]) -> Result<()> {
        let table = Memory::Own(bytemuck::cast_slice(table).to_vec());
        for (name, memory) in [("items", Memory::Data(items.clone())), ("table", table)] {
            let place = self.allocate(Some(name.into()), 0)?;
            self.memory[place] = memory;
        }
        Ok(())
    }

    fn stream(&mut self, items: &Items, classes: &[u32]) {
        self.stream = Some(Stream::new(items.clone(), classes));
    }

    fn stream_parts(&mut self, parts: Range<usize>) {
        self.stream.iter_mut().for_each(|stream| stream.set_parts(parts.clone()));
    }

    fn set_clock(&mut self, clock: Clock) -> Result<()> {
        let place = self.allocate(Some("clock".into()), Clock::LEN_WITH_PART)?;
        self.memory[place][..Clock::LEN].copy_from_slice(bytemuck::cast_slice(&clock.words()));
        self.programs.iter_mut().for_each(|p| p.unread.start = p.unread.end);
        Ok(())
    }

    fn clock(&self) -> u64 {
        self.now().step
    }

    fn metrics(&mut self, id: ProgramId) -> Result<Vec<Vec<f32>>> {
        let Loaded { program, places, unread } = &mut self.programs[id.0];
        let columns = program.metrics.len();
        let Some(ring) = program.buffers.iter().position(|b| b.content == Content::Ring) else { return Ok(vec![]) };
        let (ring, rows) = (&self.memory[places[ring]], program.buffers[ring].len / columns);
        let Range { start, end } = unread.clone();
        unread.start = end;
        let first = start.max(end.saturating_sub(rows as u64));
        Ok((first..end).map(|step| ring[step as usize % rows * columns..][..columns].to_vec()).collect())
    }

    fn main_memory(&self, programs: &[&Program]) -> u64 {
        let Bytes { states, own, .. } = program::memory(programs.iter().copied());
        let launches = programs.iter().flat_map(|program| &program.launches);
        let scratch = launches.map(|launch| working_memory(&launch.kernel)).max().unwrap_or(0);
        states + own + 4 * scratch as u64
    }

    fn describe(&self) -> String {
        format!("cpu, {}", counted(rayon::current_num_threads(), "thread"))
    }
}

impl Tuning for Cpu {}

impl Meter for Cpu {
    fn time(&mut self, id: ProgramId, launch: usize, times: usize) -> Result<Duration> {
        let Loaded { program, places, .. } = &self.programs[id.0];
        let (launch, places) = (program.launches[launch].clone(), places.clone());
        let start = Instant::now();
        rayon::scope(|_| (0..times).for_each(|_| self.run_launch(&launch, &places)));
        Ok(start.elapsed())
    }

    fn encode_cost(&self, _: ProgramId) -> Result<Option<Duration>> {
        Ok(None)
    }

    fn waited(&mut self) -> Option<Duration> {
        self.stream.as_mut().map(Stream::waited)
    }

    fn allocated(&self) -> Option<u64> {
        let floats = self.memory.iter().map(|memory| memory.len()).sum::<usize>() + self.scratch.floats();
        Some(4 * floats as u64)
    }
}
